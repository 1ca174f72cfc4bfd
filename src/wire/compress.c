#include "wire/compress.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

/* Xerial: magic, version 1, compatible version 1; then blocks of a big-endian length and raw
 * snappy. */
#define XERIAL_MAGIC       "\x82SNAPPY\0\0\0\0\1\0\0\0\1"
#define XERIAL_MAGIC_BYTES 16
#define XERIAL_BLOCK_BYTES (32u << 10)
#define STEP_BYTES         (64u << 10)
#define GZIP_WINDOW        (15 + 16)

static const str_t names[] = {
    [WIRE_NONE] = {"none", 4}, [WIRE_GZIP] = {"gzip", 4}, [WIRE_SNAPPY] = {"snappy", 6},
    [WIRE_LZ4] = {"lz4", 3},   [WIRE_ZSTD] = {"zstd", 4},
};

bool wire_codec_parse(str_t name, wire_codec_t *ret)
{
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, names[i])) {
            *ret = (wire_codec_t)i;
            return true;
        }
    return false;
}

str_t wire_codec_name(wire_codec_t codec)
{
    return (unsigned)codec < sizeof names / sizeof *names ? names[codec] : STR("unknown");
}

/* ---- compressing: only the lack of memory can fail, and then we die */

static void gzip_compress(str_t in, buf_t *out)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY))
        die("gzip: out of memory");
    uLong bound = deflateBound(&z, (uLong)in.len);
    z.next_in = (Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = (Bytef *)buf_reserve(out, bound);
    z.avail_out = (uInt)bound;
    int rc = deflate(&z, Z_FINISH);
    ASSERT(rc == Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

static void snappy_compress_xerial(str_t in, buf_t *out)
{
    buf_put(out, XERIAL_MAGIC, XERIAL_MAGIC_BYTES);
    do {
        str_t block = str_sub(in, 0, XERIAL_BLOCK_BYTES);
        size_t n = snappy_max_compressed_length(block.len);
        char *p = buf_reserve(out, 4 + n);
        snappy_status rc = snappy_compress(block.ptr, block.len, p + 4, &n);
        ASSERT(rc == SNAPPY_OK);
        uint32_t be = __builtin_bswap32((uint32_t)n);
        memcpy(p, &be, 4);
        out->len += 4 + n;
        in = str_sub(in, block.len, in.len);
    } while (in.len);
}

static void lz4_compress(str_t in, buf_t *out)
{
    LZ4F_preferences_t prefs = {.frameInfo = {.blockMode = LZ4F_blockIndependent}};
    size_t bound = LZ4F_compressFrameBound(in.len, &prefs);
    size_t n = LZ4F_compressFrame(buf_reserve(out, bound), bound, in.ptr, in.len, &prefs);
    if (LZ4F_isError(n))
        die("lz4: %s", LZ4F_getErrorName(n));
    out->len += n;
}

static void zstd_compress(str_t in, buf_t *out)
{
    size_t bound = ZSTD_compressBound(in.len);
    size_t n = ZSTD_compress(buf_reserve(out, bound), bound, in.ptr, in.len, 3);
    if (ZSTD_isError(n))
        die("zstd: %s", ZSTD_getErrorName(n));
    out->len += n;
}

void wire_compress(wire_codec_t codec, str_t in, buf_t *out)
{
    ASSERT(in.len <= UINT32_MAX);
    switch (codec) {
    case WIRE_NONE:
        buf_put_str(out, in);
        return;
    case WIRE_GZIP:
        gzip_compress(in, out);
        return;
    case WIRE_SNAPPY:
        snappy_compress_xerial(in, out);
        return;
    case WIRE_LZ4:
        lz4_compress(in, out);
        return;
    case WIRE_ZSTD:
        zstd_compress(in, out);
        return;
    }
    die("no such compression: %d", (int)codec);
}

/* ---- decompressing: `left` bytes may still come out; each step makes room for what it needs only
 */

static ST too_large(size_t limit_bytes, err_t *err)
{
    return err_set(err, ST_TOO_LARGE, "compressed records unpack to more than %zu bytes",
                   limit_bytes);
}

static ST corrupt(const char *codec, err_t *err)
{
    return err_set(err, ST_CORRUPT, "%s data in a record batch is corrupt", codec);
}

static size_t step_bytes(size_t left)
{
    return left < STEP_BYTES ? left + 1 : STEP_BYTES;
}

static ST gzip_decompress(str_t in, size_t limit_bytes, buf_t *out, err_t *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.ptr, .avail_in = (uInt)in.len};
    if (inflateInit2(&z, GZIP_WINDOW))
        die("gzip: out of memory");
    size_t left = limit_bytes;
    st_t st = ST_OK;
    for (;;) {
        size_t room = step_bytes(left);
        z.next_out = (Bytef *)buf_reserve(out, room);
        z.avail_out = (uInt)room;
        int rc = inflate(&z, Z_NO_FLUSH);
        size_t got = room - z.avail_out;
        if (got > left) {
            st = too_large(limit_bytes, err);
            break;
        }
        left -= got;
        out->len += got;
        if (rc == Z_STREAM_END && z.avail_in == 0)
            break;
        if (rc == Z_STREAM_END && inflateReset(&z) == Z_OK)
            continue;
        if (rc != Z_OK || (got == 0 && z.avail_in == 0)) {
            st = corrupt("gzip", err);
            break;
        }
    }
    inflateEnd(&z);
    return st;
}

static ST snappy_block(str_t in, size_t limit_bytes, size_t *left, buf_t *out, err_t *err)
{
    size_t n;
    if (snappy_uncompressed_length(in.ptr, in.len, &n) != SNAPPY_OK)
        return corrupt("snappy", err);
    if (n > *left)
        return too_large(limit_bytes, err);
    /* Snappy's best is 64 bytes out of a 3-byte copy: a larger claim is a lie, not worth memory. */
    if (n / 32 > in.len)
        return corrupt("snappy", err);
    if (snappy_uncompress(in.ptr, in.len, buf_reserve(out, n), &n) != SNAPPY_OK)
        return corrupt("snappy", err);
    out->len += n;
    *left -= n;
    return ST_OK;
}

static ST snappy_decompress(str_t in, size_t limit_bytes, buf_t *out, err_t *err)
{
    size_t left = limit_bytes;
    if (in.len < XERIAL_MAGIC_BYTES || memcmp(in.ptr, XERIAL_MAGIC, 8) != 0)
        return snappy_block(in, limit_bytes, &left, out, err);
    in = str_sub(in, XERIAL_MAGIC_BYTES, in.len);
    while (in.len) {
        if (in.len < 4)
            return corrupt("snappy", err);
        size_t n = load_be32(in.ptr);
        in = str_sub(in, 4, in.len);
        if (n > in.len)
            return corrupt("snappy", err);
        TRY(snappy_block(str_sub(in, 0, n), limit_bytes, &left, out, err));
        in = str_sub(in, n, in.len);
    }
    return ST_OK;
}

static ST lz4_decompress(str_t in, size_t limit_bytes, buf_t *out, err_t *err)
{
    LZ4F_dctx *ctx;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
        die("lz4: out of memory");
    size_t left = limit_bytes, want = 1;
    st_t st = ST_OK;
    while (st == ST_OK) {
        size_t room = step_bytes(left), got = room, used = in.len;
        want = LZ4F_decompress(ctx, buf_reserve(out, room), &got, in.ptr, &used, NULL);
        if (LZ4F_isError(want) || (got == 0 && used == 0 && want != 0)) {
            st = corrupt("lz4", err);
        } else if (got > left) {
            st = too_large(limit_bytes, err);
        } else {
            left -= got;
            out->len += got;
            in = str_sub(in, used, in.len);
            if (want == 0 && in.len == 0)
                break;
        }
    }
    LZ4F_freeDecompressionContext(ctx);
    return st;
}

static ST zstd_decompress(str_t in, size_t limit_bytes, buf_t *out, err_t *err)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (!ctx)
        die("zstd: out of memory");
    (void)ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, 27);
    ZSTD_inBuffer zin = {in.ptr, in.len, 0};
    size_t left = limit_bytes;
    st_t st = ST_OK;
    while (st == ST_OK) {
        size_t room = step_bytes(left), before = zin.pos;
        ZSTD_outBuffer zout = {buf_reserve(out, room), room, 0};
        size_t want = ZSTD_decompressStream(ctx, &zout, &zin);
        if (ZSTD_isError(want) || (zout.pos == 0 && zin.pos == before && want != 0)) {
            st = corrupt("zstd", err);
        } else if (zout.pos > left) {
            st = too_large(limit_bytes, err);
        } else {
            left -= zout.pos;
            out->len += zout.pos;
            if (want == 0 && zin.pos == zin.size)
                break;
        }
    }
    ZSTD_freeDCtx(ctx);
    return st;
}

ST wire_decompress(wire_codec_t codec, str_t in, size_t limit_bytes, buf_t *out, err_t *err)
{
    ASSERT(limit_bytes < SIZE_MAX && in.len <= UINT32_MAX);
    size_t before = out->len;
    st_t st;
    switch (codec) {
    case WIRE_NONE:
        if (in.len > limit_bytes)
            return too_large(limit_bytes, err);
        buf_put_str(out, in);
        return ST_OK;
    case WIRE_GZIP:
        st = gzip_decompress(in, limit_bytes, out, err);
        break;
    case WIRE_SNAPPY:
        st = snappy_decompress(in, limit_bytes, out, err);
        break;
    case WIRE_LZ4:
        st = lz4_decompress(in, limit_bytes, out, err);
        break;
    case WIRE_ZSTD:
        st = zstd_decompress(in, limit_bytes, out, err);
        break;
    default:
        return err_set(err, ST_UNSUPPORTED, "record batch with unknown compression %d", (int)codec);
    }
    if (st != ST_OK)
        out->len = before;
    return st;
}
