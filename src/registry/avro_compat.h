/* avro_compat.h: whether data of one Avro schema can be read with another (Avro's schema
 * resolution). */
#ifndef ARUS_REGISTRY_AVRO_COMPAT_H
#define ARUS_REGISTRY_AVRO_COMPAT_H

#include "format/avro_schema.h"

/* ST_INCOMPATIBLE with {errorType, description} of the first difference that forbids it. */
ST avro_compat_check(const avro_schema_t *reader, const avro_schema_t *writer, err_t *err);

#endif
