#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "registry/proto_diff.c"
#include "table.h"

static proto_side_t open_side(arena_t *a, const json_value_t *c, const char *text, const char *refs)
{
    const json_value_t *list = json_get(c, refs);
    const proto_file_t *f;
    proto_side_t side = {.scope = ARENA_NEW(a, proto_scope_t)};
    err_t err;
    proto_scope_init(side.scope, a);
    for (size_t i = 0; list && i < list->n; i++) {
        if (proto_file_read(a, json_get_text(&list->item[i], "schema", STR("")), &f, &err) != ST_OK)
            die("%s", err.msg);
        proto_scope_add(side.scope, json_get_text(&list->item[i], "name", STR("")), f);
    }
    if (proto_file_read(a, json_get_text(c, text, STR("")), &side.file, &err) != ST_OK)
        die("%s", err.msg);
    proto_scope_own(side.scope, side.file);
    return side;
}

static void table(void **state)
{
    arena_t a;
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    const json_value_t *cases = table_read(&a, "proto-diff.json");
    for (size_t i = 0; i < cases->n; i++) {
        const json_value_t *c = &cases->item[i], *forbids = json_get(c, "forbids");
        proto_side_t o = open_side(&a, c, "old", "old_references");
        proto_side_t u = open_side(&a, c, "new", "new_references");
        proto_differences_t found;
        buf_t want = BUF_INIT, got = BUF_INIT;
        proto_diff(&a, o, u, &found);
        buf_put_str(&want, json_get_text(c, "name", STR("")));
        buf_put_str(&got, buf_str(&want));
        for (size_t k = 0; k < forbids->n; k++)
            buf_printf(&want, "\n" STR_FMT, STR_ARG(forbids->item[k].text));
        for (size_t k = 0; k < found.list.len; k++) {
            proto_difference_t d = found.list.ptr[k];
            if (!proto_change_fits(d.change))
                buf_printf(&got, "\n%s " STR_FMT, proto_change_name(d.change), STR_ARG(d.path));
        }
        buf_put_char(&want, 0);
        buf_put_char(&got, 0);
        assert_string_equal(got.ptr, want.ptr);
        VEC_DONE(&found.list);
        proto_scope_done(o.scope);
        proto_scope_done(u.scope);
        buf_done(&want);
        buf_done(&got);
    }
    arena_done(&a);
}

static void text(void **state)
{
    arena_t a;
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    proto_difference_t d = {PROTO_DIFF_MESSAGE_REMOVED, STR("#/M")};
    str_t s = proto_difference_text(&a, d, "new", "old");
    assert_true(
        str_eq(s, STR("{errorType:\"MESSAGE_REMOVED\", description:\"The new schema is missing "
                      "a MESSAGE type at path '#/M' in the old schema\"}")));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
