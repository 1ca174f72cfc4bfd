/* format.h: syntax tree to SQL text, laid out as ksqlDB prints it.
 *
 * Statement texts that clients see, names in messages, the descriptions of queries. Names are put
 * in back-quotes when they would not read back as they are.
 */
#ifndef ARUS_SQL_PARSE_FORMAT_H
#define ARUS_SQL_PARSE_FORMAT_H

#include "sql/parse/ast.h"

void sql_format_stmt(buf_t *b, const sql_stmt_t *s);
/* "ARRAY<STRING>", "STRUCT<`A` INTEGER>". */
void sql_format_type(buf_t *b, const sql_type_t *t);
void sql_format_query(buf_t *b, const sql_query_t *q);
/* "(COL0 + 1)", "UCASE(NAME)", "'x'". */
void sql_format_expr(buf_t *b, const sql_expr_t *e);
str_t sql_format_expr_text(arena_t *a, const sql_expr_t *e);
/* NAME, or `name` where it needs quotes. */
void sql_format_name(buf_t *b, str_t name);
/* True for a word that the grammar keeps for itself. */
bool sql_word_reserved(str_t name);

#endif
