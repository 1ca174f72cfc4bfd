/* group_past.c: what the log knows of a group. */
#include "broker/group_past.h"

static void read_classic(const group_record_t *record, arena_t *a, group_past_t *ret)
{
    const wire_group_metadata_value_t *v = group_record_read(record, a);
    *ret = (group_past_t){.id = record->group, .since_ms = -1, .protocol_type = STR("")};
    if (!v)
        return;
    ret->generation = v->generation;
    ret->members = v->members.len;
    ret->since_ms = v->current_state_timestamp;
    ret->protocol_type = v->protocol_type;
}

static void read_assigned(const group_record_t *record, arena_t *a, group_past_t *ret)
{
    const wire_consumer_group_metadata_value_t *v = group_record_read(record, a);
    *ret = (group_past_t){.id = record->group,
                          .assigned = true,
                          .generation = v ? v->epoch : 0,
                          .since_ms = -1,
                          .protocol_type = STR("consumer")};
}

/* The last time that something about its members changed. */
static void read_since(const group_record_t *record, arena_t *a, group_past_t *ret)
{
    const wire_consumer_group_target_assignment_metadata_value_t *v = group_record_read(record, a);
    if (v && v->assignment_timestamp > 0)
        ret->since_ms = v->assignment_timestamp;
}

bool group_past_find(log_t *log, str_t id, arena_t *a, group_past_t *ret)
{
    group_record_t record;
    if (group_record_find(log, GROUP_RECORD_EPOCH, id, a, &record)) {
        read_assigned(&record, a, ret);
        if (group_record_find(log, GROUP_RECORD_TARGET_EPOCH, id, a, &record))
            read_since(&record, a, ret);
        return true;
    }
    if (!group_record_find(log, GROUP_RECORD_CLASSIC, id, a, &record))
        return false;
    read_classic(&record, a, ret);
    return true;
}

void group_pasts(log_t *log, arena_t *a, group_past_t **ret, size_t *ret_n)
{
    group_record_t *record;
    size_t n, found = 0;
    map_t by_id;
    map_init(&by_id);
    group_records(log, a, &record, &n);
    *ret = ARENA_ARRAY(a, group_past_t, n + 1);
    for (size_t i = 0; i < n; i++) { /* by kind: groups before their members */
        group_past_t *past = map_get(&by_id, record[i].group);
        if (record[i].kind == GROUP_RECORD_CLASSIC)
            read_classic(&record[i], a, past = &(*ret)[found++]);
        else if (record[i].kind == GROUP_RECORD_EPOCH)
            read_assigned(&record[i], a, past = &(*ret)[found++]);
        else if (record[i].kind == GROUP_RECORD_MEMBER && past)
            past->members++;
        else if (record[i].kind == GROUP_RECORD_TARGET_EPOCH && past)
            read_since(&record[i], a, past);
        if (past)
            map_put(&by_id, record[i].group, past);
    }
    map_done(&by_id, NULL);
    *ret_n = found;
}

static int cmp_ids(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

void group_ids(log_t *log, arena_t *a, str_t **ret, size_t *ret_n)
{
    str_t *with_offsets;
    group_past_t *past;
    size_t n, n_pasts, kept = 0;
    log_groups(log, a, &with_offsets, &n);
    group_pasts(log, a, &past, &n_pasts);
    str_t *all = ARENA_ARRAY(a, str_t, n + n_pasts + 1);
    for (size_t i = 0; i < n; i++)
        all[i] = with_offsets[i];
    for (size_t i = 0; i < n_pasts; i++)
        all[n++] = past[i].id;
    qsort(all, n, sizeof *all, cmp_ids);
    for (size_t i = 0; i < n; i++)
        if (!kept || !str_eq(all[kept - 1], all[i]))
            all[kept++] = all[i];
    *ret = all;
    *ret_n = kept;
}
