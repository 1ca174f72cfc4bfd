#include "sql/exec/timestamp.h"

#include "sql/exec/cast.h"

struct timestamp_format {
    int unused;
};

st_t timestamp_format_new(str_t pattern, timestamp_format_t **ret, err_t *err)
{
    (void)ret;
    return err_set(err, ST_UNSUPPORTED, "TIMESTAMP_FORMAT '" STR_FMT "' is not run yet",
                   STR_ARG(pattern));
}

void timestamp_format_free(timestamp_format_t *f)
{
    free(f);
}

bool timestamp_of(timestamp_format_t *f, data_value_t v, int64_t *ret_ms, err_t *err)
{
    (void)f;
    int64_t ms = -1;
    if (v.kind == DATA_BIGINT || v.kind == DATA_TIMESTAMP)
        ms = v.i64;
    else if (v.kind == DATA_STRING && cast_text_to_timestamp(data_str(v), &ms, err) != ST_OK)
        return false;
    if (ms < 0) {
        err_set_at(err, ST_BAD_INPUT, __FILE__, __LINE__,
                   "the timestamp column is null or before 1970");
        return false;
    }
    *ret_ms = ms;
    return true;
}
