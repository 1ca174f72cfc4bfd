/* call.h: a request to the registry, and what handlers share. Private to registry/api. */
#ifndef ARUS_REGISTRY_API_CALL_H
#define ARUS_REGISTRY_API_CALL_H

#include "http/http.h"
#include "registry/api/api.h"

#define CALL_BODY_BYTES_MAX   (16u << 20)
#define CALL_SCHEMA_BYTES_MAX (4u << 20) /* as it comes; what is kept must be smaller */

typedef struct call {
    const api_options_t *opt;
    registry_t *registry;
    http_request_t *http;
    arena_t *arena; /* the request's */
    int code;       /* the error_code, where the status alone does not say it; 0: it does */
    int status;     /* of the answer; 0: 200 */
    err_t err;
    str_t message; /* in place of err's, which is short; empty: err's */
} call_t;

/* A handler appends the answer's body to b. */
typedef st_t handler_t(call_t *c, buf_t *b);
#define ROUTE(method, path, name) MUST handler_t api_##name;
#include "registry/api/routes.def"
#undef ROUTE

/* Fails with this error_code, its HTTP status and a message. */
#define call_fail(c, error_code, ...)                                                              \
    ((c)->code = (error_code), err_set(&(c)->err, ST_BAD_INPUT, __VA_ARGS__))

/* ---- what the request says */

/* The path's subject, as a normal name; `alias` follows one. */
ST call_subject(call_t *c, bool alias, str_t *ret);
/* The same text, where it may have come by a query parameter. */
ST call_subject_of(call_t *c, str_t text, bool alias, str_t *ret);
/* The context of the path as the beginning of a name, "" without one. */
ST call_context(call_t *c, str_t *ret);
/* "latest" is REGISTRY_LATEST. ST_BAD_VERSION. */
ST call_version(call_t *c, int32_t *ret);
ST call_id(call_t *c, int32_t *ret);
bool call_flag(call_t *c, const char *name);
/* What `offset` and `limit` cut out of n items; max_limit 0: no limit. */
ST call_page(call_t *c, size_t n, size_t max_limit, size_t *ret_from, size_t *ret_to);
registry_filter_t call_filter(call_t *c);
/* The form that `format` asks for. */
kind_form_t call_form(call_t *c);
/* The body as an object. */
ST call_body(call_t *c, const json_value_t **ret);
/* A member as a text; STR_NONE when it is not there. */
ST call_text(call_t *c, const json_value_t *body, const char *name, str_t *ret);
/* A member as a whole number; 0 when it is not there. */
ST call_int(call_t *c, const json_value_t *body, const char *name, int32_t *ret);
/* The body as a schema for the subject, with the tags that it asks for. */
ST call_input(call_t *c, str_t subject, registry_input_t *ret);
/* The body's list of this name: tags of records and fields, as changes. */
ST call_tags(call_t *c, const json_value_t *body, const char *name, bool remove,
             registry_tags_t **ret, size_t *ret_n);

/* ---- answers */

typedef enum call_fields {
    CALL_SUBJECT = 1, /* subject, version */
    CALL_ID = 2,
    CALL_STORED = 4, /* ts, deleted */
    CALL_VERSION = 8 /* version without subject */
} call_fields_t;

/* schemaTags, where the query's findTags asks for them: those with one of its tags, or "*". */
ST call_put_tags(call_t *c, buf_t *b, const registry_schema_t *s);
/* The members of a schema, its text in the form that `format` asks for. */
ST call_put_schema(call_t *c, buf_t *b, const registry_schema_t *s, unsigned fields);
void call_put_ids(buf_t *b, const int32_t *id, size_t n);
void call_put_texts(buf_t *b, const str_t *text, size_t n);

#endif
