/* The simulated disk: what was synced stays, what was not may stay, go or tear; and it all hangs on
 * the seed alone. */
#include "io/sim.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void ok(st_t st)
{
    assert_int_equal(ST_OK, st);
}

static io_file_t *make(io_t *io, str_t path)
{
    io_file_t *f;
    ok(io_file_open(io, path, IO_CREATE, &f, NULL));
    return f;
}

/* One world: a synced file, overwritten and not synced, and a crash. What is left of it goes to
 * out. */
static void one_crash(uint64_t seed, buf_t *out)
{
    io_t *io = io_sim_new(seed);
    ok(io_mkdir(io, STR("d"), NULL));
    io_file_t *f = make(io, STR("d/f"));
    char old[4096], young[3000];
    memset(old, 'o', sizeof old);
    memset(young, 'y', sizeof young);
    ok(io_file_write(f, old, sizeof old, 0, NULL));
    ok(io_file_sync(f, NULL));
    ok(io_sync_dir(io, STR("d"), NULL));
    ok(io_file_write(f, young, sizeof young, 2000, NULL));
    io_file_close(f);
    io_sim_restart(io);
    ok(io_file_open(io, STR("d/f"), IO_READ, &f, NULL));
    size_t got;
    buf_reserve(out, 5000);
    ok(io_file_read(f, out->ptr, 5000, 0, &got, NULL));
    out->len = got;
    io_file_close(f);
    io_free(io);
}

static void unsynced_writes(void **state)
{
    (void)state;
    int all = 0, none = 0, torn = 0;
    for (uint64_t seed = 1; seed < 200; seed++) {
        buf_t a = BUF_INIT, b = BUF_INIT;
        one_crash(seed, &a);
        one_crash(seed, &b);
        assert_true(str_eq(buf_str(&a), buf_str(&b)));
        assert_in_range(a.len, 4096, 5000);
        size_t young = 0;
        for (size_t i = 0; i < a.len; i++) {
            assert_true(i < 2000 ? a.ptr[i] == 'o'
                                 : a.ptr[i] == 'o' || a.ptr[i] == 'y' || (i >= 4096 && !a.ptr[i]));
            young += a.ptr[i] == 'y';
        }
        all += young == 3000;
        none += young == 0;
        torn += young > 0 && young < 3000;
        buf_done(&a), buf_done(&b);
    }
    assert_true(all > 20 && none > 20 && torn > 20);
}

static void unsynced_names(void **state)
{
    (void)state;
    int kept = 0, renamed = 0;
    for (uint64_t seed = 1; seed < 100; seed++) {
        io_t *io = io_sim_new(seed);
        io_file_t *f = make(io, STR("old"));
        ok(io_file_write(f, "1", 1, 0, NULL));
        ok(io_file_sync(f, NULL));
        io_file_close(f);
        ok(io_sync_dir(io, STR(""), NULL));
        f = make(io, STR("new"));
        ok(io_file_write(f, "2", 1, 0, NULL));
        ok(io_file_sync(f, NULL));
        io_file_close(f);
        ok(io_rename(io, STR("new"), STR("old"), NULL));
        io_sim_restart(io);
        ok(io_file_open(io, STR("old"), IO_READ, &f, NULL));
        char c;
        size_t got;
        ok(io_file_read(f, &c, 1, 0, &got, NULL));
        assert_int_equal(1, got);
        kept += c == '1';
        renamed += c == '2';
        io_file_close(f);
        io_free(io);
    }
    assert_true(kept > 10 && renamed > 10);
}

static void the_doomed_world_goes_on(void **state)
{
    (void)state;
    io_t *io = io_sim_new(7);
    io_file_t *f = make(io, STR("f"));
    ok(io_sync_dir(io, STR(""), NULL));
    io_sim_crash_after(io, 2);
    ok(io_file_write(f, "a", 1, 0, NULL));
    assert_false(io_sim_crashed(io));
    ok(io_file_sync(f, NULL)); /* the power fails here */
    assert_true(io_sim_crashed(io));
    ok(io_file_write(f, "b", 1, 1, NULL));
    ok(io_file_sync(f, NULL));
    io_file_close(f);
    io_sim_restart(io);
    ok(io_file_open(io, STR("f"), IO_READ, &f, NULL));
    int64_t size;
    ok(io_file_size(f, &size, NULL));
    assert_true(size <= 1);
    io_file_close(f);
    io_free(io);
}

static void faults(void **state)
{
    (void)state;
    io_t *io = io_sim_new(7);
    io_file_t *f = make(io, STR("f"));
    io_sim_fail(io, IO_SIM_WRITE, 2, ST_IO, false);
    ok(io_file_write(f, "a", 1, 0, NULL));
    assert_int_equal(ST_IO, io_file_write(f, "a", 1, 0, NULL));
    ok(io_file_write(f, "a", 1, 0, NULL));
    io_sim_fail(io, IO_SIM_SYNC, 1, ST_IO, true);
    assert_int_equal(ST_IO, io_file_sync(f, NULL));
    assert_int_equal(ST_IO, io_file_sync(f, NULL));
    io_sim_fail(io, IO_SIM_SYNC, 0, ST_IO, false);
    ok(io_file_sync(f, NULL));
    io_sim_set_capacity(io, 2);
    assert_int_equal(ST_NO_SPACE, io_file_write(f, "abc", 3, 0, NULL));
    ok(io_file_write(f, "ab", 2, 0, NULL));
    io_file_close(f);
    io_free(io);
}

static void time_passes(void **state)
{
    (void)state;
    io_t *io = io_sim_new(7);
    int64_t ms = io_now_ms(io), ns = io_mono_ns(io);
    io_sim_advance_ms(io, 7 * INT64_C(86400000));
    assert_int_equal(7 * INT64_C(86400000), io_now_ms(io) - ms);
    assert_int_equal(7 * INT64_C(86400000) * 1000000, io_mono_ns(io) - ns);
    assert_false(io_cond_wait(io, NULL, NULL, 1000000));
    assert_int_equal(7 * INT64_C(86400000) + 1, io_now_ms(io) - ms);
    io_free(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsynced_writes),
        cmocka_unit_test(unsynced_names),
        cmocka_unit_test(the_doomed_world_goes_on),
        cmocka_unit_test(faults),
        cmocka_unit_test(time_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
