/* json.h: a row as a JSON document.
 *
 * Doubles keep their point; NaN and the infinities, which JSON has not, are null. DECIMAL is a
 * number with all its digits, BYTES base64, TIMESTAMP, DATE and TIME ISO 8601 as ksqlDB prints
 * them. A map's keys are text.
 */
#ifndef ARUS_SINK_SQLITE_JSON_H
#define ARUS_SINK_SQLITE_JSON_H

#include "sink/shape.h"

/* The row's object. `id`, if it has a ptr, is the member _id, JSON already. */
void sink_json_put_document(buf_t *b, const sink_shape_t *shape, const data_value_t *row, str_t id);
void sink_json_put_value(buf_t *b, data_value_t v, const data_type_t *t);

#endif
