#include "format/proto_file.h"

#include "data/text.h"
#include "format/proto_text.h"

/* A descriptor may hold what no file can say; it counts only if its text can be read. */
static bool read_base64(arena_t *a, str_t text, const proto_file_t **ret)
{
    str_t bytes;
    const proto_file_t *f;
    buf_t b = BUF_INIT;
    if (!data_base64_decode(a, text, &bytes) || proto_file_decode(a, bytes, &f, NULL) != ST_OK)
        return false;
    proto_text_put(&b, f);
    str_t said = b.len ? arena_str(a, buf_str(&b)) : STR("");
    buf_done(&b);
    return str_is_utf8(said) && proto_file_parse(a, said, ret, NULL) == ST_OK;
}

st_t proto_file_read(arena_t *a, str_t text, const proto_file_t **ret, err_t *err)
{
    err_t why = {.code = ST_OK};
    st_t st = proto_file_parse(a, text, ret, &why);
    if (st == ST_OK || (text.len <= PROTO_TEXT_MAX && read_base64(a, text, ret)))
        return ST_OK;
    return err_set(err, st == ST_TOO_LARGE ? ST_TOO_LARGE : ST_BAD_INPUT,
                   "Could not parse Protobuf - %s", why.msg);
}

bool proto_is_scalar(str_t type)
{
    static const char *const names[] = {"bool",    "bytes",  "double", "float",    "fixed32",
                                        "fixed64", "int32",  "int64",  "sfixed32", "sfixed64",
                                        "sint32",  "sint64", "string", "uint32",   "uint64"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(type, str_of(names[i])))
            return true;
    return false;
}

bool proto_is_map(str_t type, str_t *ret_key, str_t *ret_value)
{
    ptrdiff_t comma = str_find_char(type, ',');
    if (!str_starts(type, STR("map<")) || comma < 0)
        return false;
    *ret_key = str_trim(str_sub(type, 4, (size_t)comma - 4));
    *ret_value = str_trim(str_sub(type, (size_t)comma + 1, type.len - (size_t)comma - 2));
    return true;
}

const proto_option_t *proto_option_find(const proto_options_t *o, const char *name)
{
    for (size_t i = 0; i < o->n; i++)
        if (!o->ptr[i].is_extension && str_eq(o->ptr[i].name, str_of(name)))
            return &o->ptr[i];
    return NULL;
}

bool proto_is_entry(const proto_type_t *t)
{
    const proto_option_t *o = proto_option_find(&t->options, "map_entry");
    return !t->is_enum && o && str_eq_nocase(o->value.text, STR("true"));
}

const proto_field_t *proto_field_find(const proto_type_t *t, str_t name)
{
    for (size_t i = 0; i < t->n_fields; i++)
        if (str_eq(t->field[i].name, name))
            return &t->field[i];
    for (size_t i = 0; i < t->n_oneofs; i++)
        for (size_t k = 0; k < t->oneof[i].n_fields; k++)
            if (str_eq(t->oneof[i].field[k].name, name))
                return &t->oneof[i].field[k];
    return NULL;
}
