#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "data/text.c"

static void f64_is(double d, const char *expected)
{
    buf_t b = BUF_INIT;
    data_put_f64(&b, d);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, expected);
    buf_done(&b);
}

/* What Double.toString of Java 19 and later prints. */
static void doubles_as_java(void **state)
{
    (void)state;
    f64_is(1, "1.0");
    f64_is(-0.0, "-0.0");
    f64_is(0.1, "0.1");
    f64_is(100, "100.0");
    f64_is(0.001, "0.001");
    f64_is(0.00099, "9.9E-4");
    f64_is(9999999, "9999999.0");
    f64_is(1e7, "1.0E7");
    f64_is(12345678.9, "1.23456789E7");
    f64_is(1.0 / 3, "0.3333333333333333");
    f64_is(2.0 / 3, "0.6666666666666666");
    f64_is(0.1 + 0.2, "0.30000000000000004");
    f64_is(2e-3, "0.002");
    f64_is(2.0e-3 / 3, "6.666666666666666E-4");
    f64_is(1.1e23, "1.1E23");
    f64_is(2e23, "2.0E23");
    f64_is(4.9e-324, "4.9E-324");
    f64_is(9.9e-324, "9.9E-324");
    f64_is(2.2250738585072014E-308, "2.2250738585072014E-308");
    f64_is(1.7976931348623157e308, "1.7976931348623157E308");
    f64_is(0x1p-44, "5.684341886080802E-14");
    f64_is(9007199254740993.0, "9.007199254740992E15");
    f64_is(123456789012345680.0, "1.2345678901234568E17");
    f64_is(1e15, "1.0E15");
    f64_is(NAN, "NaN");
    f64_is(-INFINITY, "-Infinity");
}

static void doubles_read_back(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        double d;
        memcpy(&d, &x, 8);
        if (i % 2)
            d = (double)(x % 100000000) / (i % 3 ? 100.0 : 7.0);
        if (!isfinite(d))
            continue;
        buf_t b = BUF_INIT;
        data_put_f64(&b, d);
        buf_put_char(&b, 0);
        assert_true(strtod(b.ptr, NULL) == d);
        buf_done(&b);
    }
}

static void times(void **state)
{
    (void)state;
    buf_t b = BUF_INIT;
    data_put_timestamp(&b, 0);
    buf_put_char(&b, ' ');
    data_put_timestamp(&b, -1);
    buf_put_char(&b, ' ');
    data_put_date(&b, 18262);
    buf_put_char(&b, ' ');
    data_put_time(&b, 36000000);
    buf_put_char(&b, ' ');
    data_put_time(&b, 36001000);
    buf_put_char(&b, ' ');
    data_put_time(&b, 36000001);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, "1970-01-01T00:00:00.000 1969-12-31T23:59:59.999 2020-01-01 10:00 "
                               "10:00:01 10:00:00.001");
    buf_done(&b);
}

static void values(void **state)
{
    (void)state;
    data_field_t f[] = {{STR("A"), &data_integer}, {STR("B"), &data_string}, {STR("C"), &data_double}};
    data_type_t s = {.kind = DATA_STRUCT, .field = f, .n_fields = 3};
    data_type_t m = {.kind = DATA_MAP, .key = &data_string, .elem = &s};
    data_value_t fields[] = {data_of_i32(1), DATA_NULL_VALUE, data_of_f64(2)};
    data_value_t kv[] = {data_of_str(STR("k")), data_of_struct(fields, 3)};
    data_value_t v[] = {data_of_map(kv, 1), DATA_NULL_VALUE};
    data_type_t t = {.kind = DATA_ARRAY, .elem = &m};
    buf_t b = BUF_INIT;
    data_put_text(&b, data_of_array(v, 2), &t);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, "[{k=Struct{A=1,C=2.0}}, null]");
    buf_done(&b);
}

static void base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    for (size_t i = 0; i < 5; i++) {
        buf_t b = BUF_INIT;
        data_put_base64(&b, str_of(pairs[i][0]));
        assert_true(str_eq(buf_str(&b), str_of(pairs[i][1])));
        str_t back;
        assert_true(data_base64_decode(&a, buf_str(&b), &back));
        assert_true(str_eq(back, str_of(pairs[i][0])));
        buf_done(&b);
    }
    str_t none;
    assert_false(data_base64_decode(&a, STR("Zg=!"), &none));
    assert_false(data_base64_decode(&a, STR("Z"), &none));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_as_java), cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(times),           cmocka_unit_test(values),
        cmocka_unit_test(base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
