/* Subjects and their versions; checks of compatibility. */
#include "registry/api/call.h"
#include "registry/content.h"
#include "registry/name.h"

st_t api_subjects(call_t *c, buf_t *b)
{
    str_t prefix = http_query(c->http, "subjectPrefix"), *name;
    size_t n, from, to;
    if (http_param(c->http, "context").ptr)
        TRY(call_subject_of(c, prefix.ptr ? prefix : STR(""), false, &prefix));
    registry_subjects(c->registry, c->arena, prefix.ptr ? prefix : NAME_ALL_CONTEXTS,
                      call_filter(c), &name, &n);
    TRY(call_page(c, n, 0, &from, &to));
    call_put_texts(b, name + from, to - from);
    return ST_OK;
}

st_t api_subject_lookup(call_t *c, buf_t *b)
{
    str_t subject;
    registry_input_t in;
    registry_schema_t s;
    TRY(call_subject(c, true, &subject));
    TRY(call_input(c, subject, &in));
    TRY(registry_lookup(c->registry, subject, &in, call_flag(c, "deleted"), &s, &c->err));
    return call_put_schema(c, b, &s, CALL_SUBJECT | CALL_ID | CALL_STORED);
}

st_t api_subject_delete(call_t *c, buf_t *b)
{
    str_t subject;
    int32_t *version;
    size_t n;
    TRY(call_subject(c, true, &subject));
    TRY(registry_delete_subject(c->registry, c->arena, subject, call_flag(c, "permanent"), &version,
                                &n, &c->err));
    call_put_ids(b, version, n);
    return ST_OK;
}

#define PROPERTIES_MAX 64

/* All values of a query parameter. */
static size_t all_of(call_t *c, const char *name, str_t *ret)
{
    http_request_t one = *c->http;
    str_t rest = c->http->query, pair;
    size_t n = 0;
    while (n < PROPERTIES_MAX && str_split(&rest, '&', &pair)) {
        one.query = pair;
        str_t value = http_query(&one, name);
        if (value.ptr)
            ret[n++] = value;
    }
    return n;
}

st_t api_subject_metadata(call_t *c, buf_t *b)
{
    str_t subject, key[PROPERTIES_MAX], value[PROPERTIES_MAX];
    registry_schema_t s;
    TRY(call_subject(c, true, &subject));
    size_t n = all_of(c, "key", key), n_values = all_of(c, "value", value);
    TRY(registry_with_metadata(c->registry, subject, key, value, n < n_values ? n : n_values,
                               call_flag(c, "deleted"), &s, &c->err));
    return call_put_schema(c, b, &s, CALL_SUBJECT | CALL_ID | CALL_STORED);
}

/* ---- versions */

/* What deleted versions are told by, beside the living. */
static ST put_signed(call_t *c, str_t subject, int32_t *version, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        registry_schema_t s;
        TRY(registry_version(c->registry, subject, version[i], true, &s, &c->err));
        if (s.deleted)
            version[i] = -version[i];
    }
    return ST_OK;
}

st_t api_versions(call_t *c, buf_t *b)
{
    str_t subject;
    int32_t *version;
    size_t n, from, to;
    bool negative = call_flag(c, "deletedAsNegative");
    TRY(call_subject(c, true, &subject));
    TRY(registry_versions(c->registry, c->arena, subject,
                          negative ? REGISTRY_WITH_DELETED : call_filter(c), &version, &n,
                          &c->err));
    TRY(call_page(c, n, 0, &from, &to));
    if (negative)
        TRY(put_signed(c, subject, version, n));
    call_put_ids(b, version + from, to - from);
    return ST_OK;
}

/* "… details: [a, b]": err has no room for them. */
static void tell_reasons(call_t *c, str_t subject, const kind_diff_t *d)
{
    buf_t b = BUF_INIT;
    buf_printf(&b,
               "Schema being registered is incompatible with an earlier schema for subject "
               "\"" STR_FMT "\", details: [",
               STR_ARG(subject));
    for (size_t i = 0; i < d->messages.len; i++) {
        buf_put_str(&b, i ? STR(", ") : STR(""));
        buf_put_str(&b, d->messages.ptr[i]);
    }
    buf_put_char(&b, ']');
    c->message = arena_str(c->arena, buf_str(&b));
    buf_done(&b);
}

static ST register_and_tell(call_t *c, str_t subject, const registry_input_t *in, buf_t *b)
{
    registry_schema_t s;
    kind_diff_t why = {.arena = c->arena};
    st_t st = registry_register(c->registry, subject, in, &s, &why, &c->err);
    if (st == ST_INCOMPATIBLE)
        tell_reasons(c, subject, &why);
    VEC_DONE(&why.messages);
    TRY(st);
    return call_put_schema(c, b, &s, CALL_ID | CALL_VERSION);
}

st_t api_version_register(call_t *c, buf_t *b)
{
    str_t subject;
    registry_input_t in;
    TRY(call_subject(c, true, &subject));
    TRY(call_input(c, subject, &in));
    in.force = call_flag(c, "force");
    return register_and_tell(c, subject, &in, b);
}

st_t api_version_delete(call_t *c, buf_t *b)
{
    str_t subject;
    int32_t version;
    TRY(call_subject(c, true, &subject));
    TRY(call_version(c, &version));
    TRY(registry_delete_version(c->registry, subject, version, call_flag(c, "permanent"), &version,
                                &c->err));
    buf_put_i64(b, version);
    return ST_OK;
}

static ST find_version(call_t *c, bool deleted, registry_schema_t *ret)
{
    str_t subject;
    int32_t version;
    TRY(call_subject(c, true, &subject));
    TRY(call_version(c, &version));
    return registry_version(c->registry, subject, version, deleted, ret, &c->err);
}

st_t api_version_get(call_t *c, buf_t *b)
{
    registry_schema_t s;
    TRY(find_version(c, call_flag(c, "deleted"), &s));
    return call_put_schema(c, b, &s, CALL_SUBJECT | CALL_ID | CALL_STORED);
}

st_t api_version_schema(call_t *c, buf_t *b)
{
    registry_schema_t s;
    TRY(find_version(c, call_flag(c, "deleted"), &s));
    return registry_put_text(c->registry, b, &s, call_form(c), &c->err);
}

st_t api_version_referencedby(call_t *c, buf_t *b)
{
    registry_schema_t s;
    int32_t *id;
    size_t n, from, to;
    TRY(find_version(c, true, &s));
    registry_referrers(c->registry, c->arena, s.subject, s.version, call_flag(c, "deleted"), &id,
                       &n);
    TRY(call_page(c, n, 1000, &from, &to));
    call_put_ids(b, id + from, to - from);
    return ST_OK;
}

/* ---- tags of a version make a new one */

static ST changed_rules(call_t *c, const json_value_t *body, str_t old, str_t *ret)
{
    str_t merged;
    const json_value_t *names = json_get(body, "rulesToRemove");
    TRY(content_rules(c->arena, json_get(body, "ruleSet"), ret, &c->err));
    if (ret->len)
        return ST_OK;
    TRY(content_rules(c->arena, json_get(body, "rulesToMerge"), &merged, &c->err));
    size_t n = 0, max = names && names->kind == JSON_ARRAY ? names->n : 0;
    str_t *name = ARENA_ARRAY(c->arena, str_t, max + 1);
    for (size_t i = 0; i < max; i++)
        if (names->item[i].kind == JSON_STRING)
            name[n++] = names->item[i].text;
    *ret = content_rules_without(c->arena, content_rules_merge(c->arena, old, merged), name, n);
    return ST_OK;
}

st_t api_version_tags(call_t *c, buf_t *b)
{
    registry_schema_t s;
    const json_value_t *body;
    registry_tags_t *change = NULL;
    size_t n = 0;
    TRY(find_version(c, false, &s));
    TRY(call_body(c, &body));
    TRY(call_tags(c, body, "tagsToAdd", false, &change, &n));
    TRY(call_tags(c, body, "tagsToRemove", true, &change, &n));
    registry_input_t in = {.type = s.type, .text = s.text, .ref = s.ref, .n_refs = s.n_refs};
    TRY(call_int(c, body, "newVersion", &in.version));
    in.version = in.version ? in.version : REGISTRY_LATEST;
    TRY(content_metadata(c->arena, json_get(body, "metadata"), &in.metadata, &c->err));
    in.metadata = in.metadata.len ? in.metadata : s.metadata;
    TRY(changed_rules(c, body, s.rules, &in.rules));
    TRY(registry_retag(c->registry, c->arena, s.subject, &in, change, n, &in.text, &c->err));
    return register_and_tell(c, s.subject, &in, b);
}

/* ---- compatibility */

static ST check(call_t *c, buf_t *b, int32_t version)
{
    str_t subject;
    registry_input_t in;
    kind_diff_t d = {.arena = c->arena};
    bool verbose = call_flag(c, "verbose");
    TRY(call_subject(c, true, &subject));
    TRY(call_input(c, subject, &in));
    st_t st = registry_check(c->registry, subject, version, &in, &d, &c->err);
    if (st == ST_BAD_SCHEMA && verbose) {
        kind_differ(&d, "%s", c->err.msg);
        st = ST_OK;
    }
    if (st == ST_OK) {
        buf_put_char(b, '{');
        json_put_member_bool(b, "is_compatible", !d.messages.len);
        if (verbose) {
            json_put_name(b, "messages");
            call_put_texts(b, d.messages.ptr, d.messages.len);
        }
        buf_put_char(b, '}');
    }
    VEC_DONE(&d.messages);
    return st;
}

st_t api_check_all(call_t *c, buf_t *b)
{
    return check(c, b, 0);
}

st_t api_check_one(call_t *c, buf_t *b)
{
    int32_t version;
    TRY(call_version(c, &version));
    return check(c, b, version);
}
