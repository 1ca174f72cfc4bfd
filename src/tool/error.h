/* error.h: a broker's error codes in Kafka's words. */
#ifndef ARUS_TOOL_ERROR_H
#define ARUS_TOOL_ERROR_H

#include "base/err.h"
#include "base/str.h"

/* As a status: ST_OK for 0, else message (or Kafka's own words for the code) is in err. */
ST error_check(int16_t code, str_t message, err_t *err);
/* E.g. "This server does not host this topic-partition."; NULL for a code that has no words here.
 */
const char *error_text(int16_t code);

#endif
