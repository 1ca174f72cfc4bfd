#include "sql/exec/step.h"

#include "sql/exec/cast.h"

#include <math.h>

#define NEXT 1
#define FAIL (-1)

static inline const data_value_t *in(const expr_t *e, const expr_ctx_t *c, int32_t operand)
{
    return expr_at(e, c, operand);
}

static inline void out(expr_t *e, const expr_step_t *s, data_value_t v)
{
    e->reg[~s->out] = v;
}

static int32_t emit2(expr_builder_t *b, expr_step_fn fn, int32_t x, int32_t y, const void *data)
{
    int32_t r = expr_reg(b, DATA_NULL_VALUE);
    expr_emit(b, (expr_step_t){.fn = fn, .out = r, .a = x, .b = y, .data = data});
    return r;
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static int zero_division(expr_ctx_t *c)
{
    err_set_at(c->err, ST_RANGE, __FILE__, __LINE__, "/ by zero");
    return FAIL;
}

#define ARITH_NULLS                                                                                \
    const data_value_t x = *in(e, c, s->a), y = *in(e, c, s->b);                                   \
    if (x.kind == DATA_NULL || y.kind == DATA_NULL) {                                              \
        out(e, s, DATA_NULL_VALUE);                                                                \
        return NEXT;                                                                               \
    }

#define ARITH_FN(name, bits, of, field, expression)                                                \
    static int name(expr_t *e, const expr_step_t *s, expr_ctx_t *c)                                \
    {                                                                                              \
        ARITH_NULLS                                                                                \
        out(e, s, of(expression));                                                                 \
        return NEXT;                                                                               \
    }

#define WRAP32(op) (int32_t)((uint32_t)x.i32 op(uint32_t) y.i32)
#define WRAP64(op) (int64_t)((uint64_t)x.i64 op(uint64_t) y.i64)

ARITH_FN(add_i32, 32, data_of_i32, i32, WRAP32(+))
ARITH_FN(sub_i32, 32, data_of_i32, i32, WRAP32(-))
ARITH_FN(mul_i32, 32, data_of_i32, i32, WRAP32(*))
ARITH_FN(add_i64, 64, data_of_i64, i64, WRAP64(+))
ARITH_FN(sub_i64, 64, data_of_i64, i64, WRAP64(-))
ARITH_FN(mul_i64, 64, data_of_i64, i64, WRAP64(*))
ARITH_FN(add_f64, 64, data_of_f64, f64, x.f64 + y.f64)
ARITH_FN(sub_f64, 64, data_of_f64, f64, x.f64 - y.f64)
ARITH_FN(mul_f64, 64, data_of_f64, f64, x.f64 *y.f64)
ARITH_FN(div_f64, 64, data_of_f64, f64, x.f64 / y.f64)
ARITH_FN(mod_f64, 64, data_of_f64, f64, fmod(x.f64, y.f64))

static int div_i32(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    ARITH_NULLS
    if (y.i32 == 0)
        return zero_division(c);
    out(e, s, data_of_i32(y.i32 == -1 ? (int32_t)(0 - (uint32_t)x.i32) : x.i32 / y.i32));
    return NEXT;
}

static int mod_i32(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    ARITH_NULLS
    if (y.i32 == 0)
        return zero_division(c);
    out(e, s, data_of_i32(y.i32 == -1 ? 0 : x.i32 % y.i32));
    return NEXT;
}

static int div_i64(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    ARITH_NULLS
    if (y.i64 == 0)
        return zero_division(c);
    out(e, s, data_of_i64(y.i64 == -1 ? (int64_t)(0 - (uint64_t)x.i64) : x.i64 / y.i64));
    return NEXT;
}

static int mod_i64(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    ARITH_NULLS
    if (y.i64 == 0)
        return zero_division(c);
    out(e, s, data_of_i64(y.i64 == -1 ? 0 : x.i64 % y.i64));
    return NEXT;
}

#define DECIMAL_FN(name, op)                                                                       \
    static int name(expr_t *e, const expr_step_t *s, expr_ctx_t *c)                                \
    {                                                                                              \
        ARITH_NULLS                                                                                \
        const data_type_t *t = s->data;                                                            \
        const data_decimal_t *d;                                                                   \
        if (data_decimal_arith(c->arena, op, x.dec, y.dec, t->scale, &d, c->err) != ST_OK ||       \
            data_decimal_fit(c->arena, d, t->precision, t->scale, &d, c->err) != ST_OK)            \
            return FAIL;                                                                           \
        out(e, s, data_of_decimal(d));                                                             \
        return NEXT;                                                                               \
    }

DECIMAL_FN(add_dec, DATA_ADD)
DECIMAL_FN(sub_dec, DATA_SUB)
DECIMAL_FN(mul_dec, DATA_MUL)
DECIMAL_FN(div_dec, DATA_DIV)
DECIMAL_FN(mod_dec, DATA_MOD)

static int concat(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    ARITH_NULLS
    char *p = arena_alloc(c->arena, (size_t)x.len + y.len + 1);
    if (x.len)
        memcpy(p, x.ptr, x.len);
    if (y.len)
        memcpy(p + x.len, y.ptr, y.len);
    data_value_t v = x;
    v.ptr = p;
    v.len = x.len + y.len;
    out(e, s, v);
    return NEXT;
}

int32_t step_arith(expr_builder_t *b, data_arith_t op, int32_t x, int32_t y,
                   const data_type_t *type)
{
    static const expr_step_fn fns[][5] = {
        [DATA_INTEGER] = {add_i32, sub_i32, mul_i32, div_i32, mod_i32},
        [DATA_BIGINT] = {add_i64, sub_i64, mul_i64, div_i64, mod_i64},
        [DATA_DOUBLE] = {add_f64, sub_f64, mul_f64, div_f64, mod_f64},
        [DATA_DECIMAL] = {add_dec, sub_dec, mul_dec, div_dec, mod_dec},
        [DATA_STRING] = {concat},
    };
    ASSERT(type->kind <= DATA_STRING && fns[type->kind][op]);
    return emit2(b, fns[type->kind][op], x, y, type);
}

static int negate(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    data_value_t v = *in(e, c, s->a);
    if (v.kind == DATA_INTEGER)
        v.i32 = (int32_t)(0 - (uint32_t)v.i32);
    else if (v.kind == DATA_BIGINT)
        v.i64 = (int64_t)(0 - (uint64_t)v.i64);
    else if (v.kind == DATA_DOUBLE)
        v.f64 = -v.f64;
    else if (v.kind == DATA_DECIMAL) {
        size_t n = sizeof *v.dec + 8 * (size_t)(v.dec->n < 0 ? -v.dec->n : v.dec->n);
        data_decimal_t *d = memcpy(arena_alloc(c->arena, n), v.dec, n);
        d->n = -d->n;
        v.dec = d;
    }
    out(e, s, v);
    return NEXT;
}

int32_t step_negate(expr_builder_t *b, int32_t x, const data_type_t *type)
{
    return emit2(b, negate, x, x, type);
}

/* ---- comparison and logic -------------------------------------------------------------------- */

static bool equal(data_value_t x, data_value_t y)
{
    if (x.kind == DATA_DECIMAL && y.kind == DATA_DECIMAL)
        return data_decimal_cmp(x.dec, y.dec) == 0;
    if (x.kind == DATA_DOUBLE && y.kind == DATA_DOUBLE)
        return x.f64 == y.f64;
    return data_eq(x, y);
}

#define COMPARE_FN(name, expression)                                                               \
    static int name(expr_t *e, const expr_step_t *s, expr_ctx_t *c)                                \
    {                                                                                              \
        const data_value_t x = *in(e, c, s->a), y = *in(e, c, s->b);                               \
        bool nulls = x.kind == DATA_NULL || y.kind == DATA_NULL;                                   \
        out(e, s, data_of_bool(!nulls && (expression)));                                           \
        return NEXT;                                                                               \
    }

COMPARE_FN(compare_eq, equal(x, y))
COMPARE_FN(compare_ne, !equal(x, y))
COMPARE_FN(compare_lt, data_cmp(x, y) < 0)
COMPARE_FN(compare_le, data_cmp(x, y) <= 0)
COMPARE_FN(compare_gt, data_cmp(x, y) > 0)
COMPARE_FN(compare_ge, data_cmp(x, y) >= 0)

static int compare_distinct(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    out(e, s, data_of_bool(!equal(*in(e, c, s->a), *in(e, c, s->b))));
    return NEXT;
}

static int compare_not_distinct(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    out(e, s, data_of_bool(equal(*in(e, c, s->a), *in(e, c, s->b))));
    return NEXT;
}

int32_t step_compare(expr_builder_t *b, step_compare_t op, int32_t x, int32_t y)
{
    static const expr_step_fn fns[] = {compare_eq,       compare_ne,          compare_lt,
                                       compare_le,       compare_gt,          compare_ge,
                                       compare_distinct, compare_not_distinct};
    return emit2(b, fns[op], x, y, NULL);
}

static int is_null(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    out(e, s, data_of_bool((in(e, c, s->a)->kind == DATA_NULL) != (s->b != 0)));
    return NEXT;
}

int32_t step_is_null(expr_builder_t *b, int32_t x, bool negated)
{
    return emit2(b, is_null, x, negated, NULL);
}

static int not_(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    data_value_t v = *in(e, c, s->a);
    if (v.kind != DATA_NULL)
        v = data_of_bool(!v.b);
    out(e, s, v);
    return NEXT;
}

int32_t step_not(expr_builder_t *b, int32_t x)
{
    return emit2(b, not_, x, x, NULL);
}

static size_t utf8_len(const char *p, const char *end)
{
    size_t n = 1;
    while (p + n < end && ((uint8_t)p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* % any run, _ one character; without recursion: the last % is where a mismatch goes back to. */
static bool like(str_t text, str_t pattern, char escape)
{
    const char *t = text.ptr, *te = t + text.len, *p = pattern.ptr, *pe = p + pattern.len;
    const char *back_p = NULL, *back_t = NULL;
    for (;;) {
        if (p < pe && *p == '%' && !(escape == '%')) {
            back_p = ++p;
            back_t = t;
            continue;
        }
        if (t == te)
            return p == pe;
        const char *q = p;
        bool literal = q < pe && escape && *q == escape && q + 1 < pe;
        q += literal;
        if (q < pe && !literal && *q == '_') {
            p = q + 1;
            t += utf8_len(t, te);
        } else if (q < pe && *q == *t) {
            p = q + 1;
            t++;
        } else if (back_p) {
            p = back_p;
            t = ++back_t;
        } else {
            return false;
        }
    }
}

static int like_step(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const data_value_t x = *in(e, c, s->a), y = *in(e, c, s->b);
    bool r =
        x.kind != DATA_NULL && y.kind != DATA_NULL && like(data_str(x), data_str(y), (char)s->jump);
    out(e, s, data_of_bool(r));
    return NEXT;
}

int32_t step_like(expr_builder_t *b, int32_t x, int32_t pattern, char escape)
{
    int32_t r = expr_reg(b, DATA_NULL_VALUE);
    expr_emit(b, (expr_step_t){.fn = like_step, .out = r, .a = x, .b = pattern, .jump = escape});
    return r;
}

/* ---- conversion, members --------------------------------------------------------------------- */

typedef struct cast_pair {
    const data_type_t *from, *to;
} cast_pair_t;

static int cast(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const cast_pair_t *p = s->data;
    data_value_t v;
    if (cast_value(c->arena, *in(e, c, s->a), p->from, p->to, &v, c->err) != ST_OK)
        return FAIL;
    out(e, s, v);
    return NEXT;
}

int32_t step_cast(expr_builder_t *b, int32_t x, const data_type_t *from, const data_type_t *to)
{
    if (!from || data_type_eq(from, to))
        return x;
    cast_pair_t *p = ARENA_NEW(expr_builder_arena(b), cast_pair_t);
    *p = (cast_pair_t){from, to};
    return emit2(b, cast, x, x, p);
}

static int index_array(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const data_value_t x = *in(e, c, s->a), y = *in(e, c, s->b);
    data_value_t v = DATA_NULL_VALUE;
    if (x.kind != DATA_NULL && y.kind != DATA_NULL) {
        int64_t i = y.kind == DATA_INTEGER ? y.i32 : y.i64;
        i = i > 0 ? i - 1 : i < 0 ? i + x.len : -1;
        if (i >= 0 && i < x.len)
            v = x.v[i];
    }
    out(e, s, v);
    return NEXT;
}

static int index_map(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const data_value_t x = *in(e, c, s->a), y = *in(e, c, s->b);
    data_value_t v = DATA_NULL_VALUE;
    for (uint32_t i = 0; x.kind == DATA_MAP && i < x.len; i++)
        if (data_eq(x.v[2 * i], y))
            v = x.v[2 * i + 1];
    out(e, s, v);
    return NEXT;
}

int32_t step_subscript(expr_builder_t *b, int32_t x, int32_t index, const data_type_t *type)
{
    return emit2(b, type->kind == DATA_MAP ? index_map : index_array, x, index, NULL);
}

static int field(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const data_value_t x = *in(e, c, s->a);
    out(e, s, x.kind == DATA_NULL ? x : x.v[s->b]);
    return NEXT;
}

int32_t step_field(expr_builder_t *b, int32_t x, size_t i)
{
    return emit2(b, field, x, (int32_t)i, NULL);
}

static int make(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const int32_t *operand = s->data;
    data_kind_t kind = (data_kind_t)s->b;
    size_t n = (size_t)s->a, total = kind == DATA_MAP ? 2 * n : n;
    data_value_t *v = arena_alloc(c->arena, total * sizeof *v);
    size_t at = 0;
    for (size_t i = 0; i < total; i++)
        v[i] = *in(e, c, operand[i]);
    if (kind == DATA_MAP) { /* a key given twice: the last value stands, in the first one's place */
        for (size_t i = 0; i < n; i++) {
            size_t j = 0;
            while (j < at && !data_eq(v[2 * j], v[2 * i]))
                j++;
            v[2 * j] = v[2 * i];
            v[2 * j + 1] = v[2 * i + 1];
            at += j == at;
        }
        n = at;
    }
    out(e, s, (data_value_t){.kind = (uint8_t)kind, .len = (uint32_t)n, .v = v});
    return NEXT;
}

int32_t step_make(expr_builder_t *b, arena_t *a, data_kind_t kind, const int32_t *operand, size_t n)
{
    size_t total = kind == DATA_MAP ? 2 * n : n;
    int32_t *copy = ARENA_ARRAY(a, int32_t, total + 1);
    if (total)
        memcpy(copy, operand, total * sizeof *copy);
    return emit2(b, make, (int32_t)n, (int32_t)kind, copy);
}

/* ---- jumps ----------------------------------------------------------------------------------- */

static int move(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    out(e, s, *in(e, c, s->a));
    return NEXT;
}

void step_move(expr_builder_t *b, int32_t to, int32_t from)
{
    expr_emit(b, (expr_step_t){.fn = move, .out = to, .a = from});
}

static int jump(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    (void)e;
    (void)c;
    return s->jump;
}

static int jump_unless(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const data_value_t v = *in(e, c, s->a);
    return v.kind == DATA_BOOLEAN && v.b ? NEXT : s->jump;
}

static int jump_if(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const data_value_t v = *in(e, c, s->a);
    return v.kind == DATA_BOOLEAN && v.b ? s->jump : NEXT;
}

size_t step_jump(expr_builder_t *b)
{
    return expr_emit(b, (expr_step_t){.fn = jump});
}

size_t step_jump_unless(expr_builder_t *b, int32_t x)
{
    return expr_emit(b, (expr_step_t){.fn = jump_unless, .a = x});
}

size_t step_jump_if(expr_builder_t *b, int32_t x)
{
    return expr_emit(b, (expr_step_t){.fn = jump_if, .a = x});
}

/* ---- calls ----------------------------------------------------------------------------------- */

typedef struct call_data {
    const sql_function_t *fn;
    const data_type_t **arg_type;
    const data_type_t *ret_type;
    const int32_t *operand;
    step_lambda_t *const *lambda;
    size_t n_args;
    step_env_t env;
    data_value_t *args;
} call_data_t;

typedef struct lambda_env {
    expr_t *e;
    const call_data_t *call;
    expr_ctx_t *ctx;
} lambda_env_t;

static ST run_lambda(sql_fn_call_t *call, size_t i, const data_value_t *args, size_t n_args,
                     data_value_t *ret, err_t *err)
{
    lambda_env_t *env = call->lambda_env;
    const step_lambda_t *l = env->call->lambda[i];
    ASSERT(l && n_args == l->n_params);
    for (size_t k = 0; k < n_args; k++)
        l->body->reg[~l->param[k]] = args[k];
    for (size_t k = 0; k < l->n_captured; k++)
        l->body->reg[~l->captured_to[k]] = *expr_at(env->e, env->ctx, l->captured[k]);
    expr_ctx_t inner = *env->ctx;
    inner.err = err;
    bool failed = false;
    *ret = expr_eval(l->body, &inner, &failed);
    return failed ? (err && err->code ? err->code : ST_BAD_INPUT) : ST_OK;
}

static int call(expr_t *e, const expr_step_t *s, expr_ctx_t *c)
{
    const call_data_t *d = s->data;
    data_value_t args[16], *arg = d->n_args <= 16 ? args : d->args;
    for (size_t i = 0; i < d->n_args; i++)
        arg[i] = d->lambda && d->lambda[i] ? DATA_NULL_VALUE : *in(e, c, d->operand[i]);
    lambda_env_t lambda_env = {e, d, c};
    sql_fn_call_t call_ = {
        .arena = c->arena,
        .arg_type = d->arg_type,
        .n_args = d->n_args,
        .ret_type = d->ret_type,
        .state = &e->state[s->a],
        .state_free = &e->state_free[s->a],
        .now_ms = d->env.now_ms,
        .random = d->env.random,
        .env = d->env.env,
        .lambda = run_lambda,
        .lambda_env = &lambda_env,
    };
    data_value_t v = DATA_NULL_VALUE;
    st_t st = d->fn->scalar(&call_, arg, &v, c->err);
    if (st != ST_OK)
        return FAIL;
    out(e, s, v);
    return NEXT;
}

int32_t step_call(expr_builder_t *b, arena_t *a, const sql_fn_resolved_t *fn,
                  const int32_t *operand, step_lambda_t *const *lambda, size_t n_args,
                  const step_env_t *env)
{
    call_data_t *d = ARENA_NEW(a, call_data_t);
    int32_t *copy = ARENA_ARRAY(a, int32_t, n_args + 1);
    step_lambda_t **lambdas = ARENA_ARRAY(a, step_lambda_t *, n_args + 1);
    for (size_t i = 0; i < n_args; i++) {
        copy[i] = operand[i];
        lambdas[i] = lambda ? lambda[i] : NULL;
    }
    *d = (call_data_t){
        fn->fn,  fn->arg_type, fn->ret_type, copy,
        lambdas, n_args,       *env,         ARENA_ARRAY(a, data_value_t, n_args + 1)};
    return emit2(b, call, expr_state_slot(b), 0, d);
}
