/* bench.h: `arus bench JOB`: a query over a preloaded local log, and the same job as a bare C loop
 * over the same bytes.
 *
 * Jobs (the article's statements, and two common ones):
 *   dedupe  Avro stocks, TUMBLING 1 minute, LATEST_BY_OFFSET of 7 columns by id; rekeyed
 *   join    stocks with companies, stream-stream WITHIN 7 DAYS on ticker
 *   filter  JSON stocks, WHERE close > 1000 AND ticker LIKE 'B%', 3 columns out
 *   count   Avro stocks, COUNT(*) by key
 * Records' times begin at 2024-01-02 02:00 UTC, 900 records a second, up to 1 s out of order.
 */
#ifndef ARUS_BENCH_BENCH_H
#define ARUS_BENCH_BENCH_H

#include "log/log.h"

typedef enum bench_job {
    BENCH_DEDUPE,
    BENCH_JOIN,
    BENCH_FILTER,
    BENCH_COUNT,
    BENCH_JOBS
} bench_job_t;

typedef struct bench_options {
    bench_job_t job;
    int64_t records, keys;
    bool sync;         /* durable commits; else memory */
    str_t dir;         /* for the log; made and removed */
    size_t turn_bytes; /* what the bare loop takes a partition at a time, as the engine does */
} bench_options_t;

typedef struct bench_line {
    int64_t records, outputs;
    double wall_s, cpu_s;
    int64_t rss_peak_mb;
    uint64_t digest; /* of the last value of each key: equal between engine and bare */
} bench_line_t;

const char *bench_job_name(bench_job_t job);
/* The whole of `arus bench`: prints two lines. */
ST bench_run(const bench_options_t *opt, err_t *err);

/* bare.c */
ST bench_bare(const bench_options_t *opt, log_topic_t *const *input, size_t n_inputs,
              bench_line_t *ret, err_t *err);
/* load.c: makes the input topics and fills them; *ret_topic are references. */
ST bench_load(const bench_options_t *opt, log_t *log, log_topic_t **ret_topic, size_t *ret_n,
              err_t *err);

#endif
