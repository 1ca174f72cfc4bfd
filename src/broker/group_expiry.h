/* group_expiry.h: offsets that nobody needs any more. thread: group */
#ifndef ARUS_BROKER_GROUP_EXPIRY_H
#define ARUS_BROKER_GROUP_EXPIRY_H

#include "broker/group.h"
#include "broker/txn.h"

/* Forgets the offsets that are older than offsets.retention.minutes (KIP-211): of a group that
 * nobody is in, counted from when the last one left; of a topic that a group's members do not read,
 * and of a client that only commits, from the commit. Those that the program itself keeps, and
 * those that an open transaction changes, stay. Groups that nobody is in and that have no offsets
 * are forgotten. Blocks. */
void group_expire_offsets(broker_coordinator_t *c);
/* All that is in the log of a group that nobody is in goes. ST_NOT_FOUND: nothing. Blocks. */
ST group_forget(broker_coordinator_t *c, str_t id, err_t *err);

#endif
