#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *text;
    int kafka, http, ksql, registry;
} rows[ST_COUNT] = {
#define ERR(name, text, kafka, http, ksql, registry) {#name, text, kafka, http, ksql, registry},
#include "base/errors.def"
#undef ERR
};

const char *st_name(st_t st)
{
    return rows[st].name;
}

const char *st_text(st_t st)
{
    return rows[st].text;
}

int st_kafka(st_t st)
{
    return st == ST_OK ? 0 : rows[st].kafka ? rows[st].kafka : -1;
}

int st_http(st_t st)
{
    return rows[st].http;
}

int st_ksql(st_t st)
{
    return rows[st].ksql;
}

int st_registry(st_t st)
{
    return rows[st].registry;
}

void err_set_at(err_t *err, st_t code, const char *file, int line, const char *fmt, ...)
{
    if (!err)
        return;
    err->code = code;
    err->file = file;
    err->line = line;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
}

st_t err_wrap(err_t *err, st_t code, const char *fmt, ...)
{
    if (!err)
        return code;
    char old[ERR_MSG_MAX];
    memcpy(old, err->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg)
        snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old);
    return code;
}

void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("arus: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}

void err_assert_failed(const char *what, const char *file, int line)
{
    die("%s:%d: assertion failed: %s", file, line, what);
}
