/* value.h: a SQL value in 16 bytes.
 *
 * A value says its own kind; DATA_NULL is SQL's null. Text, bytes, decimals and the members of
 * ARRAY, MAP and STRUCT are borrowed: whoever made the value says how long they live (as a rule:
 * until the turn's arena is reset). data_pack makes an owned copy in one block.
 */
#ifndef ARUS_DATA_VALUE_H
#define ARUS_DATA_VALUE_H

#include "data/type.h"

typedef struct data_value data_value_t;
typedef struct data_decimal data_decimal_t;

struct data_value {
    uint8_t kind; /* data_kind_t */
    uint8_t pad[3];
    uint32_t len; /* STRING, BYTES: bytes; ARRAY: elements; MAP: entries; STRUCT: fields */
    union {
        bool b;
        int32_t i32;           /* INTEGER, TIME, DATE */
        int64_t i64;           /* BIGINT, TIMESTAMP */
        double f64;            /* DOUBLE */
        const char *ptr;       /* STRING (UTF-8), BYTES */
        const data_value_t *v; /* ARRAY: len values; STRUCT: len values in field order;
                                * MAP: 2 * len values, key then value, in insertion order */
        const data_decimal_t *dec;
    };
};

/* An exact decimal: unscaled * 10^-scale. The limbs are GMP's: least significant first, n may be 0
 * (zero). */
struct data_decimal {
    int32_t scale;
    int32_t n; /* limbs; negative for a negative number */
    uint64_t limb[];
};

#define DATA_NULL_VALUE ((data_value_t){.kind = DATA_NULL})

static inline bool data_is_null(data_value_t v)
{
    return v.kind == DATA_NULL;
}

static inline data_value_t data_of_bool(bool b)
{
    return (data_value_t){.kind = DATA_BOOLEAN, .b = b};
}

static inline data_value_t data_of_i32(int32_t i)
{
    return (data_value_t){.kind = DATA_INTEGER, .i32 = i};
}

static inline data_value_t data_of_i64(int64_t i)
{
    return (data_value_t){.kind = DATA_BIGINT, .i64 = i};
}

static inline data_value_t data_of_f64(double d)
{
    return (data_value_t){.kind = DATA_DOUBLE, .f64 = d};
}

static inline data_value_t data_of_str(str_t s)
{
    return (data_value_t){.kind = DATA_STRING, .len = (uint32_t)s.len, .ptr = s.ptr};
}

static inline data_value_t data_of_bytes(str_t s)
{
    return (data_value_t){.kind = DATA_BYTES, .len = (uint32_t)s.len, .ptr = s.ptr};
}

static inline data_value_t data_of_time(int32_t ms)
{
    return (data_value_t){.kind = DATA_TIME, .i32 = ms};
}

static inline data_value_t data_of_date(int32_t days)
{
    return (data_value_t){.kind = DATA_DATE, .i32 = days};
}

static inline data_value_t data_of_timestamp(int64_t ms)
{
    return (data_value_t){.kind = DATA_TIMESTAMP, .i64 = ms};
}

static inline data_value_t data_of_array(const data_value_t *v, size_t n)
{
    return (data_value_t){.kind = DATA_ARRAY, .len = (uint32_t)n, .v = v};
}

static inline data_value_t data_of_map(const data_value_t *kv, size_t n_entries)
{
    return (data_value_t){.kind = DATA_MAP, .len = (uint32_t)n_entries, .v = kv};
}

static inline data_value_t data_of_struct(const data_value_t *v, size_t n)
{
    return (data_value_t){.kind = DATA_STRUCT, .len = (uint32_t)n, .v = v};
}

static inline data_value_t data_of_decimal(const data_decimal_t *d)
{
    return (data_value_t){.kind = DATA_DECIMAL, .dec = d};
}

static inline str_t data_str(data_value_t v)
{
    return (str_t){v.ptr, v.len};
}

/* Equal as Java's equals() on ksqlDB's objects has it: same kind and content (decimals by value and
 * scale; NaN equals NaN; maps whatever their order). Two nulls are equal. */
bool data_eq(data_value_t a, data_value_t b);
/* Orders two values of one comparable kind (not MAP or STRUCT; arrays element by element): <0, 0,
 * >0. Nulls first. */
int data_cmp(data_value_t a, data_value_t b);
uint64_t data_hash(data_value_t v);

/* A deep copy into the arena. */
data_value_t data_copy(arena_t *a, data_value_t v);

/* One malloc'ed block that holds n values and all they point to: block[0..n). free() it. */
MUST data_value_t *data_pack(const data_value_t *v, size_t n);
size_t data_packed_bytes(const data_value_t *v, size_t n);

/* A tagged binary form that keeps kind and content of any value; for stores and changelogs.
 * One byte kind, then: BOOLEAN 1 byte; INTEGER, TIME, DATE, BIGINT, TIMESTAMP zigzag varint; DOUBLE
 * 8 bytes BE; STRING, BYTES varint length + bytes; DECIMAL varint scale, varint limbs (signed),
 * limbs 8 bytes BE each; ARRAY, STRUCT varint count + values; MAP varint count + keys and values.
 */
void data_encode(buf_t *b, data_value_t v);
/* Reads one value from [*p, end) and moves *p; text and bytes point into the input, the rest is in
 * the arena. */
ST data_decode(arena_t *a, const char **p, const char *end, data_value_t *ret, err_t *err);

#endif
