#include "sql/bind/expr.h"

#include "sql/exec/cast.h"
#include "sql/parse/parse.h"

#define BAD(err, e, ...)                                                                           \
    (err_set_at(err, ST_BAD_STATEMENT, __FILE__, __LINE__, __VA_ARGS__), ST_BAD_STATEMENT)

/* ---- columns --------------------------------------------------------------------------------- */

st_t bind_column(const plan_schema_t *schema, const sql_expr_t *e, const char *clause, int32_t *ret,
                 err_t *err)
{
    int32_t found = -1;
    for (size_t i = 0; i < schema->n; i++) {
        const plan_column_t *c = &schema->col[i];
        if (!str_eq(c->name, e->name) || (e->source.len && !str_eq(c->source, e->source)))
            continue;
        if (found >= 0 && (!schema->col[found].source.len || !c->source.len ||
                           str_eq(schema->col[found].source, c->source))) {
            if (!schema->col[found].source.len)
                continue;
            found = (int32_t)i;
            continue;
        }
        if (found >= 0)
            return BAD(err, e,
                       "Line: %u, Col: %u: Column '" STR_FMT "' is ambiguous. Could be " STR_FMT
                       "." STR_FMT " or " STR_FMT "." STR_FMT ".",
                       e->at.line, e->at.column, STR_ARG(e->name),
                       STR_ARG(schema->col[found].source), STR_ARG(e->name), STR_ARG(c->source),
                       STR_ARG(e->name));
        found = (int32_t)i;
    }
    if (found < 0)
        return BAD(err, e,
                   "Line: %u, Col: %u: %s column '" STR_FMT "%s" STR_FMT "' cannot be resolved.",
                   e->at.line, e->at.column, clause, STR_ARG(e->source), e->source.len ? "." : "",
                   STR_ARG(e->name));
    *ret = found;
    return ST_OK;
}

bool bind_same(const plan_schema_t *schema, const sql_expr_t *x, const sql_expr_t *y)
{
    if (x == y)
        return true;
    if (x->kind != y->kind || x->op != y->op || x->negated != y->negated || x->star != y->star ||
        x->n_args != y->n_args || x->names.len != y->names.len || !str_eq(x->text, y->text))
        return false;
    if (x->kind == SQL_EXPR_COLUMN) {
        int32_t i, j;
        if (bind_column(schema, x, "", &i, NULL) == ST_OK &&
            bind_column(schema, y, "", &j, NULL) == ST_OK)
            return i == j;
        return str_eq(x->name, y->name) && str_eq(x->source, y->source);
    }
    if (x->kind == SQL_EXPR_BOOLEAN && x->b != y->b)
        return false;
    if ((x->kind == SQL_EXPR_INTEGER || x->kind == SQL_EXPR_LONG) && x->i64 != y->i64)
        return false;
    if (x->kind == SQL_EXPR_DOUBLE && memcmp(&x->f64, &y->f64, sizeof x->f64))
        return false;
    if (!str_eq(x->name, y->name))
        return false;
    for (size_t i = 0; i < x->names.len; i++)
        if (!str_eq(x->names.ptr[i], y->names.ptr[i]))
            return false;
    for (size_t i = 0; i < x->n_args; i++)
        if (!bind_same(schema, x->arg[i], y->arg[i]))
            return false;
    return true;
}

/* ---- literals -------------------------------------------------------------------------------- */

bind_value_t bind_literal(bind_expr_t *b, data_value_t v, const data_type_t *t)
{
    return (bind_value_t){expr_reg(b->builder, v), t, true};
}

st_t bind_decimal_literal(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    const data_decimal_t *d;
    TRY(data_decimal_parse(b->arena, e->text, &d, err));
    int32_t scale = d->scale < 0 ? 0 : d->scale;
    if (d->scale < 0)
        d = data_decimal_rescale(b->arena, d, 0);
    int32_t precision = bind_max32(data_decimal_precision(d), scale);
    *ret = bind_literal(b, data_of_decimal(d),
                        data_type_decimal(b->arena, bind_max32(precision, 1), scale));
    return ST_OK;
}

static ST literal(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    int64_t ms;
    int32_t i;
    switch ((int)e->kind) { /* the literals only */
    case SQL_EXPR_NULL:
        *ret = bind_literal(b, DATA_NULL_VALUE, NULL);
        return ST_OK;
    case SQL_EXPR_BOOLEAN:
        *ret = bind_literal(b, data_of_bool(e->b), &data_boolean);
        return ST_OK;
    case SQL_EXPR_INTEGER:
        *ret = bind_literal(b, data_of_i32((int32_t)e->i64), &data_integer);
        return ST_OK;
    case SQL_EXPR_LONG:
        *ret = bind_literal(b, data_of_i64(e->i64), &data_bigint);
        return ST_OK;
    case SQL_EXPR_DOUBLE:
        *ret = bind_literal(b, data_of_f64(e->f64), &data_double);
        return ST_OK;
    case SQL_EXPR_DECIMAL:
        return bind_decimal_literal(b, e, ret, err);
    case SQL_EXPR_STRING:
        *ret = bind_literal(b, data_of_str(e->text), &data_string);
        return ST_OK;
    case SQL_EXPR_TIMESTAMP:
        TRY(cast_text_to_timestamp(e->text, &ms, err));
        *ret = bind_literal(b, data_of_timestamp(ms), &data_timestamp);
        return ST_OK;
    case SQL_EXPR_DATE:
        TRY(cast_text_to_date(e->text, &i, err));
        *ret = bind_literal(b, data_of_date(i), &data_date);
        return ST_OK;
    case SQL_EXPR_TIME:
        TRY(cast_text_to_time(e->text, &i, err));
        *ret = bind_literal(b, data_of_time(i), &data_time);
        return ST_OK;
    default:
        ASSERT(!"a literal");
        return ST_OK;
    }
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_param(const bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret)
{
    for (size_t i = b->n_params; !e->source.len && i-- > 0;)
        if (str_eq(b->param[i].name, e->name)) {
            *ret = b->param[i].value;
            return true;
        }
    return false;
}

/* A lambda's body runs apart from the program around it: what it uses of that is handed over. */
static ST capture(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t v;
    TRY(bind_expr(b->outer, e, &v, err));
    step_lambda_t *l = b->lambda;
    int32_t *from = ARENA_ARRAY(b->arena, int32_t, l->n_captured + 1);
    int32_t *to = ARENA_ARRAY(b->arena, int32_t, l->n_captured + 1);
    for (size_t i = 0; i < l->n_captured; i++) {
        from[i] = l->captured[i];
        to[i] = l->captured_to[i];
    }
    from[l->n_captured] = v.operand;
    to[l->n_captured] = expr_reg(b->builder, DATA_NULL_VALUE);
    l->captured = from;
    l->captured_to = to;
    *ret = (bind_value_t){to[l->n_captured++], v.type, false};
    return ST_OK;
}

static ST column(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    if (is_param(b, e, ret))
        return ST_OK;
    if (b->outer)
        return capture(b, e, ret, err);
    int32_t i;
    err_t why = {0};
    st_t st = bind_column(&b->schema, e, b->clause, &i, &why);
    if (st != ST_OK && e->unit != SQL_UNIT_NONE) { /* TIMESTAMPADD(DAYS, …) */
        *ret = bind_literal(b, data_of_str(e->name), &sql_type_unit);
        return ST_OK;
    }
    if (st != ST_OK) {
        if (err)
            *err = why;
        return st;
    }
    *ret = (bind_value_t){i, b->schema.col[i].type, false};
    return ST_OK;
}

static ST deref(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t v;
    TRY(bind_expr(b, e->arg[0], &v, err));
    if (!v.type || v.type->kind != DATA_STRUCT) {
        str_t t = data_type_text(b->arena, v.type);
        return BAD(err, e, "Expected STRUCT type, got: " STR_FMT, STR_ARG(t));
    }
    for (size_t i = 0; i < v.type->n_fields; i++)
        if (str_eq(v.type->field[i].name, e->name)) {
            *ret =
                (bind_value_t){step_field(b->builder, v.operand, i), v.type->field[i].type, false};
            return ST_OK;
        }
    str_t t = data_type_text(b->arena, v.type);
    return BAD(err, e, "Could not find field '" STR_FMT "' in '" STR_FMT "'.", STR_ARG(e->name),
               STR_ARG(t));
}

static ST subscript(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t v, i;
    TRY(bind_expr(b, e->arg[0], &v, err));
    TRY(bind_expr(b, e->arg[1], &i, err));
    if (!v.type || (v.type->kind != DATA_ARRAY && v.type->kind != DATA_MAP))
        return BAD(err, e,
                   "Subscript expression is not supported: only arrays and maps have members");
    if (v.type->kind == DATA_ARRAY &&
        (!i.type || (i.type->kind != DATA_INTEGER && i.type->kind != DATA_BIGINT)))
        return BAD(err, e, "An array's index must be an INTEGER");
    if (v.type->kind == DATA_MAP)
        TRY(bind_coerce(b, i, v.type->key, &i, err));
    *ret = (bind_value_t){step_subscript(b->builder, v.operand, i.operand, v.type), v.type->elem,
                          false};
    return ST_OK;
}

/* ---- operators ------------------------------------------------------------------------------- */

/* The type of x op y, after both became one kind. ksqlDB's rules for decimals. */
static const data_type_t *arith_type(arena_t *a, data_arith_t op, const data_type_t *x,
                                     const data_type_t *y)
{
    if (x->kind == DATA_STRING && y->kind == DATA_STRING)
        return op == DATA_ADD ? &data_string : NULL;
    if (!data_type_numeric(x) || !data_type_numeric(y))
        return NULL;
    if (x->kind == DATA_DOUBLE || y->kind == DATA_DOUBLE)
        return &data_double;
    if (x->kind != DATA_DECIMAL && y->kind != DATA_DECIMAL)
        return x->kind == DATA_BIGINT || y->kind == DATA_BIGINT ? &data_bigint : &data_integer;
    data_type_t p = bind_as_decimal(x), q = bind_as_decimal(y);
    int32_t scale = bind_max32(p.scale, q.scale), whole;
    switch (op) {
    case DATA_ADD:
    case DATA_SUB:
        whole = bind_max32(p.precision - p.scale, q.precision - q.scale);
        return data_type_decimal(a, whole + scale + 1, scale);
    case DATA_MUL:
        return data_type_decimal(a, p.precision + q.precision + 1, p.scale + q.scale);
    case DATA_DIV:
        scale = bind_max32(6, p.scale + q.precision + 1);
        return data_type_decimal(a, p.precision - p.scale + q.scale + scale, scale);
    case DATA_MOD:
        whole = p.precision - p.scale < q.precision - q.scale ? p.precision - p.scale
                                                              : q.precision - q.scale;
        return data_type_decimal(a, whole + scale, scale);
    }
    return NULL;
}

static ST arithmetic(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t x, y;
    TRY(bind_expr(b, e->arg[0], &x, err));
    TRY(bind_expr(b, e->arg[1], &y, err));
    data_arith_t op = (data_arith_t)(e->op - SQL_OP_ADD);
    const data_type_t *t = x.type && y.type ? arith_type(b->arena, op, x.type, y.type) : NULL;
    if (!t) {
        str_t p = data_type_text(b->arena, x.type), q = data_type_text(b->arena, y.type);
        static const char *const names[] = {"ADD", "SUBTRACT", "MULTIPLY", "DIVIDE", "MODULUS"};
        return BAD(err, e, "Unsupported arithmetic types. " STR_FMT " %s " STR_FMT, STR_ARG(p),
                   names[op], STR_ARG(q));
    }
    if (t->kind == DATA_DECIMAL) {
        data_type_t p = bind_as_decimal(x.type), q = bind_as_decimal(y.type);
        x.operand = step_cast(b->builder, x.operand, x.type,
                              data_type_decimal(b->arena, p.precision, p.scale));
        y.operand = step_cast(b->builder, y.operand, y.type,
                              data_type_decimal(b->arena, q.precision, q.scale));
    } else {
        x.operand = step_cast(b->builder, x.operand, x.type, t);
        y.operand = step_cast(b->builder, y.operand, y.type, t);
    }
    *ret = (bind_value_t){step_arith(b->builder, op, x.operand, y.operand, t), t, false};
    return ST_OK;
}

static ST unary(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    bind_value_t x;
    TRY(bind_expr(b, e->arg[0], &x, err));
    if (!data_type_numeric(x.type)) {
        str_t t = data_type_text(b->arena, x.type);
        return BAD(err, e, "The sign needs a number, not " STR_FMT, STR_ARG(t));
    }
    if (e->op == SQL_OP_NEGATE)
        x.operand = step_negate(b->builder, x.operand, x.type);
    *ret = (bind_value_t){x.operand, x.type, false};
    return ST_OK;
}

static const data_type_t *custom_type(void *env, str_t name)
{
    return catalog_get_type(env, name);
}

static ST cast(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    const data_type_t *t;
    bind_value_t x;
    TRY(sql_type_resolve(b->arena, e->type, custom_type, (void *)(uintptr_t)b->env->catalog, &t,
                         err));
    TRY(bind_expr(b, e->arg[0], &x, err));
    if (!cast_supported(x.type, t)) {
        str_t p = data_type_text(b->arena, x.type), q = data_type_text(b->arena, t);
        return BAD(err, e, "Cast of " STR_FMT " to " STR_FMT " is not supported", STR_ARG(p),
                   STR_ARG(q));
    }
    *ret = (bind_value_t){step_cast(b->builder, x.operand, x.type, t), t, false};
    return ST_OK;
}

/* ---- all ------------------------------------------------------------------------------------- */

st_t bind_expr(bind_expr_t *b, const sql_expr_t *e, bind_value_t *ret, err_t *err)
{
    int32_t column_index;
    if (b->replace && b->replace(b->replace_self, e, &column_index)) {
        *ret = (bind_value_t){column_index, b->schema.col[column_index].type, false};
        return ST_OK;
    }
    bind_value_t x;
    switch (e->kind) {
    case SQL_EXPR_NULL:
    case SQL_EXPR_BOOLEAN:
    case SQL_EXPR_INTEGER:
    case SQL_EXPR_LONG:
    case SQL_EXPR_DOUBLE:
    case SQL_EXPR_DECIMAL:
    case SQL_EXPR_STRING:
    case SQL_EXPR_DATE:
    case SQL_EXPR_TIME:
    case SQL_EXPR_TIMESTAMP:
        return literal(b, e, ret, err);
    case SQL_EXPR_COLUMN:
        return column(b, e, ret, err);
    case SQL_EXPR_DEREF:
        return deref(b, e, ret, err);
    case SQL_EXPR_SUBSCRIPT:
        return subscript(b, e, ret, err);
    case SQL_EXPR_CALL:
        return bind_call(b, e, ret, err);
    case SQL_EXPR_LAMBDA:
        return BAD(err, e, "A lambda can only be an argument of a function");
    case SQL_EXPR_UNARY:
        return unary(b, e, ret, err);
    case SQL_EXPR_ARITHMETIC:
        return arithmetic(b, e, ret, err);
    case SQL_EXPR_COMPARISON:
        return bind_comparison(b, e, ret, err);
    case SQL_EXPR_LOGICAL:
        return bind_logical(b, e, ret, err);
    case SQL_EXPR_NOT:
        TRY(bind_boolean(b, e->arg[0], &x, err));
        *ret = (bind_value_t){step_not(b->builder, x.operand), &data_boolean, false};
        return ST_OK;
    case SQL_EXPR_IS_NULL:
        TRY(bind_expr(b, e->arg[0], &x, err));
        *ret =
            (bind_value_t){step_is_null(b->builder, x.operand, e->negated), &data_boolean, false};
        return ST_OK;
    case SQL_EXPR_BETWEEN:
        return bind_between(b, e, ret, err);
    case SQL_EXPR_IN:
        return bind_in_list(b, e, ret, err);
    case SQL_EXPR_LIKE:
        return bind_like(b, e, ret, err);
    case SQL_EXPR_AT_TIME_ZONE:
        return BAD(err, e, "AT TIME ZONE is not supported");
    case SQL_EXPR_CASE_SEARCHED:
    case SQL_EXPR_CASE_SIMPLE:
        return bind_case(b, e, ret, err);
    case SQL_EXPR_CAST:
        return cast(b, e, ret, err);
    case SQL_EXPR_ARRAY:
        return bind_array(b, e, ret, err);
    case SQL_EXPR_MAP:
        return bind_map(b, e, ret, err);
    case SQL_EXPR_STRUCT:
        return bind_structure(b, e, ret, err);
    case SQL_EXPR_KINDS:
        break;
    }
    ASSERT(!"an expression");
    return ST_OK;
}

st_t bind_program(bind_expr_t *b, const sql_expr_t *e, expr_t **ret, err_t *err)
{
    bind_value_t v;
    b->builder = expr_builder_new(b->arena);
    TRY(bind_expr(b, e, &v, err));
    *ret = expr_build(b->builder, v.operand, v.type);
    return ST_OK;
}

st_t bind_predicate(bind_expr_t *b, const sql_expr_t *e, expr_t **ret, err_t *err)
{
    st_t st = bind_program(b, e, ret, err);
    if (st != ST_OK) {
        if (err && str_starts(str_of(err->msg), STR("Line: ")))
            return st;
        if (err && str_starts(str_of(err->msg), STR("Invalid Predicate")))
            return st;
        return err_wrap(err, st, "Error in %s expression", b->clause);
    }
    if ((*ret)->type && (*ret)->type->kind == DATA_BOOLEAN)
        return ST_OK;
    str_t p = sql_format_expr_text(b->arena, e), t = data_type_text(b->arena, (*ret)->type);
    return BAD(err, e,
               "Type error in %s expression: Should evaluate to boolean but is " STR_FMT
               " (" STR_FMT ") instead.",
               b->clause, STR_ARG(p), STR_ARG(t));
}

expr_t *bind_column_program(arena_t *a, int32_t column_index, const data_type_t *type)
{
    return expr_build(expr_builder_new(a), column_index, type);
}
