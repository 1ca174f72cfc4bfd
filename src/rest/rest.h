/* rest.h: ksqlDB's REST API on a SQL server.
 *
 * A thread of its own with an event loop; requests go to the SQL server's thread and come back by
 * mail, so the loop never waits. Paths, bodies, error codes and the order of keys are ksqlDB's.
 */
#ifndef ARUS_REST_REST_H
#define ARUS_REST_REST_H

#include "http/auth.h"
#include "server/server.h"

typedef struct rest rest_t;

/* What /info says; the API is that of this version of ksqlDB. */
#define REST_KSQL_VERSION "0.29.0"

typedef struct rest_options {
    io_t *io;
    server_t *server;      /* started; must outlive the rest_t */
    str_t service_id;      /* ksql.service.id */
    str_t cluster_id;      /* of the log */
    const str_t *listener; /* "http://127.0.0.1:8088"; port 0: the system chooses */
    size_t n_listeners;
    io_tls_t *tls;            /* for https:// ones; NULL: there are none. Must outlive the rest_t */
    const http_auth_t *auth;  /* NULL: everyone may come. Must outlive the rest_t */
    int64_t max_push_queries; /* ksql.max.push.queries; more are refused */
    /* Appends what /metrics tells beside the server's own; NULL: nothing. In the API's thread. */
    void (*put_metrics)(void *env, buf_t *b);
    void *env;
} rest_options_t;

/* Listens on all and starts the thread. When it returns, requests are answered. */
ST rest_start(const rest_options_t *opt, rest_t **ret, err_t *err);
/* "host:port" of listener i, with the port it really has. */
str_t rest_listener(const rest_t *r, size_t i);
/* No new requests; running queries are ended and their answers finished and sent, then the
 * connections are closed. Takes half a second at most. Before server_close. NULL is allowed. */
void rest_stop(rest_t *r);

#endif
