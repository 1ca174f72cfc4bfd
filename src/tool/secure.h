/* secure.h: what a client's properties file (--command-config) says of TLS and SASL. */
#ifndef ARUS_TOOL_SECURE_H
#define ARUS_TOOL_SECURE_H

#include "io/tls.h"

typedef struct secure {
    bool sasl;
    io_tls_t *tls;                   /* NULL: plain */
    str_t mechanism, user, password; /* of SASL; in the arena */
} secure_t;

/* ST_BAD_CONFIG: what these tools cannot do is refused, not passed over. */
ST secure_read(io_t *io, str_t path, arena_t *a, secure_t *ret, err_t *err);
void secure_done(secure_t *s);

/* A password salted (PBKDF2) as a mechanism of SCRAM wants it: 32 or 64 bytes. */
void secure_salt(str_t mechanism, str_t password, str_t salt, int32_t iterations, uint8_t *ret);

/* A client's side of SASL: give it what the broker said (first: nothing) and send what it gives,
 * until it is done. */
typedef struct secure_login {
    const secure_t *secure;
    io_t *io;
    int step;
    str_t first_bare, nonce; /* SCRAM; in the arena */
} secure_login_t;

/* *ret_token is in the arena; ptr NULL: the broker is believed, there is nothing more to say.
 * ST_DENIED: the broker does not know the password; ST_CORRUPT. */
ST secure_login_step(secure_login_t *l, str_t challenge, arena_t *a, str_t *ret_token, err_t *err);

#endif
