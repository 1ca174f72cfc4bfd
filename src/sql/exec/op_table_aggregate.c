/* GROUP BY over a table: a row that left its group is undone, one that came is added. */
#include "sql/exec/op_aggregate.h"

static void push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    op_aggregate_t *a = (op_aggregate_t *)o;
    store_t *store = op_store(o, partition);
    store_window_t *w = store_window(store, 0, 0);
    for (size_t i = 0; i < n; i++) {
        str_t key = op_key(o, r[i].row, o->step->schema.n_key);
        uint64_t hash = hash_bytes(key.ptr, key.len);
        store_entry_t *e = store_get(w, key, hash);
        bool made = !e;
        if (made) {
            e = store_put(store, w, key, hash, &made);
            agg_begin(o, e, r[i].row);
        } else {
            if (!e->touched || !o->x->opt.cache)
                agg_remember_old(o, e);
            store_touch(store, e);
        }
        exec_record_t before = r[i];
        before.row = r[i].flags & EXEC_UNDO ? r[i].row : r[i].old;
        if (before.row)
            agg_add(o, e, &before, true);
        if (!(r[i].flags & EXEC_UNDO))
            agg_add(o, e, &r[i], false);
        if (r[i].ts_ms > e->ts_ms)
            e->ts_ms = r[i].ts_ms;
        if (!o->x->opt.cache)
            agg_emit(o, e);
    }
    op_push(o, partition, a->out.ptr, a->out.len);
    VEC_CLEAR(&a->out);
}

static void flush(op_t *o, int32_t partition)
{
    op_aggregate_t *a = (op_aggregate_t *)o;
    store_t *store = op_store(o, partition);
    if (!o->x->opt.cache)
        return;
    for (size_t i = 0; i < store_n_dirty(store); i++)
        agg_emit(o, store_dirty(store, i));
    op_push(o, partition, a->out.ptr, a->out.len);
    VEC_CLEAR(&a->out);
}

const op_class_t op_table_aggregate = {.size = sizeof(op_aggregate_t),
                                       .init = agg_init,
                                       .push = push,
                                       .flush = flush,
                                       .done = agg_done,
                                       .scan = agg_scan,
                                       .n_stores = 1,
                                       .store_name = {"Aggregate-Aggregate-Materialize"}};
