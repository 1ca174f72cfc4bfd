/* consumer_group.c: groups that the broker assigns: members, topics, targets, owners. */
#include "broker/consumer_group.h"

#include "base/hash.h"
#include "broker/group.h"
#include "broker/group_record.h"

#define TOPICS_AGE_NS INT64_C(1000000000)

/* ---- groups */

consumer_group_t *consumer_group_find(const broker_coordinator_t *c, str_t id)
{
    return map_get(&c->consumer_groups, id);
}

consumer_group_t *consumer_group_new(broker_coordinator_t *c, str_t id)
{
    consumer_group_t *g = mem_zalloc(sizeof *g);
    g->coordinator = c;
    g->id = group_own(id);
    g->assignor = consumer_assignor_find(STR("uniform"));
    map_put(&c->consumer_groups, id, g);
    arena_t a;
    group_record_t before;
    arena_init(&a, ARENA_NO_LIMIT);
    if (group_record_find(c, id, &a, &before))
        g->epoch = before.generation;
    arena_done(&a);
    return g;
}

/* Who is in it is in the log soon. */
static void keep(const consumer_group_t *g)
{
    broker_coordinator_t *c = g->coordinator;
    log_commit_t *commit = log_commit_new(c->broker->log);
    group_record_put(commit, &(group_record_t){.id = g->id,
                                               .kind = GROUP_ASSIGNED,
                                               .generation = g->epoch,
                                               .members = (int32_t)g->members.len,
                                               .since_ms = io_now_ms(c->broker->io),
                                               .protocol_type = STR("consumer")});
    coordinator_keep(c, commit);
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
    if (g->members.len)
        return;
    if (g->kept)
        keep(g);
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

static consumer_topic_t *find_topic(const consumer_group_t *g, const void *id)
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

/* The topics as they are now. True when they are others. */
static bool look_up_topics(consumer_group_t *g)
{
    arena_t a;
    log_topic_info_t *info;
    size_t n, same = 0, n_old = g->topics.len;
    consumer_group_t old = *g;
    arena_init(&a, ARENA_NO_LIMIT);
    if (log_topic_list(g->coordinator->broker->log, &a, &info, &n, NULL) != ST_OK)
        n = 0;
    memset(&g->topics, 0, sizeof g->topics);
    for (size_t i = 0; i < n; i++) {
        if (broker_topic_internal(info[i].name) || !is_wanted(g, info[i].name))
            continue;
        const consumer_topic_t *before = find_topic(&old, &info[i].id);
        same += before && before->partitions == info[i].partitions;
        VEC_PUSH(&g->topics, make_topic(&info[i], before));
    }
    for (size_t i = 0; i < n_old; i++)
        free_topic(&old.topics.ptr[i]);
    VEC_DONE(&old.topics);
    arena_done(&a);
    return same != n_old || g->topics.len != n_old;
}

static void next_epoch(consumer_group_t *g)
{
    g->epoch++;
    consumer_group_assign(g);
    keep(g);
    g->kept = true;
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

consumer_member_t *consumer_member_new(consumer_group_t *g, const broker_request_t *r, str_t id)
{
    const wire_consumer_group_heartbeat_request_t *from = r->message;
    consumer_member_t *m = mem_zalloc(sizeof *m);
    m->group = g;
    m->id = group_own(id);
    m->instance_id = group_own(from->instance_id);
    m->client_id = group_own(r->client_id.ptr ? r->client_id : STR(""));
    m->host = group_shown_host(r);
    m->session = (io_timer_t){.fn = time_is_up, .arg = m};
    m->rebalance = (io_timer_t){.fn = time_is_up, .arg = m};
    insert(g, m);
    return m;
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
    release(m, true);
    take_out(m);
    free_member(m);
    consumer_group_refresh(g, true);
}

void consumer_member_replace(consumer_member_t *m, str_t id)
{
    take_out(m);
    group_disown(&m->id);
    m->id = group_own(id);
    insert(m->group, m);
    release(m, false);
    m->epoch = m->epoch_before = 0;
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

ST consumer_member_update(consumer_member_t *m, const wire_consumer_group_heartbeat_request_t *from,
                          bool *ret_changed, err_t *err)
{
    str_t regex = from->subscribed_topic_regex;
    bool changed = false;
    if (regex.ptr && !(m->regex.ptr && str_eq(regex, m->regex))) {
        broker_pattern_t *pattern = NULL;
        if (regex.len && broker_pattern_new(regex, &pattern, err) != ST_OK)
            return err_wrap(err, ST_BAD_INPUT, "SubscribedTopicRegex");
        broker_pattern_free(m->pattern);
        m->pattern = pattern;
        changed |= replace(&m->regex, regex);
    }
    if (from->subscribed_topic_names.ptr &&
        !has_names(m, from->subscribed_topic_names.ptr, from->subscribed_topic_names.len)) {
        free_names(m);
        for (int32_t i = 0; i < from->subscribed_topic_names.len; i++)
            VEC_PUSH(&m->topics, group_own(from->subscribed_topic_names.ptr[i]));
        changed = true;
    }
    changed |= replace(&m->assignor, from->server_assignor);
    replace(&m->rack_id, from->rack_id);
    if (from->rebalance_timeout_ms >= 0)
        m->rebalance_ms = from->rebalance_timeout_ms;
    *ret_changed = changed;
    return ST_OK;
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
    const consumer_topic_t *t = find_topic(m->group, topic);
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

void consumer_member_reconcile(consumer_member_t *m,
                               const wire_consumer_group_heartbeat_request_topic_partition_t *owned,
                               int32_t n_owned)
{
    consumer_group_t *g = m->group;
    io_loop_t *loop = g->coordinator->broker->group.loop;
    bool left = false;
    for (size_t i = 0; i < g->topics.len; i++) {
        consumer_topic_t *t = &g->topics.ptr[i];
        for (int32_t p = 0; p < t->partitions; p++) {
            if (t->owner[p] != m || t->target[p] == m)
                continue;
            if (!owned || lists(owned, n_owned, t, p))
                left = true;
            else
                t->owner[p] = NULL;
        }
    }
    if (left) {
        if (!m->revoking)
            io_timer_set(loop, &m->rebalance, m->rebalance_ms);
        m->revoking = true;
        return;
    }
    m->revoking = false;
    io_timer_clear(loop, &m->rebalance);
    if (m->epoch != g->epoch) {
        m->epoch_before = m->epoch;
        m->epoch = g->epoch;
    }
    for (size_t i = 0; i < g->topics.len; i++) {
        consumer_topic_t *t = &g->topics.ptr[i];
        for (int32_t p = 0; p < t->partitions; p++)
            if (t->target[p] == m && !t->owner[p])
                t->owner[p] = m;
    }
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
