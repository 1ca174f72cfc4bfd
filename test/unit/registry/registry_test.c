#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "registry/admin.c"
#include "registry/registry.c"
#include "registry/state.c"

/* A log of one topic in memory: what the registry needs of log/log.h. */
struct log {
    buf_t bytes;
    int64_t end;
    bool exists, full;
};
struct log_commit {
    log_t *log;
    buf_t batch;
};

int64_t io_now_ms(io_t *io)
{
    (void)io;
    return 1000;
}

st_t log_topic_open(log_t *log, str_t name, log_topic_t **ret, err_t *err)
{
    assert_true(str_eq(name, STR("_schemas")));
    if (!log->exists)
        return err_set(err, ST_NOT_FOUND, "no topic");
    *ret = (log_topic_t *)log;
    return ST_OK;
}

st_t log_topic_create(log_t *log, const log_topic_spec_t *spec, err_t *err)
{
    (void)err;
    assert_int_equal(spec->partitions, 1);
    log->exists = true;
    return ST_OK;
}

void log_topic_unref(log_topic_t *t)
{
    (void)t;
}

st_t log_topic_offsets(log_topic_t *t, int32_t partition, log_offsets_t *ret, err_t *err)
{
    (void)partition, (void)err;
    *ret = (log_offsets_t){0, ((log_t *)t)->end};
    return ST_OK;
}

st_t log_read(log_topic_t *t, int32_t partition, int64_t offset, size_t max_bytes, log_chunk_t *ret,
              err_t *err)
{
    (void)partition, (void)offset, (void)max_bytes, (void)err;
    log_t *log = (log_t *)t;
    *ret = (log_chunk_t){buf_str(&log->bytes), log->end, NULL};
    return ST_OK;
}

void log_chunk_unref(log_chunk_t *c)
{
    (void)c;
}

log_commit_t *log_commit_new(log_t *log)
{
    log_commit_t *c = mem_zalloc(sizeof *c);
    c->log = log;
    return c;
}

void log_commit_append(log_commit_t *c, log_topic_t *t, int32_t partition, str_t batch)
{
    (void)t, (void)partition;
    buf_put_str(&c->batch, batch);
}

st_t log_commit(log_t *log, log_commit_t *c, int64_t *ret_base, err_t *err)
{
    (void)ret_base;
    st_t st = log->full ? err_set(err, ST_NO_SPACE, "disk full") : ST_OK;
    if (st == ST_OK) {
        str_t in = buf_str(&c->batch);
        wire_batch_t b;
        assert_int_equal(wire_batch_next(&in, &b, err), ST_OK);
        wire_batch_place(c->batch.ptr, log->end, 0);
        buf_put_str(&log->bytes, buf_str(&c->batch));
        log->end += b.count;
    }
    buf_done(&c->batch);
    free(c);
    return st;
}

#define RECORD(fields) "{\"type\": \"record\", \"name\": \"R\", \"fields\": [" fields "]}"
#define FIELD_A        "{\"name\": \"a\", \"type\": \"int\"}"
#define FIELD_B        "{\"name\": \"b\", \"type\": \"int\", \"default\": 0}"
#define FIELD_C        "{\"name\": \"c\", \"type\": \"int\"}"

static st_t add_schema(registry_t *r, const char *subject, const char *text, int32_t *ret, err_t *err)
{
    return registry_register(r, str_of(subject), &(registry_input_t){.text = str_of(text)}, ret, err);
}

static void ids_and_versions(void **state)
{
    (void)state;
    registry_t *r = registry_memory();
    err_t err;
    int32_t id = 0;
    registry_schema_t s;
    assert_int_equal(add_schema(r, "s", RECORD(FIELD_A), &id, &err), ST_OK);
    assert_int_equal(id, 1);
    assert_int_equal(add_schema(r, "s", "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELD_A "]}", &id, &err), ST_OK);
    assert_int_equal(id, 1);
    assert_int_equal(add_schema(r, "t", RECORD(FIELD_A), &id, &err), ST_OK);
    assert_int_equal(id, 1); /* one id everywhere */
    assert_int_equal(add_schema(r, "s", RECORD(FIELD_A "," FIELD_B), &id, &err), ST_OK);
    assert_int_equal(id, 2);
    assert_int_equal(registry_version(r, STR("s"), REGISTRY_LATEST, false, &s, &err), ST_OK);
    assert_int_equal(s.version, 2);
    assert_true(str_eq(s.text, STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
                                   "{\"name\":\"b\",\"type\":\"int\",\"default\":0}]}")));
    assert_int_equal(add_schema(r, "s", RECORD(FIELD_A "," FIELD_C), &id, &err), ST_INCOMPATIBLE);
    assert_non_null(strstr(err.msg, "Schema being registered is incompatible with an earlier schema "
                                    "for subject \"s\""));
    assert_int_equal(add_schema(r, "s", "{\"type\":\"nosuch\"}", &id, &err), ST_BAD_INPUT);
    assert_string_equal(err.msg, "Invalid schema of type AVRO: Undefined name: \"nosuch\"");
    assert_int_equal(registry_by_id(r, 7, &s, &err), ST_NOT_FOUND);
    assert_int_equal(registry_version(r, STR("x"), 1, false, &s, &err), ST_NOT_FOUND);
    assert_string_equal(err.msg, "Subject 'x' not found.");
    registry_close(r);
}

static void levels(void **state)
{
    (void)state;
    registry_t *r = registry_memory();
    int32_t id;
    registry_level_t level;
    bool fits;
    assert_int_equal(add_schema(r, "s", RECORD(FIELD_A), &id, NULL), ST_OK);
    assert_int_equal(registry_level(r, STR("s"), false, &level, NULL), ST_NOT_FOUND);
    assert_int_equal(registry_set_level(r, STR("s"), REGISTRY_FORWARD, NULL), ST_OK);
    assert_int_equal(registry_level(r, STR("s"), true, &level, NULL), ST_OK);
    assert_int_equal(level, REGISTRY_FORWARD);
    registry_input_t in = {.text = STR(RECORD(FIELD_A "," FIELD_C))}, none = {.text = STR(RECORD(""))};
    assert_int_equal(registry_check(r, STR("s"), REGISTRY_LATEST, &in, &fits, NULL), ST_OK);
    assert_true(fits);
    assert_int_equal(registry_check(r, STR("s"), 1, &none, &fits, NULL), ST_OK);
    assert_false(fits);
    assert_int_equal(registry_unset_level(r, STR("s"), NULL), ST_OK);
    assert_int_equal(registry_set_level(r, REGISTRY_GLOBAL, REGISTRY_NONE, NULL), ST_OK);
    assert_int_equal(add_schema(r, "s", "\"int\"", &id, NULL), ST_OK);
    assert_int_equal(registry_set_mode(r, STR("s"), REGISTRY_READONLY, NULL), ST_OK);
    assert_int_equal(add_schema(r, "s", "\"long\"", &id, NULL), ST_DENIED);
    assert_int_equal(add_schema(r, "s", "\"int\"", &id, NULL), ST_OK); /* it is there already */
    registry_close(r);
}

static void references(void **state)
{
    (void)state;
    registry_t *r = registry_memory();
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    int32_t id, *list;
    size_t n;
    err_t err;
    assert_int_equal(add_schema(r, "base", RECORD(FIELD_A), &id, NULL), ST_OK);
    registry_ref_t ref = {STR("R"), STR("base"), 1};
    registry_input_t in = {.text = STR("{\"type\":\"array\",\"items\":\"R\"}"), .ref = &ref, .n_refs = 1};
    assert_int_equal(registry_register(r, STR("user"), &in, &id, NULL), ST_OK);
    assert_int_equal(id, 2);
    assert_int_equal(registry_delete_subject(r, &a, STR("base"), false, &list, &n, &err), ST_EXISTS);
    ref.version = 9;
    assert_int_equal(registry_register(r, STR("user"), &in, &id, &err), ST_BAD_INPUT);
    arena_done(&a);
    registry_close(r);
}

/* Everything is there again after a restart, deleted versions as deleted. */
static void survives_a_restart(void **state)
{
    (void)state;
    log_t log = {.end = 0};
    registry_t *r;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    int32_t id, *list;
    size_t n;
    str_t *names;
    err_t err;
    registry_level_t level;
    registry_schema_t s;
    assert_int_equal(registry_open(&log, NULL, &r, &err), ST_OK);
    assert_int_equal(add_schema(r, "a", "\"int\"", &id, &err), ST_OK);
    assert_int_equal(add_schema(r, "a", "\"long\"", &id, &err), ST_OK);
    assert_int_equal(add_schema(r, "b", RECORD(FIELD_A), &id, &err), ST_OK);
    assert_int_equal(add_schema(r, "c", "\"int\"", &id, &err), ST_OK);
    assert_int_equal(registry_set_level(r, STR("a"), REGISTRY_FULL, &err), ST_OK);
    assert_int_equal(registry_delete_version(r, STR("a"), 1, false, &err), ST_OK);
    assert_int_equal(registry_delete_subject(r, &a, STR("b"), false, &list, &n, &err), ST_OK);
    assert_int_equal(n, 1);
    assert_int_equal(registry_delete_subject(r, &a, STR("c"), true, &list, &n, &err), ST_NOT_FOUND);
    assert_int_equal(registry_delete_subject(r, &a, STR("c"), false, &list, &n, &err), ST_OK);
    assert_int_equal(registry_delete_subject(r, &a, STR("c"), true, &list, &n, &err), ST_OK);
    log.full = true;
    assert_int_equal(add_schema(r, "d", "\"string\"", &id, &err), ST_NO_SPACE);
    assert_int_equal(registry_version(r, STR("d"), 1, false, &s, &err), ST_NOT_FOUND);
    log.full = false;
    registry_close(r);

    assert_int_equal(registry_open(&log, NULL, &r, &err), ST_OK);
    registry_subjects(r, &a, STR(""), false, &names, &n);
    assert_int_equal(n, 1);
    assert_true(str_eq(names[0], STR("a")));
    registry_subjects(r, &a, STR(""), true, &names, &n);
    assert_int_equal(n, 2);
    assert_int_equal(registry_versions(r, &a, STR("a"), true, &list, &n, &err), ST_OK);
    assert_int_equal(n, 2);
    assert_int_equal(registry_level(r, STR("a"), false, &level, &err), ST_OK);
    assert_int_equal(level, REGISTRY_FULL);
    /* what was softly deleted comes back as the next version, under its id */
    assert_int_equal(add_schema(r, "b", RECORD(FIELD_A), &id, &err), ST_OK);
    assert_int_equal(id, 3);
    assert_int_equal(registry_versions(r, &a, STR("b"), true, &list, &n, &err), ST_OK);
    assert_int_equal(n, 1);
    assert_int_equal(list[0], 2);
    assert_int_equal(add_schema(r, "z", "\"bytes\"", &id, &err), ST_OK);
    assert_int_equal(id, 4);
    assert_true(str_find(buf_str(&log.bytes),
                         STR("{\"keytype\":\"SCHEMA\",\"subject\":\"z\",\"version\":1,\"magic\":1}")) > 0);
    assert_true(str_find(buf_str(&log.bytes),
                         STR("{\"subject\":\"z\",\"version\":1,\"id\":4,\"schema\":\"\\\"bytes\\\"\","
                             "\"deleted\":false}")) > 0);
    registry_close(r);
    buf_done(&log.bytes);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_versions),
        cmocka_unit_test(levels),
        cmocka_unit_test(references),
        cmocka_unit_test(survives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
