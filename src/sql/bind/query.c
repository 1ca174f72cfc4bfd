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

/* ---- walking expressions --------------------------------------------------------------------- */

void bind_walk(const sql_expr_t *e, void (*visit)(void *self, const sql_expr_t *e), void *self)
{
    if (!e)
        return;
    visit(self, e);
    for (size_t i = 0; i < e->n_args; i++)
        bind_walk(e->arg[i], visit, self);
}

static bool is_aggregate(const sql_expr_t *e)
{
    return e->kind == SQL_EXPR_CALL && sql_function_exists(e->name, SQL_FN_AGGREGATE);
}

static bool is_table_function(const sql_expr_t *e)
{
    return e->kind == SQL_EXPR_CALL && sql_function_exists(e->name, SQL_FN_TABLE);
}

typedef struct find_env {
    bool (*test)(const sql_expr_t *e);
    const sql_expr_t *found;
} find_env_t;

static void find_visit(void *self, const sql_expr_t *e)
{
    find_env_t *f = self;
    if (!f->found && f->test(e))
        f->found = e;
}

static const sql_expr_t *find_in(const sql_expr_t *e, bool (*test)(const sql_expr_t *e))
{
    find_env_t f = {test, NULL};
    bind_walk(e, find_visit, &f);
    return f.found;
}

/* ---- projection items ------------------------------------------------------------------------ */

static bool is_pseudo(str_t name)
{
    return str_eq(name, STR("ROWTIME")) || str_eq(name, STR("ROWPARTITION")) ||
           str_eq(name, STR("ROWOFFSET"));
}

static bool is_window_bound(str_t name)
{
    return str_eq(name, STR("WINDOWSTART")) || str_eq(name, STR("WINDOWEND"));
}

static void add_item(bind_query_t *q, const sql_expr_t *e, str_t name, bool named)
{
    VEC_PUSH(&q->items, (bind_item_t){.expr = e, .name = name, .named = named});
}

/* True when more than one source has a column of this name. */
static bool ambiguous(const bind_query_t *q, str_t name)
{
    size_t n = 0;
    for (size_t i = 0; i < q->sources.len; i++) {
        const plan_schema_t *s = &q->sources.ptr[i].step->schema;
        for (size_t k = 0; k < s->n; k++)
            n += str_eq(s->col[k].name, name);
    }
    return n > 1;
}

static bool name_taken(const bind_query_t *q, str_t name)
{
    for (size_t i = 0; i < q->items.len; i++)
        if (str_eq(q->items.ptr[i].name, name))
            return true;
    return false;
}

static bool source_has(const bind_query_t *q, str_t name)
{
    for (size_t i = 0; i < q->sources.len; i++)
        for (size_t k = 0; k < q->sources.ptr[i].step->schema.n; k++)
            if (str_eq(q->sources.ptr[i].step->schema.col[k].name, name))
                return true;
    return false;
}

/* KSQL_COL_0, KSQL_COL_1, …: the first number that is free in the sources and the projection. */
static str_t generated_name(bind_query_t *q)
{
    for (;;) {
        str_t name = arena_printf(q->arena, "KSQL_COL_%zu", q->n_generated++);
        if (!name_taken(q, name) && !source_has(q, name))
            return name;
    }
}

/* NAME, NAME_1, NAME_2: for fields of structs. */
static str_t field_name(bind_query_t *q, str_t field)
{
    str_t name = field;
    for (int i = 1; name_taken(q, name) || source_has(q, name); i++)
        name = arena_printf(q->arena, STR_FMT "_%d", STR_ARG(field), i);
    return name;
}

static void expand_source(bind_query_t *q, const bind_source_t *s, bool prefix, sql_pos_t at)
{
    const plan_schema_t *schema = &s->step->schema;
    size_t own = schema->n - s->n_extra;
    bool bounds = s->catalog->window.kind != SQL_WINDOW_NONE && !q->persistent;
    for (size_t i = 0; i < own + s->catalog->n_headers; i++) {
        size_t k = i < own ? i : own + s->header_extra + (i - own);
        if (i == schema->n_key && bounds) {
            add_item(q, bind_make_column(q, s->alias, STR("WINDOWSTART"), at), STR("WINDOWSTART"),
                     true);
            add_item(q, bind_make_column(q, s->alias, STR("WINDOWEND"), at), STR("WINDOWEND"),
                     true);
        }
        str_t name = schema->col[k].name;
        str_t shown =
            prefix ? arena_printf(q->arena, STR_FMT "_" STR_FMT, STR_ARG(s->alias), STR_ARG(name))
                   : name;
        add_item(q, bind_make_column(q, s->alias, name, at), shown, true);
    }
}

static ST expand_struct(bind_query_t *q, const sql_item_t *item, err_t *err)
{
    bind_expr_t b = bind_over(q, q->scope, "SELECT");
    expr_t *p;
    TRY(bind_program(&b, item->expr, &p, err));
    if (!p->type || p->type->kind != DATA_STRUCT) {
        str_t t = data_type_text(q->arena, p->type);
        return BAD("Can't expand " STR_FMT ": it is not a STRUCT", STR_ARG(t));
    }
    for (size_t i = 0; i < p->type->n_fields; i++) {
        sql_expr_t *e = ARENA_NEW(q->arena, sql_expr_t);
        sql_expr_t **arg = ARENA_ARRAY(q->arena, sql_expr_t *, 1);
        arg[0] = item->expr;
        *e = (sql_expr_t){.kind = SQL_EXPR_DEREF,
                          .at = item->at,
                          .name = p->type->field[i].name,
                          .arg = arg,
                          .n_args = 1};
        add_item(q, e, e->name, true);
    }
    return ST_OK;
}

static ST expand_star(bind_query_t *q, const sql_item_t *item, err_t *err)
{
    bool found = false;
    if (item->kind == SQL_ITEM_STAR && q->synthetic_key)
        add_item(q, bind_make_column(q, STR_NONE, q->scope.col[0].name, item->at),
                 q->scope.col[0].name, true);
    for (size_t i = 0; i < q->sources.len; i++) {
        const bind_source_t *s = &q->sources.ptr[i];
        if (item->kind == SQL_ITEM_SOURCE_STAR && !str_eq(s->alias, item->source))
            continue;
        found = true;
        expand_source(q, s, q->sources.len > 1, item->at);
    }
    if (!found)
        return BAD("'" STR_FMT "' is not a valid stream/table name or alias.",
                   STR_ARG(item->source));
    return ST_OK;
}

static str_t natural_name(bind_query_t *q, const sql_expr_t *e)
{
    if (e->kind == SQL_EXPR_COLUMN)
        return q->sources.len > 1 && e->source.len && ambiguous(q, e->name)
                   ? arena_printf(q->arena, STR_FMT "_" STR_FMT, STR_ARG(e->source),
                                  STR_ARG(e->name))
                   : e->name;
    if (e->kind == SQL_EXPR_DEREF)
        return field_name(q, e->name);
    return STR_NONE;
}

static ST expand_items(bind_query_t *q, err_t *err)
{
    for (size_t i = 0; i < q->query->n_items; i++) {
        const sql_item_t *item = &q->query->item[i];
        if (item->kind == SQL_ITEM_STRUCT_STAR) {
            TRY(expand_struct(q, item, err));
        } else if (item->kind != SQL_ITEM_EXPR) {
            TRY(expand_star(q, item, err));
        } else {
            str_t name = item->alias.len ? item->alias : natural_name(q, item->expr);
            if (q->persistent && (is_pseudo(name) || is_window_bound(name)) &&
                !(q->insert_into && is_pseudo(name)))
                return BAD("Reserved column name in select: `" STR_FMT
                           "`. Please remove or alias the column.",
                           STR_ARG(name));
            add_item(q, item->expr, name, item->alias.len > 0);
        }
    }
    for (size_t i = 0; i < q->items.len; i++)
        if (!q->items.ptr[i].name.len)
            q->items.ptr[i].name = generated_name(q);
    return ST_OK;
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

/* ---- keys ------------------------------------------------------------------------------------ */

/* Which key column an item of the projection stands for, or -1. */
static ptrdiff_t key_of(const bind_query_t *q, const sql_expr_t *e)
{
    for (size_t i = 0; i < q->keys.len; i++) {
        const bind_key_t *k = &q->keys.ptr[i];
        for (size_t j = 0; j < k->n_same; j++)
            if (bind_same(&q->scope, e, k->same[j]))
                return (ptrdiff_t)i;
    }
    return -1;
}

static str_t key_text(const bind_query_t *q, const bind_key_t *k)
{
    const sql_expr_t *e = k->same[0];
    if (e->kind == SQL_EXPR_COLUMN && q->sources.len == 1)
        return e->name;
    return sql_format_expr_text(q->arena, e);
}

static ST missing_keys(bind_query_t *q, const bool *found, err_t *err)
{
    static const char *const what[][2] = {
        [BIND_KEY_SOURCE] = {"key column", "key columns"},
        [BIND_KEY_JOIN] = {"join expression", "join expressions"},
        [BIND_KEY_GROUP] = {"grouping expression", "grouping expressions"},
        [BIND_KEY_PARTITION] = {"partitioning expression", "partitioning expressions"},
    };
    buf_t m = BUF_INIT, eg = BUF_INIT;
    size_t n = q->keys.len;
    (void)found;
    for (size_t i = 0; i < n; i++) {
        str_t t = key_text(q, &q->keys.ptr[i]);
        buf_printf(&m, "%s" STR_FMT, !i ? "" : i + 1 == n ? " and " : ", ", STR_ARG(t));
        buf_printf(&eg, "%s" STR_FMT, !i ? "" : ", ", STR_ARG(t));
    }
    st_t st = BAD("Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS.\nThe "
                  "query used to build `" STR_FMT "` must include the %s " STR_FMT
                  " in its projection (eg, SELECT " STR_FMT "...).%s",
                  STR_ARG(q->target), what[q->key_kind][n > 1], STR_ARG(buf_str(&m)),
                  STR_ARG(buf_str(&eg)),
                  q->synthetic_key
                      ? "\nROWKEY was added as a synthetic key column because the join criteria "
                        "did not match any source column. This expression must be included in the "
                        "projection and may be aliased."
                      : "");
    buf_done(&m);
    buf_done(&eg);
    return st;
}

/* Marks each item that is a key column. */
static ST assign_keys(bind_query_t *q, err_t *err)
{
    bool *found = ARENA_ARRAY(q->arena, bool, q->keys.len + 1);
    size_t *by = ARENA_ARRAY(q->arena, size_t, q->keys.len + 1);
    bool all = true;
    for (size_t i = 0; i < q->items.len; i++) {
        bind_item_t *item = &q->items.ptr[i];
        ptrdiff_t k = key_of(q, item->expr);
        item->key = -1;
        if (k < 0)
            continue;
        if (found[k] && q->key_kind == BIND_KEY_JOIN)
            continue; /* the other side's column: a value */
        if (found[k] && q->key_kind != BIND_KEY_GROUP)
            return BAD("The projection contains a key column (`" STR_FMT
                       "`) more than once, aliased as: " STR_FMT " and " STR_FMT
                       ".\nEach key column must only be in the projection once. If you intended to "
                       "copy the "
                       "key into the value, then consider using the AS_VALUE function to indicate "
                       "which key "
                       "reference should be copied.",
                       STR_ARG(key_text(q, &q->keys.ptr[k])), STR_ARG(q->items.ptr[by[k]].name),
                       STR_ARG(item->name));
        if (found[k])
            return BAD("The projection contains a key column more than once: `" STR_FMT
                       "` and `" STR_FMT "`.\nEach key column must only be in the projection once. "
                                         "If you intended to copy the "
                       "key into the value, then consider using the AS_VALUE function to indicate "
                       "which key "
                       "reference should be copied.",
                       STR_ARG(q->items.ptr[by[k]].name), STR_ARG(item->name));
        found[k] = true;
        by[k] = i;
        item->key = k;
        q->keys.ptr[k].name = item->name;
    }
    for (size_t k = 0; k < q->keys.len; k++)
        all = all && (found[k] || q->keys.ptr[k].optional);
    return all ? ST_OK : missing_keys(q, found, err);
}

/* ---- filter, flat map ------------------------------------------------------------------------ */

static ST add_filter(bind_query_t *q, const sql_expr_t *e, bool having, err_t *err)
{
    if (!e)
        return ST_OK;
    const sql_expr_t *agg = having ? NULL : find_in(e, is_aggregate);
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

static bool replace_table_function(void *self, const sql_expr_t *e, int32_t *ret)
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
    if (is_table_function(e))
        VEC_PUSH(&q->table_fns, (bind_table_fn_t){.expr = e});
}

static ST add_flat_map(bind_query_t *q, err_t *err)
{
    for (size_t i = 0; i < q->items.len; i++)
        bind_walk(q->items.ptr[i].expr, collect_table_fn, q);
    const sql_expr_t *bad = q->query->where ? find_in(q->query->where, is_table_function) : NULL;
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
            if (find_in(e->arg[k], is_table_function))
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
    q->replace = replace_table_function;
    return ST_OK;
}

/* ---- aggregation ----------------------------------------------------------------------------- */

static bool replace_aggregate(void *self, const sql_expr_t *e, int32_t *ret)
{
    bind_query_t *q = self;
    if (q->window && e->kind == SQL_EXPR_COLUMN && is_window_bound(e->name)) {
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
    if (!is_aggregate(e))
        return;
    for (size_t i = 0; i < q->aggs.len; i++)
        if (bind_same(&q->scope, e, q->aggs.ptr[i].expr))
            return;
    VEC_PUSH(&q->aggs, (bind_agg_t){.expr = e});
}

/* Whether e has a column that is neither in an aggregate nor (part of) a grouping expression. */
static bool loose(const bind_query_t *q, const sql_expr_t *e)
{
    if (is_aggregate(e))
        return false;
    for (size_t i = 0; i < q->keys.len; i++)
        if (bind_same(&q->scope, e, q->keys.ptr[i].same[0]))
            return false;
    if (e->kind == SQL_EXPR_COLUMN)
        return !(q->window && is_window_bound(e->name)) && e->unit == SQL_UNIT_NONE;
    for (size_t i = 0; i < e->n_args; i++)
        if (loose(q, e->arg[i]))
            return true;
    return false;
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
    if (st == ST_OK && q->query->having && loose(q, q->query->having)) {
        str_t t = sql_format_expr_text(q->arena, q->query->having);
        return BAD("Non-aggregate HAVING expression not part of GROUP BY: " STR_FMT, STR_ARG(t));
    }
    return st;
}

static int64_t grace_of(const sql_window_t *w)
{
    if (w->grace.unit != SQL_UNIT_NONE)
        return w->grace.ms;
    int64_t day = INT64_C(86400000);
    return day > w->size.ms ? day - w->size.ms : 0;
}

static ST window_of(const sql_window_t *w, plan_window_t *ret, err_t *err)
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
                           .grace_ms = grace_of(w)};
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
        const sql_expr_t *nested = find_in(e->arg[i], is_aggregate);
        if (nested)
            return BAD("Aggregate functions can not be nested: " STR_FMT "(" STR_FMT "())",
                       STR_ARG(e->name), STR_ARG(nested->name));
        bind_expr_t b = bind_over(q, in, "SELECT");
        b.replace = q->table_fns.len ? replace_table_function : NULL;
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
        b.replace = q->table_fns.len ? replace_table_function : NULL;
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
        b.replace = q->table_fns.len ? replace_table_function : NULL;
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

static ST add_aggregate(bind_query_t *q, err_t *err)
{
    const sql_query_t *sql = q->query;
    if (!sql->group_by.len)
        return ST_OK;
    q->key_kind = BIND_KEY_GROUP;
    plan_schema_t in = q->top->schema;
    bool same_key = q->top->table ? false : true;
    VEC_CLEAR(&q->keys);
    for (size_t i = 0; i < sql->group_by.len; i++) {
        sql_expr_t *e = sql->group_by.ptr[i];
        const sql_expr_t *agg = find_in(e, is_aggregate);
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
    same_key = same_key && groups_by_key(q, &in);
    for (size_t i = 0; i < q->items.len; i++)
        bind_walk(q->items.ptr[i].expr, collect_agg, q);
    bind_walk(sql->having, collect_agg, q);
    if (!q->aggs.len)
        return BAD("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.");
    TRY(check_grouped(q, err));
    TRY(window_of(&sql->window, &q->result->window, err));
    q->window = sql->window.kind != SQL_WINDOW_NONE;
    if (q->window && q->top->table)
        return BAD("WINDOW clause is only supported for streams, not tables.");
    for (size_t i = 0; i < q->aggs.len; i++) {
        TRY(bind_agg(q, &q->aggs.ptr[i], in, err));
        if (q->top->table && !q->aggs.ptr[i].call.fn->agg->undo)
            q->no_undo = true;
    }
    if (q->no_undo) {
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
    q->replace = replace_aggregate;
    if (q->persistent)
        TRY(assign_keys(q, err));
    bool table = q->top->table;
    bool was_windowed = q->top->windowed;
    TRY(add_group_select(q, err));
    if (!same_key)
        bind_add_exchange(q, &q->top, "Aggregate-GroupBy-repartition", &q->first_key_format);
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
    s->windowed = q->window || (was_windowed && same_key);
    s->aggregate.agg = agg;
    s->aggregate.n_aggs = q->aggs.len;
    s->aggregate.n_slots = slot;
    s->aggregate.window = q->result->window;
    s->aggregate.final = sql->emit == SQL_EMIT_FINAL;
    q->top = s;
    q->result->aggregated = true;
    return add_filter(q, sql->having, true, err);
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
        const sql_expr_t *agg = find_in(by->ptr[i], is_aggregate);
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
        const sql_expr_t *agg =
            sql->item[i].kind == SQL_ITEM_EXPR ? find_in(sql->item[i].expr, is_aggregate) : NULL;
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
    if (sql->n_joins)
        TRY(bind_joins(q, err));
    else
        source_keys(q);
    q->scope = q->top->schema;
    TRY(expand_items(q, err));
    TRY(add_filter(q, sql->where, false, err));
    TRY(add_flat_map(q, err));
    q->scope = q->top->schema;
    TRY(add_aggregate(q, err));
    if (sql->partition_by.len)
        TRY(partition_keys(q, err));
    q->result->table = q->top->table;
    q->result->windowed = q->top->windowed;
    if (!q->window && q->top->windowed)
        q->result->window = q->sources.ptr[0].catalog->window;
    if (!q->persistent)
        return project_transient(q, err);
    if (!sql->group_by.len)
        TRY(assign_keys(q, err));
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
