#include "data/type.h"

const data_type_t data_boolean = {.kind = DATA_BOOLEAN}, data_integer = {.kind = DATA_INTEGER},
                  data_bigint = {.kind = DATA_BIGINT}, data_double = {.kind = DATA_DOUBLE},
                  data_string = {.kind = DATA_STRING}, data_bytes = {.kind = DATA_BYTES},
                  data_time = {.kind = DATA_TIME}, data_date = {.kind = DATA_DATE},
                  data_timestamp = {.kind = DATA_TIMESTAMP};

const data_type_t *data_type_decimal(arena_t *a, int32_t precision, int32_t scale)
{
    data_type_t *t = ARENA_NEW(a, data_type_t);
    *t = (data_type_t){.kind = DATA_DECIMAL, .precision = precision, .scale = scale};
    return t;
}

const data_type_t *data_type_array(arena_t *a, const data_type_t *elem)
{
    data_type_t *t = ARENA_NEW(a, data_type_t);
    *t = (data_type_t){.kind = DATA_ARRAY, .elem = elem};
    return t;
}

const data_type_t *data_type_map(arena_t *a, const data_type_t *key, const data_type_t *value)
{
    data_type_t *t = ARENA_NEW(a, data_type_t);
    *t = (data_type_t){.kind = DATA_MAP, .key = key, .elem = value};
    return t;
}

const data_type_t *data_type_struct(arena_t *a, const data_field_t *field, size_t n)
{
    data_type_t *t = ARENA_NEW(a, data_type_t);
    *t = (data_type_t){.kind = DATA_STRUCT, .field = field, .n_fields = n};
    return t;
}

const data_type_t *data_type_copy(arena_t *a, const data_type_t *t)
{
    if (!t)
        return NULL;
    data_type_t *c = ARENA_NEW(a, data_type_t);
    *c = *t;
    c->elem = data_type_copy(a, t->elem);
    c->key = data_type_copy(a, t->key);
    data_field_t *f = ARENA_ARRAY(a, data_field_t, t->n_fields);
    for (size_t i = 0; i < t->n_fields; i++)
        f[i] = (data_field_t){arena_str(a, t->field[i].name), data_type_copy(a, t->field[i].type)};
    c->field = f;
    return c;
}

bool data_type_eq(const data_type_t *a, const data_type_t *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->kind != b->kind || a->precision != b->precision || a->scale != b->scale ||
        a->n_fields != b->n_fields || !data_type_eq(a->elem, b->elem) ||
        !data_type_eq(a->key, b->key))
        return false;
    for (size_t i = 0; i < a->n_fields; i++)
        if (!str_eq(a->field[i].name, b->field[i].name) ||
            !data_type_eq(a->field[i].type, b->field[i].type))
            return false;
    return true;
}

bool data_type_numeric(const data_type_t *t)
{
    return t && t->kind >= DATA_INTEGER && t->kind <= DATA_DECIMAL;
}

const char *data_kind_name(data_kind_t k)
{
    static const char *const names[DATA_KINDS] = {
        "NULL",  "BOOLEAN", "INTEGER", "BIGINT",    "DOUBLE", "DECIMAL", "STRING",
        "BYTES", "TIME",    "DATE",    "TIMESTAMP", "ARRAY",  "MAP",     "STRUCT"};
    return names[k];
}

void data_type_put(buf_t *b, const data_type_t *t)
{
    if (!t) {
        BUF_LIT(b, "null");
        return;
    }
    buf_put_str(b, str_of(data_kind_name(t->kind)));
    if (t->kind == DATA_DECIMAL) {
        buf_printf(b, "(%d, %d)", t->precision, t->scale);
    } else if (t->kind == DATA_ARRAY || t->kind == DATA_MAP) {
        buf_put_char(b, '<');
        if (t->kind == DATA_MAP) {
            data_type_put(b, t->key);
            BUF_LIT(b, ", ");
        }
        data_type_put(b, t->elem);
        buf_put_char(b, '>');
    } else if (t->kind == DATA_STRUCT) {
        buf_put_char(b, '<');
        for (size_t i = 0; i < t->n_fields; i++) {
            buf_printf(b, "%s`" STR_FMT "` ", i ? ", " : "", STR_ARG(t->field[i].name));
            data_type_put(b, t->field[i].type);
        }
        buf_put_char(b, '>');
        if (!t->n_fields)
            BUF_LIT(b, " ");
    }
}

str_t data_type_text(arena_t *a, const data_type_t *t)
{
    buf_t b = BUF_INIT;
    data_type_put(&b, t);
    str_t s = arena_str(a, buf_str(&b));
    buf_done(&b);
    return s;
}

bool data_type_has(const data_type_t *t, data_kind_t k)
{
    if (!t)
        return false;
    if (t->kind == k || data_type_has(t->elem, k) || data_type_has(t->key, k))
        return true;
    for (size_t i = 0; i < t->n_fields; i++)
        if (data_type_has(t->field[i].type, k))
            return true;
    return false;
}

ptrdiff_t data_field_find(const data_field_t *f, size_t n, str_t name)
{
    ptrdiff_t found = -1;
    for (size_t i = 0; i < n; i++) {
        if (str_eq(f[i].name, name))
            return (ptrdiff_t)i;
        if (found < 0 && str_eq_nocase(f[i].name, name))
            found = (ptrdiff_t)i;
    }
    return found;
}
