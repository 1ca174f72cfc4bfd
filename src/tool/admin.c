#include "tool/admin.h"

#include "tool/secure.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/buf.h"
#include "io/io.h"
#include "io/tcp.h"

#include <errno.h>
#include <pcre2.h>
#include <poll.h>
#include <stdio.h>

#define CONNECT_MS     5000
#define ANSWER_MS      60000
#define ANSWER_MAX     (256u << 20)
#define DEFAULT_SERVER STR("127.0.0.1:9092")

typedef struct version_range {
    int16_t min, max; /* max -1: not spoken */
} version_range_t;

typedef struct node {
    int32_t id;
    str_t host;
    uint16_t port;
    int fd;                /* -1: not connected */
    io_tls_session_t *tls; /* NULL: plain */
    version_range_t version[WIRE_API_KEYS];
} node_t;

struct admin {
    io_t *io;
    arena_t arena;
    secure_t secure;
    VEC(node_t *) nodes; /* the first is the one that --bootstrap-server gave */
    int32_t correlation;
    buf_t in;
    wire_out_t out;
};

/* ---- bytes */

static int64_t now_ms(admin_t *a)
{
    return io_mono_ns(a->io) / 1000000;
}

static ST wait_for(admin_t *a, int fd, short events, int64_t until_ms, err_t *err)
{
    for (;;) {
        int64_t left = until_ms - now_ms(a);
        if (left < 0)
            return err_set(err, ST_TIMEOUT, "the broker does not answer");
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, (int)left);
        if (n > 0)
            return ST_OK;
        if (n < 0 && errno != EINTR)
            return err_set(err, ST_IO, "poll: %s", strerror(errno));
    }
}

/* What a call that gave ST_PARTIAL waits for. */
static short events_of(io_tls_wait_t wait)
{
    return wait == IO_TLS_IN ? POLLIN : POLLOUT;
}

static ST send_all(admin_t *a, const node_t *node, str_t bytes, int64_t until_ms, err_t *err)
{
    while (bytes.len) {
        size_t n = 0;
        io_tls_wait_t wait = IO_TLS_OUT;
        st_t st = node->tls ? io_tls_write(node->tls, &bytes, 1, &n, &wait, err)
                            : io_tcp_write(node->fd, &bytes, 1, &n, err);
        if (st == ST_PARTIAL) {
            TRY(wait_for(a, node->fd, events_of(wait), until_ms, err));
            continue;
        }
        TRY(st);
        bytes = str_sub(bytes, n, SIZE_MAX);
    }
    return ST_OK;
}

static ST receive(admin_t *a, const node_t *node, buf_t *b, size_t n, int64_t until_ms, err_t *err)
{
    while (b->len < n) {
        size_t got = 0, step = n - b->len < (1u << 20) ? n - b->len : (1u << 20);
        io_tls_wait_t wait = IO_TLS_IN;
        char *to = buf_reserve(b, step);
        st_t st = node->tls ? io_tls_read(node->tls, to, step, &got, &wait, err)
                            : io_tcp_read(node->fd, to, step, &got, err);
        if (st == ST_PARTIAL) {
            TRY(wait_for(a, node->fd, events_of(wait), until_ms, err));
            continue;
        }
        if (st == ST_CLOSED)
            return err_set(err, ST_UNREACHABLE, "the broker closed the connection");
        TRY(st);
        b->len += got;
    }
    return ST_OK;
}

/* ---- a request */

static ST encode(admin_t *a, const wire_api_t *api, int version, const void *request, err_t *err)
{
    wire_out_clear(&a->out);
    buf_t *b = &a->out.buf;
    bool flexible = wire_api_flexible(api, version);
    buf_put_be32(b, 0);
    buf_put_be16(b, (uint16_t)api->key);
    buf_put_be16(b, (uint16_t)version);
    buf_put_be32(b, (uint32_t)++a->correlation);
    buf_put_be16(b, 4);
    BUF_LIT(b, "arus");
    if (flexible)
        buf_put_char(b, 0); /* no tagged fields */
    TRY(wire_encode(api->request(), version, flexible, request, &a->out, err));
    ASSERT(!a->out.splices.len);
    store_be32(b->ptr, (uint32_t)(b->len - 4));
    return ST_OK;
}

static ST round_trip(admin_t *a, const node_t *n, const wire_api_t *api, int version,
                     const void *request, void *ret, err_t *err)
{
    int64_t until = now_ms(a) + ANSWER_MS;
    TRY(encode(a, api, version, request, err));
    TRY(send_all(a, n, buf_str(&a->out.buf), until, err));
    buf_clear(&a->in);
    TRY(receive(a, n, &a->in, 4, until, err));
    uint32_t len = load_be32(a->in.ptr);
    if (len < 5 || len > ANSWER_MAX)
        return err_set(err, ST_CORRUPT, "this is no Kafka broker: it answers with a length of %u",
                       len);
    buf_clear(&a->in);
    TRY(receive(a, n, &a->in, len, until, err));
    str_t in = arena_str(&a->arena, buf_str(&a->in));
    if ((int32_t)load_be32(in.ptr) != a->correlation)
        return err_set(err, ST_CORRUPT, "the broker answers another request");
    in = str_sub(in, wire_response_header_version(api, version) ? 5 : 4, SIZE_MAX);
    return wire_decode(api->response(), version, wire_api_flexible(api, version), &in, &a->arena,
                       ret, err);
}

/* ---- connections */

/* An old broker answers a version it does not know with version 0 and the error 35. */
static ST ask_versions(admin_t *a, node_t *n, err_t *err)
{
    const wire_api_t *api = wire_api_find(WIRE_API_api_versions);
    wire_api_versions_request_t q = {.client_software_name = STR("arus"),
                                     .client_software_version = STR(ARUS_VERSION)};
    wire_api_versions_response_t r;
    st_t st = round_trip(a, n, api, 3, &q, &r, err);
    if (st == ST_CORRUPT || (st == ST_OK && r.error_code == 35))
        st = round_trip(a, n, api, 0, &q, &r, err);
    TRY(st);
    TRY(admin_check(r.error_code, STR_NONE, err));
    for (size_t i = 0; i < WIRE_API_KEYS; i++)
        n->version[i] = (version_range_t){0, -1};
    for (int32_t i = 0; i < r.api_keys.len; i++) {
        const wire_api_versions_response_api_key_t *k = &r.api_keys.ptr[i];
        if (k->api_key >= 0 && k->api_key < WIRE_API_KEYS)
            n->version[k->api_key] = (version_range_t){k->min_version, k->max_version};
    }
    return ST_OK;
}

static ST shake(admin_t *a, node_t *n, err_t *err)
{
    int64_t until = now_ms(a) + CONNECT_MS;
    if (!a->secure.tls)
        return ST_OK;
    n->tls = io_tls_session_new(a->secure.tls, n->fd, n->host);
    for (;;) {
        io_tls_wait_t wait;
        st_t st = io_tls_handshake(n->tls, &wait, err);
        if (st != ST_PARTIAL)
            return st;
        TRY(wait_for(a, n->fd, events_of(wait), until, err));
    }
}

static ST login(admin_t *a, const node_t *n, err_t *err)
{
    const wire_api_t *handshake = wire_api_find(WIRE_API_sasl_handshake);
    const wire_api_t *authenticate = wire_api_find(WIRE_API_sasl_authenticate);
    wire_sasl_handshake_request_t q = {.mechanism = a->secure.mechanism};
    wire_sasl_handshake_response_t r;
    secure_login_t l = {.secure = &a->secure, .io = a->io};
    str_t token, challenge = STR_NONE;
    if (!a->secure.sasl)
        return ST_OK;
    TRY(round_trip(a, n, handshake, 1, &q, &r, err));
    if (r.error_code)
        return err_set(err, ST_DENIED, "the broker does not take sasl.mechanism " STR_FMT,
                       STR_ARG(a->secure.mechanism));
    for (;;) {
        TRY(secure_login_step(&l, challenge, &a->arena, &token, err));
        if (!token.ptr)
            return ST_OK;
        wire_sasl_authenticate_request_t say = {.auth_bytes = token};
        wire_sasl_authenticate_response_t heard;
        TRY(round_trip(a, n, authenticate, 1, &say, &heard, err));
        TRY(admin_check(heard.error_code, heard.error_message, err));
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

static ST connect_node(admin_t *a, node_t *n, err_t *err)
{
    if (n->fd >= 0)
        return ST_OK;
    TRY(io_tcp_connect(n->host, n->port, &n->fd, err));
    st_t st = wait_for(a, n->fd, POLLOUT, now_ms(a) + CONNECT_MS, err);
    if (st == ST_OK)
        st = io_tcp_connected(n->fd, err);
    if (st == ST_OK)
        st = shake(a, n, err);
    if (st == ST_OK)
        st = ask_versions(a, n, err);
    if (st == ST_OK)
        st = login(a, n, err);
    if (st != ST_OK) {
        disconnect(n);
        return err_wrap(err, st, "broker " STR_FMT ":%u", STR_ARG(n->host), n->port);
    }
    return ST_OK;
}

static node_t *add_node(admin_t *a, int32_t id, str_t host, uint16_t port)
{
    node_t *n = ARENA_NEW(&a->arena, node_t);
    *n = (node_t){.id = id, .host = arena_str(&a->arena, host), .port = port, .fd = -1};
    VEC_PUSH(&a->nodes, n);
    return n;
}

static ST split_address(str_t text, str_t *ret_host, uint16_t *ret_port, err_t *err)
{
    size_t at = text.len;
    while (at && text.ptr[at - 1] != ':')
        at--;
    int64_t port;
    if (at < 2 || !str_to_i64(str_sub(text, at, SIZE_MAX), &port) || port < 1 || port > 65535)
        return err_set(err, ST_BAD_CONFIG,
                       "'" STR_FMT "' is no broker's address: HOST:PORT, such as 127.0.0.1:9092",
                       STR_ARG(text));
    *ret_host = str_sub(text, 0, at - 1);
    *ret_port = (uint16_t)port;
    return ST_OK;
}

ST admin_open(const flags_t *f, admin_t **ret, err_t *err)
{
    admin_t *a = mem_zalloc(sizeof *a);
    a->io = io_real_new();
    arena_init(&a->arena, ARENA_NO_LIMIT);
    str_t servers = flags_get(f, "bootstrap-server"), one, config = flags_get(f, "command-config");
    if (!servers.ptr)
        servers = DEFAULT_SERVER;
    st_t st = config.ptr ? secure_read(a->io, config, &a->arena, &a->secure, err) : ST_OK;
    bool connected = false;
    while (st == ST_OK && !connected && str_split(&servers, ',', &one)) {
        str_t host;
        uint16_t port;
        st = split_address(str_trim(one), &host, &port, err);
        if (st != ST_OK)
            break;
        node_t *n = add_node(a, ADMIN_ANY, host, port);
        st = connect_node(a, n, err);
        connected = st == ST_OK;
        if (!connected && servers.len) { /* the next may answer */
            a->nodes.len--;
            st = ST_OK;
        }
    }
    if (st == ST_OK && !connected)
        st = err_set(err, ST_BAD_CONFIG, "--bootstrap-server is empty: HOST:PORT,...");
    if (st != ST_OK) {
        admin_close(a);
        return st;
    }
    *ret = a;
    return ST_OK;
}

void admin_close(admin_t *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->nodes.len; i++)
        if (a->nodes.ptr[i]->fd >= 0)
            disconnect(a->nodes.ptr[i]);
    secure_done(&a->secure);
    VEC_DONE(&a->nodes);
    buf_done(&a->in);
    wire_out_done(&a->out);
    arena_done(&a->arena);
    io_free(a->io);
    free(a);
}

arena_t *admin_arena(admin_t *a)
{
    return &a->arena;
}

io_t *admin_io(admin_t *a)
{
    return a->io;
}

static ST find_node(admin_t *a, int32_t id, node_t **ret, err_t *err)
{
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < a->nodes.len; i++)
            if (a->nodes.ptr[i]->id == id) {
                *ret = a->nodes.ptr[i];
                return connect_node(a, *ret, err);
            }
        wire_metadata_response_t m;
        if (turn == 0)
            TRY(admin_metadata(a, NULL, 0, &m, err)); /* adds the brokers */
    }
    return err_set(err, ST_NOT_FOUND, "the cluster has no broker %d", id);
}

ST admin_call(admin_t *a, int32_t node, wire_api_key_t key, int version_max, const void *request,
              void *ret_response, err_t *err)
{
    node_t *n;
    TRY(find_node(a, node, &n, err));
    const wire_api_t *api = wire_api_find((int)key);
    ASSERT(api);
    int max = api->max < n->version[key].max ? api->max : n->version[key].max;
    if (max > version_max)
        max = version_max;
    if (max < api->min || max < n->version[key].min)
        return err_set(err, ST_UNSUPPORTED, "the broker does not speak %s %d to %d", api->title,
                       api->min, version_max);
    return round_trip(a, n, api, max, request, ret_response, err);
}

/* ---- what most tools ask */

static void note_brokers(admin_t *a, const wire_metadata_response_t *m)
{
    for (int32_t i = 0; i < m->brokers.len; i++) {
        const wire_metadata_response_broker_t *b = &m->brokers.ptr[i];
        bool known = false;
        for (size_t k = 0; k < a->nodes.len; k++)
            known |= a->nodes.ptr[k]->id == b->node_id;
        if (!known && b->node_id >= 0)
            add_node(a, b->node_id, b->host, (uint16_t)b->port);
    }
}

ST admin_metadata(admin_t *a, const str_t *topic, size_t n, wire_metadata_response_t *ret,
                  err_t *err)
{
    wire_metadata_request_t q = {.allow_auto_topic_creation = false};
    if (topic) {
        q.topics.ptr = WIRE_NEW(&a->arena, metadata_request_topic, n + 1);
        q.topics.len = (int32_t)n;
        for (size_t i = 0; i < n; i++)
            q.topics.ptr[i].name = topic[i];
    }
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_metadata, 12, &q, ret, err));
    note_brokers(a, ret);
    return ST_OK;
}

int admin_run(const flags_t *f, st_t (*run)(admin_t *a, const flags_t *f, err_t *err),
              const char *failure)
{
    admin_t *a = NULL;
    err_t err;
    st_t st = admin_open(f, &a, &err);
    if (st == ST_OK)
        st = run(a, f, &err);
    if (st != ST_OK)
        fprintf(stderr, "%s%s\n", failure, err.msg);
    admin_close(a);
    return st == ST_OK ? 0 : 1;
}

int admin_run_action(const flags_t *f, const admin_action_t *action, size_t n, const char *choices,
                     const char *failure)
{
    const admin_action_t *given = NULL;
    size_t n_given = 0;
    for (size_t i = 0; i < n; i++)
        if (flags_has(f, action[i].flag)) {
            given = &action[i];
            n_given++;
        }
    if (n_given == 1)
        return admin_run(f, given->run, failure);
    fprintf(stderr, "Command must include exactly one action: %s\n", choices);
    return 1;
}

ST admin_coordinator(admin_t *a, admin_key_t kind, str_t key, int32_t *ret_node, err_t *err)
{
    wire_find_coordinator_request_t q = {.key = key, .key_type = (int8_t)kind};
    wire_find_coordinator_response_t r;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_find_coordinator, 3, &q, &r, err));
    TRY(admin_check(r.error_code, r.error_message, err));
    *ret_node = r.node_id;
    return ST_OK;
}

static const struct {
    int16_t code;
    const char *text;
} error_texts[] = {
    {1, "The requested offset is not within the range of offsets maintained by the server."},
    {3, "This server does not host this topic-partition."},
    {5, "There is no leader for this topic-partition as we are in the middle of a leadership "
        "election."},
    {7, "The request timed out."},
    {10, "The request included a message larger than the max message size the server will accept."},
    {15, "The coordinator is not available."},
    {16, "This is not the correct coordinator."},
    {17, "The request attempted to perform an operation on an invalid topic."},
    {22, "Specified group generation id is not valid."},
    {24, "The configured groupId is invalid."},
    {25, "The coordinator is not aware of this member."},
    {27, "The group is rebalancing, so a rejoin is needed."},
    {29, "Topic authorization failed."},
    {30, "Group authorization failed."},
    {31, "Cluster authorization failed."},
    {35, "The version of API is not supported."},
    {36, "Topic with this name already exists."},
    {37, "Number of partitions is below 1."},
    {38, "Replication factor is below 1 or larger than the number of available brokers."},
    {39, "Replica assignment is invalid."},
    {40, "Configuration is invalid."},
    {41, "This is not the correct controller for this cluster."},
    {42, "This most likely occurs because of a request being malformed by the client library or "
         "the message was sent to an incompatible broker."},
    {56, "Disk error when trying to access log file on the disk."},
    {68, "The group is not empty."},
    {69, "The group id does not exist."},
    {86, "The group is subscribed to the topic: its offsets stay."},
    {89, "The throttling quota has been exceeded."},
    {100, "This server does not host this topic ID."},
    {47, "The producer has an old epoch."},
    {48, "The transaction is not in a state that allows this."},
    {51, "The transaction is being ended: try again."},
    {53, "Transactional Id authorization failed."},
    {90, "The producer is fenced by a newer one."},
    {105, "The transactionalId could not be found."},
};

const char *admin_error_text(int16_t code)
{
    for (size_t i = 0; i < sizeof error_texts / sizeof *error_texts; i++)
        if (error_texts[i].code == code)
            return error_texts[i].text;
    return NULL;
}

ST admin_check(int16_t code, str_t message, err_t *err)
{
    if (code == 0)
        return ST_OK;
    st_t st = code == 36 ? ST_EXISTS : code == 3 || code == 69 ? ST_NOT_FOUND : ST_IO;
    if (message.len)
        return err_set(err, st, STR_FMT, STR_ARG(message));
    const char *text = admin_error_text(code);
    if (text)
        return err_set(err, st, "%s", text);
    return err_set(err, st, "the broker answers with error %d", code);
}

str_t admin_uuid(arena_t *a, wire_uuid_t id)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *p = arena_alloc(a, 22);
    for (size_t i = 0; i < 22; i++) {
        size_t bit = i * 6, byte = bit / 8;
        unsigned two = (unsigned)id.byte[byte] << 8 | (byte + 1 < 16 ? id.byte[byte + 1] : 0u);
        p[i] = digits[two >> (10 - bit % 8) & 63];
    }
    return str_n(p, 22);
}

/* ---- offsets */

static ST list_on_node(admin_t *a, int32_t node, admin_offset_t *o, size_t n, err_t *err)
{
    wire_list_offsets_request_t q = {.replica_id = -1, .timeout_ms = ANSWER_MS};
    q.topics.ptr = WIRE_NEW(&a->arena, list_offsets_request_topic, n);
    for (size_t i = 0; i < n; i++) {
        if (o[i].leader != node)
            continue;
        wire_list_offsets_request_topic_t *t = &q.topics.ptr[q.topics.len++];
        t->name = o[i].topic;
        t->partitions.ptr = WIRE_NEW(&a->arena, list_offsets_request_partition, 1);
        t->partitions.len = 1;
        t->partitions.ptr[0].partition_index = o[i].partition;
        t->partitions.ptr[0].timestamp = o[i].timestamp;
    }
    wire_list_offsets_response_t r;
    TRY(admin_call(a, node, WIRE_API_list_offsets, 10, &q, &r, err));
    for (int32_t k = 0; k < r.topics.len; k++)
        for (int32_t j = 0; j < r.topics.ptr[k].partitions.len; j++) {
            const wire_list_offsets_response_partition_t *p = &r.topics.ptr[k].partitions.ptr[j];
            for (size_t i = 0; i < n; i++)
                if (o[i].leader == node && o[i].partition == p->partition_index &&
                    str_eq(o[i].topic, r.topics.ptr[k].name)) {
                    o[i].offset = p->offset;
                    o[i].timestamp = p->timestamp;
                    o[i].error = p->error_code;
                }
        }
    return ST_OK;
}

ST admin_list_offsets(admin_t *a, admin_offset_t *o, size_t n, err_t *err)
{
    for (size_t i = 0; i < n; i++) {
        bool asked = false;
        for (size_t k = 0; k < i && !asked; k++)
            asked = o[k].leader == o[i].leader;
        if (o[i].leader < 0)
            o[i].error = 5;
        else if (!asked)
            TRY(list_on_node(a, o[i].leader, o, n, err));
    }
    return ST_OK;
}

/* ---- names */

ST admin_matches(str_t pattern, str_t name, bool *ret, err_t *err)
{
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < pattern.len; i++)
        buf_put_char(&b, pattern.ptr[i] == ',' ? '|' : pattern.ptr[i]);
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)b.ptr, b.len, PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                                   &code, &at, NULL);
    buf_done(&b);
    if (!re)
        return err_set(err, ST_BAD_INPUT, "'" STR_FMT "' is no list of names and no expression",
                       STR_ARG(pattern));
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(re, NULL);
    *ret = pcre2_match(re, (PCRE2_SPTR)name.ptr, name.len, 0, 0, m, NULL) >= 0;
    pcre2_match_data_free(m);
    pcre2_code_free(re);
    return ST_OK;
}
