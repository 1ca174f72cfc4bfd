/* group_record.c: what the log keeps of a group besides its offsets. */
#include "broker/group_record.h"

#define VERSION    1
#define HEAD_BYTES 18

static const str_t prefix = {"group/", 6};

static str_t key_of(str_t id, arena_t *a)
{
    return arena_printf(a, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(id));
}

static bool read_record(str_t id, str_t f, group_record_t *ret)
{
    if (f.len < HEAD_BYTES || f.ptr[0] != VERSION)
        return false;
    *ret = (group_record_t){.id = id,
                            .kind = f.ptr[1] == GROUP_ASSIGNED ? GROUP_ASSIGNED : GROUP_CLASSIC,
                            .generation = (int32_t)load_be32(f.ptr + 2),
                            .members = (int32_t)load_be32(f.ptr + 6),
                            .since_ms = (int64_t)load_be64(f.ptr + 10),
                            .protocol_type = str_sub(f, HEAD_BYTES, f.len)};
    return true;
}

bool group_record_find(const broker_coordinator_t *c, str_t id, arena_t *a, group_record_t *ret)
{
    str_t f;
    return log_fact(c->broker->log, key_of(id, a), a, &f, NULL) == ST_OK && read_record(id, f, ret);
}

void group_records(log_t *log, arena_t *a, group_record_t **ret, size_t *ret_n)
{
    log_fact_t *fact;
    size_t n, good = 0;
    log_facts(log, prefix, a, &fact, &n);
    *ret = ARENA_ARRAY(a, group_record_t, n + 1);
    for (size_t i = 0; i < n; i++)
        good += read_record(str_sub(fact[i].key, prefix.len, fact[i].key.len), fact[i].value,
                            &(*ret)[good]);
    *ret_n = good;
}

static int cmp_ids(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

void group_ids(const broker_coordinator_t *c, arena_t *a, str_t **ret, size_t *ret_n)
{
    str_t *with_offsets;
    group_record_t *record;
    size_t n, n_records, kept = 0;
    log_groups(c->broker->log, a, &with_offsets, &n);
    group_records(c->broker->log, a, &record, &n_records);
    str_t *all = ARENA_ARRAY(a, str_t, n + n_records + 1);
    for (size_t i = 0; i < n; i++)
        all[i] = with_offsets[i];
    for (size_t i = 0; i < n_records; i++)
        all[n++] = record[i].id;
    qsort(all, n, sizeof *all, cmp_ids);
    for (size_t i = 0; i < n; i++)
        if (!kept || !str_eq(all[kept - 1], all[i]))
            all[kept++] = all[i];
    *ret = all;
    *ret_n = kept;
}

void group_record_put(log_commit_t *commit, const group_record_t *g)
{
    arena_t a;
    buf_t b = BUF_INIT;
    arena_init(&a, ARENA_NO_LIMIT);
    buf_put_char(&b, VERSION);
    buf_put_char(&b, (char)g->kind);
    buf_put_be32(&b, (uint32_t)g->generation);
    buf_put_be32(&b, (uint32_t)g->members);
    buf_put_be64(&b, (uint64_t)g->since_ms);
    buf_put_str(&b, g->protocol_type);
    log_commit_fact(commit, key_of(g->id, &a), buf_str(&b));
    buf_done(&b);
    arena_done(&a);
}

void group_record_remove(log_commit_t *commit, str_t id)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    log_commit_fact(commit, key_of(id, &a), STR_NONE);
    arena_done(&a);
}

ST group_records_load(broker_coordinator_t *c, err_t *err)
{
    arena_t a;
    group_record_t *record;
    size_t n, changed = 0;
    st_t st = ST_OK;
    log_commit_t *commit = log_commit_new(c->broker->log);
    arena_init(&a, ARENA_NO_LIMIT);
    group_records(c->broker->log, &a, &record, &n);
    for (size_t i = 0; i < n; i++) {
        if (!record[i].members)
            continue;
        record[i].members = 0;
        record[i].since_ms = io_now_ms(c->broker->io);
        group_record_put(commit, &record[i]);
        changed++;
    }
    if (changed)
        st = log_commit(c->broker->log, commit, NULL, err);
    else
        log_commit_free(commit);
    arena_done(&a);
    return st;
}
