/* txn_requests.c: what transactional producers ask: InitProducerId, AddPartitionsToTxn,
 * AddOffsetsToTxn, TxnOffsetCommit, EndTxn, and their Produce. thread: group */
#include "broker/group.h"
#include "broker/txn.h"
#include "wire/batch.h"

#define EPOCH_MAX (INT16_MAX - 1) /* then the producer gets a new id */

/* Whether the state is this producer's. */
static int16_t check_producer(const txn_t *t, int64_t producer_id, int16_t epoch)
{
    if (!t || t->producer_id != producer_id)
        return KAFKA_INVALID_PRODUCER_ID_MAPPING;
    return t->epoch == epoch ? KAFKA_NONE : KAFKA_PRODUCER_FENCED;
}

/* Clients before `from` know only the older name for being fenced. */
static int16_t fenced_as(int16_t code, int version, int from)
{
    return code == KAFKA_PRODUCER_FENCED && version < from ? KAFKA_INVALID_PRODUCER_EPOCH : code;
}

/* ---- InitProducerId */

static int16_t check_init(const broker_request_t *r, const txn_t *t)
{
    MESSAGE(init_producer_id);
    if (!m->transactional_id.len || m->transactional_id.len > TXN_ID_BYTES_MAX)
        return KAFKA_INVALID_REQUEST;
    if (m->transaction_timeout_ms <= 0 ||
        m->transaction_timeout_ms > broker_of(r)->config.txn_ms_max)
        return KAFKA_INVALID_TXN_TIMEOUT;
    if (m->producer_id < 0) /* a new producer, which fences the one before */
        return KAFKA_NONE;
    if (!t || t->producer_id < 0) /* nobody was before, whoever the client says it was */
        return KAFKA_NONE;
    if (t->producer_id != m->producer_id)
        return fenced_as(KAFKA_PRODUCER_FENCED, r->version, 4);
    if (m->producer_epoch == t->epoch ||
        (t->epoch_before >= 0 && m->producer_epoch == t->epoch_before))
        return KAFKA_NONE;
    return fenced_as(KAFKA_PRODUCER_FENCED, r->version, 4);
}

/* The next epoch, or the first of a new id; the state is in the log when it returns. */
static ST next_epoch(txn_t *t, int32_t timeout_ms, err_t *err)
{
    broker_coordinator_t *c = t->coordinator;
    int16_t before = t->epoch;
    t->timeout_ms = timeout_ms;
    if (t->status == TXN_ONGOING) {
        TRY(txn_end(t, false, before < EPOCH_MAX ? (int16_t)(before + 1) : before, err));
    }
    if (t->producer_id < 0 || t->epoch >= EPOCH_MAX) {
        TRY(coordinator_producer_id(c, &t->producer_id, err));
        t->epoch = 0;
        before = -1;
    } else if (t->epoch == before) {
        t->epoch++;
    }
    t->status = TXN_EMPTY;
    t->update_ms = io_now_ms(c->broker->io);
    t->epoch_before = before;
    log_commit_t *commit = log_commit_new(c->broker->log);
    txn_put_fact(t, commit);
    return log_commit(c->broker->log, commit, NULL, err);
}

static int16_t init_transactional(broker_request_t *r, int64_t *ret_id, int16_t *ret_epoch)
{
    MESSAGE(init_producer_id);
    broker_coordinator_t *c = broker_coordinator_of(r);
    txn_t *t = txn_find(c, m->transactional_id);
    int16_t code = check_init(r, t);
    if (code)
        return code;
    if (!t)
        t = txn_new(c, m->transactional_id);
    /* The answer to the same question was lost: it is given again. */
    bool again =
        t->producer_id >= 0 && t->producer_id == m->producer_id && m->producer_epoch != t->epoch;
    if (!again && next_epoch(t, m->transaction_timeout_ms, NULL) != ST_OK)
        return KAFKA_STORAGE_ERROR;
    *ret_id = t->producer_id;
    *ret_epoch = t->epoch;
    return KAFKA_NONE;
}

void broker_on_init_producer_id(broker_request_t *r)
{
    MESSAGE(init_producer_id);
    RESPONSE(init_producer_id);
    answer->producer_epoch = -1;
    if (m->transactional_id.ptr
            ? !broker_may(r->conn, ACL_WRITE, ACL_TRANSACTIONAL_ID, m->transactional_id)
            : !broker_may_cluster(r->conn, ACL_IDEMPOTENT_WRITE) &&
                  !broker_may_any_topic(r->conn, ACL_WRITE)) {
        answer->error_code = m->transactional_id.ptr ? KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                                                     : KAFKA_CLUSTER_AUTHORIZATION_FAILED;
    } else if (m->transactional_id.ptr) {
        answer->error_code = init_transactional(r, &answer->producer_id, &answer->producer_epoch);
    } else if (coordinator_producer_id(broker_coordinator_of(r), &answer->producer_id, NULL) ==
               ST_OK) {
        answer->producer_epoch = 0;
    } else {
        answer->error_code = KAFKA_STORAGE_ERROR;
    }
    broker_answer(r, answer);
}

/* ---- AddPartitionsToTxn */

typedef wire_add_partitions_to_txn_request_topic_t add_topic_t;
typedef wire_add_partitions_to_txn_response_topic_t added_topic_t;

static int16_t check_partition(broker_request_t *r, acl_operation_t op, str_t topic, int32_t index)
{
    static const wire_uuid_t none;
    log_topic_t *t;
    int16_t code = broker_topic_find(r->conn, op, topic, &none, &t);
    if (code)
        return code;
    bool there = index >= 0 && index < log_topic_partitions(t);
    log_topic_unref(t);
    return there ? KAFKA_NONE : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

/* All partitions or none: when one cannot be added, the others are not attempted. */
static void put_codes(broker_request_t *r, const add_topic_t *from, int32_t n, int16_t code,
                      added_topic_t *to)
{
    bool bad = false;
    for (int32_t i = 0; i < n; i++) {
        to[i].name = from[i].name;
        NEW_LIST(&r->arena, to[i].results_by_partition, add_partitions_to_txn_response_partition,
                 from[i].partitions.len);
        for (int32_t k = 0; k < from[i].partitions.len; k++) {
            int32_t index = from[i].partitions.ptr[k];
            int16_t one = code ? code : check_partition(r, ACL_WRITE, from[i].name, index);
            to[i].results_by_partition.ptr[k] =
                (wire_add_partitions_to_txn_response_partition_t){index, one};
            bad |= one != KAFKA_NONE;
        }
    }
    for (int32_t i = 0; bad && i < n; i++)
        for (int32_t k = 0; k < to[i].results_by_partition.len; k++) {
            int16_t *one = &to[i].results_by_partition.ptr[k].partition_error_code;
            *one = *one ? *one : KAFKA_OPERATION_NOT_ATTEMPTED;
        }
}

static bool all_good(const added_topic_t *t, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < t[i].results_by_partition.len; k++)
            if (t[i].results_by_partition.ptr[k].partition_error_code)
                return false;
    return true;
}

static bool is_known(const txn_t *t, const add_topic_t *from, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < from[i].partitions.len; k++)
            if (t->status != TXN_ONGOING ||
                !txn_has_partition(t, from[i].name, from[i].partitions.ptr[k]))
                return false;
    return true;
}

/* What one transaction adds, in the request's arena. */
typedef struct adding {
    broker_request_t *request;
    const add_topic_t *from;
    int32_t n;
    added_topic_t *to;
} adding_t;

static void added(void *arg, const log_outcome_t *o)
{
    const adding_t *a = arg;
    if (o->st != ST_OK)
        put_codes(a->request, a->from, a->n, KAFKA_STORAGE_ERROR, a->to);
}

/* The state is in the log before the answer: what is added will get its marker. */
static int16_t add_partitions(txn_t *t, broker_request_t *r, const add_topic_t *from, int32_t n,
                              added_topic_t *to)
{
    broker_coordinator_t *c = t->coordinator;
    if (is_known(t, from, n))
        return KAFKA_NONE;
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < from[i].partitions.len; k++)
            if (!txn_add_partition(t, from[i].name, from[i].partitions.ptr[k]))
                return KAFKA_POLICY_VIOLATION;
    txn_begin(t);
    log_commit_t *commit = log_commit_new(c->broker->log);
    txn_put_fact(t, commit);
    adding_t *a = ARENA_NEW(&r->arena, adding_t);
    *a = (adding_t){r, from, n, to};
    coordinator_commit(c, commit, added, a);
    return KAFKA_NONE;
}

static void add_to_txn(broker_request_t *r, str_t id, int64_t producer_id, int16_t epoch,
                       bool verify, const add_topic_t *from, int32_t n, added_topic_t *to)
{
    txn_t *t = txn_find(broker_coordinator_of(r), id);
    int16_t code = fenced_as(check_producer(t, producer_id, epoch), r->version, 2);
    if (!broker_may(r->conn, ACL_WRITE, ACL_TRANSACTIONAL_ID, id))
        code = KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    if (!code && verify && !is_known(t, from, n))
        code = KAFKA_INVALID_TXN_STATE;
    put_codes(r, from, n, code, to);
    if (verify || code || !all_good(to, n))
        return;
    code = add_partitions(t, r, from, n, to);
    if (code)
        put_codes(r, from, n, code, to);
}

void broker_on_add_partitions_to_txn(broker_request_t *r)
{
    MESSAGE(add_partitions_to_txn);
    RESPONSE(add_partitions_to_txn);
    if (r->version < 4) {
        NEW_LIST(&r->arena, answer->results_by_topic, add_partitions_to_txn_response_topic,
                 m->topics.len);
        add_to_txn(r, m->transactional_id, m->producer_id, m->producer_epoch, false, m->topics.ptr,
                   m->topics.len, answer->results_by_topic.ptr);
        coordinator_hold(r, answer);
        return;
    }
    NEW_LIST(&r->arena, answer->results_by_transaction, add_partitions_to_txn_response_transaction,
             m->transactions.len);
    for (int32_t i = 0; i < m->transactions.len; i++) {
        const wire_add_partitions_to_txn_request_transaction_t *from = &m->transactions.ptr[i];
        wire_add_partitions_to_txn_response_transaction_t *to =
            &answer->results_by_transaction.ptr[i];
        to->transactional_id = from->transactional_id;
        NEW_LIST(&r->arena, to->topic_results, add_partitions_to_txn_response_topic,
                 from->topics.len);
        add_to_txn(r, from->transactional_id, from->producer_id, from->producer_epoch,
                   from->verify_only, from->topics.ptr, from->topics.len, to->topic_results.ptr);
    }
    coordinator_hold(r, answer);
}

/* ---- AddOffsetsToTxn, TxnOffsetCommit */

/* Offsets need no partition of their own here: the transaction is open, and TxnOffsetCommit brings
 * them. */
void broker_on_add_offsets_to_txn(broker_request_t *r)
{
    MESSAGE(add_offsets_to_txn);
    RESPONSE(add_offsets_to_txn);
    txn_t *t = txn_find(broker_coordinator_of(r), m->transactional_id);
    answer->error_code =
        fenced_as(check_producer(t, m->producer_id, m->producer_epoch), r->version, 2);
    if (!answer->error_code && !m->group_id.len)
        answer->error_code = KAFKA_INVALID_GROUP_ID;
    if (!answer->error_code)
        txn_begin(t);
    broker_answer(r, answer);
}

static int16_t check_txn_offsets(const broker_request_t *r, const txn_t *t)
{
    MESSAGE(txn_offset_commit);
    int16_t code = check_producer(t, m->producer_id, m->producer_epoch);
    if (!broker_may(r->conn, ACL_WRITE, ACL_TRANSACTIONAL_ID, m->transactional_id))
        return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    if (!broker_may(r->conn, ACL_READ, ACL_GROUP, m->group_id))
        return KAFKA_GROUP_AUTHORIZATION_FAILED;
    if (code == KAFKA_PRODUCER_FENCED)
        return KAFKA_INVALID_PRODUCER_EPOCH;
    if (code)
        return code;
    if (!m->group_id.len || m->group_id.len > GROUP_ID_BYTES_MAX)
        return KAFKA_INVALID_GROUP_ID;
    if (r->version < 5 && t->status != TXN_ONGOING)
        return KAFKA_INVALID_TXN_STATE;
    if (m->generation_id < 0 && !m->member_id.len) /* clients before KIP-447 say nothing of it */
        return KAFKA_NONE;
    code = group_check_committer(broker_coordinator_of(r), m->group_id, m->member_id,
                                 m->group_instance_id, m->generation_id);
    return (int16_t)(code == KAFKA_STALE_MEMBER_EPOCH ? KAFKA_ILLEGAL_GENERATION : code);
}

static int16_t take_offset(broker_request_t *r, txn_t *t, str_t topic,
                           const wire_txn_offset_commit_request_partition_t *p)
{
    MESSAGE(txn_offset_commit);
    broker_t *b = broker_of(r);
    int16_t code = check_partition(r, ACL_READ, topic, p->partition_index);
    if (code)
        return code;
    if ((int64_t)p->committed_metadata.len > b->config.offset_metadata_bytes_max)
        return KAFKA_OFFSET_METADATA_TOO_LARGE;
    txn_offset_t o = {.group = m->group_id,
                      .topic = topic,
                      .metadata = p->committed_metadata,
                      .partition = p->partition_index,
                      .leader_epoch = p->committed_leader_epoch,
                      .offset = p->committed_offset};
    return txn_add_offset(t, &o) ? KAFKA_NONE : KAFKA_POLICY_VIOLATION;
}

static void offsets_taken(void *arg, const log_outcome_t *o)
{
    broker_request_t *r = arg;
    wire_txn_offset_commit_response_t *answer = r->state;
    for (int32_t i = 0; o->st != ST_OK && i < answer->topics.len; i++)
        for (int32_t k = 0; k < answer->topics.ptr[i].partitions.len; k++)
            answer->topics.ptr[i].partitions.ptr[k].error_code = KAFKA_STORAGE_ERROR;
    broker_answer(r, answer);
}

void broker_on_txn_offset_commit(broker_request_t *r)
{
    MESSAGE(txn_offset_commit);
    RESPONSE(txn_offset_commit);
    broker_coordinator_t *c = broker_coordinator_of(r);
    txn_t *t = txn_find(c, m->transactional_id);
    int16_t code = check_txn_offsets(r, t);
    if (!code)
        txn_begin(t);
    NEW_LIST(&r->arena, answer->topics, txn_offset_commit_response_topic, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_txn_offset_commit_request_topic_t *from = &m->topics.ptr[i];
        wire_txn_offset_commit_response_topic_t *to = &answer->topics.ptr[i];
        to->name = from->name;
        NEW_LIST(&r->arena, to->partitions, txn_offset_commit_response_partition,
                 from->partitions.len);
        for (int32_t k = 0; k < from->partitions.len; k++)
            to->partitions.ptr[k] = (wire_txn_offset_commit_response_partition_t){
                from->partitions.ptr[k].partition_index,
                code ? code : take_offset(r, t, from->name, &from->partitions.ptr[k])};
    }
    if (code) {
        broker_answer(r, answer);
        return;
    }
    log_commit_t *commit = log_commit_new(c->broker->log);
    txn_put_fact(t, commit);
    r->state = answer;
    coordinator_commit(c, commit, offsets_taken, r);
}

/* ---- EndTxn */

/* Since version 5 each transaction has an epoch of its own (KIP-890): an answer that was lost is
 * told by it. */
static bool is_repeat(const broker_request_t *r, const txn_t *t)
{
    MESSAGE(end_txn);
    int16_t epoch = (int16_t)(m->producer_epoch + (r->version >= 5));
    return t && t->producer_id == m->producer_id && t->epoch == epoch &&
           t->status == (m->committed ? TXN_COMMITTED : TXN_ABORTED) &&
           (r->version < 5 || t->epoch_before != m->producer_epoch);
}

/* Whether the transaction may end so; *ret_done: it has, already. */
static int16_t check_end(const broker_request_t *r, const txn_t *t, bool *ret_done)
{
    MESSAGE(end_txn);
    int16_t code = fenced_as(check_producer(t, m->producer_id, m->producer_epoch), r->version, 2);
    *ret_done = is_repeat(r, t);
    if (*ret_done)
        return KAFKA_NONE;
    if (code)
        return code;
    /* With an epoch for each, there may be one to abort that never came to begin. */
    if (t->status != TXN_ONGOING && (r->version < 5 || m->committed))
        return KAFKA_INVALID_TXN_STATE;
    return KAFKA_NONE;
}

static void answer_end(broker_request_t *r, const txn_t *t, int16_t code)
{
    RESPONSE(end_txn);
    answer->error_code = code;
    if (!code) {
        answer->producer_id = t->producer_id;
        answer->producer_epoch = t->epoch;
    }
    broker_answer(r, answer);
}

static void ended(txn_t *t, void *arg, st_t st)
{
    broker_request_t *r = arg;
    MESSAGE(end_txn);
    if (st == ST_OK) {
        t->epoch_before = -1;
        if (r->version >= 5 && m->producer_epoch == EPOCH_MAX)
            st = next_epoch(t, t->timeout_ms, NULL);
    }
    answer_end(r, t, st == ST_OK ? KAFKA_NONE : KAFKA_STORAGE_ERROR);
}

void broker_on_end_txn(broker_request_t *r)
{
    MESSAGE(end_txn);
    bool done;
    txn_t *t = txn_find(broker_coordinator_of(r), m->transactional_id);
    int16_t code = check_end(r, t, &done);
    if (code || done) {
        answer_end(r, t, code);
        return;
    }
    bool bump = r->version >= 5 && t->epoch < EPOCH_MAX;
    txn_end_soon(t, m->committed, (int16_t)(t->epoch + bump), ended, r);
}

/* ---- Produce */

static void appended(void *arg, const log_outcome_t *o)
{
    broker_append_outcome(arg, o);
}

static int16_t check_append(const broker_request_t *r, const txn_t *t, const broker_append_t *a,
                            const wire_batch_t *b)
{
    if (!(b->attributes & WIRE_TRANSACTIONAL))
        return KAFKA_INVALID_TXN_STATE;
    int16_t code = check_producer(t, b->producer_id, b->producer_epoch);
    if (code)
        return (int16_t)(code == KAFKA_PRODUCER_FENCED ? KAFKA_INVALID_PRODUCER_EPOCH : code);
    if (r->version >= 12) /* it adds the partition by writing to it */
        return KAFKA_NONE;
    return t->status == TXN_ONGOING && txn_has_partition(t, log_topic_name(a->topic), a->partition)
               ? KAFKA_NONE
               : KAFKA_INVALID_TXN_STATE;
}

void broker_txn_produce(broker_request_t *r)
{
    MESSAGE(produce);
    broker_coordinator_t *c = broker_coordinator_of(r);
    broker_produce_t *p = r->state;
    txn_t *t = txn_find(c, m->transactional_id);
    for (size_t i = 0; i < p->n_appends; i++) {
        broker_append_t *a = &p->append[i];
        wire_batch_t b;
        str_t in = a->batch;
        if (a->failure.code)
            continue;
        st_t st = wire_batch_next(&in, &b, NULL);
        ASSERT(st == ST_OK); /* produce.c has looked at it */
        a->failure.code = check_append(r, t, a, &b);
        if (a->failure.code)
            continue;
        log_commit_t *commit = log_commit_new(c->broker->log);
        str_t topic = log_topic_name(a->topic);
        if (t->status != TXN_ONGOING || !txn_has_partition(t, topic, a->partition)) {
            if (!txn_add_partition(t, topic, a->partition)) {
                a->failure.code = KAFKA_POLICY_VIOLATION;
                log_commit_free(commit);
                continue;
            }
            txn_begin(t);
            txn_put_fact(t, commit);
        }
        broker_append_to(commit, a);
        coordinator_commit(c, commit, appended, a);
    }
    coordinator_hold(r, NULL);
}
