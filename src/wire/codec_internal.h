/* codec_internal.h: what reading and writing by table share. */
#ifndef ARUS_WIRE_CODEC_INTERNAL_H
#define ARUS_WIRE_CODEC_INTERNAL_H

#include "wire/codec.h"

/* Numbers between memory and the wire; both ways are the same turn of bytes. */
void wire_scalar_load(unsigned kind, void *to, const void *from);
/* The fewest bytes that an item of the field can take. */
size_t wire_least_bytes(const wire_field_t *f, int version, bool flexible);
/* Whether a tagged field's value need not travel: its reader takes the same when it is absent. */
bool wire_is_default(const wire_field_t *f, const void *value);
/* NULL when the struct has no such tag in this version. */
const wire_field_t *wire_field_tagged(const wire_schema_t *s, uint32_t tag, int version);

#endif
