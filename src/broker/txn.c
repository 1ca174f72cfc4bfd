/* txn.c: transactions' states: in memory, in the log, and how they end. */
#include "broker/txn.h"

#include "base/trace.h"
#include "broker/group_record.h"
#include "wire/batch.h"

#define FACT_VERSION 1
#define EPOCH_MAX    (INT16_MAX - 1)

static const str_t key_prefix = {"txn/", 4};

const char *txn_status_name(txn_status_t s)
{
    return s == TXN_EMPTY       ? "Empty"
           : s == TXN_ONGOING   ? "Ongoing"
           : s == TXN_COMMITTED ? "CompleteCommit"
                                : "CompleteAbort";
}

static str_t own(str_t s)
{
    return str_n(mem_dup(s.len ? s.ptr : "", s.len), s.len);
}

static void disown(str_t s)
{
    free((void *)(uintptr_t)s.ptr);
}

static io_t *io_of(const txn_t *t)
{
    return t->coordinator->broker->io;
}

/* ---- life */

static void time_is_up(void *arg);

txn_t *txn_find(broker_coordinator_t *c, str_t id)
{
    txn_t *t = map_get(&c->txns, id);
    if (t && t->ending)
        coordinator_flush(c);
    return t;
}

txn_t *txn_new(broker_coordinator_t *c, str_t id)
{
    txn_t *t = mem_zalloc(sizeof *t);
    *t = (txn_t){.coordinator = c, .id = own(id), .producer_id = -1, .epoch = -1};
    t->epoch_before = -1;
    t->start_ms = -1;
    t->timeout = (io_timer_t){.fn = time_is_up, .arg = t};
    map_put(&c->txns, id, t);
    return t;
}

static void forget_contents(txn_t *t)
{
    for (size_t i = 0; i < t->partitions.len; i++)
        disown(t->partitions.ptr[i].topic);
    for (size_t i = 0; i < t->offsets.len; i++) {
        disown(t->offsets.ptr[i].group);
        disown(t->offsets.ptr[i].topic);
        disown(t->offsets.ptr[i].metadata);
    }
    VEC_CLEAR(&t->partitions);
    VEC_CLEAR(&t->offsets);
    t->bytes = 0;
}

void txn_free(void *txn)
{
    txn_t *t = txn;
    io_timer_clear(t->coordinator->broker->group.loop, &t->timeout);
    forget_contents(t);
    VEC_DONE(&t->partitions);
    VEC_DONE(&t->offsets);
    disown(t->id);
    free(t);
}

/* ---- contents */

void txn_begin(txn_t *t)
{
    int64_t now_ms = io_now_ms(io_of(t));
    t->update_ms = now_ms;
    if (t->status == TXN_ONGOING)
        return;
    t->status = TXN_ONGOING;
    t->start_ms = now_ms;
    io_timer_set(t->coordinator->broker->group.loop, &t->timeout, t->timeout_ms);
}

bool txn_has_partition(const txn_t *t, str_t topic, int32_t index)
{
    for (size_t i = 0; i < t->partitions.len; i++)
        if (t->partitions.ptr[i].index == index && str_eq(t->partitions.ptr[i].topic, topic))
            return true;
    return false;
}

static bool has_room(txn_t *t, size_t bytes)
{
    if (t->bytes + bytes > TXN_BYTES_MAX)
        return false;
    t->bytes += bytes;
    return true;
}

bool txn_add_partition(txn_t *t, str_t topic, int32_t index)
{
    if (txn_has_partition(t, topic, index))
        return true;
    if (!has_room(t, topic.len + 16))
        return false;
    VEC_PUSH(&t->partitions, (txn_partition_t){own(topic), index});
    return true;
}

bool txn_add_offset(txn_t *t, const txn_offset_t *o)
{
    if (!has_room(t, o->group.len + o->topic.len + o->metadata.len + 64))
        return false;
    txn_offset_t mine = *o;
    mine.group = own(o->group);
    mine.topic = own(o->topic);
    mine.metadata = own(o->metadata);
    VEC_PUSH(&t->offsets, mine);
    return true;
}

bool txn_changes_offset(const broker_coordinator_t *c, str_t group, str_t topic, int32_t partition)
{
    for (map_entry_t *e = NULL; (e = map_next(&c->txns, e));) {
        const txn_t *t = e->value;
        for (size_t i = 0; i < t->offsets.len; i++)
            if (t->offsets.ptr[i].partition == partition &&
                str_eq(t->offsets.ptr[i].group, group) && str_eq(t->offsets.ptr[i].topic, topic))
                return true;
    }
    return false;
}

/* ---- the fact */

static str_t key_of(const txn_t *t, arena_t *a)
{
    return arena_printf(a, STR_FMT STR_FMT, STR_ARG(key_prefix), STR_ARG(t->id));
}

static void put_state(const txn_t *t, arena_t *a, wire_out_t *out)
{
    wire_transaction_log_value_t *v = WIRE_NEW(a, transaction_log_value, 1);
    v->producer_id = t->producer_id;
    v->producer_epoch = t->epoch;
    v->transaction_timeout_ms = t->timeout_ms;
    v->transaction_status = (int8_t)t->status;
    v->transaction_start_timestamp_ms = t->start_ms;
    v->transaction_last_update_timestamp_ms = t->update_ms;
    NEW_LIST(a, v->transaction_partitions, transaction_log_value_transaction_partition,
             t->partitions.len);
    for (size_t i = 0; i < t->partitions.len; i++) {
        wire_transaction_log_value_transaction_partition_t *p = &v->transaction_partitions.ptr[i];
        p->topic = t->partitions.ptr[i].topic;
        p->partition_ids.ptr = &t->partitions.ptr[i].index;
        p->partition_ids.len = 1;
    }
    st_t st = wire_encode(wire_transaction_log_value_schema(), 1, true, v, out, NULL);
    ASSERT(st == ST_OK); /* flexible lengths hold all that TXN_BYTES_MAX allows */
}

static void put_offset(const txn_offset_t *o, arena_t *a, wire_out_t *out)
{
    wire_txn_offset_commit_request_t *m = WIRE_NEW(a, txn_offset_commit_request, 1);
    m->group_id = o->group;
    NEW_LIST(a, m->topics, txn_offset_commit_request_topic, 1);
    m->topics.ptr[0].name = o->topic;
    NEW_LIST(a, m->topics.ptr[0].partitions, txn_offset_commit_request_partition, 1);
    m->topics.ptr[0].partitions.ptr[0] = (wire_txn_offset_commit_request_partition_t){
        o->partition, o->offset, o->leader_epoch, o->metadata};
    st_t st = wire_encode(wire_txn_offset_commit_request_schema(), 5, true, m, out, NULL);
    ASSERT(st == ST_OK);
}

void txn_put_fact(const txn_t *t, log_commit_t *commit)
{
    wire_out_t out = {0};
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    buf_put_be16(&out.buf, FACT_VERSION);
    put_state(t, &a, &out);
    for (size_t i = 0; i < t->offsets.len; i++)
        put_offset(&t->offsets.ptr[i], &a, &out);
    log_commit_fact(commit, key_of(t, &a), buf_str(&out.buf));
    wire_out_done(&out);
    arena_done(&a);
}

static ST read_offset(txn_t *t, str_t *in, arena_t *a, err_t *err)
{
    wire_txn_offset_commit_request_t m;
    TRY(wire_decode(wire_txn_offset_commit_request_schema(), 5, true, in, a, &m, err));
    for (int32_t i = 0; i < m.topics.len; i++)
        for (int32_t k = 0; k < m.topics.ptr[i].partitions.len; k++) {
            const wire_txn_offset_commit_request_partition_t *p =
                &m.topics.ptr[i].partitions.ptr[k];
            txn_add_offset(t, &(txn_offset_t){.group = m.group_id,
                                              .topic = m.topics.ptr[i].name,
                                              .metadata = p->committed_metadata,
                                              .partition = p->partition_index,
                                              .leader_epoch = p->committed_leader_epoch,
                                              .offset = p->committed_offset});
        }
    return ST_OK;
}

static ST read_fact(broker_coordinator_t *c, const log_fact_t *f, arena_t *a, err_t *err)
{
    str_t in = f->value, id = str_sub(f->key, key_prefix.len, f->key.len);
    wire_transaction_log_value_t v;
    if (in.len < 2 || load_be16(in.ptr) != FACT_VERSION)
        return err_set(err, ST_UNSUPPORTED,
                       "the state of transactional id " STR_FMT " is of another version of arus",
                       STR_ARG(id));
    in = str_sub(in, 2, in.len);
    TRY(wire_decode(wire_transaction_log_value_schema(), 1, true, &in, a, &v, err));
    txn_t *t = txn_new(c, id);
    t->producer_id = v.producer_id;
    t->epoch = v.producer_epoch;
    t->timeout_ms = v.transaction_timeout_ms;
    t->status = (txn_status_t)v.transaction_status;
    t->start_ms = v.transaction_start_timestamp_ms;
    t->update_ms = v.transaction_last_update_timestamp_ms;
    for (int32_t i = 0; i < v.transaction_partitions.len; i++)
        for (int32_t k = 0; k < v.transaction_partitions.ptr[i].partition_ids.len; k++)
            txn_add_partition(t, v.transaction_partitions.ptr[i].topic,
                              v.transaction_partitions.ptr[i].partition_ids.ptr[k]);
    while (in.len)
        TRY(read_offset(t, &in, a, err));
    if (t->status == TXN_ONGOING)
        io_timer_set(c->broker->group.loop, &t->timeout, t->timeout_ms);
    return ST_OK;
}

ST txn_load(broker_coordinator_t *c, err_t *err)
{
    arena_t a;
    log_fact_t *fact;
    size_t n;
    st_t st = ST_OK;
    arena_init(&a, ARENA_NO_LIMIT);
    log_facts(c->broker->log, key_prefix, &a, &fact, &n);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = read_fact(c, &fact[i], &a, err);
    arena_done(&a);
    return st;
}

/* ---- expiry */

void txn_expire(broker_coordinator_t *c)
{
    broker_t *b = c->broker;
    int64_t before_ms = io_now_ms(b->io) - b->config.txn_id_ms;
    VEC(txn_t *) old = {0};
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    log_commit_t *commit = log_commit_new(b->log);
    for (map_entry_t *e = NULL; (e = map_next(&c->txns, e));) {
        txn_t *t = e->value;
        if (t->status == TXN_ONGOING || t->update_ms > before_ms)
            continue;
        VEC_PUSH(&old, t);
        log_commit_fact(commit, key_of(t, &a), STR_NONE);
    }
    err_t err;
    st_t st = ST_OK;
    if (old.len)
        st = log_commit(b->log, commit, NULL, &err);
    else
        log_commit_free(commit);
    if (st != ST_OK)
        trace_line(TRACE_WARN, "broker", "old transactional ids stay for now: %s", err.msg);
    for (size_t i = 0; st == ST_OK && i < old.len; i++) {
        map_remove(&c->txns, old.ptr[i]->id);
        txn_free(old.ptr[i]);
    }
    VEC_DONE(&old);
    arena_done(&a);
}

/* ---- the end */

void txn_put_marker(broker_t *b, const txn_marker_t *m, log_commit_t *to, log_topic_t *topic,
                    int32_t partition)
{
    const char key[4] = {0, 0, 0, m->commit ? 1 : 0}; /* version 0; 0 abort, 1 commit */
    char value[6] = {0};                              /* version 0, the coordinator's epoch */
    store_be32(value + 2, (uint32_t)m->coordinator_epoch);
    wire_batch_options_t opt = {.codec = WIRE_NONE,
                                .flags = WIRE_TRANSACTIONAL | WIRE_CONTROL,
                                .producer_id = m->producer_id,
                                .producer_epoch = m->epoch,
                                .base_sequence = -1};
    buf_t batch = BUF_INIT;
    wire_writer_t w;
    wire_batch_begin(&w, &batch, &opt);
    wire_batch_add(&w, io_now_ms(b->io), str_n(key, sizeof key), str_n(value, sizeof value), NULL,
                   0);
    st_t st = wire_batch_finish(&w, NULL);
    ASSERT(st == ST_OK);
    log_commit_append(to, topic, partition, buf_str(&batch));
    buf_done(&batch);
}

/* Group by group. */
static void put_offsets(const txn_t *t, log_commit_t *to)
{
    const broker_t *b = t->coordinator->broker;
    VEC(log_group_offset_t) same = {0};
    log_topic_t *topic;
    for (size_t i = 0; i < t->offsets.len; i++) {
        const txn_offset_t *o = &t->offsets.ptr[i];
        if (log_topic_open(b->log, o->topic, &topic, NULL) == ST_OK) {
            log_topic_unref(topic);
            VEC_PUSH(&same, ((log_group_offset_t){.group = o->group,
                                                  .topic = o->topic,
                                                  .partition = o->partition,
                                                  .leader_epoch = o->leader_epoch,
                                                  .offset = o->offset,
                                                  .commit_ms = io_now_ms(b->io),
                                                  .metadata = o->metadata}));
        }
        bool last = i + 1 == t->offsets.len || !str_eq(t->offsets.ptr[i + 1].group, o->group);
        if (last) {
            group_offsets_put(t->coordinator, to, same.ptr, same.len);
            VEC_CLEAR(&same);
        }
    }
    VEC_DONE(&same);
}

/* Partitions and offsets whose topic was deleted meanwhile are passed over. */
static void put_end(const txn_t *t, bool commit, int16_t epoch, log_commit_t *to)
{
    broker_t *b = t->coordinator->broker;
    txn_marker_t marker = {t->producer_id, epoch, commit, log_leader_epoch(b->log)};
    log_topic_t *topic;
    for (size_t i = 0; i < t->partitions.len; i++) {
        const txn_partition_t *p = &t->partitions.ptr[i];
        if (log_topic_open(b->log, p->topic, &topic, NULL) != ST_OK)
            continue;
        if (p->index < log_topic_partitions(topic))
            txn_put_marker(b, &marker, to, topic, p->index);
        log_topic_unref(topic);
    }
    if (commit)
        put_offsets(t, to);
}

static log_commit_t *new_end(const txn_t *t, bool commit, int16_t epoch)
{
    broker_t *b = t->coordinator->broker;
    log_commit_t *c = log_commit_new(b->log);
    txn_t after = {.coordinator = t->coordinator,
                   .id = t->id,
                   .producer_id = t->producer_id,
                   .epoch = epoch,
                   .timeout_ms = t->timeout_ms,
                   .status = commit ? TXN_COMMITTED : TXN_ABORTED,
                   .start_ms = t->start_ms,
                   .update_ms = io_now_ms(b->io)};
    put_end(t, commit, epoch, c);
    txn_put_fact(&after, c);
    return c;
}

static void apply_end(txn_t *t, bool commit, int16_t epoch)
{
    io_timer_clear(t->coordinator->broker->group.loop, &t->timeout);
    forget_contents(t);
    t->status = commit ? TXN_COMMITTED : TXN_ABORTED;
    t->epoch = epoch;
    t->update_ms = io_now_ms(io_of(t));
}

/* What it appended is in the log. */
static ST end_now(txn_t *t, bool commit, int16_t epoch, err_t *err)
{
    st_t st = ST_NOT_FOUND;
    for (int i = 0; i < 3 && st == ST_NOT_FOUND; i++) /* a topic may be deleted under our hands */
        st = log_commit(t->coordinator->broker->log, new_end(t, commit, epoch), NULL, err);
    if (st == ST_OK)
        apply_end(t, commit, epoch);
    return st;
}

ST txn_end(txn_t *t, bool commit, int16_t epoch, err_t *err)
{
    coordinator_flush(t->coordinator); /* what it appended comes before its marker */
    return end_now(t, commit, epoch, err);
}

struct txn_ending {
    txn_t *txn;
    bool commit;
    int16_t epoch;
    void (*done)(txn_t *t, void *arg, st_t st);
    void *arg;
};

static void ending_is_kept(void *arg, const log_outcome_t *o)
{
    struct txn_ending *e = arg;
    txn_t *t = e->txn;
    st_t st = o->st;
    t->ending = NULL;
    if (st == ST_OK)
        apply_end(t, e->commit, e->epoch);
    else if (st == ST_NOT_FOUND)
        st = end_now(t, e->commit, e->epoch, NULL);
    if (st != ST_OK)
        io_timer_set(t->coordinator->broker->group.loop, &t->timeout, t->timeout_ms);
    e->done(t, e->arg, st);
    free(e);
}

void txn_end_soon(txn_t *t, bool commit, int16_t epoch, void (*done)(txn_t *t, void *arg, st_t st),
                  void *arg)
{
    ASSERT(!t->ending);
    t->ending = mem_alloc(sizeof *t->ending);
    *t->ending = (struct txn_ending){t, commit, epoch, done, arg};
    coordinator_commit(t->coordinator, new_end(t, commit, epoch), ending_is_kept, t->ending);
}

/* Its producer is gone, or too slow: fenced by the next epoch. */
static void time_is_up(void *arg)
{
    txn_t *t = arg;
    err_t err;
    if (t->ending) /* just in time */
        return;
    int16_t epoch = t->epoch < EPOCH_MAX ? (int16_t)(t->epoch + 1) : t->epoch;
    if (txn_end(t, false, epoch, &err) == ST_OK)
        return;
    trace_line(TRACE_WARN, "broker", "a transaction that timed out cannot be aborted: %s", err.msg);
    io_timer_set(t->coordinator->broker->group.loop, &t->timeout, 1000);
}
