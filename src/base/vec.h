/* vec.h: growable arrays by macro. VEC(type) is {ptr, len, cap}; it owns its elements' memory
 * (malloc). */
#ifndef ARUS_BASE_VEC_H
#define ARUS_BASE_VEC_H

#include "base/arena.h"

#include <stdlib.h>

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *ptr;                                                                                 \
        size_t len, cap;                                                                           \
    }

#define VEC_RESERVE(v, n)                                                                          \
    do {                                                                                           \
        if ((v)->cap - (v)->len < (size_t)(n)) {                                                   \
            size_t vec_cap_ = (v)->cap ? (v)->cap * 2 : 8;                                         \
            while (vec_cap_ - (v)->len < (size_t)(n))                                              \
                vec_cap_ *= 2;                                                                     \
            (v)->ptr = mem_realloc((v)->ptr, vec_cap_ * sizeof *(v)->ptr);                         \
            (v)->cap = vec_cap_;                                                                   \
        }                                                                                          \
    } while (0)

#define VEC_PUSH(v, ...)                                                                           \
    do {                                                                                           \
        VEC_RESERVE(v, 1);                                                                         \
        (v)->ptr[(v)->len++] = (__VA_ARGS__);                                                      \
    } while (0)

/* Removes element i, keeping the order of the others. */
#define VEC_REMOVE(v, i)                                                                           \
    do {                                                                                           \
        size_t vec_i_ = (size_t)(i);                                                               \
        memmove((v)->ptr + vec_i_, (v)->ptr + vec_i_ + 1,                                          \
                ((v)->len - vec_i_ - 1) * sizeof *(v)->ptr);                                       \
        (v)->len--;                                                                                \
    } while (0)

#define VEC_LAST(v)  ((v)->ptr[(v)->len - 1])
#define VEC_CLEAR(v) ((v)->len = 0)
#define VEC_DONE(v)  (free((v)->ptr), (v)->ptr = NULL, (v)->len = (v)->cap = 0)

#endif
