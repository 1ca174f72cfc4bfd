/* PROTOBUF: kept as it came; there is no comparison yet: a changed schema differs. */
#include "registry/kind.h"

static st_t parse(arena_t *a, const kind_input_t *in, const void **ret, err_t *err)
{
    str_t *text = arena_alloc(a, sizeof *text);
    *text = str_trim(in->text);
    (void)err;
    *ret = text;
    return ST_OK;
}

static void put(buf_t *b, const void *schema, kind_form_t form)
{
    (void)form;
    buf_put_str(b, *(const str_t *)schema);
}

static void diff(kind_diff_t *d, const void *reader, const void *writer)
{
    (void)reader;
    (void)writer;
    kind_differ(d, "This version of arus cannot compare PROTOBUF schemas; with compatibility NONE "
                   "they are taken as they are");
}

const kind_class_t kind_protobuf = {"PROTOBUF", parse, put, diff, NULL};
