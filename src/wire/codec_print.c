/* codec_print.c: a message for people. */
#include "base/json.h"
#include "wire/codec.h"
#include "wire/codec_internal.h"

#define BYTES_SHOWN_MAX 64

static void print_bytes(buf_t *out, str_t s)
{
    char shown[BYTES_SHOWN_MAX];
    size_t n = s.len < sizeof shown ? s.len : sizeof shown;
    for (size_t i = 0; i < n; i++)
        shown[i] = (char)(s.ptr[i] >= 0x20 && s.ptr[i] < 0x7f ? s.ptr[i] : '.');
    BUF_LIT(out, "{");
    json_put_member_i64(out, "bytes", (int64_t)s.len);
    json_put_member_str(out, "text", str_n(shown, n));
    BUF_LIT(out, "}");
}

static void print_uuid(buf_t *out, const wire_uuid_t *u)
{
    buf_put_char(out, '"');
    for (int i = 0; i < 16; i++)
        buf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u->byte[i]);
    buf_put_char(out, '"');
}

static void print_one(const wire_field_t *f, int version, const void *from, buf_t *out)
{
    const str_t *text = from;
    switch ((wire_kind_t)f->kind) {
    case WIRE_BOOL:
        json_put_bool(out, *(const bool *)from);
        return;
    case WIRE_I8:
        buf_put_i64(out, *(const int8_t *)from);
        return;
    case WIRE_I16:
        buf_put_i64(out, *(const int16_t *)from);
        return;
    case WIRE_U16:
        buf_put_i64(out, *(const uint16_t *)from);
        return;
    case WIRE_I32:
        buf_put_i64(out, *(const int32_t *)from);
        return;
    case WIRE_I64:
        buf_put_i64(out, *(const int64_t *)from);
        return;
    case WIRE_F64:
        buf_printf(out, "%.17g", *(const double *)from);
        return;
    case WIRE_UUID:
        print_uuid(out, from);
        return;
    case WIRE_STR:
        if (!text->ptr)
            BUF_LIT(out, "null");
        else if (str_is_utf8(*text))
            json_put_str(out, *text);
        else
            print_bytes(out, *text);
        return;
    case WIRE_BYTES:
    case WIRE_RECORDS:
        if (text->ptr)
            print_bytes(out, *text);
        else
            BUF_LIT(out, "null");
        return;
    case WIRE_STRUCT:
        wire_print(f->item(), version, from, out);
    }
}

static void print_field(const wire_field_t *f, int version, const void *from, buf_t *out)
{
    const wire_list_t *list = from;
    const void *p = from;
    if (f->shape == WIRE_ONE) {
        print_one(f, version, from, out);
        return;
    }
    if (f->shape == WIRE_POINTER)
        p = *(void *const *)from;
    if (f->shape == WIRE_POINTER ? !p : !list->ptr) {
        BUF_LIT(out, "null");
        return;
    }
    if (f->shape == WIRE_POINTER) {
        print_one(f, version, p, out);
        return;
    }
    BUF_LIT(out, "[");
    for (size_t i = 0; i < (size_t)list->len; i++) {
        json_put_item(out);
        print_one(f, version, (const char *)list->ptr + i * wire_item_bytes(f), out);
    }
    BUF_LIT(out, "]");
}

void wire_print(const wire_schema_t *s, int version, const void *message, buf_t *out)
{
    BUF_LIT(out, "{");
    for (size_t i = 0; i < s->n_fields; i++) {
        const wire_field_t *f = &s->field[i];
        const char *value = (const char *)message + f->offset;
        if (!wire_field_in(f, version) || (f->tag && wire_is_default(f, value)))
            continue;
        json_put_name(out, f->name);
        print_field(f, version, value, out);
    }
    BUF_LIT(out, "}");
}
