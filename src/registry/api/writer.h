/* writer.h: the thread that answers what changes something, where several registries share a topic:
 * by the registry here while it leads, else by the one that does. Private to registry/api.
 *
 * A change takes some network round trips; reads go on meanwhile. Changes are answered one after
 * the other, in the order they came.
 */
#ifndef ARUS_REGISTRY_API_WRITER_H
#define ARUS_REGISTRY_API_WRITER_H

#include "http/http.h"
#include "io/mailbox.h"
#include "registry/cluster/cluster.h"

/* The header of an answer to a request that was passed on: the offset behind what it has written,
 * so that the registry which passed it on has read that before it answers. */
#define WRITER_OFFSET "x-registry-offset"

typedef struct writer writer_t;

/* An answer, or what is to become one. */
typedef struct writer_order {
    io_mail_t mail; /* first */
    http_request_t *request;
    int status;     /* 0: none, the writer has ended before */
    int64_t offset; /* for a registry that has passed it on: see WRITER_OFFSET; 0: none */
    buf_t body; /* on the heap; the receiver frees it */
} writer_order_t;

typedef struct writer_options {
    io_t *io;
    cluster_t *cluster;
    io_mailbox_t *answers; /* gets each order back */
    void *env;
    /* Answers it here: appends the body, returns the status. In the writer's thread. */
    int (*answer)(void *env, http_request_t *r, buf_t *b);
    /* The body of an error in the API's form. */
    int (*fail)(void *env, st_t st, str_t message, buf_t *b);
    str_t ca_file; /* for https:// leaders; empty: the system's */
} writer_options_t;

writer_t *writer_start(const writer_options_t *opt);
/* ST_BUSY: another registry has passed it on to this one, which does not lead. Such a request never
 * waits: two registries might wait for each other. */
ST writer_put(writer_t *w, http_request_t *r, err_t *err);
/* What it has not begun comes back without a status. NULL is allowed. */
void writer_stop(writer_t *w);

#endif
