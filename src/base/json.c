#include "base/json.h"

#include "base/vec.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct reader {
    arena_t *arena;
    const char *start, *at, *end;
    unsigned flags;
    int depth;
    err_t *err;
    VEC(json_value_t) items; /* of the arrays and objects that are open */
    VEC(str_t) names;
} reader_t;

static st_t refuse(reader_t *r, const char *what)
{
    int line = 1, column = 1;
    for (const char *p = r->start; p < r->at; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    return err_set(r->err, ST_BAD_INPUT, "line %d, column %d: %s", line, column, what);
}

static void *take(reader_t *r, size_t n)
{
    return arena_alloc_try(r->arena, n);
}

static st_t refuse_large(reader_t *r)
{
    return err_set(r->err, ST_TOO_LARGE, "the JSON text is larger than the limit allows");
}

static bool skip_comment(reader_t *r)
{
    if (!(r->flags & (JSON_LENIENT | JSON_COMMENTS)) || r->end - r->at < 2 || r->at[0] != '/')
        return false;
    str_t rest = {r->at + 2, (size_t)(r->end - r->at - 2)};
    ptrdiff_t n;
    if (r->at[1] == '/') {
        n = str_find_char(rest, '\n');
        r->at = n < 0 ? r->end : rest.ptr + n;
    } else if (r->at[1] == '*') {
        n = str_find(rest, STR("*/"));
        r->at = n < 0 ? r->end : rest.ptr + n + 2;
    } else {
        return false;
    }
    return true;
}

static void skip_space(reader_t *r)
{
    do {
        while (r->at < r->end &&
               (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
            r->at++;
    } while (r->at < r->end && *r->at == '/' && skip_comment(r));
}

static char *utf8_put(char *p, uint32_t c)
{
    if (c < 0x80) {
        *p++ = (char)c;
    } else if (c < 0x800) {
        *p++ = (char)(0xc0 | c >> 6);
        *p++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *p++ = (char)(0xe0 | c >> 12);
        *p++ = (char)(0x80 | (c >> 6 & 0x3f));
        *p++ = (char)(0x80 | (c & 0x3f));
    } else {
        *p++ = (char)(0xf0 | c >> 18);
        *p++ = (char)(0x80 | (c >> 12 & 0x3f));
        *p++ = (char)(0x80 | (c >> 6 & 0x3f));
        *p++ = (char)(0x80 | (c & 0x3f));
    }
    return p;
}

static bool hex4(reader_t *r, uint32_t *ret)
{
    if (r->end - r->at < 4)
        return false;
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = str_hex_digit(r->at[i]);
        if (digit < 0)
            return false;
        v = v * 16 + (uint32_t)digit;
    }
    r->at += 4;
    *ret = v;
    return true;
}

/* Behind "\u"; takes both halves of a pair. */
static bool read_unicode(reader_t *r, uint32_t *ret)
{
    uint32_t c, low;
    if (!hex4(r, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
        const char *back = r->at;
        r->at += 2;
        if (!hex4(r, &low))
            return false;
        if (low >= 0xdc00 && low < 0xe000)
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        else
            r->at = back;
    }
    *ret = c >= 0xd800 && c < 0xe000 ? 0xfffd : c;
    return true;
}

/* At the backslash of a string whose characters up to there are at `out`; moves *out. */
static ST read_escape(reader_t *r, char **out)
{
    uint32_t u;
    char plain;
    if (r->end - r->at < 2)
        return refuse(r, "the string is not closed");
    switch (r->at[1]) {
    case '"':
    case '\\':
    case '/':
        plain = r->at[1];
        break;
    case 'b':
        plain = '\b';
        break;
    case 'f':
        plain = '\f';
        break;
    case 'n':
        plain = '\n';
        break;
    case 'r':
        plain = '\r';
        break;
    case 't':
        plain = '\t';
        break;
    case 'u':
        r->at += 2;
        if (!read_unicode(r, &u))
            return refuse(r, "\\u takes four hexadecimal digits");
        *out = utf8_put(*out, u);
        return ST_OK;
    default:
        return refuse(r, "unknown escape in a string");
    }
    *(*out)++ = plain;
    r->at += 2;
    return ST_OK;
}

/* Moves r->at over plain characters of a string, to its quote or an escape. */
static ST skip_plain(reader_t *r)
{
    while (r->at < r->end) {
        uint8_t c = (uint8_t)*r->at;
        if (c == '"' || c == '\\')
            return ST_OK;
        if (c < 0x20)
            return refuse(r, "control characters in a string must be escaped");
        size_t n = c < 0x80 ? 1 : str_utf8_bytes(r->at, r->end);
        if (n == 0)
            return refuse(r, "the text is not UTF-8");
        r->at += n;
    }
    return refuse(r, "the string is not closed");
}

/* A schema within JSON has an escape every few characters. So a string with escapes is read by
 * blocks, each looked at as a whole: the processor guesses few branches wrong. */
#define BLOCK 64

/* Those of the next BLOCK characters that may not stand for themselves: quotes, backslashes,
 * control characters, and what is not ASCII. */
static uint64_t specials(const char *at)
{
    uint64_t mask = 0;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    for (int i = 0; i < BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const void *)(at + i));
        __m128i is = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        is = _mm_or_si128(is, _mm_cmplt_epi8(v, space)); /* signed: what is not ASCII, too */
        mask |= (uint64_t)(unsigned)_mm_movemask_epi8(is) << i;
    }
#else
    for (int i = 0; i < BLOCK; i++)
        mask |= (uint64_t)(at[i] == '"' || at[i] == '\\' || (int8_t)at[i] < ' ') << i;
#endif
    return mask;
}

/* The closing quote of a string; NULL. */
static const char *find_close(const char *at, const char *end)
{
    while (end - at > BLOCK) {
        const char *block = at;
        at += BLOCK;
        for (uint64_t m = specials(block); m; m &= m - 1) {
            int i = __builtin_ctzll(m);
            if (block[i] == '"')
                return block + i;
            if (block[i] == '\\') {
                m &= ~(UINT64_C(2) << i);
                at += i == BLOCK - 1;
            }
        }
    }
    while (at < end && *at != '"')
        at += *at == '\\' ? 2 : 1;
    return at < end ? at : NULL;
}

/* Copies up to `to`; r->at has 16 characters at least. `out` has no less room than there is to
 * copy, so that short runs may be copied with some characters more. */
static void copy_run(reader_t *r, const char *to, char **out)
{
    size_t n = (size_t)(to - r->at);
    memcpy(*out, r->at, 16);
    if (n > 16)
        memcpy(*out + 16, r->at + 16, n - 16);
    *out += n;
    r->at = to;
}

/* As unescape, as long as there are whole blocks and what the short escapes can say. */
static void unescape_blocks(reader_t *r, const char *close, char **out)
{
    static const char plain[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    while (close - r->at > BLOCK + 16) {
        const char *block = r->at;
        for (uint64_t m = specials(block); m; m &= m - 1) {
            int i = __builtin_ctzll(m);
            copy_run(r, block + i, out);
            **out = plain[(uint8_t)block[i + 1]];
            if (block[i] != '\\' || !**out)
                return;
            *out += 1;
            r->at += 2;
            m &= ~(UINT64_C(2) << i);
        }
        if (r->at < block + BLOCK)
            copy_run(r, block + BLOCK, out);
    }
}

/* From an escape to the closing quote: what the string says, at out; moves *out. */
static ST unescape(reader_t *r, const char *close, char **out)
{
    while (r->at < close) {
        unescape_blocks(r, close, out);
        uint8_t c = (uint8_t)*r->at;
        if (c == '\\') {
            TRY(read_escape(r, out));
        } else if (c >= 0x20 && c < 0x80) {
            *(*out)++ = *r->at++;
        } else {
            const char *from = r->at;
            size_t n = c < 0x20 ? 0 : str_utf8_bytes(r->at, close);
            if (n == 0)
                return refuse(r, c < 0x20 ? "control characters in a string must be escaped"
                                          : "the text is not UTF-8");
            memcpy(*out, from, n);
            *out += n;
            r->at += n;
        }
    }
    return ST_OK;
}

static ST read_string(reader_t *r, str_t *ret)
{
    const char *from = ++r->at;
    TRY(skip_plain(r));
    if (*r->at == '"') {
        *ret = (str_t){from, (size_t)(r->at++ - from)};
        return ST_OK;
    }
    /* The unescaped text is never longer than the escaped: find the end first. */
    const char *escape = r->at, *close = find_close(escape, r->end);
    if (!close)
        return refuse(r, "the string is not closed");
    char *text = take(r, (size_t)(close - from)), *out = text;
    if (!text)
        return refuse_large(r);
    memcpy(out, from, (size_t)(escape - from));
    out += escape - from;
    TRY(unescape(r, close, &out));
    r->at = close + 1;
    *ret = (str_t){text, (size_t)(out - text)};
    return ST_OK;
}

static bool skip_digits(reader_t *r)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

static ST read_number(reader_t *r, json_value_t *ret)
{
    const char *from = r->at;
    bool whole = true;
    if (*r->at == '-')
        r->at++;
    const char *digits = r->at;
    if (!skip_digits(r))
        return refuse(r, "expected a value");
    if (*digits == '0' && r->at > digits + 1)
        return refuse(r, "a number has no leading zeros");
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        whole = false;
        if (!skip_digits(r))
            return refuse(r, "expected a digit");
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        whole = false;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (!skip_digits(r))
            return refuse(r, "expected a digit");
    }
    ret->kind = JSON_NUMBER;
    ret->text = (str_t){from, (size_t)(r->at - from)};
    ret->is_i64 = whole && str_to_i64(ret->text, &ret->i64);
    return ST_OK;
}

static bool read_word(reader_t *r, str_t word)
{
    if (!str_starts((str_t){r->at, (size_t)(r->end - r->at)}, word))
        return false;
    r->at += word.len;
    return true;
}

static ST read_value(reader_t *r, json_value_t *ret);

static ST read_name(reader_t *r)
{
    str_t name;
    if (r->at == r->end || *r->at != '"')
        return refuse(r, "expected a name in double quotes");
    TRY(read_string(r, &name));
    VEC_PUSH(&r->names, name);
    skip_space(r);
    if (r->at == r->end || *r->at != ':')
        return refuse(r, "expected ':'");
    r->at++;
    return ST_OK;
}

/* Behind '[' or '{': items onto the stack, up to and with the closing character. */
static ST read_items(reader_t *r, bool object)
{
    char close = object ? '}' : ']';
    for (bool first = true;; first = false) {
        skip_space(r);
        bool at_close = r->at < r->end && *r->at == close;
        if (at_close && (first || r->flags & JSON_LENIENT)) {
            r->at++;
            return ST_OK;
        }
        if (object)
            TRY(read_name(r));
        json_value_t v;
        TRY(read_value(r, &v));
        VEC_PUSH(&r->items, v);
        skip_space(r);
        if (r->at < r->end && *r->at == close) {
            r->at++;
            return ST_OK;
        }
        if (r->at == r->end || *r->at != ',')
            return refuse(r, object ? "expected ',' or '}'" : "expected ',' or ']'");
        r->at++;
    }
}

static ST read_members(reader_t *r, bool object, json_value_t *ret)
{
    if (++r->depth > JSON_DEPTH_MAX)
        return err_set(r->err, ST_TOO_LARGE, "the JSON text is nested deeper than %d",
                       JSON_DEPTH_MAX);
    size_t items = r->items.len, names = r->names.len;
    r->at++;
    TRY(read_items(r, object));
    size_t n = r->items.len - items;
    json_value_t *item = take(r, n * sizeof *item);
    str_t *name = object ? take(r, n * sizeof *name) : NULL;
    if (!item || (object && !name))
        return refuse_large(r);
    if (n) {
        memcpy(item, r->items.ptr + items, n * sizeof *item);
        if (object)
            memcpy(name, r->names.ptr + names, n * sizeof *name);
    }
    r->items.len = items;
    r->names.len = names;
    r->depth--;
    ret->kind = object ? JSON_OBJECT : JSON_ARRAY;
    ret->n = n;
    ret->item = item;
    ret->name = name;
    return ST_OK;
}

static ST read_value(reader_t *r, json_value_t *ret)
{
    skip_space(r);
    *ret = (json_value_t){.at_bytes = (size_t)(r->at - r->start)};
    if (r->at == r->end)
        return refuse(r, "expected a value");
    switch (*r->at) {
    case '{':
        return read_members(r, true, ret);
    case '[':
        return read_members(r, false, ret);
    case '"':
        ret->kind = JSON_STRING;
        return read_string(r, &ret->text);
    default:
        break;
    }
    if (read_word(r, STR("null")))
        return ST_OK;
    ret->b = read_word(r, STR("true"));
    if (ret->b || read_word(r, STR("false"))) {
        ret->kind = JSON_BOOL;
        return ST_OK;
    }
    return read_number(r, ret);
}

st_t json_read(arena_t *a, const char **p, const char *end, unsigned flags, json_value_t *ret,
               err_t *err)
{
    reader_t r = {.arena = a, .start = *p, .at = *p, .end = end, .flags = flags, .err = err};
    json_value_t v;
    st_t st = read_value(&r, &v);
    VEC_DONE(&r.items);
    VEC_DONE(&r.names);
    TRY(st);
    *p = r.at;
    *ret = v;
    return ST_OK;
}

st_t json_parse(arena_t *a, str_t text, unsigned flags, const json_value_t **ret, err_t *err)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    json_value_t *v = arena_alloc_try(a, sizeof *v);
    if (!v)
        return err_set(err, ST_TOO_LARGE, "the JSON text is larger than the limit allows");
    TRY(json_read(a, &p, end, flags, v, err));
    reader_t r = {.start = text.ptr, .at = p, .end = end, .flags = flags, .err = err};
    skip_space(&r);
    if (r.at < end)
        return refuse(&r, "nothing may follow the value");
    *ret = v;
    return ST_OK;
}

const json_value_t *json_get_str(const json_value_t *o, str_t name)
{
    if (!o || o->kind != JSON_OBJECT)
        return NULL;
    for (size_t i = o->n; i-- > 0;)
        if (str_eq(o->name[i], name))
            return &o->item[i];
    return NULL;
}

const json_value_t *json_get(const json_value_t *o, const char *name)
{
    return json_get_str(o, str_of(name));
}

str_t json_get_text(const json_value_t *o, const char *name, str_t otherwise)
{
    const json_value_t *v = json_get(o, name);
    return v && v->kind == JSON_STRING ? v->text : otherwise;
}

int64_t json_get_i64(const json_value_t *o, const char *name, int64_t otherwise)
{
    const json_value_t *v = json_get(o, name);
    return v && v->is_i64 ? v->i64 : otherwise;
}

bool json_get_bool(const json_value_t *o, const char *name, bool otherwise)
{
    const json_value_t *v = json_get(o, name);
    return v && v->kind == JSON_BOOL ? v->b : otherwise;
}

double json_f64(const json_value_t *v)
{
    double d = 0;
    if (v && v->kind == JSON_NUMBER && !str_to_f64(v->text, &d))
        return 0;
    return d;
}
