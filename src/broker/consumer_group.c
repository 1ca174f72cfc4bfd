/* consumer_group.c: groups that the broker assigns: members, topics, targets, owners. */
#include "broker/consumer_group.h"

#include "base/hash.h"
#include "broker/group.h"
#include "broker/group_past.h"

#define TOPICS_AGE_NS INT64_C(1000000000)

/* ---- groups */

consumer_group_t *consumer_group_find(const broker_coordinator_t *c, str_t id)
{
    return map_get(&c->consumer_groups, id);
}

bool consumer_group_was(const broker_coordinator_t *c, str_t id)
{
    arena_t a;
    group_past_t past;
    arena_init(&a, ARENA_NO_LIMIT);
    bool was =
        !group_find(c, id) && group_past_find(c->broker->log, id, &a, &past) && past.assigned;
    arena_done(&a);
    return was;
}

consumer_group_t *consumer_group_new(broker_coordinator_t *c, str_t id)
{
    coordinator_flush(c); /* so that what became of one that it follows is seen */
    consumer_group_t *g = mem_zalloc(sizeof *g);
    g->coordinator = c;
    g->id = group_own(id);
    g->assignor = consumer_assignor_find(STR("uniform"));
    map_put(&c->consumer_groups, id, g);
    arena_t a;
    group_past_t past;
    arena_init(&a, ARENA_NO_LIMIT);
    if (group_past_find(c->broker->log, id, &a, &past)) {
        g->was_classic = !past.assigned;
        g->epoch = past.assigned ? past.generation : 0;
    }
    arena_done(&a);
    return g;
}

static void free_topic(consumer_topic_t *t)
{
    group_disown(&t->name);
    free(t->target);
    free(t->owner);
}

static void free_member(consumer_member_t *m);

void consumer_group_free(void *group)
{
    consumer_group_t *g = group;
    for (size_t i = 0; i < g->members.len; i++)
        free_member(g->members.ptr[i]);
    for (size_t i = 0; i < g->topics.len; i++)
        free_topic(&g->topics.ptr[i]);
    VEC_DONE(&g->members);
    VEC_DONE(&g->topics);
    group_disown(&g->id);
    free(g);
}

void consumer_group_settle(consumer_group_t *g)
{
    consumer_group_kept(g);
    if (g->members.len)
        return;
    map_remove(&g->coordinator->consumer_groups, g->id);
    consumer_group_free(g);
}

const char *consumer_group_state(const consumer_group_t *g)
{
    for (size_t i = 0; i < g->members.len; i++)
        if (g->members.ptr[i]->epoch != g->epoch)
            return "Reconciling";
    for (size_t i = 0; i < g->topics.len; i++)
        for (int32_t p = 0; p < g->topics.ptr[i].partitions; p++)
            if (g->topics.ptr[i].owner[p] != g->topics.ptr[i].target[p])
                return "Reconciling";
    return g->members.len ? "Stable" : "Empty";
}

/* ---- topics */

static bool is_wanted(const consumer_group_t *g, str_t topic)
{
    for (size_t i = 0; i < g->members.len; i++)
        if (consumer_member_wants(g->members.ptr[i], topic))
            return true;
    return false;
}

consumer_topic_t *consumer_topic_find(const consumer_group_t *g, const void *id)
{
    for (size_t i = 0; i < g->topics.len; i++)
        if (!memcmp(&g->topics.ptr[i].id, id, sizeof(log_uuid_t)))
            return &g->topics.ptr[i];
    return NULL;
}

static consumer_topic_t make_topic(const log_topic_info_t *from, const consumer_topic_t *old)
{
    size_t bytes = (size_t)from->partitions * sizeof(consumer_member_t *);
    consumer_topic_t t = {.name = group_own(from->name),
                          .id = from->id,
                          .partitions = from->partitions,
                          .target = mem_zalloc(bytes),
                          .owner = mem_zalloc(bytes)};
    for (int32_t p = 0; old && p < old->partitions && p < t.partitions; p++) {
        t.target[p] = old->target[p];
        t.owner[p] = old->owner[p];
    }
    return t;
}

static bool is_owned(const consumer_topic_t *t)
{
    for (int32_t p = 0; t && p < t->partitions; p++)
        if (t->owner[p])
            return true;
    return false;
}

/* Of those that are wanted. Is the same for the same topics with the same partitions, also in
 * another process. */
static int64_t hash_topics(const consumer_group_t *g)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < g->topics.len; i++) {
        char partitions[4];
        if (!is_wanted(g, g->topics.ptr[i].name))
            continue;
        store_be32(partitions, (uint32_t)g->topics.ptr[i].partitions);
        crc = hash_crc32c(crc, &g->topics.ptr[i].id, sizeof g->topics.ptr[i].id);
        crc = hash_crc32c(crc, partitions, sizeof partitions);
    }
    return (int64_t)crc;
}

/* The topics as they are now. True when they are others. */
static bool look_up_topics(consumer_group_t *g)
{
    arena_t a;
    log_topic_info_t *info;
    size_t n, n_old = g->topics.len;
    consumer_group_t old = *g;
    arena_init(&a, ARENA_NO_LIMIT);
    if (log_topic_list(g->coordinator->broker->log, &a, &info, &n, NULL) != ST_OK)
        n = 0;
    memset(&g->topics, 0, sizeof g->topics);
    for (size_t i = 0; i < n; i++) {
        const consumer_topic_t *before = consumer_topic_find(&old, &info[i].id);
        bool wanted = !broker_topic_internal(info[i].name) && is_wanted(g, info[i].name);
        if (wanted || is_owned(before)) /* N1 */
            VEC_PUSH(&g->topics, make_topic(&info[i], before));
    }
    for (size_t i = 0; i < n_old; i++)
        free_topic(&old.topics.ptr[i]);
    VEC_DONE(&old.topics);
    arena_done(&a);
    g->topics_hash = hash_topics(g);
    return g->topics_hash != old.topics_hash;
}

consumer_topic_t *consumer_topic_load(consumer_group_t *g, const void *id)
{
    consumer_topic_t *known = consumer_topic_find(g, id);
    log_uuid_t uuid;
    log_topic_t *t;
    memcpy(&uuid, id, sizeof uuid);
    if (known || log_topic_open_id(g->coordinator->broker->log, &uuid, &t, NULL) != ST_OK)
        return known;
    log_topic_info_t info = {
        .name = log_topic_name(t), .id = uuid, .partitions = log_topic_partitions(t)};
    VEC_PUSH(&g->topics, make_topic(&info, NULL));
    log_topic_unref(t);
    return &VEC_LAST(&g->topics);
}

void consumer_group_look_again(consumer_group_t *g)
{
    look_up_topics(g);
    g->topics_ns = io_mono_ns(g->coordinator->broker->io) - TOPICS_AGE_NS;
}

static void next_epoch(consumer_group_t *g)
{
    g->epoch++;
    consumer_group_assign(g);
    consumer_group_keep_epoch(g);
}

void consumer_group_refresh(consumer_group_t *g, bool changed)
{
    int64_t now_ns = io_mono_ns(g->coordinator->broker->io);
    if (!changed && now_ns - g->topics_ns < TOPICS_AGE_NS)
        return;
    g->topics_ns = now_ns;
    changed |= look_up_topics(g);
    if (changed)
        next_epoch(g);
}

/* ---- members */

consumer_member_t *consumer_member_find(const consumer_group_t *g, str_t id)
{
    for (size_t i = 0; i < g->members.len; i++)
        if (str_eq(g->members.ptr[i]->id, id))
            return g->members.ptr[i];
    return NULL;
}

consumer_member_t *consumer_member_of_instance(const consumer_group_t *g, str_t instance_id)
{
    for (size_t i = 0; i < g->members.len; i++)
        if (g->members.ptr[i]->instance_id.ptr &&
            str_eq(g->members.ptr[i]->instance_id, instance_id))
            return g->members.ptr[i];
    return NULL;
}

static void time_is_up(void *arg)
{
    consumer_member_t *m = arg;
    consumer_group_t *g = m->group;
    consumer_member_gone(m);
    consumer_group_settle(g);
}

static void insert(consumer_group_t *g, consumer_member_t *m)
{
    VEC_PUSH(&g->members, m);
    for (size_t i = g->members.len - 1; i > 0; i--) {
        consumer_member_t *before = g->members.ptr[i - 1];
        if (str_cmp(before->id, m->id) <= 0)
            break;
        g->members.ptr[i] = before;
        g->members.ptr[i - 1] = m;
    }
}

static void take_out(consumer_member_t *m)
{
    consumer_group_t *g = m->group;
    for (size_t i = 0; i < g->members.len; i++)
        if (g->members.ptr[i] == m) {
            VEC_REMOVE(&g->members, i);
            return;
        }
}

/* ptr NULL, or empty: none. */
static void set_pattern(consumer_member_t *m, str_t regex)
{
    err_t err;
    broker_pattern_free(m->pattern);
    group_disown(&m->regex);
    m->pattern = NULL;
    m->regex = group_own(regex);
    if (regex.len && broker_pattern_new(regex, &m->pattern, &err) != ST_OK)
        m->pattern = NULL;
}

static consumer_member_t *make_member(consumer_group_t *g, str_t id)
{
    consumer_member_t *m = mem_zalloc(sizeof *m);
    m->group = g;
    m->id = group_own(id);
    m->session = (io_timer_t){.fn = time_is_up, .arg = m};
    m->rebalance = (io_timer_t){.fn = time_is_up, .arg = m};
    insert(g, m);
    return m;
}

consumer_member_t *consumer_member_new(consumer_group_t *g, const broker_request_t *r, str_t id)
{
    const wire_consumer_group_heartbeat_request_t *from = r->message;
    consumer_member_t *m = make_member(g, id);
    m->instance_id = group_own(from->instance_id);
    m->client_id = group_own(r->client_id.ptr ? r->client_id : STR(""));
    m->host = group_shown_host(r);
    return m;
}

void consumer_member_load(consumer_group_t *g, str_t id,
                          const wire_consumer_group_member_metadata_value_t *from)
{
    consumer_member_t *m = make_member(g, id);
    m->instance_id = group_own(from->instance_id);
    m->rack_id = group_own(from->rack_id);
    m->client_id = group_own(from->client_id);
    m->host = group_own(from->client_host);
    m->assignor = group_own(from->server_assignor);
    m->rebalance_ms = from->rebalance_timeout_ms;
    set_pattern(m, from->subscribed_topic_regex);
    for (int32_t i = 0; i < from->subscribed_topic_names.len; i++)
        VEC_PUSH(&m->topics, group_own(from->subscribed_topic_names.ptr[i]));
    consumer_member_touch(m);
}

static void free_names(consumer_member_t *m)
{
    for (size_t i = 0; i < m->topics.len; i++)
        group_disown(&m->topics.ptr[i]);
    VEC_CLEAR(&m->topics);
}

static void free_member(consumer_member_t *m)
{
    io_loop_t *loop = m->group->coordinator->broker->group.loop;
    io_timer_clear(loop, &m->session);
    io_timer_clear(loop, &m->rebalance);
    free_names(m);
    VEC_DONE(&m->topics);
    broker_pattern_free(m->pattern);
    str_t *const text[] = {&m->id,   &m->instance_id, &m->rack_id, &m->client_id,
                           &m->host, &m->assignor,    &m->regex};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        group_disown(text[i]);
    free(m);
}

static void release(consumer_member_t *m, bool target)
{
    for (size_t i = 0; i < m->group->topics.len; i++) {
        consumer_topic_t *t = &m->group->topics.ptr[i];
        for (int32_t p = 0; p < t->partitions; p++) {
            if (t->owner[p] == m)
                t->owner[p] = NULL;
            if (target && t->target[p] == m)
                t->target[p] = NULL;
        }
    }
}

void consumer_member_gone(consumer_member_t *m)
{
    consumer_group_t *g = m->group;
    consumer_member_keep_gone(m);
    release(m, true);
    take_out(m);
    free_member(m);
    consumer_group_refresh(g, true);
}

void consumer_member_replace(consumer_member_t *m, str_t id)
{
    str_t owned = group_own(id); /* it may be the same */
    if (!str_eq(m->id, id))
        consumer_member_keep_gone(m);
    take_out(m);
    group_disown(&m->id);
    m->id = owned;
    insert(m->group, m);
    release(m, false);
    m->epoch = m->epoch_before = 0;
    m->revoking = false;
    io_timer_clear(m->group->coordinator->broker->group.loop, &m->rebalance);
    consumer_member_keep_new_id(m);
}

void consumer_member_leave_short(consumer_member_t *m)
{
    m->epoch = CONSUMER_EPOCH_LEAVES_SHORT;
    consumer_member_keep_place(m);
}

void consumer_member_touch(consumer_member_t *m)
{
    broker_t *b = m->group->coordinator->broker;
    io_timer_set(b->group.loop, &m->session, b->config.consumer_session_ms);
}

static bool replace(str_t *old, str_t with)
{
    if (!with.ptr || (old->ptr && str_eq(*old, with)))
        return false;
    group_disown(old);
    *old = group_own(with);
    return true;
}

static bool has_names(const consumer_member_t *m, const str_t *name, int32_t n)
{
    if (m->topics.len != (size_t)n)
        return false;
    for (size_t i = 0; i < m->topics.len; i++)
        if (!str_eq(m->topics.ptr[i], name[i]))
            return false;
    return true;
}

bool consumer_member_update(consumer_member_t *m,
                            const wire_consumer_group_heartbeat_request_t *from)
{
    str_t regex = from->subscribed_topic_regex;
    bool wants = false, said = false;
    if (regex.ptr && !(m->regex.ptr && str_eq(regex, m->regex))) {
        consumer_member_keep_pattern_gone(m);
        set_pattern(m, regex);
        wants = true;
    }
    if (from->subscribed_topic_names.ptr &&
        !has_names(m, from->subscribed_topic_names.ptr, from->subscribed_topic_names.len)) {
        free_names(m);
        for (int32_t i = 0; i < from->subscribed_topic_names.len; i++)
            VEC_PUSH(&m->topics, group_own(from->subscribed_topic_names.ptr[i]));
        wants = true;
    }
    wants |= replace(&m->assignor, from->server_assignor);
    said = replace(&m->rack_id, from->rack_id) | wants;
    if (from->rebalance_timeout_ms >= 0 && from->rebalance_timeout_ms != m->rebalance_ms) {
        m->rebalance_ms = from->rebalance_timeout_ms;
        said = true;
    }
    if (said)
        consumer_member_keep_said(m);
    return wants;
}

bool consumer_member_wants(const consumer_member_t *m, str_t topic)
{
    for (size_t i = 0; i < m->topics.len; i++)
        if (str_eq(m->topics.ptr[i], topic))
            return true;
    return m->pattern && broker_pattern_matches(m->pattern, topic);
}

bool consumer_member_owns(const consumer_member_t *m, const wire_uuid_t *topic, int32_t partition)
{
    const consumer_topic_t *t = consumer_topic_find(m->group, topic);
    return t && partition >= 0 && partition < t->partitions && t->owner[partition] == m;
}

/* ---- from what is to what shall be */

static bool lists(const wire_consumer_group_heartbeat_request_topic_partition_t *owned, int32_t n,
                  const consumer_topic_t *t, int32_t partition)
{
    for (int32_t i = 0; i < n; i++) {
        if (memcmp(&owned[i].topic_id, &t->id, sizeof t->id) != 0)
            continue;
        for (int32_t k = 0; k < owned[i].partitions.len; k++)
            if (owned[i].partitions.ptr[k] == partition)
                return true;
    }
    return false;
}

void consumer_member_must_revoke(consumer_member_t *m)
{
    m->revoking = true;
    io_timer_set(m->group->coordinator->broker->group.loop, &m->rebalance, m->rebalance_ms);
}

/* What is not its any more and what it does not list is nobody's. Returns what is left of it. */
static int32_t give_up(consumer_member_t *m,
                       const wire_consumer_group_heartbeat_request_topic_partition_t *owned,
                       int32_t n_owned, bool *ret_changed)
{
    int32_t left = 0;
    for (size_t i = 0; i < m->group->topics.len; i++) {
        consumer_topic_t *t = &m->group->topics.ptr[i];
        for (int32_t p = 0; p < t->partitions; p++) {
            if (t->owner[p] != m || t->target[p] == m)
                continue;
            if (!owned || lists(owned, n_owned, t, p)) {
                left++;
            } else {
                t->owner[p] = NULL;
                *ret_changed = true;
            }
        }
    }
    return left;
}

/* What shall be its and is nobody's is its. */
static void take(consumer_member_t *m, bool *ret_changed)
{
    for (size_t i = 0; i < m->group->topics.len; i++) {
        consumer_topic_t *t = &m->group->topics.ptr[i];
        for (int32_t p = 0; p < t->partitions; p++)
            if (t->target[p] == m && !t->owner[p]) {
                t->owner[p] = m;
                *ret_changed = true;
            }
    }
}

void consumer_member_reconcile(consumer_member_t *m,
                               const wire_consumer_group_heartbeat_request_topic_partition_t *owned,
                               int32_t n_owned)
{
    consumer_group_t *g = m->group;
    bool changed = false;
    if (give_up(m, owned, n_owned, &changed)) {
        changed |= !m->revoking;
        if (!m->revoking)
            consumer_member_must_revoke(m);
    } else {
        changed |= m->revoking || m->epoch != g->epoch;
        m->revoking = false;
        io_timer_clear(g->coordinator->broker->group.loop, &m->rebalance);
        if (m->epoch != g->epoch) {
            m->epoch_before = m->epoch;
            m->epoch = g->epoch;
        }
        take(m, &changed);
    }
    if (changed)
        consumer_member_keep_place(m);
}

int16_t consumer_group_check_committer(const consumer_group_t *g, str_t member_id, int32_t epoch)
{
    consumer_member_t *m = consumer_member_find(g, member_id);
    if (!m)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (epoch != m->epoch)
        return KAFKA_STALE_MEMBER_EPOCH;
    consumer_member_touch(m);
    return KAFKA_NONE;
}
