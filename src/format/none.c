/* NONE: a key without columns. */
#include "format/serde.h"

static st_t check(data_columns_t columns, bool is_key, err_t *err)
{
    if (columns.len == 0)
        return ST_OK;
    data_schema_t s = {.value = columns};
    if (is_key)
        s = (data_schema_t){.key = columns};
    buf_t b = BUF_INIT;
    data_schema_put(&b, &s, false);
    st_t st = err_set(
        err, ST_UNSUPPORTED,
        "The 'NONE' format can only be used when no columns are defined. Got: [" STR_FMT "]",
        STR_ARG(buf_str(&b)));
    buf_done(&b);
    return st;
}

static st_t open_none(serde_t *s, err_t *err)
{
    (void)s;
    (void)err;
    return ST_OK;
}

static st_t decode(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                   bool *ret_null, err_t *err)
{
    (void)s, (void)a, (void)bytes, (void)want, (void)row, (void)err;
    *ret_null = true;
    return ST_OK;
}

static st_t encode(serde_t *s, const data_value_t *row, buf_t *b, err_t *err)
{
    (void)s, (void)row, (void)b, (void)err;
    return ST_OK;
}

const format_class_t format_none = {
    .check = check, .open = open_none, .decode = decode, .encode = encode};
