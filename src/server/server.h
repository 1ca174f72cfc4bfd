/* server.h: the SQL engine on the log: statements, running queries, push and pull queries.
 *
 * One thread owns the engine and all queries. It takes rounds: every query that has input takes a
 * turn, and what all of them put out, their state's changes and the offsets they read up to are one
 * commit (exactly once by that). Others send requests, which it answers between rounds.
 *
 * Statements that change something are written to the command topic, in order, and run again at the
 * next start.
 */
#ifndef ARUS_SERVER_SERVER_H
#define ARUS_SERVER_SERVER_H

#include "connect/connector.h"
#include "sql/engine/engine.h"

typedef struct server server_t;
typedef struct server_stream server_stream_t;
typedef struct server_request server_request_t;

typedef struct server_property {
    str_t name, value;
} server_property_t;

typedef struct server_options {
    io_t *io;
    log_t *log;
    const schema_source_t *schemas;
    str_t service_id; /* ksql.service.id; "default_" */
    str_t data_dir;   /* for connectors' files */
    const server_property_t *property;
    size_t n_properties;
    const connector_class_t *const *connector; /* NULL-terminated */
    /* Kafka's clients that read the log; NULL: there are none. Any thread. */
    void (*readers)(log_t *log, arena_t *a, engine_readers_t **ret, size_t *ret_n);
    str_t connector_prefix; /* what a statement's 'connector.class' may begin with */
} server_options_t;

/* Runs nothing yet. */
server_t *server_new(const server_options_t *opt);
/* Runs a script whose statements are not written down: they come again with every start. Before
 * server_start. */
ST server_script(server_t *s, str_t text, const server_property_t *variable, size_t n, err_t *err);
/* Replays the command topic, starts queries, connectors and the thread. A query that does not start
 * is in ERROR and tried again. */
ST server_start(server_t *s, err_t *err);
/* Stops connectors, then queries, then the thread. */
void server_close(server_t *s);

typedef enum server_kind {
    SERVER_STATEMENTS,  /* text: statements; json gets their entities, comma-separated */
    SERVER_QUERY,       /* text: one SELECT or PRINT; stream is set when it runs */
    SERVER_CLOSE_QUERY, /* text: the id of a push query; ST_NOT_FOUND */
    SERVER_FREE_STREAM, /* stream; only by server_stream_close and _release */
} server_kind_t;

struct server_request {
    server_kind_t kind;
    str_t text;
    engine_session_t session; /* the request's properties and variables; the caller's */
    /* Called in the server's thread when it is answered; the request is the caller's again. */
    void (*done)(server_request_t *r);
    void *env;
    /* For SERVER_QUERY: called in the server's thread whenever the stream has something new. Must
     * not block. */
    void (*notify)(void *env);
    /* The answer. */
    st_t st;
    err_t err;
    str_t failed; /* the statement that failed; views text */
    buf_t json;
    server_stream_t *stream;
    server_request_t *next; /* the server's */
};

void server_submit(server_t *s, server_request_t *r);
/* submit, and wait for done. */
void server_call(server_t *s, server_request_t *r);

/* A running query's rows. Items are lines: a tag, a tab, JSON or text, a newline:
 *   r [values]          a row
 *   d [values]          a table's row is gone: key values set, the others null
 *   p text              PRINT: a record, on one line
 *   h text              PRINT: what the formats can be, from here on
 *   e {error entity}    it failed; the last item
 *   f "message"         it is complete ("Limit Reached", "Query Completed"); the last item
 * The server stops reading input while more than SERVER_STREAM_BYTES_MAX wait. */
#define SERVER_STREAM_BYTES_MAX (1u << 20)

str_t server_stream_id(const server_stream_t *s);
bool server_stream_pull(
    const server_stream_t *s); /* a pull query: all its rows are there at once */
bool server_stream_print(const server_stream_t *s);
data_columns_t server_stream_columns(const server_stream_t *s);
/* How many of the first columns are key columns. */
size_t server_stream_keys(const server_stream_t *s);
/* Moves what has come to the end of b; true when nothing will follow. */
bool server_stream_take(server_stream_t *s, buf_t *b);
/* Ends the query and gives the stream back; it must not be used any more. notify is not called
 * after it returns. */
void server_stream_close(server_t *s, server_stream_t *stream);
/* The same without waiting: by r, whose done is called when it is gone. */
void server_stream_release(server_t *s, server_stream_t *stream, server_request_t *r);

/* What a query mostly does. */
typedef enum server_work {
    SERVER_SELECTS,
    SERVER_GROUPS,
    SERVER_JOINS,
    SERVER_WORKS
} server_work_t;

typedef struct server_query_stats {
    str_t id; /* lives as long as the arena given */
    str_t state;
    server_work_t work;
    uint64_t records_in, records_out, failed, lag;
    int64_t busy_ns;
    size_t state_bytes;
} server_query_stats_t;

typedef struct server_connector_stats {
    str_t name, class;
    bool source;
    connector_status_t status;
} server_connector_stats_t;

typedef struct server_stats {
    server_query_stats_t *query;
    size_t n_queries;
    server_connector_stats_t *connector;
    size_t n_connectors;
    size_t n_push;
    uint64_t rounds;
    int64_t commit_ns, busy_ns;
    bool idle; /* nothing to read, nothing to answer, all connectors idle */
} server_stats_t;

/* From any thread. */
void server_stats(server_t *s, arena_t *a, server_stats_t *ret);
/* The same without waiting for a statement that is running: then false, and connectors are left
 * out. */
bool server_stats_try(server_t *s, arena_t *a, server_stats_t *ret);
/* Names, topics and columns of all sources, for connectors and pages: see connector_env_t. ST_BUSY:
 * ask again. */
ST server_topic(server_t *s, str_t name, arena_t *a, str_t *ret_topic, connector_topic_t *ret,
                err_t *err);

#endif
