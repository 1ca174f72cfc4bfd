/* bson.h: a row as a BSON document.
 *
 * INTEGER and BIGINT are int32 where they fit, else int64, as pymongo stores them; DOUBLE a double,
 * DECIMAL Decimal128, BYTES binary, TIMESTAMP and DATE dates, TIME a date of 1970-01-01 (as the
 * official connector has it), null null; a map's keys are text.
 */
#ifndef ARUS_SINK_MONGODB_BSON_H
#define ARUS_SINK_MONGODB_BSON_H

#include "sink/store.h"

#define SINK_BSON_BYTES_MAX (16u << 20)

/* Appends the row's document, with an _id in front where the shape makes one. ST_BAD_INPUT: text
 * that is not UTF-8; ST_RANGE: a DECIMAL of more than 34 digits; ST_TOO_LARGE. */
ST sink_bson_put_document(buf_t *b, const sink_shape_t *shape, const sink_record_at_t *at,
                          const data_value_t *row, err_t *err);
/* Appends the filter that finds it. ST_BAD_INPUT: what identifies it is null. */
ST sink_bson_put_filter(buf_t *b, const sink_shape_t *shape, const sink_record_at_t *at,
                        const data_value_t *row, err_t *err);

#endif
