/* group.c: groups of the classic protocol, and the rounds in which they find their members. */
#include "broker/group.h"

#include "broker/group_past.h"

#define ROUND_MS_MAX (10 * 60 * 1000)

const char *group_state_name(group_state_t s)
{
    static const char *const names[] = {"Empty", "PreparingRebalance", "CompletingRebalance",
                                        "Stable"};
    return names[s];
}

/* ---- groups */

static void round_is_over(void *arg);

group_t *group_find(const broker_coordinator_t *c, str_t id)
{
    return map_get(&c->groups, id);
}

group_t *group_new(broker_coordinator_t *c, str_t id)
{
    coordinator_flush(c); /* so that what became of one that it follows is seen */
    group_t *g = mem_zalloc(sizeof *g);
    g->coordinator = c;
    g->id = group_own(id);
    g->protocol_type = group_own(STR(""));
    g->protocol = group_own(STR(""));
    g->round = (io_timer_t){.fn = round_is_over, .arg = g};
    map_put(&c->groups, id, g);
    arena_t a;
    group_past_t past;
    arena_init(&a, ARENA_NO_LIMIT);
    if (group_past_find(c->broker->log, id, &a, &past)) {
        g->was_assigned = past.assigned;
        g->generation = past.assigned ? 0 : past.generation;
    }
    arena_done(&a);
    return g;
}

void group_free(void *group)
{
    group_t *g = group;
    while (g->members.len)
        group_member_free(g->members.ptr[0]);
    while (g->pending.len)
        group_pending_free(g->pending.ptr[0]);
    io_timer_clear(group_loop(g), &g->round);
    VEC_DONE(&g->members);
    VEC_DONE(&g->pending);
    group_disown(&g->id);
    group_disown(&g->protocol_type);
    group_disown(&g->protocol);
    free(g);
}

static void forget(group_t *g)
{
    map_remove(&g->coordinator->groups, g->id);
    group_free(g);
}

void group_settle(group_t *g)
{
    if (!g->members.len && !g->pending.len)
        forget(g);
}

bool group_make_way(broker_coordinator_t *c, str_t id)
{
    group_t *g = group_find(c, id);
    if (g && g->members.len)
        return false;
    if (g)
        forget(g);
    return true;
}

/* ---- answers */

void group_answer_join_error(broker_request_t *r, int16_t code, str_t member_id)
{
    RESPONSE(join_group);
    answer->error_code = code;
    answer->member_id = member_id;
    answer->protocol_name = r->version >= 7 ? STR_NONE : STR("");
    answer->leader = STR("");
    broker_answer(r, answer);
}

void group_answer_join(group_member_t *m, broker_request_t *r, str_t leader, bool members,
                       bool skip_assignment)
{
    RESPONSE(join_group);
    group_t *g = m->group;
    answer->generation_id = g->generation;
    answer->protocol_type = arena_str(&r->arena, g->protocol_type);
    answer->protocol_name = arena_str(&r->arena, g->protocol);
    answer->leader = arena_str(&r->arena, leader);
    answer->member_id = arena_str(&r->arena, m->id);
    answer->skip_assignment = skip_assignment;
    if (members) {
        NEW_LIST(&r->arena, answer->members, join_group_response_member, g->members.len);
        for (size_t i = 0; i < g->members.len; i++) {
            const group_member_t *one = g->members.ptr[i];
            answer->members.ptr[i] = (wire_join_group_response_member_t){
                one->id, one->instance_id, group_member_metadata(one, g->protocol)};
        }
    }
    coordinator_answer(r, answer);
}

void group_answer_current(group_member_t *m, broker_request_t *r)
{
    group_answer_join(m, r, m->group->leader ? m->group->leader->id : STR(""),
                      m == m->group->leader, false);
}

void group_answer_sync(group_member_t *m, broker_request_t *r, int16_t code)
{
    RESPONSE(sync_group);
    answer->error_code = code;
    answer->assignment = STR("");
    if (m && !code) {
        answer->protocol_type = m->group->protocol_type;
        answer->protocol_name = m->group->protocol;
        answer->assignment = m->assignment;
    }
    coordinator_answer(r, answer);
}

void group_answer_syncs(group_t *g, int16_t code)
{
    for (size_t i = 0; i < g->members.len; i++) {
        group_member_t *m = g->members.ptr[i];
        broker_request_t *r = m->sync;
        m->sync = NULL;
        if (r)
            group_answer_sync(m, r, code);
    }
}

/* ---- rounds */

static int32_t longest_rebalance(const group_t *g)
{
    int32_t ms = 0;
    for (size_t i = 0; i < g->members.len; i++)
        ms = g->members.ptr[i]->rebalance_ms > ms ? g->members.ptr[i]->rebalance_ms : ms;
    return ms > ROUND_MS_MAX ? ROUND_MS_MAX : ms;
}

void group_prepare(group_t *g)
{
    bool first = g->state == GROUP_EMPTY;
    int64_t delay = g->coordinator->broker->config.rebalance_delay_ms;
    if (g->state == GROUP_COMPLETING)
        group_answer_syncs(g, KAFKA_REBALANCE_IN_PROGRESS);
    g->state = GROUP_PREPARING;
    /* The first members wait a little for others, when that is configured. */
    io_timer_set(group_loop(g), &g->round, first && delay > 0 ? delay : longest_rebalance(g));
    g->delayed = first && delay > 0;
    group_try_complete(g);
}

/* Each member votes for the first of its protocols that all speak. */
static str_t vote(const group_t *g)
{
    const group_member_t *any = g->members.ptr[0];
    str_t best = STR("");
    int most = -1;
    for (size_t p = 0; p < any->protocols.len; p++) {
        str_t candidate = any->protocols.ptr[p].name;
        int votes = 0;
        bool all = true;
        for (size_t i = 0; i < g->members.len && all; i++) {
            const group_member_t *m = g->members.ptr[i];
            all = group_member_speaks(m, candidate);
            for (size_t k = 0; k < m->protocols.len; k++) {
                bool common = true;
                for (size_t j = 0; j < g->members.len && common; j++)
                    common = group_member_speaks(g->members.ptr[j], m->protocols.ptr[k].name);
                if (common) {
                    votes += str_eq(m->protocols.ptr[k].name, candidate);
                    break;
                }
            }
        }
        if (all && votes > most) {
            most = votes;
            best = candidate;
        }
    }
    return best;
}

static void become_empty(group_t *g)
{
    g->state = GROUP_EMPTY;
    g->generation++;
    g->leader = NULL;
    group_disown(&g->protocol);
    g->protocol = group_own(STR(""));
    io_timer_clear(group_loop(g), &g->round);
    group_keep(g);
}

static void complete(group_t *g)
{
    io_timer_clear(group_loop(g), &g->round);
    for (size_t i = g->members.len; i-- > 0;) { /* those who have not come; static ones may yet */
        group_member_t *m = g->members.ptr[i];
        if (!m->join && !m->instance_id.ptr)
            group_member_free(m);
    }
    if (!g->members.len) {
        become_empty(g);
        return;
    }
    g->generation = g->generation == INT32_MAX ? 1 : g->generation + 1;
    str_t protocol = group_own(vote(g));
    group_disown(&g->protocol);
    g->protocol = protocol;
    g->state = GROUP_COMPLETING;
    for (size_t i = 0; i < g->members.len && (!g->leader || !g->leader->join); i++)
        g->leader = g->members.ptr[i];
    for (size_t i = 0; i < g->members.len; i++) {
        group_member_t *m = g->members.ptr[i];
        broker_request_t *r = m->join;
        m->join = NULL;
        group_member_touch(m);
        if (r)
            group_answer_current(m, r);
    }
    io_timer_set(group_loop(g), &g->round, longest_rebalance(g));
}

void group_try_complete(group_t *g)
{
    if (g->state != GROUP_PREPARING || g->delayed || g->pending.len)
        return;
    for (size_t i = 0; i < g->members.len; i++)
        if (!g->members.ptr[i]->join)
            return;
    complete(g);
}

/* Who has not joined, or not synced, in time is out. */
static void round_is_over(void *arg)
{
    group_t *g = arg;
    g->delayed = false;
    if (g->state == GROUP_PREPARING) {
        while (g->pending.len)
            group_pending_free(g->pending.ptr[0]);
        complete(g);
    } else if (g->state == GROUP_COMPLETING) {
        for (size_t i = g->members.len; i-- > 0;)
            if (!g->members.ptr[i]->sync)
                group_member_free(g->members.ptr[i]);
        group_prepare(g);
    }
    group_settle(g);
}

void group_member_gone(group_member_t *m)
{
    group_t *g = m->group;
    if (m->join)
        group_answer_join_error(m->join, KAFKA_UNKNOWN_MEMBER_ID, STR(""));
    if (m->sync)
        group_answer_sync(NULL, m->sync, KAFKA_UNKNOWN_MEMBER_ID);
    group_member_free(m);
    if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING)
        group_prepare(g);
    else
        group_try_complete(g);
    group_settle(g);
}
