#include "sink/mongodb/bson.c"
#include "sink/mongodb/error.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define COLUMN(name, type) {{"" name, sizeof(name) - 1}, type}

static const sink_record_at_t at = {{"t", 1}, 2, 77};

static void assert_json(const buf_t *b, const char *want)
{
    bson_t doc;
    size_t bad;
    assert_true(bson_init_static(&doc, (const uint8_t *)b->ptr, b->len));
    assert_true(bson_validate(&doc, BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL, &bad));
    char *json = bson_as_canonical_extended_json(&doc, NULL);
    assert_string_equal(json, want);
    bson_free(json);
}

static void every_type(void **state)
{
    (void)state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const data_field_t inner[] = {{STR("X"), &data_integer}};
    const data_column_t key[] = {COLUMN("ID", &data_string)};
    const data_column_t value[] = {
        COLUMN("I", &data_integer),
        COLUMN("SMALL", &data_bigint),
        COLUMN("BIG", &data_bigint),
        COLUMN("D", &data_double),
        COLUMN("B", &data_boolean),
        COLUMN("DEC", data_type_decimal(&a, 10, 2)),
        COLUMN("BY", &data_bytes),
        COLUMN("TS", &data_timestamp),
        COLUMN("DATE", &data_date),
        COLUMN("TIME", &data_time),
        COLUMN("A", data_type_array(&a, &data_string)),
        COLUMN("M", data_type_map(&a, &data_string, &data_double)),
        COLUMN("S", data_type_struct(&a, inner, 1)),
        COLUMN("N", &data_string),
    };
    const data_decimal_t *dec;
    err_t err;
    assert_int_equal(data_decimal_parse(&a, STR("-12.30"), &dec, &err), ST_OK);
    const data_value_t items[] = {data_of_str(STR("q\"\\")), DATA_NULL_VALUE};
    const data_value_t entries[] = {data_of_str(STR("k.1")), data_of_f64(0.5)};
    const data_value_t fields[] = {data_of_i32(-1)};
    const data_value_t row[] = {
        data_of_str(STR("BBCA \xe2\x82\xac")),
        data_of_i32(7),
        data_of_i64(INT32_MAX),
        data_of_i64(INT64_C(5000000000)),
        data_of_f64(9100),
        data_of_bool(true),
        data_of_decimal(dec),
        data_of_bytes(str_n("\0\xff", 2)),
        data_of_timestamp(1000),
        data_of_date(1),
        data_of_time(5),
        data_of_array(items, 2),
        data_of_map(entries, 1),
        data_of_struct(fields, 1),
        DATA_NULL_VALUE,
    };
    sink_shape_t s;
    assert_int_equal(sink_shape_make((data_columns_t){key, 1}, (data_columns_t){value, 14},
                                     SINK_ID_KEY, STR(""), &a, &s, &err),
                     ST_OK);
    buf_t b = BUF_INIT;
    assert_int_equal(sink_bson_put_document(&b, &s, &at, row, &err), ST_OK);
    assert_json(&b, "{ \"id\" : \"BBCA \xe2\x82\xac\", \"i\" : { \"$numberInt\" : \"7\" }, "
                    "\"small\" : { \"$numberInt\" : \"2147483647\" }, "
                    "\"big\" : { \"$numberLong\" : \"5000000000\" }, "
                    "\"d\" : { \"$numberDouble\" : \"9100.0\" }, \"b\" : true, "
                    "\"dec\" : { \"$numberDecimal\" : \"-12.30\" }, "
                    "\"by\" : { \"$binary\" : { \"base64\" : \"AP8=\", \"subType\" : \"00\" } }, "
                    "\"ts\" : { \"$date\" : { \"$numberLong\" : \"1000\" } }, "
                    "\"date\" : { \"$date\" : { \"$numberLong\" : \"86400000\" } }, "
                    "\"time\" : { \"$date\" : { \"$numberLong\" : \"5\" } }, "
                    "\"a\" : [ \"q\\\"\\\\\", null ], "
                    "\"m\" : { \"k.1\" : { \"$numberDouble\" : \"0.5\" } }, "
                    "\"s\" : { \"x\" : { \"$numberInt\" : \"-1\" } }, \"n\" : null }");
    buf_clear(&b);
    assert_int_equal(sink_bson_put_filter(&b, &s, &at, row, &err), ST_OK);
    assert_json(&b, "{ \"id\" : \"BBCA \xe2\x82\xac\" }");
    buf_clear(&b);
    s.id = SINK_ID_POSITION;
    assert_int_equal(sink_bson_put_filter(&b, &s, &at, row, &err), ST_OK);
    assert_json(&b, "{ \"_id\" : \"t#2#77\" }");
    buf_clear(&b);
    s.id = SINK_ID_FULL_KEY;
    assert_int_equal(sink_bson_put_filter(&b, &s, &at, row, &err), ST_OK);
    assert_json(&b, "{ \"_id\" : { \"id\" : \"BBCA \xe2\x82\xac\" } }");
    buf_done(&b);
    arena_done(&a);
}

static void refused_values(void **state)
{
    (void)state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const data_column_t key[] = {COLUMN("ID", &data_string)};
    const data_column_t value[] = {COLUMN("T", &data_string),
                                   COLUMN("DEC", data_type_decimal(&a, 38, 0))};
    sink_shape_t s;
    err_t err;
    assert_int_equal(sink_shape_make((data_columns_t){key, 1}, (data_columns_t){value, 2},
                                     SINK_ID_KEY, STR(""), &a, &s, &err),
                     ST_OK);
    data_value_t row[] = {data_of_str(STR("a")), data_of_str(STR("\xff")), DATA_NULL_VALUE};
    buf_t b = BUF_INIT;
    assert_int_equal(sink_bson_put_document(&b, &s, &at, row, &err), ST_BAD_INPUT);
    const data_decimal_t *dec;
    assert_int_equal(
        data_decimal_parse(&a, STR("12345678901234567890123456789012345678"), &dec, &err), ST_OK);
    row[1] = DATA_NULL_VALUE;
    row[2] = data_of_decimal(dec);
    assert_int_equal(sink_bson_put_document(&b, &s, &at, row, &err), ST_RANGE);
    char *big = mem_zalloc(17 << 20);
    memset(big, 'x', 17 << 20);
    row[1] = data_of_str(str_n(big, 17 << 20));
    row[2] = DATA_NULL_VALUE;
    assert_int_equal(sink_bson_put_document(&b, &s, &at, row, &err), ST_TOO_LARGE);
    free(big);
    row[0] = DATA_NULL_VALUE;
    assert_int_equal(sink_bson_put_filter(&b, &s, &at, row, &err), ST_BAD_INPUT);
    buf_done(&b);
    arena_done(&a);
}

static void classes(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof codes / sizeof *codes; i++)
        assert_true(codes[i - 1].code < codes[i].code);
    assert_int_equal(sink_mongodb_class(10107), ST_UNREACHABLE);
    assert_int_equal(sink_mongodb_class(18), ST_DENIED);
    assert_int_equal(sink_mongodb_class(121), ST_BAD_INPUT);
    assert_int_equal(sink_mongodb_class(424242), ST_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(refused_values),
        cmocka_unit_test(classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
