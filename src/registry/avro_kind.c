/* AVRO: what Avro's Java library says of a schema. */
#include "format/avro_schema.h"
#include "registry/avro_compat.h"
#include "registry/kind.h"
#include "registry/tags.h"

static st_t parse(arena_t *a, const kind_input_t *in, const void **ret, err_t *err)
{
    const avro_schema_t *s;
    str_t *text = ARENA_ARRAY(a, str_t, in->n_refs + 1);
    for (size_t i = 0; i < in->n_refs; i++)
        text[i] = in->ref[i].text;
    avro_check_t check = in->is_new ? AVRO_STRICT : AVRO_LENIENT;
    TRY(avro_schema_parse(a, in->text, text, in->n_refs, check, &s, err));
    *ret = s;
    return ST_OK;
}

static void put(buf_t *b, const void *schema, kind_form_t form)
{
    if (form == KIND_RESOLVED)
        avro_schema_put_resolved(b, schema);
    else if (form == KIND_NORMALIZED)
        avro_schema_put_normal(b, schema, false);
    else
        avro_schema_put(b, schema);
}

static void diff(kind_diff_t *d, const void *reader, const void *writer)
{
    avro_compat_diff(d, reader, writer);
}

static bool equal(const void *x, const void *y)
{
    buf_t a = BUF_INIT, b = BUF_INIT;
    avro_schema_put_normal(&a, x, true);
    avro_schema_put_normal(&b, y, true);
    bool same = str_eq(buf_str(&a), buf_str(&b));
    buf_done(&a);
    buf_done(&b);
    return same;
}

/* ---- tags */

typedef struct walk {
    arena_t *arena;
    kind_entities_t *to;
    VEC(const avro_schema_t *) seen; /* records */
} walk_t;

static void add_entity(walk_t *w, const avro_schema_t *record, const avro_field_t *f)
{
    const json_value_t *json = f ? f->json : record->json;
    const char *dot = f ? "." : "";
    str_t field = f ? f->name : STR("");
    kind_entity_t e = {.is_record = !f, .part = (void *)(uintptr_t)(f ? (const void *)f : record)};
    e.path = arena_printf(w->arena, STR_FMT "%s" STR_FMT, STR_ARG(record->full_name), dot,
                          STR_ARG(field));
    e.plain =
        arena_printf(w->arena, STR_FMT "%s" STR_FMT, STR_ARG(record->name), dot, STR_ARG(field));
    tags_of_json(w->arena, json, &e.tag, &e.n_tags);
    VEC_PUSH(&w->to->list, e);
}

static void walk(walk_t *w, const avro_schema_t *s)
{
    if (s->kind == AVRO_ARRAY || s->kind == AVRO_MAP)
        walk(w, s->item);
    for (size_t i = 0; s->kind == AVRO_UNION && i < s->n_branches; i++)
        walk(w, s->branch[i]);
    if (s->kind != AVRO_RECORD || s->referenced)
        return;
    for (size_t i = 0; i < w->seen.len; i++)
        if (w->seen.ptr[i] == s)
            return;
    VEC_PUSH(&w->seen, s);
    add_entity(w, s, NULL);
    for (size_t i = 0; i < s->n_fields; i++) {
        add_entity(w, s, &s->field[i]);
        walk(w, s->field[i].type);
    }
}

static void entities(arena_t *a, const void *schema, kind_entities_t *to)
{
    walk_t w = {.arena = a, .to = to};
    walk(&w, schema);
    VEC_DONE(&w.seen);
}

static void set_tags(arena_t *a, const kind_entity_t *e, const str_t *tag, size_t n)
{
    avro_schema_t *record = e->part;
    avro_field_t *field = e->part;
    const json_value_t **json = e->is_record ? &record->json : &field->json;
    json_value_t *own = ARENA_NEW(a, json_value_t);
    *own = tags_in_json(a, *json, tag, n);
    *json = own;
}

const kind_class_t kind_avro = {"AVRO", parse, put, diff, equal, entities, set_tags};
