#include "format/serde.h"

#include <stdlib.h>

static const struct {
    const char *name;
    const format_class_t *class;
    unsigned features;
} rows[FORMAT_COUNT] = {
#define FORMAT(name, class, features) {#name, &class, features},
#include "format/formats.def"
#undef FORMAT
};

const char *format_name(format_id_t id)
{
    return rows[id].name;
}

unsigned format_features(format_id_t id)
{
    return rows[id].features;
}

bool format_by_name(str_t name, format_id_t *ret)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (str_eq_nocase(name, str_of(rows[i].name))) {
            *ret = (format_id_t)i;
            return true;
        }
    return false;
}

/* ksqlDB's text of columns: `K` STRING KEY, … */
static void put_columns(buf_t *b, data_columns_t c, bool is_key)
{
    data_schema_t s = {.value = c};
    if (is_key)
        s = (data_schema_t){.key = c};
    data_schema_put(b, &s, false);
}

static ST check_map_keys(data_columns_t columns, err_t *err)
{
    for (size_t i = 0; i < columns.len; i++) {
        if (!data_type_has(columns.ptr[i].type, DATA_MAP))
            continue;
        buf_t b = BUF_INIT;
        data_type_put(&b, columns.ptr[i].type);
        st_t st = err_set(err, ST_UNSUPPORTED,
                          "Map keys, including types that contain maps, are not supported as they "
                          "may lead to unexpected behavior due to inconsistent serialization. Key "
                          "column name: `" STR_FMT "`. Column type: " STR_FMT
                          ". See https://github.com/confluentinc/ksql/issues/6621 for more.",
                          STR_ARG(columns.ptr[i].name), STR_ARG(buf_str(&b)));
        buf_done(&b);
        return st;
    }
    return ST_OK;
}

st_t format_check(format_id_t id, data_columns_t columns, bool is_key, err_t *err)
{
    err_t why = {.code = ST_OK};
    if (is_key)
        TRY(check_map_keys(columns, err));
    st_t st = rows[id].class->check(columns, is_key, &why);
    if (st == ST_OK)
        return ST_OK;
    buf_t b = BUF_INIT;
    put_columns(&b, columns, is_key);
    err_set_at(
        err, st, why.file, why.line,
        "%s format does not support schema.\nformat: %s\nschema: Persistence{columns=[" STR_FMT
        "], features=[]}\nreason: %s",
        is_key ? "Key" : "Value", format_name(id), STR_ARG(buf_str(&b)), why.msg);
    buf_done(&b);
    return st;
}

static data_columns_t copy_columns(arena_t *a, data_columns_t c)
{
    data_column_t *to = ARENA_ARRAY(a, data_column_t, c.len);
    for (size_t i = 0; i < c.len; i++)
        to[i] = (data_column_t){arena_str(a, c.ptr[i].name), data_type_copy(a, c.ptr[i].type)};
    return (data_columns_t){to, c.len};
}

st_t serde_new(const serde_spec_t *spec, serde_t **ret, err_t *err)
{
    TRY(format_check(spec->format, spec->columns, spec->is_key, err));
    serde_t *s = mem_zalloc(sizeof *s);
    arena_init(&s->arena, ARENA_NO_LIMIT);
    s->class = rows[spec->format].class;
    s->spec = *spec;
    s->spec.full_name = arena_str(&s->arena, spec->full_name);
    s->spec.subject = arena_str(&s->arena, spec->subject);
    s->spec.columns = copy_columns(&s->arena, spec->columns);
    if (spec->schemas) {
        schema_source_t *schemas = ARENA_NEW(&s->arena, schema_source_t);
        *schemas = *spec->schemas;
        s->spec.schemas = schemas;
    }
    st_t st = s->class->open(s, err);
    if (st != ST_OK) {
        serde_free(s);
        return st;
    }
    *ret = s;
    return ST_OK;
}

void serde_free(serde_t *s)
{
    if (!s)
        return;
    if (s->class->close)
        s->class->close(s);
    arena_done(&s->arena);
    free(s);
}

st_t serde_decode(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                  bool *ret_null, err_t *err)
{
    if (!bytes.ptr) {
        *ret_null = true;
        return ST_OK;
    }
    *ret_null = false;
    return s->class->decode(s, a, bytes, want, row, ret_null, err);
}

st_t serde_encode(serde_t *s, const data_value_t *row, buf_t *b, err_t *err)
{
    size_t len = b->len;
    st_t st = s->class->encode(s, row, b, err);
    if (st != ST_OK)
        b->len = len;
    return st;
}

bool serde_null(const serde_t *s, const data_value_t *row)
{
    if (s->spec.columns.len == 0)
        return s->spec.is_key;
    if (s->spec.format == FORMAT_DELIMITED && !s->spec.is_key)
        return false;
    return serde_bare(s) && data_is_null(row[0]);
}

st_t serde_register(serde_t *s, int32_t *ret_id, err_t *err)
{
    if (!s->class->enroll) {
        *ret_id = 0;
        return ST_OK;
    }
    return s->class->enroll(s, ret_id, err);
}

str_t serde_schema_text(serde_t *s)
{
    return s->class->schema_text ? s->class->schema_text(s) : STR("");
}

st_t format_infer(format_id_t id, str_t schema_text, bool is_key, bool upper, arena_t *a,
                  data_columns_t *ret, bool *ret_wrapped, err_t *err)
{
    if (!rows[id].class->infer)
        return err_set(err, ST_UNSUPPORTED, "The %s format has no schemas to take columns from.",
                       format_name(id));
    return rows[id].class->infer(schema_text, is_key, upper, a, ret, ret_wrapped, err);
}

static st_t absent(err_t *err)
{
    return err_set(err, ST_UNSUPPORTED, "This version of arus cannot read or write this format.");
}

static st_t absent_check(data_columns_t columns, bool is_key, err_t *err)
{
    (void)columns;
    (void)is_key;
    return absent(err);
}

const format_class_t format_absent = {.check = absent_check};
