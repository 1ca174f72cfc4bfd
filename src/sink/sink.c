/* The thread of a sink: reads, writes, tries again; and how others start, stop and ask it. */
#include "sink/reader.h"

#include "base/trace.h"

#define STOP_WAIT_NS 1000000000LL
#define COMMIT_NS    1000000000LL /* how often the group's offsets are told */
#define TOO_MUCH_NS  1000000000LL
#define WAIT_MS      500
#define MISSING_MS   20 /* while a topic is not there yet */

struct connector {
    const sink_store_class_t *class;
    io_t *io;
    arena_t life;
    sink_options_t opt;
    sink_store_t *store;
    sink_reader_t reader;
    sink_dead_t dead;
    pthread_t thread;
    atomic_bool stopping;
    bool too_much;        /* the batch took long and failed; thread: sink's */
    int64_t committed_ns; /* when the group's offsets were told last; thread: sink's */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    connector_status_t status;
    bool in_store;  /* in a call that may take long and touches nothing of the log */
    bool abandoned; /* stop() did not wait for it: the thread frees everything */
    bool ended;
};

/* ---- status */

static void say(connector_t *c, const err_t *err)
{
    pthread_mutex_lock(&c->lock);
    memcpy(c->status.error, err->msg, sizeof c->status.error - 1);
    c->status.errors++;
    pthread_mutex_unlock(&c->lock);
}

static void say_fine(connector_t *c)
{
    pthread_mutex_lock(&c->lock);
    c->status.error[0] = 0;
    pthread_mutex_unlock(&c->lock);
}

void sink_status(connector_t *c, connector_status_t *ret)
{
    pthread_mutex_lock(&c->lock);
    *ret = c->status;
    pthread_mutex_unlock(&c->lock);
    ret->errors += atomic_load(&c->dead.count);
    ret->idle = ret->failed || (!ret->idle ? false : sink_reader_lag(&c->reader) == 0);
}

static void set_idle(connector_t *c, bool idle)
{
    pthread_mutex_lock(&c->lock);
    c->status.idle = idle;
    pthread_mutex_unlock(&c->lock);
}

static void count_batch(connector_t *c, int64_t busy_ns)
{
    int64_t now = io_now_ms(c->io);
    pthread_mutex_lock(&c->lock);
    c->status.records += c->reader.batch.n_records;
    c->status.batches += c->reader.batch.marks.len > 0;
    c->status.busy_ns += busy_ns;
    if (c->reader.batch.n_records)
        c->status.last_ms = now;
    pthread_mutex_unlock(&c->lock);
}

/* ---- trying again */

/* False when it is to stop. */
static bool wait_ns(connector_t *c, int64_t ns)
{
    int64_t until = io_mono_ns(c->io) + ns;
    pthread_mutex_lock(&c->lock);
    while (!atomic_load(&c->stopping)) {
        int64_t left = until - io_mono_ns(c->io);
        if (left <= 0)
            break;
        (void)io_cond_wait(c->io, &c->changed, &c->lock, left);
    }
    pthread_mutex_unlock(&c->lock);
    return !atomic_load(&c->stopping);
}

/* After failure number `tries` (from 0): half of the doubled time, and up to as much again. */
static int64_t backoff_ns(connector_t *c, int64_t tries)
{
    int64_t ms = c->opt.backoff_ms;
    for (int64_t i = 0; i < tries && ms < c->opt.backoff_max_ms; i++)
        ms *= 2;
    if (ms > c->opt.backoff_max_ms)
        ms = c->opt.backoff_max_ms;
    int64_t half = ms * 500000;
    return half + (int64_t)(io_random_u64(c->io) % (uint64_t)(half + 1));
}

/* Calls step until it succeeds or fails for good; ST_CANCELLED when it is to stop. */
static ST persist(connector_t *c, st_t (*step)(connector_t *c, err_t *err), err_t *err)
{
    for (int64_t tries = 0;; tries++) {
        st_t st = step(c, err);
        if (st == ST_OK) {
            if (tries)
                say_fine(c);
            return ST_OK;
        }
        if (atomic_load(&c->stopping))
            return ST_CANCELLED;
        if (!sink_may_pass(st))
            return st;
        say(c, err);
        if (tries == 0 || (tries & (tries - 1)) == 0)
            trace_line(TRACE_WARN, "sink", STR_FMT ": %s; trying again", STR_ARG(c->opt.name),
                       err->msg);
        if (c->opt.max_retries >= 0 && tries >= c->opt.max_retries)
            return err_wrap(err, st, "gave up after %lld retries (max.retries)",
                            (long long)c->opt.max_retries);
        if (!wait_ns(c, backoff_ns(c, tries)))
            return ST_CANCELLED;
    }
}

static void store_enter(connector_t *c)
{
    pthread_mutex_lock(&c->lock);
    c->in_store = true;
    pthread_mutex_unlock(&c->lock);
}

/* False when nobody waits for this thread any more: the log may be gone. */
static bool store_leave(connector_t *c)
{
    pthread_mutex_lock(&c->lock);
    c->in_store = false;
    bool here = !c->abandoned;
    pthread_mutex_unlock(&c->lock);
    return here;
}

/* ---- steps */

static ST open_step(connector_t *c, err_t *err)
{
    store_enter(c);
    st_t st = c->class->open(c->store, err);
    return store_leave(c) ? st : ST_CANCELLED;
}

static ST resolve_step(connector_t *c, err_t *err)
{
    return sink_reader_resolve(&c->reader, err);
}

static ST dead_step(connector_t *c, err_t *err)
{
    return sink_dead_flush(&c->dead, err);
}

/* Buries what was refused; the rest can be written then. */
static ST bury_refused(connector_t *c, st_t refused, err_t *err)
{
    sink_batch_t *b = &c->reader.batch;
    size_t n = 0;
    for (size_t i = 0; i < b->ops.len; i++) {
        sink_op_t *op = &b->ops.ptr[i];
        if (!op->why)
            continue;
        err_t why;
        err_set_at(&why, refused, __FILE__, __LINE__, "%s", op->why);
        TRY(sink_reader_bury(&c->reader, op, &why, err));
        op->dropped = true;
        op->why = NULL;
        n++;
    }
    ASSERT(n);
    return sink_dead_flush(&c->dead, err);
}

static ST write_batch(connector_t *c, err_t *err)
{
    for (;;) {
        store_enter(c);
        st_t st = c->class->write(c->store, &c->reader.batch, err);
        if (!store_leave(c))
            return ST_CANCELLED;
        if (!sink_is_data(st))
            return st;
        TRY(bury_refused(c, st, err));
    }
}

/* What took long and failed may be more than the database can do in its time: it is tried again
 * with half of it, or it would fail for ever. */
static ST write_step(connector_t *c, err_t *err)
{
    if (c->too_much) {
        c->too_much = false;
        sink_reader_back(&c->reader);
        TRY(sink_reader_read(&c->reader, err));
        TRY(sink_dead_flush(&c->dead, err));
    }
    int64_t start = io_mono_ns(c->io);
    st_t st = write_batch(c, err);
    c->too_much = sink_may_pass(st) && io_mono_ns(c->io) - start > TOO_MUCH_NS;
    return st;
}

static void tell_group(connector_t *c, bool now)
{
    int64_t t = io_mono_ns(c->io);
    if (!now && t - c->committed_ns < COMMIT_NS)
        return;
    c->committed_ns = t;
    err_t err;
    if (sink_reader_commit(&c->reader, &err) != ST_OK)
        say(c, &err); /* the next one will do: what is in the store is written again, no more */
}

static ST turn(connector_t *c, err_t *err)
{
    TRY(persist(c, resolve_step, err));
    int64_t start = io_mono_ns(c->io);
    TRY(sink_reader_read(&c->reader, err));
    if (atomic_load(&c->stopping))
        return ST_CANCELLED;
    bool waiting = c->reader.waiting;
    if (c->reader.batch.marks.len) {
        set_idle(c, false);
        TRY(persist(c, dead_step, err));
        TRY(persist(c, write_step, err));
        sink_reader_written(&c->reader);
        count_batch(c, io_mono_ns(c->io) - start);
        tell_group(c, false);
        return ST_OK;
    }
    tell_group(c, true);
    set_idle(c, true);
    (void)log_watch_wait(c->reader.watch, waiting ? MISSING_MS : WAIT_MS);
    return ST_OK;
}

static ST work(connector_t *c, err_t *err)
{
    TRY(persist(c, open_step, err));
    while (!atomic_load(&c->stopping))
        TRY(turn(c, err));
    tell_group(c, true);
    return ST_OK;
}

/* ---- life */

static void release(connector_t *c)
{
    c->class->free(c->store);
    sink_dead_done(&c->dead);
    sink_reader_done(&c->reader);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    arena_done(&c->life);
    free(c);
}

static void *run(void *self)
{
    connector_t *c = self;
    err_t err;
    st_t st = work(c, &err);
    pthread_mutex_lock(&c->lock);
    if (st != ST_OK && st != ST_CANCELLED) {
        c->status.failed = true;
        memcpy(c->status.error, err.msg, sizeof c->status.error - 1);
        trace_line(TRACE_ERROR, "sink", STR_FMT " stopped: %s", STR_ARG(c->opt.name), err.msg);
    }
    c->ended = true;
    bool abandoned = c->abandoned;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (abandoned)
        release(c);
    return NULL;
}

st_t sink_start(const sink_store_class_t *class, const connector_config_t *config,
                const connector_env_t *env, connector_t **ret, err_t *err)
{
    arena_t life;
    arena_init(&life, ARENA_NO_LIMIT);
    sink_options_t opt;
    sink_store_t *store = NULL;
    st_t st = sink_options_read(config, &life, &opt, err);
    if (st == ST_OK)
        st = class->new (&opt, config, &store, err);
    if (st != ST_OK) {
        arena_done(&life);
        return st;
    }
    if (!opt.batch_records)
        opt.batch_records = class->batch_records;
    connector_t *c = mem_zalloc(sizeof *c);
    c->class = class;
    c->io = env->io;
    c->life = life;
    c->opt = opt;
    c->store = store;
    atomic_init(&c->stopping, false);
    pthread_mutex_init(&c->lock, NULL);
    io_cond_init(&c->changed);
    sink_dead_init(&c->dead, &c->opt, env->log, class->name);
    sink_reader_init(&c->reader, env, &c->opt, class, store, &c->dead, &c->stopping);
    if (pthread_create(&c->thread, NULL, run, c))
        die("no thread for sink " STR_FMT, STR_ARG(opt.name));
    *ret = c;
    return ST_OK;
}

/* Waits a second; a thread that is still in the database then is left to end by itself. */
void sink_stop(connector_t *c)
{
    atomic_store(&c->stopping, true);
    log_watch_wake(c->reader.watch);
    int64_t until = io_mono_ns(c->io) + STOP_WAIT_NS;
    pthread_mutex_lock(&c->lock);
    pthread_cond_broadcast(&c->changed);
    while (!c->ended) {
        int64_t left = until - io_mono_ns(c->io);
        if (left <= 0 && c->in_store)
            break;
        (void)io_cond_wait(c->io, &c->changed, &c->lock, left > 10000000 ? left : 10000000);
    }
    c->abandoned = !c->ended;
    bool abandoned = c->abandoned;
    pthread_t thread = c->thread;
    if (abandoned)
        sink_reader_detach(&c->reader);
    pthread_mutex_unlock(&c->lock);
    if (abandoned) {
        pthread_detach(thread);
        return;
    }
    pthread_join(thread, NULL);
    sink_reader_detach(&c->reader);
    release(c);
}
