/* coordinator.c: the thread that keeps groups and gives out producer ids. */
#include "broker/group.h"

#define PRODUCER_IDS 1000 /* taken at once: so many are lost with a crash */

broker_coordinator_t *broker_coordinator_new(broker_t *b)
{
    broker_coordinator_t *c = mem_zalloc(sizeof *c);
    c->broker = b;
    map_init(&c->groups);
    return c;
}

void broker_coordinator_free(broker_coordinator_t *c)
{
    if (!c)
        return;
    map_done(&c->groups, group_free);
    VEC_DONE(&c->commits);
    VEC_DONE(&c->entries);
    free(c);
}

void broker_group_requests(void *arg, io_mail_t *list)
{
    broker_coordinator_t *c = arg;
    for (io_mail_t *mail = list, *next; mail; mail = next) {
        broker_request_t *r = (broker_request_t *)mail;
        next = mail->next;
        r->handler->run(r);
    }
    group_offsets_flush(c);
}

/* ---- producer ids: the next one is a fact in the log, ahead of those given out */

static ST take_producer_ids(broker_coordinator_t *c, err_t *err)
{
    arena_t a;
    str_t text;
    int64_t from = 0;
    char next[24];
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st = log_fact(c->broker->log, STR("producer.id.next"), &a, &text, err);
    if (st == ST_OK && !str_to_i64(text, &from))
        st = err_set(err, ST_CORRUPT, "the log's fact producer.id.next is no number");
    arena_done(&a);
    if (st != ST_OK && st != ST_NOT_FOUND)
        return st;
    int n = snprintf(next, sizeof next, "%lld", (long long)(from + PRODUCER_IDS));
    log_commit_t *commit = log_commit_new(c->broker->log);
    log_commit_fact(commit, STR("producer.id.next"), str_n(next, (size_t)n));
    TRY(log_commit(c->broker->log, commit, NULL, err));
    c->next_producer_id = from;
    c->producer_ids_end = from + PRODUCER_IDS;
    return ST_OK;
}

void broker_on_init_producer_id(broker_request_t *r)
{
    MESSAGE(init_producer_id);
    RESPONSE(init_producer_id);
    broker_coordinator_t *c = broker_coordinator_of(r);
    st_t st = ST_OK;
    answer->producer_epoch = -1;
    if (m->transactional_id.ptr) /* transactions are not served yet */
        answer->error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    else if (c->next_producer_id == c->producer_ids_end)
        st = take_producer_ids(c, NULL);
    if (st != ST_OK)
        answer->error_code = KAFKA_STORAGE_ERROR;
    if (!answer->error_code) {
        answer->producer_id = c->next_producer_id++;
        answer->producer_epoch = 0;
    }
    broker_answer(r, answer);
}
