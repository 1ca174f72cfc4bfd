/* Avro schemas as text: compact, canonical; and the binary form of defaults. */
#include "format/avro_schema.h"

#include "base/map.h"

typedef struct printer {
    buf_t *b;
    map_t seen;  /* full names that are defined already */
    str_t space; /* the enclosing namespace */
    bool canonical;
    bool resolved; /* types of refs are written out */
} printer_t;

static void put_schema(printer_t *p, const avro_schema_t *s);

static bool reserved(str_t name, bool field, avro_kind_t kind)
{
    static const char *const of_schema[] = {"doc",  "fields",  "items",  "name", "namespace",
                                            "size", "symbols", "values", "type", "aliases"};
    static const char *const of_field[] = {"default", "doc", "name", "order", "type", "aliases"};
    const char *const *words = field ? of_field : of_schema;
    for (size_t i = 0; i < (field ? 6u : 10u); i++)
        if (str_eq(name, str_of(words[i])))
            return true;
    return !field && kind == AVRO_ENUM && str_eq(name, STR("default"));
}

static void put_properties(printer_t *p, const json_value_t *json, bool field, avro_kind_t kind)
{
    if (!json || p->canonical)
        return;
    for (size_t i = 0; i < json->n; i++)
        if (!reserved(json->name[i], field, kind)) {
            json_put_name_str(p->b, json->name[i]);
            json_put_value(p->b, &json->item[i]);
        }
}

static void put_member(printer_t *p, const json_value_t *json, const char *name)
{
    const json_value_t *v = p->canonical ? NULL : json_get(json, name);
    if (v) {
        json_put_name(p->b, name);
        json_put_value(p->b, v);
    }
}

static void put_aliases(printer_t *p, const json_value_t *json)
{
    const json_value_t *v = json_get(json, "aliases");
    if (v && v->n)
        put_member(p, json, "aliases");
}

static void put_field(printer_t *p, const avro_field_t *f)
{
    buf_put_char(p->b, '{');
    json_put_member_str(p->b, "name", f->name);
    json_put_name(p->b, "type");
    put_schema(p, f->type);
    put_member(p, f->json, "doc");
    put_member(p, f->json, "default");
    str_t order = json_get_text(f->json, "order", STR("ascending"));
    if (!str_eq(order, STR("ascending")))
        put_member(p, f->json, "order");
    put_aliases(p, f->json);
    put_properties(p, f->json, true, AVRO_NULL);
    buf_put_char(p->b, '}');
}

static void put_name(printer_t *p, const avro_schema_t *s)
{
    if (p->canonical) {
        json_put_member_str(p->b, "name", s->full_name);
        return;
    }
    json_put_member_str(p->b, "name", s->name);
    if (!str_eq(s->space, p->space))
        json_put_member_str(p->b, "namespace", s->space);
}

static void put_strings(printer_t *p, const char *name, const str_t *s, size_t n)
{
    json_put_name(p->b, name);
    buf_put_char(p->b, '[');
    for (size_t i = 0; i < n; i++) {
        json_put_item(p->b);
        json_put_str(p->b, s[i]);
    }
    buf_put_char(p->b, ']');
}

static void put_fields(printer_t *p, const avro_schema_t *s)
{
    str_t outer = p->space;
    p->space = s->space;
    json_put_name(p->b, "fields");
    buf_put_char(p->b, '[');
    for (size_t i = 0; i < s->n_fields; i++) {
        json_put_item(p->b);
        put_field(p, &s->field[i]);
    }
    buf_put_char(p->b, ']');
    p->space = outer;
}

static void put_named(printer_t *p, const avro_schema_t *s)
{
    if ((s->referenced && !p->resolved) || map_get(&p->seen, s->full_name)) {
        bool near = str_eq(s->space, p->space) && !p->canonical;
        json_put_str(p->b, near ? s->name : s->full_name);
        return;
    }
    map_put(&p->seen, s->full_name, p);
    buf_put_char(p->b, '{');
    if (p->canonical)
        put_name(p, s);
    const char *type = avro_kind_name(s->kind);
    if (str_eq(json_get_text(s->json, "type", STR("")), STR("error")))
        type = "error";
    json_put_member_str(p->b, "type", str_of(type));
    if (!p->canonical)
        put_name(p, s);
    put_member(p, s->json, "doc");
    if (s->kind == AVRO_RECORD)
        put_fields(p, s);
    else if (s->kind == AVRO_ENUM)
        put_strings(p, "symbols", s->symbol, s->n_symbols);
    else
        json_put_member_i64(p->b, "size", (int64_t)s->size_bytes);
    if (s->kind == AVRO_ENUM)
        put_member(p, s->json, "default");
    put_properties(p, s->json, false, s->kind);
    put_aliases(p, s->json);
    buf_put_char(p->b, '}');
}

static bool has_properties(const avro_schema_t *s)
{
    for (size_t i = 0; s->json && i < s->json->n; i++)
        if (!reserved(s->json->name[i], false, s->kind))
            return true;
    return false;
}

static void put_schema(printer_t *p, const avro_schema_t *s)
{
    if (s->full_name.len) {
        put_named(p, s);
        return;
    }
    if (s->kind == AVRO_UNION) {
        buf_put_char(p->b, '[');
        for (size_t i = 0; i < s->n_branches; i++) {
            json_put_item(p->b);
            put_schema(p, s->branch[i]);
        }
        buf_put_char(p->b, ']');
        return;
    }
    if (s->kind <= AVRO_STRING && (p->canonical || !has_properties(s))) {
        json_put_str(p->b, str_of(avro_kind_name(s->kind)));
        return;
    }
    buf_put_char(p->b, '{');
    json_put_member_str(p->b, "type", str_of(avro_kind_name(s->kind)));
    if (s->item) {
        json_put_name(p->b, s->kind == AVRO_ARRAY ? "items" : "values");
        put_schema(p, s->item);
    }
    put_properties(p, s->json, false, s->kind);
    buf_put_char(p->b, '}');
}

static void put_all(printer_t p, const avro_schema_t *s)
{
    map_init(&p.seen);
    put_schema(&p, s);
    map_done(&p.seen, NULL);
}

void avro_schema_put(buf_t *b, const avro_schema_t *s)
{
    put_all((printer_t){.b = b}, s);
}

void avro_schema_put_resolved(buf_t *b, const avro_schema_t *s)
{
    put_all((printer_t){.b = b, .resolved = true}, s);
}

void avro_schema_put_canonical(buf_t *b, const avro_schema_t *s)
{
    put_all((printer_t){.b = b, .canonical = true, .resolved = true}, s);
}

/* A default of bytes or fixed: each character up to U+00FF is a byte. */
static void put_latin1(buf_t *b, str_t text, bool with_length)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    if (with_length)
        buf_put_varint(b, (int64_t)n);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        if (c >= 0x80 && i + 1 < text.len)
            c = (uint8_t)(c << 6 | ((uint8_t)text.ptr[++i] & 0x3f));
        buf_put_char(b, (char)c);
    }
}

static void put_f64(buf_t *b, const json_value_t *v, bool is_float)
{
    double d = json_f64(v);
    float f = (float)d;
    buf_put(b, is_float ? (const void *)&f : (const void *)&d, is_float ? 4 : 8);
}

static void put_items(buf_t *b, const avro_schema_t *s, const json_value_t *v)
{
    if (v->n)
        buf_put_varint(b, (int64_t)v->n);
    for (size_t i = 0; i < v->n; i++) {
        if (s->kind == AVRO_MAP) {
            buf_put_varint(b, (int64_t)v->name[i].len);
            buf_put_str(b, v->name[i]);
        }
        avro_put_fallback(b, s->item, &v->item[i]);
    }
    buf_put_char(b, 0);
}

void avro_put_fallback(buf_t *b, const avro_schema_t *s, const json_value_t *v)
{
    size_t i = 0;
    switch (s->kind) {
    case AVRO_NULL:
        return;
    case AVRO_BOOLEAN:
        buf_put_char(b, v->b);
        return;
    case AVRO_INT:
    case AVRO_LONG:
        buf_put_varint(b, v->i64);
        return;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        put_f64(b, v, s->kind == AVRO_FLOAT);
        return;
    case AVRO_BYTES:
    case AVRO_FIXED:
        put_latin1(b, v->text, s->kind == AVRO_BYTES);
        return;
    case AVRO_STRING:
        buf_put_varint(b, (int64_t)v->text.len);
        buf_put_str(b, v->text);
        return;
    case AVRO_ENUM:
        while (i + 1 < s->n_symbols && !str_eq(s->symbol[i], v->text))
            i++;
        buf_put_varint(b, (int64_t)i);
        return;
    case AVRO_RECORD:
        for (i = 0; i < s->n_fields; i++) {
            const json_value_t *member = json_get_str(v, s->field[i].name);
            avro_put_fallback(b, s->field[i].type, member ? member : s->field[i].fallback);
        }
        return;
    case AVRO_ARRAY:
    case AVRO_MAP:
        put_items(b, s, v);
        return;
    case AVRO_UNION:
        while (i + 1 < s->n_branches && !avro_fallback_fits(s->branch[i], v))
            i++;
        buf_put_varint(b, (int64_t)i);
        avro_put_fallback(b, s->branch[i], v);
        return;
    }
}
