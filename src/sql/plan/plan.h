/* plan.h: what a query does, as a tree of named steps from its result down to its sources.
 *
 * Made once by bind/, read-only afterwards but for the registers of its expressions; everything
 * lives in the arena of the plan. exec/ makes operators from it. Steps are named as ksqlDB names
 * its execution steps.
 *
 * A row is one array of values: the key columns, then the value columns, then what a source adds
 * when it is asked for (ROWTIME and the like). Expressions index into that array.
 */
#ifndef ARUS_SQL_PLAN_PLAN_H
#define ARUS_SQL_PLAN_PLAN_H

#include "format/format.h"
#include "sql/exec/step.h"
#include "sql/parse/ast.h"

typedef struct plan_column {
    str_t source; /* alias of the source it comes from; empty for computed ones */
    str_t name;
    const data_type_t *type;
} plan_column_t;

typedef struct plan_schema {
    const plan_column_t *col;
    size_t n;     /* all */
    size_t n_key; /* the first ones */
} plan_schema_t;

typedef struct plan_window {
    sql_window_kind_t kind;
    int64_t size_ms; /* SESSION: the gap */
    int64_t advance_ms, retention_ms, grace_ms;
} plan_window_t;

/* How keys or values of a topic are written. */
typedef struct plan_format {
    format_id_t id;
    bool wrap;
    char delimiter;
    str_t full_name;
    int32_t schema_id;
    bool nullable_optional, nullable_wrapper;
} plan_format_t;

/* The columns that a source adds behind its own. */
typedef enum plan_pseudo {
    PLAN_ROWTIME,
    PLAN_ROWPARTITION,
    PLAN_ROWOFFSET,
    PLAN_WINDOWSTART,
    PLAN_WINDOWEND,
    PLAN_HEADERS, /* all of them */
    PLAN_HEADER,  /* one, by name */
} plan_pseudo_t;

typedef struct plan_extra {
    plan_pseudo_t kind;
    str_t header;
} plan_extra_t;

#define PLAN_STEPS                                                                                 \
    X(SOURCE, "Source")                                                                            \
    X(FILTER, "Filter")                                                                            \
    X(SELECT, "Select")                                                                            \
    X(FLAT_MAP, "FlatMap")                                                                         \
    X(EXCHANGE, "Repartition")                                                                     \
    X(AGGREGATE, "Aggregate")                                                                      \
    X(TABLE_AGGREGATE, "TableAggregate")                                                           \
    X(STREAM_STREAM_JOIN, "StreamStreamJoin")                                                      \
    X(STREAM_TABLE_JOIN, "StreamTableJoin")                                                        \
    X(TABLE_TABLE_JOIN, "TableTableJoin")                                                          \
    X(SINK, "Sink")                                                                                \
    X(RESULT, "Result")

typedef enum plan_kind {
#define X(kind, name) PLAN_##kind,
    PLAN_STEPS
#undef X
        PLAN_KINDS
} plan_kind_t;

typedef struct plan_step plan_step_t;

typedef struct plan_source {
    str_t name, topic; /* of the SQL source */
    size_t index;      /* among the plan's sources */
    plan_format_t key_format, value_format;
    data_columns_t key, value;  /* as the topic has them */
    plan_window_t window;       /* kind NONE: keys have no window */
    ptrdiff_t timestamp_column; /* index in the row, or -1: the record's own */
    str_t timestamp_format;
    const plan_extra_t *extra;
    size_t n_extra;
    const uint64_t *want; /* value columns that are read; NULL: all */
    bool from_start;      /* auto.offset.reset is earliest whatever the properties say: a table */
} plan_source_t;

typedef struct plan_aggregate {
    const sql_function_t *fn;
    sql_fn_resolved_t call;
    const int32_t *arg; /* columns of the input row */
    size_t n_args;
    size_t slot; /* its first slot behind the key columns */
} plan_aggregate_t;

struct plan_step {
    plan_kind_t kind;
    size_t id; /* in order of making: names the step's stores */
    plan_step_t *in[2];
    plan_schema_t schema;
    bool table;    /* what comes out are changes of a table */
    bool windowed; /* its keys have windows */
    bool need_old; /* a table: the row before is wanted, too */
    union {
        plan_source_t source;
        struct {
            expr_t *predicate;
            bool having;
            str_t text;
        } filter;
        struct {
            expr_t **expr; /* one a column of the schema */
            bool rekey;    /* the key columns are computed: rows with a null value are dropped */
            bool drop_null_key;
            bool is_table_group; /* regroups a table: old and new rows part ways */
            str_t text;
        } select;
        struct { /* the input's columns, then one of each function */
            const sql_fn_resolved_t *call;
            expr_t ***arg; /* per function, its arguments */
            size_t n;
            const step_env_t *env;
        } flat_map;
        struct {
            plan_format_t key_format;
            str_t topic;        /* its name as Kafka Streams would have it */
            int32_t partitions; /* 0: as many as the largest of the query's sources */
        } exchange;
        struct {
            plan_aggregate_t *agg;
            size_t n_aggs, n_slots; /* slots of all functions, without the key columns */
            plan_window_t window;
            bool final; /* EMIT FINAL */
            /* out: the key columns, [WINDOWSTART, WINDOWEND when windowed,] a column an aggregate
             */
        } aggregate;
        struct {
            sql_join_kind_t kind;
            int64_t before_ms, after_ms, grace_ms;
            bool has_grace;
            /* out: the key columns (from whichever side has them), the left row, the right row */
        } join;
        struct {
            str_t topic, source;
            bool session; /* windowed keys have an end, too */
            plan_format_t key_format, value_format;
            data_columns_t key, value;
            ptrdiff_t timestamp_column; /* of the row; -1: the record's time */
            str_t timestamp_format;
        } sink;
    };
};

typedef struct plan {
    plan_step_t *root;          /* a SINK or a RESULT */
    plan_step_t *const *source; /* by index */
    size_t n_sources, n_steps;
    data_columns_t result; /* RESULT: the columns in the order of the projection */
    bool has_limit;
    int64_t limit;
} plan_t;

/* How the keys or values of a topic are read and written; the subject is "<topic>-key" or
 * "<topic>-value", in the arena. */
serde_spec_t plan_serde_spec(arena_t *a, const plan_format_t *f, data_columns_t columns,
                             bool is_key, str_t topic, const schema_source_t *schemas);

/* Whether a step, or one before it, is of this kind. */
bool plan_has(const plan_step_t *s, plan_kind_t kind);
const char *plan_step_name(const plan_step_t *s);
/* The steps as an indented tree, one a line, for EXPLAIN. */
void plan_put(buf_t *b, const plan_t *p);

#endif
