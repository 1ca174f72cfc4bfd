/* consumer_group.h: consumer groups whose partitions the broker assigns (KIP-848). thread: group
 *
 * A member says by heartbeats what it wants to read and what it still has. Whenever who is in the
 * group, what they want or what topics there are changes, the group is in its next epoch, with a
 * new target: a member for each partition. Each member comes there at its own pace: it is told to
 * give up what is not its any more, and when it says that it has, it is in the group's epoch and
 * gets what nobody else owns. All of it is in the log before a member is told (group_record.h):
 * after a restart the group goes on where it was, and each member has a session's time to be heard
 * of.
 *
 * N1 A partition has one owner at most: it becomes a member's only when it is nobody's, and
 *    nobody's when its owner has said that it is without it, or is out.
 * N2 Who owns a partition that another shall have stays in its epoch, for its rebalance timeout at
 *    most.
 */
#ifndef ARUS_BROKER_CONSUMER_GROUP_H
#define ARUS_BROKER_CONSUMER_GROUP_H

#include "broker/group_record.h"
#include "broker/pattern.h"

#define CONSUMER_EPOCH_LEAVES       (-1)
#define CONSUMER_EPOCH_LEAVES_SHORT (-2) /* a static member that will be back */

typedef struct consumer_group consumer_group_t;

typedef struct consumer_member {
    consumer_group_t *group;
    /* Owned. ptr NULL: not said. */
    str_t id, instance_id, rack_id, client_id, host, assignor, regex;
    VEC(str_t) topics;         /* by name; owned */
    broker_pattern_t *pattern; /* of regex; NULL: none */
    int32_t epoch, epoch_before, rebalance_ms;
    bool revoking;         /* it was told to give something up, and has not */
    uint64_t told;         /* a hash of the assignment that it was told last */
    uint64_t kept_target;  /* a hash of what the log has as its target */
    uint64_t kept_pattern; /* of what its pattern finds; 0: that is not its to keep */
    int64_t load;          /* consumer_assign.c counts here */
    io_timer_t session, rebalance;
} consumer_member_t;

typedef struct consumer_topic {
    str_t name; /* owned */
    log_uuid_t id;
    int32_t partitions;
    consumer_member_t **target, **owner; /* a partition each; NULL: nobody */
} consumer_topic_t;

struct consumer_group {
    broker_coordinator_t *coordinator;
    str_t id; /* owned */
    int32_t epoch;
    const char *assignor;
    VEC(consumer_member_t *) members; /* sorted by id */
    VEC(consumer_topic_t) topics;     /* that are there, of those that members want or own */
    int64_t topics_ns;                /* when they were looked up */
    int64_t topics_hash;              /* of those for which the target is */
    bool was_classic;                 /* the log has it as a group of the classic protocol */
    group_change_t change;            /* what the log does not have yet; commit NULL: nothing */
};

/* NULL when nobody is in it. */
consumer_group_t *consumer_group_find(const broker_coordinator_t *c, str_t id);
/* It is one, though nobody is in it. */
bool consumer_group_was(const broker_coordinator_t *c, str_t id);
consumer_group_t *consumer_group_new(broker_coordinator_t *c, str_t id);
void consumer_group_free(void *group);
/* The log gets what has changed; the group is forgotten when nobody is in it. */
void consumer_group_settle(consumer_group_t *g);
/* NULL: it is no topic that a member wants or has. */
consumer_topic_t *consumer_topic_find(const consumer_group_t *g, const void *id);
/* The same for one that a member has, as the log says. NULL: it was deleted. */
consumer_topic_t *consumer_topic_load(consumer_group_t *g, const void *id);
const char *consumer_group_state(const consumer_group_t *g);

/* NULL */
consumer_member_t *consumer_member_find(const consumer_group_t *g, str_t id);
consumer_member_t *consumer_member_of_instance(const consumer_group_t *g, str_t instance_id);
consumer_member_t *consumer_member_new(consumer_group_t *g, const broker_request_t *r, str_t id);
/* As the log has it, with nothing yet. Its session begins. */
void consumer_member_load(consumer_group_t *g, str_t id,
                          const wire_consumer_group_member_metadata_value_t *from);
/* It was told to give something up: its rebalance timeout begins. */
void consumer_member_must_revoke(consumer_member_t *m);
/* It is out: what it owned is nobody's, and the group in its next epoch. */
void consumer_member_gone(consumer_member_t *m);
/* Another process goes on as this static member, with nothing yet but the same target. */
void consumer_member_replace(consumer_member_t *m, str_t id);
/* It is away, and keeps what it has while its session goes on. */
void consumer_member_leave_short(consumer_member_t *m);
/* It was heard of: its session goes on. */
void consumer_member_touch(consumer_member_t *m);
/* Takes what the request says of it; its pattern is a good one. Returns whether it wants something
 * else now. */
bool consumer_member_update(consumer_member_t *m,
                            const wire_consumer_group_heartbeat_request_t *from);
/* Whether the partition is its, also when it is to give it up. */
bool consumer_member_owns(const consumer_member_t *m, const wire_uuid_t *topic, int32_t partition);
bool consumer_member_wants(const consumer_member_t *m, str_t topic);

/* As they are in the log's topics now, for who has just loaded it. */
void consumer_group_look_again(consumer_group_t *g);
/* Looks which topics there are, unless that was a moment ago and nothing `changed`; when something
 * did, the group is in its next epoch. */
void consumer_group_refresh(consumer_group_t *g, bool changed);
/* Brings the member as far to the target as can be; `owned`: what it says it has, NULL: as told. */
void consumer_member_reconcile(consumer_member_t *m,
                               const wire_consumer_group_heartbeat_request_topic_partition_t *owned,
                               int32_t n_owned);

/* ---- consumer_assign.c */
/* "uniform" or "range"; NULL: neither. */
const char *consumer_assignor_find(str_t name);
/* What most members ask for. */
const char *consumer_assignor_choose(const consumer_group_t *g);
/* Sets the topics' targets by g->assignor. Members that stay keep what they may. */
void consumer_group_assign(consumer_group_t *g);

/* ---- consumer_keep.c */
/* What the log is to have, with the next consumer_group_settle: the epoch and the targets that
 * differ; what a member says of itself; what it owns; all of a member under a new id; that it is
 * out. */
void consumer_group_keep_epoch(consumer_group_t *g);
void consumer_member_keep_said(consumer_member_t *m);
void consumer_member_keep_place(consumer_member_t *m);
void consumer_member_keep_new_id(consumer_member_t *m);
void consumer_member_keep_gone(consumer_member_t *m);
/* It is to have another pattern, or none. */
void consumer_member_keep_pattern_gone(consumer_member_t *m);
/* All of it, for what of it was put before is not there. */
void consumer_group_keep_again(consumer_group_t *g);
/* Into the log soon. */
void consumer_group_kept(consumer_group_t *g);
/* Those in which somebody was. */
void consumer_groups_load(broker_coordinator_t *c);

/* Whether somebody with this member id and epoch may commit offsets, or ask for them. */
int16_t consumer_group_check_committer(const consumer_group_t *g, str_t member_id, int32_t epoch);

#endif
