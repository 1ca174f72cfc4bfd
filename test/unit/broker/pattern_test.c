/* Patterns: RE2's syntax, nothing more; the whole of a name; no more work than is good. */
#include "broker/pattern.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool matches(const char *pattern, const char *name)
{
    broker_pattern_t *p;
    assert_int_equal(ST_OK, broker_pattern_new(str_of(pattern), &p, NULL));
    bool yes = broker_pattern_matches(p, str_of(name));
    broker_pattern_free(p);
    return yes;
}

static void the_whole_name_counts(void **state)
{
    (void)state;
    assert_true(matches("price-.*", "price-1"));
    assert_false(matches("price", "price-1"));
    assert_false(matches("rice-1", "price-1"));
    assert_true(matches("^price-1$", "price-1"));
    assert_true(matches("a|ab", "ab"));
    assert_true(matches("(?P<x>pri).e-\\d", "price-1"));
    assert_true(matches("\\Qa.b\\E[[:alpha:]]\\pL\\x{41}(?i:x)(?U)y*?", "a.bcdAXyy"));
    assert_true(matches("\\w(?<n>b){2,3}", "abbb"));
    assert_true(matches("[]x-]+", "]-x"));
    assert_true(matches("a{2}{", "aa{"));
    assert_true(matches("", ""));
}

/* As Apache Kafka 4.3 refuses them. */
static void what_re2_does_not_have_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a(",  "(?=a).*", "(?!a).*", "(?<=a)b", "(?<!a)b", "(a)\\1",  "a{1001}", "a{2,1001}",
        "a++", "a**",     "a{2}{3}", "(?>a)b",  "\\Ra",    "a(?#c)",  "*a",      "(*UTF8)a",
        "a|*", "[z-a]",   "(?R)",    "a\\K",    "\\G",     "(?P>n)a", "(?|a)",   "\\",
        "[a",  "[\\b]",   "a)",      "\\h",     "(?(1)a)", "(?x)a",   "[\\R]",   "(?P=n)"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        broker_pattern_t *p;
        err_t err;
        if (broker_pattern_new(str_of(bad[i]), &p, &err) == ST_OK)
            fail_msg("%s is taken", bad[i]);
        assert_non_null(strstr(err.msg, "is not a valid regular expression"));
    }
}

static void what_costs_too_much_matches_nothing(void **state)
{
    (void)state;
    char name[250] = {0};
    memset(name, 'a', sizeof name - 1);
    assert_false(matches("(a|aa)+(a*)*b|(a+)+c", name));
}

/* Each beginning and each end of patterns: no loop, no byte behind the end. */
static void parts_of_patterns(void **state)
{
    (void)state;
    static const char all[] =
        "(?P<n>a[^]\\d[:alpha:]]{2,3}?)|\\Qx\\E\\123(?i-s:b)+\\p{Greek}[a-z]*";
    for (size_t from = 0; from < sizeof all; from++)
        for (size_t to = from; to < sizeof all; to++) {
            broker_pattern_t *p;
            char *copy = mem_dup(all + from, to - from + 1); /* so that a sanitizer sees its end */
            if (broker_pattern_new(str_n(copy, to - from), &p, NULL) == ST_OK)
                broker_pattern_free(p);
            free(copy);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_name_counts),
        cmocka_unit_test(what_re2_does_not_have_is_refused),
        cmocka_unit_test(what_costs_too_much_matches_nothing),
        cmocka_unit_test(parts_of_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
