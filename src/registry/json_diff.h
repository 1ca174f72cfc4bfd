/* json_diff.h: how two JSON Schemas differ, and which differences keep old data from being read
 * with the new schema.
 *
 * The types of differences, their paths and what each means are Confluent's (json_diffs.def).
 * Titles, descriptions, defaults and formats are not compared: they forbid nothing.
 */
#ifndef ARUS_REGISTRY_JSON_DIFF_H
#define ARUS_REGISTRY_JSON_DIFF_H

#include "base/vec.h"
#include "registry/json_tree.h"

typedef enum jschema_change {
#define DIFF(type, fits, message) JSCHEMA_##type,
#include "registry/json_diffs.def"
#undef DIFF
    JSCHEMA_CHANGES
} jschema_change_t;

typedef struct jschema_difference {
    jschema_change_t change;
    str_t path; /* "#/properties/a" */
} jschema_difference_t;

#define JSCHEMA_DIFFERENCES_MAX 1000

typedef struct jschema_differences {
    VEC(jschema_difference_t) list; /* at most JSCHEMA_DIFFERENCES_MAX */
    bool cut;                       /* the schemas are too large to be compared to the end */
} jschema_differences_t;

enum {
    JSCHEMA_DIFF_ALL = 1,     /* also what forbids nothing */
    JSCHEMA_DIFF_LENIENT = 2, /* more properties than the schema names forbid nothing */
};

/* What is different in `update` and keeps data written before from being read. The paths are in the
 * arena; the caller frees the list. */
void jschema_diff(arena_t *a, const jschema_t *original, const jschema_t *update, unsigned flags,
                  jschema_differences_t *ret);
const char *jschema_change_name(jschema_change_t c);
/* Confluent's message, of the schemas called reader and writer. */
str_t jschema_difference_text(arena_t *a, jschema_difference_t d, const char *reader,
                              const char *writer);

#endif
