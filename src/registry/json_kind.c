/* JSON: JSON Schema. */
#include "registry/json_diff.h"
#include "registry/json_tree.h"
#include "registry/kind.h"
#include "registry/tags.h"

typedef struct json_schema {
    const json_value_t *json;
    const jschema_t *root;
} json_schema_t;

static st_t parse(arena_t *a, const kind_input_t *in, const void **ret, err_t *err)
{
    json_schema_t *s = ARENA_NEW(a, json_schema_t);
    TRY(jschema_parse(a, in, &s->json, &s->root, err));
    *ret = s;
    return ST_OK;
}

/* There is no other form: a $ref stays where it is. */
static void put(buf_t *b, const void *schema, kind_form_t form)
{
    const json_schema_t *s = schema;
    jschema_put_text(b, s->json, form == KIND_NORMALIZED);
}

static void entities(arena_t *a, const void *schema, kind_entities_t *to)
{
    const json_schema_t *s = schema;
    jschema_entities(a, s->json, to);
}

static void set_tags(arena_t *a, const kind_entity_t *e, const str_t *tag, size_t n)
{
    json_value_t *object = e->part;
    *object = tags_in_json(a, object, tag, n);
}

static void diff(kind_diff_t *d, const void *reader, const void *writer)
{
    const json_schema_t *r = reader, *w = writer;
    jschema_differences_t found;
    jschema_diff(d->arena, w->root, r->root, d->lenient ? JSCHEMA_DIFF_LENIENT : 0, &found);
    for (size_t i = 0; i < found.list.len; i++)
        VEC_PUSH(&d->messages,
                 jschema_difference_text(d->arena, found.list.ptr[i], d->reader, d->writer));
    if (found.cut)
        kind_differ(d, "The schemas are too large to be compared");
    VEC_DONE(&found.list);
}

const kind_class_t kind_json = {"JSON", parse, put, diff, NULL, entities, set_tags};
