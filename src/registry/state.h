/* state.h: what the registry keeps in memory, and how it changes. Private to registry/.
 *
 * Memory changes only by state_apply, from a record of the topic: at the start from all that are
 * there, later from those that state_commit has just written. The registry's lock is held
 * throughout.
 *
 * The record that gave the highest id may be compacted away once its schema is deleted for good. So
 * the highest id of each context is a fact of the log, too ("registry.max.id/" and the context), in
 * digits. It is written with the next commit: a record is not lost before another one has followed.
 */
#ifndef ARUS_REGISTRY_STATE_H
#define ARUS_REGISTRY_STATE_H

#include "base/map.h"
#include "registry/name.h"
#include "registry/record.h"

#include <openssl/evp.h>

typedef struct subject subject_t;

/* A subject's newest version of a schema. */
typedef struct use {
    const subject_t *subject;
    int32_t version;
    struct use *next;
} use_t;

/* What stands beside a schema's text. */
typedef struct extras {
    const registry_ref_t *ref; /* as they were written: relative to the context */
    size_t n_refs;
    str_t metadata, rules;
    str_t resolved; /* with references: the text with them written out; empty until someone asks */
} extras_t;

/* A schema within a context: in the registry's arena until it closes; immutable but for uses and
 * `resolved`. There may be very many. */
typedef struct schema {
    int32_t id;
    uint32_t text_len;
    uint64_t hash; /* of its content */
    const char *type;
    extras_t *extras; /* the registry's `plain` for those that have none */
    use_t *uses;      /* none: no version has it any more */
    char text[];
} schema_t;

typedef struct version {
    int32_t version;
    bool deleted;
    int64_t ts_ms;
    schema_t *schema;
} version_t;

typedef struct context {
    str_t name;                /* ".": the default one */
    bool known;                /* its record is there */
    int32_t max_id;            /* the highest that was ever given */
    int32_t kept_id;           /* what of it the log knows as a fact */
    VEC(schema_t *) by_id;     /* ascending */
    VEC(schema_t *) referrers; /* those with references */
    schema_t **by_content;     /* open addressing; content_cap slots */
    size_t content_cap, n_contents;
    map_t by_guid; /* from the first time that someone asks for one (has_guids): an MD5 of each
                      schema would be a good part of the start */
    bool has_guids;
} context_t;

struct subject {
    str_t name;
    context_t *context;
    VEC(version_t) versions; /* ascending */
};

/* Of a subject, a context or all. */
typedef struct setting {
    str_t name;
    bool has_config;
    config_t config;
    int mode; /* -1: none */
} setting_t;

struct registry {
    pthread_mutex_t lock;
    log_t *log; /* NULL: memory only, or a store */
    io_t *io;
    log_topic_t *topic;
    registry_store_t store; /* write NULL: none */
    int64_t next_offset;    /* of the store: what comes before is applied */
    arena_t arena;
    extras_t plain;
    map_t contexts;  /* name to context_t */
    map_t subjects;  /* name to subject_t */
    map_t settings;  /* name to setting_t */
    EVP_MD_CTX *md5; /* of state_guid, and what goes into it */
    buf_t hashed;
    arena_t scratch; /* within state_apply */
};

/* The default context is always there. */
void state_init(registry_t *r);
/* Writes the change in one commit and applies it. */
ST state_commit(registry_t *r, const change_t *c, err_t *err);
ST state_apply(registry_t *r, str_t key, str_t value, int64_t ts_ms, err_t *err);
/* Reads all of the topic. */
ST state_load(registry_t *r, err_t *err);

context_t *state_context(const registry_t *r, str_t name);
subject_t *state_subject(const registry_t *r, str_t name);
const setting_t *state_setting(const registry_t *r, str_t name);
/* Where in by_id an id is, or would be. */
size_t state_id_slot(const context_t *c, int32_t id);
schema_t *state_any_by_id(const context_t *c, int32_t id);
/* Whether they have the same text, references, metadata and rules: that is, the same guid. */
bool state_same_content(const schema_t *x, const registry_schema_t *y);
uint64_t state_hash(const registry_schema_t *s);
/* The slot of a content: a schema's, or a free one. The table must not be full. */
schema_t **state_content_slot(const context_t *c, uint64_t hash, const registry_schema_t *s);
/* Only those that a version has. Of equal contents the newest. */
schema_t *state_by_id(const context_t *c, int32_t id);
schema_t *state_by_content(const context_t *c, const registry_schema_t *s);
schema_t *state_by_guid(registry_t *r, context_t *c, const uint8_t guid[16]);
/* The subject's version of a schema; NULL. */
version_t *state_use(const subject_t *s, const schema_t *schema);
version_t *state_version(const subject_t *s, int32_t version);
/* The last version; with `deleted` softly deleted ones count. NULL when there is none or s is NULL.
 */
version_t *state_newest(const subject_t *s, bool deleted);
/* Whether there is a version in the subject, or in any of the context. */
bool state_has_versions(const registry_t *r, str_t name, bool deleted);
/* By name, first the default one, in an array of the arena. */
context_t **state_contexts(const registry_t *r, arena_t *a, size_t *ret_n);
/* In that order, so that a name without a context is found in another. */
subject_t *state_elsewhere(const registry_t *r, arena_t *a, context_t *const *context, size_t i,
                           str_t subject);

static inline str_t state_text(const schema_t *s)
{
    return str_n(s->text, s->text_len);
}
/* Without subject and version. */
registry_schema_t state_content(const schema_t *s);
registry_schema_t state_describe(const subject_t *s, const version_t *v);
void state_guid(registry_t *r, const registry_schema_t *s, uint8_t ret[16]);
void state_put_guid(registry_t *r, context_t *c, schema_t *s);
/* Whether a schema of the context refers to the version. */
bool state_refers(arena_t *a, const schema_t *s, str_t context, str_t subject, int32_t version);
/* Whether another schema refers to the version. `deleted`: also one that is softly deleted.
 * `within`: not if it is a version of this subject itself; may be empty. */
bool state_referenced(const registry_t *r, str_t subject, int32_t version, bool deleted,
                      str_t within);

/* What counts for a subject. */
config_t state_config(const registry_t *r, arena_t *a, str_t name);
registry_mode_t state_mode(const registry_t *r, arena_t *a, str_t name);
/* ST_DENIED when its mode forbids changes. */
ST state_may_write(const registry_t *r, arena_t *a, str_t name, err_t *err);
/* Errors in Confluent's words. */
st_t state_no_subject(str_t subject, err_t *err);
st_t state_no_version(int32_t version, err_t *err);
st_t state_is_referenced(str_t subject, int32_t version, err_t *err);

#endif
