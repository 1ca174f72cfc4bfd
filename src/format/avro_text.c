/* Avro schemas as text: compact, canonical; and the binary form of defaults. */
#include "format/avro_schema.h"

#include "base/map.h"
#include "data/text.h"

#include <math.h>
#include <stdlib.h>

typedef struct printer {
    buf_t *b;
    map_t seen;  /* full names that are defined already */
    str_t space; /* the enclosing namespace */
    bool canonical;
    bool resolved; /* types of refs are written out */
    bool normal;   /* what has no order of its own is sorted */
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

/* ---- JSON as Java's libraries write it */

static void put_name_of(buf_t *b, str_t name)
{
    if (b->len && b->ptr[b->len - 1] != '{')
        buf_put_char(b, ',');
    json_put_str_jackson(b, name);
    buf_put_char(b, ':');
}

static void put_text_member(buf_t *b, const char *name, str_t text)
{
    put_name_of(b, str_of(name));
    json_put_str_jackson(b, text);
}

static void put_number(buf_t *b, const json_value_t *v)
{
    bool whole = str_find_char(v->text, '.') < 0 && str_find_char(v->text, 'e') < 0 &&
                 str_find_char(v->text, 'E') < 0;
    if (v->is_i64)
        buf_put_i64(b, v->i64); /* -0 is 0 */
    else if (whole)
        buf_put_str(b, v->text);
    else if (isinf(json_f64(v)))
        buf_put_str(b, v->text.ptr[0] == '-' ? STR("\"-Infinity\"") : STR("\"Infinity\""));
    else
        data_put_f64(b, json_f64(v));
}

typedef struct member {
    str_t name;
    const json_value_t *value;
} member_t;

static int compare_members(const void *x, const void *y)
{
    return str_cmp(((const member_t *)x)->name, ((const member_t *)y)->name);
}

/* Without those whose name comes again: the last value stands where the first was. Sorted by name,
 * or as they came. */
static member_t *order_members(arena_t *a, member_t *m, size_t n, bool sorted, size_t *ret_n)
{
    map_t first;
    size_t kept = 0;
    member_t *out = ARENA_ARRAY(a, member_t, n + 1);
    map_init(&first);
    for (size_t i = 0; i < n; i++) {
        member_t *there = map_get(&first, m[i].name);
        if (there) {
            there->value = m[i].value;
            continue;
        }
        out[kept] = m[i];
        map_put(&first, m[i].name, &out[kept++]);
    }
    map_done(&first, NULL);
    if (sorted)
        qsort(out, kept, sizeof *out, compare_members);
    *ret_n = kept;
    return out;
}

static member_t *members_of(arena_t *a, const json_value_t *o, bool sorted, size_t *ret_n)
{
    member_t *m = ARENA_ARRAY(a, member_t, o->n + 1);
    for (size_t i = 0; i < o->n; i++)
        m[i] = (member_t){o->name[i], &o->item[i]};
    return order_members(a, m, o->n, sorted, ret_n);
}

static void put_json(buf_t *b, const json_value_t *v, bool sorted)
{
    if (v->kind == JSON_STRING) {
        json_put_str_jackson(b, v->text);
    } else if (v->kind == JSON_NUMBER) {
        put_number(b, v);
    } else if (v->kind == JSON_ARRAY) {
        buf_put_char(b, '[');
        for (size_t i = 0; i < v->n; i++) {
            json_put_item(b);
            put_json(b, &v->item[i], sorted);
        }
        buf_put_char(b, ']');
    } else if (v->kind == JSON_OBJECT) {
        arena_t a;
        size_t n;
        arena_init(&a, ARENA_NO_LIMIT);
        member_t *m = members_of(&a, v, sorted, &n);
        buf_put_char(b, '{');
        for (size_t i = 0; i < n; i++) {
            put_name_of(b, m[i].name);
            put_json(b, m[i].value, sorted);
        }
        buf_put_char(b, '}');
        arena_done(&a);
    } else {
        json_put_value(b, v);
    }
}

/* ---- properties */

/* A logical type comes first when all else is sorted. */
static bool is_logical(const avro_schema_t *s, str_t name)
{
    if (!s || s->logical == AVRO_PLAIN)
        return false;
    return str_eq(name, STR("logicalType")) ||
           (s->logical == AVRO_DECIMAL &&
            (str_eq(name, STR("precision")) || (str_eq(name, STR("scale")) && s->scale)));
}

/* s: whose they are; NULL: a field's. */
static void put_properties(printer_t *p, const json_value_t *json, const avro_schema_t *s)
{
    arena_t a;
    size_t n;
    if (!json || p->canonical)
        return;
    arena_init(&a, ARENA_NO_LIMIT);
    member_t *m = members_of(&a, json, p->normal, &n);
    for (int logical = p->normal ? 1 : 0; logical >= 0; logical--)
        for (size_t i = 0; i < n; i++) {
            if (reserved(m[i].name, !s, s ? s->kind : AVRO_NULL) ||
                (p->normal && is_logical(s, m[i].name) != (logical == 1)))
                continue;
            put_name_of(p->b, m[i].name);
            put_json(p->b, m[i].value, p->normal);
        }
    arena_done(&a);
}

static void put_doc(printer_t *p, const json_value_t *json, bool empty_too)
{
    const json_value_t *v = p->canonical ? NULL : json_get(json, "doc");
    if (v && v->kind == JSON_STRING && (v->text.len || empty_too))
        put_text_member(p->b, "doc", v->text);
}

/* Without the namespace they share with the type. */
static str_t short_alias(const avro_schema_t *s, str_t alias)
{
    str_t rest = str_sub(alias, s->space.len + 1, alias.len);
    bool near = s->space.len && str_starts(alias, s->space) && alias.len > s->space.len &&
                alias.ptr[s->space.len] == '.' && str_find_char(rest, '.') < 0;
    return near ? rest : alias;
}

static void put_aliases(printer_t *p, const str_t *alias, size_t n, const avro_schema_t *s)
{
    arena_t a;
    if (!n || p->canonical)
        return;
    arena_init(&a, ARENA_NO_LIMIT);
    member_t *m = ARENA_ARRAY(&a, member_t, n);
    for (size_t i = 0; i < n; i++)
        m[i].name = alias[i];
    m = order_members(&a, m, n, p->normal, &n);
    put_name_of(p->b, STR("aliases"));
    buf_put_char(p->b, '[');
    for (size_t i = 0; i < n; i++) {
        json_put_item(p->b);
        json_put_str_jackson(p->b, s ? short_alias(s, m[i].name) : m[i].name);
    }
    buf_put_char(p->b, ']');
    arena_done(&a);
}

/* The branch that a default is for. */
static const avro_schema_t *branch_of(const avro_schema_t *s, const json_value_t *v)
{
    for (size_t i = 0; s->kind == AVRO_UNION && i < s->n_branches; i++)
        if (avro_fallback_fits(s->branch[i], v))
            return s->branch[i];
    return s;
}

/* In the normal form the default of a float has a point. */
static void put_default(printer_t *p, const avro_field_t *f)
{
    const json_value_t *v = f->fallback;
    if (!v || p->canonical)
        return;
    avro_kind_t kind = branch_of(f->type, v)->kind;
    put_name_of(p->b, STR("default"));
    if (p->normal && v->is_i64 && (kind == AVRO_FLOAT || kind == AVRO_DOUBLE))
        data_put_f64(p->b, json_f64(v));
    else
        put_json(p->b, v, p->normal);
}

static void put_field(printer_t *p, const avro_field_t *f)
{
    buf_put_char(p->b, '{');
    put_text_member(p->b, "name", f->name);
    put_name_of(p->b, STR("type"));
    put_schema(p, f->type);
    put_doc(p, f->json, true);
    put_default(p, f);
    str_t order = json_get_text(f->json, "order", STR("ascending"));
    if (!str_eq_nocase(order, STR("ascending")) && !p->canonical)
        put_text_member(p->b, "order",
                        str_eq_nocase(order, STR("ignore")) ? STR("ignore") : STR("descending"));
    put_aliases(p, f->alias, f->n_aliases, NULL);
    put_properties(p, f->json, NULL);
    buf_put_char(p->b, '}');
}

static void put_name(printer_t *p, const avro_schema_t *s)
{
    if (p->canonical) {
        put_text_member(p->b, "name", s->full_name);
        return;
    }
    put_text_member(p->b, "name", s->name);
    if (!str_eq(s->space, p->space))
        put_text_member(p->b, "namespace", s->space);
}

static void put_strings(printer_t *p, const char *name, const str_t *s, size_t n)
{
    json_put_name(p->b, name);
    buf_put_char(p->b, '[');
    for (size_t i = 0; i < n; i++) {
        json_put_item(p->b);
        json_put_str_jackson(p->b, s[i]);
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
        json_put_str_jackson(p->b, near ? s->name : s->full_name);
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
    put_doc(p, s->json, !p->normal);
    if (s->kind == AVRO_RECORD)
        put_fields(p, s);
    else if (s->kind == AVRO_ENUM)
        put_strings(p, "symbols", s->symbol, s->n_symbols);
    else
        json_put_member_i64(p->b, "size", (int64_t)s->size_bytes);
    if (s->kind == AVRO_ENUM && s->fallback.ptr && !p->canonical)
        put_text_member(p->b, "default", s->fallback);
    put_properties(p, s->json, s);
    put_aliases(p, s->alias, s->n_aliases, s);
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
    put_properties(p, s->json, s);
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

void avro_schema_put_normal(buf_t *b, const avro_schema_t *s, bool resolved)
{
    put_all((printer_t){.b = b, .normal = true, .resolved = resolved}, s);
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
