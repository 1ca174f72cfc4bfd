#include "base/map.h"
#include "format/proto_option.h"

typedef struct parser {
    proto_lex_t lex;
    arena_t *arena;
    proto_syntax_t syntax;
    size_t n_declarations;
    int depth;
} parser_t;

#define PUSH(p, of, list, ...) PROTO_PUSH((p)->arena, (of)->list, (of)->n_##list##s, __VA_ARGS__)

static ST parse_type(parser_t *p, bool is_enum, proto_type_t *ret);

/* --- fields --- */

/* A type whose first word is read: a name, maybe with spaces around its dots, or a map. */
static ST parse_type_name(parser_t *p, str_t word, str_t *ret)
{
    proto_lex_t *l = &p->lex;
    if (str_eq(word, STR("map"))) {
        str_t key, value, first;
        if (++p->depth > PROTO_DEPTH_MAX)
            return err_set(l->err, ST_TOO_LARGE, "Maps are nested deeper than %d", PROTO_DEPTH_MAX);
        TRY(proto_lex_require(l, '<'));
        TRY(proto_lex_word(l, true, &first));
        TRY(parse_type_name(p, first, &key));
        TRY(proto_lex_require(l, ','));
        TRY(proto_lex_word(l, true, &first));
        TRY(parse_type_name(p, first, &value));
        TRY(proto_lex_require(l, '>'));
        p->depth--;
        *ret =
            arena_printf(p->arena, "map<" STR_FMT ", " STR_FMT ">", STR_ARG(key), STR_ARG(value));
        return ST_OK;
    }
    for (bool dot;;) {
        str_t more;
        TRY(proto_lex_take(l, '.', &dot));
        if (!dot)
            break;
        TRY(proto_lex_word(l, true, &more));
        word = arena_printf(p->arena, STR_FMT "." STR_FMT, STR_ARG(word), STR_ARG(more));
    }
    *ret = word;
    return ST_OK;
}

/* default and json_name are no options but parts of the field. */
static void take_special(proto_field_t *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->options.n; i++) {
        const proto_option_t *o = &f->options.ptr[i];
        bool simple = o->value.kind <= PROTO_WORD;
        if (simple && str_eq(o->name, STR("default"))) {
            f->has_fallback = true;
            f->fallback = o->value.text;
        } else if (simple && str_eq(o->name, STR("json_name"))) {
            f->has_json_name = true;
            f->json_name = o->value.text;
        } else {
            f->options.ptr[kept++] = *o;
        }
    }
    f->options.n = kept;
}

/* Behind the type: `name = 1 [options];` */
static ST parse_field_rest(parser_t *p, proto_label_t label, str_t type, proto_field_t *ret)
{
    proto_lex_t *l = &p->lex;
    proto_field_t f = {.label = label, .type = type};
    char open;
    TRY(proto_lex_name(l, true, &f.name, &open));
    if (f.name.ptr[0] >= '0' && f.name.ptr[0] <= '9')
        return proto_lex_refuse(l, "field and constant names cannot start with a digit");
    TRY(proto_lex_require(l, '='));
    TRY(proto_lex_int(l, &f.number));
    TRY(proto_options_parse(l, &f.options));
    TRY(proto_lex_require(l, ';'));
    take_special(&f);
    *ret = f;
    return ST_OK;
}

/* Label and type of a field whose first word is read. */
static ST parse_label(parser_t *p, str_t word, proto_label_t *ret, str_t *ret_type)
{
    static const char *const labels[] = {"", "optional", "required", "repeated"};
    proto_lex_t *l = &p->lex;
    proto_label_t label = PROTO_PLAIN;
    for (int i = PROTO_OPTIONAL; i <= PROTO_REPEATED; i++)
        if (str_eq(word, str_of(labels[i])))
            label = (proto_label_t)i;
    if (label == PROTO_REQUIRED && p->syntax == PROTO_3)
        return proto_lex_refuse(l, "'required' label forbidden in proto3 field declarations");
    if (label != PROTO_PLAIN) {
        TRY(proto_lex_word(l, true, &word));
    } else if (p->syntax != PROTO_3) {
        char next = 0;
        if (str_eq(word, STR("map")))
            TRY(proto_lex_peek(l, &next));
        if (next != '<')
            return proto_lex_refuse(l, "unexpected label: " STR_FMT, STR_ARG(word));
    }
    TRY(parse_type_name(p, word, ret_type));
    if (label != PROTO_PLAIN && str_starts(*ret_type, STR("map<")))
        return proto_lex_refuse(l, "'map' type cannot have label");
    *ret = label;
    return ST_OK;
}

static ST parse_group(parser_t *p, proto_label_t label, proto_group_t *ret)
{
    proto_lex_t *l = &p->lex;
    proto_group_t g = {.label = label};
    TRY(proto_lex_word(l, true, &g.name));
    TRY(proto_lex_require(l, '='));
    TRY(proto_lex_int(l, &g.number));
    TRY(proto_lex_require(l, '{'));
    for (bool done;;) {
        str_t word, type;
        proto_label_t inner;
        proto_field_t f;
        TRY(proto_lex_take(l, '}', &done));
        if (done)
            break;
        TRY(proto_lex_word(l, true, &word));
        TRY(parse_label(p, word, &inner, &type));
        if (str_eq(type, STR("group")))
            return proto_lex_refuse(l, "expected field declaration, was a group");
        TRY(parse_field_rest(p, inner, type, &f));
        PUSH(p, &g, field, f);
    }
    *ret = g;
    return ST_OK;
}

static ST parse_oneof(parser_t *p, proto_oneof_t *ret)
{
    proto_lex_t *l = &p->lex;
    proto_oneof_t o = {.n_fields = 0};
    char open;
    TRY(proto_lex_name(l, true, &o.name, &open));
    TRY(proto_lex_require(l, '{'));
    for (bool done;;) {
        str_t word, type;
        TRY(proto_lex_take(l, '}', &done));
        if (done)
            break;
        TRY(proto_lex_word(l, true, &word));
        TRY(parse_type_name(p, word, &type));
        if (str_eq(type, STR("group"))) {
            proto_group_t g;
            TRY(parse_group(p, PROTO_PLAIN, &g));
            PUSH(p, &o, group, g);
        } else if (str_eq(type, STR("option"))) {
            proto_option_t option;
            TRY(proto_option_parse(l, &option));
            PROTO_PUSH(p->arena, o.options.ptr, o.options.n, option);
            TRY(proto_lex_require(l, ';'));
        } else {
            proto_field_t f;
            TRY(parse_field_rest(p, PROTO_PLAIN, type, &f));
            PUSH(p, &o, field, f);
        }
    }
    *ret = o;
    return ST_OK;
}

/* --- declarations --- */

/* The option behind the word, with its semicolon. */
static ST parse_option(parser_t *p, proto_options_t *to)
{
    proto_option_t o;
    TRY(proto_option_parse(&p->lex, &o));
    PROTO_PUSH(p->arena, to->ptr, to->n, o);
    return proto_lex_require(&p->lex, ';');
}

static ST parse_extend(parser_t *p, proto_extend_t *ret)
{
    proto_lex_t *l = &p->lex;
    proto_extend_t e = {.n_fields = 0};
    char open;
    TRY(proto_lex_name(l, true, &e.type, &open));
    TRY(proto_lex_require(l, '{'));
    for (bool done, empty;;) {
        str_t word, type;
        proto_label_t label;
        TRY(proto_lex_take(l, '}', &done));
        if (done)
            break;
        TRY(proto_lex_take(l, ';', &empty));
        if (empty)
            continue;
        TRY(proto_lex_word(l, true, &word));
        TRY(parse_label(p, word, &label, &type));
        if (str_eq(type, STR("group"))) {
            proto_group_t g;
            TRY(parse_group(p, label,
                            &g)); /* a group is no field of the message that is extended */
        } else {
            proto_field_t f;
            TRY(parse_field_rest(p, label, type, &f));
            PUSH(p, &e, field, f);
        }
    }
    *ret = e;
    return ST_OK;
}

static ST parse_message_part(parser_t *p, proto_type_t *t, str_t word);

static ST parse_field(parser_t *p, proto_type_t *t, str_t word)
{
    proto_label_t label;
    str_t type;
    TRY(parse_label(p, word, &label, &type));
    if (str_eq(type, STR("group"))) {
        proto_group_t g;
        TRY(parse_group(p, label, &g));
        PUSH(p, t, group, g);
        return ST_OK;
    }
    proto_field_t f;
    TRY(parse_field_rest(p, label, type, &f));
    PUSH(p, t, field, f);
    return ST_OK;
}

static st_t parse_message_part(parser_t *p, proto_type_t *t, str_t word)
{
    if (str_eq(word, STR("message")) || str_eq(word, STR("enum"))) {
        proto_type_t inner;
        TRY(parse_type(p, word.ptr[0] == 'e', &inner));
        PUSH(p, t, type, inner);
    } else if (str_eq(word, STR("extend"))) {
        proto_extend_t e;
        TRY(parse_extend(p, &e));
        PUSH(p, t, extend, e);
    } else if (str_eq(word, STR("oneof"))) {
        proto_oneof_t o;
        TRY(parse_oneof(p, &o));
        PUSH(p, t, oneof, o);
    } else if (str_eq(word, STR("extensions"))) {
        proto_ranges_t r;
        TRY(proto_ranges_parse(&p->lex, false, &r));
        PUSH(p, t, extension, r);
    } else {
        return parse_field(p, t, word);
    }
    return ST_OK;
}

static ST parse_constant(parser_t *p, proto_type_t *t, str_t name)
{
    proto_constant_t c = {.name = name};
    if (name.ptr[0] >= '0' && name.ptr[0] <= '9')
        return proto_lex_refuse(&p->lex, "field and constant names cannot start with a digit");
    TRY(proto_lex_require(&p->lex, '='));
    TRY(proto_lex_int(&p->lex, &c.number));
    TRY(proto_options_parse(&p->lex, &c.options));
    TRY(proto_lex_require(&p->lex, ';'));
    PUSH(p, t, constant, c);
    return ST_OK;
}

/* Behind the word message or enum. */
static st_t parse_type(parser_t *p, bool is_enum, proto_type_t *ret)
{
    proto_lex_t *l = &p->lex;
    proto_type_t t = {.is_enum = is_enum};
    char open;
    if (++p->depth > PROTO_DEPTH_MAX)
        return err_set(l->err, ST_TOO_LARGE, "Messages are nested deeper than %d", PROTO_DEPTH_MAX);
    TRY(proto_lex_name(l, true, &t.name, &open));
    TRY(proto_lex_require(l, '{'));
    for (bool done, empty;;) {
        str_t word;
        TRY(proto_lex_take(l, '}', &done));
        if (done)
            break;
        p->n_declarations++;
        TRY(proto_lex_take(l, ';', &empty));
        if (empty)
            continue;
        TRY(proto_lex_word(l, true, &word));
        if (str_eq(word, STR("option"))) {
            TRY(parse_option(p, &t.options));
        } else if (str_eq(word, STR("reserved"))) {
            proto_ranges_t r;
            TRY(proto_ranges_parse(&p->lex, true, &r));
            PROTO_PUSH(p->arena, t.reserved, t.n_reserved, r);
        } else if (is_enum) {
            TRY(parse_constant(p, &t, word));
        } else {
            TRY(parse_message_part(p, &t, word));
        }
    }
    p->depth--;
    *ret = t;
    return ST_OK;
}

/* One side of an rpc: `(stream a.B)`. */
static ST parse_message_type(parser_t *p, str_t *ret, bool *ret_streams)
{
    str_t word;
    TRY(proto_lex_require(&p->lex, '('));
    TRY(proto_lex_word(&p->lex, true, &word));
    *ret_streams = str_eq(word, STR("stream"));
    if (*ret_streams)
        TRY(proto_lex_word(&p->lex, true, &word));
    TRY(parse_type_name(p, word, ret));
    return proto_lex_require(&p->lex, ')');
}

static ST parse_method(parser_t *p, proto_method_t *ret)
{
    proto_lex_t *l = &p->lex;
    proto_method_t m = {.streams_request = false};
    str_t word;
    char open;
    bool body;
    TRY(proto_lex_name(l, true, &m.name, &open));
    TRY(parse_message_type(p, &m.request, &m.streams_request));
    TRY(proto_lex_word(l, true, &word));
    if (!str_eq(word, STR("returns")))
        return proto_lex_refuse(l, "expected 'returns'");
    TRY(parse_message_type(p, &m.response, &m.streams_response));
    TRY(proto_lex_take(l, '{', &body));
    if (!body)
        TRY(proto_lex_require(l, ';'));
    for (bool done = false, empty; body;) {
        TRY(proto_lex_take(l, '}', &done));
        if (done)
            break;
        TRY(proto_lex_take(l, ';', &empty));
        if (empty)
            continue;
        TRY(proto_lex_word(l, true, &word));
        if (!str_eq(word, STR("option")))
            return proto_lex_refuse(l, "unexpected label: " STR_FMT, STR_ARG(word));
        TRY(parse_option(p, &m.options));
    }
    *ret = m;
    return ST_OK;
}

static ST parse_service(parser_t *p, proto_service_t *ret)
{
    proto_lex_t *l = &p->lex;
    proto_service_t s = {.n_methods = 0};
    char open;
    TRY(proto_lex_name(l, true, &s.name, &open));
    TRY(proto_lex_require(l, '{'));
    for (bool done, empty;;) {
        str_t word;
        TRY(proto_lex_take(l, '}', &done));
        if (done)
            break;
        TRY(proto_lex_take(l, ';', &empty));
        if (empty)
            continue;
        TRY(proto_lex_word(l, true, &word));
        if (str_eq(word, STR("option"))) {
            TRY(parse_option(p, &s.options));
        } else if (str_eq(word, STR("rpc"))) {
            proto_method_t m;
            TRY(parse_method(p, &m));
            PUSH(p, &s, method, m);
        } else {
            return proto_lex_refuse(l, "unexpected label: " STR_FMT, STR_ARG(word));
        }
    }
    *ret = s;
    return ST_OK;
}

/* --- the file --- */

static ST parse_import(parser_t *p, proto_file_t *f)
{
    proto_lex_t *l = &p->lex;
    str_t name, word = STR("");
    char c;
    TRY(proto_lex_peek(l, &c));
    if (c != '"' && c != '\'')
        TRY(proto_lex_word(l, true, &word));
    bool public = str_eq(word, STR("public")), weak = str_eq(word, STR("weak"));
    if (word.len && !public && !weak)
        return proto_lex_refuse(l, "expected quoted string");
    TRY(proto_quoted_name_parse(&p->lex, &name));
    if (public)
        PUSH(p, f, public_import, name);
    else if (weak)
        PUSH(p, f, weak_import, name);
    else
        PUSH(p, f, import, name);
    return proto_lex_require(l, ';');
}

static ST parse_syntax(parser_t *p, proto_file_t *f, size_t at)
{
    proto_lex_t *l = &p->lex;
    str_t text;
    if (f->syntax != PROTO_UNSAID)
        return proto_lex_refuse(l, "too many syntax definitions");
    TRY(proto_lex_require(l, '='));
    if (at != 0)
        return proto_lex_refuse(l, "'syntax' element must be the first declaration in a file");
    TRY(proto_lex_string(l, &text));
    bool two = str_eq(text, STR("proto2"));
    if (!two && !str_eq(text, STR("proto3")))
        return proto_lex_refuse(l, "unexpected syntax: " STR_FMT, STR_ARG(text));
    f->syntax = p->syntax = two ? PROTO_2 : PROTO_3;
    return proto_lex_require(l, ';');
}

static ST check_new(parser_t *p, map_t *names, str_t name)
{
    if (map_put(names, name, p))
        return proto_lex_refuse(&p->lex, STR_FMT " is already defined", STR_ARG(name));
    return ST_OK;
}

/* Names of types, and apart from them of services, are used once in a file. */
typedef struct names {
    map_t types, services;
} names_t;

static ST parse_declaration(parser_t *p, proto_file_t *f, names_t *names, size_t at)
{
    proto_lex_t *l = &p->lex;
    str_t word;
    char open;
    TRY(proto_lex_word(l, true, &word));
    if (str_eq(word, STR("package"))) {
        TRY(proto_lex_name(l, true, &f->package, &open));
        return proto_lex_require(l, ';');
    }
    if (str_eq(word, STR("import")))
        return parse_import(p, f);
    if (str_eq(word, STR("syntax")))
        return parse_syntax(p, f, at);
    if (str_eq(word, STR("option")))
        return parse_option(p, &f->options);
    if (str_eq(word, STR("message")) || str_eq(word, STR("enum"))) {
        proto_type_t t;
        TRY(parse_type(p, word.ptr[0] == 'e', &t));
        TRY(check_new(p, &names->types, t.name));
        PUSH(p, f, type, t);
        return ST_OK;
    }
    if (str_eq(word, STR("service"))) {
        proto_service_t s;
        TRY(parse_service(p, &s));
        TRY(check_new(p, &names->services, s.name));
        PUSH(p, f, service, s);
        return ST_OK;
    }
    if (str_eq(word, STR("extend"))) {
        proto_extend_t e;
        TRY(parse_extend(p, &e));
        PUSH(p, f, extend, e);
        return ST_OK;
    }
    if (str_eq(word, STR("edition")))
        return proto_lex_refuse(l, "edition is not currently supported");
    return proto_lex_refuse(l, "unexpected label: " STR_FMT, STR_ARG(word));
}

static ST parse_file(parser_t *p, proto_file_t *f, names_t *names)
{
    for (bool end, empty;;) {
        TRY(proto_lex_end(&p->lex, &end));
        if (end)
            return ST_OK;
        if (arena_over(p->arena))
            return err_set(p->lex.err, ST_TOO_LARGE, "The Protobuf schema is too large");
        size_t at = p->n_declarations++;
        TRY(proto_lex_take(&p->lex, ';', &empty));
        if (!empty)
            TRY(parse_declaration(p, f, names, at));
    }
}

st_t proto_file_parse(arena_t *a, str_t text, const proto_file_t **ret, err_t *err)
{
    if (text.len > PROTO_TEXT_MAX)
        return err_set(err, ST_TOO_LARGE, "The Protobuf schema has more than %d bytes",
                       PROTO_TEXT_MAX);
    if (!text.len)
        text = STR("");
    parser_t p = {.lex = {a, text.ptr, text.ptr, text.ptr + text.len, err}, .arena = a};
    proto_file_t *f = ARENA_NEW(a, proto_file_t);
    names_t names;
    map_init(&names.types);
    map_init(&names.services);
    st_t st = parse_file(&p, f, &names);
    map_done(&names.types, NULL);
    map_done(&names.services, NULL);
    if (st == ST_OK)
        *ret = f;
    return st;
}
