/* file.h: small files of the source's own, read and written whole. */
#ifndef ARUS_SOURCE_GOAPI_FILE_H
#define ARUS_SOURCE_GOAPI_FILE_H

#include "io/io.h"

#define GOAPI_FILE_BYTES_MAX (16u << 20)

/* ST_NOT_FOUND, ST_TOO_LARGE, ST_IO. */
ST goapi_file_read(io_t *io, str_t path, arena_t *a, str_t *ret, err_t *err);
/* Durable, and either the old text or the new one whatever happens. */
ST goapi_file_write(io_t *io, str_t path, str_t text, err_t *err);

#endif
