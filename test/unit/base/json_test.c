#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/json.c"

static void reads_back(const char *text, unsigned flags, const char *expected)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const json_value_t *v;
    err_t err;
    buf_t b = BUF_INIT;
    if (json_parse(&a, str_of(text), flags, &v, &err) == ST_OK)
        json_put_value(&b, v);
    else
        buf_put_str(&b, str_of(err.msg));
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, expected);
    buf_done(&b);
    arena_done(&a);
}

static void trees(void **state)
{
    (void)state;
    reads_back(" {\"a\" : [1, -2.50e+3, true,false,null, {}], \"b\":\"x\"} ", 0,
               "{\"a\":[1,-2.50e+3,true,false,null,{}],\"b\":\"x\"}");
    reads_back("[1, // one\n2, /* two */ ]", JSON_LENIENT, "[1,2]");
    reads_back("\"\\u00e9\\ud83d\\ude00\\n\\/\\ud800x\"", 0,
               "\"\xc3\xa9\xf0\x9f\x98\x80\\n/\xef\xbf\xbdx\"");
    reads_back("\"\\u0085\\u2028\\u2029\\u0001\"", 0, "\"\\u0085\\u2028\\u2029\\u0001\"");
}

static void errors(void **state)
{
    (void)state;
    reads_back("[1,\n 2,]", 0, "line 2, column 4: expected a value");
    reads_back("{\"a\":1", 0, "line 1, column 7: expected ',' or '}'");
    reads_back("{a:1}", 0, "line 1, column 2: expected a name in double quotes");
    reads_back("01", 0, "line 1, column 3: a number has no leading zeros");
    reads_back("1 2", 0, "line 1, column 3: nothing may follow the value");
    reads_back("\"a\xff\"", 0, "line 1, column 3: the text is not UTF-8");
    reads_back("\"a\\\"", 0, "line 1, column 3: the string is not closed");
    reads_back("\"a\\", 0, "line 1, column 3: the string is not closed");
    reads_back("[1 // x\n]", 0, "line 1, column 4: expected ',' or ']'");
    char deep[1200];
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = 0;
    reads_back(deep, 0, "the JSON text is nested deeper than 500");
}

static void members(void **state)
{
    (void)state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const json_value_t *v;
    assert_int_equal(json_parse(&a,
                                STR("{\"n\":9223372036854775807,\"m\":9223372036854775808,"
                                    "\"s\":\"x\",\"s\":\"y\",\"t\":true}"),
                                0, &v, NULL),
                     ST_OK);
    assert_true(json_get_i64(v, "n", 0) == INT64_MAX);
    assert_int_equal(json_get_i64(v, "m", 7), 7);
    assert_true(json_f64(json_get(v, "m")) == 9223372036854775808.0);
    assert_true(str_eq(json_get_text(v, "s", STR("")), STR("y")));
    assert_true(json_get_bool(v, "t", false));
    assert_null(json_get(v, "none"));
    assert_null(json_get(NULL, "none"));
    arena_done(&a);
}

static void keeps_to_the_limit(void **state)
{
    (void)state;
    arena_t a;
    arena_init(&a, 20000);
    const json_value_t *v;
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "[0");
    for (int i = 0; i < 1000; i++)
        BUF_LIT(&b, ",1");
    BUF_LIT(&b, "]");
    assert_int_equal(json_parse(&a, buf_str(&b), 0, &v, NULL), ST_TOO_LARGE);
    buf_done(&b);
    arena_done(&a);
}

/* Escapes, quotes and other letters at all places of the blocks by which strings are read. */
static void strings_of_all_lengths(void **state)
{
    (void)state;
    static const char *const parts[] = {"a",  "bcdefghij", "\"",       "\\",
                                        "\n", "\x01",      "\xc3\xa9", "/"};
    uint32_t seed = 1;
    buf_t text = BUF_INIT, json = BUF_INIT;
    for (int round = 0; round < 3000; round++) {
        const json_value_t *v;
        arena_t a;
        arena_init(&a, ARENA_NO_LIMIT);
        buf_clear(&text);
        buf_clear(&json);
        for (int i = round % 150; i > 0; i--) {
            seed = seed * 1664525 + 1013904223;
            buf_put_str(&text, str_of(parts[(seed >> 24) % 8]));
        }
        json_put_str(&json, buf_str(&text));
        char *exact = mem_dup(json.ptr, json.len); /* so that ASan sees what lies behind it */
        assert_int_equal(json_parse(&a, str_n(exact, json.len), 0, &v, NULL), ST_OK);
        assert_true(str_eq(v->text, buf_str(&text)));
        free(exact);
        arena_done(&a);
    }
    buf_done(&text);
    buf_done(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),
        cmocka_unit_test(errors),
        cmocka_unit_test(members),
        cmocka_unit_test(keeps_to_the_limit),
        cmocka_unit_test(strings_of_all_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
