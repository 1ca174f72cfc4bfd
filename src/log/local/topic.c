/* topic.c: topics: their records on disk, their configs, their lives. */
#include "log/local/engine.h"

#include <stdio.h>

#define CONFIGS_MAX  1000
#define DIR_NAME_MAX 200 /* of the topic's name in its directory's name */
#define DIR_ID_BYTES 8

/* ---- configs. Those without a place in log_policy_t are kept and shown. */

typedef enum config_kind { TEXT, NUMBER, POLICY, RATIO } config_kind_t;

static const struct config_row {
    const char *name;
    config_kind_t kind;
    int64_t min, max;
    size_t place; /* of a number in log_policy_t; SIZE_MAX: it is only kept */
} config_rows[] = {
    {"arus.state.shape", TEXT, 0, 0, 0}, /* a changelog's: server/runner.c */
    {"cleanup.policy", POLICY, 0, 0, 0},
    {"compression.gzip.level", TEXT, 0, 0, 0},
    {"compression.lz4.level", TEXT, 0, 0, 0},
    {"compression.type", TEXT, 0, 0, 0},
    {"compression.zstd.level", TEXT, 0, 0, 0},
    {"delete.retention.ms", NUMBER, 0, INT64_MAX, offsetof(log_policy_t, delete_retention_ms)},
    {"file.delete.delay.ms", NUMBER, 0, INT64_MAX, SIZE_MAX},
    {"flush.messages", NUMBER, 1, INT64_MAX, SIZE_MAX},
    {"flush.ms", NUMBER, 0, INT64_MAX, SIZE_MAX},
    {"follower.replication.throttled.replicas", TEXT, 0, 0, 0},
    {"index.interval.bytes", NUMBER, 0, INT32_MAX, SIZE_MAX},
    {"leader.replication.throttled.replicas", TEXT, 0, 0, 0},
    {"local.retention.bytes", TEXT, 0, 0, 0},
    {"local.retention.ms", TEXT, 0, 0, 0},
    {"max.compaction.lag.ms", NUMBER, 1, INT64_MAX, offsetof(log_policy_t, max_lag_ms)},
    {"max.message.bytes", NUMBER, 0, INT32_MAX, SIZE_MAX},
    {"message.downconversion.enable", TEXT, 0, 0, 0},
    {"message.format.version", TEXT, 0, 0, 0},
    {"message.timestamp.after.max.ms", NUMBER, 0, INT64_MAX, SIZE_MAX},
    {"message.timestamp.before.max.ms", NUMBER, 0, INT64_MAX, SIZE_MAX},
    {"message.timestamp.difference.max.ms", NUMBER, 0, INT64_MAX, SIZE_MAX},
    {"message.timestamp.type", TEXT, 0, 0, 0},
    {"min.cleanable.dirty.ratio", RATIO, 0, 0, 0},
    {"min.compaction.lag.ms", NUMBER, 0, INT64_MAX, offsetof(log_policy_t, min_lag_ms)},
    {"min.insync.replicas", NUMBER, 1, INT32_MAX, SIZE_MAX},
    {"preallocate", TEXT, 0, 0, 0},
    {"remote.log.copy.disable", TEXT, 0, 0, 0},
    {"remote.log.delete.on.disable", TEXT, 0, 0, 0},
    {"remote.storage.enable", TEXT, 0, 0, 0},
    {"retention.bytes", NUMBER, -1, INT64_MAX, offsetof(log_policy_t, retention_bytes)},
    {"retention.ms", NUMBER, -1, INT64_MAX, offsetof(log_policy_t, retention_ms)},
    {"segment.bytes", NUMBER, 14, INT32_MAX, offsetof(log_policy_t, segment_bytes)},
    {"segment.index.bytes", NUMBER, 4, INT32_MAX, SIZE_MAX},
    {"segment.jitter.ms", NUMBER, 0, INT64_MAX, SIZE_MAX},
    {"segment.ms", NUMBER, 1, INT64_MAX, offsetof(log_policy_t, segment_ms)},
    {"unclean.leader.election.enable", TEXT, 0, 0, 0},
};

static log_policy_t policy_default(const log_local_options_t *opt)
{
    return (log_policy_t){.segment_bytes = opt->segment_bytes,
                          .segment_ms = 7 * INT64_C(86400000),
                          .retention_ms = opt->retention_ms,
                          .retention_bytes = opt->retention_bytes,
                          .deletes = true,
                          .delete_retention_ms = 86400000,
                          .max_lag_ms = INT64_MAX,
                          .dirty_ratio = 0.5};
}

static ST set_cleanup(log_policy_t *p, str_t value, err_t *err)
{
    bool deletes = false, compacts = false;
    str_t word;
    for (str_t left = value; str_split(&left, ',', &word);) {
        word = str_trim(word);
        if (str_eq(word, STR("delete")))
            deletes = true;
        else if (str_eq(word, STR("compact")))
            compacts = true;
        else
            return err_set(err, ST_BAD_CONFIG,
                           "cleanup.policy is \"" STR_FMT "\": delete, compact or both",
                           STR_ARG(value));
    }
    p->deletes = deletes;
    p->compacts = compacts;
    return ST_OK;
}

static ST set_ratio(log_policy_t *p, str_t value, err_t *err)
{
    double d;
    if (!str_to_f64(value, &d) || !(d >= 0 && d <= 1))
        return err_set(err, ST_BAD_CONFIG,
                       "min.cleanable.dirty.ratio is \"" STR_FMT "\": a number from 0 to 1",
                       STR_ARG(value));
    p->dirty_ratio = d;
    return ST_OK;
}

static ST policy_set(log_policy_t *p, str_t name, str_t value, err_t *err)
{
    for (size_t i = 0; i < sizeof config_rows / sizeof *config_rows; i++) {
        const struct config_row *row = &config_rows[i];
        if (!str_eq(name, str_of(row->name)))
            continue;
        if (row->kind == POLICY)
            return set_cleanup(p, value, err);
        if (row->kind == RATIO)
            return set_ratio(p, value, err);
        int64_t n = 0;
        if (row->kind == NUMBER && (!str_to_i64(value, &n) || n < row->min || n > row->max))
            return err_set(err, ST_BAD_CONFIG, "%s is \"" STR_FMT "\": a number from %lld to %lld",
                           row->name, STR_ARG(value), (long long)row->min, (long long)row->max);
        if (row->kind == NUMBER && row->place != SIZE_MAX)
            memcpy((char *)p + row->place, &n, sizeof n);
        return ST_OK;
    }
    return err_set(err, ST_BAD_CONFIG, "Unknown topic config name: " STR_FMT, STR_ARG(name));
}

static ST policy_of(const log_t *log, const log_config_t *config, size_t n, log_policy_t *ret,
                    err_t *err)
{
    log_policy_t p = policy_default(&log->opt);
    for (size_t i = 0; i < n; i++)
        TRY(policy_set(&p, config[i].name, config[i].value, err));
    *ret = p;
    return ST_OK;
}

/* ---- records */

static void put_text(buf_t *b, str_t s)
{
    buf_put_be32(b, (uint32_t)s.len);
    buf_put_str(b, s);
}

static bool take(str_t *in, size_t n, const char **ret)
{
    if (in->len < n)
        return false;
    *ret = in->ptr;
    *in = str_n(in->ptr + n, in->len - n);
    return true;
}

static bool take_u32(str_t *in, uint32_t *ret)
{
    const char *p;
    if (!take(in, 4, &p))
        return false;
    *ret = load_be32(p);
    return true;
}

static bool take_text(str_t *in, str_t *ret)
{
    uint32_t n;
    const char *p;
    if (!take_u32(in, &n) || !take(in, n, &p))
        return false;
    *ret = str_n(p, n);
    return true;
}

void log_topic_encode(buf_t *b, const log_topic_record_t *r)
{
    buf_put_be32(b, (uint32_t)r->number);
    buf_put(b, r->id.byte, sizeof r->id.byte);
    buf_put_be32(b, (uint32_t)r->partitions);
    buf_put_be32(b, (uint32_t)r->replicas);
    put_text(b, r->name);
    buf_put_be32(b, (uint32_t)r->n_configs);
    for (size_t i = 0; i < r->n_configs; i++) {
        put_text(b, r->config[i].name);
        put_text(b, r->config[i].value);
    }
}

ST log_topic_decode(str_t *in, arena_t *a, log_topic_record_t *ret, err_t *err)
{
    uint32_t number, partitions, replicas, n;
    const char *id;
    log_topic_record_t r = {0};
    if (!take_u32(in, &number) || !take(in, sizeof r.id.byte, &id) || !take_u32(in, &partitions) ||
        !take_u32(in, &replicas) || !take_text(in, &r.name) || !take_u32(in, &n))
        goto bad;
    if (number >= LOG_TOPIC_NUMBERS_MAX || partitions - 1 >= LOG_PARTITIONS_MAX ||
        n > CONFIGS_MAX || r.name.len == 0 || r.name.len > LOG_TOPIC_NAME_MAX)
        goto bad;
    memcpy(r.id.byte, id, sizeof r.id.byte);
    r.number = (int32_t)number;
    r.partitions = (int32_t)partitions;
    r.replicas = (int32_t)replicas;
    log_config_t *config = ARENA_ARRAY(a, log_config_t, n ? n : 1);
    for (uint32_t i = 0; i < n; i++)
        if (!take_text(in, &config[i].name) || !take_text(in, &config[i].value))
            goto bad;
    r.config = config;
    r.n_configs = n;
    *ret = r;
    return ST_OK;
bad:
    return err_set(err, ST_CORRUPT,
                   "a topic's record is malformed: restore the data directory from a backup");
}

/* ---- life; under the lock */

log_topic_t *log_topic_by_number(const log_t *log, int32_t number)
{
    return number >= 0 && (size_t)number < log->by_number.len ? log->by_number.ptr[number] : NULL;
}

log_topic_t *log_topic_by_name(const log_t *log, str_t name)
{
    return map_get(&log->topics, name);
}

static str_t dup_text(str_t s)
{
    return str_n(mem_dup(s.ptr, s.len), s.len);
}

static void config_free(log_topic_t *t)
{
    for (size_t i = 0; i < t->n_configs; i++) {
        free((void *)(uintptr_t)t->config[i].name.ptr);
        free((void *)(uintptr_t)t->config[i].value.ptr);
    }
    free(t->config);
}

static int cmp_configs(const void *a, const void *b)
{
    return str_cmp(((const log_config_t *)a)->name, ((const log_config_t *)b)->name);
}

static void config_set(log_topic_t *t, const log_topic_record_t *r)
{
    config_free(t);
    t->config = mem_alloc((r->n_configs ? r->n_configs : 1) * sizeof *t->config);
    t->n_configs = r->n_configs;
    for (size_t i = 0; i < r->n_configs; i++)
        t->config[i] = (log_config_t){dup_text(r->config[i].name), dup_text(r->config[i].value)};
    if (t->n_configs)
        qsort(t->config, t->n_configs, sizeof *t->config, cmp_configs);
    if (policy_of(t->log, t->config, t->n_configs, &t->policy, NULL) != ST_OK)
        t->policy = policy_default(&t->log->opt); /* written by a version with other bounds */
}

static void grow(log_topic_t *t, int32_t n)
{
    if (n <= t->n_partitions)
        return;
    t->partition = mem_realloc(t->partition, (size_t)n * sizeof(log_partition_t *));
    for (; t->n_partitions < n; t->n_partitions++) {
        log_partition_t *p = mem_zalloc(sizeof *p);
        p->topic = t;
        p->index = t->n_partitions;
        map_init(&p->producers);
        t->partition[t->n_partitions] = p;
    }
}

static str_t dir_for(const log_t *log, const log_topic_record_t *r)
{
    buf_t b = BUF_INIT;
    buf_printf(&b, STR_FMT "/topics/" STR_FMT ".", STR_ARG(log->dir),
               STR_ARG(str_sub(r->name, 0, DIR_NAME_MAX)));
    for (int i = 0; i < DIR_ID_BYTES; i++)
        buf_printf(&b, "%02x", r->id.byte[i]);
    size_t len;
    char *p = buf_take(&b, &len);
    return str_n(p, len);
}

log_topic_t *log_topic_apply(log_t *log, const log_topic_record_t *r)
{
    log_topic_t *t = log_topic_by_number(log, r->number);
    if (!t) {
        t = mem_zalloc(sizeof *t);
        t->refs = 1;
        t->log = log;
        t->number = r->number;
        t->id = r->id;
        t->replicas = r->replicas;
        t->name = dup_text(r->name);
        t->dir = dir_for(log, r);
        while (log->by_number.len <= (size_t)r->number)
            VEC_PUSH(&log->by_number, NULL);
        log->by_number.ptr[r->number] = t;
        map_put(&log->topics, t->name, t);
    }
    config_set(t, r);
    grow(t, r->partitions);
    return t;
}

void log_topic_apply_trim(log_topic_t *t, int32_t partition, int64_t offset)
{
    log_partition_t *p;
    if (log_partition_of(t, partition, &p, NULL) == ST_OK && offset > p->start && offset <= p->end)
        p->start = offset;
}

void log_topic_apply_delete(log_t *log, log_topic_t *t)
{
    for (log_partition_t **at = &log->dirty; *at;) {
        if ((*at)->topic == t)
            *at = (*at)->next_dirty;
        else
            at = &(*at)->next_dirty;
    }
    map_remove(&log->topics, t->name);
    log->by_number.ptr[t->number] = NULL;
    log_group_forget_topic(log, t->number);
    t->deleted = true;
    for (int32_t i = 0; i < t->n_partitions; i++)
        log_tail_forget(t->partition[i]);
    log_watch_signal(t);
    log_topic_unref(t);
}

log_topic_t *log_topic_ref(log_topic_t *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void log_topic_unref(log_topic_t *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (int32_t i = 0; i < t->n_partitions; i++) {
        log_partition_t *p = t->partition[i];
        for (size_t k = 0; k < p->segments.len; k++)
            log_segment_unref(p->segments.ptr[k]);
        VEC_DONE(&p->segments);
        log_producers_done(p);
        free(p->recent);
        free(p);
    }
    config_free(t);
    free(t->partition);
    VEC_DONE(&t->watches);
    free((void *)(uintptr_t)t->name.ptr);
    free((void *)(uintptr_t)t->dir.ptr);
    free(t);
}

ST log_partition_of(const log_topic_t *t, int32_t index, log_partition_t **ret, err_t *err)
{
    if (t->deleted)
        return err_set(err, ST_NOT_FOUND, "topic " STR_FMT " was deleted", STR_ARG(t->name));
    if (index < 0 || index >= t->n_partitions)
        return err_set(err, ST_NOT_FOUND, "topic " STR_FMT " has no partition %d", STR_ARG(t->name),
                       index);
    *ret = t->partition[index];
    return ST_OK;
}

log_partition_t *log_topic_partition(const log_topic_t *t, int32_t index)
{
    pthread_mutex_lock(&t->log->lock);
    ASSERT(index >= 0 && index < t->n_partitions);
    log_partition_t *p = t->partition[index];
    pthread_mutex_unlock(&t->log->lock);
    return p;
}

/* ---- the interface */

static ST check_name(str_t name, err_t *err)
{
    bool good = name.len > 0 && name.len <= LOG_TOPIC_NAME_MAX && !str_eq(name, STR(".")) &&
                !str_eq(name, STR(".."));
    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    }
    if (!good)
        return err_set(err, ST_BAD_INPUT,
                       "\"" STR_FMT
                       "\" is no topic name: 1 to 249 letters, digits, '.', '_' and '-'",
                       STR_ARG(str_sub(name, 0, 2 * LOG_TOPIC_NAME_MAX)));
    return ST_OK;
}

static ST check_partitions(int32_t n, err_t *err)
{
    if (n < 1 || n > LOG_PARTITIONS_MAX)
        return err_set(err, ST_BAD_INPUT, "%d partitions: from 1 to %d", n, LOG_PARTITIONS_MAX);
    return ST_OK;
}

static ST submit(log_t *log, const log_topic_record_t *r, bool create, err_t *err)
{
    log_policy_t policy;
    TRY(check_partitions(r->partitions, err));
    TRY(policy_of(log, r->config, r->n_configs, &policy, err));
    if (r->n_configs > CONFIGS_MAX)
        return err_set(err, ST_BAD_CONFIG, "more than %d configs", CONFIGS_MAX);
    log_entry_t *e = log_entry_new(LOG_ENTRY_TOPIC);
    log_topic_encode(&e->bytes, r);
    return log_submit(log, e, create, err);
}

ST log_topic_create(log_t *log, const log_topic_spec_t *spec, err_t *err)
{
    TRY(check_name(spec->name, err));
    log_topic_record_t r = {.name = spec->name,
                            .partitions = spec->partitions,
                            .replicas = spec->replicas,
                            .config = spec->config,
                            .n_configs = spec->n_configs};
    io_random(log->io, r.id.byte, sizeof r.id.byte);
    r.id.byte[6] = (uint8_t)((r.id.byte[6] & 0x0f) | 0x40); /* UUID version 4 */
    r.id.byte[8] = (uint8_t)((r.id.byte[8] & 0x3f) | 0x80);
    pthread_mutex_lock(&log->meta);
    st_t st = submit(log, &r, true, err);
    pthread_mutex_unlock(&log->meta);
    return st;
}

static void remove_files(log_topic_t *t)
{
    for (int32_t i = 0; i < t->n_partitions; i++)
        for (size_t k = 0; k < t->partition[i]->segments.len; k++)
            log_segment_remove(t->partition[i]->segments.ptr[k]);
    st_t st = io_rmdir(t->log->io, t->dir, NULL);
    (void)st; /* what stays is removed by the next open after a crash */
}

ST log_topic_delete(log_t *log, str_t name, err_t *err)
{
    log_topic_t *t;
    pthread_mutex_lock(&log->meta);
    st_t st = log_topic_open(log, name, &t, err);
    if (st == ST_OK) {
        log_entry_t *e = log_entry_new(LOG_ENTRY_TOPIC_DELETE);
        buf_put_be32(&e->bytes, (uint32_t)t->number);
        st = log_submit(log, e, false, err);
        if (st == ST_OK) {
            pthread_mutex_lock(&log->upkeep);
            remove_files(t);
            pthread_mutex_unlock(&log->upkeep);
        }
        log_topic_unref(t);
    }
    pthread_mutex_unlock(&log->meta);
    return st;
}

/* The topic's record as it is; text is the topic's or the arena's. Under meta, so it stays so. */
static log_topic_record_t record_of(const log_topic_t *t)
{
    return (log_topic_record_t){.number = t->number,
                                .id = t->id,
                                .partitions = t->n_partitions,
                                .replicas = t->replicas,
                                .name = t->name,
                                .config = t->config,
                                .n_configs = t->n_configs};
}

ST log_topic_alter(log_t *log, str_t name, const log_config_t *config, size_t n, err_t *err)
{
    log_topic_t *t;
    pthread_mutex_lock(&log->meta);
    st_t st = log_topic_open(log, name, &t, err);
    if (st == ST_OK) {
        VEC(log_config_t) all = {0};
        log_topic_record_t r = record_of(t);
        for (size_t i = 0; i < r.n_configs; i++)
            VEC_PUSH(&all, r.config[i]);
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < all.len; k++)
                if (str_eq(all.ptr[k].name, config[i].name)) {
                    VEC_REMOVE(&all, k);
                    break;
                }
            if (config[i].value.ptr)
                VEC_PUSH(&all, config[i]);
        }
        r.config = all.ptr;
        r.n_configs = all.len;
        st = submit(log, &r, false, err);
        VEC_DONE(&all);
        log_topic_unref(t);
    }
    pthread_mutex_unlock(&log->meta);
    return st;
}

ST log_topic_grow(log_t *log, str_t name, int32_t partitions, err_t *err)
{
    log_topic_t *t;
    pthread_mutex_lock(&log->meta);
    st_t st = log_topic_open(log, name, &t, err);
    if (st == ST_OK) {
        log_topic_record_t r = record_of(t);
        if (partitions <= r.partitions)
            st = err_set(err, ST_BAD_INPUT,
                         "topic " STR_FMT " has %d partitions: it can only get more", STR_ARG(name),
                         r.partitions);
        r.partitions = partitions;
        if (st == ST_OK)
            st = submit(log, &r, false, err);
        log_topic_unref(t);
    }
    pthread_mutex_unlock(&log->meta);
    return st;
}

ST log_topic_trim(log_topic_t *t, int32_t partition, int64_t offset, int64_t *ret_start, err_t *err)
{
    log_offsets_t o;
    TRY(log_topic_offsets(t, partition, &o, err));
    if (offset < 0)
        offset = o.end;
    if (offset > o.end)
        return err_set(err, ST_RANGE, "topic " STR_FMT " partition %d ends at %lld, before %lld",
                       STR_ARG(t->name), partition, (long long)o.end, (long long)offset);
    if (offset > o.start) {
        log_entry_t *e = log_entry_new(LOG_ENTRY_TRIM);
        buf_put_be32(&e->bytes, (uint32_t)t->number);
        buf_put_be32(&e->bytes, (uint32_t)partition);
        buf_put_be64(&e->bytes, (uint64_t)offset);
        TRY(log_submit(t->log, e, false, err));
    }
    *ret_start = offset > o.start ? offset : o.start;
    return ST_OK;
}

int64_t log_topic_bytes(log_topic_t *t, int32_t partition)
{
    log_partition_t *p;
    int64_t bytes = 0;
    pthread_mutex_lock(&t->log->lock);
    if (log_partition_of(t, partition, &p, NULL) == ST_OK)
        for (size_t i = 0; i < p->segments.len; i++)
            bytes += p->segments.ptr[i]->size;
    pthread_mutex_unlock(&t->log->lock);
    return bytes;
}

ST log_topic_open(log_t *log, str_t name, log_topic_t **ret, err_t *err)
{
    pthread_mutex_lock(&log->lock);
    log_topic_t *t = log_topic_by_name(log, name);
    if (t)
        *ret = log_topic_ref(t);
    pthread_mutex_unlock(&log->lock);
    return t ? ST_OK
             : err_set(err, ST_NOT_FOUND, "topic " STR_FMT " does not exist", STR_ARG(name));
}

ST log_topic_open_id(log_t *log, const log_uuid_t *id, log_topic_t **ret, err_t *err)
{
    log_topic_t *t = NULL;
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->by_number.len && !t; i++)
        if (log->by_number.ptr[i] && !memcmp(&log->by_number.ptr[i]->id, id, sizeof *id))
            t = *ret = log_topic_ref(log->by_number.ptr[i]);
    pthread_mutex_unlock(&log->lock);
    return t ? ST_OK : err_set(err, ST_NOT_FOUND, "no topic has this id");
}

str_t log_topic_name(const log_topic_t *t)
{
    return t->name;
}

int32_t log_topic_partitions(const log_topic_t *t)
{
    pthread_mutex_lock(&t->log->lock);
    int32_t n = t->n_partitions;
    pthread_mutex_unlock(&t->log->lock);
    return n;
}

log_uuid_t log_topic_id(const log_topic_t *t)
{
    return t->id;
}

static log_topic_info_t describe(const log_topic_t *t, arena_t *a)
{
    log_config_t *config = ARENA_ARRAY(a, log_config_t, t->n_configs ? t->n_configs : 1);
    for (size_t i = 0; i < t->n_configs; i++)
        config[i] =
            (log_config_t){arena_str(a, t->config[i].name), arena_str(a, t->config[i].value)};
    return (log_topic_info_t){.name = arena_str(a, t->name),
                              .id = t->id,
                              .partitions = t->n_partitions,
                              .replicas = t->replicas,
                              .config = config,
                              .n_configs = t->n_configs};
}

ST log_topic_describe(log_t *log, str_t name, arena_t *a, log_topic_info_t *ret, err_t *err)
{
    pthread_mutex_lock(&log->lock);
    log_topic_t *t = log_topic_by_name(log, name);
    if (t)
        *ret = describe(t, a);
    pthread_mutex_unlock(&log->lock);
    return t ? ST_OK
             : err_set(err, ST_NOT_FOUND, "topic " STR_FMT " does not exist", STR_ARG(name));
}

static int cmp_infos(const void *a, const void *b)
{
    return str_cmp(((const log_topic_info_t *)a)->name, ((const log_topic_info_t *)b)->name);
}

ST log_topic_list(log_t *log, arena_t *a, log_topic_info_t **ret, size_t *ret_n, err_t *err)
{
    (void)err;
    pthread_mutex_lock(&log->lock);
    size_t n = 0;
    log_topic_info_t *infos = ARENA_ARRAY(a, log_topic_info_t, log->topics.len + 1);
    for (map_entry_t *e = NULL; (e = map_next(&log->topics, e));)
        infos[n++] = describe(e->value, a);
    pthread_mutex_unlock(&log->lock);
    qsort(infos, n, sizeof *infos, cmp_infos);
    *ret = infos;
    *ret_n = n;
    return ST_OK;
}
