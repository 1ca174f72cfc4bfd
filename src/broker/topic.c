/* topic.c: topics: names, finding, making, removing, growing. */
#include "broker/internal.h"

bool broker_topic_internal(str_t name)
{
    return str_eq(name, STR("__consumer_offsets")) || str_eq(name, STR("__transaction_state"));
}

bool broker_topic_name_good(str_t name)
{
    if (!name.len || name.len > LOG_TOPIC_NAME_MAX || str_eq(name, STR(".")) ||
        str_eq(name, STR("..")))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '-';
        if (!good)
            return false;
    }
    return true;
}

int16_t broker_code(st_t st)
{
    if (st == ST_OK)
        return KAFKA_NONE;
    int code = st_kafka(st);
    return (int16_t)(code ? code : KAFKA_UNKNOWN_SERVER_ERROR);
}

int16_t broker_topic_find(broker_conn_t *c, acl_operation_t op, str_t name, const wire_uuid_t *id,
                          log_topic_t **ret)
{
    const broker_t *b = c->net->broker;
    static const wire_uuid_t none;
    if (name.len) {
        if (!broker_may(c, op, ACL_TOPIC, name))
            return KAFKA_TOPIC_AUTHORIZATION_FAILED;
        if (!broker_topic_name_good(name))
            return KAFKA_INVALID_TOPIC;
        return log_topic_open(b->log, name, ret, NULL) == ST_OK ? KAFKA_NONE
                                                                : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (!memcmp(id, &none, sizeof none))
        return name.ptr ? KAFKA_INVALID_TOPIC : KAFKA_UNKNOWN_TOPIC_ID;
    log_uuid_t log_id;
    memcpy(&log_id, id, sizeof log_id);
    log_topic_t *t;
    if (log_topic_open_id(b->log, &log_id, &t, NULL) != ST_OK)
        return KAFKA_UNKNOWN_TOPIC_ID;
    if (!broker_may(c, op, ACL_TOPIC, log_topic_name(t))) {
        log_topic_unref(t);
        return KAFKA_TOPIC_AUTHORIZATION_FAILED;
    }
    *ret = t;
    return KAFKA_NONE;
}

/* ---- CreateTopics */

#define TOPICS_MAX 10000 /* a request; each name is compared with all others */

static bool named_twice(const wire_create_topics_request_t *m, int32_t i)
{
    for (int32_t k = 0; k < m->topics.len; k++)
        if (k != i && str_eq(m->topics.ptr[k].name, m->topics.ptr[i].name))
            return true;
    return false;
}

/* An assignment by hand decides how many partitions and replicas; where they are is ours. */
static broker_failure_t check_assignment(broker_request_t *r,
                                         const wire_create_topics_request_topic_t *t,
                                         log_topic_spec_t *spec)
{
    if (t->num_partitions != -1 || t->replication_factor != -1)
        return BROKER_FAIL(
            &r->arena, KAFKA_INVALID_REQUEST,
            "Both numPartitions or replicationFactor and replicasAssignments were set.");
    spec->partitions = t->assignments.len;
    spec->replicas = t->assignments.ptr[0].broker_ids.len;
    for (int32_t i = 0; i < t->assignments.len; i++) {
        bool found = false;
        for (int32_t k = 0; k < t->assignments.len; k++)
            found |= t->assignments.ptr[k].partition_index == i;
        if (!found || t->assignments.ptr[i].broker_ids.len != spec->replicas || spec->replicas == 0)
            return BROKER_FAIL(&r->arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                               "partitions must be numbered from 0 and have as many replicas each");
    }
    return (broker_failure_t){0};
}

static broker_failure_t check_topic(broker_request_t *r, int32_t i, log_topic_spec_t *spec)
{
    MESSAGE(create_topics);
    broker_t *b = broker_of(r);
    const wire_create_topics_request_topic_t *t = &m->topics.ptr[i];
    log_topic_t *there;
    *spec = (log_topic_spec_t){.name = t->name};
    if (named_twice(m, i))
        return BROKER_FAIL(&r->arena, KAFKA_INVALID_REQUEST, "Duplicate topic name.");
    if (!broker_may_cluster(r->conn, ACL_CREATE) &&
        !broker_may(r->conn, ACL_CREATE, ACL_TOPIC, t->name))
        return BROKER_FAIL(&r->arena, KAFKA_TOPIC_AUTHORIZATION_FAILED, "Authorization failed.");
    if (!broker_topic_name_good(t->name))
        return BROKER_FAIL(
            &r->arena, KAFKA_INVALID_TOPIC,
            "Topic name is invalid: a name has 1 to 249 letters, digits, '.', '_' or '-'");
    if (log_topic_open(b->log, t->name, &there, NULL) == ST_OK) {
        log_topic_unref(there);
        return BROKER_FAIL(&r->arena, KAFKA_TOPIC_ALREADY_EXISTS,
                           "Topic '" STR_FMT "' already exists.", STR_ARG(t->name));
    }
    spec->partitions = t->num_partitions == -1 ? (int32_t)b->config.partitions : t->num_partitions;
    spec->replicas =
        t->replication_factor == -1 ? (int32_t)b->config.replicas : t->replication_factor;
    if (t->assignments.len) {
        broker_failure_t f = check_assignment(r, t, spec);
        if (f.code)
            return f;
    }
    if (spec->partitions < 1 || spec->partitions > LOG_PARTITIONS_MAX)
        return BROKER_FAIL(&r->arena, KAFKA_INVALID_PARTITIONS,
                           "Number of partitions must be from 1 to %d.", LOG_PARTITIONS_MAX);
    if (spec->replicas < 1 || spec->replicas > b->config.nodes)
        return BROKER_FAIL(&r->arena, KAFKA_INVALID_REPLICATION_FACTOR,
                           "Replication factor: %d larger than available brokers: %lld. "
                           "broker.count says how many brokers this one shows itself as.",
                           spec->replicas, (long long)b->config.nodes);
    log_config_t *config = ARENA_ARRAY(&r->arena, log_config_t, t->configs.len + 1);
    for (int32_t k = 0; k < t->configs.len; k++)
        config[k] = (log_config_t){t->configs.ptr[k].name, t->configs.ptr[k].value};
    spec->config = config;
    spec->n_configs = (size_t)t->configs.len;
    return broker_config_check(&r->arena, config, spec->n_configs);
}

static broker_failure_t too_many_mutations(void)
{
    return (broker_failure_t){KAFKA_THROTTLING_QUOTA_EXCEEDED,
                              STR("The throttling quota has been exceeded.")};
}

/* Who may not see configs sees nothing of the kind. */
static void hide_created(wire_create_topics_response_topic_t *to)
{
    to->num_partitions = to->replication_factor = -1;
    to->topic_config_error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
}

static void create_one(broker_request_t *r, int32_t i, wire_create_topics_response_topic_t *to)
{
    MESSAGE(create_topics);
    broker_t *b = broker_of(r);
    log_topic_spec_t spec;
    broker_failure_t f = check_topic(r, i, &spec);
    err_t err;
    to->name = m->topics.ptr[i].name;
    if (!f.code && !m->validate_only && !broker_throttle_mutations(r, spec.partitions, 6))
        f = too_many_mutations();
    if (!f.code && !m->validate_only) {
        st_t st = log_topic_create(b->log, &spec, &err);
        if (st == ST_BAD_INPUT)
            f = BROKER_FAIL(&r->arena, KAFKA_INVALID_REQUEST, "%s", err.msg);
        else if (st != ST_OK)
            f = BROKER_FAIL(&r->arena, broker_code(st), "%s", err.msg);
    }
    to->error_code = f.code;
    to->error_message = f.text;
    if (f.code)
        return;
    log_topic_info_t info = {.config = spec.config, .n_configs = spec.n_configs};
    if (!m->validate_only && log_topic_describe(b->log, to->name, &r->arena, &info, NULL) == ST_OK)
        to->topic_id = broker_uuid(info.id);
    to->num_partitions = spec.partitions;
    to->replication_factor = (int16_t)spec.replicas;
    if (broker_may(r->conn, ACL_DESCRIBE_CONFIGS, ACL_TOPIC, to->name))
        broker_config_put_created(r, &info, to);
    else
        hide_created(to);
}

void broker_on_create_topics(broker_request_t *r)
{
    MESSAGE(create_topics);
    RESPONSE(create_topics);
    if (m->topics.len > TOPICS_MAX) {
        broker_cut(r, "asked for more than 10000 topics at once");
        return;
    }
    NEW_LIST(&r->arena, answer->topics, create_topics_response_topic, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++)
        create_one(r, i, &answer->topics.ptr[i]);
    broker_answer(r, answer);
}

/* ---- DeleteTopics */

static void delete_one(broker_request_t *r, str_t name, const wire_uuid_t *id,
                       wire_delete_topics_response_topic_t *to)
{
    broker_t *b = broker_of(r);
    log_topic_t *t;
    to->name = name;
    to->topic_id = *id;
    if (!b->config.delete_topics) {
        to->error_code = KAFKA_TOPIC_DELETION_DISABLED;
        return;
    }
    to->error_code = broker_topic_find(r->conn, ACL_DELETE, name, id, &t);
    if (to->error_code)
        return;
    to->name = arena_str(&r->arena, log_topic_name(t));
    to->topic_id = broker_uuid(log_topic_id(t));
    if (broker_throttle_mutations(r, log_topic_partitions(t), 5))
        to->error_code = broker_code(log_topic_delete(b->log, to->name, NULL));
    else
        to->error_code = KAFKA_THROTTLING_QUOTA_EXCEEDED;
    log_topic_unref(t);
}

void broker_on_delete_topics(broker_request_t *r)
{
    MESSAGE(delete_topics);
    RESPONSE(delete_topics);
    static const wire_uuid_t none;
    bool named = r->version < 6;
    NEW_LIST(&r->arena, answer->responses, delete_topics_response_topic,
             named ? m->topic_names.len : m->topics.len);
    for (int32_t i = 0; i < answer->responses.len; i++)
        delete_one(r, named ? m->topic_names.ptr[i] : m->topics.ptr[i].name,
                   named ? &none : &m->topics.ptr[i].topic_id, &answer->responses.ptr[i]);
    broker_answer(r, answer);
}

/* ---- CreatePartitions */

static broker_failure_t grow_one(broker_request_t *r,
                                 const wire_create_partitions_request_topic_t *t)
{
    MESSAGE(create_partitions);
    broker_t *b = broker_of(r);
    log_topic_t *topic;
    static const wire_uuid_t none;
    err_t err;
    int16_t code = broker_topic_find(r->conn, ACL_ALTER, t->name, &none, &topic);
    if (code)
        return (broker_failure_t){code, STR_NONE};
    int32_t now = log_topic_partitions(topic);
    log_topic_unref(topic);
    if (t->count <= now)
        return BROKER_FAIL(&r->arena, KAFKA_INVALID_PARTITIONS,
                           "The topic " STR_FMT
                           " currently has %d partition(s); %d would not be an "
                           "increase.",
                           STR_ARG(t->name), now, t->count);
    if (t->count > LOG_PARTITIONS_MAX)
        return BROKER_FAIL(&r->arena, KAFKA_INVALID_PARTITIONS, "a topic has at most %d partitions",
                           LOG_PARTITIONS_MAX);
    if (t->assignments.ptr && t->assignments.len != t->count - now)
        return BROKER_FAIL(&r->arena, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                           "%d partitions are new, %d assignments were given", t->count - now,
                           t->assignments.len);
    if (!m->validate_only && !broker_throttle_mutations(r, t->count - now, 3))
        return too_many_mutations();
    st_t st = m->validate_only ? ST_OK : log_topic_grow(b->log, t->name, t->count, &err);
    return st == ST_OK ? (broker_failure_t){0}
                       : BROKER_FAIL(&r->arena, broker_code(st), "%s", err.msg);
}

void broker_on_create_partitions(broker_request_t *r)
{
    MESSAGE(create_partitions);
    RESPONSE(create_partitions);
    NEW_LIST(&r->arena, answer->results, create_partitions_response_result, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        broker_failure_t f = grow_one(r, &m->topics.ptr[i]);
        answer->results.ptr[i] = (wire_create_partitions_response_result_t){
            .name = m->topics.ptr[i].name, .error_code = f.code, .error_message = f.text};
    }
    broker_answer(r, answer);
}

/* ---- DeleteRecords */

static void trim_one(broker_request_t *r, str_t name,
                     const wire_delete_records_request_partition_t *from,
                     wire_delete_records_response_partition_t *to)
{
    static const wire_uuid_t none;
    log_topic_t *t;
    to->partition_index = from->partition_index;
    to->low_watermark = -1;
    to->error_code = broker_topic_find(r->conn, ACL_DELETE, name, &none, &t);
    if (to->error_code)
        return;
    if (broker_topic_internal(name))
        to->error_code = KAFKA_INVALID_TOPIC;
    else if (!broker_topic_rules(broker_of(r), t, &r->arena).deletes)
        to->error_code = KAFKA_POLICY_VIOLATION;
    if (to->error_code) {
        log_topic_unref(t);
        return;
    }
    st_t st = ST_NOT_FOUND;
    if (from->partition_index >= 0 && from->partition_index < log_topic_partitions(t))
        st = from->offset < -1
                 ? ST_RANGE
                 : log_topic_trim(t, from->partition_index, from->offset, &to->low_watermark, NULL);
    to->error_code = st == ST_NOT_FOUND ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : broker_code(st);
    log_topic_unref(t);
}

void broker_on_delete_records(broker_request_t *r)
{
    MESSAGE(delete_records);
    RESPONSE(delete_records);
    NEW_LIST(&r->arena, answer->topics, delete_records_response_topic, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_delete_records_request_topic_t *from = &m->topics.ptr[i];
        wire_delete_records_response_topic_t *to = &answer->topics.ptr[i];
        to->name = from->name;
        NEW_LIST(&r->arena, to->partitions, delete_records_response_partition,
                 from->partitions.len);
        for (int32_t k = 0; k < from->partitions.len; k++)
            trim_one(r, from->name, &from->partitions.ptr[k], &to->partitions.ptr[k]);
    }
    broker_answer(r, answer);
}
