/* tags.h: tags in the JSON of a schema, for the kinds whose schemas are JSON. Private to
 * registry/. */
#ifndef ARUS_REGISTRY_TAGS_H
#define ARUS_REGISTRY_TAGS_H

#include "base/json.h"
#include "registry/kind.h"

/* What the object has under KIND_TAGS, in the arena. */
void tags_of_json(arena_t *a, const json_value_t *object, const str_t **ret, size_t *ret_n);
/* The object with these tags; n == 0: without any. */
json_value_t tags_in_json(arena_t *a, const json_value_t *object, const str_t *tag, size_t n);

#endif
