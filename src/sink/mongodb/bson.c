#include "sink/mongodb/bson.h"

#include "data/text.h"

#include <bson/bson.h>
#include <inttypes.h>

#define DAY_MS 86400000LL

/* Element types, bsonspec.org. */
enum {
    BSON_DOUBLE = 0x01,
    BSON_STRING = 0x02,
    BSON_DOCUMENT = 0x03,
    BSON_ARRAY = 0x04,
    BSON_BINARY = 0x05,
    BSON_BOOL = 0x08,
    BSON_DATE = 0x09,
    BSON_NULL = 0x0a,
    BSON_INT32 = 0x10,
    BSON_INT64 = 0x12,
    BSON_DECIMAL128 = 0x13
};

static void put_i32(buf_t *b, int32_t v)
{
    uint32_t u = htole32((uint32_t)v);
    buf_put(b, &u, 4);
}

static void put_i64(buf_t *b, int64_t v)
{
    uint64_t u = htole64((uint64_t)v);
    buf_put(b, &u, 8);
}

static size_t begin(buf_t *b)
{
    put_i32(b, 0);
    return b->len - 4;
}

static void end(buf_t *b, size_t at)
{
    buf_put_char(b, 0);
    uint32_t n = htole32((uint32_t)(b->len - at));
    memcpy(b->ptr + at, &n, 4);
}

static ST put_head(buf_t *b, int type, str_t name, err_t *err)
{
    if (memchr(name.ptr, 0, name.len) || !bson_utf8_validate(name.ptr, name.len, false))
        return err_set(err, ST_BAD_INPUT, "a field's name is not UTF-8 or holds U+0000");
    buf_put_char(b, (char)type);
    buf_put_str(b, name);
    buf_put_char(b, 0);
    return ST_OK;
}

static ST put_text(buf_t *b, str_t s, err_t *err)
{
    if (s.len && !bson_utf8_validate(s.ptr, s.len, true))
        return err_set(err, ST_BAD_INPUT, "text is not UTF-8");
    put_i32(b, (int32_t)(s.len + 1));
    buf_put_str(b, s);
    buf_put_char(b, 0);
    return ST_OK;
}

static ST put_decimal(buf_t *b, str_t name, data_value_t v, err_t *err)
{
    buf_t text = BUF_INIT;
    data_decimal_put_text(&text, v.dec);
    buf_put_char(&text, 0);
    bson_decimal128_t d;
    st_t st = ST_OK;
    if (!bson_decimal128_from_string(text.ptr, &d))
        st = err_set(err, ST_RANGE, STR_FMT ": %s has more than Decimal128's 34 digits",
                     STR_ARG(name), text.ptr);
    buf_done(&text);
    TRY(st);
    TRY(put_head(b, BSON_DECIMAL128, name, err));
    put_i64(b, (int64_t)d.low);
    put_i64(b, (int64_t)d.high);
    return ST_OK;
}

static ST put_date(buf_t *b, str_t name, int64_t ms, err_t *err)
{
    TRY(put_head(b, BSON_DATE, name, err));
    put_i64(b, ms);
    return ST_OK;
}

static ST put_integer(buf_t *b, str_t name, int64_t v, err_t *err)
{
    bool small = v >= INT32_MIN && v <= INT32_MAX;
    TRY(put_head(b, small ? BSON_INT32 : BSON_INT64, name, err));
    if (small)
        put_i32(b, (int32_t)v);
    else
        put_i64(b, v);
    return ST_OK;
}

static ST put_value(buf_t *b, str_t name, data_value_t v, const data_type_t *t, err_t *err);

static ST put_array(buf_t *b, data_value_t v, const data_type_t *t, err_t *err)
{
    size_t at = begin(b);
    for (uint32_t i = 0; i < v.len; i++) {
        char index[16];
        int n = snprintf(index, sizeof index, "%" PRIu32, i);
        TRY(put_value(b, str_n(index, (size_t)n), v.v[i], t->elem, err));
    }
    end(b, at);
    return ST_OK;
}

static ST put_map(buf_t *b, data_value_t v, const data_type_t *t, err_t *err)
{
    size_t at = begin(b);
    buf_t key = BUF_INIT;
    st_t st = ST_OK;
    for (uint32_t i = 0; i < v.len && st == ST_OK; i++) {
        buf_clear(&key);
        data_put_text(&key, v.v[2 * i], t->key);
        st = put_value(b, buf_str(&key), v.v[2 * i + 1], t->elem, err);
    }
    buf_done(&key);
    end(b, at);
    return st;
}

static ST put_fields(buf_t *b, const data_field_t *field, size_t n, const data_value_t *v,
                     err_t *err)
{
    for (size_t i = 0; i < n; i++)
        TRY(put_value(b, field[i].name, v[i], field[i].type, err));
    return ST_OK;
}

static ST put_nested(buf_t *b, str_t name, data_value_t v, const data_type_t *t, err_t *err)
{
    TRY(put_head(b, v.kind == DATA_ARRAY ? BSON_ARRAY : BSON_DOCUMENT, name, err));
    if (v.kind == DATA_ARRAY)
        return put_array(b, v, t, err);
    if (v.kind == DATA_MAP)
        return put_map(b, v, t, err);
    size_t at = begin(b);
    TRY(put_fields(b, t->field, t->n_fields, v.v, err));
    end(b, at);
    return ST_OK;
}

static ST put_value(buf_t *b, str_t name, data_value_t v, const data_type_t *t, err_t *err)
{
    switch ((data_kind_t)v.kind) {
    case DATA_NULL:
        return put_head(b, BSON_NULL, name, err);
    case DATA_BOOLEAN:
        TRY(put_head(b, BSON_BOOL, name, err));
        buf_put_char(b, v.b);
        return ST_OK;
    case DATA_INTEGER:
        return put_integer(b, name, v.i32, err);
    case DATA_BIGINT:
        return put_integer(b, name, v.i64, err);
    case DATA_DOUBLE: {
        int64_t bits;
        memcpy(&bits, &v.f64, 8);
        TRY(put_head(b, BSON_DOUBLE, name, err));
        put_i64(b, bits);
        return ST_OK;
    }
    case DATA_DECIMAL:
        return put_decimal(b, name, v, err);
    case DATA_STRING:
        TRY(put_head(b, BSON_STRING, name, err));
        return put_text(b, data_str(v), err);
    case DATA_BYTES:
        TRY(put_head(b, BSON_BINARY, name, err));
        put_i32(b, (int32_t)v.len);
        buf_put_char(b, 0);
        buf_put_str(b, data_str(v));
        return ST_OK;
    case DATA_TIME:
        return put_date(b, name, v.i32, err);
    case DATA_DATE:
        return put_date(b, name, v.i32 * DAY_MS, err);
    case DATA_TIMESTAMP:
        return put_date(b, name, v.i64, err);
    case DATA_ARRAY:
    case DATA_MAP:
    case DATA_STRUCT:
        return put_nested(b, name, v, t, err);
    case DATA_KINDS:
        break;
    }
    ASSERT(!"kind");
    return ST_OK;
}

/* The element _id that is no field of the row. */
static ST put_made_id(buf_t *b, const sink_shape_t *shape, const sink_record_at_t *at,
                      const data_value_t *row, err_t *err)
{
    if (shape->id == SINK_ID_FULL_KEY) {
        TRY(put_head(b, BSON_DOCUMENT, STR("_id"), err));
        size_t start = begin(b);
        TRY(put_fields(b, shape->field, shape->n_key, row, err));
        end(b, start);
        return ST_OK;
    }
    char text[LOG_TOPIC_NAME_MAX + 64];
    int n = snprintf(text, sizeof text, STR_FMT "#%" PRId32 "#%" PRId64, STR_ARG(at->topic),
                     at->partition, at->offset);
    TRY(put_head(b, BSON_STRING, STR("_id"), err));
    return put_text(b, str_n(text, (size_t)n), err);
}

st_t sink_bson_put_document(buf_t *b, const sink_shape_t *shape, const sink_record_at_t *at,
                            const data_value_t *row, err_t *err)
{
    size_t start = begin(b);
    if (sink_shape_makes_id(shape))
        TRY(put_made_id(b, shape, at, row, err));
    TRY(put_fields(b, shape->field, shape->n, row, err));
    end(b, start);
    if (b->len - start > SINK_BSON_BYTES_MAX)
        return err_set(err, ST_TOO_LARGE, "the document has %zu bytes, MongoDB stores at most %u",
                       b->len - start, SINK_BSON_BYTES_MAX);
    return ST_OK;
}

st_t sink_bson_put_filter(buf_t *b, const sink_shape_t *shape, const sink_record_at_t *at,
                          const data_value_t *row, err_t *err)
{
    size_t start = begin(b);
    if (sink_shape_makes_id(shape))
        TRY(put_made_id(b, shape, at, row, err));
    for (size_t i = 0; !sink_shape_makes_id(shape) && i < shape->n_id; i++) {
        const data_field_t *f = &shape->field[shape->id_field[i]];
        data_value_t v = row[shape->id_field[i]];
        if (data_is_null(v))
            return err_set(err, ST_BAD_INPUT, STR_FMT ", which identifies the document, is null",
                           STR_ARG(f->name));
        TRY(put_value(b, f->name, v, f->type, err));
    }
    end(b, start);
    return ST_OK;
}
