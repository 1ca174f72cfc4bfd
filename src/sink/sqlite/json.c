#include "sink/sqlite/json.h"

#include "base/json.h"
#include "data/text.h"

#include <math.h>

static void put_text(buf_t *b, str_t s)
{
    json_put_str_jackson(b, s);
}

static void put_array(buf_t *b, data_value_t v, const data_type_t *t)
{
    buf_put_char(b, '[');
    for (uint32_t i = 0; i < v.len; i++) {
        if (i)
            buf_put_char(b, ',');
        sink_json_put_value(b, v.v[i], t->elem);
    }
    buf_put_char(b, ']');
}

static void put_map(buf_t *b, data_value_t v, const data_type_t *t)
{
    buf_t key = BUF_INIT;
    buf_put_char(b, '{');
    for (uint32_t i = 0; i < v.len; i++) {
        if (i)
            buf_put_char(b, ',');
        buf_clear(&key);
        data_put_text(&key, v.v[2 * i], t->key);
        put_text(b, buf_str(&key));
        buf_put_char(b, ':');
        sink_json_put_value(b, v.v[2 * i + 1], t->elem);
    }
    buf_put_char(b, '}');
    buf_done(&key);
}

static void put_fields(buf_t *b, const data_field_t *field, size_t n, const data_value_t *v,
                       bool comma)
{
    for (size_t i = 0; i < n; i++) {
        if (i || comma)
            buf_put_char(b, ',');
        put_text(b, field[i].name);
        buf_put_char(b, ':');
        sink_json_put_value(b, v[i], field[i].type);
    }
    buf_put_char(b, '}');
}

static void put_quoted(buf_t *b, data_value_t v)
{
    buf_put_char(b, '"');
    if (v.kind == DATA_BYTES)
        data_put_base64(b, data_str(v));
    else if (v.kind == DATA_TIME)
        data_put_time(b, v.i32);
    else if (v.kind == DATA_DATE)
        data_put_date(b, v.i32);
    else
        data_put_timestamp(b, v.i64);
    buf_put_char(b, '"');
}

void sink_json_put_value(buf_t *b, data_value_t v, const data_type_t *t)
{
    switch ((data_kind_t)v.kind) {
    case DATA_NULL:
        BUF_LIT(b, "null");
        return;
    case DATA_BOOLEAN:
        json_put_bool(b, v.b);
        return;
    case DATA_INTEGER:
        buf_put_i64(b, v.i32);
        return;
    case DATA_BIGINT:
        buf_put_i64(b, v.i64);
        return;
    case DATA_DOUBLE:
        if (isfinite(v.f64))
            data_put_f64(b, v.f64);
        else
            BUF_LIT(b, "null");
        return;
    case DATA_DECIMAL:
        data_decimal_put_plain(b, v.dec);
        return;
    case DATA_STRING:
        put_text(b, data_str(v));
        return;
    case DATA_BYTES:
    case DATA_TIME:
    case DATA_DATE:
    case DATA_TIMESTAMP:
        put_quoted(b, v);
        return;
    case DATA_ARRAY:
        put_array(b, v, t);
        return;
    case DATA_MAP:
        put_map(b, v, t);
        return;
    case DATA_STRUCT:
        buf_put_char(b, '{');
        put_fields(b, t->field, t->n_fields, v.v, false);
        return;
    case DATA_KINDS:
        break;
    }
    ASSERT(!"kind");
}

void sink_json_put_document(buf_t *b, const sink_shape_t *shape, const data_value_t *row, str_t id)
{
    buf_put_char(b, '{');
    if (id.ptr) {
        BUF_LIT(b, "\"_id\":");
        buf_put_str(b, id);
    }
    put_fields(b, shape->field, shape->n, row, id.ptr != NULL);
}
