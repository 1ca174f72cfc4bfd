#include "sql/exec/cast.h"

#include "base/civil.h"
#include "data/text.h"

#include <math.h>

static bool is_temporal(data_kind_t k)
{
    return k == DATA_TIME || k == DATA_DATE || k == DATA_TIMESTAMP;
}

static bool structs_supported(const data_type_t *from, const data_type_t *to)
{
    for (size_t i = 0; i < to->n_fields; i++)
        for (size_t j = 0; j < from->n_fields; j++)
            if (str_eq(to->field[i].name, from->field[j].name) &&
                !cast_supported(from->field[j].type, to->field[i].type))
                return false;
    return true;
}

bool cast_supported(const data_type_t *from, const data_type_t *to)
{
    if (!from || data_type_eq(from, to))
        return true;
    data_kind_t f = from->kind, t = to->kind;
    if (f == DATA_ARRAY && t == DATA_ARRAY)
        return cast_supported(from->elem, to->elem);
    if (f == DATA_MAP && t == DATA_MAP)
        return cast_supported(from->key, to->key) && cast_supported(from->elem, to->elem);
    if (f == DATA_STRUCT && t == DATA_STRUCT)
        return structs_supported(from, to);
    if (t == DATA_STRING)
        return f != DATA_BYTES;
    if (f == DATA_STRING)
        return t == DATA_BOOLEAN || data_type_numeric(to) || is_temporal(t);
    if (data_type_numeric(from) && data_type_numeric(to))
        return true;
    if (f == DATA_TIMESTAMP)
        return t == DATA_DATE || t == DATA_TIME;
    return f == DATA_DATE && t == DATA_TIMESTAMP;
}

bool cast_implicit(const data_type_t *from, const data_type_t *to)
{
    if (!from || data_type_eq(from, to))
        return true;
    if (from->kind == DATA_DECIMAL && to->kind == DATA_DECIMAL)
        return from->scale <= to->scale &&
               from->precision - from->scale <= to->precision - to->scale;
    if (from->kind == DATA_INTEGER && to->kind == DATA_DECIMAL)
        return to->precision - to->scale >= 10;
    if (from->kind == DATA_BIGINT && to->kind == DATA_DECIMAL)
        return to->precision - to->scale >= 19;
    if (data_type_numeric(from) && data_type_numeric(to)) {
        static const int rank[DATA_KINDS] = {
            [DATA_INTEGER] = 1, [DATA_BIGINT] = 2, [DATA_DECIMAL] = 3, [DATA_DOUBLE] = 4};
        return rank[from->kind] <= rank[to->kind];
    }
    if (from->kind == DATA_ARRAY && to->kind == DATA_ARRAY)
        return cast_implicit(from->elem, to->elem);
    if (from->kind == DATA_MAP && to->kind == DATA_MAP)
        return cast_implicit(from->key, to->key) && cast_implicit(from->elem, to->elem);
    if (from->kind == DATA_STRUCT && to->kind == DATA_STRUCT && from->n_fields == to->n_fields) {
        for (size_t i = 0; i < to->n_fields; i++)
            if (!str_eq(from->field[i].name, to->field[i].name) ||
                !cast_implicit(from->field[i].type, to->field[i].type))
                return false;
        return true;
    }
    return false;
}

/* Reads exactly n digits. */
static bool digits(str_t *s, size_t n, int *ret)
{
    if (s->len < n)
        return false;
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        int d = s->ptr[i] - '0';
        if (d < 0 || d > 9)
            return false;
        v = v * 10 + d;
    }
    *s = str_sub(*s, n, s->len);
    *ret = v;
    return true;
}

static bool skip(str_t *s, char c)
{
    if (!s->len || s->ptr[0] != c)
        return false;
    *s = str_sub(*s, 1, s->len);
    return true;
}

/* yyyy[-MM[-dd]] */
static bool read_date(str_t *s, int64_t *ret_days)
{
    int y, m = 1, d = 1;
    if (!digits(s, 4, &y))
        return false;
    if (skip(s, '-')) {
        if (!digits(s, 2, &m) || m < 1 || m > 12)
            return false;
        if (skip(s, '-') && (!digits(s, 2, &d) || d < 1 || d > civil_month_days(y, m)))
            return false;
    }
    *ret_days = civil_days(y, m, d);
    return true;
}

/* HH[:mm[:ss[.SSS]]] */
static bool read_time(str_t *s, int32_t *ret_ms)
{
    int h, m = 0, sec = 0, ms = 0;
    if (!digits(s, 2, &h) || h > 23)
        return false;
    if (skip(s, ':')) {
        if (!digits(s, 2, &m) || m > 59)
            return false;
        if (skip(s, ':')) {
            if (!digits(s, 2, &sec) || sec > 59)
                return false;
            if (skip(s, '.')) {
                int scale = 100, n = 0;
                while (s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9' && n++ < 9) {
                    ms += (s->ptr[0] - '0') * scale;
                    scale /= 10;
                    *s = str_sub(*s, 1, s->len);
                }
                if (!n)
                    return false;
            }
        }
    }
    *ret_ms = ((h * 60 + m) * 60 + sec) * 1000 + ms;
    return true;
}

/* Z, +HH:mm, +HHmm, +HH; nothing is UTC. */
static bool read_offset(str_t *s, int32_t *ret_ms)
{
    *ret_ms = 0;
    if (!s->len || skip(s, 'Z'))
        return true;
    bool neg = s->ptr[0] == '-';
    if (!skip(s, '-') && !skip(s, '+'))
        return false;
    int h, m = 0;
    if (!digits(s, 2, &h) || h > 18)
        return false;
    if (s->len) {
        skip(s, ':');
        if (!digits(s, 2, &m) || m > 59)
            return false;
    }
    *ret_ms = (h * 60 + m) * 60000 * (neg ? -1 : 1);
    return true;
}

st_t cast_text_to_timestamp(str_t text, int64_t *ret_ms, err_t *err)
{
    str_t s = text;
    int64_t days;
    int32_t ms = 0, offset = 0;
    bool ok = read_date(&s, &days);
    if (ok && s.len) {
        ok = skip(&s, 'T') || skip(&s, ' ');
        if (ok && s.len)
            ok = read_time(&s, &ms);
        ok = ok && read_offset(&s, &offset);
    }
    if (!ok || s.len)
        return err_set(err, ST_BAD_INPUT,
                       "Failed to parse timestamp '" STR_FMT
                       "': Required format is: \"yyyy-MM-dd'T'HH:mm:ss.SSS\", with an optional "
                       "numeric 'timezone'",
                       STR_ARG(text));
    *ret_ms = days * CIVIL_DAY_MS + ms - offset;
    return ST_OK;
}

st_t cast_text_to_date(str_t text, int32_t *ret_days, err_t *err)
{
    str_t s = text;
    int64_t days;
    if (!read_date(&s, &days) || s.len)
        return err_set(err, ST_BAD_INPUT,
                       "Failed to parse date '" STR_FMT "': Required format is: \"yyyy-MM-dd\"",
                       STR_ARG(text));
    *ret_days = (int32_t)days;
    return ST_OK;
}

st_t cast_text_to_time(str_t text, int32_t *ret_ms, err_t *err)
{
    str_t s = text;
    if (!read_time(&s, ret_ms) || s.len)
        return err_set(err, ST_BAD_INPUT,
                       "Failed to parse time '" STR_FMT "': Required format is: \"HH:mm:ss.SSS\"",
                       STR_ARG(text));
    return ST_OK;
}

static ST text_to_boolean(str_t s, bool *ret, err_t *err)
{
    static const char *const yes[] = {"true", "yes"}, *const no[] = {"false", "no"};
    for (size_t i = 0; s.len && i < 2; i++) {
        if (str_starts_nocase(str_of(yes[i]), s)) {
            *ret = true;
            return ST_OK;
        }
        if (str_starts_nocase(str_of(no[i]), s)) {
            *ret = false;
            return ST_OK;
        }
    }
    return err_set(err, ST_BAD_INPUT, "invalid input syntax for type BOOLEAN: \"" STR_FMT "\"",
                   STR_ARG(s));
}

#define BAD_TEXT(err, type, s)                                                                     \
    err_set(err, ST_BAD_INPUT, "invalid input syntax for type " type ": \"" STR_FMT "\"",          \
            STR_ARG(s))

static ST from_text(arena_t *a, str_t s, const data_type_t *to, data_value_t *ret, err_t *err)
{
    str_t trimmed = str_trim(s);
    switch (to->kind) {
    case DATA_BOOLEAN: {
        bool b;
        TRY(text_to_boolean(trimmed, &b, err));
        *ret = data_of_bool(b);
        return ST_OK;
    }
    case DATA_INTEGER: {
        int32_t i;
        if (!str_to_i32(trimmed, &i))
            return BAD_TEXT(err, "INTEGER", s);
        *ret = data_of_i32(i);
        return ST_OK;
    }
    case DATA_BIGINT: {
        int64_t i;
        if (!str_to_i64(trimmed, &i))
            return BAD_TEXT(err, "BIGINT", s);
        *ret = data_of_i64(i);
        return ST_OK;
    }
    case DATA_DOUBLE: {
        double d;
        if (!str_to_f64(trimmed, &d))
            return BAD_TEXT(err, "DOUBLE", s);
        *ret = data_of_f64(d);
        return ST_OK;
    }
    case DATA_DECIMAL: {
        const data_decimal_t *d;
        if (data_decimal_parse(a, trimmed, &d, NULL) != ST_OK)
            return BAD_TEXT(err, "DECIMAL", s);
        TRY(data_decimal_fit(a, d, to->precision, to->scale, &d, err));
        *ret = data_of_decimal(d);
        return ST_OK;
    }
    case DATA_TIMESTAMP: {
        int64_t ms;
        TRY(cast_text_to_timestamp(trimmed, &ms, err));
        *ret = data_of_timestamp(ms);
        return ST_OK;
    }
    case DATA_DATE: {
        int32_t days;
        TRY(cast_text_to_date(trimmed, &days, err));
        *ret = data_of_date(days);
        return ST_OK;
    }
    case DATA_TIME: {
        int32_t ms;
        TRY(cast_text_to_time(trimmed, &ms, err));
        *ret = data_of_time(ms);
        return ST_OK;
    }
    case DATA_NULL:
    case DATA_STRING:
    case DATA_BYTES:
    case DATA_ARRAY:
    case DATA_MAP:
    case DATA_STRUCT:
    case DATA_KINDS:
        break;
    }
    ASSERT(!"castable from text");
    return ST_OK;
}

static data_value_t to_text(arena_t *a, data_value_t v, const data_type_t *from)
{
    buf_t b = BUF_INIT;
    if (v.kind == DATA_DECIMAL)
        data_decimal_put_plain(&b, v.dec);
    else
        data_put_text(&b, v, from);
    str_t s = arena_str(a, buf_str(&b));
    buf_done(&b);
    return data_of_str(s.ptr ? s : STR(""));
}

/* Java's narrowing of a double: saturated, NaN is 0. */
static int64_t f64_to_i64(double d)
{
    if (isnan(d))
        return 0;
    if (d >= 9223372036854775808.0)
        return INT64_MAX;
    if (d <= -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)d;
}

static int32_t f64_to_i32(double d)
{
    int64_t i = f64_to_i64(d);
    return i > INT32_MAX ? INT32_MAX : i < INT32_MIN ? INT32_MIN : (int32_t)i;
}

static ST to_decimal(arena_t *a, data_value_t v, const data_type_t *to, data_value_t *ret,
                     err_t *err)
{
    const data_decimal_t *d;
    if (v.kind == DATA_DOUBLE)
        TRY(data_decimal_f64(a, v.f64, &d, err));
    else if (v.kind == DATA_DECIMAL)
        d = v.dec;
    else
        d = data_decimal_i64(a, v.kind == DATA_INTEGER ? v.i32 : v.i64, 0);
    TRY(data_decimal_fit(a, d, to->precision, to->scale, &d, err));
    *ret = data_of_decimal(d);
    return ST_OK;
}

static ST numeric(arena_t *a, data_value_t v, const data_type_t *to, data_value_t *ret, err_t *err)
{
    if (to->kind == DATA_DECIMAL)
        return to_decimal(a, v, to, ret, err);
    double d = v.kind == DATA_DOUBLE    ? v.f64
               : v.kind == DATA_DECIMAL ? data_decimal_to_f64(v.dec)
               : v.kind == DATA_INTEGER ? (double)v.i32
                                        : (double)v.i64;
    if (to->kind == DATA_DOUBLE) {
        *ret = data_of_f64(d);
        return ST_OK;
    }
    int64_t i = v.kind == DATA_INTEGER ? v.i32 : v.kind == DATA_BIGINT ? v.i64 : f64_to_i64(d);
    if (v.kind == DATA_DECIMAL && !data_decimal_to_i64(v.dec, &i))
        return err_set(err, ST_RANGE, "Numeric field overflow");
    if (to->kind == DATA_BIGINT)
        *ret = data_of_i64(i);
    else
        *ret = data_of_i32(v.kind == DATA_DOUBLE ? f64_to_i32(d) : (int32_t)(uint32_t)(uint64_t)i);
    return ST_OK;
}

static ST members(arena_t *a, data_value_t v, const data_type_t *from, const data_type_t *to,
                  data_value_t *ret, err_t *err)
{
    size_t n = to->kind == DATA_STRUCT ? to->n_fields
               : to->kind == DATA_MAP  ? 2 * (size_t)v.len
                                       : v.len;
    data_value_t *out = arena_zalloc(a, n * sizeof *out);
    if (to->kind == DATA_STRUCT) {
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < from->n_fields; j++)
                if (str_eq(to->field[i].name, from->field[j].name))
                    TRY(cast_value(a, v.v[j], from->field[j].type, to->field[i].type, &out[i],
                                   err));
        *ret = data_of_struct(out, n);
        return ST_OK;
    }
    for (size_t i = 0; i < n; i++) {
        bool key = to->kind == DATA_MAP && i % 2 == 0;
        TRY(cast_value(a, v.v[i], key ? from->key : from->elem, key ? to->key : to->elem, &out[i],
                       err));
    }
    *ret = to->kind == DATA_MAP ? data_of_map(out, v.len) : data_of_array(out, n);
    return ST_OK;
}

st_t cast_value(arena_t *a, data_value_t v, const data_type_t *from, const data_type_t *to,
                data_value_t *ret, err_t *err)
{
    if (data_is_null(v) || data_type_eq(from, to)) {
        *ret = v;
        return ST_OK;
    }
    if (from->kind == DATA_STRING)
        return from_text(a, data_str(v), to, ret, err);
    if (to->kind == DATA_STRING) {
        *ret = to_text(a, v, from);
        return ST_OK;
    }
    if (data_type_numeric(from))
        return numeric(a, v, to, ret, err);
    if (from->kind == DATA_TIMESTAMP && to->kind == DATA_DATE) {
        *ret = data_of_date((int32_t)floor_div(v.i64, CIVIL_DAY_MS));
        return ST_OK;
    }
    if (from->kind == DATA_TIMESTAMP && to->kind == DATA_TIME) {
        *ret = data_of_time((int32_t)floor_mod(v.i64, CIVIL_DAY_MS));
        return ST_OK;
    }
    if (from->kind == DATA_DATE && to->kind == DATA_TIMESTAMP) {
        *ret = data_of_timestamp(v.i32 * CIVIL_DAY_MS);
        return ST_OK;
    }
    return members(a, v, from, to, ret, err);
}
