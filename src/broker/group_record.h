/* group_record.h: what becomes of groups, as the log keeps it. thread: group
 *
 * A group is kept as Kafka's records of `__consumer_offsets`. A change of a group is some of them,
 * in one commit. Each is in it twice: as what the broker reads (an offset in the log's own table,
 * all else a fact under "groups/" and the record's key), and in the topic, for those who read that.
 * So nothing is replayed at a start; and when the topic is made anew, all that is known of groups
 * is written there first.
 *
 *  OFFSET SIZE MEANING (big-endian) of a record's key
 *       0    2 kind
 *       2    2 length of the group's id, and it
 *       –    2 length of the name, and it: the member's id, or the pattern; not of all kinds
 * and an offset's is OffsetCommitKey 1. A value is 2 bytes of version and the message.
 */
#ifndef ARUS_BROKER_GROUP_RECORD_H
#define ARUS_BROKER_GROUP_RECORD_H

#include "broker/coordinator.h"
#include "wire/batch.h"

/* Kafka's numbers; with what is kept of them. */
typedef enum group_record_kind {
    GROUP_RECORD_CLASSIC = 2,      /* GroupMetadataValue */
    GROUP_RECORD_EPOCH = 3,        /* ConsumerGroupMetadataValue */
    GROUP_RECORD_MEMBER = 5,       /* ConsumerGroupMemberMetadataValue, by member */
    GROUP_RECORD_TARGET_EPOCH = 6, /* ConsumerGroupTargetAssignmentMetadataValue */
    GROUP_RECORD_TARGET = 7,       /* ConsumerGroupTargetAssignmentMemberValue, by member */
    GROUP_RECORD_CURRENT = 8,      /* ConsumerGroupCurrentMemberAssignmentValue, by member */
    GROUP_RECORD_PATTERN = 16      /* ConsumerGroupRegularExpressionValue, by pattern */
} group_record_kind_t;

/* ---- writing */

typedef struct group_change {
    broker_coordinator_t *coordinator;
    str_t group; /* borrowed */
    log_commit_t *commit;
    log_topic_t *topic; /* NULL: there is none */
    buf_t batch, key;
    wire_out_t value;
    wire_writer_t w;
    int64_t now_ms;
} group_change_t;

/* What follows goes into the commit; of one group. May block, when the topic must be made. */
void group_change_begin(group_change_t *x, broker_coordinator_t *c, str_t group,
                        log_commit_t *commit);
/* The record is this from now on; `message` NULL, or one of more than 1 MiB: it is no more. `name`
 * STR_NONE where the kind has none. Returns a hash of the message, which is never 0. */
uint64_t group_change_put(group_change_t *x, group_record_kind_t kind, str_t name,
                          const void *message);
/* As group_change_put returns it. */
uint64_t group_record_hash(group_record_kind_t kind, const void *message);
/* An offset of -1: it is forgotten. */
void group_change_offset(group_change_t *x, const log_group_offset_t *o);
/* The records of its kind of group are no more; nobody is in it. */
void group_change_forget(group_change_t *x);
void group_change_end(group_change_t *x);

/* All offsets are of one group. */
void group_offsets_put(broker_coordinator_t *c, log_commit_t *commit, const log_group_offset_t *o,
                       size_t n);

/* ---- reading; any thread */

typedef struct group_record {
    group_record_kind_t kind;
    str_t group, name, value;
} group_record_t;

/* All that the log has, sorted by kind, in the arena. */
void group_records(log_t *log, arena_t *a, group_record_t **ret, size_t *ret_n);
/* One of a kind that has no name. */
bool group_record_find(log_t *log, group_record_kind_t kind, str_t group, arena_t *a,
                       group_record_t *ret);
/* The message, in the arena; NULL: it cannot be read. */
void *group_record_read(const group_record_t *record, arena_t *a);

#endif
