#include "registry/proto_diff.h"

#include "base/map.h"
#include "registry/difference.h"

#define STEPS_MAX 200000 /* pairs of fields */
#define DEPTH_MAX 100    /* messages of other files, one inside the other */

static const struct {
    const char *name;
    bool fits;
    const char *message;
} changes[] = {
#define DIFF(type, fits, message) {#type, fits, message},
#include "registry/proto_diffs.def"
#undef DIFF
};

typedef struct differ {
    arena_t *arena;
    proto_scope_t *old_scope, *new_scope;
    proto_differences_t *to;
    size_t n_steps;
    bool forbids; /* something found does not fit */
} differ_t;

/* Where two messages are compared. `open` leads to those around it. */
typedef struct place {
    str_t path;           /* "#/A/B", or "#" */
    str_t old_in, new_in; /* full names of the message on each side */
    const struct place *up;
    const proto_type_t *open; /* the old message, while its fields are compared */
    int depth;
} place_t;

static void compare_types(differ_t *d, const place_t *at, const proto_type_t *o, size_t n_old,
                          const proto_type_t *u, size_t n_new);
static void compare_field_types(differ_t *d, const place_t *at, str_t path, const proto_field_t *o,
                                const proto_field_t *u);

const char *proto_change_name(proto_change_t c)
{
    return changes[c].name;
}

bool proto_change_fits(proto_change_t c)
{
    return changes[c].fits;
}

str_t proto_difference_text(arena_t *a, proto_difference_t d, const char *reader,
                            const char *writer)
{
    return difference_text(a, changes[d.change].name, changes[d.change].message, d.path, reader,
                           writer, "\"}");
}

static void add(differ_t *d, str_t path, proto_change_t change)
{
    d->forbids |= !changes[change].fits;
    if (d->to->list.len < PROTO_DIFFERENCES_MAX)
        VEC_PUSH(&d->to->list, (proto_difference_t){change, path});
}

static str_t below(differ_t *d, str_t path, str_t name)
{
    return arena_printf(d->arena, STR_FMT "/" STR_FMT, STR_ARG(path), STR_ARG(name));
}

static str_t below_number(differ_t *d, str_t path, int32_t number)
{
    return arena_printf(d->arena, STR_FMT "/%d", STR_ARG(path), number);
}

/* --- types of fields --- */

typedef enum kind { KIND_SCALAR, KIND_MAP, KIND_MESSAGE } kind_t;

/* What a type's name stands for on one side. */
typedef struct meaning {
    kind_t kind;
    str_t type; /* of a map: "map<…>" even where entries were written as a message */
    str_t key, value;
    const proto_named_t *named; /* NULL: a scalar, a map or unknown */
} meaning_t;

static meaning_t meaning_of(proto_scope_t *s, str_t within, str_t type)
{
    meaning_t m = {.kind = KIND_SCALAR, .type = type};
    if (proto_is_map(type, &m.key, &m.value)) {
        m.kind = KIND_MAP;
        return m;
    }
    if (proto_is_scalar(type))
        return m;
    m.named = proto_scope_type(s, within, type);
    m.kind = m.named && m.named->type->is_enum ? KIND_SCALAR : KIND_MESSAGE;
    if (m.named && proto_is_entry(m.named->type)) {
        const proto_field_t *key = proto_field_find(m.named->type, STR("key"));
        const proto_field_t *value = proto_field_find(m.named->type, STR("value"));
        if (key && value) {
            m.kind = KIND_MAP;
            m.key = key->type;
            m.value = value->type;
        }
    }
    return m;
}

/* Scalars whose encoding is one: they can be read for one another. */
static const char *scalar_group(const meaning_t *m)
{
    static const struct {
        const char *type, *group;
    } groups[] = {
        {"int32", "number"},     {"int64", "number"},     {"uint32", "number"},
        {"uint64", "number"},    {"bool", "number"},      {"sint32", "signed"},
        {"sint64", "signed"},    {"string", "string"},    {"bytes", "string"},
        {"fixed32", "fixed32"},  {"sfixed32", "fixed32"}, {"fixed64", "fixed64"},
        {"sfixed64", "fixed64"}, {"float", "float"},      {"double", "double"},
    };
    if (m->named)
        return "number"; /* an enum */
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (str_eq(m->type, str_of(groups[i].type)))
            return groups[i].group;
    return "";
}

static void compare_scalars(differ_t *d, str_t path, const meaning_t *o, const meaning_t *u,
                            proto_label_t old_label, proto_label_t new_label)
{
    const char *group = scalar_group(o);
    if (strcmp(group, scalar_group(u)) != 0) {
        add(d, path, PROTO_DIFF_FIELD_SCALAR_KIND_CHANGED);
        return;
    }
    if (old_label == PROTO_PLAIN || new_label == PROTO_PLAIN || old_label == new_label)
        return;
    add(d, path,
        strcmp(group, "string") == 0 ? PROTO_DIFF_FIELD_STRING_OR_BYTES_LABEL_CHANGED
                                     : PROTO_DIFF_FIELD_NUMERIC_LABEL_CHANGED);
}

static str_t without_package(const proto_named_t *n)
{
    if (!n->package.len || n->full.len <= n->package.len + 1 || !str_starts(n->full, n->package))
        return n->full;
    return str_sub(n->full, n->package.len + 1, n->full.len);
}

static void compare_messages(differ_t *d, const place_t *at, const proto_type_t *o,
                             const proto_type_t *u);

/* Messages of other files are compared where they are used; those of the file itself are compared
 * once, with their file. */
static void compare_named(differ_t *d, const place_t *at, str_t path, const meaning_t *o,
                          const meaning_t *u)
{
    if (!o->named || !u->named) {
        if (!str_eq(o->type, u->type))
            add(d, path, PROTO_DIFF_FIELD_NAMED_TYPE_CHANGED);
        return;
    }
    str_t name = without_package(o->named);
    if (!str_eq(name, without_package(u->named))) {
        add(d, path, PROTO_DIFF_FIELD_NAMED_TYPE_CHANGED);
        return;
    }
    if ((o->named->own && u->named->own) || o->named->type == u->named->type)
        return;
    if (at->depth >= DEPTH_MAX) {
        d->to->cut = true;
        return;
    }
    bool before = d->forbids;
    str_t inside = arena_printf(d->arena, "#/" STR_FMT, STR_ARG(name));
    for (size_t i = 1; i < inside.len; i++)
        if (inside.ptr[i] == '.')
            ((char *)(uintptr_t)inside.ptr)[i] = '/';
    place_t place = {inside, o->named->full, u->named->full, at, NULL, at->depth + 1};
    d->forbids = false;
    compare_messages(d, &place, o->named->type, u->named->type);
    if (d->forbids)
        add(d, path, PROTO_DIFF_FIELD_NAMED_TYPE_CHANGED);
    d->forbids |= before;
}

static void compare_meanings(differ_t *d, const place_t *at, str_t path, str_t old_type,
                             str_t new_type, proto_label_t old_label, proto_label_t new_label)
{
    meaning_t o = meaning_of(d->old_scope, at->old_in, old_type);
    meaning_t u = meaning_of(d->new_scope, at->new_in, new_type);
    if (++d->n_steps > STEPS_MAX || arena_over(d->arena)) {
        d->to->cut = true;
        return;
    }
    if (o.kind != u.kind) {
        add(d, path, PROTO_DIFF_FIELD_KIND_CHANGED);
    } else if (o.kind == KIND_SCALAR) {
        compare_scalars(d, path, &o, &u, old_label, new_label);
    } else if (o.kind == KIND_MESSAGE) {
        compare_named(d, at, path, &o, &u);
    } else {
        place_t inside = *at;
        if (++inside.depth > DEPTH_MAX)
            return;
        compare_meanings(d, &inside, path, o.key, u.key, PROTO_PLAIN, PROTO_PLAIN);
        compare_meanings(d, &inside, path, o.value, u.value, PROTO_PLAIN, PROTO_PLAIN);
    }
}

static void compare_field_types(differ_t *d, const place_t *at, str_t path, const proto_field_t *o,
                                const proto_field_t *u)
{
    if (!str_eq(o->name, u->name))
        add(d, path, PROTO_DIFF_FIELD_NAME_CHANGED);
    compare_meanings(d, at, path, o->type, u->type, o->label, u->label);
}

/* --- fields of a message --- */

/* A field of a message, in a oneof or not. */
typedef struct member {
    int32_t number;
    const proto_field_t *field;
    const proto_oneof_t *oneof; /* NULL: none */
    size_t at;
} member_t;

typedef VEC(member_t) members_t;

static int by_number(const void *a, const void *b)
{
    const member_t *x = a, *y = b;
    int by = (x->number > y->number) - (x->number < y->number);
    return by ? by : (x->at > y->at) - (x->at < y->at);
}

/* By number; of two with one number the last counts. */
static void members_of(const proto_type_t *t, members_t *m)
{
    for (size_t i = 0; i < t->n_fields; i++)
        VEC_PUSH(m, (member_t){t->field[i].number, &t->field[i], NULL, m->len});
    for (size_t i = 0; i < t->n_oneofs; i++)
        for (size_t k = 0; k < t->oneof[i].n_fields; k++) {
            const proto_field_t *f = &t->oneof[i].field[k];
            VEC_PUSH(m, (member_t){f->number, f, &t->oneof[i], m->len});
        }
    if (m->len)
        qsort(m->ptr, m->len, sizeof *m->ptr, by_number);
    size_t n = 0;
    for (size_t i = 0; i < m->len; i++) {
        if (n && m->ptr[n - 1].number == m->ptr[i].number)
            n--;
        m->ptr[n++] = m->ptr[i];
    }
    m->len = n;
}

static const member_t *member_find(const members_t *m, int32_t number)
{
    size_t low = 0, high = m->len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->ptr[mid].number == number)
            return &m->ptr[mid];
        if (m->ptr[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* Both messages by number and by their oneofs' names. */
typedef struct compared {
    members_t old, new;
    map_t old_oneofs, new_oneofs;
} compared_t;

static void put_oneofs(map_t *m, const proto_type_t *t)
{
    map_init(m);
    for (size_t i = 0; i < t->n_oneofs; i++)
        map_put(m, t->oneof[i].name, &t->oneof[i]);
}

/* A oneof that went with all of its fields. */
static bool went_whole(const proto_oneof_t *o, const compared_t *c)
{
    if (map_get(&c->new_oneofs, o->name))
        return false;
    for (size_t i = 0; i < o->n_fields; i++)
        if (member_find(&c->new, o->field[i].number))
            return false;
    return true;
}

/* Fields that could be set together before and now exclude one another. */
static void compare_exclusion(differ_t *d, str_t path, const proto_oneof_t *o, const members_t *old)
{
    const proto_oneof_t *first = NULL;
    size_t n_groups = 0, n_plain = 0;
    for (size_t i = 0; i < o->n_fields; i++) {
        const member_t *was = member_find(old, o->field[i].number);
        if (!was)
            continue;
        if (!was->oneof) {
            n_plain++;
        } else if (!first || !str_eq(first->name, was->oneof->name)) {
            n_groups++;
            first = was->oneof;
        }
    }
    if (n_groups + n_plain > 1)
        add(d, below(d, path, o->name),
            n_plain > 1 ? PROTO_DIFF_MULTIPLE_FIELDS_MOVED_TO_ONEOF
                        : PROTO_DIFF_FIELD_MOVED_TO_EXISTING_ONEOF);
}

static void compare_oneofs(differ_t *d, str_t path, const proto_type_t *o, const proto_type_t *u,
                           const compared_t *c)
{
    for (size_t i = 0; i < u->n_oneofs; i++)
        compare_exclusion(d, path, &u->oneof[i], &c->old);
    for (size_t i = 0; i < o->n_oneofs; i++)
        if (!map_get(&c->new_oneofs, o->oneof[i].name))
            add(d, below(d, path, o->oneof[i].name), PROTO_DIFF_ONEOF_REMOVED);
    for (size_t i = 0; i < u->n_oneofs; i++)
        if (!map_get(&c->old_oneofs, u->oneof[i].name))
            add(d, below(d, path, u->oneof[i].name), PROTO_DIFF_ONEOF_ADDED);
}

static str_t member_path(differ_t *d, str_t path, const member_t *m)
{
    return below_number(d, m->oneof ? below(d, path, m->oneof->name) : path, m->number);
}

static void field_removed(differ_t *d, str_t path, const member_t *o, const compared_t *c)
{
    if (!o->oneof)
        add(d, path,
            o->field->label == PROTO_REQUIRED ? PROTO_DIFF_REQUIRED_FIELD_REMOVED
                                              : PROTO_DIFF_FIELD_REMOVED);
    else if (!went_whole(o->oneof, c))
        add(d, path, PROTO_DIFF_ONEOF_FIELD_REMOVED);
}

static void field_added(differ_t *d, str_t path, const member_t *u)
{
    if (u->oneof)
        add(d, path, PROTO_DIFF_ONEOF_FIELD_ADDED);
    else
        add(d, path,
            u->field->label == PROTO_REQUIRED ? PROTO_DIFF_REQUIRED_FIELD_ADDED
                                              : PROTO_DIFF_FIELD_ADDED);
}

static void compare_members(differ_t *d, const place_t *at, const compared_t *c)
{
    const members_t *old = &c->old, *new = &c->new;
    for (size_t i = 0, k = 0; i < old->len || k < new->len;) {
        const member_t *o = i < old->len ? &old->ptr[i] : NULL;
        const member_t *u = k < new->len ? &new->ptr[k] : NULL;
        bool has_old = o && (!u || o->number <= u->number);
        bool has_new = u && (!o || u->number <= o->number);
        i += has_old;
        k += has_new;
        if (!has_new) {
            field_removed(d, member_path(d, at->path, o), o, c);
        } else if (!has_old) {
            field_added(d, member_path(d, at->path, u), u);
        } else {
            str_t path = member_path(d, at->path, u);
            if (o->oneof && !u->oneof)
                add(d, path, PROTO_DIFF_ONEOF_FIELD_MOVED_TO_TOP_LEVEL);
            compare_field_types(d, at, path, o->field, u->field);
        }
    }
}

static bool is_open(const place_t *at, const proto_type_t *t)
{
    for (; at; at = at->up)
        if (at->open == t)
            return true;
    return false;
}

static void compare_messages(differ_t *d, const place_t *at, const proto_type_t *o,
                             const proto_type_t *u)
{
    place_t here = *at;
    if (!is_open(at, o)) {
        compared_t c = {.old = {0}};
        here.open = o;
        members_of(o, &c.old);
        members_of(u, &c.new);
        put_oneofs(&c.old_oneofs, o);
        put_oneofs(&c.new_oneofs, u);
        compare_oneofs(d, at->path, o, u, &c);
        compare_members(d, &here, &c);
        VEC_DONE(&c.old);
        VEC_DONE(&c.new);
        map_done(&c.old_oneofs, NULL);
        map_done(&c.new_oneofs, NULL);
    }
    compare_types(d, &here, o->type, o->n_types, u->type, u->n_types);
}

/* --- types of a file or a message --- */

static void compare_constants(differ_t *d, str_t path, const proto_type_t *o, const proto_type_t *u)
{
    map_t old, new;
    map_init(&old);
    map_init(&new);
    for (size_t i = 0; i < o->n_constants; i++)
        map_put(&old, str_n(&o->constant[i].number, sizeof(int32_t)), &o->constant[i]);
    for (size_t i = 0; i < u->n_constants; i++)
        map_put(&new, str_n(&u->constant[i].number, sizeof(int32_t)), &u->constant[i]);
    for (map_entry_t *e = NULL; (e = map_next(&old, e));) {
        const proto_constant_t *was = e->value, *is = map_get(&new, e->key);
        if (!is)
            add(d, below_number(d, path, was->number), PROTO_DIFF_ENUM_CONST_REMOVED);
        else if (!str_eq(is->name, was->name))
            add(d, below_number(d, path, was->number), PROTO_DIFF_ENUM_CONST_CHANGED);
    }
    for (map_entry_t *e = NULL; (e = map_next(&new, e));) {
        const proto_constant_t *is = e->value;
        if (!map_get(&old, e->key))
            add(d, below_number(d, path, is->number), PROTO_DIFF_ENUM_CONST_ADDED);
    }
    map_done(&old, NULL);
    map_done(&new, NULL);
}

/* A type among those of its file or message, and which message of them it is. */
typedef struct listed {
    const proto_type_t *type;
    size_t index;
} listed_t;

/* The messages or the enums by name; of two with one name the last counts. */
static listed_t *list_types(differ_t *d, const proto_type_t *t, size_t n, bool enums, map_t *m)
{
    listed_t *listed = ARENA_ARRAY(d->arena, listed_t, n);
    size_t index = 0;
    map_init(m);
    for (size_t i = 0; i < n; i++)
        if (t[i].is_enum == enums) {
            listed[i] = (listed_t){&t[i], index++};
            map_put(m, t[i].name, &listed[i]);
        }
    return listed;
}

static void compare_listed(differ_t *d, const place_t *at, const listed_t *o, const listed_t *u)
{
    const proto_type_t *any = o ? o->type : u->type;
    place_t here = *at;
    here.up = at;
    here.open = NULL;
    here.path = below(d, at->path, any->name);
    here.old_in = proto_join(d->arena, at->old_in, any->name);
    here.new_in = proto_join(d->arena, at->new_in, any->name);
    if (any->is_enum) {
        if (o && u)
            compare_constants(d, here.path, o->type, u->type);
        else
            add(d, here.path, u ? PROTO_DIFF_ENUM_ADDED : PROTO_DIFF_ENUM_REMOVED);
        return;
    }
    if (o && u) {
        compare_messages(d, &here, o->type, u->type);
        if (o->index != u->index)
            add(d, here.path, PROTO_DIFF_MESSAGE_MOVED);
    } else if (!proto_is_entry(any)) {
        add(d, here.path, u ? PROTO_DIFF_MESSAGE_ADDED : PROTO_DIFF_MESSAGE_REMOVED);
    }
}

static void compare_types(differ_t *d, const place_t *at, const proto_type_t *o, size_t n_old,
                          const proto_type_t *u, size_t n_new)
{
    for (int enums = 0; enums < 2; enums++) {
        map_t old, new;
        list_types(d, o, n_old, enums, &old);
        list_types(d, u, n_new, enums, &new);
        for (map_entry_t *e = NULL; (e = map_next(&old, e));)
            compare_listed(d, at, e->value, map_get(&new, e->key));
        for (map_entry_t *e = NULL; (e = map_next(&new, e));)
            if (!map_get(&old, e->key))
                compare_listed(d, at, NULL, e->value);
        map_done(&old, NULL);
        map_done(&new, NULL);
    }
}

void proto_diff(arena_t *a, proto_side_t original, proto_side_t update, proto_differences_t *ret)
{
    differ_t d = {.arena = a, .old_scope = original.scope, .new_scope = update.scope, .to = ret};
    place_t root = {
        .path = STR("#"), .old_in = original.file->package, .new_in = update.file->package};
    *ret = (proto_differences_t){.cut = false};
    if (!str_eq(original.file->package, update.file->package))
        add(&d, STR("#/"), PROTO_DIFF_PACKAGE_CHANGED);
    compare_types(&d, &root, original.file->type, original.file->n_types, update.file->type,
                  update.file->n_types);
}
