/* offsets.c: kafka-get-offsets. */
#include "tool/admin.h"
#include "tool/error.h"
#include "tool/row.h"
#include "tool/tool.h"

#include <stdio.h>

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"broker-list", "HOST:PORT,...", "as --bootstrap-server"},
    {"topic", "NAME", "names or a regular expression; default: all topics"},
    {"topic-partitions", "TOPIC:P,...", "these partitions; P may be empty, N, N-M, N- or -M"},
    {"partitions", "P,...", "only these partitions of each topic"},
    {"time", "T", "latest (-1, the default), earliest (-2), max-timestamp (-3), or milliseconds"},
    {"exclude-internal-topics", NULL, "leaves internal topics out"},
    {NULL, NULL, NULL}};

static ST read_time(const flags_t *f, int64_t *ret, err_t *err)
{
    static const struct {
        const char *name;
        int64_t time;
    } names[] = {{"latest", -1},
                 {"earliest", -2},
                 {"max-timestamp", -3},
                 {"earliest-local", -4},
                 {"latest-tiered", -5}};
    str_t text = flags_get(f, "time");
    *ret = -1;
    if (!text.ptr || str_to_i64(text, ret))
        return ST_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(text, str_of(names[i].name))) {
            *ret = names[i].time;
            return ST_OK;
        }
    return err_set(err, ST_BAD_INPUT,
                   "Malformed time argument " STR_FMT
                   ". Please use -1 or latest / -2 or earliest / -3 or max-timestamp, or a "
                   "specified long format timestamp",
                   STR_ARG(text));
}

/* "", "3", "1-4" (4 is not meant), "2-", "-4" */
static bool in_range(str_t range, int32_t partition)
{
    int64_t low = 0, high = INT64_MAX;
    str_t rest = range, first;
    if (!range.len)
        return true;
    if (str_to_i64(range, &low) && low >= 0)
        return partition == low;
    low = 0;
    if (!str_split(&rest, '-', &first))
        return false;
    if ((first.len && !str_to_i64(first, &low)) || (rest.len && !str_to_i64(rest, &high)))
        return false;
    return partition >= low && partition < high;
}

static ST is_meant(const flags_t *f, str_t topic, int32_t partition, bool *ret, err_t *err)
{
    str_t pattern = flags_get(f, "topic"), list = flags_get(f, "topic-partitions"), one;
    str_t partitions = flags_get(f, "partitions");
    *ret = true;
    if (pattern.ptr)
        TRY(admin_matches(pattern, topic, ret, err));
    if (list.ptr) {
        *ret = false;
        while (!*ret && str_split(&list, ',', &one)) {
            str_t range = one, name;
            bool match = false;
            if (!str_split(&range, ':', &name))
                continue;
            if (name.len)
                TRY(admin_matches(name, topic, &match, err));
            else
                match = true;
            *ret = match && in_range(name.len < one.len ? range : STR(""), partition);
        }
    }
    if (*ret && partitions.ptr) {
        *ret = false;
        while (!*ret && str_split(&partitions, ',', &one))
            *ret = in_range(str_trim(one), partition) && one.len;
    }
    return ST_OK;
}

static int cmp(const void *x, const void *y)
{
    const admin_offset_t *p = x, *q = y;
    int c = str_cmp(p->topic, q->topic);
    return c ? c : p->partition - q->partition;
}

static ST get(admin_t *a, const flags_t *f, err_t *err)
{
    int64_t time;
    wire_metadata_response_t m;
    TRY(read_time(f, &time, err));
    TRY(admin_metadata(a, NULL, 0, &m, err));
    VEC(admin_offset_t) o = {0};
    st_t st = ST_OK;
    for (int32_t i = 0; i < m.topics.len; i++) {
        const wire_metadata_response_topic_t *t = &m.topics.ptr[i];
        if (t->is_internal && flags_has(f, "exclude-internal-topics"))
            continue;
        for (int32_t k = 0; k < t->partitions.len && st == ST_OK; k++) {
            const wire_metadata_response_partition_t *p = &t->partitions.ptr[k];
            bool meant = false;
            st = is_meant(f, t->name, p->partition_index, &meant, err);
            if (meant)
                VEC_PUSH(
                    &o, ((admin_offset_t){t->name, p->partition_index, p->leader_id, time, -1, 0}));
        }
    }
    if (st == ST_OK && !o.len)
        st = err_set(err, ST_NOT_FOUND,
                     "Could not match any topic-partitions with the specified "
                     "filters");
    if (st == ST_OK)
        st = admin_list_offsets(a, o.ptr, o.len, err);
    if (st == ST_OK) {
        qsort(o.ptr, o.len, sizeof *o.ptr, cmp);
        for (size_t i = 0; i < o.len; i++) {
            if (o.ptr[i].error)
                fprintf(stderr,
                        "Skip getting offsets for topic-partition " STR_FMT "-%d due to: %s\n",
                        STR_ARG(o.ptr[i].topic), o.ptr[i].partition, error_text(o.ptr[i].error));
            else if (o.ptr[i].offset >= 0 && row_wanted(f))
                ROW(ROW_TEXT("topic", o.ptr[i].topic), ROW_INT("partition", o.ptr[i].partition),
                    ROW_INT("offset", o.ptr[i].offset));
            else if (o.ptr[i].offset >= 0)
                printf(STR_FMT ":%d:%lld\n", STR_ARG(o.ptr[i].topic), o.ptr[i].partition,
                       (long long)o.ptr[i].offset);
        }
    }
    VEC_DONE(&o);
    return st;
}

int tool_offsets(int argc, char **argv)
{
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    return admin_run(&f, get, "Error occurred: ");
}
