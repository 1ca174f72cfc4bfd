/* store.h: what a database must offer to be a sink. Private to sink/.
 *
 * A store belongs to the sink's thread; its calls may block. It owns nothing of the log.
 *
 * What it returns decides what happens next:
 *   ST_UNREACHABLE, ST_TIMEOUT, ST_BUSY, ST_NO_SPACE   tried again, after a while
 *   ST_BAD_INPUT, ST_TOO_LARGE, ST_RANGE               the record's fault: errors.tolerance decides
 *   anything else                                      the sink stops with that message
 */
#ifndef ARUS_SINK_STORE_H
#define ARUS_SINK_STORE_H

#include "sink/options.h"

typedef struct sink_store sink_store_t; /* the class's own struct */

#define SINK_NO_WINDOW INT64_MIN

/* A document to put in place of the one with this id, or to delete. */
typedef struct sink_op {
    str_t id;          /* identifies it in its collection; the store wrote it */
    str_t doc;         /* ptr NULL: delete */
    size_t collection; /* as sink_store_class_t.attach gave it */
    size_t topic;      /* the record it came from: index of the topic, … */
    int32_t partition;
    int64_t offset;
    int64_t window_ms; /* a row of an older window does not take a newer one's place */
    bool dropped;      /* refused before: leave it out */
    const char *why;   /* write refused it, and why; until the next call */
} sink_op_t;

/* How far a partition is read once the batch is written. */
typedef struct sink_mark {
    size_t topic;
    int32_t partition;
    int64_t offset;
} sink_mark_t;

/* No id is twice in a collection of one batch. Everything pointed to lives until the batch is
 * written or given up. */
typedef struct sink_batch {
    VEC(sink_op_t) ops;
    VEC(sink_mark_t) marks;
    size_t n_records; /* that went into it */
} sink_batch_t;

/* A topic as a store sees it. */
typedef struct sink_store_topic {
    size_t index;
    str_t name, collection;
    log_uuid_t id; /* positions in another topic of the same name mean nothing */
    const sink_shape_t *shape;
    bool windowed;
    int32_t partitions;
} sink_store_topic_t;

typedef struct sink_record_at {
    str_t topic;
    int32_t partition;
    int64_t offset;
} sink_record_at_t;

typedef struct sink_store_class {
    const char *name;
    /* Windows are compared in the database. Without it the sink keeps them in memory and leaves
     * out what is older. */
    bool keeps_windows;
    int64_t batch_records; /* as many as are well written at once */
    /* Reads its own options. No input or output. ST_BAD_CONFIG. */
    ST(*new)
    (const sink_options_t *opt, const connector_config_t *c, sink_store_t **ret, err_t *err);
    void (*free)(sink_store_t *s);
    /* Connects. Again after a failure that may pass. */
    ST (*open)(sink_store_t *s, err_t *err);
    /* Makes the topic's collection and its index. *ret_collection is the same for topics of the
     * same collection. ret_position has room for all partitions: where to read on, 0 where there
     * is none. Called again when the topic has grown, or changed, or came anew. */
    ST(*attach)
    (sink_store_t *s, const sink_store_topic_t *t, size_t *ret_collection, int64_t *ret_position,
     err_t *err);
    /* Writes id and, unless row is NULL beyond the key (`deleted`), document into the arena. */
    ST(*render)
    (sink_store_t *s, const sink_shape_t *shape, const sink_record_at_t *at,
     const data_value_t *row, bool deleted, arena_t *a, sink_op_t *op, err_t *err);
    /* All of the batch with its marks, or, where the database cannot, in such a way that the same
     * batch can be written again. A status of the second kind: `why` is set in what was refused,
     * the rest is to be written again. */
    ST (*write)(sink_store_t *s, const sink_batch_t *b, err_t *err);
} sink_store_class_t;

static inline bool sink_may_pass(st_t st)
{
    return st == ST_UNREACHABLE || st == ST_TIMEOUT || st == ST_BUSY || st == ST_NO_SPACE;
}

static inline bool sink_is_data(st_t st)
{
    return st == ST_BAD_INPUT || st == ST_TOO_LARGE || st == ST_RANGE;
}

/* For the classes of connectors: the rest is the same for all. */
st_t sink_start(const sink_store_class_t *class, const connector_config_t *config,
                const connector_env_t *env, connector_t **ret, err_t *err);
void sink_stop(connector_t *c);
void sink_status(connector_t *c, connector_status_t *ret);

#endif
