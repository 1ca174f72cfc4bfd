#include "format/proto_descriptor.h"
#include "format/proto_text.h"

static void put_varint(buf_t *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_put_char(b, (char)(v | 0x80));
    buf_put_char(b, (char)v);
}

static void put_number(buf_t *b, uint32_t field, uint64_t v)
{
    put_varint(b, field << 3);
    put_varint(b, v);
}

static void put_int(buf_t *b, uint32_t field, int32_t v)
{
    put_number(b, field, (uint64_t)(int64_t)v);
}

static void put_text(buf_t *b, uint32_t field, str_t s)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, s.len);
    buf_put_str(b, s);
}

/* A message inside, which is given away. */
static void put_message(buf_t *b, uint32_t field, buf_t *inside)
{
    put_text(b, field, buf_str(inside));
    buf_done(inside);
}

/* Meta, or a message inside of it, from what stands between braces or behind a dot. */
static void put_meta(buf_t *b, const proto_value_t *v, const proto_meta_field_t *fields)
{
    for (const proto_meta_field_t *f = fields; f->number; f++)
        for (size_t i = 0; i < v->n_items; i++) {
            const proto_option_t *member = &v->item[i];
            bool list = member->value.kind == PROTO_LIST;
            if (!str_eq(member->name, str_of(f->name)))
                continue;
            for (size_t k = 0; k < (list ? member->value.n_items : 1); k++) {
                const proto_value_t *one = list ? &member->value.item[k].value : &member->value;
                buf_t in = BUF_INIT;
                if (f->inside) {
                    put_meta(&in, one, f->inside);
                    put_message(b, f->number, &in);
                } else {
                    put_text(b, f->number, one->text);
                }
            }
        }
}

static void put_options(buf_t *b, uint32_t field, unsigned of, const proto_options_t *from)
{
    buf_t in = BUF_INIT;
    for (size_t i = 0; proto_known_options[i].number; i++) {
        const proto_known_option_t *k = &proto_known_options[i];
        const proto_option_t *o = k->of & of ? proto_option_find(from, k->name) : NULL;
        uint64_t number;
        if (!o)
            continue;
        if (k->kind == PROTO_STRING)
            put_text(&in, k->number, o->value.text);
        else if (k->kind == PROTO_BOOLEAN)
            put_number(&in, k->number, str_eq(o->value.text, STR("true")));
        else if (proto_word_number(k->words, o->value.text, &number))
            put_number(&in, k->number, number);
    }
    buf_t meta = BUF_INIT;
    for (size_t i = 0; i < from->n; i++)
        if (from->ptr[i].is_extension && str_eq(from->ptr[i].name, proto_meta_name(of)))
            put_meta(&meta, &from->ptr[i].value, proto_meta_fields);
    if (meta.len)
        put_message(&in, PROTO_META_NUMBER, &meta);
    if (in.len)
        put_message(b, field, &in);
}

typedef struct field_place {
    str_t type; /* may be another than the field's: of a map's entries */
    proto_label_t label;
    str_t extendee;
    int oneof; /* -1: none */
    bool proto3_optional;
} field_place_t;

/* FieldDescriptorProto: 1 name, 2 extendee, 3 number, 4 label, 5 type, 6 type_name, 7
 * default_value, 8 options, 9 oneof_index, 10 json_name, 17 proto3_optional. */
static void put_field(buf_t *b, uint32_t at, const proto_field_t *f, const field_place_t *p,
                      proto_scope_t *s, str_t within)
{
    static const uint64_t labels[] = {0, 1, 2, 3};
    buf_t in = BUF_INIT;
    uint64_t type;
    put_text(&in, 1, f->name);
    if (p->extendee.len)
        put_text(&in, 2, p->extendee);
    put_int(&in, 3, f->number);
    if (p->label != PROTO_PLAIN)
        put_number(&in, 4, labels[p->label]);
    if (proto_is_scalar(p->type) && proto_word_number(proto_type_words, p->type, &type)) {
        put_number(&in, 5, type);
    } else {
        const proto_named_t *t = proto_scope_type(s, within, p->type);
        if (t)
            put_number(&in, 5, t->type->is_enum ? PROTO_TYPE_ENUM : PROTO_TYPE_MESSAGE);
        put_text(&in, 6, p->type);
    }
    if (f->has_fallback)
        put_text(&in, 7, f->fallback);
    put_options(&in, 8, PROTO_OF_FIELD, &f->options);
    if (p->oneof >= 0)
        put_int(&in, 9, p->oneof);
    if (f->has_json_name)
        put_text(&in, 10, f->json_name);
    if (p->proto3_optional)
        put_number(&in, 17, 1);
    put_message(b, at, &in);
}

/* protoc's name for the entries of a map: the field's in capitals, "Entry" behind it. */
static str_t entry_name(arena_t *a, str_t field)
{
    char *out = arena_alloc(a, field.len + 6);
    size_t n = 0;
    bool upper = true;
    for (size_t i = 0; i < field.len; i++) {
        if (field.ptr[i] != '_')
            out[n++] = upper ? str_upper_char(field.ptr[i]) : field.ptr[i];
        upper = field.ptr[i] == '_';
    }
    memcpy(out + n, "Entry", 5);
    return str_n(out, n + 5);
}

static void put_entry(buf_t *b, str_t name, str_t key, str_t value, proto_scope_t *s, str_t within)
{
    buf_t in = BUF_INIT;
    const proto_option_t entry = {.name = STR("map_entry"),
                                  .value = {PROTO_BOOLEAN, STR("true"), NULL, 0}};
    proto_options_t o = {.ptr = (proto_option_t *)(uintptr_t)&entry, .n = 1};
    put_text(&in, 1, name);
    put_field(&in, 2, &(proto_field_t){.name = STR("key"), .number = 1},
              &(field_place_t){.type = key, .oneof = -1}, s, within);
    put_field(&in, 2, &(proto_field_t){.name = STR("value"), .number = 2},
              &(field_place_t){.type = value, .oneof = -1}, s, within);
    put_options(&in, 7, PROTO_OF_MESSAGE, &o);
    put_message(b, 3, &in);
}

static void put_ranges(buf_t *b, uint32_t at, uint32_t at_names, const proto_ranges_t *list,
                       size_t n, int behind)
{
    for (int names = 0; names < 2; names++)
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < list[i].n; k++) {
                const proto_range_t *r = &list[i].range[k];
                buf_t in = BUF_INIT;
                if (r->is_name != names)
                    continue;
                if (r->is_name) {
                    put_text(b, at_names, r->name);
                    continue;
                }
                put_int(&in, 1, r->first);
                put_int(&in, 2, (int32_t)((uint32_t)r->last + (uint32_t)behind));
                put_message(b, at, &in);
            }
}

/* EnumDescriptorProto: 1 name, 2 value (1 name, 2 number, 3 options), 3 options, 4 reserved_range,
 * 5 reserved_name. */
static void put_enum(buf_t *b, uint32_t at, const proto_type_t *t)
{
    buf_t in = BUF_INIT;
    put_text(&in, 1, t->name);
    for (size_t i = 0; i < t->n_constants; i++) {
        buf_t value = BUF_INIT;
        put_text(&value, 1, t->constant[i].name);
        put_int(&value, 2, t->constant[i].number);
        put_options(&value, 3, PROTO_OF_CONSTANT, &t->constant[i].options);
        put_message(&in, 2, &value);
    }
    put_options(&in, 3, PROTO_OF_ENUM, &t->options);
    put_ranges(&in, 4, 5, t->reserved, t->n_reserved, 0);
    put_message(b, at, &in);
}

static void put_extends(buf_t *b, uint32_t at, const proto_extend_t *e, size_t n, proto_scope_t *s,
                        str_t within)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < e[i].n_fields; k++) {
            const proto_field_t *f = &e[i].field[k];
            put_field(b, at, f, &(field_place_t){f->type, f->label, e[i].type, -1, false}, s,
                      within);
        }
}

/* Fields of oneofs, then the others; an optional field of proto3 has a oneof of its own. */
static void put_fields(buf_t *b, const proto_type_t *t, bool proto3, proto_scope_t *s, str_t within)
{
    int oneof = (int)t->n_oneofs;
    for (size_t i = 0; i < t->n_oneofs; i++)
        for (size_t k = 0; k < t->oneof[i].n_fields; k++) {
            const proto_field_t *f = &t->oneof[i].field[k];
            put_field(b, 2, f, &(field_place_t){f->type, PROTO_OPTIONAL, STR(""), (int)i, false}, s,
                      within);
        }
    for (size_t i = 0; i < t->n_fields; i++) {
        const proto_field_t *f = &t->field[i];
        field_place_t p = {f->type, f->label, STR(""), -1, false};
        str_t key, value;
        if (proto_is_map(f->type, &key, &value)) {
            p.type = entry_name(s->arena, f->name);
            p.label = PROTO_REPEATED;
        } else if (proto3 && f->label == PROTO_OPTIONAL) {
            p.oneof = oneof++;
            p.proto3_optional = true;
        }
        put_field(b, 2, f, &p, s, within);
    }
}

static void put_oneof(buf_t *b, const char *before, str_t name)
{
    buf_t in = BUF_INIT, full = BUF_INIT;
    buf_printf(&full, "%s" STR_FMT, before, STR_ARG(name));
    put_text(&in, 1, buf_str(&full));
    put_message(b, 8, &in);
    buf_done(&full);
}

/* DescriptorProto: 1 name, 2 field, 3 nested_type, 4 enum_type, 5 extension_range, 6 extension, 7
 * options, 8 oneof_decl, 9 reserved_range, 10 reserved_name. */
static void put_type(buf_t *b, uint32_t at, const proto_type_t *t, bool proto3, proto_scope_t *s,
                     str_t outside)
{
    buf_t in = BUF_INIT;
    str_t within = proto_join(s->arena, outside, t->name), key, value;
    put_text(&in, 1, t->name);
    put_fields(&in, t, proto3, s, within);
    for (size_t i = 0; i < t->n_types; i++)
        if (!t->type[i].is_enum)
            put_type(&in, 3, &t->type[i], proto3, s, within);
    for (size_t i = 0; i < t->n_fields; i++)
        if (proto_is_map(t->field[i].type, &key, &value))
            put_entry(&in, entry_name(s->arena, t->field[i].name), key, value, s, within);
    for (size_t i = 0; i < t->n_types; i++)
        if (t->type[i].is_enum)
            put_enum(&in, 4, &t->type[i]);
    put_ranges(&in, 5, 0, t->extension, t->n_extensions, 1);
    put_extends(&in, 6, t->extend, t->n_extends, s, within);
    put_options(&in, 7, PROTO_OF_MESSAGE, &t->options);
    for (size_t i = 0; i < t->n_oneofs; i++)
        put_oneof(&in, "", t->oneof[i].name);
    for (size_t i = 0; i < t->n_fields && proto3; i++)
        if (t->field[i].label == PROTO_OPTIONAL)
            put_oneof(&in, "_", t->field[i].name);
    put_ranges(&in, 9, 10, t->reserved, t->n_reserved, 1);
    put_message(b, at, &in);
}

/* ServiceDescriptorProto: 1 name, 2 method (1 name, 2 input_type, 3 output_type, 4 options, 5
 * client_streaming, 6 server_streaming), 3 options. */
static void put_service(buf_t *b, const proto_service_t *s)
{
    buf_t in = BUF_INIT;
    put_text(&in, 1, s->name);
    for (size_t i = 0; i < s->n_methods; i++) {
        const proto_method_t *m = &s->method[i];
        buf_t method = BUF_INIT;
        put_text(&method, 1, m->name);
        put_text(&method, 2, m->request);
        put_text(&method, 3, m->response);
        put_options(&method, 4, PROTO_OF_METHOD, &m->options);
        if (m->streams_request)
            put_number(&method, 5, 1);
        if (m->streams_response)
            put_number(&method, 6, 1);
        put_message(&in, 2, &method);
    }
    put_options(&in, 3, PROTO_OF_SERVICE, &s->options);
    put_message(b, 6, &in);
}

/* FileDescriptorProto: 1 name, 2 package, 3 dependency, 4 message_type, 5 enum_type, 6 service, 7
 * extension, 8 options, 10 public_dependency, 11 weak_dependency, 12 syntax. */
void proto_descriptor_put(buf_t *b, const proto_file_t *f, proto_scope_t *s)
{
    bool proto3 = f->syntax == PROTO_3;
    put_text(b, 1, STR("default"));
    if (f->package.len)
        put_text(b, 2, f->package);
    for (size_t i = 0; i < f->n_imports; i++)
        put_text(b, 3, f->import[i]);
    for (size_t i = 0; i < f->n_public_imports; i++)
        put_text(b, 3, f->public_import[i]);
    for (size_t i = 0; i < f->n_types; i++)
        if (!f->type[i].is_enum)
            put_type(b, 4, &f->type[i], proto3, s, f->package);
    for (size_t i = 0; i < f->n_types; i++)
        if (f->type[i].is_enum)
            put_enum(b, 5, &f->type[i]);
    for (size_t i = 0; i < f->n_services; i++)
        put_service(b, &f->service[i]);
    put_extends(b, 7, f->extend, f->n_extends, s, f->package);
    put_options(b, 8, PROTO_OF_FILE, &f->options);
    for (size_t i = 0; i < f->n_public_imports; i++)
        put_number(b, 10, f->n_imports + i);
    if (f->syntax != PROTO_UNSAID)
        put_text(b, 12, proto3 ? STR("proto3") : STR("proto2"));
}
