#include "format/proto_scope.h"

static const struct {
    const char *name, *text;
} known[] = {
#define KNOWN(name, text) {name, text},
#include "format/proto_known.def"
#undef KNOWN
};

static const char *const known_packages[] = {"google.protobuf.", "google.type.", "confluent."};

void proto_scope_init(proto_scope_t *s, arena_t *a)
{
    *s = (proto_scope_t){.arena = a};
    map_init(&s->types);
    map_init(&s->extensions);
    map_init(&s->names);
}

void proto_scope_done(proto_scope_t *s)
{
    map_done(&s->types, NULL);
    map_done(&s->extensions, NULL);
    map_done(&s->names, NULL);
}

str_t proto_join(arena_t *a, str_t outer, str_t name)
{
    if (!outer.len)
        return name;
    return arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(outer), STR_ARG(name));
}

/* A file that is being added: what is there already is replaced unless it is a known one. */
typedef struct adder {
    proto_scope_t *scope;
    str_t package;
    bool own, known;
} adder_t;

static void add_extends(const adder_t *a, str_t within, const proto_extend_t *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < e[i].n_fields; k++) {
            str_t full = proto_join(a->scope->arena, within, e[i].field[k].name);
            if (!a->known || !map_get(&a->scope->extensions, full))
                map_put(&a->scope->extensions, full, &e[i].field[k]);
        }
}

static void add_types(const adder_t *a, str_t within, const proto_type_t *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str_t full = proto_join(a->scope->arena, within, t[i].name);
        proto_named_t *named = ARENA_NEW(a->scope->arena, proto_named_t);
        *named = (proto_named_t){full, a->package, &t[i], a->own};
        if (!a->known || !map_get(&a->scope->types, full))
            map_put(&a->scope->types, full, named);
        add_extends(a, full, t[i].extend, t[i].n_extends);
        add_types(a, full, t[i].type, t[i].n_types);
    }
}

static void add(proto_scope_t *s, const proto_file_t *f, bool own, bool is_known)
{
    adder_t a = {s, f->package, own, is_known};
    add_extends(&a, f->package, f->extend, f->n_extends);
    add_types(&a, f->package, f->type, f->n_types);
}

void proto_scope_add(proto_scope_t *s, str_t name, const proto_file_t *f)
{
    map_put(&s->names, name, s);
    add(s, f, false, false);
}

void proto_scope_own(proto_scope_t *s, const proto_file_t *f)
{
    s->package = f->package;
    add(s, f, true, false);
}

/* The well-known files are read when someone asks for a name of their packages. */
static void add_known(proto_scope_t *s)
{
    s->has_known = true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const proto_file_t *f;
        if (map_get(&s->names, str_of(known[i].name)))
            continue;
        st_t st = proto_file_parse(s->arena, str_of(known[i].text), &f, NULL);
        ASSERT(st == ST_OK);
        add(s, f, false, true);
    }
}

static void *look_up(proto_scope_t *s, map_t *in, str_t full)
{
    void *found = map_get(in, full);
    for (size_t i = 0; !found && !s->has_known && i < 3; i++)
        if (str_starts(full, str_of(known_packages[i]))) {
            add_known(s);
            found = map_get(in, full);
        }
    return found;
}

static ptrdiff_t last_dot(str_t s)
{
    for (size_t i = s.len; i-- > 0;)
        if (s.ptr[i] == '.')
            return (ptrdiff_t)i;
    return -1;
}

static void *resolve(proto_scope_t *s, map_t *in, str_t within, str_t name, str_t *ret_full)
{
    if (str_starts(name, STR("."))) {
        *ret_full = str_sub(name, 1, name.len);
        return look_up(s, in, *ret_full);
    }
    for (;;) {
        *ret_full = proto_join(s->arena, within, name);
        void *found = look_up(s, in, *ret_full);
        if (found || !within.len || arena_over(s->arena))
            return found;
        ptrdiff_t dot = last_dot(within);
        within = dot < 0 ? STR("") : str_sub(within, 0, (size_t)dot);
    }
}

const proto_named_t *proto_scope_type(proto_scope_t *s, str_t within, str_t name)
{
    str_t full;
    return resolve(s, &s->types, within, name, &full);
}

const proto_field_t *proto_scope_extension(proto_scope_t *s, str_t within, str_t name,
                                           str_t *ret_full)
{
    return resolve(s, &s->extensions, within, name, ret_full);
}
