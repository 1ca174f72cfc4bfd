/* avro_schema.h: Avro schemas: read, written, compared with SQL types.
 *
 * A schema is a graph: a named type may refer to itself. All of it lives in the arena it was read
 * into, and borrows the text it was read from. Immutable.
 */
#ifndef ARUS_FORMAT_AVRO_SCHEMA_H
#define ARUS_FORMAT_AVRO_SCHEMA_H

#include "base/json.h"
#include "data/schema.h"

typedef enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING, /* the primitives end here */
    AVRO_RECORD,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_FIXED,
    AVRO_UNION,
} avro_kind_t;

typedef enum avro_logical {
    AVRO_PLAIN,
    AVRO_DECIMAL,
    AVRO_DATE,
    AVRO_TIME_MILLIS,
    AVRO_TIMESTAMP_MILLIS,
} avro_logical_t;

typedef struct avro_schema avro_schema_t;

typedef struct avro_field {
    str_t name;
    const str_t *alias;
    size_t n_aliases;
    const avro_schema_t *type;
    const json_value_t *fallback; /* its default; NULL: none */
    const json_value_t *json;     /* as it was written */
} avro_field_t;

struct avro_schema {
    avro_kind_t kind;
    avro_logical_t logical;
    int32_t precision, scale; /* DECIMAL */
    str_t name, space;        /* RECORD, ENUM, FIXED: simple name and namespace (may be empty) */
    str_t full_name;
    bool referenced;    /* defined by one of the refs, not by the text itself */
    const str_t *alias; /* full names */
    size_t n_aliases;
    const avro_field_t *field; /* RECORD */
    size_t n_fields;
    const str_t *symbol; /* ENUM */
    size_t n_symbols;
    str_t fallback;                     /* ENUM: its default symbol; ptr NULL: none */
    const avro_schema_t *const *branch; /* UNION */
    size_t n_branches;
    const avro_schema_t *item; /* ARRAY, MAP */
    size_t size_bytes;         /* FIXED */
    const json_value_t
        *json; /* as it was written when that was an object, for its properties; else NULL */
};

typedef enum avro_check {
    AVRO_STRICT,  /* names are ASCII, defaults fit their types: what is written with */
    AVRO_LENIENT, /* what an older registry has let pass; not for reading or writing data */
} avro_check_t;

/* Reads a schema. refs are the texts of schemas whose names it may use. ST_BAD_INPUT says what is
 * wrong, in the Java library's words where it has them. text must live as long as the arena. */
ST avro_schema_parse(arena_t *a, str_t text, const str_t *refs, size_t n_refs, avro_check_t check,
                     const avro_schema_t **ret, err_t *err);

/* The compact text that Java's Schema.toString gives: defaults, docs, aliases and properties stay.
 * Types that refs define are named. */
void avro_schema_put(buf_t *b, const avro_schema_t *s);
/* The same with the types of refs written out, so that the text stands alone. */
void avro_schema_put_resolved(buf_t *b, const avro_schema_t *s);
/* The compact text with everything that has no order of its own (properties, aliases) sorted, so
 * that schemas which differ in nothing else have one text. */
void avro_schema_put_normal(buf_t *b, const avro_schema_t *s, bool resolved);
/* The specification's Parsing Canonical Form; it stands alone. */
void avro_schema_put_canonical(buf_t *b, const avro_schema_t *s);
const char *avro_kind_name(avro_kind_t k);

/* The index of a two-branch union's null, or -1; *ret_other is the other branch. */
int avro_nullable(const avro_schema_t *s, const avro_schema_t **ret_other);
/* True for the array of key and value records that stands for a map with nullable keys. */
bool avro_is_entries(const avro_schema_t *s);
extern const avro_schema_t avro_string; /* a map's key */
/* The name of a union's branch as a field of the STRUCT that stands for the union. */
str_t avro_branch_name(const avro_schema_t *s);

bool avro_fallback_fits(const avro_schema_t *s, const json_value_t *v);
/* Appends the binary form of a default. The default was checked when the schema was read. */
void avro_put_fallback(buf_t *b, const avro_schema_t *s, const json_value_t *v);

/* The SQL type of a schema, as Connect and ksqlDB map it. `upper` turns field names to upper case.
 * ST_UNSUPPORTED for null and for types that hold themselves. */
ST avro_sql_type(arena_t *a, const avro_schema_t *s, bool upper, const data_type_t **ret,
                 err_t *err);
/* The schema ksqlDB writes these columns with: a record of this full name, or with `bare` the one
 * column's type. */
void avro_generate(buf_t *b, data_columns_t columns, bool bare, str_t full_name);
/* ST_UNSUPPORTED with ksqlDB's text when avro_generate cannot express them. */
ST avro_check(data_columns_t columns, err_t *err);

#define AVRO_DEFAULT_NAME STR("io.confluent.ksql.avro_schemas.KsqlDataSourceSchema")

#endif
