/* ast.h: the syntax tree of a SQL statement.
 *
 * Everything hangs in the arena given to the parser and is read-only once made. Texts point into
 * that arena, too: the tree outlives the text it was read from. Names are exact: unquoted ones have
 * been upper-cased, quoted ones kept. A name that was not written is an empty str_t; a clause that
 * was not written is NULL, 0 or the enum's _NONE.
 */
#ifndef ARUS_SQL_PARSE_AST_H
#define ARUS_SQL_PARSE_AST_H

#include "data/type.h"

typedef struct sql_expr sql_expr_t;
typedef struct sql_type sql_type_t;
typedef struct sql_query sql_query_t;
typedef struct sql_stmt sql_stmt_t;

/* Where a node begins in the script; both from 1. */
typedef struct sql_pos {
    uint32_t line, column;
} sql_pos_t;

/* A list of names. */
typedef struct sql_names {
    const str_t *ptr;
    size_t len;
} sql_names_t;

/* ---- types, as written: a custom type's name is looked up later, by sql_type_resolve ---- */

typedef struct sql_type_field {
    str_t name;
    const sql_type_t *type;
} sql_type_field_t;

struct sql_type {
    data_kind_t kind; /* DATA_NULL: the custom type `name` */
    uint16_t height;  /* of the tree below, 1 for a leaf; at most SQL_PARSE_DEPTH_MAX */
    sql_pos_t at;
    str_t name;
    int32_t precision, scale;      /* DECIMAL */
    const sql_type_t *elem;        /* ARRAY: element; MAP: value */
    const sql_type_t *key;         /* MAP */
    const sql_type_field_t *field; /* STRUCT */
    size_t n_fields;
};

/* ---- time ---- */

typedef enum sql_unit {
    SQL_UNIT_NONE,
    SQL_UNIT_MILLISECONDS,
    SQL_UNIT_SECONDS,
    SQL_UNIT_MINUTES,
    SQL_UNIT_HOURS,
    SQL_UNIT_DAYS,
    SQL_UNIT_MONTHS, /* only as a function's argument */
    SQL_UNIT_YEARS,  /* only as a function's argument */
} sql_unit_t;

/* As written (value, unit) and what it comes to. */
typedef struct sql_duration {
    int64_t value;
    sql_unit_t unit; /* NONE: not written */
    int64_t ms;
} sql_duration_t;

/* ---- expressions ---- */

typedef enum sql_expr_kind {
    /* literals */
    SQL_EXPR_NULL,
    SQL_EXPR_BOOLEAN,   /* b */
    SQL_EXPR_INTEGER,   /* i64, fits 32 bits */
    SQL_EXPR_LONG,      /* i64 */
    SQL_EXPR_DOUBLE,    /* f64 */
    SQL_EXPR_DECIMAL,   /* text: digits as written, with a sign when negative */
    SQL_EXPR_STRING,    /* text */
    SQL_EXPR_DATE,      /* text, of DATE '…' */
    SQL_EXPR_TIME,      /* text */
    SQL_EXPR_TIMESTAMP, /* text */
    /* names */
    SQL_EXPR_COLUMN, /* [source.]name; unit, when the bare word is also one: TIMESTAMPADD(DAYS, 1,
                        ts) */
    SQL_EXPR_DEREF,  /* arg[0]->name */
    /* operators */
    SQL_EXPR_SUBSCRIPT,    /* arg[0][arg[1]] */
    SQL_EXPR_CALL,         /* name(arg…); `star` for COUNT(*), which has no args */
    SQL_EXPR_LAMBDA,       /* names => arg[0]; only as an argument of a call */
    SQL_EXPR_UNARY,        /* op (NEGATE, PLUS) arg[0] */
    SQL_EXPR_ARITHMETIC,   /* arg[0] op arg[1], ADD … MODULO */
    SQL_EXPR_COMPARISON,   /* arg[0] op arg[1], EQ … IS_DISTINCT */
    SQL_EXPR_LOGICAL,      /* arg[0] op arg[1], AND or OR */
    SQL_EXPR_NOT,          /* arg[0] */
    SQL_EXPR_IS_NULL,      /* arg[0] IS [negated: NOT] NULL */
    SQL_EXPR_BETWEEN,      /* arg[0] [NOT] BETWEEN arg[1] AND arg[2] */
    SQL_EXPR_IN,           /* arg[0] [NOT] IN (arg[1] …) */
    SQL_EXPR_LIKE,         /* arg[0] [NOT] LIKE arg[1] [ESCAPE text; text.ptr NULL: none] */
    SQL_EXPR_AT_TIME_ZONE, /* arg[0] AT TIME ZONE text */
    /* constructs */
    SQL_EXPR_CASE_SEARCHED, /* (WHEN arg THEN arg)… [ELSE arg]: an odd n_args has an ELSE */
    SQL_EXPR_CASE_SIMPLE,   /* arg[0], then as above: an even n_args has an ELSE */
    SQL_EXPR_CAST,          /* CAST(arg[0] AS type) */
    SQL_EXPR_ARRAY,         /* ARRAY[arg…] */
    SQL_EXPR_MAP,           /* MAP(arg := arg, …): key, value, key, value */
    SQL_EXPR_STRUCT,        /* STRUCT(names[i] := arg[i], …) */
    SQL_EXPR_KINDS
} sql_expr_kind_t;

typedef enum sql_op {
    SQL_OP_NONE,
    SQL_OP_NEGATE,
    SQL_OP_PLUS,
    SQL_OP_ADD,
    SQL_OP_SUBTRACT,
    SQL_OP_MULTIPLY,
    SQL_OP_DIVIDE,
    SQL_OP_MODULO,
    SQL_OP_EQ,
    SQL_OP_NE,
    SQL_OP_LT,
    SQL_OP_LE,
    SQL_OP_GT,
    SQL_OP_GE,
    SQL_OP_IS_DISTINCT,
    SQL_OP_IS_NOT_DISTINCT,
    SQL_OP_AND,
    SQL_OP_OR,
} sql_op_t;

/* All children are in arg, in the order they are written, so that a walk need not know the kinds.
 * `a || b` is the call CONCAT(a, b). */
struct sql_expr {
    sql_expr_kind_t kind;
    sql_op_t op;
    sql_pos_t at;
    bool negated, star;
    uint16_t height; /* of the tree below, 1 for a leaf; at most SQL_PARSE_DEPTH_MAX */
    sql_unit_t unit;
    union {
        bool b;
        int64_t i64;
        double f64;
        const sql_type_t *type; /* CAST */
    };
    str_t source, name, text;
    sql_names_t names;
    sql_expr_t *const *arg;
    size_t n_args;
};

typedef struct sql_exprs {
    sql_expr_t *const *ptr;
    size_t len;
} sql_exprs_t;

/* ---- queries ---- */

typedef enum sql_item_kind {
    SQL_ITEM_EXPR,        /* expr [AS alias] */
    SQL_ITEM_STAR,        /* * */
    SQL_ITEM_SOURCE_STAR, /* source.* */
    SQL_ITEM_STRUCT_STAR, /* expr->* */
} sql_item_kind_t;

typedef struct sql_item {
    sql_item_kind_t kind;
    sql_pos_t at;
    sql_expr_t *expr;
    str_t alias, source;
} sql_item_t;

typedef struct sql_source {
    str_t name, alias; /* alias is name when none was written */
    sql_pos_t at;
} sql_source_t;

typedef enum sql_join_kind {
    SQL_JOIN_INNER,
    SQL_JOIN_LEFT,
    SQL_JOIN_RIGHT,
    SQL_JOIN_FULL
} sql_join_kind_t;

/* Joins are left-deep: each joins what stands before it with `source`. */
typedef struct sql_join {
    sql_join_kind_t kind;
    sql_pos_t at;
    sql_source_t source;
    bool within;                         /* whether WITHIN is there */
    sql_duration_t before, after, grace; /* WITHIN n unit: before = after */
    sql_expr_t *on;
} sql_join_t;

typedef enum sql_window_kind {
    SQL_WINDOW_NONE,
    SQL_WINDOW_TUMBLING,
    SQL_WINDOW_HOPPING,
    SQL_WINDOW_SESSION
} sql_window_kind_t;

typedef struct sql_window {
    sql_window_kind_t kind;
    sql_pos_t at;
    sql_duration_t size; /* SESSION: the gap */
    sql_duration_t advance, retention, grace;
} sql_window_t;

typedef enum sql_emit { SQL_EMIT_NONE, SQL_EMIT_CHANGES, SQL_EMIT_FINAL } sql_emit_t;

struct sql_query {
    sql_pos_t at;
    const sql_item_t *item;
    size_t n_items;
    sql_source_t from;
    const sql_join_t *join;
    size_t n_joins;
    sql_window_t window;
    sql_expr_t *where, *having;
    sql_exprs_t group_by, partition_by;
    sql_emit_t emit;
    bool has_limit;
    int64_t limit; /* may be negative: whoever runs the query refuses that */
};

/* ---- statements ---- */

/* WITH (name = value, …), in the order written; value is a literal. */
typedef struct sql_prop {
    str_t name;
    sql_pos_t at;
    const sql_expr_t *value;
} sql_prop_t;

typedef struct sql_props {
    const sql_prop_t *ptr;
    size_t len;
} sql_props_t;

typedef enum sql_column_role {
    SQL_COLUMN_VALUE,
    SQL_COLUMN_KEY,
    SQL_COLUMN_PRIMARY_KEY,
    SQL_COLUMN_HEADERS, /* all headers */
    SQL_COLUMN_HEADER,  /* the header `header` */
} sql_column_role_t;

typedef struct sql_column {
    str_t name;
    sql_pos_t at;
    const sql_type_t *type;
    sql_column_role_t role;
    str_t header;
} sql_column_t;

typedef struct sql_columns {
    const sql_column_t *ptr;
    size_t len;
} sql_columns_t;

typedef enum sql_stmt_kind {
    SQL_STMT_QUERY,         /* query */
    SQL_STMT_CREATE_SOURCE, /* create: stream or table over a topic */
    SQL_STMT_CREATE_AS,     /* create: CSAS, CTAS */
    SQL_STMT_INSERT_SELECT, /* insert */
    SQL_STMT_INSERT_VALUES, /* insert */
    SQL_STMT_DROP_SOURCE,   /* drop */
    SQL_STMT_ALTER_SOURCE,  /* alter */
    SQL_STMT_CREATE_TYPE,   /* type */
    SQL_STMT_DROP_TYPE,     /* drop */
    SQL_STMT_TERMINATE,     /* target */
    SQL_STMT_PAUSE,         /* target */
    SQL_STMT_RESUME,        /* target */
    SQL_STMT_EXPLAIN,       /* explain */
    SQL_STMT_DESCRIBE,      /* show: a source, `name` */
    SQL_STMT_DESCRIBE_ALL,  /* show: DESCRIBE STREAMS, TABLES; `table` */
    SQL_STMT_DESCRIBE_FUNCTION,
    SQL_STMT_DESCRIBE_CONNECTOR,
    SQL_STMT_SHOW_STREAMS, /* show, this and all below */
    SQL_STMT_SHOW_TABLES,
    SQL_STMT_SHOW_QUERIES,
    SQL_STMT_SHOW_TOPICS,
    SQL_STMT_SHOW_FUNCTIONS,
    SQL_STMT_SHOW_TYPES,
    SQL_STMT_SHOW_VARIABLES,
    SQL_STMT_SHOW_PROPERTIES,
    SQL_STMT_SHOW_CONNECTORS,
    SQL_STMT_SHOW_CONNECTOR_PLUGINS,
    SQL_STMT_PRINT, /* print */
    SQL_STMT_SET,   /* set: name = value */
    SQL_STMT_UNSET,
    SQL_STMT_ALTER_SYSTEM,
    SQL_STMT_DEFINE,
    SQL_STMT_UNDEFINE,
    SQL_STMT_CREATE_CONNECTOR, /* connector */
    SQL_STMT_DROP_CONNECTOR,   /* drop */
    SQL_STMT_ASSERT_TOPIC,     /* assert_topic */
    SQL_STMT_ASSERT_SCHEMA,    /* assert_schema */
    SQL_STMT_ASSERT_VALUES,    /* insert: ASSERT VALUES s (cols) VALUES (…) */
    SQL_STMT_ASSERT_NULL_VALUES,
    SQL_STMT_ASSERT_SOURCE, /* create: ASSERT STREAM, TABLE */
    SQL_STMT_RUN_SCRIPT,    /* set: value is the file */
    SQL_STMT_KINDS
} sql_stmt_kind_t;

/* CREATE STREAM, CREATE TABLE, with or without AS. */
typedef struct sql_create {
    str_t name;
    bool table, or_replace, source, if_not_exists;
    bool has_columns; /* "(…)" was written */
    sql_columns_t columns;
    sql_props_t props;
    sql_query_t *query; /* CREATE_AS only */
} sql_create_t;

typedef struct sql_insert {
    str_t target;
    sql_names_t columns; /* len 0: none written */
    sql_exprs_t values;  /* INSERT_VALUES */
    sql_props_t props;   /* INSERT_SELECT: QUERY_ID */
    sql_query_t *query;  /* INSERT_SELECT */
} sql_insert_t;

typedef struct sql_drop {
    str_t name;
    bool table, if_exists, delete_topic;
} sql_drop_t;

typedef struct sql_alter {
    str_t name;
    bool table;
    sql_columns_t add;
} sql_alter_t;

typedef struct sql_create_type {
    str_t name;
    bool if_not_exists;
    const sql_type_t *type;
} sql_create_type_t;

typedef struct sql_target {
    str_t query_id;
    bool all;
} sql_target_t;

typedef struct sql_explain {
    str_t query_id; /* or */
    sql_stmt_t *stmt;
} sql_explain_t;

typedef enum sql_connector_scope {
    SQL_CONNECTOR_ANY,
    SQL_CONNECTOR_SOURCE,
    SQL_CONNECTOR_SINK
} sql_connector_scope_t;

typedef struct sql_show {
    str_t name;
    bool table;
    bool extended;
    bool all; /* SHOW ALL TOPICS */
    sql_connector_scope_t scope;
} sql_show_t;

typedef struct sql_print {
    str_t topic;
    bool from_beginning;
    int64_t interval; /* every n-th record; 1 when not written */
    int64_t limit;    /* -1: none */
} sql_print_t;

typedef struct sql_set {
    str_t name, value;
} sql_set_t;

typedef struct sql_connector {
    str_t name;
    sql_connector_scope_t scope;
    bool if_not_exists;
    sql_props_t props;
} sql_connector_t;

typedef struct sql_assert_topic {
    str_t topic;
    bool exists;
    sql_props_t props;
    sql_duration_t timeout;
} sql_assert_topic_t;

typedef struct sql_assert_schema {
    str_t subject; /* ptr NULL: not written */
    bool has_id, exists;
    int64_t id;
    sql_duration_t timeout;
} sql_assert_schema_t;

struct sql_stmt {
    sql_stmt_kind_t kind;
    sql_pos_t at;
    str_t text; /* as written, variables replaced, from its first word up to and with the ';' if
                   there is one */
    union {
        sql_query_t *query;
        sql_create_t create;
        sql_insert_t insert;
        sql_drop_t drop;
        sql_alter_t alter;
        sql_create_type_t type;
        sql_target_t target;
        sql_explain_t explain;
        sql_show_t show;
        sql_print_t print;
        sql_set_t set;
        sql_connector_t connector;
        sql_assert_topic_t assert_topic;
        sql_assert_schema_t assert_schema;
    };
};

#endif
