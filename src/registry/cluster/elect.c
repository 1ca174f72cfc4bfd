/* elect.c: who leads, and the leader's transactions. */
#include "registry/cluster/internal.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS 200
#define STEP_MS  500

/* ---- leading */

static ST failed(rd_kafka_error_t *e, const char *what, bool *ret_abort, err_t *err)
{
    if (!e)
        return ST_OK;
    st_t st = rd_kafka_error_code(e) == RD_KAFKA_RESP_ERR__TIMED_OUT ? ST_TIMEOUT
              : rd_kafka_error_is_fatal(e)                             ? ST_UNREACHABLE
                                                                       : ST_IO;
    if (ret_abort)
        *ret_abort = rd_kafka_error_txn_requires_abort(e);
    err_set_at(err, st, __FILE__, __LINE__, "%s: %s", what, rd_kafka_error_string(e));
    rd_kafka_error_destroy(e);
    return st;
}

/* In the thread that commits or aborts. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    cluster_t *c = opaque;
    if (!m->err && m->offset > c->last_offset)
        c->last_offset = m->offset;
}

static ST new_producer(cluster_t *c, rd_kafka_t **ret, err_t *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const char *id = arena_z(&a, arena_printf(&a, "%s/%s", c->group, c->topic));
    const char *timeout = arena_z(&a, arena_printf(&a, "%lld", (long long)c->timeout_ms));
    cluster_conf_set(conf, "transactional.id", id);
    cluster_conf_set(conf, "transaction.timeout.ms", timeout);
    cluster_conf_set(conf, "message.timeout.ms", timeout);
    cluster_conf_set(conf, "linger.ms", "0");
    cluster_conf_set(conf, "message.max.bytes", "10000000");
    arena_done(&a);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, c);
    return cluster_client(c, RD_KAFKA_PRODUCER, conf, ret, err);
}

/* In short steps, so that it sees when it is to stop. */
static ST init_transactions(cluster_t *c, rd_kafka_t *p, err_t *err)
{
    int64_t until = io_mono_ns(c->io) + c->init_timeout_ms * 1000000;
    for (;;) {
        rd_kafka_error_t *e = rd_kafka_init_transactions(p, STEP_MS);
        bool over = io_mono_ns(c->io) > until || atomic_load(&c->stop);
        if (!e || !rd_kafka_error_is_retriable(e) || over)
            return failed(e, "the transactions of a leader cannot begin", NULL, err);
        rd_kafka_error_destroy(e);
    }
}

/* Fences whoever led before, then reads what it has written. */
static ST lead(cluster_t *c, err_t *err)
{
    rd_kafka_t *p;
    TRY(new_producer(c, &p, err));
    st_t st = init_transactions(c, p, err);
    if (st == ST_OK)
        st = cluster_read_all(c, err);
    if (st != ST_OK) {
        rd_kafka_destroy(p);
        return st;
    }
    pthread_mutex_lock(&c->lock);
    c->producer = p;
    c->broken = false;
    pthread_mutex_unlock(&c->lock);
    trace_line(TRACE_INFO, "registry", "%s leads %s", c->url, c->topic);
    return ST_OK;
}

static void lead_no_more(cluster_t *c)
{
    pthread_mutex_lock(&c->lock);
    rd_kafka_t *p = c->producer;
    c->producer = NULL;
    pthread_mutex_unlock(&c->lock);
    if (p) {
        rd_kafka_destroy(p);
        trace_line(TRACE_INFO, "registry", "%s does not lead any more", c->url);
    }
}

bool cluster_leads(cluster_t *c)
{
    pthread_mutex_lock(&c->lock);
    bool leads = c->producer && !c->broken;
    pthread_mutex_unlock(&c->lock);
    return leads;
}

/* ---- writing */

static ST produce(cluster_t *c, str_t key, str_t value, int64_t now_ms, err_t *err)
{
    rd_kafka_vu_t part[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = c->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key.ptr, key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value.ptr, value.len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = now_ms}};
    rd_kafka_error_t *e = rd_kafka_produceva(c->producer, part, sizeof part / sizeof *part);
    return failed(e, "the topic takes no record", NULL, err);
}

static ST transact(cluster_t *c, const str_t *key, const str_t *value, size_t n, int64_t now_ms,
                   int64_t *ret_end, bool *ret_abort, err_t *err)
{
    if (!c->producer || c->broken)
        return err_set(err, ST_BUSY, "this registry does not lead: try again");
    TRY(failed(rd_kafka_begin_transaction(c->producer), "no transaction begins", NULL, err));
    *ret_abort = true;
    c->last_offset = -1;
    for (size_t i = 0; i < n; i++)
        TRY(produce(c, key[i], value[i], now_ms, err));
    rd_kafka_error_t *e;
    for (int i = 0; i < 2; i++) { /* once more when it was only late: that is idempotent */
        e = rd_kafka_commit_transaction(c->producer, (int)c->timeout_ms);
        if (!e || !rd_kafka_error_is_retriable(e) || i == 1)
            break;
        rd_kafka_error_destroy(e);
    }
    TRY(failed(e, "the change is not committed", ret_abort, err));
    ASSERT(c->last_offset >= 0);
    *ret_end = c->last_offset + 1;
    return ST_OK;
}

st_t cluster_write(void *self, const str_t *key, const str_t *value, size_t n, int64_t now_ms,
                   int64_t *ret_end, err_t *err)
{
    cluster_t *c = self;
    bool abort = false;
    pthread_mutex_lock(&c->lock);
    st_t st = transact(c, key, value, n, now_ms, ret_end, &abort, err);
    if (st == ST_OK)
        c->written = *ret_end;
    else if (c->producer && !c->broken) { /* the elector makes a new one */
        err_t ignored;
        c->broken = !abort || failed(rd_kafka_abort_transaction(c->producer, (int)c->timeout_ms),
                                     "abort", NULL, &ignored) != ST_OK;
    }
    pthread_mutex_unlock(&c->lock);
    return st;
}

int64_t cluster_written(cluster_t *c)
{
    pthread_mutex_lock(&c->lock);
    int64_t offset = c->written;
    pthread_mutex_unlock(&c->lock);
    return offset;
}

/* ---- the election */

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what,
                         rd_kafka_topic_partition_list_t *part, void *opaque)
{
    cluster_t *c = opaque;
    c->elected = what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && part->cnt > 0;
    if (!c->elected)
        lead_no_more(c);
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        rd_kafka_assign(rk, part);
        rd_kafka_pause_partitions(rk, part); /* it is about who has it, not about what is in it */
    } else {
        rd_kafka_assign(rk, NULL);
    }
}

static void *elect(void *arg)
{
    cluster_t *c = arg;
    while (!atomic_load(&c->stop)) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->member, CLUSTER_POLL_MS);
        if (m)
            rd_kafka_message_destroy(m);
        if (!c->elected || cluster_leads(c))
            continue;
        err_t err;
        lead_no_more(c);
        if (lead(c, &err) != ST_OK) {
            trace_line(TRACE_WARN, "registry", "%s cannot lead yet: %s", c->url, err.msg);
            io_sleep_ms(c->io, RETRY_MS);
        }
    }
    return NULL;
}

st_t cluster_join(cluster_t *c, str_t url, err_t *err)
{
    c->url = arena_z(&c->life, url);
    if (!c->eligible)
        return ST_OK;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    cluster_conf_set(conf, "group.id", c->group);
    cluster_conf_set(conf, "client.id", c->url);
    cluster_conf_set(conf, "enable.auto.commit", "false");
    cluster_conf_set(conf, "session.timeout.ms", "10000");
    cluster_conf_set(conf, "heartbeat.interval.ms", "1000");
    cluster_conf_set(conf, "partition.assignment.strategy", "range");
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, c);
    TRY(cluster_client(c, RD_KAFKA_CONSUMER, conf, &c->member, err));
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, c->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t e = rd_kafka_subscribe(c->member, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (e)
        return err_set(err, ST_BAD_CONFIG, "the group %s cannot be joined: %s", c->group,
                       rd_kafka_err2str(e));
    if (pthread_create(&c->elector, NULL, elect, c))
        die("cannot start a thread");
    return ST_OK;
}

void cluster_leave(cluster_t *c)
{
    if (!c->member)
        return;
    if (c->elector)
        pthread_join(c->elector, NULL);
    rd_kafka_consumer_close(c->member);
    rd_kafka_destroy(c->member);
    lead_no_more(c);
}

/* ---- the leader, as others see it */

static bool has_partition(const rd_kafka_MemberDescription_t *m)
{
    const rd_kafka_MemberAssignment_t *given = rd_kafka_MemberDescription_assignment(m);
    return given && rd_kafka_MemberAssignment_partitions(given)->cnt > 0;
}

/* The client id of the member that has the partition, in the arena; empty. */
static str_t leader_in(rd_kafka_event_t *event, arena_t *a)
{
    size_t n = 0;
    const rd_kafka_DescribeConsumerGroups_result_t *r =
        event ? rd_kafka_event_DescribeConsumerGroups_result(event) : NULL;
    const rd_kafka_ConsumerGroupDescription_t **g =
        r ? rd_kafka_DescribeConsumerGroups_result_groups(r, &n) : NULL;
    if (n != 1 || rd_kafka_ConsumerGroupDescription_error(g[0]))
        return STR("");
    for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(g[0]); i++) {
        const rd_kafka_MemberDescription_t *m = rd_kafka_ConsumerGroupDescription_member(g[0], i);
        if (has_partition(m))
            return arena_str(a, str_of(rd_kafka_MemberDescription_client_id(m)));
    }
    return STR("");
}

static str_t ask_for_leader(cluster_t *c, arena_t *a)
{
    rd_kafka_queue_t *q = rd_kafka_queue_new(c->reader);
    rd_kafka_DescribeConsumerGroups(c->reader, &c->group, 1, NULL, q);
    rd_kafka_event_t *event = rd_kafka_queue_poll(q, (int)c->timeout_ms);
    str_t leader = leader_in(event, a);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(q);
    return leader;
}

st_t cluster_leader(cluster_t *c, bool anew, arena_t *a, str_t *ret, err_t *err)
{
    pthread_mutex_lock(&c->lock);
    *ret = arena_str(a, c->leader);
    pthread_mutex_unlock(&c->lock);
    if (ret->len && !anew)
        return ST_OK;
    *ret = ask_for_leader(c, a);
    pthread_mutex_lock(&c->lock);
    free((void *)(uintptr_t)c->leader.ptr);
    c->leader = ret->len ? str_n(mem_dup(ret->ptr, ret->len), ret->len) : STR_NONE;
    pthread_mutex_unlock(&c->lock);
    if (!ret->len || str_eq(*ret, str_of(c->url)))
        return err_set(err, ST_BUSY, "The leader is not known: try again");
    return ST_OK;
}
