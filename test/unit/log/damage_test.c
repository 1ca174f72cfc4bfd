/* Damage: flipped bits, cut files, a disk that is full, read-only or failing. Each gives its error,
 * and loses nothing else. */
#include "world.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMITS 60

static log_topic_t *fill(world_t *w)
{
    log_topic_t *t = world_topic(w, STR("t"), 2);
    for (int i = 0; i < COMMITS; i++)
        OK(w, world_append(w, t, i % 2, 1, 3000, i, NULL));
    return t;
}

static str_t segment_path(world_t *w, arena_t *a, const char *name)
{
    io_names_t dirs;
    OK(w, io_list(w->io, STR("data/topics"), a, &dirs, &w->err));
    str_t path = arena_printf(a, "data/topics/" STR_FMT "/%s", STR_ARG(dirs.ptr[0]), name);
    VEC_DONE(&dirs);
    return path;
}

static void flip(world_t *w, str_t path, int64_t pos)
{
    io_file_t *f;
    char c;
    size_t got;
    OK(w, io_file_open(w->io, path, IO_WRITE, &f, &w->err));
    OK(w, io_file_read(f, &c, 1, pos, &got, &w->err));
    assert_int_equal(1, got);
    c ^= 4;
    OK(w, io_file_write(f, &c, 1, pos, &w->err));
    OK(w, io_file_sync(f, &w->err));
    io_file_close(f);
}

static void cut(world_t *w, str_t path, int64_t size)
{
    io_file_t *f;
    OK(w, io_file_open(w->io, path, IO_WRITE, &f, &w->err));
    OK(w, io_file_truncate(f, size, &w->err));
    io_file_close(f);
}

static void close_log(world_t *w, log_topic_t *t)
{
    log_topic_unref(t);
    log_close(w->log);
    w->log = NULL;
}

static void flipped_segment(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    close_log(w, fill(w));
    flip(w, segment_path(w, &a, "0-00000000000000000000.log"), 40000);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    log_topic_t *t = world_topic(w, STR("t"), 2);
    assert_int_equal(-1, world_count(w, t, 0, 0, 100));
    assert_int_equal(ST_CORRUPT, w->err.code);
    assert_non_null(strstr(w->err.msg, "0-00000000000000000000.log is corrupt at byte 39"));
    assert_int_equal(COMMITS / 2, world_count(w, t, 1, 0, 100)); /* the others are as they were */
    assert_int_equal(10, world_count(w, t, 0, COMMITS / 2 - 10, 100));
    log_topic_unref(t);
    arena_done(&a);
}

/* Whichever byte of a batch's header is flipped, but its leader epoch (which the log does not use).
 */
static void flipped_header(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    close_log(w, fill(w));
    str_t path = segment_path(w, &a, "0-00000000000000000000.log");
    io_file_t *f;
    char head[12];
    size_t got;
    OK(w, io_file_open(w->io, path, IO_READ, &f, &w->err));
    OK(w, io_file_read(f, head, sizeof head, 0, &got, &w->err));
    io_file_close(f);
    int64_t second = (int64_t)load_be32(head + 8) + 12;
    for (int64_t at = 0; at < 61; at++) {
        if (at >= 12 && at < 16)
            continue;
        flip(w, path, second + at);
        OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
        log_topic_t *t = world_topic(w, STR("t"), 2);
        assert_int_equal(-1, world_count(w, t, 0, 0, 100));
        assert_int_equal(COMMITS / 2, world_count(w, t, 1, 0, 100));
        close_log(w, t);
        flip(w, path, second + at);
    }
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    arena_done(&a);
}

static void cut_segment(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    w->opt.segment_bytes = 1 << 20;
    close_log(w, NULL);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    close_log(w, fill(w));
    cut(w, segment_path(w, &a, "0-00000000000000000000.log"), 50000);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    log_topic_t *t = world_topic(w, STR("t"), 2);
    assert_int_equal(-1, world_count(w, t, 0, 0, 100));
    assert_int_equal(ST_CORRUPT, w->err.code);
    assert_non_null(strstr(w->err.msg, "is cut off: it has 50000 bytes"));
    /* What comes now goes behind the hole, into a file of its own. */
    int64_t base;
    OK(w, world_append(w, t, 0, 1, 10, 1, &base));
    assert_int_equal(COMMITS / 2, base);
    log_topic_unref(t);
    world_reopen(w);
    t = world_topic(w, STR("t"), 2);
    assert_int_equal(1, world_count(w, t, 0, base, 100));
    assert_int_equal(COMMITS / 2, world_count(w, t, 1, 0, 100));
    log_topic_unref(t);
    arena_done(&a);
}

static void bad_index(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    close_log(w, fill(w));
    str_t path = segment_path(w, &a, "0-00000000000000000000.index");
    flip(w, path, 3);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    log_topic_t *t = world_topic(w, STR("t"), 2);
    assert_int_equal(COMMITS / 2, world_count(w, t, 0, 0, 100));
    close_log(w, t);
    OK(w, io_unlink(w->io, path, &w->err));
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    t = world_topic(w, STR("t"), 2);
    assert_int_equal(COMMITS / 2 - 15, world_count(w, t, 0, 15, 100));
    log_topic_unref(t);
    arena_done(&a);
}

static void flipped_checkpoint(void **state)
{
    world_t *w = *state;
    close_log(w, fill(w));
    for (int64_t pos = 0; pos < 200; pos += 7) {
        flip(w, STR("data/checkpoint"), pos);
        st_t st = log_local_open(w->io, &w->opt, &w->log, &w->err);
        assert_true(st == ST_CORRUPT || (pos == 7 && st == ST_UNSUPPORTED));
        assert_non_null(strstr(w->err.msg, "data/checkpoint"));
        flip(w, STR("data/checkpoint"), pos);
    }
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
}

/* A flip in what was synced is told apart from what a crash tore, but in the very last entry. */
static void flipped_journal(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 2);
    for (int i = 0; i < 5; i++)
        OK(w, world_append(w, t, i % 2, 1, 3000, i, NULL));
    log_topic_unref(t);
    world_kill(w);
    flip(w, STR("data/journal-0"), 2000);
    assert_int_equal(ST_CORRUPT, log_local_open(w->io, &w->opt, &w->log, &w->err));
    assert_non_null(strstr(w->err.msg, "journal-0 is corrupt at byte"));
    flip(w, STR("data/journal-0"), 2000);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    t = world_topic(w, STR("t"), 2);
    assert_int_equal(3, world_count(w, t, 0, 0, 100));
    log_topic_unref(t);
}

static void full_disk(void **state)
{
    world_t *w = *state;
    log_topic_t *t = fill(w);
    int64_t end[2] = {COMMITS / 2, COMMITS / 2}, base;
    io_sim_set_capacity(w->io, 600 << 10);
    int refused = 0;
    for (int i = 0; i < 200; i++) {
        st_t st = world_append(w, t, i % 2, 1, 9000, i, &base);
        assert_true(st == ST_OK || st == ST_NO_SPACE);
        if (st == ST_OK)
            assert_int_equal(end[i % 2]++, base);
        else
            refused++;
    }
    assert_in_range(refused, 100, 199);
    assert_int_equal(end[0], world_count(w, t, 0, 0, 100)); /* reading goes on */
    io_sim_set_capacity(w->io, -1);
    OK(w, world_append(w, t, 0, 1, 9000, 1, &base));
    assert_int_equal(end[0]++, base);
    log_topic_unref(t);
    world_kill(w);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    t = world_topic(w, STR("t"), 2);
    assert_int_equal(end[0], world_count(w, t, 0, 0, 100));
    assert_int_equal(end[1], world_count(w, t, 1, 0, 100));
    log_topic_unref(t);
}

static void read_only(void **state)
{
    world_t *w = *state;
    close_log(w, fill(w));
    io_sim_fail(w->io, IO_SIM_OPEN, 1, ST_DENIED, true);
    assert_int_equal(ST_DENIED, log_local_open(w->io, &w->opt, &w->log, &w->err));
    io_sim_fail(w->io, IO_SIM_OPEN, 0, ST_OK, false);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
}

/* Fails the n-th call of a kind, for every n until the job runs through: what was acknowledged is
 * there each time. */
static void every_call_fails(void **state)
{
    world_t *w = *state;
    close_log(w, NULL);
    io_sim_call_t calls[] = {IO_SIM_WRITE, IO_SIM_OPEN, IO_SIM_RENAME, IO_SIM_READ, IO_SIM_UNLINK};
    for (size_t k = 0; k < 5; k++) {
        bool ran_through = false;
        for (int64_t n = 1; !ran_through && n < 500; n++) {
            io_t *io = io_sim_new((uint64_t)n);
            world_t v = {.io = io, .opt = w->opt};
            io_sim_fail(io, calls[k], n, ST_IO, false);
            int64_t end = 0, base;
            bool failed = log_local_open(io, &v.opt, &v.log, &v.err) != ST_OK;
            log_topic_t *t = NULL;
            if (!failed) {
                failed =
                    log_topic_create(v.log, &(log_topic_spec_t){.name = STR("t"), .partitions = 1},
                                     &v.err) != ST_OK;
                if (!failed)
                    OK(&v, log_topic_open(v.log, STR("t"), &t, &v.err));
                for (int i = 0; t && i < 30; i++) {
                    if (world_append(&v, t, 0, 1, 9000, 1, &base) == ST_OK)
                        assert_int_equal(end++, base);
                    else
                        failed = true;
                    if (i == 15)
                        failed |= log_local_upkeep(v.log, true, &v.err) != ST_OK;
                }
                log_topic_unref(t);
                log_close(v.log);
            }
            io_sim_fail(io, calls[k], 0, ST_OK, false);
            OK(&v, log_local_open(io, &v.opt, &v.log, &v.err));
            if (t) {
                t = world_topic(&v, STR("t"), 1);
                assert_int_equal(end, world_count(&v, t, 0, 0, 100));
                log_topic_unref(t);
            }
            ran_through = !failed && n > 100;
            log_close(v.log);
            io_free(io);
        }
    }
}

static void failed_sync_is_the_end(void **state)
{
    world_t *w = *state;
    log_topic_t *t = fill(w);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        fclose(stderr);
        io_sim_fail(w->io, IO_SIM_SYNC, 1, ST_IO, false);
        st_t st = world_append(w, t, 0, 1, 1, 1, NULL);
        _exit(st == ST_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    log_topic_unref(t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_enter, world_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flipped_segment),    TEST(flipped_header),         TEST(cut_segment), TEST(bad_index),
        TEST(flipped_checkpoint), TEST(flipped_journal),        TEST(full_disk),   TEST(read_only),
        TEST(every_call_fails),   TEST(failed_sync_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
