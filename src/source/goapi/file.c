#include "source/goapi/file.h"

st_t goapi_file_read(io_t *io, str_t path, arena_t *a, str_t *ret, err_t *err)
{
    io_file_t *f;
    int64_t size = 0;
    size_t n = 0;
    char *p = NULL;
    TRY(io_file_open(io, path, IO_READ, &f, err));
    st_t st = io_file_size(f, &size, err);
    if (st == ST_OK && size > GOAPI_FILE_BYTES_MAX)
        st = err_set(err, ST_TOO_LARGE, STR_FMT " is too large", STR_ARG(path));
    if (st == ST_OK) {
        p = arena_alloc(a, (size_t)size + 1);
        st = io_file_read(f, p, (size_t)size, 0, &n, err);
    }
    io_file_close(f);
    if (st == ST_OK)
        *ret = str_n(p, n);
    return st;
}

st_t goapi_file_write(io_t *io, str_t path, str_t text, err_t *err)
{
    arena_t a;
    io_file_t *f = NULL;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t new = arena_printf(&a, STR_FMT ".new", STR_ARG(path));
    size_t slash = path.len;
    while (slash && path.ptr[slash - 1] != '/')
        slash--;
    st_t st = io_file_open(io, new, IO_CREATE_NEW, &f, err);
    if (st == ST_OK)
        st = io_file_write(f, text.ptr, text.len, 0, err);
    if (st == ST_OK)
        st = io_file_sync(f, err);
    io_file_close(f);
    if (st == ST_OK)
        st = io_rename(io, new, path, err);
    if (st == ST_OK)
        st = io_sync_dir(io, slash ? str_sub(path, 0, slash) : STR("."), err);
    arena_done(&a);
    return st;
}
