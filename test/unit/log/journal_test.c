/* The journal alone: every cut of its last group is found and taken off; old uses of a file do not
 * show through. */
#include "log/local/journal.c"

#include "io/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define LIMIT (64 << 10)

static log_entry_t *entry(size_t n)
{
    log_entry_t *e = log_entry_new(LOG_ENTRY_GROUP_DELETE);
    for (size_t i = 0; i < n; i++)
        buf_put_char(&e->bytes, (char)('a' + i % 26));
    return e;
}

static void append(log_journal_t *j, size_t n, int count, bool sync)
{
    log_entry_t *e[8];
    for (int i = 0; i < count; i++)
        e[i] = entry(n + (size_t)i);
    assert_int_equal(ST_OK, log_journal_append(j, e, (size_t)count, sync, NULL));
    for (int i = 0; i < count; i++)
        log_entry_unref(e[i]);
}

static st_t count_entry(void *arg, str_t bytes, err_t *err)
{
    (void)err;
    int *n = arg;
    assert_true(bytes.len >= LOG_ENTRY_HEADER_BYTES);
    ++*n;
    return ST_OK;
}

static int replay(io_t *io, int64_t from, st_t want, int64_t *ret_next)
{
    log_journal_t j;
    int n = 0;
    assert_int_equal(ST_OK, log_journal_open(&j, io, STR(""), LIMIT, NULL));
    assert_int_equal(want, log_journal_replay(&j, from, count_entry, &n, NULL));
    *ret_next = j.next_seq;
    log_journal_close(&j);
    return n;
}

static void start_anew(log_journal_t *j, io_t *io)
{
    int n = 0;
    assert_int_equal(ST_OK, log_journal_open(j, io, STR(""), LIMIT, NULL));
    assert_int_equal(ST_OK, log_journal_replay(j, 1, count_entry, &n, NULL));
    log_journal_reset(j);
}

static void there_and_back(void **state)
{
    (void)state;
    io_t *io = io_sim_new(1);
    log_journal_t j;
    int64_t next;
    start_anew(&j, io);
    append(&j, 10, 3, true);
    append(&j, 5000, 2, true);
    append(&j, 90000, 1, true); /* past what is written with zeros */
    append(&j, 1, 8, true);
    log_journal_close(&j);
    assert_int_equal(14, replay(io, 1, ST_OK, &next));
    assert_int_equal(15, next);
    io_free(io);
}

static void both_files(void **state)
{
    (void)state;
    io_t *io = io_sim_new(1);
    log_journal_t j;
    int64_t next;
    start_anew(&j, io);
    append(&j, 100, 5, true);
    log_journal_switch(&j);
    append(&j, 100, 5, true);
    assert_int_equal(6, j.first_seq);
    assert_int_equal(10, replay(io, 1, ST_OK, &next));
    assert_int_equal(5, replay(io, 6, ST_OK, &next));
    log_journal_release(&j);
    log_journal_switch(&j); /* the first file again: its old entries lie behind the new ones */
    append(&j, 100, 1, true);
    assert_int_equal(6, replay(io, 6, ST_OK, &next));
    assert_int_equal(1, replay(io, 11, ST_OK, &next));
    assert_int_equal(12, next);
    /* A checkpoint from before both: the first file's old entries are missed. */
    replay(io, 1, ST_CORRUPT, &next);
    log_journal_close(&j);
    io_free(io);
}

/* The last group is cut at every byte, as a crash might: what was synced before it is all there,
 * and never an error. */
static void torn_tail(void **state)
{
    (void)state;
    for (int64_t cut = 0; cut < 400; cut += 3) {
        io_t *io = io_sim_new(1);
        log_journal_t j;
        int64_t next;
        start_anew(&j, io);
        append(&j, 100, 2, true);
        int64_t synced = j.pos;
        append(&j, 100, 3, true);
        int64_t end = j.pos;
        if (synced + cut < end) {
            char zero[512] = {0};
            assert_int_equal(ST_OK, io_file_write(j.file[0], zero, (size_t)(end - synced - cut),
                                                  synced + cut, NULL));
        }
        log_journal_close(&j);
        int n = replay(io, 1, ST_OK, &next);
        assert_in_range(n, 2, 5);
        assert_int_equal(n + 1, next);
        io_free(io);
    }
}

/* Every byte of a synced entry that others follow: changed, it is an error. */
static void rot(void **state)
{
    (void)state;
    io_t *io = io_sim_new(1);
    log_journal_t j;
    int64_t next;
    start_anew(&j, io);
    append(&j, 50, 1, true);
    int64_t from = j.pos;
    append(&j, 50, 1, true);
    int64_t to = from + LOG_ENTRY_HEADER_BYTES + 50;
    append(&j, 50, 1, true);
    append(&j, 50, 1, true);
    for (int64_t pos = from; pos < to; pos++) {
        char c;
        size_t got;
        assert_int_equal(ST_OK, io_file_read(j.file[0], &c, 1, pos, &got, NULL));
        c ^= 16;
        assert_int_equal(ST_OK, io_file_write(j.file[0], &c, 1, pos, NULL));
        assert_int_equal(1, replay(io, 1, ST_CORRUPT, &next));
        c ^= 16;
        assert_int_equal(ST_OK, io_file_write(j.file[0], &c, 1, pos, NULL));
    }
    assert_int_equal(4, replay(io, 1, ST_OK, &next));
    log_journal_close(&j);
    io_free(io);
}

/* What a client may have put into its records: heads of entries that all reach to the end and whose
 * CRC does not fit. To look at each whole would take minutes. */
static void crafted_tail(void **state)
{
    (void)state;
    size_t len = 16 << 20;
    char *p = mem_zalloc(len);
    for (size_t at = 0; at + 64 <= len; at += 64) {
        store_be32(p + at, 32);
        store_be64(p + at + 8, 5);
        store_be32(p + at + 32, (uint32_t)(len - at - 32));
        store_be64(p + at + 40, 6);
        store_be64(p + at + 48, 5);
    }
    io_t *io = io_real_new();
    int64_t from = io_mono_ns(io);
    assert_false(was_synced(str_n(p, len), 5));
    assert_true(io_mono_ns(io) - from < 5 * INT64_C(1000000000));
    io_free(io);
    log_entry_head_t b;
    size_t last = len / 128 * 64; /* and one of them does fit */
    assert_true(log_entry_head(str_n(p + last + 32, len - last - 32), &b));
    uint32_t crc = hash_crc32c(77, p + last + 32, 4);
    crc = hash_crc32c(crc, p + last + 40, len - last - 40);
    store_be32(p + last + 4, 77);
    store_be32(p + last + 36, crc);
    assert_true(was_synced(str_n(p, len), 5));
    free(p);
}

/* A failed append is not there, not even for a replay right after it. */
static void failed_append(void **state)
{
    (void)state;
    io_t *io = io_sim_new(1);
    log_journal_t j;
    int64_t next;
    start_anew(&j, io);
    append(&j, 100, 1, true);
    log_entry_t *e = entry(1000);
    io_sim_fail(io, IO_SIM_WRITE, 1, ST_NO_SPACE, false);
    assert_int_equal(ST_NO_SPACE, log_journal_append(&j, &e, 1, true, NULL));
    log_entry_unref(e);
    assert_int_equal(1, replay(io, 1, ST_OK, &next));
    append(&j, 100, 1, true);
    assert_int_equal(2, replay(io, 1, ST_OK, &next));
    log_journal_close(&j);
    io_free(io);
}

/* Entries beyond the window through which a file is seen, and larger than it. */
static void past_the_window(void **state)
{
    (void)state;
    io_t *io = io_sim_new(1);
    log_journal_t j;
    int64_t next, size;
    start_anew(&j, io);
    append(&j, 5, 1, true);
    int64_t second = j.pos;
    append(&j, WINDOW_BYTES / 3, 8, true);
    append(&j, 3 * WINDOW_BYTES, 1, true);
    append(&j, WINDOW_BYTES - 20, 3, true);
    append(&j, 1, 1, true);
    assert_int_equal(14, replay(io, 1, ST_OK, &next));
    /* cut within the padding of the last one */
    assert_int_equal(ST_OK, io_file_size(j.file[0], &size, NULL));
    assert_int_equal(j.pos, size);
    for (int64_t cut = 1; cut <= 4; cut++) {
        assert_int_equal(ST_OK, io_file_truncate(j.file[0], size - cut, NULL));
        assert_int_equal(cut <= 3 ? 14 : 13, replay(io, 1, ST_OK, &next));
    }
    assert_int_equal(ST_OK, io_file_write(j.file[0], "x", 1, second + 100, NULL));
    assert_int_equal(1, replay(io, 1, ST_CORRUPT, &next));
    log_journal_close(&j);
    io_free(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(past_the_window),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(both_files),
        cmocka_unit_test(torn_tail),
        cmocka_unit_test(rot),
        cmocka_unit_test(crafted_tail),
        cmocka_unit_test(failed_append),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
