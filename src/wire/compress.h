/* compress.h: the compressions of record batches, in the framings that Kafka clients use.
 *
 * gzip: gzip members; snappy: Xerial frames (raw snappy is read too); lz4: LZ4 frames; zstd: zstd
 * frames, with or without a content size.
 */
#ifndef ARUS_WIRE_COMPRESS_H
#define ARUS_WIRE_COMPRESS_H

#include "base/buf.h"

typedef enum wire_codec {
    WIRE_NONE = 0,
    WIRE_GZIP = 1,
    WIRE_SNAPPY = 2,
    WIRE_LZ4 = 3,
    WIRE_ZSTD = 4
} wire_codec_t;

/* "none", "gzip", … as compression.type has them; false for any other text. */
bool wire_codec_parse(str_t name, wire_codec_t *ret);
str_t wire_codec_name(wire_codec_t codec);

/* Appends the compressed form of `in` to out. */
void wire_compress(wire_codec_t codec, str_t in, buf_t *out);
/* Appends what `in` unpacks to; ST_TOO_LARGE when that is more than limit_bytes (checked as it
 * grows: a declared size is not believed), ST_CORRUPT, ST_UNSUPPORTED for an unknown codec. On
 * failure out is as it was, but for capacity. */
ST wire_decompress(wire_codec_t codec, str_t in, size_t limit_bytes, buf_t *out, err_t *err);

#endif
