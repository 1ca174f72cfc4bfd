/* FROM a JOIN b ON …: which side is rekeyed, what the joined row looks like, which column its key
 * is. */
#include "sql/bind/query.h"

#define BAD(...) err_set(err, ST_BAD_STATEMENT, __VA_ARGS__)

typedef struct side_env {
    bind_query_t *q;
    size_t n_left; /* sources before the one that is joined now */
    bool left, right;
    const sql_expr_t *bad, *both; /* in no source; in several */
    str_t found_in[2];
} side_env_t;

/* Notes on which side of the join a column is. */
static void note_side(void *self, const sql_expr_t *e)
{
    side_env_t *s = self;
    if (e->kind != SQL_EXPR_COLUMN)
        return;
    bool found = false;
    for (size_t i = 0; i <= s->n_left; i++) {
        const bind_source_t *src = &s->q->sources.ptr[i];
        if (e->source.len && !str_eq(e->source, src->alias))
            continue;
        for (size_t k = 0; k < src->step->schema.n; k++)
            if (str_eq(src->step->schema.col[k].name, e->name)) {
                if (found) {
                    s->both = e;
                    s->found_in[1] = src->alias;
                } else {
                    s->found_in[0] = src->alias;
                }
                found = true;
                *(i < s->n_left ? &s->left : &s->right) = true;
                break;
            }
    }
    if (!found && !s->bad)
        s->bad = e;
}

static ST which_side(bind_query_t *q, size_t n_left, const sql_expr_t *e, const sql_expr_t *on,
                     bool *ret_right, err_t *err)
{
    side_env_t s = {.q = q, .n_left = n_left};
    bind_walk(e, note_side, &s);
    if (s.bad)
        return BAD("Line: %u, Col: %u: JOIN ON column '" STR_FMT "%s" STR_FMT
                   "' cannot be resolved.",
                   s.bad->at.line, s.bad->at.column, STR_ARG(s.bad->source),
                   s.bad->source.len ? "." : "", STR_ARG(s.bad->name));
    if (s.both)
        return BAD("Exception while preparing statement: Line: %u, Col: %u: Column '" STR_FMT
                   "' is ambiguous. Could be " STR_FMT "." STR_FMT " or " STR_FMT "." STR_FMT ".",
                   s.both->at.line, s.both->at.column, STR_ARG(s.both->name),
                   STR_ARG(s.found_in[0]), STR_ARG(s.both->name), STR_ARG(s.found_in[1]),
                   STR_ARG(s.both->name));
    if (s.left == s.right) {
        str_t p = sql_format_expr_text(q->arena, e), t = sql_format_expr_text(q->arena, on);
        return BAD(
            "Invalid comparison expression '" STR_FMT "' in join '" STR_FMT
            "'. Each side of the join comparision must contain references from exactly one source.",
            STR_ARG(p), STR_ARG(t));
    }
    *ret_right = s.right;
    return ST_OK;
}

typedef struct join_build {
    bind_query_t *q;
    const sql_join_t *sql;
    size_t n_left;
    const sql_expr_t *on[2]; /* left, right */
    plan_step_t *side[2];
    const data_type_t *type[2];
    bool is_key[2]; /* the expression is just the side's key */
} join_build_t;

static ST check_on(join_build_t *j, err_t *err)
{
    const sql_expr_t *on = j->sql->on;
    str_t t = sql_format_expr_text(j->q->arena, on);
    if (on->kind == SQL_EXPR_LOGICAL)
        return BAD("Invalid join condition: joins on multiple conditions are not yet supported. "
                   "Got " STR_FMT ".",
                   STR_ARG(t));
    if (on->kind != SQL_EXPR_COMPARISON || on->op != SQL_OP_EQ)
        return BAD("Unsupported join expression: " STR_FMT
                   ". Only equality of two expressions can be joined on",
                   STR_ARG(t));
    bool right[2];
    for (int i = 0; i < 2; i++)
        TRY(which_side(j->q, j->n_left, on->arg[i], on, &right[i], err));
    if (right[0] == right[1])
        return BAD("Invalid join condition: each side must belong to another source. Got " STR_FMT
                   ".",
                   STR_ARG(t));
    j->on[0] = right[0] ? on->arg[1] : on->arg[0];
    j->on[1] = right[0] ? on->arg[0] : on->arg[1];
    return ST_OK;
}

static ST side_type(join_build_t *j, int i, err_t *err)
{
    bind_query_t *q = j->q;
    const plan_schema_t *s = &j->side[i]->schema;
    bind_expr_t b = bind_over(q, *s, "JOIN ON");
    expr_t *p;
    TRY(bind_program(&b, j->on[i], &p, err));
    j->type[i] = p->type;
    j->is_key[i] = s->n_key == 1 && p->n_steps == 0 && p->result == 0;
    if (i == 0 && j->n_left > 1 &&
        !j->is_key[i]) /* the key of the join before stands for its columns */
        for (size_t k = 0; k < q->keys.len && q->keys.len == 1; k++)
            for (size_t m = 0; m < q->keys.ptr[k].n_same; m++)
                j->is_key[i] |= bind_same(s, j->on[i], q->keys.ptr[k].same[m]);
    return ST_OK;
}

/* A side's text, its column with the source that has it. */
static str_t side_text(const join_build_t *j, const sql_expr_t *e)
{
    str_t t = sql_format_expr_text(j->q->arena, e);
    if (e->kind != SQL_EXPR_COLUMN || e->source.len)
        return t;
    for (size_t i = 0; i <= j->n_left; i++) {
        const bind_source_t *s = &j->q->sources.ptr[i];
        for (size_t k = 0; k < s->step->schema.n; k++)
            if (str_eq(s->step->schema.col[k].name, e->name))
                return arena_printf(j->q->arena, STR_FMT "." STR_FMT, STR_ARG(s->alias),
                                    STR_ARG(t));
    }
    return t;
}

static str_t on_text(const join_build_t *j)
{
    const sql_expr_t *on = j->sql->on;
    return arena_printf(j->q->arena, STR_FMT " = " STR_FMT, STR_ARG(side_text(j, on->arg[0])),
                        STR_ARG(side_text(j, on->arg[1])));
}

static const char *kind_name(sql_window_kind_t k)
{
    static const char *const names[] = {"", "TUMBLING", "HOPPING", "SESSION"};
    return names[k];
}

static ST check_windows(join_build_t *j, err_t *err)
{
    const catalog_source_t *l = j->q->sources.ptr[0].catalog,
                           *r = j->q->sources.ptr[j->n_left].catalog;
    sql_window_kind_t lw = l->window.kind, rw = r->window.kind;
    if (!lw && !rw)
        return ST_OK;
    if (!lw || !rw)
        return BAD("Can not join windowed source to non-windowed source.\n`" STR_FMT
                   "` is %s%s\n`" STR_FMT "` is %s%s",
                   STR_ARG(l->name), lw ? kind_name(lw) : "not", " windowed", STR_ARG(r->name),
                   rw ? kind_name(rw) : "not", " windowed");
    if ((lw == SQL_WINDOW_SESSION) != (rw == SQL_WINDOW_SESSION))
        return BAD(
            "Incompatible windowed sources.\nLeft source: %s\nRight source: %s\nSession windowed "
            "sources can "
            "only be joined to other session windowed sources, and may still not result in "
            "expected "
            "behaviour as session bounds must be an exact match for the join to work\nHopping and "
            "tumbling "
            "windowed sources can only be joined to other hopping and tumbling windowed sources",
            kind_name(lw), kind_name(rw));
    if (!j->is_key[0] || !j->is_key[1])
        return BAD("Implicit repartitioning of windowed sources is not supported. See "
                   "https://github.com/confluentinc/ksql/issues/4385.");
    return ST_OK;
}

static const char *join_name(sql_join_kind_t k)
{
    static const char *const names[] = {"[INNER] JOIN", "LEFT [OUTER] JOIN", "RIGHT [OUTER] JOIN",
                                        "[FULL] OUTER JOIN"};
    return names[k];
}

static ST check_kinds(join_build_t *j, err_t *err)
{
    bool lt = j->side[0]->table, rt = j->side[1]->table;
    bind_query_t *q = j->q;
    str_t t = on_text(j);
    if (lt && !rt)
        return BAD("Invalid join order: table-stream joins are not supported; only stream-table "
                   "joins. Got " STR_FMT " %s " STR_FMT ".",
                   STR_ARG(q->sources.ptr[0].alias), join_name(j->sql->kind),
                   STR_ARG(j->sql->source.alias));
    if (!lt && !rt && !j->sql->within)
        return BAD(STR_FMT " JOIN " STR_FMT
                           ": stream-stream joins must have a WITHIN clause specified. None was "
                           "provided.",
                   STR_ARG(q->sources.ptr[0].alias), STR_ARG(j->sql->source.alias));
    if (rt && j->sql->within)
        return BAD("A window definition was provided for a %s join. These joins are not windowed. "
                   "Please drop the "
                   "window definition (i.e. the WITHIN clause) and try to execute your join again.",
                   lt ? "table-table" : "stream-table");
    if (!j->type[0] || !data_type_eq(j->type[0], j->type[1])) {
        str_t p = side_text(j, j->on[0]), r = side_text(j, j->on[1]);
        return BAD("Invalid join condition: types don't match. Got " STR_FMT "{" STR_FMT
                   "} = " STR_FMT "{" STR_FMT "}.",
                   STR_ARG(p), STR_ARG(data_type_text(q->arena, j->type[0])), STR_ARG(r),
                   STR_ARG(data_type_text(q->arena, j->type[1])));
    }
    if (rt && !j->is_key[1])
        return BAD("Invalid join condition: %s joins require to join on the primary key of the "
                   "right input table. "
                   "Got " STR_FMT ".",
                   lt ? "table-table" : "stream-table", STR_ARG(t));
    if (lt && !j->is_key[0])
        return err_set(err, ST_UNSUPPORTED,
                       "Foreign-key table-table joins are not run yet. Got " STR_FMT ".",
                       STR_ARG(t));
    if (!lt && rt && (j->sql->kind == SQL_JOIN_FULL || j->sql->kind == SQL_JOIN_RIGHT))
        return BAD("%s OUTER JOIN is not supported for stream-table joins",
                   j->sql->kind == SQL_JOIN_FULL ? "FULL" : "RIGHT");
    return ST_OK;
}

typedef struct use_env {
    const plan_column_t *column;
    bool used;
} use_env_t;

static void note_use(void *self, const sql_expr_t *e)
{
    use_env_t *u = self;
    u->used |= e->kind == SQL_EXPR_COLUMN && str_eq(e->name, u->column->name) &&
               (!e->source.len || str_eq(e->source, u->column->source));
}

static bool star_has(const bind_query_t *q, const plan_column_t *c)
{
    bool own = false; /* ROWTIME and the like are in no star */
    for (size_t i = 0; i < q->sources.len; i++) {
        const catalog_source_t *s = q->sources.ptr[i].catalog;
        if (!str_eq(q->sources.ptr[i].alias, c->source))
            continue;
        own = data_columns_find(s->key, c->name) >= 0 ||
              data_columns_find(s->value, c->name) >= 0 || s->n_headers ||
              (s->window.kind && str_starts(c->name, STR("WINDOW")));
    }
    for (size_t i = 0; own && i < q->query->n_items; i++) {
        const sql_item_t *item = &q->query->item[i];
        if (item->kind == SQL_ITEM_STAR ||
            (item->kind == SQL_ITEM_SOURCE_STAR && str_eq(item->source, c->source)))
            return true;
    }
    return false;
}

/* Whether anything in the query names this column: what nobody names is not carried through the
 * join. */
static bool used(const bind_query_t *q, const plan_column_t *c)
{
    const sql_query_t *sql = q->query;
    use_env_t u = {c, star_has(q, c)};
    for (size_t i = 0; i < sql->n_items; i++)
        bind_walk(sql->item[i].expr, note_use, &u);
    for (size_t i = 0; i < sql->n_joins; i++)
        bind_walk(sql->join[i].on, note_use, &u);
    for (size_t i = 0; i < sql->group_by.len; i++)
        bind_walk(sql->group_by.ptr[i], note_use, &u);
    for (size_t i = 0; i < sql->partition_by.len; i++)
        bind_walk(sql->partition_by.ptr[i], note_use, &u);
    bind_walk(sql->where, note_use, &u);
    bind_walk(sql->having, note_use, &u);
    return u.used;
}

/* Puts the join's expression in front of the row as its only key column. */
static ST rekey(join_build_t *j, int i, err_t *err)
{
    bind_query_t *q = j->q;
    plan_step_t *in = j->side[i], *s = bind_step(q, PLAN_SELECT, in);
    size_t n = in->schema.n;
    plan_column_t *col = ARENA_ARRAY(q->arena, plan_column_t, n + 1);
    expr_t **expr = ARENA_ARRAY(q->arena, expr_t *, n + 1);
    bind_expr_t b = bind_over(q, in->schema, "JOIN ON");
    TRY(bind_program(&b, j->on[i], &expr[0], err));
    col[0] = (plan_column_t){STR(" "), STR("KSQL_JOIN_KEY"), expr[0]->type};
    size_t at = 1;
    for (size_t k = 0; k < n; k++) {
        if (!used(q, &in->schema.col[k]))
            continue;
        col[at] = in->schema.col[k];
        expr[at++] = bind_column_program(q->arena, (int32_t)k, in->schema.col[k].type);
    }
    s->schema = (plan_schema_t){col, at, 1};
    s->select.expr = expr;
    s->select.rekey = true;
    j->side[i] = s;
    if (!j->is_key[i]) {
        static const char *const names[] = {"Join-left-repartition", "Join-right-repartition"};
        bind_add_exchange(q, &j->side[i], names[i], &q->first_key_format);
    }
    return ST_OK;
}

static bool is_column(const sql_expr_t *e)
{
    return e->kind == SQL_EXPR_COLUMN;
}

/* What may stand for the joined row's key in the projection. */
static void join_keys(join_build_t *j, str_t *ret_name)
{
    bind_query_t *q = j->q;
    bool outer = j->sql->kind == SQL_JOIN_FULL;
    bool l = is_column(j->on[0]), r = is_column(j->on[1]);
    const sql_expr_t **same = ARENA_ARRAY(q->arena, const sql_expr_t *, 8);
    size_t n = 0;
    q->synthetic_key = outer || (!l && !r);
    *ret_name = STR("ROWKEY");
    if (q->synthetic_key) {
        for (int i = 1;; i++) {
            bool taken = false;
            for (size_t k = 0; k <= j->n_left; k++)
                for (size_t m = 0; m < q->sources.ptr[k].step->schema.n; m++)
                    taken |= str_eq(q->sources.ptr[k].step->schema.col[m].name, *ret_name);
            if (!taken)
                break;
            *ret_name = arena_printf(q->arena, "ROWKEY_%d", i);
        }
        same[n++] = bind_make_column(q, STR_NONE, *ret_name, j->sql->at);
    } else {
        bool right_first = !l || j->sql->kind == SQL_JOIN_RIGHT;
        if (right_first && r)
            same[n++] = j->on[1];
        if (l)
            same[n++] = j->on[0];
        if (!right_first && r && j->sql->kind == SQL_JOIN_INNER)
            same[n++] = j->on[1];
        if (j->n_left > 1 && j->is_key[0] && q->keys.len == 1)
            for (size_t k = 0; k < q->keys.ptr[0].n_same && n < 8; k++)
                same[n++] = q->keys.ptr[0].same[k];
    }
    VEC_CLEAR(&q->keys);
    VEC_PUSH(&q->keys, (bind_key_t){.same = same, .n_same = n, .name = *ret_name});
    q->key_kind = BIND_KEY_JOIN;
}

static int64_t default_grace(const sql_join_t *j)
{
    int64_t day = INT64_C(86400000), both = j->before.ms + j->after.ms;
    return day > both ? day - both : 0;
}

static ST join_one(bind_query_t *q, size_t i, err_t *err)
{
    join_build_t j = {.q = q,
                      .sql = &q->query->join[i],
                      .n_left = i + 1,
                      .side = {q->top, q->sources.ptr[i + 1].step}};
    TRY(check_on(&j, err));
    for (int k = 0; k < 2; k++)
        TRY(side_type(&j, k, err));
    TRY(check_kinds(&j, err));
    TRY(check_windows(&j, err));
    for (int k = 0; k < 2; k++)
        TRY(rekey(&j, k, err));
    str_t key_name;
    join_keys(&j, &key_name);
    bool lt = q->top->table, rt = q->sources.ptr[i + 1].step->table;
    plan_step_t *s = bind_step(q,
                               lt   ? PLAN_TABLE_TABLE_JOIN
                               : rt ? PLAN_STREAM_TABLE_JOIN
                                    : PLAN_STREAM_STREAM_JOIN,
                               j.side[0]);
    s->in[1] = j.side[1];
    size_t nl = j.side[0]->schema.n, nr = j.side[1]->schema.n;
    plan_column_t *col = ARENA_ARRAY(q->arena, plan_column_t, 1 + nl + nr);
    col[0] = (plan_column_t){STR(" "), key_name, j.side[0]->schema.col[0].type};
    if (q->synthetic_key)
        col[0].source = STR_NONE;
    memcpy(col + 1, j.side[0]->schema.col, nl * sizeof *col);
    memcpy(col + 1 + nl, j.side[1]->schema.col, nr * sizeof *col);
    col[1].name = STR(" left");
    col[1 + nl].name = STR(" right");
    s->schema = (plan_schema_t){col, 1 + nl + nr, 1};
    s->table = lt;
    s->join.kind = j.sql->kind;
    s->join.before_ms = j.sql->before.ms;
    s->join.after_ms = j.sql->after.ms;
    s->join.has_grace = j.sql->grace.unit != SQL_UNIT_NONE;
    s->join.grace_ms = s->join.has_grace ? j.sql->grace.ms : default_grace(j.sql);
    if (lt)
        for (int k = 0; k < 2; k++)
            for (plan_step_t *in = j.side[k]; in; in = in->in[0])
                in->need_old = true;
    q->top = s;
    return ST_OK;
}

st_t bind_joins(bind_query_t *q, err_t *err)
{
    for (size_t i = 0; i < q->query->n_joins; i++)
        TRY(join_one(q, i, err));
    return ST_OK;
}
