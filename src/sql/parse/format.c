#include "sql/parse/format.h"

#include "data/text.h"
#include "sql/parse/parse.h"
#include "sql/parse/token.h"

bool sql_word_reserved(str_t name)
{
    return sql_token_reserved(name);
}

/* True when the name, unquoted, reads back as it is. */
static bool plain(str_t name)
{
    if (str_empty(name) || (name.ptr[0] >= '0' && name.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i && ((c >= '0' && c <= '9') || c == '@')))
            return false;
    }
    return !sql_token_reserved(name);
}

/* Text between quotes, its own ones doubled. */
static void put_quoted(buf_t *b, str_t s, char quote)
{
    buf_put_char(b, quote);
    for (size_t i = 0; i < s.len; i++) {
        buf_put_char(b, s.ptr[i]);
        if (s.ptr[i] == quote)
            buf_put_char(b, quote);
    }
    buf_put_char(b, quote);
}

void sql_format_name(buf_t *b, str_t name)
{
    if (plain(name))
        buf_put_str(b, name);
    else
        put_quoted(b, name, '`');
}

void sql_format_type(buf_t *b, const sql_type_t *t)
{
    if (t->kind == DATA_ARRAY) {
        BUF_LIT(b, "ARRAY<");
        sql_format_type(b, t->elem);
        BUF_LIT(b, ">");
    } else if (t->kind == DATA_MAP) {
        BUF_LIT(b, "MAP<");
        sql_format_type(b, t->key);
        BUF_LIT(b, ", ");
        sql_format_type(b, t->elem);
        BUF_LIT(b, ">");
    } else if (t->kind == DATA_STRUCT) {
        BUF_LIT(b, "STRUCT<");
        for (size_t i = 0; i < t->n_fields; i++) {
            if (i)
                BUF_LIT(b, ", ");
            sql_format_name(b, t->field[i].name);
            buf_put_char(b, ' ');
            sql_format_type(b, t->field[i].type);
        }
        BUF_LIT(b, ">");
    } else if (t->kind == DATA_DECIMAL) {
        buf_printf(b, "DECIMAL(%d, %d)", t->precision, t->scale);
    } else if (t->kind == DATA_NULL) {
        sql_format_name(b, t->name);
    } else {
        buf_put_str(b, str_of(data_kind_name(t->kind)));
    }
}

/* ---- expressions ---- */

static const char *op_text(sql_op_t op)
{
    switch (op) {
    case SQL_OP_NONE: return "";
    case SQL_OP_NEGATE: return "-";
    case SQL_OP_PLUS: return "+";
    case SQL_OP_ADD: return "+";
    case SQL_OP_SUBTRACT: return "-";
    case SQL_OP_MULTIPLY: return "*";
    case SQL_OP_DIVIDE: return "/";
    case SQL_OP_MODULO: return "%";
    case SQL_OP_EQ: return "=";
    case SQL_OP_NE: return "<>";
    case SQL_OP_LT: return "<";
    case SQL_OP_LE: return "<=";
    case SQL_OP_GT: return ">";
    case SQL_OP_GE: return ">=";
    case SQL_OP_IS_DISTINCT: return "IS DISTINCT FROM";
    case SQL_OP_IS_NOT_DISTINCT: return "IS NOT DISTINCT FROM";
    case SQL_OP_AND: return "AND";
    case SQL_OP_OR: return "OR";
    }
    return "";
}

static void put_args(buf_t *b, sql_expr_t *const *arg, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            BUF_LIT(b, ", ");
        sql_format_expr(b, arg[i]);
    }
}

static void put_typed(buf_t *b, const char *type, str_t text)
{
    buf_printf(b, "%s ", type);
    put_quoted(b, text, '\'');
}

static void put_double(buf_t *b, double d)
{
    size_t start = b->len;
    data_put_f64(b, d);
    /* Without an exponent it would read back as a decimal. */
    if (!memchr(b->ptr + start, 'E', b->len - start))
        BUF_LIT(b, "E0");
}

static void put_case(buf_t *b, const sql_expr_t *e)
{
    size_t i = 0;
    BUF_LIT(b, "(CASE");
    if (e->kind == SQL_EXPR_CASE_SIMPLE) {
        buf_put_char(b, ' ');
        sql_format_expr(b, e->arg[i++]);
    }
    for (; i + 1 < e->n_args; i += 2) {
        BUF_LIT(b, " WHEN ");
        sql_format_expr(b, e->arg[i]);
        BUF_LIT(b, " THEN ");
        sql_format_expr(b, e->arg[i + 1]);
    }
    if (i < e->n_args) {
        BUF_LIT(b, " ELSE ");
        sql_format_expr(b, e->arg[i]);
    }
    BUF_LIT(b, " END)");
}

static void put_call(buf_t *b, const sql_expr_t *e)
{
    sql_format_name(b, e->name);
    buf_put_char(b, '(');
    if (e->star)
        buf_put_char(b, '*');
    put_args(b, e->arg, e->n_args);
    buf_put_char(b, ')');
}

static void put_lambda(buf_t *b, const sql_expr_t *e)
{
    buf_put_char(b, '(');
    for (size_t i = 0; i < e->names.len; i++) {
        if (i)
            BUF_LIT(b, ", ");
        sql_format_name(b, e->names.ptr[i]);
    }
    BUF_LIT(b, ") => ");
    sql_format_expr(b, e->arg[0]);
}

static void put_collection(buf_t *b, const sql_expr_t *e)
{
    buf_put_str(b, e->kind == SQL_EXPR_MAP ? STR("MAP(") : STR("STRUCT("));
    size_t step = e->kind == SQL_EXPR_MAP ? 2 : 1;
    for (size_t i = 0; i < e->n_args; i += step) {
        if (i)
            BUF_LIT(b, ", ");
        if (e->kind == SQL_EXPR_MAP)
            sql_format_expr(b, e->arg[i]);
        else
            sql_format_name(b, e->names.ptr[i]);
        BUF_LIT(b, ":=");
        sql_format_expr(b, e->arg[i + step - 1]);
    }
    buf_put_char(b, ')');
}

/* IS NULL, BETWEEN, IN, LIKE: in parentheses, a NOT but that of IS NOT NULL around them. */
static void put_predicate(buf_t *b, const sql_expr_t *e)
{
    bool outer_not = e->negated && e->kind != SQL_EXPR_IS_NULL;
    if (outer_not)
        BUF_LIT(b, "(NOT ");
    buf_put_char(b, '(');
    sql_format_expr(b, e->arg[0]);
    if (e->kind == SQL_EXPR_IS_NULL) {
        buf_put_str(b, e->negated ? STR(" IS NOT NULL") : STR(" IS NULL"));
    } else if (e->kind == SQL_EXPR_BETWEEN) {
        BUF_LIT(b, " BETWEEN ");
        sql_format_expr(b, e->arg[1]);
        BUF_LIT(b, " AND ");
        sql_format_expr(b, e->arg[2]);
    } else if (e->kind == SQL_EXPR_IN) {
        BUF_LIT(b, " IN (");
        put_args(b, e->arg + 1, e->n_args - 1);
        BUF_LIT(b, ")");
    } else {
        BUF_LIT(b, " LIKE ");
        sql_format_expr(b, e->arg[1]);
        if (e->text.ptr)
            put_typed(b, " ESCAPE", e->text);
    }
    buf_put_char(b, ')');
    if (outer_not)
        buf_put_char(b, ')');
}

static void put_unary(buf_t *b, const sql_expr_t *e)
{
    buf_put_str(b, str_of(op_text(e->op)));
    size_t start = b->len;
    sql_format_expr(b, e->arg[0]);
    if (e->op == SQL_OP_NEGATE && b->len > start && b->ptr[start] == '-') {
        /* "--" would begin a comment. */
        buf_put_char(b, ' ');
        memmove(b->ptr + start + 1, b->ptr + start, b->len - start - 1);
        b->ptr[start] = ' ';
    }
}

void sql_format_expr(buf_t *b, const sql_expr_t *e)
{
    switch (e->kind) {
    case SQL_EXPR_NULL: BUF_LIT(b, "null"); break;
    case SQL_EXPR_BOOLEAN: buf_put_str(b, e->b ? STR("true") : STR("false")); break;
    case SQL_EXPR_INTEGER:
    case SQL_EXPR_LONG: buf_put_i64(b, e->i64); break;
    case SQL_EXPR_DOUBLE: put_double(b, e->f64); break;
    case SQL_EXPR_DECIMAL: buf_put_str(b, e->text); break;
    case SQL_EXPR_STRING: put_quoted(b, e->text, '\''); break;
    case SQL_EXPR_DATE: put_typed(b, "DATE", e->text); break;
    case SQL_EXPR_TIME: put_typed(b, "TIME", e->text); break;
    case SQL_EXPR_TIMESTAMP: put_typed(b, "TIMESTAMP", e->text); break;
    case SQL_EXPR_COLUMN:
        if (e->source.len) {
            sql_format_name(b, e->source);
            buf_put_char(b, '.');
        }
        sql_format_name(b, e->name);
        break;
    case SQL_EXPR_DEREF:
        sql_format_expr(b, e->arg[0]);
        BUF_LIT(b, "->");
        sql_format_name(b, e->name);
        break;
    case SQL_EXPR_SUBSCRIPT:
        sql_format_expr(b, e->arg[0]);
        buf_put_char(b, '[');
        sql_format_expr(b, e->arg[1]);
        buf_put_char(b, ']');
        break;
    case SQL_EXPR_CALL: put_call(b, e); break;
    case SQL_EXPR_LAMBDA: put_lambda(b, e); break;
    case SQL_EXPR_UNARY: put_unary(b, e); break;
    case SQL_EXPR_ARITHMETIC:
    case SQL_EXPR_COMPARISON:
    case SQL_EXPR_LOGICAL:
        buf_put_char(b, '(');
        sql_format_expr(b, e->arg[0]);
        buf_printf(b, " %s ", op_text(e->op));
        sql_format_expr(b, e->arg[1]);
        buf_put_char(b, ')');
        break;
    case SQL_EXPR_NOT:
        BUF_LIT(b, "(NOT ");
        sql_format_expr(b, e->arg[0]);
        buf_put_char(b, ')');
        break;
    case SQL_EXPR_IS_NULL:
    case SQL_EXPR_BETWEEN:
    case SQL_EXPR_IN:
    case SQL_EXPR_LIKE: put_predicate(b, e); break;
    case SQL_EXPR_AT_TIME_ZONE:
        sql_format_expr(b, e->arg[0]);
        put_typed(b, " AT TIME ZONE", e->text);
        break;
    case SQL_EXPR_CASE_SEARCHED:
    case SQL_EXPR_CASE_SIMPLE: put_case(b, e); break;
    case SQL_EXPR_CAST:
        BUF_LIT(b, "CAST(");
        sql_format_expr(b, e->arg[0]);
        BUF_LIT(b, " AS ");
        sql_format_type(b, e->type);
        buf_put_char(b, ')');
        break;
    case SQL_EXPR_ARRAY:
        BUF_LIT(b, "ARRAY[");
        put_args(b, e->arg, e->n_args);
        buf_put_char(b, ']');
        break;
    case SQL_EXPR_MAP:
    case SQL_EXPR_STRUCT: put_collection(b, e); break;
    case SQL_EXPR_KINDS: break;
    }
}

str_t sql_format_expr_text(arena_t *a, const sql_expr_t *e)
{
    buf_t b = BUF_INIT;
    sql_format_expr(&b, e);
    str_t s = arena_str(a, buf_str(&b));
    buf_done(&b);
    return s;
}

/* ---- queries ---- */

static void put_item(buf_t *b, const sql_item_t *i)
{
    switch (i->kind) {
    case SQL_ITEM_STAR: buf_put_char(b, '*'); break;
    case SQL_ITEM_SOURCE_STAR:
        sql_format_name(b, i->source);
        BUF_LIT(b, ".*");
        break;
    case SQL_ITEM_STRUCT_STAR:
        sql_format_expr(b, i->expr);
        BUF_LIT(b, "->*");
        break;
    case SQL_ITEM_EXPR:
        sql_format_expr(b, i->expr);
        if (i->alias.len) {
            buf_put_char(b, ' ');
            sql_format_name(b, i->alias);
        }
        break;
    }
}

static void put_duration(buf_t *b, const char *before, sql_duration_t d)
{
    if (d.unit != SQL_UNIT_NONE)
        buf_printf(b, "%s%lld %s", before, (long long)d.value, sql_unit_name(d.unit));
}

static void put_source(buf_t *b, const sql_source_t *s)
{
    sql_format_name(b, s->name);
    buf_put_char(b, ' ');
    sql_format_name(b, s->alias);
}

static void put_join(buf_t *b, const sql_join_t *j)
{
    static const char *const kinds[] = {
        [SQL_JOIN_INNER] = "INNER",
        [SQL_JOIN_LEFT] = "LEFT OUTER",
        [SQL_JOIN_RIGHT] = "RIGHT OUTER",
        [SQL_JOIN_FULL] = "FULL OUTER",
    };
    buf_printf(b, "\n%s JOIN ", kinds[j->kind]);
    put_source(b, &j->source);
    buf_put_char(b, '\n');
    if (j->within) {
        bool same = j->before.value == j->after.value && j->before.unit == j->after.unit;
        put_duration(b, same ? "WITHIN " : "WITHIN (", j->before);
        if (!same) {
            put_duration(b, ", ", j->after);
            buf_put_char(b, ')');
        }
        put_duration(b, " GRACE PERIOD ", j->grace);
        buf_put_char(b, ' ');
    }
    BUF_LIT(b, "ON (");
    sql_format_expr(b, j->on);
    buf_put_char(b, ')');
}

static void put_window(buf_t *b, const sql_window_t *w)
{
    static const char *const kinds[] = {
        [SQL_WINDOW_NONE] = "",
        [SQL_WINDOW_TUMBLING] = "TUMBLING ( SIZE ",
        [SQL_WINDOW_HOPPING] = "HOPPING ( SIZE ",
        [SQL_WINDOW_SESSION] = "SESSION ( ",
    };
    if (w->kind == SQL_WINDOW_NONE)
        return;
    buf_printf(b, "\nWINDOW %s", kinds[w->kind]);
    put_duration(b, "", w->size);
    put_duration(b, " , ADVANCE BY ", w->advance);
    put_duration(b, " , RETENTION ", w->retention);
    put_duration(b, " , GRACE PERIOD ", w->grace);
    BUF_LIT(b, " ) ");
}

static void put_exprs(buf_t *b, const char *before, sql_exprs_t list)
{
    if (list.len) {
        buf_put_str(b, str_of(before));
        put_args(b, list.ptr, list.len);
    }
}

static void put_clause(buf_t *b, const char *before, const sql_expr_t *e)
{
    if (e) {
        buf_put_str(b, str_of(before));
        sql_format_expr(b, e);
    }
}

void sql_format_query(buf_t *b, const sql_query_t *q)
{
    BUF_LIT(b, "SELECT");
    for (size_t i = 0; i < q->n_items; i++) {
        buf_put_str(b, q->n_items == 1 ? STR(" ") : i ? STR(",\n  ") : STR("\n  "));
        put_item(b, &q->item[i]);
    }
    BUF_LIT(b, "\nFROM ");
    put_source(b, &q->from);
    for (size_t i = 0; i < q->n_joins; i++)
        put_join(b, &q->join[i]);
    put_window(b, &q->window);
    put_clause(b, "\nWHERE ", q->where);
    put_exprs(b, "\nGROUP BY ", q->group_by);
    put_exprs(b, "\nPARTITION BY ", q->partition_by);
    put_clause(b, "\nHAVING ", q->having);
    if (q->emit != SQL_EMIT_NONE)
        buf_put_str(b, q->emit == SQL_EMIT_FINAL ? STR("\nEMIT FINAL") : STR("\nEMIT CHANGES"));
    if (q->has_limit)
        buf_printf(b, "\nLIMIT %lld", (long long)q->limit);
}

/* ---- statements ---- */

static void put_columns(buf_t *b, sql_columns_t columns)
{
    BUF_LIT(b, " (");
    for (size_t i = 0; i < columns.len; i++) {
        const sql_column_t *c = &columns.ptr[i];
        if (i)
            BUF_LIT(b, ", ");
        sql_format_name(b, c->name);
        buf_put_char(b, ' ');
        sql_format_type(b, c->type);
        switch (c->role) {
        case SQL_COLUMN_VALUE: break;
        case SQL_COLUMN_KEY: BUF_LIT(b, " KEY"); break;
        case SQL_COLUMN_PRIMARY_KEY: BUF_LIT(b, " PRIMARY KEY"); break;
        case SQL_COLUMN_HEADERS: BUF_LIT(b, " HEADERS"); break;
        case SQL_COLUMN_HEADER:
            BUF_LIT(b, " HEADER(");
            put_quoted(b, c->header, '\'');
            BUF_LIT(b, ")");
            break;
        }
    }
    buf_put_char(b, ')');
}

static void put_props(buf_t *b, sql_props_t props)
{
    if (!props.len)
        return;
    BUF_LIT(b, " WITH (");
    for (size_t i = 0; i < props.len; i++) {
        if (i)
            BUF_LIT(b, ", ");
        sql_format_name(b, props.ptr[i].name);
        buf_put_char(b, '=');
        sql_format_expr(b, props.ptr[i].value);
    }
    buf_put_char(b, ')');
}

static void put_create(buf_t *b, const sql_create_t *c)
{
    buf_printf(b, "CREATE %s%s%s %s", c->or_replace ? "OR REPLACE " : "",
               c->source ? "SOURCE " : "", c->table ? "TABLE" : "STREAM",
               c->if_not_exists ? "IF NOT EXISTS " : "");
    sql_format_name(b, c->name);
    if (c->has_columns)
        put_columns(b, c->columns);
    put_props(b, c->props);
    if (c->query) {
        BUF_LIT(b, " AS ");
        sql_format_query(b, c->query);
    }
}

static void put_insert(buf_t *b, const sql_insert_t *i)
{
    BUF_LIT(b, "INSERT INTO ");
    sql_format_name(b, i->target);
    put_props(b, i->props);
    if (i->query) {
        buf_put_char(b, ' ');
        sql_format_query(b, i->query);
        return;
    }
    for (size_t k = 0; k < i->columns.len; k++) {
        buf_put_str(b, k ? STR(", ") : STR(" ("));
        sql_format_name(b, i->columns.ptr[k]);
    }
    buf_put_str(b, i->columns.len ? STR(") VALUES (") : STR(" VALUES ("));
    put_args(b, i->values.ptr, i->values.len);
    buf_put_char(b, ')');
}

/* DELETE TOPIC is not echoed. */
static void put_drop(buf_t *b, const sql_drop_t *d, const char *what)
{
    buf_printf(b, "DROP %s %s", what, d->if_exists ? "IF EXISTS " : "");
    sql_format_name(b, d->name);
}

static void put_alter(buf_t *b, const sql_alter_t *a)
{
    buf_printf(b, "ALTER %s ", a->table ? "TABLE" : "STREAM");
    sql_format_name(b, a->name);
    for (size_t i = 0; i < a->add.len; i++) {
        buf_put_str(b, i ? STR(",\nADD COLUMN ") : STR("\nADD COLUMN "));
        sql_format_name(b, a->add.ptr[i].name);
        buf_put_char(b, ' ');
        sql_format_type(b, a->add.ptr[i].type);
    }
}

void sql_format_stmt(buf_t *b, const sql_stmt_t *s)
{
    /* Those that ksqlDB does not lay out anew stand as they were written. */
    if (s->kind == SQL_STMT_QUERY) {
        sql_format_query(b, s->query);
    } else if (s->kind == SQL_STMT_CREATE_SOURCE || s->kind == SQL_STMT_CREATE_AS) {
        put_create(b, &s->create);
    } else if (s->kind == SQL_STMT_INSERT_SELECT || s->kind == SQL_STMT_INSERT_VALUES) {
        put_insert(b, &s->insert);
    } else if (s->kind == SQL_STMT_DROP_SOURCE) {
        put_drop(b, &s->drop, s->drop.table ? "TABLE" : "STREAM");
    } else if (s->kind == SQL_STMT_DROP_TYPE) {
        put_drop(b, &s->drop, "TYPE");
    } else if (s->kind == SQL_STMT_ALTER_SOURCE) {
        put_alter(b, &s->alter);
    } else if (s->kind == SQL_STMT_CREATE_TYPE) {
        buf_printf(b, "CREATE TYPE %s", s->type.if_not_exists ? "IF NOT EXISTS " : "");
        sql_format_name(b, s->type.name);
        BUF_LIT(b, " AS ");
        sql_format_type(b, s->type.type);
    } else {
        buf_put_str(b, s->text);
    }
    if (b->len == 0 || b->ptr[b->len - 1] != ';')
        buf_put_char(b, ';');
}
