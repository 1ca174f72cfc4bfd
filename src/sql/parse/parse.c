#include "sql/parse/build.h"

#include "sql/parse/grammar.h"

#include <stdlib.h>

#define EXPECTED_MAX 10 /* a longer list helps nobody */

/* ---- messages ---- */

/* The names of the tokens that may come next, sorted by code: words first, as declared. Soft words
 * are left out where any name may stand. */
static size_t expected(const void *parser, const char *names[EXPECTED_MAX + 1])
{
    bool name = sql_grammar_accepts(parser, TK_NAME, -1);
    size_t n = 0;
    for (int code = 0; code < sql_grammar_codes() && n <= EXPECTED_MAX; code++) {
        const char *text = sql_token_name(code);
        if (text && !(name && sql_grammar_soft(code)) && sql_grammar_accepts(parser, code, -1))
            names[n++] = text;
    }
    return n;
}

static void put_expected(buf_t *b, const void *parser, const sql_token_t *t)
{
    const char *names[EXPECTED_MAX + 1];
    if (sql_grammar_accepts(parser, TK_RP, t->code)) {
        buf_printf(b, "missing ')' at '" STR_FMT "'", STR_ARG(t->raw));
        return;
    }
    if (sql_grammar_accepts(parser, TK_NAME, -1) && sql_token_reserved(t->text)) {
        buf_printf(
            b, "'" STR_FMT "' is a reserved word: as a name it needs back-quotes, `" STR_FMT "`",
            STR_ARG(t->raw), STR_ARG(t->raw));
        return;
    }
    if (sql_grammar_accepts(parser, TK_CASE, -1)) {
        BUF_LIT(b, "Expecting an expression");
        return;
    }
    size_t n = expected(parser, names);
    if (n == 0 || n > EXPECTED_MAX)
        return;
    buf_printf(b, "Expecting %s%s", n > 1 ? "{" : "", names[0]);
    for (size_t i = 1; i < n; i++)
        buf_printf(b, ", %s", names[i]);
    if (n > 1)
        buf_put_char(b, '}');
}

/* Edit distance of two short words, cut at 9. */
static size_t distance(str_t a, str_t b)
{
    enum { MAX = 16 };
    size_t row[MAX + 1];
    if (a.len > MAX || b.len > MAX)
        return 9;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = corner + (a.ptr[i - 1] != b.ptr[j - 1]);
            corner = row[j];
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
        }
    }
    return row[b.len];
}

/* The word that can begin a statement and looks most like this one, or NULL. */
static const char *alike(const void *parser, str_t word)
{
    const char *best = NULL;
    size_t best_distance = word.len / 2 < 3 ? word.len / 2 : 3;
    for (int code = 1; code < sql_grammar_codes(); code++) {
        const char *name = sql_token_name(code);
        if (!name || name[0] != '\'' || !sql_grammar_accepts(parser, code, -1))
            continue;
        size_t d = distance(word, str_n(name + 1, strlen(name) - 2));
        if (d <= best_distance && (!best || d < best_distance)) {
            best = name;
            best_distance = d;
        }
    }
    return best;
}

static st_t fail_token(const sql_build_t *b, const void *parser, const sql_token_t *t, bool first)
{
    buf_t text = BUF_INIT;
    if (first) {
        const char *like = alike(parser, t->text);
        buf_printf(&text, "Unknown statement '" STR_FMT "'", STR_ARG(t->raw));
        if (like)
            buf_printf(&text, "\nDid you mean %s?", like);
    } else {
        put_expected(&text, parser, t);
    }
    st_t st = err_set(b->err, ST_BAD_STATEMENT, "line %u:%u: Syntax Error\n" STR_FMT, t->at.line,
                      t->at.column, STR_ARG(text));
    buf_done(&text);
    return st;
}

/* ---- parsing ---- */

/* Feeds the parser all of the text's tokens. */
static st_t feed(sql_build_t *b, void *parser, int start, str_t text, sql_pos_t at)
{
    sql_lexer_t lexer;
    sql_token_t t = {0};
    sql_lexer_init(&lexer, b->arena, text, at);
    sql_grammar(parser, start, t, b);
    for (bool first = start == TK_START_STMT;; first = false) {
        TRY(sql_lexer_next(&lexer, &t, b->err));
        if (!sql_grammar_accepts(parser, t.code, -1))
            return fail_token(b, parser, &t, first);
        sql_grammar(parser, t.code, t, b);
        if (b->st != ST_OK || t.code == 0)
            return b->st;
    }
}

/* `text` is in the arena. */
static st_t parse(sql_build_t *b, int start, str_t text, sql_pos_t at)
{
    if (text.len > SQL_PARSE_BYTES_MAX)
        return err_set(b->err, ST_TOO_LARGE, "a statement may have at most %u bytes",
                       SQL_PARSE_BYTES_MAX);
    void *parser = sql_grammarAlloc(mem_alloc);
    st_t st = feed(b, parser, start, text, at);
    sql_grammarFree(parser, free);
    return st;
}

/* The text of EXPLAIN's statement is what stands behind the word. */
static void set_text(sql_stmt_t *s, str_t text, sql_pos_t at)
{
    s->text = text;
    s->at = at;
    if (s->kind == SQL_STMT_EXPLAIN && s->explain.stmt) {
        size_t word = sizeof "EXPLAIN" - 1;
        at.column += (uint32_t)word;
        set_text(s->explain.stmt, str_trim(str_sub(text, word, text.len)), at);
    }
}

st_t sql_parse_piece(arena_t *a, sql_piece_t piece, const sql_variables_t *vars, sql_stmt_t **ret,
                     err_t *err)
{
    sql_build_t b = {.arena = a, .err = err};
    str_t text = arena_str(a, sql_parse_substitute(a, piece.text, vars));
    TRY(parse(&b, TK_START_STMT, text, piece.at));
    set_text(b.stmt, text, piece.at);
    *ret = b.stmt;
    return ST_OK;
}

st_t sql_parse(arena_t *a, str_t text, const sql_variables_t *vars, sql_stmt_t *const **ret,
               size_t *ret_n, err_t *err)
{
    const sql_piece_t *piece;
    size_t n;
    TRY(sql_parse_split(a, text, &piece, &n, err));
    sql_stmt_t **stmts = ARENA_ARRAY(a, sql_stmt_t *, n ? n : 1);
    for (size_t i = 0; i < n; i++)
        TRY(sql_parse_piece(a, piece[i], vars, &stmts[i], err));
    *ret = stmts;
    *ret_n = n;
    return ST_OK;
}

st_t sql_parse_expr(arena_t *a, str_t text, sql_expr_t **ret, err_t *err)
{
    sql_build_t b = {.arena = a, .err = err};
    TRY(parse(&b, TK_START_EXPR, arena_str(a, text), (sql_pos_t){1, 1}));
    *ret = b.expr;
    return ST_OK;
}

st_t sql_parse_type(arena_t *a, str_t text, const sql_type_t **ret, err_t *err)
{
    sql_build_t b = {.arena = a, .err = err};
    TRY(parse(&b, TK_START_TYPE, arena_str(a, text), (sql_pos_t){1, 1}));
    *ret = b.type;
    return ST_OK;
}
