/* GoAPI's answers: both generations, and what comes instead of them. */
#include "source/goapi/answer.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static arena_t arena;

static goapi_answer_t given(int status, const char *body)
{
    arena_reset(&arena);
    return goapi_answer_read(&arena, status, str_of(body));
}

static void is_text(const char *want, str_t got)
{
    assert_int_equal(strlen(want), got.len);
    assert_memory_equal(want, got.ptr, got.len);
}

static bool is_number(const goapi_row_t *r, goapi_field_t f, double want)
{
    return r->has >> f & 1 && r->number[f] >= want && r->number[f] <= want;
}

static void new_generation(void **state)
{
    (void)state;
    goapi_answer_t a = given(
        200, "{\"status\":\"success\",\"message\":\"x\",\"data\":{\"results\":[{\"symbol\":"
             "\"BBCA\",\"date\":"
             "\"2026-07-17\",\"open\":9100,\"high\":9125.5,\"low\":9000,\"close\":9050,"
             "\"volume\":5132764000,\"surprise\":[{}]},{\"symbol\":\"TLKM\",\"date\":null}]}}");
    assert_int_equal(GOAPI_FINE, a.verdict);
    assert_int_equal(2, a.n);
    is_text("BBCA", a.row[0].ticker);
    is_text("2026-07-17", a.row[0].date);
    assert_true(is_number(&a.row[0], GOAPI_OPEN, 9100) && is_number(&a.row[0], GOAPI_HIGH, 9125.5));
    assert_true(a.row[0].has >> GOAPI_VOLUME & 1);
    assert_int_equal(5132764000, a.row[0].volume);
    assert_int_equal(0, a.row[1].date.len);
    assert_int_equal(0, a.row[1].has);
}

static void old_generation(void **state)
{
    (void)state;
    goapi_answer_t a =
        given(200, "{\"data\":{\"count\":1,\"results\":[{\"ticker\":\" BBCA "
                   "\",\"close\":\"9050\",\"change\":\"+20\","
                   "\"percent\":\"2.5%\",\"volume\":\"7e3\",\"date\":\"2023-09-04 00:00:00\"}]}}");
    assert_int_equal(1, a.n);
    is_text("BBCA", a.row[0].ticker);
    is_text("2023-09-04", a.row[0].date);
    assert_true(is_number(&a.row[0], GOAPI_CLOSE, 9050) && is_number(&a.row[0], GOAPI_CHANGE, 20));
    assert_true(is_number(&a.row[0], GOAPI_PERCENT, 2.5));
    assert_int_equal(7000, a.row[0].volume);
}

static void shapes(void **state)
{
    (void)state;
    goapi_answer_t a = given(
        200, "{\"data\":{\"symbol\":\"BBCA\",\"name\":\"Bank \\\"C\\\" Asia\",\"about\":null}}");
    assert_int_equal(1, a.n);
    is_text("Bank \"C\" Asia", a.row[0].name);
    a = given(200, "{\"data\":[\"BBCA\",\"TLKM\",7]}");
    assert_int_equal(2, a.n);
    is_text("TLKM", a.row[1].ticker);
    a = given(200, "{\"data\":{\"results\":[]}}");
    assert_int_equal(GOAPI_FINE, a.verdict);
    assert_int_equal(0, a.n);
    a = given(200, "{\"data\":{\"results\":[{\"company\":{\"symbol\":\"X\",\"name\":\"N\",\"logo\":"
                   "\"L\"},\"change_pct\":-1.5}]}}");
    is_text("X", a.row[0].ticker);
    is_text("L", a.row[0].logo);
    assert_true(is_number(&a.row[0], GOAPI_PERCENT, -1.5));
    a = given(200, "{\"data\":{\"results\":[{\"open\":\"NaN\",\"high\":\"inf\",\"low\":\"-\","
                   "\"close\":{},\"volume\":\"x\"}]}}");
    assert_int_equal(0, a.row[0].has);
}

static void verdicts(void **state)
{
    (void)state;
    assert_int_equal(GOAPI_AGAIN, given(200, "<html>Just a moment...</html>").verdict);
    assert_int_equal(GOAPI_AGAIN, given(200, "{\"data\":{\"results\":[{\"symbol\":\"BB").verdict);
    assert_int_equal(GOAPI_AGAIN, given(200, "").verdict);
    assert_int_equal(
        GOAPI_AGAIN,
        given(200, "{\"data\":null,\"status\":\"error\",\"message\":\"oops\"}").verdict);
    assert_int_equal(
        GOAPI_QUOTA,
        given(200, "{\"status\":\"error\",\"message\":\"Please upgrade your plan\"}").verdict);
    assert_int_equal(GOAPI_QUOTA, given(401, "{\"message\":\"Daily limit reached\"}").verdict);
    assert_int_equal(GOAPI_DENIED, given(401, "{\"message\":\"Unauthorized\"}").verdict);
    assert_int_equal(GOAPI_QUOTA, given(402, "").verdict);
    assert_int_equal(GOAPI_AGAIN, given(403, "<html>").verdict);
    assert_int_equal(GOAPI_MISSING, given(404, "{}").verdict);
    assert_int_equal(GOAPI_LATER, given(429, "slow down").verdict);
    assert_int_equal(GOAPI_AGAIN, given(503, "{\"data\":{\"results\":[]}}").verdict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(new_generation),
                                       cmocka_unit_test(old_generation), cmocka_unit_test(shapes),
                                       cmocka_unit_test(verdicts)};
    arena_init(&arena, ARENA_NO_LIMIT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
