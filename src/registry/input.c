#include "registry/input.h"

#include "registry/content.h"

#include <stdlib.h>

#define REFS_MAX       1000 /* schemas that one schema draws in, all told */
#define REFS_DEPTH_MAX 100

/* ---- references */

typedef struct refs {
    registry_t *r;
    arena_t *arena;
    bool with_deleted;
    VEC(kind_ref_t) list;
    err_t *err;
} refs_t;

static const version_t *find_ref(const refs_t *c, str_t parent, const registry_ref_t *ref,
                                 str_t *ret_subject)
{
    *ret_subject = name_of_kin(c->arena, parent, ref->subject);
    subject_t *s = state_subject(c->r, *ret_subject);
    if (ref->version == REGISTRY_LATEST)
        return state_newest(s, false);
    version_t *v = state_version(s, ref->version);
    return v && (c->with_deleted || !v->deleted) ? v : NULL;
}

/* Each schema after those that it uses; of a name given twice the first. */
static ST collect(refs_t *c, str_t parent, const registry_ref_t *ref, size_t n, int depth)
{
    for (size_t i = 0; i < n; i++) {
        str_t subject;
        const version_t *v = find_ref(c, parent, &ref[i], &subject);
        if (!v)
            return err_set(c->err, ST_BAD_SCHEMA,
                           "No schema reference found for subject \"" STR_FMT "\" and version %d",
                           STR_ARG(subject), ref[i].version);
        bool known = false;
        for (size_t k = 0; k < c->list.len && !known; k++)
            known = str_eq(c->list.ptr[k].name, ref[i].name);
        if (known)
            continue;
        if (depth >= REFS_DEPTH_MAX || c->list.len >= REFS_MAX)
            return err_set(c->err, ST_BAD_SCHEMA, "The schema draws in too many references");
        TRY(collect(c, subject, v->schema->extras->ref, v->schema->extras->n_refs, depth + 1));
        VEC_PUSH(&c->list, (kind_ref_t){ref[i].name, state_text(v->schema)});
    }
    return ST_OK;
}

static int compare_refs(const void *a, const void *b)
{
    const registry_ref_t *x = a, *y = b;
    int order = str_cmp(x->name, y->name);
    if (!order)
        order = str_cmp(x->subject, y->subject);
    return order ? order : (x->version > y->version) - (x->version < y->version);
}

/* With the versions that "latest" stands for; sorted, each once, if they are to be normal. */
static void settle_refs(refs_t *c, registry_schema_t *s, bool normalize)
{
    registry_ref_t *ref = ARENA_ARRAY(c->arena, registry_ref_t, s->n_refs + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->n_refs; i++) {
        str_t subject;
        ref[i] = s->ref[i];
        if (ref[i].version == REGISTRY_LATEST)
            ref[i].version = find_ref(c, s->subject, &s->ref[i], &subject)->version;
    }
    if (normalize)
        qsort(ref, s->n_refs, sizeof *ref, compare_refs);
    for (size_t i = 0; i < s->n_refs; i++)
        if (!normalize || !n || compare_refs(&ref[n - 1], &ref[i]))
            ref[n++] = ref[i];
    s->ref = ref;
    s->n_refs = n;
}

/* ---- reading */

static ST parse(refs_t *c, const registry_schema_t *s, bool is_new, parsed_t *ret)
{
    parsed_t p = {.s = *s, .kind = kind_find(s->type)};
    if (!p.kind)
        return err_set(c->err, ST_BAD_SCHEMA, "Invalid schema type " STR_FMT, STR_ARG(s->type));
    p.s.type = str_of(p.kind->name);
    st_t st = collect(c, s->subject, s->ref, s->n_refs, 0);
    kind_input_t in = {s->text, c->list.ptr, c->list.len, is_new};
    if (st == ST_OK)
        st = p.kind->parse(c->arena, &in, &p.tree, c->err);
    if (st != ST_OK)
        return err_wrap(c->err, ST_BAD_SCHEMA, "Invalid schema of type %s, details", p.kind->name);
    *ret = p;
    return ST_OK;
}

static ST check_refs(const registry_input_t *in, err_t *err)
{
    for (size_t i = 0; i < in->n_refs; i++)
        if (!in->ref[i].name.len || !in->ref[i].subject.len ||
            (in->ref[i].version < 1 && in->ref[i].version != REGISTRY_LATEST))
            return err_set(err, ST_BAD_SCHEMA,
                           "Invalid reference: a reference has name, subject and version");
    return ST_OK;
}

st_t input_parse(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in, bool is_new,
                 bool normalize, parsed_t *ret, err_t *err)
{
    refs_t c = {.r = r, .arena = a, .with_deleted = !is_new, .err = err};
    registry_schema_t s = {.subject = subject,
                           .type = in->type,
                           .text = in->text,
                           .ref = in->ref,
                           .n_refs = in->n_refs,
                           .metadata = in->metadata,
                           .rules = in->rules};
    buf_t b = BUF_INIT;
    if (!str_trim(in->text).len)
        return err_set(err, ST_BAD_SCHEMA, "Empty schema");
    TRY(check_refs(in, err));
    st_t st = parse(&c, &s, is_new, ret);
    if (st == ST_OK) {
        settle_refs(&c, &ret->s, normalize);
        ret->kind->put(&b, ret->tree, normalize ? KIND_NORMALIZED : KIND_STORED);
        ret->s.text = arena_str(a, buf_str(&b));
    }
    buf_done(&b);
    VEC_DONE(&c.list);
    return st;
}

st_t input_parse_stored(registry_t *r, arena_t *a, const registry_schema_t *s, parsed_t *ret,
                        err_t *err)
{
    refs_t c = {.r = r, .arena = a, .with_deleted = true, .err = err};
    st_t st = parse(&c, s, false, ret);
    VEC_DONE(&c.list);
    return st;
}

/* ---- comparing */

static str_t or_empty(str_t metadata)
{
    return metadata.len ? metadata : STR("{}");
}

/* Metadata that says its version fits a version that does not, and the other way round. */
static bool same_metadata(arena_t *a, const registry_schema_t *mine, const registry_schema_t *old)
{
    str_t my_version = content_property(a, mine->metadata, CONTENT_VERSION);
    str_t old_version = content_property(a, old->metadata, CONTENT_VERSION);
    int32_t number;
    if (!my_version.ptr == !old_version.ptr)
        return str_eq(mine->metadata, old->metadata);
    if (old_version.ptr)
        return str_eq(or_empty(mine->metadata),
                      content_set_property(a, old->metadata, CONTENT_VERSION, STR_NONE));
    return str_to_i32(my_version, &number) && number == old->version &&
           str_eq(content_set_property(a, mine->metadata, CONTENT_VERSION, STR_NONE),
                  or_empty(old->metadata));
}

static bool same_refs(const registry_schema_t *x, const registry_schema_t *y)
{
    bool same = x->n_refs == y->n_refs;
    for (size_t i = 0; i < x->n_refs && same; i++)
        same = !compare_refs(&x->ref[i], &y->ref[i]);
    return same;
}

bool input_is(registry_t *r, arena_t *a, const parsed_t *p, const subject_t *s, const version_t *v)
{
    registry_schema_t old = state_describe(s, v);
    parsed_t q;
    if (!str_eq(p->s.type, old.type) || !str_eq(p->s.rules, old.rules) ||
        !same_metadata(a, &p->s, &old))
        return false;
    if (!same_refs(&p->s, &old) && !(p->s.n_refs == 0 && old.n_refs > 0))
        return false;
    if (str_eq(p->s.text, old.text))
        return true;
    return p->kind->equal && input_parse_stored(r, a, &old, &q, NULL) == ST_OK &&
           p->kind->equal(p->tree, q.tree);
}
