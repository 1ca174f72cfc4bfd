/* segment.h: a file of record batches of one partition, back to back as they travel, and its sparse
 * index.
 *
 * PATH.log holds the batches; PATH.index an entry for about every 32 KiB of them:
 *
 *  OFFSET SIZE MEANING (big-endian)
 *       0    8 base offset of the batch at that position
 *       8    8 the largest timestamp of all batches before it
 *      16    4 position in PATH.log
 *      20    4 CRC-32C of bytes 0-19
 *
 * Index and sizes are only as good as the checkpoint says: bytes behind `size` and entries behind
 * `n_index` do not count. An index that is missing or bad is made anew from the batches. Files are
 * opened when they are needed.
 *
 * size, max_ts_ms and n_index are under the log's lock; the rest of writing is upkeep's; files and
 * the index in memory are under the segment's own lock, which is taken last.
 */
#ifndef ARUS_LOG_LOCAL_SEGMENT_H
#define ARUS_LOG_LOCAL_SEGMENT_H

#include "io/io.h"

#include <stdatomic.h>

#define LOG_INDEX_INTERVAL_BYTES (32 << 10)
#define LOG_SEGMENT_BYTES_MAX    INT32_MAX

typedef struct log_index_entry {
    int64_t offset, max_ts_ms;
    uint32_t pos;
} log_index_entry_t;

typedef struct log_segment {
    atomic_int refs;
    io_t *io;
    str_t path; /* without ".log"; owned */
    int64_t base;
    uint32_t generation; /* how often its batches were cleaned; then there may be holes in it */
    int64_t created_ms;  /* wall clock */
    int64_t size, max_ts_ms;
    uint32_t n_index;
    /* upkeep's: what is written but does not count yet */
    int64_t written_size, written_max_ts_ms, indexed_pos;
    io_file_t *out, *index_out;
    /* under lock */
    pthread_mutex_t lock;
    int readers;
    io_file_t *file;
    VEC(log_index_entry_t) index;
    bool index_loaded;
    int64_t checked_from, checked_to; /* this process has seen that these batches are good */
} log_segment_t;

/* One batch to be stored. */
typedef struct log_stored {
    str_t bytes;
    int64_t base_offset, max_ts_ms;
} log_stored_t;

/* DIR/PARTITION-BASE, and -GENERATION behind it from 1 on. */
void log_segment_path(buf_t *b, str_t dir, int32_t partition, int64_t base, uint32_t generation);
log_segment_t *log_segment_new(io_t *io, str_t path, int64_t base, int64_t created_ms,
                               uint32_t generation);
log_segment_t *log_segment_ref(log_segment_t *s);
void log_segment_unref(log_segment_t *s);

/* thread: upkeep. Writes batches behind what is there; they count from log_segment_publish on.
 * ST_CORRUPT when the file is shorter than it should be: nothing may be put behind the hole. */
ST log_segment_append(log_segment_t *s, const log_stored_t *batches, size_t n, err_t *err);
/* thread: upkeep, with the log's lock. */
void log_segment_publish(log_segment_t *s);
/* thread: upkeep. What was appended and not published is forgotten. */
void log_segment_take_back(log_segment_t *s);
/* thread: upkeep. */
ST log_segment_sync(log_segment_t *s, err_t *err);
/* Before the sync of many: see io_file_set_out. */
void log_segment_set_out(log_segment_t *s);
/* thread: upkeep. Closes files that nobody reads just now. */
void log_segment_rest(log_segment_t *s);
/* thread: upkeep. Removes the files; missing ones are none of its business. */
void log_segment_remove(log_segment_t *s);

/* Reads whole batches from the one that holds `offset` on into out (appended), at most max_bytes
 * but at least one. `size` is the segment's, read under the log's lock. Sets where to read on.
 * ST_CORRUPT names file and position. */
ST log_segment_read(log_segment_t *s, int64_t size, int64_t offset, size_t max_bytes, buf_t *out,
                    int64_t *ret_next, err_t *err);
/* Batches that need not be read: where they lie. */
typedef struct log_extent {
    io_file_t *file;
    int64_t pos;
    size_t len;
    int64_t next_offset;
} log_extent_t;

/* The same without reading: at most max_bytes, none from the offset `until` on, only what was
 * checked before. `end` is the offset behind the segment's last. False: log_segment_read does it.
 * Otherwise the file stays open until log_segment_leave. */
bool log_segment_enter(log_segment_t *s, int64_t size, int64_t end, int64_t offset, int64_t until,
                       size_t max_bytes, log_extent_t *ret);
void log_segment_leave(log_segment_t *s);
/* An offset from which on to look for timestamps >= ts_ms. */
ST log_segment_seek_ts(log_segment_t *s, int64_t size, int64_t ts_ms, int64_t *ret_offset,
                       err_t *err);

#endif
