/* entity.h: what the statements that show something are made of: parts of ksqlDB's REST entities,
 * and those statements. */
#ifndef ARUS_SQL_ENGINE_ENTITY_H
#define ARUS_SQL_ENGINE_ENTITY_H

#include "sql/engine/internal.h"

/* The reply's next entity, up to its own members; entity_end closes it, without warnings. */
buf_t *entity_begin(engine_run_t *r, const char *entity);
void entity_end(buf_t *b);

void entity_put_null(buf_t *b, const char *name);
/* {"type":"ARRAY","fields":null,"memberSchema":{…}} */
void entity_put_type(buf_t *b, const data_type_t *t);
/* An item for each column; role NULL: none. */
void entity_put_fields(buf_t *b, data_columns_t c, const char *role);
void entity_put_query(buf_t *b, const engine_query_t *q);
const char *entity_window_name(sql_window_kind_t k);
const char *entity_state_name(const engine_query_t *q);
/* All streams, or all tables, by name; in scratch. */
const catalog_source_t **entity_sources(engine_run_t *r, bool table, size_t *ret_n);

/* describe.c */
ST describe_source(engine_run_t *r, err_t *err);
void describe_sources(engine_run_t *r);
ST describe_function(engine_run_t *r, err_t *err);
ST describe_connector(engine_run_t *r, err_t *err);

#endif
