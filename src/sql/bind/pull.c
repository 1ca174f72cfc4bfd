/* Pull queries: a projection and a WHERE over the rows of a materialized table. */
#include "sql/bind/expr.h"

#define STRUCT_STAR_MAX 256
#define BAD(...)        err_set(err, ST_BAD_STATEMENT, __VA_ARGS__)

/* The row that pull queries see: key, [WINDOWSTART, WINDOWEND,] value columns, ROWTIME. */
static plan_schema_t pull_schema(arena_t *a, const catalog_source_t *s, str_t alias)
{
    bool windowed = s->window.kind != SQL_WINDOW_NONE;
    plan_column_t *c = ARENA_ARRAY(a, plan_column_t, s->key.len + s->value.len + 3);
    size_t n = 0;
    for (size_t i = 0; i < s->key.len; i++)
        c[n++] = (plan_column_t){alias, s->key.ptr[i].name, s->key.ptr[i].type};
    if (windowed) {
        c[n++] = (plan_column_t){alias, STR("WINDOWSTART"), &data_bigint};
        c[n++] = (plan_column_t){alias, STR("WINDOWEND"), &data_bigint};
    }
    for (size_t i = 0; i < s->value.len; i++)
        c[n++] = (plan_column_t){alias, s->value.ptr[i].name, s->value.ptr[i].type};
    c[n++] = (plan_column_t){alias, STR("ROWTIME"), &data_bigint};
    return (plan_schema_t){c, n, s->key.len};
}

static ST check(const sql_query_t *q, err_t *err)
{
    static const char *const fmt =
        "Pull queries don't support %s clauses. See https://cnfl.io/queries for more info.\n"
        "Add EMIT CHANGES if you intended to issue a push query.";
    const char *what = q->n_joins            ? "JOIN"
                       : q->window.kind      ? "WINDOW"
                       : q->group_by.len     ? "GROUP BY"
                       : q->partition_by.len ? "PARTITION BY"
                       : q->having           ? "HAVING"
                                             : NULL;
    return what ? BAD(fmt, what) : ST_OK;
}

/* key = constant among the ANDs of the WHERE: that key column's value. */
static void find_keys(bind_expr_t *b, const sql_expr_t *e, expr_t **key)
{
    if (e->kind == SQL_EXPR_LOGICAL && e->op == SQL_OP_AND) {
        find_keys(b, e->arg[0], key);
        find_keys(b, e->arg[1], key);
        return;
    }
    if (e->kind != SQL_EXPR_COMPARISON || e->op != SQL_OP_EQ)
        return;
    for (int i = 0; i < 2; i++) {
        int32_t column;
        const sql_expr_t *c = e->arg[i], *v = e->arg[!i];
        data_value_t value;
        if (c->kind != SQL_EXPR_COLUMN || bind_column(&b->schema, c, "", &column, NULL) != ST_OK ||
            (size_t)column >= b->schema.n_key ||
            bind_constant(b->arena, b->env, v, b->schema.col[column].type, &value, NULL) != ST_OK)
            continue;
        expr_builder_t *eb = expr_builder_new(b->arena);
        key[column] = expr_build(eb, expr_reg(eb, value), b->schema.col[column].type);
    }
}

typedef struct items {
    data_column_t *col;
    expr_t **expr;
    size_t n, n_keys;
} items_t;

static void add_column(arena_t *a, items_t *it, const plan_schema_t *s, size_t i)
{
    it->expr[it->n] = bind_column_program(a, (int32_t)i, s->col[i].type);
    it->col[it->n++] = (data_column_t){s->col[i].name, s->col[i].type};
    it->n_keys += i < s->n_key;
}

static ST add_item(bind_expr_t *b, items_t *it, const sql_item_t *item, err_t *err)
{
    if (item->kind == SQL_ITEM_STAR || item->kind == SQL_ITEM_SOURCE_STAR) {
        for (size_t i = 0; i + 1 < b->schema.n; i++)
            add_column(b->arena, it, &b->schema, i);
        return ST_OK;
    }
    expr_t *e;
    TRY(bind_program(b, item->expr, &e, err));
    const sql_expr_t *x = item->expr;
    if (item->kind == SQL_ITEM_STRUCT_STAR) {
        if (!e->type || e->type->kind != DATA_STRUCT || e->type->n_fields > STRUCT_STAR_MAX)
            return BAD("->* needs a STRUCT of at most %d fields", STRUCT_STAR_MAX);
        for (size_t i = 0; e->type && i < e->type->n_fields; i++) {
            bind_value_t v;
            b->builder = expr_builder_new(b->arena);
            TRY(bind_expr(b, x, &v, err));
            int32_t f = step_field(b->builder, v.operand, i);
            it->expr[it->n] = expr_build(b->builder, f, e->type->field[i].type);
            it->col[it->n++] = (data_column_t){e->type->field[i].name, e->type->field[i].type};
        }
        return ST_OK;
    }
    str_t name = item->alias.len                                           ? item->alias
                 : x->kind == SQL_EXPR_COLUMN || x->kind == SQL_EXPR_DEREF ? x->name
                                                                           : STR_NONE;
    if (!name.len)
        name = arena_printf(b->arena, "KSQL_COL_%zu", it->n);
    it->expr[it->n] = e;
    it->col[it->n++] = (data_column_t){name, e->type ? e->type : &data_string};
    it->n_keys += e->n_steps == 0 && e->result >= 0 && (size_t)e->result < b->schema.n_key;
    return ST_OK;
}

st_t bind_pull(arena_t *a, const bind_env_t *env, const sql_query_t *q,
               const catalog_source_t *source, bind_pull_t *ret, err_t *err)
{
    TRY(check(q, err));
    bind_expr_t b = {.arena = a,
                     .env = env,
                     .clause = "SELECT",
                     .schema = pull_schema(a, source, q->from.alias)};
    size_t room = 1;
    for (size_t i = 0; i < q->n_items; i++)
        room += q->item[i].kind == SQL_ITEM_EXPR ? 1 : b.schema.n + STRUCT_STAR_MAX;
    items_t it = {ARENA_ARRAY(a, data_column_t, room), ARENA_ARRAY(a, expr_t *, room), 0, 0};
    for (size_t i = 0; i < q->n_items; i++)
        TRY(add_item(&b, &it, &q->item[i], err));
    bind_pull_t p = {.result = {it.col, it.n},
                     .n_keys = it.n_keys,
                     .expr = it.expr,
                     .has_limit = q->has_limit,
                     .limit = q->limit};
    if (q->where) {
        b.clause = "WHERE";
        TRY(bind_predicate(&b, q->where, &p.where, err));
        expr_t **key = ARENA_ARRAY(a, expr_t *, source->key.len + 1);
        find_keys(&b, q->where, key);
        bool all = source->key.len > 0;
        for (size_t i = 0; i < source->key.len; i++)
            all = all && key[i];
        p.key = all ? key : NULL;
    }
    *ret = p;
    return ST_OK;
}
