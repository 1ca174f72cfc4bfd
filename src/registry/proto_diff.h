/* proto_diff.h: how two .proto files differ, and which differences keep old data from being read
 * with the new one. The types of differences, their paths and what each means are Confluent's
 * (proto_diffs.def): fields meet by number, messages by name. */
#ifndef ARUS_REGISTRY_PROTO_DIFF_H
#define ARUS_REGISTRY_PROTO_DIFF_H

#include "base/vec.h"
#include "format/proto_scope.h"

typedef enum proto_change {
#define DIFF(type, fits, message) PROTO_DIFF_##type,
#include "registry/proto_diffs.def"
#undef DIFF
    PROTO_DIFFS
} proto_change_t;

typedef struct proto_difference {
    proto_change_t change;
    str_t path; /* "#/Message/1" */
} proto_difference_t;

#define PROTO_DIFFERENCES_MAX 1000

typedef struct proto_differences {
    VEC(proto_difference_t) list; /* at most PROTO_DIFFERENCES_MAX */
    bool cut;                     /* the files are too large to be compared to the end */
} proto_differences_t;

/* A file and what its names mean. */
typedef struct proto_side {
    const proto_file_t *file;
    proto_scope_t *scope;
} proto_side_t;

/* What is different in `update`; the paths are in the arena; the caller frees the list. */
void proto_diff(arena_t *a, proto_side_t original, proto_side_t update, proto_differences_t *ret);
const char *proto_change_name(proto_change_t c);
/* Whether data written before it can still be read. */
bool proto_change_fits(proto_change_t c);
/* Confluent's message, of the schemas called reader and writer. */
str_t proto_difference_text(arena_t *a, proto_difference_t d, const char *reader,
                            const char *writer);

#endif
