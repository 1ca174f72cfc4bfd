/* The language of SQL statements, as reference pages of ksqlDB have it.
 *
 * Three entries (START_*), chosen by the first token the driver feeds. `expr` is a condition or a
 * value, `value` what stands on a side of a comparison. Words below %fallback may be names. Built
 * with -c: without default reductions a word that can follow is never taken for a name, and the
 * tokens that a message lists are those that can follow.
 */
%name sql_grammar
%token_prefix TK_
%token_type {sql_token_t}
%default_type {sql_token_t}
%extra_argument {sql_build_t *b}
%start_symbol input
%stack_size 2600
%stack_overflow { sql_build_too_deep(b); }
%syntax_error { sql_build_fail(b, yyminor.at, ""); }

%include {
#include "sql/parse/build.h"

#include <assert.h>

/* Names and values of STRUCT(…). */
typedef struct sql_struct_list {
    sql_list_t *names, *values;
} sql_struct_list_t;
}

%fallback NAME
  ADD ADVANCE ALTER ARRAY_NEW ARRAY_OF ASSERT BEGINNING CHANGES COLUMN CONNECTOR CONNECTORS DAY
  DAYS DEFINE DELETE EMIT ESCAPE EXPLAIN EXTENDED FINAL FUNCTION FUNCTIONS GRACE HEADER HEADERS
  HOPPING HOUR HOURS ID IF INTERVAL KEY LIST MAP_NEW MAP_OF MILLISECOND MILLISECONDS MINUTE
  MINUTES PARTITION PAUSE PERIOD PLUGINS PRIMARY PRINT PROPERTIES QUERIES REPLACE RESUME RETENTION
  RUN SAMPLE SCHEMA SCRIPT SECOND SECONDS SESSION SET SHOW SINK SIZE SOURCE STREAM STREAMS STRING
  STRUCT_NEW STRUCT_OF SUBJECT SYSTEM TABLE TABLES TERMINATE TIME TIMEOUT TOPIC TOPICS TUMBLING
  TYPE TYPES UNDEFINE UNSET VARIABLES ZONE.

%left OR.
%left AND.
%right NOT.
%left CONCAT.
%left PLUS MINUS.
%left STAR SLASH PERCENT.
%right SIGN.
%left AT.

%type stmt {sql_stmt_t *}
%type query {sql_query_t *}
%type expr {sql_expr_t *}
%type predicate {sql_expr_t *}
%type value {sql_expr_t *}
%type primary {sql_expr_t *}
%type literal {sql_expr_t *}
%type arg {sql_expr_t *}
%type where {sql_expr_t *}
%type having {sql_expr_t *}
%type exprs {sql_list_t *}
%type exprs_opt {sql_list_t *}
%type values {sql_list_t *}
%type args {sql_list_t *}
%type whens {sql_list_t *}
%type entries {sql_list_t *}
%type fields {sql_struct_list_t}
%type names {sql_list_t *}
%type names_opt {sql_list_t *}
%type items {sql_list_t *}
%type item {sql_item_t}
%type joins {sql_list_t *}
%type source {sql_source_t}
%type join_kind {sql_join_kind_t}
%type within {sql_join_t}
%type window {sql_window_t}
%type window_end {sql_window_t}
%type join_grace {sql_duration_t}
%type duration {sql_duration_t}
%type timeout {sql_duration_t}
%type group {sql_list_t *}
%type partition {sql_list_t *}
%type emit {sql_emit_t}
%type limit {sql_query_t}
%type unit {sql_unit_t}
%type columns {sql_list_t *}
%type column_list {sql_list_t *}
%type column {sql_column_t}
%type role {sql_column_t}
%type adds {sql_list_t *}
%type type {const sql_type_t *}
%type type_params {sql_list_t *}
%type type_fields {sql_list_t *}
%type with {sql_list_t *}
%type with_opt {sql_list_t *}
%type props {sql_list_t *}
%type head {bool}
%type source_opt {bool}
%type kind {bool}
%type if_not_exists {bool}
%type if_exists {bool}
%type delete_topic {bool}
%type extended {bool}
%type exists {bool}
%type from_beginning {bool}
%type interval {int64_t}
%type print_limit {int64_t}
%type target {sql_target_t}
%type op {sql_op_t}
%type not {bool}

input ::= START_STMT stmt(S) end. { b->stmt = S; }
input ::= START_EXPR expr(E). { b->expr = E; }
input ::= START_TYPE type(T). { b->type = T; }
end ::= .
end ::= SEMI.

/* ---- statements ---- */

stmt(S) ::= query(Q). { S = sql_build_stmt(b, SQL_STMT_QUERY); S->query = Q; }

head(R) ::= CREATE. { R = false; }
head(R) ::= CREATE OR REPLACE. { R = true; }
source_opt(R) ::= . { R = false; }
source_opt(R) ::= SOURCE. { R = true; }
kind(R) ::= STREAM. { R = false; }
kind(R) ::= TABLE. { R = true; }
if_not_exists(R) ::= . { R = false; }
if_not_exists(R) ::= IF NOT EXISTS. { R = true; }
if_exists(R) ::= . { R = false; }
if_exists(R) ::= IF EXISTS. { R = true; }

stmt(S) ::= head(H) source_opt(O) kind(K) if_not_exists(I) name(N) columns(C) with_opt(W). {
    S = sql_build_stmt(b, SQL_STMT_CREATE_SOURCE);
    S->create = (sql_create_t){.name = N.text, .table = K, .or_replace = H, .source = O,
                               .if_not_exists = I, .has_columns = true,
                               .columns = {LIST_OF(C)}, .props = {LIST_OF(W)}};
}
stmt(S) ::= head(H) source_opt(O) kind(K) if_not_exists(I) name(N) with_opt(W). {
    S = sql_build_stmt(b, SQL_STMT_CREATE_SOURCE);
    S->create = (sql_create_t){.name = N.text, .table = K, .or_replace = H, .source = O,
                               .if_not_exists = I, .props = {LIST_OF(W)}};
}
stmt(S) ::= head(H) source_opt(O) kind(K) if_not_exists(I) name(N) with_opt(W) AS(A) query(Q). {
    S = sql_build_stmt(b, SQL_STMT_CREATE_AS);
    S->create = (sql_create_t){.name = N.text, .table = K, .or_replace = H, .source = O,
                               .if_not_exists = I, .props = {LIST_OF(W)}, .query = Q};
    if (O)
        sql_build_fail(b, A.at, "a SOURCE stream or table has no query: expecting ';'");
}
stmt(S) ::= head(H) TYPE(T) if_not_exists(I) name(N) AS type(Y). {
    S = sql_build_stmt(b, SQL_STMT_CREATE_TYPE);
    S->type = (sql_create_type_t){.name = N.text, .if_not_exists = I, .type = Y};
    if (H)
        sql_build_fail(b, T.at, "Expecting {'SOURCE', 'STREAM', 'TABLE'}");
}
stmt(S) ::= head(H) SOURCE(T) CONNECTOR if_not_exists(I) name_or_string(N) with(W). {
    S = sql_build_stmt(b, SQL_STMT_CREATE_CONNECTOR);
    S->connector = (sql_connector_t){.name = N.text, .scope = SQL_CONNECTOR_SOURCE,
                                     .if_not_exists = I, .props = {LIST_OF(W)}};
    if (H)
        sql_build_fail(b, T.at, "Expecting {'STREAM', 'TABLE'}");
}
stmt(S) ::= head(H) SINK(T) CONNECTOR if_not_exists(I) name_or_string(N) with(W). {
    S = sql_build_stmt(b, SQL_STMT_CREATE_CONNECTOR);
    S->connector = (sql_connector_t){.name = N.text, .scope = SQL_CONNECTOR_SINK,
                                     .if_not_exists = I, .props = {LIST_OF(W)}};
    if (H)
        sql_build_fail(b, T.at, "Expecting {'STREAM', 'TABLE'}");
}

stmt(S) ::= INSERT INTO name(N) with_opt(W) query(Q). {
    S = sql_build_stmt(b, SQL_STMT_INSERT_SELECT);
    S->insert = (sql_insert_t){.target = N.text, .props = {LIST_OF(W)}, .query = Q};
}
stmt(S) ::= INSERT INTO name(N) names_opt(C) VALUES LP exprs(V) RP. {
    S = sql_build_stmt(b, SQL_STMT_INSERT_VALUES);
    S->insert = (sql_insert_t){.target = N.text, .columns = {LIST_OF(C)}, .values = {LIST_OF(V)}};
}

stmt(S) ::= DROP kind(K) if_exists(I) name(N) delete_topic(D). {
    S = sql_build_stmt(b, SQL_STMT_DROP_SOURCE);
    S->drop = (sql_drop_t){.name = N.text, .table = K, .if_exists = I, .delete_topic = D};
}
stmt(S) ::= DROP TYPE if_exists(I) name(N). {
    S = sql_build_stmt(b, SQL_STMT_DROP_TYPE);
    S->drop = (sql_drop_t){.name = N.text, .if_exists = I};
}
stmt(S) ::= DROP CONNECTOR if_exists(I) name_or_string(N). {
    S = sql_build_stmt(b, SQL_STMT_DROP_CONNECTOR);
    S->drop = (sql_drop_t){.name = N.text, .if_exists = I};
}
delete_topic(R) ::= . { R = false; }
delete_topic(R) ::= DELETE TOPIC. { R = true; }

stmt(S) ::= ALTER kind(K) name(N) adds(A). {
    S = sql_build_stmt(b, SQL_STMT_ALTER_SOURCE);
    S->alter = (sql_alter_t){.name = N.text, .table = K, .add = {LIST_OF(A)}};
}
adds(L) ::= ADD column_opt name(N) type(T). {
    L = LIST(b, NULL, sql_column_t, .name = N.text, .at = N.at, .type = T);
}
adds(L) ::= adds(M) COMMA ADD column_opt name(N) type(T). {
    L = LIST(b, M, sql_column_t, .name = N.text, .at = N.at, .type = T);
}
column_opt ::= .
column_opt ::= COLUMN.
stmt(S) ::= ALTER SYSTEM STRING_VALUE(N) EQ STRING_VALUE(V). {
    S = sql_build_stmt(b, SQL_STMT_ALTER_SYSTEM);
    S->set = (sql_set_t){N.text, V.text};
}

stmt(S) ::= TERMINATE target(T). { S = sql_build_stmt(b, SQL_STMT_TERMINATE); S->target = T; }
stmt(S) ::= PAUSE target(T). { S = sql_build_stmt(b, SQL_STMT_PAUSE); S->target = T; }
stmt(S) ::= RESUME target(T). { S = sql_build_stmt(b, SQL_STMT_RESUME); S->target = T; }
target(T) ::= ALL. { T = (sql_target_t){.all = true}; }
target(T) ::= name(N). { T = (sql_target_t){.query_id = N.text}; }

stmt(S) ::= EXPLAIN name(N). {
    S = sql_build_stmt(b, SQL_STMT_EXPLAIN);
    S->explain.query_id = N.text;
}
stmt(S) ::= EXPLAIN stmt(T). {
    S = sql_build_stmt(b, SQL_STMT_EXPLAIN);
    S->explain.stmt = T;
}

extended(R) ::= . { R = false; }
extended(R) ::= EXTENDED. { R = true; }
stmt(S) ::= DESCRIBE name(N) extended(E). {
    S = sql_build_stmt(b, SQL_STMT_DESCRIBE);
    S->show = (sql_show_t){.name = N.text, .extended = E};
}
stmt(S) ::= DESCRIBE STREAMS extended(E). {
    S = sql_build_stmt(b, SQL_STMT_DESCRIBE_ALL);
    S->show.extended = E;
}
stmt(S) ::= DESCRIBE TABLES extended(E). {
    S = sql_build_stmt(b, SQL_STMT_DESCRIBE_ALL);
    S->show = (sql_show_t){.table = true, .extended = E};
}
stmt(S) ::= DESCRIBE FUNCTION name(N). {
    S = sql_build_stmt(b, SQL_STMT_DESCRIBE_FUNCTION);
    S->show.name = N.text;
}
stmt(S) ::= DESCRIBE CONNECTOR name(N). {
    S = sql_build_stmt(b, SQL_STMT_DESCRIBE_CONNECTOR);
    S->show.name = N.text;
}

show ::= SHOW.
show ::= LIST.
stmt(S) ::= show STREAMS extended(E). {
    S = sql_build_stmt(b, SQL_STMT_SHOW_STREAMS);
    S->show.extended = E;
}
stmt(S) ::= show TABLES extended(E). {
    S = sql_build_stmt(b, SQL_STMT_SHOW_TABLES);
    S->show.extended = E;
}
stmt(S) ::= show QUERIES extended(E). {
    S = sql_build_stmt(b, SQL_STMT_SHOW_QUERIES);
    S->show.extended = E;
}
stmt(S) ::= show TOPICS extended(E). {
    S = sql_build_stmt(b, SQL_STMT_SHOW_TOPICS);
    S->show.extended = E;
}
stmt(S) ::= show ALL TOPICS extended(E). {
    S = sql_build_stmt(b, SQL_STMT_SHOW_TOPICS);
    S->show = (sql_show_t){.all = true, .extended = E};
}
stmt(S) ::= show FUNCTIONS. { S = sql_build_stmt(b, SQL_STMT_SHOW_FUNCTIONS); }
stmt(S) ::= show TYPES. { S = sql_build_stmt(b, SQL_STMT_SHOW_TYPES); }
stmt(S) ::= show VARIABLES. { S = sql_build_stmt(b, SQL_STMT_SHOW_VARIABLES); }
stmt(S) ::= show PROPERTIES. { S = sql_build_stmt(b, SQL_STMT_SHOW_PROPERTIES); }
stmt(S) ::= show CONNECTOR PLUGINS. { S = sql_build_stmt(b, SQL_STMT_SHOW_CONNECTOR_PLUGINS); }
stmt(S) ::= show CONNECTORS. { S = sql_build_stmt(b, SQL_STMT_SHOW_CONNECTORS); }
stmt(S) ::= show SOURCE CONNECTORS. {
    S = sql_build_stmt(b, SQL_STMT_SHOW_CONNECTORS);
    S->show.scope = SQL_CONNECTOR_SOURCE;
}
stmt(S) ::= show SINK CONNECTORS. {
    S = sql_build_stmt(b, SQL_STMT_SHOW_CONNECTORS);
    S->show.scope = SQL_CONNECTOR_SINK;
}

stmt(S) ::= PRINT name_or_string(N) from_beginning(F) interval(I) print_limit(L). {
    S = sql_build_stmt(b, SQL_STMT_PRINT);
    S->print = (sql_print_t){.topic = sql_build_as_written(N), .from_beginning = F,
                             .interval = I, .limit = L};
}
from_beginning(R) ::= . { R = false; }
from_beginning(R) ::= FROM BEGINNING. { R = true; }
interval(R) ::= . { R = 1; }
interval(R) ::= INTERVAL INTEGER_VALUE(N). { R = sql_build_count(b, N); }
interval(R) ::= SAMPLE INTEGER_VALUE(N). { R = sql_build_count(b, N); }
print_limit(R) ::= . { R = -1; }
print_limit(R) ::= LIMIT INTEGER_VALUE(N). { R = sql_build_count(b, N); }

stmt(S) ::= SET STRING_VALUE(N) EQ STRING_VALUE(V). {
    S = sql_build_stmt(b, SQL_STMT_SET);
    S->set = (sql_set_t){N.text, V.text};
}
stmt(S) ::= UNSET STRING_VALUE(N). { S = sql_build_stmt(b, SQL_STMT_UNSET); S->set.name = N.text; }
stmt(S) ::= DEFINE name(N) EQ STRING_VALUE(V). {
    S = sql_build_stmt(b, SQL_STMT_DEFINE);
    S->set = (sql_set_t){N.text, V.text};
}
stmt(S) ::= UNDEFINE name(N). { S = sql_build_stmt(b, SQL_STMT_UNDEFINE); S->set.name = N.text; }
stmt(S) ::= RUN SCRIPT STRING_VALUE(V). {
    S = sql_build_stmt(b, SQL_STMT_RUN_SCRIPT);
    S->set.value = V.text;
}

exists(R) ::= . { R = true; }
exists(R) ::= NOT EXISTS. { R = false; }
timeout(R) ::= . { R = (sql_duration_t){0}; }
timeout(R) ::= TIMEOUT duration(D). { R = D; }
stmt(S) ::= ASSERT exists(E) TOPIC name_or_string(N) with_opt(W) timeout(T). {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_TOPIC);
    S->assert_topic = (sql_assert_topic_t){.topic = sql_build_as_written(N), .exists = E,
                                           .props = {LIST_OF(W)}, .timeout = T};
}
stmt(S) ::= ASSERT exists(E) SCHEMA timeout(T). {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_SCHEMA);
    S->assert_schema = (sql_assert_schema_t){.exists = E, .timeout = T};
}
stmt(S) ::= ASSERT exists(E) SCHEMA SUBJECT name_or_string(N) timeout(T). {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_SCHEMA);
    S->assert_schema = (sql_assert_schema_t){.subject = sql_build_as_written(N), .exists = E,
                                             .timeout = T};
}
stmt(S) ::= ASSERT exists(E) SCHEMA ID INTEGER_VALUE(I) timeout(T). {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_SCHEMA);
    S->assert_schema = (sql_assert_schema_t){.has_id = true, .id = sql_build_count(b, I),
                                             .exists = E, .timeout = T};
}
stmt(S) ::= ASSERT exists(E) SCHEMA SUBJECT name_or_string(N) ID INTEGER_VALUE(I) timeout(T). {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_SCHEMA);
    S->assert_schema = (sql_assert_schema_t){.subject = sql_build_as_written(N), .has_id = true,
                                             .id = sql_build_count(b, I), .exists = E,
                                             .timeout = T};
}
stmt(S) ::= ASSERT VALUES name(N) names_opt(C) VALUES LP exprs(V) RP. {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_VALUES);
    S->insert = (sql_insert_t){.target = N.text, .columns = {LIST_OF(C)}, .values = {LIST_OF(V)}};
}
stmt(S) ::= ASSERT NULL VALUES name(N) names_opt(C) KEY LP exprs(V) RP. {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_NULL_VALUES);
    S->insert = (sql_insert_t){.target = N.text, .columns = {LIST_OF(C)}, .values = {LIST_OF(V)}};
}
stmt(S) ::= ASSERT kind(K) name(N) columns(C) with_opt(W). {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_SOURCE);
    S->create = (sql_create_t){.name = N.text, .table = K, .has_columns = true,
                               .columns = {LIST_OF(C)}, .props = {LIST_OF(W)}};
}
stmt(S) ::= ASSERT kind(K) name(N) with_opt(W). {
    S = sql_build_stmt(b, SQL_STMT_ASSERT_SOURCE);
    S->create = (sql_create_t){.name = N.text, .table = K, .props = {LIST_OF(W)}};
}

/* ---- columns, properties, types ---- */

columns(C) ::= LP column_list(L) RP. { C = L; }
column_list(L) ::= column(C). { L = sql_list_put(b, NULL, &C, sizeof C); }
column_list(L) ::= column_list(M) COMMA column(C). { L = sql_list_put(b, M, &C, sizeof C); }
column(C) ::= name(N) type(T) role(R). {
    C = R;
    C.name = N.text;
    C.at = N.at;
    C.type = T;
}
role(R) ::= . { R = (sql_column_t){.role = SQL_COLUMN_VALUE}; }
role(R) ::= KEY. { R = (sql_column_t){.role = SQL_COLUMN_KEY}; }
role(R) ::= PRIMARY KEY. { R = (sql_column_t){.role = SQL_COLUMN_PRIMARY_KEY}; }
role(R) ::= HEADERS. { R = (sql_column_t){.role = SQL_COLUMN_HEADERS}; }
role(R) ::= HEADER LP STRING_VALUE(N) RP. {
    R = (sql_column_t){.role = SQL_COLUMN_HEADER, .header = N.text};
}

with_opt(R) ::= . { R = NULL; }
with_opt(R) ::= with(W). { R = W; }
with(R) ::= WITH LP RP. { R = NULL; }
with(R) ::= WITH LP props(P) RP. { R = P; }
props(L) ::= name_or_string(N) EQ literal(V). { L = LIST(b, NULL, sql_prop_t, N.text, N.at, V); }
props(L) ::= props(M) COMMA name_or_string(N) EQ literal(V). {
    L = LIST(b, M, sql_prop_t, N.text, N.at, V);
}

type(T) ::= name(N). { T = sql_build_type(b, N, NULL); }
type(T) ::= name(N) LP type_params(P) RP. { T = sql_build_type(b, N, P); }
type(T) ::= ARRAY_OF(N) LT type(E) GT. { T = sql_build_collection(b, DATA_ARRAY, N.at, NULL, E); }
type(T) ::= MAP_OF(N) LT type(K) COMMA type(E) GT. {
    T = sql_build_collection(b, DATA_MAP, N.at, K, E);
}
type(T) ::= STRUCT_OF(N) LT type_fields(F) GT. { T = sql_build_struct(b, N.at, F); }
type(T) ::= STRUCT_OF(N) NE. { T = sql_build_struct(b, N.at, NULL); }
type_params(L) ::= type_param(P). { L = sql_list_put(b, NULL, &P, sizeof P); }
type_params(L) ::= type_params(M) COMMA type_param(P). { L = sql_list_put(b, M, &P, sizeof P); }
type_param(P) ::= INTEGER_VALUE(N). { P = N; }
type_param(P) ::= STRING(N). { P = N; }
type_fields(L) ::= name(N) type(T). { L = LIST(b, NULL, sql_type_field_t, N.text, T); }
type_fields(L) ::= type_fields(M) COMMA name(N) type(T). {
    L = LIST(b, M, sql_type_field_t, N.text, T);
}

/* ---- queries ---- */

query(Q) ::= SELECT(S) items(I) FROM source(F) joins(J) window(W) where(C) group(G)
             partition(P) having(H) emit(E) limit(L). {
    Q = ARENA_NEW(b->arena, sql_query_t);
    *Q = (sql_query_t){.at = S.at, .item = I->ptr, .n_items = I->len, .from = F, .window = W,
                       .where = C, .having = H, .group_by = {LIST_OF(G)},
                       .partition_by = {LIST_OF(P)}, .emit = E,
                       .has_limit = L.has_limit, .limit = L.limit};
    if (J) {
        Q->join = J->ptr;
        Q->n_joins = J->len;
    }
}

items(L) ::= item(I). { L = sql_list_put(b, NULL, &I, sizeof I); }
items(L) ::= items(M) COMMA item(I). { L = sql_list_put(b, M, &I, sizeof I); }
item(I) ::= STAR(T). { I = (sql_item_t){.kind = SQL_ITEM_STAR, .at = T.at}; }
item(I) ::= name(N) DOT STAR. {
    I = (sql_item_t){.kind = SQL_ITEM_SOURCE_STAR, .at = N.at, .source = N.text};
}
item(I) ::= primary(E) ARROW STAR. {
    I = (sql_item_t){.kind = SQL_ITEM_STRUCT_STAR, .at = E->at, .expr = E};
}
item(I) ::= expr(E). { I = (sql_item_t){.kind = SQL_ITEM_EXPR, .at = E->at, .expr = E}; }
item(I) ::= expr(E) name(N). {
    I = (sql_item_t){.kind = SQL_ITEM_EXPR, .at = E->at, .expr = E, .alias = N.text};
}
item(I) ::= expr(E) AS name(N). {
    I = (sql_item_t){.kind = SQL_ITEM_EXPR, .at = E->at, .expr = E, .alias = N.text};
}

source(S) ::= name(N). { S = (sql_source_t){N.text, N.text, N.at}; }
source(S) ::= name(N) name(A). { S = (sql_source_t){N.text, A.text, N.at}; }
source(S) ::= name(N) AS name(A). { S = (sql_source_t){N.text, A.text, N.at}; }

joins(L) ::= . { L = NULL; }
joins(L) ::= joins(M) join_kind(K) JOIN(T) source(S) within(W) ON expr(E). {
    W.kind = K;
    W.at = T.at;
    W.source = S;
    W.on = E;
    L = sql_list_put(b, M, &W, sizeof W);
}
join_kind(K) ::= . { K = SQL_JOIN_INNER; }
join_kind(K) ::= INNER. { K = SQL_JOIN_INNER; }
join_kind(K) ::= LEFT outer. { K = SQL_JOIN_LEFT; }
join_kind(K) ::= RIGHT outer. { K = SQL_JOIN_RIGHT; }
join_kind(K) ::= FULL outer. { K = SQL_JOIN_FULL; }
outer ::= .
outer ::= OUTER.
within(W) ::= . { W = (sql_join_t){.within = false}; }
within(W) ::= WITHIN duration(D) join_grace(G). {
    W = (sql_join_t){.within = true, .before = D, .after = D, .grace = G};
}
within(W) ::= WITHIN LP duration(D) COMMA duration(E) RP join_grace(G). {
    W = (sql_join_t){.within = true, .before = D, .after = E, .grace = G};
}
join_grace(G) ::= . { G = (sql_duration_t){0}; }
join_grace(G) ::= GRACE PERIOD duration(D). { G = D; }

window(W) ::= . { W = (sql_window_t){.kind = SQL_WINDOW_NONE}; }
window(W) ::= WINDOW TUMBLING(T) LP SIZE duration(D) window_end(E) RP. {
    W = E;
    W.kind = SQL_WINDOW_TUMBLING;
    W.at = T.at;
    W.size = D;
}
window(W) ::= WINDOW HOPPING(T) LP SIZE duration(D) COMMA ADVANCE BY duration(A) window_end(E) RP. {
    W = E;
    W.kind = SQL_WINDOW_HOPPING;
    W.at = T.at;
    W.size = D;
    W.advance = A;
}
window(W) ::= WINDOW SESSION(T) LP duration(D) window_end(E) RP. {
    W = E;
    W.kind = SQL_WINDOW_SESSION;
    W.at = T.at;
    W.size = D;
}
window_end(W) ::= . { W = (sql_window_t){.kind = SQL_WINDOW_NONE}; }
window_end(W) ::= COMMA RETENTION duration(R). { W = (sql_window_t){.retention = R}; }
window_end(W) ::= COMMA GRACE PERIOD duration(G). { W = (sql_window_t){.grace = G}; }
window_end(W) ::= COMMA RETENTION duration(R) COMMA GRACE PERIOD duration(G). {
    W = (sql_window_t){.retention = R, .grace = G};
}

duration(D) ::= INTEGER_VALUE(N) unit(U). { D = sql_build_duration(b, N, U); }
unit(U) ::= DAY. { U = SQL_UNIT_DAYS; }
unit(U) ::= DAYS. { U = SQL_UNIT_DAYS; }
unit(U) ::= HOUR. { U = SQL_UNIT_HOURS; }
unit(U) ::= HOURS. { U = SQL_UNIT_HOURS; }
unit(U) ::= MINUTE. { U = SQL_UNIT_MINUTES; }
unit(U) ::= MINUTES. { U = SQL_UNIT_MINUTES; }
unit(U) ::= SECOND. { U = SQL_UNIT_SECONDS; }
unit(U) ::= SECONDS. { U = SQL_UNIT_SECONDS; }
unit(U) ::= MILLISECOND. { U = SQL_UNIT_MILLISECONDS; }
unit(U) ::= MILLISECONDS. { U = SQL_UNIT_MILLISECONDS; }

where(E) ::= . { E = NULL; }
where(E) ::= WHERE expr(X). { E = X; }
having(E) ::= . { E = NULL; }
having(E) ::= HAVING expr(X). { E = X; }
group(L) ::= . { L = NULL; }
group(L) ::= GROUP BY values(V). { L = V; }
group(L) ::= GROUP BY LP value(E) COMMA values(V) RP. { L = sql_list_first(b, E, V); }
group(L) ::= GROUP BY LP RP. {
    L = NULL;
    sql_build_refuse(b, "GROUP BY requires at least one expression");
}
partition(L) ::= . { L = NULL; }
partition(L) ::= PARTITION BY values(V). { L = V; }
partition(L) ::= PARTITION BY LP value(E) COMMA values(V) RP. { L = sql_list_first(b, E, V); }
partition(L) ::= PARTITION BY LP RP. {
    L = NULL;
    sql_build_refuse(b, "PARTITION BY requires at least one expression");
}
emit(E) ::= . { E = SQL_EMIT_NONE; }
emit(E) ::= EMIT CHANGES. { E = SQL_EMIT_CHANGES; }
emit(E) ::= EMIT FINAL. { E = SQL_EMIT_FINAL; }
limit(L) ::= . { L = (sql_query_t){.has_limit = false}; }
limit(L) ::= LIMIT INTEGER_VALUE(N). {
    L = (sql_query_t){.has_limit = true, .limit = sql_build_integer(b, N)->i64};
}
limit(L) ::= LIMIT DECIMAL_VALUE. {
    L = (sql_query_t){.has_limit = true};
    sql_build_refuse(b, "Failed to prepare statement: Value must be integer for command: LIMIT");
}

/* ---- expressions ---- */

exprs(L) ::= expr(E). { L = sql_list_put(b, NULL, &E, sizeof E); }
exprs(L) ::= exprs(M) COMMA expr(E). { L = sql_list_put(b, M, &E, sizeof E); }
exprs_opt(L) ::= . { L = NULL; }
exprs_opt(L) ::= exprs(M). { L = M; }
values(L) ::= value(E). { L = sql_list_put(b, NULL, &E, sizeof E); }
values(L) ::= values(M) COMMA value(E). { L = sql_list_put(b, M, &E, sizeof E); }

expr(E) ::= predicate(P). { E = P; }
expr(E) ::= NOT(N) expr(X). {
    E = sql_build_op(b, SQL_EXPR_NOT, SQL_OP_NONE, X, NULL);
    E->at = N.at;
}
expr(E) ::= expr(X) AND expr(Y). { E = sql_build_op(b, SQL_EXPR_LOGICAL, SQL_OP_AND, X, Y); }
expr(E) ::= expr(X) OR expr(Y). { E = sql_build_op(b, SQL_EXPR_LOGICAL, SQL_OP_OR, X, Y); }

predicate(P) ::= value(V). { P = V; }
predicate(P) ::= value(X) op(O) value(Y). { P = sql_build_op(b, SQL_EXPR_COMPARISON, O, X, Y); }
op(O) ::= EQ. { O = SQL_OP_EQ; }
op(O) ::= NE. { O = SQL_OP_NE; }
op(O) ::= LT. { O = SQL_OP_LT; }
op(O) ::= LE. { O = SQL_OP_LE; }
op(O) ::= GT. { O = SQL_OP_GT; }
op(O) ::= GE. { O = SQL_OP_GE; }
op(O) ::= IS DISTINCT FROM. { O = SQL_OP_IS_DISTINCT; }
op(O) ::= IS NOT DISTINCT FROM. { O = SQL_OP_IS_NOT_DISTINCT; }
not(R) ::= . { R = false; }
not(R) ::= NOT. { R = true; }
predicate(P) ::= value(X) IS NULL. { P = sql_build_op(b, SQL_EXPR_IS_NULL, SQL_OP_NONE, X, NULL); }
predicate(P) ::= value(X) IS NOT NULL. {
    P = sql_build_op(b, SQL_EXPR_IS_NULL, SQL_OP_NONE, X, NULL);
    P->negated = true;
}
predicate(P) ::= value(X) not(N) BETWEEN value(L) AND value(H). {
    sql_list_t *args = LIST(b, NULL, sql_expr_t *, X);
    args = LIST(b, args, sql_expr_t *, L);
    P = sql_build_node(b, SQL_EXPR_BETWEEN, X->at, LIST(b, args, sql_expr_t *, H));
    P->negated = N;
}
predicate(P) ::= value(X) not(N) IN LP exprs(L) RP. {
    P = sql_build_node(b, SQL_EXPR_IN, X->at, sql_list_first(b, X, L));
    P->negated = N;
}
predicate(P) ::= value(X) not(N) LIKE value(Y). {
    P = sql_build_op(b, SQL_EXPR_LIKE, SQL_OP_NONE, X, Y);
    P->negated = N;
}
predicate(P) ::= value(X) not(N) LIKE value(Y) ESCAPE STRING_VALUE(S). {
    P = sql_build_op(b, SQL_EXPR_LIKE, SQL_OP_NONE, X, Y);
    P->negated = N;
    P->text = S.text;
}

value(V) ::= primary(P). { V = P; }
value(V) ::= value(X) AT TIME ZONE STRING_VALUE(Z). {
    V = sql_build_op(b, SQL_EXPR_AT_TIME_ZONE, SQL_OP_NONE, X, NULL);
    V->text = Z.text;
}
value(V) ::= MINUS(T) value(X). [SIGN] {
    V = sql_build_op(b, SQL_EXPR_UNARY, SQL_OP_NEGATE, X, NULL);
    V->at = T.at;
}
value(V) ::= PLUS(T) value(X). [SIGN] {
    V = sql_build_op(b, SQL_EXPR_UNARY, SQL_OP_PLUS, X, NULL);
    V->at = T.at;
}
value(V) ::= value(X) STAR value(Y). {
    V = sql_build_op(b, SQL_EXPR_ARITHMETIC, SQL_OP_MULTIPLY, X, Y);
}
value(V) ::= value(X) SLASH value(Y). {
    V = sql_build_op(b, SQL_EXPR_ARITHMETIC, SQL_OP_DIVIDE, X, Y);
}
value(V) ::= value(X) PERCENT value(Y). {
    V = sql_build_op(b, SQL_EXPR_ARITHMETIC, SQL_OP_MODULO, X, Y);
}
value(V) ::= value(X) PLUS value(Y). { V = sql_build_op(b, SQL_EXPR_ARITHMETIC, SQL_OP_ADD, X, Y); }
value(V) ::= value(X) MINUS value(Y). {
    V = sql_build_op(b, SQL_EXPR_ARITHMETIC, SQL_OP_SUBTRACT, X, Y);
}
value(V) ::= value(X) CONCAT value(Y). {
    V = sql_build_op(b, SQL_EXPR_CALL, SQL_OP_NONE, X, Y);
    V->name = STR("CONCAT");
}

literal(E) ::= NULL(T). { E = sql_build_literal(b, SQL_EXPR_NULL, T); }
literal(E) ::= TRUE(T). { E = sql_build_bool(b, true, T); }
literal(E) ::= FALSE(T). { E = sql_build_bool(b, false, T); }
literal(E) ::= STRING_VALUE(T). { E = sql_build_literal(b, SQL_EXPR_STRING, T); }
literal(E) ::= INTEGER_VALUE(T). { E = sql_build_integer(b, T); }
literal(E) ::= DECIMAL_VALUE(T). { E = sql_build_literal(b, SQL_EXPR_DECIMAL, T); }
literal(E) ::= FLOAT_VALUE(T). { E = sql_build_double(b, T); }

primary(P) ::= literal(L). { P = L; }
primary(P) ::= name(N) STRING_VALUE(T). { P = sql_build_typed(b, N, T); }
primary(P) ::= name(N). { P = sql_build_column(b, NULL, N); }
primary(P) ::= name(S) DOT name(N). { P = sql_build_column(b, &S, N); }
primary(P) ::= primary(X) ARROW name(N). { P = sql_build_deref(b, X, N); }
primary(P) ::= primary(X) LB value(I) RB. {
    P = sql_build_op(b, SQL_EXPR_SUBSCRIPT, SQL_OP_NONE, X, I);
}
primary(P) ::= LP expr(E) RP. { P = E; }
primary(P) ::= name(N) LP STAR RP. { P = sql_build_call(b, N, NULL); P->star = true; }
primary(P) ::= name(N) LP RP. { P = sql_build_call(b, N, NULL); }
primary(P) ::= name(N) LP args(A) RP. { P = sql_build_call(b, N, A); }
primary(P) ::= CAST(T) LP expr(E) AS type(Y) RP. {
    P = sql_build_op(b, SQL_EXPR_CAST, SQL_OP_NONE, E, NULL);
    P->at = T.at;
    P->type = Y;
}
primary(P) ::= CASE(T) whens(W) END. { P = sql_build_node(b, SQL_EXPR_CASE_SEARCHED, T.at, W); }
primary(P) ::= CASE(T) whens(W) ELSE expr(E) END. {
    P = sql_build_node(b, SQL_EXPR_CASE_SEARCHED, T.at, LIST(b, W, sql_expr_t *, E));
}
primary(P) ::= CASE(T) value(V) whens(W) END. {
    P = sql_build_node(b, SQL_EXPR_CASE_SIMPLE, T.at, sql_list_first(b, V, W));
}
primary(P) ::= CASE(T) value(V) whens(W) ELSE expr(E) END. {
    W = LIST(b, W, sql_expr_t *, E);
    P = sql_build_node(b, SQL_EXPR_CASE_SIMPLE, T.at, sql_list_first(b, V, W));
}
whens(L) ::= WHEN expr(C) THEN expr(R). {
    L = LIST(b, NULL, sql_expr_t *, C);
    L = LIST(b, L, sql_expr_t *, R);
}
whens(L) ::= whens(M) WHEN expr(C) THEN expr(R). {
    L = LIST(b, M, sql_expr_t *, C);
    L = LIST(b, L, sql_expr_t *, R);
}

primary(P) ::= ARRAY_NEW(T) LB exprs_opt(L) RB. { P = sql_build_node(b, SQL_EXPR_ARRAY, T.at, L); }
primary(P) ::= MAP_NEW(T) LP RP. { P = sql_build_node(b, SQL_EXPR_MAP, T.at, NULL); }
primary(P) ::= MAP_NEW(T) LP entries(L) RP. { P = sql_build_node(b, SQL_EXPR_MAP, T.at, L); }
entries(L) ::= expr(K) ASSIGN expr(V). {
    L = LIST(b, NULL, sql_expr_t *, K);
    L = LIST(b, L, sql_expr_t *, V);
}
entries(L) ::= entries(M) COMMA expr(K) ASSIGN expr(V). {
    L = LIST(b, M, sql_expr_t *, K);
    L = LIST(b, L, sql_expr_t *, V);
}
primary(P) ::= STRUCT_NEW(T) LP RP. { P = sql_build_node(b, SQL_EXPR_STRUCT, T.at, NULL); }
primary(P) ::= STRUCT_NEW(T) LP fields(F) RP. {
    P = sql_build_node(b, SQL_EXPR_STRUCT, T.at, F.values);
    P->names = (sql_names_t){LIST_OF(F.names)};
}
fields(F) ::= name(N) ASSIGN expr(V). {
    F.names = sql_list_put(b, NULL, &N.text, sizeof N.text);
    F.values = LIST(b, NULL, sql_expr_t *, V);
}
fields(F) ::= fields(G) COMMA name(N) ASSIGN expr(V). {
    F.names = sql_list_put(b, G.names, &N.text, sizeof N.text);
    F.values = LIST(b, G.values, sql_expr_t *, V);
}

args(L) ::= arg(E). { L = sql_list_put(b, NULL, &E, sizeof E); }
args(L) ::= args(M) COMMA arg(E). { L = sql_list_put(b, M, &E, sizeof E); }
arg(E) ::= expr(X). { E = X; }
arg(E) ::= name(N) LAMBDA expr(X). {
    E = sql_build_lambda(b, N.at, sql_list_put(b, NULL, &N.text, sizeof N.text), X);
}
arg(E) ::= LP(T) expr(A) RP LAMBDA expr(X). {
    str_t name = sql_build_param(b, A);
    E = sql_build_lambda(b, T.at, sql_list_put(b, NULL, &name, sizeof name), X);
}
arg(E) ::= LP(T) expr(A) COMMA names(N) RP LAMBDA expr(X). {
    str_t name = sql_build_param(b, A);
    sql_list_t *names = sql_list_put(b, NULL, &name, sizeof name);
    for (size_t i = 0; i < N->len; i++)
        names = sql_list_put(b, names, (str_t *)N->ptr + i, sizeof name);
    E = sql_build_lambda(b, T.at, names, X);
}

/* ---- names ---- */

name(N) ::= NAME(T). { N = T; }
name(N) ::= QUOTED(T). { N = T; }
name_or_string(N) ::= name(T). { N = T; }
name_or_string(N) ::= STRING_VALUE(T). { N = T; }
names(L) ::= name(N). { L = sql_list_put(b, NULL, &N.text, sizeof N.text); }
names(L) ::= names(M) COMMA name(N). { L = sql_list_put(b, M, &N.text, sizeof N.text); }
names_opt(L) ::= . { L = NULL; }
names_opt(L) ::= LP names(M) RP. { L = M; }

%code {
/* Walks the automaton on a shadow of the stack: `base` is where the real stack still stands, above
 * it are the states that reductions pushed. */
typedef struct shadow {
    const yyStackEntry *base;
    YYACTIONTYPE pushed[24]; /* a query's empty clauses are reduced one after another */
    size_t n_pushed;
} shadow_t;

static YYACTIONTYPE shadow_top(const shadow_t *s)
{
    return s->n_pushed ? s->pushed[s->n_pushed - 1] : s->base->stateno;
}

static bool shadow_push(shadow_t *s, YYACTIONTYPE state)
{
    if (s->n_pushed == sizeof s->pushed / sizeof *s->pushed)
        return false;
    s->pushed[s->n_pushed++] = state;
    return true;
}

static void shadow_pop(shadow_t *s, size_t n)
{
    size_t own = n < s->n_pushed ? n : s->n_pushed;
    s->n_pushed -= own;
    s->base -= n - own;
}

/* Feeds one token to the shadow; false when it may not come. */
static bool shadow_feed(shadow_t *s, int code)
{
    YYACTIONTYPE act = shadow_top(s);
    for (;;) {
        act = yy_find_shift_action((YYCODETYPE)code, act);
        if (act == YY_ACCEPT_ACTION)
            return true;
        if (act == YY_ERROR_ACTION)
            return false;
        if (act < YY_MIN_REDUCE) {
            if (act > YY_MAX_SHIFT)
                act = (YYACTIONTYPE)(act + YY_MIN_REDUCE - YY_MIN_SHIFTREDUCE);
            return shadow_push(s, act);
        }
        unsigned rule = act - YY_MIN_REDUCE;
        shadow_pop(s, (size_t)-yyRuleInfoNRhs[rule]);
        act = yy_find_reduce_action(shadow_top(s), (YYCODETYPE)yyRuleInfoLhs[rule]);
        if (!shadow_push(s, act))
            return false;
    }
}

bool sql_grammar_accepts(const void *parser, int code, int second)
{
    shadow_t s = {.base = ((const yyParser *)parser)->yytos};
    return shadow_feed(&s, code) && (second < 0 || shadow_feed(&s, second));
}

bool sql_grammar_soft(int code)
{
    return yyFallback[code] != 0;
}

int sql_grammar_codes(void)
{
    return YYNTOKEN;
}
}
