/* INSERT INTO … VALUES: one record. */
#include "sql/engine/internal.h"

#include "base/hash.h"

typedef struct insert {
    engine_run_t *r;
    const catalog_source_t *s;
    data_value_t *row; /* key columns, then value columns */
    int64_t ts_ms;
} insert_t;

static ST find_target(engine_run_t *r, const catalog_source_t **ret, err_t *err)
{
    str_t name = r->stmt->insert.target;
    const catalog_source_t *s = catalog_get(&r->e->catalog, name);
    str_t up = arena_upper(r->scratch, name), low = arena_lower(r->scratch, name);
    if (!s && catalog_get(&r->e->catalog, up))
        return BAD("Cannot insert values into an unknown stream/table: `" STR_FMT
                   "`\nDid you mean " STR_FMT
                   "? Hint: try removing double quotes from the source name.",
                   STR_ARG(name), STR_ARG(up));
    if (!s && catalog_get(&r->e->catalog, low))
        return BAD("Cannot insert values into an unknown stream/table: `" STR_FMT
                   "`\nDid you mean \"" STR_FMT
                   "\"? Hint: wrap the source name in double quotes to make it case-sensitive.",
                   STR_ARG(name), STR_ARG(low));
    if (!s)
        return BAD("Cannot insert values into an unknown stream/table: `" STR_FMT "`",
                   STR_ARG(name));
    if (s->read_only)
        return BAD("Cannot insert values into read-only %s: " STR_FMT,
                   s->table ? "table" : "stream", STR_ARG(name));
    if (s->window.kind)
        return BAD("Cannot insert values into windowed stream!");
    *ret = s;
    return ST_OK;
}

/* Where a named column goes: an index in the row, -2 for ROWTIME. */
static ST place_of(const insert_t *in, str_t name, ptrdiff_t *ret, const data_type_t **ret_type,
                   err_t *err)
{
    ptrdiff_t k = data_columns_find(in->s->key, name), v = data_columns_find(in->s->value, name);
    if (k >= 0) {
        *ret = k;
        *ret_type = in->s->key.ptr[k].type;
    } else if (v >= 0) {
        *ret = v + (ptrdiff_t)in->s->key.len;
        *ret_type = in->s->value.ptr[v].type;
    } else if (str_eq(name, STR("ROWTIME"))) {
        *ret = -2;
        *ret_type = &data_bigint;
    } else {
        for (size_t i = 0; i < in->s->n_headers; i++)
            if (str_eq(in->s->header[i].name, name))
                return BAD("Cannot insert into HEADER columns: " STR_FMT, STR_ARG(name));
        return BAD("Column name `" STR_FMT "` does not exist.", STR_ARG(name));
    }
    return ST_OK;
}

static ST fill(insert_t *in, err_t *err)
{
    const sql_insert_t *sql = &in->r->stmt->insert;
    size_t nk = in->s->key.len, n = nk + in->s->value.len;
    bool key_given = false;
    if (!sql->columns.len && in->s->n_headers)
        return BAD("Cannot insert into HEADER columns: " STR_FMT, STR_ARG(in->s->header[0].name));
    size_t expect = sql->columns.len ? sql->columns.len : n;
    if (sql->values.len != expect)
        return BAD("Expected a value for each column. Expected Columns: %zu. Got %zu values.",
                   expect, sql->values.len);
    for (size_t i = 0; i < sql->values.len; i++) {
        ptrdiff_t at = (ptrdiff_t)i;
        const data_type_t *t = i < nk             ? in->s->key.ptr[i].type
                               : sql->columns.len ? NULL
                                                  : in->s->value.ptr[i - nk].type;
        if (sql->columns.len)
            TRY(place_of(in, sql->columns.ptr[i], &at, &t, err));
        data_value_t v;
        TRY(bind_constant(in->r->scratch, &in->r->e->bind, sql->values.ptr[i], t, &v, err));
        if (at == -2) {
            in->ts_ms = v.kind == DATA_BIGINT ? v.i64 : in->ts_ms;
            continue;
        }
        key_given |= at < (ptrdiff_t)nk && v.kind != DATA_NULL;
        in->row[at] = v;
    }
    if (in->s->table && nk && !key_given)
        return BAD("Failed to insert values into '" STR_FMT
                   "'. Value for primary key column(s) `" STR_FMT "` is required for tables",
                   STR_ARG(in->s->name), STR_ARG(in->s->key.ptr[0].name));
    return ST_OK;
}

static ST encode(insert_t *in, bool is_key, buf_t *b, err_t *err)
{
    const catalog_source_t *s = in->s;
    const plan_format_t *f = is_key ? &s->key_format : &s->value_format;
    serde_spec_t spec = plan_serde_spec(in->r->scratch, f, is_key ? s->key : s->value, is_key,
                                        s->topic, in->r->e->opt.schemas);
    serde_t *serde;
    TRY(serde_new(&spec, &serde, err));
    const data_value_t *row = is_key ? in->row : in->row + s->key.len;
    st_t st = serde_null(serde, row) ? ST_OK : serde_encode(serde, row, b, err);
    serde_free(serde);
    return st;
}

/* The record's time may come from one of its columns. */
static void take_time(insert_t *in)
{
    const catalog_source_t *s = in->s;
    if (!s->timestamp_column.len || s->timestamp_format.len)
        return;
    ptrdiff_t k = data_columns_find(s->key, s->timestamp_column),
              v = data_columns_find(s->value, s->timestamp_column);
    const data_value_t *c = k >= 0 ? &in->row[k] : v >= 0 ? &in->row[(size_t)v + s->key.len] : NULL;
    if (c && (c->kind == DATA_BIGINT || c->kind == DATA_TIMESTAMP) && c->i64 >= 0)
        in->ts_ms = c->i64;
}

st_t engine_insert_values(engine_run_t *r, err_t *err)
{
    const engine_host_t *h = &r->e->opt.host;
    insert_t in = {.r = r, .ts_ms = h->now_ms(h->self)};
    TRY(find_target(r, &in.s, err));
    in.row = ARENA_ARRAY(r->scratch, data_value_t, in.s->key.len + in.s->value.len + 1);
    TRY(fill(&in, err));
    take_time(&in);
    engine_topic_t topic;
    TRY(h->topic_get(h->self, in.s->topic, &topic, err));
    buf_t key = BUF_INIT, value = BUF_INIT;
    bool null_key = true;
    for (size_t i = 0; i < in.s->key.len; i++)
        null_key &= in.row[i].kind == DATA_NULL;
    st_t st = null_key ? ST_OK : encode(&in, true, &key, err);
    if (st == ST_OK && in.s->value.len)
        st = encode(&in, false, &value, err);
    if (st == ST_OK) {
        exec_input_t rec = {.ts_ms = in.ts_ms,
                            .value = str_n(value.ptr ? value.ptr : "", value.len)};
        int32_t partition = 0;
        if (!null_key) {
            rec.key = str_n(key.ptr ? key.ptr : "", key.len);
            partition = hash_partition(key.ptr, key.len, topic.partitions);
        }
        st = h->produce(h->self, in.s->topic, partition, &rec, err);
    }
    buf_done(&key);
    buf_done(&value);
    return st;
}
