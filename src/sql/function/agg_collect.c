/* COLLECT_LIST, COLLECT_SET, HISTOGRAM and ATTR. */
#include "sql/function/agg.h"

data_value_t sql_array_insert(arena_t *a, data_value_t array, size_t at, data_value_t v)
{
    size_t n = sql_array_len(array);
    data_value_t *copy = arena_alloc(a, (n + 1) * sizeof *copy);
    if (at)
        memcpy(copy, array.v, at * sizeof *copy);
    copy[at] = v;
    if (n > at)
        memcpy(copy + at + 1, array.v + at, (n - at) * sizeof *copy);
    return data_of_array(copy, n + 1);
}

data_value_t sql_array_remove(arena_t *a, data_value_t array, size_t at)
{
    data_value_t *copy = arena_alloc(a, array.len * sizeof *copy);
    if (at)
        memcpy(copy, array.v, at * sizeof *copy);
    if (array.len > at + 1)
        memcpy(copy + at, array.v + at + 1, (array.len - at - 1) * sizeof *copy);
    return data_of_array(copy, array.len - 1);
}

ptrdiff_t sql_array_find(data_value_t array, data_value_t v)
{
    for (size_t i = 0; i < sql_array_len(array); i++)
        if (data_eq(array.v[i], v))
            return (ptrdiff_t)i;
    return -1;
}

AGG_INIT(collect_init)
{
    (void)call, (void)err;
    slot[0] = data_of_array(NULL, 0);
    return ST_OK;
}

static size_t limit(const sql_fn_call_t *call, const char *name)
{
    int64_t n = call->limit ? call->limit(call->env, name) : INT64_MAX;
    return n < 0 ? SIZE_MAX : (size_t)n;
}

static void collect(sql_fn_call_t *call, data_value_t *slot, data_value_t v, bool set)
{
    size_t most =
        limit(call, set ? "ksql.functions.collect_set.limit" : "ksql.functions.collect_list.limit");
    if (slot[0].len < most && !(set && sql_array_find(slot[0], v) >= 0))
        slot[0] = sql_array_insert(call->arena, slot[0], slot[0].len, v);
}

AGG_ADD(list_add)
{
    (void)err;
    collect(call, slot, args[0], false);
    return ST_OK;
}

/* Takes away the last of its equals. */
AGG_ADD(list_undo)
{
    (void)err;
    for (size_t i = slot[0].len; i-- > 0;) {
        if (data_eq(slot[0].v[i], args[0])) {
            slot[0] = sql_array_remove(call->arena, slot[0], i);
            break;
        }
    }
    return ST_OK;
}

AGG_MERGE(list_merge)
{
    (void)err;
    for (size_t i = 0; i < sql_array_len(other[0]); i++)
        collect(call, slot, other[0].v[i], false);
    return ST_OK;
}

AGG_ADD(set_add)
{
    (void)err;
    collect(call, slot, args[0], true);
    return ST_OK;
}

AGG_MERGE(set_merge)
{
    (void)err;
    for (size_t i = 0; i < sql_array_len(other[0]); i++)
        collect(call, slot, other[0].v[i], true);
    return ST_OK;
}

const sql_agg_class_t sql_agg_collect_list = {1,         collect_init, list_add,
                                              list_undo, list_merge,   NULL};
const sql_agg_class_t sql_agg_collect_set = {1, collect_init, set_add, NULL, set_merge, NULL};

/* ---- counts of values: a MAP in the slot, value to BIGINT ---- */

enum { HISTOGRAM_MAX = 1000 };

AGG_INIT(counts_init)
{
    (void)call, (void)err;
    slot[0] = data_of_map(NULL, 0);
    return ST_OK;
}

/* Adds n to the count of key; an entry that comes to 0 goes. */
static void count(arena_t *a, data_value_t *slot, data_value_t key, int64_t n, size_t most)
{
    size_t at = 0, len = slot->len;
    while (at < len && !data_eq(slot->v[2 * at], key))
        at++;
    if (at == len && (n < 0 || len >= most))
        return;
    data_value_t *copy = arena_alloc(a, (2 * len + 2) * sizeof *copy);
    if (len)
        memcpy(copy, slot->v, 2 * len * sizeof *copy);
    if (at == len) {
        copy[2 * at] = key;
        copy[2 * at + 1] = data_of_i64(0);
        len++;
    }
    copy[2 * at + 1].i64 += n;
    if (copy[2 * at + 1].i64 <= 0) {
        memmove(copy + 2 * at, copy + 2 * at + 2, 2 * (len - at - 1) * sizeof *copy);
        len--;
    }
    *slot = data_of_map(copy, len);
}

AGG_ADD(histogram_add)
{
    (void)err;
    if (!data_is_null(args[0]))
        count(call->arena, slot, args[0], 1, HISTOGRAM_MAX);
    return ST_OK;
}

AGG_ADD(histogram_undo)
{
    (void)err;
    if (!data_is_null(args[0]))
        count(call->arena, slot, args[0], -1, HISTOGRAM_MAX);
    return ST_OK;
}

AGG_MERGE(histogram_merge)
{
    (void)err;
    for (size_t i = 0; i < other[0].len; i++)
        count(call->arena, slot, other[0].v[2 * i], other[0].v[2 * i + 1].i64, HISTOGRAM_MAX);
    return ST_OK;
}

const sql_agg_class_t sql_agg_histogram = {
    1, counts_init, histogram_add, histogram_undo, histogram_merge, NULL};

AGG_ADD(attr_add)
{
    (void)err;
    count(call->arena, slot, args[0], 1, SIZE_MAX);
    return ST_OK;
}

AGG_ADD(attr_undo)
{
    (void)err;
    count(call->arena, slot, args[0], -1, SIZE_MAX);
    return ST_OK;
}

AGG_MERGE(attr_merge)
{
    (void)err;
    for (size_t i = 0; i < other[0].len; i++)
        count(call->arena, slot, other[0].v[2 * i], other[0].v[2 * i + 1].i64, SIZE_MAX);
    return ST_OK;
}

/* The value that all had, else null. */
AGG_RESULT(attr_result)
{
    (void)call, (void)err;
    RETURN(slot[0].len == 1 ? slot[0].v[0] : DATA_NULL_VALUE);
}

const sql_agg_class_t sql_agg_attr = {1, counts_init, attr_add, attr_undo, attr_merge, attr_result};
