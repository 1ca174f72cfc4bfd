/* group_reset.c: a group's offsets moved or forgotten. */
#include "io/io.h"
#include "io/text.h"
#include "tool/error.h"
#include "tool/groups.h"
#include "tool/row.h"

#include <stdio.h>
#include <time.h>

#define FILE_BYTES_MAX (64u << 20)

/* ---- which partitions */

typedef VEC(group_at_t) ats_t;

static ST add_topic(const wire_metadata_response_t *m, str_t spec, ats_t *ret, err_t *err)
{
    str_t list = spec, name, one;
    if (!str_split(&list, ':', &name))
        name = spec;
    bool all = name.len == spec.len, found = false;
    for (int32_t i = 0; i < m->topics.len; i++) {
        const wire_metadata_response_topic_t *t = &m->topics.ptr[i];
        if (!str_eq(t->name, name))
            continue;
        found = true;
        for (int32_t k = 0; all && k < t->partitions.len; k++)
            VEC_PUSH(ret, ((group_at_t){t->name, t->partitions.ptr[k].partition_index, -1}));
        while (!all && str_split(&list, ',', &one)) {
            int32_t p;
            if (!str_to_i32(str_trim(one), &p) || p < 0 || p >= t->partitions.len)
                return err_set(err, ST_BAD_INPUT, "topic " STR_FMT " has no partition " STR_FMT,
                               STR_ARG(name), STR_ARG(one));
            VEC_PUSH(ret, ((group_at_t){t->name, p, -1}));
        }
    }
    return found ? ST_OK
                 : err_set(err, ST_NOT_FOUND, "topic " STR_FMT " does not exist", STR_ARG(name));
}

static ST partitions_meant(admin_t *a, const flags_t *f, str_t group, ats_t *ret, err_t *err)
{
    wire_metadata_response_t m;
    group_at_t *at;
    size_t n;
    TRY(groups_offsets(a, group, &at, &n, err));
    if (flags_has(f, "all-topics")) {
        for (size_t i = 0; i < n; i++)
            VEC_PUSH(ret, at[i]);
        return ST_OK;
    }
    TRY(admin_metadata(a, NULL, 0, &m, err));
    for (size_t i = 0; flags_nth(f, "topic", i).ptr; i++)
        TRY(add_topic(&m, flags_nth(f, "topic", i), ret, err));
    for (size_t i = 0; i < ret->len; i++)
        for (size_t k = 0; k < n; k++)
            if (ret->ptr[i].partition == at[k].partition && str_eq(ret->ptr[i].topic, at[k].topic))
                ret->ptr[i].offset = at[k].offset;
    return ret->len ? ST_OK
                    : err_set(err, ST_BAD_INPUT,
                              "One of the reset scopes should be defined: --all-topics, --topic.");
}

/* ---- where to */

/* P1DT2H3M4S, in milliseconds. */
static bool read_duration(str_t s, int64_t *ret_ms)
{
    static const struct {
        char unit;
        bool time;
        int64_t ms;
    } units[] = {
        {'D', false, 86400000}, {'H', true, 3600000}, {'M', true, 60000}, {'S', true, 1000}};
    int64_t total = 0, n = 0;
    bool time = false, digits = false;
    if (s.len < 3 || s.ptr[0] != 'P')
        return false;
    for (size_t i = 1; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == 'T' && !time && !digits) {
            time = true;
            continue;
        }
        if (c >= '0' && c <= '9' && n < 100000000) {
            n = n * 10 + (c - '0');
            digits = true;
            continue;
        }
        size_t u = 0;
        while (u < 4 && (units[u].unit != c || units[u].time != time))
            u++;
        if (u == 4 || !digits)
            return false;
        total += n * units[u].ms;
        n = 0;
        digits = false;
    }
    *ret_ms = total;
    return !digits;
}

/* YYYY-MM-DDTHH:mm:SS[.sss][Z or +hh:mm]; without a zone it is UTC. */
static bool read_datetime(arena_t *a, str_t text, int64_t *ret_ms)
{
    struct tm tm = {0};
    const char *end = strptime(arena_z(a, text), "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end)
        return false;
    int64_t ms = (int64_t)timegm(&tm) * 1000, fraction = 0, scale = 100;
    if (*end == '.')
        for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
            fraction += (*end - '0') * scale;
    if (*end == '+' || *end == '-') {
        int64_t sign = *end == '+' ? -1 : 1;
        int64_t hours, minutes = 0;
        str_t zone = str_of(end + 1), h;
        str_t rest = zone;
        if (!str_split(&rest, ':', &h))
            h = zone;
        if (!str_to_i64(h, &hours) || (h.len < zone.len && !str_to_i64(rest, &minutes)))
            return false;
        ms += sign * (hours * 60 + minutes) * 60000;
    } else if (*end && strcmp(end, "Z")) {
        return false;
    }
    *ret_ms = ms + fraction;
    return true;
}

static ST to_time(admin_t *a, ats_t *at, int64_t time, err_t *err)
{
    admin_offset_t *o, *end;
    TRY(groups_ends(a, at->ptr, at->len, time, &o, err));
    TRY(groups_ends(a, at->ptr, at->len, -1, &end, err));
    for (size_t i = 0; i < at->len; i++)
        at->ptr[i].offset = o[i].offset >= 0 ? o[i].offset : end[i].offset;
    return ST_OK;
}

/* Offsets that the partition does not have become its first or its end. */
static ST clamp(admin_t *a, ats_t *at, err_t *err)
{
    admin_offset_t *first, *end;
    TRY(groups_ends(a, at->ptr, at->len, -2, &first, err));
    TRY(groups_ends(a, at->ptr, at->len, -1, &end, err));
    for (size_t i = 0; i < at->len; i++) {
        int64_t want = at->ptr[i].offset, is = want;
        if (want < first[i].offset)
            is = first[i].offset;
        if (want > end[i].offset)
            is = end[i].offset;
        if (is != want)
            fprintf(stderr,
                    "New offset (%lld) is %s than the %s offset for topic partition " STR_FMT
                    "-%d. Value will be set to %lld\n",
                    (long long)want, want < is ? "lower" : "higher",
                    want < is ? "earliest" : "latest", STR_ARG(at->ptr[i].topic),
                    at->ptr[i].partition, (long long)is);
        at->ptr[i].offset = is;
    }
    return ST_OK;
}

static ST read_file(admin_t *a, str_t path, ats_t *at, err_t *err)
{
    str_t text, line;
    TRY(io_text_read(admin_arena(a), path, FILE_BYTES_MAX, &text, err));
    VEC_CLEAR(at);
    while (str_split(&text, '\n', &line)) {
        line = str_trim(line);
        str_t rest = line, partition;
        group_at_t g;
        if (!rest.len)
            continue;
        if (!str_split(&rest, ',', &g.topic) || !str_split(&rest, ',', &partition) ||
            !str_to_i32(partition, &g.partition) || !str_to_i64(rest, &g.offset))
            return err_set(err, ST_BAD_INPUT,
                           STR_FMT ": '" STR_FMT "' is no topic,partition,offset", STR_ARG(path),
                           STR_ARG(line));
        VEC_PUSH(at, g);
    }
    return ST_OK;
}

static ST move(admin_t *a, const flags_t *f, ats_t *at, err_t *err)
{
    int64_t n, ms;
    if (flags_has(f, "to-earliest"))
        return to_time(a, at, -2, err);
    if (flags_has(f, "to-latest"))
        return to_time(a, at, -1, err);
    if (flags_has(f, "to-datetime")) {
        if (!read_datetime(admin_arena(a), flags_get(f, "to-datetime"), &ms))
            return err_set(err, ST_BAD_INPUT, "--to-datetime: YYYY-MM-DDTHH:mm:SS.sss");
        return to_time(a, at, ms, err);
    }
    if (flags_has(f, "by-duration")) {
        if (!read_duration(flags_get(f, "by-duration"), &ms))
            return err_set(err, ST_BAD_INPUT, "--by-duration: such as P1DT2H3M4S");
        io_t *io = io_real_new();
        ms = io_now_ms(io) - ms;
        io_free(io);
        return to_time(a, at, ms, err);
    }
    if (flags_has(f, "from-file"))
        TRY(read_file(a, flags_get(f, "from-file"), at, err));
    TRY(flags_i64(f, "to-offset", -1, 0, INT64_MAX, &n, err));
    for (size_t i = 0; flags_has(f, "to-offset") && i < at->len; i++)
        at->ptr[i].offset = n;
    TRY(flags_i64(f, "shift-by", 0, -INT64_MAX, INT64_MAX, &n, err));
    for (size_t i = 0; i < at->len; i++) {
        if (at->ptr[i].offset < 0)
            return err_set(err, ST_BAD_INPUT,
                           "the group has no offset in " STR_FMT
                           "-%d: move it --to-earliest or --to-latest",
                           STR_ARG(at->ptr[i].topic), at->ptr[i].partition);
        at->ptr[i].offset += n;
    }
    return clamp(a, at, err);
}

/* ---- doing it */

static ST commit(admin_t *a, str_t group, const ats_t *at, err_t *err)
{
    int32_t node;
    wire_offset_commit_request_t q = {
        .group_id = group, .generation_id_or_member_epoch = -1, .retention_time_ms = -1};
    q.member_id = STR("");
    q.topics.ptr = WIRE_NEW(admin_arena(a), offset_commit_request_topic, at->len + 1);
    q.topics.len = (int32_t)at->len;
    for (size_t i = 0; i < at->len; i++) {
        wire_offset_commit_request_partition_t *p =
            WIRE_NEW(admin_arena(a), offset_commit_request_partition, 1);
        p->partition_index = at->ptr[i].partition;
        p->committed_offset = at->ptr[i].offset;
        p->committed_metadata = STR("");
        q.topics.ptr[i].name = at->ptr[i].topic;
        q.topics.ptr[i].partitions.ptr = p;
        q.topics.ptr[i].partitions.len = 1;
    }
    wire_offset_commit_response_t r;
    TRY(admin_coordinator(a, ADMIN_GROUP, group, &node, err));
    TRY(admin_call(a, node, WIRE_API_offset_commit, 9, &q, &r, err));
    for (int32_t i = 0; i < r.topics.len; i++)
        for (int32_t k = 0; k < r.topics.ptr[i].partitions.len; k++)
            TRY(error_check(r.topics.ptr[i].partitions.ptr[k].error_code, STR_NONE, err));
    return ST_OK;
}

static bool is_active(const wire_describe_groups_response_group_t *g)
{
    return !str_eq(g->group_state, STR("Empty")) && !str_eq(g->group_state, STR("Dead"));
}

static ST reset_one(admin_t *a, const flags_t *f, str_t group, ats_t *at, err_t *err)
{
    wire_describe_groups_response_group_t g;
    TRY(groups_describe(a, group, &g, err));
    if (is_active(&g))
        return err_set(err, ST_BUSY,
                       "Assignments can only be reset if the group '" STR_FMT
                       "' is inactive, but the current state is " STR_FMT ".",
                       STR_ARG(group), STR_ARG(g.group_state));
    TRY(partitions_meant(a, f, group, at, err));
    TRY(move(a, f, at, err));
    if (flags_has(f, "execute"))
        TRY(commit(a, group, at, err));
    if (flags_has(f, "export")) {
        for (size_t i = 0; i < at->len; i++)
            printf(STR_FMT ",%d,%lld\n", STR_ARG(at->ptr[i].topic), at->ptr[i].partition,
                   (long long)at->ptr[i].offset);
        return ST_OK;
    }
    for (size_t i = 0; row_wanted(f) && i < at->len; i++)
        ROW(ROW_TEXT("group", group), ROW_TEXT("topic", at->ptr[i].topic),
            ROW_INT("partition", at->ptr[i].partition), ROW_INT("newOffset", at->ptr[i].offset));
    if (row_wanted(f))
        return ST_OK;
    printf("\n%-30s %-30s %-10s %-15s\n", "GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
    for (size_t i = 0; i < at->len; i++)
        printf("%-30.*s %-30.*s %-10d %-15lld\n", (int)group.len, group.ptr,
               (int)at->ptr[i].topic.len, at->ptr[i].topic.ptr, at->ptr[i].partition,
               (long long)at->ptr[i].offset);
    return ST_OK;
}

st_t groups_reset(admin_t *a, const flags_t *f, err_t *err)
{
    static const char *const ways[] = {"to-earliest", "to-latest", "to-current",
                                       "to-offset",   "shift-by",  "to-datetime",
                                       "by-duration", "from-file", NULL};
    str_t *group;
    size_t n;
    if (flags_count(f, ways) != 1)
        return err_set(err, ST_BAD_INPUT,
                       "exactly one of --to-earliest, --to-latest, --to-current, --to-offset, "
                       "--shift-by, --to-datetime, --by-duration, --from-file says where to");
    TRY(groups_meant(a, f, &group, &n, err));
    if (!flags_has(f, "execute") && !flags_has(f, "dry-run") && !flags_has(f, "export"))
        fprintf(stderr, "WARN: No action will be performed as the --execute option is missing.\n");
    for (size_t i = 0; i < n; i++) {
        ats_t at = {0};
        st_t st = reset_one(a, f, group[i], &at, err);
        VEC_DONE(&at);
        TRY(st);
    }
    return ST_OK;
}

static ST forget_one(admin_t *a, const flags_t *f, str_t group, const ats_t *at, err_t *err)
{
    int32_t node;
    wire_offset_delete_request_t q = {.group_id = group};
    q.topics.ptr = WIRE_NEW(admin_arena(a), offset_delete_request_topic, at->len + 1);
    q.topics.len = (int32_t)at->len;
    for (size_t i = 0; i < at->len; i++) {
        q.topics.ptr[i].name = at->ptr[i].topic;
        q.topics.ptr[i].partitions.ptr =
            WIRE_NEW(admin_arena(a), offset_delete_request_partition, 1);
        q.topics.ptr[i].partitions.ptr[0].partition_index = at->ptr[i].partition;
        q.topics.ptr[i].partitions.len = 1;
    }
    wire_offset_delete_response_t r;
    TRY(admin_coordinator(a, ADMIN_GROUP, group, &node, err));
    TRY(admin_call(a, node, WIRE_API_offset_delete, 0, &q, &r, err));
    TRY(error_check(r.error_code, STR_NONE, err));
    if (!row_wanted(f))
        printf("\n%-30s %-15s %-15s\n", "TOPIC", "PARTITION", "STATUS");
    st_t st = ST_OK;
    for (int32_t i = 0; i < r.topics.len; i++)
        for (int32_t k = 0; k < r.topics.ptr[i].partitions.len; k++) {
            const wire_offset_delete_response_partition_t *p = &r.topics.ptr[i].partitions.ptr[k];
            err_t why = {.msg = "Successful"};
            if (error_check(p->error_code, STR_NONE, &why) != ST_OK)
                st = err_set(err, ST_IO, "not all offsets were deleted");
            const char *status = p->error_code ? why.msg : "Successful";
            if (row_wanted(f))
                ROW(ROW_TEXT("topic", r.topics.ptr[i].name),
                    ROW_INT("partition", p->partition_index), ROW_TEXT("status", str_of(status)));
            else
                printf("%-30.*s %-15d %s\n", (int)r.topics.ptr[i].name.len,
                       r.topics.ptr[i].name.ptr, p->partition_index, status);
        }
    return st;
}

st_t groups_forget(admin_t *a, const flags_t *f, err_t *err)
{
    str_t *group;
    size_t n;
    TRY(groups_meant(a, f, &group, &n, err));
    for (size_t i = 0; i < n; i++) {
        ats_t at = {0};
        st_t st = partitions_meant(a, f, group[i], &at, err);
        if (st == ST_OK)
            st = forget_one(a, f, group[i], &at, err);
        VEC_DONE(&at);
        TRY(st);
    }
    return ST_OK;
}
