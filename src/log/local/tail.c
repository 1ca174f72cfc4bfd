/* tail.c: the newest batches in memory. Entries form a list, oldest first; each partition has a
 * ring of views into them. */
#include "log/local/engine.h"

#define ENTRY_COST_BYTES 128 /* list and ring, about */

static size_t cost(const log_entry_t *e)
{
    size_t n = e->bytes.cap + ENTRY_COST_BYTES;
    for (size_t i = 0; i < e->splices.len; i++)
        n += e->splices.ptr[i].in->size_bytes;
    return n;
}

void log_tail_push(log_t *log, log_entry_t *e)
{
    e->next = NULL;
    if (log->tail_last)
        log->tail_last->next = e;
    else
        log->tail = e;
    log->tail_last = log_entry_ref(e);
    log->tail_bytes += cost(e);
}

log_recent_t *log_tail_at(const log_partition_t *p, uint32_t i)
{
    ASSERT(i < p->recent_len);
    return &p->recent[(p->recent_at + i) & (p->recent_cap - 1)];
}

static void grow(log_partition_t *p)
{
    uint32_t cap = p->recent_cap ? p->recent_cap * 2 : 8;
    log_recent_t *ring = mem_alloc(cap * sizeof *ring);
    for (uint32_t i = 0; i < p->recent_len; i++)
        ring[i] = *log_tail_at(p, i);
    free(p->recent);
    p->recent = ring;
    p->recent_cap = cap;
    p->recent_at = 0;
}

void log_tail_note(log_partition_t *p, log_entry_t *e, str_t batch, int64_t base_offset,
                   int64_t last_offset, int64_t max_ts_ms)
{
    if (p->recent_len == p->recent_cap)
        grow(p);
    p->recent_len++;
    *log_tail_at(p, p->recent_len - 1) =
        (log_recent_t){e, batch, base_offset, last_offset, max_ts_ms};
}

void log_tail_forget(log_partition_t *p)
{
    free(p->recent);
    p->recent = NULL;
    p->recent_len = p->recent_cap = p->recent_at = 0;
}

/* The entry's batches are the oldest of their partitions. */
static void drop(log_t *log, log_entry_t *e)
{
    log_items_t items = log_entry_items(e);
    log_item_t item;
    while (log_items_next(&items, &item)) {
        log_topic_t *t = log_topic_by_number(log, item.topic);
        if (item.kind != LOG_ITEM_BATCH || !t || item.partition < 0 ||
            item.partition >= t->n_partitions)
            continue;
        log_partition_t *p = t->partition[item.partition];
        if (p->recent_len == 0 || log_tail_at(p, 0)->entry != e)
            continue;
        ASSERT(log_tail_at(p, 0)->last_offset < p->flushed); /* L5 */
        p->recent_at = (p->recent_at + 1) & (p->recent_cap - 1);
        p->recent_len--;
    }
}

void log_tail_trim(log_t *log, size_t limit_bytes)
{
    while (log->tail && log->tail_bytes > limit_bytes && log->tail->seq < log->covered_seq) {
        log_entry_t *e = log->tail;
        log->tail = e->next;
        if (!log->tail)
            log->tail_last = NULL;
        log->tail_bytes -= cost(e);
        drop(log, e);
        log_entry_unref(e);
    }
}

uint32_t log_tail_find(const log_partition_t *p, int64_t offset)
{
    uint32_t lo = 0, hi = p->recent_len;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (log_tail_at(p, mid)->last_offset < offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
