/* offsets_topic.c: what commits of groups say in `__consumer_offsets`. */
#include "broker/offsets_topic.h"

#include "base/trace.h"
#include "wire/batch.h"

static const str_t topic_name = {"__consumer_offsets", 18};

static log_topic_t *make_topic(broker_t *b)
{
    log_topic_t *t;
    err_t err;
    const log_config_t config[] = {{STR("cleanup.policy"), STR("compact")},
                                   {STR("compression.type"), STR("producer")},
                                   {STR("segment.bytes"), STR("104857600")}};
    log_topic_spec_t spec = {.name = topic_name,
                             .partitions = (int32_t)b->config.offsets_partitions,
                             .replicas = (int32_t)b->config.replicas,
                             .config = config,
                             .n_configs = sizeof config / sizeof *config};
    st_t st = log_topic_create(b->log, &spec, &err);
    if (st == ST_OK || st == ST_EXISTS)
        st = log_topic_open(b->log, topic_name, &t, &err);
    if (st == ST_OK)
        return t;
    trace_line(TRACE_WARN, "broker", "there is no __consumer_offsets: %s", err.msg);
    return NULL;
}

int32_t offsets_topic_partition(str_t group, int32_t partitions)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < group.len;) {
        uint8_t c = (uint8_t)group.ptr[i++];
        uint32_t point = c < 0x80 ? c : c < 0xe0 ? c & 0x1fu : c < 0xf0 ? c & 0x0fu : c & 0x07u;
        for (; c >= 0xc0 && i < group.len && ((uint8_t)group.ptr[i] & 0xc0) == 0x80; i++)
            point = point << 6 | ((uint8_t)group.ptr[i] & 0x3fu);
        if (point >= 0x10000) { /* two units of UTF-16 */
            hash = hash * 31 + (0xd800 + ((point - 0x10000) >> 10));
            point = 0xdc00 + (point & 0x3ff);
        }
        hash = hash * 31 + point;
    }
    /* Java's absolute value, but for the one number that has none */
    hash = hash == 0x80000000u ? 0 : hash > 0x80000000u ? 0u - hash : hash;
    return (int32_t)(hash % (uint32_t)partitions);
}

/* ---- a batch in the making */

typedef struct note {
    log_topic_t *topic;
    buf_t batch;
    wire_out_t key, value;
    wire_writer_t w;
    int64_t now_ms;
} note_t;

/* False when there is no topic to write to. */
static bool note_begin(note_t *n, broker_t *b)
{
    static const wire_batch_options_t plain = {
        .producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
    *n = (note_t){.now_ms = io_now_ms(b->io)};
    if (log_topic_open(b->log, topic_name, &n->topic, NULL) != ST_OK)
        n->topic = make_topic(b);
    if (!n->topic)
        return false;
    wire_batch_begin(&n->w, &n->batch, &plain);
    return true;
}

static void put_versioned(wire_out_t *out, const wire_schema_t *s, int version, const void *m)
{
    wire_out_clear(out);
    buf_put_be16(&out->buf, (uint16_t)version);
    st_t st = wire_encode(s, version, false, m, out, NULL);
    ASSERT(st == ST_OK); /* what is in it came in a request, with lengths of 2 bytes */
}

/* value.ptr NULL: a tombstone. */
static void note_add(note_t *n, str_t value)
{
    wire_batch_add(&n->w, n->now_ms, buf_str(&n->key.buf), value, NULL, 0);
}

static void note_end(note_t *n, log_commit_t *commit, str_t group)
{
    st_t st = wire_batch_finish(&n->w, NULL);
    if (st == ST_OK)
        log_commit_append(commit, n->topic,
                          offsets_topic_partition(group, log_topic_partitions(n->topic)),
                          buf_str(&n->batch));
    wire_out_done(&n->key);
    wire_out_done(&n->value);
    buf_done(&n->batch);
    log_topic_unref(n->topic);
}

/* ---- offsets */

static void add_offset(note_t *n, const log_group_offset_t *o)
{
    wire_offset_commit_key_t key = {o->group, o->topic, o->partition};
    wire_offset_commit_value_t value = {.offset = o->offset,
                                        .leader_epoch = o->leader_epoch,
                                        .metadata = o->metadata.ptr ? o->metadata : STR(""),
                                        .commit_timestamp = o->commit_ms};
    put_versioned(&n->key, wire_offset_commit_key_schema(), 1, &key);
    put_versioned(&n->value, wire_offset_commit_value_schema(), 3, &value);
    note_add(n, o->offset == -1 ? STR_NONE : buf_str(&n->value.buf));
}

void offsets_put(broker_coordinator_t *c, log_commit_t *commit, const log_group_offset_t *o,
                 size_t n)
{
    note_t note;
    for (size_t i = 0; i < n; i++)
        log_commit_group_offset(commit, &o[i]);
    if (!n || !note_begin(&note, c->broker))
        return;
    for (size_t i = 0; i < n; i++)
        add_offset(&note, &o[i]);
    note_end(&note, commit, o->group);
}

/* ---- groups */

static void put_group_key(note_t *n, str_t id)
{
    wire_group_metadata_key_t key = {id};
    put_versioned(&n->key, wire_group_metadata_key_schema(), 2, &key);
}

void offsets_topic_put_group(log_commit_t *commit, const group_t *g)
{
    note_t n;
    arena_t a;
    if (!note_begin(&n, g->coordinator->broker))
        return;
    arena_init(&a, ARENA_NO_LIMIT);
    wire_group_metadata_value_t *v = WIRE_NEW(&a, group_metadata_value, 1);
    v->protocol_type = g->protocol_type;
    v->generation = g->generation;
    v->protocol = g->members.len ? g->protocol : STR_NONE;
    v->leader = g->leader ? g->leader->id : STR_NONE;
    v->current_state_timestamp = n.now_ms;
    NEW_LIST(&a, v->members, group_metadata_value_member, g->members.len);
    for (size_t i = 0; i < g->members.len; i++) {
        const group_member_t *m = g->members.ptr[i];
        v->members.ptr[i] = (wire_group_metadata_value_member_t){
            .member_id = m->id,
            .group_instance_id = m->instance_id,
            .client_id = m->client_id,
            .client_host = m->host,
            .rebalance_timeout = m->rebalance_ms,
            .session_timeout = m->session_ms,
            .subscription = group_member_metadata(m, g->protocol),
            .assignment = m->assignment};
    }
    put_group_key(&n, g->id);
    put_versioned(&n.value, wire_group_metadata_value_schema(), 3, v);
    note_add(&n, buf_str(&n.value.buf));
    note_end(&n, commit, g->id);
    arena_done(&a);
}

void offsets_topic_forget_group(broker_coordinator_t *c, log_commit_t *commit, str_t id)
{
    note_t n;
    if (!note_begin(&n, c->broker))
        return;
    put_group_key(&n, id);
    note_add(&n, STR_NONE);
    note_end(&n, commit, id);
}
