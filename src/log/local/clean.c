/* clean.c: compaction: of each key only its newest record stays, in segments that are written anew.
 *
 * (1) Under the upkeep's lock the segments of a partition are taken: all but what is not decided
 * yet (an open transaction) or too new. The last of them is closed: what comes goes to another. (2)
 * Without any lock: the newest offset of each key in the dirty part (behind clean_end) is noted,
 *     and the segments are copied without the records that have a newer one, into files of a new
 *     generation, which are synced.
 * (3) Under both locks the new ones take the old ones' place. The old files go after the next
 *     checkpoint (upkeep.c): until then a crash comes back to them.
 * Offsets never change. What is between two batches of a cleaned segment is a hole; the last batch
 * of the range stays, be it without records, so that no segment ends in one.
 *
 * A tombstone stays for delete.retention.ms after the first time it is met here: its batch is
 * marked with WIRE_DELETE_HORIZON, its base timestamp is that moment. Records of aborted
 * transactions go at once, and markers with them.
 */
#include "log/local/engine.h"

#include "base/trace.h"

#define KEYS_BYTES_MAX    (128u << 20) /* of keys at once; more are left for the next time */
#define KEY_COST_BYTES    64
#define DIRTY_BYTES_CLOSE (16 << 20) /* so much in the last segment is worth closing it */
#define READ_BYTES        (1u << 20)
#define UNPACKED_MAX      (256u << 20)

typedef struct clean {
    log_t *log;
    log_partition_t *p; /* its topic is referenced */
    log_policy_t policy;
    log_segments_t old, fresh; /* referenced */
    int64_t clean_end;         /* the clean part's end as it was */
    int64_t end;               /* behind the old segments */
    int64_t keys_end;          /* newest is complete up to it: the clean part's new end */
    map_t newest;              /* key → offset + 1 */
    size_t keys_bytes;
    int64_t now_ms;
    uint32_t generation;
    wire_reader_t reader;
    buf_t in, out;       /* batches read; the batch that is made */
    int64_t next;        /* behind the last batch written: where the next segment begins */
    log_segment_t *into; /* the last of fresh */
} clean_t;

static bool is_hidden(const clean_t *c, const wire_batch_t *b)
{
    return b->attributes & WIRE_TRANSACTIONAL &&
           log_is_aborted(c->p->topic, c->p->index, b->producer_id, b->base_offset);
}

/* ---- (2) the newest offset of each key */

static ST note_batch(clean_t *c, const wire_batch_t *b, err_t *err)
{
    if (b->attributes & WIRE_CONTROL || is_hidden(c, b))
        return ST_OK;
    TRY(wire_reader_open(&c->reader, b, err));
    for (wire_record_t rec; wire_reader_next(&c->reader, &rec);) {
        if (!rec.key.ptr || rec.offset < c->clean_end)
            continue;
        if (!map_put(&c->newest, rec.key, (void *)(intptr_t)(rec.offset + 1)))
            c->keys_bytes += rec.key.len + KEY_COST_BYTES;
    }
    return wire_reader_end(&c->reader, err);
}

typedef ST (*batch_fn)(clean_t *c, const wire_batch_t *b, err_t *err);

/* Calls fn for the batches of a segment that end behind `from`; ST_LIMIT ends it well. */
static ST each_batch(clean_t *c, size_t i, int64_t from, batch_fn fn, err_t *err)
{
    log_segment_t *s = c->old.ptr[i];
    int64_t end = i + 1 < c->old.len ? c->old.ptr[i + 1]->base : c->end;
    for (int64_t at = from > s->base ? from : s->base; at < end;) {
        int64_t next;
        buf_clear(&c->in);
        TRY(log_segment_read(s, s->size, at, READ_BYTES, &c->in, &next, err));
        wire_batch_t b;
        for (str_t in = buf_str(&c->in); in.len;) {
            TRY(wire_batch_next(&in, &b, err));
            TRY(fn(c, &b, err));
        }
        at = next;
    }
    return ST_OK;
}

static ST note_and_stop(clean_t *c, const wire_batch_t *b, err_t *err)
{
    if (c->keys_bytes > KEYS_BYTES_MAX)
        return ST_LIMIT;
    TRY(note_batch(c, b, err));
    c->keys_end = b->last_offset + 1;
    return ST_OK;
}

static ST note_keys(clean_t *c, err_t *err)
{
    c->keys_end = c->clean_end;
    for (size_t i = 0; i < c->old.len; i++) {
        st_t st = each_batch(c, i, c->clean_end, note_and_stop, err);
        if (st == ST_LIMIT)
            return ST_OK;
        TRY(st);
    }
    return ST_OK;
}

/* ---- (2) copying */

static ST write_batch(clean_t *c, str_t batch, const wire_batch_t *b, err_t *err)
{
    if (!c->into || c->into->written_size + (int64_t)batch.len > c->policy.segment_bytes) {
        buf_t path = BUF_INIT;
        log_segment_path(&path, c->p->topic->dir, c->p->index, c->next, c->generation);
        c->into = log_segment_new(c->log->io, buf_str(&path), c->next,
                                  VEC_LAST(&c->old)->created_ms, c->generation);
        buf_done(&path);
        VEC_PUSH(&c->fresh, c->into);
    }
    c->next = b->last_offset + 1;
    return log_segment_append(c->into, &(log_stored_t){batch, b->base_offset, b->max_ts_ms}, 1,
                              err);
}

typedef struct verdict {
    bool keep, tombstone;
} verdict_t;

static verdict_t judge(const clean_t *c, const wire_record_t *rec)
{
    if (rec->offset >= c->keys_end)
        return (verdict_t){true, false};
    if (!rec->key.ptr)
        return (verdict_t){false, false};
    intptr_t newest = (intptr_t)map_get(&c->newest, rec->key) - 1;
    return (verdict_t){newest <= rec->offset, !rec->value.ptr};
}

/* When the batch's tombstones may go. */
static int64_t horizon_of(const clean_t *c, const wire_batch_t *b)
{
    return b->attributes & WIRE_DELETE_HORIZON ? b->base_ts_ms
                                               : c->now_ms + c->policy.delete_retention_ms;
}

typedef struct tally {
    int32_t kept, tombstones;
} tally_t;

static ST count_kept(clean_t *c, const wire_batch_t *b, tally_t *ret, err_t *err)
{
    *ret = (tally_t){0, 0};
    if (b->base_offset < c->keys_end && (b->attributes & WIRE_CONTROL || is_hidden(c, b)))
        return ST_OK;
    if (b->attributes & WIRE_CONTROL) {
        ret->kept = b->count;
        return ST_OK;
    }
    bool over = horizon_of(c, b) <= c->now_ms;
    TRY(wire_reader_open(&c->reader, b, err));
    for (wire_record_t rec; wire_reader_next(&c->reader, &rec);) {
        verdict_t v = judge(c, &rec);
        ret->kept += v.keep && !(v.tombstone && over);
        ret->tombstones += v.keep && v.tombstone && !over;
    }
    return wire_reader_end(&c->reader, err);
}

static void copy_record(wire_writer_t *w, const wire_batch_t *b, const wire_record_t *rec)
{
    wire_header_t few[16], *h = few;
    size_t n = 0;
    if (rec->n_headers > 16)
        h = mem_alloc((size_t)rec->n_headers * sizeof *h);
    wire_headers_t it = wire_record_headers(rec);
    while (n < (size_t)rec->n_headers && wire_headers_next(&it, &h[n]))
        n++;
    wire_batch_skip_to(w, (int32_t)(rec->offset - b->base_offset));
    wire_batch_add(w, rec->ts_ms, rec->key, rec->value, h, n);
    if (h != few)
        free(h);
}

/* The batch again with what is kept of it. */
static ST rewrite(clean_t *c, const wire_batch_t *b, const tally_t *tally, err_t *err)
{
    int64_t horizon = horizon_of(c, b);
    uint16_t flags = b->attributes & (WIRE_LOG_APPEND_TIME | WIRE_TRANSACTIONAL | WIRE_CONTROL);
    wire_batch_options_t opt = {.codec = wire_batch_codec(b),
                                .flags = flags,
                                .producer_id = b->producer_id,
                                .producer_epoch = b->producer_epoch,
                                .base_sequence = b->base_sequence};
    if (tally->tombstones) {
        opt.flags |= WIRE_DELETE_HORIZON;
        opt.base_ts_ms = horizon;
    }
    wire_writer_t w;
    buf_clear(&c->out);
    wire_batch_begin(&w, &c->out, &opt);
    if (tally->kept) {
        TRY(wire_reader_open(&c->reader, b, err));
        for (wire_record_t rec; wire_reader_next(&c->reader, &rec);) {
            verdict_t v = judge(c, &rec);
            if (v.keep && !(v.tombstone && horizon <= c->now_ms))
                copy_record(&w, b, &rec);
        }
        TRY(wire_reader_end(&c->reader, err));
    }
    TRY(wire_batch_finish_as(&w, (int32_t)(b->last_offset - b->base_offset), err));
    wire_batch_place(c->out.ptr, b->base_offset, b->leader_epoch);
    str_t in = buf_str(&c->out);
    wire_batch_t made;
    TRY(wire_batch_next(&in, &made, err));
    return write_batch(c, made.bytes, &made, err);
}

static ST copy_batch(clean_t *c, const wire_batch_t *b, err_t *err)
{
    tally_t tally;
    TRY(count_kept(c, b, &tally, err));
    bool last = b->last_offset + 1 == c->end;
    if (!tally.kept && !last)
        return ST_OK;
    bool marked = b->attributes & WIRE_DELETE_HORIZON;
    if (tally.kept == b->count && (!tally.tombstones || marked))
        return write_batch(c, b->bytes, b, err);
    return rewrite(c, b, &tally, err);
}

static ST copy_all(clean_t *c, err_t *err)
{
    c->next = c->old.ptr[0]->base;
    for (size_t i = 0; i < c->old.len; i++)
        TRY(each_batch(c, i, 0, copy_batch, err));
    for (size_t i = 0; i < c->fresh.len; i++)
        TRY(log_segment_sync(c->fresh.ptr[i], err));
    return io_sync_dir(c->log->io, c->p->topic->dir, err);
}

/* ---- (1) and (3) */

static int64_t segment_end(const log_partition_t *p, size_t i)
{
    return i + 1 < p->segments.len ? p->segments.ptr[i + 1]->base : p->flushed;
}

/* Under both locks. How many of the partition's segments can be cleaned; 0: it is not worth it. */
static size_t cleanable(const log_partition_t *p, int64_t now_ms, bool now)
{
    const log_policy_t *policy = &p->topic->policy;
    int64_t dirty = 0, total = 0, stable = log_partition_stable(p);
    bool closed = false, late = false;
    size_t n = 0;
    if (!policy->compacts)
        return 0;
    for (; n < p->segments.len; n++) {
        const log_segment_t *s = p->segments.ptr[n];
        int64_t end = segment_end(p, n);
        bool young = policy->min_lag_ms > 0 && s->max_ts_ms > now_ms - policy->min_lag_ms;
        if (end > stable || young)
            break;
        total += s->size;
        if (end <= p->clean_end)
            continue;
        dirty += s->size;
        closed |= n + 1 < p->segments.len || now_ms - s->created_ms > policy->segment_ms;
        late |= now_ms - s->created_ms > policy->max_lag_ms;
    }
    bool worth = late || ((double)dirty > policy->dirty_ratio * (double)total &&
                          (closed || dirty >= DIRTY_BYTES_CLOSE));
    return dirty && (now || worth) ? n : 0;
}

/* (1) False: there is nothing to do. */
static bool begin(clean_t *c, log_partition_t *p, bool now)
{
    log_t *log = c->log;
    pthread_mutex_lock(&log->upkeep);
    pthread_mutex_lock(&log->lock);
    size_t n = p->topic->deleted ? 0 : cleanable(p, c->now_ms, now);
    if (n) {
        c->p = p;
        c->policy = p->topic->policy;
        c->clean_end = p->clean_end;
        c->end = segment_end(p, n - 1);
        p->roll |= n == p->segments.len;
        for (size_t i = 0; i < n; i++) {
            log_segment_t *s = p->segments.ptr[i];
            VEC_PUSH(&c->old, log_segment_ref(s));
            if (s->generation >= c->generation)
                c->generation = s->generation + 1;
        }
    }
    pthread_mutex_unlock(&log->lock);
    pthread_mutex_unlock(&log->upkeep);
    return n > 0;
}

/* (3) False when the partition has changed meanwhile. */
static bool swap(clean_t *c)
{
    log_t *log = c->log;
    log_partition_t *p = c->p;
    pthread_mutex_lock(&log->upkeep);
    pthread_mutex_lock(&log->lock);
    bool same = !p->topic->deleted && p->segments.len >= c->old.len;
    for (size_t i = 0; same && i < c->old.len; i++)
        same = p->segments.ptr[i] == c->old.ptr[i];
    if (same) {
        log_segments_t all = {0};
        for (size_t i = 0; i < c->fresh.len; i++) {
            log_segment_publish(c->fresh.ptr[i]);
            log->stats.disk_bytes += c->fresh.ptr[i]->size;
            VEC_PUSH(&all, log_segment_ref(c->fresh.ptr[i]));
        }
        for (size_t i = 0; i < p->segments.len; i++) {
            log_segment_t *s = p->segments.ptr[i];
            if (i >= c->old.len) {
                VEC_PUSH(&all, s);
                continue;
            }
            log->stats.disk_bytes -= s->size;
            VEC_PUSH(&log->doomed, s);
        }
        VEC_DONE(&p->segments);
        p->segments = all;
        p->clean_end = c->keys_end;
        log_producers_cleaned(p, c->keys_end);
        log->retain_at_ns = 0; /* the next round writes a checkpoint and removes the old files */
        log->wants_upkeep = true;
        pthread_cond_signal(&log->wanted);
    }
    pthread_mutex_unlock(&log->lock);
    pthread_mutex_unlock(&log->upkeep);
    return same;
}

static void done(clean_t *c, bool swapped)
{
    for (size_t i = 0; i < c->fresh.len; i++) {
        if (!swapped)
            log_segment_remove(c->fresh.ptr[i]);
        else
            log_segment_rest(c->fresh.ptr[i]);
        log_segment_unref(c->fresh.ptr[i]);
    }
    for (size_t i = 0; i < c->old.len; i++)
        log_segment_unref(c->old.ptr[i]);
    VEC_DONE(&c->fresh);
    VEC_DONE(&c->old);
    map_done(&c->newest, NULL);
    wire_reader_done(&c->reader);
    buf_done(&c->in);
    buf_done(&c->out);
}

static ST clean_partition(log_t *log, log_partition_t *p, bool now, err_t *err)
{
    clean_t c = {.log = log, .now_ms = io_now_ms(log->io), .generation = 1};
    if (!begin(&c, p, now))
        return ST_OK;
    map_init(&c.newest);
    wire_reader_init(&c.reader, UNPACKED_MAX);
    st_t st = note_keys(&c, err);
    if (st == ST_OK)
        st = copy_all(&c, err);
    done(&c, st == ST_OK && swap(&c));
    return st;
}

ST log_local_clean(log_t *log, bool now, err_t *err)
{
    VEC(log_topic_t *) topics = {0};
    pthread_mutex_lock(&log->lock);
    for (map_entry_t *e = NULL; (e = map_next(&log->topics, e));)
        if (((log_topic_t *)e->value)->policy.compacts)
            VEC_PUSH(&topics, log_topic_ref(e->value));
    pthread_mutex_unlock(&log->lock);
    st_t st = ST_OK;
    for (size_t i = 0; i < topics.len; i++) {
        log_topic_t *t = topics.ptr[i];
        for (int32_t k = 0; k < log_topic_partitions(t); k++) {
            err_t why;
            st_t one = clean_partition(log, log_topic_partition(t, k), now, &why);
            if (one == ST_OK)
                continue;
            trace_line(TRACE_WARN, "log", "topic " STR_FMT " partition %d is not compacted: %s",
                       STR_ARG(t->name), k, why.msg);
            if (st == ST_OK && err)
                *err = why;
            st = st == ST_OK ? one : st;
        }
        log_topic_unref(t);
    }
    VEC_DONE(&topics);
    return st;
}

/* ---- the thread */

static void *cleaner_main(void *arg)
{
    log_t *log = arg;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping) {
        if (io_cond_wait(log->io, &log->cleaner_wanted, &log->lock,
                         log->opt.clean_backoff_ms * 1000000))
            continue;
        pthread_mutex_unlock(&log->lock);
        st_t st = log_local_clean(log, false, NULL);
        (void)st; /* said, and tried again */
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

void log_cleaner_start(log_t *log)
{
    if (log->opt.no_thread || log->opt.clean_backoff_ms <= 0)
        return;
    if (pthread_create(&log->cleaner, NULL, cleaner_main, log))
        die("the log's cleaner thread cannot be started: raise the limit on threads");
    log->has_cleaner = true;
}

void log_cleaner_stop(log_t *log)
{
    if (!log->has_cleaner)
        return;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_signal(&log->cleaner_wanted);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->cleaner, NULL);
    log->has_cleaner = false;
}
