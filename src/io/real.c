/* real.c: the machine's clocks, randomness and files. */
#include "io/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARTS_MAX 64

typedef struct real_file {
    io_file_t base;
    int fd;
    str_t path;
} real_file_t;

typedef struct path_z {
    char z[PATH_MAX];
} path_z_t;

static st_t errno_st(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
        return ST_NOT_FOUND;
    case EEXIST:
        return ST_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ST_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ST_NO_SPACE;
    case EMFILE:
    case ENFILE:
        return ST_LIMIT;
    default:
        return ST_IO;
    }
}

static ST fail(err_t *err, const char *what, str_t path)
{
    st_t st = errno_st(errno);
    char text[128];
    err_set_at(err, st, __FILE__, __LINE__, "cannot %s " STR_FMT ": %s", what, STR_ARG(path),
               strerror_r(errno, text, sizeof text));
    return st;
}

static ST to_z(str_t path, path_z_t *ret, err_t *err)
{
    if (path.len == 0 || path.len >= sizeof ret->z || memchr(path.ptr, 0, path.len))
        return err_set(err, ST_BAD_INPUT, "\"" STR_FMT "\" is no path", STR_ARG(path));
    memcpy(ret->z, path.ptr, path.len);
    ret->z[path.len] = 0;
    return ST_OK;
}

/* ---- clocks, chance, waiting */

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

static int64_t real_now_ms(io_t *io)
{
    (void)io;
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t real_mono_ns(io_t *io)
{
    (void)io;
    return clock_ns(CLOCK_MONOTONIC);
}

static void real_sleep_ns(io_t *io, int64_t ns)
{
    struct timespec until = timespec_of(real_mono_ns(io) + ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

static void real_random(io_t *io, void *p, size_t n)
{
    (void)io;
    for (char *at = p; n;) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno != EINTR)
            die("the system has no randomness to give");
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

static bool real_cond_wait(io_t *io, pthread_cond_t *cond, pthread_mutex_t *mutex,
                           int64_t timeout_ns)
{
    if (timeout_ns < 0) {
        pthread_cond_wait(cond, mutex);
        return true;
    }
    struct timespec until = timespec_of(real_mono_ns(io) + timeout_ns);
    return pthread_cond_timedwait(cond, mutex, &until) != ETIMEDOUT;
}

/* ---- files */

static ST real_open(io_t *io, str_t path, io_open_t how, io_file_t **ret, err_t *err)
{
    static const int flags[] = {[IO_READ] = O_RDONLY,
                                [IO_WRITE] = O_RDWR,
                                [IO_CREATE] = O_RDWR | O_CREAT,
                                [IO_CREATE_NEW] = O_RDWR | O_CREAT | O_TRUNC};
    path_z_t z;
    TRY(to_z(path, &z, err));
    int fd = open(z.z, flags[how] | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail(err, how >= IO_CREATE ? "create" : "open", path);
    real_file_t *f = mem_alloc(sizeof *f + path.len);
    *f = (real_file_t){.base.io = io, .fd = fd, .path = str_n(f + 1, path.len)};
    memcpy(f + 1, path.ptr, path.len);
    *ret = &f->base;
    return ST_OK;
}

static void real_close(io_file_t *file)
{
    real_file_t *f = (real_file_t *)file;
    close(f->fd);
    free(f);
}

static ST real_read(io_file_t *file, void *p, size_t n, int64_t pos, size_t *ret_n, err_t *err)
{
    real_file_t *f = (real_file_t *)file;
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(f->fd, (char *)p + done, n - done, pos + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, "read", f->path);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_n = done;
    return ST_OK;
}

/* Writes v[0..n) whole; spoils v. */
static ST write_parts(real_file_t *f, struct iovec *v, int n, int64_t *pos, err_t *err)
{
    while (n) {
        ssize_t done = pwritev(f->fd, v, n, *pos);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(err, "write", f->path);
        *pos += done;
        size_t left = (size_t)done;
        for (; n && left >= v->iov_len; v++, n--)
            left -= v->iov_len;
        if (n) {
            v->iov_base = (char *)v->iov_base + left;
            v->iov_len -= left;
        }
    }
    return ST_OK;
}

static ST real_writev(io_file_t *file, const str_t *parts, size_t n, int64_t pos, err_t *err)
{
    struct iovec v[PARTS_MAX];
    while (n) {
        int k = 0;
        for (; n && k < PARTS_MAX; k++, parts++, n--)
            v[k] = (struct iovec){(void *)(uintptr_t)parts->ptr, parts->len};
        TRY(write_parts((real_file_t *)file, v, k, &pos, err));
    }
    return ST_OK;
}

static ST real_size(io_file_t *file, int64_t *ret, err_t *err)
{
    real_file_t *f = (real_file_t *)file;
    struct stat st;
    if (fstat(f->fd, &st) < 0)
        return fail(err, "stat", f->path);
    *ret = st.st_size;
    return ST_OK;
}

static ST real_truncate(io_file_t *file, int64_t size, err_t *err)
{
    real_file_t *f = (real_file_t *)file;
    return ftruncate(f->fd, size) < 0 ? fail(err, "truncate", f->path) : ST_OK;
}

static ST real_sync(io_file_t *file, err_t *err)
{
    real_file_t *f = (real_file_t *)file;
    return fdatasync(f->fd) < 0 ? fail(err, "sync", f->path) : ST_OK;
}

static void real_reserve(io_file_t *file, int64_t pos, int64_t len)
{
    real_file_t *f = (real_file_t *)file;
    int rc = fallocate(f->fd, FALLOC_FL_KEEP_SIZE, pos, len);
    (void)rc; /* where there is no room the write will say so */
}

static void real_set_out(io_file_t *file)
{
    real_file_t *f = (real_file_t *)file;
    int rc = sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    (void)rc; /* what is wrong the sync will say */
}

static int real_fd(const io_file_t *file)
{
    return ((const real_file_t *)file)->fd;
}

static ST real_lock(io_file_t *file, err_t *err)
{
    real_file_t *f = (real_file_t *)file;
    if (flock(f->fd, LOCK_EX | LOCK_NB) == 0)
        return ST_OK;
    if (errno == EWOULDBLOCK)
        return err_set(err, ST_BUSY, STR_FMT " is locked by another process", STR_ARG(f->path));
    return fail(err, "lock", f->path);
}

/* ---- directories */

static ST real_rename(io_t *io, str_t from, str_t to, err_t *err)
{
    (void)io;
    path_z_t a, b;
    TRY(to_z(from, &a, err));
    TRY(to_z(to, &b, err));
    return rename(a.z, b.z) < 0 ? fail(err, "rename", from) : ST_OK;
}

static ST real_unlink(io_t *io, str_t path, err_t *err)
{
    (void)io;
    path_z_t z;
    TRY(to_z(path, &z, err));
    return unlink(z.z) < 0 ? fail(err, "remove", path) : ST_OK;
}

static ST real_mkdir(io_t *io, str_t path, err_t *err)
{
    (void)io;
    path_z_t z;
    TRY(to_z(path, &z, err));
    return mkdir(z.z, 0755) < 0 ? fail(err, "make directory", path) : ST_OK;
}

static ST real_rmdir(io_t *io, str_t path, err_t *err)
{
    (void)io;
    path_z_t z;
    TRY(to_z(path, &z, err));
    return rmdir(z.z) < 0 ? fail(err, "remove", path) : ST_OK;
}

static int cmp_names(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

static ST real_list(io_t *io, str_t path, arena_t *a, io_names_t *ret, err_t *err)
{
    (void)io;
    path_z_t z;
    TRY(to_z(path, &z, err));
    DIR *d = opendir(z.z);
    if (!d)
        return fail(err, "list", path);
    io_names_t names = {0};
    for (struct dirent *e; (e = readdir(d));) {
        str_t name = str_of(e->d_name);
        if (!str_eq(name, STR(".")) && !str_eq(name, STR("..")))
            VEC_PUSH(&names, arena_str(a, name));
    }
    closedir(d);
    if (names.len)
        qsort(names.ptr, names.len, sizeof *names.ptr, cmp_names);
    *ret = names;
    return ST_OK;
}

static ST real_sync_dir(io_t *io, str_t path, err_t *err)
{
    (void)io;
    path_z_t z;
    TRY(to_z(path, &z, err));
    int fd = open(z.z, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, "open", path);
    st_t st = fsync(fd) < 0 ? fail(err, "sync", path) : ST_OK;
    close(fd);
    return st;
}

static void real_free(io_t *io)
{
    free(io);
}

static const io_class_t real_class = {
    .free = real_free,
    .now_ms = real_now_ms,
    .mono_ns = real_mono_ns,
    .sleep_ns = real_sleep_ns,
    .random = real_random,
    .cond_wait = real_cond_wait,
    .open = real_open,
    .rename = real_rename,
    .unlink = real_unlink,
    .mkdir = real_mkdir,
    .rmdir = real_rmdir,
    .list = real_list,
    .sync_dir = real_sync_dir,
    .close = real_close,
    .read = real_read,
    .writev = real_writev,
    .size = real_size,
    .truncate = real_truncate,
    .sync = real_sync,
    .reserve = real_reserve,
    .set_out = real_set_out,
    .fd = real_fd,
    .lock = real_lock,
};

io_t *io_real_new(void)
{
    io_t *io = mem_zalloc(sizeof *io);
    io->class = &real_class;
    return io;
}
