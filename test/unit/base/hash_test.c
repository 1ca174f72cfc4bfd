/* CRC-32C: the standard's vectors, the fast way against the slow one for every length and split, and
 * that of two parts joined. */
#include "base/hash.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static uint32_t slow(uint32_t crc, const uint8_t *d, size_t n)
{
    crc = ~crc;
    for (; n; n--, d++)
        crc = crc32c_bit(crc, *d);
    return ~crc;
}

static void crc32c(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0}, text[7000];
    assert_int_equal(0xe3069283, hash_crc32c(0, "123456789", 9));
    assert_int_equal(0x8a9136aa, hash_crc32c(0, zeros, sizeof zeros));
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t n = 0; n < sizeof text; n += n < 900 ? 1 : 97) {
        uint32_t want = slow(0, text, n);
        assert_int_equal(want, hash_crc32c(0, text, n));
        assert_int_equal(want, hash_crc32c(hash_crc32c(0, text, n / 3), text + n / 3, n - n / 3));
    }
}

static void crc32c_join(void **state)
{
    (void)state;
    uint8_t text[3000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 2654435761u >> 11);
    for (size_t n = 0; n <= sizeof text; n += n < 70 ? 1 : 113)
        for (size_t k = 0; k <= n; k += k < 70 ? 1 : 131)
            assert_int_equal(hash_crc32c(0, text, n),
                             hash_crc32c_join(hash_crc32c(0, text, k),
                                              hash_crc32c(0, text + k, n - k), n - k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(crc32c), cmocka_unit_test(crc32c_join)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
