#include "registry/api/auth.h"

#include "data/text.h"

#include <openssl/crypto.h>

/* Reads, lookups and checks. */
static bool only_reads(const http_request_t *r)
{
    const char *path = r->route ? r->route->path : "";
    if (!str_eq(r->method, STR("POST")))
        return str_eq(r->method, STR("GET")) || str_eq(r->method, STR("HEAD"));
    return str_find(str_of(path), STR("/compatibility/")) >= 0 ||
           str_ends(str_of(path), STR("/subjects/{subject}"));
}

/* In the same time for every guess. */
static bool is_user(const api_options_t *opt, str_t credentials)
{
    bool found = false;
    for (size_t i = 0; i < opt->n_users; i++) {
        str_t user = opt->user[i];
        if (user.len == credentials.len && CRYPTO_memcmp(user.ptr, credentials.ptr, user.len) == 0)
            found = true;
    }
    return found;
}

bool auth_allows(const api_options_t *opt, const http_request_t *r)
{
    str_t header = http_header(r, "authorization");
    str_t credentials;
    if (!opt->n_users || (opt->anonymous_reads && only_reads(r)))
        return true;
    if (!str_starts_nocase(header, STR("Basic ")))
        return false;
    str_t encoded = str_trim(str_sub(header, 6, header.len));
    return data_base64_decode(r->arena, encoded, &credentials) && is_user(opt, credentials);
}
