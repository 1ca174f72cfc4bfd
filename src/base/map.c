#include "base/map.h"

#include "base/arena.h"
#include "base/hash.h"

#include <stdlib.h>

void map_init(map_t *m)
{
    *m = (map_t){0};
}

void map_done(map_t *m, void (*free_value)(void *))
{
    for (size_t i = 0; i < m->n_entries; i++) {
        if (m->entries[i].value && free_value)
            free_value(m->entries[i].value);
        free((void *)(uintptr_t)m->entries[i].key.ptr);
    }
    free(m->entries);
    free(m->slots);
    *m = (map_t){0};
}

static size_t slot_of(const map_t *m, str_t key)
{
    return (size_t)hash_bytes(key.ptr, key.len) & (m->cap - 1);
}

static map_entry_t *find(const map_t *m, str_t key)
{
    if (!m->cap)
        return NULL;
    for (size_t i = slot_of(m, key); m->slots[i]; i = (i + 1) & (m->cap - 1)) {
        map_entry_t *e = &m->entries[m->slots[i] - 1];
        if (str_eq(e->key, key))
            return e;
    }
    return NULL;
}

void *map_get(const map_t *m, str_t key)
{
    map_entry_t *e = find(m, key);
    return e ? e->value : NULL;
}

static void index_entry(map_t *m, size_t at)
{
    size_t i = slot_of(m, m->entries[at].key);
    while (m->slots[i])
        i = (i + 1) & (m->cap - 1);
    m->slots[i] = (uint32_t)at + 1;
}

static void rebuild(map_t *m)
{
    size_t cap = 16;
    while (cap < (m->len + 1) * 4)
        cap *= 2;
    size_t n = 0;
    for (size_t i = 0; i < m->n_entries; i++) {
        if (m->entries[i].value)
            m->entries[n++] = m->entries[i];
        else
            free((void *)(uintptr_t)m->entries[i].key.ptr);
    }
    m->n_entries = n;
    m->entries = mem_realloc(m->entries, cap / 2 * sizeof *m->entries);
    free(m->slots);
    m->slots = mem_zalloc(cap * sizeof *m->slots);
    m->cap = cap;
    for (size_t i = 0; i < n; i++)
        index_entry(m, i);
}

void *map_put(map_t *m, str_t key, void *value)
{
    ASSERT(value);
    map_entry_t *e = find(m, key);
    if (e) {
        void *old = e->value;
        m->len += !old;
        e->value = value;
        return old;
    }
    if ((m->n_entries + 1) * 2 > m->cap)
        rebuild(m);
    m->entries[m->n_entries++] = (map_entry_t){str_n(mem_dup(key.ptr, key.len), key.len), value};
    m->len++;
    index_entry(m, m->n_entries - 1);
    return NULL;
}

void *map_remove(map_t *m, str_t key)
{
    map_entry_t *e = find(m, key);
    if (!e || !e->value)
        return NULL;
    void *old = e->value;
    e->value = NULL;
    m->len--;
    return old;
}

map_entry_t *map_next(const map_t *m, map_entry_t *e)
{
    size_t i = e ? (size_t)(e - m->entries) + 1 : 0;
    for (; i < m->n_entries; i++)
        if (m->entries[i].value)
            return &m->entries[i];
    return NULL;
}
