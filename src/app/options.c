#include "app/options.h"

#include "base/properties.h"
#include "io/text.h"

#define FILE_BYTES_MAX (1u << 20)

void options_init(options_t *o)
{
    *o = (options_t){.dir = STR(".")};
    arena_init(&o->arena, ARENA_NO_LIMIT);
}

void options_done(options_t *o)
{
    VEC_DONE(&o->list);
    arena_done(&o->arena);
}

static void put(options_t *o, str_t name, str_t value)
{
    VEC_PUSH(&o->list, (option_t){arena_str(&o->arena, name),
                                  value.len ? arena_str(&o->arena, value) : STR("")});
}

st_t options_read_file(options_t *o, const char *path, err_t *err)
{
    properties_t p = {.path = str_of(path)};
    str_t name, value;
    TRY(io_text_read(&o->arena, p.path, FILE_BYTES_MAX, &p.left, err));
    const char *slash = strrchr(path, '/');
    o->file = arena_str(&o->arena, p.path);
    if (slash)
        o->dir = arena_str(&o->arena, str_n(path, slash == path ? 1 : (size_t)(slash - path)));
    for (;;) {
        TRY(properties_next(&p, &o->arena, &name, &value, err));
        if (!name.ptr)
            return ST_OK;
        VEC_PUSH(&o->list, (option_t){name, value});
    }
}

/* KSQL_KSQL_SERVICE_ID → ksql.service.id: one underscore is a point, two an underscore, three a
 * dash. */
static str_t property_name(arena_t *a, str_t s)
{
    char *p = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        size_t run = 0;
        while (i + run < s.len && s.ptr[i + run] == '_')
            run++;
        if (run) {
            p[n++] = run >= 3 ? '-' : run == 2 ? '_' : '.';
            i += run - 1;
        } else {
            p[n++] = str_lower_char(s.ptr[i]);
        }
    }
    return str_n(p, n);
}

void options_read_environment(options_t *o, char **environ)
{
    static const char *const prefixes[] = {"KSQL_", "KAFKA_", "SCHEMA_REGISTRY_", "ARUS_"};
    for (char **e = environ; *e; e++) {
        str_t entry = str_of(*e), name;
        str_t rest = entry;
        if (!str_split(&rest, '=', &name))
            continue;
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
            str_t prefix = str_of(prefixes[i]);
            if (!str_starts(name, prefix))
                continue;
            str_t bare = property_name(&o->arena, str_sub(name, i == 3 ? 0 : prefix.len, name.len));
            put(o, bare, rest);
        }
    }
}

st_t options_set(options_t *o, str_t assignment, err_t *err)
{
    ptrdiff_t at = str_find_char(assignment, '=');
    if (at <= 0)
        return err_set(err, ST_BAD_CONFIG, "-D expects name=value, got '" STR_FMT "'",
                       STR_ARG(assignment));
    put(o, str_sub(assignment, 0, (size_t)at), str_sub(assignment, (size_t)at + 1, assignment.len));
    return ST_OK;
}

str_t options_get(const options_t *o, const char *name, str_t otherwise)
{
    for (size_t i = o->list.len; i-- > 0;)
        if (str_eq_nocase(o->list.ptr[i].name, str_of(name)))
            return o->list.ptr[i].value;
    return otherwise;
}

st_t options_i64(const options_t *o, const char *name, int64_t otherwise, int64_t min, int64_t max,
                 int64_t *ret, err_t *err)
{
    str_t s = options_get(o, name, STR_NONE);
    int64_t v = otherwise;
    if (s.ptr && (!str_to_i64(s, &v) || v < min || v > max))
        return err_set(err, ST_BAD_CONFIG,
                       "%s must be a whole number from %lld to %lld, not '" STR_FMT "'", name,
                       (long long)min, (long long)max, STR_ARG(s));
    *ret = v;
    return ST_OK;
}

st_t options_bool(const options_t *o, const char *name, bool otherwise, bool *ret, err_t *err)
{
    str_t s = options_get(o, name, STR_NONE);
    bool b = otherwise;
    if (s.ptr && !str_to_bool(s, &b))
        return err_set(err, ST_BAD_CONFIG, "%s must be true or false, not '" STR_FMT "'", name,
                       STR_ARG(s));
    *ret = b;
    return ST_OK;
}

bool options_duration(str_t s, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    size_t n = 0;
    int64_t v;
    while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
        n++;
    if (!n || n > 12 || !str_to_i64(str_sub(s, 0, n), &v))
        return false;
    for (size_t i = 0; i < 5; i++)
        if (str_eq(str_sub(s, n, s.len), str_of(units[i].unit))) {
            *ret_ms = v * units[i].ms;
            return true;
        }
    return false;
}
