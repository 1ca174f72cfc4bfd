/* Functions of regular expressions, by PCRE2, whose dialect has all that is common in Java's.
 *
 * The pattern of a call site is compiled once and kept in its state for as long as it stays the
 * same. Matching is bounded, so that a hostile pattern is an error and not a hang.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "sql/function/fn.h"

#include <pcre2.h>
#include <stdlib.h>

#define MATCH_STEPS_MAX 10000000

typedef struct regex {
    char *pattern;
    size_t len;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
} regex_t;

static void regex_free(void *state)
{
    regex_t *r = state;
    pcre2_match_context_free(r->context);
    pcre2_match_data_free(r->match);
    pcre2_code_free(r->code);
    free(r->pattern);
    free(r);
}

static st_t compile(sql_fn_call_t *call, str_t pattern, regex_t **ret, err_t *err)
{
    regex_t *r = *call->state;
    if (r && str_eq(str_n(r->pattern, r->len), pattern)) {
        *ret = r;
        return ST_OK;
    }
    int code;
    PCRE2_SIZE at;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                                         PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
    if (!compiled) {
        char why[128];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return err_set(err, ST_BAD_INPUT,
                       "Invalid regular expression pattern: " STR_FMT " at %zu: %s",
                       STR_ARG(pattern), at, why);
    }
    if (r)
        regex_free(r);
    r = mem_zalloc(sizeof *r);
    *r = (regex_t){mem_z(pattern), pattern.len, compiled,
                   pcre2_match_data_create_from_pattern(compiled, NULL),
                   pcre2_match_context_create(NULL)};
    pcre2_set_match_limit(r->context, MATCH_STEPS_MAX);
    *call->state = r;
    *call->state_free = regex_free;
    *ret = r;
    return ST_OK;
}

/* The next match from byte `from` on; *ret_span is NULL when there is none. */
static st_t find(regex_t *r, str_t s, size_t from, const PCRE2_SIZE **ret_span, err_t *err)
{
    *ret_span = NULL;
    if (from > s.len)
        return ST_OK;
    int n = pcre2_match(r->code, (PCRE2_SPTR)s.ptr, s.len, from, 0, r->match, r->context);
    if (n == PCRE2_ERROR_NOMATCH)
        return ST_OK;
    if (n < 0)
        return err_set(err, ST_LIMIT,
                       "the regular expression could not be matched (PCRE2 error %d)", n);
    *ret_span = pcre2_get_ovector_pointer(r->match);
    return ST_OK;
}

/* Where to look on behind a match; over a whole character when the match was empty. */
static size_t behind(str_t s, const PCRE2_SIZE *span)
{
    size_t at = span[1];
    if (span[1] > span[0])
        return at;
    at++;
    while (at < s.len && (s.ptr[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static str_t span_str(str_t s, const PCRE2_SIZE *span, size_t group)
{
    return str_sub(s, span[2 * group], span[2 * group + 1] - span[2 * group]);
}

FN(regexp_extract)
{
    STRICT;
    regex_t *r;
    const PCRE2_SIZE *span;
    str_t s = data_str(args[1]);
    int32_t group = call->n_args > 2 ? args[2].i32 : 0;
    TRY(compile(call, data_str(args[0]), &r, err));
    TRY(find(r, s, 0, &span, err));
    bool none = !span || group < 0 || (uint32_t)group >= pcre2_get_ovector_count(r->match) ||
                span[2 * group] == PCRE2_UNSET;
    RETURN(none ? DATA_NULL_VALUE : data_of_str(span_str(s, span, (size_t)group)));
}

/* Texts found one by one. */
static void append(arena_t *a, data_value_t **v, size_t *n, size_t *cap, str_t s)
{
    if (*n == *cap) {
        data_value_t *grown = ARENA_ARRAY(a, data_value_t, *cap * 2 + 8);
        if (*n)
            memcpy(grown, *v, *n * sizeof **v);
        *v = grown;
        *cap = *cap * 2 + 8;
    }
    (*v)[(*n)++] = data_of_str(s);
}

FN(regexp_extract_all)
{
    STRICT;
    regex_t *r;
    const PCRE2_SIZE *span;
    str_t s = data_str(args[1]);
    int32_t group = call->n_args > 2 ? args[2].i32 : 0;
    data_value_t *v = NULL;
    size_t n = 0, cap = 0;
    TRY(compile(call, data_str(args[0]), &r, err));
    if (group < 0 || (uint32_t)group >= pcre2_get_ovector_count(r->match))
        RETURN(DATA_NULL_VALUE);
    TRY(find(r, s, 0, &span, err));
    while (span) {
        if (span[2 * group] != PCRE2_UNSET)
            append(call->arena, &v, &n, &cap, span_str(s, span, (size_t)group));
        TRY(find(r, s, behind(s, span), &span, err));
    }
    RETURN(data_of_array(v, n));
}

/* Java's replacement: $1 is a group, \ takes the next character as it is. */
static st_t put_replacement(buf_t *b, str_t how, str_t s, const PCRE2_SIZE *span, uint32_t groups,
                            err_t *err)
{
    for (size_t i = 0; i < how.len; i++) {
        if (how.ptr[i] == '\\' && i + 1 < how.len) {
            buf_put_char(b, how.ptr[++i]);
        } else if (how.ptr[i] == '$') {
            uint32_t group = i + 1 < how.len ? (uint32_t)(how.ptr[i + 1] - '0') : 10;
            if (group > 9 || group >= groups)
                return err_set(err, ST_BAD_INPUT, "the replacement names no group: '" STR_FMT "'",
                               STR_ARG(how));
            if (span[2 * group] != PCRE2_UNSET)
                buf_put_str(b, span_str(s, span, group));
            i++;
        } else {
            buf_put_char(b, how.ptr[i]);
        }
    }
    return ST_OK;
}

FN(regexp_replace)
{
    STRICT;
    regex_t *r;
    const PCRE2_SIZE *span;
    str_t s = data_str(args[0]);
    size_t at = 0;
    buf_t b = BUF_INIT;
    TRY(compile(call, data_str(args[1]), &r, err));
    st_t st = find(r, s, 0, &span, err);
    while (st == ST_OK && span) {
        buf_put(&b, s.ptr + at, span[0] - at);
        st =
            put_replacement(&b, data_str(args[2]), s, span, pcre2_get_ovector_count(r->match), err);
        at = span[1];
        if (st == ST_OK)
            st = find(r, s, behind(s, span), &span, err);
    }
    buf_put(&b, s.ptr + at, s.len - at);
    if (st == ST_OK)
        *ret = data_of_str(arena_str(call->arena, buf_str(&b)));
    buf_done(&b);
    return st;
}

FN(regexp_split)
{
    STRICT;
    regex_t *r;
    const PCRE2_SIZE *span;
    str_t s = data_str(args[0]);
    data_value_t *v = NULL;
    size_t n = 0, cap = 0, at = 0;
    TRY(compile(call, data_str(args[1]), &r, err));
    TRY(find(r, s, 0, &span, err));
    while (span) {
        bool cuts = span[1] > span[0] || (span[0] > 0 && span[0] < s.len);
        if (cuts) {
            append(call->arena, &v, &n, &cap, str_sub(s, at, span[0] - at));
            at = span[1];
        }
        TRY(find(r, s, behind(s, span), &span, err));
    }
    append(call->arena, &v, &n, &cap, str_sub(s, at, s.len));
    RETURN(data_of_array(v, n));
}
