/* json_text.h: JSON text straight to typed values, in one pass and without a tree. Private to
 * format/.
 *
 * Conversions are ksqlDB's: numbers from numbers and from text that is one, STRING from anything,
 * BOOLEAN only from true and false. Text without escapes stays where it is.
 */
#ifndef ARUS_FORMAT_JSON_TEXT_H
#define ARUS_FORMAT_JSON_TEXT_H

#include "format/format.h"

/* Where in the value a reader is, for messages: $.A[0].B. */
typedef struct json_path {
    const struct json_path *up;
    str_t name; /* of a member, or */
    size_t index;
} json_path_t;

typedef struct json_in {
    const char *start, *at, *end;
    arena_t *arena;
    int depth;
    err_t *err;
} json_in_t;

/* A member's name: moves behind its colon. Text may be in the arena. */
ST json_in_name(json_in_t *in, str_t *ret);
void json_in_space(json_in_t *in);
/* The value at in->at as type t. */
ST json_in_value(json_in_t *in, const data_type_t *t, const json_path_t *path, data_value_t *ret);
/* Checks and passes a value. */
ST json_in_skip(json_in_t *in);
/* ST_CORRUPT with the byte's position. */
st_t json_in_bad(json_in_t *in, const char *what);
/* ST_CORRUPT: what stands at in->at cannot become `required`. */
st_t json_in_mismatch(json_in_t *in, const char *required, const json_path_t *path);

/* How well a member's name names a column: 2 exactly, 1 when its upper case does, 0 not. */
static inline int json_name_rank(str_t column, str_t name)
{
    if (column.len != name.len)
        return 0;
    if (memcmp(column.ptr, name.ptr, name.len) == 0)
        return 2;
    for (size_t i = 0; i < name.len; i++)
        if (column.ptr[i] != str_upper_char(name.ptr[i]))
            return 0;
    return 1;
}

/* A value as the JSON text ksqlDB writes: temporal values as numbers, BYTES as base64. */
void json_text_put(buf_t *b, data_value_t v, const data_type_t *t);

#endif
