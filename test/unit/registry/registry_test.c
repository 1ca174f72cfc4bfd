#include "registry/admin.c"
#include "registry/registry.c"
#include "registry/state.c"

#include "../log/world.h"

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
    registry_schema_t kept = {.id = 0};
    assert_int_equal(registry_by_id(r, 2, &kept, NULL), ST_OK);
    assert_true(str_eq(kept.text, STR("{\"type\":\"array\",\"items\":\"R\"}")));
    /* a format gets a text that stands alone */
    str_t type = STR(""), text = STR("");
    schema_source_t source = registry_source(r);
    assert_int_equal(source.by_id(source.self, 2, &type, &text, NULL), ST_OK);
    assert_true(str_eq(text, STR("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\","
                                 "\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}}")));
    assert_int_equal(registry_delete_subject(r, &a, STR("base"), false, &list, &n, &err), ST_EXISTS);
    ref.version = 9;
    assert_int_equal(registry_register(r, STR("user"), &in, &id, &err), ST_BAD_INPUT);
    arena_done(&a);
    registry_close(r);
}

static registry_t *opened(world_t *w)
{
    registry_t *r = NULL;
    OK(w, registry_open(w->log, w->io, &r, &w->err));
    return r;
}

/* Everything is there again after a restart, deleted versions as deleted. */
static void survives_a_restart(void **state)
{
    world_t *w = *state;
    err_t *err = &w->err;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    int32_t id, *list;
    size_t n;
    str_t *names;
    registry_level_t level;
    registry_t *r = opened(w);
    OK(w, add_schema(r, "a", "\"int\"", &id, err));
    OK(w, add_schema(r, "a", "\"long\"", &id, err));
    OK(w, add_schema(r, "b", RECORD(FIELD_A), &id, err));
    OK(w, add_schema(r, "c", "\"int\"", &id, err));
    OK(w, registry_set_level(r, STR("a"), REGISTRY_FULL, err));
    OK(w, registry_delete_version(r, STR("a"), 1, false, err));
    OK(w, registry_delete_subject(r, &a, STR("b"), false, &list, &n, err));
    assert_int_equal(n, 1);
    assert_int_equal(registry_delete_subject(r, &a, STR("c"), true, &list, &n, err), ST_NOT_FOUND);
    OK(w, registry_delete_subject(r, &a, STR("c"), false, &list, &n, err));
    OK(w, registry_delete_subject(r, &a, STR("c"), true, &list, &n, err));
    registry_close(r);
    world_reopen(w);

    r = opened(w);
    registry_subjects(r, &a, STR(""), false, &names, &n);
    assert_int_equal(n, 1);
    assert_true(str_eq(names[0], STR("a")));
    registry_subjects(r, &a, STR(""), true, &names, &n);
    assert_int_equal(n, 2);
    OK(w, registry_versions(r, &a, STR("a"), true, &list, &n, err));
    assert_int_equal(n, 2);
    OK(w, registry_level(r, STR("a"), false, &level, err));
    assert_int_equal(level, REGISTRY_FULL);
    /* what was softly deleted comes back as the next version, under its id */
    OK(w, add_schema(r, "b", RECORD(FIELD_A), &id, err));
    assert_int_equal(id, 3);
    OK(w, registry_versions(r, &a, STR("b"), true, &list, &n, err));
    assert_int_equal(n, 1);
    assert_int_equal(list[0], 2);
    OK(w, add_schema(r, "z", "\"bytes\"", &id, err));
    assert_int_equal(id, 4);
    registry_close(r);
    arena_done(&a);
}

/* A change that could not be written has not happened. */
static void a_full_disk_changes_nothing(void **state)
{
    world_t *w = *state;
    int32_t id, next = 1, refused = 0;
    registry_schema_t s;
    registry_t *r = opened(w);
    OK(w, registry_set_level(r, REGISTRY_GLOBAL, REGISTRY_NONE, &w->err));
    io_sim_set_capacity(w->io, 600 << 10);
    for (int i = 0; i < 200; i++) {
        buf_t b = BUF_INIT;
        buf_printf(&b, "{\"type\":\"string\",\"i\":%d,\"long\":\"%09000d\"}", i, 0);
        registry_input_t in = {.text = buf_str(&b)};
        st_t st = registry_register(r, STR("d"), &in, &id, &w->err);
        assert_true(st == ST_OK || st == ST_NO_SPACE);
        if (st == ST_OK)
            assert_int_equal(id, next++);
        else
            refused++;
        buf_done(&b);
    }
    assert_in_range(refused, 50, 199);
    assert_int_equal(registry_version(r, STR("d"), next, false, &s, &w->err), ST_NOT_FOUND);
    io_sim_set_capacity(w->io, -1);
    OK(w, add_schema(r, "d", "\"string\"", &id, &w->err));
    assert_int_equal(id, next);
    registry_close(r);
}

/* The records are Confluent's, byte for byte: compaction goes by the key. */
static void writes_confluents_records(void **state)
{
    world_t *w = *state;
    int32_t id;
    registry_t *r = opened(w);
    OK(w, add_schema(r, "z", "\"bytes\"", &id, &w->err));
    OK(w, registry_set_level(r, REGISTRY_GLOBAL, REGISTRY_FULL, &w->err));
    log_chunk_t chunk;
    OK(w, log_read(r->topic, 0, 0, 1 << 20, &chunk, &w->err));
    static const char *const parts[] = {
        "{\"keytype\":\"SCHEMA\",\"subject\":\"z\",\"version\":1,\"magic\":1}",
        "{\"subject\":\"z\",\"version\":1,\"id\":1,\"schema\":\"\\\"bytes\\\"\",\"deleted\":false}",
        "{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}", "{\"compatibilityLevel\":\"FULL\"}"};
    for (size_t i = 0; i < 4; i++)
        assert_true(str_find(chunk.bytes, str_of(parts[i])) > 0);
    log_chunk_unref(&chunk);
    registry_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_versions),
        cmocka_unit_test(levels),
        cmocka_unit_test(references),
        cmocka_unit_test_setup_teardown(survives_a_restart, world_enter, world_leave),
        cmocka_unit_test_setup_teardown(a_full_disk_changes_nothing, world_enter, world_leave),
        cmocka_unit_test_setup_teardown(writes_confluents_records, world_enter, world_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
