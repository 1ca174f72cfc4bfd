#include "format/proto_descriptor.h"

const proto_known_option_t proto_known_options[] = {
    {PROTO_OF_FILE, 1, "java_package", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 8, "java_outer_classname", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 9, "optimize_for", PROTO_WORD, "- SPEED CODE_SIZE LITE_RUNTIME"},
    {PROTO_OF_FILE, 10, "java_multiple_files", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FILE, 11, "go_package", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 16, "cc_generic_services", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FILE, 17, "java_generic_services", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FILE, 18, "py_generic_services", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FILE, 20, "java_generate_equals_and_hash", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FILE, 23, "deprecated", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FILE, 27, "java_string_check_utf8", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FILE, 31, "cc_enable_arenas", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FILE, 36, "objc_class_prefix", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 37, "csharp_namespace", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 39, "swift_prefix", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 40, "php_class_prefix", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 41, "php_namespace", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 44, "php_metadata_namespace", PROTO_STRING, NULL},
    {PROTO_OF_FILE, 45, "ruby_package", PROTO_STRING, NULL},
    {PROTO_OF_MESSAGE, 2, "no_standard_descriptor_accessor", PROTO_BOOLEAN, NULL},
    {PROTO_OF_MESSAGE, 3, "deprecated", PROTO_BOOLEAN, NULL},
    {PROTO_OF_MESSAGE, 7, "map_entry", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FIELD, 1, "ctype", PROTO_WORD, "STRING CORD STRING_PIECE"},
    {PROTO_OF_FIELD, 2, "packed", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FIELD, 3, "deprecated", PROTO_BOOLEAN, NULL},
    {PROTO_OF_FIELD, 6, "jstype", PROTO_WORD, "JS_NORMAL JS_STRING JS_NUMBER"},
    {PROTO_OF_FIELD, 16, "debug_redact", PROTO_BOOLEAN, NULL},
    {PROTO_OF_ENUM, 2, "allow_alias", PROTO_BOOLEAN, NULL},
    {PROTO_OF_ENUM, 3, "deprecated", PROTO_BOOLEAN, NULL},
    {PROTO_OF_CONSTANT, 1, "deprecated", PROTO_BOOLEAN, NULL},
    {PROTO_OF_CONSTANT, 3, "debug_redact", PROTO_BOOLEAN, NULL},
    {PROTO_OF_SERVICE | PROTO_OF_METHOD, 33, "deprecated", PROTO_BOOLEAN, NULL},
    {PROTO_OF_METHOD, 34, "idempotency_level", PROTO_WORD,
     "IDEMPOTENCY_UNKNOWN NO_SIDE_EFFECTS IDEMPOTENT"},
    {0, 0, "", PROTO_STRING, NULL},
};

const char *const proto_type_words =
    "- double float int64 uint64 int32 fixed64 fixed32 bool string "
    "group message bytes uint32 enum sfixed32 sfixed64 sint32 "
    "sint64";

bool proto_word_number(const char *words, str_t word, uint64_t *ret)
{
    str_t rest = str_of(words), w;
    for (uint64_t i = 0; str_split(&rest, ' ', &w); i++)
        if (str_eq(w, word)) {
            *ret = i;
            return true;
        }
    return false;
}

bool proto_number_word(const char *words, uint64_t number, str_t *ret)
{
    str_t rest = str_of(words);
    for (uint64_t i = 0; str_split(&rest, ' ', ret); i++)
        if (i == number)
            return true;
    return false;
}

static const proto_meta_field_t params[] = {
    {1, "key", false, NULL}, {2, "value", false, NULL}, {0, "", false, NULL}};
static const proto_meta_field_t rules[] = {{1, "name", false, NULL},
                                           {2, "doc", false, NULL},
                                           {3, "expr", false, NULL},
                                           {4, "sql", false, NULL},
                                           {0, "", false, NULL}};

const proto_meta_field_t proto_meta_fields[] = {{1, "doc", false, NULL},
                                                {2, "params", true, params},
                                                {3, "tags", true, NULL},
                                                {4, "rules", true, rules},
                                                {0, "", false, NULL}};

str_t proto_meta_name(unsigned of)
{
    static const struct {
        unsigned of;
        const char *name;
    } names[] = {{PROTO_OF_FILE, "confluent.file_meta"},
                 {PROTO_OF_MESSAGE, "confluent.message_meta"},
                 {PROTO_OF_FIELD, "confluent.field_meta"},
                 {PROTO_OF_ENUM, "confluent.enum_meta"},
                 {PROTO_OF_CONSTANT, "confluent.enum_value_meta"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].of == of)
            return str_of(names[i].name);
    return STR("");
}
