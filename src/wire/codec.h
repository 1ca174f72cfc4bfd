/* codec.h: Kafka's messages by table: one walker reads, writes and prints them all.
 *
 * A message's rows (wire/message_*.def) make its C struct and a wire_schema_t; what is here walks
 * the schema. A version says which fields travel; `flexible` says how lengths and tagged fields do
 * (KIP-482). A field that does not travel in a version has its default.
 *
 * In a struct text and bytes are str_t, and lists are {ptr, len}. A ptr of NULL is null where the
 * field may be null in that version, and empty elsewhere; what is read and empty has a ptr.
 */
#ifndef ARUS_WIRE_CODEC_H
#define ARUS_WIRE_CODEC_H

#include "base/buf.h"
#include "base/json.h"
#include "base/vec.h"

typedef enum wire_kind {
    WIRE_BOOL,
    WIRE_I8,
    WIRE_I16,
    WIRE_U16,
    WIRE_I32,
    WIRE_I64,
    WIRE_F64,
    WIRE_UUID,
    WIRE_STR,
    WIRE_BYTES,
    WIRE_RECORDS, /* as bytes, but what is written is not copied */
    WIRE_STRUCT
} wire_kind_t;

typedef enum wire_shape {
    WIRE_ONE,
    WIRE_LIST,
    WIRE_POINTER /* a struct that may be null, or is tagged and may be absent: NULL */
} wire_shape_t;

typedef struct wire_uuid {
    uint8_t byte[16];
} wire_uuid_t;

typedef struct wire_schema wire_schema_t;

/* One row. Versions are [from, until); until 0: no end. */
typedef struct wire_field {
    const char *name;
    const wire_schema_t *(*item)(void); /* WIRE_STRUCT */
    int64_t otherwise;                  /* the default of a number or a bool */
    uint16_t offset;
    uint8_t kind, shape;
    int16_t from, until;
    int16_t null_from; /* the first version in which it may be null, + 1; 0: never */
    int16_t tag;       /* + 1; 0: not tagged */
    bool rigid;        /* the old form also in flexible versions */
} wire_field_t;

struct wire_schema {
    const char *name;
    size_t size_bytes;
    const wire_field_t *field;
    size_t n_fields;
};

/* The C type of any list. */
typedef struct wire_list {
    void *ptr;
    int32_t len;
} wire_list_t;

/* n structs, one after the other, become what a message without any field would be read as. */
void wire_defaults(const wire_schema_t *s, void *p, size_t n);
/* n such structs in the arena. */
void *wire_new_of(const wire_schema_t *s, arena_t *a, size_t n);

/* Takes a message off *in. Text and bytes are views into it, lists and structs lie in the arena.
 * Nothing is allocated for a count before there are bytes enough for as many items. ST_CORRUPT, or
 * ST_TOO_LARGE past the arena's limit; *in is unmoved then. */
ST wire_decode(const wire_schema_t *s, int version, bool flexible, str_t *in, arena_t *a, void *ret,
               err_t *err);

/* Bytes on their way out: a buffer, and records that stay where they are. */
typedef struct wire_splice {
    size_t at; /* how much of the buffer comes before it */
    str_t bytes;
} wire_splice_t;

typedef struct wire_out {
    buf_t buf;
    VEC(wire_splice_t) splices;
    size_t splices_bytes;
    size_t limit_bytes; /* of the buffer, where lists are checked against it; 0: none */
} wire_out_t;

static inline size_t wire_out_bytes(const wire_out_t *out)
{
    return out->buf.len + out->splices_bytes;
}

void wire_out_done(wire_out_t *out);
void wire_out_clear(wire_out_t *out);

/* Appends the message. Records in it are borrowed until out is cleared or done. ST_TOO_LARGE when a
 * text or a list does not fit in what this version has for its length, or past the limit of out;
 * out is of no use then. */
ST wire_encode(const wire_schema_t *s, int version, bool flexible, const void *message,
               wire_out_t *out, err_t *err);

/* Appends the message's fields of that version as JSON, without tagged ones that are at their
 * defaults. Bytes show as their length and what of them is printable. */
void wire_print(const wire_schema_t *s, int version, const void *message, buf_t *out);

/* The other way round: fields by their names, those that are left out have their defaults. Bytes
 * are a text or {"hex":"00 ff"}, records also {"values":["a"],"compression":"gzip"}, one batch.
 * What is read lies in the arena and in `from`. ST_BAD_INPUT names the field. */
ST wire_scan(const wire_schema_t *s, int version, const json_value_t *from, arena_t *a, void *ret,
             err_t *err);

/* Whether the field travels in this version. */
static inline bool wire_field_in(const wire_field_t *f, int version)
{
    return version >= f->from && (f->until == 0 || version < f->until);
}

static inline bool wire_field_null(const wire_field_t *f, int version)
{
    return f->null_from && version >= f->null_from - 1;
}

/* What one item of the field takes in memory. */
size_t wire_item_bytes(const wire_field_t *f);

#endif
