#include "format/json_schema.h"

#include "base/json.h"

#include <stdlib.h>

#define CONNECT   "org.apache.kafka.connect.data."
#define DEPTH_MAX 64

static void put_type(buf_t *b, const data_type_t *t);

static void put_optional(buf_t *b, const data_type_t *t)
{
    json_put_name(b, "oneOf");
    BUF_LIT(b, "[{\"type\":\"null\"},");
    put_type(b, t);
    buf_put_char(b, ']');
}

static void put_object(buf_t *b, data_columns_t c, str_t title)
{
    buf_put_char(b, '{');
    json_put_member_str(b, "type", STR("object"));
    if (title.len)
        json_put_member_str(b, "title", title);
    json_put_name(b, "properties");
    buf_put_char(b, '{');
    for (size_t i = 0; i < c.len; i++) {
        json_put_name_str(b, c.ptr[i].name);
        buf_put_char(b, '{');
        json_put_member_i64(b, "connect.index", (int64_t)i);
        put_optional(b, c.ptr[i].type);
        buf_put_char(b, '}');
    }
    BUF_LIT(b, "}}");
}

static void put_logical(buf_t *b, const char *type, const char *title, const char *connect_type)
{
    json_put_member_str(b, "type", str_of(type));
    json_put_name(b, "title");
    buf_printf(b, "\"" CONNECT "%s\"", title);
    json_put_member_i64(b, "connect.version", 1);
    json_put_member_str(b, "connect.type", str_of(connect_type));
}

static void put_scalar(buf_t *b, const char *type, const char *connect_type)
{
    json_put_member_str(b, "type", str_of(type));
    if (connect_type)
        json_put_member_str(b, "connect.type", str_of(connect_type));
}

static void put_items(buf_t *b, const data_type_t *t)
{
    bool map = t->kind == DATA_MAP;
    put_scalar(b, map ? "object" : "array", map ? "map" : NULL);
    json_put_name(b, map ? "additionalProperties" : "items");
    buf_put_char(b, '{');
    put_optional(b, t->elem);
    buf_put_char(b, '}');
}

static void put_type(buf_t *b, const data_type_t *t)
{
    if (t->kind == DATA_STRUCT) {
        put_object(b, (data_columns_t){(const data_column_t *)(const void *)t->field, t->n_fields},
                   STR(""));
        return;
    }
    buf_put_char(b, '{');
    switch (t->kind) {
    case DATA_BOOLEAN:
        put_scalar(b, "boolean", NULL);
        break;
    case DATA_INTEGER:
        put_scalar(b, "integer", "int32");
        break;
    case DATA_BIGINT:
        put_scalar(b, "integer", "int64");
        break;
    case DATA_DOUBLE:
        put_scalar(b, "number", "float64");
        break;
    case DATA_STRING:
        put_scalar(b, "string", NULL);
        break;
    case DATA_BYTES:
        put_scalar(b, "string", "bytes");
        break;
    case DATA_DECIMAL:
        put_logical(b, "number", "Decimal", "bytes");
        buf_printf(
            b, ",\"connect.parameters\":{\"scale\":\"%d\",\"connect.decimal.precision\":\"%d\"}",
            t->scale, t->precision);
        break;
    case DATA_TIME:
        put_logical(b, "integer", "Time", "int32");
        break;
    case DATA_DATE:
        put_logical(b, "integer", "Date", "int32");
        break;
    case DATA_TIMESTAMP:
        put_logical(b, "integer", "Timestamp", "int64");
        break;
    case DATA_ARRAY:
    case DATA_MAP:
        put_items(b, t);
        break;
    case DATA_NULL:
    case DATA_STRUCT:
    case DATA_KINDS:
        ASSERT(!"a column's type");
    }
    buf_put_char(b, '}');
}

void json_schema_put(buf_t *b, data_columns_t columns, bool bare, str_t title)
{
    if (!bare) {
        put_object(b, columns, title);
        return;
    }
    buf_put_char(b, '{');
    put_optional(b, columns.ptr[0].type);
    buf_put_char(b, '}');
}

typedef struct mapper {
    arena_t *arena;
    bool upper;
    int depth;
    err_t *err;
} mapper_t;

static ST map_type(mapper_t *m, const json_value_t *v, const data_type_t **ret);

static bool is_null_type(const json_value_t *v)
{
    return str_eq(json_get_text(v, "type", STR("")), STR("null"));
}

/* The schema behind oneOf or anyOf with null. */
static const json_value_t *without_null(const json_value_t *v)
{
    const json_value_t *list = json_get(v, "oneOf");
    if (!list)
        list = json_get(v, "anyOf");
    if (!list || list->kind != JSON_ARRAY || list->n > 2)
        return v;
    for (size_t i = 0; i < list->n; i++)
        if (!is_null_type(&list->item[i]))
            return &list->item[i];
    return v;
}

/* "type": a word, or a list of one word and "null". */
static str_t type_word(const json_value_t *v)
{
    const json_value_t *type = json_get(v, "type");
    for (size_t i = 0; type && type->kind == JSON_ARRAY && i < type->n && type->n <= 2; i++)
        if (!str_eq(type->item[i].text, STR("null")))
            return type->item[i].text;
    return json_get_text(v, "type", json_get(v, "properties") ? STR("object") : STR(""));
}

static ST map_decimal(mapper_t *m, const json_value_t *v, const data_type_t **ret)
{
    const json_value_t *p = json_get(v, "connect.parameters");
    int32_t scale = 0, precision = 64;
    (void)str_to_i32(json_get_text(p, "scale", STR("")), &scale);
    (void)str_to_i32(json_get_text(p, "connect.decimal.precision", STR("")), &precision);
    if (precision < 1 || precision > 10000 || scale < 0 || scale > precision)
        return err_set(m->err, ST_BAD_INPUT, "A decimal's precision %d and scale %d do not fit",
                       precision, scale);
    *ret = data_type_decimal(m->arena, precision, scale);
    return ST_OK;
}

typedef struct property {
    int64_t index;
    size_t at;
} property_t;

static int compare_properties(const void *a, const void *b)
{
    const property_t *x = a, *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static ST map_object(mapper_t *m, const json_value_t *v, const data_type_t **ret)
{
    const json_value_t *list = json_get(v, "properties"),
                       *more = json_get(v, "additionalProperties");
    size_t n = list && list->kind == JSON_OBJECT ? list->n : 0;
    if (n == 0 && more && more->kind == JSON_OBJECT) {
        const data_type_t *item;
        TRY(map_type(m, more, &item));
        *ret = data_type_map(m->arena, &data_string, item);
        return ST_OK;
    }
    property_t *order = ARENA_ARRAY(m->arena, property_t, n);
    for (size_t i = 0; i < n; i++)
        order[i] = (property_t){json_get_i64(&list->item[i], "connect.index", (int64_t)i), i};
    if (n)
        qsort(order, n, sizeof *order, compare_properties);
    data_field_t *f = ARENA_ARRAY(m->arena, data_field_t, n);
    for (size_t i = 0; i < n; i++) {
        str_t name = list->name[order[i].at];
        f[i].name = m->upper ? arena_upper(m->arena, name) : arena_str(m->arena, name);
        TRY(map_type(m, &list->item[order[i].at], &f[i].type));
    }
    *ret = data_type_struct(m->arena, f, n);
    return ST_OK;
}

static const data_type_t *map_whole(str_t title, str_t connect)
{
    if (str_eq(title, STR(CONNECT "Timestamp")))
        return &data_timestamp;
    if (str_eq(title, STR(CONNECT "Date")))
        return &data_date;
    if (str_eq(title, STR(CONNECT "Time")))
        return &data_time;
    bool small = str_eq(connect, STR("int8")) || str_eq(connect, STR("int16")) ||
                 str_eq(connect, STR("int32"));
    return small ? &data_integer : &data_bigint;
}

static ST map_word(mapper_t *m, const json_value_t *v, const data_type_t **ret)
{
    str_t type = type_word(v), connect = json_get_text(v, "connect.type", STR(""));
    str_t title = json_get_text(v, "title", STR(""));
    const json_value_t *items = json_get(v, "items");
    const data_type_t *item;
    if (str_eq(type, STR("boolean"))) {
        *ret = &data_boolean;
    } else if (str_eq(title, STR(CONNECT "Decimal"))) {
        return map_decimal(m, v, ret);
    } else if (str_eq(type, STR("integer"))) {
        *ret = map_whole(title, connect);
    } else if (str_eq(type, STR("number"))) {
        *ret = &data_double;
    } else if (str_eq(type, STR("string")) || json_get(v, "enum")) {
        *ret = str_eq(connect, STR("bytes")) ? &data_bytes : &data_string;
    } else if (str_eq(type, STR("object"))) {
        return map_object(m, v, ret);
    } else if (str_eq(type, STR("array")) && items) {
        TRY(map_type(m, items, &item));
        *ret = data_type_array(m->arena, item);
    } else {
        return err_set(m->err, ST_UNSUPPORTED,
                       "A JSON schema of type '" STR_FMT "' has no SQL type", STR_ARG(type));
    }
    return ST_OK;
}

static ST map_type(mapper_t *m, const json_value_t *v, const data_type_t **ret)
{
    if (m->depth >= DEPTH_MAX)
        return err_set(m->err, ST_UNSUPPORTED, "The JSON schema is nested too deep");
    m->depth++;
    TRY(map_word(m, without_null(v), ret));
    m->depth--;
    return ST_OK;
}

st_t json_schema_type(arena_t *a, str_t text, bool upper, const data_type_t **ret, bool *ret_object,
                      err_t *err)
{
    const json_value_t *v;
    mapper_t m = {a, upper, 0, err};
    TRY(json_parse(a, arena_str(a, text), 0, &v, err));
    TRY(map_type(&m, v, ret));
    *ret_object = (*ret)->kind == DATA_STRUCT;
    return ST_OK;
}
