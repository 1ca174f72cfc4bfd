/* The event loop: timers in order, mail from threads, an echo over loopback, callbacks that take
 * others away. */
#include "io/loop.c"

#include "io/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef struct world {
    io_t *io;
    io_loop_t *loop;
} world_t;

static int enter(void **state)
{
    world_t *w = mem_zalloc(sizeof *w);
    w->io = io_real_new();
    w->loop = io_loop_new(w->io);
    *state = w;
    return 0;
}

static int leave(void **state)
{
    world_t *w = *state;
    io_loop_free(w->loop);
    io_free(w->io);
    free(w);
    return 0;
}

/* ---- timers */

typedef struct alarm {
    io_timer_t timer;
    io_loop_t *loop;
    int *order, id;
    struct alarm *victim;
} alarm_t;

static void ring(void *arg)
{
    alarm_t *a = arg;
    a->order[++a->order[0]] = a->id;
    if (a->victim)
        io_timer_clear(a->loop, &a->victim->timer);
}

static void timers(void **state)
{
    world_t *w = *state;
    int order[64] = {0};
    alarm_t a[32];
    for (int i = 0; i < 32; i++) {
        a[i] = (alarm_t){
            .timer = {.fn = ring, .arg = &a[i]}, .loop = w->loop, .order = order, .id = i};
        io_timer_set(w->loop, &a[i].timer, 1 + (i * 7) % 32);
    }
    a[0].victim = &a[1]; /* the first to ring takes another away */
    io_timer_set(w->loop, &a[2].timer, 1000000);
    io_timer_clear(w->loop, &a[2].timer);
    io_timer_clear(w->loop, &a[2].timer);
    while (w->loop->timers.len)
        io_loop_turn(w->loop, -1);
    assert_int_equal(30, order[0]);
    for (int i = 2; i <= order[0]; i++)
        assert_true((order[i - 1] * 7) % 32 <= (order[i] * 7) % 32);
}

/* ---- mail */

typedef struct letter {
    io_mail_t mail;
    int from, number;
} letter_t;

typedef struct post {
    io_loop_t *loop;
    io_mailbox_t box;
    int seen[4], total;
} post_t;

static void got_mail(void *arg, io_mail_t *list)
{
    post_t *p = arg;
    while (list) {
        letter_t *l = (letter_t *)list;
        list = list->next;
        assert_int_equal(p->seen[l->from]++, l->number);
        p->total++;
        free(l);
    }
    if (p->total == 4000)
        io_loop_stop(p->loop);
}

typedef struct sender {
    post_t *post;
    int id;
} sender_t;

static void *send_letters(void *arg)
{
    sender_t *s = arg;
    for (int i = 0; i < 1000; i++) {
        letter_t *l = mem_alloc(sizeof *l);
        *l = (letter_t){.from = s->id, .number = i};
        io_mailbox_put(&s->post->box, &l->mail);
    }
    return NULL;
}

static void mail(void **state)
{
    world_t *w = *state;
    post_t post = {.loop = w->loop};
    sender_t s[4];
    pthread_t t[4];
    io_mailbox_init(&post.box, w->loop, got_mail, &post);
    for (int i = 0; i < 4; i++) {
        s[i] = (sender_t){&post, i};
        assert_int_equal(0, pthread_create(&t[i], NULL, send_letters, &s[i]));
    }
    io_loop_run(w->loop);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(4000, post.total);
    letter_t late;
    io_mailbox_put(&post.box, &late.mail);
    assert_ptr_equal(&late, io_mailbox_done(&post.box));
}

/* ---- sockets */

#define CLIENTS 50

typedef struct peer {
    io_loop_t *loop;
    io_poll_t poll;
    struct echo *echo;
    char text[64];
    size_t len;
    bool connected;
} peer_t;

typedef struct echo {
    io_loop_t *loop;
    io_poll_t listen;
    peer_t *server[CLIENTS];
    peer_t client[CLIENTS];
    int n_servers, done;
} echo_t;

static void peer_close(peer_t *p)
{
    io_poll_set(p->loop, &p->poll, 0);
    io_tcp_close(p->poll.fd);
}

static void serve(void *arg, unsigned ready)
{
    peer_t *p = arg;
    (void)ready;
    size_t n;
    st_t st = io_tcp_read(p->poll.fd, p->text, sizeof p->text, &n, NULL);
    if (st == ST_CLOSED) {
        peer_close(p);
        return;
    }
    assert_int_equal(ST_OK, st);
    str_t parts[2] = {str_n(p->text, 1), str_n(p->text + 1, n - 1)};
    assert_int_equal(ST_OK, io_tcp_write(p->poll.fd, parts, 2, &n, NULL));
    assert_int_equal(ST_PARTIAL, io_tcp_read(p->poll.fd, p->text, sizeof p->text, &n, NULL));
}

static void on_accept(void *arg, unsigned ready)
{
    echo_t *e = arg;
    int fd;
    (void)ready;
    while (io_tcp_accept(e->listen.fd, &fd, NULL) == ST_OK) {
        peer_t *p = e->server[e->n_servers++] = mem_zalloc(sizeof *p);
        *p = (peer_t){.loop = e->loop, .poll = {.fd = fd, .fn = serve, .arg = p}};
        io_poll_set(e->loop, &p->poll, IO_READABLE);
    }
}

static void ask(void *arg, unsigned ready)
{
    peer_t *p = arg;
    size_t n;
    if (!p->connected) {
        assert_true(ready & IO_WRITABLE);
        assert_int_equal(ST_OK, io_tcp_connected(p->poll.fd, NULL));
        p->connected = true;
        str_t hello = STR("hello");
        assert_int_equal(ST_OK, io_tcp_write(p->poll.fd, &hello, 1, &n, NULL));
        io_poll_set(p->loop, &p->poll, IO_READABLE);
        return;
    }
    assert_int_equal(ST_OK,
                     io_tcp_read(p->poll.fd, p->text + p->len, sizeof p->text - p->len, &n, NULL));
    p->len += n;
    if (p->len == 5) {
        assert_memory_equal("hello", p->text, 5);
        peer_close(p);
        if (++p->echo->done == CLIENTS)
            io_loop_stop(p->loop);
    }
}

static void sockets(void **state)
{
    world_t *w = *state;
    uint16_t port, other;
    int fd;
    err_t err;
    echo_t e = {.loop = w->loop, .listen = {.fn = on_accept, .arg = &e}};
    assert_int_equal(ST_OK, io_tcp_listen(STR(""), 0, &e.listen.fd, &port, &err));
    assert_int_equal(ST_BUSY, io_tcp_listen(STR("127.0.0.1"), port, &fd, &other, &err));
    io_poll_set(w->loop, &e.listen, IO_READABLE);
    for (int i = 0; i < CLIENTS; i++) {
        peer_t *p = &e.client[i];
        *p = (peer_t){.loop = w->loop, .poll = {.fn = ask, .arg = p}, .echo = &e};
        assert_int_equal(ST_OK, io_tcp_connect(STR("localhost"), port, &p->poll.fd, &err));
        io_poll_set(w->loop, &p->poll, IO_WRITABLE);
    }
    io_loop_run(w->loop);
    char peer[IO_TCP_ADDR_MAX];
    assert_int_equal(CLIENTS, e.n_servers);
    for (int i = 0; i < CLIENTS; i++) {
        if (e.server[i]->poll.events) {
            assert_true(str_starts(io_tcp_peer(e.server[i]->poll.fd, &peer), STR("127.0.0.1:")));
            peer_close(e.server[i]);
        }
        free(e.server[i]);
    }
    io_poll_set(w->loop, &e.listen, 0);
    io_tcp_close(e.listen.fd);
}

static void on_hangup(void *arg, unsigned ready)
{
    peer_t *p = arg;
    p->len++;
    assert_int_equal(IO_HANGUP, ready);
    io_loop_stop(p->loop);
}

/* Heard of by who does not read, before what was sent is read. */
static void hangup(void **state)
{
    world_t *w = *state;
    uint16_t port;
    int listen, fd;
    size_t n;
    str_t hello = STR("hello");
    peer_t p = {.loop = w->loop, .poll = {.fn = on_hangup, .arg = &p}};
    assert_int_equal(ST_OK, io_tcp_listen(STR(""), 0, &listen, &port, NULL));
    assert_int_equal(ST_OK, io_tcp_connect(STR("127.0.0.1"), port, &fd, NULL));
    assert_int_equal(ST_OK, io_tcp_accept(listen, &p.poll.fd, NULL));
    io_poll_set(w->loop, &p.poll, IO_HANGUP);
    assert_int_equal(ST_OK, io_tcp_write(fd, &hello, 1, &n, NULL));
    io_loop_turn(w->loop, 20);
    assert_int_equal(0, p.len);
    io_tcp_close(fd);
    io_loop_run(w->loop);
    assert_int_equal(1, p.len);
    assert_int_equal(ST_OK, io_tcp_read(p.poll.fd, p.text, sizeof p.text, &n, NULL));
    assert_int_equal(5, n);
    io_poll_set(w->loop, &p.poll, 0);
    io_tcp_close(p.poll.fd);
    io_tcp_close(listen);
}

static void nobody_listens(void **state)
{
    world_t *w = *state;
    uint16_t port;
    int fd;
    assert_int_equal(ST_OK, io_tcp_listen(STR(""), 0, &fd, &port, NULL));
    io_tcp_close(fd);
    st_t st = io_tcp_connect(STR("127.0.0.1"), port, &fd, NULL);
    if (st == ST_OK) {
        io_sleep_ms(w->io, 5);
        st = io_tcp_connected(fd, NULL);
        io_tcp_close(fd);
    }
    assert_int_equal(ST_UNREACHABLE, st);
    assert_int_equal(ST_BAD_INPUT, io_tcp_connect(STR("no such host.invalid"), port, &fd, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers, enter, leave),
        cmocka_unit_test_setup_teardown(mail, enter, leave),
        cmocka_unit_test_setup_teardown(sockets, enter, leave),
        cmocka_unit_test_setup_teardown(hangup, enter, leave),
        cmocka_unit_test_setup_teardown(nobody_listens, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
