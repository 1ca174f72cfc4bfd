/* kinds: the registry's schema types for tests, without a registry. Each line of the input is
 *
 *   {"type": "JSON", "schema": "…", "references": [{"name": "…", "schema": "…"}, …]
 *    [, "old": "…", "old_references": […]] [, "form": "normalized" | "serialized" | "resolved" |
 * "ignore_extensions"]}
 *
 * and is answered by a line {"valid": bool, "text": "…"} or {"valid": false, "error": "…"}; with
 * "old", the schema that was there before, also {…, "messages": […]}, what forbids to read its
 * data.
 */
#include "base/json.h"
#include "lines.h"
#include "registry/kind.h"

static kind_form_t form_of(str_t name)
{
    static const char *const names[] = {"stored", "normalized", "resolved", "serialized",
                                        "ignore_extensions"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_of(names[i])))
            return (kind_form_t)i;
    return KIND_STORED;
}

static void put_messages(buf_t *out, const kind_class_t *kind, arena_t *a, const void *new,
                         const void *old)
{
    kind_diff_t d = {.arena = a, .reader = "new", .writer = "old"};
    kind->diff(&d, new, old);
    json_put_name(out, "messages");
    buf_put_char(out, '[');
    for (size_t i = 0; i < d.messages.len; i++) {
        json_put_item(out);
        json_put_str(out, d.messages.ptr[i]);
    }
    buf_put_char(out, ']');
    VEC_DONE(&d.messages);
}

/* The schema in member `name`, with the references in member `refs`. */
static kind_input_t input_of(arena_t *a, const json_value_t *v, const char *name, const char *refs)
{
    const json_value_t *list = json_get(v, refs);
    kind_input_t in = {.text = json_get_text(v, name, STR("")), .is_new = true};
    kind_ref_t *ref = ARENA_ARRAY(a, kind_ref_t, list ? list->n : 0);
    for (; list && in.n_refs < list->n; in.n_refs++)
        ref[in.n_refs] = (kind_ref_t){json_get_text(&list->item[in.n_refs], "name", STR("")),
                                      json_get_text(&list->item[in.n_refs], "schema", STR(""))};
    in.ref = ref;
    return in;
}

static void answer(arena_t *a, str_t line, buf_t *out)
{
    const json_value_t *v;
    err_t err;
    const void *new, *old;
    buf_t text = BUF_INIT;
    if (json_parse(a, line, 0, &v, &err) != ST_OK)
        die("%s", err.msg);
    const kind_class_t *kind = kind_find(json_get_text(v, "type", STR("")));
    kind_input_t in = input_of(a, v, "schema", "references");
    kind_input_t before = input_of(a, v, "old", "old_references");
    bool valid = kind->parse(a, &in, &new, &err) == ST_OK;
    buf_put_char(out, '{');
    json_put_member_bool(out, "valid", valid);
    if (valid) {
        kind->put(&text, new, form_of(json_get_text(v, "form", STR(""))));
        json_put_member_str(out, "text", buf_str(&text));
    } else {
        json_put_member_str(out, "error", str_of(err.msg));
    }
    if (valid && json_get(v, "old") && kind->parse(a, &before, &old, &err) == ST_OK)
        put_messages(out, kind, a, new, old);
    buf_put_char(out, '}');
    buf_done(&text);
}

int main(void)
{
    return lines_answer(answer);
}
