/* decode: reads data with another schema than it was written with, as a source's columns do. Each
 * line of the input is
 *
 *   {"writer": "…", "reader": "…", "data": "base64 of an Avro datum"}
 *
 * and is answered by a line with the row that the reader's columns make of it, as JSON, or by
 * {"error": "…"}.
 */
#include "base/json.h"
#include "data/text.h"
#include "format/format.h"
#include "lines.h"

#define WRITER_ID 1

static st_t by_id(void *self, int32_t id, str_t *ret_type, str_t *ret_text, err_t *err)
{
    (void)err;
    ASSERT(id == WRITER_ID);
    *ret_type = STR("AVRO");
    *ret_text = *(str_t *)self;
    return ST_OK;
}

static ST row_json(data_columns_t columns, const data_value_t *row, buf_t *out, err_t *err)
{
    serde_spec_t spec = {.format = FORMAT_JSON, .wrap = true, .columns = columns};
    serde_t *json;
    TRY(serde_new(&spec, &json, err));
    st_t st = serde_encode(json, row, out, err);
    serde_free(json);
    return st;
}

static ST read_row(arena_t *a, str_t line, buf_t *out, err_t *err)
{
    const json_value_t *v;
    str_t datum;
    data_columns_t columns;
    bool wrapped, is_null = false;
    TRY(json_parse(a, line, 0, &v, err));
    str_t writer = json_get_text(v, "writer", STR(""));
    if (!data_base64_decode(a, json_get_text(v, "data", STR("")), &datum))
        return err_set(err, ST_BAD_INPUT, "the data is not base64");
    TRY(format_infer(FORMAT_AVRO, json_get_text(v, "reader", STR("")), false, true, a, &columns,
                     &wrapped, err));
    schema_source_t source = {.self = &writer, .by_id = by_id};
    serde_spec_t spec = {.format = FORMAT_AVRO,
                         .wrap = wrapped,
                         .subject = STR("t-value"),
                         .columns = columns,
                         .schemas = &source};
    serde_t *avro;
    TRY(serde_new(&spec, &avro, err));
    char *bytes = ARENA_ARRAY(a, char, 5 + datum.len); /* Confluent's frame: 0, the id in 4 bytes */
    memset(bytes, 0, 4);
    bytes[4] = WRITER_ID;
    memcpy(bytes + 5, datum.ptr, datum.len);
    data_value_t *row = ARENA_ARRAY(a, data_value_t, columns.len);
    st_t st = serde_decode(avro, a, str_n(bytes, 5 + datum.len), NULL, row, &is_null, err);
    if (st == ST_OK)
        st = row_json(columns, row, out, err);
    serde_free(avro);
    return st;
}

static void answer(arena_t *a, str_t line, buf_t *out)
{
    err_t err;
    if (read_row(a, line, out, &err) == ST_OK)
        return;
    buf_clear(out);
    buf_put_char(out, '{');
    json_put_member_str(out, "error", str_of(err.msg));
    buf_put_char(out, '}');
}

int main(void)
{
    return lines_answer(answer);
}
