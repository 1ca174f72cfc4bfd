/* A query on the log: its topics in, its turns, its outputs and changelogs out. */
#include "server/internal.h"

#define WARNINGS_MAX 10 /* printed a query; all are counted and in the processing log */

/* A turn reads so much a partition that its output will be about the goal, by what came of the last
 * one: joins can make much of little. Past the limit a turn is given up and taken again with less.
 */
#define TURN_BYTES_MAX    (256u << 10)
#define TURN_BYTES_FIRST  (16u << 10) /* what a query makes of it is not known yet */
#define OUTPUT_BYTES_GOAL (8u << 20)
#define OUTPUT_BYTES_MAX  (512u << 20)
#define OUTPUT_BYTES_KEEP (1u << 20)    /* of a partition's buffer, from turn to turn */
#define BATCH_BYTES       (1000u << 10) /* below max.message.bytes' default */

/* ---- outputs --------------------------------------------------------------------------------- */

void runner_output_init(runner_output_t *o, arena_t *a, log_topic_t *topic)
{
    o->topic = topic;
    o->n_partitions = log_topic_partitions(topic);
    o->buf = ARENA_ARRAY(a, buf_t, o->n_partitions);
    o->writer = ARENA_ARRAY(a, wire_writer_t, o->n_partitions);
    o->open = ARENA_ARRAY(a, bool, o->n_partitions);
}

static void output_done(runner_output_t *o)
{
    for (int32_t p = 0; o->buf && p < o->n_partitions; p++)
        buf_done(&o->buf[p]);
    if (o->topic)
        log_topic_unref(o->topic);
}

/* The batch under construction is done; the next record begins another. */
static void output_close(runner_output_t *o, int32_t p)
{
    if (!o->open[p])
        return;
    err_t err;
    if (wire_batch_finish(&o->writer[p], &err) != ST_OK)
        die("a batch of a turn's output: %s", err.msg); /* OUTPUT_BYTES_MAX is far below */
    o->open[p] = false;
}

static void output_add(runner_t *r, runner_output_t *o, int32_t p, int64_t ts_ms, str_t key,
                       str_t value, const data_header_t *header, size_t n_headers)
{
    ASSERT(p >= 0 && p < o->n_partitions);
    size_t len = key.len + value.len;
    for (size_t i = 0; i < n_headers; i++)
        len += header[i].key.len + header[i].value.len;
    r->output_bytes += len;
    if (r->output_bytes > OUTPUT_BYTES_MAX)
        return; /* the turn is given up */
    if (o->open[p] && wire_batch_bytes(&o->writer[p]) + len > BATCH_BYTES)
        output_close(o, p);
    if (!o->open[p]) {
        wire_batch_begin(&o->writer[p], &o->buf[p], &WIRE_BATCH_PLAIN);
        o->open[p] = true;
    }
    wire_header_t few[16], *h = few;
    if (n_headers > 16)
        h = mem_alloc(n_headers * sizeof *h);
    for (size_t i = 0; i < n_headers; i++)
        h[i] = (wire_header_t){header[i].key, header[i].value};
    wire_batch_add(&o->writer[p], ts_ms, key, value, h, n_headers);
    if (h != few)
        free(h);
}

static void output_collect(runner_output_t *o, log_commit_t *c)
{
    for (int32_t p = 0; p < o->n_partitions; p++) {
        output_close(o, p);
        str_t batches = buf_str(&o->buf[p]);
        wire_batch_t b;
        while (batches.len && wire_batch_next(&batches, &b, NULL) == ST_OK)
            log_commit_append(c, o->topic, p, b.bytes);
        ASSERT(!batches.len);
        if (o->buf[p].cap > OUTPUT_BYTES_KEEP)
            buf_done(&o->buf[p]);
        buf_clear(&o->buf[p]);
    }
}

static void on_record(void *self, int32_t partition, const exec_input_t *r)
{
    runner_t *runner = self;
    output_add(runner, &runner->sink, partition, r->ts_ms, r->key, r->value, r->header,
               r->n_headers);
}

static void on_change(void *env, size_t store, int32_t partition, str_t key, str_t value)
{
    runner_t *r = env;
    r->changed_bytes += key.len + value.len;
    output_add(r, &r->changelog[store], partition, r->wall_ms, key, value, NULL, 0);
}

static void on_failed(void *self, const exec_failure_t *f)
{
    runner_t *r = self;
    str_t id = r->query ? r->query->id : STR("push query");
    if (r->failed++ < WARNINGS_MAX)
        trace_line(TRACE_WARN, "sql", STR_FMT ": %s: %s", STR_ARG(id), f->what, f->err->msg);
    if (r->query)
        processing_log_add(r->server, id, f);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* Offsets are a group's and a topic's: a topic's second input has a group of its own. */
static str_t input_group(runner_t *r, const plan_t *plan, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (str_eq(plan->source[k]->source.topic, plan->source[i]->source.topic))
            return arena_printf(&r->life, STR_FMT "-%zu", STR_ARG(r->group), i);
    return r->group;
}

static ST open_inputs(runner_t *r, const plan_t *plan, bool from_start, int32_t *ret_partitions,
                      int32_t *max_partitions, err_t *err)
{
    server_t *s = r->server;
    r->n_inputs = plan->n_sources;
    r->input = ARENA_ARRAY(&r->life, runner_input_t, plan->n_sources);
    for (size_t i = 0; i < plan->n_sources; i++) {
        runner_input_t *in = &r->input[i];
        const plan_source_t *src = &plan->source[i]->source;
        in->group = r->query ? input_group(r, plan, i) : STR_NONE;
        TRY(log_topic_open(s->opt.log, src->topic, &in->topic, err));
        in->n_partitions = log_topic_partitions(in->topic);
        in->position = ARENA_ARRAY(&r->life, int64_t, in->n_partitions);
        ret_partitions[i] = in->n_partitions;
        if (in->n_partitions > *max_partitions)
            *max_partitions = in->n_partitions;
        for (int32_t p = 0; p < in->n_partitions; p++) {
            log_offsets_t o;
            int64_t committed = -1;
            TRY(log_topic_offsets(in->topic, p, &o, err));
            if (r->query)
                TRY(log_committed(s->opt.log, in->group, src->topic, p, &committed, err));
            r->fresh |= committed < 0;
            in->position[p] = committed > o.start                               ? committed
                              : committed >= 0 || from_start || src->from_start ? o.start
                                                                                : o.end;
        }
        log_watch_add(s->watch, in->topic);
    }
    return ST_OK;
}

static ST open_all(runner_t *r, const plan_t *plan, exec_sink_t *sink, bool from_start, err_t *err)
{
    server_t *s = r->server;
    int32_t partitions[64], max_partitions = 1;
    if (plan->n_sources > 64)
        return err_set(err, ST_LIMIT, "a query reads at most 64 sources");
    TRY(open_inputs(r, plan, from_start, partitions, &max_partitions, err));
    exec_options_t opt = {.max_partitions = max_partitions,
                          .source_partitions = partitions,
                          .sink_partitions = 1,
                          .cache = true,
                          .outer_join_interval_ms = 1000,
                          .schemas = s->opt.schemas};
    exec_sink_t own = {.self = r, .record = on_record, .failed = on_failed};
    if (r->query) {
        opt.cache = r->query->cache_bytes > 0;
        opt.outer_join_interval_ms = r->query->outer_join_interval_ms;
        if (r->query->sink_topic.len) {
            log_topic_t *t;
            TRY(log_topic_open(s->opt.log, r->query->sink_topic, &t, err));
            runner_output_init(&r->sink, &r->life, t);
            opt.sink_partitions = r->sink.n_partitions;
        } else {
            own.record = NULL;
        }
    }
    TRY(exec_new(plan, &opt, sink ? *sink : own, &r->exec, err));
    return r->query ? runner_changelogs_open(r, err) : ST_OK;
}

static void collect_positions(runner_t *r, log_commit_t *c)
{
    for (size_t i = 0; i < r->n_inputs; i++)
        for (int32_t p = 0; p < r->input[i].n_partitions; p++)
            log_commit_offset(c, r->input[i].group, log_topic_name(r->input[i].topic), p,
                              r->input[i].position[p]);
}

/* "latest" is where the log ends now, not at the next start. */
static ST commit_positions(runner_t *r, err_t *err)
{
    log_commit_t *c = log_commit_new(r->server->opt.log);
    collect_positions(r, c);
    return log_commit(r->server->opt.log, c, NULL, err);
}

static runner_t *runner_make(server_t *s, engine_query_t *q)
{
    runner_t *r = mem_zalloc(sizeof *r);
    r->server = s;
    r->query = q;
    r->turn_bytes = q ? TURN_BYTES_FIRST : TURN_BYTES_MAX;
    arena_init(&r->life, ARENA_NO_LIMIT);
    arena_init(&r->turn, ARENA_NO_LIMIT);
    wire_reader_init(&r->reader, UNPACK_BYTES_MAX);
    if (q)
        r->group = arena_printf(&r->life, "_confluent-ksql-" STR_FMT "query_" STR_FMT,
                                STR_ARG(s->opt.service_id), STR_ARG(q->id));
    return r;
}

st_t runner_new(server_t *s, const plan_t *plan, engine_query_t *q, exec_sink_t *sink,
                bool from_start, runner_t **ret, err_t *err)
{
    runner_t *r = runner_make(s, q);
    st_t st = open_all(r, plan, sink, from_start, err);
    if (st == ST_OK && q && r->fresh)
        st = commit_positions(r, err);
    if (st != ST_OK) {
        runner_free(r);
        return st;
    }
    *ret = r;
    return ST_OK;
}

runner_t *runner_new_broken(server_t *s, engine_query_t *q)
{
    runner_t *r = runner_make(s, q);
    r->broken = true;
    r->retry_at_ms = io_now_ms(s->opt.io) + 1000;
    return r;
}

void runner_free(runner_t *r)
{
    if (!r)
        return;
    runner_turn_done(r);
    exec_free(r->exec);
    for (size_t i = 0; i < r->n_inputs; i++)
        if (r->input[i].topic) {
            log_watch_remove(r->server->watch, r->input[i].topic);
            log_topic_unref(r->input[i].topic);
        }
    output_done(&r->sink);
    for (size_t i = 0; i < r->n_changelogs; i++)
        output_done(&r->changelog[i]);
    VEC_DONE(&r->chunks);
    wire_reader_done(&r->reader);
    arena_done(&r->turn);
    arena_done(&r->life);
    free(r);
}

void runner_forget(runner_t *r)
{
    log_t *log = r->server->opt.log;
    runner_changelogs_delete(r);
    const plan_t *plan = r->query->plan;
    for (size_t i = 0; i < plan->n_sources; i++) {
        err_t err;
        st_t st = log_group_delete(log, input_group(r, plan, i), &err);
        if (st != ST_OK && st != ST_NOT_FOUND)
            trace_line(TRACE_WARN, "sql", "%s", err.msg);
    }
    runner_checkpoint_forget(r);
}

/* ---- a turn ---------------------------------------------------------------------------------- */

/* What was read of one partition: its records, and how far its time goes. */
typedef struct portion {
    VEC(exec_input_t) records;
    size_t input, bytes;
    int32_t partition;
    int64_t stable; /* what lies behind is not decided yet */
    int64_t end;    /* the offset behind it all */
    bool more;      /* the log has more than was read */
    bool full;      /* it is as much as a turn takes */
    int64_t max_ts_ms;
} portion_t;

static str_t keep(runner_t *r, str_t s, bool copy)
{
    return copy && s.ptr ? (s.len ? arena_str(&r->turn, s) : STR("")) : s;
}

static void add_record(runner_t *r, portion_t *p, const wire_record_t *rec, bool copy)
{
    exec_input_t in = {.key = keep(r, rec->key, copy),
                       .value = keep(r, rec->value, copy),
                       .ts_ms = rec->ts_ms,
                       .offset = rec->offset};
    if (rec->n_headers > 0) {
        wire_headers_t h = wire_record_headers(rec);
        wire_header_t one;
        size_t n = 0;
        data_header_t *list = ARENA_ARRAY(&r->turn, data_header_t, rec->n_headers);
        while (n < (size_t)rec->n_headers && wire_headers_next(&h, &one))
            list[n++] = (data_header_t){keep(r, one.key, copy), keep(r, one.value, copy)};
        in.header = list;
        in.n_headers = n;
    }
    if (in.ts_ms > p->max_ts_ms)
        p->max_ts_ms = in.ts_ms;
    p->bytes += rec->key.len + rec->value.len;
    VEC_PUSH(&p->records, in);
}

/* The first batch of *bytes, or as much of it as a turn takes; p->end is behind what was read, but
 * not inside a batch that is damaged. */
static ST read_batch(runner_t *r, portion_t *p, int64_t from, str_t *bytes, err_t *err)
{
    wire_batch_t b;
    TRY(wire_batch_next(bytes, &b, err));
    if (b.base_offset >= p->stable) { /* a transaction is open */
        p->full = true;
        return ST_OK;
    }
    const log_topic_t *t = r->input[p->input].topic;
    if (!(b.attributes & WIRE_CONTROL) &&
        !(b.attributes & WIRE_TRANSACTIONAL &&
          log_is_aborted(t, p->partition, b.producer_id, b.base_offset))) {
        TRY(wire_reader_open(&r->reader, &b, err));
        wire_record_t rec;
        bool copy = wire_batch_codec(&b) != WIRE_NONE;
        while (wire_reader_next(&r->reader, &rec)) {
            if (rec.offset < from)
                continue;
            if (p->bytes >= r->turn_bytes) {
                p->end = rec.offset;
                p->full = true;
                return ST_OK;
            }
            add_record(r, p, &rec, copy);
        }
        TRY(wire_reader_end(&r->reader, err));
    }
    p->end = b.last_offset + 1;
    return ST_OK;
}

static ST read_portion(runner_t *r, portion_t *p, err_t *err)
{
    runner_input_t *in = &r->input[p->input];
    int64_t from = in->position[p->partition];
    log_chunk_t chunk;
    log_offsets_t o;
    TRY(log_topic_offsets(in->topic, p->partition, &o, err));
    if (from < o.start) /* retention went past it */
        from = in->position[p->partition] = o.start;
    p->end = from;
    p->stable = o.stable;
    if (from >= o.stable)
        return ST_OK;
    TRY(log_read(in->topic, p->partition, from, r->turn_bytes, &chunk, err));
    VEC_PUSH(&r->chunks, chunk);
    st_t st = ST_OK;
    for (str_t bytes = chunk.bytes; st == ST_OK && bytes.len && !p->full;)
        st = read_batch(r, p, from, &bytes, err);
    while (p->records.len && VEC_LAST(&p->records).offset >= p->end)
        p->records.len--; /* of the batch that could not be read to its end */
    if (st != ST_OK)
        return err_wrap(err, st == ST_PARTIAL ? ST_CORRUPT : st, "from offset %lld on",
                        (long long)p->end);
    if (!p->full)
        p->end = chunk.next_offset;
    p->more = p->end < o.stable;
    r->lag += (uint64_t)(o.end - p->end);
    return ST_OK;
}

/* A source that has more must not fall behind the others: nothing newer than what was read of it is
 * taken now. */
static void feed(runner_t *r, portion_t *portion, size_t n)
{
    int64_t until = INT64_MAX;
    for (size_t i = 0; i < n; i++)
        if (portion[i].more && portion[i].records.len && portion[i].max_ts_ms < until)
            until = portion[i].max_ts_ms;
    for (size_t i = 0; i < n; i++) {
        portion_t *p = &portion[i];
        size_t k = 0;
        while (k < p->records.len && p->records.ptr[k].ts_ms <= until)
            k++;
        exec_feed(r->exec, p->input, p->partition, p->records.ptr, k);
        for (size_t j = 0; j < k; j++)
            r->input_bytes += p->records.ptr[j].key.len + p->records.ptr[j].value.len;
        r->input[p->input].position[p->partition] =
            k < p->records.len ? p->records.ptr[k].offset : p->end;
        VEC_DONE(&p->records);
    }
}

bool runner_turn(runner_t *r, int64_t wall_ms)
{
    VEC(portion_t) portions = {0};
    err_t err;
    int64_t start = io_mono_ns(r->server->opt.io);
    r->lag = 0;
    r->input_bytes = r->output_bytes = 0;
    r->wall_ms = wall_ms;
    for (size_t i = 0; i < r->n_inputs; i++)
        for (int32_t p = 0; p < r->input[i].n_partitions; p++) {
            portion_t portion = {
                .input = i, .partition = p, .max_ts_ms = INT64_MIN, .end = r->input[i].position[p]};
            if (read_portion(r, &portion, &err) != ST_OK)
                on_failed(r, &(exec_failure_t){.what = "reading a topic",
                                               .err = &err,
                                               .topic = log_topic_name(r->input[i].topic),
                                               .partition = p});
            if (portion.end > r->input[i].position[p] || portion.records.len)
                VEC_PUSH(&portions, portion);
            else
                VEC_DONE(&portion.records);
        }
    r->took = portions.len > 0;
    if (r->took) {
        feed(r, portions.ptr, portions.len);
        exec_turn(r->exec, wall_ms);
    }
    VEC_DONE(&portions);
    r->busy_ns += io_mono_ns(r->server->opt.io) - start;
    return r->took;
}

/* How much the next turn reads, by what this one made of its input. */
static void size_turn(runner_t *r)
{
    double growth = (double)(r->output_bytes + 1) / (double)(r->input_bytes + 1);
    if (growth < r->growth / 2)
        growth = r->growth / 2; /* it may come again */
    r->growth = growth;
    size_t partitions = 0;
    for (size_t i = 0; i < r->n_inputs; i++)
        partitions += (size_t)r->input[i].n_partitions;
    double bytes = OUTPUT_BYTES_GOAL / growth / (double)partitions;
    r->turn_bytes = bytes < TURN_BYTES_MAX ? (size_t)bytes + 1 : TURN_BYTES_MAX;
}

st_t runner_collect(runner_t *r, log_commit_t *c, err_t *err)
{
    exec_commit(r->exec, r->n_changelogs ? on_change : NULL, r);
    size_turn(r);
    if (r->output_bytes > OUTPUT_BYTES_MAX)
        return err_set(err, ST_TOO_LARGE,
                       "what " STR_FMT " makes of one turn is over %u MiB: it is taken again with "
                       "less input",
                       STR_ARG(r->query->id), OUTPUT_BYTES_MAX >> 20);
    if (r->sink.topic)
        output_collect(&r->sink, c);
    for (size_t i = 0; i < r->n_changelogs; i++)
        output_collect(&r->changelog[i], c);
    collect_positions(r, c);
    return ST_OK;
}

void runner_turn_done(runner_t *r)
{
    for (size_t i = 0; i < r->chunks.len; i++)
        log_chunk_unref(&r->chunks.ptr[i]);
    VEC_CLEAR(&r->chunks);
    arena_reset(&r->turn);
    r->took = false;
}
