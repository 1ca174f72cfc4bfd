#include "source/goapi/goapi.h"

#include "base/trace.h"
#include "source/goapi/source.h"

static void set_failed(connector_t *c, const char *text)
{
    pthread_mutex_lock(&c->lock);
    c->status.failed = true;
    c->status.errors++;
    snprintf(c->status.error, sizeof c->status.error, "%.299s", text);
    pthread_mutex_unlock(&c->lock);
    trace_line(TRACE_ERROR, "goapi", "%.*s stopped: %s", STR_ARG(c->name), text);
}

static void *run(void *arg)
{
    connector_t *c = arg;
    err_t err = {0};
    if (source_run(c, &err) != ST_OK && !atomic_load(&c->stop))
        set_failed(c, err.msg);
    return NULL;
}

static void source_free(connector_t *c)
{
    for (int k = 0; k < GOAPI_KINDS; k++)
        goapi_out_close(&c->out[k]);
    goapi_client_free(c->client);
    goapi_seen_done(&c->seen);
    map_done(&c->companies, NULL);
    map_done(&c->empty, NULL);
    arena_done(&c->step_arena);
    arena_done(&c->round_arena);
    arena_done(&c->companies_arena);
    arena_done(&c->life);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->wake);
    free(c);
}

static ST open_topics(connector_t *c, err_t *err)
{
    str_t topic[GOAPI_KINDS] = {c->set.stock_topic, c->set.company_topic, c->set.prices_topic,
                                c->set.indices_topic};
    for (int k = 0; k < GOAPI_KINDS; k++)
        if (topic[k].len)
            TRY(goapi_out_open(&c->out[k], &c->env, &c->set, (goapi_kind_t)k, topic[k], err));
    return ST_OK;
}

static ST read_place(connector_t *c, err_t *err)
{
    int64_t place;
    TRY(log_committed(c->env.log, c->group, c->set.stock_topic, 0, &place, err));
    if (place > 0) {
        c->round = place >> SOURCE_STEP_BITS;
        c->step = (size_t)(place & ((1 << SOURCE_STEP_BITS) - 1));
    }
    return ST_OK;
}

static ST open_all(connector_t *c, err_t *err)
{
    str_t key;
    TRY(open_topics(c, err));
    TRY(read_place(c, err));
    TRY(goapi_client_new(c->set.connect_timeout_ms, c->set.request_timeout_ms, &c->stop, &c->client,
                         err));
    TRY(goapi_settings_key(&c->set, c->env.io, &c->step_arena, &key, err));
    TRY(goapi_client_key(c->client, key, err));
    goapi_quota_open(&c->quota, c->env.io, c->quota_path, c->set.quota_daily, c->set.quota_monthly);
    return ST_OK;
}

/* A file of its own; whatever might not belong into a file's name is an underscore. */
static str_t path_of(connector_t *c, const char *what)
{
    char *name = arena_z(&c->life, c->name);
    for (char *p = name; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-'))
            *p = '_';
    return arena_printf(&c->life, STR_FMT "/goapi-%s-%s.json", STR_ARG(c->env.data_dir), name,
                        what);
}

static st_t start(const connector_config_t *config, const connector_env_t *env, connector_t **ret,
                  err_t *err)
{
    connector_t *c = mem_zalloc(sizeof *c);
    arena_init(&c->life, ARENA_NO_LIMIT);
    arena_init(&c->round_arena, ARENA_NO_LIMIT);
    arena_init(&c->companies_arena, ARENA_NO_LIMIT);
    arena_init(&c->step_arena, ARENA_NO_LIMIT);
    map_init(&c->companies);
    map_init(&c->empty);
    pthread_mutex_init(&c->lock, NULL);
    io_cond_init(&c->wake);
    c->env = *env;
    c->name = arena_lower(&c->life, config->name);
    c->group = arena_printf(&c->life, "connect-" STR_FMT, STR_ARG(c->name));
    c->quota_path = path_of(c, "quota");
    c->tickers_path = path_of(c, "tickers");
    c->companies_path = path_of(c, "companies");
    st_t st = goapi_settings_read(config, &c->life, &c->set, err);
    if (st == ST_OK)
        st = open_all(c, err);
    if (st != ST_OK) {
        source_free(c);
        return st;
    }
    int e = pthread_create(&c->thread, NULL, run, c);
    if (e)
        die("cannot start a thread: %s", strerror(e));
    *ret = c;
    return ST_OK;
}

static void stop(connector_t *c)
{
    pthread_mutex_lock(&c->lock);
    atomic_store(&c->stop, true);
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    goapi_client_wake(c->client);
    pthread_join(c->thread, NULL);
    source_free(c);
}

static void status(connector_t *c, connector_status_t *ret)
{
    pthread_mutex_lock(&c->lock);
    *ret = c->status;
    pthread_mutex_unlock(&c->lock);
}

static const char *const aliases[] = {"GoApiSourceConnector", "arus.GoApiSourceConnector", NULL};

const connector_class_t source_goapi = {.name = "goapi",
                                        .alias = aliases,
                                        .source = true,
                                        .start = start,
                                        .stop = stop,
                                        .status = status};
