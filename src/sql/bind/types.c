/* What type two values share, and how they get there. */
#include "sql/bind/expr.h"

#include "sql/exec/cast.h"

int32_t bind_max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

data_type_t bind_as_decimal(const data_type_t *t)
{
    data_type_t d = {.kind = DATA_DECIMAL, .precision = t->precision, .scale = t->scale};
    if (t->kind == DATA_INTEGER)
        d.precision = 10;
    else if (t->kind == DATA_BIGINT)
        d.precision = 19;
    return d;
}

const data_type_t *bind_common_type(arena_t *a, const data_type_t *x, const data_type_t *y)
{
    if (!x || !y)
        return x ? x : y;
    if (data_type_eq(x, y))
        return x;
    if (data_type_numeric(x) && data_type_numeric(y)) {
        if (x->kind == DATA_DOUBLE || y->kind == DATA_DOUBLE)
            return &data_double;
        if (x->kind == DATA_DECIMAL || y->kind == DATA_DECIMAL) {
            data_type_t p = bind_as_decimal(x), q = bind_as_decimal(y);
            int32_t scale = bind_max32(p.scale, q.scale);
            return data_type_decimal(
                a, bind_max32(p.precision - p.scale, q.precision - q.scale) + scale, scale);
        }
        return &data_bigint;
    }
    if (x->kind != y->kind)
        return NULL;
    if (x->kind == DATA_ARRAY) {
        const data_type_t *elem = bind_common_type(a, x->elem, y->elem);
        return elem ? data_type_array(a, elem) : NULL;
    }
    if (x->kind == DATA_STRUCT && x->n_fields == y->n_fields) {
        data_field_t *f = ARENA_ARRAY(a, data_field_t, x->n_fields + 1);
        for (size_t i = 0; i < x->n_fields; i++) {
            f[i] = (data_field_t){x->field[i].name,
                                  bind_common_type(a, x->field[i].type, y->field[i].type)};
            if (!f[i].type || !str_eq(x->field[i].name, y->field[i].name))
                return NULL;
        }
        return data_type_struct(a, f, x->n_fields);
    }
    if (x->kind == DATA_MAP) {
        const data_type_t *key = bind_common_type(a, x->key, y->key);
        const data_type_t *elem = bind_common_type(a, x->elem, y->elem);
        return key && elem ? data_type_map(a, key, elem) : NULL;
    }
    return NULL;
}

st_t bind_coerce(bind_expr_t *b, bind_value_t v, const data_type_t *to, bind_value_t *ret,
                 err_t *err)
{
    bool text = v.literal && v.type && v.type->kind == DATA_STRING;
    if (!cast_implicit(v.type, to) && !(text && cast_supported(v.type, to))) {
        buf_t m = BUF_INIT;
        data_type_put(&m, v.type);
        BUF_LIT(&m, " to ");
        data_type_put(&m, to);
        st_t st = err_set(err, ST_BAD_STATEMENT, "cannot convert " STR_FMT, STR_ARG(buf_str(&m)));
        buf_done(&m);
        return st;
    }
    *ret = (bind_value_t){step_cast(b->builder, v.operand, v.type, to), to, false};
    return ST_OK;
}

static bool is_temporal(const data_type_t *t)
{
    return t && (t->kind == DATA_TIMESTAMP || t->kind == DATA_DATE || t->kind == DATA_TIME);
}

bool bind_is_text(const data_type_t *t)
{
    return t && t->kind == DATA_STRING;
}

st_t bind_common(bind_expr_t *b, bind_value_t *x, bind_value_t *y, err_t *err)
{
    const data_type_t *t = NULL;
    if ((bind_is_text(x->type) && is_temporal(y->type)) ||
        (is_temporal(x->type) && bind_is_text(y->type)))
        t = bind_is_text(x->type) ? y->type : x->type;
    else if (x->type && y->type &&
             ((x->type->kind == DATA_TIMESTAMP && y->type->kind == DATA_DATE) ||
              (x->type->kind == DATA_DATE && y->type->kind == DATA_TIMESTAMP)))
        t = &data_timestamp;
    else
        t = bind_common_type(b->arena, x->type, y->type);
    if (!t && (x->type || y->type))
        return err_set(err, ST_BAD_STATEMENT, "the types have nothing in common");
    if (t) {
        x->operand = step_cast(b->builder, x->operand, x->type, t);
        y->operand = step_cast(b->builder, y->operand, y->type, t);
        x->type = y->type = t;
    }
    return ST_OK;
}
