#include "log/local/entry.h"

#include "base/err.h"
#include "base/hash.h"

enum { AT_CRC = 4, AT_SEQ = 8, AT_SYNCED = 16, AT_KIND = 24 };
enum { BATCH_CRC = 17, BATCH_CRC_FROM = 21 }; /* wire/batch.h */

#define ENTRY_BYTES_MAX (INT32_MAX - 8)
#define OFFSET_BYTES    20 /* behind the group's name: offset, leader epoch, time */

log_entry_t *log_entry_new(log_entry_kind_t kind)
{
    log_entry_t *e = mem_zalloc(sizeof *e);
    e->refs = 1;
    memset(buf_reserve(&e->bytes, LOG_ENTRY_HEADER_BYTES), 0, LOG_ENTRY_HEADER_BYTES);
    e->bytes.len = LOG_ENTRY_HEADER_BYTES;
    e->bytes.ptr[AT_KIND] = (char)kind;
    return e;
}

log_entry_t *log_entry_copy(str_t bytes)
{
    log_entry_t *e = mem_zalloc(sizeof *e);
    e->refs = 1;
    buf_put_str(&e->bytes, bytes);
    e->seq = (int64_t)load_be64(bytes.ptr + AT_SEQ);
    return e;
}

log_entry_t *log_entry_ref(log_entry_t *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void log_entry_unref(log_entry_t *e)
{
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < e->splices.len; i++)
        shared_unref(e->splices.ptr[i].in);
    VEC_DONE(&e->splices);
    buf_done(&e->bytes);
    free(e);
}

log_entry_kind_t log_entry_kind(const log_entry_t *e)
{
    return (log_entry_kind_t)e->bytes.ptr[AT_KIND];
}

str_t log_entry_payload(const log_entry_t *e)
{
    return str_sub(buf_str(&e->bytes), LOG_ENTRY_HEADER_BYTES, SIZE_MAX);
}

size_t log_entry_bytes(const log_entry_t *e)
{
    return e->bytes.len + e->splices_bytes;
}

static void put_item(log_entry_t *e, log_item_kind_t kind, size_t name_len, int32_t topic,
                     int32_t partition, size_t len)
{
    ASSERT(name_len <= UINT16_MAX);
    ASSERT(log_entry_bytes(e) + len + LOG_ITEM_HEADER_BYTES < ENTRY_BYTES_MAX);
    buf_put_char(&e->bytes, (char)kind);
    buf_put_char(&e->bytes, 0);
    buf_put_be16(&e->bytes, (uint16_t)name_len);
    buf_put_be32(&e->bytes, (uint32_t)topic);
    buf_put_be32(&e->bytes, (uint32_t)partition);
    buf_put_be32(&e->bytes, (uint32_t)len);
}

/* Entries stay in memory for a while, so they grow by a half and not by twice; one batch alone fits
 * exactly. */
static void reserve(buf_t *b, size_t n)
{
    size_t need = b->len + n;
    if (need > b->cap) {
        b->cap = need > b->cap + b->cap / 2 ? need : b->cap + b->cap / 2;
        b->ptr = mem_realloc(b->ptr, b->cap);
    }
}

void log_entry_add_batch(log_entry_t *e, int32_t topic, int32_t partition, str_t batch,
                         shared_t *in)
{
    reserve(&e->bytes, LOG_ITEM_HEADER_BYTES + (in ? 0 : batch.len));
    put_item(e, LOG_ITEM_BATCH, 0, topic, partition, batch.len);
    if (in) {
        VEC_PUSH(&e->splices, (log_splice_t){e->bytes.len, batch, shared_ref(in)});
        e->splices_bytes += batch.len;
    } else {
        buf_put_str(&e->bytes, batch);
    }
}

void log_entry_add(log_entry_t *e, const log_item_t *item)
{
    bool offset = item->kind == LOG_ITEM_OFFSET;
    put_item(e, item->kind, item->name.len, item->topic, item->partition,
             item->name.len + (offset ? OFFSET_BYTES : 0) + item->text.len);
    buf_put_str(&e->bytes, item->name);
    if (offset) {
        buf_put_be64(&e->bytes, (uint64_t)item->offset);
        buf_put_be32(&e->bytes, (uint32_t)item->leader_epoch);
        buf_put_be64(&e->bytes, (uint64_t)item->commit_ms);
    }
    buf_put_str(&e->bytes, item->text);
}

log_items_t log_entry_items(const log_entry_t *e)
{
    return (log_items_t){.entry = e, .at = LOG_ENTRY_HEADER_BYTES};
}

bool log_items_left(const log_items_t *items)
{
    return items->at < items->entry->bytes.len;
}

/* What follows an item's header: among the bytes, or the next splice. */
static bool item_body(log_items_t *items, size_t len, str_t *ret)
{
    const log_entry_t *e = items->entry;
    size_t at = items->at + LOG_ITEM_HEADER_BYTES;
    if (items->splice < e->splices.len && e->splices.ptr[items->splice].at == at) {
        *ret = e->splices.ptr[items->splice++].batch;
        items->at = at;
        return true;
    }
    if (len > e->bytes.len - at)
        return false;
    *ret = str_n(e->bytes.ptr + at, len);
    items->at = at + len;
    return true;
}

bool log_items_next(log_items_t *items, log_item_t *ret)
{
    log_items_t next = *items;
    if (items->entry->bytes.len - items->at < LOG_ITEM_HEADER_BYTES)
        return false;
    const char *p = items->entry->bytes.ptr + items->at;
    size_t name_len = load_be16(p + 2), len = load_be32(p + 12);
    str_t body;
    if (!item_body(&next, len, &body))
        return false;
    *ret = (log_item_t){.kind = (log_item_kind_t)p[0],
                        .topic = (int32_t)load_be32(p + 4),
                        .partition = (int32_t)load_be32(p + 8)};
    switch (p[0]) {
    case LOG_ITEM_BATCH:
        ret->batch = body;
        break;
    case LOG_ITEM_OFFSET:
        if (len < name_len + OFFSET_BYTES)
            return false;
        ret->name = str_sub(body, 0, name_len);
        ret->offset = (int64_t)load_be64(body.ptr + name_len);
        ret->leader_epoch = (int32_t)load_be32(body.ptr + name_len + 8);
        ret->commit_ms = (int64_t)load_be64(body.ptr + name_len + 12);
        ret->text = str_sub(body, name_len + OFFSET_BYTES, SIZE_MAX);
        break;
    case LOG_ITEM_FACT:
    case LOG_ITEM_FACT_GONE:
        if (len < name_len)
            return false;
        ret->name = str_sub(body, 0, name_len);
        ret->text = str_sub(body, name_len, SIZE_MAX);
        break;
    default:
        return false;
    }
    *items = next;
    return true;
}

/* Of the first `len` bytes of an entry. */
static uint32_t crc_of(const char *p, size_t len, uint32_t crc)
{
    crc = hash_crc32c(crc, p, AT_CRC);
    return hash_crc32c(crc, p + LOG_ENTRY_SUMMED, len - LOG_ENTRY_SUMMED);
}

/* Most of a batch has a CRC of its own. */
static uint32_t crc_of_batch(str_t batch, uint32_t crc)
{
    crc = hash_crc32c(crc, batch.ptr, BATCH_CRC_FROM);
    return hash_crc32c_join(crc, load_be32(batch.ptr + BATCH_CRC),
                            batch.len - BATCH_CRC_FROM);
}

uint32_t log_entry_seal(log_entry_t *e, int64_t seq, int64_t synced_seq, uint32_t crc)
{
    char *p = e->bytes.ptr;
    e->seq = seq;
    store_be32(p, (uint32_t)log_entry_bytes(e));
    store_be64(p + AT_SEQ, (uint64_t)seq);
    store_be64(p + AT_SYNCED, (uint64_t)synced_seq);
    size_t at = e->splices.len ? e->splices.ptr[0].at : e->bytes.len;
    crc = crc_of(p, at, crc);
    for (size_t i = 0; i < e->splices.len; i++) {
        size_t end = i + 1 < e->splices.len ? e->splices.ptr[i + 1].at : e->bytes.len;
        crc = crc_of_batch(e->splices.ptr[i].batch, crc);
        crc = hash_crc32c(crc, p + at, end - at);
        at = end;
    }
    store_be32(p + AT_CRC, crc);
    return crc;
}

bool log_entry_head(str_t bytes, log_entry_head_t *ret)
{
    if (bytes.len < LOG_ENTRY_HEADER_BYTES)
        return false;
    *ret = (log_entry_head_t){.len = load_be32(bytes.ptr),
                              .crc = load_be32(bytes.ptr + AT_CRC),
                              .seq = (int64_t)load_be64(bytes.ptr + AT_SEQ),
                              .synced_seq = (int64_t)load_be64(bytes.ptr + AT_SYNCED)};
    return ret->len >= LOG_ENTRY_HEADER_BYTES;
}

bool log_entry_check(str_t bytes, const log_entry_head_t *head, uint32_t crc)
{
    return head->len <= bytes.len && crc_of(bytes.ptr, head->len, crc) == head->crc;
}
