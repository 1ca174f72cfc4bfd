#include "data/json.h"

#include "base/json.h"
#include "data/text.h"

#include <math.h>

static void put_array(buf_t *b, data_value_t v, const data_type_t *t, data_json_nan_t nan)
{
    buf_put_char(b, '[');
    for (uint32_t i = 0; i < v.len; i++) {
        if (i)
            buf_put_char(b, ',');
        data_put_json(b, v.v[i], t->elem, nan);
    }
    buf_put_char(b, ']');
}

static void put_map(buf_t *b, data_value_t v, const data_type_t *t, data_json_nan_t nan)
{
    buf_t key = BUF_INIT;
    buf_put_char(b, '{');
    for (uint32_t i = 0; i < v.len; i++) {
        if (i)
            buf_put_char(b, ',');
        buf_clear(&key);
        data_put_text(&key, v.v[2 * i], t->key);
        json_put_str(b, buf_str(&key));
        buf_put_char(b, ':');
        data_put_json(b, v.v[2 * i + 1], t->elem, nan);
    }
    buf_put_char(b, '}');
    buf_done(&key);
}

static void put_struct(buf_t *b, data_value_t v, const data_type_t *t, data_json_nan_t nan)
{
    buf_put_char(b, '{');
    for (size_t i = 0; i < t->n_fields; i++) {
        if (i)
            buf_put_char(b, ',');
        json_put_str(b, t->field[i].name);
        buf_put_char(b, ':');
        data_put_json(b, v.v[i], t->field[i].type, nan);
    }
    buf_put_char(b, '}');
}

static void put_f64(buf_t *b, double d, data_json_nan_t nan)
{
    bool quote = !isfinite(d);
    if (quote && nan == DATA_JSON_NAN_NULL) {
        BUF_LIT(b, "null");
        return;
    }
    if (quote)
        buf_put_char(b, '"');
    data_put_f64(b, d);
    if (quote)
        buf_put_char(b, '"');
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

void data_put_json(buf_t *b, data_value_t v, const data_type_t *t, data_json_nan_t nan)
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
        put_f64(b, v.f64, nan);
        return;
    case DATA_DECIMAL:
        data_decimal_put_plain(b, v.dec);
        return;
    case DATA_STRING:
        json_put_str(b, data_str(v));
        return;
    case DATA_BYTES:
    case DATA_TIME:
    case DATA_DATE:
    case DATA_TIMESTAMP:
        put_quoted(b, v);
        return;
    case DATA_ARRAY:
        put_array(b, v, t, nan);
        return;
    case DATA_MAP:
        put_map(b, v, t, nan);
        return;
    case DATA_STRUCT:
        put_struct(b, v, t, nan);
        return;
    case DATA_KINDS:
        break;
    }
    ASSERT(!"kind");
}
