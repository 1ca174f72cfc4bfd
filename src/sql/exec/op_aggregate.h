/* op_aggregate.h: what the aggregating operators share. An entry's slots are the key columns, then
 * each function's. */
#ifndef ARUS_SQL_EXEC_OP_AGGREGATE_H
#define ARUS_SQL_EXEC_OP_AGGREGATE_H

#include "sql/exec/op.h"

typedef struct agg_part {
    int64_t stream_time_ms; /* the newest record so far */
    uint64_t late;          /* updates that came after their window's grace */
} agg_part_t;

typedef struct op_aggregate_state {
    op_t op;
    agg_part_t *part;
    sql_fn_call_t *call; /* a function */
    void **state;
    void (**state_free)(void *);
    exec_records_t out;
} op_aggregate_t;

st_t agg_init(op_t *o, err_t *err);
void agg_done(op_t *o);
/* Fills a new entry: the key columns, the functions' beginnings. */
void agg_begin(op_t *o, store_entry_t *e, const data_value_t *key);
void agg_add(op_t *o, store_entry_t *e, const exec_record_t *r, bool undo);
/* The output row of an entry, in the turn's arena. */
data_value_t *agg_result(op_t *o, const store_entry_t *e, int64_t start_ms, int64_t end_ms);
/* Queues the entry's row in out; keeps in e->old what it was before (when someone wants it). */
void agg_emit(op_t *o, const store_entry_t *e);
void agg_remember_old(op_t *o, store_entry_t *e);

void agg_scan(op_t *o, int32_t partition, const str_t *key);

void agg_session(op_t *o, agg_part_t *p, store_t *store, const exec_record_t *r, str_t key,
                 uint64_t hash);

#endif
