/* config.c: topics' configs, and the broker's: describing and altering them. */
#include "broker/internal.h"

typedef enum config_type {
    BOOLEAN = 1,
    STRING = 2,
    INT = 3,
    LONG = 5,
    DOUBLE = 6,
    LIST_OF = 7
} config_type_t;

/* Where a value comes from, as the protocol numbers it. */
enum { SOURCE_TOPIC = 1, SOURCE_STATIC_BROKER = 4, SOURCE_DEFAULT = 5 };
enum {
    RESOURCE_TOPIC = 2,
    RESOURCE_BROKER = 4,
    RESOURCE_LOGGER = 8,
    RESOURCE_METRICS = 16,
    RESOURCE_GROUP = 32
};
enum { OP_SET, OP_DELETE, OP_APPEND, OP_SUBTRACT };

typedef struct config_row {
    const char *name;
    config_type_t type;
    const char *otherwise;
    const char *broker_name; /* the broker's property that changes the default; NULL: none */
    bool acts;
} config_row_t;

#define LIST LIST_OF
static const config_row_t topic_rows[] = {
#define CONFIG(name, type, otherwise, broker_name, acts) {name, type, otherwise, broker_name, acts},
#include "broker/topic_configs.def"
#undef CONFIG
};
#undef LIST

#define N_TOPIC_ROWS (sizeof topic_rows / sizeof *topic_rows)

static const config_row_t *row_of(str_t name)
{
    for (size_t i = 0; i < N_TOPIC_ROWS; i++)
        if (str_eq(name, str_of(topic_rows[i].name)))
            return &topic_rows[i];
    return NULL;
}

/* ---- values */

static str_t set_value(const log_config_t *config, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(config[i].name, str_of(name)))
            return config[i].value;
    return STR_NONE;
}

/* What the broker's properties say of a topic's config; ptr NULL: nothing. */
static str_t broker_value(const broker_t *b, const config_row_t *row)
{
    return row->broker_name ? broker_property(b, row->broker_name, STR_NONE) : STR_NONE;
}

static str_t value_of(const broker_t *b, const config_row_t *row, const log_config_t *config,
                      size_t n, int8_t *ret_source)
{
    str_t v = set_value(config, n, row->name);
    *ret_source = SOURCE_TOPIC;
    if (v.ptr)
        return v;
    v = broker_value(b, row);
    *ret_source = SOURCE_STATIC_BROKER;
    if (v.ptr)
        return v;
    *ret_source = SOURCE_DEFAULT;
    return str_of(row->otherwise);
}

static int64_t number_of(const broker_t *b, const log_topic_info_t *info, const char *name)
{
    int8_t source;
    int64_t n = 0;
    const config_row_t *row = row_of(str_of(name));
    ASSERT(row);
    if (!str_to_i64(value_of(b, row, info->config, info->n_configs, &source), &n))
        ASSERT(str_to_i64(str_of(row->otherwise), &n));
    return n;
}

broker_topic_rules_t broker_topic_rules(const broker_t *b, log_topic_t *t, arena_t *a)
{
    log_topic_info_t info = {0};
    if (log_topic_describe(b->log, log_topic_name(t), a, &info, NULL) != ST_OK)
        info.n_configs = 0; /* it is being deleted: the commit will say so */
    int8_t source;
    str_t policy = value_of(b, row_of(STR("cleanup.policy")), info.config, info.n_configs, &source);
    str_t stamp =
        value_of(b, row_of(STR("message.timestamp.type")), info.config, info.n_configs, &source);
    return (broker_topic_rules_t){
        .message_bytes_max = number_of(b, &info, "max.message.bytes"),
        .before_ms_max = number_of(b, &info, "message.timestamp.before.max.ms"),
        .after_ms_max = number_of(b, &info, "message.timestamp.after.max.ms"),
        .append_time = str_eq(stamp, STR("LogAppendTime")),
        .compacts = str_find(policy, STR("compact")) >= 0,
        .deletes = str_find(policy, STR("delete")) >= 0};
}

static bool type_fits(config_type_t type, str_t value)
{
    int32_t small;
    int64_t number;
    double real;
    bool yes;
    switch (type) {
    case BOOLEAN:
        return str_to_bool(value, &yes);
    case INT:
        return str_to_i32(value, &small);
    case LONG:
        return str_to_i64(value, &number);
    case DOUBLE:
        return str_to_f64(value, &real);
    case STRING:
    case LIST_OF:
        break;
    }
    return true;
}

static bool one_of(str_t value, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(value, str_of(*words)))
            return true;
    return false;
}

broker_failure_t broker_config_check(arena_t *a, const log_config_t *config, size_t n)
{
    static const char *const stamps[] = {"CreateTime", "LogAppendTime", NULL};
    static const char *const codecs[] = {"uncompressed", "producer", "gzip", "snappy",
                                         "lz4",          "zstd",     NULL};
    for (size_t i = 0; i < n; i++) {
        const config_row_t *row = row_of(config[i].name);
        str_t v = config[i].value;
        if (!row)
            return BROKER_FAIL(a, KAFKA_INVALID_CONFIG, "Unknown topic config name: " STR_FMT,
                               STR_ARG(config[i].name));
        if (!v.ptr)
            return BROKER_FAIL(a, KAFKA_INVALID_CONFIG,
                               "Null value not supported for topic configs: %s", row->name);
        bool good = type_fits(row->type, v);
        if (str_eq(config[i].name, STR("message.timestamp.type")))
            good = one_of(v, stamps);
        else if (str_eq(config[i].name, STR("compression.type")))
            good = one_of(v, codecs);
        if (!good)
            return BROKER_FAIL(a, KAFKA_INVALID_CONFIG,
                               "Invalid value " STR_FMT " for configuration %s", STR_ARG(v),
                               row->name);
    }
    return (broker_failure_t){0};
}

void broker_config_put_created(broker_request_t *r, const log_topic_info_t *info,
                               wire_create_topics_response_topic_t *to)
{
    NEW_LIST(&r->arena, to->configs, create_topics_response_config, N_TOPIC_ROWS);
    for (size_t i = 0; i < N_TOPIC_ROWS; i++) {
        wire_create_topics_response_config_t *c = &to->configs.ptr[i];
        c->name = str_of(topic_rows[i].name);
        c->value = value_of(broker_of(r), &topic_rows[i], info->config, info->n_configs,
                            &c->config_source);
    }
}

/* ---- DescribeConfigs */

typedef wire_describe_configs_response_config_t described_t;

static bool is_asked(const wire_describe_configs_request_resource_t *m, const char *name)
{
    for (int32_t i = 0; i < m->configuration_keys.len; i++)
        if (str_eq(m->configuration_keys.ptr[i], str_of(name)))
            return true;
    return !m->configuration_keys.ptr;
}

static void add_synonym(described_t *c, str_t name, str_t value, int8_t source)
{
    if (value.ptr)
        c->synonyms.ptr[c->synonyms.len++] =
            (wire_describe_configs_response_synonym_t){name, value, source};
}

/* Of a time in milliseconds that Kafka's broker also knows in hours, which is where its default
 * is: so this name has none. */
static bool has_units(str_t broker_name)
{
    return str_eq(broker_name, STR("log.retention.ms")) ||
           str_eq(broker_name, STR("log.roll.ms")) ||
           str_eq(broker_name, STR("log.roll.jitter.ms")) ||
           str_eq(broker_name, STR("log.flush.interval.ms"));
}

static void describe_topic(broker_request_t *r, const wire_describe_configs_request_resource_t *m,
                           wire_describe_configs_response_result_t *to)
{
    const wire_describe_configs_request_t *request = r->message;
    broker_t *b = broker_of(r);
    log_topic_info_t info;
    if (!broker_may(r->conn, ACL_DESCRIBE_CONFIGS, ACL_TOPIC, m->resource_name)) {
        to->error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
        return;
    }
    if (log_topic_describe(b->log, m->resource_name, &r->arena, &info, NULL) != ST_OK) {
        to->error_code = broker_topic_name_good(m->resource_name) ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
                                                                  : KAFKA_INVALID_TOPIC;
        return;
    }
    NEW_LIST(&r->arena, to->configs, describe_configs_response_config, N_TOPIC_ROWS);
    to->configs.len = 0;
    for (size_t i = 0; i < N_TOPIC_ROWS; i++) {
        const config_row_t *row = &topic_rows[i];
        if (!is_asked(m, row->name))
            continue;
        described_t *c = &to->configs.ptr[to->configs.len++];
        c->name = str_of(row->name);
        c->value = value_of(b, row, info.config, info.n_configs, &c->config_source);
        c->config_type = (int8_t)row->type;
        if (request->include_documentation)
            c->documentation =
                row->acts ? STR("") : STR("Kept and shown; it changes nothing here.");
        if (!request->include_synonyms)
            continue;
        NEW_LIST(&r->arena, c->synonyms, describe_configs_response_synonym, 3);
        c->synonyms.len = 0;
        str_t broker_name = row->broker_name ? str_of(row->broker_name) : c->name;
        add_synonym(c, c->name, set_value(info.config, info.n_configs, row->name), SOURCE_TOPIC);
        add_synonym(c, broker_name, broker_value(b, row), SOURCE_STATIC_BROKER);
        if (row->broker_name && !has_units(broker_name))
            add_synonym(c, broker_name, str_of(row->otherwise), SOURCE_DEFAULT);
    }
}

static const struct option_row {
    const char *name;
    bool is_bool;
    size_t offset;
} option_rows[] = {
#define INT(field, name, otherwise, min, max) {name, false, offsetof(broker_config_t, field)},
#define BOOL(field, name, otherwise)          {name, true, offsetof(broker_config_t, field)},
#include "broker/options.def"
#undef INT
#undef BOOL
};

#define N_OPTION_ROWS (sizeof option_rows / sizeof *option_rows)

static void describe_broker(broker_request_t *r, const wire_describe_configs_request_resource_t *m,
                            wire_describe_configs_response_result_t *to)
{
    broker_t *b = broker_of(r);
    if (!broker_may_cluster(r->conn, ACL_DESCRIBE_CONFIGS)) {
        to->error_code = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
        return;
    }
    NEW_LIST(&r->arena, to->configs, describe_configs_response_config, N_OPTION_ROWS);
    to->configs.len = 0;
    for (size_t i = 0; i < N_OPTION_ROWS && m->resource_name.len; i++) {
        const struct option_row *row = &option_rows[i];
        const char *at = (const char *)&b->config + row->offset;
        if (!is_asked(m, row->name))
            continue;
        described_t *c = &to->configs.ptr[to->configs.len++];
        bool given = broker_property(b, row->name, STR_NONE).ptr != NULL;
        c->name = str_of(row->name);
        c->value = row->is_bool ? *(const bool *)at ? STR("true") : STR("false")
                                : arena_printf(&r->arena, "%lld", *(const long long *)at);
        c->read_only = true;
        c->config_source = given ? SOURCE_STATIC_BROKER : SOURCE_DEFAULT;
        c->config_type = row->is_bool ? BOOLEAN : LONG;
    }
}

void broker_on_describe_configs(broker_request_t *r)
{
    MESSAGE(describe_configs);
    RESPONSE(describe_configs);
    NEW_LIST(&r->arena, answer->results, describe_configs_response_result, m->resources.len);
    for (int32_t i = 0; i < m->resources.len && !broker_answer_full(r); i++) {
        const wire_describe_configs_request_resource_t *from = &m->resources.ptr[i];
        wire_describe_configs_response_result_t *to = &answer->results.ptr[i];
        to->resource_type = from->resource_type;
        to->resource_name = from->resource_name;
        switch (from->resource_type) {
        case RESOURCE_TOPIC:
            describe_topic(r, from, to);
            break;
        case RESOURCE_BROKER:
            describe_broker(r, from, to);
            break;
        case RESOURCE_LOGGER:
        case RESOURCE_METRICS:
        case RESOURCE_GROUP:
            break; /* there are none */
        default:
            to->error_code = KAFKA_INVALID_REQUEST;
            to->error_message = STR("an unknown type of resource");
        }
    }
    broker_answer(r, answer);
}

/* ---- altering */

static broker_failure_t alter_topic(broker_request_t *r, str_t name, const log_config_t *config,
                                    size_t n, bool validate_only)
{
    broker_t *b = broker_of(r);
    err_t err;
    log_topic_t *t;
    static const wire_uuid_t none;
    VEC(log_config_t) set = {0};
    int16_t code = broker_topic_find(r->conn, ACL_ALTER_CONFIGS, name, &none, &t);
    if (code)
        return (broker_failure_t){code, STR_NONE};
    log_topic_unref(t);
    for (size_t i = 0; i < n; i++)
        if (config[i].value.ptr)
            VEC_PUSH(&set, config[i]);
    broker_failure_t f = broker_config_check(&r->arena, set.ptr, set.len);
    VEC_DONE(&set);
    if (f.code || validate_only)
        return f;
    st_t st = log_topic_alter(b->log, name, config, n, &err);
    return st == ST_OK ? (broker_failure_t){0}
                       : BROKER_FAIL(&r->arena, broker_code(st), "%s", err.msg);
}

static broker_failure_t not_a_topic(broker_request_t *r)
{
    if (!broker_may_cluster(r->conn, ACL_ALTER_CONFIGS))
        return (broker_failure_t){KAFKA_CLUSTER_AUTHORIZATION_FAILED, STR_NONE};
    return BROKER_FAIL(&r->arena, KAFKA_INVALID_REQUEST,
                       "only topics' configs can be altered; the broker's come from its properties "
                       "file");
}

/* What is not named goes back to its default. */
static broker_failure_t alter_one(broker_request_t *r,
                                  const wire_alter_configs_request_resource_t *m)
{
    const wire_alter_configs_request_t *request = r->message;
    broker_t *b = broker_of(r);
    log_topic_info_t info = {0};
    if (m->resource_type != RESOURCE_TOPIC)
        return not_a_topic(r);
    st_t st = log_topic_describe(b->log, m->resource_name, &r->arena, &info, NULL);
    size_t n = 0, most = (st == ST_OK ? info.n_configs : 0) + (size_t)m->configs.len;
    log_config_t *config = ARENA_ARRAY(&r->arena, log_config_t, most + 1);
    for (size_t i = 0; st == ST_OK && i < info.n_configs; i++)
        if (row_of(info.config[i].name))
            config[n++] = (log_config_t){info.config[i].name, STR_NONE};
    for (int32_t i = 0; i < m->configs.len; i++)
        config[n++] = (log_config_t){m->configs.ptr[i].name, m->configs.ptr[i].value};
    return alter_topic(r, m->resource_name, config, n, request->validate_only);
}

void broker_on_alter_configs(broker_request_t *r)
{
    MESSAGE(alter_configs);
    RESPONSE(alter_configs);
    NEW_LIST(&r->arena, answer->responses, alter_configs_response_resource, m->resources.len);
    for (int32_t i = 0; i < m->resources.len && !broker_answer_full(r); i++) {
        broker_failure_t f = alter_one(r, &m->resources.ptr[i]);
        answer->responses.ptr[i] = (wire_alter_configs_response_resource_t){
            f.code, f.text, m->resources.ptr[i].resource_type, m->resources.ptr[i].resource_name};
    }
    broker_answer(r, answer);
}

static bool list_has(str_t list, str_t word)
{
    str_t one;
    while (str_split(&list, ',', &one))
        if (str_eq(str_trim(one), word))
            return true;
    return false;
}

/* A list with the words of `change` added or taken out. */
static str_t change_list(arena_t *a, str_t list, str_t change, bool add)
{
    buf_t b = BUF_INIT;
    str_t one;
    for (str_t rest = list; str_split(&rest, ',', &one);)
        if (str_trim(one).len && (add || !list_has(change, str_trim(one))))
            buf_printf(&b, "%s" STR_FMT, b.len ? "," : "", STR_ARG(str_trim(one)));
    for (str_t rest = change; add && str_split(&rest, ',', &one);)
        if (str_trim(one).len && !list_has(list, str_trim(one)))
            buf_printf(&b, "%s" STR_FMT, b.len ? "," : "", STR_ARG(str_trim(one)));
    str_t done = b.len ? arena_str(a, buf_str(&b)) : STR("");
    buf_done(&b);
    return done;
}

static broker_failure_t alter_by_steps(broker_request_t *r,
                                       const wire_incremental_alter_configs_request_resource_t *m)
{
    const wire_incremental_alter_configs_request_t *request = r->message;
    broker_t *b = broker_of(r);
    log_topic_info_t info = {0};
    if (m->resource_type != RESOURCE_TOPIC)
        return not_a_topic(r);
    if (log_topic_describe(b->log, m->resource_name, &r->arena, &info, NULL) != ST_OK)
        info.n_configs = 0; /* alter_topic says so */
    log_config_t *config = ARENA_ARRAY(&r->arena, log_config_t, m->configs.len + 1);
    for (int32_t i = 0; i < m->configs.len; i++) {
        const wire_incremental_alter_configs_request_config_t *c = &m->configs.ptr[i];
        const config_row_t *row = row_of(c->name);
        int8_t source;
        config[i] = (log_config_t){c->name, c->value};
        if (!row || (c->config_operation != OP_DELETE && !c->value.ptr))
            return broker_config_check(&r->arena, &config[i], 1);
        if (c->config_operation == OP_DELETE)
            config[i].value = STR_NONE;
        else if (c->config_operation == OP_SET)
            continue;
        else if (c->config_operation > OP_SUBTRACT || c->config_operation < 0)
            return BROKER_FAIL(&r->arena, KAFKA_INVALID_REQUEST, "Unknown operation type: %d",
                               c->config_operation);
        else if (row->type != LIST_OF)
            return BROKER_FAIL(&r->arena, KAFKA_INVALID_CONFIG,
                               "Can't append or subtract: %s is not a list", row->name);
        else
            config[i].value =
                change_list(&r->arena, value_of(b, row, info.config, info.n_configs, &source),
                            c->value, c->config_operation == OP_APPEND);
    }
    return alter_topic(r, m->resource_name, config, (size_t)m->configs.len, request->validate_only);
}

void broker_on_incremental_alter_configs(broker_request_t *r)
{
    MESSAGE(incremental_alter_configs);
    RESPONSE(incremental_alter_configs);
    NEW_LIST(&r->arena, answer->responses, incremental_alter_configs_response_resource,
             m->resources.len);
    for (int32_t i = 0; i < m->resources.len && !broker_answer_full(r); i++) {
        broker_failure_t f = alter_by_steps(r, &m->resources.ptr[i]);
        answer->responses.ptr[i] = (wire_incremental_alter_configs_response_resource_t){
            f.code, f.text, m->resources.ptr[i].resource_type, m->resources.ptr[i].resource_name};
    }
    broker_answer(r, answer);
}

/* ---- ListConfigResources */

void broker_on_list_config_resources(broker_request_t *r)
{
    MESSAGE(list_config_resources);
    RESPONSE(list_config_resources);
    broker_t *b = broker_of(r);
    log_topic_info_t *info;
    size_t n;
    bool topics = r->version > 0 && m->resource_types.len == 0;
    bool brokers = topics;
    for (int32_t i = 0; r->version > 0 && i < m->resource_types.len; i++) {
        topics |= m->resource_types.ptr[i] == RESOURCE_TOPIC;
        brokers |= m->resource_types.ptr[i] == RESOURCE_BROKER;
    }
    if (!topics || log_topic_list(b->log, &r->arena, &info, &n, NULL) != ST_OK)
        n = 0;
    NEW_LIST(&r->arena, answer->config_resources, list_config_resources_response_config_resource,
             n + (size_t)b->config.nodes);
    answer->config_resources.len = 0;
    for (size_t i = 0; i < n; i++)
        answer->config_resources.ptr[answer->config_resources.len++] =
            (wire_list_config_resources_response_config_resource_t){info[i].name, RESOURCE_TOPIC};
    for (int32_t i = 0; brokers && i < b->config.nodes; i++)
        answer->config_resources.ptr[answer->config_resources.len++] =
            (wire_list_config_resources_response_config_resource_t){
                arena_printf(&r->arena, "%d", broker_node_id(b, i)), RESOURCE_BROKER};
    broker_answer(r, answer);
}
