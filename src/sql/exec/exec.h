/* exec.h: a query at work, without I/O: records in, records out, time given by the caller.
 *
 * A turn: exec_feed what has arrived, exec_turn runs it through all operators to the end, then the
 * driver takes the outputs (given to the sink as they came), the stores' changes by exec_commit,
 * and the turn is over: its arena is reset. Same feed, same bytes out. Within a turn records of
 * several topics and partitions go in the order of their time, as in a Kafka Streams task. One
 * thread at a time.
 */
#ifndef ARUS_SQL_EXEC_EXEC_H
#define ARUS_SQL_EXEC_EXEC_H

#include "sql/plan/plan.h"

typedef struct exec exec_t;

/* A record as it was read; borrowed until the turn ends. ptr NULL: null. */
typedef struct exec_input {
    str_t key, value;
    int64_t ts_ms, offset;
    const data_header_t *header;
    size_t n_headers;
} exec_input_t;

/* Something that went wrong with a record or an expression; the rest goes on without it. Borrowed
 * for the call. */
typedef struct exec_failure {
    const char *what; /* "record", "expression", a function's name, … */
    const err_t *err;
    str_t topic; /* of a record that could not be read; else empty */
    int32_t partition;
    const exec_input_t *record;
} exec_failure_t;

/* Where results go. Any may be NULL. */
typedef struct exec_sink {
    void *self;
    /* A record for the sink topic; bytes are borrowed for the call. partition is by Kafka's murmur2
     * of the key. */
    void (*record)(void *self, int32_t partition, const exec_input_t *r);
    /* A row of a transient query, in projection order. `deleted`: a table's row went away, only key
     * columns are set. False: enough, give no more. */
    bool (*row)(void *self, const data_value_t *row, size_t n, bool deleted, int64_t ts_ms);
    void (*failed)(void *self, const exec_failure_t *f);
} exec_sink_t;

typedef struct exec_options {
    int32_t max_partitions;           /* of all sources: how many tasks a stage has */
    const int32_t *source_partitions; /* one a source of the plan */
    int32_t sink_partitions;
    bool cache;                     /* a table's updates in one turn are merged by key */
    int64_t outer_join_interval_ms; /* how often outer joins look for rows that stayed alone */
    const schema_source_t *schemas;
} exec_options_t;

ST exec_new(const plan_t *plan, const exec_options_t *opt, exec_sink_t sink, exec_t **ret,
            err_t *err);
void exec_free(exec_t *x);

void exec_feed(exec_t *x, size_t source, int32_t partition, const exec_input_t *record, size_t n);
/* wall_ms: for what goes by wall clock (throttles of outer joins). */
void exec_turn(exec_t *x, int64_t wall_ms);
/* Ends the turn; change (may be NULL) gets every change of every store: its number, partition, key,
 * value (NULL: gone). */
void exec_commit(exec_t *x,
                 void (*change)(void *env, size_t store, int32_t partition, str_t key, str_t value),
                 void *env);

size_t exec_n_stores(const exec_t *x);
/* "Aggregate-Aggregate-Materialize" and the like: what stands before "-changelog" in the topic's
 * name. */
str_t exec_store_name(const exec_t *x, size_t store);
/* How long its records matter; -1: for ever. */
int64_t exec_store_retention_ms(const exec_t *x, size_t store);
int32_t exec_store_partitions(const exec_t *x, size_t store);
/* Stores whose entries mean the same, of this program's runs, have the same number: it comes from
 * the types of their values, from aggregates and windows. */
uint32_t exec_store_shape(const exec_t *x, size_t store);
ST exec_restore(exec_t *x, size_t store, int32_t partition, str_t key, str_t value, err_t *err);
void exec_dump(exec_t *x,
               void (*change)(void *env, size_t store, int32_t partition, str_t key, str_t value),
               void *env);

/* A row of the query's materialized result: the columns of the sink's row, key columns first. */
typedef struct exec_row {
    const data_value_t *row;
    int64_t ts_ms, window_start_ms, window_end_ms;
} exec_row_t;

/* Whether the query holds a result that can be looked up: it ends in an aggregation, or a table. */
bool exec_can_scan(const exec_t *x);
/* For pull queries: calls row for each row of the materialized result, or, with key values (n_key
 * of them), only for that key's, in all its windows. False from row: enough. Not inside a turn;
 * what is given lives until row returns. */
void exec_scan(exec_t *x, const data_value_t *key, bool (*row)(void *env, const exec_row_t *r),
               void *env);

typedef struct exec_stats {
    uint64_t records_in, records_out, failed;
    size_t state_bytes;
} exec_stats_t;
exec_stats_t exec_stats(const exec_t *x);

#endif
