/* store.h: a query's state for one partition: rows of values by key, or by window and key.
 *
 * An entry's values are `n_slots` data_value_t. While a turn runs they may point into the turn's
 * arena; store_commit hands each entry that was touched to the changelog and then packs it into a
 * block of its own. Invariants: S1  an entry's pointer stays valid until the entry is deleted and
 * committed, or its window expires; S2  outside a turn no value points outside the store; S3  the
 * changelog has every touched entry exactly once a commit, in the order of first touch. One thread
 * at a time.
 */
#ifndef ARUS_STORE_STORE_H
#define ARUS_STORE_STORE_H

#include "data/value.h"

typedef struct store store_t;
typedef struct store_window store_window_t;

typedef struct store_entry {
    uint64_t hash;
    data_value_t *slot; /* n_slots */
    data_value_t
        *old; /* the operator's: a row from before this turn, in the turn's arena; NULL outside */
    store_window_t *window;
    int64_t ts_ms;
    uint32_t key_len;
    uint32_t at;  /* in the window's order */
    bool touched; /* in the dirty list */
    bool deleted; /* not there for readers; removed at commit */
    bool fresh;   /* made in this turn: nothing was there before */
    char key[];
} store_entry_t;

/* All entries whose key's window starts at start_ms. A store without windows has one, at 0. */
struct store_window {
    int64_t start_ms, end_ms;
    store_entry_t **table; /* open addressing by hash */
    size_t cap, len;
    store_entry_t **order; /* in order of insertion, for scans; NULL: removed */
    size_t n_order, cap_order;
    bool closed; /* the operator's: its final results are out */
};

store_t *store_new(size_t n_slots);
void store_free(store_t *s);
size_t store_slots(const store_t *s);

/* The window from start_ms to end_ms, made when it is not there. */
store_window_t *store_window(store_t *s, int64_t start_ms, int64_t end_ms);
/* Windows in order of their start. */
size_t store_n_windows(const store_t *s);
store_window_t *store_window_at(const store_t *s, size_t i);
/* Drops the windows with end_ms <= end_ms_max. They need no changelog record: retention removes
 * theirs. */
void store_expire(store_t *s, int64_t end_ms_max);

/* NULL when it is not there (or deleted). */
store_entry_t *store_get(store_window_t *w, str_t key, uint64_t hash);
/* Makes the entry when it is not there, its slots null. *ret_made says so. Touches it. */
store_entry_t *store_put(store_t *s, store_window_t *w, str_t key, uint64_t hash, bool *ret_made);
/* Must be called before an entry's slots are changed in a turn. */
void store_touch(store_t *s, store_entry_t *e);
void store_delete(store_t *s, store_entry_t *e);

/* The entries touched in this turn, in order of first touch. */
size_t store_n_dirty(const store_t *s);
store_entry_t *store_dirty(const store_t *s, size_t i);

/* Ends the turn: calls change (may be NULL) for each touched entry with its changelog key (window
 * start 8 bytes BE with the sign bit flipped, end likewise, key) and value (ptr NULL: deleted),
 * packs it, empties the dirty list. */
void store_commit(store_t *s, void (*change)(void *env, str_t key, str_t value), void *env);
/* Puts back what change gave. ST_CORRUPT. */
ST store_restore(store_t *s, str_t key, str_t value, err_t *err);
/* Calls change for every entry: a full image, e.g. for a checkpoint. Not inside a turn. */
void store_dump(store_t *s, void (*change)(void *env, str_t key, str_t value), void *env);

/* Bytes held, roughly. */
size_t store_bytes(const store_t *s);
/* The largest ts_ms of any entry; INT64_MIN when empty. */
int64_t store_max_ts(const store_t *s);

#endif
