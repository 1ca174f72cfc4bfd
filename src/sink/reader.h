/* reader.h: from topics to batches of documents.
 *
 * Finds the topics (they may come later, grow, or come anew), reads on where the store or the group
 * stands, decodes, and keeps of each document in a batch only the last. Belongs to the sink's
 * thread but for sink_reader_lag.
 */
#ifndef ARUS_SINK_READER_H
#define ARUS_SINK_READER_H

#include "sink/dead.h"
#include "sink/guard.h"
#include "sink/store.h"

typedef struct sink_position {
    int64_t read;      /* into a batch; thread: sink's */
    int64_t written;   /* in the store */
    int64_t committed; /* as the log's group has it */
} sink_position_t;

typedef struct sink_topic {
    const sink_topic_options_t *opt;
    log_topic_t *log; /* NULL: not there yet */
    arena_t arena;    /* columns and shape; made anew with them */
    str_t name, collection_name;
    connector_topic_t schema;
    sink_shape_t shape;
    serde_t *key, *value;
    size_t collection;
    sink_position_t *position;
    int32_t n_partitions;
    data_value_t *row;
    sink_guard_t guard;
    bool attached; /* the store knows it as it is now */
} sink_topic_t;

typedef struct sink_reader {
    connector_env_t env;
    const sink_options_t *opt;
    const sink_store_class_t *class;
    sink_store_t *store;
    sink_dead_t *dead;
    atomic_bool *stopping; /* long loops look at it */
    str_t group;
    log_watch_t *watch;
    sink_topic_t *topic;
    size_t n_topics, turn; /* turn: the topic that is first in the next batch */
    bool waiting;          /* a topic is not there yet, or the catalog was busy */
    wire_reader_t wire;
    arena_t life, scratch, documents; /* sink; record; batch */
    sink_batch_t batch;
    size_t limit;   /* records in the next batch */
    uint32_t *slot; /* ids in the batch: 0 free, else index into ops + 1 */
    size_t n_slots;
    pthread_mutex_t lock; /* guards each topic's log, n_partitions, written */
} sink_reader_t;

void sink_reader_init(sink_reader_t *r, const connector_env_t *env, const sink_options_t *opt,
                      const sink_store_class_t *class, sink_store_t *store, sink_dead_t *dead,
                      atomic_bool *stopping);
/* Lets go of the log; nothing else may be called then but sink_reader_done. */
void sink_reader_detach(sink_reader_t *r);
void sink_reader_done(sink_reader_t *r);

/* Looks which topics are there and what they hold now. The store's statuses, ST_BAD_CONFIG when a
 * topic cannot be stored as asked. */
ST sink_reader_resolve(sink_reader_t *r, err_t *err);
/* Fills r->batch, which may stay without ops and even without marks when there is nothing to read.
 * The batch before is gone. */
ST sink_reader_read(sink_reader_t *r, err_t *err);
/* The batch was too much for the store: the next read begins where it began and takes half. */
void sink_reader_back(sink_reader_t *r);
/* The batch is in the store. */
void sink_reader_written(sink_reader_t *r);
/* Tells the log's group how far it is, if that is news. */
ST sink_reader_commit(sink_reader_t *r, err_t *err);
/* Reads again the record that op came from and gives it to the dead letters with the cause. */
ST sink_reader_bury(sink_reader_t *r, const sink_op_t *op, const err_t *cause, err_t *err);
/* thread: any. Records in the topics that are not in the store yet. */
int64_t sink_reader_lag(sink_reader_t *r);

#endif
