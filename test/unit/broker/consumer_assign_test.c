/* Who shall read what: even, within what each wants, and nothing moves without need. */
#include "broker/consumer_assign.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MEMBERS 5
#define TOPICS  3

/* The broker's own looks at names and patterns; here a bit a topic. */
bool consumer_member_wants(const consumer_member_t *m, str_t topic)
{
    return m->rebalance_ms >> (topic.ptr[0] - 'a') & 1;
}

typedef struct world {
    consumer_group_t group;
    consumer_member_t member[MEMBERS];
    consumer_member_t *target[TOPICS][32];
} world_t;

static void world_init(world_t *w, const char *assignor, const int32_t *wants, size_t n)
{
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < n; i++) {
        w->member[i].assignor = str_of(assignor);
        w->member[i].rebalance_ms = wants[i];
        VEC_PUSH(&w->group.members, &w->member[i]);
    }
}

static void add_topic(world_t *w, const char *name, int32_t partitions)
{
    consumer_topic_t t = {
        .name = str_of(name), .partitions = partitions, .target = w->target[w->group.topics.len]};
    VEC_PUSH(&w->group.topics, t);
}

static void world_done(world_t *w)
{
    VEC_DONE(&w->group.members);
    VEC_DONE(&w->group.topics);
}

static int count(const world_t *w, int member)
{
    int n = 0;
    for (size_t t = 0; t < w->group.topics.len; t++)
        for (int32_t p = 0; p < w->group.topics.ptr[t].partitions; p++)
            n += w->target[t][p] == &w->member[member];
    return n;
}

static void uniform_is_even_over_topics(void **state)
{
    (void)state;
    world_t w;
    world_init(&w, "uniform", (int32_t[]){3, 3, 3}, 3);
    add_topic(&w, "a", 5);
    add_topic(&w, "b", 3);
    consumer_group_assign(&w.group);
    for (int i = 0; i < 3; i++)
        assert_in_range(count(&w, i), 2, 3);
    world_done(&w);
}

static void uniform_gives_nobody_what_he_does_not_want(void **state)
{
    (void)state;
    world_t w;
    world_init(&w, "uniform", (int32_t[]){1, 3}, 2);
    add_topic(&w, "a", 4);
    add_topic(&w, "b", 6);
    add_topic(&w, "c", 1);
    consumer_group_assign(&w.group);
    assert_int_equal(count(&w, 0), 4);
    assert_int_equal(count(&w, 1), 6);
    assert_null(w.target[2][0]);
    world_done(&w);
}

static void uniform_moves_no_more_than_it_must(void **state)
{
    (void)state;
    world_t w;
    world_init(&w, "uniform", (int32_t[]){1, 1}, 2);
    add_topic(&w, "a", 9);
    consumer_group_assign(&w.group);
    consumer_member_t *before[9];
    memcpy(before, w.target[0], sizeof before);
    w.member[2] = (consumer_member_t){.rebalance_ms = 1};
    VEC_PUSH(&w.group.members, &w.member[2]);
    consumer_group_assign(&w.group);
    int moved = 0;
    for (int p = 0; p < 9; p++)
        moved += before[p] != w.target[0][p];
    assert_int_equal(moved, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(count(&w, i), 3);
    world_done(&w);
}

static void range_gives_runs_of_partitions(void **state)
{
    (void)state;
    world_t w;
    world_init(&w, "range", (int32_t[]){1, 1, 2}, 3);
    add_topic(&w, "a", 5);
    add_topic(&w, "b", 2);
    consumer_group_assign(&w.group);
    for (int p = 0; p < 5; p++)
        assert_ptr_equal(w.target[0][p], &w.member[p < 3 ? 0 : 1]);
    assert_int_equal(count(&w, 2), 2);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_is_even_over_topics),
        cmocka_unit_test(uniform_gives_nobody_what_he_does_not_want),
        cmocka_unit_test(uniform_moves_no_more_than_it_must),
        cmocka_unit_test(range_gives_runs_of_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
