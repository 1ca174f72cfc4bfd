/* Joins with tables: a stream's rows look up a table; two tables' changes meet by key. The newest
 * row a key of each table is kept here. */
#include "sql/exec/op.h"

typedef struct op_table_join_state {
    op_t op;
    exec_records_t out;
} op_table_join_t;

enum { LEFT, RIGHT };

static st_t init(op_t *o, err_t *err)
{
    (void)err;
    for (int32_t p = 0; p < o->n_partitions; p++)
        for (size_t i = 0; i < o->class->n_stores; i++) {
            size_t side = o->class->n_stores == 2 ? i : RIGHT;
            o->store[(size_t)p * o->class->n_stores + i] = store_new(o->step->in[side]->schema.n);
        }
    return ST_OK;
}

static void done(op_t *o)
{
    VEC_DONE(&((op_table_join_t *)o)->out);
}

static store_entry_t *find(op_t *o, store_t *s, const exec_record_t *r)
{
    str_t key = op_key(o, r->row, o->step->schema.n_key);
    return store_get(store_window(s, r->window_start_ms, r->window_end_ms), key,
                     hash_bytes(key.ptr, key.len));
}

static void keep(op_t *o, store_t *s, const exec_record_t *r, size_t n_values)
{
    str_t key = op_key(o, r->row, o->step->schema.n_key);
    uint64_t hash = hash_bytes(key.ptr, key.len);
    store_window_t *w = store_window(s, r->window_start_ms, r->window_end_ms);
    if (r->flags & EXEC_DELETED) {
        store_entry_t *e = store_get(w, key, hash);
        if (e)
            store_delete(s, e);
        return;
    }
    bool made;
    store_entry_t *e = store_put(s, w, key, hash, &made);
    memcpy(e->slot, r->row, n_values * sizeof *e->slot);
    e->ts_ms = r->ts_ms;
}

/* A copy of the entry's row: the entry may change later in the turn. */
static const data_value_t *row_of(op_t *o, const store_entry_t *e, size_t n)
{
    return e ? memcpy(op_row(o, n), e->slot, n * sizeof(data_value_t)) : NULL;
}

static void stream_push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    op_table_join_t *j = (op_table_join_t *)o;
    store_t *table = op_store(o, partition);
    bool outer = o->step->join.kind == SQL_JOIN_LEFT;
    size_t nr = o->step->in[1]->schema.n;
    VEC_CLEAR(&j->out);
    for (size_t i = 0; i < n; i++) {
        if (port == RIGHT) {
            keep(o, table, &r[i], nr);
            continue;
        }
        bool null_key = false;
        for (size_t k = 0; k < o->step->schema.n_key; k++)
            null_key |= r[i].row[k].kind == DATA_NULL;
        if (r[i].flags & EXEC_DELETED || (null_key && !outer))
            continue;
        store_entry_t *e = null_key ? NULL : find(o, table, &r[i]);
        if (!e && !outer)
            continue;
        exec_record_t out = r[i];
        out.row = op_joined(o, r[i].row, r[i].row, row_of(o, e, nr));
        VEC_PUSH(&j->out, out);
    }
    op_push(o, partition, j->out.ptr, j->out.len);
}

/* Whether a row comes out for these two (either may be NULL). */
static bool pairs(sql_join_kind_t kind, const void *left, const void *right)
{
    switch (kind) {
    case SQL_JOIN_INNER:
        return left && right;
    case SQL_JOIN_LEFT:
        return left;
    case SQL_JOIN_RIGHT:
        return right;
    case SQL_JOIN_FULL:
        return left || right;
    }
    return false;
}

static void table_one(op_t *o, int side, int32_t partition, const exec_record_t *r)
{
    op_table_join_t *j = (op_table_join_t *)o;
    sql_join_kind_t kind = o->step->join.kind;
    store_t *mine = o->store[partition * 2 + side], *theirs = o->store[partition * 2 + !side];
    size_t n_mine = o->step->in[side]->schema.n, n_theirs = o->step->in[!side]->schema.n;
    store_entry_t *e = find(o, mine, r), *other = find(o, theirs, r);
    const data_value_t *before = row_of(o, e, n_mine);
    const data_value_t *now = r->flags & EXEC_DELETED ? NULL : r->row;
    const data_value_t *partner = row_of(o, other, n_theirs);
    int64_t ts = other && other->ts_ms > r->ts_ms ? other->ts_ms : r->ts_ms;
    keep(o, mine, r, n_mine);
    const data_value_t *l0 = side == LEFT ? before : partner, *r0 = side == LEFT ? partner : before;
    const data_value_t *l1 = side == LEFT ? now : partner, *r1 = side == LEFT ? partner : now;
    bool had = pairs(kind, l0, r0), has = pairs(kind, l1, r1);
    if (!had && !has)
        return;
    exec_record_t out = *r;
    out.ts_ms = ts;
    out.old = had ? op_joined(o, r->row, l0, r0) : NULL;
    out.flags &= ~(uint32_t)EXEC_DELETED;
    out.row = op_joined(o, r->row, l1, r1);
    if (!has)
        out.flags |= EXEC_DELETED;
    VEC_PUSH(&j->out, out);
}

static void table_push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    op_table_join_t *j = (op_table_join_t *)o;
    VEC_CLEAR(&j->out);
    for (size_t i = 0; i < n; i++)
        if (!(r[i].flags & EXEC_NO_KEY))
            table_one(o, port, partition, &r[i]);
    op_push(o, partition, j->out.ptr, j->out.len);
}

const op_class_t op_stream_table_join = {.size = sizeof(op_table_join_t),
                                         .init = init,
                                         .push = stream_push,
                                         .done = done,
                                         .n_stores = 1,
                                         .store_name = {"KafkaTopic_Right-Reduce"}};

const op_class_t op_table_table_join = {
    .size = sizeof(op_table_join_t),
    .init = init,
    .push = table_push,
    .done = done,
    .n_stores = 2,
    .store_name = {"KafkaTopic_Left-Reduce", "KafkaTopic_Right-Reduce"}};
