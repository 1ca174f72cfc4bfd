#include "sink/reader.h"

#include "base/hash.h"
#include "base/trace.h"

#define READ_BYTES     (512u << 10)
#define UNPACK_BYTES   (256u << 20)
#define DOCUMENT_BYTES (8u << 20) /* of a batch */

void sink_reader_init(sink_reader_t *r, const connector_env_t *env, const sink_options_t *opt,
                      const sink_store_class_t *class, sink_store_t *store, sink_dead_t *dead,
                      atomic_bool *stopping)
{
    *r = (sink_reader_t){.env = *env,
                         .opt = opt,
                         .class = class,
                         .store = store,
                         .dead = dead,
                         .stopping = stopping,
                         .n_topics = opt->n_topics,
                         .watch = log_watch_new(env->log)};
    arena_init(&r->life, ARENA_NO_LIMIT);
    arena_init(&r->scratch, ARENA_NO_LIMIT);
    arena_init(&r->documents, ARENA_NO_LIMIT);
    r->group = arena_printf(&r->life, "connect-" STR_FMT, STR_ARG(opt->name));
    r->topic = ARENA_ARRAY(&r->life, sink_topic_t, opt->n_topics);
    for (size_t i = 0; i < opt->n_topics; i++) {
        r->topic[i].opt = &opt->topic[i];
        arena_init(&r->topic[i].arena, ARENA_NO_LIMIT);
    }
    r->n_slots = 64;
    while (r->n_slots < 2 * (size_t)opt->batch_records)
        r->n_slots *= 2;
    r->slot = mem_zalloc(r->n_slots * sizeof *r->slot);
    r->limit = (size_t)opt->batch_records;
    wire_reader_init(&r->wire, UNPACK_BYTES);
    pthread_mutex_init(&r->lock, NULL);
}

static void close_topic(sink_reader_t *r, sink_topic_t *t)
{
    if (!t->log)
        return;
    pthread_mutex_lock(&r->lock);
    log_watch_remove(r->watch, t->log);
    log_topic_unref(t->log);
    t->log = NULL;
    pthread_mutex_unlock(&r->lock);
}

void sink_reader_detach(sink_reader_t *r)
{
    for (size_t i = 0; i < r->n_topics; i++)
        close_topic(r, &r->topic[i]);
    log_watch_free(r->watch);
    r->watch = NULL;
}

void sink_reader_done(sink_reader_t *r)
{
    for (size_t i = 0; i < r->n_topics; i++) {
        sink_topic_t *t = &r->topic[i];
        serde_free(t->key);
        serde_free(t->value);
        sink_guard_done(&t->guard);
        free(t->position);
        arena_done(&t->arena);
    }
    VEC_DONE(&r->batch.ops);
    VEC_DONE(&r->batch.marks);
    free(r->slot);
    wire_reader_done(&r->wire);
    arena_done(&r->documents);
    arena_done(&r->scratch);
    arena_done(&r->life);
    pthread_mutex_destroy(&r->lock);
}

/* ---- records to documents */

static ST decode_key(sink_reader_t *r, sink_topic_t *t, str_t key, int64_t *ret_window_ms,
                     err_t *err)
{
    *ret_window_ms = SINK_NO_WINDOW;
    if (t->schema.windowed) {
        size_t n = t->schema.session ? 16 : 8; /* a session's end is first: it orders sessions */
        if (key.len < n)
            return err_set(err, ST_CORRUPT, "a windowed key of %zu bytes is too short", key.len);
        key.len -= n;
        *ret_window_ms = (int64_t)load_be64(key.ptr + key.len);
    }
    bool null = true;
    size_t n_key = t->schema.key.len;
    if (n_key && serde_decode(t->key, &r->scratch, key, NULL, t->row, &null, err) != ST_OK)
        return err_wrap(err, ST_CORRUPT, "the key");
    for (size_t i = 0; null && i < n_key; i++)
        t->row[i] = DATA_NULL_VALUE;
    return ST_OK;
}

/* *ret_skip: a null value where nothing is deleted, or a tombstone that names no document. */
static ST decode(sink_reader_t *r, sink_topic_t *t, const wire_record_t *rec, sink_op_t *op,
                 sink_stage_t *stage, bool *ret_skip, err_t *err)
{
    *ret_skip = false;
    *stage = SINK_STAGE_KEY;
    TRY(decode_key(r, t, rec->key, &op->window_ms, err));
    *stage = SINK_STAGE_VALUE;
    bool null = !rec->value.ptr;
    if (!null && t->schema.value.len &&
        serde_decode(t->value, &r->scratch, rec->value, NULL, t->row + t->schema.key.len, &null,
                     err) != ST_OK)
        return err_wrap(err, ST_CORRUPT, "the value");
    bool deletes = r->opt->deletes < 0 ? t->schema.table : r->opt->deletes != 0;
    if (null && (!deletes || !t->shape.in_key)) {
        *ret_skip = true;
        return ST_OK;
    }
    *stage = SINK_STAGE_STORE;
    sink_record_at_t at = {t->name, op->partition, rec->offset};
    return r->class->render(r->store, &t->shape, &at, t->row, null, &r->documents, op, err);
}

/* The op of this document in the batch; NULL: none yet, and *ret_slot is its place. */
static sink_op_t *find_op(sink_reader_t *r, size_t collection, str_t id, uint32_t **ret_slot)
{
    size_t i = (hash_bytes(id.ptr, id.len) + collection * 0x9e3779b9u) & (r->n_slots - 1);
    for (; r->slot[i]; i = (i + 1) & (r->n_slots - 1)) {
        sink_op_t *op = &r->batch.ops.ptr[r->slot[i] - 1];
        if (op->collection == collection && str_eq(op->id, id))
            return op;
    }
    *ret_slot = &r->slot[i];
    return NULL;
}

static void add_op(sink_reader_t *r, sink_topic_t *t, const sink_op_t *op)
{
    uint32_t *slot;
    sink_op_t *before = find_op(r, op->collection, op->id, &slot);
    if (before && op->window_ms < before->window_ms)
        return;
    bool guarded = t->schema.windowed && !r->class->keeps_windows;
    if (guarded && !sink_guard_pass(&t->guard, op->collection, op->id, op->window_ms))
        return;
    if (before) {
        *before = *op;
        return;
    }
    ASSERT(r->batch.ops.len < r->n_slots / 2);
    VEC_PUSH(&r->batch.ops, *op);
    *slot = (uint32_t)r->batch.ops.len;
}

static ST take(sink_reader_t *r, size_t topic, int32_t partition, const wire_record_t *rec,
               err_t *err)
{
    sink_topic_t *t = &r->topic[topic];
    sink_op_t op = {
        .collection = t->collection, .topic = topic, .partition = partition, .offset = rec->offset};
    sink_stage_t stage;
    bool skip;
    arena_reset(&r->scratch);
    r->batch.n_records++;
    if (decode(r, t, rec, &op, &stage, &skip, err) != ST_OK)
        return sink_dead_add(r->dead, stage, t->name, partition, rec, err, err);
    if (!skip)
        add_op(r, t, &op);
    return ST_OK;
}

static bool full(const sink_reader_t *r)
{
    return r->batch.n_records >= r->limit || arena_used(&r->documents) >= DOCUMENT_BYTES ||
           atomic_load(r->stopping);
}

/* ---- reading */

/* Gives each record of the partition from *position on to fn until it fails or `stop` says so. */
typedef struct walk {
    sink_reader_t *r;
    size_t topic;
    int32_t partition;
    int64_t end; /* the first offset not wanted */
    ST(*fn)
    (sink_reader_t *r, size_t topic, int32_t partition, const wire_record_t *rec, err_t *err);
    bool (*stop)(const sink_reader_t *r);
} walk_t;

static ST walk_batch(const walk_t *w, const wire_batch_t *b, int64_t *position, err_t *err)
{
    wire_reader_t *wire = &w->r->wire;
    const log_topic_t *t = w->r->topic[w->topic].log;
    if (b->attributes & WIRE_CONTROL ||
        (b->attributes & WIRE_TRANSACTIONAL &&
         log_is_aborted(t, w->partition, b->producer_id, b->base_offset))) {
        *position = b->last_offset + 1;
        return ST_OK;
    }
    TRY(wire_reader_open(wire, b, err));
    for (wire_record_t rec; wire_reader_next(wire, &rec);) {
        if (rec.offset < *position)
            continue;
        if (rec.offset >= w->end || w->stop(w->r))
            return ST_OK;
        TRY(w->fn(w->r, w->topic, w->partition, &rec, err));
        *position = rec.offset + 1;
    }
    TRY(wire_reader_end(wire, err));
    *position = b->last_offset + 1;
    return ST_OK;
}

/* Where to read on when the log does not have the position: retention took it, or a power cut what
 * had not been synced. */
static ST repair(const walk_t *w, int64_t *position, err_t *err)
{
    log_offsets_t o;
    const sink_topic_t *t = &w->r->topic[w->topic];
    TRY(log_topic_offsets(t->log, w->partition, &o, err));
    int64_t next = *position < o.start ? o.start : *position > o.end ? o.end : *position;
    if (next != *position && *position > 0)
        trace_line(TRACE_WARN, "sink",
                   STR_FMT ": " STR_FMT
                           "-%d has no offset %lld (it has %lld to %lld): goes on at %lld",
                   STR_ARG(w->r->opt->name), STR_ARG(t->name), w->partition, (long long)*position,
                   (long long)o.start, (long long)o.end, (long long)next);
    *position = next;
    return ST_OK;
}

static ST walk(const walk_t *w, int64_t *position, err_t *err)
{
    sink_topic_t *t = &w->r->topic[w->topic];
    while (*position < w->end && !w->stop(w->r)) {
        log_chunk_t chunk;
        st_t st = log_read(t->log, w->partition, *position, READ_BYTES, &chunk, err);
        if (st == ST_RANGE)
            return repair(w, position, err);
        TRY(st);
        int64_t before = *position;
        wire_batch_t b;
        for (str_t in = chunk.bytes; in.len && st == ST_OK && !w->stop(w->r);) {
            st = wire_batch_next(&in, &b, err);
            if (st == ST_OK && b.base_offset >= w->end)
                break;
            if (st == ST_OK)
                st = walk_batch(w, &b, position, err);
        }
        log_chunk_unref(&chunk);
        TRY(st);
        if (*position == before)
            break;
    }
    return ST_OK;
}

static ST read_partition(sink_reader_t *r, size_t topic, int32_t partition, err_t *err)
{
    sink_topic_t *t = &r->topic[topic];
    sink_position_t *p = &t->position[partition];
    log_offsets_t o;
    TRY(log_topic_offsets(t->log, partition, &o, err));
    int64_t before = p->read;
    walk_t w = {r, topic, partition, o.stable, take, full};
    if (p->read > o.end)
        TRY(repair(&w, &p->read, err));
    TRY(walk(&w, &p->read, err));
    if (p->read != before)
        VEC_PUSH(&r->batch.marks, (sink_mark_t){topic, partition, p->read});
    return ST_OK;
}

st_t sink_reader_read(sink_reader_t *r, err_t *err)
{
    VEC_CLEAR(&r->batch.ops);
    VEC_CLEAR(&r->batch.marks);
    r->batch.n_records = 0;
    arena_reset(&r->documents);
    memset(r->slot, 0, r->n_slots * sizeof *r->slot);
    for (size_t i = 0; i < r->n_topics && !full(r); i++) {
        size_t topic = (r->turn + i) % r->n_topics;
        sink_topic_t *t = &r->topic[topic];
        for (int32_t p = 0; t->log && p < t->n_partitions && !full(r); p++) {
            st_t st = read_partition(r, topic, p, err);
            if (st == ST_NOT_FOUND)
                close_topic(r, t); /* deleted; a new one of its name is looked for */
            else
                TRY(st);
        }
    }
    r->turn = (r->turn + 1) % r->n_topics;
    return ST_OK;
}

/* ---- positions */

void sink_reader_back(sink_reader_t *r)
{
    size_t n = r->batch.n_records;
    r->limit = n > 1 ? n / 2 : 1;
    r->turn = (r->turn + r->n_topics - 1) % r->n_topics;
    for (size_t i = 0; i < r->batch.marks.len; i++) {
        const sink_mark_t *m = &r->batch.marks.ptr[i];
        sink_position_t *p = &r->topic[m->topic].position[m->partition];
        p->read = p->written;
    }
}

void sink_reader_written(sink_reader_t *r)
{
    if (r->limit < (size_t)r->opt->batch_records / 2)
        r->limit *= 2;
    else
        r->limit = (size_t)r->opt->batch_records;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->batch.marks.len; i++) {
        const sink_mark_t *m = &r->batch.marks.ptr[i];
        ASSERT(m->partition < r->topic[m->topic].n_partitions);
        r->topic[m->topic].position[m->partition].written = m->offset;
    }
    pthread_mutex_unlock(&r->lock);
}

st_t sink_reader_commit(sink_reader_t *r, err_t *err)
{
    log_commit_t *c = NULL;
    for (size_t i = 0; i < r->n_topics; i++) {
        sink_topic_t *t = &r->topic[i];
        for (int32_t p = 0; t->log && p < t->n_partitions; p++) {
            if (t->position[p].written == t->position[p].committed)
                continue;
            if (!c)
                c = log_commit_new(r->env.log);
            log_commit_offset(c, r->group, t->name, p, t->position[p].written);
        }
    }
    if (!c)
        return ST_OK;
    TRY(log_commit(r->env.log, c, NULL, err));
    for (size_t i = 0; i < r->n_topics; i++)
        for (int32_t p = 0; p < r->topic[i].n_partitions; p++)
            r->topic[i].position[p].committed = r->topic[i].position[p].written;
    return ST_OK;
}

int64_t sink_reader_lag(sink_reader_t *r)
{
    int64_t lag = 0;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->n_topics; i++) {
        const sink_topic_t *t = &r->topic[i];
        log_offsets_t o;
        for (int32_t p = 0; t->log && p < t->n_partitions; p++)
            if (log_topic_offsets(t->log, p, &o, NULL) == ST_OK)
                lag += o.end > t->position[p].written ? o.end - t->position[p].written : 0;
    }
    pthread_mutex_unlock(&r->lock);
    return lag;
}

st_t sink_reader_bury(sink_reader_t *r, const sink_op_t *op, const err_t *cause, err_t *err)
{
    err_t why = *cause;
    const sink_topic_t *t = &r->topic[op->topic];
    log_chunk_t chunk;
    TRY(log_read(t->log, op->partition, op->offset, 1, &chunk, err));
    wire_batch_t b;
    wire_record_t rec = {.offset = op->offset};
    str_t in = chunk.bytes;
    st_t st = wire_batch_next(&in, &b, err);
    if (st == ST_OK)
        st = wire_reader_open(&r->wire, &b, err);
    bool found = false;
    while (st == ST_OK && !found && wire_reader_next(&r->wire, &rec))
        found = rec.offset == op->offset;
    if (st == ST_OK)
        st = sink_dead_add(r->dead, SINK_STAGE_STORE, t->name, op->partition, &rec, &why, err);
    log_chunk_unref(&chunk);
    return st;
}

/* ---- finding topics */

static bool same_schema(const connector_topic_t *a, const connector_topic_t *b)
{
    return data_columns_eq(a->key, b->key) && data_columns_eq(a->value, b->value) &&
           a->key_serde.format == b->key_serde.format && a->table == b->table &&
           a->value_serde.format == b->value_serde.format && a->windowed == b->windowed &&
           a->session == b->session;
}

static data_columns_t copy_columns(arena_t *a, data_columns_t from)
{
    data_column_t *to = ARENA_ARRAY(a, data_column_t, from.len + 1);
    for (size_t i = 0; i < from.len; i++)
        to[i] =
            (data_column_t){arena_str(a, from.ptr[i].name), data_type_copy(a, from.ptr[i].type)};
    return (data_columns_t){to, from.len};
}

/* Serdes and shape for what the catalog says now. */
static ST adopt_schema(sink_reader_t *r, sink_topic_t *t, str_t name,
                       const connector_topic_t *schema, err_t *err)
{
    serde_t *key, *value;
    TRY(serde_new(&schema->key_serde, &key, err));
    st_t st = serde_new(&schema->value_serde, &value, err);
    if (st != ST_OK) {
        serde_free(key);
        return st;
    }
    serde_free(t->key);
    serde_free(t->value);
    t->key = key;
    t->value = value;
    arena_reset(&t->arena);
    t->attached = false;
    t->schema = *schema;
    t->schema.key = copy_columns(&t->arena, schema->key);
    t->schema.value = copy_columns(&t->arena, schema->value);
    t->name = arena_str(&t->arena, name);
    str_t collection = t->opt->collection.len ? t->opt->collection : t->name;
    t->collection_name = arena_str(&t->arena, collection);
    t->row = ARENA_ARRAY(&t->arena, data_value_t, schema->key.len + schema->value.len + 1);
    st = sink_shape_make(t->schema.key, t->schema.value, r->opt->id, r->opt->id_list, &t->arena,
                         &t->shape, err);
    return st == ST_OK ? ST_OK : err_wrap(err, st, STR_FMT, STR_ARG(name));
}

static bool stopped(const sink_reader_t *r)
{
    return atomic_load(r->stopping);
}

/* What is stored already counts for the guard; records that cannot be read were passed over. */
static ST recall(sink_reader_t *r, size_t topic, int32_t partition, const wire_record_t *rec,
                 err_t *err)
{
    (void)err;
    sink_topic_t *t = &r->topic[topic];
    sink_op_t op = {.collection = t->collection, .partition = partition};
    sink_record_at_t at = {t->name, partition, rec->offset};
    arena_reset(&r->scratch);
    arena_reset(&r->documents);
    sink_stage_t stage;
    bool skip = false;
    st_t st = t->shape.in_key ? decode_key(r, t, rec->key, &op.window_ms, NULL)
                              : decode(r, t, rec, &op, &stage, &skip, NULL);
    if (st == ST_OK && t->shape.in_key)
        st = r->class->render(r->store, &t->shape, &at, t->row, true, &r->documents, &op, NULL);
    if (st == ST_OK && !skip)
        (void)sink_guard_pass(&t->guard, op.collection, op.id, op.window_ms);
    return ST_OK;
}

/* The guard knows what is stored when reading begins. */
static ST begin_at(sink_reader_t *r, size_t topic, int32_t partition, int64_t at, err_t *err)
{
    sink_topic_t *t = &r->topic[topic];
    walk_t w = {r, topic, partition, 0, recall, stopped};
    TRY(repair(&w, &at, err));
    if (t->schema.windowed && !r->class->keeps_windows) {
        int64_t from = 0;
        w.end = at;
        TRY(repair(&w, &from, err));
        TRY(walk(&w, &from, err));
    }
    t->position[partition] = (sink_position_t){.read = at, .written = at, .committed = -1};
    return ST_OK;
}

static ST attach(sink_reader_t *r, size_t topic, log_topic_t *log, err_t *err)
{
    sink_topic_t *t = &r->topic[topic];
    int32_t n = log_topic_partitions(log), old = t->log ? t->n_partitions : 0;
    int64_t *stored = ARENA_ARRAY(&r->scratch, int64_t, n);
    sink_store_topic_t st = {.index = topic,
                             .name = t->name,
                             .collection = t->collection_name,
                             .id = log_topic_id(log),
                             .shape = &t->shape,
                             .windowed = t->schema.windowed,
                             .partitions = n};
    TRY(r->class->attach(r->store, &st, &t->collection, stored, err));
    int64_t *kept = mem_dup(stored, (size_t)n * sizeof *stored); /* scratch is each record's */
    pthread_mutex_lock(&r->lock);
    t->position = mem_realloc(t->position, (size_t)n * sizeof *t->position);
    if (!t->log) {
        t->log = log_topic_ref(log);
        t->n_partitions = 0;
        log_watch_add(r->watch, log);
    }
    pthread_mutex_unlock(&r->lock);
    st_t status = ST_OK;
    for (int32_t p = old; p < n && status == ST_OK; p++)
        status = begin_at(r, topic, p, kept[p], err);
    free(kept);
    if (status != ST_OK) {
        close_topic(r, t);
        return status;
    }
    pthread_mutex_lock(&r->lock);
    t->n_partitions = n;
    pthread_mutex_unlock(&r->lock);
    t->attached = true;
    return ST_OK;
}

static ST resolve_topic(sink_reader_t *r, size_t topic, err_t *err)
{
    sink_topic_t *t = &r->topic[topic];
    str_t name;
    connector_topic_t schema;
    log_topic_t *log;
    arena_reset(&r->scratch);
    TRY(r->env.topic(r->env.self, t->opt->name, &r->scratch, &name, &schema, err));
    TRY(log_topic_open(r->env.log, name, &log, err));
    log_uuid_t id = log_topic_id(log), have = {{0}};
    if (t->log)
        have = log_topic_id(t->log);
    if (t->log && memcmp(&id, &have, sizeof id) != 0)
        close_topic(r, t);
    st_t st = ST_OK;
    if (!t->log || !same_schema(&t->schema, &schema))
        st = adopt_schema(r, t, name, &schema, err);
    if (st == ST_OK && (!t->attached || log_topic_partitions(log) > t->n_partitions))
        st = attach(r, topic, log, err);
    log_topic_unref(log);
    return st;
}

st_t sink_reader_resolve(sink_reader_t *r, err_t *err)
{
    r->waiting = false;
    for (size_t i = 0; i < r->n_topics; i++) {
        st_t st = resolve_topic(r, i, err);
        if (st == ST_BUSY && r->topic[i].log)
            continue; /* the catalog is changing: as before, for now */
        if (st == ST_NOT_FOUND || st == ST_BUSY)
            r->waiting = true;
        else
            TRY(st);
    }
    return ST_OK;
}
