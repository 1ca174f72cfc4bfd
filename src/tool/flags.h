/* flags.h: the flags of Kafka's own tools: --name VALUE or --name=VALUE, some of them several
 * times. */
#ifndef ARUS_TOOL_FLAGS_H
#define ARUS_TOOL_FLAGS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"

typedef struct flag {
    const char *name;  /* without dashes */
    const char *value; /* what its value is called in the help; NULL: it has none */
    const char *help;
} flag_t;

typedef struct flags {
    const flag_t *flag; /* up to one without a name */
    struct {
        const flag_t *flag;
        str_t value;
    } given[256];
    size_t n_given;
} flags_t;

/* The flags that every tool takes: rows for the tool's table. */
#define FLAGS_CONNECT                                                                              \
    {"bootstrap-server", "HOST:PORT,...", "brokers to begin with (default 127.0.0.1:9092)"},       \
        {"command-config", "FILE", "a client's properties file"}, FLAGS_COMMON
/* Of those that ask nobody, too. */
#define FLAGS_COMMON                                                                               \
    {"output", "FORMAT", "json: an object a line in place of Kafka's text"},                       \
        {"help", NULL, "says this"},                                                               \
    {                                                                                              \
        "version", NULL, "prints the version"                                                      \
    }

/* False when the tool is to end: *ret_exit is its exit code; the help, or what was wrong, was
 * printed. */
bool flags_read(flags_t *f, const flag_t *table, const char *tool, int argc, char **argv,
                int *ret_exit);
bool flags_has(const flags_t *f, const char *name);
/* The last one given; STR_NONE. */
str_t flags_get(const flags_t *f, const char *name);
/* The i-th value given of this name; STR_NONE. */
str_t flags_nth(const flags_t *f, const char *name, size_t i);
/* ST_BAD_INPUT names the flag. */
ST flags_i64(const flags_t *f, const char *name, int64_t otherwise, int64_t min, int64_t max,
             int64_t *ret, err_t *err);
/* Calls fn with each name and value, in the arena, of a Java properties file (base/properties.h).
 * ST_NOT_FOUND, ST_BAD_CONFIG; or what fn says. */
ST flags_properties(str_t path, arena_t *a,
                    st_t (*fn)(void *arg, arena_t *a, str_t name, str_t value, err_t *err),
                    void *arg, err_t *err);
/* How many of the names, which end with NULL, are given. */
size_t flags_count(const flags_t *f, const char *const *names);

#endif
