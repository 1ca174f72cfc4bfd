/* GROUP BY: the row before, the aggregation, HAVING. */
#include "sql/bind/query.h"

#define BAD(...) err_set(err, ST_BAD_STATEMENT, __VA_ARGS__)

static bool replace_aggregate(void *self, const sql_expr_t *e, int32_t *ret)
{
    bind_query_t *q = self;
    if (q->window && e->kind == SQL_EXPR_COLUMN && bind_is_window_bound(e->name)) {
        *ret = (int32_t)q->keys.len + (str_eq(e->name, STR("WINDOWEND")) ? 1 : 0);
        return true;
    }
    for (size_t i = 0; i < q->keys.len; i++)
        if (bind_same(&q->scope, e, q->keys.ptr[i].same[0])) {
            *ret = (int32_t)i;
            return true;
        }
    for (size_t i = 0; i < q->aggs.len; i++)
        if (bind_same(&q->scope, e, q->aggs.ptr[i].expr)) {
            *ret = (int32_t)(q->keys.len + (q->window ? 2 : 0) + i);
            return true;
        }
    return false;
}

static void collect_agg(void *self, const sql_expr_t *e)
{
    bind_query_t *q = self;
    if (!bind_is_aggregate(e))
        return;
    for (size_t i = 0; i < q->aggs.len; i++)
        if (bind_same(&q->scope, e, q->aggs.ptr[i].expr))
            return;
    VEC_PUSH(&q->aggs, (bind_agg_t){.expr = e});
}

/* The first column in e that is neither in an aggregate nor (part of) a grouping expression; NULL:
 * none. */
static const sql_expr_t *loose(const bind_query_t *q, const sql_expr_t *e)
{
    if (bind_is_aggregate(e))
        return NULL;
    for (size_t i = 0; i < q->keys.len; i++)
        if (bind_same(&q->scope, e, q->keys.ptr[i].same[0]))
            return NULL;
    if (e->kind == SQL_EXPR_COLUMN)
        return (q->window && bind_is_window_bound(e->name)) || e->unit != SQL_UNIT_NONE ? NULL : e;
    for (size_t i = 0; i < e->n_args; i++) {
        const sql_expr_t *c = loose(q, e->arg[i]);
        if (c)
            return c;
    }
    return NULL;
}

static bool is_bound(const sql_expr_t *e)
{
    return e->kind == SQL_EXPR_COLUMN && bind_is_window_bound(e->name);
}

/* A window has bounds only behind the aggregation. */
static ST check_bounds(bind_query_t *q, const sql_expr_t *e, err_t *err)
{
    const sql_expr_t *c = q->window && !q->top->windowed ? bind_find(e, is_bound) : NULL;
    return c ? BAD("Window bounds column " STR_FMT " can only be used in the SELECT clause of "
                   "windowed aggregations and can not be passed to "
                   "aggregate functions.",
                   STR_ARG(c->name))
             : ST_OK;
}

static ST check_grouped(bind_query_t *q, err_t *err)
{
    buf_t m = BUF_INIT;
    size_t n = 0;
    for (size_t i = 0; i < q->items.len; i++)
        if (loose(q, q->items.ptr[i].expr)) {
            str_t t = sql_format_expr_text(q->arena, q->items.ptr[i].expr);
            buf_printf(&m, "%s" STR_FMT, n++ ? ", " : "", STR_ARG(t));
        }
    st_t st = ST_OK;
    if (n)
        st = BAD("Non-aggregate SELECT expression(s) not part of GROUP BY: " STR_FMT
                 "\nEither add the column(s) to the GROUP BY or remove them from the SELECT.",
                 STR_ARG(buf_str(&m)));
    buf_done(&m);
    const sql_expr_t *column = st == ST_OK && q->query->having ? loose(q, q->query->having) : NULL;
    if (column) {
        str_t t = sql_format_expr_text(q->arena, column);
        return BAD("Non-aggregate HAVING expression not part of GROUP BY: " STR_FMT, STR_ARG(t));
    }
    return st;
}

/* Without GRACE PERIOD: a day less the window, but none where only final results come out. */
static int64_t grace_of(const sql_window_t *w, sql_emit_t emit)
{
    if (w->grace.unit != SQL_UNIT_NONE)
        return w->grace.ms;
    if (emit == SQL_EMIT_FINAL)
        return 0;
    int64_t day = INT64_C(86400000);
    return day > w->size.ms ? day - w->size.ms : 0;
}

static ST window_of(const sql_window_t *w, sql_emit_t emit, plan_window_t *ret, err_t *err)
{
    if (w->kind == SQL_WINDOW_NONE)
        return ST_OK;
    if (w->size.ms <= 0 ||
        (w->kind == SQL_WINDOW_HOPPING && (w->advance.ms <= 0 || w->advance.ms > w->size.ms)))
        return BAD(
            "A window's size and advance must be more than 0, and the advance at most the size");
    *ret = (plan_window_t){.kind = w->kind,
                           .size_ms = w->size.ms,
                           .advance_ms = w->kind == SQL_WINDOW_HOPPING ? w->advance.ms : w->size.ms,
                           .grace_ms = grace_of(w, emit)};
    ret->retention_ms =
        w->retention.unit != SQL_UNIT_NONE ? w->retention.ms : ret->size_ms + ret->grace_ms;
    if (ret->retention_ms < ret->size_ms + ret->grace_ms)
        return BAD(
            "The retention period of a window must be at least its size plus its grace period.");
    return ST_OK;
}

/* An aggregate's arguments become columns of the row before it. */
static ST bind_agg(bind_query_t *q, bind_agg_t *g, plan_schema_t in, err_t *err)
{
    const sql_expr_t *e = g->expr;
    sql_fn_arg_t *arg = ARENA_ARRAY(q->arena, sql_fn_arg_t, e->n_args + 2);
    size_t n = e->star ? 1 : e->n_args;
    g->arg = ARENA_ARRAY(q->arena, expr_t *, n + 1);
    for (size_t i = 0; i < e->n_args; i++) {
        const sql_expr_t *nested = bind_find(e->arg[i], bind_is_aggregate);
        if (nested)
            return BAD("Aggregate functions can not be nested: " STR_FMT "(" STR_FMT "())",
                       STR_ARG(e->name), STR_ARG(nested->name));
        bind_expr_t b = bind_over(q, in, "SELECT");
        b.replace = q->table_fns.len ? bind_replace_table_function : NULL;
        b.replace_self = q;
        TRY(bind_program(&b, e->arg[i], &g->arg[i], err));
        arg[i].type = g->arg[i]->type;
    }
    if (e->star) { /* COUNT(*) counts rows: of a column that is never null */
        expr_builder_t *eb = expr_builder_new(q->arena);
        g->arg[0] = expr_build(eb, expr_reg(eb, data_of_bool(true)), &data_boolean);
        arg[0].type = &data_boolean;
    }
    g->n_args = n;
    TRY(sql_function_resolve(q->arena, e->name, SQL_FN_AGGREGATE, arg, n, NULL, NULL, &g->call,
                             err));
    for (size_t i = 0; i < n; i++) { /* what the function expects */
        const data_type_t *want = g->call.arg_type[i];
        if (!want || !g->arg[i]->type || data_type_eq(want, g->arg[i]->type) || e->star)
            continue;
        bind_expr_t b = bind_over(q, in, "SELECT");
        b.replace = q->table_fns.len ? bind_replace_table_function : NULL;
        b.replace_self = q;
        b.builder = expr_builder_new(q->arena);
        bind_value_t v;
        TRY(bind_expr(&b, e->arg[i], &v, err));
        TRY(bind_coerce(&b, v, want, &v, err));
        g->arg[i] = expr_build(b.builder, v.operand, v.type);
    }
    return ST_OK;
}

/* The row before the aggregation: grouping expressions, then all arguments. */
static ST add_group_select(bind_query_t *q, err_t *err)
{
    size_t n = q->keys.len;
    for (size_t i = 0; i < q->aggs.len; i++)
        n += q->aggs.ptr[i].n_args;
    plan_step_t *s = bind_step(q, PLAN_SELECT, q->top);
    plan_column_t *col = ARENA_ARRAY(q->arena, plan_column_t, n + 1);
    expr_t **expr = ARENA_ARRAY(q->arena, expr_t *, n + 1);
    size_t at = 0;
    for (size_t i = 0; i < q->keys.len; i++, at++) {
        bind_expr_t b = bind_over(q, q->top->schema, "GROUP BY");
        b.replace = q->table_fns.len ? bind_replace_table_function : NULL;
        b.replace_self = q;
        TRY(bind_program(&b, q->keys.ptr[i].same[0], &expr[at], err));
        if (!expr[at]->type)
            return BAD("GROUP BY needs an expression that has a type");
        col[at] = (plan_column_t){STR_NONE, q->keys.ptr[i].name, expr[at]->type};
    }
    for (size_t i = 0; i < q->aggs.len; i++)
        for (size_t k = 0; k < q->aggs.ptr[i].n_args; k++, at++) {
            expr[at] = q->aggs.ptr[i].arg[k];
            col[at] = (plan_column_t){STR_NONE, arena_printf(q->arena, "KSQL_INTERNAL_COL_%zu", at),
                                      expr[at]->type};
        }
    s->schema = (plan_schema_t){col, n, q->keys.len};
    s->select.expr = expr;
    s->select.rekey = true;
    s->select.drop_null_key = true;
    s->select.is_table_group = q->top->table;
    if (q->top->table)
        for (plan_step_t *in = q->top; in; in = in->in[0])
            in->need_old = true;
    q->top = s;
    return ST_OK;
}

static bool groups_by_key(const bind_query_t *q, const plan_schema_t *in)
{
    if (q->keys.len != in->n_key)
        return false;
    for (size_t i = 0; i < q->keys.len; i++) {
        int32_t c;
        const sql_expr_t *e = q->keys.ptr[i].same[0];
        if (e->kind != SQL_EXPR_COLUMN || bind_column(in, e, "", &c, NULL) != ST_OK ||
            c != (int32_t)i)
            return false;
    }
    return true;
}

/* How the keys of a repartition are written: as the source's, or what can carry them. */
static plan_format_t exchange_format(const plan_schema_t *s, const plan_format_t *source)
{
    plan_format_t f = *source;
    f.schema_id = 0;
    f.wrap = s->n_key > 1;
    if (f.id == FORMAT_NONE)
        f = (plan_format_t){.id = FORMAT_KAFKA, .wrap = f.wrap};
    data_column_t key[16];
    for (size_t i = 0; i < s->n_key && i < 16; i++)
        key[i] = (data_column_t){s->col[i].name, s->col[i].type};
    if (s->n_key > 16 || format_check(f.id, (data_columns_t){key, s->n_key}, true, NULL) != ST_OK)
        f = (plan_format_t){.id = FORMAT_JSON, .wrap = f.wrap};
    return f;
}

void bind_add_exchange(bind_query_t *q, plan_step_t **top, const char *name,
                       const plan_format_t *key_format)
{
    plan_step_t *s = bind_step(q, PLAN_EXCHANGE, *top);
    s->exchange.key_format = exchange_format(&s->schema, key_format);
    s->exchange.topic = str_of(name);
    q->exchanged = true;
    *top = s;
}

/* GROUP BY's expressions become the keys. */
static ST group_keys(bind_query_t *q, err_t *err)
{
    const sql_query_t *sql = q->query;
    q->key_kind = BIND_KEY_GROUP;
    VEC_CLEAR(&q->keys);
    for (size_t i = 0; i < sql->group_by.len; i++) {
        sql_expr_t *e = sql->group_by.ptr[i];
        const sql_expr_t *agg = bind_find(e, bind_is_aggregate);
        if (agg)
            return BAD("GROUP BY does not support aggregate functions: " STR_FMT
                       " is an aggregate function.",
                       STR_ARG(agg->name));
        const sql_expr_t **same = ARENA_ARRAY(q->arena, const sql_expr_t *, 1);
        same[0] = e;
        VEC_PUSH(&q->keys, (bind_key_t){.same = same,
                                        .n_same = 1,
                                        .name = arena_printf(q->arena, "KSQL_COL_%zu", i)});
    }
    return ST_OK;
}

/* A table's rows change: what was added must be taken back. */
static ST refuse_no_undo(bind_query_t *q, err_t *err)
{
    buf_t m = BUF_INIT;
    size_t n = 0, total = 0;
    for (size_t i = 0; i < q->aggs.len; i++)
        total += !q->aggs.ptr[i].call.fn->agg->undo;
    for (size_t i = 0; i < q->aggs.len; i++)
        if (!q->aggs.ptr[i].call.fn->agg->undo) {
            n++;
            buf_printf(&m, "%s" STR_FMT,
                       n == 1       ? ""
                       : n == total ? " and "
                                    : ", ",
                       STR_ARG(q->aggs.ptr[i].expr->name));
        }
    st_t st = BAD("The aggregation function%s " STR_FMT
                  " cannot be applied to a table source, only to a stream source.",
                  total > 1 ? "s" : "", STR_ARG(buf_str(&m)));
    buf_done(&m);
    return st;
}

/* The calls of aggregate functions in SELECT and HAVING. */
static ST bind_aggs(bind_query_t *q, plan_schema_t in, err_t *err)
{
    for (size_t i = 0; i < q->items.len; i++)
        bind_walk(q->items.ptr[i].expr, collect_agg, q);
    bind_walk(q->query->having, collect_agg, q);
    if (!q->aggs.len)
        return BAD("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.");
    TRY(window_of(&q->query->window, q->query->emit, &q->result->window, err));
    q->window = q->query->window.kind != SQL_WINDOW_NONE;
    for (size_t i = 0; i < q->keys.len; i++)
        TRY(check_bounds(q, q->keys.ptr[i].same[0], err));
    TRY(check_grouped(q, err));
    if (q->window && q->top->table)
        return BAD("WINDOW clause is only supported for streams, not tables.");
    for (size_t i = 0; i < q->aggs.len; i++) {
        TRY(check_bounds(q, q->aggs.ptr[i].expr, err));
        TRY(bind_agg(q, &q->aggs.ptr[i], in, err));
        if (q->top->table && !q->aggs.ptr[i].call.fn->agg->undo)
            q->no_undo = true;
    }
    return q->no_undo ? refuse_no_undo(q, err) : ST_OK;
}

/* Its columns: keys, the window's bounds, what the aggregates give. */
static void add_step(bind_query_t *q, bool table, bool windowed)
{
    plan_step_t *s = bind_step(q, table ? PLAN_TABLE_AGGREGATE : PLAN_AGGREGATE, q->top);
    size_t n = q->keys.len, at = n;
    plan_column_t *col = ARENA_ARRAY(q->arena, plan_column_t, n + 2 + q->aggs.len);
    memcpy(col, q->top->schema.col, n * sizeof *col);
    if (q->window) {
        col[at++] = (plan_column_t){STR_NONE, STR("WINDOWSTART"), &data_bigint};
        col[at++] = (plan_column_t){STR_NONE, STR("WINDOWEND"), &data_bigint};
    }
    plan_aggregate_t *agg = ARENA_ARRAY(q->arena, plan_aggregate_t, q->aggs.len);
    size_t slot = 0;
    int32_t arg_at = (int32_t)n;
    for (size_t i = 0; i < q->aggs.len; i++) {
        bind_agg_t *g = &q->aggs.ptr[i];
        int32_t *args = ARENA_ARRAY(q->arena, int32_t, g->n_args + 1);
        for (size_t k = 0; k < g->n_args; k++)
            args[k] = arg_at++;
        agg[i] = (plan_aggregate_t){g->call.fn, g->call, args, g->n_args, slot};
        slot += g->call.fn->agg->n_slots;
        col[at++] = (plan_column_t){STR_NONE, arena_printf(q->arena, "KSQL_AGG_VARIABLE_%zu", i),
                                    g->call.ret_type};
    }
    s->schema = (plan_schema_t){col, at, n};
    s->table = true;
    s->windowed = windowed;
    s->aggregate.agg = agg;
    s->aggregate.n_aggs = q->aggs.len;
    s->aggregate.n_slots = slot;
    s->aggregate.window = q->result->window;
    s->aggregate.final = q->query->emit == SQL_EMIT_FINAL;
    q->top = s;
}

st_t bind_add_aggregate(bind_query_t *q, err_t *err)
{
    if (!q->query->group_by.len)
        return ST_OK;
    plan_schema_t in = q->top->schema;
    TRY(group_keys(q, err));
    bool same_key = !q->top->table && groups_by_key(q, &in);
    TRY(bind_aggs(q, in, err));
    q->replace = replace_aggregate;
    if (q->persistent)
        TRY(bind_assign_keys(q, err));
    bool table = q->top->table, was_windowed = q->top->windowed;
    TRY(add_group_select(q, err));
    if (!same_key)
        bind_add_exchange(q, &q->top, "Aggregate-GroupBy-repartition", &q->first_key_format);
    add_step(q, table, q->window || (was_windowed && same_key));
    q->result->aggregated = true;
    return bind_add_filter(q, q->query->having, true, err);
}
