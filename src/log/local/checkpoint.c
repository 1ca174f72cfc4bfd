/* checkpoint.c: the state as of some sequence of the journal, in one file, replaced whole.
 *
 *  OFFSET SIZE MEANING of DIR/checkpoint (big-endian)
 *       0    8 "arusckp2"
 *       8    4 CRC-32C of byte 12 to the end
 *      12    8 sequence: the journal's entries from it on are to be replayed
 *      20   16 the log's id
 *      36    4 leader epoch
 *      40    1 1: closed in order
 *      41    4 topic numbers given so far
 *      45    4 number of topics; for each: its record (log/local/engine.h), and for each partition:
 *              8 first offset, 8 end of what the segments hold, 4 number of segments; for each:
 *              8 base offset, 8 size, 8 largest timestamp, 8 wall clock when made, 4 index entries,
 *              4 generation; 8 offset up to which it is compacted;
 *              8 offset as of which producers are kept, 4 number of producers; for each: 8 id,
 *              2 epoch, 8 first offset of its open transaction or -1, 8 wall clock when seen,
 *              1 number of batches; for each: 4 first and 4 last sequence, 8 offset; 4 number of
 *              aborted transactions; for each: 8 producer, 8 first, 8 last offset
 *       –    4 number of groups; for each: 4 length and name, 4 number of offsets; for each:
 *              4 topic number, 4 partition, 4 leader epoch, 8 offset, 8 time of the commit,
 *              4 length and metadata
 *       –    4 number of facts; for each: 4 length and key, 4 length and value
 */
#include "log/local/engine.h"

#include "base/hash.h"

#define MAGIC      "arusckp2"
#define HEAD_BYTES 12

static void put_partition(buf_t *b, const log_partition_t *p)
{
    int64_t start = p->start < p->flushed ? p->start : p->flushed; /* the journal has the rest */
    buf_put_be64(b, (uint64_t)start);
    buf_put_be64(b, (uint64_t)p->flushed);
    buf_put_be32(b, (uint32_t)p->segments.len);
    for (size_t i = 0; i < p->segments.len; i++) {
        const log_segment_t *s = p->segments.ptr[i];
        buf_put_be64(b, (uint64_t)s->base);
        buf_put_be64(b, (uint64_t)s->size);
        buf_put_be64(b, (uint64_t)s->max_ts_ms);
        buf_put_be64(b, (uint64_t)s->created_ms);
        buf_put_be32(b, s->n_index);
        buf_put_be32(b, s->generation);
    }
    buf_put_be64(b, (uint64_t)p->clean_end);
    log_producers_encode(b, p);
}

static void put_topic(buf_t *b, const log_topic_t *t)
{
    log_topic_encode(b, &(log_topic_record_t){.number = t->number,
                                              .id = t->id,
                                              .partitions = t->n_partitions,
                                              .replicas = t->replicas,
                                              .name = t->name,
                                              .config = t->config,
                                              .n_configs = t->n_configs});
    for (int32_t i = 0; i < t->n_partitions; i++)
        put_partition(b, t->partition[i]);
}

static void put_group(buf_t *b, const log_group_t *g)
{
    buf_put_be32(b, (uint32_t)g->name.len);
    buf_put_str(b, g->name);
    buf_put_be32(b, (uint32_t)g->offsets.len);
    for (map_entry_t *e = NULL; (e = map_next(&g->offsets, e));) {
        const log_group_at_t *o = e->value;
        buf_put_be32(b, (uint32_t)o->topic);
        buf_put_be32(b, (uint32_t)o->partition);
        buf_put_be32(b, (uint32_t)o->leader_epoch);
        buf_put_be64(b, (uint64_t)o->offset);
        buf_put_be64(b, (uint64_t)o->commit_ms);
        buf_put_be32(b, (uint32_t)o->metadata_len);
        buf_put(b, o->metadata, o->metadata_len);
    }
}

void log_checkpoint_encode(log_t *log, int64_t seq, bool clean, buf_t *ret)
{
    buf_put(ret, MAGIC, 8);
    buf_put_be32(ret, 0);
    buf_put_be64(ret, (uint64_t)seq);
    buf_put(ret, log->id.byte, sizeof log->id.byte);
    buf_put_be32(ret, (uint32_t)log->leader_epoch);
    buf_put_char(ret, clean);
    buf_put_be32(ret, (uint32_t)log->by_number.len);
    buf_put_be32(ret, (uint32_t)log->topics.len);
    for (map_entry_t *e = NULL; (e = map_next(&log->topics, e));)
        put_topic(ret, e->value);
    buf_put_be32(ret, (uint32_t)log->groups.len);
    for (map_entry_t *e = NULL; (e = map_next(&log->groups, e));)
        put_group(ret, e->value);
    log_facts_encode(ret, log);
    store_be32(ret->ptr + 8, hash_crc32c(0, ret->ptr + HEAD_BYTES, ret->len - HEAD_BYTES));
}

static ST write_file(log_t *log, str_t path, const buf_t *b, err_t *err)
{
    io_file_t *f;
    TRY(io_file_open(log->io, path, IO_CREATE_NEW, &f, err));
    st_t st = io_file_write(f, b->ptr, b->len, 0, err);
    err_t bad;
    if (st == ST_OK && io_file_sync(f, &bad) != ST_OK)
        die("the checkpoint cannot be synced, what the disk holds is unknown: %s", bad.msg);
    io_file_close(f);
    return st;
}

ST log_checkpoint_write(log_t *log, const buf_t *b, err_t *err)
{
    buf_t path = BUF_INIT;
    buf_printf(&path, STR_FMT "/checkpoint.new", STR_ARG(log->dir));
    st_t st = write_file(log, buf_str(&path), b, err);
    if (st == ST_OK)
        st = io_rename(log->io, buf_str(&path), str_n(path.ptr, path.len - 4), err);
    err_t bad;
    if (st == ST_OK && io_sync_dir(log->io, log->dir, &bad) != ST_OK)
        die("the data directory cannot be synced, what the disk holds is unknown: %s", bad.msg);
    buf_done(&path);
    return st;
}

/* ---- reading: a cursor that goes bad at the first lack */

typedef struct cursor {
    str_t in;
    bool bad;
} cursor_t;

static const char *take(cursor_t *c, size_t n)
{
    if (c->in.len < n) {
        c->bad = true;
        return NULL;
    }
    const char *p = c->in.ptr;
    c->in = str_n(p + n, c->in.len - n);
    return p;
}

static uint32_t take_u32(cursor_t *c)
{
    const char *p = take(c, 4);
    return p ? load_be32(p) : 0;
}

static int64_t take_i64(cursor_t *c)
{
    const char *p = take(c, 8);
    return p ? (int64_t)load_be64(p) : 0;
}

static str_t take_text(cursor_t *c)
{
    uint32_t len = take_u32(c);
    const char *p = take(c, len);
    return str_n(p, p ? len : 0);
}

static void take_segment(cursor_t *c, log_t *log, log_partition_t *p)
{
    int64_t base = take_i64(c), size = take_i64(c), max_ts_ms = take_i64(c),
            created_ms = take_i64(c);
    uint32_t n_index = take_u32(c), generation = take_u32(c);
    if (c->bad)
        return;
    buf_t path = BUF_INIT;
    log_segment_path(&path, p->topic->dir, p->index, base, generation);
    log_segment_t *s = log_segment_new(log->io, buf_str(&path), base, created_ms, generation);
    s->size = size;
    s->max_ts_ms = max_ts_ms;
    s->n_index = n_index;
    log->stats.disk_bytes += size;
    VEC_PUSH(&p->segments, s);
    buf_done(&path);
}

/* L4, and segments in order. */
static bool is_sound(const log_partition_t *p)
{
    if (p->start < 0 || p->flushed < p->start)
        return false;
    for (size_t i = 0; i < p->segments.len; i++) {
        const log_segment_t *s = p->segments.ptr[i];
        if (s->size <= 0 || s->size > LOG_SEGMENT_BYTES_MAX || s->base >= p->flushed ||
            (i > 0 && s->base <= p->segments.ptr[i - 1]->base))
            return false;
    }
    return p->segments.len ? p->segments.ptr[0]->base <= p->start : p->start == p->flushed;
}

static void take_partition(cursor_t *c, log_t *log, log_partition_t *p)
{
    p->start = take_i64(c);
    p->flushed = p->end = p->next = take_i64(c);
    uint32_t n = take_u32(c);
    for (uint32_t i = 0; i < n && !c->bad; i++)
        take_segment(c, log, p);
    p->clean_end = take_i64(c);
    c->bad |= !is_sound(p) || !log_producers_decode(&c->in, p);
}

static ST take_topic(cursor_t *c, log_t *log, arena_t *a, err_t *err)
{
    log_topic_record_t r;
    TRY(log_topic_decode(&c->in, a, &r, err));
    if ((size_t)r.number >= log->by_number.len || log_topic_by_number(log, r.number) ||
        log_topic_by_name(log, r.name)) {
        c->bad = true;
        return ST_OK;
    }
    log_topic_t *t = log_topic_apply(log, &r);
    for (int32_t i = 0; i < t->n_partitions && !c->bad; i++)
        take_partition(c, log, t->partition[i]);
    return ST_OK;
}

static void take_group(cursor_t *c, log_t *log)
{
    uint32_t len = take_u32(c);
    const char *name = take(c, len);
    uint32_t n = take_u32(c);
    for (uint32_t i = 0; i < n && !c->bad; i++) {
        log_item_t o = {.kind = LOG_ITEM_OFFSET, .name = str_n(name, len)};
        o.topic = (int32_t)take_u32(c);
        o.partition = (int32_t)take_u32(c);
        o.leader_epoch = (int32_t)take_u32(c);
        o.offset = take_i64(c);
        o.commit_ms = take_i64(c);
        o.text = take_text(c);
        if (!c->bad)
            log_group_apply(log, &o);
    }
}

static void take_fact(cursor_t *c, log_t *log)
{
    str_t key = take_text(c), value = take_text(c);
    if (!c->bad)
        log_fact_apply(log, key, value);
}

static ST decode(log_t *log, str_t bytes, int64_t *ret_seq, bool *ret_clean, err_t *err)
{
    cursor_t c = {.in = bytes};
    const char *head = take(&c, HEAD_BYTES);
    if (!head || memcmp(head, MAGIC, 7) != 0)
        goto bad;
    if (memcmp(head, MAGIC, 8) != 0)
        return err_set(err, ST_UNSUPPORTED,
                       STR_FMT "/checkpoint was written by another version: use that version",
                       STR_ARG(log->dir));
    if (hash_crc32c(0, c.in.ptr, c.in.len) != load_be32(head + 8))
        goto bad;
    int64_t seq = take_i64(&c);
    const char *id = take(&c, sizeof log->id.byte);
    int32_t epoch = (int32_t)take_u32(&c);
    const char *clean = take(&c, 1);
    uint32_t numbers = take_u32(&c), topics = take_u32(&c);
    if (c.bad || numbers > LOG_TOPIC_NUMBERS_MAX || topics > numbers)
        goto bad;
    for (uint32_t i = 0; i < numbers; i++)
        VEC_PUSH(&log->by_number, NULL);
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st = ST_OK;
    for (uint32_t i = 0; i < topics && !c.bad && st == ST_OK; i++) {
        st = take_topic(&c, log, &a, err);
        arena_reset(&a);
    }
    arena_done(&a);
    if (st != ST_OK)
        return st;
    uint32_t groups = take_u32(&c);
    for (uint32_t i = 0; i < groups && !c.bad; i++)
        take_group(&c, log);
    uint32_t facts = take_u32(&c);
    for (uint32_t i = 0; i < facts && !c.bad; i++)
        take_fact(&c, log);
    if (c.bad || c.in.len)
        goto bad;
    memcpy(log->id.byte, id, sizeof log->id.byte);
    log->leader_epoch = epoch;
    *ret_seq = seq;
    *ret_clean = *clean != 0;
    return ST_OK;
bad:
    return err_set(err, ST_CORRUPT,
                   STR_FMT "/checkpoint is corrupt: restore the data directory from a backup",
                   STR_ARG(log->dir));
}

static ST read_file(io_file_t *f, buf_t *b, err_t *err)
{
    int64_t size;
    TRY(io_file_size(f, &size, err));
    return io_file_read(f, buf_reserve(b, (size_t)size + 1), (size_t)size, 0, &b->len, err);
}

ST log_checkpoint_read(log_t *log, int64_t *ret_seq, bool *ret_clean, err_t *err)
{
    io_file_t *f;
    buf_t b = BUF_INIT;
    buf_printf(&b, STR_FMT "/checkpoint", STR_ARG(log->dir));
    st_t st = io_file_open(log->io, buf_str(&b), IO_READ, &f, err);
    if (st == ST_NOT_FOUND) {
        io_random(log->io, log->id.byte, sizeof log->id.byte);
        *ret_seq = 1;
        *ret_clean = false;
        st = ST_OK;
    } else if (st == ST_OK) {
        buf_clear(&b);
        st = read_file(f, &b, err);
        io_file_close(f);
        if (st == ST_OK)
            st = decode(log, buf_str(&b), ret_seq, ret_clean, err);
    }
    buf_done(&b);
    return st;
}
