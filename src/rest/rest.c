/* The thread, its routes, how it stops. */
#include "rest/internal.h"

#define IDLE_MS        86400000 /* ksql.idle.connection.timeout.seconds */
#define BODY_BYTES_MAX (16u << 20)
#define STOP_MS        500
#define STOP_POLL_MS   5

static const http_route_t routes[] = {
#define ROUTE(method, path, handler) {method, path, handler},
#include "rest/routes.def"
#undef ROUTE
};

static bool admit(void *env, http_request_t *http)
{
    rest_t *r = env;
    int status = http_auth_check(r->opt.auth, http);
    if (status)
        rest_error_reply(http, status * 100,
                         status == 401 ? STR("Unauthorized") : STR("Forbidden"));
    return !status;
}

/* ---- mail */

static void on_answers(void *arg, io_mail_t *list)
{
    (void)arg;
    for (io_mail_t *next; list; list = next) {
        next = list->next;
        rest_job_t *j = (rest_job_t *)(void *)list;
        j->finish(j);
    }
}

static void on_notices(void *arg, io_mail_t *list)
{
    (void)arg;
    for (io_mail_t *next; list; list = next) {
        next = list->next;
        rest_job_t *j = (rest_job_t *)(void *)((char *)list - offsetof(rest_job_t, noticed));
        atomic_store(&j->noticing, false);
        rest_query_pump(j);
    }
}

/* ---- stopping: queries' answers end, what is written is sent, connections close */

static void check_stopped(void *arg)
{
    rest_t *r = arg;
    bool late = io_mono_ns(r->opt.io) > r->stop_ns;
    if (late && r->http) {
        http_server_free(r->http);
        r->http = NULL;
    }
    if (!r->jobs && (!r->http || !http_server_connections(r->http)))
        io_loop_stop(r->loop);
    else
        io_timer_set(r->loop, &r->deadline, STOP_POLL_MS);
}

static void on_orders(void *arg, io_mail_t *list)
{
    rest_t *r = arg;
    (void)list;
    r->stopping = true;
    r->stop_ns = io_mono_ns(r->opt.io) + STOP_MS * 1000000;
    rest_queries_end(r);
    http_server_drain(r->http);
    check_stopped(r);
}

void rest_stop(rest_t *r)
{
    if (!r)
        return;
    io_mail_t stop;
    if (r->thread) {
        io_mailbox_put(&r->orders, &stop);
        pthread_join(r->thread, NULL);
    }
    http_server_free(r->http);
    ASSERT(!io_mailbox_done(&r->answers) && !io_mailbox_done(&r->notices));
    ASSERT(!io_mailbox_done(&r->orders));
    io_loop_free(r->loop);
    map_done(&r->status, free);
    arena_done(&r->scratch);
    arena_done(&r->life);
    free(r);
}

/* ---- starting */

static void *run(void *arg)
{
    io_loop_run(((rest_t *)arg)->loop);
    return NULL;
}

static ST listen_all(rest_t *r, const rest_options_t *opt, err_t *err)
{
    r->address = ARENA_ARRAY(&r->life, str_t, opt->n_listeners + 1);
    for (size_t i = 0; i < opt->n_listeners; i++)
        TRY(http_server_listen(r->http, opt->listener[i], opt->tls, &r->life, &r->address[i], err));
    return ST_OK;
}

st_t rest_start(const rest_options_t *opt, rest_t **ret, err_t *err)
{
    rest_t *r = mem_zalloc(sizeof *r);
    arena_init(&r->life, ARENA_NO_LIMIT);
    arena_init(&r->scratch, ARENA_NO_LIMIT);
    map_init(&r->status);
    r->opt = *opt;
    r->opt.service_id = arena_str(&r->life, opt->service_id);
    r->opt.cluster_id = arena_str(&r->life, opt->cluster_id);
    r->opt.listener = NULL;
    r->loop = io_loop_new(opt->io);
    r->deadline = (io_timer_t){.fn = check_stopped, .arg = r};
    io_mailbox_init(&r->answers, r->loop, on_answers, r);
    io_mailbox_init(&r->notices, r->loop, on_notices, r);
    io_mailbox_init(&r->orders, r->loop, on_orders, r);
    http_options_t http;
    http_options_init(&http);
    http.loop = r->loop;
    http.route = routes;
    http.n_routes = sizeof routes / sizeof *routes;
    http.env = r;
    http.admit = admit;
    http.body_bytes_max = BODY_BYTES_MAX;
    http.idle_ms = IDLE_MS;
    r->http = http_server_new(&http);
    st_t st = listen_all(r, opt, err);
    if (st != ST_OK) {
        rest_stop(r);
        return st;
    }
    int e = pthread_create(&r->thread, NULL, run, r);
    if (e)
        die("cannot start a thread: %s", strerror(e));
    *ret = r;
    return ST_OK;
}

str_t rest_listener(const rest_t *r, size_t i)
{
    ASSERT(i < r->opt.n_listeners);
    return r->address[i];
}
