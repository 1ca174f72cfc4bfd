/* request.c: a request from its frame to its answer. */
#include "broker/internal.h"

#include "base/trace.h"

#define DECODED_BYTES_MAX (32u << 20)  /* texts and records are not in it */
#define ANSWER_BYTES_MAX  (128u << 20) /* what an answer is made of, and its bytes */

/* ---- handlers */

static const broker_handler_t handlers[] = {
#define HANDLER(name, from, where) {WIRE_API_##name, from, BROKER_##where, broker_on_##name},
#include "broker/handlers.def"
#undef HANDLER
};

#define N_HANDLERS (sizeof handlers / sizeof *handlers)

const broker_handler_t *broker_handler_find(int key)
{
    for (size_t i = 0; i < N_HANDLERS; i++)
        if (handlers[i].key == key)
            return &handlers[i];
    return NULL;
}

const broker_handler_t *broker_handler_list(size_t *ret_n)
{
    *ret_n = N_HANDLERS;
    return handlers;
}

/* ---- in */

broker_request_t *broker_request_new(broker_conn_t *c, shared_t *frame, str_t bytes)
{
    broker_request_t *r = mem_zalloc(sizeof *r);
    r->conn = c;
    r->frame = frame;
    r->bytes = bytes;
    r->is_produce = !c->auth.bare && load_be16(bytes.ptr) == WIRE_API_produce;
    arena_init(&r->arena, DECODED_BYTES_MAX);
    return r;
}

void broker_request_free(broker_request_t *r)
{
    for (size_t i = 0; i < r->chunks.len; i++)
        log_chunk_unref(&r->chunks.ptr[i]);
    VEC_DONE(&r->chunks);
    wire_out_done(&r->out);
    arena_done(&r->arena);
    shared_unref(r->frame);
    free(r);
}

void broker_request_trim(broker_request_t *r)
{
    ASSERT(r->done && !r->trimmed);
    r->trimmed = true;
    arena_done(&r->arena);
    shared_unref(r->frame);
    r->frame = NULL;
    r->message = NULL;
    r->client_id = STR_NONE;
}

/* A client that speaks a newer ApiVersions than we do is told what we have, in version 0. */
static void refuse_api_versions(broker_request_t *r, str_t in)
{
    wire_request_header_t h;
    r->version = 0;
    err_t err;
    if (wire_decode(wire_request_header_schema(), 1, false, &in, &r->arena, &h, &err) != ST_OK) {
        broker_cut(r, err.msg);
        return;
    }
    r->correlation_id = h.correlation_id;
    RESPONSE(api_versions);
    answer->error_code = KAFKA_UNSUPPORTED_VERSION;
    NEW_LIST(&r->arena, answer->api_keys, api_versions_response_api_key, 1);
    answer->api_keys.ptr[0] = (wire_api_versions_response_api_key_t){
        .api_key = r->api->key, .min_version = r->api->min, .max_version = r->api->max};
    broker_answer(r, answer);
}

static ST decode(broker_request_t *r, str_t in, err_t *err)
{
    int header = wire_request_header_version(r->api, r->version);
    wire_request_header_t h;
    TRY(wire_decode(wire_request_header_schema(), header, header == 2, &in, &r->arena, &h, err));
    r->correlation_id = h.correlation_id;
    r->client_id = h.client_id;
    const wire_schema_t *s = r->api->request();
    r->message = arena_alloc(&r->arena, s->size_bytes);
    /* Bytes behind the message are passed over, as Kafka does: librdkafka sends some. */
    return wire_decode(s, r->version, wire_api_flexible(r->api, r->version), &in, &r->arena,
                       r->message, err);
}

void broker_request_start(broker_request_t *r)
{
    str_t in = r->bytes;
    err_t err;
    int key = (int16_t)load_be16(in.ptr);
    r->version = (int16_t)load_be16(in.ptr + 2);
    r->handler = broker_handler_find(key);
    r->api = wire_api_find(key);
    if (!r->handler) {
        broker_cut(r, "asked for an API that is not served");
        return;
    }
    const char *refused = broker_auth_refuses(r);
    if (refused) {
        broker_cut(r, refused);
        return;
    }
    if (r->version < r->api->min || r->version > r->api->max) {
        if (key == WIRE_API_api_versions)
            refuse_api_versions(r, in);
        else
            broker_cut(r, "asked for a version of an API that is not served");
        return;
    }
    if (decode(r, in, &err) != ST_OK) {
        broker_cut(r, err.msg);
        return;
    }
    r->arena.limit_bytes = ARENA_NO_LIMIT; /* the handlers ask broker_answer_full */
    broker_t *b = broker_of(r);
    int16_t code = broker_request_refused(r);
    if (code) {
        broker_refuse(r, code);
        return;
    }
    if (r->is_produce)
        broker_conn_mute(r->conn, broker_throttle_produce(r));
    switch (r->handler->where) {
    case BROKER_NET: {
        int64_t began = io_mono_ns(b->io);
        r->handler->run(r);
        broker_throttle_worked(r, io_mono_ns(b->io) - began);
        break;
    }
    case BROKER_ADMIN:
        broker_send(r, &b->admin);
        break;
    case BROKER_GROUP:
        broker_send(r, &b->group);
        break;
    }
}

/* ---- from thread to thread */

void broker_send(broker_request_t *r, broker_worker_t *to)
{
    ASSERT(!r->away);
    r->away = true;
    io_mailbox_put(&to->mail, &r->mail);
}

void broker_return(broker_request_t *r)
{
    ASSERT(r->away);
    io_mailbox_put(&r->conn->net->done, &r->mail);
}

static void finish(broker_request_t *r)
{
    if (r->away) {
        r->resume = NULL;
        broker_return(r);
        return;
    }
    r->done = true;
    broker_conn_touch(r->conn);
}

/* ---- out */

/* Records that were read in several chunks: each chunk takes its place. */
static void splice_chunks(broker_request_t *r)
{
    wire_out_t *out = &r->out;
    VEC(wire_splice_t) all = {0};
    size_t k = 0;
    for (size_t i = 0; i < out->splices.len; i++)
        for (size_t left = out->splices.ptr[i].bytes.len; left > 0; k++) {
            str_t bytes = r->chunks.ptr[k].bytes;
            ASSERT(k < r->chunks.len && bytes.len > 0 && bytes.len <= left);
            VEC_PUSH(&all, (wire_splice_t){out->splices.ptr[i].at, bytes});
            left -= bytes.len;
        }
    ASSERT(k == r->chunks.len);
    VEC_DONE(&out->splices);
    out->splices.ptr = all.ptr;
    out->splices.len = all.len;
    out->splices.cap = all.cap;
}

bool broker_answer_full(const broker_request_t *r)
{
    return arena_used(&r->arena) > ANSWER_BYTES_MAX;
}

static void put_nothing(broker_request_t *r)
{
    if (r->handler && r->message)
        broker_throttle(r, NULL);
    wire_out_clear(&r->out);
}

static void will_cut(broker_request_t *r, const char *why)
{
    trace_line(TRACE_INFO, "broker", "a client's connection is closed: it %s (%s version %d)", why,
               r->api ? r->api->title : "no known API", r->version);
    r->cut = true;
    put_nothing(r);
}

static ST encode(broker_request_t *r, void *response, err_t *err)
{
    if (broker_answer_full(r))
        return err_set(err, ST_TOO_LARGE, "asked for more than an answer can hold");
    bool flexible = wire_api_flexible(r->api, r->version);
    int header = wire_response_header_version(r->api, r->version);
    wire_response_header_t h = {.correlation_id = r->correlation_id};
    broker_throttle(r, response);
    buf_put_be32(&r->out.buf, 0);
    r->out.limit_bytes = ANSWER_BYTES_MAX;
    TRY(wire_encode(wire_response_header_schema(), header, header == 1, &h, &r->out, err));
    TRY(wire_encode(r->api->response(), r->version, flexible, response, &r->out, err));
    if (wire_out_bytes(&r->out) > INT32_MAX)
        return err_set(err, ST_TOO_LARGE, "an answer of %zu bytes", wire_out_bytes(&r->out));
    return ST_OK;
}

void broker_answer_held(broker_request_t *r, void *response)
{
    err_t err;
    if (encode(r, response, &err) != ST_OK) {
        will_cut(r, err.msg);
        return;
    }
    if (r->chunks.len)
        splice_chunks(r);
    store_be32(r->out.buf.ptr, (uint32_t)(wire_out_bytes(&r->out) - 4));
}

void broker_answer(broker_request_t *r, void *response)
{
    broker_answer_held(r, response);
    finish(r);
}

void broker_answer_nothing(broker_request_t *r)
{
    put_nothing(r);
    finish(r);
}

void broker_cut(broker_request_t *r, const char *why)
{
    will_cut(r, why);
    finish(r);
}
