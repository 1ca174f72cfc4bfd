/* cast.h: CAST and implicit conversions of values between SQL types. */
#ifndef ARUS_SQL_EXEC_CAST_H
#define ARUS_SQL_EXEC_CAST_H

#include "data/value.h"

/* Whether CAST(x AS to) exists for a `from` (NULL: the untyped null, castable to all). */
bool cast_supported(const data_type_t *from, const data_type_t *to);
/* Whether a `from` may stand where a `to` is expected without CAST: INT → BIGINT → DECIMAL →
 * DOUBLE. */
bool cast_implicit(const data_type_t *from, const data_type_t *to);
/* ST_BAD_INPUT when the text or number cannot be read as the type, ST_RANGE when it does not fit.
 * Null stays null. */
ST cast_value(arena_t *a, data_value_t v, const data_type_t *from, const data_type_t *to,
              data_value_t *ret, err_t *err);

/* ISO texts, complete or cut short where ksqlDB allows it ("2020", "2020-01", "2020-01-01T10:00",
 * with a zone or without). */
ST cast_text_to_timestamp(str_t text, int64_t *ret_ms, err_t *err);
ST cast_text_to_date(str_t text, int32_t *ret_days, err_t *err);
ST cast_text_to_time(str_t text, int32_t *ret_ms, err_t *err);

#endif
