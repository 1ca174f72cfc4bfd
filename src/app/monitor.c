#include "app/monitor.h"

#include "base/metrics.h"
#include "http/http.h"
#include "io/mailbox.h"

#include <pthread.h>
#include <stdio.h>

struct monitor {
    io_loop_t *loop;
    http_server_t *http;
    io_mailbox_t orders; /* to stop */
    pthread_t thread;
    bool started;
    void (*put)(void *env, buf_t *b);
    void *env;
};

static void on_metrics(void *env, http_request_t *r)
{
    monitor_t *m = env;
    buf_t b = BUF_INIT;
    m->put(m->env, &b);
    http_reply(r, 200, METRICS_TYPE, buf_str(&b));
    buf_done(&b);
}

static void on_health(void *env, http_request_t *r)
{
    (void)env;
    http_reply(r, 200, "text/plain", STR("ok\n"));
}

static void on_orders(void *arg, io_mail_t *list)
{
    (void)list;
    io_loop_stop(((monitor_t *)arg)->loop);
}

static void *run(void *arg)
{
    io_loop_run(((monitor_t *)arg)->loop);
    return NULL;
}

static ST listen_all(monitor_t *m, str_t listeners, err_t *err)
{
    str_t one, address;
    arena_t a;
    st_t st = ST_OK;
    arena_init(&a, ARENA_NO_LIMIT);
    while (st == ST_OK && str_split(&listeners, ',', &one)) {
        st = http_server_listen(m->http, str_trim(one), NULL, &a, &address, err);
        if (st == ST_OK)
            printf("ready metrics " STR_FMT "\n", STR_ARG(address));
    }
    fflush(stdout);
    arena_done(&a);
    return st;
}

st_t monitor_start(io_t *io, str_t listeners, void (*put)(void *env, buf_t *b), void *env,
                   monitor_t **ret, err_t *err)
{
    static const http_route_t routes[] = {{"GET", "/metrics", on_metrics},
                                          {"GET", "/healthz", on_health}};
    *ret = NULL;
    if (!listeners.len)
        return ST_OK;
    monitor_t *m = mem_zalloc(sizeof *m);
    m->put = put;
    m->env = env;
    m->loop = io_loop_new(io);
    io_mailbox_init(&m->orders, m->loop, on_orders, m);
    http_options_t o;
    http_options_init(&o);
    o.loop = m->loop;
    o.route = routes;
    o.n_routes = sizeof routes / sizeof *routes;
    o.env = m;
    m->http = http_server_new(&o);
    st_t st = listen_all(m, listeners, err);
    if (st != ST_OK) {
        monitor_stop(m);
        return st;
    }
    int e = pthread_create(&m->thread, NULL, run, m);
    if (e)
        die("cannot start a thread: %s", strerror(e));
    m->started = true;
    *ret = m;
    return ST_OK;
}

void monitor_stop(monitor_t *m)
{
    if (!m)
        return;
    io_mail_t stop;
    if (m->started) {
        io_mailbox_put(&m->orders, &stop);
        pthread_join(m->thread, NULL);
    }
    http_server_free(m->http);
    ASSERT(!io_mailbox_done(&m->orders));
    io_loop_free(m->loop);
    free(m);
}
