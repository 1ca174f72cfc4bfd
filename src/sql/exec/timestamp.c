#include "sql/exec/timestamp.h"

#include "sql/exec/cast.h"
#include "sql/function/pattern.h"

struct timestamp_format {
    sql_pattern_t pattern;
    sql_zone_t zone; /* UTC, for texts that name none */
    char text[]; /* the pattern points into it */
};

st_t timestamp_format_new(str_t pattern, timestamp_format_t **ret, err_t *err)
{
    timestamp_format_t *f = mem_zalloc(sizeof *f + pattern.len);
    memcpy(f->text, pattern.ptr, pattern.len);
    st_t st = sql_zone_open(STR("UTC"), &f->zone, err);
    if (st == ST_OK)
        st = sql_pattern_read(str_n(f->text, pattern.len), &f->pattern, err);
    if (st != ST_OK) {
        timestamp_format_free(f);
        return st;
    }
    *ret = f;
    return ST_OK;
}

void timestamp_format_free(timestamp_format_t *f)
{
    if (f)
        sql_zone_done(&f->zone);
    free(f);
}

bool timestamp_of(timestamp_format_t *f, data_value_t v, int64_t *ret_ms, err_t *err)
{
    int64_t ms = -1;
    if (v.kind == DATA_BIGINT || v.kind == DATA_TIMESTAMP)
        ms = v.i64;
    else if (v.kind == DATA_STRING && f &&
             sql_pattern_parse(&f->pattern, data_str(v), &f->zone, &ms, err) != ST_OK)
        return false;
    else if (v.kind == DATA_STRING && !f && cast_text_to_timestamp(data_str(v), &ms, err) != ST_OK)
        return false;
    if (ms < 0) {
        err_set_at(err, ST_BAD_INPUT, __FILE__, __LINE__,
                   "the timestamp column is null or before 1970");
        return false;
    }
    *ret_ms = ms;
    return true;
}
