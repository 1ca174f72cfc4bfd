/* broker.h: Kafka's protocol on the log: any Kafka client works with arus unchanged.
 *
 * One process shows itself as broker.count brokers (virtual brokers: node ids and ports over the
 * one log), so that clients and tools that ask for several replicas run. The durability is that of
 * the log's one disk. Threads: num.network.threads with connections, one that commits, one that
 * changes topics, one that keeps groups. They end with broker_stop.
 */
#ifndef ARUS_BROKER_BROKER_H
#define ARUS_BROKER_BROKER_H

#include "io/io.h"
#include "log/log.h"

typedef struct broker broker_t;

typedef struct broker_property {
    str_t name, value; /* as in Kafka's server.properties */
} broker_property_t;

typedef struct broker_options {
    io_t *io;
    log_t *log;                        /* must outlive the broker */
    const broker_property_t *property; /* the first of a name counts; others than the broker's are
                                          passed over */
    size_t n_properties;
} broker_options_t;

/* Listens on `listeners` (PLAINTEXT://host:port,…; port 0: the system chooses) and answers from
 * when it returns. ST_BAD_CONFIG names the property; ST_BUSY: a port is taken. */
ST broker_start(const broker_options_t *opt, broker_t **ret, err_t *err);
/* Answers what is committed, closes all. NULL is allowed. Blocks. */
void broker_stop(broker_t *b);

/* Each port that is open, "host:port"; valid until broker_stop. */
size_t broker_listeners(const broker_t *b);
str_t broker_listener(const broker_t *b, size_t i);
/* Appends what Kafka's exporters tell of topics, groups and the broker, in Prometheus' text. Any
 * thread. */
void broker_put_metrics(broker_t *b, buf_t *out);

/* Consumer groups whose members have partitions of a topic; a consumer counts once a partition. */
typedef struct broker_readers {
    str_t topic;
    int64_t groups, consumers;
} broker_readers_t;

/* Of all topics that are read, in the arena. From what the log has of groups: any thread, and
 * without a broker, too. */
void broker_readers(log_t *log, arena_t *a, broker_readers_t **ret, size_t *ret_n);

#endif
