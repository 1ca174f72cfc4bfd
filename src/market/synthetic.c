/* The synthetic market: whole numbers only, so that a seed gives the same prices everywhere. */
#include "exchange/exchange.h"
#include "market/market.h"

#define FIRST_DAY    civil_days(2023, 1, 2)
#define BASIS_POINTS 10000
#define DRAW_BP      150 /* a day's usual move */

/* A random number that depends on nothing but its arguments. */
static uint64_t draw(uint64_t seed, str_t ticker, int64_t day, uint64_t k)
{
    uint64_t x =
        seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)day * UINT64_C(0xd1b54a32d192ed03) + k;
    for (size_t i = 0; i < ticker.len; i++)
        x = (x ^ (uint8_t)ticker.ptr[i]) * UINT64_C(0x100000001b3);
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* About normal, mean 0; a standard deviation of `bp`. */
static int64_t move_bp(uint64_t random, int64_t bp)
{
    int64_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (int64_t)(random >> (16 * i) & 0xffff) - 0x8000;
    return sum * bp / 37837; /* four uniform draws deviate by 2 * 65536 / sqrt(12) */
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static int64_t moved(int64_t price, int64_t bp, int64_t low, int64_t high)
{
    return clamp(exchange_round(price + price * bp / BASIS_POINTS), low, high);
}

static int64_t distance(int64_t v)
{
    return v < 0 ? -v : v;
}

market_day_t market_walk(uint64_t seed, const market_share_t *s, int64_t day, int64_t previous)
{
    int64_t was = previous ? previous : exchange_round(s->price), low, high;
    exchange_limits(day, was, &low, &high);
    int64_t back_bp = (s->price - was) * 100 / s->price;
    int64_t open = moved(was, move_bp(draw(seed, s->ticker, day, 0), DRAW_BP / 3), low, high);
    int64_t close =
        moved(was, move_bp(draw(seed, s->ticker, day, 1), DRAW_BP) + back_bp, low, high);
    int64_t top = open > close ? open : close, bottom = open < close ? open : close;
    int64_t up_bp = distance(move_bp(draw(seed, s->ticker, day, 2), DRAW_BP / 2));
    int64_t down_bp = distance(move_bp(draw(seed, s->ticker, day, 3), DRAW_BP / 2));
    int64_t share =
        40 + (int64_t)(draw(seed, s->ticker, day, 4) % 120) + distance(close - was) * 1000 / was;
    int64_t lots = s->volume / EXCHANGE_LOT * share / 100;
    int64_t highest = moved(top, up_bp, low, high), lowest = moved(bottom, -down_bp, low, high);
    return (market_day_t){.day = (int32_t)day,
                          .open = (int32_t)open,
                          .high = (int32_t)(highest > top ? highest : top),
                          .low = (int32_t)(lowest < bottom ? lowest : bottom),
                          .close = (int32_t)close,
                          .volume = lots * EXCHANGE_LOT};
}

typedef struct knot {
    int64_t at_s, price;
} knot_t;

/* The day as it stands after `now_s` of its `all_s` seconds of trading: from the open over its
 * highest and lowest, whichever comes first, to the close. */
static market_day_t so_far(uint64_t seed, const market_share_t *s, market_day_t d, int64_t now_s,
                           int64_t all_s)
{
    uint64_t random = draw(seed, s->ticker, d.day, 5);
    int64_t first = 1 + (int64_t)(random >> 8 & 0xffffff) * (all_s / 2 - 1) / 0x1000000;
    int64_t second = all_s / 2 + (int64_t)(random >> 32 & 0xffffff) * (all_s / 2 - 1) / 0x1000000;
    bool rises = random & 1;
    knot_t k[4] = {{0, d.open},
                   {first, rises ? d.high : d.low},
                   {second, rises ? d.low : d.high},
                   {all_s, d.close}};
    int i = 0;
    market_day_t now = {.day = d.day, .open = d.open, .high = d.open, .low = d.open};
    for (; i < 2 && now_s >= k[i + 1].at_s; i++) {
        now.high = (int32_t)(k[i + 1].price > now.high ? k[i + 1].price : now.high);
        now.low = (int32_t)(k[i + 1].price < now.low ? k[i + 1].price : now.low);
    }
    int64_t price = k[i].price + (k[i + 1].price - k[i].price) * (now_s - k[i].at_s) /
                                     (k[i + 1].at_s - k[i].at_s);
    now.close = (int32_t)clamp(exchange_round(price), d.low, d.high);
    now.high = now.close > now.high ? now.close : now.high;
    now.low = now.close < now.low ? now.close : now.low;
    now.volume = d.volume / EXCHANGE_LOT * now_s / all_s * EXCHANGE_LOT;
    return now;
}

void market_synthetic(market_t *m)
{
#define TICKER(ticker, name, price, volume) {#ticker, name, price, volume},
    static const struct {
        const char *ticker, *name;
        int32_t price;
        int64_t volume;
    } list[] = {
#include "market/tickers.def"
    };
#undef TICKER
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        market_share_t *s = market_share_new(m, str_of(list[i].ticker), str_of(list[i].name));
        s->price = list[i].price;
        s->volume = list[i].volume * 1000;
    }
    m->through = FIRST_DAY - 1;
}

static int64_t last_close(const market_share_t *s)
{
    return s->days.len ? VEC_LAST(&s->days).close : 0;
}

static void close_day(market_t *m, int64_t day)
{
    for (size_t i = 0; exchange_trades(day) && i < m->shares.len; i++) {
        market_share_t *s = &m->shares.ptr[i];
        market_day_t d = market_walk(m->opt.seed, s, day, last_close(s));
        VEC_PUSH(&s->days, d);
    }
    m->through = day;
}

void market_sync(market_t *m, int64_t now_ms)
{
    if (m->replay || now_ms / 1000 == m->synced_s)
        return;
    m->synced_s = now_ms / 1000;
    int64_t today = exchange_day(now_ms);
    int minute = exchange_minute(now_ms);
    for (size_t i = 0; m->live && i < m->shares.len; i++)
        m->shares.ptr[i].days.len--;
    m->live = false;
    while (m->through < today - 1)
        close_day(m, m->through + 1);
    if (m->through >= today || !exchange_trades(today))
        return;
    exchange_phase_t phase = exchange_phase(now_ms);
    int64_t all_s = exchange_minutes(today) * 60,
            now_s = exchange_minutes_traded(today, minute) * 60;
    if (phase == EXCHANGE_SESSION_1 || phase == EXCHANGE_SESSION_2)
        now_s += now_ms / 1000 % 60;
    if (now_s >= all_s) {
        close_day(m, today);
    } else if (now_s > 0 || phase == EXCHANGE_SESSION_1) {
        m->live = true;
        for (size_t i = 0; i < m->shares.len; i++) {
            market_share_t *s = &m->shares.ptr[i];
            market_day_t d = market_walk(m->opt.seed, s, today, last_close(s));
            VEC_PUSH(&s->days, so_far(m->opt.seed, s, d, now_s, all_s));
        }
    }
}
