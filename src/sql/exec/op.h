/* op.h: operators, inside exec/. One file an operator; each is a row of op_class_of.
 *
 * Records are pushed in batches from sources to the result. An operator's own state is behind its
 * struct; its state per partition is an array it makes in init. Rows and what they point to live in
 * the turn's arena.
 */
#ifndef ARUS_SQL_EXEC_OP_H
#define ARUS_SQL_EXEC_OP_H

#include "base/hash.h"
#include "base/vec.h"
#include "sql/exec/exec.h"
#include "store/join.h"
#include "store/store.h"

enum {
    EXEC_DELETED = 1, /* the value is null: only the key columns count */
    EXEC_UNDO = 2,    /* between a table's regrouping and its aggregation: take row away */
    EXEC_NO_KEY = 4,  /* the key is null */
};

typedef struct exec_record {
    const data_value_t *row;
    const data_value_t *old; /* a table's row before, NULL: there was none (or nobody asked) */
    int64_t ts_ms;
    int64_t window_start_ms, window_end_ms; /* of a windowed key */
    const data_header_t *header;
    uint32_t n_headers;
    uint32_t flags;
} exec_record_t;

typedef struct op op_t;

typedef void (*op_change_fn)(void *env, str_t key, str_t value);

/* How to commit, restore, dump the stores of an operator that has other ones than store_t. */
typedef struct op_stores {
    void (*commit)(op_t *o, size_t which, int32_t partition, op_change_fn change, void *env);
    st_t (*restore)(op_t *o, size_t which, int32_t partition, str_t key, str_t value, err_t *err);
    void (*dump)(op_t *o, size_t which, int32_t partition, op_change_fn change, void *env);
    size_t (*bytes)(op_t *o, size_t which, int32_t partition);
} op_stores_t;

typedef struct op_class {
    size_t size;
    /* Makes the state; its step, next and n_partitions are set. */
    st_t (*init)(op_t *o, err_t *err);
    void (*push)(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n);
    /* End of the turn's records for this partition: lets out what was held back. */
    void (*flush)(op_t *o, int32_t partition);
    void (*done)(op_t *o);
    /* Pushes what it holds to its next as if it had just come: for pull queries. NULL: it holds no
     * result. */
    void (*scan)(op_t *o, int32_t partition, const str_t *key);
    /* Its stores a partition and their names. They are store_t's in op->store, unless stores_of
     * says otherwise. */
    size_t n_stores;
    const char *store_name[2];
    const op_stores_t *stores_of;
} op_class_t;

struct op {
    const op_class_t *class;
    const plan_step_t *step;
    exec_t *x;
    op_t *next;
    int next_port;
    int32_t n_partitions;
    size_t stage;
    store_t **store; /* [partition * n_stores + which]; made by the operator */
    size_t first_store;
};

typedef VEC(exec_record_t) exec_records_t;

struct exec {
    const plan_t *plan;
    exec_options_t opt;
    exec_sink_t sink;
    arena_t arena;     /* the turn's */
    arena_t life;      /* the query's */
    VEC(op_t *) ops;   /* downstream before upstream */
    VEC(op_t *) input; /* sources and exchanges, as they feed stages */
    size_t n_stages, n_stores;
    int64_t wall_ms;
    uint64_t records_in, records_out, n_failed;
    bool (*scan)(void *env, const exec_row_t *r); /* not NULL: the sink's rows go there */
    void *scan_env;
    bool scanned; /* scan wants no more rows */
    err_t err;
};

#define OP_FNS(name) extern const op_class_t op_##name

OP_FNS(source);
OP_FNS(filter);
OP_FNS(select);
OP_FNS(flat_map);
OP_FNS(exchange);
OP_FNS(aggregate);
OP_FNS(table_aggregate);
OP_FNS(stream_stream_join);
OP_FNS(stream_table_join);
OP_FNS(table_table_join);
OP_FNS(sink);
OP_FNS(result);

static inline void op_push(op_t *o, int32_t partition, const exec_record_t *r, size_t n)
{
    if (n)
        o->next->class->push(o->next, o->next_port, partition, r, n);
}

static inline data_value_t *op_row(op_t *o, size_t n)
{
    return arena_alloc(&o->x->arena, n * sizeof(data_value_t));
}
/* A join's row: its key, the left columns, the right ones; a side that is NULL has null columns. */
data_value_t *op_joined(op_t *o, const data_value_t *key, const data_value_t *left,
                        const data_value_t *right);

/* An expression over a row; a failure is reported and gives null. */
data_value_t op_eval(op_t *o, expr_t *e, const data_value_t *row);
void op_failed(op_t *o, const char *what);
void op_failed_record(op_t *o, const exec_failure_t *f);

/* The canonical bytes of a row's first n values, for stores: equal keys, equal bytes. One STRING is
 * its own bytes. Lives in the turn's arena (or in the row). */
str_t op_key(op_t *o, const data_value_t *row, size_t n);

/* What sources and exchanges hand to their stage, partition by partition. */
exec_records_t *op_source_queue(op_t *o, int32_t partition);
exec_records_t *op_exchange_queue(op_t *o, int32_t partition);
void op_source_feed(op_t *o, int32_t partition, const exec_input_t *r, size_t n);

store_t *op_store(const op_t *o, int32_t partition);
/* Calls entry for each of the partition's entries, or the ones with this store key in any window.
 */
void op_scan_store(op_t *o, int32_t partition, const str_t *key,
                   void (*entry)(op_t *o, int32_t partition, const store_entry_t *e));

#endif
