/* Crashes of the local log in a simulated world.
 *
 * A life: open, random commits over several topics' partitions and a group's offsets, now and then
 * a topic made or deleted, an upkeep, a compaction, a close; until the power fails somewhere. After
 * each crash: every acknowledged commit is there (of compacted topics its first record), the one
 * under way is there whole or not at all, nothing else is, batches' offsets are dense, CRCs hold
 * (log_read checks them), the group and the fact stand where the last commit put them. With memory
 * durability (every third seed, without deletions) the newest commits may be lost, but what is
 * there is what was there at one moment.
 *
 * log_sim [FIRST_SEED [SEEDS]]; a failure names its seed.
 */
#include "io/sim.h"
#include "log/local/local.h"
#include "wire/batch.h"

#include <stdio.h>

#define TOPICS      4
#define PARTITIONS  3
#define LIVES       6
#define STEPS       60
#define TOUCHED_MAX 5

/* What should be there: per partition, the commits in order, one batch each. */
typedef struct expected {
    VEC(int64_t) commits[TOPICS][PARTITIONS];
    int64_t first[TOPICS]; /* the commit before which the topic was made */
    bool exists[TOPICS];
    int64_t group[TOPICS][PARTITIONS];
    int64_t fact; /* the last commit that had one */
} expected_t;

typedef struct sim {
    uint64_t seed, random;
    io_t *io;
    log_t *log;
    expected_t model;
    int64_t commit; /* the last */
    int touched[TOUCHED_MAX][2], n_touched;
    int topic_changed;              /* by the change under way; -1 */
    bool memory;                    /* durability */
    bool lossy;                     /* memory, and the last life ended by a crash */
    int64_t last_found, first_lost; /* memory: over all partitions */
} sim_t;

static uint64_t pick(sim_t *s, uint64_t n)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (s->random >> 33) % n;
}

#define CHECK(s, x)                                                                                \
    do {                                                                                           \
        if (!(x))                                                                                  \
            die("seed %llu, commit %lld, line %d: %s", (unsigned long long)(s)->seed,              \
                (long long)(s)->commit, __LINE__, #x);                                             \
    } while (0)

static void must(sim_t *s, st_t st, const err_t *err)
{
    if (st != ST_OK)
        die("seed %llu, commit %lld: %s: %s", (unsigned long long)s->seed, (long long)s->commit,
            st_name(st), err->msg);
}

static str_t topic_name(int i)
{
    static const char names[TOPICS][2] = {"a", "b", "c", "d"};
    return str_n(names[i], 1);
}

static void open_log(sim_t *s)
{
    err_t err;
    log_local_options_t opt;
    log_local_options_init(&opt);
    opt.dir = STR("data");
    opt.no_thread = true;
    opt.tail_bytes = 256 << 10;
    opt.segment_bytes = 20 << 10;
    opt.retention_ms = -1;
    opt.durability = s->memory ? LOG_DURABILITY_MEMORY : LOG_DURABILITY_SYNC;
    must(s, log_local_open(s->io, &opt, &s->log, &err), &err);
}

/* One batch of 1 to 4 records that all say which commit they are of; the first has a key of its
 * own, so it outlives compaction. */
static void build_batch(sim_t *s, buf_t *b)
{
    wire_writer_t w;
    wire_batch_begin(&w, b, &WIRE_BATCH_PLAIN);
    char value[3000];
    memset(value, 'v', sizeof value);
    memcpy(value, &s->commit, 8);
    size_t len = pick(s, 4) ? 8 + pick(s, 100) : 8 + pick(s, sizeof value - 8);
    for (uint64_t i = 0, n = 1 + pick(s, 4); i < n; i++)
        wire_batch_add(&w, 1000 * s->commit, i ? STR("again") : str_n(value, 8), str_n(value, len),
                       NULL, 0);
    st_t st = wire_batch_finish(&w, NULL);
    CHECK(s, st == ST_OK);
}

static void note_commit(sim_t *s)
{
    for (int i = 0; i < s->n_touched; i++) {
        int t = s->touched[i][0], p = s->touched[i][1];
        VEC_PUSH(&s->model.commits[t][p], s->commit);
        s->model.group[t][p] = s->commit;
    }
    if (s->n_touched)
        s->model.fact = s->commit;
}

static void do_commit(sim_t *s)
{
    err_t err;
    log_commit_t *c = log_commit_new(s->log);
    s->commit++;
    s->n_touched = 0;
    s->topic_changed = -1;
    for (uint64_t i = 0, n = 1 + pick(s, TOUCHED_MAX); i < n; i++) {
        int t = (int)pick(s, TOPICS), p = (int)pick(s, PARTITIONS);
        bool twice = false;
        for (int k = 0; k < s->n_touched; k++)
            twice |= s->touched[k][0] == t && s->touched[k][1] == p;
        if (!s->model.exists[t] || twice)
            continue;
        log_topic_t *topic;
        must(s, log_topic_open(s->log, topic_name(t), &topic, &err), &err);
        buf_t b = BUF_INIT;
        build_batch(s, &b);
        log_commit_append(c, topic, p, buf_str(&b));
        log_commit_offset(c, STR("group"), topic_name(t), p, s->commit);
        buf_done(&b);
        log_topic_unref(topic);
        s->touched[s->n_touched][0] = t;
        s->touched[s->n_touched++][1] = p;
    }
    if (s->n_touched)
        log_commit_fact(c, STR("last"), str_n((const char *)&s->commit, 8));
    must(s, log_commit(s->log, c, NULL, &err), &err);
    if (!io_sim_crashed(s->io))
        note_commit(s);
}

static void note_topic(sim_t *s, int t)
{
    s->model.exists[t] = !s->model.exists[t];
    for (int p = 0; p < PARTITIONS; p++) {
        VEC_CLEAR(&s->model.commits[t][p]);
        s->model.group[t][p] = -1;
    }
}

static void change_topic(sim_t *s)
{
    err_t err;
    int t = (int)pick(s, TOPICS);
    const log_config_t compact = {STR("cleanup.policy"), STR("compact")};
    s->n_touched = 0;
    s->topic_changed = t;
    if (s->model.exists[t] && (s->memory || pick(s, 3)))
        return;
    if (s->model.exists[t])
        must(s, log_topic_delete(s->log, topic_name(t), &err), &err);
    else
        must(s,
             log_topic_create(s->log,
                              &(log_topic_spec_t){.name = topic_name(t),
                                                  .partitions = PARTITIONS,
                                                  .config = &compact,
                                                  .n_configs = t < 2},
                              &err),
             &err);
    if (!io_sim_crashed(s->io))
        note_topic(s, t);
}

/* ---- what is found */

static int64_t commit_of(sim_t *s, const wire_batch_t *b)
{
    wire_reader_t r;
    wire_record_t rec;
    int64_t commit = -1, n = 0;
    wire_reader_init(&r, 1 << 20);
    CHECK(s, wire_reader_open(&r, b, NULL) == ST_OK);
    while (wire_reader_next(&r, &rec)) {
        CHECK(s, rec.value.len >= 8 && rec.offset >= b->base_offset + n);
        CHECK(s, n++ || rec.offset == b->base_offset);
        memcpy(&commit, rec.value.ptr, 8);
    }
    CHECK(s, wire_reader_end(&r, NULL) == ST_OK && n > 0);
    wire_reader_done(&r);
    return commit;
}

/* The model's commits from the n-th on were lost: allowed with memory durability. */
static void lose_from(sim_t *s, int t, int p, size_t n)
{
    size_t len = s->model.commits[t][p].len;
    const int64_t *commit = s->model.commits[t][p].ptr;
    if (n > 0 && n <= len && commit[n - 1] > s->last_found)
        s->last_found = commit[n - 1];
    if (n > len && s->commit > s->last_found)
        s->last_found = s->commit;
    if (n >= len)
        return;
    if (commit[n] < s->first_lost)
        s->first_lost = commit[n];
    s->model.commits[t][p].len = n;
    s->model.group[t][p] = n ? commit[n - 1] : -1;
}

/* Reads the partition whole: the model's commits, and perhaps one more, `extra`. True when that was
 * there. */
static bool check_partition(sim_t *s, log_topic_t *topic, int t, int p, int64_t extra)
{
    err_t err;
    log_offsets_t o;
    must(s, log_topic_offsets(topic, p, &o, &err), &err);
    CHECK(s, o.start == 0);
    size_t n = 0, want = s->model.commits[t][p].len;
    bool found = false;
    for (int64_t at = 0; at < o.end;) {
        log_chunk_t c;
        must(s, log_read(topic, p, at, 1 + pick(s, 4000), &c, &err), &err);
        CHECK(s, c.next_offset > at);
        for (str_t in = c.bytes; in.len; n++) {
            wire_batch_t b;
            must(s, wire_batch_next(&in, &b, &err), &err);
            CHECK(s, b.base_offset == at && wire_batch_check(&b, NULL) == ST_OK);
            at = b.last_offset + 1;
            int64_t commit = commit_of(s, &b);
            if (n < want)
                CHECK(s, commit == s->model.commits[t][p].ptr[n]);
            else
                CHECK(s, n == want && commit == extra);
            found |= n == want;
        }
        CHECK(s, c.next_offset == at);
        log_chunk_unref(&c);
    }
    CHECK(s, n >= want || s->lossy);
    lose_from(s, t, p, n);
    return found;
}

static bool topic_is_there(sim_t *s, int t, log_topic_t **ret)
{
    return log_topic_open(s->log, topic_name(t), ret, NULL) == ST_OK;
}

static bool was_touched(const sim_t *s, int t, int p)
{
    for (int i = 0; i < s->n_touched; i++)
        if (s->touched[i][0] == t && s->touched[i][1] == p)
            return true;
    return false;
}

/* After a crash in a commit, decides from what is found whether it took place, and holds all
 * partitions to that. */
static void check_all(sim_t *s, bool crashed)
{
    int found = 0;
    log_topic_t *topic;
    s->last_found = -1;
    s->first_lost = INT64_MAX;
    for (int t = 0; t < TOPICS; t++) {
        bool there = topic_is_there(s, t, &topic);
        if (there != s->model.exists[t]) {
            bool changed = crashed && s->topic_changed == t;
            CHECK(s, changed || (s->lossy && !there));
            for (int p = 0; !changed && p < PARTITIONS; p++)
                lose_from(s, t, p, 0);
            note_topic(s, t);
        }
        for (int p = 0; there && p < PARTITIONS; p++)
            found +=
                check_partition(s, topic, t, p, crashed && was_touched(s, t, p) ? s->commit : -1);
        if (there)
            log_topic_unref(topic);
    }
    CHECK(s, found == 0 || found == s->n_touched);
    CHECK(s, s->last_found < s->first_lost);
    s->lossy = false;
    if (found)
        note_commit(s);
    for (int t = 0; t < TOPICS; t++)
        for (int p = 0; s->model.exists[t] && p < PARTITIONS; p++) {
            int64_t offset;
            CHECK(s, log_committed(s->log, STR("group"), topic_name(t), p, &offset, NULL) == ST_OK);
            CHECK(s, offset == s->model.group[t][p]);
        }
    if (!s->memory) {
        arena_t a;
        str_t fact;
        arena_init(&a, ARENA_NO_LIMIT);
        st_t st = log_fact(s->log, STR("last"), &a, &fact, NULL);
        CHECK(s, s->model.fact ? st == ST_OK && !memcmp(fact.ptr, &s->model.fact, 8)
                               : st == ST_NOT_FOUND);
        arena_done(&a);
    }
    s->n_touched = 0;
    s->topic_changed = -1;
}

static void live(sim_t *s)
{
    err_t err;
    open_log(s);
    check_all(s, true);
    for (int step = 0; step < STEPS && !io_sim_crashed(s->io); step++) {
        switch (pick(s, 13)) {
        case 0:
            change_topic(s);
            break;
        case 1:
            must(s, log_local_upkeep(s->log, pick(s, 2), &err), &err);
            break;
        case 2:
            check_all(s, false);
            break;
        case 3:
            must(s, log_local_clean(s->log, true, &err), &err);
            break;
        default:
            do_commit(s);
            break;
        }
    }
    if (!io_sim_crashed(s->io)) {
        s->n_touched = 0;
        s->topic_changed = -1;
    }
    s->lossy = s->memory && io_sim_crashed(s->io);
    log_close(s->log);
    s->lossy |= s->memory && io_sim_crashed(s->io);
}

static void run_seed(uint64_t seed)
{
    sim_t s = {.seed = seed, .random = seed * 977, .topic_changed = -1, .memory = seed % 3 == 0};
    s.io = io_sim_new(seed);
    for (int life = 0; life < LIVES; life++) {
        if (pick(&s, 5))
            io_sim_crash_after(s.io, 1 + (int64_t)pick(&s, pick(&s, 2) ? 30 : 300));
        live(&s);
        io_sim_restart(s.io);
    }
    open_log(&s);
    check_all(&s, true);
    log_close(s.log);
    for (int t = 0; t < TOPICS; t++)
        for (int p = 0; p < PARTITIONS; p++)
            VEC_DONE(&s.model.commits[t][p]);
    io_free(s.io);
}

int main(int argc, char **argv)
{
    int64_t first = 1, n = 100;
    if (argc > 1 && !str_to_i64(str_of(argv[1]), &first))
        return 2;
    if (argc > 2 && !str_to_i64(str_of(argv[2]), &n))
        return 2;
    for (int64_t seed = first; seed < first + n; seed++)
        run_seed((uint64_t)seed);
    printf("%lld seeds from %lld, up to %d crashes each: all well\n", (long long)n,
           (long long)first, LIVES);
    return 0;
}
