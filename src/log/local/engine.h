/* engine.h: the local log's state in memory, and what its files do with it. Internal to log/local.
 *
 * Invariants, cited in the code as L1…:
 * L1 What readers see is what the journal has: an entry is applied to the state only once it is in
 *    the journal (and synced, with LOG_DURABILITY_SYNC), entry by entry in sequence, under the
 *    lock, a group of them at once.
 * L2 state = checkpoint + the journal from the checkpoint's sequence on. Applying an entry again
 *    changes nothing, so the checkpoint's state may be newer than its sequence.
 * L3 Segments never count for more than the checkpoint (or, in this process, the journal) says.
 * L4 start <= end <= next and flushed <= end in each partition. Batches in [flushed, end) are in
 *    the tail; their offsets follow one another without gaps.
 * L5 A journal file is used again only when a checkpoint covers it; batches leave the tail only
 *    when they are in segments.
 * L6 Locks are taken in this order: meta, upkeep, lock, a segment's lock. No call on the disk is
 *    made under `lock`; the thread that leads a group (commit.c) lets go of it to write.
 */
#ifndef ARUS_LOG_LOCAL_ENGINE_H
#define ARUS_LOG_LOCAL_ENGINE_H

#include "base/map.h"
#include "log/local/journal.h"
#include "log/local/local.h"
#include "log/local/segment.h"
#include "wire/batch.h"

#define LOG_TOPIC_NUMBERS_MAX (1 << 20) /* topics made in the life of a data directory */

/* A batch in memory: a view into an entry of the log's tail list. */
typedef struct log_recent {
    log_entry_t *entry;
    str_t batch;
    int64_t base_offset, last_offset, max_ts_ms;
} log_recent_t;

typedef VEC(log_segment_t *) log_segments_t;

#define LOG_PRODUCER_BATCHES 5 /* as many as a client may have under way */

typedef struct log_sent {
    int32_t first, last; /* sequences */
    int64_t offset;      /* of the first */
} log_sent_t;

typedef struct log_partition log_partition_t;

/* A producer with an id, in one partition. */
typedef struct log_producer {
    log_partition_t *partition;
    int64_t id;
    int16_t epoch; /* -1: nothing of it was applied */
    uint8_t sent_at, n_sent;
    log_sent_t sent[LOG_PRODUCER_BATCHES]; /* ring, oldest first */
    int64_t txn_first;                     /* -1: no open transaction */
    int64_t seen_ms;                       /* wall clock */
    /* Behind the batches of the commits' group `group`, which is under way when it is the log's. */
    uint64_t group;
    int16_t group_epoch;
    int32_t group_last;
    bool group_txn;
} log_producer_t;

struct log_partition {
    log_topic_t *topic;
    int32_t index;
    int64_t start;        /* the first offset */
    int64_t flushed;      /* segments hold everything before it */
    int64_t end;          /* high watermark */
    int64_t next;         /* behind what the group under way appends; == end without one */
    log_recent_t *recent; /* ring of 2^n, oldest first */
    uint32_t recent_at, recent_len, recent_cap;
    log_segments_t segments;         /* by base; changed under the upkeep's lock and the log's */
    int64_t clean_end;               /* compacted up to here */
    bool roll;                       /* upkeep's: the next batch begins a segment */
    map_t producers;                 /* 8 bytes of id → log_producer_t */
    int64_t producers_end;           /* they are as of this offset */
    VEC(log_producer_t *) open_txns; /* by txn_first */
    VEC(log_aborted_t) aborted;      /* by last */
    bool dirty;                      /* in the log's dirty list */
    log_partition_t *next_dirty;
};

/* What the configs say, or the log's defaults. */
typedef struct log_policy {
    int64_t segment_bytes, segment_ms, retention_ms, retention_bytes;
    bool deletes, compacts; /* cleanup.policy */
    int64_t delete_retention_ms, min_lag_ms, max_lag_ms;
    double dirty_ratio; /* min.cleanable.dirty.ratio */
} log_policy_t;

struct log_topic {
    atomic_int refs;
    log_t *log;
    int32_t number;
    log_uuid_t id;
    str_t name, dir; /* owned */
    int32_t replicas;
    log_config_t *config; /* sorted by name; owned */
    size_t n_configs;
    log_policy_t policy;
    log_partition_t **partition;
    int32_t n_partitions;
    VEC(log_watch_t *) watches;
    bool deleted;
    bool has_dir; /* upkeep's */
};

typedef struct log_group_at {
    int32_t topic, partition, leader_epoch;
    int64_t offset, commit_ms;
    size_t metadata_len;
    char metadata[];
} log_group_at_t;

typedef struct log_group {
    str_t name;    /* owned */
    map_t offsets; /* 8 bytes of topic and partition → log_group_at_t */
} log_group_t;

typedef struct log_waiter log_waiter_t;

struct log {
    io_t *io;
    log_local_options_t opt;
    str_t dir; /* owned */
    io_file_t *lock_file;
    pthread_mutex_t meta;   /* one change of topics at a time */
    pthread_mutex_t upkeep; /* segments' lists and files, checkpoint */
    pthread_mutex_t lock;   /* all below */
    pthread_cond_t turned;  /* a group is done, the pause is over, room was made */
    pthread_cond_t wanted;  /* upkeep thread: there is work */
    /* topics and groups */
    map_t topics;
    VEC(log_topic_t *) by_number; /* NULL: deleted */
    map_t groups;
    map_t facts;
    log_uuid_t id;
    int32_t leader_epoch;
    /* commits: the queue, and the thread that leads */
    log_waiter_t *queue, **queue_end;
    bool leading, paused;
    uint64_t group;        /* counts the groups of commits */
    log_journal_t journal; /* the leader's, or of whoever has paused leading */
    int64_t journal_pos;   /* the active file's end, for everyone */
    int64_t journal_limit_bytes;
    /* the tail: entries with batches in memory, oldest first */
    log_entry_t *tail, *tail_last;
    size_t tail_bytes;
    int64_t covered_seq; /* entries before it are covered by the checkpoint */
    log_partition_t *dirty;
    /* upkeep */
    pthread_t thread;
    pthread_t cleaner;
    pthread_cond_t cleaner_wanted; /* it is to stop */
    bool has_cleaner;
    bool has_thread, stopping, wants_upkeep, clean;
    bool settling;   /* what was replayed is not in segments yet: reads are served, commits wait */
    int64_t upkeeps; /* rounds done */
    int64_t commits_seen; /* upkeep thread's: at its last look */
    err_t upkeep_err;     /* of the last round; code ST_OK when it went well */
    int64_t retain_at_ns;
    log_segments_t doomed; /* upkeep's: out of the state, to be removed after the next checkpoint */
    log_local_stats_t stats;
};

/* ---- topic.c */
/* A topic as the journal and the checkpoint have it: 4 number, 16 id, 4 partitions, 4 replicas,
 * text name, 4 configs, {text name, text value}; a text is 4 bytes of length and its bytes. */
typedef struct log_topic_record {
    int32_t number;
    log_uuid_t id;
    int32_t partitions, replicas;
    str_t name;
    const log_config_t *config;
    size_t n_configs;
} log_topic_record_t;

void log_topic_encode(buf_t *b, const log_topic_record_t *r);
/* Views into *in, configs in the arena. */
ST log_topic_decode(str_t *in, arena_t *a, log_topic_record_t *ret, err_t *err);
/* Under the lock: the topic comes to be, or becomes what the record says. */
log_topic_t *log_topic_apply(log_t *log, const log_topic_record_t *r);
/* Under the lock. */
void log_topic_apply_delete(log_t *log, log_topic_t *t);
/* Under the lock: the partition begins at offset. */
void log_topic_apply_trim(log_topic_t *t, int32_t partition, int64_t offset);
log_topic_t *log_topic_by_number(const log_t *log, int32_t number);
log_topic_t *log_topic_by_name(const log_t *log, str_t name);
/* index must be one. */
log_partition_t *log_topic_partition(const log_topic_t *t, int32_t index);
ST log_partition_of(const log_topic_t *t, int32_t index, log_partition_t **ret, err_t *err);

/* ---- group.c; under the lock */
void log_group_apply(log_t *log, const log_item_t *offset);
void log_group_apply_delete(log_t *log, str_t group);
void log_group_forget_topic(log_t *log, int32_t topic);
void log_groups_done(log_t *log);

/* ---- fact.c; under the lock */
/* value.ptr NULL: removed. */
void log_fact_apply(log_t *log, str_t key, str_t value);
void log_facts_encode(buf_t *b, const log_t *log);

/* ---- producer.c; under the lock */
log_producer_t *log_producer_make(log_partition_t *p, int64_t id);
/* Whether the batch may follow what there is and what the group under way has; if so, it counts as
 * part of the group. ST_DUPLICATE with where it lies, ST_SEQUENCE, ST_FENCED, ST_TXN_STATE;
 * ST_PARTIAL: only after this group. */
ST log_producer_check(log_t *log, log_partition_t *p, const wire_batch_t *b, int64_t *ret_there,
                      err_t *err);
void log_producer_apply(log_partition_t *p, const wire_batch_t *b);
/* After replay. */
void log_producers_recall(log_partition_t *p);
void log_producers_expire(log_partition_t *p, int64_t now_ms);
void log_producers_done(log_partition_t *p);
void log_producers_encode(buf_t *b, const log_partition_t *p);
bool log_producers_decode(str_t *in, log_partition_t *p);
/* What lies before end is compacted: nothing of an aborted transaction is left there. */
void log_producers_cleaned(log_partition_t *p, int64_t end);
int64_t log_partition_stable(const log_partition_t *p);

/* ---- clean.c */
void log_cleaner_start(log_t *log);
void log_cleaner_stop(log_t *log);

/* ---- tail.c; under the lock */
void log_tail_push(log_t *log, log_entry_t *e);
void log_tail_note(log_partition_t *p, log_entry_t *e, str_t batch, int64_t base_offset,
                   int64_t last_offset, int64_t max_ts_ms);
/* Lets go of what is covered, oldest first, until the tail is within limit_bytes. */
void log_tail_trim(log_t *log, size_t limit_bytes);
void log_tail_forget(log_partition_t *p);
/* The first recent batch whose last offset is >= offset; recent_len when there is none. */
uint32_t log_tail_find(const log_partition_t *p, int64_t offset);
log_recent_t *log_tail_at(const log_partition_t *p, uint32_t i);

/* ---- commit.c */
/* Puts the entry (taken) into the journal and applies it. `create`: its topic must not exist yet.
 */
ST log_submit(log_t *log, log_entry_t *e, bool create, err_t *err);
/* Under the lock: what the entry says becomes state. L1, L2. Used by replay too, hence the status.
 */
ST log_apply(log_t *log, log_entry_t *e, err_t *err);
/* Under the lock: waits until nobody leads, and lets nobody lead until log_unpause. */
void log_pause(log_t *log);
void log_unpause(log_t *log);

/* ---- watch.c; under the lock */
void log_watch_signal(log_topic_t *t);

/* ---- upkeep.c */
void log_upkeep_start(log_t *log);
void log_upkeep_stop(log_t *log);
/* Before a commit: waits until there is room in journal and tail. */
ST log_upkeep_room(log_t *log, err_t *err);
/* `closing`: nothing comes after it. */
ST log_upkeep_round(log_t *log, bool now, bool closing, err_t *err);

/* ---- checkpoint.c */
/* Under the lock: the state, for log_checkpoint_write. */
void log_checkpoint_encode(log_t *log, int64_t seq, bool clean, buf_t *ret);
ST log_checkpoint_write(log_t *log, const buf_t *b, err_t *err);
/* Fills the new log's state. *ret_seq: where replay begins; 1 without a checkpoint. */
ST log_checkpoint_read(log_t *log, int64_t *ret_seq, bool *ret_clean, err_t *err);

#endif
