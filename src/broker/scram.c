#include "broker/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NAME_BYTES_MAX 1024

typedef struct key {
    uint8_t byte[SCRAM_KEY_MAX];
} scram_key_t;

static const EVP_MD *md_of(scram_hash_t hash)
{
    return hash == SCRAM_SHA_512 ? EVP_sha512() : EVP_sha256();
}

size_t scram_key_bytes(scram_hash_t hash)
{
    return hash == SCRAM_SHA_512 ? 64 : 32;
}

/* ---- primitives */

static scram_key_t hmac(scram_hash_t hash, const uint8_t *key, str_t text)
{
    scram_key_t k = {{0}};
    if (!HMAC(md_of(hash), key, (int)scram_key_bytes(hash), (const unsigned char *)text.ptr,
              text.len, k.byte, NULL))
        die("OpenSSL has no HMAC");
    return k;
}

static scram_key_t digest(scram_hash_t hash, const uint8_t *p, size_t n)
{
    scram_key_t k = {{0}};
    if (!EVP_Digest(p, n, k.byte, NULL, md_of(hash), NULL))
        die("OpenSSL has no SHA-2");
    return k;
}

static void put_base64(buf_t *b, const uint8_t *p, size_t n)
{
    char *to = buf_reserve(b, (n + 2) / 3 * 4 + 1);
    b->len += (size_t)EVP_EncodeBlock((unsigned char *)to, p, (int)n);
}

/* Strict: whole groups of four, padded. At most cap bytes. */
static bool read_base64(str_t text, uint8_t *p, size_t cap, size_t *ret_n)
{
    uint8_t bytes[SCRAM_SALT_MAX + SCRAM_KEY_MAX + 8];
    size_t pad = 0;
    if (text.len == 0 || text.len % 4 || text.len / 4 * 3 > sizeof bytes)
        return false;
    while (pad < 2 && text.ptr[text.len - 1 - pad] == '=')
        pad++;
    int n = EVP_DecodeBlock(bytes, (const unsigned char *)text.ptr, (int)text.len);
    if (n < 0 || (size_t)n - pad > cap)
        return false;
    *ret_n = (size_t)n - pad;
    memcpy(p, bytes, *ret_n);
    return true;
}

/* Takes "x=value" off the front, up to the comma. */
static bool take_attribute(str_t *s, char name, str_t *ret)
{
    str_t one;
    if (s->len < 2 || s->ptr[0] != name || s->ptr[1] != '=' || !str_split(s, ',', &one))
        return false;
    *ret = str_sub(one, 2, one.len);
    return true;
}

/* ---- credentials */

void scram_from_salted(scram_hash_t hash, str_t salted, str_t salt, int32_t iterations,
                       scram_credential_t *ret)
{
    size_t n = scram_key_bytes(hash);
    ASSERT(salted.len == n && salt.len <= SCRAM_SALT_MAX);
    *ret = (scram_credential_t){.hash = hash, .iterations = iterations, .salt_len = salt.len};
    if (salt.len)
        memcpy(ret->salt, salt.ptr, salt.len);
    scram_key_t client = hmac(hash, (const uint8_t *)salted.ptr, STR("Client Key"));
    scram_key_t stored = digest(hash, client.byte, n);
    scram_key_t server = hmac(hash, (const uint8_t *)salted.ptr, STR("Server Key"));
    memcpy(ret->stored_key, stored.byte, n);
    memcpy(ret->server_key, server.byte, n);
    OPENSSL_cleanse(&client, sizeof client);
}

void scram_derive(scram_hash_t hash, str_t password, str_t salt, int32_t iterations,
                  scram_credential_t *ret)
{
    scram_key_t salted;
    size_t n = scram_key_bytes(hash);
    if (PKCS5_PBKDF2_HMAC(password.ptr ? password.ptr : "", (int)password.len,
                          (const unsigned char *)salt.ptr, (int)salt.len, iterations, md_of(hash),
                          (int)n, salted.byte) != 1)
        die("OpenSSL has no PBKDF2");
    scram_from_salted(hash, str_n(salted.byte, n), salt, iterations, ret);
    OPENSSL_cleanse(&salted, sizeof salted);
}

void scram_credential_put(buf_t *b, const scram_credential_t *c)
{
    BUF_LIT(b, "salt=");
    put_base64(b, c->salt, c->salt_len);
    BUF_LIT(b, ",stored_key=");
    put_base64(b, c->stored_key, scram_key_bytes(c->hash));
    BUF_LIT(b, ",server_key=");
    put_base64(b, c->server_key, scram_key_bytes(c->hash));
    buf_printf(b, ",iterations=%d", c->iterations);
}

ST scram_credential_read(scram_hash_t hash, str_t text, scram_credential_t *ret, err_t *err)
{
    scram_credential_t c = {.hash = hash};
    size_t stored = 0, server = 0;
    str_t one, name;
    bool good = true;
    while (good && str_split(&text, ',', &one)) {
        good = str_split(&one, '=', &name);
        if (!good)
            break;
        if (str_eq(name, STR("salt")))
            good = read_base64(one, c.salt, sizeof c.salt, &c.salt_len);
        else if (str_eq(name, STR("stored_key")))
            good = read_base64(one, c.stored_key, sizeof c.stored_key, &stored);
        else if (str_eq(name, STR("server_key")))
            good = read_base64(one, c.server_key, sizeof c.server_key, &server);
        else if (str_eq(name, STR("iterations")))
            good = str_to_i32(one, &c.iterations);
    }
    if (!good || stored != scram_key_bytes(hash) || server != stored || c.iterations < 1)
        return err_set(err, ST_CORRUPT, "a SCRAM credential that is kept cannot be read");
    *ret = c;
    return ST_OK;
}

/* ---- an exchange */

void scram_server_done(scram_server_t *s)
{
    buf_done(&s->user);
    buf_done(&s->gs2);
    buf_done(&s->first);
    buf_done(&s->nonce);
}

static ST malformed(err_t *err)
{
    return err_set(err, ST_BAD_INPUT, "a malformed message of SCRAM");
}

/* =2C and =3D are a comma and an equals sign. */
static bool read_name(str_t text, buf_t *ret)
{
    for (size_t i = 0; i < text.len; i++) {
        str_t at = str_sub(text, i, 3);
        if (text.ptr[i] != '=') {
            buf_put_char(ret, text.ptr[i]);
            continue;
        }
        if (!str_eq(at, STR("=2C")) && !str_eq(at, STR("=3D")))
            return false;
        buf_put_char(ret, at.ptr[2] == 'C' ? ',' : '=');
        i += 2;
    }
    return ret->len > 0 && ret->len <= NAME_BYTES_MAX;
}

/* "n,," or "y,,": without channel binding; an authorization id must be the user's own name. */
ST scram_server_first(scram_server_t *s, str_t message, err_t *err)
{
    str_t rest = message, flag, id, name, nonce;
    ASSERT(!s->first.len);
    if (!str_split(&rest, ',', &flag) || !str_split(&rest, ',', &id))
        return malformed(err);
    if (!str_eq(flag, STR("n")) && !str_eq(flag, STR("y")))
        return err_set(err, ST_BAD_INPUT, "channel binding is not served");
    size_t head = flag.len + id.len + 2;
    if (head > message.len || rest.len == 0)
        return malformed(err);
    buf_put_str(&s->gs2, str_sub(message, 0, head));
    buf_put_str(&s->first, rest);
    if (!take_attribute(&rest, 'n', &name) || !take_attribute(&rest, 'r', &nonce) ||
        !read_name(name, &s->user) || nonce.len == 0)
        return malformed(err);
    if (id.len && (!str_starts(id, STR("a=")) || !str_eq(str_sub(id, 2, id.len), name)))
        return err_set(err, ST_BAD_INPUT, "nobody may act for another user");
    buf_put_str(&s->nonce, nonce);
    s->their_nonce_len = nonce.len;
    return ST_OK;
}

void scram_server_challenge(scram_server_t *s, const scram_credential_t *c, const uint8_t *chance,
                            buf_t *out)
{
    size_t at = out->len;
    s->credential = *c;
    put_base64(&s->nonce, chance, SCRAM_NONCE_BYTES);
    buf_printf(out, "r=" STR_FMT ",s=", STR_ARG(buf_str(&s->nonce)));
    put_base64(out, c->salt, c->salt_len);
    buf_printf(out, ",i=%d", c->iterations);
    buf_put_char(&s->first, ',');
    buf_put_str(&s->first, str_n(out->ptr + at, out->len - at));
}

/* The client's key, which its proof hides, must hash to the one that is kept. */
static bool proof_good(const scram_server_t *s, str_t auth, const uint8_t *proof)
{
    scram_hash_t hash = s->credential.hash;
    size_t n = scram_key_bytes(hash);
    scram_key_t client = hmac(hash, s->credential.stored_key, auth);
    for (size_t i = 0; i < n; i++)
        client.byte[i] ^= proof[i];
    scram_key_t stored = digest(hash, client.byte, n);
    OPENSSL_cleanse(&client, sizeof client);
    return CRYPTO_memcmp(stored.byte, s->credential.stored_key, n) == 0;
}

/* librdkafka before 2.6.1 puts its own part before the whole once more. What is ours is in it all
 * the same, so an exchange cannot be played again. */
static bool nonce_good(const scram_server_t *s, str_t nonce)
{
    str_t whole = buf_str(&s->nonce), theirs = str_sub(whole, 0, s->their_nonce_len);
    return str_eq(nonce, whole) ||
           (str_starts(nonce, theirs) && str_eq(str_sub(nonce, theirs.len, nonce.len), whole));
}

ST scram_server_final(scram_server_t *s, str_t message, buf_t *out, err_t *err)
{
    scram_hash_t hash = s->credential.hash;
    str_t rest = message, binding, nonce, proof = STR_NONE, one;
    uint8_t bytes[SCRAM_KEY_MAX];
    size_t n;
    buf_t auth = BUF_INIT, want = BUF_INIT;
    put_base64(&want, (const uint8_t *)s->gs2.ptr, s->gs2.len);
    bool good = take_attribute(&rest, 'c', &binding) && take_attribute(&rest, 'r', &nonce) &&
                str_eq(binding, buf_str(&want)) && nonce_good(s, nonce);
    while (good && str_split(&rest, ',', &one)) /* the proof is the last */
        proof = str_starts(one, STR("p=")) && !rest.len ? str_sub(one, 2, one.len) : STR_NONE;
    good = good && read_base64(proof, bytes, sizeof bytes, &n) && n == scram_key_bytes(hash);
    buf_done(&want);
    if (!good)
        return malformed(err);
    buf_printf(&auth, STR_FMT "," STR_FMT, STR_ARG(buf_str(&s->first)),
               STR_ARG(str_sub(message, 0, message.len - proof.len - 3)));
    st_t st = ST_OK;
    if (proof_good(s, buf_str(&auth), bytes)) {
        scram_key_t ours = hmac(hash, s->credential.server_key, buf_str(&auth));
        BUF_LIT(out, "v=");
        put_base64(out, ours.byte, n);
    } else {
        st = err_set(err, ST_DENIED, "not this password");
    }
    buf_done(&auth);
    return st;
}
