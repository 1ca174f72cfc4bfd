/* json.h: JSON text to a tree in an arena, and writers.
 *
 * The reader is strict (RFC 8259): UTF-8 is checked, one value, nothing behind it. For files that
 * people write it can be told to skip comments and trailing commas. Members keep their order; a
 * name given twice is kept twice and json_get finds the last. A half surrogate becomes U+FFFD.
 */
#ifndef ARUS_BASE_JSON_H
#define ARUS_BASE_JSON_H

#include "base/buf.h"

typedef enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_kind_t;

typedef struct json_value json_value_t;

struct json_value {
    json_kind_t kind;
    bool b;            /* BOOL */
    bool is_i64;       /* NUMBER: written without fraction and exponent, and fits: i64 holds it */
    size_t n;          /* ARRAY: items; OBJECT: members */
    size_t at_bytes;   /* where it starts in the text */
    int64_t i64;       /* NUMBER */
    str_t text;        /* STRING: its characters, unescaped; NUMBER: as it was written */
    const str_t *name; /* OBJECT: n names */
    const json_value_t *item; /* ARRAY, OBJECT: n values */
};

enum {
    JSON_LENIENT = 1,  /* skip line and block comments and trailing commas */
    JSON_COMMENTS = 2, /* skip comments */
};

#define JSON_DEPTH_MAX 500

/* All of text is one value. Strings without escapes and numbers point into text. ST_BAD_INPUT with
 * line and column, or ST_TOO_LARGE when it nests deeper than JSON_DEPTH_MAX or passes the arena's
 * limit. */
ST json_parse(arena_t *a, str_t text, unsigned flags, const json_value_t **ret, err_t *err);
/* One value at the front of [*p, end), white space before it skipped; moves *p behind it. */
ST json_read(arena_t *a, const char **p, const char *end, unsigned flags, json_value_t *ret,
             err_t *err);

/* The last member of this exact name; NULL when there is none or o is NULL or no object. */
const json_value_t *json_get(const json_value_t *o, const char *name);
const json_value_t *json_get_str(const json_value_t *o, str_t name);
/* The string member of this name, or `otherwise`. */
str_t json_get_text(const json_value_t *o, const char *name, str_t otherwise);
int64_t json_get_i64(const json_value_t *o, const char *name, int64_t otherwise);
bool json_get_bool(const json_value_t *o, const char *name, bool otherwise);
/* The number as a double; 0 for what is no number. */
double json_f64(const json_value_t *v);

/* A quoted string. Escaped are quote, backslash, what is below U+0020, and the line ends U+0085,
 * U+2028, U+2029, so that a value never breaks a line whatever the reader counts as one. */
void json_put_str(buf_t *b, str_t s);
/* The same without the last three: as Jackson writes it, for records whose bytes are compared with
 * its. */
void json_put_str_jackson(buf_t *b, str_t s);
/* `"name":`, after a comma unless it is the first member of its object. */
void json_put_name(buf_t *b, const char *name);
void json_put_name_str(buf_t *b, str_t name);
/* A comma, unless this is the first item of its array. */
void json_put_item(buf_t *b);
/* Name and value of a member. */
void json_put_member_str(buf_t *b, const char *name, str_t s);
void json_put_member_i64(buf_t *b, const char *name, int64_t v);
void json_put_member_bool(buf_t *b, const char *name, bool v);
void json_put_bool(buf_t *b, bool v);
/* The tree, compact; numbers as they were written. */
void json_put_value(buf_t *b, const json_value_t *v);

#endif
