/* commit.c: the commit thread: all Produce requests that wait share one write and one sync. */
#include "broker/produce.h"

#define ROUND_BYTES_MAX (8u << 20)
#define STAY_BYTES      (32u << 10) /* what is less is copied */

typedef struct round {
    broker_t *broker;
    VEC(broker_append_t *) appends;
    VEC(log_commit_t *) commits; /* one an append: each stands by itself */
    size_t bytes;
} round_t;

void broker_append_to(log_commit_t *c, const broker_append_t *a)
{
    /* The log holds all of a frame for a batch: it must not be a small part of it. */
    bool stays = a->batch.len >= STAY_BYTES && a->batch.len >= a->frame->size_bytes / 2;
    log_commit_append_in(c, a->topic, a->partition, a->batch, stays ? a->frame : NULL);
}

void broker_append_outcome(broker_append_t *a, const log_outcome_t *o)
{
    a->base_offset = o->base_offset;
    if (o->st == ST_DUPLICATE) /* the client asks again, for it has not seen our answer */
        return;
    a->failure.code = o->st == ST_NOT_FOUND ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : broker_code(o->st);
}

static void flush(round_t *c)
{
    if (!c->commits.len)
        return;
    log_outcome_t *outcome = mem_alloc(c->commits.len * sizeof *outcome);
    log_commit_all(c->broker->log, c->commits.ptr, c->commits.len, outcome);
    for (size_t i = 0; i < c->commits.len; i++)
        broker_append_outcome(c->appends.ptr[i], &outcome[i]);
    free(outcome);
    VEC_CLEAR(&c->appends);
    VEC_CLEAR(&c->commits);
    c->bytes = 0;
}

static void add(round_t *c, broker_append_t *a)
{
    log_commit_t *commit = log_commit_new(c->broker->log);
    broker_append_to(commit, a);
    VEC_PUSH(&c->appends, a);
    VEC_PUSH(&c->commits, commit);
    c->bytes += a->batch.len;
    if (c->bytes >= ROUND_BYTES_MAX)
        flush(c);
}

void broker_commit_requests(void *arg, io_mail_t *list)
{
    round_t c = {.broker = arg};
    for (io_mail_t *mail = list; mail; mail = mail->next) {
        broker_produce_t *p = ((broker_request_t *)mail)->state;
        for (size_t i = 0; i < p->n_appends; i++)
            if (!p->append[i].failure.code)
                add(&c, &p->append[i]);
    }
    flush(&c);
    for (io_mail_t *mail = list, *next; mail; mail = next) {
        next = mail->next;
        broker_return((broker_request_t *)mail);
    }
    VEC_DONE(&c.appends);
    VEC_DONE(&c.commits);
}
