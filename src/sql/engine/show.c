/* SHOW, LIST, DESCRIBE, EXPLAIN: what there is, as ksqlDB's REST entities. */
#include "sql/engine/internal.h"

#define LONG_WINDOW_MS 3600000 /* a join's window that is worth a warning */

static buf_t *begin(engine_run_t *r, const char *entity)
{
    buf_t *b = r->reply->json;
    BUF_LIT(b, "{");
    json_put_member_str(b, "@type", str_of(entity));
    json_put_member_str(b, "statementText", r->stmt->text);
    return b;
}

static void end(buf_t *b)
{
    json_put_name(b, "warnings");
    BUF_LIT(b, "[]}");
}

static void put_null(buf_t *b, const char *name)
{
    json_put_name(b, name);
    BUF_LIT(b, "null");
}

/* {"type":"ARRAY","fields":null,"memberSchema":{…}} */
static void put_type(buf_t *b, const data_type_t *t)
{
    BUF_LIT(b, "{");
    json_put_member_str(b, "type", str_of(data_kind_name(t->kind)));
    if (t->kind == DATA_STRUCT) {
        json_put_name(b, "fields");
        BUF_LIT(b, "[");
        for (size_t i = 0; i < t->n_fields; i++) {
            json_put_item(b);
            BUF_LIT(b, "{");
            json_put_member_str(b, "name", t->field[i].name);
            json_put_name(b, "schema");
            put_type(b, t->field[i].type);
            BUF_LIT(b, "}");
        }
        BUF_LIT(b, "]");
    } else {
        put_null(b, "fields");
    }
    if (t->elem) {
        json_put_name(b, "memberSchema");
        put_type(b, t->elem);
    } else {
        put_null(b, "memberSchema");
    }
    if (t->kind == DATA_DECIMAL) {
        json_put_name(b, "parameters");
        BUF_LIT(b, "{");
        json_put_member_i64(b, "precision", t->precision);
        json_put_member_i64(b, "scale", t->scale);
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "}");
}

static void put_fields(buf_t *b, data_columns_t c, const char *role)
{
    for (size_t i = 0; i < c.len; i++) {
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "name", c.ptr[i].name);
        json_put_name(b, "schema");
        put_type(b, c.ptr[i].type);
        if (role)
            json_put_member_str(b, "type", str_of(role));
        BUF_LIT(b, "}");
    }
}

static const char *window_name(sql_window_kind_t k)
{
    static const char *const names[] = {"", "TUMBLING", "HOPPING", "SESSION"};
    return names[k];
}

static const char *state_name(const engine_query_t *q)
{
    static const char *const names[] = {"RUNNING", "PAUSED", "ERROR"};
    return names[q->state];
}

static int by_name(const void *x, const void *y)
{
    const catalog_source_t *const *a = x, *const *b = y;
    return str_cmp((*a)->name, (*b)->name);
}

/* All streams, or all tables, by name. */
static const catalog_source_t **sorted(engine_run_t *r, bool table, size_t *ret_n)
{
    const map_t *m = &r->e->catalog.sources;
    const catalog_source_t **list = ARENA_ARRAY(r->scratch, const catalog_source_t *, m->len + 1);
    size_t n = 0;
    for (map_entry_t *e = NULL; (e = map_next(m, e));)
        if (((const catalog_source_t *)e->value)->table == table)
            list[n++] = e->value;
    if (n)
        qsort(list, n, sizeof(void *), by_name);
    *ret_n = n;
    return list;
}

static void show_sources(engine_run_t *r, bool table)
{
    buf_t *b = begin(r, table ? "tables" : "streams");
    size_t n;
    const catalog_source_t **list = sorted(r, table, &n);
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
    end(b);
}

static void put_query(buf_t *b, const engine_query_t *q)
{
    BUF_LIT(b, "{");
    json_put_member_str(b, "queryString", q->statement);
    json_put_name(b, "sinks");
    BUF_LIT(b, "[");
    if (q->sink.len)
        json_put_str(b, q->sink);
    BUF_LIT(b, "]");
    json_put_name(b, "sinkKafkaTopics");
    BUF_LIT(b, "[");
    if (q->sink_topic.len)
        json_put_str(b, q->sink_topic);
    BUF_LIT(b, "]");
    json_put_member_str(b, "id", q->id);
    json_put_name(b, "statusCount");
    buf_printf(b, "{\"%s\":1}", state_name(q));
    json_put_member_str(b, "queryType", STR("PERSISTENT"));
    json_put_member_str(b, "state", str_of(state_name(q)));
    BUF_LIT(b, "}");
}

static void show_queries(engine_run_t *r)
{
    buf_t *b = begin(r, "queries");
    json_put_name(b, "queries");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < r->e->queries.len; i++) {
        json_put_item(b);
        put_query(b, r->e->queries.ptr[i]);
    }
    BUF_LIT(b, "]");
    end(b);
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
    buf_t *b = begin(r, r->stmt->show.extended ? "kafka_topics_extended" : "kafka_topics");
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
    end(b);
    return ST_OK;
}

static void show_map(engine_run_t *r, const char *entity, const char *list, const map_t *m)
{
    buf_t *b = begin(r, entity);
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
    end(b);
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
    buf_t *b = begin(r, "properties");
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
    end(b);
}

static void show_functions(engine_run_t *r)
{
    buf_t *b = begin(r, "function_names");
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
    end(b);
}

static ST describe_function(engine_run_t *r, err_t *err)
{
    size_t n;
    const sql_function_t *f = sql_functions(&n), *first = NULL;
    for (size_t i = 0; i < n && !first; i++)
        if (str_eq_nocase(str_of(f[i].name), r->stmt->show.name))
            first = &f[i];
    if (!first)
        return BAD("Can't find any functions with the name '" STR_FMT "'",
                   STR_ARG(r->stmt->show.name));
    static const char *const kinds[] = {"SCALAR", "AGGREGATE", "TABLE"};
    buf_t *b = begin(r, "describe_function");
    json_put_member_str(b, "name", str_of(first->name));
    json_put_member_str(b, "description", str_of(first->doc));
    json_put_member_str(b, "author", STR("arus"));
    json_put_member_str(b, "version", STR(""));
    json_put_member_str(b, "path", STR("internal"));
    json_put_member_str(b, "type", str_of(kinds[first->kind]));
    json_put_name(b, "functions");
    BUF_LIT(b, "[");
    for (const sql_function_t *g = first; g < f + n && str_eq(str_of(g->name), str_of(first->name));
         g++) {
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_name(b, "arguments");
        BUF_LIT(b, "[]");
        json_put_member_str(b, "returnType", str_of(g->signature));
        json_put_member_str(b, "description", str_of(g->doc));
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]");
    end(b);
    return ST_OK;
}

static void show_types(engine_run_t *r)
{
    buf_t *b = begin(r, "type_list");
    const map_t *m = &r->e->catalog.types;
    json_put_name(b, "types");
    BUF_LIT(b, "{");
    for (map_entry_t *e = NULL; (e = map_next(m, e));) {
        json_put_name_str(b, e->key);
        put_type(b, catalog_get_type(&r->e->catalog, e->key));
    }
    BUF_LIT(b, "}");
    end(b);
}

static void put_source(engine_run_t *r, buf_t *b, const catalog_source_t *s, bool extended)
{
    const engine_host_t *h = &r->e->opt.host;
    engine_topic_t t = {0};
    char statistics[48] = "";
    if (extended && h->topic_get(h->self, s->topic, &t, NULL) != ST_OK)
        t = (engine_topic_t){0};
    if (extended && h->topic_records)
        snprintf(statistics, sizeof statistics, "total-messages: %lld",
                 (long long)h->topic_records(h->self, s->topic));
    BUF_LIT(b, "{");
    json_put_member_str(b, "name", s->name);
    if (s->window.kind)
        json_put_member_str(b, "windowType", str_of(window_name(s->window.kind)));
    else
        put_null(b, "windowType");
    for (int writes = 0; writes < 2; writes++) {
        json_put_name(b, writes ? "writeQueries" : "readQueries");
        BUF_LIT(b, "[");
        for (size_t i = 0; i < r->e->queries.len; i++) {
            const engine_query_t *q = r->e->queries.ptr[i];
            bool is = writes && str_eq(q->sink, s->name);
            for (size_t k = 0; !writes && k < q->bound.n_sources; k++)
                is |= str_eq(q->bound.source[k]->name, s->name);
            if (!is)
                continue;
            json_put_item(b);
            put_query(b, q);
        }
        BUF_LIT(b, "]");
    }
    json_put_name(b, "fields");
    BUF_LIT(b, "[");
    put_fields(b, s->key, "KEY");
    put_fields(b, s->value, NULL);
    BUF_LIT(b, "]");
    json_put_member_str(b, "type", s->table ? STR("TABLE") : STR("STREAM"));
    json_put_member_str(b, "timestamp", s->timestamp_column.len ? s->timestamp_column : STR(""));
    json_put_member_str(b, "statistics", str_of(statistics));
    json_put_member_str(b, "errorStats", STR(""));
    json_put_member_bool(b, "extended", extended);
    json_put_member_str(b, "keyFormat", str_of(format_name(s->key_format.id)));
    json_put_member_str(b, "valueFormat", str_of(format_name(s->value_format.id)));
    json_put_member_str(b, "topic", s->topic);
    json_put_member_i64(b, "partitions", t.partitions);
    json_put_member_i64(b, "replication", t.replicas);
    json_put_member_str(b, "statement", s->statement);
    json_put_name(b, "queryOffsetSummaries");
    BUF_LIT(b, "[]");
    json_put_name(b, "sourceConstraints");
    BUF_LIT(b, "[]");
    json_put_name(b, "clusterStatistics");
    BUF_LIT(b, "[]");
    json_put_name(b, "clusterErrorStats");
    BUF_LIT(b, "[]}");
}

static ST describe(engine_run_t *r, err_t *err)
{
    const catalog_source_t *s = catalog_get(&r->e->catalog, r->stmt->show.name);
    if (!s)
        return BAD("Could not find STREAM/TABLE '" STR_FMT "' in the Metastore",
                   STR_ARG(r->stmt->show.name));
    buf_t *b = begin(r, "sourceDescription");
    json_put_name(b, "sourceDescription");
    put_source(r, b, s, r->stmt->show.extended);
    end(b);
    return ST_OK;
}

static void describe_all(engine_run_t *r)
{
    buf_t *b = begin(r, "source_descriptions");
    size_t n;
    const catalog_source_t **list = sorted(r, r->stmt->show.table, &n);
    json_put_name(b, "sourceDescriptions");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < n; i++) {
        json_put_item(b);
        put_source(r, b, list[i], r->stmt->show.extended);
    }
    BUF_LIT(b, "]");
    end(b);
}

/* A list that the host writes; NULL: it has none. */
static void show_of_host(engine_run_t *r, const char *type, const char *list,
                         void (*put)(void *self, buf_t *b))
{
    buf_t *b = begin(r, type);
    json_put_name(b, list);
    if (put)
        put(r->e->opt.host.self, b);
    else
        BUF_LIT(b, "[]");
    end(b);
}

static bool names(const engine_connector_info_t *c, const catalog_source_t *s)
{
    for (size_t i = 0; i < c->n_topics; i++)
        if (str_eq(c->topic[i], s->topic) || str_eq_nocase(c->topic[i], s->name))
            return true;
    return false;
}

/* As Kafka Connect has it: one task, here. */
static void put_status(buf_t *b, const engine_connector_info_t *c)
{
    str_t state = c->failed ? STR("FAILED") : STR("RUNNING"), why = c->failed ? c->why : STR("");
    BUF_LIT(b, "{");
    json_put_member_str(b, "name", c->name);
    json_put_name(b, "connector");
    BUF_LIT(b, "{");
    json_put_member_str(b, "state", state);
    json_put_member_str(b, "worker_id", STR("local"));
    json_put_member_str(b, "trace", why);
    BUF_LIT(b, "}");
    json_put_name(b, "tasks");
    BUF_LIT(b, "[{\"id\":0");
    json_put_member_str(b, "state", state);
    json_put_member_str(b, "worker_id", STR("local"));
    json_put_member_str(b, "trace", why);
    BUF_LIT(b, "}]");
    json_put_member_str(b, "type", c->source ? STR("source") : STR("sink"));
    BUF_LIT(b, "}");
}

static ST describe_connector(engine_run_t *r, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    engine_connector_info_t c;
    if (!h->connector_get)
        return err_set(err, ST_UNSUPPORTED, "Connectors do not run here");
    TRY(h->connector_get(h->self, r->stmt->show.name, r->scratch, &c, err));
    buf_t *b = begin(r, "connector_description");
    json_put_member_str(b, "connectorClass", c.class);
    json_put_name(b, "status");
    put_status(b, &c);
    json_put_name(b, "sources");
    BUF_LIT(b, "[");
    for (int table = 0; table < 2; table++) {
        size_t n;
        const catalog_source_t **list = sorted(r, table, &n);
        for (size_t i = 0; i < n; i++)
            if (names(&c, list[i])) {
                json_put_item(b);
                put_source(r, b, list[i], false);
            }
    }
    BUF_LIT(b, "]");
    json_put_name(b, "topics");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < c.n_topics; i++) {
        json_put_item(b);
        json_put_str(b, c.topic[i]);
    }
    BUF_LIT(b, "]");
    end(b);
    return ST_OK;
}

st_t engine_show(engine_run_t *r, err_t *err)
{
    if (r->reply->quiet)
        return ST_OK;
    switch ((int)r->stmt->kind) { /* those that show something */
    case SQL_STMT_DESCRIBE:
        return describe(r, err);
    case SQL_STMT_DESCRIBE_ALL:
        describe_all(r);
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

static ST explained(engine_run_t *r, arena_t *a, const engine_query_t **ret_query,
                    bind_result_t *ret, err_t *err)
{
    const sql_explain_t *x = &r->stmt->explain;
    if (!x->stmt) {
        *ret_query = engine_find_query(r->e, x->query_id);
        if (!*ret_query)
            return BAD("Query with id:" STR_FMT
                       " does not exist, use SHOW QUERIES to view the full set of queries.",
                       STR_ARG(x->query_id));
        *ret = (*ret_query)->bound;
        return ST_OK;
    }
    const sql_query_t *q = x->stmt->kind == SQL_STMT_QUERY           ? x->stmt->query
                           : x->stmt->kind == SQL_STMT_CREATE_AS     ? x->stmt->create.query
                           : x->stmt->kind == SQL_STMT_INSERT_SELECT ? x->stmt->insert.query
                                                                     : NULL;
    if (!q)
        return BAD("The provided statement does not run a ksql query");
    return bind_query(a, &r->e->bind, q, BIND_TRANSIENT, STR_NONE, ret, err);
}

/* A join of streams remembers every row for its window: rows that come again and again meet all
 * that came before them. */
static void warn_of_joins(buf_t *b, const plan_step_t *s)
{
    if (!s)
        return;
    int64_t window_ms =
        s->kind == PLAN_STREAM_STREAM_JOIN ? s->join.before_ms + s->join.after_ms : 0;
    if (window_ms >= LONG_WINDOW_MS) {
        json_put_item(b);
        BUF_LIT(b, "{\"message\":\"Each row of this stream-stream join is kept for its window of ");
        buf_printf(b,
                   "%lld hours and joined with every row of its key in that time: when rows come "
                   "again, the output grows with the square of their number. A join of the stream "
                   "with a table, which has one row a key, does not grow so.\"}",
                   (long long)(window_ms / 3600000));
    }
    warn_of_joins(b, s->in[0]);
    warn_of_joins(b, s->in[1]);
}

st_t engine_explain(engine_run_t *r, err_t *err)
{
    const engine_query_t *q = NULL;
    bind_result_t bound;
    TRY(explained(r, r->scratch, &q, &bound, err));
    buf_t *b = begin(r, "queryDescription"), plan = BUF_INIT;
    plan_put(&plan, bound.plan);
    json_put_name(b, "queryDescription");
    BUF_LIT(b, "{");
    json_put_member_str(b, "id", q ? q->id : STR(""));
    json_put_member_str(b, "statementText", q ? q->statement : r->stmt->text);
    put_null(b, "windowType");
    json_put_name(b, "fields");
    BUF_LIT(b, "[");
    put_fields(b, bound.key, "KEY");
    put_fields(b, bound.value, NULL);
    BUF_LIT(b, "]");
    json_put_name(b, "sources");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < bound.n_sources; i++) {
        json_put_item(b);
        json_put_str(b, bound.source[i]->name);
    }
    BUF_LIT(b, "]");
    json_put_name(b, "sinks");
    BUF_LIT(b, "[");
    if (q && q->sink.len)
        json_put_str(b, q->sink);
    BUF_LIT(b, "]");
    json_put_member_str(b, "topology", buf_str(&plan));
    json_put_member_str(b, "executionPlan", buf_str(&plan));
    json_put_name(b, "overriddenProperties");
    BUF_LIT(b, "{}");
    json_put_name(b, "ksqlHostQueryStatus");
    BUF_LIT(b, "{}");
    json_put_member_str(b, "queryType", q ? STR("PERSISTENT") : STR("PUSH"));
    json_put_name(b, "queryErrors");
    BUF_LIT(b, "[]");
    json_put_name(b, "tasksMetadata");
    BUF_LIT(b, "[]");
    if (q)
        json_put_member_str(b, "state", str_of(state_name(q)));
    else
        put_null(b, "state");
    BUF_LIT(b, "}");
    json_put_name(b, "warnings");
    BUF_LIT(b, "[");
    warn_of_joins(b, bound.plan->root);
    BUF_LIT(b, "]}");
    buf_done(&plan);
    return ST_OK;
}
