/* topics.c: kafka-topics. */
#include "tool/admin.h"
#include "tool/error.h"
#include "tool/row.h"
#include "tool/tool.h"

#include <stdio.h>

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"create", NULL, "creates a topic"},
    {"list", NULL, "lists topics"},
    {"describe", NULL, "shows topics' partitions and configs"},
    {"delete", NULL, "deletes topics"},
    {"alter", NULL, "gives a topic more partitions"},
    {"topic", "NAME", "the topic; but for --create, names or a regular expression"},
    {"topic-id", "ID", "the topic's id, with --describe"},
    {"partitions", "N", "how many partitions it has, or is to have"},
    {"replication-factor", "N", "how many copies"},
    {"replica-assignment", "LIST", "not supported: the broker places replicas"},
    {"config", "NAME=VALUE", "a config of the new topic; may be given more than once"},
    {"if-exists", NULL, "a topic that is missing is no error"},
    {"if-not-exists", NULL, "a topic that is there is no error"},
    {"exclude-internal", NULL, "leaves internal topics out"},
    {"under-replicated-partitions", NULL, "describes only these"},
    {"unavailable-partitions", NULL, "describes only those without a leader"},
    {"under-min-isr-partitions", NULL, "describes only these"},
    {"at-min-isr-partitions", NULL, "describes only these"},
    {"topics-with-overrides", NULL, "describes only topics that have configs of their own"},
    {NULL, NULL, NULL}};

/* ---- create */

static void print_warning(str_t name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '.' || name.ptr[i] == '_') {
            puts("WARNING: Due to limitations in metric names, topics with a period ('.') or "
                 "underscore ('_') could collide. To avoid issues it is best to use either, but "
                 "not both.");
            return;
        }
}

static ST read_configs(const flags_t *f, arena_t *a, wire_create_topics_request_topic_t *t,
                       err_t *err)
{
    t->configs.ptr = WIRE_NEW(a, create_topics_request_config, f->n_given + 1);
    for (str_t one; (one = flags_nth(f, "config", (size_t)t->configs.len)).ptr;) {
        str_t rest = one, name;
        if (!str_split(&rest, '=', &name) || name.len == one.len)
            return err_set(err, ST_BAD_INPUT, "--config is '" STR_FMT "': NAME=VALUE",
                           STR_ARG(one));
        wire_create_topics_request_config_t *c = &t->configs.ptr[t->configs.len++];
        c->name = str_trim(name);
        c->value = str_trim(rest);
    }
    return ST_OK;
}

static ST create(admin_t *a, const flags_t *f, err_t *err)
{
    wire_create_topics_request_topic_t *t =
        WIRE_NEW(admin_arena(a), create_topics_request_topic, 1);
    int64_t partitions, replicas;
    t->name = flags_get(f, "topic");
    if (!t->name.len)
        return err_set(err, ST_BAD_INPUT, "--create needs --topic NAME");
    if (flags_has(f, "replica-assignment"))
        return err_set(err, ST_BAD_INPUT, "--replica-assignment: the broker places replicas");
    if (!row_wanted(f))
        print_warning(t->name);
    TRY(flags_i64(f, "partitions", -1, 1, 10000, &partitions, err));
    TRY(flags_i64(f, "replication-factor", -1, 1, INT16_MAX, &replicas, err));
    t->num_partitions = (int32_t)partitions;
    t->replication_factor = (int16_t)replicas;
    TRY(read_configs(f, admin_arena(a), t, err));
    wire_create_topics_request_t q = {.topics = {t, 1}, .timeout_ms = 30000};
    wire_create_topics_response_t r;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_create_topics, 7, &q, &r, err));
    if (r.topics.len != 1)
        return err_set(err, ST_CORRUPT, "the broker says nothing of the topic");
    st_t st = error_check(r.topics.ptr[0].error_code, r.topics.ptr[0].error_message, err);
    if (st == ST_EXISTS && flags_has(f, "if-not-exists"))
        return ST_OK;
    TRY(st);
    if (row_wanted(f))
        ROW(ROW_TEXT("topic", t->name), ROW_BOOL("created", true));
    else
        printf("Created topic " STR_FMT ".\n", STR_ARG(t->name));
    return ST_OK;
}

/* ---- the topics that are meant */

static int cmp_topics(const void *x, const void *y)
{
    return str_cmp(((const wire_metadata_response_topic_t *)x)->name,
                   ((const wire_metadata_response_topic_t *)y)->name);
}

/* Those that --topic names, sorted, at the list's start. ST_NOT_FOUND when there are none but
 * should be. */
static ST find_topics(admin_t *a, const flags_t *f, wire_metadata_response_t *m, err_t *err)
{
    str_t pattern = flags_get(f, "topic"), id = flags_get(f, "topic-id");
    TRY(admin_metadata(a, NULL, 0, m, err));
    int32_t n = 0;
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_metadata_response_topic_t *t = &m->topics.ptr[i];
        bool match = true;
        if (pattern.ptr)
            TRY(admin_matches(pattern, t->name, &match, err));
        if (id.ptr)
            match &= str_eq(id, wire_id_text(admin_arena(a), t->topic_id.byte));
        if (match && !(t->is_internal && flags_has(f, "exclude-internal")))
            m->topics.ptr[n++] = *t;
    }
    m->topics.len = n;
    if (n)
        qsort(m->topics.ptr, (size_t)n, sizeof *m->topics.ptr, cmp_topics);
    if (!n && (pattern.ptr || id.ptr) && !flags_has(f, "if-exists"))
        return err_set(err, ST_NOT_FOUND, "Topic '" STR_FMT "' does not exist as expected",
                       STR_ARG(pattern.ptr ? pattern : id));
    return ST_OK;
}

static ST list(admin_t *a, const flags_t *f, err_t *err)
{
    wire_metadata_response_t m;
    TRY(admin_metadata(a, NULL, 0, &m, err));
    st_t st = find_topics(a, f, &m, err);
    if (st != ST_NOT_FOUND)
        TRY(st);
    for (int32_t i = 0; st == ST_OK && i < m.topics.len; i++)
        if (row_wanted(f))
            ROW(ROW_TEXT("topic", m.topics.ptr[i].name),
                ROW_BOOL("internal", m.topics.ptr[i].is_internal));
        else
            printf(STR_FMT "\n", STR_ARG(m.topics.ptr[i].name));
    return ST_OK;
}

/* ---- describe */

enum { RESOURCE_TOPIC = 2, SOURCE_DYNAMIC_TOPIC = 1 };

static ST topic_configs(admin_t *a, const wire_metadata_response_t *m,
                        wire_describe_configs_response_t *ret, err_t *err)
{
    wire_describe_configs_request_t q = {0};
    q.resources.ptr =
        WIRE_NEW(admin_arena(a), describe_configs_request_resource, m->topics.len + 1);
    q.resources.len = m->topics.len;
    for (int32_t i = 0; i < m->topics.len; i++) {
        q.resources.ptr[i].resource_type = RESOURCE_TOPIC;
        q.resources.ptr[i].resource_name = m->topics.ptr[i].name;
    }
    return admin_call(a, ADMIN_ANY, WIRE_API_describe_configs, 4, &q, ret, err);
}

static str_t overrides(arena_t *a, const wire_describe_configs_response_t *r, str_t topic)
{
    buf_t b = BUF_INIT;
    for (int32_t i = 0; i < r->results.len; i++) {
        const wire_describe_configs_response_result_t *one = &r->results.ptr[i];
        for (int32_t k = 0; str_eq(one->resource_name, topic) && k < one->configs.len; k++) {
            const wire_describe_configs_response_config_t *c = &one->configs.ptr[k];
            if (c->config_source == SOURCE_DYNAMIC_TOPIC)
                buf_printf(&b, "%s" STR_FMT "=" STR_FMT, b.len ? "," : "", STR_ARG(c->name),
                           STR_ARG(c->value));
        }
    }
    str_t text = arena_str(a, buf_str(&b));
    buf_done(&b);
    return text;
}

static void print_ids(const char *title, const int32_t *id, int32_t n)
{
    printf("\t%s: ", title);
    for (int32_t i = 0; i < n; i++)
        printf("%s%d", i ? "," : "", id[i]);
}

static bool is_wanted(const flags_t *f, const wire_metadata_response_partition_t *p,
                      int64_t min_isr)
{
    if (flags_has(f, "under-replicated-partitions"))
        return p->isr_nodes.len < p->replica_nodes.len;
    if (flags_has(f, "unavailable-partitions"))
        return p->leader_id < 0;
    if (flags_has(f, "under-min-isr-partitions"))
        return p->isr_nodes.len < min_isr;
    if (flags_has(f, "at-min-isr-partitions"))
        return p->isr_nodes.len == min_isr;
    return true;
}

static int cmp_partitions(const void *x, const void *y)
{
    return ((const wire_metadata_response_partition_t *)x)->partition_index -
           ((const wire_metadata_response_partition_t *)y)->partition_index;
}

static int64_t min_isr_of(const wire_describe_configs_response_t *r, str_t topic)
{
    int64_t n = 1;
    for (int32_t i = 0; i < r->results.len; i++)
        for (int32_t k = 0;
             str_eq(r->results.ptr[i].resource_name, topic) && k < r->results.ptr[i].configs.len;
             k++) {
            const wire_describe_configs_response_config_t *c = &r->results.ptr[i].configs.ptr[k];
            if (str_eq(c->name, STR("min.insync.replicas")) && !str_to_i64(c->value, &n))
                n = 1;
        }
    return n;
}

static void print_topic(const flags_t *f, arena_t *a, const wire_metadata_response_topic_t *t,
                        str_t own)
{
    int32_t replicas = t->partitions.len ? t->partitions.ptr[0].replica_nodes.len : 0;
    str_t id = wire_id_text(a, t->topic_id.byte);
    if (row_wanted(f))
        ROW(ROW_TEXT("topic", t->name), ROW_TEXT("topicId", id),
            ROW_INT("partitionCount", t->partitions.len), ROW_INT("replicationFactor", replicas),
            ROW_TEXT("configs", own.ptr ? own : STR("")));
    else
        printf("Topic: " STR_FMT "\tTopicId: " STR_FMT
               "\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: " STR_FMT "\n",
               STR_ARG(t->name), STR_ARG(id), t->partitions.len, replicas, STR_ARG(own));
}

static void print_partition(const flags_t *f, str_t topic,
                            const wire_metadata_response_partition_t *p)
{
    if (row_wanted(f)) {
        ROW(ROW_TEXT("topic", topic), ROW_INT("partition", p->partition_index),
            ROW_INT("leader", p->leader_id),
            ROW_INTS("replicas", p->replica_nodes.ptr, p->replica_nodes.len),
            ROW_INTS("isr", p->isr_nodes.ptr, p->isr_nodes.len));
        return;
    }
    printf("\tTopic: " STR_FMT "\tPartition: %d\tLeader: ", STR_ARG(topic), p->partition_index);
    printf(p->leader_id < 0 ? "none" : "%d", p->leader_id);
    print_ids("Replicas", p->replica_nodes.ptr, p->replica_nodes.len);
    print_ids("Isr", p->isr_nodes.ptr, p->isr_nodes.len);
    puts("\tElr: \tLastKnownElr: ");
}

static ST describe(admin_t *a, const flags_t *f, err_t *err)
{
    static const char *const partly[] = {"under-replicated-partitions", "unavailable-partitions",
                                         "under-min-isr-partitions", "at-min-isr-partitions", NULL};
    wire_metadata_response_t m;
    wire_describe_configs_response_t c;
    TRY(find_topics(a, f, &m, err));
    TRY(topic_configs(a, &m, &c, err));
    for (int32_t i = 0; i < m.topics.len; i++) {
        wire_metadata_response_topic_t *t = &m.topics.ptr[i];
        str_t own = overrides(admin_arena(a), &c, t->name);
        if (flags_has(f, "topics-with-overrides") && !own.len)
            continue;
        if (!flags_count(f, partly))
            print_topic(f, admin_arena(a), t, own);
        if (flags_has(f, "topics-with-overrides"))
            continue;
        qsort(t->partitions.ptr, (size_t)t->partitions.len, sizeof *t->partitions.ptr,
              cmp_partitions);
        int64_t min_isr = min_isr_of(&c, t->name);
        for (int32_t k = 0; k < t->partitions.len; k++) {
            const wire_metadata_response_partition_t *p = &t->partitions.ptr[k];
            if (is_wanted(f, p, min_isr))
                print_partition(f, t->name, p);
        }
    }
    return ST_OK;
}

/* ---- delete, alter */

static ST delete_topics(admin_t *a, const flags_t *f, err_t *err)
{
    wire_metadata_response_t m;
    if (!flags_has(f, "topic"))
        return err_set(err, ST_BAD_INPUT, "--delete needs --topic");
    TRY(find_topics(a, f, &m, err));
    wire_delete_topics_request_t q = {.timeout_ms = 30000};
    q.topic_names.ptr = ARENA_ARRAY(admin_arena(a), str_t, m.topics.len + 1);
    q.topic_names.len = m.topics.len;
    for (int32_t i = 0; i < m.topics.len; i++)
        q.topic_names.ptr[i] = m.topics.ptr[i].name;
    wire_delete_topics_response_t r;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_delete_topics, 5, &q, &r, err));
    for (int32_t i = 0; i < r.responses.len; i++) {
        TRY(error_check(r.responses.ptr[i].error_code, r.responses.ptr[i].error_message, err));
        if (row_wanted(f))
            ROW(ROW_TEXT("topic", r.responses.ptr[i].name), ROW_BOOL("deleted", true));
    }
    return ST_OK;
}

static ST alter(admin_t *a, const flags_t *f, err_t *err)
{
    wire_metadata_response_t m;
    int64_t partitions;
    if (!flags_has(f, "topic") || !flags_has(f, "partitions"))
        return err_set(err, ST_BAD_INPUT,
                       "--alter needs --topic and --partitions (configs are kafka-configs')");
    TRY(flags_i64(f, "partitions", 1, 1, 10000, &partitions, err));
    TRY(find_topics(a, f, &m, err));
    wire_create_partitions_request_t q = {.timeout_ms = 30000};
    q.topics.ptr = WIRE_NEW(admin_arena(a), create_partitions_request_topic, m.topics.len + 1);
    q.topics.len = m.topics.len;
    for (int32_t i = 0; i < m.topics.len; i++) {
        q.topics.ptr[i].name = m.topics.ptr[i].name;
        q.topics.ptr[i].count = (int32_t)partitions;
    }
    wire_create_partitions_response_t r;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_create_partitions, 3, &q, &r, err));
    for (int32_t i = 0; i < r.results.len; i++) {
        TRY(error_check(r.results.ptr[i].error_code, r.results.ptr[i].error_message, err));
        if (row_wanted(f))
            ROW(ROW_TEXT("topic", r.results.ptr[i].name), ROW_INT("partitionCount", partitions));
    }
    return ST_OK;
}

int tool_topics(int argc, char **argv)
{
    static const admin_action_t actions[] = {{"create", create},
                                             {"list", list},
                                             {"describe", describe},
                                             {"delete", delete_topics},
                                             {"alter", alter}};
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    return admin_run_action(&f, actions, sizeof actions / sizeof *actions,
                            "--list, --describe, --create, --alter or --delete",
                            "Error while executing topic command : ");
}
