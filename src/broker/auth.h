/* auth.h: who is at the other end of a connection: what listeners demand, SASL, principals.
 *
 * A connection begins as nobody. It is somebody at once (no TLS, no SASL), when TLS is agreed on,
 * or when SASL has ended well; until then it may ask for ApiVersions, SaslHandshake and
 * SaslAuthenticate only, in small requests, and for authentication.timeout.ms. Passwords and what
 * is made of them never get into a message for people.
 */
#ifndef ARUS_BROKER_AUTH_H
#define ARUS_BROKER_AUTH_H

#include "base/map.h"
#include "broker/principal.h"
#include "broker/scram.h"
#include "io/stream.h"

typedef struct broker broker_t;
typedef struct broker_conn broker_conn_t;
typedef struct broker_request broker_request_t;

/* The numbers of the SCRAM ones are the protocol's. */
typedef enum broker_mechanism {
    BROKER_PLAIN,
    BROKER_SCRAM_256 = SCRAM_SHA_256,
    BROKER_SCRAM_512 = SCRAM_SHA_512,
    BROKER_MECHANISMS
} broker_mechanism_t;

const char *broker_mechanism_name(broker_mechanism_t m);

/* A user of a JAAS line: user_NAME="password". */
typedef struct broker_user {
    broker_mechanism_t mechanism;
    str_t name, password;          /* PLAIN */
    scram_credential_t credential; /* SCRAM */
} broker_user_t;

/* What is demanded of those who come by one listener. Does not change. */
typedef struct broker_listener {
    str_t name;
    io_tls_t *tls; /* NULL: plain */
    bool sasl;
    bool mechanism[BROKER_MECHANISMS];
    VEC(broker_user_t) users;
    principal_rules_t *rules;
    int64_t reauth_ms; /* 0: never */
    int64_t sasl_bytes_max;
} broker_listener_t;

/* ---- listener.c */
/* The property of this listener ("listener.name.internal.ssl.client.auth"), else the broker's. */
str_t broker_listener_property(const broker_t *b, str_t listener, const char *name,
                               str_t otherwise);
/* By its name and listener.security.protocol.map; kept by the broker. ST_BAD_CONFIG. */
ST broker_listener_find(broker_t *b, str_t name, broker_listener_t **ret, err_t *err);
void broker_listeners_free(broker_t *b);

/* ---- users.c: those whom AlterUserScramCredentials made; thread: any */
typedef struct broker_users {
    pthread_rwlock_t lock;
    map_t credentials; /* "1 name" */
} broker_users_t;

void broker_users_init(broker_t *b);
ST broker_users_load(broker_t *b, err_t *err);
void broker_users_free(broker_t *b);
/* False: there is no such user. */
bool broker_users_find(broker_t *b, scram_hash_t hash, str_t name, scram_credential_t *ret);

/* ---- sasl.c; thread: net */
typedef struct broker_auth {
    bool done;                    /* it is somebody */
    bool is_super;                /* may do everything */
    str_t principal;              /* "User:alice", owned */
    str_t user;                   /* in it */
    map_t decided;                /* what it may; authorize.c */
    unsigned decided_at;          /* the generation of the access lists */
    int64_t began_ns, expires_ns; /* 0: never */
    bool shaken;                  /* SaslHandshake has chosen */
    bool bare;                    /* of version 0: tokens come without a request around them */
    broker_mechanism_t mechanism;
    scram_server_t *scram; /* under way; NULL: none */
} broker_auth_t;

void broker_auth_begin(broker_conn_t *c);
void broker_auth_end(broker_conn_t *c);
/* The connection's first bytes are there: with TLS it is known by now who is at the other end.
 * False: nobody we know; the connection is to be closed. */
bool broker_auth_started(broker_conn_t *c);
/* How large a request may be by now. */
int64_t broker_auth_bytes_max(const broker_conn_t *c);
/* NULL, or why a connection that is not authenticated (any more) may not ask for this. */
const char *broker_auth_refuses(const broker_request_t *r);
/* A token of version 0. */
void broker_sasl_token(broker_request_t *r);

#endif
