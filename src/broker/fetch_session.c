/* fetch_session.c: fetch sessions. */
#include "broker/fetch.h"

#include "base/map.h"

struct broker_session {
    int32_t id, epoch; /* of the next request */
    size_t start;
    VEC(broker_fetch_part_t *) parts; /* owned, with their names */
    map_t by_key;                     /* topic and partition → part */
};

enum { EPOCH_FULL = 0, EPOCH_NONE = -1 };

#define PARTS_MAX 1000000 /* all sessions remember */
#define NAME_MAX_BYTES 249 /* of topics that can be */

/* ---- parts */

void broker_fetch_resolve(broker_conn_t *c, broker_fetch_partition_t *p)
{
    log_topic_t *t;
    p->code = broker_topic_find(c, ACL_READ, p->name, &p->id, &t);
    if (p->code)
        return;
    if (p->index < 0 || p->index >= log_topic_partitions(t)) {
        log_topic_unref(t);
        p->code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    p->topic = t;
}

static void update(broker_fetch_part_t *p, const wire_fetch_request_partition_t *from)
{
    p->offset = from->fetch_offset;
    p->bytes_max = from->partition_max_bytes;
    p->leader_epoch = from->current_leader_epoch;
}

static void release(broker_fetch_part_t *p)
{
    if (p->partition.topic)
        log_topic_unref(p->partition.topic);
    p->partition.topic = NULL;
}

/* ---- sessions */

/* The topic, as it was asked for, and the partition. */
static void put_key(buf_t *b, str_t name, const wire_uuid_t *id, int32_t partition)
{
    buf_clear(b);
    buf_put(b, id, sizeof *id);
    buf_put_be32(b, (uint32_t)partition);
    buf_put_str(b, name);
}

static void free_part(broker_fetch_part_t *p)
{
    release(p);
    free((void *)(uintptr_t)p->partition.name.ptr);
    free(p);
}

void broker_session_free(broker_t *b, broker_session_t *s)
{
    if (!s)
        return;
    atomic_fetch_sub(&b->session_parts, (int)s->parts.len);
    for (size_t i = 0; i < s->parts.len; i++)
        free_part(s->parts.ptr[i]);
    VEC_DONE(&s->parts);
    map_done(&s->by_key, NULL);
    free(s);
}

static broker_session_t *session_new(broker_t *b)
{
    broker_session_t *s = mem_zalloc(sizeof *s);
    s->id = (int32_t)(io_random_u64(b->io) % (INT32_MAX - 1)) + 1;
    s->epoch = 1;
    map_init(&s->by_key);
    return s;
}

/* False when it would remember too much. */
static bool session_put(broker_conn_t *c, broker_session_t *s, const wire_fetch_request_topic_t *t,
                        const wire_fetch_request_partition_t *from, buf_t *key)
{
    put_key(key, t->topic, &t->topic_id, from->partition);
    broker_fetch_part_t *p = map_get(&s->by_key, buf_str(key));
    if (!p) {
        atomic_int *all = &c->net->broker->session_parts;
        if (t->topic.len > NAME_MAX_BYTES || atomic_load(all) >= PARTS_MAX)
            return false;
        atomic_fetch_add(all, 1);
        p = mem_zalloc(sizeof *p);
        p->partition = (broker_fetch_partition_t){.id = t->topic_id, .index = from->partition};
        if (t->topic.len)
            p->partition.name = str_n(mem_dup(t->topic.ptr, t->topic.len), t->topic.len);
        p->sent_end = p->sent_start = -1;
        broker_fetch_resolve(c, &p->partition);
        map_put(&s->by_key, buf_str(key), p);
        VEC_PUSH(&s->parts, p);
    }
    update(p, from);
    return true;
}

static void session_forget(broker_session_t *s, const wire_fetch_request_forgotten_t *t, buf_t *key)
{
    for (int32_t i = 0; i < t->partitions.len; i++) {
        put_key(key, t->topic, &t->topic_id, t->partitions.ptr[i]);
        broker_fetch_part_t *p = map_remove(&s->by_key, buf_str(key));
        if (p)
            p->forgotten = true;
    }
}

static void drop_forgotten(broker_t *b, broker_session_t *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->parts.len; i++) {
        broker_fetch_part_t *p = s->parts.ptr[i];
        if (p->forgotten)
            free_part(p);
        else
            s->parts.ptr[n++] = p;
    }
    atomic_fetch_sub(&b->session_parts, (int)(s->parts.len - n));
    s->parts.len = n;
}

/* False when it would remember too much. */
static bool session_change(broker_request_t *r, broker_session_t *s)
{
    MESSAGE(fetch);
    buf_t key = BUF_INIT;
    for (int32_t i = 0; i < m->forgotten_topics_data.len; i++)
        session_forget(s, &m->forgotten_topics_data.ptr[i], &key);
    if (m->forgotten_topics_data.len)
        drop_forgotten(broker_of(r), s);
    bool good = true;
    for (int32_t i = 0; good && i < m->topics.len; i++)
        for (int32_t k = 0; good && k < m->topics.ptr[i].partitions.len; k++)
            good = session_put(r->conn, s, &m->topics.ptr[i], &m->topics.ptr[i].partitions.ptr[k],
                               &key);
    buf_done(&key);
    return good;
}

static void use_session(const broker_session_t *s, broker_fetch_t *f)
{
    f->part = s->parts.ptr;
    f->n_parts = s->parts.len;
    f->start = s->parts.len ? s->start % s->parts.len : 0;
    f->session_id = s->id;
}

void broker_fetch_rotate(broker_conn_t *c, const broker_fetch_t *f, size_t part)
{
    if (!f->owned && c->session)
        c->session->start = part + 1;
}

/* ---- without a session */

static void use_request(broker_request_t *r, broker_fetch_t *f)
{
    MESSAGE(fetch);
    size_t n = 0;
    for (int32_t i = 0; i < m->topics.len; i++)
        n += (size_t)m->topics.ptr[i].partitions.len;
    f->owned = true;
    f->part = ARENA_ARRAY(&r->arena, broker_fetch_part_t *, n + 1);
    broker_fetch_part_t *parts = ARENA_ARRAY(&r->arena, broker_fetch_part_t, n + 1);
    for (int32_t i = 0; i < m->topics.len; i++)
        for (int32_t k = 0; k < m->topics.ptr[i].partitions.len; k++) {
            const wire_fetch_request_topic_t *t = &m->topics.ptr[i];
            broker_fetch_part_t *p = f->part[f->n_parts] = &parts[f->n_parts];
            f->n_parts++;
            p->partition = (broker_fetch_partition_t){
                .name = t->topic, .id = t->topic_id, .index = t->partitions.ptr[k].partition};
            broker_fetch_resolve(r->conn, &p->partition);
            update(p, &t->partitions.ptr[k]);
        }
}

void broker_fetch_done(broker_fetch_t *f)
{
    for (size_t i = 0; f->owned && i < f->n_parts; i++)
        release(f->part[i]);
    f->n_parts = 0;
}

static void end_session(broker_conn_t *c)
{
    broker_session_free(c->net->broker, c->session);
    c->session = NULL;
}

int16_t broker_fetch_begin(broker_request_t *r, broker_fetch_t *f)
{
    MESSAGE(fetch);
    broker_conn_t *c = r->conn;
    f->by_id = r->version >= 13;
    if (r->version < 7 || m->session_epoch == EPOCH_NONE) {
        if (r->version >= 7 && c->session && c->session->id == m->session_id)
            end_session(c);
        use_request(r, f);
        return KAFKA_NONE;
    }
    if (m->session_epoch == EPOCH_FULL) {
        end_session(c);
        c->session = session_new(broker_of(r));
    } else {
        if (!c->session || c->session->id != m->session_id)
            return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
        if (c->session->epoch != m->session_epoch)
            return KAFKA_INVALID_FETCH_SESSION_EPOCH;
        c->session->epoch = c->session->epoch == INT32_MAX ? 1 : c->session->epoch + 1;
        f->incremental = true;
    }
    if (!session_change(r, c->session)) {
        end_session(c);
        if (f->incremental) /* the client asks for all again */
            return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
        use_request(r, f); /* session 0: there is none */
        return KAFKA_NONE;
    }
    use_session(c->session, f);
    return KAFKA_NONE;
}
