/* fact.c: the small durable map beside the topics. */
#include "log/local/engine.h"

typedef struct fact {
    size_t len;
    char bytes[];
} fact_t;

static str_t value_of(const fact_t *f)
{
    return str_n(f->bytes, f->len);
}

void log_fact_apply(log_t *log, str_t key, str_t value)
{
    void *old;
    if (value.ptr) {
        fact_t *f = mem_alloc(sizeof *f + value.len);
        f->len = value.len;
        memcpy(f->bytes, value.ptr, value.len);
        old = map_put(&log->facts, key, f);
    } else {
        old = map_remove(&log->facts, key);
    }
    free(old);
}

void log_facts_encode(buf_t *b, const log_t *log)
{
    buf_put_be32(b, (uint32_t)log->facts.len);
    for (map_entry_t *e = NULL; (e = map_next(&log->facts, e));) {
        str_t value = value_of(e->value);
        buf_put_be32(b, (uint32_t)e->key.len);
        buf_put_str(b, e->key);
        buf_put_be32(b, (uint32_t)value.len);
        buf_put_str(b, value);
    }
}

ST log_fact(log_t *log, str_t key, arena_t *a, str_t *ret, err_t *err)
{
    pthread_mutex_lock(&log->lock);
    const fact_t *f = map_get(&log->facts, key);
    if (f)
        *ret = arena_str(a, value_of(f));
    pthread_mutex_unlock(&log->lock);
    return f ? ST_OK : err_set(err, ST_NOT_FOUND, "there is no fact " STR_FMT, STR_ARG(key));
}

static int cmp_facts(const void *a, const void *b)
{
    return str_cmp(((const log_fact_t *)a)->key, ((const log_fact_t *)b)->key);
}

void log_facts(log_t *log, str_t prefix, arena_t *a, log_fact_t **ret, size_t *ret_n)
{
    size_t n = 0;
    pthread_mutex_lock(&log->lock);
    *ret = ARENA_ARRAY(a, log_fact_t, log->facts.len + 1);
    for (map_entry_t *e = NULL; (e = map_next(&log->facts, e));)
        if (str_starts(e->key, prefix))
            (*ret)[n++] = (log_fact_t){arena_str(a, e->key), arena_str(a, value_of(e->value))};
    pthread_mutex_unlock(&log->lock);
    if (n)
        qsort(*ret, n, sizeof **ret, cmp_facts);
    *ret_n = n;
}
