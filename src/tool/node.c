#include "tool/node.h"

#include "io/io.h"
#include "io/tcp.h"
#include "tool/error.h"

#include <errno.h>
#include <poll.h>

#define CONNECT_MS 5000
#define ANSWER_MS  60000
#define ANSWER_MAX (256u << 20)

/* ---- bytes */

static int64_t now_ms(const node_t *n)
{
    return io_mono_ns(n->io) / 1000000;
}

static ST wait_for(const node_t *n, short events, int64_t until_ms, err_t *err)
{
    for (;;) {
        int64_t left = until_ms - now_ms(n);
        if (left < 0)
            return err_set(err, ST_TIMEOUT, "the broker does not answer");
        struct pollfd p = {.fd = n->fd, .events = events};
        int ready = poll(&p, 1, (int)left);
        if (ready > 0)
            return ST_OK;
        if (ready < 0 && errno != EINTR)
            return err_set(err, ST_IO, "poll: %s", strerror(errno));
    }
}

/* What a call that gave ST_PARTIAL waits for. */
static short events_of(io_tls_wait_t wait)
{
    return wait == IO_TLS_IN ? POLLIN : POLLOUT;
}

static ST send_all(const node_t *n, str_t bytes, int64_t until_ms, err_t *err)
{
    while (bytes.len) {
        size_t sent = 0;
        io_tls_wait_t wait = IO_TLS_OUT;
        st_t st = n->tls ? io_tls_write(n->tls, &bytes, 1, &sent, &wait, err)
                         : io_tcp_write(n->fd, &bytes, 1, &sent, err);
        if (st == ST_PARTIAL) {
            TRY(wait_for(n, events_of(wait), until_ms, err));
            continue;
        }
        TRY(st);
        bytes = str_sub(bytes, sent, SIZE_MAX);
    }
    return ST_OK;
}

/* Until n->in has `len` bytes. */
static ST receive(node_t *n, size_t len, int64_t until_ms, err_t *err)
{
    while (n->in.len < len) {
        size_t left = len - n->in.len, got = 0, step = left < (1u << 20) ? left : (1u << 20);
        io_tls_wait_t wait = IO_TLS_IN;
        char *to = buf_reserve(&n->in, step);
        st_t st = n->tls ? io_tls_read(n->tls, to, step, &got, &wait, err)
                         : io_tcp_read(n->fd, to, step, &got, err);
        if (st == ST_PARTIAL) {
            TRY(wait_for(n, events_of(wait), until_ms, err));
            continue;
        }
        if (st == ST_CLOSED)
            return err_set(err, ST_UNREACHABLE, "the broker closed the connection");
        TRY(st);
        n->in.len += got;
    }
    return ST_OK;
}

/* ---- a request */

static ST encode(node_t *n, const wire_api_t *api, int version, const void *request, err_t *err)
{
    wire_out_clear(&n->out);
    buf_t *b = &n->out.buf;
    bool flexible = wire_api_flexible(api, version);
    buf_put_be32(b, 0);
    buf_put_be16(b, (uint16_t)api->key);
    buf_put_be16(b, (uint16_t)version);
    buf_put_be32(b, (uint32_t)++n->correlation);
    buf_put_be16(b, 4);
    BUF_LIT(b, "arus");
    if (flexible)
        buf_put_char(b, 0); /* no tagged fields */
    TRY(wire_encode(api->request(), version, flexible, request, &n->out, err));
    ASSERT(!n->out.splices.len);
    store_be32(b->ptr, (uint32_t)(b->len - 4));
    return ST_OK;
}

static ST round_trip(node_t *n, const wire_api_t *api, int version, const void *request, void *ret,
                     err_t *err)
{
    int64_t until = now_ms(n) + ANSWER_MS;
    TRY(encode(n, api, version, request, err));
    TRY(send_all(n, buf_str(&n->out.buf), until, err));
    buf_clear(&n->in);
    TRY(receive(n, 4, until, err));
    uint32_t len = load_be32(n->in.ptr);
    if (len < 5 || len > ANSWER_MAX)
        return err_set(err, ST_CORRUPT, "this is no Kafka broker: it answers with a length of %u",
                       len);
    buf_clear(&n->in);
    TRY(receive(n, len, until, err));
    str_t in = arena_str(n->arena, buf_str(&n->in));
    if ((int32_t)load_be32(in.ptr) != n->correlation)
        return err_set(err, ST_CORRUPT, "the broker answers another request");
    in = str_sub(in, wire_response_header_version(api, version) ? 5 : 4, SIZE_MAX);
    return wire_decode(api->response(), version, wire_api_flexible(api, version), &in, n->arena,
                       ret, err);
}

/* ---- connections */

/* An old broker answers a version it does not know with version 0 and the error 35. */
static ST ask_versions(node_t *n, err_t *err)
{
    const wire_api_t *api = wire_api_find(WIRE_API_api_versions);
    wire_api_versions_request_t q = {.client_software_name = STR("arus"),
                                     .client_software_version = STR(ARUS_VERSION)};
    wire_api_versions_response_t r;
    st_t st = round_trip(n, api, 3, &q, &r, err);
    if (st == ST_CORRUPT || (st == ST_OK && r.error_code == 35))
        st = round_trip(n, api, 0, &q, &r, err);
    TRY(st);
    TRY(error_check(r.error_code, STR_NONE, err));
    for (size_t i = 0; i < WIRE_API_KEYS; i++)
        n->version[i] = (node_versions_t){0, -1};
    for (int32_t i = 0; i < r.api_keys.len; i++) {
        const wire_api_versions_response_api_key_t *k = &r.api_keys.ptr[i];
        if (k->api_key >= 0 && k->api_key < WIRE_API_KEYS)
            n->version[k->api_key] = (node_versions_t){k->min_version, k->max_version};
    }
    return ST_OK;
}

static ST shake(node_t *n, err_t *err)
{
    int64_t until = now_ms(n) + CONNECT_MS;
    if (!n->secure->tls)
        return ST_OK;
    n->tls = io_tls_session_new(n->secure->tls, n->fd, n->host);
    for (;;) {
        io_tls_wait_t wait;
        st_t st = io_tls_handshake(n->tls, &wait, err);
        if (st != ST_PARTIAL)
            return st;
        TRY(wait_for(n, events_of(wait), until, err));
    }
}

static ST login(node_t *n, err_t *err)
{
    const wire_api_t *handshake = wire_api_find(WIRE_API_sasl_handshake);
    const wire_api_t *authenticate = wire_api_find(WIRE_API_sasl_authenticate);
    wire_sasl_handshake_request_t q = {.mechanism = n->secure->mechanism};
    wire_sasl_handshake_response_t r;
    secure_login_t l = {.secure = n->secure, .io = n->io};
    str_t token, challenge = STR_NONE;
    if (!n->secure->sasl)
        return ST_OK;
    TRY(round_trip(n, handshake, 1, &q, &r, err));
    if (r.error_code)
        return err_set(err, ST_DENIED, "the broker does not take sasl.mechanism " STR_FMT,
                       STR_ARG(n->secure->mechanism));
    for (;;) {
        TRY(secure_login_step(&l, challenge, n->arena, &token, err));
        if (!token.ptr)
            return ST_OK;
        wire_sasl_authenticate_request_t say = {.auth_bytes = token};
        wire_sasl_authenticate_response_t heard;
        TRY(round_trip(n, authenticate, 1, &say, &heard, err));
        TRY(error_check(heard.error_code, heard.error_message, err));
        challenge = heard.auth_bytes;
    }
}

static void disconnect(node_t *n)
{
    io_tls_session_free(n->tls);
    n->tls = NULL;
    io_tcp_close(n->fd);
    n->fd = -1;
}

ST node_connect(node_t *n, err_t *err)
{
    if (n->fd >= 0)
        return ST_OK;
    TRY(io_tcp_connect(n->host, n->port, &n->fd, err));
    st_t st = wait_for(n, POLLOUT, now_ms(n) + CONNECT_MS, err);
    if (st == ST_OK)
        st = io_tcp_connected(n->fd, err);
    if (st == ST_OK)
        st = shake(n, err);
    if (st == ST_OK)
        st = ask_versions(n, err);
    if (st == ST_OK)
        st = login(n, err);
    if (st != ST_OK) {
        disconnect(n);
        return err_wrap(err, st, "broker " STR_FMT ":%u", STR_ARG(n->host), n->port);
    }
    return ST_OK;
}

void node_done(node_t *n)
{
    if (n->fd >= 0)
        disconnect(n);
    buf_done(&n->in);
    wire_out_done(&n->out);
}

ST node_call(node_t *n, wire_api_key_t key, int version_max, const void *request,
             void *ret_response, err_t *err)
{
    const wire_api_t *api = wire_api_find((int)key);
    ASSERT(api && n->fd >= 0);
    int max = api->max < n->version[key].max ? api->max : n->version[key].max;
    if (max > version_max)
        max = version_max;
    if (max < api->min || max < n->version[key].min)
        return err_set(err, ST_UNSUPPORTED, "the broker does not speak %s %d to %d", api->title,
                       api->min, version_max);
    return round_trip(n, api, max, request, ret_response, err);
}
