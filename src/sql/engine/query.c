/* CREATE … AS SELECT, INSERT INTO … SELECT; TERMINATE, PAUSE, RESUME. */
#include "sql/engine/internal.h"

static engine_query_t *query_new(void)
{
    engine_query_t *q = mem_zalloc(sizeof *q);
    arena_init(&q->arena, ARENA_NO_LIMIT);
    return q;
}

static void query_free(engine_query_t *q)
{
    arena_done(&q->arena);
    free(q);
}

/* Stops the query that another is to replace. NULL: there is none. */
static engine_query_t *set_aside(engine_t *e, str_t id)
{
    for (size_t i = 0; i < e->queries.len; i++) {
        engine_query_t *q = e->queries.ptr[i];
        if (!str_eq(q->id, id))
            continue;
        e->opt.host.query_stop(e->opt.host.self, q, false);
        VEC_REMOVE(&e->queries, i);
        return q;
    }
    return NULL;
}

/* The other could not be started: this one goes on. */
static void put_back(engine_t *e, engine_query_t *q)
{
    err_t err = {0};
    if (e->opt.host.query_start(e->opt.host.self, q, &err) != ST_OK)
        q->state = ENGINE_ERROR;
    VEC_PUSH(&e->queries, q);
}

/* The statement again, its tree in the query's own arena: plans point into it. */
static ST own_tree(engine_query_t *q, const sql_stmt_t *stmt, const sql_query_t **ret, err_t *err)
{
    sql_stmt_t *const *s;
    size_t n;
    q->statement = arena_str(&q->arena, stmt->text);
    TRY(sql_parse(&q->arena, q->statement, NULL, &s, &n, err));
    ASSERT(n == 1);
    *ret = s[0]->kind == SQL_STMT_CREATE_AS ? s[0]->create.query : s[0]->insert.query;
    return ST_OK;
}

static void read_properties(engine_run_t *r, engine_query_t *q)
{
    str_t v = engine_property(r->e, r->session, STR("auto.offset.reset"));
    q->from_start |= str_eq_nocase(v, STR("earliest"));
    v = engine_property(r->e, r->session, STR("cache.max.bytes.buffering"));
    if (!v.len || !str_to_i64(v, &q->cache_bytes))
        q->cache_bytes = 10000000;
    v = engine_property(r->e, r->session,
                        STR("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"));
    if (!v.len || !str_to_i64(v, &q->outer_join_interval_ms))
        q->outer_join_interval_ms = 1000;
}

/* A script's queries are numbered apart, so that a line more in it changes no other query's id:
 * those with a sink of their own are all 0, INSERT INTOs count among themselves. */
int64_t engine_take_number(engine_t *e, bool named)
{
    if (e->script)
        return named ? 0 : e->next_insert++;
    int64_t n = e->next_number;
    e->next_number += e->opt.memory_ids ? 1 : 2;
    return n;
}

st_t engine_start_query(engine_run_t *r, engine_query_t *q, bool fresh, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    q->plan = q->bound.plan;
    read_properties(r, q);
    st_t st = h->query_start(h->self, q, err);
    if (st == ST_OK)
        st = engine_write_down(r, err);
    if (st == ST_OK)
        VEC_PUSH(&r->e->queries, q);
    else
        h->query_stop(h->self, q, fresh);
    return st;
}

/* ---- CREATE … AS --------------------------------------------------------------------------- */

static ST check_result_type(const sql_create_t *c, const bind_result_t *b, err_t *err)
{
    if (c->table && !b->table)
        return BAD("Invalid result type. Your SELECT query produces a STREAM. Please use CREATE "
                   "STREAM AS SELECT statement "
                   "instead.");
    if (!c->table && b->table)
        return BAD("Invalid result type. Your SELECT query produces a TABLE. Please use CREATE "
                   "TABLE AS SELECT statement "
                   "instead.");
    return ST_OK;
}

static str_t sink_topic(engine_run_t *r, arena_t *a, const with_t *w, str_t name)
{
    if (w->topic.len)
        return arena_str(a, w->topic);
    str_t prefix = engine_property(r->e, r->session, STR("ksql.output.topic.name.prefix"));
    return arena_printf(a, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(name));
}

static ST make_topic(engine_run_t *r, const with_t *w, const engine_query_t *q, str_t topic,
                     bool table, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    engine_topic_t first;
    st_t st = h->topic_get(h->self, q->bound.first->topic, &first, err);
    if (st != ST_OK)
        return err_wrap(err, st, "the topic of " STR_FMT, STR_ARG(q->bound.first->name));
    bool windowed = q->bound.windowed;
    int64_t retention = w->retention_ms ? w->retention_ms : first.retention_ms;
    if (w->retention_ms && table && !windowed)
        return BAD("Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables "
                   "do not support retention.");
    if (windowed && retention >= 0 && q->bound.window.retention_ms > retention)
        retention = q->bound.window.retention_ms;
    engine_topic_spec_t spec = {
        .name = topic,
        .partitions = w->partitions ? (int32_t)w->partitions : first.partitions,
        .replicas = w->replicas ? (int32_t)w->replicas : first.replicas,
        .retention_ms = table && !windowed ? 0 : retention,
        .cleanup = !table     ? "delete"
                   : windowed ? "compact,delete"
                              : "compact",
    };
    engine_topic_spec_t look = spec;
    if (!w->partitions)
        look.partitions = 0;
    engine_topic_t have;
    if (h->topic_get(h->self, topic, &have, NULL) == ST_OK)
        return engine_topic_for(r, &look, false, err);
    return engine_make_topic(r, &spec, err);
}

static ST check_joined_topics(engine_run_t *r, const bind_result_t *b, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    engine_topic_t first, other;
    for (size_t i = 1; i < b->n_sources; i++) {
        TRY(h->topic_get(h->self, b->source[0]->topic, &first, err));
        TRY(h->topic_get(h->self, b->source[i]->topic, &other, err));
        if (first.partitions != other.partitions)
            return BAD("Can't join `" STR_FMT "` with `" STR_FMT
                       "` since the number of partitions don't match. `" STR_FMT
                       "` partitions = %d; `" STR_FMT
                       "` partitions = %d. Please repartition either one so that the number of "
                       "partitions match.",
                       STR_ARG(b->source[0]->name), STR_ARG(b->source[i]->name),
                       STR_ARG(b->source[0]->name), first.partitions, STR_ARG(b->source[i]->name),
                       other.partitions);
    }
    return ST_OK;
}

static catalog_source_t *sink_source(const sql_create_t *c, const engine_query_t *q,
                                     const bind_sink_t *sink)
{
    catalog_source_t *s = catalog_source_new();
    arena_t *a = &s->arena;
    s->name = arena_str(a, c->name);
    s->topic = arena_str(a, sink->topic);
    s->table = c->table;
    s->key = engine_copy_columns(a, q->bound.key);
    s->value = engine_copy_columns(a, q->bound.value);
    s->key_format = sink->key_format;
    s->value_format = sink->value_format;
    s->key_format.full_name = arena_str(a, sink->key_format.full_name);
    s->value_format.full_name = arena_str(a, sink->value_format.full_name);
    if (q->bound.windowed)
        s->window = q->bound.window;
    s->timestamp_column = arena_str(a, sink->timestamp_column);
    s->timestamp_format = arena_str(a, sink->timestamp_format);
    s->statement = arena_str(a, q->statement);
    s->query_id = arena_str(a, q->id);
    return s;
}

static ST bind_create(engine_run_t *r, engine_query_t *q, const with_t *w, const sql_query_t *query,
                      bind_sink_t *sink, err_t *err)
{
    const sql_create_t *c = &r->stmt->create;
    TRY(bind_query(&q->arena, &r->e->bind, query, BIND_PERSISTENT, c->name, &q->bound, err));
    TRY(check_result_type(c, &q->bound, err));
    TRY(check_joined_topics(r, &q->bound, err));
    sink->name = q->sink = arena_str(&q->arena, c->name);
    sink->topic = q->sink_topic = sink_topic(r, &q->arena, w, c->name);
    TRY(engine_formats(r, w, q->bound.first, q->bound.key.len, q->bound.value.len,
                       &sink->key_format, &sink->value_format, err));
    sink->key_format.full_name = arena_str(&q->arena, sink->key_format.full_name);
    sink->value_format.full_name = arena_str(&q->arena, sink->value_format.full_name);
    sink->timestamp_column = arena_upper(&q->arena, w->timestamp);
    sink->timestamp_format = arena_str(&q->arena, w->timestamp_format);
    TRY(engine_check_format(r, &sink->key_format, q->bound.key, true, err));
    TRY(engine_check_format(r, &sink->value_format, q->bound.value, false, err));
    TRY(bind_add_sink(&q->arena, &q->bound, sink, err));
    for (size_t i = 0; i < q->bound.n_sources; i++)
        if (str_eq(q->bound.source[i]->name, c->name))
            return BAD("Cannot add %s '" STR_FMT "': it would read from itself",
                       c->table ? "table" : "stream", STR_ARG(c->name));
    return make_topic(r, w, q, sink->topic, c->table, err);
}

/* What CREATE OR REPLACE may do to a query that runs: the same statement again is nothing to do. */
static ST replace(engine_run_t *r, const catalog_source_t *old, bool *ret_same, err_t *err)
{
    engine_query_t *q = old->query_id.len ? engine_find_query(r->e, old->query_id) : NULL;
    if (!q)
        return BAD("Cannot upgrade data source: `" STR_FMT "` was not made by CREATE … AS",
                   STR_ARG(old->name));
    str_t was = str_trim(q->statement), is = str_trim(r->stmt->text);
    *ret_same = str_eq(was, is);
    if (*ret_same)
        return ST_OK;
    if (q->bound.aggregated || q->bound.joined)
        return BAD("Cannot add %s '" STR_FMT
                   "': Cannot upgrade data source: Upgrades not yet supported for %s",
                   old->table ? "table" : "stream", STR_ARG(old->name),
                   q->bound.joined     ? "StreamStreamJoin"
                   : q->bound.windowed ? "StreamWindowedAggregate"
                                       : "StreamAggregate");
    return ST_OK;
}

st_t engine_create_as(engine_run_t *r, err_t *err)
{
    const sql_create_t *c = &r->stmt->create;
    engine_t *e = r->e;
    const char *noun = c->table ? "table" : "stream";
    const catalog_source_t *old = catalog_get(&e->catalog, c->name);
    if (old && c->if_not_exists) {
        engine_reply_warning(
            r, arena_printf(r->scratch,
                            "Cannot add %s `" STR_FMT "`: A %s with the same name already exists.",
                            noun, STR_ARG(c->name), old->table ? "table" : "stream"));
        return ST_OK;
    }
    if (old && !c->or_replace)
        return BAD("Cannot add %s '" STR_FMT "': A %s with the same name already exists", noun,
                   STR_ARG(c->name), old->table ? "table" : "stream");
    bool same = false;
    if (old)
        TRY(replace(r, old, &same, err));
    if (same) {
        engine_reply_status(
            r, noun, c->name, "create",
            arena_z(r->scratch, arena_printf(r->scratch, "Created query with ID " STR_FMT,
                                             STR_ARG(old->query_id))),
            old->query_id);
        return ST_OK;
    }
    with_t w;
    TRY(with_read(c->props, false, &w, err));
    if (w.query_id.len)
        return BAD("Invalid config variable(s) in the WITH clause: QUERY_ID");
    engine_query_t *q = query_new(), *replaced = NULL;
    const sql_query_t *query;
    bind_sink_t sink = {0};
    st_t st = own_tree(q, r->stmt, &query, err);
    if (st == ST_OK)
        st = bind_create(r, q, &w, query, &sink, err);
    if (st != ST_OK) {
        query_free(q);
        return st;
    }
    q->creates_source = true;
    if (old) { /* the id stays, and with it what it had committed */
        q->id = arena_str(&q->arena, old->query_id);
        replaced = set_aside(e, q->id);
    } else {
        q->id = arena_printf(&q->arena, "C%cAS_" STR_FMT "_%lld", c->table ? 'T' : 'S',
                             STR_ARG(c->name), (long long)engine_take_number(e, true));
    }
    st = engine_start_query(r, q, !replaced, err);
    if (st != ST_OK) {
        if (replaced)
            put_back(e, replaced);
        query_free(q);
        return st;
    }
    if (replaced)
        query_free(replaced);
    catalog_put(&e->catalog, sink_source(c, q, &sink));
    engine_reply_status(
        r, noun, c->name, "create",
        arena_z(r->scratch,
                arena_printf(r->scratch, "Created query with ID " STR_FMT, STR_ARG(q->id))),
        q->id);
    return ST_OK;
}

/* ---- INSERT INTO … SELECT ------------------------------------------------------------------ */

static ST insert_id(engine_run_t *r, engine_query_t *q, const with_t *w, err_t *err)
{
    if (!w->query_id.len) {
        q->id =
            arena_printf(&q->arena, "INSERTQUERY_%lld", (long long)engine_take_number(r->e, false));
        return ST_OK;
    }
    q->id = arena_upper(&q->arena, w->query_id);
    static const char *const taken[] = {"INSERTQUERY_", "CTAS_", "CSAS_", "CST_"};
    for (size_t i = 0; i < 4; i++)
        if (str_starts(q->id, str_of(taken[i])))
            return BAD("Query IDs must not start with a reserved query ID prefix (INSERTQUERY_, "
                       "CTAS_, CSAS_, CST_). Got '" STR_FMT "'.",
                       STR_ARG(q->id));
    for (size_t i = 0; i < q->id.len; i++) {
        char ch = q->id.ptr[i];
        if (!((ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_'))
            return BAD("Query IDs may contain only alphanumeric characters and '_'. Got: '" STR_FMT
                       "'",
                       STR_ARG(q->id));
    }
    if (engine_find_query(r->e, q->id))
        return BAD("Query ID '" STR_FMT "' already exists.", STR_ARG(q->id));
    return ST_OK;
}

static ST check_insert(engine_run_t *r, const engine_query_t *q, const catalog_source_t *sink,
                       err_t *err)
{
    if (q->bound.table)
        return BAD("INSERT INTO can only be used to insert into a stream. " STR_FMT " is a table.",
                   STR_ARG(sink->name));
    bool same = q->bound.key.len == sink->key.len && q->bound.value.len == sink->value.len;
    for (size_t i = 0; same && i < sink->key.len; i++)
        same = data_type_eq(q->bound.key.ptr[i].type, sink->key.ptr[i].type) &&
               str_eq(q->bound.key.ptr[i].name, sink->key.ptr[i].name);
    for (size_t i = 0; same && i < sink->value.len; i++)
        same = str_eq(q->bound.value.ptr[i].name, sink->value.ptr[i].name) &&
               data_type_eq(q->bound.value.ptr[i].type, sink->value.ptr[i].type);
    if (same)
        return ST_OK;
    buf_t b = BUF_INIT;
    data_schema_t got = {q->bound.key, q->bound.value}, want = {sink->key, sink->value};
    BUF_LIT(&b, "Incompatible schema between results and sink.\nResult schema is ");
    data_schema_put(&b, &got, false);
    BUF_LIT(&b, "\nSink schema is ");
    data_schema_put(&b, &want, false);
    st_t st = BAD(STR_FMT, STR_ARG(buf_str(&b)));
    (void)r;
    buf_done(&b);
    return st;
}

st_t engine_insert_select(engine_run_t *r, err_t *err)
{
    const sql_insert_t *in = &r->stmt->insert;
    const catalog_source_t *target = catalog_get(&r->e->catalog, in->target);
    if (!target)
        return BAD("Sink does not exist for the INSERT INTO statement: `" STR_FMT "`",
                   STR_ARG(in->target));
    if (target->table)
        return BAD("INSERT INTO can only be used to insert into a stream. " STR_FMT " is a table.",
                   STR_ARG(in->target));
    if (target->read_only)
        return BAD("Cannot insert into read-only stream: " STR_FMT, STR_ARG(in->target));
    with_t w;
    TRY(with_read(in->props, false, &w, err));
    engine_query_t *q = query_new();
    const sql_query_t *query;
    st_t st = own_tree(q, r->stmt, &query, err);
    if (st == ST_OK)
        st = bind_query(&q->arena, &r->e->bind, query, BIND_PERSISTENT, in->target, &q->bound, err);
    if (st == ST_OK)
        st = check_joined_topics(r, &q->bound, err);
    if (st == ST_OK)
        st = check_insert(r, q, target, err);
    if (st == ST_OK) {
        bind_sink_t sink = {target->name,
                            target->topic,
                            target->key_format,
                            target->value_format,
                            target->timestamp_column,
                            target->timestamp_format};
        q->sink = target->name;
        q->sink_topic = target->topic;
        st = bind_add_sink(&q->arena, &q->bound, &sink, err);
    }
    if (st == ST_OK)
        st = insert_id(r, q, &w, err);
    if (st == ST_OK)
        st = engine_start_query(r, q, true, err);
    if (st != ST_OK) {
        query_free(q);
        return st;
    }
    engine_reply_status(
        r, "stream", in->target, "create",
        arena_z(r->scratch,
                arena_printf(r->scratch, "Created query with ID " STR_FMT, STR_ARG(q->id))),
        q->id);
    return ST_OK;
}

/* ---- TERMINATE, PAUSE, RESUME ---------------------------------------------------------------- */

static void change_one(engine_run_t *r, size_t i)
{
    engine_query_t *q = r->e->queries.ptr[i];
    const engine_host_t *h = &r->e->opt.host;
    bool pause = r->stmt->kind == SQL_STMT_PAUSE;
    if (r->stmt->kind == SQL_STMT_TERMINATE) {
        engine_remove_query(r->e, i, true);
        return;
    }
    q->state = pause ? ENGINE_PAUSED : ENGINE_RUNNING;
    if (h->query_pause)
        h->query_pause(h->self, q, pause);
}

st_t engine_terminate(engine_run_t *r, err_t *err)
{
    const sql_target_t *t = &r->stmt->target;
    static const char *const done[] = {"Query terminated.", "Query paused.", "Query resumed."};
    const char *message = done[r->stmt->kind - SQL_STMT_TERMINATE];
    static const char *const actions[] = {"execute", "pause", "resume"};
    const char *action = actions[r->stmt->kind - SQL_STMT_TERMINATE];
    if (!t->all && !engine_find_query(r->e, t->query_id))
        return BAD("Unknown queryId: " STR_FMT, STR_ARG(t->query_id));
    TRY(engine_write_down(r, err));
    for (size_t i = r->e->queries.len; i-- > 0;)
        if (t->all || str_eq_nocase(r->e->queries.ptr[i]->id, t->query_id))
            change_one(r, i);
    str_t name = t->all ? STR("ALL") : t->query_id;
    engine_reply_status(r, "terminate", name, action, message, name);
    return ST_OK;
}
