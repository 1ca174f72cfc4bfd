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
    size_t tail_bytes;          /* memory for the newest batches of all partitions together */
    bool no_thread; /* no upkeep thread: the owner calls log_local_upkeep (simulation) */
} log_local_options_t;

/* Kafka's defaults, LOG_DURABILITY_SYNC, a tail of 32 MiB. */
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

typedef struct log_local_stats {
    int64_t commits, syncs;            /* since open */
    int64_t appended_bytes;            /* since open */
    int64_t tail_bytes, journal_bytes; /* now */
    int64_t disk_bytes;                /* all segments */
    int64_t replayed_commits;          /* at open */
} log_local_stats_t;

log_local_stats_t log_local_stats(log_t *log);

#endif
