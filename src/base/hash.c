#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

#define CRC32C_POLYNOMIAL 0x82f63b78 /* its bits reversed, x^31 first */

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
        crc = (crc >> 1) ^ (CRC32C_POLYNOMIAL & (0 - (crc & 1)));
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>

/* The crc32 instruction has three times the rate of a chain of it, so three lanes of `lane` bytes
 * run side by side; k1 and k2 move a lane's CRC over the one and two lanes behind it (x^(8 * bytes
 * - 33) modulo the polynomial, bits reversed). */
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t
crc32c_lanes(uint64_t crc, const uint8_t *d, size_t lane, uint32_t k1, uint32_t k2)
{
    uint64_t c[3] = {crc, 0, 0};
    for (const uint8_t *end = d + lane; d < end; d += 8) {
        uint64_t v[3];
        memcpy(&v[0], d, 8);
        memcpy(&v[1], d + lane, 8);
        memcpy(&v[2], d + 2 * lane, 8);
        c[0] = _mm_crc32_u64(c[0], v[0]);
        c[1] = _mm_crc32_u64(c[1], v[1]);
        c[2] = _mm_crc32_u64(c[2], v[2]);
    }
    __m128i a = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)c[0]), _mm_cvtsi64_si128(k2), 0);
    __m128i b = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)c[1]), _mm_cvtsi64_si128(k1), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(a, b))) ^ c[2];
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_hw(uint32_t crc, const uint8_t *d,
                                                                   size_t n)
{
    uint64_t c = crc;
    for (; n >= 3 * 1024; n -= 3 * 1024, d += 3 * 1024)
        c = crc32c_lanes(c, d, 1024, 0x170076fa, 0xa51b6135);
    for (; n >= 3 * 128; n -= 3 * 128, d += 3 * 128)
        c = crc32c_lanes(c, d, 128, 0x0d3b6092, 0xb9e02b86);
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
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
        return ~crc32c_hw(crc, d, n);
#endif
    for (; n; n--, d++)
        crc = crc32c_bit(crc, *d);
    return ~crc;
}

/* a * b modulo the polynomial. */
static uint32_t crc32c_times(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; a; a <<= 1) {
        product ^= b & (0 - (a >> 31));
        b = (b >> 1) ^ (CRC32C_POLYNOMIAL & (0 - (b & 1)));
    }
    return product;
}

/* x^(2^i) modulo the polynomial, bits reversed. Behind the last they begin again. */
static const uint32_t crc32c_power[31] = {
    0x40000000, 0x20000000, 0x08000000, 0x00800000, 0x00008000, 0x82f63b78,
    0x6ea2d55c, 0x18b8ea18, 0x510ac59a, 0xb82be955, 0xb8fdb1e7, 0x88e56f72,
    0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62, 0x28461564, 0xbf455269,
    0xe2ea32dc, 0xfe7740e6, 0xf946610b, 0x3c204f8f, 0x538586e3, 0x59726915,
    0x734d5309, 0xbc1ac763, 0x7d0722cc, 0xd289cabe, 0xe94ca9bc, 0x05b74f3f,
    0xa51e1f42};

uint32_t hash_crc32c_join(uint32_t a, uint32_t b, size_t b_len)
{
    for (size_t i = 3; b_len; b_len >>= 1, i++) /* a byte is x^8 */
        if (b_len & 1)
            a = crc32c_times(a, crc32c_power[i % 31]);
    return a ^ b;
}
