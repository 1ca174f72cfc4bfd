/* proto_lex.h: the characters of a .proto file, as its parser asks for them. Private to
 * format/proto_*.c. Comments and white space may stand before whatever is asked for. */
#ifndef ARUS_FORMAT_PROTO_LEX_H
#define ARUS_FORMAT_PROTO_LEX_H

#include "base/arena.h"
#include "base/err.h"

typedef struct proto_lex {
    arena_t *arena; /* of strings that have escapes */
    const char *start, *at, *end;
    err_t *err;
} proto_lex_t;

/* Skips to the next token; *ret_end: there is none. */
ST proto_lex_end(proto_lex_t *l, bool *ret_end);
/* The next character, not taken. ST_BAD_INPUT at the end of the text. */
ST proto_lex_peek(proto_lex_t *l, char *ret);
/* Takes the character if it comes next. */
ST proto_lex_take(proto_lex_t *l, char c, bool *ret);
/* Takes the character; ST_BAD_INPUT when another comes next. */
ST proto_lex_require(proto_lex_t *l, char c);
/* Letters, digits, '_', '-' and, if `dots`, '.': a name, a number, a keyword. */
ST proto_lex_word(proto_lex_t *l, bool dots, str_t *ret);
/* A word, maybe in parentheses or brackets. *ret_open: '(' or '[', else 0. */
ST proto_lex_name(proto_lex_t *l, bool dots, str_t *ret, char *ret_open);
/* A 32-bit integer, decimal or hexadecimal. */
ST proto_lex_int(proto_lex_t *l, int32_t *ret);
ST proto_lex_string(proto_lex_t *l, str_t *ret);
/* ST_BAD_INPUT with the place. */
st_t proto_lex_refuse(const proto_lex_t *l, const char *fmt, ...) PRINTF(2);

#endif
