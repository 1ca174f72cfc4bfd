/* A connection: bytes in and out. What they mean is h1.c's and h2.c's. */
#include "http/internal.h"

#include "io/tcp.h"

#define READ_BYTES   (64u << 10)
#define IN_BYTES_MAX (256u << 10) /* more is read only when this has been worked off */
#define KEEP_BYTES   (256u << 10) /* an empty buffer larger than this is given back */
#define AGAIN_MAX    8

static const char preface[] = NGHTTP2_CLIENT_MAGIC;

/* ---- in */

static void read_some(http_conn_t *c)
{
    if (c->in_at == c->in.len) {
        buf_clear(&c->in);
        c->in_at = 0;
    } else if (c->in_at > READ_BYTES) {
        memmove(c->in.ptr, c->in.ptr + c->in_at, c->in.len - c->in_at);
        c->in.len -= c->in_at;
        c->in_at = 0;
    }
    size_t n;
    st_t st = io_stream_read(&c->stream, buf_reserve(&c->in, READ_BYTES), READ_BYTES, &n, NULL);
    if (st == ST_OK) {
        c->in.len += n;
        c->active_ns = io_loop_ns(c->server->opt.loop);
    } else if (st == ST_CLOSED) {
        c->read_closed = true;
    } else if (st != ST_PARTIAL) {
        c->broken = true;
    }
}

static void on_ready(void *arg, unsigned ready)
{
    http_conn_t *c = arg;
    if (ready & IO_READABLE)
        read_some(c);
    http_conn_work(c);
}

static void sniff(http_conn_t *c)
{
    str_t in = http_conn_in(c);
    size_t n = in.len < NGHTTP2_CLIENT_MAGIC_LEN ? in.len : NGHTTP2_CLIENT_MAGIC_LEN;
    if (n && memcmp(in.ptr, preface, n)) {
        c->proto = HTTP_PROTO_1;
    } else if (n == NGHTTP2_CLIENT_MAGIC_LEN) {
        c->proto = HTTP_PROTO_2;
        http_h2_open(c);
    }
}

/* ---- out */

static void flush(http_conn_t *c)
{
    while (!c->broken) {
        if (c->h2)
            http_h2_fill(c);
        if (!http_conn_unsent(c))
            break;
        str_t part = str_n(c->out.ptr + c->out_at, http_conn_unsent(c));
        size_t n;
        st_t st = io_stream_write(&c->stream, &part, 1, &n, NULL);
        if (st == ST_PARTIAL)
            return;
        if (st != ST_OK) {
            c->broken = true;
            return;
        }
        c->out_at += n;
        c->active_ns = io_loop_ns(c->server->opt.loop);
    }
    if (c->linger_ns && c->out.len)
        io_stream_finish(&c->stream);
    c->out_at = 0;
    buf_clear(&c->out);
    if (c->out.cap > KEEP_BYTES)
        buf_done(&c->out);
}

/* Tells streams that were full that they have room again. */
static void tell_ready(http_conn_t *c)
{
    for (http_exchange_t *x = c->exchange; x; x = x->next) {
        if (x->stage != HTTP_STREAMING || !x->full ||
            http_exchange_unsent(x) > c->server->opt.stream_bytes_max / 2)
            continue;
        x->full = false;
        if (x->req.ready) {
            x->req.ready(&x->req); /* x may have ended by it */
            c->again = true;
            return;
        }
    }
}

/* ---- life */

void http_conn_open(http_server_t *s, int fd, io_tls_t *tls)
{
    if (s->n_conns >= s->opt.connections_max) {
        static const str_t busy = {"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n"
                                   "connection: close\r\n\r\n",
                                   75};
        size_t n;
        st_t st = tls ? ST_OK : io_tcp_write(fd, &busy, 1, &n, NULL);
        (void)st;
        io_tcp_close(fd);
        return;
    }
    http_conn_t *c = mem_zalloc(sizeof *c);
    c->server = s;
    io_stream_open(&c->stream, s->opt.loop, fd, tls, s->opt.request_ms, on_ready, c);
    c->active_ns = io_loop_ns(s->opt.loop);
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    s->n_conns++;
    io_stream_watch(&c->stream, IO_READABLE);
}

void http_conn_free(http_conn_t *c)
{
    http_server_t *s = c->server;
    if (c->h2)
        nghttp2_session_del(c->h2);
    while (c->exchange)
        http_exchange_detach(c->exchange);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    for (http_conn_t **at = &s->touched; c->touched && *at; at = &(*at)->next_touched)
        if (*at == c) {
            *at = c->next_touched;
            break;
        }
    s->n_conns--;
    io_stream_close(&c->stream);
    buf_done(&c->in);
    buf_done(&c->out);
    free(c);
}

void http_conn_touch(http_conn_t *c)
{
    http_server_t *s = c->server;
    if (c->running) {
        c->again = true;
    } else if (!c->touched) {
        c->touched = true;
        c->next_touched = s->touched;
        s->touched = c;
        if (!s->work.slot)
            io_timer_set(s->opt.loop, &s->work, 0);
    }
}

/* Whether there is nothing left to wait for. */
static bool finished(const http_conn_t *c)
{
    if (c->broken)
        return true;
    if (http_conn_unsent(c))
        return false;
    if (c->linger_ns)
        return c->read_closed;
    if (c->h2)
        return (c->terminated && !nghttp2_session_want_write(c->h2)) ||
               !(nghttp2_session_want_read(c->h2) || nghttp2_session_want_write(c->h2));
    bool at_rest = !c->exchange;
    return c->close_after || (at_rest && (c->read_closed || c->server->draining));
}

static void watch(http_conn_t *c)
{
    unsigned events = 0;
    bool keeps_up = http_conn_unsent(c) < IN_BYTES_MAX + c->server->opt.stream_bytes_max;
    if (!c->read_closed && keeps_up && c->in.len - c->in_at < IN_BYTES_MAX)
        events |= IO_READABLE;
    if (http_conn_unsent(c))
        events |= IO_WRITABLE;
    io_stream_watch(&c->stream, events);
}

/* A client that is sending must not get a reset before it has read what was sent to it. */
static void linger_at_end(http_conn_t *c)
{
    if (!c->ends_late || !c->terminated || c->linger_ns || http_conn_unsent(c) ||
        nghttp2_session_want_write(c->h2))
        return;
    c->linger_ns = io_loop_ns(c->server->opt.loop) + 1000000000;
    io_stream_finish(&c->stream);
}

static void work_once(http_conn_t *c)
{
    c->again = false;
    if (c->linger_ns)
        c->in_at = c->in.len;
    else if (c->proto == HTTP_PROTO_UNKNOWN)
        sniff(c);
    if (c->proto == HTTP_PROTO_1 && !c->linger_ns)
        http_h1_work(c);
    else if (c->proto == HTTP_PROTO_2 && !c->linger_ns)
        http_h2_work(c);
    flush(c);
    linger_at_end(c);
    tell_ready(c);
}

void http_conn_work(http_conn_t *c)
{
    c->running = true;
    work_once(c);
    for (int i = 0; c->again && !c->broken && i < AGAIN_MAX; i++)
        work_once(c);
    c->running = false;
    if (finished(c)) {
        http_conn_free(c);
        return;
    }
    if (c->again)
        http_conn_touch(c);
    watch(c);
}

void http_conn_tick(http_conn_t *c, int64_t now_ns)
{
    const http_options_t *opt = &c->server->opt;
    bool at_rest = !c->exchange || http_conn_unsent(c);
    int64_t rest_ms = c->proto == HTTP_PROTO_UNKNOWN && c->in.len ? opt->request_ms : opt->idle_ms;
    if ((at_rest && now_ns - c->active_ns > rest_ms * 1000000) ||
        (c->linger_ns && now_ns > c->linger_ns))
        c->broken = true;
    for (http_exchange_t *x = c->exchange, *next; x && !c->broken; x = next) {
        next = x->next;
        if (x->stage != HTTP_COMING || now_ns - x->began_ns < opt->request_ms * 1000000)
            continue;
        if (c->h2)
            nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_CANCEL);
        else
            http_h1_refuse(c, 408, STR("the request took too long to come"));
        break;
    }
    http_conn_work(c);
}
