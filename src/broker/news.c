/* news.c: data that fetches wait for. A network thread has a watch on the topics that are fetched
 * there; the log wakes it. thread: net */
#include "broker/internal.h"

/* Called by the log, under its lock, from whatever thread commits. */
static void on_signal(void *arg)
{
    broker_net_t *net = arg;
    if (!atomic_exchange(&net->news_posted, true))
        io_mailbox_put(&net->news, &net->news_mail);
}

static void on_news(void *arg, io_mail_t *list)
{
    broker_net_t *net = arg;
    (void)list;
    atomic_store(&net->news_posted, false);
    log_watch_seen(net->watch);
    broker_waits_look(net);
}

void broker_news_init(broker_net_t *net)
{
    io_mailbox_init(&net->news, net->loop, on_news, net);
    net->watch = log_watch_new(net->broker->log);
    log_watch_call(net->watch, on_signal, net);
}

void broker_news_done(broker_net_t *net)
{
    log_watch_free(net->watch);
    for (size_t i = 0; i < net->watched.len; i++)
        log_topic_unref(net->watched.ptr[i]);
    VEC_DONE(&net->watched);
    io_mail_t *mail = io_mailbox_done(&net->news); /* news_mail, if any */
    (void)mail;
}

void broker_news_watch(broker_net_t *net, log_topic_t *t)
{
    for (size_t i = 0; i < net->watched.len; i++)
        if (net->watched.ptr[i] == t)
            return;
    VEC_PUSH(&net->watched, log_topic_ref(t));
    log_watch_add(net->watch, t);
}

void broker_news_forget(broker_net_t *net, log_topic_t *t)
{
    for (size_t i = 0; i < net->watched.len; i++)
        if (net->watched.ptr[i] == t) {
            VEC_REMOVE(&net->watched, i);
            log_watch_remove(net->watch, t);
            log_topic_unref(t);
            return;
        }
}
