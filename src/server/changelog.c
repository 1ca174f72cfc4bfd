/* changelog.c: the topics from which a query's state comes back. */
#include "server/internal.h"

#define DAY_MS       INT64_C(86400000)
#define SHAPE_CONFIG "arus.state.shape" /* exec_store_shape, in a changelog's configs */

static str_t changelog_name(const runner_t *r, arena_t *a, size_t store)
{
    return arena_printf(a, STR_FMT "-" STR_FMT "-%zu-changelog", STR_ARG(r->group),
                        STR_ARG(exec_store_name(r->exec, store)), store);
}

/* Reads a changelog's partition from an offset on into its store. */
static ST read_changelog(runner_t *r, size_t store, int32_t p, int64_t from, err_t *err)
{
    log_topic_t *t = r->changelog[store].topic;
    log_offsets_t o;
    TRY(log_topic_offsets(t, p, &o, err));
    for (int64_t at = from > o.start ? from : o.start; at < o.end;) {
        log_chunk_t chunk;
        TRY(log_read(t, p, at, 1u << 20, &chunk, err));
        str_t bytes = chunk.bytes;
        wire_batch_t b;
        st_t st = ST_OK;
        while (st == ST_OK && bytes.len && wire_batch_next(&bytes, &b, err) == ST_OK) {
            wire_record_t rec;
            st = wire_reader_open(&r->reader, &b, err);
            while (st == ST_OK && wire_reader_next(&r->reader, &rec))
                if (rec.offset >= at)
                    st = exec_restore(r->exec, store, p, rec.key, rec.value, err);
        }
        int64_t next = chunk.next_offset;
        log_chunk_unref(&chunk);
        TRY(st);
        if (next <= at)
            break;
        at = next;
    }
    return ST_OK;
}

/* What the changelog holds must be what the query keeps: an edited statement with an old id may
 * differ. */
static ST check_shape(runner_t *r, str_t name, str_t shape, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    log_topic_info_t info;
    st_t st = log_topic_describe(r->server->opt.log, name, &a, &info, err);
    for (size_t i = 0; st == ST_OK && i < info.n_configs; i++)
        if (str_eq(info.config[i].name, STR(SHAPE_CONFIG)) && !str_eq(info.config[i].value, shape))
            st = err_set(err, ST_CORRUPT,
                         "changelog " STR_FMT
                         " holds the state of another statement (it was edited): give the stream "
                         "or table another name, or TERMINATE the query and create it again",
                         STR_ARG(name));
    arena_done(&a);
    return st;
}

static ST open_changelog(runner_t *r, size_t i, err_t *err)
{
    log_t *log = r->server->opt.log;
    str_t shape = arena_printf(&r->life, "%08x", exec_store_shape(r->exec, i));
    str_t name = changelog_name(r, &r->life, i);
    int32_t partitions = exec_store_partitions(r->exec, i);
    log_topic_t *t;
    st_t st = log_topic_open(log, name, &t, NULL);
    if (st == ST_NOT_FOUND) {
        int64_t keep_ms = exec_store_retention_ms(r->exec, i);
        char retention[32];
        snprintf(retention, sizeof retention, "%lld",
                 (long long)(keep_ms < 0 ? -1 : keep_ms + DAY_MS));
        log_config_t config[] = {
            {STR("cleanup.policy"), keep_ms < 0 ? STR("compact") : STR("compact,delete")},
            {STR("retention.ms"), str_of(retention)},
            {STR(SHAPE_CONFIG), shape}};
        log_topic_spec_t spec = {name, partitions, 1, config, 3};
        TRY(log_topic_create(log, &spec, err));
        TRY(log_topic_open(log, name, &t, err));
    }
    runner_output_init(&r->changelog[i], &r->life, t);
    if (log_topic_partitions(t) != partitions)
        return err_set(err, ST_CORRUPT,
                       "changelog " STR_FMT " has %d partitions, the query has %d: terminate it "
                       "and create it again",
                       STR_ARG(name), log_topic_partitions(t), partitions);
    return check_shape(r, name, shape, err);
}

st_t runner_changelogs_open(runner_t *r, err_t *err)
{
    r->n_changelogs = exec_n_stores(r->exec);
    r->changelog = ARENA_ARRAY(&r->life, runner_output_t, r->n_changelogs);
    int64_t **from = ARENA_ARRAY(&r->life, int64_t *, r->n_changelogs + 1);
    for (size_t i = 0; i < r->n_changelogs; i++) {
        TRY(open_changelog(r, i, err));
        from[i] = ARENA_ARRAY(&r->life, int64_t, r->changelog[i].n_partitions);
    }
    if (!r->n_changelogs)
        return ST_OK;
    err_t why;
    st_t st = runner_checkpoint_load(r, from, &why);
    if (st != ST_OK && st != ST_NOT_FOUND) {
        trace_line(TRACE_WARN, "sql", "%s", why.msg);
        if (st == ST_CORRUPT)
            runner_checkpoint_forget(r); /* ahead of the log today, it would fit some day */
        for (size_t i = 0; i < r->n_changelogs; i++)
            memset(from[i], 0, (size_t)r->changelog[i].n_partitions * sizeof **from);
    }
    for (size_t i = 0; i < r->n_changelogs; i++)
        for (int32_t p = 0; p < r->changelog[i].n_partitions; p++)
            TRY(read_changelog(r, i, p, from[i][p], err));
    return ST_OK;
}

/* A query's id ends so and a store's name has none: it tells A_1's topics from those of A_1-B_2. */
static bool has_number(str_t s)
{
    for (size_t i = 1; i < s.len; i++)
        if (s.ptr[i - 1] == '_' && s.ptr[i] >= '0' && s.ptr[i] <= '9')
            return true;
    return false;
}

void runner_changelogs_delete(runner_t *r)
{
    log_t *log = r->server->opt.log;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t prefix = arena_printf(&a, STR_FMT "-", STR_ARG(r->group));
    log_topic_info_t *info;
    size_t n = 0;
    err_t err;
    if (log_topic_list(log, &a, &info, &n, &err) != ST_OK)
        trace_line(TRACE_WARN, "sql", "%s", err.msg);
    for (size_t i = 0; i < n; i++)
        if (str_starts(info[i].name, prefix) && str_ends(info[i].name, STR("-changelog")) &&
            !has_number(str_sub(info[i].name, prefix.len, SIZE_MAX)) &&
            log_topic_delete(log, info[i].name, &err) != ST_OK)
            trace_line(TRACE_WARN, "sql", "%s", err.msg);
    arena_done(&a);
}
