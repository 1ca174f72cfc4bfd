/* EXPLODE and the like: a row becomes as many as its longest table function gives, the shorter ones
 * filled with null. */
#include "sql/exec/op.h"

typedef struct op_flat_map_state {
    op_t op;
    exec_records_t out;
    void **state; /* one a function */
    void (**state_free)(void *);
} op_flat_map_t;

static st_t init(op_t *o, err_t *err)
{
    (void)err;
    op_flat_map_t *f = (op_flat_map_t *)o;
    f->state = arena_zalloc(&o->x->life, (o->step->flat_map.n + 1) * sizeof(void *));
    f->state_free =
        (void (**)(void *))arena_zalloc(&o->x->life, (o->step->flat_map.n + 1) * sizeof(void *));
    return ST_OK;
}

static void call(op_flat_map_t *f, size_t i, const data_value_t *in, const data_value_t **ret_rows,
                 size_t *ret_n)
{
    op_t *o = &f->op;
    const sql_fn_resolved_t *fn = &o->step->flat_map.call[i];
    size_t n_args = 0;
    while (o->step->flat_map.arg[i][n_args])
        n_args++;
    data_value_t *args = op_row(o, n_args);
    for (size_t k = 0; k < n_args; k++)
        args[k] = op_eval(o, o->step->flat_map.arg[i][k], in);
    sql_fn_call_t c = {.arena = &o->x->arena,
                       .arg_type = fn->arg_type,
                       .n_args = n_args,
                       .ret_type = fn->ret_type,
                       .state = &f->state[i],
                       .state_free = &f->state_free[i],
                       .now_ms = o->step->flat_map.env->now_ms,
                       .random = o->step->flat_map.env->random,
                       .env = o->step->flat_map.env->env};
    *ret_n = 0;
    if (fn->fn->table(&c, args, ret_rows, ret_n, &o->x->err) != ST_OK) {
        *ret_n = 0;
        op_failed(o, "table function");
    }
}

static void one(op_flat_map_t *f, const exec_record_t *r)
{
    op_t *o = &f->op;
    size_t n = o->step->flat_map.n, n_in = o->step->in[0]->schema.n, longest = 0;
    const data_value_t **rows = arena_alloc(&o->x->arena, n * sizeof *rows);
    size_t *len = arena_alloc(&o->x->arena, n * sizeof *len);
    for (size_t i = 0; i < n; i++) {
        call(f, i, r->row, &rows[i], &len[i]);
        if (len[i] > longest)
            longest = len[i];
    }
    for (size_t k = 0; k < longest; k++) {
        data_value_t *row = op_row(o, o->step->schema.n);
        memcpy(row, r->row, n_in * sizeof *row);
        for (size_t i = 0; i < n; i++)
            row[n_in + i] = k < len[i] ? rows[i][k] : DATA_NULL_VALUE;
        exec_record_t out = *r;
        out.row = row;
        VEC_PUSH(&f->out, out);
    }
}

static void push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    op_flat_map_t *f = (op_flat_map_t *)o;
    VEC_CLEAR(&f->out);
    for (size_t i = 0; i < n; i++)
        if (!(r[i].flags & EXEC_DELETED))
            one(f, &r[i]);
    op_push(o, partition, f->out.ptr, f->out.len);
}

static void done(op_t *o)
{
    op_flat_map_t *f = (op_flat_map_t *)o;
    for (size_t i = 0; i < o->step->flat_map.n; i++) {
        if (f->state && f->state[i] && f->state_free[i])
            f->state_free[i](f->state[i]);
        for (expr_t **e = o->step->flat_map.arg[i]; *e; e++)
            expr_done(*e);
    }
    VEC_DONE(&f->out);
}

const op_class_t op_flat_map = {
    .size = sizeof(op_flat_map_t), .init = init, .push = push, .done = done};
