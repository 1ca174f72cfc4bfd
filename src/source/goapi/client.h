/* client.h: GET requests over one kept connection. One thread uses it; goapi_client_wake comes from
 * any. */
#ifndef ARUS_SOURCE_GOAPI_CLIENT_H
#define ARUS_SOURCE_GOAPI_CLIENT_H

#include "base/buf.h"

#include <stdatomic.h>

typedef struct goapi_client goapi_client_t;

typedef struct goapi_reply {
    int status;             /* 0: no answer came */
    str_t body;             /* until the next request */
    int64_t retry_after_ms; /* 0: not said */
} goapi_reply_t;

#define GOAPI_BODY_BYTES_MAX (64u << 20)

/* stop is looked at while waiting. Never prints the key. ST_UNSUPPORTED: libcurl is missing. */
ST goapi_client_new(int64_t connect_timeout_ms, int64_t request_timeout_ms, const atomic_bool *stop,
                    goapi_client_t **ret, err_t *err);
void goapi_client_free(goapi_client_t *c);
/* Sent as X-API-KEY with every request; empty: none. Header-breaking bytes: ST_BAD_CONFIG. */
ST goapi_client_key(goapi_client_t *c, str_t key, err_t *err);
/* ST_UNREACHABLE, ST_TIMEOUT, ST_TOO_LARGE, ST_IO (cut off), ST_CANCELLED: with the reason. Any
 * HTTP status is ST_OK. */
ST goapi_client_get(goapi_client_t *c, str_t url, goapi_reply_t *ret, err_t *err);
/* thread: any. Ends the wait of a request after stop was set. */
void goapi_client_wake(goapi_client_t *c);

#endif
