/* expr.h: binding of expressions, inside bind/. */
#ifndef ARUS_SQL_BIND_EXPR_H
#define ARUS_SQL_BIND_EXPR_H

#include "sql/bind/bind.h"
#include "sql/parse/format.h"

/* An operand of a program under construction, and its type (NULL: the untyped null). */
typedef struct bind_value {
    int32_t operand;
    const data_type_t *type;
    bool literal; /* written as one: text of it may become another type */
} bind_value_t;

typedef struct bind_expr bind_expr_t;

typedef struct bind_param {
    str_t name;
    bind_value_t value;
} bind_param_t;

/* One program being made over the rows of a schema. */
struct bind_expr {
    arena_t *arena;
    const bind_env_t *env;
    plan_schema_t schema;
    expr_builder_t *builder;
    /* Asked before each node: true when it stands for a column of the row (aggregates, grouping
     * expressions). */
    bool (*replace)(void *self, const sql_expr_t *e, int32_t *ret_column);
    void *replace_self;
    /* Where a column may not be used although it is there: a message; else NULL. */
    const char *clause;        /* "SELECT", "WHERE", …: for messages */
    const bind_param_t *param; /* of the lambdas around, innermost last */
    size_t n_params;
    bind_expr_t *outer; /* of a lambda's body */
    step_lambda_t *lambda;
    bool allow_aggregates;
};

/* The index of a column: ST_BAD_STATEMENT when there is none, or more than one. */
ST bind_column(const plan_schema_t *schema, const sql_expr_t *e, const char *clause, int32_t *ret,
               err_t *err);
ST bind_expr(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
/* Converts to the type where that goes without CAST, text literals to anything; else
 * ST_BAD_STATEMENT. */
ST bind_coerce(bind_expr_t *b, bind_value_t v, const data_type_t *to, bind_value_t *ret,
               err_t *err);
/* Makes both one type. */
ST bind_common(bind_expr_t *b, bind_value_t *x, bind_value_t *y, err_t *err);
/* A whole program for one expression. */
ST bind_program(bind_expr_t *b, const sql_expr_t *e, expr_t **ret, err_t *err);
/* WHERE, HAVING: as bind_program, but it must be BOOLEAN. */
ST bind_predicate(bind_expr_t *b, const sql_expr_t *e, expr_t **ret, err_t *err);
/* A program that is just a column. */
expr_t *bind_column_program(arena_t *a, int32_t column, const data_type_t *type);

/* Whether two expressions say the same over a schema. */
bool bind_same(const plan_schema_t *schema, const sql_expr_t *x, const sql_expr_t *y);
/* The type both can be made; NULL when there is none. */
const data_type_t *bind_common_type(arena_t *a, const data_type_t *x, const data_type_t *y);

/* types.c */
bool bind_is_text(const data_type_t *t);
int32_t bind_max32(int32_t a, int32_t b);
/* The decimal that holds any value of a whole or decimal type. */
data_type_t bind_as_decimal(const data_type_t *t);
bind_value_t bind_literal(bind_expr_t *b, data_value_t v, const data_type_t *t);

/* construct.c */
ST bind_array(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
ST bind_map(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
ST bind_structure(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
ST bind_case(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);

ST bind_call(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
ST bind_decimal_literal(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);

/* predicate.c */
ST bind_compare(bind_expr_t *b, const sql_expr_t *e, step_compare_t op, bind_value_t x,
                bind_value_t y, bind_value_t *ret, err_t *err);
ST bind_comparison(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
/* An expression that must be a boolean. */
ST bind_boolean(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
ST bind_logical(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
ST bind_between(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
ST bind_in_list(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);
ST bind_like(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err);

#endif
