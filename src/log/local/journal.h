/* journal.h: the two files that take each commit before anything else does.
 *
 * One of the files is active and takes entries (log/local/entry.h), the other is free or still
 * holds entries that the checkpoint does not cover. log_journal_switch makes the free one active;
 * log_journal_release, after a checkpoint, frees the other. Space is written with zeros before it
 * is used, and files are used again: overwriting syncs in half the time.
 *
 *  OFFSET SIZE MEANING of the file's head
 *       0    8 "arusjnl1"
 *       8    8 sequence of the first entry
 *      16    4 the CRC from which the first entry goes on; random, so that entries of an earlier
 *              use do not fit
 *      20    4 CRC-32C of bytes 0-19
 *      24    – zero
 *     512    – entries; they end at the first that does not fit
 *
 * thread: one at a time; who may is commit.c's business.
 */
#ifndef ARUS_LOG_LOCAL_JOURNAL_H
#define ARUS_LOG_LOCAL_JOURNAL_H

#include "io/io.h"
#include "log/local/entry.h"

#define LOG_JOURNAL_HEAD_BYTES 512

typedef struct log_journal {
    io_t *io;
    io_file_t *file[2];
    int64_t written[2]; /* how far each file has been written */
    int active;
    bool other_free;
    bool started;      /* the active file's head is written */
    int64_t first_seq; /* of the active file */
    int64_t next_seq, synced_seq;
    int64_t pos; /* where the next entry goes */
    uint32_t crc;
    int64_t limit_bytes; /* how far to write zeros ahead */
} log_journal_t;

/* Opens or makes "journal-0" and "journal-1" in dir. */
ST log_journal_open(log_journal_t *j, io_t *io, str_t dir, int64_t limit_bytes, err_t *err);
void log_journal_close(log_journal_t *j);

/* Calls fn with each entry from from_seq on, in order. fn may fail. Then the journal is ready for
 * log_journal_reset. Entries after the last good one are what a crash tore, and are forgotten; but
 * ST_CORRUPT when they had been synced. */
ST log_journal_replay(log_journal_t *j, int64_t from_seq,
                      ST (*fn)(void *arg, str_t entry, err_t *err), void *arg, err_t *err);
/* Both files are free; the next entry has the sequence after the last that was replayed (or
 * from_seq). */
void log_journal_reset(log_journal_t *j);

/* Appends the entries, sealing them, and with `sync` syncs: a failed sync dies. On failure none of
 * them is there. */
ST log_journal_append(log_journal_t *j, log_entry_t **entries, size_t n, bool sync, err_t *err);

/* Syncs what was appended to the active file so far; may run beside log_journal_append. A failed
 * sync dies. */
void log_journal_settle(log_journal_t *j);
/* Makes the other file active. It must be free. */
void log_journal_switch(log_journal_t *j);
/* The checkpoint covers all before first_seq. */
void log_journal_release(log_journal_t *j);

#endif
