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
