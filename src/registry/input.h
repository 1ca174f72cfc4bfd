/* input.h: a schema as someone brings it, read and brought into the form that is kept. Private to
 * registry/. */
#ifndef ARUS_REGISTRY_INPUT_H
#define ARUS_REGISTRY_INPUT_H

#include "registry/state.h"

typedef struct parsed {
    registry_schema_t s; /* subject, type, text, references, metadata, rules */
    const kind_class_t *kind;
    const void *tree;
} parsed_t;

/* Reads it for this subject. `normalize` leaves out what makes no difference. ST_BAD_SCHEMA. */
ST input_parse(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in, bool is_new,
               bool normalize, parsed_t *ret, err_t *err);
/* A schema that is kept. ST_BAD_SCHEMA. */
ST input_parse_stored(registry_t *r, arena_t *a, const registry_schema_t *s, parsed_t *ret,
                      err_t *err);
/* Whether the version is what was brought, though their texts may differ. */
bool input_is(registry_t *r, arena_t *a, const parsed_t *p, const subject_t *s, const version_t *v);
/* compat.c: adds a message for each reason why the schema may not follow: `only` one version, or
 * (NULL) what the level asks for. */
ST compat_check(registry_t *r, arena_t *a, const config_t *config, const parsed_t *p,
                const subject_t *s, const version_t *only, kind_diff_t *d, err_t *err);

#endif
