#include "registry/avro_compat.h"

#include "base/vec.h"

/* Records that refer to themselves are compared once: a pair under way counts as compatible. */
typedef struct pair {
    const avro_schema_t *reader, *writer;
    bool fits;
} pair_t;

typedef struct compat {
    VEC(pair_t) pairs;
    err_t *err;
} compat_t;

static ST check(compat_t *c, const avro_schema_t *r, const avro_schema_t *w);

static st_t differ(compat_t *c, const char *type, const char *text)
{
    return err_set(c->err, ST_INCOMPATIBLE, "{errorType:'%s', description:'%s'}", type, text);
}

static st_t differ_named(compat_t *c, const char *type, str_t name, const char *text)
{
    return err_set(c->err, ST_INCOMPATIBLE, "{errorType:'%s', description:'" STR_FMT " %s'}", type,
                   STR_ARG(name), text);
}

/* Only what follows the last dot counts: a type may move to another namespace. */
static bool names_meet(const avro_schema_t *r, const avro_schema_t *w)
{
    if (str_eq(r->name, w->name))
        return true;
    for (size_t i = 0; i < r->n_aliases; i++)
        if (str_eq(r->alias[i], w->full_name))
            return true;
    return false;
}

static const avro_field_t *writer_field(const avro_schema_t *w, const avro_field_t *f)
{
    for (size_t i = 0; i < w->n_fields; i++)
        if (str_eq(w->field[i].name, f->name))
            return &w->field[i];
    for (size_t k = 0; k < f->n_aliases; k++)
        for (size_t i = 0; i < w->n_fields; i++)
            if (str_eq(w->field[i].name, f->alias[k]))
                return &w->field[i];
    return NULL;
}

static ST check_fields(compat_t *c, const avro_schema_t *r, const avro_schema_t *w)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        const avro_field_t *from = writer_field(w, &r->field[i]);
        if (from)
            TRY(check(c, r->field[i].type, from->type));
        else if (!r->field[i].fallback)
            return differ_named(c, "READER_FIELD_MISSING_DEFAULT_VALUE", r->field[i].name,
                                "is a field of the reader without a default, and the writer has "
                                "it not");
    }
    return ST_OK;
}

static ST check_record(compat_t *c, const avro_schema_t *r, const avro_schema_t *w)
{
    for (size_t i = 0; i < c->pairs.len; i++) {
        const pair_t *p = &c->pairs.ptr[i];
        if (p->reader == r && p->writer == w)
            return p->fits ? ST_OK : differ(c, "TYPE_MISMATCH", "a record differs");
    }
    size_t at = c->pairs.len;
    VEC_PUSH(&c->pairs, (pair_t){r, w, true});
    st_t st = check_fields(c, r, w);
    c->pairs.ptr[at].fits = st == ST_OK;
    return st;
}

static ST check_enum(compat_t *c, const avro_schema_t *r, const avro_schema_t *w)
{
    for (size_t i = 0; i < w->n_symbols && !r->fallback.ptr; i++) {
        bool found = false;
        for (size_t k = 0; k < r->n_symbols && !found; k++)
            found = str_eq(r->symbol[k], w->symbol[i]);
        if (!found)
            return differ_named(c, "MISSING_ENUM_SYMBOLS", w->symbol[i],
                                "is a symbol that the reader has not");
    }
    return ST_OK;
}

static bool promotes(avro_kind_t r, avro_kind_t w)
{
    switch (r) {
    case AVRO_LONG:
        return w == AVRO_INT;
    case AVRO_FLOAT:
        return w == AVRO_INT || w == AVRO_LONG;
    case AVRO_DOUBLE:
        return w == AVRO_INT || w == AVRO_LONG || w == AVRO_FLOAT;
    case AVRO_BYTES:
        return w == AVRO_STRING;
    case AVRO_STRING:
        return w == AVRO_BYTES;
    case AVRO_NULL:
    case AVRO_BOOLEAN:
    case AVRO_INT:
    case AVRO_RECORD:
    case AVRO_ENUM:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_FIXED:
    case AVRO_UNION:
        break;
    }
    return false;
}

/* Every branch of the writer must find one of the reader. */
static ST check_union(compat_t *c, const avro_schema_t *r, const avro_schema_t *w)
{
    if (w->kind == AVRO_UNION) {
        for (size_t i = 0; i < w->n_branches; i++)
            TRY(check(c, r, w->branch[i]));
        return ST_OK;
    }
    for (size_t i = 0; i < r->n_branches; i++)
        if (check(c, r->branch[i], w) == ST_OK)
            return ST_OK;
    return differ_named(c, "MISSING_UNION_BRANCH", avro_branch_name(w),
                        "is a type of the writer that the union of the reader has not");
}

static ST check(compat_t *c, const avro_schema_t *r, const avro_schema_t *w)
{
    if (r->kind == AVRO_UNION || w->kind == AVRO_UNION)
        return check_union(c, r, w);
    if (r->kind != w->kind) {
        if (promotes(r->kind, w->kind))
            return ST_OK;
        return differ_named(c, "TYPE_MISMATCH", str_of(avro_kind_name(r->kind)),
                            "is the reader's type and not the writer's");
    }
    if (r->full_name.len && !names_meet(r, w))
        return differ_named(c, "NAME_MISMATCH", r->full_name, "has another name in the writer");
    switch (r->kind) {
    case AVRO_RECORD:
        return check_record(c, r, w);
    case AVRO_ENUM:
        return check_enum(c, r, w);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return check(c, r->item, w->item);
    case AVRO_FIXED:
        if (r->size_bytes == w->size_bytes)
            return ST_OK;
        return differ_named(c, "FIXED_SIZE_MISMATCH", r->full_name, "has another size");
    case AVRO_NULL:
    case AVRO_BOOLEAN:
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_UNION:
        break;
    }
    return ST_OK;
}

st_t avro_compat_check(const avro_schema_t *reader, const avro_schema_t *writer, err_t *err)
{
    compat_t c = {.err = err};
    st_t st = check(&c, reader, writer);
    VEC_DONE(&c.pairs);
    return st;
}
