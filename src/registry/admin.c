/* Listing, deleting, levels and modes. */
#include "registry/state.h"

#include <stdlib.h>

static const char *const level_names[REGISTRY_LEVELS] = {
    "NONE", "BACKWARD",       "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE",
    "FULL", "FULL_TRANSITIVE"};
static const char *const mode_names[REGISTRY_MODES] = {"READWRITE", "READONLY", "READONLY_OVERRIDE",
                                                       "IMPORT"};

const char *registry_level_name(registry_level_t level)
{
    return level_names[level];
}

const char *registry_mode_name(registry_mode_t mode)
{
    return mode_names[mode];
}

bool registry_level_parse(str_t text, registry_level_t *ret)
{
    for (int i = 0; i < REGISTRY_LEVELS; i++)
        if (str_eq_nocase(text, str_of(level_names[i]))) {
            *ret = (registry_level_t)i;
            return true;
        }
    return false;
}

bool registry_mode_parse(str_t text, registry_mode_t *ret)
{
    for (int i = 0; i < REGISTRY_MODES; i++)
        if (str_eq_nocase(text, str_of(mode_names[i]))) {
            *ret = (registry_mode_t)i;
            return true;
        }
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

void registry_subjects(registry_t *r, arena_t *a, str_t prefix, bool deleted, str_t **ret,
                       size_t *ret_n)
{
    pthread_mutex_lock(&r->lock);
    str_t *name = ARENA_ARRAY(a, str_t, r->subjects.len);
    size_t n = 0;
    for (map_entry_t *e = NULL; (e = map_next(&r->subjects, e));) {
        subject_t *s = e->value;
        if (state_newest(s, deleted) && str_starts(s->name, prefix))
            name[n++] = s->name;
    }
    pthread_mutex_unlock(&r->lock);
    if (n)
        qsort(name, n, sizeof *name, compare_names);
    *ret = name;
    *ret_n = n;
}

static void list_versions(arena_t *a, const subject_t *s, bool deleted, int32_t **ret,
                          size_t *ret_n)
{
    int32_t *list = ARENA_ARRAY(a, int32_t, s->versions.len);
    size_t n = 0;
    for (size_t i = 0; i < s->versions.len; i++)
        if (deleted || !s->versions.ptr[i].deleted)
            list[n++] = s->versions.ptr[i].version;
    *ret = list;
    *ret_n = n;
}

st_t registry_versions(registry_t *r, arena_t *a, str_t subject, bool deleted, int32_t **ret,
                       size_t *ret_n, err_t *err)
{
    pthread_mutex_lock(&r->lock);
    subject_t *s = state_subject(r, subject, false);
    st_t st = state_newest(s, deleted) ? ST_OK : state_no_subject(subject, err);
    if (st == ST_OK)
        list_versions(a, s, deleted, ret, ret_n);
    pthread_mutex_unlock(&r->lock);
    return st;
}

static bool refers(const schema_t *s, str_t subject, int32_t version)
{
    for (size_t i = 0; i < s->n_refs; i++)
        if (str_eq(s->ref[i].subject, subject) && s->ref[i].version == version)
            return true;
    return false;
}

static ST check_unreferenced(registry_t *r, str_t subject, int32_t version, err_t *err)
{
    for (map_entry_t *e = NULL; (e = map_next(&r->subjects, e));) {
        const subject_t *s = e->value;
        for (size_t i = 0; i < s->versions.len; i++)
            if (!s->versions.ptr[i].deleted && refers(s->versions.ptr[i].schema, subject, version))
                return err_set(err, ST_EXISTS,
                               "One or more references exist to the schema {magic=1,keytype=SCHEMA,"
                               "subject=" STR_FMT ",version=%d}.",
                               STR_ARG(subject), version);
    }
    return ST_OK;
}

static ST delete_version(registry_t *r, str_t subject, int32_t version, bool permanent, err_t *err)
{
    version_t *v;
    change_t c;
    subject_t *s = state_subject(r, subject, false);
    TRY(state_may_write(r, s, subject, err));
    TRY(state_version(r, subject, version, true, &v, err));
    if (!permanent && v->deleted)
        return err_set(err, ST_NOT_FOUND,
                       "Subject '" STR_FMT "' Version %d was soft deleted.Set permanent=true to "
                       "delete permanently",
                       STR_ARG(subject), v->version);
    if (permanent && !v->deleted)
        return err_set(err, ST_NOT_FOUND,
                       "Subject '" STR_FMT "' Version %d was not deleted first before being "
                       "permanently deleted",
                       STR_ARG(subject), v->version);
    TRY(check_unreferenced(r, subject, v->version, err));
    change_init(&c);
    if (permanent)
        change_remove_schema(&c, subject, v->version);
    else
        change_schema(&c, subject, v->version, v->schema, true);
    st_t st = state_commit(r, &c, err);
    change_done(&c);
    return st;
}

st_t registry_delete_version(registry_t *r, str_t subject, int32_t version, bool permanent,
                             err_t *err)
{
    pthread_mutex_lock(&r->lock);
    st_t st = delete_version(r, subject, version, permanent, err);
    pthread_mutex_unlock(&r->lock);
    return st;
}

static ST delete_subject(registry_t *r, arena_t *a, str_t subject, bool permanent, int32_t **ret,
                         size_t *ret_n, err_t *err)
{
    subject_t *s = state_subject(r, subject, false);
    TRY(state_may_write(r, s, subject, err));
    version_t *last = state_newest(s, true);
    if (!last)
        return state_no_subject(subject, err);
    if (!permanent && !state_newest(s, false))
        return err_set(err, ST_NOT_FOUND,
                       "Subject '" STR_FMT "' was soft deleted.Set permanent=true to delete "
                       "permanently",
                       STR_ARG(subject));
    if (permanent && state_newest(s, false))
        return err_set(err, ST_NOT_FOUND,
                       "Subject '" STR_FMT
                       "' was not deleted first before being permanently deleted",
                       STR_ARG(subject));
    list_versions(a, s, permanent, ret, ret_n);
    for (size_t i = 0; i < *ret_n; i++)
        TRY(check_unreferenced(r, subject, (*ret)[i], err));
    change_t c;
    change_init(&c);
    for (size_t i = 0; permanent && i < *ret_n; i++)
        change_remove_schema(&c, subject, (*ret)[i]);
    if (permanent && s->level >= 0)
        change_level(&c, subject, -1);
    if (permanent && s->mode >= 0)
        change_mode(&c, subject, -1);
    change_delete_subject(&c, subject, permanent ? 0 : last->version);
    st_t st = state_commit(r, &c, err);
    change_done(&c);
    return st;
}

st_t registry_delete_subject(registry_t *r, arena_t *a, str_t subject, bool permanent,
                             int32_t **ret, size_t *ret_n, err_t *err)
{
    pthread_mutex_lock(&r->lock);
    st_t st = delete_subject(r, a, subject, permanent, ret, ret_n, err);
    pthread_mutex_unlock(&r->lock);
    return st;
}

/* A subject's own level or mode, else the global one. */
static ST get_setting(registry_t *r, str_t subject, bool inherit, bool level, int *ret, err_t *err)
{
    pthread_mutex_lock(&r->lock);
    const subject_t *s = subject.len ? state_subject(r, subject, false) : NULL;
    int own = !s ? -1 : level ? s->level : s->mode;
    if (own < 0 && (inherit || !subject.len))
        own = level ? r->level : r->mode;
    pthread_mutex_unlock(&r->lock);
    if (own < 0)
        return err_set(err, ST_NOT_FOUND,
                       "Subject '" STR_FMT "' does not have subject-level %s "
                       "configured",
                       STR_ARG(subject), level ? "compatibility" : "mode");
    *ret = own;
    return ST_OK;
}

static ST set_setting(registry_t *r, str_t subject, bool level, int value, err_t *err)
{
    change_t c;
    change_init(&c);
    if (level)
        change_level(&c, subject, value);
    else
        change_mode(&c, subject, value);
    pthread_mutex_lock(&r->lock);
    st_t st = state_commit(r, &c, err);
    pthread_mutex_unlock(&r->lock);
    change_done(&c);
    return st;
}

st_t registry_level(registry_t *r, str_t subject, bool inherit, registry_level_t *ret, err_t *err)
{
    int value = 0;
    TRY(get_setting(r, subject, inherit, true, &value, err));
    *ret = (registry_level_t)value;
    return ST_OK;
}

st_t registry_set_level(registry_t *r, str_t subject, registry_level_t level, err_t *err)
{
    return set_setting(r, subject, true, (int)level, err);
}

st_t registry_unset_level(registry_t *r, str_t subject, err_t *err)
{
    registry_level_t own;
    TRY(registry_level(r, subject, false, &own, err));
    return set_setting(r, subject, true, -1, err);
}

st_t registry_mode(registry_t *r, str_t subject, bool inherit, registry_mode_t *ret, err_t *err)
{
    int value = 0;
    TRY(get_setting(r, subject, inherit, false, &value, err));
    *ret = (registry_mode_t)value;
    return ST_OK;
}

st_t registry_set_mode(registry_t *r, str_t subject, registry_mode_t mode, err_t *err)
{
    return set_setting(r, subject, false, (int)mode, err);
}
