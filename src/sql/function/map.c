/* Functions of maps, and those that take a lambda. */
#include "sql/function/fn.h"

static data_value_t half(arena_t *a, data_value_t map, size_t which)
{
    data_value_t *v = ARENA_ARRAY(a, data_value_t, map.len + 1);
    for (size_t i = 0; i < map.len; i++)
        v[i] = map.v[2 * i + which];
    return data_of_array(v, map.len);
}

FN(map_keys)
{
    STRICT;
    RETURN(half(call->arena, args[0], 0));
}

FN(map_values)
{
    STRICT;
    RETURN(half(call->arena, args[0], 1));
}

/* Puts an entry, in place of one with the same key. */
static void put(data_value_t *kv, size_t *n, data_value_t key, data_value_t value)
{
    size_t i = 0;
    while (i < *n && !data_eq(kv[2 * i], key))
        i++;
    kv[2 * i] = key;
    kv[2 * i + 1] = value;
    *n += i == *n;
}

FN(map_union)
{
    (void)err;
    if (data_is_null(args[0]) && data_is_null(args[1]))
        RETURN(DATA_NULL_VALUE);
    size_t n = 0;
    data_value_t *kv = ARENA_ARRAY(call->arena, data_value_t, 2 * (args[0].len + args[1].len) + 1);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; !data_is_null(args[k]) && i < args[k].len; i++)
            put(kv, &n, args[k].v[2 * i], args[k].v[2 * i + 1]);
    RETURN(data_of_map(kv, n));
}

FN(as_map)
{
    STRICT;
    size_t len = args[0].len < args[1].len ? args[0].len : args[1].len, n = 0;
    data_value_t *kv = ARENA_ARRAY(call->arena, data_value_t, 2 * len + 1);
    for (size_t i = 0; i < len; i++)
        if (!data_is_null(args[0].v[i]))
            put(kv, &n, args[0].v[i], args[1].v[i]);
    RETURN(data_of_map(kv, n));
}

/* The entries as structs of K and V, sorted by key when asked for. */
FN(entries)
{
    STRICT;
    size_t n = args[0].len;
    data_value_t *rows = ARENA_ARRAY(call->arena, data_value_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        while (args[1].b && at > 0 && data_cmp(rows[at - 1].v[0], args[0].v[2 * i]) > 0) {
            rows[at] = rows[at - 1];
            at--;
        }
        rows[at] = data_of_struct(args[0].v + 2 * i, 2);
    }
    RETURN(data_of_array(rows, n));
}

const data_type_t *sql_ret_entries(arena_t *a, const data_type_t *const *arg, size_t n_args)
{
    (void)n_args;
    data_field_t *field = ARENA_ARRAY(a, data_field_t, 2);
    field[0] = (data_field_t){STR("K"), &data_string};
    field[1] = (data_field_t){STR("V"), arg[0]->elem};
    return data_type_array(a, data_type_struct(a, field, 2));
}

/* ---- lambdas ---- */

FN(filter_array)
{
    if (data_is_null(args[0]))
        RETURN(DATA_NULL_VALUE);
    data_value_t *v = ARENA_ARRAY(call->arena, data_value_t, args[0].len + 1), yes;
    size_t n = 0;
    for (size_t i = 0; i < args[0].len; i++) {
        TRY(call->lambda(call, 1, &args[0].v[i], 1, &yes, err));
        if (!data_is_null(yes) && yes.b)
            v[n++] = args[0].v[i];
    }
    RETURN(data_of_array(v, n));
}

FN(filter_map)
{
    if (data_is_null(args[0]))
        RETURN(DATA_NULL_VALUE);
    data_value_t *kv = ARENA_ARRAY(call->arena, data_value_t, 2 * args[0].len + 1), yes;
    size_t n = 0;
    for (size_t i = 0; i < args[0].len; i++) {
        TRY(call->lambda(call, 1, &args[0].v[2 * i], 2, &yes, err));
        if (data_is_null(yes) || !yes.b)
            continue;
        kv[2 * n] = args[0].v[2 * i];
        kv[2 * n++ + 1] = args[0].v[2 * i + 1];
    }
    RETURN(data_of_map(kv, n));
}

FN(transform_array)
{
    if (data_is_null(args[0]))
        RETURN(DATA_NULL_VALUE);
    data_value_t *v = ARENA_ARRAY(call->arena, data_value_t, args[0].len + 1);
    for (size_t i = 0; i < args[0].len; i++)
        TRY(call->lambda(call, 1, &args[0].v[i], 1, &v[i], err));
    RETURN(data_of_array(v, args[0].len));
}

FN(transform_map)
{
    if (data_is_null(args[0]))
        RETURN(DATA_NULL_VALUE);
    data_value_t *kv = ARENA_ARRAY(call->arena, data_value_t, 2 * args[0].len + 1), k, v;
    size_t n = 0;
    for (size_t i = 0; i < args[0].len; i++) {
        TRY(call->lambda(call, 1, &args[0].v[2 * i], 2, &k, err));
        TRY(call->lambda(call, 2, &args[0].v[2 * i], 2, &v, err));
        put(kv, &n, k, v);
    }
    RETURN(data_of_map(kv, n));
}

/* The state goes through the elements; a null start makes null. */
static st_t reduce(sql_fn_call_t *call, const data_value_t *args, size_t width, data_value_t *ret,
                   err_t *err)
{
    data_value_t state = args[1];
    if (data_is_null(args[0]))
        RETURN(data_is_null(state) ? DATA_NULL_VALUE : state);
    if (data_is_null(state))
        RETURN(DATA_NULL_VALUE);
    for (size_t i = 0; i < args[0].len; i++) {
        data_value_t in[3] = {state, args[0].v[width * i], args[0].v[width * i + width - 1]};
        TRY(call->lambda(call, 2, in, 1 + width, &state, err));
    }
    RETURN(state);
}

FN(reduce_array)
{
    return reduce(call, args, 1, ret, err);
}

FN(reduce_map)
{
    return reduce(call, args, 2, ret, err);
}
