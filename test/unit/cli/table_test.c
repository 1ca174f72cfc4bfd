/* Tables and rows: widths in terminal columns, wrapping, cutting. */
#include "cli/table.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void assert_text(const char *want, buf_t *b)
{
    buf_put_char(b, 0);
    assert_string_equal(want, b->ptr);
    buf_clear(b);
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(3, cli_text_width(STR("abc")));
    assert_int_equal(1, cli_text_width(STR("\xc3\xa9")));     /* é */
    assert_int_equal(1, cli_text_width(STR("e\xcc\x81")));    /* e and an accent */
    assert_int_equal(2, cli_text_width(STR("\xe8\x82\xa1"))); /* 股 */
    assert_int_equal(2, cli_text_width(STR("\xff\xfe")));     /* no UTF-8 */
    assert_int_equal(3, fitting(STR("\xe8\x82\xa1\xe7\xa5\xa8"), 3));
    assert_int_equal(3, fitting(STR("\xe8\x82\xa1\xe7\xa5\xa8"), 1)); /* at least one */
}

static void texts(void **state)
{
    (void)state;
    arena_t a;
    const json_value_t *v;
    buf_t b = BUF_INIT;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t text = STR("[null, 1.50, \"a\\nb\", true, [], {\"k\": {\"x\": \"y\"}, \"l\": [1, 2]}]");
    assert_int_equal(ST_OK, json_parse(&a, text, 0, &v, NULL));
    cli_text_put(&b, v);
    assert_text("[null, 1.50, a\nb, true, [], {k={x=y}, l=[1, 2]}]", &b);
    cli_text_put(&b, NULL);
    assert_text("null", &b);
    buf_done(&b);
    arena_done(&a);
}

static void tables(void **state)
{
    (void)state;
    static const char *const titles[] = {"Name", "B"};
    cli_table_t t;
    buf_t b = BUF_INIT;
    cli_table_init(&t, titles, 2);
    cli_table_put(&b, &t);
    assert_text(" Name | B \n----------\n----------\n", &b);
    cli_table_cell(&t, STR("x"));
    cli_table_cell(&t, STR("one\nthree"));
    cli_table_put(&b, &t);
    assert_text(" Name | B     \n"
                "--------------\n"
                " x    | one   \n"
                "      | three \n"
                "--------------\n",
                &b);
    cli_table_done(&t);
    buf_done(&b);
}

static void grids(void **state)
{
    (void)state;
    buf_t b = BUF_INIT;
    cli_grid_t g = cli_grid(2, 20, 0, true);
    assert_int_equal(8, g.width);
    assert_int_equal(5, cli_grid(40, 80, 0, true).width);
    assert_int_equal(3, cli_grid(40, 80, 3, true).width);
    str_t cells[] = {STR("123456789"), STR("")};
    cli_grid_put_rule(&b, &g);
    assert_text("+--------+--------+\n", &b);
    cli_grid_put_row(&b, &g, cells, true);
    assert_text("|12345678|        |\n|9       |        |\n", &b);
    cli_grid_put_row(&b, &g, cells, false);
    assert_text("|12345...|        |\n", &b);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths),
        cmocka_unit_test(texts),
        cmocka_unit_test(tables),
        cmocka_unit_test(grids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
