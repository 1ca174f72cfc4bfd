#include "registry/difference.h"

#include "base/buf.h"

str_t difference_text(arena_t *a, const char *name, const char *message, str_t path,
                      const char *reader, const char *writer, const char *end)
{
    buf_t b = BUF_INIT;
    buf_printf(&b, "{errorType:\"%s\", description:\"", name);
    for (const char *p = message; *p; p++) {
        if (*p != '$') {
            buf_put_char(&b, *p);
            continue;
        }
        p++;
        buf_put_str(&b, *p == 'P' ? path : str_of(*p == 'R' ? reader : writer));
    }
    buf_put_str(&b, str_of(end));
    str_t text = arena_str(a, buf_str(&b));
    buf_done(&b);
    return text;
}
