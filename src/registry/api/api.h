/* api.h: the Schema Registry's REST API on a registry.
 *
 * A thread of its own with an event loop. Requests are answered within it, one after the other; one
 * that changes something waits for the log's sync, as its client does. Where several registries
 * share a topic, another thread answers those (writer.h). Paths, bodies, error codes
 * are those of Confluent's registry (API_VERSION).
 */
#ifndef ARUS_REGISTRY_API_API_H
#define ARUS_REGISTRY_API_API_H

#include "http/auth.h"
#include "registry/cluster/cluster.h"
#include "registry/registry.h"

typedef struct api api_t;

/* The registry whose behaviour this is. */
#define API_VERSION "8.5.0"

typedef struct api_options {
    io_t *io;
    registry_t *registry;  /* must outlive the api_t */
    cluster_t *cluster;    /* the registry's, where several share a topic; else NULL */
    str_t ca_file;         /* for a leader at https://; empty: the system's */
    str_t cluster_id;      /* of the log */
    const str_t *listener; /* "http://127.0.0.1:8081"; port 0: the system chooses */
    size_t n_listeners;
    io_tls_t *tls;           /* for https:// ones; NULL: there are none. Must outlive the api_t */
    const http_auth_t *auth; /* NULL: everyone may do everything. Must outlive the api_t */
    bool anonymous_reads;    /* who is no user may read and check, else nothing */
} api_options_t;

/* Listens on all and starts the thread. When it returns, requests are answered. */
ST api_start(const api_options_t *opt, api_t **ret, err_t *err);
/* "host:port" of listener i, with the port it really has. */
str_t api_listener(const api_t *api, size_t i);
/* No new requests; connections are closed when what is written is sent, after half a second at
 * most. NULL is allowed. */
void api_stop(api_t *api);

#endif
