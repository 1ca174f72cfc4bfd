/* options.h: where settings come from: flag before environment before file before default.
 *
 * Properties files are those of base/properties.h. Names are Kafka's and Confluent's. KSQL_, KAFKA_
 * and SCHEMA_REGISTRY_ environment variables mean what they mean to those images.
 */
#ifndef ARUS_APP_OPTIONS_H
#define ARUS_APP_OPTIONS_H

#include "base/buf.h"
#include "base/vec.h"

typedef struct option {
    str_t name, value;
} option_t;

typedef struct options {
    arena_t arena;
    VEC(option_t) list; /* later ones come first */
    str_t file,
        dir; /* of the properties file; dir without a slash at its end, "." when there is no file */
} options_t;

void options_init(options_t *o);
void options_done(options_t *o);
/* ST_BAD_CONFIG names file and line. */
ST options_read_file(options_t *o, const char *path, err_t *err);
void options_read_environment(options_t *o, char **environ);
/* "name=value" */
ST options_set(options_t *o, str_t assignment, err_t *err);
str_t options_get(const options_t *o, const char *name, str_t otherwise);
ST options_i64(const options_t *o, const char *name, int64_t otherwise, int64_t min, int64_t max,
               int64_t *ret, err_t *err);
ST options_bool(const options_t *o, const char *name, bool otherwise, bool *ret, err_t *err);
/* "5s", "200ms", "2m", "1h", "3d". */
bool options_duration(str_t s, int64_t *ret_ms);

#endif
