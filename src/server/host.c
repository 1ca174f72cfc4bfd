/* host.c: what the engine asks of its host: topics in the log, queries as runners. */
#include "server/internal.h"

#include <inttypes.h>

static ST topic_get(void *self, str_t name, engine_topic_t *ret, err_t *err)
{
    server_t *s = self;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    log_topic_info_t info;
    st_t st = log_topic_describe(s->opt.log, name, &a, &info, err);
    if (st == ST_OK) {
        *ret = (engine_topic_t){info.partitions, info.replicas, 604800000};
        for (size_t i = 0; i < info.n_configs; i++)
            if (str_eq(info.config[i].name, STR("retention.ms")) &&
                !str_to_i64(info.config[i].value, &ret->retention_ms))
                ret->retention_ms = 604800000;
    }
    arena_done(&a);
    return st;
}

static int64_t topic_records(void *self, str_t name)
{
    server_t *s = self;
    log_topic_t *t;
    int64_t n = 0;
    if (log_topic_open(s->opt.log, name, &t, NULL) != ST_OK)
        return 0;
    for (int32_t p = 0; p < log_topic_partitions(t); p++) {
        log_offsets_t o;
        if (log_topic_offsets(t, p, &o, NULL) == ST_OK)
            n += o.end - o.start;
    }
    log_topic_unref(t);
    return n;
}

static void topic_readers(void *self, arena_t *a, engine_readers_t **ret, size_t *ret_n)
{
    server_t *s = self;
    *ret_n = 0;
    if (s->opt.readers)
        s->opt.readers(s->opt.log, a, ret, ret_n);
}

static ST topic_create(void *self, const engine_topic_spec_t *spec, err_t *err)
{
    server_t *s = self;
    char retention[32];
    log_config_t config[2] = {{STR("cleanup.policy"), str_of(spec->cleanup)}};
    size_t n = 1;
    if (spec->retention_ms) {
        snprintf(retention, sizeof retention, "%" PRId64, spec->retention_ms);
        config[n++] = (log_config_t){STR("retention.ms"), str_of(retention)};
    }
    log_topic_spec_t t = {spec->name, spec->partitions, spec->replicas, config, n};
    return log_topic_create(s->opt.log, &t, err);
}

static ST topic_delete(void *self, str_t name, err_t *err)
{
    return log_topic_delete(((server_t *)self)->opt.log, name, err);
}

static ST topic_list(void *self, arena_t *a, str_t **ret, size_t *ret_n, err_t *err)
{
    log_topic_info_t *info;
    size_t n;
    TRY(log_topic_list(((server_t *)self)->opt.log, a, &info, &n, err));
    *ret = ARENA_ARRAY(a, str_t, n + 1);
    for (size_t i = 0; i < n; i++)
        (*ret)[i] = info[i].name;
    *ret_n = n;
    return ST_OK;
}

/* One record in a batch of its own. */
st_t server_append_one(server_t *s, log_topic_t *t, int32_t partition, const exec_input_t *r,
                       err_t *err)
{
    buf_t b = BUF_INIT;
    wire_writer_t w;
    wire_batch_begin(&w, &b, &WIRE_BATCH_PLAIN);
    wire_batch_add(&w, r->ts_ms, r->key, r->value, NULL, 0);
    st_t st = wire_batch_finish(&w, err);
    if (st == ST_OK) {
        log_commit_t *c = log_commit_new(s->opt.log);
        log_commit_append(c, t, partition, buf_str(&b));
        st = log_commit(s->opt.log, c, NULL, err);
    }
    buf_done(&b);
    return st;
}

static ST produce(void *self, str_t topic, int32_t partition, const exec_input_t *r, err_t *err)
{
    server_t *s = self;
    log_topic_t *t;
    TRY(log_topic_open(s->opt.log, topic, &t, err));
    st_t st = server_append_one(s, t, partition, r, err);
    log_topic_unref(t);
    return st;
}

st_t server_query_run(server_t *s, engine_query_t *q, err_t *err)
{
    runner_t *r;
    TRY(runner_new(s, q->plan, q, NULL, q->from_start, &r, err));
    q->running = r;
    VEC_PUSH(&s->runners, r);
    return ST_OK;
}

void server_query_broken(server_t *s, engine_query_t *q, const err_t *why)
{
    trace_line(TRACE_ERROR, "sql", STR_FMT ": %s", STR_ARG(q->id), why->msg);
    q->running = runner_new_broken(s, q);
    VEC_PUSH(&s->runners, q->running);
    if (q->state == ENGINE_RUNNING)
        q->state = ENGINE_ERROR;
}

static ST query_start(void *self, engine_query_t *q, err_t *err)
{
    server_t *s = self;
    return s->started ? server_query_run(s, q, err) : ST_OK;
}

static void query_stop(void *self, engine_query_t *q, bool forget)
{
    server_t *s = self;
    runner_t *r = q->running;
    for (size_t i = 0; i < s->runners.len; i++)
        if (s->runners.ptr[i] == r) {
            VEC_REMOVE(&s->runners, i);
            break;
        }
    if (forget && !r)
        r = runner_new_broken(s, q);
    if (forget)
        runner_forget(r);
    runner_free(r);
    q->running = NULL;
}

static int64_t now_ms(void *self)
{
    return io_now_ms(((server_t *)self)->opt.io);
}

static uint64_t chance(void *self)
{
    return io_random_u64(((server_t *)self)->opt.io);
}

engine_host_t server_host(server_t *s)
{
    return (engine_host_t){.self = s,
                           .topic_get = topic_get,
                           .topic_records = topic_records,
                           .topic_readers = topic_readers,
                           .topic_create = topic_create,
                           .topic_delete = topic_delete,
                           .topic_list = topic_list,
                           .produce = produce,
                           .query_start = query_start,
                           .query_stop = query_stop,
                           .connector_create = server_connector_create,
                           .connector_exists = server_connector_exists,
                           .connector_drop = server_connector_drop,
                           .connector_list = server_connector_list,
                           .connector_get = server_connector_get,
                           .connector_plugins = server_connector_plugins,
                           .now_ms = now_ms,
                           .random = chance};
}
