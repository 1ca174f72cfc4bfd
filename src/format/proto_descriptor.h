/* proto_descriptor.h: what writing and reading a google.protobuf.FileDescriptorProto share. Private
 * to format/proto_*.c. Which number holds what is said beside each function that writes it. */
#ifndef ARUS_FORMAT_PROTO_DESCRIPTOR_H
#define ARUS_FORMAT_PROTO_DESCRIPTOR_H

#include "format/proto_option.h"

/* What an option may stand in. */
enum {
    PROTO_OF_FILE = 1,
    PROTO_OF_MESSAGE = 2,
    PROTO_OF_FIELD = 4,
    PROTO_OF_ENUM = 8,
    PROTO_OF_CONSTANT = 16,
    PROTO_OF_SERVICE = 32,
    PROTO_OF_METHOD = 64
};

/* An option that descriptor.proto knows. */
typedef struct proto_known_option {
    unsigned of; /* a set of PROTO_OF_… */
    uint32_t number;
    const char *name;
    proto_value_kind_t kind;
    const char *words; /* of an enum: from 0 on, a space between them */
} proto_known_option_t;

/* In the order of their numbers; the last has the number 0. */
extern const proto_known_option_t proto_known_options[];

/* Types by their number in FieldDescriptorProto, a space between them. */
extern const char *const proto_type_words;
enum { PROTO_TYPE_MESSAGE = 11, PROTO_TYPE_ENUM = 14 };

/* The number of a word among words. */
bool proto_word_number(const char *words, str_t word, uint64_t *ret);
/* The word of a number. */
bool proto_number_word(const char *words, uint64_t number, str_t *ret);

/* Confluent's own options hold a message Meta: its fields and those of the messages inside. */
typedef struct proto_meta_field {
    uint32_t number;
    const char *name;
    bool repeated;
    const struct proto_meta_field *inside; /* NULL: text */
} proto_meta_field_t;

#define PROTO_META_NUMBER 1088
extern const proto_meta_field_t proto_meta_fields[]; /* the last has the number 0 */
/* The name of the option with Meta in such a place; empty: there is none. */
str_t proto_meta_name(unsigned of);

#endif
