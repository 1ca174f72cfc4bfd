/* text.h: numbers and values as Java writes them.
 *
 * Doubles are the shortest text that reads back the same, in Double.toString's layout of Java 19
 * and later ("1.0", "1.0E10", "NaN"). Decimals are BigDecimal's: toString (with an exponent where
 * Java has one) or toPlainString.
 */
#ifndef ARUS_DATA_TEXT_H
#define ARUS_DATA_TEXT_H

#include "data/value.h"

void data_put_f64(buf_t *b, double d);
/* Shortest decimal digits of a finite, positive d: d = 0.D1D2… * 10^*ret_exp. At most 17 digits, no
 * trailing zeros. Returns how many. */
int data_f64_digits(double d, char digits[17], int *ret_exp);

/* Decimals. All results are in the arena. */
const data_decimal_t *data_decimal_i64(arena_t *a, int64_t unscaled, int32_t scale);
/* BigDecimal's grammar: sign, digits, point, exponent. */
ST data_decimal_parse(arena_t *a, str_t text, const data_decimal_t **ret, err_t *err);
/* The exact decimal of what Double.toString prints (BigDecimal.valueOf). */
ST data_decimal_f64(arena_t *a, double d, const data_decimal_t **ret, err_t *err);
/* Two's complement big-endian unscaled bytes, as Avro and Connect store it. */
const data_decimal_t *data_decimal_bytes(arena_t *a, str_t bytes, int32_t scale);
void data_decimal_put_bytes(buf_t *b, const data_decimal_t *d);
void data_decimal_put_plain(buf_t *b, const data_decimal_t *d); /* toPlainString */
void data_decimal_put_text(buf_t *b, const data_decimal_t *d);  /* toString */
double data_decimal_to_f64(const data_decimal_t *d);
/* Cuts the fraction; false when the whole part does not fit. */
bool data_decimal_to_i64(const data_decimal_t *d, int64_t *ret);
int32_t data_decimal_precision(const data_decimal_t *d);
int data_decimal_cmp(const data_decimal_t *a, const data_decimal_t *b); /* by value */
/* HALF_UP to the scale. */
const data_decimal_t *data_decimal_rescale(arena_t *a, const data_decimal_t *d, int32_t scale);
/* HALF_UP to the scale and checked against the precision: ST_RANGE with ksqlDB's text "Numeric
 * field overflow: A field with precision P and scale S must round to an absolute value less than
 * 10^(P-S). Got X". */
ST data_decimal_fit(arena_t *a, const data_decimal_t *d, int32_t precision, int32_t scale,
                    const data_decimal_t **ret, err_t *err);
typedef enum data_arith { DATA_ADD, DATA_SUB, DATA_MUL, DATA_DIV, DATA_MOD } data_arith_t;
/* Division and the result's scale: to `scale`, HALF_UP. Division by zero: ST_RANGE, "/ by zero" as
 * Java says it. */
ST data_decimal_arith(arena_t *a, data_arith_t op, const data_decimal_t *x, const data_decimal_t *y,
                      int32_t scale, const data_decimal_t **ret, err_t *err);

/* TIMESTAMP "2020-01-01T00:00:00.000", DATE "2020-01-01", TIME "10:00:00.001" as java.time's
 * toString prints LocalTime
 * ("10:00", "10:00:01", "10:00:01.001"). */
void data_put_timestamp(buf_t *b, int64_t ms);
void data_put_date(buf_t *b, int32_t days);
void data_put_time(buf_t *b, int32_t ms);

/* A value as Java's toString prints ksqlDB's object: null, 1.0, [a, b], {k=v}, Struct{A=1}. BYTES
 * as base64. */
void data_put_text(buf_t *b, data_value_t v, const data_type_t *t);

void data_put_base64(buf_t *b, str_t bytes);
/* Standard alphabet, padding optional; false when it is not base64. */
bool data_base64_decode(arena_t *a, str_t text, str_t *ret);

#endif
