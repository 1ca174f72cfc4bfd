/* sim.c: the simulated world.
 *
 * A file (node_t) has two contents: `now`, what reads see, and `safe`, what was synced, with the
 * list of changes that lead from one to the other. The directory likewise: `now` and `safe` are
 * lists of names, with the list of changes between them. A crash plays a chosen part of the changes
 * onto `safe`. Files in a directory that was not synced in its parent are found all the same:
 * directories are made durable when they are made.
 */
#include "io/sim.h"

#define SIM_START_MS INT64_C(1700000000000)

typedef struct node {
    int refs; /* names in either list, changes, open files */
    buf_t now, safe;
    VEC(struct change {
        int64_t pos;
        buf_t bytes;
        bool truncate;
    })
    changes;
    bool locked;
} node_t;

typedef struct name {
    str_t path;   /* owned */
    node_t *node; /* NULL: a directory */
} name_t;

typedef VEC(name_t) names_t;

/* A change of a directory: `from` goes away (unlink, rename), `to` appears (create, rename). */
typedef struct dir_change {
    str_t from, to; /* owned; empty: none */
    node_t *node;   /* what appears; NULL: nothing */
} dir_change_t;

typedef struct sim {
    io_t base;
    uint64_t random;
    int64_t ns;
    names_t now, safe;
    VEC(dir_change_t) dir_changes;
    int64_t changes, crash_at; /* crash_at 0: none planned */
    bool crashed;
    names_t found; /* the disk as it will be found after the crash */
    int64_t capacity_bytes;
    struct {
        int64_t in;
        st_t st;
        bool sticky;
    } faults[IO_SIM_CALLS];
} sim_t;

typedef struct sim_file {
    io_file_t base;
    node_t *node;
    bool writable, has_lock;
} sim_file_t;

/* splitmix64 */
static uint64_t next_random(sim_t *s)
{
    uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- names and nodes */

static str_t own(str_t s)
{
    return s.len ? str_n(mem_dup(s.ptr, s.len), s.len) : STR_NONE;
}

static void disown(str_t s)
{
    free((void *)(uintptr_t)s.ptr);
}

static void node_unref(node_t *n)
{
    if (!n || --n->refs > 0)
        return;
    buf_done(&n->now);
    buf_done(&n->safe);
    for (size_t i = 0; i < n->changes.len; i++)
        buf_done(&n->changes.ptr[i].bytes);
    VEC_DONE(&n->changes);
    free(n);
}

static node_t *node_ref(node_t *n)
{
    if (n)
        n->refs++;
    return n;
}

static name_t *names_find(const names_t *v, str_t path)
{
    for (size_t i = 0; i < v->len; i++)
        if (str_eq(v->ptr[i].path, path))
            return &v->ptr[i];
    return NULL;
}

static void names_remove(names_t *v, str_t path)
{
    name_t *n = names_find(v, path);
    if (!n)
        return;
    name_t old = *n;
    VEC_REMOVE(v, n - v->ptr);
    disown(old.path);
    node_unref(old.node);
}

static void names_put(names_t *v, str_t path, node_t *node)
{
    node_ref(node);
    names_remove(v, path);
    VEC_PUSH(v, (name_t){own(path), node});
}

static void names_done(names_t *v)
{
    for (size_t i = 0; i < v->len; i++) {
        disown(v->ptr[i].path);
        node_unref(v->ptr[i].node);
    }
    VEC_DONE(v);
}

static str_t dir_of(str_t path)
{
    size_t n = path.len;
    while (n && path.ptr[n - 1] != '/')
        n--;
    return str_n(path.ptr, n ? n - 1 : 0);
}

/* ---- the crash */

static void put_at(buf_t *b, size_t pos, str_t s)
{
    if (pos + s.len > b->len) {
        size_t old = b->len;
        buf_reserve(b, pos + s.len - old);
        memset(b->ptr + old, 0, pos + s.len - old);
        b->len = pos + s.len;
    }
    if (s.len)
        memcpy(b->ptr + pos, s.ptr, s.len);
}

static void set_len(buf_t *b, size_t len)
{
    if (len > b->len)
        put_at(b, len, STR(""));
    b->len = len;
}

/* What a crash leaves of one write: all, nothing, a head of it, or any of its sectors. */
static void tear(sim_t *s, buf_t *b, const struct change *c)
{
    uint64_t how = next_random(s) % 8;
    if (how < 2)
        return;
    str_t left = buf_str(&c->bytes);
    size_t head = how == 2 ? next_random(s) % (left.len + 1) : left.len;
    for (size_t pos = (size_t)c->pos, end = pos + head; pos < end;) {
        size_t n = IO_SIM_SECTOR_BYTES - pos % IO_SIM_SECTOR_BYTES;
        if (n > end - pos)
            n = end - pos;
        if (how < 6 || next_random(s) % 2)
            put_at(b, pos, str_sub(left, pos - (size_t)c->pos, n));
        pos += n;
    }
}

static node_t *node_found(sim_t *s, const node_t *n)
{
    node_t *f = mem_zalloc(sizeof *f);
    buf_put_str(&f->safe, buf_str(&n->safe));
    for (size_t i = 0; i < n->changes.len; i++) {
        const struct change *c = &n->changes.ptr[i];
        if (!c->truncate)
            tear(s, &f->safe, c);
        else if (next_random(s) % 2)
            set_len(&f->safe, (size_t)c->pos);
    }
    buf_put_str(&f->now, buf_str(&f->safe));
    return f;
}

static void apply(names_t *v, const dir_change_t *c)
{
    names_remove(v, c->from);
    if (c->node)
        names_put(v, c->to, c->node);
}

/* Decides what the disk holds after a crash here. */
static void crash(sim_t *s)
{
    names_t kept = {0};
    for (size_t i = 0; i < s->safe.len; i++)
        names_put(&kept, s->safe.ptr[i].path, s->safe.ptr[i].node);
    uint64_t how = next_random(s) % 3; /* all of them, none, or some */
    for (size_t i = 0; i < s->dir_changes.len; i++)
        if (how == 0 || (how == 2 && next_random(s) % 2))
            apply(&kept, &s->dir_changes.ptr[i]);
    for (size_t i = 0; i < kept.len; i++)
        names_put(&s->found, kept.ptr[i].path,
                  kept.ptr[i].node ? node_found(s, kept.ptr[i].node) : NULL);
    names_done(&kept);
    s->crashed = true;
    s->crash_at = 0;
}

/* Every changing call passes here, before or (with its change noted as unsynced) after it; so the
 * crash falls between any two. */
static void changed(sim_t *s)
{
    s->ns += 1000;
    s->changes++;
    if (s->crash_at && s->changes >= s->crash_at)
        crash(s);
}

static ST fault(sim_t *s, io_sim_call_t call, err_t *err)
{
    s->ns += 1000;
    if (s->faults[call].in == 0 || --s->faults[call].in > 0)
        return ST_OK;
    if (s->faults[call].sticky)
        s->faults[call].in = 1;
    st_t st = s->faults[call].st;
    err_set_at(err, st, __FILE__, __LINE__, "simulated: %s", st_text(st));
    return st;
}

/* ---- the interface */

static sim_t *sim_of(io_file_t *f)
{
    return (sim_t *)f->io;
}

static int64_t sim_now_ms(io_t *io)
{
    return SIM_START_MS + ((sim_t *)io)->ns / 1000000;
}

static int64_t sim_mono_ns(io_t *io)
{
    return ((sim_t *)io)->ns;
}

static void sim_sleep_ns(io_t *io, int64_t ns)
{
    ((sim_t *)io)->ns += ns;
}

static void sim_random(io_t *io, void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)next_random((sim_t *)io);
}

static bool sim_cond_wait(io_t *io, pthread_cond_t *cond, pthread_mutex_t *mutex,
                          int64_t timeout_ns)
{
    (void)cond;
    (void)mutex;
    if (timeout_ns < 0)
        die("simulated world: waiting for ever, and nobody is there to end it");
    sim_sleep_ns(io, timeout_ns);
    return false;
}

static ST no_such(err_t *err, str_t path)
{
    return err_set(err, ST_NOT_FOUND, STR_FMT ": no such file or directory", STR_ARG(path));
}

static ST dir_exists(sim_t *s, str_t path, err_t *err)
{
    str_t dir = dir_of(path);
    name_t *n = dir.len ? names_find(&s->now, dir) : NULL;
    return dir.len && (!n || n->node) ? no_such(err, dir) : ST_OK;
}

static ST sim_open(io_t *io, str_t path, io_open_t how, io_file_t **ret, err_t *err)
{
    sim_t *s = (sim_t *)io;
    TRY(fault(s, IO_SIM_OPEN, err));
    name_t *n = names_find(&s->now, path);
    if (n && !n->node)
        return err_set(err, ST_IO, STR_FMT " is a directory", STR_ARG(path));
    if (!n && how < IO_CREATE)
        return no_such(err, path);
    node_t *node = n ? n->node : NULL;
    if (!node) {
        TRY(dir_exists(s, path, err));
        node = mem_zalloc(sizeof *node);
        names_put(&s->now, path, node);
        VEC_PUSH(&s->dir_changes, (dir_change_t){.to = own(path), .node = node_ref(node)});
        changed(s);
    } else if (how == IO_CREATE_NEW && node->now.len) {
        node->now.len = 0;
        VEC_PUSH(&node->changes, (struct change){.truncate = true});
        changed(s);
    }
    sim_file_t *f = mem_alloc(sizeof *f);
    *f = (sim_file_t){.base.io = io, .node = node_ref(node), .writable = how != IO_READ};
    *ret = &f->base;
    return ST_OK;
}

static void sim_close(io_file_t *file)
{
    sim_file_t *f = (sim_file_t *)file;
    if (f->has_lock)
        f->node->locked = false;
    node_unref(f->node);
    free(f);
}

static ST sim_read(io_file_t *file, void *p, size_t n, int64_t pos, size_t *ret_n, err_t *err)
{
    TRY(fault(sim_of(file), IO_SIM_READ, err));
    str_t s = str_sub(buf_str(&((sim_file_t *)file)->node->now), (size_t)pos, n);
    if (s.len)
        memcpy(p, s.ptr, s.len);
    *ret_n = s.len;
    return ST_OK;
}

static int64_t used_bytes(const sim_t *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->now.len; i++)
        sum += s->now.ptr[i].node ? s->now.ptr[i].node->now.len : 0;
    return (int64_t)sum;
}

static ST sim_writev(io_file_t *file, const str_t *parts, size_t n, int64_t pos, err_t *err)
{
    sim_t *s = sim_of(file);
    sim_file_t *f = (sim_file_t *)file;
    ASSERT(f->writable);
    struct change c = {.pos = pos, .bytes = BUF_INIT};
    for (size_t i = 0; i < n; i++)
        buf_put_str(&c.bytes, parts[i]);
    st_t st = fault(s, IO_SIM_WRITE, err);
    size_t end = (size_t)pos + c.bytes.len;
    if (st == ST_OK && s->capacity_bytes >= 0 && end > f->node->now.len &&
        used_bytes(s) + (int64_t)(end - f->node->now.len) > s->capacity_bytes)
        st = err_set(err, ST_NO_SPACE, "simulated: no space left on device");
    if (st != ST_OK)
        c.bytes.len = end > f->node->now.len && st == ST_NO_SPACE ? 0 : c.bytes.len / 2;
    put_at(&f->node->now, (size_t)pos, buf_str(&c.bytes));
    VEC_PUSH(&f->node->changes, c);
    changed(s);
    return st;
}

static ST sim_size(io_file_t *file, int64_t *ret, err_t *err)
{
    (void)err;
    *ret = (int64_t)((sim_file_t *)file)->node->now.len;
    return ST_OK;
}

static ST sim_truncate(io_file_t *file, int64_t size, err_t *err)
{
    node_t *n = ((sim_file_t *)file)->node;
    TRY(fault(sim_of(file), IO_SIM_WRITE, err));
    set_len(&n->now, (size_t)size);
    VEC_PUSH(&n->changes, (struct change){.pos = size, .truncate = true});
    changed(sim_of(file));
    return ST_OK;
}

static ST sim_sync(io_file_t *file, err_t *err)
{
    node_t *n = ((sim_file_t *)file)->node;
    TRY(fault(sim_of(file), IO_SIM_SYNC, err));
    changed(sim_of(file));
    for (size_t i = 0; i < n->changes.len; i++) {
        struct change *c = &n->changes.ptr[i];
        if (c->truncate)
            set_len(&n->safe, (size_t)c->pos);
        else
            put_at(&n->safe, (size_t)c->pos, buf_str(&c->bytes));
        buf_done(&c->bytes);
    }
    VEC_CLEAR(&n->changes);
    return ST_OK;
}

static ST sim_lock(io_file_t *file, err_t *err)
{
    sim_file_t *f = (sim_file_t *)file;
    if (f->node->locked)
        return err_set(err, ST_BUSY, "the file is locked by another process");
    f->node->locked = f->has_lock = true;
    return ST_OK;
}

static ST sim_rename(io_t *io, str_t from, str_t to, err_t *err)
{
    sim_t *s = (sim_t *)io;
    TRY(fault(s, IO_SIM_RENAME, err));
    name_t *n = names_find(&s->now, from);
    if (!n || !n->node)
        return no_such(err, from);
    VEC_PUSH(&s->dir_changes, (dir_change_t){own(from), own(to), node_ref(n->node)});
    apply(&s->now, &VEC_LAST(&s->dir_changes));
    changed(s);
    return ST_OK;
}

static ST sim_unlink(io_t *io, str_t path, err_t *err)
{
    sim_t *s = (sim_t *)io;
    TRY(fault(s, IO_SIM_UNLINK, err));
    name_t *n = names_find(&s->now, path);
    if (!n || !n->node)
        return no_such(err, path);
    VEC_PUSH(&s->dir_changes, (dir_change_t){.from = own(path)});
    names_remove(&s->now, VEC_LAST(&s->dir_changes).from);
    changed(s);
    return ST_OK;
}

static ST sim_mkdir(io_t *io, str_t path, err_t *err)
{
    sim_t *s = (sim_t *)io;
    TRY(dir_exists(s, path, err));
    if (names_find(&s->now, path))
        return err_set(err, ST_EXISTS, STR_FMT " exists", STR_ARG(path));
    names_put(&s->now, path, NULL);
    names_put(&s->safe, path, NULL);
    return ST_OK;
}

static ST sim_rmdir(io_t *io, str_t path, err_t *err)
{
    sim_t *s = (sim_t *)io;
    name_t *n = names_find(&s->now, path);
    if (!n || n->node)
        return no_such(err, path);
    for (size_t i = 0; i < s->now.len; i++)
        if (str_eq(dir_of(s->now.ptr[i].path), path))
            return err_set(err, ST_IO, STR_FMT " is not empty", STR_ARG(path));
    names_remove(&s->now, path);
    return ST_OK;
}

static int cmp_names(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

static ST sim_list(io_t *io, str_t path, arena_t *a, io_names_t *ret, err_t *err)
{
    sim_t *s = (sim_t *)io;
    name_t *dir = names_find(&s->now, path);
    if (!dir || dir->node)
        return no_such(err, path);
    io_names_t names = {0};
    for (size_t i = 0; i < s->now.len; i++)
        if (str_eq(dir_of(s->now.ptr[i].path), path))
            VEC_PUSH(&names, arena_str(a, str_sub(s->now.ptr[i].path, path.len + 1, SIZE_MAX)));
    if (names.len)
        qsort(names.ptr, names.len, sizeof *names.ptr, cmp_names);
    *ret = names;
    return ST_OK;
}

static void dir_change_done(dir_change_t *c)
{
    disown(c->from);
    disown(c->to);
    node_unref(c->node);
}

static ST sim_sync_dir(io_t *io, str_t path, err_t *err)
{
    sim_t *s = (sim_t *)io;
    TRY(fault(s, IO_SIM_SYNC, err));
    changed(s);
    size_t kept = 0;
    for (size_t i = 0; i < s->dir_changes.len; i++) {
        dir_change_t c = s->dir_changes.ptr[i];
        if (str_eq(dir_of(c.to.len ? c.to : c.from), path)) {
            apply(&s->safe, &c);
            dir_change_done(&c);
        } else {
            s->dir_changes.ptr[kept++] = c;
        }
    }
    s->dir_changes.len = kept;
    return ST_OK;
}

static void forget_changes(sim_t *s)
{
    for (size_t i = 0; i < s->dir_changes.len; i++)
        dir_change_done(&s->dir_changes.ptr[i]);
    VEC_CLEAR(&s->dir_changes);
}

static void sim_free(io_t *io)
{
    sim_t *s = (sim_t *)io;
    forget_changes(s);
    VEC_DONE(&s->dir_changes);
    names_done(&s->now);
    names_done(&s->safe);
    names_done(&s->found);
    free(s);
}

static const io_class_t sim_class = {
    .free = sim_free,
    .now_ms = sim_now_ms,
    .mono_ns = sim_mono_ns,
    .sleep_ns = sim_sleep_ns,
    .random = sim_random,
    .cond_wait = sim_cond_wait,
    .open = sim_open,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .mkdir = sim_mkdir,
    .rmdir = sim_rmdir,
    .list = sim_list,
    .sync_dir = sim_sync_dir,
    .close = sim_close,
    .read = sim_read,
    .writev = sim_writev,
    .size = sim_size,
    .truncate = sim_truncate,
    .sync = sim_sync,
    .lock = sim_lock,
};

io_t *io_sim_new(uint64_t seed)
{
    sim_t *s = mem_zalloc(sizeof *s);
    s->base.class = &sim_class;
    s->random = seed;
    s->capacity_bytes = -1;
    return &s->base;
}

void io_sim_advance_ms(io_t *io, int64_t ms)
{
    sim_sleep_ns(io, ms * 1000000);
}

void io_sim_crash_after(io_t *io, int64_t n)
{
    sim_t *s = (sim_t *)io;
    ASSERT(!s->crashed && n > 0);
    s->crash_at = s->changes + n;
}

bool io_sim_crashed(const io_t *io)
{
    return ((const sim_t *)io)->crashed;
}

void io_sim_restart(io_t *io)
{
    sim_t *s = (sim_t *)io;
    if (!s->crashed)
        crash(s);
    forget_changes(s);
    names_done(&s->now);
    names_done(&s->safe);
    s->now = s->found;
    s->found = (names_t){0};
    for (size_t i = 0; i < s->now.len; i++)
        names_put(&s->safe, s->now.ptr[i].path, s->now.ptr[i].node);
    s->crashed = false;
    s->crash_at = 0;
}

void io_sim_fail(io_t *io, io_sim_call_t call, int64_t n, st_t st, bool sticky)
{
    sim_t *s = (sim_t *)io;
    s->faults[call].in = n;
    s->faults[call].st = st;
    s->faults[call].sticky = sticky;
}

void io_sim_set_capacity(io_t *io, int64_t bytes)
{
    ((sim_t *)io)->capacity_bytes = bytes;
}
