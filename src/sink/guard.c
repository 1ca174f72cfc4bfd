#include "sink/guard.h"

#include "base/arena.h"
#include "base/hash.h"

#include <stdlib.h>

void sink_guard_done(sink_guard_t *g)
{
    free(g->entry);
    *g = (sink_guard_t){0};
}

static sink_guard_entry_t *slot_of(const sink_guard_t *g, uint64_t hash)
{
    size_t i = hash & (g->cap - 1);
    while (g->entry[i].hash && g->entry[i].hash != hash)
        i = (i + 1) & (g->cap - 1);
    return &g->entry[i];
}

static void grow(sink_guard_t *g)
{
    sink_guard_t old = *g;
    g->cap = old.cap ? old.cap * 2 : 1024;
    g->entry = mem_zalloc(g->cap * sizeof *g->entry);
    for (size_t i = 0; i < old.cap; i++)
        if (old.entry[i].hash)
            *slot_of(g, old.entry[i].hash) = old.entry[i];
    free(old.entry);
}

bool sink_guard_pass(sink_guard_t *g, size_t collection, str_t id, int64_t window_ms)
{
    if (g->len + 1 > g->cap / 4 * 3)
        grow(g);
    uint64_t hash = hash_bytes(id.ptr, id.len) + (uint64_t)collection * 0x9e3779b97f4a7c15u;
    sink_guard_entry_t *e = slot_of(g, hash ? hash : 1);
    if (e->hash && e->window_ms > window_ms)
        return false;
    g->len += !e->hash;
    *e = (sink_guard_entry_t){hash ? hash : 1, window_ms};
    return true;
}
