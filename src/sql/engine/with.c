#include "sql/engine/with.h"

#include "sql/parse/format.h"

#define BAD(...) err_set(err, ST_BAD_STATEMENT, __VA_ARGS__)

typedef enum with_kind {
    W_TEXT,
    W_INT,
    W_BOOL,
    W_KEY_FORMAT,
    W_VALUE_FORMAT,
    W_FORMAT,
    W_WINDOW,
    W_SIZE
} with_kind_t;

typedef struct with_row {
    const char *name;
    with_kind_t kind;
    size_t offset;
    bool create_only;
} with_row_t;

#define ROW(name, kind, field)                                                                     \
    {                                                                                              \
        name, kind, offsetof(with_t, field), false                                                 \
    }
#define ROW_CREATE(name, kind, field)                                                              \
    {                                                                                              \
        name, kind, offsetof(with_t, field), true                                                  \
    }

static const with_row_t rows[] = {
    ROW("FORMAT", W_FORMAT, value_format),
    ROW("KAFKA_TOPIC", W_TEXT, topic),
    ROW("KEY_DELIMITER", W_TEXT, key_delimiter),
    ROW("KEY_FORMAT", W_KEY_FORMAT, key_format),
    ROW("KEY_PROTOBUF_NULLABLE_REPRESENTATION", W_TEXT, key_nullable),
    ROW("KEY_SCHEMA_FULL_NAME", W_TEXT, key_full_name),
    ROW("KEY_SCHEMA_ID", W_INT, key_schema_id),
    ROW("PARTITIONS", W_INT, partitions),
    ROW("REPLICAS", W_INT, replicas),
    ROW("RETENTION_MS", W_INT, retention_ms),
    ROW_CREATE("SOURCED_BY_CONNECTOR", W_TEXT, query_id),
    ROW_CREATE("SOURCE_CONNECTOR", W_TEXT, query_id),
    ROW("TIMESTAMP", W_TEXT, timestamp),
    ROW("TIMESTAMP_FORMAT", W_TEXT, timestamp_format),
    ROW("VALUE_AVRO_SCHEMA_FULL_NAME", W_TEXT, value_full_name),
    ROW("VALUE_DELIMITER", W_TEXT, value_delimiter),
    ROW("VALUE_FORMAT", W_VALUE_FORMAT, value_format),
    ROW("VALUE_PROTOBUF_NULLABLE_REPRESENTATION", W_TEXT, value_nullable),
    ROW("VALUE_SCHEMA_FULL_NAME", W_TEXT, value_full_name),
    ROW("VALUE_SCHEMA_ID", W_INT, value_schema_id),
    ROW_CREATE("WINDOW_SIZE", W_SIZE, window_size_ms),
    ROW_CREATE("WINDOW_TYPE", W_WINDOW, window),
    ROW("WRAP_SINGLE_VALUE", W_BOOL, wrap),
    ROW("QUERY_ID", W_TEXT, query_id),
};

static ST text_of(const sql_prop_t *p, str_t *ret, err_t *err)
{
    if (p->value->kind == SQL_EXPR_STRING) {
        *ret = p->value->text;
        return ST_OK;
    }
    if (p->value->kind == SQL_EXPR_COLUMN) { /* TIMESTAMP=ts, as a name */
        *ret = p->value->name;
        return ST_OK;
    }
    return BAD("Configuration " STR_FMT " must be a text in quotes", STR_ARG(p->name));
}

static ST int_of(const sql_prop_t *p, int64_t *ret, err_t *err)
{
    const sql_expr_t *v = p->value;
    bool minus = v->kind == SQL_EXPR_UNARY && v->op == SQL_OP_NEGATE;
    if (minus)
        v = v->arg[0];
    if (v->kind == SQL_EXPR_INTEGER || v->kind == SQL_EXPR_LONG)
        *ret = minus ? -v->i64 : v->i64;
    else if (v->kind != SQL_EXPR_STRING || !str_to_i64(v->text, ret))
        return BAD("Configuration " STR_FMT " must be a whole number", STR_ARG(p->name));
    return ST_OK;
}

static ST bool_of(const sql_prop_t *p, int *ret, err_t *err)
{
    bool b;
    if (p->value->kind == SQL_EXPR_BOOLEAN)
        b = p->value->b;
    else if (p->value->kind != SQL_EXPR_STRING || !str_to_bool(p->value->text, &b))
        return BAD("Configuration " STR_FMT " must be true or false", STR_ARG(p->name));
    *ret = b;
    return ST_OK;
}

static ST format_of(const sql_prop_t *p, format_id_t *ret, err_t *err)
{
    str_t t;
    TRY(text_of(p, &t, err));
    if (!format_by_name(t, ret)) {
        char up[64];
        size_t n = t.len < sizeof up ? t.len : sizeof up;
        for (size_t i = 0; i < n; i++)
            up[i] = str_upper_char(t.ptr[i]);
        return BAD("Unknown format: " STR_FMT, STR_ARG(str_n(up, n)));
    }
    return ST_OK;
}

static ST window_of(const sql_prop_t *p, sql_window_kind_t *ret, err_t *err)
{
    str_t t;
    TRY(text_of(p, &t, err));
    if (str_eq_nocase(t, STR("TUMBLING")))
        *ret = SQL_WINDOW_TUMBLING;
    else if (str_eq_nocase(t, STR("HOPPING")))
        *ret = SQL_WINDOW_HOPPING;
    else if (str_eq_nocase(t, STR("SESSION")))
        *ret = SQL_WINDOW_SESSION;
    else
        return BAD("Configuration WINDOW_TYPE is invalid: '" STR_FMT
                   "' is none of TUMBLING, HOPPING, SESSION",
                   STR_ARG(t));
    return ST_OK;
}

/* '30 SECONDS' */
static ST size_of(const sql_prop_t *p, int64_t *ret, err_t *err)
{
    str_t t, number;
    TRY(text_of(p, &t, err));
    str_t rest = str_trim(t);
    int64_t n;
    if (!str_split(&rest, ' ', &number) || !str_to_i64(number, &n) || n <= 0 || !str_trim(rest).len)
        return BAD("Configuration WINDOW_SIZE is invalid: Invalid duration: '" STR_FMT
                   "'. Should be a number and "
                   "a unit, e.g. '30 SECONDS'",
                   STR_ARG(t));
    rest = str_trim(rest);
    int64_t ms = sql_unit_ms(sql_unit_of(rest));
    if (!ms) {
        char up[64];
        size_t k = rest.len < sizeof up ? rest.len : sizeof up;
        for (size_t i = 0; i < k; i++)
            up[i] = str_upper_char(rest.ptr[i]);
        return BAD("Configuration WINDOW_SIZE is invalid: Invalid duration: '" STR_FMT
                   "'. Unknown time unit: '" STR_FMT "'",
                   STR_ARG(t), STR_ARG(str_n(up, k)));
    }
    if (__builtin_mul_overflow(ms, n, ret))
        return BAD("Configuration WINDOW_SIZE is invalid: it is too long");
    return ST_OK;
}

static ST set(with_t *w, const with_row_t *row, const sql_prop_t *p, err_t *err)
{
    void *field = (char *)w + row->offset;
    switch (row->kind) {
    case W_TEXT:
        return text_of(p, field, err);
    case W_INT:
        return int_of(p, field, err);
    case W_BOOL:
        return bool_of(p, field, err);
    case W_KEY_FORMAT:
        w->has_key_format = true;
        return format_of(p, field, err);
    case W_VALUE_FORMAT:
        w->has_value_format = true;
        return format_of(p, field, err);
    case W_FORMAT:
        TRY(format_of(p, &w->value_format, err));
        w->key_format = w->value_format;
        w->has_key_format = w->has_value_format = true;
        return ST_OK;
    case W_WINDOW:
        return window_of(p, field, err);
    case W_SIZE:
        return size_of(p, field, err);
    }
    return ST_OK;
}

static bool has(sql_props_t props, const char *name)
{
    for (size_t i = 0; i < props.len; i++)
        if (str_eq_nocase(props.ptr[i].name, str_of(name)))
            return true;
    return false;
}

st_t with_read(sql_props_t props, bool create, with_t *ret, err_t *err)
{
    with_t w = {.wrap = -1};
    for (size_t i = 0; i < props.len; i++) {
        const with_row_t *row = NULL;
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
            if (str_eq_nocase(props.ptr[i].name, str_of(rows[k].name)) &&
                (create || !rows[k].create_only))
                row = &rows[k];
        if (!row)
            return BAD("Invalid config variable(s) in the WITH clause: " STR_FMT,
                       STR_ARG(props.ptr[i].name));
        TRY(set(&w, row, &props.ptr[i], err));
    }
    static const char *const both[] = {"KEY_FORMAT", "VALUE_FORMAT"};
    for (int i = 0; i < 2; i++)
        if (has(props, "FORMAT") && has(props, both[i]))
            return BAD("Cannot supply both '%s' and 'FORMAT' properties, as 'FORMAT' sets both key "
                       "and value formats. "
                       "Either use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'.",
                       both[i]);
    if (w.window == SQL_WINDOW_SESSION && w.window_size_ms)
        return BAD("'WINDOW_SIZE' should not be set for SESSION windows.");
    if (w.window && w.window != SQL_WINDOW_SESSION && !w.window_size_ms)
        return BAD("Tumbling and Hopping window types should set 'WINDOW_SIZE' in the WITH clause");
    if (has(props, "PARTITIONS") && w.partitions <= 0)
        return BAD("Configuration PARTITIONS is invalid: it must be at least 1");
    if (has(props, "TIMESTAMP_FORMAT") && !has(props, "TIMESTAMP"))
        return BAD("'TIMESTAMP_FORMAT' needs 'TIMESTAMP', the column it is the format of");
    *ret = w;
    return ST_OK;
}

st_t with_delimiter(str_t text, const char *name, char *ret, err_t *err)
{
    if (!text.ptr)
        return ST_OK;
    if (str_eq_nocase(text, STR("SPACE")))
        *ret = ' ';
    else if (str_eq_nocase(text, STR("TAB")))
        *ret = '\t';
    else if (!str_trim(text).len)
        return BAD(
            "Failed to prepare statement: Configuration %s is invalid: Delimiter cannot be empty, "
            "if you meant to "
            "have a tab or space for delimiter, please use the special values 'TAB' or "
            "'SPACE'\nExample valid value: ';'",
            name);
    else if (text.len != 1)
        return BAD("Failed to prepare statement: Configuration %s is invalid: Invalid delimiter "
                   "value: '" STR_FMT
                   "'. Delimiter must be a single character or TAB,SPACE\nExample valid value: ';'",
                   name, STR_ARG(text));
    else
        *ret = text.ptr[0];
    return ST_OK;
}
