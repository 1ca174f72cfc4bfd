#include "data/value.h"

#include "base/hash.h"
#include "data/text.h"

#include <math.h>

#define DECODE_DEPTH_MAX 100

static bool map_eq(data_value_t a, data_value_t b)
{
    for (uint32_t i = 0; i < a.len; i++) {
        bool found = false;
        for (uint32_t j = 0; j < b.len && !found; j++)
            found = data_eq(a.v[2 * i], b.v[2 * j]) && data_eq(a.v[2 * i + 1], b.v[2 * j + 1]);
        if (!found)
            return false;
    }
    return true;
}

static size_t limbs(const data_decimal_t *d)
{
    return (size_t)(d->n < 0 ? -d->n : d->n);
}

bool data_eq(data_value_t a, data_value_t b)
{
    if (a.kind != b.kind)
        return false;
    switch ((data_kind_t)a.kind) {
    case DATA_NULL:
        return true;
    case DATA_BOOLEAN:
        return a.b == b.b;
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
        return a.i32 == b.i32;
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        return a.i64 == b.i64;
    case DATA_DOUBLE:
        return isnan(a.f64) ? isnan(b.f64) : memcmp(&a.f64, &b.f64, 8) == 0;
    case DATA_DECIMAL:
        return a.dec->scale == b.dec->scale && a.dec->n == b.dec->n &&
               memcmp(a.dec->limb, b.dec->limb, 8 * limbs(a.dec)) == 0;
    case DATA_STRING:
    case DATA_BYTES:
        return str_eq(data_str(a), data_str(b));
    case DATA_ARRAY:
    case DATA_STRUCT:
        if (a.len != b.len)
            return false;
        for (uint32_t i = 0; i < a.len; i++)
            if (!data_eq(a.v[i], b.v[i]))
                return false;
        return true;
    case DATA_MAP:
        return a.len == b.len && map_eq(a, b);
    case DATA_KINDS:
        break;
    }
    ASSERT(!"kind");
    return false;
}

#define CMP(x, y) ((x) < (y) ? -1 : (x) > (y))

int data_cmp(data_value_t a, data_value_t b)
{
    if (a.kind == DATA_NULL || b.kind == DATA_NULL)
        return CMP(a.kind != DATA_NULL, b.kind != DATA_NULL);
    ASSERT(a.kind == b.kind);
    switch ((data_kind_t)a.kind) {
    case DATA_BOOLEAN:
        return CMP(a.b, b.b);
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
        return CMP(a.i32, b.i32);
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        return CMP(a.i64, b.i64);
    case DATA_DOUBLE:
        if (isnan(a.f64) || isnan(b.f64))
            return CMP(!!isnan(a.f64), !!isnan(b.f64));
        return CMP(a.f64, b.f64);
    case DATA_DECIMAL:
        return data_decimal_cmp(a.dec, b.dec);
    case DATA_STRING:
    case DATA_BYTES:
        return str_cmp(data_str(a), data_str(b));
    case DATA_ARRAY:
        for (uint32_t i = 0; i < a.len && i < b.len; i++) {
            int c = data_cmp(a.v[i], b.v[i]);
            if (c)
                return c;
        }
        return CMP(a.len, b.len);
    case DATA_NULL:
    case DATA_MAP:
    case DATA_STRUCT:
    case DATA_KINDS:
        break;
    }
    ASSERT(!"comparable kind");
    return 0;
}

uint64_t data_hash(data_value_t v)
{
    uint64_t h = v.kind;
    switch ((data_kind_t)v.kind) {
    case DATA_NULL:
        return 0;
    case DATA_BOOLEAN:
        return h * 31 + v.b;
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
        return hash_bytes(&v.i32, 4) ^ h;
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        return hash_bytes(&v.i64, 8) ^ h;
    case DATA_DOUBLE:
        return isnan(v.f64) ? h : hash_bytes(&v.f64, 8) ^ h;
    case DATA_DECIMAL:
        return hash_bytes(v.dec->limb, 8 * limbs(v.dec)) ^ (uint64_t)(uint32_t)v.dec->scale;
    case DATA_STRING:
    case DATA_BYTES:
        return hash_bytes(v.ptr, v.len) ^ h;
    case DATA_ARRAY:
    case DATA_STRUCT:
        for (uint32_t i = 0; i < v.len; i++)
            h = (h * 0x9e3779b97f4a7c15u) ^ data_hash(v.v[i]);
        return h;
    case DATA_MAP: /* whatever the order */
        for (uint32_t i = 0; i < v.len; i++)
            h += data_hash(v.v[2 * i]) * 31 + data_hash(v.v[2 * i + 1]);
        return h;
    case DATA_KINDS:
        break;
    }
    ASSERT(!"kind");
    return 0;
}

/* How many values a.v has. */
static size_t members(data_value_t v)
{
    return v.kind == DATA_MAP ? 2 * (size_t)v.len : v.len;
}

static bool has_members(data_value_t v)
{
    return v.kind >= DATA_ARRAY;
}

static size_t align8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static size_t extra_bytes(data_value_t v)
{
    if (v.kind == DATA_STRING || v.kind == DATA_BYTES)
        return align8(v.len);
    if (v.kind == DATA_DECIMAL)
        return sizeof *v.dec + 8 * limbs(v.dec);
    if (!has_members(v))
        return 0;
    size_t n = members(v) * sizeof v;
    for (size_t i = 0; i < members(v); i++)
        n += extra_bytes(v.v[i]);
    return n;
}

size_t data_packed_bytes(const data_value_t *v, size_t n)
{
    size_t bytes = n * sizeof *v;
    for (size_t i = 0; i < n; i++)
        bytes += extra_bytes(v[i]);
    return bytes;
}

/* Copies v, with what it points to at *at, which is moved on. */
static data_value_t place(data_value_t v, char **at)
{
    if (v.kind == DATA_STRING || v.kind == DATA_BYTES) {
        if (v.len)
            memcpy(*at, v.ptr, v.len);
        v.ptr = *at;
        *at += align8(v.len);
    } else if (v.kind == DATA_DECIMAL) {
        size_t n = sizeof *v.dec + 8 * limbs(v.dec);
        memcpy(*at, v.dec, n);
        v.dec = (const data_decimal_t *)(const void *)*at;
        *at += n;
    } else if (has_members(v)) {
        data_value_t *to = (data_value_t *)(void *)*at;
        *at += members(v) * sizeof v;
        for (size_t i = 0; i < members(v); i++)
            to[i] = place(v.v[i], at);
        v.v = to;
    }
    return v;
}

data_value_t data_copy(arena_t *a, data_value_t v)
{
    size_t n = extra_bytes(v);
    if (!n)
        return v;
    char *at = arena_alloc(a, n);
    return place(v, &at);
}

data_value_t *data_pack(const data_value_t *v, size_t n)
{
    data_value_t *block = mem_alloc(data_packed_bytes(v, n));
    char *at = (char *)(block + n);
    for (size_t i = 0; i < n; i++)
        block[i] = place(v[i], &at);
    return block;
}

void data_encode(buf_t *b, data_value_t v)
{
    buf_put_char(b, (char)v.kind);
    switch ((data_kind_t)v.kind) {
    case DATA_NULL:
        return;
    case DATA_BOOLEAN:
        buf_put_char(b, v.b);
        return;
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
        buf_put_varint(b, v.i32);
        return;
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        buf_put_varint(b, v.i64);
        return;
    case DATA_DOUBLE: {
        uint64_t bits;
        memcpy(&bits, &v.f64, 8);
        buf_put_be64(b, bits);
        return;
    }
    case DATA_DECIMAL:
        buf_put_varint(b, v.dec->scale);
        buf_put_varint(b, v.dec->n);
        for (size_t i = 0; i < limbs(v.dec); i++)
            buf_put_be64(b, v.dec->limb[i]);
        return;
    case DATA_STRING:
    case DATA_BYTES:
        buf_put_varint(b, v.len);
        buf_put(b, v.ptr, v.len);
        return;
    case DATA_ARRAY:
    case DATA_STRUCT:
    case DATA_MAP:
        buf_put_varint(b, v.len);
        for (size_t i = 0; i < members(v); i++)
            data_encode(b, v.v[i]);
        return;
    case DATA_KINDS:
        break;
    }
    ASSERT(!"kind");
}

typedef struct reader {
    arena_t *arena;
    const char *at, *end;
    err_t *err;
    int depth;
} reader_t;

#define CUT(r) err_set((r)->err, ST_CORRUPT, "an encoded value is cut off or damaged")

static ST read_value(reader_t *r, data_value_t *ret);

static ST read_count(reader_t *r, size_t unit_bytes, uint32_t *ret)
{
    int64_t n;
    if (!load_varint(&r->at, r->end, &n) || n < 0 ||
        (uint64_t)n > (uint64_t)(r->end - r->at) / unit_bytes || n > INT32_MAX)
        return CUT(r);
    *ret = (uint32_t)n;
    return ST_OK;
}

static ST read_decimal(reader_t *r, data_value_t *ret)
{
    int64_t scale, n;
    if (!load_varint(&r->at, r->end, &scale) || !load_varint(&r->at, r->end, &n))
        return CUT(r);
    int64_t count = n < 0 ? -n : n;
    if (scale < INT32_MIN || scale > INT32_MAX || n < -INT32_MAX || n > INT32_MAX ||
        count > (r->end - r->at) / 8)
        return CUT(r);
    data_decimal_t *d = arena_alloc(r->arena, sizeof *d + 8 * (size_t)count);
    d->scale = (int32_t)scale;
    d->n = (int32_t)n;
    for (int64_t i = 0; i < count; i++, r->at += 8)
        d->limb[i] = load_be64(r->at);
    if (count && d->limb[count - 1] == 0)
        return CUT(r);
    *ret = data_of_decimal(d);
    return ST_OK;
}

static ST read_members(reader_t *r, uint8_t kind, data_value_t *ret)
{
    uint32_t n;
    TRY(read_count(r, kind == DATA_MAP ? 2 : 1, &n));
    if (++r->depth > DECODE_DEPTH_MAX)
        return CUT(r);
    size_t total = kind == DATA_MAP ? 2 * (size_t)n : n;
    data_value_t *v = arena_alloc(r->arena, total * sizeof *v);
    for (size_t i = 0; i < total; i++)
        TRY(read_value(r, &v[i]));
    r->depth--;
    *ret = (data_value_t){.kind = kind, .len = n, .v = v};
    return ST_OK;
}

static ST read_value(reader_t *r, data_value_t *ret)
{
    if (r->at == r->end)
        return CUT(r);
    uint8_t kind = (uint8_t)*r->at++;
    data_value_t v = {.kind = kind};
    int64_t i;
    switch ((data_kind_t)kind) {
    case DATA_NULL:
        break;
    case DATA_BOOLEAN:
        if (r->at == r->end)
            return CUT(r);
        v.b = *r->at++ != 0;
        break;
    case DATA_INTEGER:
    case DATA_TIME:
    case DATA_DATE:
        if (!load_varint(&r->at, r->end, &i) || i < INT32_MIN || i > INT32_MAX)
            return CUT(r);
        v.i32 = (int32_t)i;
        break;
    case DATA_BIGINT:
    case DATA_TIMESTAMP:
        if (!load_varint(&r->at, r->end, &v.i64))
            return CUT(r);
        break;
    case DATA_DOUBLE: {
        if (r->end - r->at < 8)
            return CUT(r);
        uint64_t bits = load_be64(r->at);
        memcpy(&v.f64, &bits, 8);
        r->at += 8;
        break;
    }
    case DATA_DECIMAL:
        return read_decimal(r, ret);
    case DATA_STRING:
    case DATA_BYTES:
        TRY(read_count(r, 1, &v.len));
        v.ptr = r->at;
        r->at += v.len;
        break;
    case DATA_ARRAY:
    case DATA_MAP:
    case DATA_STRUCT:
        return read_members(r, kind, ret);
    case DATA_KINDS:
    default:
        return CUT(r);
    }
    *ret = v;
    return ST_OK;
}

st_t data_decode(arena_t *a, const char **p, const char *end, data_value_t *ret, err_t *err)
{
    reader_t r = {a, *p, end, err, 0};
    TRY(read_value(&r, ret));
    *p = r.at;
    return ST_OK;
}
