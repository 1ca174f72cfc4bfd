/* predicate.c: what is true or false: comparisons, AND and OR, BETWEEN, IN, LIKE. */
#include "sql/bind/expr.h"
#include "sql/exec/cast.h"
#include "sql/parse/parse.h"

#define BAD(err, e, ...)                                                                           \
    (err_set_at(err, ST_BAD_STATEMENT, __FILE__, __LINE__, __VA_ARGS__), ST_BAD_STATEMENT)

st_t bind_comparison(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    static const step_compare_t ops[] = {STEP_EQ, STEP_NE, STEP_LT,       STEP_LE,
                                         STEP_GT, STEP_GE, STEP_DISTINCT, STEP_NOT_DISTINCT};
    bind_value_t x, y;
    TRY(bind_expr(b, e->arg[0], &x, err));
    TRY(bind_expr(b, e->arg[1], &y, err));
    return bind_compare(b, e, ops[e->op - SQL_OP_EQ], x, y, ret, err);
}

static const char *compare_name(step_compare_t op)
{
    static const char *const names[] = {"EQUAL",
                                        "NOT_EQUAL",
                                        "LESS_THAN",
                                        "LESS_THAN_OR_EQUAL",
                                        "GREATER_THAN",
                                        "GREATER_THAN_OR_EQUAL",
                                        "IS_DISTINCT_FROM",
                                        "IS_NOT_DISTINCT_FROM"};
    return names[op];
}

/* Whether values of this kind have an order (and not just equality). */
static bool ordered(const data_type_t *t)
{
    return t->kind != DATA_BOOLEAN && t->kind != DATA_ARRAY && t->kind != DATA_MAP &&
           t->kind != DATA_STRUCT;
}

/* ROWTIME > '2020-01-01': a text beside a time in milliseconds is read as a time. */
static ST time_text(bind_expr_t *b, const sql_expr_t *column, const sql_expr_t *text,
                    bind_value_t *v, err_t *err)
{
    bool is_time = column->kind == SQL_EXPR_COLUMN && (str_eq(column->name, STR("ROWTIME")) ||
                                                       str_eq(column->name, STR("WINDOWSTART")) ||
                                                       str_eq(column->name, STR("WINDOWEND")));
    int64_t ms;
    if (!is_time || text->kind != SQL_EXPR_STRING)
        return ST_OK;
    TRY(cast_text_to_timestamp(text->text, &ms, err));
    *v = bind_literal(b, data_of_i64(ms), &data_bigint);
    return ST_OK;
}

st_t bind_compare(bind_expr_t *b, const sql_expr_t *e, step_compare_t op, bind_value_t x,
                  bind_value_t y, bind_value_t *ret, err_t *err)
{
    TRY(time_text(b, e->arg[0], e->arg[1], &y, err));
    TRY(time_text(b, e->arg[1], e->arg[0], &x, err));
    const data_type_t *tx = x.type, *ty = y.type;
    bool order = op == STEP_LT || op == STEP_LE || op == STEP_GT || op == STEP_GE;
    bool ok = bind_common(b, &x, &y, NULL) == ST_OK && !(order && x.type && !ordered(x.type));
    if (!tx || !ty)
        ok = op == STEP_DISTINCT || op == STEP_NOT_DISTINCT || ok;
    if (!ok) {
        str_t p = sql_format_expr_text(b->arena, e->arg[0]);
        str_t q = sql_format_expr_text(b->arena, e->arg[1]);
        str_t s = data_type_text(b->arena, tx), t = data_type_text(b->arena, ty);
        return BAD(err, e,
                   "Cannot compare " STR_FMT " (" STR_FMT ") to " STR_FMT " (" STR_FMT ") with %s.",
                   STR_ARG(p), STR_ARG(s), STR_ARG(q), STR_ARG(t), compare_name(op));
    }
    *ret = (bind_value_t){step_compare(b->builder, op, x.operand, y.operand), &data_boolean, false};
    return ST_OK;
}

st_t bind_boolean(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    TRY(bind_expr(b, e, ret, err));
    if (ret->type && ret->type->kind != DATA_BOOLEAN) {
        str_t p = sql_format_expr_text(b->arena, e), t = data_type_text(b->arena, ret->type);
        return BAD(err, e, "Should evaluate to boolean but is " STR_FMT " (" STR_FMT ") instead.",
                   STR_ARG(p), STR_ARG(t));
    }
    return ST_OK;
}

/* x AND y: y is not looked at when x is false. */
st_t bind_logical(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t x, y;
    int32_t out = expr_reg(b->builder, DATA_NULL_VALUE);
    TRY(bind_boolean(b, e->arg[0], &x, err));
    step_move(b->builder, out, x.operand);
    size_t skip = e->op == SQL_OP_AND ? step_jump_unless(b->builder, x.operand)
                                      : step_jump_if(b->builder, x.operand);
    TRY(bind_boolean(b, e->arg[1], &y, err));
    step_move(b->builder, out, y.operand);
    expr_patch_jump(b->builder, skip);
    *ret = (bind_value_t){out, &data_boolean, false};
    return ST_OK;
}

static bind_value_t negated(bind_expr_t *b, const sql_expr_t *e, bind_value_t v)
{
    if (e->negated)
        v.operand = step_not(b->builder, v.operand);
    return v;
}

st_t bind_between(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t x, lo, hi, above, below;
    TRY(bind_expr(b, e->arg[0], &x, err));
    TRY(bind_expr(b, e->arg[1], &lo, err));
    TRY(bind_expr(b, e->arg[2], &hi, err));
    int32_t out = expr_reg(b->builder, DATA_NULL_VALUE);
    sql_expr_t *const low[] = {e->arg[0], e->arg[1]}, *const high[] = {e->arg[0], e->arg[2]};
    sql_expr_t pair = *e;
    pair.arg = low;
    TRY(bind_compare(b, &pair, STEP_GE, x, lo, &above, err));
    step_move(b->builder, out, above.operand);
    size_t skip = step_jump_unless(b->builder, above.operand);
    pair.arg = high;
    TRY(bind_compare(b, &pair, STEP_LE, x, hi, &below, err));
    step_move(b->builder, out, below.operand);
    expr_patch_jump(b->builder, skip);
    *ret = negated(b, e, (bind_value_t){out, &data_boolean, false});
    return ST_OK;
}

/* A member of an IN list becomes the type of what is looked for. */
static ST in_member(bind_expr_t *b, const sql_expr_t *e, const data_type_t *want, bind_value_t *ret,
                    err_t *err)
{
    TRY(bind_expr(b, e, ret, err));
    if (!want || !ret->type || data_type_eq(want, ret->type))
        return ST_OK;
    str_t text = e->kind == SQL_EXPR_STRING ? e->text : sql_format_expr_text(b->arena, e);
    const data_decimal_t *number;
    if (ret->literal && e->kind == SQL_EXPR_STRING && data_type_numeric(want) &&
        data_decimal_parse(b->arena, str_trim(e->text), &number, NULL) == ST_OK) {
        sql_expr_t decimal = *e;
        decimal.kind = SQL_EXPR_DECIMAL;
        decimal.text = str_trim(e->text);
        return bind_decimal_literal(b, &decimal, ret, err);
    }
    if (ret->literal && bind_is_text(ret->type) && cast_supported(ret->type, want)) {
        data_value_t v;
        err_t why = {0};
        if (cast_value(b->arena, data_of_str(e->text), ret->type, want, &v, &why) != ST_OK)
            return BAD(err, e, "Invalid Predicate: %s.", why.msg);
        *ret = bind_literal(b, v, want);
        return ST_OK;
    }
    if (bind_is_text(want) && ret->literal && ret->type->kind < DATA_STRING) {
        *ret = bind_literal(b, data_of_str(text), want);
        return ST_OK;
    }
    if (data_type_numeric(want) && data_type_numeric(ret->type))
        return ST_OK;
    if (bind_common_type(b->arena, want, ret->type))
        return ST_OK;
    str_t p = data_type_text(b->arena, want), q = data_type_text(b->arena, ret->type);
    return BAD(err, e,
               "Invalid Predicate: operator does not exist: " STR_FMT " = " STR_FMT " (" STR_FMT
               ")\nHint: You might need to add explicit type casts.",
               STR_ARG(p), STR_ARG(q), STR_ARG(text));
}

st_t bind_in_list(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t x;
    TRY(bind_expr(b, e->arg[0], &x, err));
    int32_t out = expr_reg(b->builder, data_of_bool(false));
    size_t *jump = ARENA_ARRAY(b->arena, size_t, e->n_args);
    for (size_t i = 1; i < e->n_args; i++) {
        bind_value_t y, eq, left = x;
        TRY(in_member(b, e->arg[i], x.type, &y, err));
        sql_expr_t *const pair[] = {e->arg[0], e->arg[i]};
        sql_expr_t cmp = *e;
        cmp.arg = pair;
        TRY(bind_compare(b, &cmp, STEP_EQ, left, y, &eq, err));
        step_move(b->builder, out, eq.operand);
        jump[i] = step_jump_if(b->builder, eq.operand);
    }
    for (size_t i = 1; i < e->n_args; i++)
        expr_patch_jump(b->builder, jump[i]);
    *ret = negated(b, e, (bind_value_t){out, &data_boolean, false});
    return ST_OK;
}

st_t bind_like(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t x, pattern;
    TRY(bind_expr(b, e->arg[0], &x, err));
    TRY(bind_expr(b, e->arg[1], &pattern, err));
    if ((x.type && !bind_is_text(x.type)) || (pattern.type && !bind_is_text(pattern.type)))
        return BAD(err, e, "Like condition must be between strings.");
    char escape = e->text.ptr && e->text.len ? e->text.ptr[0] : 0;
    int32_t r = step_like(b->builder, x.operand, pattern.operand, escape);
    *ret = negated(b, e, (bind_value_t){r, &data_boolean, false});
    return ST_OK;
}
