/* throttle.h: quotas at work: who has done too much is told (throttle_time_ms) and not listened to
 * for that long; and how many connections an address may have. */
#ifndef ARUS_BROKER_THROTTLE_H
#define ARUS_BROKER_THROTTLE_H

#include "broker/auth.h"
#include "broker/quota.h"

#include <stdatomic.h>

typedef struct broker_quotas {
    pthread_mutex_t lock;
    quota_set_t set;
    map_t ips;       /* connections of each address: int * */
    atomic_bool any; /* there are quotas */
    map_t ip_limits; /* max.connections.per.ip.overrides: int64_t *; does not change */
} broker_quotas_t;

void broker_quotas_init(broker_t *b);
ST broker_quotas_load(broker_t *b, err_t *err);
void broker_quotas_free(broker_t *b);

/* Whether one more connection from this address is allowed; it is counted then until it leaves.
 * thread: any */
bool broker_ip_enter(broker_t *b, str_t ip);
void broker_ip_leave(broker_t *b, str_t ip);

/* Counts `n` partitions to be made or removed. False: those before have used the quota up and
 * nothing may be done (KAFKA_THROTTLING_QUOTA_EXCEEDED); only from the API's version `strict_from`
 * on, older clients do not know that answer and are slowed down. thread: admin */
bool broker_throttle_mutations(broker_request_t *r, int32_t n, int16_t strict_from);
/* Counts what a Produce brings. Returns for how many ms its connection is not listened to: from now
 * on, for Produce is pipelined. thread: net */
int32_t broker_throttle_produce(broker_request_t *r);
/* Whether a Fetch is to be answered without records, for its client has used up a quota: it is told
 * how long it waits, and its connection is not listened to for so long. thread: net */
bool broker_throttle_fetch(broker_request_t *r);
/* So many bytes of records at most, for a quota not to be overdrawn at once. thread: net */
size_t broker_throttle_fetch_bytes(broker_request_t *r);
/* Counts what the request was and what its answer is, puts throttle_time_ms into the answer, and
 * remembers it with the request. thread: whose the request is */
void broker_throttle(broker_request_t *r, void *response);
/* The network thread worked on the request for so long. thread: net */
void broker_throttle_worked(broker_request_t *r, int64_t ns);

#endif
