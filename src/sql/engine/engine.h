/* engine.h: statements at work: a catalog, the queries that run, and what they need of the outside.
 *
 * The engine knows no log and no threads: topics, records and running queries are its host's (the
 * server's, the test runner's), who gives an engine_host_t. One thread at a time.
 */
#ifndef ARUS_SQL_ENGINE_ENGINE_H
#define ARUS_SQL_ENGINE_ENGINE_H

#include "base/json.h"
#include "sql/bind/bind.h"
#include "sql/exec/exec.h"
#include "sql/parse/parse.h"

typedef struct engine engine_t;
typedef struct engine_query engine_query_t;

typedef struct engine_topic {
    int32_t partitions, replicas;
    int64_t retention_ms;
} engine_topic_t;

typedef struct engine_topic_spec {
    str_t name;
    int32_t partitions, replicas;
    int64_t retention_ms; /* 0: the default */
    const char *cleanup;  /* "delete", "compact", "compact,delete" */
} engine_topic_spec_t;

/* Consumer groups of Kafka's clients; a consumer counts once a partition. */
typedef struct engine_readers {
    str_t topic;
    int64_t groups, consumers;
} engine_readers_t;

/* A connector as its statement has it; the host runs it. */
typedef struct engine_connector {
    str_t name;
    bool source;
    const sql_prop_t *prop; /* values are literals */
    size_t n_props;
} engine_connector_t;

/* What runs of it. */
typedef struct engine_connector_info {
    str_t name, class;
    bool source;
    bool failed;
    str_t why;          /* of the failure */
    const str_t *topic; /* names of topics, streams or tables that its statement names */
    size_t n_topics;
} engine_connector_info_t;

typedef struct engine_host {
    void *self;
    /* ST_NOT_FOUND */
    ST (*topic_get)(void *self, str_t name, engine_topic_t *ret, err_t *err);
    /* How many records can be read; NULL where the host does not tell. */
    int64_t (*topic_records)(void *self, str_t name);
    /* Who reads topics beside our queries; NULL where the host knows of nobody. */
    void (*topic_readers)(void *self, arena_t *a, engine_readers_t **ret, size_t *ret_n);
    ST (*topic_create)(void *self, const engine_topic_spec_t *spec, err_t *err);
    ST (*topic_delete)(void *self, str_t name, err_t *err);
    /* Names in the arena, sorted. */
    ST (*topic_list)(void *self, arena_t *a, str_t **ret, size_t *ret_n, err_t *err);
    /* One record, for INSERT VALUES; durable when it returns. */
    ST (*produce)(void *self, str_t topic, int32_t partition, const exec_input_t *r, err_t *err);
    /* A persistent query was made (its plan stays until query_stop returns), resumed from what it
     * had committed. */
    ST (*query_start)(void *self, engine_query_t *q, err_t *err);
    /* Stops it (also one that could not be started); with `forget`, its state, changelogs and
     * offsets go, too. */
    void (*query_stop)(void *self, engine_query_t *q, bool forget);
    void (*query_pause)(void *self, engine_query_t *q, bool pause);
    /* Connectors; NULL where the host runs none. */
    ST (*connector_create)(void *self, const engine_connector_t *c, err_t *err);
    bool (*connector_exists)(void *self, str_t name);
    ST (*connector_drop)(void *self, str_t name, err_t *err);
    /* Writes a JSON array of {"name","type","className","state"}. */
    void (*connector_list)(void *self, buf_t *b);
    /* Texts in the arena. ST_NOT_FOUND. */
    ST (*connector_get)
    (void *self, str_t name, arena_t *a, engine_connector_info_t *ret, err_t *err);
    /* Writes a JSON array of {"className","type","version"}: those that could be made. */
    void (*connector_plugins)(void *self, buf_t *b);
    int64_t (*now_ms)(void *self);
    uint64_t (*random)(void *self);
} engine_host_t;

typedef enum engine_query_state {
    ENGINE_RUNNING,
    ENGINE_PAUSED,
    ENGINE_ERROR
} engine_query_state_t;

struct engine_query {
    arena_t arena; /* holds the plan and all texts */
    str_t id, statement;
    str_t sink, sink_topic; /* empty for CREATE SOURCE TABLE's own */
    bind_result_t bound;
    plan_t *plan;
    bool creates_source; /* CSAS, CTAS: it goes with its source */
    engine_query_state_t state;
    bool from_start; /* auto.offset.reset when it was made */
    int64_t cache_bytes;
    int64_t outer_join_interval_ms;
    void *running; /* the host's */
};

/* What lasts over the statements of one request or one shell: properties set, variables defined. */
typedef struct engine_session {
    map_t properties, variables; /* name → char *, owned */
} engine_session_t;

void engine_session_init(engine_session_t *s);
void engine_session_done(engine_session_t *s);
void engine_session_set(map_t *m, str_t name, str_t value);

typedef struct engine_options {
    str_t service_id;
    engine_host_t host;
    const schema_source_t *schemas;
    bool memory_ids; /* query numbers count queries from 0, as in tests; else they step by 2 from 1
                      */
} engine_options_t;

engine_t *engine_new(const engine_options_t *opt);
/* Stops all queries (without forgetting). */
void engine_free(engine_t *e);
/* Server-wide properties; a session's come before them. */
void engine_set(engine_t *e, str_t name, str_t value);
/* NULL.ptr when nowhere set. Names may have the prefix "ksql.streams.". */
str_t engine_property(const engine_t *e, const engine_session_t *s, str_t name);
catalog_t *engine_catalog(engine_t *e);
const schema_source_t *engine_schemas(engine_t *e);
const engine_host_t *engine_host(engine_t *e);

/* A statement's answer: one of ksqlDB's REST entities as JSON. */
typedef struct engine_reply {
    buf_t *json;       /* an entity is appended, without a comma; nothing for SET and the like */
    bool quiet;        /* replaying: no answers */
    char warning[300]; /* what was let pass although it is not as it should be; empty: nothing */
    /* Writes the statement down, so that it survives a restart. Called once by a statement that
     * changes something, when it is sure to run and before what it does cannot be undone; when it
     * fails, the statement has done nothing. NULL: it is written elsewhere. */
    ST (*write_down)(void *env, err_t *err);
    void *env;
} engine_reply_t;

/* Runs one statement. Not for queries: ST_BAD_STATEMENT says where those go. */
ST engine_execute(engine_t *e, engine_session_t *s, const sql_stmt_t *stmt, engine_reply_t *reply,
                  err_t *err);
/* Parses with the session's variables. The tree lives in the arena. */
ST engine_parse(engine_t *e, const engine_session_t *s, arena_t *a, sql_piece_t piece,
                sql_stmt_t **ret, err_t *err);

/* A push query, bound and ready to run; `ret->plan` ends in a RESULT. Lives in the arena. */
ST engine_push(engine_t *e, engine_session_t *s, const sql_query_t *q, arena_t *a,
               bind_result_t *ret, err_t *err);

/* What the next query's id will end in; a replay sets it to what it was. */
int64_t engine_next_number(const engine_t *e);
void engine_set_next_number(engine_t *e, int64_t n);
/* While it is on, queries get the ids of a script's: the same whatever else there is. */
void engine_in_script(engine_t *e, bool on);
bind_env_t engine_bind_env(engine_t *e);

engine_query_t *engine_find_query(engine_t *e, str_t id);
size_t engine_n_queries(const engine_t *e);
engine_query_t *engine_query_at(const engine_t *e, size_t i);
/* The query whose materialized state answers pull queries on this table; NULL when there is none.
 */
engine_query_t *engine_query_of(engine_t *e, str_t source);

#endif
