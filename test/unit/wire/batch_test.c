/* Batches there and back under every codec, a batch byte for byte, and hostile headers and records.
 */
#include "wire/batch.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static buf_t build(wire_codec_t codec, int n)
{
    buf_t b = BUF_INIT;
    wire_writer_t w;
    wire_batch_options_t opt = WIRE_BATCH_PLAIN;
    opt.codec = codec;
    wire_batch_begin(&w, &b, &opt);
    for (int i = 0; i < n; i++) {
        char value[32];
        int len = snprintf(value, sizeof value, "value %d", i);
        wire_header_t h[] = {{STR("a"), STR("1")}, {STR("null"), STR_NONE}};
        wire_batch_add(&w, 1000 + (i * 7) % 50, i % 3 ? STR("key") : STR_NONE,
                       i % 5 ? str_n(value, (size_t)len) : STR_NONE, h, i % 4 ? 0 : 2);
    }
    assert_int_equal(ST_OK, wire_batch_finish(&w, NULL));
    return b;
}

static void check(wire_reader_t *r, const wire_batch_t *b, int n)
{
    err_t err;
    wire_record_t rec;
    assert_int_equal(ST_OK, wire_reader_open(r, b, &err));
    for (int i = 0; i < n; i++) {
        char value[32];
        int len = snprintf(value, sizeof value, "value %d", i);
        assert_true(wire_reader_next(r, &rec));
        assert_int_equal(b->base_offset + i, rec.offset);
        assert_int_equal(1000 + (i * 7) % 50, rec.ts_ms);
        assert_int_equal(i % 3 != 0, rec.key.ptr != NULL);
        assert_int_equal(i % 5 != 0, rec.value.ptr != NULL);
        assert_true(i % 5 == 0 || str_eq(str_n(value, (size_t)len), rec.value));
        wire_headers_t h = wire_record_headers(&rec);
        wire_header_t one;
        int headers = 0;
        while (wire_headers_next(&h, &one))
            headers++;
        assert_false(h.bad);
        assert_int_equal(i % 4 ? 0 : 2, headers);
    }
    assert_false(wire_reader_next(r, &rec));
    assert_int_equal(ST_OK, wire_reader_end(r, &err));
}

static void there_and_back(void **state)
{
    (void)state;
    wire_reader_t r;
    wire_reader_init(&r, 1 << 20);
    for (int codec = 0; codec < 5; codec++) {
        buf_t b = build((wire_codec_t)codec, 1000), two = build((wire_codec_t)codec, 1);
        wire_batch_place(b.ptr, 5000, 3);
        buf_put_str(&b, buf_str(&two));
        str_t in = buf_str(&b);
        wire_batch_t batch;
        assert_int_equal(ST_OK, wire_batch_next(&in, &batch, NULL));
        assert_int_equal(ST_OK, wire_batch_check(&batch, NULL));
        assert_int_equal(5000, batch.base_offset);
        assert_int_equal(5999, batch.last_offset);
        assert_int_equal(3, batch.leader_epoch);
        assert_int_equal(codec, wire_batch_codec(&batch));
        assert_int_equal(1000, batch.base_ts_ms);
        assert_int_equal(1049, batch.max_ts_ms);
        assert_int_equal(-1, batch.producer_id);
        check(&r, &batch, 1000);
        assert_int_equal(ST_OK, wire_batch_next(&in, &batch, NULL));
        check(&r, &batch, 1);
        assert_int_equal(0, in.len);
        buf_done(&b), buf_done(&two);
    }
    wire_reader_done(&r);
}

static void bytes(void **state)
{
    (void)state;
    buf_t b = BUF_INIT;
    wire_writer_t w;
    wire_batch_options_t opt = {
        .producer_id = 9, .producer_epoch = 2, .base_sequence = 4, .flags = WIRE_TRANSACTIONAL};
    wire_batch_begin(&w, &b, &opt);
    wire_batch_add(&w, 0x0102030405, STR("k"), STR("v"), NULL, 0);
    wire_batch_add(&w, 0x0102030404, STR(""), STR_NONE, NULL, 0);
    assert_int_equal(ST_OK, wire_batch_finish(&w, NULL));
    static const uint8_t want[] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0, 65, 0, 0, 0,   0, 2,   0, 0,  0, 0, 0, 0x10, 0, 0, 0,
        1, 0, 0, 0, 1, 2, 3, 4, 5, 0,  0, 0,  1, 2, 3,   4, 5,   0, 0,  0, 0, 0, 0,    0, 9, 0,
        2, 0, 0, 0, 4, 0, 0, 0, 2, 16, 0, 0,  0, 2, 'k', 2, 'v', 0, 12, 0, 1, 2, 0,    1, 0};
    memset(b.ptr + AT_CRC, 0, 4);
    assert_int_equal(sizeof want, b.len);
    assert_memory_equal(want, b.ptr, b.len);
    buf_done(&b);
}

static void empty(void **state)
{
    (void)state;
    buf_t b = build(WIRE_NONE, 0);
    assert_int_equal(0, b.len);
    buf_done(&b);
}

/* Records of every length around where the length's varint grows, and every way to copy. */
static void lengths(void **state)
{
    (void)state;
    char text[9000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)i;
    wire_reader_t r;
    wire_reader_init(&r, 1 << 20);
    for (size_t n = 0; n < sizeof text; n = n < 150 || (n > 8100 && n < 8220) ? n + 1 : n + 113) {
        buf_t b = BUF_INIT;
        wire_writer_t w;
        wire_batch_t batch;
        wire_record_t rec;
        char *key = mem_dup(text, n),
             *value = mem_dup(text + n / 2, n / 2); /* ends that a sanitizer sees */
        wire_batch_begin(&w, &b, &WIRE_BATCH_PLAIN);
        for (int i = 0; i < 2; i++)
            wire_batch_add(&w, i ? INT64_MAX : INT64_MIN, str_n(key, n), str_n(value, n / 2), NULL,
                           0);
        assert_int_equal(ST_OK, wire_batch_finish(&w, NULL));
        str_t in = buf_str(&b);
        assert_int_equal(ST_OK, wire_batch_next(&in, &batch, NULL));
        assert_int_equal(ST_OK, wire_reader_open(&r, &batch, NULL));
        for (int i = 0; i < 2; i++) {
            assert_true(wire_reader_next(&r, &rec));
            assert_true(rec.ts_ms == (i ? INT64_MAX : INT64_MIN));
            assert_true(str_eq(str_n(key, n), rec.key) && str_eq(str_n(value, n / 2), rec.value));
        }
        assert_int_equal(ST_OK, wire_reader_end(&r, NULL));
        free(key), free(value);
        buf_done(&b);
    }
    wire_reader_done(&r);
}

static void every_flip_is_seen(void **state)
{
    (void)state;
    buf_t b = build(WIRE_NONE, 3);
    for (size_t bit = AT_MAGIC * 8; bit < b.len * 8; bit++) {
        b.ptr[bit / 8] ^= (char)(1 << bit % 8);
        str_t in = buf_str(&b);
        wire_batch_t batch;
        st_t st = wire_batch_next(&in, &batch, NULL);
        assert_true(st != ST_OK || wire_batch_check(&batch, NULL) == ST_CORRUPT);
        b.ptr[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < b.len; cut++) {
        str_t in = str_n(b.ptr, cut);
        wire_batch_t batch;
        assert_int_equal(ST_PARTIAL, wire_batch_next(&in, &batch, NULL));
        assert_int_equal(cut, in.len);
    }
    buf_done(&b);
}

/* The CRC fits, yet the records lie: any byte of them may be anything. */
static void hostile_records(void **state)
{
    (void)state;
    buf_t b = build(WIRE_NONE, 20);
    wire_reader_t r;
    wire_reader_init(&r, 1 << 20);
    for (size_t i = AT_LAST_DELTA; i < b.len; i++)
        for (int v = 0; v < 256; v += 5) {
            char *copy = mem_dup(b.ptr, b.len); /* so that a sanitizer sees the end */
            copy[i] = (char)v;
            str_t in = str_n(copy, b.len);
            wire_batch_t batch;
            wire_record_t rec;
            size_t sum = 0;
            if (wire_batch_next(&in, &batch, NULL) == ST_OK &&
                wire_reader_open(&r, &batch, NULL) == ST_OK) {
                while (wire_reader_next(&r, &rec)) {
                    wire_headers_t h = wire_record_headers(&rec);
                    wire_header_t one;
                    while (wire_headers_next(&h, &one))
                        sum += one.key.len + one.value.len;
                    assert_in_range(rec.offset, batch.base_offset, batch.last_offset);
                    sum += rec.key.len + rec.value.len;
                }
                assert_true(sum <= b.len);
            }
            free(copy);
        }
    wire_reader_done(&r);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(bytes),
        cmocka_unit_test(empty),
        cmocka_unit_test(lengths),
        cmocka_unit_test(every_flip_is_seen),
        cmocka_unit_test(hostile_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
