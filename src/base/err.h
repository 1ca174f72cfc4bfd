/* err.h: how functions fail.
 *
 * A fallible function is declared `ST name(…, err_t *err)`: it returns ST_OK or a status, and on
 * failure has filled *err, unless err is NULL. Its ret_* parameters are untouched when it failed.
 * Three kinds of failure are kept apart: a status is the world's fault, an assert is ours (it stays
 * on in release), die() is for what nobody can go on without (no memory, a failed sync).
 */
#ifndef ARUS_BASE_ERR_H
#define ARUS_BASE_ERR_H

#include <stdarg.h>
#include <stdint.h>

typedef enum st {
#define ERR(name, text, kafka, http, ksql, registry) ST_##name,
#include "base/errors.def"
#undef ERR
    ST_COUNT
} st_t;

#define MUST      __attribute__((warn_unused_result))
#define ST        MUST st_t
#define PRINTF(f) __attribute__((format(printf, f, (f) + 1)))

#define ERR_MSG_MAX 1000

typedef struct err {
    st_t code;
    const char *file;
    int line;
    char msg[ERR_MSG_MAX];
} err_t;

/* Fills *err (which may be NULL) and gives the constant status: `return err_set(err, ST_IO, "cannot
 * read %s", name);` */
#define err_set(err, st, ...) (err_set_at((err), (st), __FILE__, __LINE__, __VA_ARGS__), (st))
void err_set_at(err_t *err, st_t code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Puts "text: " before the message that is there. Returns err's code. */
st_t err_wrap(err_t *err, st_t code, const char *fmt, ...) PRINTF(3);

const char *st_name(st_t st);
const char *st_text(st_t st);
int st_kafka(st_t st);
int st_http(st_t st);
int st_ksql(st_t st);
int st_registry(st_t st);

#define TRY(call)                                                                                  \
    do {                                                                                           \
        st_t try_st_ = (call);                                                                     \
        if (__builtin_expect(try_st_ != ST_OK, 0))                                                 \
            return try_st_;                                                                        \
    } while (0)

/* TRY for a function that must clean up: sets the local `st` and goes to `done`. */
#define TRY_GOTO(call)                                                                             \
    do {                                                                                           \
        st = (call);                                                                               \
        if (__builtin_expect(st != ST_OK, 0))                                                      \
            goto done;                                                                             \
    } while (0)

/* Prints "arus: " and the message on stderr and aborts. */
_Noreturn void die(const char *fmt, ...) PRINTF(1);

/* assert that stays on in release. */
#define ASSERT(x) ((x) ? (void)0 : err_assert_failed(#x, __FILE__, __LINE__))
_Noreturn void err_assert_failed(const char *what, const char *file, int line);

#endif
