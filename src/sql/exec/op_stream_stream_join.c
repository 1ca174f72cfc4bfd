/* Two streams joined WITHIN a time, Kafka Streams' algorithm:
 *
 *  J1  A row with a null key or a null value is dropped, also by an outer join.
 *  J2  Each side keeps its rows for before + after + grace behind its own newest time.
 *  J3  A row meets the other side's rows with ts in [t - before, t + after] (for the right side
 * before and after change places), in order of time; the result's time is the later of the two. J4
 * An outer join written without GRACE lets an unmatched row out at once. Written with GRACE, it
 * lets it out once the newest time of both sides is past ts + after + grace, looked at at most once
 * a second of wall time.
 */
#include "sql/exec/op.h"

#define LEFT  0
#define RIGHT 1

typedef struct join_part {
    join_store_t *side[2];
    buf_t changes[2]; /* of this turn: {key length, key, value length, value} with 8-byte lengths */
    int64_t next_emit_ms;
} join_part_t;

typedef struct op_join_state {
    op_t op;
    join_part_t *part;
    exec_records_t out;
    buf_t key, value;
} op_join_t;

typedef struct out_env {
    op_join_t *j;
    join_part_t *p;
    int side;
} out_env_t;

static st_t init(op_t *o, err_t *err)
{
    (void)err;
    op_join_t *j = (op_join_t *)o;
    const plan_step_t *s = o->step;
    int64_t keep = s->join.before_ms + s->join.after_ms + s->join.grace_ms;
    j->part = ARENA_ARRAY(&o->x->life, join_part_t, o->n_partitions);
    for (int32_t p = 0; p < o->n_partitions; p++)
        for (int i = 0; i < 2; i++)
            j->part[p].side[i] = join_store_new(s->in[i]->schema.n, keep);
    return ST_OK;
}

static void done(op_t *o)
{
    op_join_t *j = (op_join_t *)o;
    for (int32_t p = 0; j->part && p < o->n_partitions; p++)
        for (int i = 0; i < 2; i++) {
            join_store_free(j->part[p].side[i]);
            buf_done(&j->part[p].changes[i]);
        }
    VEC_DONE(&j->out);
    buf_done(&j->key);
    buf_done(&j->value);
}

/* Notes the row's state for the changelog. */
static void note(op_join_t *j, join_part_t *p, int side, str_t key, const join_row_t *r)
{
    buf_clear(&j->key);
    buf_clear(&j->value);
    join_row_encode(r, join_store_values(p->side[side]), key, &j->key, &j->value);
    buf_put_be64(&p->changes[side], j->key.len);
    buf_put_str(&p->changes[side], buf_str(&j->key));
    buf_put_be64(&p->changes[side], j->value.len);
    buf_put_str(&p->changes[side], buf_str(&j->value));
}

static bool keeps_unmatched(sql_join_kind_t kind, int side)
{
    return kind == SQL_JOIN_FULL || (kind == SQL_JOIN_LEFT && side == LEFT) ||
           (kind == SQL_JOIN_RIGHT && side == RIGHT);
}

/* left or right may be NULL: all its columns are null. */
static void emit(op_join_t *j, const data_value_t *left, const data_value_t *right, int64_t ts_ms)
{
    data_value_t *row = op_joined(&j->op, left ? left : right, left, right);
    VEC_PUSH(&j->out, (exec_record_t){.row = row, .ts_ms = ts_ms});
}

static void emit_pending(void *env, str_t key, const join_row_t *r)
{
    out_env_t *e = env;
    data_value_t *row = op_row(&e->j->op, join_store_values(e->p->side[e->side]));
    memcpy(row, r->value, join_store_values(e->p->side[e->side]) * sizeof *row);
    emit(e->j, e->side == LEFT ? row : NULL, e->side == RIGHT ? row : NULL, r->ts_ms);
    note(e->j, e->p, e->side, key, r);
}

/* J4 */
static void emit_closed(op_join_t *j, join_part_t *p, int64_t shared_ms)
{
    const plan_step_t *s = j->op.step;
    if (s->join.kind == SQL_JOIN_INNER || !s->join.has_grace || j->op.x->wall_ms < p->next_emit_ms)
        return;
    if (!p->next_emit_ms)
        p->next_emit_ms = j->op.x->wall_ms;
    p->next_emit_ms += j->op.x->opt.outer_join_interval_ms;
    for (int side = LEFT; side <= RIGHT; side++) {
        int64_t reach = side == LEFT ? s->join.after_ms : s->join.before_ms;
        out_env_t env = {j, p, side};
        if (keeps_unmatched(s->join.kind, side))
            join_store_pending(p->side[side], shared_ms - reach - s->join.grace_ms, emit_pending,
                               &env);
    }
}

static void one(op_join_t *j, join_part_t *p, int side, const exec_record_t *r, str_t key)
{
    const plan_step_t *s = j->op.step;
    uint64_t hash = hash_bytes(key.ptr, key.len);
    join_row_t *mine = join_store_put(p->side[side], key, hash, r->ts_ms, r->row);
    int64_t seen[2] = {join_store_observed(p->side[LEFT]), join_store_observed(p->side[RIGHT])};
    int64_t shared = seen[LEFT] > seen[RIGHT] ? seen[LEFT] : seen[RIGHT];
    if (r->ts_ms == shared)
        emit_closed(j, p, shared);
    int64_t back = side == LEFT ? s->join.before_ms : s->join.after_ms;
    int64_t ahead = side == LEFT ? s->join.after_ms : s->join.before_ms;
    int64_t from = r->ts_ms > back ? r->ts_ms - back : 0;
    join_row_t *match;
    size_t n = join_store_find(p->side[!side], key, hash, from, r->ts_ms + ahead, &match);
    for (size_t i = 0; i < n; i++) {
        int64_t ts = match[i].ts_ms > r->ts_ms ? match[i].ts_ms : r->ts_ms;
        emit(j, side == LEFT ? r->row : match[i].value, side == LEFT ? match[i].value : r->row, ts);
        if (match[i].pending) {
            join_store_mark(p->side[!side], &match[i], false);
            note(j, p, !side, key, &match[i]);
        }
    }
    if (!n && keeps_unmatched(s->join.kind, side)) {
        if (!s->join.has_grace || r->ts_ms + ahead < shared)
            emit(j, side == LEFT ? r->row : NULL, side == RIGHT ? r->row : NULL, r->ts_ms);
        else if (mine)
            join_store_mark(p->side[side], mine, true);
    }
    if (mine)
        note(j, p, side, key, mine);
}

static void push(op_t *o, int port, int32_t partition, const exec_record_t *r, size_t n)
{
    op_join_t *j = (op_join_t *)o;
    join_part_t *p = &j->part[partition];
    for (size_t i = 0; i < n; i++) {
        bool null_key = false;
        for (size_t k = 0; k < o->step->schema.n_key; k++)
            null_key |= r[i].row[k].kind == DATA_NULL;
        if (null_key || r[i].flags & (EXEC_DELETED | EXEC_NO_KEY))
            continue;
        one(j, p, port, &r[i], op_key(o, r[i].row, o->step->schema.n_key));
        if (j->out.len >= 256) {
            op_push(o, partition, j->out.ptr, j->out.len);
            VEC_CLEAR(&j->out);
        }
    }
    op_push(o, partition, j->out.ptr, j->out.len);
    VEC_CLEAR(&j->out);
}

static void commit(op_t *o, size_t which, int32_t partition, op_change_fn change, void *env)
{
    buf_t *b = &((op_join_t *)o)->part[partition].changes[which];
    const char *p = b->ptr, *end = b->len ? b->ptr + b->len : b->ptr;
    while (change && p < end) {
        str_t key = str_n(p + 8, load_be64(p));
        p = key.ptr + key.len;
        str_t value = str_n(p + 8, load_be64(p));
        p = value.ptr + value.len;
        change(env, key, value);
    }
    buf_clear(b);
    join_store_commit(((op_join_t *)o)->part[partition].side[which]);
}

static st_t restore(op_t *o, size_t which, int32_t partition, str_t key, str_t value, err_t *err)
{
    return join_store_restore(((op_join_t *)o)->part[partition].side[which], key, value, err);
}

typedef struct dump_env {
    op_join_t *j;
    size_t n_values;
    op_change_fn change;
    void *env;
} dump_env_t;

static void dump_row(void *env, str_t key, const join_row_t *r)
{
    dump_env_t *d = env;
    buf_clear(&d->j->key);
    buf_clear(&d->j->value);
    join_row_encode(r, d->n_values, key, &d->j->key, &d->j->value);
    d->change(d->env, buf_str(&d->j->key), buf_str(&d->j->value));
}

static void dump(op_t *o, size_t which, int32_t partition, op_change_fn change, void *env)
{
    op_join_t *j = (op_join_t *)o;
    join_store_t *s = j->part[partition].side[which];
    dump_env_t d = {j, join_store_values(s), change, env};
    join_store_each(s, dump_row, &d);
}

static size_t bytes(op_t *o, size_t which, int32_t partition)
{
    return join_store_bytes(((op_join_t *)o)->part[partition].side[which]);
}

static const op_stores_t stores = {commit, restore, dump, bytes};

const op_class_t op_stream_stream_join = {
    .size = sizeof(op_join_t),
    .init = init,
    .push = push,
    .done = done,
    .n_stores = 2,
    .store_name = {"KSTREAM-JOINTHIS-store", "KSTREAM-JOINOTHER-store"},
    .stores_of = &stores};
