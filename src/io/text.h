/* text.h: files that people write, read whole: scripts, properties, schemas. Not for the log's. */
#ifndef ARUS_IO_TEXT_H
#define ARUS_IO_TEXT_H

#include "base/arena.h"

/* *ret is in the arena. ST_NOT_FOUND, ST_IO, ST_TOO_LARGE (more than bytes_max); each names the
 * path. */
ST io_text_read(arena_t *a, str_t path, size_t bytes_max, str_t *ret, err_t *err);

#endif
