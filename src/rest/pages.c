/* What the server says of itself. */
#include "rest/internal.h"

#include "base/metrics.h"

#include <inttypes.h>

static void reply_json(http_request_t *http, const buf_t *b)
{
    static const char *const types[] = {REST_TYPE_KSQL, REST_TYPE_JSON};
    int type = http_accepts(http, types, 2);
    if (type < 0)
        http_reply(http, 404, "text/plain", STR("Not Found"));
    else
        http_reply(http, 200, types[type], buf_str(b));
}

void rest_root(void *env, http_request_t *http)
{
    (void)env;
    http_reply_header(http, "location", STR("/info"));
    http_reply(http, 307, NULL, STR(""));
}

void rest_info(void *env, http_request_t *http)
{
    const rest_t *r = env;
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "{\"KsqlServerInfo\":{");
    json_put_member_str(&b, "version", STR(REST_KSQL_VERSION));
    json_put_member_str(&b, "kafkaClusterId", r->opt.cluster_id);
    json_put_member_str(&b, "ksqlServiceId", r->opt.service_id);
    json_put_member_str(&b, "serverStatus", r->stopping ? STR("TERMINATING") : STR("RUNNING"));
    BUF_LIT(&b, "}}");
    reply_json(http, &b);
    buf_done(&b);
}

/* The loop does not wait for a statement that runs: connectors may be left out. */
static void take_stats(rest_t *r, server_stats_t *ret)
{
    arena_reset(&r->scratch);
    bool all = server_stats_try(r->opt.server, &r->scratch, ret);
    (void)all;
}

/* True when no query has failed. */
static bool healthy(rest_t *r)
{
    server_stats_t s;
    take_stats(r, &s);
    bool good = true;
    for (size_t i = 0; i < s.n_queries; i++)
        good = good && !str_eq(s.query[i].state, STR("ERROR"));
    return good;
}

void rest_health(void *env, http_request_t *http)
{
    rest_t *r = env;
    const char *kafka = healthy(r) ? "true" : "false";
    buf_t b = BUF_INIT;
    buf_printf(&b,
               "{\"isHealthy\":%s,\"details\":{\"metastore\":{\"isHealthy\":true},"
               "\"kafka\":{\"isHealthy\":%s},\"commandRunner\":{\"isHealthy\":true}},"
               "\"serverState\":\"%s\"}",
               kafka, kafka, r->stopping ? "TERMINATING" : "READY");
    reply_json(http, &b);
    buf_done(&b);
}

void rest_cluster_status(void *env, http_request_t *http)
{
    (void)env;
    http_reply(http, 404, NULL, STR(""));
}

static void put_cluster_id(const rest_t *r, buf_t *b)
{
    BUF_LIT(b, "{\"id\":\"\",\"scope\":{\"path\":[],\"clusters\":{");
    json_put_member_str(b, "kafka-cluster", r->opt.cluster_id);
    json_put_member_str(b, "ksql-cluster", r->opt.service_id);
    BUF_LIT(b, "}}}");
}

void rest_metadata(void *env, http_request_t *http)
{
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "{");
    json_put_member_str(&b, "version", STR(REST_KSQL_VERSION));
    json_put_name(&b, "clusterId");
    put_cluster_id(env, &b);
    BUF_LIT(&b, "}");
    reply_json(http, &b);
    buf_done(&b);
}

void rest_metadata_id(void *env, http_request_t *http)
{
    buf_t b = BUF_INIT;
    put_cluster_id(env, &b);
    reply_json(http, &b);
    buf_done(&b);
}

/* Every property may be set here: those that nothing reads do no harm. */
void rest_valid_property(void *env, http_request_t *http)
{
    (void)env;
    http_reply(http, 200, REST_TYPE_KSQL, STR("true"));
}

void rest_alive(void *env, http_request_t *http)
{
    (void)env;
    http_reply(http, 200, REST_TYPE_JSON, STR("{}"));
}

/* ---- /metrics: Prometheus' text */

typedef struct query_metric {
    const char *name, *type, *help;
    double (*value)(const server_query_stats_t *q);
} query_metric_t;

static double records_in(const server_query_stats_t *q)
{
    return (double)q->records_in;
}

static double records_out(const server_query_stats_t *q)
{
    return (double)q->records_out;
}

static double failed(const server_query_stats_t *q)
{
    return (double)q->failed;
}

static double lag(const server_query_stats_t *q)
{
    return (double)q->lag;
}

static double busy_s(const server_query_stats_t *q)
{
    return (double)q->busy_ns / 1e9;
}

static double state_bytes(const server_query_stats_t *q)
{
    return (double)q->state_bytes;
}

static const query_metric_t query_metrics[] = {
    {"arus_query_records_in_total", "counter", "Records read by a query.", records_in},
    {"arus_query_records_out_total", "counter", "Records written by a query.", records_out},
    {"arus_query_failed_total", "counter", "Records a query could not work on.", failed},
    {"arus_query_lag", "gauge", "Records that wait for a query.", lag},
    {"arus_query_busy_seconds_total", "counter", "Time a query has worked.", busy_s},
    {"arus_query_state_bytes", "gauge", "Memory of a query's stores.", state_bytes},
};

static void put_queries(buf_t *b, const server_stats_t *s)
{
    for (size_t m = 0; m < sizeof query_metrics / sizeof *query_metrics; m++) {
        const query_metric_t *q = &query_metrics[m];
        metrics_family(b, q->name, q->type, q->help);
        for (size_t i = 0; i < s->n_queries; i++)
            buf_printf(b, "%s{query=\"" STR_FMT "\"} %.15g\n", q->name, STR_ARG(s->query[i].id),
                       q->value(&s->query[i]));
    }
}

static void put_connectors(buf_t *b, const server_stats_t *s)
{
    metrics_family(b, "arus_connector_up", "gauge", "Whether a connector has not failed.");
    for (size_t i = 0; i < s->n_connectors; i++) {
        BUF_LIT(b, "arus_connector_up{connector=\"");
        metrics_label(b, s->connector[i].name);
        buf_printf(b, "\",type=\"%s\"} %d\n", s->connector[i].source ? "source" : "sink",
                   s->connector[i].status.failed ? 0 : 1);
    }
}

void rest_metrics(void *env, http_request_t *http)
{
    rest_t *r = env;
    server_stats_t s;
    buf_t b = BUF_INIT;
    take_stats(r, &s);
    metrics_family(&b, "arus_rounds_total", "counter", "Commits of the SQL server.");
    buf_printf(&b, "arus_rounds_total %" PRIu64 "\n", s.rounds);
    metrics_family(&b, "arus_commit_seconds_total", "counter", "Time spent in commits.");
    buf_printf(&b, "arus_commit_seconds_total %.15g\n", (double)s.commit_ns / 1e9);
    metrics_family(&b, "arus_busy_seconds_total", "counter", "Time the SQL server's thread has worked.");
    buf_printf(&b, "arus_busy_seconds_total %.15g\n", (double)s.busy_ns / 1e9);
    metrics_family(&b, "arus_push_queries", "gauge", "Push and pull queries that are open.");
    buf_printf(&b, "arus_push_queries %zu\n", s.n_push);
    metrics_family(&b, "arus_http_connections", "gauge", "Open HTTP connections.");
    buf_printf(&b, "arus_http_connections %zu\n", http_server_connections(r->http));
    put_queries(&b, &s);
    put_connectors(&b, &s);
    if (r->opt.put_metrics)
        r->opt.put_metrics(r->opt.env, &b);
    http_reply(http, 200, METRICS_TYPE, buf_str(&b));
    buf_done(&b);
}
