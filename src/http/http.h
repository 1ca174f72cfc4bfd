/* http.h: an HTTP server on an event loop: HTTP/1.1, and HTTP/2 with prior knowledge, on one port,
 * with TLS or without.
 *
 * A connection that begins with HTTP/2's preface speaks HTTP/2, any other HTTP/1.1, whatever the
 * two have agreed on by TLS. Handlers are
 * the same for both. All calls are the loop's thread's; who works in another thread sends its
 * answer through an io_mailbox_t of that loop.
 *
 * A handler gets a request whose body has been read. It answers it at once or later: as a whole
 * (http_reply), or line by line (http_stream_begin, _write…, _end). Each line is one chunk
 * (HTTP/1.1) or one DATA frame (HTTP/2; more when it is longer than a frame).
 *
 * Every request must be answered to its end, also when the client has gone meanwhile: then what is
 * written is thrown away. The request is freed by that: http_reply and http_stream_end take it.
 */
#ifndef ARUS_HTTP_HTTP_H
#define ARUS_HTTP_HTTP_H

#include "io/loop.h"
#include "io/tls.h"

typedef struct http_server http_server_t;
typedef struct http_request http_request_t;
typedef struct http_conn http_conn_t;

typedef struct http_route http_route_t;

typedef struct http_pair {
    str_t name, value;
} http_pair_t;

#define HTTP_PARAMS_MAX 8

/* All texts live until the request is answered to its end. */
struct http_request {
    str_t method;
    str_t path;                         /* percent-decoded, without the query */
    str_t query;                        /* as it came, without the question mark */
    str_t body;                         /* all of it */
    int version;                        /* 1: HTTP/1.x, 2: HTTP/2 */
    http_pair_t param[HTTP_PARAMS_MAX]; /* the route's {name}s, percent-decoded */
    size_t n_params;
    const http_route_t *route; /* the one that fits; in miss, which has another method; NULL */
    const http_pair_t *header; /* names in lower case */
    size_t n_headers;
    arena_t *arena; /* for what the handler needs until the answer has ended */
    /* The handler's. gone: the client went away (called once, before the answer has ended); ready:
     * a stream that was full has room again. Either may be NULL. */
    void *env;
    void (*gone)(http_request_t *r);
    void (*ready)(http_request_t *r);
};

struct http_route {
    const char *method; /* "GET" answers HEAD, too */
    const char *path;   /* "/subjects/{subject}/versions": a {name} is one segment, never empty */
    void (*handle)(void *env, http_request_t *r);
};

typedef struct http_options {
    io_loop_t *loop;
    const http_route_t *route; /* the first that fits; must live as long as the server */
    size_t n_routes;
    void *env;                                  /* given to handlers */
    void (*miss)(void *env, http_request_t *r); /* no route fits; NULL: 404 "Not Found" */
    /* Asked before any handler; false: it has answered. May be NULL. */
    bool (*admit)(void *env, http_request_t *r);
    size_t header_bytes_max; /* the request's head: 431 beyond */
    size_t body_bytes_max;   /* 413 beyond; of all of a connection's streams */
    size_t stream_bytes_max; /* unsent bytes at which a stream is full */
    size_t connections_max;  /* 503 beyond */
    int64_t idle_ms;    /* a connection at rest, or one that takes nothing, is closed after it */
    int64_t request_ms; /* a request must have come within it: 408 */
} http_options_t;

/* Defaults for all but loop, route and env. */
void http_options_init(http_options_t *opt);

http_server_t *http_server_new(const http_options_t *opt);
/* Listens on one more address, as http_address_split has it; port 0: the system chooses. tls: for
 * "https://", must outlive the server; ST_BAD_CONFIG when it is needed and NULL. ret: "host:port"
 * with the port it really has, in the arena. As io_tcp_listen. */
ST http_server_listen(http_server_t *s, str_t listener, io_tls_t *tls, arena_t *a, str_t *ret,
                      err_t *err);
/* No new connections and requests; each connection is closed in order when its answers have ended
 * and are sent. */
void http_server_drain(http_server_t *s);
size_t http_server_connections(const http_server_t *s);
/* Closes what is still open; handlers' gone is called. */
void http_server_free(http_server_t *s);

/* For io_tls_options_t.alpn. */
extern const str_t http_alpn[2];

bool http_address_is_tls(str_t text);
/* "host:port", "[::1]:port", ":port", with "http://" or "https://" and a closing slash allowed.
 * ST_BAD_CONFIG. */
ST http_address_split(str_t text, str_t *ret_host, uint16_t *ret_port, err_t *err);

/* The first header of this name (lower case); STR_NONE. */
str_t http_header(const http_request_t *r, const char *name);
/* The route's {name}; STR_NONE. */
str_t http_param(const http_request_t *r, const char *name);
/* The query's value of this name, decoded (in the request's arena); STR_NONE: it is not there. */
str_t http_query(const http_request_t *r, const char *name);
/* The type the client would rather have, of the n (NULL: any) that can be given, by its Accept
 * header: the index, 0 when it has none; -1: none of them will do. */
int http_accepts(const http_request_t *r, const char *const *type, size_t n);

/* Adds a header to the answer. Before http_reply or http_stream_begin. Text is copied. */
void http_reply_header(http_request_t *r, const char *name, str_t value);
/* Answers all at once; type may be NULL. Takes r. */
void http_reply(http_request_t *r, int status, const char *type, str_t body);

/* Closes the connection in place of (the rest of) an answer. Takes r. */
void http_abort(http_request_t *r);

/* The head of an answer that comes line by line. */
void http_stream_begin(http_request_t *r, int status, const char *type);
/* One line with all its bytes (its newline, too). Never fails: what comes when the stream is full
 * is kept. */
void http_stream_write(http_request_t *r, str_t line);
/* Whether more should be written now; if not, r->ready tells. False when the client has gone. */
bool http_stream_room(http_request_t *r);
/* Takes r. */
void http_stream_end(http_request_t *r);
bool http_gone(const http_request_t *r);

#endif
