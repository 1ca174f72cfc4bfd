/* STDDEV_SAMP (the sample variance, as ksqlDB has it), STDDEV_SAMPLE (its root) and CORRELATION. */
#include "sql/function/agg.h"

#include <math.h>

/* Slots: count, sum, sum of squared distances from the mean; brought forward by one value at a
 * time. */
AGG_INIT(deviation_init)
{
    (void)call, (void)err;
    slot[0] = data_of_i64(0);
    slot[1] = slot[2] = data_of_f64(0);
    return ST_OK;
}

/* n and sum with the value in it: what the value adds to the squares. */
static double share(double n, double sum, double v)
{
    double d = n * v - sum;
    return n > 1 ? d * d / (n * (n - 1)) : 0;
}

AGG_ADD(deviation_add)
{
    (void)call, (void)err;
    if (data_is_null(args[0]))
        return ST_OK;
    double v = fn_f64(args[0]);
    slot[0].i64++;
    slot[1].f64 += v;
    slot[2].f64 += share((double)slot[0].i64, slot[1].f64, v);
    return ST_OK;
}

AGG_ADD(deviation_undo)
{
    (void)call, (void)err;
    if (data_is_null(args[0]))
        return ST_OK;
    double v = fn_f64(args[0]);
    slot[2].f64 -= share((double)slot[0].i64, slot[1].f64, v);
    slot[0].i64--;
    slot[1].f64 -= v;
    return ST_OK;
}

AGG_MERGE(deviation_merge)
{
    (void)call, (void)err;
    double n = (double)slot[0].i64, m = (double)other[0].i64;
    if (n > 0 && m > 0) {
        double d = slot[1].f64 / n - other[1].f64 / m;
        slot[2].f64 += d * d * n * m / (n + m);
    }
    slot[0].i64 += other[0].i64;
    slot[1].f64 += other[1].f64;
    slot[2].f64 += other[2].f64;
    return ST_OK;
}

AGG_RESULT(variance_result)
{
    (void)call, (void)err;
    RETURN(data_of_f64(slot[0].i64 > 1 ? slot[2].f64 / (double)(slot[0].i64 - 1) : 0));
}

AGG_RESULT(deviation_result)
{
    TRY(variance_result(call, slot, ret, err));
    RETURN(data_of_f64(sqrt(ret->f64)));
}

const sql_agg_class_t sql_agg_stddev_samp = {
    3, deviation_init, deviation_add, deviation_undo, deviation_merge, variance_result};
const sql_agg_class_t sql_agg_stddev_sample = {
    3, deviation_init, deviation_add, deviation_undo, deviation_merge, deviation_result};

/* Slots: count, and the sums of x, y, x², y², xy. */
AGG_INIT(correlation_init)
{
    (void)call, (void)err;
    for (size_t i = 0; i < 6; i++)
        slot[i] = data_of_f64(0);
    return ST_OK;
}

static void correlate(data_value_t *slot, const data_value_t *args, double sign)
{
    if (data_is_null(args[0]) || data_is_null(args[1]))
        return;
    double x = fn_f64(args[0]), y = fn_f64(args[1]);
    double part[6] = {1, x, y, x * x, y * y, x * y};
    for (size_t i = 0; i < 6; i++)
        slot[i].f64 += sign * part[i];
}

AGG_ADD(correlation_add)
{
    (void)call, (void)err;
    correlate(slot, args, 1);
    return ST_OK;
}

AGG_ADD(correlation_undo)
{
    (void)call, (void)err;
    correlate(slot, args, -1);
    return ST_OK;
}

AGG_MERGE(correlation_merge)
{
    (void)call, (void)err;
    for (size_t i = 0; i < 6; i++)
        slot[i].f64 += other[i].f64;
    return ST_OK;
}

AGG_RESULT(correlation_result)
{
    (void)call, (void)err;
    double n = slot[0].f64, x = slot[1].f64, y = slot[2].f64;
    double xx = slot[3].f64, yy = slot[4].f64, xy = slot[5].f64;
    RETURN(data_of_f64((n * xy - x * y) / (sqrt(n * xx - x * x) * sqrt(n * yy - y * y))));
}

const sql_agg_class_t sql_agg_correlation = {
    6, correlation_init, correlation_add, correlation_undo, correlation_merge, correlation_result};
