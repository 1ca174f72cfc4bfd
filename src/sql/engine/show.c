/* show.c: SHOW and LIST: what there is, as ksqlDB's REST entities. */
#include "sql/engine/entity.h"

static void show_sources(engine_run_t *r, bool table)
{
    buf_t *b = entity_begin(r, table ? "tables" : "streams");
    size_t n;
    const catalog_source_t **list = entity_sources(r, table, &n);
    json_put_name(b, table ? "tables" : "streams");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < n; i++) {
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "type", table ? STR("TABLE") : STR("STREAM"));
        json_put_member_str(b, "name", list[i]->name);
        json_put_member_str(b, "topic", list[i]->topic);
        json_put_member_str(b, "keyFormat", str_of(format_name(list[i]->key_format.id)));
        json_put_member_str(b, "valueFormat", str_of(format_name(list[i]->value_format.id)));
        json_put_member_bool(b, "isWindowed", list[i]->window.kind != SQL_WINDOW_NONE);
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]");
    entity_end(b);
}

static void show_queries(engine_run_t *r)
{
    buf_t *b = entity_begin(r, "queries");
    json_put_name(b, "queries");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < r->e->queries.len; i++) {
        json_put_item(b);
        entity_put_query(b, r->e->queries.ptr[i]);
    }
    BUF_LIT(b, "]");
    entity_end(b);
}

static bool hidden_topic(str_t name)
{
    return str_starts(name, STR("_"));
}

/* Queries that read the topic: each is a consumer group with a consumer a partition. */
static int64_t readers_of(const engine_t *e, str_t topic)
{
    int64_t n = 0;
    for (size_t i = 0; i < e->queries.len; i++) {
        const engine_query_t *q = e->queries.ptr[i];
        bool reads = false;
        for (size_t k = 0; k < q->bound.n_sources; k++)
            reads |= str_eq(q->bound.source[k]->topic, topic);
        n += reads;
    }
    return n;
}

/* Queries and Kafka's clients. */
static void put_readers(engine_run_t *r, buf_t *b, str_t topic, int32_t partitions,
                        const engine_readers_t *others, size_t n)
{
    int64_t groups = readers_of(r->e, topic), consumers = groups * partitions;
    for (size_t i = 0; i < n; i++)
        if (str_eq(others[i].topic, topic)) {
            groups += others[i].groups;
            consumers += others[i].consumers;
        }
    json_put_member_i64(b, "consumerCount", consumers);
    json_put_member_i64(b, "consumerGroupCount", groups);
}

static ST show_topics(engine_run_t *r, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    str_t *names;
    size_t n, n_others = 0;
    engine_readers_t *others = NULL;
    TRY(h->topic_list(h->self, r->scratch, &names, &n, err));
    if (r->stmt->show.extended && h->topic_readers)
        h->topic_readers(h->self, r->scratch, &others, &n_others);
    buf_t *b = entity_begin(r, r->stmt->show.extended ? "kafka_topics_extended" : "kafka_topics");
    json_put_name(b, "topics");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < n; i++) {
        engine_topic_t t;
        if ((hidden_topic(names[i]) && !r->stmt->show.all) ||
            h->topic_get(h->self, names[i], &t, NULL) != ST_OK)
            continue;
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "name", names[i]);
        json_put_name(b, "replicaInfo");
        BUF_LIT(b, "[");
        for (int32_t p = 0; p < t.partitions; p++)
            buf_printf(b, "%s%d", p ? "," : "", t.replicas);
        BUF_LIT(b, "]");
        if (r->stmt->show.extended)
            put_readers(r, b, names[i], t.partitions, others, n_others);
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]");
    entity_end(b);
    return ST_OK;
}

static void show_map(engine_run_t *r, const char *entity, const char *list, const map_t *m)
{
    buf_t *b = entity_begin(r, entity);
    json_put_name(b, list);
    BUF_LIT(b, "[");
    for (map_entry_t *e = NULL; (e = map_next(m, e));) {
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "name", e->key);
        json_put_member_str(b, "value", str_of(e->value));
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]");
    entity_end(b);
}

/* Names and values that may carry a secret are never shown. */
static bool secret(str_t name, str_t value)
{
    static const char *const words[] = {"key",        "secret", "password", "passphrase",
                                        "credential", "token",  "sasl.jaas"};
    char low[128];
    size_t n = name.len < sizeof low ? name.len : sizeof low;
    for (size_t i = 0; i < n; i++)
        low[i] = str_lower_char(name.ptr[i]);
    bool format =
        str_find(str_n(low, n), STR("format")) >= 0; /* ksql.persistence.default.format.key */
    for (size_t i = 0; !format && i < sizeof words / sizeof *words; i++)
        if (str_find(str_n(low, n), str_of(words[i])) >= 0)
            return true;
    return str_find(value, STR("://")) >= 0 && str_find_char(value, '@') >= 0;
}

static void put_property(buf_t *b, str_t name, str_t value, const char *level)
{
    json_put_item(b);
    BUF_LIT(b, "{");
    json_put_member_str(b, "name", name);
    json_put_member_str(b, "scope", STR("KSQL"));
    json_put_member_str(b, "value", secret(name, value) ? STR("[hidden]") : value);
    json_put_member_bool(b, "editable", true);
    json_put_member_str(b, "level", str_of(level));
    BUF_LIT(b, "}");
}

static void show_properties(engine_run_t *r)
{
    buf_t *b = entity_begin(r, "properties");
    json_put_name(b, "properties");
    BUF_LIT(b, "[");
    for (map_entry_t *e = NULL; (e = map_next(&r->e->properties, e));)
        put_property(b, e->key, str_of(e->value), "SERVER");
    for (map_entry_t *e = NULL; (e = map_next(&r->session->properties, e));)
        put_property(b, e->key, str_of(e->value), "SESSION");
    BUF_LIT(b, "]");
    json_put_name(b, "overwrittenProperties");
    BUF_LIT(b, "[");
    for (map_entry_t *e = NULL; (e = map_next(&r->session->properties, e));) {
        json_put_item(b);
        json_put_str(b, e->key);
    }
    BUF_LIT(b, "]");
    json_put_name(b, "defaultProperties");
    BUF_LIT(b, "[]");
    entity_end(b);
}

static void show_functions(engine_run_t *r)
{
    buf_t *b = entity_begin(r, "function_names");
    static const char *const kinds[] = {"SCALAR", "AGGREGATE", "TABLE"};
    size_t n;
    const sql_function_t *f = sql_functions(&n);
    json_put_name(b, "functions");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < n; i++) {
        if (i && str_eq(str_of(f[i].name), str_of(f[i - 1].name)) && f[i].kind == f[i - 1].kind)
            continue;
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "name", str_of(f[i].name));
        json_put_member_str(b, "type", str_of(kinds[f[i].kind]));
        json_put_member_str(b, "category", str_of(f[i].category));
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]");
    entity_end(b);
}

static void show_types(engine_run_t *r)
{
    buf_t *b = entity_begin(r, "type_list");
    const map_t *m = &r->e->catalog.types;
    json_put_name(b, "types");
    BUF_LIT(b, "{");
    for (map_entry_t *e = NULL; (e = map_next(m, e));) {
        json_put_name_str(b, e->key);
        entity_put_type(b, catalog_get_type(&r->e->catalog, e->key));
    }
    BUF_LIT(b, "}");
    entity_end(b);
}

/* A list that the host writes; NULL: it has none. */
static void show_of_host(engine_run_t *r, const char *type, const char *list,
                         void (*put)(void *self, buf_t *b))
{
    buf_t *b = entity_begin(r, type);
    json_put_name(b, list);
    if (put)
        put(r->e->opt.host.self, b);
    else
        BUF_LIT(b, "[]");
    entity_end(b);
}

st_t engine_show(engine_run_t *r, err_t *err)
{
    if (r->reply->quiet)
        return ST_OK;
    switch ((int)r->stmt->kind) { /* those that show something */
    case SQL_STMT_DESCRIBE:
        return describe_source(r, err);
    case SQL_STMT_DESCRIBE_ALL:
        describe_sources(r);
        return ST_OK;
    case SQL_STMT_DESCRIBE_FUNCTION:
        return describe_function(r, err);
    case SQL_STMT_SHOW_STREAMS:
        show_sources(r, false);
        return ST_OK;
    case SQL_STMT_SHOW_TABLES:
        show_sources(r, true);
        return ST_OK;
    case SQL_STMT_SHOW_QUERIES:
        show_queries(r);
        return ST_OK;
    case SQL_STMT_SHOW_TOPICS:
        return show_topics(r, err);
    case SQL_STMT_SHOW_FUNCTIONS:
        show_functions(r);
        return ST_OK;
    case SQL_STMT_SHOW_TYPES:
        show_types(r);
        return ST_OK;
    case SQL_STMT_SHOW_VARIABLES:
        show_map(r, "variables", "variables", &r->session->variables);
        return ST_OK;
    case SQL_STMT_SHOW_PROPERTIES:
        show_properties(r);
        return ST_OK;
    case SQL_STMT_SHOW_CONNECTORS:
        show_of_host(r, "connector_list", "connectors", r->e->opt.host.connector_list);
        return ST_OK;
    case SQL_STMT_SHOW_CONNECTOR_PLUGINS:
        show_of_host(r, "connector_plugins_list", "connectorsPlugins",
                     r->e->opt.host.connector_plugins);
        return ST_OK;
    case SQL_STMT_DESCRIBE_CONNECTOR:
        return describe_connector(r, err);
    default:
        ASSERT(!"a statement that shows something");
        return ST_OK;
    }
}
