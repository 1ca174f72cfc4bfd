/* build.h: what the grammar's actions call to make the tree. Internal to parse/.
 *
 * A build carries the arena and the first failure; its functions go on after a failure with what
 * they have, and the driver looks at `st` after each token.
 */
#ifndef ARUS_SQL_PARSE_BUILD_H
#define ARUS_SQL_PARSE_BUILD_H

#include "sql/parse/parse.h"
#include "sql/parse/token.h"

typedef struct sql_build {
    arena_t *arena;
    st_t st;
    err_t *err;
    /* What the start token asked for. */
    sql_stmt_t *stmt;
    sql_expr_t *expr;
    const sql_type_t *type;
} sql_build_t;

/* A growing array of one type in the arena. */
typedef struct sql_list {
    void *ptr;
    size_t len, cap;
} sql_list_t;

/* Appends a copy of an item; a NULL list starts one. */
sql_list_t *sql_list_put(sql_build_t *b, sql_list_t *l, const void *item, size_t size);
/* The expression, then those of the list. */
sql_list_t *sql_list_first(sql_build_t *b, sql_expr_t *first, const sql_list_t *rest);
#define LIST(b, l, type, ...) sql_list_put((b), (l), &(type){__VA_ARGS__}, sizeof(type))
/* {items, count} of a list that may be NULL, to initialize the tree's {ptr, len} pairs. */
#define LIST_OF(l) (l) ? (l)->ptr : NULL, (l) ? (l)->len : 0

void sql_build_fail(sql_build_t *b, sql_pos_t at, const char *what);
/* The same for what the grammar allows and ksqlDB refuses when it reads it; `what` is the whole
 * message. */
void sql_build_refuse(sql_build_t *b, const char *what);
void sql_build_too_deep(sql_build_t *b);

/* The name of a topic or subject: its case stays, in quotes or not. */
str_t sql_build_as_written(sql_token_t name);

sql_stmt_t *sql_build_stmt(sql_build_t *b, sql_stmt_kind_t kind);

/* Expressions. Those with children check the tree's height. */
sql_expr_t *sql_build_literal(sql_build_t *b, sql_expr_kind_t kind, sql_token_t t);
sql_expr_t *sql_build_bool(sql_build_t *b, bool value, sql_token_t t);
sql_expr_t *sql_build_integer(sql_build_t *b, sql_token_t t);
sql_expr_t *sql_build_double(sql_build_t *b, sql_token_t t);
sql_expr_t *sql_build_typed(sql_build_t *b, sql_token_t type, sql_token_t text);
sql_expr_t *sql_build_column(sql_build_t *b, const sql_token_t *source, sql_token_t name);
sql_expr_t *sql_build_deref(sql_build_t *b, sql_expr_t *base, sql_token_t name);
sql_expr_t *sql_build_op(sql_build_t *b, sql_expr_kind_t kind, sql_op_t op, sql_expr_t *x,
                         sql_expr_t *y);
/* One whose children are a list of sql_expr_t*. */
sql_expr_t *sql_build_node(sql_build_t *b, sql_expr_kind_t kind, sql_pos_t at, sql_list_t *args);
sql_expr_t *sql_build_call(sql_build_t *b, sql_token_t name, sql_list_t *args);
sql_expr_t *sql_build_lambda(sql_build_t *b, sql_pos_t at, sql_list_t *names, sql_expr_t *body);
/* The name of a lambda's parameter that was read as an expression. */
str_t sql_build_param(sql_build_t *b, const sql_expr_t *e);

/* Types. */
sql_type_t *sql_build_type(sql_build_t *b, sql_token_t name, sql_list_t *params);
sql_type_t *sql_build_collection(sql_build_t *b, data_kind_t kind, sql_pos_t at,
                                 const sql_type_t *key, const sql_type_t *elem);
sql_type_t *sql_build_struct(sql_build_t *b, sql_pos_t at, sql_list_t *fields);

/* A number that counts something: not negative, fits 64 bits. */
int64_t sql_build_count(sql_build_t *b, sql_token_t t);
sql_duration_t sql_build_duration(sql_build_t *b, sql_token_t number, sql_unit_t unit);

/* lemon's parser. */
void *sql_grammarAlloc(void *(*alloc)(size_t));
void sql_grammarFree(void *parser, void (*release)(void *));
void sql_grammar(void *parser, int code, sql_token_t token, sql_build_t *b);
/* Whether a token, or then a second one (-1: no second), may come next. Changes nothing. */
bool sql_grammar_accepts(const void *parser, int code, int second);
/* True when the token may also be read as a name. */
bool sql_grammar_soft(int code);
/* Codes of tokens are below this. */
int sql_grammar_codes(void);

#endif
