/* map.h: a hash map from text to pointers. Open addressing, insertion order kept for iteration.
 *
 * Keys are copied into the map. Values are the caller's. For hot paths with their own layout see
 * store/.
 */
#ifndef ARUS_BASE_MAP_H
#define ARUS_BASE_MAP_H

#include "base/str.h"

typedef struct map_entry {
    str_t key;
    void *value; /* NULL: removed */
} map_entry_t;

typedef struct map {
    map_entry_t *entries; /* in insertion order, removed ones included */
    uint32_t *slots;      /* 0: free, else index into entries + 1 */
    size_t len, n_entries, cap;
} map_t;

void map_init(map_t *m);
/* Frees the map; values only if free_value is given. */
void map_done(map_t *m, void (*free_value)(void *));
void *map_get(const map_t *m, str_t key);
/* Sets key to value (not NULL) and returns the value it had, or NULL. */
void *map_put(map_t *m, str_t key, void *value);
/* Returns the removed value or NULL. */
void *map_remove(map_t *m, str_t key);

/* for (map_entry_t *e = NULL; (e = map_next(m, e));) …; the map may not be changed meanwhile. */
map_entry_t *map_next(const map_t *m, map_entry_t *e);

#endif
