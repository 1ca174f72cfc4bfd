/* The market: what it answers, and that its prices keep the exchange's rules. */
#include "base/json.h"
#include "exchange/exchange.h"
#include "market/market.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#define NOON                                                                                       \
    (civil_days(2026, 11, 19) * CIVIL_DAY_MS + 3 * 3600000) /* 10:00 in Jakarta, a Thursday */

typedef struct world {
    market_t *m;
    buf_t body;
    arena_t a;
} world_t;

static void setup(world_t *w, market_options_t opt)
{
    err_t err;
    *w = (world_t){0};
    arena_init(&w->a, ARENA_NO_LIMIT);
    if (!opt.trending)
        opt.trending = 10;
    if (!opt.history_days)
        opt.history_days = 55;
    assert_int_equal(ST_OK, market_new(&opt, &w->m, &err));
}

static void done(world_t *w)
{
    market_free(w->m);
    buf_done(&w->body);
    arena_done(&w->a);
}

static const json_value_t *ask(world_t *w, const char *path, const char *query, int64_t now_ms,
                               int status)
{
    const json_value_t *v = NULL;
    market_request_t r = {.method = STR("GET"), .path = str_of(path), .query = str_of(query)};
    buf_clear(&w->body);
    market_answer_t answer = market_answer(w->m, &r, now_ms, &w->body);
    assert_int_equal(status, answer.status);
    assert_int_equal(ST_OK, json_parse(&w->a, arena_str(&w->a, buf_str(&w->body)), 0, &v, NULL));
    return status == 200 && json_get(json_get(v, "data"), "results")
               ? json_get(json_get(v, "data"), "results")
               : v;
}

static void rules(void **state)
{
    (void)state;
    world_t w;
    setup(&w, (market_options_t){.seed = 7});
    market_sync(w.m, NOON);
    assert_int_equal(50, w.m->shares.len);
    for (size_t i = 0; i < w.m->shares.len; i++) {
        const market_share_t *s = &w.m->shares.ptr[i];
        for (size_t k = 0; k < s->days.len; k++) {
            const market_day_t *d = &s->days.ptr[k];
            int64_t low, high;
            exchange_limits(d->day, k ? d[-1].close : exchange_round(s->price), &low, &high);
            assert_true(exchange_trades(d->day));
            assert_true(low <= d->low && d->low <= d->open && d->low <= d->close);
            assert_true(d->high <= high && d->open <= d->high && d->close <= d->high);
            assert_int_equal(0, d->volume % EXCHANGE_LOT);
            int32_t price[] = {d->open, d->high, d->low, d->close};
            for (int j = 0; j < 4; j++)
                assert_int_equal(0, price[j] % exchange_tick(price[j]));
        }
    }
    done(&w);
}

/* Whatever the moment at which it was asked, a day gone by is the same. */
static void past_is_fixed(void **state)
{
    (void)state;
    world_t early, late;
    setup(&early, (market_options_t){.seed = 7});
    setup(&late, (market_options_t){.seed = 7});
    for (int64_t t = NOON - 30 * CIVIL_DAY_MS; t < NOON; t += 7 * 3600000)
        market_sync(early.m, t);
    market_sync(early.m, NOON);
    market_sync(late.m, NOON);
    for (size_t i = 0; i < early.m->shares.len; i++) {
        const market_share_t *a = &early.m->shares.ptr[i], *b = &late.m->shares.ptr[i];
        assert_int_equal(a->days.len, b->days.len);
        for (size_t k = 0; k < a->days.len; k++) {
            market_day_t x = a->days.ptr[k], y = b->days.ptr[k];
            assert_true(x.day == y.day && x.open == y.open && x.high == y.high && x.low == y.low &&
                        x.close == y.close && x.volume == y.volume);
        }
    }
    done(&early);
    done(&late);
}

static void today_moves(void **state)
{
    (void)state;
    world_t w;
    setup(&w, (market_options_t){.seed = 7});
    int64_t volume = 0, moved = 0, close = 0, high = 0, low = INT64_MAX;
    const market_share_t *s = market_share(w.m, STR("bbca"));
    market_sync(w.m, NOON - 2 * 3600000);
    size_t before = s->days.len;
    for (int64_t t = NOON; t < NOON + 7 * 3600000; t += 61000) {
        market_sync(w.m, t);
        assert_int_equal(before + 1, s->days.len);
        market_day_t d = VEC_LAST(&s->days);
        assert_true(d.volume >= volume && d.high >= high && d.low <= low);
        moved += d.close != close;
        volume = d.volume, close = d.close, high = d.high, low = d.low;
    }
    assert_true(moved > 5);
    assert_false(w.m->live);
    done(&w);
}

static void endpoints(void **state)
{
    (void)state;
    world_t w;
    setup(&w, (market_options_t){.seed = 7});
    const json_value_t *r = ask(&w, "/stock/idx/companies", "", NOON, 200);
    assert_int_equal(50, r->n);
    assert_true(str_eq(STR("BBCA"), json_get_text(&r->item[0], "symbol", STR(""))));
    assert_true(str_eq(STR("https://s3.goapi.io/logo/BBCA.jpg"),
                       json_get_text(&r->item[0], "logo", STR(""))));
    r = ask(&w, "/v1/stock/idx/trending", "", NOON, 200);
    assert_int_equal(10, r->n);
    assert_int_equal(JSON_STRING, json_get(&r->item[0], "change")->kind);
    assert_int_equal(JSON_STRING, json_get(&r->item[0], "percent")->kind);
    assert_non_null(json_get(&r->item[0], "ticker"));
    r = ask(&w, "/stock/idx/top_gainer", "", NOON, 200);
    assert_int_equal(JSON_NUMBER, json_get(&r->item[0], "percent")->kind);
    assert_true(json_f64(json_get(&r->item[0], "percent")) >=
                json_f64(json_get(&r->item[1], "percent")));
    r = ask(&w, "/stock/idx/top_loser", "", NOON, 200);
    assert_true(json_f64(json_get(&r->item[0], "percent")) <=
                json_f64(json_get(&r->item[1], "percent")));
    assert_int_equal(2, ask(&w, "/stock/idx/prices", "symbols=BBCA%2CTLKM,NOSUCH", NOON, 200)->n);
    assert_int_equal(6, ask(&w, "/v1/stock/idx/indices/", "", NOON, 200)->n);
    assert_non_null(
        json_get(json_get(ask(&w, "/stock/idx/BBCA/profile", "", NOON, 200), "data"), "name"));
    ask(&w, "/stock/idx/BBCA", "", NOON, 404);
    ask(&w, "/stock/idx/NOSUCH/historical", "", NOON, 404);
    ask(&w, "/stock/idx/prices", "", NOON, 400);
    ask(&w, "/", "", NOON, 404);
    done(&w);
}

static void history(void **state)
{
    (void)state;
    world_t w;
    setup(&w, (market_options_t){.seed = 7});
    const json_value_t *r =
        ask(&w, "/stock/idx/TLKM/historical", "from=2023-08-01&to=2026-11-19", NOON, 200);
    assert_in_range(r->n, 35, 40);
    assert_true(str_eq(STR("2026-11-19"), json_get_text(&r->item[0], "date", STR(""))));
    assert_true(str_eq(STR("2026-11-18"), json_get_text(&r->item[1], "date", STR(""))));
    assert_int_equal(
        1, ask(&w, "/v1/stock/idx/tlkm/historical", "from=2026-11-18&to=2026-11-18", NOON, 200)->n);
    ask(&w, "/stock/idx/TLKM/historical", "from=yesterday", NOON, 400);
    done(&w);
}

static void key(void **state)
{
    (void)state;
    world_t w;
    setup(&w, (market_options_t){.seed = 7, .key = STR("s3cret")});
    ask(&w, "/stock/idx/companies", "", NOON, 401);
    ask(&w, "/stock/idx/companies", "api_key=wrong", NOON, 401);
    ask(&w, "/stock/idx/companies", "api_key=s3cret", NOON, 200);
    market_request_t r = {
        .method = STR("GET"), .path = STR("/stock/idx/indices"), .key = STR("s3cret")};
    assert_int_equal(200, market_answer(w.m, &r, NOON, &w.body).status);
    done(&w);
}

static void file(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/arus-market-XXXXXX");
    int fd = mkstemp(path);
    assert_int_equal((ssize_t)strlen(text), write(fd, text, strlen(text)));
    close(fd);
}

static void replay(void **state)
{
    (void)state;
    world_t w;
    char prices[64], companies[64];
    file(prices,
         "ticker,date,open,high,low,close,volume\nAAAA,2020-01-03,110,120,100,115,5000000000\n"
         "AAAA,2020-01-02,100,110,90,105,200\nBBBB,2020-01-03,50,0,0,50,0\n");
    file(companies, "ticker,name\nAAAA,\"A, and \"\"B\"\" Tbk.\"\nBBBB,B\nCCCC,Nothing traded\n");
    setup(&w, (market_options_t){.prices = prices, .companies = companies});
    const json_value_t *r = ask(&w, "/stock/idx/companies", "", NOON, 200);
    assert_int_equal(3, r->n);
    assert_true(str_eq(STR("A, and \"B\" Tbk."), json_get_text(&r->item[0], "name", STR(""))));
    r = ask(&w, "/stock/idx/AAAA/historical", "from=2020-01-01&to=2020-01-31", NOON, 200);
    assert_int_equal(2, r->n);
    assert_int_equal(5000000000, json_get_i64(&r->item[0], "volume", 0));
    assert_int_equal(
        0, ask(&w, "/stock/idx/AAAA/historical", "from=2021-01-01&to=2021-12-31", NOON, 200)->n);
    assert_int_equal(
        2, ask(&w, "/stock/idx/AAAA/historical", "from=2023-08-01&to=2026-11-19", NOON, 200)->n);
    assert_int_equal(
        0, ask(&w, "/stock/idx/CCCC/historical", "from=2023-08-01&to=2026-11-19", NOON, 200)->n);
    assert_int_equal(2, ask(&w, "/stock/idx/trending", "", NOON, 200)->n);
    done(&w);
    unlink(prices);
    file(prices, "ticker,date,open,high,low,close,volume\nAAAA,2020-01-03,x,120,100,115,500\n");
    market_t *m = NULL;
    err_t err;
    market_options_t opt = {.prices = prices};
    assert_int_equal(ST_BAD_INPUT, market_new(&opt, &m, &err));
    assert_non_null(strstr(err.msg, ":2: "));
    opt.prices = "/nowhere/at-all.csv";
    assert_int_equal(ST_NOT_FOUND, market_new(&opt, &m, &err));
    unlink(prices);
    unlink(companies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),     cmocka_unit_test(past_is_fixed), cmocka_unit_test(today_moves),
        cmocka_unit_test(endpoints), cmocka_unit_test(history),       cmocka_unit_test(key),
        cmocka_unit_test(replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
