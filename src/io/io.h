/* io.h: the world outside: clocks, randomness, files. One interface, two worlds.
 *
 * io_real_new is the machine. io_sim_new (io/sim.h) is a world made from a seed, whose clock is
 * virtual and whose disk lies at a crash. Whatever depends on time, chance or a disk takes an io_t,
 * so that a test can be the world. Sockets and the event loop are in io/loop.h and io/tcp.h,
 * messages between threads in io/mailbox.h.
 *
 * An io_t of the real world may be used from any thread at once; a simulated one belongs to one
 * thread.
 */
#ifndef ARUS_IO_IO_H
#define ARUS_IO_IO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

#include <pthread.h>

typedef struct io io_t;
typedef struct io_file io_file_t;

io_t *io_real_new(void);
void io_free(io_t *io);

/* Wall clock: milliseconds since 1970. It may jump; nothing may wait by it. */
int64_t io_now_ms(io_t *io);
/* Monotonic clock: nanoseconds since some moment. */
int64_t io_mono_ns(io_t *io);
void io_sleep_ms(io_t *io, int64_t ms);
void io_random(io_t *io, void *p, size_t n);
uint64_t io_random_u64(io_t *io);
/* pthread_cond_wait with a limit (ns, -1: none) on the monotonic clock; the condition must come
 * from io_cond_init. False when the time was up. In a simulated world nobody else could signal: the
 * time passes at once, and to wait for ever is to die. */
void io_cond_init(pthread_cond_t *cond);
bool io_cond_wait(io_t *io, pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ns);

/* Files. Paths are bytes, '/' between parts; an error's message names the path and says why.
 * ST_NOT_FOUND, ST_EXISTS, ST_DENIED (permission, read-only file system), ST_NO_SPACE, else ST_IO.
 */
typedef enum io_open {
    IO_READ = 0,      /* must exist; for reading only */
    IO_WRITE = 1,     /* must exist; for both */
    IO_CREATE = 2,    /* for both; made when it does not exist */
    IO_CREATE_NEW = 3 /* for both; made, or emptied when it exists */
} io_open_t;

ST io_file_open(io_t *io, str_t path, io_open_t how, io_file_t **ret, err_t *err);
/* Closes without syncing. NULL is allowed. */
void io_file_close(io_file_t *f);
/* Reads up to n bytes at pos; *ret_n < n only where the file ends. */
ST io_file_read(io_file_t *f, void *p, size_t n, int64_t pos, size_t *ret_n, err_t *err);
/* Writes all parts one after the other at pos. On failure any part of it may have been written. */
ST io_file_writev(io_file_t *f, const str_t *parts, size_t n, int64_t pos, err_t *err);
ST io_file_size(io_file_t *f, int64_t *ret, err_t *err);
ST io_file_truncate(io_file_t *f, int64_t size, err_t *err);
/* fdatasync. After a failure what the disk holds is unknown: do not go on, do not try again. */
ST io_file_sync(io_file_t *f, err_t *err);
/* A hint: len bytes at pos are about to be written, so that the file system gives them room in one
 * piece. The file's size stays as it is. */
void io_file_reserve(io_file_t *f, int64_t pos, int64_t len);
/* What was written sets out for the disk; nothing is waited for, nothing is promised. Of many files
 * to be synced, all set out first: then they share the file system's commit. */
void io_file_set_out(io_file_t *f);
/* The system's descriptor, for sendfile; -1: there is none. */
int io_file_fd(const io_file_t *f);
/* An exclusive lock for as long as the file is open; ST_BUSY when another process (or another open)
 * has it. */
ST io_file_lock(io_file_t *f, err_t *err);

static inline ST io_file_write(io_file_t *f, const void *p, size_t n, int64_t pos, err_t *err)
{
    str_t part = str_n(p, n);
    return io_file_writev(f, &part, 1, pos, err);
}

/* The new name takes the place of an old file of that name, at once or not at all. */
ST io_rename(io_t *io, str_t from, str_t to, err_t *err);
ST io_unlink(io_t *io, str_t path, err_t *err);
/* ST_EXISTS when there is one. */
ST io_mkdir(io_t *io, str_t path, err_t *err);
/* An empty directory. */
ST io_rmdir(io_t *io, str_t path, err_t *err);

typedef VEC(str_t) io_names_t;

/* The names in a directory without "." and "..", sorted, in the arena; free the vector with
 * VEC_DONE. */
ST io_list(io_t *io, str_t path, arena_t *a, io_names_t *ret, err_t *err);
/* Makes creations, renames and removals in the directory durable. */
ST io_sync_dir(io_t *io, str_t path, err_t *err);

/* What a world has to offer; for io/real.c and io/sim.c only. */
typedef struct io_class {
    void (*free)(io_t *io);
    int64_t (*now_ms)(io_t *io);
    int64_t (*mono_ns)(io_t *io);
    void (*sleep_ns)(io_t *io, int64_t ns);
    void (*random)(io_t *io, void *p, size_t n);
    bool (*cond_wait)(io_t *io, pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ns);
    ST (*open)(io_t *io, str_t path, io_open_t how, io_file_t **ret, err_t *err);
    ST (*rename)(io_t *io, str_t from, str_t to, err_t *err);
    ST (*unlink)(io_t *io, str_t path, err_t *err);
    ST (*mkdir)(io_t *io, str_t path, err_t *err);
    ST (*rmdir)(io_t *io, str_t path, err_t *err);
    ST (*list)(io_t *io, str_t path, arena_t *a, io_names_t *ret, err_t *err);
    ST (*sync_dir)(io_t *io, str_t path, err_t *err);
    void (*close)(io_file_t *f);
    ST (*read)(io_file_t *f, void *p, size_t n, int64_t pos, size_t *ret_n, err_t *err);
    ST (*writev)(io_file_t *f, const str_t *parts, size_t n, int64_t pos, err_t *err);
    ST (*size)(io_file_t *f, int64_t *ret, err_t *err);
    ST (*truncate)(io_file_t *f, int64_t size, err_t *err);
    ST (*sync)(io_file_t *f, err_t *err);
    void (*reserve)(io_file_t *f, int64_t pos, int64_t len); /* NULL: nothing */
    void (*set_out)(io_file_t *f); /* NULL: nothing */
    int (*fd)(const io_file_t *f); /* NULL: none */
    ST (*lock)(io_file_t *f, err_t *err);
} io_class_t;

struct io {
    const io_class_t *class;
};

struct io_file {
    io_t *io;
};

#endif
