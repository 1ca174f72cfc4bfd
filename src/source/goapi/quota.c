#include "source/goapi/quota.h"

#include "base/json.h"
#include "exchange/exchange.h"
#include "source/goapi/file.h"

static int64_t month_of(int64_t day)
{
    int64_t year;
    int month, date;
    civil_date(day, &year, &month, &date);
    return year * 12 + month - 1;
}

static int64_t month_start(int64_t month)
{
    return civil_days(month / 12, (int)(month % 12) + 1, 1);
}

void goapi_quota_open(goapi_quota_t *q, io_t *io, str_t path, int64_t daily, int64_t monthly)
{
    *q = (goapi_quota_t){.io = io, .path = path, .daily = daily, .monthly = monthly};
    const json_value_t *v;
    str_t text;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    if (goapi_file_read(io, path, &a, &text, NULL) == ST_OK &&
        json_parse(&a, text, 0, &v, NULL) == ST_OK) {
        q->day = json_get_i64(v, "day", 0);
        q->day_count = json_get_i64(v, "dayRequests", 0);
        q->month = json_get_i64(v, "month", 0);
        q->month_count = json_get_i64(v, "monthRequests", 0);
    }
    arena_done(&a);
}

static ST save(const goapi_quota_t *q, err_t *err)
{
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "{");
    json_put_member_i64(&b, "day", q->day);
    json_put_member_i64(&b, "dayRequests", q->day_count);
    json_put_member_i64(&b, "month", q->month);
    json_put_member_i64(&b, "monthRequests", q->month_count);
    BUF_LIT(&b, "}\n");
    st_t st = goapi_file_write(q->io, q->path, buf_str(&b), err);
    buf_done(&b);
    return st;
}

static int64_t until_ms(int64_t day, int64_t now_ms)
{
    return day * CIVIL_DAY_MS - EXCHANGE_UTC_OFFSET_MS - now_ms;
}

st_t goapi_quota_take(goapi_quota_t *q, int64_t now_ms, int64_t *ret_wait_ms, err_t *err)
{
    int64_t day = exchange_day(now_ms), month = month_of(day);
    if (q->day != day)
        q->day_count = 0;
    if (q->month != month)
        q->month_count = 0;
    q->day = day;
    q->month = month;
    if (q->monthly && q->month_count >= q->monthly) {
        *ret_wait_ms = until_ms(month_start(month + 1), now_ms);
        return err_set(err, ST_LIMIT, "this month's %lld requests are used up (quota.monthly)",
                       (long long)q->monthly);
    }
    if (q->daily && q->day_count >= q->daily) {
        *ret_wait_ms = until_ms(day + 1, now_ms);
        return err_set(err, ST_LIMIT, "today's %lld requests are used up (quota.daily)",
                       (long long)q->daily);
    }
    q->day_count++;
    q->month_count++;
    return q->daily || q->monthly ? save(q, err) : ST_OK;
}

int64_t goapi_quota_left(const goapi_quota_t *q)
{
    int64_t day = q->daily ? q->daily - q->day_count : INT64_MAX;
    int64_t month = q->monthly ? q->monthly - q->month_count : INT64_MAX;
    int64_t left = day < month ? day : month;
    return left == INT64_MAX ? -1 : left < 0 ? 0 : left;
}
