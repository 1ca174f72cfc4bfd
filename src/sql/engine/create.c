/* CREATE STREAM, CREATE TABLE over a topic; ALTER; DROP. */
#include "sql/engine/internal.h"

static const char *noun(bool table)
{
    return table ? "table" : "stream";
}

static const char *title(bool table)
{
    return table ? "Table" : "Stream";
}

static const data_type_t *find_type(void *env, str_t name)
{
    return catalog_get_type(env, name);
}

/* ---- topics ---------------------------------------------------------------------------------- */

static bool lenient(engine_run_t *r)
{
    bool b = false;
    str_t v = engine_property(r->e, r->session, STR("arus.partitions.lenient"));
    return v.len && str_to_bool(v, &b) && b;
}

st_t engine_topic_for(engine_run_t *r, const engine_topic_spec_t *spec, bool may_create, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    engine_topic_t have;
    st_t st = h->topic_get(h->self, spec->name, &have, NULL);
    if (st == ST_NOT_FOUND && may_create)
        return engine_make_topic(r, spec, err);
    if (st != ST_OK)
        return err_set(err, st, "Kafka topic does not exist: " STR_FMT, STR_ARG(spec->name));
    if (!spec->partitions || spec->partitions == have.partitions)
        return ST_OK;
    if (lenient(r)) {
        snprintf(r->reply->warning, sizeof r->reply->warning,
                 "The topic '" STR_FMT
                 "' has %d partitions, not the %d that the statement says: it is "
                 "taken as it is.",
                 STR_ARG(spec->name), have.partitions, spec->partitions);
        return ST_OK;
    }
    return err_set(
        err, ST_MISMATCH,
        "A Kafka topic with the name '" STR_FMT
        "' already exists, with different partition/replica configuration "
        "than required. KSQL expects %d partitions (topic has %d), %d replication factor "
        "(topic has %d), and %lld "
        "retention (topic has %lld). (Set 'arus.partitions.lenient'='true' to take the "
        "topic as it is.)",
        STR_ARG(spec->name), spec->partitions, have.partitions, have.replicas, have.replicas,
        (long long)have.retention_ms, (long long)have.retention_ms);
}

/* ---- columns --------------------------------------------------------------------------------- */

static bool reserved(str_t name)
{
    static const char *const names[] = {"ROWTIME", "ROWPARTITION", "ROWOFFSET", "WINDOWSTART",
                                        "WINDOWEND"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return false;
}

static ST read_columns(engine_run_t *r, catalog_source_t *s, sql_columns_t c, err_t *err)
{
    arena_t *a = &s->arena;
    data_column_t *key = ARENA_ARRAY(a, data_column_t, c.len + 1),
                  *value = ARENA_ARRAY(a, data_column_t, c.len + 1);
    catalog_header_t *header = ARENA_ARRAY(a, catalog_header_t, c.len + 1);
    size_t nk = 0, nv = 0, nh = 0;
    for (size_t i = 0; i < c.len; i++) {
        const sql_column_t *col = &c.ptr[i];
        const data_type_t *t;
        if (reserved(col->name))
            return BAD("'" STR_FMT
                       "' is a reserved column name. You cannot use it as a name for a column.",
                       STR_ARG(col->name));
        TRY(sql_type_resolve(a, col->type, find_type, &r->e->catalog, &t, err));
        data_column_t made = {arena_str(a, col->name), data_type_copy(a, t)};
        for (size_t k = 0; k < i; k++)
            if (str_eq(c.ptr[k].name, col->name))
                return BAD("Duplicate %s columns found in schema: `" STR_FMT "` " STR_FMT,
                           col->role == SQL_COLUMN_VALUE ? "value" : "key", STR_ARG(col->name),
                           STR_ARG(data_type_text(r->scratch, t)));
        if (col->role == SQL_COLUMN_KEY && s->table)
            return BAD("Line: %u, Col: %u: Column `" STR_FMT
                       "` is a 'KEY' column: please use 'PRIMARY KEY' for tables.\n"
                       "Tables have PRIMARY KEYs, which are unique and NON NULL.\n"
                       "Streams have KEYs, which have no uniqueness or NON NULL constraints.",
                       col->at.line, col->at.column, STR_ARG(col->name));
        if (col->role == SQL_COLUMN_PRIMARY_KEY && !s->table)
            return BAD("Line: %u, Col: %u: Column `" STR_FMT
                       "` is a 'PRIMARY KEY' column: please use 'KEY' for streams.\n"
                       "Tables have PRIMARY KEYs, which are unique and NON NULL.\n"
                       "Streams have KEYs, which have no uniqueness or NON NULL constraints.",
                       col->at.line, col->at.column, STR_ARG(col->name));
        if (col->role == SQL_COLUMN_HEADERS || col->role == SQL_COLUMN_HEADER)
            header[nh++] = (catalog_header_t){made.name, arena_str(a, col->header),
                                              col->role == SQL_COLUMN_HEADERS};
        else if (col->role == SQL_COLUMN_VALUE)
            value[nv++] = made;
        else
            key[nk++] = made;
    }
    s->key = (data_columns_t){key, nk};
    s->value = (data_columns_t){value, nv};
    s->header = header;
    s->n_headers = nh;
    return ST_OK;
}

static void copy_format(arena_t *a, plan_format_t *f)
{
    f->full_name = arena_str(a, f->full_name);
}

/* Columns that the statement leaves to the registered schema. */
static ST infer(engine_run_t *r, catalog_source_t *s, const plan_format_t *f, bool is_key,
                err_t *err)
{
    const schema_source_t *src = r->e->opt.schemas;
    str_t type, text,
        subject =
            arena_printf(r->scratch, STR_FMT "%s", STR_ARG(s->topic), is_key ? "-key" : "-value");
    int32_t id = f->schema_id;
    if (!src)
        return BAD("There is no schema registry to take the columns from: please give them");
    st_t st = id ? src->by_id(src->self, id, &type, &text, err)
                 : src->latest(src->self, subject, &id, &type, &text, err);
    if (st != ST_OK)
        return BAD(
            "Schema for message %ss on topic '" STR_FMT
            "' does not exist in the Schema Registry.\nSubject: " STR_FMT
            "\nPossible causes include:\n- The topic itself does not exist\n\t-> Use SHOW TOPICS; "
            "to check\n"
            "- Messages on the topic are not serialized using a format Schema Registry supports",
            is_key ? "key" : "value", STR_ARG(s->topic), STR_ARG(subject));
    data_columns_t c;
    bool wrapped;
    TRY(format_infer(f->id, text, is_key, !f->schema_id, &s->arena, &c, &wrapped, err));
    c = engine_copy_columns(&s->arena, c);
    if (is_key)
        s->key = c;
    else
        s->value = c;
    return ST_OK;
}

/* The written schema is registered with the statement, unless the subject has one already. */
static ST register_schemas(engine_run_t *r, catalog_source_t *s, err_t *err)
{
    const schema_source_t *src = r->e->opt.schemas;
    for (int is_key = 0; is_key < 2; is_key++) {
        const plan_format_t *f = is_key ? &s->key_format : &s->value_format;
        data_columns_t c = is_key ? s->key : s->value;
        if (!(format_features(f->id) & FORMAT_USES_REGISTRY) || !src || !c.len || f->schema_id)
            continue;
        serde_spec_t spec = plan_serde_spec(r->scratch, f, c, is_key, s->topic, src);
        int32_t id;
        str_t type, text;
        if (src->latest(src->self, spec.subject, &id, &type, &text, NULL) == ST_OK)
            continue;
        serde_t *serde;
        TRY(serde_new(&spec, &serde, err));
        st_t st = serde_register(serde, &id, err);
        serde_free(serde);
        TRY(st);
    }
    return ST_OK;
}

static ST check_timestamp(const catalog_source_t *s, err_t *err)
{
    if (!s->timestamp_column.len)
        return ST_OK;
    ptrdiff_t k = data_columns_find(s->key, s->timestamp_column),
              v = data_columns_find(s->value, s->timestamp_column);
    if (k < 0 && v < 0)
        return BAD(
            "The TIMESTAMP column set in the WITH clause does not exist in the schema: '" STR_FMT
            "'",
            STR_ARG(s->timestamp_column));
    const data_type_t *t = k >= 0 ? s->key.ptr[k].type : s->value.ptr[v].type;
    if (t->kind == DATA_STRING && !s->timestamp_format.len)
        return BAD("A String timestamp field has been specified without also specifying the "
                   "timestamp_format");
    if (t->kind != DATA_STRING && t->kind != DATA_BIGINT && t->kind != DATA_TIMESTAMP)
        return BAD("Timestamp column, `" STR_FMT
                   "`, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format "
                   "specified.",
                   STR_ARG(s->timestamp_column));
    if (t->kind != DATA_STRING && s->timestamp_format.len)
        return BAD("TIMESTAMP_FORMAT is only for STRING columns");
    return ST_OK;
}

static ST compatible(engine_run_t *r, const catalog_source_t *old, const catalog_source_t *s,
                     err_t *err)
{
    bool same = data_columns_eq(old->key, s->key) && str_eq(old->topic, s->topic) &&
                old->key_format.id == s->key_format.id &&
                old->value_format.id == s->value_format.id && old->value.len <= s->value.len;
    for (size_t i = 0; same && i < old->value.len; i++)
        same = str_eq(old->value.ptr[i].name, s->value.ptr[i].name) &&
               data_type_eq(old->value.ptr[i].type, s->value.ptr[i].type);
    if (!same)
        return BAD("Cannot upgrade data source: %s `" STR_FMT
                   "` can only have columns added at its end.\nIt is " STR_FMT
                   ", it would be " STR_FMT,
                   noun(s->table), STR_ARG(s->name), STR_ARG(catalog_schema_text(r->scratch, old)),
                   STR_ARG(catalog_schema_text(r->scratch, s)));
    return ST_OK;
}

static ST fill(engine_run_t *r, catalog_source_t *s, const with_t *w, err_t *err)
{
    const sql_create_t *c = &r->stmt->create;
    s->name = arena_str(&s->arena, c->name);
    s->table = c->table;
    s->read_only = c->source;
    s->topic = arena_str(&s->arena, w->topic);
    s->statement = arena_str(&s->arena, r->stmt->text);
    s->timestamp_column = arena_upper(&s->arena, w->timestamp);
    if (w->timestamp.len && w->timestamp.ptr[0] == '`')
        s->timestamp_column = arena_str(&s->arena, str_sub(w->timestamp, 1, w->timestamp.len - 2));
    s->timestamp_format = arena_str(&s->arena, w->timestamp_format);
    s->window = (plan_window_t){.kind = w->window, .size_ms = w->window_size_ms};
    TRY(read_columns(r, s, c->columns, err));
    TRY(engine_formats(r, w, NULL, s->key.len, s->value.len, &s->key_format, &s->value_format,
                       err));
    if (!s->value.len && !s->n_headers) {
        if (!(format_features(s->value_format.id) & FORMAT_INFERS))
            return BAD("No columns supplied.");
        TRY(infer(r, s, &s->value_format, false, err));
    }
    if (!s->key.len && w->has_key_format && format_features(s->key_format.id) & FORMAT_INFERS)
        TRY(infer(r, s, &s->key_format, true, err));
    TRY(engine_formats(r, w, NULL, s->key.len, s->value.len, &s->key_format, &s->value_format,
                       err));
    copy_format(&s->arena, &s->key_format);
    copy_format(&s->arena, &s->value_format);
    if (s->table && !s->key.len)
        return BAD("Tables require a PRIMARY KEY. Please define the PRIMARY KEY.");
    if (s->window.kind && !s->key.len)
        return BAD("Windowed sources require a key column.");
    TRY(check_timestamp(s, err));
    TRY(engine_check_format(r, &s->key_format, s->key, true, err));
    return engine_check_format(r, &s->value_format, s->value, false, err);
}

/* CREATE SOURCE TABLE keeps its rows, so that they can be looked up. Writes the statement down. */
static ST materialize(engine_run_t *r, const catalog_source_t *s, err_t *err);

st_t engine_create_source(engine_run_t *r, err_t *err)
{
    const sql_create_t *c = &r->stmt->create;
    engine_t *e = r->e;
    with_t w;
    TRY(with_read(c->props, true, &w, err));
    const catalog_source_t *old = catalog_get(&e->catalog, c->name);
    if (old && c->if_not_exists) {
        engine_reply_warning(r, arena_printf(r->scratch,
                                             "Cannot add %s `" STR_FMT
                                             "`: A %s with the same name already exists.",
                                             noun(c->table), STR_ARG(c->name), noun(old->table)));
        return ST_OK;
    }
    if (old && !c->or_replace)
        return BAD("Cannot add %s '" STR_FMT "': A %s with the same name already exists",
                   noun(c->table), STR_ARG(c->name), noun(old->table));
    if (c->or_replace && (c->source || (old && old->read_only)))
        return BAD("Cannot add %s '" STR_FMT "': CREATE OR REPLACE is not supported on source %ss.",
                   noun(c->table), STR_ARG(c->name), noun(c->table));
    if (!w.topic.len)
        return BAD("Missing required property \"KAFKA_TOPIC\" which has no default value.");
    catalog_source_t *s = catalog_source_new();
    st_t st = fill(r, s, &w, err);
    if (st == ST_OK && old)
        st = compatible(r, old, s, err);
    if (st == ST_OK) {
        engine_topic_spec_t spec = {.name = s->topic,
                                    .partitions = (int32_t)w.partitions,
                                    .replicas = w.replicas ? (int32_t)w.replicas : 1,
                                    .retention_ms = w.retention_ms,
                                    .cleanup = c->table ? "compact" : "delete"};
        st = engine_topic_for(r, &spec, w.partitions > 0, err);
        if (st == ST_NOT_FOUND)
            st = BAD(
                "Topic '" STR_FMT
                "' does not exist. If you want to create a new topic for the %s please re-run the "
                "statement providing the required 'PARTITIONS' configuration in the WITH clause "
                "(and optionally "
                "'REPLICAS'). For example: CREATE %s " STR_FMT " (...) WITH (KAFKA_TOPIC='" STR_FMT
                "', PARTITIONS=2, REPLICAS=1);",
                STR_ARG(s->topic), noun(c->table), c->table ? "TABLE" : "STREAM", STR_ARG(s->name),
                STR_ARG(s->topic));
    }
    bool kept = s->read_only && s->table;
    if (st == ST_OK)
        st = register_schemas(r, s, err);
    if (st == ST_OK && !kept)
        st = engine_write_down(r, err);
    if (st != ST_OK) {
        catalog_source_free(s);
        return st;
    }
    catalog_put(&e->catalog, s);
    if (kept) {
        st = materialize(r, s, err);
        if (st != ST_OK) {
            catalog_drop(&e->catalog, s->name);
            return st;
        }
    }
    engine_reply_status(
        r, noun(c->table), c->name, "create",
        arena_z(r->scratch, arena_printf(r->scratch, "%s created", title(c->table))), STR_NONE);
    return ST_OK;
}

static ST materialize(engine_run_t *r, const catalog_source_t *s, err_t *err)
{
    engine_t *e = r->e;
    engine_query_t *q = mem_zalloc(sizeof *q);
    arena_init(&q->arena, ARENA_NO_LIMIT);
    str_t text =
        arena_printf(&q->arena, "SELECT * FROM `" STR_FMT "` EMIT CHANGES;", STR_ARG(s->name));
    sql_stmt_t *const *stmts;
    size_t n;
    st_t st = sql_parse(&q->arena, text, NULL, &stmts, &n, err);
    if (st == ST_OK)
        st = bind_query(&q->arena, &e->bind, stmts[0]->query, BIND_PERSISTENT, s->name, &q->bound,
                        err);
    if (st == ST_OK) {
        bind_sink_t sink = {
            .name = s->name, .key_format = s->key_format, .value_format = s->value_format};
        st = bind_add_sink(&q->arena, &q->bound, &sink, err);
    }
    if (st == ST_OK) {
        q->id = arena_printf(&q->arena, "CST_" STR_FMT "_%lld", STR_ARG(s->name),
                             (long long)engine_take_number(e, true));
        q->statement = arena_str(&q->arena, r->stmt->text);
        q->creates_source = true;
        q->from_start = true;
        ((catalog_source_t *)(uintptr_t)s)->query_id =
            arena_str((arena_t *)(uintptr_t)&s->arena, q->id);
        st = engine_start_query(r, q, true, err);
    }
    if (st != ST_OK) {
        arena_done(&q->arena);
        free(q);
    }
    return st;
}

/* ---- ALTER, DROP ----------------------------------------------------------------------------- */

st_t engine_alter_source(engine_run_t *r, err_t *err)
{
    const sql_alter_t *alter = &r->stmt->alter;
    engine_t *e = r->e;
    const catalog_source_t *old = catalog_get(&e->catalog, alter->name);
    if (!old)
        return BAD("Source " STR_FMT " does not exist.", STR_ARG(alter->name));
    if (old->table != alter->table)
        return BAD("Incompatible data source type is %s, but statement was ALTER %s",
                   old->table ? "TABLE" : "STREAM", alter->table ? "TABLE" : "STREAM");
    if (old->query_id.len)
        return BAD("ALTER command is not supported for CREATE ... AS statements.");
    if (old->read_only)
        return BAD("Cannot alter %s '" STR_FMT
                   "': ALTER operations are not supported on source %ss.",
                   noun(old->table), STR_ARG(old->name), noun(old->table));
    catalog_source_t *s = catalog_source_new();
    arena_t a = s->arena;
    *s = *old;
    s->arena = a;
    s->name = arena_str(&s->arena, old->name);
    s->topic = arena_str(&s->arena, old->topic);
    s->statement = arena_printf(&s->arena, STR_FMT "\n" STR_FMT, STR_ARG(old->statement),
                                STR_ARG(r->stmt->text));
    s->timestamp_column = arena_str(&s->arena, old->timestamp_column);
    s->timestamp_format = arena_str(&s->arena, old->timestamp_format);
    copy_format(&s->arena, &s->key_format);
    copy_format(&s->arena, &s->value_format);
    s->key = engine_copy_columns(&s->arena, old->key);
    data_columns_t before = engine_copy_columns(&s->arena, old->value);
    data_column_t *value = ARENA_ARRAY(&s->arena, data_column_t, before.len + alter->add.len + 1);
    memcpy(value, before.ptr, before.len * sizeof *value);
    st_t st = ST_OK;
    for (size_t i = 0; i < alter->add.len && st == ST_OK; i++) {
        const sql_column_t *c = &alter->add.ptr[i];
        const data_type_t *t;
        if (data_columns_find(s->key, c->name) >= 0 || data_columns_find(before, c->name) >= 0)
            st = BAD("Cannot add column `" STR_FMT
                     "` to schema. A column with the same name already exists.",
                     STR_ARG(c->name));
        else
            st = sql_type_resolve(&s->arena, c->type, find_type, &e->catalog, &t, err);
        if (st == ST_OK)
            value[before.len + i] =
                (data_column_t){arena_str(&s->arena, c->name), data_type_copy(&s->arena, t)};
    }
    s->value = (data_columns_t){value, before.len + alter->add.len};
    if (st == ST_OK)
        st = engine_check_format(r, &s->value_format, s->value, false, err);
    if (st == ST_OK)
        st = engine_write_down(r, err);
    if (st != ST_OK) {
        catalog_source_free(s);
        return st;
    }
    catalog_put(&e->catalog, s);
    engine_reply_status(r, noun(s->table), s->name, "alter",
                        s->table ? "Table altered" : "Stream altered", STR_NONE);
    return ST_OK;
}

static ST check_unused(engine_run_t *r, const catalog_source_t *s, err_t *err)
{
    buf_t reads = BUF_INIT, writes = BUF_INIT;
    for (size_t i = 0; i < r->e->queries.len; i++) {
        const engine_query_t *q = r->e->queries.ptr[i];
        if (str_eq(q->id, s->query_id))
            continue;
        for (size_t k = 0; k < q->bound.n_sources; k++)
            if (str_eq(q->bound.source[k]->name, s->name))
                buf_printf(&reads, "%s" STR_FMT, reads.len ? ", " : "", STR_ARG(q->id));
        if (str_eq(q->sink, s->name))
            buf_printf(&writes, "%s" STR_FMT, writes.len ? ", " : "", STR_ARG(q->id));
    }
    st_t st = ST_OK;
    if (reads.len || writes.len)
        st = BAD("Cannot drop " STR_FMT ".\nThe following queries read from this source: [" STR_FMT
                 "].\nThe following queries write into this source: [" STR_FMT
                 "].\nYou need to terminate them before dropping " STR_FMT ".",
                 STR_ARG(s->name), STR_ARG(buf_str(&reads)), STR_ARG(buf_str(&writes)),
                 STR_ARG(s->name));
    buf_done(&reads);
    buf_done(&writes);
    return st;
}

st_t engine_drop_source(engine_run_t *r, err_t *err)
{
    const sql_drop_t *d = &r->stmt->drop;
    engine_t *e = r->e;
    const catalog_source_t *s = catalog_get(&e->catalog, d->name);
    if (!s) {
        if (!d->if_exists)
            return BAD("Source " STR_FMT " does not exist.", STR_ARG(d->name));
        engine_reply_warning(
            r, arena_printf(r->scratch, "Source `" STR_FMT "` does not exist.", STR_ARG(d->name)));
        return ST_OK;
    }
    if (s->table != d->table)
        return BAD("Incompatible data source type is %s, but statement was DROP %s",
                   s->table ? "TABLE" : "STREAM", d->table ? "TABLE" : "STREAM");
    if (s->read_only && d->delete_topic)
        return BAD("Cannot delete topic for read-only source: " STR_FMT, STR_ARG(s->name));
    TRY(check_unused(r, s, err));
    TRY(engine_write_down(r, err));
    for (size_t i = 0; s->query_id.len && i < e->queries.len; i++)
        if (str_eq(e->queries.ptr[i]->id, s->query_id)) {
            engine_remove_query(e, i, true);
            break;
        }
    str_t m = arena_printf(r->scratch, "Source `" STR_FMT "` (topic: " STR_FMT ") was dropped.",
                           STR_ARG(s->name), STR_ARG(s->topic));
    str_t topic = arena_str(r->scratch, s->topic);
    bool table = s->table;
    catalog_drop(&e->catalog, d->name);
    if (d->delete_topic && !r->reply->quiet) {
        st_t st = e->opt.host.topic_delete(e->opt.host.self, topic, err);
        if (st != ST_OK && st != ST_NOT_FOUND)
            return st;
    }
    engine_reply_status(r, noun(table), d->name, "drop", arena_z(r->scratch, m), STR_NONE);
    return ST_OK;
}
