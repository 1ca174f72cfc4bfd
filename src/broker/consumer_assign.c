/* consumer_assign.c: who shall read which partition. Each gives the same for the same input. */
#include "broker/consumer_group.h"

const char *consumer_assignor_find(str_t name)
{
    static const char *const names[] = {"uniform", "range"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_of(names[i])))
            return names[i];
    return NULL;
}

/* ---- range: of each topic a run of partitions to each member, in the order of their ids */

static void assign_range(const consumer_group_t *g, consumer_topic_t *t)
{
    int32_t readers = 0, at = 0, p = 0;
    for (size_t i = 0; i < g->members.len; i++)
        readers += consumer_member_wants(g->members.ptr[i], t->name);
    for (size_t i = 0; i < g->members.len; i++) {
        if (!consumer_member_wants(g->members.ptr[i], t->name))
            continue;
        int32_t n = t->partitions / readers + (at++ < t->partitions % readers);
        while (n-- > 0)
            t->target[p++] = g->members.ptr[i];
    }
}

/* ---- uniform: as even as can be over all topics; nothing moves that need not */

/* Of those who want the topic. NULL: nobody does. */
static consumer_member_t *least_loaded(consumer_member_t *const *reader, size_t n)
{
    consumer_member_t *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (!best || reader[i]->load < best->load)
            best = reader[i];
    return best;
}

static void keep(consumer_topic_t *t)
{
    for (int32_t p = 0; p < t->partitions; p++) {
        consumer_member_t *m = t->target[p];
        if (m && consumer_member_wants(m, t->name))
            m->load++;
        else
            t->target[p] = NULL;
    }
}

/* Gives what is nobody's; then from who has too much to who has less. False: all is even. */
static bool level(consumer_topic_t *t, consumer_member_t *const *reader, size_t n)
{
    bool moved = false;
    for (int32_t p = 0; p < t->partitions; p++) {
        consumer_member_t *to = least_loaded(reader, n), *from = t->target[p];
        if (!to || (from && from->load <= to->load + 1))
            continue;
        if (from)
            from->load--;
        to->load++;
        t->target[p] = to;
        moved = true;
    }
    return moved;
}

static void assign_uniform(consumer_group_t *g)
{
    consumer_member_t **reader = mem_alloc((g->members.len + 1) * sizeof(consumer_member_t *));
    for (size_t i = 0; i < g->members.len; i++)
        g->members.ptr[i]->load = 0;
    for (size_t i = 0; i < g->topics.len; i++)
        keep(&g->topics.ptr[i]);
    for (bool moved = true; moved;) { /* ends: each move makes the sum of squares less */
        moved = false;
        for (size_t i = 0; i < g->topics.len; i++) {
            size_t n = 0;
            for (size_t k = 0; k < g->members.len; k++)
                if (consumer_member_wants(g->members.ptr[k], g->topics.ptr[i].name))
                    reader[n++] = g->members.ptr[k];
            moved |= level(&g->topics.ptr[i], reader, n);
        }
    }
    free(reader);
}

/* Without a majority's word the first. */
const char *consumer_assignor_choose(const consumer_group_t *g)
{
    size_t range = 0, uniform = 0;
    for (size_t i = 0; i < g->members.len; i++) {
        range += str_eq(g->members.ptr[i]->assignor, STR("range"));
        uniform += str_eq(g->members.ptr[i]->assignor, STR("uniform"));
    }
    return consumer_assignor_find(range > uniform ? STR("range") : STR("uniform"));
}

void consumer_group_assign(consumer_group_t *g)
{
    g->assignor = consumer_assignor_choose(g);
    if (str_eq(str_of(g->assignor), STR("uniform"))) {
        assign_uniform(g);
        return;
    }
    for (size_t i = 0; i < g->topics.len; i++) {
        consumer_topic_t *t = &g->topics.ptr[i];
        memset(t->target, 0, (size_t)t->partitions * sizeof *t->target);
        assign_range(g, t);
    }
}
