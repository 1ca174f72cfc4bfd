/* A query's state on disk, so that a start needs not read its changelogs from the beginning.
 *
 * state/GROUP in the data directory, written beside and renamed, after the commit whose state it
 * is: never ahead of what is committed. When it is damaged, of other topics, or ahead of the log
 * (which may have lost its end with memory durability), it is passed over and the changelogs say
 * all.
 *
 *  OFFSET SIZE MEANING (big-endian)
 *       0    8 "arusst01"
 *       8    – blocks: 4 length, 4 CRC-32C of the payload, payload
 *  The first payload is the head: 4 stores, then for each: 16 topic id, 4 partitions, 8 changelog
 * offset for each. The others are entries: 4 store, 4 partition, 4 key length, key, 4 value length,
 * value, one after the other. The last payload has length 0.
 */
#include "server/internal.h"

#include "base/hash.h"

#define MAGIC           "arusst01"
#define BLOCK_BYTES     (256u << 10)
#define BLOCK_BYTES_MAX (256u << 20)

static str_t path_of(const runner_t *r, arena_t *a, const char *suffix)
{
    return arena_printf(a, STR_FMT "/state/" STR_FMT "%s", STR_ARG(r->server->opt.data_dir),
                        STR_ARG(r->group), suffix);
}

/* ---- writing ------------------------------------------------------------------------------- */

typedef struct ckpt_writer {
    io_file_t *file;
    int64_t at;
    buf_t block;
    st_t st;
    err_t *err;
} ckpt_writer_t;

static void flush_block(ckpt_writer_t *w)
{
    char head[8];
    uint32_t len = __builtin_bswap32((uint32_t)w->block.len);
    uint32_t crc = __builtin_bswap32(hash_crc32c(0, w->block.ptr, w->block.len));
    memcpy(head, &len, 4);
    memcpy(head + 4, &crc, 4);
    str_t parts[] = {str_n(head, 8), buf_str(&w->block)};
    if (w->st == ST_OK)
        w->st = io_file_writev(w->file, parts, w->block.len ? 2 : 1, w->at, w->err);
    w->at += 8 + (int64_t)w->block.len;
    buf_clear(&w->block);
}

static void add_entry(void *env, size_t store, int32_t partition, str_t key, str_t value)
{
    ckpt_writer_t *w = env;
    buf_put_be32(&w->block, (uint32_t)store);
    buf_put_be32(&w->block, (uint32_t)partition);
    buf_put_be32(&w->block, (uint32_t)key.len);
    buf_put_str(&w->block, key);
    buf_put_be32(&w->block, (uint32_t)value.len);
    buf_put_str(&w->block, value);
    if (w->block.len >= BLOCK_BYTES)
        flush_block(w);
}

static ST put_head(runner_t *r, buf_t *b, err_t *err)
{
    buf_put_be32(b, (uint32_t)r->n_changelogs);
    for (size_t i = 0; i < r->n_changelogs; i++) {
        log_topic_t *t = r->changelog[i].topic;
        log_uuid_t id = log_topic_id(t);
        buf_put(b, id.byte, sizeof id.byte);
        buf_put_be32(b, (uint32_t)log_topic_partitions(t));
        for (int32_t p = 0; p < log_topic_partitions(t); p++) {
            log_offsets_t o;
            TRY(log_topic_offsets(t, p, &o, err));
            buf_put_be64(b, (uint64_t)o.end);
        }
    }
    return ST_OK;
}

static ST write_file(runner_t *r, str_t path, err_t *err)
{
    ckpt_writer_t w = {.err = err, .at = sizeof MAGIC - 1};
    TRY(io_file_open(r->server->opt.io, path, IO_CREATE_NEW, &w.file, err));
    w.st = io_file_write(w.file, MAGIC, sizeof MAGIC - 1, 0, err);
    if (w.st == ST_OK)
        w.st = put_head(r, &w.block, err);
    if (w.st == ST_OK) {
        flush_block(&w);
        exec_dump(r->exec, add_entry, &w);
        if (w.block.len)
            flush_block(&w);
        flush_block(&w);
    }
    if (w.st == ST_OK)
        w.st = io_file_sync(w.file, err);
    io_file_close(w.file);
    buf_done(&w.block);
    return w.st;
}

st_t runner_checkpoint(runner_t *r, err_t *err)
{
    io_t *io = r->server->opt.io;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t dir = arena_printf(&a, STR_FMT "/state", STR_ARG(r->server->opt.data_dir));
    str_t path = path_of(r, &a, ""), beside = path_of(r, &a, ".new");
    st_t st = io_mkdir(io, dir, err);
    if (st == ST_OK || st == ST_EXISTS)
        st = write_file(r, beside, err);
    if (st == ST_OK)
        st = io_rename(io, beside, path, err);
    if (st == ST_OK)
        st = io_sync_dir(io, dir, err);
    arena_done(&a);
    r->changed_bytes = 0;
    return st;
}

void runner_checkpoint_forget(runner_t *r)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    err_t err;
    io_t *io = r->server->opt.io;
    st_t st = io_unlink(io, path_of(r, &a, ""), &err);
    if (st == ST_OK)
        st = io_sync_dir(io, arena_printf(&a, STR_FMT "/state", STR_ARG(r->server->opt.data_dir)),
                         &err);
    if (st != ST_OK && st != ST_NOT_FOUND)
        trace_line(TRACE_WARN, "sql", "%s", err.msg);
    arena_done(&a);
}

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct ckpt_reader {
    io_file_t *file;
    int64_t at;
    buf_t block;
} ckpt_reader_t;

static ST read_block(ckpt_reader_t *rd, err_t *err)
{
    char head[8];
    size_t n;
    TRY(io_file_read(rd->file, head, 8, rd->at, &n, err));
    uint32_t len = n == 8 ? load_be32(head) : UINT32_MAX;
    if (len > BLOCK_BYTES_MAX)
        return err_set(err, ST_CORRUPT, "a block's head is damaged");
    buf_clear(&rd->block);
    char *to = buf_reserve(&rd->block, len + 1);
    TRY(io_file_read(rd->file, to, len, rd->at + 8, &n, err));
    if (n != len || hash_crc32c(0, to, len) != load_be32(head + 4))
        return err_set(err, ST_CORRUPT, "a block is damaged");
    rd->block.len = len;
    rd->at += 8 + (int64_t)len;
    return ST_OK;
}

/* Fills in where the changelogs are to be read from; ST_CORRUPT when the file is not of these
 * topics. */
static ST read_head(runner_t *r, str_t b, int64_t *const *ret_from, err_t *err)
{
    const char *p = b.ptr, *end = b.ptr + b.len;
    if (b.len < 4 || load_be32(p) != r->n_changelogs)
        return err_set(err, ST_CORRUPT, "it is of another query");
    p += 4;
    for (size_t i = 0; i < r->n_changelogs; i++) {
        log_topic_t *t = r->changelog[i].topic;
        log_uuid_t id = log_topic_id(t);
        int32_t n = log_topic_partitions(t);
        if (end - p < 20 + 8 * (ptrdiff_t)n || memcmp(p, id.byte, 16) ||
            load_be32(p + 16) != (uint32_t)n)
            return err_set(err, ST_CORRUPT, "it is of other topics");
        p += 20;
        for (int32_t k = 0; k < n; k++, p += 8) {
            log_offsets_t o;
            int64_t at = (int64_t)load_be64(p);
            TRY(log_topic_offsets(t, k, &o, err));
            if (at > o.end || at < 0)
                return err_set(err, ST_CORRUPT, "it is ahead of the log");
            ret_from[i][k] = at;
        }
    }
    return ST_OK;
}

static ST read_entries(runner_t *r, str_t b, err_t *err)
{
    const char *p = b.ptr, *end = b.ptr + b.len;
    while (p < end) {
        if (end - p < 12)
            return err_set(err, ST_CORRUPT, "an entry is cut off");
        uint32_t store = load_be32(p), partition = load_be32(p + 4), klen = load_be32(p + 8);
        p += 12;
        if (klen > (size_t)(end - p) || (size_t)(end - p) - klen < 4)
            return err_set(err, ST_CORRUPT, "an entry is cut off");
        str_t key = str_n(p, klen);
        uint32_t vlen = load_be32(p + klen);
        p += klen + 4;
        if (vlen > (size_t)(end - p) || store >= r->n_changelogs ||
            partition >= (uint32_t)r->changelog[store].n_partitions)
            return err_set(err, ST_CORRUPT, "an entry is damaged");
        TRY(exec_restore(r->exec, store, (int32_t)partition, key, str_n(p, vlen), err));
        p += vlen;
    }
    return ST_OK;
}

static ST read_file(runner_t *r, ckpt_reader_t *rd, int64_t *const *ret_from, err_t *err)
{
    char magic[8];
    size_t n;
    TRY(io_file_read(rd->file, magic, 8, 0, &n, err));
    if (n != 8 || memcmp(magic, MAGIC, 8))
        return err_set(err, ST_CORRUPT, "it is no checkpoint of this version");
    rd->at = 8;
    TRY(read_block(rd, err));
    TRY(read_head(r, buf_str(&rd->block), ret_from, err));
    for (;;) {
        TRY(read_block(rd, err));
        if (!rd->block.len)
            return ST_OK;
        TRY(read_entries(r, buf_str(&rd->block), err));
    }
}

st_t runner_checkpoint_load(runner_t *r, int64_t *const *ret_from, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t path = path_of(r, &a, "");
    ckpt_reader_t rd = {0};
    st_t st = io_file_open(r->server->opt.io, path, IO_READ, &rd.file, err);
    if (st == ST_OK) {
        st = read_file(r, &rd, ret_from, err);
        io_file_close(rd.file);
        if (st != ST_OK)
            err_wrap(err, st, STR_FMT " is passed over", STR_ARG(path));
    }
    buf_done(&rd.block);
    arena_done(&a);
    return st;
}
