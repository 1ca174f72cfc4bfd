/* commit.c: how a commit becomes durable and visible.
 *
 * Committers queue. One that finds nobody leading leads: it takes the queue, gives offsets to all
 * batches in it, writes the group to the journal with one sync, applies it, and wakes the others.
 * Those who come meanwhile form the next group.
 */
#include "log/local/engine.h"
#include "wire/batch.h"

struct log_waiter {
    log_entry_t *entry;
    bool create;
    bool done;
    st_t st;
    int64_t there; /* ST_DUPLICATE: where it lies */
    err_t *err;
    log_waiter_t *next;
};

struct log_commit {
    log_t *log;
    log_entry_t *entry;
    VEC(log_topic_t *) topics;
    size_t appends;
    str_t unknown_topic; /* of an offset; owned */
};

/* ---- building */

log_commit_t *log_commit_new(log_t *log)
{
    log_commit_t *c = mem_zalloc(sizeof *c);
    c->log = log;
    c->entry = log_entry_new(LOG_ENTRY_COMMIT);
    return c;
}

void log_commit_free(log_commit_t *c)
{
    for (size_t i = 0; i < c->topics.len; i++)
        log_topic_unref(c->topics.ptr[i]);
    VEC_DONE(&c->topics);
    log_entry_unref(c->entry);
    free((void *)(uintptr_t)c->unknown_topic.ptr);
    free(c);
}

void log_commit_append_in(log_commit_t *c, log_topic_t *t, int32_t partition, str_t batch,
                          shared_t *in)
{
    str_t left = batch;
    wire_batch_t b;
    st_t st = wire_batch_next(&left, &b, NULL);
    ASSERT(st == ST_OK && left.len == 0);
    ASSERT(partition >= 0 && partition < log_topic_partitions(t));
    log_entry_add_batch(c->entry, t->number, partition, batch, in);
    c->appends++;
    if (c->topics.len == 0 || VEC_LAST(&c->topics) != t)
        VEC_PUSH(&c->topics, log_topic_ref(t));
}

void log_commit_append(log_commit_t *c, log_topic_t *t, int32_t partition, str_t batch)
{
    log_commit_append_in(c, t, partition, batch, NULL);
}

void log_commit_group_offset(log_commit_t *c, const log_group_offset_t *o)
{
    pthread_mutex_lock(&c->log->lock);
    log_topic_t *t = log_topic_by_name(c->log, o->topic);
    int32_t number = t ? t->number : -1;
    pthread_mutex_unlock(&c->log->lock);
    if (t)
        log_entry_add(c->entry, &(log_item_t){.kind = LOG_ITEM_OFFSET,
                                              .topic = number,
                                              .partition = o->partition,
                                              .name = o->group,
                                              .offset = o->offset,
                                              .leader_epoch = o->leader_epoch,
                                              .commit_ms = o->commit_ms,
                                              .text = o->metadata});
    else if (!c->unknown_topic.ptr)
        c->unknown_topic = str_n(mem_dup(o->topic.ptr, o->topic.len), o->topic.len);
}

void log_commit_offset(log_commit_t *c, str_t group, str_t topic, int32_t partition, int64_t offset)
{
    log_commit_group_offset(c, &(log_group_offset_t){.group = group,
                                                     .topic = topic,
                                                     .partition = partition,
                                                     .leader_epoch = -1,
                                                     .offset = offset,
                                                     .commit_ms = -1,
                                                     .metadata = STR("")});
}

void log_commit_fact(log_commit_t *c, str_t key, str_t value)
{
    log_entry_add(c->entry, &(log_item_t){.kind = value.ptr ? LOG_ITEM_FACT : LOG_ITEM_FACT_GONE,
                                          .topic = -1,
                                          .name = key,
                                          .text = value.ptr ? value : STR("")});
}

size_t log_commit_bytes(const log_commit_t *c)
{
    return log_entry_bytes(c->entry);
}

static void base_offsets(const log_entry_t *e, int64_t *ret_base)
{
    log_items_t items = log_entry_items(e);
    log_item_t item;
    while (log_items_next(&items, &item))
        if (item.kind == LOG_ITEM_BATCH)
            *ret_base++ = (int64_t)load_be64(item.batch.ptr);
}

static ST check_topics(const log_commit_t *c, err_t *err)
{
    if (!c->unknown_topic.ptr)
        return ST_OK;
    return err_set(err, ST_NOT_FOUND, "topic " STR_FMT " does not exist",
                   STR_ARG(c->unknown_topic));
}

ST log_commit(log_t *log, log_commit_t *c, int64_t *ret_base, err_t *err)
{
    ASSERT(c->log == log);
    st_t st = check_topics(c, err);
    if (st == ST_OK && c->entry->bytes.len > LOG_ENTRY_HEADER_BYTES) {
        log_entry_t *e = log_entry_ref(c->entry);
        st = log_submit(log, log_entry_ref(e), false, err);
        if (st == ST_OK && ret_base)
            base_offsets(e, ret_base);
        log_entry_unref(e);
    }
    log_commit_free(c);
    return st;
}

/* ---- applying; under the lock */

static ST apply_batch(log_t *log, log_entry_t *e, const log_item_t *item, bool *in_tail, err_t *err)
{
    log_topic_t *t = log_topic_by_number(log, item->topic);
    if (!t || item->partition < 0 || item->partition >= t->n_partitions)
        return ST_OK; /* replay: deleted later */
    log_partition_t *p = t->partition[item->partition];
    str_t in = item->batch;
    wire_batch_t b;
    TRY(wire_batch_next(&in, &b, err));
    if (b.base_offset < p->end) { /* replay: the segments have it */
        log_producer_apply(p, &b);
        return ST_OK;
    }
    if (b.base_offset > p->end)
        return err_set(err, ST_CORRUPT,
                       "topic " STR_FMT
                       " partition %d ends at %lld, but the journal goes on at %lld: restore "
                       "the data directory from a backup",
                       STR_ARG(t->name), p->index, (long long)p->end, (long long)b.base_offset);
    log_tail_note(p, e, item->batch, b.base_offset, b.last_offset, b.max_ts_ms);
    *in_tail = true;
    p->end = b.last_offset + 1;
    log_producer_apply(p, &b);
    if (p->next < p->end)
        p->next = p->end;
    if (!p->dirty) {
        p->dirty = true;
        p->next_dirty = log->dirty;
        log->dirty = p;
    }
    log_watch_signal(t);
    return ST_OK;
}

static ST apply_commit(log_t *log, log_entry_t *e, err_t *err)
{
    log_items_t items = log_entry_items(e);
    log_item_t item;
    bool in_tail = false;
    while (log_items_next(&items, &item)) {
        if (item.kind == LOG_ITEM_BATCH)
            TRY(apply_batch(log, e, &item, &in_tail, err));
        else if (item.kind != LOG_ITEM_OFFSET)
            log_fact_apply(log, item.name, item.kind == LOG_ITEM_FACT ? item.text : STR_NONE);
        else if (log_topic_by_number(log, item.topic))
            log_group_apply(log, &item);
    }
    if (log_items_left(&items))
        return err_set(
            err, ST_CORRUPT,
            "entry %lld of the journal is malformed: restore the data directory from a backup",
            (long long)e->seq);
    if (in_tail)
        log_tail_push(log, e);
    return ST_OK;
}

static ST apply_topic(log_t *log, str_t payload, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    log_topic_record_t r;
    st_t st = log_topic_decode(&payload, &a, &r, err);
    /* Replay: a number that was given but has no topic was deleted later. */
    if (st == ST_OK &&
        ((size_t)r.number >= log->by_number.len || log_topic_by_number(log, r.number)))
        log_topic_apply(log, &r);
    arena_done(&a);
    return st;
}

ST log_apply(log_t *log, log_entry_t *e, err_t *err)
{
    str_t payload = log_entry_payload(e);
    log_topic_t *t;
    switch (log_entry_kind(e)) {
    case LOG_ENTRY_COMMIT:
        return apply_commit(log, e, err);
    case LOG_ENTRY_TOPIC:
        return apply_topic(log, payload, err);
    case LOG_ENTRY_TOPIC_DELETE:
        t = payload.len == 4 ? log_topic_by_number(log, (int32_t)load_be32(payload.ptr)) : NULL;
        if (t)
            log_topic_apply_delete(log, t);
        return ST_OK;
    case LOG_ENTRY_GROUP_DELETE:
        log_group_apply_delete(log, payload);
        return ST_OK;
    case LOG_ENTRY_TRIM:
        t = payload.len == 16 ? log_topic_by_number(log, (int32_t)load_be32(payload.ptr)) : NULL;
        if (t)
            log_topic_apply_trim(t, (int32_t)load_be32(payload.ptr + 4),
                                 (int64_t)load_be64(payload.ptr + 8));
        return ST_OK;
    }
    return err_set(
        err, ST_UNSUPPORTED,
        "entry %lld of the journal is of a kind this version does not know: use the version that "
        "wrote it",
        (long long)e->seq);
}

/* ---- leading */

void log_pause(log_t *log)
{
    ASSERT(!log->paused);
    log->paused = true;
    while (log->leading)
        io_cond_wait(log->io, &log->turned, &log->lock, -1);
}

void log_unpause(log_t *log)
{
    log->paused = false;
    pthread_cond_broadcast(&log->turned);
}

static ST check_producer(log_t *log, log_waiter_t *w, const log_topic_t *t, const log_item_t *item)
{
    str_t in = item->batch;
    wire_batch_t b;
    TRY(wire_batch_next(&in, &b, w->err));
    return b.producer_id < 0
               ? ST_OK
               : log_producer_check(log, t->partition[item->partition], &b, &w->there, w->err);
}

/* Gives the batches their offsets, or fails without a trace. ST_PARTIAL: after this group. */
static ST assign_commit(log_t *log, log_waiter_t *w)
{
    log_entry_t *e = w->entry;
    err_t *err = w->err;
    log_item_t item;
    for (log_items_t items = log_entry_items(e); log_items_next(&items, &item);) {
        if (item.kind == LOG_ITEM_FACT || item.kind == LOG_ITEM_FACT_GONE)
            continue;
        log_topic_t *t = log_topic_by_number(log, item.topic);
        if (!t)
            return err_set(err, ST_NOT_FOUND, "a topic of this commit was deleted");
        if (item.partition < 0 || item.partition >= t->n_partitions)
            return err_set(err, ST_NOT_FOUND, "topic " STR_FMT " has no partition %d",
                           STR_ARG(t->name), item.partition);
        if (item.kind == LOG_ITEM_BATCH)
            TRY(check_producer(log, w, t, &item));
    }
    for (log_items_t items = log_entry_items(e); log_items_next(&items, &item);) {
        if (item.kind != LOG_ITEM_BATCH)
            continue;
        log_partition_t *p = log_topic_by_number(log, item.topic)->partition[item.partition];
        char *batch = (char *)(uintptr_t)item.batch.ptr; /* the entry's own still */
        wire_batch_place(batch, p->next, log->leader_epoch);
        p->next += (int64_t)load_be32(batch + 23) + 1; /* last offset delta */
    }
    return ST_OK;
}

static void unassign(log_t *log, log_entry_t *e)
{
    log_items_t items = log_entry_items(e);
    log_item_t item;
    while (log_entry_kind(e) == LOG_ENTRY_COMMIT && log_items_next(&items, &item))
        if (item.kind == LOG_ITEM_BATCH) {
            log_partition_t *p = log_topic_by_number(log, item.topic)->partition[item.partition];
            p->next = p->end;
        }
}

/* A change of topics is checked against the state of this moment: nothing else is in its group. */
static ST assign_change(log_t *log, const log_waiter_t *w, err_t *err)
{
    if (log_entry_kind(w->entry) != LOG_ENTRY_TOPIC)
        return ST_OK;
    char *payload = w->entry->bytes.ptr + LOG_ENTRY_HEADER_BYTES;
    if (!w->create)
        return ST_OK;
    str_t name = str_n(payload + 32, load_be32(payload + 28));
    if (log_topic_by_name(log, name))
        return err_set(err, ST_EXISTS, "topic " STR_FMT " already exists", STR_ARG(name));
    if (log->by_number.len >= LOG_TOPIC_NUMBERS_MAX)
        return err_set(err, ST_LIMIT, "%d topics were made here: move to a new data directory",
                       LOG_TOPIC_NUMBERS_MAX);
    uint32_t number = __builtin_bswap32((uint32_t)log->by_number.len);
    memcpy(payload, &number, 4);
    return ST_OK;
}

static ST assign(log_t *log, log_waiter_t *w)
{
    return log_entry_kind(w->entry) == LOG_ENTRY_COMMIT ? assign_commit(log, w)
                                                        : assign_change(log, w, w->err);
}

typedef struct group {
    VEC(log_waiter_t *) waiters;
    VEC(log_entry_t *) entries;
} group_t;

/* Takes commits off the queue up to a change of topics, or that alone, or up to one that cannot be:
 * that is done. */
static void take_group(log_t *log, group_t *g)
{
    log->group++;
    while (log->queue) {
        log_waiter_t *w = log->queue;
        bool change = log_entry_kind(w->entry) != LOG_ENTRY_COMMIT;
        if (change && g->entries.len)
            break;
        st_t st = assign(log, w);
        if (st == ST_PARTIAL)
            break;
        log->queue = w->next;
        if (!log->queue)
            log->queue_end = &log->queue;
        w->st = st;
        if (st != ST_OK) {
            w->done = true;
            break; /* its producers may count as further on than they are: a new group knows better
                    */
        }
        VEC_PUSH(&g->waiters, w);
        VEC_PUSH(&g->entries, w->entry);
        if (change)
            break;
    }
}

static void publish(log_t *log, group_t *g, st_t st, const err_t *err)
{
    for (size_t i = 0; i < g->waiters.len; i++) {
        log_waiter_t *w = g->waiters.ptr[i];
        w->st = st;
        w->done = true;
        if (st != ST_OK) {
            unassign(log, w->entry);
            if (w->err)
                *w->err = *err;
            continue;
        }
        err_t bad;
        if (log_apply(log, w->entry, &bad) != ST_OK)
            die("an entry that was just written cannot be applied: %s", bad.msg);
        log->stats.commits++;
        log->stats.appended_bytes += (int64_t)log_entry_bytes(w->entry);
    }
}

/* Under the lock, which is let go of meanwhile. */
static void lead(log_t *log)
{
    group_t g = {0};
    err_t err;
    bool sync = log->opt.durability == LOG_DURABILITY_SYNC;
    log->leading = true;
    take_group(log, &g);
    if (g.entries.len) {
        pthread_mutex_unlock(&log->lock);
        st_t st = log_journal_append(&log->journal, g.entries.ptr, g.entries.len, sync, &err);
        pthread_mutex_lock(&log->lock);
        log->clean = false;
        log->stats.syncs += sync;
        log->journal_pos = log->journal.pos;
        publish(log, &g, st, &err);
        log_tail_trim(log, log->opt.tail_bytes);
    }
    log->leading = false;
    pthread_cond_broadcast(&log->turned);
    VEC_DONE(&g.waiters);
    VEC_DONE(&g.entries);
}

/* Queues them and returns when all are done. */
static void submit_all(log_t *log, log_waiter_t *w, size_t n)
{
    pthread_mutex_lock(&log->lock);
    st_t st = log_upkeep_room(log, w->err);
    for (size_t i = 0; i < n; i++) {
        w[i].st = st;
        w[i].done = st != ST_OK || !w[i].entry;
        if (w[i].done)
            continue;
        *log->queue_end = &w[i];
        log->queue_end = &w[i].next;
    }
    for (size_t i = 0; i < n;) {
        if (w[i].done)
            i++;
        else if (!log->leading && !log->paused)
            lead(log);
        else
            io_cond_wait(log->io, &log->turned, &log->lock, -1);
    }
    pthread_mutex_unlock(&log->lock);
}

ST log_submit(log_t *log, log_entry_t *e, bool create, err_t *err)
{
    log_waiter_t w = {.entry = e, .create = create, .err = err};
    submit_all(log, &w, 1);
    log_entry_unref(e);
    return w.st;
}

static int64_t first_base_offset(const log_entry_t *e)
{
    log_items_t items = log_entry_items(e);
    log_item_t item;
    while (log_items_next(&items, &item))
        if (item.kind == LOG_ITEM_BATCH)
            return (int64_t)load_be64(item.batch.ptr);
    return -1;
}

void log_commit_all(log_t *log, log_commit_t *const *c, size_t n, log_outcome_t *ret)
{
    log_waiter_t *w = mem_zalloc((n + 1) * sizeof *w);
    for (size_t i = 0; i < n; i++)
        if (!c[i]->unknown_topic.ptr && c[i]->entry->bytes.len > LOG_ENTRY_HEADER_BYTES)
            w[i].entry = c[i]->entry;
    submit_all(log, w, n);
    for (size_t i = 0; i < n; i++) {
        ret[i] = (log_outcome_t){w[i].st, w[i].there};
        if (c[i]->unknown_topic.ptr)
            ret[i].st = ST_NOT_FOUND;
        else if (w[i].st == ST_OK)
            ret[i].base_offset = first_base_offset(c[i]->entry);
        log_commit_free(c[i]);
    }
    free(w);
}
