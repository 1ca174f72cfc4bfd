/* placement.c: where partitions lie, and moving them: the virtual brokers have one disk, so there
 * is nothing to move. */
#include "broker/internal.h"

static bool partition_exists(const broker_t *b, str_t topic, int32_t partition)
{
    log_topic_t *t;
    if (log_topic_open(b->log, topic, &t, NULL) != ST_OK)
        return false;
    bool there = partition >= 0 && partition < log_topic_partitions(t);
    log_topic_unref(t);
    return there;
}

/* ---- ElectLeaders: leaders are always the preferred ones */

static void put_election(broker_request_t *r, str_t topic, const int32_t *partition, int32_t n,
                         wire_elect_leaders_response_replica_election_result_t *to)
{
    to->topic = topic;
    NEW_LIST(&r->arena, to->partition_result, elect_leaders_response_partition_result, n);
    for (int32_t i = 0; i < n; i++) {
        bool there = partition_exists(broker_of(r), topic, partition[i]);
        to->partition_result.ptr[i] = (wire_elect_leaders_response_partition_result_t){
            .partition_id = partition[i],
            .error_code = there ? KAFKA_ELECTION_NOT_NEEDED : KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
            .error_message =
                there ? STR("the leader is the preferred one already") : STR("no such partition")};
    }
}

void broker_on_elect_leaders(broker_request_t *r)
{
    MESSAGE(elect_leaders);
    RESPONSE(elect_leaders);
    /* All partitions (null): only those with a new leader are told, which are none. */
    NEW_LIST(&r->arena, answer->replica_election_results,
             elect_leaders_response_replica_election_result, m->topic_partitions.len);
    for (int32_t i = 0; i < m->topic_partitions.len; i++)
        put_election(r, m->topic_partitions.ptr[i].topic, m->topic_partitions.ptr[i].partitions.ptr,
                     m->topic_partitions.ptr[i].partitions.len,
                     &answer->replica_election_results.ptr[i]);
    broker_answer(r, answer);
}

/* ---- reassignments */

static void reassign(broker_request_t *r,
                     const wire_alter_partition_reassignments_request_topic_t *topic, int32_t i,
                     wire_alter_partition_reassignments_response_partition_t *to)
{
    const wire_alter_partition_reassignments_request_partition_t *p = &topic->partitions.ptr[i];
    to->partition_index = p->partition_index;
    if (!partition_exists(broker_of(r), topic->name, p->partition_index)) {
        to->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    } else if (!p->replicas.ptr) { /* to cancel one */
        to->error_code = KAFKA_NO_REASSIGNMENT_IN_PROGRESS;
    } else {
        to->error_code = KAFKA_INVALID_REPLICA_ASSIGNMENT;
        to->error_message = STR("partitions cannot be moved: all brokers here share one disk");
    }
}

void broker_on_alter_partition_reassignments(broker_request_t *r)
{
    MESSAGE(alter_partition_reassignments);
    RESPONSE(alter_partition_reassignments);
    answer->allow_replication_factor_change = m->allow_replication_factor_change;
    NEW_LIST(&r->arena, answer->responses, alter_partition_reassignments_response_topic,
             m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        wire_alter_partition_reassignments_response_topic_t *to = &answer->responses.ptr[i];
        to->name = m->topics.ptr[i].name;
        NEW_LIST(&r->arena, to->partitions, alter_partition_reassignments_response_partition,
                 m->topics.ptr[i].partitions.len);
        for (int32_t k = 0; k < to->partitions.len; k++)
            reassign(r, &m->topics.ptr[i], k, &to->partitions.ptr[k]);
    }
    broker_answer(r, answer);
}

void broker_on_list_partition_reassignments(broker_request_t *r)
{
    RESPONSE(list_partition_reassignments);
    broker_answer(r, answer); /* none is under way, ever */
}

/* ---- log directories */

/* Partition -1: any of the topic. */
static bool is_asked(const wire_describe_log_dirs_request_t *m, str_t topic, int32_t partition)
{
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_describe_log_dirs_request_topic_t *t = &m->topics.ptr[i];
        if (!str_eq(t->topic, topic))
            continue;
        if (partition < 0)
            return true;
        for (int32_t k = 0; k < t->partitions.len; k++)
            if (t->partitions.ptr[k] == partition)
                return true;
    }
    return !m->topics.ptr;
}

void broker_on_describe_log_dirs(broker_request_t *r)
{
    MESSAGE(describe_log_dirs);
    RESPONSE(describe_log_dirs);
    broker_t *b = broker_of(r);
    log_topic_info_t *info;
    size_t n;
    if (log_topic_list(b->log, &r->arena, &info, &n, NULL) != ST_OK)
        n = 0;
    NEW_LIST(&r->arena, answer->results, describe_log_dirs_response_result, 1);
    wire_describe_log_dirs_response_result_t *dir = answer->results.ptr;
    dir->log_dir = broker_property(b, "log.dirs", broker_property(b, "log.dir", STR("arus-data")));
    NEW_LIST(&r->arena, dir->topics, describe_log_dirs_response_topic, n);
    dir->topics.len = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_asked(m, info[i].name, -1))
            continue;
        wire_describe_log_dirs_response_topic_t *to = &dir->topics.ptr[dir->topics.len++];
        to->name = info[i].name;
        NEW_LIST(&r->arena, to->partitions, describe_log_dirs_response_partition,
                 info[i].partitions);
        log_topic_t *t;
        if (log_topic_open(b->log, info[i].name, &t, NULL) != ST_OK)
            continue;
        to->partitions.len = 0;
        for (int32_t k = 0; k < info[i].partitions; k++) {
            if (!is_asked(m, info[i].name, k))
                continue;
            wire_describe_log_dirs_response_partition_t *p =
                &to->partitions.ptr[to->partitions.len++];
            p->partition_index = k;
            p->partition_size = log_topic_bytes(t, k);
        }
        log_topic_unref(t);
    }
    broker_answer(r, answer);
}

void broker_on_alter_replica_log_dirs(broker_request_t *r)
{
    MESSAGE(alter_replica_log_dirs);
    RESPONSE(alter_replica_log_dirs);
    broker_t *b = broker_of(r);
    str_t dir = broker_property(b, "log.dirs", broker_property(b, "log.dir", STR("arus-data")));
    int32_t n = 0;
    for (int32_t i = 0; i < m->dirs.len; i++)
        n += m->dirs.ptr[i].topics.len;
    NEW_LIST(&r->arena, answer->results, alter_replica_log_dirs_response_result, n);
    wire_alter_replica_log_dirs_response_result_t *to = answer->results.ptr;
    for (int32_t i = 0; i < m->dirs.len; i++)
        for (int32_t k = 0; k < m->dirs.ptr[i].topics.len; k++, to++) {
            const wire_alter_replica_log_dirs_request_topic_t *t = &m->dirs.ptr[i].topics.ptr[k];
            int16_t code = str_eq(m->dirs.ptr[i].path, dir) ? KAFKA_NONE : KAFKA_LOG_DIR_NOT_FOUND;
            if (!broker_may_cluster(r->conn, ACL_ALTER))
                code = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
            to->topic_name = t->name;
            NEW_LIST(&r->arena, to->partitions, alter_replica_log_dirs_response_partition,
                     t->partitions.len);
            for (int32_t j = 0; j < t->partitions.len; j++)
                to->partitions.ptr[j] =
                    (wire_alter_replica_log_dirs_response_partition_t){t->partitions.ptr[j], code};
        }
    broker_answer(r, answer);
}

/* ---- DescribeQuorum: each virtual broker is a voter that has all */

static void put_quorum(broker_request_t *r, wire_describe_quorum_response_partition_t *to)
{
    broker_t *b = broker_of(r);
    int64_t now_ms = io_now_ms(b->io);
    to->leader_id = broker_node_id(b, 0);
    to->leader_epoch = log_leader_epoch(b->log);
    to->high_watermark = now_ms; /* of a metadata log that there is none of: it grows */
    NEW_LIST(&r->arena, to->current_voters, describe_quorum_response_current_voter,
             b->config.nodes);
    for (int32_t i = 0; i < to->current_voters.len; i++) {
        wire_describe_quorum_response_current_voter_t *v = &to->current_voters.ptr[i];
        v->replica_id = broker_node_id(b, i);
        v->log_end_offset = now_ms;
        v->last_fetch_timestamp = v->last_caught_up_timestamp = now_ms;
    }
}

void broker_on_describe_quorum(broker_request_t *r)
{
    MESSAGE(describe_quorum);
    RESPONSE(describe_quorum);
    broker_t *b = broker_of(r);
    NEW_LIST(&r->arena, answer->topics, describe_quorum_response_topic, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        wire_describe_quorum_response_topic_t *to = &answer->topics.ptr[i];
        to->topic_name = m->topics.ptr[i].topic_name;
        NEW_LIST(&r->arena, to->partitions, describe_quorum_response_partition,
                 m->topics.ptr[i].partitions.len);
        for (int32_t k = 0; k < to->partitions.len; k++) {
            wire_describe_quorum_response_partition_t *p = &to->partitions.ptr[k];
            p->partition_index = m->topics.ptr[i].partitions.ptr[k].partition_index;
            if (str_eq(to->topic_name, STR("__cluster_metadata")) && p->partition_index == 0)
                put_quorum(r, p);
            else
                p->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        }
    }
    NEW_LIST(&r->arena, answer->nodes, describe_quorum_response_node, b->config.nodes);
    for (int32_t i = 0; i < answer->nodes.len; i++) {
        wire_describe_quorum_response_node_t *node = &answer->nodes.ptr[i];
        const broker_port_t *p = broker_port_of(b, r->conn->port, i);
        node->node_id = broker_node_id(b, i);
        NEW_LIST(&r->arena, node->listeners, describe_quorum_response_listener, 1);
        node->listeners.ptr[0] = (wire_describe_quorum_response_listener_t){
            p->listener->name, p->shown_host, p->shown_port};
    }
    broker_answer(r, answer);
}
