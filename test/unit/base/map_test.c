#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"

static void keeps_and_forgets(void **state)
{
    (void)state;
    map_t m;
    map_init(&m);
    static int values[2000];
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    for (int i = 0; i < 2000; i++)
        assert_null(map_put(&m, arena_printf(&a, "key%d", i), &values[i]));
    for (int i = 0; i < 2000; i += 2)
        assert_ptr_equal(map_remove(&m, arena_printf(&a, "key%d", i)), &values[i]);
    assert_int_equal(m.len, 1000);
    for (int i = 0; i < 2000; i++)
        assert_ptr_equal(map_get(&m, arena_printf(&a, "key%d", i)), i % 2 ? &values[i] : NULL);
    size_t n = 0;
    for (map_entry_t *e = NULL; (e = map_next(&m, e));)
        n++;
    assert_int_equal(n, 1000);
    map_done(&m, NULL);
    arena_done(&a);
}

/* Known values: Kafka's Utils.murmur2 and RFC 3720's CRC-32C check value. */
static void known_hashes(void **state)
{
    (void)state;
    assert_int_equal((int32_t)hash_murmur2("21", 2), -973932308);
    assert_int_equal((int32_t)hash_murmur2("foobar", 6), -790332482);
    assert_int_equal(hash_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(hash_crc32(0, "123456789", 9), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_and_forgets),
        cmocka_unit_test(known_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
