/* Files of the machine: there and back, and every refusal by its status. */
#include "io/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct place {
    io_t *io;
    char dir[64];
    arena_t a;
} place_t;

static int enter(void **state)
{
    place_t *p = mem_zalloc(sizeof *p);
    p->io = io_real_new();
    memcpy(p->dir, "/tmp/arus-io-XXXXXX", 20);
    arena_init(&p->a, ARENA_NO_LIMIT);
    assert_non_null(mkdtemp(p->dir));
    *state = p;
    return 0;
}

static int leave(void **state)
{
    place_t *p = *state;
    rmdir(p->dir);
    arena_done(&p->a);
    io_free(p->io);
    free(p);
    return 0;
}

static str_t at(place_t *p, const char *name)
{
    return arena_printf(&p->a, "%s/%s", p->dir, name);
}

static void files(void **state)
{
    place_t *p = *state;
    err_t err;
    io_file_t *f;
    int64_t size;
    size_t got;
    char b[16];
    assert_int_equal(ST_NOT_FOUND, io_file_open(p->io, at(p, "a"), IO_READ, &f, &err));
    assert_int_equal(ST_OK, io_file_open(p->io, at(p, "a"), IO_CREATE, &f, &err));
    str_t parts[200];
    for (int i = 0; i < 200; i++)
        parts[i] = i % 3 ? STR("xy") : STR("");
    assert_int_equal(ST_OK, io_file_writev(f, parts, 200, 3, &err));
    assert_int_equal(ST_OK, io_file_size(f, &size, &err));
    assert_int_equal(3 + 2 * 133, size);
    assert_int_equal(ST_OK, io_file_read(f, b, sizeof b, size - 4, &got, &err));
    assert_int_equal(4, got);
    assert_memory_equal("xyxy", b, 4);
    assert_int_equal(ST_OK, io_file_truncate(f, 4, &err));
    assert_int_equal(ST_OK, io_file_sync(f, &err));
    assert_int_equal(ST_OK, io_file_read(f, b, sizeof b, 0, &got, &err));
    assert_int_equal(4, got);
    assert_memory_equal("\0\0\0x", b, 4);
    io_file_close(f);
    assert_int_equal(ST_OK, io_file_open(p->io, at(p, "a"), IO_CREATE_NEW, &f, &err));
    assert_int_equal(ST_OK, io_file_size(f, &size, &err));
    assert_int_equal(0, size);
    io_file_close(f);
    assert_int_equal(ST_OK, io_unlink(p->io, at(p, "a"), &err));
    assert_int_equal(ST_NOT_FOUND, io_unlink(p->io, at(p, "a"), &err));
    assert_int_equal(ST_BAD_INPUT, io_unlink(p->io, STR("a\0b"), &err));
}

static void locks(void **state)
{
    place_t *p = *state;
    err_t err;
    io_file_t *f, *g;
    assert_int_equal(ST_OK, io_file_open(p->io, at(p, "lock"), IO_CREATE, &f, &err));
    assert_int_equal(ST_OK, io_file_open(p->io, at(p, "lock"), IO_CREATE, &g, &err));
    assert_int_equal(ST_OK, io_file_lock(f, &err));
    assert_int_equal(ST_BUSY, io_file_lock(g, &err));
    io_file_close(f);
    assert_int_equal(ST_OK, io_file_lock(g, &err));
    io_file_close(g);
    assert_int_equal(ST_OK, io_unlink(p->io, at(p, "lock"), &err));
}

static void directories(void **state)
{
    place_t *p = *state;
    err_t err;
    io_file_t *f;
    io_names_t names;
    assert_int_equal(ST_OK, io_mkdir(p->io, at(p, "d"), &err));
    assert_int_equal(ST_EXISTS, io_mkdir(p->io, at(p, "d"), &err));
    assert_int_equal(ST_OK, io_file_open(p->io, at(p, "d/y"), IO_CREATE, &f, &err));
    io_file_close(f);
    assert_int_equal(ST_OK, io_file_open(p->io, at(p, "d/x"), IO_CREATE, &f, &err));
    io_file_close(f);
    assert_int_equal(ST_OK, io_rename(p->io, at(p, "d/y"), at(p, "d/a"), &err));
    assert_int_equal(ST_OK, io_sync_dir(p->io, at(p, "d"), &err));
    assert_int_equal(ST_OK, io_list(p->io, at(p, "d"), &p->a, &names, &err));
    assert_int_equal(2, names.len);
    assert_true(str_eq(STR("a"), names.ptr[0]) && str_eq(STR("x"), names.ptr[1]));
    VEC_DONE(&names);
    assert_int_not_equal(ST_OK, io_rmdir(p->io, at(p, "d"), &err));
    assert_int_equal(ST_OK, io_unlink(p->io, at(p, "d/a"), &err));
    assert_int_equal(ST_OK, io_unlink(p->io, at(p, "d/x"), &err));
    assert_int_equal(ST_OK, io_rmdir(p->io, at(p, "d"), &err));
    assert_int_equal(ST_NOT_FOUND, io_list(p->io, at(p, "d"), &p->a, &names, &err));
}

static void full_disk(void **state)
{
    place_t *p = *state;
    err_t err;
    io_file_t *f;
    assert_int_equal(ST_OK, io_file_open(p->io, STR("/dev/full"), IO_WRITE, &f, &err));
    assert_int_equal(ST_NO_SPACE, io_file_write(f, "x", 1, 0, &err));
    assert_non_null(strstr(err.msg, "/dev/full"));
    io_file_close(f);
}

static void clocks(void **state)
{
    place_t *p = *state;
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t c;
    io_cond_init(&c);
    int64_t before = io_mono_ns(p->io);
    pthread_mutex_lock(&m);
    assert_false(io_cond_wait(p->io, &c, &m, 2000000));
    pthread_mutex_unlock(&m);
    io_sleep_ms(p->io, 1);
    assert_true(io_mono_ns(p->io) - before >= 3000000);
    assert_true(io_now_ms(p->io) > INT64_C(1600000000000));
    assert_true(io_random_u64(p->io) != io_random_u64(p->io));
    pthread_cond_destroy(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files, enter, leave),
        cmocka_unit_test_setup_teardown(locks, enter, leave),
        cmocka_unit_test_setup_teardown(directories, enter, leave),
        cmocka_unit_test_setup_teardown(full_disk, enter, leave),
        cmocka_unit_test_setup_teardown(clocks, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
