/* registry.h: the schema registry's core: subjects, their versions, schemas by id, compatibility.
 *
 * All is kept in memory and, with a log, in the topic _schemas (one partition, compacted) in
 * Confluent's record form (key, then value), so that either registry can read the other's:
 *
 *   {"keytype":"SCHEMA","subject":"s","version":1,"magic":1}
 *       {"subject","version","id"[,"schemaType"][,"references"],"schema","deleted"}; null: gone
 *   {"keytype":"CONFIG","subject":null or "s","magic":0}
 *       {["subject",]"compatibilityLevel"}
 *   {"keytype":"MODE","subject":null or "s","magic":0}
 *       {["subject",]"mode"}
 *   {"keytype":"DELETE_SUBJECT","subject":"s","magic":0}
 *       {"subject","version"}: versions up to it are deleted
 *
 * A change is committed to the log first and then applied to memory from the very record.
 * Thread-safe; calls that change something block on the log. Texts that are given out live as long
 * as the registry. Error messages are Confluent's.
 */
#ifndef ARUS_REGISTRY_REGISTRY_H
#define ARUS_REGISTRY_REGISTRY_H

#include "format/format.h"
#include "io/io.h"
#include "log/log.h"

typedef struct registry registry_t;

#define REGISTRY_TOPIC  "_schemas"
#define REGISTRY_LATEST (-1)
#define REGISTRY_GLOBAL STR("") /* in place of a subject: the default for all */

typedef enum registry_level {
    REGISTRY_NONE,
    REGISTRY_BACKWARD,
    REGISTRY_BACKWARD_TRANSITIVE,
    REGISTRY_FORWARD,
    REGISTRY_FORWARD_TRANSITIVE,
    REGISTRY_FULL,
    REGISTRY_FULL_TRANSITIVE,
    REGISTRY_LEVELS
} registry_level_t;

typedef enum registry_mode {
    REGISTRY_READWRITE,
    REGISTRY_READONLY,
    REGISTRY_READONLY_OVERRIDE,
    REGISTRY_IMPORT,
    REGISTRY_MODES
} registry_mode_t;

typedef struct registry_ref {
    str_t name, subject;
    int32_t version;
} registry_ref_t;

/* A schema as someone brings it. type: AVRO, JSON or PROTOBUF; empty: AVRO. */
typedef struct registry_input {
    str_t type, text;
    const registry_ref_t *ref;
    size_t n_refs;
} registry_input_t;

/* A version of a subject. */
typedef struct registry_schema {
    str_t subject; /* empty when it was found by its id */
    int32_t version, id;
    str_t type, text;
    const registry_ref_t *ref;
    size_t n_refs;
    bool deleted; /* softly */
} registry_schema_t;

/* Reads the topic, which is made when it is missing. log and io must outlive the registry. */
ST registry_open(log_t *log, io_t *io, registry_t **ret, err_t *err);
/* The same without a log: for tests and deterministic runs. */
registry_t *registry_memory(void);
void registry_close(registry_t *r);
/* The registry as formats see it. Valid as long as r. */
schema_source_t registry_source(registry_t *r);

/* The id of the schema under the subject, registered now unless it was. Equal schemas (type,
 * references and compact text) have one id everywhere. ST_BAD_INPUT: no valid schema;
 * ST_INCOMPATIBLE; ST_DENIED: the mode forbids it. */
ST registry_register(registry_t *r, str_t subject, const registry_input_t *in, int32_t *ret_id,
                     err_t *err);
/* The version of the subject that has this schema; ST_NOT_FOUND. */
ST registry_lookup(registry_t *r, str_t subject, const registry_input_t *in, bool deleted,
                   registry_schema_t *ret, err_t *err);
ST registry_by_id(registry_t *r, int32_t id, registry_schema_t *ret, err_t *err);
/* version: REGISTRY_LATEST or from 1. `deleted`: softly deleted ones count. */
ST registry_version(registry_t *r, str_t subject, int32_t version, bool deleted,
                    registry_schema_t *ret, err_t *err);
/* Sorted names that start with the prefix. */
void registry_subjects(registry_t *r, arena_t *a, str_t prefix, bool deleted, str_t **ret,
                       size_t *ret_n);
ST registry_versions(registry_t *r, arena_t *a, str_t subject, bool deleted, int32_t **ret,
                     size_t *ret_n, err_t *err);
/* Soft first, then permanent. ST_NOT_FOUND; ST_EXISTS when another schema refers to it. */
ST registry_delete_version(registry_t *r, str_t subject, int32_t version, bool permanent,
                           err_t *err);
ST registry_delete_subject(registry_t *r, arena_t *a, str_t subject, bool permanent, int32_t **ret,
                           size_t *ret_n, err_t *err);

/* Whether the schema may follow the version (REGISTRY_LATEST: the newest; 0: all that the level
 * asks for). When not, err says why. ST_BAD_INPUT: no valid schema. A subject without versions
 * agrees to anything. */
ST registry_check(registry_t *r, str_t subject, int32_t version, const registry_input_t *in,
                  bool *ret, err_t *err);

/* Levels and modes of a subject or REGISTRY_GLOBAL. `inherit`: the global one where the subject has
 * none of its own, else ST_NOT_FOUND. */
ST registry_level(registry_t *r, str_t subject, bool inherit, registry_level_t *ret, err_t *err);
ST registry_set_level(registry_t *r, str_t subject, registry_level_t level, err_t *err);
/* Back to the global one (for REGISTRY_GLOBAL: BACKWARD); ST_NOT_FOUND. */
ST registry_unset_level(registry_t *r, str_t subject, err_t *err);
ST registry_mode(registry_t *r, str_t subject, bool inherit, registry_mode_t *ret, err_t *err);
ST registry_set_mode(registry_t *r, str_t subject, registry_mode_t mode, err_t *err);
const char *registry_level_name(registry_level_t level);
const char *registry_mode_name(registry_mode_t mode);
bool registry_level_parse(str_t text, registry_level_t *ret);
bool registry_mode_parse(str_t text, registry_mode_t *ret);

#endif
