/* SELECT, PARTITION BY, GROUP BY's new key: each output column is an expression over the input row.
 */
#include "sql/exec/op.h"

typedef struct op_select_state {
    op_t op;
    exec_records_t out;
} op_select_t;

/* A deleted row has only its key columns. */
static const data_value_t *project(op_t *o, const data_value_t *in, bool deleted)
{
    size_t n = o->step->schema.n, n_key = o->step->schema.n_key;
    expr_t *const *expr = o->step->select.expr;
    data_value_t *row = op_row(o, n);
    for (size_t i = 0; i < n; i++) {
        const expr_t *e = expr[i];
        if (deleted && i >= n_key)
            row[i] = DATA_NULL_VALUE;
        else if (!e->n_steps) /* a column or a constant */
            row[i] = e->result >= 0 ? in[e->result] : e->reg[~e->result];
        else
            row[i] = op_eval(o, expr[i], in);
    }
    return row;
}

/* A key of several columns is a record: there even if all of them are null. */
static bool key_is_null(op_t *o, const data_value_t *row)
{
    return o->step->schema.n_key == 1 && row[0].kind == DATA_NULL;
}

static bool any_key_null(op_t *o, const data_value_t *row)
{
    for (size_t i = 0; i < o->step->schema.n_key; i++)
        if (row[i].kind == DATA_NULL)
            return true;
    return false;
}

static bool rekey(op_t *o, const exec_record_t *in, exec_record_t *out)
{
    if (in->flags & EXEC_DELETED && o->step->select.drop_null_key)
        return false;
    out->row = project(o, in->row, in->flags & EXEC_DELETED);
    out->flags &= ~(uint32_t)EXEC_NO_KEY;
    if (key_is_null(o, out->row))
        out->flags |= EXEC_NO_KEY;
    return !(o->step->select.drop_null_key && any_key_null(o, out->row));
}

/* A table that is grouped by something else: what was there leaves its group, what is there now
 * enters one. */
static void regroup(op_select_t *s, const exec_record_t *in)
{
    op_t *o = &s->op;
    exec_record_t r = *in;
    r.old = NULL;
    const data_value_t *old = in->old ? project(o, in->old, false) : NULL;
    const data_value_t *now = in->flags & EXEC_DELETED ? NULL : project(o, in->row, false);
    if (old && any_key_null(o, old))
        old = NULL;
    if (now && any_key_null(o, now))
        now = NULL;
    if (old && now) {
        bool same = true;
        for (size_t i = 0; i < o->step->schema.n_key && same; i++)
            same = data_eq(old[i], now[i]);
        if (same) { /* one combined update */
            r.row = now;
            r.old = old;
            VEC_PUSH(&s->out, r);
            return;
        }
    }
    if (old) {
        r.row = old;
        r.flags = EXEC_UNDO;
        VEC_PUSH(&s->out, r);
    }
    if (now) {
        r.row = now;
        r.flags = 0;
        VEC_PUSH(&s->out, r);
    }
}

static void push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    op_select_t *s = (op_select_t *)o;
    VEC_CLEAR(&s->out);
    VEC_RESERVE(&s->out, n);
    for (size_t i = 0; i < n; i++) {
        if (o->step->select.is_table_group) {
            regroup(s, &r[i]);
            continue;
        }
        exec_record_t *out = &s->out.ptr[s->out.len];
        *out = r[i];
        if (o->step->select.rekey) {
            s->out.len += rekey(o, &r[i], out);
            continue;
        }
        out->row = project(o, r[i].row, r[i].flags & EXEC_DELETED);
        if (r[i].old && o->step->need_old)
            out->old = project(o, r[i].old, false);
        s->out.len++;
    }
    op_push(o, partition, s->out.ptr, s->out.len);
}

static void done(op_t *o)
{
    op_select_t *s = (op_select_t *)o;
    for (size_t i = 0; i < o->step->schema.n; i++)
        expr_done(o->step->select.expr[i]);
    VEC_DONE(&s->out);
}

const op_class_t op_select = {.size = sizeof(op_select_t), .push = push, .done = done};
