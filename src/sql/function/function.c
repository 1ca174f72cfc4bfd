#include "sql/function/function.h"

#include "sql/function/fn.h"

const data_type_t sql_type_unit = {.kind = DATA_STRING};

static const sql_function_t functions[] = {
#define SCALAR(name, signature, fn, ret_type, category, doc, example)                              \
    {#name, SQL_FN_SCALAR, signature, {.scalar = sql_fn_##fn}, ret_type, category, doc, example},
#define AGGREGATE(name, signature, fn, ret_type, category, doc, example)                           \
    {#name, SQL_FN_AGGREGATE, signature, {.agg = &sql_agg_##fn}, ret_type, category, doc, example},
#define TABLE(name, signature, fn, ret_type, category, doc, example)                               \
    {#name, SQL_FN_TABLE, signature, {.table = sql_table_##fn}, ret_type, category, doc, example},
#include "sql/function/functions.def"
#undef SCALAR
#undef AGGREGATE
#undef TABLE
};

const sql_function_t *sql_functions(size_t *ret_n)
{
    *ret_n = sizeof functions / sizeof *functions;
    return functions;
}

const data_type_t *sql_ret_first(arena_t *a, const data_type_t *const *arg, size_t n_args)
{
    (void)a;
    return n_args ? arg[0] : NULL;
}

const data_type_t *sql_ret_elem(arena_t *a, const data_type_t *const *arg, size_t n_args)
{
    (void)a;
    return n_args && arg[0] ? arg[0]->elem : NULL;
}
