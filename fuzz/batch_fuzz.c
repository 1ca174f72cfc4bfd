/* Record batches: whatever the bytes, reading ends, stays within them, and what was read can be
 * built again. */
#include "wire/batch.h"

#define UNPACKED_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rebuild(const wire_batch_t *b, wire_reader_t *r)
{
    buf_t out = BUF_INIT;
    wire_writer_t w;
    wire_batch_begin(&w, &out, &WIRE_BATCH_PLAIN);
    wire_record_t rec;
    int32_t n = 0;
    while (wire_reader_next(r, &rec)) {
        wire_headers_t h = wire_record_headers(&rec);
        wire_header_t header;
        while (wire_headers_next(&h, &header))
            ;
        ASSERT(rec.offset >= b->base_offset && rec.offset <= b->last_offset);
        wire_batch_add(&w, rec.ts_ms, rec.key, rec.value, NULL, 0);
        n++;
    }
    st_t st = wire_batch_finish(&w, NULL);
    ASSERT(st == ST_OK);
    str_t in = buf_str(&out);
    wire_batch_t again;
    ASSERT(n == 0 || (wire_batch_next(&in, &again, NULL) == ST_OK && in.len == 0 &&
                      again.count == n && wire_batch_check(&again, NULL) == ST_OK));
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str_t in = str_n(data, size);
    wire_batch_t b;
    wire_reader_t r;
    wire_reader_init(&r, UNPACKED_MAX);
    while (wire_batch_next(&in, &b, NULL) == ST_OK)
        if (wire_reader_open(&r, &b, NULL) == ST_OK) {
            rebuild(&b, &r);
            st_t st = wire_reader_end(&r, NULL);
            ASSERT(st == ST_OK || st == ST_CORRUPT);
        }
    wire_reader_done(&r);
    return 0;
}
