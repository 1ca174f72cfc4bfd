/* Power cuts under idempotent, transactional and plain producers, in a simulated world.
 *
 * Producers write batches, several commits at a time share a sync as the broker has it; what was
 * under way at a cut is in doubt, and is sent again but by plain producers. The rules are those of
 * test/e2e/crash/checker.py: no acknowledged write is lost, none is there twice or before an
 * earlier one of its producer, offsets are dense; what is sent again is known for a copy when it is
 * there; a transaction's end is in all its partitions, its group's offset and its fact or in none,
 * and only the aborted are aborted; nothing from an open one on is stable.
 *
 * producer_sim [FIRST_SEED [CUTS]]; a failure names its seed.
 */
#include "io/sim.h"
#include "log/local/local.h"
#include "wire/batch.h"

#include <stdio.h>
#include <stdlib.h>

#define PRODUCERS  6
#define PARTITIONS 3
#define LIVES      8
#define STEPS      40

enum { PLAIN, IDEMPOTENT, TRANSACTIONAL };

typedef struct write_s {
    int producer, partition;
    int32_t sequence;
    int64_t txn;    /* of its producer; -1: none */
    int64_t offset; /* -1: not known to be there */
    bool doubt, acked;
    int64_t found; /* in this round of checking */
} write_t;

typedef struct client {
    int32_t next[PARTITIONS];
    int64_t again;             /* a write in doubt, to be sent again; -1 */
    int64_t txn;               /* the number of the one that is open, or comes next */
    int64_t first[PARTITIONS]; /* the open one's first offset there; -1 */
    bool written[PARTITIONS];  /* it may be there */
    bool ending, committing;   /* its end is in doubt */
    VEC(bool) committed;       /* of those before: how they ended */
} client_t;

typedef struct sim {
    uint64_t seed, random;
    io_t *io;
    log_t *log;
    log_topic_t *topic;
    VEC(write_t) writes; /* a write's index is its value */
    client_t client[PRODUCERS];
    int64_t cuts, checks;
} sim_t;

static uint64_t pick(sim_t *s, uint64_t n)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (s->random >> 33) % n;
}

#define CHECK(s, x)                                                                                \
    do {                                                                                           \
        if (!(x))                                                                                  \
            die("seed %llu, line %d: %s", (unsigned long long)(s)->seed, __LINE__, #x);            \
    } while (0)

static void must(sim_t *s, st_t st, const err_t *err)
{
    if (st != ST_OK)
        die("seed %llu: %s: %s", (unsigned long long)s->seed, st_name(st), err->msg);
}

static int kind_of(int producer)
{
    return producer % 3;
}

static void open_log(sim_t *s)
{
    err_t err;
    log_local_options_t opt;
    log_local_options_init(&opt);
    opt.dir = STR("data");
    opt.no_thread = true;
    opt.tail_bytes = 64 << 10;
    opt.segment_bytes = 20 << 10;
    opt.retention_ms = -1;
    must(s, log_local_open(s->io, &opt, &s->log, &err), &err);
    if (log_topic_open(s->log, STR("t"), &s->topic, NULL) == ST_OK)
        return;
    must(s,
         log_topic_create(s->log, &(log_topic_spec_t){.name = STR("t"), .partitions = PARTITIONS},
                          &err),
         &err);
    must(s, log_topic_open(s->log, STR("t"), &s->topic, &err), &err);
}

/* ---- writing */

static void build(sim_t *s, int64_t value, buf_t *b)
{
    const write_t *w = &s->writes.ptr[value];
    char bytes[3000];
    memset(bytes, 'v', sizeof bytes);
    memcpy(bytes, &value, 8);
    bool known = kind_of(w->producer) != PLAIN;
    wire_batch_options_t opt = {.flags = w->txn >= 0 ? WIRE_TRANSACTIONAL : 0,
                                .producer_id = known ? w->producer : -1,
                                .producer_epoch = known ? 0 : -1,
                                .base_sequence = known ? w->sequence : -1};
    wire_writer_t out;
    wire_batch_begin(&out, b, &opt);
    wire_batch_add(&out, value, STR_NONE, str_n(bytes, 8 + pick(s, pick(s, 4) ? 100 : 2900)), NULL,
                   0);
    st_t st = wire_batch_finish(&out, NULL);
    CHECK(s, st == ST_OK);
}

/* A new write of the producer, or the one in doubt again. */
static int64_t next_write(sim_t *s, int producer)
{
    client_t *c = &s->client[producer];
    if (c->again >= 0)
        return c->again;
    write_t w = {
        .producer = producer, .partition = (int)pick(s, PARTITIONS), .offset = -1, .txn = -1};
    w.sequence = c->next[w.partition]++;
    if (kind_of(producer) == TRANSACTIONAL) {
        w.txn = c->txn;
        c->written[w.partition] = true;
    }
    VEC_PUSH(&s->writes, w);
    return (int64_t)s->writes.len - 1;
}

static void acknowledge(sim_t *s, int64_t value, const log_outcome_t *o)
{
    write_t *w = &s->writes.ptr[value];
    client_t *c = &s->client[w->producer];
    CHECK(s, o->st == (w->offset >= 0 ? ST_DUPLICATE : ST_OK));
    CHECK(s, w->offset < 0 || o->base_offset == w->offset);
    w->offset = o->base_offset;
    w->acked = true;
    w->doubt = false;
    c->again = -1;
    if (w->txn >= 0 && c->first[w->partition] < 0)
        c->first[w->partition] = w->offset;
}

/* Some producers at once, with one sync. */
static void write_some(sim_t *s)
{
    log_commit_t *commit[PRODUCERS];
    log_outcome_t outcome[PRODUCERS];
    int64_t value[PRODUCERS];
    size_t n = 0;
    for (int p = 0; p < PRODUCERS; p++) {
        if (s->client[p].ending || !pick(s, 2))
            continue;
        buf_t b = BUF_INIT;
        value[n] = next_write(s, p);
        build(s, value[n], &b);
        commit[n] = log_commit_new(s->log);
        log_commit_append(commit[n], s->topic, s->writes.ptr[value[n]].partition, buf_str(&b));
        buf_done(&b);
        n++;
    }
    log_commit_all(s->log, commit, n, outcome);
    for (size_t i = 0; i < n; i++) {
        write_t *w = &s->writes.ptr[value[i]];
        if (!io_sim_crashed(s->io)) {
            acknowledge(s, value[i], &outcome[i]);
            continue;
        }
        w->doubt = true;
        if (kind_of(w->producer) != PLAIN)
            s->client[w->producer].again = value[i];
    }
}

static void put_marker(sim_t *s, log_commit_t *commit, int producer, int partition, bool good)
{
    const char key[4] = {0, 0, 0, good ? 1 : 0}, value[6] = {0};
    wire_batch_options_t opt = {
        .flags = WIRE_TRANSACTIONAL | WIRE_CONTROL, .producer_id = producer, .base_sequence = -1};
    buf_t b = BUF_INIT;
    wire_writer_t out;
    wire_batch_begin(&out, &b, &opt);
    wire_batch_add(&out, 0, str_n(key, 4), str_n(value, 6), NULL, 0);
    st_t st = wire_batch_finish(&out, NULL);
    CHECK(s, st == ST_OK);
    log_commit_append(commit, s->topic, partition, buf_str(&b));
    buf_done(&b);
}

static void note_end(client_t *c, bool committed)
{
    VEC_PUSH(&c->committed, committed);
    c->txn++;
    c->ending = false;
    for (int p = 0; p < PARTITIONS; p++) {
        c->first[p] = -1;
        c->written[p] = false;
    }
}

static str_t fact_key(int producer)
{
    static const char keys[PRODUCERS + 1] = "abcdef";
    return str_n(keys + producer, 1);
}

static void end_txn(sim_t *s)
{
    err_t err;
    int producer = TRANSACTIONAL + 3 * (int)pick(s, PRODUCERS / 3);
    client_t *c = &s->client[producer];
    if (c->again >= 0) /* first it must be known where that is */
        return;
    if (!c->ending)
        c->committing = pick(s, 2);
    c->ending = true;
    log_commit_t *commit = log_commit_new(s->log);
    for (int p = 0; p < PARTITIONS; p++)
        if (c->written[p])
            put_marker(s, commit, producer, p, c->committing);
    int64_t fact = c->txn * 2 + c->committing;
    log_commit_fact(commit, fact_key(producer), str_n((const char *)&fact, 8));
    log_commit_offset(commit, fact_key(producer), STR("t"), 0, fact);
    must(s, log_commit(s->log, commit, NULL, &err), &err);
    if (!io_sim_crashed(s->io))
        note_end(c, c->committing);
}

/* ---- what is found */

static void check_ends(sim_t *s)
{
    for (int producer = TRANSACTIONAL; producer < PRODUCERS; producer += 3) {
        client_t *c = &s->client[producer];
        arena_t a;
        str_t text;
        int64_t fact = -1, offset;
        arena_init(&a, ARENA_NO_LIMIT);
        if (log_fact(s->log, fact_key(producer), &a, &text, NULL) == ST_OK)
            memcpy(&fact, text.ptr, 8);
        arena_done(&a);
        CHECK(s, log_committed(s->log, fact_key(producer), STR("t"), 0, &offset, NULL) == ST_OK);
        CHECK(s, offset == fact);
        int64_t last = (int64_t)c->committed.len - 1;
        if (c->ending && fact == c->txn * 2 + c->committing)
            note_end(c, c->committing);
        else
            CHECK(s, fact == (last < 0 ? -1 : last * 2 + c->committed.ptr[last]));
    }
}

static void check_write(sim_t *s, const wire_batch_t *b, int partition, int64_t *last)
{
    wire_reader_t r;
    wire_record_t rec;
    int64_t value = -1;
    wire_reader_init(&r, 1 << 20);
    CHECK(s, wire_reader_open(&r, b, NULL) == ST_OK && wire_reader_next(&r, &rec));
    memcpy(&value, rec.value.ptr, 8);
    wire_reader_done(&r);
    CHECK(s, value >= 0 && value < (int64_t)s->writes.len);
    write_t *w = &s->writes.ptr[value];
    CHECK(s, w->partition == partition && (w->acked || w->doubt));
    CHECK(s, w->offset < 0 || w->offset == b->base_offset);
    CHECK(s, last[w->producer] < value);
    last[w->producer] = value;
    w->offset = b->base_offset;
    w->found = s->checks;
    if (w->txn < 0)
        return;
    client_t *c = &s->client[w->producer];
    if (w->txn == c->txn && c->first[partition] < 0)
        c->first[partition] = w->offset;
    bool aborted = w->txn < c->txn && !c->committed.ptr[w->txn];
    CHECK(s, log_is_aborted(s->topic, partition, w->producer, w->offset) == aborted);
}

static void check_partition(sim_t *s, int partition)
{
    err_t err;
    log_offsets_t o;
    int64_t last[PRODUCERS], stable;
    memset(last, -1, sizeof last);
    must(s, log_topic_offsets(s->topic, partition, &o, &err), &err);
    for (int64_t at = 0; at < o.end;) {
        log_chunk_t c;
        must(s, log_read(s->topic, partition, at, 1 + pick(s, 4000), &c, &err), &err);
        for (str_t in = c.bytes; in.len;) {
            wire_batch_t b;
            must(s, wire_batch_next(&in, &b, &err), &err);
            CHECK(s, b.base_offset == at && wire_batch_check(&b, NULL) == ST_OK);
            at = b.last_offset + 1;
            if (!(b.attributes & WIRE_CONTROL))
                check_write(s, &b, partition, last);
        }
        log_chunk_unref(&c);
    }
    stable = o.end;
    for (int p = 0; p < PRODUCERS; p++)
        if (s->client[p].first[partition] >= 0 && s->client[p].first[partition] < stable)
            stable = s->client[p].first[partition];
    CHECK(s, o.stable == stable);
}

static void check_all(sim_t *s)
{
    s->checks++;
    check_ends(s);
    for (int p = 0; p < PARTITIONS; p++)
        check_partition(s, p);
    for (size_t i = 0; i < s->writes.len; i++) {
        write_t *w = &s->writes.ptr[i];
        CHECK(s, w->offset < 0 || w->found == s->checks);
        if (w->doubt && kind_of(w->producer) == PLAIN) { /* nobody will ask for it again */
            w->doubt = false;
            w->acked = w->offset >= 0;
        }
    }
}

/* ---- lives */

static void live(sim_t *s)
{
    err_t err;
    open_log(s);
    check_all(s);
    for (int step = 0; step < STEPS && !io_sim_crashed(s->io); step++) {
        switch (pick(s, 10)) {
        case 0:
            must(s, log_local_upkeep(s->log, pick(s, 2), &err), &err);
            break;
        case 1:
        case 2:
            end_txn(s);
            break;
        default:
            write_some(s);
        }
    }
    s->cuts += io_sim_crashed(s->io);
    log_topic_unref(s->topic);
    log_close(s->log);
}

static int64_t run_seed(uint64_t seed)
{
    sim_t s = {.seed = seed, .random = seed * 977, .io = io_sim_new(seed)};
    for (int p = 0; p < PRODUCERS; p++) {
        s.client[p].again = -1;
        memset(s.client[p].first, -1, sizeof s.client[p].first);
    }
    for (int i = 0; i < LIVES; i++) {
        if (i) /* first the topic is made */
            io_sim_crash_after(s.io, 1 + (int64_t)pick(&s, pick(&s, 2) ? 20 : 100));
        live(&s);
        io_sim_restart(s.io);
    }
    open_log(&s);
    check_all(&s);
    log_topic_unref(s.topic);
    log_close(s.log);
    for (int p = 0; p < PRODUCERS; p++)
        VEC_DONE(&s.client[p].committed);
    VEC_DONE(&s.writes);
    io_free(s.io);
    return s.cuts;
}

int main(int argc, char **argv)
{
    int64_t first = 1, want = getenv("ARUS_SOAK") ? 2000 : 400, cuts = 0, seed;
    if (argc > 1 && !str_to_i64(str_of(argv[1]), &first))
        return 2;
    if (argc > 2 && !str_to_i64(str_of(argv[2]), &want))
        return 2;
    for (seed = first; cuts < want; seed++)
        cuts += run_seed((uint64_t)seed);
    printf("%lld power cuts, seeds %lld to %lld: all well\n", (long long)cuts, (long long)first,
           (long long)seed - 1);
    return 0;
}
