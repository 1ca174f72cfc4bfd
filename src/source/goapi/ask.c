/* Asking: the quota, the request, and patience. */
#include "base/trace.h"
#include "source/goapi/source.h"

#define LATER_MS   1000 /* the first wait when too many requests came */
#define WARN_TRIES 3    /* a request that fails so often is worth a line */
#define WARN_EACH  20

void source_set_idle(connector_t *c, bool idle)
{
    pthread_mutex_lock(&c->lock);
    c->status.idle = idle;
    pthread_mutex_unlock(&c->lock);
}

void source_problem(connector_t *c, const char *text)
{
    pthread_mutex_lock(&c->lock);
    c->status.errors++;
    snprintf(c->status.error, sizeof c->status.error, "%.299s", text);
    pthread_mutex_unlock(&c->lock);
}

st_t source_wait(connector_t *c, int64_t ms, err_t *err)
{
    int64_t began = io_mono_ns(c->env.io), until = began + ms * 1000000, left;
    pthread_mutex_lock(&c->lock);
    while (!atomic_load(&c->stop) && (left = until - io_mono_ns(c->env.io)) > 0)
        (void)io_cond_wait(c->env.io, &c->wake, &c->lock, left);
    pthread_mutex_unlock(&c->lock);
    c->fetch_ns += io_mono_ns(c->env.io) - began;
    return atomic_load(&c->stop) ? err_set(err, ST_CANCELLED, "stopped") : ST_OK;
}

/* A request may go out now; waits for the next day or month where the quota is used up. */
static ST wait_for_quota(connector_t *c, err_t *err)
{
    for (;;) {
        int64_t wait_ms = 0;
        err_t why;
        st_t st = goapi_quota_take(&c->quota, io_now_ms(c->env.io), &wait_ms, &why);
        if (st == ST_OK)
            return ST_OK;
        if (st != ST_LIMIT)
            return err_set(err, ST_IO, "the quota's file: %s", why.msg);
        trace_line(TRACE_WARN, "goapi", "%s; waiting", why.msg);
        source_problem(c, why.msg);
        source_set_idle(c, true);
        TRY(source_wait(c, wait_ms, err));
        source_set_idle(c, false);
    }
}

/* Half to all of the doubled wait, so that many who failed at once do not come back at once. */
static int64_t backoff_ms(connector_t *c, int64_t first_ms, int attempt)
{
    int64_t ms = first_ms;
    for (int i = 1; i < attempt && ms < c->set.backoff_max_ms; i++)
        ms *= 2;
    if (ms > c->set.backoff_max_ms)
        ms = c->set.backoff_max_ms;
    return ms / 2 + (int64_t)(io_random_u64(c->env.io) % (uint64_t)(ms / 2 + 1));
}

/* One try. A failure of the network is GOAPI_AGAIN. */
static ST try_once(connector_t *c, arena_t *a, str_t url, goapi_answer_t *ret,
                   int64_t *ret_after_ms, err_t *err)
{
    goapi_reply_t reply = {0};
    err_t why;
    TRY(wait_for_quota(c, err));
    int64_t began = io_mono_ns(c->env.io);
    st_t st = goapi_client_get(c->client, url, &reply, &why);
    c->fetch_ns += io_mono_ns(c->env.io) - began;
    c->requests++;
    if (st == ST_CANCELLED)
        return err_set(err, ST_CANCELLED, "stopped");
    if (st == ST_OK)
        *ret = goapi_answer_read(a, reply.status, arena_str(a, reply.body));
    else
        *ret = (goapi_answer_t){.verdict = GOAPI_AGAIN, .message = arena_str(a, str_of(why.msg))};
    c->by_verdict[ret->verdict]++;
    c->failures += ret->verdict != GOAPI_FINE && ret->verdict != GOAPI_MISSING;
    *ret_after_ms = reply.retry_after_ms;
    if (ret->verdict == GOAPI_FINE)
        return ST_OK;
    char text[300];
    snprintf(text, sizeof text, "%.*s: HTTP %d: %.*s", (int)(url.len < 120 ? url.len : 120),
             url.ptr, reply.status, STR_ARG(ret->message));
    trace_line(TRACE_DEBUG, "goapi", "%s", text);
    if (ret->verdict != GOAPI_MISSING)
        source_problem(c, text);
    return ST_OK;
}

/* What follows an answer that was not fine: waits, or gives up. */
static ST bear(connector_t *c, const goapi_answer_t *answer, int attempt, int64_t after_ms,
               err_t *err)
{
    str_t why = answer->message;
    if (answer->verdict == GOAPI_MISSING)
        return err_set(err, ST_NOT_FOUND, "not found: " STR_FMT, STR_ARG(why));
    if (answer->verdict == GOAPI_DENIED)
        return err_set(err, ST_DENIED, "the API refuses the key (option 'key'): " STR_FMT,
                       STR_ARG(why));
    if (c->set.retries >= 0 && attempt > c->set.retries)
        return err_set(err, ST_UNREACHABLE, "%d requests failed, the last one: " STR_FMT, attempt,
                       STR_ARG(why));
    if (attempt == WARN_TRIES || attempt % WARN_EACH == 0)
        trace_line(TRACE_WARN, "goapi", "%d tries failed, the last one: " STR_FMT, attempt,
                   STR_ARG(why));
    int64_t first_ms = answer->verdict == GOAPI_AGAIN ? c->set.backoff_ms : LATER_MS;
    int64_t wait_ms =
        answer->verdict == GOAPI_QUOTA ? c->set.backoff_max_ms : backoff_ms(c, first_ms, attempt);
    bool quota = answer->verdict == GOAPI_QUOTA;
    if (quota)
        source_set_idle(c, true);
    TRY(source_wait(c, wait_ms > after_ms ? wait_ms : after_ms, err));
    if (quota)
        source_set_idle(c, false);
    return ST_OK;
}

st_t source_ask(connector_t *c, arena_t *a, str_t path, goapi_answer_t *ret, err_t *err)
{
    for (int attempt = 1;; attempt++) {
        int64_t after_ms = 0;
        str_t url = arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(c->set.base), STR_ARG(path));
        TRY(try_once(c, a, url, ret, &after_ms, err));
        if (ret->verdict == GOAPI_FINE) {
            c->set.fallback = STR("");
            return ST_OK;
        }
        if (ret->verdict == GOAPI_MISSING && c->set.fallback.len) {
            c->set.base = c->set.fallback; /* the other generation of the API */
            c->set.fallback = STR("");
            continue;
        }
        TRY(bear(c, ret, attempt, after_ms, err));
    }
}
