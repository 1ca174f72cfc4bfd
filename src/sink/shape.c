#include "sink/shape.h"

static bool taken(const data_field_t *field, size_t n, str_t name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(field[i].name, name))
            return true;
    return false;
}

static const data_type_t *lower_type(arena_t *a, const data_type_t *t);

/* Lower case, unless that is another field's name. */
static void lower_names(arena_t *a, const data_field_t *from, size_t n, data_field_t *to)
{
    for (size_t i = 0; i < n; i++) {
        str_t lower = arena_lower(a, from[i].name);
        bool clash = taken(to, i, lower) || (!str_eq(lower, from[i].name) && taken(from, n, lower));
        to[i] =
            (data_field_t){clash ? arena_str(a, from[i].name) : lower, lower_type(a, from[i].type)};
    }
}

static const data_type_t *lower_type(arena_t *a, const data_type_t *t)
{
    if (t->kind == DATA_ARRAY)
        return data_type_array(a, lower_type(a, t->elem));
    if (t->kind == DATA_MAP)
        return data_type_map(a, data_type_copy(a, t->key), lower_type(a, t->elem));
    if (t->kind != DATA_STRUCT)
        return data_type_copy(a, t);
    data_field_t *field = ARENA_ARRAY(a, data_field_t, t->n_fields + 1);
    lower_names(a, t->field, t->n_fields, field);
    return data_type_struct(a, field, t->n_fields);
}

static ST find_fields(sink_shape_t *s, str_t list, arena_t *a, err_t *err)
{
    uint32_t *found = ARENA_ARRAY(a, uint32_t, s->n + 1);
    size_t n = 0;
    for (str_t name; str_split(&list, ',', &name);) {
        name = str_trim(name);
        uint32_t i = 0;
        while (i < s->n && !str_eq_nocase(s->field[i].name, name))
            i++;
        if (i == s->n)
            return err_set(err, ST_BAD_CONFIG,
                           "'" STR_FMT "' is to identify documents, but there is no such column",
                           STR_ARG(name));
        if (n == s->n)
            return err_set(err, ST_BAD_CONFIG, "more columns are to identify documents than exist");
        found[n++] = i;
    }
    if (!n)
        return err_set(err, ST_BAD_CONFIG,
                       "the list of columns that identify documents is empty: set "
                       "document.id.strategy.partial.value.projection.list, e.g. to 'id'");
    s->id_field = found;
    s->n_id = n;
    return ST_OK;
}

static ST identify(sink_shape_t *s, str_t list, arena_t *a, err_t *err)
{
    if (s->id == SINK_ID_KEY && !s->n_key)
        s->id = SINK_ID_POSITION;
    if (s->id == SINK_ID_POSITION)
        return ST_OK;
    if (s->id == SINK_ID_COLUMNS)
        return find_fields(s, list, a, err);
    if (s->id == SINK_ID_PROVIDED)
        return find_fields(s, STR("_id"), a, err);
    if (!s->n_key)
        return err_set(err, ST_BAD_CONFIG, "FullKeyStrategy needs key columns; the topic has none");
    uint32_t *all = ARENA_ARRAY(a, uint32_t, s->n_key);
    for (uint32_t i = 0; i < s->n_key; i++)
        all[i] = i;
    s->id_field = all;
    s->n_id = s->n_key;
    return ST_OK;
}

st_t sink_shape_make(data_columns_t key, data_columns_t value, sink_id_t id, str_t list, arena_t *a,
                     sink_shape_t *ret, err_t *err)
{
    sink_shape_t s = {.n = key.len + value.len, .n_key = key.len, .id = id};
    data_field_t *from = ARENA_ARRAY(a, data_field_t, s.n + 1);
    data_field_t *to = ARENA_ARRAY(a, data_field_t, s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        const data_column_t *c = i < key.len ? &key.ptr[i] : &value.ptr[i - key.len];
        from[i] = (data_field_t){c->name, c->type};
    }
    lower_names(a, from, s.n, to);
    s.field = to;
    TRY(identify(&s, list, a, err));
    s.in_key = s.id != SINK_ID_POSITION;
    for (size_t i = 0; i < s.n_id; i++)
        s.in_key = s.in_key && s.id_field[i] < s.n_key;
    *ret = s;
    return ST_OK;
}
