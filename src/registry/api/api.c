/* The thread, its routes, how a request is answered, how it stops. */
#include "registry/api/call.h"
#include "registry/api/writer.h"

#include "io/mailbox.h"

#define STOP_MS      500
#define STOP_POLL_MS 5

struct api {
    api_options_t opt;
    arena_t life;
    io_loop_t *loop;
    http_server_t *http;
    io_mailbox_t orders;
    io_timer_t deadline; /* looks whether it has stopped */
    int64_t stop_ns;     /* when it stops waiting for clients */
    pthread_t thread;
    writer_t *writer;     /* NULL: changes are answered by the loop's thread */
    io_mailbox_t written; /* the writer's answers */
    str_t *address;       /* one a listener */
    buf_t body;     /* of the answer that is being made */
};

static const char *const types[] = {"application/vnd.schemaregistry.v1+json",
                                    "application/vnd.schemaregistry+json", "application/json"};
#define N_TYPES (sizeof types / sizeof *types)

/* ---- answers */

static void put_error(buf_t *b, int code, str_t message)
{
    buf_put_char(b, '{');
    json_put_member_i64(b, "error_code", code);
    json_put_member_str(b, "message", message);
    buf_put_char(b, '}');
}

/* error_code is an HTTP status, or one with two digits more. */
static int status_of(int code)
{
    return code < 1000 ? code : code / 100;
}

static void reply_error(api_t *api, http_request_t *r, int code, str_t message)
{
    int type = http_accepts(r, types, N_TYPES);
    buf_clear(&api->body);
    put_error(&api->body, code, message);
    http_reply(r, status_of(code), types[type < 0 ? 0 : type], buf_str(&api->body));
}

/* Shapes of a body that are wrong are 400, whatever found them. */
static int code_of(const call_t *c, st_t st)
{
    if (c->code)
        return c->code;
    return st == ST_BAD_INPUT ? 400 : st_registry(st) ? st_registry(st) : 500;
}

static bool takes_type(const http_request_t *r)
{
    str_t rest = http_header(r, "content-type"), type;
    if (!r->body.len || !str_split(&rest, ';', &type))
        return true;
    for (size_t i = 0; i < N_TYPES; i++)
        if (str_eq_nocase(str_trim(type), str_of(types[i])))
            return true;
    return str_eq_nocase(str_trim(type), STR("application/octet-stream"));
}

/* Runs the request's handler: its answer's body, or an error's, and the status. */
static int answer(void *env, http_request_t *r, buf_t *b);
static void serve(void *env, http_request_t *r);

#define UNDER "/contexts/{context}"

static const http_route_t routes[] = {
#define ROUTE(method, path, handler) {method, path, serve}, {method, UNDER path, serve},
#include "registry/api/routes.def"
#undef ROUTE
};

static handler_t *const handlers[] = {
#define ROUTE(method, path, handler) api_##handler, api_##handler,
#include "registry/api/routes.def"
#undef ROUTE
};

static int answer(void *env, http_request_t *r, buf_t *b)
{
    api_t *api = env;
    call_t c = {.opt = &api->opt, .registry = api->opt.registry, .http = r, .arena = r->arena};
    st_t st = handlers[r->route - routes](&c, b);
    if (st == ST_OK)
        return c.status ? c.status : 200;
    int code = code_of(&c, st);
    buf_clear(b);
    put_error(b, code, c.message.len ? c.message : str_of(c.err.msg));
    return status_of(code);
}

/* Reads, lookups and checks. */
static bool only_reads(const http_request_t *r)
{
    str_t path = str_of(r->route ? r->route->path : "");
    if (!str_eq(r->method, STR("POST")))
        return str_eq(r->method, STR("GET")) || str_eq(r->method, STR("HEAD"));
    return str_find(path, STR("/compatibility/")) >= 0 ||
           str_ends(path, STR("/subjects/{subject}"));
}

static bool admit(void *env, http_request_t *r)
{
    api_t *api = env;
    bool anyone = api->opt.anonymous_reads && only_reads(r);
    int status = anyone ? 0 : http_auth_check(api->opt.auth, r);
    if (status)
        reply_error(api, r, status, status == 401 ? STR("Unauthorized") : STR("Forbidden"));
    return !status;
}

static void reply(http_request_t *r, int status, str_t body)
{
    int type = http_accepts(r, types, N_TYPES);
    http_reply(r, status, status == 204 ? NULL : types[type < 0 ? 0 : type], body);
}

static void serve(void *env, http_request_t *r)
{
    api_t *api = env;
    int type = http_accepts(r, types, N_TYPES);
    if (type < 0)
        reply_error(api, r, 406, STR("HTTP 406 Not Acceptable"));
    else if (!takes_type(r))
        reply_error(api, r, 415, STR("HTTP 415 Unsupported Media Type"));
    else if (api->writer && !only_reads(r)) {
        err_t err;
        st_t st = writer_put(api->writer, r, &err);
        if (st != ST_OK)
            reply_error(api, r, st_registry(st), str_of(err.msg));
    } else {
        buf_clear(&api->body);
        int status = answer(api, r, &api->body);
        reply(r, status, buf_str(&api->body));
    }
}

/* ---- answers of the writer */

static int put_failure(void *env, st_t st, str_t message, buf_t *b)
{
    (void)env;
    int code = st_registry(st) ? st_registry(st) : 500;
    put_error(b, code, message);
    return status_of(code);
}

static void on_written(void *arg, io_mail_t *list)
{
    (void)arg;
    for (io_mail_t *m = list, *next; m; m = next) {
        next = m->next;
        writer_order_t *o = (writer_order_t *)m;
        buf_t body = o->body; /* the order goes with the request */
        if (o->offset)
            http_reply_header(o->request, WRITER_OFFSET,
                              arena_printf(o->request->arena, "%lld", (long long)o->offset));
        if (o->status)
            reply(o->request, o->status, buf_str(&body));
        else
            http_abort(o->request);
        buf_done(&body);
    }
}

static void miss(void *env, http_request_t *r)
{
    api_t *api = env;
    if (r->route)
        reply_error(api, r, 405, STR("HTTP 405 Method Not Allowed"));
    else if (str_starts(r->path, STR("/exporters")) || str_starts(r->path, STR("/dek-registry")))
        reply_error(
            api, r, 404,
            STR("HTTP 404 Not Found: this registry has no exporters and no key encryption"));
    else
        reply_error(api, r, 404, STR("HTTP 404 Not Found"));
}

/* ---- stopping */

static void check_stopped(void *arg)
{
    api_t *api = arg;
    bool late = io_mono_ns(api->opt.io) > api->stop_ns;
    if (late || !http_server_connections(api->http))
        io_loop_stop(api->loop);
    else
        io_timer_set(api->loop, &api->deadline, STOP_POLL_MS);
}

static void on_orders(void *arg, io_mail_t *list)
{
    api_t *api = arg;
    (void)list;
    api->stop_ns = io_mono_ns(api->opt.io) + STOP_MS * 1000000;
    http_server_drain(api->http);
    check_stopped(api);
}

void api_stop(api_t *api)
{
    if (!api)
        return;
    io_mail_t stop;
    if (api->thread) {
        io_mailbox_put(&api->orders, &stop);
        pthread_join(api->thread, NULL);
    }
    writer_stop(api->writer);
    if (api->writer)
        on_written(api, io_mailbox_done(&api->written));
    http_server_free(api->http);
    ASSERT(!io_mailbox_done(&api->orders));
    io_loop_free(api->loop);
    buf_done(&api->body);
    arena_done(&api->life);
    free(api);
}

/* ---- starting */

static void *run(void *arg)
{
    io_loop_run(((api_t *)arg)->loop);
    return NULL;
}

static ST listen_all(api_t *api, const api_options_t *opt, err_t *err)
{
    api->address = ARENA_ARRAY(&api->life, str_t, opt->n_listeners + 1);
    for (size_t i = 0; i < opt->n_listeners; i++)
        TRY(http_server_listen(api->http, opt->listener[i], opt->tls, &api->life, &api->address[i],
                               err));
    return ST_OK;
}

static void copy_options(api_t *api, const api_options_t *opt)
{
    api->opt = *opt;
    api->opt.listener = NULL;
    api->opt.cluster_id = arena_str(&api->life, opt->cluster_id);
    api->opt.ca_file = arena_str(&api->life, opt->ca_file);
}

st_t api_start(const api_options_t *opt, api_t **ret, err_t *err)
{
    api_t *api = mem_zalloc(sizeof *api);
    arena_init(&api->life, ARENA_NO_LIMIT);
    copy_options(api, opt);
    api->loop = io_loop_new(opt->io);
    api->deadline = (io_timer_t){.fn = check_stopped, .arg = api};
    io_mailbox_init(&api->orders, api->loop, on_orders, api);
    http_options_t http;
    http_options_init(&http);
    http.loop = api->loop;
    http.route = routes;
    http.n_routes = sizeof routes / sizeof *routes;
    http.env = api;
    http.miss = miss;
    http.admit = admit;
    http.body_bytes_max = CALL_BODY_BYTES_MAX;
    api->http = http_server_new(&http);
    st_t st = listen_all(api, opt, err);
    if (st != ST_OK) {
        api_stop(api);
        return st;
    }
    if (opt->cluster) {
        io_mailbox_init(&api->written, api->loop, on_written, api);
        api->writer = writer_start(&(writer_options_t){.io = opt->io,
                                                       .cluster = opt->cluster,
                                                       .answers = &api->written,
                                                       .env = api,
                                                       .answer = answer,
                                                       .fail = put_failure,
                                                       .ca_file = api->opt.ca_file});
    }
    int e = pthread_create(&api->thread, NULL, run, api);
    if (e)
        die("cannot start a thread: %s", strerror(e));
    *ret = api;
    return ST_OK;
}

str_t api_listener(const api_t *api, size_t i)
{
    ASSERT(i < api->opt.n_listeners);
    return api->address[i];
}
