/* schema.h: named columns, and the rows that have them.
 *
 * A data_schema_t is ksqlDB's logical schema: key columns, then value columns. A row is an array of
 * values in column order; key and value rows are apart. Immutable once made; lives in the arena of
 * whoever made it.
 */
#ifndef ARUS_DATA_SCHEMA_H
#define ARUS_DATA_SCHEMA_H

#include "data/value.h"

typedef struct data_column {
    str_t name; /* exact case */
    const data_type_t *type;
} data_column_t;

typedef struct data_columns {
    const data_column_t *ptr;
    size_t len;
} data_columns_t;

typedef struct data_schema {
    data_columns_t key, value;
} data_schema_t;

/* A record header of Kafka. value.ptr NULL: null. */
typedef struct data_header {
    str_t key, value;
} data_header_t;

/* The index of the column with exactly this name, or -1. */
ptrdiff_t data_columns_find(data_columns_t c, str_t name);
bool data_columns_eq(data_columns_t a, data_columns_t b);
/* ksqlDB's text: "`ID` STRING KEY, `NAME` STRING"; with `primary`, "PRIMARY KEY" in place of "KEY".
 */
void data_schema_put(buf_t *b, const data_schema_t *s, bool primary);

#endif
