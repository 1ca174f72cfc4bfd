#include "tool/admin.h"

#include "base/buf.h"
#include "tool/error.h"
#include "tool/node.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#define LIST_MS        60000
#define DEFAULT_SERVER STR("127.0.0.1:9092")

struct admin {
    io_t *io;
    arena_t arena;
    secure_t secure;
    VEC(node_t *) nodes; /* the first is the one that --bootstrap-server gave */
};

static node_t *add_node(admin_t *a, int32_t id, str_t host, uint16_t port)
{
    node_t *n = ARENA_NEW(&a->arena, node_t);
    *n = (node_t){.id = id,
                  .host = arena_str(&a->arena, host),
                  .port = port,
                  .io = a->io,
                  .secure = &a->secure,
                  .arena = &a->arena,
                  .fd = -1};
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
        st = node_connect(n, err);
        connected = st == ST_OK;
        if (!connected && servers.len) { /* the next may answer */
            node_done(n);
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
        node_done(a->nodes.ptr[i]);
    secure_done(&a->secure);
    VEC_DONE(&a->nodes);
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
                return node_connect(*ret, err);
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
    return node_call(n, key, version_max, request, ret_response, err);
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
    TRY(error_check(r.error_code, r.error_message, err));
    *ret_node = r.node_id;
    return ST_OK;
}

/* ---- offsets */

static ST list_on_node(admin_t *a, int32_t node, admin_offset_t *o, size_t n, err_t *err)
{
    wire_list_offsets_request_t q = {.replica_id = -1, .timeout_ms = LIST_MS};
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
