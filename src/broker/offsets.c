/* offsets.c: ListOffsets, and OffsetForLeaderEpoch. */
#include "broker/internal.h"
#include "wire/batch.h"

/* Moments that are not timestamps. */
enum { LATEST = -1, EARLIEST = -2, MAX_TIMESTAMP = -3, EARLIEST_LOCAL = -4, LATEST_TIERED = -5 };
enum { EARLIEST_PENDING_UPLOAD = -6 };

#define LOOK_BYTES (64u << 10)

typedef struct found {
    int16_t code;
    int64_t offset, ts_ms;
} found_t;

static int16_t check_epoch(const broker_t *b, int32_t epoch)
{
    int32_t now = log_leader_epoch(b->log);
    if (epoch < 0 || epoch == now)
        return KAFKA_NONE;
    return epoch < now ? KAFKA_FENCED_LEADER_EPOCH : KAFKA_UNKNOWN_LEADER_EPOCH;
}

/* ---- ListOffsets */

/* The record with the largest timestamp: its batch is found by the headers, its place in it by the
 * timestamp. */
static st_t largest_timestamp(log_topic_t *t, int32_t partition, const log_offsets_t *o,
                              found_t *ret)
{
    int64_t largest = -1;
    for (int64_t at = o->start; at < o->end;) {
        log_chunk_t c;
        st_t st = log_read(t, partition, at, LOOK_BYTES, &c, NULL);
        if (st != ST_OK)
            return st;
        wire_batch_t b;
        for (str_t in = c.bytes; in.len && wire_batch_next(&in, &b, NULL) == ST_OK;)
            largest = b.max_ts_ms > largest ? b.max_ts_ms : largest;
        at = c.next_offset > at ? c.next_offset : o->end;
        log_chunk_unref(&c);
    }
    if (largest < 0)
        return ST_OK;
    return log_topic_offset_at(t, partition, largest, &ret->offset, &ret->ts_ms, NULL);
}

static found_t find_offset(log_topic_t *t, int32_t partition, int64_t ts_ms, bool committed)
{
    found_t f = {.offset = -1, .ts_ms = -1};
    log_offsets_t o;
    st_t st = log_topic_offsets(t, partition, &o, NULL);
    if (st == ST_OK) {
        switch (ts_ms) {
        case LATEST:
            f.offset = committed ? o.stable : o.end;
            break;
        case EARLIEST:
        case EARLIEST_LOCAL:
            f.offset = o.start;
            break;
        case MAX_TIMESTAMP:
            st = largest_timestamp(t, partition, &o, &f);
            break;
        case LATEST_TIERED: /* nothing is tiered */
        case EARLIEST_PENDING_UPLOAD:
            break;
        default:
            st = log_topic_offset_at(t, partition, ts_ms, &f.offset, &f.ts_ms, NULL);
        }
    }
    f.code = st == ST_NOT_FOUND ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : broker_code(st);
    return f;
}

/* Special moments came with versions; before, they are timestamps that nothing has. */
static bool moment_known(int version, int64_t ts_ms)
{
    if (ts_ms >= EARLIEST)
        return true;
    return (ts_ms == MAX_TIMESTAMP && version >= 7) || (ts_ms == EARLIEST_LOCAL && version >= 8) ||
           (ts_ms == LATEST_TIERED && version >= 9) ||
           (ts_ms == EARLIEST_PENDING_UPLOAD && version >= 11);
}

static void list_one(broker_request_t *r, log_topic_t *t, int16_t code,
                     const wire_list_offsets_request_partition_t *from,
                     wire_list_offsets_response_partition_t *to)
{
    MESSAGE(list_offsets);
    broker_t *b = broker_of(r);
    found_t f = {.code = code, .offset = -1, .ts_ms = -1};
    to->partition_index = from->partition_index;
    if (!f.code && (from->partition_index < 0 || from->partition_index >= log_topic_partitions(t)))
        f.code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (!f.code)
        f.code = check_epoch(b, from->current_leader_epoch);
    if (!f.code && !moment_known(r->version, from->timestamp))
        f.code = KAFKA_UNSUPPORTED_VERSION;
    if (!f.code)
        f = find_offset(t, from->partition_index, from->timestamp, m->isolation_level == 1);
    to->error_code = f.code;
    to->offset = f.offset;
    to->timestamp = f.ts_ms;
    if (!f.code && f.offset >= 0)
        to->leader_epoch = log_leader_epoch(b->log);
}

void broker_on_list_offsets(broker_request_t *r)
{
    MESSAGE(list_offsets);
    RESPONSE(list_offsets);
    static const wire_uuid_t none;
    NEW_LIST(&r->arena, answer->topics, list_offsets_response_topic, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_list_offsets_request_topic_t *from = &m->topics.ptr[i];
        wire_list_offsets_response_topic_t *to = &answer->topics.ptr[i];
        log_topic_t *t = NULL;
        int16_t code = broker_topic_find(r->conn, ACL_DESCRIBE, from->name, &none, &t);
        to->name = from->name;
        NEW_LIST(&r->arena, to->partitions, list_offsets_response_partition, from->partitions.len);
        for (int32_t k = 0; k < from->partitions.len; k++)
            list_one(r, t, code, &from->partitions.ptr[k], &to->partitions.ptr[k]);
        if (t)
            log_topic_unref(t);
    }
    broker_answer(r, answer);
}

/* ---- OffsetForLeaderEpoch: epochs only go up along the log, so the place where one ends is found
 * by halving. */

static st_t batch_at(log_topic_t *t, int32_t partition, int64_t offset, wire_batch_t *ret)
{
    log_chunk_t c;
    st_t st = log_read(t, partition, offset, 1, &c, NULL);
    if (st != ST_OK)
        return st;
    str_t in = c.bytes;
    st = wire_batch_next(&in, ret, NULL);
    log_chunk_unref(&c);
    return st;
}

/* The largest epoch that is at most `epoch`, and the offset behind its last record. */
static st_t end_of_epoch(log_topic_t *t, int32_t partition, int32_t epoch, int32_t *ret_epoch,
                         int64_t *ret_end)
{
    log_offsets_t o;
    st_t st = log_topic_offsets(t, partition, &o, NULL);
    int64_t from = o.start,
            to = o.end; /* [start, from) has epochs <= epoch, [to, end) larger ones */
    int32_t last = -1;
    while (st == ST_OK && from < to) {
        wire_batch_t b;
        st = batch_at(t, partition, from + (to - from) / 2, &b);
        if (st != ST_OK)
            break;
        if (b.leader_epoch <= epoch) {
            from = b.last_offset + 1;
            last = b.leader_epoch;
        } else {
            to = b.base_offset < from ? from : b.base_offset;
        }
    }
    if (st == ST_OK) {
        *ret_epoch = last;
        *ret_end = last < 0 ? -1 : from;
    }
    return st;
}

static void end_one(broker_request_t *r, log_topic_t *t, int16_t code,
                    const wire_offset_for_leader_epoch_request_partition_t *from,
                    wire_offset_for_leader_epoch_response_partition_t *to)
{
    broker_t *b = broker_of(r);
    int32_t now = log_leader_epoch(b->log);
    log_offsets_t o;
    to->partition = from->partition;
    to->error_code = code;
    if (!code && (from->partition < 0 || from->partition >= log_topic_partitions(t)))
        to->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (!to->error_code)
        to->error_code = check_epoch(b, from->current_leader_epoch);
    if (to->error_code || from->leader_epoch > now || from->leader_epoch < 0)
        return;
    st_t st;
    if (from->leader_epoch == now) {
        st = log_topic_offsets(t, from->partition, &o, NULL);
        if (st == ST_OK)
            to->leader_epoch = now, to->end_offset = o.end;
    } else {
        st = end_of_epoch(t, from->partition, from->leader_epoch, &to->leader_epoch,
                          &to->end_offset);
    }
    to->error_code = st == ST_NOT_FOUND ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : broker_code(st);
}

void broker_on_offset_for_leader_epoch(broker_request_t *r)
{
    MESSAGE(offset_for_leader_epoch);
    RESPONSE(offset_for_leader_epoch);
    static const wire_uuid_t none;
    NEW_LIST(&r->arena, answer->topics, offset_for_leader_epoch_response_topic, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_offset_for_leader_epoch_request_topic_t *from = &m->topics.ptr[i];
        wire_offset_for_leader_epoch_response_topic_t *to = &answer->topics.ptr[i];
        log_topic_t *t = NULL;
        int16_t code = broker_topic_find(r->conn, ACL_DESCRIBE, from->topic, &none, &t);
        to->topic = from->topic;
        NEW_LIST(&r->arena, to->partitions, offset_for_leader_epoch_response_partition,
                 from->partitions.len);
        for (int32_t k = 0; k < from->partitions.len; k++)
            end_one(r, t, code, &from->partitions.ptr[k], &to->partitions.ptr[k]);
        if (t)
            log_topic_unref(t);
    }
    broker_answer(r, answer);
}
