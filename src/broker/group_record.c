/* group_record.c: what becomes of groups, as the log keeps it. */
#include "broker/group_record.h"

#include "base/hash.h"
#include "base/trace.h"
#include "broker/offsets_topic.h"

#define FACT_BYTES_MAX (1u << 20)

static const str_t prefix = {"groups/", 7};

typedef struct kind_row {
    group_record_kind_t kind;
    bool named;
    int version;
    const wire_schema_t *(*schema)(void);
} kind_row_t;

static const kind_row_t kinds[] = {
    {GROUP_RECORD_CLASSIC, false, 3, wire_group_metadata_value_schema},
    {GROUP_RECORD_EPOCH, false, 0, wire_consumer_group_metadata_value_schema},
    {GROUP_RECORD_MEMBER, true, 0, wire_consumer_group_member_metadata_value_schema},
    {GROUP_RECORD_TARGET_EPOCH, false, 0,
     wire_consumer_group_target_assignment_metadata_value_schema},
    {GROUP_RECORD_TARGET, true, 0, wire_consumer_group_target_assignment_member_value_schema},
    {GROUP_RECORD_CURRENT, true, 0, wire_consumer_group_current_member_assignment_value_schema},
    {GROUP_RECORD_PATTERN, true, 0, wire_consumer_group_regular_expression_value_schema},
};

static const kind_row_t *row_of(int kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((int)kinds[i].kind == kind)
            return &kinds[i];
    return NULL;
}

/* The new ones are of the flexible kind from their first version on. */
static bool is_flexible(const kind_row_t *row)
{
    return row->kind != GROUP_RECORD_CLASSIC;
}

static void put_text(buf_t *b, str_t s)
{
    buf_put_be16(b, (uint16_t)s.len);
    buf_put_str(b, s);
}

static void put_key(buf_t *b, group_record_kind_t kind, str_t group, str_t name)
{
    buf_put_be16(b, (uint16_t)kind);
    put_text(b, group);
    if (row_of((int)kind)->named)
        put_text(b, name);
}

static void encode(wire_out_t *out, const wire_schema_t *s, int version, bool flexible,
                   const void *message)
{
    wire_out_clear(out);
    buf_put_be16(&out->buf, (uint16_t)version);
    st_t st = wire_encode(s, version, flexible, message, out, NULL);
    ASSERT(st == ST_OK); /* what is in it came in a request, with lengths of 2 bytes */
}

/* ---- the topic */

/* value.ptr NULL: a tombstone. */
static void tell(group_change_t *x, str_t key, str_t value)
{
    if (x->topic)
        wire_batch_add(&x->w, x->now_ms, key, value, NULL, 0);
}

static void tell_offset(group_change_t *x, const log_group_offset_t *o)
{
    wire_out_t key = {0};
    wire_offset_commit_key_t k = {o->group, o->topic, o->partition};
    wire_offset_commit_value_t v = {.offset = o->offset,
                                    .leader_epoch = o->leader_epoch,
                                    .metadata = o->metadata.ptr ? o->metadata : STR(""),
                                    .commit_timestamp = o->commit_ms};
    encode(&key, wire_offset_commit_key_schema(), 1, false, &k);
    encode(&x->value, wire_offset_commit_value_schema(), 3, false, &v);
    tell(x, buf_str(&key.buf), o->offset == -1 ? STR_NONE : buf_str(&x->value.buf));
    wire_out_done(&key);
}

static void begin(group_change_t *x, broker_coordinator_t *c, str_t group, log_commit_t *commit)
{
    static const wire_batch_options_t plain = {
        .producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
    *x = (group_change_t){
        .coordinator = c, .group = group, .commit = commit, .now_ms = io_now_ms(c->broker->io)};
    wire_batch_begin(&x->w, &x->batch, &plain);
}

/* A topic that was deleted and made anew: all that is known of groups. */
static void refill(broker_coordinator_t *c, log_topic_t *t)
{
    arena_t a;
    group_record_t *record;
    str_t *group;
    log_group_offset_t *o;
    size_t n_records, n_groups, n;
    arena_init(&a, ARENA_NO_LIMIT);
    group_records(c->broker->log, &a, &record, &n_records);
    log_groups(c->broker->log, &a, &group, &n_groups);
    size_t n_commits = n_records + n_groups;
    log_commit_t **commit = ARENA_ARRAY(&a, log_commit_t *, n_commits + 1);
    log_outcome_t *outcome = ARENA_ARRAY(&a, log_outcome_t, n_commits + 1);
    for (size_t i = 0; i < n_commits; i++) {
        group_change_t x;
        bool is_record = i < n_records;
        commit[i] = log_commit_new(c->broker->log);
        begin(&x, c, is_record ? record[i].group : group[i - n_records], commit[i]);
        x.topic = log_topic_ref(t);
        if (is_record) {
            put_key(&x.key, record[i].kind, x.group, record[i].name);
            tell(&x, buf_str(&x.key), record[i].value);
        } else {
            log_group_offsets(c->broker->log, x.group, &a, &o, &n);
            for (size_t k = 0; k < n; k++)
                tell_offset(&x, &o[k]);
        }
        group_change_end(&x);
    }
    log_commit_all(c->broker->log, commit, n_commits, outcome);
    for (size_t i = 0; i < n_commits; i++)
        if (outcome[i].st != ST_OK)
            trace_line(TRACE_WARN, "broker", "__consumer_offsets lacks something of a group: %s",
                       st_text(outcome[i].st));
    arena_done(&a);
}

/* ---- a change */

void group_change_begin(group_change_t *x, broker_coordinator_t *c, str_t group,
                        log_commit_t *commit)
{
    bool made;
    begin(x, c, group, commit);
    x->topic = offsets_topic_open(c->broker, &made);
    if (made)
        refill(c, x->topic);
}

static uint64_t hash_of(str_t bytes)
{
    uint64_t hash = hash_bytes(bytes.ptr, bytes.len);
    return hash ? hash : 1;
}

uint64_t group_change_put(group_change_t *x, group_record_kind_t kind, str_t name,
                          const void *message)
{
    const kind_row_t *row = row_of((int)kind);
    buf_clear(&x->key);
    buf_put_str(&x->key, prefix);
    put_key(&x->key, kind, x->group, name);
    if (message)
        encode(&x->value, row->schema(), row->version, is_flexible(row), message);
    bool stays = message && x->value.buf.len <= FACT_BYTES_MAX;
    str_t key = buf_str(&x->key), value = stays ? buf_str(&x->value.buf) : STR_NONE;
    log_commit_fact(x->commit, key, value);
    tell(x, str_sub(key, prefix.len, key.len), value);
    return message ? hash_of(buf_str(&x->value.buf)) : 0;
}

uint64_t group_record_hash(group_record_kind_t kind, const void *message)
{
    const kind_row_t *row = row_of((int)kind);
    wire_out_t out = {0};
    encode(&out, row->schema(), row->version, is_flexible(row), message);
    uint64_t hash = hash_of(buf_str(&out.buf));
    wire_out_done(&out);
    return hash;
}

void group_change_offset(group_change_t *x, const log_group_offset_t *o)
{
    log_commit_group_offset(x->commit, o);
    tell_offset(x, o);
}

void group_change_forget(group_change_t *x)
{
    arena_t a;
    group_record_t record;
    arena_init(&a, ARENA_NO_LIMIT);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!kinds[i].named &&
            group_record_find(x->coordinator->broker->log, kinds[i].kind, x->group, &a, &record))
            group_change_put(x, kinds[i].kind, STR_NONE, NULL);
    arena_done(&a);
}

void group_change_end(group_change_t *x)
{
    if (x->topic && wire_batch_finish(&x->w, NULL) == ST_OK && x->batch.len)
        log_commit_append(x->commit, x->topic,
                          offsets_topic_partition(x->group, log_topic_partitions(x->topic)),
                          buf_str(&x->batch));
    wire_out_done(&x->value);
    buf_done(&x->key);
    buf_done(&x->batch);
    if (x->topic)
        log_topic_unref(x->topic);
}

void group_offsets_put(broker_coordinator_t *c, log_commit_t *commit, const log_group_offset_t *o,
                       size_t n)
{
    group_change_t x;
    if (!n)
        return;
    group_change_begin(&x, c, o->group, commit);
    for (size_t i = 0; i < n; i++)
        group_change_offset(&x, &o[i]);
    group_change_end(&x);
}

/* ---- reading */

static bool take_text(str_t *in, str_t *ret)
{
    if (in->len < 2 || in->len - 2 < load_be16(in->ptr))
        return false;
    *ret = str_sub(*in, 2, load_be16(in->ptr));
    *in = str_sub(*in, 2 + ret->len, in->len);
    return true;
}

static bool read_key(str_t key, group_record_t *ret)
{
    str_t in = str_sub(key, prefix.len, key.len);
    if (in.len < 2)
        return false;
    const kind_row_t *row = row_of(load_be16(in.ptr));
    in = str_sub(in, 2, in.len);
    if (!row || !take_text(&in, &ret->group) || (row->named && !take_text(&in, &ret->name)))
        return false;
    ret->kind = row->kind;
    return !in.len;
}

void group_records(log_t *log, arena_t *a, group_record_t **ret, size_t *ret_n)
{
    log_fact_t *fact;
    size_t n, good = 0;
    log_facts(log, prefix, a, &fact, &n);
    *ret = ARENA_ARRAY(a, group_record_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        group_record_t r = {.value = fact[i].value};
        if (read_key(fact[i].key, &r))
            (*ret)[good++] = r;
    }
    *ret_n = good;
}

bool group_record_find(log_t *log, group_record_kind_t kind, str_t group, arena_t *a,
                       group_record_t *ret)
{
    buf_t key = BUF_INIT;
    group_record_t r = {.kind = kind, .group = group};
    buf_put_str(&key, prefix);
    put_key(&key, kind, group, STR_NONE);
    bool there = log_fact(log, buf_str(&key), a, &r.value, NULL) == ST_OK;
    buf_done(&key);
    if (there)
        *ret = r;
    return there;
}

void *group_record_read(const group_record_t *record, arena_t *a)
{
    const kind_row_t *row = row_of((int)record->kind);
    str_t in = record->value;
    if (in.len < 2 || load_be16(in.ptr) != row->version)
        return NULL;
    in = str_sub(in, 2, in.len);
    void *message = arena_alloc(a, row->schema()->size_bytes);
    st_t st = wire_decode(row->schema(), row->version, is_flexible(row), &in, a, message, NULL);
    return st == ST_OK ? message : NULL;
}
