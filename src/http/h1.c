/* HTTP/1.1 on a connection: one exchange at a time, those behind it wait in the buffer. */
#include "http/internal.h"

/* How long bytes of a refused request are taken in, so that the client reads the answer before a
 * reset. */
#define LINGER_NS 1000000000

/* The exchange that is coming; made with the first byte, so that its time runs. */
static http_exchange_t *coming(http_conn_t *c)
{
    return c->exchange ? c->exchange : http_exchange_new(c);
}

void http_h1_refuse(http_conn_t *c, int status, str_t message)
{
    while (c->exchange)
        http_exchange_detach(c->exchange);
    buf_printf(&c->out,
               "HTTP/1.1 %d %s\r\ncontent-type: text/plain\r\ncontent-length: %zu\r\n"
               "connection: close\r\n\r\n" STR_FMT "\n",
               status, http_status_text(status), message.len + 1, STR_ARG(message));
    c->close_after = true;
    c->in_at = c->in.len;
    c->linger_ns = io_loop_ns(c->server->opt.loop) + LINGER_NS;
}

/* Empty lines before a request are skipped. */
static void skip_lines(http_conn_t *c)
{
    str_t in = http_conn_in(c);
    size_t n = 0;
    while (n + 1 < in.len && in.ptr[n] == '\r' && in.ptr[n + 1] == '\n')
        n += 2;
    c->in_at += n;
}

/* True when the head is there and the body comes next. */
static bool take_head(http_conn_t *c)
{
    const http_options_t *opt = &c->server->opt;
    if (!c->seen)
        skip_lines(c);
    str_t in = http_conn_in(c);
    if (!in.len)
        return false;
    if (!http_token_valid(str_sub(in, 0, 1)) && in.ptr[0] != '\r') {
        http_h1_refuse(c, 400, STR("this is not HTTP; without TLS, please"));
        return false;
    }
    http_exchange_t *x = coming(c);
    size_t end = http_head_end(in, c->seen);
    c->seen = in.len;
    if (end > opt->header_bytes_max || (!end && in.len > opt->header_bytes_max)) {
        http_h1_refuse(c, 431, STR("the headers are too long"));
        return false;
    }
    if (!end)
        return false;
    c->seen = 0;
    c->in_at += end;
    http_head_t h;
    err_t err;
    int status = 400;
    if (http_head_parse(&x->arena, str_sub(in, 0, end), &h, &status, &err) != ST_OK) {
        http_h1_refuse(c, status, str_of(err.msg));
        return false;
    }
    if (h.body == HTTP_BODY_LENGTH && h.length > opt->body_bytes_max) {
        http_h1_refuse(c, 413, STR("the body is too large"));
        return false;
    }
    x->req.method = h.method;
    x->raw_path = h.path;
    x->req.query = h.query;
    x->keep_alive = h.keep_alive;
    x->chunked = h.minor == 1;
    for (size_t i = 0; i < h.n_headers; i++)
        VEC_PUSH(&x->head, h.header[i]);
    http_body_init(&c->body, &h);
    if (h.expect_continue && h.body != HTTP_BODY_NONE && !http_conn_in(c).len)
        BUF_LIT(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    return true;
}

/* True when the body is complete. */
static bool take_body(http_conn_t *c)
{
    http_exchange_t *x = c->exchange;
    size_t used, before = x->body.len;
    err_t err;
    st_t st = http_body_feed(&c->body, http_conn_in(c), &x->body, c->server->opt.body_bytes_max,
                             &used, &err);
    c->in_at += used;
    c->body_bytes += x->body.len - before;
    if (st == ST_OK)
        return true;
    if (st != ST_PARTIAL)
        http_h1_refuse(c, st == ST_TOO_LARGE ? 413 : 400, str_of(err.msg));
    return false;
}

void http_h1_work(http_conn_t *c)
{
    while (!c->close_after && !c->broken) {
        http_exchange_t *x = c->exchange;
        if (x && x->stage > HTTP_COMPLETE)
            break; /* being answered */
        bool has_head = x && x->req.method.len;
        if (!has_head && (c->server->draining || !take_head(c)))
            break;
        if (!c->exchange || !take_body(c))
            break;
        c->exchange->stage = HTTP_COMPLETE;
        http_exchange_dispatch(c->exchange);
    }
    http_exchange_t *x = c->exchange;
    if (!c->read_closed || !x)
        return;
    /* The client has closed its side: a whole answer is still sent, an endless one is not. */
    if (x->stage == HTTP_COMING || x->stage == HTTP_STREAMING)
        c->broken = true;
}

/* ---- answers */

void http_h1_head(http_exchange_t *x, int status, const char *type, bool whole, size_t length)
{
    http_conn_t *c = x->conn;
    bool no_body = status == 204 || status == 304;
    if (c->server->draining || (!whole && !x->chunked))
        x->keep_alive = false;
    buf_printf(&c->out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
    if (type)
        buf_printf(&c->out, "content-type: %s\r\n", type);
    for (size_t i = 0; i < x->extra.len; i++)
        buf_printf(&c->out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(x->extra.ptr[i].name),
                   STR_ARG(x->extra.ptr[i].value));
    if (whole && !no_body)
        buf_printf(&c->out, "content-length: %zu\r\n", length);
    else if (!whole && x->chunked)
        BUF_LIT(&c->out, "transfer-encoding: chunked\r\n");
    if (!x->keep_alive)
        BUF_LIT(&c->out, "connection: close\r\n");
    else if (!x->chunked)
        BUF_LIT(&c->out, "connection: keep-alive\r\n");
    BUF_LIT(&c->out, "\r\n");
    x->no_body |= no_body;
    x->chunked = x->chunked && !whole;
    http_conn_touch(c);
}

void http_h1_line(http_exchange_t *x, str_t line)
{
    buf_t *out = &x->conn->out;
    if (x->chunked)
        buf_printf(out, "%zx\r\n", line.len);
    buf_put_str(out, line);
    if (x->chunked)
        BUF_LIT(out, "\r\n");
}

void http_h1_end(http_exchange_t *x)
{
    http_conn_t *c = x->conn;
    if (x->chunked && !x->no_body)
        BUF_LIT(&c->out, "0\r\n\r\n");
    if (!x->keep_alive)
        c->close_after = true;
    http_exchange_detach(x);
}
