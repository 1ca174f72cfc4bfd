/* configs.c: kafka-configs: topics and brokers; users, clients and addresses are quotas.c's. */
#include "tool/quotas.h"
#include "tool/error.h"
#include "tool/row.h"
#include "tool/tool.h"

#include <stdio.h>

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"bootstrap-controller", "HOST:PORT,...", "as --bootstrap-server"},
    {"entity-type", "TYPE", "topics, brokers, users, clients or ips"},
    {"entity-name", "NAME", "the topic's name, the broker's id"},
    {"entity-default", NULL, "all brokers' defaults"},
    {"topic", "NAME", "--entity-type topics --entity-name NAME"},
    {"broker", "ID", "--entity-type brokers --entity-name ID"},
    FLAGS_QUOTAS,
    {"alter", NULL, "changes configs"},
    {"describe", NULL, "shows configs that were set"},
    {"all", NULL, "with --describe: all configs"},
    {"add-config", "NAME=VALUE,...", "sets; a value with commas stands in [brackets]"},
    {"delete-config", "NAME,...", "back to the default"},
    {"force", NULL, "has no effect"},
    {NULL, NULL, NULL}};

enum { TOPIC = 2, BROKER = 4, SET = 0, DELETE = 1 };

static ST read_entity(const flags_t *f, int8_t *ret_type, str_t *ret_name, err_t *err)
{
    str_t type = flags_get(f, "entity-type"), name = flags_get(f, "entity-name");
    if (flags_has(f, "topic")) {
        type = STR("topics");
        name = flags_get(f, "topic");
    } else if (flags_has(f, "broker")) {
        type = STR("brokers");
        name = flags_get(f, "broker");
    }
    if (str_eq(type, STR("topics")))
        *ret_type = TOPIC;
    else if (str_eq(type, STR("brokers")))
        *ret_type = BROKER;
    else
        return err_set(err, ST_BAD_INPUT,
                       "--entity-type is '" STR_FMT "': topics and brokers have configs here",
                       STR_ARG(type));
    *ret_name = flags_has(f, "entity-default") ? STR("") : name;
    return ST_OK;
}

bool configs_next_pair(str_t *in, str_t *ret_name, str_t *ret_value)
{
    size_t at = 0, depth = 0;
    while (at < in->len && (depth || in->ptr[at] != ',')) {
        depth += in->ptr[at] == '[';
        depth -= depth && in->ptr[at] == ']';
        at++;
    }
    str_t rest = str_trim(str_sub(*in, 0, at));
    *in = str_sub(*in, at + (at < in->len), SIZE_MAX);
    if (!str_split(&rest, '=', ret_name) || !ret_name->len)
        return false;
    *ret_name = str_trim(*ret_name);
    *ret_value = str_trim(rest);
    if (ret_value->len > 1 && ret_value->ptr[0] == '[' && ret_value->ptr[ret_value->len - 1] == ']')
        *ret_value = str_sub(*ret_value, 1, ret_value->len - 2);
    return true;
}

static ST read_changes(const flags_t *f, arena_t *a,
                       wire_incremental_alter_configs_request_resource_t *r, err_t *err)
{
    str_t add = flags_get(f, "add-config"), del = flags_get(f, "delete-config"), name, value;
    r->configs.ptr = WIRE_NEW(a, incremental_alter_configs_request_config, add.len + del.len + 2);
    while (add.len) {
        str_t before = add;
        if (!configs_next_pair(&add, &name, &value))
            return err_set(err, ST_BAD_INPUT,
                           "Invalid entity config: all configs to be added must be in the format "
                           "\"key=val\", not '" STR_FMT "'",
                           STR_ARG(before));
        r->configs.ptr[r->configs.len++] =
            (wire_incremental_alter_configs_request_config_t){name, SET, value};
    }
    while (str_split(&del, ',', &name))
        if (str_trim(name).len)
            r->configs.ptr[r->configs.len++] =
                (wire_incremental_alter_configs_request_config_t){str_trim(name), DELETE, STR_NONE};
    if (!r->configs.len)
        return err_set(err, ST_BAD_INPUT,
                       "At least one of --add-config or --delete-config must be specified with "
                       "--alter");
    return ST_OK;
}

static const char *noun(int8_t type)
{
    return type == TOPIC ? "topic" : "broker";
}

static ST alter(admin_t *a, const flags_t *f, err_t *err)
{
    wire_incremental_alter_configs_request_resource_t *r =
        WIRE_NEW(admin_arena(a), incremental_alter_configs_request_resource, 1);
    TRY(read_entity(f, &r->resource_type, &r->resource_name, err));
    if (!r->resource_name.ptr)
        return err_set(err, ST_BAD_INPUT, "--alter needs --entity-name");
    TRY(read_changes(f, admin_arena(a), r, err));
    wire_incremental_alter_configs_request_t q = {.resources = {r, 1}};
    wire_incremental_alter_configs_response_t answer;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_incremental_alter_configs, 1, &q, &answer, err));
    for (int32_t i = 0; i < answer.responses.len; i++)
        TRY(error_check(answer.responses.ptr[i].error_code, answer.responses.ptr[i].error_message,
                        err));
    if (row_wanted(f))
        ROW(ROW_TEXT("entityType", str_of(noun(r->resource_type))),
            ROW_TEXT("entityName", r->resource_name), ROW_BOOL("updated", true));
    else
        printf("Completed updating config for %s " STR_FMT ".\n", noun(r->resource_type),
               STR_ARG(r->resource_name));
    return ST_OK;
}

static const char *source_name(int8_t source)
{
    static const char *const names[] = {"UNKNOWN",
                                        "DYNAMIC_TOPIC_CONFIG",
                                        "DYNAMIC_BROKER_CONFIG",
                                        "DYNAMIC_DEFAULT_BROKER_CONFIG",
                                        "STATIC_BROKER_CONFIG",
                                        "DEFAULT_CONFIG",
                                        "DYNAMIC_BROKER_LOGGER_CONFIG",
                                        "DYNAMIC_CLIENT_METRICS_CONFIG",
                                        "DYNAMIC_GROUP_CONFIG"};
    return source >= 0 && source < 9 ? names[source] : names[0];
}

static void print_row(int8_t type, str_t name, const wire_describe_configs_response_config_t *c)
{
    ROW(ROW_TEXT("entityType", str_of(noun(type))), ROW_TEXT("entityName", name),
        ROW_TEXT("name", c->name), ROW_TEXT("value", c->value),
        ROW_BOOL("sensitive", c->is_sensitive), ROW_BOOL("readOnly", c->read_only),
        ROW_TEXT("source", str_of(source_name(c->config_source))));
}

static void print_config(const wire_describe_configs_response_config_t *c)
{
    printf("  " STR_FMT "=" STR_FMT " sensitive=%s synonyms={", STR_ARG(c->name),
           STR_ARG(c->value.ptr ? c->value : STR("null")), c->is_sensitive ? "true" : "false");
    for (int32_t i = 0; i < c->synonyms.len; i++) {
        const wire_describe_configs_response_synonym_t *s = &c->synonyms.ptr[i];
        printf("%s%s:" STR_FMT "=" STR_FMT, i ? ", " : "", source_name(s->source), STR_ARG(s->name),
               STR_ARG(s->value.ptr ? s->value : STR("null")));
    }
    puts("}");
}

static ST describe_one(admin_t *a, const flags_t *f, int8_t type, str_t name, err_t *err)
{
    wire_describe_configs_request_resource_t *r =
        WIRE_NEW(admin_arena(a), describe_configs_request_resource, 1);
    r->resource_type = type;
    r->resource_name = name;
    wire_describe_configs_request_t q = {.resources = {r, 1}, .include_synonyms = true};
    wire_describe_configs_response_t answer;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_describe_configs, 4, &q, &answer, err));
    if (answer.results.len != 1)
        return err_set(err, ST_CORRUPT, "the broker answers for %d entities, not one",
                       answer.results.len);
    const wire_describe_configs_response_result_t *one = &answer.results.ptr[0];
    TRY(error_check(one->error_code, one->error_message, err));
    bool all = flags_has(f, "all");
    if (!row_wanted(f))
        printf("%s configs for %s " STR_FMT " are:\n", all ? "All" : "Dynamic", noun(type),
               STR_ARG(name));
    int8_t own = type == TOPIC ? 1 : 2;
    for (int32_t i = 0; i < one->configs.len; i++) {
        const wire_describe_configs_response_config_t *c = &one->configs.ptr[i];
        if (!all && c->config_source != own)
            continue;
        if (row_wanted(f))
            print_row(type, name, c);
        else
            print_config(c);
    }
    return ST_OK;
}

static ST describe(admin_t *a, const flags_t *f, err_t *err)
{
    int8_t type;
    str_t name;
    TRY(read_entity(f, &type, &name, err));
    if (name.ptr)
        return describe_one(a, f, type, name, err);
    wire_metadata_response_t m;
    TRY(admin_metadata(a, NULL, 0, &m, err));
    if (type == BROKER)
        for (int32_t i = 0; i < m.brokers.len; i++)
            TRY(describe_one(a, f, type,
                             arena_printf(admin_arena(a), "%d", m.brokers.ptr[i].node_id), err));
    else
        for (int32_t i = 0; i < m.topics.len; i++)
            TRY(describe_one(a, f, type, m.topics.ptr[i].name, err));
    return ST_OK;
}

static ST run(admin_t *a, const flags_t *f, err_t *err)
{
    if (quotas_meant(f))
        return quotas_run(a, f, err);
    return flags_has(f, "alter") ? alter(a, f, err) : describe(a, f, err);
}

int tool_configs(int argc, char **argv)
{
    static const admin_action_t actions[] = {{"alter", run}, {"describe", run}};
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    return admin_run_action(&f, actions, 2, "--describe, --alter",
                            "Error while executing config command: ");
}
