/* readers.c: who reads which topic, as the log has the members of groups. Any thread. */
#include "broker/group_record.h"

typedef struct counts {
    arena_t *arena;
    map_t by_topic; /* name → broker_readers_t */
    map_t by_id;    /* 16 bytes → its name */
    str_t group;    /* whose members are being counted */
    map_t seen;     /* topics of that group */
} counts_t;

static void count(counts_t *c, str_t topic, int32_t partitions)
{
    if (partitions <= 0)
        return;
    broker_readers_t *r = map_get(&c->by_topic, topic);
    if (!r) {
        r = ARENA_NEW(c->arena, broker_readers_t);
        *r = (broker_readers_t){.topic = arena_str(c->arena, topic)};
        map_put(&c->by_topic, topic, r);
    }
    r->consumers += partitions;
    r->groups += !map_put(&c->seen, topic, r);
}

static void count_classic(counts_t *c, const wire_group_metadata_value_t *g)
{
    for (int32_t i = 0; str_eq(g->protocol_type, STR("consumer")) && i < g->members.len; i++) {
        wire_consumer_protocol_assignment_t has;
        if (wire_assignment_read(g->members.ptr[i].assignment, c->arena, &has) != ST_OK)
            continue;
        for (int32_t k = 0; k < has.assigned_partitions.len; k++)
            count(c, has.assigned_partitions.ptr[k].topic,
                  has.assigned_partitions.ptr[k].partitions.len);
    }
}

static void count_assigned(counts_t *c,
                           const wire_consumer_group_current_member_assignment_value_t *has)
{
    for (int32_t i = 0; i < has->assigned_partitions.len; i++) {
        const wire_uuid_t *id = &has->assigned_partitions.ptr[i].topic_id;
        const log_topic_info_t *t = map_get(&c->by_id, str_n(id->byte, sizeof id->byte));
        if (t)
            count(c, t->name, has->assigned_partitions.ptr[i].partitions.len);
    }
}

static void count_record(counts_t *c, const group_record_t *r)
{
    bool classic = r->kind == GROUP_RECORD_CLASSIC;
    const void *message =
        classic || r->kind == GROUP_RECORD_CURRENT ? group_record_read(r, c->arena) : NULL;
    if (!message)
        return;
    if (!str_eq(r->group, c->group)) {
        map_done(&c->seen, NULL);
        map_init(&c->seen);
        c->group = r->group;
    }
    if (classic)
        count_classic(c, message);
    else
        count_assigned(c, message);
}

static void learn_ids(counts_t *c, log_t *log)
{
    log_topic_info_t *topic;
    size_t n;
    if (log_topic_list(log, c->arena, &topic, &n, NULL) != ST_OK)
        return;
    for (size_t i = 0; i < n; i++)
        map_put(&c->by_id, str_n(topic[i].id.byte, sizeof topic[i].id.byte), &topic[i]);
}

void broker_readers(log_t *log, arena_t *a, broker_readers_t **ret, size_t *ret_n)
{
    counts_t c = {.arena = a};
    group_record_t *record;
    size_t n;
    map_init(&c.by_topic);
    map_init(&c.by_id);
    map_init(&c.seen);
    learn_ids(&c, log);
    group_records(log, a, &record, &n);
    for (size_t i = 0; i < n; i++)
        count_record(&c, &record[i]);
    broker_readers_t *list = ARENA_ARRAY(a, broker_readers_t, c.by_topic.len + 1);
    n = 0;
    for (map_entry_t *e = NULL; (e = map_next(&c.by_topic, e));)
        list[n++] = *(const broker_readers_t *)e->value;
    map_done(&c.by_topic, NULL);
    map_done(&c.by_id, NULL);
    map_done(&c.seen, NULL);
    *ret = list;
    *ret_n = n;
}
