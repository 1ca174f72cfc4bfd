#include "sql/parse/build.h"

#include "sql/parse/grammar.h"

#include <math.h>

sql_list_t *sql_list_put(sql_build_t *b, sql_list_t *l, const void *item, size_t size)
{
    if (!l)
        l = ARENA_NEW(b->arena, sql_list_t);
    if (l->len == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        void *grown = arena_alloc(b->arena, cap * size);
        if (l->len)
            memcpy(grown, l->ptr, l->len * size);
        l->ptr = grown;
        l->cap = cap;
    }
    memcpy((char *)l->ptr + l->len++ * size, item, size);
    return l;
}

sql_list_t *sql_list_first(sql_build_t *b, sql_expr_t *first, const sql_list_t *rest)
{
    sql_list_t *l = sql_list_put(b, NULL, &first, sizeof first);
    for (size_t i = 0; i < rest->len; i++)
        l = sql_list_put(b, l, (sql_expr_t **)rest->ptr + i, sizeof first);
    return l;
}

void sql_build_fail(sql_build_t *b, sql_pos_t at, const char *what)
{
    if (b->st == ST_OK)
        b->st = err_set(b->err, ST_BAD_STATEMENT, "line %u:%u: Syntax Error\n%s", at.line,
                        at.column, what);
}

void sql_build_refuse(sql_build_t *b, const char *what)
{
    if (b->st == ST_OK)
        b->st = err_set(b->err, ST_BAD_STATEMENT, "%s", what);
}

void sql_build_too_deep(sql_build_t *b)
{
    if (b->st == ST_OK)
        b->st = err_set(b->err, ST_BAD_STATEMENT,
                        "Syntax Error\nthe statement is nested too deeply: at most %d levels",
                        SQL_PARSE_DEPTH_MAX);
}

str_t sql_build_as_written(sql_token_t name)
{
    return name.code == TK_STRING_VALUE || name.code == TK_QUOTED ? name.text : name.raw;
}

sql_stmt_t *sql_build_stmt(sql_build_t *b, sql_stmt_kind_t kind)
{
    sql_stmt_t *s = ARENA_NEW(b->arena, sql_stmt_t);
    s->kind = kind;
    return s;
}

/* ---- expressions ---- */

static sql_expr_t *leaf(sql_build_t *b, sql_expr_kind_t kind, sql_pos_t at)
{
    sql_expr_t *e = ARENA_NEW(b->arena, sql_expr_t);
    e->kind = kind;
    e->at = at;
    e->height = 1;
    return e;
}

/* Takes the children; a tree that grew too high is a failure, and so nobody who walks it recurses
 * too deep. */
static void adopt(sql_build_t *b, sql_expr_t *e, sql_expr_t *const *arg, size_t n)
{
    e->arg = arg;
    e->n_args = n;
    for (size_t i = 0; i < n; i++)
        if (arg[i]->height >= e->height)
            e->height = (uint16_t)(arg[i]->height + 1);
    if (e->height > SQL_PARSE_DEPTH_MAX) {
        sql_build_too_deep(b);
        e->height = SQL_PARSE_DEPTH_MAX;
    }
}

sql_expr_t *sql_build_literal(sql_build_t *b, sql_expr_kind_t kind, sql_token_t t)
{
    sql_expr_t *e = leaf(b, kind, t.at);
    e->text = t.text;
    return e;
}

sql_expr_t *sql_build_bool(sql_build_t *b, bool value, sql_token_t t)
{
    sql_expr_t *e = leaf(b, SQL_EXPR_BOOLEAN, t.at);
    e->b = value;
    return e;
}

/* ksqlDB finds these when it builds the tree and counts the column one further there. */
static void fail_number(sql_build_t *b, sql_token_t t, const char *what)
{
    if (b->st == ST_OK)
        b->st = err_set(b->err, ST_BAD_STATEMENT,
                        "Failed to prepare statement: line %u:%u: %s: " STR_FMT, t.at.line,
                        t.at.column + 1, what, STR_ARG(t.text));
}

sql_expr_t *sql_build_integer(sql_build_t *b, sql_token_t t)
{
    int64_t i = 0;
    if (!str_to_i64(t.text, &i))
        fail_number(b, t, "Invalid numeric literal");
    bool small = i >= INT32_MIN && i <= INT32_MAX;
    sql_expr_t *e = leaf(b, small ? SQL_EXPR_INTEGER : SQL_EXPR_LONG, t.at);
    e->i64 = i;
    return e;
}

sql_expr_t *sql_build_double(sql_build_t *b, sql_token_t t)
{
    sql_expr_t *e = leaf(b, SQL_EXPR_DOUBLE, t.at);
    if (!str_to_f64(t.text, &e->f64))
        fail_number(b, t, "Not a number");
    else if (isinf(e->f64))
        fail_number(b, t, "Number overflows DOUBLE");
    return e;
}

sql_expr_t *sql_build_typed(sql_build_t *b, sql_token_t type, sql_token_t text)
{
    static const struct {
        str_t name;
        sql_expr_kind_t kind;
    } types[] = {
        {{"DATE", 4}, SQL_EXPR_DATE},
        {{"TIME", 4}, SQL_EXPR_TIME},
        {{"TIMESTAMP", 9}, SQL_EXPR_TIMESTAMP},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (str_eq(type.text, types[i].name)) {
            sql_expr_t *e = sql_build_literal(b, types[i].kind, text);
            e->at = type.at;
            return e;
        }
    }
    if (b->st == ST_OK)
        b->st = err_set(b->err, ST_BAD_STATEMENT, "line %u:%u: Unknown type: " STR_FMT,
                        type.at.line, type.at.column, STR_ARG(type.text));
    return sql_build_literal(b, SQL_EXPR_STRING, text);
}

sql_expr_t *sql_build_column(sql_build_t *b, const sql_token_t *source, sql_token_t name)
{
    sql_expr_t *e = leaf(b, SQL_EXPR_COLUMN, source ? source->at : name.at);
    if (source)
        e->source = source->text;
    else if (name.code != TK_QUOTED)
        e->unit = sql_unit_of(name.text);
    e->name = name.text;
    return e;
}

sql_expr_t *sql_build_deref(sql_build_t *b, sql_expr_t *base, sql_token_t name)
{
    sql_expr_t *e = sql_build_op(b, SQL_EXPR_DEREF, SQL_OP_NONE, base, NULL);
    e->name = name.text;
    return e;
}

sql_expr_t *sql_build_op(sql_build_t *b, sql_expr_kind_t kind, sql_op_t op, sql_expr_t *x,
                         sql_expr_t *y)
{
    sql_expr_t *e = leaf(b, kind, x->at);
    sql_expr_t **arg = arena_alloc(b->arena, 2 * sizeof *arg);
    arg[0] = x;
    arg[1] = y;
    e->op = op;
    adopt(b, e, arg, y ? 2 : 1);
    return e;
}

sql_expr_t *sql_build_node(sql_build_t *b, sql_expr_kind_t kind, sql_pos_t at, sql_list_t *args)
{
    sql_expr_t *e = leaf(b, kind, at);
    if (args)
        adopt(b, e, args->ptr, args->len);
    return e;
}

sql_expr_t *sql_build_call(sql_build_t *b, sql_token_t name, sql_list_t *args)
{
    sql_expr_t *e = sql_build_node(b, SQL_EXPR_CALL, name.at, args);
    e->name = name.text;
    return e;
}

sql_expr_t *sql_build_lambda(sql_build_t *b, sql_pos_t at, sql_list_t *names, sql_expr_t *body)
{
    sql_expr_t *e = sql_build_op(b, SQL_EXPR_LAMBDA, SQL_OP_NONE, body, NULL);
    e->at = at;
    e->names = (sql_names_t){LIST_OF(names)};
    return e;
}

str_t sql_build_param(sql_build_t *b, const sql_expr_t *e)
{
    if (e->kind != SQL_EXPR_COLUMN || e->source.ptr)
        sql_build_fail(b, e->at, "Expecting IDENTIFIER: the parameter of a lambda");
    return e->name;
}

/* ---- types ---- */

static sql_type_t *type_new(sql_build_t *b, data_kind_t kind, sql_pos_t at)
{
    sql_type_t *t = ARENA_NEW(b->arena, sql_type_t);
    t->kind = kind;
    t->at = at;
    t->height = 1;
    return t;
}

static void type_adopt(sql_build_t *b, sql_type_t *t, const sql_type_t *part)
{
    if (part && part->height >= t->height)
        t->height = (uint16_t)(part->height + 1);
    if (t->height > SQL_PARSE_DEPTH_MAX) {
        sql_build_too_deep(b);
        t->height = SQL_PARSE_DEPTH_MAX;
    }
}

static data_kind_t kind_of(str_t name)
{
    static const struct {
        const char *name;
        data_kind_t kind;
    } kinds[] = {
        {"BOOLEAN", DATA_BOOLEAN}, {"INT", DATA_INTEGER},   {"INTEGER", DATA_INTEGER},
        {"BIGINT", DATA_BIGINT},   {"DOUBLE", DATA_DOUBLE}, {"DECIMAL", DATA_DECIMAL},
        {"VARCHAR", DATA_STRING},  {"STRING", DATA_STRING}, {"BYTES", DATA_BYTES},
        {"TIME", DATA_TIME},       {"DATE", DATA_DATE},     {"TIMESTAMP", DATA_TIMESTAMP},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (str_eq(name, str_of(kinds[i].name)))
            return kinds[i].kind;
    return DATA_NULL;
}

static int32_t type_number(sql_build_t *b, const sql_token_t *t)
{
    int32_t n = 0;
    if (t->code != TK_INTEGER_VALUE || !str_to_i32(t->text, &n))
        sql_build_fail(b, t->at, "Expecting INTEGER_VALUE");
    return n;
}

/* DECIMAL takes a precision and a scale (0 when left out); VARCHAR's (STRING) and others' numbers
 * say nothing. */
sql_type_t *sql_build_type(sql_build_t *b, sql_token_t name, sql_list_t *params)
{
    sql_type_t *t = type_new(b, kind_of(name.text), name.at);
    t->name = name.text;
    if (t->kind != DATA_DECIMAL)
        return t;
    const sql_token_t *param = params ? params->ptr : NULL;
    if (!params || params->len > 2) {
        sql_build_fail(b, name.at, "DECIMAL takes a precision and a scale: DECIMAL(10, 2)");
        return t;
    }
    t->precision = type_number(b, &param[0]);
    t->scale = params->len > 1 ? type_number(b, &param[1]) : 0;
    if (b->st != ST_OK)
        return t;
    const char *wrong = t->precision < 1          ? "DECIMAL precision must be >= 1"
                        : t->scale < 0            ? "DECIMAL scale must be >= 0"
                        : t->precision < t->scale ? "DECIMAL precision must be >= scale"
                                                  : NULL;
    if (wrong)
        b->st =
            err_set(b->err, ST_BAD_STATEMENT, "%s: DECIMAL(%d,%d)", wrong, t->precision, t->scale);
    return t;
}

sql_type_t *sql_build_collection(sql_build_t *b, data_kind_t kind, sql_pos_t at,
                                 const sql_type_t *key, const sql_type_t *elem)
{
    sql_type_t *t = type_new(b, kind, at);
    t->key = key;
    t->elem = elem;
    type_adopt(b, t, key);
    type_adopt(b, t, elem);
    return t;
}

sql_type_t *sql_build_struct(sql_build_t *b, sql_pos_t at, sql_list_t *fields)
{
    sql_type_t *t = type_new(b, DATA_STRUCT, at);
    if (fields) {
        t->field = fields->ptr;
        t->n_fields = fields->len;
    }
    for (size_t i = 0; i < t->n_fields; i++)
        type_adopt(b, t, t->field[i].type);
    return t;
}

/* ---- counts and durations ---- */

int64_t sql_build_count(sql_build_t *b, sql_token_t t)
{
    int64_t n = 0;
    if (!str_to_i64(t.text, &n))
        fail_number(b, t, "Invalid numeric literal");
    else if (n < 0)
        sql_build_fail(b, t.at, "Expecting INTEGER_VALUE that is not negative");
    return n < 0 ? 0 : n;
}

sql_duration_t sql_build_duration(sql_build_t *b, sql_token_t number, sql_unit_t unit)
{
    sql_duration_t d = {.value = sql_build_count(b, number), .unit = unit};
    if (__builtin_mul_overflow(d.value, sql_unit_ms(unit), &d.ms)) {
        sql_build_fail(b, number.at, "the time span is too long");
        d.ms = 0;
    }
    return d;
}
