/* lines.h: a program that answers each line of its input by one line. */
#ifndef ARUS_TEST_TOOLS_LINES_H
#define ARUS_TEST_TOOLS_LINES_H

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"

/* answer appends to out, without a line end; its arena is gone with the line. */
static inline int lines_answer(void (*answer)(arena_t *a, str_t line, buf_t *out))
{
    char *line = NULL;
    size_t cap = 0;
    buf_t out = BUF_INIT;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        arena_t a;
        arena_init(&a, ARENA_NO_LIMIT);
        buf_clear(&out);
        answer(&a, str_n(line, (size_t)n), &out);
        buf_put_char(&out, '\n');
        fwrite(out.ptr, 1, out.len, stdout);
        fflush(stdout);
        arena_done(&a);
    }
    buf_done(&out);
    free(line);
    return 0;
}

#endif
