/* cluster.c: the virtual brokers: where leaders and replicas seem to be. */
#include "broker/internal.h"

#define OFFSETS_PARTITIONS 50 /* as Kafka's __consumer_offsets; only for the spread */

/* As Kafka's striped placement: leaders go round from a start that differs by topic, followers
 * shift by one more with each round. */
int32_t broker_replicas(const broker_t *b, const log_uuid_t *topic, int32_t replicas,
                        int32_t partition, int32_t *ids)
{
    int32_t nodes = (int32_t)b->config.nodes;
    uint32_t start = load_be32(topic->byte + 12);
    int32_t n = replicas < 1 ? 1 : replicas > nodes ? nodes : replicas;
    int32_t first = (int32_t)((start + (uint32_t)partition) % (uint32_t)nodes);
    int32_t shift = (int32_t)((start >> 8) % (uint32_t)nodes) + partition / nodes;
    ids[0] = broker_node_id(b, first);
    for (int32_t i = 1; i < n; i++)
        ids[i] = broker_node_id(b, (first + 1 + (shift + i - 1) % (nodes - 1)) % nodes);
    return n;
}

int32_t broker_coordinator_node(const broker_t *b, str_t key)
{
    int32_t h = 0; /* Java's String.hashCode, of ASCII */
    for (size_t i = 0; i < key.len; i++)
        h = (int32_t)((uint32_t)h * 31u + (uint8_t)key.ptr[i]);
    int32_t partition = (int32_t)(((uint32_t)h & 0x7fffffff) % OFFSETS_PARTITIONS);
    return partition % (int32_t)b->config.nodes;
}

/* ---- APIs */

static void put_broker(const broker_request_t *r, int32_t node, int32_t *ret_id, str_t *ret_host,
                       int32_t *ret_port)
{
    const broker_port_t *p = broker_port_of(broker_of(r), r->conn->port, node);
    *ret_id = broker_node_id(broker_of(r), node);
    *ret_host = p->shown_host;
    *ret_port = p->shown_port;
}

void broker_on_describe_cluster(broker_request_t *r)
{
    MESSAGE(describe_cluster);
    RESPONSE(describe_cluster);
    broker_t *b = broker_of(r);
    answer->endpoint_type = m->endpoint_type;
    answer->cluster_id = b->cluster_id;
    answer->controller_id = broker_node_id(b, 0);
    if (m->endpoint_type != 1) { /* 2: controllers, which have no port of their own here */
        answer->error_code = KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        answer->error_message = STR("only brokers can be described here");
        broker_answer(r, answer);
        return;
    }
    if (m->include_cluster_authorized_operations)
        answer->cluster_authorized_operations =
            broker_may_cluster(r->conn, ACL_DESCRIBE)
                ? broker_operations(r->conn, ACL_CLUSTER, ACL_CLUSTER_NAME)
                : 0;
    NEW_LIST(&r->arena, answer->brokers, describe_cluster_response_broker, b->config.nodes);
    for (int32_t i = 0; i < answer->brokers.len; i++) {
        wire_describe_cluster_response_broker_t *o = &answer->brokers.ptr[i];
        put_broker(r, i, &o->broker_id, &o->host, &o->port);
    }
    broker_answer(r, answer);
}
