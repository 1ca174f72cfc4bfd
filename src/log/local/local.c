#include "log/local/local.h"

#include "log/local/engine.h"

#define JOURNAL_BYTES_MIN (64 << 10)

void log_local_options_init(log_local_options_t *opt)
{
    *opt = (log_local_options_t){.durability = LOG_DURABILITY_SYNC,
                                 .segment_bytes = INT64_C(1) << 30,
                                 .retention_ms = 7 * INT64_C(86400000),
                                 .retention_bytes = -1,
                                 .retention_check_ms = 300000,
                                 .producer_ms = 86400000,
                                 .clean_backoff_ms = 15000,
                                 .tail_bytes = 32u << 20,
                                 .idle_ms = 10000};
}

bool log_durability_parse(str_t text, log_durability_t *ret)
{
    if (str_eq(text, STR("sync")))
        *ret = LOG_DURABILITY_SYNC;
    else if (str_eq(text, STR("memory")))
        *ret = LOG_DURABILITY_MEMORY;
    else
        return false;
    return true;
}

/* ---- the directory */

static ST make_dir(io_t *io, str_t path, bool *ret_made, err_t *err)
{
    st_t st = io_mkdir(io, path, err);
    *ret_made = st == ST_OK;
    return st == ST_EXISTS ? ST_OK : st;
}

static str_t parent_of(str_t path)
{
    size_t n = path.len;
    while (n && path.ptr[n - 1] != '/')
        n--;
    return n == 0 ? STR(".") : n == 1 ? STR("/") : str_n(path.ptr, n - 1);
}

static ST take_lock(log_t *log, err_t *err)
{
    buf_t path = BUF_INIT;
    buf_printf(&path, STR_FMT "/lock", STR_ARG(log->dir));
    st_t st = io_file_open(log->io, buf_str(&path), IO_CREATE, &log->lock_file, err);
    buf_done(&path);
    TRY(st);
    st = io_file_lock(log->lock_file, err);
    if (st == ST_BUSY)
        return err_set(err, ST_BUSY,
                       "the data directory " STR_FMT
                       " is in use by another process: stop that, or give "
                       "this one a directory of its own",
                       STR_ARG(log->dir));
    return st;
}

static ST enter_dir(log_t *log, err_t *err)
{
    bool made;
    TRY(make_dir(log->io, log->dir, &made, err));
    if (made)
        TRY(io_sync_dir(log->io, parent_of(log->dir), err));
    TRY(take_lock(log, err));
    buf_t path = BUF_INIT;
    buf_printf(&path, STR_FMT "/topics", STR_ARG(log->dir));
    st_t st = make_dir(log->io, buf_str(&path), &made, err);
    buf_done(&path);
    return st;
}

/* ---- strays: files made for what no checkpoint came to know */

static bool is_known(const log_topic_t *t, str_t file)
{
    str_t index;
    int32_t partition;
    str_t name = str_sub(file, 0, file.len - (str_ends(file, STR(".index")) ? 6 : 4)), rest = name;
    if (!str_split(&rest, '-', &index) || !str_to_i32(index, &partition) || partition < 0 ||
        partition >= t->n_partitions)
        return false;
    const log_partition_t *p = t->partition[partition];
    for (size_t i = 0; i < p->segments.len; i++)
        if (str_eq(str_sub(p->segments.ptr[i]->path, t->dir.len + 1, SIZE_MAX), name))
            return true;
    return false;
}

static void remove_in(log_t *log, arena_t *a, str_t dir, const log_topic_t *t)
{
    io_names_t files = {0};
    if (io_list(log->io, dir, a, &files, NULL) != ST_OK)
        return;
    for (size_t i = 0; i < files.len; i++)
        if (files.ptr[i].len > 6 && (!t || !is_known(t, files.ptr[i]))) {
            st_t st = io_unlink(
                log->io, arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(dir), STR_ARG(files.ptr[i])),
                NULL);
            (void)st; /* it only takes room */
        }
    VEC_DONE(&files);
}

static void remove_strays(log_t *log)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    io_names_t dirs = {0};
    str_t root = arena_printf(&a, STR_FMT "/topics", STR_ARG(log->dir));
    if (io_list(log->io, root, &a, &dirs, NULL) == ST_OK)
        for (size_t i = 0; i < dirs.len; i++) {
            str_t dir = arena_printf(&a, STR_FMT "/" STR_FMT, STR_ARG(root), STR_ARG(dirs.ptr[i]));
            const log_topic_t *owner = NULL;
            for (map_entry_t *e = NULL; !owner && (e = map_next(&log->topics, e));)
                if (str_eq(((const log_topic_t *)e->value)->dir, dir))
                    owner = e->value;
            remove_in(log, &a, dir, owner);
            st_t st = owner ? ST_OK : io_rmdir(log->io, dir, NULL);
            (void)st;
        }
    VEC_DONE(&dirs);
    arena_done(&a);
}

/* ---- open and close */

static ST replay_entry(void *arg, str_t bytes, err_t *err)
{
    log_t *log = arg;
    log_entry_t *e = log_entry_copy(bytes);
    st_t st = log_apply(log, e, err);
    log_entry_unref(e);
    log->stats.replayed_commits++;
    return st;
}

static ST recover(log_t *log, err_t *err)
{
    int64_t seq;
    bool clean;
    TRY(log_checkpoint_read(log, &seq, &clean, err));
    TRY(log_journal_open(&log->journal, log->io, log->dir, log->journal_limit_bytes, err));
    TRY(log_journal_replay(&log->journal, seq, replay_entry, log, err));
    log_journal_reset(&log->journal);
    for (map_entry_t *e = NULL; (e = map_next(&log->topics, e));) {
        log_topic_t *t = e->value;
        for (int32_t i = 0; i < t->n_partitions; i++)
            log_producers_recall(t->partition[i]);
    }
    log->covered_seq = seq;
    log->clean = clean && log->stats.replayed_commits == 0;
    if (!log->clean) {
        log->leader_epoch++;
        remove_strays(log);
        /* With the round behind it nothing of the old journals is needed; only then may they be
         * written. The syncs of many partitions take their time: nobody who reads waits for it. */
        if (log->opt.no_thread)
            TRY(log_upkeep_round(log, true, true, err));
        else
            log->settling = true;
    }
    log->journal_pos = log->journal.pos;
    return ST_OK;
}

static log_t *new_log(io_t *io, const log_local_options_t *opt)
{
    log_t *log = mem_zalloc(sizeof *log);
    log->io = io;
    log->opt = *opt;
    str_t dir = opt->dir;
    while (dir.len > 1 && dir.ptr[dir.len - 1] == '/')
        dir.len--;
    log->dir = log->opt.dir = str_n(mem_dup(dir.ptr, dir.len), dir.len);
    log->journal_limit_bytes = (int64_t)(opt->tail_bytes / 4);
    if (log->journal_limit_bytes < JOURNAL_BYTES_MIN)
        log->journal_limit_bytes = JOURNAL_BYTES_MIN;
    pthread_mutex_init(&log->meta, NULL);
    pthread_mutex_init(&log->upkeep, NULL);
    pthread_mutex_init(&log->lock, NULL);
    io_cond_init(&log->turned);
    io_cond_init(&log->wanted);
    io_cond_init(&log->cleaner_wanted);
    map_init(&log->topics);
    map_init(&log->groups);
    map_init(&log->facts);
    log->queue_end = &log->queue;
    log->retain_at_ns = io_mono_ns(io) + opt->retention_check_ms * 1000000;
    return log;
}

static void free_log(log_t *log)
{
    while (log->tail) {
        log_entry_t *e = log->tail;
        log->tail = e->next;
        log_entry_unref(e);
    }
    for (size_t i = 0; i < log->by_number.len; i++)
        log_topic_unref(log->by_number.ptr[i]);
    for (size_t i = 0; i < log->doomed.len; i++)
        log_segment_unref(log->doomed.ptr[i]);
    VEC_DONE(&log->by_number);
    VEC_DONE(&log->doomed);
    map_done(&log->topics, NULL);
    log_groups_done(log);
    map_done(&log->facts, free);
    log_journal_close(&log->journal);
    io_file_close(log->lock_file);
    pthread_cond_destroy(&log->turned);
    pthread_cond_destroy(&log->wanted);
    pthread_cond_destroy(&log->cleaner_wanted);
    pthread_mutex_destroy(&log->meta);
    pthread_mutex_destroy(&log->upkeep);
    pthread_mutex_destroy(&log->lock);
    free((void *)(uintptr_t)log->dir.ptr);
    free(log);
}

ST log_local_open(io_t *io, const log_local_options_t *opt, log_t **ret, err_t *err)
{
    log_t *log = new_log(io, opt);
    st_t st = enter_dir(log, err);
    if (st == ST_OK)
        st = recover(log, err);
    if (st != ST_OK) {
        free_log(log);
        return st;
    }
    log_upkeep_start(log);
    *ret = log;
    return ST_OK;
}

void log_close(log_t *log)
{
    log_upkeep_stop(log);
    /* A second round only where an earlier one had failed. When these fail too, the journal still
     * has everything. */
    for (int i = 0; i < 2 && !log->clean; i++) {
        st_t st = log_upkeep_round(log, true, true, NULL);
        (void)st;
    }
    free_log(log);
}

log_uuid_t log_id(const log_t *log)
{
    return log->id;
}

int32_t log_leader_epoch(log_t *log)
{
    return log->leader_epoch; /* stays as it is from open to close */
}

log_local_stats_t log_local_stats(log_t *log)
{
    pthread_mutex_lock(&log->lock);
    log_local_stats_t s = log->stats;
    s.tail_bytes = (int64_t)log->tail_bytes;
    s.journal_bytes = log->journal_pos;
    pthread_mutex_unlock(&log->lock);
    return s;
}
