/* SQLite: a table a collection: id, the document as JSON text, its window.
 *
 * Positions are a table of the same file, written in the transaction of the documents they stand
 * for: however it ends, file and positions fit together. So commits need no sync (synchronous =
 * NORMAL: a power cut may undo the last ones, whole; they are read from the log again).
 */
#include "sink/sink.h"
#include "data/json.h"
#include "sink/sqlite/json.h"
#include "sink/store.h"

#include <inttypes.h>
#include <sqlite3.h>

#define LOCK_WAIT_MS 250 /* then it is ST_BUSY, and tried again */
#define CACHE_KIB    16384
/* Pages in the write-ahead log before they go to their places: a page that several batches change
 * goes there once. */
#define CHECKPOINT_PAGES 8192

typedef struct collection {
    char *name;
    sqlite3_stmt *upsert, *upsert_window, *delete, *delete_window;
} collection_t;

typedef struct position_topic {
    char *name;
    log_uuid_t id;
} position_topic_t;

struct sink_store {
    char *path, *connector;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *mark;
    VEC(collection_t) collections;
    VEC(position_topic_t) topics; /* by the index that marks have */
    VEC(sink_op_t *) order;       /* a batch's, as they are written */
    buf_t text;
};

static ST failed(sink_store_t *s, const char *doing, err_t *err)
{
    int code = sqlite3_errcode(s->db) & 0xff;
    st_t st = ST_IO;
    const char *hint = "";
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        st = ST_BUSY;
    else if (code == SQLITE_FULL)
        st = ST_NO_SPACE;
    else if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
        st = ST_DENIED;
    else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        st = ST_CORRUPT;
        hint = ": move the file away and the sink fills a new one from the log";
    } else if (code == SQLITE_ERROR)
        st = ST_UNSUPPORTED;
    err_set_at(err, st, __FILE__, __LINE__, "%s: %s: %s%s", s->path, doing, sqlite3_errmsg(s->db),
               hint);
    return st;
}

static ST exec(sink_store_t *s, const char *sql, err_t *err)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(s, "cannot set it up", err);
    return ST_OK;
}

static ST prepare(sink_store_t *s, const char *sql, sqlite3_stmt **ret, err_t *err)
{
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
        return failed(s, "its tables are not a sink's", err);
    return ST_OK;
}

static ST step(sink_store_t *s, sqlite3_stmt *q, const char *doing, err_t *err)
{
    int code = sqlite3_step(q);
    st_t st = code == SQLITE_DONE || code == SQLITE_ROW ? ST_OK : failed(s, doing, err);
    sqlite3_reset(q);
    return st;
}

/* ---- life */

static st_t sqlite_new(const sink_options_t *opt, const connector_config_t *c, sink_store_t **ret,
                       err_t *err)
{
    (void)c;
    str_t path = opt->uri;
    if (str_starts(path, STR("sqlite:")))
        path = str_sub(path, 7, path.len);
    if (!path.len)
        return err_set(err, ST_BAD_CONFIG, "'connection.uri' must name a file, e.g. 'idx.db'");
    if (str_find(path, STR("://")) >= 0)
        return err_set(err, ST_BAD_CONFIG,
                       "'connection.uri' must name a file for connector class sqlite, not a server "
                       "(for MongoDB: 'connector.class' = 'mongodb')");
    sink_store_t *s = mem_zalloc(sizeof *s);
    s->path = mem_z(path);
    s->connector = mem_z(opt->name);
    *ret = s;
    return ST_OK;
}

static void close_db(sink_store_t *s)
{
    for (size_t i = 0; i < s->collections.len; i++) {
        collection_t *c = &s->collections.ptr[i];
        sqlite3_finalize(c->upsert);
        sqlite3_finalize(c->upsert_window);
        sqlite3_finalize(c->delete);
        sqlite3_finalize(c->delete_window);
        free(c->name);
    }
    VEC_CLEAR(&s->collections);
    sqlite3_finalize(s->begin);
    sqlite3_finalize(s->commit);
    sqlite3_finalize(s->rollback);
    sqlite3_finalize(s->mark);
    sqlite3_close(s->db);
    s->begin = s->commit = s->rollback = s->mark = NULL;
    s->db = NULL;
}

static void sqlite_free(sink_store_t *s)
{
    close_db(s);
    VEC_DONE(&s->collections);
    for (size_t i = 0; i < s->topics.len; i++)
        free(s->topics.ptr[i].name);
    VEC_DONE(&s->topics);
    VEC_DONE(&s->order);
    buf_done(&s->text);
    free(s->path);
    free(s->connector);
    free(s);
}

static ST open_db(sink_store_t *s, err_t *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK)
        return failed(s, "cannot be opened", err);
    sqlite3_busy_timeout(s->db, LOCK_WAIT_MS);
    char sizes[96];
    snprintf(sizes, sizeof sizes, "PRAGMA cache_size = -%d; PRAGMA wal_autocheckpoint = %d",
             CACHE_KIB, CHECKPOINT_PAGES);
    TRY(exec(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err));
    TRY(exec(s, sizes, err));
    TRY(exec(s,
             "CREATE TABLE IF NOT EXISTS \"_arus_positions\" (connector TEXT, topic TEXT, "
             "topic_id BLOB, partition INTEGER, position INTEGER, "
             "PRIMARY KEY (connector, topic, partition)) WITHOUT ROWID",
             err));
    TRY(prepare(s, "BEGIN IMMEDIATE", &s->begin, err));
    TRY(prepare(s, "COMMIT", &s->commit, err));
    TRY(prepare(s, "ROLLBACK", &s->rollback, err));
    return prepare(s, "REPLACE INTO \"_arus_positions\" VALUES (?1, ?2, ?3, ?4, ?5)", &s->mark,
                   err);
}

static st_t sqlite_open(sink_store_t *s, err_t *err)
{
    close_db(s);
    return open_db(s, err);
}

/* ---- collections */

static ST prepare_for(sink_store_t *s, const char *format, const char *name, sqlite3_stmt **ret,
                      err_t *err)
{
    char *sql = sqlite3_mprintf(format, name, name, name);
    if (!sql)
        die("out of memory");
    st_t st = prepare(s, sql, ret, err);
    sqlite3_free(sql);
    return st;
}

/* %w is the name between double quotes. A document that did not change costs no write. */
static ST prepare_collection(sink_store_t *s, collection_t *c, err_t *err)
{
    TRY(prepare_for(s,
                    "INSERT INTO \"%w\" (id, doc, \"window\") VALUES (?1, ?2, NULL) "
                    "ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, \"window\" = NULL "
                    "WHERE doc <> excluded.doc",
                    c->name, &c->upsert, err));
    TRY(prepare_for(s,
                    "INSERT INTO \"%w\" (id, doc, \"window\") VALUES (?1, ?2, ?3) "
                    "ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, "
                    "\"window\" = excluded.\"window\" "
                    "WHERE \"window\" IS NULL OR \"window\" <= excluded.\"window\"",
                    c->name, &c->upsert_window, err));
    TRY(prepare_for(s, "DELETE FROM \"%w\" WHERE id = ?1", c->name, &c->delete, err));
    return prepare_for(
        s, "DELETE FROM \"%w\" WHERE id = ?1 AND (\"window\" IS NULL OR \"window\" <= ?3)", c->name,
        &c->delete_window, err);
}

static ST collection_open(sink_store_t *s, str_t name, size_t *ret, err_t *err)
{
    for (size_t i = 0; i < s->collections.len; i++)
        if (str_eq(str_of(s->collections.ptr[i].name), name)) {
            *ret = i;
            return ST_OK;
        }
    if (str_starts_nocase(name, STR("sqlite_")) || str_eq(name, STR("_arus_positions")))
        return err_set(err, ST_BAD_CONFIG, "a collection cannot be named '" STR_FMT "' in SQLite",
                       STR_ARG(name));
    VEC_PUSH(&s->collections, (collection_t){.name = mem_z(name)});
    collection_t *c = &VEC_LAST(&s->collections);
    sqlite3_stmt *make = NULL;
    st_t st = prepare_for(s,
                          "CREATE TABLE IF NOT EXISTS \"%w\" (id TEXT PRIMARY KEY, "
                          "doc TEXT NOT NULL, \"window\" INTEGER) WITHOUT ROWID",
                          c->name, &make, err);
    if (st == ST_OK)
        st = step(s, make, "cannot make a table", err);
    sqlite3_finalize(make);
    if (st == ST_OK)
        st = prepare_collection(s, c, err);
    if (st != ST_OK) {
        sqlite3_finalize(c->upsert);
        sqlite3_finalize(c->upsert_window);
        sqlite3_finalize(c->delete);
        sqlite3_finalize(c->delete_window);
        free(c->name);
        s->collections.len--;
        return st;
    }
    *ret = s->collections.len - 1;
    return ST_OK;
}

static ST read_positions(sink_store_t *s, const sink_store_topic_t *t, int64_t *ret, err_t *err)
{
    sqlite3_stmt *q = NULL;
    TRY(prepare(s,
                "SELECT partition, position FROM \"_arus_positions\" "
                "WHERE connector = ?1 AND topic = ?2 AND topic_id = ?3",
                &q, err));
    sqlite3_bind_text(q, 1, s->connector, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 2, t->name.ptr, (int)t->name.len, SQLITE_STATIC);
    sqlite3_bind_blob(q, 3, &t->id, sizeof t->id, SQLITE_STATIC);
    int code;
    while ((code = sqlite3_step(q)) == SQLITE_ROW) {
        int64_t p = sqlite3_column_int64(q, 0);
        if (p >= 0 && p < t->partitions)
            ret[p] = sqlite3_column_int64(q, 1);
    }
    st_t st = code == SQLITE_DONE ? ST_OK : failed(s, "cannot read the positions", err);
    sqlite3_finalize(q);
    return st;
}

static st_t sqlite_attach(sink_store_t *s, const sink_store_topic_t *t, size_t *ret_collection,
                          int64_t *ret_position, err_t *err)
{
    for (int32_t p = 0; p < t->partitions; p++)
        ret_position[p] = 0; /* a new file is filled from the start */
    TRY(collection_open(s, t->collection, ret_collection, err));
    TRY(read_positions(s, t, ret_position, err));
    while (s->topics.len <= t->index)
        VEC_PUSH(&s->topics, (position_topic_t){0});
    free(s->topics.ptr[t->index].name);
    s->topics.ptr[t->index] = (position_topic_t){mem_z(t->name), t->id};
    return ST_OK;
}

/* ---- documents */

static ST put_id(const sink_shape_t *shape, const sink_record_at_t *at, const data_value_t *row,
                 buf_t *b, err_t *err)
{
    if (shape->id == SINK_ID_POSITION) {
        buf_printf(b, STR_FMT "#%" PRId32 "#%" PRId64, STR_ARG(at->topic), at->partition,
                   at->offset);
        return ST_OK;
    }
    if (shape->id == SINK_ID_FULL_KEY) {
        sink_shape_t key = *shape;
        key.n = shape->n_key;
        sink_json_put_document(b, &key, row, STR_NONE);
        return ST_OK;
    }
    for (size_t i = 0; i < shape->n_id; i++) {
        const data_field_t *f = &shape->field[shape->id_field[i]];
        data_value_t v = row[shape->id_field[i]];
        if (data_is_null(v))
            return err_set(err, ST_BAD_INPUT, STR_FMT ", which identifies the document, is null",
                           STR_ARG(f->name));
        if (shape->n_id == 1 && v.kind == DATA_STRING) {
            buf_put_str(b, data_str(v));
            return ST_OK;
        }
        if (shape->n_id > 1)
            buf_put_char(b, i ? ',' : '[');
        data_put_json(b, v, f->type, DATA_JSON_NAN_NULL);
    }
    if (shape->n_id > 1)
        buf_put_char(b, ']');
    return ST_OK;
}

/* The member _id as JSON, where the row has none. */
static str_t made_id(const sink_shape_t *shape, str_t id, arena_t *a)
{
    if (!sink_shape_makes_id(shape))
        return STR_NONE;
    return arena_printf(a, shape->id == SINK_ID_POSITION ? "\"" STR_FMT "\"" : STR_FMT,
                        STR_ARG(id)); /* a topic's name needs no escapes */
}

static st_t sqlite_render(sink_store_t *s, const sink_shape_t *shape, const sink_record_at_t *at,
                          const data_value_t *row, bool deleted, arena_t *a, sink_op_t *op,
                          err_t *err)
{
    buf_t *b = &s->text;
    buf_clear(b);
    TRY(put_id(shape, at, row, b, err));
    size_t id_bytes = b->len;
    if (!deleted)
        sink_json_put_document(b, shape, row, made_id(shape, buf_str(b), a));
    if (!str_is_utf8(buf_str(b)))
        return err_set(err, ST_BAD_INPUT, "text is not UTF-8");
    if (b->len > INT32_MAX)
        return err_set(err, ST_TOO_LARGE, "the document has more than 2 GiB");
    char *copy = arena_alloc(a, b->len + 1);
    memcpy(copy, b->ptr, b->len);
    op->id = str_n(copy, id_bytes);
    op->doc = deleted ? STR_NONE : str_n(copy + id_bytes, b->len - id_bytes);
    return ST_OK;
}

/* ---- writing */

static ST write_op(sink_store_t *s, const sink_op_t *op, err_t *err)
{
    const collection_t *c = &s->collections.ptr[op->collection];
    bool windowed = op->window_ms != SINK_NO_WINDOW, delete = !op->doc.ptr;
    sqlite3_stmt *q = delete ? (windowed ? c->delete_window : c->delete)
                             : (windowed ? c->upsert_window : c->upsert);
    sqlite3_bind_text(q, 1, op->id.ptr, (int)op->id.len, SQLITE_STATIC);
    if (!delete)
        sqlite3_bind_text(q, 2, op->doc.ptr, (int)op->doc.len, SQLITE_STATIC);
    if (windowed)
        sqlite3_bind_int64(q, 3, op->window_ms);
    return step(s, q, "cannot write a document", err);
}

static ST write_mark(sink_store_t *s, const sink_mark_t *m, err_t *err)
{
    const position_topic_t *t = &s->topics.ptr[m->topic];
    sqlite3_bind_text(s->mark, 1, s->connector, -1, SQLITE_STATIC);
    sqlite3_bind_text(s->mark, 2, t->name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s->mark, 3, &t->id, sizeof t->id, SQLITE_STATIC);
    sqlite3_bind_int64(s->mark, 4, m->partition);
    sqlite3_bind_int64(s->mark, 5, m->offset);
    return step(s, s->mark, "cannot write the positions", err);
}

static int compare_ops(const void *x, const void *y)
{
    const sink_op_t *a = *(sink_op_t *const *)x, *b = *(sink_op_t *const *)y;
    if (a->collection != b->collection)
        return a->collection < b->collection ? -1 : 1;
    return str_cmp(a->id, b->id);
}

/* By id, as the tree has them: neighbours share its pages. */
static void sort_ops(sink_store_t *s, const sink_batch_t *b)
{
    VEC_CLEAR(&s->order);
    for (size_t i = 0; i < b->ops.len; i++)
        if (!b->ops.ptr[i].dropped)
            VEC_PUSH(&s->order, &b->ops.ptr[i]);
    if (s->order.len)
        qsort(s->order.ptr, s->order.len, sizeof *s->order.ptr, compare_ops);
}

static ST write_all(sink_store_t *s, const sink_batch_t *b, err_t *err)
{
    for (size_t i = 0; i < s->order.len; i++) {
        sink_op_t *op = s->order.ptr[i];
        st_t st = write_op(s, op, err);
        if (st != ST_OK && (sqlite3_errcode(s->db) & 0xff) == SQLITE_TOOBIG) {
            op->why = "the document is larger than SQLite stores";
            return err_set(err, ST_TOO_LARGE, "%s", op->why);
        }
        TRY(st);
    }
    for (size_t i = 0; i < b->marks.len; i++)
        TRY(write_mark(s, &b->marks.ptr[i], err));
    return step(s, s->commit, "cannot commit", err);
}

static st_t sqlite_write(sink_store_t *s, const sink_batch_t *b, err_t *err)
{
    sort_ops(s, b);
    TRY(step(s, s->begin, "cannot begin a transaction", err));
    st_t st = write_all(s, b, err);
    if (st != ST_OK && !sqlite3_get_autocommit(s->db)) {
        (void)sqlite3_step(s->rollback); /* a transaction that failed by itself is over already */
        sqlite3_reset(s->rollback);
    }
    return st;
}

/* ---- the class */

static const sink_store_class_t store = {
    .name = "sqlite",
    .keeps_windows = true,
    .batch_records = 65536,
    .new = sqlite_new,
    .free = sqlite_free,
    .open = sqlite_open,
    .attach = sqlite_attach,
    .render = sqlite_render,
    .write = sqlite_write,
};

static st_t start(const connector_config_t *config, const connector_env_t *env, connector_t **ret,
                  err_t *err)
{
    return sink_start(&store, config, env, ret, err);
}

const connector_class_t sink_sqlite = {
    .name = "sqlite",
    .start = start,
    .stop = sink_stop,
    .status = sink_status,
};
