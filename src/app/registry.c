/* arus registry: the Schema Registry alone, on a log of its own. */
#include "app/host.h"
#include "app/parts.h"
#include "app/verb.h"
#include "base/trace.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

static const char usage[] =
    "usage: arus registry [FILE.properties] [--listen HOST:PORT] [--data DIR] [-D name=value]...\n"
    "\n"
    "The Schema Registry: subjects, versions and compatibility of Avro, JSON Schema and Protobuf\n"
    "schemas, with Confluent's REST API.\n"
    "  FILE.properties     settings: schema.registry.listeners, log.dirs, authentication.method,\n"
    "                      ssl.keystore.location; kafkastore.bootstrap.servers: schemas are kept in\n"
    "                      a topic of that Kafka cluster, which several registries may share\n"
    "  --listen HOST:PORT  where it answers; 127.0.0.1:8081, port 0: any that is free; https://…\n"
    "  --data DIR          where its log is (log.dirs; default ./arus-data)\n"
    "  -D name=value       sets a property\n";

typedef struct stand {
    options_t opt;
    str_t listen;
    io_t *io;
    log_t *log;           /* its own, or */
    cluster_t *cluster;   /* the one of several registries */
    registry_t *registry;
    parts_web_t web;
    api_t *api;
} stand_t;

static ST read_args(stand_t *s, int argc, char **argv, err_t *err)
{
    VEC(str_t) set = {0};
    st_t st = ST_OK;
    for (int i = 1; i < argc && st == ST_OK; i++) {
        str_t a = str_of(argv[i]);
        bool more = i + 1 < argc;
        if (str_eq(a, STR("--listen")) && more)
            s->listen = str_of(argv[++i]);
        else if (str_eq(a, STR("--data")) && more)
            VEC_PUSH(&set, arena_printf(&s->opt.arena, "log.dirs=%s", argv[++i]));
        else if (str_eq(a, STR("-D")) && more)
            VEC_PUSH(&set, str_of(argv[++i]));
        else if (a.len && a.ptr[0] == '-')
            st = err_set(err, ST_BAD_CONFIG, "unknown flag '%s'\n%s", argv[i], usage);
        else
            st = options_read_file(&s->opt, argv[i], err);
    }
    options_read_environment(&s->opt, environ);
    for (size_t i = 0; i < set.len && st == ST_OK; i++)
        st = options_set(&s->opt, set.ptr[i], err);
    VEC_DONE(&set);
    return st;
}

static ST open_cluster(stand_t *s, const cluster_property_t *property, size_t n, api_options_t *ao,
                       err_t *err)
{
    TRY(cluster_open(property, n, s->io, &s->cluster, err));
    ao->registry = cluster_registry(s->cluster);
    ao->cluster = s->cluster;
    ao->cluster_id = cluster_id(s->cluster, &s->opt.arena);
    ao->ca_file = options_get(&s->opt, "ssl.truststore.location", STR(""));
    return ST_OK;
}

static ST open_log(stand_t *s, api_options_t *ao, err_t *err)
{
    TRY(parts_open_log(&s->opt, s->io, &s->log, err));
    TRY(registry_open(s->log, s->io, &s->registry, err));
    ao->registry = s->registry;
    ao->cluster_id = parts_cluster_id(s->log, &s->opt.arena, STR(REGISTRY_TOPIC));
    return ST_OK;
}

/* Where other registries reach this one: its first listener, by host.name if that is given. */
static ST own_url(stand_t *s, str_t *ret, err_t *err)
{
    str_t listeners = options_get(&s->opt, "schema.registry.listeners", STR(""));
    str_t host = options_get(&s->opt, "host.name", STR("")), own;
    bool tls = http_address_is_tls(s->listen.len ? s->listen : listeners);
    uint16_t port;
    char name[256] = "localhost";
    TRY(http_address_split(api_listener(s->api, 0), &own, &port, err));
    bool any = !own.len || str_eq(own, STR("0.0.0.0")) || str_eq(own, STR("::"));
    if (!host.len && any)
        gethostname(name, sizeof name - 1);
    host = host.len ? host : any ? str_of(name) : own;
    bool v6 = str_find_char(host, ':') >= 0;
    *ret = arena_printf(&s->opt.arena, "%s://%s" STR_FMT "%s:%u", tls ? "https" : "http",
                        v6 ? "[" : "", STR_ARG(host), v6 ? "]" : "", port);
    return ST_OK;
}

static ST open_all(stand_t *s, err_t *err)
{
    str_t listeners = options_get(&s->opt, "schema.registry.listeners", STR("127.0.0.1:8081"));
    VEC(cluster_property_t) property = {0};
    for (size_t i = s->opt.list.len; i > 0; i--) /* the last one given counts, there the first */
        VEC_PUSH(&property, (cluster_property_t){s->opt.list.ptr[i - 1].name,
                                                 s->opt.list.ptr[i - 1].value});
    s->io = io_real_new();
    api_options_t ao = {.io = s->io};
    st_t st = cluster_wanted(property.ptr, property.len)
                  ? open_cluster(s, property.ptr, property.len, &ao, err)
                  : open_log(s, &ao, err);
    VEC_DONE(&property);
    TRY(st);
    TRY(parts_open_web(&s->opt, s->io, &s->web, err));
    TRY(parts_open_api(ao, s->listen.len ? s->listen : listeners, &s->web, &s->api, err));
    if (!s->cluster)
        return ST_OK;
    str_t url;
    if (!s->api)
        return err_set(err, ST_BAD_CONFIG, "schema.registry.listeners names no listener");
    TRY(own_url(s, &url, err));
    return cluster_join(s->cluster, url, err);
}

static void close_all(stand_t *s)
{
    api_stop(s->api);
    parts_close_web(&s->web);
    cluster_close(s->cluster);
    if (s->registry)
        registry_close(s->registry);
    if (s->log)
        log_close(s->log);
    if (s->io)
        io_free(s->io);
    options_done(&s->opt);
}

int verb_registry(int argc, char **argv)
{
    stand_t s = {.listen = STR("")};
    err_t err;
    if (argc > 1 &&
        (str_eq(str_of(argv[1]), STR("--help")) || str_eq(str_of(argv[1]), STR("-h")))) {
        fputs(usage, stdout);
        return 0;
    }
    options_init(&s.opt);
    int signals = host_catch_signals();
    st_t st = read_args(&s, argc, argv, &err);
    if (st == ST_OK)
        st = open_all(&s, &err);
    if (st == ST_OK) {
        struct pollfd p = {.fd = signals, .events = POLLIN};
        while (poll(&p, 1, -1) <= 0)
            continue;
    } else {
        fprintf(stderr, "arus registry: %s\n", err.msg);
    }
    close_all(&s);
    close(signals);
    return st == ST_OK ? 0 : st == ST_BAD_CONFIG || st == ST_NOT_FOUND ? 2 : 1;
}
