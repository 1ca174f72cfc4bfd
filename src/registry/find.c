/* Reading: by id, by guid, by subject; lists. */
#include "registry/content.h"
#include "registry/state.h"

#include <stdlib.h>

/* ---- by id */

static schema_t *schema_here(const registry_t *r, int32_t id, str_t context, str_t subject,
                             registry_schema_t *ret)
{
    schema_t *s = state_by_id(state_context(r, context), id);
    if (!s)
        return NULL;
    const subject_t *in = s->uses->subject;
    if (subject.len) {
        in = state_subject(r, subject);
        if (!state_use(in, s))
            return NULL;
    }
    *ret = state_describe(in, state_use(in, s));
    return s;
}

/* In the subject's context; a subject of the default one is looked for in all others, too, and then
 * the id in the default one alone. */
static schema_t *find_schema(registry_t *r, arena_t *a, int32_t id, str_t subject,
                             registry_schema_t *ret)
{
    name_t n = name_split(subject);
    str_t normal = n.subject.len ? name_join(a, n.context, n.subject) : STR("");
    schema_t *s = schema_here(r, id, n.context, normal, ret);
    if (s || !n.subject.len || !name_is_default(n))
        return s;
    size_t n_contexts;
    context_t **context = state_contexts(r, a, &n_contexts);
    for (size_t i = 1; i < n_contexts && !s; i++)
        s = schema_here(r, id, context[i]->name, name_join(a, context[i]->name, n.subject), ret);
    return s ? s : schema_here(r, id, n.context, STR(""), ret);
}

static st_t no_id(int32_t id, err_t *err)
{
    return err_set(err, ST_NO_SCHEMA, "Schema %d not found", id);
}

st_t registry_by_id(registry_t *r, int32_t id, str_t subject, registry_schema_t *ret, err_t *err)
{
    arena_t a;
    registry_schema_t found;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    bool there = find_schema(r, &a, id, subject, &found);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    if (!there)
        return no_id(id, err);
    if (!subject.len)
        found.subject = STR("");
    *ret = found;
    return ST_OK;
}

void registry_guid(registry_t *r, const registry_schema_t *s, uint8_t ret[16])
{
    pthread_mutex_lock(&r->lock);
    state_guid(r, s, ret);
    pthread_mutex_unlock(&r->lock);
}

int32_t registry_max_id(registry_t *r, str_t subject)
{
    pthread_mutex_lock(&r->lock);
    const context_t *c = state_context(r, name_split(subject).context);
    int32_t id = c ? c->max_id : 0;
    pthread_mutex_unlock(&r->lock);
    return id;
}

st_t registry_by_guid(registry_t *r, const uint8_t guid[16], registry_schema_t *ret, err_t *err)
{
    arena_t a;
    size_t n;
    schema_t *s = NULL;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    context_t **context = state_contexts(r, &a, &n);
    for (size_t i = 0; i < n && !s; i++)
        s = state_by_guid(r, context[i], guid);
    if (s) {
        *ret = state_describe(s->uses->subject, state_use(s->uses->subject, s));
        ret->subject = STR("");
    }
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return s ? ST_OK : err_set(err, ST_NO_SCHEMA, "Schema not found");
}

void registry_ids_of_guid(registry_t *r, arena_t *a, const uint8_t guid[16], registry_id_t **ret,
                          size_t *ret_n)
{
    size_t n;
    *ret_n = 0;
    pthread_mutex_lock(&r->lock);
    context_t **context = state_contexts(r, a, &n);
    *ret = ARENA_ARRAY(a, registry_id_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        const schema_t *s = state_by_guid(r, context[i], guid);
        if (s)
            (*ret)[(*ret_n)++] = (registry_id_t){context[i]->name, s->id};
    }
    pthread_mutex_unlock(&r->lock);
}

st_t registry_uses(registry_t *r, arena_t *a, int32_t id, str_t subject, bool deleted,
                   registry_version_t **ret, size_t *ret_n, err_t *err)
{
    registry_schema_t found;
    pthread_mutex_lock(&r->lock);
    const schema_t *s = find_schema(r, a, id, subject, &found);
    size_t n = 0;
    for (const use_t *u = s ? s->uses : NULL; u; u = u->next)
        n++;
    registry_version_t *list = ARENA_ARRAY(a, registry_version_t, n + 1);
    n = 0;
    for (const use_t *u = s ? s->uses : NULL; u; u = u->next) {
        const version_t *v = state_version(u->subject, u->version);
        if (deleted || !v->deleted)
            list[n++] = (registry_version_t){u->subject->name, u->version};
    }
    pthread_mutex_unlock(&r->lock);
    if (!s)
        return err_set(err, ST_NO_SCHEMA, "Schema not found");
    *ret = list;
    *ret_n = n;
    return ST_OK;
}

/* ---- by subject */

static const version_t *version_here(const subject_t *s, int32_t version, bool deleted)
{
    if (version == REGISTRY_LATEST)
        return state_newest(s, false);
    const version_t *v = state_version(s, version);
    return v && (deleted || !v->deleted) ? v : NULL;
}

static ST version_locked(registry_t *r, arena_t *a, str_t subject, int32_t version, bool deleted,
                         registry_schema_t *ret, err_t *err)
{
    const subject_t *s = state_subject(r, subject);
    const version_t *v = version_here(s, version, deleted);
    size_t n = 0;
    context_t **context = v ? NULL : state_contexts(r, a, &n);
    if (!name_is_default(name_split(subject)))
        n = 0;
    for (size_t i = 1; i < n && !v; i++) {
        s = state_elsewhere(r, a, context, i, subject);
        v = version_here(s, version, deleted);
    }
    if (!v)
        return state_has_versions(r, subject, deleted) ? state_no_version(version, err)
                                                       : state_no_subject(subject, err);
    *ret = state_describe(s, v);
    return ST_OK;
}

st_t registry_version(registry_t *r, str_t subject, int32_t version, bool deleted,
                      registry_schema_t *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = version_locked(r, &a, subject, version, deleted, ret, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return st;
}

static bool has_properties(arena_t *a, str_t metadata, const str_t *name, const str_t *value,
                           size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str_t v = content_property(a, metadata, name[i]);
        if (!v.ptr || !str_eq(v, value[i]))
            return false;
    }
    return metadata.len;
}

st_t registry_with_metadata(registry_t *r, str_t subject, const str_t *name, const str_t *value,
                            size_t n, bool deleted, registry_schema_t *ret, err_t *err)
{
    arena_t a;
    const version_t *v = NULL;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    const subject_t *s = state_subject(r, subject);
    for (size_t i = s ? s->versions.len : 0; i-- > 0 && !v;) {
        v = &s->versions.ptr[i];
        if ((v->deleted && !deleted) ||
            !has_properties(&a, v->schema->extras->metadata, name, value, n))
            v = NULL;
    }
    if (v)
        *ret = state_describe(s, v);
    bool any = state_newest(s, deleted);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    if (v)
        return ST_OK;
    if (any)
        return err_set(err, ST_NO_SCHEMA, "Schema not found");
    return state_no_subject(subject, err);
}

static bool counts(const version_t *v, registry_filter_t filter)
{
    if (filter == REGISTRY_WITH_DELETED)
        return true;
    return filter == REGISTRY_DELETED_ONLY ? v->deleted : !v->deleted;
}

st_t registry_versions(registry_t *r, arena_t *a, str_t subject, registry_filter_t filter,
                       int32_t **ret, size_t *ret_n, err_t *err)
{
    size_t n = 0;
    pthread_mutex_lock(&r->lock);
    const subject_t *s = state_subject(r, subject);
    int32_t *list = ARENA_ARRAY(a, int32_t, (s ? s->versions.len : 0) + 1);
    for (size_t i = 0; s && i < s->versions.len; i++)
        if (counts(&s->versions.ptr[i], filter))
            list[n++] = s->versions.ptr[i].version;
    bool any = state_has_versions(r, subject, filter != REGISTRY_ACTIVE);
    pthread_mutex_unlock(&r->lock);
    if (!any)
        return state_no_subject(subject, err);
    *ret = list;
    *ret_n = n;
    return ST_OK;
}

/* ---- lists over all */

/* ":*:p" is what begins with p in any context, ":.c:p" in that one, ":.c" all contexts that begin
 * so, and p alone is in the default one. */
static bool has_prefix(str_t name, str_t prefix)
{
    name_t n = name_split(name), p = name_split(prefix);
    bool open =
        str_starts(prefix, STR(":.")) && str_find_char(str_sub(prefix, 1, prefix.len), ':') < 0;
    if (open)
        return str_starts(n.context, p.context);
    return str_starts(n.subject, p.subject) &&
           (str_eq(p.context, STR("*")) || str_eq(n.context, p.context));
}

static int compare_subjects(const void *a, const void *b)
{
    return str_cmp((*(const subject_t *const *)a)->name, (*(const subject_t *const *)b)->name);
}

/* The subject that a name with this prefix stands for; STR_NONE: it is no alias, or has another
 * prefix. */
static str_t aliased(arena_t *a, const setting_t *s, str_t prefix)
{
    str_t alias = s->has_config ? s->config.value[CONFIG_ALIAS] : STR_NONE;
    return alias.len && has_prefix(s->name, prefix) ? name_of_kin(a, s->name, alias) : STR_NONE;
}

static bool has_alias(const registry_t *r, arena_t *a, str_t subject, str_t prefix)
{
    for (map_entry_t *e = NULL; (e = map_next(&r->settings, e));)
        if (str_eq(aliased(a, e->value, prefix), subject))
            return true;
    return false;
}

/* Those with a version at all, sorted. aliases: also those that a name with the prefix stands for.
 */
static const subject_t **subjects_of(const registry_t *r, arena_t *a, str_t prefix, bool aliases,
                                     size_t *ret_n)
{
    const subject_t **list = ARENA_ARRAY(a, const subject_t *, r->subjects.len + 1);
    size_t n = 0;
    for (map_entry_t *e = NULL; (e = map_next(&r->subjects, e));)
        if (state_newest(e->value, true) &&
            (has_prefix(e->key, prefix) || (aliases && has_alias(r, a, e->key, prefix))))
            list[n++] = e->value;
    qsort(list, n, sizeof *list, compare_subjects);
    *ret_n = n;
    return list;
}

void registry_subjects(registry_t *r, arena_t *a, str_t prefix, registry_filter_t filter,
                       str_t **ret, size_t *ret_n)
{
    size_t n;
    pthread_mutex_lock(&r->lock);
    const subject_t **list = subjects_of(r, a, prefix, false, &n);
    *ret = ARENA_ARRAY(a, str_t, n + 1);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        bool active = state_newest(list[i], false);
        if (filter == REGISTRY_WITH_DELETED || (filter == REGISTRY_ACTIVE ? active : !active))
            (*ret)[(*ret_n)++] = list[i]->name;
    }
    pthread_mutex_unlock(&r->lock);
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

void registry_aliases(registry_t *r, arena_t *a, str_t subject, str_t prefix, str_t **ret,
                      size_t *ret_n)
{
    pthread_mutex_lock(&r->lock);
    *ret = ARENA_ARRAY(a, str_t, r->settings.len + 1);
    *ret_n = 0;
    for (map_entry_t *e = NULL; (e = map_next(&r->settings, e));)
        if (str_eq(aliased(a, e->value, prefix), subject))
            (*ret)[(*ret_n)++] = arena_str(a, e->key);
    pthread_mutex_unlock(&r->lock);
    qsort(*ret, *ret_n, sizeof **ret, compare_names);
}

void registry_search(registry_t *r, arena_t *a, str_t prefix, registry_filter_t filter,
                     bool latest_only, bool aliases, registry_schema_t **ret, size_t *ret_n)
{
    size_t n, n_versions = 0, out = 0;
    pthread_mutex_lock(&r->lock);
    const subject_t **list = subjects_of(r, a, prefix, aliases, &n);
    for (size_t i = 0; i < n; i++)
        n_versions += list[i]->versions.len;
    registry_schema_t *found = ARENA_ARRAY(a, registry_schema_t, n_versions + 1);
    for (size_t i = 0; i < n; i++) {
        size_t first = out;
        for (size_t k = 0; k < list[i]->versions.len; k++)
            if (counts(&list[i]->versions.ptr[k], filter))
                found[out++] = state_describe(list[i], &list[i]->versions.ptr[k]);
        if (latest_only && out > first) {
            found[first] = found[out - 1];
            out = first + 1;
        }
    }
    pthread_mutex_unlock(&r->lock);
    *ret = found;
    *ret_n = out;
}

void registry_contexts(registry_t *r, arena_t *a, str_t **ret, size_t *ret_n)
{
    pthread_mutex_lock(&r->lock);
    context_t **context = state_contexts(r, a, ret_n);
    *ret = ARENA_ARRAY(a, str_t, *ret_n + 1);
    for (size_t i = 0; i < *ret_n; i++)
        (*ret)[i] = context[i]->name;
    pthread_mutex_unlock(&r->lock);
}

static bool is_active(const schema_t *s)
{
    for (const use_t *u = s->uses; u; u = u->next)
        if (!state_version(u->subject, u->version)->deleted)
            return true;
    return false;
}

static int compare_ids(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

void registry_referrers(registry_t *r, arena_t *a, str_t subject, int32_t version, bool deleted,
                        int32_t **ret, size_t *ret_n)
{
    VEC(int32_t) ids = {0};
    size_t n;
    pthread_mutex_lock(&r->lock);
    context_t **context = state_contexts(r, a, &n);
    for (size_t i = 0; i < n; i++) {
        size_t first = ids.len;
        for (size_t k = 0; k < context[i]->referrers.len; k++) {
            const schema_t *s = context[i]->referrers.ptr[k];
            if (s->uses && (deleted || is_active(s)) &&
                state_refers(a, s, context[i]->name, subject, version))
                VEC_PUSH(&ids, s->id);
        }
        if (ids.len > first)
            qsort(ids.ptr + first, ids.len - first, sizeof *ids.ptr, compare_ids);
    }
    pthread_mutex_unlock(&r->lock);
    *ret = ARENA_ARRAY(a, int32_t, ids.len + 1);
    if (ids.len)
        memcpy(*ret, ids.ptr, ids.len * sizeof *ids.ptr);
    *ret_n = ids.len;
    VEC_DONE(&ids);
}
