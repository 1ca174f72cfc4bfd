/* table.h: text laid out in columns, as ksqlDB's shell does it.
 *
 * Two kinds: a table of entities, whose columns are as wide as their widest cell, and a query's
 * rows, whose cells share the terminal's width because nobody knows what comes.
 */
#ifndef ARUS_CLI_TABLE_H
#define ARUS_CLI_TABLE_H

#include "base/json.h"
#include "base/vec.h"

/* Columns that a text takes on a terminal. */
size_t cli_text_width(str_t s);
/* A JSON value as Java's toString has it: null, [a, b], {k=v}; strings bare. */
void cli_text_put(buf_t *b, const json_value_t *v);

typedef struct cli_table {
    arena_t arena;
    size_t n_columns;
    VEC(str_t) cells; /* row by row, the titles first */
} cli_table_t;

void cli_table_init(cli_table_t *t, const char *const *title, size_t n);
void cli_table_done(cli_table_t *t);
/* Adds the next cell; text is copied. */
void cli_table_cell(cli_table_t *t, str_t text);
void cli_table_value(cli_table_t *t, const json_value_t *v);
void cli_table_put(buf_t *b, const cli_table_t *t);

typedef struct cli_grid {
    size_t n_columns, width; /* of a cell */
    bool wrap;
} cli_grid_t;

/* column_width 0: what the terminal has room for. */
cli_grid_t cli_grid(size_t n_columns, size_t terminal_width, size_t column_width, bool wrap);
void cli_grid_put_rule(buf_t *b, const cli_grid_t *g);
/* One row: |a |b | over as many lines as its longest cell needs (cut, with "...", without wrap). */
void cli_grid_put_row(buf_t *b, const cli_grid_t *g, const str_t *cell, bool wrap);

#endif
