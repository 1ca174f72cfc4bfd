/* COUNT and COUNT_DISTINCT. */
#include "base/hash.h"
#include "sql/function/agg.h"

#include <math.h>

AGG_INIT(count_init)
{
    (void)call, (void)err;
    slot[0] = data_of_i64(0);
    return ST_OK;
}

/* COUNT(*) has no argument. */
static bool counts(const sql_fn_call_t *call, const data_value_t *args)
{
    return call->n_args == 0 || !data_is_null(args[0]);
}

AGG_ADD(count_add)
{
    (void)err;
    slot[0].i64 += counts(call, args);
    return ST_OK;
}

AGG_ADD(count_undo)
{
    (void)err;
    slot[0].i64 -= counts(call, args);
    return ST_OK;
}

AGG_MERGE(count_merge)
{
    (void)call, (void)err;
    slot[0].i64 += other[0].i64;
    return ST_OK;
}

const sql_agg_class_t sql_agg_count = {1, count_init, count_add, count_undo, count_merge, NULL};

/* COUNT_DISTINCT is an estimate from 2048 registers (HyperLogLog): exact for few values, 2.3 % off
 * for many. A register holds the greatest number of leading zeros, and one, seen among the hashes
 * that fall on it. */
enum { REGISTERS = 2048, REGISTER_BITS = 11 };

AGG_ADD(distinct_add)
{
    (void)err;
    if (data_is_null(args[0]))
        return ST_OK;
    uint64_t h = data_hash(args[0]);
    h = hash_bytes(&h, sizeof h);
    size_t at = h >> (64 - REGISTER_BITS);
    uint64_t rest = (h << REGISTER_BITS) | 1;
    char rank = (char)(__builtin_clzll(rest) + 1);
    if (!data_is_null(slot[0]) && slot[0].ptr[at] >= rank)
        return ST_OK;
    char *regs = arena_alloc(call->arena, REGISTERS);
    if (data_is_null(slot[0]))
        memset(regs, 0, REGISTERS);
    else
        memcpy(regs, slot[0].ptr, REGISTERS);
    regs[at] = rank;
    slot[0] = data_of_bytes(str_n(regs, REGISTERS));
    return ST_OK;
}

AGG_MERGE(distinct_merge)
{
    (void)err;
    if (data_is_null(other[0]))
        return ST_OK;
    if (data_is_null(slot[0])) {
        slot[0] = data_copy(call->arena, other[0]);
        return ST_OK;
    }
    char *regs = arena_alloc(call->arena, REGISTERS);
    for (size_t i = 0; i < REGISTERS; i++)
        regs[i] = slot[0].ptr[i] > other[0].ptr[i] ? slot[0].ptr[i] : other[0].ptr[i];
    slot[0] = data_of_bytes(str_n(regs, REGISTERS));
    return ST_OK;
}

AGG_RESULT(distinct_result)
{
    (void)call, (void)err;
    if (data_is_null(slot[0]))
        RETURN(data_of_i64(0));
    const double m = REGISTERS;
    double sum = 0;
    size_t zeros = 0;
    for (size_t i = 0; i < REGISTERS; i++) {
        sum += ldexp(1, -slot[0].ptr[i]);
        zeros += slot[0].ptr[i] == 0;
    }
    double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    if (estimate <= 2.5 * m && zeros)
        estimate = m * log(m / (double)zeros);
    RETURN(data_of_i64(llround(estimate)));
}

const sql_agg_class_t sql_agg_count_distinct = {1,    NULL,           distinct_add,
                                                NULL, distinct_merge, distinct_result};
