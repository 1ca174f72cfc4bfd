/* pattern.c: regular expressions that clients send. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "broker/pattern.h"

#include "base/arena.h"

#include <pcre2.h>

#define BYTES_MAX 1024
#define STEPS_MAX 100000 /* for one name */
#define STATES    1000

struct broker_pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

ST broker_pattern_new(str_t text, broker_pattern_t **ret, err_t *err)
{
    int code;
    PCRE2_SIZE at;
    if (text.len > BYTES_MAX)
        return err_set(err, ST_BAD_INPUT, "the pattern is longer than %d bytes", BYTES_MAX);
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)text.ptr, text.len,
                      PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &at, NULL);
    if (!compiled) {
        char why[100];
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        return err_set(err, ST_BAD_INPUT, "`" STR_FMT "` is not valid: %s",
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
