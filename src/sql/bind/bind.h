/* bind.h: from syntax tree to plan: names to columns, types checked and made equal, functions
 * chosen, steps laid out.
 *
 * Messages are ksqlDB's where clients match them.
 */
#ifndef ARUS_SQL_BIND_BIND_H
#define ARUS_SQL_BIND_BIND_H

#include "sql/catalog/catalog.h"

/* What binding needs to know of the outside. */
typedef struct bind_env {
    const catalog_t *catalog;
    step_env_t functions; /* clock and chance for functions */
} bind_env_t;

typedef enum bind_use {
    BIND_PERSISTENT, /* CREATE … AS, INSERT INTO … SELECT: rows become records */
    BIND_TRANSIENT,  /* a push query, or a pull query over a stream */
} bind_use_t;

/* A query that is bound down to its projection. For BIND_PERSISTENT the caller makes a sink from
 * `key` and `value` (bind_sink); for BIND_TRANSIENT root is a RESULT already. */
typedef struct bind_result {
    plan_t *plan;
    data_columns_t key, value; /* what the projection gives */
    bool table, windowed;
    plan_window_t window;
    const catalog_source_t *first; /* the left-most source */
    const catalog_source_t *const *source;
    size_t n_sources;
    bool rekeyed; /* its keys are not the left-most source's */
    bool aggregated, joined;
} bind_result_t;

/* `target` is the sink's name for messages; empty for transient queries. */
ST bind_query(arena_t *a, const bind_env_t *env, const sql_query_t *q, bind_use_t use, str_t target,
              bind_result_t *ret, err_t *err);

/* Puts the sink on top. Everything is borrowed from the arena of the plan. */
typedef struct bind_sink {
    str_t name, topic;
    plan_format_t key_format, value_format;
    str_t timestamp_column, timestamp_format;
} bind_sink_t;
ST bind_add_sink(arena_t *a, bind_result_t *r, const bind_sink_t *sink, err_t *err);

/* A WHERE over a materialized result's columns (pull queries), and its projection. */
typedef struct bind_pull {
    data_columns_t result;
    size_t n_keys; /* of the result, the first ones */
    expr_t **expr; /* one a column, over the source's row: key, [WINDOWSTART, WINDOWEND,] value
                      columns, ROWTIME */
    expr_t *where; /* NULL: all */
    expr_t **key;  /* key columns' values when WHERE pins them all by equality; else NULL */
    bool has_limit;
    int64_t limit;
} bind_pull_t;
ST bind_pull(arena_t *a, const bind_env_t *env, const sql_query_t *q,
             const catalog_source_t *source, bind_pull_t *ret, err_t *err);

/* A literal or constant expression as a value of type t: INSERT VALUES. */
ST bind_constant(arena_t *a, const bind_env_t *env, const sql_expr_t *e, const data_type_t *t,
                 data_value_t *ret, err_t *err);

#endif
