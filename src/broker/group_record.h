/* group_record.h: what the log keeps of a group besides its offsets, so that a group is known, with
 * its kind, while nobody is in it. thread: group
 *
 *  OFFSET SIZE MEANING (big-endian) of the fact "group/<id>"
 *       0    1 1: the version
 *       1    1 kind (group_kind_t)
 *       2    4 generation, or epoch
 *       6    4 members
 *      10    8 since when it is so
 *      18    – the protocol's type
 */
#ifndef ARUS_BROKER_GROUP_RECORD_H
#define ARUS_BROKER_GROUP_RECORD_H

#include "broker/coordinator.h"

typedef enum group_kind { GROUP_CLASSIC, GROUP_ASSIGNED } group_kind_t;

typedef struct group_record {
    str_t id;
    group_kind_t kind;
    int32_t generation, members;
    int64_t since_ms;
    str_t protocol_type;
} group_record_t;

/* Members did not survive the start: groups that had some are empty from now on. Blocks. */
ST group_records_load(broker_coordinator_t *c, err_t *err);
/* False: there is none; its offsets, if any, are of a client that only commits. Text lives in the
 * arena. */
bool group_record_find(const broker_coordinator_t *c, str_t id, arena_t *a, group_record_t *ret);
/* All, sorted by id, in the arena. Any thread. */
void group_records(log_t *log, arena_t *a, group_record_t **ret, size_t *ret_n);
/* Ids of all that have one, or offsets, in the arena; sorted, each once. */
void group_ids(const broker_coordinator_t *c, arena_t *a, str_t **ret, size_t *ret_n);
void group_record_put(log_commit_t *commit, const group_record_t *g);
void group_record_remove(log_commit_t *commit, str_t id);

#endif
