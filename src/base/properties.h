/* properties.h: a Java properties file: name=value or name: value, # and ! comments. A backslash at
 * a line's end joins it with the next; before t, n, r or f it is Java's escape, before anything
 * else it goes away.
 */
#ifndef ARUS_BASE_PROPERTIES_H
#define ARUS_BASE_PROPERTIES_H

#include "base/arena.h"

typedef struct properties {
    str_t path; /* for messages */
    str_t left; /* of the text */
    int line;
} properties_t;

/* The next name and value, trimmed and in the arena; ret_name->ptr NULL: there is none.
 * ST_BAD_CONFIG names path and line: one without = and :, or Java's \uXXXX, for the file is UTF-8.
 */
ST properties_next(properties_t *p, arena_t *a, str_t *ret_name, str_t *ret_value, err_t *err);

#endif
