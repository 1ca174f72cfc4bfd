/* scram.h: SCRAM (RFC 5802, RFC 7677): what is kept of a password, and the server's side of an
 * exchange. Sans I/O: chance comes from the caller. */
#ifndef ARUS_BROKER_SCRAM_H
#define ARUS_BROKER_SCRAM_H

#include "base/buf.h"

/* Numbered as Kafka's protocol does. */
typedef enum scram_hash { SCRAM_SHA_256 = 1, SCRAM_SHA_512 = 2 } scram_hash_t;

#define SCRAM_KEY_MAX        64
#define SCRAM_SALT_MAX       256
#define SCRAM_NONCE_BYTES    24 /* of chance, before it is made printable */
#define SCRAM_ITERATIONS_MIN 4096
#define SCRAM_ITERATIONS_MAX 16384

/* What is kept: the password cannot be had from it but by trying. */
typedef struct scram_credential {
    scram_hash_t hash;
    int32_t iterations;
    size_t salt_len;
    uint8_t salt[SCRAM_SALT_MAX];
    uint8_t stored_key[SCRAM_KEY_MAX], server_key[SCRAM_KEY_MAX]; /* scram_key_bytes of them */
} scram_credential_t;

size_t scram_key_bytes(scram_hash_t hash);
/* From a password. Takes milliseconds. salt: at most SCRAM_SALT_MAX bytes. */
void scram_derive(scram_hash_t hash, str_t password, str_t salt, int32_t iterations,
                  scram_credential_t *ret);
/* From a salted password (PBKDF2), as Kafka's clients send it; it has scram_key_bytes. */
void scram_from_salted(scram_hash_t hash, str_t salted, str_t salt, int32_t iterations,
                       scram_credential_t *ret);
/* "salt=…,stored_key=…,server_key=…,iterations=4096", in base64 as Kafka keeps it. */
void scram_credential_put(buf_t *b, const scram_credential_t *c);
/* ST_CORRUPT */
ST scram_credential_read(scram_hash_t hash, str_t text, scram_credential_t *ret, err_t *err);

/* One exchange; its texts are its own. Starts zeroed. */
typedef struct scram_server {
    buf_t user;             /* as the client said it */
    buf_t gs2;              /* the header of its first message */
    buf_t first;            /* client-first-message-bare,server-first-message */
    buf_t nonce;            /* the client's part and ours */
    size_t their_nonce_len; /* the client's part */
    scram_credential_t credential;
} scram_server_t;

void scram_server_done(scram_server_t *s);
/* client-first-message: s->user is known after it. ST_BAD_INPUT. */
ST scram_server_first(scram_server_t *s, str_t message, err_t *err);
/* Our answer, with the user's credential (or, so that nobody learns which users there are, one of
 * chance) and SCRAM_NONCE_BYTES of chance. */
void scram_server_challenge(scram_server_t *s, const scram_credential_t *c, const uint8_t *chance,
                            buf_t *out);
/* client-final-message; ST_DENIED: not this password. Appends our last. */
ST scram_server_final(scram_server_t *s, str_t message, buf_t *out, err_t *err);

#endif
