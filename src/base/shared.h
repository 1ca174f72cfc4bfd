/* shared.h: a run of bytes with several owners, each in a thread of its own: the last one frees it.
 * Who writes to it is for them to agree.
 */
#ifndef ARUS_BASE_SHARED_H
#define ARUS_BASE_SHARED_H

#include "base/str.h"

#include <stdatomic.h>

typedef struct shared {
    atomic_int refs;
    size_t size_bytes; /* of memory */
    char *taken;       /* NULL: the bytes follow */
} shared_t;

/* One reference to a copy of the bytes. */
shared_t *shared_copy(str_t bytes);
/* One reference to what malloc gave, which it takes. */
shared_t *shared_take(char *bytes, size_t size_bytes);
shared_t *shared_ref(shared_t *s);
/* NULL is none. */
void shared_unref(shared_t *s);

static inline char *shared_bytes(shared_t *s)
{
    return s->taken ? s->taken : (char *)(s + 1);
}

#endif
