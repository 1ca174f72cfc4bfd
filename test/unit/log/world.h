/* world.h: a simulated world with a log in it, for the log's tests. */
#ifndef ARUS_TEST_LOG_WORLD_H
#define ARUS_TEST_LOG_WORLD_H

#include "io/sim.h"
#include "log/local/local.h"
#include "wire/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef struct world {
    io_t *io;
    log_local_options_t opt;
    log_t *log;
    err_t err;
} world_t;

#define OK(w, call)                                                                                \
    do {                                                                                           \
        st_t ok_ = (call);                                                                         \
        if (ok_ != ST_OK)                                                                          \
            fail_msg("%s: %s: %s", #call, st_name(ok_), (w)->err.msg);                             \
    } while (0)

static int world_enter(void **state)
{
    world_t *w = mem_zalloc(sizeof *w);
    w->io = io_sim_new(1);
    log_local_options_init(&w->opt);
    w->opt.dir = STR("data");
    w->opt.no_thread = true;
    w->opt.tail_bytes = 256 << 10;
    w->opt.segment_bytes = 64 << 10;
    w->opt.retention_ms = -1; /* the tests count time from 1970 */
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    *state = w;
    return 0;
}

static int world_leave(void **state)
{
    world_t *w = *state;
    if (w->log)
        log_close(w->log);
    io_free(w->io);
    free(w);
    return 0;
}

static inline void world_reopen(world_t *w)
{
    log_close(w->log);
    w->log = NULL;
    OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
}

/* As after kill -9: nothing is closed in order, but what was written is there. */
static inline void world_kill(world_t *w)
{
    io_sim_crash_after(w->io, 1);
    log_close(w->log);
    w->log = NULL;
    io_sim_restart(w->io);
}

static inline log_topic_t *world_topic(world_t *w, str_t name, int32_t partitions)
{
    log_topic_t *t;
    if (log_topic_open(w->log, name, &t, &w->err) != ST_OK) {
        OK(w,
           log_topic_create(
               w->log, &(log_topic_spec_t){.name = name, .partitions = partitions, .replicas = 1},
               &w->err));
        OK(w, log_topic_open(w->log, name, &t, &w->err));
    }
    return t;
}

/* A batch of n records of about `bytes` each, at ts_ms, ts_ms + 1, … */
static inline buf_t world_batch(int n, size_t bytes, int64_t ts_ms)
{
    buf_t b = BUF_INIT, value = BUF_INIT;
    wire_writer_t w;
    memset(buf_reserve(&value, bytes + 1), 'v', bytes);
    wire_batch_begin(&w, &b, &WIRE_BATCH_PLAIN);
    for (int i = 0; i < n; i++)
        wire_batch_add(&w, ts_ms + i, STR("k"), str_n(value.ptr, bytes), NULL, 0);
    assert_int_equal(ST_OK, wire_batch_finish(&w, NULL));
    buf_done(&value);
    return b;
}

static inline st_t world_append(world_t *w, log_topic_t *t, int32_t partition, int n, size_t bytes,
                                int64_t ts_ms, int64_t *ret_base)
{
    buf_t b = world_batch(n, bytes, ts_ms);
    log_commit_t *c = log_commit_new(w->log);
    log_commit_append(c, t, partition, buf_str(&b));
    buf_done(&b);
    return log_commit(w->log, c, ret_base, &w->err);
}

/* Reads from offset to the end; how many records, or -1 with w->err filled. */
static inline int64_t world_count(world_t *w, log_topic_t *t, int32_t partition, int64_t offset,
                                  size_t max_bytes)
{
    log_offsets_t o;
    OK(w, log_topic_offsets(t, partition, &o, &w->err));
    int64_t n = 0;
    while (offset < o.end) {
        log_chunk_t c;
        if (log_read(t, partition, offset, max_bytes, &c, &w->err) != ST_OK)
            return -1;
        for (str_t in = c.bytes; in.len;) {
            wire_batch_t b;
            OK(w, wire_batch_next(&in, &b, &w->err));
            assert_true(b.last_offset >= offset);
            n += b.last_offset + 1 - (b.base_offset > offset ? b.base_offset : offset);
            offset = b.last_offset + 1;
        }
        assert_int_equal(offset, c.next_offset);
        log_chunk_unref(&c);
    }
    return n;
}

#endif
