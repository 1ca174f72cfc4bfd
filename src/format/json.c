/* JSON: rows as text, and nothing around it. */
#include "format/json_rows.h"
#include "format/serde.h"

static st_t open_json(serde_t *s, err_t *err)
{
    json_rows_t *rows;
    TRY(json_rows_new(&s->arena, s->spec.columns, serde_bare(s), &rows, err));
    s->state = rows;
    return ST_OK;
}

static st_t decode(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                   bool *ret_null, err_t *err)
{
    return json_rows_read(s->state, a, bytes, want, row, ret_null, err);
}

static st_t encode(serde_t *s, const data_value_t *row, buf_t *b, err_t *err)
{
    (void)err;
    json_rows_write(s->state, row, b);
    return ST_OK;
}

const format_class_t format_json = {
    .check = json_rows_check, .open = open_json, .decode = decode, .encode = encode};
