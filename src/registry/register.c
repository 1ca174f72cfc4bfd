/* Registering, looking up, checking. */
#include "registry/content.h"
#include "registry/input.h"

/* ---- looking up */

static ST version_of_content(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                             bool deleted, bool latest_only, const version_t **ret, err_t *err)
{
    parsed_t p;
    config_t config = state_config(r, a, subject);
    registry_mode_t mode = state_mode(r, a, subject);
    bool as_is = mode == REGISTRY_IMPORT || mode == REGISTRY_FORWARD;
    bool normalize = in->normalize || config_is(&config, CONFIG_NORMALIZE);
    const subject_t *s = state_subject(r, subject);
    *ret = NULL;
    if (!str_trim(in->text).len)
        return ST_OK;
    TRY(input_parse(r, a, subject, in, false, normalize && !as_is, &p, err));
    if (!s)
        return ST_OK;
    const schema_t *known = state_by_content(s->context, &p.s);
    const version_t *v =
        known && str_eq(str_of(known->type), p.s.type) ? state_use(s, known) : NULL;
    if (v && !latest_only && (deleted || !v->deleted)) {
        *ret = v;
        return ST_OK;
    }
    for (size_t i = s->versions.len; i-- > 0;) {
        v = &s->versions.ptr[i];
        if (v->deleted && (!deleted || latest_only))
            continue;
        if (input_is(r, a, &p, s, v)) {
            *ret = v;
            return ST_OK;
        }
        if (latest_only)
            break;
    }
    return ST_OK;
}

/* Metadata and rules, with what the configuration adds and, if they say none, those of the version
 * before. */
static void fill_in(arena_t *a, const config_t *config, const version_t *before,
                    registry_input_t *in)
{
    str_t metadata = in->metadata.len || !before ? in->metadata : before->schema->extras->metadata;
    str_t rules = in->rules.len || !before ? in->rules : before->schema->extras->rules;
    metadata = content_metadata_merge(a, config->value[CONFIG_DEFAULT_METADATA], metadata);
    rules = content_rules_merge(a, config->value[CONFIG_DEFAULT_RULES], rules);
    in->metadata = content_metadata_merge(a, metadata, config->value[CONFIG_OVERRIDE_METADATA]);
    in->rules = content_rules_merge(a, rules, config->value[CONFIG_OVERRIDE_RULES]);
}

/* As it is, then as it would be registered. */
static ST lookup_here(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                      bool deleted, const version_t **ret, err_t *err)
{
    TRY(version_of_content(r, a, subject, in, deleted, false, ret, err));
    const version_t *newest = state_newest(state_subject(r, subject), false);
    if (*ret || !newest)
        return ST_OK;
    registry_input_t filled = *in;
    config_t config = state_config(r, a, subject);
    fill_in(a, &config, newest, &filled);
    if (str_eq(filled.metadata, in->metadata) && str_eq(filled.rules, in->rules))
        return ST_OK;
    return version_of_content(r, a, subject, &filled, deleted, false, ret, err);
}

static ST lookup_locked(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                        bool deleted, registry_schema_t *ret, err_t *err)
{
    const version_t *v;
    const subject_t *s = state_subject(r, subject);
    TRY(lookup_here(r, a, subject, in, deleted, &v, err));
    size_t n = 0;
    context_t **context = state_contexts(r, a, &n);
    if (!name_is_default(name_split(subject)))
        n = 0;
    for (size_t i = 1; i < n && !v; i++) {
        s = state_elsewhere(r, a, context, i, subject);
        if (s && lookup_here(r, a, s->name, in, deleted, &v, NULL) != ST_OK)
            v = NULL;
    }
    if (!v && !state_has_versions(r, subject, deleted))
        return state_no_subject(subject, err);
    if (!v)
        return err_set(err, ST_NO_SCHEMA, "Schema not found");
    *ret = state_describe(s, v);
    return ST_OK;
}

st_t registry_lookup(registry_t *r, str_t subject, const registry_input_t *in, bool deleted,
                     registry_schema_t *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = lookup_locked(r, &a, subject, in, deleted, ret, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return st;
}

/* ---- registering */

static bool has_extras(const config_t *c)
{
    return c->value[CONFIG_DEFAULT_METADATA].ptr || c->value[CONFIG_OVERRIDE_METADATA].ptr ||
           c->value[CONFIG_DEFAULT_RULES].ptr || c->value[CONFIG_OVERRIDE_RULES].ptr;
}

/* Whether a version that is there already is all that was asked for. Works in every mode. */
static ST find_existing(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                        const version_t **ret, err_t *err)
{
    const version_t *v;
    bool latest_only = in->version == REGISTRY_LATEST;
    *ret = NULL;
    TRY(version_of_content(r, a, subject, in, false, latest_only, &v, err));
    if (!v)
        return ST_OK;
    if (in->version == 0 || latest_only) {
        if (in->id <= 0 || in->id == v->schema->id)
            *ret = v;
    } else if (in->id == v->schema->id) {
        const version_t *older = state_version(state_subject(r, subject), in->version);
        if (older && !older->deleted && older->schema == v->schema)
            *ret = older;
    }
    return ST_OK;
}

static ST check_mode(registry_t *r, arena_t *a, str_t subject, bool has_id, err_t *err)
{
    registry_mode_t mode = state_mode(r, a, subject);
    str_t context = name_join(a, name_split(subject).context, STR(""));
    TRY(state_may_write(r, a, subject, err));
    if (has_id && mode != REGISTRY_IMPORT && mode != REGISTRY_FORWARD)
        return err_set(err, ST_DENIED,
                       "Subject " STR_FMT " in context " STR_FMT " is not in import mode",
                       STR_ARG(subject), STR_ARG(context));
    if (!has_id && mode != REGISTRY_READWRITE)
        return err_set(err, ST_DENIED,
                       "Subject " STR_FMT " in context " STR_FMT " is not in read-write mode",
                       STR_ARG(subject), STR_ARG(context));
    return ST_OK;
}

/* What was left out, from the configuration and the newest version. */
static void complete(arena_t *a, const config_t *config, const version_t *newest, int32_t next,
                     registry_input_t *in)
{
    if (!str_trim(in->text).len && newest) {
        registry_schema_t old = state_content(newest->schema);
        in->text = old.text;
        in->type = old.type;
        in->ref = old.ref;
        in->n_refs = old.n_refs;
    }
    fill_in(a, config, newest, in);
    if (in->version != 0 || content_property(a, in->metadata, CONTENT_VERSION).ptr)
        in->metadata =
            content_set_property(a, in->metadata, CONTENT_VERSION, arena_printf(a, "%d", next));
}

static ST check_compatible(registry_t *r, arena_t *a, const config_t *config, const parsed_t *p,
                           const subject_t *s, kind_diff_t *why, err_t *err)
{
    size_t before = why->messages.len;
    TRY(compat_check(r, a, config, p, s, NULL, why, err));
    if (why->messages.len == before)
        return ST_OK;
    return err_set(err, ST_INCOMPATIBLE,
                   "Schema being registered is incompatible with an earlier schema for subject "
                   "\"" STR_FMT "\", details: [" STR_FMT ", …]",
                   STR_ARG(s->name), STR_ARG(why->messages.ptr[before]));
}

/* What a record of Kafka's default size has room for. */
#define RECORD_BYTES_MAX (1048576 - 512)

/* Everything is settled but the id. */
static ST write_version(registry_t *r, arena_t *a, registry_schema_t *s, int32_t id, err_t *err)
{
    const subject_t *subject = state_subject(r, s->subject);
    str_t context_name = name_split(s->subject).context;
    const context_t *context = state_context(r, context_name);
    const schema_t *taken = id > 0 ? state_by_id(context, id) : NULL;
    if (taken && !state_same_content(taken, s))
        return err_set(err, ST_DENIED,
                       "Overwrite new schema with id %d in context " STR_FMT " is not permitted.",
                       id, STR_ARG(name_join(a, context_name, STR(""))));
    s->id = id > 0 ? id : context ? context->max_id + 1 : 1;
    if (s->id <= 0)
        return err_set(err, ST_LIMIT, "no schema id is left in context " STR_FMT,
                       STR_ARG(context_name));
    change_t c;
    change_init(&c);
    if (!str_eq(context_name, NAME_DEFAULT_CONTEXT) && !(context && context->known))
        change_context(&c, context_name, true);
    for (size_t i = 0; subject && i < subject->versions.len; i++) {
        const version_t *v = &subject->versions.ptr[i];
        if (v->deleted && v->schema->id == s->id && v->version < s->version &&
            !state_referenced(r, s->subject, v->version, true, STR("")))
            change_remove_schema(&c, s->subject, v->version);
    }
    change_schema(&c, s);
    st_t st = ST_TOO_LARGE;
    if (VEC_LAST(&c.values).len <= RECORD_BYTES_MAX)
        st = state_commit(r, &c, err);
    else
        (void)err_set(err, st, "Register operation failed because schema is too large");
    change_done(&c);
    return st;
}

/* asked: what was looked for already. */
static bool same_content(const registry_input_t *in, const registry_input_t *asked)
{
    return str_eq(in->text, asked->text) && str_eq(in->metadata, asked->metadata) &&
           str_eq(in->rules, asked->rules) && in->version == 0;
}

static ST register_new(registry_t *r, arena_t *a, str_t subject, registry_input_t in,
                       const config_t *config, const version_t **ret, kind_diff_t *why, err_t *err)
{
    const registry_input_t asked = in;
    parsed_t p;
    registry_mode_t mode = state_mode(r, a, subject);
    bool import = mode == REGISTRY_IMPORT || mode == REGISTRY_FORWARD;
    bool has_id = in.id > 0, normalize = in.normalize || config_is(config, CONFIG_NORMALIZE);
    const subject_t *s = state_subject(r, subject);
    const version_t *last = state_newest(s, true);
    int32_t next = last ? last->version + 1 : 1, id = in.id;
    TRY(check_mode(r, a, subject, has_id, err));
    if (!import)
        complete(a, config, state_newest(s, false), next, &in);
    bool lenient = str_eq(config->value[CONFIG_VALIDATE_NEW_SCHEMAS], STR("false"));
    TRY(input_parse(r, a, subject, &in, !has_id && !lenient, normalize && !import, &p, err));
    const schema_t *known = state_by_content(state_context(r, name_split(subject).context), &p.s);
    if (known && str_eq(str_of(known->type), p.s.type) && (!has_id || known->id == id)) {
        id = known->id;
        *ret = state_use(s, known);
        if (in.version == 0 && *ret && !(*ret)->deleted)
            return ST_OK;
    }
    bool searched = !has_extras(config) && same_content(&in, &asked) && !has_id;
    for (size_t i = s && in.version == 0 && !searched ? s->versions.len : 0; i-- > 0;) {
        *ret = &s->versions.ptr[i];
        if (!(*ret)->deleted && (id <= 0 || id == (*ret)->schema->id) &&
            input_is(r, a, &p, s, *ret))
            return ST_OK;
    }
    if (!import && !in.force)
        TRY(check_compatible(r, a, config, &p, s, why, err));
    if (in.version > 0 && in.version != next && !import)
        return err_set(err, ST_BAD_SCHEMA, "Version is not one more than previous version");
    p.s.version = in.version > 0 ? in.version : next;
    TRY(write_version(r, a, &p.s, id, err));
    *ret = state_version(state_subject(r, subject), p.s.version);
    return ST_OK;
}

static ST register_locked(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                          registry_schema_t *ret, kind_diff_t *why, err_t *err)
{
    const version_t *v = NULL;
    config_t config = state_config(r, a, subject);
    if (!has_extras(&config))
        TRY(find_existing(r, a, subject, in, &v, err));
    if (!v)
        TRY(register_new(r, a, subject, *in, &config, &v, why, err));
    *ret = state_describe(state_subject(r, subject), v);
    return ST_OK;
}

st_t registry_register(registry_t *r, str_t subject, const registry_input_t *in,
                       registry_schema_t *ret, kind_diff_t *why, err_t *err)
{
    arena_t a;
    if (!name_valid(subject, false))
        return err_set(err, ST_BAD_SUBJECT, "The specified subject '" STR_FMT "' is not a valid.",
                       STR_ARG(subject));
    arena_init(&a, ARENA_NO_LIMIT);
    kind_diff_t own = {.arena = &a};
    pthread_mutex_lock(&r->lock);
    st_t st = register_locked(r, &a, subject, in, ret, why ? why : &own, err);
    pthread_mutex_unlock(&r->lock);
    VEC_DONE(&own.messages);
    arena_done(&a);
    return st;
}

/* ---- checking */

static ST check_locked(registry_t *r, arena_t *a, str_t subject, int32_t version,
                       const registry_input_t *in, kind_diff_t *ret, err_t *err)
{
    parsed_t p;
    const subject_t *s = state_subject(r, subject);
    const version_t *only = version == REGISTRY_LATEST ? state_newest(s, false) : NULL;
    if (version > 0) {
        only = state_version(s, version);
        if (!only || only->deleted)
            return state_no_version(version, err);
    }
    config_t config = state_config(r, a, subject);
    bool normalize = in->normalize || config_is(&config, CONFIG_NORMALIZE);
    bool lenient = str_eq(config.value[CONFIG_VALIDATE_NEW_SCHEMAS], STR("false"));
    TRY(input_parse(r, a, subject, in, !lenient, normalize, &p, err));
    return compat_check(r, a, &config, &p, s, only, ret, err);
}

st_t registry_check(registry_t *r, str_t subject, int32_t version, const registry_input_t *in,
                    kind_diff_t *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = check_locked(r, &a, subject, version, in, ret, err);
    pthread_mutex_unlock(&r->lock);
    arena_done(&a);
    return st;
}

st_t registry_put_text(registry_t *r, buf_t *b, const registry_schema_t *s, kind_form_t form,
                       err_t *err)
{
    arena_t a;
    parsed_t p;
    if (form == KIND_STORED) {
        buf_put_str(b, s->text);
        return ST_OK;
    }
    arena_init(&a, ARENA_NO_LIMIT);
    pthread_mutex_lock(&r->lock);
    st_t st = input_parse_stored(r, &a, s, &p, err);
    pthread_mutex_unlock(&r->lock);
    if (st == ST_OK)
        p.kind->put(b, p.tree, form);
    arena_done(&a);
    return st;
}
