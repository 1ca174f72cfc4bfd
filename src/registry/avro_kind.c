/* AVRO: what Avro's Java library says of a schema. */
#include "format/avro_schema.h"
#include "registry/avro_compat.h"
#include "registry/kind.h"

static st_t parse(arena_t *a, const kind_input_t *in, const void **ret, err_t *err)
{
    const avro_schema_t *s;
    str_t *text = ARENA_ARRAY(a, str_t, in->n_refs);
    for (size_t i = 0; i < in->n_refs; i++)
        text[i] = in->ref[i].text;
    TRY(avro_schema_parse(a, in->text, text, in->n_refs, &s, err));
    *ret = s;
    return ST_OK;
}

static void put(buf_t *b, const void *schema, kind_form_t form)
{
    if (form == KIND_RESOLVED)
        avro_schema_put_resolved(b, schema);
    else
        avro_schema_put(b, schema);
}

static void diff(kind_diff_t *d, const void *reader, const void *writer)
{
    err_t err;
    if (avro_compat_check(reader, writer, &err) != ST_OK)
        kind_differ(d, "%s", err.msg);
}

const kind_class_t kind_avro = {"AVRO", parse, put, diff, NULL};
