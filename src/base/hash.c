#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

uint64_t hash_bytes(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

uint32_t hash_murmur2(const void *p, size_t n)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *d = p;
    uint32_t h = 0x9747b28c ^ (uint32_t)n;
    for (; n >= 4; n -= 4, d += 4) {
        uint32_t k;
        memcpy(&k, d, 4);
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = (h * m) ^ k;
    }
    if (n == 3)
        h ^= (uint32_t)d[2] << 16;
    if (n >= 2)
        h ^= (uint32_t)d[1] << 8;
    if (n >= 1) {
        h ^= d[0];
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    return h ^ (h >> 15);
}

uint32_t hash_crc32(uint32_t crc, const void *p, size_t n)
{
    return (uint32_t)crc32(crc, p, (uInt)n);
}

static uint32_t crc32c_bit(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int k = 0; k < 8; k++)
        crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_hw(uint32_t crc, const uint8_t *d,
                                                            size_t n)
{
    uint64_t c = crc;
    for (; n >= 8; n -= 8, d += 8) {
        uint64_t v;
        memcpy(&v, d, 8);
        c = _mm_crc32_u64(c, v);
    }
    crc = (uint32_t)c;
    for (; n; n--, d++)
        crc = _mm_crc32_u8(crc, *d);
    return crc;
}
#endif

uint32_t hash_crc32c(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *d = p;
    crc = ~crc;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_hw(crc, d, n);
#endif
    for (; n; n--, d++)
        crc = crc32c_bit(crc, *d);
    return ~crc;
}
