/* Mathematical functions. */
#include "sql/function/fn.h"

#include <math.h>

/* One number in, a double out. */
#define FN_F64(name, expression)                                                                   \
    FN(name)                                                                                       \
    {                                                                                              \
        STRICT;                                                                                    \
        double x = fn_f64(args[0]);                                                                \
        RETURN(data_of_f64(expression));                                                           \
    }

/* In the order of Java's multiplications, so that the last digit is the same. */
static double to_degrees(double x)
{
    return x * 180.0 / M_PI;
}

static double to_radians(double x)
{
    return x / 180.0 * M_PI;
}

FN_F64(acos, acos(x))
FN_F64(asin, asin(x))
FN_F64(atan, atan(x))
FN_F64(atan2, atan2(x, fn_f64(args[1])))
FN_F64(cos, cos(x))
FN_F64(cosh, cosh(x))
FN_F64(cot, 1.0 / tan(x))
FN_F64(degrees, to_degrees(x))
FN_F64(exp, exp(x))
FN_F64(ln, x < 0 ? NAN : log(x))
FN_F64(power, pow(x, fn_f64(args[1])))
FN_F64(radians, to_radians(x))
FN_F64(sin, sin(x))
FN_F64(sinh, sinh(x))
FN_F64(sqrt, x < 0 ? NAN : sqrt(x))
FN_F64(tan, tan(x))
FN_F64(tanh, tanh(x))

/* The library's is a bit off for perfect cubes; a step of Newton's mends that. */
FN(cbrt)
{
    STRICT;
    double x = fn_f64(args[0]), y = cbrt(x);
    RETURN(data_of_f64(y == 0 || !isfinite(y) ? y : y - (y * y * y - x) / (3 * y * y)));
}

FN(log_base)
{
    STRICT;
    double base = fn_f64(args[0]), x = fn_f64(args[1]);
    RETURN(data_of_f64(base <= 0 || base == 1 || x < 0 ? NAN : log(x) / log(base)));
}

FN(pi)
{
    (void)call, (void)args, (void)err;
    RETURN(data_of_f64(M_PI));
}

FN(random)
{
    (void)args, (void)err;
    RETURN(data_of_f64((double)(call->random(call->env) >> 11) * 0x1p-53));
}

FN(sign)
{
    STRICT;
    double x = fn_f64(args[0]);
    RETURN(data_of_i32((x > 0) - (x < 0)));
}

static const data_decimal_t *decimal_zero(sql_fn_call_t *call)
{
    return data_decimal_i64(call->arena, 0, 0);
}

FN(abs)
{
    STRICT;
    data_value_t v = args[0];
    switch (v.kind) {
    case DATA_INTEGER: RETURN(data_of_i32(v.i32 < 0 ? (int32_t)(0 - (uint32_t)v.i32) : v.i32));
    case DATA_BIGINT: RETURN(data_of_i64(v.i64 < 0 ? (int64_t)(0 - (uint64_t)v.i64) : v.i64));
    case DATA_DOUBLE: RETURN(data_of_f64(fabs(v.f64)));
    default: break;
    }
    const data_decimal_t *d = v.dec;
    if (d->n < 0)
        TRY(data_decimal_arith(call->arena, DATA_SUB, decimal_zero(call), d, d->scale, &d, err));
    RETURN(data_of_decimal(d));
}

/* ---- rounding ---- */

typedef enum rounding { ROUND_DOWN, ROUND_FLOOR, ROUND_CEILING, ROUND_NEAREST } rounding_t;

/* d cut to `digits` behind the point (negative: before it), in its own scale. Nearest: ties go up,
 * toward positive. */
static st_t round_decimal(sql_fn_call_t *call, const data_decimal_t *d, int32_t digits,
                          rounding_t how, const data_decimal_t **ret, err_t *err)
{
    arena_t *a = call->arena;
    int32_t scale = d->scale > 0 ? d->scale : 0;
    if (digits >= scale) {
        *ret = d;
        return ST_OK;
    }
    if (digits < -400)
        digits = -400;
    /* step is 10^-digits; part is what stands behind it, with d's sign. */
    const data_decimal_t *step = data_decimal_i64(a, 1, digits), *part, *cut;
    TRY(data_decimal_arith(a, DATA_MOD, d, step, scale, &part, err));
    TRY(data_decimal_arith(a, DATA_SUB, d, part, scale, &cut, err));
    int sign = data_decimal_cmp(part, decimal_zero(call));
    bool up = how == ROUND_CEILING && sign > 0, down = how == ROUND_FLOOR && sign < 0;
    if (how == ROUND_NEAREST && sign) {
        const data_decimal_t *twice;
        TRY(data_decimal_arith(a, DATA_ADD, part, part, scale, &twice, err));
        const data_decimal_t *minus;
        TRY(data_decimal_arith(a, DATA_SUB, decimal_zero(call), step, digits > 0 ? digits : 0,
                               &minus, err));
        up = sign > 0 && data_decimal_cmp(twice, step) >= 0;
        down = sign < 0 && data_decimal_cmp(twice, minus) < 0;
    }
    if (up)
        TRY(data_decimal_arith(a, DATA_ADD, cut, step, scale, &cut, err));
    if (down)
        TRY(data_decimal_arith(a, DATA_SUB, cut, step, scale, &cut, err));
    *ret = cut;
    return ST_OK;
}

static st_t round_f64(sql_fn_call_t *call, double x, int32_t digits, rounding_t how, double *ret,
                      err_t *err)
{
    if (!isfinite(x)) {
        *ret = x;
        return ST_OK;
    }
    const data_decimal_t *d;
    TRY(data_decimal_f64(call->arena, x, &d, err));
    TRY(round_decimal(call, d, digits, how, &d, err));
    *ret = data_decimal_to_f64(d);
    return ST_OK;
}

/* To a BIGINT as Java's (long) does: NaN is 0, what is too large the largest. */
static int64_t to_long(double x)
{
    if (isnan(x))
        return 0;
    return x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : (int64_t)x;
}

/* A value rounded within its own type. */
static st_t round_value(sql_fn_call_t *call, data_value_t v, int32_t digits, rounding_t how,
                        data_value_t *ret, err_t *err)
{
    double x;
    const data_decimal_t *d;
    if (v.kind == DATA_DOUBLE) {
        TRY(round_f64(call, v.f64, digits, how, &x, err));
        RETURN(data_of_f64(x));
    }
    if (v.kind == DATA_DECIMAL) {
        TRY(round_decimal(call, v.dec, digits, how, &d, err));
        RETURN(data_of_decimal(data_decimal_rescale(call->arena, d, call->ret_type->scale)));
    }
    RETURN(v);
}

FN(ceil)
{
    STRICT;
    return round_value(call, args[0], 0, ROUND_CEILING, ret, err);
}

FN(floor)
{
    STRICT;
    return round_value(call, args[0], 0, ROUND_FLOOR, ret, err);
}

FN(round)
{
    STRICT;
    if (args[0].kind == DATA_DOUBLE)
        RETURN(data_of_i64(to_long(floor(args[0].f64 + 0.5))));
    return round_value(call, args[0], 0, ROUND_NEAREST, ret, err);
}

FN(round_to)
{
    STRICT;
    return round_value(call, args[0], args[1].i32, ROUND_NEAREST, ret, err);
}

FN(trunc)
{
    STRICT;
    if (args[0].kind == DATA_DOUBLE)
        RETURN(data_of_i64(to_long(args[0].f64)));
    return round_value(call, args[0], 0, ROUND_DOWN, ret, err);
}

FN(trunc_to)
{
    STRICT;
    return round_value(call, args[0], args[1].i32, ROUND_DOWN, ret, err);
}

const data_type_t *sql_ret_round0(arena_t *a, const data_type_t *const *arg, size_t n_args)
{
    (void)n_args;
    int32_t whole = arg[0]->precision - arg[0]->scale + 1;
    return data_type_decimal(a, arg[0]->scale ? whole : arg[0]->precision, 0);
}

/* ---- GREATEST and LEAST: nulls do not count ---- */

static st_t extreme(sql_fn_call_t *call, const data_value_t *args, int sign, data_value_t *ret)
{
    data_value_t best = DATA_NULL_VALUE;
    for (size_t i = 0; i < call->n_args; i++)
        if (!data_is_null(args[i]) && (data_is_null(best) || sign * data_cmp(args[i], best) > 0))
            best = args[i];
    if (best.kind == DATA_DECIMAL)
        best = data_of_decimal(data_decimal_rescale(call->arena, best.dec, call->ret_type->scale));
    RETURN(best);
}

FN(greatest)
{
    (void)err;
    return extreme(call, args, 1, ret);
}

FN(least)
{
    (void)err;
    return extreme(call, args, -1, ret);
}

const data_type_t *sql_ret_widest(arena_t *a, const data_type_t *const *arg, size_t n_args)
{
    int32_t whole = 0, scale = 0;
    for (size_t i = 0; i < n_args; i++) {
        if (!arg[i])
            continue;
        int32_t w = arg[i]->precision - arg[i]->scale;
        whole = w > whole ? w : whole;
        scale = arg[i]->scale > scale ? arg[i]->scale : scale;
    }
    return whole + scale ? data_type_decimal(a, whole + scale, scale) : NULL;
}

/* ---- GEO_DISTANCE: the haversine formula ---- */

FN(geo_distance)
{
    for (size_t i = 0; i < 4; i++)
        if (data_is_null(args[i]))
            RETURN(DATA_NULL_VALUE);
    static const double km = 6371.0, miles = 3959.0;
    double r = km;
    if (call->n_args > 4 && !data_is_null(args[4])) {
        str_t unit = data_str(args[4]);
        bool mi = str_eq_nocase(unit, STR("MI")) || str_eq_nocase(unit, STR("MILE")) ||
                  str_eq_nocase(unit, STR("MILES"));
        r = mi ? miles : km;
    }
    double lat1 = args[0].f64, lon1 = args[1].f64, lat2 = args[2].f64, lon2 = args[3].f64;
    if (fabs(lat1) > 90 || fabs(lat2) > 90 || fabs(lon1) > 180 || fabs(lon2) > 180)
        return err_set(err, ST_RANGE, "valid latitudes are -90 to 90 and longitudes -180 to 180");
    double dlat = to_radians(lat2 - lat1), dlon = to_radians(lon2 - lon1);
    double h = sin(dlat / 2) * sin(dlat / 2) +
               sin(dlon / 2) * sin(dlon / 2) * cos(to_radians(lat1)) * cos(to_radians(lat2));
    RETURN(data_of_f64(r * 2 * asin(sqrt(h))));
}
