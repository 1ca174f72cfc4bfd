/* options.h: what a CREATE SINK CONNECTOR … WITH (…) may say, whatever the database. */
#ifndef ARUS_SINK_OPTIONS_H
#define ARUS_SINK_OPTIONS_H

#include "connect/connector.h"
#include "sink/shape.h"

/* errors.tolerance: what happens to a record that cannot be stored. */
typedef enum sink_tolerance {
    SINK_TOLERATE_NONE, /* the sink stops there */
    SINK_TOLERATE_DATA, /* documents that the database refuses are passed over; what cannot be read
                           stops the sink */
    SINK_TOLERATE_ALL   /* both are passed over */
} sink_tolerance_t;

typedef struct sink_topic_options {
    str_t name;       /* of a topic, stream or table */
    str_t collection; /* empty: named as the topic */
} sink_topic_options_t;

typedef struct sink_options {
    str_t name; /* of the connector */
    str_t uri, database;
    const sink_topic_options_t *topic;
    size_t n_topics;
    sink_id_t id;
    str_t id_list;
    int64_t batch_records; /* at most, in one write; 0: what the database takes well */
    int64_t max_retries;   /* -1: for ever */
    int64_t backoff_ms, backoff_max_ms;
    int deletes; /* delete.on.null.values: 1, 0; -1: on for tables */
    sink_tolerance_t tolerance;
    str_t dead_topic; /* empty: none */
    bool dead_headers;
} sink_options_t;

/* Texts live in the arena. ST_BAD_CONFIG. */
ST sink_options_read(const connector_config_t *c, arena_t *a, sink_options_t *ret, err_t *err);

#endif
