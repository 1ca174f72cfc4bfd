/* SESSION windows: a record joins all sessions of its key within the gap into one; each one joined
 * goes away. */
#include "sql/exec/op_aggregate.h"

/* Takes the functions' states of `older` into e. */
static void absorb(op_t *o, store_entry_t *e, const store_entry_t *older)
{
    const plan_step_t *s = o->step;
    op_aggregate_t *a = (op_aggregate_t *)o;
    size_t nk = s->schema.n_key;
    for (size_t i = 0; i < s->aggregate.n_aggs; i++) {
        const plan_aggregate_t *g = &s->aggregate.agg[i];
        data_value_t tmp[16];
        ASSERT(g->fn->agg->n_slots <= 16);
        memcpy(tmp, older->slot + nk + g->slot, g->fn->agg->n_slots * sizeof *tmp);
        if (g->fn->agg->merge(&a->call[i], tmp, e->slot + nk + g->slot, &o->x->err) != ST_OK)
            op_failed(o, g->fn->name);
        memcpy(e->slot + nk + g->slot, tmp, g->fn->agg->n_slots * sizeof *tmp);
    }
}

static void gone(op_t *o, const store_entry_t *e)
{
    op_aggregate_t *a = (op_aggregate_t *)o;
    VEC_PUSH(&a->out,
             (exec_record_t){.row = agg_result(o, e, e->window->start_ms, e->window->end_ms),
                             .ts_ms = e->ts_ms,
                             .window_start_ms = e->window->start_ms,
                             .window_end_ms = e->window->end_ms,
                             .flags = EXEC_DELETED});
}

void agg_session(op_t *o, agg_part_t *p, store_t *store, const exec_record_t *r, str_t key,
                 uint64_t hash)
{
    const plan_window_t *w = &o->step->aggregate.window;
    if (r->ts_ms > p->stream_time_ms)
        p->stream_time_ms = r->ts_ms;
    int64_t start = r->ts_ms, end = r->ts_ms;
    VEC(store_entry_t *) found = {0};
    for (size_t i = 0; i < store_n_windows(store); i++) {
        store_window_t *win = store_window_at(store, i);
        store_entry_t *e;
        if (win->start_ms > r->ts_ms + w->size_ms || win->end_ms < r->ts_ms - w->size_ms ||
            !(e = store_get(win, key, hash)))
            continue;
        VEC_PUSH(&found, e);
        start = win->start_ms < start ? win->start_ms : start;
        end = win->end_ms > end ? win->end_ms : end;
    }
    if (end < p->stream_time_ms - w->grace_ms - w->size_ms) {
        p->late++;
        VEC_DONE(&found);
        return;
    }
    bool final = o->step->aggregate.final, made;
    bool same = found.len == 1 && found.ptr[0]->window->start_ms == start &&
                found.ptr[0]->window->end_ms == end;
    store_entry_t *e;
    if (same) {
        e = found.ptr[0];
        agg_remember_old(o, e);
        store_touch(store, e);
    } else {
        e = store_put(store, store_window(store, start, end), key, hash, &made);
        agg_begin(o, e, r->row);
        for (size_t i = 0; i < found.len; i++) {
            if (found.ptr[i] != e)
                absorb(o, e, found.ptr[i]);
            if (!final)
                gone(o, found.ptr[i]);
            store_delete(store, found.ptr[i]);
        }
    }
    for (size_t i = 0; i < found.len; i++)
        if (found.ptr[i]->ts_ms > e->ts_ms)
            e->ts_ms = found.ptr[i]->ts_ms;
    agg_add(o, e, r, false);
    if (r->ts_ms > e->ts_ms)
        e->ts_ms = r->ts_ms;
    if (!final)
        agg_emit(o, e);
    VEC_DONE(&found);
}
