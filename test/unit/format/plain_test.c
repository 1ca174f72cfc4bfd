#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "format/format.c"
#include "rows.h"

static const data_type_t dec_6_2 = {.kind = DATA_DECIMAL, .precision = 6, .scale = 2};
static const data_type_t list = {.kind = DATA_ARRAY, .elem = &data_integer};
static const data_type_t dict = {.kind = DATA_MAP, .key = &data_string, .elem = &data_double};
static const data_type_t int_dict = {.kind = DATA_MAP, .key = &data_integer, .elem = &data_double};
static const data_field_t pair_fields[] = {{NAME("F1"), &data_integer}, {NAME("F2"), &data_string}};
static const data_type_t pair = {.kind = DATA_STRUCT, .field = pair_fields, .n_fields = 2};

static void names(void **state)
{
    (void)state;
    format_id_t id;
    assert_true(format_by_name(STR("jSoN"), &id) && id == FORMAT_JSON);
    assert_false(format_by_name(STR("FOO"), &id));
    assert_string_equal(format_name(FORMAT_KAFKA), "KAFKA");
}

static void kafka(void **state)
{
    (void)state;
    static const data_column_t i[] = {{NAME("K"), &data_integer}}, d[] = {{NAME("K"), &data_double}},
                               t[] = {{NAME("K"), &data_string}}, b[] = {{NAME("K"), &data_boolean}},
                               two[] = {{NAME("A"), &data_integer}, {NAME("B"), &data_string}};
    serde_t *s = serde_of(FORMAT_KAFKA, COLUMNS(i), false);
    reads_and_writes(s, STR("\0\0\1\2"), "258", STR("\0\0\1\2"));
    reads(s, STR("\0\0\1"), "Size of data received by IntegerDeserializer is not 4 but 3");
    serde_free(s);
    s = serde_of(FORMAT_KAFKA, COLUMNS(d), false);
    reads_and_writes(s, STR("\xbf\xf8\0\0\0\0\0\0"), "-1.5", STR("\xbf\xf8\0\0\0\0\0\0"));
    serde_free(s);
    s = serde_of(FORMAT_KAFKA, COLUMNS(t), false);
    reads_and_writes(s, STR("abc"), "abc", STR("abc"));
    serde_free(s);
    refuses(FORMAT_KAFKA, COLUMNS(b), true,
            "Key format does not support schema.\nformat: KAFKA\nschema: Persistence{columns=[`K` "
            "BOOLEAN KEY], features=[]}\nreason: The 'KAFKA' format does not support type 'BOOLEAN'");
    refuses(FORMAT_KAFKA, COLUMNS(two), false, "only supports a single field");
    refuses(FORMAT_NONE, COLUMNS(t), true,
            "The 'NONE' format can only be used when no columns are defined. Got: [`K` STRING KEY]");
}

static void delimited(void **state)
{
    (void)state;
    static const data_column_t c[] = {{NAME("A"), &data_string},
                                      {NAME("B"), &data_double},
                                      {NAME("C"), &dec_6_2},
                                      {NAME("D"), &data_boolean}};
    serde_t *s = serde_of(FORMAT_DELIMITED, COLUMNS(c), false);
    reads_and_writes(s, STR("abc,1.5,2,true"), "abc | 1.5 | 2.00 | true", STR("abc,1.5,2.00,true"));
    reads_and_writes(s, STR(",,,"), "null | null | null | null", STR(",,,"));
    reads_and_writes(s, STR("\"a \"\"b\"\", c\",1,.1,x\r\n"), "a \"b\", c | 1.0 | 0.10 | false",
                     STR("\"a \"\"b\"\", c\",1.0,0.10,false"));
    reads_and_writes(s, STR("-x,-1,-1,FALSE"), "-x | -1.0 | -1.00 | false",
                     STR("\"-x\",-1.0,-1.00,false"));
    reads(s, STR("a,b,1,true"), "column `B`: For input string: \"b\"");
    reads(s, STR("a,1,1"), "Unexpected field count, csvFields:3 schemaFields:4");
    reads(s, STR("\"a,1,1"), "a quoted field is not closed");
    reads(s, STR("\"a\"b,1,1"), "invalid char between encapsulated token and delimiter");
    reads(s, STR(""), "No fields in record");
    serde_free(s);
    static const data_column_t k[] = {{NAME("K"), &list}};
    refuses(FORMAT_DELIMITED, COLUMNS(k), true,
            "reason: The 'DELIMITED' format does not support type 'ARRAY', column: `K`");
}

static void json_rows(void **state)
{
    (void)state;
    static const data_column_t c[] = {{NAME("I"), &data_integer}, {NAME("L"), &data_bigint},
                                      {NAME("D"), &data_double},  {NAME("N"), &dec_6_2},
                                      {NAME("S"), &data_string},  {NAME("b"), &data_boolean}};
    serde_t *s = serde_of(FORMAT_JSON, COLUMNS(c), true);
    reads_and_writes(s, STR("{\"I\":1,\"L\":-20000000000,\"D\":1.25e2,\"N\":1.2,\"S\":\"x\",\"b\":true}"),
                     "1 | -20000000000 | 125.0 | 1.20 | x | true",
                     STR("{\"I\":1,\"L\":-20000000000,\"D\":125.0,\"N\":1.20,\"S\":\"x\",\"b\":true}"));
    /* upper case of a name; exact before it; the last of equals; unknown members; text as numbers */
    reads(s, STR("{ \"i\" : \"7\" , \"I\":8,\"i\":9, \"x\":[{\"y\":[]}],\"l\":1.9,\"d\":\"2\",\"B\":true}"),
          "8 | 1 | 2.0 | null | null | null");
    reads(s, STR("{\"S\":{\"a\":[1, 2]},\"L\":\"3\",\"D\":7}"), "null | 3 | 7.0 | null | {\"a\":[1,2]} | null");
    reads(s, STR("{\"S\":[1,\"a\",2.50,{\"b\":null}]}"),
          "null | null | null | null | [1, a, 2.50, {\"b\":null}] | null");
    reads(s, STR("{\"S\":\"\\u00e9\\n\"}"), "null | null | null | null | \xc3\xa9\n | null");
    reads(s, STR("null"), "(null)");
    reads(s, STR("{}"), "null | null | null | null | null | null");
    reads(s, STR("{\"I\":true}"),
          "Can't convert type. sourceType: BooleanNode, requiredType: INTEGER, path: $.I");
    reads(s, STR("[1]"), "Can't convert type. sourceType: ArrayNode, requiredType: STRUCT, path: $");
    reads(s, STR("{\"I\":1"), "not JSON: expected ',' or '}' at byte 6");
    reads(s, STR("{\"I\":1}x"), "not JSON: nothing may follow the value, at byte 7");
    reads(s, STR("{\"N\":12345}"),
          "Numeric field overflow: A field with precision 6 and scale 2 must round to an absolute "
          "value less than 10^4. Got 12345");
    reads(s, STR(""), "not JSON: there is no value at byte 0");
    serde_free(s);
}

static void json_nested(void **state)
{
    (void)state;
    static const data_column_t c[] = {{NAME("A"), &list}, {NAME("M"), &dict}, {NAME("P"), &pair}};
    serde_t *s = serde_of(FORMAT_JSON, COLUMNS(c), true);
    reads_and_writes(s, STR("{\"A\":[1,null,3],\"M\":{\"a\\\"\":1,\"b\":null},\"p\":{\"f1\":5,\"F2\":\"x\"}}"),
                     "[1, null, 3] | {a\"=1.0, b=null} | Struct{F1=5,F2=x}",
                     STR("{\"A\":[1,null,3],\"M\":{\"a\\\"\":1.0,\"b\":null},\"P\":{\"F1\":5,\"F2\":\"x\"}}"));
    reads_and_writes(s, STR("{\"A\":[],\"M\":{}}"), "[] | {} | null",
                     STR("{\"A\":[],\"M\":{},\"P\":null}"));
    reads(s, STR("{\"A\":[1,[]]}"),
          "Can't convert type. sourceType: ArrayNode, requiredType: INTEGER, path: $.A[1]");
    reads(s, STR("{\"P\":{\"F1\":{}}}"),
          "Can't convert type. sourceType: ObjectNode, requiredType: INTEGER, path: $.P.F1");
    serde_free(s);
    static const data_column_t one[] = {{NAME("A"), &list}};
    s = serde_of(FORMAT_JSON, COLUMNS(one), false);
    reads_and_writes(s, STR(" [1, 2] "), "[1, 2]", STR("[1,2]"));
    reads(s, STR("null"), "(null)");
    assert_true(serde_null(s, &DATA_NULL_VALUE));
    serde_free(s);
    static const data_column_t bad[] = {{NAME("M"), &int_dict}};
    refuses(FORMAT_JSON, COLUMNS(bad), false, "JSON only supports MAP types with STRING keys");
    static const data_column_t key[] = {{NAME("K"), &dict}};
    refuses(FORMAT_JSON, COLUMNS(key), true, "Key column name: `K`. Column type: MAP<STRING, DOUBLE>.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),     cmocka_unit_test(kafka),       cmocka_unit_test(delimited),
        cmocka_unit_test(json_rows), cmocka_unit_test(json_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
