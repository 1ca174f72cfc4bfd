/* MongoDB: documents replaced whole, or deleted, in unordered bulks; positions in a collection.
 *
 * On a replica set a batch and its positions are one transaction. Elsewhere the positions follow
 * when the documents are acknowledged: after a crash in between the batch is written again, which
 * changes nothing. A batch in which documents were refused is written the second way too, so that
 * all of them are found at once.
 */
#include "sink/mongodb/bson.h"
#include "sink/mongodb/client.h"
#include "sink/sink.h"

#include "base/trace.h"

#include <inttypes.h>

#define POSITIONS     "_arus_positions"
#define DUPLICATE_KEY 11000
#define NAME_EXISTS   48
#define SEND_BYTES    (32u << 20)

typedef struct collection {
    char *name;
    mongoc_collection_t *handle; /* of the client that is connected */
} collection_t;

struct sink_store {
    sink_client_t client;
    char *database, *connector;
    VEC(collection_t) collections;
    mongoc_collection_t *positions;
    VEC(char *) topic; /* by index: _id of its positions */
    VEC(size_t) sent;  /* by index in the bulk: the op */
    bson_t upsert;     /* {upsert: true} */
    buf_t text;
    arena_t why; /* texts of the last write */
};

/* ---- life */

static void disconnect(sink_store_t *s)
{
    for (size_t i = 0; i < s->collections.len; i++) {
        s->client.mongoc.collection_destroy(s->collections.ptr[i].handle);
        s->collections.ptr[i].handle = NULL;
    }
    if (s->positions)
        s->client.mongoc.collection_destroy(s->positions);
    s->positions = NULL;
    sink_client_close(&s->client);
}

static void mongodb_free(sink_store_t *s)
{
    disconnect(s);
    for (size_t i = 0; i < s->collections.len; i++)
        free(s->collections.ptr[i].name);
    VEC_DONE(&s->collections);
    for (size_t i = 0; i < s->topic.len; i++)
        free(s->topic.ptr[i]);
    VEC_DONE(&s->topic);
    VEC_DONE(&s->sent);
    sink_client_done(&s->client);
    bson_destroy(&s->upsert);
    arena_done(&s->why);
    buf_done(&s->text);
    free(s->database);
    free(s->connector);
    free(s);
}

static st_t mongodb_new(const sink_options_t *opt, const connector_config_t *c, sink_store_t **ret,
                        err_t *err)
{
    sink_store_t *s = mem_zalloc(sizeof *s);
    bson_init(&s->upsert);
    BSON_APPEND_BOOL(&s->upsert, "upsert", true);
    arena_init(&s->why, ARENA_NO_LIMIT);
    s->database = mem_z(opt->database);
    s->connector = mem_z(opt->name);
    st_t st = ST_OK;
    if (!opt->database.len)
        st = err_set(err, ST_BAD_CONFIG, "'database' must not be empty");
    if (st == ST_OK)
        st = sink_client_init(&s->client, opt->uri, c, err);
    if (st != ST_OK) {
        mongodb_free(s);
        return st;
    }
    *ret = s;
    return ST_OK;
}

/* The collection exists then: a transaction may not make one everywhere. */
static ST make_collection(sink_store_t *s, const char *name, err_t *err)
{
    bson_t command = BSON_INITIALIZER, reply;
    bson_error_t e;
    BSON_APPEND_UTF8(&command, "create", name);
    bool ok = s->client.mongoc.client_write_command_with_opts(s->client.client, s->database,
                                                              &command, NULL, &reply, &e);
    st_t st = ok || e.code == NAME_EXISTS
                  ? ST_OK
                  : sink_mongodb_failed(&reply, &e, "cannot make a collection", err);
    bson_destroy(&command);
    bson_destroy(&reply);
    return st;
}

/* Connected, and a handle on each collection. */
static ST ensure(sink_store_t *s, err_t *err)
{
    TRY(sink_client_open(&s->client, err));
    for (size_t i = 0; i < s->collections.len; i++) {
        collection_t *c = &s->collections.ptr[i];
        if (!c->handle)
            c->handle =
                s->client.mongoc.client_get_collection(s->client.client, s->database, c->name);
    }
    if (s->positions)
        return ST_OK;
    TRY(make_collection(s, POSITIONS, err));
    s->positions = s->client.mongoc.client_get_collection(s->client.client, s->database, POSITIONS);
    return ST_OK;
}

/* After a failure that may pass the next try starts from a new connection. */
static st_t settle(sink_store_t *s, st_t st)
{
    if (sink_may_pass(st))
        disconnect(s);
    return st;
}

static st_t mongodb_open(sink_store_t *s, err_t *err)
{
    return settle(s, ensure(s, err));
}

/* ---- collections */

/* A unique index on what identifies documents, so that two writers cannot make two of one. */
static ST make_index(sink_store_t *s, const sink_store_topic_t *t, const char *name, err_t *err)
{
    const sink_shape_t *shape = t->shape;
    bool own_id = sink_shape_makes_id(shape) ||
                  (shape->n_id == 1 && str_eq(shape->field[shape->id_field[0]].name, STR("_id")));
    if (own_id)
        return ST_OK;
    bson_t command = BSON_INITIALIZER, list, index, key, reply;
    buf_t index_name = BUF_INIT;
    BSON_APPEND_UTF8(&command, "createIndexes", name);
    BSON_APPEND_ARRAY_BEGIN(&command, "indexes", &list);
    BSON_APPEND_DOCUMENT_BEGIN(&list, "0", &index);
    BSON_APPEND_DOCUMENT_BEGIN(&index, "key", &key);
    for (size_t i = 0; i < shape->n_id; i++) {
        str_t field = shape->field[shape->id_field[i]].name;
        bson_append_int32(&key, field.ptr, (int)field.len, 1);
        buf_printf(&index_name, "%s" STR_FMT "_1", i ? "_" : "", STR_ARG(field));
    }
    bson_append_document_end(&index, &key);
    bson_append_utf8(&index, "name", 4, index_name.ptr, (int)index_name.len);
    BSON_APPEND_BOOL(&index, "unique", true);
    bson_append_document_end(&list, &index);
    bson_append_array_end(&command, &list);
    bson_error_t e;
    bool ok = s->client.mongoc.client_write_command_with_opts(s->client.client, s->database,
                                                              &command, NULL, &reply, &e);
    st_t st = ok ? ST_OK : sink_mongodb_failed(&reply, &e, "cannot make an index", err);
    if (st != ST_OK && !sink_may_pass(st) && st != ST_DENIED) {
        trace_line(TRACE_WARN, "sink",
                   "%s: no unique index " STR_FMT " on %s: %s. Writing goes on, slower; where "
                   "there are two documents of one id, remove all but one",
                   s->connector, STR_ARG(buf_str(&index_name)), name, e.message);
        st = ST_OK;
    }
    bson_destroy(&command);
    bson_destroy(&reply);
    buf_done(&index_name);
    return st;
}

static ST read_positions(sink_store_t *s, size_t topic, int32_t partitions, int64_t *ret,
                         err_t *err)
{
    bson_t filter = BSON_INITIALIZER;
    BSON_APPEND_UTF8(&filter, "_id", s->topic.ptr[topic]);
    mongoc_cursor_t *cursor =
        s->client.mongoc.collection_find_with_opts(s->positions, &filter, NULL, NULL);
    const bson_t *doc, *reply;
    bson_iter_t i, at;
    bson_error_t e;
    while (s->client.mongoc.cursor_next(cursor, &doc))
        for (int32_t p = 0; p < partitions; p++) {
            char path[32];
            snprintf(path, sizeof path, "position.%" PRId32, p);
            if (bson_iter_init(&i, doc) && bson_iter_find_descendant(&i, path, &at))
                ret[p] = bson_iter_as_int64(&at);
        }
    st_t st = ST_OK;
    if (s->client.mongoc.cursor_error_document(cursor, &e, &reply))
        st = sink_mongodb_failed(reply, &e, "cannot read the positions", err);
    s->client.mongoc.cursor_destroy(cursor);
    bson_destroy(&filter);
    return st;
}

static size_t find_collection(sink_store_t *s, str_t name)
{
    for (size_t i = 0; i < s->collections.len; i++)
        if (str_eq(str_of(s->collections.ptr[i].name), name))
            return i;
    VEC_PUSH(&s->collections, (collection_t){.name = mem_z(name)});
    return s->collections.len - 1;
}

static ST attach(sink_store_t *s, const sink_store_topic_t *t, size_t *ret_collection,
                 int64_t *ret_position, err_t *err)
{
    size_t collection = find_collection(s, t->collection);
    TRY(ensure(s, err));
    const char *name = s->collections.ptr[collection].name;
    TRY(make_collection(s, name, err));
    TRY(make_index(s, t, name, err));
    while (s->topic.len <= t->index)
        VEC_PUSH(&s->topic, NULL);
    buf_t id = BUF_INIT;
    buf_printf(&id, "%s/" STR_FMT "/", s->connector, STR_ARG(t->name));
    for (size_t i = 0; i < sizeof t->id.byte; i++)
        buf_printf(&id, "%02x", t->id.byte[i]);
    free(s->topic.ptr[t->index]);
    s->topic.ptr[t->index] = mem_z(buf_str(&id));
    buf_done(&id);
    for (int32_t p = 0; p < t->partitions; p++)
        ret_position[p] = 0;
    TRY(read_positions(s, t->index, t->partitions, ret_position, err));
    *ret_collection = collection;
    return ST_OK;
}

static st_t mongodb_attach(sink_store_t *s, const sink_store_topic_t *t, size_t *ret_collection,
                           int64_t *ret_position, err_t *err)
{
    return settle(s, attach(s, t, ret_collection, ret_position, err));
}

static st_t mongodb_render(sink_store_t *s, const sink_shape_t *shape, const sink_record_at_t *at,
                           const data_value_t *row, bool deleted, arena_t *a, sink_op_t *op,
                           err_t *err)
{
    buf_t *b = &s->text;
    buf_clear(b);
    TRY(sink_bson_put_filter(b, shape, at, row, err));
    size_t id_bytes = b->len;
    if (!deleted)
        TRY(sink_bson_put_document(b, shape, at, row, err));
    char *copy = arena_alloc(a, b->len);
    memcpy(copy, b->ptr, b->len);
    op->id = str_n(copy, id_bytes);
    op->doc = deleted ? STR_NONE : str_n(copy + id_bytes, b->len - id_bytes);
    return ST_OK;
}

/* ---- writing */

static void refuse(sink_store_t *s, sink_op_t *op, const char *why, uint32_t code)
{
    str_t text =
        arena_printf(&s->why, "MongoDB refused the document: %s (code %" PRIu32 ")", why, code);
    op->why = arena_z(&s->why, text);
}

/* One document's error in an answer. */
static st_t on_write_error(sink_store_t *s, const sink_batch_t *b, bson_iter_t *error, err_t *err)
{
    bson_iter_t i;
    int64_t index = -1, code = 0;
    const char *text = "";
    if (!bson_iter_recurse(error, &i))
        return err_set(err, ST_CORRUPT, "MongoDB: an answer cannot be read");
    while (bson_iter_next(&i)) {
        if (strcmp(bson_iter_key(&i), "index") == 0)
            index = bson_iter_as_int64(&i);
        else if (strcmp(bson_iter_key(&i), "code") == 0)
            code = bson_iter_as_int64(&i);
        else if (strcmp(bson_iter_key(&i), "errmsg") == 0 && BSON_ITER_HOLDS_UTF8(&i))
            text = bson_iter_utf8(&i, NULL);
    }
    st_t st = sink_mongodb_class(code);
    if (st == ST_IO)
        st = ST_BAD_INPUT; /* unknown, but one document's */
    if (sink_is_data(st) && (index < 0 || (size_t)index >= s->sent.len))
        return err_set(err, ST_CORRUPT, "MongoDB: an answer names a document that was not sent");
    if (sink_is_data(st))
        refuse(s, &b->ops.ptr[s->sent.ptr[index]], text, (uint32_t)code);
    err_set_at(err, st, __FILE__, __LINE__, "MongoDB: %s (code %" PRId64 ")", text, code);
    return st;
}

/* The first that stops or may pass counts more than what documents did. */
static st_t worse(st_t a, st_t b)
{
    return a == ST_OK || sink_is_data(a) ? (b == ST_OK ? a : b) : a;
}

static st_t on_errors(sink_store_t *s, const sink_batch_t *b, const bson_t *reply,
                      const bson_error_t *e, err_t *err)
{
    bson_iter_t i, each;
    st_t st = ST_OK;
    if (bson_iter_init_find(&i, reply, "writeErrors") && bson_iter_recurse(&i, &each))
        while (bson_iter_next(&each)) {
            err_t one;
            st_t got = on_write_error(s, b, &each, &one);
            if (worse(st, got) == got && st != got && err)
                *err = one;
            st = worse(st, got);
        }
    if (st != ST_OK && !(bson_iter_init_find(&i, reply, "writeConcernErrors") &&
                         bson_iter_recurse(&i, &each) && bson_iter_next(&each)))
        return sink_mongodb_has_label(reply, "TransientTransactionError") ? ST_UNREACHABLE : st;
    return worse(sink_mongodb_failed(reply, e, "cannot write", err), st);
}

static bool is_op(const sink_batch_t *b, size_t i, size_t collection)
{
    const sink_op_t *op = &b->ops.ptr[i];
    return op->collection == collection && !op->dropped && !op->why;
}

/* False when the driver itself refused a document. */
static bool add_op(sink_store_t *s, mongoc_bulk_operation_t *bulk, const sink_op_t *op,
                   bson_error_t *e)
{
    bson_t filter, doc;
    if (!bson_init_static(&filter, (const uint8_t *)op->id.ptr, op->id.len))
        die("a filter is no BSON");
    if (!op->doc.ptr)
        return s->client.mongoc.bulk_operation_remove_one_with_opts(bulk, &filter, NULL, e);
    if (!bson_init_static(&doc, (const uint8_t *)op->doc.ptr, op->doc.len))
        die("a document is no BSON");
    return s->client.mongoc.bulk_operation_replace_one_with_opts(bulk, &filter, &doc, &s->upsert,
                                                                 e);
}

/* Ops [*from, to) of one collection, as many as one send may have; *from moves behind them. */
static ST send_some(sink_store_t *s, const sink_batch_t *b, size_t collection, size_t *from,
                    size_t to, const bson_t *opts, err_t *err)
{
    mongoc_collection_t *handle = s->collections.ptr[collection].handle;
    mongoc_bulk_operation_t *bulk =
        s->client.mongoc.collection_create_bulk_operation_with_opts(handle, opts);
    st_t st = ST_OK;
    size_t bytes = 0, i = *from;
    VEC_CLEAR(&s->sent);
    for (; i < to && bytes < SEND_BYTES; i++) {
        sink_op_t *op = &b->ops.ptr[i];
        if (!is_op(b, i, collection))
            continue;
        bson_error_t e;
        if (add_op(s, bulk, op, &e)) {
            VEC_PUSH(&s->sent, i);
            bytes += op->id.len + op->doc.len;
        } else {
            refuse(s, op, e.message, e.code);
            st = err_set(err, ST_BAD_INPUT, "%s", op->why);
        }
    }
    *from = i;
    if (s->sent.len) {
        bson_t reply;
        bson_error_t e;
        if (!s->client.mongoc.bulk_operation_execute(bulk, &reply, &e))
            st = worse(st, on_errors(s, b, &reply, &e, err));
        bson_destroy(&reply);
    }
    s->client.mongoc.bulk_operation_destroy(bulk);
    return st;
}

/* Ops [from, to), with the session's transaction or without. */
static ST send_all(sink_store_t *s, const sink_batch_t *b, size_t from, size_t to, bool session,
                   err_t *err)
{
    bson_t opts = BSON_INITIALIZER;
    bson_error_t e;
    st_t st = ST_OK;
    BSON_APPEND_BOOL(&opts, "ordered", false);
    if (session && !s->client.mongoc.client_session_append(s->client.session, &opts, &e))
        st = sink_mongodb_failed(NULL, &e, "cannot use the session", err);
    for (size_t c = 0; c < s->collections.len && (st == ST_OK || sink_is_data(st)); c++)
        for (size_t i = from; i < to && (st == ST_OK || sink_is_data(st));) {
            err_t later;
            st_t got = send_some(s, b, c, &i, to, &opts, &later);
            if (got != ST_OK && err)
                *err = later;
            st = worse(st, got);
        }
    bson_destroy(&opts);
    return st;
}

static bool any_refused(const sink_batch_t *b, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (b->ops.ptr[i].why)
            return true;
    return false;
}

/* Without a transaction. Where the server refuses a whole command for what is in one of its
 * documents, halves are tried until that one is found. */
static ST send_plain(sink_store_t *s, const sink_batch_t *b, size_t from, size_t to, err_t *err)
{
    st_t st = send_all(s, b, from, to, false, err);
    if (!sink_is_data(st) || any_refused(b, from, to))
        return st;
    if (to - from == 1) {
        refuse(s, &b->ops.ptr[from], err ? err->msg : "", 0);
        return st;
    }
    size_t half = from + (to - from) / 2;
    st_t first = send_plain(s, b, from, half, err);
    if (first != ST_OK && !sink_is_data(first))
        return first;
    return worse(first, send_plain(s, b, half, to, err));
}

static ST put_positions(sink_store_t *s, const sink_batch_t *b, bool session, err_t *err)
{
    st_t st = ST_OK;
    for (size_t topic = 0; topic < s->topic.len && st == ST_OK; topic++) {
        bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, opts = BSON_INITIALIZER, set;
        bson_error_t e;
        bool any = false;
        BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
        for (size_t i = 0; i < b->marks.len; i++) {
            const sink_mark_t *m = &b->marks.ptr[i];
            if (m->topic != topic)
                continue;
            char path[32];
            snprintf(path, sizeof path, "position.%" PRId32, m->partition);
            BSON_APPEND_INT64(&set, path, m->offset);
            any = true;
        }
        bson_append_document_end(&update, &set);
        BSON_APPEND_BOOL(&opts, "upsert", true);
        if (session && !s->client.mongoc.client_session_append(s->client.session, &opts, &e))
            st = sink_mongodb_failed(NULL, &e, "cannot use the session", err);
        if (any && st == ST_OK) {
            bson_t reply;
            BSON_APPEND_UTF8(&filter, "_id", s->topic.ptr[topic]);
            if (!s->client.mongoc.collection_update_one(s->positions, &filter, &update, &opts,
                                                        &reply, &e))
                st = sink_mongodb_failed(&reply, &e, "cannot write the positions", err);
            bson_destroy(&reply);
        }
        bson_destroy(&filter);
        bson_destroy(&update);
        bson_destroy(&opts);
    }
    return st;
}

static ST write_transaction(sink_store_t *s, const sink_batch_t *b, err_t *err)
{
    bson_error_t e;
    if (!s->client.mongoc.client_session_start_transaction(s->client.session, NULL, &e))
        return sink_mongodb_failed(NULL, &e, "cannot start a transaction", err);
    st_t st = send_all(s, b, 0, b->ops.len, true, err);
    if (st == ST_OK)
        st = put_positions(s, b, true, err);
    if (st == ST_OK) {
        bson_t reply;
        if (!s->client.mongoc.client_session_commit_transaction(s->client.session, &reply, &e))
            st = sink_mongodb_failed(&reply, &e, "cannot commit", err);
        bson_destroy(&reply);
    }
    if (st != ST_OK && s->client.mongoc.client_session_in_transaction(s->client.session))
        (void)s->client.mongoc.client_session_abort_transaction(s->client.session, &e);
    return st;
}

static void forget_refused(sink_store_t *s, const sink_batch_t *b)
{
    for (size_t i = 0; i < b->ops.len; i++)
        b->ops.ptr[i].why = NULL;
    arena_reset(&s->why);
}

/* What is refused, and for a unique index too, is tried twice: two upserts of one new id may have
 * met. */
static ST write_plain(sink_store_t *s, const sink_batch_t *b, err_t *err)
{
    st_t st = b->ops.len ? send_plain(s, b, 0, b->ops.len, err) : ST_OK;
    if (sink_is_data(st)) {
        forget_refused(s, b);
        st = send_plain(s, b, 0, b->ops.len, err);
    }
    return st == ST_OK ? put_positions(s, b, false, err) : st;
}

static ST write_batch(sink_store_t *s, const sink_batch_t *b, err_t *err)
{
    forget_refused(s, b);
    TRY(ensure(s, err));
    if (s->client.transactions) {
        st_t st = write_transaction(s, b, err);
        if (!sink_is_data(st))
            return st;
        forget_refused(s, b);
    }
    return write_plain(s, b, err);
}

static st_t mongodb_write(sink_store_t *s, const sink_batch_t *b, err_t *err)
{
    return settle(s, write_batch(s, b, err));
}

/* ---- the class */

static const sink_store_class_t store = {
    .name = "mongodb",
    .batch_records = 2000, /* MongoDB's advice: transactions of some thousand documents */
    .new = mongodb_new,
    .free = mongodb_free,
    .open = mongodb_open,
    .attach = mongodb_attach,
    .render = mongodb_render,
    .write = mongodb_write,
};

static st_t start(const connector_config_t *config, const connector_env_t *env, connector_t **ret,
                  err_t *err)
{
    return sink_start(&store, config, env, ret, err);
}

static const char *const alias[] = {"com.mongodb.kafka.connect.MongoSinkConnector", NULL};

const connector_class_t sink_mongodb = {
    .name = "mongodb",
    .alias = alias,
    .start = start,
    .stop = sink_stop,
    .status = sink_status,
};
