/* auth.h: HTTP's basic authentication: who may come. Read-only once it is made; passwords are kept
 * as hashes only and are never written anywhere. */
#ifndef ARUS_HTTP_AUTH_H
#define ARUS_HTTP_AUTH_H

#include "http/http.h"

typedef struct http_auth http_auth_t;

typedef struct http_auth_options {
    str_t users;      /* lines "name: password[,role]..."; those that begin with # say nothing */
    str_t roles;      /* users need one of them; with commas; "*" or empty: none */
    str_t realm;      /* shown to who is asked */
    str_t skip_paths; /* nobody is asked there: paths with commas, a "*" at the end: any rest */
} http_auth_options_t;

/* Texts are copied. ST_BAD_CONFIG: names the line. */
ST http_auth_new(const http_auth_options_t *opt, http_auth_t **ret, err_t *err);
/* NULL is allowed. */
void http_auth_free(http_auth_t *auth);

/* Whether the request may be answered; 0, or the status that it is to be answered with: 401 (and
 * the header that asks is added), 403 for a user without a role. auth NULL: 0. In the same time for
 * every guess. */
int http_auth_check(const http_auth_t *auth, http_request_t *r);

#endif
