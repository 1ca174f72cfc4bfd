/* Deleting: softly first, then for good. */
#include "registry/state.h"

/* Settings go with the last version. */
static void remove_settings(const registry_t *r, change_t *c, str_t subject)
{
    const setting_t *own = state_setting(r, subject);
    if (own && own->mode >= 0)
        change_mode(c, subject, NULL);
    if (own && own->has_config)
        change_config(c, subject, NULL);
}

static ST check_version(registry_t *r, str_t subject, const version_t *v, bool permanent,
                        err_t *err)
{
    if (state_referenced(r, subject, v->version, permanent, STR("")))
        return state_is_referenced(subject, v->version, err);
    if (permanent && !v->deleted)
        return err_set(err, ST_VERSION_NOT_DELETED,
                       "Subject '" STR_FMT "' Version %d was not deleted first before being "
                       "permanently deleted",
                       STR_ARG(subject), v->version);
    return ST_OK;
}

static ST delete_version(registry_t *r, arena_t *a, str_t subject, int32_t version, bool permanent,
                         int32_t *ret, err_t *err)
{
    const subject_t *s = state_subject(r, subject);
    bool latest = version == REGISTRY_LATEST;
    const version_t *v = latest ? state_newest(s, false) : state_version(s, version);
    if (!v)
        return state_newest(s, true) ? state_no_version(version, err)
                                     : state_no_subject(subject, err);
    if (!permanent && v->deleted)
        return err_set(err, ST_VERSION_DELETED,
                       "Subject '" STR_FMT "' Version %d was soft deleted.Set permanent=true to "
                       "delete permanently",
                       STR_ARG(subject), v->version);
    TRY(state_may_write(r, a, subject, err));
    TRY(check_version(r, subject, v, permanent, err));
    int32_t number = v->version;
    change_t c;
    change_init(&c);
    if (permanent) {
        change_remove_schema(&c, subject, number);
        if (s->versions.len == 1)
            remove_settings(r, &c, subject);
    } else {
        registry_schema_t d = state_describe(s, v);
        d.deleted = true;
        change_schema(&c, &d);
    }
    st_t st = state_commit(r, &c, err);
    change_done(&c);
    TRY(st);
    *ret = number;
    return ST_OK;
}

st_t registry_delete_version(registry_t *r, str_t subject, int32_t version, bool permanent,
                             int32_t *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = delete_version(r, &a, subject, version, permanent, ret, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return st;
}

static ST check_subject(registry_t *r, arena_t *a, str_t subject, bool permanent, err_t *err)
{
    const subject_t *s = state_subject(r, subject);
    if (!state_newest(s, true))
        return state_no_subject(subject, err);
    if (!permanent && !state_newest(s, false))
        return err_set(err, ST_SUBJECT_DELETED,
                       "Subject '" STR_FMT "' was soft deleted.Set permanent=true to delete "
                       "permanently",
                       STR_ARG(subject));
    TRY(state_may_write(r, a, subject, err));
    for (size_t i = 0; i < s->versions.len; i++) {
        const version_t *v = &s->versions.ptr[i];
        if (!permanent && v->deleted)
            continue;
        if (state_referenced(r, subject, v->version, permanent, subject))
            return state_is_referenced(subject, v->version, err);
        if (permanent && !v->deleted)
            return err_set(err, ST_SUBJECT_NOT_DELETED,
                           "Subject '" STR_FMT "' was not deleted first before being permanently "
                           "deleted",
                           STR_ARG(subject));
    }
    return ST_OK;
}

static ST delete_subject(registry_t *r, arena_t *a, str_t subject, bool permanent, int32_t **ret,
                         size_t *ret_n, err_t *err)
{
    TRY(check_subject(r, a, subject, permanent, err));
    const subject_t *s = state_subject(r, subject);
    int32_t *list = ARENA_ARRAY(a, int32_t, s->versions.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->versions.len; i++)
        if (permanent || !s->versions.ptr[i].deleted)
            list[n++] = s->versions.ptr[i].version;
    change_t c;
    change_init(&c);
    if (permanent) {
        for (size_t i = n; i-- > 0;)
            change_remove_schema(&c, subject, list[i]);
        remove_settings(r, &c, subject);
    } else {
        change_delete_subject(&c, subject, list[n - 1]);
    }
    st_t st = state_commit(r, &c, err);
    change_done(&c);
    TRY(st);
    *ret = list;
    *ret_n = n;
    return ST_OK;
}

st_t registry_delete_subject(registry_t *r, arena_t *a, str_t subject, bool permanent,
                             int32_t **ret, size_t *ret_n, err_t *err)
{
    pthread_mutex_lock(&r->lock);
    st_t st = delete_subject(r, a, subject, permanent, ret, ret_n, err);
    pthread_mutex_unlock(&r->lock);
    return st;
}

st_t registry_delete_context(registry_t *r, str_t context, err_t *err)
{
    st_t st = ST_OK;
    pthread_mutex_lock(&r->lock);
    if (state_has_versions(r, context, true)) {
        st = err_set(err, ST_CONTEXT_NOT_EMPTY, "The specified context '" STR_FMT "' is not empty.",
                     STR_ARG(context));
    } else if (context.len) {
        change_t c;
        change_init(&c);
        change_context(&c, name_split(context).context, false);
        st = state_commit(r, &c, err);
        change_done(&c);
    }
    pthread_mutex_unlock(&r->lock);
    return st;
}
