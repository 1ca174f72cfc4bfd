/* str.h: a borrowed piece of text, passed by value.
 *
 * A str_t is a pointer and a length. It is never NUL-terminated and never owns its bytes: whoever
 * made it says how long they live. Bytes are UTF-8 unless a function says otherwise; a str_t may
 * hold any byte.
 */
#ifndef ARUS_BASE_STR_H
#define ARUS_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
    const char *ptr;
    size_t len;
} str_t;

#define STR(lit)   ((str_t){"" lit, sizeof(lit) - 1})
#define STR_NONE   ((str_t){NULL, 0})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline str_t str_of(const char *z)
{
    return (str_t){z, z ? strlen(z) : 0};
}

static inline str_t str_n(const void *ptr, size_t len)
{
    return (str_t){(const char *)ptr, len};
}

static inline bool str_eq(str_t a, str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_empty(str_t s)
{
    return s.len == 0;
}

static inline char str_lower_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char str_upper_char(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* 0 to 15; -1: it is none. */
static inline int str_hex_digit(char c)
{
    c = str_lower_char(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ASCII case-insensitive. */
bool str_eq_nocase(str_t a, str_t b);
/* memcmp order, the shorter first. */
int str_cmp(str_t a, str_t b);
bool str_starts(str_t s, str_t prefix);
bool str_starts_nocase(str_t s, str_t prefix);
bool str_ends(str_t s, str_t suffix);
/* The index of the first `c` or `needle`, or -1. */
ptrdiff_t str_find_char(str_t s, char c);
ptrdiff_t str_find(str_t s, str_t needle);
/* How many bytes the UTF-8 character at p (before end) has; 0 when it is none. */
size_t str_utf8_bytes(const char *p, const char *end);
bool str_is_utf8(str_t s);
/* A view of s[from, from+len), cut to what is there. */
str_t str_sub(str_t s, size_t from, size_t len);
/* A view without ASCII white space at both ends. */
str_t str_trim(str_t s);
/* Cuts s at the first `c`: *ret_head is before it, *s after it. False when s was empty to begin
 * with; without a `c` the head is all of s. */
bool str_split(str_t *s, char c, str_t *ret_head);

/* Strict decimal integer, optional sign, no space, all of s; false when it is not one or does not
 * fit. */
bool str_to_i64(str_t s, int64_t *ret);
bool str_to_i32(str_t s, int32_t *ret);
/* Strict decimal or exponent floating point as C reads it, all of s. */
bool str_to_f64(str_t s, double *ret);
/* "true"/"false" in any case. */
bool str_to_bool(str_t s, bool *ret);

#endif
