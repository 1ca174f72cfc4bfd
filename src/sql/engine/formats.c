/* formats.c: the formats that a CREATE's WITH and the properties name. */
#include "sql/engine/internal.h"

static ST default_format(engine_run_t *r, const char *property, const char *with, format_id_t *ret,
                         err_t *err)
{
    str_t v = engine_property(r->e, r->session, str_of(property));
    if (!v.len)
        return BAD("Statement is missing the '%s' property from the WITH clause. Either provide "
                   "one or set a default "
                   "via the '%s' config.",
                   with, property);
    if (!format_by_name(v, ret))
        return BAD("Unknown format: " STR_FMT, STR_ARG(v));
    return ST_OK;
}

static ST check_delimiter(const plan_format_t *f, str_t given, err_t *err)
{
    if (given.ptr && f->id != FORMAT_DELIMITED)
        return BAD("%s does not support the following configs: [delimiter]", format_name(f->id));
    return ST_OK;
}

static ST check_full_name(const plan_format_t *f, str_t given, err_t *err)
{
    if (!given.ptr)
        return ST_OK;
    if (!(format_features(f->id) & FORMAT_USES_REGISTRY))
        return BAD("%s does not support the following configs: [fullSchemaName]",
                   format_name(f->id));
    if (!str_trim(given).len)
        return BAD("fullSchemaName cannot be empty. Format configuration: {fullSchemaName=" STR_FMT
                   "}",
                   STR_ARG(given));
    return ST_OK;
}

static ST wrapping(engine_run_t *r, const with_t *w, size_t n_values, plan_format_t *f, err_t *err)
{
    unsigned can = format_features(f->id);
    if (w->wrap >= 0) {
        if (n_values > 1)
            return BAD("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas");
        if (!(can & (w->wrap ? FORMAT_WRAPS : FORMAT_UNWRAPS)))
            return BAD("Format '%s' does not support 'WRAP_SINGLE_VALUE' set to '%s'.",
                       format_name(f->id), w->wrap ? "true" : "false");
        f->wrap = w->wrap;
        return ST_OK;
    }
    str_t v = engine_property(r->e, r->session, STR("ksql.persistence.wrap.single.values"));
    bool wrap = true;
    if (v.len)
        str_to_bool(v, &wrap);
    f->wrap = n_values > 1 ? (can & FORMAT_WRAPS) != 0
                           : (wrap && can & FORMAT_WRAPS) || !(can & FORMAT_UNWRAPS);
    return ST_OK;
}

st_t engine_formats(engine_run_t *r, const with_t *w, const catalog_source_t *inherit,
                    size_t n_keys, size_t n_values, plan_format_t *ret_key,
                    plan_format_t *ret_value, err_t *err)
{
    plan_format_t key = {0}, value = {0};
    if (w->has_value_format)
        value.id = w->value_format;
    else if (inherit)
        value = inherit->value_format;
    else
        TRY(default_format(r, "ksql.persistence.default.format.value", "VALUE_FORMAT", &value.id,
                           err));
    str_t default_key =
        engine_property(r->e, r->session, STR("ksql.persistence.default.format.key"));
    format_id_t plain_key = FORMAT_KAFKA;
    if (default_key.len && !format_by_name(default_key, &plain_key))
        return BAD("Unknown format: " STR_FMT, STR_ARG(default_key));
    if (w->has_key_format)
        key.id = w->key_format;
    else if (inherit && inherit->key_format.id != FORMAT_NONE)
        key = inherit->key_format;
    else
        key.id = plain_key;
    if (!n_keys && !w->has_key_format)
        key.id = FORMAT_NONE;
    if (w->has_value_format || !inherit || value.id != FORMAT_DELIMITED)
        value.delimiter = 0;
    TRY(check_delimiter(&value, w->value_delimiter, err));
    TRY(check_delimiter(&key, w->key_delimiter, err));
    TRY(with_delimiter(w->value_delimiter, "VALUE_DELIMITER", &value.delimiter, err));
    TRY(with_delimiter(w->key_delimiter, "KEY_DELIMITER", &key.delimiter, err));
    TRY(check_full_name(&value, w->value_full_name, err));
    TRY(check_full_name(&key, w->key_full_name, err));
    if (w->value_full_name.ptr)
        value.full_name = w->value_full_name;
    else if (value.id == FORMAT_AVRO || w->has_value_format)
        value.full_name = STR_NONE;
    if (w->key_full_name.ptr)
        key.full_name = w->key_full_name;
    if (w->value_schema_id && !(format_features(value.id) & FORMAT_INFERS))
        return BAD("VALUE_FORMAT should support schema inference when VALUE_SCHEMA_ID is provided. "
                   "Current format is %s.",
                   format_name(value.id));
    if (w->key_schema_id && !(format_features(key.id) & FORMAT_INFERS))
        return BAD("KEY_FORMAT should support schema inference when KEY_SCHEMA_ID is provided. "
                   "Current format is %s.",
                   format_name(key.id));
    value.schema_id = (int32_t)w->value_schema_id;
    key.schema_id = (int32_t)w->key_schema_id;
    TRY(wrapping(r, w, n_values, &value, err));
    key.wrap = n_keys > 1;
    value.nullable_optional = str_eq_nocase(w->value_nullable, STR("OPTIONAL"));
    value.nullable_wrapper = str_eq_nocase(w->value_nullable, STR("WRAPPER"));
    key.nullable_optional = str_eq_nocase(w->key_nullable, STR("OPTIONAL"));
    key.nullable_wrapper = str_eq_nocase(w->key_nullable, STR("WRAPPER"));
    *ret_key = key;
    *ret_value = value;
    return ST_OK;
}

st_t engine_check_format(engine_run_t *r, const plan_format_t *f, data_columns_t columns,
                         bool is_key, err_t *err)
{
    if (f->id == FORMAT_NONE && is_key && columns.len) {
        buf_t b = BUF_INIT;
        for (size_t i = 0; i < columns.len; i++)
            buf_printf(&b, "%s`" STR_FMT "` " STR_FMT " KEY", i ? ", " : "",
                       STR_ARG(columns.ptr[i].name),
                       STR_ARG(data_type_text(r->scratch, columns.ptr[i].type)));
        st_t st = BAD(
            "The 'NONE' format can only be used when no columns are defined. Got: [" STR_FMT "]",
            STR_ARG(buf_str(&b)));
        buf_done(&b);
        return st;
    }
    if (!columns.len)
        return ST_OK;
    return format_check(f->id, columns, is_key, err);
}
