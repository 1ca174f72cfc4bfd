/* Quotas: which counts, for whom it is counted, how long one waits. */
#include "broker/quota.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SECOND INT64_C(1000000000)

/* "-": not a part of the entity, "*": the default */
static void put(quota_set_t *s, const char *user, const char *client, double rate)
{
    quota_entity_t e = {.has = {user[0] != '-', client[0] != '-', false}};
    bool has[QUOTA_KINDS] = {[QUOTA_PRODUCE] = rate > 0};
    double value[QUOTA_KINDS] = {[QUOTA_PRODUCE] = rate};
    e.name[QUOTA_USER] = strchr("-*", user[0]) ? STR_NONE : str_of(user);
    e.name[QUOTA_CLIENT] = strchr("-*", client[0]) ? STR_NONE : str_of(client);
    quota_set_put(s, &e, has, value);
}

/* The rate that counts: found by how long a debt of 10000 takes. */
static int rate(quota_set_t *s, const char *user, const char *client)
{
    map_done(&s->buckets, free);
    map_init(&s->buckets);
    double wait = quota_charge(s, QUOTA_PRODUCE, str_of(user), str_of(client), 10000, SECOND);
    return wait > 0 ? (int)(10000 / (wait + s->burst_s) + 0.5) : 0;
}

static void the_most_special_counts(void **state)
{
    (void)state;
    quota_set_t s;
    quota_set_init(&s, 1);
    static const struct {
        const char *user, *client;
    } entity[] = {{"-", "*"}, {"-", "c"}, {"*", "-"}, {"*", "*"},
                  {"*", "c"}, {"u", "-"}, {"u", "*"}, {"u", "c"}};
    assert_int_equal(0, rate(&s, "u", "c"));
    for (int i = 0; i < 8; i++) {
        put(&s, entity[i].user, entity[i].client, 1000 + 100 * i);
        assert_int_equal(1000 + 100 * i, rate(&s, "u", "c"));
    }
    assert_int_equal(1400, rate(&s, "other", "c"));
    assert_int_equal(1600, rate(&s, "u", "other"));
    assert_int_equal(1300, rate(&s, "other", "other"));
    put(&s, "u", "c", 0);
    assert_int_equal(1600, rate(&s, "u", "c"));
    assert_int_equal(7, s.values.len);
    quota_set_done(&s);
}

static void what_can_be_saved_up(void **state)
{
    (void)state;
    quota_set_t s;
    quota_set_init(&s, 3);
    put(&s, "u", "-", 100);
    assert_true(quota_most(&s, QUOTA_PRODUCE, STR("u"), STR("c")) == 300);
    assert_true(quota_most(&s, QUOTA_PRODUCE, STR("v"), STR_NONE) == HUGE_VAL);
    assert_true(quota_most(&s, QUOTA_CONSUME, STR("u"), STR("c")) == HUGE_VAL);
    quota_set_done(&s);
}

static void who_shares_a_count(void **state)
{
    (void)state;
    quota_set_t s;
    quota_set_init(&s, 1);
    put(&s, "*", "-", 100); /* each user has a count of its own, for all its clients */
    str_t a = STR("a"), b = STR("b"), c = STR("c"), d = STR("d");
    assert_true(quota_charge(&s, QUOTA_PRODUCE, a, c, 100, SECOND) <= 0);
    assert_true(quota_charge(&s, QUOTA_PRODUCE, b, c, 100, SECOND) <= 0);
    double wait = quota_charge(&s, QUOTA_PRODUCE, a, d, 50, SECOND);
    assert_true(wait > 0.49 && wait < 0.51);
    assert_true(quota_charge(&s, QUOTA_CONSUME, a, c, 1e9, SECOND) <= 0); /* no quota for it */
    wait = quota_charge(&s, QUOTA_PRODUCE, a, d, 0, SECOND + SECOND / 4);
    assert_true(wait > 0.24 && wait < 0.26);
    assert_true(quota_charge(&s, QUOTA_PRODUCE, a, d, 0, 2 * SECOND) <= 0);
    wait = quota_charge(&s, QUOTA_PRODUCE, a, d, 1e12, 9 * SECOND); /* nobody waits for ever */
    assert_true(wait > 29 && wait <= 30);
    quota_set_done(&s);
}

static void names_do_not_mix(void **state)
{
    (void)state;
    quota_set_t s;
    quota_set_init(&s, 1);
    put(&s, "ab", "c", 1000);
    put(&s, "a", "bc", 2000);
    assert_int_equal(1000, rate(&s, "ab", "c"));
    assert_int_equal(2000, rate(&s, "a", "bc"));
    assert_int_equal(0, rate(&s, "abc", ""));
    quota_set_done(&s);
}

static void many_names_do_not_grow(void **state)
{
    (void)state;
    quota_set_t s;
    quota_set_init(&s, 1);
    put(&s, "-", "*", 10);
    for (int i = 0; i < 3 * BUCKETS_MAX; i++) {
        char name[32];
        int n = snprintf(name, sizeof name, "c%d", i);
        quota_charge(&s, QUOTA_PRODUCE, STR("u"), str_n(name, (size_t)n), 1, SECOND);
        assert_true(s.buckets.len <= BUCKETS_MAX);
    }
    quota_set_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_special_counts),
        cmocka_unit_test(what_can_be_saved_up),
        cmocka_unit_test(who_shares_a_count),
        cmocka_unit_test(names_do_not_mix),
        cmocka_unit_test(many_names_do_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
