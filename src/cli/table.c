#include "cli/table.h"

#include <utf8proc.h>

#define CELL_WIDTH_MIN 5

/* The length of the character in front and the columns it takes. */
static size_t next_char(str_t s, size_t *ret_width)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)s.ptr, (utf8proc_ssize_t)s.len, &c);
    int width = n > 0 ? utf8proc_charwidth(c) : 1;
    *ret_width = width > 0 ? (size_t)width : 0;
    return n > 0 ? (size_t)n : 1;
}

size_t cli_text_width(str_t s)
{
    size_t width = 0, w;
    while (s.len) {
        size_t n = next_char(s, &w);
        s = str_sub(s, n, s.len);
        width += w;
    }
    return width;
}

/* Bytes of s that fit in `width` columns; at least one character. */
static size_t fitting(str_t s, size_t width)
{
    size_t at = 0, used = 0, w;
    while (at < s.len) {
        size_t n = next_char(str_sub(s, at, s.len), &w);
        if (at && used + w > width)
            break;
        used += w;
        at += n;
    }
    return at;
}

static void put_fill(buf_t *b, char c, size_t n)
{
    memset(buf_reserve(b, n), c, n);
    b->len += n;
}

static void put_padded(buf_t *b, str_t s, size_t width)
{
    size_t w = cli_text_width(s);
    buf_put_str(b, s);
    put_fill(b, ' ', w < width ? width - w : 0);
}

void cli_text_put(buf_t *b, const json_value_t *v)
{
    switch (v ? v->kind : JSON_NULL) {
    case JSON_NULL:
        BUF_LIT(b, "null");
        return;
    case JSON_BOOL:
        buf_put_str(b, v->b ? STR("true") : STR("false"));
        return;
    case JSON_NUMBER:
    case JSON_STRING:
        buf_put_str(b, v->text);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    buf_put_char(b, v->kind == JSON_ARRAY ? '[' : '{');
    for (size_t i = 0; i < v->n; i++) {
        if (i)
            BUF_LIT(b, ", ");
        if (v->kind == JSON_OBJECT) {
            buf_put_str(b, v->name[i]);
            buf_put_char(b, '=');
        }
        cli_text_put(b, &v->item[i]);
    }
    buf_put_char(b, v->kind == JSON_ARRAY ? ']' : '}');
}

/* ---- tables of entities */

void cli_table_init(cli_table_t *t, const char *const *title, size_t n)
{
    *t = (cli_table_t){.n_columns = n};
    arena_init(&t->arena, ARENA_NO_LIMIT);
    for (size_t i = 0; i < n; i++)
        cli_table_cell(t, str_of(title[i]));
}

void cli_table_done(cli_table_t *t)
{
    VEC_DONE(&t->cells);
    arena_done(&t->arena);
}

void cli_table_cell(cli_table_t *t, str_t text)
{
    VEC_PUSH(&t->cells, text.len ? arena_str(&t->arena, text) : STR(""));
}

void cli_table_value(cli_table_t *t, const json_value_t *v)
{
    buf_t b = BUF_INIT;
    cli_text_put(&b, v);
    cli_table_cell(t, buf_str(&b));
    buf_done(&b);
}

/* The widest line of a cell. */
static size_t cell_width(str_t cell)
{
    size_t width = 0;
    str_t line;
    while (str_split(&cell, '\n', &line)) {
        size_t w = cli_text_width(line);
        width = w > width ? w : width;
    }
    return width;
}

/* Cuts a line off each cell of a row and puts them side by side; false when none is left. */
static bool put_line(buf_t *b, str_t *cell, const size_t *width, size_t n)
{
    bool more = false;
    for (size_t i = 0; i < n; i++) {
        str_t line = STR("");
        if (str_split(&cell[i], '\n', &line) && cell[i].len)
            more = true;
        buf_put_str(b, i ? STR("| ") : STR(" "));
        put_padded(b, line, width[i] + 1);
    }
    BUF_LIT(b, "\n");
    return more;
}

void cli_table_put(buf_t *b, const cli_table_t *t)
{
    size_t n = t->n_columns, total = 0;
    size_t *width = mem_zalloc(n * sizeof *width);
    str_t *row = mem_zalloc(n * sizeof *row);
    for (size_t i = 0; i < t->cells.len; i++) {
        size_t w = cell_width(t->cells.ptr[i]);
        width[i % n] = w > width[i % n] ? w : width[i % n];
    }
    for (size_t i = 0; i < n; i++)
        total += width[i] + 2 + (i > 0);
    for (size_t at = 0; at + n <= t->cells.len; at += n) {
        memcpy(row, t->cells.ptr + at, n * sizeof *row);
        while (put_line(b, row, width, n))
            ;
        if (at == 0) {
            put_fill(b, '-', total);
            BUF_LIT(b, "\n");
        }
    }
    put_fill(b, '-', total);
    BUF_LIT(b, "\n");
    free(width);
    free(row);
}

/* ---- a query's rows */

cli_grid_t cli_grid(size_t n_columns, size_t terminal_width, size_t column_width, bool wrap)
{
    size_t width = n_columns ? terminal_width / n_columns : terminal_width;
    width = width > CELL_WIDTH_MIN + 2 ? width - 2 : CELL_WIDTH_MIN;
    return (cli_grid_t){n_columns, column_width ? column_width : width, wrap};
}

void cli_grid_put_rule(buf_t *b, const cli_grid_t *g)
{
    for (size_t i = 0; i < g->n_columns; i++) {
        BUF_LIT(b, "+");
        put_fill(b, '-', g->width);
    }
    BUF_LIT(b, "+\n");
}

static void put_cut(buf_t *b, str_t s, size_t width)
{
    if (cli_text_width(s) <= width || width <= 3) {
        put_padded(b, str_sub(s, 0, fitting(s, width)), width);
        return;
    }
    str_t head = str_sub(s, 0, fitting(s, width - 3));
    buf_put_str(b, head);
    put_padded(b, STR("..."), width - cli_text_width(head));
}

void cli_grid_put_row(buf_t *b, const cli_grid_t *g, const str_t *cell, bool wrap)
{
    str_t *left = mem_dup(cell, g->n_columns * sizeof *cell);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < g->n_columns; i++) {
            size_t n = left[i].len ? fitting(left[i], g->width) : 0;
            BUF_LIT(b, "|");
            if (!wrap)
                put_cut(b, left[i], g->width);
            else
                put_padded(b, str_sub(left[i], 0, n), g->width);
            left[i] = str_sub(left[i], n, left[i].len);
            more = more || (wrap && left[i].len);
        }
        BUF_LIT(b, "|\n");
    }
    free(left);
}
