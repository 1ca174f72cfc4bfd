/* topic.h: how the records of a case's topic are written and read, inside cases/. */
#ifndef ARUS_CASES_TOPIC_H
#define ARUS_CASES_TOPIC_H

#include "cases/match.h"
#include "cases/world.h"

typedef struct case_topic {
    data_columns_t key, value;
    plan_format_t key_format, value_format;
    plan_window_t window;
    bool known; /* some statement or the case itself says what is in it */
} case_topic_t;

/* Takes what the case's "topics" say, else the first stream or table over the topic. */
case_topic_t case_topic_of(world_t *w, const json_value_t *topics, str_t name);
/* Registers the schemas that the case's "topics" declare, and makes those topics. */
ST case_topics_make(world_t *w, const json_value_t *topics, err_t *err);
/* A record of a case as bytes; they live in the world's arena. */
ST case_record_read(world_t *w, const case_topic_t *t, str_t topic, const json_value_t *rec,
                    exec_input_t *ret, err_t *err);
/* Compares an output with what is expected; the reason in why. */
ST case_record_match(world_t *w, const case_topic_t *t, str_t topic, const json_value_t *want,
                     const exec_input_t *got, err_t *why);

#endif
