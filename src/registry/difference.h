/* difference.h: a difference of two schemas as people read it. */
#ifndef ARUS_REGISTRY_DIFFERENCE_H
#define ARUS_REGISTRY_DIFFERENCE_H

#include "base/arena.h"

/* Of a row of json_diffs.def or proto_diffs.def: $P in its message is the path, $R the reader, $W
 * the writer. `end` closes the description. In the arena. */
str_t difference_text(arena_t *a, const char *name, const char *message, str_t path,
                      const char *reader, const char *writer, const char *end);

#endif
