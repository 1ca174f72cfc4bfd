/* resolve.c: which overload a call means. */
#include "sql/function/function.h"
#include "sql/function/signature.h"

typedef st_t (*bind_lambda_fn)(void *env, void *lambda, const data_type_t *const *param,
                               size_t n_params, const data_type_t **ret, err_t *err);

typedef struct match {
    arena_t *arena;
    bool casts;
    const data_type_t *var[26];
    bind_lambda_fn bind_lambda;
    void *env;
    err_t *err;
    st_t lambda_st; /* a lambda's body did not bind: that is the error to show */
    int widened;    /* steps of implicit casts taken */
} match_t;

/* INTEGER → BIGINT → DECIMAL → DOUBLE; 0: not a number. */
static int rank(data_kind_t k)
{
    return k == DATA_INTEGER   ? 1
           : k == DATA_BIGINT  ? 2
           : k == DATA_DECIMAL ? 3
           : k == DATA_DOUBLE  ? 4
                               : 0;
}

static bool can_cast(data_kind_t from, data_kind_t to)
{
    if (from == DATA_STRING)
        return to == DATA_DATE || to == DATA_TIME || to == DATA_TIMESTAMP;
    return rank(from) && rank(from) <= rank(to);
}

/* The decimal that holds all values of a number's type. */
static const data_type_t *as_decimal(arena_t *a, const data_type_t *t)
{
    if (t->kind == DATA_DECIMAL)
        return t;
    return data_type_decimal(a, t->kind == DATA_INTEGER ? 10 : 19, 0);
}

/* Whether `have` may stand for `want`; *ret is what it is cast to. */
static bool fits(match_t *m, const data_type_t *want, const data_type_t *have,
                 const data_type_t **ret)
{
    *ret = want;
    if (want == &sql_type_unit || have == &sql_type_unit)
        return want == have;
    if (data_type_eq(want, have))
        return true;
    if (!m->casts || !can_cast(have->kind, want->kind))
        return false;
    m->widened += rank(want->kind) - rank(have->kind);
    return true;
}

static bool match_type(match_t *m, const sql_sig_type_t *p, const data_type_t *have,
                       const data_type_t **ret)
{
    const data_type_t *part[2] = {NULL, NULL};
    switch (p->kind) {
    case SQL_SIG_TYPE: return fits(m, p->type, have, ret);
    case SQL_SIG_DECIMAL:
        if (have->kind != DATA_DECIMAL && !(m->casts && can_cast(have->kind, DATA_DECIMAL)))
            return false;
        m->widened += rank(DATA_DECIMAL) - rank(have->kind);
        *ret = as_decimal(m->arena, have);
        return true;
    case SQL_SIG_VAR:
        if (!m->var[p->var - 'A']) {
            if (have == &sql_type_unit)
                return false;
            m->var[p->var - 'A'] = *ret = have;
            return true;
        }
        return fits(m, m->var[p->var - 'A'], have, ret);
    case SQL_SIG_ARRAY:
        if (have->kind != DATA_ARRAY || !match_type(m, p->part[0], have->elem, &part[0]))
            return false;
        *ret = part[0] == have->elem ? have : data_type_array(m->arena, part[0]);
        return true;
    case SQL_SIG_MAP:
        if (have->kind != DATA_MAP || !match_type(m, p->part[0], have->key, &part[0]) ||
            !match_type(m, p->part[1], have->elem, &part[1]))
            return false;
        *ret = data_type_map(m->arena, part[0], part[1]);
        return true;
    case SQL_SIG_LAMBDA: return false;
    }
    return false;
}

/* The type that a signature's one has come to; NULL when a variable in it is not known. */
static const data_type_t *build_type(match_t *m, const sql_sig_type_t *p)
{
    const data_type_t *part[2] = {NULL, NULL};
    for (size_t i = 0; i < p->n_parts && i < 2; i++)
        if (p->kind != SQL_SIG_LAMBDA && !(part[i] = build_type(m, p->part[i])))
            return NULL;
    switch (p->kind) {
    case SQL_SIG_TYPE: return p->type;
    case SQL_SIG_VAR: return m->var[p->var - 'A'];
    case SQL_SIG_ARRAY: return data_type_array(m->arena, part[0]);
    case SQL_SIG_MAP: return data_type_map(m->arena, part[0], part[1]);
    case SQL_SIG_DECIMAL:
    case SQL_SIG_LAMBDA: return NULL;
    }
    return NULL;
}

static bool match_lambda(match_t *m, const sql_sig_type_t *p, const sql_fn_arg_t *arg)
{
    size_t n = p->n_parts - 1;
    const data_type_t *param[4], *body, *ret;
    if (arg->n_params != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!(param[i] = build_type(m, p->part[i])))
            return false;
    m->lambda_st = m->bind_lambda(m->env, arg->lambda, param, n, &body, m->err);
    return m->lambda_st == ST_OK && (!body || match_type(m, p->part[n], body, &ret));
}

static bool match_call(match_t *m, const sql_signature_t *s, const sql_fn_arg_t *arg, size_t n,
                       const data_type_t **arg_type)
{
    size_t fixed = s->n_params - s->variadic;
    if (s->variadic ? n < fixed : n != fixed)
        return false;
    for (size_t i = 0; i < n; i++) {
        const sql_sig_type_t *p = s->param[i < s->n_params ? i : s->n_params - 1];
        arg_type[i] = NULL;
        if (arg[i].n_params || p->kind == SQL_SIG_LAMBDA) {
            if (p->kind != SQL_SIG_LAMBDA || !arg[i].n_params || !match_lambda(m, p, &arg[i]))
                return false;
        } else if (arg[i].type && !match_type(m, p, arg[i].type, &arg_type[i])) {
            return false;
        }
    }
    /* A null takes the type of its parameter, now that the variables are known. */
    for (size_t i = 0; i < n; i++)
        if (!arg_type[i] && !arg[i].n_params)
            arg_type[i] = build_type(m, s->param[i < s->n_params ? i : s->n_params - 1]);
    return true;
}

/* ---- messages ---- */

static void put_args(buf_t *b, const sql_fn_arg_t *arg, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            BUF_LIT(b, ", ");
        if (arg[i].n_params)
            BUF_LIT(b, "LAMBDA");
        else if (!arg[i].type)
            BUF_LIT(b, "null");
        else if (arg[i].type == &sql_type_unit)
            BUF_LIT(b, "INTERVALUNIT");
        else
            data_type_put(b, arg[i].type);
    }
}

static void put_alternative(buf_t *b, arena_t *a, str_t name, const sql_function_t *f)
{
    sql_signature_t s;
    sql_signature_read(a, f->signature, &s);
    buf_printf(b, "\n" STR_FMT "(", STR_ARG(name));
    for (size_t i = 0; i < s.n_params; i++) {
        if (i)
            BUF_LIT(b, ", ");
        sql_signature_put_type(b, s.param[i]);
        if (s.variadic && i + 1 == s.n_params)
            BUF_LIT(b, "...");
        if (s.name[i].len)
            buf_printf(b, " " STR_FMT, STR_ARG(s.name[i]));
    }
    buf_put_char(b, ')');
}

static st_t fail(arena_t *a, str_t name, const sql_function_t *row, size_t n_rows,
                 const sql_fn_arg_t *arg, size_t n_args, bool ambiguous, err_t *err)
{
    buf_t b = BUF_INIT;
    str_t lower = arena_lower(a, name);
    buf_printf(&b, "Function '" STR_FMT "' %s (", STR_ARG(lower),
               ambiguous ? "cannot be resolved due to ambiguous method parameters"
                         : "does not accept parameters");
    put_args(&b, arg, n_args);
    BUF_LIT(&b, ").\nValid alternatives are:");
    for (size_t i = 0; i < n_rows; i++)
        put_alternative(&b, a, lower, &row[i]);
    BUF_LIT(&b, "\nFor detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;");
    st_t st = err_set(err, ST_BAD_STATEMENT, STR_FMT, STR_ARG(b));
    buf_done(&b);
    return st;
}

/* ---- choosing ---- */

static size_t n_vars(const match_t *m)
{
    size_t n = 0;
    for (size_t i = 0; i < 26; i++)
        n += m->var[i] != NULL;
    return n;
}

typedef struct candidate {
    const sql_function_t *fn;
    sql_signature_t signature;
    match_t match;
    const data_type_t **arg_type;
} candidate_t;

/* Negative: a is the better one. A fixed number of parameters before a variable one, types before
 * variables. */
static int compare(const candidate_t *a, const candidate_t *b)
{
    if (a->signature.variadic != b->signature.variadic)
        return a->signature.variadic ? 1 : -1;
    size_t va = n_vars(&a->match), vb = n_vars(&b->match);
    if (va != vb)
        return va < vb ? -1 : 1;
    if (!a->signature.variadic)
        return (a->match.widened > b->match.widened) - (a->match.widened < b->match.widened);
    return 0;
}

static st_t finish(candidate_t *c, size_t n_args, sql_fn_resolved_t *ret, err_t *err)
{
    ret->fn = c->fn;
    ret->arg_type = c->arg_type;
    ret->ret_type = c->fn->ret_type ? c->fn->ret_type(c->match.arena, c->arg_type, n_args)
                                    : build_type(&c->match, c->signature.ret);
    if (!ret->ret_type)
        return err_set(err, ST_BAD_STATEMENT,
                       "Function '%s' needs an argument whose type is known: CAST the null",
                       c->fn->name);
    return ST_OK;
}

static size_t rows_of(str_t name, sql_fn_kind_t kind, const sql_function_t **ret)
{
    size_t n, first = 0;
    const sql_function_t *all = sql_functions(&n);
    while (first < n && !(all[first].kind == kind && str_eq_nocase(name, str_of(all[first].name))))
        first++;
    *ret = all + first;
    size_t end = first;
    while (end < n && all[end].kind == kind && str_eq_nocase(name, str_of(all[end].name)))
        end++;
    return end - first;
}

bool sql_function_exists(str_t name, sql_fn_kind_t kind)
{
    const sql_function_t *row;
    return rows_of(name, kind, &row) > 0;
}

st_t sql_function_resolve(arena_t *a, str_t name, sql_fn_kind_t kind, const sql_fn_arg_t *arg,
                          size_t n_args, bind_lambda_fn bind_lambda, void *env,
                          sql_fn_resolved_t *ret, err_t *err)
{
    const sql_function_t *row;
    size_t n_rows = rows_of(name, kind, &row);
    if (!n_rows)
        return err_set(err, ST_BAD_STATEMENT,
                       "Can't find any functions with the name '" STR_FMT "'", STR_ARG(name));
    st_t lambda_st = ST_OK;
    for (int casts = 0; casts < 2; casts++) {
        candidate_t best = {0};
        bool ambiguous = false;
        for (size_t i = 0; i < n_rows; i++) {
            candidate_t c = {.fn = &row[i]};
            c.match = (match_t){
                .arena = a, .casts = casts, .bind_lambda = bind_lambda, .env = env, .err = err};
            c.arg_type = ARENA_ARRAY(a, const data_type_t *, n_args + 1);
            sql_signature_read(a, row[i].signature, &c.signature);
            if (!match_call(&c.match, &c.signature, arg, n_args, c.arg_type)) {
                if (c.match.lambda_st != ST_OK)
                    lambda_st = c.match.lambda_st;
                continue;
            }
            int better = best.fn ? compare(&c, &best) : -1;
            ambiguous = better == 0 ? casts : better < 0 ? false : ambiguous;
            if (better < 0)
                best = c;
        }
        if (ambiguous)
            return fail(a, name, row, n_rows, arg, n_args, true, err);
        if (best.fn)
            return finish(&best, n_args, ret, err);
    }
    if (lambda_st != ST_OK)
        return lambda_st;
    return fail(a, name, row, n_rows, arg, n_args, false, err);
}
