/* txn_admin.c: transactions as tools see them: ListTransactions, DescribeTransactions,
 * WriteTxnMarkers, DescribeProducers. */
#include "broker/pattern.h"
#include "broker/txn.h"

/* ---- thread: group */

static bool status_asked(const wire_list_transactions_request_t *m, txn_status_t s)
{
    for (int32_t i = 0; i < m->state_filters.len; i++)
        if (str_eq(m->state_filters.ptr[i], str_of(txn_status_name(s))))
            return true;
    return m->state_filters.len == 0;
}

static bool is_status(str_t name)
{
    static const char *const names[] = {
        "Empty",          "Ongoing",       "PrepareCommit",     "PrepareAbort",
        "CompleteCommit", "CompleteAbort", "PrepareEpochFence", "Dead"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return false;
}

static bool is_asked(const broker_request_t *r, const txn_t *t, const broker_pattern_t *pattern)
{
    MESSAGE(list_transactions);
    bool id = m->producer_id_filters.len == 0;
    for (int32_t i = 0; i < m->producer_id_filters.len; i++)
        id |= m->producer_id_filters.ptr[i] == t->producer_id;
    int64_t open_ms = io_now_ms(broker_of(r)->io) - t->start_ms;
    bool old = m->duration_filter < 0 || (t->status == TXN_ONGOING && open_ms > m->duration_filter);
    return id && old && status_asked(m, t->status) &&
           (!pattern || broker_pattern_matches(pattern, t->id));
}

void broker_on_list_transactions(broker_request_t *r)
{
    MESSAGE(list_transactions);
    RESPONSE(list_transactions);
    broker_coordinator_t *c = broker_coordinator_of(r);
    broker_pattern_t *pattern = NULL;
    if (m->transactional_id_pattern.len &&
        broker_pattern_new(m->transactional_id_pattern, &pattern, NULL) != ST_OK) {
        answer->error_code = KAFKA_INVALID_REGULAR_EXPRESSION;
        broker_answer(r, answer);
        return;
    }
    answer->unknown_state_filters.ptr = ARENA_ARRAY(&r->arena, str_t, m->state_filters.len + 1);
    for (int32_t i = 0; i < m->state_filters.len; i++)
        if (!is_status(m->state_filters.ptr[i]))
            answer->unknown_state_filters.ptr[answer->unknown_state_filters.len++] =
                m->state_filters.ptr[i];
    NEW_LIST(&r->arena, answer->transaction_states, list_transactions_response_transaction_state,
             c->txns.len);
    answer->transaction_states.len = 0;
    for (map_entry_t *e = NULL; (e = map_next(&c->txns, e));) {
        const txn_t *t = e->value;
        if (is_asked(r, t, pattern) &&
            broker_may(r->conn, ACL_DESCRIBE, ACL_TRANSACTIONAL_ID, t->id))
            answer->transaction_states.ptr[answer->transaction_states.len++] =
                (wire_list_transactions_response_transaction_state_t){
                    t->id, t->producer_id, str_of(txn_status_name(t->status))};
    }
    broker_pattern_free(pattern);
    broker_answer(r, answer);
}

static void describe(broker_request_t *r, const txn_t *t,
                     wire_describe_transactions_response_transaction_state_t *to)
{
    to->transaction_state = str_of(txn_status_name(t->status));
    to->transaction_timeout_ms = t->timeout_ms;
    to->transaction_start_time_ms = t->status == TXN_ONGOING ? t->start_ms : -1;
    to->producer_id = t->producer_id;
    to->producer_epoch = t->epoch;
    NEW_LIST(&r->arena, to->topics, describe_transactions_response_topic, t->partitions.len);
    to->topics.len = 0;
    for (size_t i = 0; i < t->partitions.len; i++) {
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, t->partitions.ptr[i].topic))
            continue;
        wire_describe_transactions_response_topic_t *topic = &to->topics.ptr[to->topics.len++];
        topic->topic = t->partitions.ptr[i].topic;
        topic->partitions.ptr = &t->partitions.ptr[i].index;
        topic->partitions.len = 1;
    }
}

void broker_on_describe_transactions(broker_request_t *r)
{
    MESSAGE(describe_transactions);
    RESPONSE(describe_transactions);
    NEW_LIST(&r->arena, answer->transaction_states,
             describe_transactions_response_transaction_state, m->transactional_ids.len);
    for (int32_t i = 0; i < m->transactional_ids.len && !broker_answer_full(r); i++) {
        wire_describe_transactions_response_transaction_state_t *to =
            &answer->transaction_states.ptr[i];
        const txn_t *t = txn_find(broker_coordinator_of(r), m->transactional_ids.ptr[i]);
        to->transactional_id = m->transactional_ids.ptr[i];
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_TRANSACTIONAL_ID, to->transactional_id))
            to->error_code = KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        else if (t)
            describe(r, t, to);
        else
            to->error_code = KAFKA_TXN_ID_NOT_FOUND;
    }
    broker_answer(r, answer);
}

/* ---- WriteTxnMarkers: what ends a transaction that hangs, partition by partition */

static int16_t write_marker(broker_request_t *r, const txn_marker_t *m, str_t topic,
                            int32_t partition)
{
    broker_t *b = broker_of(r);
    log_topic_t *t;
    log_outcome_t o;
    if (log_topic_open(b->log, topic, &t, NULL) != ST_OK)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (partition < 0 || partition >= log_topic_partitions(t)) {
        log_topic_unref(t);
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    log_commit_t *commit = log_commit_new(b->log);
    txn_put_marker(b, m, commit, t, partition);
    log_topic_unref(t);
    log_commit_all(b->log, &commit, 1, &o);
    switch ((int)o.st) {
    case ST_OK:
        return KAFKA_NONE;
    case ST_FENCED:
        return KAFKA_INVALID_PRODUCER_EPOCH;
    case ST_NOT_FOUND:
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    default:
        return KAFKA_STORAGE_ERROR;
    }
}

void broker_on_write_txn_markers(broker_request_t *r)
{
    MESSAGE(write_txn_markers);
    RESPONSE(write_txn_markers);
    bool may =
        broker_may_cluster(r->conn, ACL_ALTER) || broker_may_cluster(r->conn, ACL_CLUSTER_ACTION);
    coordinator_flush(broker_coordinator_of(r)); /* what it appended comes before its marker */
    NEW_LIST(&r->arena, answer->markers, write_txn_markers_response_marker, m->markers.len);
    for (int32_t i = 0; i < m->markers.len; i++) {
        const wire_write_txn_markers_request_marker_t *from = &m->markers.ptr[i];
        wire_write_txn_markers_response_marker_t *to = &answer->markers.ptr[i];
        txn_marker_t marker = {from->producer_id, from->producer_epoch, from->transaction_result,
                               from->coordinator_epoch};
        to->producer_id = from->producer_id;
        NEW_LIST(&r->arena, to->topics, write_txn_markers_response_topic, from->topics.len);
        for (int32_t k = 0; k < from->topics.len; k++) {
            const wire_write_txn_markers_request_topic_t *topic = &from->topics.ptr[k];
            to->topics.ptr[k].name = topic->name;
            NEW_LIST(&r->arena, to->topics.ptr[k].partitions, write_txn_markers_response_partition,
                     topic->partition_indexes.len);
            for (int32_t p = 0; p < topic->partition_indexes.len && !broker_answer_full(r); p++) {
                int32_t index = topic->partition_indexes.ptr[p];
                to->topics.ptr[k].partitions.ptr[p] = (wire_write_txn_markers_response_partition_t){
                    index, may ? write_marker(r, &marker, topic->name, index)
                               : KAFKA_CLUSTER_AUTHORIZATION_FAILED};
            }
        }
    }
    broker_answer(r, answer);
}

/* ---- thread: net */

static void put_producers(broker_request_t *r, log_topic_t *t,
                          wire_describe_producers_response_partition_t *to)
{
    log_producer_info_t *info;
    size_t n;
    log_topic_producers(t, to->partition_index, &r->arena, &info, &n);
    NEW_LIST(&r->arena, to->active_producers, describe_producers_response_active_producer, n);
    for (size_t i = 0; i < n; i++)
        to->active_producers.ptr[i] = (wire_describe_producers_response_active_producer_t){
            .producer_id = info[i].id,
            .producer_epoch = info[i].epoch,
            .last_sequence = info[i].last_sequence,
            .last_timestamp = info[i].last_ms,
            .coordinator_epoch = log_leader_epoch(broker_of(r)->log),
            .current_txn_start_offset = info[i].txn_start};
}

void broker_on_describe_producers(broker_request_t *r)
{
    MESSAGE(describe_producers);
    RESPONSE(describe_producers);
    static const wire_uuid_t none;
    NEW_LIST(&r->arena, answer->topics, describe_producers_response_topic, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_describe_producers_request_topic_t *from = &m->topics.ptr[i];
        wire_describe_producers_response_topic_t *to = &answer->topics.ptr[i];
        log_topic_t *t = NULL;
        int16_t code = broker_topic_find(r->conn, ACL_READ, from->name, &none, &t);
        to->name = from->name;
        NEW_LIST(&r->arena, to->partitions, describe_producers_response_partition,
                 from->partition_indexes.len);
        for (int32_t k = 0; k < to->partitions.len && !broker_answer_full(r); k++) {
            wire_describe_producers_response_partition_t *p = &to->partitions.ptr[k];
            p->partition_index = from->partition_indexes.ptr[k];
            p->error_code = code;
            if (!code && (p->partition_index < 0 || p->partition_index >= log_topic_partitions(t)))
                p->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            if (!p->error_code)
                put_producers(r, t, p);
        }
        if (t)
            log_topic_unref(t);
    }
    broker_answer(r, answer);
}
