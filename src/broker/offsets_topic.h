/* offsets_topic.h: the topic `__consumer_offsets`. thread: group
 *
 * What it says of groups (group_record.h) is for those who read it; the broker itself does not. It
 * is made, compacted, when a group first needs it.
 */
#ifndef ARUS_BROKER_OFFSETS_TOPIC_H
#define ARUS_BROKER_OFFSETS_TOPIC_H

#include "broker/internal.h"

/* A reference; *ret_made: there was none, and it is empty. NULL: there is none, as is told in the
 * trace. May block. */
log_topic_t *offsets_topic_open(broker_t *b, bool *ret_made);
/* Where Kafka has the group: by Java's hash of its id. */
int32_t offsets_topic_partition(str_t group, int32_t partitions);

#endif
