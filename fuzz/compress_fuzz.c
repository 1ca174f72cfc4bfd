/* Compressed records: whatever the bytes, they unpack to no more than the limit and take no more
 * memory than it says; what was compressed comes back. */
#include "wire/compress.h"

#define STEP_BYTES (64u << 10) /* what a step may take more */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(wire_codec_t codec, str_t in)
{
    buf_t packed = BUF_INIT, out = BUF_INIT;
    wire_compress(codec, in, &packed);
    st_t st = wire_decompress(codec, buf_str(&packed), in.len, &out, NULL);
    ASSERT(st == ST_OK && str_eq(buf_str(&out), in));
    buf_clear(&out);
    st = in.len ? wire_decompress(codec, buf_str(&packed), in.len - 1, &out, NULL) : ST_TOO_LARGE;
    ASSERT(st == ST_TOO_LARGE && out.len == 0);
    buf_done(&packed);
    buf_done(&out);
}

/* The first bytes are the codec and the limit's power of two. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    wire_codec_t codec = (wire_codec_t)(data[0] % 6);
    size_t limit = (size_t)1 << data[1] % 24;
    str_t in = str_n(data + 2, size - 2);
    buf_t out = BUF_INIT;
    st_t st = wire_decompress(codec, in, limit, &out, NULL);
    ASSERT(out.len <= limit && (st == ST_OK || out.len == 0));
    ASSERT(out.cap <= 2 * (limit + STEP_BYTES));
    ASSERT(st == ST_OK || st == ST_TOO_LARGE || st == ST_CORRUPT || st == ST_UNSUPPORTED);
    buf_done(&out);
    if (codec <= WIRE_ZSTD && data[0] & 128)
        there_and_back(codec, in);
    return 0;
}
