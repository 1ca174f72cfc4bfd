/* group.c: consumer groups' committed offsets. */
#include "log/local/engine.h"

static str_t key_of(int32_t topic, int32_t partition, char (*ret)[8])
{
    memcpy(*ret, &topic, 4);
    memcpy(*ret + 4, &partition, 4);
    return str_n(*ret, sizeof *ret);
}

static log_group_t *group_new(str_t name)
{
    log_group_t *g = mem_zalloc(sizeof *g);
    g->name = str_n(mem_dup(name.ptr, name.len), name.len);
    map_init(&g->offsets);
    return g;
}

static void group_free(void *group)
{
    log_group_t *g = group;
    map_done(&g->offsets, free);
    free((void *)(uintptr_t)g->name.ptr);
    free(g);
}

static void forget(log_t *log, log_group_t *g, str_t key)
{
    free(map_remove(&g->offsets, key));
    if (!g->offsets.len)
        log_group_apply_delete(log, g->name);
}

void log_group_apply(log_t *log, const log_item_t *i)
{
    char key[8];
    str_t k = key_of(i->topic, i->partition, &key);
    log_group_t *g = map_get(&log->groups, i->name);
    if (i->offset == -1) {
        if (g)
            forget(log, g, k);
        return;
    }
    if (!g) {
        g = group_new(i->name);
        map_put(&log->groups, i->name, g);
    }
    log_group_at_t *o = map_get(&g->offsets, k);
    if (!o || o->metadata_len != i->text.len) {
        o = mem_alloc(sizeof *o + i->text.len);
        free(map_put(&g->offsets, k, o));
    }
    *o = (log_group_at_t){i->topic,  i->partition, i->leader_epoch,
                          i->offset, i->commit_ms, i->text.len};
    memcpy(o->metadata, i->text.ptr, i->text.len);
}

void log_group_apply_delete(log_t *log, str_t group)
{
    log_group_t *g = map_remove(&log->groups, group);
    if (g)
        group_free(g);
}

void log_group_forget_topic(log_t *log, int32_t topic)
{
    for (map_entry_t *e = NULL; (e = map_next(&log->groups, e));) {
        log_group_t *g = e->value;
        VEC(int32_t) gone = {0};
        for (map_entry_t *f = NULL; (f = map_next(&g->offsets, f));) {
            const log_group_at_t *o = f->value;
            if (o->topic == topic)
                VEC_PUSH(&gone, o->partition);
        }
        for (size_t i = 0; i < gone.len; i++) {
            char key[8];
            free(map_remove(&g->offsets, key_of(topic, gone.ptr[i], &key)));
        }
        VEC_DONE(&gone);
    }
}

void log_groups_done(log_t *log)
{
    map_done(&log->groups, group_free);
}

ST log_committed(log_t *log, str_t group, str_t topic, int32_t partition, int64_t *ret, err_t *err)
{
    pthread_mutex_lock(&log->lock);
    int64_t offset = -1;
    log_topic_t *t = log_topic_by_name(log, topic);
    log_group_t *g = map_get(&log->groups, group);
    char key[8];
    const log_group_at_t *o =
        t && g ? map_get(&g->offsets, key_of(t->number, partition, &key)) : NULL;
    if (o)
        offset = o->offset;
    pthread_mutex_unlock(&log->lock);
    if (!t)
        return err_set(err, ST_NOT_FOUND, "topic " STR_FMT " does not exist", STR_ARG(topic));
    *ret = offset;
    return ST_OK;
}

ST log_group_delete(log_t *log, str_t group, err_t *err)
{
    pthread_mutex_lock(&log->lock);
    bool known = map_get(&log->groups, group) != NULL;
    pthread_mutex_unlock(&log->lock);
    if (!known)
        return err_set(err, ST_NOT_FOUND, "group " STR_FMT " has no offsets", STR_ARG(group));
    log_entry_t *e = log_entry_new(LOG_ENTRY_GROUP_DELETE);
    buf_put_str(&e->bytes, group);
    return log_submit(log, e, false, err);
}

/* ---- listing */

static int cmp_offsets(const void *a, const void *b)
{
    const log_group_offset_t *x = a, *y = b;
    int c = str_cmp(x->topic, y->topic);
    return c ? c : x->partition < y->partition ? -1 : x->partition > y->partition;
}

void log_group_offsets(log_t *log, str_t group, arena_t *a, log_group_offset_t **ret, size_t *ret_n)
{
    size_t n = 0;
    pthread_mutex_lock(&log->lock);
    const log_group_t *g = map_get(&log->groups, group);
    *ret = ARENA_ARRAY(a, log_group_offset_t, g ? g->offsets.len + 1 : 1);
    for (map_entry_t *e = NULL; g && (e = map_next(&g->offsets, e));) {
        const log_group_at_t *o = e->value;
        const log_topic_t *t = log_topic_by_number(log, o->topic);
        if (t)
            (*ret)[n++] =
                (log_group_offset_t){.group = arena_str(a, group),
                                     .topic = arena_str(a, t->name),
                                     .partition = o->partition,
                                     .leader_epoch = o->leader_epoch,
                                     .offset = o->offset,
                                     .commit_ms = o->commit_ms,
                                     .metadata = arena_str(a, str_n(o->metadata, o->metadata_len))};
    }
    pthread_mutex_unlock(&log->lock);
    if (n)
        qsort(*ret, n, sizeof **ret, cmp_offsets);
    *ret_n = n;
}

static int cmp_names(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

void log_groups(log_t *log, arena_t *a, str_t **ret, size_t *ret_n)
{
    size_t n = 0;
    pthread_mutex_lock(&log->lock);
    *ret = ARENA_ARRAY(a, str_t, log->groups.len + 1);
    for (map_entry_t *e = NULL; (e = map_next(&log->groups, e));)
        (*ret)[n++] = arena_str(a, e->key);
    pthread_mutex_unlock(&log->lock);
    if (n)
        qsort(*ret, n, sizeof **ret, cmp_names);
    *ret_n = n;
}
