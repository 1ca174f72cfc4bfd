#include "base/json.h"

/* Appends the escape for the character at p, when it needs one, and says how many bytes of p it
 * stands for. */
static size_t put_escape(buf_t *b, const char *p, const char *end, bool lines)
{
    uint8_t c = (uint8_t)*p;
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *known = c && c < 0x80 ? strchr(from, c) : NULL;
    if (known) {
        buf_put_char(b, '\\');
        buf_put_char(b, to[known - from]);
        return 1;
    }
    if (c < 0x20) {
        buf_printf(b, "\\u%04X", c);
        return 1;
    }
    if (lines && c == 0xc2 && end - p >= 2 && (uint8_t)p[1] == 0x85) {
        BUF_LIT(b, "\\u0085");
        return 2;
    }
    if (lines && c == 0xe2 && end - p >= 3 && (uint8_t)p[1] == 0x80 &&
        ((uint8_t)p[2] | 1) == 0xa9) {
        buf_printf(b, "\\u20%02x", (uint8_t)p[2] - 0x80);
        return 3;
    }
    return 0;
}

static void put_quoted(buf_t *b, str_t s, bool lines)
{
    buf_put_char(b, '"');
    const char *end = s.ptr + s.len, *from = s.ptr;
    for (const char *p = s.ptr; p < end;) {
        uint8_t c = (uint8_t)*p;
        if (c >= 0x20 && c != '"' && c != '\\' && (!lines || (c != 0xc2 && c != 0xe2))) {
            p++;
            continue;
        }
        buf_put(b, from, (size_t)(p - from));
        size_t n = put_escape(b, p, end, lines);
        from = p + n;
        p += n ? n : 1;
    }
    buf_put(b, from, (size_t)(end - from));
    buf_put_char(b, '"');
}

void json_put_str(buf_t *b, str_t s)
{
    put_quoted(b, s, true);
}

void json_put_str_jackson(buf_t *b, str_t s)
{
    put_quoted(b, s, false);
}

static void put_comma(buf_t *b, char open)
{
    if (b->len && b->ptr[b->len - 1] != open)
        buf_put_char(b, ',');
}

void json_put_name_str(buf_t *b, str_t name)
{
    put_comma(b, '{');
    json_put_str(b, name);
    buf_put_char(b, ':');
}

void json_put_name(buf_t *b, const char *name)
{
    json_put_name_str(b, str_of(name));
}

void json_put_item(buf_t *b)
{
    put_comma(b, '[');
}

void json_put_member_str(buf_t *b, const char *name, str_t s)
{
    json_put_name(b, name);
    json_put_str(b, s);
}

void json_put_member_i64(buf_t *b, const char *name, int64_t v)
{
    json_put_name(b, name);
    buf_put_i64(b, v);
}

void json_put_bool(buf_t *b, bool v)
{
    buf_put_str(b, v ? STR("true") : STR("false"));
}

void json_put_member_bool(buf_t *b, const char *name, bool v)
{
    json_put_name(b, name);
    json_put_bool(b, v);
}

void json_put_value(buf_t *b, const json_value_t *v)
{
    switch (v->kind) {
    case JSON_NULL:
        BUF_LIT(b, "null");
        return;
    case JSON_BOOL:
        json_put_bool(b, v->b);
        return;
    case JSON_NUMBER:
        buf_put_str(b, v->text);
        return;
    case JSON_STRING:
        json_put_str(b, v->text);
        return;
    case JSON_ARRAY:
        buf_put_char(b, '[');
        for (size_t i = 0; i < v->n; i++) {
            json_put_item(b);
            json_put_value(b, &v->item[i]);
        }
        buf_put_char(b, ']');
        return;
    case JSON_OBJECT:
        buf_put_char(b, '{');
        for (size_t i = 0; i < v->n; i++) {
            json_put_name_str(b, v->name[i]);
            json_put_value(b, &v->item[i]);
        }
        buf_put_char(b, '}');
        return;
    }
}
