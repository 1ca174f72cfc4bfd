/* consumer_heartbeat.c: ConsumerGroupHeartbeat and ConsumerGroupDescribe. thread: group */
#include "base/hash.h"
#include "broker/consumer_group.h"
#include "broker/group.h"
#include "broker/group_past.h"

typedef wire_consumer_group_heartbeat_request_t heartbeat_t;
typedef wire_consumer_group_heartbeat_response_t answer_t;

static broker_failure_t good(void)
{
    return (broker_failure_t){KAFKA_NONE, STR_NONE};
}

/* Of the other kind, or not there at all. */
static broker_failure_t not_found(broker_request_t *r, str_t group)
{
    return BROKER_FAIL(&r->arena, KAFKA_GROUP_ID_NOT_FOUND,
                       group_is_known(r, group) ? "Group " STR_FMT " is not a consumer group."
                                                : "Group " STR_FMT " not found.",
                       STR_ARG(group));
}

/* ---- what may be asked */

static broker_failure_t check_join(broker_request_t *r)
{
    MESSAGE(consumer_group_heartbeat);
    const char *what = NULL;
    if (m->rebalance_timeout_ms < 0)
        what = "RebalanceTimeoutMs must be provided in first request.";
    else if (!m->topic_partitions.ptr || m->topic_partitions.len)
        what = "TopicPartitions must be empty when (re-)joining.";
    else if (!m->subscribed_topic_names.ptr && !m->subscribed_topic_regex.ptr)
        what = "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
               "(re-)joining.";
    return what ? BROKER_FAIL(&r->arena, KAFKA_INVALID_REQUEST, "%s", what) : good();
}

static broker_failure_t check_heartbeat(broker_request_t *r)
{
    MESSAGE(consumer_group_heartbeat);
    const char *what = NULL;
    if (!m->group_id.len)
        what = "GroupId can't be empty.";
    else if (m->instance_id.ptr && !m->instance_id.len)
        what = "InstanceId can't be empty.";
    else if (m->rack_id.ptr && !m->rack_id.len)
        what = "RackId can't be empty.";
    else if (!m->member_id.len && (r->version >= 1 || m->member_epoch != 0))
        what = "MemberId can't be empty.";
    else if (m->member_epoch < CONSUMER_EPOCH_LEAVES_SHORT)
        what = "MemberEpoch is invalid.";
    else if (m->member_epoch == CONSUMER_EPOCH_LEAVES_SHORT && !m->instance_id.ptr)
        what = "InstanceId can't be null.";
    if (what)
        return BROKER_FAIL(&r->arena, KAFKA_INVALID_REQUEST, "%s", what);
    if (m->server_assignor.ptr && !consumer_assignor_find(m->server_assignor))
        return BROKER_FAIL(&r->arena, KAFKA_UNSUPPORTED_ASSIGNOR,
                           "ServerAssignor " STR_FMT
                           " is not supported. Supported assignors: uniform, range.",
                           STR_ARG(m->server_assignor));
    err_t err;
    broker_pattern_t *pattern = NULL;
    if (m->subscribed_topic_regex.len &&
        broker_pattern_new(m->subscribed_topic_regex, &pattern, &err) != ST_OK)
        return BROKER_FAIL(&r->arena, KAFKA_INVALID_REGULAR_EXPRESSION, "SubscribedTopicRegex %s",
                           err.msg);
    broker_pattern_free(pattern);
    return m->member_epoch == 0 ? check_join(r) : good();
}

/* All that it says to have is its. */
static bool owns_all(const consumer_member_t *member, const heartbeat_t *m)
{
    for (int32_t i = 0; i < m->topic_partitions.len; i++)
        for (int32_t k = 0; k < m->topic_partitions.ptr[i].partitions.len; k++)
            if (!consumer_member_owns(member, &m->topic_partitions.ptr[i].topic_id,
                                      m->topic_partitions.ptr[i].partitions.ptr[k]))
                return false;
    return m->topic_partitions.ptr != NULL;
}

/* A member that has been here. */
static broker_failure_t find_member(broker_request_t *r, const consumer_group_t *g,
                                    consumer_member_t **ret)
{
    MESSAGE(consumer_group_heartbeat);
    consumer_member_t *member = m->instance_id.ptr ? consumer_member_of_instance(g, m->instance_id)
                                                   : consumer_member_find(g, m->member_id);
    if (!member)
        return BROKER_FAIL(&r->arena, KAFKA_UNKNOWN_MEMBER_ID,
                           "Member " STR_FMT " is not a member of group " STR_FMT ".",
                           STR_ARG(m->member_id), STR_ARG(g->id));
    if (!str_eq(member->id, m->member_id))
        return BROKER_FAIL(&r->arena, KAFKA_FENCED_INSTANCE_ID,
                           "Static member " STR_FMT " with instance id " STR_FMT
                           " was fenced by member " STR_FMT ".",
                           STR_ARG(m->member_id), STR_ARG(m->instance_id), STR_ARG(member->id));
    /* The answer with its new epoch may have been lost. */
    bool late = m->member_epoch == member->epoch_before && owns_all(member, m);
    if (m->member_epoch > 0 && m->member_epoch != member->epoch && !late)
        return BROKER_FAIL(&r->arena, KAFKA_FENCED_MEMBER_EPOCH,
                           "The consumer group member has a %s member epoch (%d) than the one "
                           "known by the group coordinator (%d). The member must abandon all its "
                           "partitions and rejoin.",
                           m->member_epoch < member->epoch ? "smaller" : "greater", m->member_epoch,
                           member->epoch);
    if (m->member_epoch > 0)
        member->epoch = m->member_epoch; /* it is where it says, however many answers were lost */
    *ret = member;
    return good();
}

/* ---- joining, leaving */

static broker_failure_t join_static(broker_request_t *r, consumer_member_t *old,
                                    consumer_member_t **ret)
{
    MESSAGE(consumer_group_heartbeat);
    if (!str_eq(old->id, m->member_id)) {
        if (old->epoch != CONSUMER_EPOCH_LEAVES_SHORT)
            return BROKER_FAIL(&r->arena, KAFKA_UNRELEASED_INSTANCE_ID,
                               "Static member " STR_FMT " with instance id " STR_FMT
                               " cannot join the group because the instance id is owned by " STR_FMT
                               " member.",
                               STR_ARG(m->member_id), STR_ARG(m->instance_id), STR_ARG(old->id));
    }
    consumer_member_replace(old, m->member_id);
    *ret = old;
    return good();
}

static broker_failure_t join(broker_request_t *r, consumer_group_t *g, consumer_member_t **ret,
                             bool *ret_new)
{
    MESSAGE(consumer_group_heartbeat);
    consumer_member_t *old =
        m->instance_id.ptr ? consumer_member_of_instance(g, m->instance_id) : NULL;
    if (old)
        return join_static(r, old, ret);
    old = m->member_id.len ? consumer_member_find(g, m->member_id) : NULL;
    if (old) { /* it has given up all it had */
        consumer_member_replace(old, m->member_id);
        *ret = old;
        return good();
    }
    if ((int64_t)g->members.len >= broker_of(r)->config.consumer_members_max)
        return BROKER_FAIL(&r->arena, KAFKA_GROUP_MAX_SIZE_REACHED,
                           "The consumer group has reached its maximum capacity of %zu members.",
                           g->members.len);
    str_t id = m->member_id.len ? m->member_id : group_new_uuid(r);
    *ret = consumer_member_new(g, r, id);
    *ret_new = true;
    return good();
}

static void leave(broker_request_t *r, consumer_member_t *member, answer_t *answer)
{
    MESSAGE(consumer_group_heartbeat);
    answer->member_id = arena_str(&r->arena, member->id);
    answer->member_epoch = m->member_epoch;
    if (m->member_epoch == CONSUMER_EPOCH_LEAVES_SHORT)
        consumer_member_leave_short(member);
    else
        consumer_member_gone(member);
}

/* ---- the answer */

static void put_assignment(broker_request_t *r, consumer_member_t *member, bool always,
                           answer_t *answer)
{
    const consumer_group_t *g = member->group;
    wire_consumer_group_heartbeat_response_assignment_t *to =
        WIRE_NEW(&r->arena, consumer_group_heartbeat_response_assignment, 1);
    uint64_t told = 0;
    NEW_LIST(&r->arena, to->topic_partitions, consumer_group_heartbeat_response_topic_partition,
             g->topics.len);
    to->topic_partitions.len = 0;
    for (size_t i = 0; i < g->topics.len; i++) {
        const consumer_topic_t *t = &g->topics.ptr[i];
        int32_t *list = ARENA_ARRAY(&r->arena, int32_t, t->partitions), n = 0;
        for (int32_t p = 0; p < t->partitions; p++)
            if (t->owner[p] == member && t->target[p] == member)
                list[n++] = p;
        if (!n)
            continue;
        told = told * 31 + hash_bytes(&t->id, sizeof t->id);
        told = told * 31 + hash_bytes(list, (size_t)n * sizeof *list);
        to->topic_partitions.ptr[to->topic_partitions.len++] =
            (wire_consumer_group_heartbeat_response_topic_partition_t){broker_uuid(t->id),
                                                                       {list, n}};
    }
    if (always || told != member->told)
        answer->assignment = to;
    member->told = told;
}

static void go_on(broker_request_t *r, consumer_member_t *member, bool is_new, answer_t *answer)
{
    MESSAGE(consumer_group_heartbeat);
    bool changed = consumer_member_update(member, m);
    consumer_member_touch(member);
    consumer_group_refresh(member->group, changed || is_new);
    consumer_member_reconcile(member, m->topic_partitions.ptr, m->topic_partitions.len);
    bool full = m->rebalance_timeout_ms >= 0 && m->topic_partitions.ptr &&
                (m->subscribed_topic_names.ptr || m->subscribed_topic_regex.ptr);
    answer->member_id = arena_str(&r->arena, member->id);
    answer->member_epoch = member->epoch;
    answer->heartbeat_interval_ms = (int32_t)broker_of(r)->config.consumer_heartbeat_ms;
    put_assignment(r, member, m->member_epoch == 0 || full, answer);
}

/* Nobody is in it, or it is of the other kind. */
static broker_failure_t no_group(broker_request_t *r)
{
    MESSAGE(consumer_group_heartbeat);
    if (consumer_group_was(broker_coordinator_of(r), m->group_id))
        return BROKER_FAIL(&r->arena, KAFKA_UNKNOWN_MEMBER_ID,
                           "Member " STR_FMT " is not a member of group " STR_FMT ".",
                           STR_ARG(m->member_id), STR_ARG(m->group_id));
    return not_found(r, m->group_id);
}

static broker_failure_t beat(broker_request_t *r, answer_t *answer)
{
    MESSAGE(consumer_group_heartbeat);
    broker_coordinator_t *c = broker_coordinator_of(r);
    consumer_group_t *g = consumer_group_find(c, m->group_id);
    consumer_member_t *member = NULL;
    bool is_new = false;
    broker_failure_t f = check_heartbeat(r);
    if (f.code)
        return f;
    if (!broker_may(r->conn, ACL_READ, ACL_GROUP, m->group_id))
        return (broker_failure_t){KAFKA_GROUP_AUTHORIZATION_FAILED, STR_NONE};
    for (int32_t i = 0; i < m->subscribed_topic_names.len; i++)
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, m->subscribed_topic_names.ptr[i]))
            return (broker_failure_t){KAFKA_TOPIC_AUTHORIZATION_FAILED, STR_NONE};
    if (!g && (m->member_epoch != 0 || !group_make_way(c, m->group_id)))
        return no_group(r);
    if (!g)
        g = consumer_group_new(c, m->group_id);
    f = m->member_epoch == 0 ? join(r, g, &member, &is_new) : find_member(r, g, &member);
    if (!f.code && m->member_epoch < 0)
        leave(r, member, answer);
    else if (!f.code)
        go_on(r, member, is_new, answer);
    consumer_group_settle(g);
    return f;
}

void broker_on_consumer_group_heartbeat(broker_request_t *r)
{
    RESPONSE(consumer_group_heartbeat);
    broker_failure_t f = beat(r, answer);
    answer->error_code = f.code;
    answer->error_message = f.text;
    coordinator_answer(r, answer);
}

/* ---- ConsumerGroupDescribe */

static void put_partitions(broker_request_t *r, const consumer_member_t *m, bool target,
                           wire_consumer_group_describe_response_assignment_t *to)
{
    const consumer_group_t *g = m->group;
    NEW_LIST(&r->arena, to->topic_partitions, consumer_group_describe_response_topic_partition,
             g->topics.len);
    to->topic_partitions.len = 0;
    for (size_t i = 0; i < g->topics.len; i++) {
        const consumer_topic_t *t = &g->topics.ptr[i];
        int32_t *list = ARENA_ARRAY(&r->arena, int32_t, t->partitions), n = 0;
        for (int32_t p = 0; p < t->partitions; p++)
            if ((target ? t->target : t->owner)[p] == m)
                list[n++] = p;
        if (n)
            to->topic_partitions.ptr[to->topic_partitions.len++] =
                (wire_consumer_group_describe_response_topic_partition_t){
                    broker_uuid(t->id), t->name, {list, n}};
    }
}

static void describe(broker_request_t *r, const consumer_group_t *g,
                     wire_consumer_group_describe_response_group_t *to)
{
    to->group_state = str_of(consumer_group_state(g));
    to->group_epoch = to->assignment_epoch = g->epoch;
    to->assignor_name = str_of(g->assignor);
    NEW_LIST(&r->arena, to->members, consumer_group_describe_response_member, g->members.len);
    for (size_t i = 0; i < g->members.len; i++) {
        const consumer_member_t *m = g->members.ptr[i];
        wire_consumer_group_describe_response_member_t *one = &to->members.ptr[i];
        one->member_id = m->id;
        one->instance_id = m->instance_id;
        one->rack_id = m->rack_id;
        one->member_epoch = m->epoch;
        one->client_id = m->client_id;
        one->client_host = m->host;
        one->subscribed_topic_names.ptr = m->topics.ptr;
        one->subscribed_topic_names.len = (int32_t)m->topics.len;
        one->subscribed_topic_regex = m->regex.ptr ? m->regex : STR("");
        one->member_type = 1; /* of the new protocol */
        put_partitions(r, m, false, &one->assignment);
        put_partitions(r, m, true, &one->target_assignment);
    }
}

static bool may_see_topics(broker_request_t *r, const consumer_group_t *g)
{
    for (size_t i = 0; g && i < g->topics.len; i++)
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, g->topics.ptr[i].name))
            return false;
    return true;
}

void broker_on_consumer_group_describe(broker_request_t *r)
{
    MESSAGE(consumer_group_describe);
    RESPONSE(consumer_group_describe);
    coordinator_flush(broker_coordinator_of(r)); /* so that what came before is seen */
    NEW_LIST(&r->arena, answer->groups, consumer_group_describe_response_group, m->group_ids.len);
    for (int32_t i = 0; i < m->group_ids.len && !broker_answer_full(r); i++) {
        wire_consumer_group_describe_response_group_t *to = &answer->groups.ptr[i];
        const consumer_group_t *g =
            consumer_group_find(broker_coordinator_of(r), m->group_ids.ptr[i]);
        to->group_id = m->group_ids.ptr[i];
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_GROUP, to->group_id)) {
            to->error_code = KAFKA_GROUP_AUTHORIZATION_FAILED;
            continue;
        }
        if (!may_see_topics(r, g)) {
            to->error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
            continue;
        }
        if (m->include_authorized_operations)
            to->authorized_operations = broker_operations(r->conn, ACL_GROUP, to->group_id);
        if (g) {
            describe(r, g, to);
            continue;
        }
        group_past_t left;
        if (!group_find(broker_coordinator_of(r), to->group_id) &&
            group_past_find(broker_of(r)->log, to->group_id, &r->arena, &left) && left.assigned) {
            to->group_state = STR("Empty");
            to->group_epoch = to->assignment_epoch = left.generation;
            to->assignor_name = STR("uniform");
            continue;
        }
        broker_failure_t f = not_found(r, to->group_id);
        to->error_code = f.code;
        to->error_message = f.text;
    }
    broker_answer(r, answer);
}
