/* json.h: a row as a JSON document; values as data/json.h has them, NaN and the infinities null. */
#ifndef ARUS_SINK_SQLITE_JSON_H
#define ARUS_SINK_SQLITE_JSON_H

#include "sink/shape.h"

/* The row's object. `id`, if it has a ptr, is the member _id, JSON already. */
void sink_json_put_document(buf_t *b, const sink_shape_t *shape, const data_value_t *row, str_t id);

#endif
