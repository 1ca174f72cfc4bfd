#include "registry/content.h"

#include <stdlib.h>

#define PARTS_BYTES_MAX (16u << 20)

typedef struct pair {
    str_t name;
    const json_value_t *value;
} pair_t;

static int compare_pairs(const void *a, const void *b)
{
    return str_cmp(((const pair_t *)a)->name, ((const pair_t *)b)->name);
}

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

static bool is_none(const json_value_t *v)
{
    return !v || v->kind == JSON_NULL;
}

/* A text, or what JSON readers take for one. */
static bool is_text(const json_value_t *v)
{
    return v->kind == JSON_STRING || v->kind == JSON_NUMBER || v->kind == JSON_BOOL;
}

static str_t text_of(const json_value_t *v)
{
    return v->kind == JSON_BOOL ? (v->b ? STR("true") : STR("false")) : v->text;
}

static st_t refuse(const char *what, err_t *err)
{
    return err_set(err, ST_BAD_INPUT, "Unable to process JSON: %s", what);
}

/* What we wrote ourselves. */
static const json_value_t *read_own(arena_t *a, str_t text)
{
    const json_value_t *v = NULL;
    if (text.len && json_parse(a, text, 0, &v, NULL) != ST_OK)
        return NULL;
    return v;
}

/* Members by name, of a name given twice the last. */
static pair_t *sorted(arena_t *a, const json_value_t *o, size_t *ret_n)
{
    pair_t *pair = ARENA_ARRAY(a, pair_t, o->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++)
        if (json_get_str(o, o->name[i]) == &o->item[i])
            pair[n++] = (pair_t){o->name[i], &o->item[i]};
    qsort(pair, n, sizeof *pair, compare_pairs);
    *ret_n = n;
    return pair;
}

/* ---- metadata */

static ST put_set(buf_t *b, arena_t *a, const json_value_t *v, err_t *err)
{
    if (v->kind != JSON_ARRAY)
        return refuse("a set of texts is an array", err);
    str_t *text = ARENA_ARRAY(a, str_t, v->n + 1);
    for (size_t i = 0; i < v->n; i++) {
        if (!is_text(&v->item[i]))
            return refuse("a set holds something that is no text", err);
        text[i] = text_of(&v->item[i]);
    }
    qsort(text, v->n, sizeof *text, compare_texts);
    buf_put_char(b, '[');
    for (size_t i = 0; i < v->n; i++)
        if (!i || !str_eq(text[i], text[i - 1])) {
            json_put_item(b);
            json_put_str(b, text[i]);
        }
    buf_put_char(b, ']');
    return ST_OK;
}

static ST put_map(buf_t *b, arena_t *a, const json_value_t *v, bool of_sets, err_t *err)
{
    if (v->kind != JSON_OBJECT)
        return refuse("tags, properties and params are objects", err);
    size_t n;
    pair_t *pair = sorted(a, v, &n);
    buf_put_char(b, '{');
    for (size_t i = 0; i < n; i++) {
        if (!of_sets && is_none(pair[i].value))
            continue;
        json_put_name_str(b, pair[i].name);
        if (of_sets)
            TRY(put_set(b, a, pair[i].value, err));
        else if (is_text(pair[i].value))
            json_put_str(b, text_of(pair[i].value));
        else
            return refuse("a property's value is a text", err);
    }
    buf_put_char(b, '}');
    return ST_OK;
}

static ST put_metadata(buf_t *b, arena_t *a, const json_value_t *v, err_t *err)
{
    const json_value_t *tags = json_get(v, "tags"), *properties = json_get(v, "properties"),
                       *sensitive = json_get(v, "sensitive");
    buf_put_char(b, '{');
    if (!is_none(tags) && tags->n) {
        json_put_name(b, "tags");
        TRY(put_map(b, a, tags, true, err));
    }
    if (!is_none(properties) && properties->n) {
        size_t before = b->len;
        json_put_name(b, "properties");
        TRY(put_map(b, a, properties, false, err));
        if (str_ends(buf_str(b), STR(":{}"))) /* all were null */
            b->len = before;
    }
    if (!is_none(sensitive) && sensitive->n) {
        json_put_name(b, "sensitive");
        TRY(put_set(b, a, sensitive, err));
    }
    buf_put_char(b, '}');
    return ST_OK;
}

st_t content_metadata(arena_t *a, const json_value_t *v, str_t *ret, err_t *err)
{
    if (is_none(v)) {
        *ret = STR("");
        return ST_OK;
    }
    if (v->kind != JSON_OBJECT)
        return refuse("metadata is an object", err);
    buf_t b = BUF_INIT;
    st_t st = put_metadata(&b, a, v, err);
    if (st == ST_OK)
        *ret = arena_str(a, buf_str(&b));
    buf_done(&b);
    return st;
}

/* Both objects' members in one; where both have a name the second's. Either may be NULL. */
static json_value_t join_objects(arena_t *a, const json_value_t *x, const json_value_t *y)
{
    const json_value_t *from[] = {x, y};
    json_value_t o = {.kind = JSON_OBJECT};
    str_t *name = ARENA_ARRAY(a, str_t, (x ? x->n : 0) + (y ? y->n : 0) + 1);
    json_value_t *item = ARENA_ARRAY(a, json_value_t, (x ? x->n : 0) + (y ? y->n : 0) + 1);
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; from[k] && i < from[k]->n; i++) {
            name[o.n] = from[k]->name[i];
            item[o.n++] = from[k]->item[i];
        }
    o.name = name;
    o.item = item;
    return o;
}

static json_value_t join_arrays(arena_t *a, const json_value_t *x, const json_value_t *y)
{
    const json_value_t *from[] = {x, y};
    json_value_t *item = ARENA_ARRAY(a, json_value_t, (x ? x->n : 0) + (y ? y->n : 0) + 1);
    json_value_t o = {.kind = JSON_ARRAY, .item = item};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; from[k] && i < from[k]->n; i++)
            item[o.n++] = from[k]->item[i];
    return o;
}

static str_t write_metadata(arena_t *a, const json_value_t *v)
{
    str_t text = STR("{}");
    st_t st = content_metadata(a, v, &text, NULL);
    ASSERT(st == ST_OK); /* made of what was checked */
    return text;
}

str_t content_metadata_merge(arena_t *a, str_t base, str_t over)
{
    if (!base.len || !over.len)
        return base.len ? base : over;
    const json_value_t *x = read_own(a, base), *y = read_own(a, over);
    static const str_t names[] = {{"tags", 4}, {"properties", 10}, {"sensitive", 9}};
    json_value_t item[3] = {
        join_objects(a, json_get(x, "tags"), json_get(y, "tags")),
        join_objects(a, json_get(x, "properties"), json_get(y, "properties")),
        join_arrays(a, json_get(x, "sensitive"), json_get(y, "sensitive")),
    };
    return write_metadata(
        a, &(json_value_t){.kind = JSON_OBJECT, .n = 3, .name = names, .item = item});
}

str_t content_property(arena_t *a, str_t metadata, str_t name)
{
    const json_value_t *p = json_get(read_own(a, metadata), "properties");
    const json_value_t *v = json_get_str(p, name);
    return v && v->kind == JSON_STRING ? v->text : STR_NONE;
}

str_t content_set_property(arena_t *a, str_t metadata, str_t name, str_t value)
{
    json_value_t set = {.kind = value.ptr ? JSON_STRING : JSON_NULL, .text = value};
    json_value_t properties = {.kind = JSON_OBJECT, .n = 1, .name = &name, .item = &set};
    const json_value_t *m = read_own(a, metadata);
    json_value_t joined = join_objects(a, json_get(m, "properties"), &properties);
    str_t member = STR("properties");
    json_value_t change = {.kind = JSON_OBJECT, .n = 1, .name = &member, .item = &joined};
    json_value_t all = join_objects(a, m, &change);
    return write_metadata(a, &all);
}

/* ---- rules */

static st_t refuse_rule(const json_value_t *rule, const char *what, err_t *err)
{
    str_t name = json_get_text(rule, "name", STR("null"));
    return err_set(err, ST_BAD_RULES, "%s (rule '" STR_FMT "')", what, STR_ARG(name));
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (uint8_t)c >= 0x80;
}

static ST check_name(const json_value_t *rule, err_t *err)
{
    str_t name = json_get_text(rule, "name", STR_NONE);
    if (!name.ptr)
        return refuse_rule(rule, "Missing rule name", err);
    if (!name.len)
        return refuse_rule(rule, "Empty rule name", err);
    if (name.len > 256)
        return refuse_rule(rule, "Rule name too long", err);
    if (!is_letter(name.ptr[0]) && name.ptr[0] != '_')
        return refuse_rule(rule, "Illegal initial character in rule name", err);
    for (size_t i = 1; i < name.len; i++) {
        char c = name.ptr[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return refuse_rule(rule, "Illegal character in rule name", err);
    }
    return ST_OK;
}

static int index_of(str_t text, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (str_eq(text, str_of(words[i])))
            return i;
    return -1;
}

static const char *const rule_modes[] = {"UPGRADE", "DOWNGRADE", "UPDOWN",
                                         "WRITE",   "READ",      "WRITEREAD"};
static const char *const rule_kinds[] = {"TRANSFORM", "CONDITION"};

static ST check_rule(const json_value_t *rule, bool migration, err_t *err)
{
    int mode = index_of(json_get_text(rule, "mode", STR("WRITEREAD")), rule_modes, 6);
    if (mode < 0 || index_of(json_get_text(rule, "kind", STR("TRANSFORM")), rule_kinds, 2) < 0)
        return refuse("a rule's kind or mode is unknown", err);
    TRY(check_name(rule, err));
    if (is_none(json_get(rule, "type")))
        return refuse_rule(rule, "Missing rule type", err);
    bool both = mode == 2 || mode == 5;
    if (!both && (str_find_char(json_get_text(rule, "onSuccess", STR("")), ',') >= 0 ||
                  str_find_char(json_get_text(rule, "onFailure", STR("")), ',') >= 0))
        return refuse_rule(rule, "Multiple actions only valid with WRITEREAD and UPDOWN", err);
    if (migration && mode > 2)
        return refuse_rule(rule, "Migration rules can only be UPGRADE, DOWNGRADE, UPDOWN", err);
    if (!migration && mode < 3)
        return refuse_rule(rule, "Domain rules can only be WRITE, READ, WRITEREAD", err);
    return ST_OK;
}

static ST put_word(buf_t *b, const json_value_t *rule, const char *name, const char *otherwise,
                   err_t *err)
{
    const json_value_t *v = json_get(rule, name);
    if (!is_none(v) && !is_text(v))
        return refuse("a rule's member is no text", err);
    str_t text = is_none(v) ? str_of(otherwise) : text_of(v);
    if (text.len)
        json_put_member_str(b, name, text);
    return ST_OK;
}

static ST put_rule(buf_t *b, arena_t *a, const json_value_t *rule, err_t *err)
{
    const json_value_t *tags = json_get(rule, "tags"), *params = json_get(rule, "params");
    buf_put_char(b, '{');
    TRY(put_word(b, rule, "name", NULL, err));
    TRY(put_word(b, rule, "doc", NULL, err));
    TRY(put_word(b, rule, "kind", "TRANSFORM", err));
    TRY(put_word(b, rule, "mode", "WRITEREAD", err));
    TRY(put_word(b, rule, "type", NULL, err));
    if (!is_none(tags) && tags->n) {
        json_put_name(b, "tags");
        TRY(put_set(b, a, tags, err));
    }
    if (!is_none(params) && params->n) {
        json_put_name(b, "params");
        TRY(put_map(b, a, params, false, err));
    }
    TRY(put_word(b, rule, "expr", NULL, err));
    TRY(put_word(b, rule, "onSuccess", NULL, err));
    TRY(put_word(b, rule, "onFailure", NULL, err));
    json_put_member_bool(b, "disabled", json_get_bool(rule, "disabled", false));
    buf_put_char(b, '}');
    return ST_OK;
}

static const char *const rule_lists[] = {"migrationRules", "domainRules", "encodingRules"};

static ST put_list(buf_t *b, arena_t *a, const json_value_t *list, bool migration, err_t *err)
{
    if (list->kind != JSON_ARRAY)
        return refuse("rules are an array", err);
    buf_put_char(b, '[');
    for (size_t i = 0; i < list->n; i++) {
        const json_value_t *rule = &list->item[i];
        if (rule->kind != JSON_OBJECT)
            return refuse("a rule is an object", err);
        TRY(check_rule(rule, migration, err));
        for (size_t k = 0; k < i; k++)
            if (str_eq(json_get_text(&list->item[k], "name", STR("")),
                       json_get_text(rule, "name", STR(""))))
                return refuse_rule(rule, "Found rule with duplicate name", err);
        json_put_item(b);
        TRY(put_rule(b, a, rule, err));
    }
    buf_put_char(b, ']');
    return ST_OK;
}

static ST put_rules(buf_t *b, arena_t *a, const json_value_t *v, err_t *err)
{
    buf_put_char(b, '{');
    for (int k = 0; k < 3; k++) {
        const json_value_t *list = json_get(v, rule_lists[k]);
        if (is_none(list) || (list->kind == JSON_ARRAY && !list->n))
            continue;
        json_put_name(b, rule_lists[k]);
        TRY(put_list(b, a, list, k == 0, err));
    }
    TRY(put_word(b, v, "enableAt", NULL, err));
    buf_put_char(b, '}');
    return ST_OK;
}

st_t content_rules(arena_t *a, const json_value_t *v, str_t *ret, err_t *err)
{
    if (is_none(v)) {
        *ret = STR("");
        return ST_OK;
    }
    if (v->kind != JSON_OBJECT)
        return refuse("a rule set is an object", err);
    buf_t b = BUF_INIT;
    st_t st = put_rules(&b, a, v, err);
    if (st == ST_OK)
        *ret = arena_str(a, buf_str(&b));
    buf_done(&b);
    return st;
}

/* The rules of the first that the second does not name, then the second's. */
static json_value_t join_rules(arena_t *a, const json_value_t *x, const json_value_t *y)
{
    json_value_t *kept = ARENA_ARRAY(a, json_value_t, (x ? x->n : 0) + 1);
    json_value_t left = {.kind = JSON_ARRAY, .item = kept};
    for (size_t i = 0; x && i < x->n; i++) {
        bool named = false;
        for (size_t k = 0; y && k < y->n && !named; k++)
            named = str_eq(json_get_text(&x->item[i], "name", STR("")),
                           json_get_text(&y->item[k], "name", STR("")));
        if (!named)
            kept[left.n++] = x->item[i];
    }
    return join_arrays(a, &left, y);
}

str_t content_rules_merge(arena_t *a, str_t base, str_t over)
{
    if (!base.len || !over.len)
        return base.len ? base : over;
    const json_value_t *x = read_own(a, base), *y = read_own(a, over);
    json_value_t item[4];
    str_t name[4];
    for (int k = 0; k < 3; k++) {
        name[k] = str_of(rule_lists[k]);
        item[k] = join_rules(a, json_get(x, rule_lists[k]), json_get(y, rule_lists[k]));
    }
    const json_value_t *at = json_get(y, "enableAt");
    if (!at)
        at = json_get(x, "enableAt");
    name[3] = STR("enableAt");
    item[3] = at ? *at : (json_value_t){.kind = JSON_NULL};
    str_t text = STR("");
    st_t st = content_rules(
        a, &(json_value_t){.kind = JSON_OBJECT, .n = 4, .name = name, .item = item}, &text, NULL);
    ASSERT(st == ST_OK);
    return text;
}

str_t content_rules_without(arena_t *a, str_t rules, const str_t *name, size_t n)
{
    if (!rules.len || !n)
        return rules;
    json_value_t v = *read_own(a, rules);
    json_value_t *item = ARENA_ARRAY(a, json_value_t, v.n);
    for (size_t i = 0; i < v.n; i++) {
        json_value_t list = v.item[i];
        json_value_t *kept = ARENA_ARRAY(a, json_value_t, list.n + 1);
        size_t n_kept = 0;
        for (size_t j = 0; list.kind == JSON_ARRAY && j < list.n; j++) {
            bool gone = false;
            for (size_t k = 0; k < n; k++)
                gone |= str_eq(json_get_text(&list.item[j], "name", STR("")), name[k]);
            if (!gone)
                kept[n_kept++] = list.item[j];
        }
        if (list.kind == JSON_ARRAY) {
            list.item = kept;
            list.n = n_kept;
        }
        item[i] = list;
    }
    v.item = item;
    str_t text = STR("");
    st_t st = content_rules(a, &v, &text, NULL);
    ASSERT(st == ST_OK);
    return text;
}

bool content_has_rule_type(arena_t *a, str_t rules, str_t type)
{
    const json_value_t *v = read_own(a, rules);
    for (int k = 0; k < 3; k++) {
        const json_value_t *list = json_get(v, rule_lists[k]);
        for (size_t i = 0; list && i < list->n; i++)
            if (str_eq(json_get_text(&list->item[i], "type", STR("")), type))
                return true;
    }
    return false;
}

/* ---- hashing: all texts, in the order in which the canonical form has them */

static void put_texts(buf_t *b, const json_value_t *v)
{
    if (v->kind == JSON_STRING)
        buf_put_str(b, v->text);
    if (v->kind == JSON_BOOL && v->b)
        buf_put_char(b, 1);
    for (size_t i = 0; i < v->n; i++)
        put_texts(b, &v->item[i]);
}

/* A map's names count, too. */
static void put_names_and_texts(buf_t *b, const json_value_t *o)
{
    for (size_t i = 0; o && i < o->n; i++) {
        buf_put_str(b, o->name[i]);
        put_texts(b, &o->item[i]);
    }
}

static void put_hashed_rule(buf_t *b, const json_value_t *rule)
{
    for (size_t i = 0; i < rule->n; i++)
        if (str_eq(rule->name[i], STR("params")))
            put_names_and_texts(b, &rule->item[i]);
        else
            put_texts(b, &rule->item[i]);
}

void content_put_hashed(buf_t *b, str_t metadata, str_t rules)
{
    arena_t a;
    arena_init(&a, PARTS_BYTES_MAX);
    const json_value_t *m = read_own(&a, metadata), *r = read_own(&a, rules);
    if (m) {
        buf_put_char(b, 1);
        put_names_and_texts(b, json_get(m, "tags"));
        put_names_and_texts(b, json_get(m, "properties"));
        if (json_get(m, "sensitive"))
            put_texts(b, json_get(m, "sensitive"));
    }
    if (r) {
        buf_put_char(b, 1);
        for (size_t i = 0; i < r->n; i++)
            if (r->item[i].kind == JSON_ARRAY)
                for (size_t k = 0; k < r->item[i].n; k++)
                    put_hashed_rule(b, &r->item[i].item[k]);
            else
                put_texts(b, &r->item[i]);
    }
    arena_done(&a);
}
