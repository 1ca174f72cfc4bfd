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
    "                      ssl.keystore.location\n"
    "  --listen HOST:PORT  where it answers; 127.0.0.1:8081, port 0: any that is free; https://…\n"
    "  --data DIR          where its log is (log.dirs; default ./arus-data)\n"
    "  -D name=value       sets a property\n";

typedef struct stand {
    options_t opt;
    str_t listen;
    io_t *io;
    log_t *log;
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

static ST open_all(stand_t *s, err_t *err)
{
    str_t listeners = options_get(&s->opt, "schema.registry.listeners", STR("127.0.0.1:8081"));
    s->io = io_real_new();
    TRY(parts_open_log(&s->opt, s->io, &s->log, err));
    TRY(registry_open(s->log, s->io, &s->registry, err));
    TRY(parts_open_web(&s->opt, s->io, &s->web, err));
    return parts_open_api(s->io, s->log, s->registry, s->listen.len ? s->listen : listeners,
                          &s->web, &s->api, err);
}

static void close_all(stand_t *s)
{
    api_stop(s->api);
    parts_close_web(&s->web);
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
