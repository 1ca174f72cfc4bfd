/* cluster.c: opening and closing. */
#include "registry/cluster/internal.h"

#include <stdlib.h>

static ST new_reader(cluster_t *c, err_t *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    cluster_conf_set(conf, "group.id", "arus-registry-reader"); /* wanted, but there is no group */
    cluster_conf_set(conf, "enable.auto.commit", "false");
    cluster_conf_set(conf, "enable.auto.offset.store", "false");
    cluster_conf_set(conf, "enable.partition.eof", "true");
    cluster_conf_set(conf, "isolation.level", "read_committed");
    cluster_conf_set(conf, "auto.offset.reset", "earliest");
    cluster_conf_set(conf, "fetch.wait.max.ms", "100");
    cluster_conf_set(conf, "check.crcs", "true");
    TRY(cluster_client(c, RD_KAFKA_CONSUMER, conf, &c->reader, err));
    rd_kafka_poll_set_consumer(c->reader);
    return ST_OK;
}

static ST open_all(cluster_t *c, err_t *err)
{
    TRY(cluster_read_options(c, err));
    TRY(new_reader(c, err));
    TRY(cluster_ensure_topic(c, err));
    TRY(cluster_follow(c, err));
    return cluster_read_all(c, err);
}

static void copy_properties(cluster_t *c, const cluster_property_t *property, size_t n)
{
    cluster_property_t *own = ARENA_ARRAY(&c->life, cluster_property_t, n);
    for (size_t i = 0; i < n; i++)
        own[i] = (cluster_property_t){arena_str(&c->life, property[i].name),
                                      arena_str(&c->life, property[i].value)};
    c->property = own;
    c->n_properties = n;
}

st_t cluster_open(const cluster_property_t *property, size_t n, io_t *io, cluster_t **ret,
                  err_t *err)
{
    cluster_t *c = mem_zalloc(sizeof *c);
    arena_init(&c->life, ARENA_NO_LIMIT);
    pthread_mutex_init(&c->lock, NULL);
    io_cond_init(&c->moved);
    c->io = io;
    copy_properties(c, property, n);
    c->registry = registry_shared((registry_store_t){c, cluster_write}, io);
    st_t st = open_all(c, err);
    if (st != ST_OK) {
        cluster_close(c);
        return st;
    }
    *ret = c;
    return ST_OK;
}

registry_t *cluster_registry(cluster_t *c)
{
    return c->registry;
}

str_t cluster_id(cluster_t *c, arena_t *a)
{
    char *id = rd_kafka_clusterid(c->reader, (int)c->timeout_ms);
    str_t s = arena_str(a, id ? str_of(id) : STR(""));
    if (id)
        rd_kafka_mem_free(c->reader, id);
    return s;
}

void cluster_close(cluster_t *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    atomic_store(&c->stop, true);
    pthread_cond_broadcast(&c->moved);
    pthread_mutex_unlock(&c->lock);
    cluster_leave(c);
    cluster_unfollow(c);
    registry_close(c->registry);
    free((void *)(uintptr_t)c->leader.ptr);
    pthread_cond_destroy(&c->moved);
    pthread_mutex_destroy(&c->lock);
    arena_done(&c->life);
    free(c);
}
