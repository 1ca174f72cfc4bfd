/* internal.h: connections and exchanges, inside http/. All is the loop's thread's.
 *
 * http_conn_work is the only way by which a connection moves on, and the only place that frees one.
 * Handlers, and whatever else writes, only touch the connection: it works in the loop's next turn.
 */
#ifndef ARUS_HTTP_INTERNAL_H
#define ARUS_HTTP_INTERNAL_H

#include "http/parse.h"
#include "io/stream.h"

#include <nghttp2/nghttp2.h>

typedef struct http_exchange http_exchange_t;

typedef enum http_stage {
    HTTP_COMING,    /* the request is not complete */
    HTTP_COMPLETE,  /* to be given to its handler */
    HTTP_HANDLED,   /* the handler has it; nothing is answered */
    HTTP_STREAMING, /* the answer has begun */
    HTTP_ENDED      /* the handler has given it back; HTTP/2: unsent bytes wait */
} http_stage_t;

/* A request and its answer. */
struct http_exchange {
    http_request_t req; /* first: handlers have a pointer to it */
    arena_t arena;
    http_conn_t *conn;            /* NULL: the client has gone */
    http_exchange_t *prev, *next; /* the connection's */
    http_stage_t stage;
    int64_t began_ns;
    str_t raw_path;
    VEC(http_pair_t) head; /* of the request */
    size_t head_bytes;
    buf_t body;
    VEC(http_pair_t) extra;   /* headers of the answer */
    bool no_body;             /* HEAD */
    bool full;                /* room was refused: ready is due */
    bool keep_alive, chunked; /* HTTP/1.1 */
    /* HTTP/2. Unsent lines: u32 length, bytes. */
    int32_t id;
    int refused; /* the status with which it is refused once it is complete; 0: not */
    bool deferred;
    buf_t out;
    size_t out_at;
    uint32_t line_left;
};

typedef enum http_proto { HTTP_PROTO_UNKNOWN, HTTP_PROTO_1, HTTP_PROTO_2 } http_proto_t;

struct http_conn {
    http_server_t *server;
    http_conn_t *prev, *next;
    http_conn_t *next_touched;
    bool touched; /* in the server's list */
    bool running, again;
    io_stream_t stream;
    buf_t in, out;
    size_t in_at, out_at;
    http_exchange_t *exchange; /* all that are under way */
    size_t body_bytes;         /* of all requests under way */
    int64_t active_ns;         /* when bytes last moved */
    int64_t linger_ns;         /* refused: what comes is thrown away until then; 0: not */
    bool read_closed, broken, close_after;
    http_proto_t proto;
    /* HTTP/1.1: one exchange at a time */
    size_t seen;
    http_body_t body;
    /* HTTP/2 */
    nghttp2_session *h2;
    size_t resets;
    bool terminated; /* GOAWAY is sent or on its way */
    bool ends_late;  /* its streams end because the server does: its client may be sending */
};

typedef struct http_listener {
    http_server_t *server;
    io_poll_t poll;
    io_tls_t *tls; /* NULL: without */
} http_listener_t;

struct http_server {
    http_options_t opt;
    VEC(http_listener_t *) listeners;
    http_conn_t *conns, *touched;
    size_t n_conns;
    io_timer_t work, tick; /* touched connections; time-outs */
    bool draining, accepting;
};

/* conn.c */
void http_conn_open(http_server_t *s, int fd, io_tls_t *tls);
void http_conn_free(http_conn_t *c);
void http_conn_work(http_conn_t *c);
/* There is something to do: it works soon. */
void http_conn_touch(http_conn_t *c);
/* Checks its time-outs. */
void http_conn_tick(http_conn_t *c, int64_t now_ns);
static inline str_t http_conn_in(const http_conn_t *c)
{
    return str_sub(buf_str(&c->in), c->in_at, SIZE_MAX);
}
static inline size_t http_conn_unsent(const http_conn_t *c)
{
    return c->out.len - c->out_at;
}

/* exchange.c */
http_exchange_t *http_exchange_new(http_conn_t *c);
/* Takes it out of its connection and frees it, or, when a handler still has it, tells that one. */
void http_exchange_detach(http_exchange_t *x);
/* Bytes of its answer that are still here. */
size_t http_exchange_unsent(const http_exchange_t *x);
/* Finds the route and calls its handler. Texts of the request are set. */
void http_exchange_dispatch(http_exchange_t *x);
const char *http_status_text(int status);

/* server.c */
void http_route(http_server_t *s, http_exchange_t *x);

/* h1.c, h2.c */
void http_h1_work(http_conn_t *c);
void http_h1_refuse(http_conn_t *c, int status, str_t message);
void http_h1_head(http_exchange_t *x, int status, const char *type, bool whole, size_t length);
void http_h1_line(http_exchange_t *x, str_t line);
void http_h1_end(http_exchange_t *x);

void http_h2_open(http_conn_t *c);
void http_h2_work(http_conn_t *c);
/* Fills c->out up to a bound. */
void http_h2_fill(http_conn_t *c);
void http_h2_head(http_exchange_t *x, int status, const char *type, bool whole, size_t length);
void http_h2_line(http_exchange_t *x, str_t line);
void http_h2_end(http_exchange_t *x);

#endif
