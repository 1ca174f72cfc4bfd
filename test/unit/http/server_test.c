/* The server over loopback: routes, pipelining, streams and their room, clients that go away or
 * misbehave. Client and server share one loop. */
#include "http/server.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef struct world {
    io_t *io;
    io_loop_t *loop;
    http_server_t *server;
    uint16_t port;
    http_request_t *held;
    int gone, ready;
} world_t;

static void echo(void *env, http_request_t *r)
{
    (void)env;
    buf_t b = BUF_INIT;
    buf_printf(&b, STR_FMT " " STR_FMT " [" STR_FMT "] [" STR_FMT "] [" STR_FMT "]",
               STR_ARG(r->method), STR_ARG(r->path), STR_ARG(http_param(r, "name")),
               STR_ARG(http_query(r, "q")), STR_ARG(r->body));
    http_reply_header(r, "x-test", STR("yes"));
    http_reply(r, 200, "text/plain", buf_str(&b));
    buf_done(&b);
}

static void lines(void *env, http_request_t *r)
{
    (void)env;
    http_stream_begin(r, 200, "text/lines");
    http_stream_write(r, STR("one\n"));
    http_stream_write(r, STR("second\n"));
    http_stream_end(r);
}

static void on_gone(http_request_t *r)
{
    world_t *w = r->env;
    w->gone++;
}

static void on_ready(http_request_t *r)
{
    world_t *w = r->env;
    w->ready++;
}

static void hold(void *env, http_request_t *r)
{
    world_t *w = env;
    w->held = r;
    r->env = w;
    r->gone = on_gone;
    r->ready = on_ready;
}

static const http_route_t routes[] = {
    {"GET", "/hold", hold},
    {"GET", "/lines", lines},
    {"GET", "/echo/{name}", echo},
    {"POST", "/echo/{name}/x", echo},
};

static int enter_with(void **state, int64_t request_ms, int64_t idle_ms)
{
    world_t *w = mem_zalloc(sizeof *w);
    w->io = io_real_new();
    w->loop = io_loop_new(w->io);
    http_options_t o;
    http_options_init(&o);
    o.loop = w->loop;
    o.route = routes;
    o.n_routes = sizeof routes / sizeof *routes;
    o.env = w;
    o.header_bytes_max = 1000;
    o.body_bytes_max = 100;
    o.stream_bytes_max = 1000;
    o.request_ms = request_ms;
    o.idle_ms = idle_ms;
    w->server = http_server_new(&o);
    err_t err;
    arena_t a;
    str_t host, address;
    arena_init(&a, ARENA_NO_LIMIT);
    assert_int_equal(ST_BAD_CONFIG, http_server_listen(w->server, STR("https://127.0.0.1:0"), NULL, &a, &address, &err));
    assert_int_equal(ST_OK, http_server_listen(w->server, STR("127.0.0.1:0"), NULL, &a, &address, &err));
    assert_int_equal(ST_OK, http_address_split(address, &host, &w->port, &err));
    arena_done(&a);
    *state = w;
    return 0;
}

/* Nothing is late, however slow the machine is. */
static int enter(void **state)
{
    return enter_with(state, 60000, 60000);
}

static int enter_hasty(void **state)
{
    return enter_with(state, 100, 300);
}

static int leave(void **state)
{
    world_t *w = *state;
    http_server_free(w->server);
    io_loop_free(w->loop);
    io_free(w->io);
    free(w);
    return 0;
}

static int dial(world_t *w)
{
    int fd;
    err_t err;
    assert_int_equal(ST_OK, io_tcp_connect(STR("127.0.0.1"), w->port, &fd, &err));
    io_loop_turn(w->loop, 100);
    return fd;
}

static void say(int fd, str_t text)
{
    size_t n;
    assert_int_equal(ST_OK, io_tcp_write(fd, &text, 1, &n, NULL));
    assert_int_equal(text.len, n);
}

/* Reads until the server closes, or `until` has come. */
static void hear(world_t *w, int fd, const char *until, buf_t *b)
{
    buf_clear(b);
    for (int i = 0; i < 400; i++) {
        size_t n;
        io_loop_turn(w->loop, 5);
        st_t st = io_tcp_read(fd, buf_reserve(b, 65536), 65536, &n, NULL);
        if (st == ST_OK)
            b->len += n;
        else if (st != ST_PARTIAL)
            return;
        if (until && str_find(buf_str(b), str_of(until)) >= 0)
            return;
    }
    fail_msg("no answer after: " STR_FMT, STR_ARG(buf_str(b)));
}

/* One request on a connection of its own: the whole answer. */
static void expect(world_t *w, const char *request, const char *answer)
{
    buf_t b = BUF_INIT;
    int fd = dial(w);
    say(fd, str_of(request));
    hear(w, fd, NULL, &b);
    io_tcp_close(fd);
    buf_put_char(&b, 0);
    if (!strstr(b.ptr, answer))
        fail_msg("expected %s, got %s", answer, b.ptr);
    buf_done(&b);
}

static void answers(void **state)
{
    world_t *w = *state;
    expect(w, "GET /echo/a%2Fb?q=1%202&q=3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
           "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-test: yes\r\ncontent-length: 28\r\n"
           "connection: close\r\n\r\nGET /echo/a/b [a/b] [1 2] []");
    expect(w,
           "POST /echo/n/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
           "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
           "POST /echo/n/x [n] [] [abc]");
    expect(w, "HEAD /lines HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
           "transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    expect(w, "GET /lines HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
           "\r\n\r\n4\r\none\n\r\n7\r\nsecond\n\r\n0\r\n\r\n");
    expect(w, "GET /lines HTTP/1.0\r\n\r\n", "connection: close\r\n\r\none\nsecond\n");
    expect(w, "GET /echo/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
           "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n");
    expect(w, "GET /echo/a/b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "404 Not Found");
    expect(w, "GET /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "400 Bad Request");
}

static void refusals(void **state)
{
    world_t *w = *state;
    char big[1200];
    memset(big, 'a', sizeof big);
    memcpy(big, "GET /", 5);
    big[sizeof big - 1] = 0;
    expect(w, big, "431 Request Header Fields Too Large");
    expect(w, "GARBAGE\r\n\r\n", "400 Bad Request");
    expect(w, "POST /echo/n/x HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n",
           "413 Content Too Large");
    expect(w, "POST /echo/n/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n",
           "413 Content Too Large");
}

static void lateness(void **state)
{
    world_t *w = *state;
    expect(w, "POST /echo/n/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
           "408 Request Timeout");
    expect(w, "GET /echo/n HT", "408 Request Timeout");
    expect(w, "", ""); /* closed after idle_ms */
}

static void pipelined(void **state)
{
    world_t *w = *state;
    buf_t b = BUF_INIT;
    int fd = dial(w);
    say(fd, STR("\r\nGET /echo/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /lines HTTP/1.1\r\nHost: h\r\n\r\n"
                "GET /echo/3 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}GET /echo/4"));
    hear(w, fd, "[3] [] [{}]", &b);
    assert_true(str_find(buf_str(&b), STR("[1] [] []")) > 0);
    assert_true(str_find(buf_str(&b), STR("second\n\r\n0\r\n\r\nHTTP/1.1 200")) > 0);
    say(fd, STR(" HTTP/1.1\r\nHost: h\r\n\r\n"));
    hear(w, fd, "[4] [] []", &b);
    say(fd, STR("POST /echo/5/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                "Content-Length: 1\r\n\r\n"));
    hear(w, fd, "HTTP/1.1 100 Continue\r\n\r\n", &b);
    say(fd, STR("z"));
    hear(w, fd, "[5] [] [z]", &b);
    io_tcp_close(fd);
    buf_done(&b);
}

static void clients_go(void **state)
{
    world_t *w = *state;
    int fd = dial(w);
    say(fd, STR("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"));
    for (int i = 0; i < 100 && !w->held; i++)
        io_loop_turn(w->loop, 5);
    http_stream_begin(w->held, 200, NULL);
    io_tcp_close(fd);
    for (int i = 0; i < 100 && !w->gone; i++)
        io_loop_turn(w->loop, 5);
    assert_int_equal(1, w->gone);
    assert_true(http_gone(w->held));
    assert_false(http_stream_room(w->held));
    http_stream_write(w->held, STR("for nobody\n"));
    http_stream_end(w->held);
    assert_int_equal(0, http_server_connections(w->server));
}

static void room(void **state)
{
    world_t *w = *state;
    buf_t b = BUF_INIT;
    char line[1024];
    memset(line, 'x', sizeof line);
    int fd = dial(w);
    say(fd, STR("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"));
    for (int i = 0; i < 100 && !w->held; i++)
        io_loop_turn(w->loop, 5);
    http_stream_begin(w->held, 200, NULL);
    size_t n = 0;
    for (int idle = 0; idle < 20;) { /* until the sockets' buffers are full */
        if (http_stream_room(w->held)) {
            http_stream_write(w->held, str_n(line, sizeof line));
            n++;
            idle = 0;
        } else {
            io_loop_turn(w->loop, 1);
            idle++;
        }
    }
    int before = w->ready;
    size_t got = 0;
    while (got < n * sizeof line && w->ready == before) {
        size_t k;
        io_loop_turn(w->loop, 1);
        buf_clear(&b);
        if (io_tcp_read(fd, buf_reserve(&b, 65536), 65536, &k, NULL) == ST_OK)
            got += k;
    }
    assert_true(w->ready > before);
    http_stream_end(w->held);
    io_tcp_close(fd);
    buf_done(&b);
}

static void drains(void **state)
{
    world_t *w = *state;
    buf_t b = BUF_INIT;
    int idle = dial(w), busy = dial(w);
    say(busy, STR("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n"));
    for (int i = 0; i < 100 && !w->held; i++)
        io_loop_turn(w->loop, 5);
    http_server_drain(w->server);
    hear(w, idle, NULL, &b);
    assert_int_equal(1, http_server_connections(w->server));
    http_reply(w->held, 200, NULL, STR("late"));
    hear(w, busy, NULL, &b);
    assert_true(str_ends(buf_str(&b), STR("late")));
    io_tcp_close(idle);
    io_tcp_close(busy);
    buf_done(&b);
}

static void accepts(void **state)
{
    (void)state;
    static const char *const types[] = {"text/a", "application/json", "text/b"};
    static const struct {
        const char *accept;
        int index;
    } cases[] = {
        {"", 0},
        {"*/*", 0},
        {"application/json; charset=utf-8", 1},
        {"text/b, */*", 2},
        {"text/b;q=0.1, application/*;q=0.5", 1},
        {"image/png", -1},
        {"text/a;q=0", -1},
        {"text/b;q=0.5,text/a", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_pair_t h = {STR("accept"), str_of(cases[i].accept)};
        http_request_t r = {.header = &h, .n_headers = 1};
        assert_int_equal(cases[i].index, http_accepts(&r, types, 3));
    }
}

static void addresses(void **state)
{
    (void)state;
    str_t host;
    uint16_t port;
    err_t err;
    assert_int_equal(ST_OK, http_address_split(STR("http://127.0.0.1:8088/"), &host, &port, &err));
    assert_true(str_eq(host, STR("127.0.0.1")) && port == 8088);
    assert_int_equal(ST_OK, http_address_split(STR("[::1]:0"), &host, &port, &err));
    assert_true(str_eq(host, STR("::1")) && port == 0);
    assert_int_equal(ST_BAD_CONFIG, http_address_split(STR("localhost"), &host, &port, &err));
    assert_int_equal(ST_BAD_CONFIG, http_address_split(STR("a:65536"), &host, &port, &err));
}

#define IN_WORLD(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(answers),
        IN_WORLD(refusals),
        cmocka_unit_test_setup_teardown(lateness, enter_hasty, leave),
        IN_WORLD(pipelined),
        IN_WORLD(clients_go),
        IN_WORLD(room),
        IN_WORLD(drains),
        cmocka_unit_test(accepts),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
