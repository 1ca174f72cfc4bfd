/* pattern.c: regular expressions that clients send. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "broker/pattern.h"

#include "base/arena.h"

#include <pcre2.h>

#define BYTES_MAX  1024
#define STEPS_MAX  100000 /* for one name */
#define STATES     1000
#define REPEAT_MAX 1000

struct broker_pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

/* ---- what RE2 has: PCRE2 knows more than can be matched without backtracking, and than Kafka
 * takes. What both refuse is PCRE2's to say. */

typedef struct scan {
    str_t in;            /* what is left */
    bool atom, repeated; /* behind what can be repeated, behind what was */
    const char *wrong;   /* NULL: nothing is, so far */
} scan_t;

static char at(const scan_t *s, size_t i)
{
    return i < s->in.len ? s->in.ptr[i] : '\0';
}

static void pass(scan_t *s, size_t n)
{
    s->in = str_sub(s->in, n, s->in.len);
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

static void pass_escape(scan_t *s, bool in_class)
{
    char c = at(s, 1);
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    bool known = !letter || (strchr("aftnrvdDsSwWpPx0", c) != NULL) ||
                 (!in_class && strchr("AbBz", c)) || (is_octal(c) && is_octal(at(s, 2)));
    pass(s, 2);
    if (!in_class && c == 'Q') {
        while (s->in.len && !(at(s, 0) == '\\' && at(s, 1) == 'E'))
            pass(s, 1);
        pass(s, 2);
    } else if (!known) {
        s->wrong = "invalid escape sequence";
    }
}

static void pass_class(scan_t *s)
{
    pass(s, at(s, 1) == '^' ? 2 : 1);
    for (bool first = true; s->in.len && (first || at(s, 0) != ']') && !s->wrong; first = false) {
        if (at(s, 0) == '\\') {
            pass_escape(s, true);
        } else if (at(s, 0) == '[' && at(s, 1) == ':') {
            while (s->in.len && !(at(s, 0) == ':' && at(s, 1) == ']'))
                pass(s, 1);
            pass(s, 2);
        } else {
            pass(s, 1);
        }
    }
    pass(s, 1);
}

/* At what opens a group. */
static void pass_group(scan_t *s)
{
    pass(s, 1);
    if (at(s, 0) != '?')
        return;
    pass(s, 1);
    size_t name = at(s, 0) == 'P' ? 1 : 0;
    if (at(s, name) == '<' && at(s, name + 1) != '=' && at(s, name + 1) != '!') {
        pass(s, name + 1);
        return;
    }
    while (at(s, 0) && strchr("imsU-", at(s, 0)))
        pass(s, 1);
    if (at(s, 0) != ':' && at(s, 0) != ')')
        s->wrong = "invalid or unsupported Perl syntax";
    pass(s, 1);
}

/* Bytes of "{2}", "{2,}" or "{2,3}"; 0: it is a brace. */
static size_t count_bytes(scan_t *s)
{
    size_t i = 1, numbers = 0;
    for (; numbers < 2; i++, numbers++) {
        int n = 0, digits = 0;
        for (; at(s, i) >= '0' && at(s, i) <= '9'; i++, digits++)
            n = n > REPEAT_MAX ? n : n * 10 + (at(s, i) - '0');
        if (!digits && !numbers)
            return 0;
        if (n > REPEAT_MAX)
            s->wrong = "invalid repeat count";
        if (at(s, i) == '}')
            return i + 1;
        if (at(s, i) != ',')
            return 0;
    }
    return 0;
}

static void pass_repeat(scan_t *s, size_t n)
{
    if (!s->atom)
        s->wrong = "missing argument to repetition operator";
    else if (s->repeated)
        s->wrong = "invalid nested repetition operator";
    pass(s, n);
    pass(s, at(s, 0) == '?' ? 1 : 0);
    s->repeated = true;
}

static void pass_one(scan_t *s)
{
    char c = at(s, 0);
    size_t n = c == '*' || c == '+' || c == '?' ? 1 : c == '{' ? count_bytes(s) : 0;
    if (n) {
        pass_repeat(s, n);
        return;
    }
    s->repeated = false;
    s->atom = c != '(' && c != '|';
    switch (c) {
    case '\\':
        pass_escape(s, false);
        break;
    case '[':
        pass_class(s);
        break;
    case '(':
        pass_group(s);
        break;
    default:
        pass(s, 1);
    }
}

static const char *what_re2_lacks(str_t text)
{
    scan_t s = {.in = text};
    while (s.in.len && !s.wrong)
        pass_one(&s);
    return s.wrong;
}

ST broker_pattern_new(str_t text, broker_pattern_t **ret, err_t *err)
{
    int code;
    PCRE2_SIZE at;
    if (text.len > BYTES_MAX)
        return err_set(err, ST_BAD_INPUT, "the pattern is longer than %d bytes", BYTES_MAX);
    const char *lacks = what_re2_lacks(text);
    if (lacks)
        return err_set(err, ST_BAD_INPUT, "`" STR_FMT "` is not a valid regular expression: %s.",
                       STR_ARG(str_sub(text, 0, 80)), lacks);
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)text.ptr, text.len,
                      PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &at, NULL);
    if (!compiled) {
        char why[100];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return err_set(err, ST_BAD_INPUT, "`" STR_FMT "` is not a valid regular expression: %s.",
                       STR_ARG(str_sub(text, 0, 80)), why);
    }
    *ret = mem_alloc(sizeof **ret);
    **ret = (broker_pattern_t){compiled, pcre2_match_data_create(1, NULL),
                               pcre2_match_context_create(NULL)};
    pcre2_set_match_limit((*ret)->context, STEPS_MAX);
    pcre2_set_depth_limit((*ret)->context, 100);
    return ST_OK;
}

void broker_pattern_free(broker_pattern_t *p)
{
    if (!p)
        return;
    pcre2_match_context_free(p->context);
    pcre2_match_data_free(p->match);
    pcre2_code_free(p->code);
    free(p);
}

bool broker_pattern_matches(const broker_pattern_t *p, str_t name)
{
    int states[STATES];
    return pcre2_dfa_match(p->code, (PCRE2_SPTR)name.ptr, name.len, 0, 0, p->match, p->context,
                           states, STATES) >= 0;
}
