#include "registry/state.h"

#include "base/json.h"
#include "registry/avro_compat.h"

#include <stdlib.h>

#define REFS_MAX 200 /* schemas that one schema draws in, all told */

registry_t *registry_memory(void)
{
    registry_t *r = mem_zalloc(sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    arena_init(&r->arena, ARENA_NO_LIMIT);
    map_init(&r->subjects);
    map_init(&r->by_content);
    r->level = REGISTRY_BACKWARD;
    r->mode = REGISTRY_READWRITE;
    return r;
}

static ST open_topic(log_t *log, log_topic_t **ret, err_t *err)
{
    static const char name[] = REGISTRY_TOPIC;
    st_t st = log_topic_open(log, str_of(name), ret, err);
    if (st != ST_NOT_FOUND)
        return st;
    log_config_t compact = {STR("cleanup.policy"), STR("compact")};
    log_topic_spec_t spec = {str_of(name), 1, 1, &compact, 1};
    TRY(log_topic_create(log, &spec, err));
    return log_topic_open(log, str_of(name), ret, err);
}

st_t registry_open(log_t *log, io_t *io, registry_t **ret, err_t *err)
{
    registry_t *r = registry_memory();
    r->log = log;
    r->io = io;
    st_t st = open_topic(log, &r->topic, err);
    if (st == ST_OK)
        st = state_load(r, err);
    if (st != ST_OK) {
        registry_close(r);
        return st;
    }
    *ret = r;
    return ST_OK;
}

static void subject_free(void *p)
{
    subject_t *s = p;
    VEC_DONE(&s->versions);
    free(s);
}

void registry_close(registry_t *r)
{
    if (!r)
        return;
    if (r->topic)
        log_topic_unref(r->topic);
    map_done(&r->subjects, subject_free);
    map_done(&r->by_content, NULL);
    VEC_DONE(&r->by_id);
    arena_done(&r->arena);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static registry_schema_t describe(str_t subject, const version_t *v)
{
    const schema_t *s = v->schema;
    return (registry_schema_t){subject, v->version, s->id,     s->type,
                               s->text, s->ref,     s->n_refs, v->deleted};
}

/* Reading what someone brings. */

typedef struct parsed {
    str_t type, text;            /* in the form that is stored */
    const avro_schema_t *schema; /* AVRO */
} parsed_t;

typedef struct texts {
    const schema_t *schema[REFS_MAX];
    str_t text[REFS_MAX];
    size_t n;
} texts_t;

/* Collects the texts of references, those that others need first. */
static ST collect(registry_t *r, const registry_ref_t *ref, size_t n, int depth, texts_t *t,
                  err_t *err)
{
    for (size_t i = 0; i < n; i++) {
        version_t *v;
        if (state_version(r, ref[i].subject, ref[i].version, true, &v, NULL) != ST_OK)
            return err_set(err, ST_BAD_INPUT,
                           "Invalid schema: no schema reference found for subject \"" STR_FMT
                           "\" and version %d",
                           STR_ARG(ref[i].subject), ref[i].version);
        bool known = false;
        for (size_t k = 0; k < t->n && !known; k++)
            known = t->schema[k] == v->schema;
        if (known)
            continue;
        if (depth >= 20 || t->n >= REFS_MAX)
            return err_set(err, ST_BAD_INPUT, "Invalid schema: it draws in too many references");
        TRY(collect(r, v->schema->ref, v->schema->n_refs, depth + 1, t, err));
        if (t->n >= REFS_MAX)
            return err_set(err, ST_BAD_INPUT, "Invalid schema: it draws in too many references");
        t->schema[t->n] = v->schema;
        t->text[t->n++] = v->schema->text;
    }
    return ST_OK;
}

static ST parse_avro(registry_t *r, arena_t *a, str_t text, const registry_ref_t *ref, size_t n,
                     const avro_schema_t **ret, err_t *err)
{
    texts_t *t = ARENA_NEW(a, texts_t);
    TRY(collect(r, ref, n, 0, t, err));
    return avro_schema_parse(a, text, t->text, t->n, ret, err);
}

static ST parse_input(registry_t *r, arena_t *a, const registry_input_t *in, parsed_t *ret,
                      err_t *err)
{
    parsed_t p = {.type = in->type.len ? in->type : STR("AVRO")};
    buf_t b = BUF_INIT;
    st_t st = ST_OK;
    if (str_eq(p.type, STR("AVRO"))) {
        st = parse_avro(r, a, in->text, in->ref, in->n_refs, &p.schema, err);
        if (st == ST_OK)
            avro_schema_put(&b, p.schema);
    } else if (str_eq(p.type, STR("JSON"))) {
        const json_value_t *v;
        st = json_parse(a, in->text, 0, &v, err);
        if (st == ST_OK)
            json_put_value(&b, v);
    } else if (str_eq(p.type, STR("PROTOBUF"))) {
        buf_put_str(&b, str_trim(in->text));
    } else {
        st = err_set(err, ST_BAD_INPUT, "Invalid schema type " STR_FMT, STR_ARG(p.type));
    }
    p.text = arena_str(a, buf_str(&b));
    buf_done(&b);
    if (st != ST_OK)
        return err_wrap(err, ST_BAD_INPUT, "Invalid schema of type " STR_FMT, STR_ARG(p.type));
    *ret = p;
    return ST_OK;
}

/* Compatibility. */

static ST check_pair(registry_t *r, arena_t *a, const parsed_t *in, const version_t *old,
                     registry_level_t level, err_t *err)
{
    const avro_schema_t *before;
    if (!str_eq(in->type, old->schema->type))
        return err_set(err, ST_INCOMPATIBLE,
                       "{errorType:'TYPE_MISMATCH', description:'the type of "
                       "the schema changes from %.*s to %.*s'}",
                       STR_ARG(old->schema->type), STR_ARG(in->type));
    if (str_eq(in->text, old->schema->text))
        return ST_OK;
    if (!in->schema)
        return err_set(err, ST_UNSUPPORTED,
                       "This version of arus cannot compare " STR_FMT
                       " schemas; with compatibility NONE they are taken as they are",
                       STR_ARG(in->type));
    TRY(parse_avro(r, a, old->schema->text, old->schema->ref, old->schema->n_refs, &before, err));
    if (level != REGISTRY_FORWARD && level != REGISTRY_FORWARD_TRANSITIVE)
        TRY(avro_compat_check(in->schema, before, err));
    if (level != REGISTRY_BACKWARD && level != REGISTRY_BACKWARD_TRANSITIVE)
        TRY(avro_compat_check(before, in->schema, err));
    return ST_OK;
}

/* Against one version, or with `only` 0 against all that the level asks for. */
static ST check_versions(registry_t *r, arena_t *a, subject_t *s, const parsed_t *in, int32_t only,
                         err_t *err)
{
    registry_level_t level = (registry_level_t)(s->level >= 0 ? s->level : r->level);
    bool all = level == REGISTRY_BACKWARD_TRANSITIVE || level == REGISTRY_FORWARD_TRANSITIVE ||
               level == REGISTRY_FULL_TRANSITIVE;
    if (level == REGISTRY_NONE)
        return ST_OK;
    bool first = true;
    for (size_t i = s->versions.len; i-- > 0;) {
        const version_t *v = &s->versions.ptr[i];
        if (only ? v->version != only : v->deleted || (!all && !first))
            continue;
        first = false;
        st_t st = check_pair(r, a, in, v, level, err);
        if (st == ST_INCOMPATIBLE)
            return err_wrap(err, st,
                            "Schema being registered is incompatible with an earlier schema for "
                            "subject \"" STR_FMT "\", oldSchemaVersion: %d, compatibility: %s, "
                            "details",
                            STR_ARG(s->name), v->version, registry_level_name(level));
        TRY(st);
    }
    return ST_OK;
}

/* Registering. */

static version_t *find_content(subject_t *s, const schema_t *schema, bool deleted)
{
    for (size_t i = s ? s->versions.len : 0; i-- > 0;) {
        version_t *v = &s->versions.ptr[i];
        if (v->schema == schema && (deleted || !v->deleted))
            return v;
    }
    return NULL;
}

static const schema_t *find_schema(registry_t *r, arena_t *a, const parsed_t *p,
                                   const registry_input_t *in)
{
    return map_get(&r->by_content, state_content(a, p->type, p->text, in->ref, in->n_refs));
}

static ST register_new(registry_t *r, arena_t *a, str_t name, const parsed_t *p,
                       const registry_input_t *in, int32_t *ret_id, err_t *err)
{
    subject_t *s = state_subject(r, name, false);
    const schema_t *known = find_schema(r, a, p, in);
    TRY(state_may_write(r, s, name, err));
    if (s)
        TRY(check_versions(r, a, s, p, 0, err));
    int32_t next_id = r->by_id.len ? (int32_t)r->by_id.len : 1;
    schema_t fresh = {.id = known ? known->id : next_id,
                      .type = p->type,
                      .text = p->text,
                      .ref = in->ref,
                      .n_refs = in->n_refs};
    version_t *last = state_newest(s, true), *gone = known ? find_content(s, known, true) : NULL;
    change_t c;
    change_init(&c);
    if (gone) /* softly deleted, else it would have been found */
        change_remove_schema(&c, name, gone->version);
    change_schema(&c, name, last ? last->version + 1 : 1, &fresh, false);
    st_t st = state_commit(r, &c, err);
    change_done(&c);
    TRY(st);
    *ret_id = fresh.id;
    return ST_OK;
}

static ST register_locked(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                          int32_t *ret_id, err_t *err)
{
    parsed_t p;
    if (subject.len == 0)
        return err_set(err, ST_BAD_INPUT, "The specified subject '' is not a valid.");
    TRY(parse_input(r, a, in, &p, err));
    const schema_t *known = find_schema(r, a, &p, in);
    version_t *there = known ? find_content(state_subject(r, subject, false), known, false) : NULL;
    if (there) {
        *ret_id = known->id;
        return ST_OK;
    }
    return register_new(r, a, subject, &p, in, ret_id, err);
}

st_t registry_register(registry_t *r, str_t subject, const registry_input_t *in, int32_t *ret_id,
                       err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = register_locked(r, &a, subject, in, ret_id, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return st;
}

static ST lookup_locked(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                        bool deleted, registry_schema_t *ret, err_t *err)
{
    parsed_t p;
    subject_t *s = state_subject(r, subject, false);
    if (!state_newest(s, deleted))
        return state_no_subject(subject, err);
    TRY(parse_input(r, a, in, &p, err));
    const schema_t *known = find_schema(r, a, &p, in);
    version_t *v = known ? find_content(s, known, deleted) : NULL;
    if (!v)
        return err_set(err, ST_NOT_FOUND, "Schema not found");
    *ret = describe(s->name, v);
    return ST_OK;
}

st_t registry_lookup(registry_t *r, str_t subject, const registry_input_t *in, bool deleted,
                     registry_schema_t *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = lookup_locked(r, &a, subject, in, deleted, ret, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return st;
}

st_t registry_by_id(registry_t *r, int32_t id, registry_schema_t *ret, err_t *err)
{
    pthread_mutex_lock(&r->lock);
    const schema_t *s = state_schema(r, id);
    if (s)
        *ret = describe(STR(""), &(version_t){.schema = s});
    pthread_mutex_unlock(&r->lock);
    return s ? ST_OK : err_set(err, ST_NOT_FOUND, "Schema %d not found", id);
}

st_t registry_version(registry_t *r, str_t subject, int32_t version, bool deleted,
                      registry_schema_t *ret, err_t *err)
{
    version_t *v;
    pthread_mutex_lock(&r->lock);
    st_t st = state_version(r, subject, version, deleted, &v, err);
    if (st == ST_OK)
        *ret = describe(state_subject(r, subject, false)->name, v);
    pthread_mutex_unlock(&r->lock);
    return st;
}

/* Checking. */

static ST check_locked(registry_t *r, arena_t *a, str_t subject, int32_t version,
                       const registry_input_t *in, err_t *err)
{
    parsed_t p;
    subject_t *s = state_subject(r, subject, false);
    version_t *v = state_newest(s, false);
    TRY(parse_input(r, a, in, &p, err));
    if (!v)
        return version <= 0 ? ST_OK : state_no_version(version, err);
    if (version > 0)
        TRY(state_version(r, subject, version, false, &v, err));
    return check_versions(r, a, s, &p, version == 0 ? 0 : v->version, err);
}

st_t registry_check(registry_t *r, str_t subject, int32_t version, const registry_input_t *in,
                    bool *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = check_locked(r, &a, subject, version, in, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    if (st != ST_OK && st != ST_INCOMPATIBLE)
        return st;
    *ret = st == ST_OK;
    return ST_OK;
}

/* The registry as formats see it. */

/* A format sees a text only, so the schemas it refers to are written out. */
static ST resolve(registry_t *r, schema_t *s, err_t *err)
{
    const avro_schema_t *schema;
    if (s->resolved.len)
        return ST_OK;
    s->resolved = s->text;
    if (!s->n_refs || !str_eq(s->type, STR("AVRO")))
        return ST_OK;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    buf_t b = BUF_INIT;
    st_t st = parse_avro(r, &a, s->text, s->ref, s->n_refs, &schema, err);
    if (st == ST_OK)
        avro_schema_put_resolved(&b, schema);
    s->resolved = st == ST_OK ? arena_str(&r->arena, buf_str(&b)) : STR("");
    buf_done(&b);
    arena_done(&a);
    return st;
}

static st_t source_by_id(void *self, int32_t id, str_t *ret_type, str_t *ret_text, err_t *err)
{
    registry_t *r = self;
    pthread_mutex_lock(&r->lock);
    schema_t *s = state_schema(r, id);
    st_t st = s ? resolve(r, s, err) : ST_NOT_FOUND;
    if (!s)
        err_set_at(err, st, __FILE__, __LINE__, "Schema %d not found", id);
    if (st == ST_OK) {
        *ret_type = s->type;
        *ret_text = s->resolved;
    }
    pthread_mutex_unlock(&r->lock);
    return st;
}

static st_t source_latest(void *self, str_t subject, int32_t *ret_id, str_t *ret_type,
                          str_t *ret_text, err_t *err)
{
    registry_schema_t s;
    TRY(registry_version(self, subject, REGISTRY_LATEST, false, &s, err));
    TRY(source_by_id(self, s.id, ret_type, ret_text, err));
    *ret_id = s.id;
    return ST_OK;
}

static st_t source_put(void *self, str_t subject, str_t type, str_t text, int32_t *ret_id,
                       err_t *err)
{
    return registry_register(self, subject, &(registry_input_t){.type = type, .text = text}, ret_id,
                             err);
}

schema_source_t registry_source(registry_t *r)
{
    return (schema_source_t){r, source_by_id, source_latest, source_put};
}
