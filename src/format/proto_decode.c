#include "format/proto_descriptor.h"

typedef struct decoder {
    arena_t *arena;
    int depth;
    bool proto3;
    err_t *err;
} decoder_t;

/* The number of a field that holds text or a message; as a number it is another field. */
#define T(number) ((number) | 1u << 31)

/* One field of a message. */
typedef struct item {
    uint32_t number; /* T(…): bytes are set; 0: one that no descriptor has */
    uint64_t value;  /* of a number */
    str_t bytes;     /* of text or a message */
} item_t;

static bool take_varint(str_t *in, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < in->len && i < 10; i++) {
        v |= (uint64_t)((uint8_t)in->ptr[i] & 0x7f) << (7 * i);
        if ((uint8_t)in->ptr[i] < 0x80) {
            *in = str_sub(*in, i + 1, in->len);
            *ret = v;
            return true;
        }
    }
    return false;
}

static ST broken(err_t *err)
{
    return err_set(err, ST_BAD_INPUT, "no Protobuf descriptor");
}

/* The next field; *ret_end: there is none. */
static ST next_item(decoder_t *d, str_t *in, item_t *ret, bool *ret_end)
{
    uint64_t tag, n;
    *ret_end = !in->len;
    if (!in->len)
        return ST_OK;
    if (!take_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > PROTO_NUMBER_MAX)
        return broken(d->err);
    *ret = (item_t){.number = (uint32_t)(tag >> 3)};
    switch (tag & 7) {
    case 0:
        return take_varint(in, &ret->value) ? ST_OK : broken(d->err);
    case 2:
        if (!take_varint(in, &n) || n > in->len)
            return broken(d->err);
        break;
    case 1:
    case 5:
        n = (tag & 7) == 1 ? 8 : 4;
        if (n > in->len)
            return broken(d->err);
        break;
    default:
        return broken(d->err);
    }
    ret->bytes = str_sub(*in, 0, n);
    ret->number = (tag & 7) == 2 ? T(ret->number) : 0;
    *in = str_sub(*in, n, in->len);
    return ST_OK;
}

#define EACH_ITEM(d, in, item)                                                                     \
    for (bool end_ = false; !end_;)                                                                \
        if (next_item((d), &(in), &(item), &end_) != ST_OK)                                        \
            return broken((d)->err);                                                               \
        else if (!end_)

static ST decode_meta(decoder_t *d, str_t bytes, const proto_meta_field_t *fields,
                      proto_value_t *ret)
{
    proto_option_t *members = NULL;
    size_t n = 0;
    for (const proto_meta_field_t *f = fields; f->number; f++) {
        proto_option_t *items = NULL;
        size_t n_items = 0;
        str_t in = bytes;
        item_t i;
        EACH_ITEM(d, in, i)
        {
            proto_option_t o = {.value = {PROTO_STRING, i.bytes, NULL, 0}};
            if (i.number != T(f->number))
                continue;
            if (f->inside)
                TRY(decode_meta(d, i.bytes, f->inside, &o.value));
            PROTO_PUSH(d->arena, items, n_items, o);
        }
        if (!n_items)
            continue;
        proto_value_t list = {.kind = PROTO_LIST, .item = items, .n_items = n_items};
        PROTO_PUSH(d->arena, members, n,
                   (proto_option_t){.name = str_of(f->name),
                                    .value = f->repeated ? list : items[n_items - 1].value});
    }
    *ret = (proto_value_t){.kind = PROTO_MAP, .item = members, .n_items = n};
    return ST_OK;
}

static ST decode_options(decoder_t *d, str_t in, unsigned of, proto_options_t *to)
{
    item_t i;
    EACH_ITEM(d, in, i)
    {
        for (size_t k = 0; proto_known_options[k].number; k++) {
            proto_option_t o = {.name = str_of(proto_known_options[k].name),
                                .value = {.kind = proto_known_options[k].kind}};
            if (!(proto_known_options[k].of & of) ||
                i.number != (proto_known_options[k].kind == PROTO_STRING
                                 ? T(proto_known_options[k].number)
                                 : proto_known_options[k].number))
                continue;
            o.value.text = proto_known_options[k].kind == PROTO_STRING ? i.bytes
                           : i.value                                   ? STR("true")
                                                                       : STR("false");
            if (proto_known_options[k].kind == PROTO_WORD &&
                !proto_number_word(proto_known_options[k].words, i.value, &o.value.text))
                break;
            PROTO_PUSH(d->arena, to->ptr, to->n, o);
            break;
        }
        proto_option_t meta = {.name = proto_meta_name(of), .is_extension = true};
        if (i.number != T(PROTO_META_NUMBER) || !meta.name.len)
            continue;
        TRY(decode_meta(d, i.bytes, proto_meta_fields, &meta.value));
        if (meta.value.n_items)
            PROTO_PUSH(d->arena, to->ptr, to->n, meta);
    }
    return ST_OK;
}

typedef struct decoded_field {
    proto_field_t field;
    str_t extendee;
    int64_t oneof; /* -1: none */
} decoded_field_t;

static ST decode_field(decoder_t *d, str_t in, decoded_field_t *ret)
{
    item_t i;
    bool optional3 = false;
    uint64_t type = 1, label = 1; /* what protobuf's libraries take where nothing is said */
    *ret = (decoded_field_t){.oneof = -1};
    proto_field_t *f = &ret->field;
    EACH_ITEM(d, in, i)
    {
        if (i.number == T(1))
            f->name = i.bytes;
        else if (i.number == T(2))
            ret->extendee = i.bytes;
        else if (i.number == 3)
            f->number = (int32_t)i.value;
        else if (i.number == 4)
            label = i.value;
        else if (i.number == 5)
            type = i.value;
        else if (i.number == T(6))
            f->type = i.bytes;
        else if (i.number == T(7))
            f->fallback = i.bytes, f->has_fallback = !d->proto3;
        else if (i.number == T(8))
            TRY(decode_options(d, i.bytes, PROTO_OF_FIELD, &f->options));
        else if (i.number == 9)
            ret->oneof = (int64_t)i.value;
        else if (i.number == T(10))
            f->json_name = i.bytes, f->has_json_name = true;
        else if (i.number == 17)
            optional3 = i.value;
    }
    if (!f->type.len && (type == PROTO_TYPE_MESSAGE || type == PROTO_TYPE_ENUM || type == 0 ||
                         !proto_number_word(proto_type_words, type, &f->type)))
        return broken(d->err);
    if (label < 1 || label > 3 || !f->name.len)
        return broken(d->err);
    f->label = d->proto3 && label != PROTO_REPEATED ? PROTO_PLAIN : (proto_label_t)label;
    if (optional3) {
        f->label = PROTO_OPTIONAL;
        ret->oneof = -1;
    }
    return ST_OK;
}

static ST decode_range(decoder_t *d, str_t in, int behind, proto_ranges_t *ret)
{
    item_t i;
    proto_range_t r = {.is_name = false};
    EACH_ITEM(d, in, i)
    {
        if (i.number == 1)
            r.first = (int32_t)i.value;
        else if (i.number == 2)
            r.last = (int32_t)((uint32_t)i.value - (uint32_t)behind);
    }
    r.is_range = r.first != r.last;
    *ret = (proto_ranges_t){.n = 0};
    PROTO_PUSH(d->arena, ret->range, ret->n, r);
    return ST_OK;
}

static proto_ranges_t name_range(decoder_t *d, str_t name)
{
    proto_ranges_t r = {.n = 0};
    PROTO_PUSH(d->arena, r.range, r.n, (proto_range_t){.is_name = true, .name = name});
    return r;
}

static ST decode_constant(decoder_t *d, str_t in, proto_constant_t *ret)
{
    item_t i;
    *ret = (proto_constant_t){.number = 0};
    EACH_ITEM(d, in, i)
    {
        if (i.number == T(1))
            ret->name = i.bytes;
        else if (i.number == 2)
            ret->number = (int32_t)i.value;
        else if (i.number == T(3))
            TRY(decode_options(d, i.bytes, PROTO_OF_CONSTANT, &ret->options));
    }
    return ret->name.len ? ST_OK : broken(d->err);
}

static ST decode_enum(decoder_t *d, str_t in, proto_type_t *ret)
{
    item_t i;
    *ret = (proto_type_t){.is_enum = true};
    EACH_ITEM(d, in, i)
    {
        proto_constant_t c;
        proto_ranges_t r;
        if (i.number == T(1)) {
            ret->name = i.bytes;
        } else if (i.number == T(2)) {
            TRY(decode_constant(d, i.bytes, &c));
            PROTO_PUSH(d->arena, ret->constant, ret->n_constants, c);
        } else if (i.number == T(3)) {
            TRY(decode_options(d, i.bytes, PROTO_OF_ENUM, &ret->options));
        } else if (i.number == T(4)) {
            TRY(decode_range(d, i.bytes, 0, &r));
            PROTO_PUSH(d->arena, ret->reserved, ret->n_reserved, r);
        } else if (i.number == T(5)) {
            PROTO_PUSH(d->arena, ret->reserved, ret->n_reserved, name_range(d, i.bytes));
        }
    }
    return ret->name.len ? ST_OK : broken(d->err);
}

/* Extensions of one message stand in one block. */
static ST decode_extension(decoder_t *d, str_t in, proto_extend_t **list, size_t *n)
{
    decoded_field_t f;
    TRY(decode_field(d, in, &f));
    size_t k = 0;
    while (k < *n && !str_eq((*list)[k].type, f.extendee))
        k++;
    if (k == *n) {
        *list = proto_grow(d->arena, *list, *n, sizeof **list);
        (*list)[(*n)++] = (proto_extend_t){.type = f.extendee};
    }
    PROTO_PUSH(d->arena, (*list)[k].field, (*list)[k].n_fields, f.field);
    return ST_OK;
}

static ST decode_oneof(decoder_t *d, str_t in, proto_oneof_t *ret)
{
    item_t i;
    *ret = (proto_oneof_t){.n_fields = 0};
    EACH_ITEM(d, in, i)
    {
        if (i.number == T(1))
            ret->name = i.bytes;
    }
    return ret->name.len ? ST_OK : broken(d->err);
}

/* Puts fields into their oneofs; a oneof without fields is one of proto3's optional. */
static ST place_fields(decoder_t *d, proto_type_t *t, const decoded_field_t *field, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (field[i].oneof < 0) {
            PROTO_PUSH(d->arena, t->field, t->n_fields, field[i].field);
            continue;
        }
        if ((size_t)field[i].oneof >= t->n_oneofs)
            return broken(d->err);
        proto_oneof_t *o = &t->oneof[field[i].oneof];
        PROTO_PUSH(d->arena, o->field, o->n_fields, field[i].field);
        o->field[o->n_fields - 1].label = PROTO_PLAIN;
    }
    size_t kept = 0;
    for (size_t i = 0; i < t->n_oneofs; i++)
        if (t->oneof[i].n_fields)
            t->oneof[kept++] = t->oneof[i];
    t->n_oneofs = kept;
    return ST_OK;
}

static ST decode_message(decoder_t *d, str_t in, proto_type_t *ret);

static ST decode_message_item(decoder_t *d, const item_t *i, proto_type_t *t)
{
    proto_type_t inner;
    proto_ranges_t r;
    proto_oneof_t o;
    switch (i->number) {
    case T(1):
        t->name = i->bytes;
        break;
    case T(3):
    case T(4):
        TRY(i->number == T(3) ? decode_message(d, i->bytes, &inner)
                              : decode_enum(d, i->bytes, &inner));
        PROTO_PUSH(d->arena, t->type, t->n_types, inner);
        break;
    case T(5):
        TRY(decode_range(d, i->bytes, 1, &r));
        PROTO_PUSH(d->arena, t->extension, t->n_extensions, r);
        break;
    case T(6):
        return decode_extension(d, i->bytes, &t->extend, &t->n_extends);
    case T(7):
        return decode_options(d, i->bytes, PROTO_OF_MESSAGE, &t->options);
    case T(8):
        TRY(decode_oneof(d, i->bytes, &o));
        PROTO_PUSH(d->arena, t->oneof, t->n_oneofs, o);
        break;
    case T(9):
        TRY(decode_range(d, i->bytes, 1, &r));
        PROTO_PUSH(d->arena, t->reserved, t->n_reserved, r);
        break;
    case T(10):
        PROTO_PUSH(d->arena, t->reserved, t->n_reserved, name_range(d, i->bytes));
        break;
    default:
        break;
    }
    return ST_OK;
}

static st_t decode_message(decoder_t *d, str_t in, proto_type_t *ret)
{
    item_t i;
    decoded_field_t *field = NULL, f;
    size_t n = 0;
    *ret = (proto_type_t){.is_enum = false};
    if (++d->depth > PROTO_DEPTH_MAX)
        return err_set(d->err, ST_TOO_LARGE, "Messages are nested deeper than %d", PROTO_DEPTH_MAX);
    EACH_ITEM(d, in, i)
    {
        if (i.number == T(2)) {
            TRY(decode_field(d, i.bytes, &f));
            PROTO_PUSH(d->arena, field, n, f);
        } else {
            TRY(decode_message_item(d, &i, ret));
        }
    }
    d->depth--;
    return ret->name.len ? place_fields(d, ret, field, n) : broken(d->err);
}

static ST decode_method(decoder_t *d, str_t in, proto_method_t *ret)
{
    item_t i;
    *ret = (proto_method_t){.streams_request = false};
    EACH_ITEM(d, in, i)
    {
        if (i.number == T(1))
            ret->name = i.bytes;
        else if (i.number == T(2))
            ret->request = i.bytes;
        else if (i.number == T(3))
            ret->response = i.bytes;
        else if (i.number == T(4))
            TRY(decode_options(d, i.bytes, PROTO_OF_METHOD, &ret->options));
        else if (i.number == 5)
            ret->streams_request = i.value;
        else if (i.number == 6)
            ret->streams_response = i.value;
    }
    return ret->name.len && ret->request.len && ret->response.len ? ST_OK : broken(d->err);
}

static ST decode_service(decoder_t *d, str_t in, proto_service_t *ret)
{
    item_t i;
    *ret = (proto_service_t){.n_methods = 0};
    EACH_ITEM(d, in, i)
    {
        proto_method_t m;
        if (i.number == T(1)) {
            ret->name = i.bytes;
        } else if (i.number == T(2)) {
            TRY(decode_method(d, i.bytes, &m));
            PROTO_PUSH(d->arena, ret->method, ret->n_methods, m);
        } else if (i.number == T(3)) {
            TRY(decode_options(d, i.bytes, PROTO_OF_SERVICE, &ret->options));
        }
    }
    return ret->name.len ? ST_OK : broken(d->err);
}

/* The imports and what is said of them by their place. */
typedef struct imports {
    str_t *name;
    uint64_t *public, *weak;
    size_t n, n_public, n_weak;
} imports_t;

static bool holds(const uint64_t *list, size_t n, uint64_t v)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == v)
            return true;
    return false;
}

static void place_imports(decoder_t *d, const imports_t *in, proto_file_t *f)
{
    for (size_t i = 0; i < in->n; i++)
        if (holds(in->public, in->n_public, i))
            PROTO_PUSH(d->arena, f->public_import, f->n_public_imports, in->name[i]);
        else if (holds(in->weak, in->n_weak, i))
            PROTO_PUSH(d->arena, f->weak_import, f->n_weak_imports, in->name[i]);
        else
            PROTO_PUSH(d->arena, f->import, f->n_imports, in->name[i]);
}

#define IMPORTS_MAX 10000

static ST decode_file_item(decoder_t *d, const item_t *i, imports_t *imports, proto_file_t *f)
{
    proto_type_t t;
    proto_service_t s;
    if (imports->n + imports->n_public + imports->n_weak > IMPORTS_MAX)
        return err_set(d->err, ST_TOO_LARGE, "too many imports");
    switch (i->number) {
    case T(2):
        f->package = i->bytes;
        break;
    case T(3):
        PROTO_PUSH(d->arena, imports->name, imports->n, i->bytes);
        break;
    case T(4):
    case T(5):
        TRY(i->number == T(4) ? decode_message(d, i->bytes, &t) : decode_enum(d, i->bytes, &t));
        PROTO_PUSH(d->arena, f->type, f->n_types, t);
        break;
    case T(6):
        TRY(decode_service(d, i->bytes, &s));
        PROTO_PUSH(d->arena, f->service, f->n_services, s);
        break;
    case T(7):
        return decode_extension(d, i->bytes, &f->extend, &f->n_extends);
    case T(8):
        return decode_options(d, i->bytes, PROTO_OF_FILE, &f->options);
    case 10:
        PROTO_PUSH(d->arena, imports->public, imports->n_public, i->value);
        break;
    case 11:
        PROTO_PUSH(d->arena, imports->weak, imports->n_weak, i->value);
        break;
    default:
        break;
    }
    return ST_OK;
}

static ST decode_syntax(decoder_t *d, str_t in, proto_file_t *f)
{
    item_t i;
    EACH_ITEM(d, in, i)
    {
        if (i.number == T(12))
            f->syntax = str_eq(i.bytes, STR("proto3")) ? PROTO_3 : PROTO_2;
    }
    d->proto3 = f->syntax == PROTO_3;
    return ST_OK;
}

st_t proto_file_decode(arena_t *a, str_t bytes, const proto_file_t **ret, err_t *err)
{
    decoder_t d = {.arena = a, .err = err};
    proto_file_t *f = ARENA_NEW(a, proto_file_t);
    imports_t imports = {.n = 0};
    str_t in = bytes;
    item_t i;
    TRY(decode_syntax(&d, bytes, f));
    EACH_ITEM(&d, in, i)
    {
        TRY(decode_file_item(&d, &i, &imports, f));
    }
    place_imports(&d, &imports, f);
    *ret = f;
    return ST_OK;
}
