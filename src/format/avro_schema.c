#include "format/avro_schema.h"

#include "base/map.h"
#include "base/vec.h"
#include "data/text.h"

#include <math.h>

#define NESTING_MAX   200
#define PRECISION_MAX 10000 /* what GMP is asked for on behalf of a stranger's schema */
#define FIXED_MAX     (1 << 20)

static const char *const kind_names[] = {"null",   "boolean", "int",    "long",   "float",
                                         "double", "bytes",   "string", "record", "enum",
                                         "array",  "map",     "fixed",  "union"};

const char *avro_kind_name(avro_kind_t k)
{
    return kind_names[k];
}

typedef struct parser {
    arena_t *arena;
    map_t named;   /* full name to avro_schema_t */
    map_t pending; /* the same, of types that are used before they are defined */
    VEC(const avro_field_t *) defaults; /* to be checked when all types are known */
    str_t space;                        /* the enclosing namespace */
    bool in_refs, lenient;
    int depth;
    err_t *err;
} parser_t;

static ST parse(parser_t *p, const json_value_t *v, const avro_schema_t **ret);

static ST check_name(const parser_t *p, str_t name)
{
    err_t *err = p->err;
    if (name.len == 0)
        return err_set(err, ST_BAD_INPUT, "Empty name");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                      (p->lenient && (uint8_t)c >= 0x80);
        if (i == 0 && !letter)
            return err_set(err, ST_BAD_INPUT, "Illegal initial character: " STR_FMT, STR_ARG(name));
        if (!letter && !(c >= '0' && c <= '9'))
            return err_set(err, ST_BAD_INPUT, "Illegal character in: " STR_FMT, STR_ARG(name));
    }
    return ST_OK;
}

static ptrdiff_t last_dot(str_t s)
{
    for (size_t i = s.len; i-- > 0;)
        if (s.ptr[i] == '.')
            return (ptrdiff_t)i;
    return -1;
}

static str_t full_name(arena_t *a, str_t space, str_t name)
{
    if (space.len == 0 || last_dot(name) >= 0)
        return name;
    return arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(space), STR_ARG(name));
}

static bool primitive_of(str_t name, avro_kind_t *ret)
{
    for (int k = AVRO_NULL; k <= AVRO_STRING; k++)
        if (str_eq(name, str_of(kind_names[k]))) {
            *ret = (avro_kind_t)k;
            return true;
        }
    return false;
}

static avro_schema_t *new_schema(parser_t *p, avro_kind_t kind, const json_value_t *json)
{
    avro_schema_t *s = ARENA_NEW(p->arena, avro_schema_t);
    s->kind = kind;
    s->json = json && json->kind == JSON_OBJECT ? json : NULL;
    return s;
}

/* A type may be used before it is defined: what stands for it becomes the definition. */
static ST parse_reference(parser_t *p, str_t name, const avro_schema_t **ret)
{
    avro_kind_t kind;
    if (primitive_of(name, &kind)) {
        *ret = new_schema(p, kind, NULL);
        return ST_OK;
    }
    str_t full = full_name(p->arena, p->space, name);
    avro_schema_t *s = map_get(&p->named, full);
    if (!s)
        s = map_get(&p->named, name);
    if (!s)
        s = map_get(&p->pending, full);
    if (!s) {
        if (!full.len)
            return err_set(p->err, ST_BAD_INPUT, "Empty name");
        s = new_schema(p, AVRO_RECORD, NULL);
        s->full_name = full;
        map_put(&p->pending, full, s);
    }
    *ret = s;
    return ST_OK;
}

static ST check_defined(parser_t *p)
{
    for (map_entry_t *e = NULL; (e = map_next(&p->pending, e));)
        return err_set(p->err, ST_BAD_INPUT, "Undefined name: \"" STR_FMT "\"", STR_ARG(e->key));
    return ST_OK;
}

static ST parse_strings(parser_t *p, const json_value_t *v, const char *what, const str_t **ret,
                        size_t *ret_n)
{
    if (!v)
        return ST_OK;
    if (v->kind != JSON_ARRAY)
        return err_set(p->err, ST_BAD_INPUT, "%s is not an array", what);
    str_t *to = ARENA_ARRAY(p->arena, str_t, v->n);
    for (size_t i = 0; i < v->n; i++) {
        if (v->item[i].kind != JSON_STRING)
            return err_set(p->err, ST_BAD_INPUT, "%s holds something that is no string", what);
        to[i] = v->item[i].text;
    }
    *ret = to;
    *ret_n = v->n;
    return ST_OK;
}

static ST check_space(const parser_t *p, str_t space)
{
    str_t part;
    if (p->lenient || !space.len)
        return ST_OK;
    if (space.ptr[space.len - 1] == '.')
        return err_set(p->err, ST_BAD_INPUT, "Namespace part \"\" is invalid: Empty name");
    while (str_split(&space, '.', &part))
        if (check_name(p, part) != ST_OK)
            return err_wrap(p->err, ST_BAD_INPUT, "Namespace part \"" STR_FMT "\" is invalid",
                            STR_ARG(part));
    return ST_OK;
}

static ST parse_type_aliases(parser_t *p, const json_value_t *v, avro_schema_t *s)
{
    const str_t *alias = NULL;
    TRY(parse_strings(p, json_get(v, "aliases"), "aliases", &alias, &s->n_aliases));
    str_t *full = ARENA_ARRAY(p->arena, str_t, s->n_aliases);
    for (size_t i = 0; i < s->n_aliases; i++) {
        TRY(check_name(p, str_sub(alias[i], (size_t)(last_dot(alias[i]) + 1), alias[i].len)));
        full[i] = full_name(p->arena, s->space, alias[i]);
    }
    s->alias = full;
    return ST_OK;
}

/* Name, namespace and aliases of a record, enum or fixed; enters it among the names. A type that
 * was used already is what was used. */
static ST parse_named(parser_t *p, const json_value_t *v, avro_kind_t kind, avro_schema_t **ret)
{
    const json_value_t *name = json_get(v, "name");
    if (!name || name->kind != JSON_STRING)
        return err_set(p->err, ST_BAD_INPUT, "No name in schema");
    ptrdiff_t dot = last_dot(name->text);
    str_t simple = str_sub(name->text, (size_t)(dot + 1), name->text.len);
    str_t space =
        dot >= 0 ? str_sub(name->text, 0, (size_t)dot) : json_get_text(v, "namespace", p->space);
    TRY(check_name(p, simple));
    TRY(check_space(p, space));
    avro_kind_t primitive;
    if (space.len == 0 && primitive_of(simple, &primitive))
        return err_set(p->err, ST_BAD_INPUT, "Schemas may not be named after primitives: " STR_FMT,
                       STR_ARG(simple));
    str_t full = full_name(p->arena, space, simple);
    avro_schema_t *s = map_remove(&p->pending, full);
    if (!s)
        s = new_schema(p, kind, NULL);
    s->kind = kind;
    s->json = v;
    s->name = simple;
    s->space = space;
    s->full_name = full;
    s->referenced = p->in_refs;
    if (!map_get(&p->named, full))
        map_put(&p->named, full, s);
    *ret = s;
    return parse_type_aliases(p, v, s);
}

/* Java's library lets an enum or a fixed be defined twice if both are the same, and a record within
 * itself: what is written later then only names it. */
static ST settle(parser_t *p, const avro_schema_t *s, const avro_schema_t **ret)
{
    const avro_schema_t *first = map_get(&p->named, s->full_name);
    buf_t x = BUF_INIT, y = BUF_INIT;
    bool open = first->kind == AVRO_RECORD && !first->field;
    bool same = first == s || (open && s->kind == AVRO_RECORD);
    if (!same && s->kind == first->kind && s->kind != AVRO_RECORD) {
        avro_schema_put_normal(&x, first, true);
        avro_schema_put_normal(&y, s, true);
        same = str_eq(buf_str(&x), buf_str(&y));
    }
    buf_done(&x);
    buf_done(&y);
    if (!same)
        return err_set(p->err, ST_BAD_INPUT, "Can't redefine: " STR_FMT, STR_ARG(s->full_name));
    *ret = s;
    return ST_OK;
}

static bool fits(const avro_schema_t *s, const json_value_t *v, int depth);

/* depth: a record may default to itself without end. */
static bool record_fits(const avro_schema_t *s, const json_value_t *v, int depth)
{
    if (v->kind != JSON_OBJECT || depth >= NESTING_MAX)
        return false;
    for (size_t i = 0; i < s->n_fields; i++) {
        const json_value_t *member = json_get_str(v, s->field[i].name);
        if (!member)
            member = s->field[i].fallback;
        if (!member || !fits(s->field[i].type, member, depth + 1))
            return false;
    }
    return true;
}

/* What JSON has no number for. */
static bool is_no_number(const json_value_t *v)
{
    return v->kind == JSON_STRING &&
           (str_eq(v->text, STR("Infinity")) || str_eq(v->text, STR("-Infinity")) ||
            str_eq(v->text, STR("NaN")));
}

static bool fits(const avro_schema_t *s, const json_value_t *v, int depth)
{
    switch (s->kind) {
    case AVRO_NULL:
        return v->kind == JSON_NULL;
    case AVRO_BOOLEAN:
        return v->kind == JSON_BOOL;
    case AVRO_INT:
        return v->is_i64 && v->i64 == (int32_t)v->i64;
    case AVRO_LONG:
        return v->is_i64;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return v->kind == JSON_NUMBER || is_no_number(v);
    case AVRO_BYTES:
    case AVRO_STRING:
    case AVRO_ENUM:
    case AVRO_FIXED:
        return v->kind == JSON_STRING;
    case AVRO_RECORD:
        return record_fits(s, v, depth);
    case AVRO_ARRAY:
    case AVRO_MAP:
        if (v->kind != (s->kind == AVRO_ARRAY ? JSON_ARRAY : JSON_OBJECT))
            return false;
        for (size_t i = 0; i < v->n; i++)
            if (!fits(s->item, &v->item[i], depth + 1))
                return false;
        return true;
    case AVRO_UNION:
        for (size_t i = 0; i < s->n_branches; i++)
            if (fits(s->branch[i], v, depth + 1))
                return true;
        return false;
    }
    return false;
}

bool avro_fallback_fits(const avro_schema_t *s, const json_value_t *v)
{
    return fits(s, v, 0);
}

static ST check_defaults(parser_t *p)
{
    for (size_t i = 0; i < p->defaults.len && !p->lenient; i++) {
        const avro_field_t *f = p->defaults.ptr[i];
        if (avro_fallback_fits(f->type, f->fallback))
            continue;
        buf_t b = BUF_INIT, t = BUF_INIT;
        json_put_value(&b, f->fallback);
        avro_schema_put(&t, f->type);
        st_t st = err_set(p->err, ST_BAD_INPUT,
                          "Invalid default for field " STR_FMT ": " STR_FMT " not a " STR_FMT,
                          STR_ARG(f->name), STR_ARG(buf_str(&b)), STR_ARG(buf_str(&t)));
        buf_done(&b);
        buf_done(&t);
        return st;
    }
    return ST_OK;
}

/* A float's default may have come as a text. */
static const json_value_t *read_default(parser_t *p, const json_value_t *v,
                                        const avro_schema_t *type)
{
    double d;
    bool is_float = type->kind == AVRO_FLOAT || type->kind == AVRO_DOUBLE;
    if (!v || !is_float || v->kind != JSON_STRING || !str_to_f64(v->text, &d) || !isfinite(d))
        return v;
    buf_t b = BUF_INIT;
    json_value_t *number = ARENA_NEW(p->arena, json_value_t);
    data_put_f64(&b, d);
    *number = (json_value_t){.kind = JSON_NUMBER, .text = arena_str(p->arena, buf_str(&b))};
    buf_done(&b);
    return number;
}

static ST check_order(parser_t *p, const json_value_t *v)
{
    static const char *const orders[] = {"ascending", "descending", "ignore"};
    for (int i = 0; v && i < 3; i++)
        if (v->kind == JSON_STRING && str_eq_nocase(v->text, str_of(orders[i])))
            return ST_OK;
    return v ? err_set(p->err, ST_BAD_INPUT, "A field's order is ascending, descending or ignore")
             : ST_OK;
}

static ST parse_field(parser_t *p, const json_value_t *v, avro_field_t *ret)
{
    const json_value_t *name = json_get(v, "name"), *type = json_get(v, "type");
    if (!name || name->kind != JSON_STRING)
        return err_set(p->err, ST_BAD_INPUT, "No field name");
    if (!type)
        return err_set(p->err, ST_BAD_INPUT, "No field type: " STR_FMT, STR_ARG(name->text));
    *ret = (avro_field_t){.name = name->text, .json = v};
    TRY(check_name(p, ret->name));
    TRY(check_order(p, json_get(v, "order")));
    TRY(parse_strings(p, json_get(v, "aliases"), "aliases", &ret->alias, &ret->n_aliases));
    TRY(parse(p, type, &ret->type));
    ret->fallback = read_default(p, json_get(v, "default"), ret->type);
    if (ret->fallback)
        VEC_PUSH(&p->defaults, ret);
    return ST_OK;
}

#define FEW 16 /* texts are compared each with each */

/* The first text that stands among those before it, or n. */
static size_t first_twice(const str_t *text, size_t n)
{
    size_t i = 0;
    if (n <= FEW) {
        for (; i < n; i++)
            for (size_t k = 0; k < i; k++)
                if (str_eq(text[i], text[k]))
                    return i;
        return n;
    }
    map_t seen;
    map_init(&seen);
    while (i < n && !map_put(&seen, text[i], &seen))
        i++;
    map_done(&seen, NULL);
    return i;
}

static ST parse_record(parser_t *p, const json_value_t *v, const avro_schema_t **ret)
{
    avro_schema_t *s;
    TRY(parse_named(p, v, AVRO_RECORD, &s));
    const json_value_t *fields = json_get(v, "fields");
    if (!fields || fields->kind != JSON_ARRAY)
        return err_set(p->err, ST_BAD_INPUT, "Record has no fields: " STR_FMT,
                       STR_ARG(s->full_name));
    avro_field_t *f = ARENA_ARRAY(p->arena, avro_field_t, fields->n);
    str_t *name = ARENA_ARRAY(p->arena, str_t, fields->n);
    str_t outer = p->space;
    p->space = s->space;
    for (size_t i = 0; i < fields->n; i++) {
        TRY(parse_field(p, &fields->item[i], &f[i]));
        name[i] = f[i].name;
    }
    size_t twice = first_twice(name, fields->n);
    if (twice < fields->n)
        return err_set(p->err, ST_BAD_INPUT, "Duplicate field " STR_FMT " in record " STR_FMT,
                       STR_ARG(name[twice]), STR_ARG(s->full_name));
    s->field = f;
    s->n_fields = fields->n;
    p->space = outer;
    return settle(p, s, ret);
}

static ST parse_enum(parser_t *p, const json_value_t *v, const avro_schema_t **ret)
{
    avro_schema_t *s;
    TRY(parse_named(p, v, AVRO_ENUM, &s));
    if (!json_get(v, "symbols"))
        return err_set(p->err, ST_BAD_INPUT, "Enum has no symbols: " STR_FMT,
                       STR_ARG(s->full_name));
    TRY(parse_strings(p, json_get(v, "symbols"), "symbols", &s->symbol, &s->n_symbols));
    s->fallback = json_get_text(v, "default", STR_NONE);
    bool found = !s->fallback.ptr;
    for (size_t i = 0; i < s->n_symbols; i++) {
        TRY(check_name(p, s->symbol[i]));
        found = found || str_eq(s->fallback, s->symbol[i]);
    }
    size_t twice = first_twice(s->symbol, s->n_symbols);
    if (twice < s->n_symbols)
        return err_set(p->err, ST_BAD_INPUT, "Duplicate enum symbol: " STR_FMT,
                       STR_ARG(s->symbol[twice]));
    if (!found)
        return err_set(p->err, ST_BAD_INPUT,
                       "The Enum Default: " STR_FMT " is not in the enum symbol set",
                       STR_ARG(s->fallback));
    return settle(p, s, ret);
}

/* A logical type that does not fit its schema is ignored, as the specification asks. */
static void parse_logical(const json_value_t *v, avro_schema_t *s)
{
    str_t name = json_get_text(v, "logicalType", STR(""));
    if (s->kind == AVRO_INT && str_eq(name, STR("date")))
        s->logical = AVRO_DATE;
    else if (s->kind == AVRO_INT && str_eq(name, STR("time-millis")))
        s->logical = AVRO_TIME_MILLIS;
    else if (s->kind == AVRO_LONG && str_eq(name, STR("timestamp-millis")))
        s->logical = AVRO_TIMESTAMP_MILLIS;
    if (!str_eq(name, STR("decimal")) || (s->kind != AVRO_BYTES && s->kind != AVRO_FIXED))
        return;
    int64_t precision = json_get_i64(v, "precision", 0), scale = json_get_i64(v, "scale", 0);
    if (precision < 1 || precision > PRECISION_MAX || scale < 0 || scale > precision)
        return;
    s->logical = AVRO_DECIMAL;
    s->precision = (int32_t)precision;
    s->scale = (int32_t)scale;
}

static ST parse_fixed(parser_t *p, const json_value_t *v, const avro_schema_t **ret)
{
    avro_schema_t *s;
    TRY(parse_named(p, v, AVRO_FIXED, &s));
    int64_t size = json_get_i64(v, "size", -1);
    if (size < 0 || size > FIXED_MAX)
        return err_set(p->err, ST_BAD_INPUT, "Invalid or no size: " STR_FMT, STR_ARG(s->full_name));
    s->size_bytes = (size_t)size;
    parse_logical(v, s);
    return settle(p, s, ret);
}

static ST parse_items(parser_t *p, const json_value_t *v, avro_kind_t kind,
                      const avro_schema_t **ret)
{
    avro_schema_t *s = new_schema(p, kind, v);
    const json_value_t *item = json_get(v, kind == AVRO_ARRAY ? "items" : "values");
    if (!item)
        return err_set(p->err, ST_BAD_INPUT, "%s",
                       kind == AVRO_ARRAY ? "Array has no items type" : "Map has no values type");
    TRY(parse(p, item, &s->item));
    *ret = s;
    return ST_OK;
}

static ST parse_object(parser_t *p, const json_value_t *v, const avro_schema_t **ret)
{
    const json_value_t *type = json_get(v, "type");
    avro_kind_t kind;
    if (!type || type->kind != JSON_STRING)
        return err_set(p->err, ST_BAD_INPUT, "No type in schema");
    if (str_eq(type->text, STR("record")) || str_eq(type->text, STR("error")))
        return parse_record(p, v, ret);
    if (str_eq(type->text, STR("enum")))
        return parse_enum(p, v, ret);
    if (str_eq(type->text, STR("fixed")))
        return parse_fixed(p, v, ret);
    if (str_eq(type->text, STR("array")))
        return parse_items(p, v, AVRO_ARRAY, ret);
    if (str_eq(type->text, STR("map")))
        return parse_items(p, v, AVRO_MAP, ret);
    if (!primitive_of(type->text, &kind))
        return parse_reference(p, type->text, ret);
    avro_schema_t *s = new_schema(p, kind, v);
    parse_logical(v, s);
    *ret = s;
    return ST_OK;
}

static ST parse_union(parser_t *p, const json_value_t *v, const avro_schema_t **ret)
{
    avro_schema_t *s = new_schema(p, AVRO_UNION, NULL);
    const avro_schema_t **branch = ARENA_ARRAY(p->arena, const avro_schema_t *, v->n);
    str_t *name = ARENA_ARRAY(p->arena, str_t, v->n);
    for (size_t i = 0; i < v->n; i++) {
        TRY(parse(p, &v->item[i], &branch[i]));
        if (branch[i]->kind == AVRO_UNION)
            return err_set(p->err, ST_BAD_INPUT, "Nested union");
        name[i] =
            branch[i]->full_name.len ? branch[i]->full_name : str_of(kind_names[branch[i]->kind]);
    }
    size_t twice = first_twice(name, v->n);
    if (twice < v->n)
        return err_set(p->err, ST_BAD_INPUT, "Duplicate in union:" STR_FMT, STR_ARG(name[twice]));
    s->branch = branch;
    s->n_branches = v->n;
    *ret = s;
    return ST_OK;
}

static ST parse(parser_t *p, const json_value_t *v, const avro_schema_t **ret)
{
    if (p->depth >= NESTING_MAX)
        return err_set(p->err, ST_BAD_INPUT, "The schema is nested deeper than %d", NESTING_MAX);
    p->depth++;
    st_t st;
    if (v->kind == JSON_STRING)
        st = parse_reference(p, v->text, ret);
    else if (v->kind == JSON_OBJECT)
        st = parse_object(p, v, ret);
    else if (v->kind == JSON_ARRAY)
        st = parse_union(p, v, ret);
    else
        st = err_set(p->err, ST_BAD_INPUT, "A schema is a name, an object or an array");
    p->depth--;
    return st;
}

static ST parse_text(parser_t *p, str_t text, const avro_schema_t **ret)
{
    const json_value_t *v;
    TRY(json_parse(p->arena, text, JSON_COMMENTS, &v, p->err));
    p->space = STR("");
    return parse(p, v, ret);
}

st_t avro_schema_parse(arena_t *a, str_t text, const str_t *refs, size_t n_refs, avro_check_t check,
                       const avro_schema_t **ret, err_t *err)
{
    parser_t p = {.arena = a, .in_refs = true, .lenient = check == AVRO_LENIENT, .err = err};
    map_init(&p.named);
    map_init(&p.pending);
    const avro_schema_t *s = NULL;
    st_t st = ST_OK;
    for (size_t i = 0; i < n_refs && st == ST_OK; i++)
        st = parse_text(&p, refs[i], &s);
    p.in_refs = false;
    if (st == ST_OK)
        st = parse_text(&p, text, &s);
    if (st == ST_OK)
        st = check_defined(&p);
    if (st == ST_OK)
        st = check_defaults(&p);
    map_done(&p.named, NULL);
    map_done(&p.pending, NULL);
    VEC_DONE(&p.defaults);
    TRY(st);
    *ret = s;
    return ST_OK;
}

int avro_nullable(const avro_schema_t *s, const avro_schema_t **ret_other)
{
    if (s->kind != AVRO_UNION || s->n_branches != 2)
        return -1;
    for (int i = 0; i < 2; i++)
        if (s->branch[i]->kind == AVRO_NULL) {
            *ret_other = s->branch[1 - i];
            return i;
        }
    return -1;
}

const avro_schema_t avro_string = {.kind = AVRO_STRING};

bool avro_is_entries(const avro_schema_t *s)
{
    if (s->kind != AVRO_ARRAY || s->item->kind != AVRO_RECORD || s->item->n_fields != 2)
        return false;
    const avro_schema_t *r = s->item;
    if (!str_eq(r->field[0].name, STR("key")) || !str_eq(r->field[1].name, STR("value")))
        return false;
    return str_eq(r->full_name, STR("io.confluent.connect.avro.MapEntry")) ||
           str_eq(json_get_text(r->json, "connect.internal.type", STR("")), STR("MapEntry"));
}

str_t avro_branch_name(const avro_schema_t *s)
{
    return s->name.len ? s->name : str_of(kind_names[s->kind]);
}
