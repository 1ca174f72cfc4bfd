#include "sink/sqlite/sqlite.c"

#include "pipe.h"

/* All documents of a collection, "id=doc" a line, by id. */
static void assert_documents(const char *path, const char *collection, const char *want)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    sqlite3 *db;
    sqlite3_stmt *q;
    buf_t b = BUF_INIT;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    str_t sql =
        arena_printf(&a, "SELECT id, doc, json_valid(doc) FROM \"%s\" ORDER BY id", collection);
    assert_int_equal(sqlite3_prepare_v2(db, arena_z(&a, sql), -1, &q, NULL), SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        buf_printf(&b, "%s=%s\n", sqlite3_column_text(q, 0), sqlite3_column_text(q, 1));
        assert_int_equal(sqlite3_column_int(q, 2), 1);
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
    assert_string_equal(arena_z(&a, buf_str(&b)), want);
    buf_done(&b);
    arena_done(&a);
}

#define DOC_A                                                                                      \
    "a={\"id\":\"a\",\"ticker\":\"q\\\" b\\\\ \\u0001 \xe2\x82\xac\",\"close\":null,"              \
    "\"volume\":null}\n"

static void upserts_and_restart(void **state)
{
    (void)state;
    pipe_t p;
    pipe_open(&p);
    const char *const options[] = {
        "topics", "STOCKTABLE", "connection.uri", p.path, "collection", "ksql-stock-stream", NULL};
    OK(pipe_start(&p, &sink_sqlite, options, err));
    pipe_settle(&p, 0); /* nothing there yet */
    pipe_writer_t w;
    pipe_begin(&p, &w, "stock", 3);
    pipe_add(&w, STR("b"), STR("{\"TICKER\":\"B\",\"CLOSE\":9100,\"VOLUME\":9007199254740993}"));
    pipe_add(&w, STR("a"), STR("{\"TICKER\":\"old\"}"));
    pipe_add(&w, STR("a"), STR("{\"TICKER\":\"q\\\" b\\\\ \\u0001 \xe2\x82\xac\",\"CLOSE\":null}"));
    pipe_add(&w, STR("gone"), STR("{}"));
    pipe_add(&w, STR("gone"), STR_NONE);
    pipe_commit(&w, 1);
    pipe_settle(&p, 5);
    assert_documents(p.path, "ksql-stock-stream",
                     DOC_A "b={\"id\":\"b\",\"ticker\":\"B\",\"close\":9100.0,"
                           "\"volume\":9007199254740993}\n");

    pipe_stop(&p);
    pipe_begin(&p, &w, "stock", 3);
    pipe_add(&w, STR("b"), STR_NONE);
    pipe_add(&w, STR("c"), STR("{\"TICKER\":\"C\",\"CLOSE\":0.1,\"VOLUME\":1}"));
    pipe_commit(&w, 1);
    log_close(p.log);
    pipe_open_log(&p);
    OK(pipe_start(&p, &sink_sqlite, options, err));
    assert_int_equal(pipe_settle(&p, 2).records, 2); /* not from the start again */
    assert_documents(p.path, "ksql-stock-stream",
                     DOC_A "c={\"id\":\"c\",\"ticker\":\"C\",\"close\":0.1,\"volume\":1}\n");

    pipe_stop(&p); /* the file decides what is read: without it all comes again */
    unlink(p.path);
    OK(pipe_start(&p, &sink_sqlite, options, err));
    assert_int_equal(pipe_settle(&p, 7).records, 7);
    pipe_close(&p);
}

static void windows(void **state)
{
    (void)state;
    pipe_t p;
    pipe_open(&p);
    const char *const options[] = {"topics", "minute", "connection.uri", p.path, NULL};
    const char *newer = "a={\"id\":\"a\",\"ticker\":\"new\",\"close\":null,\"volume\":null}\n";
    pipe_writer_t w;
    pipe_begin(&p, &w, "minute", 1);
    pipe_add_window(&w, "a", 120000, "{\"TICKER\":\"new\"}");
    pipe_add_window(&w, "a", 60000, "{\"TICKER\":\"older, same batch\"}");
    pipe_commit(&w, 0);
    OK(pipe_start(&p, &sink_sqlite, options, err));
    pipe_settle(&p, 2);
    assert_documents(p.path, "minute", newer);
    pipe_begin(&p, &w, "minute", 1);
    pipe_add_window(&w, "a", 60000, "{\"TICKER\":\"older, next batch\"}");
    pipe_commit(&w, 0);
    pipe_settle(&p, 3);
    assert_documents(p.path, "minute", newer);
    pipe_begin(&p, &w, "minute", 1);
    pipe_add_window(&w, "a", 60000, NULL);
    pipe_commit(&w, 0);
    pipe_settle(&p, 4);
    assert_documents(p.path, "minute", newer);
    pipe_begin(&p, &w, "minute", 1);
    pipe_add_window(&w, "a", 120000, "{\"TICKER\":\"same\"}");
    pipe_commit(&w, 0);
    pipe_settle(&p, 5);
    assert_documents(p.path, "minute",
                     "a={\"id\":\"a\",\"ticker\":\"same\",\"close\":null,\"volume\":null}\n");
    pipe_close(&p);
}

static void bad_records(void **state)
{
    (void)state;
    pipe_t p;
    pipe_open(&p);
    pipe_writer_t w;
    pipe_begin(&p, &w, "stock", 1);
    pipe_add(&w, STR("a"), STR("{\"TICKER\":\"fine\"}"));
    pipe_add(&w, STR("b"), STR("{\"TICKER\":"));
    pipe_add(&w, STR_NONE, STR("{\"TICKER\":\"no id\"}"));
    pipe_add(&w, STR("c"), STR("{\"TICKER\":\"fine\"}"));
    pipe_commit(&w, 0);
    const char *const strict[] = {"topics", "stock", "connection.uri", p.path, NULL};
    OK(pipe_start(&p, &sink_sqlite, strict, err));
    connector_status_t st = pipe_settle(&p, 1);
    assert_true(st.failed);
    assert_non_null(strstr(st.error, "stock-0@1: the value: "));
    pipe_stop(&p);

    const char *const tolerant[] = {
        "topics", "stock", "connection.uri", p.path, "errors.deadletterqueue.topic.name",
        "dead",   NULL};
    OK(pipe_start(&p, &sink_sqlite, tolerant, err));
    assert_int_equal(pipe_settle(&p, 4).errors, 2);
    log_topic_t *t;
    log_offsets_t o;
    OK(log_topic_open(p.log, STR("dead"), &t, err));
    OK(log_topic_offsets(t, 0, &o, err));
    assert_int_equal(o.end, 2);
    log_topic_unref(t);
    assert_documents(p.path, "stock",
                     "a={\"id\":\"a\",\"ticker\":\"fine\",\"close\":null,\"volume\":null}\n"
                     "c={\"id\":\"c\",\"ticker\":\"fine\",\"close\":null,\"volume\":null}\n");
    pipe_close(&p);
}

/* Another writer holds the file: the sink waits for it, and stops at once when asked. */
static void locked_file(void **state)
{
    (void)state;
    pipe_t p;
    pipe_open(&p);
    pipe_writer_t w;
    pipe_begin(&p, &w, "stock", 1);
    pipe_add(&w, STR("a"), STR("{\"TICKER\":\"fine\"}"));
    pipe_commit(&w, 0);
    const char *const options[] = {"topics", "stock", "connection.uri", p.path, NULL};
    sqlite3 *db;
    assert_int_equal(sqlite3_open(p.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL; BEGIN IMMEDIATE", 0, 0, 0),
                     SQLITE_OK);
    OK(pipe_start(&p, &sink_sqlite, options, err));
    io_sleep_ms(p.io, 400);
    connector_status_t st;
    sink_sqlite.status(p.sink, &st);
    assert_false(st.idle);
    assert_non_null(strstr(st.error, "locked"));
    int64_t start = io_mono_ns(p.io);
    pipe_stop(&p);
    assert_true(io_mono_ns(p.io) - start < 1500000000);
    OK(pipe_start(&p, &sink_sqlite, options, err));
    assert_int_equal(sqlite3_exec(db, "COMMIT", 0, 0, 0), SQLITE_OK);
    pipe_settle(&p, 1);
    sqlite3_close(db);
    pipe_close(&p);
}

static void bad_options(void **state)
{
    (void)state;
    static const char *const bad[][8] = {
        {"connection.uri", "x.db", NULL},
        {"topics", "stock", NULL},
        {"topics", "stock", "connection.uri", "mongodb://x", NULL},
        {"topics", "stock", "connection.uri", "x.db", "max.batch.size", "-1", NULL},
        {"topics", "stock", "connection.uri", "x.db", "errors.tolerance", "some", NULL},
        {"topics", "stock", "connection.uri", "x.db", "document.id.strategy",
         "com.mongodb.kafka.connect.sink.processor.id.strategy.BsonOidStrategy", NULL},
        {"topics", "stock", "connection.uri", "x.db", "writemodel.strategy",
         "UpdateOneTimestampsStrategy", NULL},
    };
    pipe_t p;
    pipe_open(&p);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err_t err;
        assert_int_equal(pipe_start(&p, &sink_sqlite, bad[i], &err), ST_BAD_CONFIG);
    }
    pipe_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upserts_and_restart), cmocka_unit_test(windows),
        cmocka_unit_test(bad_records),         cmocka_unit_test(locked_file),
        cmocka_unit_test(bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
