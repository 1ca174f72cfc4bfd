/* Push queries and PRINT tap topics; pull queries look into a running query's state, or read a
 * stream's topic to its end. */
#include "server/internal.h"

#include "data/json.h"

static void put_row(buf_t *b, char tag, const data_value_t *row, data_columns_t c)
{
    buf_put_char(b, tag);
    BUF_LIT(b, "\t[");
    for (size_t i = 0; i < c.len; i++) {
        if (i)
            buf_put_char(b, ',');
        data_put_json(b, row[i], c.ptr[i].type, DATA_JSON_NAN_TEXT);
    }
    BUF_LIT(b, "]\n");
}

static void put_final(server_stream_t *st, const char *message)
{
    buf_printf(&st->items, "f\t\"%s\"\n", message);
    st->ended = true;
}

static bool on_row(void *self, const data_value_t *row, size_t n, bool deleted, int64_t ts_ms)
{
    server_stream_t *st = self;
    (void)n;
    (void)ts_ms;
    pthread_mutex_lock(&st->lock);
    put_row(&st->items, deleted ? 'd' : 'r', row, st->bound.value);
    bool go = !st->ended;
    pthread_mutex_unlock(&st->lock);
    return go;
}

static server_stream_t *stream_new(server_t *s, server_request_t *r)
{
    server_stream_t *st = mem_zalloc(sizeof *st);
    st->server = s;
    arena_init(&st->life, ARENA_NO_LIMIT);
    pthread_mutex_init(&st->lock, NULL);
    st->notify = r->notify;
    st->env = r->env;
    st->wanted = true;
    return st;
}

/* thread: server, or no thread runs any more. */
void server_stream_free(server_stream_t *st)
{
    server_t *s = st->server;
    runner_free(st->runner);
    print_free(st->print);
    for (size_t i = 0; i < s->streams.len; i++)
        if (s->streams.ptr[i] == st) {
            VEC_REMOVE(&s->streams, i);
            break;
        }
    buf_done(&st->items);
    pthread_mutex_destroy(&st->lock);
    arena_done(&st->life);
    free(st);
}

/* ---- pull ------------------------------------------------------------------------------------ */

typedef struct pull_env {
    server_stream_t *st;
    const catalog_source_t *source;
    bind_pull_t *pull;
    int64_t given;
    arena_t arena;
} pull_env_t;

static bool pull_row(void *env, const exec_row_t *r)
{
    pull_env_t *p = env;
    const catalog_source_t *s = p->source;
    if (p->pull->has_limit && p->given >= p->pull->limit)
        return false;
    bool windowed = s->window.kind != SQL_WINDOW_NONE;
    size_t nk = s->key.len, nv = s->value.len, at = nk;
    data_value_t *row = arena_alloc(&p->arena, (nk + nv + 3) * sizeof *row);
    memcpy(row, r->row, nk * sizeof *row);
    if (windowed) {
        row[at++] = data_of_i64(r->window_start_ms);
        row[at++] = data_of_i64(r->window_end_ms);
    }
    memcpy(row + at, r->row + nk, nv * sizeof *row);
    row[at + nv] = data_of_i64(r->ts_ms);
    err_t err;
    expr_ctx_t ctx = {&p->arena, row, &err};
    bool failed = false;
    if (p->pull->where) {
        data_value_t v = expr_eval(p->pull->where, &ctx, &failed);
        if (failed || v.kind != DATA_BOOLEAN || !v.b) {
            arena_reset(&p->arena);
            return true;
        }
    }
    data_value_t *out = arena_alloc(&p->arena, p->pull->result.len * sizeof *out);
    for (size_t i = 0; i < p->pull->result.len; i++)
        out[i] = expr_eval(p->pull->expr[i], &ctx, &failed);
    p->given++;
    put_row(&p->st->items, 'r', out, p->pull->result);
    arena_reset(&p->arena);
    return true;
}

static void pull_done(bind_pull_t *p, size_t n_keys)
{
    if (p->where)
        expr_done(p->where);
    for (size_t i = 0; i < p->result.len; i++)
        expr_done(p->expr[i]);
    for (size_t i = 0; p->key && i < n_keys; i++)
        expr_done(p->key[i]);
}

static ST pull(server_t *s, server_stream_t *st, const sql_query_t *q,
               const catalog_source_t *source, err_t *err)
{
    engine_query_t *eq = engine_query_of(s->engine, source->name);
    runner_t *r = eq ? eq->running : NULL;
    if (r && r->broken)
        return err_set(err, ST_BAD_STATEMENT,
                       STR_FMT " is in ERROR and will be started again: see the server's log",
                       STR_ARG(eq->id));
    if (!r || !exec_can_scan(r->exec))
        return err_set(err, ST_BAD_STATEMENT,
                       "The `" STR_FMT
                       "` table isn't queryable. To derive a queryable table, you can do "
                       "'CREATE TABLE QUERYABLE_" STR_FMT " AS SELECT * FROM " STR_FMT "'. See "
                       "https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended "
                       "to issue a push query.",
                       STR_ARG(source->name), STR_ARG(source->name), STR_ARG(source->name));
    bind_pull_t p;
    bind_env_t env = engine_bind_env(s->engine);
    TRY(bind_pull(&st->life, &env, q, source, &p, err));
    st->bound.value = p.result;
    st->n_keys = p.n_keys;
    pull_env_t pe = {st, source, &p, 0, {0}};
    arena_init(&pe.arena, ARENA_NO_LIMIT);
    data_value_t *key = NULL;
    if (p.key) {
        key = ARENA_ARRAY(&st->life, data_value_t, source->key.len);
        for (size_t i = 0; i < source->key.len; i++) {
            expr_ctx_t ctx = {&st->life, NULL, err};
            bool failed = false;
            key[i] = data_copy(&st->life, expr_eval(p.key[i], &ctx, &failed));
        }
    }
    exec_scan(r->exec, key, pull_row, &pe);
    arena_done(&pe.arena);
    pull_done(&p, source->key.len);
    st->ended = true;
    return ST_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static ST push(server_t *s, server_stream_t *st, server_request_t *r, const sql_query_t *q,
               bool to_end, err_t *err)
{
    TRY(engine_push(s->engine, &r->session, q, &st->life, &st->bound, err));
    str_t reset = engine_property(s->engine, &r->session, STR("auto.offset.reset"));
    bool from_start = to_end || str_eq_nocase(reset, STR("earliest"));
    exec_sink_t sink = {.self = st, .row = on_row};
    return runner_new(s, st->bound.plan, NULL, &sink, from_start, &st->runner, err);
}

static ST open_stream(server_t *s, server_stream_t *st, server_request_t *r, err_t *err)
{
    sql_stmt_t *stmt;
    const sql_piece_t *piece;
    size_t n;
    str_t text = arena_str(&st->life, r->text);
    TRY(sql_parse_split(&st->life, text, &piece, &n, err));
    if (n != 1)
        return err_set(err, ST_BAD_STATEMENT,
                       "Expected exactly one KSQL statement; found %zu instead", n);
    r->failed = str_sub(r->text, (size_t)(piece[0].text.ptr - text.ptr), piece[0].text.len);
    TRY(engine_parse(s->engine, &r->session, &st->life, piece[0], &stmt, err));
    if (stmt->kind == SQL_STMT_PRINT) {
        st->printed = true;
        st->id = arena_printf(&st->life, "print_%lld", (long long)io_now_ms(s->opt.io));
        return print_new(s, &stmt->print, &st->print, err);
    }
    if (stmt->kind != SQL_STMT_QUERY)
        return err_set(err, ST_BAD_STATEMENT,
                       "Statement type `" STR_FMT "` not supported for this resource: use /ksql",
                       STR_ARG(str_sub(stmt->text, 0, 40)));
    const sql_query_t *q = stmt->query;
    const catalog_source_t *source = catalog_get(engine_catalog(s->engine), q->from.name);
    st->pull = q->emit == SQL_EMIT_NONE;
    if (!source)
        return err_set(err, ST_BAD_STATEMENT, STR_FMT " does not exist.", STR_ARG(q->from.name));
    st->id = st->pull ? arena_printf(&st->life, "query_%lld", (long long)io_now_ms(s->opt.io))
                      : arena_printf(&st->life, "transient_" STR_FMT "_%lld", STR_ARG(q->from.name),
                                     (long long)(io_random_u64(s->opt.io) >> 1));
    if (st->pull && source->table)
        return pull(s, st, q, source, err);
    return push(s, st, r, q, st->pull, err);
}

static int64_t **end_offsets(server_stream_t *st)
{
    const runner_t *r = st->runner;
    int64_t **end = ARENA_ARRAY(&st->life, int64_t *, r->n_inputs);
    for (size_t i = 0; i < r->n_inputs; i++) {
        end[i] = ARENA_ARRAY(&st->life, int64_t, r->input[i].n_partitions);
        for (int32_t p = 0; p < r->input[i].n_partitions; p++) {
            log_offsets_t o;
            if (log_topic_offsets(r->input[i].topic, p, &o, NULL) == ST_OK)
                end[i][p] = o.end;
        }
    }
    return end;
}

static bool is_behind(const runner_t *r, int64_t *const *end)
{
    for (size_t i = 0; i < r->n_inputs; i++)
        for (int32_t p = 0; p < r->input[i].n_partitions; p++)
            if (r->input[i].position[p] < end[i][p])
                return true;
    return false;
}

/* A stream's pull query reads what is there and ends, however fast more comes. */
static void run_to_end(server_t *s, server_stream_t *st)
{
    runner_t *r = st->runner;
    const plan_t *plan = st->bound.plan;
    int64_t **end = end_offsets(st);
    while (is_behind(r, end) && runner_turn(r, io_now_ms(s->opt.io))) {
        exec_commit(r->exec, NULL, NULL);
        runner_turn_done(r);
        if (plan->has_limit && exec_stats(r->exec).records_out >= (uint64_t)plan->limit)
            break;
    }
    runner_free(r);
    st->runner = NULL;
    st->ended = true;
}

st_t server_query_open(server_t *s, server_request_t *r, err_t *err)
{
    server_stream_t *st = stream_new(s, r);
    VEC_PUSH(&s->streams, st);
    st_t status = open_stream(s, st, r, err);
    if (status != ST_OK) {
        server_stream_free(st);
        return status;
    }
    if (st->pull && st->runner)
        run_to_end(s, st);
    r->failed = STR_NONE;
    r->stream = st;
    return ST_OK;
}

/* A turn of a push query or PRINT. False when there was nothing to do. */
static bool take_turn(server_t *s, server_stream_t *st)
{
    bool complete = false, busy;
    if (st->print) {
        buf_t items = BUF_INIT;
        busy = print_turn(st->print, &items, &complete);
        pthread_mutex_lock(&st->lock);
        buf_put_str(&st->items, buf_str(&items));
        buf_done(&items);
    } else {
        const plan_t *plan = st->bound.plan;
        busy = runner_turn(st->runner, io_now_ms(s->opt.io));
        if (busy) {
            exec_commit(st->runner->exec, NULL, NULL);
            runner_turn_done(st->runner);
            complete = plan->has_limit &&
                       exec_stats(st->runner->exec).records_out >= (uint64_t)plan->limit;
        }
        pthread_mutex_lock(&st->lock);
    }
    if (complete && !st->ended)
        put_final(st, "Limit Reached");
    bool tell = st->wanted && (st->items.len || st->ended);
    if (tell)
        st->wanted = false;
    if (tell && st->notify)
        st->notify(st->env);
    bool ended = st->ended;
    pthread_mutex_unlock(&st->lock);
    if (ended) {
        runner_free(st->runner);
        st->runner = NULL;
        print_free(st->print);
        st->print = NULL;
    }
    return busy;
}

/* A turn for each whose reader keeps up. */
void server_streams_poll(server_t *s, bool *ret_busy)
{
    for (size_t i = 0; i < s->streams.len; i++) {
        server_stream_t *st = s->streams.ptr[i];
        pthread_mutex_lock(&st->lock);
        bool full = st->items.len > SERVER_STREAM_BYTES_MAX, ended = st->ended;
        pthread_mutex_unlock(&st->lock);
        if (!full && !ended && (st->runner || st->print) && take_turn(s, st))
            *ret_busy = true;
    }
}

/* ---- the reader's side: any thread ----------------------------------------------------------- */

str_t server_stream_id(const server_stream_t *s)
{
    return s->id;
}

bool server_stream_pull(const server_stream_t *s)
{
    return s->pull;
}

bool server_stream_print(const server_stream_t *s)
{
    return s->printed;
}

data_columns_t server_stream_columns(const server_stream_t *s)
{
    return s->bound.value;
}

size_t server_stream_keys(const server_stream_t *s)
{
    return s->n_keys;
}

bool server_stream_take(server_stream_t *s, buf_t *b)
{
    pthread_mutex_lock(&s->lock);
    bool was_full = s->items.len > SERVER_STREAM_BYTES_MAX;
    buf_put_str(b, buf_str(&s->items));
    buf_clear(&s->items);
    s->wanted = true;
    bool ended = s->ended;
    pthread_mutex_unlock(&s->lock);
    if (was_full)
        log_watch_wake(s->server->watch);
    return ended;
}

/* From now on nobody is notified. */
static void forget_reader(server_stream_t *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->notify = NULL;
    stream->ended = true;
    pthread_mutex_unlock(&stream->lock);
}

void server_stream_close(server_t *s, server_stream_t *stream)
{
    forget_reader(stream);
    server_request_t r = {.kind = SERVER_FREE_STREAM, .stream = stream};
    server_call(s, &r);
}

void server_stream_release(server_t *s, server_stream_t *stream, server_request_t *r)
{
    forget_reader(stream);
    r->kind = SERVER_FREE_STREAM;
    r->stream = stream;
    server_submit(s, r);
}
