#include "source/goapi/answer.h"

#include "base/json.h"

#define MESSAGE_BYTES_MAX 120
#define DATE_CHARS        10

/* ---- values */

static bool read_number(const json_value_t *v, double *ret)
{
    if (v->kind == JSON_NUMBER && v->is_i64) {
        *ret = (double)v->i64;
        return true;
    }
    if (v->kind == JSON_NUMBER)
        return str_to_f64(v->text, ret);
    if (v->kind != JSON_STRING)
        return false;
    str_t s = str_trim(v->text);
    if (s.len && s.ptr[0] == '+')
        s = str_sub(s, 1, s.len);
    if (str_ends(s, STR("%")))
        s = str_trim(str_sub(s, 0, s.len - 1));
    return str_to_f64(s, ret) && *ret - *ret == 0; /* no NaN, no infinity */
}

static bool read_whole(const json_value_t *v, int64_t *ret)
{
    double d;
    if (v->kind == JSON_NUMBER && v->is_i64) {
        *ret = v->i64;
        return true;
    }
    if (v->kind == JSON_STRING && str_to_i64(str_trim(v->text), ret))
        return true;
    if (!read_number(v, &d) || !(d > -9e18 && d < 9e18))
        return false;
    *ret = (int64_t)d;
    return true;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A date, or a date and time, to its date; empty when it is none. */
static str_t date_of(str_t s)
{
    s = str_trim(s);
    if (s.len < DATE_CHARS || s.ptr[4] != '-' || s.ptr[7] != '-')
        return STR("");
    for (int i = 0; i < DATE_CHARS; i++)
        if (i != 4 && i != 7 && !digit(s.ptr[i]))
            return STR("");
    return str_sub(s, 0, DATE_CHARS);
}

/* ---- rows */

static void read_member(goapi_row_t *r, str_t name, const json_value_t *v)
{
    static const struct {
        const char *name;
        goapi_field_t field;
    } numbers[] = {{"open", GOAPI_OPEN},
                   {"high", GOAPI_HIGH},
                   {"low", GOAPI_LOW},
                   {"close", GOAPI_CLOSE},
                   {"change", GOAPI_CHANGE},
                   {"percent", GOAPI_PERCENT},
                   {"change_pct", GOAPI_PERCENT},
                   {"change_percent", GOAPI_PERCENT}};
    if (v->kind == JSON_STRING) {
        if (str_eq(name, STR("ticker")) || str_eq(name, STR("symbol")))
            r->ticker = str_trim(v->text);
        else if (str_eq(name, STR("date")))
            r->date = date_of(v->text);
        else if (str_eq(name, STR("name")))
            r->name = v->text;
        else if (str_eq(name, STR("logo")))
            r->logo = v->text;
        else if (str_eq(name, STR("description")))
            r->description = v->text;
    }
    if (str_eq(name, STR("volume"))) {
        if (read_whole(v, &r->volume))
            r->has |= 1u << GOAPI_VOLUME;
        return;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (str_eq(name, str_of(numbers[i].name))) {
            if (read_number(v, &r->number[numbers[i].field]))
                r->has |= 1u << numbers[i].field;
            return;
        }
}

static goapi_row_t read_row(const json_value_t *v)
{
    goapi_row_t r = {.ticker = STR(""), .date = STR("")};
    const json_value_t *company = json_get(v, "company");
    for (size_t i = 0; company && company->kind == JSON_OBJECT && i < company->n; i++)
        read_member(&r, company->name[i], &company->item[i]);
    for (size_t i = 0; i < v->n; i++)
        read_member(&r, v->name[i], &v->item[i]);
    return r;
}

static bool read_rows(arena_t *a, const json_value_t *data, goapi_answer_t *ret)
{
    const json_value_t *list = json_get(data, "results");
    if (!list)
        list = data;
    bool one = list && list->kind == JSON_OBJECT;
    if (!list || (!one && list->kind != JSON_ARRAY && list->kind != JSON_NULL))
        return false;
    size_t n = one ? 1 : list->kind == JSON_NULL ? 0 : list->n;
    goapi_row_t *row = arena_alloc_try(a, n * sizeof *row + 1);
    if (!row)
        return false;
    ret->n = 0;
    for (size_t i = 0; i < n; i++) {
        const json_value_t *item = one ? list : &list->item[i];
        if (item->kind == JSON_OBJECT)
            row[ret->n++] = read_row(item);
        else if (item->kind == JSON_STRING)
            row[ret->n++] = (goapi_row_t){.ticker = str_trim(item->text), .date = STR("")};
    }
    ret->row = row;
    return true;
}

/* ---- verdicts */

static bool mentions_quota(str_t message)
{
    static const char *const words[] = {"quota", "limit", "exceeded", "upgrade"};
    for (size_t at = 0; at < message.len; at++)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (str_starts_nocase(str_sub(message, at, message.len), str_of(words[i])))
                return true;
    return false;
}

static goapi_verdict_t verdict_of(int status, bool quota)
{
    switch (status) {
    case 200:
        return quota ? GOAPI_QUOTA : GOAPI_AGAIN;
    case 401:
        return quota ? GOAPI_QUOTA : GOAPI_DENIED;
    case 402:
        return GOAPI_QUOTA;
    case 400:
    case 404:
    case 410:
    case 422:
        return GOAPI_MISSING;
    case 429:
        return GOAPI_LATER;
    default:
        return GOAPI_AGAIN;
    }
}

goapi_answer_t goapi_answer_read(arena_t *a, int status, str_t body)
{
    goapi_answer_t answer = {.message = STR("")};
    const json_value_t *v = NULL;
    bool json = body.len && json_parse(a, body, 0, &v, NULL) == ST_OK && v->kind == JSON_OBJECT;
    str_t message = json ? json_get_text(v, "message", STR("")) : STR("");
    const json_value_t *data = json ? json_get(v, "data") : NULL;
    bool failed = json && str_eq_nocase(json_get_text(v, "status", STR("success")), STR("error"));
    if (status == 200 && data && data->kind != JSON_NULL && !failed && read_rows(a, data, &answer))
        return answer;
    answer.verdict = verdict_of(status, mentions_quota(message));
    answer.message = json       ? arena_str(a, str_sub(message, 0, MESSAGE_BYTES_MAX))
                     : body.len ? STR("no whole JSON text came")
                                : STR("nothing came");
    return answer;
}
