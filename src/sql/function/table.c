/* Table functions. */
#include "sql/function/fn.h"

st_t sql_table_explode(sql_fn_call_t *call, const data_value_t *args, const data_value_t **ret_rows,
                       size_t *ret_n, err_t *err)
{
    (void)call, (void)err;
    *ret_rows = data_is_null(args[0]) ? NULL : args[0].v;
    *ret_n = data_is_null(args[0]) ? 0 : args[0].len;
    return ST_OK;
}

enum { CUBE_MAX = 16 };

/* All ways to replace elements by null, those that are null already only once. */
st_t sql_table_cube(sql_fn_call_t *call, const data_value_t *args, const data_value_t **ret_rows,
                    size_t *ret_n, err_t *err)
{
    size_t n = data_is_null(args[0]) ? 0 : args[0].len, n_rows = 0;
    if (n > CUBE_MAX)
        return err_set(err, ST_RANGE, "CUBE_EXPLODE takes at most %d columns", CUBE_MAX);
    data_value_t *rows = ARENA_ARRAY(call->arena, data_value_t, (size_t)1 << n);
    for (size_t mask = 0; n && mask < (size_t)1 << n; mask++) {
        data_value_t *row = ARENA_ARRAY(call->arena, data_value_t, n);
        bool twice = false;
        for (size_t i = 0; i < n; i++) {
            bool keep = mask >> (n - 1 - i) & 1;
            row[i] = keep ? args[0].v[i] : DATA_NULL_VALUE;
            twice = twice || (keep && data_is_null(args[0].v[i]));
        }
        if (!twice)
            rows[n_rows++] = data_of_array(row, n);
    }
    *ret_rows = rows;
    *ret_n = n_rows;
    return ST_OK;
}
