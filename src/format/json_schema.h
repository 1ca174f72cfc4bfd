/* json_schema.h: JSON Schemas as Connect's converter writes them, to and from SQL types. Private to
 * format/. */
#ifndef ARUS_FORMAT_JSON_SCHEMA_H
#define ARUS_FORMAT_JSON_SCHEMA_H

#include "data/schema.h"

/* The schema of these columns: an object, or with `bare` the one column's type. title may be empty.
 */
void json_schema_put(buf_t *b, data_columns_t columns, bool bare, str_t title);
/* The SQL type of a schema; *ret_object: it describes an object of columns. ST_BAD_INPUT,
 * ST_UNSUPPORTED ($ref). */
ST json_schema_type(arena_t *a, str_t text, bool upper, const data_type_t **ret, bool *ret_object,
                    err_t *err);

#endif
