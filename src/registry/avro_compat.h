/* avro_compat.h: whether data of one Avro schema can be read with another (Avro's schema
 * resolution). */
#ifndef ARUS_REGISTRY_AVRO_COMPAT_H
#define ARUS_REGISTRY_AVRO_COMPAT_H

#include "format/avro_schema.h"
#include "registry/kind.h"

/* Adds a message for each reason why not, as Avro's Java library counts them. */
void avro_compat_diff(kind_diff_t *d, const avro_schema_t *reader, const avro_schema_t *writer);

#endif
