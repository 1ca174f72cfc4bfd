/* pattern.h: regular expressions that clients send: a group's topics, transactional ids.
 *
 * Of RE2's syntax, and as there matched without backtracking, against the whole of a name. A
 * pattern that costs too much matches nothing.
 */
#ifndef ARUS_BROKER_PATTERN_H
#define ARUS_BROKER_PATTERN_H

#include "base/err.h"
#include "base/str.h"

typedef struct broker_pattern broker_pattern_t;

/* ST_BAD_INPUT: it is none, and why. */
ST broker_pattern_new(str_t text, broker_pattern_t **ret, err_t *err);
/* NULL is allowed. */
void broker_pattern_free(broker_pattern_t *p);
bool broker_pattern_matches(const broker_pattern_t *p, str_t name);

#endif
