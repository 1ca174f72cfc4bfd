#include "io/io.h"

void io_free(io_t *io)
{
    io->class->free(io);
}

int64_t io_now_ms(io_t *io)
{
    return io->class->now_ms(io);
}

int64_t io_mono_ns(io_t *io)
{
    return io->class->mono_ns(io);
}

void io_sleep_ms(io_t *io, int64_t ms)
{
    io->class->sleep_ns(io, ms * 1000000);
}

void io_random(io_t *io, void *p, size_t n)
{
    io->class->random(io, p, n);
}

uint64_t io_random_u64(io_t *io)
{
    uint64_t v;
    io_random(io, &v, sizeof v);
    return v;
}

void io_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

bool io_cond_wait(io_t *io, pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ns)
{
    return io->class->cond_wait(io, cond, mutex, timeout_ns);
}

ST io_file_open(io_t *io, str_t path, io_open_t how, io_file_t **ret, err_t *err)
{
    return io->class->open(io, path, how, ret, err);
}

void io_file_close(io_file_t *f)
{
    if (f)
        f->io->class->close(f);
}

ST io_file_read(io_file_t *f, void *p, size_t n, int64_t pos, size_t *ret_n, err_t *err)
{
    ASSERT(pos >= 0);
    return f->io->class->read(f, p, n, pos, ret_n, err);
}

ST io_file_writev(io_file_t *f, const str_t *parts, size_t n, int64_t pos, err_t *err)
{
    ASSERT(pos >= 0);
    return f->io->class->writev(f, parts, n, pos, err);
}

ST io_file_size(io_file_t *f, int64_t *ret, err_t *err)
{
    return f->io->class->size(f, ret, err);
}

ST io_file_truncate(io_file_t *f, int64_t size, err_t *err)
{
    return f->io->class->truncate(f, size, err);
}

ST io_file_sync(io_file_t *f, err_t *err)
{
    return f->io->class->sync(f, err);
}

void io_file_reserve(io_file_t *f, int64_t pos, int64_t len)
{
    if (f->io->class->reserve)
        f->io->class->reserve(f, pos, len);
}

void io_file_set_out(io_file_t *f)
{
    if (f->io->class->set_out)
        f->io->class->set_out(f);
}

int io_file_fd(const io_file_t *f)
{
    return f->io->class->fd ? f->io->class->fd(f) : -1;
}

ST io_file_lock(io_file_t *f, err_t *err)
{
    return f->io->class->lock(f, err);
}

ST io_rename(io_t *io, str_t from, str_t to, err_t *err)
{
    return io->class->rename(io, from, to, err);
}

ST io_unlink(io_t *io, str_t path, err_t *err)
{
    return io->class->unlink(io, path, err);
}

ST io_mkdir(io_t *io, str_t path, err_t *err)
{
    return io->class->mkdir(io, path, err);
}

ST io_rmdir(io_t *io, str_t path, err_t *err)
{
    return io->class->rmdir(io, path, err);
}

ST io_list(io_t *io, str_t path, arena_t *a, io_names_t *ret, err_t *err)
{
    return io->class->list(io, path, a, ret, err);
}

ST io_sync_dir(io_t *io, str_t path, err_t *err)
{
    return io->class->sync_dir(io, path, err);
}
