#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_done(buf_t *b)
{
    free(b->ptr);
    *b = BUF_INIT;
}

void buf_reserve_slow(buf_t *b, size_t n)
{
    size_t need = b->len + n;
    ASSERT(need >= n);
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap *= 2;
    b->ptr = mem_realloc(b->ptr, cap);
    b->cap = cap;
}

void buf_printf(buf_t *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    char *at = buf_reserve(b, 64);
    int n = vsnprintf(at, b->cap - b->len, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n >= b->cap - b->len) {
        at = buf_reserve(b, (size_t)n + 1);
        vsnprintf(at, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    b->len += (size_t)n;
}

void buf_put_i64(buf_t *b, int64_t v)
{
    char tmp[20];
    size_t i = sizeof tmp;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        tmp[--i] = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (v < 0)
        tmp[--i] = '-';
    buf_put(b, tmp + i, sizeof tmp - i);
}

char *buf_take(buf_t *b, size_t *ret_len)
{
    char *p = b->ptr;
    if (ret_len)
        *ret_len = b->len;
    *b = BUF_INIT;
    return p;
}
