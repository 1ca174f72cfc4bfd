#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "format/json_schema.c"
#include "rows.h"

static st_t put(void *self, str_t subject, str_t type, str_t text, int32_t *ret_id, err_t *err)
{
    (void)self, (void)text, (void)err;
    assert_true(str_eq(subject, STR("t-value")) && str_eq(type, STR("JSON")));
    *ret_id = 258;
    return ST_OK;
}

static const data_type_t dec_4_2 = {.kind = DATA_DECIMAL, .precision = 4, .scale = 2};
static const data_type_t list = {.kind = DATA_ARRAY, .elem = &data_string};
static const data_type_t dict = {.kind = DATA_MAP, .key = &data_string, .elem = &data_bigint};
static const data_field_t inner_fields[] = {{NAME("F"), &data_boolean}};
static const data_type_t inner = {.kind = DATA_STRUCT, .field = inner_fields, .n_fields = 1};
static const data_column_t columns[] = {{NAME("I"), &data_integer}, {NAME("N"), &dec_4_2},
                                        {NAME("P"), &data_timestamp}, {NAME("Y"), &data_bytes},
                                        {NAME("L"), &list},         {NAME("M"), &dict},
                                        {NAME("S"), &inner},        {NAME("D"), &data_double}};

#define OPTIONAL(index, type) \
    "{\"connect.index\":" index ",\"oneOf\":[{\"type\":\"null\"}," type "]}"

static const char generated[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"I\":" OPTIONAL("0", "{\"type\":\"integer\",\"connect.type\":\"int32\"}") ","
    "\"N\":" OPTIONAL("1", "{\"type\":\"number\",\"title\":\"org.apache.kafka.connect.data.Decimal\","
                           "\"connect.version\":1,\"connect.type\":\"bytes\",\"connect.parameters\":"
                           "{\"scale\":\"2\",\"connect.decimal.precision\":\"4\"}}") ","
    "\"P\":" OPTIONAL("2", "{\"type\":\"integer\",\"title\":\"org.apache.kafka.connect.data.Timestamp\","
                           "\"connect.version\":1,\"connect.type\":\"int64\"}") ","
    "\"Y\":" OPTIONAL("3", "{\"type\":\"string\",\"connect.type\":\"bytes\"}") ","
    "\"L\":" OPTIONAL("4", "{\"type\":\"array\",\"items\":{\"oneOf\":[{\"type\":\"null\"},"
                           "{\"type\":\"string\"}]}}") ","
    "\"M\":" OPTIONAL("5", "{\"type\":\"object\",\"connect.type\":\"map\",\"additionalProperties\":"
                           "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"integer\",\"connect.type\":"
                           "\"int64\"}]}}") ","
    "\"S\":" OPTIONAL("6", "{\"type\":\"object\",\"properties\":{\"F\":" OPTIONAL(
                           "0", "{\"type\":\"boolean\"}") "}}") ","
    "\"D\":" OPTIONAL("7", "{\"type\":\"number\",\"connect.type\":\"float64\"}") "}}";

static void generates_and_infers(void **state)
{
    (void)state;
    buf_t b = BUF_INIT;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    json_schema_put(&b, COLUMNS(columns), false, STR(""));
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, generated);
    data_columns_t c;
    bool wrapped;
    assert_int_equal(format_infer(FORMAT_JSON_SR, str_of(generated), false, true, &a, &c, &wrapped, NULL),
                     ST_OK);
    assert_true(wrapped && data_columns_eq(c, COLUMNS(columns)));
    assert_int_equal(format_infer(FORMAT_JSON_SR,
                                  STR("{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}"), true, true,
                                  &a, &c, &wrapped, NULL),
                     ST_OK);
    assert_true(!wrapped && c.len == 1 && c.ptr[0].type->kind == DATA_BIGINT);
    err_t err;
    assert_int_equal(format_infer(FORMAT_JSON_SR, STR("{\"$ref\":\"x\"}"), true, true, &a, &c, &wrapped, &err),
                     ST_UNSUPPORTED);
    arena_done(&a);
    buf_done(&b);
}

static void frames(void **state)
{
    (void)state;
    static const data_column_t one[] = {{NAME("I"), &data_integer}};
    schema_source_t source = {.put = put};
    serde_spec_t spec = {.format = FORMAT_JSON_SR, .columns = COLUMNS(one), .wrap = true,
                         .schemas = &source, .subject = STR("t-value")};
    serde_t *s;
    assert_int_equal(serde_new(&spec, &s, NULL), ST_OK);
    reads_and_writes(s, STR("\0\0\0\0\1{\"i\":5}"), "5", STR("\0\0\0\1\2{\"I\":5}"));
    reads(s, STR("{\"I\":5}"), "The record is not JSON_SR: it does not start with a magic byte of 0 and a "
                               "schema id; JSON without them is the JSON format");
    serde_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generates_and_infers),
        cmocka_unit_test(frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
