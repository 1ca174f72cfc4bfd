/* metadata.c: what there is and where: Metadata, DescribeTopicPartitions, FindCoordinator. */
#include "broker/internal.h"

/* ---- Metadata */

static void put_brokers(broker_request_t *r, wire_metadata_response_t *answer)
{
    broker_t *b = broker_of(r);
    NEW_LIST(&r->arena, answer->brokers, metadata_response_broker, b->config.nodes);
    for (int32_t i = 0; i < answer->brokers.len; i++) {
        const broker_port_t *p = broker_port_of(b, r->conn->port, i);
        answer->brokers.ptr[i] = (wire_metadata_response_broker_t){
            .node_id = broker_node_id(b, i), .host = p->shown_host, .port = p->shown_port};
    }
    answer->cluster_id = b->cluster_id;
    answer->controller_id = broker_node_id(b, 0);
    MESSAGE(metadata);
    if (m->include_cluster_authorized_operations)
        answer->cluster_authorized_operations =
            broker_may_cluster(r->conn, ACL_DESCRIBE)
                ? broker_operations(r->conn, ACL_CLUSTER, ACL_CLUSTER_NAME)
                : 0;
}

/* Topics that are not there are made for who may make topics. */
static bool may_create(broker_request_t *r, str_t name)
{
    return broker_may_cluster(r->conn, ACL_CREATE) ||
           broker_may(r->conn, ACL_CREATE, ACL_TOPIC, name);
}

static void put_topic(broker_request_t *r, const log_topic_info_t *info,
                      wire_metadata_response_topic_t *to)
{
    MESSAGE(metadata);
    broker_t *b = broker_of(r);
    to->name = info->name;
    to->topic_id = broker_uuid(info->id);
    if (m->include_topic_authorized_operations)
        to->topic_authorized_operations = broker_operations(r->conn, ACL_TOPIC, info->name);
    to->is_internal = broker_topic_internal(info->name);
    NEW_LIST(&r->arena, to->partitions, metadata_response_partition, info->partitions);
    for (int32_t i = 0; i < info->partitions; i++) {
        wire_metadata_response_partition_t *p = &to->partitions.ptr[i];
        int32_t *ids = ARENA_ARRAY(&r->arena, int32_t, b->config.nodes);
        int32_t n = broker_replicas(b, &info->id, info->replicas, i, ids);
        p->partition_index = i;
        p->leader_id = ids[0];
        p->leader_epoch = log_leader_epoch(b->log);
        p->replica_nodes.ptr = p->isr_nodes.ptr = ids;
        p->replica_nodes.len = p->isr_nodes.len = n;
    }
}

/* The topics of a request that are not there and may be made, on the admin thread. */
static bool must_create(broker_request_t *r, const wire_metadata_request_t *m)
{
    broker_t *b = broker_of(r);
    if (!b->config.auto_create || !m->allow_auto_topic_creation || r->away)
        return false;
    for (int32_t i = 0; i < m->topics.len; i++) {
        log_topic_t *t;
        str_t name = m->topics.ptr[i].name;
        if (!name.ptr || !broker_topic_name_good(name) ||
            !broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, name) || !may_create(r, name))
            continue;
        if (log_topic_open(b->log, name, &t, NULL) != ST_OK)
            return true;
        log_topic_unref(t);
    }
    return false;
}

static void put_asked(broker_request_t *r, const wire_metadata_request_topic_t *asked, bool create,
                      wire_metadata_response_topic_t *to)
{
    broker_t *b = broker_of(r);
    log_topic_t *t;
    log_topic_info_t info;
    to->name = asked->name;
    to->topic_id = asked->topic_id;
    int16_t code = broker_topic_find(r->conn, ACL_DESCRIBE, asked->name, &asked->topic_id, &t);
    if (code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION && create && !may_create(r, asked->name))
        code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
    if (code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION && create && r->away) {
        log_topic_spec_t spec = {.name = asked->name,
                                 .partitions = (int32_t)b->config.partitions,
                                 .replicas = (int32_t)b->config.replicas};
        st_t st = log_topic_create(b->log, &spec, NULL);
        code = st == ST_OK || st == ST_EXISTS
                   ? broker_topic_find(r->conn, ACL_DESCRIBE, asked->name, &asked->topic_id, &t)
                   : broker_code(st);
    }
    if (code == KAFKA_NONE) {
        if (log_topic_describe(b->log, log_topic_name(t), &r->arena, &info, NULL) == ST_OK)
            put_topic(r, &info, to);
        else
            code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        log_topic_unref(t);
    }
    to->error_code = code;
}

static void answer_metadata(broker_request_t *r)
{
    MESSAGE(metadata);
    RESPONSE(metadata);
    broker_t *b = broker_of(r);
    put_brokers(r, answer);
    /* All topics: null, or in version 0 none. */
    if (!m->topics.ptr || (r->version == 0 && m->topics.len == 0)) {
        log_topic_info_t *info;
        size_t n;
        err_t err;
        if (log_topic_list(b->log, &r->arena, &info, &n, &err) != ST_OK) {
            broker_cut(r, err.msg);
            return;
        }
        NEW_LIST(&r->arena, answer->topics, metadata_response_topic, n);
        answer->topics.len = 0;
        for (size_t i = 0; i < n; i++)
            if (broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, info[i].name))
                put_topic(r, &info[i], &answer->topics.ptr[answer->topics.len++]);
    } else {
        bool create = b->config.auto_create && m->allow_auto_topic_creation;
        NEW_LIST(&r->arena, answer->topics, metadata_response_topic, m->topics.len);
        for (int32_t i = 0; i < m->topics.len && !broker_answer_full(r); i++)
            put_asked(r, &m->topics.ptr[i], create, &answer->topics.ptr[i]);
    }
    broker_answer(r, answer);
}

void broker_on_metadata(broker_request_t *r)
{
    if (!must_create(r, r->message)) {
        answer_metadata(r);
        return;
    }
    r->work = answer_metadata;
    broker_send(r, &broker_of(r)->admin);
}

/* ---- DescribeTopicPartitions: topics in order of name, some partitions at a time */

static int cmp_topics(const void *a, const void *b)
{
    return str_cmp(((const wire_describe_topic_partitions_request_topic_t *)a)->name,
                   ((const wire_describe_topic_partitions_request_topic_t *)b)->name);
}

/* The names asked for, or all, sorted. */
static wire_describe_topic_partitions_request_topic_t *
names_asked(broker_request_t *r, const wire_describe_topic_partitions_request_t *m, size_t *ret_n)
{
    wire_describe_topic_partitions_request_topic_t *name;
    size_t n = (size_t)m->topics.len;
    log_topic_info_t *info;
    if (n == 0 && log_topic_list(broker_of(r)->log, &r->arena, &info, &n, NULL) == ST_OK) {
        name = WIRE_NEW(&r->arena, describe_topic_partitions_request_topic, n);
        size_t k = 0;
        for (size_t i = 0; i < n; i++)
            if (broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, info[i].name))
                name[k++].name = info[i].name;
        n = k;
    } else {
        name = m->topics.ptr;
    }
    qsort(name, n, sizeof *name, cmp_topics);
    *ret_n = n;
    return name;
}

static void put_partitions(broker_request_t *r, const log_topic_info_t *info, int32_t from,
                           int32_t until, wire_describe_topic_partitions_response_topic_t *to)
{
    broker_t *b = broker_of(r);
    NEW_LIST(&r->arena, to->partitions, describe_topic_partitions_response_partition, until - from);
    for (int32_t i = from; i < until; i++) {
        wire_describe_topic_partitions_response_partition_t *p = &to->partitions.ptr[i - from];
        int32_t *ids = ARENA_ARRAY(&r->arena, int32_t, b->config.nodes);
        int32_t n = broker_replicas(b, &info->id, info->replicas, i, ids);
        p->partition_index = i;
        p->leader_id = ids[0];
        p->leader_epoch = log_leader_epoch(b->log);
        p->replica_nodes.ptr = p->isr_nodes.ptr = ids;
        p->replica_nodes.len = p->isr_nodes.len = n;
        p->eligible_leader_replicas.ptr = p->last_known_elr.ptr = ids; /* empty, not null */
    }
}

void broker_on_describe_topic_partitions(broker_request_t *r)
{
    MESSAGE(describe_topic_partitions);
    RESPONSE(describe_topic_partitions);
    broker_t *b = broker_of(r);
    size_t n;
    wire_describe_topic_partitions_request_topic_t *name = names_asked(r, m, &n);
    int32_t room = m->response_partition_limit < 1 ? 1 : m->response_partition_limit;
    room = room > 2000 ? 2000 : room;
    NEW_LIST(&r->arena, answer->topics, describe_topic_partitions_response_topic, n);
    answer->topics.len = 0;
    for (size_t i = 0; i < n && !answer->next_cursor; i++) {
        bool at_cursor = m->cursor && str_eq(name[i].name, m->cursor->topic_name);
        if (m->cursor && str_cmp(name[i].name, m->cursor->topic_name) < 0)
            continue;
        if (room == 0) {
            answer->next_cursor =
                WIRE_NEW(&r->arena, describe_topic_partitions_response_next_cursor, 1);
            answer->next_cursor->topic_name = name[i].name;
            break;
        }
        wire_describe_topic_partitions_response_topic_t *to =
            &answer->topics.ptr[answer->topics.len++];
        log_topic_info_t info;
        to->name = name[i].name;
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, name[i].name)) {
            to->error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
            continue;
        }
        if (log_topic_describe(b->log, name[i].name, &r->arena, &info, NULL) != ST_OK) {
            to->error_code = broker_topic_name_good(name[i].name) ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
                                                                  : KAFKA_INVALID_TOPIC;
            continue;
        }
        int32_t from = at_cursor ? m->cursor->partition_index : 0;
        from = from < 0 || from > info.partitions ? info.partitions : from;
        int32_t until = info.partitions - from > room ? from + room : info.partitions;
        to->topic_id = broker_uuid(info.id);
        to->topic_authorized_operations = broker_operations(r->conn, ACL_TOPIC, info.name);
        to->is_internal = broker_topic_internal(info.name);
        put_partitions(r, &info, from, until, to);
        room -= until - from;
        if (until < info.partitions) {
            answer->next_cursor =
                WIRE_NEW(&r->arena, describe_topic_partitions_response_next_cursor, 1);
            answer->next_cursor->topic_name = info.name;
            answer->next_cursor->partition_index = until;
        }
    }
    broker_answer(r, answer);
}

/* ---- FindCoordinator */

static int16_t find_one(broker_request_t *r, str_t key, int8_t type, int32_t *ret_id,
                        str_t *ret_host, int32_t *ret_port)
{
    broker_t *b = broker_of(r);
    *ret_id = *ret_port = -1;
    *ret_host = STR("");
    if (type != 0 && type != 1) /* 2: share groups, which are not served */
        return KAFKA_INVALID_REQUEST;
    acl_resource_t resource = type == 0 ? ACL_GROUP : ACL_TRANSACTIONAL_ID;
    if (!broker_may(r->conn, ACL_DESCRIBE, resource, key))
        return broker_acl_code(resource);
    int32_t node = broker_coordinator_node(b, key);
    const broker_port_t *p = broker_port_of(b, r->conn->port, node);
    *ret_id = broker_node_id(b, node);
    *ret_host = p->shown_host;
    *ret_port = p->shown_port;
    return KAFKA_NONE;
}

void broker_on_find_coordinator(broker_request_t *r)
{
    MESSAGE(find_coordinator);
    RESPONSE(find_coordinator);
    if (r->version < 4) {
        answer->error_code =
            find_one(r, m->key, m->key_type, &answer->node_id, &answer->host, &answer->port);
        broker_answer(r, answer);
        return;
    }
    NEW_LIST(&r->arena, answer->coordinators, find_coordinator_response_coordinator,
             m->coordinator_keys.len);
    for (int32_t i = 0; i < m->coordinator_keys.len; i++) {
        wire_find_coordinator_response_coordinator_t *c = &answer->coordinators.ptr[i];
        c->key = m->coordinator_keys.ptr[i];
        c->error_code = find_one(r, c->key, m->key_type, &c->node_id, &c->host, &c->port);
    }
    broker_answer(r, answer);
}
