/* A library that is loaded when it is needed: it works, it is missing, it lacks what is asked for.
 */
#include "io/curl.h"
#include "io/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_curl_works(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        io_curl_t curl;
        err_t err;
        assert_int_equal(io_curl_load(&curl, &err), ST_OK);
        CURL *easy = curl.easy_init();
        assert_non_null(easy);
        assert_int_equal(curl.easy_setopt(easy, CURLOPT_URL, "file:///nowhere"), CURLE_OK);
        assert_int_equal(curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http"), CURLE_OK);
        assert_int_equal(curl.easy_perform(easy), CURLE_UNSUPPORTED_PROTOCOL);
        curl.easy_cleanup(easy);
        curl.global_cleanup();
    }
}

static void test_what_is_missing_is_named(void **state)
{
    (void)state;
    void *found[2];
    err_t err;
    const char *const names[] = {"cos", "no_such_function"};
    assert_int_equal(io_library_load("libm.so.6", names, 1, found, &err), ST_OK);
    assert_int_equal(io_library_load("libm.so.6", names, 2, found, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "no_such_function"));
    assert_int_equal(io_library_load("libnowhere.so.1", names, 1, found, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "libnowhere.so.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curl_works),
        cmocka_unit_test(test_what_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
