/* batch.h: Kafka's record batch, magic 2: the unit in which records travel and are stored.
 *
 *  OFFSET SIZE MEANING (big-endian)
 *       0    8 base offset                       set by the log, outside the CRC
 *       8    4 batch length: bytes after this field
 *      12    4 partition leader epoch            set by the log, outside the CRC
 *      16    1 magic: 2
 *      17    4 CRC-32C of bytes 21 to the end
 *      21    2 attributes: 0-2 codec, 3 timestamps are LogAppendTime, 4 transactional, 5 control,
 *              6 delete horizon
 *      23    4 last offset delta
 *      27    8 base timestamp
 *      35    8 max timestamp
 *      43    8 producer id (-1 none)
 *      51    2 producer epoch
 *      53    4 base sequence
 *      57    4 record count
 *      61    – records, or one compressed blob of them
 *
 *  A record: varint length of the rest, attributes 0, varint timestamp delta, varint offset delta,
 *  varint key length (-1 null), key, varint value length (-1 null), value, varint header count,
 *  {varint length, key, varint length (-1 null), value}. Varints are zigzag.
 *
 * Nothing here allocates per record. Everything read is a view into the bytes that were given (or,
 * of a compressed batch, into the reader's buffer).
 */
#ifndef ARUS_WIRE_BATCH_H
#define ARUS_WIRE_BATCH_H

#include "wire/compress.h"

#define WIRE_BATCH_HEADER_BYTES 61
#define WIRE_BATCH_BYTES_MAX    (INT32_MAX - 12)

enum {
    WIRE_LOG_APPEND_TIME = 1 << 3,
    WIRE_TRANSACTIONAL = 1 << 4,
    WIRE_CONTROL = 1 << 5,
    WIRE_DELETE_HORIZON = 1 << 6
};

/* A record header. value.ptr NULL: null. */
typedef struct wire_header {
    str_t key, value;
} wire_header_t;

/* ---- writing: begin, add…, finish. */

typedef struct wire_batch_options {
    wire_codec_t codec;
    uint16_t flags;      /* WIRE_TRANSACTIONAL, WIRE_CONTROL */
    int64_t producer_id; /* with epoch and sequence; -1: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    int64_t base_ts_ms; /* with WIRE_DELETE_HORIZON: that moment; else it is the first record's */
} wire_batch_options_t;

#define WIRE_BATCH_PLAIN                                                                           \
    ((wire_batch_options_t){.producer_id = -1, .producer_epoch = -1, .base_sequence = -1})

typedef struct wire_writer {
    buf_t *out; /* borrowed from begin to finish; nobody else writes to it meanwhile */
    size_t start;
    int32_t count, next_delta;
    int64_t base_ts_ms, max_ts_ms;
    wire_batch_options_t options;
} wire_writer_t;

/* A batch will be appended to out; base offset 0. */
void wire_batch_begin(wire_writer_t *w, buf_t *out, const wire_batch_options_t *options);
/* key.ptr, value.ptr NULL: null. Offsets count up from the base. */
void wire_batch_add(wire_writer_t *w, int64_t ts_ms, str_t key, str_t value,
                    const wire_header_t *headers, size_t n_headers);
/* Bytes so far, before compression. */
static inline size_t wire_batch_bytes(const wire_writer_t *w)
{
    return w->out->len - w->start;
}
/* Compresses, fills in the header and CRC. Without any record out is as it was at begin.
 * ST_TOO_LARGE past WIRE_BATCH_BYTES_MAX: out is as it was at begin. */
ST wire_batch_finish(wire_writer_t *w, err_t *err);

/* For who writes a batch again with fewer records. The next record's offset is the base's and so
 * much more; it must be behind the one before. */
static inline void wire_batch_skip_to(wire_writer_t *w, int32_t delta)
{
    w->next_delta = delta;
}
/* As wire_batch_finish, but the batch ends at this delta, and stays without any record. */
ST wire_batch_finish_as(wire_writer_t *w, int32_t last_delta, err_t *err);

/* Sets the two fields that the log sets, in a finished batch. */
void wire_batch_place(char *batch, int64_t base_offset, int32_t leader_epoch);

/* ---- reading */

typedef struct wire_batch {
    str_t bytes; /* all of it */
    int64_t base_offset, last_offset;
    int32_t leader_epoch;
    uint32_t crc;
    uint16_t attributes;
    int64_t base_ts_ms, max_ts_ms;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t count;
} wire_batch_t;

static inline wire_codec_t wire_batch_codec(const wire_batch_t *b)
{
    return (wire_codec_t)(b->attributes & 7);
}

/* Takes the first batch off *in. ST_PARTIAL when its bytes are not all there, ST_CORRUPT when it is
 * no batch, ST_UNSUPPORTED for another magic; *in is unmoved then. Does not look at the CRC or the
 * records. */
ST wire_batch_next(str_t *in, wire_batch_t *ret, err_t *err);
/* ST_CORRUPT when the CRC does not fit. */
ST wire_batch_check(const wire_batch_t *b, err_t *err);

typedef struct wire_record {
    int64_t offset, ts_ms;
    str_t key, value;  /* ptr NULL: null */
    int32_t n_headers; /* as declared; wire_headers_next checks */
    str_t headers;     /* raw */
} wire_record_t;

typedef struct wire_reader {
    const char *at, *end;
    int64_t base_offset, base_ts_ms, last_offset;
    int32_t left;
    bool append_time, bad;
    size_t limit_bytes;
    buf_t unpacked;
} wire_reader_t;

/* limit_bytes bounds what a compressed batch may unpack to. One reader reads many batches. */
void wire_reader_init(wire_reader_t *r, size_t limit_bytes);
void wire_reader_done(wire_reader_t *r);
/* Starts on the batch's records, which must outlive the iteration. Views of the batch before end
 * here when that was compressed. ST_CORRUPT, ST_TOO_LARGE, ST_UNSUPPORTED (codec). */
ST wire_reader_open(wire_reader_t *r, const wire_batch_t *b, err_t *err);
/* False at the end or where the records are malformed; wire_reader_end tells which. */
bool wire_reader_next(wire_reader_t *r, wire_record_t *ret);
/* After the last next: ST_CORRUPT when a record was malformed or the count does not fit. */
ST wire_reader_end(const wire_reader_t *r, err_t *err);

/* Walks a record's headers: start with {rec->headers, rec->n_headers}. */
typedef struct wire_headers {
    str_t raw;
    int32_t left;
    bool bad;
} wire_headers_t;

static inline wire_headers_t wire_record_headers(const wire_record_t *rec)
{
    return (wire_headers_t){rec->headers, rec->n_headers, false};
}
/* False at the end or, with h->bad set, where they are malformed. */
bool wire_headers_next(wire_headers_t *h, wire_header_t *ret);

#endif
