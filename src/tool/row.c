#include "tool/row.h"

#include "base/json.h"

#include <stdio.h>

bool row_wanted(const flags_t *f)
{
    return str_eq_nocase(flags_get(f, "output"), STR("json"));
}

void row_put_text(buf_t *b, str_t s)
{
    if (!s.ptr) {
        BUF_LIT(b, "null");
    } else if (str_is_utf8(s)) {
        json_put_str(b, s);
    } else {
        BUF_LIT(b, "{\"hex\":\"");
        for (size_t i = 0; i < s.len; i++)
            buf_printf(b, "%02x", (unsigned)(uint8_t)s.ptr[i]);
        BUF_LIT(b, "\"}");
    }
}

static void put_cell(const row_cell_t *c, buf_t *b)
{
    json_put_name(b, c->name);
    switch (c->kind) {
    case ROW_IS_TEXT:
        row_put_text(b, c->text);
        break;
    case ROW_IS_INT:
        buf_put_i64(b, c->n);
        break;
    case ROW_IS_BOOL:
        json_put_bool(b, c->n != 0);
        break;
    case ROW_IS_INTS:
        BUF_LIT(b, "[");
        for (int64_t i = 0; i < c->n; i++) {
            json_put_item(b);
            buf_put_i64(b, c->list[i]);
        }
        BUF_LIT(b, "]");
        break;
    case ROW_IS_JSON:
        buf_put_str(b, c->text);
        break;
    }
}

void row_print(const row_cell_t *cell, size_t n)
{
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "{");
    for (size_t i = 0; i < n; i++)
        put_cell(&cell[i], &b);
    BUF_LIT(&b, "}\n");
    fwrite(b.ptr, 1, b.len, stdout);
    buf_done(&b);
}
