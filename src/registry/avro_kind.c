/* AVRO: what Avro's Java library says of a schema. */
#include "format/avro_schema.h"
#include "registry/avro_compat.h"
#include "registry/kind.h"

static st_t parse(arena_t *a, const kind_input_t *in, const void **ret, err_t *err)
{
    const avro_schema_t *s;
    str_t *text = ARENA_ARRAY(a, str_t, in->n_refs + 1);
    for (size_t i = 0; i < in->n_refs; i++)
        text[i] = in->ref[i].text;
    avro_check_t check = in->is_new ? AVRO_STRICT : AVRO_LENIENT;
    TRY(avro_schema_parse(a, in->text, text, in->n_refs, check, &s, err));
    *ret = s;
    return ST_OK;
}

static void put(buf_t *b, const void *schema, kind_form_t form)
{
    if (form == KIND_RESOLVED)
        avro_schema_put_resolved(b, schema);
    else if (form == KIND_NORMALIZED)
        avro_schema_put_normal(b, schema, false);
    else
        avro_schema_put(b, schema);
}

static void diff(kind_diff_t *d, const void *reader, const void *writer)
{
    avro_compat_diff(d, reader, writer);
}

static bool equal(const void *x, const void *y)
{
    buf_t a = BUF_INIT, b = BUF_INIT;
    avro_schema_put_normal(&a, x, true);
    avro_schema_put_normal(&b, y, true);
    bool same = str_eq(buf_str(&a), buf_str(&b));
    buf_done(&a);
    buf_done(&b);
    return same;
}

const kind_class_t kind_avro = {"AVRO", parse, put, diff, equal};
