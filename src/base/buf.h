/* buf.h: a growable run of bytes to write into.
 *
 * A buf_t owns its bytes (malloc). Writers never fail: without memory they die. It starts as
 * BUF_INIT.
 */
#ifndef ARUS_BASE_BUF_H
#define ARUS_BASE_BUF_H

#include "base/arena.h"

typedef struct buf {
    char *ptr;
    size_t len, cap;
} buf_t;

#define BUF_INIT ((buf_t){NULL, 0, 0})

void buf_done(buf_t *b);
void buf_reserve_slow(buf_t *b, size_t n);

/* Room for n more bytes; the pointer to where they go. len is not moved. */
static inline char *buf_reserve(buf_t *b, size_t n)
{
    if (__builtin_expect(b->cap - b->len < n, 0))
        buf_reserve_slow(b, n);
    return b->ptr + b->len;
}

static inline void buf_clear(buf_t *b)
{
    b->len = 0;
}

static inline str_t buf_str(const buf_t *b)
{
    return (str_t){b->ptr, b->len};
}

static inline void buf_put(buf_t *b, const void *p, size_t n)
{
    if (n) {
        memcpy(buf_reserve(b, n), p, n);
        b->len += n;
    }
}

static inline void buf_put_str(buf_t *b, str_t s)
{
    buf_put(b, s.ptr, s.len);
}

static inline void buf_put_char(buf_t *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}

#define BUF_LIT(b, lit) buf_put((b), "" lit, sizeof(lit) - 1)

/* Big-endian integers. */
static inline void buf_put_be16(buf_t *b, uint16_t v)
{
    v = __builtin_bswap16(v);
    buf_put(b, &v, 2);
}

static inline void buf_put_be32(buf_t *b, uint32_t v)
{
    v = __builtin_bswap32(v);
    buf_put(b, &v, 4);
}

static inline void buf_put_be64(buf_t *b, uint64_t v)
{
    v = __builtin_bswap64(v);
    buf_put(b, &v, 8);
}

/* Zigzag varint, as Avro's int and long and Kafka's varint and varlong write it; at most 10 bytes.
 */
static inline void buf_put_varint(buf_t *b, int64_t v)
{
    uint64_t u = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    char *p = buf_reserve(b, 10);
    size_t n = 0;
    while (u >= 0x80) {
        p[n++] = (char)(u | 0x80);
        u >>= 7;
    }
    p[n++] = (char)u;
    b->len += n;
}

void buf_printf(buf_t *b, const char *fmt, ...) PRINTF(2);
void buf_put_i64(buf_t *b, int64_t v);
/* Gives the bytes away (free() them) and leaves an empty buffer. */
MUST char *buf_take(buf_t *b, size_t *ret_len);

/* Reading: loads from unaligned big-endian bytes. */
static inline uint16_t load_be16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return __builtin_bswap16(v);
}

static inline uint32_t load_be32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}

static inline uint64_t load_be64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static inline void store_be16(void *p, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(p, &v, 2);
}

static inline void store_be32(void *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

static inline void store_be64(void *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

/* Reads a zigzag varint from [*p, end) and moves *p behind it; false, with *p unmoved, when it is
 * cut off or longer than 10 bytes. */
static inline bool load_varint(const char **p, const char *end, int64_t *ret)
{
    uint64_t u = 0;
    const char *q = *p;
    for (unsigned shift = 0; q < end && shift < 70; shift += 7) {
        uint8_t byte = (uint8_t)*q++;
        u |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
            *p = q;
            return true;
        }
    }
    return false;
}

#endif
