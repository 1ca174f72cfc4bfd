/* auth.h: who may do what. Private to registry/api. */
#ifndef ARUS_REGISTRY_API_AUTH_H
#define ARUS_REGISTRY_API_AUTH_H

#include "http/http.h"
#include "registry/api/api.h"

/* Whether the request's user (basic authentication) may make it. */
bool auth_allows(const api_options_t *opt, const http_request_t *r);

#endif
