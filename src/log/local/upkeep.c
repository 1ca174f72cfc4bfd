/* upkeep.c: what makes room: batches go from memory to segments, the checkpoint notes it, the
 * journal is cut, and what is past its retention goes.
 *
 * A round:
 * (1) switch journals, so that all that is in the other one is applied;
 * (2) write the dirty partitions' batches to their segments;
 * (3) sync these and the directories;
 * (4) write the checkpoint, durable before
 * (5) the other journal is free, the tail may let go, and retired segments are removed.
 * A round that fails leaves everything as it was but for bytes that do not count; the next one
 * begins again.
 */
#include "log/local/engine.h"

#define RETRY_NS      INT64_C(1000000000)
#define OPEN_SEGMENTS 64 /* more than so many written to in one round are closed after it */

typedef struct round {
    log_t *log;
    VEC(log_partition_t *) dirty; /* with a reference to the topic */
    log_segments_t touched;       /* referenced */
    VEC(log_topic_t *) new_files; /* topics whose directory has to be synced */
    bool new_dirs;
} round_t;

/* ---- (2) writing behind */

static ST make_segment(round_t *r, log_partition_t *p, int64_t base, log_segment_t **ret,
                       err_t *err)
{
    log_t *log = r->log;
    log_topic_t *t = p->topic;
    if (!t->has_dir) {
        st_t st = io_mkdir(log->io, t->dir, err);
        if (st != ST_OK && st != ST_EXISTS)
            return st;
        t->has_dir = r->new_dirs = true;
    }
    buf_t path = BUF_INIT;
    log_segment_path(&path, t->dir, p->index, base, 0);
    *ret = log_segment_new(log->io, buf_str(&path), base, io_now_ms(log->io), 0);
    buf_done(&path);
    VEC_PUSH(&r->new_files, t);
    return ST_OK;
}

static bool is_full(const log_t *log, const log_segment_t *s, const log_policy_t *policy,
                    size_t more)
{
    return s->written_size > 0 && (s->written_size + (int64_t)more > policy->segment_bytes ||
                                   io_now_ms(log->io) - s->created_ms > policy->segment_ms);
}

/* Writes b[0..n), which end before the offset `end`, or a part of it; how much in *ret_n. */
static ST flush_some(round_t *r, log_partition_t *p, const log_policy_t *policy,
                     const log_stored_t *b, size_t n, int64_t end, bool roll, size_t *ret_n,
                     err_t *err)
{
    log_t *log = r->log;
    log_segment_t *s = p->segments.len ? VEC_LAST(&p->segments) : NULL;
    bool made = roll || !s || is_full(log, s, policy, b[0].bytes.len);
    if (made)
        TRY(make_segment(r, p, b[0].base_offset, &s, err));
    size_t k = 1;
    int64_t size = (made ? 0 : s->size) + (int64_t)b[0].bytes.len;
    while (k < n && size + (int64_t)b[k].bytes.len <= policy->segment_bytes)
        size += (int64_t)b[k++].bytes.len;
    st_t st = log_segment_append(s, b, k, err);
    if (st != ST_OK) {
        log_segment_take_back(s);
        if (made)
            log_segment_unref(s);
        return st;
    }
    pthread_mutex_lock(&log->lock);
    log->stats.disk_bytes += s->written_size - s->size;
    log_segment_publish(s);
    if (made)
        VEC_PUSH(&p->segments, s);
    p->flushed = k < n ? b[k].base_offset : end;
    pthread_mutex_unlock(&log->lock);
    VEC_PUSH(&r->touched, log_segment_ref(s));
    *ret_n = k;
    return ST_OK;
}

static ST flush_partition(round_t *r, log_partition_t *p, err_t *err)
{
    log_t *log = r->log;
    VEC(log_stored_t) b = {0};
    pthread_mutex_lock(&log->lock);
    log_policy_t policy = p->topic->policy;
    int64_t end = p->end;
    if (!p->topic->deleted)
        for (uint32_t i = log_tail_find(p, p->flushed); i < p->recent_len; i++) {
            const log_recent_t *recent = log_tail_at(p, i);
            VEC_PUSH(&b, (log_stored_t){recent->batch, recent->base_offset, recent->max_ts_ms});
        }
    pthread_mutex_unlock(&log->lock);
    st_t st = ST_OK;
    bool roll = p->roll && b.len;
    p->roll &= !b.len;
    for (size_t at = 0, n; at < b.len && st == ST_OK; at += n) {
        n = 0;
        st = flush_some(r, p, &policy, b.ptr + at, b.len - at, end, roll, &n, err);
        /* What is missing of the file is reported to whoever reads it; new batches go to a new one.
         */
        if (st == ST_CORRUPT && !roll) {
            roll = true;
            st = ST_OK;
        } else {
            roll = false;
        }
    }
    VEC_DONE(&b);
    return st;
}

static ST flush_all(round_t *r, err_t *err)
{
    for (size_t i = 0; i < r->dirty.len; i++)
        TRY(flush_partition(r, r->dirty.ptr[i], err));
    return ST_OK;
}

/* ---- (3) */

static void sync_all(round_t *r)
{
    err_t err;
    st_t st = ST_OK;
    for (size_t i = 0; i < r->touched.len; i++)
        log_segment_set_out(r->touched.ptr[i]);
    for (size_t i = 0; i < r->touched.len && st == ST_OK; i++)
        st = log_segment_sync(r->touched.ptr[i], &err);
    for (size_t i = 0; i < r->new_files.len && st == ST_OK; i++)
        if (i == 0 || r->new_files.ptr[i] != r->new_files.ptr[i - 1])
            st = io_sync_dir(r->log->io, r->new_files.ptr[i]->dir, &err);
    if (st == ST_OK && r->new_dirs) {
        buf_t path = BUF_INIT;
        buf_printf(&path, STR_FMT "/topics", STR_ARG(r->log->dir));
        st = io_sync_dir(r->log->io, buf_str(&path), &err);
        buf_done(&path);
    }
    /* A topic that was deleted meanwhile took its directory with it. */
    if (st != ST_OK && st != ST_NOT_FOUND)
        die("segments cannot be synced, what the disk holds is unknown: %s", err.msg);
}

/* ---- retention */

static void retire_first(log_t *log, log_partition_t *p)
{
    log_segment_t *s = p->segments.ptr[0];
    VEC_REMOVE(&p->segments, 0);
    log->stats.disk_bytes -= s->size;
    int64_t start = p->segments.len ? p->segments.ptr[0]->base : p->flushed;
    if (p->start < start)
        p->start = start;
    VEC_PUSH(&log->doomed, s);
}

static void retain_partition(log_t *log, log_partition_t *p, int64_t now_ms)
{
    const log_policy_t *policy = &p->topic->policy;
    log_producers_expire(p, now_ms);
    while (p->segments.len > 1 && p->segments.ptr[1]->base <= p->start) /* trimmed */
        retire_first(log, p);
    if (!policy->deletes)
        return;
    int64_t size = 0;
    for (size_t i = 0; i < p->segments.len; i++)
        size += p->segments.ptr[i]->size;
    while (p->segments.len) {
        const log_segment_t *s = p->segments.ptr[0];
        bool last = p->segments.len == 1;
        bool old = policy->retention_ms >= 0 && s->max_ts_ms < now_ms - policy->retention_ms;
        bool much = policy->retention_bytes >= 0 && size - s->size >= policy->retention_bytes;
        if ((!old && !much) || (last && (!old || p->flushed != p->end)))
            return;
        size -= s->size;
        retire_first(log, p);
    }
}

/* True when something is to go. */
static bool retain(log_t *log)
{
    int64_t now_ms = io_now_ms(log->io);
    pthread_mutex_lock(&log->lock);
    for (map_entry_t *e = NULL; (e = map_next(&log->topics, e));) {
        log_topic_t *t = e->value;
        for (int32_t i = 0; i < t->n_partitions; i++)
            retain_partition(log, t->partition[i], now_ms);
    }
    log->retain_at_ns = io_mono_ns(log->io) + log->opt.retention_check_ms * 1000000;
    pthread_mutex_unlock(&log->lock);
    return log->doomed.len > 0;
}

static void remove_doomed(log_t *log)
{
    for (size_t i = 0; i < log->doomed.len; i++) {
        log_segment_remove(log->doomed.ptr[i]);
        log_segment_unref(log->doomed.ptr[i]);
    }
    VEC_CLEAR(&log->doomed);
}

/* ---- a round */

/* (1); what is to be done. False: nothing. */
static bool begin(round_t *r, bool now, bool due, int64_t *ret_seq)
{
    log_t *log = r->log;
    pthread_mutex_lock(&log->lock);
    log_pause(log);
    log_journal_t *j = &log->journal;
    bool full = log->journal_pos >= log->journal_limit_bytes;
    if (j->other_free && (now || full) && j->next_seq != j->first_seq) {
        log_journal_switch(j);
        log->journal_pos = j->pos;
    }
    bool work = now || due || !j->other_free;
    for (log_partition_t *p = work ? log->dirty : NULL; p; p = p->next_dirty) {
        p->dirty = false;
        log_topic_ref(p->topic);
        VEC_PUSH(&r->dirty, p);
    }
    if (work)
        log->dirty = NULL;
    *ret_seq = j->first_seq;
    log_unpause(log);
    pthread_mutex_unlock(&log->lock);
    return work;
}

/* (4) and (5) */
static ST cut(log_t *log, int64_t seq, bool closing, err_t *err)
{
    buf_t b = BUF_INIT;
    pthread_mutex_lock(&log->lock);
    bool clean = closing && seq == log->journal.next_seq;
    log_checkpoint_encode(log, seq, clean, &b);
    pthread_mutex_unlock(&log->lock);
    /* The state may be newer than seq (L2): what made it so must outlive whatever the checkpoint
     * does, or replay would end before it and take the state back. */
    if (log->opt.durability == LOG_DURABILITY_MEMORY)
        log_journal_settle(&log->journal);
    st_t st = log_checkpoint_write(log, &b, err);
    buf_done(&b);
    if (st != ST_OK)
        return st;
    pthread_mutex_lock(&log->lock);
    log_journal_release(&log->journal);
    log->covered_seq = seq;
    log->clean = clean;
    log_tail_trim(log, log->opt.tail_bytes);
    pthread_cond_broadcast(&log->turned);
    pthread_mutex_unlock(&log->lock);
    return ST_OK;
}

static void put_back(round_t *r)
{
    log_t *log = r->log;
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < r->dirty.len; i++) {
        log_partition_t *p = r->dirty.ptr[i];
        if (p->dirty || p->topic->deleted)
            continue;
        p->dirty = true;
        p->next_dirty = log->dirty;
        log->dirty = p;
    }
    pthread_mutex_unlock(&log->lock);
}

static void rest(round_t *r)
{
    for (size_t i = 0; i < r->touched.len; i++) {
        if (r->touched.len > OPEN_SEGMENTS)
            log_segment_rest(r->touched.ptr[i]);
        log_segment_unref(r->touched.ptr[i]);
    }
    for (size_t i = 0; i < r->dirty.len; i++) {
        log_segments_t *v = &r->dirty.ptr[i]->segments;
        for (size_t k = 0; k + 1 < v->len; k++)
            log_segment_rest(v->ptr[k]);
        log_topic_unref(r->dirty.ptr[i]->topic);
    }
    VEC_DONE(&r->touched);
    VEC_DONE(&r->dirty);
    VEC_DONE(&r->new_files);
}

ST log_upkeep_round(log_t *log, bool now, bool closing, err_t *err)
{
    round_t r = {.log = log};
    int64_t seq;
    st_t st = ST_OK;
    pthread_mutex_lock(&log->upkeep);
    bool due = now || io_mono_ns(log->io) >= log->retain_at_ns;
    if (begin(&r, now, due, &seq)) {
        st = flush_all(&r, err);
        sync_all(&r);
        bool retired = due && retain(log);
        if (st == ST_OK && (now || retired || !log->journal.other_free))
            st = cut(log, seq, closing, err);
        if (st == ST_OK)
            remove_doomed(log);
        else
            put_back(&r);
    }
    rest(&r);
    pthread_mutex_unlock(&log->upkeep);
    return st;
}

ST log_local_upkeep(log_t *log, bool now, err_t *err)
{
    return log_upkeep_round(log, now, false, err);
}

/* ---- who calls it */

/* Nothing was committed since the last look, but there is something in memory. */
static bool is_idle(log_t *log)
{
    bool idle = log->tail && log->stats.commits == log->commits_seen;
    log->commits_seen = log->stats.commits;
    return idle;
}

/* What is in segments need not be in memory. */
static void let_go(log_t *log)
{
    log_tail_trim(log, 0);
    pthread_mutex_unlock(&log->lock);
    mem_give_back();
    pthread_mutex_lock(&log->lock);
}

static void run_round(log_t *log, bool idle)
{
    err_t err = {.code = ST_OK};
    bool first = log->settling;
    pthread_mutex_unlock(&log->lock);
    st_t st = log_upkeep_round(log, first || idle, first, &err);
    pthread_mutex_lock(&log->lock);
    if (st == ST_OK)
        log->settling = false;
    if (st == ST_OK && idle)
        let_go(log);
    log->upkeep_err = err;
    log->upkeep_err.code = st;
    log->upkeeps++;
    pthread_cond_broadcast(&log->turned);
}

static void *upkeep_main(void *arg)
{
    log_t *log = arg;
    pthread_mutex_lock(&log->lock);
    while (!log->stopping) {
        int64_t left = log->retain_at_ns - io_mono_ns(log->io);
        int64_t idle_ns = log->opt.idle_ms * 1000000;
        if (idle_ns && left > idle_ns)
            left = idle_ns;
        if (log->upkeep_err.code != ST_OK && left > RETRY_NS)
            left = RETRY_NS;
        bool wanted = log->wants_upkeep || (log->settling && log->upkeep_err.code == ST_OK);
        if (!wanted && left > 0 &&
            (io_cond_wait(log->io, &log->wanted, &log->lock, left) || log->stopping))
            continue;
        log->wants_upkeep = false;
        run_round(log, !wanted && idle_ns && is_idle(log));
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

void log_upkeep_start(log_t *log)
{
    log_cleaner_start(log);
    if (log->opt.no_thread)
        return;
    if (pthread_create(&log->thread, NULL, upkeep_main, log))
        die("the log's upkeep thread cannot be started: raise the limit on threads");
    log->has_thread = true;
}

void log_upkeep_stop(log_t *log)
{
    log_cleaner_stop(log);
    if (!log->has_thread)
        return;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_signal(&log->wanted);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    log->has_thread = false;
}

ST log_upkeep_room(log_t *log, err_t *err)
{
    while (log->settling) {
        if (log->upkeep_err.code != ST_OK) {
            if (err)
                *err = log->upkeep_err;
            return log->upkeep_err.code;
        }
        io_cond_wait(log->io, &log->turned, &log->lock, -1);
    }
    if (log->journal_pos < log->journal_limit_bytes)
        return ST_OK;
    log->wants_upkeep = true;
    pthread_cond_signal(&log->wanted);
    if (!log->has_thread)
        run_round(log, false);
    while (log->journal_pos >= 2 * log->journal_limit_bytes) {
        int64_t before = log->upkeeps;
        log->wants_upkeep = true;
        pthread_cond_signal(&log->wanted);
        if (!log->has_thread)
            run_round(log, false);
        while (log->upkeeps == before)
            io_cond_wait(log->io, &log->turned, &log->lock, -1);
        if (log->upkeep_err.code != ST_OK) {
            if (err)
                *err = log->upkeep_err;
            return log->upkeep_err.code;
        }
    }
    return ST_OK;
}
