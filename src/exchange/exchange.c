#include "exchange/exchange.h"

#define DAY_MS    CIVIL_DAY_MS
#define MINUTE_MS 60000
#define AT(h, m)  ((h)*60 + (m))

typedef struct holiday {
    int16_t year;
    int8_t month, day;
} holiday_t;

static const holiday_t holidays[] = {
#define HOLIDAY(year, month, day) {year, month, day},
#include "exchange/holidays.def"
#undef HOLIDAY
};

/* How far a price may move in a day, in per cent of the last close, by its height; from a day on.
 * Newest first. */
typedef struct limits {
    holiday_t from;
    int up[3], down[3]; /* up to 200, up to 5000, above */
} limits_t;

static const limits_t limits[] = {
    {{2025, 4, 8}, {35, 25, 20}, {15, 15, 15}}, {{2023, 9, 4}, {35, 25, 20}, {35, 25, 20}},
    {{2023, 6, 5}, {35, 25, 20}, {15, 15, 15}}, {{2020, 3, 13}, {35, 25, 20}, {7, 7, 7}},
    {{1970, 1, 1}, {35, 25, 20}, {35, 25, 20}},
};

/* The day's phases in minutes, Monday to Thursday and Friday, since 2023-04-03. */
typedef struct phase {
    exchange_phase_t phase;
    int from[2], to[2];
} phase_t;

static const phase_t phases[] = {
    {EXCHANGE_PRE_OPEN, {AT(8, 45), AT(8, 45)}, {AT(9, 0), AT(9, 0)}},
    {EXCHANGE_SESSION_1, {AT(9, 0), AT(9, 0)}, {AT(12, 0), AT(11, 30)}},
    {EXCHANGE_BREAK, {AT(12, 0), AT(11, 30)}, {AT(13, 30), AT(14, 0)}},
    {EXCHANGE_SESSION_2, {AT(13, 30), AT(14, 0)}, {AT(15, 50), AT(15, 50)}},
    {EXCHANGE_PRE_CLOSE, {AT(15, 50), AT(15, 50)}, {AT(16, 1), AT(16, 1)}},
    {EXCHANGE_POST_TRADE, {AT(16, 1), AT(16, 1)}, {AT(16, 16), AT(16, 16)}},
};

#define N(array) (sizeof(array) / sizeof *(array))

static int friday(int64_t day)
{
    return civil_weekday(day) == 5;
}

static int64_t day_of(holiday_t h)
{
    return civil_days(h.year, h.month, h.day);
}

int64_t exchange_day(int64_t now_ms)
{
    return floor_div(now_ms + EXCHANGE_UTC_OFFSET_MS, DAY_MS);
}

int exchange_minute(int64_t now_ms)
{
    return (int)(floor_mod(now_ms + EXCHANGE_UTC_OFFSET_MS, DAY_MS) / MINUTE_MS);
}

bool exchange_trades(int64_t day)
{
    int weekday = civil_weekday(day);
    if (weekday == 0 || weekday == 6)
        return false;
    size_t low = 0, high = N(holidays);
    while (low < high) {
        size_t mid = (low + high) / 2;
        int64_t at = day_of(holidays[mid]);
        if (at == day)
            return false;
        if (at < day)
            low = mid + 1;
        else
            high = mid;
    }
    return true;
}

exchange_phase_t exchange_phase(int64_t now_ms)
{
    int64_t day = exchange_day(now_ms);
    int minute = exchange_minute(now_ms), f = friday(day);
    if (exchange_trades(day))
        for (size_t i = 0; i < N(phases); i++)
            if (minute >= phases[i].from[f] && minute < phases[i].to[f])
                return phases[i].phase;
    return EXCHANGE_CLOSED;
}

int64_t exchange_opens_in_ms(int64_t now_ms)
{
    int64_t day = exchange_day(now_ms), today = day;
    for (; day < today + 60; day++) {
        int f = friday(day);
        for (size_t i = 0; exchange_trades(day) && i < N(phases); i++) {
            int64_t start = day * DAY_MS - EXCHANGE_UTC_OFFSET_MS;
            int64_t from = start + phases[i].from[f] * (int64_t)MINUTE_MS;
            int64_t to = start + phases[i].to[f] * (int64_t)MINUTE_MS;
            if (phases[i].phase != EXCHANGE_BREAK && now_ms < to)
                return now_ms >= from ? 0 : from - now_ms;
        }
    }
    return (day - today) * DAY_MS;
}

int exchange_minutes_traded(int64_t day, int minute)
{
    int n = 0, f = friday(day);
    for (size_t i = 0; i < N(phases); i++) {
        if (phases[i].phase != EXCHANGE_SESSION_1 && phases[i].phase != EXCHANGE_SESSION_2)
            continue;
        int to = minute < phases[i].to[f] ? minute : phases[i].to[f];
        if (to > phases[i].from[f])
            n += to - phases[i].from[f];
    }
    return n;
}

int exchange_minutes(int64_t day)
{
    return exchange_minutes_traded(day, AT(24, 0));
}

int64_t exchange_tick(int64_t price)
{
    return price < 200 ? 1 : price < 500 ? 2 : price < 2000 ? 5 : price < 5000 ? 10 : 25;
}

int64_t exchange_round(int64_t price)
{
    if (price <= EXCHANGE_PRICE_MIN)
        return EXCHANGE_PRICE_MIN;
    return price - price % exchange_tick(price);
}

void exchange_limits(int64_t day, int64_t previous_close, int64_t *ret_low, int64_t *ret_high)
{
    size_t i = 0;
    while (i + 1 < N(limits) && day < day_of(limits[i].from))
        i++;
    int height = previous_close <= 200 ? 0 : previous_close <= 5000 ? 1 : 2;
    int64_t low = (previous_close * (100 - limits[i].down[height]) + 99) / 100;
    int64_t high = previous_close * (100 + limits[i].up[height]) / 100;
    int64_t step = exchange_tick(low);
    low = (low + step - 1) / step * step;
    *ret_low = low < EXCHANGE_PRICE_MIN ? EXCHANGE_PRICE_MIN : low;
    *ret_high = exchange_round(high);
}

static bool digits(str_t s, int *ret)
{
    int v = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        v = v * 10 + (s.ptr[i] - '0');
    }
    *ret = v;
    return true;
}

bool exchange_date_read(str_t text, int64_t *ret_day)
{
    int year, month, day;
    if (text.len != EXCHANGE_DATE_CHARS || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        !digits(str_sub(text, 0, 4), &year) || !digits(str_sub(text, 5, 2), &month) ||
        !digits(str_sub(text, 8, 2), &day))
        return false;
    if (year < 1900 || month < 1 || month > 12 || day < 1 || day > civil_month_days(year, month))
        return false;
    *ret_day = civil_days(year, month, day);
    return true;
}

void exchange_date_put(int64_t day, char ret[EXCHANGE_DATE_CHARS])
{
    int64_t year;
    int part[2];
    civil_date(day, &year, &part[0], &part[1]);
    for (int i = 3; i >= 0; i--, year /= 10)
        ret[i] = (char)('0' + year % 10);
    for (int k = 0; k < 2; k++) {
        ret[4 + 3 * k] = '-';
        ret[5 + 3 * k] = (char)('0' + part[k] / 10);
        ret[6 + 3 * k] = (char)('0' + part[k] % 10);
    }
}
