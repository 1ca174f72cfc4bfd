/* The projection: stars spelt out, names given, key columns found. */
#include "sql/bind/query.h"

#define BAD(...) err_set(err, ST_BAD_STATEMENT, __VA_ARGS__)

bool bind_is_pseudo(str_t name)
{
    return str_eq(name, STR("ROWTIME")) || str_eq(name, STR("ROWPARTITION")) ||
           str_eq(name, STR("ROWOFFSET"));
}

bool bind_is_window_bound(str_t name)
{
    return str_eq(name, STR("WINDOWSTART")) || str_eq(name, STR("WINDOWEND"));
}

static void add_item(bind_query_t *q, const sql_expr_t *e, str_t name, bool named)
{
    VEC_PUSH(&q->items, (bind_item_t){.expr = e, .name = name, .named = named});
}

/* True when more than one source has a column of this name. */
static bool ambiguous(const bind_query_t *q, str_t name)
{
    size_t n = 0;
    for (size_t i = 0; i < q->sources.len; i++) {
        const plan_schema_t *s = &q->sources.ptr[i].step->schema;
        for (size_t k = 0; k < s->n; k++)
            n += str_eq(s->col[k].name, name);
    }
    return n > 1;
}

static bool name_taken(const bind_query_t *q, str_t name)
{
    for (size_t i = 0; i < q->items.len; i++)
        if (str_eq(q->items.ptr[i].name, name))
            return true;
    return false;
}

static bool source_has(const bind_query_t *q, str_t name)
{
    for (size_t i = 0; i < q->sources.len; i++)
        for (size_t k = 0; k < q->sources.ptr[i].step->schema.n; k++)
            if (str_eq(q->sources.ptr[i].step->schema.col[k].name, name))
                return true;
    return false;
}

/* KSQL_COL_0, KSQL_COL_1, …: the first number that is free in the sources and the projection. */
static str_t generated_name(bind_query_t *q)
{
    for (;;) {
        str_t name = arena_printf(q->arena, "KSQL_COL_%zu", q->n_generated++);
        if (!name_taken(q, name) && !source_has(q, name))
            return name;
    }
}

/* NAME, NAME_1, NAME_2: for fields of structs. */
static str_t field_name(bind_query_t *q, str_t field)
{
    str_t name = field;
    for (int i = 1; name_taken(q, name) || source_has(q, name); i++)
        name = arena_printf(q->arena, STR_FMT "_%d", STR_ARG(field), i);
    return name;
}

static void expand_source(bind_query_t *q, const bind_source_t *s, bool prefix, sql_pos_t at)
{
    const plan_schema_t *schema = &s->step->schema;
    size_t own = schema->n - s->n_extra;
    bool bounds = s->catalog->window.kind != SQL_WINDOW_NONE && !q->persistent;
    for (size_t i = 0; i < own + s->catalog->n_headers; i++) {
        size_t k = i < own ? i : own + s->header_extra + (i - own);
        if (i == schema->n_key && bounds) {
            add_item(q, bind_make_column(q, s->alias, STR("WINDOWSTART"), at), STR("WINDOWSTART"),
                     true);
            add_item(q, bind_make_column(q, s->alias, STR("WINDOWEND"), at), STR("WINDOWEND"),
                     true);
        }
        str_t name = schema->col[k].name;
        str_t shown =
            prefix ? arena_printf(q->arena, STR_FMT "_" STR_FMT, STR_ARG(s->alias), STR_ARG(name))
                   : name;
        add_item(q, bind_make_column(q, s->alias, name, at), shown, true);
    }
}

static ST expand_struct(bind_query_t *q, const sql_item_t *item, err_t *err)
{
    bind_expr_t b = bind_over(q, q->scope, "SELECT");
    expr_t *p;
    TRY(bind_program(&b, item->expr, &p, err));
    if (!p->type || p->type->kind != DATA_STRUCT) {
        str_t t = data_type_text(q->arena, p->type);
        return BAD("Can't expand " STR_FMT ": it is not a STRUCT", STR_ARG(t));
    }
    for (size_t i = 0; i < p->type->n_fields; i++) {
        sql_expr_t *e = ARENA_NEW(q->arena, sql_expr_t);
        sql_expr_t **arg = ARENA_ARRAY(q->arena, sql_expr_t *, 1);
        arg[0] = item->expr;
        *e = (sql_expr_t){.kind = SQL_EXPR_DEREF,
                          .at = item->at,
                          .name = p->type->field[i].name,
                          .arg = arg,
                          .n_args = 1};
        add_item(q, e, e->name, true);
    }
    return ST_OK;
}

static ST expand_star(bind_query_t *q, const sql_item_t *item, err_t *err)
{
    bool found = false;
    if (item->kind == SQL_ITEM_STAR && q->synthetic_key)
        add_item(q, bind_make_column(q, STR_NONE, q->scope.col[0].name, item->at),
                 q->scope.col[0].name, true);
    for (size_t i = 0; i < q->sources.len; i++) {
        const bind_source_t *s = &q->sources.ptr[i];
        if (item->kind == SQL_ITEM_SOURCE_STAR && !str_eq(s->alias, item->source))
            continue;
        found = true;
        expand_source(q, s, q->sources.len > 1, item->at);
    }
    if (!found)
        return BAD("'" STR_FMT "' is not a valid stream/table name or alias.",
                   STR_ARG(item->source));
    return ST_OK;
}

static str_t natural_name(bind_query_t *q, const sql_expr_t *e)
{
    if (e->kind == SQL_EXPR_COLUMN)
        return q->sources.len > 1 && e->source.len && ambiguous(q, e->name)
                   ? arena_printf(q->arena, STR_FMT "_" STR_FMT, STR_ARG(e->source),
                                  STR_ARG(e->name))
                   : e->name;
    if (e->kind == SQL_EXPR_DEREF)
        return field_name(q, e->name);
    return STR_NONE;
}

st_t bind_items(bind_query_t *q, err_t *err)
{
    for (size_t i = 0; i < q->query->n_items; i++) {
        const sql_item_t *item = &q->query->item[i];
        if (item->kind == SQL_ITEM_STRUCT_STAR) {
            TRY(expand_struct(q, item, err));
        } else if (item->kind != SQL_ITEM_EXPR) {
            TRY(expand_star(q, item, err));
        } else {
            str_t name = item->alias.len ? item->alias : natural_name(q, item->expr);
            bool renamed = item->alias.len &&
                           !(item->expr->kind == SQL_EXPR_COLUMN && str_eq(item->expr->name, name));
            if (q->persistent && renamed && bind_is_window_bound(name))
                return BAD(
                    "`" STR_FMT
                    "` is a reserved column name. You cannot use it as an alias for a column.",
                    STR_ARG(name));
            if (q->persistent && (bind_is_pseudo(name) || bind_is_window_bound(name)) &&
                !(q->insert_into && bind_is_pseudo(name)))
                return BAD("Reserved column name in select: `" STR_FMT
                           "`. Please remove or alias the column.",
                           STR_ARG(name));
            add_item(q, item->expr, name, item->alias.len > 0);
        }
    }
    for (size_t i = 0; i < q->items.len; i++)
        if (!q->items.ptr[i].name.len)
            q->items.ptr[i].name = generated_name(q);
    return ST_OK;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Which key column an item of the projection stands for, or -1. */
static ptrdiff_t key_of(const bind_query_t *q, const sql_expr_t *e)
{
    for (size_t i = 0; i < q->keys.len; i++) {
        const bind_key_t *k = &q->keys.ptr[i];
        for (size_t j = 0; j < k->n_same; j++)
            if (bind_same(&q->scope, e, k->same[j]))
                return (ptrdiff_t)i;
    }
    return -1;
}

static str_t key_text(const bind_query_t *q, const bind_key_t *k)
{
    const sql_expr_t *e = k->same[0];
    if (e->kind == SQL_EXPR_COLUMN && q->sources.len == 1)
        return e->name;
    return sql_format_expr_text(q->arena, e);
}

static ST missing_keys(bind_query_t *q, const bool *found, err_t *err)
{
    static const char *const what[][2] = {
        [BIND_KEY_SOURCE] = {"key column", "key columns"},
        [BIND_KEY_JOIN] = {"join expression", "join expressions"},
        [BIND_KEY_GROUP] = {"grouping expression", "grouping expressions"},
        [BIND_KEY_PARTITION] = {"partitioning expression", "partitioning expressions"},
    };
    buf_t m = BUF_INIT, eg = BUF_INIT;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < q->keys.len; i++)
        n += !found[i] || q->key_kind != BIND_KEY_GROUP;
    for (size_t i = 0; i < q->keys.len; i++) {
        if (found[i] && q->key_kind == BIND_KEY_GROUP)
            continue;
        str_t t = key_text(q, &q->keys.ptr[i]);
        buf_printf(&m, "%s" STR_FMT, !at ? "" : at + 1 == n ? " and " : ", ", STR_ARG(t));
        buf_printf(&eg, "%s" STR_FMT, !at ? "" : ", ", STR_ARG(t));
        at++;
    }
    st_t st = BAD("Key missing from projection (ie, SELECT). See https://cnfl.io/2LV7ouS.\nThe "
                  "query used to build `" STR_FMT "` must include the %s " STR_FMT
                  " in its projection (eg, SELECT " STR_FMT "...).%s",
                  STR_ARG(q->target), what[q->key_kind][n > 1], STR_ARG(buf_str(&m)),
                  STR_ARG(buf_str(&eg)),
                  q->synthetic_key
                      ? "\nROWKEY was added as a synthetic key column because the join criteria "
                        "did not match any source column. This expression must be included in the "
                        "projection and may be aliased."
                      : "");
    buf_done(&m);
    buf_done(&eg);
    return st;
}

/* Marks each item that is a key column. */
st_t bind_assign_keys(bind_query_t *q, err_t *err)
{
    bool *found = ARENA_ARRAY(q->arena, bool, q->keys.len + 1);
    size_t *by = ARENA_ARRAY(q->arena, size_t, q->keys.len + 1);
    bool all = true;
    for (size_t i = 0; i < q->items.len; i++) {
        bind_item_t *item = &q->items.ptr[i];
        ptrdiff_t k = key_of(q, item->expr);
        item->key = -1;
        if (k < 0)
            continue;
        if (found[k] && q->key_kind == BIND_KEY_JOIN)
            continue; /* the other side's column: a value */
        if (found[k] && q->key_kind != BIND_KEY_GROUP)
            return BAD("The projection contains a key column (`" STR_FMT
                       "`) more than once, aliased as: " STR_FMT " and " STR_FMT
                       ".\nEach key column must only be in the projection once. If you intended to "
                       "copy the "
                       "key into the value, then consider using the AS_VALUE function to indicate "
                       "which key "
                       "reference should be copied.",
                       STR_ARG(key_text(q, &q->keys.ptr[k])), STR_ARG(q->items.ptr[by[k]].name),
                       STR_ARG(item->name));
        if (found[k])
            return BAD("The projection contains a key column more than once: `" STR_FMT
                       "` and `" STR_FMT "`.\nEach key column must only be in the projection once. "
                       "If you intended to copy the "
                       "key into the value, then consider using the AS_VALUE function to indicate "
                       "which key "
                       "reference should be copied.",
                       STR_ARG(q->items.ptr[by[k]].name), STR_ARG(item->name));
        found[k] = true;
        by[k] = i;
        item->key = k;
        q->keys.ptr[k].name = item->name;
    }
    for (size_t k = 0; k < q->keys.len; k++)
        all = all && (found[k] || q->keys.ptr[k].optional);
    return all ? ST_OK : missing_keys(q, found, err);
}
