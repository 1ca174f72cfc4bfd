#include "registry/json_tree.h"

#include "registry/json_ref.h"

#define NODES_MAX 200000

/* What a keyword speaks of; a schema that has one says something of it. */
typedef enum about {
    ABOUT_NOTHING,
    ABOUT_ENUM,
    ABOUT_ALL_OF,
    ABOUT_ANY_OF,
    ABOUT_ONE_OF,
    ABOUT_NOT,
    ABOUT_CONST,
    ABOUT_ARRAY,
    ABOUT_OBJECT,
    ABOUT_NUMBER,
    ABOUT_STRING,
    ABOUT_CONDITIONAL,
} about_t;

typedef enum want {
    WANT_ANY,
    WANT_BOOLEAN,
    WANT_TEXT,
    WANT_PATTERN,
    WANT_NUMBER,
    WANT_NOT_ZERO,
    WANT_INTEGER, /* of 32 bits */
    WANT_VALUES,
    WANT_TEXTS,
    WANT_TEXTS_MAP,
    WANT_SCHEMA,
    WANT_SCHEMAS,
    WANT_SCHEMA_OR_SCHEMAS,
    WANT_SCHEMA_MAP,
    WANT_PATTERN_MAP,
    WANT_DEPENDENCIES,
} want_t;

typedef struct keyword {
    const char *name;
    about_t about;
    want_t want;
    unsigned drafts;
} keyword_t;

enum { D4 = JSCHEMA_4, D6 = JSCHEMA_6, D7 = JSCHEMA_7, M = JSCHEMA_MODERN, ALL = D4 | D6 | D7 | M };

static const keyword_t keywords[] = {
#define KEYWORD(name, about, want, drafts) {name, ABOUT_##about, WANT_##want, drafts},
#include "registry/json_keywords.def"
#undef KEYWORD
};

typedef struct pending {
    jschema_t *node;
    str_t ref, base;
    size_t doc;
} pending_t;

typedef struct loader {
    arena_t *arena;
    jschema_docs_t docs;
    map_t nodes;            /* by the JSON value's address */
    VEC(pending_t) pending; /* $ref that are still to be followed */
    size_t n_nodes;
    err_t *err;
} loader_t;

/* Where the loader is. */
typedef struct scope {
    const json_value_t *json;
    size_t doc;
    str_t base;
    jschema_draft_t draft;
} scope_t;

static ST load(loader_t *l, const json_value_t *v, size_t doc, str_t base, const jschema_t **ret);

static str_t address(const json_value_t *const *v)
{
    return str_n((const char *)v, sizeof *v);
}

static jschema_t *new_node(loader_t *l, jschema_kind_t kind, const scope_t *at)
{
    jschema_t *s = ARENA_NEW(l->arena, jschema_t);
    l->n_nodes++;
    s->kind = kind;
    s->json = at->json;
    s->modern = at->draft == JSCHEMA_MODERN;
    return s;
}

static ST child(loader_t *l, const scope_t *at, const json_value_t *v, const jschema_t **ret)
{
    return load(l, v, at->doc, at->base, ret);
}

/* --- the types of keywords' values --- */

static ST refuse(loader_t *l, const char *name, const char *what)
{
    return err_set(l->err, ST_BAD_INPUT, "Invalid JSON: %s must be %s", name, what);
}

static ST check_pattern(loader_t *l, str_t pattern)
{
    if (jschema_pattern_valid(pattern))
        return ST_OK;
    return err_set(l->err, ST_BAD_INPUT, "Invalid JSON: '" STR_FMT "' is no regular expression",
                   STR_ARG(pattern));
}

static ST check_texts(loader_t *l, const char *name, const json_value_t *v)
{
    if (v->kind != JSON_ARRAY)
        return refuse(l, name, "an array of strings");
    for (size_t i = 0; i < v->n; i++)
        if (v->item[i].kind != JSON_STRING)
            return refuse(l, name, "an array of strings");
    return ST_OK;
}

static ST check_schemas(loader_t *l, const scope_t *at, const char *name, const json_value_t *v)
{
    const jschema_t *s;
    if (v->kind != JSON_ARRAY)
        return refuse(l, name, "an array of schemas");
    for (size_t i = 0; i < v->n; i++)
        TRY(child(l, at, &v->item[i], &s));
    return ST_OK;
}

/* properties may hold a property of the name of the id keyword that is no schema. */
static bool is_id(const scope_t *at, str_t name, const json_value_t *v)
{
    return v->kind != JSON_OBJECT && at->draft != JSCHEMA_MODERN &&
           str_eq(name, at->draft == JSCHEMA_4 ? STR("id") : STR("$id"));
}

static ST check_map(loader_t *l, const scope_t *at, const keyword_t *k, const json_value_t *v)
{
    const jschema_t *s;
    if (v->kind != JSON_OBJECT)
        return refuse(l, k->name, "an object");
    for (size_t i = 0; i < v->n; i++) {
        const json_value_t *item = &v->item[i];
        if (k->want == WANT_PATTERN_MAP)
            TRY(check_pattern(l, v->name[i]));
        if (k->want == WANT_DEPENDENCIES && item->kind == JSON_BOOL && at->draft == JSCHEMA_4)
            return refuse(l, k->name, "an object of schemas or arrays of strings");
        if (k->want == WANT_TEXTS_MAP || (k->want == WANT_DEPENDENCIES && item->kind == JSON_ARRAY))
            TRY(check_texts(l, k->name, item));
        else if (!is_id(at, v->name[i], item))
            TRY(child(l, at, item, &s));
    }
    return ST_OK;
}

static ST check_number(loader_t *l, const keyword_t *k, const json_value_t *v)
{
    if (v->kind != JSON_NUMBER)
        return refuse(l, k->name, "a number");
    if (k->want == WANT_NOT_ZERO && json_f64(v) == 0)
        return refuse(l, k->name, "a number other than 0");
    if (k->want == WANT_INTEGER && (!v->is_i64 || v->i64 < INT32_MIN || v->i64 > INT32_MAX))
        return refuse(l, k->name, "an integer");
    return ST_OK;
}

static ST check(loader_t *l, const scope_t *at, const keyword_t *k, const json_value_t *v)
{
    const jschema_t *s;
    switch (k->want) {
    case WANT_BOOLEAN:
        return v->kind == JSON_BOOL ? ST_OK : refuse(l, k->name, "true or false");
    case WANT_TEXT:
    case WANT_PATTERN:
        if (v->kind != JSON_STRING)
            return refuse(l, k->name, "a string");
        return k->want == WANT_PATTERN ? check_pattern(l, v->text) : ST_OK;
    case WANT_NUMBER:
    case WANT_NOT_ZERO:
    case WANT_INTEGER:
        return check_number(l, k, v);
    case WANT_VALUES:
        return v->kind == JSON_ARRAY ? ST_OK : refuse(l, k->name, "an array");
    case WANT_TEXTS:
        return check_texts(l, k->name, v);
    case WANT_SCHEMA_OR_SCHEMAS:
        if (v->kind == JSON_BOOL && at->draft == JSCHEMA_4)
            return refuse(l, k->name, "a schema or an array of schemas");
        if (v->kind != JSON_ARRAY)
            return child(l, at, v, &s);
        return check_schemas(l, at, k->name, v);
    case WANT_SCHEMA:
        return child(l, at, v, &s);
    case WANT_SCHEMAS:
        return check_schemas(l, at, k->name, v);
    case WANT_TEXTS_MAP:
    case WANT_SCHEMA_MAP:
    case WANT_PATTERN_MAP:
    case WANT_DEPENDENCIES:
        return check_map(l, at, k, v);
    case WANT_ANY:
        break;
    }
    return ST_OK;
}

/* Checks every keyword and loads the schemas inside. *ret_about: a bit for each thing said. */
static ST check_all(loader_t *l, const scope_t *at, unsigned *ret_about)
{
    const json_value_t *v = at->json;
    *ret_about = 0;
    for (size_t k = 0; k < sizeof keywords / sizeof *keywords; k++) {
        const json_value_t *value =
            keywords[k].drafts & at->draft ? json_get(v, keywords[k].name) : NULL;
        if (!value)
            continue;
        TRY(check(l, at, &keywords[k], value));
        *ret_about |= 1u << keywords[k].about;
    }
    return ST_OK;
}

/* --- nodes --- */

static const jschema_t *loaded(const loader_t *l, const json_value_t *v)
{
    return v ? map_get(&l->nodes, address(&v)) : NULL;
}

typedef struct entry {
    jschema_named_t named;
    size_t at;
} entry_t;

static int by_name(const void *a, const void *b)
{
    const entry_t *x = a, *y = b;
    int by = str_cmp(x->named.name, y->named.name);
    return by ? by : (x->at > y->at) - (x->at < y->at);
}

/* The schemas of a map, by name; of two with one name the last counts. */
static size_t named(const loader_t *l, const json_value_t *map, const jschema_named_t **ret)
{
    if (!map || !map->n)
        return 0;
    entry_t *entry = ARENA_ARRAY(l->arena, entry_t, map->n);
    jschema_named_t *list = ARENA_ARRAY(l->arena, jschema_named_t, map->n);
    size_t n = 0;
    for (size_t i = 0; i < map->n; i++)
        entry[i] = (entry_t){{map->name[i], loaded(l, &map->item[i])}, i};
    qsort(entry, map->n, sizeof *entry, by_name);
    for (size_t i = 0; i < map->n; i++)
        if (entry[i].named.schema &&
            (i + 1 == map->n || !str_eq(entry[i].named.name, entry[i + 1].named.name)))
            list[n++] = entry[i].named;
    *ret = list;
    return n;
}

static const jschema_t **several(const loader_t *l, const json_value_t *list)
{
    const jschema_t **s = ARENA_ARRAY(l->arena, const jschema_t *, list->n);
    for (size_t i = 0; i < list->n; i++)
        s[i] = loaded(l, &list->item[i]);
    return s;
}

/* true says nothing, false closes. */
static jschema_rest_t rest_of(const loader_t *l, const json_value_t *v)
{
    if (v && v->kind == JSON_BOOL)
        return (jschema_rest_t){.closed = !v->b};
    return (jschema_rest_t){.schema = loaded(l, v)};
}

static void fill_object(const loader_t *l, jschema_t *s)
{
    const json_value_t *v = s->json;
    s->n_properties = named(l, json_get(v, "properties"), &s->property);
    s->n_patterns = named(l, json_get(v, "patternProperties"), &s->pattern);
    s->n_dependencies =
        named(l, json_get(v, s->modern ? "dependentSchemas" : "dependencies"), &s->dependency);
    s->rest = rest_of(l, json_get(v, "additionalProperties"));
    if (s->modern)
        s->rest.unevaluated = loaded(l, json_get(v, "unevaluatedProperties"));
}

static ST fill_array(loader_t *l, jschema_t *s)
{
    const json_value_t *v = s->json, *items = json_get(v, "items");
    const json_value_t *tuple = s->modern ? json_get(v, "prefixItems") : items;
    if (tuple && tuple->kind == JSON_ARRAY) {
        s->tuple = several(l, tuple);
        s->n_tuple = tuple->n;
    }
    if (!s->modern) {
        if (items && items->kind != JSON_ARRAY)
            s->item = loaded(l, items);
        s->rest = rest_of(l, json_get(v, "additionalItems"));
        s->rest.closed = s->rest.closed && !s->item;
        return ST_OK;
    }
    s->rest = rest_of(l, items);
    if (!s->n_tuple) {
        s->item = s->rest.schema;
        s->rest.schema = NULL;
    }
    s->rest.unevaluated = loaded(l, json_get(v, "unevaluatedItems"));
    return ST_OK;
}

static ST typed_node(loader_t *l, const scope_t *at, jschema_kind_t kind, jschema_t **ret)
{
    *ret = new_node(l, kind, at);
    if (kind == JSCHEMA_OBJECT)
        fill_object(l, *ret);
    if (kind == JSCHEMA_ARRAY)
        return fill_array(l, *ret);
    return ST_OK;
}

static const struct {
    const char *name;
    jschema_kind_t kind;
    about_t about;
} types[] = {
    {"string", JSCHEMA_STRING, ABOUT_STRING}, {"integer", JSCHEMA_NUMBER, ABOUT_NUMBER},
    {"number", JSCHEMA_NUMBER, ABOUT_NUMBER}, {"boolean", JSCHEMA_BOOLEAN, ABOUT_NOTHING},
    {"null", JSCHEMA_NULL, ABOUT_NOTHING},    {"array", JSCHEMA_ARRAY, ABOUT_ARRAY},
    {"object", JSCHEMA_OBJECT, ABOUT_OBJECT},
};

/* The node of a type's name; what it says of that type is taken out of *about. */
static ST type_node(loader_t *l, const scope_t *at, const json_value_t *v, unsigned *about,
                    jschema_t **ret)
{
    if (v->kind != JSON_STRING)
        return refuse(l, "type", "a string or an array of strings");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_eq(v->text, str_of(types[i].name))) {
            *about &= ~(1u << types[i].about);
            TRY(typed_node(l, at, types[i].kind, ret));
            (*ret)->integer = str_eq(v->text, STR("integer"));
            return ST_OK;
        }
    return err_set(l->err, ST_BAD_INPUT, "Invalid JSON: unknown type: [" STR_FMT "]",
                   STR_ARG(v->text));
}

static ST types_node(loader_t *l, const scope_t *at, const json_value_t *v, unsigned *about,
                     jschema_t **ret)
{
    if (v->kind != JSON_ARRAY)
        return type_node(l, at, v, about, ret);
    jschema_t *any = new_node(l, JSCHEMA_ANY, at);
    any->gathered = true;
    any->sub = ARENA_ARRAY(l->arena, const jschema_t *, v->n);
    any->n_subs = v->n;
    for (size_t i = 0; i < v->n; i++) {
        jschema_t *s;
        TRY(type_node(l, at, &v->item[i], about, &s));
        any->sub[i] = s;
    }
    *ret = any;
    return ST_OK;
}

/* allOf, anyOf, oneOf. The later drafts' reader puts what stands side by side in a branch among the
 * branches; whoever compares as Confluent's registry does must follow. */
static jschema_t *combined_node(loader_t *l, const scope_t *at, jschema_kind_t kind,
                                const json_value_t *list)
{
    jschema_t *s = new_node(l, kind, at);
    const jschema_t **sub = several(l, list);
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += s->modern && sub[i]->kind == JSCHEMA_ALL && sub[i]->gathered ? sub[i]->n_subs : 1;
    s->sub = ARENA_ARRAY(l->arena, const jschema_t *, n);
    for (size_t i = 0; i < list->n; i++) {
        bool flat = s->modern && sub[i]->kind == JSCHEMA_ALL && sub[i]->gathered;
        for (size_t k = 0; k < (flat ? sub[i]->n_subs : 1); k++)
            s->sub[s->n_subs++] = flat ? sub[i]->sub[k] : sub[i];
    }
    return s;
}

static jschema_t *ref_node(loader_t *l, const scope_t *at, const json_value_t *ref)
{
    jschema_t *s = new_node(l, JSCHEMA_REF, at);
    VEC_PUSH(&l->pending, (pending_t){s, ref->text, at->base, at->doc});
    return s;
}

#define PARTS_MAX 16

/* Each thing that the schema says, as a node of its own. */
static ST parts_of(loader_t *l, const scope_t *at, unsigned about, jschema_t *part[PARTS_MAX],
                   size_t *ret_n)
{
    static const struct {
        about_t about;
        jschema_kind_t kind;
        const char *keyword;
    } plain[] = {{ABOUT_ENUM, JSCHEMA_ENUM, NULL},
                 {ABOUT_ALL_OF, JSCHEMA_ALL, "allOf"},
                 {ABOUT_ANY_OF, JSCHEMA_ANY, "anyOf"},
                 {ABOUT_ONE_OF, JSCHEMA_ONE, "oneOf"},
                 {ABOUT_CONST, JSCHEMA_CONST, NULL},
                 {ABOUT_CONDITIONAL, JSCHEMA_CONDITIONAL, NULL}},
      facets[] = {{ABOUT_ARRAY, JSCHEMA_ARRAY, NULL},
                  {ABOUT_OBJECT, JSCHEMA_OBJECT, NULL},
                  {ABOUT_NUMBER, JSCHEMA_NUMBER, NULL},
                  {ABOUT_STRING, JSCHEMA_STRING, NULL}};
    const json_value_t *v = at->json, *type = json_get(v, "type");
    size_t n = 0;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (!(about & 1u << plain[i].about))
            continue;
        part[n++] = plain[i].keyword
                        ? combined_node(l, at, plain[i].kind, json_get(v, plain[i].keyword))
                        : new_node(l, plain[i].kind, at);
    }
    if (about & 1u << ABOUT_NOT) {
        const jschema_t **sub = ARENA_NEW(l->arena, const jschema_t *);
        *sub = loaded(l, json_get(v, "not"));
        part[n] = new_node(l, JSCHEMA_NOT, at);
        part[n++]->sub = sub;
    }
    if (type)
        TRY(types_node(l, at, type, &about, &part[n++]));
    for (size_t i = 0; i < sizeof facets / sizeof *facets; i++)
        if (about & 1u << facets[i].about)
            TRY(typed_node(l, at, facets[i].kind, &part[n++]));
    *ret_n = n;
    return ST_OK;
}

/* Makes the node all of its parts, or the one part itself. */
static void gather(loader_t *l, jschema_t *node, jschema_t *const *part, size_t n)
{
    if (n == 1 && part[0]->kind != JSCHEMA_REF) {
        *node = *part[0];
    } else if (n) {
        node->kind = JSCHEMA_ALL;
        node->gathered = true;
        node->sub = ARENA_ARRAY(l->arena, const jschema_t *, n);
        node->n_subs = n;
        for (size_t i = 0; i < n; i++)
            node->sub[i] = part[i];
    }
}

static ST load_object(loader_t *l, const scope_t *at, jschema_t *node)
{
    const json_value_t *ref = json_get(at->json, "$ref");
    jschema_t *part[PARTS_MAX];
    size_t n = 0, n_parts;
    unsigned about;
    if (!ref && at->draft == JSCHEMA_MODERN)
        ref = json_get(at->json, "$dynamicRef");
    if (ref && ref->kind != JSON_STRING)
        return refuse(l, "$ref", "a string");
    if (ref && (at->draft != JSCHEMA_MODERN || at->json->n == 1)) {
        node->kind = JSCHEMA_REF;
        VEC_PUSH(&l->pending, (pending_t){node, ref->text, at->base, at->doc});
        return ST_OK;
    }
    if (ref)
        part[n++] = ref_node(l, at, ref);
    TRY(check_all(l, at, &about));
    TRY(parts_of(l, at, about, part + n, &n_parts));
    gather(l, node, part, n + n_parts);
    return ST_OK;
}

static st_t load(loader_t *l, const json_value_t *v, size_t doc, str_t base, const jschema_t **ret)
{
    scope_t at = {v, doc, base, l->docs.docs.ptr[doc].draft};
    *ret = loaded(l, v);
    if (*ret)
        return ST_OK;
    if (v->kind != JSON_OBJECT && v->kind != JSON_BOOL)
        return err_set(l->err, ST_BAD_INPUT,
                       "Invalid JSON: a schema must be an object or a boolean");
    if (l->n_nodes >= NODES_MAX || arena_over(l->arena))
        return err_set(l->err, ST_TOO_LARGE, "The JSON schema has too many parts");
    jschema_t *node = new_node(l, JSCHEMA_ANYTHING, &at);
    map_put(&l->nodes, address(&v), node);
    *ret = node;
    if (v->kind == JSON_BOOL) {
        node->kind = v->b ? JSCHEMA_ANYTHING : JSCHEMA_NOTHING;
        node->json = NULL;
        return ST_OK;
    }
    at.base = jschema_docs_base(&l->docs, doc, v, base);
    return load_object(l, &at, node);
}

/* Following a $ref may load schemas with more of them. */
static ST follow_refs(loader_t *l)
{
    for (size_t i = 0; i < l->pending.len; i++) {
        pending_t p = l->pending.ptr[i];
        const json_value_t *v;
        size_t doc;
        const jschema_t **target = ARENA_NEW(l->arena, const jschema_t *);
        TRY(jschema_docs_find(&l->docs, p.doc, p.base, p.ref, &v, &doc, l->err));
        if (v) {
            str_t base = doc == p.doc ? p.base : l->docs.docs.ptr[doc].base;
            TRY(load(l, v, doc, base, target));
        } else {
            *target = new_node(l, JSCHEMA_ANYTHING, &(scope_t){.draft = JSCHEMA_MODERN});
        }
        p.node->sub = target;
    }
    return ST_OK;
}

static ST load_all(loader_t *l, const kind_input_t *in, const jschema_t **ret)
{
    TRY(jschema_docs_open(&l->docs, l->arena, in, l->err));
    const jschema_doc_t *doc = &l->docs.docs.ptr[0];
    TRY(load(l, doc->json, 0, doc->base, ret));
    return follow_refs(l);
}

st_t jschema_parse(arena_t *a, const kind_input_t *in, const json_value_t **ret_json,
                   const jschema_t **ret, err_t *err)
{
    loader_t l = {.arena = a, .err = err};
    const jschema_t *root;
    map_init(&l.nodes);
    st_t st = load_all(&l, in, &root);
    if (st == ST_OK) {
        *ret_json = l.docs.docs.ptr[0].json;
        *ret = root;
    }
    map_done(&l.nodes, NULL);
    VEC_DONE(&l.pending);
    jschema_docs_done(&l.docs);
    return st;
}
