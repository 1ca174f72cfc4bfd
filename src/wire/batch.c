#include "wire/batch.h"

#include "base/hash.h"

enum {
    AT_LENGTH = 8,
    AT_EPOCH = 12,
    AT_MAGIC = 16,
    AT_CRC = 17,
    AT_ATTRIBUTES = 21,
    AT_LAST_DELTA = 23,
    AT_BASE_TS = 27,
    AT_MAX_TS = 35,
    AT_PRODUCER = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_SEQUENCE = 53,
    AT_COUNT = 57
};

#define MAGIC            2
#define RECORD_BYTES_MIN 7 /* length, attributes, two deltas, two lengths, header count */
#define VARINT_BYTES_MAX 10
#define LENGTH_2_MIN     64 /* lengths whose varint takes two bytes */
#define LENGTH_2_MAX     8191
#define RECORD_FIXED_MAX (1 + 6 * VARINT_BYTES_MAX)

/* ---- writing */

static inline char *put_varint(char *p, int64_t v)
{
    uint64_t u = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    while (__builtin_expect(u >= 0x80, 0)) {
        *p++ = (char)(u | 0x80);
        u >>= 7;
    }
    *p++ = (char)u;
    return p;
}

/* memcpy, in line for what keys and small values have: two moves that overlap. */
static inline void copy(char *to, const char *from, size_t n)
{
    if (n > 128) {
        memcpy(to, from, n);
    } else if (n > 64) {
        memcpy(to, from, 64);
        memcpy(to + n - 64, from + n - 64, 64);
    } else if (n >= 32) {
        memcpy(to, from, 32);
        memcpy(to + n - 32, from + n - 32, 32);
    } else if (n >= 16) {
        memcpy(to, from, 16);
        memcpy(to + n - 16, from + n - 16, 16);
    } else if (n >= 8) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else {
        for (size_t i = 0; i < n; i++)
            to[i] = from[i];
    }
}

/* A length (-1: null) and the bytes. */
static inline char *put_bytes(char *p, str_t s)
{
    p = put_varint(p, s.ptr ? (int64_t)s.len : -1);
    copy(p, s.ptr, s.len);
    return p + s.len;
}

/* The body lies at start + 2, but its length takes n bytes, not 2. Returns n. */
static size_t move_body(char *start, size_t len)
{
    char varint[VARINT_BYTES_MAX];
    size_t n = (size_t)(put_varint(varint, (int64_t)len) - varint);
    memmove(start + n, start + 2, len);
    memcpy(start, varint, n);
    return n;
}

void wire_batch_begin(wire_writer_t *w, buf_t *out, const wire_batch_options_t *options)
{
    *w = (wire_writer_t){.out = out, .start = out->len, .options = *options};
    memset(buf_reserve(out, WIRE_BATCH_HEADER_BYTES), 0, WIRE_BATCH_HEADER_BYTES);
    out->len += WIRE_BATCH_HEADER_BYTES;
}

void wire_batch_add(wire_writer_t *w, int64_t ts_ms, str_t key, str_t value,
                    const wire_header_t *headers, size_t n_headers)
{
    ASSERT(w->count < INT32_MAX);
    if (w->count == 0) {
        w->base_ts_ms = w->options.flags & WIRE_DELETE_HORIZON ? w->options.base_ts_ms : ts_ms;
        w->max_ts_ms = ts_ms;
    } else if (ts_ms > w->max_ts_ms)
        w->max_ts_ms = ts_ms;
    size_t room = RECORD_FIXED_MAX + key.len + value.len;
    for (size_t i = 0; i < n_headers; i++)
        room += 2 * VARINT_BYTES_MAX + headers[i].key.len + headers[i].value.len;
    char *start = buf_reserve(w->out, room);
    /* Most records' length takes two bytes: the body goes behind these, and is moved when that was
     * wrong. */
    char *body = start + 2, *p = body;
    *p++ = 0;
    p = put_varint(p, (int64_t)((uint64_t)ts_ms - (uint64_t)w->base_ts_ms));
    p = put_varint(p, w->next_delta++);
    p = put_bytes(p, key);
    p = put_bytes(p, value);
    p = put_varint(p, (int64_t)n_headers);
    for (size_t i = 0; i < n_headers; i++) {
        p = put_bytes(p, headers[i].key.ptr ? headers[i].key : STR(""));
        p = put_bytes(p, headers[i].value);
    }
    size_t len = (size_t)(p - body);
    if (__builtin_expect(len < LENGTH_2_MIN || len > LENGTH_2_MAX, 0))
        len += move_body(start, len);
    else
        len += (size_t)(put_varint(start, (int64_t)len) - start);
    w->out->len += len;
    w->count++;
}

static void compress_records(wire_writer_t *w)
{
    size_t at = w->start + WIRE_BATCH_HEADER_BYTES;
    buf_t packed = BUF_INIT;
    wire_compress(w->options.codec, str_n(w->out->ptr + at, w->out->len - at), &packed);
    w->out->len = at;
    buf_put_str(w->out, buf_str(&packed));
    buf_done(&packed);
}

ST wire_batch_finish(wire_writer_t *w, err_t *err)
{
    if (w->count == 0) {
        w->out->len = w->start;
        return ST_OK;
    }
    return wire_batch_finish_as(w, w->next_delta - 1, err);
}

ST wire_batch_finish_as(wire_writer_t *w, int32_t last_delta, err_t *err)
{
    if (w->options.codec != WIRE_NONE)
        compress_records(w);
    size_t len = w->out->len - w->start;
    if (len > WIRE_BATCH_BYTES_MAX) {
        w->out->len = w->start;
        return err_set(err, ST_TOO_LARGE,
                       "a record batch of %zu bytes is too large: send less at once", len);
    }
    char *h = w->out->ptr + w->start;
    store_be32(h + AT_LENGTH, (uint32_t)(len - AT_EPOCH));
    h[AT_MAGIC] = MAGIC;
    store_be16(h + AT_ATTRIBUTES, (uint16_t)((unsigned)w->options.codec | w->options.flags));
    store_be32(h + AT_LAST_DELTA, (uint32_t)last_delta);
    store_be64(h + AT_BASE_TS, (uint64_t)w->base_ts_ms);
    store_be64(h + AT_MAX_TS, (uint64_t)w->max_ts_ms);
    store_be64(h + AT_PRODUCER, (uint64_t)w->options.producer_id);
    store_be16(h + AT_PRODUCER_EPOCH, (uint16_t)w->options.producer_epoch);
    store_be32(h + AT_SEQUENCE, (uint32_t)w->options.base_sequence);
    store_be32(h + AT_COUNT, (uint32_t)w->count);
    store_be32(h + AT_CRC, hash_crc32c(0, h + AT_ATTRIBUTES, len - AT_ATTRIBUTES));
    return ST_OK;
}

void wire_batch_place(char *batch, int64_t base_offset, int32_t leader_epoch)
{
    store_be64(batch, (uint64_t)base_offset);
    store_be32(batch + AT_EPOCH, (uint32_t)leader_epoch);
}

/* ---- reading */

ST wire_batch_next(str_t *in, wire_batch_t *ret, err_t *err)
{
    const char *h = in->ptr;
    if (in->len < AT_MAGIC + 1)
        return err_set(err, ST_PARTIAL, "a record batch is cut off");
    if (h[AT_MAGIC] != MAGIC)
        return err_set(err, ST_UNSUPPORTED,
                       "record batch magic %d: only 2 (clients since Kafka 0.11) can be read",
                       h[AT_MAGIC]);
    int32_t length = (int32_t)load_be32(h + AT_LENGTH);
    if (length < WIRE_BATCH_HEADER_BYTES - AT_EPOCH || length > WIRE_BATCH_BYTES_MAX)
        return err_set(err, ST_CORRUPT, "a record batch claims a length of %d", length);
    size_t len = (size_t)length + AT_EPOCH;
    if (len > in->len)
        return err_set(err, ST_PARTIAL, "a record batch is cut off");
    int32_t last_delta = (int32_t)load_be32(h + AT_LAST_DELTA);
    int32_t count = (int32_t)load_be32(h + AT_COUNT);
    int64_t base = (int64_t)load_be64(h);
    if (last_delta < 0 || count < 0 || base < 0 || base > INT64_MAX - INT32_MAX)
        return err_set(err, ST_CORRUPT, "a record batch has offset %lld, last delta %d, count %d",
                       (long long)base, last_delta, count);
    *ret = (wire_batch_t){
        .bytes = str_n(h, len),
        .base_offset = base,
        .last_offset = base + last_delta,
        .leader_epoch = (int32_t)load_be32(h + AT_EPOCH),
        .crc = load_be32(h + AT_CRC),
        .attributes = load_be16(h + AT_ATTRIBUTES),
        .base_ts_ms = (int64_t)load_be64(h + AT_BASE_TS),
        .max_ts_ms = (int64_t)load_be64(h + AT_MAX_TS),
        .producer_id = (int64_t)load_be64(h + AT_PRODUCER),
        .producer_epoch = (int16_t)load_be16(h + AT_PRODUCER_EPOCH),
        .base_sequence = (int32_t)load_be32(h + AT_SEQUENCE),
        .count = count,
    };
    *in = str_n(h + len, in->len - len);
    return ST_OK;
}

ST wire_batch_check(const wire_batch_t *b, err_t *err)
{
    uint32_t crc = hash_crc32c(0, b->bytes.ptr + AT_ATTRIBUTES, b->bytes.len - AT_ATTRIBUTES);
    if (crc != b->crc)
        return err_set(err, ST_CORRUPT, "the record batch at offset %lld has CRC %08x, not %08x",
                       (long long)b->base_offset, crc, b->crc);
    return ST_OK;
}

void wire_reader_init(wire_reader_t *r, size_t limit_bytes)
{
    *r = (wire_reader_t){.limit_bytes = limit_bytes};
}

void wire_reader_done(wire_reader_t *r)
{
    buf_done(&r->unpacked);
    *r = (wire_reader_t){.limit_bytes = r->limit_bytes};
}

ST wire_reader_open(wire_reader_t *r, const wire_batch_t *b, err_t *err)
{
    str_t records = str_sub(b->bytes, WIRE_BATCH_HEADER_BYTES, b->bytes.len);
    r->left = 0;
    r->bad = false;
    r->at = r->end = NULL;
    if (wire_batch_codec(b) != WIRE_NONE) {
        buf_clear(&r->unpacked);
        TRY(wire_decompress(wire_batch_codec(b), records, r->limit_bytes, &r->unpacked, err));
        records = buf_str(&r->unpacked);
    }
    if ((size_t)b->count > records.len / RECORD_BYTES_MIN)
        return err_set(err, ST_CORRUPT,
                       "the record batch at offset %lld claims %d records in %zu bytes",
                       (long long)b->base_offset, b->count, records.len);
    r->at = records.ptr;
    r->end = records.ptr + records.len;
    r->left = b->count;
    r->base_offset = b->base_offset;
    r->last_offset = b->last_offset;
    r->append_time = (b->attributes & WIRE_LOG_APPEND_TIME) != 0;
    r->base_ts_ms = r->append_time ? b->max_ts_ms : b->base_ts_ms;
    return ST_OK;
}

/* load_varint with its common cases, one and two bytes, in line. */
static inline bool take_varint(const char **p, const char *end, int64_t *ret)
{
    const uint8_t *q = (const uint8_t *)*p;
    if (__builtin_expect(end - *p >= 2, 1)) {
        if (q[0] < 0x80) {
            *ret = (int64_t)(q[0] >> 1) ^ -(int64_t)(q[0] & 1);
            *p += 1;
            return true;
        }
        if (q[1] < 0x80) {
            unsigned u = (q[0] & 0x7fu) | (unsigned)q[1] << 7;
            *ret = (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
            *p += 2;
            return true;
        }
    }
    return load_varint(p, end, ret);
}

static inline bool take_bytes(const char **p, const char *end, str_t *ret)
{
    int64_t n;
    if (!take_varint(p, end, &n) || n < -1 || n > end - *p)
        return false;
    *ret = n < 0 ? STR_NONE : str_n(*p, (size_t)n);
    *p += n < 0 ? 0 : n;
    return true;
}

bool wire_reader_next(wire_reader_t *r, wire_record_t *ret)
{
    if (r->left == 0 || r->bad)
        return false;
    r->bad = true;
    const char *p = r->at;
    int64_t len, ts_delta, offset_delta, n_headers;
    if (!take_varint(&p, r->end, &len) || len < 1 || len > r->end - p)
        return false;
    const char *end = p + len;
    p++; /* attributes: unused in Kafka */
    if (!take_varint(&p, end, &ts_delta) || !take_varint(&p, end, &offset_delta) ||
        !take_bytes(&p, end, &ret->key) || !take_bytes(&p, end, &ret->value) ||
        !take_varint(&p, end, &n_headers))
        return false;
    if (n_headers < 0 || n_headers > end - p || offset_delta < 0 ||
        offset_delta > r->last_offset - r->base_offset)
        return false;
    ret->offset = r->base_offset + offset_delta;
    ret->ts_ms =
        r->append_time ? r->base_ts_ms : (int64_t)((uint64_t)r->base_ts_ms + (uint64_t)ts_delta);
    ret->n_headers = (int32_t)n_headers;
    ret->headers = str_n(p, (size_t)(end - p));
    r->at = end;
    r->left--;
    r->bad = false;
    return true;
}

ST wire_reader_end(const wire_reader_t *r, err_t *err)
{
    if (r->bad)
        return err_set(err, ST_CORRUPT, "a record in the batch at offset %lld is malformed",
                       (long long)r->base_offset);
    if (r->left == 0 && r->at != r->end)
        return err_set(err, ST_CORRUPT,
                       "%zu bytes follow the last record of the batch at offset %lld",
                       (size_t)(r->end - r->at), (long long)r->base_offset);
    return ST_OK;
}

bool wire_headers_next(wire_headers_t *h, wire_header_t *ret)
{
    if (h->left == 0 || h->bad)
        return false;
    const char *p = h->raw.ptr, *end = p + h->raw.len;
    if (!take_bytes(&p, end, &ret->key) || !ret->key.ptr || !take_bytes(&p, end, &ret->value)) {
        h->bad = true;
        return false;
    }
    h->raw = str_n(p, (size_t)(end - p));
    h->left--;
    return true;
}
