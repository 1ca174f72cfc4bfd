#include "base/shared.h"

#include "base/arena.h"

shared_t *shared_copy(str_t bytes)
{
    shared_t *s = mem_alloc(sizeof *s + bytes.len);
    *s = (shared_t){.refs = 1, .size_bytes = sizeof *s + bytes.len};
    if (bytes.len)
        memcpy(s + 1, bytes.ptr, bytes.len);
    return s;
}

shared_t *shared_take(char *bytes, size_t size_bytes)
{
    shared_t *s = mem_alloc(sizeof *s);
    *s = (shared_t){.refs = 1, .size_bytes = sizeof *s + size_bytes, .taken = bytes};
    return s;
}

shared_t *shared_ref(shared_t *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void shared_unref(shared_t *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    free(s->taken);
    free(s);
}
