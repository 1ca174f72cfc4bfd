/* group_requests.c: JoinGroup, SyncGroup, Heartbeat, LeaveGroup: Kafka's classic group protocol. */
#include "broker/consumer_group.h"
#include "broker/group.h"

#define PROTOCOLS_MAX 100 /* a member; all are compared with all others' */

/* ---- JoinGroup */

static str_t new_member_id(broker_request_t *r, str_t prefix)
{
    return arena_printf(&r->arena, STR_FMT "-" STR_FMT, STR_ARG(str_sub(prefix, 0, 200)),
                        STR_ARG(group_new_uuid(r)));
}

static int16_t check_join(const group_t *g, const broker_request_t *r)
{
    MESSAGE(join_group);
    const broker_config_t *config = &broker_of(r)->config;
    if (!m->group_id.len || m->group_id.len > GROUP_ID_BYTES_MAX)
        return KAFKA_INVALID_GROUP_ID;
    if (m->session_timeout_ms < config->session_ms_min ||
        m->session_timeout_ms > config->session_ms_max)
        return KAFKA_INVALID_SESSION_TIMEOUT;
    if (!m->protocols.len || m->protocols.len > PROTOCOLS_MAX || !m->protocol_type.len)
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (consumer_group_find(broker_coordinator_of(r), m->group_id))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (!g)
        return m->member_id.len ? KAFKA_UNKNOWN_MEMBER_ID : KAFKA_NONE;
    if (!g->members.len)
        return KAFKA_NONE;
    if (!str_eq(m->protocol_type, g->protocol_type))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    for (int32_t i = 0; i < m->protocols.len; i++) {
        bool all = true;
        for (size_t k = 0; k < g->members.len && all; k++)
            all = group_member_speaks(g->members.ptr[k], m->protocols.ptr[i].name);
        if (all)
            return KAFKA_NONE;
    }
    return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
}

static bool is_full(const group_t *g)
{
    return (int64_t)(g->members.len + g->pending.len) >= g->coordinator->broker->config.members_max;
}

/* It waits for the others; an earlier request of its own is answered. */
static void wait_for_all(group_member_t *m, broker_request_t *r)
{
    if (m->join)
        group_answer_join_error(m->join, KAFKA_UNKNOWN_MEMBER_ID, STR(""));
    m->join = r;
    group_member_touch(m);
    if (m->group->state == GROUP_PREPARING)
        group_try_complete(m->group);
    else
        group_prepare(m->group);
}

static void join_new(group_t *g, broker_request_t *r, str_t id)
{
    MESSAGE(join_group);
    group_member_t *member = group_member_new(g, r, id);
    group_member_set_protocols(member, m);
    if (g->members.len == 1) {
        group_disown(&g->protocol_type);
        g->protocol_type = group_own(m->protocol_type);
    }
    wait_for_all(member, r);
}

/* A static member that comes back takes its old place under a new id; without a rebalance when it
 * wants the same as before (KIP-345). */
static void join_again(group_member_t *old, broker_request_t *r)
{
    MESSAGE(join_group);
    group_t *g = old->group;
    bool same = group_member_wants_same(old, m);
    str_t old_id = arena_str(&r->arena, old->id);
    if (old->join)
        group_answer_join_error(old->join, KAFKA_FENCED_INSTANCE_ID, old_id);
    if (old->sync)
        group_answer_sync(NULL, old->sync, KAFKA_FENCED_INSTANCE_ID);
    old->join = old->sync = NULL;
    group_member_take_id(old, new_member_id(r, m->group_instance_id));
    group_member_set_protocols(old, m);
    if (g->state != GROUP_STABLE || !same) {
        wait_for_all(old, r);
        return;
    }
    group_member_touch(old);
    group_keep(g);
    bool leads = g->leader == old;
    if (leads && r->version >= 9)
        group_answer_join(old, r, old->id, true, true);
    else /* an older leader is told that another leads, so that it does not assign */
        group_answer_join(old, r,
                          leads       ? old_id
                          : g->leader ? g->leader->id
                                      : STR(""),
                          false, false);
}

static void join_unknown(group_t *g, broker_request_t *r)
{
    MESSAGE(join_group);
    if (m->group_instance_id.ptr) {
        group_member_t *old = group_member_of_instance(g, m->group_instance_id);
        if (old)
            join_again(old, r);
        else if (is_full(g))
            group_answer_join_error(r, KAFKA_GROUP_MAX_SIZE_REACHED, STR(""));
        else
            join_new(g, r, new_member_id(r, m->group_instance_id));
        return;
    }
    if (is_full(g)) {
        group_answer_join_error(r, KAFKA_GROUP_MAX_SIZE_REACHED, STR(""));
        group_settle(g);
        return;
    }
    str_t id = new_member_id(r, r->client_id.ptr ? r->client_id : STR(""));
    if (r->version < 4) {
        join_new(g, r, id);
        return;
    }
    group_pending_new(g, id, m->session_timeout_ms);
    group_answer_join_error(r, KAFKA_MEMBER_ID_REQUIRED, id);
}

static void join_known(group_t *g, broker_request_t *r)
{
    MESSAGE(join_group);
    group_member_t *member;
    group_pending_t *pending = group_pending_find(g, m->member_id);
    if (pending && !m->group_instance_id.ptr) {
        group_pending_free(pending);
        join_new(g, r, m->member_id);
        return;
    }
    int16_t code = group_member_check(g, m->member_id, m->group_instance_id, &member);
    if (code) {
        group_answer_join_error(r, code, m->member_id);
        return;
    }
    bool same = group_member_wants_same(member, m);
    bool settled = (g->state == GROUP_COMPLETING && same) ||
                   (g->state == GROUP_STABLE && same && member != g->leader);
    group_member_set_protocols(member, m);
    if (settled) {
        group_member_touch(member);
        group_answer_current(member, r);
    } else {
        wait_for_all(member, r);
    }
}

void broker_on_join_group(broker_request_t *r)
{
    MESSAGE(join_group);
    broker_coordinator_t *c = broker_coordinator_of(r);
    group_t *g = group_find(c, m->group_id);
    int16_t code = check_join(g, r);
    if (code) {
        group_answer_join_error(r, code, m->member_id);
        return;
    }
    if (!g)
        g = group_new(c, m->group_id);
    if (m->member_id.len)
        join_known(g, r);
    else
        join_unknown(g, r);
}

/* ---- SyncGroup */

static int16_t check_sync(const group_t *g, const wire_sync_group_request_t *m,
                          group_member_t **ret)
{
    if (!g)
        return KAFKA_UNKNOWN_MEMBER_ID;
    int16_t code = group_member_check(g, m->member_id, m->group_instance_id, ret);
    if (code)
        return code;
    if (m->generation_id != g->generation)
        return KAFKA_ILLEGAL_GENERATION;
    if ((m->protocol_type.ptr && !str_eq(m->protocol_type, g->protocol_type)) ||
        (m->protocol_name.ptr && !str_eq(m->protocol_name, g->protocol)))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    return g->state == GROUP_PREPARING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

static void assign(group_t *g, const wire_sync_group_request_t *m)
{
    for (size_t i = 0; i < g->members.len; i++) {
        group_member_t *member = g->members.ptr[i];
        str_t given = STR("");
        for (int32_t k = 0; k < m->assignments.len; k++)
            if (str_eq(m->assignments.ptr[k].member_id, member->id))
                given = m->assignments.ptr[k].assignment;
        group_disown(&member->assignment);
        member->assignment = group_own(given);
    }
    g->state = GROUP_STABLE;
    io_timer_clear(group_loop(g), &g->round);
    group_keep(g);
    group_answer_syncs(g, KAFKA_NONE);
}

void broker_on_sync_group(broker_request_t *r)
{
    MESSAGE(sync_group);
    group_t *g = group_find(broker_coordinator_of(r), m->group_id);
    group_member_t *member = NULL;
    int16_t code = check_sync(g, m, &member);
    if (code) {
        group_answer_sync(NULL, r, code);
        return;
    }
    group_member_touch(member);
    if (g->state == GROUP_STABLE) {
        group_answer_sync(member, r, KAFKA_NONE);
        return;
    }
    if (member->sync)
        group_answer_sync(NULL, member->sync, KAFKA_UNKNOWN_MEMBER_ID);
    member->sync = r;
    if (member == g->leader)
        assign(g, m);
}

/* ---- Heartbeat */

void broker_on_heartbeat(broker_request_t *r)
{
    MESSAGE(heartbeat);
    RESPONSE(heartbeat);
    group_t *g = group_find(broker_coordinator_of(r), m->group_id);
    group_member_t *member;
    int16_t code = g ? group_member_check(g, m->member_id, m->group_instance_id, &member)
                     : KAFKA_UNKNOWN_MEMBER_ID;
    if (!code && m->generation_id != g->generation)
        code = KAFKA_ILLEGAL_GENERATION;
    if (!code) {
        group_member_touch(member);
        code = g->state == GROUP_PREPARING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
    }
    answer->error_code = code;
    broker_answer(r, answer);
}

/* ---- LeaveGroup */

/* A tool removes members of a group that the broker assigns by this request, too. */
static int16_t leave_assigned(consumer_group_t *g, str_t member_id, str_t instance_id)
{
    consumer_member_t *m = instance_id.ptr ? consumer_member_of_instance(g, instance_id)
                                           : consumer_member_find(g, member_id);
    if (!m)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (member_id.len && !str_eq(m->id, member_id))
        return KAFKA_FENCED_INSTANCE_ID;
    consumer_member_gone(m);
    consumer_group_settle(g);
    return KAFKA_NONE;
}

static int16_t leave(broker_coordinator_t *c, str_t group_id, str_t member_id, str_t instance_id)
{
    group_t *g = group_find(c, group_id);
    consumer_group_t *assigned = consumer_group_find(c, group_id);
    if (assigned)
        return leave_assigned(assigned, member_id, instance_id);
    if (!g)
        return KAFKA_UNKNOWN_MEMBER_ID;
    group_pending_t *pending = group_pending_find(g, member_id);
    if (pending) {
        group_pending_free(pending);
        group_try_complete(g);
        group_settle(g);
        return KAFKA_NONE;
    }
    group_member_t *member = NULL;
    /* A tool may name an instance alone. */
    if (instance_id.ptr && !member_id.len)
        member = group_member_of_instance(g, instance_id);
    int16_t code = member ? KAFKA_NONE : group_member_check(g, member_id, instance_id, &member);
    if (!code)
        group_member_gone(member);
    return code;
}

void broker_on_leave_group(broker_request_t *r)
{
    MESSAGE(leave_group);
    RESPONSE(leave_group);
    broker_coordinator_t *c = broker_coordinator_of(r);
    if (r->version < 3) {
        answer->error_code = leave(c, m->group_id, m->member_id, STR_NONE);
        coordinator_answer(r, answer);
        return;
    }
    NEW_LIST(&r->arena, answer->members, leave_group_response_member, m->members.len);
    for (int32_t i = 0; i < m->members.len; i++) {
        const wire_leave_group_request_member_t *one = &m->members.ptr[i];
        answer->members.ptr[i] = (wire_leave_group_response_member_t){
            one->member_id, one->group_instance_id,
            leave(c, m->group_id, one->member_id, one->group_instance_id)};
    }
    coordinator_answer(r, answer);
}
