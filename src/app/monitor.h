/* monitor.h: a port for those that watch: GET /metrics in Prometheus' text, GET /healthz.
 *
 * For programs that have no HTTP port of their own; `arus up` answers the same on its SQL API. */
#ifndef ARUS_APP_MONITOR_H
#define ARUS_APP_MONITOR_H

#include "base/buf.h"
#include "io/io.h"

typedef struct monitor monitor_t;

/* Listens on each of the addresses ("http://127.0.0.1:9308,…"; port 0: the system chooses), says so
 * on stdout and starts a thread. put appends the metrics, in that thread, until monitor_stop.
 * *ret is NULL without an address. ST_BAD_CONFIG, ST_BUSY. */
ST monitor_start(io_t *io, str_t listeners, void (*put)(void *env, buf_t *b), void *env,
                 monitor_t **ret, err_t *err);
/* NULL is allowed. */
void monitor_stop(monitor_t *m);

#endif
