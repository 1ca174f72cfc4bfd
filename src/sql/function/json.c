/* Functions of JSON texts. A text that is no JSON makes null. */
#include "base/json.h"

#include "sql/function/fn.h"

static const json_value_t *read_json(sql_fn_call_t *call, data_value_t text)
{
    const json_value_t *v;
    if (data_is_null(text) || json_parse(call->arena, data_str(text), 0, &v, NULL) != ST_OK)
        return NULL;
    return v;
}

static str_t result(sql_fn_call_t *call, buf_t *b)
{
    str_t s = arena_str(call->arena, buf_str(b));
    buf_done(b);
    return s;
}

/* A string's characters; anything else as it is written. */
static data_value_t text_of(sql_fn_call_t *call, const json_value_t *v, bool unquote)
{
    if (unquote && v->kind == JSON_STRING)
        return data_of_str(v->text);
    buf_t b = BUF_INIT;
    json_put_value(&b, v);
    return data_of_str(result(call, &b));
}

FN(is_json_string)
{
    (void)err;
    RETURN(data_of_bool(read_json(call, args[0]) != NULL));
}

/* One step of a path: .name, ['name'] or [n]; NULL where there is nothing. */
static const json_value_t *step(const json_value_t *v, str_t *path)
{
    bool bracket = path->ptr[0] == '[';
    str_t rest = str_sub(*path, 1, path->len), name = rest;
    if (!bracket && path->ptr[0] != '.')
        return NULL;
    if (bracket) {
        ptrdiff_t end = str_find_char(rest, ']');
        if (end < 0)
            return NULL;
        name = str_sub(rest, 0, (size_t)end);
        *path = str_sub(rest, (size_t)end + 1, rest.len);
    } else {
        size_t n = 0;
        while (n < rest.len && rest.ptr[n] != '.' && rest.ptr[n] != '[')
            n++;
        name = str_sub(rest, 0, n);
        *path = str_sub(rest, n, rest.len);
    }
    int64_t at;
    bool quoted = bracket && name.len > 1 && (name.ptr[0] == '\'' || name.ptr[0] == '"');
    if (quoted)
        name = str_sub(name, 1, name.len - 2);
    if (bracket && !quoted)
        return v->kind == JSON_ARRAY && str_to_i64(name, &at) && at >= 0 && (size_t)at < v->n
                   ? &v->item[at]
                   : NULL;
    return json_get_str(v, name);
}

FN(extract_json)
{
    STRICT;
    const json_value_t *v = read_json(call, args[0]);
    str_t path = data_str(args[1]);
    if (!str_starts(path, STR("$")))
        return err_set(err, ST_BAD_INPUT, "a JSON path begins with '$': '" STR_FMT "'",
                       STR_ARG(path));
    path = str_sub(path, 1, path.len);
    while (v && path.len)
        v = step(v, &path);
    RETURN(v && v->kind != JSON_NULL ? text_of(call, v, true) : DATA_NULL_VALUE);
}

static bool equals(const json_value_t *v, data_value_t x)
{
    switch (x.kind) {
    case DATA_NULL: return v->kind == JSON_NULL;
    case DATA_BOOLEAN: return v->kind == JSON_BOOL && v->b == x.b;
    case DATA_STRING: return v->kind == JSON_STRING && str_eq(v->text, data_str(x));
    case DATA_INTEGER: return v->kind == JSON_NUMBER && v->is_i64 && v->i64 == x.i32;
    case DATA_BIGINT: return v->kind == JSON_NUMBER && v->is_i64 && v->i64 == x.i64;
    default: return v->kind == JSON_NUMBER && !v->is_i64 && json_f64(v) == fn_f64(x);
    }
}

FN(json_array_contains)
{
    (void)err;
    const json_value_t *v = read_json(call, args[0]);
    for (size_t i = 0; v && v->kind == JSON_ARRAY && i < v->n; i++)
        if (equals(&v->item[i], args[1]))
            RETURN(data_of_bool(true));
    RETURN(data_of_bool(false));
}

FN(json_array_length)
{
    (void)err;
    const json_value_t *v = read_json(call, args[0]);
    RETURN(v && v->kind == JSON_ARRAY ? data_of_i32((int32_t)v->n) : DATA_NULL_VALUE);
}

/* Objects are merged, the later member in place of the earlier. */
static void put_merged(buf_t *b, const json_value_t *const *v, size_t n)
{
    buf_put_char(b, '{');
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < v[k]->n; i++) {
            const json_value_t *value = NULL;
            bool seen = false;
            for (size_t e = 0; e < k; e++)
                seen = seen || json_get_str(v[e], v[k]->name[i]);
            for (size_t l = n; l-- > k && !value;)
                value = json_get_str(v[l], v[k]->name[i]);
            if (seen)
                continue;
            json_put_name_str(b, v[k]->name[i]);
            json_put_value(b, value);
        }
    }
    buf_put_char(b, '}');
}

/* Everything else becomes one array: of the elements of arrays, and of what is none. */
static void put_joined(buf_t *b, const json_value_t *const *v, size_t n)
{
    buf_put_char(b, '[');
    for (size_t k = 0; k < n; k++) {
        const json_value_t *item = v[k]->kind == JSON_ARRAY ? v[k]->item : v[k];
        for (size_t i = 0; i < (v[k]->kind == JSON_ARRAY ? v[k]->n : 1); i++) {
            json_put_item(b);
            json_put_value(b, &item[i]);
        }
    }
    buf_put_char(b, ']');
}

FN(json_concat)
{
    (void)err;
    const json_value_t **v = ARENA_ARRAY(call->arena, const json_value_t *, call->n_args + 1);
    bool objects = call->n_args > 0;
    for (size_t i = 0; i < call->n_args; i++) {
        if (!(v[i] = read_json(call, args[i])))
            RETURN(DATA_NULL_VALUE);
        objects = objects && v[i]->kind == JSON_OBJECT;
    }
    buf_t b = BUF_INIT;
    if (objects)
        put_merged(&b, v, call->n_args);
    else
        put_joined(&b, v, call->n_args);
    RETURN(data_of_str(result(call, &b)));
}

FN(json_items)
{
    (void)err;
    const json_value_t *v = read_json(call, args[0]);
    if (!v || v->kind != JSON_ARRAY)
        RETURN(DATA_NULL_VALUE);
    data_value_t *item = ARENA_ARRAY(call->arena, data_value_t, v->n + 1);
    for (size_t i = 0; i < v->n; i++)
        item[i] = text_of(call, &v->item[i], false);
    RETURN(data_of_array(item, v->n));
}

FN(json_keys)
{
    (void)err;
    const json_value_t *v = read_json(call, args[0]);
    if (!v || v->kind != JSON_OBJECT)
        RETURN(DATA_NULL_VALUE);
    data_value_t *key = ARENA_ARRAY(call->arena, data_value_t, v->n + 1);
    for (size_t i = 0; i < v->n; i++)
        key[i] = data_of_str(v->name[i]);
    RETURN(data_of_array(key, v->n));
}

FN(json_records)
{
    (void)err;
    const json_value_t *v = read_json(call, args[0]);
    if (!v || v->kind != JSON_OBJECT)
        RETURN(DATA_NULL_VALUE);
    data_value_t *kv = ARENA_ARRAY(call->arena, data_value_t, 2 * v->n + 1);
    for (size_t i = 0; i < v->n; i++) {
        kv[2 * i] = data_of_str(v->name[i]);
        kv[2 * i + 1] = text_of(call, &v->item[i], true);
    }
    RETURN(data_of_map(kv, v->n));
}

/* ---- TO_JSON_STRING ---- */

static void put_value(buf_t *b, data_value_t v, const data_type_t *t);

static void put_members(buf_t *b, data_value_t v, const data_type_t *t)
{
    buf_put_char(b, '{');
    for (size_t i = 0; i < v.len; i++) {
        buf_t key = BUF_INIT;
        if (t->kind == DATA_MAP)
            data_put_text(&key, v.v[2 * i], t->key);
        json_put_name_str(b, t->kind == DATA_MAP ? buf_str(&key) : t->field[i].name);
        buf_done(&key);
        if (t->kind == DATA_MAP)
            put_value(b, v.v[2 * i + 1], t->elem);
        else
            put_value(b, v.v[i], t->field[i].type);
    }
    buf_put_char(b, '}');
}

static void put_value(buf_t *b, data_value_t v, const data_type_t *t)
{
    switch (v.kind) {
    case DATA_NULL: BUF_LIT(b, "null"); return;
    case DATA_STRING: json_put_str(b, data_str(v)); return;
    case DATA_DECIMAL: data_decimal_put_plain(b, v.dec); return;
    case DATA_MAP:
    case DATA_STRUCT: put_members(b, v, t); return;
    case DATA_ARRAY:
        buf_put_char(b, '[');
        for (size_t i = 0; i < v.len; i++) {
            json_put_item(b);
            put_value(b, v.v[i], t->elem);
        }
        buf_put_char(b, ']');
        return;
    default: break;
    }
    bool quoted = v.kind == DATA_BYTES || v.kind == DATA_TIME || v.kind == DATA_DATE ||
                  v.kind == DATA_TIMESTAMP;
    if (quoted)
        buf_put_char(b, '"');
    data_put_text(b, v, t);
    if (quoted)
        buf_put_char(b, '"');
}

FN(to_json_string)
{
    (void)err;
    buf_t b = BUF_INIT;
    put_value(&b, args[0], call->arg_type[0]);
    RETURN(data_of_str(result(call, &b)));
}
