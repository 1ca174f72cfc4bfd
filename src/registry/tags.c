/* tags.c: tags within schemas: finding them, changing them. */
#include "registry/tags.h"

#include "registry/input.h"

/* ---- in JSON */

void tags_of_json(arena_t *a, const json_value_t *object, const str_t **ret, size_t *ret_n)
{
    const json_value_t *list = json_get(object, KIND_TAGS);
    *ret = NULL;
    *ret_n = 0;
    if (!list || list->kind != JSON_ARRAY || !list->n)
        return;
    str_t *tag = ARENA_ARRAY(a, str_t, list->n);
    for (size_t i = 0; i < list->n; i++)
        if (list->item[i].kind == JSON_STRING)
            tag[(*ret_n)++] = list->item[i].text;
    *ret = tag;
}

static json_value_t json_of_tags(arena_t *a, const str_t *tag, size_t n)
{
    json_value_t *item = ARENA_ARRAY(a, json_value_t, n + 1);
    for (size_t i = 0; i < n; i++)
        item[i] = (json_value_t){.kind = JSON_STRING, .text = tag[i]};
    return (json_value_t){.kind = JSON_ARRAY, .n = n, .item = item};
}

json_value_t tags_in_json(arena_t *a, const json_value_t *object, const str_t *tag, size_t n)
{
    json_value_t to = *object;
    str_t *name = ARENA_ARRAY(a, str_t, object->n + 1);
    json_value_t *item = ARENA_ARRAY(a, json_value_t, object->n + 1);
    bool set = n == 0;
    to.n = 0;
    for (size_t i = 0; i < object->n; i++) {
        bool is_tags = str_eq(object->name[i], STR(KIND_TAGS));
        if (is_tags && set)
            continue;
        name[to.n] = object->name[i];
        item[to.n++] = is_tags ? json_of_tags(a, tag, n) : object->item[i];
        set = set || is_tags;
    }
    if (!set) {
        name[to.n] = STR(KIND_TAGS);
        item[to.n++] = json_of_tags(a, tag, n);
    }
    to.name = name;
    to.item = item;
    return to;
}

/* ---- changing them */

static bool has(const str_t *tag, size_t n, str_t one)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(tag[i], one))
            return true;
    return false;
}

static kind_entity_t *find(const kind_entities_t *all, const registry_tags_t *c)
{
    str_t path = str_starts(c->path, STR(".")) ? str_sub(c->path, 1, c->path.len) : c->path;
    for (size_t i = 0; i < all->list.len; i++) {
        kind_entity_t *e = &all->list.ptr[i];
        if (e->is_record == c->is_record && (str_eq(e->path, path) || str_eq(e->plain, path)))
            return e;
    }
    return NULL;
}

static void change(arena_t *a, const kind_class_t *kind, kind_entity_t *e, const registry_tags_t *c)
{
    str_t *tag = ARENA_ARRAY(a, str_t, e->n_tags + c->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < e->n_tags; i++)
        if (!c->remove || !has(c->tag, c->n, e->tag[i]))
            tag[n++] = e->tag[i];
    for (size_t i = 0; i < c->n && !c->remove; i++)
        if (!has(tag, n, c->tag[i]))
            tag[n++] = c->tag[i];
    e->tag = tag;
    e->n_tags = n;
    kind->set_tags(a, e, tag, n);
}

static ST change_all(arena_t *a, const parsed_t *p, const registry_tags_t *c, size_t n,
                     bool if_there, err_t *err)
{
    kind_entities_t all = {0};
    st_t st = ST_OK;
    p->kind->entities(a, p->tree, &all);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        kind_entity_t *e = find(&all, &c[i]);
        if (e)
            change(a, p->kind, e, &c[i]);
        else if (!if_there)
            st = err_set(err, ST_BAD_SCHEMA, "No matching path '" STR_FMT "' found in the schema",
                         STR_ARG(c[i].path));
    }
    VEC_DONE(&all.list);
    return st;
}

static ST retag(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                const registry_tags_t *c, size_t n, bool if_there, str_t *ret, err_t *err)
{
    parsed_t p;
    TRY(input_parse(r, a, subject, in, true, false, &p, err));
    TRY(change_all(a, &p, c, n, if_there, err));
    buf_t b = BUF_INIT;
    p.kind->put(&b, p.tree, KIND_STORED);
    *ret = arena_str(a, buf_str(&b));
    buf_done(&b);
    return ST_OK;
}

st_t registry_retag(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                    const registry_tags_t *change, size_t n, str_t *ret, err_t *err)
{
    pthread_mutex_lock(&r->lock);
    st_t st = retag(r, a, subject, in, change, n, false, ret, err);
    pthread_mutex_unlock(&r->lock);
    return st;
}

/* ---- finding them */

static ST tagged(registry_t *r, arena_t *a, const registry_schema_t *s, registry_tags_t **ret,
                 size_t *ret_n, err_t *err)
{
    parsed_t p;
    kind_entities_t all = {0};
    TRY(input_parse_stored(r, a, s, &p, err));
    p.kind->entities(a, p.tree, &all);
    *ret = ARENA_ARRAY(a, registry_tags_t, all.list.len + 1);
    *ret_n = 0;
    for (size_t i = 0; i < all.list.len; i++) {
        const kind_entity_t *e = &all.list.ptr[i];
        if (e->n_tags)
            (*ret)[(*ret_n)++] = (registry_tags_t){
                .path = e->path, .is_record = e->is_record, .tag = e->tag, .n = e->n_tags};
    }
    VEC_DONE(&all.list);
    return ST_OK;
}

st_t registry_tags(registry_t *r, arena_t *a, const registry_schema_t *s, registry_tags_t **ret,
                   size_t *ret_n, err_t *err)
{
    pthread_mutex_lock(&r->lock);
    st_t st = tagged(r, a, s, ret, ret_n, err);
    pthread_mutex_unlock(&r->lock);
    return st;
}

st_t registry_keep_tags(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                        str_t *ret, err_t *err)
{
    registry_tags_t *c;
    size_t n = 0;
    pthread_mutex_lock(&r->lock);
    const subject_t *s = state_subject(r, subject);
    const version_t *newest = state_newest(s, false);
    registry_schema_t before;
    st_t st = ST_OK;
    *ret = in->text;
    if (newest) {
        before = state_describe(s, newest);
        st = tagged(r, a, &before, &c, &n, err);
    }
    if (st == ST_OK && n)
        st = retag(r, a, subject, in, c, n, true, ret, err);
    pthread_mutex_unlock(&r->lock);
    return st;
}
