/* parts.h: what several verbs open from the same settings. */
#ifndef ARUS_APP_PARTS_H
#define ARUS_APP_PARTS_H

#include "app/options.h"
#include "broker/broker.h"
#include "log/log.h"
#include "registry/api/api.h"

/* log.dirs, or log.dir, or arus-data. */
str_t parts_data_dir(const options_t *opt);
/* The log in that directory, by Kafka's settings of a broker's log. */
ST parts_open_log(const options_t *opt, io_t *io, log_t **ret, err_t *err);
/* The log's id as Kafka writes one: that of a topic which is always there. In the arena. */
str_t parts_cluster_id(log_t *log, arena_t *a, str_t topic);

/* What all servers by HTTP have in common: who may come (authentication.…), and by TLS (ssl.…). */
typedef struct parts_web {
    io_tls_t *tls;     /* NULL: without a key */
    http_auth_t *auth; /* NULL: everyone */
    bool anonymous_reads;
} parts_web_t;

/* ret: zeroed; to be closed whatever happens. */
ST parts_open_web(const options_t *opt, io_t *io, parts_web_t *ret, err_t *err);
void parts_close_web(parts_web_t *web);

/* The Schema Registry's API on each of the listeners, a list with commas; prints "ready registry
 * HOST:PORT" each. ao has the registry and what is its own; the rest is filled in from web, which
 * must outlive it. *ret is NULL when there are no listeners. */
ST parts_open_api(api_options_t ao, str_t listeners, const parts_web_t *web, api_t **ret,
                  err_t *err);
/* A listener whose name is none of HTTP's. */
bool parts_is_for_kafka(str_t listener);
/* The broker on `listeners`; prints "ready broker HOST:PORT" each. */
ST parts_open_broker(const options_t *opt, io_t *io, log_t *log, broker_t **ret, err_t *err);

#endif
