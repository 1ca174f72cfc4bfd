/* group_past.h: what the log knows of a group, whether somebody is in it or not. */
#ifndef ARUS_BROKER_GROUP_PAST_H
#define ARUS_BROKER_GROUP_PAST_H

#include "broker/group_record.h"

typedef struct group_past {
    str_t id;
    bool assigned;               /* by the broker: consumer_group.h */
    int32_t generation, members; /* generation: or epoch */
    int64_t since_ms;            /* -1: not known */
    str_t protocol_type;
} group_past_t;

/* False: there is nothing; its offsets, if any, are of a client that only commits. Members of a
 * group that the broker assigns are not counted. Text lives in the arena. */
bool group_past_find(log_t *log, str_t id, arena_t *a, group_past_t *ret);
/* All, in the arena. Any thread. */
void group_pasts(log_t *log, arena_t *a, group_past_t **ret, size_t *ret_n);
/* Ids of all that have one, or offsets, in the arena; sorted, each once. */
void group_ids(log_t *log, arena_t *a, str_t **ret, size_t *ret_n);

#endif
