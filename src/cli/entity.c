#include "cli/entity.h"

#include "cli/table.h"

#define COLUMNS_MAX 6

/* Entities that are a list: one row an item. */
typedef struct list_kind {
    const char *type, *member;
    const char *title[COLUMNS_MAX], *name[COLUMNS_MAX]; /* of the item's members */
    const char *footer;
} list_kind_t;

static const list_kind_t list_kinds[] = {
    {"streams",
     "streams",
     {"Stream Name", "Kafka Topic", "Key Format", "Value Format", "Windowed"},
     {"name", "topic", "keyFormat", "valueFormat", "isWindowed"},
     NULL},
    {"tables",
     "tables",
     {"Table Name", "Kafka Topic", "Key Format", "Value Format", "Windowed"},
     {"name", "topic", "keyFormat", "valueFormat", "isWindowed"},
     NULL},
    {"queries",
     "queries",
     {"Query ID", "Query Type", "Status", "Sink Name", "Sink Kafka Topic", "Query String"},
     {"id", "queryType", "statusCount", "sinks", "sinkKafkaTopics", "queryString"},
     "For detailed information on a Query run: EXPLAIN <Query ID>;"},
    {"properties",
     "properties",
     {"Property", "Level", "Effective Value"},
     {"name", "level", "value"},
     NULL},
    {"function_names",
     "functions",
     {"Function Name", "Category", "Type"},
     {"name", "category", "type"},
     NULL},
    {"variables", "variables", {"Variable Name", "Value"}, {"name", "value"}, NULL},
    {"connector_plugins_list",
     "connectorsPlugins",
     {"Class", "Type", "Version"},
     {"className", "type", "version"},
     NULL},
    {"connector_list",
     "connectors",
     {"Connector Name", "Type", "Class", "Status"},
     {"name", "type", "className", "state"},
     NULL},
};

/* A statement with each run of white space outside quotes as one blank. */
static void put_one_line(buf_t *b, str_t text)
{
    char quote = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool blank = !quote && (c == ' ' || c == '\n' || c == '\t' || c == '\r');
        if (!blank)
            buf_put_char(b, c);
        else if (b->len && b->ptr[b->len - 1] != ' ')
            buf_put_char(b, ' ');
        if (quote ? c == quote : c == '\'' || c == '`' || c == '"')
            quote = quote ? 0 : c;
    }
}

static void put_cell(cli_table_t *t, const char *name, const json_value_t *v)
{
    buf_t cell = BUF_INIT;
    if (v && v->kind == JSON_OBJECT && v->n == 1) /* {"RUNNING":1} */
        buf_printf(&cell, STR_FMT ":" STR_FMT, STR_ARG(v->name[0]), STR_ARG(v->item[0].text));
    else if (v && v->kind == JSON_STRING && !strcmp(name, "queryString"))
        put_one_line(&cell, v->text);
    else
        cli_text_put(&cell, v && v->kind == JSON_ARRAY && v->n == 1 ? &v->item[0] : v);
    cli_table_cell(t, buf_str(&cell));
    buf_done(&cell);
}

static void put_list(buf_t *b, const list_kind_t *k, const json_value_t *entity)
{
    const json_value_t *list = json_get(entity, k->member);
    size_t n = 0;
    while (n < COLUMNS_MAX && k->title[n])
        n++;
    cli_table_t t;
    cli_table_init(&t, k->title, n);
    for (size_t i = 0; list && i < list->n; i++)
        for (size_t c = 0; c < n; c++)
            put_cell(&t, k->name[c], json_get(&list->item[i], k->name[c]));
    cli_table_put(b, &t);
    cli_table_done(&t);
    if (k->footer && list && list->n)
        buf_printf(b, "%s\n", k->footer);
}

static void put_topics(buf_t *b, const json_value_t *entity, bool extended)
{
    static const char *const titles[] = {"Kafka Topic", "Partitions", "Partition Replicas",
                                         "Consumers", "ConsumerGroups"};
    const json_value_t *list = json_get(entity, "topics");
    cli_table_t t;
    cli_table_init(&t, titles, extended ? 5 : 3);
    for (size_t i = 0; list && i < list->n; i++) {
        const json_value_t *replicas = json_get(&list->item[i], "replicaInfo");
        char n[24];
        snprintf(n, sizeof n, "%zu", replicas ? replicas->n : 0);
        cli_table_cell(&t, json_get_text(&list->item[i], "name", STR("")));
        cli_table_cell(&t, str_of(n));
        cli_table_value(&t, replicas && replicas->n ? &replicas->item[0] : NULL);
        if (extended) {
            cli_table_value(&t, json_get(&list->item[i], "consumerCount"));
            cli_table_value(&t, json_get(&list->item[i], "consumerGroupCount"));
        }
    }
    cli_table_put(b, &t);
    cli_table_done(&t);
}

/* ---- messages */

static void put_message(buf_t *b, const char *title, str_t text)
{
    cli_table_t t;
    cli_table_init(&t, &title, 1);
    cli_table_cell(&t, text);
    cli_table_put(b, &t);
    cli_table_done(&t);
}

/* ---- descriptions */

static void put_type(buf_t *b, const json_value_t *schema)
{
    str_t type = json_get_text(schema, "type", STR("?"));
    const json_value_t *fields = json_get(schema, "fields");
    const json_value_t *member = json_get(schema, "memberSchema");
    if (str_eq(type, STR("STRING"))) {
        BUF_LIT(b, "VARCHAR(STRING)");
        return;
    }
    buf_put_str(b, type);
    if (member && member->kind == JSON_OBJECT) {
        buf_put_str(b, str_eq(type, STR("MAP")) ? STR("<STRING, ") : STR("<"));
        put_type(b, member);
        BUF_LIT(b, ">");
    } else if (fields && fields->kind == JSON_ARRAY && str_eq(type, STR("STRUCT"))) {
        BUF_LIT(b, "<");
        for (size_t i = 0; i < fields->n; i++) {
            buf_printf(b, "%s" STR_FMT " ", i ? ", " : "",
                       STR_ARG(json_get_text(&fields->item[i], "name", STR("?"))));
            put_type(b, json_get(&fields->item[i], "schema"));
        }
        BUF_LIT(b, ">");
    }
}

static void put_fields(buf_t *b, const json_value_t *of)
{
    static const char *const titles[] = {"Field", "Type"};
    const json_value_t *fields = json_get(of, "fields");
    bool table = str_eq(json_get_text(of, "type", STR("")), STR("TABLE"));
    str_t window = json_get_text(of, "windowType", STR(""));
    cli_table_t t;
    cli_table_init(&t, titles, 2);
    for (size_t i = 0; fields && i < fields->n; i++) {
        const json_value_t *f = &fields->item[i];
        str_t role = json_get_text(f, "type", STR(""));
        buf_t type = BUF_INIT;
        put_type(&type, json_get(f, "schema"));
        if (str_eq(role, STR("KEY"))) {
            buf_put_str(&type, table ? STR(" (primary key)") : STR(" (key)"));
            if (window.len)
                buf_printf(&type, " (Window type: " STR_FMT ")", STR_ARG(window));
        } else if (str_eq(role, STR("HEADER"))) {
            BUF_LIT(&type, " (header)");
        }
        cli_table_cell(&t, json_get_text(f, "name", STR("")));
        cli_table_cell(&t, buf_str(&type));
        buf_done(&type);
    }
    cli_table_put(b, &t);
    cli_table_done(&t);
}

static void put_line(buf_t *b, const char *title, str_t value)
{
    if (value.len)
        buf_printf(b, "%-20s : " STR_FMT "\n", title, STR_ARG(value));
}

/* A title and a line under it. */
static void put_section(buf_t *b, str_t title, size_t width)
{
    buf_printf(b, "\n" STR_FMT "\n", STR_ARG(title));
    for (size_t i = 0; i < (width ? width : title.len); i++)
        buf_put_char(b, '-');
    BUF_LIT(b, "\n");
}

static void put_queries(buf_t *b, const json_value_t *source, const char *list_name,
                        const char *verb)
{
    const json_value_t *list = json_get(source, list_name);
    if (!list || !list->n)
        return;
    buf_t title = BUF_INIT;
    buf_printf(&title, "Queries that %s this " STR_FMT, verb,
               STR_ARG(json_get_text(source, "type", STR(""))));
    put_section(b, buf_str(&title), 0);
    buf_done(&title);
    for (size_t i = 0; i < list->n; i++) {
        buf_printf(
            b, STR_FMT " (" STR_FMT ") : ", STR_ARG(json_get_text(&list->item[i], "id", STR(""))),
            STR_ARG(json_get_text(&list->item[i], "state", STR(""))));
        put_one_line(b, json_get_text(&list->item[i], "queryString", STR("")));
        BUF_LIT(b, "\n");
    }
    BUF_LIT(b, "\nFor query topology and execution plan please run: EXPLAIN <QueryId>\n");
}

static void put_source(buf_t *b, const json_value_t *s)
{
    bool extended = json_get_bool(s, "extended", false);
    str_t topic = json_get_text(s, "topic", STR(""));
    BUF_LIT(b, "\n");
    put_line(b, "Name", json_get_text(s, "name", STR("")));
    if (!extended) {
        put_fields(b, s);
        BUF_LIT(
            b, "For runtime statistics and query details run: DESCRIBE <Stream,Table> EXTENDED;\n");
        return;
    }
    put_line(b, "Type", json_get_text(s, "type", STR("")));
    str_t timestamp = json_get_text(s, "timestamp", STR(""));
    put_line(b, "Timestamp field", timestamp.len ? timestamp : STR("Not set - using <ROWTIME>"));
    put_line(b, "Key format", json_get_text(s, "keyFormat", STR("")));
    put_line(b, "Value format", json_get_text(s, "valueFormat", STR("")));
    buf_printf(b, "%-20s : " STR_FMT " (partitions: %lld, replication: %lld)\n", "Kafka topic",
               STR_ARG(topic), (long long)json_get_i64(s, "partitions", 0),
               (long long)json_get_i64(s, "replication", 0));
    put_line(b, "Statement", json_get_text(s, "statement", STR("")));
    BUF_LIT(b, "\n");
    put_fields(b, s);
    put_queries(b, s, "readQueries", "read from");
    put_queries(b, s, "writeQueries", "write from");
    put_section(b, STR("Local runtime statistics"), 0);
    buf_printf(b, STR_FMT "\n", STR_ARG(json_get_text(s, "statistics", STR(""))));
    buf_printf(
        b, "\n(Statistics of the local KSQL server interaction with the Kafka topic " STR_FMT ")\n",
        STR_ARG(topic));
}

static void put_sources(buf_t *b, const json_value_t *list)
{
    for (size_t i = 0; list && i < list->n; i++)
        put_source(b, &list->item[i]);
}

static void put_names(buf_t *b, const json_value_t *q, const char *list_name, const char *title,
                      const char *kind, const char *id)
{
    const json_value_t *list = json_get(q, list_name);
    if (!list || !list->n)
        return;
    put_section(b, str_of(title), 35);
    for (size_t i = 0; i < list->n; i++)
        buf_printf(b, STR_FMT "\n", STR_ARG(list->item[i].text));
    buf_printf(b, "\nFor %s description please run: DESCRIBE [EXTENDED] <%s>\n", kind, id);
}

static void put_query(buf_t *b, const json_value_t *q)
{
    BUF_LIT(b, "\n");
    put_line(b, "ID", json_get_text(q, "id", STR("")));
    put_line(b, "Query Type", json_get_text(q, "queryType", STR("")));
    put_line(b, "SQL", json_get_text(q, "statementText", STR("")));
    put_line(b, "State", json_get_text(q, "state", STR("")));
    BUF_LIT(b, "\n");
    put_fields(b, q);
    put_names(b, q, "sources", "Sources that this query reads from:", "source", "SourceId");
    put_names(b, q, "sinks", "Sinks that this query writes to:", "sink", "SinkId");
    str_t plan = json_get_text(q, "executionPlan", STR(""));
    str_t topology = json_get_text(q, "topology", STR(""));
    if (plan.len) {
        put_section(b, STR("Execution plan"), 0);
        buf_put_str(b, plan);
    }
    if (topology.len) {
        put_section(b, STR("Processing topology"), 0);
        buf_put_str(b, topology);
    }
    BUF_LIT(b, "\n");
}

static void put_connector(buf_t *b, const json_value_t *c)
{
    static const char *const task_titles[] = {"Task ID", "State", "Error Trace"};
    static const char *const source_titles[] = {"KSQL Source Name", "Kafka Topic", "Type"};
    static const char *const topic_titles[] = {"Related Topics"};
    const json_value_t *status = json_get(c, "status"), *own = json_get(status, "connector");
    const json_value_t *tasks = json_get(status, "tasks"), *sources = json_get(c, "sources");
    const json_value_t *topics = json_get(c, "topics");
    cli_table_t t;
    BUF_LIT(b, "\n");
    put_line(b, "Name", json_get_text(status, "name", STR("")));
    put_line(b, "Class", json_get_text(c, "connectorClass", STR("")));
    put_line(b, "Type", json_get_text(status, "type", STR("")));
    put_line(b, "State", json_get_text(own, "state", STR("")));
    put_line(b, "WorkerId", json_get_text(own, "worker_id", STR("")));
    cli_table_init(&t, task_titles, 3);
    for (size_t i = 0; tasks && i < tasks->n; i++) {
        cli_table_value(&t, json_get(&tasks->item[i], "id"));
        cli_table_cell(&t, json_get_text(&tasks->item[i], "state", STR("")));
        cli_table_cell(&t, json_get_text(&tasks->item[i], "trace", STR("")));
    }
    cli_table_put(b, &t);
    cli_table_done(&t);
    if (sources && sources->n) {
        cli_table_init(&t, source_titles, 3);
        for (size_t i = 0; i < sources->n; i++) {
            cli_table_cell(&t, json_get_text(&sources->item[i], "name", STR("")));
            cli_table_cell(&t, json_get_text(&sources->item[i], "topic", STR("")));
            cli_table_cell(&t, json_get_text(&sources->item[i], "type", STR("")));
        }
        cli_table_put(b, &t);
        cli_table_done(&t);
    }
    if (topics && topics->n) {
        cli_table_init(&t, topic_titles, 1);
        for (size_t i = 0; i < topics->n; i++)
            cli_table_cell(&t, topics->item[i].text);
        cli_table_put(b, &t);
        cli_table_done(&t);
    }
}

static void put_function(buf_t *b, const json_value_t *f)
{
    const json_value_t *list = json_get(f, "functions");
    BUF_LIT(b, "\n");
    put_line(b, "Name", json_get_text(f, "name", STR("")));
    put_line(b, "Overview", json_get_text(f, "description", STR("")));
    put_line(b, "Type", json_get_text(f, "type", STR("")));
    BUF_LIT(b, "Variations           :\n");
    for (size_t i = 0; list && i < list->n; i++)
        buf_printf(b, "  " STR_FMT "\n",
                   STR_ARG(json_get_text(&list->item[i], "returnType", STR(""))));
}

static void put_types(buf_t *b, const json_value_t *types)
{
    static const char *const titles[] = {"Type Name", "Schema"};
    cli_table_t t;
    cli_table_init(&t, titles, 2);
    for (size_t i = 0; types && i < types->n; i++) {
        buf_t type = BUF_INIT;
        put_type(&type, &types->item[i]);
        cli_table_cell(&t, types->name[i]);
        cli_table_cell(&t, buf_str(&type));
        buf_done(&type);
    }
    cli_table_put(b, &t);
    cli_table_done(&t);
}

static void put_entity(buf_t *b, const json_value_t *e)
{
    str_t type = json_get_text(e, "@type", STR(""));
    for (size_t i = 0; i < sizeof list_kinds / sizeof *list_kinds; i++)
        if (str_eq(type, str_of(list_kinds[i].type))) {
            put_list(b, &list_kinds[i], e);
            return;
        }
    if (str_eq(type, STR("currentStatus")))
        put_message(b, "Message", json_get_text(json_get(e, "commandStatus"), "message", STR("")));
    else if (str_eq(type, STR("warning_entity")))
        put_message(b, "Message", json_get_text(e, "message", STR("")));
    else if (str_starts(type, STR("kafka_topics")))
        put_topics(b, e, str_eq(type, STR("kafka_topics_extended")));
    else if (str_eq(type, STR("sourceDescription")))
        put_source(b, json_get(e, "sourceDescription"));
    else if (str_eq(type, STR("source_descriptions")))
        put_sources(b, json_get(e, "sourceDescriptions"));
    else if (str_eq(type, STR("queryDescription")))
        put_query(b, json_get(e, "queryDescription"));
    else if (str_eq(type, STR("connector_description")))
        put_connector(b, e);
    else if (str_eq(type, STR("describe_function")))
        put_function(b, e);
    else if (str_eq(type, STR("type_list")))
        put_types(b, json_get(e, "types"));
    else if (str_eq(type, STR("connector_info")))
        put_message(b, "Message", STR("Created connector"));
    else if (str_eq(type, STR("drop_connector")))
        put_message(b, "Message", STR("Dropped connector"));
    else {
        json_put_value(b, e);
        BUF_LIT(b, "\n");
    }
}

void cli_entity_put(buf_t *b, const json_value_t *e)
{
    put_entity(b, e);
    const json_value_t *w = json_get(e, "warnings");
    for (size_t i = 0; w && w->kind == JSON_ARRAY && i < w->n; i++)
        buf_printf(b, "\nWARNING: " STR_FMT "\n",
                   STR_ARG(json_get_text(&w->item[i], "message", STR(""))));
}
