/* Failures of records and expressions, in ksqlDB's topic for them: SERVICE_IDksql_processing_log,
 * JSON. They are part of the round's commit: a record is passed over and its failure written, or
 * neither. */
#include "server/internal.h"

#include "data/text.h"

#define PENDING_MAX      1000
#define RECORD_BYTES_MAX 10000 /* of a record that is quoted */

static ST open_topic(server_t *s, err_t *err)
{
    str_t name = arena_printf(&s->life, STR_FMT "ksql_processing_log", STR_ARG(s->opt.service_id));
    st_t st = log_topic_open(s->opt.log, name, &s->processing_log, NULL);
    if (st != ST_NOT_FOUND)
        return st;
    log_topic_spec_t spec = {name, 1, 1, NULL, 0};
    TRY(log_topic_create(s->opt.log, &spec, err));
    return log_topic_open(s->opt.log, name, &s->processing_log, err);
}

static void put_cause(buf_t *b, const exec_failure_t *f)
{
    json_put_member_str(b, "errorMessage", str_of(f->err->msg));
    json_put_name(b, "cause");
    BUF_LIT(b, "[]");
}

static void put_message(buf_t *b, const exec_failure_t *f)
{
    bool reading = f->record != NULL;
    json_put_member_i64(b, "type", reading ? 0 : 1);
    json_put_name(b, reading ? "deserializationError" : "recordProcessingError");
    BUF_LIT(b, "{");
    if (reading) {
        json_put_member_str(b, "target", STR("value"));
        put_cause(b, f);
        json_put_name(b, "recordB64");
        BUF_LIT(b, "\"");
        data_put_base64(b, str_sub(f->record->value, 0, RECORD_BYTES_MAX));
        BUF_LIT(b, "\"");
        json_put_member_str(b, "topic", f->topic);
        json_put_member_i64(b, "partition", f->partition);
        json_put_member_i64(b, "offset", f->record->offset);
    } else {
        put_cause(b, f);
        json_put_member_str(b, "record", STR(""));
    }
    BUF_LIT(b, "}");
}

void processing_log_add(server_t *s, str_t query, const exec_failure_t *f)
{
    err_t err;
    if (s->n_failures == PENDING_MAX)
        return;
    if (!s->processing_log && open_topic(s, &err) != ST_OK) {
        trace_line(TRACE_WARN, "sql", "no processing log: %s", err.msg);
        return;
    }
    buf_t b = BUF_INIT;
    int64_t now = io_now_ms(s->opt.io);
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    BUF_LIT(&b, "{");
    json_put_member_str(&b, "level", STR("ERROR"));
    json_put_member_str(&b, "logger",
                        arena_printf(&a, "processing." STR_FMT ".%s", STR_ARG(query), f->what));
    json_put_member_i64(&b, "time", now);
    json_put_name(&b, "message");
    BUF_LIT(&b, "{");
    put_message(&b, f);
    BUF_LIT(&b, "}}");
    if (!s->n_failures++)
        wire_batch_begin(&s->failure_writer, &s->failures, &WIRE_BATCH_PLAIN);
    wire_batch_add(&s->failure_writer, now, STR_NONE, buf_str(&b), NULL, 0);
    arena_done(&a);
    buf_done(&b);
}

void processing_log_collect(server_t *s, log_commit_t *c)
{
    if (!s->n_failures)
        return;
    err_t err;
    if (wire_batch_finish(&s->failure_writer, &err) == ST_OK)
        log_commit_append(c, s->processing_log, 0, buf_str(&s->failures));
    buf_clear(&s->failures);
    s->n_failures = 0;
}

void processing_log_close(server_t *s)
{
    if (s->processing_log)
        log_topic_unref(s->processing_log);
    s->processing_log = NULL;
}

void processing_log_done(server_t *s)
{
    processing_log_close(s);
    buf_done(&s->failures);
}
