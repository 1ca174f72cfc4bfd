#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "registry/json_diff.c"
#include "table.h"

static const jschema_t *read_schema(arena_t *a, const json_value_t *v)
{
    buf_t b = BUF_INIT;
    const json_value_t *json;
    const jschema_t *s;
    json_put_value(&b, v);
    kind_input_t in = {.text = arena_str(a, buf_str(&b))};
    err_t err;
    if (jschema_parse(a, &in, &json, &s, &err) != ST_OK)
        die("%s", err.msg);
    buf_done(&b);
    return s;
}

/* The differences that forbid, each as "TYPE #/path". */
static void put_found(buf_t *b, const jschema_differences_t *found)
{
    for (size_t i = 0; i < found->list.len; i++) {
        jschema_difference_t d = found->list.ptr[i];
        buf_printf(b, "\n%s " STR_FMT, jschema_change_name(d.change), STR_ARG(d.path));
    }
}

static void table(void **state)
{
    arena_t a;
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    const json_value_t *cases = table_read(&a, "json-diff.json");
    for (size_t i = 0; i < cases->n; i++) {
        const json_value_t *c = &cases->item[i], *forbids = json_get(c, "forbids");
        jschema_differences_t found;
        buf_t want = BUF_INIT, got = BUF_INIT;
        jschema_diff(&a, read_schema(&a, json_get(c, "old")), read_schema(&a, json_get(c, "new")),
                     0, &found);
        buf_put_str(&want, json_get_text(c, "name", STR("")));
        buf_put_str(&got, buf_str(&want));
        for (size_t k = 0; k < forbids->n; k++)
            buf_printf(&want, "\n" STR_FMT, STR_ARG(forbids->item[k].text));
        put_found(&got, &found);
        buf_put_char(&want, 0);
        buf_put_char(&got, 0);
        assert_string_equal(got.ptr, want.ptr);
        VEC_DONE(&found.list);
        buf_done(&want);
        buf_done(&got);
    }
    arena_done(&a);
}

static const jschema_t *read_text(arena_t *a, const char *text)
{
    const json_value_t *v;
    st_t st = json_parse(a, str_of(text), 0, &v, NULL);
    assert_int_equal(st, ST_OK);
    return read_schema(a, v);
}

static void lenient(void **state)
{
    arena_t a;
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    const jschema_t *o = read_text(&a, "{\"type\":\"object\",\"properties\":{}}");
    const jschema_t *u =
        read_text(&a, "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}");
    jschema_differences_t strict, easy, all;
    jschema_diff(&a, o, u, 0, &strict);
    jschema_diff(&a, o, u, JSCHEMA_DIFF_LENIENT, &easy);
    jschema_diff(&a, o, u, JSCHEMA_DIFF_LENIENT | JSCHEMA_DIFF_ALL, &all);
    assert_int_equal(strict.list.len, 1);
    assert_int_equal(easy.list.len, 0);
    assert_int_equal(all.list.len, 1);
    VEC_DONE(&strict.list);
    VEC_DONE(&all.list);
    arena_done(&a);
}

static void text(void **state)
{
    arena_t a;
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    jschema_difference_t d = {JSCHEMA_MAXIMUM_DECREASED, STR("#/maximum")};
    str_t s = jschema_difference_text(&a, d, "new", "old");
    assert_true(str_eq(s, STR("{errorType:\"MAXIMUM_DECREASED\", description:\"The value at path "
                              "'#/maximum' in the new schema is less than its value in the old "
                              "schema'}")));
    arena_done(&a);
}

/* Two lists of many alternatives that refer to one another. */
static void large(void **state)
{
    arena_t a;
    buf_t b = BUF_INIT;
    const json_value_t *json;
    const jschema_t *s[2];
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    for (int side = 0; side < 2; side++) {
        buf_clear(&b);
        BUF_LIT(&b, "{\"$ref\":\"#/definitions/n0\",\"definitions\":{");
        for (int i = 0; i < 40; i++) {
            buf_printf(&b, "%s\"n%d\":{\"title\":\"%d\",\"oneOf\":[", i ? "," : "", i, i);
            for (int k = 0; k < 40; k++)
                buf_printf(&b,
                           "%s{\"type\":\"array\",\"minItems\":%d,\"items\":{\"$ref\":\"#/"
                           "definitions/n%d\"}}",
                           k ? "," : "", k + side, (i + k) % 40);
            BUF_LIT(&b, "]}");
        }
        BUF_LIT(&b, "}}");
        kind_input_t in = {.text = arena_str(&a, buf_str(&b))};
        assert_int_equal(jschema_parse(&a, &in, &json, &s[side], NULL), ST_OK);
    }
    jschema_differences_t found;
    jschema_diff(&a, s[0], s[1], JSCHEMA_DIFF_ALL, &found);
    assert_true(found.list.len > 0 && found.list.len <= JSCHEMA_DIFFERENCES_MAX);
    VEC_DONE(&found.list);
    buf_done(&b);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(text),
                                       cmocka_unit_test(lenient), cmocka_unit_test(large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
