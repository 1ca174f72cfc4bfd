#include "registry/json_differ.h"

#include "base/vec.h"

#define NONE SIZE_MAX

static const char *criterion(const jschema_t *s)
{
    return s->kind == JSCHEMA_ALL ? "allOf" : s->kind == JSCHEMA_ANY ? "anyOf" : "oneOf";
}

/* How the combination itself has changed; false when no branch need be looked at. */
static bool compare_criterion(jschema_differ_t *d, jschema_found_t *f, const jschema_t *o,
                              const jschema_t *u)
{
    bool single = o->n_subs == 1, now_single = u->n_subs == 1;
    if (o->kind == u->kind)
        return true;
    if (u->kind == JSCHEMA_ANY || (single && now_single) || (single && u->kind == JSCHEMA_ONE) ||
        (now_single && o->kind == JSCHEMA_ALL)) {
        jschema_add(d, f, STR(""), JSCHEMA_COMBINED_TYPE_EXTENDED);
        return true;
    }
    jschema_add(d, f, STR(""), JSCHEMA_COMBINED_TYPE_CHANGED);
    return false;
}

/* The branches without those that are written twice. */
static size_t branches(arena_t *a, const jschema_t *s, const jschema_t ***ret)
{
    map_t seen;
    buf_t b = BUF_INIT;
    size_t n = 0;
    const jschema_t **list = ARENA_ARRAY(a, const jschema_t *, s->n_subs);
    map_init(&seen);
    for (size_t i = 0; i < s->n_subs; i++) {
        const jschema_t *sub = s->sub[i];
        buf_clear(&b);
        buf_printf(&b, "%d %d ", (int)sub->kind, sub->integer);
        if (sub->json)
            jschema_put_text(&b, sub->json, true);
        if (!map_put(&seen, buf_str(&b), (void *)(uintptr_t)sub))
            list[n++] = sub;
    }
    map_done(&seen, NULL);
    buf_done(&b);
    *ret = list;
    return n;
}

/* Pairs of branches that fit, to find the most that can be matched one to one. */
typedef struct matching {
    size_t n_left, n_right;
    const jschema_found_t **edge; /* n_left x n_right; NULL: they do not fit */
    size_t *left_of;              /* of each right one; NONE */
    bool *tried;                  /* right ones, in this search */
} matching_t;

static bool find_partner(matching_t *m, size_t left)
{
    for (size_t right = 0; right < m->n_right; right++) {
        if (!m->edge[left * m->n_right + right] || m->tried[right])
            continue;
        m->tried[right] = true;
        if (m->left_of[right] == NONE || find_partner(m, m->left_of[right])) {
            m->left_of[right] = left;
            return true;
        }
    }
    return false;
}

static size_t match_most(matching_t *m)
{
    size_t n = 0;
    for (size_t right = 0; right < m->n_right; right++)
        m->left_of[right] = NONE;
    for (size_t left = 0; left < m->n_left; left++) {
        memset(m->tried, 0, m->n_right * sizeof *m->tried);
        n += find_partner(m, left);
    }
    return n;
}

static void add_size_change(jschema_differ_t *d, jschema_found_t *f, const jschema_t *o,
                            const jschema_t *u, size_t n_old, size_t n_new)
{
    if (n_old < n_new)
        jschema_add(d, f, STR(""),
                    u->kind == JSCHEMA_ALL ? JSCHEMA_PRODUCT_TYPE_EXTENDED
                                           : JSCHEMA_SUM_TYPE_EXTENDED);
    else if (n_old > n_new)
        jschema_add(d, f, STR(""),
                    o->kind == JSCHEMA_ALL ? JSCHEMA_PRODUCT_TYPE_NARROWED
                                           : JSCHEMA_SUM_TYPE_NARROWED);
}

#define EDGES_MAX 100000

void jschema_compare_combined(jschema_differ_t *d, jschema_found_t *f, const jschema_t *original,
                              const jschema_t *update)
{
    if (!compare_criterion(d, f, original, update))
        return;
    const jschema_t **o, **u;
    size_t n_old = branches(d->arena, original, &o), n_new = branches(d->arena, update, &u);
    add_size_change(d, f, original, update, n_old, n_new);
    if (n_new && n_old > EDGES_MAX / n_new) {
        d->cut = true;
        jschema_add(d, f, STR(""), JSCHEMA_COMBINED_TYPE_SUBSCHEMAS_CHANGED);
        return;
    }
    matching_t m = {n_old, n_new, ARENA_ARRAY(d->arena, const jschema_found_t *, n_old *n_new),
                    ARENA_ARRAY(d->arena, size_t, n_new), ARENA_ARRAY(d->arena, bool, n_new)};
    for (size_t i = 0; i < n_old; i++)
        for (size_t k = 0; k < n_new; k++) {
            const jschema_found_t *inside = jschema_compare(d, o[i], u[k]);
            m.edge[i * n_new + k] = inside->forbids ? NULL : inside;
        }
    size_t matched = match_most(&m);
    for (size_t k = 0; k < n_new; k++)
        if (m.left_of[k] != NONE)
            jschema_add_found(d, f,
                              arena_printf(d->arena, "%s/%zu", criterion(original), m.left_of[k]),
                              m.edge[m.left_of[k] * n_new + k]);
    if (matched < (n_old < n_new ? n_old : n_new))
        jschema_add(d, f, STR(""), JSCHEMA_COMBINED_TYPE_SUBSCHEMAS_CHANGED);
}
