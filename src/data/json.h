/* json.h: values as JSON, for people and databases (records' own JSON is format/json.h's).
 *
 * Doubles keep their point; a DECIMAL is a number with all its digits; BYTES are base64; TIMESTAMP,
 * DATE and TIME are texts as ksqlDB's REST API has them; a map's keys are texts. Line ends of any
 * kind are escaped.
 */
#ifndef ARUS_DATA_JSON_H
#define ARUS_DATA_JSON_H

#include "data/value.h"

/* JSON has no NaN and no infinities: they are "NaN", "Infinity" in quotes, or null. */
typedef enum data_json_nan { DATA_JSON_NAN_TEXT, DATA_JSON_NAN_NULL } data_json_nan_t;

void data_put_json(buf_t *b, data_value_t v, const data_type_t *t, data_json_nan_t nan);

#endif
