/* Avro's schema resolution, with the outcomes of Java's SchemaCompatibility: the same reasons at
 * the same paths in the same order. */
#include "registry/avro_compat.h"

#include "base/map.h"

#define DEPTH_MAX 1000   /* pairs inside one another */
#define PAIRS_MAX 200000 /* that are compared: more take too long */

typedef struct step {
    const struct step *up; /* NULL: the root */
    str_t token;
} step_t;

typedef VEC(str_t) messages_t;

/* What comparing two types has found. Types that refer to themselves are compared once: a pair
 * under way counts as compatible. */
typedef struct pair {
    const str_t *message;
    size_t n;
} pair_t;

typedef struct compat {
    kind_diff_t *d;
    map_t pairs; /* reader's and writer's addresses to pair_t */
    int depth;
} compat_t;

static void check(compat_t *c, const step_t *at, const avro_schema_t *r, const avro_schema_t *w,
                  messages_t *out);

/* ---- messages */

static void put_path(buf_t *b, const step_t *at)
{
    if (!at->up)
        return;
    put_path(b, at->up);
    if (at->up->up)
        buf_put_char(b, '/');
    for (size_t i = 0; i < at->token.len; i++)
        if (at->token.ptr[i] == '~')
            BUF_LIT(b, "~0");
        else if (at->token.ptr[i] == '/')
            BUF_LIT(b, "~1");
        else
            buf_put_char(b, at->token.ptr[i]);
}

/* In the description %p is the path, %i the info, %r and %w what the two are called. */
static void differ(compat_t *c, messages_t *out, const step_t *at, const char *type,
                   const char *description, str_t info)
{
    buf_t path = BUF_INIT, b = BUF_INIT;
    buf_put_char(&path, '/');
    put_path(&path, at);
    buf_printf(&b, "{errorType:'%s', description:'", type);
    for (const char *p = description; *p; p++) {
        if (*p != '%') {
            buf_put_char(&b, *p);
            continue;
        }
        p++;
        buf_put_str(&b, *p == 'p'   ? buf_str(&path)
                        : *p == 'i' ? info
                                    : str_of(*p == 'r' ? c->d->reader : c->d->writer));
    }
    buf_printf(&b, "', additionalInfo:'" STR_FMT "'}", STR_ARG(info));
    VEC_PUSH(out, arena_str(c->d->arena, buf_str(&b)));
    buf_done(&path);
    buf_done(&b);
}

static str_t type_name(compat_t *c, const avro_schema_t *s)
{
    return arena_upper(c->d->arena, str_of(avro_kind_name(s->kind)));
}

static void differ_type(compat_t *c, messages_t *out, const step_t *at, const avro_schema_t *r,
                        const avro_schema_t *w)
{
    differ(c, out, at, "TYPE_MISMATCH",
           "The type (path '%p') of a field in the %r schema does not match with the %w schema",
           arena_printf(c->d->arena,
                        "reader type: " STR_FMT " not compatible with writer type: " STR_FMT,
                        STR_ARG(type_name(c, r)), STR_ARG(type_name(c, w))));
}

static void differ_branch(compat_t *c, messages_t *out, const step_t *at, const avro_schema_t *w)
{
    differ(c, out, at, "MISSING_UNION_BRANCH",
           "The %r schema is missing a type inside a union field at path '%p' in the %w schema",
           arena_printf(c->d->arena, "reader union lacking writer type: " STR_FMT,
                        STR_ARG(type_name(c, w))));
}

/* ---- named types */

/* Only what follows the last dot counts: a type may move to another namespace. */
static void check_names(compat_t *c, const step_t *at, const avro_schema_t *r,
                        const avro_schema_t *w, messages_t *out)
{
    bool meet = str_eq(r->name, w->name);
    for (size_t i = 0; i < r->n_aliases && !meet; i++)
        meet = str_eq(r->alias[i], w->full_name);
    if (!meet)
        differ(c, out, &(step_t){at, STR("name")}, "NAME_MISMATCH",
               "The name of the schema has changed (path '%p')",
               arena_printf(c->d->arena, "expected: " STR_FMT, STR_ARG(w->full_name)));
}

/* The writer's fields by name. */
typedef struct fields {
    const avro_schema_t *record;
    map_t by_name;
} fields_t;

static const avro_field_t *field_of(const fields_t *w, str_t name)
{
    return map_get(&w->by_name, name);
}

/* The writer's field, by name or alias; *ret_many when there are several. */
static const avro_field_t *writer_field(const fields_t *w, const avro_field_t *f, bool *ret_many)
{
    const avro_field_t *found = field_of(w, f->name);
    *ret_many = false;
    for (size_t i = 0; i < f->n_aliases; i++) {
        const avro_field_t *by_alias = field_of(w, f->alias[i]);
        *ret_many |= by_alias && found && by_alias != found;
        found = found ? found : by_alias;
    }
    return found;
}

static void check_field(compat_t *c, const step_t *at, const fields_t *w, const avro_field_t *f,
                        messages_t *out)
{
    bool many;
    step_t type = {at, STR("type")};
    const avro_field_t *from = writer_field(w, f, &many);
    if (many)
        VEC_PUSH(out, arena_printf(c->d->arena,
                                   "Unexpected exception during compatibility check: Reader record "
                                   "field " STR_FMT
                                   " matches multiple fields in writer record schema " STR_FMT,
                                   STR_ARG(f->name), STR_ARG(w->record->full_name)));
    else if (from)
        check(c, &type, f->type, from->type, out);
    else if (f->fallback)
        return;
    else if (f->type->kind == AVRO_ENUM && f->type->fallback.ptr)
        check(c, &type, f->type, w->record, out);
    else
        differ(c, out, at, "READER_FIELD_MISSING_DEFAULT_VALUE",
               "The field '%i' at path '%p' in the %r schema has no default value and is missing "
               "in the %w schema",
               f->name);
}

static void check_record(compat_t *c, const step_t *at, const avro_schema_t *r,
                         const avro_schema_t *w, messages_t *out)
{
    step_t fields = {at, STR("fields")};
    fields_t writer = {.record = w};
    check_names(c, at, r, w, out);
    map_init(&writer.by_name);
    for (size_t i = 0; i < w->n_fields; i++)
        map_put(&writer.by_name, w->field[i].name, (void *)(uintptr_t)&w->field[i]);
    for (size_t i = 0; i < r->n_fields; i++) {
        step_t step = {&fields, arena_printf(c->d->arena, "%zu", i)};
        check_field(c, &step, &writer, &r->field[i], out);
    }
    map_done(&writer.by_name, NULL);
}

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

static void check_enum(compat_t *c, const step_t *at, const avro_schema_t *r,
                       const avro_schema_t *w, messages_t *out)
{
    str_t *lost = ARENA_ARRAY(c->d->arena, str_t, w->n_symbols + 1);
    size_t n = 0;
    check_names(c, at, r, w, out);
    map_t known;
    map_init(&known);
    for (size_t i = 0; i < r->n_symbols; i++)
        map_put(&known, r->symbol[i], c);
    for (size_t i = 0; i < w->n_symbols && !r->fallback.ptr; i++)
        if (!map_get(&known, w->symbol[i]))
            lost[n++] = w->symbol[i];
    map_done(&known, NULL);
    if (!n)
        return;
    qsort(lost, n, sizeof *lost, compare_texts);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s" STR_FMT, i ? ", " : "[", STR_ARG(lost[i]));
    buf_put_char(&b, ']');
    differ(c, out, &(step_t){at, STR("symbols")}, "MISSING_ENUM_SYMBOLS",
           "The %r schema is missing enum symbols '%i' at path '%p' in the %w schema",
           arena_str(c->d->arena, buf_str(&b)));
    buf_done(&b);
}

static void check_fixed(compat_t *c, const step_t *at, const avro_schema_t *r,
                        const avro_schema_t *w, messages_t *out)
{
    check_names(c, at, r, w, out);
    if (r->size_bytes != w->size_bytes)
        differ(
            c, out, &(step_t){at, STR("size")}, "FIXED_SIZE_MISMATCH",
            "The size of FIXED type field at path '%p' in the %r schema does not match with the "
            "%w schema",
            arena_printf(c->d->arena, "expected: %zu, found: %zu", w->size_bytes, r->size_bytes));
}

/* ---- unions */

static const step_t root = {NULL, {"", 0}};

/* Every branch of the writer must find one of the reader. */
static void check_writer_union(compat_t *c, const step_t *at, const avro_schema_t *r,
                               const avro_schema_t *w, messages_t *out)
{
    for (size_t i = 0; i < w->n_branches; i++) {
        step_t step = {at, arena_printf(c->d->arena, "%zu", i)};
        if (r->kind != AVRO_UNION) {
            check(c, &step, r, w->branch[i], out);
            continue;
        }
        messages_t found = {0};
        check(c, &root, r, w->branch[i], &found);
        if (found.len)
            differ_branch(c, out, &step, w->branch[i]);
        VEC_DONE(&found);
    }
}

static bool branch_fits(compat_t *c, const avro_schema_t *r, const avro_schema_t *w)
{
    messages_t found = {0};
    check(c, &root, r, w, &found);
    bool fits = !found.len;
    VEC_DONE(&found);
    return fits;
}

/* First the branch of the writer's own type, which mostly is the one. */
static void check_reader_union(compat_t *c, const step_t *at, const avro_schema_t *r,
                               const avro_schema_t *w, messages_t *out)
{
    for (size_t i = 0; i < r->n_branches; i++)
        if (r->branch[i]->kind == w->kind && str_eq(r->branch[i]->full_name, w->full_name) &&
            branch_fits(c, r->branch[i], w))
            return;
    for (size_t i = 0; i < r->n_branches; i++)
        if (branch_fits(c, r->branch[i], w))
            return;
    differ_branch(c, out, at, w);
}

/* ---- all types */

static bool promotes(avro_kind_t r, avro_kind_t w)
{
    switch ((int)r) {
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
    default:
        return false;
    }
}

static void compare(compat_t *c, const step_t *at, const avro_schema_t *r, const avro_schema_t *w,
                    messages_t *out)
{
    if (w->kind == AVRO_UNION)
        check_writer_union(c, at, r, w, out);
    else if (r->kind == AVRO_UNION)
        check_reader_union(c, at, r, w, out);
    else if (r->kind != w->kind) {
        if (!promotes(r->kind, w->kind))
            differ_type(c, out, at, r, w);
    } else if (r->kind == AVRO_RECORD)
        check_record(c, at, r, w, out);
    else if (r->kind == AVRO_ENUM)
        check_enum(c, at, r, w, out);
    else if (r->kind == AVRO_FIXED)
        check_fixed(c, at, r, w, out);
    else if (r->kind == AVRO_ARRAY || r->kind == AVRO_MAP)
        check(c, &(step_t){at, r->kind == AVRO_ARRAY ? STR("items") : STR("values")}, r->item,
              w->item, out);
}

static void check(compat_t *c, const step_t *at, const avro_schema_t *r, const avro_schema_t *w,
                  messages_t *out)
{
    const void *key[2] = {r, w};
    pair_t *pair = map_get(&c->pairs, str_n(key, sizeof key));
    if (!pair) {
        messages_t found = {0};
        pair = ARENA_NEW(c->d->arena, pair_t);
        map_put(&c->pairs, str_n(key, sizeof key), pair);
        if (c->depth < DEPTH_MAX && c->pairs.len < PAIRS_MAX) {
            c->depth++;
            compare(c, at, r, w, &found);
            c->depth--;
        } else {
            VEC_PUSH(&found, STR("The schemas are too large to be compared"));
        }
        str_t *kept = ARENA_ARRAY(c->d->arena, str_t, found.len + 1);
        for (size_t i = 0; i < found.len; i++)
            kept[i] = found.ptr[i];
        *pair = (pair_t){kept, found.len};
        VEC_DONE(&found);
    }
    for (size_t i = 0; i < pair->n; i++)
        VEC_PUSH(out, pair->message[i]);
}

void avro_compat_diff(kind_diff_t *d, const avro_schema_t *reader, const avro_schema_t *writer)
{
    compat_t c = {.d = d};
    messages_t found = {0};
    map_init(&c.pairs);
    check(&c, &root, reader, writer, &found);
    for (size_t i = 0; i < found.len; i++)
        VEC_PUSH(&d->messages, found.ptr[i]);
    VEC_DONE(&found);
    map_done(&c.pairs, NULL);
}
