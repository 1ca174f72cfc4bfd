#include "format/proto_lex.h"

#include "base/buf.h"

st_t proto_lex_refuse(const proto_lex_t *l, const char *fmt, ...)
{
    char what[300];
    int line = 1, column = 1;
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    for (const char *p = l->start; p < l->at; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    return err_set(l->err, ST_BAD_INPUT, "Syntax error in :%d:%d: %s", line, column, what);
}

static ST skip_comment(proto_lex_t *l)
{
    str_t rest = {l->at + 2, (size_t)(l->end - l->at) - 2};
    ptrdiff_t n;
    if (l->at[1] == '/') {
        n = str_find_char(rest, '\n');
        l->at = n < 0 ? l->end : rest.ptr + n + 1;
        return ST_OK;
    }
    n = str_find(rest, STR("*/"));
    if (n < 0)
        return proto_lex_refuse(l, "unterminated comment");
    l->at = rest.ptr + n + 2;
    return ST_OK;
}

static ST skip(proto_lex_t *l)
{
    while (l->at < l->end) {
        char c = *l->at;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            l->at++;
            continue;
        }
        if (c != '/')
            break;
        if (l->end - l->at < 2 || (l->at[1] != '/' && l->at[1] != '*'))
            return proto_lex_refuse(l, "unexpected '/'");
        TRY(skip_comment(l));
    }
    return ST_OK;
}

st_t proto_lex_end(proto_lex_t *l, bool *ret_end)
{
    TRY(skip(l));
    *ret_end = l->at == l->end;
    return ST_OK;
}

st_t proto_lex_peek(proto_lex_t *l, char *ret)
{
    TRY(skip(l));
    if (l->at == l->end)
        return proto_lex_refuse(l, "unexpected end of file");
    *ret = *l->at;
    return ST_OK;
}

st_t proto_lex_take(proto_lex_t *l, char c, bool *ret)
{
    char next;
    TRY(proto_lex_peek(l, &next));
    *ret = next == c;
    l->at += *ret;
    return ST_OK;
}

st_t proto_lex_require(proto_lex_t *l, char c)
{
    char next;
    TRY(proto_lex_peek(l, &next));
    l->at++;
    return next == c ? ST_OK : proto_lex_refuse(l, "expected '%c' but was '%c'", c, next);
}

static bool in_word(char c, bool dots)
{
    char lower = str_lower_char(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           (dots && c == '.');
}

st_t proto_lex_word(proto_lex_t *l, bool dots, str_t *ret)
{
    TRY(skip(l));
    const char *start = l->at;
    while (l->at < l->end && in_word(*l->at, dots))
        l->at++;
    if (l->at == start)
        return proto_lex_refuse(l, "expected a word");
    *ret = str_n(start, (size_t)(l->at - start));
    return ST_OK;
}

st_t proto_lex_name(proto_lex_t *l, bool dots, str_t *ret, char *ret_open)
{
    char c;
    TRY(proto_lex_peek(l, &c));
    *ret_open = c == '(' || c == '[' ? c : 0;
    if (!*ret_open)
        return proto_lex_word(l, dots, ret);
    l->at++;
    TRY(proto_lex_word(l, true, ret));
    return proto_lex_require(l, c == '(' ? ')' : ']');
}

st_t proto_lex_int(proto_lex_t *l, int32_t *ret)
{
    str_t word;
    int64_t v = 0;
    TRY(proto_lex_word(l, true, &word));
    bool hex = str_starts_nocase(word, STR("0x"));
    bool valid = hex ? word.len > 2 && word.len <= 10 : str_to_i64(word, &v);
    for (size_t i = 2; hex && valid && i < word.len; i++) {
        int digit = str_hex_digit(word.ptr[i]);
        valid = digit >= 0;
        v = v * 16 + digit;
    }
    if (!valid || v < INT32_MIN || v > INT32_MAX)
        return proto_lex_refuse(l, "expected an integer but was " STR_FMT, STR_ARG(word));
    *ret = (int32_t)v;
    return ST_OK;
}

/* Behind "\x" or at the first of octal digits: their number. */
static ST numeric_escape(proto_lex_t *l, int radix, int digits_max, buf_t *b)
{
    int v = 0, n = 0;
    for (; n < digits_max && l->at < l->end; n++, l->at++) {
        int digit = str_hex_digit(*l->at);
        if (digit < 0 || digit >= radix)
            break;
        v = v * radix + digit;
    }
    if (!n)
        return proto_lex_refuse(l, "expected a digit after \\x or \\X");
    v &= 0xff;
    if (v >= 0x80) /* a byte above ASCII is kept as the character of that number */
        buf_put_char(b, (char)(0xc0 | v >> 6));
    buf_put_char(b, (char)(v >= 0x80 ? 0x80 | (v & 0x3f) : v));
    return ST_OK;
}

/* At the backslash. */
static ST escape(proto_lex_t *l, buf_t *b)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    if (++l->at == l->end)
        return proto_lex_refuse(l, "unexpected end of file");
    char c = *l->at++;
    const char *known = c ? strchr(from, c) : NULL;
    if (c == 'x' || c == 'X')
        return numeric_escape(l, 16, 2, b);
    if (c >= '0' && c <= '7') {
        l->at--;
        return numeric_escape(l, 8, 3, b);
    }
    buf_put_char(b, known ? to[known - from] : c);
    return ST_OK;
}

/* One quoted string; those that follow it directly belong to it. */
static ST quoted(proto_lex_t *l, buf_t *b)
{
    char quote, next;
    do {
        TRY(proto_lex_peek(l, &quote));
        if (quote != '"' && quote != '\'')
            return proto_lex_refuse(l, "expected quoted string");
        l->at++;
        while (l->at < l->end && *l->at != quote) {
            if (*l->at == '\\')
                TRY(escape(l, b));
            else
                buf_put_char(b, *l->at++);
        }
        if (l->at == l->end)
            return proto_lex_refuse(l, "unterminated string");
        l->at++;
        TRY(proto_lex_peek(l, &next));
    } while (next == '"' || next == '\'');
    return ST_OK;
}

st_t proto_lex_string(proto_lex_t *l, str_t *ret)
{
    buf_t b = BUF_INIT;
    st_t st = quoted(l, &b);
    if (st == ST_OK)
        *ret = arena_str(l->arena, buf_str(&b));
    buf_done(&b);
    return st;
}
