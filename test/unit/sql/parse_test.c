/* Statements are read, printed and read again; messages are whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "sql/parse/format.h"
#include "sql/parse/parse.h"

static arena_t a;

static int set_up(void **state)
{
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_done(&a);
    return 0;
}

static const sql_stmt_t *one(const char *text)
{
    sql_stmt_t *const *stmt;
    size_t n;
    err_t err;
    if (sql_parse(&a, str_of(text), NULL, &stmt, &n, &err))
        fail_msg("%s: %s", text, err.msg);
    assert_int_equal(n, 1);
    return stmt[0];
}

static const char *printed(const sql_stmt_t *s)
{
    buf_t b = BUF_INIT;
    sql_format_stmt(&b, s);
    const char *text = arena_z(&a, buf_str(&b));
    buf_done(&b);
    return text;
}

static const char *expr(const char *text)
{
    sql_expr_t *e;
    err_t err;
    if (sql_parse_expr(&a, str_of(text), &e, &err))
        return arena_z(&a, str_of(err.msg));
    return arena_z(&a, sql_format_expr_text(&a, e));
}

static const char *message(const char *text)
{
    sql_stmt_t *const *stmt;
    size_t n;
    err_t err = {.msg = ""};
    assert_int_not_equal(sql_parse(&a, str_of(text), NULL, &stmt, &n, &err), ST_OK);
    return arena_z(&a, str_of(err.msg));
}

static void expressions_print_as_they_bind(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a+1", "(A + 1)"},
        {"a - -1", "(A - -1)"},
        {"a -1", "(A - 1)"},
        {"-a", "-A"},
        {"- -a", "- -A"},
        {"1 + 2 * 3 % 4", "(1 + ((2 * 3) % 4))"},
        {"a || b || 'it''s'", "CONCAT(CONCAT(A, B), 'it''s')"},
        {"not a = 1 and b <> 2 or c", "(((NOT (A = 1)) AND (B <> 2)) OR C)"},
        {"a not between 1 and 2 + 1", "(NOT (A BETWEEN 1 AND (2 + 1)))"},
        {"x not in ('a', null)", "(NOT (X IN ('a', null)))"},
        {"x like '%!%' escape '!'", "(X LIKE '%!%' ESCAPE '!')"},
        {"x is not null", "(X IS NOT NULL)"},
        {"x is not distinct from 1", "(X IS NOT DISTINCT FROM 1)"},
        {"s->a->`b`[1]['k']", "S->A->`b`[1]['k']"},
        {"src.\"Col\"", "SRC.`Col`"},
        {"case when a then 1 else 2 end", "(CASE WHEN A THEN 1 ELSE 2 END)"},
        {"case a when 1 then 'x' end", "(CASE A WHEN 1 THEN 'x' END)"},
        {"cast(a as array<map<string, decimal(4,2)>>)",
         "CAST(A AS ARRAY<MAP<STRING, DECIMAL(4, 2)>>)"},
        {"array[1, 2]", "ARRAY[1, 2]"},
        {"map('a' := 1, 'b' := 2)", "MAP('a':=1, 'b':=2)"},
        {"struct(x := 1, `y` := 2)", "STRUCT(X:=1, `y`:=2)"},
        {"map + array + struct", "((MAP + ARRAY) + STRUCT)"},
        {"count(*)", "COUNT(*)"},
        {"transform(a, x => x + 1)", "TRANSFORM(A, (X) => (X + 1))"},
        {"reduce(m, 0, (s, k, v) => s + v)", "REDUCE(M, 0, (S, K, V) => (S + V))"},
        {"filter(m, (k) => (k) = 1)", "FILTER(M, (K) => (K = 1))"},
        {"timestampadd(days, 1, ts)", "TIMESTAMPADD(`DAYS`, 1, TS)"},
        {"date '2020-01-01'", "DATE '2020-01-01'"},
        {"date", "`DATE`"},
        {"1.50", "1.50"},
        {"1e3", "1000.0E0"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"ts at time zone 'UTC'", "TS AT TIME ZONE 'UTC'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *want = str_eq(str_of(cases[i][1]), STR("`DATE`")) ? "DATE" : cases[i][1];
        assert_string_equal(expr(cases[i][0]), want);
        assert_string_equal(expr(want), want);
    }
}

static void statements_print_as_ksqldb_does(void **state)
{
    (void)state;
    assert_string_equal(
        printed(one("create table s2 as select test.id id, max(test.value) from test "
                    "window tumbling (size 30 second, grace period 1 minutes) "
                    "group by test.id emit changes")),
        "CREATE TABLE S2 AS SELECT\n  TEST.ID ID,\n  MAX(TEST.VALUE)\nFROM TEST TEST\n"
        "WINDOW TUMBLING ( SIZE 30 SECONDS , GRACE PERIOD 1 MINUTES ) \n"
        "GROUP BY TEST.ID\nEMIT CHANGES;");
    assert_string_equal(
        printed(one("create or replace stream s (id varchar key, `x` int, h bytes header('k')) "
                    "with (kafka_topic='t', partitions=4);")),
        "CREATE OR REPLACE STREAM S (ID STRING KEY, `x` INTEGER, H BYTES HEADER('k')) "
        "WITH (KAFKA_TOPIC='t', PARTITIONS=4);");
    assert_string_equal(
        printed(one("select * from a left join b c within (1 hour, 2 days) grace period 5 minutes "
                    "on a.x = c.y where a.x > 1 partition by a.x emit changes limit 3")),
        "SELECT *\nFROM A A\nLEFT OUTER JOIN B C\nWITHIN (1 HOURS, 2 DAYS) GRACE PERIOD 5 MINUTES "
        "ON ((A.X = C.Y))\nWHERE (A.X > 1)\nPARTITION BY A.X\nEMIT CHANGES\nLIMIT 3;");
    assert_string_equal(printed(one("insert into s (a, b) values (1, -2.5);")),
                        "INSERT INTO S (A, B) VALUES (1, -2.5);");
    assert_string_equal(printed(one("drop stream if exists s delete topic;")),
                        "DROP STREAM IF EXISTS S;");
}

static void every_statement_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        sql_stmt_kind_t kind;
    } cases[] = {
        {"select a->*, s.*, * from s", SQL_STMT_QUERY},
        {"create source table if not exists t (id int primary key) with (kafka_topic='t')",
         SQL_STMT_CREATE_SOURCE},
        {"create stream s with (kafka_topic='t', value_format='avro')", SQL_STMT_CREATE_SOURCE},
        {"create stream s with (partitions=1) as select * from a", SQL_STMT_CREATE_AS},
        {"insert into s with (query_id='x') select * from a", SQL_STMT_INSERT_SELECT},
        {"insert into s values (1)", SQL_STMT_INSERT_VALUES},
        {"drop table t", SQL_STMT_DROP_SOURCE},
        {"alter stream s add column a int, add b string", SQL_STMT_ALTER_SOURCE},
        {"create type if not exists t as struct<a int, b array<int>>", SQL_STMT_CREATE_TYPE},
        {"drop type if exists t", SQL_STMT_DROP_TYPE},
        {"terminate all", SQL_STMT_TERMINATE},
        {"pause q_1", SQL_STMT_PAUSE},
        {"resume all", SQL_STMT_RESUME},
        {"explain select * from s", SQL_STMT_EXPLAIN},
        {"explain CSAS_A_1", SQL_STMT_EXPLAIN},
        {"describe s extended", SQL_STMT_DESCRIBE},
        {"describe streams", SQL_STMT_DESCRIBE_ALL},
        {"describe function ucase", SQL_STMT_DESCRIBE_FUNCTION},
        {"describe connector c", SQL_STMT_DESCRIBE_CONNECTOR},
        {"show streams extended", SQL_STMT_SHOW_STREAMS},
        {"list tables", SQL_STMT_SHOW_TABLES},
        {"show queries extended", SQL_STMT_SHOW_QUERIES},
        {"show all topics extended", SQL_STMT_SHOW_TOPICS},
        {"show functions", SQL_STMT_SHOW_FUNCTIONS},
        {"show types", SQL_STMT_SHOW_TYPES},
        {"show variables", SQL_STMT_SHOW_VARIABLES},
        {"show properties", SQL_STMT_SHOW_PROPERTIES},
        {"show sink connectors", SQL_STMT_SHOW_CONNECTORS},
        {"show connector plugins", SQL_STMT_SHOW_CONNECTOR_PLUGINS},
        {"print 'a.b' from beginning interval 2 limit 3", SQL_STMT_PRINT},
        {"set 'a'='b'", SQL_STMT_SET},
        {"unset 'a'", SQL_STMT_UNSET},
        {"alter system 'a'='b'", SQL_STMT_ALTER_SYSTEM},
        {"define x='y'", SQL_STMT_DEFINE},
        {"undefine x", SQL_STMT_UNDEFINE},
        {"create source connector c with ('connector.class'='goapi')", SQL_STMT_CREATE_CONNECTOR},
        {"create sink connector if not exists c with ('a'=1, \"b\"=true)",
         SQL_STMT_CREATE_CONNECTOR},
        {"drop connector if exists c", SQL_STMT_DROP_CONNECTOR},
        {"assert not exists topic 't' with (partitions=1) timeout 3 seconds",
         SQL_STMT_ASSERT_TOPIC},
        {"assert schema subject 's' id 3 timeout 1 minute", SQL_STMT_ASSERT_SCHEMA},
        {"assert values s (a) values (1)", SQL_STMT_ASSERT_VALUES},
        {"assert null values s (a) key (1)", SQL_STMT_ASSERT_NULL_VALUES},
        {"assert stream s (a int) with (kafka_topic='x')", SQL_STMT_ASSERT_SOURCE},
        {"run script 'f.sql'", SQL_STMT_RUN_SCRIPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sql_stmt_t *s = one(cases[i].text);
        assert_int_equal(s->kind, cases[i].kind);
        const char *text = printed(s);
        assert_string_equal(printed(one(text)), text);
    }
}

/* Every word that is not the grammar's own may name a column, a field, a source and an alias. */
static void soft_words_are_names(void **state)
{
    (void)state;
    static const char *const words[] = {
#define KEYWORD(word, reserved) reserved ? NULL : #word,
#include "sql/parse/keywords.def"
#undef KEYWORD
        "ARRAY", "MAP", "STRUCT", "DATE", "TIMESTAMP",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!words[i])
            continue;
        const char *w = words[i];
        one(arena_z(&a, arena_printf(&a, "create stream s (%s int key, a struct<%s int>)", w, w)));
        one(arena_z(&a, arena_printf(&a,
                                     "select %s + 1 as %s, %s.%s, a->%s from %s as %s where %s = 1 "
                                     "group by %s emit changes",
                                     w, w, w, w, w, w, w, w, w)));
    }
}

static void messages_say_where_and_what(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"selec * from s;",
         "line 1:1: Syntax Error\nUnknown statement 'selec'\nDid you mean 'SELECT'?"},
        {"create stream i (k int (key))",
         "line 1:25: Syntax Error\nExpecting {'STRING', INTEGER_VALUE}"},
        {"set 'a'='b';\nselect * form s;", "line 2:10: Syntax Error\nExpecting {',', 'FROM'}"},
        {"select a from s group by f3, (f2, f1)", "line 1:33: Syntax Error\nmissing ')' at ','"},
        {"select * from s1 order by k", "line 1:24: Syntax Error\n"},
        {"select a, from from s",
         "line 1:11: Syntax Error\n'from' is a reserved word: as a name it "
         "needs back-quotes, `from`"},
        {"select 9223372036854775808 from s",
         "Failed to prepare statement: line 1:9: Invalid numeric literal: 9223372036854775808"},
        {"select 'abc", "line 1:8: Syntax Error\nthe string has no end: expecting '''"},
        {"select 1 + from s",
         "line 1:12: Syntax Error\n'from' is a reserved word: as a name it needs "
         "back-quotes, `from`"},
        {"select * from s where x = ;", "line 1:27: Syntax Error\nExpecting an expression"},
        {"create stream s (a int, b)", "line 1:26: Syntax Error\nExpecting IDENTIFIER"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(message(cases[i][0]), cases[i][1]);
}

static bool lookup(void *env, str_t name, str_t *ret)
{
    (void)env;
    *ret = STR("it's");
    return str_eq(name, STR("x"));
}

static void variables_are_put_in(void **state)
{
    (void)state;
    sql_variables_t vars = {lookup, NULL};
    str_t got = sql_parse_substitute(&a, STR("a ${x} '${x} ${y}' -- ${x}\n\"${x}\""), &vars);
    assert_string_equal(arena_z(&a, got), "a it's 'it''s ${y}' -- ${x}\n\"it's\"");
}

/* Neither depth nor length may hurt. */
static void hostile_text_is_refused(void **state)
{
    (void)state;
    static const char *const parts[][3] = {
        {"(", "1", ")"},  {"-", "x", ""},    {"not ", "x", ""}, {"array[", "1", "]"},
        {"f(", "1", ")"}, {"1 + ", "1", ""}, {"x[", "1", "]"},  {"case when a then ", "1", " end"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buf_t b = BUF_INIT;
        for (int k = 0; k < 20000; k++)
            buf_put_str(&b, str_of(parts[i][0]));
        buf_put_str(&b, str_of(parts[i][1]));
        for (int k = 0; k < 20000; k++)
            buf_put_str(&b, str_of(parts[i][2]));
        sql_expr_t *e;
        err_t err;
        assert_int_equal(sql_parse_expr(&a, buf_str(&b), &e, &err), ST_BAD_STATEMENT);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_print_as_they_bind),
        cmocka_unit_test(statements_print_as_ksqldb_does),
        cmocka_unit_test(every_statement_is_known),
        cmocka_unit_test(soft_words_are_names),
        cmocka_unit_test(messages_say_where_and_what),
        cmocka_unit_test(variables_are_put_in),
        cmocka_unit_test(hostile_text_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
