/* Access lists: what is decided (acl_cases.inc), what filters find. */
#include "broker/acl.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int8_t number_of(str_t word, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (words[i] && str_eq(word, str_of(words[i])))
            return (int8_t)i;
    fail_msg("unknown word " STR_FMT, STR_ARG(word));
    return 0;
}

static const char *const operations[ACL_OPERATIONS] = {
    NULL,
    "any",
    "all",
    "read",
    "write",
    "create",
    "delete",
    "alter",
    "describe",
    "cluster-action",
    "describe-configs",
    "alter-configs",
    "idempotent-write",
    "create-tokens",
    "describe-tokens",
};
static const char *const resources[ACL_RESOURCES] = {
    NULL, "any", "topic", "group", "cluster", "transactional-id", "delegation-token", "user"};
static const char *const patterns[ACL_PATTERNS] = {NULL, "any", "match", "literal", "prefixed"};
static const char *const permissions[ACL_PERMISSIONS] = {NULL, "any", "deny", "allow"};

static str_t word(str_t *s)
{
    str_t w = STR_NONE;
    *s = str_trim(*s);
    bool any = str_split(s, ' ', &w);
    assert_true(any);
    return w;
}

/* "-": NULL */
static str_t text(str_t *s)
{
    str_t w = word(s);
    return str_eq(w, STR("-")) ? STR_NONE : w;
}

static acl_rule_t rule(str_t s)
{
    acl_rule_t r = {0};
    r.permission = number_of(word(&s), permissions, ACL_PERMISSIONS);
    r.operation = number_of(word(&s), operations, ACL_OPERATIONS);
    r.resource = number_of(word(&s), resources, ACL_RESOURCES);
    r.pattern = number_of(word(&s), patterns, ACL_PATTERNS);
    r.name = text(&s);
    r.principal = text(&s);
    r.host = text(&s);
    return r;
}

static void fill(acl_set_t *s, const char *rules)
{
    str_t rest = str_of(rules), one;
    acl_set_init(s);
    while (str_split(&rest, ';', &one)) {
        acl_rule_t r = rule(one);
        assert_true(acl_set_add(s, &r));
        assert_false(acl_set_add(s, &r));
    }
}

static void cases(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *question;
        char expected;
    } all[] = {
#define CASE(rules, question, expected) {rules, question, expected},
#include "acl_cases.inc"
#undef CASE
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        acl_set_t s;
        fill(&s, all[i].rules);
        str_t q = str_of(all[i].question);
        int8_t op = number_of(word(&q), operations, ACL_OPERATIONS);
        int8_t kind = number_of(word(&q), resources, ACL_RESOURCES);
        str_t name = word(&q), principal = word(&q), host = word(&q);
        acl_verdict_t v =
            acl_set_decide(&s, (acl_operation_t)op, (acl_resource_t)kind, name, principal, host);
        char got = v == ACL_ALLOWED ? 'A' : v == ACL_DENIED ? 'D' : 'S';
        if (got != all[i].expected)
            fail_msg("'%s' '%s': %c", all[i].rules, all[i].question, got);
        acl_set_done(&s);
    }
}

#define SOME                                                                                       \
    "allow read topic literal orders User:a *;"                                                    \
    "allow read topic literal * User:a *;"                                                         \
    "allow write topic prefixed ord User:b *;"                                                     \
    "deny all group literal orders User:a 10.0.0.1"

static size_t found(const char *rules, const char *filter)
{
    acl_set_t s;
    arena_t a;
    acl_rule_t *ret, f = rule(str_of(filter));
    size_t n;
    fill(&s, rules);
    arena_init(&a, ARENA_NO_LIMIT);
    acl_set_find(&s, &f, &a, &ret, &n);
    arena_done(&a);
    acl_set_done(&s);
    return n;
}

static void filters(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        size_t n;
    } all[] = {
        {"any any any any - - -", 4},          {"any any topic any - - -", 3},
        {"any any topic any orders - -", 1},   {"any any topic literal orders - -", 1},
        {"any any topic match orders - -", 3}, {"any any topic match other - -", 1},
        {"any any any match orders - -", 4},   {"any any topic prefixed ord - -", 1},
        {"any any topic prefixed - - -", 1},   {"any any any any - User:a -", 3},
        {"any any any any - - 10.0.0.1", 1},   {"deny any any any - - -", 1},
        {"any write any any - - -", 1},        {"any any any literal * - -", 1},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (found(SOME, all[i].filter) != all[i].n)
            fail_msg("%s: %zu", all[i].filter, found(SOME, all[i].filter));
}

static void rules_go_away(void **state)
{
    (void)state;
    acl_set_t s;
    fill(&s, SOME);
    acl_rule_t r = rule(STR("allow write topic prefixed ord User:b *"));
    assert_int_equal(1, s.n_prefixed);
    assert_true(acl_set_remove(&s, &r));
    assert_false(acl_set_remove(&s, &r));
    assert_int_equal(3, s.n);
    assert_int_equal(0, s.n_prefixed);
    acl_set_done(&s);
}

static bool any(const char *rules, const char *principal)
{
    acl_set_t s;
    fill(&s, rules);
    bool yes = acl_set_allows_any(&s, ACL_WRITE, ACL_TOPIC, str_of(principal), STR("h"));
    acl_set_done(&s);
    return yes;
}

static void some_topic(void **state)
{
    (void)state;
    assert_false(any("", "User:a"));
    assert_true(any("allow write topic literal t User:a *", "User:a"));
    assert_false(any("allow write topic literal t User:a *", "User:b"));
    assert_false(any("allow read topic literal t User:a *", "User:a"));
    assert_true(any("allow all topic prefixed t User:* *", "User:a"));
    assert_false(
        any("allow write topic literal t User:a *;deny write topic literal t User:a *", "User:a"));
    assert_false(
        any("allow write topic prefixed ta User:a *;deny all topic prefixed t User:a *", "User:a"));
    assert_true(
        any("allow write topic prefixed t User:a *;deny all topic literal t User:a *", "User:a"));
    assert_false(
        any("allow write topic prefixed t User:a *;deny write topic literal * User:* *", "User:a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(filters),
        cmocka_unit_test(rules_go_away),
        cmocka_unit_test(some_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
