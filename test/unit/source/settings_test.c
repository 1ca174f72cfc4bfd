/* The options: what is taken, what is refused and how. */
#include "source/goapi/file.c"
#include "source/goapi/settings.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static arena_t arena;
static err_t err;

static st_t given(const char *name, const char *value, goapi_settings_t *ret)
{
    connector_option_t option[] = {{str_of(name), str_of(value)}};
    connector_config_t c = {STR("x"), option, 1};
    return goapi_settings_read(&c, &arena, ret, &err);
}

static void urls(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"https://api.goapi.io/stock/idx", "https://api.goapi.io/stock/idx", ""},
        {"https://api.goapi.id/v1/stock/idx/", "https://api.goapi.id/v1/stock/idx", ""},
        {"http://127.0.0.1:8000", "http://127.0.0.1:8000/stock/idx",
         "http://127.0.0.1:8000/v1/stock/idx"},
        {"https://api.goapi.id/", "https://api.goapi.id/v1/stock/idx",
         "https://api.goapi.id/stock/idx"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        goapi_settings_t s;
        assert_int_equal(ST_OK, given("url", cases[i][0], &s));
        assert_true(str_eq(str_of(cases[i][1]), s.base));
        assert_true(str_eq(str_of(cases[i][2]), s.fallback));
    }
}

static void values(void **state)
{
    (void)state;
    goapi_settings_t s;
    assert_int_equal(ST_OK, given("interval", "200ms", &s));
    assert_int_equal(200, s.interval_ms);
    assert_int_equal(ST_OK, given("interval", "5", &s));
    assert_int_equal(5000, s.interval_ms);
    assert_int_equal(9, s.partitions);
    assert_int_equal(ST_OK, given("from.date", "2023-08-01", &s));
    assert_true(s.dates);
    assert_int_equal(civil_days(2023, 8, 1), s.from_day);
    assert_int_equal(ST_OK, given("partitioner", "consistent_random", &s));
    assert_int_equal(GOAPI_CONSISTENT_RANDOM, s.partitioner);
}

static void refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"url", "ftp://x"},
                                           {"api", "v3"},
                                           {"from.date", "yesterday"},
                                           {"to.date", "2023-01-01"},
                                           {"tickers", " "},
                                           {"rounds", "-1"},
                                           {"interval", "soon"},
                                           {"company.per.row", "maybe"},
                                           {"stock.topic", "a topic"},
                                           {"stock.topic", ""},
                                           {"partitioner", "best"},
                                           {"quota.daily", "x"},
                                           {"request.timeout.ms", "0"},
                                           {"retries", "many"},
                                           {"companies.cache", ""},
                                           {"prices.topic", "a/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        goapi_settings_t s;
        assert_int_equal(ST_BAD_CONFIG, given(cases[i][0], cases[i][1], &s));
        assert_non_null(strstr(err.msg, cases[i][0]));
    }
}

static void keys(void **state)
{
    (void)state;
    goapi_settings_t s;
    str_t key;
    io_t *io = io_real_new();
    setenv("ARUS_TEST_KEY", " abc\n", 1);
    assert_int_equal(ST_OK, given("key", "env:ARUS_TEST_KEY", &s));
    assert_int_equal(ST_OK, goapi_settings_key(&s, io, &arena, &key, &err));
    assert_true(str_eq(STR("abc"), key));
    assert_int_equal(ST_OK, given("key", "env:ARUS_TEST_NO_SUCH", &s));
    assert_int_equal(ST_NOT_FOUND, goapi_settings_key(&s, io, &arena, &key, &err));
    assert_int_equal(ST_OK, given("key", "file:/nowhere/key", &s));
    assert_int_equal(ST_NOT_FOUND, goapi_settings_key(&s, io, &arena, &key, &err));
    io_free(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(urls), cmocka_unit_test(values),
                                       cmocka_unit_test(refused), cmocka_unit_test(keys)};
    arena_init(&arena, ARENA_NO_LIMIT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
