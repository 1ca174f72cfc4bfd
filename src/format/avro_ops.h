/* avro_ops.h: the decoder's program. avro_compile.c makes it, avro_decode.c runs it. */
#ifndef ARUS_FORMAT_AVRO_OPS_H
#define ARUS_FORMAT_AVRO_OPS_H

#include "format/avro_program.h"

typedef enum avro_code {
    SKIP_NOTHING, /* skips come first */
    SKIP_VARINT,
    SKIP_PREFIXED, /* a length and so many bytes */
    SKIP_BYTES,
    SKIP_ANY,
    READ_NULL,
    READ_BOOLEAN,
    READ_I32,
    READ_I64,
    READ_WHOLE_F64, /* int or long to DOUBLE */
    READ_FLOAT,
    READ_DOUBLE,
    READ_STRING,
    READ_BYTES,
    READ_FIXED,
    READ_ENUM,
    READ_DECIMAL,
    READ_DECIMAL_FIXED,
    READ_TEXT,  /* a scalar to STRING: sub reads it */
    READ_ITEMS, /* array, map and array of entries: sub reads one */
    READ_RECORD,
    READ_UNION, /* sub: one op a branch */
} avro_code_t;

typedef struct avro_op avro_op_t;

struct avro_op {
    uint8_t code;
    uint8_t kind; /* of the value */
    bool nullable;
    uint8_t null_byte, other_byte; /* the branches of a nullable */
    uint8_t width;                 /* ITEMS: values an item */
    uint32_t dst;
    uint32_t n_sub;
    uint32_t n_values; /* RECORD, UNION: fields of the STRUCT; UNION: 0: the branch is the value */
    const avro_op_t *sub;
    const avro_schema_t *schema;
    const data_type_t *type;
    str_t name; /* for messages */
};

struct avro_decoder {
    const avro_op_t *op;
    uint32_t n;
    bool bare;
    bool
        raw_bytes; /* a bare bytes stands without its length, as Confluent's serializer writes it */
    bool nullable; /* the record itself is in a union */
    uint8_t null_byte, other_byte;
    const uint32_t *missing; /* columns that the schema has not */
    uint32_t n_missing;
};

#endif
