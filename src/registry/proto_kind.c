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

const kind_class_t kind_protobuf = {"PROTOBUF", parse, put, diff, NULL};
