/* groups.h: what the parts of kafka-consumer-groups share. */
#ifndef ARUS_TOOL_GROUPS_H
#define ARUS_TOOL_GROUPS_H

#include "tool/admin.h"

/* Where a group is in a partition. */
typedef struct group_at {
    str_t topic;
    int32_t partition;
    int64_t offset;
} group_at_t;

/* --group, or all for --all-groups. */
ST groups_meant(admin_t *a, const flags_t *f, str_t **ret, size_t *ret_n, err_t *err);
ST groups_describe(admin_t *a, str_t group, wire_describe_groups_response_group_t *ret, err_t *err);
/* Sorted by topic and partition. */
ST groups_offsets(admin_t *a, str_t group, group_at_t **ret, size_t *ret_n, err_t *err);
/* The partitions' offsets for a time (ListOffsets). */
ST groups_ends(admin_t *a, const group_at_t *at, size_t n, int64_t time, admin_offset_t **ret,
               err_t *err);

/* --reset-offsets, --delete-offsets */
ST groups_reset(admin_t *a, const flags_t *f, err_t *err);
ST groups_forget(admin_t *a, const flags_t *f, err_t *err);

#endif
