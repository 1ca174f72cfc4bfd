/* HTTP/2 on a connection, over nghttp2's session: an exchange a stream.
 *
 * Each line of an answer is a DATA frame of its own. A GOAWAY is sent only when no stream is open:
 * clients drop what they have not read yet when one comes.
 */
#include "http/internal.h"

#define FILL_BYTES     (64u << 10) /* what is made ready for the socket at a time */
#define STREAMS_MAX    100
#define STREAM_WINDOW  (1 << 20)
#define CONN_WINDOW    (4 << 20)
#define RESETS_MAX     1000
#define WHOLE_LINE_MAX 16384 /* lines up to this wait for a window that takes them whole… */
#define WHOLE_WINDOW   65535 /* …when the client's window is at least so large */

static http_exchange_t *exchange_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* ---- requests */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    http_conn_t *c = arg;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    int32_t id = frame->hd.stream_id;
    if (c->server->draining)
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    http_exchange_t *x = http_exchange_new(c);
    x->id = id;
    return nghttp2_session_set_stream_user_data(session, id, x);
}

static void take_pseudo(http_exchange_t *x, str_t name, str_t value)
{
    if (str_eq(name, STR(":method"))) {
        x->req.method = arena_str(&x->arena, value);
    } else if (str_eq(name, STR(":path"))) {
        value = arena_str(&x->arena, value);
        if (!http_target_split(value, &x->raw_path, &x->req.query))
            x->refused = 400;
    } else if (str_eq(name, STR(":authority"))) {
        VEC_PUSH(&x->head, (http_pair_t){STR("host"), arena_str(&x->arena, value)});
    }
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_ptr,
                     size_t name_len, const uint8_t *value_ptr, size_t value_len, uint8_t flags,
                     void *arg)
{
    http_conn_t *c = arg;
    http_exchange_t *x = exchange_of(session, frame->hd.stream_id);
    str_t name = str_n(name_ptr, name_len), value = str_n(value_ptr, value_len);
    (void)flags;
    if (!x || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    x->head_bytes += name_len + value_len + 32;
    if (x->head_bytes > c->server->opt.header_bytes_max || x->head.len == HTTP_HEADERS_MAX)
        x->refused = 431;
    else if (name_len && name.ptr[0] == ':')
        take_pseudo(x, name, value);
    else
        VEC_PUSH(&x->head, (http_pair_t){arena_str(&x->arena, name), arena_str(&x->arena, value)});
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *arg)
{
    http_conn_t *c = arg;
    http_exchange_t *x = exchange_of(session, id);
    (void)flags;
    if (!x || x->refused || x->stage != HTTP_COMING)
        return 0;
    if (len > c->server->opt.body_bytes_max - c->body_bytes) {
        c->body_bytes -= x->body.len;
        buf_done(&x->body);
        x->refused = 413;
        return 0;
    }
    buf_put(&x->body, data, len);
    c->body_bytes += len;
    return 0;
}

/* A window has opened, or may have: lines that wait for one go on. */
static void resume_all(http_conn_t *c)
{
    for (http_exchange_t *x = c->exchange; x; x = x->next)
        if (x->deferred && x->out_at < x->out.len) {
            x->deferred = false;
            nghttp2_session_resume_data(c->h2, x->id);
        }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    http_exchange_t *x = exchange_of(session, frame->hd.stream_id);
    bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries && x && x->stage == HTTP_COMING && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        x->stage = HTTP_COMPLETE;
    if (frame->hd.type == NGHTTP2_WINDOW_UPDATE || frame->hd.type == NGHTTP2_SETTINGS)
        resume_all(arg);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    http_conn_t *c = arg;
    http_exchange_t *x = exchange_of(session, id);
    if (code != NGHTTP2_NO_ERROR && ++c->resets > RESETS_MAX && !c->terminated) {
        c->terminated = true;
        nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    if (x) {
        nghttp2_session_set_stream_user_data(session, id, NULL);
        http_exchange_detach(x);
        if (c->server->draining)
            http_conn_touch(c); /* it may have been the last */
    }
    return 0;
}

void http_h2_open(http_conn_t *c)
{
    nghttp2_session_callbacks *cb;
    if (nghttp2_session_callbacks_new(&cb))
        die("out of memory");
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_settings_entry set[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)c->server->opt.header_bytes_max},
    };
    int rc = nghttp2_session_server_new(&c->h2, cb, c);
    nghttp2_session_callbacks_del(cb);
    if (rc)
        die("out of memory");
    if (nghttp2_submit_settings(c->h2, NGHTTP2_FLAG_NONE, set, sizeof set / sizeof *set) ||
        nghttp2_session_set_local_window_size(c->h2, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW))
        c->broken = true;
}

static void refuse(http_exchange_t *x)
{
    str_t text = str_of(http_status_text(x->refused));
    x->stage = HTTP_HANDLED;
    http_reply(&x->req, x->refused, "text/plain", text);
}

/* Handlers are called here, not in nghttp2's callbacks. */
static void dispatch_all(http_conn_t *c)
{
    for (http_exchange_t *x = c->exchange, *next; x; x = next) {
        next = x->next; /* only on_close takes exchanges away, and it is not called in here */
        if (x->stage != HTTP_COMPLETE)
            continue;
        if (x->refused)
            refuse(x);
        else
            http_exchange_dispatch(x);
    }
}

void http_h2_work(http_conn_t *c)
{
    str_t in = http_conn_in(c);
    if (in.len) {
        ssize_t n = nghttp2_session_mem_recv(c->h2, (const uint8_t *)in.ptr, in.len);
        if (n < 0) {
            c->broken = true;
            return;
        }
        c->in_at += (size_t)n;
    }
    dispatch_all(c);
    if (c->read_closed)
        c->broken = true;
    c->ends_late |= c->server->draining && c->exchange;
    if (c->server->draining && !c->exchange && !c->terminated) {
        c->terminated = true;
        nghttp2_session_terminate_session(c->h2, NGHTTP2_NO_ERROR);
    }
}

/* ---- answers */

/* Whether a line of which n bytes are left had better wait for a larger window than `room`. */
static bool waits_for_window(http_conn_t *c, size_t n, size_t room)
{
    return n > room && n <= WHOLE_LINE_MAX &&
           nghttp2_session_get_remote_settings(c->h2, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) >=
               WHOLE_WINDOW;
}

static ssize_t give_data(nghttp2_session *session, int32_t id, uint8_t *p, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    http_exchange_t *x = source->ptr;
    (void)session;
    (void)id;
    bool line_start = x->line_left == 0;
    if (line_start && x->out_at < x->out.len)
        x->line_left = load_be32(x->out.ptr + x->out_at);
    if (x->line_left) {
        size_t n = x->line_left;
        if (line_start && waits_for_window(arg, n, room)) {
            x->line_left = 0;
            x->deferred = true;
            return NGHTTP2_ERR_DEFERRED;
        }
        if (line_start)
            x->out_at += 4;
        n = n < room ? n : room;
        memcpy(p, x->out.ptr + x->out_at, n);
        x->out_at += n;
        x->line_left -= (uint32_t)n;
        if (x->out_at == x->out.len) {
            buf_clear(&x->out);
            x->out_at = 0;
            if (x->stage == HTTP_ENDED)
                *flags = NGHTTP2_DATA_FLAG_EOF;
        }
        return (ssize_t)n;
    }
    if (x->stage == HTTP_ENDED) {
        *flags = NGHTTP2_DATA_FLAG_EOF;
        return 0;
    }
    x->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
}

void http_h2_fill(http_conn_t *c)
{
    while (http_conn_unsent(c) < FILL_BYTES) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(c->h2, &p);
        if (n < 0)
            c->broken = true;
        if (n <= 0)
            return;
        buf_put(&c->out, p, (size_t)n);
    }
}

static nghttp2_nv pair(str_t name, str_t value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

void http_h2_head(http_exchange_t *x, int status, const char *type, bool whole, size_t length)
{
    http_conn_t *c = x->conn;
    nghttp2_nv nv[16];
    char code[16], size[32];
    size_t n = 0;
    snprintf(code, sizeof code, "%d", status);
    snprintf(size, sizeof size, "%zu", length);
    nv[n++] = pair(STR(":status"), str_of(code));
    if (type)
        nv[n++] = pair(STR("content-type"), str_of(type));
    if (whole && status != 204 && status != 304)
        nv[n++] = pair(STR("content-length"), str_of(size));
    for (size_t i = 0; i < x->extra.len && n < sizeof nv / sizeof *nv; i++)
        nv[n++] = pair(arena_lower(&x->arena, x->extra.ptr[i].name), x->extra.ptr[i].value);
    nghttp2_data_provider data = {.source.ptr = x, .read_callback = give_data};
    bool none = x->no_body || (whole && !length);
    x->no_body = none;
    if (nghttp2_submit_response(c->h2, x->id, nv, n, none ? NULL : &data))
        c->broken = true;
    http_conn_touch(c);
}

static void resume(http_exchange_t *x)
{
    if (!x->deferred)
        return;
    x->deferred = false;
    nghttp2_session_resume_data(x->conn->h2, x->id);
}

void http_h2_line(http_exchange_t *x, str_t line)
{
    ASSERT(line.len <= UINT32_MAX);
    if (x->out_at > (64u << 10) && x->out_at * 2 > x->out.len) {
        memmove(x->out.ptr, x->out.ptr + x->out_at, x->out.len - x->out_at);
        x->out.len -= x->out_at;
        x->out_at = 0;
    }
    buf_put_be32(&x->out, (uint32_t)line.len);
    buf_put_str(&x->out, line);
    resume(x);
}

void http_h2_end(http_exchange_t *x)
{
    resume(x);
}
