/* internal.h: the server's own structs, inside server/. All is the server thread's unless it says
 * otherwise. */
#ifndef ARUS_SERVER_INTERNAL_H
#define ARUS_SERVER_INTERNAL_H

#include "server/server.h"
#include "base/trace.h"
#include "wire/batch.h"

#include <pthread.h>
#include <stdatomic.h>

#define COMMAND_TOPIC_FMT "_confluent-ksql-" STR_FMT "_command_topic"
#define UNPACK_BYTES_MAX  (64u << 20)

/* A topic that a query reads, partition by partition. */
typedef struct runner_input {
    log_topic_t *topic;
    str_t group; /* its committed offsets' */
    int32_t n_partitions;
    int64_t *position; /* the next offset */
} runner_input_t;

/* Record batches that are being written, one a partition. */
typedef struct runner_output {
    log_topic_t *topic;
    int32_t n_partitions;
    buf_t *buf;
    wire_writer_t *writer;
    bool *open;
} runner_output_t;

typedef struct print print_t;

/* A query at work. */
typedef struct runner {
    server_t *server;
    engine_query_t *query; /* NULL: a push query's */
    exec_t *exec;
    runner_input_t *input; /* one a source of the plan */
    size_t n_inputs;
    runner_output_t sink;
    runner_output_t *changelog; /* one a store */
    size_t n_changelogs;
    str_t group;
    arena_t life;            /* texts, arrays */
    arena_t turn;            /* what the records of a turn need */
    VEC(log_chunk_t) chunks; /* the turn's input */
    wire_reader_t reader;
    uint64_t failed, lag;
    int64_t busy_ns, wall_ms;
    size_t changed_bytes;             /* of changelogs since the last checkpoint */
    size_t turn_bytes;                /* read a partition and turn */
    size_t input_bytes, output_bytes; /* of this turn; changes of state are output, too */
    double growth;                    /* bytes out for a byte in */
    bool fresh;                       /* it has input partitions without a committed offset */
    bool took;                        /* it took part in this round */
    bool broken;                      /* its state is not what was committed: to be built again */
    int64_t retry_at_ms;
} runner_t;

struct server_stream {
    server_t *server;
    str_t id;
    bool pull, printed;
    arena_t life;
    bind_result_t bound;
    size_t n_keys;
    runner_t *runner;     /* push */
    print_t *print;       /* PRINT, then there is no runner */
    pthread_mutex_t lock; /* guards items, ended, wanted */
    buf_t items;
    bool ended, wanted;
    void (*notify)(void *env);
    void *env;
};

typedef struct server_connector {
    str_t name;
    bool source;
    const connector_class_t *class;
    connector_config_t config; /* in arena */
    arena_t arena;
    connector_t *running;
} server_connector_t;

struct server {
    server_options_t opt;
    arena_t life;
    engine_t *engine;
    VEC(runner_t *) runners;
    VEC(server_stream_t *) streams;
    log_topic_t *commands;
    bool replaying, started;
    log_topic_t *processing_log; /* made with the first failure */
    buf_t failures;              /* of this round: a batch under construction */
    wire_writer_t failure_writer;
    size_t n_failures;
    log_watch_t *watch;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t
        lock; /* recursive: the engine's catalog and the connectors, against other threads */
    pthread_mutex_t inbox_lock;
    server_request_t *inbox, **inbox_end; /* inbox_lock */
    pthread_mutex_t stats_lock;
    server_stats_t stats; /* stats_lock; texts in stats_arena */
    arena_t stats_arena;
    VEC(server_connector_t *) connectors;
    uint64_t rounds;
    int64_t commit_ns, busy_ns;
    int64_t next_transient;
    bool quiet; /* the last round had nothing to do */
};

/* host.c */
engine_host_t server_host(server_t *s);
/* One record, durable when it returns. */
ST server_append_one(server_t *s, log_topic_t *t, int32_t partition, const exec_input_t *r,
                     err_t *err);
/* The query gets a runner. */
ST server_query_run(server_t *s, engine_query_t *q, err_t *err);
/* It could not: it is in ERROR, and tried again. */
void server_query_broken(server_t *s, engine_query_t *q, const err_t *why);

/* stats.c: after a round. */
void server_publish_stats(server_t *s);

/* runner.c */
ST runner_new(server_t *s, const plan_t *plan, engine_query_t *q, exec_sink_t *sink,
              bool from_start, runner_t **ret, err_t *err);
/* Stands for a query that did not start, until it does. */
runner_t *runner_new_broken(server_t *s, engine_query_t *q);
void runner_free(runner_t *r);
/* Feeds what its topics have and runs it; outputs wait in the runner. False when there was nothing
 * to do. */
bool runner_turn(runner_t *r, int64_t wall_ms);
/* Puts outputs, changes and offsets into the commit; the turn's memory must stay until
 * runner_turn_done. ST_TOO_LARGE: nothing was put there, the runner is to be built again. */
ST runner_collect(runner_t *r, log_commit_t *c, err_t *err);
void runner_turn_done(runner_t *r);
/* Deletes its changelogs and committed offsets. */
void runner_forget(runner_t *r);

/* The topic is the output's from now on. */
void runner_output_init(runner_output_t *o, arena_t *a, log_topic_t *topic);

/* changelog.c */
/* Opens or makes them and brings the state back: the checkpoint, then what they have behind it. */
ST runner_changelogs_open(runner_t *r, err_t *err);
/* By their names: a runner that is broken may have none of them open. */
void runner_changelogs_delete(runner_t *r);

/* processing_log.c */
/* Keeps a failure for the round's commit. Bounded: past a thousand in a round they are only
 * counted. */
void processing_log_add(server_t *s, str_t query, const exec_failure_t *f);
void processing_log_collect(server_t *s, log_commit_t *c);
/* It may have been deleted: it is opened or made again with the next failure. */
void processing_log_close(server_t *s);
void processing_log_done(server_t *s);

/* checkpoint.c */
/* Writes the state of the last commit. Not inside a turn. */
ST runner_checkpoint(runner_t *r, err_t *err);
/* Restores it into the new exec and tells where each changelog's partitions are to be read from.
 * ST_NOT_FOUND: there is none; ST_CORRUPT: it is not to be used, and exec may have part of it. */
ST runner_checkpoint_load(runner_t *r, int64_t *const *ret_from, err_t *err);
void runner_checkpoint_forget(runner_t *r);

/* print.c */
ST print_new(server_t *s, const sql_print_t *stmt, print_t **ret, err_t *err);
void print_free(print_t *p);
/* Appends what the topic has as a stream's items; *ret_complete: all that LIMIT asks for is
 * printed. False when there was nothing. */
bool print_turn(print_t *p, buf_t *items, bool *ret_complete);

/* stream.c */
ST server_query_open(server_t *s, server_request_t *r, err_t *err);
void server_streams_poll(server_t *s, bool *ret_busy);
void server_stream_free(server_stream_t *st);

/* connect.c */
ST server_connector_create(void *self, const engine_connector_t *c, err_t *err);
bool server_connector_exists(void *self, str_t name);
ST server_connector_drop(void *self, str_t name, err_t *err);
void server_connector_list(void *self, buf_t *b);
ST server_connector_get(void *self, str_t name, arena_t *a, engine_connector_info_t *ret,
                        err_t *err);
void server_connector_plugins(void *self, buf_t *b);
ST server_connector_start(server_t *s, server_connector_t *c, err_t *err);
void server_connectors_stop(server_t *s, bool sources);

#endif
