#include "tool/secure.h"

#include "base/jaas.h"
#include "tool/flags.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define ITERATIONS_MAX 1000000 /* a broker may not keep us busy for long */
#define KEY_MAX        64

/* ---- the file */

typedef struct settings {
    io_tls_options_t tls;
    str_t protocol, mechanism, jaas;
} settings_t;

static st_t read_setting(void *arg, arena_t *a, str_t name, str_t value, err_t *err)
{
    settings_t *s = arg;
    (void)a;
    (void)err;
    if (str_eq(name, STR("security.protocol")))
        s->protocol = value;
    else if (str_eq(name, STR("sasl.mechanism")))
        s->mechanism = value;
    else if (str_eq(name, STR("sasl.jaas.config")))
        s->jaas = value;
    else
        (void)io_tls_options_set(&s->tls, name, value); /* else it is about something else */
    return ST_OK;
}

static ST read_login(const settings_t *s, arena_t *a, secure_t *ret, err_t *err)
{
    jaas_t j;
    ret->mechanism = s->mechanism;
    if (!str_eq(s->mechanism, STR("PLAIN")) && !str_eq(s->mechanism, STR("SCRAM-SHA-256")) &&
        !str_eq(s->mechanism, STR("SCRAM-SHA-512")))
        return err_set(err, ST_BAD_CONFIG,
                       "sasl.mechanism must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, not "
                       "'" STR_FMT "'",
                       STR_ARG(s->mechanism));
    st_t st = jaas_parse(s->jaas, a, &j, err);
    if (st != ST_OK)
        return err_wrap(err, st, "sasl.jaas.config");
    for (size_t i = 0; i < j.options.len; i++)
        if (str_eq(j.options.ptr[i].name, STR("username")))
            ret->user = j.options.ptr[i].value;
        else if (str_eq(j.options.ptr[i].name, STR("password")))
            ret->password = j.options.ptr[i].value;
    jaas_done(&j);
    return ret->user.len && ret->password.ptr
               ? ST_OK
               : err_set(err, ST_BAD_CONFIG, "sasl.jaas.config needs username and password");
}

ST secure_read(io_t *io, str_t path, arena_t *a, secure_t *ret, err_t *err)
{
    settings_t s = {.protocol = STR("PLAINTEXT")};
    TRY(flags_properties(path, a, read_setting, &s, err));
    ret->sasl = str_starts_nocase(s.protocol, STR("SASL_"));
    str_t rest = ret->sasl ? str_sub(s.protocol, 5, s.protocol.len) : s.protocol;
    bool tls = str_eq_nocase(rest, STR("SSL"));
    if (!tls && !str_eq_nocase(rest, STR("PLAINTEXT")))
        return err_set(err, ST_BAD_CONFIG, "security.protocol is unknown: " STR_FMT,
                       STR_ARG(s.protocol));
    if (ret->sasl)
        TRY(read_login(&s, a, ret, err));
    return tls ? io_tls_new(io, IO_TLS_CLIENT, &s.tls, &ret->tls, err) : ST_OK;
}

void secure_done(secure_t *s)
{
    io_tls_free(s->tls);
}

/* ---- SCRAM */

typedef struct key {
    uint8_t byte[KEY_MAX];
} login_key_t;

static login_key_t hmac(const EVP_MD *md, const uint8_t *key, str_t text)
{
    login_key_t k = {{0}};
    if (!HMAC(md, key, EVP_MD_get_size(md), (const unsigned char *)text.ptr, text.len, k.byte,
              NULL))
        die("OpenSSL has no HMAC");
    return k;
}

static str_t base64(arena_t *a, const uint8_t *p, size_t n)
{
    unsigned char *to = arena_alloc(a, (n + 2) / 3 * 4 + 1);
    return str_n(to, (size_t)EVP_EncodeBlock(to, p, (int)n));
}

/* ptr NULL: it is none. */
static str_t unbase64(arena_t *a, str_t text)
{
    size_t pad = 0;
    unsigned char *to = arena_alloc(a, text.len + 4);
    if (!text.len || text.len % 4)
        return STR_NONE;
    while (pad < 2 && text.ptr[text.len - 1 - pad] == '=')
        pad++;
    int n = EVP_DecodeBlock(to, (const unsigned char *)text.ptr, (int)text.len);
    return n < (int)pad ? STR_NONE : str_n(to, (size_t)n - pad);
}

static str_t escaped(arena_t *a, str_t name)
{
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == ',' || name.ptr[i] == '=')
            buf_printf(&b, "=%02X", (unsigned)name.ptr[i]);
        else
            buf_put_char(&b, name.ptr[i]);
    str_t s = arena_str(a, buf_str(&b));
    buf_done(&b);
    return s;
}

static str_t first_message(secure_login_t *l, arena_t *a)
{
    uint8_t chance[18];
    io_random(l->io, chance, sizeof chance);
    l->nonce = base64(a, chance, sizeof chance);
    l->first_bare = arena_printf(a, "n=" STR_FMT ",r=" STR_FMT,
                                 STR_ARG(escaped(a, l->secure->user)), STR_ARG(l->nonce));
    return arena_printf(a, "n,," STR_FMT, STR_ARG(l->first_bare));
}

static const EVP_MD *md_of(str_t mechanism)
{
    return str_ends(mechanism, STR("512")) ? EVP_sha512() : EVP_sha256();
}

void secure_salt(str_t mechanism, str_t password, str_t salt, int32_t iterations, uint8_t *ret)
{
    const EVP_MD *md = md_of(mechanism);
    if (PKCS5_PBKDF2_HMAC(password.ptr ? password.ptr : "", (int)password.len,
                          (const unsigned char *)salt.ptr, (int)salt.len, iterations, md,
                          EVP_MD_get_size(md), ret) != 1)
        die("OpenSSL has no PBKDF2");
}

static ST final_message(secure_login_t *l, str_t challenge, arena_t *a, str_t *ret, err_t *err)
{
    const EVP_MD *md = md_of(l->secure->mechanism);
    str_t rest = challenge, one, nonce = STR_NONE, salt = STR_NONE;
    int64_t iterations = 0;
    while (str_split(&rest, ',', &one)) {
        str_t value = str_sub(one, 2, one.len);
        if (str_starts(one, STR("r=")))
            nonce = value;
        else if (str_starts(one, STR("s=")))
            salt = unbase64(a, value);
        else if (str_starts(one, STR("i=")) && !str_to_i64(value, &iterations))
            iterations = 0;
    }
    if (!str_starts(nonce, l->nonce) || nonce.len == l->nonce.len || !salt.len || iterations < 1 ||
        iterations > ITERATIONS_MAX)
        return err_set(err, ST_CORRUPT, "the broker's challenge is malformed");
    login_key_t salted, stored = {{0}};
    secure_salt(l->secure->mechanism, l->secure->password, salt, (int32_t)iterations, salted.byte);
    login_key_t client = hmac(md, salted.byte, STR("Client Key"));
    size_t n = (size_t)EVP_MD_get_size(md);
    if (!EVP_Digest(client.byte, n, stored.byte, NULL, md, NULL))
        die("OpenSSL has no SHA-2");
    str_t bare = arena_printf(a, "c=biws,r=" STR_FMT, STR_ARG(nonce));
    str_t auth = arena_printf(a, STR_FMT "," STR_FMT "," STR_FMT, STR_ARG(l->first_bare),
                              STR_ARG(challenge), STR_ARG(bare));
    login_key_t proof = hmac(md, stored.byte, auth);
    for (size_t i = 0; i < n; i++)
        proof.byte[i] ^= client.byte[i];
    login_key_t server = hmac(md, salted.byte, STR("Server Key"));
    login_key_t answer = hmac(md, server.byte, auth);
    l->nonce = arena_printf(a, "v=" STR_FMT, STR_ARG(base64(a, answer.byte, n)));
    *ret = arena_printf(a, STR_FMT ",p=" STR_FMT, STR_ARG(bare), STR_ARG(base64(a, proof.byte, n)));
    return ST_OK;
}

ST secure_login_step(secure_login_t *l, str_t challenge, arena_t *a, str_t *ret_token, err_t *err)
{
    bool is_plain = str_eq(l->secure->mechanism, STR("PLAIN"));
    *ret_token = STR_NONE;
    switch (l->step++) {
    case 0:
        *ret_token = is_plain
                         ? arena_printf(a, "%c" STR_FMT "%c" STR_FMT, 0, STR_ARG(l->secure->user),
                                        0, STR_ARG(l->secure->password))
                         : first_message(l, a);
        return ST_OK;
    case 1:
        return is_plain ? ST_OK : final_message(l, challenge, a, ret_token, err);
    default: /* nonce is what the broker must say by now */
        return str_eq(challenge, l->nonce)
                   ? ST_OK
                   : err_set(err, ST_DENIED, "the broker does not know the password");
    }
}
