#include "registry/json_differ.h"

#include "registry/difference.h"

#define PAIRS_MAX  100000
#define DEPTH_MAX  2000
#define VISITS_MAX 100000
#define HOPS_MAX   64 /* from $ref to $ref */

enum { LENIENT = 2 };

static const struct {
    const char *name;
    int fits; /* true, false or LENIENT */
    const char *message;
} changes[] = {
#define DIFF(type, fits, message) {#type, fits, message},
#include "registry/json_diffs.def"
#undef DIFF
};

static const jschema_found_t nothing;

const char *jschema_change_name(jschema_change_t c)
{
    return changes[c].name;
}

static bool fits(unsigned flags, jschema_change_t c)
{
    return changes[c].fits == true || (changes[c].fits == LENIENT && flags & JSCHEMA_DIFF_LENIENT);
}

str_t jschema_difference_text(arena_t *a, jschema_difference_t d, const char *reader,
                              const char *writer)
{
    return difference_text(a, changes[d.change].name, changes[d.change].message, d.path, reader,
                           writer, "'}");
}

static void append(jschema_differ_t *d, jschema_found_t *to, jschema_finding_t value)
{
    jschema_finding_t *f = ARENA_NEW(d->arena, jschema_finding_t);
    *f = value;
    if (to->last)
        to->last->next = f;
    else
        to->first = f;
    to->last = f;
}

void jschema_add(jschema_differ_t *d, jschema_found_t *to, str_t path, jschema_change_t change)
{
    append(d, to, (jschema_finding_t){.path = path, .change = change});
    to->forbids |= !fits(d->flags, change);
}

void jschema_add_found(jschema_differ_t *d, jschema_found_t *to, str_t path,
                       const jschema_found_t *inside)
{
    if (inside->first)
        append(d, to, (jschema_finding_t){.path = path, .inside = inside});
    to->forbids |= inside->forbids;
}

static bool is_combined(const jschema_t *s)
{
    return s->kind == JSCHEMA_ALL || s->kind == JSCHEMA_ANY || s->kind == JSCHEMA_ONE;
}

/* A single schema becomes a combined one that has it among its branches. */
static bool fits_a_branch(jschema_differ_t *d, jschema_found_t *f, const jschema_t *o,
                          const jschema_t *u)
{
    if (u->n_subs != 1 && u->kind == JSCHEMA_ALL)
        return false;
    for (size_t i = 0; i < u->n_subs; i++) {
        const jschema_found_t *inside = jschema_compare(d, o, u->sub[i]);
        if (inside->forbids)
            continue;
        jschema_add_found(d, f, STR(""), inside);
        if (u->n_subs != 1)
            jschema_add(d, f, STR(""), JSCHEMA_SUM_TYPE_EXTENDED);
        return true;
    }
    return false;
}

/* A combined schema becomes one that takes what one of the branches of its allOf took. */
static bool fits_from_branch(jschema_differ_t *d, jschema_found_t *f, const jschema_t *o,
                             const jschema_t *u)
{
    if (o->n_subs != 1 && o->kind != JSCHEMA_ALL)
        return false;
    for (size_t i = 0; i < o->n_subs; i++) {
        const jschema_found_t *inside = jschema_compare(d, o->sub[i], u);
        if (inside->forbids)
            continue;
        jschema_add_found(d, f, STR(""), inside);
        if (o->n_subs != 1)
            jschema_add(d, f, STR(""), JSCHEMA_PRODUCT_TYPE_NARROWED);
        return true;
    }
    return false;
}

/* Connect's converter has written decimals once as one type and once as another. */
static bool is_bytes(const jschema_t *s)
{
    return str_eq(json_get_text(s->json, "connect.type", STR("")), STR("bytes"));
}

static void compare_not(jschema_differ_t *d, jschema_found_t *f, const jschema_t *o,
                        const jschema_t *u)
{
    bool narrower = !jschema_compare(d, u->sub[0], o->sub[0])->forbids;
    jschema_add(d, f, STR("not"), narrower ? JSCHEMA_NOT_TYPE_NARROWED : JSCHEMA_NOT_TYPE_EXTENDED);
}

static void compare_nodes(jschema_differ_t *d, jschema_found_t *f, const jschema_t *o,
                          const jschema_t *u)
{
    if (!is_combined(o) && is_combined(u) && fits_a_branch(d, f, o, u))
        return;
    if (is_combined(o) && !is_combined(u) && fits_from_branch(d, f, o, u))
        return;
    if (o->kind != u->kind && !(is_combined(o) && is_combined(u))) {
        bool taken = o->kind == JSCHEMA_NOTHING || u->kind == JSCHEMA_ANYTHING ||
                     (is_bytes(o) && is_bytes(u));
        if (!taken)
            jschema_add(d, f, STR(""), JSCHEMA_TYPE_CHANGED);
        return;
    }
    if (is_combined(o))
        jschema_compare_combined(d, f, o, u);
    else if (o->kind == JSCHEMA_NOT)
        compare_not(d, f, o, u);
    else if (o->kind == JSCHEMA_OBJECT)
        jschema_compare_object(d, f, o, u);
    else if (o->kind == JSCHEMA_ARRAY)
        jschema_compare_array(d, f, o, u);
    else
        jschema_compare_bounds(d, f, o, u);
}

static const jschema_found_t *one_change(jschema_differ_t *d, jschema_change_t change)
{
    jschema_found_t *f = ARENA_NEW(d->arena, jschema_found_t);
    jschema_add(d, f, STR(""), change);
    return f;
}

/* What a $ref stands for, or the node itself; a $ref to itself stays one. */
static const jschema_t *target_of(const jschema_t *s)
{
    for (int i = 0; s && s->kind == JSCHEMA_REF && i < HOPS_MAX; i++)
        s = s->sub[0];
    return s;
}

const jschema_found_t *jschema_compare(jschema_differ_t *d, const jschema_t *original,
                                       const jschema_t *update)
{
    if (!original && !update)
        return &nothing;
    if (!original || !update)
        return one_change(d, original ? JSCHEMA_SCHEMA_REMOVED : JSCHEMA_SCHEMA_ADDED);
    const jschema_t *pair[2] = {target_of(original), target_of(update)};
    str_t key = str_n((const char *)pair, sizeof pair);
    const jschema_found_t *before = map_get(&d->done, key);
    if (before)
        return before;
    if (map_get(&d->open, key)) {
        /* A pair inside of itself forbids if it is known to, else what is around it decides. */
        before = map_get(&d->known, key);
        d->guessed |= !before;
        return before ? before : &nothing;
    }
    if (d->n_pairs >= PAIRS_MAX || d->depth >= DEPTH_MAX || arena_over(d->arena)) {
        d->cut = true;
        return one_change(d, JSCHEMA_TYPE_CHANGED);
    }
    jschema_found_t *f = ARENA_NEW(d->arena, jschema_found_t);
    d->n_pairs++;
    d->depth++;
    map_put(&d->open, key, f);
    compare_nodes(d, f, pair[0], pair[1]);
    map_remove(&d->open, key);
    d->depth--;
    map_put(&d->done, key, f);
    return f;
}

typedef struct flattener {
    arena_t *arena;
    jschema_differences_t *to;
    unsigned flags;
    size_t n_visits;
} flattener_t;

static void flatten(flattener_t *fl, const jschema_found_t *f, str_t path)
{
    for (const jschema_finding_t *i = f->first; i; i = i->next) {
        bool forbids = i->inside ? i->inside->forbids : !fits(fl->flags, i->change);
        if ((!(fl->flags & JSCHEMA_DIFF_ALL) && !forbids) ||
            fl->to->list.len >= JSCHEMA_DIFFERENCES_MAX || fl->n_visits++ >= VISITS_MAX)
            continue;
        str_t at = path;
        if (i->path.len)
            at = arena_printf(fl->arena, STR_FMT "%s" STR_FMT, STR_ARG(path),
                              path.len > 2 ? "/" : "", STR_ARG(i->path));
        if (i->inside)
            flatten(fl, i->inside, at);
        else
            VEC_PUSH(&fl->to->list, (jschema_difference_t){i->change, at});
    }
}

/* Moves what forbids from the pass that ended to what is known; false when nothing new came. */
static bool learn(jschema_differ_t *d)
{
    bool more = false;
    for (map_entry_t *e = NULL; (e = map_next(&d->done, e));) {
        const jschema_found_t *f = e->value;
        if (f->forbids && !map_put(&d->known, e->key, e->value))
            more = true;
    }
    return more;
}

void jschema_diff(arena_t *a, const jschema_t *original, const jschema_t *update, unsigned flags,
                  jschema_differences_t *ret)
{
    jschema_differ_t d = {.arena = a, .flags = flags};
    const jschema_found_t *f;
    map_init(&d.known);
    do {
        map_init(&d.done);
        map_init(&d.open);
        d.guessed = false;
        f = jschema_compare(&d, original, update);
        bool again = d.guessed && !d.cut && learn(&d);
        map_done(&d.done, NULL);
        map_done(&d.open, NULL);
        d.guessed = again;
    } while (d.guessed);
    map_done(&d.known, NULL);
    *ret = (jschema_differences_t){.cut = d.cut};
    flatten(&(flattener_t){.arena = a, .to = ret, .flags = flags}, f, STR("#/"));
}
