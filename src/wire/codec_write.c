/* codec_write.c: writing by table. */
#include "wire/codec.h"

#include "wire/codec_internal.h"

void wire_out_done(wire_out_t *out)
{
    buf_done(&out->buf);
    VEC_DONE(&out->splices);
    out->splices_bytes = 0;
}

void wire_out_clear(wire_out_t *out)
{
    buf_clear(&out->buf);
    VEC_CLEAR(&out->splices);
    out->splices_bytes = 0;
}

/* ---- shared with reading: what is in a message stands anywhere */

void wire_scalar_load(unsigned kind, void *to, const void *from)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch ((wire_kind_t)kind) {
    case WIRE_BOOL:
        *(bool *)to = *(const char *)from != 0;
        break;
    case WIRE_I8:
        memcpy(to, from, 1);
        break;
    case WIRE_I16:
    case WIRE_U16:
        memcpy(&u16, from, sizeof u16);
        store_be16(to, u16);
        break;
    case WIRE_I32:
        memcpy(&u32, from, sizeof u32);
        store_be32(to, u32);
        break;
    case WIRE_I64:
    case WIRE_F64:
        memcpy(&u64, from, sizeof u64);
        store_be64(to, u64);
        break;
    case WIRE_UUID:
        memcpy(to, from, sizeof(wire_uuid_t));
        break;
    case WIRE_STR:
    case WIRE_BYTES:
    case WIRE_RECORDS:
    case WIRE_STRUCT:
        ASSERT(!"a number");
    }
}

static size_t least_of_struct(const wire_schema_t *s, int version, bool flexible)
{
    size_t n = flexible ? 1 : 0;
    for (size_t i = 0; i < s->n_fields; i++) {
        const wire_field_t *f = &s->field[i];
        if (f->tag || !wire_field_in(f, version))
            continue;
        bool compact = flexible && !f->rigid;
        if (f->shape == WIRE_LIST)
            n += compact ? 1 : 4;
        else if (f->shape == WIRE_POINTER)
            n += 1;
        else
            n += wire_least_bytes(f, version, flexible);
    }
    return n;
}

size_t wire_least_bytes(const wire_field_t *f, int version, bool flexible)
{
    bool compact = flexible && !f->rigid;
    if (f->kind == WIRE_STRUCT)
        return least_of_struct(f->item(), version, flexible);
    if (f->kind == WIRE_STR)
        return compact ? 1 : 2;
    if (f->kind == WIRE_BYTES || f->kind == WIRE_RECORDS)
        return compact ? 1 : 4;
    return wire_item_bytes(f);
}

const wire_field_t *wire_field_tagged(const wire_schema_t *s, uint32_t tag, int version)
{
    for (size_t i = 0; i < s->n_fields; i++)
        if (s->field[i].tag && (uint32_t)s->field[i].tag - 1 == tag)
            return wire_field_in(&s->field[i], version) ? &s->field[i] : NULL;
    return NULL;
}

/* ---- writing: sticky, what does not fit is asked for once at the end */

typedef struct output {
    wire_out_t *to;
    int version;
    bool flexible;
    const wire_field_t *too_large; /* the first field that did not fit */
} output_t;

static void put_uvarint(buf_t *b, uint32_t u)
{
    while (u >= 0x80) {
        buf_put_char(b, (char)(u | 0x80));
        u >>= 7;
    }
    buf_put_char(b, (char)u);
}

/* -1: null. */
static void write_length(output_t *o, const wire_field_t *f, bool is_text, int64_t n)
{
    buf_t *b = &o->to->buf;
    bool compact = o->flexible && !f->rigid;
    if (n > (is_text && !compact ? INT16_MAX : INT32_MAX)) {
        o->too_large = o->too_large ? o->too_large : f;
        n = 0;
    }
    if (compact)
        put_uvarint(b, (uint32_t)(n + 1));
    else if (is_text)
        buf_put_be16(b, (uint16_t)n);
    else
        buf_put_be32(b, (uint32_t)n);
}

static void write_text(output_t *o, const wire_field_t *f, bool may_be_null, str_t s)
{
    write_length(o, f, f->kind == WIRE_STR, !s.ptr && may_be_null ? -1 : (int64_t)s.len);
    if (o->too_large || s.len == 0)
        return;
    if (f->kind != WIRE_RECORDS) {
        buf_put_str(&o->to->buf, s);
        return;
    }
    VEC_PUSH(&o->to->splices, (wire_splice_t){o->to->buf.len, s});
    o->to->splices_bytes += s.len;
}

static void write_struct(output_t *o, const wire_schema_t *s, const void *from);

static void write_one(output_t *o, const wire_field_t *f, bool may_be_null, const void *from)
{
    size_t n = wire_item_bytes(f);
    switch ((wire_kind_t)f->kind) {
    case WIRE_STR:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        write_text(o, f, may_be_null, *(const str_t *)from);
        return;
    case WIRE_STRUCT:
        write_struct(o, f->item(), from);
        return;
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
    wire_scalar_load(f->kind, buf_reserve(&o->to->buf, n), from);
    o->to->buf.len += n;
}

static void write_list(output_t *o, const wire_field_t *f, const wire_list_t *list)
{
    bool null = !list->ptr && wire_field_null(f, o->version);
    ASSERT(list->len >= 0 && (list->ptr || list->len == 0));
    write_length(o, f, false, null ? -1 : list->len);
    for (size_t i = 0; i < (size_t)list->len && !o->too_large; i++) {
        write_one(o, f, false, (const char *)list->ptr + i * wire_item_bytes(f));
        if (o->to->limit_bytes && o->to->buf.len > o->to->limit_bytes && !o->too_large)
            o->too_large = f;
    }
}

static void write_field(output_t *o, const wire_field_t *f, const void *from)
{
    const void *p;
    switch ((wire_shape_t)f->shape) {
    case WIRE_LIST:
        write_list(o, f, from);
        return;
    case WIRE_POINTER:
        p = *(void *const *)from;
        if (!f->tag)
            buf_put_char(&o->to->buf, p ? 1 : -1);
        if (p)
            write_struct(o, f->item(), p);
        return;
    case WIRE_ONE:
        write_one(o, f, wire_field_null(f, o->version), from);
    }
}

bool wire_is_default(const wire_field_t *f, const void *from)
{
    static const wire_uuid_t no_uuid;
    if (f->shape == WIRE_POINTER)
        return *(void *const *)from == NULL;
    if (f->shape == WIRE_LIST)
        return ((const wire_list_t *)from)->len == 0;
    switch ((wire_kind_t)f->kind) {
    case WIRE_BOOL:
        return *(const bool *)from == (f->otherwise != 0);
    case WIRE_I8:
        return *(const int8_t *)from == f->otherwise;
    case WIRE_I16:
        return *(const int16_t *)from == f->otherwise;
    case WIRE_U16:
        return *(const uint16_t *)from == f->otherwise;
    case WIRE_I32:
        return *(const int32_t *)from == f->otherwise;
    case WIRE_I64:
        return *(const int64_t *)from == f->otherwise;
    case WIRE_UUID:
        return memcmp(from, &no_uuid, sizeof no_uuid) == 0;
    case WIRE_STR:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        return ((const str_t *)from)->ptr == NULL;
    case WIRE_F64:
    case WIRE_STRUCT:
        break;
    }
    return false;
}

/* A tagged field's length comes before it: it is written, measured, and moved to make room. */
static void write_tag(output_t *o, const wire_field_t *f, const void *from)
{
    buf_t *b = &o->to->buf;
    put_uvarint(b, (uint32_t)f->tag - 1);
    size_t start = b->len, splices = o->to->splices.len;
    write_field(o, f, from);
    ASSERT(o->to->splices.len == splices); /* no records in tagged fields */
    size_t n = b->len - start;
    char len[5];
    buf_t tmp = {len, 0, sizeof len};
    put_uvarint(&tmp, (uint32_t)n);
    buf_reserve(b, tmp.len);
    memmove(b->ptr + start + tmp.len, b->ptr + start, n);
    memcpy(b->ptr + start, len, tmp.len);
    b->len += tmp.len;
}

static const wire_field_t *next_tag(const output_t *o, const wire_schema_t *s, const char *from,
                                    int after)
{
    const wire_field_t *next = NULL;
    for (size_t i = 0; i < s->n_fields; i++) {
        const wire_field_t *f = &s->field[i];
        if (f->tag > after && (!next || f->tag < next->tag) && wire_field_in(f, o->version) &&
            !wire_is_default(f, from + f->offset))
            next = f;
    }
    return next;
}

static void write_tags(output_t *o, const wire_schema_t *s, const char *from)
{
    uint32_t n = 0;
    for (const wire_field_t *f = NULL; (f = next_tag(o, s, from, f ? f->tag : 0));)
        n++;
    put_uvarint(&o->to->buf, n);
    for (const wire_field_t *f = NULL; n && (f = next_tag(o, s, from, f ? f->tag : 0));)
        write_tag(o, f, from + f->offset);
}

static void write_struct(output_t *o, const wire_schema_t *s, const void *from)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const wire_field_t *f = &s->field[i];
        if (!f->tag && wire_field_in(f, o->version))
            write_field(o, f, (const char *)from + f->offset);
    }
    if (o->flexible)
        write_tags(o, s, from);
}

ST wire_encode(const wire_schema_t *s, int version, bool flexible, const void *message,
               wire_out_t *out, err_t *err)
{
    output_t o = {out, version, flexible, NULL};
    write_struct(&o, s, message);
    if (o.too_large)
        return err_set(err, ST_TOO_LARGE, "%s of %s is too long for version %d", o.too_large->name,
                       s->name, version);
    return ST_OK;
}
