/* agg.h: what aggregates share. Internal to function/. */
#ifndef ARUS_SQL_FUNCTION_AGG_H
#define ARUS_SQL_FUNCTION_AGG_H

#include "sql/function/fn.h"

#define AGG_INIT(name) static st_t name(sql_fn_call_t *call, data_value_t *slot, err_t *err)
#define AGG_ADD(name)                                                                              \
    static st_t name(sql_fn_call_t *call, data_value_t *slot, const data_value_t *args, err_t *err)
#define AGG_MERGE(name)                                                                            \
    static st_t name(sql_fn_call_t *call, data_value_t *slot, const data_value_t *other, err_t *err)
#define AGG_RESULT(name)                                                                           \
    static st_t name(sql_fn_call_t *call, const data_value_t *slot, data_value_t *ret, err_t *err)

/* A copy of an array (or null: an empty one) with v put at index at. */
data_value_t sql_array_insert(arena_t *a, data_value_t array, size_t at, data_value_t v);
/* A copy without the element at index at. */
data_value_t sql_array_remove(arena_t *a, data_value_t array, size_t at);
/* The index of an equal element, or -1. */
ptrdiff_t sql_array_find(data_value_t array, data_value_t v);

static inline size_t sql_array_len(data_value_t array)
{
    return data_is_null(array) ? 0 : array.len;
}

#endif
