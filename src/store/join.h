/* join.h: the window store of one side of a stream-stream join, for one partition.
 *
 * Keeps rows by key and time, duplicates too, for retention_ms behind the newest timestamp it was
 * given (its observed time, Kafka Streams' rule: a row is there while ts >= observed - retention +
 * 1). Rows are packed blocks of n_values. One thread at a time.
 */
#ifndef ARUS_STORE_JOIN_H
#define ARUS_STORE_JOIN_H

#include "data/value.h"

typedef struct join_store join_store_t;

typedef struct join_row {
    int64_t ts_ms;
    data_value_t *value;  /* one packed block */
    uint64_t seq : 63;    /* counts puts: tells rows of one key and time apart */
    uint64_t pending : 1; /* an outer join's row that has met no partner yet */
} join_row_t;

/* What a changelog is told: the row as it is now. */
typedef void (*join_change_fn)(void *env, str_t key, const join_row_t *r);

join_store_t *join_store_new(size_t n_values, int64_t retention_ms);
void join_store_free(join_store_t *s);
/* Advances the observed time and keeps the row, unless it is older than the retention: then NULL.
 * Copies the row. What is returned stays until the next put. */
join_row_t *join_store_put(join_store_t *s, str_t key, uint64_t hash, int64_t ts_ms,
                           const data_value_t *row);
/* Marks or unmarks a row of the store as pending. */
void join_store_mark(join_store_t *s, join_row_t *r, bool pending);
/* The key's rows with from_ms <= ts <= to_ms that are still retained, in order of time and then of
 * arrival. The rows are the store's and stay until the next put, their values until
 * join_store_commit. */
size_t join_store_find(join_store_t *s, str_t key, uint64_t hash, int64_t from_ms, int64_t to_ms,
                       join_row_t **ret);
/* Ends a turn. Until then the values of rows that were found or let out stay, even of rows that are
 * too old by now: results may point to them. */
void join_store_commit(join_store_t *s);
int64_t join_store_observed(const join_store_t *s);
/* Pending rows with ts < before_ms in order of time: calls row for each and clears its mark. */
void join_store_pending(join_store_t *s, int64_t before_ms, join_change_fn row, void *env);
size_t join_store_bytes(const join_store_t *s);
/* Calls row for each row that is retained. */
void join_store_each(join_store_t *s, join_change_fn row, void *env);

/* A row as a changelog has it: key = time 8 bytes BE (sign bit flipped), seq 8 bytes BE, key; value
 * = pending, row. */
void join_row_encode(const join_row_t *r, size_t n_values, str_t key, buf_t *ret_key,
                     buf_t *ret_value);
/* Puts such a row back (or its newer state). ST_CORRUPT. */
ST join_store_restore(join_store_t *s, str_t key, str_t value, err_t *err);
size_t join_store_values(const join_store_t *s);

#endif
