#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "registry/json_tree.c"

/* NULL: valid; else a part of the message. */
static void case_ref(const char *text, const char *name, const char *ref, const char *why)
{
    arena_t a;
    const json_value_t *json;
    const jschema_t *s;
    err_t err = {.msg = ""};
    kind_ref_t refs = {str_of(name), str_of(ref)};
    kind_input_t in = {.text = str_of(text), .ref = &refs, .n_refs = name ? 1 : 0};
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st = jschema_parse(&a, &in, &json, &s, &err);
    if (!why)
        assert_string_equal(st == ST_OK ? "" : err.msg, "");
    else if (st == ST_OK || !strstr(err.msg, why))
        assert_string_equal(st == ST_OK ? "valid" : err.msg, why);
    arena_done(&a);
}

static void case_is(const char *text, const char *why)
{
    case_ref(text, NULL, NULL, why);
}

#define DRAFT4 "\"$schema\":\"http://json-schema.org/draft-04/schema#\","
#define MODERN "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","

static void valid(void **state)
{
    (void)state;
    case_is("true", NULL);
    case_is("{}", NULL);
    case_is("{\"type\":[\"string\",\"null\"],\"unknown\":1}", NULL);
    case_is("{" DRAFT4 "\"id\":\"x\",\"exclusiveMaximum\":true,\"const\":1}", NULL);
    case_is("{" MODERN "\"prefixItems\":[true],\"items\":false,\"minItems\":1.0}", NULL);
    case_is("{\"properties\":{\"$id\":\"not a schema\"}}", NULL);
    case_is("{\"pattern\":\"^[\\\\w-.]+$\"}", NULL);
    case_is("{\"type\":\"object\"} and what follows", NULL);
    case_is("{\"items\":{\"$ref\":\"http://json-schema.org/draft-07/schema#\"}}", NULL);
}

static void invalid(void **state)
{
    (void)state;
    case_is("", "Invalid JSON schema");
    case_is("{\"a\":", "Invalid JSON schema");
    case_is("\"string\"", "object or boolean");
    case_is("[]", "object or boolean");
    case_is("{\"type\":\"text\"}", "unknown type: [text]");
    case_is("{\"type\":[\"string\",1]}", "type must be");
    case_is("{\"properties\":[]}", "properties must be an object");
    case_is("{\"properties\":{\"a\":1}}", "a schema must be");
    case_is("{\"required\":true}", "required must be");
    case_is("{\"required\":[1]}", "required must be");
    case_is("{\"minLength\":\"1\"}", "minLength must be");
    case_is("{\"minLength\":1.5}", "minLength must be an integer");
    case_is("{\"exclusiveMaximum\":true}", "exclusiveMaximum must be a number");
    case_is("{" DRAFT4 "\"exclusiveMaximum\":1}", "exclusiveMaximum must be true or false");
    case_is("{\"multipleOf\":0}", "other than 0");
    case_is("{\"pattern\":\"(\"}", "no regular expression");
    case_is("{\"patternProperties\":{\"*\":{}}}", "no regular expression");
    case_is("{\"oneOf\":{}}", "oneOf must be");
    case_is("{\"enum\":1}", "enum must be");
    case_is("{" MODERN "\"items\":[true]}", "a schema must be");
    case_is("{" MODERN "\"$defs\":{\"a\":1}}", "a schema must be");
    case_is("{\"title\":1}", "title must be");
}

static void refs(void **state)
{
    (void)state;
    case_is("{\"items\":{\"$ref\":\"#/definitions/a\"}}", "leads nowhere");
    case_is("{\"items\":{\"$ref\":\"#\"}}", NULL);
    case_is("{\"items\":{\"$ref\":\"#/$defs/a\"},\"definitions\":{\"a\":{}}}", NULL);
    case_is("{\"items\":{\"$ref\":\"#/definitions/a~1b%25\"},\"definitions\":{\"a/b%\":{}}}", NULL);
    case_is("{\"items\":{\"$ref\":\"#/definitions/a\"},\"definitions\":{\"a\":{\"type\":\"x\"}}}",
            "unknown type");
    case_is(
        "{\"$id\":\"http://h/d/"
        "s.json\",\"items\":{\"$ref\":\"t.json\"},\"definitions\":{\"a\":{\"$id\":\"t.json\"}}}",
        NULL);
    case_is(
        "{" MODERN
        "\"$id\":\"http://h/s\",\"items\":{\"$ref\":\"#a\"},\"$defs\":{\"x\":{\"$anchor\":\"a\"}}}",
        NULL);
    case_is("{\"items\":{\"$ref\":\"other.json\"}}", "leads nowhere");
    case_ref("{\"items\":{\"$ref\":\"other.json\"}}", "other.json", "{\"type\":\"string\"}", NULL);
    case_ref("{\"items\":{\"$ref\":\"other.json#/definitions/a\"}}", "other.json",
             "{\"definitions\":{\"a\":{\"$ref\":\"#/definitions/b\"},\"b\":true}}", NULL);
    case_ref("{\"$id\":\"http://h/d/s.json\",\"items\":{\"$ref\":\"../other.json\"}}",
             "http://h/other.json", "{}", NULL);
    case_ref("{\"$id\":\"http://h/d/s.json\",\"items\":{\"$ref\":\"other.json\"}}", "other.json",
             "{}", NULL);
    case_ref("{\"items\":{\"$ref\":\"other.json#/x\"}}", "other.json", "{}", "leads nowhere");
}

static void text_is(const char *in, bool sorted, const char *want)
{
    arena_t a;
    const json_value_t *json;
    const jschema_t *s;
    buf_t b = BUF_INIT;
    kind_input_t input = {.text = str_of(in)};
    arena_init(&a, ARENA_NO_LIMIT);
    assert_int_equal(jschema_parse(&a, &input, &json, &s, NULL), ST_OK);
    jschema_put_text(&b, json, sorted);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, want);
    buf_done(&b);
    arena_done(&a);
}

static void text(void **state)
{
    (void)state;
    text_is("{ \"b\" : 1.0, \"a\": [ 1e2, -0.5, 12345678901234567890 ] }", false,
            "{\"b\":1.0,\"a\":[1E+2,-0.5,12345678901234567890]}");
    text_is("{\"b\":{\"d\":1,\"c\":2},\"a\":1}", true, "{\"a\":1,\"b\":{\"c\":2,\"d\":1}}");
    text_is("{\"a\":1,\"b\":2,\"a\":3}", false, "{\"a\":3,\"b\":2}");
    text_is("{\"a\":\"\\u00e9\\u0001\"}", false, "{\"a\":\"é\\u0001\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(valid), cmocka_unit_test(invalid),
                                       cmocka_unit_test(refs), cmocka_unit_test(text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
