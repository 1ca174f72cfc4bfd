/* The jobs as one would write them by hand: framing, CRC, decoding by position, a hash table,
 * encoding, batches with CRC. Updates of a key are merged over what is taken at a time, as the
 * engine's cache does. Nothing is written to the log: this is the bound that the engine's overhead
 * is measured against. */
#include "bench/bench.h"

#include "base/hash.h"
#include "base/vec.h"
#include "wire/batch.h"

#include <sys/resource.h>
#include <time.h>

#define PARTITIONS 9

typedef struct row {
    str_t id, ticker, date, name, logo;
    double open, high, low, close;
    int64_t volume;
} row_t;

typedef struct slot {
    uint64_t hash;
    int64_t window_ms, ts_ms;
    char key[24], ticker[16], date[16];
    uint32_t key_len, ticker_len, date_len;
    bool used, dirty;
    double open, high, low, close;
    int64_t volume, count;
} slot_t;

typedef struct bare {
    const bench_options_t *opt;
    slot_t *table;
    size_t cap, len;
    VEC(size_t) dirty;
    buf_t out[PARTITIONS];
    wire_writer_t writer[PARTITIONS];
    bool open[PARTITIONS];
    buf_t key, value;
    int64_t outputs;
    row_t *company; /* by hash of the ticker, open addressing */
    size_t company_cap;
} bare_t;

static bool text(const char **p, const char *end, str_t *ret)
{
    int64_t branch, n;
    if (!load_varint(p, end, &branch) || branch != 1 || !load_varint(p, end, &n) || n < 0 ||
        n > end - *p)
        return false;
    *ret = str_n(*p, (size_t)n);
    *p += n;
    return true;
}

static bool f64(const char **p, const char *end, double *ret)
{
    int64_t branch;
    if (!load_varint(p, end, &branch) || end - *p < 8)
        return false;
    memcpy(ret, *p, 8);
    *p += 8;
    return true;
}

static bool stock(str_t v, row_t *r)
{
    const char *p = v.ptr + 5, *end = v.ptr + v.len;
    int64_t branch;
    return v.len > 5 && text(&p, end, &r->id) && text(&p, end, &r->ticker) &&
           text(&p, end, &r->date) && f64(&p, end, &r->open) && f64(&p, end, &r->high) &&
           f64(&p, end, &r->low) && f64(&p, end, &r->close) && load_varint(&p, end, &branch) &&
           load_varint(&p, end, &r->volume);
}

static bool company(str_t v, row_t *r)
{
    const char *p = v.ptr + 5, *end = v.ptr + v.len;
    return v.len > 5 && text(&p, end, &r->id) && text(&p, end, &r->ticker) &&
           text(&p, end, &r->name) && text(&p, end, &r->logo);
}

static void grow(bare_t *b)
{
    size_t cap = b->cap ? b->cap * 2 : 4096;
    slot_t *old = b->table;
    size_t *moved = mem_alloc((b->cap + 1) * sizeof *moved);
    b->table = mem_zalloc(cap * sizeof *b->table);
    for (size_t i = 0; i < b->cap; i++) {
        if (!old[i].used)
            continue;
        size_t k = old[i].hash & (cap - 1);
        while (b->table[k].used)
            k = (k + 1) & (cap - 1);
        b->table[k] = old[i];
        moved[i] = k;
    }
    for (size_t i = 0; i < b->dirty.len; i++)
        b->dirty.ptr[i] = moved[b->dirty.ptr[i]];
    b->cap = cap;
    free(moved);
    free(old);
}

static slot_t *find(bare_t *b, str_t key, int64_t window_ms)
{
    if ((b->len + 1) * 2 > b->cap)
        grow(b);
    uint64_t h = hash_bytes(key.ptr, key.len) ^ (uint64_t)window_ms * 0x9e3779b97f4a7c15u;
    size_t i = h & (b->cap - 1);
    for (; b->table[i].used; i = (i + 1) & (b->cap - 1))
        if (b->table[i].hash == h && b->table[i].window_ms == window_ms &&
            str_eq(str_n(b->table[i].key, b->table[i].key_len), key))
            break;
    slot_t *s = &b->table[i];
    if (!s->used) {
        s->used = true;
        s->hash = h;
        s->window_ms = window_ms;
        s->key_len = (uint32_t)(key.len < sizeof s->key ? key.len : sizeof s->key);
        memcpy(s->key, key.ptr, s->key_len);
        b->len++;
    }
    if (!s->dirty) {
        s->dirty = true;
        VEC_PUSH(&b->dirty, i);
    }
    return s;
}

static void emit(bare_t *b, int64_t ts_ms, str_t key, size_t plain, str_t value)
{
    int32_t p = hash_partition(key.ptr, plain, PARTITIONS);
    if (!b->open[p]) {
        buf_clear(&b->out[p]);
        wire_batch_begin(&b->writer[p], &b->out[p], &WIRE_BATCH_PLAIN);
        b->open[p] = true;
    }
    wire_batch_add(&b->writer[p], ts_ms, key, value, NULL, 0);
    b->outputs++;
}

static void put_text(buf_t *v, str_t s)
{
    buf_put_varint(v, 1);
    buf_put_varint(v, (int64_t)s.len);
    buf_put_str(v, s);
}

static void put_f64(buf_t *v, double d)
{
    buf_put_varint(v, 1);
    buf_put(v, &d, 8);
}

static void flush_dirty(bare_t *b)
{
    for (size_t i = 0; i < b->dirty.len; i++) {
        slot_t *s = &b->table[b->dirty.ptr[i]];
        s->dirty = false;
        buf_clear(&b->key);
        buf_clear(&b->value);
        buf_put(&b->key, s->key, s->key_len);
        size_t plain = b->key.len;
        buf_put(&b->value, "\0\0\0\0\13", 5);
        if (b->opt->job == BENCH_COUNT) {
            buf_put_varint(&b->value, 1);
            buf_put_varint(&b->value, s->count);
        } else {
            buf_put_be64(&b->key, (uint64_t)s->window_ms);
            put_text(&b->value, str_n(s->key, s->key_len));
            put_text(&b->value, str_n(s->ticker, s->ticker_len));
            put_text(&b->value, str_n(s->date, s->date_len));
            put_f64(&b->value, s->open);
            put_f64(&b->value, s->high);
            put_f64(&b->value, s->low);
            put_f64(&b->value, s->close);
            buf_put_varint(&b->value, 1);
            buf_put_varint(&b->value, s->volume);
        }
        emit(b, s->ts_ms, buf_str(&b->key), plain, buf_str(&b->value));
    }
    VEC_CLEAR(&b->dirty);
    for (int32_t p = 0; p < PARTITIONS; p++)
        if (b->open[p]) {
            err_t err;
            if (wire_batch_finish(&b->writer[p], &err) != ST_OK)
                die("%s", err.msg);
            b->open[p] = false;
        }
}

static void dedupe(bare_t *b, const wire_record_t *rec)
{
    row_t r;
    if (!stock(rec->value, &r))
        return;
    slot_t *s = find(b, r.id, rec->ts_ms / 60000 * 60000);
    s->ticker_len = (uint32_t)r.ticker.len;
    memcpy(s->ticker, r.ticker.ptr, r.ticker.len);
    s->date_len = (uint32_t)r.date.len;
    memcpy(s->date, r.date.ptr, r.date.len);
    s->open = r.open;
    s->high = r.high;
    s->low = r.low;
    s->close = r.close;
    s->volume = r.volume;
    if (rec->ts_ms > s->ts_ms)
        s->ts_ms = rec->ts_ms;
}

static void join(bare_t *b, const wire_record_t *rec)
{
    row_t r;
    if (!stock(rec->value, &r))
        return;
    size_t i = hash_bytes(r.ticker.ptr, r.ticker.len) & (b->company_cap - 1);
    while (b->company[i].ticker.ptr && !str_eq(b->company[i].ticker, r.ticker))
        i = (i + 1) & (b->company_cap - 1);
    const row_t *c = &b->company[i];
    if (!c->ticker.ptr)
        return;
    buf_clear(&b->value);
    buf_put(&b->value, "\0\0\0\0\14", 5);
    put_text(&b->value, r.id);
    put_text(&b->value, r.date);
    put_f64(&b->value, r.open);
    put_f64(&b->value, r.high);
    put_f64(&b->value, r.low);
    put_f64(&b->value, r.close);
    buf_put_varint(&b->value, 1);
    buf_put_varint(&b->value, r.volume);
    put_text(&b->value, c->name);
    put_text(&b->value, c->logo);
    emit(b, rec->ts_ms, r.ticker, r.ticker.len, buf_str(&b->value));
}

/* The members are where the loader puts them: what a hand-written scanner for this one shape would
 * do. */
static void filter(bare_t *b, const wire_record_t *rec)
{
    ptrdiff_t t = str_find(rec->value, STR("\"TICKER\":\"")),
              c = str_find(rec->value, STR("\"CLOSE\":"));
    if (t < 0 || c < 0 || rec->value.ptr[t + 10] != 'B')
        return;
    str_t rest = str_sub(rec->value, (size_t)c + 8, 64), number;
    double close;
    if (!str_split(&rest, ',', &number) || !str_to_f64(number, &close) || close <= 1000)
        return;
    buf_clear(&b->value);
    buf_printf(&b->value,
               "{\"ID\":\"" STR_FMT "\",\"TICKER\":\"" STR_FMT "\",\"CLOSE\":" STR_FMT "}",
               STR_ARG(rec->key), STR_ARG(str_sub(rec->value, (size_t)t + 10, 4)), STR_ARG(number));
    emit(b, rec->ts_ms, rec->key, rec->key.len, buf_str(&b->value));
}

static void one(bare_t *b, const wire_record_t *rec)
{
    switch (b->opt->job) {
    case BENCH_DEDUPE:
        dedupe(b, rec);
        return;
    case BENCH_JOIN:
        join(b, rec);
        return;
    case BENCH_FILTER:
        filter(b, rec);
        return;
    case BENCH_COUNT: {
        slot_t *s = find(b, rec->key, 0);
        s->count++;
        if (rec->ts_ms > s->ts_ms)
            s->ts_ms = rec->ts_ms;
        return;
    }
    case BENCH_JOBS:
        return;
    }
}

typedef VEC(log_chunk_t) chunks_t;

/* A turn: what one read a partition gives. */
static ST turn(bare_t *b, log_topic_t *t, int64_t *at, wire_reader_t *reader,
               void (*fn)(bare_t *, const wire_record_t *), chunks_t *keep, bool *ret_any,
               err_t *err)
{
    *ret_any = false;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        log_offsets_t o;
        TRY(log_topic_offsets(t, p, &o, err));
        if (at[p] >= o.end)
            continue;
        *ret_any = true;
        log_chunk_t chunk;
        TRY(log_read(t, p, at[p], b->opt->turn_bytes, &chunk, err));
        str_t bytes = chunk.bytes;
        wire_batch_t batch;
        while (bytes.len && wire_batch_next(&bytes, &batch, err) == ST_OK) {
            TRY(wire_batch_check(&batch, err));
            TRY(wire_reader_open(reader, &batch, err));
            wire_record_t rec;
            while (wire_reader_next(reader, &rec))
                fn(b, &rec);
        }
        at[p] = chunk.next_offset;
        VEC_PUSH(keep, chunk);
    }
    return ST_OK;
}

static void add_company(bare_t *b, const wire_record_t *rec)
{
    row_t r = {0};
    if (!company(rec->value, &r))
        return;
    size_t i = hash_bytes(r.ticker.ptr, r.ticker.len) & (b->company_cap - 1);
    while (b->company[i].ticker.ptr)
        i = (i + 1) & (b->company_cap - 1);
    b->company[i] = r;
}

static void drop(chunks_t *keep)
{
    for (size_t i = 0; i < keep->len; i++)
        log_chunk_unref(&keep->ptr[i]);
    VEC_CLEAR(keep);
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

st_t bench_bare(const bench_options_t *opt, log_topic_t *const *input, size_t n_inputs,
                bench_line_t *ret, err_t *err)
{
    bare_t b = {.opt = opt};
    wire_reader_t reader;
    wire_reader_init(&reader, 64u << 20);
    chunks_t keep = {0}, companies = {0};
    int64_t at[PARTITIONS] = {0}, at2[PARTITIONS] = {0};
    double cpu = cpu_s(), wall = wall_s();
    bool any = true;
    st_t st = ST_OK;
    if (n_inputs > 1) {
        for (b.company_cap = 16; b.company_cap < (size_t)opt->keys * 2;)
            b.company_cap *= 2;
        b.company = mem_zalloc(b.company_cap * sizeof *b.company);
        while (any && st == ST_OK)
            st = turn(&b, input[1], at2, &reader, add_company, &companies, &any, err);
    }
    for (any = true; any && st == ST_OK;) {
        st = turn(&b, input[0], at, &reader, one, &keep, &any, err);
        flush_dirty(&b);
        drop(&keep);
    }
    *ret = (bench_line_t){.records = opt->records + (n_inputs > 1 ? opt->keys : 0),
                          .outputs = b.outputs,
                          .cpu_s = cpu_s() - cpu,
                          .wall_s = wall_s() - wall};
    drop(&keep);
    drop(&companies);
    VEC_DONE(&keep);
    VEC_DONE(&companies);
    VEC_DONE(&b.dirty);
    free(b.table);
    free(b.company);
    for (int32_t p = 0; p < PARTITIONS; p++)
        buf_done(&b.out[p]);
    buf_done(&b.key);
    buf_done(&b.value);
    wire_reader_done(&reader);
    return st;
}
