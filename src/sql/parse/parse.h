/* parse.h: SQL text to syntax tree.
 *
 * A script is split into its statements first (sql_parse_split needs no grammar), then each is
 * parsed in turn: SET, DEFINE and CREATE TYPE change what comes after them. Positions count from
 * the script's beginning.
 *
 * Errors are ST_BAD_STATEMENT, worded as ksqlDB words them: "line 1:7: Syntax Error\nExpecting
 * {…}". Nesting is bounded by SQL_PARSE_DEPTH_MAX and a script by SQL_PARSE_BYTES_MAX, so hostile
 * text costs linear time and no stack.
 */
#ifndef ARUS_SQL_PARSE_PARSE_H
#define ARUS_SQL_PARSE_PARSE_H

#include "sql/parse/ast.h"

#define SQL_PARSE_BYTES_MAX (16u << 20)
#define SQL_PARSE_DEPTH_MAX 500

/* A piece of a script and where it begins. */
typedef struct sql_piece {
    str_t text;
    sql_pos_t at;
} sql_piece_t;

/* Looks up ${name} (any case, as written): true and *ret, borrowed until the parse returns. */
typedef struct sql_variables {
    bool (*get)(void *env, str_t name, str_t *ret);
    void *env;
} sql_variables_t;

/* Cuts a script at its ';'s, which stay with the statement before them. The pieces view `text`;
 * empty ones are left out. ST_TOO_LARGE past SQL_PARSE_BYTES_MAX; ST_BAD_STATEMENT for a string or
 * comment that does not end. */
ST sql_parse_split(arena_t *a, str_t text, const sql_piece_t **ret, size_t *ret_n, err_t *err);

/* Parses one statement. vars may be NULL: then ${…} stays as it is. */
ST sql_parse_piece(arena_t *a, sql_piece_t piece, const sql_variables_t *vars, sql_stmt_t **ret,
                   err_t *err);

/* Splits and parses a whole script, all with the same variables. */
ST sql_parse(arena_t *a, str_t text, const sql_variables_t *vars, sql_stmt_t *const **ret,
             size_t *ret_n, err_t *err);

ST sql_parse_expr(arena_t *a, str_t text, sql_expr_t **ret, err_t *err);
ST sql_parse_type(arena_t *a, str_t text, const sql_type_t **ret, err_t *err);

/* Replaces ${name} outside comments; within '…' a quote of the value is doubled. Names that vars
 * does not have stay as they are. Returns text itself when nothing is to replace. */
str_t sql_parse_substitute(arena_t *a, str_t text, const sql_variables_t *vars);

/* The type that a written one stands for. `custom` finds a custom type by name (NULL: none known);
 * ST_BAD_STATEMENT, "Cannot resolve unknown type: X". */
ST sql_type_resolve(arena_t *a, const sql_type_t *t,
                    const data_type_t *(*custom)(void *env, str_t name), void *env,
                    const data_type_t **ret, err_t *err);

/* "HOURS" or "hour" to its unit, SQL_UNIT_NONE when it is none. */
sql_unit_t sql_unit_of(str_t name);
/* "HOURS" */
const char *sql_unit_name(sql_unit_t unit);
/* Milliseconds of one unit; 0 for months and years. */
int64_t sql_unit_ms(sql_unit_t unit);

#endif
