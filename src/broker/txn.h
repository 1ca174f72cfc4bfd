/* txn.h: transactions. thread: group
 *
 * A transactional id's state is a fact of the log (log_commit_fact), under "txn/" and the id: 2
 * bytes of version 1, Kafka's TransactionLogValue version 1, then a TxnOffsetCommit request version
 * 5 for each group whose offsets it will commit.
 *
 * It ends in one commit of the log: the markers in all its partitions, the groups' offsets and the
 * state's fact are there together or not at all. So there is no "prepared" state, and nothing to
 * take up again after a crash but transactions that are still open: they time out.
 *
 * Batches of transactions are appended by this thread, so that no batch can slip in behind a marker
 * (what Kafka has to verify, KIP-890). A transaction that others end (a time-out, a new producer
 * under the id) ends with a newer epoch in its markers, which fences what its producer still sends.
 */
#ifndef ARUS_BROKER_TXN_H
#define ARUS_BROKER_TXN_H

#include "broker/coordinator.h"

#define TXN_ID_BYTES_MAX 30000
#define TXN_BYTES_MAX    (900u << 10) /* of what a state remembers */

/* Kafka's numbers. */
typedef enum txn_status {
    TXN_EMPTY = 0,
    TXN_ONGOING = 1,
    TXN_COMMITTED = 4,
    TXN_ABORTED = 5
} txn_status_t;

typedef struct txn_partition {
    str_t topic; /* owned */
    int32_t index;
} txn_partition_t;

typedef struct txn_offset {
    str_t group, topic, metadata; /* owned */
    int32_t partition, leader_epoch;
    int64_t offset;
} txn_offset_t;

typedef struct txn {
    broker_coordinator_t *coordinator;
    str_t id; /* owned */
    int64_t producer_id;
    int16_t epoch;
    int16_t epoch_before; /* of the producer that was given this epoch; -1: none */
    int32_t timeout_ms;
    txn_status_t status;
    int64_t start_ms, update_ms;
    VEC(txn_partition_t) partitions;
    VEC(txn_offset_t) offsets;
    size_t bytes; /* what the last two take, about */
    io_timer_t timeout;
    struct txn_ending *ending; /* NULL, but from txn_end_soon until the log has it; txn.c */
} txn_t;

const char *txn_status_name(txn_status_t s);
/* All that the log knows of; open ones get their time-outs. */
ST txn_load(broker_coordinator_t *c, err_t *err);
void txn_free(void *txn);
/* NULL: there is none. One that is about to end has ended: may block. */
txn_t *txn_find(broker_coordinator_t *c, str_t id);
txn_t *txn_new(broker_coordinator_t *c, str_t id);

/* Forgets the ids of which nothing was heard for transactional.id.expiration.ms and that have no
 * transaction open. Blocks. */
void txn_expire(broker_coordinator_t *c);
/* Puts the state's fact into the commit. */
void txn_put_fact(const txn_t *t, log_commit_t *commit);
/* The transaction is open from now on, if it is not yet. */
void txn_begin(txn_t *t);
bool txn_has_partition(const txn_t *t, str_t topic, int32_t index);
/* False past TXN_BYTES_MAX. */
bool txn_add_partition(txn_t *t, str_t topic, int32_t index);
bool txn_add_offset(txn_t *t, const txn_offset_t *o);
/* Ends it: markers with `epoch`, which becomes the state's. ST_NO_SPACE: it is as it was. Blocks.
 */
ST txn_end(txn_t *t, bool commit, int16_t epoch, err_t *err);
/* The same with what others put into the log; `done` is called when it is there or, with a status,
 * as it was. */
void txn_end_soon(txn_t *t, bool commit, int16_t epoch, void (*done)(txn_t *t, void *arg, st_t st),
                  void *arg);
/* What ends a producer's transaction in a partition. */
typedef struct txn_marker {
    int64_t producer_id;
    int16_t epoch;
    bool commit;
    int32_t coordinator_epoch;
} txn_marker_t;

/* Puts the marker's batch into the commit. */
void txn_put_marker(broker_t *b, const txn_marker_t *m, log_commit_t *to, log_topic_t *topic,
                    int32_t partition);
/* Whether an open transaction holds an offset for the group. */
bool txn_changes_offset(const broker_coordinator_t *c, str_t group, str_t topic, int32_t partition);

/* ---- txn_requests.c */
/* A Produce request with batches of a transaction, checked by produce.c. */
void broker_txn_produce(broker_request_t *r);

#endif
