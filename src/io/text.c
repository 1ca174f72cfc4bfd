#include "io/text.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>

#define STEP_BYTES (64 << 10)

ST io_text_read(arena_t *a, str_t path, size_t bytes_max, str_t *ret, err_t *err)
{
    FILE *f = fopen(arena_z(a, path), "rbe");
    if (!f)
        return err_set(err, ST_NOT_FOUND, "cannot read " STR_FMT ": %s", STR_ARG(path),
                       strerror(errno));
    buf_t b = BUF_INIT;
    size_t n;
    do {
        n = fread(buf_reserve(&b, STEP_BYTES), 1, STEP_BYTES, f);
        b.len += n;
    } while (n && b.len <= bytes_max);
    bool bad = ferror(f) != 0;
    fclose(f);
    st_t st = ST_OK;
    if (bad)
        st = err_set(err, ST_IO, "cannot read " STR_FMT ": is it a file?", STR_ARG(path));
    else if (b.len > bytes_max)
        st = err_set(err, ST_TOO_LARGE, STR_FMT " is larger than %zu bytes", STR_ARG(path),
                     bytes_max);
    else
        *ret = b.len ? arena_str(a, buf_str(&b)) : STR("");
    buf_done(&b);
    return st;
}
