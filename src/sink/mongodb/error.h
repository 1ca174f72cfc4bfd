/* error.h: what an error of MongoDB or its driver means for a sink.
 *
 * By MongoDB's own classes: the driver specifications "Retryable Writes", "Transactions" and
 * "Server Discovery and Monitoring", and the server's list of error codes.
 */
#ifndef ARUS_SINK_MONGODB_ERROR_H
#define ARUS_SINK_MONGODB_ERROR_H

#include "base/err.h"

#include <mongoc/mongoc.h>

/* Of a server's code: ST_UNREACHABLE, ST_NO_SPACE (passes), ST_BAD_INPUT (the document's fault),
 * ST_DENIED, ST_UNSUPPORTED (refused for good); ST_IO: a code that is not known. */
st_t sink_mongodb_class(int64_t code);
/* Whether a failed call's reply bears one of the server's or the driver's labels. */
bool sink_mongodb_has_label(const bson_t *reply, const char *label);
/* Of a failed call: reply (may be NULL) has labels. Fills err, without secrets. */
st_t sink_mongodb_failed(const bson_t *reply, const bson_error_t *e, const char *doing, err_t *err);

#endif
