/* coordinator.h: the thread that keeps groups and transactions, and what it puts into the log.
 *
 * What requests change is collected while there is mail, and goes into the log with one sync; a
 * request that must see what came before it calls coordinator_flush first. thread: group
 */
#ifndef ARUS_BROKER_COORDINATOR_H
#define ARUS_BROKER_COORDINATOR_H

#include "base/map.h"
#include "broker/produce.h"

typedef struct coordinator_entry {
    log_commit_t *commit;
    void (*done)(void *arg, const log_outcome_t *o);
    void *arg;
} coordinator_entry_t;

typedef struct coordinator_held {
    broker_request_t *request;
    void *response; /* NULL: it has its answer, or goes on elsewhere */
} coordinator_held_t;

struct broker_coordinator {
    broker_t *broker;
    map_t groups;                               /* group.h */
    map_t consumer_groups;                      /* consumer_group.h */
    map_t txns;                                 /* txn.h */
    int64_t next_producer_id, producer_ids_end; /* those that may be given out */
    VEC(coordinator_entry_t) entries;
    io_timer_t soon; /* set: there are entries; they do not wait for mail */
    io_timer_t offsets_check, txns_check;
    VEC(coordinator_held_t) held; /* to go back when the entries are done */
};

static inline broker_coordinator_t *broker_coordinator_of(const broker_request_t *r)
{
    return broker_of(r)->coordinator;
}

/* Takes the commit; done is called by the next flush, which comes soon. */
void coordinator_commit(broker_coordinator_t *c, log_commit_t *commit,
                        void (*done)(void *arg, const log_outcome_t *o), void *arg);
/* The same for what has become of a group. When __consumer_offsets was deleted meanwhile, it is put
 * together again; another failure is told in the trace. */
void coordinator_keep(broker_coordinator_t *c, log_commit_t *commit, str_t group);
void coordinator_flush(broker_coordinator_t *c);
/* Goes back when all that was taken so far is in the log, or was refused, as its `done` was told:
 * with this response, which may yet change, or with NULL as it is. */
void coordinator_hold(broker_request_t *r, void *response);
/* The same with the response as it is now; it may point to what does not stay. */
void coordinator_answer(broker_request_t *r, void *response);
/* A producer id that was never given out. May block. */
ST coordinator_producer_id(broker_coordinator_t *c, int64_t *ret, err_t *err);

#endif
