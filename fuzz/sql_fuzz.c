/* Any text: parsing it never crashes, and what parses prints as something that parses to the same
 * print. */
#include "sql/parse/format.h"
#include "sql/parse/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static str_t print_all(arena_t *a, sql_stmt_t *const *stmt, size_t n)
{
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < n; i++)
        sql_format_stmt(&b, stmt[i]);
    str_t text = arena_str(a, buf_str(&b));
    buf_done(&b);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    sql_stmt_t *const *stmt;
    size_t n;
    err_t err;
    if (sql_parse(&a, str_n(data, size), NULL, &stmt, &n, &err) == ST_OK) {
        str_t first = print_all(&a, stmt, n);
        st_t st = sql_parse(&a, first, NULL, &stmt, &n, &err);
        ASSERT(st == ST_OK);
        ASSERT(str_eq(first, print_all(&a, stmt, n)));
    }
    arena_done(&a);
    return 0;
}
