/* json_tree.h: JSON Schemas (drafts 4, 6, 7, 2019-09, 2020-12) as the tree that is compared.
 *
 * A node says one thing of a value: that it is a string, a number, one of these values, all of
 * those nodes. An object of the schema that says several things becomes ALL of one node each, so
 * that {"type": "string", "minimum": 1} is all of a STRING and a NUMBER. A node keeps the object it
 * came from: bounds and lists of names are read from there.
 *
 * All of it lives in the arena it was read into and borrows the texts. A $ref may lead back to a
 * node above it: the tree is a graph. Immutable once it is read.
 */
#ifndef ARUS_REGISTRY_JSON_TREE_H
#define ARUS_REGISTRY_JSON_TREE_H

#include "base/json.h"
#include "registry/kind.h"

typedef enum jschema_kind {
    JSCHEMA_ANYTHING, /* {} and true */
    JSCHEMA_NOTHING,  /* false */
    JSCHEMA_STRING,
    JSCHEMA_NUMBER,
    JSCHEMA_BOOLEAN,
    JSCHEMA_NULL,
    JSCHEMA_OBJECT,
    JSCHEMA_ARRAY,
    JSCHEMA_CONST,
    JSCHEMA_ENUM,
    JSCHEMA_NOT,
    JSCHEMA_CONDITIONAL, /* if, then, else: not looked into */
    JSCHEMA_ALL,
    JSCHEMA_ANY,
    JSCHEMA_ONE,
    JSCHEMA_REF,
} jschema_kind_t;

typedef struct jschema jschema_t;

typedef struct jschema_named {
    str_t name;
    const jschema_t *schema;
} jschema_named_t;

/* What a container says of what it does not name: additionalProperties or additionalItems. */
typedef struct jschema_rest {
    bool closed;                  /* there may be none */
    const jschema_t *schema;      /* they must fit it; NULL: it says nothing */
    const jschema_t *unevaluated; /* unevaluatedProperties, unevaluatedItems; NULL: not there */
} jschema_rest_t;

struct jschema {
    jschema_kind_t kind;
    bool integer;  /* NUMBER */
    bool modern;   /* read by the rules of 2019-09 and 2020-12 */
    bool gathered; /* ALL, ANY: not written as allOf or anyOf, made from what stood side by side */
    const json_value_t *json; /* the object it came from; NULL for true and false */
    const jschema_t **sub;    /* ALL, ANY, ONE: what they combine; NOT, REF: the one */
    size_t n_subs;
    /* OBJECT: by name; of dependencies those on schemas. */
    const jschema_named_t *property, *pattern, *dependency;
    size_t n_properties, n_patterns, n_dependencies;
    const jschema_t *item;         /* ARRAY: what each must fit; NULL: not said */
    const jschema_t *const *tuple; /* ARRAY: what the first must fit, one by one */
    size_t n_tuple;
    jschema_rest_t rest; /* OBJECT, ARRAY */
};

/* Reads a schema. ST_BAD_INPUT: no JSON, a keyword of the wrong type, an unknown type, a pattern
 * that is no regular expression, or a $ref that leads nowhere; a $ref to another document finds it
 * among the refs. ST_TOO_LARGE. *ret_json is the text as JSON. */
ST jschema_parse(arena_t *a, const kind_input_t *in, const json_value_t **ret_json,
                 const jschema_t **ret, err_t *err);

/* json_entities.c: the objects and properties of the text, by Confluent's paths: "object.a", of an
 * array "array.object.a", of a combination "anyof.0.object.a". */
void jschema_entities(arena_t *a, const json_value_t *json, kind_entities_t *to);

/* Whether the pattern is found in the text; false too when matching takes too long. */
bool jschema_matches(str_t pattern, str_t text);
/* False when nobody's regular expressions have this syntax. */
bool jschema_pattern_valid(str_t pattern);

/* The text as the registry keeps it: compact, numbers as Java's BigDecimal writes them, of members
 * with one name the last. `sorted`: members by name. */
void jschema_put_text(buf_t *b, const json_value_t *v, bool sorted);
/* Equal values: members in any order, numbers as they are written. */
bool jschema_json_equal(const json_value_t *a, const json_value_t *b);

#endif
