/* proto_scope.h: which declaration a name in a .proto file means.
 *
 * A scope holds the types and extensions of a file and of the files it may refer to, and the
 * well-known ones (google/protobuf, google/type, confluent), which need not be added. A name is
 * looked for from the innermost message outwards, as protoc does; an import is not asked for. It
 * borrows the files and lives in the arena. One thread.
 */
#ifndef ARUS_FORMAT_PROTO_SCOPE_H
#define ARUS_FORMAT_PROTO_SCOPE_H

#include "base/map.h"
#include "format/proto_file.h"

typedef struct proto_named {
    str_t full;    /* without a dot in front */
    str_t package; /* of its file */
    const proto_type_t *type;
    bool own; /* of the file itself */
} proto_named_t;

typedef struct proto_scope {
    arena_t *arena;
    str_t package;    /* of the file itself */
    map_t types;      /* full name to proto_named_t */
    map_t extensions; /* full name to proto_field_t */
    map_t names;      /* of the files that were added */
    bool has_known;
} proto_scope_t;

void proto_scope_init(proto_scope_t *s, arena_t *a);
void proto_scope_done(proto_scope_t *s);
/* Another file, by the name it is imported by. */
void proto_scope_add(proto_scope_t *s, str_t name, const proto_file_t *f);
/* The file itself; last. */
void proto_scope_own(proto_scope_t *s, const proto_file_t *f);

/* What a type's name means inside `within`, a full name ("package.Message"); NULL: nothing. */
const proto_named_t *proto_scope_type(proto_scope_t *s, str_t within, str_t name);
/* The full name of an extension, and its field. */
const proto_field_t *proto_scope_extension(proto_scope_t *s, str_t within, str_t name,
                                           str_t *ret_full);
/* "a.b" of a and b; b when a is empty. */
str_t proto_join(arena_t *a, str_t outer, str_t name);

#endif
