#include "sql/engine/internal.h"

#include "base/trace.h"

/* ---- sessions -------------------------------------------------------------------------------- */

void engine_session_init(engine_session_t *s)
{
    map_init(&s->properties);
    map_init(&s->variables);
}

void engine_session_done(engine_session_t *s)
{
    map_done(&s->properties, free);
    map_done(&s->variables, free);
}

/* Names are kept without case; a value.ptr of NULL removes. */
void engine_session_set(map_t *m, str_t name, str_t value)
{
    char low[256];
    size_t n = name.len < sizeof low ? name.len : sizeof low;
    for (size_t i = 0; i < n; i++)
        low[i] = str_lower_char(name.ptr[i]);
    void *old = value.ptr ? map_put(m, str_n(low, n), mem_z(value)) : map_remove(m, str_n(low, n));
    free(old);
}

static str_t session_get(const map_t *m, str_t name)
{
    char low[256];
    size_t n = name.len < sizeof low ? name.len : sizeof low;
    for (size_t i = 0; i < n; i++)
        low[i] = str_lower_char(name.ptr[i]);
    return str_of(map_get(m, str_n(low, n)));
}

static bool get_variable(void *env, str_t name, str_t *ret)
{
    str_t v = session_get(env, name);
    if (v.ptr)
        *ret = v;
    return v.ptr != NULL;
}

static str_t bare(str_t name)
{
    str_t prefix = STR("ksql.streams.");
    return str_starts_nocase(name, prefix) ? str_sub(name, prefix.len, name.len) : name;
}

void engine_set(engine_t *e, str_t name, str_t value)
{
    engine_session_set(&e->properties, bare(name), value);
}

str_t engine_property(const engine_t *e, const engine_session_t *s, str_t name)
{
    str_t v = STR_NONE;
    if (s) {
        v = session_get(&s->properties, bare(name));
        if (!v.ptr) {
            char prefixed[256];
            int n =
                snprintf(prefixed, sizeof prefixed, "ksql.streams." STR_FMT, STR_ARG(bare(name)));
            v = session_get(&s->properties, str_n(prefixed, n > 0 ? (size_t)n : 0));
        }
    }
    return v.ptr ? v : session_get(&e->properties, bare(name));
}

/* ---- the engine ------------------------------------------------------------------------------ */

engine_t *engine_new(const engine_options_t *opt)
{
    engine_t *e = mem_zalloc(sizeof *e);
    e->opt = *opt;
    e->service_id = str_of(mem_z(opt->service_id));
    catalog_init(&e->catalog);
    map_init(&e->properties);
    e->next_number = opt->memory_ids ? 0 : 1;
    e->bind = (bind_env_t){&e->catalog, {opt->host.now_ms, opt->host.random, opt->host.self}};
    return e;
}

void engine_remove_query(engine_t *e, size_t i, bool forget)
{
    engine_query_t *q = e->queries.ptr[i];
    e->opt.host.query_stop(e->opt.host.self, q, forget);
    VEC_REMOVE(&e->queries, i);
    arena_done(&q->arena);
    free(q);
}

void engine_free(engine_t *e)
{
    if (!e)
        return;
    while (e->queries.len)
        engine_remove_query(e, e->queries.len - 1, false);
    VEC_DONE(&e->queries);
    catalog_done(&e->catalog);
    map_done(&e->properties, free);
    free((void *)(uintptr_t)e->service_id.ptr);
    free(e);
}

catalog_t *engine_catalog(engine_t *e)
{
    return &e->catalog;
}

const schema_source_t *engine_schemas(engine_t *e)
{
    return e->opt.schemas;
}

const engine_host_t *engine_host(engine_t *e)
{
    return &e->opt.host;
}

size_t engine_n_queries(const engine_t *e)
{
    return e->queries.len;
}

engine_query_t *engine_query_at(const engine_t *e, size_t i)
{
    return e->queries.ptr[i];
}

engine_query_t *engine_find_query(engine_t *e, str_t id)
{
    for (size_t i = 0; i < e->queries.len; i++)
        if (str_eq_nocase(e->queries.ptr[i]->id, id))
            return e->queries.ptr[i];
    return NULL;
}

engine_query_t *engine_query_of(engine_t *e, str_t source)
{
    const catalog_source_t *s = catalog_get(&e->catalog, source);
    return s && s->query_id.len ? engine_find_query(e, s->query_id) : NULL;
}

int64_t engine_next_number(const engine_t *e)
{
    return e->next_number;
}

void engine_set_next_number(engine_t *e, int64_t n)
{
    e->next_number = n;
}

void engine_in_script(engine_t *e, bool on)
{
    e->script = on;
}

bind_env_t engine_bind_env(engine_t *e)
{
    return e->bind;
}

data_columns_t engine_copy_columns(arena_t *a, data_columns_t c)
{
    data_column_t *copy = ARENA_ARRAY(a, data_column_t, c.len + 1);
    for (size_t i = 0; i < c.len; i++)
        copy[i] = (data_column_t){arena_str(a, c.ptr[i].name), data_type_copy(a, c.ptr[i].type)};
    return (data_columns_t){copy, c.len};
}

/* ---- statements ------------------------------------------------------------------------------ */

st_t engine_write_down(engine_run_t *r, err_t *err)
{
    return r->reply->write_down ? r->reply->write_down(r->reply->env, err) : ST_OK;
}

st_t engine_make_topic(engine_run_t *r, const engine_topic_spec_t *spec, err_t *err)
{
    TRY(r->e->opt.host.topic_create(r->e->opt.host.self, spec, err));
    r->made_topic = arena_str(r->scratch, spec->name);
    return ST_OK;
}

st_t engine_parse(engine_t *e, const engine_session_t *s, arena_t *a, sql_piece_t piece,
                  sql_stmt_t **ret, err_t *err)
{
    (void)e;
    sql_variables_t vars = {get_variable, (void *)(uintptr_t)&s->variables};
    return sql_parse_piece(a, piece, &vars, ret, err);
}

static void put_statement(engine_run_t *r)
{
    BUF_LIT(r->reply->json, "\"statementText\":");
    json_put_str(r->reply->json, r->stmt->text);
}

void engine_reply_status(engine_run_t *r, const char *type, str_t name, const char *action,
                         const char *message, str_t query_id)
{
    buf_t *b = r->reply->json;
    if (r->reply->quiet)
        return;
    BUF_LIT(b, "{\"@type\":\"currentStatus\",");
    put_statement(r);
    BUF_LIT(b, ",\"commandId\":");
    str_t id = arena_printf(r->scratch,
                            strcmp(action, "create") ? "%s/" STR_FMT "/%s" : "%s/`" STR_FMT "`/%s",
                            type, STR_ARG(name), action);
    json_put_str(b, id);
    BUF_LIT(b, ",\"commandStatus\":{\"status\":\"SUCCESS\",\"message\":");
    json_put_str(b, str_of(message));
    BUF_LIT(b, ",\"queryId\":");
    if (query_id.len)
        json_put_str(b, query_id);
    else
        BUF_LIT(b, "null");
    buf_printf(b, "},\"commandSequenceNumber\":%lld,\"warnings\":[", (long long)r->e->next_number);
    if (r->reply->warning[0]) {
        BUF_LIT(b, "{\"message\":");
        json_put_str(b, str_of(r->reply->warning));
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]}");
}

void engine_reply_warning(engine_run_t *r, str_t message)
{
    if (r->reply->quiet)
        return;
    BUF_LIT(r->reply->json, "{\"@type\":\"warning_entity\",");
    put_statement(r);
    BUF_LIT(r->reply->json, ",\"message\":");
    json_put_str(r->reply->json, message);
    BUF_LIT(r->reply->json, ",\"warnings\":[]}");
}

static ST set_property(engine_run_t *r, err_t *err)
{
    const sql_set_t *s = &r->stmt->set;
    map_t *m = r->stmt->kind == SQL_STMT_SET || r->stmt->kind == SQL_STMT_UNSET
                   ? &r->session->properties
                   : &r->session->variables;
    switch ((int)r->stmt->kind) {
    case SQL_STMT_SET:
    case SQL_STMT_DEFINE:
        engine_session_set(m, s->name, s->value.ptr ? s->value : STR(""));
        return ST_OK;
    default:
        if (!session_get(m, s->name).ptr)
            return BAD("Cannot unset '" STR_FMT "': it was not set", STR_ARG(s->name));
        engine_session_set(m, s->name, STR_NONE);
        return ST_OK;
    }
}

static const data_type_t *find_type(void *env, str_t name)
{
    return catalog_get_type(env, name);
}

static ST create_type(engine_run_t *r, err_t *err)
{
    const sql_create_type_t *t = &r->stmt->type;
    const data_type_t *type;
    TRY(sql_type_resolve(r->scratch, t->type, find_type, &r->e->catalog, &type, err));
    if (catalog_get_type(&r->e->catalog, t->name)) {
        if (!t->if_not_exists)
            return BAD(
                "Cannot register custom type '" STR_FMT
                "' since it is already registered with type: " STR_FMT,
                STR_ARG(t->name),
                STR_ARG(data_type_text(r->scratch, catalog_get_type(&r->e->catalog, t->name))));
        engine_reply_warning(r, arena_printf(r->scratch,
                                             "Cannot register custom type '" STR_FMT
                                             "': a custom type with that name already exists",
                                             STR_ARG(t->name)));
        return ST_OK;
    }
    TRY(engine_write_down(r, err));
    catalog_put_type(&r->e->catalog, t->name, type);
    str_t m = arena_printf(r->scratch,
                           "Registered custom type with name '" STR_FMT "' and SQL type " STR_FMT,
                           STR_ARG(t->name), STR_ARG(data_type_text(r->scratch, type)));
    engine_reply_status(r, "type", t->name, "create", arena_z(r->scratch, m), STR_NONE);
    return ST_OK;
}

static ST drop_type(engine_run_t *r, err_t *err)
{
    const sql_drop_t *d = &r->stmt->drop;
    if (!catalog_get_type(&r->e->catalog, d->name)) {
        if (!d->if_exists)
            return BAD("Type '" STR_FMT "' does not exist", STR_ARG(d->name));
        engine_reply_warning(
            r, arena_printf(r->scratch, "Type '" STR_FMT "' does not exist", STR_ARG(d->name)));
        return ST_OK;
    }
    TRY(engine_write_down(r, err));
    catalog_drop_type(&r->e->catalog, d->name);
    str_t m = arena_printf(r->scratch, "Dropped type '" STR_FMT "'", STR_ARG(d->name));
    engine_reply_status(r, "type", d->name, "drop", arena_z(r->scratch, m), STR_NONE);
    return ST_OK;
}

static ST create_connector(engine_run_t *r, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    const sql_connector_t *c = &r->stmt->connector;
    if (!h->connector_create)
        return err_set(err, ST_UNSUPPORTED, "Connectors do not run here");
    engine_connector_t conn = {c->name, c->scope == SQL_CONNECTOR_SOURCE, c->props.ptr,
                               c->props.len};
    st_t st = h->connector_create(h->self, &conn, err);
    if (st == ST_EXISTS && c->if_not_exists) {
        engine_reply_warning(
            r, arena_printf(r->scratch, "Connector " STR_FMT " already exists", STR_ARG(c->name)));
        return ST_OK;
    }
    TRY(st);
    st = engine_write_down(r, err);
    if (st != ST_OK) {
        st_t gone = h->connector_drop(h->self, c->name, NULL);
        ASSERT(gone == ST_OK);
        return st;
    }
    if (r->reply->quiet)
        return ST_OK;
    BUF_LIT(r->reply->json, "{\"@type\":\"connector_info\",");
    put_statement(r);
    BUF_LIT(r->reply->json, ",\"info\":{\"name\":");
    json_put_str(r->reply->json, c->name);
    buf_printf(r->reply->json,
               ",\"type\":\"%s\",\"tasks\":[{\"connector\":", conn.source ? "source" : "sink");
    json_put_str(r->reply->json, c->name);
    BUF_LIT(r->reply->json, ",\"task\":0}],\"config\":{}},\"warnings\":[]}");
    return ST_OK;
}

static ST drop_connector(engine_run_t *r, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    const sql_drop_t *d = &r->stmt->drop;
    if (!h->connector_drop)
        return err_set(err, ST_UNSUPPORTED, "Connectors do not run here");
    bool exists = h->connector_exists(h->self, d->name);
    if (!exists && d->if_exists) {
        engine_reply_warning(r, arena_printf(r->scratch, "Connector '" STR_FMT "' does not exist.",
                                             STR_ARG(d->name)));
        return ST_OK;
    }
    if (exists)
        TRY(engine_write_down(r, err));
    TRY(h->connector_drop(h->self, d->name, err));
    if (r->reply->quiet)
        return ST_OK;
    BUF_LIT(r->reply->json, "{\"@type\":\"drop_connector\",");
    put_statement(r);
    BUF_LIT(r->reply->json, ",\"connectorName\":");
    json_put_str(r->reply->json, d->name);
    BUF_LIT(r->reply->json, ",\"warnings\":[]}");
    return ST_OK;
}

static ST run(engine_run_t *r, err_t *err)
{
    switch (r->stmt->kind) {
    case SQL_STMT_CREATE_SOURCE:
        return engine_create_source(r, err);
    case SQL_STMT_CREATE_AS:
        return engine_create_as(r, err);
    case SQL_STMT_INSERT_SELECT:
        return engine_insert_select(r, err);
    case SQL_STMT_INSERT_VALUES:
        return engine_insert_values(r, err);
    case SQL_STMT_DROP_SOURCE:
        return engine_drop_source(r, err);
    case SQL_STMT_ALTER_SOURCE:
        return engine_alter_source(r, err);
    case SQL_STMT_CREATE_TYPE:
        return create_type(r, err);
    case SQL_STMT_DROP_TYPE:
        return drop_type(r, err);
    case SQL_STMT_TERMINATE:
    case SQL_STMT_PAUSE:
    case SQL_STMT_RESUME:
        return engine_terminate(r, err);
    case SQL_STMT_EXPLAIN:
        return engine_explain(r, err);
    case SQL_STMT_SET:
    case SQL_STMT_UNSET:
    case SQL_STMT_DEFINE:
    case SQL_STMT_UNDEFINE:
        return set_property(r, err);
    case SQL_STMT_CREATE_CONNECTOR:
        return create_connector(r, err);
    case SQL_STMT_DROP_CONNECTOR:
        return drop_connector(r, err);
    case SQL_STMT_DESCRIBE:
    case SQL_STMT_DESCRIBE_ALL:
    case SQL_STMT_DESCRIBE_FUNCTION:
    case SQL_STMT_SHOW_STREAMS:
    case SQL_STMT_SHOW_TABLES:
    case SQL_STMT_SHOW_QUERIES:
    case SQL_STMT_SHOW_TOPICS:
    case SQL_STMT_SHOW_FUNCTIONS:
    case SQL_STMT_SHOW_TYPES:
    case SQL_STMT_SHOW_VARIABLES:
    case SQL_STMT_SHOW_PROPERTIES:
    case SQL_STMT_SHOW_CONNECTORS:
    case SQL_STMT_SHOW_CONNECTOR_PLUGINS:
    case SQL_STMT_DESCRIBE_CONNECTOR:
        return engine_show(r, err);
    case SQL_STMT_QUERY:
    case SQL_STMT_PRINT:
        return BAD(
            "The following statement types should be issued to the websocket endpoint '/query':\n"
            "\t* PRINT\n\t* SELECT");
    case SQL_STMT_ALTER_SYSTEM:
    case SQL_STMT_ASSERT_TOPIC:
    case SQL_STMT_ASSERT_SCHEMA:
    case SQL_STMT_ASSERT_VALUES:
    case SQL_STMT_ASSERT_NULL_VALUES:
    case SQL_STMT_ASSERT_SOURCE:
    case SQL_STMT_RUN_SCRIPT:
    case SQL_STMT_KINDS:
        break;
    }
    return err_set(err, ST_UNSUPPORTED, "This statement is understood but not run yet: " STR_FMT,
                   STR_ARG(r->stmt->text));
}

st_t engine_execute(engine_t *e, engine_session_t *s, const sql_stmt_t *stmt, engine_reply_t *reply,
                    err_t *err)
{
    arena_t scratch;
    arena_init(&scratch, 256u << 20);
    engine_run_t r = {e, s, &scratch, stmt, reply, STR_NONE};
    st_t st = run(&r, err);
    err_t why;
    if (st != ST_OK && r.made_topic.len &&
        e->opt.host.topic_delete(e->opt.host.self, r.made_topic, &why) != ST_OK)
        trace_line(TRACE_WARN, "sql", "a statement failed, its topic " STR_FMT " stays: %s",
                   STR_ARG(r.made_topic), why.msg);
    arena_done(&scratch);
    return st;
}

st_t engine_push(engine_t *e, engine_session_t *s, const sql_query_t *q, arena_t *a,
                 bind_result_t *ret, err_t *err)
{
    (void)s;
    return bind_query(a, &e->bind, q, BIND_TRANSIENT, STR_NONE, ret, err);
}
