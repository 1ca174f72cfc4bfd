/* proto_option.h: reading options and ranges. Private to format/proto_*.c. */
#ifndef ARUS_FORMAT_PROTO_OPTION_H
#define ARUS_FORMAT_PROTO_OPTION_H

#include "format/proto_file.h"
#include "format/proto_lex.h"

/* `name = value`, behind the word "option" or in brackets. */
ST proto_option_parse(proto_lex_t *l, proto_option_t *ret);
/* `[a = 1, …]`, if there is one; appended. */
ST proto_options_parse(proto_lex_t *l, proto_options_t *to);

/* What follows `reserved`, which takes names too, or `extensions`, which takes options. */
ST proto_ranges_parse(proto_lex_t *l, bool names, proto_ranges_t *ret);
/* A string that names something: it stands in the text as it is, so it may hold no quotes. */
ST proto_quoted_name_parse(proto_lex_t *l, str_t *ret);

/* Room for one more in a list in the arena that has n; gives where the list is now. */
void *proto_grow(arena_t *a, void *list, size_t n, size_t size);
#define PROTO_PUSH(a, list, n, ...)                                                                \
    ((list) = proto_grow((a), (list), (n), sizeof *(list)), (list)[(n)++] = (__VA_ARGS__))

#endif
