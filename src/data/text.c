#include "data/text.h"

#include "base/civil.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define EXACT_INTEGER 9007199254740992.0 /* 2^53 */
#define EXACT_DIGITS  15 /* two decimals of so many digits are never the same double */

static const double power_of_ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* The digits of whole * 10^-scale. */
static int digits_of_whole(uint64_t whole, int scale, char digits[17], int *ret_exp)
{
    char tmp[20];
    int n = 0;
    for (; whole; whole /= 10)
        tmp[n++] = (char)('0' + whole % 10);
    *ret_exp = n - scale;
    int skip = 0;
    while (skip < n - 1 && tmp[skip] == '0')
        skip++;
    for (int i = 0; i < n - skip; i++)
        digits[i] = tmp[n - 1 - i];
    return n - skip;
}

/* Most numbers that people write have few decimals: d = whole / 10^scale, which division tells
 * exactly. */
static int digits_of_short(double d, char digits[17], int *ret_exp)
{
    for (int scale = 0; scale <= EXACT_DIGITS; scale++) {
        double whole = nearbyint(d * power_of_ten[scale]);
        if (whole >= 1e15)
            return 0;
        if (whole / power_of_ten[scale] == d)
            return digits_of_whole((uint64_t)whole, scale, digits, ret_exp);
    }
    return 0;
}

typedef struct scientific {
    char digits[18];
    int n, exp;
} scientific_t;

static double scientific_value(const scientific_t *s)
{
    char text[40];
    snprintf(text, sizeof text, "0.%.*se%d", s->n, s->digits, s->exp);
    return strtod(text, NULL);
}

/* The decimal of n digits nearest to d. */
static scientific_t scientific_of(double d, int n)
{
    char text[40];
    scientific_t s = {.n = n};
    snprintf(text, sizeof text, "%.*e", n - 1, d);
    s.digits[0] = text[0];
    if (n > 1)
        memcpy(s.digits + 1, text + 2, (size_t)n - 1);
    s.exp = (int)strtol(text + (n > 1 ? n + 2 : 2), NULL, 10) + 1;
    return s;
}

static void scientific_up(scientific_t *s)
{
    int i = s->n - 1;
    while (i >= 0 && s->digits[i] == '9')
        s->digits[i--] = '0';
    if (i >= 0) {
        s->digits[i]++;
        return;
    }
    s->digits[0] = '1';
    s->exp++;
}

/* True when a decimal of n digits reads back as d; the nearest such. Below a power of two doubles
 * lie closer, so that there the nearest may miss where the one above it hits. */
static bool digits_hit(double d, int n, scientific_t *ret)
{
    int exp;
    *ret = scientific_of(d, n);
    if (scientific_value(ret) == d)
        return true;
    if (frexp(d, &exp) != 0.5)
        return false;
    scientific_up(ret);
    return scientific_value(ret) == d;
}

int data_f64_digits(double d, char digits[17], int *ret_exp)
{
    if (d < EXACT_INTEGER && d == nearbyint(d))
        return digits_of_whole((uint64_t)d, 0, digits, ret_exp);
    int n = d >= 1e-5 && d < 1e15 ? digits_of_short(d, digits, ret_exp) : 0;
    if (n)
        return n;
    scientific_t s;
    for (n = d < DBL_MIN ? 1 : EXACT_DIGITS; n < 17 && !digits_hit(d, n, &s);)
        n++;
    if (n == 1)
        n = 2; /* Java prints two digits, the nearest two */
    if (n == 2 || n == 17)
        s = scientific_of(d, n);
    while (n > 1 && s.digits[n - 1] == '0')
        n--;
    memcpy(digits, s.digits, (size_t)n);
    *ret_exp = s.exp;
    return n;
}

static void put_zeros(buf_t *b, int n)
{
    for (int i = 0; i < n; i++)
        buf_put_char(b, '0');
}

static void put_plain(buf_t *b, const char *digits, int n, int exp)
{
    if (exp <= 0) {
        BUF_LIT(b, "0.");
        put_zeros(b, -exp);
        buf_put(b, digits, (size_t)n);
        return;
    }
    int whole = n < exp ? n : exp;
    buf_put(b, digits, (size_t)whole);
    put_zeros(b, exp - whole);
    buf_put_char(b, '.');
    if (n > whole)
        buf_put(b, digits + whole, (size_t)(n - whole));
    else
        buf_put_char(b, '0');
}

void data_put_f64(buf_t *b, double d)
{
    if (isnan(d)) {
        BUF_LIT(b, "NaN");
        return;
    }
    if (signbit(d))
        buf_put_char(b, '-');
    d = fabs(d);
    if (isinf(d)) {
        BUF_LIT(b, "Infinity");
        return;
    }
    if (d == 0) {
        BUF_LIT(b, "0.0");
        return;
    }
    char digits[17];
    int exp, n = data_f64_digits(d, digits, &exp);
    if (d >= 1e-3 && d < 1e7) {
        put_plain(b, digits, n, exp);
        return;
    }
    put_plain(b, digits, n, 1);
    buf_put_char(b, 'E');
    buf_put_i64(b, exp - 1);
}

static void put_padded(buf_t *b, int64_t v, int width)
{
    char tmp[20];
    int n = 0;
    for (; v || n < width; v /= 10)
        tmp[n++] = (char)('0' + v % 10);
    while (n)
        buf_put_char(b, tmp[--n]);
}

static void put_date(buf_t *b, int64_t days)
{
    int64_t year;
    int month, day;
    civil_date(days, &year, &month, &day);
    if (year < 0)
        buf_put_char(b, '-');
    else if (year > 9999)
        buf_put_char(b, '+');
    put_padded(b, year < 0 ? -year : year, 4);
    buf_put_char(b, '-');
    put_padded(b, month, 2);
    buf_put_char(b, '-');
    put_padded(b, day, 2);
}

/* hh:mm:ss.SSS; with `brief` only as far as it is not zero, but the minutes. */
static void put_clock(buf_t *b, int64_t ms, bool brief)
{
    put_padded(b, ms / 3600000, 2);
    buf_put_char(b, ':');
    put_padded(b, ms / 60000 % 60, 2);
    if (brief && ms % 60000 == 0)
        return;
    buf_put_char(b, ':');
    put_padded(b, ms / 1000 % 60, 2);
    if (brief && ms % 1000 == 0)
        return;
    buf_put_char(b, '.');
    put_padded(b, ms % 1000, 3);
}

void data_put_timestamp(buf_t *b, int64_t ms)
{
    put_date(b, floor_div(ms, CIVIL_DAY_MS));
    buf_put_char(b, 'T');
    put_clock(b, floor_mod(ms, CIVIL_DAY_MS), false);
}

void data_put_date(buf_t *b, int32_t days)
{
    put_date(b, days);
}

void data_put_time(buf_t *b, int32_t ms)
{
    put_clock(b, floor_mod(ms, CIVIL_DAY_MS), true);
}

static void put_members(buf_t *b, data_value_t v, const data_type_t *t)
{
    buf_put_char(b, v.kind == DATA_ARRAY ? '[' : '{');
    for (uint32_t i = 0; i < v.len; i++) {
        if (i)
            BUF_LIT(b, ", ");
        if (v.kind == DATA_ARRAY) {
            data_put_text(b, v.v[i], t ? t->elem : NULL);
            continue;
        }
        data_put_text(b, v.v[2 * i], t ? t->key : NULL);
        buf_put_char(b, '=');
        data_put_text(b, v.v[2 * i + 1], t ? t->elem : NULL);
    }
    buf_put_char(b, v.kind == DATA_ARRAY ? ']' : '}');
}

/* As Connect's Struct prints itself: null fields are left out. */
static void put_struct(buf_t *b, data_value_t v, const data_type_t *t)
{
    ASSERT(t && t->n_fields == v.len);
    BUF_LIT(b, "Struct{");
    bool first = true;
    for (uint32_t i = 0; i < v.len; i++) {
        if (data_is_null(v.v[i]))
            continue;
        if (!first)
            buf_put_char(b, ',');
        first = false;
        buf_put_str(b, t->field[i].name);
        buf_put_char(b, '=');
        data_put_text(b, v.v[i], t->field[i].type);
    }
    buf_put_char(b, '}');
}

void data_put_text(buf_t *b, data_value_t v, const data_type_t *t)
{
    switch ((data_kind_t)v.kind) {
    case DATA_NULL:
        BUF_LIT(b, "null");
        return;
    case DATA_BOOLEAN:
        buf_put_str(b, v.b ? STR("true") : STR("false"));
        return;
    case DATA_INTEGER:
        buf_put_i64(b, v.i32);
        return;
    case DATA_BIGINT:
        buf_put_i64(b, v.i64);
        return;
    case DATA_DOUBLE:
        data_put_f64(b, v.f64);
        return;
    case DATA_DECIMAL:
        data_decimal_put_text(b, v.dec);
        return;
    case DATA_STRING:
        buf_put_str(b, data_str(v));
        return;
    case DATA_BYTES:
        data_put_base64(b, data_str(v));
        return;
    case DATA_TIME:
        data_put_time(b, v.i32);
        return;
    case DATA_DATE:
        data_put_date(b, v.i32);
        return;
    case DATA_TIMESTAMP:
        data_put_timestamp(b, v.i64);
        return;
    case DATA_ARRAY:
    case DATA_MAP:
        put_members(b, v, t);
        return;
    case DATA_STRUCT:
        put_struct(b, v, t);
        return;
    case DATA_KINDS:
        break;
    }
    ASSERT(!"kind");
}

void data_put_base64(buf_t *b, str_t bytes)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    size_t i = 0;
    for (; i + 3 <= bytes.len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        buf_put(b, (char[]){set[v >> 18], set[v >> 12 & 63], set[v >> 6 & 63], set[v & 63]}, 4);
    }
    size_t left = bytes.len - i;
    if (left == 0)
        return;
    uint32_t v = (uint32_t)p[i] << 16 | (left == 2 ? (uint32_t)p[i + 1] << 8 : 0);
    buf_put(b, (char[]){set[v >> 18], set[v >> 12 & 63], left == 2 ? set[v >> 6 & 63] : '=', '='},
            4);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool data_base64_decode(arena_t *a, str_t text, str_t *ret)
{
    if (text.len && text.len % 4 == 0 && text.ptr[text.len - 1] == '=')
        text.len -= text.ptr[text.len - 2] == '=' ? 2 : 1;
    if (text.len % 4 == 1)
        return false;
    char *out = arena_alloc(a, text.len / 4 * 3 + 3);
    size_t n = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_digit(text.ptr[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 == 1)
            out[n++] = (char)(bits >> 4);
        else if (i % 4 == 2)
            out[n++] = (char)(bits >> 2);
        else if (i % 4 == 3)
            out[n++] = (char)bits;
    }
    *ret = (str_t){out, n};
    return true;
}
