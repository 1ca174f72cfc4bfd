/* Functions of dates and times. */
#include "base/civil.h"
#include "sql/function/fn.h"
#include "sql/function/pattern.h"

#include <stdlib.h>

/* What a call site keeps: the last pattern and zones, read. */
typedef struct site {
    char *pattern_text;
    size_t pattern_len;
    sql_pattern_t pattern;
    char *zone_name[2];
    sql_zone_t zone[2];
} site_t;

static void site_free(void *state)
{
    site_t *s = state;
    free(s->pattern_text);
    for (size_t i = 0; i < 2; i++) {
        free(s->zone_name[i]);
        sql_zone_done(&s->zone[i]);
    }
    free(s);
}

static site_t *site_of(sql_fn_call_t *call)
{
    if (!*call->state) {
        *call->state = mem_zalloc(sizeof(site_t));
        *call->state_free = site_free;
    }
    return *call->state;
}

static st_t pattern_of(sql_fn_call_t *call, data_value_t arg, const sql_pattern_t **ret, err_t *err)
{
    site_t *s = site_of(call);
    str_t text = data_str(arg);
    if (!s->pattern_text || !str_eq(str_n(s->pattern_text, s->pattern_len), text)) {
        char *copy = mem_z(text);
        sql_pattern_t p;
        st_t st = sql_pattern_read(str_n(copy, text.len), &p, err);
        if (st != ST_OK) {
            free(copy);
            return st;
        }
        free(s->pattern_text);
        s->pattern_text = copy;
        s->pattern_len = text.len;
        s->pattern = p;
    }
    *ret = &s->pattern;
    return ST_OK;
}

static st_t zone_of(sql_fn_call_t *call, size_t which, str_t name, const sql_zone_t **ret,
                    err_t *err)
{
    site_t *s = site_of(call);
    if (!s->zone_name[which] || !str_eq(str_of(s->zone_name[which]), name)) {
        sql_zone_t z;
        TRY(sql_zone_open(name, &z, err));
        sql_zone_done(&s->zone[which]);
        free(s->zone_name[which]);
        s->zone[which] = z;
        s->zone_name[which] = mem_z(name);
    }
    *ret = &s->zone[which];
    return ST_OK;
}

/* Writes ms by the pattern in args[1], in the zone in args[2] or UTC. */
static st_t format(sql_fn_call_t *call, const data_value_t *args, int64_t ms, data_value_t *ret,
                   err_t *err)
{
    const sql_pattern_t *p;
    const sql_zone_t *z;
    TRY(pattern_of(call, args[1], &p, err));
    TRY(zone_of(call, 0, call->n_args > 2 ? data_str(args[2]) : STR("UTC"), &z, err));
    buf_t b = BUF_INIT;
    st_t st = sql_pattern_format(&b, p, ms, z, err);
    if (st == ST_OK)
        *ret = data_of_str(arena_str(call->arena, buf_str(&b)));
    buf_done(&b);
    return st;
}

static st_t parse(sql_fn_call_t *call, const data_value_t *args, int64_t *ret, err_t *err)
{
    const sql_pattern_t *p;
    const sql_zone_t *z;
    TRY(pattern_of(call, args[1], &p, err));
    TRY(zone_of(call, 0, call->n_args > 2 ? data_str(args[2]) : STR("UTC"), &z, err));
    return sql_pattern_parse(p, data_str(args[0]), z, ret, err);
}

FN(format_date)
{
    STRICT;
    return format(call, args, args[0].i32 * CIVIL_DAY_MS, ret, err);
}

FN(format_time)
{
    STRICT;
    return format(call, args, args[0].i32, ret, err);
}

FN(format_timestamp)
{
    STRICT;
    return format(call, args, args[0].i64, ret, err);
}

FN(parse_date)
{
    STRICT;
    int64_t ms;
    TRY(parse(call, args, &ms, err));
    RETURN(data_of_date((int32_t)floor_div(ms, CIVIL_DAY_MS)));
}

FN(string_to_date)
{
    STRICT;
    int64_t ms;
    TRY(parse(call, args, &ms, err));
    RETURN(data_of_i32((int32_t)floor_div(ms, CIVIL_DAY_MS)));
}

FN(parse_time)
{
    STRICT;
    int64_t ms;
    TRY(parse(call, args, &ms, err));
    RETURN(data_of_time((int32_t)floor_mod(ms, CIVIL_DAY_MS)));
}

FN(parse_timestamp)
{
    STRICT;
    int64_t ms;
    TRY(parse(call, args, &ms, err));
    RETURN(data_of_timestamp(ms));
}

FN(string_to_timestamp)
{
    STRICT;
    int64_t ms;
    TRY(parse(call, args, &ms, err));
    RETURN(data_of_i64(ms));
}

/* ---- arithmetic: (unit, number, value) ---- */

static st_t span_ms(const data_value_t *args, int sign, int64_t *ret, err_t *err)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"MILLISECOND", 1},
                 {"SECOND", 1000},
                 {"MINUTE", 60000},
                 {"HOUR", 3600000},
                 {"DAY", CIVIL_DAY_MS}};
    str_t unit = data_str(args[0]);
    if (str_ends(unit, STR("S")))
        unit.len--;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (str_eq_nocase(unit, str_of(units[i].unit))) {
            *ret = sign * args[1].i32 * units[i].ms;
            return ST_OK;
        }
    }
    return err_set(err, ST_BAD_INPUT, "no unit of time to add: " STR_FMT, STR_ARG(unit));
}

static st_t add_timestamp(const data_value_t *args, int sign, data_value_t *ret, err_t *err)
{
    int64_t ms, sum;
    TRY(span_ms(args, sign, &ms, err));
    if (__builtin_add_overflow(args[2].i64, ms, &sum))
        return err_set(err, ST_RANGE, "the timestamp is out of range");
    RETURN(data_of_timestamp(sum));
}

static st_t add_date(const data_value_t *args, int sign, data_value_t *ret, err_t *err)
{
    int64_t ms;
    TRY(span_ms(args, sign, &ms, err));
    RETURN(data_of_date((int32_t)floor_div(args[2].i32 * CIVIL_DAY_MS + ms, CIVIL_DAY_MS)));
}

static st_t add_time(const data_value_t *args, int sign, data_value_t *ret, err_t *err)
{
    int64_t ms;
    TRY(span_ms(args, sign, &ms, err));
    RETURN(data_of_time((int32_t)floor_mod(args[2].i32 + ms, CIVIL_DAY_MS)));
}

FN(timestamp_add)
{
    STRICT;
    return add_timestamp(args, 1, ret, err);
}

FN(timestamp_sub)
{
    STRICT;
    return add_timestamp(args, -1, ret, err);
}

FN(date_add)
{
    STRICT;
    return add_date(args, 1, ret, err);
}

FN(date_sub)
{
    STRICT;
    return add_date(args, -1, ret, err);
}

FN(time_add)
{
    STRICT;
    return add_time(args, 1, ret, err);
}

FN(time_sub)
{
    STRICT;
    return add_time(args, -1, ret, err);
}

/* ---- numbers and zones ---- */

FN(convert_tz)
{
    STRICT;
    const sql_zone_t *from, *to;
    TRY(zone_of(call, 0, data_str(args[1]), &from, err));
    TRY(zone_of(call, 1, data_str(args[2]), &to, err));
    int64_t s = floor_div(args[0].i64, 1000);
    int64_t shift_s = sql_zone_at(to, s)->offset_s - sql_zone_at(from, s)->offset_s;
    RETURN(data_of_timestamp(args[0].i64 + shift_s * 1000));
}

FN(from_days)
{
    STRICT;
    RETURN(data_of_date(args[0].i32));
}

FN(from_unixtime)
{
    STRICT;
    RETURN(data_of_timestamp(args[0].i64));
}

FN(unix_date_now)
{
    (void)args, (void)err;
    RETURN(data_of_i32((int32_t)floor_div(call->now_ms(call->env), CIVIL_DAY_MS)));
}

FN(unix_date)
{
    STRICT;
    RETURN(data_of_i32(args[0].i32));
}

FN(unix_timestamp_now)
{
    (void)args, (void)err;
    RETURN(data_of_i64(call->now_ms(call->env)));
}

FN(unix_timestamp)
{
    STRICT;
    RETURN(data_of_i64(args[0].i64));
}
