/* net.c: the network threads: accept, read, answer. */
#include "base/trace.h"
#include "broker/internal.h"
#include "io/tcp.h"

#include <unistd.h>

#define ACCEPT_PER_TURN 64
#define THREADS_DEFAULT 3
#define TICK_MS_MAX     1000
#define FULL_MS         200 /* nobody is let in for so long when there are no descriptors */

typedef struct arrival {
    io_mail_t mail;
    broker_port_t *port;
    int fd;
} arrival_t;

/* ---- connections come: on the first thread, for all in turn */

static void watch_ports(broker_net_t *net, unsigned events)
{
    for (size_t i = 0; i < net->broker->ports.len; i++)
        io_poll_set(net->loop, &net->broker->ports.ptr[i]->poll, events);
}

static void accept_again(void *arg)
{
    watch_ports(arg, IO_READABLE);
}

static void accept_some(void *arg, unsigned ready)
{
    broker_port_t *p = arg;
    broker_t *b = p->broker;
    (void)ready;
    for (int i = 0; i < ACCEPT_PER_TURN; i++) {
        int fd;
        err_t err;
        st_t st = io_tcp_accept(p->poll.fd, &fd, &err);
        if (st == ST_PARTIAL)
            return;
        if (st != ST_OK) {
            trace_line(TRACE_WARN, "broker", "%s", err.msg);
            watch_ports(b->nets.ptr[0], 0); /* those who wait would wake us again and again */
            io_timer_set(b->nets.ptr[0]->loop, &b->nets.ptr[0]->accept, FULL_MS);
            return;
        }
        if (atomic_fetch_add(&b->connections, 1) >= b->config.connections_max) {
            atomic_fetch_sub(&b->connections, 1);
            io_tcp_close(fd);
            continue;
        }
        char peer[IO_TCP_ADDR_MAX];
        if (!broker_ip_enter(b, broker_conn_host(io_tcp_peer(fd, &peer)))) {
            atomic_fetch_sub(&b->connections, 1);
            io_tcp_close(fd);
            continue;
        }
        arrival_t *a = mem_alloc(sizeof *a);
        *a = (arrival_t){.port = p, .fd = fd};
        io_mailbox_put(&b->nets.ptr[b->next_net++ % b->nets.len]->arrivals, &a->mail);
    }
}

static void on_arrivals(void *arg, io_mail_t *list)
{
    broker_net_t *net = arg;
    for (io_mail_t *mail = list, *next; mail; mail = next) {
        arrival_t *a = (arrival_t *)mail;
        next = mail->next;
        broker_conn_open(net, a->port, a->fd);
        free(a);
    }
}

/* ---- requests come back */

static void on_done(void *arg, io_mail_t *list)
{
    (void)arg;
    for (io_mail_t *mail = list, *next; mail; mail = next) {
        broker_request_t *r = (broker_request_t *)mail;
        next = mail->next;
        r->away = false;
        if (r->resume) {
            r->resume(r);
        } else {
            r->done = true;
            broker_conn_touch(r->conn);
        }
    }
}

/* ---- turns */

static void work(broker_net_t *net)
{
    while (net->touched) {
        broker_conn_t *c = net->touched;
        net->touched = c->next_touched;
        c->touched = false;
        broker_conn_work(c);
        if (!net->touched)
            broker_conns_relieve(net); /* who is closed by it is touched */
    }
}

/* Closes who was idle for too long (a client whose request is under way is not), who stalls, and
 * who has not said in time who it is. */
static void on_tick(void *arg)
{
    broker_net_t *net = arg;
    const broker_config_t *config = &net->broker->config;
    int64_t idle_ns = config->idle_ms * 1000000, auth_ns = config->authentication_ms * 1000000;
    int64_t now = io_loop_ns(net->loop);
    for (broker_conn_t *c = net->conns, *next; c; c = next) {
        next = c->next;
        bool busy = c->first && !c->first->done;
        bool idle = !busy && now - c->active_ns > idle_ns;
        if (idle || broker_conn_stalls(c) || (!c->auth.done && now - c->auth.began_ns > auth_ns))
            broker_conn_close(c);
    }
    if (!net->was_busy && net->kept_busy)
        mem_give_back();
    net->kept_busy = net->was_busy;
    net->was_busy = false;
    int64_t ms = (idle_ns < auth_ns ? idle_ns : auth_ns) / 4000000;
    io_timer_set(net->loop, &net->tick, ms < 10 ? 10 : ms > TICK_MS_MAX ? TICK_MS_MAX : ms);
}

static void *net_main(void *arg)
{
    broker_net_t *net = arg;
    if (net == net->broker->nets.ptr[0])
        watch_ports(net, IO_READABLE);
    on_tick(net);
    while (!atomic_load(&net->broker->stopping)) {
        io_loop_turn(net->loop, -1);
        work(net);
    }
    io_timer_clear(net->loop, &net->tick);
    io_timer_clear(net->loop, &net->accept);
    if (net == net->broker->nets.ptr[0])
        watch_ports(net, 0);
    for (broker_conn_t *c = net->conns; c; c = c->next)
        broker_conn_close(c);
    work(net);
    return NULL;
}

static size_t threads_of(const broker_t *b)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (b->config.network_threads > 0)
        return (size_t)b->config.network_threads;
    return cores > 0 && cores < THREADS_DEFAULT ? (size_t)cores : THREADS_DEFAULT;
}

static void add_net(broker_t *b)
{
    broker_net_t *net = mem_zalloc(sizeof *net);
    net->broker = b;
    net->loop = io_loop_new(b->io);
    net->scratch = mem_alloc(BROKER_SCRATCH_BYTES);
    net->tick = (io_timer_t){.fn = on_tick, .arg = net};
    net->accept = (io_timer_t){.fn = accept_again, .arg = net};
    io_mailbox_init(&net->done, net->loop, on_done, net);
    io_mailbox_init(&net->arrivals, net->loop, on_arrivals, net);
    broker_news_init(net);
    VEC_PUSH(&b->nets, net);
}

ST broker_net_start(broker_t *b, err_t *err)
{
    for (size_t i = 0, n = threads_of(b); i < n; i++)
        add_net(b);
    for (size_t i = 0; i < b->ports.len; i++)
        b->ports.ptr[i]->poll.fn = accept_some;
    for (size_t i = 0; i < b->nets.len; i++) {
        broker_net_t *net = b->nets.ptr[i];
        if (pthread_create(&net->thread, NULL, net_main, net) != 0)
            return err_set(err, ST_LIMIT,
                           "a network thread cannot be made: lower "
                           "num.network.threads or raise the limit on threads");
        net->started = true;
    }
    return ST_OK;
}

void broker_net_stop(broker_t *b)
{
    atomic_store(&b->stopping, true);
    for (size_t i = 0; i < b->nets.len; i++) {
        broker_net_t *net = b->nets.ptr[i];
        io_loop_wake(net->loop);
        if (net->started)
            pthread_join(net->thread, NULL);
    }
}

void broker_net_free(broker_t *b)
{
    for (size_t i = 0; i < b->nets.len; i++) {
        broker_net_t *net = b->nets.ptr[i];
        io_mail_t *mail = io_mailbox_done(&net->done);
        on_done(net, mail);
        work(net);
        for (mail = io_mailbox_done(&net->arrivals); mail;) {
            arrival_t *a = (arrival_t *)mail;
            mail = mail->next;
            io_tcp_close(a->fd);
            free(a);
        }
        broker_news_done(net);
        while (net->conns)
            broker_conn_free(net->conns);
        io_loop_free(net->loop);
        free(net->scratch);
        free(net);
    }
    VEC_DONE(&b->nets);
}

/* ---- the other threads */

static void *worker_main(void *arg)
{
    broker_worker_t *w = arg;
    io_loop_run(w->loop);
    return NULL;
}

void broker_worker_init(broker_worker_t *w, broker_t *b, const char *name,
                        void (*fn)(void *arg, io_mail_t *list))
{
    *w = (broker_worker_t){.broker = b, .name = name, .loop = io_loop_new(b->io)};
    io_mailbox_init(&w->mail, w->loop, fn, b);
}

void broker_worker_start(broker_worker_t *w)
{
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
        die("the broker's %s thread cannot be made: raise the limit on threads", w->name);
    w->started = true;
}

void broker_worker_stop(broker_worker_t *w)
{
    if (!w->started)
        return;
    io_loop_stop(w->loop);
    pthread_join(w->thread, NULL);
    io_mail_t *left = io_mailbox_done(&w->mail);
    if (left)
        w->mail.fn(w->broker, left);
}

void broker_worker_free(broker_worker_t *w)
{
    if (!w->loop)
        return;
    if (!w->started) {
        io_mail_t *none = io_mailbox_done(&w->mail);
        ASSERT(!none);
    }
    io_loop_free(w->loop);
}
