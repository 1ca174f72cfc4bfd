/* Every codec there and back, and hostile input: cut off, flipped, far too large. */
#include "wire/compress.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const wire_codec_t codecs[] = {WIRE_NONE, WIRE_GZIP, WIRE_SNAPPY, WIRE_LZ4, WIRE_ZSTD};

static buf_t text(size_t n)
{
    buf_t b = BUF_INIT;
    for (size_t i = 0; b.len < n; i++)
        buf_printf(&b, "{\"ticker\":\"T%03zu\",\"close\":%zu}", i % 900, i * 7919 % 10007);
    b.len = n;
    return b;
}

static void there_and_back(void **state)
{
    (void)state;
    size_t sizes[] = {0, 1, 100, 32768, 32769, 1000000};
    for (size_t c = 0; c < 5; c++)
        for (size_t s = 0; s < 6; s++) {
            buf_t in = text(sizes[s]), packed = BUF_INIT, out = BUF_INIT;
            buf_put_char(&out, '!');
            wire_compress(codecs[c], buf_str(&in), &packed);
            assert_int_equal(ST_OK,
                             wire_decompress(codecs[c], buf_str(&packed), sizes[s], &out, NULL));
            assert_true(str_eq(buf_str(&in), str_sub(buf_str(&out), 1, out.len)));
            buf_done(&in), buf_done(&packed), buf_done(&out);
        }
}

static void bounded(void **state)
{
    (void)state;
    buf_t in = text(10 << 20);
    memset(in.ptr, 0, in.len);
    for (size_t c = 1; c < 5; c++) {
        buf_t packed = BUF_INIT, out = BUF_INIT;
        wire_compress(codecs[c], buf_str(&in), &packed);
        assert_int_equal(ST_TOO_LARGE,
                         wire_decompress(codecs[c], buf_str(&packed), 100000, &out, NULL));
        assert_int_equal(0, out.len);
        assert_true(out.cap < 1 << 20);
        buf_done(&packed), buf_done(&out);
    }
    buf_done(&in);
}

static void hostile(void **state)
{
    (void)state;
    buf_t in = text(3000);
    for (size_t c = 1; c < 5; c++) {
        buf_t packed = BUF_INIT;
        wire_compress(codecs[c], buf_str(&in), &packed);
        for (size_t cut = 0; cut < packed.len; cut++) {
            buf_t out = BUF_INIT;
            st_t st = wire_decompress(codecs[c], str_n(packed.ptr, cut), 1 << 20, &out, NULL);
            assert_true(st == ST_CORRUPT ||
                        (codecs[c] == WIRE_SNAPPY && cut == XERIAL_MAGIC_BYTES));
            buf_done(&out);
        }
        for (size_t bit = 0; bit < packed.len * 8; bit += 3) {
            buf_t out = BUF_INIT;
            packed.ptr[bit / 8] ^= (char)(1 << bit % 8);
            if (wire_decompress(codecs[c], buf_str(&packed), 1 << 16, &out, NULL) != ST_OK)
                assert_int_equal(0, out.len);
            packed.ptr[bit / 8] ^= (char)(1 << bit % 8);
            buf_done(&out);
        }
        buf_done(&packed);
    }
    buf_done(&in);
    buf_t out = BUF_INIT;
    assert_int_equal(ST_UNSUPPORTED, wire_decompress((wire_codec_t)5, STR("x"), 100, &out, NULL));
}

static void codec_names(void **state)
{
    (void)state;
    wire_codec_t codec;
    for (size_t c = 0; c < 5; c++) {
        assert_true(wire_codec_parse(wire_codec_name(codecs[c]), &codec));
        assert_int_equal(codecs[c], codec);
    }
    assert_false(wire_codec_parse(STR("brotli"), &codec));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(bounded),
        cmocka_unit_test(hostile),
        cmocka_unit_test(codec_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
