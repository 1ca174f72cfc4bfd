/* JSON: JSON Schema. Kept as compact JSON; there is no comparison yet: a changed schema differs. */
#include "base/json.h"
#include "registry/kind.h"

static st_t parse(arena_t *a, const kind_input_t *in, const void **ret, err_t *err)
{
    const json_value_t *v;
    TRY(json_parse(a, in->text, 0, &v, err));
    *ret = v;
    return ST_OK;
}

static void put(buf_t *b, const void *schema, kind_form_t form)
{
    (void)form;
    json_put_value(b, schema);
}

static void diff(kind_diff_t *d, const void *reader, const void *writer)
{
    (void)reader;
    (void)writer;
    kind_differ(d, "This version of arus cannot compare JSON schemas; with compatibility NONE they "
                   "are taken as they are");
}

const kind_class_t kind_json = {"JSON", parse, put, diff};
