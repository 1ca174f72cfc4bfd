/* config.h: the settings of a subject, a context, or all: a text each, by config.def. */
#ifndef ARUS_REGISTRY_CONFIG_H
#define ARUS_REGISTRY_CONFIG_H

#include "base/json.h"

typedef enum config_id {
#define CONFIG(id, ...) CONFIG_##id,
#include "registry/config.def"
#undef CONFIG
    CONFIG_COUNT
} config_id_t;

typedef struct config {
    str_t value[CONFIG_COUNT]; /* ptr NULL: not set; METADATA and RULES: canonical JSON */
} config_t;

typedef enum config_level {
    CONFIG_NONE,
    CONFIG_BACKWARD,
    CONFIG_BACKWARD_TRANSITIVE,
    CONFIG_FORWARD,
    CONFIG_FORWARD_TRANSITIVE,
    CONFIG_FULL,
    CONFIG_FULL_TRANSITIVE,
    CONFIG_LEVELS
} config_level_t;

const char *config_level_name(config_level_t level);

/* Sets what the object names; a JSON null unsets. A request calls the level "compatibility", a
 * record "compatibilityLevel". ST_BAD_LEVEL, ST_BAD_RULES, ST_BAD_INPUT: *c is as it was. */
ST config_read(arena_t *a, const json_value_t *o, bool request, config_t *c, err_t *err);
/* The members, after what the object holds already. */
void config_put(buf_t *b, const config_t *c, bool request);
config_t config_copy(arena_t *a, const config_t *c);
/* A subject's own settings over the global ones. */
config_t config_merge(const config_t *global, const config_t *own);
bool config_is(const config_t *c, config_id_t id);
config_level_t config_level_of(const config_t *c);

#endif
