#include "format/json_text.h"

#include "base/json.h"
#include "data/text.h"

#include <stdlib.h>

#define EXACT_INTEGER (UINT64_C(1) << 53)

st_t json_in_bad(json_in_t *in, const char *what)
{
    return err_set(in->err, ST_CORRUPT, "not JSON: %s at byte %zu", what,
                   (size_t)(in->at - in->start));
}

static void put_path(buf_t *b, const json_path_t *p)
{
    if (!p) {
        buf_put_char(b, '$');
        return;
    }
    put_path(b, p->up);
    if (p->name.ptr)
        buf_printf(b, "." STR_FMT, (int)(p->name.len < 100 ? p->name.len : 100), p->name.ptr);
    else
        buf_printf(b, "[%zu]", p->index);
}

static const char *node_name(char c)
{
    switch (c) {
    case '{':
        return "ObjectNode";
    case '[':
        return "ArrayNode";
    case '"':
        return "TextNode";
    case 't':
    case 'f':
        return "BooleanNode";
    case 'n':
        return "NullNode";
    default:
        return "NumericNode";
    }
}

st_t json_in_mismatch(json_in_t *in, const char *required, const json_path_t *path)
{
    buf_t b = BUF_INIT;
    put_path(&b, path);
    st_t st = err_set(
        in->err, ST_CORRUPT, "Can't convert type. sourceType: %s, requiredType: %s, path: " STR_FMT,
        in->at < in->end ? node_name(*in->at) : "MissingNode", required, STR_ARG(buf_str(&b)));
    buf_done(&b);
    return st;
}

void json_in_space(json_in_t *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\n' || *in->at == '\t' || *in->at == '\r'))
        in->at++;
}

static ST read_tree(json_in_t *in, json_value_t *ret)
{
    const char *p = in->at;
    st_t st = json_read(in->arena, &p, in->end, 0, ret, in->err);
    if (st != ST_OK)
        return err_wrap(in->err, ST_CORRUPT, "not JSON, behind byte %zu",
                        (size_t)(in->at - in->start));
    in->at = p;
    return ST_OK;
}

/* At a quote. */
static ST read_text(json_in_t *in, str_t *ret)
{
    const char *p = in->at + 1;
    while (p < in->end && *p != '"' && *p != '\\' && (uint8_t)(*p - 0x20) < 0x60)
        p++;
    if (p < in->end && *p == '"') {
        *ret = (str_t){in->at + 1, (size_t)(p - in->at - 1)};
        in->at = p + 1;
        return ST_OK;
    }
    json_value_t v; /* escapes, or characters beyond ASCII that must be checked */
    TRY(read_tree(in, &v));
    *ret = v.text;
    return ST_OK;
}

typedef struct number {
    str_t text;
    uint64_t digits;      /* the first 19 significant ones */
    int exp;              /* value = digits * 10^exp */
    bool neg, whole, cut; /* cut: there are more digits than fit */
} number_t;

static bool is_digit(const json_in_t *in)
{
    return in->at < in->end && (uint8_t)(*in->at - '0') < 10;
}

static void read_digits(json_in_t *in, number_t *n, bool fraction)
{
    for (; is_digit(in); in->at++) {
        if (n->digits >= UINT64_C(1000000000000000000)) {
            n->cut = true;
            n->exp += !fraction;
            continue;
        }
        n->digits = n->digits * 10 + (uint64_t)(*in->at - '0');
        n->exp -= fraction;
    }
}

static ST read_exponent(json_in_t *in, number_t *n)
{
    bool neg = false;
    int exp = 0;
    if (++in->at < in->end && (*in->at == '-' || *in->at == '+'))
        neg = *in->at++ == '-';
    if (!is_digit(in))
        return json_in_bad(in, "expected a digit");
    for (; is_digit(in); in->at++)
        if (exp < 100000)
            exp = exp * 10 + (*in->at - '0');
    n->exp += neg ? -exp : exp;
    n->whole = false;
    return ST_OK;
}

static ST read_number(json_in_t *in, number_t *ret)
{
    const char *from = in->at;
    number_t n = {.whole = true};
    if (in->at < in->end && *in->at == '-') {
        n.neg = true;
        in->at++;
    }
    if (!is_digit(in))
        return json_in_bad(in, "expected a value");
    if (*in->at == '0' && in->end - in->at > 1 && (uint8_t)(in->at[1] - '0') < 10)
        return json_in_bad(in, "a number has no leading zeros");
    read_digits(in, &n, false);
    if (in->at < in->end && *in->at == '.') {
        in->at++;
        n.whole = false;
        if (!is_digit(in))
            return json_in_bad(in, "expected a digit");
        read_digits(in, &n, true);
    }
    if (in->at < in->end && (*in->at | 0x20) == 'e')
        TRY(read_exponent(in, &n));
    n.text = (str_t){from, (size_t)(in->at - from)};
    *ret = n;
    return ST_OK;
}

static double number_f64(const number_t *n, arena_t *a)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (n->cut || n->digits > EXACT_INTEGER || n->exp < -22 || n->exp > 22)
        return strtod(arena_z(a, n->text), NULL);
    double v = (double)n->digits;
    v = n->exp < 0 ? v / power[-n->exp] : v * power[n->exp];
    return n->neg ? -v : v;
}

static bool number_i64(const number_t *n, arena_t *a, int64_t *ret)
{
    if (n->whole && !n->cut && n->digits <= INT64_MAX) {
        *ret = n->neg ? -(int64_t)n->digits : (int64_t)n->digits;
        return true;
    }
    const data_decimal_t *d;
    return data_decimal_parse(a, n->text, &d, NULL) == ST_OK && data_decimal_to_i64(d, ret);
}

static bool at_number(const json_in_t *in)
{
    return is_digit(in) || (in->at < in->end && *in->at == '-');
}

static bool take_word(json_in_t *in, str_t word)
{
    if ((size_t)(in->end - in->at) < word.len || memcmp(in->at, word.ptr, word.len) != 0)
        return false;
    in->at += word.len;
    return true;
}

/* INTEGER, BIGINT and the temporal types. */
static ST read_whole(json_in_t *in, const data_type_t *t, const json_path_t *path,
                     data_value_t *ret)
{
    const char *from = in->at;
    int64_t v;
    bool good;
    if (at_number(in)) {
        number_t n;
        TRY(read_number(in, &n));
        good = number_i64(&n, in->arena, &v);
    } else if (in->at < in->end && *in->at == '"') {
        str_t text;
        TRY(read_text(in, &text));
        good = str_to_i64(text, &v) &&
               (t->kind == DATA_BIGINT || t->kind == DATA_TIMESTAMP || v == (int32_t)v);
    } else {
        good = false;
    }
    if (!good) {
        in->at = from;
        return json_in_mismatch(in, data_kind_name(t->kind), path);
    }
    *ret = (data_value_t){.kind = (uint8_t)t->kind};
    if (t->kind == DATA_BIGINT || t->kind == DATA_TIMESTAMP)
        ret->i64 = v;
    else
        ret->i32 = (int32_t)v;
    return ST_OK;
}

static ST read_double(json_in_t *in, const json_path_t *path, data_value_t *ret)
{
    const char *from = in->at;
    if (at_number(in)) {
        number_t n;
        TRY(read_number(in, &n));
        *ret = data_of_f64(number_f64(&n, in->arena));
        return ST_OK;
    }
    if (in->at < in->end && *in->at == '"') {
        str_t text;
        double d;
        TRY(read_text(in, &text));
        if (str_to_f64(str_trim(text), &d)) {
            *ret = data_of_f64(d);
            return ST_OK;
        }
    }
    in->at = from;
    return json_in_mismatch(in, "DOUBLE", path);
}

static ST read_decimal(json_in_t *in, const data_type_t *t, const json_path_t *path,
                       data_value_t *ret)
{
    const char *from = in->at;
    str_t text = STR("");
    if (at_number(in)) {
        number_t n;
        TRY(read_number(in, &n));
        text = n.text;
    } else if (in->at < in->end && *in->at == '"') {
        TRY(read_text(in, &text));
    }
    const data_decimal_t *d;
    if (data_decimal_parse(in->arena, text, &d, NULL) != ST_OK) {
        in->at = from;
        return json_in_mismatch(in, "DECIMAL", path);
    }
    st_t st = data_decimal_fit(in->arena, d, t->precision, t->scale, &d, in->err);
    if (st != ST_OK)
        return ST_CORRUPT;
    *ret = data_of_decimal(d);
    return ST_OK;
}

/* What Jackson's asText gives, with objects as JSON and arrays as Java's lists. */
static void put_as_text(buf_t *b, arena_t *a, const json_value_t *v)
{
    const data_decimal_t *d;
    if (v->kind == JSON_STRING) {
        buf_put_str(b, v->text);
    } else if (v->kind == JSON_ARRAY) {
        buf_put_char(b, '[');
        for (size_t i = 0; i < v->n; i++) {
            if (i)
                BUF_LIT(b, ", ");
            put_as_text(b, a, &v->item[i]);
        }
        buf_put_char(b, ']');
    } else if (v->kind == JSON_NUMBER && !v->is_i64 &&
               data_decimal_parse(a, v->text, &d, NULL) == ST_OK) {
        data_decimal_put_text(b, d);
    } else {
        json_put_value(b, v);
    }
}

static ST read_string(json_in_t *in, data_value_t *ret)
{
    str_t text;
    if (in->at < in->end && *in->at == '"') {
        TRY(read_text(in, &text));
    } else {
        json_value_t v;
        TRY(read_tree(in, &v));
        buf_t b = BUF_INIT;
        put_as_text(&b, in->arena, &v);
        text = arena_str(in->arena, buf_str(&b));
        buf_done(&b);
    }
    *ret = data_of_str(text);
    return ST_OK;
}

static ST read_bytes(json_in_t *in, const json_path_t *path, data_value_t *ret)
{
    const char *from = in->at;
    str_t text, bytes;
    if (in->at < in->end && *in->at == '"') {
        TRY(read_text(in, &text));
        if (data_base64_decode(in->arena, text, &bytes)) {
            *ret = data_of_bytes(bytes);
            return ST_OK;
        }
    }
    in->at = from;
    return json_in_mismatch(in, "BYTES", path);
}

/* Behind an item: false at the closing character, which is passed. */
static ST more_items(json_in_t *in, char close, bool *ret)
{
    json_in_space(in);
    if (in->at < in->end && (*in->at == ',' || *in->at == close)) {
        *ret = *in->at++ == ',';
        if (*ret)
            json_in_space(in);
        return ST_OK;
    }
    return json_in_bad(in, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
}

/* Passes the opening character; false when the closing one follows, which is passed too. */
static bool open_items(json_in_t *in, char close)
{
    in->at++;
    json_in_space(in);
    if (in->at < in->end && *in->at == close) {
        in->at++;
        return false;
    }
    return true;
}

st_t json_in_name(json_in_t *in, str_t *ret)
{
    if (in->at == in->end || *in->at != '"')
        return json_in_bad(in, "expected a name");
    TRY(read_text(in, ret));
    json_in_space(in);
    if (in->at == in->end || *in->at != ':')
        return json_in_bad(in, "expected ':'");
    in->at++;
    json_in_space(in);
    return ST_OK;
}

/* Values of unknown number, in an arena. */
typedef struct values {
    data_value_t *ptr;
    size_t len, cap;
} values_t;

static data_value_t *values_add(arena_t *a, values_t *v, size_t n)
{
    if (v->cap - v->len < n) {
        size_t cap = v->cap ? v->cap * 2 : 8;
        data_value_t *to = arena_alloc(a, cap * sizeof *to);
        if (v->len)
            memcpy(to, v->ptr, v->len * sizeof *to);
        v->ptr = to;
        v->cap = cap;
    }
    v->len += n;
    return v->ptr + v->len - n;
}

static ST read_array(json_in_t *in, const data_type_t *t, const json_path_t *path,
                     data_value_t *ret)
{
    if (in->at == in->end || *in->at != '[')
        return json_in_mismatch(in, "ARRAY", path);
    values_t v = {NULL, 0, 0};
    json_path_t here = {.up = path};
    for (bool more = open_items(in, ']'); more; here.index++) {
        data_value_t item;
        TRY(json_in_value(in, t->elem, &here, &item));
        *values_add(in->arena, &v, 1) = item;
        TRY(more_items(in, ']', &more));
    }
    *ret = data_of_array(v.ptr, v.len);
    return ST_OK;
}

static ST read_map(json_in_t *in, const data_type_t *t, const json_path_t *path, data_value_t *ret)
{
    if (in->at == in->end || *in->at != '{')
        return json_in_mismatch(in, "MAP", path);
    values_t v = {NULL, 0, 0};
    json_path_t here = {.up = path};
    for (bool more = open_items(in, '}'); more;) {
        data_value_t item;
        TRY(json_in_name(in, &here.name));
        TRY(json_in_value(in, t->elem, &here, &item));
        data_value_t *entry = values_add(in->arena, &v, 2);
        entry[0] = data_of_str(here.name);
        entry[1] = item;
        TRY(more_items(in, '}', &more));
    }
    *ret = data_of_map(v.ptr, v.len / 2);
    return ST_OK;
}

static ST read_struct(json_in_t *in, const data_type_t *t, const json_path_t *path,
                      data_value_t *ret)
{
    if (in->at == in->end || *in->at != '{')
        return json_in_mismatch(in, "STRUCT", path);
    data_value_t *v = ARENA_ARRAY(in->arena, data_value_t, t->n_fields);
    uint8_t *rank = ARENA_ARRAY(in->arena, uint8_t, t->n_fields);
    json_path_t here = {.up = path};
    for (bool more = open_items(in, '}'); more;) {
        TRY(json_in_name(in, &here.name));
        bool used = false;
        const char *from = in->at;
        for (size_t i = 0; i < t->n_fields; i++) {
            int r = json_name_rank(t->field[i].name, here.name);
            if (r == 0 || r < rank[i])
                continue;
            in->at = from;
            TRY(json_in_value(in, t->field[i].type, &here, &v[i]));
            rank[i] = (uint8_t)r;
            used = true;
        }
        if (!used)
            TRY(json_in_skip(in));
        TRY(more_items(in, '}', &more));
    }
    *ret = data_of_struct(v, t->n_fields);
    return ST_OK;
}

static ST read_boolean(json_in_t *in, const json_path_t *path, data_value_t *ret)
{
    bool v = take_word(in, STR("true"));
    if (!v && !take_word(in, STR("false")))
        return json_in_mismatch(in, "BOOLEAN", path);
    *ret = data_of_bool(v);
    return ST_OK;
}

st_t json_in_value(json_in_t *in, const data_type_t *t, const json_path_t *path, data_value_t *ret)
{
    if (in->at < in->end && *in->at == 'n') {
        if (!take_word(in, STR("null")))
            return json_in_bad(in, "expected a value");
        *ret = DATA_NULL_VALUE;
        return ST_OK;
    }
    switch (t->kind) {
    case DATA_BOOLEAN:
        return read_boolean(in, path, ret);
    case DATA_INTEGER:
    case DATA_BIGINT:
    case DATA_TIME:
    case DATA_DATE:
    case DATA_TIMESTAMP:
        return read_whole(in, t, path, ret);
    case DATA_DOUBLE:
        return read_double(in, path, ret);
    case DATA_DECIMAL:
        return read_decimal(in, t, path, ret);
    case DATA_STRING:
        return read_string(in, ret);
    case DATA_BYTES:
        return read_bytes(in, path, ret);
    case DATA_ARRAY:
        return read_array(in, t, path, ret);
    case DATA_MAP:
        return read_map(in, t, path, ret);
    case DATA_STRUCT:
        return read_struct(in, t, path, ret);
    case DATA_NULL:
    case DATA_KINDS:
        break;
    }
    ASSERT(!"a column has a type");
    return ST_CORRUPT;
}

/* At a quote: passes the string. What it holds is not looked at. */
static ST skip_text(json_in_t *in)
{
    for (const char *p = in->at + 1; p < in->end; p++) {
        if (*p == '"') {
            in->at = p + 1;
            return ST_OK;
        }
        p += *p == '\\';
    }
    return json_in_bad(in, "the string is not closed");
}

static ST skip_items(json_in_t *in, char close)
{
    if (++in->depth > JSON_DEPTH_MAX)
        return json_in_bad(in, "nested too deep");
    for (bool more = open_items(in, close); more;) {
        if (close == '}') {
            str_t name;
            TRY(json_in_name(in, &name));
        }
        TRY(json_in_skip(in));
        TRY(more_items(in, close, &more));
    }
    in->depth--;
    return ST_OK;
}

st_t json_in_skip(json_in_t *in)
{
    number_t n;
    if (in->at == in->end)
        return json_in_bad(in, "expected a value");
    switch (*in->at) {
    case '"':
        return skip_text(in);
    case '{':
        return skip_items(in, '}');
    case '[':
        return skip_items(in, ']');
    case 't':
    case 'f':
    case 'n':
        if (take_word(in, STR("true")) || take_word(in, STR("false")) || take_word(in, STR("null")))
            return ST_OK;
        return json_in_bad(in, "expected a value");
    default:
        return read_number(in, &n);
    }
}

static void put_members(buf_t *b, data_value_t v, const data_type_t *t)
{
    buf_put_char(b, v.kind == DATA_ARRAY ? '[' : '{');
    for (uint32_t i = 0; i < v.len; i++) {
        if (i)
            buf_put_char(b, ',');
        if (v.kind == DATA_ARRAY) {
            json_text_put(b, v.v[i], t->elem);
            continue;
        }
        bool map = v.kind == DATA_MAP;
        data_value_t key = map ? v.v[2 * i] : DATA_NULL_VALUE;
        json_put_str_jackson(b, !map                ? t->field[i].name
                                : data_is_null(key) ? STR("null")
                                                    : data_str(key));
        buf_put_char(b, ':');
        json_text_put(b, map ? v.v[2 * i + 1] : v.v[i], map ? t->elem : t->field[i].type);
    }
    buf_put_char(b, v.kind == DATA_ARRAY ? ']' : '}');
}

void json_text_put(buf_t *b, data_value_t v, const data_type_t *t)
{
    switch ((data_kind_t)v.kind) {
    case DATA_NULL:
        BUF_LIT(b, "null");
        return;
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
        buf_put_i64(b, v.i32);
        return;
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        buf_put_i64(b, v.i64);
        return;
    case DATA_DOUBLE:
        if (v.f64 - v.f64 == 0) {
            data_put_f64(b, v.f64);
            return;
        }
        buf_put_char(b, '"'); /* NaN and the infinities are no JSON numbers */
        data_put_f64(b, v.f64);
        buf_put_char(b, '"');
        return;
    case DATA_STRING:
        json_put_str_jackson(b, data_str(v));
        return;
    case DATA_BYTES:
        buf_put_char(b, '"');
        data_put_base64(b, data_str(v));
        buf_put_char(b, '"');
        return;
    case DATA_BOOLEAN:
    case DATA_DECIMAL:
        data_put_text(b, v, t);
        return;
    case DATA_ARRAY:
    case DATA_MAP:
    case DATA_STRUCT:
        put_members(b, v, t);
        return;
    case DATA_KINDS:
        break;
    }
    ASSERT(!"kind");
}
