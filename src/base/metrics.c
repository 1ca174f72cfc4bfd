#include "base/metrics.h"

void metrics_family(buf_t *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_label(buf_t *b, str_t value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '"' || c == '\\')
            buf_put_char(b, '\\');
        buf_put_str(b, c == '\n' ? STR("\\n") : str_n(&c, 1));
    }
}
