/* arus up: log, registry, SQL server and connectors in one process. */
#include "app/host.h"
#include "app/parts.h"
#include "app/show.h"
#include "app/verb.h"
#include "base/trace.h"
#include "io/text.h"
#include "rest/rest.h"
#include "server/server.h"
#include "sink/sink.h"
#include "source/goapi/goapi.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define SCRIPT_BYTES_MAX (16u << 20)

/* Every source and sink that a CREATE … CONNECTOR may name. */
static const connector_class_t *const connectors[] = {
#define CONNECTOR(class) &class,
#include "app/connectors.def"
#undef CONNECTOR
    NULL};

typedef struct up {
    options_t opt;
    arena_t arena;
    int64_t until_idle_ms; /* -1: runs until it is told to end */
    bool stats, quiet;
    io_t *io;
    log_t *log;
    registry_t *registry;
    schema_source_t schemas;
    server_t *server;
    parts_web_t web;
    api_t *api;       /* NULL without schema.registry.listeners */
    rest_t *rest;     /* NULL without listeners for HTTP */
    broker_t *broker; /* NULL without listeners for Kafka clients */
    int signals;
} up_t;

static const char usage[] =
    "usage: arus up [FILE.properties] [--data DIR] [-D name=value]... [--until-idle DURATION] "
    "[--stats] [--quiet]\n"
    "\n"
    "Runs the log, the schema registry, the SQL server and its connectors in one process.\n"
    "  FILE.properties       settings, names as Kafka and ksqlDB have them; ksql.queries.file "
    "names a script to run\n"
    "  --data DIR            where everything is kept (log.dirs; default ./arus-data)\n"
    "  -D name=value         sets a property, or a ${variable} of the script\n"
    "  --until-idle DURATION ends by itself once sources, queries and sinks had nothing to do for "
    "so long (5s, 200ms);\n"
    "                        exit code 1 when a query is in ERROR then\n"
    "  --stats               says at the end where the time went: a line a query and connector, "
    "and "
    "one that\n"
    "                        sums them up (fetch, log, select, dedupe, join, sink)\n"
    "  --quiet               prints nothing while it runs\n";

static int read_flag(void *arg, str_t flag, const char *next, st_t *st, err_t *err)
{
    up_t *u = arg;
    if (str_eq(flag, STR("--stats")))
        return u->stats = true;
    if (str_eq(flag, STR("--quiet")))
        return u->quiet = true;
    if (!str_eq(flag, STR("--until-idle")) || !next)
        return 0;
    if (!options_duration(str_of(next), &u->until_idle_ms))
        *st = err_set(err, ST_BAD_CONFIG,
                      "--until-idle expects a duration such as 5s or 200ms, got '%s'", next);
    return 2;
}

static str_t path_beside_file(up_t *u, str_t path)
{
    if (path.len && path.ptr[0] == '/')
        return path;
    return arena_printf(&u->arena, STR_FMT "/" STR_FMT, STR_ARG(u->opt.dir), STR_ARG(path));
}

static void readers(log_t *log, arena_t *a, engine_readers_t **ret, size_t *ret_n)
{
    broker_readers_t *r;
    broker_readers(log, a, &r, ret_n);
    *ret = ARENA_ARRAY(a, engine_readers_t, *ret_n + 1);
    for (size_t i = 0; i < *ret_n; i++)
        (*ret)[i] = (engine_readers_t){r[i].topic, r[i].groups, r[i].consumers};
}

static ST open_server(up_t *u, err_t *err)
{
    server_property_t *p = ARENA_ARRAY(&u->arena, server_property_t, u->opt.list.len + 1);
    for (size_t i = 0; i < u->opt.list.len; i++)
        p[i] = (server_property_t){u->opt.list.ptr[i].name, u->opt.list.ptr[i].value};
    str_t dir = parts_data_dir(&u->opt);
    server_options_t so = {.io = u->io,
                           .log = u->log,
                           .schemas = &u->schemas,
                           .service_id = options_get(&u->opt, "ksql.service.id", STR("default_")),
                           .data_dir = dir,
                           .property = p,
                           .n_properties = u->opt.list.len,
                           .readers = readers,
                           .connector = connectors};
    u->server = server_new(&so);
    str_t script = options_get(&u->opt, "ksql.queries.file", STR(""));
    if (script.len) {
        str_t path = path_beside_file(u, script), text;
        TRY(io_text_read(&u->arena, path, SCRIPT_BYTES_MAX, &text, err));
        st_t st = server_script(u->server, text, p, u->opt.list.len, err);
        if (st != ST_OK)
            return err_wrap(err, st, STR_FMT, STR_ARG(path));
    }
    return server_start(u->server, err);
}

/* In the API's thread; the broker outlives it. */
static void put_metrics(void *env, buf_t *b)
{
    const up_t *u = env;
    if (u->broker)
        broker_put_metrics(u->broker, b);
}

/* ksqlDB's REST API on each of `listeners` that is for HTTP; no port is opened without one. */
static ST open_rest(up_t *u, err_t *err)
{
    str_t rest = options_get(&u->opt, "listeners", STR("")), one;
    VEC(str_t) listeners = {0};
    int64_t max_push;
    TRY(options_i64(&u->opt, "ksql.max.push.queries", 100, 0, INT32_MAX, &max_push, err));
    while (str_split(&rest, ',', &one))
        if (str_trim(one).len && !parts_is_for_kafka(one))
            VEC_PUSH(&listeners, str_trim(one));
    st_t st = ST_OK;
    if (listeners.len) {
        str_t service_id = options_get(&u->opt, "ksql.service.id", STR("default_"));
        str_t command_topic = arena_printf(&u->arena, "_confluent-ksql-" STR_FMT "_command_topic",
                                           STR_ARG(service_id));
        rest_options_t ro = {.io = u->io,
                             .server = u->server,
                             .service_id = service_id,
                             .cluster_id = parts_cluster_id(u->log, &u->arena, command_topic),
                             .listener = listeners.ptr,
                             .n_listeners = listeners.len,
                             .tls = u->web.tls,
                             .auth = u->web.auth,
                             .max_push_queries = max_push,
                             .put_metrics = put_metrics,
                             .env = u};
        st = rest_start(&ro, &u->rest, err);
    }
    for (size_t i = 0; st == ST_OK && i < listeners.len; i++)
        printf("ready ksqldb " STR_FMT "\n", STR_ARG(rest_listener(u->rest, i)));
    fflush(stdout);
    VEC_DONE(&listeners);
    return st;
}

/* Kafka's protocol on those that are named as Kafka names them, PLAINTEXT://host:port. */
static ST open_broker(up_t *u, err_t *err)
{
    str_t all = options_get(&u->opt, "listeners", STR("")), one;
    bool any = false;
    while (str_split(&all, ',', &one))
        any |= parts_is_for_kafka(one);
    return any ? parts_open_broker(&u->opt, u->io, u->log, &u->broker, err) : ST_OK;
}

/* A Schema Registry's file may say where its schemas are; here they are in our own log. */
static void tell_what_is_ignored(const up_t *u)
{
    for (size_t i = 0; i < u->opt.list.len; i++)
        if (str_starts_nocase(u->opt.list.ptr[i].name, STR("kafkastore."))) {
            trace_line(TRACE_WARN, "registry",
                       STR_FMT " is not used: schemas are in the log of arus up; `arus registry` "
                               "keeps them in a cluster's topic",
                       STR_ARG(u->opt.list.ptr[i].name));
            return;
        }
}

static ST open_all(up_t *u, err_t *err)
{
    TRY(host_set_trace(&u->opt, err));
    tell_what_is_ignored(u);
    u->io = io_real_new();
    TRY(parts_open_log(&u->opt, u->io, &u->log, err));
    TRY(registry_open(u->log, u->io, &u->registry, err));
    u->schemas = registry_source(u->registry);
    TRY(open_server(u, err));
    str_t listeners = options_get(&u->opt, "schema.registry.listeners", STR(""));
    TRY(parts_open_web(&u->opt, u->io, &u->web, err));
    api_options_t ao = {.io = u->io,
                        .registry = u->registry,
                        .cluster_id =
                            parts_cluster_id(u->log, &u->opt.arena, STR(REGISTRY_TOPIC))};
    TRY(parts_open_api(ao, listeners, &u->web, &u->api, err));
    TRY(open_broker(u, err));
    return open_rest(u, err);
}

static void close_all(up_t *u)
{
    rest_stop(u->rest);
    broker_stop(u->broker);
    api_stop(u->api);
    parts_close_web(&u->web);
    server_close(u->server);
    if (u->registry)
        registry_close(u->registry);
    if (u->log)
        log_close(u->log);
    if (u->io)
        io_free(u->io);
    if (u->signals >= 0)
        close(u->signals);
    options_done(&u->opt);
    arena_done(&u->arena);
}

/* Whether all queries run; tells which do not. */
static bool all_run(const server_stats_t *st)
{
    bool all = true;
    for (size_t i = 0; i < st->n_queries; i++)
        if (str_eq(st->query[i].state, STR("ERROR"))) {
            fprintf(stderr, "arus up: query " STR_FMT " is in ERROR, see above\n",
                    STR_ARG(st->query[i].id));
            all = false;
        }
    return all;
}

/* Until a signal, or until it has been idle long enough: then false when a query does not run. */
static bool run(up_t *u)
{
    show_t *show = NULL;
    if (!u->quiet)
        show = show_new(u->server, u->io, options_get(&u->opt, "arus.show", STR("")),
                        parts_data_dir(&u->opt));
    int64_t idle_since = -1;
    bool well = true;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    for (;;) {
        struct pollfd p = {.fd = u->signals, .events = POLLIN};
        int wait_ms = u->until_idle_ms >= 0 && u->until_idle_ms < 1000 ? 20 : 100;
        if (poll(&p, 1, wait_ms) > 0)
            break;
        int64_t now = io_mono_ns(u->io) / 1000000;
        if (show)
            show_tick(show);
        if (u->until_idle_ms < 0)
            continue;
        server_stats_t st;
        arena_reset(&a);
        server_stats(u->server, &a, &st);
        if (!st.idle)
            idle_since = -1;
        else if (idle_since < 0)
            idle_since = now;
        else if (now - idle_since >= u->until_idle_ms) {
            well = all_run(&st);
            break;
        }
    }
    if (u->stats) {
        server_stats_t st;
        arena_reset(&a);
        server_stats(u->server, &a, &st);
        show_stats(&st, stdout);
    }
    arena_done(&a);
    show_free(show);
    return well;
}

int verb_up(int argc, char **argv)
{
    if (argc > 1 &&
        (str_eq(str_of(argv[1]), STR("--help")) || str_eq(str_of(argv[1]), STR("-h")))) {
        fputs(usage, stdout);
        return 0;
    }
    up_t u = {.until_idle_ms = -1, .signals = -1};
    err_t err;
    options_init(&u.opt);
    arena_init(&u.arena, ARENA_NO_LIMIT);
    u.signals = host_catch_signals();
    st_t st = host_read_args(&u.opt, argc, argv, usage, read_flag, &u, &err);
    if (st == ST_OK)
        st = open_all(&u, &err);
    if (st != ST_OK) {
        fprintf(stderr, "arus up: %s\n", err.msg);
        close_all(&u);
        return st == ST_BAD_CONFIG || st == ST_NOT_FOUND ? 2 : 1;
    }
    bool well = run(&u);
    close_all(&u);
    return well ? 0 : 1;
}
