/* A query's FROM, WHERE, GROUP BY, PARTITION BY, HAVING and projection to steps. */
#include "sql/bind/query.h"

#define BAD(...) err_set(err, ST_BAD_STATEMENT, __VA_ARGS__)

plan_step_t *bind_step(bind_query_t *q, plan_kind_t kind, plan_step_t *in)
{
    plan_step_t *s = ARENA_NEW(q->arena, plan_step_t);
    s->kind = kind;
    s->id = q->plan->n_steps++;
    s->in[0] = in;
    if (in) {
        s->schema = in->schema;
        s->table = in->table;
        s->windowed = in->windowed;
    }
    return s;
}

bind_expr_t bind_over(bind_query_t *q, plan_schema_t schema, const char *clause)
{
    return (bind_expr_t){.arena = q->arena, .env = q->env, .schema = schema, .clause = clause};
}

sql_expr_t *bind_make_column(bind_query_t *q, str_t source, str_t name, sql_pos_t at)
{
    sql_expr_t *e = ARENA_NEW(q->arena, sql_expr_t);
    *e = (sql_expr_t){.kind = SQL_EXPR_COLUMN, .at = at, .source = source, .name = name};
    return e;
}

/* ---- sources --------------------------------------------------------------------------------- */

static size_t count_extra(const catalog_source_t *c)
{
    return 3 + (c->window.kind != SQL_WINDOW_NONE ? 2u : 0u) + c->n_headers;
}

/* The row of a source: key columns, value columns, ROWTIME, ROWPARTITION, ROWOFFSET, [WINDOWSTART,
 * WINDOWEND,] [header columns]. */
static plan_step_t *source_step(bind_query_t *q, const catalog_source_t *c, str_t alias,
                                size_t *ret_header_extra)
{
    plan_step_t *s = bind_step(q, PLAN_SOURCE, NULL);
    size_t nk = c->key.len, nv = c->value.len, nx = count_extra(c), n = 0;
    plan_column_t *col = ARENA_ARRAY(q->arena, plan_column_t, nk + nv + nx);
    plan_extra_t *extra = ARENA_ARRAY(q->arena, plan_extra_t, nx);
    for (size_t i = 0; i < nk; i++)
        col[n++] = (plan_column_t){alias, c->key.ptr[i].name, c->key.ptr[i].type};
    for (size_t i = 0; i < nv; i++)
        col[n++] = (plan_column_t){alias, c->value.ptr[i].name, c->value.ptr[i].type};
    static const struct {
        plan_pseudo_t kind;
        const char *name;
    } pseudo[] = {{PLAN_ROWTIME, "ROWTIME"},
                  {PLAN_ROWPARTITION, "ROWPARTITION"},
                  {PLAN_ROWOFFSET, "ROWOFFSET"},
                  {PLAN_WINDOWSTART, "WINDOWSTART"},
                  {PLAN_WINDOWEND, "WINDOWEND"}};
    size_t x = 0;
    for (; x < nx - c->n_headers; x++) {
        extra[x].kind = pseudo[x].kind;
        col[n++] =
            (plan_column_t){alias, str_of(pseudo[x].name), x == 1 ? &data_integer : &data_bigint};
    }
    *ret_header_extra = x;
    data_field_t *header_fields = ARENA_ARRAY(q->arena, data_field_t, 2);
    header_fields[0] = (data_field_t){STR("KEY"), &data_string};
    header_fields[1] = (data_field_t){STR("VALUE"), &data_bytes};
    for (size_t i = 0; i < c->n_headers; i++, x++) {
        const catalog_header_t *h = &c->header[i];
        extra[x] = (plan_extra_t){h->all ? PLAN_HEADERS : PLAN_HEADER, h->header};
        col[n++] = (plan_column_t){
            alias, h->name,
            h->all ? data_type_array(q->arena, data_type_struct(q->arena, header_fields, 2))
                   : &data_bytes};
    }
    s->schema = (plan_schema_t){col, n, nk};
    s->table = c->table;
    s->windowed = c->window.kind != SQL_WINDOW_NONE;
    s->source = (plan_source_t){.name = c->name,
                                .topic = c->topic,
                                .index = q->plan->n_sources,
                                .key_format = c->key_format,
                                .value_format = c->value_format,
                                .key = c->key,
                                .value = c->value,
                                .window = c->window,
                                .timestamp_column = -1,
                                .timestamp_format = c->timestamp_format,
                                .extra = extra,
                                .n_extra = nx,
                                .from_start = c->table};
    for (size_t i = 0; c->timestamp_column.len && i < nk + nv; i++)
        if (str_eq(col[i].name, c->timestamp_column))
            s->source.timestamp_column = (ptrdiff_t)i;
    return s;
}

static ST add_source(bind_query_t *q, const sql_source_t *from, err_t *err)
{
    const catalog_source_t *c = catalog_get(q->env->catalog, from->name);
    if (!c)
        return BAD("Line: %u, Col: %u: Source `" STR_FMT "` does not exist.\n" STR_FMT
                   " does not exist.",
                   from->at.line, from->at.column, STR_ARG(from->name), STR_ARG(from->name));
    for (size_t i = 0; i < q->sources.len; i++)
        if (q->sources.ptr[i].catalog == c)
            return BAD("Can not join '" STR_FMT "' to '" STR_FMT
                       "': self joins are not yet supported.",
                       STR_ARG(from->name), STR_ARG(from->name));
    size_t header_extra;
    plan_step_t *step = source_step(q, c, from->alias, &header_extra);
    VEC_PUSH(&q->sources, (bind_source_t){.catalog = c,
                                          .alias = from->alias,
                                          .step = step,
                                          .n_extra = step->source.n_extra,
                                          .header_extra = header_extra});
    q->plan->n_sources++;
    if (q->persistent && c->table && c->window.kind != SQL_WINDOW_NONE)
        return BAD("KSQL does not support persistent queries on windowed tables.");
    return ST_OK;
}

/* ---- filter, flat map ------------------------------------------------------------------------ */

st_t bind_add_filter(bind_query_t *q, const sql_expr_t *e, bool having, err_t *err)
{
    if (!e)
        return ST_OK;
    const sql_expr_t *agg = having ? NULL : bind_find(e, bind_is_aggregate);
    if (agg)
        return BAD("Aggregate functions can not be used in the WHERE clause: " STR_FMT,
                   STR_ARG(agg->name));
    plan_step_t *s = bind_step(q, PLAN_FILTER, q->top);
    bind_expr_t b = bind_over(q, q->top->schema, having ? "HAVING" : "WHERE");
    if (having) {
        b.replace = q->replace;
        b.replace_self = q;
    }
    TRY(bind_predicate(&b, e, &s->filter.predicate, err));
    s->filter.having = having;
    s->filter.text = sql_format_expr_text(q->arena, e);
    q->top->need_old = true;
    for (plan_step_t *in = q->top; in; in = in->in[0])
        in->need_old = true;
    q->top = s;
    return ST_OK;
}

bool bind_replace_table_function(void *self, const sql_expr_t *e, int32_t *ret)
{
    bind_query_t *q = self;
    for (size_t i = 0; i < q->table_fns.len; i++)
        if (q->table_fns.ptr[i].expr == e) {
            *ret = q->table_fns.ptr[i].column;
            return true;
        }
    return false;
}

static void collect_table_fn(void *self, const sql_expr_t *e)
{
    bind_query_t *q = self;
    if (bind_is_table_function(e))
        VEC_PUSH(&q->table_fns, (bind_table_fn_t){.expr = e});
}

static ST add_flat_map(bind_query_t *q, err_t *err)
{
    for (size_t i = 0; i < q->items.len; i++)
        bind_walk(q->items.ptr[i].expr, collect_table_fn, q);
    const sql_expr_t *bad =
        q->query->where ? bind_find(q->query->where, bind_is_table_function) : NULL;
    if (bad)
        return BAD("Table functions cannot be used in the WHERE clause: " STR_FMT,
                   STR_ARG(bad->name));
    size_t n = q->table_fns.len;
    if (!n)
        return ST_OK;
    if (q->top->table)
        return BAD("Table source is not supported with table functions");
    plan_step_t *s = bind_step(q, PLAN_FLAT_MAP, q->top);
    plan_column_t *col = ARENA_ARRAY(q->arena, plan_column_t, q->top->schema.n + n);
    memcpy(col, q->top->schema.col, q->top->schema.n * sizeof *col);
    sql_fn_resolved_t *calls = ARENA_ARRAY(q->arena, sql_fn_resolved_t, n);
    expr_t ***args = ARENA_ARRAY(q->arena, expr_t **, n);
    for (size_t i = 0; i < n; i++) {
        const sql_expr_t *e = q->table_fns.ptr[i].expr;
        sql_fn_arg_t *arg = ARENA_ARRAY(q->arena, sql_fn_arg_t, e->n_args + 1);
        args[i] = ARENA_ARRAY(q->arena, expr_t *, e->n_args + 1);
        for (size_t k = 0; k < e->n_args; k++) {
            bind_expr_t b = bind_over(q, q->top->schema, "SELECT");
            if (bind_find(e->arg[k], bind_is_table_function))
                return BAD("Table functions cannot be nested: " STR_FMT, STR_ARG(e->name));
            TRY(bind_program(&b, e->arg[k], &args[i][k], err));
            arg[k].type = args[i][k]->type;
        }
        TRY(sql_function_resolve(q->arena, e->name, SQL_FN_TABLE, arg, e->n_args, NULL, NULL,
                                 &calls[i], err));
        q->table_fns.ptr[i].column = (int32_t)(q->top->schema.n + i);
        col[q->top->schema.n + i] = (plan_column_t){
            STR_NONE, arena_printf(q->arena, "KSQL_SYNTH_%zu", i), calls[i].ret_type};
    }
    s->schema = (plan_schema_t){col, q->top->schema.n + n, q->top->schema.n_key};
    s->flat_map.call = calls;
    s->flat_map.arg = args;
    s->flat_map.n = n;
    s->flat_map.env = &q->env->functions;
    q->top = s;
    q->replace = bind_replace_table_function;
    return ST_OK;
}

/* ---- partition by, projection ---------------------------------------------------------------- */

static ST partition_keys(bind_query_t *q, err_t *err)
{
    const sql_exprs_t *by = &q->query->partition_by;
    q->key_kind = BIND_KEY_PARTITION;
    q->repartitioned = true;
    VEC_CLEAR(&q->keys);
    if (q->top->table)
        return BAD("PARTITION BY is only supported on streams: the source is a table");
    for (size_t i = 0; i < by->len; i++) {
        if (by->ptr[i]->kind == SQL_EXPR_NULL && by->len == 1)
            return ST_OK;
        const sql_expr_t *agg = bind_find(by->ptr[i], bind_is_aggregate);
        if (agg)
            return BAD("PARTITION BY does not support aggregate functions: " STR_FMT
                       " is an aggregate function.",
                       STR_ARG(agg->name));
        const sql_expr_t **same = ARENA_ARRAY(q->arena, const sql_expr_t *, 1);
        same[0] = by->ptr[i];
        VEC_PUSH(&q->keys, (bind_key_t){.same = same, .n_same = 1});
    }
    return ST_OK;
}

static ST bind_item(bind_query_t *q, const sql_expr_t *e, expr_t **ret, err_t *err)
{
    bind_expr_t b = bind_over(q, q->top->schema, "SELECT");
    b.replace = q->replace;
    b.replace_self = q;
    st_t st = bind_program(&b, e, ret, err);
    if (st == ST_OK || !err)
        return st;
    if (str_starts(str_of(err->msg), STR("Cast of ")))
        return err_wrap(err, st, "Invalid Select");
    return st;
}

static ST check_columns(bind_query_t *q, const plan_column_t *col, size_t n, size_t n_key,
                        err_t *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!col[i].type) {
            return BAD("Column `" STR_FMT "` has no type: CAST the NULL to one",
                       STR_ARG(col[i].name));
        }
        for (size_t k = 0; k < i; k++)
            if (str_eq(col[i].name, col[k].name)) {
                str_t t = data_type_text(q->arena, col[i].type);
                return BAD("Duplicate %s columns found in schema: `" STR_FMT "` " STR_FMT,
                           i < n_key ? "key" : "value", STR_ARG(col[i].name), STR_ARG(t));
            }
    }
    return ST_OK;
}

/* Key columns in the order of the keys, then the other items. */
static ST project_persistent(bind_query_t *q, err_t *err)
{
    size_t nk = q->keys.len, n = 0;
    plan_step_t *s = bind_step(q, PLAN_SELECT, q->top);
    plan_column_t *col = ARENA_ARRAY(q->arena, plan_column_t, nk + q->items.len + 1);
    expr_t **expr = ARENA_ARRAY(q->arena, expr_t *, nk + q->items.len + 1);
    size_t used_keys = 0;
    for (size_t k = 0; k < nk; k++)
        for (size_t i = 0; i < q->items.len; i++)
            if (q->items.ptr[i].key == (ptrdiff_t)k) {
                if (q->key_kind == BIND_KEY_JOIN) /* whichever side has it */
                    expr[n] = bind_column_program(q->arena, (int32_t)k, q->top->schema.col[k].type);
                else
                    TRY(bind_item(q, q->items.ptr[i].expr, &expr[n], err));
                col[n] = (plan_column_t){STR_NONE, q->items.ptr[i].name, expr[n]->type};
                n++;
                used_keys++;
            }
    for (size_t i = 0; i < q->items.len; i++)
        if (q->items.ptr[i].key < 0) {
            TRY(bind_item(q, q->items.ptr[i].expr, &expr[n], err));
            col[n] = (plan_column_t){STR_NONE, q->items.ptr[i].name, expr[n]->type};
            n++;
        }
    TRY(check_columns(q, col, n, used_keys, err));
    if (n == used_keys)
        return BAD("The projection contains no value columns.");
    s->schema = (plan_schema_t){col, n, used_keys};
    s->select.expr = expr;
    s->select.rekey = q->repartitioned;
    q->top = s;
    data_column_t *out = ARENA_ARRAY(q->arena, data_column_t, n + 1);
    for (size_t i = 0; i < n; i++)
        out[i] = (data_column_t){col[i].name, col[i].type};
    q->result->key = (data_columns_t){out, used_keys};
    q->result->value = (data_columns_t){out + used_keys, n - used_keys};
    return ST_OK;
}

static ST project_transient(bind_query_t *q, err_t *err)
{
    size_t n = q->items.len;
    plan_step_t *s = bind_step(q, PLAN_SELECT, q->top);
    plan_column_t *col = ARENA_ARRAY(q->arena, plan_column_t, n + 1);
    expr_t **expr = ARENA_ARRAY(q->arena, expr_t *, n + 1);
    data_column_t *out = ARENA_ARRAY(q->arena, data_column_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        TRY(bind_item(q, q->items.ptr[i].expr, &expr[i], err));
        const data_type_t *t = expr[i]->type ? expr[i]->type : &data_string;
        col[i] = (plan_column_t){STR_NONE, q->items.ptr[i].name, t};
        out[i] = (data_column_t){q->items.ptr[i].name, t};
    }
    s->schema = (plan_schema_t){col, n, n};
    s->select.expr = expr;
    plan_step_t *r = bind_step(q, PLAN_RESULT, s);
    q->plan->result = (data_columns_t){out, n};
    q->plan->has_limit = q->query->has_limit;
    q->plan->limit = q->query->limit;
    q->result->value = q->plan->result;
    q->top = r;
    return ST_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Rows keep their source's key. */
static void source_keys(bind_query_t *q)
{
    const plan_schema_t *s = &q->sources.ptr[0].step->schema;
    q->key_kind = BIND_KEY_SOURCE;
    for (size_t i = 0; i < s->n_key; i++) {
        const sql_expr_t **same = ARENA_ARRAY(q->arena, const sql_expr_t *, 1);
        same[0] = bind_make_column(q, q->sources.ptr[0].alias, s->col[i].name, q->query->at);
        VEC_PUSH(&q->keys, (bind_key_t){.same = same, .n_same = 1, .name = s->col[i].name});
    }
}

static const char *statement_name(const bind_query_t *q)
{
    if (!q->persistent)
        return "SELECT statement";
    return q->top->table || q->sink_table ? "CREATE TABLE AS SELECT statement"
                                          : "CREATE STREAM AS SELECT statement";
}

static ST check_clauses(bind_query_t *q, err_t *err)
{
    const sql_query_t *sql = q->query;
    if (sql->window.kind != SQL_WINDOW_NONE && !sql->group_by.len)
        return BAD("WINDOW clause requires a GROUP BY clause.");
    if (sql->having && !sql->group_by.len)
        return BAD("HAVING clause requires a GROUP BY clause");
    if (sql->emit == SQL_EMIT_FINAL && (!sql->group_by.len || sql->window.kind == SQL_WINDOW_NONE))
        return BAD("EMIT FINAL is only supported for windowed aggregations.");
    if (sql->group_by.len && sql->partition_by.len)
        return BAD("Only one of PARTITION BY and GROUP BY can be used.");
    for (size_t i = 0; i < sql->n_items && !sql->group_by.len; i++) {
        const sql_expr_t *agg = sql->item[i].kind == SQL_ITEM_EXPR
                                    ? bind_find(sql->item[i].expr, bind_is_aggregate)
                                    : NULL;
        if (!agg)
            continue;
        str_t t = sql_format_expr_text(q->arena, agg);
        return BAD("%s does not support aggregate function [" STR_FMT
                   "] without a GROUP BY clause.",
                   statement_name(q), STR_ARG(t));
    }
    for (size_t i = 0; i < q->sources.len; i++) {
        const catalog_source_t *c = q->sources.ptr[i].catalog;
        if (c->value_format.id == FORMAT_KAFKA && (sql->group_by.len || sql->n_joins))
            return BAD("Source(s) " STR_FMT
                       " are using the 'KAFKA' value format. This format does not yet support "
                       "%s.",
                       STR_ARG(c->name), sql->n_joins ? "JOIN" : "GROUP BY");
    }
    return ST_OK;
}

typedef struct qualifier_env {
    const bind_query_t *q;
    str_t unknown;
} qualifier_env_t;

static void note_qualifier(void *self, const sql_expr_t *e)
{
    qualifier_env_t *env = self;
    bool known = !e->source.len || e->kind != SQL_EXPR_COLUMN;
    for (size_t i = 0; i < env->q->sources.len; i++)
        known |= str_eq(env->q->sources.ptr[i].alias, e->source);
    if (!known)
        env->unknown = e->source;
}

static ST check_qualifiers(const bind_query_t *q, err_t *err)
{
    const sql_query_t *sql = q->query;
    qualifier_env_t env = {q, STR_NONE};
    for (size_t i = 0; i < sql->n_joins; i++)
        bind_walk(sql->join[i].on, note_qualifier, &env);
    for (size_t i = 0; i < sql->n_items; i++)
        bind_walk(sql->item[i].expr, note_qualifier, &env);
    bind_walk(sql->where, note_qualifier, &env);
    return env.unknown.ptr ? BAD("Failed to prepare statement: '" STR_FMT
                                 "' is not a valid stream/table name or alias.",
                                 STR_ARG(env.unknown))
                           : ST_OK;
}

static ST build(bind_query_t *q, err_t *err)
{
    const sql_query_t *sql = q->query;
    TRY(add_source(q, &sql->from, err));
    for (size_t i = 0; i < sql->n_joins; i++)
        TRY(add_source(q, &sql->join[i].source, err));
    q->result->first = q->sources.ptr[0].catalog;
    q->first_key_format = q->result->first->key_format;
    q->top = q->sources.ptr[0].step;
    TRY(check_clauses(q, err));
    TRY(check_qualifiers(q, err));
    if (sql->n_joins)
        TRY(bind_joins(q, err));
    else
        source_keys(q);
    q->scope = q->top->schema;
    TRY(bind_items(q, err));
    TRY(bind_add_filter(q, sql->where, false, err));
    TRY(add_flat_map(q, err));
    q->scope = q->top->schema;
    TRY(bind_add_aggregate(q, err));
    if (sql->partition_by.len)
        TRY(partition_keys(q, err));
    q->result->table = q->top->table;
    q->result->windowed = q->top->windowed;
    if (!q->window && q->top->windowed)
        q->result->window = q->sources.ptr[0].catalog->window;
    if (!q->persistent)
        return project_transient(q, err);
    if (!sql->group_by.len)
        TRY(bind_assign_keys(q, err));
    return project_persistent(q, err);
}

static void collect_sources(plan_step_t *s, plan_step_t **out)
{
    if (s->kind == PLAN_SOURCE)
        out[s->source.index] = s;
    for (int i = 0; i < 2; i++)
        if (s->in[i])
            collect_sources(s->in[i], out);
}

st_t bind_query(arena_t *a, const bind_env_t *env, const sql_query_t *query, bind_use_t use,
                str_t target, bind_result_t *ret, err_t *err)
{
    bind_result_t result = {.plan = ARENA_NEW(a, plan_t)};
    bind_query_t q = {.arena = a,
                      .env = env,
                      .query = query,
                      .target = target,
                      .persistent = use == BIND_PERSISTENT,
                      .plan = result.plan,
                      .result = &result};
    st_t st = build(&q, err);
    if (st == ST_OK) {
        result.plan->root = q.top;
        plan_step_t **sources = ARENA_ARRAY(a, plan_step_t *, result.plan->n_sources);
        collect_sources(q.top, sources);
        result.plan->source = sources;
        const catalog_source_t **cs = ARENA_ARRAY(a, const catalog_source_t *, q.sources.len);
        for (size_t i = 0; i < q.sources.len; i++)
            cs[i] = q.sources.ptr[i].catalog;
        result.source = cs;
        result.n_sources = q.sources.len;
        result.rekeyed = q.exchanged || q.repartitioned;
        result.joined = q.sources.len > 1;
        *ret = result;
    }
    VEC_DONE(&q.sources);
    VEC_DONE(&q.items);
    VEC_DONE(&q.keys);
    VEC_DONE(&q.aggs);
    VEC_DONE(&q.table_fns);
    return st;
}

st_t bind_add_sink(arena_t *a, bind_result_t *r, const bind_sink_t *sink, err_t *err)
{
    plan_step_t *s = ARENA_NEW(a, plan_step_t);
    plan_step_t *in = r->plan->root;
    s->kind = PLAN_SINK;
    s->id = r->plan->n_steps++;
    s->in[0] = in;
    s->schema = in->schema;
    s->table = in->table;
    s->windowed = in->windowed;
    s->sink.topic = sink->topic;
    s->sink.source = sink->name;
    s->sink.session = r->window.kind == SQL_WINDOW_SESSION;
    s->sink.key_format = sink->key_format;
    s->sink.value_format = sink->value_format;
    s->sink.key = r->key;
    s->sink.value = r->value;
    s->sink.timestamp_column = -1;
    s->sink.timestamp_format = sink->timestamp_format;
    if (sink->timestamp_column.len) {
        for (size_t i = 0; i < in->schema.n; i++)
            if (str_eq(in->schema.col[i].name, sink->timestamp_column))
                s->sink.timestamp_column = (ptrdiff_t)i;
        if (s->sink.timestamp_column < 0)
            return BAD("The TIMESTAMP column set in the WITH clause does not exist in the schema: "
                       "'" STR_FMT "'",
                       STR_ARG(sink->timestamp_column));
    }
    r->plan->root = s;
    return ST_OK;
}
