/* Requests and responses: whatever the bytes, reading ends, stays within them and its memory; what
 * was read can be written, printed and read again. */
#include "wire/message.h"

#define ARENA_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first bytes choose the API, request or response, and the version. */
static const wire_schema_t *choose(const uint8_t *data, int *ret_version, bool *ret_flexible)
{
    size_t n;
    const wire_api_t *api = wire_api_list(&n);
    api += data[0] % n;
    *ret_version = api->min + data[1] % (api->max - api->min + 1);
    *ret_flexible = wire_api_flexible(api, *ret_version);
    return data[2] & 1 ? api->response() : api->request();
}

static void write_out(const wire_out_t *out, buf_t *flat)
{
    size_t at = 0;
    for (size_t i = 0; i < out->splices.len; i++) {
        buf_put(flat, out->buf.ptr + at, out->splices.ptr[i].at - at);
        buf_put_str(flat, out->splices.ptr[i].bytes);
        at = out->splices.ptr[i].at;
    }
    buf_put(flat, out->buf.ptr + at, out->buf.len - at);
}

static void there_and_back(const wire_schema_t *s, int version, bool flexible, str_t in)
{
    arena_t a;
    wire_out_t out = {0}, again = {0};
    buf_t flat = BUF_INIT, flat_again = BUF_INIT, shown = BUF_INIT;
    arena_init(&a, ARENA_MAX);
    void *m = arena_alloc(&a, s->size_bytes);
    if (wire_decode(s, version, flexible, &in, &a, m, NULL) == ST_OK) {
        st_t st = wire_encode(s, version, flexible, m, &out, NULL);
        ASSERT(st == ST_OK);
        write_out(&out, &flat);
        wire_print(s, version, m, &shown);
        str_t rest = buf_str(&flat);
        arena_reset(&a);
        m = arena_alloc(&a, s->size_bytes);
        st = wire_decode(s, version, flexible, &rest, &a, m, NULL);
        ASSERT(st == ST_OK && rest.len == 0);
        st = wire_encode(s, version, flexible, m, &again, NULL);
        write_out(&again, &flat_again);
        ASSERT(st == ST_OK && str_eq(buf_str(&flat), buf_str(&flat_again)));
    }
    wire_out_done(&out);
    wire_out_done(&again);
    buf_done(&flat);
    buf_done(&flat_again);
    buf_done(&shown);
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int version;
    bool flexible;
    if (size < 3)
        return 0;
    const wire_schema_t *s = choose(data, &version, &flexible);
    there_and_back(s, version, flexible, str_n(data + 3, size - 3));
    return 0;
}
