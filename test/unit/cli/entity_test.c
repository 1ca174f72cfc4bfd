/* Entities as tables; whatever a server sends is shown, nothing is believed to be there. */
#include "cli/entity.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void assert_shown(const char *entity, const char *want)
{
    arena_t a;
    const json_value_t *v;
    buf_t b = BUF_INIT;
    arena_init(&a, ARENA_NO_LIMIT);
    assert_int_equal(ST_OK, json_parse(&a, str_of(entity), 0, &v, NULL));
    cli_entity_put(&b, v);
    buf_put_char(&b, 0);
    assert_string_equal(want, b.ptr);
    buf_done(&b);
    arena_done(&a);
}

static void known(void **state)
{
    (void)state;
    assert_shown("{\"@type\":\"currentStatus\",\"commandStatus\":{\"message\":\"Stream created\"}}",
                 " Message        \n----------------\n Stream created \n----------------\n");
    assert_shown(
        "{\"@type\":\"queries\",\"queries\":[{\"id\":\"Q\",\"queryType\":\"PERSISTENT\","
        "\"statusCount\":{\"RUNNING\":1},\"sinks\":[\"S\"],\"sinkKafkaTopics\":[],"
        "\"queryString\":\"A\\nB\"}]}",
        " Query ID | Query Type | Status    | Sink Name | Sink Kafka Topic | Query String \n"
        "---------------------------------------------------------------------------------\n"
        " Q        | PERSISTENT | RUNNING:1 | S         | []               | A B          \n"
        "---------------------------------------------------------------------------------\n"
        "For detailed information on a Query run: EXPLAIN <Query ID>;\n");
    assert_shown(
        "{\"@type\":\"sourceDescription\",\"sourceDescription\":{\"name\":\"T\",\"type\":\"TABLE\","
        "\"windowType\":\"TUMBLING\",\"fields\":[{\"name\":\"ID\",\"type\":\"KEY\",\"schema\":"
        "{\"type\":\"STRING\"}},{\"name\":\"A\",\"schema\":{\"type\":\"MAP\",\"memberSchema\":"
        "{\"type\":\"STRUCT\",\"fields\":[{\"name\":\"X\",\"schema\":{\"type\":\"BIGINT\"}}]}}}]}}",
        "\nName                 : T\n"
        " Field | Type                                                  \n"
        "---------------------------------------------------------------\n"
        " ID    | VARCHAR(STRING) (primary key) (Window type: TUMBLING) \n"
        " A     | MAP<STRING, STRUCT<X BIGINT>>                         \n"
        "---------------------------------------------------------------\n"
        "For runtime statistics and query details run: DESCRIBE <Stream,Table> EXTENDED;\n");
}

static void odd(void **state)
{
    (void)state;
    assert_shown("{\"@type\":\"new\",\"x\":[1]}", "{\"@type\":\"new\",\"x\":[1]}\n");
    assert_shown("{\"@type\":\"variables\"}",
                 " Variable Name | Value \n-----------------------\n-----------------------\n");
    assert_shown("{\"@type\":\"variables\",\"variables\":[1,null]}",
                 " Variable Name | Value \n-----------------------\n"
                 " null          | null  \n null          | null  \n-----------------------\n");
    assert_shown("[]", "[]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known), cmocka_unit_test(odd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
