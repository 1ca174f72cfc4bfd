/* stream.h: a connection on an event loop, with TLS or without: the owner does not care.
 *
 * Embedded in its owner; all calls are the loop's thread's. The owner says by io_stream_watch what
 * it waits for and is called when it has come. A handshake goes on by itself; until it is done
 * nothing is called. When it fails or takes too long, or the connection breaks, the owner is called
 * for whatever it watches and the next read or write says why.
 */
#ifndef ARUS_IO_STREAM_H
#define ARUS_IO_STREAM_H

#include "io/loop.h"
#include "io/tls.h"

typedef struct io_stream {
    io_loop_t *loop;
    io_poll_t poll; /* fd -1: closed */
    void (*fn)(void *arg, unsigned ready);
    void *arg;
    unsigned wanted; /* what the owner watches */
    /* Of TLS only. */
    io_tls_session_t *session; /* NULL: plain */
    io_timer_t timer;          /* the handshake's end, later: bytes that the socket hides */
    bool shaken, read_waits_out, write_waits_in;
    err_t *why; /* why it is broken; NULL: it is not */
} io_stream_t;

/* Takes the descriptor; tls NULL: plain. It watches nothing. fn gets IO_READABLE,
 * IO_WRITABLE and IO_HANGUP as far as they are watched, and may close the stream. */
void io_stream_open(io_stream_t *s, io_loop_t *loop, int fd, io_tls_t *tls, int64_t handshake_ms,
                    void (*fn)(void *arg, unsigned ready), void *arg);
static inline bool io_stream_is_open(const io_stream_t *s)
{
    return s->poll.fd >= 0;
}
/* IO_READABLE, IO_WRITABLE, IO_HANGUP, several or 0. */
void io_stream_watch(io_stream_t *s, unsigned events);
/* As io_tcp_read. */
ST io_stream_read(io_stream_t *s, void *p, size_t cap, size_t *ret_n, err_t *err);
/* As io_tcp_write. What was once given to it and not taken must be given again. */
ST io_stream_write(io_stream_t *s, const str_t *parts, size_t n, size_t *ret_n, err_t *err);
/* As io_stream_write, with n > 0 bytes of a file. ST_CORRUPT: it ends before them. */
ST io_stream_write_file(io_stream_t *s, io_file_t *f, int64_t pos, size_t n, size_t *ret_n,
                        err_t *err);
/* As io_tcp_finish. */
void io_stream_finish(io_stream_t *s);
/* Closes the descriptor, too. A closed one may be closed again. */
void io_stream_close(io_stream_t *s);

#endif
