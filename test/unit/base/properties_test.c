/* Java's properties files, name by name. */
#include "base/properties.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* "name=value;" for each. */
static char *read_all(const char *text, st_t want)
{
    static char out[1000];
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    properties_t p = {.path = STR("f"), .left = str_of(text)};
    str_t name, value;
    st_t st;
    size_t n = 0;
    out[0] = 0;
    while ((st = properties_next(&p, &a, &name, &value, NULL)) == ST_OK && name.ptr)
        n += (size_t)snprintf(out + n, sizeof out - n, STR_FMT "=" STR_FMT ";", STR_ARG(name),
                              STR_ARG(value));
    assert_int_equal(want, st);
    arena_done(&a);
    return out;
}

static void names_and_values(void **state)
{
    (void)state;
    assert_string_equal("a=b;", read_all("a=b", ST_OK));
    assert_string_equal("a=b = c;d=e:f;g=;", read_all(" a = b = c \r\nd : e:f\n\n g=\n", ST_OK));
    assert_string_equal("a=b # c;", read_all("# x=y\\\n  ! z\na=b # c", ST_OK));
    assert_string_equal("", read_all("", ST_OK));
    assert_string_equal("", read_all("\\", ST_OK));
}

static void backslashes(void **state)
{
    (void)state;
    assert_string_equal("a=b,c;d=e;", read_all("a=b,\\\n   c\nd=e", ST_OK));
    assert_string_equal("a=#b;", read_all("a=\\\n#b", ST_OK));
    assert_string_equal("a=C:\\x;b=1;", read_all("a=C:\\\\x\nb=1", ST_OK));
    assert_string_equal("a=b\\;b=1;", read_all("a=b\\\\\nb=1", ST_OK));
    assert_string_equal("a=b=c;", read_all("a=b\\=c", ST_OK));
    assert_string_equal("a:b=c\nd;", read_all("a\\:b=c\\nd", ST_OK));
    assert_string_equal("a=b;", read_all("a=b\\", ST_OK));
}

static void what_is_refused(void **state)
{
    (void)state;
    assert_string_equal("a=b;", read_all("a=b\nword\nc=d", ST_BAD_CONFIG));
    assert_string_equal("", read_all("=b", ST_BAD_CONFIG));
    assert_string_equal("", read_all("a=\\u0041", ST_BAD_CONFIG));
    arena_t a;
    err_t err;
    str_t name, value;
    arena_init(&a, ARENA_NO_LIMIT);
    properties_t p = {.path = STR("f"), .left = STR("# x\n\nword\n")};
    assert_int_equal(ST_BAD_CONFIG, properties_next(&p, &a, &name, &value, &err));
    assert_string_equal("f:3: expected name=value, got 'word'", err.msg);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_values),
                                       cmocka_unit_test(backslashes),
                                       cmocka_unit_test(what_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
