/* consumer_keep.c: groups that the broker assigns into the log, and back. */
#include "broker/consumer_group.h"
#include "broker/group.h"

/* Kafka's numbers for how far a member is. */
enum { MEMBER_STABLE = 0, MEMBER_UNREVOKED = 1, MEMBER_UNRELEASED = 2 };

/* ---- into the log: what changes is collected until consumer_group_kept */

static group_change_t *change_of(consumer_group_t *g)
{
    group_change_t *x = &g->change;
    if (x->commit)
        return x;
    group_change_begin(x, g->coordinator, g->id, log_commit_new(g->coordinator->broker->log));
    if (g->was_classic)
        group_change_forget(x);
    g->was_classic = false;
    return x;
}

void consumer_group_kept(consumer_group_t *g)
{
    log_commit_t *commit = g->change.commit;
    if (!commit)
        return;
    group_change_end(&g->change);
    g->change.commit = NULL;
    coordinator_keep(g->coordinator, commit, g->id);
}

typedef enum part { PART_TARGET, PART_KEPT, PART_REVOKED } part_t;

static bool is_part(const consumer_topic_t *t, int32_t p, const consumer_member_t *m, part_t part)
{
    switch (part) {
    case PART_TARGET:
        return t->target[p] == m;
    case PART_KEPT:
        return t->owner[p] == m && t->target[p] == m;
    case PART_REVOKED:
        return t->owner[p] == m && t->target[p] != m;
    }
    return false;
}

/* The partitions of a topic; returns how many. */
static int32_t list_parts(const consumer_topic_t *t, const consumer_member_t *m, part_t part,
                          arena_t *a, int32_t **ret)
{
    int32_t n = 0;
    *ret = ARENA_ARRAY(a, int32_t, t->partitions);
    for (int32_t p = 0; p < t->partitions; p++)
        if (is_part(t, p, m, part))
            (*ret)[n++] = p;
    return n;
}

static void *target_of(const consumer_member_t *m, arena_t *a)
{
    const consumer_group_t *g = m->group;
    wire_consumer_group_target_assignment_member_value_t *v =
        WIRE_NEW(a, consumer_group_target_assignment_member_value, 1);
    NEW_LIST(a, v->topic_partitions, consumer_group_target_assignment_member_value_topic_partition,
             g->topics.len);
    v->topic_partitions.len = 0;
    for (size_t i = 0; i < g->topics.len; i++) {
        int32_t *list, n = list_parts(&g->topics.ptr[i], m, PART_TARGET, a, &list);
        if (n)
            v->topic_partitions.ptr[v->topic_partitions.len++] =
                (wire_consumer_group_target_assignment_member_value_topic_partition_t){
                    broker_uuid(g->topics.ptr[i].id), {list, n}};
    }
    return v;
}

typedef wire_consumer_group_current_member_assignment_value_topic_partitions_t current_topic_t;

static current_topic_t *current_parts(const consumer_member_t *m, part_t part, arena_t *a,
                                      int32_t *ret_n)
{
    const consumer_group_t *g = m->group;
    current_topic_t *all =
        WIRE_NEW(a, consumer_group_current_member_assignment_value_topic_partitions, g->topics.len);
    *ret_n = 0;
    for (size_t i = 0; i < g->topics.len; i++) {
        int32_t *list, n = list_parts(&g->topics.ptr[i], m, part, a, &list);
        if (n)
            all[(*ret_n)++] = (current_topic_t){.topic_id = broker_uuid(g->topics.ptr[i].id),
                                                .partitions = {list, n}};
    }
    return all;
}

static bool waits_for_others(const consumer_member_t *m)
{
    for (size_t i = 0; i < m->group->topics.len; i++) {
        const consumer_topic_t *t = &m->group->topics.ptr[i];
        for (int32_t p = 0; p < t->partitions; p++)
            if (t->target[p] == m && t->owner[p] != m)
                return true;
    }
    return false;
}

void consumer_member_keep_said(consumer_member_t *m)
{
    wire_consumer_group_member_metadata_value_t v = {
        .instance_id = m->instance_id,
        .rack_id = m->rack_id,
        .client_id = m->client_id,
        .client_host = m->host,
        .subscribed_topic_names = {m->topics.ptr, (int32_t)m->topics.len},
        .subscribed_topic_regex = m->regex.ptr ? m->regex : STR(""),
        .rebalance_timeout_ms = m->rebalance_ms,
        .server_assignor = m->assignor};
    group_change_put(change_of(m->group), GROUP_RECORD_MEMBER, m->id, &v);
}

void consumer_member_keep_place(consumer_member_t *m)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    wire_consumer_group_current_member_assignment_value_t v = {
        .member_epoch = m->epoch,
        .previous_member_epoch = m->epoch_before,
        .state = m->revoking           ? MEMBER_UNREVOKED
                 : waits_for_others(m) ? MEMBER_UNRELEASED
                                       : MEMBER_STABLE};
    v.assigned_partitions.ptr = current_parts(m, PART_KEPT, &a, &v.assigned_partitions.len);
    v.partitions_pending_revocation.ptr =
        current_parts(m, PART_REVOKED, &a, &v.partitions_pending_revocation.len);
    group_change_put(change_of(m->group), GROUP_RECORD_CURRENT, m->id, &v);
    arena_done(&a);
}

static void keep_target(consumer_member_t *m, arena_t *a)
{
    void *v = target_of(m, a);
    uint64_t hash = group_record_hash(GROUP_RECORD_TARGET, v);
    if (hash != m->kept_target)
        m->kept_target = group_change_put(change_of(m->group), GROUP_RECORD_TARGET, m->id, v);
}

/* NULL: there is no other, of those before it (all: of all), with the same pattern. */
static const consumer_member_t *shares_pattern(const consumer_member_t *m, bool all)
{
    for (size_t i = 0; i < m->group->members.len; i++) {
        const consumer_member_t *other = m->group->members.ptr[i];
        if (other == m && !all)
            return NULL;
        if (other != m && other->regex.len && str_eq(other->regex, m->regex))
            return other;
    }
    return NULL;
}

/* What a pattern finds; the first of its members looks after it. */
static void keep_pattern(consumer_member_t *m, arena_t *a)
{
    const consumer_group_t *g = m->group;
    if (!m->pattern || shares_pattern(m, false))
        return;
    wire_consumer_group_regular_expression_value_t v = {0};
    v.topics.ptr = ARENA_ARRAY(a, str_t, g->topics.len + 1);
    for (size_t i = 0; i < g->topics.len; i++)
        if (broker_pattern_matches(m->pattern, g->topics.ptr[i].name))
            v.topics.ptr[v.topics.len++] = g->topics.ptr[i].name;
    uint64_t hash = group_record_hash(GROUP_RECORD_PATTERN, &v);
    if (hash == m->kept_pattern)
        return;
    m->kept_pattern = hash;
    v.version = g->epoch;
    v.timestamp = io_now_ms(g->coordinator->broker->io);
    group_change_put(change_of(m->group), GROUP_RECORD_PATTERN, m->regex, &v);
}

void consumer_member_keep_pattern_gone(consumer_member_t *m)
{
    m->kept_pattern = 0;
    if (m->regex.len && !shares_pattern(m, true))
        group_change_put(change_of(m->group), GROUP_RECORD_PATTERN, m->regex, NULL);
}

void consumer_group_keep_epoch(consumer_group_t *g)
{
    arena_t a;
    wire_consumer_group_metadata_value_t epoch = {.epoch = g->epoch,
                                                  .metadata_hash = g->topics_hash};
    wire_consumer_group_target_assignment_metadata_value_t target = {
        .assignment_epoch = g->epoch,
        .assignment_timestamp = io_now_ms(g->coordinator->broker->io)};
    group_change_put(change_of(g), GROUP_RECORD_EPOCH, STR_NONE, &epoch);
    group_change_put(change_of(g), GROUP_RECORD_TARGET_EPOCH, STR_NONE, &target);
    arena_init(&a, ARENA_NO_LIMIT);
    for (size_t i = 0; i < g->members.len; i++) {
        keep_target(g->members.ptr[i], &a);
        keep_pattern(g->members.ptr[i], &a);
        arena_reset(&a);
    }
    arena_done(&a);
}

void consumer_member_keep_new_id(consumer_member_t *m)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    m->kept_target = 0;
    keep_target(m, &a);
    keep_pattern(m, &a);
    arena_done(&a);
    consumer_member_keep_said(m);
    consumer_member_keep_place(m);
}

void consumer_member_keep_gone(consumer_member_t *m)
{
    group_change_t *x = change_of(m->group);
    group_change_put(x, GROUP_RECORD_CURRENT, m->id, NULL);
    group_change_put(x, GROUP_RECORD_TARGET, m->id, NULL);
    group_change_put(x, GROUP_RECORD_MEMBER, m->id, NULL);
    consumer_member_keep_pattern_gone(m);
}

void consumer_group_keep_again(consumer_group_t *g)
{
    for (size_t i = 0; i < g->members.len; i++) {
        g->members.ptr[i]->kept_pattern = 0;
        consumer_member_keep_new_id(g->members.ptr[i]);
    }
    consumer_group_keep_epoch(g);
    consumer_group_kept(g);
}

/* ---- back */

static void load_epoch(consumer_group_t *g, const void *value)
{
    const wire_consumer_group_metadata_value_t *v = value;
    g->topics_hash = v->metadata_hash; /* others by now: the next heartbeat finds that out */
    g->assignor = consumer_assignor_choose(g);
}

static void load_member(broker_coordinator_t *c, const group_record_t *record, const void *value)
{
    consumer_group_t *g = consumer_group_find(c, record->group);
    if (!g)
        g = consumer_group_new(c, record->group);
    consumer_member_load(g, record->name, value);
}

/* The member and the topic's partition; false: they are no more. */
static bool find_place(consumer_member_t *m, const wire_uuid_t *topic, int32_t partition,
                       consumer_topic_t **ret)
{
    *ret = consumer_topic_load(m->group, topic);
    return *ret && partition >= 0 && partition < (*ret)->partitions;
}

static void load_target(consumer_member_t *m, const void *value)
{
    const wire_consumer_group_target_assignment_member_value_t *v = value;
    consumer_topic_t *t;
    m->kept_target = group_record_hash(GROUP_RECORD_TARGET, v);
    for (int32_t i = 0; i < v->topic_partitions.len; i++)
        for (int32_t k = 0; k < v->topic_partitions.ptr[i].partitions.len; k++) {
            int32_t p = v->topic_partitions.ptr[i].partitions.ptr[k];
            if (find_place(m, &v->topic_partitions.ptr[i].topic_id, p, &t))
                t->target[p] = m;
        }
}

static void load_owned(consumer_member_t *m, const current_topic_t *list, int32_t n)
{
    consumer_topic_t *t;
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < list[i].partitions.len; k++) {
            int32_t p = list[i].partitions.ptr[k];
            if (find_place(m, &list[i].topic_id, p, &t) && !t->owner[p]) /* N1 */
                t->owner[p] = m;
        }
}

static void load_place(consumer_member_t *m, const void *value)
{
    const wire_consumer_group_current_member_assignment_value_t *v = value;
    m->epoch = v->member_epoch;
    m->epoch_before = v->previous_member_epoch;
    load_owned(m, v->assigned_partitions.ptr, v->assigned_partitions.len);
    load_owned(m, v->partitions_pending_revocation.ptr, v->partitions_pending_revocation.len);
    if (v->state == MEMBER_UNREVOKED)
        consumer_member_must_revoke(m);
}

static void load_kind(broker_coordinator_t *c, const group_record_t *record, size_t n,
                      group_record_kind_t kind)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    for (size_t i = 0; i < n; i++, arena_reset(&a)) {
        const void *value = record[i].kind == kind ? group_record_read(&record[i], &a) : NULL;
        consumer_group_t *g = consumer_group_find(c, record[i].group);
        consumer_member_t *m = g ? consumer_member_find(g, record[i].name) : NULL;
        if (!value)
            continue;
        if (kind == GROUP_RECORD_MEMBER)
            load_member(c, &record[i], value);
        else if (kind == GROUP_RECORD_EPOCH && g)
            load_epoch(g, value);
        else if (kind == GROUP_RECORD_TARGET && m)
            load_target(m, value);
        else if (kind == GROUP_RECORD_CURRENT && m)
            load_place(m, value);
    }
    arena_done(&a);
}

void consumer_groups_load(broker_coordinator_t *c)
{
    arena_t a;
    group_record_t *record;
    size_t n;
    arena_init(&a, ARENA_NO_LIMIT);
    group_records(c->broker->log, &a, &record, &n);
    load_kind(c, record, n, GROUP_RECORD_MEMBER);
    for (map_entry_t *e = NULL; (e = map_next(&c->consumer_groups, e));)
        consumer_group_look_again(e->value);
    load_kind(c, record, n, GROUP_RECORD_EPOCH);
    load_kind(c, record, n, GROUP_RECORD_TARGET);
    load_kind(c, record, n, GROUP_RECORD_CURRENT);
    arena_done(&a);
}
