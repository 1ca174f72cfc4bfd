/* host.h: what the verbs that serve have in common: arguments, the log, signals. */
#ifndef ARUS_APP_HOST_H
#define ARUS_APP_HOST_H

#include "app/options.h"

/* A verb's own flags. Returns how many arguments it took (0: it does not know the flag); `next` is
 * NULL at the end. May set *st and *err. */
typedef int host_flag_fn(void *arg, str_t flag, const char *next, st_t *st, err_t *err);

/* Reads properties files, --data DIR, -D name=value, the environment, and what `flag` knows.
 * ST_BAD_CONFIG. */
ST host_read_args(options_t *opt, int argc, char **argv, const char *usage, host_flag_fn *flag,
                  void *arg, err_t *err);
/* arus.trace */
ST host_set_trace(const options_t *opt, err_t *err);
/* SIGINT and SIGTERM come by the descriptor; threads made later inherit the mask. As many files may
 * be open as the system allows. */
int host_catch_signals(void);

#endif
