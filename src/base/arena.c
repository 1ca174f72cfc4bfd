#include "base/arena.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_BYTES_MIN (16u << 10)
#define CHUNK_BYTES_MAX (1u << 20)
#define KEEP_BYTES      (4u << 20)
#define HEAP_KEEP_BYTES (32 << 20)
#define HEAP_BLOCK_MAX  (8 << 20) /* larger blocks come from the system, and go back to it */

struct arena_chunk {
    arena_chunk_t *next;
    size_t cap_bytes;
    _Alignas(16) char data[];
};

void arena_init(arena_t *a, size_t limit_bytes)
{
    *a = (arena_t){.limit_bytes = limit_bytes};
}

static void free_chunks(arena_chunk_t *c)
{
    while (c) {
        arena_chunk_t *next = c->next;
        free(c);
        c = next;
    }
}

void arena_done(arena_t *a)
{
    free_chunks(a->first);
    *a = (arena_t){.limit_bytes = a->limit_bytes};
}

static void enter(arena_t *a, arena_chunk_t *c)
{
    a->current = c;
    a->at = c->data;
    a->end = c->data + c->cap_bytes;
}

void arena_reset(arena_t *a)
{
    if (!a->first)
        return;
    size_t kept = 0;
    for (arena_chunk_t *c = a->first; c; c = c->next) {
        kept += c->cap_bytes;
        if (kept > KEEP_BYTES) {
            free_chunks(c->next);
            c->next = NULL;
        }
    }
    a->used_bytes = 0;
    enter(a, a->first);
}

size_t arena_used(const arena_t *a)
{
    return a->used_bytes + (a->current ? (size_t)(a->at - a->current->data) : 0);
}

bool arena_over(const arena_t *a)
{
    return arena_used(a) > a->limit_bytes;
}

void *arena_grow(arena_t *a, size_t n)
{
    void *p = arena_alloc_try(a, n);
    if (!p)
        die("an arena's limit of %zu bytes was passed", a->limit_bytes);
    return p;
}

void *arena_alloc_try(arena_t *a, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (n <= (size_t)(a->end - a->at)) {
        void *p = a->at;
        a->at += n;
        return p;
    }
    size_t used = arena_used(a);
    if (n > a->limit_bytes || used > a->limit_bytes - n)
        return NULL;
    a->used_bytes = used;
    while (a->current && a->current->next) {
        enter(a, a->current->next);
        if (n <= a->current->cap_bytes) {
            a->at += n;
            return a->current->data;
        }
    }
    size_t cap = a->current ? a->current->cap_bytes * 2 : CHUNK_BYTES_MIN;
    if (cap > CHUNK_BYTES_MAX)
        cap = CHUNK_BYTES_MAX;
    if (cap < n)
        cap = n;
    arena_chunk_t *c = mem_alloc(sizeof *c + cap);
    c->next = NULL;
    c->cap_bytes = cap;
    if (a->current)
        a->current->next = c;
    else
        a->first = c;
    enter(a, c);
    a->at += n;
    return c->data;
}

str_t arena_str(arena_t *a, str_t s)
{
    if (!s.ptr)
        return s;
    char *p = arena_alloc(a, s.len ? s.len : 1);
    if (s.len)
        memcpy(p, s.ptr, s.len);
    return (str_t){p, s.len};
}

char *arena_z(arena_t *a, str_t s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = 0;
    return p;
}

str_t arena_printf(arena_t *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (str_t){p, (size_t)n};
}

str_t arena_upper(arena_t *a, str_t s)
{
    char *p = arena_alloc(a, s.len ? s.len : 1);
    for (size_t i = 0; i < s.len; i++)
        p[i] = str_upper_char(s.ptr[i]);
    return (str_t){p, s.len};
}

str_t arena_lower(arena_t *a, str_t s)
{
    char *p = arena_alloc(a, s.len ? s.len : 1);
    for (size_t i = 0; i < s.len; i++)
        p[i] = str_lower_char(s.ptr[i]);
    return (str_t){p, s.len};
}

static void *have(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

void *mem_alloc(size_t n)
{
    return have(malloc(n ? n : 1));
}

void *mem_zalloc(size_t n)
{
    return have(calloc(1, n ? n : 1));
}

void *mem_realloc(void *p, size_t n)
{
    return have(realloc(p, n ? n : 1));
}

void *mem_dup(const void *p, size_t n)
{
    void *q = mem_alloc(n);
    if (n)
        memcpy(q, p, n);
    return q;
}

char *mem_z(str_t s)
{
    char *p = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = 0;
    return p;
}

void mem_keep(void)
{
    mallopt(M_TRIM_THRESHOLD, HEAP_KEEP_BYTES);
    mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK_MAX);
}

void mem_give_back(void)
{
    malloc_trim(0);
}
