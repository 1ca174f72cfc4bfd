#include "connect/connector.h"

str_t connector_get(const connector_config_t *c, const char *name, str_t otherwise)
{
    for (size_t i = 0; i < c->n_options; i++)
        if (str_eq_nocase(c->option[i].name, str_of(name)))
            return c->option[i].value;
    return otherwise;
}

st_t connector_get_i64(const connector_config_t *c, const char *name, int64_t otherwise,
                       int64_t min, int64_t max, int64_t *ret, err_t *err)
{
    str_t v = connector_get(c, name, STR_NONE);
    int64_t n = otherwise;
    if (v.ptr && (!str_to_i64(str_trim(v), &n) || n < min || n > max))
        return err_set(err, ST_BAD_CONFIG,
                       "%s must be a whole number from %lld to %lld, not '" STR_FMT "'", name,
                       (long long)min, (long long)max, STR_ARG(v));
    *ret = n;
    return ST_OK;
}

st_t connector_get_bool(const connector_config_t *c, const char *name, bool otherwise, bool *ret,
                        err_t *err)
{
    str_t v = connector_get(c, name, STR_NONE);
    bool b = otherwise;
    if (v.ptr && !str_to_bool(str_trim(v), &b))
        return err_set(err, ST_BAD_CONFIG, "%s must be true or false, not '" STR_FMT "'", name,
                       STR_ARG(v));
    *ret = b;
    return ST_OK;
}

st_t connector_get_ms(const connector_config_t *c, const char *name, int64_t otherwise,
                      int64_t *ret, err_t *err)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    str_t v = connector_get(c, name, STR_NONE);
    int64_t n = 0;
    size_t digits = 0;
    if (!v.ptr) {
        *ret = otherwise;
        return ST_OK;
    }
    v = str_trim(v);
    while (digits < v.len && v.ptr[digits] >= '0' && v.ptr[digits] <= '9')
        digits++;
    if (digits <= 10 && str_to_i64(str_sub(v, 0, digits), &n))
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (str_eq(str_sub(v, digits, v.len), str_of(units[i].unit))) {
                *ret = n * units[i].ms;
                return ST_OK;
            }
    return err_set(err, ST_BAD_CONFIG,
                   "%s must be a duration such as 5s or 200ms, not '" STR_FMT "'", name,
                   STR_ARG(v));
}
