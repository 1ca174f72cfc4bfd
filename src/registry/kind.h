/* kind.h: what the registry asks of a schema type. A type is a row in kinds.def and one file.
 *
 * A kind has no state: it parses a text into a tree in an arena, writes it, and compares two of
 * them. All a tree needs (its text, its references' texts) must live as long as its arena.
 */
#ifndef ARUS_REGISTRY_KIND_H
#define ARUS_REGISTRY_KIND_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

/* A schema that another one refers to. */
typedef struct kind_ref {
    str_t name; /* AVRO: a full name; JSON: the URI of a $ref; PROTOBUF: the path of an import */
    str_t text;
} kind_ref_t;

typedef struct kind_input {
    str_t text;
    const kind_ref_t *ref; /* each stands before those that use it */
    size_t n_refs;
    bool is_new; /* someone brings it now; else it was stored, maybe by a more lenient registry */
} kind_input_t;

/* The ways of writing a schema. A kind that does not know one writes KIND_STORED. */
typedef enum kind_form {
    KIND_STORED,            /* as it is kept and compared: equal schemas have equal texts */
    KIND_NORMALIZED,        /* as it is kept when it is to be normalized: in one order of members */
    KIND_RESOLVED,          /* "resolved": with its references written out */
    KIND_SERIALIZED,        /* "serialized": as a base64 descriptor */
    KIND_WITHOUT_EXTENSIONS /* "ignore_extensions" */
} kind_form_t;

/* What kind_class.diff has found. */
typedef struct kind_diff {
    arena_t *arena;              /* of the messages */
    const char *reader, *writer; /* how messages call the two: "new", "old" */
    bool lenient;                /* the compatibility policy LENIENT, for JSON */
    VEC(str_t) messages;
} kind_diff_t;

/* A record of a schema, or a field of one: what can have tags. */
typedef struct kind_entity {
    str_t path;  /* as Confluent has it: "ns.Record", "ns.Record.field"; JSON: "object.field" */
    str_t plain; /* the path without a namespace */
    bool is_record;
    const str_t *tag; /* what stands in the schema */
    size_t n_tags;
    void *part; /* the kind's own */
} kind_entity_t;

typedef struct kind_entities {
    VEC(kind_entity_t) list; /* in the order of the text */
} kind_entities_t;

typedef struct kind_class {
    const char *name; /* AVRO, JSON, PROTOBUF */
    /* The schema as a tree in the arena. ST_BAD_INPUT says what is wrong, in the words of the
     * library that Confluent's registry uses, where it has them. */
    ST (*parse)(arena_t *a, const kind_input_t *in, const void **ret, err_t *err);
    void (*put)(buf_t *b, const void *schema, kind_form_t form);
    /* A message for each reason why data of the writer cannot be read with the reader; none when it
     * can. */
    void (*diff)(kind_diff_t *d, const void *reader, const void *writer);
    /* Whether the two are one schema though their stored texts differ: by the order of members, or
     * because one has references written out. NULL: then they never are. */
    bool (*equal)(const void *x, const void *y);
    /* Appends all records and fields that the schema itself defines. */
    void (*entities)(arena_t *a, const void *schema, kind_entities_t *to);
    /* Has put() write these tags with the entity, in place of those that it has. a: that of the
     * tree. */
    void (*set_tags)(arena_t *a, const kind_entity_t *e, const str_t *tag, size_t n);
} kind_class_t;

#define KIND(id) extern const kind_class_t kind_##id;
#include "registry/kinds.def"
#undef KIND

/* Where AVRO and JSON have tags: a member with an array of texts. */
#define KIND_TAGS "confluent:tags"

/* The kind of this name; empty: AVRO; NULL: there is none. */
const kind_class_t *kind_find(str_t name);
/* Adds a message: "{errorType:'TYPE', description:'…', additionalInfo:'…'}", as clients print it.
 */
#define kind_differ(d, ...) VEC_PUSH(&(d)->messages, arena_printf((d)->arena, __VA_ARGS__))

#endif
