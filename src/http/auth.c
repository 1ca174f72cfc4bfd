#include "http/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define HASH_BYTES 32

typedef struct user {
    uint8_t hash[HASH_BYTES]; /* of "name:password" */
    bool allowed;
} user_t;

struct http_auth {
    arena_t arena;
    VEC(user_t) users;
    VEC(str_t) skip_paths;
    str_t challenge;
};

static void hash(str_t name, str_t password, uint8_t ret[HASH_BYTES])
{
    buf_t b = BUF_INIT;
    unsigned n = HASH_BYTES;
    buf_put_str(&b, name);
    buf_put_char(&b, ':');
    buf_put_str(&b, password);
    if (!EVP_Digest(b.ptr, b.len, ret, &n, EVP_sha256(), NULL))
        die("OpenSSL cannot make a SHA-256");
    OPENSSL_cleanse(b.ptr, b.len);
    buf_done(&b);
}

static bool in_list(str_t list, str_t name)
{
    str_t one;
    while (str_split(&list, ',', &one))
        if (str_eq(str_trim(one), name))
            return true;
    return false;
}

static ST add_user(http_auth_t *auth, str_t line, int number, str_t roles, err_t *err)
{
    str_t rest = line, name, password, role;
    user_t u = {.allowed = !roles.len || in_list(roles, STR("*"))};
    if (!str_split(&rest, ':', &name) || !str_trim(name).len || !str_trim(rest).len)
        return err_set(err, ST_BAD_CONFIG, "line %d of the users is not \"name: password\"",
                       number);
    rest = str_trim(rest);
    if (!str_split(&rest, ',', &password))
        password = STR("");
    while (str_split(&rest, ',', &role))
        u.allowed |= in_list(roles, str_trim(role));
    hash(str_trim(name), str_trim(password), u.hash);
    VEC_PUSH(&auth->users, u);
    return ST_OK;
}

static ST read_users(http_auth_t *auth, const http_auth_options_t *opt, err_t *err)
{
    str_t text = opt->users, line;
    for (int number = 1; str_split(&text, '\n', &line); number++)
        if (str_trim(line).len && str_trim(line).ptr[0] != '#')
            TRY(add_user(auth, line, number, opt->roles, err));
    if (!auth->users.len)
        return err_set(err, ST_BAD_CONFIG, "there is no user who might come");
    return ST_OK;
}

st_t http_auth_new(const http_auth_options_t *opt, http_auth_t **ret, err_t *err)
{
    http_auth_t *auth = mem_zalloc(sizeof *auth);
    arena_init(&auth->arena, ARENA_NO_LIMIT);
    auth->challenge =
        arena_printf(&auth->arena, "Basic realm=\"" STR_FMT "\"", STR_ARG(opt->realm));
    str_t paths = arena_str(&auth->arena, opt->skip_paths), path;
    while (str_split(&paths, ',', &path))
        if (str_trim(path).len)
            VEC_PUSH(&auth->skip_paths, str_trim(path));
    st_t st = read_users(auth, opt, err);
    if (st != ST_OK) {
        http_auth_free(auth);
        return st;
    }
    *ret = auth;
    return ST_OK;
}

void http_auth_free(http_auth_t *auth)
{
    if (!auth)
        return;
    VEC_DONE(&auth->users);
    VEC_DONE(&auth->skip_paths);
    arena_done(&auth->arena);
    free(auth);
}

static bool is_skipped(const http_auth_t *auth, str_t path)
{
    for (size_t i = 0; i < auth->skip_paths.len; i++) {
        str_t p = auth->skip_paths.ptr[i];
        bool any_rest = str_ends(p, STR("*"));
        if (any_rest ? str_starts(path, str_sub(p, 0, p.len - 1)) : str_eq(path, p))
            return true;
    }
    return false;
}

/* "name:password" of the header's base64. */
static bool read_credentials(const http_request_t *r, str_t *ret)
{
    str_t header = http_header(r, "authorization");
    if (!str_starts_nocase(header, STR("Basic ")))
        return false;
    str_t text = str_trim(str_sub(header, 6, header.len));
    char *out = arena_alloc(r->arena, text.len / 4 * 3 + 1);
    int n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text.ptr, (int)text.len);
    for (size_t end = text.len; n > 0 && end && text.ptr[end - 1] == '='; end--)
        n--;
    *ret = str_n(out, n > 0 ? (size_t)n : 0);
    return n > 0;
}

/* NULL: nobody, or nobody known. */
static const user_t *find_user(const http_auth_t *auth, const http_request_t *r)
{
    str_t credentials, name;
    const user_t *found = NULL;
    uint8_t have[HASH_BYTES];
    if (!read_credentials(r, &credentials) || !str_split(&credentials, ':', &name))
        return NULL;
    hash(name, credentials, have);
    for (size_t i = 0; i < auth->users.len; i++)
        if (!CRYPTO_memcmp(have, auth->users.ptr[i].hash, HASH_BYTES))
            found = &auth->users.ptr[i];
    return found;
}

int http_auth_check(const http_auth_t *auth, http_request_t *r)
{
    if (!auth || is_skipped(auth, r->path))
        return 0;
    const user_t *u = find_user(auth, r);
    if (!u)
        http_reply_header(r, "www-authenticate", auth->challenge);
    return !u ? 401 : u->allowed ? 0 : 403;
}
