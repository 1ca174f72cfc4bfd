/* internal.h: the engine's own struct, inside engine/. */
#ifndef ARUS_SQL_ENGINE_INTERNAL_H
#define ARUS_SQL_ENGINE_INTERNAL_H

#include "sql/engine/engine.h"
#include "sql/engine/with.h"
#include "sql/parse/format.h"

#define BAD(...) err_set(err, ST_BAD_STATEMENT, __VA_ARGS__)

struct engine {
    engine_options_t opt;
    str_t service_id;
    catalog_t catalog;
    map_t properties;
    VEC(engine_query_t *) queries;
    int64_t next_number, next_insert;
    bool script;
    bind_env_t bind;
};

/* What a statement's handler works with; scratch lives until the statement is done. */
typedef struct engine_run {
    engine_t *e;
    engine_session_t *session;
    arena_t *scratch;
    const sql_stmt_t *stmt;
    engine_reply_t *reply;
    str_t made_topic; /* made by this statement: it goes when the statement fails */
} engine_run_t;

ST engine_create_source(engine_run_t *r, err_t *err);
ST engine_alter_source(engine_run_t *r, err_t *err);
ST engine_create_as(engine_run_t *r, err_t *err);
ST engine_insert_select(engine_run_t *r, err_t *err);
ST engine_insert_values(engine_run_t *r, err_t *err);
ST engine_drop_source(engine_run_t *r, err_t *err);
ST engine_terminate(engine_run_t *r, err_t *err);
ST engine_show(engine_run_t *r, err_t *err);
ST engine_explain(engine_run_t *r, err_t *err);

/* Formats of a CREATE's WITH, defaults filled in from the properties. */
ST engine_formats(engine_run_t *r, const with_t *w, const catalog_source_t *inherit, size_t n_keys,
                  size_t n_values, plan_format_t *ret_key, plan_format_t *ret_value, err_t *err);
/* ksqlDB's check that a format can carry these columns. */
ST engine_check_format(engine_run_t *r, const plan_format_t *f, data_columns_t columns, bool is_key,
                       err_t *err);
/* The topic: made when it is missing and partitions are given (or inherited), compared when it is
 * there. */
ST engine_topic_for(engine_run_t *r, const engine_topic_spec_t *spec, bool may_create, err_t *err);

/* The statement will run: see engine_reply_t. */
ST engine_write_down(engine_run_t *r, err_t *err);
/* Makes a topic for as long as the statement does not fail. */
ST engine_make_topic(engine_run_t *r, const engine_topic_spec_t *spec, err_t *err);

/* {"@type":"currentStatus",…} */
void engine_reply_status(engine_run_t *r, const char *type, str_t name, const char *action,
                         const char *message, str_t query_id);
void engine_reply_warning(engine_run_t *r, str_t message);

/* The number that a new query's id ends in. `named`: it has a sink of its own. */
int64_t engine_take_number(engine_t *e, bool named);
/* Starts it, writes its statement down and lists it; the query is still the caller's when that
 * fails. `fresh`: no query had its id before. */
ST engine_start_query(engine_run_t *r, engine_query_t *q, bool fresh, err_t *err);
/* Stops and frees the query at index i. */
void engine_remove_query(engine_t *e, size_t i, bool forget);
data_columns_t engine_copy_columns(arena_t *a, data_columns_t c);

#endif
