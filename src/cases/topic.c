#include "cases/topic.h"

static const json_value_t *declared(const json_value_t *topics, str_t name)
{
    for (size_t i = 0; topics && i < topics->n; i++) {
        const json_value_t *t = &topics->item[i];
        if (t->kind == JSON_OBJECT && str_eq(json_get_text(t, "name", STR("")), name))
            return t;
    }
    return NULL;
}

static str_t schema_text(world_t *w, const json_value_t *s)
{
    if (!s || s->kind == JSON_NULL)
        return STR_NONE;
    buf_t b = BUF_INIT;
    if (s->kind == JSON_STRING && !(s->text.len && s->text.ptr[0] == '{') &&
        str_find(s->text, STR("syntax")) < 0)
        json_put_value(&b, s);
    else if (s->kind == JSON_STRING)
        buf_put_str(&b, s->text);
    else
        json_put_value(&b, s);
    str_t text = arena_str(&w->arena, buf_str(&b));
    buf_done(&b);
    return text;
}

static format_id_t format_of(const json_value_t *t, const char *member, format_id_t otherwise)
{
    format_id_t f = otherwise;
    str_t name = json_get_text(t, member, json_get_text(t, "format", STR("")));
    if (name.len && !format_by_name(name, &f))
        return otherwise;
    return f;
}

static const char *registry_type(format_id_t f)
{
    return f == FORMAT_JSON_SR ? "JSON" : f == FORMAT_PROTOBUF ? "PROTOBUF" : "AVRO";
}

st_t case_topics_make(world_t *w, const json_value_t *topics, err_t *err)
{
    (void)err;
    for (size_t i = 0; topics && i < topics->n; i++) {
        const json_value_t *t = &topics->item[i];
        str_t name = t->kind == JSON_STRING ? t->text : json_get_text(t, "name", STR(""));
        world_topic_add(w, name, (int32_t)json_get_i64(t, "partitions", 1),
                        (int32_t)json_get_i64(t, "replicas", 1));
        static const char *const part[][4] = {
            {"keySchema", "keyFormat", "-key", "keySchemaId"},
            {"valueSchema", "valueFormat", "-value", "valueSchemaId"}};
        for (int k = 0; k < 2 && t->kind == JSON_OBJECT; k++) {
            str_t text = schema_text(w, json_get(t, part[k][0]));
            if (!text.ptr)
                continue;
            format_id_t f = format_of(t, part[k][1], FORMAT_AVRO);
            int64_t id = json_get_i64(t, part[k][3], (int64_t)w->schema_list.len + 1);
            VEC_PUSH(
                &w->schema_list,
                (world_schema_t){arena_printf(&w->arena, STR_FMT "%s", STR_ARG(name), part[k][2]),
                                 str_of(registry_type(f)), text, (int32_t)id});
        }
    }
    return ST_OK;
}

/* The columns that a declared schema has. */
static void from_schema(world_t *w, const json_value_t *t, str_t name, bool is_key,
                        plan_format_t *f, data_columns_t *c)
{
    if (!(format_features(f->id) & FORMAT_INFERS) ||
        !json_get(t, is_key ? "keySchema" : "valueSchema"))
        return;
    str_t subject =
              arena_printf(&w->arena, STR_FMT "%s", STR_ARG(name), is_key ? "-key" : "-value"),
          type, text;
    int32_t id;
    data_columns_t found;
    bool wrapped;
    if (w->schemas.latest(w, subject, &id, &type, &text, NULL) != ST_OK ||
        format_infer(f->id, text, is_key, false, &w->arena, &found, &wrapped, NULL) != ST_OK)
        return;
    *c = found;
    f->schema_id = id;
    f->wrap = wrapped;
}

case_topic_t case_topic_of(world_t *w, const json_value_t *topics, str_t name)
{
    case_topic_t ct = {.key_format = {.id = FORMAT_KAFKA}, .value_format = {.id = FORMAT_JSON}};
    const catalog_t *c = engine_catalog(w->engine);
    for (map_entry_t *e = NULL; (e = map_next(&c->sources, e));) {
        const catalog_source_t *s = e->value;
        if (!str_eq(s->topic, name))
            continue;
        ct = (case_topic_t){s->key, s->value, s->key_format, s->value_format, s->window, true};
        break;
    }
    const json_value_t *t = declared(topics, name);
    if (t) {
        if (!ct.known || json_get(t, "valueFormat"))
            ct.value_format.id = format_of(t, "valueFormat", ct.value_format.id);
        if (!ct.known || json_get(t, "keyFormat"))
            ct.key_format.id = format_of(t, "keyFormat", ct.key_format.id);
        from_schema(w, t, name, false, &ct.value_format, &ct.value);
        from_schema(w, t, name, true, &ct.key_format, &ct.key);
    }
    return ct;
}

static ST encode(world_t *w, const case_topic_t *t, str_t topic, bool is_key, const json_value_t *j,
                 str_t *ret, err_t *err)
{
    const plan_format_t *f = is_key ? &t->key_format : &t->value_format;
    data_columns_t c = is_key ? t->key : t->value;
    buf_t b = BUF_INIT;
    if (!j || j->kind == JSON_NULL) {
        *ret = STR_NONE;
        return ST_OK;
    }
    if (f->id == FORMAT_JSON || (f->id == FORMAT_DELIMITED && j->kind == JSON_STRING)) {
        if (f->id == FORMAT_JSON)
            json_put_value(&b, j);
        else
            buf_put_str(&b, j->text);
        str_t s = arena_str(&w->arena, buf_str(&b));
        *ret = s.ptr ? s : STR("");
        buf_done(&b);
        return ST_OK;
    }
    data_column_t guess = {STR("ROWKEY"), &data_string};
    if (!c.len) { /* nobody reads it as columns */
        if (j->kind == JSON_NUMBER)
            guess.type = &data_bigint;
        c = (data_columns_t){&guess, 1};
    }
    data_value_t *row = ARENA_ARRAY(&w->arena, data_value_t, c.len + 1);
    bool bare = !f->wrap && c.len == 1;
    if (bare && !(j->kind == JSON_OBJECT && c.ptr[0].type->kind != DATA_STRUCT &&
                  c.ptr[0].type->kind != DATA_MAP))
        TRY(match_read(&w->arena, j, c.ptr[0].type, &row[0], err));
    else
        TRY(match_read_row(&w->arena, j, c, row, err));
    serde_spec_t spec = plan_serde_spec(&w->arena, f, c, is_key, topic, &w->schemas);
    serde_t *serde;
    TRY(serde_new(&spec, &serde, err));
    st_t st = serde_encode(serde, row, &b, err);
    serde_free(serde);
    str_t s = arena_str(&w->arena, buf_str(&b));
    *ret = s.ptr ? s : STR("");
    buf_done(&b);
    return st;
}

static ST add_window(world_t *w, const json_value_t *window, exec_input_t *ret)
{
    if (!window || !ret->key.ptr)
        return ST_OK;
    buf_t b = BUF_INIT;
    buf_put_str(&b, ret->key);
    if (str_eq_nocase(json_get_text(window, "type", STR("TIME")), STR("SESSION")))
        buf_put_be64(&b, (uint64_t)json_get_i64(window, "end", 0));
    buf_put_be64(&b, (uint64_t)json_get_i64(window, "start", 0));
    ret->key = arena_str(&w->arena, buf_str(&b));
    buf_done(&b);
    return ST_OK;
}

static ST read_headers(world_t *w, const json_value_t *list, exec_input_t *ret, err_t *err)
{
    if (!list || list->kind != JSON_ARRAY)
        return ST_OK;
    data_header_t *h = ARENA_ARRAY(&w->arena, data_header_t, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        const json_value_t *v = match_member(&list->item[i], STR("VALUE"));
        const json_value_t *k = match_member(&list->item[i], STR("KEY"));
        h[i].key = k ? k->text : STR("");
        if (v && v->kind == JSON_STRING && !data_base64_decode(&w->arena, v->text, &h[i].value))
            return err_set(err, ST_BAD_INPUT, "a header's value is not base64");
        if (v && v->kind == JSON_STRING && !h[i].value.ptr)
            h[i].value = STR("");
    }
    ret->header = h;
    ret->n_headers = list->n;
    return ST_OK;
}

st_t case_record_read(world_t *w, const case_topic_t *t, str_t topic, const json_value_t *rec,
                      exec_input_t *ret, err_t *err)
{
    exec_input_t in = {.ts_ms = json_get_i64(rec, "timestamp", 0)};
    TRY(encode(w, t, topic, true, json_get(rec, "key"), &in.key, err));
    TRY(encode(w, t, topic, false, json_get(rec, "value"), &in.value, err));
    TRY(add_window(w, json_get(rec, "window"), &in));
    TRY(read_headers(w, json_get(rec, "headers"), &in, err));
    *ret = in;
    return ST_OK;
}

/* ---- comparing ------------------------------------------------------------------------------- */

#define DIFFERENT(...) err_set(why, ST_ASSERTION, __VA_ARGS__)

static st_t describe(err_t *why, const char *what, const json_value_t *want, str_t got)
{
    buf_t b = BUF_INIT;
    if (want)
        json_put_value(&b, want);
    else
        BUF_LIT(&b, "null");
    st_t st = DIFFERENT("%s: expected " STR_FMT ", got " STR_FMT, what, STR_ARG(buf_str(&b)),
                        STR_ARG(got));
    buf_done(&b);
    return st;
}

static ST match_part(world_t *w, const case_topic_t *t, str_t topic, bool is_key,
                     const json_value_t *want, str_t got, err_t *why)
{
    const plan_format_t *f = is_key ? &t->key_format : &t->value_format;
    data_columns_t c = is_key ? t->key : t->value;
    const char *what = is_key ? "key" : "value";
    bool null = !want || want->kind == JSON_NULL;
    if (null || !got.ptr) {
        if (null && !got.ptr)
            return ST_OK;
        return describe(why, what, want, got.ptr ? str_n(got.ptr, got.len) : STR("null"));
    }
    if (f->id == FORMAT_JSON) {
        const json_value_t *j;
        if (json_parse(&w->arena, got, 0, &j, NULL) != ST_OK || !match_json(want, j))
            return describe(why, what, want, got);
        return ST_OK;
    }
    if (f->id == FORMAT_DELIMITED && want->kind == JSON_STRING)
        return str_eq(want->text, got) ? ST_OK : describe(why, what, want, got);
    data_value_t *row = ARENA_ARRAY(&w->arena, data_value_t, c.len + 1);
    serde_spec_t spec = plan_serde_spec(&w->arena, f, c, is_key, topic, &w->schemas);
    serde_t *serde;
    TRY(serde_new(&spec, &serde, why));
    bool is_null;
    st_t st = serde_decode(serde, &w->arena, got, NULL, row, &is_null, why);
    serde_free(serde);
    TRY(st);
    bool bare = !f->wrap && c.len == 1;
    bool same = bare ? match_value(want, row[0], c.ptr[0].type) ||
                           (want->kind == JSON_OBJECT && match_row(want, row, c))
                     : match_row(want, row, c);
    if (same)
        return ST_OK;
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < c.len; i++) {
        buf_printf(&b, "%s" STR_FMT "=", i ? ", " : "", STR_ARG(c.ptr[i].name));
        data_put_text(&b, row[i], c.ptr[i].type);
    }
    st = describe(why, what, want, buf_str(&b));
    buf_done(&b);
    return st;
}

static ST cut_window(const case_topic_t *t, const json_value_t *want, str_t *key, err_t *why)
{
    const json_value_t *window = json_get(want, "window");
    bool session = t->window.kind == SQL_WINDOW_SESSION;
    size_t n = session ? 16 : t->window.kind ? 8 : 0;
    if (!n)
        return window ? DIFFERENT("the output has no window") : ST_OK;
    if (key->len < n)
        return DIFFERENT("the key is too short for a window");
    key->len -= n;
    const char *p = key->ptr + key->len;
    int64_t start = (int64_t)load_be64(session ? p + 8 : p);
    int64_t end = session ? (int64_t)load_be64(p) : start + t->window.size_ms;
    if (!window)
        return ST_OK;
    if (start != json_get_i64(window, "start", start) || end != json_get_i64(window, "end", end))
        return DIFFERENT("window: expected %lld to %lld, got %lld to %lld",
                         (long long)json_get_i64(window, "start", start),
                         (long long)json_get_i64(window, "end", end), (long long)start,
                         (long long)end);
    return ST_OK;
}

st_t case_record_match(world_t *w, const case_topic_t *t, str_t topic, const json_value_t *want,
                       const exec_input_t *got, err_t *why)
{
    str_t key = got->key;
    if (key.ptr)
        TRY(cut_window(t, want, &key, why));
    TRY(match_part(w, t, topic, true, json_get(want, "key"), key, why));
    TRY(match_part(w, t, topic, false, json_get(want, "value"), got->value, why));
    const json_value_t *ts = json_get(want, "timestamp");
    if (ts && ts->kind == JSON_NUMBER && ts->i64 != got->ts_ms)
        return DIFFERENT("timestamp: expected %lld, got %lld", (long long)ts->i64,
                         (long long)got->ts_ms);
    exec_input_t headers = {0};
    TRY(read_headers(w, json_get(want, "headers"), &headers, why));
    if (headers.n_headers != got->n_headers)
        return DIFFERENT("headers: expected %zu, got %zu", headers.n_headers, got->n_headers);
    for (size_t i = 0; i < headers.n_headers; i++)
        if (!str_eq(headers.header[i].key, got->header[i].key) ||
            !str_eq(headers.header[i].value, got->header[i].value))
            return DIFFERENT("header %zu differs", i);
    return ST_OK;
}
