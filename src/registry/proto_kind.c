/* PROTOBUF: .proto files. */
#include "data/text.h"
#include "format/proto_text.h"
#include "registry/kind.h"
#include "registry/proto_diff.h"

typedef struct proto_schema {
    const proto_file_t *file;
    str_t *name; /* of the files it may refer to */
    const proto_file_t **other;
    size_t n_others;
    str_t normalized;
} proto_schema_t;

static void open_scope(const proto_schema_t *s, arena_t *a, proto_scope_t *scope)
{
    proto_scope_init(scope, a);
    for (size_t i = 0; i < s->n_others; i++)
        proto_scope_add(scope, s->name[i], s->other[i]);
    proto_scope_own(scope, s->file);
}

static ST read_others(arena_t *a, proto_schema_t *s, const kind_input_t *in, err_t *err)
{
    s->name = ARENA_ARRAY(a, str_t, in->n_refs);
    s->other = ARENA_ARRAY(a, const proto_file_t *, in->n_refs);
    for (size_t i = 0; i < in->n_refs; i++) {
        s->name[i] = in->ref[i].name;
        TRY(proto_file_read(a, in->ref[i].text, &s->other[i], err));
        s->n_others++;
    }
    return ST_OK;
}

/* Names are looked up by writing the file with them in full. */
static ST normalize(arena_t *a, proto_schema_t *s, err_t *err)
{
    proto_scope_t scope;
    buf_t b = BUF_INIT;
    open_scope(s, a, &scope);
    st_t st = proto_text_put_normalized(&b, s->file, &scope, err);
    s->normalized = arena_str(a, buf_str(&b));
    proto_scope_done(&scope);
    buf_done(&b);
    return st;
}

static st_t parse(arena_t *a, const kind_input_t *in, const void **ret, err_t *err)
{
    proto_schema_t *s = ARENA_NEW(a, proto_schema_t);
    TRY(proto_file_read(a, in->text, &s->file, err));
    TRY(read_others(a, s, in, err));
    TRY(normalize(a, s, err));
    *ret = s;
    return ST_OK;
}

static void put_serialized(buf_t *b, const proto_schema_t *s)
{
    arena_t a;
    proto_scope_t scope;
    buf_t bytes = BUF_INIT;
    arena_init(&a, ARENA_NO_LIMIT);
    open_scope(s, &a, &scope);
    proto_descriptor_put(&bytes, s->file, &scope);
    data_put_base64(b, buf_str(&bytes));
    proto_scope_done(&scope);
    arena_done(&a);
    buf_done(&bytes);
}

static void put(buf_t *b, const void *schema, kind_form_t form)
{
    const proto_schema_t *s = schema;
    switch (form) {
    case KIND_NORMALIZED:
        buf_put_str(b, s->normalized);
        break;
    case KIND_SERIALIZED:
        put_serialized(b, s);
        break;
    case KIND_WITHOUT_EXTENSIONS:
        proto_text_put_plain(b, s->file);
        break;
    case KIND_STORED:
    case KIND_RESOLVED:
        proto_text_put(b, s->file);
        break;
    }
}

static void diff(kind_diff_t *d, const void *reader, const void *writer)
{
    const proto_schema_t *r = reader, *w = writer;
    proto_scope_t new_scope, old_scope;
    proto_differences_t found;
    open_scope(r, d->arena, &new_scope);
    open_scope(w, d->arena, &old_scope);
    proto_diff(d->arena, (proto_side_t){w->file, &old_scope}, (proto_side_t){r->file, &new_scope},
               &found);
    for (size_t i = 0; i < found.list.len; i++)
        if (!proto_change_fits(found.list.ptr[i].change))
            VEC_PUSH(&d->messages,
                     proto_difference_text(d->arena, found.list.ptr[i], d->reader, d->writer));
    if (found.cut)
        kind_differ(d, "The schemas are too large to be compared");
    proto_scope_done(&new_scope);
    proto_scope_done(&old_scope);
    VEC_DONE(&found.list);
}

/* ---- tags: of the options (confluent.message_meta) and (confluent.field_meta) */

#define TAGS STR("tags")

static str_t meta_name(bool is_record)
{
    return is_record ? STR("confluent.message_meta") : STR("confluent.field_meta");
}

static bool is_meta(const proto_option_t *o, bool is_record)
{
    return o->is_extension && str_eq(o->name, meta_name(is_record));
}

/* What a meta option says: {a: 1, b: 2}, or the one of (…).a = 1. */
static void add_tags(const proto_value_t *v, str_t *tag, size_t *n, size_t max)
{
    for (size_t i = 0; i < v->n_items; i++) {
        const proto_value_t *has = &v->item[i].value;
        if (!str_eq(v->item[i].name, TAGS))
            continue;
        if (has->kind == PROTO_STRING && *n < max)
            tag[(*n)++] = has->text;
        for (size_t j = 0; has->kind == PROTO_LIST && j < has->n_items && *n < max; j++)
            tag[(*n)++] = has->item[j].value.text;
    }
}

#define TAGS_MAX 1000 /* of one entity; more are not looked at */

static void add_entity(arena_t *a, kind_entities_t *to, str_t path, bool is_record,
                       proto_options_t *o)
{
    kind_entity_t e = {.path = path, .plain = path, .is_record = is_record, .part = o};
    str_t tag[TAGS_MAX];
    for (size_t i = 0; i < o->n; i++)
        if (is_meta(&o->ptr[i], is_record))
            add_tags(&o->ptr[i].value, tag, &e.n_tags, TAGS_MAX);
    str_t *own = ARENA_ARRAY(a, str_t, e.n_tags + 1);
    memcpy(own, tag, e.n_tags * sizeof *tag);
    e.tag = own;
    VEC_PUSH(&to->list, e);
}

static void add_fields(arena_t *a, kind_entities_t *to, str_t scope, proto_field_t *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str_t path = arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(scope), STR_ARG(f[i].name));
        add_entity(a, to, path, false, &f[i].options);
    }
}

static void add_messages(arena_t *a, kind_entities_t *to, str_t scope, proto_type_t *type, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        proto_type_t *t = &type[i];
        str_t path = arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(scope), scope.len ? "." : "",
                                  STR_ARG(t->name));
        if (t->is_enum)
            continue;
        add_entity(a, to, path, true, &t->options);
        for (size_t j = 0; j < t->n_oneofs; j++)
            add_fields(a, to, path, t->oneof[j].field, t->oneof[j].n_fields);
        add_fields(a, to, path, t->field, t->n_fields);
        add_messages(a, to, path, t->type, t->n_types);
    }
}

static void entities(arena_t *a, const void *schema, kind_entities_t *to)
{
    const proto_schema_t *s = schema;
    add_messages(a, to, STR(""), s->file->type, s->file->n_types);
}

/* { tags: [ … ], and what else the options said } */
static proto_value_t meta_of(arena_t *a, const proto_options_t *o, bool is_record, const str_t *tag,
                             size_t n)
{
    size_t room = 1;
    for (size_t i = 0; i < o->n; i++)
        room += is_meta(&o->ptr[i], is_record) ? o->ptr[i].value.n_items : 0;
    proto_option_t *item = ARENA_ARRAY(a, proto_option_t, room);
    proto_option_t *list = ARENA_ARRAY(a, proto_option_t, n + 1);
    proto_value_t v = {.kind = PROTO_MAP, .item = item};
    for (size_t i = 0; i < n; i++)
        list[i] = (proto_option_t){.value = {.kind = PROTO_STRING, .text = tag[i]}};
    if (n)
        item[v.n_items++] = (proto_option_t){
            .name = TAGS, .value = {.kind = PROTO_LIST, .item = list, .n_items = n}};
    for (size_t i = 0; i < o->n; i++)
        for (size_t j = 0; is_meta(&o->ptr[i], is_record) && j < o->ptr[i].value.n_items; j++)
            if (!str_eq(o->ptr[i].value.item[j].name, TAGS))
                item[v.n_items++] = o->ptr[i].value.item[j];
    return v;
}

static void set_tags(arena_t *a, const kind_entity_t *e, const str_t *tag, size_t n)
{
    proto_options_t *o = e->part, to = {.ptr = ARENA_ARRAY(a, proto_option_t, o->n + 1)};
    proto_option_t meta = {.name = meta_name(e->is_record),
                           .is_extension = true,
                           .value = meta_of(a, o, e->is_record, tag, n)};
    bool set = !meta.value.n_items;
    for (size_t i = 0; i < o->n; i++)
        if (!is_meta(&o->ptr[i], e->is_record)) {
            to.ptr[to.n++] = o->ptr[i];
        } else if (!set) {
            to.ptr[to.n++] = meta;
            set = true;
        }
    if (!set)
        to.ptr[to.n++] = meta;
    *o = to;
}

const kind_class_t kind_protobuf = {"PROTOBUF", parse, put, diff, NULL, entities, set_tags};
