/* node.h: a connection to one broker. Requests go one at a time, and each waits for its answer. */
#ifndef ARUS_TOOL_NODE_H
#define ARUS_TOOL_NODE_H

#include "base/buf.h"
#include "tool/secure.h"
#include "wire/message.h"

typedef struct node_versions {
    int16_t min, max; /* max -1: not spoken */
} node_versions_t;

typedef struct node {
    int32_t id;
    str_t host; /* borrowed, as are io, secure and arena */
    uint16_t port;
    io_t *io;
    const secure_t *secure;
    arena_t *arena; /* answers live here */
    int fd;         /* -1: not connected */
    io_tls_session_t *tls;
    int32_t correlation;
    buf_t in;
    wire_out_t out;
    node_versions_t version[WIRE_API_KEYS];
} node_t;

/* Connects, by TLS and SASL where `secure` says so, and asks what the broker speaks; does nothing
 * when it is connected. ST_UNREACHABLE, ST_TIMEOUT, ST_DENIED, ST_CORRUPT. */
ST node_connect(node_t *n, err_t *err);
void node_done(node_t *n);

/* Sends a wire_<api>_request_t and waits for its answer, in the newest version up to version_max
 * that both speak. ST_UNSUPPORTED, ST_UNREACHABLE, ST_TIMEOUT, ST_CORRUPT. */
ST node_call(node_t *n, wire_api_key_t key, int version_max, const void *request,
             void *ret_response, err_t *err);

#endif
