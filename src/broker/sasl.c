/* sasl.c: from a connection to a user: SaslHandshake, SaslAuthenticate, certificates. thread: net
 */
#include "broker/internal.h"

#include "base/trace.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* ---- becoming somebody */

/* super.users has "User:NAME" with semicolons between. */
static bool is_super(const broker_t *b, str_t user)
{
    str_t list = broker_property(b, "super.users", STR("")), one;
    while (str_split(&list, ';', &one)) {
        one = str_trim(one);
        if (str_starts(one, STR("User:")) && str_eq(str_sub(one, 5, one.len), user))
            return true;
    }
    return false;
}

static void become(broker_conn_t *c, str_t user)
{
    broker_auth_t *a = &c->auth;
    buf_t principal = BUF_INIT;
    free((void *)(uintptr_t)a->principal.ptr);
    buf_printf(&principal, "User:" STR_FMT, STR_ARG(user));
    a->principal = buf_str(&principal); /* the buffer is its owner's now */
    a->user = str_sub(a->principal, 5, a->principal.len);
    a->is_super = is_super(c->net->broker, user);
    a->done = true;
    a->shaken = a->bare = false;
    if (c->port->listener->sasl && c->port->listener->reauth_ms)
        a->expires_ns = io_loop_ns(c->net->loop) + c->port->listener->reauth_ms * 1000000;
}

static void end_exchange(broker_auth_t *a)
{
    if (a->scram)
        scram_server_done(a->scram);
    free(a->scram);
    a->scram = NULL;
}

void broker_auth_begin(broker_conn_t *c)
{
    const broker_listener_t *l = c->port->listener;
    c->auth.began_ns = io_loop_ns(c->net->loop);
    map_init(&c->auth.decided);
    if (!l->tls && !l->sasl)
        become(c, STR("ANONYMOUS"));
}

void broker_auth_end(broker_conn_t *c)
{
    end_exchange(&c->auth);
    free((void *)(uintptr_t)c->auth.principal.ptr);
    map_done(&c->auth.decided, NULL);
}

bool broker_auth_started(broker_conn_t *c)
{
    const broker_listener_t *l = c->port->listener;
    if (c->auth.done || l->sasl)
        return true;
    arena_t a;
    err_t err;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t name = io_tls_peer_name(c->stream.session, &a), user = STR("ANONYMOUS");
    st_t st = name.ptr ? principal_rules_apply(l->rules, name, &a, &user, &err) : ST_OK;
    if (st == ST_OK)
        become(c, user);
    else
        trace_line(TRACE_INFO, "broker", STR_FMT " is refused: %s", STR_ARG(c->host), err.msg);
    arena_done(&a);
    return st == ST_OK;
}

int64_t broker_auth_bytes_max(const broker_conn_t *c)
{
    int64_t most = c->net->broker->config.request_bytes_max;
    int64_t sasl = c->port->listener->sasl_bytes_max;
    return c->auth.done || most < sasl ? most : sasl;
}

const char *broker_auth_refuses(const broker_request_t *r)
{
    const broker_auth_t *a = &r->conn->auth;
    bool sasl = r->handler->key == WIRE_API_sasl_handshake ||
                r->handler->key == WIRE_API_sasl_authenticate ||
                r->handler->key == WIRE_API_api_versions;
    if (sasl)
        return NULL;
    if (!a->done)
        return "has not said who it is: the listener demands SASL";
    if (a->expires_ns && io_loop_ns(r->conn->net->loop) > a->expires_ns)
        return "has not authenticated again within connections.max.reauth.ms";
    return NULL;
}

/* ---- SaslHandshake */

/* On a connection that is somebody already only where it must be so again. */
static bool may_authenticate(const broker_conn_t *c)
{
    return c->port->listener->sasl && (!c->auth.done || c->auth.expires_ns);
}

void broker_on_sasl_handshake(broker_request_t *r)
{
    MESSAGE(sasl_handshake);
    RESPONSE(sasl_handshake);
    broker_conn_t *c = r->conn;
    const broker_listener_t *l = c->port->listener;
    bool again = c->auth.done;
    if (!may_authenticate(c) || c->auth.shaken) {
        answer->error_code = KAFKA_ILLEGAL_SASL_STATE;
        broker_answer(r, answer);
        return;
    }
    answer->error_code = KAFKA_UNSUPPORTED_SASL_MECHANISM;
    answer->mechanisms.ptr = ARENA_ARRAY(&r->arena, str_t, BROKER_MECHANISMS);
    for (int i = 0; i < BROKER_MECHANISMS; i++) {
        str_t name = str_of(broker_mechanism_name((broker_mechanism_t)i));
        if (!l->mechanism[i])
            continue;
        answer->mechanisms.ptr[answer->mechanisms.len++] = name;
        if (!str_eq(m->mechanism, name) || (again && (int)c->auth.mechanism != i))
            continue;
        answer->error_code = KAFKA_NONE;
        c->auth.mechanism = (broker_mechanism_t)i;
        c->auth.shaken = true;
        c->auth.bare = r->version == 0;
    }
    broker_answer(r, answer);
}

/* ---- PLAIN: authorization id, user, password, with zero bytes between */

static bool same_password(str_t a, str_t b)
{
    uint8_t x[32] = {0}, y[32] = {0};
    if (!EVP_Digest(a.ptr ? a.ptr : "", a.len, x, NULL, EVP_sha256(), NULL) ||
        !EVP_Digest(b.ptr ? b.ptr : "", b.len, y, NULL, EVP_sha256(), NULL))
        die("OpenSSL has no SHA-2");
    return CRYPTO_memcmp(x, y, sizeof x) == 0;
}

static ST plain(const broker_conn_t *c, str_t token, str_t *ret_user, err_t *err)
{
    const broker_listener_t *l = c->port->listener;
    ptrdiff_t one = str_find_char(token, 0);
    str_t rest = one < 0 ? STR_NONE : str_sub(token, (size_t)one + 1, token.len);
    ptrdiff_t two = str_find_char(rest, 0);
    if (one < 0 || two <= 0)
        return err_set(err, ST_BAD_INPUT, "a malformed token");
    str_t id = str_sub(token, 0, (size_t)one), user = str_sub(rest, 0, (size_t)two);
    str_t password = str_sub(rest, (size_t)two + 1, rest.len);
    bool good = false;
    for (size_t i = 0; i < l->users.len; i++) {
        const broker_user_t *u = &l->users.ptr[i];
        if (u->mechanism == BROKER_PLAIN && str_eq(u->name, user))
            good = same_password(u->password, password);
    }
    if (!good || (id.len && !str_eq(id, user)))
        return err_set(err, ST_DENIED, "Invalid username or password");
    *ret_user = user;
    return ST_OK;
}

/* ---- SCRAM */

/* A user whom there is not gets a credential all the same, always the same one. */
static scram_credential_t credential_of(broker_conn_t *c, str_t user)
{
    broker_t *b = c->net->broker;
    const broker_listener_t *l = c->port->listener;
    scram_credential_t found = {.hash = (scram_hash_t)c->auth.mechanism,
                                .iterations = SCRAM_ITERATIONS_MIN,
                                .salt_len = 16};
    if (broker_users_find(b, found.hash, user, &found))
        return found;
    for (size_t i = 0; i < l->users.len; i++)
        if (l->users.ptr[i].mechanism == c->auth.mechanism && str_eq(l->users.ptr[i].name, user))
            return l->users.ptr[i].credential;
    uint8_t salt[EVP_MAX_MD_SIZE];
    if (!HMAC(EVP_sha256(), b->secret, sizeof b->secret, (const unsigned char *)user.ptr, user.len,
              salt, NULL))
        die("OpenSSL has no HMAC");
    memcpy(found.salt, salt, found.salt_len);
    io_random(b->io, found.stored_key, sizeof found.stored_key);
    return found;
}

static ST scram(broker_conn_t *c, str_t token, buf_t *out, str_t *ret_user, err_t *err)
{
    broker_auth_t *a = &c->auth;
    if (!a->scram) {
        uint8_t chance[SCRAM_NONCE_BYTES];
        a->scram = mem_zalloc(sizeof *a->scram);
        TRY(scram_server_first(a->scram, token, err));
        scram_credential_t credential = credential_of(c, buf_str(&a->scram->user));
        io_random(c->net->broker->io, chance, sizeof chance);
        scram_server_challenge(a->scram, &credential, chance, out);
        OPENSSL_cleanse(&credential, sizeof credential);
        return ST_PARTIAL;
    }
    TRY(scram_server_final(a->scram, token, out, err));
    *ret_user = buf_str(&a->scram->user);
    return ST_OK;
}

/* ---- SaslAuthenticate */

/* ST_PARTIAL: the client has to go on. A connection that authenticates again stays who it was. */
static ST take_token(broker_conn_t *c, str_t token, buf_t *out, err_t *err)
{
    broker_auth_t *a = &c->auth;
    str_t user;
    if (a->mechanism == BROKER_PLAIN)
        TRY(plain(c, token, &user, err));
    else
        TRY(scram(c, token, out, &user, err));
    if (a->done && !str_eq(a->user, user))
        return err_set(err, ST_DENIED, "a connection cannot become another user's");
    become(c, user);
    return ST_OK;
}

static void refuse(broker_request_t *r, const err_t *err)
{
    RESPONSE(sasl_authenticate);
    broker_auth_t *a = &r->conn->auth;
    trace_line(TRACE_INFO, "broker", STR_FMT " is not let in by %s: %s", STR_ARG(r->conn->host),
               broker_mechanism_name(a->mechanism), err->msg);
    answer->error_code = KAFKA_SASL_AUTHENTICATION_FAILED;
    answer->auth_bytes = STR("");
    answer->error_message =
        a->mechanism == BROKER_PLAIN
            ? STR("Authentication failed: Invalid username or password")
            : arena_printf(&r->arena,
                           "Authentication failed during authentication due to invalid "
                           "credentials with SASL mechanism %s",
                           broker_mechanism_name(a->mechanism));
    a->shaken = false;
    r->cut = true;
    broker_conn_answer_late(r, answer);
}

void broker_on_sasl_authenticate(broker_request_t *r)
{
    MESSAGE(sasl_authenticate);
    RESPONSE(sasl_authenticate);
    broker_conn_t *c = r->conn;
    buf_t out = BUF_INIT;
    err_t err;
    if (!c->auth.shaken || c->auth.bare) {
        answer->error_code = KAFKA_ILLEGAL_SASL_STATE;
        answer->error_message = STR("SaslAuthenticate must follow a SaslHandshake");
        answer->auth_bytes = STR("");
        broker_answer(r, answer);
        return;
    }
    st_t st = take_token(c, m->auth_bytes, &out, &err);
    answer->auth_bytes = out.len ? arena_str(&r->arena, buf_str(&out)) : STR("");
    buf_done(&out);
    if (st != ST_PARTIAL)
        end_exchange(&c->auth);
    if (st != ST_OK && st != ST_PARTIAL) {
        refuse(r, &err);
        return;
    }
    answer->session_lifetime_ms = st == ST_OK ? c->port->listener->reauth_ms : 0;
    broker_answer(r, answer);
}

/* Version 0: a length and the token, both ways. */
void broker_sasl_token(broker_request_t *r)
{
    broker_conn_t *c = r->conn;
    err_t err;
    buf_put_be32(&r->out.buf, 0);
    st_t st = take_token(c, r->bytes, &r->out.buf, &err);
    if (st != ST_PARTIAL)
        end_exchange(&c->auth);
    if (st == ST_OK || st == ST_PARTIAL) {
        store_be32(r->out.buf.ptr, (uint32_t)(r->out.buf.len - 4));
        r->done = true;
        broker_conn_touch(c);
    } else {
        broker_cut(r, err.msg);
    }
}
