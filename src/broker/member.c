/* member.c: a group's members, and those who are about to be. */
#include "broker/group.h"

str_t group_own(str_t s)
{
    return s.ptr ? str_n(mem_dup(s.len ? s.ptr : "", s.len), s.len) : STR_NONE;
}

void group_disown(str_t *s)
{
    free((void *)(uintptr_t)s->ptr);
    *s = STR_NONE;
}

str_t group_shown_host(const broker_request_t *r)
{
    buf_t shown = BUF_INIT;
    buf_printf(&shown, "/" STR_FMT, STR_ARG(r->conn->host));
    str_t host = group_own(buf_str(&shown));
    buf_done(&shown);
    return host;
}

str_t group_new_uuid(broker_request_t *r)
{
    uint8_t u[16];
    char text[37];
    size_t n = 0;
    io_random(broker_of(r)->io, u, sizeof u);
    for (int i = 0; i < 16; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u[i]);
    return arena_str(&r->arena, str_n(text, n));
}

static void set(str_t *to, str_t s)
{
    str_t copy = group_own(s);
    group_disown(to);
    *to = copy;
}

/* ---- members */

static void session_is_over(void *arg)
{
    group_member_t *m = arg;
    if (m->join || m->sync) /* it waits for others, not they for it */
        group_member_touch(m);
    else
        group_member_gone(m);
}

/* What is given is the member's. */
static group_member_t *insert(group_t *g, group_member_t with)
{
    group_member_t *m = mem_alloc(sizeof *m);
    *m = with;
    m->group = g;
    m->session = (io_timer_t){.fn = session_is_over, .arg = m};
    VEC_PUSH(&g->members, m);
    return m;
}

group_member_t *group_member_new(group_t *g, const broker_request_t *r, str_t id)
{
    const wire_join_group_request_t *from = r->message;
    return insert(
        g, (group_member_t){.id = group_own(id),
                            .instance_id = group_own(from->group_instance_id),
                            .client_id = group_own(r->client_id.ptr ? r->client_id : STR("")),
                            .host = group_shown_host(r),
                            .assignment = group_own(STR("")),
                            .session_ms = from->session_timeout_ms});
}

void group_member_load(group_t *g, const wire_group_metadata_value_member_t *from)
{
    int32_t rebalance_ms = from->rebalance_timeout;
    group_member_t *m =
        insert(g, (group_member_t){.id = group_own(from->member_id),
                                   .instance_id = group_own(from->group_instance_id),
                                   .client_id = group_own(from->client_id),
                                   .host = group_own(from->client_host),
                                   .assignment = group_own(from->assignment),
                                   .session_ms = from->session_timeout,
                                   .rebalance_ms =
                                       rebalance_ms < 0 ? from->session_timeout : rebalance_ms});
    VEC_PUSH(&m->protocols,
             (group_protocol_t){group_own(g->protocol), group_own(from->subscription)});
    group_member_touch(m);
}

static void free_protocols(group_member_t *m)
{
    for (size_t i = 0; i < m->protocols.len; i++) {
        group_disown(&m->protocols.ptr[i].name);
        group_disown(&m->protocols.ptr[i].metadata);
    }
    VEC_CLEAR(&m->protocols);
}

void group_member_free(group_member_t *m)
{
    group_t *g = m->group;
    for (size_t i = 0; i < g->members.len; i++)
        if (g->members.ptr[i] == m) {
            VEC_REMOVE(&g->members, i);
            break;
        }
    if (g->leader == m)
        g->leader = NULL;
    io_timer_clear(group_loop(g), &m->session);
    free_protocols(m);
    VEC_DONE(&m->protocols);
    group_disown(&m->id);
    group_disown(&m->instance_id);
    group_disown(&m->client_id);
    group_disown(&m->host);
    group_disown(&m->assignment);
    free(m);
}

void group_member_take_id(group_member_t *m, str_t id)
{
    set(&m->id, id);
}

group_member_t *group_member_find(const group_t *g, str_t id)
{
    for (size_t i = 0; i < g->members.len; i++)
        if (str_eq(g->members.ptr[i]->id, id))
            return g->members.ptr[i];
    return NULL;
}

group_member_t *group_member_of_instance(const group_t *g, str_t instance_id)
{
    for (size_t i = 0; i < g->members.len; i++)
        if (g->members.ptr[i]->instance_id.ptr &&
            str_eq(g->members.ptr[i]->instance_id, instance_id))
            return g->members.ptr[i];
    return NULL;
}

int16_t group_member_check(const group_t *g, str_t id, str_t instance_id, group_member_t **ret)
{
    group_member_t *m;
    if (instance_id.ptr) {
        m = group_member_of_instance(g, instance_id);
        if (!m)
            return KAFKA_UNKNOWN_MEMBER_ID;
        if (!str_eq(m->id, id))
            return KAFKA_FENCED_INSTANCE_ID;
    } else {
        m = group_member_find(g, id);
        if (!m)
            return KAFKA_UNKNOWN_MEMBER_ID;
    }
    *ret = m;
    return KAFKA_NONE;
}

void group_member_set_protocols(group_member_t *m, const wire_join_group_request_t *from)
{
    free_protocols(m);
    for (int32_t i = 0; i < from->protocols.len; i++)
        VEC_PUSH(&m->protocols, (group_protocol_t){group_own(from->protocols.ptr[i].name),
                                                   group_own(from->protocols.ptr[i].metadata)});
    m->session_ms = from->session_timeout_ms;
    /* Before version 1 a member has as long to join as its session lasts. */
    m->rebalance_ms =
        from->rebalance_timeout_ms < 0 ? from->session_timeout_ms : from->rebalance_timeout_ms;
}

bool group_member_wants_same(const group_member_t *m, const wire_join_group_request_t *from)
{
    if (m->protocols.len != (size_t)from->protocols.len)
        return false;
    for (size_t i = 0; i < m->protocols.len; i++)
        if (!str_eq(m->protocols.ptr[i].name, from->protocols.ptr[i].name) ||
            !str_eq(m->protocols.ptr[i].metadata, from->protocols.ptr[i].metadata))
            return false;
    return true;
}

str_t group_member_metadata(const group_member_t *m, str_t protocol)
{
    for (size_t i = 0; i < m->protocols.len; i++)
        if (str_eq(m->protocols.ptr[i].name, protocol))
            return m->protocols.ptr[i].metadata;
    return STR("");
}

bool group_member_speaks(const group_member_t *m, str_t protocol)
{
    for (size_t i = 0; i < m->protocols.len; i++)
        if (str_eq(m->protocols.ptr[i].name, protocol))
            return true;
    return false;
}

void group_member_touch(group_member_t *m)
{
    io_timer_set(group_loop(m->group), &m->session, m->session_ms);
}

/* ---- pending */

static void pending_is_over(void *arg)
{
    group_pending_t *p = arg;
    group_t *g = p->group;
    group_pending_free(p);
    group_try_complete(g);
    group_settle(g);
}

group_pending_t *group_pending_new(group_t *g, str_t id, int32_t session_ms)
{
    group_pending_t *p = mem_zalloc(sizeof *p);
    *p = (group_pending_t){.group = g, .id = group_own(id)};
    p->expiry = (io_timer_t){.fn = pending_is_over, .arg = p};
    VEC_PUSH(&g->pending, p);
    io_timer_set(group_loop(g), &p->expiry, session_ms);
    return p;
}

group_pending_t *group_pending_find(const group_t *g, str_t id)
{
    for (size_t i = 0; i < g->pending.len; i++)
        if (str_eq(g->pending.ptr[i]->id, id))
            return g->pending.ptr[i];
    return NULL;
}

void group_pending_free(group_pending_t *p)
{
    group_t *g = p->group;
    for (size_t i = 0; i < g->pending.len; i++)
        if (g->pending.ptr[i] == p) {
            VEC_REMOVE(&g->pending, i);
            break;
        }
    io_timer_clear(group_loop(g), &p->expiry);
    group_disown(&p->id);
    free(p);
}
