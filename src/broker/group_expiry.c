/* group_expiry.c: offsets that nobody needs any more. */
#include "broker/group_expiry.h"

#include "base/trace.h"
#include "broker/consumer_group.h"
#include "broker/group_past.h"

#define FOR_EVER INT64_MAX

/* A group as it is looked at. */
typedef struct look {
    const broker_coordinator_t *c;
    str_t id;
    arena_t *arena;
    const group_t *classic; /* those with members; NULL */
    const consumer_group_t *assigned;
    group_past_t past;
    bool has_past;
} look_t;

static look_t look_at(const broker_coordinator_t *c, str_t id, arena_t *a)
{
    look_t l = {.c = c, .id = id, .arena = a};
    l.classic = group_find(c, id);
    l.assigned = consumer_group_find(c, id);
    l.has_past = group_past_find(c->broker->log, id, a, &l.past);
    return l;
}

/* From when on the offset is not needed. */
static int64_t unused_since_ms(const look_t *l, const log_group_offset_t *o)
{
    if (o->commit_ms < 0 || txn_changes_offset(l->c, l->id, o->topic, o->partition))
        return FOR_EVER;
    if (l->assigned || (l->classic && l->classic->state == GROUP_STABLE))
        return group_reads(l->c, l->id, o->topic, l->arena) ? FOR_EVER : o->commit_ms;
    if (l->classic)
        return FOR_EVER; /* it is about to be somebody's */
    return l->has_past && l->past.since_ms >= 0 ? l->past.since_ms : o->commit_ms;
}

static void put_gone(broker_coordinator_t *c, str_t id, const log_group_offset_t *o, size_t n,
                     bool all, log_commit_t *commit)
{
    group_change_t x;
    group_change_begin(&x, c, id, commit);
    for (size_t i = 0; i < n; i++)
        group_change_offset(&x, &o[i]);
    if (all)
        group_change_forget(&x);
    group_change_end(&x);
}

/* Puts what goes into the commit; false: nothing. */
static bool put_expired(broker_coordinator_t *c, const look_t *l, int64_t before_ms,
                        log_commit_t *commit)
{
    log_group_offset_t *o;
    size_t n, gone = 0;
    log_group_offsets(c->broker->log, l->id, l->arena, &o, &n);
    for (size_t i = 0; i < n; i++)
        if (unused_since_ms(l, &o[i]) <= before_ms) {
            o[gone] = o[i];
            o[gone++].offset = -1;
        }
    bool all = gone == n && l->has_past && !l->classic && !l->assigned;
    if (gone || all)
        put_gone(c, l->id, o, gone, all, commit);
    return gone || all;
}

static void expire(broker_coordinator_t *c, str_t id, int64_t before_ms)
{
    arena_t a;
    err_t err;
    arena_init(&a, ARENA_NO_LIMIT);
    look_t l = look_at(c, id, &a);
    log_commit_t *commit = log_commit_new(c->broker->log);
    if (!put_expired(c, &l, before_ms, commit))
        log_commit_free(commit);
    else if (log_commit(c->broker->log, commit, NULL, &err) != ST_OK)
        trace_line(TRACE_WARN, "broker", "old offsets of group " STR_FMT " stay for now: %s",
                   STR_ARG(id), err.msg);
    arena_done(&a);
}

void group_expire_offsets(broker_coordinator_t *c)
{
    arena_t a;
    str_t *id;
    size_t n;
    int64_t before_ms = io_now_ms(c->broker->io) - c->broker->config.offsets_retention_min * 60000;
    arena_init(&a, ARENA_NO_LIMIT);
    group_ids(c->broker->log, &a, &id, &n);
    for (size_t i = 0; i < n; i++)
        expire(c, id[i], before_ms);
    arena_done(&a);
}

ST group_forget(broker_coordinator_t *c, str_t id, err_t *err)
{
    arena_t a;
    log_group_offset_t *o;
    group_past_t past;
    size_t n;
    arena_init(&a, ARENA_NO_LIMIT);
    log_group_offsets(c->broker->log, id, &a, &o, &n);
    bool has_past = group_past_find(c->broker->log, id, &a, &past);
    st_t st;
    if (!n && !has_past) {
        st = err_set(err, ST_NOT_FOUND, "there is no group " STR_FMT, STR_ARG(id));
    } else {
        log_commit_t *commit = log_commit_new(c->broker->log);
        for (size_t i = 0; i < n; i++)
            o[i].offset = -1;
        put_gone(c, id, o, n, true, commit);
        st = log_commit(c->broker->log, commit, NULL, err);
    }
    arena_done(&a);
    return st;
}
