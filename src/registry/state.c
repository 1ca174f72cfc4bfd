#include "registry/state.h"

#include "base/json.h"
#include "wire/batch.h"

#define READ_BYTES     (1 << 20)
#define UNPACK_MAX     (64 << 20)
#define SCHEMA_IDS_MAX (1 << 24) /* what a damaged record may make us reserve */

void change_init(change_t *c)
{
    *c = (change_t){.keys = {NULL, 0, 0}};
    arena_init(&c->arena, ARENA_NO_LIMIT);
}

void change_done(change_t *c)
{
    VEC_DONE(&c->keys);
    VEC_DONE(&c->values);
    arena_done(&c->arena);
}

static void add(change_t *c, buf_t *key, buf_t *value)
{
    VEC_PUSH(&c->keys, arena_str(&c->arena, buf_str(key)));
    VEC_PUSH(&c->values, arena_str(&c->arena, buf_str(value)));
    buf_done(key);
    buf_done(value);
}

static void put_schema_key(buf_t *b, str_t subject, int32_t version)
{
    BUF_LIT(b, "{\"keytype\":\"SCHEMA\"");
    json_put_member_str(b, "subject", subject);
    json_put_member_i64(b, "version", version);
    BUF_LIT(b, ",\"magic\":1}");
}

static void put_refs(buf_t *b, const schema_t *s)
{
    json_put_name(b, "references");
    buf_put_char(b, '[');
    for (size_t i = 0; i < s->n_refs; i++) {
        json_put_item(b);
        buf_put_char(b, '{');
        json_put_member_str(b, "name", s->ref[i].name);
        json_put_member_str(b, "subject", s->ref[i].subject);
        json_put_member_i64(b, "version", s->ref[i].version);
        buf_put_char(b, '}');
    }
    buf_put_char(b, ']');
}

void change_schema(change_t *c, str_t subject, int32_t version, const schema_t *s, bool deleted)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    put_schema_key(&key, subject, version);
    buf_put_char(&value, '{');
    json_put_member_str(&value, "subject", subject);
    json_put_member_i64(&value, "version", version);
    json_put_member_i64(&value, "id", s->id);
    if (!str_eq(s->type, STR("AVRO")))
        json_put_member_str(&value, "schemaType", s->type);
    if (s->n_refs)
        put_refs(&value, s);
    json_put_member_str(&value, "schema", s->text);
    json_put_member_bool(&value, "deleted", deleted);
    buf_put_char(&value, '}');
    add(c, &key, &value);
}

void change_remove_schema(change_t *c, str_t subject, int32_t version)
{
    buf_t key = BUF_INIT, none = BUF_INIT;
    put_schema_key(&key, subject, version);
    add(c, &key, &none);
}

static void put_key(buf_t *b, const char *type, str_t subject)
{
    buf_put_char(b, '{');
    json_put_member_str(b, "keytype", str_of(type));
    json_put_name(b, "subject");
    if (subject.len)
        json_put_str(b, subject);
    else
        BUF_LIT(b, "null");
    BUF_LIT(b, ",\"magic\":0}");
}

void change_delete_subject(change_t *c, str_t subject, int32_t version)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    put_key(&key, "DELETE_SUBJECT", subject);
    if (version > 0) {
        buf_put_char(&value, '{');
        json_put_member_str(&value, "subject", subject);
        json_put_member_i64(&value, "version", version);
        buf_put_char(&value, '}');
    }
    add(c, &key, &value);
}

static void change_word(change_t *c, const char *type, str_t subject, const char *name,
                        const char *word)
{
    buf_t key = BUF_INIT, value = BUF_INIT;
    put_key(&key, type, subject);
    if (word) {
        buf_put_char(&value, '{');
        if (subject.len)
            json_put_member_str(&value, "subject", subject);
        json_put_member_str(&value, name, str_of(word));
        buf_put_char(&value, '}');
    }
    add(c, &key, &value);
}

void change_level(change_t *c, str_t subject, int level)
{
    change_word(c, "CONFIG", subject, "compatibilityLevel",
                level < 0 ? NULL : registry_level_name((registry_level_t)level));
}

void change_mode(change_t *c, str_t subject, int mode)
{
    change_word(c, "MODE", subject, "mode",
                mode < 0 ? NULL : registry_mode_name((registry_mode_t)mode));
}

subject_t *state_subject(registry_t *r, str_t name, bool create)
{
    subject_t *s = map_get(&r->subjects, name);
    if (s || !create)
        return s;
    s = mem_zalloc(sizeof *s);
    s->name = arena_str(&r->arena, name);
    s->level = s->mode = -1;
    map_put(&r->subjects, s->name, s);
    return s;
}

schema_t *state_schema(const registry_t *r, int32_t id)
{
    return id > 0 && (size_t)id < r->by_id.len ? r->by_id.ptr[id] : NULL;
}

/* Errors in Confluent's words. */

st_t state_no_subject(str_t subject, err_t *err)
{
    return err_set(err, ST_NOT_FOUND, "Subject '" STR_FMT "' not found.", STR_ARG(subject));
}

st_t state_no_version(int32_t version, err_t *err)
{
    return err_set(err, ST_NOT_FOUND, "Version %d not found.", version);
}

version_t *state_newest(subject_t *s, bool deleted)
{
    for (size_t i = s ? s->versions.len : 0; i-- > 0;)
        if (deleted || !s->versions.ptr[i].deleted)
            return &s->versions.ptr[i];
    return NULL;
}

st_t state_version(registry_t *r, str_t subject, int32_t version, bool deleted, version_t **ret,
                   err_t *err)
{
    subject_t *s = state_subject(r, subject, false);
    version_t *v = state_newest(s, deleted);
    if (!v)
        return state_no_subject(subject, err);
    for (size_t i = 0; i < s->versions.len && version != REGISTRY_LATEST; i++) {
        v = &s->versions.ptr[i];
        if (v->version == version && (deleted || !v->deleted))
            break;
        v = NULL;
    }
    if (!v)
        return state_no_version(version, err);
    *ret = v;
    return ST_OK;
}

st_t state_may_write(const registry_t *r, const subject_t *s, str_t name, err_t *err)
{
    int mode = s && s->mode >= 0 ? s->mode : r->mode;
    if (mode == REGISTRY_READWRITE || mode == REGISTRY_IMPORT)
        return ST_OK;
    return err_set(err, ST_DENIED, "Subject " STR_FMT " is in read-only mode", STR_ARG(name));
}

str_t state_content(arena_t *a, str_t type, str_t text, const registry_ref_t *ref, size_t n)
{
    buf_t b = BUF_INIT;
    buf_put_str(&b, type);
    put_refs(&b, &(schema_t){.ref = ref, .n_refs = n});
    buf_put_str(&b, text);
    str_t s = arena_str(a, buf_str(&b));
    buf_done(&b);
    return s;
}

static const registry_ref_t *copy_refs(arena_t *a, const json_value_t *list, size_t *ret_n)
{
    size_t n = list && list->kind == JSON_ARRAY ? list->n : 0;
    registry_ref_t *ref = ARENA_ARRAY(a, registry_ref_t, n);
    for (size_t i = 0; i < n; i++) {
        const json_value_t *v = &list->item[i];
        ref[i] = (registry_ref_t){arena_str(a, json_get_text(v, "name", STR(""))),
                                  arena_str(a, json_get_text(v, "subject", STR(""))),
                                  (int32_t)json_get_i64(v, "version", 0)};
    }
    *ret_n = n;
    return ref;
}

static const schema_t *keep_schema(registry_t *r, const json_value_t *value, int32_t id)
{
    const schema_t *known = state_schema(r, id);
    if (known)
        return known;
    schema_t *s = ARENA_NEW(&r->arena, schema_t);
    s->id = id;
    s->type = arena_str(&r->arena, json_get_text(value, "schemaType", STR("AVRO")));
    s->text = arena_str(&r->arena, json_get_text(value, "schema", STR("")));
    s->ref = copy_refs(&r->arena, json_get(value, "references"), &s->n_refs);
    while (r->by_id.len <= (size_t)id)
        VEC_PUSH(&r->by_id, NULL);
    r->by_id.ptr[id] = s;
    str_t content = state_content(&r->arena, s->type, s->text, s->ref, s->n_refs);
    if (!map_get(&r->by_content, content))
        map_put(&r->by_content, content, s);
    return s;
}

static void put_version(subject_t *s, version_t v)
{
    size_t i = s->versions.len;
    while (i > 0 && s->versions.ptr[i - 1].version > v.version)
        i--;
    if (i > 0 && s->versions.ptr[i - 1].version == v.version) {
        s->versions.ptr[i - 1] = v;
        return;
    }
    VEC_PUSH(&s->versions, v);
    memmove(s->versions.ptr + i + 1, s->versions.ptr + i,
            (s->versions.len - i - 1) * sizeof *s->versions.ptr);
    s->versions.ptr[i] = v;
}

static ST apply_schema(registry_t *r, const json_value_t *key, const json_value_t *value,
                       err_t *err)
{
    str_t name = json_get_text(key, "subject", STR(""));
    int64_t version = json_get_i64(key, "version", 0), id = json_get_i64(value, "id", 0);
    subject_t *s = state_subject(r, name, value != NULL);
    if (!value) {
        for (size_t i = 0; s && i < s->versions.len; i++)
            if (s->versions.ptr[i].version == version)
                VEC_REMOVE(&s->versions, i);
        return ST_OK;
    }
    if (id < 1 || id > SCHEMA_IDS_MAX || version < 1 || version > INT32_MAX)
        return err_set(err, ST_CORRUPT, "a schema's id %lld or version %lld is out of range",
                       (long long)id, (long long)version);
    put_version(s, (version_t){(int32_t)version, json_get_bool(value, "deleted", false),
                               keep_schema(r, value, (int32_t)id)});
    return ST_OK;
}

static void apply_delete(registry_t *r, str_t name, const json_value_t *value)
{
    subject_t *s = state_subject(r, name, false);
    int64_t up_to = json_get_i64(value, "version", 0);
    for (size_t i = 0; s && i < s->versions.len; i++)
        if (s->versions.ptr[i].version <= up_to)
            s->versions.ptr[i].deleted = true;
}

static void apply_word(registry_t *r, str_t type, str_t name, const json_value_t *value)
{
    registry_level_t level;
    registry_mode_t mode;
    subject_t *s = name.len ? state_subject(r, name, value != NULL) : NULL;
    if (name.len && !s)
        return;
    if (str_eq(type, STR("CONFIG"))) {
        bool set =
            registry_level_parse(json_get_text(value, "compatibilityLevel", STR("")), &level);
        *(s ? &s->level : &r->level) = set ? (int)level : s ? -1 : REGISTRY_BACKWARD;
    } else {
        bool set = registry_mode_parse(json_get_text(value, "mode", STR("")), &mode);
        *(s ? &s->mode : &r->mode) = set ? (int)mode : s ? -1 : REGISTRY_READWRITE;
    }
}

/* Records of kinds that this registry does not know are passed over. */
static ST apply_parsed(registry_t *r, const json_value_t *key, const json_value_t *value,
                       err_t *err)
{
    str_t type = json_get_text(key, "keytype", STR(""));
    str_t subject = json_get_text(key, "subject", STR(""));
    if (value && value->kind == JSON_NULL)
        value = NULL;
    if (str_eq(type, STR("SCHEMA")))
        return apply_schema(r, key, value, err);
    if (str_eq(type, STR("DELETE_SUBJECT")))
        apply_delete(r, subject, value);
    else if (str_eq(type, STR("CONFIG")) || str_eq(type, STR("MODE")))
        apply_word(r, type, subject, value);
    return ST_OK;
}

st_t state_apply(registry_t *r, str_t key, str_t value, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const json_value_t *k = NULL, *v = NULL;
    st_t st = key.ptr ? json_parse(&a, key, 0, &k, err) : ST_OK;
    if (st == ST_OK && value.ptr)
        st = json_parse(&a, value, 0, &v, err);
    if (st == ST_OK)
        st = apply_parsed(r, k, v, err);
    arena_done(&a);
    return st;
}

static ST write_change(registry_t *r, const change_t *c, err_t *err)
{
    buf_t batch = BUF_INIT;
    wire_writer_t w;
    wire_batch_begin(&w, &batch, &WIRE_BATCH_PLAIN);
    int64_t now_ms = io_now_ms(r->io);
    for (size_t i = 0; i < c->keys.len; i++)
        wire_batch_add(&w, now_ms, c->keys.ptr[i], c->values.ptr[i], NULL, 0);
    st_t st = wire_batch_finish(&w, err);
    if (st == ST_OK) {
        log_commit_t *commit = log_commit_new(r->log);
        log_commit_append(commit, r->topic, 0, buf_str(&batch));
        st = log_commit(r->log, commit, NULL, err);
    }
    buf_done(&batch);
    return st;
}

st_t state_commit(registry_t *r, const change_t *c, err_t *err)
{
    if (r->log)
        TRY(write_change(r, c, err));
    for (size_t i = 0; i < c->keys.len; i++)
        TRY(state_apply(r, c->keys.ptr[i], c->values.ptr[i], err));
    return ST_OK;
}

static ST load_batch(registry_t *r, wire_reader_t *reader, const wire_batch_t *batch,
                     int64_t offset, err_t *err)
{
    wire_record_t rec;
    TRY(wire_reader_open(reader, batch, err));
    while (wire_reader_next(reader, &rec)) {
        if (rec.offset < offset)
            continue;
        st_t st = state_apply(r, rec.key, rec.value, err);
        if (st != ST_OK)
            return err_wrap(err, ST_CORRUPT, "%s, offset %lld", REGISTRY_TOPIC,
                            (long long)rec.offset);
    }
    return wire_reader_end(reader, err);
}

static ST load_chunk(registry_t *r, wire_reader_t *reader, str_t bytes, int64_t offset, err_t *err)
{
    while (bytes.len) {
        wire_batch_t batch;
        TRY(wire_batch_next(&bytes, &batch, err));
        if (!(batch.attributes & WIRE_CONTROL))
            TRY(load_batch(r, reader, &batch, offset, err));
    }
    return ST_OK;
}

st_t state_load(registry_t *r, err_t *err)
{
    log_offsets_t range;
    TRY(log_topic_offsets(r->topic, 0, &range, err));
    wire_reader_t reader;
    wire_reader_init(&reader, UNPACK_MAX);
    st_t st = ST_OK;
    for (int64_t offset = range.start; offset < range.end && st == ST_OK;) {
        log_chunk_t chunk;
        TRY_GOTO(log_read(r->topic, 0, offset, READ_BYTES, &chunk, err));
        st = load_chunk(r, &reader, chunk.bytes, offset, err);
        bool stuck = chunk.next_offset <= offset;
        offset = chunk.next_offset;
        log_chunk_unref(&chunk);
        if (stuck)
            break;
    }
done:
    wire_reader_done(&reader);
    return st;
}
