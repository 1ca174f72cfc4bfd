/* proto_writer.h: what the writers of .proto text share. Private to format/proto_*.c. */
#ifndef ARUS_FORMAT_PROTO_WRITER_H
#define ARUS_FORMAT_PROTO_WRITER_H

#include "format/proto_text.h"

typedef struct proto_writer {
    buf_t *b;
    arena_t *arena;       /* of options that are written otherwise than they stand */
    int depth;            /* a line begins with two spaces for each */
    bool in_line;         /* something stands in the line already */
    bool plain;           /* without extensions */
    proto_scope_t *scope; /* normalized; NULL: as it was written */
    str_t within;         /* the message that is being written */
    st_t st;              /* the first failure; it stays */
    err_t *err;
} proto_writer_t;

/* Text in which a newline ends the line. */
void proto_write(proto_writer_t *w, str_t text);
void proto_write_z(proto_writer_t *w, const char *text);
void proto_writef(proto_writer_t *w, const char *fmt, ...) PRINTF(2);

/* Those of the options that are written, as they are written. */
proto_options_t proto_write_filter(proto_writer_t *w, const proto_options_t *o);
/* `a = 1`. */
void proto_write_option(proto_writer_t *w, const proto_option_t *o);
/* ` [a = 1]`, nothing for none. They have been filtered. */
void proto_write_brackets(proto_writer_t *w, const proto_options_t *o);

#endif
