#include "base/properties.h"

#include "base/buf.h"

#define SHOWN_MAX 60

/* One line, with those in which it goes on; nothing: it was the last. */
static void take_line(properties_t *p, buf_t *to)
{
    str_t line;
    while (str_split(&p->left, '\n', &line)) {
        p->line++;
        line = str_trim(line);
        if (!to->len && line.len && (line.ptr[0] == '#' || line.ptr[0] == '!'))
            continue;
        size_t backslashes = 0;
        while (backslashes < line.len && line.ptr[line.len - 1 - backslashes] == '\\')
            backslashes++;
        buf_put_str(to, str_sub(line, 0, line.len - backslashes % 2));
        if (to->len && backslashes % 2 == 0)
            return;
    }
}

static char unescaped(char c)
{
    switch (c) {
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 'f':
        return '\f';
    default:
        return c;
    }
}

/* In place. *ret_at: where the first = or : without a backslash is; its length without one. False
 * at \u. */
static bool unescape(buf_t *line, size_t *ret_at)
{
    size_t n = 0, at = SIZE_MAX;
    for (size_t i = 0; i < line->len; i++) {
        char c = line->ptr[i];
        if (c == '\\' && i + 1 < line->len) {
            if (line->ptr[++i] == 'u')
                return false;
            line->ptr[n++] = unescaped(line->ptr[i]);
            continue;
        }
        if (at == SIZE_MAX && (c == '=' || c == ':'))
            at = n;
        line->ptr[n++] = c;
    }
    line->len = n;
    *ret_at = at < n ? at : n;
    return true;
}

static ST split(const properties_t *p, buf_t *line, arena_t *a, str_t *ret_name, str_t *ret_value,
                err_t *err)
{
    size_t at;
    if (!unescape(line, &at))
        return err_set(err, ST_BAD_CONFIG,
                       STR_FMT ":%d: \\u is not taken: write the character itself, in UTF-8",
                       STR_ARG(p->path), p->line);
    str_t text = buf_str(line);
    str_t name = str_trim(str_sub(text, 0, at));
    if (at == text.len || !name.len)
        return err_set(err, ST_BAD_CONFIG, STR_FMT ":%d: expected name=value, got '" STR_FMT "'",
                       STR_ARG(p->path), p->line, STR_ARG(str_sub(text, 0, SHOWN_MAX)));
    str_t value = str_trim(str_sub(text, at + 1, SIZE_MAX));
    *ret_name = arena_str(a, name);
    *ret_value = value.len ? arena_str(a, value) : STR("");
    return ST_OK;
}

ST properties_next(properties_t *p, arena_t *a, str_t *ret_name, str_t *ret_value, err_t *err)
{
    buf_t line = BUF_INIT;
    take_line(p, &line);
    st_t st = ST_OK;
    if (line.len)
        st = split(p, &line, a, ret_name, ret_value, err);
    else
        *ret_name = *ret_value = STR_NONE;
    buf_done(&line);
    return st;
}
