/* offsets_topic.h: groups' offsets: in the log, and as records of `__consumer_offsets` for those
 * who read that topic. thread: group
 *
 * Each commit that changes a group's offsets carries the records that say so, in Kafka's formats
 * (OffsetCommitKey 1, OffsetCommitValue 3, GroupMetadataKey 2, GroupMetadataValue 3), in the
 * partition where Kafka has the group. They are there together or not at all. The broker itself
 * does not read them. The topic is made, compacted, when a group first needs it.
 */
#ifndef ARUS_BROKER_OFFSETS_TOPIC_H
#define ARUS_BROKER_OFFSETS_TOPIC_H

#include "broker/group.h"

/* All of one group; an offset of -1: it is forgotten. */
void offsets_put(broker_coordinator_t *c, log_commit_t *commit, const log_group_offset_t *o,
                 size_t n);
/* A classic group as it is. */
void offsets_topic_put_group(log_commit_t *commit, const group_t *g);
/* It is no more. */
void offsets_topic_forget_group(broker_coordinator_t *c, log_commit_t *commit, str_t id);
/* Where Kafka has the group: by Java's hash of its id. */
int32_t offsets_topic_partition(str_t group, int32_t partitions);

#endif
