/* producer.c: what a partition knows of its producers: where each one's sequence ended, which
 * transactions are open, which were aborted.
 *
 * It follows from the partition's batches. The checkpoint keeps it as of an offset, and replay goes
 * on from there.
 */
#include "log/local/engine.h"

static str_t key_of(const int64_t *id)
{
    return str_n((const char *)id, sizeof *id);
}

static log_producer_t *find(const log_partition_t *p, int64_t id)
{
    return map_get(&p->producers, key_of(&id));
}

log_producer_t *log_producer_make(log_partition_t *p, int64_t id)
{
    log_producer_t *made = find(p, id);
    if (made)
        return made;
    made = mem_zalloc(sizeof *made);
    *made = (log_producer_t){.id = id, .epoch = -1, .txn_first = -1};
    map_put(&p->producers, key_of(&id), made);
    return made;
}

/* ---- checking a batch before it is placed */

/* Sequences count on from the largest one at 0. */
static int32_t sequence_add(int32_t sequence, int32_t n)
{
    return (int32_t)(((int64_t)sequence + n) & INT32_MAX);
}

static int32_t last_sequence(const log_producer_t *s)
{
    return s->n_sent ? s->sent[(s->sent_at + s->n_sent - 1) % LOG_PRODUCER_BATCHES].last : -1;
}

static const log_sent_t *find_sent(const log_producer_t *s, int32_t first, int32_t last)
{
    for (uint8_t i = 0; i < s->n_sent; i++) {
        const log_sent_t *sent = &s->sent[(s->sent_at + i) % LOG_PRODUCER_BATCHES];
        if (sent->first == first && sent->last == last)
            return sent;
    }
    return NULL;
}

/* What the producer's state will be once the group under way is applied. */
typedef struct ahead {
    int16_t epoch;
    int32_t last;
    bool in_txn;
} ahead_t;

static ahead_t look_ahead(const log_t *log, const log_producer_t *s)
{
    if (s->group == log->group)
        return (ahead_t){s->group_epoch, s->group_last, s->group_txn};
    return (ahead_t){s->epoch, last_sequence(s), s->txn_first >= 0};
}

static ST check_data(const log_t *log, const log_producer_t *s, const wire_batch_t *b,
                     const ahead_t *a, int64_t *ret_there, err_t *err)
{
    bool known = a->epoch >= 0;
    int32_t last = sequence_add(b->base_sequence, (int32_t)(b->last_offset - b->base_offset));
    if (known && b->producer_epoch == a->epoch && b->base_sequence >= 0) {
        const log_sent_t *sent =
            b->producer_epoch == s->epoch ? find_sent(s, b->base_sequence, last) : NULL;
        if (sent) {
            *ret_there = sent->offset;
            return ST_DUPLICATE;
        }
        if (b->base_sequence != (a->last < 0 ? 0 : sequence_add(a->last, 1)))
            /* It may be a copy of what this group writes: that is known after it. */
            return s->group == log->group
                       ? ST_PARTIAL
                       : err_set(err, ST_SEQUENCE,
                                 "producer %lld sends sequence %d after %d in partition %d of "
                                 "topic " STR_FMT,
                                 (long long)b->producer_id, b->base_sequence, a->last,
                                 s->partition->index, STR_ARG(s->partition->topic->name));
    } else if (known && b->base_sequence > 0) {
        return err_set(err, ST_SEQUENCE, "producer %lld begins epoch %d with sequence %d, not 0",
                       (long long)b->producer_id, b->producer_epoch, b->base_sequence);
    }
    if (a->in_txn && !(b->attributes & WIRE_TRANSACTIONAL))
        return err_set(err, ST_TXN_STATE,
                       "producer %lld has a transaction open and sends a batch outside of it",
                       (long long)b->producer_id);
    return ST_OK;
}

ST log_producer_check(log_t *log, log_partition_t *p, const wire_batch_t *b, int64_t *ret_there,
                      err_t *err)
{
    log_producer_t *s = log_producer_make(p, b->producer_id);
    s->partition = p;
    ahead_t a = look_ahead(log, s);
    if (b->producer_epoch < a.epoch)
        return err_set(err, ST_FENCED, "producer %lld is at epoch %d, the batch is of epoch %d",
                       (long long)b->producer_id, a.epoch, b->producer_epoch);
    bool control = b->attributes & WIRE_CONTROL;
    if (!control)
        TRY(check_data(log, s, b, &a, ret_there, err));
    bool fresh = b->producer_epoch != a.epoch;
    s->group = log->group;
    s->group_epoch = b->producer_epoch;
    s->group_txn = !control && (a.in_txn || b->attributes & WIRE_TRANSACTIONAL);
    if (control)
        s->group_last = fresh ? -1 : a.last;
    else
        s->group_last = sequence_add(b->base_sequence, (int32_t)(b->last_offset - b->base_offset));
    return ST_OK;
}

/* ---- applying */

static void open_txn(log_partition_t *p, log_producer_t *s, int64_t first)
{
    s->txn_first = first;
    size_t at = p->open_txns.len;
    VEC_PUSH(&p->open_txns, s);
    for (; at > 0 && p->open_txns.ptr[at - 1]->txn_first > first; at--)
        p->open_txns.ptr[at] = p->open_txns.ptr[at - 1];
    p->open_txns.ptr[at] = s;
}

/* A marker's record: its key is 2 bytes of version and 2 of type: 0 abort, 1 commit. */
static bool is_abort(const wire_batch_t *b)
{
    wire_reader_t r;
    wire_record_t rec;
    bool abort = false;
    wire_reader_init(&r, 1 << 20);
    if (wire_reader_open(&r, b, NULL) == ST_OK && wire_reader_next(&r, &rec) && rec.key.len >= 4)
        abort = load_be16(rec.key.ptr + 2) == 0;
    wire_reader_done(&r);
    return abort;
}

static void close_txn(log_partition_t *p, log_producer_t *s, const wire_batch_t *b)
{
    for (size_t i = 0; i < p->open_txns.len; i++)
        if (p->open_txns.ptr[i] == s) {
            VEC_REMOVE(&p->open_txns, i);
            break;
        }
    if (s->txn_first >= 0 && is_abort(b))
        VEC_PUSH(&p->aborted, ((log_aborted_t){s->id, s->txn_first, b->base_offset}));
    s->txn_first = -1;
}

static void note_sent(log_producer_t *s, int32_t first, int32_t n, int64_t offset)
{
    log_sent_t sent = {first, sequence_add(first, n - 1), offset};
    s->sent[(s->sent_at + s->n_sent) % LOG_PRODUCER_BATCHES] = sent;
    if (s->n_sent < LOG_PRODUCER_BATCHES)
        s->n_sent++;
    else
        s->sent_at = (uint8_t)((s->sent_at + 1) % LOG_PRODUCER_BATCHES);
}

/* Behind a marker there is nothing to send again: a batch under numbers from before it is no copy,
 * though librdkafka has been seen to use them anew after an abort. It is refused, for taking it for
 * a copy would lose it. */
static void forget_copies(log_producer_t *s)
{
    if (!s->n_sent)
        return;
    s->sent[0] = (log_sent_t){-1, last_sequence(s), -1};
    s->sent_at = 0;
    s->n_sent = 1;
}

void log_producer_apply(log_partition_t *p, const wire_batch_t *b)
{
    if (b->base_offset < p->producers_end)
        return; /* replay: the checkpoint has it */
    p->producers_end = b->last_offset + 1;
    if (b->producer_id < 0)
        return;
    log_producer_t *s = log_producer_make(p, b->producer_id);
    s->partition = p;
    if (b->producer_epoch != s->epoch) {
        s->epoch = b->producer_epoch;
        s->n_sent = s->sent_at = 0;
    }
    s->seen_ms = io_now_ms(p->topic->log->io);
    if (b->attributes & WIRE_CONTROL) {
        close_txn(p, s, b);
        forget_copies(s);
        return;
    }
    if (b->base_sequence >= 0)
        note_sent(s, b->base_sequence, (int32_t)(b->last_offset - b->base_offset) + 1,
                  b->base_offset);
    if (b->attributes & WIRE_TRANSACTIONAL && s->txn_first < 0)
        open_txn(p, s, b->base_offset);
}

void log_producers_recall(log_partition_t *p)
{
    if (p->producers_end > p->end) { /* the checkpoint is of batches that a power cut took */
        log_producers_done(p);
        map_init(&p->producers);
    }
    p->producers_end = p->end;
}

void log_producers_expire(log_partition_t *p, int64_t now_ms)
{
    VEC(int64_t) old = {0};
    for (map_entry_t *e = NULL; (e = map_next(&p->producers, e));) {
        const log_producer_t *s = e->value;
        if (s->txn_first < 0 && s->seen_ms < now_ms - p->topic->log->opt.producer_ms)
            VEC_PUSH(&old, s->id);
    }
    for (size_t i = 0; i < old.len; i++)
        free(map_remove(&p->producers, key_of(&old.ptr[i])));
    VEC_DONE(&old);
    log_producers_cleaned(p, p->start);
}

void log_producers_cleaned(log_partition_t *p, int64_t end)
{
    size_t gone = 0;
    while (gone < p->aborted.len && p->aborted.ptr[gone].last < end)
        gone++;
    if (gone) {
        memmove(p->aborted.ptr, p->aborted.ptr + gone,
                (p->aborted.len - gone) * sizeof *p->aborted.ptr);
        p->aborted.len -= gone;
    }
}

void log_producers_done(log_partition_t *p)
{
    map_done(&p->producers, free);
    VEC_DONE(&p->open_txns);
    VEC_DONE(&p->aborted);
    p->open_txns.len = p->aborted.len = 0;
}

int64_t log_partition_stable(const log_partition_t *p)
{
    return p->open_txns.len ? p->open_txns.ptr[0]->txn_first : p->end;
}

/* ---- the checkpoint's part */

void log_producers_encode(buf_t *b, const log_partition_t *p)
{
    buf_put_be64(b, (uint64_t)p->producers_end);
    buf_put_be32(b, (uint32_t)p->producers.len);
    for (map_entry_t *e = NULL; (e = map_next(&p->producers, e));) {
        const log_producer_t *s = e->value;
        buf_put_be64(b, (uint64_t)s->id);
        buf_put_be16(b, (uint16_t)s->epoch);
        buf_put_be64(b, (uint64_t)s->txn_first);
        buf_put_be64(b, (uint64_t)s->seen_ms);
        buf_put_char(b, (char)s->n_sent);
        for (uint8_t i = 0; i < s->n_sent; i++) {
            const log_sent_t *sent = &s->sent[(s->sent_at + i) % LOG_PRODUCER_BATCHES];
            buf_put_be32(b, (uint32_t)sent->first);
            buf_put_be32(b, (uint32_t)sent->last);
            buf_put_be64(b, (uint64_t)sent->offset);
        }
    }
    buf_put_be32(b, (uint32_t)p->aborted.len);
    for (size_t i = 0; i < p->aborted.len; i++) {
        buf_put_be64(b, (uint64_t)p->aborted.ptr[i].producer_id);
        buf_put_be64(b, (uint64_t)p->aborted.ptr[i].first);
        buf_put_be64(b, (uint64_t)p->aborted.ptr[i].last);
    }
}

static const char *take(str_t *in, size_t n)
{
    if (in->len < n)
        return NULL;
    const char *p = in->ptr;
    *in = str_n(p + n, in->len - n);
    return p;
}

#define PRODUCER_BYTES 27
#define SENT_BYTES     16
#define ABORTED_BYTES  24

static bool take_producer(str_t *in, log_partition_t *p)
{
    const char *head = take(in, PRODUCER_BYTES);
    uint8_t n = head ? (uint8_t)head[PRODUCER_BYTES - 1] : 0;
    const char *sent = n <= LOG_PRODUCER_BATCHES ? take(in, n * (size_t)SENT_BYTES) : NULL;
    if (!head || !sent)
        return false;
    log_producer_t *s = log_producer_make(p, (int64_t)load_be64(head));
    s->partition = p;
    s->epoch = (int16_t)load_be16(head + 8);
    s->seen_ms = (int64_t)load_be64(head + 18);
    s->n_sent = n;
    for (uint8_t i = 0; i < n; i++, sent += SENT_BYTES)
        s->sent[i] = (log_sent_t){(int32_t)load_be32(sent), (int32_t)load_be32(sent + 4),
                                  (int64_t)load_be64(sent + 8)};
    int64_t first = (int64_t)load_be64(head + 10);
    if (first >= 0)
        open_txn(p, s, first);
    return true;
}

bool log_producers_decode(str_t *in, log_partition_t *p)
{
    const char *head = take(in, 12);
    if (!head)
        return false;
    p->producers_end = (int64_t)load_be64(head);
    for (uint32_t n = load_be32(head + 8); n > 0; n--)
        if (!take_producer(in, p))
            return false;
    head = take(in, 4);
    for (uint32_t n = head ? load_be32(head) : 0; n > 0; n--) {
        const char *a = take(in, ABORTED_BYTES);
        if (!a)
            return false;
        VEC_PUSH(&p->aborted, ((log_aborted_t){(int64_t)load_be64(a), (int64_t)load_be64(a + 8),
                                               (int64_t)load_be64(a + 16)}));
    }
    return head != NULL;
}

/* ---- for readers */

bool log_is_aborted(const log_topic_t *t, int32_t partition, int64_t producer_id,
                    int64_t base_offset)
{
    log_partition_t *p;
    bool aborted = false;
    pthread_mutex_lock(&t->log->lock);
    if (log_partition_of(t, partition, &p, NULL) == ST_OK)
        for (size_t i = 0; i < p->aborted.len && !aborted; i++) {
            const log_aborted_t *a = &p->aborted.ptr[i];
            aborted =
                a->producer_id == producer_id && a->first <= base_offset && base_offset <= a->last;
        }
    pthread_mutex_unlock(&t->log->lock);
    return aborted;
}

static int cmp_aborted(const void *a, const void *b)
{
    int64_t x = ((const log_aborted_t *)a)->first, y = ((const log_aborted_t *)b)->first;
    return x < y ? -1 : x > y;
}

void log_topic_aborted(log_topic_t *t, int32_t partition, int64_t from, int64_t to, arena_t *a,
                       log_aborted_t **ret, size_t *ret_n)
{
    log_partition_t *p;
    size_t n = 0;
    *ret = NULL;
    pthread_mutex_lock(&t->log->lock);
    if (log_partition_of(t, partition, &p, NULL) == ST_OK) {
        *ret = ARENA_ARRAY(a, log_aborted_t, p->aborted.len + 1);
        for (size_t i = 0; i < p->aborted.len; i++)
            if (p->aborted.ptr[i].last >= from && p->aborted.ptr[i].first < to)
                (*ret)[n++] = p->aborted.ptr[i];
    }
    pthread_mutex_unlock(&t->log->lock);
    if (n)
        qsort(*ret, n, sizeof **ret, cmp_aborted);
    *ret_n = n;
}

void log_topic_producers(log_topic_t *t, int32_t partition, arena_t *a, log_producer_info_t **ret,
                         size_t *ret_n)
{
    log_partition_t *p;
    size_t n = 0;
    *ret = NULL;
    pthread_mutex_lock(&t->log->lock);
    if (log_partition_of(t, partition, &p, NULL) == ST_OK) {
        *ret = ARENA_ARRAY(a, log_producer_info_t, p->producers.len + 1);
        for (map_entry_t *e = NULL; (e = map_next(&p->producers, e));) {
            const log_producer_t *s = e->value;
            if (s->epoch >= 0)
                (*ret)[n++] = (log_producer_info_t){s->id, s->epoch, last_sequence(s), s->seen_ms,
                                                    s->txn_first};
        }
    }
    pthread_mutex_unlock(&t->log->lock);
    *ret_n = n;
}
