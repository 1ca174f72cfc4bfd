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

void log_group_apply(log_t *log, str_t group, int32_t topic, int32_t partition, int64_t offset)
{
    log_group_t *g = map_get(&log->groups, group);
    if (!g) {
        g = group_new(group);
        map_put(&log->groups, group, g);
    }
    char key[8];
    str_t k = key_of(topic, partition, &key);
    log_group_offset_t *o = map_get(&g->offsets, k);
    if (!o) {
        o = mem_alloc(sizeof *o);
        map_put(&g->offsets, k, o);
    }
    *o = (log_group_offset_t){topic, partition, offset};
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
        VEC(log_group_offset_t) gone = {0};
        for (map_entry_t *f = NULL; (f = map_next(&g->offsets, f));) {
            log_group_offset_t *o = f->value;
            if (o->topic == topic)
                VEC_PUSH(&gone, *o);
        }
        for (size_t i = 0; i < gone.len; i++) {
            char key[8];
            free(map_remove(&g->offsets, key_of(topic, gone.ptr[i].partition, &key)));
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
    log_group_offset_t *o =
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
