/* entry.h: one entry of the journal, in memory as on disk: a commit, or a change of topics.
 *
 *  OFFSET SIZE MEANING (big-endian)
 *       0    4 length of the whole entry without padding
 *       4    4 CRC-32C of bytes 0-3 and 8 to the end, going on from the CRC of the entry before
 *       8    8 sequence: 1 more than the entry before
 *      16    8 the last sequence that was synced when this was written (0: durability is memory)
 *      24    1 kind (log_entry_kind_t)
 *      25    3 zero
 *      28    – payload
 *  The next entry starts at the next multiple of 8.
 *
 *  A commit's payload is items:
 *       0    1 1 a record batch, 2 a group's offset, 3 a fact, 4 a fact is gone
 *       1    1 zero
 *       2    2 length of the group's name (offset), of the key (fact)
 *       4    4 topic number; -1 (fact)
 *       8    4 partition
 *      12    4 length of what follows
 *      16    – the batch; the group's name, 8 bytes of offset (-1: forgotten), 4 of leader epoch, 8
 *              of the time it was committed, metadata; the fact's key and value
 *  The other kinds' payloads are a topic's record (log/local/engine.h; created, altered, grown),
 *  4 bytes of topic number (deleted), a group's name (group deleted), 4 bytes of topic number, 4 of
 *  partition, 8 of the first offset (trimmed).
 *
 * A log_entry_t is shared: the commit that builds it, the journal that writes it, the tail that
 * serves reads from it, and readers' chunks all hold references. Once it is in the journal its
 * bytes do not change. In memory a large batch may stay in the bytes that it came in: a splice.
 */
#ifndef ARUS_LOG_LOCAL_ENTRY_H
#define ARUS_LOG_LOCAL_ENTRY_H

#include "base/buf.h"
#include "base/shared.h"
#include "base/vec.h"

#define LOG_ENTRY_HEADER_BYTES 28
#define LOG_ENTRY_SUMMED       8 /* from here on the CRC is of all bytes */
#define LOG_ITEM_HEADER_BYTES  16

typedef enum log_entry_kind {
    LOG_ENTRY_COMMIT = 1,
    LOG_ENTRY_TOPIC = 2, /* created, altered or grown: the topic as it is now */
    LOG_ENTRY_TOPIC_DELETE = 3,
    LOG_ENTRY_GROUP_DELETE = 4,
    LOG_ENTRY_TRIM = 5
} log_entry_kind_t;

typedef enum log_item_kind {
    LOG_ITEM_BATCH = 1,
    LOG_ITEM_OFFSET = 2,
    LOG_ITEM_FACT = 3,
    LOG_ITEM_FACT_GONE = 4
} log_item_kind_t;

/* A batch that is not among the entry's bytes. */
typedef struct log_splice {
    size_t at; /* how many of the bytes come before it */
    str_t batch;
    shared_t *in; /* referenced */
} log_splice_t;

typedef struct log_entry log_entry_t;
struct log_entry {
    atomic_int refs;
    int64_t seq;
    buf_t bytes;
    VEC(log_splice_t) splices;
    size_t splices_bytes;
    log_entry_t *next; /* the tail's list, oldest first */
};

typedef struct log_item {
    log_item_kind_t kind;
    int32_t topic, partition;
    str_t batch; /* batch */
    str_t name;  /* offset: the group; fact: the key */
    int64_t offset, commit_ms;
    int32_t leader_epoch;
    str_t text; /* offset: metadata; fact: the value */
} log_item_t;

log_entry_t *log_entry_new(log_entry_kind_t kind);
/* An entry with these bytes, which log_entry_check has found good. */
log_entry_t *log_entry_copy(str_t bytes);
log_entry_t *log_entry_ref(log_entry_t *e);
void log_entry_unref(log_entry_t *e);

log_entry_kind_t log_entry_kind(const log_entry_t *e);
/* Of a kind that has no items. */
str_t log_entry_payload(const log_entry_t *e);
/* In the journal. */
size_t log_entry_bytes(const log_entry_t *e);

/* `in` is NULL: the batch is copied. Else it lies there and stays, and its CRC must be good: the
 * entry's is made of it. */
void log_entry_add_batch(log_entry_t *e, int32_t topic, int32_t partition, str_t batch,
                         shared_t *in);
/* An offset, a fact: all that the item has. */
void log_entry_add(log_entry_t *e, const log_item_t *item);

/* A walk over a commit's items. */
typedef struct log_items {
    const log_entry_t *entry;
    size_t at, splice;
} log_items_t;

log_items_t log_entry_items(const log_entry_t *e);
/* False at the end, or where they are malformed: then log_items_left says so. */
bool log_items_next(log_items_t *items, log_item_t *ret);
bool log_items_left(const log_items_t *items);

/* Fills in the header. Returns the entry's CRC, the next one's `crc`. */
uint32_t log_entry_seal(log_entry_t *e, int64_t seq, int64_t synced_seq, uint32_t crc);

/* Bytes the entry takes in the journal. */
static inline size_t log_entry_room(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

/* What is known of an entry on disk before its CRC was checked. */
typedef struct log_entry_head {
    uint32_t len, crc;
    int64_t seq, synced_seq;
} log_entry_head_t;

/* False when there is no room for a header, or it cannot be one. */
bool log_entry_head(str_t bytes, log_entry_head_t *ret);
/* True when the whole entry is in bytes and its CRC, going on from `crc`, fits. */
bool log_entry_check(str_t bytes, const log_entry_head_t *head, uint32_t crc);

#endif
