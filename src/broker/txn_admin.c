/* txn_admin.c: transactions as tools see them: ListTransactions, DescribeTransactions,
 * DescribeProducers. */
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

static bool is_asked(const broker_request_t *r, const txn_t *t)
{
    MESSAGE(list_transactions);
    bool id = m->producer_id_filters.len == 0;
    for (int32_t i = 0; i < m->producer_id_filters.len; i++)
        id |= m->producer_id_filters.ptr[i] == t->producer_id;
    int64_t open_ms = io_now_ms(broker_of(r)->io) - t->start_ms;
    bool old = m->duration_filter < 0 || (t->status == TXN_ONGOING && open_ms > m->duration_filter);
    return id && old && status_asked(m, t->status);
}

void broker_on_list_transactions(broker_request_t *r)
{
    MESSAGE(list_transactions);
    RESPONSE(list_transactions);
    broker_coordinator_t *c = broker_coordinator_of(r);
    if (m->transactional_id_pattern.len) {
        answer->error_code = KAFKA_INVALID_REQUEST; /* a regular expression: not served */
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
        if (is_asked(r, t) && broker_may(r->conn, ACL_DESCRIBE, ACL_TRANSACTIONAL_ID, t->id))
            answer->transaction_states.ptr[answer->transaction_states.len++] =
                (wire_list_transactions_response_transaction_state_t){
                    t->id, t->producer_id, str_of(txn_status_name(t->status))};
    }
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
