#include "sink/dead.h"

#include "base/trace.h"
#include "base/vec.h"

#include <inttypes.h>

#define TRACED_MAX 10 /* after so many lines the counter must do */

void sink_dead_init(sink_dead_t *d, const sink_options_t *opt, log_t *log, const char *class_name)
{
    *d = (sink_dead_t){.opt = opt, .log = log, .class_name = class_name, .batch = BUF_INIT};
}

void sink_dead_done(sink_dead_t *d)
{
    buf_done(&d->batch);
}

static void copy(sink_dead_t *d, sink_stage_t stage, str_t topic, int32_t partition,
                 const wire_record_t *rec, const err_t *cause)
{
    static const char *const stages[] = {"KEY_CONVERTER", "VALUE_CONVERTER", "TASK_PUT"};
    VEC(wire_header_t) headers = {0};
    wire_headers_t walk = wire_record_headers(rec);
    for (wire_header_t h; wire_headers_next(&walk, &h);)
        VEC_PUSH(&headers, h);
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    if (d->opt->dead_headers) {
        wire_header_t context[] = {
            {STR("__connect.errors.topic"), topic},
            {STR("__connect.errors.partition"), arena_printf(&a, "%" PRId32, partition)},
            {STR("__connect.errors.offset"), arena_printf(&a, "%" PRId64, rec->offset)},
            {STR("__connect.errors.connector.name"), d->opt->name},
            {STR("__connect.errors.task.id"), STR("0")},
            {STR("__connect.errors.stage"), str_of(stages[stage])},
            {STR("__connect.errors.class.name"), str_of(d->class_name)},
            {STR("__connect.errors.exception.class.name"), str_of(st_name(cause->code))},
            {STR("__connect.errors.exception.message"), str_of(cause->msg)},
        };
        for (size_t i = 0; i < sizeof context / sizeof *context; i++)
            VEC_PUSH(&headers, context[i]);
    }
    if (!d->open)
        wire_batch_begin(&d->writer, &d->batch, &WIRE_BATCH_PLAIN);
    d->open = true;
    wire_batch_add(&d->writer, rec->ts_ms, rec->key, rec->value, headers.ptr, headers.len);
    VEC_DONE(&headers);
    arena_done(&a);
}

st_t sink_dead_add(sink_dead_t *d, sink_stage_t stage, str_t topic, int32_t partition,
                   const wire_record_t *rec, const err_t *cause, err_t *err)
{
    err_t why = *cause;
    bool tolerated = d->opt->tolerance == SINK_TOLERATE_ALL ||
                     (d->opt->tolerance == SINK_TOLERATE_DATA && stage == SINK_STAGE_STORE);
    unsigned long long n = atomic_fetch_add(&d->count, 1);
    if (!tolerated)
        return err_set(err, why.code,
                       STR_FMT "-%" PRId32 "@%" PRId64 ": %s (errors.tolerance = 'all' passes over "
                               "such records)",
                       STR_ARG(topic), partition, rec->offset, why.msg);
    if (n < TRACED_MAX)
        trace_line(TRACE_WARN, "sink",
                   STR_FMT ": passed over " STR_FMT "-%" PRId32 "@%" PRId64 ": %s",
                   STR_ARG(d->opt->name), STR_ARG(topic), partition, rec->offset, why.msg);
    if (d->opt->dead_topic.len)
        copy(d, stage, topic, partition, rec, &why);
    return ST_OK;
}

static ST open_topic(sink_dead_t *d, log_topic_t **ret, err_t *err)
{
    if (log_topic_open(d->log, d->opt->dead_topic, ret, NULL) == ST_OK)
        return ST_OK;
    log_topic_spec_t spec = {.name = d->opt->dead_topic, .partitions = 1, .replicas = 1};
    st_t st = log_topic_create(d->log, &spec, err);
    if (st != ST_OK && st != ST_EXISTS)
        return err_wrap(err, st, "the dead letter topic");
    return log_topic_open(d->log, d->opt->dead_topic, ret, err);
}

st_t sink_dead_flush(sink_dead_t *d, err_t *err)
{
    if (d->open)
        TRY(wire_batch_finish(&d->writer, err));
    d->open = false;
    if (!d->batch.len)
        return ST_OK;
    log_topic_t *t;
    TRY(open_topic(d, &t, err));
    log_commit_t *c = log_commit_new(d->log);
    log_commit_append(c, t, 0, buf_str(&d->batch));
    st_t st = log_commit(d->log, c, NULL, err);
    log_topic_unref(t);
    if (st == ST_OK)
        buf_clear(&d->batch);
    return st;
}
