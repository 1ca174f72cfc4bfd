/* timestamp.h: a record's time from one of its columns (WITH TIMESTAMP, TIMESTAMP_FORMAT). */
#ifndef ARUS_SQL_EXEC_TIMESTAMP_H
#define ARUS_SQL_EXEC_TIMESTAMP_H

#include "data/value.h"

typedef struct timestamp_format timestamp_format_t;

/* A java.time pattern. ST_BAD_STATEMENT when it is none. */
ST timestamp_format_new(str_t pattern, timestamp_format_t **ret, err_t *err);
void timestamp_format_free(timestamp_format_t *f);
/* BIGINT or TIMESTAMP as it is; STRING by the format (NULL: ISO). False for null, negative or
 * unreadable times. */
bool timestamp_of(timestamp_format_t *f, data_value_t v, int64_t *ret_ms, err_t *err);
#endif
