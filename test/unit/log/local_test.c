/* The local log's contract, call by call, in a simulated world. */
#include "log/local/local.c"

#include "world.h"

static void topics(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    log_config_t config[] = {{STR("retention.ms"), STR("5")},
                             {STR("cleanup.policy"), STR("compact,delete")}};
    log_topic_spec_t spec = {
        .name = STR("t.1"), .partitions = 3, .replicas = 2, .config = config, .n_configs = 2};
    OK(w, log_topic_create(w->log, &spec, &w->err));
    assert_int_equal(ST_EXISTS, log_topic_create(w->log, &spec, &w->err));
    log_topic_info_t info, again;
    OK(w, log_topic_describe(w->log, STR("t.1"), &a, &info, &w->err));
    log_config_t change[] = {{STR("retention.ms"), STR_NONE}, {STR("segment.bytes"), STR("1000")}};
    OK(w, log_topic_alter(w->log, STR("t.1"), change, 2, &w->err));
    OK(w, log_topic_grow(w->log, STR("t.1"), 5, &w->err));
    assert_int_equal(ST_BAD_INPUT, log_topic_grow(w->log, STR("t.1"), 5, &w->err));
    world_reopen(w);
    OK(w, log_topic_describe(w->log, STR("t.1"), &a, &again, &w->err));
    assert_memory_equal(&info.id, &again.id, sizeof info.id);
    assert_int_equal(5, again.partitions);
    assert_int_equal(2, again.replicas);
    assert_int_equal(2, again.n_configs);
    assert_true(str_eq(STR("cleanup.policy"), again.config[0].name));
    assert_true(str_eq(STR("1000"), again.config[1].value));
    log_topic_t *t = world_topic(w, STR("t.1"), 0);
    log_uuid_t id = log_topic_id(t);
    assert_memory_equal(&info.id, &id, sizeof id);
    assert_true(str_eq(STR("t.1"), log_topic_name(t)));
    log_commit_t *dropped = log_commit_new(w->log);
    log_commit_offset(dropped, STR("g"), STR("t.1"), 0, 1);
    log_commit_free(dropped);
    OK(w, log_topic_delete(w->log, STR("t.1"), &w->err));
    assert_int_equal(ST_NOT_FOUND, log_topic_delete(w->log, STR("t.1"), &w->err));
    assert_int_equal(ST_NOT_FOUND, world_append(w, t, 0, 1, 1, 1, NULL));
    log_offsets_t o;
    assert_int_equal(ST_NOT_FOUND, log_topic_offsets(t, 0, &o, &w->err));
    log_topic_unref(t);
    OK(w, log_topic_create(w->log, &spec, &w->err));
    world_reopen(w);
    log_topic_info_t *all;
    size_t n;
    OK(w, log_topic_list(w->log, &a, &all, &n, &w->err));
    assert_int_equal(1, n);
    assert_int_equal(3, all[0].partitions);
    assert_memory_not_equal(&info.id, &all[0].id, sizeof info.id);
    arena_done(&a);
}

static void bad_topics(void **state)
{
    world_t *w = *state;
    char longest[251];
    memset(longest, 'x', sizeof longest);
    str_t bad[] = {STR(""), STR("."), STR(".."), STR("a b"), STR("a/b"), str_n(longest, 250)};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(ST_BAD_INPUT,
                         log_topic_create(w->log,
                                          &(log_topic_spec_t){.name = bad[i], .partitions = 1},
                                          &w->err));
    for (int n = -1; n < 1; n++)
        assert_int_equal(ST_BAD_INPUT,
                         log_topic_create(w->log,
                                          &(log_topic_spec_t){.name = STR("x"), .partitions = n},
                                          &w->err));
    log_config_t config[] = {{STR("no.such"), STR("1")},
                             {STR("retention.ms"), STR("-2")},
                             {STR("retention.ms"), STR("x")},
                             {STR("cleanup.policy"), STR("keep")}};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ST_BAD_CONFIG, log_topic_create(w->log,
                                                         &(log_topic_spec_t){.name = STR("x"),
                                                                             .partitions = 1,
                                                                             .config = &config[i],
                                                                             .n_configs = 1},
                                                         &w->err));
    log_topic_t *t = world_topic(w, str_n(longest, 249), 2);
    int64_t base;
    OK(w, world_append(w, t, 1, 1, 1, 1, &base));
    OK(w, log_local_upkeep(w->log, true, &w->err));
    assert_int_equal(1, world_count(w, t, 1, 0, 100));
    log_topic_unref(t);
}

static void by_id(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1), *same;
    log_uuid_t id = log_topic_id(t), log = log_id(w->log);
    OK(w, log_topic_open_id(w->log, &id, &same, &w->err));
    assert_ptr_equal(t, same);
    log_topic_unref(same);
    OK(w, log_topic_delete(w->log, STR("t"), &w->err));
    assert_int_equal(ST_NOT_FOUND, log_topic_open_id(w->log, &id, &same, &w->err));
    log_topic_unref(t);
    int32_t epoch = log_leader_epoch(w->log);
    world_reopen(w);
    log_uuid_t again = log_id(w->log);
    assert_memory_equal(&log, &again, sizeof log);
    assert_int_equal(epoch, log_leader_epoch(w->log));
}

static void one_commit_for_all(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 2), *u = world_topic(w, STR("u"), 1);
    buf_t two = world_batch(2, 10, 5), three = world_batch(3, 10, 6);
    log_commit_t *c = log_commit_new(w->log);
    log_commit_append(c, t, 1, buf_str(&two));
    log_commit_append(c, u, 0, buf_str(&three));
    log_commit_append(c, t, 1, buf_str(&three));
    log_commit_offset(c, STR("g"), STR("t"), 1, 42);
    assert_true(log_commit_bytes(c) > two.len + 2 * three.len);
    int64_t base[3] = {-1, -1, -1}, offset;
    OK(w, log_commit(w->log, c, base, &w->err));
    assert_int_equal(0, base[0]);
    assert_int_equal(0, base[1]);
    assert_int_equal(2, base[2]);
    OK(w, log_committed(w->log, STR("g"), STR("t"), 1, &offset, &w->err));
    assert_int_equal(42, offset);
    OK(w, log_committed(w->log, STR("g"), STR("t"), 0, &offset, &w->err));
    assert_int_equal(-1, offset);
    /* One of two topics is gone: nothing of the commit is there. */
    c = log_commit_new(w->log);
    log_commit_append(c, t, 0, buf_str(&two));
    log_commit_append(c, u, 0, buf_str(&two));
    OK(w, log_topic_delete(w->log, STR("u"), &w->err));
    assert_int_equal(ST_NOT_FOUND, log_commit(w->log, c, base, &w->err));
    log_offsets_t o;
    OK(w, log_topic_offsets(t, 0, &o, &w->err));
    assert_int_equal(0, o.end);
    c = log_commit_new(w->log);
    log_commit_offset(c, STR("g"), STR("nowhere"), 0, 1);
    assert_int_equal(ST_NOT_FOUND, log_commit(w->log, c, NULL, &w->err));
    OK(w, log_commit(w->log, log_commit_new(w->log), NULL, &w->err));
    world_kill(w);
    log_topic_unref(t);
    log_topic_unref(u);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    OK(w, log_committed(w->log, STR("g"), STR("t"), 1, &offset, &w->err));
    assert_int_equal(42, offset);
    OK(w, log_group_delete(w->log, STR("g"), &w->err));
    assert_int_equal(ST_NOT_FOUND, log_group_delete(w->log, STR("g"), &w->err));
    world_reopen(w);
    OK(w, log_committed(w->log, STR("g"), STR("t"), 1, &offset, &w->err));
    assert_int_equal(-1, offset);
    buf_done(&two), buf_done(&three);
}

/* More than memory holds: old batches come from segments, new ones from the tail, whatever the
 * sizes. */
static void reads(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    int64_t base, want = 0;
    for (int i = 0; i < 400; i++) {
        OK(w, world_append(w, t, 0, 1 + i % 7, i % 50 == 49 ? 40000 : (size_t)(i * 13) % 900, i,
                           &base));
        assert_int_equal(want, base);
        want += 1 + i % 7;
    }
    log_local_stats_t s = log_local_stats(w->log);
    assert_true(s.disk_bytes > 0 && s.tail_bytes < (512 << 10));
    for (int round = 0; round < 3; round++) {
        size_t sizes[] = {0, 1, 1000, 50000, 10 << 20};
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(want, world_count(w, t, 0, 0, sizes[i]));
        for (int64_t from = 0; from <= want; from += 17)
            assert_int_equal(want - from, world_count(w, t, 0, from, 5000));
        log_chunk_t c;
        assert_int_equal(ST_RANGE, log_read(t, 0, want + 1, 1, &c, &w->err));
        assert_int_equal(ST_RANGE, log_read(t, 0, -1, 1, &c, &w->err));
        assert_int_equal(ST_NOT_FOUND, log_read(t, 1, 0, 1, &c, &w->err));
        OK(w, log_read(t, 0, want, 1, &c, &w->err));
        assert_int_equal(0, c.bytes.len);
        log_chunk_unref(&c);
        log_topic_unref(t);
        if (round == 1) {
            world_kill(w);
            OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
        } else {
            world_reopen(w);
        }
        t = world_topic(w, STR("t"), 1);
    }
    log_topic_unref(t);
}

/* A chunk stays as it is while everything around it goes. */
static void chunks_are_shared(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    OK(w, world_append(w, t, 0, 1, 20000, 1, NULL));
    log_chunk_t c;
    OK(w, log_read(t, 0, 0, 1, &c, &w->err));
    for (int i = 0; i < 50; i++)
        OK(w, world_append(w, t, 0, 1, 20000, 1, NULL));
    OK(w, log_topic_delete(w->log, STR("t"), &w->err));
    log_topic_unref(t);
    str_t in = c.bytes;
    wire_batch_t b;
    OK(w, wire_batch_next(&in, &b, &w->err));
    OK(w, wire_batch_check(&b, &w->err));
    log_chunk_unref(&c);
}

/* Reads from offset to `until` by log_lend; how many records, and how many chunks were lent. */
static int64_t lend_all(world_t *w, log_topic_t *t, int64_t offset, int64_t until, size_t max_bytes,
                        int *ret_lent)
{
    int64_t n = 0;
    *ret_lent = 0;
    while (offset < until) {
        log_chunk_t c;
        OK(w, log_lend(t, 0, offset, until, max_bytes, true, &c, &w->err));
        buf_t b = BUF_INIT;
        size_t got;
        if (c.file) {
            ++*ret_lent;
            assert_true(c.bytes.len <= max_bytes && c.next_offset <= until);
            OK(w, io_file_read(c.file, buf_reserve(&b, c.bytes.len), c.bytes.len, c.file_pos, &got,
                               &w->err));
            assert_int_equal(got, c.bytes.len);
            b.len = got;
        } else {
            buf_put_str(&b, c.bytes);
        }
        for (str_t in = buf_str(&b); in.len;) {
            wire_batch_t batch;
            OK(w, wire_batch_next(&in, &batch, &w->err));
            OK(w, wire_batch_check(&batch, &w->err));
            assert_true(batch.base_offset <= offset && batch.last_offset >= offset);
            if (batch.base_offset >= until)
                break;
            n += batch.last_offset + 1 - offset;
            offset = batch.last_offset + 1;
        }
        assert_true(offset == c.next_offset || (!c.file && offset >= until));
        buf_done(&b);
        log_chunk_unref(&c);
    }
    return n;
}

static void batches_are_lent(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    int64_t end = 0;
    int lent, none;
    w->opt.segment_bytes = 300 << 10;
    world_reopen(w);
    log_topic_unref(t);
    t = world_topic(w, STR("t"), 1);
    for (int i = 0; i < 3000; i++, end += 3)
        OK(w, world_append(w, t, 0, 3, (size_t)(i * 131) % 900, i, NULL));
    for (int round = 0; round < 2; round++) {
        for (int64_t from = 0; from < end; from += 997)
            for (int64_t until = end; until > from; until -= 1500) {
                int64_t whole = (until + 2) / 3 * 3; /* batches are whole */
                assert_int_equal(whole - from, lend_all(w, t, from, until, 100000, &lent));
                assert_int_equal(whole - from, lend_all(w, t, from, until, 10, &none));
                assert_int_equal(0, none); /* no place to stop is known so near */
            }
        assert_int_equal(end, lend_all(w, t, 0, end, 100000, &lent));
        assert_true(lent > 10);
        log_topic_unref(t);
        world_reopen(w);
        t = world_topic(w, STR("t"), 1);
        log_chunk_t c; /* an other process wrote it: it is read and checked first */
        OK(w, log_lend(t, 0, 0, end, 100000, false, &c, &w->err));
        assert_int_equal(0, c.bytes.len);
        assert_int_equal(0, c.next_offset);
        assert_int_equal(end, lend_all(w, t, 0, end, 100000, &none));
        assert_int_equal(0, none);
    }
    log_topic_unref(t);
}

static void append_in(world_t *w, log_topic_t *t, int n, size_t bytes, int64_t *ret_base)
{
    log_commit_t *c = log_commit_new(w->log);
    buf_t large = world_batch(n, bytes, 5), small = world_batch(1, 3, 5);
    size_t large_len = large.len;
    buf_put_str(&large, buf_str(&small));
    shared_t *frame = shared_take(large.ptr, large.cap);
    log_commit_append(c, t, 1, buf_str(&small));
    log_commit_append_in(c, t, 0, str_n(large.ptr, large_len), frame);
    log_commit_offset(c, STR("g"), STR("t"), 0, n);
    log_commit_append_in(c, t, 1, str_n(large.ptr + large_len, small.len), frame);
    log_commit_append(c, t, 0, buf_str(&small));
    shared_unref(frame); /* as whoever read it: the log goes on with it */
    buf_done(&small);
    OK(w, log_commit(w->log, c, ret_base, &w->err));
}

/* Batches that stay in what they came in: read from there, from the segments, and after a kill from
 * the journal, between others and in any order. */
static void batches_stay(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 2);
    int64_t base[4], end = 0, offset;
    for (int i = 0; i < 60; i++) {
        append_in(w, t, 1 + i, 3000, base);
        assert_int_equal(end, base[1]);
        assert_int_equal(end + i + 1, base[3]);
        assert_int_equal(2 * i, base[0]);
        assert_int_equal(2 * i + 1, base[2]);
        end += i + 2;
        assert_int_equal(end, world_count(w, t, 0, 0, 100000));
        if (i % 13 == 12) {
            log_topic_unref(t);
            world_kill(w);
            OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
            t = world_topic(w, STR("t"), 2);
            OK(w, log_committed(w->log, STR("g"), STR("t"), 0, &offset, &w->err));
            assert_int_equal(i + 1, offset);
            assert_int_equal(end, world_count(w, t, 0, 0, 100000));
        }
    }
    assert_int_equal(120, world_count(w, t, 1, 0, 100000));
    log_topic_unref(t);
}

static void by_timestamp(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    for (int i = 0; i < 300; i++)
        OK(w, world_append(w, t, 0, 10, 100, 1000 * (int64_t)i, NULL));
    for (int round = 0; round < 2; round++) {
        int64_t offset, ts;
        for (int i = 0; i < 300; i += 7) {
            OK(w, log_topic_offset_at(t, 0, 1000 * i + 3, &offset, &ts, &w->err));
            assert_int_equal(10 * i + 3, offset);
            assert_int_equal(1000 * i + 3, ts);
            OK(w, log_topic_offset_at(t, 0, 1000 * i + 10, &offset, &ts, &w->err));
            assert_int_equal(i == 299 ? -1 : 10 * (i + 1), offset);
        }
        OK(w, log_topic_offset_at(t, 0, -5, &offset, &ts, &w->err));
        assert_int_equal(0, offset);
        OK(w, log_topic_offset_at(t, 0, 300000, &offset, &ts, &w->err));
        assert_int_equal(-1, offset);
        log_topic_unref(t);
        world_reopen(w);
        t = world_topic(w, STR("t"), 1);
    }
    log_topic_unref(t);
}

static void retention(void **state)
{
    world_t *w = *state;
    log_config_t config[] = {{STR("retention.ms"), STR("60000")},
                             {STR("retention.bytes"), STR("200000")}};
    OK(w, log_topic_create(w->log,
                           &(log_topic_spec_t){
                               .name = STR("t"), .partitions = 1, .config = config, .n_configs = 2},
                           &w->err));
    log_topic_t *t = world_topic(w, STR("t"), 1);
    for (int i = 0; i < 100; i++)
        OK(w, world_append(w, t, 0, 1, 10000, io_now_ms(w->io), NULL));
    OK(w, log_local_upkeep(w->log, true, &w->err));
    log_offsets_t o;
    OK(w, log_topic_offsets(t, 0, &o, &w->err));
    assert_int_equal(100, o.end);
    assert_in_range(o.start, 70, 82);
    assert_int_equal(o.end - o.start, world_count(w, t, 0, o.start, 1));
    log_chunk_t c;
    assert_int_equal(ST_RANGE, log_read(t, 0, o.start - 1, 1, &c, &w->err));
    io_sim_advance_ms(w->io, 61000);
    OK(w, log_local_upkeep(w->log, true, &w->err));
    OK(w, log_topic_offsets(t, 0, &o, &w->err));
    assert_int_equal(100, o.start);
    assert_int_equal(0, log_local_stats(w->log).disk_bytes);
    log_topic_unref(t);
    world_reopen(w);
    t = world_topic(w, STR("t"), 1);
    int64_t base;
    OK(w, world_append(w, t, 0, 1, 1, io_now_ms(w->io), &base));
    assert_int_equal(100, base);
    log_topic_unref(t);
}

static void in_use(void **state)
{
    world_t *w = *state;
    log_t *other;
    assert_int_equal(ST_BUSY, log_local_open(w->io, &w->opt, &other, &w->err));
    assert_non_null(strstr(w->err.msg, "in use by another process"));
}

static void watches(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    log_watch_t *watch = log_watch_new(w->log);
    assert_false(log_watch_wait(watch, 5));
    log_watch_add(watch, t);
    assert_true(log_watch_wait(watch, 0));
    assert_false(log_watch_wait(watch, 0));
    OK(w, world_append(w, t, 0, 1, 1, 1, NULL));
    assert_true(log_watch_wait(watch, -1));
    log_watch_wake(watch);
    assert_true(log_watch_wait(watch, -1));
    log_watch_remove(watch, t);
    OK(w, world_append(w, t, 0, 1, 1, 1, NULL));
    assert_false(log_watch_wait(watch, 1000));
    log_watch_add(watch, t);
    log_watch_free(watch);
    OK(w, world_append(w, t, 0, 1, 1, 1, NULL));
    log_topic_unref(t);
}

static void many_partitions(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1000);
    log_commit_t *c = log_commit_new(w->log);
    buf_t b = world_batch(1, 10, 1);
    for (int i = 0; i < 1000; i++)
        log_commit_append(c, t, i, buf_str(&b));
    OK(w, log_commit(w->log, c, NULL, &w->err));
    buf_done(&b);
    log_topic_unref(t);
    world_reopen(w);
    t = world_topic(w, STR("t"), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(1, world_count(w, t, i, 0, 1));
    log_topic_unref(t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_enter, world_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(topics), TEST(bad_topics), TEST(by_id), TEST(one_commit_for_all), TEST(reads),
        TEST(chunks_are_shared), TEST(batches_are_lent), TEST(batches_stay), TEST(by_timestamp),
        TEST(retention), TEST(in_use), TEST(watches), TEST(many_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
