/* Lines of JAAS, and rules from certificates' names to users'. */
#include "base/jaas.c"
#include "broker/principal.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void lines_of_jaas(void **state)
{
    (void)state;
    arena_t a;
    jaas_t j;
    arena_init(&a, ARENA_NO_LIMIT);
    assert_int_equal(ST_OK,
                     jaas_parse(STR(" org.apache.kafka.PlainLoginModule required\n"
                                    "  username=\"admin\" password=\"a\\\"b;c=d\" user_bob=plain\n"
                                    "\tuser_eve = \"\" ; "),
                                &a, &j, NULL));
    assert_true(str_eq(STR("org.apache.kafka.PlainLoginModule"), j.module));
    assert_int_equal(4, j.options.len);
    assert_true(str_eq(STR("a\"b;c=d"), j.options.ptr[1].value));
    assert_true(str_eq(STR("plain"), j.options.ptr[2].value));
    assert_true(str_eq(STR("user_eve"), j.options.ptr[3].name));
    assert_int_equal(0, j.options.ptr[3].value.len);
    jaas_done(&j);
    static const char *const bad[] = {"",
                                      "x;",
                                      "x maybe;",
                                      "x required",
                                      "x required a;",
                                      "x required a=\"b;",
                                      "x required a=;",
                                      "x required a=b; c",
                                      "x required =b;",
                                      "required a=b;"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err_t err;
        assert_int_equal(ST_BAD_CONFIG, jaas_parse(str_of(bad[i]), &a, &j, &err));
    }
    arena_done(&a);
}

static void rules(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *name, *user; /* user NULL: none */
    } cases[] = {
        {"DEFAULT", "CN=a,O=b", "CN=a,O=b"},
        {"RULE:^CN=(.*?),O=.*$/$1/", "CN=Duke,O=Sun", "Duke"},
        {"RULE:^CN=(.*?),O=.*$/$1/L", "CN=Duke,O=Sun", "duke"},
        {"RULE:^cn=(.*?),ou=(.*?),dc=.*$/$1@$2/, RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U",
         "CN=kafka.server,O=x", "KAFKA.SERVER"},
        {"RULE:^CN=(.*?),O=.*$/$1/,DEFAULT", "O=x", "O=x"},
        {"RULE:^CN=(.*?),O=.*$/$1/", "O=x", NULL},
        {"RULE:CN=(a\\/b)/x\\/\\$1$1/", "CN=a/b", "x/$1a/b"},
        {"RULE:CN=a/b/", "CN=ab", NULL}, /* all of the name */
    };
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        principal_rules_t *r;
        str_t user;
        err_t err;
        assert_int_equal(ST_OK, principal_rules_new(str_of(cases[i].rules), &r, &err));
        st_t st = principal_rules_apply(r, str_of(cases[i].name), &a, &user, &err);
        assert_int_equal(cases[i].user ? ST_OK : ST_DENIED, st);
        if (cases[i].user)
            assert_string_equal(cases[i].user, arena_z(&a, user));
        principal_rules_free(r);
    }
    static const char *const bad[] = {"default",         "RULE:a",      "RULE:a/b",     "RULE:(/b/",
                                      "DEFAULT DEFAULT", "RULE:a/b/LU", "DEFAULT,RULE:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        principal_rules_t *r;
        err_t err;
        assert_int_equal(ST_BAD_CONFIG, principal_rules_new(str_of(bad[i]), &r, &err));
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_jaas),
        cmocka_unit_test(rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
