/* principal.h: names of certificates to names of users: ssl.principal.mapping.rules. */
#ifndef ARUS_BROKER_PRINCIPAL_H
#define ARUS_BROKER_PRINCIPAL_H

#include "base/arena.h"

typedef struct principal_rules principal_rules_t;

/* DEFAULT, or RULE:pattern/replacement/ with L or U behind it, comma between them. A pattern is a
 * regular expression that must match all of the name; $1… are its groups. ST_BAD_CONFIG. */
ST principal_rules_new(str_t text, principal_rules_t **ret, err_t *err);
/* NULL is allowed. */
void principal_rules_free(principal_rules_t *r);
/* By the first rule that fits, in the arena. ST_DENIED: none does. */
ST principal_rules_apply(const principal_rules_t *r, str_t name, arena_t *a, str_t *ret,
                         err_t *err);

#endif
