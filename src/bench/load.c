/* The jobs' input: the same records for everyone. */
#include "bench/bench.h"

#include "base/hash.h"
#include "wire/batch.h"

#include <stdio.h>

#define PARTITIONS  9
#define START_MS    INT64_C(1704160800000) /* 2024-01-02T02:00Z */
#define BATCH_BYTES (64u << 10)
#define PER_SECOND  900

typedef struct loader {
    log_t *log;
    log_topic_t *topic;
    buf_t buf[PARTITIONS];
    wire_writer_t writer[PARTITIONS];
    bool open[PARTITIONS];
    uint64_t seed;
} loader_t;

static uint64_t next(loader_t *l)
{
    l->seed ^= l->seed << 13;
    l->seed ^= l->seed >> 7;
    l->seed ^= l->seed << 17;
    return l->seed;
}

static ST send(loader_t *l, int32_t p, err_t *err)
{
    if (!l->open[p])
        return ST_OK;
    TRY(wire_batch_finish(&l->writer[p], err));
    log_commit_t *c = log_commit_new(l->log);
    log_commit_append(c, l->topic, p, buf_str(&l->buf[p]));
    l->open[p] = false;
    buf_clear(&l->buf[p]);
    return log_commit(l->log, c, NULL, err);
}

static ST add(loader_t *l, int64_t ts_ms, str_t key, str_t value, err_t *err)
{
    int32_t p = hash_partition(key.ptr, key.len, PARTITIONS);
    if (!l->open[p]) {
        wire_batch_begin(&l->writer[p], &l->buf[p], &WIRE_BATCH_PLAIN);
        l->open[p] = true;
    }
    wire_batch_add(&l->writer[p], ts_ms, key, value, NULL, 0);
    return wire_batch_bytes(&l->writer[p]) > BATCH_BYTES ? send(l, p, err) : ST_OK;
}

static void put_text(buf_t *b, str_t s)
{
    buf_put_varint(b, 1);
    buf_put_varint(b, (int64_t)s.len);
    buf_put_str(b, s);
}

static void put_f64(buf_t *b, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, 8);
    bits = __builtin_bswap64(bits); /* Avro's are little-endian */
    buf_put_varint(b, 1);
    buf_put_be64(b, bits);
}

/* Four letters, spread over the alphabet. */
static str_t ticker_of(int64_t i, char out[8])
{
    i = i * 7919 % 456976;
    for (int k = 3; k >= 0; k--) {
        out[k] = (char)('A' + i % 26);
        i /= 26;
    }
    return str_n(out, 4);
}

static void stock(loader_t *l, const bench_options_t *opt, buf_t *key, buf_t *value)
{
    int64_t k = (int64_t)(next(l) % (uint64_t)opt->keys);
    char tick[8];
    str_t ticker = ticker_of(k, tick);
    double close = (double)(50 + next(l) % 20000), open = close + (double)(next(l) % 50);
    int64_t volume = (int64_t)(next(l) % 10000000) * 100;
    buf_clear(key);
    buf_clear(value);
    if (opt->job == BENCH_COUNT)
        buf_printf(key, "K%07lld", (long long)k);
    else
        buf_printf(key, STR_FMT "_2024-01-02", STR_ARG(ticker));
    if (opt->job == BENCH_FILTER) {
        buf_printf(value,
                   "{\"ID\":\"" STR_FMT "\",\"TICKER\":\"" STR_FMT
                   "\",\"DATE\":\"2024-01-02\",\"OPEN\":%.1f,\"HIGH\":%.1f,"
                   "\"LOW\":%.1f,\"CLOSE\":%.1f,\"VOLUME\":%lld}",
                   STR_ARG(buf_str(key)), STR_ARG(ticker), open, open + 10, close - 10, close,
                   (long long)volume);
        return;
    }
    buf_put(value, "\0\0\0\0\1", 5);
    put_text(value, buf_str(key));
    put_text(value, ticker);
    put_text(value, STR("2024-01-02"));
    put_f64(value, open);
    put_f64(value, open + 10);
    put_f64(value, close - 10);
    put_f64(value, close);
    buf_put_varint(value, 1);
    buf_put_varint(value, volume);
}

static void company(int64_t i, buf_t *key, buf_t *value)
{
    char tick[8];
    str_t ticker = ticker_of(i, tick);
    buf_clear(key);
    buf_put_str(key, ticker);
    buf_clear(value);
    buf_put(value, "\0\0\0\0\2", 5);
    put_text(value, ticker);
    put_text(value, ticker);
    put_text(value, STR("A company on the exchange Tbk."));
    put_text(value, STR("https://s3.goapi.io/logo/AAAA.jpg"));
}

static ST make_topic(loader_t *l, const char *name, err_t *err)
{
    log_config_t config[] = {{STR("retention.ms"), STR("-1")}};
    log_topic_spec_t spec = {str_of(name), PARTITIONS, 1, config, 1};
    TRY(log_topic_create(l->log, &spec, err));
    return log_topic_open(l->log, str_of(name), &l->topic, err);
}

static ST fill(loader_t *l, const bench_options_t *opt, int64_t n, bool companies, err_t *err)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    st_t st = ST_OK;
    for (int64_t i = 0; i < n && st == ST_OK; i++) {
        int64_t ts = START_MS + (companies ? 0 : i * 1000 / PER_SECOND - (int64_t)(next(l) % 1000));
        if (companies)
            company(i, &key, &value);
        else
            stock(l, opt, &key, &value);
        st = add(l, ts, buf_str(&key), buf_str(&value), err);
    }
    for (int32_t p = 0; p < PARTITIONS && st == ST_OK; p++)
        st = send(l, p, err);
    for (int32_t p = 0; p < PARTITIONS; p++)
        buf_done(&l->buf[p]);
    buf_done(&key);
    buf_done(&value);
    return st;
}

st_t bench_load(const bench_options_t *opt, log_t *log, log_topic_t **ret_topic, size_t *ret_n,
                err_t *err)
{
    loader_t l = {.log = log, .seed = 0x9e3779b97f4a7c15u};
    TRY(make_topic(&l, "bench-stock", err));
    ret_topic[0] = l.topic;
    *ret_n = 1;
    TRY(fill(&l, opt, opt->records, false, err));
    if (opt->job != BENCH_JOIN)
        return ST_OK;
    loader_t c = {.log = log};
    TRY(make_topic(&c, "bench-company", err));
    ret_topic[1] = c.topic;
    *ret_n = 2;
    return fill(&c, opt, opt->keys, true, err);
}
