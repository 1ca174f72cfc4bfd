/* log.h: the only hub. Topics of partitions of record batches, groups' committed offsets, and one
 * commit for all.
 *
 * One interface, two engines: log/local (segments in a data directory, in process) and log/kafka
 * (librdkafka). Everything above runs unchanged on both. A log_t is made by the engine
 * (log_local_open) and is used from any thread; every call says whether it may block. Batches are
 * Kafka's record batches, magic 2, exactly as they travel (wire/batch.h makes and reads them).
 */
#ifndef ARUS_LOG_LOG_H
#define ARUS_LOG_LOG_H

#include "base/arena.h"

typedef struct log log_t;
/* A handle on a topic. Shared: log_topic_ref/unref. Stays valid, but fails with ST_NOT_FOUND, when
 * the topic is deleted. */
typedef struct log_topic log_topic_t;

typedef struct log_uuid {
    uint8_t byte[16];
} log_uuid_t;

typedef struct log_config {
    str_t name, value; /* Kafka's topic configs: "cleanup.policy", "retention.ms", … */
} log_config_t;

#define LOG_TOPIC_NAME_MAX 249
#define LOG_PARTITIONS_MAX 10000

typedef struct log_topic_spec {
    str_t name; /* [a-zA-Z0-9._-]{1,249}, not "." or ".." */
    int32_t partitions;
    int32_t replicas; /* kept and shown; durability is the engine's */
    const log_config_t *config;
    size_t n_configs;
} log_topic_spec_t;

typedef struct log_topic_info {
    str_t name;
    log_uuid_t id;
    int32_t partitions, replicas;
    const log_config_t *config; /* those that were set, sorted by name */
    size_t n_configs;
} log_topic_info_t;

/* Of this log, made with it. */
log_uuid_t log_id(const log_t *log);

/* ST_EXISTS when the name is taken, ST_BAD_INPUT for a bad name or count, ST_BAD_CONFIG. Durable
 * when it returns. Blocks. */
ST log_topic_create(log_t *log, const log_topic_spec_t *spec, err_t *err);
/* ST_NOT_FOUND. The topic's records and the groups' offsets in it are gone. Blocks. */
ST log_topic_delete(log_t *log, str_t name, err_t *err);
/* Sets, or with a value.ptr of NULL removes, configs. Blocks. */
ST log_topic_alter(log_t *log, str_t name, const log_config_t *config, size_t n, err_t *err);
/* Adds partitions up to `partitions`. Blocks. */
ST log_topic_grow(log_t *log, str_t name, int32_t partitions, err_t *err);
/* A new reference to the topic; ST_NOT_FOUND. */
ST log_topic_open(log_t *log, str_t name, log_topic_t **ret, err_t *err);
ST log_topic_open_id(log_t *log, const log_uuid_t *id, log_topic_t **ret, err_t *err);
log_topic_t *log_topic_ref(log_topic_t *t);
void log_topic_unref(log_topic_t *t);
str_t log_topic_name(const log_topic_t *t);
int32_t log_topic_partitions(const log_topic_t *t);
log_uuid_t log_topic_id(const log_topic_t *t);
/* Text lives in the arena. Sorted by name. */
ST log_topic_describe(log_t *log, str_t name, arena_t *a, log_topic_info_t *ret, err_t *err);
ST log_topic_list(log_t *log, arena_t *a, log_topic_info_t **ret, size_t *ret_n, err_t *err);

typedef struct log_offsets {
    int64_t start;  /* the first offset that can be read */
    int64_t end;    /* the high watermark: the next offset, all before it are durable and visible */
    int64_t stable; /* the last stable offset: no open transaction begins before it; <= end */
} log_offsets_t;

ST log_topic_offsets(log_topic_t *t, int32_t partition, log_offsets_t *ret, err_t *err);
/* The first offset whose record's timestamp is >= ts_ms, or -1; its timestamp in *ret_ts_ms. May
 * read. */
ST log_topic_offset_at(log_topic_t *t, int32_t partition, int64_t ts_ms, int64_t *ret_offset,
                       int64_t *ret_ts_ms, err_t *err);

/* Whole record batches, one after the other, with their offsets set. Shared memory: valid until
 * log_chunk_unref. */
typedef struct log_chunk {
    str_t bytes;
    struct io_file *file; /* NULL, but for log_lend */
    int64_t file_pos;
    int64_t next_offset; /* where to read on; == the offset asked for when there was nothing */
    void *owner;
} log_chunk_t;

/* Batches from the one that holds `offset` on (its first records may lie before it), at most
 * max_bytes but always at least one batch where there is one. ST_RANGE when offset < start or >
 * end. Checks each batch's CRC when it comes from disk: ST_CORRUPT names file and position. May
 * read from disk. */
ST log_read(log_topic_t *t, int32_t partition, int64_t offset, size_t max_bytes, log_chunk_t *ret,
            err_t *err);
void log_chunk_unref(log_chunk_t *c);

/* A commit: batches for many partitions and groups' offsets, visible together or not at all. Build
 * it in one thread. */
typedef struct log_commit log_commit_t;

log_commit_t *log_commit_new(log_t *log);
void log_commit_free(log_commit_t *c);
/* Copies one record batch (wire/batch.h), its base offset is set when it is committed. The topic is
 * referenced. */
void log_commit_append(log_commit_t *c, log_topic_t *t, int32_t partition, str_t batch);
/* The group's next offset to read in a partition; -1: forget it. */
void log_commit_offset(log_commit_t *c, str_t group, str_t topic, int32_t partition,
                       int64_t offset);
size_t log_commit_bytes(const log_commit_t *c);
/* Takes c whatever happens. Returns when it is visible and as durable as acks.durability says.
 * ret_base, if not NULL, has room for each append's base offset, in order. A failed sync never
 * returns: the process dies. ST_NO_SPACE, ST_NOT_FOUND (a topic was deleted): nothing of it is
 * visible. Blocks. */
ST log_commit(log_t *log, log_commit_t *c, int64_t *ret_base, err_t *err);

/* -1 when the group has none there. */
ST log_committed(log_t *log, str_t group, str_t topic, int32_t partition, int64_t *ret, err_t *err);
/* Forgets all offsets of the group. Blocks. */
ST log_group_delete(log_t *log, str_t group, err_t *err);

/* A transaction's batch: whether its transaction was aborted, so that nobody shall read it. False
 * as long as it is open (see log_offsets_t). */
bool log_is_aborted(const log_topic_t *t, int32_t partition, int64_t producer_id,
                    int64_t base_offset);

/* Waiting for data: a watch counts as signalled once any of its partitions has an end beyond what
 * it had when log_watch_wait last returned. One thread waits at a time; log_watch_wake from
 * anywhere ends a wait. */
typedef struct log_watch log_watch_t;

log_watch_t *log_watch_new(log_t *log);
void log_watch_free(log_watch_t *w);
/* All partitions of the topic. */
void log_watch_add(log_watch_t *w, log_topic_t *t);
void log_watch_remove(log_watch_t *w, log_topic_t *t);
/* True when signalled, false after timeout_ms (-1: for ever). */
bool log_watch_wait(log_watch_t *w, int timeout_ms);
void log_watch_wake(log_watch_t *w);

/* Flushes and closes. No other call may be under way. */
void log_close(log_t *log);

#endif
