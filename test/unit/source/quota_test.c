/* The quota: never one request more, whatever restarts; new days and months of Jakarta begin anew.
 */
#include "source/goapi/file.c"
#include "source/goapi/quota.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <unistd.h>

#define NOON (civil_days(2026, 11, 30) * CIVIL_DAY_MS + 5 * 3600000) /* the last of a month */

static void limits(void **state)
{
    (void)state;
    char dir[] = "/tmp/arus-quota-XXXXXX";
    assert_non_null(mkdtemp(dir));
    io_t *io = io_real_new();
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t path = arena_printf(&a, "%s/quota.json", dir);
    goapi_quota_t q;
    int64_t wait_ms = 0;
    err_t err;
    for (int i = 0; i < 3; i++) {
        goapi_quota_open(&q, io, path, 3, 5); /* as after a crash each time */
        assert_int_equal(ST_OK, goapi_quota_take(&q, NOON, &wait_ms, &err));
        assert_int_equal(2 - i, goapi_quota_left(&q));
    }
    assert_int_equal(ST_LIMIT, goapi_quota_take(&q, NOON, &wait_ms, &err));
    assert_int_equal(12 * 3600000, wait_ms);
    /* midnight in Jakarta: another day and another month */
    for (int i = 0; i < 3; i++)
        assert_int_equal(ST_OK, goapi_quota_take(&q, NOON + wait_ms, &wait_ms, &err));
    assert_int_equal(ST_LIMIT, goapi_quota_take(&q, NOON + 30 * 3600000, &wait_ms, &err));
    goapi_quota_open(&q, io, path, 0, 5);
    assert_int_equal(5 - q.month_count, goapi_quota_left(&q));
    while (q.month_count < 5)
        assert_int_equal(ST_OK, goapi_quota_take(&q, NOON + 40 * 3600000, &wait_ms, &err));
    assert_int_equal(ST_LIMIT, goapi_quota_take(&q, NOON + 40 * 3600000, &wait_ms, &err));
    assert_int_equal(civil_days(2027, 1, 1) * CIVIL_DAY_MS - EXCHANGE_UTC_OFFSET_MS,
                     NOON + 40 * 3600000 + wait_ms);
    goapi_quota_open(&q, io, path, 0, 0);
    assert_int_equal(-1, goapi_quota_left(&q));
    assert_int_equal(ST_OK, io_unlink(io, path, &err));
    rmdir(dir);
    arena_done(&a);
    io_free(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
