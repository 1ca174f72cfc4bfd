/* json_rows.h: rows as JSON text: an object a row, or the bare value of one column. Private to
 * format/.
 *
 * Records of a topic give their members in the same order again and again, so the reader remembers
 * which column each place had last time and compares one name before it searches.
 */
#ifndef ARUS_FORMAT_JSON_ROWS_H
#define ARUS_FORMAT_JSON_ROWS_H

#include "format/format.h"

typedef struct json_rows json_rows_t;

/* The columns must outlive it. */
ST json_rows_new(arena_t *a, data_columns_t columns, bool bare, json_rows_t **ret, err_t *err);
/* As serde_decode. */
ST json_rows_read(json_rows_t *j, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                  bool *ret_null, err_t *err);
void json_rows_write(const json_rows_t *j, const data_value_t *row, buf_t *b);
/* ST_UNSUPPORTED for maps whose keys are no text. */
ST json_rows_check(data_columns_t columns, bool is_key, err_t *err);

#endif
