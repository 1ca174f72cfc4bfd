/* with.h: the properties of a WITH clause. */
#ifndef ARUS_SQL_ENGINE_WITH_H
#define ARUS_SQL_ENGINE_WITH_H

#include "sql/engine/engine.h"

typedef struct with {
    str_t topic;
    int64_t partitions, replicas; /* 0: not given */
    int64_t retention_ms;
    bool has_key_format, has_value_format;
    format_id_t key_format, value_format;
    int wrap; /* -1: not given */
    str_t key_delimiter, value_delimiter;
    int64_t key_schema_id, value_schema_id;
    str_t key_full_name, value_full_name;
    str_t timestamp, timestamp_format;
    sql_window_kind_t window;
    int64_t window_size_ms;
    str_t query_id;
    str_t value_nullable, key_nullable; /* PROTOBUF */
} with_t;

/* `create`: CREATE STREAM/TABLE without AS, which has some more. */
ST with_read(sql_props_t props, bool create, with_t *ret, err_t *err);
/* ',' and the like, or SPACE, TAB. */
ST with_delimiter(str_t text, const char *name, char *ret, err_t *err);

#endif
