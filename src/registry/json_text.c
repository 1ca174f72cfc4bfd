#include "registry/json_tree.h"

#include "data/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_STEPS_MAX 10000

/* A number as Java's BigDecimal writes it back: 1e2 becomes 1E+2. */
static void put_number(buf_t *b, const json_value_t *v)
{
    const data_decimal_t *d;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    if (v->is_i64)
        buf_put_i64(b, v->i64);
    else if (data_decimal_parse(&a, v->text, &d, NULL) == ST_OK)
        data_decimal_put_text(b, d);
    else
        buf_put_str(b, v->text);
    arena_done(&a);
}

typedef struct member {
    str_t name;
    size_t first, last; /* where members of this name stand */
} member_t;

static int by_name(const void *a, const void *b)
{
    const member_t *x = a, *y = b;
    int by = str_cmp(x->name, y->name);
    return by ? by : (x->first > y->first) - (x->first < y->first);
}

static int by_place(const void *a, const void *b)
{
    const member_t *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Of members with one name the value is the last's, the place the first's. */
static size_t members_of(const json_value_t *v, bool sorted, member_t *m)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        m[i] = (member_t){v->name[i], i, i};
    if (!v->n)
        return 0;
    qsort(m, v->n, sizeof *m, by_name);
    for (size_t i = 0; i < v->n; i++)
        if (n && str_eq(m[n - 1].name, m[i].name))
            m[n - 1].last = m[i].last;
        else
            m[n++] = m[i];
    if (!sorted)
        qsort(m, n, sizeof *m, by_place);
    return n;
}

static void put_object(buf_t *b, const json_value_t *v, bool sorted)
{
    member_t *m = mem_alloc((v->n + 1) * sizeof *m);
    size_t n = members_of(v, sorted, m);
    buf_put_char(b, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_put_char(b, ',');
        json_put_str_jackson(b, m[i].name);
        buf_put_char(b, ':');
        jschema_put_text(b, &v->item[m[i].last], sorted);
    }
    buf_put_char(b, '}');
    free(m);
}

void jschema_put_text(buf_t *b, const json_value_t *v, bool sorted)
{
    switch (v->kind) {
    case JSON_NULL:
        BUF_LIT(b, "null");
        break;
    case JSON_BOOL:
        json_put_bool(b, v->b);
        break;
    case JSON_NUMBER:
        put_number(b, v);
        break;
    case JSON_STRING:
        json_put_str_jackson(b, v->text);
        break;
    case JSON_ARRAY:
        buf_put_char(b, '[');
        for (size_t i = 0; i < v->n; i++) {
            if (i)
                buf_put_char(b, ',');
            jschema_put_text(b, &v->item[i], sorted);
        }
        buf_put_char(b, ']');
        break;
    case JSON_OBJECT:
        put_object(b, v, sorted);
        break;
    }
}

bool jschema_json_equal(const json_value_t *a, const json_value_t *b)
{
    buf_t x = BUF_INIT, y = BUF_INIT;
    jschema_put_text(&x, a, true);
    jschema_put_text(&y, b, true);
    bool equal = str_eq(buf_str(&x), buf_str(&y));
    buf_done(&x);
    buf_done(&y);
    return equal;
}

static pcre2_code *compile(str_t pattern, int *ret_code)
{
    PCRE2_SIZE at;
    return pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, PCRE2_UTF, ret_code, &at, NULL);
}

/* Only what java.util.regex refuses too: an open or stray bracket, nothing to repeat, a range or
 * quantifier the wrong way round, a backslash at the end. */
bool jschema_pattern_valid(str_t pattern)
{
    static const int wrong[] = {
        PCRE2_ERROR_END_BACKSLASH,
        PCRE2_ERROR_MISSING_SQUARE_BRACKET,
        PCRE2_ERROR_CLASS_RANGE_ORDER,
        PCRE2_ERROR_QUANTIFIER_INVALID,
        PCRE2_ERROR_QUANTIFIER_OUT_OF_ORDER,
        PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS,
        PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS,
    };
    int code = 0;
    pcre2_code *compiled = compile(pattern, &code);
    pcre2_code_free(compiled);
    for (size_t i = 0; !compiled && i < sizeof wrong / sizeof *wrong; i++)
        if (code == wrong[i])
            return false;
    return true;
}

bool jschema_matches(str_t pattern, str_t text)
{
    int code;
    pcre2_code *compiled = compile(pattern, &code);
    if (!compiled)
        return false;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(context, MATCH_STEPS_MAX);
    int found =
        pcre2_match(compiled, (PCRE2_SPTR)text.ptr, text.len, 0, PCRE2_NO_JIT, match, context);
    pcre2_match_context_free(context);
    pcre2_match_data_free(match);
    pcre2_code_free(compiled);
    return found >= 0;
}
