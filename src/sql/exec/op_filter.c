/* WHERE and HAVING. A table's row that stops matching, having matched before, becomes a tombstone.
 */
#include "sql/exec/op.h"

typedef struct op_filter_state {
    op_t op;
    exec_records_t out;
} op_filter_t;

static bool passes(op_t *o, const data_value_t *row)
{
    data_value_t v = op_eval(o, o->step->filter.predicate, row);
    return v.kind == DATA_BOOLEAN && v.b;
}

static bool table_row(op_t *o, exec_record_t *r)
{
    bool old = r->old && passes(o, r->old);
    bool now = !(r->flags & EXEC_DELETED) && passes(o, r->row);
    if (!old)
        r->old = NULL;
    if (!now)
        r->flags |= EXEC_DELETED;
    return now || old;
}

static void push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    (void)port;
    op_filter_t *f = (op_filter_t *)o;
    VEC_CLEAR(&f->out);
    VEC_RESERVE(&f->out, n);
    for (size_t i = 0; i < n; i++) {
        exec_record_t *out = &f->out.ptr[f->out.len];
        *out = r[i];
        if (o->step->table ? table_row(o, out)
                           : !(r[i].flags & EXEC_DELETED) && passes(o, r[i].row))
            f->out.len++;
    }
    op_push(o, partition, f->out.ptr, f->out.len);
}

static void done(op_t *o)
{
    op_filter_t *f = (op_filter_t *)o;
    expr_done(o->step->filter.predicate);
    VEC_DONE(&f->out);
}

const op_class_t op_filter = {.size = sizeof(op_filter_t), .push = push, .done = done};
