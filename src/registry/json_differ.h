/* json_differ.h: the parts of the comparison of JSON Schemas. Private to registry/json_*.c.
 *
 * Each pair of nodes is compared once; what was found is kept with paths that begin at the pair, so
 * that it can be put under any path that leads there.
 */
#ifndef ARUS_REGISTRY_JSON_DIFFER_H
#define ARUS_REGISTRY_JSON_DIFFER_H

#include "base/map.h"
#include "registry/json_diff.h"

typedef struct jschema_found jschema_found_t;
typedef struct jschema_finding jschema_finding_t;

/* One difference, or what was found at a pair inside. */
struct jschema_finding {
    const jschema_finding_t *next;
    str_t path;
    jschema_change_t change;
    const jschema_found_t *inside; /* NULL: `change` */
};

struct jschema_found {
    const jschema_finding_t *first;
    jschema_finding_t *last;
    bool forbids; /* one of them does not fit */
};

typedef struct jschema_differ {
    arena_t *arena;
    unsigned flags; /* of jschema_diff */
    map_t done;     /* pair to jschema_found_t */
    map_t open;     /* pairs that are being compared */
    map_t known;    /* pairs that forbid, as the pass before has found */
    bool guessed;   /* a pair inside of itself was taken to fit */
    bool cut;
    size_t n_pairs, depth;
} jschema_differ_t;

/* The comparison of two nodes, either of which may be missing (NULL). */
const jschema_found_t *jschema_compare(jschema_differ_t *d, const jschema_t *original,
                                       const jschema_t *update);
void jschema_add(jschema_differ_t *d, jschema_found_t *to, str_t path, jschema_change_t change);
void jschema_add_found(jschema_differ_t *d, jschema_found_t *to, str_t path,
                       const jschema_found_t *inside);

/* json_bounds.c: the keywords of strings and numbers, enum and const; bounds of arrays and objects.
 */
void jschema_compare_bounds(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                            const jschema_t *update);
/* json_content.c: what objects and arrays hold. */
void jschema_compare_object(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                            const jschema_t *update);
void jschema_compare_array(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                           const jschema_t *update);
/* json_combined.c: allOf, anyOf, oneOf. */
void jschema_compare_combined(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                              const jschema_t *update);

#endif
