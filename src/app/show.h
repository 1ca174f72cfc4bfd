/* show.h: what `arus up` shows while it runs: rows as they change, rates, lag, where the data lies.
 */
#ifndef ARUS_APP_SHOW_H
#define ARUS_APP_SHOW_H

#include "server/server.h"

#include <stdio.h>

typedef struct show show_t;

/* table: the stream or table whose changes are shown; empty: none. On a terminal the page is drawn
 * again and again, elsewhere lines are printed. */
show_t *show_new(server_t *s, io_t *io, str_t table, str_t data_dir);
/* Call about ten times a second. */
void show_tick(show_t *s);
void show_free(show_t *s);
/* One line a query and connector: records, and where the time went; then a line of the time each
 * part took (fetch, log, select, dedupe, join, sink). */
void show_stats(const server_stats_t *st, FILE *out);

#endif
