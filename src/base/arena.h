/* arena.h: memory by lifetime. Allocate at will, free all at once.
 *
 * An arena belongs to one thread at a time. Its chunks are kept over arena_reset, so that a loop
 * which resets it each turn soon allocates nothing. The limit bounds what it hands out between two
 * resets: past it, arena_alloc_try gives NULL and arena_alloc dies; code whose sizes come from
 * outside uses arena_over or arena_alloc_try.
 */
#ifndef ARUS_BASE_ARENA_H
#define ARUS_BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

typedef struct arena_chunk arena_chunk_t;

typedef struct arena {
    char *at, *end;
    arena_chunk_t *first, *current;
    size_t used_bytes; /* handed out from full chunks, for the limit */
    size_t limit_bytes;
} arena_t;

#define ARENA_NO_LIMIT SIZE_MAX

void arena_init(arena_t *a, size_t limit_bytes);
void arena_done(arena_t *a);
/* Everything handed out is gone; chunks stay for re-use (all but the first are freed when they came
 * to more than 4 MiB). */
void arena_reset(arena_t *a);
size_t arena_used(const arena_t *a);
bool arena_over(const arena_t *a);

void *arena_grow(arena_t *a, size_t n);

/* n bytes, aligned to 16, not cleared; lives until arena_reset or arena_done. */
static inline void *arena_alloc(arena_t *a, size_t n)
{
    n = n ? (n + 15) & ~(size_t)15 : 16;
    if (__builtin_expect(n > (size_t)(a->end - a->at), 0))
        return arena_grow(a, n);
    void *p = a->at;
    a->at += n;
    return p;
}

/* As arena_alloc, but NULL when it would pass the limit. */
MUST void *arena_alloc_try(arena_t *a, size_t n);

static inline void *arena_zalloc(arena_t *a, size_t n)
{
    return memset(arena_alloc(a, n), 0, n);
}

#define ARENA_NEW(a, type)      ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(n)))

str_t arena_str(arena_t *a, str_t s);
/* NUL-terminated copy, for C libraries. */
char *arena_z(arena_t *a, str_t s);
str_t arena_printf(arena_t *a, const char *fmt, ...) PRINTF(2);
str_t arena_upper(arena_t *a, str_t s);
str_t arena_lower(arena_t *a, str_t s);

/* malloc and friends that die when there is no memory. */
void *mem_alloc(size_t n);
void *mem_zalloc(size_t n);
void *mem_realloc(void *p, size_t n);
void *mem_dup(const void *p, size_t n);
char *mem_z(str_t s);
/* Once, before the first thread: what is freed is kept for what comes next, up to some MiB a
 * thread. A server whose buffers go back to the system after each request pays a third of its time
 * for getting them again. */
void mem_keep(void);
/* Gives what is kept back to the system: for who has become idle. */
void mem_give_back(void);

#endif
