/* trace.h: messages for people, on stderr, one line each. (`log` is the partition log.)
 *
 * Only app-level code and module threads trace; library functions return a status. Lines carry
 * level, component and text; never a secret. The level is process-wide and set once at start.
 */
#ifndef ARUS_BASE_TRACE_H
#define ARUS_BASE_TRACE_H

#include "base/err.h"
#include "base/str.h"

typedef enum trace_level { TRACE_ERROR, TRACE_WARN, TRACE_INFO, TRACE_DEBUG } trace_level_t;

/* Call before threads start. */
void trace_set_level(trace_level_t level);
/* error, warn, info or debug, in any case. */
bool trace_level_parse(str_t name, trace_level_t *ret);
bool trace_on(trace_level_t level);
void trace_line(trace_level_t level, const char *component, const char *fmt, ...) PRINTF(3);

#endif
