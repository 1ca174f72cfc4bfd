#include "server/internal.h"

#define CHECKPOINT_BYTES_MIN (32u << 20)
#define COMMIT_BYTES         (64u << 20)

/* ---- the command topic ----------------------------------------------------------------------- */

/* A record: {"statement":…,"streamsProperties":{…},"number":n}; n is the query number it began
 * with. */
typedef struct command {
    server_t *server;
    const engine_session_t *session;
    str_t statement;
    int64_t number;
} command_t;

static ST write_command(void *env, err_t *err)
{
    const command_t *c = env;
    server_t *s = c->server;
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "{");
    json_put_member_str(&b, "statement", c->statement);
    json_put_name(&b, "streamsProperties");
    BUF_LIT(&b, "{");
    for (map_entry_t *e = NULL; (e = map_next(&c->session->properties, e));) {
        json_put_name_str(&b, e->key);
        json_put_str(&b, str_of(e->value));
    }
    BUF_LIT(&b, "}");
    json_put_member_i64(&b, "number", c->number);
    json_put_member_i64(&b, "version", 1);
    BUF_LIT(&b, "}");
    exec_input_t r = {.value = buf_str(&b), .ts_ms = io_now_ms(s->opt.io)};
    st_t st = server_append_one(s, s->commands, 0, &r, err);
    buf_done(&b);
    return st;
}

static void replay_one(server_t *s, str_t value)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const json_value_t *j;
    err_t err = {0};
    engine_session_t session;
    engine_session_init(&session);
    st_t st = json_parse(&a, value, 0, &j, &err);
    if (st == ST_OK) {
        const json_value_t *p = json_get(j, "streamsProperties");
        for (size_t i = 0; p && p->kind == JSON_OBJECT && i < p->n; i++)
            engine_session_set(&session.properties, p->name[i], p->item[i].text);
        engine_set_next_number(s->engine, json_get_i64(j, "number", engine_next_number(s->engine)));
        sql_piece_t piece = {json_get_text(j, "statement", STR("")), {1, 1}};
        sql_stmt_t *stmt;
        buf_t json = BUF_INIT;
        engine_reply_t reply = {.json = &json, .quiet = true};
        st = engine_parse(s->engine, &session, &a, piece, &stmt, &err);
        if (st == ST_OK)
            st = engine_execute(s->engine, &session, stmt, &reply, &err);
        buf_done(&json);
    }
    if (st != ST_OK)
        trace_line(TRACE_WARN, "sql", "a statement of the command topic does not run any more: %s",
                   err.msg);
    engine_session_done(&session);
    arena_done(&a);
}

static ST replay(server_t *s, err_t *err)
{
    log_offsets_t o;
    TRY(log_topic_offsets(s->commands, 0, &o, err));
    wire_reader_t reader;
    wire_reader_init(&reader, UNPACK_BYTES_MAX);
    st_t st = ST_OK;
    for (int64_t at = o.start; at < o.end && st == ST_OK;) {
        log_chunk_t chunk;
        st = log_read(s->commands, 0, at, 1u << 20, &chunk, err);
        if (st != ST_OK)
            break;
        str_t bytes = chunk.bytes;
        wire_batch_t b;
        while (st == ST_OK && bytes.len && wire_batch_next(&bytes, &b, err) == ST_OK) {
            wire_record_t rec;
            st = wire_reader_open(&reader, &b, err);
            while (st == ST_OK && wire_reader_next(&reader, &rec))
                if (rec.value.ptr)
                    replay_one(s, rec.value);
        }
        int64_t next = chunk.next_offset;
        log_chunk_unref(&chunk);
        if (next <= at)
            break;
        at = next;
    }
    wire_reader_done(&reader);
    return st;
}

static ST open_commands(server_t *s, err_t *err)
{
    str_t name = arena_printf(&s->life, COMMAND_TOPIC_FMT, STR_ARG(s->opt.service_id));
    st_t st = log_topic_open(s->opt.log, name, &s->commands, err);
    if (st == ST_OK)
        return replay(s, err);
    if (st != ST_NOT_FOUND)
        return st;
    log_config_t config[] = {{STR("cleanup.policy"), STR("delete")},
                             {STR("retention.ms"), STR("-1")}};
    log_topic_spec_t spec = {name, 1, 1, config, 2};
    TRY(log_topic_create(s->opt.log, &spec, err));
    return log_topic_open(s->opt.log, name, &s->commands, err);
}

/* ---- requests -------------------------------------------------------------------------------- */

static ST run_statements(server_t *s, server_request_t *r, bool write_down, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const sql_piece_t *piece;
    size_t n;
    st_t st = sql_parse_split(&a, r->text, &piece, &n, err);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        sql_stmt_t *stmt;
        size_t before = r->json.len;
        if (before)
            BUF_LIT(&r->json, ",");
        command_t command = {s, &r->session, STR_NONE, engine_next_number(s->engine)};
        engine_reply_t reply = {
            .json = &r->json, .write_down = write_down ? write_command : NULL, .env = &command};
        r->failed = piece[i].text;
        st = engine_parse(s->engine, &r->session, &a, piece[i], &stmt, err);
        if (st == ST_OK)
            command.statement = stmt->text;
        size_t start = r->json.len;
        if (st == ST_OK)
            st = engine_execute(s->engine, &r->session, stmt, &reply, err);
        if (reply.warning[0] && !write_down)
            trace_line(TRACE_WARN, "sql", "%s", reply.warning);
        if (r->json.len == start)
            r->json.len = before;
    }
    if (st == ST_OK)
        r->failed = STR_NONE;
    arena_done(&a);
    return st;
}

static server_stream_t *find_stream(server_t *s, str_t id)
{
    for (size_t i = 0; i < s->streams.len; i++)
        if (str_eq_nocase(s->streams.ptr[i]->id, id))
            return s->streams.ptr[i];
    return NULL;
}

static void end_stream(server_t *s, server_stream_t *st)
{
    runner_free(st->runner);
    st->runner = NULL;
    pthread_mutex_lock(&st->lock);
    st->ended = true;
    if (st->wanted && st->notify)
        st->notify(st->env);
    pthread_mutex_unlock(&st->lock);
    (void)s;
}

static void answer(server_t *s, server_request_t *r)
{
    pthread_mutex_lock(&s->lock);
    switch (r->kind) {
    case SERVER_STATEMENTS:
        r->st = run_statements(s, r, true, &r->err);
        break;
    case SERVER_QUERY:
        r->st = server_query_open(s, r, &r->err);
        break;
    case SERVER_CLOSE_QUERY: {
        server_stream_t *st = find_stream(s, r->text);
        if (st)
            end_stream(s, st);
        else
            r->st = err_set(&r->err, ST_NOT_FOUND, "No query with id " STR_FMT, STR_ARG(r->text));
        break;
    }
    case SERVER_FREE_STREAM:
        server_stream_free(r->stream);
        break;
    }
    pthread_mutex_unlock(&s->lock);
    r->done(r);
}

void server_submit(server_t *s, server_request_t *r)
{
    r->next = NULL;
    r->st = ST_OK;
    pthread_mutex_lock(&s->inbox_lock);
    *s->inbox_end = r;
    s->inbox_end = &r->next;
    pthread_mutex_unlock(&s->inbox_lock);
    log_watch_wake(s->watch);
}

typedef struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
} waiter_t;

static void wake_waiter(server_request_t *r)
{
    waiter_t *w = r->env;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

void server_call(server_t *s, server_request_t *r)
{
    waiter_t w = {.done = false};
    pthread_mutex_init(&w.lock, NULL);
    io_cond_init(&w.cond);
    r->done = wake_waiter;
    r->env = &w;
    server_submit(s, r);
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        io_cond_wait(s->opt.io, &w.cond, &w.lock, -1);
    pthread_mutex_unlock(&w.lock);
    pthread_cond_destroy(&w.cond);
    pthread_mutex_destroy(&w.lock);
}

static bool answer_requests(server_t *s)
{
    pthread_mutex_lock(&s->inbox_lock);
    server_request_t *r = s->inbox;
    s->inbox = NULL;
    s->inbox_end = &s->inbox;
    pthread_mutex_unlock(&s->inbox_lock);
    bool any = r != NULL;
    while (r) {
        server_request_t *next = r->next;
        answer(s, r);
        r = next;
    }
    return any;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* What was in memory is not what is in the log: the query is built again from what was committed.
 */
static void rebuild(server_t *s, size_t i)
{
    runner_t *old = s->runners.ptr[i], *r;
    engine_query_t *q = old->query;
    if (io_now_ms(s->opt.io) < old->retry_at_ms)
        return;
    err_t err;
    if (runner_new(s, q->plan, q, NULL, q->from_start, &r, &err) != ST_OK) {
        trace_line(TRACE_ERROR, "sql", STR_FMT ": %s", STR_ARG(q->id), err.msg);
        old->retry_at_ms = io_now_ms(s->opt.io) + 1000;
        return;
    }
    r->turn_bytes = old->turn_bytes;
    runner_free(old);
    s->runners.ptr[i] = r;
    q->running = r;
    if (q->state == ENGINE_ERROR)
        q->state = ENGINE_RUNNING;
}

static void set_broken(runner_t *r, int64_t retry_at_ms)
{
    r->broken = true;
    r->query->state = ENGINE_ERROR;
    r->retry_at_ms = retry_at_ms;
}

/* One commit for all of a round's turns; more than one where they are large. */
static void commit_turns(server_t *s, int64_t wall)
{
    err_t err;
    for (size_t first = 0, i = 0; i < s->runners.len; first = i) {
        log_commit_t *c = log_commit_new(s->opt.log);
        for (; i < s->runners.len && log_commit_bytes(c) < COMMIT_BYTES; i++) {
            runner_t *r = s->runners.ptr[i];
            if (!r->took || runner_collect(r, c, &err) == ST_OK)
                continue;
            trace_line(TRACE_WARN, "sql", "%s", err.msg);
            set_broken(r, r->turn_bytes > 1 ? wall : wall + 1000);
        }
        processing_log_collect(s, c);
        int64_t before = io_mono_ns(s->opt.io);
        st_t st = log_commit(s->opt.log, c, NULL, &err);
        s->commit_ns += io_mono_ns(s->opt.io) - before;
        for (size_t k = first; k < i; k++) {
            runner_t *r = s->runners.ptr[k];
            if (r->took && st != ST_OK)
                set_broken(r, wall + 1000);
            runner_turn_done(r);
        }
        if (st != ST_OK) {
            processing_log_close(s);
            trace_line(TRACE_ERROR, "sql",
                       "a round could not be committed, its queries start again from what was: %s",
                       err.msg);
        }
    }
}

static bool round_of_queries(server_t *s)
{
    int64_t start = io_mono_ns(s->opt.io), wall = io_now_ms(s->opt.io);
    bool any = false;
    for (size_t i = 0; i < s->runners.len; i++) {
        if (s->runners.ptr[i]->broken)
            rebuild(s, i);
        runner_t *r = s->runners.ptr[i];
        if (!r->broken && r->query->state == ENGINE_RUNNING)
            any |= runner_turn(r, wall);
    }
    if (!any)
        return false;
    commit_turns(s, wall);
    s->rounds++;
    s->busy_ns += io_mono_ns(s->opt.io) - start;
    return true;
}

/* A checkpoint is worth its cost once the changelog since the last one is long against the state.
 */
static void checkpoint_if_due(server_t *s)
{
    for (size_t i = 0; i < s->runners.len; i++) {
        runner_t *r = s->runners.ptr[i];
        if (r->broken || r->changed_bytes < CHECKPOINT_BYTES_MIN ||
            r->changed_bytes < 2 * exec_stats(r->exec).state_bytes)
            continue;
        err_t err;
        if (runner_checkpoint(r, &err) != ST_OK)
            trace_line(TRACE_WARN, "sql", "no checkpoint: %s", err.msg);
    }
}

static void *run(void *arg)
{
    server_t *s = arg;
    int64_t published = 0;
    while (!atomic_load(&s->stop)) {
        bool busy = answer_requests(s), streams = false;
        if (round_of_queries(s)) {
            busy = true;
            checkpoint_if_due(s);
        }
        server_streams_poll(s, &streams);
        busy |= streams;
        int64_t now = io_mono_ns(s->opt.io);
        bool changed = s->quiet != !busy;
        s->quiet = !busy;
        if (changed || now - published > 100000000) {
            published = now;
            server_publish_stats(s);
        }
        if (!busy && !atomic_load(&s->stop))
            log_watch_wait(s->watch, 500);
    }
    return NULL;
}

/* ---- open, start, close ---------------------------------------------------------------------- */

server_t *server_new(const server_options_t *opt)
{
    server_t *s = mem_zalloc(sizeof *s);
    arena_init(&s->life, ARENA_NO_LIMIT);
    arena_init(&s->stats_arena, ARENA_NO_LIMIT);
    s->opt = *opt;
    s->opt.service_id = arena_str(&s->life, opt->service_id);
    s->opt.data_dir = arena_str(&s->life, opt->data_dir);
    s->inbox_end = &s->inbox;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_mutex_init(&s->inbox_lock, NULL);
    pthread_mutex_init(&s->stats_lock, NULL);
    s->watch = log_watch_new(opt->log);
    engine_options_t eo = {
        .service_id = s->opt.service_id, .host = server_host(s), .schemas = opt->schemas};
    s->engine = engine_new(&eo);
    for (size_t i = 0; i < opt->n_properties; i++)
        engine_set(s->engine, opt->property[i].name, opt->property[i].value);
    return s;
}

st_t server_script(server_t *s, str_t text, const server_property_t *variable, size_t n, err_t *err)
{
    server_request_t r = {.kind = SERVER_STATEMENTS, .text = text};
    engine_session_init(&r.session);
    for (size_t i = 0; i < n; i++)
        engine_session_set(&r.session.variables, variable[i].name, variable[i].value);
    engine_in_script(s->engine, true);
    st_t st = run_statements(s, &r, false, err);
    engine_in_script(s->engine, false);
    buf_done(&r.json);
    engine_session_done(&r.session);
    return st;
}

st_t server_start(server_t *s, err_t *err)
{
    TRY(open_commands(s, err));
    s->started = true;
    for (size_t i = 0; i < engine_n_queries(s->engine); i++) {
        engine_query_t *q = engine_query_at(s->engine, i);
        err_t why;
        if (server_query_run(s, q, &why) != ST_OK)
            server_query_broken(s, q, &why);
    }
    for (size_t i = 0; i < s->connectors.len; i++) {
        if (s->connectors.ptr[i]->running)
            continue;
        st_t st = server_connector_start(s, s->connectors.ptr[i], err);
        if (st != ST_OK)
            return err_wrap(err, st, "connector " STR_FMT, STR_ARG(s->connectors.ptr[i]->name));
    }
    server_publish_stats(s);
    int e = pthread_create(&s->thread, NULL, run, s);
    if (e)
        die("cannot start a thread: %s", strerror(e));
    return ST_OK;
}

void server_close(server_t *s)
{
    if (!s)
        return;
    server_connectors_stop(s, true);
    server_connectors_stop(s, false);
    atomic_store(&s->stop, true);
    if (s->thread) {
        log_watch_wake(s->watch);
        pthread_join(s->thread, NULL);
    }
    while (s->streams.len)
        server_stream_free(VEC_LAST(&s->streams));
    for (size_t i = 0; i < s->runners.len; i++) {
        err_t err;
        runner_t *r = s->runners.ptr[i];
        if (!r->broken && r->changed_bytes && runner_checkpoint(r, &err) != ST_OK)
            trace_line(TRACE_WARN, "sql", "no checkpoint: %s", err.msg);
    }
    engine_free(s->engine);
    VEC_DONE(&s->runners);
    VEC_DONE(&s->streams);
    VEC_DONE(&s->connectors);
    if (s->commands)
        log_topic_unref(s->commands);
    processing_log_done(s);
    log_watch_free(s->watch);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->inbox_lock);
    pthread_mutex_destroy(&s->stats_lock);
    arena_done(&s->stats_arena);
    arena_done(&s->life);
    free(s);
}
