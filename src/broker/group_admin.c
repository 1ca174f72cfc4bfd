/* group_admin.c: groups as tools see them: ListGroups, DescribeGroups, DeleteGroups. thread: group
 */
#include "broker/consumer_group.h"
#include "broker/group_expiry.h"
#include "broker/group_past.h"

static bool has(const str_t *list, int32_t n, str_t word)
{
    for (int32_t i = 0; i < n; i++)
        if (str_eq_nocase(list[i], word))
            return true;
    return n == 0;
}

bool group_is_known(broker_request_t *r, str_t group)
{
    log_group_offset_t *all;
    group_past_t past;
    size_t n;
    log_group_offsets(broker_of(r)->log, group, &r->arena, &all, &n);
    return n > 0 || group_past_find(broker_of(r)->log, group, &r->arena, &past);
}

/* What is left of a group that nobody is in; without any it is of a client that only commits.
 */
static group_past_t left_of(broker_request_t *r, str_t group)
{
    group_past_t past = {.protocol_type = STR("")};
    (void)group_past_find(broker_of(r)->log, group, &r->arena, &past);
    return past;
}

/* ---- ListGroups: those with members, and those of which only the log knows */

static void list_one(broker_request_t *r, str_t id, str_t state, str_t type, str_t protocol_type,
                     wire_list_groups_response_t *answer)
{
    MESSAGE(list_groups);
    if (!broker_may_cluster(r->conn, ACL_DESCRIBE) &&
        !broker_may(r->conn, ACL_DESCRIBE, ACL_GROUP, id))
        return;
    if (has(m->states_filter.ptr, m->states_filter.len, state) &&
        has(m->types_filter.ptr, m->types_filter.len, type))
        answer->groups.ptr[answer->groups.len++] =
            (wire_list_groups_response_group_t){.group_id = id,
                                                .protocol_type = protocol_type,
                                                .group_state = state,
                                                .group_type = type};
}

static void list_left(broker_request_t *r, str_t id, wire_list_groups_response_t *answer)
{
    group_past_t past = left_of(r, id);
    list_one(r, id, STR("Empty"), past.assigned ? STR("consumer") : STR("classic"),
             past.protocol_type, answer);
}

void broker_on_list_groups(broker_request_t *r)
{
    RESPONSE(list_groups);
    broker_coordinator_t *c = broker_coordinator_of(r);
    str_t *name;
    size_t n;
    coordinator_flush(c); /* so that what came before is seen */
    group_ids(c->broker->log, &r->arena, &name, &n);
    NEW_LIST(&r->arena, answer->groups, list_groups_response_group,
             n + c->groups.len + c->consumer_groups.len);
    answer->groups.len = 0;
    for (size_t i = 0; i < n; i++)
        if (!group_find(c, name[i]) && !consumer_group_find(c, name[i]))
            list_left(r, name[i], answer);
    for (map_entry_t *e = NULL; (e = map_next(&c->groups, e));) {
        const group_t *g = e->value;
        list_one(r, e->key, str_of(group_state_name(g->state)), STR("classic"), g->protocol_type,
                 answer);
    }
    for (map_entry_t *e = NULL; (e = map_next(&c->consumer_groups, e));)
        list_one(r, e->key, str_of(consumer_group_state(e->value)), STR("consumer"),
                 STR("consumer"), answer);
    broker_answer(r, answer);
}

/* ---- DescribeGroups */

static void describe(broker_request_t *r, const group_t *g,
                     wire_describe_groups_response_group_t *to)
{
    to->group_state = str_of(group_state_name(g->state));
    to->protocol_type = g->protocol_type;
    bool chosen = g->state == GROUP_STABLE || g->state == GROUP_COMPLETING;
    to->protocol_data = chosen ? g->protocol : STR("");
    NEW_LIST(&r->arena, to->members, describe_groups_response_member, g->members.len);
    for (size_t i = 0; i < g->members.len; i++) {
        const group_member_t *m = g->members.ptr[i];
        to->members.ptr[i] = (wire_describe_groups_response_member_t){
            .member_id = m->id,
            .group_instance_id = m->instance_id,
            .client_id = m->client_id,
            .client_host = m->host,
            .member_metadata = chosen ? group_member_metadata(m, g->protocol) : STR(""),
            .member_assignment = g->state == GROUP_STABLE ? m->assignment : STR("")};
    }
}

/* By the broker: by ConsumerGroupDescribe it can be seen. */
static bool is_assigned(broker_request_t *r, str_t group)
{
    return consumer_group_find(broker_coordinator_of(r), group) || left_of(r, group).assigned;
}

void broker_on_describe_groups(broker_request_t *r)
{
    MESSAGE(describe_groups);
    RESPONSE(describe_groups);
    broker_coordinator_t *c = broker_coordinator_of(r);
    coordinator_flush(c);
    NEW_LIST(&r->arena, answer->groups, describe_groups_response_group, m->groups.len);
    for (int32_t i = 0; i < m->groups.len && !broker_answer_full(r); i++) {
        wire_describe_groups_response_group_t *to = &answer->groups.ptr[i];
        const group_t *g = group_find(c, m->groups.ptr[i]);
        to->group_id = m->groups.ptr[i];
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_GROUP, to->group_id)) {
            to->error_code = KAFKA_GROUP_AUTHORIZATION_FAILED;
            continue;
        }
        if (m->include_authorized_operations)
            to->authorized_operations = broker_operations(r->conn, ACL_GROUP, to->group_id);
        if (g) {
            describe(r, g, to);
        } else if (!is_assigned(r, to->group_id) && group_is_known(r, to->group_id)) {
            to->group_state = str_of(group_state_name(GROUP_EMPTY));
            to->protocol_type = left_of(r, to->group_id).protocol_type;
        } else {
            to->group_state = STR("Dead");
            if (r->version >= 6) {
                to->error_code = KAFKA_GROUP_ID_NOT_FOUND;
                to->error_message = arena_printf(&r->arena,
                                                 is_assigned(r, to->group_id)
                                                     ? "Group " STR_FMT " is not a classic group."
                                                     : "Group " STR_FMT " not found.",
                                                 STR_ARG(to->group_id));
            }
        }
    }
    broker_answer(r, answer);
}

/* ---- DeleteGroups */

static int16_t delete_one(broker_request_t *r, str_t id)
{
    broker_coordinator_t *c = broker_coordinator_of(r);
    const group_t *g = group_find(c, id);
    if (!broker_may(r->conn, ACL_DELETE, ACL_GROUP, id))
        return KAFKA_GROUP_AUTHORIZATION_FAILED;
    if (consumer_group_find(c, id) || (g && (g->members.len || g->pending.len)))
        return KAFKA_NON_EMPTY_GROUP;
    st_t st = group_forget(c, id, NULL);
    if (st == ST_NOT_FOUND)
        return KAFKA_GROUP_ID_NOT_FOUND;
    return (int16_t)(st == ST_OK ? KAFKA_NONE : KAFKA_STORAGE_ERROR);
}

void broker_on_delete_groups(broker_request_t *r)
{
    MESSAGE(delete_groups);
    RESPONSE(delete_groups);
    coordinator_flush(broker_coordinator_of(r));
    NEW_LIST(&r->arena, answer->results, delete_groups_response_result, m->groups_names.len);
    for (int32_t i = 0; i < m->groups_names.len; i++)
        answer->results.ptr[i] = (wire_delete_groups_response_result_t){
            m->groups_names.ptr[i], delete_one(r, m->groups_names.ptr[i])};
    broker_answer(r, answer);
}
