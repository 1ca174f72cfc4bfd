#include "base/str.h"

#include <stdlib.h>

bool str_eq_nocase(str_t a, str_t b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (str_lower_char(a.ptr[i]) != str_lower_char(b.ptr[i]))
            return false;
    return true;
}

int str_cmp(str_t a, str_t b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (c)
        return c;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool str_starts(str_t s, str_t prefix)
{
    return s.len >= prefix.len && (!prefix.len || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool str_starts_nocase(str_t s, str_t prefix)
{
    return s.len >= prefix.len && str_eq_nocase((str_t){s.ptr, prefix.len}, prefix);
}

bool str_ends(str_t s, str_t suffix)
{
    return s.len >= suffix.len && memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0;
}

ptrdiff_t str_find_char(str_t s, char c)
{
    const char *p = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return p ? p - s.ptr : -1;
}

ptrdiff_t str_find(str_t s, str_t needle)
{
    if (needle.len == 0)
        return 0;
    const char *p = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
    return p ? p - s.ptr : -1;
}

str_t str_sub(str_t s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (str_t){from ? s.ptr + from : s.ptr, len};
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

str_t str_trim(str_t s)
{
    while (s.len && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool str_split(str_t *s, char c, str_t *ret_head)
{
    if (s->len == 0)
        return false;
    ptrdiff_t at = str_find_char(*s, c);
    size_t n = at < 0 ? s->len : (size_t)at;
    *ret_head = (str_t){s->ptr, n};
    size_t skip = at < 0 ? n : n + 1;
    s->ptr += skip;
    s->len -= skip;
    return true;
}

bool str_to_i64(str_t s, int64_t *ret)
{
    size_t i = 0;
    bool neg = false;
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        neg = s.ptr[0] == '-';
        i = 1;
    }
    if (i == s.len)
        return false;
    int64_t v = 0;
    for (; i < s.len; i++) {
        int d = s.ptr[i] - '0';
        if (d < 0 || d > 9)
            return false;
        if (__builtin_mul_overflow(v, (int64_t)10, &v) || __builtin_sub_overflow(v, (int64_t)d, &v))
            return false;
    }
    if (!neg && v == INT64_MIN)
        return false;
    *ret = neg ? v : -v;
    return true;
}

bool str_to_i32(str_t s, int32_t *ret)
{
    int64_t v;
    if (!str_to_i64(s, &v) || v < INT32_MIN || v > INT32_MAX)
        return false;
    *ret = (int32_t)v;
    return true;
}

bool str_to_f64(str_t s, double *ret)
{
    char z[400];
    if (s.len == 0 || s.len >= sizeof z || is_space(s.ptr[0]))
        return false;
    memcpy(z, s.ptr, s.len);
    z[s.len] = 0;
    char *end;
    double v = strtod(z, &end);
    if (end != z + s.len)
        return false;
    *ret = v;
    return true;
}

bool str_to_bool(str_t s, bool *ret)
{
    if (str_eq_nocase(s, STR("true")))
        *ret = true;
    else if (str_eq_nocase(s, STR("false")))
        *ret = false;
    else
        return false;
    return true;
}

size_t str_utf8_bytes(const char *p, const char *end)
{
    const uint8_t *u = (const uint8_t *)p;
    size_t n = u[0] < 0x80   ? 1
               : u[0] < 0xc2 ? 0
               : u[0] < 0xe0 ? 2
               : u[0] < 0xf0 ? 3
               : u[0] < 0xf5 ? 4
                             : 0;
    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80)
            return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
        (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    return n;
}

bool str_is_utf8(str_t s)
{
    const char *end = s.ptr + s.len;
    for (const char *p = s.ptr; p < end;) {
        uint64_t eight;
        if (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & 0x8080808080808080u))) {
            p += 8;
            continue;
        }
        size_t n = str_utf8_bytes(p, end);
        if (!n)
            return false;
        p += n;
    }
    return true;
}
