#include "io/tls.h"

#include "io/tcp.h"
#include "io/tls_store.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define WRITE_BYTES (16u << 10) /* a record's most */

struct io_tls {
    SSL_CTX *ctx;
    BIO_METHOD *method;
    io_tls_side_t side;
    bool checks_name;
    unsigned char *alpn; /* lengths and names, the best first */
    unsigned alpn_len;
};

struct io_tls_session {
    SSL *ssl;
    int fd;
    bool ended; /* the socket gave its end */
    bool shaken, more;
};

/* ---- a socket as a BIO: OpenSSL's own raises SIGPIPE */

static int bio_write(BIO *bio, const char *p, size_t n, size_t *ret_n)
{
    io_tls_session_t *s = BIO_get_data(bio);
    str_t part = str_n(p, n);
    BIO_clear_retry_flags(bio);
    st_t st = io_tcp_write(s->fd, &part, 1, ret_n, NULL);
    if (st == ST_PARTIAL)
        BIO_set_retry_write(bio);
    return st == ST_OK;
}

static int bio_read(BIO *bio, char *p, size_t n, size_t *ret_n)
{
    io_tls_session_t *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    st_t st = io_tcp_read(s->fd, p, n, ret_n, NULL);
    if (st == ST_PARTIAL)
        BIO_set_retry_read(bio);
    s->ended = st == ST_CLOSED;
    return st == ST_OK;
}

static long bio_control(BIO *bio, int what, long n, void *p)
{
    io_tls_session_t *s = BIO_get_data(bio);
    (void)n, (void)p;
    return what == BIO_CTRL_FLUSH || (what == BIO_CTRL_EOF && s->ended);
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *new_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "arus socket");
    if (!m || !BIO_meth_set_write_ex(m, bio_write) || !BIO_meth_set_read_ex(m, bio_read) ||
        !BIO_meth_set_ctrl(m, bio_control) || !BIO_meth_set_create(m, bio_create))
        die("no memory for TLS");
    return m;
}

/* ---- options */

bool io_tls_options_set(io_tls_options_t *o, str_t name, str_t value)
{
#define TLS(field, called)                                                                         \
    if (str_eq(name, STR(called)))                                                                 \
        return o->field = value, true;
#include "io/tls.def"
#undef TLS
    return false;
}

static ST set_protocols(SSL_CTX *ctx, str_t list, err_t *err)
{
    bool two = str_empty(list), three = two;
    str_t one;
    while (str_split(&list, ',', &one)) {
        one = str_trim(one);
        if (str_eq(one, STR("TLSv1.2")))
            two = true;
        else if (str_eq(one, STR("TLSv1.3")))
            three = true;
        else
            return err_set(err, ST_BAD_CONFIG,
                           "ssl.enabled.protocols has '" STR_FMT "': TLSv1.2 and TLSv1.3 are "
                           "spoken",
                           STR_ARG(one));
    }
    bool good = SSL_CTX_set_min_proto_version(ctx, two ? TLS1_2_VERSION : TLS1_3_VERSION) &&
                SSL_CTX_set_max_proto_version(ctx, three ? TLS1_3_VERSION : TLS1_2_VERSION);
    ASSERT(good);
    return ST_OK;
}

/* Java's names, which are IANA's; OpenSSL's own are taken, too. */
static ST set_ciphers(SSL_CTX *ctx, str_t list, err_t *err)
{
    buf_t old = BUF_INIT, new = BUF_INIT;
    str_t one;
    if (str_empty(list))
        return ST_OK;
    while (str_split(&list, ',', &one)) {
        char name[100];
        bool is_new = str_starts(str_trim(one), STR("TLS_AES_")) ||
                      str_starts(str_trim(one), STR("TLS_CHACHA20_"));
        buf_t *b = is_new ? &new : &old;
        snprintf(name, sizeof name, STR_FMT, STR_ARG(str_trim(one)));
        const char *ours = OPENSSL_cipher_name(name);
        bool known = strcmp(ours, "(NONE)") != 0;
        buf_printf(b, "%s%s", b->len ? ":" : "", known && !is_new ? ours : name);
    }
    buf_put_char(&old, 0);
    buf_put_char(&new, 0);
    bool good = SSL_CTX_set_ciphersuites(ctx, new.ptr) &&
                (old.len == 1 || SSL_CTX_set_cipher_list(ctx, old.ptr));
    buf_done(&old);
    buf_done(&new);
    return good ? ST_OK
                : err_set(err, ST_BAD_CONFIG,
                          "ssl.cipher.suites names a cipher that OpenSSL does not have");
}

static ST set_client_auth(SSL_CTX *ctx, str_t how, err_t *err)
{
    if (str_eq_nocase(how, STR("required")))
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    else if (str_eq_nocase(how, STR("requested")))
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    else if (how.len && !str_eq_nocase(how, STR("none")))
        return err_set(err, ST_BAD_CONFIG,
                       "ssl.client.auth must be none, requested or required, not '" STR_FMT "'",
                       STR_ARG(how));
    return ST_OK;
}

static int choose_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                       const unsigned char *theirs, unsigned theirs_len, void *arg)
{
    const io_tls_t *t = arg;
    unsigned char *chosen;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, ret_len, t->alpn, t->alpn_len, theirs, theirs_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_alpn(io_tls_t *t, const io_tls_options_t *o)
{
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < o->n_alpn; i++) {
        ASSERT(o->alpn[i].len > 0 && o->alpn[i].len < 256);
        buf_put_char(&b, (char)o->alpn[i].len);
        buf_put_str(&b, o->alpn[i]);
    }
    size_t len;
    t->alpn = (unsigned char *)buf_take(&b, &len);
    t->alpn_len = (unsigned)len;
    if (len && t->side == IO_TLS_SERVER)
        SSL_CTX_set_alpn_select_cb(t->ctx, choose_alpn, t);
    else if (len && SSL_CTX_set_alpn_protos(t->ctx, t->alpn, t->alpn_len) != 0)
        die("no memory for TLS");
}

static ST configure(io_t *io, io_tls_t *t, const io_tls_options_t *o, err_t *err)
{
    SSL_CTX *ctx = t->ctx;
    TRY(set_protocols(ctx, o->enabled_protocols, err));
    TRY(set_ciphers(ctx, o->cipher_suites, err));
    TRY(io_tls_store_key(io, o, t->side == IO_TLS_SERVER, ctx, err));
    TRY(io_tls_store_trust(io, o, ctx, err));
    if (t->side == IO_TLS_SERVER)
        TRY(set_client_auth(ctx, o->client_auth, err));
    else
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    set_alpn(t, o);
    return ST_OK;
}

ST io_tls_new(io_t *io, io_tls_side_t side, const io_tls_options_t *o, io_tls_t **ret, err_t *err)
{
    io_tls_t *t = mem_zalloc(sizeof *t);
    t->side = side;
    t->checks_name = !o->endpoint_identification.ptr || o->endpoint_identification.len;
    t->method = new_method();
    t->ctx = SSL_CTX_new(side == IO_TLS_SERVER ? TLS_server_method() : TLS_client_method());
    if (!t->ctx)
        die("no memory for TLS");
    SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(t->ctx, 0);
    SSL_CTX_set_read_ahead(t->ctx, 1);
    st_t st = configure(io, t, o, err);
    ERR_clear_error();
    if (st != ST_OK) {
        io_tls_free(t);
        return st;
    }
    *ret = t;
    return ST_OK;
}

void io_tls_free(io_tls_t *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    BIO_meth_free(t->method);
    free(t->alpn);
    free(t);
}

/* ---- sessions */

static void name_server(io_tls_session_t *s, const io_tls_t *t, str_t name)
{
    char z[256];
    if (name.len == 0 || name.len >= sizeof z)
        return;
    snprintf(z, sizeof z, STR_FMT, STR_ARG(name));
    X509_VERIFY_PARAM *param = SSL_get0_param(s->ssl);
    bool address = X509_VERIFY_PARAM_set1_ip_asc(param, z) == 1;
    if (!t->checks_name) {
        X509_VERIFY_PARAM_set1_ip(param, NULL, 0);
        X509_VERIFY_PARAM_set1_host(param, NULL, 0);
    } else if (!address) {
        X509_VERIFY_PARAM_set1_host(param, z, 0);
    }
    if (!address && SSL_set_tlsext_host_name(s->ssl, z) != 1)
        die("no memory for TLS");
}

io_tls_session_t *io_tls_session_new(io_tls_t *t, int fd, str_t server_name)
{
    io_tls_session_t *s = mem_zalloc(sizeof *s);
    BIO *bio = BIO_new(t->method);
    s->fd = fd;
    s->ssl = SSL_new(t->ctx);
    if (!bio || !s->ssl)
        die("no memory for TLS");
    BIO_set_data(bio, s);
    SSL_set_bio(s->ssl, bio, bio);
    if (t->side == IO_TLS_SERVER) {
        SSL_set_accept_state(s->ssl);
    } else {
        SSL_set_connect_state(s->ssl);
        name_server(s, t, server_name);
    }
    return s;
}

void io_tls_session_free(io_tls_session_t *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    free(s);
}

/* Why a call of OpenSSL did not do it. */
static ST session_error(io_tls_session_t *s, int rc, io_tls_wait_t *ret_wait, err_t *err)
{
    int e = SSL_get_error(s->ssl, rc);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
        *ret_wait = e == SSL_ERROR_WANT_READ ? IO_TLS_IN : IO_TLS_OUT;
        return ST_PARTIAL;
    }
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    long verified = SSL_get_verify_result(s->ssl);
    ERR_clear_error();
    if (e == SSL_ERROR_ZERO_RETURN || !reason)
        return err_set(err, ST_CLOSED, "the connection was closed by the other end%s",
                       s->shaken ? "" : " before TLS was agreed on");
    if (verified != X509_V_OK)
        return err_set(err, ST_DENIED, "the other end's certificate is not accepted: %s",
                       X509_verify_cert_error_string(verified));
    return err_set(err, ST_DENIED, "TLS failed: %s", reason);
}

ST io_tls_handshake(io_tls_session_t *s, io_tls_wait_t *ret_wait, err_t *err)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(s->ssl);
    if (rc != 1)
        return session_error(s, rc, ret_wait, err);
    s->shaken = true;
    s->more = SSL_has_pending(s->ssl);
    return ST_OK;
}

ST io_tls_read(io_tls_session_t *s, void *p, size_t cap, size_t *ret_n, io_tls_wait_t *ret_wait,
               err_t *err)
{
    size_t n = 0;
    ASSERT(s->shaken && cap > 0);
    while (n < cap) {
        size_t some;
        ERR_clear_error();
        int rc = SSL_read_ex(s->ssl, (char *)p + n, cap - n, &some);
        if (rc == 1) {
            n += some;
            continue;
        }
        s->more = false;
        st_t st = session_error(s, rc, ret_wait, n ? NULL : err);
        if (n == 0)
            return st;
        *ret_n = n;
        return ST_OK;
    }
    s->more = SSL_has_pending(s->ssl);
    *ret_n = n;
    return ST_OK;
}

/* The first bytes of the parts, as many as a record takes: copied together only where the first
 * part alone does not fill it. */
static str_t gather(const str_t *parts, size_t n, char (*scratch)[WRITE_BYTES])
{
    size_t len = 0;
    while (n > 0 && parts->len == 0)
        parts++, n--;
    if (n > 0 && (n == 1 || parts->len >= WRITE_BYTES))
        return str_sub(*parts, 0, WRITE_BYTES);
    for (; n > 0 && len < WRITE_BYTES; parts++, n--) {
        str_t part = str_sub(*parts, 0, WRITE_BYTES - len);
        if (part.len)
            memcpy(*scratch + len, part.ptr, part.len);
        len += part.len;
    }
    return str_n(*scratch, len);
}

/* parts without their first `skip` bytes. */
static size_t skip_parts(str_t *parts, size_t n, size_t skip)
{
    size_t i = 0;
    while (i < n && skip >= parts[i].len)
        skip -= parts[i++].len;
    memmove(parts, parts + i, (n - i) * sizeof *parts);
    if (i < n)
        parts[0] = str_sub(parts[0], skip, parts[0].len);
    return n - i;
}

#define PARTS_MAX 64

ST io_tls_write(io_tls_session_t *s, const str_t *parts, size_t n, size_t *ret_n,
                io_tls_wait_t *ret_wait, err_t *err)
{
    char scratch[WRITE_BYTES];
    str_t left[PARTS_MAX];
    size_t k = n < PARTS_MAX ? n : PARTS_MAX, total = 0;
    ASSERT(s->shaken);
    memcpy(left, parts, k * sizeof *left);
    for (;;) {
        str_t bytes = gather(left, k, &scratch);
        size_t some;
        if (bytes.len == 0)
            break;
        ERR_clear_error();
        int rc = SSL_write_ex(s->ssl, bytes.ptr, bytes.len, &some);
        if (rc == 1) {
            total += some;
            k = skip_parts(left, k, some);
            continue;
        }
        st_t st = session_error(s, rc, ret_wait, total ? NULL : err);
        if (total == 0)
            return st;
        break;
    }
    *ret_n = total;
    return ST_OK;
}

bool io_tls_more(const io_tls_session_t *s)
{
    return s->more;
}

void io_tls_finish(io_tls_session_t *s)
{
    ERR_clear_error();
    if (s->shaken)
        SSL_shutdown(s->ssl);
    ERR_clear_error();
}

/* ---- what was agreed on */

str_t io_tls_alpn(const io_tls_session_t *s)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(s->ssl, &name, &len);
    return str_n(name, len);
}

str_t io_tls_peer_name(const io_tls_session_t *s, arena_t *a)
{
    X509 *cert = SSL_get0_peer_certificate(s->ssl);
    return cert ? io_tls_store_name(X509_get_subject_name(cert), a) : STR_NONE;
}

const char *io_tls_version(const io_tls_session_t *s)
{
    return SSL_get_version(s->ssl);
}

const char *io_tls_cipher(const io_tls_session_t *s)
{
    const SSL_CIPHER *c = SSL_get_current_cipher(s->ssl);
    return c ? SSL_CIPHER_standard_name(c) : "";
}
