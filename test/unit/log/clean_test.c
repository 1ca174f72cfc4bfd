/* Compaction, in a simulated world. */
#include "log/local/clean.c"

#include "world.h"

static log_topic_t *compacted(world_t *w, const char *tombstones_ms)
{
    log_config_t config[] = {{STR("cleanup.policy"), STR("compact")},
                             {STR("delete.retention.ms"), str_of(tombstones_ms)},
                             {STR("segment.bytes"), STR("2000")}};
    log_topic_t *t;
    OK(w, log_topic_create(w->log,
                           &(log_topic_spec_t){
                               .name = STR("c"), .partitions = 1, .config = config, .n_configs = 3},
                           &w->err));
    OK(w, log_topic_open(w->log, STR("c"), &t, &w->err));
    return t;
}

/* Records k<i % keys> = v<i> for i in [from, to), n a batch. value NULL: tombstones. */
static void put(world_t *w, log_topic_t *t, int from, int to, int keys, int n, bool value,
                const wire_batch_options_t *opt)
{
    for (int i = from; i < to;) {
        buf_t b = BUF_INIT;
        wire_writer_t writer;
        wire_batch_begin(&writer, &b, opt);
        for (int k = 0; k < n && i < to; k++, i++) {
            char key[16], text[60];
            snprintf(key, sizeof key, "k%d", i % keys);
            snprintf(text, sizeof text, "v%d                                        ", i);
            wire_batch_add(&writer, 1000 + i, str_of(key), value ? str_of(text) : STR_NONE,
                           &(wire_header_t){STR("h"), str_of(key)}, 1);
        }
        OK(w, wire_batch_finish(&writer, &w->err));
        log_commit_t *c = log_commit_new(w->log);
        log_commit_append(c, t, 0, buf_str(&b));
        OK(w, log_commit(w->log, c, NULL, &w->err));
        buf_done(&b);
    }
}

/* All records as "offset:key=value@ts " with a '-' for no value; every read is tried from each
 * offset. */
static char *dump(world_t *w, log_topic_t *t)
{
    log_offsets_t o;
    OK(w, log_topic_offsets(t, 0, &o, &w->err));
    buf_t b = BUF_INIT;
    wire_reader_t r;
    wire_reader_init(&r, 1 << 20);
    for (int64_t at = o.start, next; at < o.end; at = next) {
        log_chunk_t c;
        OK(w, log_read(t, 0, at, 300, &c, &w->err));
        next = c.next_offset;
        for (str_t in = c.bytes; in.len;) {
            wire_batch_t batch;
            OK(w, wire_batch_next(&in, &batch, &w->err));
            OK(w, wire_batch_check(&batch, &w->err));
            if (batch.attributes & WIRE_CONTROL)
                continue;
            OK(w, wire_reader_open(&r, &batch, &w->err));
            for (wire_record_t rec; wire_reader_next(&r, &rec);) {
                str_t rest = rec.value, value;
                if (!str_split(&rest, ' ', &value))
                    value = STR("");
                if (rec.offset >= at)
                    buf_printf(&b, "%d:" STR_FMT "=" STR_FMT "@%d ", (int)rec.offset,
                               STR_ARG(rec.key), STR_ARG(rec.value.ptr ? value : STR("-")),
                               (int)rec.ts_ms);
                assert_int_equal(1, rec.n_headers);
            }
            OK(w, wire_reader_end(&r, &w->err));
        }
        log_chunk_unref(&c);
        for (int64_t from = at; from < next; from++) {
            OK(w, log_read(t, 0, from, 1, &c, &w->err));
            assert_true(c.next_offset > from);
            log_chunk_unref(&c);
        }
    }
    wire_reader_done(&r);
    buf_put_char(&b, 0);
    return buf_take(&b, &(size_t){0});
}

static void assert_dump(world_t *w, log_topic_t *t, const char *want)
{
    char *got = dump(w, t);
    assert_string_equal(want, got);
    free(got);
}

static void upkeep_and_clean(world_t *w)
{
    OK(w, log_local_upkeep(w->log, true, &w->err));
    OK(w, log_local_clean(w->log, true, &w->err));
    OK(w, log_local_upkeep(w->log, false, &w->err));
}

static void reopen(world_t *w, log_topic_t **t, bool kill)
{
    log_topic_unref(*t);
    if (kill) {
        world_kill(w);
        OK(w, log_local_open(w->io, &w->opt, &w->log, &w->err));
    } else {
        world_reopen(w);
    }
    OK(w, log_topic_open(w->log, STR("c"), t, &w->err));
}

static void newest_stay(void **state)
{
    world_t *w = *state;
    log_topic_t *t = compacted(w, "1000");
    put(w, t, 0, 100, 3, 7, true, &WIRE_BATCH_PLAIN);
    int64_t before, after;
    OK(w, log_local_upkeep(w->log, true, &w->err));
    before = log_topic_bytes(t, 0);
    upkeep_and_clean(w);
    after = log_topic_bytes(t, 0);
    assert_true(after < before / 4);
    const char *want = "97:k1=v97@1097 98:k2=v98@1098 99:k0=v99@1099 ";
    assert_dump(w, t, want);
    put(w, t, 97, 100, 3, 7, true, &WIRE_BATCH_PLAIN);
    OK(w, log_local_upkeep(w->log, true, &w->err));
    OK(w, log_local_clean(w->log, true, &w->err));
    reopen(w, &t, true); /* no checkpoint was written since: the old segments are there */
    want = "100:k1=v97@1097 101:k2=v98@1098 102:k0=v99@1099 ";
    upkeep_and_clean(w);
    assert_dump(w, t, want);
    OK(w, log_local_upkeep(w->log, true, &w->err));
    reopen(w, &t, true);
    assert_dump(w, t, want);
    put(w, t, 100, 102, 3, 1, true, &WIRE_BATCH_PLAIN);
    upkeep_and_clean(w);
    reopen(w, &t, false);
    assert_dump(w, t, "102:k0=v99@1099 103:k1=v100@1100 104:k2=v101@1101 ");
    log_topic_unref(t);
}

static void compressed(void **state)
{
    world_t *w = *state;
    log_topic_t *t = compacted(w, "1000");
    wire_batch_options_t opt = WIRE_BATCH_PLAIN;
    opt.codec = WIRE_ZSTD;
    put(w, t, 0, 50, 10, 25, true, &opt);
    upkeep_and_clean(w);
    char *got = dump(w, t);
    assert_true(str_starts(str_of(got), STR("40:k0=v40@1040 ")));
    free(got);
    log_topic_unref(t);
}

static void tombstones(void **state)
{
    world_t *w = *state;
    log_topic_t *t = compacted(w, "5000");
    put(w, t, 0, 6, 3, 2, true, &WIRE_BATCH_PLAIN);
    put(w, t, 6, 8, 3, 2, false, &WIRE_BATCH_PLAIN);
    upkeep_and_clean(w);
    assert_dump(w, t, "5:k2=v5@1005 6:k0=-@1006 7:k1=-@1007 ");
    put(w, t, 8, 9, 3, 1, true, &WIRE_BATCH_PLAIN);
    upkeep_and_clean(w);
    assert_dump(w, t, "6:k0=-@1006 7:k1=-@1007 8:k2=v8@1008 ");
    io_sleep_ms(w->io, 6000);
    put(w, t, 11, 12, 3, 1, true, &WIRE_BATCH_PLAIN);
    upkeep_and_clean(w);
    assert_dump(w, t, "9:k2=v11@1011 ");
    reopen(w, &t, false);
    assert_dump(w, t, "9:k2=v11@1011 ");
    log_topic_unref(t);
}

static void no_end_is_lost(void **state)
{
    world_t *w = *state;
    log_topic_t *t = compacted(w, "0");
    put(w, t, 0, 30, 3, 5, true, &WIRE_BATCH_PLAIN);
    put(w, t, 0, 3, 3, 3, false, &WIRE_BATCH_PLAIN);
    upkeep_and_clean(w);
    assert_dump(w, t, "");
    reopen(w, &t, false);
    log_offsets_t o;
    OK(w, log_topic_offsets(t, 0, &o, &w->err));
    assert_int_equal(33, o.end);
    put(w, t, 0, 1, 3, 1, true, &WIRE_BATCH_PLAIN);
    upkeep_and_clean(w);
    assert_dump(w, t, "33:k0=v0@1000 ");
    log_topic_unref(t);
}

static void marker(world_t *w, log_topic_t *t, int64_t id, bool commit)
{
    buf_t b = BUF_INIT;
    wire_writer_t writer;
    wire_batch_options_t opt = {
        .producer_id = id, .base_sequence = -1, .flags = WIRE_TRANSACTIONAL | WIRE_CONTROL};
    char key[4] = {0, 0, 0, commit};
    wire_batch_begin(&writer, &b, &opt);
    wire_batch_add(&writer, 1, str_n(key, 4), STR("123456"), NULL, 0);
    OK(w, wire_batch_finish(&writer, &w->err));
    log_commit_t *c = log_commit_new(w->log);
    log_commit_append(c, t, 0, buf_str(&b));
    OK(w, log_commit(w->log, c, NULL, &w->err));
    buf_done(&b);
}

static void transactions(void **state)
{
    world_t *w = *state;
    log_topic_t *t = compacted(w, "1000");
    wire_batch_options_t seven = {.producer_id = 7, .flags = WIRE_TRANSACTIONAL};
    wire_batch_options_t eight = {.producer_id = 8, .flags = WIRE_TRANSACTIONAL};
    put(w, t, 0, 2, 3, 2, true, &WIRE_BATCH_PLAIN);
    put(w, t, 3, 4, 3, 1, true, &seven); /* k0, aborted */
    marker(w, t, 7, false);
    put(w, t, 4, 5, 3, 1, true, &eight); /* k1, committed */
    marker(w, t, 8, true);
    wire_batch_options_t open = {.producer_id = 9, .flags = WIRE_TRANSACTIONAL};
    put(w, t, 6, 7, 3, 1, true, &open);
    upkeep_and_clean(w); /* one segment, and a transaction is open in it: nothing is done */
    assert_true(log_is_aborted(t, 0, 7, 2));
    marker(w, t, 9, true);
    upkeep_and_clean(w);
    assert_dump(w, t, "4:k1=v4@1004 6:k0=v6@1006 ");
    assert_false(log_is_aborted(t, 0, 7, 2));
    log_topic_unref(t);
}

static void only_when_it_is_worth_it(void **state)
{
    world_t *w = *state;
    log_topic_t *t = compacted(w, "1000");
    put(w, t, 0, 20, 3, 1, true, &WIRE_BATCH_PLAIN);
    OK(w, log_local_upkeep(w->log, true, &w->err));
    OK(w, log_local_clean(w->log, false, &w->err));
    int64_t size = log_topic_bytes(t, 0);
    put(w, t, 20, 24, 3, 1, true, &WIRE_BATCH_PLAIN); /* the newest segment is not closed */
    OK(w, log_local_upkeep(w->log, true, &w->err));
    OK(w, log_local_clean(w->log, false, &w->err));
    assert_true(log_topic_bytes(t, 0) > size);
    io_sleep_ms(w->io, 8 * INT64_C(86400000)); /* segment.ms */
    OK(w, log_local_clean(w->log, false, &w->err));
    assert_dump(w, t, "21:k0=v21@1021 22:k1=v22@1022 23:k2=v23@1023 ");
    log_topic_unref(t);
}

/* Without memory for the newest batches: what is read comes from segments. */
static int enter(void **state)
{
    world_enter(state);
    world_t *w = *state;
    w->opt.tail_bytes = 0;
    world_reopen(w);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, world_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(newest_stay),    TEST(compressed),   TEST(tombstones),
        TEST(no_end_is_lost), TEST(transactions), TEST(only_when_it_is_worth_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
