/* dead.h: records that cannot be stored: counted, traced, and copied to the dead letter topic.
 *
 * The copy has the record's key, value and headers, and, unless switched off, Kafka Connect's
 * __connect.errors.* headers. Copies are in the log before the batch they were left out of is
 * written: a crash in between may copy one twice, never lose one. Belongs to the sink's thread.
 */
#ifndef ARUS_SINK_DEAD_H
#define ARUS_SINK_DEAD_H

#include "sink/options.h"
#include "wire/batch.h"

#include <stdatomic.h>

typedef enum sink_stage { SINK_STAGE_KEY, SINK_STAGE_VALUE, SINK_STAGE_STORE } sink_stage_t;

typedef struct sink_dead {
    const sink_options_t *opt;
    log_t *log;
    const char *class_name;
    buf_t batch;
    wire_writer_t writer;
    bool open;
    atomic_ullong count; /* read by others */
} sink_dead_t;

void sink_dead_init(sink_dead_t *d, const sink_options_t *opt, log_t *log, const char *class_name);
void sink_dead_done(sink_dead_t *d);
/* ST_OK: pass over it; it is in the batch of dead letters when they are wanted. Else cause's
 * status, err saying which record and why: the sink is to stop. cause == err is allowed. */
ST sink_dead_add(sink_dead_t *d, sink_stage_t stage, str_t topic, int32_t partition,
                 const wire_record_t *rec, const err_t *cause, err_t *err);
/* Commits the copies, if any; makes the topic when it is not there. */
ST sink_dead_flush(sink_dead_t *d, err_t *err);

#endif
