#include "data/text.h"
#include "registry/json_differ.h"

#define SCALE_MAX 400 /* of numbers that are divided exactly */

typedef struct bound {
    jschema_kind_t kind;
    const char *name;
    jschema_change_t added, removed, increased, decreased;
} bound_t;

static const bound_t bounds[] = {
#define BOUND(kind, name, type)                                                                    \
    {                                                                                              \
        JSCHEMA_##kind, name, JSCHEMA_##type##_ADDED, JSCHEMA_##type##_REMOVED,                    \
            JSCHEMA_##type##_INCREASED, JSCHEMA_##type##_DECREASED                                 \
    }
    BOUND(STRING, "maxLength", MAX_LENGTH),
    BOUND(STRING, "minLength", MIN_LENGTH),
    BOUND(NUMBER, "maximum", MAXIMUM),
    BOUND(NUMBER, "minimum", MINIMUM),
    BOUND(NUMBER, "exclusiveMaximum", EXCLUSIVE_MAXIMUM),
    BOUND(NUMBER, "exclusiveMinimum", EXCLUSIVE_MINIMUM),
    BOUND(OBJECT, "maxProperties", MAX_PROPERTIES),
    BOUND(OBJECT, "minProperties", MIN_PROPERTIES),
    BOUND(ARRAY, "maxItems", MAX_ITEMS),
    BOUND(ARRAY, "minItems", MIN_ITEMS),
    BOUND(ARRAY, "maxContains", MAX_CONTAINS),
    BOUND(ARRAY, "minContains", MIN_CONTAINS),
#undef BOUND
};

static const json_value_t one = {.kind = JSON_NUMBER, .is_i64 = true, .i64 = 1, .text = {"1", 1}};

/* NULL when the schema has not this bound: draft 4's exclusiveMaximum is a boolean, and the bounds
 * of `contains` go with it. */
static const json_value_t *bound_of(const jschema_t *s, const bound_t *b)
{
    const json_value_t *v = json_get(s->json, b->name);
    if (b->added == JSCHEMA_MAX_CONTAINS_ADDED || b->added == JSCHEMA_MIN_CONTAINS_ADDED) {
        if (!s->modern || !json_get(s->json, "contains"))
            return NULL;
        if (!v && b->added == JSCHEMA_MIN_CONTAINS_ADDED)
            return &one;
    }
    return v && v->kind == JSON_NUMBER ? v : NULL;
}

static void compare_bound(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                          const jschema_t *update, const bound_t *b)
{
    const json_value_t *o = bound_of(original, b), *u = bound_of(update, b);
    str_t path = str_of(b->name);
    if (!o && !u)
        return;
    if (!o || !u)
        jschema_add(d, f, path, u ? b->added : b->removed);
    else if (json_f64(o) < json_f64(u))
        jschema_add(d, f, path, b->increased);
    else if (json_f64(o) > json_f64(u))
        jschema_add(d, f, path, b->decreased);
}

static bool decimal_of(arena_t *a, const json_value_t *v, const data_decimal_t **ret)
{
    return v->text.len <= SCALE_MAX && data_decimal_parse(a, v->text, ret, NULL) == ST_OK &&
           (*ret)->scale <= SCALE_MAX && (*ret)->scale >= -SCALE_MAX;
}

/* Whether `of` is a whole multiple of v. */
static bool divides(arena_t *a, const json_value_t *v, const json_value_t *of)
{
    const data_decimal_t *x, *y, *left;
    if (!decimal_of(a, of, &x) || !decimal_of(a, v, &y) ||
        data_decimal_arith(a, DATA_MOD, x, y, SCALE_MAX, &left, NULL) != ST_OK)
        return false;
    return data_decimal_to_f64(left) == 0;
}

static void compare_multiple(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                             const jschema_t *update)
{
    const json_value_t *o = json_get(original->json, "multipleOf");
    const json_value_t *u = json_get(update->json, "multipleOf");
    str_t path = STR("multipleOf");
    if (!o && !u)
        return;
    if (!o || !u)
        jschema_add(d, f, path, u ? JSCHEMA_MULTIPLE_OF_ADDED : JSCHEMA_MULTIPLE_OF_REMOVED);
    else if (json_f64(o) == json_f64(u))
        return;
    else if (divides(d->arena, o, u))
        jschema_add(d, f, path, JSCHEMA_MULTIPLE_OF_EXPANDED);
    else if (divides(d->arena, u, o))
        jschema_add(d, f, path, JSCHEMA_MULTIPLE_OF_REDUCED);
    else
        jschema_add(d, f, path, JSCHEMA_MULTIPLE_OF_CHANGED);
}

static void compare_pattern(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                            const jschema_t *update)
{
    const json_value_t *o = json_get(original->json, "pattern");
    const json_value_t *u = json_get(update->json, "pattern");
    if (o && u && !str_eq(o->text, u->text))
        jschema_add(d, f, STR("pattern"), JSCHEMA_PATTERN_CHANGED);
    else if (!o != !u)
        jschema_add(d, f, STR("pattern"), u ? JSCHEMA_PATTERN_ADDED : JSCHEMA_PATTERN_REMOVED);
}

static void put_values(map_t *m, const json_value_t *list)
{
    buf_t b = BUF_INIT;
    map_init(m);
    for (size_t i = 0; i < list->n; i++) {
        buf_clear(&b);
        jschema_put_text(&b, &list->item[i], true);
        map_put(m, buf_str(&b), (void *)(uintptr_t)&list->item[i]);
    }
    buf_done(&b);
}

static bool holds_all(const map_t *m, const map_t *of)
{
    for (map_entry_t *e = NULL; (e = map_next(of, e));)
        if (!map_get(m, e->key))
            return false;
    return true;
}

static void compare_enum(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                         const jschema_t *update)
{
    map_t o, u;
    put_values(&o, json_get(original->json, "enum"));
    put_values(&u, json_get(update->json, "enum"));
    bool extended = holds_all(&u, &o), narrowed = holds_all(&o, &u);
    map_done(&o, NULL);
    map_done(&u, NULL);
    if (!extended || !narrowed)
        jschema_add(d, f, STR("enum"),
                    extended   ? JSCHEMA_ENUM_ARRAY_EXTENDED
                    : narrowed ? JSCHEMA_ENUM_ARRAY_NARROWED
                               : JSCHEMA_ENUM_ARRAY_CHANGED);
}

void jschema_compare_bounds(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                            const jschema_t *update)
{
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (bounds[i].kind == original->kind)
            compare_bound(d, f, original, update, &bounds[i]);
    if (original->kind == JSCHEMA_STRING)
        compare_pattern(d, f, original, update);
    if (original->kind == JSCHEMA_NUMBER) {
        compare_multiple(d, f, original, update);
        if (original->integer != update->integer)
            jschema_add(d, f, STR(""),
                        update->integer ? JSCHEMA_TYPE_NARROWED : JSCHEMA_TYPE_EXTENDED);
    }
    if (original->kind == JSCHEMA_ENUM)
        compare_enum(d, f, original, update);
    if (original->kind == JSCHEMA_CONST &&
        !jschema_json_equal(json_get(original->json, "const"), json_get(update->json, "const")))
        jschema_add(d, f, STR("const"), JSCHEMA_ENUM_ARRAY_CHANGED);
}
