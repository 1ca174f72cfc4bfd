/* read.c: batches out of the tail, or out of segments. */
#include "log/local/engine.h"
#include "wire/batch.h"

#define GATHER_BYTES  (16u << 10) /* smaller batches are gathered into one chunk */
#define UNPACKED_MAX  (256u << 20)
#define TS_READ_BYTES (256u << 10)

/* What a chunk's bytes live in: an entry of the tail, bytes of its own, or a segment's file. */
typedef struct owner {
    log_entry_t *entry;
    buf_t bytes;
    log_segment_t *segment; /* entered */
} owner_t;

void log_chunk_unref(log_chunk_t *c)
{
    owner_t *o = c->owner;
    if (o) {
        log_entry_unref(o->entry);
        buf_done(&o->bytes);
        if (o->segment) {
            log_segment_leave(o->segment);
            log_segment_unref(o->segment);
        }
        free(o);
    }
    *c = (log_chunk_t){.next_offset = c->next_offset};
}

static ST check_range(const log_partition_t *p, int64_t offset, err_t *err)
{
    if (offset < p->start || offset > p->end)
        return err_set(err, ST_RANGE,
                       "offset %lld of topic " STR_FMT " partition %d: it has %lld to %lld",
                       (long long)offset, STR_ARG(p->topic->name), p->index, (long long)p->start,
                       (long long)p->end);
    return ST_OK;
}

/* Under the lock. One batch as it lies in memory, or several small ones copied together. */
static void read_recent(const log_partition_t *p, uint32_t i, size_t max_bytes, log_chunk_t *ret)
{
    const log_recent_t *first = log_tail_at(p, i);
    owner_t *o = mem_zalloc(sizeof *o);
    uint32_t n = 1;
    size_t bytes = first->batch.len;
    if (bytes < GATHER_BYTES)
        while (i + n < p->recent_len && bytes + log_tail_at(p, i + n)->batch.len <= max_bytes)
            bytes += log_tail_at(p, i + n++)->batch.len;
    if (n == 1) {
        o->entry = log_entry_ref(first->entry);
        *ret =
            (log_chunk_t){.bytes = first->batch, .next_offset = first->last_offset + 1, .owner = o};
        return;
    }
    buf_reserve(&o->bytes, bytes);
    for (uint32_t k = 0; k < n; k++)
        buf_put_str(&o->bytes, log_tail_at(p, i + k)->batch);
    *ret = (log_chunk_t){.bytes = buf_str(&o->bytes),
                         .next_offset = log_tail_at(p, i + n - 1)->last_offset + 1,
                         .owner = o};
}

/* A segment to be read from, as it is at this moment. */
typedef struct source {
    log_segment_t *segment; /* referenced; NULL: none */
    int64_t size, end;      /* the offset behind it */
} source_t;

/* Under the lock: the segment that holds offset. */
static source_t source_of(const log_partition_t *p, int64_t offset)
{
    size_t lo = 0, hi = p->segments.len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->segments.ptr[mid]->base <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    ASSERT(lo > 0); /* L4 */
    log_segment_t *s = p->segments.ptr[lo - 1];
    return (source_t){log_segment_ref(s), s->size,
                      lo < p->segments.len ? p->segments.ptr[lo]->base : p->flushed};
}

static ST read_segment(const source_t *from, int64_t offset, size_t max_bytes, log_chunk_t *ret,
                       err_t *err)
{
    owner_t *o = mem_zalloc(sizeof *o);
    int64_t next;
    st_t st =
        log_segment_read(from->segment, from->size, offset, max_bytes, &o->bytes, &next, err);
    if (st == ST_OK) {
        *ret = (log_chunk_t){.bytes = buf_str(&o->bytes), .next_offset = next, .owner = o};
    } else {
        buf_done(&o->bytes);
        free(o);
    }
    log_segment_unref(from->segment);
    return st;
}

/* Takes the source when it is true. */
static bool lend_segment(const source_t *from, int64_t offset, int64_t until, size_t max_bytes,
                         log_chunk_t *ret)
{
    log_extent_t e;
    if (!log_segment_enter(from->segment, from->size, from->end, offset, until, max_bytes, &e))
        return false;
    owner_t *o = mem_zalloc(sizeof *o);
    o->segment = from->segment;
    *ret = (log_chunk_t){.bytes = str_n(NULL, e.len),
                         .file = e.file,
                         .file_pos = e.pos,
                         .next_offset = e.next_offset,
                         .owner = o};
    return true;
}

/* What is in the tail, in *ret; else where it is. */
static ST find(log_topic_t *t, int32_t partition, int64_t offset, size_t max_bytes,
               log_chunk_t *ret, source_t *ret_source, err_t *err)
{
    log_t *log = t->log;
    log_partition_t *p;
    *ret_source = (source_t){0};
    pthread_mutex_lock(&log->lock);
    st_t st = log_partition_of(t, partition, &p, err);
    if (st == ST_OK)
        st = check_range(p, offset, err);
    if (st == ST_OK && offset == p->end) {
        *ret = (log_chunk_t){.bytes = STR(""), .next_offset = offset};
    } else if (st == ST_OK) {
        uint32_t i = log_tail_find(p, offset);
        if (i < p->recent_len && log_tail_at(p, i)->base_offset <= offset)
            read_recent(p, i, max_bytes, ret);
        else
            *ret_source = source_of(p, offset);
    }
    pthread_mutex_unlock(&log->lock);
    return st;
}

ST log_read(log_topic_t *t, int32_t partition, int64_t offset, size_t max_bytes, log_chunk_t *ret,
            err_t *err)
{
    source_t from;
    TRY(find(t, partition, offset, max_bytes, ret, &from, err));
    return from.segment ? read_segment(&from, offset, max_bytes, ret, err) : ST_OK;
}

ST log_lend(log_topic_t *t, int32_t partition, int64_t offset, int64_t until, size_t max_bytes,
            bool may_read, log_chunk_t *ret, err_t *err)
{
    source_t from;
    TRY(find(t, partition, offset, max_bytes, ret, &from, err));
    if (!from.segment || lend_segment(&from, offset, until, max_bytes, ret))
        return ST_OK;
    if (may_read)
        return read_segment(&from, offset, max_bytes, ret, err);
    log_segment_unref(from.segment);
    *ret = (log_chunk_t){.bytes = STR(""), .next_offset = offset};
    return ST_OK;
}

ST log_topic_offsets(log_topic_t *t, int32_t partition, log_offsets_t *ret, err_t *err)
{
    log_partition_t *p;
    pthread_mutex_lock(&t->log->lock);
    st_t st = log_partition_of(t, partition, &p, err);
    if (st == ST_OK)
        *ret = (log_offsets_t){p->start, p->end, log_partition_stable(p)};
    pthread_mutex_unlock(&t->log->lock);
    return st;
}

/* ---- by timestamp */

/* The first record at or after ts_ms in these batches; -1 when there is none. */
static ST search(str_t in, int64_t ts_ms, int64_t *ret_offset, int64_t *ret_ts_ms, err_t *err)
{
    wire_reader_t r;
    wire_reader_init(&r, UNPACKED_MAX);
    st_t st = ST_OK;
    *ret_offset = -1;
    while (in.len && st == ST_OK && *ret_offset < 0) {
        wire_batch_t b;
        wire_record_t rec;
        st = wire_batch_next(&in, &b, err);
        if (st != ST_OK || b.max_ts_ms < ts_ms)
            continue;
        st = wire_reader_open(&r, &b, err);
        while (st == ST_OK && *ret_offset < 0 && wire_reader_next(&r, &rec))
            if (rec.ts_ms >= ts_ms) {
                *ret_offset = rec.offset;
                *ret_ts_ms = rec.ts_ms;
            }
    }
    wire_reader_done(&r);
    return st;
}

/* Under the lock: where to begin; p->end when nothing is so young. Segments' and batches' largest
 * timestamps are known. */
static int64_t seek(const log_partition_t *p, int64_t ts_ms, log_segment_t **ret_segment,
                    int64_t *ret_size)
{
    for (size_t i = 0; i < p->segments.len; i++)
        if (p->segments.ptr[i]->max_ts_ms >= ts_ms) {
            *ret_segment = log_segment_ref(p->segments.ptr[i]);
            *ret_size = p->segments.ptr[i]->size;
            return p->segments.ptr[i]->base;
        }
    for (uint32_t i = log_tail_find(p, p->flushed); i < p->recent_len; i++)
        if (log_tail_at(p, i)->max_ts_ms >= ts_ms)
            return log_tail_at(p, i)->base_offset;
    return p->end;
}

ST log_topic_offset_at(log_topic_t *t, int32_t partition, int64_t ts_ms, int64_t *ret_offset,
                       int64_t *ret_ts_ms, err_t *err)
{
    log_partition_t *p;
    log_segment_t *s = NULL;
    int64_t size = 0, offset = 0, end = 0, start = 0, found = -1, ts = -1;
    pthread_mutex_lock(&t->log->lock);
    st_t st = log_partition_of(t, partition, &p, err);
    if (st == ST_OK) {
        offset = seek(p, ts_ms, &s, &size);
        start = p->start;
        end = p->end;
    }
    pthread_mutex_unlock(&t->log->lock);
    if (s) {
        st = log_segment_seek_ts(s, size, ts_ms, &offset, err);
        log_segment_unref(s);
    }
    if (offset < start)
        offset = start;
    while (st == ST_OK && found < 0 && offset < end) {
        log_chunk_t c;
        st = log_read(t, partition, offset, TS_READ_BYTES, &c, err);
        if (st != ST_OK)
            break;
        st = search(c.bytes, ts_ms, &found, &ts, err);
        offset = c.next_offset;
        log_chunk_unref(&c);
    }
    if (st == ST_OK) {
        *ret_offset = found;
        *ret_ts_ms = ts;
    }
    return st;
}
