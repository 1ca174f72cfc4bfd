/* metrics.h: Prometheus' text format, version 0.0.4. */
#ifndef ARUS_BASE_METRICS_H
#define ARUS_BASE_METRICS_H

#include "base/buf.h"

#define METRICS_TYPE "text/plain; version=0.0.4"

/* The head of a family; its samples follow. type: "counter" or "gauge". */
void metrics_family(buf_t *b, const char *name, const char *type, const char *help);
/* A label's value, escaped. */
void metrics_label(buf_t *b, str_t value);

#endif
