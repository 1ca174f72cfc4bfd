/* Functions of arrays. */
#include "sql/function/agg.h"

#include <stdlib.h>

/* The elements of x, then those of y, without repeats when `distinct`. */
static data_value_t join(arena_t *a, data_value_t x, data_value_t y, bool distinct)
{
    size_t nx = sql_array_len(x), ny = sql_array_len(y), n = 0;
    data_value_t *v = ARENA_ARRAY(a, data_value_t, nx + ny + 1);
    for (size_t i = 0; i < nx + ny; i++) {
        data_value_t e = i < nx ? x.v[i] : y.v[i - nx];
        if (!distinct || sql_array_find(data_of_array(v, n), e) < 0)
            v[n++] = e;
    }
    return data_of_array(v, n);
}

FN(array_concat)
{
    (void)err;
    if (data_is_null(args[0]) && data_is_null(args[1]))
        RETURN(DATA_NULL_VALUE);
    RETURN(join(call->arena, args[0], args[1], false));
}

FN(array_contains)
{
    (void)call, (void)err;
    if (data_is_null(args[0]))
        RETURN(data_of_bool(false));
    RETURN(data_of_bool(sql_array_find(args[0], args[1]) >= 0));
}

FN(array_distinct)
{
    STRICT;
    RETURN(join(call->arena, args[0], DATA_NULL_VALUE, true));
}

FN(array_union)
{
    STRICT;
    RETURN(join(call->arena, args[0], args[1], true));
}

/* The distinct elements of the first that are, or are not, in the second. */
static data_value_t sift(arena_t *a, data_value_t x, data_value_t y, bool in)
{
    data_value_t *v = ARENA_ARRAY(a, data_value_t, x.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < x.len; i++)
        if ((sql_array_find(y, x.v[i]) >= 0) == in &&
            sql_array_find(data_of_array(v, n), x.v[i]) < 0)
            v[n++] = x.v[i];
    return data_of_array(v, n);
}

FN(array_except)
{
    STRICT;
    RETURN(sift(call->arena, args[0], args[1], false));
}

FN(array_intersect)
{
    STRICT;
    RETURN(sift(call->arena, args[0], args[1], true));
}

FN(array_join)
{
    (void)err;
    if (data_is_null(args[0]))
        RETURN(DATA_NULL_VALUE);
    str_t sep = call->n_args < 2 ? STR(",") : data_is_null(args[1]) ? STR("") : data_str(args[1]);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < args[0].len; i++) {
        if (i)
            buf_put_str(&b, sep);
        data_put_text(&b, args[0].v[i], call->arg_type[0]->elem);
    }
    *ret = data_of_str(arena_str(call->arena, buf_str(&b)));
    buf_done(&b);
    return ST_OK;
}

FN(array_length)
{
    STRICT;
    RETURN(data_of_i32((int32_t)args[0].len));
}

static data_value_t array_extreme(data_value_t x, int sign)
{
    data_value_t best = DATA_NULL_VALUE;
    for (size_t i = 0; i < x.len; i++)
        if (!data_is_null(x.v[i]) && (data_is_null(best) || sign * data_cmp(x.v[i], best) > 0))
            best = x.v[i];
    return best;
}

FN(array_max)
{
    STRICT;
    RETURN(array_extreme(args[0], 1));
}

FN(array_min)
{
    STRICT;
    RETURN(array_extreme(args[0], -1));
}

FN(array_remove)
{
    (void)err;
    if (data_is_null(args[0]))
        RETURN(DATA_NULL_VALUE);
    data_value_t *v = ARENA_ARRAY(call->arena, data_value_t, args[0].len + 1);
    size_t n = 0;
    for (size_t i = 0; i < args[0].len; i++)
        if (!data_eq(args[0].v[i], args[1]))
            v[n++] = args[0].v[i];
    RETURN(data_of_array(v, n));
}

static int ascending(const void *x, const void *y)
{
    return data_cmp(*(const data_value_t *)x, *(const data_value_t *)y);
}

static int descending(const void *x, const void *y)
{
    return -ascending(x, y);
}

/* Nulls come last either way. */
FN(array_sort)
{
    STRICT;
    bool down = false;
    if (call->n_args > 1) {
        str_t how = data_str(args[1]);
        down = str_eq_nocase(how, STR("DESC")) || str_eq_nocase(how, STR("DESCENDING"));
        if (!down && !str_eq_nocase(how, STR("ASC")) && !str_eq_nocase(how, STR("ASCENDING")))
            RETURN(DATA_NULL_VALUE);
    }
    data_value_t *v = ARENA_ARRAY(call->arena, data_value_t, args[0].len + 1);
    size_t n = 0;
    for (size_t i = 0; i < args[0].len; i++)
        if (!data_is_null(args[0].v[i]))
            v[n++] = args[0].v[i];
    qsort(v, n, sizeof *v, down ? descending : ascending);
    RETURN(data_of_array(v, args[0].len));
}

enum { SERIES_MAX = 1000000 };

FN(generate_series)
{
    STRICT;
    bool wide = args[0].kind == DATA_BIGINT;
    int64_t from = wide ? args[0].i64 : args[0].i32, to = wide ? args[1].i64 : args[1].i32;
    int64_t step = call->n_args > 2 ? args[2].i32 : from <= to ? 1 : -1;
    if (step == 0)
        return err_set(err, ST_RANGE, "GENERATE_SERIES step cannot be zero");
    if (from != to && (step > 0) != (from < to))
        return err_set(err, ST_RANGE, "GENERATE_SERIES step has wrong sign");
    int64_t span, n = 0;
    if (__builtin_sub_overflow(to, from, &span) || (n = span / step + 1) > SERIES_MAX)
        return err_set(err, ST_RANGE, "GENERATE_SERIES makes at most %d values", SERIES_MAX);
    data_value_t *v = ARENA_ARRAY(call->arena, data_value_t, n);
    for (int64_t i = 0; i < n; i++)
        v[i] = wide ? data_of_i64(from + i * step) : data_of_i32((int32_t)(from + i * step));
    RETURN(data_of_array(v, (size_t)n));
}

/* From and to are counted from 1, both ends within; null leaves an end open. */
FN(slice)
{
    (void)err;
    if (data_is_null(args[0]))
        RETURN(DATA_NULL_VALUE);
    int64_t n = args[0].len;
    int64_t from = data_is_null(args[1]) ? 1 : args[1].i32,
            to = data_is_null(args[2]) ? n : args[2].i32;
    if (from < 1 || from > n || to < from || to > n)
        RETURN(DATA_NULL_VALUE);
    (void)call;
    RETURN(data_of_array(args[0].v + from - 1, (size_t)(to - from + 1)));
}

/* ---- conditions ---- */

FN(coalesce)
{
    (void)err;
    for (size_t i = 0; i < call->n_args; i++)
        if (!data_is_null(args[i]))
            RETURN(args[i]);
    RETURN(DATA_NULL_VALUE);
}

FN(nullif)
{
    (void)call, (void)err;
    RETURN(!data_is_null(args[0]) && data_eq(args[0], args[1]) ? DATA_NULL_VALUE : args[0]);
}
