/* local.h: the embedded engine of log/log.h: a journal, segments, a checkpoint in one data
 * directory.
 *
 * A commit is one entry of the journal; it is visible once the journal is synced (or, with
 * LOG_DURABILITY_MEMORY, once it is handed to the operating system). Segments are written behind,
 * synced, and then noted in the checkpoint, which frees the journal. docs/log-format.md has the
 * bytes, README.md the way through the code.
 */
#ifndef ARUS_LOG_LOCAL_LOCAL_H
#define ARUS_LOG_LOCAL_LOCAL_H

#include "base/shared.h"
#include "io/io.h"
#include "log/log.h"

typedef enum log_durability {
    LOG_DURABILITY_SYNC,  /* a commit is on the disk when it returns: survives a power cut */
    LOG_DURABILITY_MEMORY /* it is in the system's page cache: survives the process, not a power cut
                           */
} log_durability_t;

typedef struct log_local_options {
    str_t dir; /* made when it is missing (its parent must exist) */
    log_durability_t durability;
    int64_t segment_bytes;      /* default of segment.bytes */
    int64_t retention_ms;       /* default of retention.ms; -1: for ever */
    int64_t retention_bytes;    /* default of retention.bytes, a partition; -1: no limit */
    int64_t retention_check_ms; /* how often retention is looked at */
    int64_t producer_ms;        /* how long an idle producer id is remembered */
    int64_t clean_backoff_ms;   /* how often the cleaner looks for what to compact; 0: never */
    size_t tail_bytes;          /* memory for the newest batches of all partitions together */
    int64_t idle_ms; /* after so long without a commit it is given back; 0: never */
    bool no_thread;  /* none at all: the owner calls log_local_upkeep and _clean (simulation) */
} log_local_options_t;

/* Kafka's defaults, LOG_DURABILITY_SYNC, a tail of 32 MiB, idle after 10 s. */
void log_local_options_init(log_local_options_t *opt);
/* "sync", "memory"; false for any other text. */
bool log_durability_parse(str_t text, log_durability_t *ret);

/* Opens or makes the log in opt->dir and replays what the last process left. ST_BUSY: another
 * process has it; ST_DENIED, ST_NO_SPACE, ST_IO; ST_CORRUPT names the file and place;
 * ST_UNSUPPORTED: made by a newer version. */
ST log_local_open(io_t *io, const log_local_options_t *opt, log_t **ret, err_t *err);

/* Writes behind, cuts the journal when it is time (or at once, with `now`), applies retention. What
 * the upkeep thread does; may be called too. ST_NO_SPACE, ST_IO: nothing is lost, it is tried
 * again. Blocks. */
ST log_local_upkeep(log_t *log, bool now, err_t *err);

/* ---- for the broker: what Kafka's clients see besides topics and records */

/* How one of several commits ended. */
typedef struct log_outcome {
    st_t st;             /* as of log_commit; ST_DUPLICATE, …: see below */
    int64_t base_offset; /* of the commit's first batch; with ST_DUPLICATE where it lies already */
} log_outcome_t;

/* n commits with one write and one sync; each is visible or not, whatever becomes of the others.
 * Takes them all. Blocks.
 *
 * A batch with a producer id must go on where the producer's last one ended (Kafka's idempotent
 * producer: the last five are known for producer_ms):
 *   ST_DUPLICATE  it is there already, at ret->base_offset
 *   ST_SEQUENCE   its base sequence is not the next
 *   ST_FENCED     its epoch is older than the producer's
 *   ST_TXN_STATE  it is of no transaction while the producer has one open here
 * A batch with WIRE_TRANSACTIONAL opens the producer's transaction in its partition; one with
 * WIRE_CONTROL, too, (a marker: wire/batch.h) ends it. */
void log_commit_all(log_t *log, log_commit_t *const *c, size_t n, log_outcome_t *ret);

/* As log_commit_append without a copy: the batch is a large part of `in`, which is referenced, and
 * its CRC was checked. The log sets its base offset and leader epoch there; nobody else writes to
 * it any more. */
void log_commit_append_in(log_commit_t *c, log_topic_t *t, int32_t partition, str_t batch,
                          shared_t *in);

/* As log_read, for who sends it on and looks at none of it: where whole batches lie in a file and
 * this process has checked them once, they stay there. Then bytes.ptr is NULL, and bytes.len bytes
 * lie in ret->file from ret->file_pos on, all before the offset `until`. Else as log_read, when
 * it may read, which gives what lies behind `until` too; or nothing. */
ST log_lend(log_topic_t *t, int32_t partition, int64_t offset, int64_t until, size_t max_bytes,
            bool may_read, log_chunk_t *ret, err_t *err);

/* A group's offset with what Kafka's clients keep beside it. */
typedef struct log_group_offset {
    str_t group, topic;
    int32_t partition, leader_epoch; /* -1: none */
    int64_t offset;
    int64_t commit_ms; /* -1: of log_commit_offset; the program's own, which never expires */
    str_t metadata;    /* at most 32 KiB */
} log_group_offset_t;

void log_commit_group_offset(log_commit_t *c, const log_group_offset_t *o);
/* All of the group's offsets, in the arena; sorted by topic and partition. */
void log_group_offsets(log_t *log, str_t group, arena_t *a, log_group_offset_t **ret,
                       size_t *ret_n);
/* Names of all groups that have offsets, sorted, in the arena. */
void log_groups(log_t *log, arena_t *a, str_t **ret, size_t *ret_n);

/* A small durable map from text to bytes, for what is about the log and in no topic: users, access
 * lists, quotas, transactions' states. A part of commits: it changes with their records or not at
 * all. Key to 32 KiB, value to 1 MiB; a value.ptr of NULL removes. */
void log_commit_fact(log_commit_t *c, str_t key, str_t value);
/* In the arena; ST_NOT_FOUND. */
ST log_fact(log_t *log, str_t key, arena_t *a, str_t *ret, err_t *err);

typedef struct log_fact {
    str_t key, value;
} log_fact_t;

/* Those whose key begins so, sorted, in the arena. */
void log_facts(log_t *log, str_t prefix, arena_t *a, log_fact_t **ret, size_t *ret_n);

/* Deletes a partition's records before `offset` (-1: all). ST_RANGE: it is behind the end. Blocks.
 */
ST log_topic_trim(log_topic_t *t, int32_t partition, int64_t offset, int64_t *ret_start,
                  err_t *err);
/* Bytes of the partition's segments. */
int64_t log_topic_bytes(log_topic_t *t, int32_t partition);
/* 1 more after each start that was not preceded by a close. */
int32_t log_leader_epoch(log_t *log);

/* A transaction that was aborted: the producer's batches from first on, up to its marker. */
typedef struct log_aborted {
    int64_t producer_id, first, last;
} log_aborted_t;

/* Those that a reader of [from, to) meets, sorted by their first offset, in the arena. */
void log_topic_aborted(log_topic_t *t, int32_t partition, int64_t from, int64_t to, arena_t *a,
                       log_aborted_t **ret, size_t *ret_n);

/* A producer that wrote to the partition within the last producer_ms. */
typedef struct log_producer_info {
    int64_t id;
    int16_t epoch;
    int32_t last_sequence; /* -1: none */
    int64_t last_ms;
    int64_t txn_start; /* -1: it has no transaction open here */
} log_producer_info_t;

void log_topic_producers(log_topic_t *t, int32_t partition, arena_t *a, log_producer_info_t **ret,
                         size_t *ret_n);

/* Instead of waiting for a watch: fn is called whenever it becomes signalled, from any thread, with
 * the log's lock held: it may wake a loop and no more. log_watch_seen takes the signal back. */
void log_watch_call(log_watch_t *w, void (*fn)(void *env), void *env);
void log_watch_seen(log_watch_t *w);

/* Compacts the partitions whose cleanup.policy says so where it is worth it (with `now`: where
 * there is anything to compact). What the cleaner thread does; may be called too. A partition that
 * cannot be, stays as it is and is named in the trace; the first error is returned. Blocks. */
ST log_local_clean(log_t *log, bool now, err_t *err);

typedef struct log_local_stats {
    int64_t commits, syncs;            /* since open */
    int64_t appended_bytes;            /* since open */
    int64_t tail_bytes, journal_bytes; /* now */
    int64_t disk_bytes;                /* all segments */
    int64_t replayed_commits;          /* at open */
} log_local_stats_t;

log_local_stats_t log_local_stats(log_t *log);

#endif
