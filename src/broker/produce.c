/* produce.c: Produce: batches are checked on the network thread, and appended on the commit thread.
 */
#include "broker/txn.h"

#include "base/hash.h"
#include "wire/batch.h"

#define UNPACKED_BYTES_MAX  (64u << 20) /* of a compressed batch */
#define UNPACKED_BYTES_KEPT (1u << 20)

enum { ATTRIBUTES = 21, CRC = 17, MAX_TIMESTAMP = 35, RECORD_COUNT = 57 };

/* ---- checks */

static broker_failure_t bad(int16_t code, const char *text)
{
    return (broker_failure_t){code, str_of(text)};
}

/* Walks all records: they must be whole, and have keys where the topic is compacted by key. */
static broker_failure_t check_records(const wire_batch_t *b, const broker_topic_rules_t *rules)
{
    wire_reader_t reader;
    wire_record_t rec;
    err_t err;
    bool keys = true;
    wire_reader_init(&reader, UNPACKED_BYTES_MAX);
    st_t st = wire_reader_open(&reader, b, &err);
    if (st == ST_OK) {
        while (wire_reader_next(&reader, &rec))
            keys &= rec.key.ptr != NULL;
        st = wire_reader_end(&reader, &err);
    }
    wire_reader_done(&reader);
    if (st == ST_TOO_LARGE)
        return bad(KAFKA_MESSAGE_TOO_LARGE, "the batch unpacks to more than 64 MiB");
    if (st != ST_OK)
        return bad(KAFKA_CORRUPT_MESSAGE, "the batch's records are malformed");
    if (!keys && rules->compacts)
        return bad(KAFKA_INVALID_RECORD,
                   "Compacted topic cannot accept message without key in topic partition");
    return bad(KAFKA_NONE, NULL);
}

static broker_failure_t check_header(const broker_request_t *r, const wire_batch_t *b)
{
    MESSAGE(produce);
    if (b->attributes & WIRE_TRANSACTIONAL && !m->transactional_id.ptr)
        return bad(KAFKA_INVALID_TXN_STATE, "a batch of a transaction needs a transactional id");
    if (b->attributes & WIRE_TRANSACTIONAL && b->producer_id < 0)
        return bad(KAFKA_INVALID_RECORD, "a batch of a transaction needs a producer id");
    if (b->count < 1 || b->last_offset - b->base_offset + 1 != b->count)
        return bad(KAFKA_INVALID_RECORD, "the batch's count and offsets do not fit");
    if (b->attributes & WIRE_CONTROL)
        return bad(KAFKA_INVALID_RECORD, "clients may not write control batches");
    if (wire_batch_codec(b) > WIRE_ZSTD)
        return bad(KAFKA_UNSUPPORTED_COMPRESSION_TYPE, "an unknown compression");
    if (wire_batch_codec(b) == WIRE_ZSTD && r->version < 7)
        return bad(KAFKA_UNSUPPORTED_COMPRESSION_TYPE, "zstd needs Produce version 7");
    if (b->producer_id >= 0 && (b->base_sequence < 0 || b->producer_epoch < 0))
        return bad(KAFKA_INVALID_RECORD, "a producer id needs an epoch and a sequence");
    return bad(KAFKA_NONE, NULL);
}

static broker_failure_t check_time(const wire_batch_t *b, const broker_topic_rules_t *rules,
                                   int64_t now_ms)
{
    if (rules->append_time)
        return bad(KAFKA_NONE, NULL);
    if (b->max_ts_ms > now_ms && b->max_ts_ms - now_ms > rules->after_ms_max)
        return bad(KAFKA_INVALID_TIMESTAMP, "a timestamp is too far in the future: "
                                            "message.timestamp.after.max.ms");
    if (b->base_ts_ms >= 0 && now_ms > b->base_ts_ms &&
        now_ms - b->base_ts_ms > rules->before_ms_max)
        return bad(KAFKA_INVALID_TIMESTAMP, "a timestamp is too far in the past: "
                                            "message.timestamp.before.max.ms");
    return bad(KAFKA_NONE, NULL);
}

/* The log's time instead of the client's; the only change that touches what the CRC covers. */
static void stamp(char *batch, size_t len, int64_t now_ms)
{
    store_be16(batch + ATTRIBUTES,
               (uint16_t)(load_be16(batch + ATTRIBUTES) | WIRE_LOG_APPEND_TIME));
    store_be64(batch + MAX_TIMESTAMP, (uint64_t)now_ms);
    store_be32(batch + CRC, hash_crc32c(0, batch + ATTRIBUTES, len - ATTRIBUTES));
}

static broker_failure_t check_batch(const broker_request_t *r, const broker_topic_rules_t *rules,
                                    str_t records, int64_t now_ms, int64_t *ret_append_ms)
{
    wire_batch_t b;
    str_t in = records;
    if (!in.len)
        return bad(KAFKA_INVALID_RECORD, "there is no record batch");
    st_t st = wire_batch_next(&in, &b, NULL);
    if (st == ST_UNSUPPORTED)
        return bad(KAFKA_INVALID_RECORD, "only record batches of magic 2 are taken");
    if (st != ST_OK || wire_batch_check(&b, NULL) != ST_OK)
        return bad(KAFKA_CORRUPT_MESSAGE, "the batch is malformed, or its CRC does not fit");
    if (in.len)
        return bad(KAFKA_INVALID_RECORD, "a partition takes one batch a request");
    if ((int64_t)records.len > rules->message_bytes_max)
        return bad(KAFKA_MESSAGE_TOO_LARGE, "the batch is larger than max.message.bytes");
    broker_failure_t f = check_header(r, &b);
    if (!f.code)
        f = check_time(&b, rules, now_ms);
    if (!f.code)
        f = check_records(&b, rules);
    if (f.code || !rules->append_time)
        return f;
    stamp((char *)(uintptr_t)records.ptr, records.len, now_ms); /* the request's own bytes */
    *ret_append_ms = now_ms;
    return f;
}

/* ---- the request */

/* Kafka's rule: only its own administration writes to the topics that say what groups did. */
static bool may_write_to(const broker_request_t *r, const log_topic_t *t)
{
    return !broker_topic_internal(log_topic_name(t)) ||
           str_eq(r->client_id, STR("__admin_client"));
}

static void prepare_topic(broker_request_t *r, const wire_produce_request_topic_t *from,
                          broker_produce_t *p)
{
    broker_t *b = broker_of(r);
    int64_t now_ms = io_now_ms(b->io);
    log_topic_t *t = NULL;
    broker_topic_rules_t rules = {0};
    int16_t code = broker_topic_find(r->conn, ACL_WRITE, from->name, &from->topic_id, &t);
    if (code == KAFKA_NONE) {
        rules = broker_topic_rules(b, t, &r->arena);
        p->topic[p->n_topics++] = t;
        if (!may_write_to(r, t))
            code = KAFKA_INVALID_TOPIC;
    }
    for (int32_t i = 0; i < from->partition_data.len; i++) {
        const wire_produce_request_partition_t *data = &from->partition_data.ptr[i];
        broker_append_t *a = &p->append[p->n_appends++];
        *a = (broker_append_t){.topic = t,
                               .partition = data->index,
                               .batch = data->records,
                               .frame = r->frame,
                               .base_offset = -1,
                               .append_ms = -1,
                               .failure = bad(code, NULL)};
        if (code)
            continue;
        if (data->index < 0 || data->index >= log_topic_partitions(t))
            a->failure = bad(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, NULL);
        else
            a->failure = check_batch(r, &rules, data->records, now_ms, &a->append_ms);
    }
}

static void prepare(broker_request_t *r)
{
    MESSAGE(produce);
    size_t n = 0;
    for (int32_t i = 0; i < m->topic_data.len; i++)
        n += (size_t)m->topic_data.ptr[i].partition_data.len;
    broker_produce_t *p = ARENA_NEW(&r->arena, broker_produce_t);
    p->append = ARENA_ARRAY(&r->arena, broker_append_t, n + 1);
    p->topic = ARENA_ARRAY(&r->arena, log_topic_t *, m->topic_data.len + 1);
    r->state = p;
    for (int32_t i = 0; i < m->topic_data.len; i++)
        prepare_topic(r, &m->topic_data.ptr[i], p);
    int16_t code = m->acks < -1 || m->acks > 1 ? KAFKA_INVALID_REQUIRED_ACKS : KAFKA_NONE;
    if (m->transactional_id.ptr &&
        !broker_may(r->conn, ACL_WRITE, ACL_TRANSACTIONAL_ID, m->transactional_id))
        code = KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    for (size_t i = 0; code && i < p->n_appends; i++)
        p->append[i].failure = bad(code, NULL);
}

static void put_partition(broker_t *b, const broker_append_t *a,
                          wire_produce_response_partition_t *to)
{
    log_offsets_t o;
    to->index = a->partition;
    to->error_code = a->failure.code;
    to->error_message = a->failure.text;
    if (a->failure.code) {
        to->base_offset = -1;
        return;
    }
    atomic_fetch_add(&b->count.records_in, load_be32(a->batch.ptr + RECORD_COUNT));
    atomic_fetch_add(&b->count.bytes_in, (long long)a->batch.len);
    to->base_offset = a->base_offset;
    to->log_append_time_ms = a->append_ms;
    if (log_topic_offsets(a->topic, a->partition, &o, NULL) == ST_OK)
        to->log_start_offset = o.start;
}

static void finish(broker_request_t *r)
{
    MESSAGE(produce);
    RESPONSE(produce);
    broker_produce_t *p = r->state;
    const broker_append_t *a = p->append;
    bool failed = false;
    NEW_LIST(&r->arena, answer->responses, produce_response_topic, m->topic_data.len);
    for (int32_t i = 0; i < m->topic_data.len; i++) {
        const wire_produce_request_topic_t *from = &m->topic_data.ptr[i];
        wire_produce_response_topic_t *to = &answer->responses.ptr[i];
        to->name = from->name;
        to->topic_id = from->topic_id;
        NEW_LIST(&r->arena, to->partition_responses, produce_response_partition,
                 from->partition_data.len);
        for (int32_t k = 0; k < from->partition_data.len; k++, a++) {
            put_partition(broker_of(r), a, &to->partition_responses.ptr[k]);
            failed |= a->failure.code != KAFKA_NONE;
        }
    }
    for (size_t i = 0; i < p->n_topics; i++)
        log_topic_unref(p->topic[i]);
    if (m->acks != 0)
        broker_answer(r, answer);
    else if (failed) /* the only way to tell a client that does not listen */
        broker_cut(r, "sent records with acks=0 that could not be appended");
    else
        broker_answer_nothing(r);
}

void broker_on_produce(broker_request_t *r)
{
    bool any = false;
    prepare(r);
    broker_produce_t *p = r->state;
    for (size_t i = 0; i < p->n_appends; i++)
        any |= !p->append[i].failure.code;
    if (!any) {
        finish(r);
        return;
    }
    MESSAGE(produce);
    r->resume = finish;
    r->work = m->transactional_id.ptr ? broker_txn_produce : NULL;
    broker_send(r, r->work ? &broker_of(r)->group : &broker_of(r)->commit);
}
