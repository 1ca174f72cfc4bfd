/* stats.c: what runs, as others may see it at any time. */
#include "server/internal.h"

static server_work_t work_of(const plan_t *p)
{
    if (plan_has(p->root, PLAN_STREAM_STREAM_JOIN) || plan_has(p->root, PLAN_STREAM_TABLE_JOIN) ||
        plan_has(p->root, PLAN_TABLE_TABLE_JOIN))
        return SERVER_JOINS;
    bool groups = plan_has(p->root, PLAN_AGGREGATE) || plan_has(p->root, PLAN_TABLE_AGGREGATE);
    return groups ? SERVER_GROUPS : SERVER_SELECTS;
}

void server_publish_stats(server_t *s)
{
    pthread_mutex_lock(&s->stats_lock);
    arena_reset(&s->stats_arena);
    server_stats_t *st = &s->stats;
    st->n_queries = s->runners.len;
    st->query = ARENA_ARRAY(&s->stats_arena, server_query_stats_t, s->runners.len + 1);
    for (size_t i = 0; i < s->runners.len; i++) {
        const runner_t *r = s->runners.ptr[i];
        exec_stats_t x = r->exec ? exec_stats(r->exec) : (exec_stats_t){0};
        static const char *const states[] = {"RUNNING", "PAUSED", "ERROR"};
        st->query[i] = (server_query_stats_t){arena_str(&s->stats_arena, r->query->id),
                                              str_of(states[r->query->state]),
                                              work_of(r->query->plan),
                                              x.records_in,
                                              x.records_out,
                                              x.failed + r->failed,
                                              r->lag,
                                              r->busy_ns,
                                              x.state_bytes};
    }
    st->n_push = s->streams.len;
    st->rounds = s->rounds;
    st->commit_ns = s->commit_ns;
    st->busy_ns = s->busy_ns;
    st->idle = s->quiet;
    pthread_mutex_unlock(&s->stats_lock);
}

static void query_stats(server_t *s, arena_t *a, server_stats_t *ret)
{
    pthread_mutex_lock(&s->stats_lock);
    *ret = s->stats;
    ret->query = ARENA_ARRAY(a, server_query_stats_t, ret->n_queries + 1);
    for (size_t i = 0; i < ret->n_queries; i++) {
        ret->query[i] = s->stats.query[i];
        ret->query[i].id = arena_str(a, ret->query[i].id);
    }
    pthread_mutex_unlock(&s->stats_lock);
}

/* Under s->lock. */
static void connector_stats(const server_t *s, arena_t *a, server_stats_t *ret)
{
    ret->n_connectors = s->connectors.len;
    ret->connector = ARENA_ARRAY(a, server_connector_stats_t, s->connectors.len + 1);
    for (size_t i = 0; i < s->connectors.len; i++) {
        const server_connector_t *c = s->connectors.ptr[i];
        ret->connector[i] = (server_connector_stats_t){
            arena_str(a, c->name), str_of(c->class->name), c->source, {0}};
        if (c->running)
            c->class->status(c->running, &ret->connector[i].status);
        ret->idle = ret->idle && (ret->connector[i].status.idle || ret->connector[i].status.failed);
    }
}

void server_stats(server_t *s, arena_t *a, server_stats_t *ret)
{
    query_stats(s, a, ret);
    pthread_mutex_lock(&s->lock);
    connector_stats(s, a, ret);
    pthread_mutex_unlock(&s->lock);
}

bool server_stats_try(server_t *s, arena_t *a, server_stats_t *ret)
{
    query_stats(s, a, ret);
    if (pthread_mutex_trylock(&s->lock)) {
        ret->n_connectors = 0;
        ret->idle = false;
        return false;
    }
    connector_stats(s, a, ret);
    pthread_mutex_unlock(&s->lock);
    return true;
}
