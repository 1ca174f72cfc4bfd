#include "sql/function/signature.h"

#include "sql/function/function.h"

typedef struct reader {
    arena_t *arena;
    str_t left;
} reader_t;

static bool take(reader_t *r, const char *what)
{
    r->left = str_trim(r->left);
    str_t w = str_of(what);
    if (!str_starts(r->left, w))
        return false;
    r->left = str_sub(r->left, w.len, r->left.len);
    return true;
}

static str_t word(reader_t *r)
{
    r->left = str_trim(r->left);
    size_t n = 0;
    while (n < r->left.len &&
           (str_lower_char(r->left.ptr[n]) != str_upper_char(r->left.ptr[n]) ||
            r->left.ptr[n] == '_' || (n && r->left.ptr[n] >= '0' && r->left.ptr[n] <= '9')))
        n++;
    str_t w = str_sub(r->left, 0, n);
    r->left = str_sub(r->left, n, r->left.len);
    return w;
}

static const data_type_t *named(str_t name)
{
    static const struct {
        const char *name;
        const data_type_t *type;
    } types[] = {
        {"BOOLEAN", &data_boolean},     {"INTEGER", &data_integer},
        {"BIGINT", &data_bigint},       {"DOUBLE", &data_double},
        {"STRING", &data_string},       {"BYTES", &data_bytes},
        {"TIME", &data_time},           {"DATE", &data_date},
        {"TIMESTAMP", &data_timestamp}, {"INTERVALUNIT", &sql_type_unit},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_eq(name, str_of(types[i].name)))
            return types[i].type;
    return NULL;
}

static sql_sig_type_t *read_type(reader_t *r);

static void add_part(sql_sig_type_t *t, sql_sig_type_t *part)
{
    ASSERT(t->n_parts < sizeof t->part / sizeof *t->part);
    t->part[t->n_parts++] = part;
}

static sql_sig_type_t *read_lambda(reader_t *r, sql_sig_type_t *t)
{
    t->kind = SQL_SIG_LAMBDA;
    do
        add_part(t, read_type(r));
    while (take(r, ","));
    bool ok = take(r, ")") && take(r, "=>");
    ASSERT(ok);
    add_part(t, read_type(r));
    return t;
}

static sql_sig_type_t *read_type(reader_t *r)
{
    sql_sig_type_t *t = ARENA_NEW(r->arena, sql_sig_type_t);
    if (take(r, "("))
        return read_lambda(r, t);
    str_t w = word(r);
    if (str_eq(w, STR("ARRAY")) || str_eq(w, STR("MAP"))) {
        t->kind = w.ptr[0] == 'A' ? SQL_SIG_ARRAY : SQL_SIG_MAP;
        bool ok = take(r, "<");
        add_part(t, read_type(r));
        if (t->kind == SQL_SIG_MAP) {
            ok = ok && take(r, ",");
            add_part(t, read_type(r));
        }
        ok = ok && take(r, ">");
        ASSERT(ok);
    } else if (str_eq(w, STR("DECIMAL"))) {
        t->kind = SQL_SIG_DECIMAL;
    } else if (w.len == 1) {
        t->kind = SQL_SIG_VAR;
        t->var = w.ptr[0];
    } else {
        t->type = named(w);
        ASSERT(t->type);
    }
    return t;
}

void sql_signature_read(arena_t *a, const char *text, sql_signature_t *ret)
{
    reader_t r = {a, str_of(text)};
    *ret = (sql_signature_t){0};
    bool ok = take(&r, "(");
    while (ok && !take(&r, ")")) {
        ASSERT(ret->n_params < SQL_SIG_PARAMS_MAX);
        ret->param[ret->n_params] = read_type(&r);
        if (take(&r, "..."))
            ret->variadic = true;
        ret->name[ret->n_params++] = word(&r);
        (void)take(&r, ",");
    }
    ok = ok && take(&r, "->");
    ASSERT(ok);
    ret->ret = read_type(&r);
}

void sql_signature_put_type(buf_t *b, const sql_sig_type_t *t)
{
    switch (t->kind) {
    case SQL_SIG_TYPE:
        if (t->type == &sql_type_unit)
            BUF_LIT(b, "INTERVALUNIT");
        else
            data_type_put(b, t->type);
        break;
    case SQL_SIG_DECIMAL: BUF_LIT(b, "DECIMAL"); break;
    case SQL_SIG_VAR: buf_put_char(b, t->var); break;
    case SQL_SIG_LAMBDA: BUF_LIT(b, "LAMBDA"); break;
    case SQL_SIG_ARRAY:
    case SQL_SIG_MAP:
        buf_put_str(b, t->kind == SQL_SIG_MAP ? STR("MAP<") : STR("ARRAY<"));
        sql_signature_put_type(b, t->part[0]);
        if (t->kind == SQL_SIG_MAP) {
            BUF_LIT(b, ", ");
            sql_signature_put_type(b, t->part[1]);
        }
        buf_put_char(b, '>');
        break;
    }
}
