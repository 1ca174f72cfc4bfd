/* fn.h: what the files of functions share. Internal to function/. */
#ifndef ARUS_SQL_FUNCTION_FN_H
#define ARUS_SQL_FUNCTION_FN_H

#include "data/text.h"
#include "sql/function/function.h"

/* Prototypes of everything that functions.def names. */
#define SCALAR(name, signature, fn, ret_type, category, doc, example)                              \
    ST sql_fn_##fn(sql_fn_call_t *call, const data_value_t *args, data_value_t *ret, err_t *err);
#define AGGREGATE(name, signature, fn, ret_type, category, doc, example)                           \
    extern const sql_agg_class_t sql_agg_##fn;
#define TABLE(name, signature, fn, ret_type, category, doc, example)                               \
    ST sql_table_##fn(sql_fn_call_t *call, const data_value_t *args,                               \
                      const data_value_t **ret_rows, size_t *ret_n, err_t *err);
#include "sql/function/functions.def"
#undef SCALAR
#undef AGGREGATE
#undef TABLE

/* Definitions of scalar functions: FN(abs_i32) { *ret = …; return ST_OK; } */
#define FN(name)                                                                                   \
    st_t sql_fn_##name(sql_fn_call_t *call, const data_value_t *args, data_value_t *ret, err_t *err)

static inline bool fn_any_null(const sql_fn_call_t *call, const data_value_t *args)
{
    for (size_t i = 0; i < call->n_args; i++)
        if (data_is_null(args[i]))
            return true;
    return false;
}

/* A number of any type as a double. */
static inline double fn_f64(data_value_t v)
{
    switch (v.kind) {
    case DATA_INTEGER: return v.i32;
    case DATA_BIGINT: return (double)v.i64;
    case DATA_DECIMAL: return data_decimal_to_f64(v.dec);
    default: return v.f64;
    }
}

/* First line of a function that is null when any argument is. */
#define STRICT                                                                                     \
    do {                                                                                           \
        (void)err;                                                                                 \
        if (fn_any_null(call, args)) {                                                             \
            *ret = DATA_NULL_VALUE;                                                                \
            return ST_OK;                                                                          \
        }                                                                                          \
    } while (0)

#define RETURN(value)                                                                              \
    do {                                                                                           \
        *ret = (value);                                                                            \
        return ST_OK;                                                                              \
    } while (0)

/* Return types that a signature cannot say. */
typedef const data_type_t *sql_ret_type_fn(arena_t *a, const data_type_t *const *arg,
                                           size_t n_args);
sql_ret_type_fn sql_ret_first; /* the first argument's */
sql_ret_type_fn sql_ret_topk; /* ARRAY<STRUCT<sort_col, col0, …>> of all arguments but the last */
sql_ret_type_fn sql_ret_widest;  /* the decimal that holds all arguments */
sql_ret_type_fn sql_ret_round0;  /* ROUND(DECIMAL): the same precision, scale 0 */
sql_ret_type_fn sql_ret_elem;    /* the element's of the first */
sql_ret_type_fn sql_ret_entries; /* ARRAY<STRUCT<K STRING, V v>> */

#endif
