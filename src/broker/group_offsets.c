/* group_offsets.c: groups' offsets: OffsetCommit, OffsetFetch, OffsetDelete. thread: group
 *
 * The log keeps them. Commits are collected while there is mail, and go into the log together.
 */
#include "broker/consumer_group.h"
#include "broker/group.h"
#include "broker/group_record.h"
#include "broker/txn.h"

/* ---- OffsetCommit */

/* Who may: a member of this generation, or anybody while nobody is in the group. */
int16_t group_check_committer(const broker_coordinator_t *c, str_t group, str_t member_id,
                              str_t instance_id, int32_t generation)
{
    const consumer_group_t *assigned = consumer_group_find(c, group);
    const group_t *g = group_find(c, group);
    group_member_t *member;
    if (assigned)
        return consumer_group_check_committer(assigned, member_id, generation);
    if (generation < 0 && (!g || g->state == GROUP_EMPTY))
        return KAFKA_NONE;
    if (!g && consumer_group_was(c, group))
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (!g || g->state == GROUP_EMPTY)
        return KAFKA_ILLEGAL_GENERATION;
    if (generation < 0 && !member_id.len)
        return KAFKA_UNKNOWN_MEMBER_ID;
    int16_t code = group_member_check(g, member_id, instance_id, &member);
    if (code)
        return code;
    if (generation != g->generation)
        return KAFKA_ILLEGAL_GENERATION;
    group_member_touch(member);
    return g->state == GROUP_COMPLETING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

static int16_t check_request(broker_request_t *r)
{
    MESSAGE(offset_commit);
    broker_coordinator_t *c = broker_coordinator_of(r);
    if (!m->group_id.len || m->group_id.len > GROUP_ID_BYTES_MAX)
        return KAFKA_INVALID_GROUP_ID;
    if (!broker_may(r->conn, ACL_READ, ACL_GROUP, m->group_id))
        return KAFKA_GROUP_AUTHORIZATION_FAILED;
    int16_t code = group_check_committer(c, m->group_id, m->member_id, m->group_instance_id,
                                         m->generation_id_or_member_epoch);
    /* Older clients do not know that answer. */
    return code == KAFKA_STALE_MEMBER_EPOCH && r->version < 9 ? KAFKA_UNSUPPORTED_VERSION : code;
}

static int16_t take_one(broker_request_t *r, log_topic_t *t, str_t topic,
                        const wire_offset_commit_request_partition_t *p, log_group_offset_t *ret)
{
    MESSAGE(offset_commit);
    broker_t *b = broker_of(r);
    if (p->partition_index < 0 || p->partition_index >= log_topic_partitions(t))
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if ((int64_t)p->committed_metadata.len > b->config.offset_metadata_bytes_max)
        return KAFKA_OFFSET_METADATA_TOO_LARGE;
    *ret = (log_group_offset_t){.group = m->group_id,
                                .topic = topic,
                                .partition = p->partition_index,
                                .leader_epoch = p->committed_leader_epoch,
                                .offset = p->committed_offset,
                                .commit_ms = io_now_ms(b->io),
                                .metadata = p->committed_metadata};
    return KAFKA_NONE;
}

/* All of the answer failed; what was refused keeps its reason. */
static void fail(wire_offset_commit_response_t *answer, int16_t code)
{
    for (int32_t i = 0; i < answer->topics.len; i++)
        for (int32_t k = 0; k < answer->topics.ptr[i].partitions.len; k++) {
            wire_offset_commit_response_partition_t *p = &answer->topics.ptr[i].partitions.ptr[k];
            p->error_code = p->error_code ? p->error_code : code;
        }
}

static void committed(void *arg, const log_outcome_t *o)
{
    broker_request_t *r = arg;
    if (o->st != ST_OK) /* a topic is gone by now, or there is no room */
        fail(r->state,
             o->st == ST_NOT_FOUND ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_STORAGE_ERROR);
    broker_answer(r, r->state);
}

void broker_on_offset_commit(broker_request_t *r)
{
    MESSAGE(offset_commit);
    RESPONSE(offset_commit);
    broker_coordinator_t *c = broker_coordinator_of(r);
    int16_t refused = check_request(r);
    VEC(log_group_offset_t) offsets = {0};
    NEW_LIST(&r->arena, answer->topics, offset_commit_response_topic, m->topics.len);
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_offset_commit_request_topic_t *from = &m->topics.ptr[i];
        wire_offset_commit_response_topic_t *to = &answer->topics.ptr[i];
        log_topic_t *t = NULL;
        int16_t code = refused
                           ? refused
                           : broker_topic_find(r->conn, ACL_READ, from->name, &from->topic_id, &t);
        str_t name = t ? arena_str(&r->arena, log_topic_name(t)) : STR_NONE;
        to->name = from->name;
        to->topic_id = from->topic_id;
        NEW_LIST(&r->arena, to->partitions, offset_commit_response_partition, from->partitions.len);
        for (int32_t k = 0; k < from->partitions.len; k++) {
            log_group_offset_t o;
            int16_t one = code ? code : take_one(r, t, name, &from->partitions.ptr[k], &o);
            to->partitions.ptr[k] = (wire_offset_commit_response_partition_t){
                from->partitions.ptr[k].partition_index, one};
            if (!one)
                VEC_PUSH(&offsets, o);
        }
        if (t)
            log_topic_unref(t);
    }
    log_commit_t *commit = log_commit_new(c->broker->log);
    group_offsets_put(c, commit, offsets.ptr, offsets.len);
    VEC_DONE(&offsets);
    r->state = answer;
    coordinator_commit(c, commit, committed, r);
}

/* ---- OffsetFetch */

static const log_group_offset_t *find(const log_group_offset_t *all, size_t n, str_t topic,
                                      int32_t partition)
{
    size_t from = 0, to = n;
    while (from < to) {
        size_t mid = (from + to) / 2;
        int c = str_cmp(all[mid].topic, topic);
        c = c ? c : all[mid].partition < partition ? -1 : all[mid].partition > partition;
        if (c == 0)
            return &all[mid];
        if (c < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}

static void put_offset(const log_group_offset_t *o, int32_t partition,
                       wire_offset_fetch_response_partition_t *to)
{
    to->partition_index = partition;
    to->committed_offset = o ? o->offset : -1;
    to->committed_leader_epoch = o ? o->leader_epoch : -1;
    to->metadata = o ? o->metadata : STR("");
}

/* A transaction that is open may yet change it; who asked for what is settled must wait. */
static void check_stable(broker_request_t *r, str_t group, str_t topic,
                         wire_offset_fetch_response_partition_t *to)
{
    MESSAGE(offset_fetch);
    if (!m->require_stable ||
        !txn_changes_offset(broker_coordinator_of(r), group, topic, to->partition_index))
        return;
    put_offset(NULL, to->partition_index, to);
    to->error_code = KAFKA_UNSTABLE_OFFSET_COMMIT;
}

static void fetch_asked(broker_request_t *r, str_t group, const log_group_offset_t *all, size_t n,
                        const wire_offset_fetch_request_topic_t *from,
                        wire_offset_fetch_response_topic_t *to)
{
    log_topic_t *t = NULL;
    str_t name = from->name;
    int16_t code = KAFKA_NONE;
    to->name = from->name;
    to->topic_id = from->topic_id;
    if (r->version >= 10) {
        code = broker_topic_find(r->conn, ACL_DESCRIBE, STR_NONE, &from->topic_id, &t);
        if (!code) {
            name = arena_str(&r->arena, log_topic_name(t));
            log_topic_unref(t);
        }
    } else if (!broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, name)) {
        code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
    }
    NEW_LIST(&r->arena, to->partitions, offset_fetch_response_partition,
             from->partition_indexes.len);
    for (int32_t i = 0; i < from->partition_indexes.len; i++) {
        int32_t partition = from->partition_indexes.ptr[i];
        put_offset(code ? NULL : find(all, n, name, partition), partition, &to->partitions.ptr[i]);
        to->partitions.ptr[i].error_code = code;
        if (!code)
            check_stable(r, group, name, &to->partitions.ptr[i]);
    }
}

static void fetch_all(broker_request_t *r, const log_group_offset_t *all, size_t n,
                      wire_offset_fetch_response_topic_t *to, int32_t *ret_n)
{
    int32_t topics = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && str_eq(all[end].topic, all[i].topic))
            end++;
        log_topic_t *t;
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_TOPIC, all[i].topic)) {
            i = end;
            continue;
        }
        to[topics].name = all[i].topic;
        if (log_topic_open(broker_of(r)->log, all[i].topic, &t, NULL) == ST_OK) {
            to[topics].topic_id = broker_uuid(log_topic_id(t));
            log_topic_unref(t);
        }
        NEW_LIST(&r->arena, to[topics].partitions, offset_fetch_response_partition, end - i);
        for (size_t k = i; k < end; k++)
            put_offset(&all[k], all[k].partition, &to[topics].partitions.ptr[k - i]);
        for (size_t k = i; k < end; k++)
            check_stable(r, all[k].group, all[k].topic, &to[topics].partitions.ptr[k - i]);
        topics++;
        i = end;
    }
    *ret_n = topics;
}

/* Fills in an answer's or a group's topics; `asked` NULL: all there are. */
static wire_offset_fetch_response_topic_t *
fetch_topics(broker_request_t *r, str_t group, const wire_offset_fetch_request_topic_t *asked,
             int32_t n_asked, int32_t *ret_n)
{
    log_group_offset_t *all;
    size_t n;
    log_group_offsets(broker_of(r)->log, group, &r->arena, &all, &n);
    size_t most = asked ? (size_t)n_asked : n;
    wire_offset_fetch_response_topic_t *to =
        WIRE_NEW(&r->arena, offset_fetch_response_topic, most + 1);
    if (!asked) {
        fetch_all(r, all, n, to, ret_n);
        return to;
    }
    for (int32_t i = 0; i < n_asked; i++)
        fetch_asked(r, group, all, n, &asked[i], &to[i]);
    *ret_n = n_asked;
    return to;
}

/* Who says a member's id or epoch must be one. */
static int16_t check_reader(broker_request_t *r, const wire_offset_fetch_request_group_t *from)
{
    broker_coordinator_t *c = broker_coordinator_of(r);
    const consumer_group_t *g = consumer_group_find(c, from->group_id);
    if (!from->member_id.ptr && from->member_epoch < 0)
        return KAFKA_NONE;
    if (!g)
        return (int16_t)(consumer_group_was(c, from->group_id) ? KAFKA_UNKNOWN_MEMBER_ID
                                                               : KAFKA_NONE);
    return consumer_group_check_committer(g, from->member_id, from->member_epoch);
}

void broker_on_offset_fetch(broker_request_t *r)
{
    MESSAGE(offset_fetch);
    RESPONSE(offset_fetch);
    coordinator_flush(broker_coordinator_of(r)); /* so that what came before is seen */
    if (r->version < 8) {
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_GROUP, m->group_id)) {
            broker_refuse(r, KAFKA_GROUP_AUTHORIZATION_FAILED);
            return;
        }
        answer->topics.ptr =
            fetch_topics(r, m->group_id, m->topics.ptr, m->topics.len, &answer->topics.len);
        broker_answer(r, answer);
        return;
    }
    NEW_LIST(&r->arena, answer->groups, offset_fetch_response_group, m->groups.len);
    for (int32_t i = 0; i < m->groups.len && !broker_answer_full(r); i++) {
        const wire_offset_fetch_request_group_t *from = &m->groups.ptr[i];
        wire_offset_fetch_response_group_t *to = &answer->groups.ptr[i];
        to->group_id = from->group_id;
        if (!broker_may(r->conn, ACL_DESCRIBE, ACL_GROUP, from->group_id)) {
            to->error_code = KAFKA_GROUP_AUTHORIZATION_FAILED;
            continue;
        }
        to->error_code = check_reader(r, from);
        if (to->error_code)
            continue;
        to->topics.ptr =
            fetch_topics(r, from->group_id, from->topics.ptr, from->topics.len, &to->topics.len);
    }
    broker_answer(r, answer);
}

/* ---- who reads what */

/* Whether a member of a group of consumers reads the topic. */
static bool is_subscribed(const group_t *g, str_t topic, arena_t *a)
{
    for (size_t i = 0; g && i < g->members.len; i++) {
        str_t in = group_member_metadata(g->members.ptr[i], g->protocol);
        wire_consumer_protocol_subscription_t s;
        if (in.len < 2)
            continue;
        int version = load_be16(in.ptr) > 3 ? 3 : load_be16(in.ptr);
        in = str_sub(in, 2, in.len);
        if (wire_decode(wire_consumer_protocol_subscription_schema(), version, false, &in, a, &s,
                        NULL) != ST_OK)
            return true; /* nobody knows what it reads */
        for (int32_t k = 0; k < s.topics.len; k++)
            if (str_eq(s.topics.ptr[k], topic))
                return true;
    }
    return false;
}

bool group_reads(const broker_coordinator_t *c, str_t group, str_t topic, arena_t *a)
{
    const consumer_group_t *g = consumer_group_find(c, group);
    for (size_t i = 0; g && i < g->members.len; i++)
        if (consumer_member_wants(g->members.ptr[i], topic))
            return true;
    return is_subscribed(group_find(c, group), topic, a);
}

/* ---- OffsetDelete */

static int16_t delete_code(broker_request_t *r, str_t topic, int32_t partition)
{
    log_topic_t *t;
    static const wire_uuid_t none;
    int16_t code = broker_topic_find(r->conn, ACL_READ, topic, &none, &t);
    if (code)
        return code;
    bool there = partition >= 0 && partition < log_topic_partitions(t);
    log_topic_unref(t);
    if (!there)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    MESSAGE(offset_delete);
    return group_reads(broker_coordinator_of(r), m->group_id, topic, &r->arena)
               ? KAFKA_GROUP_SUBSCRIBED_TO_TOPIC
               : KAFKA_NONE;
}

void broker_on_offset_delete(broker_request_t *r)
{
    MESSAGE(offset_delete);
    RESPONSE(offset_delete);
    broker_coordinator_t *c = broker_coordinator_of(r);
    group_t *g = group_find(c, m->group_id);
    VEC(log_group_offset_t) gone = {0};
    if (!g && !consumer_group_find(c, m->group_id) && !group_is_known(r, m->group_id))
        answer->error_code = KAFKA_GROUP_ID_NOT_FOUND;
    else if (g && g->members.len && !str_eq(g->protocol_type, STR("consumer")))
        answer->error_code = KAFKA_NON_EMPTY_GROUP;
    NEW_LIST(&r->arena, answer->topics, offset_delete_response_topic,
             answer->error_code ? 0 : m->topics.len);
    for (int32_t i = 0; i < answer->topics.len; i++) {
        const wire_offset_delete_request_topic_t *from = &m->topics.ptr[i];
        wire_offset_delete_response_topic_t *to = &answer->topics.ptr[i];
        to->name = from->name;
        NEW_LIST(&r->arena, to->partitions, offset_delete_response_partition, from->partitions.len);
        for (int32_t k = 0; k < from->partitions.len; k++) {
            int32_t p = from->partitions.ptr[k].partition_index;
            int16_t code = delete_code(r, from->name, p);
            to->partitions.ptr[k] = (wire_offset_delete_response_partition_t){p, code};
            if (!code)
                VEC_PUSH(&gone, ((log_group_offset_t){.group = m->group_id,
                                                      .topic = from->name,
                                                      .partition = p,
                                                      .leader_epoch = -1,
                                                      .offset = -1}));
        }
    }
    log_commit_t *commit = log_commit_new(c->broker->log);
    group_offsets_put(c, commit, gone.ptr, gone.len);
    VEC_DONE(&gone);
    if (log_commit(c->broker->log, commit, NULL, NULL) != ST_OK)
        answer->error_code = KAFKA_STORAGE_ERROR;
    broker_answer(r, answer);
}
