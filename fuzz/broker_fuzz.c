/* The broker: whatever two clients ask, one after the other or at once, it answers or closes, and
 * goes on. A log on a simulated disk, the broker's threads taking turns in one.
 *
 *  OFFSET SIZE MEANING
 *       0    1 bit 0: by SASL, bit 1: with access lists
 *       1    – requests: 1 byte of who asks (bit 0) and how (bit 1: the message is made of the
 * bytes that follow, by its table; else they are the message; bit 2: turns are taken only later), 1
 * API, 1 version, 2 length, bytes
 */
#include "broker/broker.c"
#include "base/hash.h"
#include "broker/net.c"
#include "io/sim.h"
#include "wire/batch.h"

#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS      2
#define TURNS        40
#define LIST_MAX     3
#define DEPTH_MAX    6
#define PARTITIONS   2
#define LATER_MS     70000 /* sessions and transactions end by then */
#define REQUESTS_MAX 32
#define SOCKET_BYTES (1 << 20)
#define HELD_MAX     (256 << 20)
#define AT_CRC       17 /* of a record batch */
#define CRC_FROM     21

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct world {
    broker_t *broker;
    broker_port_t port;
    int client[CLIENTS];
} world_t;

/* What an input still has; when there is no more, zeros. */
typedef struct bytes {
    const uint8_t *at, *end;
} bytes_t;

static uint8_t take(bytes_t *b)
{
    return b->at < b->end ? *b->at++ : 0;
}

static void must(st_t st, const err_t *err)
{
    if (st != ST_OK)
        die("%s: %s", st_name(st), err->msg);
}

/* ---- the world */

/* Name and value; the last is for access lists. */
static const char *const properties[] = {
    "sasl.enabled.mechanisms",
    "PLAIN,SCRAM-SHA-256",
    "plain.sasl.jaas.config",
    "x required user_a=\"a\";",
    "connection.failed.authentication.delay.ms",
    "0",
    "broker.count",
    "2",
    "socket.request.max.bytes",
    "1000000",
    "allow.everyone.if.no.acl.found",
    "true",
    "authorizer.class.name",
    "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
};

#define N_PROPERTIES (sizeof properties / sizeof *properties / 2)

static log_t *open_log(io_t *io)
{
    log_t *log;
    err_t err;
    log_local_options_t opt;
    log_local_options_init(&opt);
    opt.dir = STR("data");
    opt.no_thread = true;
    opt.tail_bytes = 16 << 10;
    must(log_local_open(io, &opt, &log, &err), &err);
    log_topic_spec_t t = {.name = STR("t"), .partitions = PARTITIONS};
    must(log_topic_create(log, &t, &err), &err);
    return log;
}

static void open_clients(world_t *w, bool sasl)
{
    broker_t *b = w->broker;
    broker_listener_t *l;
    err_t err;
    must(broker_listener_find(b, sasl ? STR("SASL_PLAINTEXT") : STR("PLAINTEXT"), &l, &err), &err);
    w->port = (broker_port_t){.broker = b,
                              .listener = l,
                              .host = STR("h"),
                              .text = STR("h:1"),
                              .shown_host = STR("h"),
                              .shown_port = 1};
    w->port.poll.fd = -1;
    VEC_PUSH(&b->ports, &w->port);
    for (int i = 0; i < CLIENTS; i++) {
        int fd[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
            die("no sockets");
        for (int k = 0; k < 2; k++)
            setsockopt(fd[k], SOL_SOCKET, SO_SNDBUF, &(int){SOCKET_BYTES}, sizeof(int));
        w->client[i] = fd[0];
        atomic_fetch_add(&b->connections, 1);
        bool entered = broker_ip_enter(b, STR("?"));
        ASSERT(entered);
        broker_conn_open(b->nets.ptr[0], &w->port, fd[1]);
    }
}

static void open_world(world_t *w, bool sasl, bool lists)
{
    err_t err;
    broker_t *b = w->broker = mem_zalloc(sizeof *b);
    broker_property_t property[N_PROPERTIES];
    for (size_t i = 0; i < N_PROPERTIES; i++)
        property[i] = (broker_property_t){str_of(properties[2 * i]), str_of(properties[2 * i + 1])};
    broker_options_t opt = {
        .io = io_sim_new(1), .property = property, .n_properties = N_PROPERTIES - !lists};
    opt.log = open_log(opt.io);
    must(load(b, &opt, &err), &err);
    must(make_workers(b, &err), &err);
    add_net(b);
    open_clients(w, sasl);
}

/* ---- turns */

static void read_answers(world_t *w)
{
    static const size_t room = 64 << 10;
    char *p = mem_alloc(room);
    for (int i = 0; i < CLIENTS; i++)
        while (recv(w->client[i], p, room, 0) > 0)
            ;
    free(p);
}

static void turn(world_t *w)
{
    broker_t *b = w->broker;
    for (int i = 0; i < TURNS; i++) {
        io_loop_turn(b->nets.ptr[0]->loop, 0);
        work(b->nets.ptr[0]);
        io_loop_turn(b->commit.loop, 0);
        io_loop_turn(b->admin.loop, 0);
        io_loop_turn(b->group.loop, 0);
        bool busy = false;
        for (broker_conn_t *c = b->nets.ptr[0]->conns; c; c = c->next)
            for (broker_request_t *r = c->first; r; r = r->next)
                busy |= r->away || r->done;
        if (!busy && i)
            break;
        read_answers(w);
    }
    ASSERT(atomic_load(&b->held_bytes) >= 0 && atomic_load(&b->held_bytes) < HELD_MAX);
}

static void close_world(world_t *w)
{
    broker_t *b = w->broker;
    broker_net_t *net = b->nets.ptr[0];
    io_sim_advance_ms(b->io, LATER_MS);
    turn(w);
    for (broker_conn_t *c = net->conns; c; c = c->next)
        broker_conn_close(c);
    turn(w);
    io_sim_advance_ms(b->io, LATER_MS);
    turn(w);
    for (int i = 0; i < CLIENTS; i++)
        close(w->client[i]);
    broker_coordinator_free(b->coordinator);
    broker_net_free(b);
    ASSERT(atomic_load(&b->held_bytes) == 0 && atomic_load(&b->session_parts) == 0 &&
           atomic_load(&b->connections) == 0);
    broker_worker_free(&b->commit);
    broker_worker_free(&b->admin);
    broker_worker_free(&b->group);
    io_t *io = b->io;
    log_close(b->log);
    free_broker(b);
    io_free(io);
}

/* ---- messages by their table */

static str_t some_text(bytes_t *from)
{
    static const char *const texts[] = {
        "t",      "g",      "",      "consumer",           "range",
        "u",      "User:a", "PLAIN", "__consumer_offsets", "cleanup.policy",
        "compact"};
    uint8_t i = take(from);
    if (i < 250)
        return str_of(texts[i % (sizeof texts / sizeof *texts)]);
    size_t n = take(from), left = (size_t)(from->end - from->at);
    n = n < left ? n : left;
    from->at += n;
    return i == 255 ? STR_NONE : str_n(from->at - n, n);
}

static str_t some_records(bytes_t *from, arena_t *a)
{
    buf_t b = BUF_INIT;
    wire_writer_t w;
    wire_batch_options_t opt = WIRE_BATCH_PLAIN;
    uint8_t how = take(from);
    opt.codec = (wire_codec_t)(how % 5);
    if (how & 64) {
        opt.producer_id = take(from);
        opt.producer_epoch = take(from) % 3;
        opt.base_sequence = take(from) % 3;
    }
    opt.flags = how & 128 ? WIRE_TRANSACTIONAL : 0;
    wire_batch_begin(&w, &b, &opt);
    for (int n = take(from) % 3; n >= 0; n--)
        wire_batch_add(&w, 1000 + n, some_text(from), some_text(from), NULL, 0);
    st_t st = wire_batch_finish(&w, NULL);
    ASSERT(st == ST_OK);
    for (int n = how & 32 ? take(from) % 4 : 0; n > 0; n--)
        b.ptr[take(from) % b.len] ^= (char)take(from);
    if (how & 16)
        store_be32(b.ptr + AT_CRC, hash_crc32c(0, b.ptr + CRC_FROM, b.len - CRC_FROM));
    str_t s = arena_str(a, buf_str(&b));
    buf_done(&b);
    return s;
}

static void put_number(const wire_field_t *f, void *to, bytes_t *from)
{
    uint8_t byte = take(from);
    int64_t n = byte < 16    ? byte - 1
                : byte < 200 ? f->otherwise
                             : (int64_t)(UINT64_C(1) << (byte & 63));
    double d = (double)n;
    memcpy(to, f->kind == WIRE_F64 ? (void *)&d : (void *)&n, wire_item_bytes(f));
}

static void make(const wire_schema_t *s, void *to, bytes_t *from, arena_t *a, int depth);

static void make_one(const wire_field_t *f, void *to, bytes_t *from, arena_t *a, int depth)
{
    bool yes;
    switch ((wire_kind_t)f->kind) {
    case WIRE_STRUCT:
        make(f->item(), to, from, a, depth + 1);
        return;
    case WIRE_STR:
    case WIRE_BYTES:
        *(str_t *)to = some_text(from);
        return;
    case WIRE_RECORDS:
        *(str_t *)to = some_records(from, a);
        return;
    case WIRE_BOOL:
        yes = take(from) & 1;
        memcpy(to, &yes, sizeof yes);
        return;
    case WIRE_UUID:
        memset(to, take(from) % 3, sizeof(wire_uuid_t));
        return;
    case WIRE_I8:
    case WIRE_I16:
    case WIRE_U16:
    case WIRE_I32:
    case WIRE_I64:
    case WIRE_F64:
        put_number(f, to, from);
    }
}

static void make(const wire_schema_t *s, void *to, bytes_t *from, arena_t *a, int depth)
{
    wire_defaults(s, to, 1);
    for (size_t i = 0; i < s->n_fields && depth < DEPTH_MAX; i++) {
        const wire_field_t *f = &s->field[i];
        char *at = (char *)to + f->offset;
        if (f->shape == WIRE_ONE) {
            make_one(f, at, from, a, depth);
        } else if (f->shape == WIRE_POINTER) {
            if (take(from) & 1) {
                *(void **)at = wire_new_of(f->item(), a, 1);
                make(f->item(), *(void **)at, from, a, depth + 1);
            }
        } else {
            wire_list_t *list = (wire_list_t *)at;
            size_t bytes = wire_item_bytes(f);
            list->len = take(from) % (LIST_MAX + 1);
            list->ptr = arena_zalloc(a, bytes * LIST_MAX);
            for (int32_t k = 0; k < list->len; k++)
                make_one(f, (char *)list->ptr + (size_t)k * bytes, from, a, depth);
        }
    }
}

/* ---- requests */

static void put_flat(const wire_out_t *out, buf_t *to)
{
    size_t at = 0;
    for (size_t i = 0; i < out->splices.len; i++) {
        buf_put(to, out->buf.ptr + at, out->splices.ptr[i].at - at);
        buf_put_str(to, out->splices.ptr[i].bytes);
        at = out->splices.ptr[i].at;
    }
    if (out->buf.len > at)
        buf_put(to, out->buf.ptr + at, out->buf.len - at);
}

static void put_body(const wire_api_t *api, int version, bool by_table, bytes_t from, buf_t *to)
{
    if (!by_table) {
        buf_put(to, from.at, (size_t)(from.end - from.at));
        return;
    }
    arena_t a;
    wire_out_t out = {0};
    arena_init(&a, ARENA_NO_LIMIT);
    void *m = wire_new_of(api->request(), &a, 1);
    make(api->request(), m, &from, &a, 0);
    if (wire_encode(api->request(), version, wire_api_flexible(api, version), m, &out, NULL) ==
        ST_OK)
        put_flat(&out, to);
    wire_out_done(&out);
    arena_done(&a);
}

static void ask(world_t *w, bytes_t *in)
{
    size_t n;
    const broker_handler_t *handlers_list = broker_handler_list(&n);
    uint8_t how = take(in);
    const wire_api_t *api = wire_api_find(handlers_list[take(in) % n].key);
    int version = api->min + take(in) % (api->max - api->min + 1);
    size_t len = (size_t)take(in) << 8, left;
    len |= take(in);
    left = (size_t)(in->end - in->at);
    bytes_t body = {in->at, in->at + (len < left ? len : left)};
    in->at = body.end;
    buf_t b = BUF_INIT;
    buf_put_be32(&b, 0);
    buf_put_be16(&b, (uint16_t)api->key);
    buf_put_be16(&b, (uint16_t)version);
    buf_put_be32(&b, 1);
    buf_put_be16(&b, 1);
    buf_put_char(&b, 'c');
    if (wire_api_flexible(api, version))
        buf_put_char(&b, 0);
    put_body(api, version, how & 2, body, &b);
    store_be32(b.ptr, (uint32_t)b.len - 4);
    ssize_t sent = send(w->client[how & 1], b.ptr, b.len, MSG_NOSIGNAL);
    (void)sent; /* it may have been closed */
    buf_done(&b);
    if (!(how & 4))
        turn(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world_t w;
    bytes_t in = {data, data + size};
    trace_set_level(TRACE_ERROR);
    uint8_t kind = take(&in);
    open_world(&w, kind & 1, kind & 2);
    for (int i = 0; i < REQUESTS_MAX && in.at < in.end; i++)
        ask(&w, &in);
    close_world(&w);
    return 0;
}
