/* KAFKA: one column as Kafka's own serializers write it: INTEGER 4 bytes, BIGINT and DOUBLE 8
 * bytes, big-endian; STRING as UTF-8; BYTES as they are. */
#include "format/serde.h"

static bool carries(data_kind_t k)
{
    return k == DATA_INTEGER || k == DATA_BIGINT || k == DATA_DOUBLE || k == DATA_STRING ||
           k == DATA_BYTES;
}

static st_t check(data_columns_t columns, bool is_key, err_t *err)
{
    if (columns.len > 1) {
        data_schema_t s = {.value = columns};
        if (is_key)
            s = (data_schema_t){.key = columns};
        buf_t b = BUF_INIT;
        data_schema_put(&b, &s, false);
        st_t st = err_set(err, ST_UNSUPPORTED,
                          "The 'KAFKA' format only supports a single field. Got: [" STR_FMT "]",
                          STR_ARG(buf_str(&b)));
        buf_done(&b);
        return st;
    }
    for (size_t i = 0; i < columns.len; i++)
        if (!carries(columns.ptr[i].type->kind))
            return err_set(err, ST_UNSUPPORTED, "The 'KAFKA' format does not support type '%s'",
                           data_kind_name(columns.ptr[i].type->kind));
    return ST_OK;
}

static st_t open_kafka(serde_t *s, err_t *err)
{
    (void)s;
    (void)err;
    return ST_OK;
}

static ST check_size(str_t bytes, size_t n, const char *deserializer, err_t *err)
{
    if (bytes.len == n)
        return ST_OK;
    return err_set(err, ST_CORRUPT, "Size of data received by %s is not %zu but %zu", deserializer,
                   n, bytes.len);
}

static st_t decode(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                   bool *ret_null, err_t *err)
{
    (void)a, (void)want, (void)ret_null;
    if (s->spec.columns.len == 0)
        return ST_OK;
    data_kind_t kind = s->spec.columns.ptr[0].type->kind;
    if (kind == DATA_INTEGER) {
        TRY(check_size(bytes, 4, "IntegerDeserializer", err));
        row[0] = data_of_i32((int32_t)load_be32(bytes.ptr));
    } else if (kind == DATA_BIGINT) {
        TRY(check_size(bytes, 8, "LongDeserializer", err));
        row[0] = data_of_i64((int64_t)load_be64(bytes.ptr));
    } else if (kind == DATA_DOUBLE) {
        TRY(check_size(bytes, 8, "DoubleDeserializer", err));
        uint64_t bits = load_be64(bytes.ptr);
        row[0] = (data_value_t){.kind = DATA_DOUBLE};
        memcpy(&row[0].f64, &bits, 8);
    } else {
        row[0] = kind == DATA_STRING ? data_of_str(bytes) : data_of_bytes(bytes);
    }
    return ST_OK;
}

static st_t encode(serde_t *s, const data_value_t *row, buf_t *b, err_t *err)
{
    (void)err;
    if (s->spec.columns.len == 0)
        return ST_OK;
    if (row[0].kind == DATA_INTEGER)
        buf_put_be32(b, (uint32_t)row[0].i32);
    else if (row[0].kind == DATA_BIGINT || row[0].kind == DATA_DOUBLE)
        buf_put_be64(b, (uint64_t)row[0].i64); /* the bits of f64 too */
    else if (row[0].kind == DATA_STRING || row[0].kind == DATA_BYTES)
        buf_put_str(b, data_str(row[0]));
    return ST_OK;
}

const format_class_t format_kafka = {
    .check = check, .open = open_kafka, .decode = decode, .encode = encode};
