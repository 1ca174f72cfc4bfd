#include "base/trace.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* The one writable global: the level, set before threads start (tools/tidy knows it). */
static _Atomic int level_now = TRACE_WARN;

static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG"};

bool trace_level_parse(str_t name, trace_level_t *ret)
{
    for (int i = 0; i < 4; i++)
        if (str_eq_nocase(name, str_of(names[i]))) {
            *ret = (trace_level_t)i;
            return true;
        }
    return false;
}

void trace_set_level(trace_level_t level)
{
    atomic_store(&level_now, (int)level);
}

bool trace_on(trace_level_t level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

void trace_line(trace_level_t level, const char *component, const char *fmt, ...)
{
    if (!trace_on(level))
        return;
    char text[ERR_MSG_MAX + 200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    struct tm tm;
    gmtime_r(&ts.tv_sec, &tm);
    fprintf(stderr, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %-5s %s: %s\n", tm.tm_year + 1900,
            tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000,
            names[level], component, text);
}
