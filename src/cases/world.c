#include "cases/world.h"

static world_topic_t *find_topic(world_t *w, str_t name)
{
    for (size_t i = 0; i < w->topics.len; i++)
        if (str_eq(w->topics.ptr[i].name, name))
            return &w->topics.ptr[i];
    return NULL;
}

void world_topic_add(world_t *w, str_t name, int32_t partitions, int32_t replicas)
{
    if (!find_topic(w, name))
        VEC_PUSH(&w->topics,
                 (world_topic_t){arena_str(&w->arena, name), {partitions, replicas, 604800000}});
}

static ST topic_get(void *self, str_t name, engine_topic_t *ret, err_t *err)
{
    world_topic_t *t = find_topic(self, name);
    if (!t)
        return err_set(err, ST_NOT_FOUND, "no topic " STR_FMT, STR_ARG(name));
    *ret = t->info;
    return ST_OK;
}

static ST topic_create(void *self, const engine_topic_spec_t *spec, err_t *err)
{
    (void)err;
    world_topic_add(self, spec->name, spec->partitions, spec->replicas);
    return ST_OK;
}

static ST topic_delete(void *self, str_t name, err_t *err)
{
    world_t *w = self;
    world_topic_t *t = find_topic(w, name);
    if (!t)
        return err_set(err, ST_NOT_FOUND, "no topic " STR_FMT, STR_ARG(name));
    VEC_REMOVE(&w->topics, t - w->topics.ptr);
    return ST_OK;
}

static ST topic_list(void *self, arena_t *a, str_t **ret, size_t *ret_n, err_t *err)
{
    (void)err;
    world_t *w = self;
    *ret = ARENA_ARRAY(a, str_t, w->topics.len + 1);
    for (size_t i = 0; i < w->topics.len; i++)
        (*ret)[i] = w->topics.ptr[i].name;
    *ret_n = w->topics.len;
    return ST_OK;
}

static str_t keep(world_t *w, str_t s)
{
    if (!s.ptr)
        return s;
    return str_n(s.len ? arena_str(&w->arena, s).ptr : "", s.len);
}

void world_record_add(world_t *w, str_t topic, const exec_input_t *in, bool from_case)
{
    world_record_t r = {keep(w, topic), *in, from_case};
    r.in.key = keep(w, in->key);
    r.in.value = keep(w, in->value);
    r.in.offset = 0;
    for (size_t i = 0; i < w->records.len; i++)
        r.in.offset += str_eq(w->records.ptr[i].topic, topic);
    data_header_t *h = ARENA_ARRAY(&w->arena, data_header_t, in->n_headers + 1);
    for (size_t i = 0; i < in->n_headers; i++)
        h[i] = (data_header_t){keep(w, in->header[i].key), keep(w, in->header[i].value)};
    r.in.header = h;
    VEC_PUSH(&w->records, r);
}

static ST produce(void *self, str_t topic, int32_t partition, const exec_input_t *r, err_t *err)
{
    (void)partition;
    (void)err;
    world_record_add(self, topic, r, true);
    return ST_OK;
}

static ST query_start(void *self, engine_query_t *q, err_t *err)
{
    (void)err;
    VEC_PUSH(&((world_t *)self)->queries, q);
    return ST_OK;
}

static void query_stop(void *self, engine_query_t *q, bool forget)
{
    (void)forget;
    world_t *w = self;
    exec_free(q->running);
    q->running = NULL;
    for (size_t i = 0; i < w->queries.len; i++)
        if (w->queries.ptr[i] == q) {
            VEC_REMOVE(&w->queries, i);
            return;
        }
}

static int64_t now_ms(void *self)
{
    (void)self;
    return INT64_C(1700000000000);
}

static uint64_t chance(void *self)
{
    (void)self;
    return 4;
}

/* ---- schemas --------------------------------------------------------------------------------- */

static ST by_id(void *self, int32_t id, str_t *ret_type, str_t *ret_text, err_t *err)
{
    world_t *w = self;
    for (size_t i = 0; i < w->schema_list.len; i++)
        if (w->schema_list.ptr[i].id == id) {
            *ret_type = w->schema_list.ptr[i].type;
            *ret_text = w->schema_list.ptr[i].text;
            return ST_OK;
        }
    return err_set(err, ST_NOT_FOUND, "no schema has the id %d", id);
}

static ST latest(void *self, str_t subject, int32_t *ret_id, str_t *ret_type, str_t *ret_text,
                 err_t *err)
{
    world_t *w = self;
    for (size_t i = w->schema_list.len; i-- > 0;)
        if (str_eq(w->schema_list.ptr[i].subject, subject)) {
            *ret_id = w->schema_list.ptr[i].id;
            *ret_type = w->schema_list.ptr[i].type;
            *ret_text = w->schema_list.ptr[i].text;
            return ST_OK;
        }
    return err_set(err, ST_NOT_FOUND, "no subject " STR_FMT, STR_ARG(subject));
}

static ST put(void *self, str_t subject, str_t type, str_t text, int32_t *ret_id, err_t *err)
{
    (void)err;
    world_t *w = self;
    int32_t id = 0;
    for (size_t i = 0; i < w->schema_list.len; i++) {
        const world_schema_t *s = &w->schema_list.ptr[i];
        if (str_eq(s->text, text) && str_eq(s->type, type)) {
            id = s->id;
            if (str_eq(s->subject, subject)) {
                *ret_id = id;
                return ST_OK;
            }
        }
    }
    if (!id)
        id = (int32_t)w->schema_list.len + 1;
    VEC_PUSH(&w->schema_list, (world_schema_t){keep(w, subject), keep(w, type), keep(w, text), id});
    *ret_id = id;
    return ST_OK;
}

/* ---- the world ------------------------------------------------------------------------------- */

void world_init(world_t *w)
{
    *w = (world_t){0};
    arena_init(&w->arena, ARENA_NO_LIMIT);
    engine_session_init(&w->session);
    w->schemas = (schema_source_t){w, by_id, latest, put};
    engine_options_t opt = {.service_id = STR("some.ksql.service.id"),
                            .host = {.self = w,
                                     .topic_get = topic_get,
                                     .topic_create = topic_create,
                                     .topic_delete = topic_delete,
                                     .topic_list = topic_list,
                                     .produce = produce,
                                     .query_start = query_start,
                                     .query_stop = query_stop,
                                     .now_ms = now_ms,
                                     .random = chance},
                            .schemas = &w->schemas,
                            .memory_ids = true};
    w->engine = engine_new(&opt);
    engine_set(w->engine, STR("auto.offset.reset"), STR("earliest"));
    engine_set(w->engine, STR("cache.max.bytes.buffering"), STR("0"));
}

void world_done(world_t *w)
{
    engine_free(w->engine);
    engine_session_done(&w->session);
    VEC_DONE(&w->topics);
    VEC_DONE(&w->schema_list);
    VEC_DONE(&w->records);
    VEC_DONE(&w->queries);
    arena_done(&w->arena);
}

typedef struct run_env {
    world_t *w;
    engine_query_t *q;
} run_env_t;

static void on_record(void *self, int32_t partition, const exec_input_t *r)
{
    (void)partition;
    run_env_t *e = self;
    world_record_add(e->w, e->q->sink_topic, r, false);
}

static void on_failed(void *self, const exec_failure_t *f)
{
    world_t *w = ((run_env_t *)self)->w;
    if (!w->first_failure.code)
        w->first_failure = *f->err;
}

/* A topic's records are the case's inputs, or what queries wrote there. */
static void feed(world_t *w, engine_query_t *q, exec_t *x, bool from_case)
{
    size_t n = w->records.len;
    for (size_t i = 0; i < n; i++) {
        world_record_t r = w->records.ptr[i];
        if (r.from_case != from_case)
            continue;
        for (size_t s = 0; s < q->plan->n_sources; s++)
            if (str_eq(q->plan->source[s]->source.topic, r.topic)) {
                exec_feed(x, s, 0, &r.in, 1);
                exec_turn(x, 1000000);
                exec_commit(x, NULL, NULL);
            }
    }
}

st_t world_run(world_t *w, err_t *err)
{
    int32_t source_partitions[64];
    for (size_t i = 0; i < 64; i++)
        source_partitions[i] = 1;
    for (size_t i = 0; i < w->queries.len; i++) {
        engine_query_t *q = w->queries.ptr[i];
        run_env_t env = {w, q};
        exec_options_t opt = {.max_partitions = 1,
                              .source_partitions = source_partitions,
                              .sink_partitions = 1,
                              .cache = q->cache_bytes > 0,
                              .outer_join_interval_ms = q->outer_join_interval_ms,
                              .schemas = &w->schemas};
        exec_sink_t sink = {.self = &env, .record = on_record, .failed = on_failed};
        exec_t *x;
        if (!q->sink_topic.len)
            continue;
        TRY(exec_new(q->plan, &opt, sink, &x, err));
        feed(w, q, x, true);
        feed(w, q, x, false);
        exec_free(x);
    }
    return ST_OK;
}
