/* fetch.c: Fetch: batches go from the log to the socket as they lie; a fetch that finds too little
 * waits until there is news or its time is up. thread: net */
#include "broker/fetch.h"

#include "wire/batch.h"

struct broker_wait {
    broker_request_t *request;
    broker_fetch_t *fetch;
    broker_wait_t *prev, *next;
    io_timer_t timer;
};

/* What one try found in a partition. */
typedef struct result {
    int16_t code;
    log_offsets_t offsets;
    VEC(log_chunk_t) chunks; /* one after the other: the log gives what lies together */
    size_t bytes;            /* of them */
} result_t;

#define CHUNKS_MAX 1024 /* a partition */

/* ---- reading */

static int16_t code_of(const broker_fetch_t *f, st_t st)
{
    if (st == ST_NOT_FOUND)
        return f->by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (st == ST_RANGE)
        return KAFKA_OFFSET_OUT_OF_RANGE;
    return (int16_t)(st == ST_CORRUPT ? KAFKA_CORRUPT_MESSAGE : KAFKA_STORAGE_ERROR);
}

static int16_t check_epoch(const broker_t *b, int32_t epoch)
{
    int32_t now = log_leader_epoch(b->log);
    if (epoch < 0 || epoch == now)
        return KAFKA_NONE;
    return epoch < now ? KAFKA_FENCED_LEADER_EPOCH : KAFKA_UNKNOWN_LEADER_EPOCH;
}

/* A session's partitions are asked for again only when the access lists have changed. */
static int16_t check_allowed(broker_conn_t *c, broker_fetch_part_t *p)
{
    unsigned now = atomic_load(&c->net->broker->acls.generation) + 1;
    if (p->allowed_at == now)
        return KAFKA_NONE;
    if (!broker_may(c, ACL_READ, ACL_TOPIC, log_topic_name(p->partition.topic)))
        return KAFKA_TOPIC_AUTHORIZATION_FAILED;
    p->allowed_at = now;
    return KAFKA_NONE;
}

/* Only whole batches before `offset` are left. */
static void cut_at(log_chunk_t *c, int64_t offset)
{
    wire_batch_t b;
    str_t in = c->bytes;
    if (c->next_offset <= offset || c->file)
        return;
    while (in.len && wire_batch_next(&in, &b, NULL) == ST_OK)
        if (b.base_offset >= offset) {
            c->bytes.len = (size_t)(b.bytes.ptr - c->bytes.ptr);
            c->next_offset = b.base_offset;
            return;
        }
}

/* Chunks from the part's offset up to `visible`, at most max bytes, but when `first` at least one
 * batch. */
static st_t read_chunks(const broker_fetch_part_t *p, int64_t visible, size_t max, bool first,
                        result_t *ret)
{
    int64_t at = p->offset;
    while (at < visible && ret->chunks.len < CHUNKS_MAX && (ret->bytes < max || first)) {
        log_chunk_t c;
        /* What is read at once is all that there is room for. */
        st_t st = log_lend(p->partition.topic, p->partition.index, at, visible, max - ret->bytes,
                           ret->bytes == 0, &c, NULL);
        if (st != ST_OK)
            return ret->bytes ? ST_OK : st;
        cut_at(&c, visible);
        if (c.bytes.len == 0 || (!first && ret->bytes + c.bytes.len > max)) {
            log_chunk_unref(&c);
            break;
        }
        first = false;
        at = c.next_offset;
        ret->bytes += c.bytes.len;
        VEC_PUSH(&ret->chunks, c);
        if (ret->bytes >= max)
            break;
    }
    return ST_OK;
}

/* At most `room` bytes, but when `first` at least one batch where there is one. */
static void read_part(broker_conn_t *c, broker_fetch_t *f, broker_fetch_part_t *p, size_t room,
                      bool first, result_t *ret)
{
    broker_net_t *net = c->net;
    const broker_t *b = net->broker;
    *ret = (result_t){.offsets = {-1, -1, -1}};
    if (p->partition.topic == NULL)
        broker_fetch_resolve(c, &p->partition);
    if (!p->partition.topic) {
        ret->code = p->partition.code;
        return;
    }
    ret->code = check_allowed(c, p);
    if (!ret->code)
        ret->code = check_epoch(b, p->leader_epoch);
    if (ret->code)
        return;
    st_t st = log_topic_offsets(p->partition.topic, p->partition.index, &ret->offsets, NULL);
    if (st == ST_OK && (p->offset < ret->offsets.start || p->offset > ret->offsets.end))
        st = ST_RANGE;
    int64_t visible = f->committed ? ret->offsets.stable : ret->offsets.end;
    if (st == ST_OK && p->offset < visible && (room > 0 || first)) {
        size_t max = p->bytes_max < 0 ? 0 : (size_t)p->bytes_max;
        st = read_chunks(p, visible, max < room ? max : room, first, ret);
    }
    if (st == ST_NOT_FOUND) { /* deleted; under the same name there may be another */
        broker_news_forget(net, p->partition.topic);
        log_topic_unref(p->partition.topic);
        p->partition.topic = NULL;
    }
    ret->code = st == ST_OK ? KAFKA_NONE : code_of(f, st);
    p->seen_end = visible;
}

/* The partitions in turn from where the last answer ended. True when there is enough to answer. */
static bool try_parts(broker_request_t *r, broker_fetch_t *f, result_t *result)
{
    size_t bytes = 0;
    bool any = false, failed = false;
    size_t most = broker_room(broker_of(r));
    most = f->bytes_max < most ? f->bytes_max : most;
    f->last_with_data = SIZE_MAX;
    for (size_t k = 0; k < f->n_parts; k++) {
        size_t i = (f->start + k) % f->n_parts;
        size_t room = bytes < most ? most - bytes : 0;
        read_part(r->conn, f, f->part[i], room, !any, &result[i]);
        failed |= result[i].code != KAFKA_NONE;
        if (!result[i].bytes)
            continue;
        any = true;
        bytes += result[i].bytes;
        f->last_with_data = i;
    }
    return failed || bytes >= f->bytes_min || (any && bytes >= most) || f->n_parts == 0;
}

static void let_go(broker_fetch_t *f, result_t *result)
{
    for (size_t i = 0; i < f->n_parts; i++) {
        for (size_t k = 0; k < result[i].chunks.len; k++)
            log_chunk_unref(&result[i].chunks.ptr[k]);
        VEC_DONE(&result[i].chunks);
    }
}

/* ---- answering */

static bool is_news(const broker_fetch_t *f, const broker_fetch_part_t *p, const result_t *result)
{
    return !f->incremental || result->bytes || result->code || result->offsets.end != p->sent_end ||
           result->offsets.start != p->sent_start;
}

/* The aborted transactions that a reader of these records meets: not null, though it may be empty.
 */
static void put_aborted(broker_request_t *r, const broker_fetch_part_t *p, const result_t *result,
                        wire_fetch_response_partition_t *to)
{
    log_aborted_t *aborted;
    size_t n = 0;
    if (result->bytes)
        log_topic_aborted(p->partition.topic, p->partition.index, p->offset,
                          VEC_LAST(&result->chunks).next_offset, &r->arena, &aborted, &n);
    NEW_LIST(&r->arena, to->aborted_transactions, fetch_response_aborted_transaction, n + 1);
    to->aborted_transactions.len = (int32_t)n;
    for (size_t i = 0; i < n; i++)
        to->aborted_transactions.ptr[i] =
            (wire_fetch_response_aborted_transaction_t){aborted[i].producer_id, aborted[i].first};
}

static void put_part(broker_request_t *r, const broker_fetch_t *f, broker_fetch_part_t *p,
                     result_t *result, wire_fetch_response_partition_t *to)
{
    to->partition_index = p->partition.index;
    to->error_code = result->code;
    to->high_watermark = result->offsets.end;
    to->last_stable_offset = result->offsets.stable;
    to->log_start_offset = result->offsets.start;
    to->records = STR("");
    if (f->committed && !result->code)
        put_aborted(r, p, result, to);
    if (result->bytes) /* stands for all chunks: broker_answer puts them in its place */
        to->records = str_n("", result->bytes);
    for (size_t i = 0; i < result->chunks.len; i++)
        VEC_PUSH(&r->chunks, result->chunks.ptr[i]);
    VEC_DONE(&result->chunks);
    atomic_fetch_add(&broker_of(r)->count.bytes_out, (long long)result->bytes);
    p->sent_end = result->offsets.end;
    p->sent_start = result->offsets.start;
}

static bool same_topic(const broker_fetch_part_t *p, const wire_fetch_response_topic_t *t)
{
    return str_eq(p->partition.name, t->topic) &&
           !memcmp(&p->partition.id, &t->topic_id, sizeof t->topic_id);
}

static void put_parts(broker_request_t *r, broker_fetch_t *f, result_t *result,
                      wire_fetch_response_t *answer)
{
    NEW_LIST(&r->arena, answer->responses, fetch_response_topic, f->n_parts);
    answer->responses.len = 0;
    wire_fetch_response_topic_t *t = NULL;
    size_t end = 0; /* of t's run: the same topic may come again behind others */
    for (size_t k = 0; k < f->n_parts; k++) {
        size_t i = (f->start + k) % f->n_parts;
        broker_fetch_part_t *p = f->part[i];
        if (!is_news(f, p, &result[i]))
            continue;
        if (k >= end) {
            t = &answer->responses.ptr[answer->responses.len++];
            t->topic = p->partition.name;
            t->topic_id = p->partition.id;
            end = k + 1;
            while (end < f->n_parts && same_topic(f->part[(f->start + end) % f->n_parts], t))
                end++;
            NEW_LIST(&r->arena, t->partitions, fetch_response_partition, end - k);
            t->partitions.len = 0;
        }
        put_part(r, f, p, &result[i], &t->partitions.ptr[t->partitions.len++]);
    }
}

static void answer_fetch(broker_request_t *r, broker_fetch_t *f, result_t *result)
{
    RESPONSE(fetch);
    if (broker_throttle_fetch(r)) { /* nothing was said of the partitions */
        let_go(f, result);
        answer->session_id = f->incremental ? f->session_id : 0;
    } else {
        answer->session_id = f->session_id;
        put_parts(r, f, result, answer);
        if (f->last_with_data != SIZE_MAX)
            broker_fetch_rotate(r->conn, f, f->last_with_data);
    }
    broker_fetch_done(f);
    broker_answer(r, answer);
}

static void answer_error(broker_request_t *r, int16_t code)
{
    RESPONSE(fetch);
    answer->error_code = code;
    broker_answer(r, answer);
}

/* ---- waiting */

static void stop_waiting(broker_wait_t *w)
{
    broker_net_t *net = w->request->conn->net;
    io_timer_clear(net->loop, &w->timer);
    if (w->prev)
        w->prev->next = w->next;
    else
        net->waits = w->next;
    if (w->next)
        w->next->prev = w->prev;
    w->request->wait = NULL;
}

void broker_wait_cancel(broker_request_t *r)
{
    if (!r->wait)
        return;
    broker_fetch_done(r->wait->fetch);
    stop_waiting(r->wait);
    r->done = true;
}

/* Answers when there is enough, or the time is up. */
static bool look(broker_request_t *r, broker_fetch_t *f, bool now)
{
    result_t *result = f->result;
    bool enough = try_parts(r, f, result);
    if (!enough && !now) {
        let_go(f, result);
        return false;
    }
    if (r->wait)
        stop_waiting(r->wait);
    answer_fetch(r, f, result);
    return true;
}

static void time_is_up(void *arg)
{
    broker_wait_t *w = arg;
    look(w->request, w->fetch, true);
}

static bool has_news(const broker_fetch_t *f)
{
    log_offsets_t o;
    for (size_t i = 0; i < f->n_parts; i++) {
        const broker_fetch_part_t *p = f->part[i];
        if (!p->partition.topic ||
            log_topic_offsets(p->partition.topic, p->partition.index, &o, NULL) != ST_OK ||
            (f->committed ? o.stable : o.end) != p->seen_end)
            return true;
    }
    return false;
}

void broker_waits_look(broker_net_t *net)
{
    for (broker_wait_t *w = net->waits, *next; w; w = next) {
        next = w->next;
        if (has_news(w->fetch))
            look(w->request, w->fetch, false);
    }
}

static void wait_for_news(broker_request_t *r, broker_fetch_t *f, int64_t wait_ms)
{
    broker_net_t *net = r->conn->net;
    broker_wait_t *w = ARENA_NEW(&r->arena, broker_wait_t);
    *w = (broker_wait_t){.request = r, .fetch = f, .next = net->waits};
    w->timer = (io_timer_t){.fn = time_is_up, .arg = w};
    if (w->next)
        w->next->prev = w;
    net->waits = w;
    r->wait = w;
    io_timer_set(net->loop, &w->timer, wait_ms);
    look(r, f, false); /* what came since the first look, before anyone would have told us */
}

void broker_on_fetch(broker_request_t *r)
{
    MESSAGE(fetch);
    broker_t *b = broker_of(r);
    broker_fetch_t *f = ARENA_NEW(&r->arena, broker_fetch_t);
    int16_t code = broker_fetch_begin(r, f);
    if (code) {
        answer_error(r, code);
        return;
    }
    int64_t most = b->config.fetch_bytes_max;
    size_t quota = broker_throttle_fetch_bytes(r);
    f->bytes_max = (size_t)(m->max_bytes < 0 ? 0 : m->max_bytes < most ? m->max_bytes : most);
    f->bytes_max = f->bytes_max < quota ? f->bytes_max : quota;
    f->committed = m->isolation_level == 1;
    f->bytes_min = m->min_bytes < 0 ? 0 : (size_t)m->min_bytes;
    f->result = ARENA_ARRAY(&r->arena, result_t, f->n_parts + 1);
    for (size_t i = 0; i < f->n_parts; i++)
        if (f->part[i]->partition.topic)
            broker_news_watch(r->conn->net, f->part[i]->partition.topic);
    if (!look(r, f, m->max_wait_ms <= 0))
        wait_for_news(r, f, m->max_wait_ms);
}
