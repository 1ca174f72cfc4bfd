/* Every row's example holds, by a small evaluator of literals, calls and lambdas; aggregates are
 * driven by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "data/text.h"
#include "sql/function/function.h"
#include "sql/parse/format.h"
#include "sql/parse/parse.h"

static arena_t a;

typedef struct typed {
    data_value_t v;
    const data_type_t *t; /* NULL: the null literal */
} typed_t;

/* Parameters of the lambdas around an expression. */
typedef struct scope {
    const struct scope *outer;
    sql_names_t names;
    const data_value_t *v;
    const data_type_t *const *t;
} scope_t;

static typed_t eval(const sql_expr_t *e, const scope_t *s);

static typed_t convert(typed_t x, const data_type_t *to)
{
    if (!x.t || data_is_null(x.v) || data_type_eq(x.t, to))
        return (typed_t){x.v, to};
    double d = x.t->kind == DATA_INTEGER  ? x.v.i32
               : x.t->kind == DATA_BIGINT ? (double)x.v.i64
               : x.t->kind == DATA_DOUBLE ? x.v.f64
                                          : 0;
    const data_decimal_t *dec = x.t->kind == DATA_DECIMAL ? x.v.dec : NULL;
    switch ((int)to->kind) {
    case DATA_INTEGER: return (typed_t){data_of_i32((int32_t)d), to};
    case DATA_BIGINT: return (typed_t){data_of_i64((int64_t)d), to};
    case DATA_DOUBLE: return (typed_t){data_of_f64(dec ? data_decimal_to_f64(dec) : d), to};
    case DATA_DECIMAL:
        if (!dec)
            dec = data_decimal_i64(&a, (int64_t)d, 0);
        return (typed_t){data_of_decimal(data_decimal_rescale(&a, dec, to->scale)), to};
    case DATA_ARRAY: {
        data_value_t *v = ARENA_ARRAY(&a, data_value_t, x.v.len + 1);
        for (size_t i = 0; i < x.v.len; i++)
            v[i] = convert((typed_t){x.v.v[i], x.t->elem}, to->elem).v;
        return (typed_t){data_of_array(v, x.v.len), to};
    }
    default: return (typed_t){x.v, to};
    }
}

static typed_t number(const char *text, const data_type_t *t)
{
    const data_decimal_t *d;
    assert_int_equal(data_decimal_parse(&a, str_of(text), &d, NULL), ST_OK);
    return (typed_t){data_of_decimal(d),
                     t ? t : data_type_decimal(&a, data_decimal_precision(d), d->scale)};
}

typedef struct lambda_env {
    const sql_expr_t *call;
    const scope_t *scope;
    const data_type_t *param[16][3];
} lambda_env_t;

static st_t bind_lambda(void *env, void *lambda, const data_type_t *const *param, size_t n,
                        const data_type_t **ret, err_t *err)
{
    (void)err;
    lambda_env_t *l = env;
    const sql_expr_t *e = lambda;
    data_value_t none[3] = {0};
    const data_type_t *t[3];
    for (size_t i = 0; i < l->call->n_args; i++)
        if (l->call->arg[i] == e)
            for (size_t k = 0; k < n; k++)
                l->param[i][k] = t[k] = param[k];
    scope_t s = {l->scope, e->names, none, t};
    *ret = eval(e->arg[0], &s).t;
    return ST_OK;
}

static st_t run_lambda(sql_fn_call_t *call, size_t i, const data_value_t *args, size_t n,
                       data_value_t *ret, err_t *err)
{
    (void)err, (void)n;
    lambda_env_t *l = call->lambda_env;
    scope_t s = {l->scope, l->call->arg[i]->names, args, l->param[i]};
    *ret = eval(l->call->arg[i]->arg[0], &s).v;
    return ST_OK;
}

static int64_t now_ms(void *env)
{
    (void)env;
    return 1600000000000;
}

static uint64_t random_bits(void *env)
{
    (void)env;
    return 0x123456789abcdef0;
}

static typed_t call(const sql_expr_t *e, const scope_t *scope)
{
    sql_fn_arg_t arg[16] = {0};
    typed_t x[16];
    data_value_t v[16];
    lambda_env_t env = {.call = e, .scope = scope};
    for (size_t i = 0; i < e->n_args; i++) {
        if (e->arg[i]->kind == SQL_EXPR_LAMBDA) {
            arg[i] = (sql_fn_arg_t){NULL, e->arg[i]->names.len, e->arg[i]};
            x[i] = (typed_t){DATA_NULL_VALUE, NULL};
        } else {
            x[i] = eval(e->arg[i], scope);
            arg[i].type = x[i].t;
        }
    }
    sql_fn_resolved_t fn;
    err_t err;
    if (sql_function_resolve(&a, e->name, SQL_FN_SCALAR, arg, e->n_args, bind_lambda, &env, &fn,
                             &err))
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < e->n_args; i++)
        v[i] = fn.arg_type[i] ? convert(x[i], fn.arg_type[i]).v : x[i].v;
    void *state = NULL;
    void (*state_free)(void *) = NULL;
    sql_fn_call_t c = {.arena = &a,
                       .arg_type = fn.arg_type,
                       .n_args = e->n_args,
                       .ret_type = fn.ret_type,
                       .state = &state,
                       .state_free = &state_free,
                       .now_ms = now_ms,
                       .random = random_bits,
                       .lambda = run_lambda,
                       .lambda_env = &env};
    typed_t r = {DATA_NULL_VALUE, fn.ret_type};
    if (fn.fn->scalar(&c, v, &r.v, &err))
        r.v = DATA_NULL_VALUE; /* as in a query: an error makes null */
    if (state_free)
        state_free(state);
    return r;
}

static typed_t collection(const sql_expr_t *e, const scope_t *s)
{
    data_value_t *v = ARENA_ARRAY(&a, data_value_t, e->n_args + 1);
    const data_type_t *t[2] = {NULL, NULL};
    data_field_t *field = ARENA_ARRAY(&a, data_field_t, e->n_args + 1);
    for (size_t i = 0; i < e->n_args; i++) {
        typed_t x = eval(e->arg[i], s);
        v[i] = x.v;
        size_t k = e->kind == SQL_EXPR_MAP ? i % 2 : 0;
        t[k] = t[k] && !(x.t && x.t->kind > t[k]->kind) ? t[k] : x.t;
        if (e->kind == SQL_EXPR_STRUCT)
            field[i] = (data_field_t){e->names.ptr[i], x.t};
    }
    if (e->kind == SQL_EXPR_STRUCT)
        return (typed_t){data_of_struct(v, e->n_args), data_type_struct(&a, field, e->n_args)};
    if (e->kind == SQL_EXPR_MAP)
        return (typed_t){data_of_map(v, e->n_args / 2), data_type_map(&a, t[0], t[1])};
    return (typed_t){data_of_array(v, e->n_args), data_type_array(&a, t[0] ? t[0] : &data_string)};
}

static typed_t arithmetic(const sql_expr_t *e, const scope_t *s)
{
    typed_t x = eval(e->arg[0], s), y = eval(e->arg[1], s);
    if (x.t->kind == DATA_STRING)
        return (typed_t){data_of_str(arena_printf(&a, STR_FMT STR_FMT, STR_ARG(data_str(x.v)),
                                                  STR_ARG(data_str(y.v)))),
                         x.t};
    int64_t i = convert(x, &data_bigint).v.i64, k = convert(y, &data_bigint).v.i64;
    const data_type_t *t = x.t->kind > y.t->kind ? x.t : y.t;
    return convert((typed_t){data_of_i64(e->op == SQL_OP_ADD ? i + k : i * k), &data_bigint}, t);
}

static bool same(typed_t x, typed_t y);

static typed_t eval(const sql_expr_t *e, const scope_t *s)
{
    switch ((int)e->kind) {
    case SQL_EXPR_NULL: return (typed_t){DATA_NULL_VALUE, NULL};
    case SQL_EXPR_BOOLEAN: return (typed_t){data_of_bool(e->b), &data_boolean};
    case SQL_EXPR_INTEGER: return (typed_t){data_of_i32((int32_t)e->i64), &data_integer};
    case SQL_EXPR_LONG: return (typed_t){data_of_i64(e->i64), &data_bigint};
    case SQL_EXPR_DOUBLE: return (typed_t){data_of_f64(e->f64), &data_double};
    case SQL_EXPR_DECIMAL: return number(arena_z(&a, e->text), NULL);
    case SQL_EXPR_STRING: return (typed_t){data_of_str(e->text), &data_string};
    case SQL_EXPR_COLUMN:
        for (; s; s = s->outer)
            for (size_t i = 0; i < s->names.len; i++)
                if (str_eq(s->names.ptr[i], e->name))
                    return (typed_t){s->v[i], s->t[i]};
        assert_int_not_equal(e->unit, SQL_UNIT_NONE);
        return (typed_t){data_of_str(e->name), &sql_type_unit};
    case SQL_EXPR_CALL: return call(e, s);
    case SQL_EXPR_ARITHMETIC: return arithmetic(e, s);
    case SQL_EXPR_COMPARISON: {
        typed_t x = eval(e->arg[0], s), y = eval(e->arg[1], s);
        int c = data_is_null(x.v) || data_is_null(y.v) || e->op == SQL_OP_EQ
                    ? 0
                    : data_cmp(x.v, convert(y, x.t).v);
        return (typed_t){data_of_bool(e->op == SQL_OP_GT   ? c > 0
                                      : e->op == SQL_OP_LT ? c < 0
                                                           : same(x, y)),
                         &data_boolean};
    }
    case SQL_EXPR_CAST: {
        const data_type_t *t;
        typed_t x = eval(e->arg[0], s);
        assert_int_equal(sql_type_resolve(&a, e->type, NULL, NULL, &t, NULL), ST_OK);
        return convert(x, t);
    }
    case SQL_EXPR_ARRAY:
    case SQL_EXPR_MAP:
    case SQL_EXPR_STRUCT: return collection(e, s);
    default: fail_msg("an example may not have this: %s", arena_z(&a, sql_format_expr_text(&a, e)));
    }
    return (typed_t){0};
}

/* As texts, so that 1 and 1.0 differ but an INTEGER and a BIGINT do not. */
static str_t text(typed_t x)
{
    buf_t b = BUF_INIT;
    if (data_is_null(x.v))
        BUF_LIT(&b, "null");
    else
        data_put_text(&b, x.v, x.t);
    str_t s = arena_str(&a, buf_str(&b));
    buf_done(&b);
    return s;
}

static bool same(typed_t x, typed_t y)
{
    return str_eq(text(x), text(y));
}

static void examples_hold(void **state)
{
    (void)state;
    size_t n, wrong = 0;
    const sql_function_t *f = sql_functions(&n);
    for (size_t i = 0; i < n; i++) {
        sql_expr_t *e;
        err_t err;
        if (f[i].kind != SQL_FN_SCALAR || !f[i].example[0])
            continue;
        arena_init(&a, ARENA_NO_LIMIT);
        if (sql_parse_expr(&a, str_of(f[i].example), &e, &err))
            fail_msg("%s: %s", f[i].example, err.msg);
        assert_int_equal(e->kind, SQL_EXPR_COMPARISON);
        typed_t x = eval(e->arg[0], NULL), y = eval(e->arg[1], NULL);
        bool holds = e->op == SQL_OP_EQ ? same(x, y) : eval(e, NULL).v.b;
        if (!holds) {
            print_error("%s: is " STR_FMT "\n", f[i].example, STR_ARG(text(x)));
            wrong++;
        }
        arena_done(&a);
    }
    assert_int_equal(wrong, 0);
}

static void rows_are_sorted_and_described(void **state)
{
    (void)state;
    size_t n;
    const sql_function_t *f = sql_functions(&n);
    for (size_t i = 0; i < n; i++) {
        bool first = !i || !str_eq(str_of(f[i].name), str_of(f[i - 1].name));
        assert_true(!i || str_cmp(str_of(f[i - 1].name), str_of(f[i].name)) <= 0);
        assert_true(!first || f[i].doc[0]);
    }
}

/* ---- aggregates ---- */

static void *agg_state;
static void (*agg_free)(void *);

typedef struct agg {
    sql_fn_call_t call;
    const sql_agg_class_t *class;
    data_value_t slot[6];
} agg_t;

static agg_t agg(const char *name, const data_type_t *const *type, size_t n)
{
    sql_fn_arg_t arg[4] = {0};
    for (size_t i = 0; i < n; i++)
        arg[i].type = type[i];
    sql_fn_resolved_t fn;
    err_t err;
    if (sql_function_resolve(&a, str_of(name), SQL_FN_AGGREGATE, arg, n, NULL, NULL, &fn, &err))
        fail_msg("%s", err.msg);
    agg_t g = {.class = fn.fn->agg};
    g.call = (sql_fn_call_t){.arena = &a,
                             .arg_type = fn.arg_type,
                             .n_args = n,
                             .ret_type = fn.ret_type,
                             .state = &agg_state,
                             .state_free = &agg_free};
    if (g.class->init)
        assert_int_equal(g.class->init(&g.call, g.slot, &err), ST_OK);
    return g;
}

static void forget(void)
{
    if (agg_free)
        agg_free(agg_state);
    agg_free = NULL;
    agg_state = NULL;
    arena_done(&a);
}

static const char *agg_text(agg_t *g)
{
    typed_t r = {g->slot[0], g->call.ret_type};
    if (g->class->result)
        assert_int_equal(g->class->result(&g->call, g->slot, &r.v, NULL), ST_OK);
    return arena_z(&a, text(r));
}

static void add(agg_t *g, data_value_t x, data_value_t y)
{
    data_value_t args[2] = {x, y};
    assert_int_equal(g->class->add(&g->call, g->slot, args, NULL), ST_OK);
}

static void aggregates_add_up(void **state)
{
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    const data_type_t *const one[] = {&data_integer, &data_integer};
    static const struct {
        const char *name;
        size_t n;
        int32_t second;
        const char *want; /* of 3, null, 1, 2, 3 */
    } cases[] = {
        {"COUNT", 1, 0, "4"},
        {"SUM", 1, 0, "9"},
        {"AVG", 1, 0, "2.25"},
        {"MIN", 1, 0, "1"},
        {"MAX", 1, 0, "3"},
        {"COLLECT_LIST", 1, 0, "[3, null, 1, 2, 3]"},
        {"COLLECT_SET", 1, 0, "[3, null, 1, 2]"},
        {"COUNT_DISTINCT", 1, 0, "3"},
        {"LATEST_BY_OFFSET", 1, 0, "3"},
        {"EARLIEST_BY_OFFSET", 1, 0, "3"},
        {"LATEST_BY_OFFSET", 2, 2, "[2, 3]"},
        {"EARLIEST_BY_OFFSET", 2, 2, "[3, 1]"},
        {"TOPK", 2, 3, "[3, 3, 2]"},
        {"TOPKDISTINCT", 2, 2, "[3, 2]"},
        {"ATTR", 1, 0, "null"},
        {"STDDEV_SAMP", 1, 0, "0.9166666666666666"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        agg_t g = agg(cases[i].name, one, cases[i].n);
        data_value_t second = data_of_i32(cases[i].second);
        add(&g, data_of_i32(3), second);
        add(&g, DATA_NULL_VALUE, second);
        for (int32_t k = 1; k <= 3; k++)
            add(&g, data_of_i32(k), second);
        assert_string_equal(agg_text(&g), cases[i].want);
    }
    forget();
}

/* The later session's values were taken in first. */
static void sessions_merge_by_offset(void **state)
{
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    const data_type_t *const type[] = {&data_integer};
    agg_t late = agg("LATEST_BY_OFFSET", type, 1), early = agg("LATEST_BY_OFFSET", type, 1);
    add(&late, data_of_i32(1), DATA_NULL_VALUE);
    add(&early, data_of_i32(2), DATA_NULL_VALUE);
    assert_int_equal(early.class->merge(&early.call, early.slot, late.slot, NULL), ST_OK);
    assert_string_equal(agg_text(&early), "2");
    forget();
}

static void sums_overflow(void **state)
{
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    const data_type_t *const type[] = {&data_integer};
    agg_t g = agg("SUM", type, 1);
    data_value_t most = data_of_i32(INT32_MAX);
    add(&g, most, DATA_NULL_VALUE);
    assert_int_equal(g.class->add(&g.call, g.slot, &most, NULL), ST_RANGE);
    assert_int_equal(g.class->undo(&g.call, g.slot, &most, NULL), ST_OK);
    assert_string_equal(agg_text(&g), "0");
    arena_done(&a);
}

static void refusals_list_alternatives(void **state)
{
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    sql_fn_arg_t arg[] = {{.type = data_type_map(&a, &data_string, &data_integer)}};
    sql_fn_resolved_t fn;
    err_t err;
    assert_int_equal(
        sql_function_resolve(&a, STR("AVG"), SQL_FN_AGGREGATE, arg, 1, NULL, NULL, &fn, &err),
        ST_BAD_STATEMENT);
    assert_true(
        str_starts(str_of(err.msg),
                   STR("Function 'avg' does not accept parameters (MAP<STRING, INTEGER>).\nValid "
                       "alternatives are:\navg(INTEGER val)\navg(BIGINT val)")));
    assert_int_equal(
        sql_function_resolve(&a, STR("NOPE"), SQL_FN_SCALAR, arg, 1, NULL, NULL, &fn, &err),
        ST_BAD_STATEMENT);
    assert_string_equal(err.msg, "Can't find any functions with the name 'NOPE'");
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_hold),     cmocka_unit_test(rows_are_sorted_and_described),
        cmocka_unit_test(aggregates_add_up), cmocka_unit_test(sessions_merge_by_offset),
        cmocka_unit_test(sums_overflow),     cmocka_unit_test(refusals_list_alternatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
