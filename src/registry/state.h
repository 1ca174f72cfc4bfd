/* state.h: what the registry keeps in memory, and how it changes. Private to registry/.
 *
 * Memory changes only by state_apply, from a record of the topic: at the start from all that are
 * there, later from those that state_commit has just written. The registry's lock is held
 * throughout.
 */
#ifndef ARUS_REGISTRY_STATE_H
#define ARUS_REGISTRY_STATE_H

#include "base/map.h"
#include "base/vec.h"
#include "registry/registry.h"

/* A schema: in the registry's arena until it closes; immutable but for `resolved`. */
typedef struct schema {
    int32_t id;
    str_t type, text;
    const registry_ref_t *ref;
    size_t n_refs;
    str_t resolved; /* the text with its references written out; empty until someone asks */
} schema_t;

typedef struct version {
    int32_t version;
    bool deleted;
    const schema_t *schema;
} version_t;

typedef struct subject {
    str_t name;
    VEC(version_t) versions; /* ascending */
    int level, mode;         /* -1: the global one */
} subject_t;

struct registry {
    pthread_mutex_t lock;
    log_t *log; /* NULL: memory only */
    io_t *io;
    log_topic_t *topic;
    arena_t arena;
    map_t subjects;        /* subject_t */
    map_t by_content;      /* type, references and text to schema_t */
    VEC(schema_t *) by_id; /* index: id; NULL: none */
    int level, mode;       /* global */
};

/* Records that will be written together. */
typedef struct change {
    arena_t arena;
    VEC(str_t) keys;
    VEC(str_t) values; /* ptr NULL: null */
} change_t;

void change_init(change_t *c);
void change_done(change_t *c);
void change_schema(change_t *c, str_t subject, int32_t version, const schema_t *s, bool deleted);
void change_remove_schema(change_t *c, str_t subject, int32_t version);
void change_delete_subject(change_t *c, str_t subject, int32_t version);
void change_level(change_t *c, str_t subject, int level); /* -1: removed */
void change_mode(change_t *c, str_t subject, int mode);

/* Writes the change in one commit and applies it. */
ST state_commit(registry_t *r, const change_t *c, err_t *err);
ST state_apply(registry_t *r, str_t key, str_t value, err_t *err);
/* Reads all of the topic. */
ST state_load(registry_t *r, err_t *err);

subject_t *state_subject(registry_t *r, str_t name, bool create);
schema_t *state_schema(const registry_t *r, int32_t id);
/* The last version; with `deleted` softly deleted ones count. NULL when there is none or s is NULL.
 */
version_t *state_newest(subject_t *s, bool deleted);
/* ST_NOT_FOUND. */
ST state_version(registry_t *r, str_t subject, int32_t version, bool deleted, version_t **ret,
                 err_t *err);
/* ST_DENIED when the mode of the subject (s may be NULL) forbids changes. */
ST state_may_write(const registry_t *r, const subject_t *s, str_t name, err_t *err);
/* ST_NOT_FOUND in Confluent's words. */
st_t state_no_subject(str_t subject, err_t *err);
st_t state_no_version(int32_t version, err_t *err);
/* What two equal schemas have in common. */
str_t state_content(arena_t *a, str_t type, str_t text, const registry_ref_t *ref, size_t n);

#endif
