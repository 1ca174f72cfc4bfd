/* world.h: the host of an engine in a case: topics and records in memory, inside cases/. */
#ifndef ARUS_CASES_WORLD_H
#define ARUS_CASES_WORLD_H

#include "sql/engine/engine.h"

typedef struct world_record {
    str_t topic;
    exec_input_t in; /* bytes live in the world's arena */
    bool from_case;  /* an input of the case, not a query's output */
} world_record_t;

typedef struct world_schema {
    str_t subject, type, text;
    int32_t id;
} world_schema_t;

typedef struct world_topic {
    str_t name;
    engine_topic_t info;
} world_topic_t;

typedef struct world {
    arena_t arena;
    engine_t *engine;
    engine_session_t session;
    schema_source_t schemas;
    VEC(world_topic_t) topics;
    VEC(world_schema_t) schema_list;
    VEC(world_record_t) records;   /* all, in the order they came to be */
    VEC(engine_query_t *) queries; /* in the order of their making */
    err_t first_failure;           /* of a record or expression; for messages */
} world_t;

void world_init(world_t *w);
void world_done(world_t *w);
void world_topic_add(world_t *w, str_t name, int32_t partitions, int32_t replicas);
/* Keeps a record for the queries that are run later. */
void world_record_add(world_t *w, str_t topic, const exec_input_t *in, bool from_case);
/* Runs every query over what its topics have. */
ST world_run(world_t *w, err_t *err);

#endif
