#include "data/schema.h"

ptrdiff_t data_columns_find(data_columns_t c, str_t name)
{
    for (size_t i = 0; i < c.len; i++)
        if (str_eq(c.ptr[i].name, name))
            return (ptrdiff_t)i;
    return -1;
}

bool data_columns_eq(data_columns_t a, data_columns_t b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (!str_eq(a.ptr[i].name, b.ptr[i].name) || !data_type_eq(a.ptr[i].type, b.ptr[i].type))
            return false;
    return true;
}

static void put_columns(buf_t *b, data_columns_t c, const char *suffix, bool *first)
{
    for (size_t i = 0; i < c.len; i++) {
        if (!*first)
            BUF_LIT(b, ", ");
        *first = false;
        buf_printf(b, "`" STR_FMT "` ", STR_ARG(c.ptr[i].name));
        data_type_put(b, c.ptr[i].type);
        buf_put_str(b, str_of(suffix));
    }
}

void data_schema_put(buf_t *b, const data_schema_t *s, bool primary)
{
    bool first = true;
    put_columns(b, s->key, primary ? " PRIMARY KEY" : " KEY", &first);
    put_columns(b, s->value, "", &first);
}
