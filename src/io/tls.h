/* tls.h: TLS 1.2 and 1.3 over a non-blocking socket.
 *
 * An io_tls_t says who we are and whom we trust. It does not change once it is made; sessions of
 * any threads share it. An io_tls_session_t is one connection: its calls are one thread's, and have
 * the contract of io/tcp.h's. It borrows the descriptor. Most want io/stream.h, which has a session
 * where there is TLS and none where there is not.
 *
 * Key and certificates come as PEM or PKCS #12, in files or as text; which of them is seen by the
 * content. Sessions are not resumed.
 */
#ifndef ARUS_IO_TLS_H
#define ARUS_IO_TLS_H

#include "io/io.h"

typedef struct io_tls io_tls_t;
typedef struct io_tls_session io_tls_session_t;

/* Values of Kafka's properties as they are written; what was not said is empty. Borrowed by
 * io_tls_new only. */
typedef struct io_tls_options {
#define TLS(field, name) str_t field;
#include "io/tls.def"
#undef TLS
    const str_t *alpn; /* the protocols we speak, the best first */
    size_t n_alpn;     /* 0: none is agreed on */
} io_tls_options_t;

/* Sets what the property of this name ("ssl.keystore.location") says; false when none is called so.
 */
bool io_tls_options_set(io_tls_options_t *o, str_t name, str_t value);

typedef enum io_tls_side { IO_TLS_SERVER, IO_TLS_CLIENT } io_tls_side_t;

/* A server must have a key. Without a truststore the system's authorities are trusted. Reads the
 * files now. ST_BAD_CONFIG names the property. */
ST io_tls_new(io_t *io, io_tls_side_t side, const io_tls_options_t *o, io_tls_t **ret, err_t *err);
/* NULL is allowed. Its sessions are gone by then. */
void io_tls_free(io_tls_t *t);

/* A client says whom it has called (a name or an address) and, unless
 * ssl.endpoint.identification.algorithm is said to be empty, demands that certificate. */
io_tls_session_t *io_tls_session_new(io_tls_t *t, int fd, str_t server_name);
/* NULL is allowed. */
void io_tls_session_free(io_tls_session_t *s);

/* What a call that gave ST_PARTIAL waits for: IO_TLS_IN, or IO_TLS_OUT. */
typedef enum io_tls_wait { IO_TLS_IN, IO_TLS_OUT } io_tls_wait_t;

/* Until it gives ST_OK nothing is read or written. ST_PARTIAL: again when `ret_wait` says;
 * ST_CLOSED: the other end went; ST_DENIED: the two do not agree (version, cipher, certificate). */
ST io_tls_handshake(io_tls_session_t *s, io_tls_wait_t *ret_wait, err_t *err);
/* As io_tcp_read, but fills all of p while there is anything. */
ST io_tls_read(io_tls_session_t *s, void *p, size_t cap, size_t *ret_n, io_tls_wait_t *ret_wait,
               err_t *err);
/* As io_tcp_write. After ST_PARTIAL the next call must begin with the same bytes. */
ST io_tls_write(io_tls_session_t *s, const str_t *parts, size_t n, size_t *ret_n,
                io_tls_wait_t *ret_wait, err_t *err);
/* Whether bytes have come that the socket will not announce any more. */
bool io_tls_more(const io_tls_session_t *s);
/* Tells the other end that nothing more comes, as far as the socket takes it now. */
void io_tls_finish(io_tls_session_t *s);

/* The protocol agreed on; empty: none. Until the session is freed. */
str_t io_tls_alpn(const io_tls_session_t *s);
/* The distinguished name of the other end's certificate as Java's X500Principal.getName() has it
 * (RFC 2253, the last part first), in the arena; ptr NULL: it showed none. */
str_t io_tls_peer_name(const io_tls_session_t *s, arena_t *a);
/* "TLSv1.3" and the cipher's name in IANA's words. */
const char *io_tls_version(const io_tls_session_t *s);
const char *io_tls_cipher(const io_tls_session_t *s);

#endif
