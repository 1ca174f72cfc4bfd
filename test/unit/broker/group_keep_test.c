/* Groups as the log keeps them: what is there again after a restart, and what is written for it. */
#include "broker/consumer_keep.c"

#include "broker/group_past.h"
#include "broker/offsets_topic.h"
#include "io/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MEBIBYTE (1u << 20)

typedef struct world {
    io_t *io;
    broker_t broker;
    arena_t arena;
} world_t;

static void start(world_t *w)
{
    log_local_options_t opt;
    err_t err;
    log_local_options_init(&opt);
    opt.dir = STR("data");
    opt.no_thread = true;
    w->broker = (broker_t){.io = w->io};
    assert_int_equal(ST_OK, log_local_open(w->io, &opt, &w->broker.log, &err));
    w->broker.config.offsets_partitions = 5;
    w->broker.config.consumer_session_ms = 45000;
    w->broker.config.offsets_retention_min = 10080;
    w->broker.config.offsets_check_ms = w->broker.config.txn_check_ms = 600000;
    w->broker.group.loop = io_loop_new(w->io);
    assert_int_equal(ST_OK, broker_coordinator_new(&w->broker, &w->broker.coordinator, &err));
}

static void stop(world_t *w)
{
    broker_coordinator_free(w->broker.coordinator);
    log_close(w->broker.log);
    io_loop_free(w->broker.group.loop);
}

static void restart(world_t *w)
{
    stop(w);
    start(w);
}

static int enter(void **state)
{
    world_t *w = mem_zalloc(sizeof *w);
    w->io = io_sim_new(1);
    arena_init(&w->arena, ARENA_NO_LIMIT);
    start(w);
    log_topic_spec_t t = {.name = STR("t"), .partitions = 4};
    assert_int_equal(ST_OK, log_topic_create(w->broker.log, &t, NULL));
    *state = w;
    return 0;
}

static int leave(void **state)
{
    world_t *w = *state;
    stop(w);
    arena_done(&w->arena);
    io_free(w->io);
    free(w);
    return 0;
}

/* ---- groups that the broker assigns */

static consumer_group_t *group(world_t *w)
{
    return consumer_group_find(w->broker.coordinator, STR("g"));
}

static consumer_member_t *member(world_t *w, str_t id)
{
    return consumer_member_find(group(w), id);
}

/* One heartbeat, as consumer_heartbeat.c takes it, of who has what it was told. */
static void beat(world_t *w, str_t id)
{
    consumer_group_t *g = group(w);
    if (!g)
        g = consumer_group_new(w->broker.coordinator, STR("g"));
    bool is_new = !consumer_member_find(g, id);
    if (is_new) {
        str_t topic = STR("t");
        wire_consumer_group_member_metadata_value_t says = {.client_id = STR("c"),
                                                            .client_host = STR("/h"),
                                                            .subscribed_topic_names = {&topic, 1},
                                                            .rebalance_timeout_ms = 1000};
        consumer_member_load(g, id, &says);
        consumer_member_keep_said(member(w, id));
    }
    consumer_member_touch(member(w, id));
    consumer_group_refresh(g, is_new);
    const wire_consumer_group_heartbeat_request_topic_partition_t nothing = {{{0}}, {NULL, 0}};
    consumer_member_reconcile(member(w, id), &nothing, 0);
    consumer_group_settle(g);
}

static void two_members(world_t *w)
{
    beat(w, STR("a"));
    beat(w, STR("b"));
    for (int i = 0; i < 2; i++) {
        beat(w, STR("a"));
        beat(w, STR("b"));
    }
    assert_string_equal("Stable", consumer_group_state(group(w)));
    assert_int_equal(2, group(w)->epoch);
}

static int32_t owned(const world_t *w, const consumer_member_t *m)
{
    (void)w;
    int32_t n = 0;
    for (size_t i = 0; i < m->group->topics.len; i++)
        for (int32_t p = 0; p < m->group->topics.ptr[i].partitions; p++)
            n += m->group->topics.ptr[i].owner[p] == m;
    return n;
}

static void an_assigned_group_is_there_again(void **state)
{
    world_t *w = *state;
    two_members(w);
    restart(w);
    assert_non_null(group(w));
    assert_int_equal(2, group(w)->epoch);
    assert_int_equal(2, group(w)->members.len);
    assert_int_equal(2, member(w, STR("a"))->epoch);
    assert_int_equal(1, member(w, STR("a"))->epoch_before);
    assert_int_equal(2, owned(w, member(w, STR("a"))));
    assert_int_equal(2, owned(w, member(w, STR("b"))));
    assert_string_equal("Stable", consumer_group_state(group(w)));
    beat(w, STR("a"));
    assert_int_equal(2, group(w)->epoch);
}

/* What the log says that a pattern finds; -1: nothing. */
static int found_by(world_t *w, str_t pattern)
{
    group_record_t *record;
    size_t n;
    coordinator_flush(w->broker.coordinator);
    group_records(w->broker.log, &w->arena, &record, &n);
    for (size_t i = 0; i < n; i++)
        if (record[i].kind == GROUP_RECORD_PATTERN && str_eq(record[i].name, pattern)) {
            const wire_consumer_group_regular_expression_value_t *v =
                group_record_read(&record[i], &w->arena);
            assert_true(v->timestamp > 0);
            return v->topics.len;
        }
    return -1;
}

static void want_pattern(world_t *w, str_t id, str_t pattern)
{
    wire_consumer_group_heartbeat_request_t other = {.rebalance_timeout_ms = -1,
                                                     .subscribed_topic_regex = pattern};
    assert_true(consumer_member_update(member(w, id), &other));
    consumer_group_refresh(group(w), true);
    consumer_group_settle(group(w));
}

static void what_patterns_find_is_kept_while_somebody_has_them(void **state)
{
    world_t *w = *state;
    two_members(w);
    want_pattern(w, STR("a"), STR("[tu]"));
    want_pattern(w, STR("b"), STR("[tu]"));
    assert_int_equal(1, found_by(w, STR("[tu]")));
    assert_int_equal(ST_OK, log_topic_create(w->broker.log,
                                             &(log_topic_spec_t){.name = STR("u"), .partitions = 1},
                                             NULL));
    restart(w);
    beat(w, STR("b"));
    assert_int_equal(2, found_by(w, STR("[tu]")));
    want_pattern(w, STR("a"), STR("t"));
    assert_int_equal(2, found_by(w, STR("[tu]")));
    assert_int_equal(1, found_by(w, STR("t")));
    consumer_member_replace(member(w, STR("b")), STR("z"));
    consumer_group_settle(group(w));
    assert_int_equal(2, found_by(w, STR("[tu]")));
    consumer_member_gone(member(w, STR("z")));
    consumer_group_settle(group(w));
    assert_int_equal(-1, found_by(w, STR("[tu]")));
    want_pattern(w, STR("a"), STR(""));
    assert_int_equal(-1, found_by(w, STR("t")));
}

static void a_heartbeat_that_changes_nothing_writes_nothing(void **state)
{
    world_t *w = *state;
    two_members(w);
    coordinator_flush(w->broker.coordinator);
    beat(w, STR("a"));
    beat(w, STR("b"));
    assert_int_equal(0, w->broker.coordinator->entries.len);
}

static void who_is_not_heard_of_after_a_start_is_out(void **state)
{
    world_t *w = *state;
    two_members(w);
    restart(w);
    for (int i = 0; i < 40; i++) {
        io_sim_advance_ms(w->io, 2000);
        io_loop_turn(w->broker.group.loop, 0);
        beat(w, STR("a"));
    }
    assert_int_equal(1, group(w)->members.len);
    assert_int_equal(3, group(w)->epoch);
    assert_int_equal(4, owned(w, member(w, STR("a"))));
}

static void topics_that_changed_meanwhile_are_found(void **state)
{
    world_t *w = *state;
    two_members(w);
    coordinator_flush(w->broker.coordinator);
    assert_int_equal(ST_OK, log_topic_grow(w->broker.log, STR("t"), 6, NULL));
    restart(w);
    assert_int_equal(2, group(w)->epoch);
    beat(w, STR("a"));
    beat(w, STR("b"));
    assert_int_equal(3, group(w)->epoch);
    assert_int_equal(3, owned(w, member(w, STR("a"))));
    assert_int_equal(3, owned(w, member(w, STR("b"))));
}

static void who_is_to_give_something_up_still_is(void **state)
{
    world_t *w = *state;
    beat(w, STR("a"));
    assert_int_equal(4, owned(w, member(w, STR("a"))));
    beat(w, STR("b"));
    consumer_member_reconcile(member(w, STR("a")), NULL, 0); /* it has all of it still */
    consumer_group_settle(group(w));
    restart(w);
    assert_true(member(w, STR("a"))->revoking);
    assert_int_equal(1, member(w, STR("a"))->epoch);
    assert_int_equal(4, owned(w, member(w, STR("a"))));
    assert_int_equal(0, owned(w, member(w, STR("b")))); /* N1 */
    io_sim_advance_ms(w->io, 1001);                     /* N2 */
    io_loop_turn(w->broker.group.loop, 0);
    assert_null(member(w, STR("a")));
}

static void what_nobody_wants_any_more_is_still_somebodys(void **state)
{
    world_t *w = *state;
    beat(w, STR("a"));
    wire_consumer_group_heartbeat_request_t other = {
        .rebalance_timeout_ms = -1, .subscribed_topic_names = {(str_t[1]){{0}}, 0}};
    assert_true(consumer_member_update(member(w, STR("a")), &other));
    consumer_group_refresh(group(w), true);
    consumer_member_reconcile(member(w, STR("a")), NULL, 0); /* it has all of it still */
    consumer_group_settle(group(w));
    restart(w);
    beat(w, STR("b"));
    assert_int_equal(4, owned(w, member(w, STR("a"))));
    assert_int_equal(0, owned(w, member(w, STR("b")))); /* N1 */
    beat(w, STR("a"));
    beat(w, STR("b"));
    assert_int_equal(4, owned(w, member(w, STR("b"))));
}

static size_t count_records(world_t *w)
{
    group_record_t *record;
    size_t n;
    coordinator_flush(w->broker.coordinator);
    group_records(w->broker.log, &w->arena, &record, &n);
    return n;
}

static void of_who_left_nothing_stays_but_the_group(void **state)
{
    world_t *w = *state;
    group_past_t past;
    two_members(w);
    assert_int_equal(2 + 2 * 3, count_records(w));
    consumer_group_t *g = group(w);
    consumer_member_gone(member(w, STR("a")));
    consumer_group_settle(g);
    assert_int_equal(2 + 3, count_records(w));
    consumer_member_gone(member(w, STR("b")));
    consumer_group_settle(g);
    assert_int_equal(2, count_records(w));
    assert_true(group_past_find(w->broker.log, STR("g"), &w->arena, &past));
    assert_true(past.assigned);
    assert_int_equal(4, past.generation);
    restart(w);
    assert_null(group(w));
    beat(w, STR("c"));
    assert_int_equal(5, group(w)->epoch);
}

static void another_process_goes_on_as_the_static_member(void **state)
{
    world_t *w = *state;
    two_members(w);
    consumer_member_leave_short(member(w, STR("a")));
    consumer_group_settle(group(w));
    restart(w);
    assert_int_equal(CONSUMER_EPOCH_LEAVES_SHORT, member(w, STR("a"))->epoch);
    assert_int_equal(2, owned(w, member(w, STR("a"))));
    consumer_member_replace(member(w, STR("a")), STR("z"));
    beat(w, STR("z"));
    restart(w);
    assert_null(member(w, STR("a")));
    assert_int_equal(2, member(w, STR("z"))->epoch);
    assert_int_equal(2, owned(w, member(w, STR("z"))));
    assert_int_equal(2 + 2 * 3, count_records(w));
}

/* ---- classic groups */

static group_t *classic(world_t *w)
{
    return group_find(w->broker.coordinator, STR("g"));
}

static void make_classic(world_t *w, size_t metadata_bytes)
{
    group_t *g = group_new(w->broker.coordinator, STR("g"));
    group_disown(&g->protocol_type);
    group_disown(&g->protocol);
    g->protocol_type = group_own(STR("consumer"));
    g->protocol = group_own(STR("range"));
    g->state = GROUP_STABLE;
    g->generation++;
    for (int i = 0; i < 2; i++)
        group_member_load(
            g, &(wire_group_metadata_value_member_t){
                   .member_id = i ? STR("b") : STR("a"),
                   .group_instance_id = i ? STR("i") : STR_NONE,
                   .client_id = STR("c"),
                   .client_host = STR("/h"),
                   .rebalance_timeout = 60000,
                   .session_timeout = 10000,
                   .subscription = str_n(arena_zalloc(&w->arena, metadata_bytes), metadata_bytes),
                   .assignment = STR("mine")});
    g->leader = g->members.ptr[1];
    group_keep(g);
}

static void a_classic_group_is_there_again(void **state)
{
    world_t *w = *state;
    make_classic(w, 5);
    restart(w);
    const group_t *g = classic(w);
    assert_non_null(g);
    assert_int_equal(GROUP_STABLE, g->state);
    assert_int_equal(1, g->generation);
    assert_int_equal(2, g->members.len);
    assert_ptr_equal(g->members.ptr[1], g->leader);
    group_member_t *m;
    assert_int_equal(KAFKA_NONE, group_member_check(g, STR("b"), STR("i"), &m));
    assert_true(str_eq(STR("mine"), m->assignment));
    assert_int_equal(5, group_member_metadata(m, STR("range")).len);
    assert_int_equal(60000, m->rebalance_ms);
    io_sim_advance_ms(w->io, 10001);
    io_loop_turn(w->broker.group.loop, 0);
    assert_null(classic(w)); /* nobody was heard of */
}

static void of_a_group_too_large_to_keep_members_join_again(void **state)
{
    world_t *w = *state;
    group_past_t past;
    make_classic(w, MEBIBYTE / 2);
    restart(w);
    assert_null(classic(w));
    assert_true(group_past_find(w->broker.log, STR("g"), &w->arena, &past));
    assert_int_equal(1, past.generation);
}

static void a_group_changes_its_kind(void **state)
{
    world_t *w = *state;
    group_past_t past;
    make_classic(w, 5);
    while (classic(w)->members.len)
        group_member_free(classic(w)->members.ptr[0]);
    group_keep(classic(w));
    assert_true(group_make_way(w->broker.coordinator, STR("g")));
    beat(w, STR("a"));
    assert_int_equal(2 + 3, count_records(w)); /* none of the classic group */
    consumer_group_t *g = group(w);
    consumer_member_gone(member(w, STR("a")));
    consumer_group_settle(g);
    make_classic(w, 5);
    assert_int_equal(1, count_records(w));
    assert_true(group_past_find(w->broker.log, STR("g"), &w->arena, &past));
    assert_false(past.assigned);
}

/* ---- the topic */

static int64_t topic_records(world_t *w)
{
    log_topic_t *t;
    log_offsets_t o;
    coordinator_flush(w->broker.coordinator);
    assert_int_equal(ST_OK, log_topic_open(w->broker.log, STR("__consumer_offsets"), &t, NULL));
    assert_int_equal(ST_OK, log_topic_offsets(t, offsets_topic_partition(STR("g"), 5), &o, NULL));
    log_topic_unref(t);
    return o.end - o.start;
}

static void a_topic_made_anew_has_all_that_is_known(void **state)
{
    world_t *w = *state;
    two_members(w);
    log_commit_t *c = log_commit_new(w->broker.log);
    log_commit_offset(c, STR("g"), STR("t"), 0, 3);
    assert_int_equal(ST_OK, log_commit(w->broker.log, c, NULL, NULL));
    assert_true(topic_records(w) > 0);
    assert_int_equal(ST_OK, log_topic_delete(w->broker.log, STR("__consumer_offsets"), NULL));
    consumer_member_leave_short(member(w, STR("a")));
    consumer_group_settle(group(w));
    assert_int_equal(2 + 2 * 3 + 1 + 1, topic_records(w)); /* an offset, and what has changed */
    restart(w);
    assert_int_equal(CONSUMER_EPOCH_LEAVES_SHORT, member(w, STR("a"))->epoch);
}

static void nothing_is_lost_when_the_topic_goes_meanwhile(void **state)
{
    world_t *w = *state;
    two_members(w);
    coordinator_flush(w->broker.coordinator);
    consumer_member_leave_short(member(w, STR("a")));
    beat(w, STR("c"));
    assert_int_equal(3, group(w)->epoch);
    assert_int_equal(ST_OK, log_topic_delete(w->broker.log, STR("__consumer_offsets"), NULL));
    coordinator_flush(w->broker.coordinator); /* is refused, and put together again */
    assert_int_equal(1, w->broker.coordinator->entries.len);
    restart(w);
    assert_int_equal(CONSUMER_EPOCH_LEAVES_SHORT, member(w, STR("a"))->epoch);
    assert_int_equal(3, group(w)->epoch);
    assert_int_equal(3, member(w, STR("c"))->epoch);
    assert_int_equal(2 + 3 * 3, count_records(w));
}

/* As Java's String.hashCode has it. */
static void a_group_has_kafkas_partition(void **state)
{
    (void)state;
    assert_int_equal(3, offsets_topic_partition(STR("g"), 50));                  /* 103 */
    assert_int_equal(31, offsets_topic_partition(STR("orders"), 50));            /* -1008770331 */
    assert_int_equal(2, offsets_topic_partition(STR("\xc3\xbc"), 50));           /* 252 */
    assert_int_equal(49, offsets_topic_partition(STR("\xf0\x9f\x98\x80"), 50));  /* 1772899 */
    assert_int_equal(0, offsets_topic_partition(STR("polygenelubricants"), 50)); /* the least int */
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, enter, leave)
    const struct CMUnitTest tests[] = {
        TEST(an_assigned_group_is_there_again),
        TEST(what_patterns_find_is_kept_while_somebody_has_them),
        TEST(a_heartbeat_that_changes_nothing_writes_nothing),
        TEST(who_is_not_heard_of_after_a_start_is_out),
        TEST(topics_that_changed_meanwhile_are_found),
        TEST(who_is_to_give_something_up_still_is),
        TEST(what_nobody_wants_any_more_is_still_somebodys),
        TEST(of_who_left_nothing_stays_but_the_group),
        TEST(another_process_goes_on_as_the_static_member),
        TEST(a_classic_group_is_there_again),
        TEST(of_a_group_too_large_to_keep_members_join_again),
        TEST(a_group_changes_its_kind),
        TEST(a_topic_made_anew_has_all_that_is_known),
        TEST(nothing_is_lost_when_the_topic_goes_meanwhile),
        cmocka_unit_test(a_group_has_kafkas_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
