/* row.h: what a tool says with --output json: an object a line, in place of each line of Kafka's
 * text:
 *
 *     if (row_wanted(f))
 *         ROW(ROW_TEXT("topic", name), ROW_INT("partition", 3));
 *     else
 *         printf(…);
 */
#ifndef ARUS_TOOL_ROW_H
#define ARUS_TOOL_ROW_H

#include "base/buf.h"
#include "tool/flags.h"

typedef struct row_cell {
    const char *name;
    enum { ROW_IS_TEXT, ROW_IS_INT, ROW_IS_BOOL, ROW_IS_INTS, ROW_IS_JSON } kind;
    str_t text;
    int64_t n;
    const int32_t *list;
} row_cell_t;

/* A text without a pointer is null; what is not UTF-8 is {"hex":"00ff"}. */
#define ROW_TEXT(name, s)    ((row_cell_t){(name), ROW_IS_TEXT, (s), 0, NULL})
#define ROW_INT(name, n)     ((row_cell_t){(name), ROW_IS_INT, STR_NONE, (n), NULL})
#define ROW_BOOL(name, b)    ((row_cell_t){(name), ROW_IS_BOOL, STR_NONE, (b), NULL})
#define ROW_INTS(name, p, n) ((row_cell_t){(name), ROW_IS_INTS, STR_NONE, (n), (p)})
#define ROW_JSON(name, s)    ((row_cell_t){(name), ROW_IS_JSON, (s), 0, NULL})

#define ROW(...)                                                                                   \
    row_print((const row_cell_t[]){__VA_ARGS__},                                                   \
              sizeof((const row_cell_t[]){__VA_ARGS__}) / sizeof(row_cell_t))

/* --output json is given. */
bool row_wanted(const flags_t *f);
/* As a cell's text is written. */
void row_put_text(buf_t *b, str_t s);
void row_print(const row_cell_t *cell, size_t n);

#endif
