/* Constant expressions: INSERT VALUES. */
#include "sql/bind/expr.h"

#include "sql/exec/cast.h"

st_t bind_constant(arena_t *a, const bind_env_t *env, const sql_expr_t *e, const data_type_t *t,
                   data_value_t *ret, err_t *err)
{
    bind_expr_t b = {.arena = a, .env = env, .clause = "VALUES", .builder = expr_builder_new(a)};
    bind_value_t v;
    TRY(bind_expr(&b, e, &v, err));
    const data_type_t *from = v.type;
    if (from && !cast_implicit(from, t) &&
        !(from->kind == DATA_STRING && cast_supported(from, t)) &&
        !(data_type_numeric(from) && data_type_numeric(t))) {
        str_t p = data_type_text(a, from), q = data_type_text(a, t), s = sql_format_expr_text(a, e);
        return err_set(err, ST_BAD_STATEMENT,
                       "Expected type " STR_FMT " for field but got " STR_FMT "(" STR_FMT ")",
                       STR_ARG(q), STR_ARG(p), STR_ARG(s));
    }
    int32_t operand = from ? step_cast(b.builder, v.operand, from, t) : v.operand;
    expr_t *p = expr_build(b.builder, operand, t);
    expr_ctx_t ctx = {a, NULL, err};
    bool failed = false;
    data_value_t value = expr_eval(p, &ctx, &failed);
    *ret = data_copy(a, value);
    expr_done(p);
    return failed ? ST_BAD_STATEMENT : ST_OK;
}
