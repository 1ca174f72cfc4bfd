/* The exchange's calendar, sessions and price rules. */
#include "exchange/exchange.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int64_t at(int year, int month, int day, int hour, int minute)
{
    return civil_days(year, month, day) * DAY_MS + (hour * 60 + minute) * (int64_t)MINUTE_MS -
           EXCHANGE_UTC_OFFSET_MS;
}

static void calendar(void **state)
{
    (void)state;
    for (size_t i = 1; i < N(holidays); i++)
        assert_true(day_of(holidays[i - 1]) < day_of(holidays[i]));
    assert_true(exchange_trades(civil_days(2023, 9, 4)));
    assert_false(exchange_trades(civil_days(2023, 9, 2)));  /* a Saturday */
    assert_false(exchange_trades(civil_days(2023, 9, 28))); /* Maulid */
    assert_false(exchange_trades(civil_days(2026, 12, 25)));
    int n = 0;
    for (int64_t d = civil_days(2020, 1, 1); d < civil_days(2021, 1, 1); d++)
        n += exchange_trades(d);
    assert_int_equal(242, n);
}

static void sessions(void **state)
{
    (void)state;
    /* Thursday and Friday */
    assert_int_equal(EXCHANGE_CLOSED, exchange_phase(at(2026, 11, 19, 8, 44)));
    assert_int_equal(EXCHANGE_PRE_OPEN, exchange_phase(at(2026, 11, 19, 8, 45)));
    assert_int_equal(EXCHANGE_SESSION_1, exchange_phase(at(2026, 11, 19, 11, 59)));
    assert_int_equal(EXCHANGE_BREAK, exchange_phase(at(2026, 11, 20, 11, 30)));
    assert_int_equal(EXCHANGE_SESSION_2, exchange_phase(at(2026, 11, 19, 13, 30)));
    assert_int_equal(EXCHANGE_POST_TRADE, exchange_phase(at(2026, 11, 19, 16, 15)));
    assert_int_equal(EXCHANGE_CLOSED, exchange_phase(at(2026, 11, 21, 10, 0)));
    assert_int_equal(0, exchange_opens_in_ms(at(2026, 11, 20, 9, 0)));
    assert_int_equal(30 * MINUTE_MS, exchange_opens_in_ms(at(2026, 11, 20, 13, 30)));
    assert_int_equal(45 * MINUTE_MS, exchange_opens_in_ms(at(2026, 11, 20, 8, 0)));
    assert_int_equal(at(2026, 11, 23, 8, 45) - at(2026, 11, 20, 17, 0),
                     exchange_opens_in_ms(at(2026, 11, 20, 17, 0)));
    assert_int_equal(180 + 140, exchange_minutes(civil_days(2026, 11, 19)));
    assert_int_equal(150 + 110, exchange_minutes(civil_days(2026, 11, 20)));
    assert_int_equal(180, exchange_minutes_traded(civil_days(2026, 11, 19), AT(13, 0)));
}

static void prices(void **state)
{
    (void)state;
    int64_t low, high;
    assert_int_equal(1, exchange_tick(199));
    assert_int_equal(2, exchange_tick(200));
    assert_int_equal(25, exchange_tick(5000));
    assert_int_equal(9175, exchange_round(9199));
    assert_int_equal(50, exchange_round(3));
    exchange_limits(civil_days(2026, 11, 19), 1000, &low, &high);
    assert_int_equal(850, low);
    assert_int_equal(1250, high);
    exchange_limits(civil_days(2024, 1, 2), 10000, &low, &high);
    assert_int_equal(8000, low);
    assert_int_equal(12000, high);
    exchange_limits(civil_days(2021, 1, 4), 52, &low, &high);
    assert_int_equal(50, low);
    assert_int_equal(70, high);
}

static void dates(void **state)
{
    (void)state;
    int64_t day = 7;
    char text[EXCHANGE_DATE_CHARS];
    assert_true(exchange_date_read(STR("2024-02-29"), &day));
    exchange_date_put(day, text);
    assert_memory_equal("2024-02-29", text, sizeof text);
    assert_false(exchange_date_read(STR("2023-02-29"), &day));
    assert_false(exchange_date_read(STR("2023-2-9"), &day));
    assert_false(exchange_date_read(STR("2023-02-0x"), &day));
    assert_int_equal(civil_days(2024, 2, 29), day);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(calendar), cmocka_unit_test(sessions),
                                       cmocka_unit_test(prices), cmocka_unit_test(dates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
