/* Whether a schema may follow others, by the subject's level. */
#include "registry/content.h"
#include "registry/input.h"

#define OLD_SCHEMA_BYTES_MAX (10u << 10) /* of an old schema, in a message */

static bool is_transitive(config_level_t level)
{
    return level == CONFIG_BACKWARD_TRANSITIVE || level == CONFIG_FORWARD_TRANSITIVE ||
           level == CONFIG_FULL_TRANSITIVE;
}

static void diff(kind_diff_t *d, const kind_class_t *kind, const void *reader, const void *writer,
                 const char *reader_name, const char *writer_name)
{
    d->reader = reader_name;
    d->writer = writer_name;
    kind->diff(d, reader, writer);
}

/* Against one old version. */
static ST check_one(registry_t *r, arena_t *a, config_level_t level, const parsed_t *p,
                    const registry_schema_t *old, kind_diff_t *d, err_t *err)
{
    parsed_t q;
    if (!str_eq(p->s.type, old->type)) {
        kind_differ(d, "Incompatible because of different schema type");
        return ST_OK;
    }
    TRY(input_parse_stored(r, a, old, &q, err));
    bool forward = level != CONFIG_BACKWARD && level != CONFIG_BACKWARD_TRANSITIVE;
    bool backward = level != CONFIG_FORWARD && level != CONFIG_FORWARD_TRANSITIVE;
    if (forward)
        diff(d, p->kind, q.tree, p->tree, "old", "new");
    size_t n = d->messages.len;
    if (backward)
        diff(d, p->kind, p->tree, q.tree, "new", "old");
    if (backward ? d->messages.len == n : !n)
        return ST_OK;
    kind_differ(d, "{oldSchemaVersion: %d}", old->version);
    if (old->text.len <= OLD_SCHEMA_BYTES_MAX)
        kind_differ(d, "{oldSchema: '" STR_FMT "'}", STR_ARG(old->text));
    else
        kind_differ(d, "{oldSchema: <truncated> '%.*s...'}", (int)OLD_SCHEMA_BYTES_MAX,
                    old->text.ptr);
    return ST_OK;
}

/* With a compatibility group only versions of the same group are compared. */
static bool same_group(arena_t *a, const config_t *config, const parsed_t *p, const schema_t *old)
{
    str_t group = config->value[CONFIG_GROUP];
    if (!group.ptr)
        return true;
    str_t mine = content_property(a, p->s.metadata, group);
    str_t theirs = content_property(a, old->extras->metadata, group);
    return !mine.ptr == !theirs.ptr && str_eq(mine, theirs);
}

st_t compat_check(registry_t *r, arena_t *a, const config_t *config, const parsed_t *p,
                  const subject_t *s, const version_t *only, kind_diff_t *d, err_t *err)
{
    config_level_t level = config_level_of(config);
    if (level == CONFIG_NONE)
        return ST_OK;
    d->lenient = str_eq_nocase(config->value[CONFIG_POLICY], STR("LENIENT"));
    for (size_t i = s ? s->versions.len : 0; i-- > 0 && !d->messages.len;) {
        const version_t *v = &s->versions.ptr[i];
        if ((only && v != only) || v->deleted || !same_group(a, config, p, v->schema))
            continue;
        registry_schema_t old = state_describe(s, v);
        TRY(check_one(r, a, level, p, &old, d, err));
        if (!is_transitive(level))
            break;
    }
    if (d->messages.len)
        kind_differ(d, "{validateFields: '%s', compatibility: '%s'}",
                    config_is(config, CONFIG_VALIDATE_FIELDS) ? "true" : "false",
                    config_level_name(level));
    return ST_OK;
}
