#include "sql/exec/op.h"

static const op_class_t *op_class_of(plan_kind_t kind)
{
    static const op_class_t *const classes[PLAN_KINDS] = {
        [PLAN_SOURCE] = &op_source,
        [PLAN_FILTER] = &op_filter,
        [PLAN_SELECT] = &op_select,
        [PLAN_FLAT_MAP] = &op_flat_map,
        [PLAN_EXCHANGE] = &op_exchange,
        [PLAN_AGGREGATE] = &op_aggregate,
        [PLAN_TABLE_AGGREGATE] = &op_table_aggregate,
        [PLAN_STREAM_STREAM_JOIN] = &op_stream_stream_join,
        [PLAN_STREAM_TABLE_JOIN] = &op_stream_table_join,
        [PLAN_TABLE_TABLE_JOIN] = &op_table_table_join,
        [PLAN_SINK] = &op_sink,
        [PLAN_RESULT] = &op_result,
    };
    return classes[kind];
}

void op_failed_record(op_t *o, const exec_failure_t *f)
{
    exec_t *x = o->x;
    x->n_failed++;
    if (x->sink.failed)
        x->sink.failed(x->sink.self, f);
}

void op_failed(op_t *o, const char *what)
{
    exec_failure_t f = {.what = what, .err = &o->x->err, .topic = STR("")};
    op_failed_record(o, &f);
}

data_value_t op_eval(op_t *o, expr_t *e, const data_value_t *row)
{
    expr_ctx_t ctx = {&o->x->arena, row, &o->x->err};
    bool failed = false;
    data_value_t v = expr_eval(e, &ctx, &failed);
    if (failed)
        op_failed(o, "expression");
    return v;
}

str_t op_key(op_t *o, const data_value_t *row, size_t n)
{
    if (n == 1 && row[0].kind == DATA_STRING)
        return data_str(row[0]);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < n; i++)
        data_encode(&b, row[i]);
    str_t s = arena_str(&o->x->arena, buf_str(&b));
    buf_done(&b);
    return s;
}

store_t *op_store(const op_t *o, int32_t partition)
{
    return o->store[partition];
}

/* ---- making ---------------------------------------------------------------------------------- */

static ST build(exec_t *x, const plan_step_t *step, op_t *next, int port, size_t stage,
                int32_t n_partitions, err_t *err)
{
    const op_class_t *class = op_class_of(step->kind);
    op_t *o = arena_zalloc(&x->life, class->size);
    *o = (op_t){.class = class,
                .step = step,
                .x = x,
                .next = next,
                .next_port = port,
                .stage = stage,
                .n_partitions = n_partitions,
                .first_store = x->n_stores};
    VEC_PUSH(&x->ops, o);
    if (class->n_stores && !class->stores_of) {
        o->store =
            arena_zalloc(&x->life, class->n_stores * (size_t)n_partitions * sizeof(store_t *));
    }
    x->n_stores += class->n_stores;
    if (class->init)
        TRY(class->init(o, err));
    if (step->kind == PLAN_SOURCE || step->kind == PLAN_EXCHANGE)
        VEC_PUSH(&x->input, o);
    if (step->kind == PLAN_EXCHANGE) {
        stage = x->n_stages++;
        n_partitions = x->opt.max_partitions;
    }
    for (int i = 0; i < 2; i++)
        if (step->in[i])
            TRY(build(x, step->in[i], o, i, stage, n_partitions, err));
    return ST_OK;
}

st_t exec_new(const plan_t *plan, const exec_options_t *opt, exec_sink_t sink, exec_t **ret,
              err_t *err)
{
    exec_t *x = mem_zalloc(sizeof *x);
    x->plan = plan;
    x->opt = *opt;
    x->sink = sink;
    arena_init(&x->arena, ARENA_NO_LIMIT);
    arena_init(&x->life, ARENA_NO_LIMIT);
    x->n_stages = 1;
    st_t st = build(x, plan->root, NULL, 0, 0, opt->max_partitions, err);
    if (st != ST_OK) {
        exec_free(x);
        return st;
    }
    *ret = x;
    return ST_OK;
}

void exec_free(exec_t *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->ops.len; i++) {
        op_t *o = x->ops.ptr[i];
        if (o->class->done)
            o->class->done(o);
        for (size_t k = 0; o->store && k < o->class->n_stores * (size_t)o->n_partitions; k++)
            store_free(o->store[k]);
    }
    VEC_DONE(&x->ops);
    VEC_DONE(&x->input);
    arena_done(&x->arena);
    arena_done(&x->life);
    free(x);
}

/* ---- a turn ---------------------------------------------------------------------------------- */

void exec_feed(exec_t *x, size_t source, int32_t partition, const exec_input_t *record, size_t n)
{
    for (size_t i = 0; i < x->input.len; i++) {
        op_t *o = x->input.ptr[i];
        if (o->step->kind == PLAN_SOURCE && o->step->source.index == source) {
            op_source_feed(o, partition, record, n);
            x->records_in += n;
            return;
        }
    }
    ASSERT(!"a source of the plan");
}

static exec_records_t *queue_of(op_t *o, int32_t partition)
{
    return o->step->kind == PLAN_SOURCE ? op_source_queue(o, partition)
                                        : op_exchange_queue(o, partition);
}

typedef struct merge_input {
    op_t *op;
    exec_records_t *queue;
    size_t at;
} merge_input_t;

/* Runs one partition of a stage: the input whose next record is oldest goes on, as far as it stays
 * the oldest. */
static void run_partition(exec_t *x, size_t stage, int32_t partition)
{
    merge_input_t in[64];
    size_t n = 0;
    for (size_t i = 0; i < x->input.len; i++) {
        op_t *o = x->input.ptr[i];
        if (o->stage != stage || partition >= o->n_partitions)
            continue;
        exec_records_t *q = queue_of(o, partition);
        ASSERT(n < sizeof in / sizeof *in);
        if (q->len)
            in[n++] = (merge_input_t){o, q, 0};
    }
    for (;;) {
        merge_input_t *first = NULL, *second = NULL;
        for (size_t i = 0; i < n; i++) {
            if (in[i].at == in[i].queue->len)
                continue;
            int64_t ts = in[i].queue->ptr[in[i].at].ts_ms;
            if (!first || ts < first->queue->ptr[first->at].ts_ms) {
                second = first;
                first = &in[i];
            } else if (!second || ts < second->queue->ptr[second->at].ts_ms) {
                second = &in[i];
            }
        }
        if (!first)
            break;
        int64_t until = second ? second->queue->ptr[second->at].ts_ms : INT64_MAX;
        size_t from = first->at, to = from + 1;
        while (to < first->queue->len && to - from < 256 && first->queue->ptr[to].ts_ms <= until)
            to++;
        first->at = to;
        const exec_record_t *r = first->queue->ptr + from;
        if (first->op->step->kind == PLAN_SOURCE && first->op->step->table)
            op_source.push(first->op, 0, partition, r, to - from);
        else
            op_push(first->op, partition, r, to - from);
    }
    for (size_t i = 0; i < n; i++)
        VEC_CLEAR(in[i].queue);
}

void exec_turn(exec_t *x, int64_t wall_ms)
{
    x->wall_ms = wall_ms;
    for (size_t stage = x->n_stages; stage-- > 0;) {
        for (int32_t p = 0; p < x->opt.max_partitions; p++)
            run_partition(x, stage, p);
        /* ops are kept downstream first: from the back, each lets out what its own inputs gave it
         */
        for (size_t i = x->ops.len; i-- > 0;) {
            op_t *o = x->ops.ptr[i];
            for (int32_t p = 0; o->stage == stage && o->class->flush && p < o->n_partitions; p++)
                o->class->flush(o, p);
        }
    }
}

typedef struct change_env {
    void (*change)(void *env, size_t store, int32_t partition, str_t key, str_t value);
    void *env;
    size_t store;
    int32_t partition;
} change_env_t;

static void on_change(void *env, str_t key, str_t value)
{
    change_env_t *c = env;
    c->change(c->env, c->store, c->partition, key, value);
}

void exec_commit(exec_t *x,
                 void (*change)(void *env, size_t store, int32_t partition, str_t key, str_t value),
                 void *env)
{
    for (size_t i = 0; i < x->ops.len; i++) {
        op_t *o = x->ops.ptr[i];
        for (int32_t p = 0; p < o->n_partitions; p++)
            for (size_t k = 0; k < o->class->n_stores; k++) {
                change_env_t c = {change, env, o->first_store + k, p};
                op_change_fn fn = change ? on_change : NULL;
                if (o->class->stores_of)
                    o->class->stores_of->commit(o, k, p, fn, &c);
                else
                    store_commit(o->store[(size_t)p * o->class->n_stores + k], fn, &c);
            }
    }
    arena_reset(&x->arena);
}

/* ---- stores ---------------------------------------------------------------------------------- */

size_t exec_n_stores(const exec_t *x)
{
    return x->n_stores;
}

static op_t *store_owner(const exec_t *x, size_t store)
{
    for (size_t i = 0; i < x->ops.len; i++) {
        op_t *o = x->ops.ptr[i];
        if (store >= o->first_store && store < o->first_store + o->class->n_stores)
            return o;
    }
    ASSERT(!"a store of the query");
    return NULL;
}

str_t exec_store_name(const exec_t *x, size_t store)
{
    const op_t *o = store_owner(x, store);
    return str_of(o->class->store_name[store - o->first_store]);
}

int64_t exec_store_retention_ms(const exec_t *x, size_t store)
{
    const plan_step_t *s = store_owner(x, store)->step;
    if (s->kind == PLAN_STREAM_STREAM_JOIN)
        return s->join.before_ms + s->join.after_ms + s->join.grace_ms;
    if (s->kind == PLAN_AGGREGATE && s->aggregate.window.kind != SQL_WINDOW_NONE)
        return s->aggregate.window.retention_ms;
    return -1;
}

int32_t exec_store_partitions(const exec_t *x, size_t store)
{
    return store_owner(x, store)->n_partitions;
}

static void put_types(buf_t *b, const plan_schema_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        data_type_put(b, s->col[i].type);
        BUF_LIT(b, ";");
    }
}

static void put_aggregates(buf_t *b, const plan_step_t *s)
{
    const plan_window_t *w = &s->aggregate.window;
    buf_printf(b, "%d %lld %lld:", (int)w->kind, (long long)w->size_ms, (long long)w->advance_ms);
    for (size_t i = 0; i < s->aggregate.n_aggs; i++) {
        const plan_aggregate_t *g = &s->aggregate.agg[i];
        buf_printf(b, "%s(", g->fn->name);
        for (size_t k = 0; k < g->n_args; k++)
            data_type_put(b, g->call.arg_type[k]);
        buf_printf(b, ")%zu;", g->slot);
    }
}

uint32_t exec_store_shape(const exec_t *x, size_t store)
{
    const op_t *o = store_owner(x, store);
    const plan_step_t *s = o->step;
    buf_t b = BUF_INIT;
    buf_put_str(&b, exec_store_name(x, store));
    BUF_LIT(&b, " ");
    if (s->kind == PLAN_SOURCE) {
        put_types(&b, &s->schema, s->schema.n);
    } else if (s->kind == PLAN_AGGREGATE || s->kind == PLAN_TABLE_AGGREGATE) {
        put_types(&b, &s->schema, s->schema.n_key);
        put_aggregates(&b, s);
    } else { /* a join's side; one store alone is the right side's */
        const plan_schema_t *side =
            &s->in[o->class->n_stores == 1 || store > o->first_store]->schema;
        put_types(&b, side, side->n);
    }
    uint32_t shape = hash_crc32c(0, b.ptr, b.len);
    buf_done(&b);
    return shape;
}

static store_t *store_at(const op_t *o, size_t which, int32_t partition)
{
    ASSERT(partition >= 0 && partition < o->n_partitions);
    return o->store[(size_t)partition * o->class->n_stores + which];
}

st_t exec_restore(exec_t *x, size_t store, int32_t partition, str_t key, str_t value, err_t *err)
{
    op_t *o = store_owner(x, store);
    size_t which = store - o->first_store;
    if (o->class->stores_of)
        return o->class->stores_of->restore(o, which, partition, key, value, err);
    return store_restore(store_at(o, which, partition), key, value, err);
}

void exec_dump(exec_t *x,
               void (*change)(void *env, size_t store, int32_t partition, str_t key, str_t value),
               void *env)
{
    for (size_t s = 0; s < x->n_stores; s++) {
        op_t *o = store_owner(x, s);
        size_t which = s - o->first_store;
        for (int32_t p = 0; p < o->n_partitions; p++) {
            change_env_t c = {change, env, s, p};
            if (o->class->stores_of)
                o->class->stores_of->dump(o, which, p, on_change, &c);
            else
                store_dump(store_at(o, which, p), on_change, &c);
        }
    }
}

exec_stats_t exec_stats(const exec_t *x)
{
    exec_stats_t st = {x->records_in, x->records_out, x->n_failed, 0};
    for (size_t s = 0; s < x->n_stores; s++) {
        op_t *o = store_owner(x, s);
        size_t which = s - o->first_store;
        for (int32_t p = 0; p < o->n_partitions; p++)
            st.state_bytes += o->class->stores_of ? o->class->stores_of->bytes(o, which, p)
                                                  : store_bytes(store_at(o, which, p));
    }
    return st;
}

/* ---- pull queries ---------------------------------------------------------------------------- */

/* The topmost operator that holds rows; everything behind it must be stateless. */
static op_t *holder(const exec_t *x)
{
    for (size_t i = 0; i < x->ops.len; i++) {
        op_t *o = x->ops.ptr[i];
        if (o->class->scan && (o->step->kind != PLAN_SOURCE || o->step->table))
            return o;
        if (o->class->n_stores || o->step->kind == PLAN_EXCHANGE)
            return NULL;
    }
    return NULL;
}

bool exec_can_scan(const exec_t *x)
{
    return holder(x) != NULL;
}

data_value_t *op_joined(op_t *o, const data_value_t *key, const data_value_t *left,
                        const data_value_t *right)
{
    size_t nk = o->step->schema.n_key, nl = o->step->in[0]->schema.n, nr = o->step->in[1]->schema.n;
    data_value_t *row = op_row(o, nk + nl + nr);
    memcpy(row, key, nk * sizeof *row);
    if (left)
        memcpy(row + nk, left, nl * sizeof *row);
    else
        memset(row + nk, 0, nl * sizeof *row);
    if (right)
        memcpy(row + nk + nl, right, nr * sizeof *row);
    else
        memset(row + nk + nl, 0, nr * sizeof *row);
    return row;
}

void op_scan_store(op_t *o, int32_t partition, const str_t *key,
                   void (*entry)(op_t *o, int32_t partition, const store_entry_t *e))
{
    store_t *s = op_store(o, partition);
    for (size_t i = 0; i < store_n_windows(s) && !o->x->scanned; i++) {
        store_window_t *w = store_window_at(s, i);
        if (key) {
            const store_entry_t *e = store_get(w, *key, hash_bytes(key->ptr, key->len));
            if (e)
                entry(o, partition, e);
            continue;
        }
        for (size_t k = 0; k < w->n_order && !o->x->scanned; k++)
            if (w->order[k])
                entry(o, partition, w->order[k]);
    }
}

void exec_scan(exec_t *x, const data_value_t *key, bool (*row)(void *env, const exec_row_t *r),
               void *env)
{
    op_t *o = holder(x);
    ASSERT(o);
    x->scan = row;
    x->scan_env = env;
    x->scanned = false;
    str_t bytes = key ? op_key(o, key, o->step->schema.n_key) : STR_NONE;
    for (int32_t p = 0; p < o->n_partitions && !x->scanned; p++)
        o->class->scan(o, p, key ? &bytes : NULL);
    x->scan = NULL;
    arena_reset(&x->arena);
}
