#include "io/loop.h"

#include "io/mailbox.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define READY_MAX 256

struct io_loop {
    io_t *io;
    int epoll_fd, wake_fd;
    int64_t now_ns;
    VEC(io_timer_t *) timers; /* binary heap by due_ns */
    struct epoll_event
        ready[READY_MAX]; /* of this turn; data.ptr NULL: wake_fd, or no longer wanted */
    int n_ready;
    io_mailbox_t *mailboxes;
    atomic_bool woken, stopped;
};

io_loop_t *io_loop_new(io_t *io)
{
    io_loop_t *l = mem_zalloc(sizeof *l);
    l->io = io;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (l->epoll_fd < 0 || l->wake_fd < 0 ||
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &e) < 0)
        die("an event loop cannot be made: raise the limit on open files (ulimit -n)");
    l->now_ns = io_mono_ns(io);
    return l;
}

void io_loop_free(io_loop_t *l)
{
    ASSERT(!l->mailboxes);
    VEC_DONE(&l->timers);
    close(l->epoll_fd);
    close(l->wake_fd);
    free(l);
}

io_t *io_loop_io(io_loop_t *l)
{
    return l->io;
}

int64_t io_loop_ns(const io_loop_t *l)
{
    return l->now_ns;
}

/* ---- waking */

void io_loop_wake(io_loop_t *l)
{
    if (atomic_exchange(&l->woken, true))
        return;
    uint64_t one = 1;
    ssize_t n = write(l->wake_fd, &one, sizeof one);
    ASSERT(n == sizeof one);
}

void io_loop_stop(io_loop_t *l)
{
    atomic_store(&l->stopped, true);
    io_loop_wake(l);
}

/* Whoever finds `woken` set need not write: what it has put is seen later in this turn, after the
 * flag is cleared. */
static void drain_wakes(io_loop_t *l)
{
    uint64_t n;
    for (int i = 0; i < l->n_ready; i++)
        if (!l->ready[i].data.ptr && read(l->wake_fd, &n, sizeof n) == sizeof n)
            atomic_store(&l->woken, false);
}

/* ---- timers: a heap, the earliest first; a timer knows its place */

static void place(io_loop_t *l, size_t at, io_timer_t *t)
{
    l->timers.ptr[at] = t;
    t->slot = at + 1;
}

static void sift_up(io_loop_t *l, size_t at, io_timer_t *t)
{
    while (at > 0 && l->timers.ptr[(at - 1) / 2]->due_ns > t->due_ns) {
        place(l, at, l->timers.ptr[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(l, at, t);
}

static void sift_down(io_loop_t *l, size_t at, io_timer_t *t)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= l->timers.len)
            break;
        if (child + 1 < l->timers.len &&
            l->timers.ptr[child + 1]->due_ns < l->timers.ptr[child]->due_ns)
            child++;
        if (l->timers.ptr[child]->due_ns >= t->due_ns)
            break;
        place(l, at, l->timers.ptr[child]);
        at = child;
    }
    place(l, at, t);
}

void io_timer_set(io_loop_t *l, io_timer_t *t, int64_t delay_ms)
{
    io_timer_clear(l, t);
    t->due_ns = io_mono_ns(l->io) + delay_ms * 1000000;
    VEC_PUSH(&l->timers, t);
    sift_up(l, l->timers.len - 1, t);
}

void io_timer_clear(io_loop_t *l, io_timer_t *t)
{
    if (!t->slot)
        return;
    size_t at = t->slot - 1;
    ASSERT(l->timers.ptr[at] == t);
    t->slot = 0;
    io_timer_t *last = l->timers.ptr[--l->timers.len];
    if (last == t)
        return;
    if (at > 0 && l->timers.ptr[(at - 1) / 2]->due_ns > last->due_ns)
        sift_up(l, at, last);
    else
        sift_down(l, at, last);
}

/* Those due when it begins; what a callback sets is for the next turn. */
static void run_timers(io_loop_t *l)
{
    int64_t now = io_mono_ns(l->io);
    while (l->timers.len && l->timers.ptr[0]->due_ns <= now) {
        io_timer_t *t = l->timers.ptr[0];
        io_timer_clear(l, t);
        t->fn(t->arg);
    }
}

static int wait_ms(io_loop_t *l, int timeout_ms)
{
    if (l->timers.len == 0)
        return timeout_ms;
    int64_t left = l->timers.ptr[0]->due_ns - io_mono_ns(l->io);
    int64_t ms = left <= 0 ? 0 : (left + 999999) / 1000000;
    if (timeout_ms >= 0 && ms > timeout_ms)
        return timeout_ms;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* ---- polls */

void io_poll_set(io_loop_t *l, io_poll_t *p, unsigned events)
{
    if (p->events == events)
        return;
    struct epoll_event e = {.data.ptr = p};
    e.events = (events & IO_READABLE ? (uint32_t)EPOLLIN : 0) |
               (events & IO_WRITABLE ? (uint32_t)EPOLLOUT : 0) |
               (events & IO_HANGUP ? (uint32_t)EPOLLRDHUP : 0);
    int op = p->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    int rc = epoll_ctl(l->epoll_fd, op, p->fd, &e);
    if (rc < 0)
        die("epoll cannot watch descriptor %d: error %d", p->fd, errno);
    p->events = events;
    /* What is ready in this turn and was not called yet must not be called any more. */
    for (int i = 0; events == 0 && i < l->n_ready; i++)
        if (l->ready[i].data.ptr == p)
            l->ready[i].data.ptr = NULL;
}

static void run_polls(io_loop_t *l)
{
    for (int i = 0; i < l->n_ready; i++) {
        io_poll_t *p = l->ready[i].data.ptr;
        if (!p)
            continue;
        uint32_t e = l->ready[i].events;
        unsigned ready = (e & EPOLLIN ? IO_READABLE : 0u) | (e & EPOLLOUT ? IO_WRITABLE : 0u) |
                         (e & EPOLLRDHUP ? IO_HANGUP : 0u);
        if (e & (EPOLLERR | EPOLLHUP))
            ready = IO_READABLE | IO_WRITABLE | IO_HANGUP;
        ready &= p->events;
        if (ready)
            p->fn(p->arg, ready);
    }
    l->n_ready = 0;
}

/* ---- mailboxes */

void io_mailbox_init(io_mailbox_t *m, io_loop_t *loop, void (*fn)(void *arg, io_mail_t *list),
                     void *arg)
{
    *m = (io_mailbox_t){.loop = loop, .fn = fn, .arg = arg, .next = loop->mailboxes};
    atomic_init(&m->top, NULL);
    loop->mailboxes = m;
}

/* Takes all there is, first sent first. */
static io_mail_t *take_mail(io_mailbox_t *m)
{
    io_mail_t *list = NULL;
    if (!atomic_load_explicit(&m->top, memory_order_relaxed))
        return NULL;
    for (io_mail_t *mail = atomic_exchange(&m->top, NULL); mail;) {
        io_mail_t *next = mail->next;
        mail->next = list;
        list = mail;
        mail = next;
    }
    return list;
}

io_mail_t *io_mailbox_done(io_mailbox_t *m)
{
    io_mailbox_t **at = &m->loop->mailboxes;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    return take_mail(m);
}

void io_mailbox_put(io_mailbox_t *m, io_mail_t *mail)
{
    io_mail_t *top = atomic_load_explicit(&m->top, memory_order_relaxed);
    do
        mail->next = top;
    while (!atomic_compare_exchange_weak(&m->top, &top, mail));
    if (!top) /* from here on the mail is the receiver's */
        io_loop_wake(m->loop);
}

static void run_mailboxes(io_loop_t *l)
{
    for (io_mailbox_t *m = l->mailboxes, *next; m; m = next) {
        next = m->next;
        io_mail_t *list = take_mail(m);
        if (list)
            m->fn(m->arg, list);
    }
}

/* ---- turns */

void io_loop_turn(io_loop_t *l, int timeout_ms)
{
    int n = epoll_wait(l->epoll_fd, l->ready, READY_MAX, wait_ms(l, timeout_ms));
    l->n_ready = n > 0 ? n : 0;
    l->now_ns = io_mono_ns(l->io);
    drain_wakes(l);
    run_polls(l);
    run_timers(l);
    run_mailboxes(l);
}

void io_loop_run(io_loop_t *l)
{
    while (!atomic_load(&l->stopped))
        io_loop_turn(l, -1);
    atomic_store(&l->stopped, false);
}
