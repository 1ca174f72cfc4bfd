/* The beginning: bytes of records to rows, times taken from a column when it is so declared; a
 * table's rows are kept, so that each change knows the row before. */
#include "sql/exec/op.h"

#include "sql/exec/timestamp.h"

typedef struct op_source_state {
    op_t op;
    serde_t *key, *value;
    exec_records_t *queue;  /* a partition */
    exec_records_t changes; /* a table's batch on its way */
    timestamp_format_t *timestamp;
} op_source_t;

static ST make_serde(op_t *o, const plan_format_t *f, data_columns_t columns, bool is_key,
                     serde_t **ret, err_t *err)
{
    serde_spec_t spec =
        plan_serde_spec(&o->x->life, f, columns, is_key, o->step->source.topic, o->x->opt.schemas);
    return serde_new(&spec, ret, err);
}

static st_t init(op_t *o, err_t *err)
{
    op_source_t *s = (op_source_t *)o;
    const plan_source_t *src = &o->step->source;
    s->queue = arena_zalloc(&o->x->life, (size_t)o->n_partitions * sizeof *s->queue);
    for (int32_t p = 0; p < o->n_partitions; p++)
        o->store[p] = store_new(o->step->table ? o->step->schema.n : 0);
    if (src->key.len)
        TRY(make_serde(o, &src->key_format, src->key, true, &s->key, err));
    if (src->value.len)
        TRY(make_serde(o, &src->value_format, src->value, false, &s->value, err));
    if (src->timestamp_format.len)
        TRY(timestamp_format_new(src->timestamp_format, &s->timestamp, err));
    return ST_OK;
}

static void done(op_t *o)
{
    op_source_t *s = (op_source_t *)o;
    serde_free(s->key);
    serde_free(s->value);
    timestamp_format_free(s->timestamp);
    for (int32_t p = 0; s->queue && p < o->n_partitions; p++)
        VEC_DONE(&s->queue[p]);
    VEC_DONE(&s->changes);
}

exec_records_t *op_source_queue(op_t *o, int32_t partition)
{
    return &((op_source_t *)o)->queue[partition];
}

static data_value_t all_headers(op_t *o, const exec_input_t *in)
{
    data_value_t *list = op_row(o, in->n_headers);
    for (size_t i = 0; i < in->n_headers; i++) {
        data_value_t *f = op_row(o, 2);
        f[0] = data_of_str(in->header[i].key);
        f[1] = in->header[i].value.ptr ? data_of_bytes(in->header[i].value) : DATA_NULL_VALUE;
        list[i] = data_of_struct(f, 2);
    }
    return data_of_array(list, in->n_headers);
}

static data_value_t one_header(const exec_input_t *in, str_t name)
{
    for (size_t i = in->n_headers; i-- > 0;)
        if (str_eq(in->header[i].key, name))
            return in->header[i].value.ptr ? data_of_bytes(in->header[i].value) : DATA_NULL_VALUE;
    return DATA_NULL_VALUE;
}

static data_value_t extra(op_t *o, const plan_extra_t *e, const exec_input_t *in, int32_t partition,
                          const exec_record_t *r)
{
    switch (e->kind) {
    case PLAN_ROWTIME:
        return data_of_i64(r->ts_ms);
    case PLAN_ROWPARTITION:
        return data_of_i32(partition);
    case PLAN_ROWOFFSET:
        return data_of_i64(in->offset);
    case PLAN_WINDOWSTART:
        return data_of_i64(r->window_start_ms);
    case PLAN_WINDOWEND:
        return data_of_i64(r->window_end_ms);
    case PLAN_HEADERS:
        return all_headers(o, in);
    case PLAN_HEADER:
        return one_header(in, e->header);
    }
    return DATA_NULL_VALUE;
}

/* Java's clock and a double's whole numbers end far beyond; no sum of two such times overflows. */
#define TIME_MS_MAX (INT64_C(1) << 53)

static bool time_ok(int64_t ms)
{
    return ms >= 0 && ms <= TIME_MS_MAX;
}

/* Windowed keys: start 8 bytes BE behind the key; a session's are end, then start. */
static bool cut_window(const plan_window_t *w, str_t *key, exec_record_t *r)
{
    size_t n = w->kind == SQL_WINDOW_SESSION ? 16 : 8;
    if (key->len < n)
        return false;
    key->len -= n;
    const char *p = key->ptr + key->len;
    if (w->kind == SQL_WINDOW_SESSION) {
        r->window_end_ms = (int64_t)load_be64(p);
        r->window_start_ms = (int64_t)load_be64(p + 8);
    } else {
        r->window_start_ms = (int64_t)load_be64(p);
        r->window_end_ms = r->window_start_ms + w->size_ms;
    }
    return time_ok(r->window_start_ms) && time_ok(r->window_end_ms);
}

static bool decode(op_source_t *s, const exec_input_t *in, int32_t partition, exec_record_t *r)
{
    op_t *o = &s->op;
    const plan_source_t *src = &o->step->source;
    size_t nk = src->key.len, nv = src->value.len;
    data_value_t *row = op_row(o, o->step->schema.n);
    *r = (exec_record_t){
        .row = row, .ts_ms = in->ts_ms, .header = in->header, .n_headers = (uint32_t)in->n_headers};
    err_t *err = &o->x->err;
    str_t key = in->key;
    if (src->window.kind != SQL_WINDOW_NONE && key.ptr && !cut_window(&src->window, &key, r)) {
        err_set_at(err, ST_CORRUPT, __FILE__, __LINE__,
                   "a windowed key is too short or has times that cannot be");
        return false;
    }
    bool null = true;
    if (nk && serde_decode(s->key, &o->x->arena, key, NULL, row, &null, err) != ST_OK)
        return false;
    if (null) {
        for (size_t i = 0; i < nk; i++)
            row[i] = DATA_NULL_VALUE;
        r->flags |= EXEC_NO_KEY;
    }
    null = !in->value.ptr;
    if (nv &&
        serde_decode(s->value, &o->x->arena, in->value, src->want, row + nk, &null, err) != ST_OK)
        return false;
    if (null) {
        r->flags |= EXEC_DELETED;
        for (size_t i = 0; i < nv; i++)
            row[nk + i] = DATA_NULL_VALUE;
    }
    if (src->timestamp_column >= 0 &&
        !timestamp_of(s->timestamp, row[src->timestamp_column], &r->ts_ms, err))
        return false;
    if (!time_ok(r->ts_ms)) {
        err_set_at(err, ST_RANGE, __FILE__, __LINE__, "timestamp %lld cannot be",
                   (long long)r->ts_ms);
        return false;
    }
    for (size_t i = 0; i < src->n_extra; i++)
        row[nk + nv + i] = extra(o, &src->extra[i], in, partition, r);
    return true;
}

void op_source_feed(op_t *o, int32_t partition, const exec_input_t *in, size_t n)
{
    op_source_t *s = (op_source_t *)o;
    ASSERT(partition >= 0 && partition < o->n_partitions);
    exec_records_t *q = &s->queue[partition];
    VEC_RESERVE(q, n);
    for (size_t i = 0; i < n; i++) {
        if (decode(s, &in[i], partition, &q->ptr[q->len]))
            q->len++;
        else
            op_failed_record(o, &(exec_failure_t){.what = "record",
                                                  .err = &o->x->err,
                                                  .topic = o->step->source.topic,
                                                  .partition = partition,
                                                  .record = &in[i]});
    }
}

/* Tables only: a stream's source pushes straight from its queue. */
static void keep(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    op_source_t *s = (op_source_t *)o;
    size_t nk = o->step->schema.n_key;
    store_t *store = op_store(o, partition);
    VEC_CLEAR(&s->changes);
    VEC_RESERVE(&s->changes, n);
    for (size_t i = 0; i < n; i++) {
        if (r[i].flags & EXEC_NO_KEY)
            continue;
        exec_record_t c = r[i];
        store_window_t *w = store_window(store, c.window_start_ms, c.window_end_ms);
        str_t key = op_key(o, c.row, nk);
        uint64_t hash = hash_bytes(key.ptr, key.len);
        store_entry_t *e = store_get(w, key, hash);
        if (e) {
            data_value_t *old = op_row(o, o->step->schema.n);
            memcpy(old, e->slot, o->step->schema.n * sizeof *old); /* S1: its text stays, too */
            c.old = old;
        }
        if (c.flags & EXEC_DELETED) {
            if (e)
                store_delete(store, e);
        } else {
            bool made;
            e = store_put(store, w, key, hash, &made);
            memcpy(e->slot, c.row, o->step->schema.n * sizeof *e->slot);
            e->ts_ms = c.ts_ms;
        }
        s->changes.ptr[s->changes.len++] = c;
    }
    op_push(o, partition, s->changes.ptr, s->changes.len);
}

static void scan_entry(op_t *o, int32_t partition, const store_entry_t *e)
{
    exec_record_t r = {.row = e->slot,
                       .ts_ms = e->ts_ms,
                       .window_start_ms = e->window->start_ms,
                       .window_end_ms = e->window->end_ms};
    op_push(o, partition, &r, 1);
}

static void scan(op_t *o, int32_t partition, const str_t *key)
{
    op_scan_store(o, partition, key, scan_entry);
}

const op_class_t op_source = {.size = sizeof(op_source_t),
                              .init = init,
                              .push = keep,
                              .done = done,
                              .scan = scan,
                              .n_stores = 1,
                              .store_name = {"KsqlTopic-Reduce"}};
