#include "broker/principal.h"

#include "base/buf.h"
#include "base/vec.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 100000

typedef struct rule {
    pcre2_code *pattern; /* NULL: DEFAULT */
    str_t replacement;
    char letters; /* 'L', 'U', or 0: as they are */
} rule_t;

struct principal_rules {
    arena_t arena;
    VEC(rule_t) rules;
};

/* ---- reading */

/* Up to a slash that has no backslash before it, which is taken, too. */
static bool take_part(str_t *s, str_t *ret)
{
    for (size_t i = 0; i < s->len; i++) {
        if (s->ptr[i] == '\\')
            i++;
        else if (s->ptr[i] == '/') {
            *ret = str_sub(*s, 0, i);
            *s = str_sub(*s, i + 1, s->len);
            return true;
        }
    }
    return false;
}

static ST take_rule(principal_rules_t *r, str_t *s, err_t *err)
{
    str_t pattern;
    rule_t rule = {0};
    int code;
    PCRE2_SIZE at;
    *s = str_sub(*s, 5, s->len);
    if (!take_part(s, &pattern) || !take_part(s, &rule.replacement))
        return err_set(err, ST_BAD_CONFIG,
                       "ssl.principal.mapping.rules: expected RULE:pattern/replacement/[LU]");
    if (s->len && (s->ptr[0] == 'L' || s->ptr[0] == 'U')) {
        rule.letters = s->ptr[0];
        *s = str_sub(*s, 1, s->len);
    }
    rule.pattern = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                                 PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, &code, &at, NULL);
    if (!rule.pattern)
        return err_set(err, ST_BAD_CONFIG,
                       "ssl.principal.mapping.rules: '" STR_FMT "' is no regular expression",
                       STR_ARG(pattern));
    VEC_PUSH(&r->rules, rule);
    return ST_OK;
}

static ST take_rules(principal_rules_t *r, str_t text, err_t *err)
{
    for (str_t s = str_trim(text); s.len;) {
        if (str_starts(s, STR("RULE:"))) {
            TRY(take_rule(r, &s, err));
        } else if (str_starts(s, STR("DEFAULT"))) {
            VEC_PUSH(&r->rules, (rule_t){0});
            s = str_sub(s, 7, s.len);
        } else {
            return err_set(err, ST_BAD_CONFIG,
                           "ssl.principal.mapping.rules: expected DEFAULT or RULE:…, not "
                           "'" STR_FMT "'",
                           STR_ARG(s));
        }
        s = str_trim(s);
        if (s.len && s.ptr[0] != ',')
            return err_set(err, ST_BAD_CONFIG,
                           "ssl.principal.mapping.rules: expected a comma before '" STR_FMT "'",
                           STR_ARG(s));
        s = str_trim(str_sub(s, s.len ? 1 : 0, s.len));
    }
    return ST_OK;
}

ST principal_rules_new(str_t text, principal_rules_t **ret, err_t *err)
{
    principal_rules_t *r = mem_zalloc(sizeof *r);
    arena_init(&r->arena, ARENA_NO_LIMIT);
    st_t st = take_rules(r, arena_str(&r->arena, text), err);
    if (st != ST_OK) {
        principal_rules_free(r);
        return st;
    }
    *ret = r;
    return ST_OK;
}

void principal_rules_free(principal_rules_t *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->rules.len; i++)
        pcre2_code_free(r->rules.ptr[i].pattern);
    VEC_DONE(&r->rules);
    arena_done(&r->arena);
    free(r);
}

/* ---- applying */

/* $n is the pattern's n-th group; a backslash makes what follows plain. */
static str_t replace(const rule_t *rule, str_t name, const PCRE2_SIZE *group, uint32_t n_groups,
                     arena_t *a)
{
    buf_t b = BUF_INIT;
    str_t s = rule->replacement;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool more = i + 1 < s.len;
        if (c == '\\' && more) {
            buf_put_char(&b, s.ptr[++i]);
        } else if (c == '$' && more && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9') {
            uint32_t k = (uint32_t)(s.ptr[++i] - '0');
            if (k < n_groups && group[2 * k] != PCRE2_UNSET)
                buf_put_str(&b, str_sub(name, group[2 * k], group[2 * k + 1] - group[2 * k]));
        } else {
            buf_put_char(&b, c);
        }
    }
    str_t text = rule->letters == 'L'   ? arena_lower(a, buf_str(&b))
                 : rule->letters == 'U' ? arena_upper(a, buf_str(&b))
                                        : arena_str(a, buf_str(&b));
    buf_done(&b);
    return text;
}

static bool apply(const rule_t *rule, str_t name, arena_t *a, str_t *ret)
{
    if (!rule->pattern) {
        *ret = arena_str(a, name);
        return true;
    }
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(rule->pattern, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    if (!m || !limits)
        die("no memory for a regular expression");
    pcre2_set_match_limit(limits, MATCH_LIMIT);
    int n = pcre2_match(rule->pattern, (PCRE2_SPTR)name.ptr, name.len, 0, 0, m, limits);
    if (n > 0)
        *ret = replace(rule, name, pcre2_get_ovector_pointer(m), (uint32_t)n, a);
    pcre2_match_data_free(m);
    pcre2_match_context_free(limits);
    return n > 0;
}

ST principal_rules_apply(const principal_rules_t *r, str_t name, arena_t *a, str_t *ret, err_t *err)
{
    for (size_t i = 0; i < r->rules.len; i++)
        if (apply(&r->rules.ptr[i], name, a, ret))
            return ST_OK;
    return err_set(err, ST_DENIED,
                   "no rule of ssl.principal.mapping.rules fits the certificate of '" STR_FMT "'",
                   STR_ARG(name));
}
