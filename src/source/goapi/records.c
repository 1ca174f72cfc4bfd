#include "source/goapi/records.h"

#include "base/hash.h"
#include "base/trace.h"

#define SEEN_FIRST        4096
#define REMEMBER_BYTES    (4u << 20)
#define FRAME_BYTES       5
#define CREATED_CHARS     19
#define NULLABLE(name, t) "{\"name\":\"" name "\",\"type\":[\"null\",\"" t "\"],\"default\":null}"

static const char *const schemas[GOAPI_KINDS] = {
    [GOAPI_STOCK] =
        "{\"type\":\"record\",\"name\":\"Stock\",\"fields\":[" NULLABLE("id", "string") "," NULLABLE("ticker", "string") "," NULLABLE(
            "date",
            "string") "," NULLABLE("open",
                                   "double") "," NULLABLE("high",
                                                          "double") "," NULLABLE("low",
                                                                                 "double") "," NULLABLE("close",
                                                                                                        "double") "," NULLABLE("volume",
                                                                                                                               "long") "]}",
    [GOAPI_COMPANY] =
        "{\"type\":\"record\",\"name\":\"Company\",\"fields\":[{\"name\":\"id\",\"type\":"
        "\"string\"},"
        "{\"name\":\"ticker\",\"type\":\"string\"},{\"name\":\"name\",\"type\":\"string\"},"
        "{\"name\":\"logo\",\"type\":\"string\"},{\"name\":\"createdtime\",\"type\":[\"null\","
        "\"string\"]}]}",
    [GOAPI_PRICE] =
        "{\"type\":\"record\",\"name\":\"Price\",\"fields\":[" NULLABLE("ticker", "string") "," NULLABLE("date", "string") "," NULLABLE("open", "double") "," NULLABLE(
            "high",
            "double") "," NULLABLE("low",
                                   "double") "," NULLABLE("close",
                                                          "double") "," NULLABLE("volume",
                                                                                 "long") "," NULLABLE("change",
                                                                                                      "double") "," NULLABLE("percent",
                                                                                                                             "double") "]}",
    [GOAPI_INDEX] = "{\"type\":\"record\",\"name\":\"Index\",\"fields\":[" NULLABLE(
        "symbol", "string") "," NULLABLE("description", "string") "]}",
};

static const char *const own_subjects[GOAPI_KINDS] = {"IDX-Stock", "IDX-Company", "IDX-Price",
                                                      "IDX-Index"};

/* ---- opening */

static ST register_schema(goapi_out_t *o, const connector_env_t *env, str_t topic, err_t *err)
{
    const schema_source_t *src = env->schemas;
    char subject[LOG_TOPIC_NAME_MAX + 8];
    int n = snprintf(subject, sizeof subject, STR_FMT "-value", STR_ARG(topic));
    st_t st = src->put(src->self, str_n(subject, (size_t)n), STR("AVRO"), str_of(schemas[o->kind]),
                       &o->schema_id, err);
    if (st != ST_INCOMPATIBLE)
        return st;
    trace_line(TRACE_WARN, "goapi", "%s has another schema; records are written with that of %s",
               subject, own_subjects[o->kind]);
    return src->put(src->self, str_of(own_subjects[o->kind]), STR("AVRO"), str_of(schemas[o->kind]),
                    &o->schema_id, err);
}

st_t goapi_out_open(goapi_out_t *o, const connector_env_t *env, const goapi_settings_t *s,
                    goapi_kind_t kind, str_t topic, err_t *err)
{
    *o = (goapi_out_t){.kind = kind, .partitioner = s->partitioner};
    log_topic_spec_t spec = {.name = topic, .partitions = s->partitions, .replicas = s->replicas};
    st_t st = log_topic_open(env->log, topic, &o->topic, err);
    if (st == ST_NOT_FOUND) {
        st = log_topic_create(env->log, &spec, err);
        if (st == ST_OK || st == ST_EXISTS)
            st = log_topic_open(env->log, topic, &o->topic, err);
    }
    TRY(st);
    o->n = log_topic_partitions(o->topic);
    o->writer = mem_zalloc((size_t)o->n * sizeof *o->writer);
    o->batch = mem_zalloc((size_t)o->n * sizeof *o->batch);
    return register_schema(o, env, topic, err);
}

void goapi_out_close(goapi_out_t *o)
{
    for (int32_t p = 0; o->batch && p < o->n; p++)
        buf_done(&o->batch[p]);
    if (o->topic)
        log_topic_unref(o->topic);
    free(o->writer);
    free(o->batch);
    buf_done(&o->key);
    buf_done(&o->value);
    *o = (goapi_out_t){0};
}

/* ---- what went before */

void goapi_seen_done(goapi_seen_t *s)
{
    free(s->slot);
    *s = (goapi_seen_t){0};
}

static void seen_grow(goapi_seen_t *s)
{
    goapi_seen_t old = *s;
    s->cap = old.cap ? old.cap * 2 : SEEN_FIRST;
    s->slot = mem_zalloc(s->cap * 2 * sizeof *s->slot);
    for (size_t i = 0; i < old.cap; i++) {
        uint64_t key = old.slot[2 * i];
        size_t at = key & (s->cap - 1);
        if (!key)
            continue;
        while (s->slot[2 * at])
            at = (at + 1) & (s->cap - 1);
        s->slot[2 * at] = key;
        s->slot[2 * at + 1] = old.slot[2 * i + 1];
    }
    free(old.slot);
}

/* False when the same went last under this key. */
static bool seen_put(goapi_seen_t *s, uint64_t key, uint64_t value)
{
    key += !key;
    if (s->len * 2 >= s->cap)
        seen_grow(s);
    size_t at = key & (s->cap - 1);
    while (s->slot[2 * at] && s->slot[2 * at] != key)
        at = (at + 1) & (s->cap - 1);
    s->len += !s->slot[2 * at];
    bool changed = !s->slot[2 * at] || s->slot[2 * at + 1] != value;
    s->slot[2 * at] = key;
    s->slot[2 * at + 1] = value;
    return changed;
}

/* Stable over restarts of one program only; a company's createdtime does not count. */
static bool is_new(goapi_out_t *o, goapi_seen_t *seen, str_t key, str_t value)
{
    size_t tail = o->kind == GOAPI_COMPANY ? CREATED_CHARS + 2 : 0;
    if (value.len < FRAME_BYTES + tail)
        return true;
    uint64_t k = hash_bytes(key.ptr, key.len) * GOAPI_KINDS + o->kind;
    return seen_put(seen, k, hash_bytes(value.ptr + FRAME_BYTES, value.len - FRAME_BYTES - tail));
}

static ST remember_chunk(goapi_out_t *o, goapi_seen_t *seen, wire_reader_t *r, str_t bytes,
                         err_t *err)
{
    wire_batch_t b;
    wire_record_t rec;
    while (bytes.len) {
        TRY(wire_batch_next(&bytes, &b, err));
        TRY(wire_reader_open(r, &b, err));
        while (wire_reader_next(r, &rec))
            (void)is_new(o, seen, rec.key, rec.value);
        TRY(wire_reader_end(r, err));
    }
    return ST_OK;
}

st_t goapi_out_remember(goapi_out_t *o, goapi_seen_t *seen, err_t *err)
{
    wire_reader_t r;
    st_t st = ST_OK;
    wire_reader_init(&r, WIRE_BATCH_BYTES_MAX);
    for (int32_t p = 0; p < o->n && st == ST_OK; p++) {
        log_offsets_t at;
        st = log_topic_offsets(o->topic, p, &at, err);
        while (st == ST_OK && at.start < at.end) {
            log_chunk_t chunk;
            st = log_read(o->topic, p, at.start, REMEMBER_BYTES, &chunk, err);
            if (st != ST_OK)
                break;
            st = remember_chunk(o, seen, &r, chunk.bytes, err);
            at.start = chunk.next_offset;
            log_chunk_unref(&chunk);
        }
    }
    wire_reader_done(&r);
    o->seen = seen;
    return st;
}

/* ---- Avro */

static void put_text(buf_t *b, str_t s)
{
    buf_put_varint(b, (int64_t)s.len);
    buf_put_str(b, s);
}

static void put_nullable_text(buf_t *b, str_t s)
{
    buf_put_varint(b, s.len ? 1 : 0);
    if (s.len)
        put_text(b, s);
}

static void put_nullable_f64(buf_t *b, const goapi_row_t *r, goapi_field_t f)
{
    bool given = r->has >> f & 1;
    buf_put_varint(b, given);
    if (given)
        buf_put(b, &r->number[f], sizeof(double)); /* little-endian, as Avro has it */
}

static void put_volume(buf_t *b, const goapi_row_t *r)
{
    bool given = r->has >> GOAPI_VOLUME & 1;
    buf_put_varint(b, given);
    if (given)
        buf_put_varint(b, r->volume);
}

static void put_prices(buf_t *b, const goapi_row_t *r)
{
    put_nullable_f64(b, r, GOAPI_OPEN);
    put_nullable_f64(b, r, GOAPI_HIGH);
    put_nullable_f64(b, r, GOAPI_LOW);
    put_nullable_f64(b, r, GOAPI_CLOSE);
    put_volume(b, r);
}

static void put_key(goapi_out_t *o, const goapi_row_t *r)
{
    buf_clear(&o->key);
    buf_put_str(&o->key, r->ticker);
    if (o->kind == GOAPI_STOCK) {
        buf_put_char(&o->key, '_');
        buf_put_str(&o->key, r->date);
    }
}

static void put_value(goapi_out_t *o, const goapi_row_t *r, str_t created)
{
    buf_t *b = &o->value;
    buf_clear(b);
    buf_put_char(b, 0);
    buf_put_be32(b, (uint32_t)o->schema_id);
    switch (o->kind) {
    case GOAPI_STOCK:
        put_nullable_text(b, buf_str(&o->key));
        put_nullable_text(b, r->ticker);
        put_nullable_text(b, r->date);
        put_prices(b, r);
        break;
    case GOAPI_COMPANY:
        put_text(b, r->ticker);
        put_text(b, r->ticker);
        put_text(b, r->name);
        put_text(b, r->logo);
        put_nullable_text(b, created);
        break;
    case GOAPI_PRICE:
        put_nullable_text(b, r->ticker);
        put_nullable_text(b, r->date);
        put_prices(b, r);
        put_nullable_f64(b, r, GOAPI_CHANGE);
        put_nullable_f64(b, r, GOAPI_PERCENT);
        break;
    case GOAPI_INDEX:
        put_nullable_text(b, r->ticker);
        put_nullable_text(b, r->description);
        break;
    case GOAPI_KINDS:
        ASSERT(!"a kind");
    }
}

/* ---- adding */

static int32_t partition_of(const goapi_out_t *o)
{
    if (o->partitioner == GOAPI_CONSISTENT_RANDOM)
        return (int32_t)(hash_crc32(0, o->key.ptr, o->key.len) % (uint32_t)o->n);
    return hash_partition(o->key.ptr, o->key.len, o->n);
}

void goapi_out_add(goapi_out_t *o, int64_t ts_ms, const goapi_row_t *row, str_t created)
{
    ASSERT(created.len == CREATED_CHARS || o->kind != GOAPI_COMPANY);
    put_key(o, row);
    put_value(o, row, created);
    str_t key = buf_str(&o->key), value = buf_str(&o->value);
    if (o->seen && !is_new(o, o->seen, key, value))
        return;
    int32_t p = partition_of(o);
    if (!o->writer[p].out) {
        buf_clear(&o->batch[p]);
        wire_batch_begin(&o->writer[p], &o->batch[p], &WIRE_BATCH_PLAIN);
    }
    wire_batch_add(&o->writer[p], ts_ms, key, value, NULL, 0);
    o->added++;
}

st_t goapi_out_commit(goapi_out_t *o, log_commit_t *c, err_t *err)
{
    for (int32_t p = 0; p < o->n; p++) {
        if (!o->writer[p].out)
            continue;
        TRY(wire_batch_finish(&o->writer[p], err));
        log_commit_append(c, o->topic, p, buf_str(&o->batch[p]));
        o->writer[p].out = NULL;
    }
    o->added = 0;
    return ST_OK;
}
