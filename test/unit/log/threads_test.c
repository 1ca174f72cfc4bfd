/* Many threads on a real disk: commits over two partitions at once, readers that must see both or
 * none, topics that come and go. */
#include "log/local/local.h"
#include "wire/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define WRITERS 4
#define COMMITS 300

typedef struct both {
    log_t *log;
    log_topic_t *t;
    io_t *io;
} both_t;

static void *writer(void *arg)
{
    both_t *s = arg;
    buf_t b = BUF_INIT;
    wire_writer_t w;
    err_t err;
    char value[2000] = {0};
    wire_batch_begin(&w, &b, &WIRE_BATCH_PLAIN);
    wire_batch_add(&w, 1, STR_NONE, str_n(value, sizeof value), NULL, 0);
    st_t st = wire_batch_finish(&w, &err);
    for (int i = 0; i < COMMITS && st == ST_OK; i++) {
        log_commit_t *c = log_commit_new(s->log);
        int64_t base[2];
        log_commit_append(c, s->t, 0, buf_str(&b));
        log_commit_append(c, s->t, 1, buf_str(&b));
        log_commit_offset(c, STR("g"), STR("t"), 0, i);
        st = log_commit(s->log, c, base, &err);
        if (st == ST_OK && base[0] != base[1])
            die("the two partitions went apart");
    }
    if (st != ST_OK)
        die("%s", err.msg);
    buf_done(&b);
    return NULL;
}

static void *reader(void *arg)
{
    both_t *s = arg;
    err_t err;
    log_watch_t *watch = log_watch_new(s->log);
    log_watch_add(watch, s->t);
    for (int64_t at = 0; at < WRITERS * COMMITS;) {
        log_watch_wait(watch, 1000);
        for (log_chunk_t c;;) {
            log_offsets_t o;
            if (log_read(s->t, 1, at, 5000, &c, &err) != ST_OK ||
                log_topic_offsets(s->t, 0, &o, &err) != ST_OK)
                die("%s", err.msg);
            if (o.end < c.next_offset)
                die("a commit was seen by half");
            bool more = c.next_offset > at;
            at = c.next_offset;
            log_chunk_unref(&c);
            if (!more)
                break;
        }
    }
    log_watch_free(watch);
    return NULL;
}

static void *meddler(void *arg)
{
    both_t *s = arg;
    err_t err;
    for (int i = 0; i < 30; i++) {
        if (log_topic_create(s->log, &(log_topic_spec_t){.name = STR("x"), .partitions = 3},
                             &err) != ST_OK ||
            log_local_upkeep(s->log, i % 2, &err) != ST_OK ||
            log_topic_delete(s->log, STR("x"), &err) != ST_OK)
            die("%s", err.msg);
    }
    return NULL;
}

/* The topics are gone. */
static void leave(io_t *io, const char *dir)
{
    err_t err;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const char *left[] = {"journal-0", "journal-1", "checkpoint", "lock"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ST_OK, io_unlink(io, arena_printf(&a, "%s/%s", dir, left[i]), &err));
    assert_int_equal(ST_OK, io_rmdir(io, arena_printf(&a, "%s/topics", dir), &err));
    assert_int_equal(ST_OK, io_rmdir(io, str_of(dir), &err));
    arena_done(&a);
    io_free(io);
}

static void run(log_durability_t durability)
{
    err_t err;
    char dir[] = "/tmp/arus-log-XXXXXX";
    assert_non_null(mkdtemp(dir));
    both_t s = {.io = io_real_new()};
    log_local_options_t opt;
    log_local_options_init(&opt);
    opt.dir = str_of(dir);
    opt.durability = durability;
    opt.tail_bytes = 256 << 10;
    opt.retention_ms = -1; /* the records are of 1970 */
    assert_int_equal(ST_OK, log_local_open(s.io, &opt, &s.log, &err));
    assert_int_equal(
        ST_OK,
        log_topic_create(s.log, &(log_topic_spec_t){.name = STR("t"), .partitions = 2}, &err));
    assert_int_equal(ST_OK, log_topic_open(s.log, STR("t"), &s.t, &err));
    pthread_t t[WRITERS + 2];
    for (int i = 0; i < WRITERS + 2; i++)
        assert_int_equal(0, pthread_create(&t[i], NULL,
                                           i < WRITERS    ? writer
                                           : i == WRITERS ? reader
                                                          : meddler,
                                           &s));
    for (int i = 0; i < WRITERS + 2; i++)
        pthread_join(t[i], NULL);
    log_offsets_t o;
    assert_int_equal(ST_OK, log_topic_offsets(s.t, 0, &o, &err));
    assert_int_equal(WRITERS * COMMITS, o.end);
    log_topic_unref(s.t);
    log_close(s.log);
    assert_int_equal(ST_OK, log_local_open(s.io, &opt, &s.log, &err));
    assert_int_equal(0, log_local_stats(s.log).replayed_commits);
    assert_int_equal(ST_OK, log_topic_delete(s.log, STR("t"), &err));
    log_close(s.log);
    leave(s.io, dir);
}

static void with_sync(void **state)
{
    (void)state;
    run(LOG_DURABILITY_SYNC);
}

static void with_memory(void **state)
{
    (void)state;
    run(LOG_DURABILITY_MEMORY);
}

/* Who commits nothing for a while needs no memory; all is there as before, and a kill finds nothing
 * to replay. */
static void idle(void **state)
{
    (void)state;
    err_t err;
    char dir[] = "/tmp/arus-log-XXXXXX";
    assert_non_null(mkdtemp(dir));
    both_t s = {.io = io_real_new()};
    log_local_options_t opt;
    log_local_options_init(&opt);
    opt.dir = str_of(dir);
    opt.retention_ms = -1;
    opt.idle_ms = 50;
    assert_int_equal(ST_OK, log_local_open(s.io, &opt, &s.log, &err));
    assert_int_equal(
        ST_OK,
        log_topic_create(s.log, &(log_topic_spec_t){.name = STR("t"), .partitions = 2}, &err));
    assert_int_equal(ST_OK, log_topic_open(s.log, STR("t"), &s.t, &err));
    for (int round = 0; round < 2; round++) {
        writer(&s);
        for (int i = 0; i < 1000 && log_local_stats(s.log).tail_bytes; i++)
            usleep(10000);
        log_local_stats_t stats = log_local_stats(s.log);
        assert_int_equal(0, stats.tail_bytes);
        assert_in_range(stats.journal_bytes, 0, 512); /* a head */
        log_chunk_t c;
        int64_t offset = 0;
        for (; offset < COMMITS * (round + 1); offset = c.next_offset, log_chunk_unref(&c))
            assert_int_equal(ST_OK, log_read(s.t, 1, offset, 100000, &c, &err));
        assert_int_equal(COMMITS * (round + 1), offset);
    }
    log_topic_unref(s.t);
    assert_int_equal(ST_OK, log_topic_delete(s.log, STR("t"), &err));
    log_close(s.log);
    leave(s.io, dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(with_sync), cmocka_unit_test(with_memory),
                                       cmocka_unit_test(idle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
