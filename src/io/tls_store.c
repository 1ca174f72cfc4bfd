#include "io/tls_store.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>

#define STORE_BYTES_MAX (4 << 20)
#define PEM_COLUMNS     64

/* ---- texts and files */

static ST read_file(io_t *io, const char *property, str_t path, buf_t *b, err_t *err)
{
    io_file_t *f;
    int64_t size = 0;
    size_t n = 0;
    st_t st = io_file_open(io, path, IO_READ, &f, err);
    if (st != ST_OK)
        return err_wrap(err, ST_BAD_CONFIG, "%s", property);
    st = io_file_size(f, &size, err);
    if (st == ST_OK && size > STORE_BYTES_MAX)
        st = err_set(err, ST_BAD_CONFIG, STR_FMT " has %lld bytes: it holds no keys", STR_ARG(path),
                     (long long)size);
    if (st == ST_OK)
        st = io_file_read(f, buf_reserve(b, (size_t)size + 1), (size_t)size, 0, &n, err);
    io_file_close(f);
    b->len += n;
    return st == ST_OK ? ST_OK : err_wrap(err, ST_BAD_CONFIG, "%s", property);
}

/* The text before the next "-----", which *s is then behind; ptr NULL: there is none. */
static str_t before_dashes(str_t *s)
{
    ptrdiff_t at = str_find(*s, STR("-----"));
    str_t head = at < 0 ? STR_NONE : str_sub(*s, 0, (size_t)at);
    *s = at < 0 ? STR_NONE : str_sub(*s, (size_t)at + 5, s->len);
    return head;
}

static void put_base64(buf_t *b, str_t body)
{
    size_t column = 0;
    for (size_t i = 0; i < body.len; i++) {
        if (strchr(" \t\r\n", body.ptr[i]))
            continue;
        if (column && column % PEM_COLUMNS == 0)
            buf_put_char(b, '\n');
        buf_put_char(b, body.ptr[i]);
        column++;
    }
}

/* A property's PEM may be all on one line: its lines are made again. */
static void put_pem(buf_t *b, str_t text)
{
    while (before_dashes(&text).ptr) {
        str_t begin = before_dashes(&text), body = before_dashes(&text);
        str_t end = before_dashes(&text);
        if (!end.ptr)
            break;
        buf_printf(b, "-----" STR_FMT "-----\n", STR_ARG(begin));
        if (str_find_char(body, ':') >= 0) /* has headers: an old encrypted key, as it came */
            buf_put_str(b, str_trim(body));
        else
            put_base64(b, body);
        buf_printf(b, "\n-----" STR_FMT "-----\n", STR_ARG(end));
    }
}

static int give_password(char *p, int cap, int writing, void *arg)
{
    const str_t *password = arg;
    (void)writing;
    if (password->len > (size_t)cap)
        return 0;
    if (password->len)
        memcpy(p, password->ptr, password->len);
    return (int)password->len;
}

static BIO *memory(str_t bytes)
{
    BIO *bio = BIO_new_mem_buf(bytes.ptr, (int)bytes.len);
    if (!bio)
        die("no memory for TLS");
    return bio;
}

/* ---- what a store has */

typedef struct store {
    EVP_PKEY *key;         /* NULL: none */
    STACK_OF(X509) * cert; /* the key's own first */
} store_t;

static void store_done(store_t *s)
{
    EVP_PKEY_free(s->key);
    sk_X509_pop_free(s->cert, X509_free);
}

static void add_certs(store_t *s, str_t pem)
{
    BIO *bio = memory(pem);
    for (X509 *x; (x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL));)
        sk_X509_push(s->cert, x);
    BIO_free(bio);
}

static ST add_key(store_t *s, const char *property, str_t pem, str_t password, err_t *err)
{
    BIO *bio = memory(pem);
    s->key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &password);
    BIO_free(bio);
    return s->key ? ST_OK
                  : err_set(err, ST_BAD_CONFIG,
                            "%s: no private key can be read there; where it is encrypted, "
                            "ssl.key.password must say how",
                            property);
}

static ST read_pkcs12(store_t *s, const char *property, str_t bytes, str_t password, err_t *err)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)bytes.len);
    char *z = mem_z(password);
    X509 *own = NULL;
    STACK_OF(X509) *others = NULL;
    bool good = p12 && PKCS12_parse(p12, z, &s->key, &own, &others);
    PKCS12_free(p12);
    OPENSSL_cleanse(z, password.len);
    free(z);
    if (!good) {
        unsigned long code = ERR_peek_last_error();
        return err_set(err, ST_BAD_CONFIG,
                       "%s cannot be read as PKCS #12 (%s): is the password right? One that was "
                       "made by an old keytool must be made again",
                       property, code ? ERR_reason_error_string(code) : "not one");
    }
    if (own)
        sk_X509_push(s->cert, own);
    while (others && sk_X509_num(others) > 0)
        sk_X509_push(s->cert, sk_X509_shift(others));
    sk_X509_free(others);
    return ST_OK;
}

static ST read_store(io_t *io, store_t *s, const char *property, str_t path, str_t password,
                     str_t key_password, bool wants_key, err_t *err)
{
    buf_t b = BUF_INIT;
    st_t st = read_file(io, property, path, &b, err);
    bool java = b.len > 4 && load_be32(b.ptr) == 0xfeedfeed;
    if (st == ST_OK && java)
        st = err_set(err, ST_BAD_CONFIG,
                     "%s is a JKS: make a PKCS #12 of it with keytool -importkeystore "
                     "-deststoretype PKCS12",
                     property);
    if (st == ST_OK && str_find(buf_str(&b), STR("-----BEGIN ")) >= 0) {
        add_certs(s, buf_str(&b));
        if (wants_key)
            st = add_key(s, property, buf_str(&b), key_password, err);
    } else if (st == ST_OK) {
        st = read_pkcs12(s, property, buf_str(&b), password, err);
    }
    OPENSSL_cleanse(b.ptr, b.len);
    buf_done(&b);
    return st;
}

/* ---- our own */

static ST read_key_texts(store_t *s, const io_tls_options_t *o, err_t *err)
{
    buf_t chain = BUF_INIT, key = BUF_INIT;
    put_pem(&chain, o->keystore_chain);
    put_pem(&key, o->keystore_key);
    add_certs(s, buf_str(&chain));
    st_t st = add_key(s, "ssl.keystore.key", buf_str(&key), o->key_password, err);
    OPENSSL_cleanse(key.ptr, key.len);
    buf_done(&chain);
    buf_done(&key);
    return st;
}

static ST use_store(SSL_CTX *ctx, const store_t *s, err_t *err)
{
    int n = sk_X509_num(s->cert);
    if (n == 0 || !s->key)
        return err_set(err, ST_BAD_CONFIG,
                       "the keystore must have a private key and its "
                       "certificate");
    bool good = SSL_CTX_use_certificate(ctx, sk_X509_value(s->cert, 0)) == 1 &&
                SSL_CTX_use_PrivateKey(ctx, s->key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    for (int i = 1; good && i < n; i++)
        good = SSL_CTX_add1_chain_cert(ctx, sk_X509_value(s->cert, i)) == 1;
    if (good)
        return ST_OK;
    unsigned long code = ERR_peek_last_error();
    return err_set(err, ST_BAD_CONFIG,
                   "the keystore's key and first certificate cannot be used: %s",
                   code ? ERR_reason_error_string(code) : "they do not belong together");
}

ST io_tls_store_key(io_t *io, const io_tls_options_t *o, bool must, SSL_CTX *ctx, err_t *err)
{
    store_t s = {.cert = sk_X509_new_null()};
    st_t st = ST_OK;
    bool has = o->keystore_key.len || o->keystore_location.len;
    if (!has && must)
        st = err_set(err, ST_BAD_CONFIG,
                     "TLS needs a key: ssl.keystore.location (PEM or PKCS #12), or "
                     "ssl.keystore.key and ssl.keystore.certificate.chain");
    else if (o->keystore_key.len)
        st = read_key_texts(&s, o, err);
    else if (has)
        st = read_store(io, &s, "ssl.keystore.location", o->keystore_location, o->keystore_password,
                        o->key_password, true, err);
    if (st == ST_OK && has)
        st = use_store(ctx, &s, err);
    store_done(&s);
    return st;
}

/* ---- whom we trust */

ST io_tls_store_trust(io_t *io, const io_tls_options_t *o, SSL_CTX *ctx, err_t *err)
{
    store_t s = {.cert = sk_X509_new_null()};
    st_t st = ST_OK;
    bool has = o->truststore_certificates.len || o->truststore_location.len;
    if (o->truststore_certificates.len) {
        buf_t b = BUF_INIT;
        put_pem(&b, o->truststore_certificates);
        add_certs(&s, buf_str(&b));
        buf_done(&b);
    } else if (has) {
        st = read_store(io, &s, "ssl.truststore.location", o->truststore_location,
                        o->truststore_password, STR_NONE, false, err);
    } else {
        SSL_CTX_set_default_verify_paths(ctx);
    }
    if (st == ST_OK && has && sk_X509_num(s.cert) == 0)
        st = err_set(err, ST_BAD_CONFIG, "the truststore has no certificate");
    for (int i = 0; st == ST_OK && i < sk_X509_num(s.cert); i++) {
        X509 *x = sk_X509_value(s.cert, i);
        if (!X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) || !SSL_CTX_add_client_CA(ctx, x))
            die("no memory for TLS");
    }
    store_done(&s);
    return st;
}

/* ---- names */

static const char *keyword_of(const ASN1_OBJECT *o)
{
    switch (OBJ_obj2nid(o)) {
    case NID_commonName:
        return "CN";
    case NID_countryName:
        return "C";
    case NID_localityName:
        return "L";
    case NID_stateOrProvinceName:
        return "ST";
    case NID_organizationName:
        return "O";
    case NID_organizationalUnitName:
        return "OU";
    case NID_streetAddress:
        return "STREET";
    case NID_domainComponent:
        return "DC";
    case NID_userId:
        return "UID";
    default:
        return NULL;
    }
}

/* Java escapes = and # wherever they stand. */
static void put_value(buf_t *b, const ASN1_STRING *v)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, v);
    size_t n = len > 0 ? (size_t)len : 0, first = 0, last = n;
    while (first < n && utf8[first] == ' ')
        first++;
    while (last > first && utf8[last - 1] == ' ')
        last--;
    for (size_t i = 0; i < n; i++) {
        char c = (char)utf8[i];
        if (c == 0) {
            BUF_LIT(b, "\\00");
            continue;
        }
        if (strchr(",=+<>#;\"\\", c) || (c == ' ' && (i < first || i >= last)))
            buf_put_char(b, '\\');
        buf_put_char(b, c);
    }
    OPENSSL_free(utf8);
}

/* A part that RFC 2253 has no keyword for: the OID and the value's DER. */
static void put_unknown(buf_t *b, const ASN1_OBJECT *o, const ASN1_STRING *v)
{
    char oid[128];
    unsigned char *der = NULL;
    ASN1_TYPE type = {.type = ASN1_STRING_type(v)};
    type.value.asn1_string = (ASN1_STRING *)(uintptr_t)v;
    OBJ_obj2txt(oid, sizeof oid, o, 1);
    buf_printf(b, "%s=#", oid);
    int n = i2d_ASN1_TYPE(&type, &der);
    for (int i = 0; i < n; i++)
        buf_printf(b, "%02x", der[i]);
    OPENSSL_free(der);
}

str_t io_tls_store_name(const X509_NAME *name, arena_t *a)
{
    buf_t b = BUF_INIT;
    int set = -1, n = X509_NAME_entry_count(name);
    for (int last = n; last > 0;) { /* sets from the last; a set's parts in their order */
        int first = last - 1;
        set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, first));
        while (first > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, first - 1)) == set)
            first--;
        for (int i = first; i < last; i++) {
            const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
            const ASN1_OBJECT *o = X509_NAME_ENTRY_get_object(e);
            const ASN1_STRING *v = X509_NAME_ENTRY_get_data(e);
            const char *keyword = keyword_of(o);
            if (b.len)
                buf_put_char(&b, i == first ? ',' : '+');
            if (keyword) {
                buf_printf(&b, "%s=", keyword);
                put_value(&b, v);
            } else {
                put_unknown(&b, o, v);
            }
        }
        last = first;
    }
    str_t text = arena_str(a, buf_str(&b));
    buf_done(&b);
    return text;
}
