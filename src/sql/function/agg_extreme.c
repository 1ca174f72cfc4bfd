/* MIN, MAX, TOPK and TOPKDISTINCT. */
#include "sql/function/agg.h"

static void keep(data_value_t *slot, data_value_t v, int sign)
{
    if (!data_is_null(v) && (data_is_null(*slot) || sign * data_cmp(v, *slot) > 0))
        *slot = v;
}

AGG_ADD(min_add)
{
    (void)call, (void)err;
    keep(slot, args[0], -1);
    return ST_OK;
}

AGG_ADD(max_add)
{
    (void)call, (void)err;
    keep(slot, args[0], 1);
    return ST_OK;
}

const sql_agg_class_t sql_agg_min = {1, NULL, min_add, NULL, min_add, NULL};
const sql_agg_class_t sql_agg_max = {1, NULL, max_add, NULL, max_add, NULL};

/* What the rows of a TOPK are sorted by: themselves, or the first field of their struct. */
static data_value_t sort_key(data_value_t row)
{
    return row.kind == DATA_STRUCT ? row.v[0] : row;
}

/* Slots: the array, greatest first; how many it may have. */
static void top_insert(arena_t *a, data_value_t *slot, data_value_t row, bool distinct)
{
    size_t limit = (size_t)slot[1].i32, n = sql_array_len(slot[0]), at = n;
    while (at > 0 && data_cmp(sort_key(row), sort_key(slot[0].v[at - 1])) > 0)
        at--;
    if (at >= limit || (distinct && sql_array_find(slot[0], row) >= 0))
        return;
    slot[0] = sql_array_insert(a, slot[0], at, row);
    if (slot[0].len > limit)
        slot[0].len = (uint32_t)limit;
}

static st_t top_add(sql_fn_call_t *call, data_value_t *slot, const data_value_t *args,
                    bool distinct, err_t *err)
{
    size_t n = call->n_args - 1;
    if (data_is_null(args[n]) || args[n].i32 < 0)
        return err_set(err, ST_RANGE, "the number of values must be 0 or more");
    slot[1] = args[n];
    if (data_is_null(args[0]))
        return ST_OK;
    data_value_t row = args[0];
    if (n > 1) {
        data_value_t *field = ARENA_ARRAY(call->arena, data_value_t, n);
        memcpy(field, args, n * sizeof *field);
        row = data_of_struct(field, n);
    }
    top_insert(call->arena, slot, row, distinct);
    return ST_OK;
}

static void top_merge(sql_fn_call_t *call, data_value_t *slot, const data_value_t *other,
                      bool distinct)
{
    if (data_is_null(slot[1]))
        slot[1] = other[1];
    for (size_t i = 0; i < sql_array_len(other[0]); i++)
        top_insert(call->arena, slot, other[0].v[i], distinct);
}

AGG_INIT(top_init)
{
    (void)call, (void)err;
    slot[0] = data_of_array(NULL, 0);
    return ST_OK;
}

AGG_ADD(topk_add)
{
    return top_add(call, slot, args, false, err);
}

AGG_MERGE(topk_merge)
{
    (void)err;
    top_merge(call, slot, other, false);
    return ST_OK;
}

AGG_ADD(topkdistinct_add)
{
    return top_add(call, slot, args, true, err);
}

AGG_MERGE(topkdistinct_merge)
{
    (void)err;
    top_merge(call, slot, other, true);
    return ST_OK;
}

const sql_agg_class_t sql_agg_topk = {2, top_init, topk_add, NULL, topk_merge, NULL};
const sql_agg_class_t sql_agg_topkdistinct = {2,    top_init,           topkdistinct_add,
                                              NULL, topkdistinct_merge, NULL};

const data_type_t *sql_ret_topk(arena_t *a, const data_type_t *const *arg, size_t n_args)
{
    data_field_t *field = ARENA_ARRAY(a, data_field_t, n_args);
    for (size_t i = 0; i + 1 < n_args; i++) {
        field[i].name = i ? arena_printf(a, "col%zu", i - 1) : STR("sort_col");
        field[i].type = arg[i];
    }
    return data_type_array(a, data_type_struct(a, field, n_args - 1));
}
