/* internal.h: what the parts of registry/cluster share. */
#ifndef ARUS_REGISTRY_CLUSTER_INTERNAL_H
#define ARUS_REGISTRY_CLUSTER_INTERNAL_H

#include "base/arena.h"
#include "base/trace.h"
#include "registry/cluster/cluster.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#define CLUSTER_POLL_MS 100 /* how soon a thread sees that it is to stop */

struct cluster {
    arena_t life;
    io_t *io;
    registry_t *registry;
    const cluster_property_t *property; /* in `life` */
    size_t n_properties;
    const char *topic, *group, *url; /* in `life`; url NULL: it has not joined */
    int64_t replicas, timeout_ms, init_timeout_ms;
    bool eligible;
    atomic_bool stop;

    rd_kafka_t *reader;
    pthread_t follower;
    bool follows;
    pthread_mutex_t lock; /* of what follows; taken behind the registry's */
    pthread_cond_t moved;
    int64_t next_offset; /* all before it is applied */
    int64_t written;     /* behind what was written here */
    int64_t last_offset; /* of the transaction that is being written */

    rd_kafka_t *member;
    pthread_t elector;
    bool elected;         /* the elector's: the partition is ours */
    rd_kafka_t *producer; /* NULL: does not lead */
    bool broken;          /* what came of a transaction is not known: it must be renewed */
    str_t leader;         /* on the heap; the last that was seen; empty: none */
};

/* conf.c: a client of the cluster; conf is taken. ST_BAD_CONFIG. */
ST cluster_client(const cluster_t *c, rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret,
                  err_t *err);
/* What a conf of ours must have. */
void cluster_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value);
ST cluster_read_options(cluster_t *c, err_t *err);

/* topic.c */
ST cluster_ensure_topic(cluster_t *c, err_t *err);
ST cluster_follow(cluster_t *c, err_t *err);
void cluster_unfollow(cluster_t *c);
/* Until all is applied that is committed now. */
ST cluster_read_all(cluster_t *c, err_t *err);

/* elect.c */
ST cluster_write(void *self, const str_t *key, const str_t *value, size_t n, int64_t now_ms,
                 int64_t *ret_end, err_t *err);
void cluster_leave(cluster_t *c);

#endif
