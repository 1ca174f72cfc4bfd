/* What the broker needs of the local log: producers, transactions, facts, groups' offsets, trims.
 */
#include "log/local/producer.c"

#include "world.h"

/* A batch of n records of a producer. */
static buf_t batch(int64_t id, int16_t epoch, int32_t sequence, int n, uint16_t flags)
{
    buf_t b = BUF_INIT;
    wire_writer_t w;
    err_t err;
    wire_batch_options_t opt = {
        .producer_id = id, .producer_epoch = epoch, .base_sequence = sequence, .flags = flags};
    wire_batch_begin(&w, &b, &opt);
    for (int i = 0; i < n; i++)
        wire_batch_add(&w, 1000, STR("k"), STR("v"), NULL, 0);
    assert_int_equal(ST_OK, wire_batch_finish(&w, &err));
    return b;
}

static buf_t marker(int64_t id, int16_t epoch, bool commit)
{
    buf_t b = BUF_INIT;
    wire_writer_t w;
    err_t err;
    wire_batch_options_t opt = {.producer_id = id,
                                .producer_epoch = epoch,
                                .base_sequence = -1,
                                .flags = WIRE_TRANSACTIONAL | WIRE_CONTROL};
    wire_batch_begin(&w, &b, &opt);
    char key[4] = {0, 0, 0, commit}, value[6] = {0};
    wire_batch_add(&w, 1000, str_n(key, 4), str_n(value, 6), NULL, 0);
    assert_int_equal(ST_OK, wire_batch_finish(&w, &err));
    return b;
}

static log_commit_t *commit_of(world_t *w, log_topic_t *t, buf_t b)
{
    log_commit_t *c = log_commit_new(w->log);
    log_commit_append(c, t, 0, buf_str(&b));
    buf_done(&b);
    return c;
}

static log_outcome_t send(world_t *w, log_topic_t *t, buf_t b)
{
    log_outcome_t out;
    log_commit_t *c = commit_of(w, t, b);
    log_commit_all(w->log, &c, 1, &out);
    return out;
}

static void die_and_open(world_t *w)
{
    world_kill(w);
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
}

#define ENDS(status, offset, call)                                                                 \
    do {                                                                                           \
        log_outcome_t o_ = (call);                                                                 \
        assert_string_equal(st_name(status), st_name(o_.st));                                      \
        if ((offset) >= 0)                                                                         \
            assert_int_equal(offset, o_.base_offset);                                              \
    } while (0)

static void sequences(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    ENDS(ST_OK, 0, send(w, t, batch(7, 0, 0, 3, 0)));
    ENDS(ST_DUPLICATE, 0, send(w, t, batch(7, 0, 0, 3, 0)));
    ENDS(ST_SEQUENCE, -1, send(w, t, batch(7, 0, 4, 1, 0)));
    ENDS(ST_SEQUENCE, -1, send(w, t, batch(7, 0, 0, 2, 0)));
    ENDS(ST_OK, 3, send(w, t, batch(7, 0, 3, 1, 0)));
    ENDS(ST_OK, 4, send(w, t, batch(8, 0, 100, 1, 0))); /* unknown: any sequence begins it */
    for (int round = 0; round < 2; round++) {
        ENDS(ST_DUPLICATE, 0, send(w, t, batch(7, 0, 0, 3, 0)));
        ENDS(ST_DUPLICATE, 3, send(w, t, batch(7, 0, 3, 1, 0)));
        ENDS(ST_SEQUENCE, -1, send(w, t, batch(7, 0, 5, 1, 0)));
        log_topic_unref(t);
        if (round)
            die_and_open(w);
        else
            world_reopen(w);
        t = world_topic(w, STR("t"), 0);
    }
    ENDS(ST_SEQUENCE, -1, send(w, t, batch(7, 1, 4, 1, 0)));
    ENDS(ST_OK, 5, send(w, t, batch(7, 1, 0, 1, 0)));
    ENDS(ST_FENCED, -1, send(w, t, batch(7, 0, 4, 1, 0)));
    for (int i = 1; i < 6; i++)
        ENDS(ST_OK, 5 + i, send(w, t, batch(7, 1, i, 1, 0)));
    ENDS(ST_SEQUENCE, -1, send(w, t, batch(7, 1, 0, 1, 0))); /* the sixth last is forgotten */
    ENDS(ST_DUPLICATE, 6, send(w, t, batch(7, 1, 1, 1, 0)));
    log_topic_unref(t);
}

static void sequences_wrap(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    ENDS(ST_OK, 0, send(w, t, batch(7, 0, INT32_MAX - 1, 4, 0)));
    ENDS(ST_DUPLICATE, 0, send(w, t, batch(7, 0, INT32_MAX - 1, 4, 0)));
    ENDS(ST_OK, 4, send(w, t, batch(7, 0, 2, 1, 0)));
    log_topic_unref(t);
}

static void many_in_one_group(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    log_outcome_t out[7];
    log_commit_t *c[7] = {commit_of(w, t, batch(7, 0, 0, 1, 0)),
                          commit_of(w, t, batch(7, 0, 1, 2, 0)),
                          commit_of(w, t, batch(7, 0, 1, 2, 0)),
                          commit_of(w, t, batch(9, 0, 0, 1, 0)),
                          commit_of(w, t, batch(7, 0, 9, 1, 0)),
                          commit_of(w, t, batch(7, 0, 3, 1, 0)),
                          log_commit_new(w->log)};
    log_commit_offset(c[6], STR("g"), STR("nowhere"), 0, 1);
    log_commit_all(w->log, c, 7, out);
    ENDS(ST_OK, 0, out[0]);
    ENDS(ST_OK, 1, out[1]);
    ENDS(ST_DUPLICATE, 1, out[2]);
    ENDS(ST_OK, 3, out[3]);
    ENDS(ST_SEQUENCE, -1, out[4]);
    ENDS(ST_OK, 4, out[5]);
    ENDS(ST_NOT_FOUND, -1, out[6]);
    log_topic_unref(t);
}

static log_offsets_t offsets(world_t *w, log_topic_t *t)
{
    log_offsets_t o;
    OK(w, log_topic_offsets(t, 0, &o, &w->err));
    return o;
}

static void transactions(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    log_topic_t *t = world_topic(w, STR("t"), 1);
    ENDS(ST_OK, 0, send(w, t, batch(-1, -1, -1, 1, 0)));
    ENDS(ST_OK, 1, send(w, t, batch(7, 0, 0, 2, WIRE_TRANSACTIONAL)));
    ENDS(ST_OK, 3, send(w, t, batch(8, 0, 0, 1, WIRE_TRANSACTIONAL)));
    ENDS(ST_TXN_STATE, -1, send(w, t, batch(7, 0, 2, 1, 0)));
    assert_int_equal(1, offsets(w, t).stable);
    assert_int_equal(4, offsets(w, t).end);
    log_topic_unref(t);
    die_and_open(w);
    t = world_topic(w, STR("t"), 0);
    assert_int_equal(1, offsets(w, t).stable);
    ENDS(ST_OK, 4, send(w, t, marker(7, 0, false)));
    assert_int_equal(3, offsets(w, t).stable);
    ENDS(ST_OK, 5, send(w, t, batch(7, 0, 2, 1, WIRE_TRANSACTIONAL)));
    ENDS(ST_OK, 6, send(w, t, marker(8, 0, true)));
    ENDS(ST_OK, 7, send(w, t, marker(7, 1, false)));
    assert_int_equal(8, offsets(w, t).stable);
    ENDS(ST_FENCED, -1, send(w, t, batch(7, 0, 3, 1, 0)));
    ENDS(ST_OK, 8, send(w, t, batch(7, 1, 0, 1, 0)));
    log_topic_unref(t);
    world_reopen(w);
    t = world_topic(w, STR("t"), 0);
    log_aborted_t *gone;
    size_t n;
    log_topic_aborted(t, 0, 0, 9, &a, &gone, &n);
    assert_int_equal(2, n);
    assert_int_equal(1, gone[0].first);
    assert_int_equal(4, gone[0].last);
    assert_int_equal(5, gone[1].first);
    log_topic_aborted(t, 0, 5, 9, &a, &gone, &n);
    assert_int_equal(1, n);
    assert_true(log_is_aborted(t, 0, 7, 1));
    assert_true(log_is_aborted(t, 0, 7, 5));
    assert_false(log_is_aborted(t, 0, 8, 3));
    assert_false(log_is_aborted(t, 0, 7, 8));
    log_producer_info_t *p;
    log_topic_producers(t, 0, &a, &p, &n);
    assert_int_equal(2, n);
    log_topic_unref(t);
    arena_done(&a);
}

static void facts(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t v;
    log_fact_t *all;
    size_t n;
    for (int i = 0; i < 3; i++) {
        log_commit_t *c = log_commit_new(w->log);
        log_commit_fact(c, arena_printf(&a, "user/%d", i), STR("secret"));
        log_commit_fact(c, STR("last"), arena_printf(&a, "%d", i));
        OK(w, log_commit(w->log, c, NULL, &w->err));
    }
    log_commit_t *c = log_commit_new(w->log);
    log_commit_fact(c, STR("user/1"), STR_NONE);
    log_commit_fact(c, STR("empty"), STR(""));
    OK(w, log_commit(w->log, c, NULL, &w->err));
    for (int round = 0; round < 3; round++) {
        OK(w, log_fact(w->log, STR("last"), &a, &v, &w->err));
        assert_true(str_eq(STR("2"), v));
        OK(w, log_fact(w->log, STR("empty"), &a, &v, &w->err));
        assert_int_equal(0, v.len);
        log_facts(w->log, STR("user/"), &a, &all, &n);
        assert_int_equal(2, n);
        assert_true(str_eq(STR("user/0"), all[0].key));
        assert_int_equal(ST_NOT_FOUND, log_fact(w->log, STR("user/1"), &a, &v, &w->err));
        if (round)
            world_reopen(w);
        else
            die_and_open(w);
    }
    arena_done(&a);
}

static void group_offsets(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    log_topic_t *t = world_topic(w, STR("t"), 2), *u = world_topic(w, STR("u"), 1);
    log_commit_t *c = log_commit_new(w->log);
    log_commit_group_offset(c,
                            &(log_group_offset_t){STR("g"), STR("u"), 0, 3, 42, 1234, STR("note")});
    log_commit_offset(c, STR("g"), STR("t"), 1, 5);
    log_commit_offset(c, STR("h"), STR("t"), 1, 5);
    OK(w, log_commit(w->log, c, NULL, &w->err));
    log_topic_unref(t);
    log_topic_unref(u);
    str_t *names;
    log_group_offset_t *o;
    size_t n;
    for (int round = 0; round < 2; round++) {
        log_group_offsets(w->log, STR("g"), &a, &o, &n);
        assert_int_equal(2, n);
        assert_true(str_eq(STR("t"), o[0].topic));
        assert_int_equal(42, o[1].offset);
        assert_int_equal(3, o[1].leader_epoch);
        assert_int_equal(1234, o[1].commit_ms);
        assert_true(str_eq(STR("note"), o[1].metadata));
        world_reopen(w);
    }
    c = log_commit_new(w->log);
    log_commit_offset(c, STR("h"), STR("t"), 1, -1);
    log_commit_offset(c, STR("g"), STR("t"), 1, -1);
    OK(w, log_commit(w->log, c, NULL, &w->err));
    log_groups(w->log, &a, &names, &n);
    assert_int_equal(1, n);
    log_group_offsets(w->log, STR("g"), &a, &o, &n);
    assert_int_equal(1, n);
    arena_done(&a);
}

static void trims(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    int64_t start;
    for (int i = 0; i < 40; i++)
        OK(w, world_append(w, t, 0, 1, 8000, 1, NULL));
    OK(w, log_local_upkeep(w->log, true, &w->err));
    int64_t before = log_topic_bytes(t, 0);
    assert_int_equal(ST_RANGE, log_topic_trim(t, 0, 41, &start, &w->err));
    OK(w, log_topic_trim(t, 0, 25, &start, &w->err));
    assert_int_equal(25, start);
    OK(w, log_topic_trim(t, 0, 3, &start, &w->err));
    assert_int_equal(25, start);
    assert_int_equal(15, world_count(w, t, 0, 25, 1));
    OK(w, log_local_upkeep(w->log, true, &w->err));
    assert_true(log_topic_bytes(t, 0) < before);
    OK(w, world_append(w, t, 0, 1, 10, 1, NULL));
    OK(w, log_topic_trim(t, 0, -1, &start, &w->err)); /* in the tail */
    assert_int_equal(41, start);
    log_topic_unref(t);
    die_and_open(w);
    t = world_topic(w, STR("t"), 0);
    assert_int_equal(41, offsets(w, t).start);
    log_topic_unref(t);
    world_reopen(w);
    t = world_topic(w, STR("t"), 0);
    assert_int_equal(41, offsets(w, t).start);
    OK(w, world_append(w, t, 0, 1, 10, 1, NULL));
    assert_int_equal(1, world_count(w, t, 0, 41, 1));
    log_topic_unref(t);
}

static void called(void *env)
{
    ++*(int *)env;
}

static void watch_calls(void **state)
{
    world_t *w = *state;
    int calls = 0;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    log_watch_t *watch = log_watch_new(w->log);
    log_watch_add(watch, t);
    log_watch_call(watch, called, &calls);
    log_watch_seen(watch);
    OK(w, world_append(w, t, 0, 1, 1, 1, NULL));
    OK(w, world_append(w, t, 0, 1, 1, 1, NULL));
    assert_int_equal(1, calls);
    log_watch_seen(watch);
    OK(w, world_append(w, t, 0, 1, 1, 1, NULL));
    assert_int_equal(2, calls);
    log_watch_free(watch);
    log_topic_unref(t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_enter, world_leave)

/* What was seen of librdkafka: after an abort new records come under numbers that are taken. */
static void numbers_used_again_after_a_marker_are_no_copies(void **state)
{
    world_t *w = *state;
    log_topic_t *t = world_topic(w, STR("t"), 1);
    ENDS(ST_OK, 0, send(w, t, batch(7, 0, 0, 2, WIRE_TRANSACTIONAL)));
    ENDS(ST_OK, 2, send(w, t, batch(7, 0, 2, 3, WIRE_TRANSACTIONAL)));
    ENDS(ST_DUPLICATE, 2, send(w, t, batch(7, 0, 2, 3, WIRE_TRANSACTIONAL)));
    ENDS(ST_OK, 5, send(w, t, marker(7, 0, false)));
    ENDS(ST_SEQUENCE, -1, send(w, t, batch(7, 0, 2, 3, WIRE_TRANSACTIONAL)));
    log_topic_unref(t);
    world_reopen(w);
    t = world_topic(w, STR("t"), 0);
    ENDS(ST_SEQUENCE, -1, send(w, t, batch(7, 0, 2, 3, WIRE_TRANSACTIONAL)));
    ENDS(ST_OK, 6, send(w, t, batch(7, 0, 5, 1, WIRE_TRANSACTIONAL)));
    log_topic_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sequences),    TEST(sequences_wrap), TEST(many_in_one_group),
        TEST(transactions), TEST(facts),          TEST(group_offsets),
        TEST(trims),        TEST(watch_calls),
        TEST(numbers_used_again_after_a_marker_are_no_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
