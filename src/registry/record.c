#include "registry/record.h"

#include "base/json.h"

void change_init(change_t *c)
{
    *c = (change_t){.keys = {NULL, 0, 0}};
    arena_init(&c->arena, ARENA_NO_LIMIT);
}

void change_done(change_t *c)
{
    VEC_DONE(&c->keys);
    VEC_DONE(&c->values);
    arena_done(&c->arena);
}

/* Takes both buffers. */
static void add(change_t *c, buf_t *key, buf_t *value)
{
    VEC_PUSH(&c->keys, arena_str(&c->arena, buf_str(key)));
    VEC_PUSH(&c->values, value->len ? arena_str(&c->arena, buf_str(value)) : STR_NONE);
    buf_done(key);
    buf_done(value);
}

static void put_schema_key(buf_t *b, str_t subject, int32_t version)
{
    BUF_LIT(b, "{\"keytype\":\"SCHEMA\"");
    json_put_member_str(b, "subject", subject);
    json_put_member_i64(b, "version", version);
    BUF_LIT(b, ",\"magic\":1}");
}

static void put_refs(buf_t *b, const registry_schema_t *s)
{
    json_put_name(b, "references");
    buf_put_char(b, '[');
    for (size_t i = 0; i < s->n_refs; i++) {
        json_put_item(b);
        buf_put_char(b, '{');
        json_put_member_str(b, "name", s->ref[i].name);
        json_put_member_str(b, "subject", s->ref[i].subject);
        json_put_member_i64(b, "version", s->ref[i].version);
        buf_put_char(b, '}');
    }
    buf_put_char(b, ']');
}

static void put_raw(buf_t *b, const char *name, str_t json)
{
    if (json.len) {
        json_put_name(b, name);
        buf_put_str(b, json);
    }
}

void change_schema(change_t *c, const registry_schema_t *s)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    put_schema_key(&key, s->subject, s->version);
    buf_put_char(&value, '{');
    json_put_member_str(&value, "subject", s->subject);
    json_put_member_i64(&value, "version", s->version);
    json_put_member_i64(&value, "id", s->id);
    if (!str_eq(s->type, STR("AVRO")))
        json_put_member_str(&value, "schemaType", s->type);
    if (s->n_refs)
        put_refs(&value, s);
    put_raw(&value, "metadata", s->metadata);
    put_raw(&value, "ruleSet", s->rules);
    json_put_member_str(&value, "schema", s->text);
    json_put_member_bool(&value, "deleted", s->deleted);
    buf_put_char(&value, '}');
    add(c, &key, &value);
}

void change_remove_schema(change_t *c, str_t subject, int32_t version)
{
    buf_t key = BUF_INIT, none = BUF_INIT;
    put_schema_key(&key, subject, version);
    add(c, &key, &none);
}

static void put_key(buf_t *b, const char *type, str_t name)
{
    buf_put_char(b, '{');
    json_put_member_str(b, "keytype", str_of(type));
    json_put_name(b, "subject");
    if (name.len)
        json_put_str(b, name);
    else
        BUF_LIT(b, "null");
    BUF_LIT(b, ",\"magic\":0}");
}

/* "{", and the subject unless it is all. */
static void put_head(buf_t *b, str_t name)
{
    buf_put_char(b, '{');
    if (name.len)
        json_put_member_str(b, "subject", name);
}

void change_delete_subject(change_t *c, str_t subject, int32_t version)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    put_key(&key, "DELETE_SUBJECT", subject);
    put_head(&value, subject);
    json_put_member_i64(&value, "version", version);
    buf_put_char(&value, '}');
    add(c, &key, &value);
}

void change_clear_subject(change_t *c, str_t name)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    put_key(&key, "CLEAR_SUBJECT", name);
    put_head(&value, name);
    buf_put_char(&value, '}');
    add(c, &key, &value);
}

void change_config(change_t *c, str_t name, const config_t *config)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    put_key(&key, "CONFIG", name);
    if (config) {
        put_head(&value, name);
        config_put(&value, config, false);
        buf_put_char(&value, '}');
    }
    add(c, &key, &value);
}

void change_mode(change_t *c, str_t name, const char *mode)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    put_key(&key, "MODE", name);
    if (mode) {
        put_head(&value, name);
        json_put_member_str(&value, "mode", str_of(mode));
        buf_put_char(&value, '}');
    }
    add(c, &key, &value);
}

void change_context(change_t *c, str_t context, bool exists)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    BUF_LIT(&key, "{\"keytype\":\"CONTEXT\",\"tenant\":\"default\"");
    json_put_member_str(&key, "context", context);
    BUF_LIT(&key, ",\"magic\":0}");
    if (exists) {
        BUF_LIT(&value, "{\"tenant\":\"default\"");
        json_put_member_str(&value, "context", context);
        buf_put_char(&value, '}');
    }
    add(c, &key, &value);
}
