/* coordinator.c: the thread that keeps groups and transactions, and gives out producer ids. */
#include "broker/coordinator.h"

#include "base/trace.h"
#include "broker/consumer_group.h"
#include "broker/group_expiry.h"
#include "broker/txn.h"

#define PRODUCER_IDS 1000 /* taken at once: so many are lost with a crash */

/* ---- what comes round */

static void on_soon(void *arg)
{
    coordinator_flush(arg);
}

static void check_offsets(void *arg)
{
    broker_coordinator_t *c = arg;
    coordinator_flush(c);
    group_expire_offsets(c);
    io_timer_set(c->broker->group.loop, &c->offsets_check, c->broker->config.offsets_check_ms);
}

static void check_txns(void *arg)
{
    broker_coordinator_t *c = arg;
    coordinator_flush(c);
    txn_expire(c);
    io_timer_set(c->broker->group.loop, &c->txns_check, c->broker->config.txn_check_ms);
}

ST broker_coordinator_new(broker_t *b, broker_coordinator_t **ret, err_t *err)
{
    broker_coordinator_t *c = mem_zalloc(sizeof *c);
    c->broker = b;
    map_init(&c->groups);
    map_init(&c->consumer_groups);
    map_init(&c->txns);
    c->soon = (io_timer_t){.fn = on_soon, .arg = c};
    c->offsets_check = (io_timer_t){.fn = check_offsets, .arg = c};
    c->txns_check = (io_timer_t){.fn = check_txns, .arg = c};
    io_timer_set(b->group.loop, &c->offsets_check, b->config.offsets_check_ms);
    io_timer_set(b->group.loop, &c->txns_check, b->config.txn_check_ms);
    *ret = c;
    groups_load(c);
    consumer_groups_load(c);
    return txn_load(c, err);
}

void broker_coordinator_free(broker_coordinator_t *c)
{
    if (!c)
        return;
    while (c->entries.len || c->held.len)
        coordinator_flush(c);
    map_done(&c->groups, group_free);
    map_done(&c->consumer_groups, consumer_group_free);
    map_done(&c->txns, txn_free);
    VEC_DONE(&c->entries);
    VEC_DONE(&c->held);
    free(c);
}

/* ---- into the log */

void coordinator_commit(broker_coordinator_t *c, log_commit_t *commit,
                        void (*done)(void *arg, const log_outcome_t *o), void *arg)
{
    if (!c->entries.len)
        io_timer_set(c->broker->group.loop, &c->soon, 0);
    VEC_PUSH(&c->entries, (coordinator_entry_t){commit, done, arg});
}

typedef struct keeping {
    broker_coordinator_t *coordinator;
    str_t group; /* owned */
} keeping_t;

static void kept(void *arg, const log_outcome_t *o)
{
    keeping_t *k = arg;
    group_t *classic = group_find(k->coordinator, k->group);
    consumer_group_t *assigned = consumer_group_find(k->coordinator, k->group);
    if (o->st == ST_NOT_FOUND && assigned)
        consumer_group_keep_again(assigned);
    else if (o->st == ST_NOT_FOUND && classic)
        group_keep(classic);
    else if (o->st != ST_OK)
        trace_line(TRACE_WARN, "broker",
                   "the log did not take what became of group " STR_FMT ": %s", STR_ARG(k->group),
                   st_text(o->st));
    group_disown(&k->group);
    free(k);
}

void coordinator_keep(broker_coordinator_t *c, log_commit_t *commit, str_t group)
{
    keeping_t *k = mem_alloc(sizeof *k);
    *k = (keeping_t){c, group_own(group)};
    coordinator_commit(c, commit, kept, k);
}

void coordinator_hold(broker_request_t *r, void *response)
{
    VEC_PUSH(&broker_coordinator_of(r)->held, (coordinator_held_t){r, response});
}

void coordinator_answer(broker_request_t *r, void *response)
{
    if (!broker_coordinator_of(r)->entries.len) {
        broker_answer(r, response);
        return;
    }
    broker_answer_held(r, response);
    coordinator_hold(r, NULL);
}

/* What they call may bring more, for the next flush. */
static void flush_entries(broker_coordinator_t *c)
{
    size_t n = c->entries.len;
    coordinator_entry_t *entry = c->entries.ptr;
    log_commit_t **commit = mem_alloc(n * sizeof(log_commit_t *));
    log_outcome_t *outcome = mem_alloc(n * sizeof *outcome);
    memset(&c->entries, 0, sizeof c->entries);
    for (size_t i = 0; i < n; i++)
        commit[i] = entry[i].commit;
    log_commit_all(c->broker->log, commit, n, outcome);
    for (size_t i = 0; i < n; i++)
        entry[i].done(entry[i].arg, &outcome[i]);
    free(commit);
    free(outcome);
    free(entry);
}

void coordinator_flush(broker_coordinator_t *c)
{
    io_timer_clear(c->broker->group.loop, &c->soon);
    if (c->entries.len)
        flush_entries(c);
    for (size_t i = 0; i < c->held.len; i++)
        if (c->held.ptr[i].response)
            broker_answer(c->held.ptr[i].request, c->held.ptr[i].response);
        else
            broker_return(c->held.ptr[i].request);
    VEC_CLEAR(&c->held);
}

void broker_group_requests(void *arg, io_mail_t *list)
{
    broker_t *b = arg;
    for (io_mail_t *mail = list, *next; mail; mail = next) {
        broker_request_t *r = (broker_request_t *)mail;
        next = mail->next;
        if (r->work)
            r->work(r);
        else
            r->handler->run(r);
    }
    coordinator_flush(b->coordinator);
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

ST coordinator_producer_id(broker_coordinator_t *c, int64_t *ret, err_t *err)
{
    if (c->next_producer_id == c->producer_ids_end)
        TRY(take_producer_ids(c, err));
    *ret = c->next_producer_id++;
    return ST_OK;
}
