/* arus broker: the log, served to Kafka clients. */
#include "app/host.h"
#include "app/monitor.h"
#include "app/parts.h"
#include "app/verb.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: arus broker [FILE.properties] [--listen HOST:PORT] [--data DIR] [-D name=value]...\n"
    "\n"
    "Serves a log to Kafka clients until SIGTERM.\n"
    "  FILE.properties     settings, names as Kafka has them in server.properties\n"
    "  --listen HOST:PORT  where it answers (listeners; default 127.0.0.1:9092); port 0: any that "
    "is "
    "free\n"
    "  --data DIR          where everything is kept (log.dirs; default ./arus-data)\n"
    "  -D name=value       sets a property\n";

typedef struct program {
    options_t opt;
    const char *listen;
    io_t *io;
    log_t *log;
    broker_t *broker;
    monitor_t *monitor;
} program_t;

static int read_flag(void *arg, str_t flag, const char *next, st_t *st, err_t *err)
{
    program_t *p = arg;
    (void)st;
    (void)err;
    if (!str_eq(flag, STR("--listen")) || !next)
        return 0;
    p->listen = next;
    return 2;
}

static void put_metrics(void *env, buf_t *b)
{
    broker_put_metrics(env, b);
}

static ST open_all(program_t *p, int argc, char **argv, err_t *err)
{
    TRY(host_read_args(&p->opt, argc, argv, usage, read_flag, p, err));
    TRY(host_set_trace(&p->opt, err));
    str_t listeners = options_get(&p->opt, "listeners", STR("PLAINTEXT://127.0.0.1:9092"));
    if (p->listen)
        listeners = arena_printf(&p->opt.arena, "PLAINTEXT://%s", p->listen);
    VEC_PUSH(&p->opt.list, (option_t){STR("listeners"), listeners});
    p->io = io_real_new();
    TRY(parts_open_log(&p->opt, p->io, &p->log, err));
    TRY(parts_open_broker(&p->opt, p->io, p->log, &p->broker, err));
    return monitor_start(p->io, options_get(&p->opt, "arus.metrics.listeners", STR("")),
                         put_metrics, p->broker, &p->monitor, err);
}

static void close_all(program_t *p)
{
    monitor_stop(p->monitor);
    broker_stop(p->broker);
    if (p->log)
        log_close(p->log);
    if (p->io)
        io_free(p->io);
    options_done(&p->opt);
}

int verb_broker(int argc, char **argv)
{
    if (argc > 1 &&
        (str_eq(str_of(argv[1]), STR("--help")) || str_eq(str_of(argv[1]), STR("-h")))) {
        fputs(usage, stdout);
        return 0;
    }
    program_t p = {0};
    err_t err;
    options_init(&p.opt);
    int signals = host_catch_signals();
    st_t st = open_all(&p, argc, argv, &err);
    if (st == ST_OK) {
        struct pollfd wait = {.fd = signals, .events = POLLIN};
        while (poll(&wait, 1, -1) <= 0)
            ;
    } else {
        fprintf(stderr, "arus broker: %s\n", err.msg);
    }
    close_all(&p);
    close(signals);
    return st == ST_OK ? 0 : st == ST_BAD_CONFIG || st == ST_NOT_FOUND ? 2 : 1;
}
