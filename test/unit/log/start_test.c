/* How a log starts: by its checkpoint alone after a close, and with what the journal says after a
 * kill. Both find the same. */
#include "log/local/engine.h"
#include "world.h"

enum { PARTITIONS = 5, PRODUCERS = 7 };

static void append_as(world_t *w, log_topic_t *t, int i)
{
    wire_batch_options_t options = {.producer_id = i % PRODUCERS,
                                    .base_sequence = i / PRODUCERS,
                                    .flags = i % PRODUCERS ? 0 : WIRE_TRANSACTIONAL};
    buf_t b = BUF_INIT;
    wire_writer_t writer;
    wire_batch_begin(&writer, &b, &options);
    wire_batch_add(&writer, i, STR("k"), STR("v"), NULL, 0);
    assert_int_equal(ST_OK, wire_batch_finish(&writer, NULL));
    log_commit_t *c = log_commit_new(w->log);
    log_commit_append(c, t, 0, buf_str(&b));
    log_commit_offset(c, STR("group"), STR("t"), i % PARTITIONS, i);
    log_commit_fact(c, i % 2 ? STR("odd") : STR("even"), str_n("0123456789", (size_t)i % 10));
    OK(w, log_commit(w->log, c, NULL, &w->err));
    buf_done(&b);
}

/* Changes of all kinds, some of them in segments already, some only in the journal. */
static void work(world_t *w)
{
    int64_t start;
    log_topic_t *t = world_topic(w, STR("t"), PARTITIONS), *u = world_topic(w, STR("u"), 1);
    log_topic_unref(world_topic(w, STR("gone"), 2));
    for (int i = 0; i < 200; i++) {
        OK(w, world_append(w, t, i % PARTITIONS, 1 + i % 3, 900, i * 1000, NULL));
        append_as(w, u, i);
        if (i == 100)
            OK(w, log_local_upkeep(w->log, true, &w->err));
    }
    OK(w, log_topic_trim(t, 1, 20, &start, &w->err));
    OK(w, log_topic_delete(w->log, STR("gone"), &w->err));
    log_topic_unref(t);
    log_topic_unref(u);
}

static void forget_clock(log_partition_t *p)
{
    for (size_t i = 0; i < p->segments.len; i++)
        p->segments.ptr[i]->created_ms = 0;
    for (map_entry_t *e = NULL; (e = map_next(&p->producers, e));)
        ((log_producer_t *)e->value)->seen_ms = 0;
}

/* The state as a checkpoint would have it, without what tells when and how often it started. */
static buf_t state_of(world_t *w)
{
    buf_t b = BUF_INIT;
    w->log->leader_epoch = 0;
    for (map_entry_t *e = NULL; (e = map_next(&w->log->topics, e));) {
        log_topic_t *t = e->value;
        for (int32_t i = 0; i < t->n_partitions; i++)
            forget_clock(t->partition[i]);
    }
    log_checkpoint_encode(w->log, 0, true, &b);
    return b;
}

static void both_ways_find_the_same(void **state)
{
    world_t *closed = *state, *killed;
    assert_int_equal(0, world_enter((void **)&killed));
    work(closed);
    work(killed);
    world_reopen(closed);
    assert_int_equal(0, log_local_stats(closed->log).replayed_commits);
    world_kill(killed);
    OK(killed, log_local_open(killed->io, &killed->opt, &killed->log, &killed->err));
    assert_true(log_local_stats(killed->log).replayed_commits > 0);
    buf_t a = state_of(closed), b = state_of(killed);
    assert_true(a.len > 1000);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.ptr, b.ptr, a.len);
    buf_done(&a);
    buf_done(&b);
    log_topic_t *t[2] = {world_topic(closed, STR("t"), PARTITIONS),
                         world_topic(killed, STR("t"), PARTITIONS)};
    for (int i = 0; i < PARTITIONS; i++) {
        int64_t from = i == 1 ? 20 : 0;
        assert_int_equal(world_count(closed, t[0], i, from, 5000),
                         world_count(killed, t[1], i, from, 5000));
    }
    log_topic_unref(t[0]);
    log_topic_unref(t[1]);
    world_leave((void **)&killed);
}

/* The lock, the checkpoint, two journals: however many partitions there are. */
static void a_close_leaves_nothing_to_look_at(void **state)
{
    world_t *w = *state;
    work(w);
    log_close(w->log);
    w->log = NULL;
    io_sim_fail(w->io, IO_SIM_OPEN, 5, ST_IO, true);
    io_sim_fail(w->io, IO_SIM_SYNC, 1, ST_IO, true);
    io_sim_fail(w->io, IO_SIM_WRITE, 1, ST_IO, true);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    log_topic_t *t = world_topic(w, STR("t"), PARTITIONS);
    log_offsets_t o;
    OK(w, log_topic_offsets(t, 1, &o, &w->err));
    assert_int_equal(20, o.start);
    assert_true(o.end > 60);
    assert_int_equal(-1, world_count(w, t, 1, 20, 5000)); /* now it opens one */
    io_sim_fail(w->io, IO_SIM_OPEN, 0, ST_OK, false);
    assert_int_equal(o.end - 20, world_count(w, t, 1, 20, 5000));
    io_sim_fail(w->io, IO_SIM_SYNC, 0, ST_OK, false);
    io_sim_fail(w->io, IO_SIM_WRITE, 0, ST_OK, false);
    log_topic_unref(t);
}

/* That it was closed in order holds until the first change. */
static void a_close_is_believed_once(void **state)
{
    world_t *w = *state;
    work(w);
    world_reopen(w);
    int32_t epoch = log_leader_epoch(w->log);
    world_reopen(w);
    assert_int_equal(epoch, log_leader_epoch(w->log));
    log_topic_t *t = world_topic(w, STR("t"), PARTITIONS);
    int64_t base;
    OK(w, world_append(w, t, 0, 1, 100, 1, &base));
    log_topic_unref(t);
    world_kill(w);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    assert_int_equal(epoch + 1, log_leader_epoch(w->log));
    t = world_topic(w, STR("t"), PARTITIONS);
    assert_int_equal(1, world_count(w, t, 0, base, 5000));
    log_topic_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_ways_find_the_same, world_enter, world_leave),
        cmocka_unit_test_setup_teardown(a_close_leaves_nothing_to_look_at, world_enter,
                                        world_leave),
        cmocka_unit_test_setup_teardown(a_close_is_believed_once, world_enter, world_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
