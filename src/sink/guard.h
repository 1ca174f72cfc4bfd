/* guard.h: the newest window stored of each document, for databases that cannot compare it.
 *
 * A flat table of hashes: 16 bytes an entry, at most 3/4 full. Two ids of one 64-bit hash would
 * count as one; with a million documents the odds of a single such pair are 1 in 37 million.
 */
#ifndef ARUS_SINK_GUARD_H
#define ARUS_SINK_GUARD_H

#include "base/str.h"

typedef struct sink_guard_entry {
    uint64_t hash; /* 0: free */
    int64_t window_ms;
} sink_guard_entry_t;

typedef struct sink_guard {
    sink_guard_entry_t *entry;
    size_t len, cap;
} sink_guard_t;

void sink_guard_done(sink_guard_t *g);
/* False when a newer window of this document was let through before; else remembers this one. */
bool sink_guard_pass(sink_guard_t *g, size_t collection, str_t id, int64_t window_ms);

#endif
