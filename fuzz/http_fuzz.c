/* HTTP/1.1 requests: whatever comes is parsed or refused with a status, and a body is the same in
 * whatever pieces it comes. */
#include "http/parse.h"

#define BODY_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds a body `step` bytes at a time. */
static st_t feed(const http_head_t *h, str_t bytes, size_t step, buf_t *out, size_t *ret_used)
{
    http_body_t b;
    size_t at = 0, have = 0;
    http_body_init(&b, h);
    for (;;) {
        size_t used;
        st_t st =
            http_body_feed(&b, str_sub(bytes, at, have - at), out, BODY_BYTES_MAX, &used, NULL);
        ASSERT(used <= have - at && out->len <= BODY_BYTES_MAX);
        at += used;
        *ret_used = at;
        if (st != ST_PARTIAL || have == bytes.len)
            return st;
        have = have + step < bytes.len ? have + step : bytes.len;
    }
}

static void body(const http_head_t *h, str_t bytes)
{
    buf_t whole = BUF_INIT, pieces = BUF_INIT;
    size_t used_whole, used_pieces;
    st_t a = feed(h, bytes, bytes.len, &whole, &used_whole);
    st_t b = feed(h, bytes, 1, &pieces, &used_pieces);
    ASSERT(a == b);
    if (a == ST_OK) {
        ASSERT(used_whole == used_pieces);
        ASSERT(str_eq(buf_str(&whole), buf_str(&pieces)));
    }
    buf_done(&whole);
    buf_done(&pieces);
}

/* What handlers ask of a request. */
static void ask(arena_t *a, const http_head_t *h)
{
    static const char *const types[] = {"application/json", "text/plain"};
    http_request_t r = {
        .query = h->query, .header = h->header, .n_headers = h->n_headers, .arena = a};
    str_t s;
    int type = http_accepts(&r, types, 2);
    ASSERT(type >= -1 && type < 2);
    s = http_query(&r, "a");
    ASSERT(s.len <= h->query.len);
    if (http_percent_decode(a, h->path, false, &s))
        ASSERT(s.len <= h->path.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str_t bytes = str_n(data, size);
    size_t end = http_head_end(bytes, 0);
    for (size_t seen = 0; seen < size && end; seen += 7) /* wherever the search went on */
        ASSERT(seen >= end || http_head_end(bytes, seen) == end);
    if (!end)
        return 0;
    arena_t a;
    http_head_t h;
    int status = 0;
    arena_init(&a, ARENA_NO_LIMIT);
    if (http_head_parse(&a, str_sub(bytes, 0, end), &h, &status, NULL) == ST_OK) {
        ask(&a, &h);
        body(&h, str_sub(bytes, end, size));
    } else {
        ASSERT(status >= 400 && status < 600);
    }
    arena_done(&a);
    return 0;
}
