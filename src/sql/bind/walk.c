/* Looking through expressions. */
#include "sql/bind/query.h"

void bind_walk(const sql_expr_t *e, void (*visit)(void *self, const sql_expr_t *e), void *self)
{
    if (!e)
        return;
    visit(self, e);
    for (size_t i = 0; i < e->n_args; i++)
        bind_walk(e->arg[i], visit, self);
}

bool bind_is_aggregate(const sql_expr_t *e)
{
    return e->kind == SQL_EXPR_CALL && sql_function_exists(e->name, SQL_FN_AGGREGATE);
}

bool bind_is_table_function(const sql_expr_t *e)
{
    return e->kind == SQL_EXPR_CALL && sql_function_exists(e->name, SQL_FN_TABLE);
}

typedef struct find_env {
    bool (*test)(const sql_expr_t *e);
    const sql_expr_t *found;
} find_env_t;

static void find_visit(void *self, const sql_expr_t *e)
{
    find_env_t *f = self;
    if (!f->found && f->test(e))
        f->found = e;
}

const sql_expr_t *bind_find(const sql_expr_t *e, bool (*test)(const sql_expr_t *e))
{
    find_env_t f = {test, NULL};
    bind_walk(e, find_visit, &f);
    return f.found;
}
