/* LATEST_BY_OFFSET and EARLIEST_BY_OFFSET, of one value and of N.
 *
 * Each value has the number it was taken in at, so that merged session windows know which came
 * first. Slots of the one-value forms: value, number. Of the N forms: array of values, array of
 * numbers, N.
 */
#include "sql/function/agg.h"

#include <stdlib.h>

/* The next number of this call site; never below one that a slot has from before a restart. */
static st_t next_number(sql_fn_call_t *call, data_value_t seen, data_value_t *ret, err_t *err)
{
    int64_t *next = *call->state;
    if (!next) {
        next = *call->state = mem_zalloc(sizeof *next);
        *call->state_free = free;
    }
    if (!data_is_null(seen) && seen.i64 >= *next)
        *next = seen.i64 + 1;
    if (*next == INT64_MAX)
        return err_set(err, ST_RANGE, "more records than can be counted");
    *ret = data_of_i64((*next)++);
    return ST_OK;
}

/* The flag is the last argument, when it is there: nulls are ignored unless it is false. */
static bool ignored(const sql_fn_call_t *call, const data_value_t *args)
{
    data_value_t last = args[call->n_args - 1];
    bool keep_nulls = call->n_args > 1 && last.kind == DATA_BOOLEAN && !last.b;
    return !keep_nulls && data_is_null(args[0]);
}

AGG_ADD(latest_add)
{
    if (ignored(call, args))
        return ST_OK;
    TRY(next_number(call, slot[1], &slot[1], err));
    slot[0] = args[0];
    return ST_OK;
}

AGG_ADD(earliest_add)
{
    if (ignored(call, args) || !data_is_null(slot[1]))
        return ST_OK;
    TRY(next_number(call, slot[1], &slot[1], err));
    slot[0] = args[0];
    return ST_OK;
}

static void merge_one(data_value_t *slot, const data_value_t *other, bool latest)
{
    if (data_is_null(other[1]))
        return;
    if (data_is_null(slot[1]) || (other[1].i64 > slot[1].i64) == latest) {
        slot[0] = other[0];
        slot[1] = other[1];
    }
}

AGG_MERGE(latest_merge)
{
    (void)call, (void)err;
    merge_one(slot, other, true);
    return ST_OK;
}

AGG_MERGE(earliest_merge)
{
    (void)call, (void)err;
    merge_one(slot, other, false);
    return ST_OK;
}

const sql_agg_class_t sql_agg_latest = {2, NULL, latest_add, NULL, latest_merge, NULL};
const sql_agg_class_t sql_agg_earliest = {2, NULL, earliest_add, NULL, earliest_merge, NULL};

AGG_INIT(n_init)
{
    (void)call, (void)err;
    slot[0] = slot[1] = data_of_array(NULL, 0);
    return ST_OK;
}

static data_value_t last_of(data_value_t array)
{
    return array.len ? array.v[array.len - 1] : DATA_NULL_VALUE;
}

static void drop(sql_fn_call_t *call, data_value_t *slot, size_t at)
{
    slot[0] = sql_array_remove(call->arena, slot[0], at);
    slot[1] = sql_array_remove(call->arena, slot[1], at);
}

static void insert(sql_fn_call_t *call, data_value_t *slot, size_t at, data_value_t value,
                   data_value_t number)
{
    slot[0] = sql_array_insert(call->arena, slot[0], at, value);
    slot[1] = sql_array_insert(call->arena, slot[1], at, number);
}

static st_t add_n(sql_fn_call_t *call, data_value_t *slot, const data_value_t *args, bool latest,
                  err_t *err)
{
    data_value_t number;
    if (data_is_null(args[1]) || args[1].i32 < 1)
        return err_set(err, ST_RANGE, "the number of values must be 1 or more");
    slot[2] = args[1];
    if (ignored(call, args))
        return ST_OK;
    bool full = slot[0].len >= (uint32_t)slot[2].i32;
    if (full && !latest)
        return ST_OK;
    TRY(next_number(call, last_of(slot[1]), &number, err));
    if (full)
        drop(call, slot, 0);
    insert(call, slot, slot[0].len, args[0], number);
    return ST_OK;
}

static void merge_n(sql_fn_call_t *call, data_value_t *slot, const data_value_t *other, bool latest)
{
    if (data_is_null(slot[2]))
        slot[2] = other[2];
    for (size_t i = 0; i < sql_array_len(other[0]); i++) {
        size_t at = slot[1].len;
        while (at > 0 && slot[1].v[at - 1].i64 > other[1].v[i].i64)
            at--;
        insert(call, slot, at, other[0].v[i], other[1].v[i]);
    }
    while (!data_is_null(slot[2]) && slot[0].len > (uint32_t)slot[2].i32)
        drop(call, slot, latest ? 0 : slot[0].len - 1);
}

AGG_ADD(latest_n_add)
{
    return add_n(call, slot, args, true, err);
}

AGG_ADD(earliest_n_add)
{
    return add_n(call, slot, args, false, err);
}

AGG_MERGE(latest_n_merge)
{
    (void)err;
    merge_n(call, slot, other, true);
    return ST_OK;
}

AGG_MERGE(earliest_n_merge)
{
    (void)err;
    merge_n(call, slot, other, false);
    return ST_OK;
}

const sql_agg_class_t sql_agg_latest_n = {3, n_init, latest_n_add, NULL, latest_n_merge, NULL};
const sql_agg_class_t sql_agg_earliest_n = {3,    n_init,           earliest_n_add,
                                            NULL, earliest_n_merge, NULL};
