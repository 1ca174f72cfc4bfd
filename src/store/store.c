#include "store/store.h"

#include "base/hash.h"
#include "base/vec.h"

struct store {
    size_t n_slots;
    VEC(store_window_t *) windows; /* sorted by start */
    VEC(store_entry_t *) dirty;
    store_window_t *last; /* the window found last */
    buf_t key_buf, value_buf;
    size_t entries, bytes;
    int64_t max_ts_ms;
};

store_t *store_new(size_t n_slots)
{
    store_t *s = mem_zalloc(sizeof *s);
    s->n_slots = n_slots;
    s->max_ts_ms = INT64_MIN;
    return s;
}

size_t store_slots(const store_t *s)
{
    return s->n_slots;
}

/* An entry's slots lie in one packed block between turns; in a turn in a block of n_slots values.
 */
static void entry_free(store_t *s, store_entry_t *e)
{
    s->entries--;
    s->bytes -= sizeof *e + e->key_len + s->n_slots * sizeof *e->slot;
    free(e->slot);
    free(e);
}

static void window_free(store_t *s, store_window_t *w)
{
    for (size_t i = 0; i < w->n_order; i++)
        if (w->order[i])
            entry_free(s, w->order[i]);
    free(w->order);
    free(w->table);
    free(w);
}

void store_free(store_t *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->windows.len; i++)
        window_free(s, s->windows.ptr[i]);
    VEC_DONE(&s->windows);
    VEC_DONE(&s->dirty);
    buf_done(&s->key_buf);
    buf_done(&s->value_buf);
    free(s);
}

/* The index of the first window that starts at or after start_ms. */
static size_t window_index(const store_t *s, int64_t start_ms)
{
    size_t lo = 0, hi = s->windows.len;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->windows.ptr[mid]->start_ms < start_ms)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

store_window_t *store_window(store_t *s, int64_t start_ms, int64_t end_ms)
{
    if (s->last && s->last->start_ms == start_ms && s->last->end_ms == end_ms)
        return s->last;
    size_t i = window_index(s, start_ms);
    for (; i < s->windows.len && s->windows.ptr[i]->start_ms == start_ms; i++)
        if (s->windows.ptr[i]->end_ms == end_ms)
            return s->last = s->windows.ptr[i];
    store_window_t *w = mem_zalloc(sizeof *w);
    w->start_ms = start_ms;
    w->end_ms = end_ms;
    VEC_RESERVE(&s->windows, 1);
    memmove(s->windows.ptr + i + 1, s->windows.ptr + i, (s->windows.len - i) * sizeof w);
    s->windows.ptr[i] = w;
    s->windows.len++;
    return s->last = w;
}

size_t store_n_windows(const store_t *s)
{
    return s->windows.len;
}

store_window_t *store_window_at(const store_t *s, size_t i)
{
    return s->windows.ptr[i];
}

void store_expire(store_t *s, int64_t end_ms_max)
{
    size_t kept = 0;
    if (!s->windows.len || s->windows.ptr[0]->end_ms > end_ms_max)
        return;
    for (size_t i = 0; i < s->windows.len; i++) {
        store_window_t *w = s->windows.ptr[i];
        bool touched = false;
        for (size_t k = 0; k < s->dirty.len && !touched; k++)
            touched = s->dirty.ptr[k]->window == w;
        if (w->end_ms > end_ms_max || touched) {
            s->windows.ptr[kept++] = w;
            continue;
        }
        if (s->last == w)
            s->last = NULL;
        window_free(s, w);
    }
    s->windows.len = kept;
}

store_entry_t *store_get(store_window_t *w, str_t key, uint64_t hash)
{
    if (!w->cap)
        return NULL;
    for (size_t i = hash & (w->cap - 1); w->table[i]; i = (i + 1) & (w->cap - 1)) {
        store_entry_t *e = w->table[i];
        if (e->hash == hash && str_eq(str_n(e->key, e->key_len), key))
            return e->deleted ? NULL : e;
    }
    return NULL;
}

static void table_add(store_window_t *w, store_entry_t *e)
{
    size_t i = e->hash & (w->cap - 1);
    while (w->table[i])
        i = (i + 1) & (w->cap - 1);
    w->table[i] = e;
}

/* Rebuilds table and order with room for one more. */
static void window_grow(store_window_t *w)
{
    size_t cap = 16;
    while (cap < (w->len + 1) * 2)
        cap *= 2;
    size_t n = 0;
    for (size_t i = 0; i < w->n_order; i++)
        if (w->order[i]) {
            w->order[i]->at = (uint32_t)n;
            w->order[n++] = w->order[i];
        }
    w->n_order = n;
    w->cap_order = cap;
    w->order = mem_realloc(w->order, cap * sizeof *w->order);
    free(w->table);
    w->table = mem_zalloc(cap * sizeof *w->table);
    w->cap = cap;
    for (size_t i = 0; i < n; i++)
        table_add(w, w->order[i]);
}

static store_entry_t *find_any(store_window_t *w, str_t key, uint64_t hash)
{
    for (size_t i = w->cap ? hash & (w->cap - 1) : 0; w->cap && w->table[i];
         i = (i + 1) & (w->cap - 1))
        if (w->table[i]->hash == hash && str_eq(str_n(w->table[i]->key, w->table[i]->key_len), key))
            return w->table[i];
    return NULL;
}

void store_touch(store_t *s, store_entry_t *e)
{
    if (e->touched)
        return;
    e->touched = true;
    VEC_PUSH(&s->dirty, e);
}

store_entry_t *store_put(store_t *s, store_window_t *w, str_t key, uint64_t hash, bool *ret_made)
{
    store_entry_t *e = find_any(w, key, hash);
    *ret_made = !e || e->deleted;
    if (!e) {
        if (w->n_order * 2 >= w->cap || w->n_order == w->cap_order)
            window_grow(w);
        e = mem_zalloc(sizeof *e + key.len);
        e->hash = hash;
        e->window = w;
        e->key_len = (uint32_t)key.len;
        if (key.len)
            memcpy(e->key, key.ptr, key.len);
        e->slot = mem_zalloc((s->n_slots + !s->n_slots) * sizeof *e->slot);
        e->fresh = true;
        e->ts_ms = INT64_MIN;
        e->at = (uint32_t)w->n_order;
        w->order[w->n_order++] = e;
        w->len++;
        table_add(w, e);
        s->entries++;
        s->bytes += sizeof *e + key.len + s->n_slots * sizeof *e->slot;
    } else if (e->deleted) {
        e->deleted = false;
        memset(e->slot, 0, s->n_slots * sizeof *e->slot);
        e->ts_ms = INT64_MIN;
    }
    store_touch(s, e);
    return e;
}

void store_delete(store_t *s, store_entry_t *e)
{
    store_touch(s, e);
    e->deleted = true;
}

size_t store_n_dirty(const store_t *s)
{
    return s->dirty.len;
}

store_entry_t *store_dirty(const store_t *s, size_t i)
{
    return s->dirty.ptr[i];
}

/* Takes the entry out of its window's table: the run behind it is put in again. */
static void table_remove(store_window_t *w, store_entry_t *e)
{
    size_t i = e->hash & (w->cap - 1);
    while (w->table[i] != e)
        i = (i + 1) & (w->cap - 1);
    w->table[i] = NULL;
    for (i = (i + 1) & (w->cap - 1); w->table[i]; i = (i + 1) & (w->cap - 1)) {
        store_entry_t *moved = w->table[i];
        w->table[i] = NULL;
        table_add(w, moved);
    }
    w->order[e->at] = NULL;
    w->len--;
}

static void image(store_t *s, const store_entry_t *e)
{
    buf_clear(&s->key_buf);
    buf_put_be64(&s->key_buf, (uint64_t)e->window->start_ms ^ (UINT64_C(1) << 63));
    buf_put_be64(&s->key_buf, (uint64_t)e->window->end_ms ^ (UINT64_C(1) << 63));
    buf_put(&s->key_buf, e->key, e->key_len);
    buf_clear(&s->value_buf);
    buf_put_varint(&s->value_buf, e->ts_ms);
    for (size_t i = 0; i < s->n_slots; i++)
        data_encode(&s->value_buf, e->slot[i]);
}

void store_commit(store_t *s, void (*change)(void *env, str_t key, str_t value), void *env)
{
    for (size_t i = 0; i < s->dirty.len; i++) {
        store_entry_t *e = s->dirty.ptr[i];
        e->touched = false;
        e->old = NULL;
        if (change && !(e->deleted && e->fresh)) {
            image(s, e);
            change(env, buf_str(&s->key_buf), e->deleted ? STR_NONE : buf_str(&s->value_buf));
        }
        e->fresh = false;
        if (e->deleted) {
            table_remove(e->window, e);
            entry_free(s, e);
            continue;
        }
        data_value_t *packed = data_pack(e->slot, s->n_slots);
        free(e->slot);
        e->slot = packed;
        if (e->ts_ms > s->max_ts_ms)
            s->max_ts_ms = e->ts_ms;
    }
    VEC_CLEAR(&s->dirty);
}

st_t store_restore(store_t *s, str_t key, str_t value, err_t *err)
{
    if (key.len < 16)
        return err_set(err, ST_CORRUPT, "a changelog key of %zu bytes is too short", key.len);
    int64_t start = (int64_t)(load_be64(key.ptr) ^ (UINT64_C(1) << 63));
    int64_t end = (int64_t)(load_be64(key.ptr + 8) ^ (UINT64_C(1) << 63));
    store_window_t *w = store_window(s, start, end);
    str_t k = str_sub(key, 16, key.len);
    uint64_t hash = hash_bytes(k.ptr, k.len);
    if (!value.ptr) {
        store_entry_t *e = store_get(w, k, hash);
        if (e) {
            table_remove(w, e);
            entry_free(s, e);
        }
        return ST_OK;
    }
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    data_value_t *v = ARENA_ARRAY(&a, data_value_t, s->n_slots + 1);
    const char *p = value.ptr, *stop = value.ptr + value.len;
    int64_t ts;
    st_t st = load_varint(&p, stop, &ts) ? ST_OK
                                         : err_set(err, ST_CORRUPT, "a changelog value is cut off");
    for (size_t i = 0; i < s->n_slots && st == ST_OK; i++)
        st = data_decode(&a, &p, stop, &v[i], err);
    if (st == ST_OK && p != stop)
        st = err_set(err, ST_CORRUPT, "a changelog value is of another query");
    if (st == ST_OK) {
        bool made;
        store_entry_t *e = store_put(s, w, k, hash, &made);
        free(e->slot);
        e->slot = data_pack(v, s->n_slots);
        e->ts_ms = ts;
        e->touched = e->fresh = false;
        s->dirty.len = 0;
        if (ts > s->max_ts_ms)
            s->max_ts_ms = ts;
    }
    arena_done(&a);
    return st;
}

void store_dump(store_t *s, void (*change)(void *env, str_t key, str_t value), void *env)
{
    ASSERT(s->dirty.len == 0);
    for (size_t i = 0; i < s->windows.len; i++) {
        store_window_t *w = s->windows.ptr[i];
        for (size_t k = 0; k < w->n_order; k++)
            if (w->order[k]) {
                image(s, w->order[k]);
                change(env, buf_str(&s->key_buf), buf_str(&s->value_buf));
            }
    }
}

size_t store_bytes(const store_t *s)
{
    return s->bytes;
}

int64_t store_max_ts(const store_t *s)
{
    return s->max_ts_ms;
}
