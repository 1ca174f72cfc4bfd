/* cluster.h: several registries that share one topic of a Kafka cluster.
 *
 * Each follows the topic (Confluent's record form) and answers reads from memory. One of them
 * leads: it alone writes. Who leads is whose member of the group `schema.registry.group.id` has the
 * topic's only partition; a member's client id is the URL that its registry answers at, and so the
 * others find the leader, to whom they forward what changes something. A leader writes by
 * transactions of an id that all share: when another one takes over, the cluster itself refuses
 * what the former one still sends.
 *
 * Properties are Confluent's: kafkastore.bootstrap.servers, kafkastore.topic,
 * kafkastore.topic.replication.factor, kafkastore.timeout.ms, kafkastore.init.timeout.ms,
 * schema.registry.group.id, leader.eligibility; every other kafkastore.NAME is a property of the
 * client to the cluster, by Java's name or librdkafka's.
 *
 * Threads: one follows the topic, one takes part in the election. All calls but open and close may
 * come from any thread.
 */
#ifndef ARUS_REGISTRY_CLUSTER_CLUSTER_H
#define ARUS_REGISTRY_CLUSTER_CLUSTER_H

#include "registry/registry.h"

typedef struct cluster cluster_t;

typedef struct cluster_property {
    str_t name, value;
} cluster_property_t;

/* Whether the properties ask for a cluster. */
bool cluster_wanted(const cluster_property_t *property, size_t n);
/* Makes the topic where it is missing and reads all of it. Of properties with one name the first
 * counts; those it does not know are others'. io must outlive the cluster. ST_BAD_CONFIG;
 * ST_UNREACHABLE, ST_TIMEOUT: the cluster does not answer within kafkastore.init.timeout.ms. */
ST cluster_open(const cluster_property_t *property, size_t n, io_t *io, cluster_t **ret,
                err_t *err);
/* Lives as long as the cluster. */
registry_t *cluster_registry(cluster_t *c);
/* The cluster's id, in the arena; empty when it has not said it. */
str_t cluster_id(cluster_t *c, arena_t *a);
/* Stands for election, unless leader.eligibility says no. url: where this registry answers,
 * "http://host:port". Once. */
ST cluster_join(cluster_t *c, str_t url, err_t *err);
bool cluster_leads(cluster_t *c);
/* The URL of the other registry that leads, in the arena. `anew`: asks even if it is known.
 * ST_BUSY: there is none now; this one may lead, or be about to. */
ST cluster_leader(cluster_t *c, bool anew, arena_t *a, str_t *ret, err_t *err);
/* The offset behind the last record that this registry has written; 0: none. */
int64_t cluster_written(cluster_t *c);
/* Waits until all before that offset is applied. ST_TIMEOUT. */
ST cluster_catch_up(cluster_t *c, int64_t offset, err_t *err);
/* NULL is allowed. The registry must not be in use any more. */
void cluster_close(cluster_t *c);

#endif
