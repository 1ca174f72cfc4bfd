/* internal.h: the broker's threads, connections and requests. Internal to broker/.
 *
 * Invariants, cited as B1…:
 * B1 A connection and its requests belong to one network thread. A request that another thread
 *    works on (`away`) is that thread's until broker_answer or broker_return mails it back.
 * B2 Answers leave in the order of requests: a connection's queue, written from its head.
 * B3 What a connection holds is bounded: its next request starts only when all before it are
 *    written, but for Produce after Produce, up to PIPELINE_MAX requests and bytes. Until then
 *    nothing is read from its socket.
 * B4 A length is believed as far as its bytes have come, or those of a request before it.
 * B5 A network thread never waits: commits, changes of topics and groups have their own threads.
 * B6 What all connections hold is bounded by queued.max.request.bytes. Past half of it a fetch
 *    gives a batch only, and who stalls is closed; past all of it nobody who has work is given
 *    more, and those that make us hold something (half a request, an answer that is not read) are
 *    closed, the oldest first.
 *
 * A handler gets a decoded request and calls broker_answer once, at once or later; or broker_cut.
 */
#ifndef ARUS_BROKER_INTERNAL_H
#define ARUS_BROKER_INTERNAL_H

#include "base/shared.h"
#include "broker/authorize.h"
#include "broker/broker.h"
#include "broker/codes.h"
#include "broker/throttle.h"
#include "io/mailbox.h"
#include "io/tcp.h"
#include "log/local/local.h"
#include "wire/message.h"

typedef struct broker_net broker_net_t;
typedef struct broker_wait broker_wait_t;
typedef struct broker_session broker_session_t;
typedef struct broker_coordinator broker_coordinator_t;

typedef enum broker_where { BROKER_NET, BROKER_ADMIN, BROKER_GROUP } broker_where_t;

typedef struct broker_handler {
    int16_t key, advertised_from;
    broker_where_t where;
    void (*run)(broker_request_t *r);
} broker_handler_t;

/* What of the properties acts; options.def. */
typedef struct broker_config {
#define INT(field, name, otherwise, min, max) int64_t field;
#define BOOL(field, name, otherwise)          bool field;
#include "broker/options.def"
#undef INT
#undef BOOL
} broker_config_t;

/* A port of one virtual broker. */
typedef struct broker_port {
    broker_t *broker;
    const broker_listener_t *listener;
    int32_t node;     /* index of the virtual broker */
    str_t host, text; /* where it listens; text is "host:port" */
    uint16_t port;
    str_t shown_host; /* what clients are told */
    uint16_t shown_port;
    io_poll_t poll;
} broker_port_t;

/* A thread with a loop and a mailbox of requests. */
typedef struct broker_worker {
    broker_t *broker;
    const char *name;
    io_loop_t *loop;
    io_mailbox_t mail;
    pthread_t thread;
    bool started;
} broker_worker_t;

struct broker {
    io_t *io;
    log_t *log;
    broker_config_t config;
    const broker_property_t *property; /* owned by the arena */
    size_t n_properties;
    arena_t arena; /* of its start; nothing is added later */
    str_t cluster_id;
    VEC(broker_listener_t *) listeners;
    VEC(broker_port_t *) ports;
    broker_users_t users;
    broker_acls_t acls;
    broker_quotas_t quotas;
    uint8_t secret[32]; /* of this run */
    VEC(broker_net_t *) nets;
    size_t next_net; /* thread: nets[0], which accepts */
    atomic_int connections;
    atomic_llong held_bytes; /* B6 */
    atomic_int session_parts; /* what fetch sessions remember; fetch_session.c */
    struct {
        atomic_llong records_in, bytes_in, bytes_out; /* of batches, since the start */
    } count;
    broker_worker_t commit, admin, group;
    broker_coordinator_t *coordinator; /* thread: group */
    atomic_bool stopping;
};

/* ---- a request */

struct broker_request {
    io_mail_t mail;
    broker_conn_t *conn;
    broker_request_t *next; /* in the connection's queue */
    const broker_handler_t *handler;
    const wire_api_t *api;
    int16_t version;
    int32_t correlation_id;
    str_t client_id;
    shared_t *frame; /* a reference */
    str_t bytes;     /* in it, without its length; `message` points into them */
    arena_t arena;
    void *message;
    /* What another thread calls; NULL: the handler. */
    void (*work)(broker_request_t *r);
    /* Called on the network thread when the request comes back; NULL: it is answered. */
    void (*resume)(broker_request_t *r);
    void *state;         /* the handler's, in the arena */
    broker_wait_t *wait; /* it waits for data; fetch.c */
    bool away, done, is_produce, trimmed;
    bool cut;                /* with its answer the connection ends */
    wire_out_t out;          /* 4 bytes of length, header, body */
    VEC(log_chunk_t) chunks; /* the records of the answer, in their order */
    size_t written;
    int32_t throttle_ms; /* throttle.c: the wait */
    bool mutates;        /* it makes or removes partitions */
};

static inline broker_t *broker_of(const broker_request_t *r);

/* Encodes the response: thread: whoever has the request. The request is not the caller's any more.
 */
void broker_answer(broker_request_t *r, void *response);
/* The same, but it goes out when whoever works on the request calls broker_return. */
void broker_answer_held(broker_request_t *r, void *response);
/* The answer has become too large to be given: a request that names a thing many times. The handler
 * need not go on; broker_answer cuts. */
bool broker_answer_full(const broker_request_t *r);
/* There is no answer: to a Produce with acks=0. */
void broker_answer_nothing(broker_request_t *r);
/* The connection is closed once what was asked before is answered. */
void broker_cut(broker_request_t *r, const char *why);
/* Back to the network thread, where r->resume goes on. */
void broker_return(broker_request_t *r);
void broker_send(broker_request_t *r, broker_worker_t *to);

/* thread: net. Takes the frame; the bytes in it are at least REQUEST_BYTES_MIN, or a bare token of
 * SASL. */
broker_request_t *broker_request_new(broker_conn_t *c, shared_t *frame, str_t bytes);
void broker_request_free(broker_request_t *r);
/* thread: net. It is answered: only the answer's bytes stay. */
void broker_request_trim(broker_request_t *r);
/* Reads the header and the message, and gives it to its handler, which may answer at once. */
void broker_request_start(broker_request_t *r);

#define BROKER_REQUEST_BYTES_MIN 8 /* API key, version, correlation id */

const broker_handler_t *broker_handler_find(int key);
const broker_handler_t *broker_handler_list(size_t *ret_n);

#define HANDLER(name, from, where) void broker_on_##name(broker_request_t *r);
#include "broker/handlers.def"
#undef HANDLER

#define MESSAGE(name)  const wire_##name##_request_t *m = r->message
#define RESPONSE(name) wire_##name##_response_t *answer = WIRE_NEW(&r->arena, name##_response, 1)
/* list = n items with their defaults. */
#define NEW_LIST(a, list, item, n)                                                                 \
    ((list).len = (int32_t)(n), (list).ptr = WIRE_NEW((a), item, (size_t)(n)))

/* ---- a connection: conn.c */

struct broker_conn {
    broker_net_t *net;
    broker_port_t *port;
    broker_conn_t *prev, *next; /* the thread's list */
    broker_conn_t *next_touched;
    bool touched, closing;
    io_stream_t stream; /* closed: requests are still away */
    broker_auth_t auth;
    io_timer_t late; /* for what is answered late */
    broker_request_t *late_request;
    void *late_answer;
    io_timer_t unmute; /* set: a quota is used up, nothing is read */
    char peer[IO_TCP_ADDR_MAX];
    str_t host; /* of the other end, in peer; stays as it is */
    buf_t in;   /* what was read and is not yet a request */
    size_t frame_bytes; /* of the largest request so far */
    broker_request_t *first, *last;
    int n_requests, n_others; /* queued; those that are not Produce */
    size_t requests_bytes; /* of the queue: frames, and of those that are answered the answers */
    size_t held_bytes;     /* as it is counted in the broker's */
    int64_t active_ns, holds_ns; /* since when it makes us hold something; 0: it does not */
    broker_session_t *session; /* NULL: none; fetch_session.c */
};

/* Of queued.max.request.bytes half is for records on their way out: how much of it is left. */
size_t broker_room(const broker_t *b);
/* It makes us hold something, that half is used up, and it does not go on. */
bool broker_conn_stalls(const broker_conn_t *c);
/* Closes one of those who make us hold too much, where there is too much: B6. */
void broker_conns_relieve(broker_net_t *net);
/* An address without its port. */
str_t broker_conn_host(str_t peer);
/* thread: net. */
void broker_conn_open(broker_net_t *net, broker_port_t *port, int fd);
/* There is something to write or to start. */
void broker_conn_touch(broker_conn_t *c);
void broker_conn_work(broker_conn_t *c);
/* Nothing is read from it for so long: a quota is used up. */
void broker_conn_mute(broker_conn_t *c, int32_t ms);
/* Answers after connection.failed.authentication.delay.ms. thread: net */
void broker_conn_answer_late(broker_request_t *r, void *response);
/* Its socket is closed; it is freed when no request is away. */
void broker_conn_close(broker_conn_t *c);
void broker_conn_free(broker_conn_t *c);

/* ---- a network thread: net.c */

struct broker_net {
    broker_t *broker;
    pthread_t thread;
    bool started;
    io_loop_t *loop;
    io_mailbox_t done, arrivals, news;
    io_mail_t news_mail;
    atomic_bool news_posted;
    log_watch_t *watch;
    VEC(log_topic_t *) watched; /* references */
    broker_conn_t *conns, *touched;
    broker_wait_t *waits; /* fetches that wait for data; fetch.c */
    io_timer_t tick;
    bool was_busy, kept_busy; /* something was read since the last tick; before it */
    io_timer_t accept; /* set: there are no descriptors left, nobody is let in for a moment */
    char *scratch; /* for reading */
};

#define BROKER_SCRATCH_BYTES (256u << 10)

ST broker_net_start(broker_t *b, err_t *err);
/* Ends the threads; connections are closed. Requests that are away stay until broker_net_free. */
void broker_net_stop(broker_t *b);
void broker_net_free(broker_t *b);

/* fn gets the mail, with the broker as its argument. */
void broker_worker_init(broker_worker_t *w, broker_t *b, const char *name,
                        void (*fn)(void *arg, io_mail_t *list));
void broker_worker_start(broker_worker_t *w);
/* Works off what is in the mailbox, and ends. */
void broker_worker_stop(broker_worker_t *w);
void broker_worker_free(broker_worker_t *w);

/* ---- ports.c */
/* The first of this name, as it was given. */
str_t broker_property(const broker_t *b, const char *name, str_t otherwise);
ST broker_ports_open(broker_t *b, err_t *err);
void broker_ports_close(broker_t *b);
/* The address of a virtual broker on the listener that the client came by. */
const broker_port_t *broker_port_of(const broker_t *b, const broker_port_t *like, int32_t node);

/* ---- news.c: data that fetches wait for; thread: net */
void broker_news_init(broker_net_t *net);
void broker_news_done(broker_net_t *net);
/* News of the topic lead to broker_waits_look from now on. */
void broker_news_watch(broker_net_t *net, log_topic_t *t);
void broker_news_forget(broker_net_t *net, log_topic_t *t);
/* thread: net. Looks again at the fetches that wait. */
void broker_waits_look(broker_net_t *net);
/* thread: net. The request's connection is gone. */
void broker_wait_cancel(broker_request_t *r);
void broker_session_free(broker_t *b, broker_session_t *s);

/* ---- commit.c */
void broker_commit_requests(void *arg, io_mail_t *list);

/* ---- cluster.c: the virtual brokers */
static inline int32_t broker_node_id(const broker_t *b, int32_t node)
{
    return (int32_t)b->config.node_id + node;
}
/* The replicas of a partition, the leader first, as Kafka spreads them; `ids` has room for
 * config.nodes. Returns how many. */
int32_t broker_replicas(const broker_t *b, const log_uuid_t *topic, int32_t replicas,
                        int32_t partition, int32_t *ids);
/* The virtual broker that coordinates this group or transactional id. */
int32_t broker_coordinator_node(const broker_t *b, str_t key);

/* What is told of a part of a request that did not work; code KAFKA_NONE: it did. */
typedef struct broker_failure {
    int16_t code;
    str_t text;
} broker_failure_t;

#define BROKER_FAIL(a, c, ...) ((broker_failure_t){(c), arena_printf((a), __VA_ARGS__)})

/* ---- topic.c */
/* "__consumer_offsets" and such. */
bool broker_topic_internal(str_t name);
bool broker_topic_name_good(str_t name);
/* By name or, when the name is empty, by id, for who may do `op` with it. The code says what is
 * wrong; KAFKA_NONE: *ret is a reference. */
int16_t broker_topic_find(broker_conn_t *c, acl_operation_t op, str_t name, const wire_uuid_t *id,
                          log_topic_t **ret);
static inline wire_uuid_t broker_uuid(log_uuid_t id)
{
    wire_uuid_t u;
    memcpy(&u, &id, sizeof u);
    return u;
}
/* Of a failed change of a topic. */
int16_t broker_code(st_t st);

/* ---- config.c */
typedef struct broker_topic_rules {
    int64_t message_bytes_max, before_ms_max, after_ms_max;
    bool append_time, compacts, deletes;
} broker_topic_rules_t;

/* What Produce must look at. */
broker_topic_rules_t broker_topic_rules(const broker_t *b, log_topic_t *t, arena_t *a);
/* Names and kinds of values; value.ptr NULL is wrong. */
broker_failure_t broker_config_check(arena_t *a, const log_config_t *config, size_t n);
/* All configs of a topic that was made, into the answer. */
void broker_config_put_created(broker_request_t *r, const log_topic_info_t *info,
                               wire_create_topics_response_topic_t *to);

/* ---- coordinator.c: the groups' thread */
void broker_group_requests(void *arg, io_mail_t *list);
ST broker_coordinator_new(broker_t *b, broker_coordinator_t **ret, err_t *err);
/* When its thread has ended. */
void broker_coordinator_free(broker_coordinator_t *c);

static inline broker_t *broker_of(const broker_request_t *r)
{
    return r->conn->net->broker;
}

#endif
