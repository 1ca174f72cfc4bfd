/* Functions of URLs, cut as RFC 3986 says; what is not there is null. */
#include "sql/function/fn.h"

typedef struct url {
    str_t scheme, host, port, path, query, fragment; /* ptr NULL: not there */
} url_t;

/* Cuts s at the first of c: what is behind goes to *ret. */
static void cut(str_t *s, char c, str_t *ret)
{
    ptrdiff_t at = str_find_char(*s, c);
    if (at < 0)
        return;
    *ret = str_sub(*s, (size_t)at + 1, s->len);
    s->len = (size_t)at;
}

static bool valid(str_t s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((uint8_t)s.ptr[i] <= ' ' || strchr("\"<>\\^`{|}", s.ptr[i]))
            return false;
    return true;
}

static void read_authority(str_t s, url_t *u)
{
    str_t behind = STR_NONE;
    cut(&s, '@', &behind);
    if (behind.ptr)
        s = behind;
    ptrdiff_t close = s.len && s.ptr[0] == '[' ? str_find_char(s, ']') : -1;
    str_t tail = str_sub(s, (size_t)(close + 1), s.len), port = STR_NONE;
    cut(&tail, ':', &port);
    if (port.ptr && port.len)
        u->port = port;
    s.len = (size_t)(tail.ptr - s.ptr) + tail.len;
    if (s.len)
        u->host = s;
}

static st_t read_url(str_t s, url_t *ret, err_t *err)
{
    *ret = (url_t){0};
    if (!valid(s))
        return err_set(err, ST_BAD_INPUT, "not a URL: '" STR_FMT "'", STR_ARG(s));
    cut(&s, '#', &ret->fragment);
    cut(&s, '?', &ret->query);
    ptrdiff_t colon = str_find_char(s, ':'), slash = str_find_char(s, '/');
    if (colon > 0 && (slash < 0 || colon < slash)) {
        ret->scheme = str_sub(s, 0, (size_t)colon);
        s = str_sub(s, (size_t)colon + 1, s.len);
        if (s.len && s.ptr[0] != '/')
            return ST_OK; /* mailto:…: nothing but a scheme */
    }
    if (str_starts(s, STR("//"))) {
        s = str_sub(s, 2, s.len);
        ptrdiff_t end = str_find_char(s, '/');
        read_authority(str_sub(s, 0, end < 0 ? s.len : (size_t)end), ret);
        s = end < 0 ? str_sub(s, s.len, 0) : str_sub(s, (size_t)end, s.len);
    }
    ret->path = s;
    return ST_OK;
}

/* %41 is a byte; with `plus`, + is a blank, as in a form. */
static st_t decode(arena_t *a, str_t s, bool plus, str_t *ret, err_t *err)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%') {
            int hi = i + 1 < s.len ? str_hex_digit(s.ptr[i + 1]) : -1;
            int lo = i + 2 < s.len ? str_hex_digit(s.ptr[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return err_set(err, ST_BAD_INPUT, "'%%' needs two hex digits behind it");
            out[n++] = (char)(hi << 4 | lo);
            i += 2;
        } else {
            out[n++] = plus && s.ptr[i] == '+' ? ' ' : s.ptr[i];
        }
    }
    *ret = str_n(out, n);
    return ST_OK;
}

static st_t part(sql_fn_call_t *call, str_t s, data_value_t *ret, err_t *err)
{
    if (!s.ptr)
        RETURN(DATA_NULL_VALUE);
    TRY(decode(call->arena, s, false, &s, err));
    RETURN(data_of_str(s));
}

#define FN_URL(name, field)                                                                        \
    FN(url_##name)                                                                                 \
    {                                                                                              \
        STRICT;                                                                                    \
        url_t u;                                                                                   \
        TRY(read_url(data_str(args[0]), &u, err));                                                 \
        return part(call, u.field, ret, err);                                                      \
    }

FN_URL(fragment, fragment)
FN_URL(host, host)
FN_URL(path, path)
FN_URL(protocol, scheme)
FN_URL(query, query)

FN(url_port)
{
    STRICT;
    url_t u;
    int32_t port;
    TRY(read_url(data_str(args[0]), &u, err));
    RETURN(u.port.ptr && str_to_i32(u.port, &port) ? data_of_i32(port) : DATA_NULL_VALUE);
}

FN(url_parameter)
{
    STRICT;
    url_t u;
    str_t one;
    TRY(read_url(data_str(args[0]), &u, err));
    while (u.query.ptr && str_split(&u.query, '&', &one)) {
        str_t value = STR_NONE, name;
        cut(&one, '=', &value);
        TRY(decode(call->arena, one, false, &name, err));
        if (str_eq(name, data_str(args[1])))
            return value.ptr ? part(call, value, ret, err) : part(call, STR(""), ret, err);
    }
    RETURN(DATA_NULL_VALUE);
}

FN(url_decode)
{
    STRICT;
    str_t s;
    TRY(decode(call->arena, data_str(args[0]), true, &s, err));
    RETURN(data_of_str(s));
}

FN(url_encode)
{
    STRICT;
    str_t s = data_str(args[0]);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i], l = str_lower_char(c);
        if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-_.*", c)))
            buf_put_char(&b, c);
        else if (c == ' ')
            buf_put_char(&b, '+');
        else
            buf_printf(&b, "%%%02X", (uint8_t)c);
    }
    *ret = data_of_str(arena_str(call->arena, buf_str(&b)));
    buf_done(&b);
    return ST_OK;
}
