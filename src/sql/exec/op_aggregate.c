/* GROUP BY over a stream: without a window, in TUMBLING or HOPPING ones, in SESSIONs (op_session.c
 * has those).
 *
 * With the cache on, updates of one key in one turn are merged: each key that was touched lets out
 * one row at flush, in the order of first touch. EMIT FINAL lets out nothing before a window is
 * closed.
 */
#include "sql/exec/op_aggregate.h"

void agg_add(op_t *o, store_entry_t *e, const exec_record_t *r, bool undo)
{
    const plan_step_t *s = o->step;
    op_aggregate_t *a = (op_aggregate_t *)o;
    data_value_t *slots = e->slot + s->schema.n_key;
    for (size_t i = 0; i < s->aggregate.n_aggs; i++) {
        const plan_aggregate_t *g = &s->aggregate.agg[i];
        data_value_t args[16];
        ASSERT(g->n_args <= 16);
        for (size_t k = 0; k < g->n_args; k++)
            args[k] = r->row[g->arg[k]];
        const sql_agg_class_t *class = g->fn->agg;
        st_t (*step)(sql_fn_call_t *, data_value_t *, const data_value_t *, err_t *) =
            undo ? class->undo : class->add;
        ASSERT(step);
        if (step(&a->call[i], slots + g->slot, args, &o->x->err) != ST_OK)
            op_failed(o, g->fn->name);
    }
}

void agg_begin(op_t *o, store_entry_t *e, const data_value_t *key)
{
    const plan_step_t *s = o->step;
    op_aggregate_t *a = (op_aggregate_t *)o;
    for (size_t i = 0; i < s->schema.n_key; i++)
        e->slot[i] = key[i];
    for (size_t i = 0; i < s->aggregate.n_aggs; i++) {
        const plan_aggregate_t *g = &s->aggregate.agg[i];
        if (g->fn->agg->init &&
            g->fn->agg->init(&a->call[i], e->slot + s->schema.n_key + g->slot, &o->x->err) != ST_OK)
            op_failed(o, g->fn->name);
    }
}

data_value_t *agg_result(op_t *o, const store_entry_t *e, int64_t start_ms, int64_t end_ms)
{
    const plan_step_t *s = o->step;
    op_aggregate_t *a = (op_aggregate_t *)o;
    data_value_t *row = op_row(o, s->schema.n);
    size_t at = s->schema.n_key;
    memcpy(row, e->slot, at * sizeof *row);
    if (s->windowed) {
        row[at++] = data_of_i64(start_ms);
        row[at++] = data_of_i64(end_ms);
    }
    const data_value_t *slots = e->slot + s->schema.n_key;
    for (size_t i = 0; i < s->aggregate.n_aggs; i++, at++) {
        const plan_aggregate_t *g = &s->aggregate.agg[i];
        row[at] = slots[g->slot];
        if (g->fn->agg->result &&
            g->fn->agg->result(&a->call[i], slots + g->slot, &row[at], &o->x->err) != ST_OK) {
            row[at] = DATA_NULL_VALUE;
            op_failed(o, g->fn->name);
        }
    }
    return row;
}

void agg_emit(op_t *o, const store_entry_t *e)
{
    op_aggregate_t *a = (op_aggregate_t *)o;
    exec_record_t r = {.row = agg_result(o, e, e->window->start_ms, e->window->end_ms),
                       .old = e->old,
                       .ts_ms = e->ts_ms,
                       .window_start_ms = e->window->start_ms,
                       .window_end_ms = e->window->end_ms};
    VEC_PUSH(&a->out, r);
}

void agg_remember_old(op_t *o, store_entry_t *e)
{
    if (!o->step->need_old)
        return;
    data_value_t *row = agg_result(o, e, e->window->start_ms, e->window->end_ms);
    e->old = row; /* S1: what the slots pointed to before this turn stays until its end */
}

static void update(op_t *o, store_t *store, int64_t start_ms, int64_t end_ms,
                   const exec_record_t *r, str_t key, uint64_t hash)
{
    store_window_t *w = store_window(store, start_ms, end_ms);
    store_entry_t *e = store_get(w, key, hash);
    if (!e) {
        bool made;
        e = store_put(store, w, key, hash, &made);
        agg_begin(o, e, r->row);
    } else {
        if (!e->touched || !o->x->opt.cache)
            agg_remember_old(o, e);
        store_touch(store, e);
    }
    agg_add(o, e, r, false);
    if (r->ts_ms > e->ts_ms)
        e->ts_ms = r->ts_ms;
    if (!o->x->opt.cache && !o->step->aggregate.final)
        agg_emit(o, e);
}

static void windows(op_t *o, agg_part_t *p, store_t *store, const exec_record_t *r, str_t key,
                    uint64_t hash)
{
    const plan_window_t *w = &o->step->aggregate.window;
    if (r->ts_ms > p->stream_time_ms)
        p->stream_time_ms = r->ts_ms;
    int64_t first = r->ts_ms - w->size_ms + w->advance_ms;
    first = first < 0 ? 0 : first / w->advance_ms * w->advance_ms;
    for (int64_t start = first; start <= r->ts_ms; start += w->advance_ms) {
        if (start + w->size_ms > p->stream_time_ms - w->grace_ms)
            update(o, store, start, start + w->size_ms, r, key, hash);
        else
            p->late++;
    }
}

/* What ends here or before can be reached by no record any more. */
static int64_t closed_ms(const plan_window_t *w, int64_t stream_time_ms)
{
    return stream_time_ms - w->grace_ms - (w->kind == SQL_WINDOW_SESSION ? w->size_ms : 0);
}

/* After a restart: the newest time is the newest of what is kept, and what is closed by then has
 * been let out. */
static void recall(op_t *o, agg_part_t *p, store_t *store)
{
    const plan_window_t *w = &o->step->aggregate.window;
    if (w->kind == SQL_WINDOW_NONE || p->stream_time_ms != INT64_MIN ||
        store_max_ts(store) == INT64_MIN)
        return;
    p->stream_time_ms = store_max_ts(store);
    for (size_t i = 0; o->step->aggregate.final && i < store_n_windows(store); i++) {
        store_window_t *win = store_window_at(store, i);
        win->closed = win->end_ms <= closed_ms(w, p->stream_time_ms);
    }
}

/* Lets out the results of the windows that no record can reach any more, oldest first. */
static void close_windows(op_t *o, agg_part_t *p, store_t *store)
{
    const plan_window_t *w = &o->step->aggregate.window;
    for (size_t i = 0; i < store_n_windows(store); i++) {
        store_window_t *win = store_window_at(store, i);
        if (win->closed || win->end_ms > closed_ms(w, p->stream_time_ms))
            continue;
        win->closed = true;
        for (size_t k = 0; k < win->n_order; k++)
            if (win->order[k] && !win->order[k]->deleted)
                agg_emit(o, win->order[k]);
    }
}

static void send(op_t *o, int32_t partition)
{
    op_aggregate_t *a = (op_aggregate_t *)o;
    op_push(o, partition, a->out.ptr, a->out.len);
    VEC_CLEAR(&a->out);
}

static void push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    op_aggregate_t *a = (op_aggregate_t *)o;
    agg_part_t *p = &a->part[partition];
    store_t *store = op_store(o, partition);
    size_t nk = o->step->schema.n_key;
    sql_window_kind_t kind = o->step->aggregate.window.kind;
    recall(o, p, store);
    for (size_t i = 0; i < n; i++) {
        str_t key = op_key(o, r[i].row, nk);
        uint64_t hash = hash_bytes(key.ptr, key.len);
        if (kind == SQL_WINDOW_NONE)
            update(o, store, 0, 0, &r[i], key, hash);
        else if (kind == SQL_WINDOW_SESSION)
            agg_session(o, p, store, &r[i], key, hash);
        else
            windows(o, p, store, &r[i], key, hash);
        if (o->step->aggregate.final)
            close_windows(o, p, store);
    }
    send(o, partition);
}

static void flush(op_t *o, int32_t partition)
{
    op_aggregate_t *a = (op_aggregate_t *)o;
    store_t *store = op_store(o, partition);
    const plan_window_t *w = &o->step->aggregate.window;
    if (o->x->opt.cache && !o->step->aggregate.final && w->kind != SQL_WINDOW_SESSION) {
        for (size_t i = 0; i < store_n_dirty(store); i++)
            if (!store_dirty(store, i)->deleted)
                agg_emit(o, store_dirty(store, i));
        send(o, partition);
    }
    int64_t now = a->part[partition].stream_time_ms;
    if (w->kind != SQL_WINDOW_NONE && now > INT64_MIN + w->retention_ms)
        store_expire(store, now - w->retention_ms);
}

st_t agg_init(op_t *o, err_t *err)
{
    (void)err;
    op_aggregate_t *a = (op_aggregate_t *)o;
    const plan_step_t *s = o->step;
    arena_t *life = &o->x->life;
    for (int32_t p = 0; p < o->n_partitions; p++)
        o->store[p] = store_new(s->schema.n_key + s->aggregate.n_slots);
    a->part = ARENA_ARRAY(life, agg_part_t, o->n_partitions);
    for (int32_t p = 0; p < o->n_partitions; p++)
        a->part[p].stream_time_ms = INT64_MIN;
    size_t n = s->aggregate.n_aggs;
    a->call = ARENA_ARRAY(life, sql_fn_call_t, n + 1);
    a->state = ARENA_ARRAY(life, void *, n + 1);
    a->state_free = (void (**)(void *))arena_zalloc(life, (n + 1) * sizeof(void *));
    for (size_t i = 0; i < n; i++) {
        const plan_aggregate_t *g = &s->aggregate.agg[i];
        a->call[i] = (sql_fn_call_t){.arena = &o->x->arena,
                                     .arg_type = g->call.arg_type,
                                     .n_args = g->n_args,
                                     .ret_type = g->call.ret_type,
                                     .state = &a->state[i],
                                     .state_free = &a->state_free[i]};
    }
    return ST_OK;
}

void agg_done(op_t *o)
{
    op_aggregate_t *a = (op_aggregate_t *)o;
    for (size_t i = 0; a->state && i < o->step->aggregate.n_aggs; i++)
        if (a->state[i] && a->state_free[i])
            a->state_free[i](a->state[i]);
    VEC_DONE(&a->out);
}

static void scan_entry(op_t *o, int32_t partition, const store_entry_t *e)
{
    op_aggregate_t *a = (op_aggregate_t *)o;
    agg_emit(o, e);
    op_push(o, partition, a->out.ptr, a->out.len);
    VEC_CLEAR(&a->out);
}

void agg_scan(op_t *o, int32_t partition, const str_t *key)
{
    op_scan_store(o, partition, key, scan_entry);
}

const op_class_t op_aggregate = {.size = sizeof(op_aggregate_t),
                                 .init = agg_init,
                                 .push = push,
                                 .flush = flush,
                                 .done = agg_done,
                                 .scan = agg_scan,
                                 .n_stores = 1,
                                 .store_name = {"Aggregate-Aggregate-Materialize"}};
