/* Schemas by id and guid, over all subjects; contexts; what the server says of itself. */
#include "registry/api/call.h"
#include "registry/content.h"
#include "registry/name.h"

#define SEARCH_MAX 1000

/* The subject that says where to look for an id; a ptr of NULL: nothing does. */
static ST where(call_t *c, str_t *ret)
{
    str_t subject = http_query(c->http, "subject");
    if (subject.ptr || http_param(c->http, "context").ptr)
        TRY(call_subject_of(c, subject.ptr ? subject : STR(""), true, &subject));
    *ret = subject;
    return ST_OK;
}

static ST find_id(call_t *c, registry_schema_t *ret, str_t *ret_where)
{
    int32_t id;
    TRY(call_id(c, &id));
    TRY(where(c, ret_where));
    return registry_by_id(c->registry, id, *ret_where, ret, &c->err);
}

st_t api_id(call_t *c, buf_t *b)
{
    registry_schema_t s;
    str_t subject;
    TRY(find_id(c, &s, &subject));
    TRY(call_put_schema(c, b, &s, (s.subject.len ? CALL_SUBJECT : 0) | CALL_STORED));
    if (call_flag(c, "fetchMaxId")) {
        b->len--; /* back into the object */
        json_put_member_i64(b, "maxId", registry_max_id(c->registry, subject));
        buf_put_char(b, '}');
    }
    return ST_OK;
}

st_t api_id_schema(call_t *c, buf_t *b)
{
    registry_schema_t s;
    str_t subject;
    TRY(find_id(c, &s, &subject));
    return registry_put_text(c->registry, b, &s, call_form(c), &c->err);
}

static ST find_uses(call_t *c, registry_version_t **ret, size_t *ret_n)
{
    int32_t id;
    str_t subject;
    TRY(call_id(c, &id));
    TRY(where(c, &subject));
    return registry_uses(c->registry, c->arena, id, subject, call_flag(c, "deleted"), ret, ret_n,
                         &c->err);
}

st_t api_id_subjects(call_t *c, buf_t *b)
{
    registry_version_t *use;
    size_t n, from, to;
    TRY(find_uses(c, &use, &n));
    TRY(call_page(c, n, 0, &from, &to));
    buf_put_char(b, '[');
    for (size_t i = from; i < to; i++) {
        json_put_item(b);
        json_put_str(b, use[i].subject);
    }
    buf_put_char(b, ']');
    return ST_OK;
}

st_t api_id_versions(call_t *c, buf_t *b)
{
    registry_version_t *use;
    size_t n, from, to;
    TRY(find_uses(c, &use, &n));
    TRY(call_page(c, n, 0, &from, &to));
    buf_put_char(b, '[');
    for (size_t i = from; i < to; i++) {
        json_put_item(b);
        buf_put_char(b, '{');
        json_put_member_str(b, "subject", use[i].subject);
        json_put_member_i64(b, "version", use[i].version);
        buf_put_char(b, '}');
    }
    buf_put_char(b, ']');
    return ST_OK;
}

/* ---- guids */

static bool read_guid(str_t text, uint8_t ret[16])
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = str_hex_digit(text.ptr[i]);
        if (text.ptr[i] == '-')
            continue;
        if (digit < 0 || n == 32)
            return false;
        ret[n / 2] = (uint8_t)(ret[n / 2] << 4 | digit);
        n++;
    }
    return n == 32;
}

st_t api_guid(call_t *c, buf_t *b)
{
    uint8_t guid[16] = {0};
    registry_schema_t s;
    str_t text = http_param(c->http, "guid");
    if (!read_guid(text, guid) || registry_by_guid(c->registry, guid, &s, NULL) != ST_OK)
        return err_set(&c->err, ST_NO_SCHEMA, "Schema " STR_FMT " not found", STR_ARG(text));
    return call_put_schema(c, b, &s, CALL_STORED);
}

st_t api_guid_ids(call_t *c, buf_t *b)
{
    uint8_t guid[16] = {0};
    registry_id_t *id = NULL;
    size_t n = 0;
    if (read_guid(http_param(c->http, "guid"), guid))
        registry_ids_of_guid(c->registry, c->arena, guid, &id, &n);
    buf_put_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        json_put_item(b);
        buf_put_char(b, '{');
        json_put_member_str(b, "context", id[i].context);
        json_put_member_i64(b, "id", id[i].id);
        buf_put_char(b, '}');
    }
    buf_put_char(b, ']');
    return ST_OK;
}

/* ---- searching */

/* Drops those without a rule of the type. */
static size_t with_rule_type(call_t *c, registry_schema_t *s, size_t n, str_t type)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (content_has_rule_type(c->arena, s[i].rules, type))
            s[kept++] = s[i];
    return kept;
}

static ST put_with_aliases(call_t *c, buf_t *b, const registry_schema_t *s, str_t prefix)
{
    str_t *alias;
    size_t n;
    registry_aliases(c->registry, c->arena, s->subject, prefix, &alias, &n);
    TRY(call_put_schema(c, b, s, CALL_SUBJECT | CALL_ID | CALL_STORED));
    if (n) {
        b->len--; /* back into the object */
        json_put_name(b, "aliases");
        call_put_texts(b, alias, n);
        buf_put_char(b, '}');
    }
    return ST_OK;
}

st_t api_schemas(call_t *c, buf_t *b)
{
    str_t prefix = http_query(c->http, "subjectPrefix"), type = http_query(c->http, "ruleType");
    bool aliases = call_flag(c, "aliases");
    registry_schema_t *s;
    size_t n, from, to;
    if (http_param(c->http, "context").ptr)
        TRY(call_subject_of(c, prefix.ptr ? prefix : STR(""), false, &prefix));
    prefix = prefix.ptr ? prefix : STR("");
    registry_search(c->registry, c->arena, prefix,
                    call_flag(c, "deleted") ? REGISTRY_WITH_DELETED : REGISTRY_ACTIVE,
                    call_flag(c, "latestOnly"), aliases, &s, &n);
    if (type.len)
        n = with_rule_type(c, s, n, type);
    TRY(call_page(c, n, SEARCH_MAX, &from, &to));
    buf_put_char(b, '[');
    for (size_t i = from; i < to; i++) {
        json_put_item(b);
        TRY(aliases ? put_with_aliases(c, b, &s[i], prefix)
                    : call_put_schema(c, b, &s[i], CALL_SUBJECT | CALL_ID | CALL_STORED));
    }
    buf_put_char(b, ']');
    return ST_OK;
}

/* ---- contexts and the server */

st_t api_contexts(call_t *c, buf_t *b)
{
    str_t *name, prefix = http_query(c->http, "contextPrefix");
    size_t n, kept = 0, from, to;
    registry_contexts(c->registry, c->arena, &name, &n);
    for (size_t i = 0; i < n; i++)
        if (str_starts(name[i], prefix))
            name[kept++] = name[i];
    TRY(call_page(c, kept, 0, &from, &to));
    call_put_texts(b, name + from, to - from);
    return ST_OK;
}

st_t api_context_delete(call_t *c, buf_t *b)
{
    str_t context;
    (void)b;
    TRY(call_context(c, &context));
    TRY(registry_delete_context(c->registry, context, &c->err));
    c->status = 204;
    return ST_OK;
}

st_t api_types(call_t *c, buf_t *b)
{
    static const char *const names[] = {
#define KIND(id) #id,
#include "registry/kinds.def"
#undef KIND
    };
    str_t name[sizeof names / sizeof *names];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        name[i] = arena_upper(c->arena, str_of(names[i]));
    call_put_texts(b, name, sizeof names / sizeof *names);
    return ST_OK;
}

st_t api_root(call_t *c, buf_t *b)
{
    (void)c;
    BUF_LIT(b, "{}");
    return ST_OK;
}

st_t api_metadata_id(call_t *c, buf_t *b)
{
    BUF_LIT(b, "{\"scope\":{\"path\":[],\"clusters\":{");
    json_put_member_str(b, "kafka-cluster", c->opt->cluster_id);
    json_put_member_str(b, "schema-registry-cluster", STR("schema-registry"));
    BUF_LIT(b, "}},\"id\":\"\"}");
    return ST_OK;
}

st_t api_metadata_version(call_t *c, buf_t *b)
{
    (void)c;
    BUF_LIT(b, "{\"version\":\"" API_VERSION "\",\"commitId\":\"arus-" ARUS_VERSION "\"}");
    return ST_OK;
}

st_t api_metadata_deployment(call_t *c, buf_t *b)
{
    (void)c;
    BUF_LIT(b, "{\"attributes\":[]}");
    return ST_OK;
}
