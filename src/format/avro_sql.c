/* Between Avro schemas and SQL types, as Connect's AvroData and ksqlDB map them. */
#include "format/avro_schema.h"

#define DEPTH_MAX 64
#define NODES_MAX                                                                                  \
    20000 /* named types may be used many times: a small text can stand for a huge type */

typedef struct mapper {
    arena_t *arena;
    bool upper;
    int depth, nodes;
    err_t *err;
} mapper_t;

static ST map_type(mapper_t *m, const avro_schema_t *s, const data_type_t **ret);

static str_t sql_name(mapper_t *m, str_t name)
{
    return m->upper ? arena_upper(m->arena, name) : arena_str(m->arena, name);
}

static ST map_record(mapper_t *m, const avro_schema_t *s, const data_type_t **ret)
{
    data_field_t *f = ARENA_ARRAY(m->arena, data_field_t, s->n_fields);
    for (size_t i = 0; i < s->n_fields; i++) {
        f[i].name = sql_name(m, s->field[i].name);
        TRY(map_type(m, s->field[i].type, &f[i].type));
    }
    *ret = data_type_struct(m->arena, f, s->n_fields);
    return ST_OK;
}

/* [null, T] is T; more branches are a STRUCT with a field each, of which one is not null. */
static ST map_union(mapper_t *m, const avro_schema_t *s, const data_type_t **ret)
{
    size_t n = 0;
    const avro_schema_t *only = NULL;
    data_field_t *f = ARENA_ARRAY(m->arena, data_field_t, s->n_branches);
    for (size_t i = 0; i < s->n_branches; i++) {
        if (s->branch[i]->kind == AVRO_NULL)
            continue;
        only = s->branch[i];
        f[n].name = sql_name(m, avro_branch_name(only));
        TRY(map_type(m, only, &f[n++].type));
    }
    if (n == 0)
        return err_set(m->err, ST_UNSUPPORTED, "A union of null alone has no SQL type");
    *ret = n == 1 ? f[0].type : data_type_struct(m->arena, f, n);
    return ST_OK;
}

static const data_type_t *map_scalar(mapper_t *m, const avro_schema_t *s)
{
    switch (s->kind) {
    case AVRO_BOOLEAN:
        return &data_boolean;
    case AVRO_INT:
        return s->logical == AVRO_DATE          ? &data_date
               : s->logical == AVRO_TIME_MILLIS ? &data_time
                                                : &data_integer;
    case AVRO_LONG:
        return s->logical == AVRO_TIMESTAMP_MILLIS ? &data_timestamp : &data_bigint;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return &data_double;
    case AVRO_BYTES:
    case AVRO_FIXED:
        if (s->logical == AVRO_DECIMAL)
            return data_type_decimal(m->arena, s->precision, s->scale);
        return &data_bytes;
    case AVRO_STRING:
    case AVRO_ENUM:
        return &data_string;
    case AVRO_NULL:
    case AVRO_RECORD:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
        break;
    }
    return NULL;
}

static ST map_nested(mapper_t *m, const avro_schema_t *s, const data_type_t **ret)
{
    const data_type_t *key = &data_string, *item;
    if (s->kind == AVRO_RECORD)
        return map_record(m, s, ret);
    if (s->kind == AVRO_UNION)
        return map_union(m, s, ret);
    if (s->kind == AVRO_NULL)
        return err_set(m->err, ST_UNSUPPORTED, "The Avro type null has no SQL type");
    if (avro_is_entries(s)) {
        TRY(map_type(m, s->item->field[0].type, &key));
        TRY(map_type(m, s->item->field[1].type, &item));
    } else {
        TRY(map_type(m, s->item, &item));
    }
    *ret = s->kind == AVRO_MAP || avro_is_entries(s) ? data_type_map(m->arena, key, item)
                                                     : data_type_array(m->arena, item);
    return ST_OK;
}

static ST map_type(mapper_t *m, const avro_schema_t *s, const data_type_t **ret)
{
    if (++m->nodes > NODES_MAX || m->depth >= DEPTH_MAX)
        return err_set(m->err, ST_UNSUPPORTED,
                       "The Avro schema holds itself or is too large for a SQL type");
    const data_type_t *t = map_scalar(m, s);
    if (t) {
        *ret = t;
        return ST_OK;
    }
    m->depth++;
    TRY(map_nested(m, s, ret));
    m->depth--;
    return ST_OK;
}

st_t avro_sql_type(arena_t *a, const avro_schema_t *s, bool upper, const data_type_t **ret,
                   err_t *err)
{
    mapper_t m = {a, upper, 0, 0, err};
    return map_type(&m, s, ret);
}

static ST check_type(const data_type_t *t, err_t *err)
{
    if (!t)
        return ST_OK;
    if (t->kind == DATA_MAP && t->key->kind != DATA_STRING)
        return err_set(err, ST_UNSUPPORTED, "Avro only supports MAPs with STRING keys");
    TRY(check_type(t->elem, err));
    return avro_check((data_columns_t){(const data_column_t *)(const void *)t->field, t->n_fields},
                      err);
}

_Static_assert(sizeof(data_field_t) == sizeof(data_column_t) &&
                   offsetof(data_field_t, type) == offsetof(data_column_t, type),
               "fields and columns are alike");

static ST check_name(str_t name, err_t *err)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return err_set(err, ST_UNSUPPORTED,
                           "Schema is not compatible with Avro: Illegal %s: " STR_FMT,
                           i == 0 ? "initial character" : "character in", STR_ARG(name));
    }
    return ST_OK;
}

st_t avro_check(data_columns_t columns, err_t *err)
{
    for (size_t i = 0; i < columns.len; i++) {
        TRY(check_name(columns.ptr[i].name, err));
        TRY(check_type(columns.ptr[i].type, err));
    }
    return ST_OK;
}

/* The record's name parts: the path of field names is appended to the root's. */
typedef struct path {
    const struct path *up;
    str_t name;
} path_t;

static void put_path(buf_t *b, const path_t *p)
{
    if (p->up) {
        put_path(b, p->up);
        buf_put_char(b, '_');
    }
    buf_put_str(b, p->name);
}

/* name, and namespace at the root: nested records share it. */
static void put_record_name(buf_t *b, const path_t *path)
{
    buf_t full = BUF_INIT;
    put_path(&full, path);
    size_t dot = full.len;
    while (dot > 0 && full.ptr[dot - 1] != '.')
        dot--;
    json_put_member_str(b, "name", (str_t){full.ptr + dot, full.len - dot});
    if (!path->up && dot > 0)
        json_put_member_str(b, "namespace", (str_t){full.ptr, dot - 1});
    buf_done(&full);
}

static void put_connect_name(buf_t *b, const path_t *path)
{
    buf_t full = BUF_INIT;
    put_path(&full, path);
    json_put_member_str(b, "connect.name", buf_str(&full));
    buf_done(&full);
}

static void put_type(buf_t *b, const data_type_t *t, const path_t *path);

static void put_optional(buf_t *b, const data_type_t *t, const path_t *path)
{
    BUF_LIT(b, "[\"null\",");
    put_type(b, t, path);
    buf_put_char(b, ']');
}

static void put_field(buf_t *b, str_t name, const data_type_t *t, const path_t *path)
{
    json_put_item(b);
    buf_put_char(b, '{');
    json_put_member_str(b, "name", name);
    json_put_name(b, "type");
    put_optional(b, t, path);
    BUF_LIT(b, ",\"default\":null}");
}

static void put_record(buf_t *b, data_columns_t c, const path_t *path)
{
    BUF_LIT(b, "{\"type\":\"record\"");
    put_record_name(b, path);
    BUF_LIT(b, ",\"fields\":[");
    for (size_t i = 0; i < c.len; i++)
        put_field(b, c.ptr[i].name, c.ptr[i].type, &(path_t){path, c.ptr[i].name});
    buf_put_char(b, ']');
    put_connect_name(b, path);
    buf_put_char(b, '}');
}

static void put_map(buf_t *b, const data_type_t *t, const path_t *path)
{
    BUF_LIT(b, "{\"type\":\"array\",\"items\":{\"type\":\"record\"");
    put_record_name(b, path);
    BUF_LIT(b, ",\"fields\":[");
    put_field(b, STR("key"), t->key, &(path_t){path, STR("MapKey")});
    put_field(b, STR("value"), t->elem, &(path_t){path, STR("MapValue")});
    BUF_LIT(b, "],\"connect.internal.type\":\"MapEntry\"}");
    put_connect_name(b, path);
    buf_put_char(b, '}');
}

static void put_logical(buf_t *b, const char *type, const char *connect, const char *logical)
{
    buf_printf(b,
               "{\"type\":\"%s\",\"connect.version\":1,\"connect.name\":\"org.apache.kafka.connect."
               "data.%s\",\"logicalType\":\"%s\"}",
               type, connect, logical);
}

static void put_type(buf_t *b, const data_type_t *t, const path_t *path)
{
    static const char *const names[DATA_KINDS] = {
        [DATA_BOOLEAN] = "\"boolean\"", [DATA_INTEGER] = "\"int\"",   [DATA_BIGINT] = "\"long\"",
        [DATA_DOUBLE] = "\"double\"",   [DATA_STRING] = "\"string\"", [DATA_BYTES] = "\"bytes\""};
    if (names[t->kind]) {
        buf_put_str(b, str_of(names[t->kind]));
    } else if (t->kind == DATA_DECIMAL) {
        buf_printf(b,
                   "{\"type\":\"bytes\",\"scale\":%d,\"precision\":%d,\"connect.version\":1,"
                   "\"connect.parameters\":{\"scale\":\"%d\",\"connect.decimal.precision\":\"%d\"},"
                   "\"connect.name\":\"org.apache.kafka.connect.data.Decimal\","
                   "\"logicalType\":\"decimal\"}",
                   t->scale, t->precision, t->scale, t->precision);
    } else if (t->kind == DATA_TIMESTAMP) {
        put_logical(b, "long", "Timestamp", "timestamp-millis");
    } else if (t->kind == DATA_TIME) {
        put_logical(b, "int", "Time", "time-millis");
    } else if (t->kind == DATA_DATE) {
        put_logical(b, "int", "Date", "date");
    } else if (t->kind == DATA_MAP) {
        put_map(b, t, path);
    } else if (t->kind == DATA_ARRAY) {
        BUF_LIT(b, "{\"type\":\"array\",\"items\":");
        put_optional(b, t->elem, path);
        buf_put_char(b, '}');
    } else {
        ASSERT(t->kind == DATA_STRUCT);
        put_record(b, (data_columns_t){(const data_column_t *)(const void *)t->field, t->n_fields},
                   path);
    }
}

void avro_generate(buf_t *b, data_columns_t columns, bool bare, str_t full_name)
{
    path_t root = {NULL, full_name.len ? full_name : AVRO_DEFAULT_NAME};
    if (bare)
        put_type(b, columns.ptr[0].type, &root);
    else
        put_record(b, columns, &root);
}
