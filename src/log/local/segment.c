#include "log/local/segment.h"

#include "base/hash.h"
#include "wire/batch.h"

#define INDEX_ENTRY_BYTES 24
#define PARTS_MAX         64
#define READ_BYTES_MIN    (64 << 10)
#define RESERVE_BYTES_MIN (128 << 10) /* to reserve room for less costs more than it saves */

void log_segment_path(buf_t *b, str_t dir, int32_t partition, int64_t base, uint32_t generation)
{
    buf_printf(b, STR_FMT "/%d-%020lld", STR_ARG(dir), partition, (long long)base);
    if (generation)
        buf_printf(b, "-%u", generation);
}

log_segment_t *log_segment_new(io_t *io, str_t path, int64_t base, int64_t created_ms,
                               uint32_t generation)
{
    log_segment_t *s = mem_zalloc(sizeof *s);
    s->refs = 1;
    s->io = io;
    s->path = str_n(mem_dup(path.ptr, path.len), path.len);
    s->base = base;
    s->generation = generation;
    s->created_ms = created_ms;
    s->max_ts_ms = s->written_max_ts_ms = INT64_MIN;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

log_segment_t *log_segment_ref(log_segment_t *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void log_segment_unref(log_segment_t *s)
{
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    io_file_close(s->file);
    io_file_close(s->out);
    io_file_close(s->index_out);
    VEC_DONE(&s->index);
    pthread_mutex_destroy(&s->lock);
    free((void *)(uintptr_t)s->path.ptr);
    free(s);
}

static ST open_part(log_segment_t *s, const char *suffix, io_open_t how, io_file_t **ret,
                    err_t *err)
{
    buf_t path = BUF_INIT;
    buf_printf(&path, STR_FMT "%s", STR_ARG(s->path), suffix);
    st_t st = io_file_open(s->io, buf_str(&path), how, ret, err);
    buf_done(&path);
    return st;
}

static ST corrupt_at(const log_segment_t *s, int64_t pos, err_t *err)
{
    return err_wrap(err, ST_CORRUPT, STR_FMT ".log is corrupt at byte %lld", STR_ARG(s->path),
                    (long long)pos);
}

static ST cut_off(const log_segment_t *s, int64_t is, int64_t should, err_t *err)
{
    return err_set(
        err, ST_CORRUPT,
        STR_FMT ".log is cut off: it has %lld bytes and should have %lld; restore it from a backup",
        STR_ARG(s->path), (long long)is, (long long)should);
}

/* ---- the index */

static void index_push(log_segment_t *s, int64_t offset, int64_t max_ts_ms, int64_t pos)
{
    VEC_PUSH(&s->index, (log_index_entry_t){offset, max_ts_ms, (uint32_t)pos});
    s->indexed_pos = pos;
}

static void index_encode(char *p, const log_index_entry_t *e)
{
    buf_t b = {p, 0, INDEX_ENTRY_BYTES};
    buf_put_be64(&b, (uint64_t)e->offset);
    buf_put_be64(&b, (uint64_t)e->max_ts_ms);
    buf_put_be32(&b, e->pos);
    buf_put_be32(&b, hash_crc32c(0, p, 20));
}

static bool index_decode(const char *p, log_index_entry_t *ret)
{
    ret->offset = (int64_t)load_be64(p);
    ret->max_ts_ms = (int64_t)load_be64(p + 8);
    ret->pos = load_be32(p + 16);
    return hash_crc32c(0, p, 20) == load_be32(p + 20);
}

/* Makes index entries for the batches in [pos, size). */
static ST index_scan(log_segment_t *s, io_file_t *file, int64_t pos, int64_t size,
                     int64_t max_ts_ms, err_t *err)
{
    char head[WIRE_BATCH_HEADER_BYTES];
    while (pos < size) {
        size_t got;
        TRY(io_file_read(file, head, sizeof head, pos, &got, err));
        int64_t length = got == sizeof head ? (int64_t)load_be32(head + 8) + 12 : -1;
        if (length < WIRE_BATCH_HEADER_BYTES || length > size - pos) {
            (void)err_set(err, ST_CORRUPT, "no record batch is there");
            return corrupt_at(s, pos, err);
        }
        if (pos - s->indexed_pos >= LOG_INDEX_INTERVAL_BYTES)
            index_push(s, (int64_t)load_be64(head), max_ts_ms, pos);
        int64_t ts = (int64_t)load_be64(head + 35);
        max_ts_ms = ts > max_ts_ms ? ts : max_ts_ms;
        pos += length;
    }
    return ST_OK;
}

/* Reads the entries that count, as far as they are good; the rest is made anew. */
static ST index_load(log_segment_t *s, uint32_t n, int64_t size, io_file_t *file, err_t *err)
{
    if (s->index_loaded)
        return ST_OK;
    VEC_CLEAR(&s->index);
    s->indexed_pos = 0;
    io_file_t *f;
    if (n && open_part(s, ".index", IO_READ, &f, NULL) == ST_OK) {
        buf_t b = BUF_INIT;
        size_t want = (size_t)n * INDEX_ENTRY_BYTES, got = 0;
        log_index_entry_t e;
        if (io_file_read(f, buf_reserve(&b, want), want, 0, &got, NULL) != ST_OK)
            got = 0;
        for (const char *p = b.ptr; got >= INDEX_ENTRY_BYTES && index_decode(p, &e);
             p += INDEX_ENTRY_BYTES, got -= INDEX_ENTRY_BYTES)
            index_push(s, e.offset, e.max_ts_ms, e.pos);
        buf_done(&b);
        io_file_close(f);
    }
    if (s->index.len < n) {
        const log_index_entry_t *last = s->index.len ? &VEC_LAST(&s->index) : NULL;
        TRY(index_scan(s, file, last ? last->pos : 0, size, last ? last->max_ts_ms : INT64_MIN,
                       err));
    }
    s->index_loaded = true;
    return ST_OK;
}

/* ---- writing */

static ST open_to_write(log_segment_t *s, err_t *err)
{
    if (s->index_out)
        return ST_OK;
    io_open_t how = s->size == 0 ? IO_CREATE_NEW : IO_CREATE;
    int64_t size;
    if (!s->out)
        TRY(open_part(s, ".log", how, &s->out, err));
    TRY(io_file_size(s->out, &size, err));
    if (size < s->size)
        return cut_off(s, size, s->size, err);
    if (size > s->size)
        TRY(io_file_truncate(s->out, s->size, err));
    s->written_size = s->size;
    s->written_max_ts_ms = s->max_ts_ms;
    TRY(index_load(s, s->n_index, s->size, s->out, err));
    return open_part(s, ".index", how, &s->index_out, err);
}

static void reserve(log_segment_t *s, const log_stored_t *b, size_t n)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += (int64_t)b[i].bytes.len;
    if (bytes >= RESERVE_BYTES_MIN)
        io_file_reserve(s->out, s->written_size, bytes);
}

static ST write_batches(log_segment_t *s, const log_stored_t *b, size_t n, err_t *err)
{
    str_t parts[PARTS_MAX];
    reserve(s, b, n);
    while (n) {
        size_t k = 0, bytes = 0;
        for (; n && k < PARTS_MAX; k++, b++, n--) {
            int64_t pos = s->written_size + (int64_t)bytes;
            if (pos - s->indexed_pos >= LOG_INDEX_INTERVAL_BYTES)
                index_push(s, b->base_offset, s->written_max_ts_ms, pos);
            parts[k] = b->bytes;
            bytes += b->bytes.len;
            if (b->max_ts_ms > s->written_max_ts_ms)
                s->written_max_ts_ms = b->max_ts_ms;
        }
        TRY(io_file_writev(s->out, parts, k, s->written_size, err));
        if (s->checked_to == s->written_size)
            s->checked_to += (int64_t)bytes;
        s->written_size += (int64_t)bytes;
    }
    return ST_OK;
}

static ST write_index(log_segment_t *s, size_t from, err_t *err)
{
    buf_t b = BUF_INIT;
    for (size_t i = from; i < s->index.len; i++) {
        index_encode(buf_reserve(&b, INDEX_ENTRY_BYTES), &s->index.ptr[i]);
        b.len += INDEX_ENTRY_BYTES;
    }
    st_t st = b.len == 0 ? ST_OK
                         : io_file_write(s->index_out, b.ptr, b.len,
                                         (int64_t)from * INDEX_ENTRY_BYTES, err);
    buf_done(&b);
    return st;
}

ST log_segment_append(log_segment_t *s, const log_stored_t *batches, size_t n, err_t *err)
{
    pthread_mutex_lock(&s->lock);
    st_t st = open_to_write(s, err);
    size_t from = s->index.len;
    if (st == ST_OK)
        st = write_batches(s, batches, n, err);
    if (st == ST_OK)
        st = write_index(s, from, err);
    pthread_mutex_unlock(&s->lock);
    ASSERT(s->written_size <= LOG_SEGMENT_BYTES_MAX);
    return st;
}

void log_segment_publish(log_segment_t *s)
{
    s->size = s->written_size;
    s->max_ts_ms = s->written_max_ts_ms;
    s->n_index = (uint32_t)s->index.len;
}

void log_segment_take_back(log_segment_t *s)
{
    pthread_mutex_lock(&s->lock);
    s->written_size = s->size;
    s->written_max_ts_ms = s->max_ts_ms;
    if (s->checked_to > s->size)
        s->checked_to = s->size;
    if (s->index_loaded) {
        s->index.len = s->n_index;
        s->indexed_pos = s->index.len ? VEC_LAST(&s->index).pos : 0;
    }
    pthread_mutex_unlock(&s->lock);
}

ST log_segment_sync(log_segment_t *s, err_t *err)
{
    return s->out ? io_file_sync(s->out, err) : ST_OK;
}

void log_segment_set_out(log_segment_t *s)
{
    if (s->out)
        io_file_set_out(s->out);
}

void log_segment_rest(log_segment_t *s)
{
    pthread_mutex_lock(&s->lock);
    io_file_close(s->out);
    io_file_close(s->index_out);
    s->out = s->index_out = NULL;
    if (s->readers == 0) {
        io_file_close(s->file);
        s->file = NULL;
        VEC_DONE(&s->index);
        s->index_loaded = false;
    }
    pthread_mutex_unlock(&s->lock);
}

void log_segment_remove(log_segment_t *s)
{
    for (int i = 0; i < 2; i++) {
        buf_t path = BUF_INIT;
        buf_printf(&path, STR_FMT "%s", STR_ARG(s->path), i ? ".index" : ".log");
        st_t st = io_unlink(s->io, buf_str(&path), NULL);
        (void)st; /* what stays is removed by the next open */
        buf_done(&path);
    }
}

/* ---- reading */

/* How many of the index's entries are for positions before `size` and not past the key: of time
 * (by_ts), else of offsets. */
static size_t index_find(const log_segment_t *s, int64_t size, bool by_ts, int64_t key)
{
    size_t lo = 0, hi = s->index.len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const log_index_entry_t *e = &s->index.ptr[mid];
        if (e->pos < size && (by_ts ? e->max_ts_ms < key : e->offset <= key))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Opens what is needed and pins it; the position to start from. by_ts: search by time, else by
 * offset. */
static ST reader_enter(log_segment_t *s, int64_t size, bool by_ts, int64_t key,
                       log_index_entry_t *ret, err_t *err)
{
    pthread_mutex_lock(&s->lock);
    st_t st = s->file ? ST_OK : open_part(s, ".log", IO_READ, &s->file, err);
    if (st == ST_OK)
        st = index_load(s, s->n_index, size, s->file, err);
    if (st == ST_OK) {
        s->readers++;
        size_t n = index_find(s, size, by_ts, key);
        *ret = n ? s->index.ptr[n - 1] : (log_index_entry_t){.offset = s->base};
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

void log_segment_leave(log_segment_t *s)
{
    pthread_mutex_lock(&s->lock);
    s->readers--;
    pthread_mutex_unlock(&s->lock);
}

/* The batch at pos, whole or as much of it as `want` bytes hold; at least its header. */
static ST read_at(log_segment_t *s, int64_t size, int64_t pos, size_t want, buf_t *b, err_t *err)
{
    size_t n = (int64_t)want < size - pos ? want : (size_t)(size - pos), got;
    TRY(io_file_read(s->file, buf_reserve(b, n), n, pos, &got, err));
    if (got < n)
        return cut_off(s, pos + (int64_t)got, size, err);
    b->len += n;
    return ST_OK;
}

/* Finds the batch that holds `offset`, from pos on: *pos is set to it, and b holds bytes from
 * there. */
static ST find_batch(log_segment_t *s, int64_t size, int64_t offset, size_t want, int64_t *pos,
                     buf_t *b, size_t start, err_t *err)
{
    str_t left = STR_NONE;
    for (;;) {
        wire_batch_t batch;
        str_t in = left;
        st_t st = left.len ? wire_batch_next(&in, &batch, err) : ST_PARTIAL;
        if (st == ST_PARTIAL) {
            /* The buffer begins anew at this batch; a second time only when it is larger than what
             * was wanted. */
            size_t length = left.len >= 12 ? (size_t)load_be32(left.ptr + 8) + 12 : 0;
            if (*pos >= size || (int64_t)length > size - *pos) {
                (void)err_set(err, ST_CORRUPT, "no record batch is there");
                return corrupt_at(s, *pos, err);
            }
            b->len = start;
            TRY(read_at(s, size, *pos, length > want ? length : want, b, err));
            left = str_sub(buf_str(b), start, SIZE_MAX);
            in = left;
            st = wire_batch_next(&in, &batch, err);
            if (st == ST_PARTIAL && left.len >= WIRE_BATCH_HEADER_BYTES &&
                (int64_t)left.len < size - *pos)
                continue;
        }
        if (st != ST_OK)
            return corrupt_at(s, *pos, err);
        if (batch.last_offset >= offset) {
            size_t skip = (size_t)(left.ptr - (b->ptr + start));
            memmove(b->ptr + start, left.ptr, left.len);
            b->len -= skip;
            return ST_OK;
        }
        *pos += (int64_t)batch.bytes.len;
        left = in;
    }
}

/* The CRC does not cover the base offset: it must follow from what came before (L4), where nothing
 * was cleaned away. */
static ST check_batch(const log_segment_t *s, const wire_batch_t *batch, bool first, int64_t next,
                      err_t *err)
{
    bool before = batch->base_offset<next, behind = batch->base_offset> next;
    if ((behind && !s->generation) || (before && !first))
        return err_set(err, ST_CORRUPT,
                       "the record batch there says offset %lld where %lld must be",
                       (long long)batch->base_offset, (long long)next);
    return wire_batch_check(batch, err);
}

/* Cuts b[start..) to whole batches that are good, at most max_bytes, but at least one. *next is the
 * offset wanted, then the one behind the batches. */
static ST check_batches(log_segment_t *s, int64_t pos, size_t max_bytes, buf_t *b, size_t start,
                        int64_t *next, err_t *err)
{
    str_t in = str_sub(buf_str(b), start, SIZE_MAX);
    size_t good = 0;
    wire_batch_t batch;
    while (in.len) {
        st_t st = wire_batch_next(&in, &batch, err);
        if (st == ST_PARTIAL && good)
            break;
        if (st == ST_OK && good && good + batch.bytes.len > max_bytes)
            break;
        if (st == ST_OK)
            st = check_batch(s, &batch, good == 0, *next, err);
        if (st != ST_OK && good)
            break; /* the next read begins there and says so */
        if (st != ST_OK)
            return corrupt_at(s, pos, err);
        good += batch.bytes.len;
        *next = batch.last_offset + 1;
    }
    b->len = start + good;
    return ST_OK;
}

/* The batches in [from, to) are good. What was checked is one stretch; where it has a hole the
 * newer one counts. */
static void note_checked(log_segment_t *s, int64_t from, int64_t to)
{
    pthread_mutex_lock(&s->lock);
    if (from > s->checked_to || to < s->checked_from) {
        s->checked_from = from;
        s->checked_to = to;
    }
    if (from < s->checked_from)
        s->checked_from = from;
    if (to > s->checked_to)
        s->checked_to = to;
    pthread_mutex_unlock(&s->lock);
}

ST log_segment_read(log_segment_t *s, int64_t size, int64_t offset, size_t max_bytes, buf_t *out,
                    int64_t *ret_next, err_t *err)
{
    log_index_entry_t from;
    TRY(reader_enter(s, size, false, offset, &from, err));
    size_t start = out->len;
    size_t want =
        (max_bytes > READ_BYTES_MIN ? max_bytes : READ_BYTES_MIN) + LOG_INDEX_INTERVAL_BYTES;
    int64_t pos = from.pos, next = offset;
    st_t st = find_batch(s, size, offset, want, &pos, out, start, err);
    if (st == ST_OK)
        st = check_batches(s, pos, max_bytes, out, start, &next, err);
    if (st == ST_OK)
        note_checked(s, pos, pos + (int64_t)(out->len - start));
    log_segment_leave(s);
    if (st == ST_OK)
        *ret_next = next;
    else
        out->len = start;
    return st;
}

/* ---- in place */

/* From the index's entry *at to the position of the batch that holds `offset`. False when that is
 * not soon. */
static bool walk_to(log_segment_t *s, int64_t size, int64_t offset, log_index_entry_t *at)
{
    char bytes[LOG_INDEX_INTERVAL_BYTES];
    size_t got, used = 0;
    if (at->offset == offset)
        return true;
    if (io_file_read(s->file, bytes, sizeof bytes, at->pos, &got, NULL) != ST_OK)
        return false;
    while (used + WIRE_BATCH_HEADER_BYTES <= got && at->pos < size) {
        const char *head = bytes + used;
        size_t len = (size_t)load_be32(head + 8) + 12;
        if ((int64_t)load_be64(head) + load_be32(head + 23) >= offset)
            return true;
        used += len;
        at->pos += (uint32_t)len;
    }
    return false;
}

/* Where to stop: at the last batch known to the index that is near enough; the entry's offset is
 * the one to go on with. */
static bool find_end(const log_segment_t *s, int64_t size, int64_t end, int64_t until, int64_t most,
                     log_index_entry_t *ret)
{
    if (size <= most && end <= until) {
        *ret = (log_index_entry_t){.offset = end, .pos = (uint32_t)size};
        return true;
    }
    size_t n = index_find(s, most + 1 < size ? most + 1 : size, false, until);
    if (n)
        *ret = s->index.ptr[n - 1];
    return n > 0;
}

bool log_segment_enter(log_segment_t *s, int64_t size, int64_t end, int64_t offset, int64_t until,
                       size_t max_bytes, log_extent_t *ret)
{
    log_index_entry_t from, to;
    if (reader_enter(s, size, false, offset, &from, NULL) != ST_OK)
        return false;
    bool found = walk_to(s, size, offset, &from);
    int64_t most = max_bytes < LOG_SEGMENT_BYTES_MAX ? from.pos + (int64_t)max_bytes : size;
    pthread_mutex_lock(&s->lock);
    found = found && find_end(s, size, end, until, most, &to) && to.pos > from.pos &&
            from.pos >= s->checked_from && to.pos <= s->checked_to;
    pthread_mutex_unlock(&s->lock);
    if (!found) {
        log_segment_leave(s);
        return false;
    }
    *ret = (log_extent_t){s->file, from.pos, to.pos - from.pos, to.offset};
    return true;
}

ST log_segment_seek_ts(log_segment_t *s, int64_t size, int64_t ts_ms, int64_t *ret_offset,
                       err_t *err)
{
    log_index_entry_t from;
    TRY(reader_enter(s, size, true, ts_ms, &from, err));
    log_segment_leave(s);
    *ret_offset = from.offset;
    return ST_OK;
}
