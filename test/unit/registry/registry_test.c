#include "registry/apply.c"

#include "../log/world.h"

#define RECORD(fields) "{\"type\": \"record\", \"name\": \"R\", \"fields\": [" fields "]}"
#define FIELD_A        "{\"name\": \"a\", \"type\": \"int\"}"
#define FIELD_B        "{\"name\": \"b\", \"type\": \"int\", \"default\": 0}"
#define FIELD_C        "{\"name\": \"c\", \"type\": \"int\"}"

static st_t add_schema(registry_t *r, const char *subject, const char *text, int32_t *ret, err_t *err)
{
    registry_schema_t made;
    registry_input_t in = {.text = str_of(text)};
    st_t st = registry_register(r, str_of(subject), &in, &made, NULL, err);
    if (st == ST_OK)
        *ret = made.id;
    return st;
}

static st_t set_config(registry_t *r, str_t name, const char *request, err_t *err)
{
    arena_t a;
    const json_value_t *v;
    config_t config;
    arena_init(&a, ARENA_NO_LIMIT);
    assert_int_equal(json_parse(&a, str_of(request), 0, &v, NULL), ST_OK);
    st_t st = registry_set_config(r, name, v, &config, err);
    arena_done(&a);
    return st;
}

static config_level_t level_of(registry_t *r, str_t name)
{
    config_t config;
    assert_int_equal(registry_config(r, name, true, &config, NULL), ST_OK);
    return config_level_of(&config);
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
    assert_int_equal(add_schema(r, ":.c:t", RECORD(FIELD_A "," FIELD_B), &id, &err), ST_OK);
    assert_int_equal(id, 1); /* but every context counts anew */
    assert_int_equal(add_schema(r, "s", RECORD(FIELD_A "," FIELD_B), &id, &err), ST_OK);
    assert_int_equal(id, 2);
    assert_int_equal(registry_version(r, STR("s"), REGISTRY_LATEST, false, &s, &err), ST_OK);
    assert_int_equal(s.version, 2);
    assert_true(str_eq(s.text, STR("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
                                   "{\"name\":\"b\",\"type\":\"int\",\"default\":0}]}")));
    assert_int_equal(add_schema(r, "s", RECORD(FIELD_A "," FIELD_C), &id, &err), ST_INCOMPATIBLE);
    assert_non_null(strstr(err.msg, "Schema being registered is incompatible with an earlier schema "
                                    "for subject \"s\""));
    assert_int_equal(add_schema(r, "s", "{\"type\":\"nosuch\"}", &id, &err), ST_BAD_SCHEMA);
    assert_non_null(strstr(err.msg, "Invalid schema of type AVRO, details"));
    assert_int_equal(registry_by_id(r, 7, STR_NONE, &s, &err), ST_NO_SCHEMA);
    assert_int_equal(registry_version(r, STR("x"), 1, false, &s, &err), ST_NO_SUBJECT);
    assert_string_equal(err.msg, "Subject 'x' not found.");
    registry_close(r);
}

static bool may_follow(registry_t *r, int32_t version, const char *text)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    kind_diff_t d = {.arena = &a};
    registry_input_t in = {.text = str_of(text)};
    assert_int_equal(registry_check(r, STR("s"), version, &in, &d, NULL), ST_OK);
    bool yes = !d.messages.len;
    VEC_DONE(&d.messages);
    arena_done(&a);
    return yes;
}

static void levels(void **state)
{
    (void)state;
    registry_t *r = registry_memory();
    int32_t id;
    config_t config;
    assert_int_equal(add_schema(r, "s", RECORD(FIELD_A), &id, NULL), ST_OK);
    assert_int_equal(registry_config(r, STR("s"), false, &config, NULL), ST_NO_LEVEL);
    assert_int_equal(set_config(r, STR("s"), "{\"compatibility\": \"forward\"}", NULL), ST_OK);
    assert_int_equal(level_of(r, STR("s")), CONFIG_FORWARD);
    assert_true(may_follow(r, REGISTRY_LATEST, RECORD(FIELD_A "," FIELD_C)));
    assert_false(may_follow(r, 1, RECORD("")));
    assert_int_equal(registry_unset_config(r, STR("s"), &config, NULL), ST_OK);
    assert_int_equal(set_config(r, REGISTRY_GLOBAL, "{\"compatibility\": \"NONE\"}", NULL), ST_OK);
    assert_int_equal(set_config(r, REGISTRY_GLOBAL, "{\"compatibility\": \"some\"}", NULL), ST_BAD_LEVEL);
    assert_int_equal(add_schema(r, "s", "\"int\"", &id, NULL), ST_OK);
    assert_int_equal(registry_set_mode(r, STR("s"), REGISTRY_READONLY, false, NULL), ST_OK);
    assert_int_equal(add_schema(r, "s", "\"long\"", &id, NULL), ST_DENIED);
    assert_int_equal(add_schema(r, "s", "\"int\"", &id, NULL), ST_OK); /* it is there already */
    registry_close(r);
}

/* Ids and versions are the importer's, and those that follow lie above them. */
static void importing(void **state)
{
    (void)state;
    registry_t *r = registry_memory();
    int32_t id;
    registry_schema_t s;
    registry_input_t in = {.text = STR("\"int\""), .id = 70000, .version = 7};
    assert_int_equal(registry_register(r, STR("s"), &in, &s, NULL, NULL), ST_DENIED);
    assert_int_equal(registry_set_mode(r, STR("s"), REGISTRY_IMPORT, false, NULL), ST_OK);
    assert_int_equal(registry_register(r, STR("s"), &in, &s, NULL, NULL), ST_OK);
    assert_int_equal(s.version, 7);
    assert_int_equal(s.id, 70000);
    in.text = STR("\"long\"");
    assert_int_equal(registry_register(r, STR("s"), &in, &s, NULL, NULL), ST_DENIED); /* the id is taken */
    assert_int_equal(registry_set_mode(r, STR("s"), REGISTRY_READWRITE, false, NULL), ST_OK);
    assert_int_equal(add_schema(r, "s", "\"long\"", &id, NULL), ST_OK);
    assert_int_equal(id, 70001);
    registry_close(r);
}

/* A schema with other metadata is another schema; one without takes that of the version before. */
static void metadata(void **state)
{
    (void)state;
    registry_t *r = registry_memory();
    registry_schema_t s;
    registry_input_t in = {.text = STR("\"int\""), .metadata = STR("{\"properties\":{\"o\":\"me\"}}")};
    assert_int_equal(registry_register(r, STR("s"), &(registry_input_t){.text = in.text}, &s, NULL, NULL), ST_OK);
    assert_int_equal(registry_register(r, STR("s"), &in, &s, NULL, NULL), ST_OK);
    assert_int_equal(s.id, 2);
    in = (registry_input_t){.text = STR("\"long\"")};
    assert_int_equal(registry_register(r, STR("s"), &in, &s, NULL, NULL), ST_OK);
    assert_true(str_eq(s.metadata, STR("{\"properties\":{\"o\":\"me\"}}")));
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
    registry_schema_t kept = {.id = 0};
    registry_ref_t ref = {STR("R"), STR("base"), 1};
    registry_input_t in = {.text = STR("{\"type\":\"array\",\"items\":\"R\"}"), .ref = &ref, .n_refs = 1};
    assert_int_equal(registry_register(r, STR("user"), &in, &kept, NULL, NULL), ST_OK);
    assert_int_equal(kept.id, 2);
    assert_int_equal(registry_by_id(r, 2, STR_NONE, &kept, NULL), ST_OK);
    assert_true(str_eq(kept.text, STR("{\"type\":\"array\",\"items\":\"R\"}")));
    /* a format gets a text that stands alone */
    str_t type = STR(""), text = STR("");
    schema_source_t source = registry_source(r);
    assert_int_equal(source.by_id(source.self, 2, &type, &text, NULL), ST_OK);
    assert_true(str_eq(text, STR("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\","
                                 "\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}}")));
    assert_int_equal(registry_delete_subject(r, &a, STR("base"), false, &list, &n, &err), ST_REFERENCED);
    ref.version = 9;
    assert_int_equal(registry_register(r, STR("user"), &in, &kept, NULL, &err), ST_BAD_SCHEMA);
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
    registry_t *r = opened(w);
    OK(w, add_schema(r, "a", "\"int\"", &id, err));
    OK(w, add_schema(r, "a", "\"long\"", &id, err));
    OK(w, add_schema(r, "b", RECORD(FIELD_A), &id, err));
    OK(w, add_schema(r, "c", "\"int\"", &id, err));
    OK(w, set_config(r, STR("a"), "{\"compatibility\":\"FULL\"}", err));
    OK(w, registry_delete_version(r, STR("a"), 1, false, &id, err));
    OK(w, registry_delete_subject(r, &a, STR("b"), false, &list, &n, err));
    assert_int_equal(n, 1);
    assert_int_equal(registry_delete_subject(r, &a, STR("c"), true, &list, &n, err), ST_SUBJECT_NOT_DELETED);
    OK(w, registry_delete_subject(r, &a, STR("c"), false, &list, &n, err));
    OK(w, registry_delete_subject(r, &a, STR("c"), true, &list, &n, err));
    registry_close(r);
    world_reopen(w);

    r = opened(w);
    registry_subjects(r, &a, STR(""), REGISTRY_ACTIVE, &names, &n);
    assert_int_equal(n, 1);
    assert_true(str_eq(names[0], STR("a")));
    registry_subjects(r, &a, STR(""), REGISTRY_WITH_DELETED, &names, &n);
    assert_int_equal(n, 2);
    OK(w, registry_versions(r, &a, STR("a"), REGISTRY_WITH_DELETED, &list, &n, err));
    assert_int_equal(n, 2);
    assert_int_equal(level_of(r, STR("a")), CONFIG_FULL);
    /* what was softly deleted comes back as the next version, under its id */
    OK(w, add_schema(r, "b", RECORD(FIELD_A), &id, err));
    assert_int_equal(id, 3);
    OK(w, registry_versions(r, &a, STR("b"), REGISTRY_WITH_DELETED, &list, &n, err));
    assert_int_equal(n, 1);
    assert_int_equal(list[0], 2);
    OK(w, add_schema(r, "z", "\"bytes\"", &id, err));
    assert_int_equal(id, 4);
    registry_close(r);
    arena_done(&a);
}

/* Whatever compaction takes away: an id that was given once is not given again. */
static void ids_are_not_given_twice(void **state)
{
    world_t *w = *state;
    err_t *err = &w->err;
    arena_t a;
    int32_t id, *list;
    size_t n;
    int64_t start;
    arena_init(&a, ARENA_NO_LIMIT);
    registry_t *r = opened(w);
    OK(w, add_schema(r, "s", "\"int\"", &id, err));
    OK(w, add_schema(r, ":.c:s", "\"int\"", &id, err));
    OK(w, add_schema(r, "t", "\"long\"", &id, err));
    OK(w, registry_delete_subject(r, &a, STR("t"), false, &list, &n, err));
    OK(w, registry_delete_subject(r, &a, STR("t"), true, &list, &n, err));
    OK(w, log_topic_trim(r->topic, 0, -1, &start, err));
    registry_close(r);
    world_reopen(w);
    r = opened(w);
    OK(w, add_schema(r, "u", "\"string\"", &id, err));
    assert_int_equal(id, 3);
    OK(w, add_schema(r, ":.c:u", "\"string\"", &id, err));
    assert_int_equal(id, 2);
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
    OK(w, set_config(r, REGISTRY_GLOBAL, "{\"compatibility\":\"NONE\"}", &w->err));
    io_sim_set_capacity(w->io, 600 << 10);
    for (int i = 0; i < 200; i++) {
        buf_t b = BUF_INIT;
        buf_printf(&b, "{\"type\":\"string\",\"i\":%d,\"long\":\"%09000d\"}", i, 0);
        registry_input_t in = {.text = buf_str(&b)};
        st_t st = registry_register(r, STR("d"), &in, &s, NULL, &w->err);
        assert_true(st == ST_OK || st == ST_NO_SPACE);
        if (st == ST_OK)
            assert_int_equal(s.id, next++);
        else
            refused++;
        buf_done(&b);
    }
    assert_in_range(refused, 50, 199);
    assert_int_equal(registry_version(r, STR("d"), next, false, &s, &w->err), ST_NO_VERSION);
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
    OK(w, set_config(r, REGISTRY_GLOBAL, "{\"compatibility\":\"FULL\"}", &w->err));
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

/* What Confluent's registry writes, older and newer, and what only it knows. */
static void reads_confluents_records(void **state)
{
    (void)state;
    static const char *const records[][2] = {
        {"{\"keytype\":\"NOOP\",\"magic\":0}", NULL},
        {"{\"keytype\":\"ASSOC\",\"tenant\":\"default\",\"subject\":\"s\"}", "{\"guid\":\"x\"}"},
        {"{\"keytype\":\"SCHEMA\",\"subject\":\"s\",\"version\":1,\"magic\":1}",
         "{\"subject\":\"s\",\"version\":1,\"id\":3,\"schema\":\"\\\"int\\\"\",\"deleted\":false}"},
        {"{\"keytype\":\"SCHEMA\",\"subject\":\"s\",\"version\":2,\"magic\":1}",
         "{\"subject\":\"s\",\"version\":2,\"id\":4,\"md5\":\"AAAA\",\"schemaType\":\"AVRO\",\"references\":[],"
         "\"metadata\":{\"properties\":{\"b\":\"1\",\"a\":\"2\"}},\"ruleSet\":{\"domainRules\":[{\"name\":\"r\","
         "\"kind\":\"CONDITION\",\"mode\":\"WRITE\",\"type\":\"CEL\",\"expr\":\"true\",\"disabled\":false}]},"
         "\"schema\":\"\\\"long\\\"\",\"deleted\":false}"},
        {"{\"keytype\":\"CONFIG\",\"subject\":null,\"magic\":0}", "{\"compatibilityLevel\":\"FULL\",\"normalize\":true}"},
        {"{\"keytype\":\"MODE\",\"subject\":\"s\",\"magic\":0}", "{\"subject\":\"s\",\"mode\":\"READONLY\"}"},
        {"{\"keytype\":\"CONTEXT\",\"tenant\":\"default\",\"context\":\".c\",\"magic\":0}",
         "{\"tenant\":\"default\",\"context\":\".c\"}"},
        {"{\"keytype\":\"DELETE_SUBJECT\",\"subject\":\"s\",\"magic\":0}", "{\"subject\":\"s\",\"version\":1}"},
    };
    registry_t *r = registry_memory();
    registry_schema_t s;
    config_t config;
    registry_mode_t mode;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        assert_int_equal(state_apply(r, str_of(records[i][0]), str_of(records[i][1]), 7, NULL), ST_OK);
    assert_int_equal(registry_version(r, STR("s"), 1, false, &s, NULL), ST_NO_VERSION);
    assert_int_equal(registry_version(r, STR("s"), 1, true, &s, NULL), ST_OK);
    assert_int_equal(s.ts_ms, 7);
    assert_int_equal(registry_by_id(r, 4, STR_NONE, &s, NULL), ST_OK);
    assert_true(str_eq(s.metadata, STR("{\"properties\":{\"a\":\"2\",\"b\":\"1\"}}")));
    assert_true(str_find(s.rules, STR("\"kind\":\"CONDITION\",\"mode\":\"WRITE\"")) > 0);
    assert_int_equal(registry_config(r, REGISTRY_GLOBAL, false, &config, NULL), ST_OK);
    assert_true(config_is(&config, CONFIG_NORMALIZE));
    assert_int_equal(registry_mode(r, STR("s"), false, &mode, NULL), ST_OK);
    assert_int_equal(mode, REGISTRY_READONLY);
    assert_int_equal(state_apply(r, STR("{\"keytype\":\"CLEAR_SUBJECT\",\"subject\":\"s\",\"magic\":0}"),
                                 STR("{\"subject\":\"s\"}"), 7, NULL), ST_OK);
    assert_int_equal(registry_version(r, STR("s"), 1, true, &s, NULL), ST_NO_VERSION);
    registry_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_versions),
        cmocka_unit_test(levels),
        cmocka_unit_test(importing),
        cmocka_unit_test(metadata),
        cmocka_unit_test(references),
        cmocka_unit_test(reads_confluents_records),
        cmocka_unit_test_setup_teardown(survives_a_restart, world_enter, world_leave),
        cmocka_unit_test_setup_teardown(ids_are_not_given_twice, world_enter, world_leave),
        cmocka_unit_test_setup_teardown(a_full_disk_changes_nothing, world_enter, world_leave),
        cmocka_unit_test_setup_teardown(writes_confluents_records, world_enter, world_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
