/* How the state changes: by records, those of the topic and those that are written now. */
#include "log/local/local.h"
#include "registry/content.h"
#include "registry/state.h"
#include "wire/batch.h"

#define READ_BYTES (1 << 20)
#define UNPACK_MAX (64 << 20)

static context_t *need_context(registry_t *r, str_t name)
{
    context_t *c = map_get(&r->contexts, name);
    if (c)
        return c;
    c = mem_zalloc(sizeof *c);
    c->name = arena_str(&r->arena, name);
    c->known = str_eq(name, NAME_DEFAULT_CONTEXT);
    map_init(&c->by_guid);
    map_put(&r->contexts, c->name, c);
    return c;
}

void state_init(registry_t *r)
{
    need_context(r, NAME_DEFAULT_CONTEXT);
}

static subject_t *need_subject(registry_t *r, str_t name)
{
    subject_t *s = map_get(&r->subjects, name);
    if (s)
        return s;
    s = mem_zalloc(sizeof *s);
    s->name = arena_str(&r->arena, name);
    s->context = need_context(r, name_split(name).context);
    map_put(&r->subjects, s->name, s);
    return s;
}

static setting_t *need_setting(registry_t *r, str_t name)
{
    setting_t *s = map_get(&r->settings, name);
    if (s)
        return s;
    s = mem_zalloc(sizeof *s);
    s->name = arena_str(&r->arena, name);
    s->mode = -1;
    map_put(&r->settings, s->name, s);
    return s;
}

static const registry_ref_t *copy_refs(arena_t *a, const json_value_t *list, size_t *ret_n)
{
    size_t n = list && list->kind == JSON_ARRAY ? list->n : 0;
    registry_ref_t *ref = n ? ARENA_ARRAY(a, registry_ref_t, n) : NULL;
    for (size_t i = 0; i < n; i++) {
        const json_value_t *v = &list->item[i];
        ref[i] = (registry_ref_t){arena_str(a, json_get_text(v, "name", STR(""))),
                                  arena_str(a, json_get_text(v, "subject", STR(""))),
                                  (int32_t)json_get_i64(v, "version", 0)};
    }
    *ret_n = n;
    return ref;
}

/* The few types' names need not be kept once a schema. */
static const char *keep_type(arena_t *a, str_t type)
{
    const kind_class_t *kind = kind_find(type);
    return kind ? kind->name : arena_z(a, type);
}

static void grow_contents(context_t *c)
{
    schema_t **old = c->by_content;
    size_t n = c->content_cap;
    c->content_cap = n ? n * 2 : 64;
    c->by_content = mem_zalloc(c->content_cap * sizeof *c->by_content);
    for (size_t i = 0; i < n; i++) {
        if (!old[i])
            continue;
        size_t at = old[i]->hash & (c->content_cap - 1);
        while (c->by_content[at])
            at = (at + 1) & (c->content_cap - 1);
        c->by_content[at] = old[i];
    }
    free(old);
}

static extras_t *keep_extras(registry_t *r, const registry_schema_t *s)
{
    if (!s->n_refs && !s->metadata.len && !s->rules.len)
        return &r->plain;
    extras_t *e = ARENA_NEW(&r->arena, extras_t);
    *e = (extras_t){.ref = s->ref,
                    .n_refs = s->n_refs,
                    .metadata = arena_str(&r->arena, s->metadata),
                    .rules = arena_str(&r->arena, s->rules)};
    return e;
}

static schema_t *keep_schema(registry_t *r, context_t *c, const registry_schema_t *s)
{
    schema_t *known = state_any_by_id(c, s->id);
    if (known && state_same_content(known, s) && str_eq(str_of(known->type), s->type))
        return known;
    schema_t *fresh = arena_alloc(&r->arena, sizeof *fresh + s->text.len);
    *fresh = (schema_t){.id = s->id,
                        .text_len = (uint32_t)s->text.len,
                        .hash = state_hash(s),
                        .type = keep_type(&r->arena, s->type),
                        .extras = keep_extras(r, s)};
    memcpy(fresh->text, s->text.ptr, s->text.len);
    size_t at = state_id_slot(c, s->id);
    if (known) {
        c->by_id.ptr[at] = fresh; /* what a forced import replaces */
    } else {
        VEC_PUSH(&c->by_id, fresh);
        memmove(c->by_id.ptr + at + 1, c->by_id.ptr + at,
                (c->by_id.len - at - 1) * sizeof *c->by_id.ptr);
        c->by_id.ptr[at] = fresh;
    }
    if (s->n_refs)
        VEC_PUSH(&c->referrers, fresh);
    if (s->id > c->max_id)
        c->max_id = s->id;
    if (c->n_contents * 2 >= c->content_cap)
        grow_contents(c);
    schema_t **slot = state_content_slot(c, fresh->hash, s);
    c->n_contents += !*slot;
    *slot = fresh;
    if (c->has_guids)
        state_put_guid(r, c, fresh);
    return fresh;
}

static void drop_use(schema_t *schema, const subject_t *s, int32_t version)
{
    for (use_t **u = &schema->uses; *u; u = &(*u)->next)
        if ((*u)->subject == s && (*u)->version == version) {
            *u = (*u)->next;
            return;
        }
}

static void add_use(registry_t *r, schema_t *schema, const subject_t *s, int32_t version)
{
    use_t **end = &schema->uses;
    for (; *end; end = &(*end)->next)
        if ((*end)->subject == s) {
            (*end)->version = version;
            return;
        }
    *end = ARENA_NEW(&r->arena, use_t);
    **end = (use_t){s, version, NULL};
}

static void put_version(subject_t *s, version_t v)
{
    version_t *there = state_version(s, v.version);
    if (there) {
        if (there->schema != v.schema)
            drop_use(there->schema, s, v.version);
        *there = v;
        return;
    }
    size_t i = s->versions.len;
    while (i > 0 && s->versions.ptr[i - 1].version > v.version)
        i--;
    if (!s->versions.cap) { /* most subjects have few */
        s->versions.ptr = mem_alloc(2 * sizeof v);
        s->versions.cap = 2;
    }
    VEC_PUSH(&s->versions, v);
    memmove(s->versions.ptr + i + 1, s->versions.ptr + i,
            (s->versions.len - i - 1) * sizeof *s->versions.ptr);
    s->versions.ptr[i] = v;
}

static void remove_version(subject_t *s, int32_t version)
{
    version_t *v = state_version(s, version);
    if (!v)
        return;
    drop_use(v->schema, s, version);
    VEC_REMOVE(&s->versions, v - s->versions.ptr);
}

static ST apply_schema(registry_t *r, const json_value_t *key, const json_value_t *value,
                       int64_t ts_ms, err_t *err)
{
    str_t name = json_get_text(key, "subject", STR(""));
    int64_t version = json_get_i64(key, "version", 0), id = json_get_i64(value, "id", 0);
    if (!value) {
        remove_version(state_subject(r, name), (int32_t)version);
        return ST_OK;
    }
    if (id < 0 || id > INT32_MAX || version < 1 || version > INT32_MAX)
        return err_set(err, ST_CORRUPT, "a schema's id %lld or version %lld is out of range",
                       (long long)id, (long long)version);
    registry_schema_t s = {.id = (int32_t)id,
                           .type = json_get_text(value, "schemaType", STR("AVRO")),
                           .text = json_get_text(value, "schema", STR(""))};
    s.ref = copy_refs(&r->arena, json_get(value, "references"), &s.n_refs);
    TRY(content_metadata(&r->scratch, json_get(value, "metadata"), &s.metadata, err));
    TRY(content_rules(&r->scratch, json_get(value, "ruleSet"), &s.rules, err));
    subject_t *subject = need_subject(r, name);
    schema_t *schema = keep_schema(r, subject->context, &s);
    add_use(r, schema, subject, (int32_t)version);
    put_version(subject, (version_t){(int32_t)version, json_get_bool(value, "deleted", false),
                                     ts_ms, schema});
    return ST_OK;
}

static void apply_delete(registry_t *r, const json_value_t *value)
{
    subject_t *s = state_subject(r, json_get_text(value, "subject", STR("")));
    int64_t up_to = json_get_i64(value, "version", 0);
    for (size_t i = 0; s && i < s->versions.len; i++)
        if (s->versions.ptr[i].version <= up_to && !s->versions.ptr[i].deleted) {
            s->versions.ptr[i].deleted = true;
            add_use(r, s->versions.ptr[i].schema, s, s->versions.ptr[i].version);
        }
}

static void apply_clear(registry_t *r, const json_value_t *value)
{
    str_t name = json_get_text(value, "subject", NAME_GLOBAL);
    for (map_entry_t *e = NULL; (e = map_next(&r->subjects, e));) {
        subject_t *s = e->value;
        for (size_t i = s->versions.len; name_within(s->name, name) && i-- > 0;)
            if (s->versions.ptr[i].deleted)
                remove_version(s, s->versions.ptr[i].version);
    }
}

static ST apply_config(registry_t *r, str_t name, const json_value_t *value, err_t *err)
{
    setting_t *s = need_setting(r, name);
    config_t c = {.value = {STR_NONE}};
    if (value)
        TRY(config_read(&r->scratch, value, false, &c, err));
    s->has_config = value != NULL;
    s->config = config_copy(&r->arena, &c);
    return ST_OK;
}

static void apply_mode(registry_t *r, str_t name, const json_value_t *value)
{
    registry_mode_t mode;
    bool set = registry_mode_parse(json_get_text(value, "mode", STR("")), &mode);
    need_setting(r, name)->mode = set ? (int)mode : -1;
}

static ST apply_parsed(registry_t *r, const json_value_t *key, const json_value_t *value,
                       int64_t ts_ms, err_t *err)
{
    str_t type = json_get_text(key, "keytype", STR(""));
    str_t subject = json_get_text(key, "subject", STR(""));
    if (value && value->kind == JSON_NULL)
        value = NULL;
    if (str_eq(type, STR("SCHEMA")))
        return apply_schema(r, key, value, ts_ms, err);
    if (str_eq(type, STR("CONFIG")))
        return apply_config(r, subject, value, err);
    if (str_eq(type, STR("MODE")))
        apply_mode(r, subject, value);
    else if (str_eq(type, STR("CONTEXT")))
        need_context(r, json_get_text(key, "context", NAME_DEFAULT_CONTEXT))->known = value != NULL;
    else if (value && str_eq(type, STR("DELETE_SUBJECT")))
        apply_delete(r, value);
    else if (value && str_eq(type, STR("CLEAR_SUBJECT")))
        apply_clear(r, value);
    return ST_OK;
}

st_t state_apply(registry_t *r, str_t key, str_t value, int64_t ts_ms, err_t *err)
{
    const json_value_t *k = NULL, *v = NULL;
    arena_reset(&r->scratch);
    if (key.ptr)
        TRY(json_parse(&r->scratch, key, 0, &k, err));
    if (value.ptr)
        TRY(json_parse(&r->scratch, value, 0, &v, err));
    return apply_parsed(r, k, v, ts_ms, err);
}

/* ---- the topic */

#define MAX_ID_FACT STR("registry.max.id/")

static void keep_max_ids(registry_t *r, log_commit_t *commit)
{
    arena_reset(&r->scratch);
    for (map_entry_t *e = NULL; (e = map_next(&r->contexts, e));) {
        context_t *c = e->value;
        if (c->max_id <= c->kept_id)
            continue;
        str_t key =
            arena_printf(&r->scratch, STR_FMT STR_FMT, STR_ARG(MAX_ID_FACT), STR_ARG(c->name));
        log_commit_fact(commit, key, arena_printf(&r->scratch, "%d", c->max_id));
    }
}

static void max_ids_are_kept(registry_t *r)
{
    for (map_entry_t *e = NULL; (e = map_next(&r->contexts, e));) {
        context_t *c = e->value;
        c->kept_id = c->max_id;
    }
}

static ST load_max_ids(registry_t *r, err_t *err)
{
    log_fact_t *fact;
    size_t n;
    arena_reset(&r->scratch);
    log_facts(r->log, MAX_ID_FACT, &r->scratch, &fact, &n);
    for (size_t i = 0; i < n; i++) {
        context_t *c = need_context(r, str_sub(fact[i].key, MAX_ID_FACT.len, fact[i].key.len));
        if (!str_to_i32(fact[i].value, &c->kept_id))
            return err_set(err, ST_CORRUPT, "the log's fact " STR_FMT " is no number",
                           STR_ARG(fact[i].key));
        c->max_id = c->kept_id;
    }
    return ST_OK;
}

static ST write_change(registry_t *r, const change_t *c, int64_t now_ms, err_t *err)
{
    buf_t batch = BUF_INIT;
    wire_writer_t w;
    wire_batch_begin(&w, &batch, &WIRE_BATCH_PLAIN);
    for (size_t i = 0; i < c->keys.len; i++)
        wire_batch_add(&w, now_ms, c->keys.ptr[i], c->values.ptr[i], NULL, 0);
    st_t st = wire_batch_finish(&w, err);
    if (st == ST_OK) {
        log_commit_t *commit = log_commit_new(r->log);
        log_commit_append(commit, r->topic, 0, buf_str(&batch));
        keep_max_ids(r, commit);
        st = log_commit(r->log, commit, NULL, err);
    }
    if (st == ST_OK)
        max_ids_are_kept(r);
    buf_done(&batch);
    return st;
}

st_t state_commit(registry_t *r, const change_t *c, err_t *err)
{
    int64_t now_ms = r->io ? io_now_ms(r->io) : 0;
    int64_t end = r->next_offset;
    if (r->log)
        TRY(write_change(r, c, now_ms, err));
    if (r->store.write)
        TRY(r->store.write(r->store.self, c->keys.ptr, c->values.ptr, c->keys.len, now_ms, &end,
                           err));
    r->next_offset = end; /* also where a record cannot be applied: it is written */
    for (size_t i = 0; i < c->keys.len; i++)
        TRY(state_apply(r, c->keys.ptr[i], c->values.ptr[i], now_ms, err));
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
        st_t st = state_apply(r, rec.key, rec.value, rec.ts_ms, err);
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
    TRY(load_max_ids(r, err));
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
