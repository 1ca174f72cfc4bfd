/* Opening, closing, and the registry as formats see it. */
#include "registry/input.h"

#include <stdlib.h>

registry_t *registry_memory(void)
{
    registry_t *r = mem_zalloc(sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    arena_init(&r->arena, ARENA_NO_LIMIT);
    arena_init(&r->scratch, ARENA_NO_LIMIT);
    map_init(&r->contexts);
    map_init(&r->subjects);
    map_init(&r->settings);
    r->md5 = EVP_MD_CTX_new();
    if (!r->md5 || !EVP_DigestInit_ex(r->md5, EVP_md5(), NULL))
        die("OpenSSL has no MD5, which the schema registry's guids are");
    state_init(r);
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

registry_t *registry_shared(registry_store_t store, io_t *io)
{
    registry_t *r = registry_memory();
    r->store = store;
    r->io = io;
    return r;
}

st_t registry_follow(registry_t *r, int64_t offset, str_t key, str_t value, int64_t ts_ms,
                     err_t *err)
{
    st_t st = ST_OK;
    pthread_mutex_lock(&r->lock);
    if (offset >= r->next_offset) {
        st = state_apply(r, key, value, ts_ms, err);
        r->next_offset = offset + 1;
    }
    pthread_mutex_unlock(&r->lock);
    return st;
}

static void context_free(void *p)
{
    context_t *c = p;
    VEC_DONE(&c->by_id);
    VEC_DONE(&c->referrers);
    free(c->by_content);
    map_done(&c->by_guid, NULL);
    free(c);
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
    map_done(&r->contexts, context_free);
    map_done(&r->settings, free);
    EVP_MD_CTX_free(r->md5);
    buf_done(&r->hashed);
    arena_done(&r->scratch);
    arena_done(&r->arena);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- the registry as formats see it */

/* A format sees a text only, so the schemas it refers to are written out. */
static ST resolve(registry_t *r, const schema_t *s, str_t *ret, err_t *err)
{
    arena_t a;
    parsed_t p;
    *ret = s->extras->n_refs ? s->extras->resolved : state_text(s);
    if (ret->len)
        return ST_OK;
    arena_init(&a, ARENA_NO_LIMIT);
    registry_schema_t d = state_describe(s->uses->subject, state_use(s->uses->subject, s));
    st_t st = input_parse_stored(r, &a, &d, &p, err);
    if (st == ST_OK) {
        buf_t b = BUF_INIT;
        p.kind->put(&b, p.tree, KIND_RESOLVED);
        *ret = s->extras->resolved = arena_str(&r->arena, buf_str(&b));
        buf_done(&b);
    }
    arena_done(&a);
    return st;
}

/* The statuses that schema_source_t promises. */
static st_t for_formats(st_t st)
{
    bool none = st == ST_NO_SUBJECT || st == ST_NO_VERSION || st == ST_NO_SCHEMA;
    return none ? ST_NOT_FOUND : st == ST_BAD_SCHEMA ? ST_BAD_INPUT : st;
}

static st_t source_by_id(void *self, int32_t id, str_t *ret_type, str_t *ret_text, err_t *err)
{
    registry_t *r = self;
    pthread_mutex_lock(&r->lock);
    str_t text;
    const schema_t *s = state_by_id(state_context(r, NAME_DEFAULT_CONTEXT), id);
    st_t st = s ? resolve(r, s, &text, err) : ST_NOT_FOUND;
    if (!s)
        err_set_at(err, st, __FILE__, __LINE__, "Schema %d not found", id);
    if (st == ST_OK) {
        *ret_type = str_of(s->type);
        *ret_text = text;
    }
    pthread_mutex_unlock(&r->lock);
    return for_formats(st);
}

static st_t source_latest(void *self, str_t subject, int32_t *ret_id, str_t *ret_type,
                          str_t *ret_text, err_t *err)
{
    registry_schema_t s;
    st_t st = registry_version(self, subject, REGISTRY_LATEST, false, &s, err);
    if (st != ST_OK)
        return for_formats(st);
    TRY(source_by_id(self, s.id, ret_type, ret_text, err));
    *ret_id = s.id;
    return ST_OK;
}

static st_t source_put(void *self, str_t subject, str_t type, str_t text, int32_t *ret_id,
                       err_t *err)
{
    registry_schema_t s;
    registry_input_t in = {.type = type, .text = text};
    st_t st = registry_register(self, subject, &in, &s, NULL, err);
    if (st != ST_OK)
        return for_formats(st);
    *ret_id = s.id;
    return ST_OK;
}

schema_source_t registry_source(registry_t *r)
{
    return (schema_source_t){r, source_by_id, source_latest, source_put};
}
