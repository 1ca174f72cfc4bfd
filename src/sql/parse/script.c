/* script.c: what is done to a script before it has tokens: cutting it at ';' and putting in
 * variables. */
#include "base/vec.h"
#include "sql/parse/parse.h"
#include "sql/parse/token.h"

static sql_pos_t pos_after(sql_pos_t at, const char *p, const char *end)
{
    const char *nl;
    while ((nl = memchr(p, '\n', (size_t)(end - p)))) {
        at = (sql_pos_t){at.line + 1, 1};
        p = nl + 1;
    }
    at.column += (uint32_t)(end - p);
    return at;
}

static st_t fail_open(sql_pos_t at, sql_span_kind_t kind, err_t *err)
{
    const char *what = kind == SQL_SPAN_BLANK    ? "the comment has no end: expecting '*/'"
                       : kind == SQL_SPAN_STRING ? "the string has no end: expecting '''"
                                                 : "the name has no end: expecting its quote";
    return err_set(err, ST_BAD_STATEMENT, "line %u:%u: Syntax Error\n%s", at.line, at.column, what);
}

typedef VEC(sql_piece_t) pieces_t;

static st_t split(str_t text, pieces_t *pieces, err_t *err)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    const char *start = NULL, *last = NULL; /* of the piece: its first token, behind its last */
    sql_pos_t at = {1, 1}, start_at = at;
    while (p < end) {
        sql_span_t s = sql_span(p, end);
        bool stop = s.kind == SQL_SPAN_OTHER && *p == ';';
        if (s.open)
            return fail_open(at, s.kind, err);
        if (s.kind != SQL_SPAN_BLANK && !start && !stop) {
            start = p;
            start_at = at;
        }
        if (s.kind != SQL_SPAN_BLANK)
            last = s.end;
        if (stop && start) {
            VEC_PUSH(pieces, (sql_piece_t){str_n(start, (size_t)(last - start)), start_at});
            start = NULL;
        }
        at = pos_after(at, p, s.end);
        p = s.end;
    }
    if (start)
        VEC_PUSH(pieces, (sql_piece_t){str_n(start, (size_t)(last - start)), start_at});
    return ST_OK;
}

st_t sql_parse_split(arena_t *a, str_t text, const sql_piece_t **ret, size_t *ret_n, err_t *err)
{
    if (text.len > SQL_PARSE_BYTES_MAX)
        return err_set(err, ST_TOO_LARGE, "a script may have at most %u bytes: cut it in parts",
                       SQL_PARSE_BYTES_MAX);
    pieces_t pieces = {0};
    st_t st = split(text, &pieces, err);
    if (st == ST_OK) {
        sql_piece_t *copy = ARENA_ARRAY(a, sql_piece_t, pieces.len ? pieces.len : 1);
        if (pieces.len)
            memcpy(copy, pieces.ptr, pieces.len * sizeof *copy);
        *ret = copy;
        *ret_n = pieces.len;
    }
    VEC_DONE(&pieces);
    return st;
}

/* ${name} at p: true, its name and the byte behind it. */
static bool variable_at(const char *p, const char *end, str_t *ret_name, const char **ret_end)
{
    enum { NAME_MAX_BYTES = 256 };
    if (end - p < 4 || p[0] != '$' || p[1] != '{')
        return false;
    size_t left = (size_t)(end - p) - 2;
    const char *close = memchr(p + 2, '}', left < NAME_MAX_BYTES ? left : NAME_MAX_BYTES);
    if (!close)
        return false;
    *ret_name = str_trim(str_n(p + 2, (size_t)(close - p) - 2));
    *ret_end = close + 1;
    return true;
}

/* Copies [p, end) with its variables replaced; `quote` in a value is doubled (0: none is). */
static void replace(buf_t *out, const char *p, const char *end, char quote,
                    const sql_variables_t *vars)
{
    while (p < end) {
        const char *dollar = memchr(p, '$', (size_t)(end - p));
        const char *next = dollar ? dollar : end;
        str_t name, value;
        buf_put(out, p, (size_t)(next - p));
        p = next;
        if (p == end)
            return;
        if (!variable_at(p, end, &name, &next) || !vars->get(vars->env, name, &value)) {
            buf_put_char(out, *p++);
            continue;
        }
        for (size_t i = 0; i < value.len; i++) {
            buf_put_char(out, value.ptr[i]);
            if (quote && value.ptr[i] == quote)
                buf_put_char(out, quote);
        }
        p = next;
    }
}

str_t sql_parse_substitute(arena_t *a, str_t text, const sql_variables_t *vars)
{
    if (!vars || str_find(text, STR("${")) < 0)
        return text;
    buf_t out = BUF_INIT;
    const char *p = text.ptr, *end = text.ptr + text.len;
    while (p < end) {
        sql_span_t s = sql_span(p, end);
        if (s.kind == SQL_SPAN_BLANK) {
            buf_put(&out, p, (size_t)(s.end - p));
        } else if (s.kind == SQL_SPAN_OTHER) {
            str_t name;
            if (*p == '$' && variable_at(p, end, &name, &s.end))
                replace(&out, p, s.end, 0, vars);
            else
                buf_put_char(&out, *p);
        } else {
            replace(&out, p, s.end, *p, vars);
        }
        p = s.end;
    }
    str_t result = arena_str(a, buf_str(&out));
    buf_done(&out);
    return result;
}
