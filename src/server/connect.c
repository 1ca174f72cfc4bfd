/* Connectors: made by statements, run by their classes. */
#include "server/internal.h"

static const connector_class_t *find_class(server_t *s, str_t name, bool source)
{
    for (const connector_class_t *const *c = s->opt.connector; c && *c; c++) {
        if ((*c)->source != source)
            continue;
        if (str_eq_nocase(str_of((*c)->name), name))
            return *c;
        for (const char *const *a = (*c)->alias; a && *a; a++)
            if (str_eq(str_of(*a), name))
                return *c;
    }
    return NULL;
}

static server_connector_t *find(server_t *s, str_t name)
{
    for (size_t i = 0; i < s->connectors.len; i++)
        if (str_eq_nocase(s->connectors.ptr[i]->name, name))
            return s->connectors.ptr[i];
    return NULL;
}

static str_t option_text(arena_t *a, const sql_expr_t *e)
{
    if (e->kind == SQL_EXPR_STRING)
        return e->text.ptr ? arena_str(a, e->text) : STR("");
    if (e->kind == SQL_EXPR_BOOLEAN)
        return e->b ? STR("true") : STR("false");
    if (e->kind == SQL_EXPR_INTEGER || e->kind == SQL_EXPR_LONG)
        return arena_printf(a, "%lld", (long long)e->i64);
    return e->text.ptr ? arena_str(a, e->text) : STR("");
}

st_t server_topic(server_t *s, str_t name, arena_t *a, str_t *ret_topic, connector_topic_t *ret,
                  err_t *err)
{
    if (pthread_mutex_trylock(&s->lock))
        return err_set(err, ST_BUSY, "the server is busy with a statement");
    const catalog_t *c = engine_catalog(s->engine);
    const catalog_source_t *found = catalog_get(c, name);
    if (!found)
        found = catalog_get(c, arena_upper(a, name));
    for (map_entry_t *e = NULL; !found && (e = map_next(&c->sources, e));)
        if (str_eq(((const catalog_source_t *)e->value)->topic, name))
            found = e->value;
    st_t st = ST_OK;
    if (!found) {
        st = err_set(err, ST_NOT_FOUND,
                     "no stream or table is named, or reads the topic, '" STR_FMT "'",
                     STR_ARG(name));
    } else {
        *ret_topic = arena_str(a, found->topic);
        connector_topic_t t = {.windowed = found->window.kind != SQL_WINDOW_NONE,
                               .session = found->window.kind == SQL_WINDOW_SESSION,
                               .table = found->table};
        const plan_format_t *f[2] = {&found->key_format, &found->value_format};
        data_columns_t columns[2] = {found->key, found->value};
        serde_spec_t spec[2];
        for (int i = 0; i < 2; i++) {
            data_column_t *copy = ARENA_ARRAY(a, data_column_t, columns[i].len + 1);
            for (size_t k = 0; k < columns[i].len; k++)
                copy[k] = (data_column_t){arena_str(a, columns[i].ptr[k].name),
                                          data_type_copy(a, columns[i].ptr[k].type)};
            spec[i] = plan_serde_spec(a, f[i], (data_columns_t){copy, columns[i].len}, !i,
                                      found->topic, s->opt.schemas);
            spec[i].full_name = arena_str(a, spec[i].full_name);
        }
        t.key = spec[0].columns;
        t.value = spec[1].columns;
        t.key_serde = spec[0];
        t.value_serde = spec[1];
        *ret = t;
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

static ST topic_of(void *self, str_t name, arena_t *a, str_t *ret_topic, connector_topic_t *ret,
                   err_t *err)
{
    return server_topic(self, name, a, ret_topic, ret, err);
}

st_t server_connector_start(server_t *s, server_connector_t *c, err_t *err)
{
    connector_env_t *env = ARENA_NEW(&c->arena, connector_env_t);
    *env = (connector_env_t){.io = s->opt.io,
                             .log = s->opt.log,
                             .schemas = s->opt.schemas,
                             .data_dir = s->opt.data_dir,
                             .self = s,
                             .topic = topic_of};
    return c->class->start(&c->config, env, &c->running, err);
}

static void connector_free(server_connector_t *c)
{
    if (c->running)
        c->class->stop(c->running);
    arena_done(&c->arena);
    free(c);
}

st_t server_connector_create(void *self, const engine_connector_t *conn, err_t *err)
{
    server_t *s = self;
    if (find(s, conn->name))
        return err_set(err, ST_EXISTS, "Connector " STR_FMT " already exists", STR_ARG(conn->name));
    server_connector_t *c = mem_zalloc(sizeof *c);
    arena_init(&c->arena, ARENA_NO_LIMIT);
    connector_option_t *option = ARENA_ARRAY(&c->arena, connector_option_t, conn->n_props + 1);
    for (size_t i = 0; i < conn->n_props; i++)
        option[i] = (connector_option_t){arena_lower(&c->arena, conn->prop[i].name),
                                         option_text(&c->arena, conn->prop[i].value)};
    c->name = arena_str(&c->arena, conn->name);
    c->source = conn->source;
    c->config = (connector_config_t){c->name, option, conn->n_props};
    str_t class = connector_get(&c->config, "connector.class", STR(""));
    c->class = find_class(s, class, conn->source);
    st_t st = ST_OK;
    if (!c->class)
        st = err_set(err, ST_BAD_CONFIG,
                     "'connector.class' is '" STR_FMT "': no %s of that name runs here",
                     STR_ARG(class), conn->source ? "source" : "sink");
    else if (s->started || conn->source) /* a source needs no query: it fills its topics at once */
        st = server_connector_start(s, c, err);
    if (st != ST_OK) {
        connector_free(c);
        return st;
    }
    VEC_PUSH(&s->connectors, c);
    return ST_OK;
}

bool server_connector_exists(void *self, str_t name)
{
    return find(self, name) != NULL;
}

st_t server_connector_drop(void *self, str_t name, err_t *err)
{
    server_t *s = self;
    for (size_t i = 0; i < s->connectors.len; i++) {
        server_connector_t *c = s->connectors.ptr[i];
        if (!str_eq_nocase(c->name, name))
            continue;
        VEC_REMOVE(&s->connectors, i);
        connector_free(c);
        return ST_OK;
    }
    return err_set(err, ST_NOT_FOUND, "Connector '" STR_FMT "' does not exist.", STR_ARG(name));
}

void server_connector_list(void *self, buf_t *b)
{
    server_t *s = self;
    BUF_LIT(b, "[");
    for (size_t i = 0; i < s->connectors.len; i++) {
        const server_connector_t *c = s->connectors.ptr[i];
        connector_status_t st = {0};
        if (c->running)
            c->class->status(c->running, &st);
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "name", c->name);
        json_put_member_str(b, "type", c->source ? STR("source") : STR("sink"));
        json_put_member_str(b, "className", str_of(c->class->name));
        json_put_member_str(b, "state",
                            st.failed ? STR("FAILED") : STR("RUNNING (1/1 tasks RUNNING)"));
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]");
}

/* What the statement's "topics" and "*.topic" say. */
static void list_topics(const connector_config_t *c, arena_t *a, engine_connector_info_t *ret)
{
    VEC(str_t) all = {0};
    for (size_t i = 0; i < c->n_options; i++) {
        str_t rest = c->option[i].value, one;
        if (!str_eq(c->option[i].name, STR("topics")) &&
            !str_ends(c->option[i].name, STR(".topic")))
            continue;
        while (str_split(&rest, ',', &one))
            if (str_trim(one).len)
                VEC_PUSH(&all, arena_str(a, str_trim(one)));
    }
    str_t *topic = ARENA_ARRAY(a, str_t, all.len + 1);
    for (size_t i = 0; i < all.len; i++)
        topic[i] = all.ptr[i];
    ret->topic = topic;
    ret->n_topics = all.len;
    VEC_DONE(&all);
}

st_t server_connector_get(void *self, str_t name, arena_t *a, engine_connector_info_t *ret,
                          err_t *err)
{
    const server_connector_t *c = find(self, name);
    if (!c)
        return err_set(err, ST_NOT_FOUND, "Connector '" STR_FMT "' does not exist.", STR_ARG(name));
    connector_status_t st = {0};
    if (c->running)
        c->class->status(c->running, &st);
    *ret = (engine_connector_info_t){.name = arena_str(a, c->name),
                                     .class = str_of(c->class->name),
                                     .source = c->source,
                                     .failed = st.failed,
                                     .why = arena_str(a, str_of(st.error))};
    list_topics(&c->config, a, ret);
    return ST_OK;
}

void server_connector_plugins(void *self, buf_t *b)
{
    const server_t *s = self;
    BUF_LIT(b, "[");
    for (size_t i = 0; s->opt.connector && s->opt.connector[i]; i++) {
        const connector_class_t *c = s->opt.connector[i];
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "className", str_of(c->name));
        json_put_member_str(b, "type", c->source ? STR("source") : STR("sink"));
        json_put_member_str(b, "version", STR(ARUS_VERSION));
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]");
}

void server_connectors_stop(server_t *s, bool sources)
{
    for (size_t i = s->connectors.len; i-- > 0;) {
        if (s->connectors.ptr[i]->source != sources)
            continue;
        connector_free(s->connectors.ptr[i]);
        VEC_REMOVE(&s->connectors, i);
    }
}
