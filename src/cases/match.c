#include "cases/match.h"

#include "data/text.h"

#include <math.h>

const json_value_t *match_member(const json_value_t *o, str_t name)
{
    const json_value_t *v = json_get_str(o, name);
    for (size_t i = 0; !v && o && o->kind == JSON_OBJECT && i < o->n; i++)
        if (str_eq_nocase(o->name[i], name))
            v = &o->item[i];
    return v;
}

#define CANNOT(j, t)                                                                               \
    err_set(err, ST_BAD_INPUT, "a case's value cannot be a %s", data_kind_name((t)->kind))

static ST read_members(arena_t *a, const json_value_t *j, const data_type_t *t, data_value_t *ret,
                       err_t *err)
{
    if (t->kind == DATA_ARRAY) {
        if (j->kind != JSON_ARRAY)
            return CANNOT(j, t);
        data_value_t *v = ARENA_ARRAY(a, data_value_t, j->n + 1);
        for (size_t i = 0; i < j->n; i++)
            TRY(match_read(a, &j->item[i], t->elem, &v[i], err));
        *ret = data_of_array(v, j->n);
        return ST_OK;
    }
    if (j->kind != JSON_OBJECT)
        return CANNOT(j, t);
    if (t->kind == DATA_MAP) {
        data_value_t *v = ARENA_ARRAY(a, data_value_t, 2 * j->n + 1);
        for (size_t i = 0; i < j->n; i++) {
            json_value_t key = {.kind = JSON_STRING, .text = j->name[i]};
            TRY(match_read(a, &key, t->key, &v[2 * i], err));
            TRY(match_read(a, &j->item[i], t->elem, &v[2 * i + 1], err));
        }
        *ret = data_of_map(v, j->n);
        return ST_OK;
    }
    data_value_t *v = ARENA_ARRAY(a, data_value_t, t->n_fields + 1);
    for (size_t i = 0; i < t->n_fields; i++) {
        const json_value_t *m = match_member(j, t->field[i].name);
        if (m)
            TRY(match_read(a, m, t->field[i].type, &v[i], err));
    }
    *ret = data_of_struct(v, t->n_fields);
    return ST_OK;
}

st_t match_read(arena_t *a, const json_value_t *j, const data_type_t *t, data_value_t *ret,
                err_t *err)
{
    int64_t i = 0;
    double d = 0;
    if (j->kind == JSON_NULL) {
        *ret = DATA_NULL_VALUE;
        return ST_OK;
    }
    bool number = j->kind == JSON_NUMBER || j->kind == JSON_STRING;
    bool whole =
        number && (str_to_i64(j->text, &i) || (str_to_f64(j->text, &d) && (i = (int64_t)d, true)));
    switch (t->kind) {
    case DATA_BOOLEAN:
        if (j->kind != JSON_BOOL)
            return CANNOT(j, t);
        *ret = data_of_bool(j->b);
        return ST_OK;
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
        if (!whole)
            return CANNOT(j, t);
        *ret = (data_value_t){.kind = (uint8_t)t->kind, .i32 = (int32_t)i};
        return ST_OK;
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        if (!whole)
            return CANNOT(j, t);
        *ret = (data_value_t){.kind = (uint8_t)t->kind, .i64 = i};
        return ST_OK;
    case DATA_DOUBLE:
        if (!number || !str_to_f64(j->text, &d))
            return CANNOT(j, t);
        *ret = data_of_f64(d);
        return ST_OK;
    case DATA_DECIMAL: {
        const data_decimal_t *dec;
        if (!number || data_decimal_parse(a, j->text, &dec, NULL) != ST_OK)
            return CANNOT(j, t);
        *ret = data_of_decimal(data_decimal_rescale(a, dec, t->scale));
        return ST_OK;
    }
    case DATA_STRING: {
        buf_t b = BUF_INIT;
        if (j->kind == JSON_STRING)
            buf_put_str(&b, j->text);
        else
            json_put_value(&b, j);
        str_t s = arena_str(a, buf_str(&b));
        buf_done(&b);
        *ret = data_of_str(s.ptr ? s : STR(""));
        return ST_OK;
    }
    case DATA_BYTES: {
        str_t bytes;
        if (j->kind != JSON_STRING || !data_base64_decode(a, j->text, &bytes))
            return CANNOT(j, t);
        *ret = data_of_bytes(bytes.ptr ? bytes : STR(""));
        return ST_OK;
    }
    case DATA_ARRAY:
    case DATA_MAP:
    case DATA_STRUCT:
        return read_members(a, j, t, ret, err);
    case DATA_NULL:
    case DATA_KINDS:
        break;
    }
    return CANNOT(j, t);
}

st_t match_read_row(arena_t *a, const json_value_t *j, data_columns_t c, data_value_t *row,
                    err_t *err)
{
    for (size_t i = 0; i < c.len; i++) {
        const json_value_t *m = match_member(j, c.ptr[i].name);
        row[i] = DATA_NULL_VALUE;
        if (m)
            TRY(match_read(a, m, c.ptr[i].type, &row[i], err));
    }
    return ST_OK;
}

static bool same_number(const json_value_t *x, const json_value_t *y)
{
    if (str_eq(x->text, y->text))
        return true;
    if (x->is_i64 && y->is_i64)
        return x->i64 == y->i64;
    arena_t a;
    arena_init(&a, 1u << 20);
    const data_decimal_t *p, *q;
    bool same = data_decimal_parse(&a, x->text, &p, NULL) == ST_OK &&
                data_decimal_parse(&a, y->text, &q, NULL) == ST_OK && data_decimal_cmp(p, q) == 0;
    arena_done(&a);
    return same;
}

bool match_json(const json_value_t *want, const json_value_t *got)
{
    bool texts = (want->kind == JSON_STRING && got->kind == JSON_NUMBER) ||
                 (want->kind == JSON_NUMBER && got->kind == JSON_STRING);
    if (texts) /* a decimal may be given as either */
        return str_eq(want->text, got->text);
    if (want->kind != got->kind)
        return false;
    switch (want->kind) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return want->b == got->b;
    case JSON_NUMBER:
        return same_number(want, got);
    case JSON_STRING:
        return str_eq(want->text, got->text);
    case JSON_ARRAY:
        for (size_t i = 0; i < want->n && want->n == got->n; i++)
            if (!match_json(&want->item[i], &got->item[i]))
                return false;
        return want->n == got->n;
    case JSON_OBJECT:
        for (size_t i = 0; i < want->n && want->n == got->n; i++) {
            const json_value_t *m = json_get_str(got, want->name[i]);
            if (!m)
                m = match_member(got, want->name[i]);
            if (!m || !match_json(&want->item[i], m))
                return false;
        }
        return want->n == got->n;
    }
    return false;
}

static bool match_map(const json_value_t *want, data_value_t v, const data_type_t *t)
{
    if (want->kind != JSON_OBJECT || want->n != v.len)
        return false;
    for (uint32_t i = 0; i < v.len; i++) {
        const json_value_t *m = NULL;
        for (size_t k = 0; k < want->n && !m; k++) {
            json_value_t key = {.kind = JSON_STRING, .text = want->name[k]};
            if (match_value(&key, v.v[2 * i], t->key))
                m = &want->item[k];
        }
        if (!m || !match_value(m, v.v[2 * i + 1], t->elem))
            return false;
    }
    return true;
}

static bool match_decimal(const json_value_t *want, data_value_t v)
{
    buf_t b = BUF_INIT;
    data_decimal_put_plain(&b, v.dec);
    json_value_t got = {.kind = JSON_NUMBER, .text = buf_str(&b)};
    bool same = (want->kind == JSON_NUMBER && same_number(want, &got)) ||
                (want->kind == JSON_STRING && str_eq(want->text, got.text));
    buf_done(&b);
    return same;
}

bool match_value(const json_value_t *want, data_value_t v, const data_type_t *t)
{
    double d;
    int64_t i;
    if (want->kind == JSON_NULL || v.kind == DATA_NULL)
        return want->kind == JSON_NULL && v.kind == DATA_NULL;
    switch ((data_kind_t)v.kind) {
    case DATA_BOOLEAN:
        return want->kind == JSON_BOOL
                   ? want->b == v.b
                   : str_eq_nocase(want->text, v.b ? STR("true") : STR("false"));
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
        return str_to_f64(want->text, &d) && (int64_t)d == v.i32;
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        if (str_to_i64(want->text, &i))
            return i == v.i64;
        return str_to_f64(want->text, &d) && (int64_t)d == v.i64;
    case DATA_DOUBLE:
        if (want->kind == JSON_STRING && str_eq(want->text, STR("NaN")))
            return isnan(v.f64);
        return str_to_f64(want->text, &d) && (fabs(d - v.f64) < 1e-6 || d == v.f64);
    case DATA_DECIMAL:
        return match_decimal(want, v);
    case DATA_STRING:
        return str_eq(want->text, data_str(v));
    case DATA_BYTES: {
        buf_t b = BUF_INIT;
        data_put_base64(&b, data_str(v));
        bool same = want->kind == JSON_STRING && str_eq(want->text, buf_str(&b));
        buf_done(&b);
        return same;
    }
    case DATA_ARRAY:
        if (want->kind != JSON_ARRAY || want->n != v.len)
            return false;
        for (uint32_t k = 0; k < v.len; k++)
            if (!match_value(&want->item[k], v.v[k], t->elem))
                return false;
        return true;
    case DATA_MAP:
        return match_map(want, v, t);
    case DATA_STRUCT:
        if (want->kind != JSON_OBJECT)
            return false;
        for (uint32_t k = 0; k < v.len; k++) {
            const json_value_t *m = match_member(want, t->field[k].name);
            json_value_t null = {.kind = JSON_NULL};
            if (!match_value(m ? m : &null, v.v[k], t->field[k].type))
                return false;
        }
        return want->n <= v.len;
    case DATA_NULL:
    case DATA_KINDS:
        break;
    }
    return false;
}

bool match_row(const json_value_t *want, const data_value_t *row, data_columns_t c)
{
    if (want->kind != JSON_OBJECT || want->n > c.len)
        return false;
    for (size_t i = 0; i < want->n; i++) {
        ptrdiff_t at = data_columns_find(c, want->name[i]);
        for (size_t k = 0; at < 0 && k < c.len; k++)
            if (str_eq_nocase(c.ptr[k].name, want->name[i]))
                at = (ptrdiff_t)k;
        if (at < 0 || !match_value(&want->item[i], row[at], c.ptr[at].type))
            return false;
    }
    for (size_t i = 0; i < c.len; i++)
        if (!match_member(want, c.ptr[i].name) && row[i].kind != DATA_NULL)
            return false;
    return true;
}
