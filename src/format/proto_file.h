/* proto_file.h: a .proto file as a tree, read from text or from a serialized descriptor, written as
 * text or as a descriptor.
 *
 * The tree holds what stands in the file, in its order: types are names as they were written, and
 * nothing is checked that needs another file or another declaration (proto_scope.h resolves names).
 * It lives in the arena it was read into and borrows the text. Immutable.
 */
#ifndef ARUS_FORMAT_PROTO_FILE_H
#define ARUS_FORMAT_PROTO_FILE_H

#include "base/arena.h"
#include "base/buf.h"

typedef enum proto_syntax { PROTO_UNSAID, PROTO_2, PROTO_3 } proto_syntax_t;
typedef enum proto_label {
    PROTO_PLAIN,
    PROTO_OPTIONAL,
    PROTO_REQUIRED,
    PROTO_REPEATED
} proto_label_t;

#define PROTO_NUMBER_MAX 536870911 /* "max" in ranges */

typedef enum proto_value_kind {
    PROTO_STRING, /* text: its characters, unescaped */
    PROTO_NUMBER, /* text: as it was written, as the next two */
    PROTO_BOOLEAN,
    PROTO_WORD,   /* a constant of an enum */
    PROTO_MAP,    /* { name: value … } */
    PROTO_LIST,   /* [ value … ] */
    PROTO_OPTION, /* of an option (a).b = v: the option b = v */
} proto_value_kind_t;

typedef struct proto_value proto_value_t;
typedef struct proto_option proto_option_t;

struct proto_value {
    proto_value_kind_t kind;
    str_t text;
    const proto_option_t *item; /* MAP; LIST: without names; OPTION: one */
    size_t n_items;
};

struct proto_option {
    str_t name;
    bool is_extension; /* written in parentheses */
    proto_value_t value;
};

typedef struct proto_options {
    proto_option_t *ptr;
    size_t n;
} proto_options_t;

typedef struct proto_field {
    proto_label_t label;
    str_t type; /* "int32", "a.B", ".a.B", "map<string, a.B>" */
    str_t name;
    int32_t number;
    bool has_fallback, has_json_name;
    str_t fallback, json_name; /* the options default and json_name */
    proto_options_t options;   /* the others */
} proto_field_t;

typedef struct proto_group {
    proto_label_t label;
    str_t name;
    int32_t number;
    proto_field_t *field;
    size_t n_fields;
} proto_group_t;

typedef struct proto_oneof {
    str_t name;
    proto_field_t *field;
    proto_group_t *group;
    size_t n_fields, n_groups;
    proto_options_t options;
} proto_oneof_t;

/* What is reserved, or kept for extensions: a name, a number or a range. */
typedef struct proto_range {
    bool is_name, is_range;
    str_t name;
    int32_t first, last; /* both are in it */
} proto_range_t;

typedef struct proto_ranges {
    proto_range_t *range;
    size_t n;
    proto_options_t options; /* of extensions */
} proto_ranges_t;

typedef struct proto_extend {
    str_t type;
    proto_field_t *field;
    size_t n_fields;
} proto_extend_t;

typedef struct proto_constant {
    str_t name;
    int32_t number;
    proto_options_t options;
} proto_constant_t;

typedef struct proto_type proto_type_t;

/* A message or an enum. */
struct proto_type {
    bool is_enum;
    str_t name;
    proto_options_t options;
    proto_ranges_t *reserved;
    size_t n_reserved;
    proto_constant_t *constant; /* enum */
    size_t n_constants;
    proto_field_t *field; /* message, with all that follows; without those of oneofs */
    proto_oneof_t *oneof;
    proto_group_t *group;
    proto_ranges_t *extension;
    proto_extend_t *extend;
    proto_type_t *type; /* nested */
    size_t n_fields, n_oneofs, n_groups, n_extensions, n_extends, n_types;
};

typedef struct proto_method {
    str_t name, request, response;
    bool streams_request, streams_response;
    proto_options_t options;
} proto_method_t;

typedef struct proto_service {
    str_t name;
    proto_method_t *method;
    size_t n_methods;
    proto_options_t options;
} proto_service_t;

typedef struct proto_file {
    proto_syntax_t syntax;
    str_t package; /* empty: none */
    str_t *import, *public_import, *weak_import;
    size_t n_imports, n_public_imports, n_weak_imports;
    proto_options_t options;
    proto_type_t *type;
    proto_extend_t *extend;
    proto_service_t *service;
    size_t n_types, n_extends, n_services;
} proto_file_t;

#define PROTO_TEXT_MAX  (1 << 20)
#define PROTO_DEPTH_MAX 100

/* Reads text; ST_BAD_INPUT with line and column. ST_TOO_LARGE: more than PROTO_TEXT_MAX bytes or
 * nested deeper than PROTO_DEPTH_MAX. As lenient as the reader that Confluent's registry uses:
 * numbers and names are not compared with one another, options are not looked up. */
ST proto_file_parse(arena_t *a, str_t text, const proto_file_t **ret, err_t *err);
/* Reads a google.protobuf.FileDescriptorProto. ST_BAD_INPUT. */
ST proto_file_decode(arena_t *a, str_t bytes, const proto_file_t **ret, err_t *err);
/* Text, and when it is none a descriptor in base64. */
ST proto_file_read(arena_t *a, str_t text, const proto_file_t **ret, err_t *err);

/* One of the 15 types that are no messages and no enums. */
bool proto_is_scalar(str_t type);
/* The types of "map<key, value>"; false for any other. */
bool proto_is_map(str_t type, str_t *ret_key, str_t *ret_value);
/* The option of this name that is not in parentheses; NULL. */
const proto_option_t *proto_option_find(const proto_options_t *o, const char *name);
/* A message that protoc has made for a map's entries. */
bool proto_is_entry(const proto_type_t *t);
const proto_field_t *proto_field_find(const proto_type_t *t, str_t name);

#endif
