/* Listening, routes, time-outs. */
#include "http/internal.h"

#include "io/tcp.h"

#define TICK_MS_MAX     1000
#define ACCEPT_PER_TURN 64

void http_options_init(http_options_t *opt)
{
    *opt = (http_options_t){.header_bytes_max = 64u << 10,
                            .body_bytes_max = 32u << 20,
                            .stream_bytes_max = 256u << 10,
                            .connections_max = 4096,
                            .idle_ms = 75000,
                            .request_ms = 30000};
}

/* ---- routes */

/* Whether the path fits the pattern; sets the request's parameters. */
static bool route_fits(http_exchange_t *x, str_t pattern)
{
    http_request_t *r = &x->req;
    str_t path = x->raw_path, want, have;
    r->n_params = 0;
    while (str_split(&pattern, '/', &want)) {
        if (!str_split(&path, '/', &have))
            return false;
        bool param = want.len > 2 && want.ptr[0] == '{';
        if (!param && !str_eq(want, have))
            return false;
        if (!param)
            continue;
        ASSERT(r->n_params < HTTP_PARAMS_MAX);
        http_pair_t *p = &r->param[r->n_params++];
        p->name = str_sub(want, 1, want.len - 2);
        if (!have.len || !http_percent_decode(&x->arena, have, false, &p->value))
            return false;
    }
    return !path.len;
}

void http_route(http_server_t *s, http_exchange_t *x)
{
    str_t method = x->no_body ? STR("GET") : x->req.method;
    for (size_t i = 0; i < s->opt.n_routes; i++) {
        const http_route_t *route = &s->opt.route[i];
        if (!str_eq(method, str_of(route->method)) || !route_fits(x, str_of(route->path)))
            continue;
        x->req.route = route;
        if (!s->opt.admit || s->opt.admit(s->opt.env, &x->req))
            route->handle(s->opt.env, &x->req);
        return;
    }
    for (size_t i = 0; i < s->opt.n_routes && !x->req.route; i++)
        if (route_fits(x, str_of(s->opt.route[i].path)))
            x->req.route = &s->opt.route[i];
    x->req.n_params = 0;
    if (s->opt.admit && !s->opt.admit(s->opt.env, &x->req))
        return;
    if (s->opt.miss)
        s->opt.miss(s->opt.env, &x->req);
    else
        http_reply(&x->req, 404, "text/plain", STR("Not Found"));
}

/* ---- timers */

static void work(void *arg)
{
    http_server_t *s = arg;
    http_conn_t *list = s->touched;
    s->touched = NULL;
    for (http_conn_t *c = list, *next; c; c = next) {
        next = c->next_touched;
        c->touched = false;
        http_conn_work(c);
    }
}

static void set_tick(http_server_t *s)
{
    int64_t ms = s->opt.idle_ms < s->opt.request_ms ? s->opt.idle_ms / 4 : s->opt.request_ms / 4;
    if (s->n_conns || !s->accepting)
        io_timer_set(s->opt.loop, &s->tick, ms < 10 ? 10 : ms > TICK_MS_MAX ? TICK_MS_MAX : ms);
}

static void set_accepting(http_server_t *s, bool on)
{
    s->accepting = on;
    for (size_t i = 0; i < s->listeners.len; i++)
        io_poll_set(s->opt.loop, &s->listeners.ptr[i]->poll, on ? IO_READABLE : 0);
}

static void tick(void *arg)
{
    http_server_t *s = arg;
    int64_t now = io_mono_ns(io_loop_io(s->opt.loop));
    for (http_conn_t *c = s->conns, *next; c; c = next) {
        next = c->next;
        http_conn_tick(c, now);
    }
    if (!s->accepting && !s->draining)
        set_accepting(s, true);
    set_tick(s);
}

/* ---- listening */

static void accept_some(void *arg, unsigned ready)
{
    http_listener_t *l = arg;
    http_server_t *s = l->server;
    (void)ready;
    for (int i = 0; i < ACCEPT_PER_TURN; i++) {
        int fd;
        st_t st = io_tcp_accept(l->poll.fd, &fd, NULL);
        if (st == ST_PARTIAL)
            return;
        if (st !=
            ST_OK) { /* descriptors ran out: those who wait are served when others have gone */
            set_accepting(s, false);
            set_tick(s);
            return;
        }
        http_conn_open(s, fd, l->tls);
        if (!s->tick.slot)
            set_tick(s);
    }
}

st_t http_server_listen(http_server_t *s, str_t listener, io_tls_t *tls, arena_t *a, str_t *ret,
                        err_t *err)
{
    int fd;
    str_t host;
    uint16_t port;
    bool secure = http_address_is_tls(listener);
    if (secure && !tls)
        return err_set(err, ST_BAD_CONFIG,
                       "listener " STR_FMT " needs a key: set ssl.keystore.location",
                       STR_ARG(listener));
    TRY(http_address_split(listener, &host, &port, err));
    TRY(io_tcp_listen(host, port, &fd, &port, err));
    http_listener_t *l = mem_zalloc(sizeof *l);
    l->server = s;
    l->tls = secure ? tls : NULL;
    l->poll = (io_poll_t){.fd = fd, .fn = accept_some, .arg = l};
    VEC_PUSH(&s->listeners, l);
    io_poll_set(s->opt.loop, &l->poll, IO_READABLE);
    bool six = str_find_char(host, ':') >= 0;
    *ret = arena_printf(a, "%s" STR_FMT "%s:%u", six ? "[" : "",
                        STR_ARG(host.len ? host : STR("127.0.0.1")), six ? "]" : "", port);
    return ST_OK;
}

http_server_t *http_server_new(const http_options_t *opt)
{
    http_server_t *s = mem_zalloc(sizeof *s);
    s->opt = *opt;
    s->accepting = true;
    s->work = (io_timer_t){.fn = work, .arg = s};
    s->tick = (io_timer_t){.fn = tick, .arg = s};
    return s;
}

static void close_listeners(http_server_t *s)
{
    for (size_t i = 0; i < s->listeners.len; i++) {
        io_poll_set(s->opt.loop, &s->listeners.ptr[i]->poll, 0);
        io_tcp_close(s->listeners.ptr[i]->poll.fd);
        free(s->listeners.ptr[i]);
    }
    VEC_CLEAR(&s->listeners);
}

void http_server_drain(http_server_t *s)
{
    s->draining = true;
    close_listeners(s);
    for (http_conn_t *c = s->conns; c; c = c->next)
        http_conn_touch(c);
}

size_t http_server_connections(const http_server_t *s)
{
    return s->n_conns;
}

void http_server_free(http_server_t *s)
{
    if (!s)
        return;
    close_listeners(s);
    while (s->conns)
        http_conn_free(s->conns);
    io_timer_clear(s->opt.loop, &s->work);
    io_timer_clear(s->opt.loop, &s->tick);
    VEC_DONE(&s->listeners);
    free(s);
}

/* ---- addresses */

const str_t http_alpn[2] = {{"h2", 2}, {"http/1.1", 8}};

bool http_address_is_tls(str_t text)
{
    return str_starts_nocase(str_trim(text), STR("https://"));
}

st_t http_address_split(str_t text, str_t *ret_host, uint16_t *ret_port, err_t *err)
{
    str_t s = str_trim(text);
    if (str_starts_nocase(s, STR("http://")))
        s = str_sub(s, 7, s.len);
    else if (http_address_is_tls(s))
        s = str_sub(s, 8, s.len);
    if (str_ends(s, STR("/")))
        s = str_sub(s, 0, s.len - 1);
    size_t colon = s.len;
    while (colon > 0 && s.ptr[colon - 1] != ':')
        colon--;
    int64_t port;
    if (!colon || !str_to_i64(str_sub(s, colon, s.len), &port) || port < 0 || port > 65535)
        return err_set(err, ST_BAD_CONFIG,
                       "expected an address such as http://127.0.0.1:8088, got '" STR_FMT "'",
                       STR_ARG(text));
    str_t host = str_sub(s, 0, colon - 1);
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = str_sub(host, 1, host.len - 2);
    *ret_host = host;
    *ret_port = (uint16_t)port;
    return ST_OK;
}
