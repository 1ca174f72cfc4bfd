#include "tool/flags.h"

#include "base/properties.h"
#include "io/text.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1u << 20)

static void print_help(const flag_t *table, const char *tool, FILE *out)
{
    fprintf(out, "usage: %s [--flag [VALUE]]...\n\n", tool);
    for (const flag_t *f = table; f->name; f++) {
        char left[80];
        snprintf(left, sizeof left, "--%s%s%s", f->name, f->value ? " " : "",
                 f->value ? f->value : "");
        fprintf(out, "  %-42s %s\n", left, f->help);
    }
}

static const flag_t *find(const flag_t *table, str_t name)
{
    for (const flag_t *f = table; f->name; f++)
        if (str_eq(name, str_of(f->name)))
            return f;
    return NULL;
}

static bool wrong(const char *tool, const char *what, const char *arg, int *ret_exit)
{
    fprintf(stderr, "%s: %s '%s' (see %s --help)\n", tool, what, arg, tool);
    *ret_exit = 2;
    return false;
}

/* Kafka calls the text of kafka-transactions "table". */
static bool is_format(str_t s, const char *tool, int *ret_exit)
{
    if (!s.ptr || str_eq_nocase(s, STR("json")) || str_eq_nocase(s, STR("text")) ||
        str_eq_nocase(s, STR("table")))
        return true;
    return wrong(tool, "--output is text or json, not", s.ptr, ret_exit);
}

bool flags_read(flags_t *f, const flag_t *table, const char *tool, int argc, char **argv,
                int *ret_exit)
{
    *f = (flags_t){.flag = table};
    for (int i = 1; i < argc; i++) {
        str_t arg = str_of(argv[i]), name, value = arg;
        if (!str_starts(arg, STR("--")))
            return wrong(tool, "not a flag:", argv[i], ret_exit);
        value = str_sub(arg, 2, SIZE_MAX);
        str_t rest = value;
        bool equals = str_split(&rest, '=', &name) && name.len < value.len;
        const flag_t *flag = find(table, name);
        if (!flag)
            return wrong(tool, "there is no flag", argv[i], ret_exit);
        if (flag->value && !equals && i + 1 == argc)
            return wrong(tool, "a value must follow", argv[i], ret_exit);
        if (f->n_given == sizeof f->given / sizeof *f->given)
            return wrong(tool, "too many flags:", argv[i], ret_exit);
        f->given[f->n_given].flag = flag;
        f->given[f->n_given++].value = !flag->value ? STR("") : equals ? rest : str_of(argv[++i]);
    }
    *ret_exit = 0;
    if (flags_has(f, "help"))
        print_help(table, tool, stdout);
    else if (flags_has(f, "version"))
        puts("arus " ARUS_VERSION);
    else
        return is_format(flags_get(f, "output"), tool, ret_exit);
    return false;
}

bool flags_has(const flags_t *f, const char *name)
{
    return flags_get(f, name).ptr != NULL;
}

str_t flags_get(const flags_t *f, const char *name)
{
    for (size_t i = f->n_given; i-- > 0;)
        if (!strcmp(f->given[i].flag->name, name))
            return f->given[i].value;
    return STR_NONE;
}

str_t flags_nth(const flags_t *f, const char *name, size_t n)
{
    for (size_t i = 0; i < f->n_given; i++)
        if (!strcmp(f->given[i].flag->name, name) && n-- == 0)
            return f->given[i].value;
    return STR_NONE;
}

ST flags_i64(const flags_t *f, const char *name, int64_t otherwise, int64_t min, int64_t max,
             int64_t *ret, err_t *err)
{
    str_t text = flags_get(f, name);
    int64_t n = otherwise;
    if (text.ptr && (!str_to_i64(text, &n) || n < min || n > max))
        return err_set(err, ST_BAD_INPUT, "--%s is '" STR_FMT "': a number from %lld to %lld", name,
                       STR_ARG(text), (long long)min, (long long)max);
    *ret = n;
    return ST_OK;
}

size_t flags_count(const flags_t *f, const char *const *names)
{
    size_t n = 0;
    for (; *names; names++)
        n += flags_has(f, *names);
    return n;
}

ST flags_properties(str_t path, arena_t *a,
                    st_t (*fn)(void *arg, arena_t *a, str_t name, str_t value, err_t *err),
                    void *arg, err_t *err)
{
    properties_t p = {.path = path};
    str_t name, value;
    TRY(io_text_read(a, path, FILE_BYTES_MAX, &p.left, err));
    for (;;) {
        TRY(properties_next(&p, a, &name, &value, err));
        if (!name.ptr)
            return ST_OK;
        TRY(fn(arg, a, name, value, err));
    }
}
