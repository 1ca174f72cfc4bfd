/* SUM, SUM_LIST and AVG. */
#include "sql/function/agg.h"

static data_value_t zero(arena_t *a, const data_type_t *t)
{
    switch ((int)t->kind) {
    case DATA_INTEGER: return data_of_i32(0);
    case DATA_BIGINT: return data_of_i64(0);
    case DATA_DOUBLE: return data_of_f64(0);
    default: return data_of_decimal(data_decimal_i64(a, 0, t->scale));
    }
}

/* a + sign * b, all of type t; ST_RANGE when it does not fit. */
static st_t add(sql_fn_call_t *call, const data_type_t *t, data_value_t *a, data_value_t b,
                int sign, err_t *err)
{
    int64_t wide;
    const data_decimal_t *d;
    switch ((int)t->kind) {
    case DATA_INTEGER:
        wide = (int64_t)a->i32 + (int64_t)sign * b.i32;
        if (wide < INT32_MIN || wide > INT32_MAX)
            return err_set(err, ST_RANGE, "integer overflow");
        a->i32 = (int32_t)wide;
        return ST_OK;
    case DATA_BIGINT:
        if (sign > 0 ? __builtin_add_overflow(a->i64, b.i64, &wide)
                     : __builtin_sub_overflow(a->i64, b.i64, &wide))
            return err_set(err, ST_RANGE, "long overflow");
        a->i64 = wide;
        return ST_OK;
    case DATA_DOUBLE: a->f64 += sign * b.f64; return ST_OK;
    default:
        TRY(data_decimal_arith(call->arena, sign > 0 ? DATA_ADD : DATA_SUB, a->dec, b.dec, t->scale,
                               &d, err));
        TRY(data_decimal_fit(call->arena, d, t->precision, t->scale, &d, err));
        *a = data_of_decimal(d);
        return ST_OK;
    }
}

AGG_INIT(sum_init)
{
    (void)err;
    slot[0] = zero(call->arena, call->ret_type);
    return ST_OK;
}

AGG_ADD(sum_add)
{
    return data_is_null(args[0]) ? ST_OK : add(call, call->ret_type, &slot[0], args[0], 1, err);
}

AGG_ADD(sum_undo)
{
    return data_is_null(args[0]) ? ST_OK : add(call, call->ret_type, &slot[0], args[0], -1, err);
}

AGG_MERGE(sum_merge)
{
    return add(call, call->ret_type, &slot[0], other[0], 1, err);
}

const sql_agg_class_t sql_agg_sum = {1, sum_init, sum_add, sum_undo, sum_merge, NULL};

static st_t add_list(sql_fn_call_t *call, data_value_t *slot, data_value_t list, int sign,
                     err_t *err)
{
    for (size_t i = 0; i < sql_array_len(list); i++)
        if (!data_is_null(list.v[i]))
            TRY(add(call, call->ret_type, slot, list.v[i], sign, err));
    return ST_OK;
}

AGG_ADD(sum_list_add)
{
    return add_list(call, slot, args[0], 1, err);
}

AGG_ADD(sum_list_undo)
{
    return add_list(call, slot, args[0], -1, err);
}

const sql_agg_class_t sql_agg_sum_list = {1,         sum_init, sum_list_add, sum_list_undo,
                                          sum_merge, NULL};

/* Slots: sum, count. */
AGG_INIT(avg_init)
{
    (void)call, (void)err;
    slot[0] = data_of_f64(0);
    slot[1] = data_of_i64(0);
    return ST_OK;
}

AGG_ADD(avg_add)
{
    (void)call, (void)err;
    if (!data_is_null(args[0])) {
        slot[0].f64 += fn_f64(args[0]);
        slot[1].i64++;
    }
    return ST_OK;
}

AGG_ADD(avg_undo)
{
    (void)call, (void)err;
    if (!data_is_null(args[0])) {
        slot[0].f64 -= fn_f64(args[0]);
        slot[1].i64--;
    }
    return ST_OK;
}

AGG_MERGE(avg_merge)
{
    (void)call, (void)err;
    slot[0].f64 += other[0].f64;
    slot[1].i64 += other[1].i64;
    return ST_OK;
}

AGG_RESULT(avg_result)
{
    (void)call, (void)err;
    RETURN(data_of_f64(slot[1].i64 ? slot[0].f64 / (double)slot[1].i64 : 0));
}

const sql_agg_class_t sql_agg_avg = {2, avg_init, avg_add, avg_undo, avg_merge, avg_result};
