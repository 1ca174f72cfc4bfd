#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "registry/avro_compat.c"

/* NULL: the reader can read it; else a part of the message. */
static void case_is(const char *reader, const char *writer, const char *why)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const avro_schema_t *r, *w;
    kind_diff_t d = {.arena = &a, .reader = "new", .writer = "old"};
    assert_int_equal(avro_schema_parse(&a, str_of(reader), NULL, 0, AVRO_STRICT, &r, NULL), ST_OK);
    assert_int_equal(avro_schema_parse(&a, str_of(writer), NULL, 0, AVRO_STRICT, &w, NULL), ST_OK);
    avro_compat_diff(&d, r, w);
    const char *message = d.messages.len ? arena_z(&a, d.messages.ptr[0]) : "";
    if (!why ? d.messages.len > 0 : !strstr(message, why))
        assert_string_equal(message, why ? why : "");
    VEC_DONE(&d.messages);
    arena_done(&a);
}

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define A              "{\"name\":\"a\",\"type\":\"int\"}"
#define B              "{\"name\":\"b\",\"type\":\"int\"}"
#define B_DEFAULT      "{\"name\":\"b\",\"type\":\"int\",\"default\":0}"
#define B_WAS_A        "{\"name\":\"b\",\"type\":\"int\",\"aliases\":[\"a\"]}"

static void fields(void **state)
{
    (void)state;
    case_is(RECORD(A), RECORD(A "," B), NULL);
    case_is(RECORD(A "," B_DEFAULT), RECORD(A), NULL);
    case_is(RECORD(A "," B), RECORD(A), "READER_FIELD_MISSING_DEFAULT_VALUE");
    case_is(RECORD(B_WAS_A), RECORD(A), NULL);
    case_is(RECORD("{\"name\":\"a\",\"type\":\"long\"}"), RECORD(A), NULL);
    case_is(RECORD(A), RECORD("{\"name\":\"a\",\"type\":\"long\"}"), "TYPE_MISMATCH");
    case_is("{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}", RECORD(A), "NAME_MISMATCH");
    case_is("{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[]}", RECORD(A), NULL);
    case_is("{\"type\":\"record\",\"name\":\"S\",\"aliases\":[\"R\"],\"fields\":[]}", RECORD(A), NULL);
}

static void unions(void **state)
{
    (void)state;
    case_is("[\"null\",\"string\"]", "\"string\"", NULL);
    case_is("\"string\"", "[\"null\",\"string\"]",
            "{errorType:'TYPE_MISMATCH', description:'The type (path '/0') of a field in the new schema does not match "
            "with the old schema', additionalInfo:'reader type: STRING not compatible with writer type: NULL'}");
    case_is("[\"null\",\"string\"]", "[\"null\",\"int\"]", "MISSING_UNION_BRANCH");
    case_is("[\"null\",\"long\"]", "[\"int\"]", NULL);
}

static void others(void **state)
{
    (void)state;
    case_is("\"double\"", "\"int\"", NULL);
    case_is("\"bytes\"", "\"string\"", NULL);
    case_is("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}",
            "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "MISSING_ENUM_SYMBOLS");
    case_is("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"A\"}",
            "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", NULL);
    case_is("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}",
            "FIXED_SIZE_MISMATCH");
    case_is("{\"type\":\"array\",\"items\":\"int\"}", "{\"type\":\"map\",\"values\":\"int\"}",
            "TYPE_MISMATCH");
    /* a list that holds itself */
    case_is(RECORD("{\"name\":\"next\",\"type\":[\"null\",\"R\"]}"),
            RECORD("{\"name\":\"next\",\"type\":[\"null\",\"R\"]}"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(unions),
        cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
