#include "data/text.h"

#include <gmp.h>
#include <math.h>

/* Bounds what a short text may ask for: 1E1000000000 has a billion digits in plain form. */
#define SCALE_MAX 10000

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NAIL_BITS == 0, "limbs are 64 bits");

/* GMP's view of d: read only, lives as long as d. */
static mpz_srcptr view(mpz_t z, const data_decimal_t *d)
{
    return mpz_roinit_n(z, (const mp_limb_t *)d->limb, d->n);
}

static const data_decimal_t *of_mpz(arena_t *a, const mpz_t z, int32_t scale)
{
    size_t n = mpz_size(z);
    data_decimal_t *d = arena_alloc(a, sizeof *d + 8 * n);
    d->scale = scale;
    d->n = mpz_sgn(z) < 0 ? -(int32_t)n : (int32_t)n;
    if (n)
        memcpy(d->limb, mpz_limbs_read(z), 8 * n);
    return d;
}

const data_decimal_t *data_decimal_i64(arena_t *a, int64_t unscaled, int32_t scale)
{
    data_decimal_t *d = arena_alloc(a, sizeof *d + 8);
    d->scale = scale;
    d->n = unscaled ? unscaled < 0 ? -1 : 1 : 0;
    if (unscaled)
        d->limb[0] = unscaled < 0 ? 0 - (uint64_t)unscaled : (uint64_t)unscaled;
    return d;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads [sign] digits [. digits] [e exponent]: digits go to z, NUL-terminated. False when it is
 * something else. */
static bool scan(str_t text, char *z, int64_t *ret_scale)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    char *out = z;
    if (p < end && (*p == '+' || *p == '-')) {
        if (*p++ == '-')
            *out++ = '-';
    }
    size_t n = 0;
    int64_t scale = 0, exp = 0;
    for (bool point = false; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        *out++ = *p;
        scale += point;
        n++;
    }
    *out = 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        if (!str_to_i64((str_t){p + 1, (size_t)(end - p - 1)}, &exp))
            return false;
        p = end;
    }
    if (n == 0 || p != end || exp < -INT32_MAX || exp > INT32_MAX)
        return false;
    *ret_scale = scale - exp;
    return true;
}

st_t data_decimal_parse(arena_t *a, str_t text, const data_decimal_t **ret, err_t *err)
{
    char small[64], *z = text.len < sizeof small ? small : arena_alloc_try(a, text.len + 1);
    int64_t scale, i64;
    if (!z)
        return err_set(err, ST_TOO_LARGE, "a number of %zu characters is too long", text.len);
    if (!scan(text, z, &scale))
        return err_set(err, ST_BAD_INPUT, "'" STR_FMT "' is not a decimal number",
                       (int)(text.len < 100 ? text.len : 100), text.ptr);
    if (scale > SCALE_MAX || scale < -SCALE_MAX)
        return err_set(err, ST_RANGE, "the exponent of a number is beyond %d", SCALE_MAX);
    if (str_to_i64(str_of(z), &i64)) {
        *ret = data_decimal_i64(a, i64, (int32_t)scale);
        return ST_OK;
    }
    mpz_t v;
    mpz_init_set_str(v, z, 10);
    *ret = of_mpz(a, v, (int32_t)scale);
    mpz_clear(v);
    return ST_OK;
}

st_t data_decimal_f64(arena_t *a, double d, const data_decimal_t **ret, err_t *err)
{
    if (!isfinite(d))
        return err_set(err, ST_RANGE, "Infinite or NaN");
    buf_t b = BUF_INIT;
    data_put_f64(&b, d);
    st_t st = data_decimal_parse(a, buf_str(&b), ret, err);
    buf_done(&b);
    return st;
}

const data_decimal_t *data_decimal_bytes(arena_t *a, str_t bytes, int32_t scale)
{
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    if (bytes.len <= 8) {
        int64_t v = bytes.len && p[0] & 0x80 ? -1 : 0;
        for (size_t i = 0; i < bytes.len; i++)
            v = (int64_t)((uint64_t)v << 8 | p[i]);
        return data_decimal_i64(a, v, scale);
    }
    mpz_t v, wrap;
    mpz_init(v);
    mpz_import(v, bytes.len, 1, 1, 1, 0, p);
    if (p[0] & 0x80) {
        mpz_init_set_ui(wrap, 1);
        mpz_mul_2exp(wrap, wrap, 8 * bytes.len);
        mpz_sub(v, v, wrap);
        mpz_clear(wrap);
    }
    const data_decimal_t *d = of_mpz(a, v, scale);
    mpz_clear(v);
    return d;
}

static size_t limbs(const data_decimal_t *d)
{
    return (size_t)(d->n < 0 ? -d->n : d->n);
}

void data_decimal_put_bytes(buf_t *b, const data_decimal_t *d)
{
    size_t n = 8 * limbs(d) + 1; /* with a byte for the sign */
    uint8_t *p = (uint8_t *)buf_reserve(b, n);
    bool neg = d->n < 0, carry = neg;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = i / 8 < limbs(d) ? (uint8_t)(d->limb[i / 8] >> (i % 8 * 8)) : 0;
        if (neg) {
            byte = (uint8_t)~byte;
            byte = (uint8_t)(byte + carry);
            carry = carry && byte == 0;
        }
        p[n - 1 - i] = byte;
    }
    size_t skip = 0;
    while (skip < n - 1 && p[skip] == (neg ? 0xff : 0) && (p[skip + 1] & 0x80) == (neg ? 0x80 : 0))
        skip++;
    memmove(p, p + skip, n - skip);
    b->len += n - skip;
}

/* The unscaled number's digits, without sign; free() them. */
static char *digits_of(const data_decimal_t *d, size_t *ret_n)
{
    mpz_t z;
    view(z, d);
    char *text = mem_alloc(mpz_sizeinbase(z, 10) + 2);
    mpz_get_str(text, 10, z);
    if (text[0] == '-')
        memmove(text, text + 1, strlen(text));
    *ret_n = strlen(text);
    return text;
}

static void put_zeros(buf_t *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        buf_put_char(b, '0');
}

static void put_digits(buf_t *b, const char *digits, size_t n, int64_t scale)
{
    int64_t whole = (int64_t)n - scale;
    if (scale <= 0) {
        buf_put(b, digits, n);
        if (digits[0] != '0')
            put_zeros(b, -scale);
    } else if (whole > 0) {
        buf_put(b, digits, (size_t)whole);
        buf_put_char(b, '.');
        buf_put(b, digits + whole, n - (size_t)whole);
    } else {
        BUF_LIT(b, "0.");
        put_zeros(b, -whole);
        buf_put(b, digits, n);
    }
}

void data_decimal_put_plain(buf_t *b, const data_decimal_t *d)
{
    size_t n;
    char *digits = digits_of(d, &n);
    if (d->n < 0)
        buf_put_char(b, '-');
    put_digits(b, digits, n, d->scale);
    free(digits);
}

void data_decimal_put_text(buf_t *b, const data_decimal_t *d)
{
    size_t n;
    char *digits = digits_of(d, &n);
    int64_t exp = (int64_t)n - 1 - d->scale;
    if (d->n < 0)
        buf_put_char(b, '-');
    if (d->scale >= 0 && exp >= -6) {
        put_digits(b, digits, n, d->scale);
    } else {
        put_digits(b, digits, n, (int64_t)n - 1);
        buf_printf(b, "E%+lld", (long long)exp);
    }
    free(digits);
}

double data_decimal_to_f64(const data_decimal_t *d)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->n == 0)
        return 0;
    if (limbs(d) == 1 && d->limb[0] < UINT64_C(1) << 53 && d->scale >= 0 && d->scale <= 22) {
        double v = (double)d->limb[0] / power[d->scale];
        return d->n < 0 ? -v : v;
    }
    buf_t b = BUF_INIT;
    data_decimal_put_text(&b, d);
    buf_put_char(&b, 0);
    double v = strtod(b.ptr, NULL);
    buf_done(&b);
    return v;
}

static void power_of_ten(mpz_t ret, int64_t n)
{
    mpz_init(ret);
    mpz_ui_pow_ui(ret, 10, (unsigned long)n);
}

bool data_decimal_to_i64(const data_decimal_t *d, int64_t *ret)
{
    mpz_t z, v, p;
    view(z, d);
    int64_t scale = d->scale;
    if (d->n == 0 || scale > (int64_t)mpz_sizeinbase(z, 10)) {
        *ret = 0;
        return true;
    }
    if (scale < -19)
        return false;
    mpz_init(v);
    power_of_ten(p, scale < 0 ? -scale : scale);
    if (scale < 0)
        mpz_mul(v, z, p);
    else
        mpz_tdiv_q(v, z, p);
    bool fits = mpz_fits_slong_p(v);
    if (fits)
        *ret = mpz_get_si(v);
    mpz_clear(v);
    mpz_clear(p);
    return fits;
}

int32_t data_decimal_precision(const data_decimal_t *d)
{
    size_t n;
    free(digits_of(d, &n));
    return (int32_t)n;
}

/* q = x / y rounded half up (away from zero). */
static void div_half_up(mpz_t q, mpz_srcptr x, mpz_srcptr y)
{
    mpz_t r;
    mpz_init(r);
    mpz_tdiv_qr(q, r, x, y);
    mpz_mul_2exp(r, r, 1);
    if (mpz_cmpabs(r, y) >= 0) {
        if (mpz_sgn(x) * mpz_sgn(y) < 0)
            mpz_sub_ui(q, q, 1);
        else
            mpz_add_ui(q, q, 1);
    }
    mpz_clear(r);
}

/* v *= 10^by; half up where by < 0. */
static void shift(mpz_t v, int64_t by)
{
    if (by == 0 || mpz_sgn(v) == 0)
        return;
    if (by < 0 && -by > (int64_t)mpz_sizeinbase(v, 10) + 1) {
        mpz_set_ui(v, 0);
        return;
    }
    mpz_t p;
    power_of_ten(p, by < 0 ? -by : by);
    if (by > 0)
        mpz_mul(v, v, p);
    else
        div_half_up(v, v, p);
    mpz_clear(p);
}

/* A copy of d's unscaled number, brought to the scale. */
static void scaled(mpz_t ret, const data_decimal_t *d, int32_t scale)
{
    mpz_t z;
    mpz_init_set(ret, view(z, d));
    shift(ret, (int64_t)scale - d->scale);
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

int data_decimal_cmp(const data_decimal_t *a, const data_decimal_t *b)
{
    int32_t scale = larger(a->scale, b->scale);
    mpz_t x, y;
    scaled(x, a, scale);
    scaled(y, b, scale);
    int c = mpz_cmp(x, y);
    mpz_clear(x);
    mpz_clear(y);
    return c;
}

const data_decimal_t *data_decimal_rescale(arena_t *a, const data_decimal_t *d, int32_t scale)
{
    if (d->scale == scale)
        return d;
    mpz_t v;
    scaled(v, d, scale);
    const data_decimal_t *r = of_mpz(a, v, scale);
    mpz_clear(v);
    return r;
}

st_t data_decimal_fit(arena_t *a, const data_decimal_t *d, int32_t precision, int32_t scale,
                      const data_decimal_t **ret, err_t *err)
{
    const data_decimal_t *r = data_decimal_rescale(a, d, scale);
    if (r->n && data_decimal_precision(r) > precision) {
        buf_t b = BUF_INIT;
        data_decimal_put_plain(&b, d);
        st_t st =
            err_set(err, ST_RANGE,
                    "Numeric field overflow: A field with precision %d and scale %d must "
                    "round to an absolute value less than 10^%d. Got " STR_FMT,
                    precision, scale, precision - scale, (int)(b.len < 200 ? b.len : 200), b.ptr);
        buf_done(&b);
        return st;
    }
    *ret = r;
    return ST_OK;
}

/* x / y at the result's scale. */
static void divide(mpz_t v, const data_decimal_t *x, const data_decimal_t *y, int32_t scale)
{
    mpz_t zx, zy, num, den;
    mpz_init_set(num, view(zx, x));
    mpz_init_set(den, view(zy, y));
    int64_t by = (int64_t)scale - x->scale + y->scale;
    shift(by >= 0 ? num : den, by >= 0 ? by : -by);
    div_half_up(v, num, den);
    mpz_clear(num);
    mpz_clear(den);
}

st_t data_decimal_arith(arena_t *a, data_arith_t op, const data_decimal_t *x,
                        const data_decimal_t *y, int32_t scale, const data_decimal_t **ret,
                        err_t *err)
{
    if ((op == DATA_DIV || op == DATA_MOD) && y->n == 0)
        return err_set(err, ST_RANGE, "/ by zero");
    mpz_t v, l, r;
    mpz_init(v);
    int32_t common = op == DATA_MUL ? x->scale + y->scale : larger(x->scale, y->scale);
    scaled(l, x, op == DATA_MUL ? x->scale : common);
    scaled(r, y, op == DATA_MUL ? y->scale : common);
    switch (op) {
    case DATA_ADD:
        mpz_add(v, l, r);
        break;
    case DATA_SUB:
        mpz_sub(v, l, r);
        break;
    case DATA_MUL:
        mpz_mul(v, l, r);
        break;
    case DATA_MOD:
        mpz_tdiv_r(v, l, r);
        break;
    case DATA_DIV:
        divide(v, x, y, scale);
        common = scale;
        break;
    }
    shift(v, (int64_t)scale - common);
    *ret = of_mpz(a, v, scale);
    mpz_clear(v);
    mpz_clear(l);
    mpz_clear(r);
    return ST_OK;
}
