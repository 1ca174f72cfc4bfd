/* type.h: SQL types, as ksqlDB has them (reference: ksqlDB's "Data types").
 *
 * A data_type_t is immutable and lives in the arena of whoever made it; the eleven primitives are
 * constants. Types are compared by structure. A schema is a list of named columns.
 */
#ifndef ARUS_DATA_TYPE_H
#define ARUS_DATA_TYPE_H

#include "base/buf.h"

typedef enum data_kind {
    DATA_NULL, /* a value only: no column has this type */
    DATA_BOOLEAN,
    DATA_INTEGER,
    DATA_BIGINT,
    DATA_DOUBLE,
    DATA_DECIMAL,
    DATA_STRING,
    DATA_BYTES,
    DATA_TIME,      /* milliseconds of the day */
    DATA_DATE,      /* days since 1970-01-01 */
    DATA_TIMESTAMP, /* milliseconds since 1970-01-01T00:00Z */
    DATA_ARRAY,
    DATA_MAP,
    DATA_STRUCT,
    DATA_KINDS
} data_kind_t;

typedef struct data_type data_type_t;

typedef struct data_field {
    str_t name;
    const data_type_t *type;
} data_field_t;

struct data_type {
    data_kind_t kind;
    int32_t precision, scale;  /* DECIMAL */
    const data_type_t *elem;   /* ARRAY: element; MAP: value */
    const data_type_t *key;    /* MAP */
    const data_field_t *field; /* STRUCT */
    size_t n_fields;
};

extern const data_type_t data_boolean, data_integer, data_bigint, data_double, data_string,
    data_bytes, data_time, data_date, data_timestamp;

const data_type_t *data_type_decimal(arena_t *a, int32_t precision, int32_t scale);
const data_type_t *data_type_array(arena_t *a, const data_type_t *elem);
const data_type_t *data_type_map(arena_t *a, const data_type_t *key, const data_type_t *value);
/* Borrows the fields: they must live as long as the type. */
const data_type_t *data_type_struct(arena_t *a, const data_field_t *field, size_t n);
/* A deep copy into a. */
const data_type_t *data_type_copy(arena_t *a, const data_type_t *t);

bool data_type_eq(const data_type_t *a, const data_type_t *b);
bool data_type_numeric(const data_type_t *t);
/* The best field for a name: the same, else the first that differs in case only; -1: none. */
ptrdiff_t data_field_find(const data_field_t *f, size_t n, str_t name);
/* ksqlDB's text: "INTEGER", "DECIMAL(4, 2)", "ARRAY<STRING>", "MAP<STRING, INTEGER>", "STRUCT<`A`
 * INTEGER, …>". */
void data_type_put(buf_t *b, const data_type_t *t);
str_t data_type_text(arena_t *a, const data_type_t *t);
/* "INTEGER", "STRING", … */
const char *data_kind_name(data_kind_t k);
/* True when t is, or holds, a type of this kind. */
bool data_type_has(const data_type_t *t, data_kind_t k);

#endif
