/* Which offsets and transactional ids are forgotten, and when. */
#include "broker/group_expiry.c"

#include "broker/consumer_group.h"
#include "io/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define DAY_MS INT64_C(86400000)

typedef struct world {
    broker_t broker;
    broker_coordinator_t coordinator;
    arena_t arena;
} world_t;

static int enter(void **state)
{
    world_t *w = mem_zalloc(sizeof *w);
    log_local_options_t opt;
    err_t err;
    log_local_options_init(&opt);
    opt.dir = STR("data");
    opt.no_thread = true;
    w->broker.io = io_sim_new(1);
    assert_int_equal(ST_OK, log_local_open(w->broker.io, &opt, &w->broker.log, &err));
    w->broker.config.offsets_retention_min = 10080;
    w->broker.config.offsets_partitions = 50;
    w->broker.config.txn_id_ms = 7 * DAY_MS;
    w->broker.group.loop = io_loop_new(w->broker.io);
    w->coordinator.broker = &w->broker;
    map_init(&w->coordinator.groups);
    map_init(&w->coordinator.consumer_groups);
    map_init(&w->coordinator.txns);
    arena_init(&w->arena, ARENA_NO_LIMIT);
    log_topic_spec_t t = {.name = STR("t"), .partitions = 4};
    assert_int_equal(ST_OK, log_topic_create(w->broker.log, &t, &err));
    *state = w;
    return 0;
}

static int leave(void **state)
{
    world_t *w = *state;
    map_done(&w->coordinator.consumer_groups, consumer_group_free);
    map_done(&w->coordinator.txns, txn_free);
    map_done(&w->coordinator.groups, group_free);
    VEC_DONE(&w->coordinator.entries);
    VEC_DONE(&w->coordinator.held);
    log_close(w->broker.log);
    io_loop_free(w->broker.group.loop);
    arena_done(&w->arena);
    io_free(w->broker.io);
    free(w);
    return 0;
}

static void commit_offset(world_t *w, str_t group, int32_t partition)
{
    log_commit_t *c = log_commit_new(w->broker.log);
    log_group_offset_t o = {.group = group,
                            .topic = STR("t"),
                            .partition = partition,
                            .leader_epoch = -1,
                            .offset = 7,
                            .commit_ms = io_now_ms(w->broker.io),
                            .metadata = STR("")};
    group_offsets_put(&w->coordinator, c, &o, 1);
    assert_int_equal(ST_OK, log_commit(w->broker.log, c, NULL, NULL));
}

/* The group is empty from now on. */
static void put_empty(world_t *w, str_t group)
{
    group_t *g = group_new(&w->coordinator, group);
    group_keep(g);
    group_settle(g);
    coordinator_flush(&w->coordinator);
}

/* How many offsets are left after so much time. */
static size_t left_after(world_t *w, str_t group, int64_t ms)
{
    log_group_offset_t *o;
    size_t n;
    io_sim_advance_ms(w->broker.io, ms);
    group_expire_offsets(&w->coordinator);
    log_group_offsets(w->broker.log, group, &w->arena, &o, &n);
    return n;
}

static void who_only_commits_is_counted_from_each_commit(void **state)
{
    world_t *w = *state;
    commit_offset(w, STR("g"), 0);
    assert_int_equal(1, left_after(w, STR("g"), 4 * DAY_MS));
    commit_offset(w, STR("g"), 1);
    assert_int_equal(1, left_after(w, STR("g"), 4 * DAY_MS));
    assert_int_equal(0, left_after(w, STR("g"), 4 * DAY_MS));
}

static void a_group_is_counted_from_when_the_last_member_left(void **state)
{
    world_t *w = *state;
    group_past_t past;
    commit_offset(w, STR("g"), 0);
    io_sim_advance_ms(w->broker.io, 20 * DAY_MS);
    put_empty(w, STR("g"));
    assert_int_equal(1, left_after(w, STR("g"), 6 * DAY_MS));
    assert_int_equal(0, left_after(w, STR("g"), 2 * DAY_MS));
    assert_false(group_past_find(w->broker.log, STR("g"), &w->arena, &past));
}

static void what_a_member_reads_stays_and_what_none_reads_goes(void **state)
{
    world_t *w = *state;
    log_topic_spec_t other = {.name = STR("other"), .partitions = 1};
    assert_int_equal(ST_OK, log_topic_create(w->broker.log, &other, NULL));
    consumer_group_t *g = consumer_group_new(&w->coordinator, STR("g"));
    consumer_member_t *m = mem_zalloc(sizeof *m);
    m->group = g;
    VEC_PUSH(&m->topics, group_own(STR("t")));
    VEC_PUSH(&g->members, m);
    commit_offset(w, STR("g"), 0);
    assert_int_equal(1, left_after(w, STR("g"), 20 * DAY_MS));
    m->topics.ptr[0].len = 0; /* it reads something else now */
    assert_int_equal(0, left_after(w, STR("g"), DAY_MS));
}

static void what_the_program_keeps_for_itself_stays(void **state)
{
    world_t *w = *state;
    log_commit_t *c = log_commit_new(w->broker.log);
    log_commit_offset(c, STR("query"), STR("t"), 0, 3);
    assert_int_equal(ST_OK, log_commit(w->broker.log, c, NULL, NULL));
    assert_int_equal(1, left_after(w, STR("query"), 1000 * DAY_MS));
}

static void what_an_open_transaction_changes_stays(void **state)
{
    world_t *w = *state;
    commit_offset(w, STR("g"), 0);
    commit_offset(w, STR("g"), 1);
    txn_t *t = txn_new(&w->coordinator, STR("id"));
    txn_offset_t o = {.group = STR("g"), .topic = STR("t"), .metadata = STR("")};
    assert_true(txn_add_offset(t, &o));
    assert_int_equal(1, left_after(w, STR("g"), 8 * DAY_MS));
}

static void transactional_ids_are_forgotten_but_for_open_ones(void **state)
{
    world_t *w = *state;
    str_t id[] = {STR("idle"), STR("open"), STR("late")};
    for (int i = 0; i < 3; i++) {
        txn_t *t = txn_new(&w->coordinator, id[i]);
        t->status = i == 1 ? TXN_ONGOING : TXN_COMMITTED;
        t->update_ms = io_now_ms(w->broker.io) + (i == 2 ? DAY_MS : 0);
        log_commit_t *c = log_commit_new(w->broker.log);
        txn_put_fact(t, c);
        assert_int_equal(ST_OK, log_commit(w->broker.log, c, NULL, NULL));
    }
    io_sim_advance_ms(w->broker.io, 7 * DAY_MS + 1);
    txn_expire(&w->coordinator);
    assert_null(txn_find(&w->coordinator, id[0]));
    assert_non_null(txn_find(&w->coordinator, id[1]));
    assert_non_null(txn_find(&w->coordinator, id[2]));
    log_fact_t *fact;
    size_t n;
    log_facts(w->broker.log, STR("txn/"), &w->arena, &fact, &n);
    assert_int_equal(2, n);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)
    const struct CMUnitTest tests[] = {
        TEST(who_only_commits_is_counted_from_each_commit),
        TEST(a_group_is_counted_from_when_the_last_member_left),
        TEST(what_a_member_reads_stays_and_what_none_reads_goes),
        TEST(what_the_program_keeps_for_itself_stays),
        TEST(what_an_open_transaction_changes_stays),
        TEST(transactional_ids_are_forgotten_but_for_open_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
