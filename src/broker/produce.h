/* produce.h: what a Produce request wants appended. */
#ifndef ARUS_BROKER_PRODUCE_H
#define ARUS_BROKER_PRODUCE_H

#include "broker/internal.h"

typedef struct broker_append {
    log_topic_t *topic; /* borrowed from broker_produce_t */
    int32_t partition;
    str_t batch;
    shared_t *frame; /* borrowed: the batch lies there */
    broker_failure_t failure; /* KAFKA_NONE: to be appended, or it was */
    int64_t base_offset, append_ms;
} broker_append_t;

typedef struct broker_produce {
    broker_append_t *append; /* in the request's order */
    size_t n_appends;
    log_topic_t **topic; /* references */
    size_t n_topics;
} broker_produce_t;

/* Into the commit: a large one without a copy. */
void broker_append_to(log_commit_t *c, const broker_append_t *a);
/* How its commit ended. */
void broker_append_outcome(broker_append_t *a, const log_outcome_t *o);

#endif
