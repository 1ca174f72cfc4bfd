/* fetch.h: what a Fetch request asks for, and sessions (KIP-227), which remember it between
 * requests.
 *
 * A session belongs to its connection and ends with it; a client that comes back by another is told
 * FETCH_SESSION_ID_NOT_FOUND and asks for all again. thread: net
 */
#ifndef ARUS_BROKER_FETCH_H
#define ARUS_BROKER_FETCH_H

#include "broker/internal.h"

typedef struct broker_fetch_partition {
    str_t name; /* empty where it was asked for by id */
    wire_uuid_t id;
    int32_t index;
    log_topic_t *topic; /* a reference; NULL: not found, `code` says why */
    int16_t code;
} broker_fetch_partition_t;

typedef struct broker_fetch_part {
    broker_fetch_partition_t partition;
    int64_t offset;
    int32_t bytes_max, leader_epoch;
    int64_t seen_end;             /* how far it could be read when it was last looked at */
    int64_t sent_end, sent_start; /* what the client was told */
    unsigned allowed_at;          /* the generation of the access lists, + 1; 0: not yet */
    bool forgotten;               /* by the session that is just being changed */
} broker_fetch_part_t;

typedef struct broker_fetch {
    broker_fetch_part_t **part; /* the session's, or of the request alone */
    size_t n_parts;
    bool by_id, incremental, owned; /* owned: the parts are the request's */
    bool committed;                 /* isolation level: read only what is decided */
    int32_t session_id;
    size_t start; /* which part comes first */
    size_t last_with_data;
    size_t bytes_min, bytes_max;
    void *result; /* fetch.c */
} broker_fetch_t;

/* Fills in the parts, making, changing or ending the connection's session. Returns an error code
 * for the whole request. */
int16_t broker_fetch_begin(broker_request_t *r, broker_fetch_t *f);
/* Looks for the partition's topic (again). */
void broker_fetch_resolve(broker_conn_t *c, broker_fetch_partition_t *p);
/* The next fetch of the session begins behind this part. */
void broker_fetch_rotate(broker_conn_t *c, const broker_fetch_t *f, size_t part);
/* Lets go of what belongs to the request. */
void broker_fetch_done(broker_fetch_t *f);

#endif
