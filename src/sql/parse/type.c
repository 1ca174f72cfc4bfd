/* type.c: written types and units of time to what they stand for. */
#include "sql/parse/parse.h"

st_t sql_type_resolve(arena_t *a, const sql_type_t *t,
                      const data_type_t *(*custom)(void *env, str_t name), void *env,
                      const data_type_t **ret, err_t *err)
{
    data_type_t *r = ARENA_NEW(a, data_type_t);
    r->kind = t->kind;
    if (t->kind == DATA_NULL) {
        const data_type_t *found = custom ? custom(env, t->name) : NULL;
        if (!found)
            return err_set(err, ST_BAD_STATEMENT, "Cannot resolve unknown type: " STR_FMT,
                           STR_ARG(t->name));
        *ret = data_type_copy(a, found); /* DROP TYPE may free it */
        return ST_OK;
    }
    r->precision = t->precision;
    r->scale = t->scale;
    if (t->key)
        TRY(sql_type_resolve(a, t->key, custom, env, &r->key, err));
    if (t->elem)
        TRY(sql_type_resolve(a, t->elem, custom, env, &r->elem, err));
    data_field_t *field = ARENA_ARRAY(a, data_field_t, t->n_fields ? t->n_fields : 1);
    for (size_t i = 0; i < t->n_fields; i++) {
        field[i].name = t->field[i].name;
        TRY(sql_type_resolve(a, t->field[i].type, custom, env, &field[i].type, err));
    }
    r->field = field;
    r->n_fields = t->n_fields;
    *ret = r;
    return ST_OK;
}

static const struct {
    const char *one, *many;
    sql_unit_t unit;
    int64_t ms;
} units[] = {
    {"MILLISECOND", "MILLISECONDS", SQL_UNIT_MILLISECONDS, 1},
    {"SECOND", "SECONDS", SQL_UNIT_SECONDS, 1000},
    {"MINUTE", "MINUTES", SQL_UNIT_MINUTES, 60000},
    {"HOUR", "HOURS", SQL_UNIT_HOURS, 3600000},
    {"DAY", "DAYS", SQL_UNIT_DAYS, 86400000},
    {"MONTH", "MONTHS", SQL_UNIT_MONTHS, 0},
    {"YEAR", "YEARS", SQL_UNIT_YEARS, 0},
};

sql_unit_t sql_unit_of(str_t name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (str_eq_nocase(name, str_of(units[i].one)) || str_eq_nocase(name, str_of(units[i].many)))
            return units[i].unit;
    return SQL_UNIT_NONE;
}

int64_t sql_unit_ms(sql_unit_t unit)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].unit == unit)
            return units[i].ms;
    return 0;
}

const char *sql_unit_name(sql_unit_t unit)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].unit == unit)
            return units[i].many;
    return "";
}
