/* ARRAY, MAP, STRUCT, CASE. */
#include "sql/bind/expr.h"

#include "sql/exec/cast.h"

#define BAD(err, e, ...)                                                                           \
    (err_set_at(err, ST_BAD_STATEMENT, __FILE__, __LINE__, __VA_ARGS__), ST_BAD_STATEMENT)

/* The type all of them share, so that each can be converted; the values are bound into v. */
static ST shared_type(bind_expr_t *b, const sql_expr_t *e, size_t from, size_t step,
                      bind_value_t *v, const data_type_t **ret, const char *what, err_t *err)
{
    const data_type_t *t = NULL;
    for (size_t i = from; i < e->n_args; i += step) {
        if (v[i].literal && bind_is_text(v[i].type) && t && !bind_is_text(t) &&
            t->kind <= DATA_DECIMAL)
            continue;
        const data_type_t *u = bind_common_type(b->arena, t, v[i].type);
        if (!u && (t || v[i].type)) {
            if (t && bind_is_text(v[i].type) && data_type_numeric(t))
                continue;
            str_t p = sql_format_expr_text(b->arena, e->arg[i]);
            return BAD(err, e, "%s: invalid input syntax for type " STR_FMT ": " STR_FMT, what,
                       STR_ARG(data_type_text(b->arena, t)), STR_ARG(p));
        }
        t = u;
    }
    *ret = t;
    return ST_OK;
}

static ST convert_all(bind_expr_t *b, const sql_expr_t *e, size_t from, size_t step,
                      bind_value_t *v, const data_type_t *t, err_t *err)
{
    for (size_t i = from; i < e->n_args; i += step) {
        if (v[i].literal && bind_is_text(v[i].type) && !bind_is_text(t) &&
            e->arg[i]->kind == SQL_EXPR_STRING) {
            data_value_t c;
            TRY(cast_value(b->arena, data_of_str(e->arg[i]->text), &data_string, t, &c, err));
            v[i] = bind_literal(b, c, t);
            continue;
        }
        TRY(bind_coerce(b, v[i], t, &v[i], err));
    }
    return ST_OK;
}

static ST bind_args(bind_expr_t *b, const sql_expr_t *e, bind_value_t **ret, err_t *err)
{
    bind_value_t *v = ARENA_ARRAY(b->arena, bind_value_t, e->n_args + 1);
    for (size_t i = 0; i < e->n_args; i++)
        TRY(bind_expr(b, e->arg[i], &v[i], err));
    *ret = v;
    return ST_OK;
}

static int32_t make(bind_expr_t *b, data_kind_t kind, const bind_value_t *v, size_t n)
{
    int32_t *operand = ARENA_ARRAY(b->arena, int32_t, n + 1);
    for (size_t i = 0; i < n; i++)
        operand[i] = v[i].operand;
    return step_make(b->builder, b->arena, kind, operand, kind == DATA_MAP ? n / 2 : n);
}

#define ISSUE_4239 "(see https://github.com/confluentinc/ksql/issues/4239)"

st_t bind_array(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t *v;
    const data_type_t *t;
    if (!e->n_args)
        return BAD(
            err, e,
            "Array constructor cannot be empty. Please supply at least one element " ISSUE_4239
            ".");
    TRY(bind_args(b, e, &v, err));
    TRY(shared_type(b, e, 0, 1, v, &t, "Array", err));
    if (!t)
        return BAD(err, e,
                   "Cannot construct an array with all NULL elements " ISSUE_4239
                   ". As a workaround, you may cast a NULL value to the desired type.");
    TRY(convert_all(b, e, 0, 1, v, t, err));
    *ret = (bind_value_t){make(b, DATA_ARRAY, v, e->n_args), data_type_array(b->arena, t), false};
    return ST_OK;
}

st_t bind_map(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t *v;
    const data_type_t *k, *t;
    if (!e->n_args)
        return BAD(
            err, e,
            "Map constructor cannot be empty. Please supply at least one key value pair " ISSUE_4239
            ".");
    TRY(bind_args(b, e, &v, err));
    TRY(shared_type(b, e, 0, 2, v, &k, "Map keys", err));
    TRY(shared_type(b, e, 1, 2, v, &t, "Map values", err));
    if (!k)
        return BAD(err, e,
                   "Cannot construct a map with all NULL keys " ISSUE_4239
                   ". As a workaround, you may cast a NULL key to the desired type.");
    if (!t)
        return BAD(err, e,
                   "Cannot construct a map with all NULL values " ISSUE_4239
                   ". As a workaround, you may cast a NULL value to the desired type.");
    TRY(convert_all(b, e, 0, 2, v, k, err));
    TRY(convert_all(b, e, 1, 2, v, t, err));
    *ret = (bind_value_t){make(b, DATA_MAP, v, e->n_args), data_type_map(b->arena, k, t), false};
    return ST_OK;
}

st_t bind_structure(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t *v;
    TRY(bind_args(b, e, &v, err));
    data_field_t *f = ARENA_ARRAY(b->arena, data_field_t, e->n_args + 1);
    for (size_t i = 0; i < e->n_args; i++) {
        for (size_t k = 0; k < i; k++)
            if (str_eq(f[k].name, e->names.ptr[i]))
                return BAD(err, e, "Duplicate field names found in STRUCT: '" STR_FMT "'",
                           STR_ARG(e->names.ptr[i]));
        f[i] = (data_field_t){e->names.ptr[i], v[i].type ? v[i].type : &data_string};
    }
    *ret = (bind_value_t){make(b, DATA_STRUCT, v, e->n_args),
                          data_type_struct(b->arena, f, e->n_args), false};
    return ST_OK;
}

static ST case_type(bind_expr_t *b, const data_type_t *t, bind_value_t v, const sql_expr_t *branch,
                    const data_type_t **ret, err_t *err)
{
    const data_type_t *u = bind_common_type(b->arena, t, v.type);
    if (!u && (t || v.type)) {
        str_t p = data_type_text(b->arena, t), q = data_type_text(b->arena, v.type);
        str_t s = sql_format_expr_text(b->arena, branch);
        return BAD(err, e,
                   "Invalid Case expression. Type for all 'THEN' clauses should be the same.\n"
                   "THEN expression '" STR_FMT "' has type: " STR_FMT
                   ".\nPrevious THEN expression(s) type: " STR_FMT ".",
                   STR_ARG(s), STR_ARG(q), STR_ARG(p));
    }
    *ret = u;
    return ST_OK;
}

/* Branches are bound twice: once into a scratch program for the common type, then for good with its
 * conversion. */
static ST case_result_type(bind_expr_t *b, const sql_expr_t *e, size_t first,
                           const data_type_t **ret, err_t *err)
{
    bind_expr_t scratch = *b;
    step_lambda_t lambda = b->lambda ? *b->lambda : (step_lambda_t){0};
    scratch.builder = expr_builder_new(b->arena);
    scratch.lambda = &lambda;
    if (b->outer) {
        bind_expr_t *outer = ARENA_NEW(b->arena, bind_expr_t);
        *outer = *b->outer;
        outer->builder = expr_builder_new(b->arena);
        scratch.outer = outer;
    }
    const data_type_t *t = NULL;
    for (size_t i = first; i < e->n_args; i++) {
        bool otherwise = i + 1 == e->n_args && (i - first) % 2 == 0;
        if ((i - first) % 2 == 0 && !otherwise)
            continue;
        bind_value_t v;
        TRY(bind_expr(&scratch, e->arg[i], &v, err));
        TRY(case_type(b, t, v, e->arg[i], &t, err));
    }
    if (!t)
        return BAD(err, e, "Invalid Case expression. All case branches have NULL type");
    *ret = t;
    return ST_OK;
}

st_t bind_case(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    size_t first = e->kind == SQL_EXPR_CASE_SIMPLE;
    const data_type_t *t;
    bind_value_t subject = {0}, when, then;
    TRY(case_result_type(b, e, first, &t, err));
    if (first)
        TRY(bind_expr(b, e->arg[0], &subject, err));
    int32_t out = expr_reg(b->builder, DATA_NULL_VALUE);
    size_t *end = ARENA_ARRAY(b->arena, size_t, e->n_args), n_ends = 0;
    int32_t null = expr_reg(b->builder, DATA_NULL_VALUE);
    size_t i = first;
    for (; i + 1 < e->n_args; i += 2) {
        if (first) {
            bind_value_t y;
            TRY(bind_expr(b, e->arg[i], &y, err));
            sql_expr_t *const pair[] = {e->arg[0], e->arg[i]};
            sql_expr_t cmp = *e;
            cmp.arg = pair;
            TRY(bind_compare(b, &cmp, STEP_EQ, subject, y, &when, err));
        } else {
            TRY(bind_expr(b, e->arg[i], &when, err));
            if (when.type && when.type->kind != DATA_BOOLEAN) {
                str_t p = data_type_text(b->arena, when.type);
                return BAD(err, e,
                           "WHEN operand type should be boolean.\nType for '" STR_FMT
                           "' is " STR_FMT,
                           STR_ARG(sql_format_expr_text(b->arena, e->arg[i])), STR_ARG(p));
            }
        }
        size_t skip = step_jump_unless(b->builder, when.operand);
        TRY(bind_expr(b, e->arg[i + 1], &then, err));
        TRY(bind_coerce(b, then, t, &then, err));
        step_move(b->builder, out, then.operand);
        end[n_ends++] = step_jump(b->builder);
        expr_patch_jump(b->builder, skip);
    }
    if (i < e->n_args) {
        TRY(bind_expr(b, e->arg[i], &then, err));
        TRY(bind_coerce(b, then, t, &then, err));
        step_move(b->builder, out, then.operand);
    } else {
        step_move(b->builder, out, null);
    }
    while (n_ends)
        expr_patch_jump(b->builder, end[--n_ends]);
    *ret = (bind_value_t){out, t, false};
    return ST_OK;
}
