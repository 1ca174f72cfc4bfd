#include "registry/json_differ.h"

/* A content model is open when what it does not name may be anything, closed when there may be
 * nothing else, and partially open when the rest must fit a schema. */

/* additionalProperties or additionalItems. */
typedef struct rest_changes {
    const char *name, *unevaluated;
    jschema_change_t added, removed, extended, narrowed;
    jschema_change_t un_added, un_removed, un_extended, un_narrowed;
} rest_changes_t;

#define REST(what)                                                                                 \
    JSCHEMA_ADDITIONAL_##what##_ADDED, JSCHEMA_ADDITIONAL_##what##_REMOVED,                        \
        JSCHEMA_ADDITIONAL_##what##_EXTENDED, JSCHEMA_ADDITIONAL_##what##_NARROWED,                \
        JSCHEMA_UNEVALUATED_##what##_ADDED, JSCHEMA_UNEVALUATED_##what##_REMOVED,                  \
        JSCHEMA_UNEVALUATED_##what##_EXTENDED, JSCHEMA_UNEVALUATED_##what##_NARROWED

static const rest_changes_t of_objects = {"additionalProperties", "unevaluatedProperties",
                                          REST(PROPERTIES)};
static const rest_changes_t of_arrays = {"additionalItems", "unevaluatedItems", REST(ITEMS)};

static bool is_kind(const jschema_t *s, jschema_kind_t kind)
{
    return s && s->kind == kind;
}

static void compare_additional(jschema_differ_t *d, jschema_found_t *f, const jschema_rest_t *o,
                               const jschema_rest_t *u, const rest_changes_t *c)
{
    str_t path = str_of(c->name);
    if (o->closed != u->closed)
        jschema_add(d, f, path, u->closed ? c->removed : c->added);
    else if (!o->schema != !u->schema)
        jschema_add(d, f, path, u->schema ? c->narrowed : c->extended);
    else
        jschema_add_found(d, f, path, jschema_compare(d, o->schema, u->schema));
}

static void compare_unevaluated(jschema_differ_t *d, jschema_found_t *f, const jschema_rest_t *o,
                                const jschema_rest_t *u, const rest_changes_t *c)
{
    const jschema_t *x = o->unevaluated, *y = u->unevaluated;
    bool no_x = is_kind(x, JSCHEMA_NOTHING), no_y = is_kind(y, JSCHEMA_NOTHING);
    bool any_x = !x || x->kind == JSCHEMA_ANYTHING, any_y = !y || y->kind == JSCHEMA_ANYTHING;
    str_t path = str_of(c->unevaluated);
    if (!x && !y)
        return;
    if (no_x != no_y)
        jschema_add(d, f, path, no_y ? c->un_removed : c->un_added);
    else if (!x || (y && any_x && !any_y))
        jschema_add(d, f, path, c->un_narrowed);
    else if (!y || (!any_x && any_y))
        jschema_add(d, f, path, c->un_extended);
    else
        jschema_add_found(d, f, path, jschema_compare(d, x, y));
}

static bool is_open(const jschema_t *s)
{
    const jschema_t *more = s->rest.unevaluated;
    return !s->rest.closed && !s->rest.schema && !s->n_patterns &&
           (!more || more->kind == JSCHEMA_ANYTHING);
}

/* What the rest must fit, of a partially open model; NULL. */
static const jschema_t *cover(const jschema_t *s)
{
    const jschema_t *more = s->rest.unevaluated;
    if (s->rest.schema)
        return s->rest.schema;
    if (s->rest.closed || is_kind(more, JSCHEMA_NOTHING) || is_kind(more, JSCHEMA_ANYTHING))
        return NULL;
    return more;
}

static const jschema_t *cover_of(const jschema_t *s, str_t property)
{
    for (size_t i = 0; i < s->n_patterns; i++)
        if (jschema_matches(s->pattern[i].name, property))
            return s->pattern[i].schema;
    return cover(s);
}

static void compare_cover(jschema_differ_t *d, jschema_found_t *f, str_t path, const jschema_t *o,
                          const jschema_t *u, jschema_change_t covered,
                          jschema_change_t not_covered)
{
    const jschema_found_t *inside = jschema_compare(d, o, u);
    jschema_add_found(d, f, path, inside);
    jschema_add(d, f, path, inside->forbids ? not_covered : covered);
}

static void property_removed(jschema_differ_t *d, jschema_found_t *f, str_t path, str_t name,
                             const jschema_t *o, const jschema_t *update)
{
    const jschema_t *covered = cover_of(update, name);
    if (is_open(update))
        jschema_add(d, f, path, JSCHEMA_PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL);
    else if (covered)
        compare_cover(d, f, path, o, covered,
                      JSCHEMA_PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
                      JSCHEMA_PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL);
    else
        jschema_add(d, f, path,
                    o->kind == JSCHEMA_NOTHING
                        ? JSCHEMA_PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL
                        : JSCHEMA_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL);
}

static bool requires(const map_t *required, str_t name)
{
    return map_get(required, name) != NULL;
}

static bool has_default(const jschema_t *s)
{
    return json_get(s->json, "default") != NULL;
}

static void property_added(jschema_differ_t *d, jschema_found_t *f, str_t path, str_t name,
                           const jschema_t *original, const jschema_t *u, bool required)
{
    if (is_open(original)) {
        jschema_change_t change = JSCHEMA_OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL;
        if (u->kind == JSCHEMA_ANYTHING)
            change = JSCHEMA_PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL;
        else if (required)
            change = has_default(u)
                         ? JSCHEMA_REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL
                         : JSCHEMA_REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL;
        jschema_add(d, f, path, change);
        return;
    }
    const jschema_t *covered = cover_of(original, name);
    if (covered)
        compare_cover(d, f, path, covered, u,
                      JSCHEMA_PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
                      JSCHEMA_PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL);
    jschema_change_t change = JSCHEMA_OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL;
    if (required)
        change = has_default(u)
                     ? JSCHEMA_REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL
                     : JSCHEMA_REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL;
    jschema_add(d, f, path, change);
}

static void put_names(map_t *m, const json_value_t *list)
{
    map_init(m);
    for (size_t i = 0; list && list->kind == JSON_ARRAY && i < list->n; i++)
        map_put(m, list->item[i].text, (void *)(uintptr_t)&list->item[i]);
}

static void compare_required(jschema_differ_t *d, jschema_found_t *f, str_t name,
                             const jschema_t *property, bool was, bool is)
{
    if (was == is)
        return;
    jschema_change_t change = JSCHEMA_REQUIRED_ATTRIBUTE_REMOVED;
    if (is)
        change = has_default(property) ? JSCHEMA_REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED
                                       : JSCHEMA_REQUIRED_ATTRIBUTE_ADDED;
    jschema_add(d, f, arena_printf(d->arena, "required/" STR_FMT, STR_ARG(name)), change);
}

static void compare_properties(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                               const jschema_t *update)
{
    map_t was, is;
    put_names(&was, json_get(original->json, "required"));
    put_names(&is, json_get(update->json, "required"));
    for (size_t i = 0, k = 0; i < original->n_properties || k < update->n_properties;) {
        const jschema_named_t *o = i < original->n_properties ? &original->property[i] : NULL;
        const jschema_named_t *u = k < update->n_properties ? &update->property[k] : NULL;
        int by = !o ? 1 : !u ? -1 : str_cmp(o->name, u->name);
        str_t name = by <= 0 ? o->name : u->name;
        str_t path = arena_printf(d->arena, "properties/" STR_FMT, STR_ARG(name));
        if (by < 0) {
            property_removed(d, f, path, name, o->schema, update);
        } else if (by > 0) {
            property_added(d, f, path, name, original, u->schema, requires(&is, name));
        } else {
            compare_required(d, f, name, u->schema, requires(&was, name), requires(&is, name));
            jschema_add_found(d, f, path, jschema_compare(d, o->schema, u->schema));
        }
        i += by <= 0;
        k += by >= 0;
    }
    map_done(&was, NULL);
    map_done(&is, NULL);
}

static const json_value_t *name_dependencies(const jschema_t *s)
{
    return json_get(s->json, s->modern ? "dependentRequired" : "dependencies");
}

/* The names that this property needs beside it; NULL. */
static const json_value_t *needed_names(const json_value_t *dependencies, str_t property)
{
    const json_value_t *v = json_get_str(dependencies, property);
    return v && v->kind == JSON_ARRAY ? v : NULL;
}

static bool holds_all(const json_value_t *list, const json_value_t *of)
{
    map_t names;
    put_names(&names, list);
    bool all = true;
    for (size_t i = 0; i < of->n && all; i++)
        all = map_get(&names, of->item[i].text) != NULL;
    map_done(&names, NULL);
    return all;
}

static void compare_names(jschema_differ_t *d, jschema_found_t *f, str_t path,
                          const json_value_t *o, const json_value_t *u)
{
    if (!o || !u) {
        jschema_add(d, f, path,
                    u ? JSCHEMA_DEPENDENCY_ARRAY_ADDED : JSCHEMA_DEPENDENCY_ARRAY_REMOVED);
        return;
    }
    bool extended = holds_all(u, o), narrowed = holds_all(o, u);
    if (!extended || !narrowed)
        jschema_add(d, f, path,
                    extended   ? JSCHEMA_DEPENDENCY_ARRAY_EXTENDED
                    : narrowed ? JSCHEMA_DEPENDENCY_ARRAY_NARROWED
                               : JSCHEMA_DEPENDENCY_ARRAY_CHANGED);
}

static str_t dependency_path(jschema_differ_t *d, str_t name)
{
    return arena_printf(d->arena, "dependencies/" STR_FMT, STR_ARG(name));
}

/* Dependencies on names. An empty list is as none. */
static void compare_name_dependencies(jschema_differ_t *d, jschema_found_t *f, const jschema_t *o,
                                      const jschema_t *u)
{
    const json_value_t *old = name_dependencies(o), *new = name_dependencies(u);
    for (size_t i = 0; old && i < old->n; i++) {
        const json_value_t *names = needed_names(old, old->name[i]);
        if (names == &old->item[i] && names->n)
            compare_names(d, f, dependency_path(d, old->name[i]), names,
                          needed_names(new, old->name[i]));
    }
    for (size_t i = 0; new &&i < new->n; i++) {
        const json_value_t *names = needed_names(new, new->name[i]);
        if (names == &new->item[i] && names->n && !needed_names(old, new->name[i]))
            compare_names(d, f, dependency_path(d, new->name[i]), NULL, names);
    }
}

/* The schema of this name in a list by name; NULL. */
static const jschema_t *find_named(const jschema_named_t *named, size_t n, str_t name)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int by = str_cmp(name, named[mid].name);
        if (by == 0)
            return named[mid].schema;
        if (by < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

static void compare_schema_dependencies(jschema_differ_t *d, jschema_found_t *f, const jschema_t *o,
                                        const jschema_t *u)
{
    for (size_t i = 0; i < o->n_dependencies; i++) {
        str_t name = o->dependency[i].name;
        const jschema_t *now = find_named(u->dependency, u->n_dependencies, name);
        str_t path = dependency_path(d, name);
        if (now)
            jschema_add_found(d, f, path, jschema_compare(d, o->dependency[i].schema, now));
        else
            jschema_add(d, f, path, JSCHEMA_DEPENDENCY_SCHEMA_REMOVED);
    }
    for (size_t i = 0; i < u->n_dependencies; i++) {
        str_t name = u->dependency[i].name;
        if (!find_named(o->dependency, o->n_dependencies, name))
            jschema_add(d, f, dependency_path(d, name), JSCHEMA_DEPENDENCY_SCHEMA_ADDED);
    }
}

void jschema_compare_object(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                            const jschema_t *update)
{
    compare_properties(d, f, original, update);
    compare_name_dependencies(d, f, original, update);
    compare_schema_dependencies(d, f, original, update);
    compare_additional(d, f, &original->rest, &update->rest, &of_objects);
    compare_unevaluated(d, f, &original->rest, &update->rest, &of_objects);
    jschema_compare_bounds(d, f, original, update);
}

static void item_removed(jschema_differ_t *d, jschema_found_t *f, str_t path, const jschema_t *o,
                         const jschema_t *update)
{
    const jschema_t *covered = cover(update);
    if (is_open(update))
        jschema_add(d, f, path, JSCHEMA_ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL);
    else if (covered)
        compare_cover(d, f, path, o, covered,
                      JSCHEMA_ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
                      JSCHEMA_ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL);
    else
        jschema_add(d, f, path,
                    o->kind == JSCHEMA_NOTHING
                        ? JSCHEMA_ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL
                        : JSCHEMA_ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL);
}

static void item_added(jschema_differ_t *d, jschema_found_t *f, str_t path,
                       const jschema_t *original, const jschema_t *u)
{
    const jschema_t *covered = cover(original);
    if (is_open(original))
        jschema_add(d, f, path,
                    u->kind == JSCHEMA_ANYTHING
                        ? JSCHEMA_ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL
                        : JSCHEMA_ITEM_ADDED_TO_OPEN_CONTENT_MODEL);
    else if (covered)
        compare_cover(d, f, path, covered, u,
                      JSCHEMA_ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL,
                      JSCHEMA_ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL);
    else
        jschema_add(d, f, path, JSCHEMA_ITEM_ADDED_TO_CLOSED_CONTENT_MODEL);
}

static bool unique(const jschema_t *s)
{
    return json_get_bool(s->json, "uniqueItems", false);
}

void jschema_compare_array(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                           const jschema_t *update)
{
    jschema_add_found(d, f, STR("items"), jschema_compare(d, original->item, update->item));
    for (size_t i = 0; i < original->n_tuple || i < update->n_tuple; i++) {
        str_t path = arena_printf(d->arena, "items/%zu", i);
        if (i >= update->n_tuple)
            item_removed(d, f, path, original->tuple[i], update);
        else if (i >= original->n_tuple)
            item_added(d, f, path, original, update->tuple[i]);
        else
            jschema_add_found(d, f, path, jschema_compare(d, original->tuple[i], update->tuple[i]));
    }
    compare_additional(d, f, &original->rest, &update->rest, &of_arrays);
    compare_unevaluated(d, f, &original->rest, &update->rest, &of_arrays);
    jschema_compare_bounds(d, f, original, update);
    if (unique(original) != unique(update))
        jschema_add(d, f, STR("uniqueItems"),
                    unique(update) ? JSCHEMA_UNIQUE_ITEMS_ADDED : JSCHEMA_UNIQUE_ITEMS_REMOVED);
}
