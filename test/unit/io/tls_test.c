/* TLS: two ends on one loop, certificates made here: agreement and its failures, bytes that the
 * socket hides, full sockets, names as Java prints them. */
#include "io/stream.c"
#include "io/tls.c"
#include "io/tls_store.c"

#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- certificates */

typedef struct identity {
    EVP_PKEY *key;
    X509 *cert;
    char *key_pem, *cert_pem;
} identity_t;

static char *pem_of(BIO *bio)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    char *z = mem_z(str_n(p, (size_t)n));
    BIO_free(bio);
    return z;
}

/* Signed by `by`, or by itself. */
static identity_t identity(const char *name, const identity_t *by)
{
    identity_t id = {EVP_EC_gen("P-256"), X509_new(), NULL, NULL};
    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), by ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), 3600);
    X509_set_pubkey(id.cert, id.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(id.cert, X509_get_subject_name(by ? by->cert : id.cert));
    X509_EXTENSION *e =
        X509V3_EXT_conf_nid(NULL, NULL, by ? NID_subject_alt_name : NID_basic_constraints,
                            by ? "DNS:localhost,IP:127.0.0.1" : "CA:TRUE");
    X509_add_ext(id.cert, e, -1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(id.cert, by ? by->key : id.key, EVP_sha256()) > 0);
    BIO *key = BIO_new(BIO_s_mem()), *cert = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(key, id.key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL);
    PEM_write_bio_X509(cert, id.cert);
    id.key_pem = pem_of(key);
    id.cert_pem = pem_of(cert);
    return id;
}

static void identity_done(identity_t *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
    free(id->key_pem);
    free(id->cert_pem);
}

/* ---- a world of two ends */

typedef struct end {
    io_stream_t stream;
    buf_t in;
    st_t st; /* why reading ended */
    err_t err;
    size_t read_bytes; /* at once */
} end_t;

typedef struct world {
    io_t *io;
    io_loop_t *loop;
    identity_t ca, server, client;
    io_tls_options_t server_opt, client_opt;
    io_tls_t *server_tls, *client_tls;
    end_t a, b; /* server, client */
} world_t;

static int enter(void **state)
{
    world_t *w = mem_zalloc(sizeof *w);
    w->io = io_real_new();
    w->loop = io_loop_new(w->io);
    w->ca = identity("an authority", NULL);
    w->server = identity("a server", &w->ca);
    w->client = identity("a client, O=x", &w->ca);
    w->server_opt = (io_tls_options_t){.keystore_key = str_of(w->server.key_pem),
                                       .keystore_chain = str_of(w->server.cert_pem),
                                       .key_password = STR("secret"),
                                       .truststore_certificates = str_of(w->ca.cert_pem)};
    w->client_opt = (io_tls_options_t){.truststore_certificates = str_of(w->ca.cert_pem)};
    *state = w;
    return 0;
}

static void hang_up(world_t *w)
{
    io_stream_close(&w->a.stream);
    io_stream_close(&w->b.stream);
    buf_done(&w->a.in);
    buf_done(&w->b.in);
    io_tls_free(w->server_tls);
    io_tls_free(w->client_tls);
    w->server_tls = w->client_tls = NULL;
}

static int leave(void **state)
{
    world_t *w = *state;
    hang_up(w);
    io_loop_free(w->loop);
    io_free(w->io);
    identity_done(&w->ca);
    identity_done(&w->server);
    identity_done(&w->client);
    free(w);
    return 0;
}

static void on_end(void *arg, unsigned ready)
{
    end_t *e = arg;
    size_t n;
    if (!(ready & IO_READABLE))
        return;
    e->st =
        io_stream_read(&e->stream, buf_reserve(&e->in, e->read_bytes), e->read_bytes, &n, &e->err);
    if (e->st == ST_OK)
        e->in.len += n;
    else if (e->st != ST_PARTIAL)
        io_stream_watch(&e->stream, 0);
}

/* A client is a stream, too, whose session calls. */
static void call(world_t *w, const char *host)
{
    int fd[2];
    err_t err;
    st_t st = io_tls_new(w->io, IO_TLS_SERVER, &w->server_opt, &w->server_tls, &err);
    if (st != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(ST_OK, io_tls_new(w->io, IO_TLS_CLIENT, &w->client_opt, &w->client_tls, &err));
    assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
    w->a.read_bytes = w->b.read_bytes = 100000;
    w->a.st = w->b.st = ST_PARTIAL;
    io_stream_open(&w->a.stream, w->loop, fd[0], w->server_tls, 10000, on_end, &w->a);
    io_stream_open(&w->b.stream, w->loop, fd[1], NULL, 0, on_end, &w->b);
    w->b.stream.session = io_tls_session_new(w->client_tls, fd[1], str_of(host));
    shake(&w->b.stream);
    io_stream_watch(&w->a.stream, IO_READABLE);
    io_stream_watch(&w->b.stream, IO_READABLE);
}

static void turn(world_t *w, int n)
{
    for (int i = 0; i < n; i++)
        io_loop_turn(w->loop, 2);
}

static void both_agree(void **state)
{
    world_t *w = *state;
    str_t speaks[] = {STR("h2"), STR("http/1.1")}, other = STR("http/1.1");
    w->server_opt.alpn = speaks;
    w->server_opt.n_alpn = 2;
    w->client_opt.alpn = &other;
    w->client_opt.n_alpn = 1;
    call(w, "localhost");
    turn(w, 10);
    assert_true(w->a.stream.shaken && w->b.stream.shaken);
    assert_true(str_eq(other, io_tls_alpn(w->a.stream.session)));
    assert_string_equal("TLSv1.3", io_tls_version(w->a.stream.session));
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    assert_null(io_tls_peer_name(w->a.stream.session, &a).ptr);
    assert_true(str_eq(STR("CN=a server"), io_tls_peer_name(w->b.stream.session, &a)));
    arena_done(&a);
    str_t parts[] = {STR("one, "), STR(""), STR("two")};
    size_t n;
    assert_int_equal(ST_OK, io_stream_write(&w->b.stream, parts, 3, &n, NULL));
    assert_int_equal(8, n);
    turn(w, 3);
    assert_true(str_eq(STR("one, two"), buf_str(&w->a.in)));
    io_stream_finish(&w->b.stream);
    turn(w, 3);
    assert_int_equal(ST_CLOSED, w->a.st);
}

/* The reader takes 100 bytes a time of records of 16 KiB: the socket is silent about the rest. */
static void hidden_bytes_are_announced(void **state)
{
    world_t *w = *state;
    static char bytes[70000];
    memset(bytes, 'x', sizeof bytes);
    w->client_opt.enabled_protocols = STR("TLSv1.2");
    call(w, "127.0.0.1");
    turn(w, 10);
    assert_string_equal("TLSv1.2", io_tls_version(w->a.stream.session));
    w->a.read_bytes = 100;
    str_t all = str_n(bytes, sizeof bytes);
    size_t n, sent = 0;
    for (int i = 0; i < 3000 && w->a.in.len < sizeof bytes; i++) {
        str_t rest = str_sub(all, sent, all.len);
        if (rest.len && io_stream_write(&w->b.stream, &rest, 1, &n, NULL) == ST_OK)
            sent += n;
        turn(w, 1);
    }
    assert_int_equal(sizeof bytes, w->a.in.len);
}

/* A write that does not fit is refused and goes on with the same bytes. */
static void full_socket(void **state)
{
    world_t *w = *state;
    enum { BYTES = 4 << 20 };
    char *bytes = mem_alloc(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 7 >> 3);
    call(w, "localhost");
    turn(w, 10);
    io_stream_watch(&w->a.stream, 0);
    size_t sent = 0, n;
    int refused = 0;
    while (sent < BYTES) {
        str_t parts[] = {
            str_n(bytes + sent, (BYTES - sent) / 3),
            str_n(bytes + sent + (BYTES - sent) / 3, BYTES - sent - (BYTES - sent) / 3)};
        st_t st = io_stream_write(&w->b.stream, parts, 2, &n, NULL);
        if (st == ST_OK) {
            sent += n;
            continue;
        }
        assert_int_equal(ST_PARTIAL, st);
        refused++;
        io_stream_watch(&w->a.stream, IO_READABLE);
        turn(w, 2);
    }
    turn(w, 100);
    assert_true(refused > 0);
    assert_int_equal(BYTES, w->a.in.len);
    assert_memory_equal(bytes, w->a.in.ptr, BYTES);
    free(bytes);
}

static void client_certificates(void **state)
{
    world_t *w = *state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    w->server_opt.client_auth = STR("required");
    w->client_opt.keystore_key = str_of(w->client.key_pem);
    w->client_opt.keystore_chain = str_of(w->client.cert_pem);
    w->client_opt.key_password = STR("secret");
    call(w, "localhost");
    turn(w, 10);
    assert_true(str_eq(STR("CN=a client\\, O\\=x"), io_tls_peer_name(w->a.stream.session, &a)));
    hang_up(w);
    arena_done(&a);
    w->client_opt.keystore_key = STR_NONE;
    call(w, "localhost");
    turn(w, 10);
    assert_int_equal(ST_DENIED, w->a.st);
    assert_non_null(strstr(w->a.err.msg, "certificate"));
    assert_int_equal(ST_DENIED, w->b.st);
}

static void strangers_are_refused(void **state)
{
    world_t *w = *state;
    call(w, "another.host");
    turn(w, 10);
    assert_int_equal(ST_DENIED, w->b.st);
    assert_non_null(strstr(w->b.err.msg, "hostname mismatch"));
    hang_up(w);
    w->client_opt.endpoint_identification = STR("");
    call(w, "another.host");
    turn(w, 10);
    assert_true(w->b.stream.shaken);
    hang_up(w);
    w->client_opt.truststore_certificates = str_of(w->client.cert_pem);
    call(w, "localhost");
    turn(w, 10);
    assert_int_equal(ST_DENIED, w->b.st);
}

static void silence_ends(void **state)
{
    world_t *w = *state;
    int fd[2];
    err_t err;
    st_t st = io_tls_new(w->io, IO_TLS_SERVER, &w->server_opt, &w->server_tls, &err);
    if (st != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
    w->a.read_bytes = 1;
    io_stream_open(&w->a.stream, w->loop, fd[0], w->server_tls, 20, on_end, &w->a);
    io_stream_watch(&w->a.stream, IO_READABLE);
    w->b.stream.poll.fd = -1;
    assert_int_equal(3, write(fd[1], "\x16\x03\x01", 3));
    for (int i = 0; i < 100 && w->a.st != ST_TIMEOUT; i++)
        turn(w, 1);
    assert_int_equal(ST_TIMEOUT, w->a.st);
    hang_up(w);
    io_stream_open(&w->a.stream, w->loop, fd[0], NULL, 0, on_end, &w->a);
    close(fd[1]);
}

static void plain_bytes_are_refused(void **state)
{
    world_t *w = *state;
    call(w, "localhost");
    assert_true(write(w->b.stream.poll.fd, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
    turn(w, 10);
    assert_int_equal(ST_DENIED, w->a.st);
}

/* ---- stores */

static void refused(world_t *w, const io_tls_options_t *o, const char *why)
{
    err_t err;
    io_tls_t *t;
    assert_int_equal(ST_BAD_CONFIG, io_tls_new(w->io, IO_TLS_SERVER, o, &t, &err));
    assert_non_null(strstr(err.msg, why));
}

static void bad_options(void **state)
{
    world_t *w = *state;
    io_tls_options_t o = {0};
    assert_false(io_tls_options_set(&o, STR("ssl.keystore.type"), STR("PEM")));
    refused(w, &o, "ssl.keystore.location");
    assert_true(io_tls_options_set(&o, STR("ssl.keystore.location"), STR("/nowhere/at/all.pem")));
    refused(w, &o, "/nowhere/at/all.pem");
    o = w->server_opt;
    o.key_password = STR("wrong");
    refused(w, &o, "ssl.key.password");
    o = w->server_opt;
    o.keystore_chain = str_of(w->client.cert_pem);
    refused(w, &o, "cannot be used");
    o = w->server_opt;
    o.client_auth = STR("maybe");
    refused(w, &o, "ssl.client.auth");
    o = w->server_opt;
    o.enabled_protocols = STR("TLSv1.1,TLSv1.2");
    refused(w, &o, "TLSv1.1");
    o = w->server_opt;
    o.cipher_suites = STR("TLS_NO_SUCH_THING");
    refused(w, &o, "ssl.cipher.suites");
}

static void ciphers_by_javas_names(void **state)
{
    world_t *w = *state;
    w->server_opt.cipher_suites =
        STR("TLS_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    call(w, "localhost");
    turn(w, 10);
    assert_string_equal("TLS_CHACHA20_POLY1305_SHA256", io_tls_cipher(w->b.stream.session));
    hang_up(w);
    w->client_opt.enabled_protocols = STR("TLSv1.2");
    call(w, "localhost");
    turn(w, 10);
    assert_string_equal("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                        io_tls_cipher(w->b.stream.session));
}

/* A property's PEM on one line, and a PKCS #12 file. */
static void other_forms(void **state)
{
    world_t *w = *state;
    char path[] = "/tmp/arus_tls_XXXXXX";
    char *line = mem_z(w->server_opt.keystore_chain);
    for (char *p = line; *p; p++)
        if (*p == '\n')
            *p = ' ';
    w->server_opt.keystore_chain = str_of(line);
    call(w, "localhost");
    turn(w, 10);
    assert_true(w->a.stream.shaken);
    hang_up(w);
    free(line);
    int fd = mkstemp(path);
    PKCS12 *p12 = PKCS12_create("pass", "us", w->server.key, w->server.cert, NULL, 0, 0, 0, 0, 0);
    FILE *f = fdopen(fd, "wb");
    i2d_PKCS12_fp(f, p12);
    fclose(f);
    PKCS12_free(p12);
    w->server_opt =
        (io_tls_options_t){.keystore_location = str_of(path), .keystore_password = STR("fail")};
    refused(w, &w->server_opt, "password");
    w->server_opt.keystore_password = STR("pass");
    call(w, "localhost");
    turn(w, 10);
    assert_true(w->a.stream.shaken);
    unlink(path);
}

/* As Java 21 printed them. */
static void names(void **state)
{
    arena_t a;
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    static const struct {
        const char *part[8][2];
        const char *java;
    } cases[] = {
        {{{"L", " lead "}, {"O", "#x"}, {"CN", "a=b, c"}}, "CN=a\\=b\\, c,O=\\#x,L=\\ lead\\ "},
        {{{"title", "title"},
          {"serialNumber", "5"},
          {"UID", "u"},
          {"DC", "d"},
          {"street", "y"},
          {"ST", "x"},
          {"CN", "Ünï"},
          {"emailAddress", "a@b.c"}},
         "1.2.840.113549.1.9.1=#16056140622e63,CN=Ünï,ST=x,STREET=y,DC=d,UID=u,2.5.4.5=#130135,"
         "2.5.4.12=#0c057469746c65"},
        {{{"C", "ID"}, {"CN", "a"}, {"+OU", "b"}}, "CN=a+OU=b,C=ID"},
        {{{"CN", "a  b\"c<>;\\"}}, "CN=a  b\\\"c\\<\\>\\;\\\\"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        X509_NAME *n = X509_NAME_new();
        for (int k = 0; k < 8 && cases[i].part[k][0]; k++) {
            const char *type = cases[i].part[k][0];
            bool more = type[0] == '+';
            assert_true(X509_NAME_add_entry_by_txt(n, type + more, MBSTRING_UTF8,
                                                   (const unsigned char *)cases[i].part[k][1], -1,
                                                   -1, more ? -1 : 0));
        }
        str_t text = io_tls_store_name(n, &a);
        assert_string_equal(cases[i].java, arena_z(&a, text));
        X509_NAME_free(n);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_agree, enter, leave),
        cmocka_unit_test_setup_teardown(hidden_bytes_are_announced, enter, leave),
        cmocka_unit_test_setup_teardown(full_socket, enter, leave),
        cmocka_unit_test_setup_teardown(client_certificates, enter, leave),
        cmocka_unit_test_setup_teardown(strangers_are_refused, enter, leave),
        cmocka_unit_test_setup_teardown(silence_ends, enter, leave),
        cmocka_unit_test_setup_teardown(plain_bytes_are_refused, enter, leave),
        cmocka_unit_test_setup_teardown(bad_options, enter, leave),
        cmocka_unit_test_setup_teardown(ciphers_by_javas_names, enter, leave),
        cmocka_unit_test_setup_teardown(other_forms, enter, leave),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
