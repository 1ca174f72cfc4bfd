#include "sink/shape.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define COLUMN(name, type)                                                                         \
    {                                                                                              \
        {"" name, sizeof(name) - 1}, type                                                          \
    }

static void names_and_ids(void **state)
{
    (void)state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const data_field_t inner[] = {{STR("IN"), &data_string}, {STR("in"), &data_string}};
    const data_column_t key_column[] = {COLUMN("ID", &data_string)};
    const data_column_t value_column[] = {
        COLUMN("TICKER", &data_string), COLUMN("Open", &data_double), COLUMN("OPEN", &data_double),
        COLUMN("S", data_type_struct(&a, inner, 2))};
    data_columns_t key = {key_column, 1}, value = {value_column, 4}, none = {NULL, 0};
    sink_shape_t s;
    err_t err;
    assert_int_equal(sink_shape_make(key, value, SINK_ID_KEY, STR(""), &a, &s, &err), ST_OK);
    static const char *const want[] = {"id", "ticker", "open", "OPEN", "s"};
    assert_int_equal(s.n, 5);
    for (size_t i = 0; i < s.n; i++)
        assert_true(str_eq(s.field[i].name, str_of(want[i])));
    assert_true(str_eq(s.field[4].type->field[0].name, STR("IN"))); /* "in" is another's name */
    assert_true(str_eq(s.field[4].type->field[1].name, STR("in")));
    assert_int_equal(s.n_id, 1);
    assert_true(s.in_key);

    str_t list = STR("Ticker, id");
    assert_int_equal(sink_shape_make(key, value, SINK_ID_COLUMNS, list, &a, &s, &err), ST_OK);
    assert_int_equal(s.n_id, 2);
    assert_int_equal(s.id_field[0], 1);
    assert_false(s.in_key);
    assert_int_equal(sink_shape_make(key, value, SINK_ID_COLUMNS, STR("nosuch"), &a, &s, &err),
                     ST_BAD_CONFIG);
    assert_non_null(strstr(err.msg, "'nosuch'"));
    assert_int_equal(sink_shape_make(none, value, SINK_ID_KEY, STR(""), &a, &s, &err), ST_OK);
    assert_int_equal(s.id, SINK_ID_POSITION);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_ids)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
