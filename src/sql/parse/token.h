/* token.h: SQL text to tokens.
 *
 * Tokens view the lexer's text; the values of names and strings are in its arena. Codes are lemon's
 * TK_*.
 */
#ifndef ARUS_SQL_PARSE_TOKEN_H
#define ARUS_SQL_PARSE_TOKEN_H

#include "sql/parse/ast.h"

typedef struct sql_token {
    int code; /* TK_*; 0 at the end of the text */
    sql_pos_t at;
    str_t raw;  /* as written */
    str_t text; /* the value: a name in its case, a string without quotes, a number with its sign */
} sql_token_t;

typedef struct sql_lexer {
    arena_t *arena;
    const char *at, *end;
    const char *line_start;
    uint32_t line, indent; /* indent: columns of the first line that stand before the text */
    int last; /* code of the token before; a sign is part of a number where no operand precedes */
} sql_lexer_t;

void sql_lexer_init(sql_lexer_t *l, arena_t *a, str_t text, sql_pos_t at);
/* ST_BAD_STATEMENT for a character or a string that is no token. */
ST sql_lexer_next(sql_lexer_t *l, sql_token_t *ret, err_t *err);

/* How messages call a token: "'SELECT'", "','", "INTEGER_VALUE". NULL for none of the language's.
 */
const char *sql_token_name(int code);
/* True for a word that ksqlDB keeps for itself; `word` is in upper case. */
bool sql_token_reserved(str_t word);

/* One step over blanks and comments, or over one string, quoted name or other character; for the
 * code that cuts and substitutes text without tokens. */
typedef enum sql_span_kind {
    SQL_SPAN_BLANK,
    SQL_SPAN_STRING,
    SQL_SPAN_QUOTED,
    SQL_SPAN_OTHER
} sql_span_kind_t;
typedef struct sql_span {
    sql_span_kind_t kind;
    const char *end;
    bool open; /* the text ended before it did */
} sql_span_t;
sql_span_t sql_span(const char *p, const char *end);

#endif
