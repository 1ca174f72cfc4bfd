/* codec.c: defaults, and reading. */
#include "wire/codec.h"

#include "wire/codec_internal.h"

#define DEPTH_MAX 16

size_t wire_item_bytes(const wire_field_t *f)
{
    static const uint8_t bytes[] = {[WIRE_BOOL] = sizeof(bool),
                                    [WIRE_I8] = 1,
                                    [WIRE_I16] = 2,
                                    [WIRE_U16] = 2,
                                    [WIRE_I32] = 4,
                                    [WIRE_I64] = 8,
                                    [WIRE_F64] = 8,
                                    [WIRE_UUID] = sizeof(wire_uuid_t),
                                    [WIRE_STR] = sizeof(str_t),
                                    [WIRE_BYTES] = sizeof(str_t),
                                    [WIRE_RECORDS] = sizeof(str_t)};
    return f->kind == WIRE_STRUCT ? f->item()->size_bytes : bytes[f->kind];
}

/* ---- defaults */

static void put_default(const wire_field_t *f, char *at)
{
    if (f->shape == WIRE_ONE && f->kind == WIRE_STRUCT) {
        wire_defaults(f->item(), at, 1);
        return;
    }
    if (f->shape != WIRE_ONE || f->otherwise == 0)
        return; /* zero, as all else is already */
    switch (wire_item_bytes(f)) {
    case 1:
        *(int8_t *)at = (int8_t)f->otherwise;
        break;
    case 2:
        *(int16_t *)at = (int16_t)f->otherwise;
        break;
    case 4:
        *(int32_t *)at = (int32_t)f->otherwise;
        break;
    default:
        *(int64_t *)at = f->otherwise;
    }
}

void wire_defaults(const wire_schema_t *s, void *p, size_t n)
{
    memset(p, 0, s->size_bytes * n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s->n_fields; k++)
            put_default(&s->field[k], (char *)p + i * s->size_bytes + s->field[k].offset);
}

void *wire_new_of(const wire_schema_t *s, arena_t *a, size_t n)
{
    void *p = arena_alloc(a, s->size_bytes * n);
    wire_defaults(s, p, n);
    return p;
}

/* ---- reading */

typedef struct input {
    const char *at, *end;
    int version;
    bool flexible;
    int depth;
    arena_t *arena;
    err_t *err;
} input_t;

static size_t left(const input_t *in)
{
    return (size_t)(in->end - in->at);
}

static ST cut_off(input_t *in, const wire_field_t *f)
{
    return err_set(in->err, ST_CORRUPT, "the message ends within %s", f->name);
}

static ST malformed(input_t *in, const wire_field_t *f, const char *why)
{
    return err_set(in->err, ST_CORRUPT, "%s %s", f->name, why);
}

static bool read_uvarint(input_t *in, uint32_t *ret)
{
    uint64_t u = 0;
    const char *p = in->at;
    for (unsigned shift = 0; p < in->end && shift < 35; shift += 7) {
        uint8_t byte = (uint8_t)*p++;
        u |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (u > UINT32_MAX)
                return false;
            *ret = (uint32_t)u;
            in->at = p;
            return true;
        }
    }
    return false;
}

/* A length or count; -1: null. */
static ST read_length(input_t *in, const wire_field_t *f, bool is_text, int64_t *ret)
{
    uint32_t u;
    if (in->flexible && !f->rigid) {
        if (!read_uvarint(in, &u))
            return cut_off(in, f);
        *ret = (int64_t)u - 1;
    } else if (is_text) {
        if (left(in) < 2)
            return cut_off(in, f);
        *ret = (int16_t)load_be16(in->at);
        in->at += 2;
    } else {
        if (left(in) < 4)
            return cut_off(in, f);
        *ret = (int32_t)load_be32(in->at);
        in->at += 4;
    }
    if (*ret < -1)
        return malformed(in, f, "has a negative length");
    return ST_OK;
}

static ST read_text(input_t *in, const wire_field_t *f, bool may_be_null, str_t *ret)
{
    int64_t n;
    TRY(read_length(in, f, f->kind == WIRE_STR, &n));
    if (n < 0) {
        if (!may_be_null)
            return malformed(in, f, "must not be null");
        *ret = STR_NONE;
        return ST_OK;
    }
    if (f->kind == WIRE_STR && n > INT16_MAX) /* as the old form has it, in which it may be kept */
        return malformed(in, f, "is longer than 32767 bytes");
    if ((uint64_t)n > left(in))
        return cut_off(in, f);
    *ret = str_n(in->at, (size_t)n);
    in->at += n;
    return ST_OK;
}

static ST read_struct(input_t *in, const wire_schema_t *s, void *ret);

/* One value; a list's items are never null. */
static ST read_one(input_t *in, const wire_field_t *f, bool may_be_null, void *ret)
{
    size_t n = wire_item_bytes(f);
    switch ((wire_kind_t)f->kind) {
    case WIRE_STR:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        return read_text(in, f, may_be_null, ret);
    case WIRE_STRUCT:
        return read_struct(in, f->item(), ret);
    case WIRE_BOOL:
    case WIRE_I8:
    case WIRE_I16:
    case WIRE_U16:
    case WIRE_I32:
    case WIRE_I64:
    case WIRE_F64:
    case WIRE_UUID:
        break;
    }
    if (left(in) < n)
        return cut_off(in, f);
    wire_scalar_load(f->kind, ret, in->at);
    in->at += n;
    return ST_OK;
}

static ST new_items(input_t *in, const wire_field_t *f, size_t n, void **ret)
{
    size_t bytes = wire_item_bytes(f) * n;
    void *p = arena_alloc_try(in->arena, bytes ? bytes : 1); /* empty is not NULL */
    if (!p)
        return err_set(in->err, ST_TOO_LARGE,
                       "%s of %zu items needs more memory than a request may take", f->name, n);
    if (f->kind == WIRE_STRUCT)
        wire_defaults(f->item(), p, n);
    *ret = p;
    return ST_OK;
}

static ST read_list(input_t *in, const wire_field_t *f, wire_list_t *ret)
{
    int64_t n;
    TRY(read_length(in, f, false, &n));
    if (n < 0) {
        if (!wire_field_null(f, in->version))
            return malformed(in, f, "must not be null");
        *ret = (wire_list_t){0};
        return ST_OK;
    }
    /* As many items as there could be: no count is believed that the bytes do not bear out. */
    size_t least = wire_least_bytes(f, in->version, in->flexible);
    if ((uint64_t)n > left(in) / (least ? least : 1))
        return cut_off(in, f);
    void *item;
    TRY(new_items(in, f, (size_t)n, &item));
    for (size_t i = 0; i < (size_t)n; i++)
        TRY(read_one(in, f, false, (char *)item + i * wire_item_bytes(f)));
    *ret = (wire_list_t){item, (int32_t)n};
    return ST_OK;
}

static ST read_pointer(input_t *in, const wire_field_t *f, void **ret)
{
    void *p;
    if (!f->tag) {
        if (left(in) < 1)
            return cut_off(in, f);
        if (*in->at++ < 0) {
            *ret = NULL;
            return ST_OK;
        }
    }
    TRY(new_items(in, f, 1, &p));
    TRY(read_struct(in, f->item(), p));
    *ret = p;
    return ST_OK;
}

static ST read_field(input_t *in, const wire_field_t *f, void *ret)
{
    switch ((wire_shape_t)f->shape) {
    case WIRE_LIST:
        return read_list(in, f, ret);
    case WIRE_POINTER:
        return read_pointer(in, f, ret);
    case WIRE_ONE:
        break;
    }
    return read_one(in, f, wire_field_null(f, in->version), ret);
}

/* Tagged fields: a count, then {tag, length, bytes}, tags ascending. Unknown ones are passed over.
 */
static ST read_tags(input_t *in, const wire_schema_t *s, char *ret)
{
    uint32_t n, tag, len;
    int64_t last = -1;
    const wire_field_t tags = {.name = "the tagged fields"};
    if (!read_uvarint(in, &n))
        return cut_off(in, &tags);
    for (; n; n--) {
        if (!read_uvarint(in, &tag) || !read_uvarint(in, &len) || len > left(in))
            return cut_off(in, &tags);
        if ((int64_t)tag <= last)
            return malformed(in, &tags, "are not in order");
        last = tag;
        const char *end = in->at + len, *all = in->end;
        const wire_field_t *f = wire_field_tagged(s, tag, in->version);
        if (f) {
            in->end = end;
            TRY(read_field(in, f, ret + f->offset));
            in->end = all;
            if (in->at != end)
                return malformed(in, f, "is shorter than its tag says");
        }
        in->at = end;
    }
    return ST_OK;
}

static ST read_struct(input_t *in, const wire_schema_t *s, void *ret)
{
    ASSERT(++in->depth < DEPTH_MAX); /* the tables' depth, not the input's */
    for (size_t i = 0; i < s->n_fields; i++) {
        const wire_field_t *f = &s->field[i];
        if (!f->tag && wire_field_in(f, in->version))
            TRY(read_field(in, f, (char *)ret + f->offset));
    }
    if (in->flexible)
        TRY(read_tags(in, s, ret));
    in->depth--;
    return ST_OK;
}

ST wire_decode(const wire_schema_t *s, int version, bool flexible, str_t *in, arena_t *a, void *ret,
               err_t *err)
{
    input_t i = {in->ptr, in->ptr + in->len, version, flexible, 0, a, err};
    wire_defaults(s, ret, 1);
    TRY(read_struct(&i, s, ret));
    *in = str_n(i.at, left(&i));
    return ST_OK;
}
