/* topic.c: the topic: made where it is missing, followed by a thread. */
#include "registry/cluster/internal.h"

#include <string.h>
#include <time.h>

static st_t status_of(rd_kafka_resp_err_t e)
{
    bool late = e == RD_KAFKA_RESP_ERR__TIMED_OUT || e == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
    return late ? ST_TIMEOUT : ST_UNREACHABLE;
}

/* ---- making it */

/* Partitions of the topic (0: it is not there) and brokers of the cluster. */
static ST look(cluster_t *c, int *ret_partitions, int *ret_brokers, err_t *err)
{
    const rd_kafka_metadata_t *m;
    rd_kafka_topic_t *t = rd_kafka_topic_new(c->reader, c->topic, NULL);
    rd_kafka_resp_err_t e =
        rd_kafka_metadata(c->reader, 0, t, &m, (int)c->init_timeout_ms);
    rd_kafka_topic_destroy(t);
    if (e)
        return err_set(err, status_of(e),
                       "the Kafka cluster (kafkastore.bootstrap.servers) does not answer: %s",
                       rd_kafka_err2str(e));
    *ret_brokers = m->broker_cnt;
    *ret_partitions = m->topic_cnt == 1 && !m->topics[0].err ? m->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(m);
    return ST_OK;
}

static ST created(rd_kafka_event_t *event, err_t *err)
{
    size_t n = 0;
    const rd_kafka_CreateTopics_result_t *r =
        event ? rd_kafka_event_CreateTopics_result(event) : NULL;
    const rd_kafka_topic_result_t **t = r ? rd_kafka_CreateTopics_result_topics(r, &n) : NULL;
    rd_kafka_resp_err_t e = !event ? RD_KAFKA_RESP_ERR__TIMED_OUT
                            : n    ? rd_kafka_topic_result_error(t[0])
                                   : rd_kafka_event_error(event);
    if (!e || e == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return ST_OK;
    return err_set(err, status_of(e), "the registry's topic cannot be made: %s",
                   rd_kafka_err2str(e));
}

static ST create(cluster_t *c, int brokers, err_t *err)
{
    char why[300];
    int replicas = brokers < c->replicas ? brokers : (int)c->replicas;
    if (replicas < c->replicas)
        trace_line(TRACE_WARN, "registry",
                   "%s gets %d replicas: the cluster has no more brokers; in production there "
                   "should be %lld",
                   c->topic, replicas, (long long)c->replicas);
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(c->topic, 1, replicas, why, sizeof why);
    if (!t)
        return err_set(err, ST_BAD_CONFIG, "kafkastore.topic: %s", why);
    rd_kafka_NewTopic_set_config(t, "cleanup.policy", "compact");
    rd_kafka_queue_t *q = rd_kafka_queue_new(c->reader);
    rd_kafka_CreateTopics(c->reader, &t, 1, NULL, q);
    rd_kafka_event_t *event = rd_kafka_queue_poll(q, (int)c->init_timeout_ms);
    st_t st = created(event, err);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(t);
    rd_kafka_queue_destroy(q);
    return st;
}

static ST is_compacted(const rd_kafka_ConfigResource_t *resource, const char *topic, err_t *err)
{
    size_t n;
    const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(resource, &n);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(rd_kafka_ConfigEntry_name(entry[i]), "cleanup.policy")) {
            const char *policy = rd_kafka_ConfigEntry_value(entry[i]);
            if (policy && strcmp(policy, "compact") != 0)
                return err_set(err, ST_BAD_CONFIG,
                               "the topic %s has cleanup.policy=%s, which loses schemas: set it to "
                               "compact",
                               topic, policy);
        }
    return ST_OK;
}

/* Who may not look is believed. */
static ST check_policy(cluster_t *c, err_t *err)
{
    rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, c->topic);
    rd_kafka_queue_t *q = rd_kafka_queue_new(c->reader);
    rd_kafka_DescribeConfigs(c->reader, &r, 1, NULL, q);
    rd_kafka_event_t *event = rd_kafka_queue_poll(q, (int)c->init_timeout_ms);
    st_t st = ST_OK;
    if (event && !rd_kafka_event_error(event)) {
        size_t n;
        const rd_kafka_ConfigResource_t **found = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &n);
        if (n == 1)
            st = is_compacted(found[0], c->topic, err);
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(r);
    rd_kafka_queue_destroy(q);
    return st;
}

st_t cluster_ensure_topic(cluster_t *c, err_t *err)
{
    int partitions, brokers;
    TRY(look(c, &partitions, &brokers, err));
    if (!partitions)
        return create(c, brokers, err);
    if (partitions != 1)
        return err_set(err, ST_BAD_CONFIG,
                       "the topic %s has %d partitions: a registry's has one; name another by "
                       "kafkastore.topic",
                       c->topic, partitions);
    return check_policy(c, err);
}

/* ---- following it */

static void moved_to(cluster_t *c, int64_t next_offset)
{
    pthread_mutex_lock(&c->lock);
    if (next_offset > c->next_offset)
        c->next_offset = next_offset;
    pthread_cond_broadcast(&c->moved);
    pthread_mutex_unlock(&c->lock);
}

static void take(cluster_t *c, const rd_kafka_message_t *m)
{
    err_t err;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        moved_to(c, m->offset);
        return;
    }
    if (m->err) {
        trace_line(TRACE_WARN, "registry", "%s: %s", c->topic, rd_kafka_message_errstr(m));
        return;
    }
    str_t key = m->key ? str_n(m->key, m->key_len) : STR_NONE;
    str_t value = m->payload ? str_n(m->payload, m->len) : STR_NONE;
    if (registry_follow(c->registry, m->offset, key, value, rd_kafka_message_timestamp(m, NULL),
                        &err) != ST_OK)
        trace_line(TRACE_ERROR, "registry", "%s, offset %lld is passed over: %s", c->topic,
                   (long long)m->offset, err.msg);
    moved_to(c, m->offset + 1);
}

static void *follow(void *arg)
{
    cluster_t *c = arg;
    while (!atomic_load(&c->stop)) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->reader, CLUSTER_POLL_MS);
        if (m) {
            take(c, m);
            rd_kafka_message_destroy(m);
        }
    }
    return NULL;
}

st_t cluster_follow(cluster_t *c, err_t *err)
{
    rd_kafka_topic_partition_list_t *from = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(from, c->topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t e = rd_kafka_assign(c->reader, from);
    rd_kafka_topic_partition_list_destroy(from);
    if (e)
        return err_set(err, ST_BAD_CONFIG, "%s cannot be read: %s", c->topic, rd_kafka_err2str(e));
    if (pthread_create(&c->follower, NULL, follow, c))
        die("cannot start a thread");
    c->follows = true;
    return ST_OK;
}

void cluster_unfollow(cluster_t *c)
{
    if (c->follows)
        pthread_join(c->follower, NULL);
    if (c->reader) {
        rd_kafka_consumer_close(c->reader);
        rd_kafka_destroy(c->reader);
    }
}

/* The end of what is committed. A topic that has just been made is not known at once. */
static ST ask_end(cluster_t *c, int64_t *ret, err_t *err)
{
    int64_t low, until = io_mono_ns(c->io) + c->init_timeout_ms * 1000000;
    rd_kafka_resp_err_t e;
    for (;;) {
        e = rd_kafka_query_watermark_offsets(c->reader, c->topic, 0, &low, ret,
                                             (int)c->init_timeout_ms);
        bool unknown = e == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                       e == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                       e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (!unknown || io_mono_ns(c->io) > until || atomic_load(&c->stop))
            break;
        io_sleep_ms(c->io, CLUSTER_POLL_MS);
    }
    if (e)
        return err_set(err, status_of(e), "the end of %s cannot be asked for: %s", c->topic,
                       rd_kafka_err2str(e));
    return ST_OK;
}

static ST wait_for(cluster_t *c, int64_t offset, int64_t timeout_ms, err_t *err)
{
    int64_t until = io_mono_ns(c->io) + timeout_ms * 1000000, left;
    pthread_mutex_lock(&c->lock);
    while (c->next_offset < offset && !atomic_load(&c->stop) &&
           (left = until - io_mono_ns(c->io)) > 0)
        (void)io_cond_wait(c->io, &c->moved, &c->lock, left);
    int64_t at = c->next_offset;
    pthread_mutex_unlock(&c->lock);
    if (at < offset)
        return err_set(err, ST_TIMEOUT, "%s is read up to %lld of %lld only", c->topic,
                       (long long)at, (long long)offset);
    return ST_OK;
}

st_t cluster_read_all(cluster_t *c, err_t *err)
{
    int64_t end;
    TRY(ask_end(c, &end, err));
    return wait_for(c, end, c->init_timeout_ms, err);
}

st_t cluster_catch_up(cluster_t *c, int64_t offset, err_t *err)
{
    return wait_for(c, offset, c->timeout_ms, err);
}
