/* Calls of scalar functions, with their lambdas. */
#include "sql/bind/expr.h"

typedef struct lambda_arg {
    bind_expr_t *outer;
    const sql_expr_t *e;
    step_lambda_t *made;
} lambda_arg_t;

/* Binds a lambda's body as a program of its own. The resolver may ask more than once: the last time
 * counts. */
static ST bind_lambda(void *env, void *lambda, const data_type_t *const *param, size_t n_params,
                      const data_type_t **ret, err_t *err)
{
    (void)env;
    lambda_arg_t *l = lambda;
    bind_expr_t *outer = l->outer;
    arena_t *a = outer->arena;
    step_lambda_t *made = ARENA_NEW(a, step_lambda_t);
    bind_param_t *params = ARENA_ARRAY(a, bind_param_t, n_params + 1);
    int32_t *reg = ARENA_ARRAY(a, int32_t, n_params + 1);
    bind_expr_t body = *outer;
    body.builder = expr_builder_new(a);
    body.outer = outer;
    body.lambda = made;
    body.replace = NULL;
    for (size_t i = 0; i < n_params; i++) {
        reg[i] = expr_reg(body.builder, DATA_NULL_VALUE);
        params[i] = (bind_param_t){l->e->names.ptr[i], {reg[i], param[i], false}};
    }
    body.param = params;
    body.n_params = n_params;
    made->param = reg;
    made->n_params = n_params;
    bind_value_t v;
    TRY(bind_expr(&body, l->e->arg[0], &v, err));
    made->body = expr_build(body.builder, v.operand, v.type);
    l->made = made;
    *ret = v.type;
    return ST_OK;
}

st_t bind_call(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    if (sql_function_exists(e->name, SQL_FN_AGGREGATE) &&
        !sql_function_exists(e->name, SQL_FN_SCALAR))
        return err_set(err, ST_BAD_STATEMENT, "Aggregate functions can not be used here: " STR_FMT,
                       STR_ARG(e->name));
    if (sql_function_exists(e->name, SQL_FN_TABLE) && !sql_function_exists(e->name, SQL_FN_SCALAR))
        return err_set(err, ST_BAD_STATEMENT, "Table functions can not be used here: " STR_FMT,
                       STR_ARG(e->name));
    size_t n = e->n_args;
    sql_fn_arg_t *arg = ARENA_ARRAY(b->arena, sql_fn_arg_t, n + 1);
    bind_value_t *v = ARENA_ARRAY(b->arena, bind_value_t, n + 1);
    lambda_arg_t *lambda = ARENA_ARRAY(b->arena, lambda_arg_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (e->arg[i]->kind == SQL_EXPR_LAMBDA) {
            lambda[i] = (lambda_arg_t){b, e->arg[i], NULL};
            arg[i] = (sql_fn_arg_t){NULL, e->arg[i]->names.len, &lambda[i]};
            continue;
        }
        TRY(bind_expr(b, e->arg[i], &v[i], err));
        arg[i].type = v[i].type;
    }
    sql_fn_resolved_t fn;
    TRY(sql_function_resolve(b->arena, e->name, SQL_FN_SCALAR, arg, n, bind_lambda, NULL, &fn,
                             err));
    int32_t *operand = ARENA_ARRAY(b->arena, int32_t, n + 1);
    step_lambda_t **made = ARENA_ARRAY(b->arena, step_lambda_t *, n + 1);
    for (size_t i = 0; i < n; i++) {
        made[i] = lambda[i].made;
        if (!made[i])
            operand[i] = fn.arg_type[i]
                             ? step_cast(b->builder, v[i].operand, v[i].type, fn.arg_type[i])
                             : v[i].operand;
    }
    *ret =
        (bind_value_t){step_call(b->builder, b->arena, &fn, operand, made, n, &b->env->functions),
                       fn.ret_type, false};
    return ST_OK;
}
