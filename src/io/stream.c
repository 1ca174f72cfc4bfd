#include "io/stream.h"

#include "io/tcp.h"

#define FILE_PART_BYTES (16u << 10) /* a record of TLS */

/* What the socket is watched for: what the owner wants, where TLS does not need the other way
 * first. */
static void set_poll(io_stream_t *s)
{
    unsigned events = s->wanted & IO_HANGUP;
    if (s->wanted & IO_READABLE)
        events |= s->read_waits_out ? IO_WRITABLE : IO_READABLE;
    if (s->wanted & IO_WRITABLE)
        events |= s->write_waits_in ? IO_READABLE : IO_WRITABLE;
    io_poll_set(s->loop, &s->poll, s->why ? 0 : events);
    if ((s->why && s->wanted) ||
        (s->session && s->shaken && (s->wanted & IO_READABLE) && io_tls_more(s->session)))
        io_timer_set(s->loop, &s->timer, 0);
}

static void fail(io_stream_t *s, const err_t *why)
{
    s->why = mem_dup(why, sizeof *why);
    set_poll(s);
}

static void shake(io_stream_t *s)
{
    err_t err;
    io_tls_wait_t wait;
    st_t st = io_tls_handshake(s->session, &wait, &err);
    if (st == ST_PARTIAL) {
        io_poll_set(s->loop, &s->poll, wait == IO_TLS_IN ? IO_READABLE : IO_WRITABLE);
        return;
    }
    io_timer_clear(s->loop, &s->timer);
    s->shaken = st == ST_OK;
    if (s->shaken)
        set_poll(s);
    else
        fail(s, &err);
}

static void on_timer(void *arg)
{
    io_stream_t *s = arg;
    if (s->why || s->shaken) {
        unsigned ready = s->why ? s->wanted : s->wanted & IO_READABLE;
        if (ready)
            s->fn(s->arg, ready);
        return;
    }
    err_t err;
    err_set_at(&err, ST_TIMEOUT, __FILE__, __LINE__, "the other end took too long to agree on TLS");
    fail(s, &err);
}

static void on_ready(void *arg, unsigned ready)
{
    io_stream_t *s = arg;
    unsigned what = ready;
    if (s->session && !s->shaken) {
        shake(s);
        return;
    }
    if ((ready & IO_READABLE) && s->write_waits_in)
        what |= IO_WRITABLE;
    if ((ready & IO_WRITABLE) && s->read_waits_out)
        what |= IO_READABLE;
    what &= s->wanted;
    if (what)
        s->fn(s->arg, what);
}

/* ---- life */

void io_stream_open(io_stream_t *s, io_loop_t *loop, int fd, io_tls_t *tls, int64_t handshake_ms,
                    void (*fn)(void *arg, unsigned ready), void *arg)
{
    *s = (io_stream_t){.loop = loop, .fn = fn, .arg = arg};
    s->poll = (io_poll_t){.fd = fd, .fn = on_ready, .arg = s};
    s->timer = (io_timer_t){.fn = on_timer, .arg = s};
    if (!tls)
        return;
    s->session = io_tls_session_new(tls, fd, STR_NONE);
    io_timer_set(loop, &s->timer, handshake_ms);
    io_poll_set(loop, &s->poll, IO_READABLE);
}

void io_stream_watch(io_stream_t *s, unsigned events)
{
    s->wanted = events;
    if (!s->session || s->shaken || s->why)
        set_poll(s);
}

void io_stream_finish(io_stream_t *s)
{
    if (s->session && !s->why)
        io_tls_finish(s->session);
    io_tcp_finish(s->poll.fd);
}

void io_stream_close(io_stream_t *s)
{
    if (s->poll.fd < 0)
        return;
    io_poll_set(s->loop, &s->poll, 0);
    io_timer_clear(s->loop, &s->timer);
    if (s->session && !s->why)
        io_tls_finish(s->session);
    io_tls_session_free(s->session);
    s->session = NULL;
    io_tcp_close(s->poll.fd);
    s->poll.fd = -1;
    free(s->why);
    s->why = NULL;
}

/* ---- bytes */

static ST broken(io_stream_t *s, err_t *err)
{
    if (err)
        *err = *s->why;
    return s->why->code;
}

ST io_stream_read(io_stream_t *s, void *p, size_t cap, size_t *ret_n, err_t *err)
{
    io_tls_wait_t wait = IO_TLS_IN;
    if (!s->session)
        return io_tcp_read(s->poll.fd, p, cap, ret_n, err);
    if (s->why)
        return broken(s, err);
    if (!s->shaken)
        return ST_PARTIAL;
    st_t st = io_tls_read(s->session, p, cap, ret_n, &wait, err);
    s->read_waits_out = st == ST_PARTIAL && wait == IO_TLS_OUT;
    set_poll(s);
    return st;
}

ST io_stream_write(io_stream_t *s, const str_t *parts, size_t n, size_t *ret_n, err_t *err)
{
    io_tls_wait_t wait = IO_TLS_OUT;
    if (!s->session)
        return io_tcp_write(s->poll.fd, parts, n, ret_n, err);
    if (s->why)
        return broken(s, err);
    if (!s->shaken)
        return ST_PARTIAL;
    st_t st = io_tls_write(s->session, parts, n, ret_n, &wait, err);
    s->write_waits_in = st == ST_PARTIAL && wait == IO_TLS_IN;
    set_poll(s);
    return st;
}

ST io_stream_write_file(io_stream_t *s, io_file_t *f, int64_t pos, size_t n, size_t *ret_n,
                        err_t *err)
{
    char bytes[FILE_PART_BYTES];
    str_t part = str_n(bytes, n < sizeof bytes ? n : sizeof bytes);
    size_t got = 0;
    bool send = !s->session && io_file_fd(f) >= 0;
    if (send)
        TRY(io_tcp_send_file(s->poll.fd, io_file_fd(f), pos, n, &got, err));
    else
        TRY(io_file_read(f, bytes, part.len, pos, &got, err));
    if (got < (send ? 1 : part.len))
        return err_set(err, ST_CORRUPT, "a file ends before what is to be sent of it, at byte %lld",
                       (long long)pos);
    if (!send)
        return io_stream_write(s, &part, 1, ret_n, err);
    *ret_n = got;
    return ST_OK;
}
