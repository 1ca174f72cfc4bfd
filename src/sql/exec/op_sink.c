/* The ends: rows to records of the sink topic, or to whoever asked a transient query. */
#include "sql/exec/op.h"

#include "sql/exec/timestamp.h"

typedef struct op_sink_state {
    op_t op;
    serde_t *key, *value;
    buf_t key_buf, value_buf;
    timestamp_format_t *timestamp;
} op_sink_t;

static ST make_serde(op_t *o, bool is_key, serde_t **ret, err_t *err)
{
    const plan_format_t *f = is_key ? &o->step->sink.key_format : &o->step->sink.value_format;
    serde_spec_t spec =
        plan_serde_spec(&o->x->life, f, is_key ? o->step->sink.key : o->step->sink.value, is_key,
                        o->step->sink.topic, o->x->opt.schemas);
    TRY(serde_new(&spec, ret, err));
    int32_t id;
    return serde_register(*ret, &id, err);
}

static st_t init(op_t *o, err_t *err)
{
    op_sink_t *s = (op_sink_t *)o;
    if (o->step->sink.key.len)
        TRY(make_serde(o, true, &s->key, err));
    if (o->step->sink.value.len)
        TRY(make_serde(o, false, &s->value, err));
    if (o->step->sink.timestamp_format.len)
        TRY(timestamp_format_new(o->step->sink.timestamp_format, &s->timestamp, err));
    return ST_OK;
}

static void done(op_t *o)
{
    op_sink_t *s = (op_sink_t *)o;
    serde_free(s->key);
    serde_free(s->value);
    timestamp_format_free(s->timestamp);
    buf_done(&s->key_buf);
    buf_done(&s->value_buf);
}

static bool encode_key(op_sink_t *s, const exec_record_t *r, size_t *ret_plain_len)
{
    op_t *o = &s->op;
    buf_clear(&s->key_buf);
    if (r->flags & EXEC_NO_KEY || !s->key || serde_null(s->key, r->row))
        return true;
    if (serde_encode(s->key, r->row, &s->key_buf, &o->x->err) != ST_OK) {
        op_failed(o, "key");
        return false;
    }
    *ret_plain_len = s->key_buf.len;
    if (!o->step->windowed)
        return true;
    if (o->step->sink.session)
        buf_put_be64(&s->key_buf, (uint64_t)r->window_end_ms);
    buf_put_be64(&s->key_buf, (uint64_t)r->window_start_ms);
    return true;
}

static void one(op_sink_t *s, const exec_record_t *r, int32_t from)
{
    op_t *o = &s->op;
    exec_input_t out = {.ts_ms = r->ts_ms, .header = r->header, .n_headers = r->n_headers};
    size_t plain = 0, nk = o->step->sink.key.len;
    if (!encode_key(s, r, &plain))
        return;
    int32_t n = o->x->opt.sink_partitions, partition = n == 1 ? 0 : from % n;
    if (s->key && !(r->flags & EXEC_NO_KEY) && !serde_null(s->key, r->row)) {
        out.key = str_n(s->key_buf.ptr ? s->key_buf.ptr : "", s->key_buf.len);
        partition = n == 1 ? 0 : hash_partition(out.key.ptr, plain, n);
    }
    if (!(r->flags & EXEC_DELETED) && !(s->value && serde_null(s->value, r->row + nk))) {
        buf_clear(&s->value_buf);
        if (s->value && serde_encode(s->value, r->row + nk, &s->value_buf, &o->x->err) != ST_OK) {
            op_failed(o, "value");
            return;
        }
        out.value = str_n(s->value_buf.ptr ? s->value_buf.ptr : "", s->value_buf.len);
        ptrdiff_t ts = o->step->sink.timestamp_column;
        if (ts >= 0 && !timestamp_of(s->timestamp, r->row[ts], &out.ts_ms, &o->x->err)) {
            op_failed(o, "timestamp");
            return;
        }
    }
    o->x->records_out++;
    if (o->x->sink.record)
        o->x->sink.record(o->x->sink.self, partition, &out);
}

static void push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    for (size_t i = 0; i < n; i++) {
        if (o->x->scan) {
            exec_row_t row = {r[i].row, r[i].ts_ms, r[i].window_start_ms, r[i].window_end_ms};
            if (!(r[i].flags & EXEC_DELETED) && !o->x->scanned)
                o->x->scanned = !o->x->scan(o->x->scan_env, &row);
            continue;
        }
        one((op_sink_t *)o, &r[i], partition);
    }
}

const op_class_t op_sink = {.size = sizeof(op_sink_t), .init = init, .push = push, .done = done};

typedef struct op_result_state {
    op_t op;
    int64_t given;
    bool full;
} op_result_t;

static void give(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    (void)partition;
    op_result_t *s = (op_result_t *)o;
    const plan_t *plan = o->x->plan;
    for (size_t i = 0; i < n && !s->full; i++) {
        if (plan->has_limit && s->given >= plan->limit) {
            s->full = true;
            break;
        }
        s->given++;
        o->x->records_out++;
        s->full = !o->x->sink.row(o->x->sink.self, r[i].row, plan->result.len,
                                  r[i].flags & EXEC_DELETED, r[i].ts_ms);
    }
}

const op_class_t op_result = {.size = sizeof(op_result_t), .push = give};
