/* json_entities.c: what of a JSON Schema can have tags. */
#include "registry/json_tree.h"
#include "registry/tags.h"

#include <stdlib.h>

#define DEPTH_MAX 100

typedef struct walk {
    arena_t *arena;
    kind_entities_t *to;
    int depth;
} walk_t;

static void walk(walk_t *w, const json_value_t *schema, str_t scope, bool in_field);

static str_t under(walk_t *w, str_t scope, const char *word)
{
    return arena_printf(w->arena, STR_FMT "%s%s", STR_ARG(scope), scope.len ? "." : "", word);
}

static str_t under_name(walk_t *w, str_t scope, str_t name)
{
    return arena_printf(w->arena, STR_FMT "." STR_FMT, STR_ARG(scope), STR_ARG(name));
}

static void add(walk_t *w, const json_value_t *object, str_t path, bool is_record)
{
    kind_entity_t e = {.path = path,
                       .plain = path,
                       .is_record = is_record,
                       .part = (void *)(uintptr_t)object};
    tags_of_json(w->arena, object, &e.tag, &e.n_tags);
    VEC_PUSH(&w->to->list, e);
}

/* ---- combinations: Confluent numbers their parts by type, title and description */

static bool has_type(const json_value_t *schema, const char *type)
{
    const json_value_t *t = json_get(schema, "type");
    if (t && t->kind == JSON_STRING)
        return str_eq(t->text, str_of(type));
    for (size_t i = 0; t && t->kind == JSON_ARRAY && i < t->n; i++)
        if (t->item[i].kind == JSON_STRING && str_eq(t->item[i].text, str_of(type)))
            return true;
    return false;
}

static bool is_object(const json_value_t *s)
{
    return has_type(s, "object") || json_get(s, "properties");
}

static bool is_array(const json_value_t *s)
{
    return has_type(s, "array") || json_get(s, "items");
}

/* The place of its type in the alphabet. */
static int rank(const json_value_t *s)
{
    const char *const combined[] = {"allOf", "anyOf", "oneOf"};
    if (s->kind == JSON_BOOL)
        return s->b ? 14 : 7;
    for (size_t i = 0; i < sizeof combined / sizeof *combined; i++)
        if (json_get(s, combined[i]))
            return 2;
    return is_array(s)                                          ? 0
           : has_type(s, "boolean")                             ? 1
           : json_get(s, "if")                                  ? 3
           : json_get(s, "const")                               ? 4
           : json_get(s, "enum")                                ? 6
           : json_get(s, "not")                                 ? 8
           : has_type(s, "null")                                ? 9
           : has_type(s, "number") || has_type(s, "integer")    ? 10
           : is_object(s)                                       ? 11
           : json_get(s, "$ref")                                ? 12
           : has_type(s, "string")                              ? 13
                                                                : 5;
}

static int by_type(const void *x, const void *y)
{
    const json_value_t *a = *(const json_value_t *const *)x, *b = *(const json_value_t *const *)y;
    int by = rank(a) - rank(b);
    if (!by)
        by = str_cmp(json_get_text(a, "title", STR("")), json_get_text(b, "title", STR("")));
    if (!by)
        by = str_cmp(json_get_text(a, "description", STR("")),
                     json_get_text(b, "description", STR("")));
    return by ? by : a < b ? -1 : a > b; /* as in the text */
}

static void walk_parts(walk_t *w, const json_value_t *parts, str_t scope, const char *word)
{
    if (!parts || parts->kind != JSON_ARRAY)
        return;
    const json_value_t **part = ARENA_ARRAY(w->arena, const json_value_t *, parts->n + 1);
    for (size_t i = 0; i < parts->n; i++)
        part[i] = &parts->item[i];
    qsort(part, parts->n, sizeof *part, by_type);
    str_t here = under(w, scope, word);
    for (size_t i = 0; i < parts->n; i++)
        walk(w, part[i], arena_printf(w->arena, STR_FMT ".%zu", STR_ARG(here), i), false);
}

/* ---- objects */

static void walk_named(walk_t *w, const json_value_t *schema, const char *member, str_t scope)
{
    const json_value_t *named = json_get(schema, member);
    str_t here = under(w, scope, member);
    for (size_t i = 0; named && named->kind == JSON_OBJECT && i < named->n; i++)
        walk(w, &named->item[i], under_name(w, here, named->name[i]), false);
}

static void walk_object(walk_t *w, const json_value_t *schema, str_t scope, bool in_field)
{
    const json_value_t *p = json_get(schema, "properties");
    str_t here = under(w, scope, "object");
    if (!in_field)
        add(w, schema, here, true);
    for (size_t i = 0; p && p->kind == JSON_OBJECT && i < p->n; i++) {
        str_t path = under_name(w, here, p->name[i]);
        if (p->item[i].kind != JSON_OBJECT)
            continue;
        add(w, &p->item[i], path, false);
        walk(w, &p->item[i], path, true);
    }
    walk_named(w, schema, "definitions", here);
    walk_named(w, schema, "$defs", here);
}

static void walk(walk_t *w, const json_value_t *schema, str_t scope, bool in_field)
{
    static const char *const branch[] = {"if", "then", "else"};
    const json_value_t *type = json_get(schema, "type"), *items = json_get(schema, "items");
    if (schema->kind != JSON_OBJECT || w->depth >= DEPTH_MAX)
        return;
    w->depth++;
    walk_parts(w, json_get(schema, "allOf"), scope, "allof");
    walk_parts(w, json_get(schema, "anyOf"), scope, "anyof");
    walk_parts(w, json_get(schema, "oneOf"), scope, "oneof");
    if (is_object(schema)) {
        if (type && type->kind == JSON_ARRAY) /* any of several types: "null" comes before */
            scope = arena_printf(w->arena, STR_FMT ".%d", STR_ARG(under(w, scope, "anyof")),
                                 has_type(schema, "null"));
        walk_object(w, schema, scope, in_field);
    } else if (items && items->kind == JSON_OBJECT) {
        walk(w, items, under(w, scope, "array"), false);
    }
    for (size_t i = 0; i < sizeof branch / sizeof *branch; i++)
        if (json_get(schema, branch[i]))
            walk(w, json_get(schema, branch[i]),
                 under(w, under(w, scope, "conditional"), branch[i]), false);
    if (json_get(schema, "not"))
        walk(w, json_get(schema, "not"), under(w, scope, "not"), false);
    w->depth--;
}

void jschema_entities(arena_t *a, const json_value_t *json, kind_entities_t *to)
{
    walk_t w = {.arena = a, .to = to};
    walk(&w, json, STR(""), false);
}
