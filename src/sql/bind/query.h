/* query.h: a query while it is bound, inside bind/. */
#ifndef ARUS_SQL_BIND_QUERY_H
#define ARUS_SQL_BIND_QUERY_H

#include "base/vec.h"
#include "sql/bind/expr.h"

typedef struct bind_source {
    const catalog_source_t *catalog;
    str_t alias;
    plan_step_t *step;
    size_t n_extra;      /* columns behind the source's own */
    size_t header_extra; /* among them, where the header columns begin */
} bind_source_t;

typedef struct bind_item {
    const sql_expr_t *expr;
    str_t name;
    bool named;    /* by an alias or a star */
    ptrdiff_t key; /* which key column it is, or -1 */
} bind_item_t;

/* A key column of the result and the expressions that stand for it. */
typedef struct bind_key {
    const sql_expr_t **same;
    size_t n_same;
    str_t name;
    bool optional;
} bind_key_t;

typedef enum bind_key_kind {
    BIND_KEY_SOURCE,
    BIND_KEY_JOIN,
    BIND_KEY_GROUP,
    BIND_KEY_PARTITION
} bind_key_kind_t;

typedef struct bind_agg {
    const sql_expr_t *expr;
    expr_t **arg;
    size_t n_args;
    sql_fn_resolved_t call;
} bind_agg_t;

typedef struct bind_table_fn {
    const sql_expr_t *expr;
    int32_t column;
} bind_table_fn_t;

typedef struct bind_query {
    arena_t *arena;
    const bind_env_t *env;
    const sql_query_t *query;
    str_t target;
    bool persistent, insert_into, sink_table;
    plan_t *plan;
    plan_step_t *top;    /* what is built so far */
    plan_schema_t scope; /* what names in the projection mean */
    bind_result_t *result;
    plan_format_t first_key_format;
    VEC(bind_source_t) sources;
    VEC(bind_item_t) items;
    VEC(bind_key_t) keys;
    bind_key_kind_t key_kind;
    VEC(bind_agg_t) aggs;
    VEC(bind_table_fn_t) table_fns;
    bool (*replace)(void *self, const sql_expr_t *e, int32_t *ret_column);
    size_t n_generated;
    bool window, no_undo, exchanged, repartitioned, synthetic_key;
} bind_query_t;

plan_step_t *bind_step(bind_query_t *q, plan_kind_t kind, plan_step_t *in);
bind_expr_t bind_over(bind_query_t *q, plan_schema_t schema, const char *clause);
sql_expr_t *bind_make_column(bind_query_t *q, str_t source, str_t name, sql_pos_t at);
/* walk.c */
bool bind_is_aggregate(const sql_expr_t *e);
bool bind_is_table_function(const sql_expr_t *e);
/* The first node that passes the test, or NULL. */
const sql_expr_t *bind_find(const sql_expr_t *e, bool (*test)(const sql_expr_t *e));
void bind_walk(const sql_expr_t *e, void (*visit)(void *self, const sql_expr_t *e), void *self);
void bind_add_exchange(bind_query_t *q, plan_step_t **top, const char *name,
                       const plan_format_t *key_format);
/* All joins, left-deep: sets top and keys. */
ST bind_joins(bind_query_t *q, err_t *err);

/* items.c */
bool bind_is_pseudo(str_t name);       /* ROWTIME, ROWPARTITION, ROWOFFSET */
bool bind_is_window_bound(str_t name); /* WINDOWSTART, WINDOWEND */
/* Fills q->items from the projection. */
ST bind_items(bind_query_t *q, err_t *err);
/* Marks the items that are key columns; ST_BAD_STATEMENT when one is missing or there twice. */
ST bind_assign_keys(bind_query_t *q, err_t *err);

/* query.c: steps on top of what is built */
ST bind_add_filter(bind_query_t *q, const sql_expr_t *e, bool having, err_t *err);
bool bind_replace_table_function(void *self, const sql_expr_t *e, int32_t *ret);

/* aggregate.c */
ST bind_add_aggregate(bind_query_t *q, err_t *err);

#endif
