/* group.h: consumer groups, Kafka's classic protocol. thread: group
 *
 * A group goes EMPTY → PREPARING (members join) → COMPLETING (the leader assigns) → STABLE, and
 * back to PREPARING whenever who is in it or what they want changes. The log has it as it was when
 * it was last STABLE or EMPTY, and so it is after a restart. Offsets are in the log, too
 * (group_offsets.c).
 */
#ifndef ARUS_BROKER_GROUP_H
#define ARUS_BROKER_GROUP_H

#include "broker/coordinator.h"

#define GROUP_ID_BYTES_MAX 32000

typedef enum group_state {
    GROUP_EMPTY,
    GROUP_PREPARING,
    GROUP_COMPLETING,
    GROUP_STABLE
} group_state_t;

typedef struct group group_t;

typedef struct group_protocol {
    str_t name, metadata; /* owned */
} group_protocol_t;

typedef struct group_member {
    group_t *group;
    str_t id, instance_id, client_id, host; /* owned; instance_id.ptr NULL: a dynamic member */
    int32_t session_ms, rebalance_ms;
    VEC(group_protocol_t) protocols; /* the preferred first */
    str_t assignment;                /* owned */
    broker_request_t *join, *sync;   /* that wait for the others */
    io_timer_t session;
} group_member_t;

/* A member id that was handed out and has not come back with it (KIP-394). */
typedef struct group_pending {
    group_t *group;
    str_t id; /* owned */
    io_timer_t expiry;
} group_pending_t;

struct group {
    broker_coordinator_t *coordinator;
    str_t id; /* owned */
    group_state_t state;
    int32_t generation;
    str_t protocol_type; /* owned; empty while there are no members */
    str_t protocol;      /* owned; chosen when all have joined */
    group_member_t *leader;
    VEC(group_member_t *) members;
    VEC(group_pending_t *) pending;
    io_timer_t round;  /* how long members have to join, or to sync */
    bool delayed;      /* the first round waits for group.initial.rebalance.delay.ms */
    bool was_assigned; /* the log has it as a group that the broker assigns */
};

static inline io_loop_t *group_loop(const group_t *g)
{
    return g->coordinator->broker->group.loop;
}

const char *group_state_name(group_state_t s);
/* NULL when nobody is or was lately in it; its offsets may be there all the same. */
group_t *group_find(const broker_coordinator_t *c, str_t id);
/* In the generation in which the log has it. */
group_t *group_new(broker_coordinator_t *c, str_t id);
/* Forgets it when nobody is in it or about to be. */
void group_settle(group_t *g);
/* A consumer group (consumer_group.h) takes the id; false: there are members. */
bool group_make_way(broker_coordinator_t *c, str_t id);
void group_free(void *group);
/* Begins the next round: all are to join. */
void group_prepare(group_t *g);
/* Completes the round of joining when everybody is there. */
void group_try_complete(group_t *g);

/* Answers to JoinGroup and SyncGroup; they go out when what they tell is in the log. */
void group_answer_join_error(broker_request_t *r, int16_t code, str_t member_id);
/* The generation as it is; `members`: for the leader, who is to assign. */
void group_answer_join(group_member_t *m, broker_request_t *r, str_t leader, bool members,
                       bool skip_assignment);
void group_answer_current(group_member_t *m, broker_request_t *r);
/* m may be NULL with a code. */
void group_answer_sync(group_member_t *m, broker_request_t *r, int16_t code);
/* All those that wait. */
void group_answer_syncs(group_t *g, int16_t code);

/* ---- group_keep.c */
/* The log has it as it is, soon. */
void group_keep(group_t *g);
/* Those in which somebody was. */
void groups_load(broker_coordinator_t *c);

/* ---- member.c */
str_t group_own(str_t s);
void group_disown(str_t *s);
/* Where the client is, as Java shows an address; owned. */
str_t group_shown_host(const broker_request_t *r);
/* A new random one, in the request's arena. */
str_t group_new_uuid(broker_request_t *r);
group_member_t *group_member_new(group_t *g, const broker_request_t *r, str_t id);
/* As the log has it, of a group that has chosen its protocol. Its session begins. */
void group_member_load(group_t *g, const wire_group_metadata_value_member_t *from);
/* Takes it out of the group. Requests that wait are not answered. */
void group_member_free(group_member_t *m);
void group_member_take_id(group_member_t *m, str_t id);
/* NULL */
group_member_t *group_member_find(const group_t *g, str_t id);
group_member_t *group_member_of_instance(const group_t *g, str_t instance_id);
/* By id, or by instance: KAFKA_NONE, UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID when the instance is
 * another member by now. */
int16_t group_member_check(const group_t *g, str_t id, str_t instance_id, group_member_t **ret);
void group_member_set_protocols(group_member_t *m, const wire_join_group_request_t *from);
bool group_member_wants_same(const group_member_t *m, const wire_join_group_request_t *from);
/* The member's metadata for the protocol; empty when it has none. */
str_t group_member_metadata(const group_member_t *m, str_t protocol);
bool group_member_speaks(const group_member_t *m, str_t protocol);
/* It was heard of: its session goes on. */
void group_member_touch(group_member_t *m);
/* A member's time is up, or it leaves. */
void group_member_gone(group_member_t *m);

group_pending_t *group_pending_new(group_t *g, str_t id, int32_t session_ms);
group_pending_t *group_pending_find(const group_t *g, str_t id);
void group_pending_free(group_pending_t *p);

/* ---- group_offsets.c */
/* Whether a member reads the topic; yes, when that cannot be known. */
bool group_reads(const broker_coordinator_t *c, str_t group, str_t topic, arena_t *a);
/* Whether anything is in the log of a group that nobody is in. */
bool group_is_known(broker_request_t *r, str_t group);
/* Whether somebody with this member id and generation, or member epoch, may commit offsets of the
 * group. */
int16_t group_check_committer(const broker_coordinator_t *c, str_t group, str_t member_id,
                              str_t instance_id, int32_t generation);

#endif
