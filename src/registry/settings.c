/* Levels and other settings, modes, aliases. */
#include "registry/state.h"

static const char *const mode_names[REGISTRY_MODES] = {"READWRITE", "READONLY", "READONLY_OVERRIDE",
                                                       "IMPORT", "FORWARD"};

const char *registry_mode_name(registry_mode_t mode)
{
    return mode_names[mode];
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

/* These always have settings: their defaults. */
static bool is_global(str_t name)
{
    return !name.len || str_eq(name_split(name).context, STR(".__GLOBAL"));
}

static config_t with_level(config_t c)
{
    if (!c.value[CONFIG_LEVEL].ptr)
        c.value[CONFIG_LEVEL] = str_of(config_level_name(CONFIG_BACKWARD));
    return c;
}

st_t registry_config(registry_t *r, str_t name, bool inherit, config_t *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    const setting_t *own = state_setting(r, name);
    bool has_own = own && own->has_config;
    config_t c = {.value = {STR_NONE}};
    if (inherit)
        c = state_config(r, &a, name);
    else if (has_own)
        c = own->config;
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    if (!inherit && !has_own && !is_global(name))
        return err_set(err, ST_NO_LEVEL,
                       "Subject '" STR_FMT "' does not have subject-level compatibility configured",
                       STR_ARG(name));
    *ret = with_level(c);
    return ST_OK;
}

static ST commit_config(registry_t *r, str_t name, const config_t *config, err_t *err)
{
    change_t c;
    change_init(&c);
    change_config(&c, name, config);
    st_t st = state_commit(r, &c, err);
    change_done(&c);
    return st;
}

static ST set_config(registry_t *r, arena_t *a, str_t name, const json_value_t *request,
                     config_t *ret, err_t *err)
{
    const setting_t *own = state_setting(r, name);
    config_t c = own && own->has_config ? own->config : (config_t){.value = {STR_NONE}};
    TRY(config_read(a, request, true, &c, err));
    TRY(state_may_write(r, a, name, err));
    TRY(commit_config(r, name, &c, err));
    *ret = state_setting(r, name)->config;
    return ST_OK;
}

st_t registry_set_config(registry_t *r, str_t name, const json_value_t *request, config_t *ret,
                         err_t *err)
{
    arena_t a;
    if (!name_valid(name, true))
        return err_set(err, ST_BAD_SUBJECT, "The specified subject '" STR_FMT "' is not a valid.",
                       STR_ARG(name));
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = set_config(r, &a, name, request, ret, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return st;
}

st_t registry_unset_config(registry_t *r, str_t name, config_t *ret, err_t *err)
{
    arena_t a;
    if (registry_config(r, name, false, ret, NULL) != ST_OK)
        return state_no_subject(name, err);
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = state_may_write(r, &a, name, err);
    if (st == ST_OK)
        st = commit_config(r, name, NULL, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return st;
}

/* ---- modes */

st_t registry_mode(registry_t *r, str_t name, bool inherit, registry_mode_t *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    const setting_t *own = state_setting(r, name);
    int mode = own && own->mode >= 0 ? own->mode : -1;
    if (mode < 0 && inherit)
        mode = (int)state_mode(r, &a, name);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    if (mode < 0 && is_global(name))
        mode = REGISTRY_READWRITE;
    if (mode < 0)
        return err_set(err, ST_NO_MODE,
                       "Subject '" STR_FMT "' does not have subject-level mode configured",
                       STR_ARG(name));
    *ret = (registry_mode_t)mode;
    return ST_OK;
}

/* What is softly deleted makes room for what will be imported. */
static ST clear_for_import(registry_t *r, str_t name, change_t *c, err_t *err)
{
    str_t whole = name.len ? name : NAME_GLOBAL;
    if (state_has_versions(r, whole, false))
        return err_set(err, ST_DENIED, "Cannot import since found existing subjects");
    for (map_entry_t *e = NULL; (e = map_next(&r->subjects, e));) {
        const subject_t *s = e->value;
        for (size_t i = 0; name_within(s->name, whole) && i < s->versions.len; i++) {
            int32_t version = s->versions.ptr[i].version;
            if (state_referenced(r, s->name, version, true, STR("")))
                return state_is_referenced(s->name, version, err);
            change_remove_schema(c, s->name, version);
        }
    }
    change_clear_subject(c, name);
    return ST_OK;
}

static ST set_mode(registry_t *r, arena_t *a, str_t name, registry_mode_t mode, bool force,
                   change_t *c, err_t *err)
{
    if (mode == REGISTRY_IMPORT && state_mode(r, a, name) != REGISTRY_IMPORT && !force)
        TRY(clear_for_import(r, name, c, err));
    change_mode(c, name, registry_mode_name(mode));
    return state_commit(r, c, err);
}

st_t registry_set_mode(registry_t *r, str_t name, registry_mode_t mode, bool force, err_t *err)
{
    arena_t a;
    change_t c;
    if (!name_valid(name, true))
        return err_set(err, ST_BAD_SUBJECT, "The specified subject '" STR_FMT "' is not a valid.",
                       STR_ARG(name));
    if (mode == REGISTRY_FORWARD && !str_eq(name, NAME_GLOBAL))
        return err_set(err, ST_BAD_MODE, "Forward mode only supported on global level");
    arena_init(&a, ARENA_NO_LIMIT);
    change_init(&c);
    pthread_mutex_lock(&r->lock);
    st_t st = set_mode(r, &a, name, mode, force, &c, err);
    pthread_mutex_unlock(&r->lock);
    change_done(&c);
    arena_done(&a);
    return st;
}

static ST unset_mode(registry_t *r, str_t name, bool recursive, err_t *err)
{
    change_t c;
    change_init(&c);
    change_mode(&c, name, NULL);
    bool context = !name_split(name).subject.len;
    for (map_entry_t *e = NULL; recursive && context && (e = map_next(&r->settings, e));) {
        const setting_t *s = e->value;
        if (s->mode >= 0 && !str_eq(s->name, name) && name_within(s->name, name))
            change_mode(&c, s->name, NULL);
    }
    st_t st = state_commit(r, &c, err);
    change_done(&c);
    return st;
}

st_t registry_unset_mode(registry_t *r, str_t name, bool recursive, registry_mode_t *ret,
                         err_t *err)
{
    registry_mode_t was = REGISTRY_READWRITE;
    if (registry_mode(r, name, false, &was, NULL) != ST_OK && !recursive)
        return state_no_subject(name, err);
    pthread_mutex_lock(&r->lock);
    st_t st = unset_mode(r, name, recursive, err);
    pthread_mutex_unlock(&r->lock);
    TRY(st);
    *ret = was;
    return ST_OK;
}

str_t registry_alias(registry_t *r, arena_t *a, str_t subject)
{
    pthread_mutex_lock(&r->lock);
    const setting_t *own = subject.len ? state_setting(r, subject) : NULL;
    str_t alias = own && own->has_config ? own->config.value[CONFIG_ALIAS] : STR_NONE;
    pthread_mutex_unlock(&r->lock);
    return alias.len ? name_of_kin(a, subject, alias) : subject;
}
