/* format.h: bytes of a record's key or value to rows and back.
 *
 * One row a format in formats.def. A serde_t is compiled once from (format, columns, properties) to
 * a flat program; it is used by one thread at a time and reads and writes with no allocation but in
 * the caller's arena. Formats with schemas (AVRO, JSON_SR, PROTOBUF) look schemas up and register
 * them through schema_source_t, which the registry implements.
 *
 * Rules of each format: reference "ksqlDB 0.29", part 3.
 */
#ifndef ARUS_FORMAT_FORMAT_H
#define ARUS_FORMAT_FORMAT_H

#include "data/schema.h"

typedef enum format_id {
#define FORMAT(name, ...) FORMAT_##name,
#include "format/formats.def"
#undef FORMAT
    FORMAT_COUNT
} format_id_t;

/* What a format can do, from formats.def. */
enum {
    FORMAT_USES_REGISTRY = 1, /* bytes start with a schema id */
    FORMAT_INFERS = 2,        /* columns can be taken from the registered schema */
    FORMAT_WRAPS = 4,         /* a single value column may be wrapped in a record */
    FORMAT_UNWRAPS = 8,       /* … and may stand bare */
    FORMAT_KEY = 16,
    FORMAT_VALUE = 32,
};

const char *format_name(format_id_t id);
unsigned format_features(format_id_t id);
/* False when no format has this name (any case). */
bool format_by_name(str_t name, format_id_t *ret);

/* Where schemas come from. The implementation owns the text it gives until the source is gone. */
typedef struct schema_source {
    void *self;
    /* The text of a schema id. ST_NOT_FOUND. */
    ST (*by_id)(void *self, int32_t id, str_t *ret_type, str_t *ret_text, err_t *err);
    /* The newest schema of a subject. ST_NOT_FOUND. */
    ST(*latest)
    (void *self, str_t subject, int32_t *ret_id, str_t *ret_type, str_t *ret_text, err_t *err);
    /* Registers, or finds, a schema under a subject. ST_INCOMPATIBLE. */
    ST (*put)(void *self, str_t subject, str_t type, str_t text, int32_t *ret_id, err_t *err);
} schema_source_t;

typedef struct serde_spec {
    format_id_t format;
    bool is_key;
    bool wrap; /* a single column stands in a record (value: WRAP_SINGLE_VALUE; key: more than one
                  column) */
    char delimiter;        /* DELIMITED; 0: ',' */
    bool nullable_wrapper; /* PROTOBUF: WRAPPER representation */
    bool nullable_optional;
    str_t full_name;   /* AVRO, JSON_SR, PROTOBUF: name of the written schema; empty: the format's
                          default */
    str_t subject;     /* "<topic>-value" or "<topic>-key" */
    int32_t schema_id; /* KEY_SCHEMA_ID, VALUE_SCHEMA_ID; 0: none */
    data_columns_t columns;
    const schema_source_t *schemas; /* may be NULL for formats without a registry */
} serde_spec_t;

typedef struct serde serde_t;

/* Copies what it needs of the spec. ST_UNSUPPORTED when the format cannot carry such columns, with
 * ksqlDB's text. */
ST serde_new(const serde_spec_t *spec, serde_t **ret, err_t *err);
void serde_free(serde_t *s);

/* bytes.ptr NULL is a null record: *ret_null is set and row untouched. row has room for all
 * columns; text and bytes in it may point into `bytes`, the rest is in the arena. Columns whose bit
 * is 0 in `want` (may be NULL: all; bit i of want[i/64]) may be left null. ST_CORRUPT, ST_NOT_FOUND
 * (schema id): the record cannot be read; err says what and where. */
ST serde_decode(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                bool *ret_null, err_t *err);
/* Appends the row's bytes. The values' kinds are the columns' types or null. The first call of a
 * registry format registers its schema unless schema_id was given. */
ST serde_encode(serde_t *s, const data_value_t *row, buf_t *b, err_t *err);
/* True when the row stands for a record whose key or value is null and is not to be encoded: its
 * only column stands bare and is null, or a key has no columns. */
bool serde_null(const serde_t *s, const data_value_t *row);
/* Registers the written schema now, so that it exists before the first record. No-op without a
 * registry. */
ST serde_register(serde_t *s, int32_t *ret_id, err_t *err);
/* The text of the schema that serde_encode writes with; empty for formats without. Lives as long as
 * s. */
str_t serde_schema_text(serde_t *s);

/* Columns of a registered schema (FORMAT_INFERS). `upper`: names in upper case, as ksqlDB has them
 * unless the schema's id was given. A record's fields are value columns; a key, and a value that is
 * no record, is one column named ROWKEY or ROWVAL. *ret_wrapped: it was a record of columns. */
ST format_infer(format_id_t id, str_t schema_text, bool is_key, bool upper, arena_t *a,
                data_columns_t *ret, bool *ret_wrapped, err_t *err);
/* Whether these columns can be written in this format; the error has ksqlDB's text. */
ST format_check(format_id_t id, data_columns_t columns, bool is_key, err_t *err);

#endif
