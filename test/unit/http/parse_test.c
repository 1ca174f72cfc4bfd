/* HTTP/1.1 requests: what is taken, what is refused and with which status, in any pieces. */
#include "http/parse.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int status_of(const char *text)
{
    arena_t a;
    http_head_t h;
    err_t err;
    int status = 200;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t s = str_of(text);
    size_t end = http_head_end(s, 0);
    assert_int_equal(s.len, end);
    if (http_head_parse(&a, s, &h, &status, &err) == ST_OK)
        status = 200;
    arena_done(&a);
    return status;
}

static void heads(void **state)
{
    (void)state;
    arena_t a;
    http_head_t h;
    err_t err;
    int status;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t s = STR("POST http://h/a%20b?x=1&y HTTP/1.1\r\nHost: h\r\nX-Empty:\r\n"
                  "Content-Length:  12 \r\nConnection: foo, close\r\nExpect: 100-Continue\r\n\r\n");
    assert_int_equal(ST_OK, http_head_parse(&a, s, &h, &status, &err));
    assert_true(str_eq(h.method, STR("POST")));
    assert_true(str_eq(h.path, STR("/a%20b")));
    assert_true(str_eq(h.query, STR("x=1&y")));
    assert_int_equal(5, h.n_headers);
    assert_true(str_eq(h.header[1].name, STR("x-empty")));
    assert_int_equal(0, h.header[1].value.len);
    assert_int_equal(HTTP_BODY_LENGTH, h.body);
    assert_int_equal(12, h.length);
    assert_true(h.expect_continue && !h.keep_alive);
    s = STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_int_equal(ST_OK, http_head_parse(&a, s, &h, &status, &err));
    assert_true(h.keep_alive && h.minor == 0 && h.body == HTTP_BODY_NONE);
    arena_done(&a);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *text;
    } cases[] = {
        {200, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {200, "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\r\nHost: a\r\n\r\n"},
        {400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
        {400, "GET x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: z\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nnone\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"},
        {400,
         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
        {417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTX/1.1\r\nHost: a\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (status_of(cases[i].text) != cases[i].status)
            fail_msg("%d, not %d: %s", status_of(cases[i].text), cases[i].status, cases[i].text);
}

/* The body comes `step` bytes at a time. */
static st_t feed(const char *text, size_t step, size_t max, buf_t *out, size_t *ret_used)
{
    http_body_t b = {.kind = HTTP_BODY_CHUNKED};
    str_t s = str_of(text);
    size_t at = 0, have = 0;
    for (;;) {
        size_t used;
        err_t err;
        st_t st = http_body_feed(&b, str_sub(s, at, have - at), out, max, &used, &err);
        at += used;
        *ret_used = at;
        if (st != ST_PARTIAL || have == s.len)
            return st;
        have = have + step < s.len ? have + step : s.len;
    }
}

static void chunks(void **state)
{
    (void)state;
    static const char good[] = "3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX: y\r\n\r\n";
    for (size_t step = 1; step <= sizeof good; step++) {
        buf_t out = BUF_INIT;
        size_t used;
        assert_int_equal(ST_OK, feed(good, step, 100, &out, &used));
        assert_int_equal(sizeof good - 1, used);
        assert_true(str_eq(buf_str(&out), STR("abc0123456789")));
        buf_done(&out);
    }
    static const struct {
        st_t st;
        const char *text;
    } cases[] = {
        {ST_PARTIAL, "3\r\nabc\r\n0\r\n"},
        {ST_BAD_INPUT, "\r\nabc\r\n"},
        {ST_BAD_INPUT, "g\r\nabc\r\n"},
        {ST_BAD_INPUT, "-1\r\nabc\r\n"},
        {ST_BAD_INPUT, "2\r\nabc\r\n"},
        {ST_BAD_INPUT, "1000000000000000\r\n"},
        {ST_TOO_LARGE, "fffffffffffffff\r\n"},
        {ST_TOO_LARGE, "65\r\n"},
        {ST_BAD_INPUT, "3;\x01\r\nabc\r\n0\r\n\r\n"},
        {ST_BAD_INPUT, "0x3\r\nabc\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_t out = BUF_INIT;
        size_t used;
        assert_int_equal(cases[i].st, feed(cases[i].text, 100, 100, &out, &used));
        buf_done(&out);
    }
    char line[CHUNK_LINE_MAX + 10];
    memset(line, '0', sizeof line);
    line[sizeof line - 1] = 0;
    buf_t out = BUF_INIT;
    size_t used;
    assert_int_equal(ST_BAD_INPUT, feed(line, 100, 100, &out, &used));
    buf_done(&out);
}

static void percent(void **state)
{
    (void)state;
    arena_t a;
    str_t s;
    arena_init(&a, ARENA_NO_LIMIT);
    assert_true(http_percent_decode(&a, STR("a%2Fb+c%25"), false, &s));
    assert_true(str_eq(s, STR("a/b+c%")));
    assert_true(http_percent_decode(&a, STR("a+b"), true, &s));
    assert_true(str_eq(s, STR("a b")));
    assert_false(http_percent_decode(&a, STR("%"), true, &s));
    assert_false(http_percent_decode(&a, STR("%2"), true, &s));
    assert_false(http_percent_decode(&a, STR("%2g"), true, &s));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(refused),
        cmocka_unit_test(chunks),
        cmocka_unit_test(percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
