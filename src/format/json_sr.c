/* JSON_SR: 00, the schema's id in four bytes, JSON text. The reader needs no schema: the text names
 * its members. */
#include "format/json_rows.h"
#include "format/json_schema.h"
#include "format/serde.h"

#define FRAME_BYTES 5

typedef struct json_sr_state {
    json_rows_t *rows;
    str_t text; /* of the schema that is written */
    int32_t id; /* 0: not registered yet */
} json_sr_state_t;

static st_t open_json_sr(serde_t *s, err_t *err)
{
    json_sr_state_t *state = ARENA_NEW(&s->arena, json_sr_state_t);
    const schema_source_t *schemas = s->spec.schemas;
    str_t type, text;
    TRY(json_rows_new(&s->arena, s->spec.columns, serde_bare(s), &state->rows, err));
    state->id = s->spec.schema_id;
    if (state->id && schemas) {
        TRY(schemas->by_id(schemas->self, state->id, &type, &text, err));
        state->text = arena_str(&s->arena, text);
    } else {
        buf_t b = BUF_INIT;
        json_schema_put(&b, s->spec.columns, serde_bare(s), s->spec.full_name);
        state->text = arena_str(&s->arena, buf_str(&b));
        buf_done(&b);
    }
    s->state = state;
    return ST_OK;
}

static st_t decode(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                   bool *ret_null, err_t *err)
{
    json_sr_state_t *state = s->state;
    if (bytes.len < FRAME_BYTES || bytes.ptr[0] != 0)
        return err_set(err, ST_CORRUPT,
                       "The record is not JSON_SR: it does not start with a magic byte of 0 and a "
                       "schema id; JSON without them is the JSON format");
    str_t text = {bytes.ptr + FRAME_BYTES, bytes.len - FRAME_BYTES};
    return json_rows_read(state->rows, a, text, want, row, ret_null, err);
}

static st_t enroll(serde_t *s, int32_t *ret_id, err_t *err)
{
    json_sr_state_t *state = s->state;
    const schema_source_t *schemas = s->spec.schemas;
    if (!state->id && !schemas)
        return err_set(err, ST_BAD_CONFIG, "JSON_SR needs a schema registry");
    if (!state->id)
        TRY(schemas->put(schemas->self, s->spec.subject, STR("JSON"), state->text, &state->id,
                         err));
    *ret_id = state->id;
    return ST_OK;
}

static st_t encode(serde_t *s, const data_value_t *row, buf_t *b, err_t *err)
{
    json_sr_state_t *state = s->state;
    int32_t id = state->id;
    if (id == 0)
        TRY(enroll(s, &id, err));
    buf_put_char(b, 0);
    buf_put_be32(b, (uint32_t)id);
    json_rows_write(state->rows, row, b);
    return ST_OK;
}

static str_t schema_text(serde_t *s)
{
    return ((json_sr_state_t *)s->state)->text;
}

static st_t infer(str_t text, bool is_key, bool upper, arena_t *a, data_columns_t *ret,
                  bool *ret_wrapped, err_t *err)
{
    const data_type_t *type;
    bool object;
    TRY(json_schema_type(a, text, upper, &type, &object, err));
    *ret_wrapped = object && !is_key;
    if (*ret_wrapped) {
        *ret = (data_columns_t){(const data_column_t *)(const void *)type->field, type->n_fields};
        return ST_OK;
    }
    data_column_t *c = ARENA_NEW(a, data_column_t);
    *c = (data_column_t){is_key ? STR("ROWKEY") : STR("ROWVAL"), type};
    *ret = (data_columns_t){c, 1};
    return ST_OK;
}

const format_class_t format_json_sr = {.check = json_rows_check,
                                       .open = open_json_sr,
                                       .decode = decode,
                                       .encode = encode,
                                       .enroll = enroll,
                                       .schema_text = schema_text,
                                       .infer = infer};
