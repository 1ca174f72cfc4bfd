/* json_ref.h: the documents a JSON Schema is spread over, and where a $ref leads among them.
 * Private to registry/json_*.c.
 *
 * The first document is the schema itself, the others are the registry's references, each under its
 * name. A schema with an $id of its own inside a document is found by that $id too. Nothing is
 * fetched from anywhere.
 */
#ifndef ARUS_REGISTRY_JSON_REF_H
#define ARUS_REGISTRY_JSON_REF_H

#include "base/json.h"
#include "base/map.h"
#include "base/vec.h"
#include "registry/kind.h"

typedef enum jschema_draft {
    JSCHEMA_4 = 1,
    JSCHEMA_6 = 2,
    JSCHEMA_7 = 4,
    JSCHEMA_MODERN = 8
} jschema_draft_t;

typedef struct jschema_doc {
    str_t base; /* its URI: $id, else the name it is referred to by */
    str_t name; /* of the reference; empty for the schema itself */
    const json_value_t *json;
    jschema_draft_t draft;
} jschema_doc_t;

/* A place that a URI leads to. */
typedef struct jschema_anchor {
    const json_value_t *json;
    size_t doc;
} jschema_anchor_t;

typedef struct jschema_docs {
    arena_t *arena;
    VEC(jschema_doc_t) docs;
    map_t anchors; /* URI to jschema_anchor_t */
} jschema_docs_t;

void jschema_docs_done(jschema_docs_t *d);
/* Reads the schema and its references and looks for their $id and $anchor. */
ST jschema_docs_open(jschema_docs_t *d, arena_t *a, const kind_input_t *in, err_t *err);
/* Where `ref` leads from inside the document: a place, and whose document it is in. *ret is NULL
 * for a draft's own meta-schema. ST_BAD_INPUT: nowhere. */
ST jschema_docs_find(const jschema_docs_t *d, size_t from, str_t base, str_t ref,
                     const json_value_t **ret, size_t *ret_doc, err_t *err);
/* The base of what is inside of v: its $id, resolved, or `base`. */
str_t jschema_docs_base(const jschema_docs_t *d, size_t doc, const json_value_t *v, str_t base);

#endif
