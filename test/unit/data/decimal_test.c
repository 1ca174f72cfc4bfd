#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "data/decimal.c"

static arena_t a;

static const data_decimal_t *dec(const char *text)
{
    const data_decimal_t *d;
    assert_int_equal(data_decimal_parse(&a, str_of(text), &d, NULL), ST_OK);
    return d;
}

static void text_is(const data_decimal_t *d, const char *text, const char *plain)
{
    buf_t b = BUF_INIT;
    data_decimal_put_text(&b, d);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, text);
    buf_clear(&b);
    data_decimal_put_plain(&b, d);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, plain);
    buf_done(&b);
}

/* What BigDecimal's toString and toPlainString give. */
static void texts(void **state)
{
    (void)state;
    text_is(dec("123"), "123", "123");
    text_is(dec("-123e1"), "-1.23E+3", "-1230");
    text_is(dec("123e3"), "1.23E+5", "123000");
    text_is(dec("12.3e7"), "1.23E+8", "123000000");
    text_is(dec("1234.5e-4"), "0.12345", "0.12345");
    text_is(dec("-1.23e-12"), "-1.23E-12", "-0.00000000000123");
    text_is(dec("0.00"), "0.00", "0.00");
    text_is(dec("0e-7"), "0E-7", "0.0000000");
    text_is(dec("0e2"), "0E+2", "0");
    text_is(dec("123456789012345678901234567890.12"), "123456789012345678901234567890.12",
            "123456789012345678901234567890.12");
    const data_decimal_t *d;
    assert_int_equal(data_decimal_f64(&a, 1.5, &d, NULL), ST_OK);
    text_is(d, "1.5", "1.5");
    assert_int_equal(data_decimal_parse(&a, STR("1."), &d, NULL), ST_OK);
    assert_int_equal(data_decimal_parse(&a, STR("."), &d, NULL), ST_BAD_INPUT);
    assert_int_equal(data_decimal_parse(&a, STR("1x"), &d, NULL), ST_BAD_INPUT);
    assert_int_equal(data_decimal_parse(&a, STR("1e999999999"), &d, NULL), ST_RANGE);
}

static void bytes_both_ways(void **state)
{
    (void)state;
    static const char *const all[] = {
        "0", "1", "-1", "127", "128", "-128", "-129", "255", "32768", "9223372036854775807",
        "-9223372036854775808", "18446744073709551615", "-18446744073709551616",
        "170141183460469231731687303715884105727", "-170141183460469231731687303715884105728"};
    static const size_t len[] = {1, 1, 1, 1, 2, 1, 2, 2, 3, 8, 8, 9, 9, 16, 16};
    for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
        buf_t b = BUF_INIT;
        data_decimal_put_bytes(&b, dec(all[i]));
        assert_int_equal(b.len, len[i]);
        text_is(data_decimal_bytes(&a, buf_str(&b), 0), all[i], all[i]);
        buf_done(&b);
    }
}

static void arithmetic(void **state)
{
    (void)state;
    const data_decimal_t *r;
    err_t err;
    assert_int_equal(data_decimal_arith(&a, DATA_ADD, dec("1.25"), dec("3"), 2, &r, &err), ST_OK);
    text_is(r, "4.25", "4.25");
    assert_int_equal(data_decimal_arith(&a, DATA_MUL, dec("-1.25"), dec("3.1"), 3, &r, &err), ST_OK);
    text_is(r, "-3.875", "-3.875");
    assert_int_equal(data_decimal_arith(&a, DATA_DIV, dec("-2"), dec("3"), 4, &r, &err), ST_OK);
    text_is(r, "-0.6667", "-0.6667");
    assert_int_equal(data_decimal_arith(&a, DATA_MOD, dec("-7.5"), dec("2"), 1, &r, &err), ST_OK);
    text_is(r, "-1.5", "-1.5");
    assert_int_equal(data_decimal_arith(&a, DATA_DIV, dec("1"), dec("0.0"), 4, &r, &err), ST_RANGE);
    assert_string_equal(err.msg, "/ by zero");
    text_is(data_decimal_rescale(&a, dec("2.345"), 2), "2.35", "2.35");
    text_is(data_decimal_rescale(&a, dec("-2.345"), 2), "-2.35", "-2.35");
    text_is(data_decimal_rescale(&a, dec("0.05"), 1), "0.1", "0.1");
    text_is(data_decimal_rescale(&a, dec("0.005"), 1), "0.0", "0.0");
    assert_true(data_decimal_cmp(dec("1.0"), dec("1.00")) == 0);
    assert_true(data_decimal_cmp(dec("-1.01"), dec("-1")) < 0);
    assert_int_equal(data_decimal_precision(dec("0.00")), 1);
    assert_int_equal(data_decimal_precision(dec("-12.30")), 4);
}

static void converts(void **state)
{
    (void)state;
    int64_t i;
    assert_true(data_decimal_to_i64(dec("-12.9"), &i) && i == -12);
    assert_true(data_decimal_to_i64(dec("1e3"), &i) && i == 1000);
    assert_true(data_decimal_to_i64(dec("1e-30"), &i) && i == 0);
    assert_false(data_decimal_to_i64(dec("9223372036854775808"), &i));
    assert_true(data_decimal_to_f64(dec("0.1")) == 0.1);
    assert_true(data_decimal_to_f64(dec("-123456789012345678901234567890.5")) ==
                -123456789012345678901234567890.5);
    const data_decimal_t *d;
    err_t err;
    assert_int_equal(data_decimal_fit(&a, dec("9.96"), 2, 1, &d, &err), ST_RANGE);
    assert_string_equal(err.msg, "Numeric field overflow: A field with precision 2 and scale 1 must "
                                 "round to an absolute value less than 10^1. Got 9.96");
    assert_int_equal(data_decimal_fit(&a, dec("9.94"), 2, 1, &d, &err), ST_OK);
    text_is(d, "9.9", "9.9");
}

int main(void)
{
    arena_init(&a, ARENA_NO_LIMIT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(bytes_both_ways),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(converts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&a);
    return failed;
}
