#include "registry/api/call.h"

#include "http/parse.h"
#include "registry/content.h"
#include "registry/name.h"

/* ---- names and numbers of the request */

st_t call_context(call_t *c, str_t *ret)
{
    str_t text = http_param(c->http, "context");
    *ret = STR("");
    return text.ptr ? name_context(c->arena, text, ret, &c->err) : ST_OK;
}

st_t call_subject_of(call_t *c, str_t text, bool alias, str_t *ret)
{
    str_t context;
    TRY(call_context(c, &context));
    if (!str_starts(text, STR(":.")) && !str_starts(text, NAME_ALL_CONTEXTS))
        text = arena_printf(c->arena, STR_FMT STR_FMT, STR_ARG(context), STR_ARG(text));
    text = name_normal(c->arena, text);
    *ret = alias ? registry_alias(c->registry, c->arena, text) : text;
    return ST_OK;
}

st_t call_subject(call_t *c, bool alias, str_t *ret)
{
    str_t text = http_param(c->http, "subject");
    return call_subject_of(c, text.ptr ? text : STR(""), alias, ret);
}

st_t call_version(call_t *c, int32_t *ret)
{
    str_t raw = http_param(c->http, "version"), text = str_trim(raw);
    int32_t v = 0;
    bool latest = str_eq_nocase(text, STR("latest"));
    bool number = !latest && str_to_i32(text, &v);
    if (!latest && !(number && (v > 0 || v == REGISTRY_LATEST)))
        return err_set(&c->err, ST_BAD_VERSION,
                       "The specified version '" STR_FMT "' is not a valid version id. Allowed "
                       "values are between [1, 2^31-1] and the string \"latest\"",
                       STR_ARG(raw));
    *ret = latest ? REGISTRY_LATEST : v;
    return ST_OK;
}

static st_t no_such_path(call_t *c)
{
    return call_fail(c, 404, "HTTP 404 Not Found");
}

st_t call_id(call_t *c, int32_t *ret)
{
    return str_to_i32(http_param(c->http, "id"), ret) ? ST_OK : no_such_path(c);
}

bool call_flag(call_t *c, const char *name)
{
    return str_eq_nocase(http_query(c->http, name), STR("true"));
}

static ST read_int(call_t *c, const char *name, int32_t otherwise, int32_t *ret)
{
    str_t text = http_query(c->http, name);
    *ret = otherwise;
    return !text.len || str_to_i32(text, ret) ? ST_OK : no_such_path(c);
}

st_t call_page(call_t *c, size_t n, size_t max_limit, size_t *ret_from, size_t *ret_to)
{
    int32_t offset, limit;
    TRY(read_int(c, "offset", 0, &offset));
    TRY(read_int(c, "limit", -1, &limit));
    size_t size = limit > 0 ? (size_t)limit : SIZE_MAX;
    if (max_limit && size > max_limit)
        size = max_limit;
    size_t from = offset > 0 ? (size_t)offset : 0;
    *ret_from = from < n ? from : n;
    *ret_to = n - *ret_from < size ? n : *ret_from + size;
    return ST_OK;
}

registry_filter_t call_filter(call_t *c)
{
    if (call_flag(c, "deletedOnly"))
        return REGISTRY_DELETED_ONLY;
    return call_flag(c, "deleted") ? REGISTRY_WITH_DELETED : REGISTRY_ACTIVE;
}

kind_form_t call_form(call_t *c)
{
    static const struct {
        const char *name;
        kind_form_t form;
    } forms[] = {{"resolved", KIND_RESOLVED},
                 {"serialized", KIND_SERIALIZED},
                 {"ignore_extensions", KIND_WITHOUT_EXTENSIONS}};
    str_t text = http_query(c->http, "format");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (str_eq_nocase(text, str_of(forms[i].name)))
            return forms[i].form;
    return KIND_STORED;
}

/* ---- the body */

/* Its first value; what follows does not count, as with Jackson. */
st_t call_body(call_t *c, const json_value_t **ret)
{
    str_t body = c->http->body;
    if (!str_trim(body).len)
        return call_fail(c, 422, "The request body must not be null");
    const char *at = body.ptr;
    json_value_t *value = ARENA_NEW(c->arena, json_value_t);
    if (json_read(c->arena, &at, body.ptr + body.len, 0, value, &c->err) != ST_OK) {
        c->code = 400;
        return err_wrap(&c->err, ST_BAD_INPUT, "Unable to process JSON");
    }
    if (value->kind == JSON_NULL)
        return call_fail(c, 422, "The request body must not be null");
    if (value->kind != JSON_OBJECT)
        return call_fail(c, 400, "Unable to process JSON: expected an object");
    *ret = value;
    return ST_OK;
}

st_t call_text(call_t *c, const json_value_t *body, const char *name, str_t *ret)
{
    const json_value_t *v = json_get(body, name);
    *ret = STR_NONE;
    if (!v || v->kind == JSON_NULL)
        return ST_OK;
    if (v->kind == JSON_ARRAY || v->kind == JSON_OBJECT)
        return call_fail(c, 400, "Unable to process JSON: \"%s\" must be a string", name);
    *ret = v->kind == JSON_BOOL ? (v->b ? STR("true") : STR("false")) : v->text;
    return ST_OK;
}

st_t call_int(call_t *c, const json_value_t *body, const char *name, int32_t *ret)
{
    str_t text;
    TRY(call_text(c, body, name, &text));
    *ret = 0;
    if (str_trim(text).len && !str_to_i32(str_trim(text), ret))
        return call_fail(c, 400, "Unable to process JSON: \"%s\" must be a whole number", name);
    return ST_OK;
}

static ST body_refs(call_t *c, const json_value_t *body, registry_input_t *in)
{
    const json_value_t *list = json_get(body, "references");
    if (!list || list->kind == JSON_NULL)
        return ST_OK;
    if (list->kind != JSON_ARRAY)
        return call_fail(c, 400, "Unable to process JSON: \"references\" must be an array");
    registry_ref_t *ref = ARENA_ARRAY(c->arena, registry_ref_t, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        if (list->item[i].kind != JSON_OBJECT)
            return call_fail(c, 400, "Unable to process JSON: a reference must be an object");
        TRY(call_text(c, &list->item[i], "name", &ref[i].name));
        TRY(call_text(c, &list->item[i], "subject", &ref[i].subject));
        TRY(call_int(c, &list->item[i], "version", &ref[i].version));
    }
    in->ref = ref;
    in->n_refs = list->n;
    return ST_OK;
}

static ST entity(call_t *c, const json_value_t *v, bool remove, registry_tags_t *ret)
{
    const json_value_t *e = json_get(v, "schemaEntity"), *list = json_get(v, "tags");
    str_t type = json_get_text(e, "entityType", STR(""));
    bool record = str_eq(type, STR("sr_record"));
    if (!record && !str_eq(type, STR("sr_field")))
        return call_fail(c, 400, "Unable to process JSON: \"entityType\" must be sr_record or "
                                 "sr_field");
    *ret = (registry_tags_t){.path = json_get_text(e, "entityPath", STR("")),
                             .is_record = record,
                             .remove = remove};
    str_t *tag = ARENA_ARRAY(c->arena, str_t, list ? list->n : 0);
    for (size_t i = 0; list && i < list->n; i++) {
        if (list->kind != JSON_ARRAY || list->item[i].kind != JSON_STRING)
            return call_fail(c, 400, "Unable to process JSON: \"tags\" must be an array of texts");
        tag[ret->n++] = list->item[i].text;
    }
    ret->tag = tag;
    return ST_OK;
}

st_t call_tags(call_t *c, const json_value_t *body, const char *name, bool remove,
               registry_tags_t **ret, size_t *ret_n)
{
    const json_value_t *list = json_get(body, name);
    size_t n = list && list->kind == JSON_ARRAY ? list->n : 0;
    if (list && list->kind != JSON_ARRAY && list->kind != JSON_NULL)
        return call_fail(c, 400, "Unable to process JSON: \"%s\" must be an array", name);
    registry_tags_t *all = ARENA_ARRAY(c->arena, registry_tags_t, *ret_n + n + 1);
    for (size_t i = 0; i < *ret_n; i++)
        all[i] = (*ret)[i];
    for (size_t i = 0; i < n; i++)
        TRY(entity(c, &list->item[i], remove, &all[*ret_n + i]));
    *ret = all;
    *ret_n += n;
    return ST_OK;
}

/* Without a version it is the next one, which the metadata then say. */
static ST apply_tags(call_t *c, const json_value_t *body, str_t subject, registry_input_t *in)
{
    registry_tags_t *change = NULL;
    size_t n = 0;
    TRY(call_tags(c, body, "schemaTagsToAdd", false, &change, &n));
    TRY(call_tags(c, body, "schemaTagsToRemove", true, &change, &n));
    if (json_get_bool(body, "propagateSchemaTags", false))
        TRY(registry_keep_tags(c->registry, c->arena, subject, in, &in->text, &c->err));
    if (!n)
        return ST_OK;
    TRY(registry_retag(c->registry, c->arena, subject, in, change, n, &in->text, &c->err));
    in->version = in->version ? in->version : REGISTRY_LATEST;
    return ST_OK;
}

st_t call_input(call_t *c, str_t subject, registry_input_t *ret)
{
    const json_value_t *body;
    registry_input_t in = {.normalize = call_flag(c, "normalize")};
    TRY(call_body(c, &body));
    TRY(call_text(c, body, "schemaType", &in.type));
    TRY(call_text(c, body, "schema", &in.text));
    TRY(call_int(c, body, "version", &in.version));
    TRY(call_int(c, body, "id", &in.id));
    TRY(body_refs(c, body, &in));
    TRY(content_metadata(c->arena, json_get(body, "metadata"), &in.metadata, &c->err));
    TRY(content_rules(c->arena, json_get(body, "ruleSet"), &in.rules, &c->err));
    if (in.text.len > CALL_SCHEMA_BYTES_MAX)
        return err_set(&c->err, ST_TOO_LARGE,
                       "Register operation failed because schema is too large");
    TRY(apply_tags(c, body, subject, &in));
    *ret = in;
    return ST_OK;
}

/* ---- answers */

static void put_guid(buf_t *b, const uint8_t guid[16])
{
    json_put_name(b, "guid");
    buf_put_char(b, '"');
    for (int i = 0; i < 16; i++)
        buf_printf(b, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", guid[i]);
    buf_put_char(b, '"');
}

static void put_refs(call_t *c, buf_t *b, const registry_schema_t *s)
{
    bool qualified = str_eq(http_query(c->http, "referenceFormat"), STR("qualified"));
    json_put_name(b, "references");
    buf_put_char(b, '[');
    for (size_t i = 0; i < s->n_refs; i++) {
        str_t subject = s->ref[i].subject;
        if (qualified)
            subject = name_of_kin(c->arena, s->subject, subject);
        json_put_item(b);
        buf_put_char(b, '{');
        json_put_member_str(b, "name", s->ref[i].name);
        json_put_member_str(b, "subject", subject);
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

static bool asked_for(str_t wanted, const registry_tags_t *t)
{
    str_t one;
    while (str_split(&wanted, ',', &one)) {
        if (str_eq(one, STR("*")))
            return true;
        for (size_t i = 0; i < t->n; i++)
            if (str_eq(one, t->tag[i]))
                return true;
    }
    return false;
}

/* Every findTags of the query, with commas between them. */
static str_t tags_wanted(call_t *c)
{
    str_t rest = c->http->query, pair, name, all = STR("");
    while (str_split(&rest, '&', &pair)) {
        str_t value = pair;
        if (str_split(&value, '=', &name) && str_eq(name, STR("findTags")) &&
            http_percent_decode(c->arena, value, true, &value))
            all = arena_printf(c->arena, STR_FMT "%s" STR_FMT, STR_ARG(all), all.len ? "," : "",
                               STR_ARG(value));
    }
    return all;
}

st_t call_put_tags(call_t *c, buf_t *b, const registry_schema_t *s)
{
    str_t wanted = tags_wanted(c);
    registry_tags_t *t;
    size_t n;
    if (!wanted.len)
        return ST_OK;
    TRY(registry_tags(c->registry, c->arena, s, &t, &n, &c->err));
    json_put_name(b, "schemaTags");
    buf_put_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (!asked_for(wanted, &t[i]))
            continue;
        json_put_item(b);
        BUF_LIT(b, "{\"schemaEntity\":{");
        json_put_member_str(b, "entityPath", t[i].path);
        json_put_member_str(b, "entityType", t[i].is_record ? STR("sr_record") : STR("sr_field"));
        BUF_LIT(b, "},\"tags\":");
        call_put_texts(b, t[i].tag, t[i].n);
        buf_put_char(b, '}');
    }
    buf_put_char(b, ']');
    return ST_OK;
}

st_t call_put_schema(call_t *c, buf_t *b, const registry_schema_t *s, unsigned fields)
{
    kind_form_t form = call_form(c);
    str_t text = s->text;
    if (form != KIND_STORED) {
        buf_t t = BUF_INIT;
        st_t st = registry_put_text(c->registry, &t, s, form, &c->err);
        text = arena_str(c->arena, buf_str(&t));
        buf_done(&t);
        TRY(st);
    }
    buf_put_char(b, '{');
    if (fields & CALL_SUBJECT)
        json_put_member_str(b, "subject", s->subject);
    if (fields & (CALL_SUBJECT | CALL_VERSION))
        json_put_member_i64(b, "version", s->version);
    if (fields & CALL_ID)
        json_put_member_i64(b, "id", s->id);
    uint8_t guid[16];
    registry_guid(c->registry, s, guid);
    put_guid(b, guid);
    json_put_member_str(b, "schemaType", s->type);
    if (s->n_refs)
        put_refs(c, b, s);
    put_raw(b, "metadata", s->metadata);
    put_raw(b, "ruleSet", s->rules);
    json_put_member_str(b, "schema", text);
    TRY(call_put_tags(c, b, s));
    if (fields & CALL_STORED) {
        json_put_member_i64(b, "ts", s->ts_ms);
        json_put_member_bool(b, "deleted", s->deleted);
    }
    buf_put_char(b, '}');
    return ST_OK;
}

void call_put_ids(buf_t *b, const int32_t *id, size_t n)
{
    buf_put_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        json_put_item(b);
        buf_put_i64(b, id[i]);
    }
    buf_put_char(b, ']');
}

void call_put_texts(buf_t *b, const str_t *text, size_t n)
{
    buf_put_char(b, '[');
    for (size_t i = 0; i < n; i++) {
        json_put_item(b);
        json_put_str(b, text[i]);
    }
    buf_put_char(b, ']');
}
