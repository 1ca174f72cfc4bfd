#include "sql/parse/token.h"

#include "sql/parse/grammar.h"

static const struct {
    str_t word;
    int code;
    bool reserved;
} words[] = {
#define KEYWORD(word, reserved) {{#word, sizeof #word - 1}, TK_##word, reserved},
#include "sql/parse/keywords.def"
#undef KEYWORD
};

#define N_WORDS  (sizeof words / sizeof *words)
#define WORD_MAX 12

/* Longest first where one begins another. */
static const struct {
    char text[3];
    int code;
} signs[] = {
    {"->", TK_ARROW},  {"=>", TK_LAMBDA}, {":=", TK_ASSIGN}, {"<>", TK_NE},  {"!=", TK_NE},
    {"<=", TK_LE},     {">=", TK_GE},     {"||", TK_CONCAT}, {"=", TK_EQ},   {"<", TK_LT},
    {">", TK_GT},      {"+", TK_PLUS},    {"-", TK_MINUS},   {"*", TK_STAR}, {"/", TK_SLASH},
    {"%", TK_PERCENT}, {"(", TK_LP},      {")", TK_RP},      {"[", TK_LB},   {"]", TK_RB},
    {",", TK_COMMA},   {".", TK_DOT},     {";", TK_SEMI},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '@';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind the closing quote, or end and *ret_open. A doubled quote is content. */
static const char *skip_quoted(const char *p, const char *end, bool *ret_open)
{
    char quote = *p++;
    while ((p = memchr(p, quote, (size_t)(end - p)))) {
        if (p + 1 == end || p[1] != quote)
            return p + 1;
        p += 2;
    }
    *ret_open = true;
    return end;
}

sql_span_t sql_span(const char *p, const char *end)
{
    sql_span_t s = {.kind = SQL_SPAN_BLANK, .end = p};
    size_t left = (size_t)(end - p);
    if (*p == '\'' || *p == '"' || *p == '`') {
        s.kind = *p == '\'' ? SQL_SPAN_STRING : SQL_SPAN_QUOTED;
        s.end = skip_quoted(p, end, &s.open);
    } else if (left > 1 && p[0] == '-' && p[1] == '-') {
        const char *nl = memchr(p, '\n', left);
        s.end = nl ? nl + 1 : end;
    } else if (left > 1 && p[0] == '/' && p[1] == '*') {
        const char *close = memmem(p + 2, left - 2, "*/", 2);
        s.open = !close;
        s.end = close ? close + 2 : end;
    } else if (is_blank(*p)) {
        while (s.end < end && is_blank(*s.end))
            s.end++;
    } else {
        s.kind = SQL_SPAN_OTHER;
        s.end = p + 1;
    }
    return s;
}

static int word_find(str_t upper)
{
    size_t lo = 0, hi = N_WORDS;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = str_cmp(upper, words[mid].word);
        if (c == 0)
            return (int)mid;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return -1;
}

bool sql_token_reserved(str_t word)
{
    int i = word_find(word);
    return i >= 0 && words[i].reserved;
}

static const char *value_name(int code)
{
    switch (code) {
    case 0: return "<EOF>";
    case TK_NAME: return "IDENTIFIER";
    case TK_QUOTED: return NULL; /* the same thing to a reader */
    case TK_STRING_VALUE: return "STRING";
    case TK_INTEGER_VALUE: return "INTEGER_VALUE";
    case TK_DECIMAL_VALUE: return "DECIMAL_VALUE";
    case TK_FLOAT_VALUE: return "FLOATING_POINT_VALUE";
    case TK_LAMBDA: return "'=>'";
    case TK_ARROW: return "'->'";
    case TK_ASSIGN: return "':='";
    case TK_NE: return "'<>'";
    case TK_LE: return "'<='";
    case TK_GE: return "'>='";
    case TK_CONCAT: return "'||'";
    case TK_EQ: return "'='";
    case TK_LT: return "'<'";
    case TK_GT: return "'>'";
    case TK_PLUS: return "'+'";
    case TK_MINUS: return "'-'";
    case TK_STAR: return "'*'";
    case TK_SLASH: return "'/'";
    case TK_PERCENT: return "'%'";
    case TK_LP: return "'('";
    case TK_RP: return "')'";
    case TK_LB: return "'['";
    case TK_RB: return "']'";
    case TK_COMMA: return "','";
    case TK_DOT: return "'.'";
    case TK_SEMI: return "';'";
    case TK_ARRAY_OF:
    case TK_ARRAY_NEW: return "'ARRAY'";
    case TK_MAP_OF:
    case TK_MAP_NEW: return "'MAP'";
    case TK_STRUCT_OF:
    case TK_STRUCT_NEW: return "'STRUCT'";
    default: return NULL;
    }
}

const char *sql_token_name(int code)
{
    switch (code) {
#define KEYWORD(word, reserved)                                                                    \
    case TK_##word:                                                                                \
        return "'" #word "'";
#include "sql/parse/keywords.def"
#undef KEYWORD
    default: return value_name(code);
    }
}

void sql_lexer_init(sql_lexer_t *l, arena_t *a, str_t text, sql_pos_t at)
{
    *l = (sql_lexer_t){.arena = a,
                       .at = text.ptr,
                       .end = text.ptr + text.len,
                       .line_start = text.ptr,
                       .line = at.line,
                       .indent = at.column - 1};
}

static sql_pos_t position(const sql_lexer_t *l)
{
    return (sql_pos_t){l->line, (uint32_t)(l->at - l->line_start) + l->indent + 1};
}

static st_t fail(const sql_lexer_t *l, err_t *err, const char *what)
{
    sql_pos_t at = position(l);
    return err_set(err, ST_BAD_STATEMENT, "line %u:%u: Syntax Error\n%s", at.line, at.column, what);
}

/* Moves over a piece of text, counting its lines. */
static void advance(sql_lexer_t *l, const char *to)
{
    const char *nl;
    while ((nl = memchr(l->at, '\n', (size_t)(to - l->at)))) {
        l->at = l->line_start = nl + 1;
        l->line++;
        l->indent = 0;
    }
    l->at = to;
}

static st_t skip_blanks(sql_lexer_t *l, err_t *err)
{
    while (l->at < l->end) {
        sql_span_t s = sql_span(l->at, l->end);
        if (s.kind != SQL_SPAN_BLANK)
            break;
        if (s.open)
            return fail(l, err, "the comment has no end: expecting '*/'");
        advance(l, s.end);
    }
    return ST_OK;
}

/* The content of a quoted text with doubled quotes made single. */
static str_t unquote(arena_t *a, str_t raw)
{
    char quote = raw.ptr[0];
    str_t inner = str_sub(raw, 1, raw.len - 2);
    char *out = arena_alloc(a, inner.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < inner.len; i++) {
        out[n++] = inner.ptr[i];
        if (inner.ptr[i] == quote)
            i++;
    }
    return str_n(out, n);
}

static st_t quoted(sql_lexer_t *l, sql_token_t *t, err_t *err)
{
    sql_span_t s = sql_span(l->at, l->end);
    if (s.open)
        return fail(l, err,
                    s.kind == SQL_SPAN_STRING ? "the string has no end: expecting '''"
                                              : "the name has no end: expecting its quote");
    t->raw = str_n(l->at, (size_t)(s.end - l->at));
    t->text = unquote(l->arena, t->raw);
    t->code = s.kind == SQL_SPAN_STRING ? TK_STRING_VALUE : TK_QUOTED;
    if (t->code == TK_QUOTED && str_empty(t->text))
        return fail(l, err, "a name may not be empty: expecting IDENTIFIER");
    advance(l, s.end);
    return ST_OK;
}

/* ARRAY, MAP and STRUCT are words only before their bracket; else they are names. */
static int collection_code(const sql_lexer_t *l, str_t word, const char *p)
{
    while (p < l->end && is_blank(*p))
        p++;
    char next = p < l->end ? *p : 0;
    if (str_eq(word, STR("ARRAY")))
        return next == '[' ? TK_ARRAY_NEW : next == '<' ? TK_ARRAY_OF : TK_NAME;
    if (str_eq(word, STR("MAP")))
        return next == '(' ? TK_MAP_NEW : next == '<' ? TK_MAP_OF : TK_NAME;
    if (str_eq(word, STR("STRUCT")))
        return next == '(' ? TK_STRUCT_NEW : next == '<' ? TK_STRUCT_OF : TK_NAME;
    return TK_NAME;
}

static void word(sql_lexer_t *l, sql_token_t *t)
{
    const char *p = l->at;
    while (p < l->end && is_word(*p))
        p++;
    t->raw = str_n(l->at, (size_t)(p - l->at));
    t->text = arena_upper(l->arena, t->raw);
    int i = t->text.len <= WORD_MAX ? word_find(t->text) : -1;
    t->code = i >= 0 ? words[i].code : collection_code(l, t->text, p);
    l->at = p;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

static st_t number(sql_lexer_t *l, bool negative, sql_token_t *t, err_t *err)
{
    const char *p = skip_digits(l->at, l->end);
    t->code = TK_INTEGER_VALUE;
    if (p < l->end && *p == '.') {
        p = skip_digits(p + 1, l->end);
        t->code = TK_DECIMAL_VALUE;
    }
    if (p < l->end && (*p == 'e' || *p == 'E')) {
        const char *q = p + 1;
        if (q < l->end && (*q == '+' || *q == '-'))
            q++;
        const char *digits = q;
        q = skip_digits(q, l->end);
        if (q > digits) {
            p = q;
            t->code = TK_FLOAT_VALUE;
        }
    }
    if (p < l->end && is_word(*p)) {
        if (negative || t->code != TK_INTEGER_VALUE)
            return fail(l, err, "a number may not run into a name");
        word(l, t); /* 1R: a name that begins with digits */
        return ST_OK;
    }
    str_t digits = str_n(l->at, (size_t)(p - l->at));
    t->text = negative ? arena_printf(l->arena, "-" STR_FMT, STR_ARG(digits)) : digits;
    l->at = p;
    return ST_OK;
}

static bool number_begins(const char *p, const char *end)
{
    return p < end && (is_digit(*p) || (*p == '.' && p + 1 < end && is_digit(p[1])));
}

/* True when the token before ends an operand, so that a '-' is a subtraction. */
static bool after_operand(int code)
{
    switch (code) {
    case TK_RP:
    case TK_RB:
    case TK_NAME:
    case TK_QUOTED:
    case TK_STRING_VALUE:
    case TK_INTEGER_VALUE:
    case TK_DECIMAL_VALUE:
    case TK_FLOAT_VALUE:
    case TK_NULL:
    case TK_TRUE:
    case TK_FALSE:
    case TK_END: return true;
    default:
        for (size_t i = 0; i < N_WORDS; i++)
            if (words[i].code == code)
                return !words[i].reserved;
        return false;
    }
}

static st_t sign(sql_lexer_t *l, sql_token_t *t, err_t *err)
{
    str_t left = str_n(l->at, (size_t)(l->end - l->at));
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        str_t s = str_of(signs[i].text);
        if (str_starts(left, s)) {
            t->code = signs[i].code;
            t->raw = t->text = str_sub(left, 0, s.len);
            l->at += s.len;
            return ST_OK;
        }
    }
    if (str_starts(left, STR("${")))
        return fail(l, err, "the variable is not defined: DEFINE it first");
    sql_pos_t at = position(l);
    return err_set(err, ST_BAD_STATEMENT, "line %u:%u: Syntax Error\nno token begins with '%c'",
                   at.line, at.column, *l->at > ' ' && *l->at < 127 ? *l->at : '?');
}

st_t sql_lexer_next(sql_lexer_t *l, sql_token_t *ret, err_t *err)
{
    TRY(skip_blanks(l, err));
    sql_token_t t = {.at = position(l), .raw = str_n(l->at, 0)};
    const char *start = l->at;
    if (l->at == l->end) {
        t.raw = STR("<EOF>");
    } else if (*l->at == '\'' || *l->at == '"' || *l->at == '`') {
        TRY(quoted(l, &t, err));
    } else if (is_letter(*l->at)) {
        word(l, &t);
    } else if (number_begins(l->at, l->end)) {
        TRY(number(l, false, &t, err));
    } else if (*l->at == '-' && !after_operand(l->last)) {
        const char *p = l->at + 1;
        while (p < l->end && (*p == ' ' || *p == '\t'))
            p++;
        if (number_begins(p, l->end)) {
            l->at = p;
            TRY(number(l, true, &t, err));
        } else {
            TRY(sign(l, &t, err));
        }
    } else {
        TRY(sign(l, &t, err));
    }
    if (t.code)
        t.raw = str_n(start, (size_t)(l->at - start));
    l->last = t.code;
    *ret = t;
    return ST_OK;
}
