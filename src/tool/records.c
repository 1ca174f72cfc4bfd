/* records.c: kafka-delete-records. */
#include "base/json.h"
#include "io/text.h"
#include "tool/admin.h"
#include "tool/error.h"
#include "tool/row.h"
#include "tool/tool.h"

#include <stdio.h>

#define FILE_BYTES_MAX (64u << 20)

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"offset-json-file", "FILE",
     "{\"partitions\":[{\"topic\":\"t\",\"partition\":0,\"offset\":10}],\"version\":1}; records "
     "before the offset go, -1: all"},
    {NULL, NULL, NULL}};

typedef struct wanted {
    str_t topic;
    int32_t partition, leader;
    int64_t offset;
} wanted_t;

typedef VEC(wanted_t) wanteds_t;

static ST read_wanted(admin_t *a, str_t text, wanteds_t *ret, err_t *err)
{
    const json_value_t *j;
    TRY(json_parse(admin_arena(a), text, 0, &j, err));
    const json_value_t *list = json_get(j, "partitions");
    if (!list || list->kind != JSON_ARRAY)
        return err_set(err, ST_BAD_INPUT, "the file has no \"partitions\" list");
    for (size_t i = 0; i < list->n; i++) {
        const json_value_t *p = list->item[i].kind == JSON_OBJECT ? &list->item[i] : NULL;
        if (!p || !json_get(p, "topic") || !json_get(p, "partition") || !json_get(p, "offset"))
            return err_set(err, ST_BAD_INPUT,
                           "item %zu of \"partitions\" needs topic, partition and offset", i);
        VEC_PUSH(ret, ((wanted_t){json_get_text(p, "topic", STR("")),
                                  (int32_t)json_get_i64(p, "partition", -1), -1,
                                  json_get_i64(p, "offset", 0)}));
    }
    return ST_OK;
}

static ST find_leaders(admin_t *a, wanteds_t *w, err_t *err)
{
    wire_metadata_response_t m;
    TRY(admin_metadata(a, NULL, 0, &m, err));
    for (size_t i = 0; i < w->len; i++)
        for (int32_t t = 0; t < m.topics.len; t++)
            for (int32_t p = 0; p < m.topics.ptr[t].partitions.len; p++)
                if (str_eq(m.topics.ptr[t].name, w->ptr[i].topic) &&
                    m.topics.ptr[t].partitions.ptr[p].partition_index == w->ptr[i].partition)
                    w->ptr[i].leader = m.topics.ptr[t].partitions.ptr[p].leader_id;
    return ST_OK;
}

static void print_one(const flags_t *f, const wanted_t *w, int64_t low, const char *why)
{
    if (row_wanted(f) && why)
        ROW(ROW_TEXT("topic", w->topic), ROW_INT("partition", w->partition),
            ROW_TEXT("error", str_of(why)));
    else if (row_wanted(f))
        ROW(ROW_TEXT("topic", w->topic), ROW_INT("partition", w->partition),
            ROW_INT("lowWatermark", low));
    else if (why)
        printf("partition: " STR_FMT "-%d\terror: %s\n", STR_ARG(w->topic), w->partition, why);
    else
        printf("partition: " STR_FMT "-%d\tlow_watermark: %lld\n", STR_ARG(w->topic), w->partition,
               (long long)low);
}

static ST delete_one(admin_t *a, const flags_t *f, const wanted_t *w, bool *failed, err_t *err)
{
    if (w->leader < 0) {
        print_one(f, w, -1, error_text(3));
        *failed = true;
        return ST_OK;
    }
    wire_delete_records_request_topic_t *t =
        WIRE_NEW(admin_arena(a), delete_records_request_topic, 1);
    t->name = w->topic;
    t->partitions.ptr = WIRE_NEW(admin_arena(a), delete_records_request_partition, 1);
    t->partitions.len = 1;
    t->partitions.ptr[0].partition_index = w->partition;
    t->partitions.ptr[0].offset = w->offset;
    wire_delete_records_request_t q = {.topics = {t, 1}, .timeout_ms = 30000};
    wire_delete_records_response_t r;
    TRY(admin_call(a, w->leader, WIRE_API_delete_records, 2, &q, &r, err));
    if (r.topics.len != 1 || r.topics.ptr[0].partitions.len != 1)
        return err_set(err, ST_CORRUPT, "the broker says nothing of the partition");
    const wire_delete_records_response_partition_t *p = &r.topics.ptr[0].partitions.ptr[0];
    err_t why;
    if (error_check(p->error_code, STR_NONE, &why) == ST_OK) {
        print_one(f, w, p->low_watermark, NULL);
    } else {
        print_one(f, w, -1, why.msg);
        *failed = true;
    }
    return ST_OK;
}

static ST run(admin_t *a, const flags_t *f, bool *failed, err_t *err)
{
    str_t text, path = flags_get(f, "offset-json-file");
    if (!path.ptr)
        return err_set(err, ST_BAD_INPUT, "--offset-json-file FILE is missing");
    wanteds_t w = {0};
    TRY(io_text_read(admin_arena(a), path, FILE_BYTES_MAX, &text, err));
    st_t st = read_wanted(a, text, &w, err);
    if (st == ST_OK)
        st = find_leaders(a, &w, err);
    if (st == ST_OK && !row_wanted(f)) {
        puts("Executing records delete operation");
        puts("Records delete operation completed:");
    }
    for (size_t i = 0; i < w.len && st == ST_OK; i++)
        st = delete_one(a, f, &w.ptr[i], failed, err);
    VEC_DONE(&w);
    return st;
}

int tool_records(int argc, char **argv)
{
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    admin_t *a = NULL;
    err_t err;
    bool failed = false;
    st_t st = admin_open(&f, &a, &err);
    if (st == ST_OK)
        st = run(a, &f, &failed, &err);
    if (st != ST_OK)
        fprintf(stderr, "%s: %s\n", argv[0], err.msg);
    admin_close(a);
    return st == ST_OK && !failed ? 0 : 1;
}
