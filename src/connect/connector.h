/* connector.h: what moves data in and out: sources that fill topics, sinks that empty them.
 *
 * A connector is made by CREATE SOURCE/SINK CONNECTOR, runs on a thread of its own and meets the
 * rest of the program only in the log. Each kind is a connector_class_t; the app lists them in
 * sources.def and sinks.def. Options have Kafka Connect's names where it has them; values come as
 * text.
 */
#ifndef ARUS_CONNECT_CONNECTOR_H
#define ARUS_CONNECT_CONNECTOR_H

#include "format/format.h"
#include "io/io.h"
#include "log/log.h"

typedef struct connector connector_t; /* the class's own struct */

typedef struct connector_option {
    str_t name, value;
} connector_option_t;

typedef struct connector_config {
    str_t name; /* of the connector */
    const connector_option_t *option;
    size_t n_options;
} connector_config_t;

/* The value of an option, or `otherwise`. */
str_t connector_get(const connector_config_t *c, const char *name, str_t otherwise);
/* Typed; ST_BAD_CONFIG names the option and what it must be. */
ST connector_get_i64(const connector_config_t *c, const char *name, int64_t otherwise, int64_t min,
                     int64_t max, int64_t *ret, err_t *err);
ST connector_get_bool(const connector_config_t *c, const char *name, bool otherwise, bool *ret,
                      err_t *err);
/* A duration: 200ms, 5s, 2m, 1h, 1d; a bare number is seconds. */
ST connector_get_ms(const connector_config_t *c, const char *name, int64_t otherwise, int64_t *ret,
                    err_t *err);

/* What is in a topic, as the SQL catalog knows it. Texts and columns live in the arena. */
typedef struct connector_topic {
    data_columns_t key, value;
    serde_spec_t key_serde, value_serde; /* ready for serde_new; columns set */
    bool windowed, session;              /* keys end in 8 (session: 16) bytes of window */
    bool table;
} connector_topic_t;

/* The outside, as a connector may use it; all of it from any thread. */
typedef struct connector_env {
    io_t *io;
    log_t *log;
    const schema_source_t *schemas;
    str_t data_dir; /* a place for small files of its own, e.g. DIR/quota.json; exists */
    void *self;
    /* By topic name, or by the name of a stream or table; *ret_topic is the topic's name.
     * ST_NOT_FOUND. */
    ST(*topic)
    (void *self, str_t name, arena_t *a, str_t *ret_topic, connector_topic_t *ret, err_t *err);
} connector_env_t;

typedef struct connector_status {
    bool failed;      /* it stopped for good; error says why */
    bool idle;        /* nothing to do at the moment: all fetched, all written */
    uint64_t records; /* fetched or written since start */
    uint64_t errors;
    uint64_t batches;
    int64_t last_ms; /* wall clock of the last record; 0: none yet */
    int64_t busy_ns; /* time spent working */
    char error[300]; /* the last problem, without secrets */
} connector_status_t;

typedef struct connector_class {
    const char *name;         /* 'connector.class': "goapi" */
    const char *const *alias; /* other spellings, NULL-terminated; or NULL */
    bool source;
    /* Checks the options and starts its thread. env and what it points to outlive the connector;
     * config is borrowed for the call. ST_BAD_CONFIG. */
    st_t (*start)(const connector_config_t *config, const connector_env_t *env, connector_t **ret,
                  err_t *err);
    /* Asks it to end, waits (bounded: at most a second or so), frees it. */
    void (*stop)(connector_t *c);
    void (*status)(connector_t *c, connector_status_t *ret);
} connector_class_t;

#endif
