#include "registry/config.h"

#include "registry/content.h"

typedef enum type { TEXT, BOOL, LEVEL, POLICY, METADATA, RULES } type_t;

static const struct {
    const char *name;
    type_t type;
    bool inherited;
} configs[CONFIG_COUNT] = {
#define CONFIG(id, name, type, inherited) {name, type, inherited},
#include "registry/config.def"
#undef CONFIG
};

static const char *const level_names[CONFIG_LEVELS] = {
    "NONE", "BACKWARD",       "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE",
    "FULL", "FULL_TRANSITIVE"};
static const char *const policy_names[] = {"STRICT", "LENIENT", "LOGICAL"};

const char *config_level_name(config_level_t level)
{
    return level_names[level];
}

static str_t find_word(const char *const *words, int n, str_t text)
{
    for (int i = 0; i < n; i++)
        if (str_eq_nocase(text, str_of(words[i])))
            return str_of(words[i]);
    return STR_NONE;
}

static ST read_text(const json_value_t *v, str_t *ret, err_t *err)
{
    if (v->kind == JSON_BOOL)
        *ret = v->b ? STR("true") : STR("false");
    else if (v->kind == JSON_STRING || v->kind == JSON_NUMBER)
        *ret = v->text;
    else
        return err_set(err, ST_BAD_INPUT, "Unable to process JSON: a setting has the wrong type");
    return ST_OK;
}

static ST read_value(arena_t *a, const json_value_t *v, type_t type, str_t *ret, err_t *err)
{
    str_t text;
    if (type == METADATA)
        return content_metadata(a, v, ret, err);
    if (type == RULES)
        return content_rules(a, v, ret, err);
    TRY(read_text(v, &text, err));
    if (type == BOOL) {
        bool b;
        if (!str_to_bool(text, &b))
            return err_set(err, ST_BAD_INPUT, "Unable to process JSON: expected true or false");
        text = b ? STR("true") : STR("false");
    } else if (type == LEVEL) {
        text = find_word(level_names, CONFIG_LEVELS, text);
        if (!text.ptr)
            return err_set(err, ST_BAD_LEVEL,
                           "Invalid compatibility level. Valid values are none, backward, forward, "
                           "full, backward_transitive, forward_transitive, and full_transitive");
    } else if (type == POLICY) {
        text = find_word(policy_names, 3, text);
        if (!text.ptr)
            return err_set(err, ST_BAD_LEVEL,
                           "Invalid compatibility policy. Valid values are strict, lenient and "
                           "logical");
    }
    *ret = text;
    return ST_OK;
}

static const char *name_of(int id, bool request)
{
    return id == CONFIG_LEVEL && request ? "compatibility" : configs[id].name;
}

st_t config_read(arena_t *a, const json_value_t *o, bool request, config_t *c, err_t *err)
{
    config_t next = *c;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        const json_value_t *v = json_get(o, name_of(i, request));
        if (!v)
            continue;
        next.value[i] = STR_NONE;
        if (v->kind != JSON_NULL)
            TRY(read_value(a, v, configs[i].type, &next.value[i], err));
    }
    *c = next;
    return ST_OK;
}

void config_put(buf_t *b, const config_t *c, bool request)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        if (!c->value[i].ptr)
            continue;
        json_put_name(b, name_of(i, request));
        type_t type = configs[i].type;
        if (type == BOOL || type == METADATA || type == RULES)
            buf_put_str(b, c->value[i]);
        else
            json_put_str(b, c->value[i]);
    }
}

config_t config_copy(arena_t *a, const config_t *c)
{
    config_t copy = *c;
    for (int i = 0; i < CONFIG_COUNT; i++)
        if (c->value[i].ptr)
            copy.value[i] = arena_str(a, c->value[i]);
    return copy;
}

config_t config_merge(const config_t *global, const config_t *own)
{
    config_t c = *own;
    for (int i = 0; i < CONFIG_COUNT; i++)
        if (!c.value[i].ptr && configs[i].inherited)
            c.value[i] = global->value[i];
    return c;
}

bool config_is(const config_t *c, config_id_t id)
{
    return str_eq(c->value[id], STR("true"));
}

config_level_t config_level_of(const config_t *c)
{
    for (int i = 0; i < CONFIG_LEVELS; i++)
        if (str_eq(c->value[CONFIG_LEVEL], str_of(level_names[i])))
            return (config_level_t)i;
    return CONFIG_BACKWARD;
}
