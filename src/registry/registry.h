/* registry.h: the schema registry's core: subjects, their versions, schemas by id, compatibility,
 * settings.
 *
 * All is kept in memory and, with a log, in the topic _schemas (one partition, compacted) in
 * Confluent's record form (record.h), so that either registry can read the other's. A change is
 * committed to the log first and then applied to memory from the very record. In place of the log
 * there may be a store that several registries share (registry_store_t).
 *
 * Thread-safe; calls that change something block on the log. Texts that are given out live as long
 * as the registry, unless a function has an arena for them. Names of subjects are normal ones
 * (name.h); a name without a subject ("" or ":.ctx:") stands for a whole context where levels and
 * modes are concerned. Error messages and their codes (errors.def) are Confluent's.
 */
#ifndef ARUS_REGISTRY_REGISTRY_H
#define ARUS_REGISTRY_REGISTRY_H

#include "format/format.h"
#include "io/io.h"
#include "log/log.h"
#include "registry/config.h"
#include "registry/kind.h"

typedef struct registry registry_t;

#define REGISTRY_TOPIC  "_schemas"
#define REGISTRY_LATEST (-1)
#define REGISTRY_GLOBAL STR("") /* in place of a subject: the default context, and so all */

typedef enum registry_mode {
    REGISTRY_READWRITE,
    REGISTRY_READONLY,
    REGISTRY_READONLY_OVERRIDE,
    REGISTRY_IMPORT,
    REGISTRY_FORWARD,
    REGISTRY_MODES
} registry_mode_t;

/* Which versions count. */
typedef enum registry_filter {
    REGISTRY_ACTIVE,
    REGISTRY_WITH_DELETED,
    REGISTRY_DELETED_ONLY
} registry_filter_t;

typedef struct registry_ref {
    str_t name, subject;
    int32_t version; /* REGISTRY_LATEST is allowed where someone brings it */
} registry_ref_t;

/* A schema as someone brings it. */
typedef struct registry_input {
    str_t type; /* AVRO, JSON, PROTOBUF; empty: AVRO */
    str_t text; /* empty: that of the subject's newest version */
    const registry_ref_t *ref;
    size_t n_refs;
    str_t metadata, rules; /* as content.h makes them */
    int32_t version;       /* the one that it is to be; 0: the next */
    int32_t id;            /* in mode IMPORT: the one that it is to have; 0: none */
    bool normalize;
    bool force; /* also when it is not compatible */
} registry_input_t;

/* A schema, as a version of a subject. */
typedef struct registry_schema {
    str_t subject; /* empty when it was found by its id alone */
    int32_t version, id;
    str_t type, text;
    const registry_ref_t *ref;
    size_t n_refs;
    str_t metadata, rules;
    bool deleted;  /* softly */
    int64_t ts_ms; /* when it was written */
} registry_schema_t;

typedef struct registry_version {
    str_t subject;
    int32_t version;
} registry_version_t;

typedef struct registry_id {
    str_t context;
    int32_t id;
} registry_id_t;

/* Reads the topic, which is made when it is missing. log and io must outlive the registry. */
ST registry_open(log_t *log, io_t *io, registry_t **ret, err_t *err);
/* The same without a log: for tests and deterministic runs. */
registry_t *registry_memory(void);

/* Where records are kept when others write there, too. */
typedef struct registry_store {
    void *self;
    /* Makes n records durable, in this order, all or none, and says which offset comes behind them.
     * A value whose ptr is NULL is null. Called with the registry's lock held, so nothing of it may
     * be called from here. */
    ST (*write)(void *self, const str_t *key, const str_t *value, size_t n, int64_t now_ms,
                int64_t *ret_end, err_t *err);
} registry_store_t;

/* Empty: the store's owner brings what is there by registry_follow. io must outlive the registry.
 */
registry_t *registry_shared(registry_store_t store, io_t *io);
/* Applies the store's record at this offset; passes over one that the registry has written itself.
 * Offsets ascend. ST_CORRUPT: it is no record of a registry, and nothing has changed. */
ST registry_follow(registry_t *r, int64_t offset, str_t key, str_t value, int64_t ts_ms,
                   err_t *err);
void registry_close(registry_t *r);
/* The registry as formats see it. Valid as long as r. */
schema_source_t registry_source(registry_t *r);

/* register.c: the version of the subject that has this schema, made now unless there is one. Equal
 * schemas have one id within their context. ST_BAD_SCHEMA; ST_TOO_LARGE; ST_INCOMPATIBLE;
 * ST_DENIED: the mode forbids it. why: gets the reasons for ST_INCOMPATIBLE, which err has no room
 * for; may be NULL. */
ST registry_register(registry_t *r, str_t subject, const registry_input_t *in,
                     registry_schema_t *ret, kind_diff_t *why, err_t *err);
/* The version of the subject (in the default context: or of the same subject in another) that has
 * this schema. ST_NO_SUBJECT, ST_NO_SCHEMA, ST_BAD_SCHEMA. */
ST registry_lookup(registry_t *r, str_t subject, const registry_input_t *in, bool deleted,
                   registry_schema_t *ret, err_t *err);
/* Whether the schema may follow the version (REGISTRY_LATEST: the newest; 0: all that the level
 * asks for): no messages if so. ST_BAD_SCHEMA, ST_NO_VERSION. A subject without versions agrees to
 * anything. */
ST registry_check(registry_t *r, str_t subject, int32_t version, const registry_input_t *in,
                  kind_diff_t *ret, err_t *err);
/* The text in a form; the stored one when it is that. ST_BAD_SCHEMA when it can no longer be read.
 */
ST registry_put_text(registry_t *r, buf_t *b, const registry_schema_t *s, kind_form_t form,
                     err_t *err);

/* tags.c: tags within a schema, of its records and fields. */
typedef struct registry_tags {
    str_t path; /* "ns.Record", "ns.Record.field", JSON: "object.field"; a first dot is ignored */
    bool is_record;
    const str_t *tag;
    size_t n;
    bool remove; /* of a change; else they are added */
} registry_tags_t;

/* The schema that was brought, with its tags changed, one change after the other; in the arena.
 * ST_BAD_SCHEMA: also when there is no such record or field. */
ST registry_retag(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                  const registry_tags_t *change, size_t n, str_t *ret, err_t *err);
/* The same with the tags that the subject's newest version has, where it still has the record or
 * field. */
ST registry_keep_tags(registry_t *r, arena_t *a, str_t subject, const registry_input_t *in,
                      str_t *ret, err_t *err);
/* Everything in the schema that has tags. */
ST registry_tags(registry_t *r, arena_t *a, const registry_schema_t *s, registry_tags_t **ret,
                 size_t *ret_n, err_t *err);

/* find.c. subject: looks there, or with a mere context anywhere in it; a ptr of NULL: the default
 * context. ST_NO_SCHEMA. */
ST registry_by_id(registry_t *r, int32_t id, str_t subject, registry_schema_t *ret, err_t *err);
ST registry_by_guid(registry_t *r, const uint8_t guid[16], registry_schema_t *ret, err_t *err);
/* The MD5 of text, references, metadata and rules. */
void registry_guid(registry_t *r, const registry_schema_t *s, uint8_t ret[16]);
void registry_ids_of_guid(registry_t *r, arena_t *a, const uint8_t guid[16], registry_id_t **ret,
                          size_t *ret_n);
/* The highest id given in the schema's context. */
int32_t registry_max_id(registry_t *r, str_t subject);
/* The versions that have the schema; ST_NO_SCHEMA. */
ST registry_uses(registry_t *r, arena_t *a, int32_t id, str_t subject, bool deleted,
                 registry_version_t **ret, size_t *ret_n, err_t *err);
/* version: REGISTRY_LATEST or from 1. `deleted`: softly deleted ones count. ST_NO_SUBJECT,
 * ST_NO_VERSION. */
ST registry_version(registry_t *r, str_t subject, int32_t version, bool deleted,
                    registry_schema_t *ret, err_t *err);
/* The newest version whose metadata has these properties. ST_NO_SUBJECT, ST_NO_SCHEMA. */
ST registry_with_metadata(registry_t *r, str_t subject, const str_t *name, const str_t *value,
                          size_t n, bool deleted, registry_schema_t *ret, err_t *err);
/* Sorted names that start with the prefix: ":*:p" in every context, ":.c:p" in one, "p" in the
 * default one. */
void registry_subjects(registry_t *r, arena_t *a, str_t prefix, registry_filter_t filter,
                       str_t **ret, size_t *ret_n);
ST registry_versions(registry_t *r, arena_t *a, str_t subject, registry_filter_t filter,
                     int32_t **ret, size_t *ret_n, err_t *err);
/* All versions of the subjects with the prefix, by subject and version. aliases: also of those that
 * an alias with the prefix stands for. */
void registry_search(registry_t *r, arena_t *a, str_t prefix, registry_filter_t filter,
                     bool latest_only, bool aliases, registry_schema_t **ret, size_t *ret_n);
/* The aliases with the prefix that stand for the subject, sorted. */
void registry_aliases(registry_t *r, arena_t *a, str_t subject, str_t prefix, str_t **ret,
                      size_t *ret_n);
/* Ids of the schemas that refer to the version. */
void registry_referrers(registry_t *r, arena_t *a, str_t subject, int32_t version, bool deleted,
                        int32_t **ret, size_t *ret_n);
void registry_contexts(registry_t *r, arena_t *a, str_t **ret, size_t *ret_n);

/* delete.c. Soft first, then permanent. version: REGISTRY_LATEST or from 1. */
ST registry_delete_version(registry_t *r, str_t subject, int32_t version, bool permanent,
                           int32_t *ret, err_t *err);
ST registry_delete_subject(registry_t *r, arena_t *a, str_t subject, bool permanent, int32_t **ret,
                           size_t *ret_n, err_t *err);
/* ST_CONTEXT_NOT_EMPTY. */
ST registry_delete_context(registry_t *r, str_t context, err_t *err);

/* settings.c: of a subject, a context or REGISTRY_GLOBAL. `inherit`: what counts for it, else its
 * own, ST_NO_LEVEL or ST_NO_MODE when it has none. */
ST registry_config(registry_t *r, str_t name, bool inherit, config_t *ret, err_t *err);
/* Sets what the request names; *ret is all of them. */
ST registry_set_config(registry_t *r, str_t name, const json_value_t *request, config_t *ret,
                       err_t *err);
/* Back to what is inherited; *ret is what was set. ST_NO_SUBJECT. */
ST registry_unset_config(registry_t *r, str_t name, config_t *ret, err_t *err);
ST registry_mode(registry_t *r, str_t name, bool inherit, registry_mode_t *ret, err_t *err);
/* IMPORT wants `name` to be empty, unless forced; what is softly deleted there is gone then. */
ST registry_set_mode(registry_t *r, str_t name, registry_mode_t mode, bool force, err_t *err);
/* recursive: of all in the context, too. ST_NO_SUBJECT. */
ST registry_unset_mode(registry_t *r, str_t name, bool recursive, registry_mode_t *ret, err_t *err);
const char *registry_mode_name(registry_mode_t mode);
bool registry_mode_parse(str_t text, registry_mode_t *ret);
/* The subject that this one is an alias for, or itself. */
str_t registry_alias(registry_t *r, arena_t *a, str_t subject);

#endif
