/* A request and its answer: what handlers call. */
#include "http/internal.h"

static http_exchange_t *of(http_request_t *r)
{
    return (http_exchange_t *)(void *)r;
}

static const http_exchange_t *of_const(const http_request_t *r)
{
    return (const http_exchange_t *)(const void *)r;
}

http_exchange_t *http_exchange_new(http_conn_t *c)
{
    http_exchange_t *x = mem_zalloc(sizeof *x);
    arena_init(&x->arena, ARENA_NO_LIMIT);
    x->req.arena = &x->arena;
    x->req.version = c->proto == HTTP_PROTO_2 ? 2 : 1;
    x->conn = c;
    x->began_ns = io_loop_ns(c->server->opt.loop);
    x->next = c->exchange;
    if (x->next)
        x->next->prev = x;
    c->exchange = x;
    return x;
}

static void exchange_free(http_exchange_t *x)
{
    ASSERT(!x->conn);
    VEC_DONE(&x->head);
    VEC_DONE(&x->extra);
    buf_done(&x->body);
    buf_done(&x->out);
    arena_done(&x->arena);
    free(x);
}

void http_exchange_detach(http_exchange_t *x)
{
    http_conn_t *c = x->conn;
    if (x->prev)
        x->prev->next = x->next;
    else
        c->exchange = x->next;
    if (x->next)
        x->next->prev = x->prev;
    c->body_bytes -= x->body.len;
    x->conn = NULL;
    bool handlers = x->stage == HTTP_HANDLED || x->stage == HTTP_STREAMING;
    if (!handlers)
        exchange_free(x);
    else if (x->req.gone)
        x->req.gone(&x->req);
}

void http_exchange_dispatch(http_exchange_t *x)
{
    http_request_t *r = &x->req;
    ASSERT(x->stage == HTTP_COMPLETE);
    x->stage = HTTP_HANDLED;
    r->header = x->head.ptr;
    r->n_headers = x->head.len;
    r->body = buf_str(&x->body);
    x->no_body = str_eq(r->method, STR("HEAD"));
    if (http_percent_decode(&x->arena, x->raw_path, false, &r->path))
        http_route(x->conn->server, x);
    else
        http_reply(r, 400, "text/plain", STR("Bad Request"));
}

/* ---- what a handler asks */

str_t http_header(const http_request_t *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (str_eq(r->header[i].name, str_of(name)))
            return r->header[i].value;
    return STR_NONE;
}

str_t http_param(const http_request_t *r, const char *name)
{
    for (size_t i = 0; i < r->n_params; i++)
        if (str_eq(r->param[i].name, str_of(name)))
            return r->param[i].value;
    return STR_NONE;
}

str_t http_query(const http_request_t *r, const char *name)
{
    str_t rest = r->query, pair, key, value;
    while (str_split(&rest, '&', &pair)) {
        if (!str_split(&pair, '=', &key) || !http_percent_decode(r->arena, key, true, &key))
            continue;
        if (str_eq(key, str_of(name)) && http_percent_decode(r->arena, pair, true, &value))
            return value;
    }
    return STR_NONE;
}

/* How well an Accept range fits a type: 0 not, 1 any type, 2 any subtype, 3 the type itself. */
static int fits(str_t range, str_t type)
{
    if (str_eq(range, STR("*/*")) || str_eq(range, STR("*")))
        return 1;
    if (str_ends(range, STR("/*")))
        return str_starts_nocase(type, str_sub(range, 0, range.len - 1)) ? 2 : 0;
    return str_eq_nocase(range, type) ? 3 : 0;
}

/* Cuts "type/sub;a=b;q=0.5" into its range and q. */
static double quality(str_t *range)
{
    str_t rest = *range, part;
    double q = 1;
    if (!str_split(&rest, ';', range))
        *range = STR("");
    *range = str_trim(*range);
    while (str_split(&rest, ';', &part)) {
        part = str_trim(part);
        if (str_starts_nocase(part, STR("q=")) && !str_to_f64(str_sub(part, 2, part.len), &q))
            q = 0;
    }
    return q;
}

int http_accepts(const http_request_t *r, const char *const *type, size_t n)
{
    str_t accept = http_header(r, "accept"), range;
    if (!accept.len || !type)
        return 0;
    int best = -1, best_fit = 0;
    double best_q = 0;
    while (str_split(&accept, ',', &range)) {
        double q = quality(&range);
        for (size_t i = 0; i < n && q > 0; i++) {
            int fit = fits(range, str_of(type[i]));
            if (fit && (q > best_q || (q >= best_q && fit > best_fit))) {
                best = (int)i;
                best_q = q;
                best_fit = fit;
            }
        }
    }
    return best;
}

/* ---- the answer */

void http_reply_header(http_request_t *r, const char *name, str_t value)
{
    http_exchange_t *x = of(r);
    ASSERT(x->stage == HTTP_HANDLED && http_token_valid(str_of(name)));
    if (http_value_valid(value))
        VEC_PUSH(&x->extra,
                 (http_pair_t){arena_str(&x->arena, str_of(name)), arena_str(&x->arena, value)});
}

static void put_head(http_exchange_t *x, int status, const char *type, bool whole, size_t length)
{
    ASSERT(x->stage == HTTP_HANDLED);
    x->stage = HTTP_STREAMING;
    if (!x->conn)
        return;
    if (x->req.version == 2)
        http_h2_head(x, status, type, whole, length);
    else
        http_h1_head(x, status, type, whole, length);
}

void http_reply(http_request_t *r, int status, const char *type, str_t body)
{
    put_head(of(r), status, type, true, body.len);
    if (body.len)
        http_stream_write(r, body);
    http_stream_end(r);
}

void http_stream_begin(http_request_t *r, int status, const char *type)
{
    put_head(of(r), status, type, false, 0);
}

void http_stream_write(http_request_t *r, str_t line)
{
    http_exchange_t *x = of(r);
    ASSERT(x->stage == HTTP_STREAMING);
    if (!x->conn || x->no_body || !line.len)
        return;
    if (r->version == 2)
        http_h2_line(x, line);
    else
        http_h1_line(x, line);
    http_conn_touch(x->conn);
}

size_t http_exchange_unsent(const http_exchange_t *x)
{
    return x->req.version == 2 ? x->out.len - x->out_at : http_conn_unsent(x->conn);
}

bool http_stream_room(http_request_t *r)
{
    http_exchange_t *x = of(r);
    if (!x->conn)
        return false;
    x->full = http_exchange_unsent(x) >= x->conn->server->opt.stream_bytes_max;
    return !x->full;
}

void http_stream_end(http_request_t *r)
{
    http_exchange_t *x = of(r);
    http_conn_t *c = x->conn;
    ASSERT(x->stage == HTTP_STREAMING);
    x->stage = HTTP_ENDED;
    if (!c) {
        exchange_free(x);
        return;
    }
    if (r->version == 2)
        http_h2_end(x);
    else
        http_h1_end(x);
    http_conn_touch(c);
}

void http_abort(http_request_t *r)
{
    http_exchange_t *x = of(r);
    http_conn_t *c = x->conn;
    ASSERT(x->stage == HTTP_HANDLED || x->stage == HTTP_STREAMING);
    x->stage = HTTP_ENDED;
    if (!c) {
        exchange_free(x);
        return;
    }
    c->broken = true; /* x goes with it */
    http_conn_touch(c);
}

bool http_gone(const http_request_t *r)
{
    return !of_const(r)->conn;
}

const char *http_status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 307:
        return "Temporary Redirect";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 402:
        return "Payment Required";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 417:
        return "Expectation Failed";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return status < 400 ? "OK" : "Error";
    }
}
