/* quota.h: requests counted by day and month of Jakarta, in a file that outlives the process.
 *
 * The file is written before a request goes out, so that no crash forgets one.
 */
#ifndef ARUS_SOURCE_GOAPI_QUOTA_H
#define ARUS_SOURCE_GOAPI_QUOTA_H

#include "io/io.h"

typedef struct goapi_quota {
    io_t *io;
    str_t path;                 /* borrowed */
    int64_t daily, monthly;     /* limits; 0: none */
    int64_t day, day_count;     /* days since 1970 */
    int64_t month, month_count; /* year * 12 + month - 1 */
} goapi_quota_t;

/* Reads the file; one that is missing or unreadable counts from 0. */
void goapi_quota_open(goapi_quota_t *q, io_t *io, str_t path, int64_t daily, int64_t monthly);
/* Counts a request at this time. ST_LIMIT: it may not be sent; *ret_wait_ms is how long until one
 * may. */
ST goapi_quota_take(goapi_quota_t *q, int64_t now_ms, int64_t *ret_wait_ms, err_t *err);
/* Requests left today; -1: no limit. */
int64_t goapi_quota_left(const goapi_quota_t *q);

#endif
