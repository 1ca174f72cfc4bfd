/* Functions of text.
 *
 * Lengths and places count as Java's strings do: a character outside the basic plane is two.
 */
#include "sql/function/agg.h"

#include <openssl/evp.h>
#include <utf8proc.h>

/* Bytes of the character that begins with this byte. */
static size_t char_bytes(char c)
{
    uint8_t u = (uint8_t)c;
    return u < 0x80 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
}

static int64_t java_len(str_t s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.len; i += char_bytes(s.ptr[i]))
        n += char_bytes(s.ptr[i]) == 4 ? 2 : 1;
    return n;
}

/* The byte at which the n-th unit begins; the text's end when there are fewer. */
static size_t java_at(str_t s, int64_t n)
{
    size_t i = 0;
    while (i < s.len && n > 0) {
        size_t bytes = char_bytes(s.ptr[i]);
        n -= bytes == 4 ? 2 : 1;
        i += bytes;
    }
    return i < s.len ? i : s.len;
}

static str_t result(sql_fn_call_t *call, buf_t *b)
{
    str_t s = arena_str(call->arena, buf_str(b));
    buf_done(b);
    return s;
}

static data_value_t same_kind(data_value_t like, str_t s)
{
    return like.kind == DATA_BYTES ? data_of_bytes(s) : data_of_str(s);
}

/* ---- case ---- */

static str_t map_case(sql_fn_call_t *call, str_t s, utf8proc_int32_t (*map)(utf8proc_int32_t))
{
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < s.len;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n =
            utf8proc_iterate((const uint8_t *)s.ptr + i, (utf8proc_ssize_t)(s.len - i), &c);
        if (n <= 0) {
            buf_put_char(&b, s.ptr[i++]);
            continue;
        }
        utf8proc_ssize_t wrote = utf8proc_encode_char(map(c), (uint8_t *)buf_reserve(&b, 4));
        b.len += (size_t)wrote;
        i += (size_t)n;
    }
    return result(call, &b);
}

FN(ucase)
{
    STRICT;
    RETURN(data_of_str(map_case(call, data_str(args[0]), utf8proc_toupper)));
}

FN(lcase)
{
    STRICT;
    RETURN(data_of_str(map_case(call, data_str(args[0]), utf8proc_tolower)));
}

/* The first letter of each word in upper case, the others in lower; words end at blanks. */
FN(initcap)
{
    STRICT;
    str_t s = map_case(call, data_str(args[0]), utf8proc_tolower);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < s.len;) {
        size_t n = char_bytes(s.ptr[i]);
        str_t c = str_sub(s, i, n);
        bool first = i == 0 || s.ptr[i - 1] == ' ' || s.ptr[i - 1] == '\t' || s.ptr[i - 1] == '\n';
        buf_put_str(&b, first ? map_case(call, c, utf8proc_toupper) : c);
        i += n;
    }
    RETURN(data_of_str(result(call, &b)));
}

/* ---- parts ---- */

FN(len)
{
    STRICT;
    RETURN(data_of_i32(args[0].kind == DATA_BYTES ? (int32_t)args[0].len
                                                  : (int32_t)java_len(data_str(args[0]))));
}

FN(trim)
{
    STRICT;
    str_t s = data_str(args[0]);
    while (s.len && (uint8_t)s.ptr[0] <= ' ')
        s = str_sub(s, 1, s.len);
    while (s.len && (uint8_t)s.ptr[s.len - 1] <= ' ')
        s.len--;
    RETURN(data_of_str(s));
}

/* Places count from 1, from the end when negative; 0 is 1. */
FN(substring)
{
    STRICT;
    str_t s = data_str(args[0]);
    bool bytes = args[0].kind == DATA_BYTES;
    int64_t n = bytes ? (int64_t)s.len : java_len(s), pos = args[1].i32;
    int64_t from = pos < 0 ? n + pos : pos == 0 ? 0 : pos - 1;
    from = from < 0 ? 0 : from > n ? n : from;
    int64_t len = call->n_args > 2 ? args[2].i32 : n - from;
    int64_t to = len < 0 ? from : len > n - from ? n : from + len;
    if (bytes)
        RETURN(data_of_bytes(str_sub(s, (size_t)from, (size_t)(to - from))));
    size_t start = java_at(s, from), end = java_at(s, to);
    RETURN(data_of_str(str_sub(s, start, end - start)));
}

/* The place of the occurrence-th `sub`, searched from `pos` on (backwards from the end when
 * negative); 0: none. */
FN(instr)
{
    STRICT;
    str_t s = data_str(args[0]), sub = data_str(args[1]);
    int64_t pos = call->n_args > 2 ? args[2].i32 : 1, nth = call->n_args > 3 ? args[3].i32 : 1;
    if (pos == 0 || nth < 1 || sub.len > s.len)
        RETURN(data_of_i32(0));
    int64_t n = java_len(s);
    if (-pos > n || pos > n)
        RETURN(data_of_i32(0));
    ptrdiff_t at = (ptrdiff_t)java_at(s, pos > 0 ? pos - 1 : n + pos);
    for (; at >= 0 && (size_t)at <= s.len; at += pos > 0 ? 1 : -1)
        if (str_starts(str_sub(s, (size_t)at, s.len), sub) && --nth == 0)
            RETURN(data_of_i32((int32_t)java_len(str_sub(s, 0, (size_t)at)) + 1));
    RETURN(data_of_i32(0));
}

/* The first `n` units of text repeated, for padding. */
static void put_padding(buf_t *b, str_t padding, int64_t n, bool bytes)
{
    while (n > 0) {
        int64_t len = bytes ? (int64_t)padding.len : java_len(padding);
        size_t take = n >= len ? padding.len : bytes ? (size_t)n : java_at(padding, n);
        buf_put(b, padding.ptr, take);
        n -= len;
    }
}

enum { PAD_MAX = 16 << 20 };

static st_t pad(sql_fn_call_t *call, const data_value_t *args, bool left, data_value_t *ret,
                err_t *err)
{
    str_t s = data_str(args[0]), padding = data_str(args[2]);
    bool bytes = args[0].kind == DATA_BYTES;
    int64_t n = bytes ? (int64_t)s.len : java_len(s), want = args[1].i32;
    if (str_empty(padding) || want < 0)
        RETURN(DATA_NULL_VALUE);
    if (want > PAD_MAX)
        return err_set(err, ST_RANGE, "padding makes at most %d characters", PAD_MAX);
    if (want <= n)
        RETURN(same_kind(args[0], str_sub(s, 0, bytes ? (size_t)want : java_at(s, want))));
    buf_t b = BUF_INIT;
    if (left)
        put_padding(&b, padding, want - n, bytes);
    buf_put_str(&b, s);
    if (!left)
        put_padding(&b, padding, want - n, bytes);
    RETURN(same_kind(args[0], result(call, &b)));
}

FN(lpad)
{
    STRICT;
    return pad(call, args, true, ret, err);
}

FN(rpad)
{
    STRICT;
    return pad(call, args, false, ret, err);
}

/* ---- joining and cutting ---- */

/* Nulls are left out. */
FN(concat)
{
    (void)err;
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < call->n_args; i++)
        if (!data_is_null(args[i]))
            buf_put_str(&b, data_str(args[i]));
    bool bytes = call->ret_type->kind == DATA_BYTES;
    str_t s = result(call, &b);
    RETURN(bytes ? data_of_bytes(s) : data_of_str(s));
}

FN(concat_ws)
{
    (void)err;
    if (data_is_null(args[0]))
        RETURN(DATA_NULL_VALUE);
    buf_t b = BUF_INIT;
    bool any = false;
    for (size_t i = 1; i < call->n_args; i++) {
        if (data_is_null(args[i]))
            continue;
        if (any)
            buf_put_str(&b, data_str(args[0]));
        buf_put_str(&b, data_str(args[i]));
        any = true;
    }
    RETURN(same_kind(args[0], result(call, &b)));
}

FN(replace)
{
    STRICT;
    str_t s = data_str(args[0]), old = data_str(args[1]), fresh = data_str(args[2]);
    buf_t b = BUF_INIT;
    while (s.len || str_empty(old)) {
        ptrdiff_t at = str_find(s, old);
        if (at < 0)
            break;
        buf_put(&b, s.ptr, (size_t)at);
        buf_put_str(&b, fresh);
        size_t skip = (size_t)at + old.len;
        if (str_empty(old)) {
            /* Java puts it around each character. */
            if (str_empty(s))
                break;
            skip = char_bytes(s.ptr[0]);
            buf_put(&b, s.ptr, skip);
        }
        s = str_sub(s, skip, s.len);
    }
    buf_put_str(&b, s);
    RETURN(data_of_str(result(call, &b)));
}

/* All parts, empty ones too; an empty delimiter cuts between characters. */
static data_value_t split(sql_fn_call_t *call, data_value_t text, str_t delimiter)
{
    str_t s = data_str(text);
    data_value_t *v = ARENA_ARRAY(call->arena, data_value_t, s.len + 1);
    size_t n = 0;
    if (str_empty(delimiter)) {
        for (size_t i = 0, w; i < s.len; i += w) {
            w = text.kind == DATA_BYTES ? 1 : char_bytes(s.ptr[i]);
            v[n++] = same_kind(text, str_sub(s, i, w));
        }
        return data_of_array(v, n);
    }
    for (;;) {
        ptrdiff_t at = str_find(s, delimiter);
        v[n++] = same_kind(text, at < 0 ? s : str_sub(s, 0, (size_t)at));
        if (at < 0)
            return data_of_array(v, n);
        s = str_sub(s, (size_t)at + delimiter.len, s.len);
    }
}

FN(split)
{
    STRICT;
    RETURN(split(call, args[0], data_str(args[1])));
}

/* Entries without a key-value delimiter are left out, as are empty ones; a later key wins. */
FN(split_to_map)
{
    STRICT;
    str_t kv = data_str(args[2]);
    if (str_empty(data_str(args[1])) || str_empty(kv))
        RETURN(DATA_NULL_VALUE);
    data_value_t parts = split(call, args[0], data_str(args[1]));
    data_value_t *entry = ARENA_ARRAY(call->arena, data_value_t, 2 * parts.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < parts.len; i++) {
        data_value_t pair = split(call, parts.v[i], kv);
        if (pair.len < 2)
            continue;
        size_t at = 0;
        while (at < n && !data_eq(entry[2 * at], pair.v[0]))
            at++;
        entry[2 * at] = pair.v[0];
        entry[2 * at + 1] = pair.v[1];
        n += at == n;
    }
    RETURN(data_of_map(entry, n));
}

/* ---- choosing ---- */

FN(elt)
{
    (void)err;
    if (data_is_null(args[0]) || args[0].i32 < 1 || (size_t)args[0].i32 >= call->n_args)
        RETURN(DATA_NULL_VALUE);
    RETURN(args[args[0].i32]);
}

FN(field)
{
    (void)err;
    for (size_t i = 1; i < call->n_args && !data_is_null(args[0]); i++)
        if (!data_is_null(args[i]) && data_eq(args[0], args[i]))
            RETURN(data_of_i32((int32_t)i));
    RETURN(data_of_i32(0));
}

/* ---- characters ---- */

static data_value_t of_codepoint(sql_fn_call_t *call, int64_t c)
{
    if (c < 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return DATA_NULL_VALUE;
    char *p = arena_alloc(call->arena, 4);
    utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)c, (uint8_t *)p);
    return data_of_str(str_n(p, (size_t)n));
}

FN(chr_number)
{
    STRICT;
    RETURN(of_codepoint(call, args[0].i32));
}

/* Four hex digits behind "\u". */
static bool escape(str_t *s, int64_t *ret)
{
    if (s->len < 6 || s->ptr[0] != '\\' || s->ptr[1] != 'u')
        return false;
    *ret = 0;
    for (size_t i = 2; i < 6; i++) {
        int digit = str_hex_digit(s->ptr[i]);
        if (digit < 0)
            return false;
        *ret = *ret * 16 + digit;
    }
    *s = str_sub(*s, 6, s->len);
    return true;
}

/* "\u004b", or the two halves of a surrogate pair. */
FN(chr_escape)
{
    STRICT;
    str_t s = data_str(args[0]);
    int64_t c, low;
    if (!escape(&s, &c))
        RETURN(DATA_NULL_VALUE);
    if (c >= 0xd800 && c < 0xdc00 && escape(&s, &low) && low >= 0xdc00 && low < 0xe000)
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    RETURN(str_empty(s) ? of_codepoint(call, c) : DATA_NULL_VALUE);
}

FN(uuid)
{
    (void)args, (void)err;
    uint64_t hi = call->random(call->env), lo = call->random(call->env);
    hi = (hi & ~UINT64_C(0xf000)) | 0x4000;
    lo = (lo & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    RETURN(
        data_of_str(arena_printf(call->arena, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(hi >> 32),
                                 (unsigned)(hi >> 16 & 0xffff), (unsigned)(hi & 0xffff),
                                 (unsigned)(lo >> 48), (unsigned long long)(lo & 0xffffffffffff))));
}

/* 16 bytes as a UUID's text. */
FN(uuid_bytes)
{
    STRICT;
    if (args[0].len != 16)
        RETURN(DATA_NULL_VALUE);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < 16; i++)
        buf_printf(&b, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                   (uint8_t)args[0].ptr[i]);
    RETURN(data_of_str(result(call, &b)));
}

FN(md5)
{
    STRICT;
    uint8_t sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!EVP_Digest(args[0].ptr, args[0].len, sum, &n, EVP_md5(), NULL))
        return err_set(err, ST_UNSUPPORTED, "this machine's OpenSSL has no MD5");
    buf_t b = BUF_INIT;
    for (unsigned i = 0; i < n; i++)
        buf_printf(&b, "%02x", sum[i]);
    RETURN(data_of_str(result(call, &b)));
}

/* ---- masks ---- */

/* What stands for a capital, a small letter, a digit and any other; '\0' keeps the character. */
typedef struct mask {
    str_t upper, lower, digit, other;
    bool keep_upper, keep_lower, keep_digit, keep_other;
} mask_t;

static mask_t read_mask(const sql_fn_call_t *call, const data_value_t *args, size_t from)
{
    mask_t m = {STR("X"), STR("x"), STR("n"), STR("-"), false, false, false, false};
    str_t *to[] = {&m.upper, &m.lower, &m.digit, &m.other};
    bool *keep[] = {&m.keep_upper, &m.keep_lower, &m.keep_digit, &m.keep_other};
    for (size_t i = 0; i < 4 && from + i < call->n_args; i++) {
        if (data_is_null(args[from + i]))
            *keep[i] = true;
        else
            *to[i] = data_str(args[from + i]);
    }
    return m;
}

static void put_masked(buf_t *b, const mask_t *m, str_t c)
{
    utf8proc_int32_t code = 0;
    (void)utf8proc_iterate((const uint8_t *)c.ptr, (utf8proc_ssize_t)c.len, &code);
    utf8proc_category_t cat = utf8proc_category(code);
    bool keep = cat == UTF8PROC_CATEGORY_LU   ? m->keep_upper
                : cat == UTF8PROC_CATEGORY_LL ? m->keep_lower
                : cat == UTF8PROC_CATEGORY_ND ? m->keep_digit
                                              : m->keep_other;
    str_t by = cat == UTF8PROC_CATEGORY_LU   ? m->upper
               : cat == UTF8PROC_CATEGORY_LL ? m->lower
               : cat == UTF8PROC_CATEGORY_ND ? m->digit
                                             : m->other;
    buf_put_str(b, keep ? c : by);
}

/* Masks what lies from one character to another. */
static st_t mask(sql_fn_call_t *call, str_t s, const mask_t *m, int64_t from, int64_t to,
                 data_value_t *ret)
{
    buf_t b = BUF_INIT;
    int64_t at = 0;
    for (size_t i = 0; i < s.len; at++) {
        str_t c = str_sub(s, i, char_bytes(s.ptr[i]));
        if (at >= from && at < to)
            put_masked(&b, m, c);
        else
            buf_put_str(&b, c);
        i += c.len;
    }
    RETURN(data_of_str(result(call, &b)));
}

typedef enum side { MASK_ALL, MASK_LEFT, MASK_RIGHT, KEEP_LEFT, KEEP_RIGHT } side_t;

static st_t mask_side(sql_fn_call_t *call, const data_value_t *args, side_t side, data_value_t *ret,
                      err_t *err)
{
    if (data_is_null(args[0]) || (side != MASK_ALL && data_is_null(args[1])))
        RETURN(DATA_NULL_VALUE);
    str_t s = data_str(args[0]);
    mask_t m = read_mask(call, args, side == MASK_ALL ? 1 : 2);
    int64_t len = java_len(s), n = side == MASK_ALL ? len : args[1].i32;
    if (n < 0)
        return err_set(err, ST_RANGE, "the number of characters must be 0 or more");
    n = n > len ? len : n;
    int64_t from = side == MASK_RIGHT ? len - n : side == KEEP_LEFT ? n : 0;
    int64_t to = side == MASK_LEFT ? n : side == KEEP_RIGHT ? len - n : len;
    return mask(call, s, &m, from, to, ret);
}

FN(mask)
{
    return mask_side(call, args, MASK_ALL, ret, err);
}

FN(mask_left)
{
    return mask_side(call, args, MASK_LEFT, ret, err);
}

FN(mask_right)
{
    return mask_side(call, args, MASK_RIGHT, ret, err);
}

FN(mask_keep_left)
{
    return mask_side(call, args, KEEP_LEFT, ret, err);
}

FN(mask_keep_right)
{
    return mask_side(call, args, KEEP_RIGHT, ret, err);
}
