/* PRINT: a topic's records as lines of text, as they come or from the beginning. */
#include "server/internal.h"

#include "data/text.h"
#include "format/guess.h"

#define TURN_BYTES (256u << 10) /* read a partition and turn */

struct print {
    server_t *server;
    log_topic_t *topic;
    int64_t *position; /* a partition */
    arena_t life;
    guess_t *key, *value;
    wire_reader_t reader;
    int64_t interval, limit; /* every so many-th record; -1: no limit */
    int64_t n_seen, n_printed;
    bool failed; /* told once */
};

static ST no_topic(server_t *s, str_t name, err_t *err)
{
    arena_t a;
    log_topic_info_t *topic;
    size_t n = 0, like = 0;
    arena_init(&a, ARENA_NO_LIMIT);
    if (log_topic_list(s->opt.log, &a, &topic, &n, NULL) == ST_OK)
        while (like < n && !str_eq_nocase(topic[like].name, name))
            like++;
    bool hint = like < n;
    st_t st = err_set(err, ST_BAD_STATEMENT,
                      "Could not find topic '" STR_FMT
                      "', or the KSQL user does not have permissions to list the topic. Topic "
                      "names are case-sensitive.%s" STR_FMT "%s",
                      STR_ARG(name), hint ? "\nDid you mean '" : "",
                      STR_ARG(hint ? topic[like].name : STR("")), hint ? "'?" : "");
    arena_done(&a);
    return st;
}

st_t print_new(server_t *s, const sql_print_t *stmt, print_t **ret, err_t *err)
{
    log_topic_t *topic;
    if (log_topic_open(s->opt.log, stmt->topic, &topic, err) != ST_OK)
        return no_topic(s, stmt->topic, err);
    print_t *p = mem_zalloc(sizeof *p);
    *p = (print_t){.server = s,
                   .topic = topic,
                   .key = guess_new(true, s->opt.schemas),
                   .value = guess_new(false, s->opt.schemas),
                   .interval = stmt->interval,
                   .limit = stmt->limit};
    arena_init(&p->life, ARENA_NO_LIMIT);
    wire_reader_init(&p->reader, UNPACK_BYTES_MAX);
    p->position = ARENA_ARRAY(&p->life, int64_t, log_topic_partitions(topic));
    log_watch_add(s->watch, topic);
    for (int32_t i = 0; i < log_topic_partitions(topic); i++) {
        log_offsets_t o;
        st_t st = log_topic_offsets(topic, i, &o, err);
        if (st != ST_OK) {
            print_free(p);
            return st;
        }
        p->position[i] = stmt->from_beginning ? o.start : o.end;
    }
    *ret = p;
    return ST_OK;
}

void print_free(print_t *p)
{
    if (!p)
        return;
    log_watch_remove(p->server->watch, p->topic);
    log_topic_unref(p->topic);
    guess_free(p->key);
    guess_free(p->value);
    wire_reader_done(&p->reader);
    arena_done(&p->life);
    free(p);
}

static void put_rowtime(buf_t *b, int64_t ts_ms)
{
    if (ts_ms < 0) {
        BUF_LIT(b, "N/A");
        return;
    }
    size_t from = b->len;
    data_put_timestamp(b, ts_ms); /* 2020-01-01T00:00:00.000 */
    for (size_t i = from; i < b->len; i++)
        b->ptr[i] = b->ptr[i] == '-' ? '/' : b->ptr[i] == 'T' ? ' ' : b->ptr[i];
    BUF_LIT(b, " Z");
}

static void put_format(buf_t *items, const char *side, const guess_t *g)
{
    buf_printf(items, "h\t%s format: ", side);
    guess_put_names(g, items);
    BUF_LIT(items, "\n");
}

static void put_record(print_t *p, int32_t partition, const wire_record_t *r, buf_t *items)
{
    buf_t line = BUF_INIT;
    bool first = p->n_printed == 0;
    BUF_LIT(&line, "p\trowtime: ");
    put_rowtime(&line, r->ts_ms);
    BUF_LIT(&line, ", key: ");
    bool key = guess_put(p->key, r->key, &line);
    BUF_LIT(&line, ", value: ");
    bool value = guess_put(p->value, r->value, &line);
    buf_printf(&line, ", partition: %d\n", partition);
    if (key || first)
        put_format(items, "Key", p->key);
    if (value || first)
        put_format(items, "Value", p->value);
    buf_put_str(items, buf_str(&line));
    buf_done(&line);
    p->n_printed++;
}

static bool is_complete(const print_t *p)
{
    return p->limit >= 0 && p->n_printed >= p->limit;
}

static ST print_batch(print_t *p, int32_t partition, const wire_batch_t *b, buf_t *items,
                      err_t *err)
{
    wire_record_t r;
    TRY(wire_reader_open(&p->reader, b, err));
    while (!is_complete(p) && wire_reader_next(&p->reader, &r)) {
        if (r.offset < p->position[partition])
            continue;
        p->position[partition] = r.offset + 1;
        if (p->n_seen++ % p->interval == 0)
            put_record(p, partition, &r, items);
    }
    return is_complete(p) ? ST_OK : wire_reader_end(&p->reader, err);
}

static ST print_partition(print_t *p, int32_t i, buf_t *items, err_t *err)
{
    log_offsets_t o;
    log_chunk_t chunk;
    TRY(log_topic_offsets(p->topic, i, &o, err));
    if (p->position[i] < o.start)
        p->position[i] = o.start;
    if (p->position[i] >= o.stable)
        return ST_OK;
    TRY(log_read(p->topic, i, p->position[i], TURN_BYTES, &chunk, err));
    st_t st = ST_OK;
    wire_batch_t b;
    for (str_t bytes = chunk.bytes; st == ST_OK && bytes.len && !is_complete(p);) {
        st = wire_batch_next(&bytes, &b, err);
        if (st != ST_OK || b.base_offset >= o.stable)
            break;
        if (!(b.attributes & WIRE_CONTROL) &&
            !(b.attributes & WIRE_TRANSACTIONAL &&
              log_is_aborted(p->topic, i, b.producer_id, b.base_offset)))
            st = print_batch(p, i, &b, items, err);
        if (st == ST_OK && !is_complete(p))
            p->position[i] = b.last_offset + 1;
    }
    log_chunk_unref(&chunk);
    return st;
}

bool print_turn(print_t *p, buf_t *items, bool *ret_complete)
{
    size_t before = items->len;
    for (int32_t i = 0; i < log_topic_partitions(p->topic) && !is_complete(p); i++) {
        err_t err;
        if (print_partition(p, i, items, &err) == ST_OK || p->failed)
            continue;
        p->failed = true;
        trace_line(TRACE_WARN, "sql", "PRINT " STR_FMT ": %s", STR_ARG(log_topic_name(p->topic)),
                   err.msg);
    }
    *ret_complete = is_complete(p);
    return items->len > before;
}
