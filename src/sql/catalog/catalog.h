/* catalog.h: streams, tables and custom types: what statements have made so far.
 *
 * A source is immutable once it is put in; a change puts in a new one, whose version is higher. The
 * catalog owns its sources, each in an arena of its own. One thread at a time.
 */
#ifndef ARUS_SQL_CATALOG_CATALOG_H
#define ARUS_SQL_CATALOG_CATALOG_H

#include "base/map.h"
#include "base/vec.h"
#include "sql/plan/plan.h"

typedef struct catalog_header {
    str_t name, header; /* header empty: all headers */
    bool all;
} catalog_header_t;

typedef struct catalog_source {
    arena_t arena; /* holds all that follows */
    str_t name, topic;
    bool table;
    bool read_only; /* CREATE SOURCE … */
    data_columns_t key, value;
    const catalog_header_t *header; /* columns read from record headers, behind the value columns */
    size_t n_headers;
    plan_format_t key_format, value_format;
    plan_window_t window; /* kind NONE: keys have no window */
    str_t timestamp_column, timestamp_format;
    str_t statement; /* as ksqlDB would print it */
    str_t query_id;  /* of the CREATE … AS that made it; empty: none */
} catalog_source_t;

/* A new, empty source for catalog_put. */
catalog_source_t *catalog_source_new(void);
void catalog_source_free(catalog_source_t *s);

typedef struct catalog {
    map_t sources;                   /* name → catalog_source_t */
    map_t types;                     /* name → catalog_type_t */
    VEC(catalog_source_t *) retired; /* replaced or dropped; plans may still point to them */
} catalog_t;

void catalog_init(catalog_t *c);
void catalog_done(catalog_t *c);
const catalog_source_t *catalog_get(const catalog_t *c, str_t name);
/* Takes s; one of that name is replaced. */
void catalog_put(catalog_t *c, catalog_source_t *s);
void catalog_drop(catalog_t *c, str_t name);
/* Custom types. The type is copied. */
void catalog_put_type(catalog_t *c, str_t name, const data_type_t *t);
const data_type_t *catalog_get_type(const catalog_t *c, str_t name);
void catalog_drop_type(catalog_t *c, str_t name);

/* "`ID` STRING KEY, `NAME` STRING" */
str_t catalog_schema_text(arena_t *a, const catalog_source_t *s);

#endif
