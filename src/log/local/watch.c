/* watch.c: waiting for data. */
#include "log/local/engine.h"

struct log_watch {
    log_t *log;
    VEC(log_topic_t *) topics;
    pthread_cond_t cond;
    bool signalled;
    void (*call)(void *env); /* or NULL */
    void *env;
};

static void signal(log_watch_t *w)
{
    if (!w->signalled) {
        w->signalled = true;
        pthread_cond_signal(&w->cond);
        if (w->call)
            w->call(w->env);
    }
}

log_watch_t *log_watch_new(log_t *log)
{
    log_watch_t *w = mem_zalloc(sizeof *w);
    w->log = log;
    io_cond_init(&w->cond);
    return w;
}

void log_watch_free(log_watch_t *w)
{
    while (w->topics.len)
        log_watch_remove(w, w->topics.ptr[0]);
    VEC_DONE(&w->topics);
    pthread_cond_destroy(&w->cond);
    free(w);
}

void log_watch_add(log_watch_t *w, log_topic_t *t)
{
    pthread_mutex_lock(&w->log->lock);
    VEC_PUSH(&w->topics, log_topic_ref(t));
    VEC_PUSH(&t->watches, w);
    signal(w); /* what is there already counts as news */
    pthread_mutex_unlock(&w->log->lock);
}

void log_watch_remove(log_watch_t *w, log_topic_t *t)
{
    bool found = false;
    pthread_mutex_lock(&w->log->lock);
    for (size_t i = 0; i < w->topics.len && !found; i++)
        if (w->topics.ptr[i] == t) {
            VEC_REMOVE(&w->topics, i);
            found = true;
        }
    for (size_t i = 0; found && i < t->watches.len; i++)
        if (t->watches.ptr[i] == w) {
            VEC_REMOVE(&t->watches, i);
            break;
        }
    pthread_mutex_unlock(&w->log->lock);
    if (found)
        log_topic_unref(t);
}

bool log_watch_wait(log_watch_t *w, int timeout_ms)
{
    io_t *io = w->log->io;
    int64_t until = timeout_ms < 0 ? 0 : io_mono_ns(io) + (int64_t)timeout_ms * 1000000;
    pthread_mutex_lock(&w->log->lock);
    while (!w->signalled) {
        int64_t left = timeout_ms < 0 ? -1 : until - io_mono_ns(io);
        if (timeout_ms >= 0 && left <= 0)
            break;
        io_cond_wait(io, &w->cond, &w->log->lock, left);
    }
    bool signalled = w->signalled;
    w->signalled = false;
    pthread_mutex_unlock(&w->log->lock);
    return signalled;
}

void log_watch_wake(log_watch_t *w)
{
    pthread_mutex_lock(&w->log->lock);
    signal(w);
    pthread_mutex_unlock(&w->log->lock);
}

void log_watch_call(log_watch_t *w, void (*fn)(void *env), void *env)
{
    pthread_mutex_lock(&w->log->lock);
    w->call = fn;
    w->env = env;
    pthread_mutex_unlock(&w->log->lock);
}

void log_watch_seen(log_watch_t *w)
{
    pthread_mutex_lock(&w->log->lock);
    w->signalled = false;
    pthread_mutex_unlock(&w->log->lock);
}

void log_watch_signal(log_topic_t *t)
{
    for (size_t i = 0; i < t->watches.len; i++)
        signal(t->watches.ptr[i]);
}
