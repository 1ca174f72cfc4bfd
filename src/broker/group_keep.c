/* group_keep.c: classic groups into the log, and back. */
#include "broker/group.h"
#include "broker/group_record.h"

#define MEMBERS_BYTES_MAX (900u << 10) /* a fact is at most 1 MiB */

static wire_group_metadata_value_t *value_of(const group_t *g, arena_t *a)
{
    wire_group_metadata_value_t *v = WIRE_NEW(a, group_metadata_value, 1);
    size_t bytes = 0;
    v->protocol_type = g->protocol_type;
    v->generation = g->generation;
    v->protocol = g->members.len ? g->protocol : STR_NONE;
    v->leader = g->leader ? g->leader->id : STR_NONE;
    v->current_state_timestamp = io_now_ms(g->coordinator->broker->io);
    NEW_LIST(a, v->members, group_metadata_value_member, g->members.len);
    for (size_t i = 0; i < g->members.len; i++) {
        const group_member_t *m = g->members.ptr[i];
        str_t subscription = group_member_metadata(m, g->protocol);
        v->members.ptr[i] =
            (wire_group_metadata_value_member_t){.member_id = m->id,
                                                 .group_instance_id = m->instance_id,
                                                 .client_id = m->client_id,
                                                 .client_host = m->host,
                                                 .rebalance_timeout = m->rebalance_ms,
                                                 .session_timeout = m->session_ms,
                                                 .subscription = subscription,
                                                 .assignment = m->assignment};
        bytes += subscription.len + m->assignment.len + m->id.len + m->instance_id.len +
                 m->client_id.len + 100;
    }
    if (bytes > MEMBERS_BYTES_MAX) /* they are to join again after a restart */
        v->members.len = 0;
    return v;
}

void group_keep(group_t *g)
{
    arena_t a;
    group_change_t x;
    log_commit_t *commit = log_commit_new(g->coordinator->broker->log);
    arena_init(&a, ARENA_NO_LIMIT);
    group_change_begin(&x, g->coordinator, g->id, commit);
    if (g->was_assigned)
        group_change_forget(&x);
    g->was_assigned = false;
    group_change_put(&x, GROUP_RECORD_CLASSIC, STR_NONE, value_of(g, &a));
    group_change_end(&x);
    coordinator_keep(g->coordinator, commit, g->id);
    arena_done(&a);
}

/* Its members have been there when it was kept, and have a session's time to be heard of. */
static void load(broker_coordinator_t *c, str_t id, const wire_group_metadata_value_t *v)
{
    if (!v->members.len || !v->protocol.ptr)
        return;
    group_t *g = group_new(c, id);
    group_disown(&g->protocol_type);
    group_disown(&g->protocol);
    g->protocol_type = group_own(v->protocol_type);
    g->protocol = group_own(v->protocol);
    g->state = GROUP_STABLE;
    for (int32_t i = 0; i < v->members.len; i++)
        group_member_load(g, &v->members.ptr[i]);
    g->leader = v->leader.ptr ? group_member_find(g, v->leader) : NULL;
}

void groups_load(broker_coordinator_t *c)
{
    arena_t a;
    group_record_t *record;
    size_t n;
    arena_init(&a, ARENA_NO_LIMIT);
    group_records(c->broker->log, &a, &record, &n);
    for (size_t i = 0; i < n; i++) {
        const wire_group_metadata_value_t *v =
            record[i].kind == GROUP_RECORD_CLASSIC ? group_record_read(&record[i], &a) : NULL;
        if (v)
            load(c, record[i].group, v);
    }
    arena_done(&a);
}
