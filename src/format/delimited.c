/* DELIMITED: one line of fields, as Commons CSV's default format has it: a quoted field may hold
 * delimiters, line ends and doubled quotes; an empty field is null. */
#include "format/serde.h"

#include "data/text.h"

static bool carries(data_kind_t k)
{
    return k != DATA_ARRAY && k != DATA_MAP && k != DATA_STRUCT;
}

static st_t check(data_columns_t columns, bool is_key, err_t *err)
{
    (void)is_key;
    for (size_t i = 0; i < columns.len; i++)
        if (!carries(columns.ptr[i].type->kind))
            return err_set(err, ST_UNSUPPORTED,
                           "The 'DELIMITED' format does not support type '%s', column: `" STR_FMT
                           "`",
                           data_kind_name(columns.ptr[i].type->kind), STR_ARG(columns.ptr[i].name));
    return ST_OK;
}

static st_t open_delimited(serde_t *s, err_t *err)
{
    (void)err;
    if (!s->spec.delimiter)
        s->spec.delimiter = ',';
    return ST_OK;
}

typedef struct line {
    arena_t *arena;
    const char *at, *end;
    char delimiter;
    bool more; /* a field is to come */
    err_t *err;
} line_t;

static bool at_line_end(const line_t *l)
{
    return l->at == l->end || *l->at == '\n' || *l->at == '\r';
}

/* At the opening quote; leaves l->at behind the closing one. */
static ST read_quoted(line_t *l, str_t *ret)
{
    const char *from = ++l->at;
    size_t doubled = 0;
    for (;; l->at++) {
        if (l->at == l->end)
            return err_set(l->err, ST_CORRUPT, "a quoted field is not closed");
        if (*l->at != '"')
            continue;
        if (l->end - l->at < 2 || l->at[1] != '"')
            break;
        doubled++;
        l->at++;
    }
    str_t raw = {from, (size_t)(l->at - from)};
    l->at++;
    if (!doubled) {
        *ret = raw;
        return ST_OK;
    }
    char *to = arena_alloc(l->arena, raw.len);
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        to[n++] = raw.ptr[i];
        i += raw.ptr[i] == '"';
    }
    *ret = (str_t){to, n};
    return ST_OK;
}

static ST read_field(line_t *l, str_t *ret)
{
    if (l->at < l->end && *l->at == '"') {
        TRY(read_quoted(l, ret));
        while (l->at < l->end && *l->at == ' ' && l->delimiter != ' ')
            l->at++;
        if (!at_line_end(l) && *l->at != l->delimiter)
            return err_set(l->err, ST_CORRUPT,
                           "invalid char between encapsulated token and delimiter");
    } else {
        const char *from = l->at;
        while (!at_line_end(l) && *l->at != l->delimiter)
            l->at++;
        *ret = (str_t){from, (size_t)(l->at - from)};
    }
    l->more = !at_line_end(l);
    l->at += l->more;
    return ST_OK;
}

static ST read_number(const data_type_t *t, str_t text, data_value_t *ret, err_t *err)
{
    bool is_32 = t->kind != DATA_BIGINT && t->kind != DATA_TIMESTAMP;
    ret->kind = (uint8_t)t->kind;
    if (is_32 ? str_to_i32(text, &ret->i32) : str_to_i64(text, &ret->i64))
        return ST_OK;
    return err_set(err, ST_CORRUPT, "For input string: \"" STR_FMT "\"",
                   (int)(text.len < 100 ? text.len : 100), text.ptr);
}

static ST read_value(arena_t *a, const data_type_t *t, str_t text, data_value_t *ret, err_t *err)
{
    data_value_t v = DATA_NULL_VALUE;
    const data_decimal_t *d;
    str_t bytes;
    switch (t->kind) {
    case DATA_BOOLEAN:
        v = data_of_bool(str_eq_nocase(text, STR("true")));
        break;
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        TRY(read_number(t, text, &v, err));
        break;
    case DATA_DOUBLE:
        v.kind = DATA_DOUBLE;
        if (!str_to_f64(str_trim(text), &v.f64))
            return err_set(err, ST_CORRUPT, "For input string: \"" STR_FMT "\"",
                           (int)(text.len < 100 ? text.len : 100), text.ptr);
        break;
    case DATA_DECIMAL:
        TRY(data_decimal_parse(a, text, &d, err));
        TRY(data_decimal_fit(a, d, t->precision, t->scale, &d, err));
        v = data_of_decimal(d);
        break;
    case DATA_STRING:
        v = data_of_str(text);
        break;
    case DATA_BYTES:
        if (!data_base64_decode(a, text, &bytes))
            return err_set(err, ST_CORRUPT, "not base64");
        v = data_of_bytes(bytes);
        break;
    case DATA_NULL:
    case DATA_ARRAY:
    case DATA_MAP:
    case DATA_STRUCT:
    case DATA_KINDS:
        ASSERT(!"a kind that check() refuses");
    }
    *ret = v;
    return ST_OK;
}

static st_t decode(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                   bool *ret_null, err_t *err)
{
    (void)ret_null;
    data_columns_t c = s->spec.columns;
    line_t l = {a, bytes.ptr, bytes.ptr + bytes.len, s->spec.delimiter, true, err};
    while (l.at < l.end && (*l.at == '\n' || *l.at == '\r'))
        l.at++;
    if (l.at == l.end)
        return err_set(err, ST_CORRUPT, "No fields in record");
    size_t n = 0;
    for (; l.more; n++) {
        str_t text;
        TRY(read_field(&l, &text));
        if (n >= c.len)
            continue;
        row[n] = DATA_NULL_VALUE;
        if (text.len == 0 || !serde_wants(want, n))
            continue;
        st_t st = read_value(a, c.ptr[n].type, text, &row[n], err);
        if (st != ST_OK)
            return err_wrap(err, ST_CORRUPT, "column `" STR_FMT "`", STR_ARG(c.ptr[n].name));
    }
    if (n != c.len)
        return err_set(err, ST_CORRUPT, "Unexpected field count, csvFields:%zu schemaFields:%zu", n,
                       c.len);
    return ST_OK;
}

/* Fields are quoted only where they must be; the first of a line also when it starts with no letter
 * or digit. */
static bool must_quote(str_t text, char delimiter, bool first)
{
    if (text.len == 0)
        return first;
    uint8_t c = (uint8_t)text.ptr[0];
    if (first && !((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
        return true;
    if (c <= '#' || (uint8_t)text.ptr[text.len - 1] <= ' ')
        return true;
    for (size_t i = 0; i < text.len; i++) {
        char x = text.ptr[i];
        if (x == '\n' || x == '\r' || x == '"' || x == delimiter)
            return true;
    }
    return false;
}

/* Quotes what was appended from `from` on. */
static void quote(buf_t *b, size_t from)
{
    size_t quotes = 2;
    for (size_t i = from; i < b->len; i++)
        quotes += b->ptr[i] == '"';
    buf_reserve(b, quotes);
    size_t to = b->len + quotes, i = b->len;
    b->len = to;
    b->ptr[--to] = '"';
    while (i > from) {
        b->ptr[--to] = b->ptr[--i];
        if (b->ptr[i] == '"')
            b->ptr[--to] = '"';
    }
    b->ptr[from] = '"';
}

static void put_value(buf_t *b, data_value_t v)
{
    if (v.kind == DATA_TIME || v.kind == DATA_DATE)
        buf_put_i64(b, v.i32);
    else if (v.kind == DATA_TIMESTAMP)
        buf_put_i64(b, v.i64);
    else if (v.kind == DATA_DECIMAL)
        data_decimal_put_plain(b, v.dec);
    else
        data_put_text(b, v, NULL);
}

static st_t encode(serde_t *s, const data_value_t *row, buf_t *b, err_t *err)
{
    (void)err;
    for (size_t i = 0; i < s->spec.columns.len; i++) {
        if (i)
            buf_put_char(b, s->spec.delimiter);
        if (data_is_null(row[i]))
            continue;
        size_t from = b->len;
        put_value(b, row[i]);
        str_t text = {b->ptr + from, b->len - from};
        if (must_quote(text, s->spec.delimiter, i == 0))
            quote(b, from);
    }
    return ST_OK;
}

const format_class_t format_delimited = {
    .check = check, .open = open_delimited, .decode = decode, .encode = encode};
