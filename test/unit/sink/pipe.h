/* pipe.h: a real log in a temporary directory, topics written by hand, and a sink on them. */
#ifndef ARUS_TEST_SINK_PIPE_H
#define ARUS_TEST_SINK_PIPE_H

#include "connect/connector.h"
#include "log/local/local.h"
#include "wire/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <ftw.h>
#include <unistd.h>

#define OK(call)                                                                                   \
    do {                                                                                           \
        err_t ok_err_ = {0};                                                                       \
        err_t *err = &ok_err_;                                                                     \
        st_t ok_ = (call);                                                                         \
        if (ok_ != ST_OK)                                                                          \
            fail_msg("%s: %s: %s", #call, st_name(ok_), ok_err_.msg);                              \
    } while (0)

#define COLUMN(name, type)                                                                         \
    {                                                                                              \
        {"" name, sizeof(name) - 1}, type                                                          \
    }

static const data_column_t pipe_id[] = {COLUMN("ID", &data_string)};
static const data_column_t pipe_values[] = {
    COLUMN("TICKER", &data_string), COLUMN("CLOSE", &data_double), COLUMN("VOLUME", &data_bigint)};

typedef struct pipe_topic {
    const char *name, *source;
    connector_topic_t topic;
} pipe_topic_t;

#define PIPE_TOPIC(topic_, source_, windowed_)                                                     \
    {                                                                                              \
        .name = topic_, .source = source_, .topic = {                                              \
            .key = {pipe_id, 1},                                                                   \
            .value = {pipe_values, 3},                                                             \
            .key_serde = {.format = FORMAT_KAFKA, .is_key = true, .columns = {pipe_id, 1}},        \
            .value_serde = {.format = FORMAT_JSON, .wrap = true, .columns = {pipe_values, 3}},     \
            .windowed = windowed_,                                                                 \
            .table = true                                                                          \
        }                                                                                          \
    }

static const pipe_topic_t pipe_topics[] = {PIPE_TOPIC("stock", "STOCKTABLE", false),
                                           PIPE_TOPIC("minute", "MINUTETABLE", true)};

typedef struct pipe {
    char dir[64], path[128]; /* path: of a file in it */
    io_t *io;
    log_t *log;
    connector_env_t env;
    const connector_class_t *class;
    connector_t *sink;
    buf_t key;
} pipe_t;

static st_t pipe_lookup(void *self, str_t name, arena_t *a, str_t *ret_topic,
                        connector_topic_t *ret, err_t *err)
{
    (void)a, (void)self;
    for (size_t i = 0; i < sizeof pipe_topics / sizeof *pipe_topics; i++) {
        const pipe_topic_t *t = &pipe_topics[i];
        if (str_eq(name, str_of(t->name)) || str_eq(name, str_of(t->source))) {
            *ret_topic = str_of(t->name);
            *ret = t->topic;
            return ST_OK;
        }
    }
    return err_set(err, ST_NOT_FOUND, "no such topic");
}

static void pipe_open_log(pipe_t *p)
{
    log_local_options_t opt;
    log_local_options_init(&opt);
    opt.dir = str_of(p->dir);
    opt.durability = LOG_DURABILITY_MEMORY;
    opt.retention_ms = -1; /* the tests count time from 1970 */
    OK(log_local_open(p->io, &opt, &p->log, err));
    p->env = (connector_env_t){
        .io = p->io, .log = p->log, .data_dir = opt.dir, .self = p, .topic = pipe_lookup};
}

static void pipe_open(pipe_t *p)
{
    *p = (pipe_t){.io = io_real_new()};
    snprintf(p->dir, sizeof p->dir, "/tmp/arus-sink-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof p->path, "%s/out.db", p->dir);
    pipe_open_log(p);
}

static int pipe_remove(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st, (void)kind, (void)f;
    return remove(path);
}

static void pipe_close(pipe_t *p)
{
    if (p->sink)
        p->class->stop(p->sink);
    log_close(p->log);
    io_free(p->io);
    buf_done(&p->key);
    nftw(p->dir, pipe_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Options as name, value, …, NULL. */
static st_t pipe_start(pipe_t *p, const connector_class_t *class, const char *const *options,
                       err_t *err)
{
    connector_option_t o[32];
    size_t n = 0;
    for (; options[2 * n]; n++)
        o[n] = (connector_option_t){str_of(options[2 * n]), str_of(options[2 * n + 1])};
    connector_config_t c = {STR("sink"), o, n};
    p->class = class;
    return class->start(&c, &p->env, &p->sink, err);
}

static void pipe_stop(pipe_t *p)
{
    p->class->stop(p->sink);
    p->sink = NULL;
}

static log_topic_t *pipe_topic(pipe_t *p, const char *name, int32_t partitions)
{
    log_topic_t *t;
    if (log_topic_open(p->log, str_of(name), &t, NULL) == ST_OK)
        return t;
    log_topic_spec_t spec = {.name = str_of(name), .partitions = partitions, .replicas = 1};
    OK(log_topic_create(p->log, &spec, err));
    OK(log_topic_open(p->log, str_of(name), &t, err));
    return t;
}

typedef struct pipe_writer {
    pipe_t *pipe;
    log_topic_t *topic;
    buf_t bytes;
    wire_writer_t w;
    int64_t ts_ms;
} pipe_writer_t;

static void pipe_begin(pipe_t *p, pipe_writer_t *w, const char *topic, int32_t partitions)
{
    *w = (pipe_writer_t){.pipe = p, .topic = pipe_topic(p, topic, partitions), .ts_ms = 1000};
    wire_batch_begin(&w->w, &w->bytes, &WIRE_BATCH_PLAIN);
}

static inline void pipe_add(pipe_writer_t *w, str_t key, str_t value)
{
    wire_batch_add(&w->w, w->ts_ms++, key, value, NULL, 0);
}

/* value NULL: a tombstone. */
static inline void pipe_add_window(pipe_writer_t *w, const char *key, int64_t window_ms,
                                   const char *value)
{
    buf_t *b = &w->pipe->key;
    buf_clear(b);
    buf_put_str(b, str_of(key));
    buf_put_be64(b, (uint64_t)window_ms);
    pipe_add(w, buf_str(b), str_of(value));
}

static void pipe_commit(pipe_writer_t *w, int32_t partition)
{
    OK(wire_batch_finish(&w->w, err));
    log_commit_t *c = log_commit_new(w->pipe->log);
    log_commit_append(c, w->topic, partition, buf_str(&w->bytes));
    OK(log_commit(w->pipe->log, c, NULL, err));
    buf_done(&w->bytes);
    log_topic_unref(w->topic);
}

/* Until it has written `records` since its start and all there is, or failed. */
static connector_status_t pipe_settle(pipe_t *p, uint64_t records)
{
    connector_status_t st = {0};
    for (int i = 0; i < 4000; i++) {
        p->class->status(p->sink, &st);
        if ((st.idle && st.records >= records) || st.failed)
            return st;
        io_sleep_ms(p->io, 5);
    }
    fail_msg("the sink does not come to an end: %llu records, '%s'", (unsigned long long)st.records,
             st.error);
    return st;
}

#endif
