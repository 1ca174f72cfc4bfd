#include "sink/guard.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void newer_passes(void **state)
{
    (void)state;
    sink_guard_t g = {0};
    char id[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            int n = snprintf(id, sizeof id, "k%d", i);
            assert_true(sink_guard_pass(&g, 0, str_n(id, (size_t)n), 60000 * (round + i)));
        }
    assert_int_equal(g.len, 5000);
    assert_false(sink_guard_pass(&g, 0, STR("k7"), 60000 * 7));
    assert_true(sink_guard_pass(&g, 0, STR("k7"), 60000 * 8));
    assert_true(sink_guard_pass(&g, 1, STR("k7"), 0)); /* another collection */
    sink_guard_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(newer_passes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
