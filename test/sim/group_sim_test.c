/* Power cuts under a group that the broker assigns (KIP-848), in a simulated world.
 *
 * Members join, leave, go away for a moment, want other topics, while topics grow; each does what
 * it is told at once and says so with a later heartbeat. An answer that was under way at a cut is
 * lost. The rules: no partition is two members' at any time (N1 of broker/consumer_group.h); nobody
 * who is in the group is put out by a cut; when it is quiet, each partition that somebody wants is
 * somebody's, and nothing is written.
 *
 * group_sim [FIRST_SEED [COUNT]]; a failure names its seed.
 */
#include "broker/consumer_group.h"
#include "broker/group.h"
#include "io/sim.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMBERS    6
#define TOPICS     3
#define PARTITIONS 8 /* at most */
#define LIVES      8
#define STEPS      80

enum { UNRELEASED = 111 };

typedef struct client {
    char id[16], instance[4]; /* instance "": it has none */
    int processes;
    bool in, full; /* full: the last answer was lost, all is said again */
    int32_t epoch;
    unsigned wants; /* a bit a topic */
    bool owns[TOPICS][PARTITIONS];
} client_t;

typedef struct sim {
    uint64_t seed, random;
    io_t *io;
    broker_t broker;
    broker_net_t net;
    broker_conn_t conn;
    wire_uuid_t topic[TOPICS];
    client_t client[MEMBERS];
    int64_t cuts;
} sim_t;

static uint64_t pick(sim_t *s, uint64_t n)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (s->random >> 33) % n;
}

#define CHECK(s, x)                                                                                \
    do {                                                                                           \
        if (!(x))                                                                                  \
            die("seed %llu, line %d: %s", (unsigned long long)(s)->seed, __LINE__, #x);            \
    } while (0)

/* ---- the broker: no more of it than the groups' thread */

static const char *topic_name(int i)
{
    static const char *const names[TOPICS] = {"a", "b", "c"};
    return names[i];
}

static void make_topics(sim_t *s)
{
    for (int i = 0; i < TOPICS; i++) {
        log_topic_t *t;
        st_t st = log_topic_open(s->broker.log, str_of(topic_name(i)), &t, NULL);
        if (st != ST_OK) {
            log_topic_spec_t spec = {.name = str_of(topic_name(i)), .partitions = 2};
            st = log_topic_create(s->broker.log, &spec, NULL);
            CHECK(s, st == ST_OK);
            st = log_topic_open(s->broker.log, str_of(topic_name(i)), &t, NULL);
        }
        CHECK(s, st == ST_OK);
        s->topic[i] = broker_uuid(log_topic_id(t));
        log_topic_unref(t);
    }
}

static void start(sim_t *s)
{
    log_local_options_t opt;
    err_t err;
    log_local_options_init(&opt);
    opt.dir = STR("data");
    opt.no_thread = true;
    s->broker = (broker_t){.io = s->io};
    if (log_local_open(s->io, &opt, &s->broker.log, &err) != ST_OK)
        die("seed %llu: %s", (unsigned long long)s->seed, err.msg);
    s->broker.config.offsets_partitions = 3;
    s->broker.config.consumer_session_ms = 45000;
    s->broker.config.consumer_heartbeat_ms = 5000;
    s->broker.config.consumer_members_max = 100;
    s->broker.config.offsets_retention_min = 10080;
    s->broker.config.offsets_check_ms = s->broker.config.txn_check_ms = 600000;
    s->broker.group.loop = io_loop_new(s->io);
    s->net.broker = &s->broker;
    s->net.loop = s->broker.group.loop;
    s->conn.net = &s->net;
    s->conn.host = STR("10.0.0.1");
    if (broker_coordinator_new(&s->broker, &s->broker.coordinator, &err) != ST_OK)
        die("seed %llu: %s", (unsigned long long)s->seed, err.msg);
    make_topics(s);
}

static void stop(sim_t *s)
{
    broker_coordinator_free(s->broker.coordinator);
    log_close(s->broker.log);
    io_loop_free(s->broker.group.loop);
}

/* The answer, in the request's arena; NULL: it is lost. */
static const wire_consumer_group_heartbeat_response_t *ask(sim_t *s, broker_request_t *r, void *m)
{
    wire_consumer_group_heartbeat_response_t *answer =
        WIRE_NEW(&r->arena, consumer_group_heartbeat_response, 1);
    r->conn = &s->conn;
    r->handler = broker_handler_find(WIRE_API_consumer_group_heartbeat);
    r->api = wire_api_find(WIRE_API_consumer_group_heartbeat);
    r->version = 1;
    r->client_id = STR("sim");
    r->message = m;
    r->away = true;
    io_mailbox_init(&s->net.done, s->net.loop, NULL, NULL);
    r->handler->run(r);
    /* What is told is in the log. */
    CHECK(s, !atomic_load(&s->net.done.top) || !s->broker.coordinator->entries.len);
    coordinator_flush(s->broker.coordinator);
    CHECK(s, io_mailbox_done(&s->net.done) == &r->mail);
    if (io_sim_crashed(s->io))
        return NULL;
    str_t in = str_sub(buf_str(&r->out.buf), 9, SIZE_MAX); /* length, correlation id, no tags */
    st_t st = wire_decode(r->api->response(), 1, true, &in, &r->arena, answer, NULL);
    CHECK(s, st == ST_OK);
    return answer;
}

/* ---- members */

static void put_owned(const sim_t *s, const client_t *c, arena_t *a,
                      wire_consumer_group_heartbeat_request_t *m)
{
    NEW_LIST(a, m->topic_partitions, consumer_group_heartbeat_request_topic_partition, TOPICS);
    for (int t = 0; t < TOPICS; t++) {
        int32_t *list = ARENA_ARRAY(a, int32_t, PARTITIONS), n = 0;
        for (int p = 0; p < PARTITIONS; p++)
            if (c->owns[t][p])
                list[n++] = p;
        m->topic_partitions.ptr[t].topic_id = s->topic[t];
        m->topic_partitions.ptr[t].partitions.ptr = list;
        m->topic_partitions.ptr[t].partitions.len = n;
    }
    if (c->epoch == 0)
        m->topic_partitions.len = 0;
}

static void put_wants(const client_t *c, arena_t *a, wire_consumer_group_heartbeat_request_t *m)
{
    m->rebalance_timeout_ms = 3600000;
    m->subscribed_topic_names.ptr = ARENA_ARRAY(a, str_t, TOPICS);
    for (int t = 0; t < TOPICS; t++)
        if (c->wants >> t & 1)
            m->subscribed_topic_names.ptr[m->subscribed_topic_names.len++] = str_of(topic_name(t));
}

static void own_nothing(client_t *c)
{
    memset(c->owns, 0, sizeof c->owns);
}

/* It gives up at once what it was not told again, and takes what is new. */
static void take(sim_t *s, client_t *c,
                 const wire_consumer_group_heartbeat_response_assignment_t *told)
{
    own_nothing(c);
    for (int32_t i = 0; i < told->topic_partitions.len; i++) {
        int t = 0;
        while (t < TOPICS && memcmp(&s->topic[t], &told->topic_partitions.ptr[i].topic_id, 16) != 0)
            t++;
        CHECK(s, t < TOPICS);
        for (int32_t k = 0; k < told->topic_partitions.ptr[i].partitions.len; k++) {
            int32_t p = told->topic_partitions.ptr[i].partitions.ptr[k];
            for (int other = 0; other < MEMBERS; other++)
                CHECK(s, !s->client[other].owns[t][p]); /* N1 */
            c->owns[t][p] = true;
        }
    }
}

/* epoch: what it says; c->epoch, 0 to join, below 0 to leave. */
static void beat(sim_t *s, client_t *c, int32_t epoch)
{
    broker_request_t r = {0};
    arena_init(&r.arena, ARENA_NO_LIMIT);
    wire_consumer_group_heartbeat_request_t *m =
        WIRE_NEW(&r.arena, consumer_group_heartbeat_request, 1);
    m->group_id = STR("g");
    m->member_id = str_of(c->id);
    m->member_epoch = c->epoch = epoch;
    m->instance_id = c->instance[0] ? str_of(c->instance) : STR_NONE;
    m->rebalance_timeout_ms = -1;
    if (epoch == 0 || c->full)
        put_wants(c, &r.arena, m);
    if (epoch >= 0)
        put_owned(s, c, &r.arena, m);
    const wire_consumer_group_heartbeat_response_t *answer = ask(s, &r, m);
    c->full = !answer;
    if (answer && epoch >= 0) {
        bool waits =
            epoch == 0 && answer->error_code == UNRELEASED; /* its old process, for a while */
        CHECK(s, answer->error_code == 0 || waits);
        c->in = answer->error_code == 0;
        c->epoch = answer->member_epoch;
        if (answer->assignment)
            take(s, c, answer->assignment);
    }
    wire_out_done(&r.out);
    arena_done(&r.arena);
}

static void name_process(client_t *c, int member)
{
    snprintf(c->id, sizeof c->id, "m%d-%d", member, c->instance[0] ? c->processes++ : 0);
}

static void leave_group(sim_t *s, client_t *c, int member)
{
    own_nothing(c);
    c->in = false;
    beat(s, c, c->instance[0] ? CONSUMER_EPOCH_LEAVES_SHORT : CONSUMER_EPOCH_LEAVES);
    name_process(c, member);
}

static void go_on(sim_t *s, client_t *c)
{
    beat(s, c, c->in ? c->epoch : 0);
}

static void grow(sim_t *s)
{
    log_topic_t *t;
    str_t name = str_of(topic_name((int)pick(s, TOPICS)));
    st_t st = log_topic_open(s->broker.log, name, &t, NULL);
    CHECK(s, st == ST_OK);
    if (log_topic_partitions(t) < PARTITIONS)
        st = log_topic_grow(s->broker.log, name, log_topic_partitions(t) + 1, NULL);
    log_topic_unref(t);
    CHECK(s, st == ST_OK || io_sim_crashed(s->io));
}

static void step(sim_t *s)
{
    int member = (int)pick(s, MEMBERS);
    client_t *c = &s->client[member];
    err_t err;
    switch (pick(s, 40)) {
    case 0:
        grow(s);
        return;
    case 1:
        if (log_local_upkeep(s->broker.log, pick(s, 2), &err) != ST_OK)
            CHECK(s, io_sim_crashed(s->io));
        return;
    case 2:
    case 3:
        if (c->in)
            leave_group(s, c, member);
        return;
    case 4:
        c->wants = 1 + (unsigned)pick(s, (1u << TOPICS) - 1);
        c->full = true;
        break;
    default:
        break;
    }
    go_on(s, c);
}

/* ---- what is there when it is quiet */

static void pass_time(sim_t *s, int64_t ms)
{
    io_sim_advance_ms(s->io, ms);
    io_loop_turn(s->broker.group.loop, 0);
}

static void rounds(sim_t *s, int n)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < MEMBERS; k++)
            go_on(s, &s->client[k]);
        pass_time(s, 3000);
    }
}

static void check_quiet(sim_t *s)
{
    rounds(s, 40); /* also those who went away without a word are out by then */
    int64_t commits = log_local_stats(s->broker.log).commits;
    rounds(s, 3);
    CHECK(s, log_local_stats(s->broker.log).commits == commits);
    for (int t = 0; t < TOPICS; t++) {
        log_topic_t *topic;
        bool wanted = false;
        st_t st = log_topic_open(s->broker.log, str_of(topic_name(t)), &topic, NULL);
        CHECK(s, st == ST_OK);
        for (int k = 0; k < MEMBERS; k++)
            wanted |= s->client[k].wants >> t & 1;
        for (int p = 0; p < log_topic_partitions(topic); p++) {
            int owners = 0;
            for (int k = 0; k < MEMBERS; k++) {
                CHECK(s, !s->client[k].owns[t][p] || (s->client[k].wants >> t & 1));
                owners += s->client[k].owns[t][p];
            }
            CHECK(s, owners == wanted);
        }
        log_topic_unref(topic);
    }
}

static int64_t run_seed(uint64_t seed)
{
    sim_t *s = mem_zalloc(sizeof *s);
    *s = (sim_t){.seed = seed, .random = seed * 977, .io = io_sim_new(seed)};
    for (int k = 0; k < MEMBERS; k++) {
        client_t *c = &s->client[k];
        c->wants = 1 + (unsigned)pick(s, (1u << TOPICS) - 1);
        if (k < 2)
            snprintf(c->instance, sizeof c->instance, "i%d", k);
        name_process(c, k);
    }
    for (int life = 0; life < LIVES; life++) {
        start(s);
        if (life)
            io_sim_crash_after(s->io, 1 + (int64_t)pick(s, pick(s, 2) ? 40 : 300));
        for (int i = 0; i < STEPS && !io_sim_crashed(s->io); i++) {
            step(s);
            pass_time(s, 100);
        }
        s->cuts += io_sim_crashed(s->io);
        for (int k = 0; k < MEMBERS; k++) /* a connection that is lost: all is said again */
            s->client[k].full = true;
        stop(s);
        io_sim_restart(s->io);
    }
    start(s);
    check_quiet(s);
    stop(s);
    int64_t cuts = s->cuts;
    io_free(s->io);
    free(s);
    return cuts;
}

int main(int argc, char **argv)
{
    int64_t first = 1, count = 40, cuts = 0;
    if (argc > 1 && !str_to_i64(str_of(argv[1]), &first))
        return 2;
    if (argc > 2 && !str_to_i64(str_of(argv[2]), &count))
        return 2;
    for (int64_t i = 0; i < count; i++)
        cuts += run_seed((uint64_t)(first + i));
    printf("group_sim: %lld seeds, %lld cuts\n", (long long)count, (long long)cuts);
    return 0;
}
