#include "log/local/journal.h"

#include "base/hash.h"

#define MAGIC        "arusjnl1"
#define ZERO_BYTES   (64 << 10)
#define ZERO_PARTS   16
#define PARTS_MAX    64
#define WINDOW_BYTES (1 << 20)
#define SEQ_GAP_MAX  (1 << 20) /* how far ahead a lost entry's followers are looked for */

enum { AT_FIRST_SEQ = 8, AT_SALT = 16, AT_HEAD_CRC = 20 };

static const char zeros[ZERO_BYTES];

ST log_journal_open(log_journal_t *j, io_t *io, str_t dir, int64_t limit_bytes, err_t *err)
{
    *j = (log_journal_t){.io = io, .limit_bytes = limit_bytes, .next_seq = 1, .first_seq = 1};
    for (int i = 0; i < 2; i++) {
        buf_t path = BUF_INIT;
        buf_printf(&path, STR_FMT "/journal-%d", STR_ARG(dir), i);
        st_t st = io_file_open(io, buf_str(&path), IO_CREATE, &j->file[i], err);
        buf_done(&path);
        if (st == ST_OK)
            st = io_file_size(j->file[i], &j->written[i], err);
        if (st != ST_OK) {
            log_journal_close(j);
            return st;
        }
    }
    return ST_OK;
}

void log_journal_close(log_journal_t *j)
{
    for (int i = 0; i < 2; i++) {
        io_file_close(j->file[i]);
        j->file[i] = NULL;
    }
}

void log_journal_reset(log_journal_t *j)
{
    j->active = 0;
    j->other_free = true;
    j->started = false;
    j->first_seq = j->next_seq;
    j->synced_seq = j->next_seq - 1;
    j->pos = LOG_JOURNAL_HEAD_BYTES;
}

void log_journal_settle(log_journal_t *j)
{
    err_t err;
    if (io_file_sync(j->file[j->active], &err) != ST_OK)
        die("the journal cannot be synced, what the disk holds is unknown: %s", err.msg);
}

void log_journal_switch(log_journal_t *j)
{
    ASSERT(j->other_free);
    j->active = !j->active;
    j->other_free = false;
    j->started = false;
    j->first_seq = j->next_seq;
    j->pos = LOG_JOURNAL_HEAD_BYTES;
}

void log_journal_release(log_journal_t *j)
{
    j->other_free = true;
}

/* ---- writing */

static ST start(log_journal_t *j, err_t *err)
{
    char head[LOG_JOURNAL_HEAD_BYTES] = MAGIC;
    uint64_t seq = __builtin_bswap64((uint64_t)j->first_seq);
    uint32_t salt = (uint32_t)io_random_u64(j->io);
    memcpy(head + AT_FIRST_SEQ, &seq, 8);
    memcpy(head + AT_SALT, &salt, 4);
    store_be32(head + AT_HEAD_CRC, hash_crc32c(0, head, AT_HEAD_CRC));
    TRY(io_file_write(j->file[j->active], head, sizeof head, 0, err));
    if (j->written[j->active] < LOG_JOURNAL_HEAD_BYTES)
        j->written[j->active] = LOG_JOURNAL_HEAD_BYTES;
    j->crc = load_be32(head + AT_SALT);
    j->started = true;
    return ST_OK;
}

/* Room for entries up to `end`, written with zeros beforehand, as far as the journal usually grows.
 */
static ST zero_ahead(log_journal_t *j, int64_t end, err_t *err)
{
    int64_t *written = &j->written[j->active];
    str_t parts[ZERO_PARTS];
    for (int i = 0; i < ZERO_PARTS; i++)
        parts[i] = str_n(zeros, ZERO_BYTES);
    size_t n = (size_t)j->limit_bytes / ZERO_BYTES;
    n = n < 1 ? 1 : n > ZERO_PARTS ? ZERO_PARTS : n;
    while (end > *written && *written < j->limit_bytes) {
        TRY(io_file_writev(j->file[j->active], parts, n, *written, err));
        *written += (int64_t)n * ZERO_BYTES;
    }
    return ST_OK;
}

/* Parts on their way to the file. */
typedef struct output {
    io_file_t *file;
    int64_t pos; /* of the first part */
    size_t n, bytes;
    str_t part[PARTS_MAX];
} output_t;

static ST output_flush(output_t *o, err_t *err)
{
    if (o->n)
        TRY(io_file_writev(o->file, o->part, o->n, o->pos, err));
    o->pos += (int64_t)o->bytes;
    o->n = o->bytes = 0;
    return ST_OK;
}

static ST output_add(output_t *o, str_t part, err_t *err)
{
    if (o->n == PARTS_MAX)
        TRY(output_flush(o, err));
    o->part[o->n++] = part;
    o->bytes += part.len;
    return ST_OK;
}

static ST output_add_entry(output_t *o, const log_entry_t *e, err_t *err)
{
    str_t bytes = buf_str(&e->bytes);
    size_t at = 0, len = log_entry_bytes(e);
    for (size_t i = 0; i < e->splices.len; i++) {
        const log_splice_t *s = &e->splices.ptr[i];
        TRY(output_add(o, str_sub(bytes, at, s->at - at), err));
        TRY(output_add(o, s->batch, err));
        at = s->at;
    }
    if (at < bytes.len)
        TRY(output_add(o, str_sub(bytes, at, SIZE_MAX), err));
    return log_entry_room(len) == len ? ST_OK
                                      : output_add(o, str_n(zeros, log_entry_room(len) - len), err);
}

static ST write_entries(log_journal_t *j, log_entry_t **entries, size_t n, int64_t *pos, err_t *err)
{
    output_t o = {.file = j->file[j->active], .pos = *pos};
    for (size_t i = 0; i < n; i++)
        TRY(output_add_entry(&o, entries[i], err));
    TRY(output_flush(&o, err));
    *pos = o.pos;
    return ST_OK;
}

/* Wipes out what a failed append may have left, so that no replay finds it. */
static void take_back(log_journal_t *j)
{
    io_file_t *f = j->file[j->active];
    err_t err;
    if (j->pos < j->written[j->active] &&
        io_file_write(f, zeros, LOG_ENTRY_HEADER_BYTES, j->pos, &err) != ST_OK)
        die("the journal cannot be written: %s", err.msg);
    if (io_file_sync(f, &err) != ST_OK)
        die("the journal cannot be synced: %s", err.msg);
}

ST log_journal_append(log_journal_t *j, log_entry_t **entries, size_t n, bool sync, err_t *err)
{
    ASSERT(n > 0);
    if (!j->started)
        TRY(start(j, err));
    uint32_t crc = j->crc;
    int64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        crc = log_entry_seal(entries[i], j->next_seq + (int64_t)i, sync ? j->synced_seq : 0, crc);
        bytes += (int64_t)log_entry_room(log_entry_bytes(entries[i]));
    }
    TRY(zero_ahead(j, j->pos + bytes, err));
    int64_t pos = j->pos;
    st_t st = write_entries(j, entries, n, &pos, err);
    if (st != ST_OK) {
        take_back(j);
        return st;
    }
    if (pos > j->written[j->active])
        j->written[j->active] = pos;
    if (sync && io_file_sync(j->file[j->active], err) != ST_OK)
        die("the journal cannot be synced, what the disk holds is unknown: %s",
            err ? err->msg : "");
    j->pos = pos;
    j->crc = crc;
    j->next_seq += (int64_t)n;
    j->synced_seq = sync ? j->next_seq - 1 : j->synced_seq;
    return ST_OK;
}

/* ---- replay */

/* A file, seen through a window: to hold all of it would cost more than to read it. */
typedef struct image {
    int index;
    io_file_t *file;
    int64_t size, first_seq;
    uint32_t salt;
    bool used; /* has a head */
    buf_t window;
    int64_t window_pos;
} image_t;

/* The bytes from pos on, at least `need` of them unless the file ends before. Until the next look.
 */
static ST image_look(image_t *m, int64_t pos, int64_t need, str_t *ret, err_t *err)
{
    int64_t left = pos < m->size ? m->size - pos : 0;
    need = need < left ? need : left;
    if (pos < m->window_pos || pos + need > m->window_pos + (int64_t)m->window.len) {
        size_t len = need > WINDOW_BYTES ? (size_t)need : WINDOW_BYTES;
        buf_clear(&m->window);
        m->window_pos = pos;
        TRY(io_file_read(m->file, buf_reserve(&m->window, len), len, pos, &m->window.len, err));
    }
    *ret = str_sub(buf_str(&m->window), (size_t)(pos - m->window_pos), SIZE_MAX);
    return ST_OK;
}

static ST image_open(log_journal_t *j, int index, image_t *ret, err_t *err)
{
    char h[LOG_JOURNAL_HEAD_BYTES];
    size_t got;
    *ret = (image_t){.index = index, .file = j->file[index]};
    TRY(io_file_size(ret->file, &ret->size, err));
    TRY(io_file_read(ret->file, h, sizeof h, 0, &got, err));
    if (got < sizeof h || memcmp(h, MAGIC, 8) != 0 ||
        hash_crc32c(0, h, AT_HEAD_CRC) != load_be32(h + AT_HEAD_CRC))
        return ST_OK;
    ret->used = true;
    ret->first_seq = (int64_t)load_be64(h + AT_FIRST_SEQ);
    ret->salt = load_be32(h + AT_SALT);
    return ST_OK;
}

/* The CRC of the first STEP bytes, of twice as many, …: with it that of any range costs little,
 * however long it is. A crafted batch may look like entries that all overlap. */
#define SUMS_STEP 256
typedef struct sums {
    str_t bytes;
    VEC(uint32_t) upto;
} sums_t;

static uint32_t sum_upto(sums_t *s, size_t end)
{
    if (!s->upto.len)
        VEC_PUSH(&s->upto, 0);
    while (s->upto.len <= end / SUMS_STEP) {
        size_t n = s->upto.len;
        uint32_t crc = s->upto.ptr[n - 1];
        VEC_PUSH(&s->upto, hash_crc32c(crc, s->bytes.ptr + (n - 1) * SUMS_STEP, SUMS_STEP));
    }
    size_t i = end / SUMS_STEP;
    return hash_crc32c(s->upto.ptr[i], s->bytes.ptr + i * SUMS_STEP, end % SUMS_STEP);
}

static bool entry_fits(sums_t *s, size_t pos, const log_entry_head_t *head, uint32_t crc)
{
    if (head->len > s->bytes.len - pos)
        return false;
    size_t from = pos + LOG_ENTRY_SUMMED, n = head->len - LOG_ENTRY_SUMMED;
    uint32_t rest = sum_upto(s, from + n) ^ hash_crc32c_join(sum_upto(s, from), 0, n);
    crc = hash_crc32c(crc, s->bytes.ptr + pos, sizeof head->len);
    return hash_crc32c_join(crc, rest, n) == head->crc;
}

/* Whether behind the bad entry `seq`, with which bytes begin, lies one that proves it had been
 * synced: then it did not tear, it rotted. Two entries in a row that fit together are proof enough
 * that they are no chance. */
static bool was_synced(str_t bytes, int64_t seq)
{
    log_entry_head_t a, b;
    sums_t sums = {.bytes = bytes};
    bool was = false;
    for (size_t pos = 0; !was && pos + LOG_ENTRY_HEADER_BYTES <= bytes.len; pos += 8) {
        if (!log_entry_head(str_sub(bytes, pos, SIZE_MAX), &a) || a.seq < seq ||
            a.seq > seq + SEQ_GAP_MAX || a.len > bytes.len - pos)
            continue;
        size_t next = pos + log_entry_room(a.len);
        was = log_entry_head(str_sub(bytes, next, SIZE_MAX), &b) && b.seq == a.seq + 1 &&
              b.synced_seq >= seq && entry_fits(&sums, next, &b, a.crc);
    }
    VEC_DONE(&sums.upto);
    return was;
}

static ST replay_image(log_journal_t *j, image_t *m, ST (*fn)(void *arg, str_t entry, err_t *err),
                       void *arg, err_t *err)
{
    int64_t pos = LOG_JOURNAL_HEAD_BYTES;
    uint32_t crc = m->salt;
    str_t rest;
    for (;; j->next_seq++) {
        log_entry_head_t head;
        TRY(image_look(m, pos, LOG_ENTRY_HEADER_BYTES, &rest, err));
        if (!log_entry_head(rest, &head) || head.seq != j->next_seq)
            break;
        TRY(image_look(m, pos, head.len, &rest, err));
        if (!log_entry_check(rest, &head, crc))
            break;
        TRY(fn(arg, str_sub(rest, 0, head.len), err));
        pos += (int64_t)log_entry_room(head.len);
        crc = head.crc;
    }
    TRY(image_look(m, pos, m->size - pos, &rest, err));
    if (was_synced(rest, j->next_seq))
        return err_set(
            err, ST_CORRUPT,
            "journal-%d is corrupt at byte %lld, where synced entries follow: restore it from a "
            "backup, or remove it and lose what was committed from there on",
            m->index, (long long)pos);
    return ST_OK;
}

static ST replay_images(log_journal_t *j, image_t *m, int64_t from_seq,
                        ST (*fn)(void *arg, str_t entry, err_t *err), void *arg, err_t *err)
{
    j->next_seq = from_seq;
    for (int i = 0; i < 2; i++)
        TRY(image_open(j, i, &m[i], err));
    if (m[1].used && (!m[0].used || m[1].first_seq < m[0].first_seq)) {
        image_t first = m[1];
        m[1] = m[0];
        m[0] = first;
    }
    for (int i = 0; i < 2; i++) {
        if (!m[i].used || m[i].first_seq < from_seq)
            continue;
        str_t entries;
        /* Only without syncs can the younger file be there and the older one's end not: that is a
         * power cut's loss. */
        if (m[i].first_seq == j->next_seq) {
            TRY(replay_image(j, &m[i], fn, arg, err));
            continue;
        }
        TRY(image_look(&m[i], LOG_JOURNAL_HEAD_BYTES, m[i].size, &entries, err));
        if (was_synced(entries, j->next_seq))
            return err_set(
                err, ST_CORRUPT,
                "journal-%d begins with entry %lld, but entry %lld is missing: restore the other "
                "journal from a backup",
                m[i].index, (long long)m[i].first_seq, (long long)j->next_seq);
    }
    return ST_OK;
}

ST log_journal_replay(log_journal_t *j, int64_t from_seq,
                      ST (*fn)(void *arg, str_t entry, err_t *err), void *arg, err_t *err)
{
    image_t m[2] = {{0}, {0}};
    st_t st = replay_images(j, m, from_seq, fn, arg, err);
    for (int i = 0; i < 2; i++)
        buf_done(&m[i].window);
    return st;
}
