/* metrics.c: what the exporters of Kafka tell, under their names, so that boards made for them show
 * this broker: kafka_exporter's of topics and groups, the JMX exporter's of the broker.
 *
 * Thread: any. All comes from the log and from a few counters; nothing waits for another thread.
 */
#include "base/metrics.h"
#include "broker/group_past.h"

#include <inttypes.h>

typedef struct partition {
    str_t topic;
    int32_t index, leader, replicas;
    log_offsets_t offsets;
    int64_t bytes;
} partition_t;

typedef struct view {
    broker_t *broker;
    arena_t arena;
    const log_topic_info_t *topic;
    size_t n_topics;
    VEC(partition_t) partitions;
    log_group_offset_t **group; /* a list a group */
    size_t *n_offsets, n_groups;
    const str_t *group_name;
} view_t;

static void add_topic(view_t *v, const log_topic_info_t *info)
{
    log_topic_t *t;
    if (log_topic_open(v->broker->log, info->name, &t, NULL) != ST_OK)
        return; /* deleted meanwhile */
    log_uuid_t id = log_topic_id(t);
    for (int32_t i = 0; i < log_topic_partitions(t); i++) {
        int32_t *ids = ARENA_ARRAY(&v->arena, int32_t, v->broker->config.nodes);
        partition_t p = {.topic = info->name, .index = i, .bytes = log_topic_bytes(t, i)};
        p.replicas = broker_replicas(v->broker, &id, info->replicas, i, ids);
        p.leader = ids[0];
        if (log_topic_offsets(t, i, &p.offsets, NULL) == ST_OK)
            VEC_PUSH(&v->partitions, p);
    }
    log_topic_unref(t);
}

static void look(view_t *v, broker_t *b)
{
    *v = (view_t){.broker = b};
    arena_init(&v->arena, ARENA_NO_LIMIT);
    log_topic_info_t *topics;
    str_t *groups;
    if (log_topic_list(b->log, &v->arena, &topics, &v->n_topics, NULL) != ST_OK)
        v->n_topics = 0;
    v->topic = topics;
    for (size_t i = 0; i < v->n_topics; i++)
        add_topic(v, &v->topic[i]);
    log_groups(b->log, &v->arena, &groups, &v->n_groups);
    v->group_name = groups;
    v->group = ARENA_ARRAY(&v->arena, log_group_offset_t *, v->n_groups + 1);
    v->n_offsets = ARENA_ARRAY(&v->arena, size_t, v->n_groups + 1);
    for (size_t i = 0; i < v->n_groups; i++)
        log_group_offsets(b->log, groups[i], &v->arena, &v->group[i], &v->n_offsets[i]);
}

/* ---- partitions */

static int64_t value_end(const partition_t *p)
{
    return p->offsets.end;
}

static int64_t value_start(const partition_t *p)
{
    return p->offsets.start;
}

static int64_t value_leader(const partition_t *p)
{
    return p->leader;
}

static int64_t value_replicas(const partition_t *p)
{
    return p->replicas;
}

static int64_t value_bytes(const partition_t *p)
{
    return p->bytes;
}

static int64_t value_yes(const partition_t *p)
{
    (void)p;
    return 1;
}

static int64_t value_no(const partition_t *p)
{
    (void)p;
    return 0;
}

static const struct {
    const char *name, *help;
    int64_t (*value)(const partition_t *p);
} partition_families[] = {
    {"kafka_topic_partition_current_offset", "The next offset.", value_end},
    {"kafka_topic_partition_oldest_offset", "The first offset that can be read.", value_start},
    {"kafka_topic_partition_leader", "The leader's node id.", value_leader},
    {"kafka_topic_partition_leader_is_preferred", "Always.", value_yes},
    {"kafka_topic_partition_replicas", "Replicas that are shown.", value_replicas},
    {"kafka_topic_partition_in_sync_replica", "All of them: one log.", value_replicas},
    {"kafka_topic_partition_under_replicated_partition", "Never.", value_no},
    {"kafka_log_log_size", "Bytes on disk.", value_bytes},
    {"kafka_log_log_logstartoffset", "The first offset that can be read.", value_start},
    {"kafka_log_log_logendoffset", "The next offset.", value_end},
};

static void put_partitions(const view_t *v, buf_t *b)
{
    for (size_t f = 0; f < sizeof partition_families / sizeof *partition_families; f++) {
        const char *name = partition_families[f].name;
        metrics_family(b, name, "gauge", partition_families[f].help);
        for (size_t i = 0; i < v->partitions.len; i++) { /* topics' names need no escapes */
            const partition_t *p = &v->partitions.ptr[i];
            buf_printf(b, "%s{topic=\"" STR_FMT "\",partition=\"%d\"} %" PRId64 "\n", name,
                       STR_ARG(p->topic), p->index, partition_families[f].value(p));
        }
    }
}

/* ---- groups */

/* Records of a partition that the group has not read; -1: the partition is gone. */
static int64_t lag_of(const view_t *v, const log_group_offset_t *o)
{
    size_t from = 0, to = v->partitions.len; /* sorted by topic and index */
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        const partition_t *p = &v->partitions.ptr[mid];
        int c = str_cmp(o->topic, p->topic);
        if (!c && p->index == o->partition)
            return p->offsets.end > o->offset ? p->offsets.end - o->offset : 0;
        if (c < 0 || (!c && o->partition < p->index))
            to = mid;
        else
            from = mid + 1;
    }
    return -1;
}

static void put_group(buf_t *b, const char *family, str_t group, const log_group_offset_t *o,
                      int64_t value)
{
    buf_printf(b, "%s{consumergroup=\"", family);
    metrics_label(b, group);
    buf_printf(b, "\",topic=\"" STR_FMT "\"", STR_ARG(o->topic));
    if (o->partition >= 0)
        buf_printf(b, ",partition=\"%d\"", o->partition);
    buf_printf(b, "} %" PRId64 "\n", value);
}

typedef enum offset_value { CURRENT_OFFSET, LAG } offset_value_t;

static int64_t value_of(const view_t *v, const log_group_offset_t *o, offset_value_t what)
{
    return what == LAG ? lag_of(v, o) : o->offset;
}

/* A sample a partition, then one a topic with their sum. */
static void put_groups(const view_t *v, buf_t *b, offset_value_t what)
{
    const char *each =
        what == LAG ? "kafka_consumergroup_lag" : "kafka_consumergroup_current_offset";
    const char *sums =
        what == LAG ? "kafka_consumergroup_lag_sum" : "kafka_consumergroup_current_offset_sum";
    buf_t sum = BUF_INIT;
    metrics_family(b, each, "gauge",
                   what == LAG ? "Records a group has not read." : "A group's committed offset.");
    metrics_family(&sum, sums, "gauge", "The same, of all partitions.");
    for (size_t g = 0; g < v->n_groups; g++) {
        int64_t total = 0;
        for (size_t i = 0; i < v->n_offsets[g]; i++) { /* sorted by topic */
            log_group_offset_t o = v->group[g][i];
            int64_t value = value_of(v, &o, what);
            bool last = i + 1 == v->n_offsets[g] || !str_eq(v->group[g][i + 1].topic, o.topic);
            put_group(b, each, v->group_name[g], &o, value);
            total += value > 0 ? value : 0;
            if (!last)
                continue;
            o.partition = -1;
            put_group(&sum, sums, v->group_name[g], &o, total);
            total = 0;
        }
    }
    buf_put_str(b, buf_str(&sum));
    buf_done(&sum);
}

static void put_members(broker_t *k, buf_t *b)
{
    arena_t a;
    group_past_t *g;
    size_t n;
    arena_init(&a, ARENA_NO_LIMIT);
    group_pasts(k->log, &a, &g, &n);
    metrics_family(b, "kafka_consumergroup_members", "gauge", "Members of a group.");
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "kafka_consumergroup_members{consumergroup=\"");
        metrics_label(b, g[i].id);
        buf_printf(b, "\"} %d\n", g[i].members);
    }
    arena_done(&a);
}

/* ---- the broker */

static void put_one(buf_t *b, const char *name, const char *type, const char *help, int64_t value)
{
    metrics_family(b, name, type, help);
    buf_printf(b, "%s %" PRId64 "\n", name, value);
}

static void put_broker(const view_t *v, buf_t *b)
{
    broker_t *k = v->broker;
    int64_t n_partitions = (int64_t)v->partitions.len;
    put_one(b, "kafka_brokers", "gauge", "Brokers that are shown.", k->config.nodes);
    metrics_family(b, "kafka_broker_info", "gauge", "The brokers' addresses.");
    for (size_t i = 0; i < k->ports.len; i++) {
        const broker_port_t *p = k->ports.ptr[i];
        buf_printf(b, "kafka_broker_info{id=\"%d\",address=\"", broker_node_id(k, p->node));
        metrics_label(b, p->shown_host);
        buf_printf(b, ":%u\"} 1\n", p->shown_port);
    }
    metrics_family(b, "kafka_topic_partitions", "gauge", "Partitions of a topic.");
    for (size_t i = 0; i < v->n_topics; i++)
        buf_printf(b, "kafka_topic_partitions{topic=\"" STR_FMT "\"} %d\n",
                   STR_ARG(v->topic[i].name), v->topic[i].partitions);
    put_one(b, "kafka_server_brokertopicmetrics_messagesinpersec", "counter",
            "Records that clients have produced.", atomic_load(&k->count.records_in));
    put_one(b, "kafka_server_brokertopicmetrics_bytesinpersec", "counter",
            "Bytes of batches that clients have produced.", atomic_load(&k->count.bytes_in));
    put_one(b, "kafka_server_brokertopicmetrics_bytesoutpersec", "counter",
            "Bytes of batches that clients have fetched.", atomic_load(&k->count.bytes_out));
    put_one(b, "kafka_server_replicamanager_partitioncount", "gauge", "Partitions.", n_partitions);
    put_one(b, "kafka_server_replicamanager_leadercount", "gauge", "Partitions.", n_partitions);
    put_one(b, "kafka_server_replicamanager_underreplicatedpartitions", "gauge", "None.", 0);
    put_one(b, "kafka_controller_kafkacontroller_activecontrollercount", "gauge", "One.", 1);
    put_one(b, "kafka_controller_kafkacontroller_offlinepartitionscount", "gauge", "None.", 0);
    put_one(b, "kafka_controller_kafkacontroller_globaltopiccount", "gauge", "Topics.",
            (int64_t)v->n_topics);
    put_one(b, "kafka_controller_kafkacontroller_globalpartitioncount", "gauge", "Partitions.",
            n_partitions);
    put_one(b, "arus_broker_connections", "gauge", "Open connections of Kafka clients.",
            atomic_load(&k->connections));
}

void broker_put_metrics(broker_t *b, buf_t *out)
{
    view_t v;
    look(&v, b);
    put_broker(&v, out);
    put_partitions(&v, out);
    put_groups(&v, out, CURRENT_OFFSET);
    put_groups(&v, out, LAG);
    put_members(b, out);
    VEC_DONE(&v.partitions);
    arena_done(&v.arena);
}
