/* Config and mode: of all, a context, a subject. */
#include "registry/api/call.h"
#include "registry/name.h"

static void put_config(buf_t *b, const config_t *c, bool request)
{
    buf_put_char(b, '{');
    config_put(b, c, request);
    buf_put_char(b, '}');
}

st_t api_config_get(call_t *c, buf_t *b)
{
    str_t name;
    config_t config;
    TRY(call_subject(c, false, &name));
    TRY(registry_config(c->registry, name, call_flag(c, "defaultToGlobal"), &config, &c->err));
    put_config(b, &config, false);
    return ST_OK;
}

st_t api_config_set(call_t *c, buf_t *b)
{
    str_t name;
    config_t config;
    const json_value_t *body;
    TRY(call_subject(c, false, &name));
    TRY(call_body(c, &body));
    TRY(registry_set_config(c->registry, name, body, &config, &c->err));
    put_config(b, &config, true);
    return ST_OK;
}

st_t api_config_unset(call_t *c, buf_t *b)
{
    str_t name;
    config_t config;
    TRY(call_subject(c, false, &name));
    TRY(registry_unset_config(c->registry, name, &config, &c->err));
    put_config(b, &config, false);
    return ST_OK;
}

static void put_mode(buf_t *b, str_t mode)
{
    buf_put_char(b, '{');
    json_put_member_str(b, "mode", mode);
    buf_put_char(b, '}');
}

st_t api_mode_get(call_t *c, buf_t *b)
{
    str_t name;
    registry_mode_t mode;
    TRY(call_subject(c, false, &name));
    TRY(registry_mode(c->registry, name, call_flag(c, "defaultToGlobal"), &mode, &c->err));
    put_mode(b, str_of(registry_mode_name(mode)));
    return ST_OK;
}

st_t api_mode_set(call_t *c, buf_t *b)
{
    str_t name, text;
    registry_mode_t mode;
    const json_value_t *body;
    TRY(call_subject(c, false, &name));
    TRY(call_body(c, &body));
    TRY(call_text(c, body, "mode", &text));
    if (!registry_mode_parse(text, &mode))
        return err_set(&c->err, ST_BAD_MODE,
                       "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE, "
                       "IMPORT and FORWARD");
    TRY(registry_set_mode(c->registry, name, mode, call_flag(c, "force"), &c->err));
    put_mode(b, text);
    return ST_OK;
}

st_t api_mode_unset(call_t *c, buf_t *b)
{
    str_t name;
    registry_mode_t mode;
    TRY(call_subject(c, false, &name));
    TRY(registry_unset_mode(c->registry, name, call_flag(c, "recursive"), &mode, &c->err));
    put_mode(b, str_of(registry_mode_name(mode)));
    return ST_OK;
}
