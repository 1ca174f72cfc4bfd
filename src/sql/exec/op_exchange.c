/* A repartition: rows go to the partition of their key, in memory and in the same turn. What
 * several partitions send to one is taken up in the order of time, each sender's rows staying in
 * their own order. */
#include "sql/exec/op.h"

typedef struct op_exchange_state {
    op_t op;
    int32_t n_from;
    exec_records_t *sent;  /* [to * n_from + from] */
    exec_records_t *queue; /* merged, a receiving partition */
    serde_t *key;
    buf_t buf;
} op_exchange_t;

static st_t init(op_t *o, err_t *err)
{
    op_exchange_t *e = (op_exchange_t *)o;
    e->n_from = o->x->opt.max_partitions;
    e->sent =
        arena_zalloc(&o->x->life, (size_t)e->n_from * (size_t)o->n_partitions * sizeof *e->sent);
    e->queue = arena_zalloc(&o->x->life, (size_t)o->n_partitions * sizeof *e->queue);
    if (o->n_partitions == 1)
        return ST_OK;
    const plan_schema_t *schema = &o->step->schema;
    data_column_t *key = ARENA_ARRAY(&o->x->life, data_column_t, schema->n_key + 1);
    for (size_t i = 0; i < schema->n_key; i++)
        key[i] = (data_column_t){schema->col[i].name, schema->col[i].type};
    serde_spec_t spec = plan_serde_spec(&o->x->life, &o->step->exchange.key_format,
                                        (data_columns_t){key, schema->n_key}, true,
                                        o->step->exchange.topic, o->x->opt.schemas);
    return serde_new(&spec, &e->key, err);
}

static int32_t target(op_exchange_t *e, const exec_record_t *r, int32_t from)
{
    if (e->op.n_partitions == 1)
        return 0;
    if (r->flags & EXEC_NO_KEY)
        return from % e->op.n_partitions;
    buf_clear(&e->buf);
    if (serde_encode(e->key, r->row, &e->buf, &e->op.x->err) != ST_OK) {
        op_failed(&e->op, "repartition key");
        return -1;
    }
    return hash_partition(e->buf.ptr, e->buf.len, e->op.n_partitions);
}

static void push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    op_exchange_t *e = (op_exchange_t *)o;
    for (size_t i = 0; i < n; i++) {
        int32_t to = target(e, &r[i], partition);
        if (to >= 0)
            VEC_PUSH(&e->sent[to * e->n_from + partition], r[i]);
    }
}

/* The oldest head goes first; equal times in the order of the senders. */
static void merge(exec_records_t *sent, int32_t n, exec_records_t *to)
{
    size_t total = 0;
    int32_t busy = 0, only = 0;
    for (int32_t i = 0; i < n; i++) {
        total += sent[i].len;
        if (sent[i].len) {
            busy++;
            only = i;
        }
    }
    VEC_RESERVE(to, total);
    if (busy == 1) {
        memcpy(to->ptr + to->len, sent[only].ptr, total * sizeof *to->ptr);
        to->len += total;
        VEC_CLEAR(&sent[only]);
        return;
    }
    size_t *at = mem_zalloc((size_t)n * sizeof *at);
    while (total) {
        int32_t first = -1, second = -1;
        for (int32_t i = 0; i < n; i++) {
            if (at[i] == sent[i].len)
                continue;
            int64_t ts = sent[i].ptr[at[i]].ts_ms;
            if (first < 0 || ts < sent[first].ptr[at[first]].ts_ms) {
                second = first;
                first = i;
            } else if (second < 0 || ts < sent[second].ptr[at[second]].ts_ms) {
                second = i;
            }
        }
        int64_t until = second >= 0 ? sent[second].ptr[at[second]].ts_ms : INT64_MAX;
        do {
            to->ptr[to->len++] = sent[first].ptr[at[first]++];
            total--;
        } while (at[first] < sent[first].len && sent[first].ptr[at[first]].ts_ms <= until &&
                 (first < second || sent[first].ptr[at[first]].ts_ms < until || second < 0));
    }
    for (int32_t i = 0; i < n; i++)
        VEC_CLEAR(&sent[i]);
    free(at);
}

exec_records_t *op_exchange_queue(op_t *o, int32_t partition)
{
    op_exchange_t *e = (op_exchange_t *)o;
    merge(e->sent + partition * e->n_from, e->n_from, &e->queue[partition]);
    return &e->queue[partition];
}

static void done(op_t *o)
{
    op_exchange_t *e = (op_exchange_t *)o;
    for (int32_t p = 0; e->sent && p < o->n_partitions; p++) {
        VEC_DONE(&e->queue[p]);
        for (int32_t i = 0; i < e->n_from; i++)
            VEC_DONE(&e->sent[p * e->n_from + i]);
    }
    serde_free(e->key);
    buf_done(&e->buf);
}

const op_class_t op_exchange = {
    .size = sizeof(op_exchange_t), .init = init, .push = push, .done = done};
