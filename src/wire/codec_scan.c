/* codec_scan.c: a message as people write it. */
#include "wire/batch.h"
#include "wire/codec.h"

static ST wrong(const wire_field_t *f, const char *what, err_t *err)
{
    return err_set(err, ST_BAD_INPUT, "%s must be %s", f->name, what);
}

/* Digits in pairs; spaces and dashes between them are passed over. */
static bool scan_hex(str_t text, arena_t *a, str_t *ret)
{
    char *to = arena_alloc(a, text.len);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ' || text.ptr[i] == '-')
            continue;
        int high = str_hex_digit(text.ptr[i]);
        int low = i + 1 < text.len ? str_hex_digit(text.ptr[i + 1]) : -1;
        if (high < 0 || low < 0)
            return false;
        to[n++] = (char)(high << 4 | low);
        i++;
    }
    *ret = str_n(to, n);
    return true;
}

/* {"values":[…],"compression":"gzip"}: one batch. */
static ST scan_batch(const wire_field_t *f, const json_value_t *v, arena_t *a, str_t *ret,
                     err_t *err)
{
    const json_value_t *values = json_get(v, "values");
    wire_batch_options_t opt = WIRE_BATCH_PLAIN;
    if (!values || values->kind != JSON_ARRAY ||
        !wire_codec_parse(json_get_text(v, "compression", STR("none")), &opt.codec))
        return wrong(f, "a text, {\"hex\":…} or {\"values\":[…],\"compression\":\"none\"}", err);
    buf_t b = BUF_INIT;
    wire_writer_t w;
    wire_batch_begin(&w, &b, &opt);
    for (size_t i = 0; i < values->n; i++)
        wire_batch_add(&w, json_get_i64(v, "timestamp", 0), STR_NONE, values->item[i].text, NULL,
                       0);
    st_t st = wire_batch_finish(&w, err);
    if (st == ST_OK)
        *ret = arena_str(a, buf_str(&b));
    buf_done(&b);
    return st;
}

static ST scan_text(const wire_field_t *f, int version, const json_value_t *v, arena_t *a,
                    str_t *ret, err_t *err)
{
    const json_value_t *hex = json_get(v, "hex");
    if (v->kind == JSON_STRING) {
        *ret = v->text;
        return ST_OK;
    }
    if (v->kind == JSON_NULL && wire_field_null(f, version)) {
        *ret = STR_NONE;
        return ST_OK;
    }
    if (f->kind == WIRE_STR)
        return wrong(f, "a text", err);
    if (hex)
        return scan_hex(hex->text, a, ret) ? ST_OK : wrong(f, "hexadecimal digits", err);
    return scan_batch(f, v, a, ret, err);
}

static ST scan_number(const wire_field_t *f, const json_value_t *v, void *ret, err_t *err)
{
    unsigned bits = (unsigned)wire_item_bytes(f) * 8;
    int64_t most = f->kind == WIRE_U16 ? UINT16_MAX : (int64_t)(UINT64_MAX >> (65 - bits));
    int64_t least = f->kind == WIRE_U16 ? 0 : -most - 1;
    if (v->kind != JSON_NUMBER || !v->is_i64 || v->i64 < least || v->i64 > most)
        return wrong(f, "a whole number of its size", err);
    memcpy(ret, &v->i64, wire_item_bytes(f)); /* the low bytes come first, as ever here */
    return ST_OK;
}

static ST scan_one(const wire_field_t *f, int version, const json_value_t *v, arena_t *a, void *ret,
                   err_t *err)
{
    str_t id;
    double d;
    switch ((wire_kind_t)f->kind) {
    case WIRE_STRUCT:
        return wire_scan(f->item(), version, v, a, ret, err);
    case WIRE_STR:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        return scan_text(f, version, v, a, ret, err);
    case WIRE_UUID:
        if (v->kind != JSON_STRING || !scan_hex(v->text, a, &id) || id.len != sizeof(wire_uuid_t))
            return wrong(f, "a UUID", err);
        memcpy(ret, id.ptr, id.len);
        return ST_OK;
    case WIRE_BOOL:
        if (v->kind != JSON_BOOL)
            return wrong(f, "true or false", err);
        *(bool *)ret = v->b;
        return ST_OK;
    case WIRE_F64:
        if (v->kind != JSON_NUMBER)
            return wrong(f, "a number", err);
        d = json_f64(v);
        memcpy(ret, &d, sizeof d);
        return ST_OK;
    case WIRE_I8:
    case WIRE_I16:
    case WIRE_U16:
    case WIRE_I32:
    case WIRE_I64:
        break;
    }
    return scan_number(f, v, ret, err);
}

static ST scan_field(const wire_field_t *f, int version, const json_value_t *v, arena_t *a,
                     void *ret, err_t *err)
{
    wire_list_t *list = ret;
    bool null = v->kind == JSON_NULL && f->shape != WIRE_ONE;
    if (f->shape == WIRE_ONE)
        return scan_one(f, version, v, a, ret, err);
    if (f->shape == WIRE_POINTER) {
        if (!null) {
            void *item = wire_new_of(f->item(), a, 1);
            TRY(scan_one(f, version, v, a, item, err));
            *(void **)ret = item;
        }
        return ST_OK;
    }
    if (null && wire_field_null(f, version)) {
        *list = (wire_list_t){0};
        return ST_OK;
    }
    if (v->kind != JSON_ARRAY || v->n > INT32_MAX)
        return wrong(f, "a list", err);
    list->ptr = arena_zalloc(a, (v->n + 1) * wire_item_bytes(f));
    list->len = (int32_t)v->n;
    for (size_t i = 0; i < v->n; i++)
        TRY(scan_one(f, version, &v->item[i], a, (char *)list->ptr + i * wire_item_bytes(f), err));
    return ST_OK;
}

ST wire_scan(const wire_schema_t *s, int version, const json_value_t *from, arena_t *a, void *ret,
             err_t *err)
{
    if (from->kind != JSON_OBJECT)
        return err_set(err, ST_BAD_INPUT, "%s must be an object", s->name);
    wire_defaults(s, ret, 1);
    for (size_t k = 0; k < from->n; k++) {
        size_t i = 0;
        while (i < s->n_fields && (!str_eq(from->name[k], str_of(s->field[i].name)) ||
                                   !wire_field_in(&s->field[i], version)))
            i++;
        if (i == s->n_fields)
            return err_set(err, ST_BAD_INPUT, "%s has no field " STR_FMT " in version %d", s->name,
                           STR_ARG(from->name[k]), version);
        TRY(scan_field(&s->field[i], version, &from->item[k], a, (char *)ret + s->field[i].offset,
                       err));
    }
    return ST_OK;
}
