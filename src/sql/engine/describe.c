/* describe.c: DESCRIBE: a source, a function, a connector. */
#include "sql/engine/entity.h"

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
        json_put_member_str(b, "windowType", str_of(entity_window_name(s->window.kind)));
    else
        entity_put_null(b, "windowType");
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
            entity_put_query(b, q);
        }
        BUF_LIT(b, "]");
    }
    json_put_name(b, "fields");
    BUF_LIT(b, "[");
    entity_put_fields(b, s->key, "KEY");
    entity_put_fields(b, s->value, NULL);
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

st_t describe_source(engine_run_t *r, err_t *err)
{
    const catalog_source_t *s = catalog_get(&r->e->catalog, r->stmt->show.name);
    if (!s)
        return BAD("Could not find STREAM/TABLE '" STR_FMT "' in the Metastore",
                   STR_ARG(r->stmt->show.name));
    buf_t *b = entity_begin(r, "sourceDescription");
    json_put_name(b, "sourceDescription");
    put_source(r, b, s, r->stmt->show.extended);
    entity_end(b);
    return ST_OK;
}

void describe_sources(engine_run_t *r)
{
    buf_t *b = entity_begin(r, "source_descriptions");
    size_t n;
    const catalog_source_t **list = entity_sources(r, r->stmt->show.table, &n);
    json_put_name(b, "sourceDescriptions");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < n; i++) {
        json_put_item(b);
        put_source(r, b, list[i], r->stmt->show.extended);
    }
    BUF_LIT(b, "]");
    entity_end(b);
}

st_t describe_function(engine_run_t *r, err_t *err)
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
    buf_t *b = entity_begin(r, "describe_function");
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
    entity_end(b);
    return ST_OK;
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

st_t describe_connector(engine_run_t *r, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    engine_connector_info_t c;
    if (!h->connector_get)
        return err_set(err, ST_UNSUPPORTED, "Connectors do not run here");
    TRY(h->connector_get(h->self, r->stmt->show.name, r->scratch, &c, err));
    buf_t *b = entity_begin(r, "connector_description");
    json_put_member_str(b, "connectorClass", c.class);
    json_put_name(b, "status");
    put_status(b, &c);
    json_put_name(b, "sources");
    BUF_LIT(b, "[");
    for (int table = 0; table < 2; table++) {
        size_t n;
        const catalog_source_t **list = entity_sources(r, table, &n);
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
    entity_end(b);
    return ST_OK;
}
