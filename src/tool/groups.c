/* groups.c: kafka-consumer-groups: list, describe, delete. Offsets are reset in group_reset.c. */
#include "tool/groups.h"

#include "tool/error.h"
#include "tool/row.h"
#include "tool/tool.h"

#include <stdio.h>

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"list", NULL, "lists groups"},
    {"describe", NULL, "shows groups: offsets and lag, --members, --state"},
    {"delete", NULL, "deletes groups"},
    {"reset-offsets", NULL, "moves a group that has no members: --dry-run or --execute"},
    {"delete-offsets", NULL, "forgets a group's offsets of --topic"},
    {"group", "NAME", "the group; may be given more than once"},
    {"all-groups", NULL, "all groups"},
    {"members", NULL, "describes members"},
    {"offsets", NULL, "describes offsets (the default)"},
    {"state", NULL, "describes the group's state; lists groups with theirs"},
    {"type", NULL, "lists groups with their types"},
    {"verbose", NULL, "members with their partitions"},
    {"topic", "TOPIC[:P,...]", "the topic, or some of its partitions; may be given more than once"},
    {"all-topics", NULL, "all topics that the group has offsets of"},
    {"dry-run", NULL, "shows what would be (the default)"},
    {"execute", NULL, "does it"},
    {"export", NULL, "prints offsets as CSV"},
    {"to-earliest", NULL, "to the first record"},
    {"to-latest", NULL, "behind the last record"},
    {"to-current", NULL, "to where it is"},
    {"to-offset", "N", "to an offset"},
    {"shift-by", "N", "by N records, back when negative"},
    {"to-datetime", "TIME", "to a time: YYYY-MM-DDTHH:mm:SS.sss"},
    {"by-duration", "PnDTnHnMnS", "back by so much from now"},
    {"from-file", "FILE", "CSV lines: topic,partition,offset"},
    {"timeout", "MS", "has no effect"},
    {NULL, NULL, NULL}};

static int cmp_names(const void *x, const void *y)
{
    return str_cmp(*(const str_t *)x, *(const str_t *)y);
}

/* All groups of the cluster: each broker has some. */
static ST list_all(admin_t *a, wire_list_groups_response_group_t **ret, size_t *ret_n, err_t *err)
{
    wire_metadata_response_t m;
    VEC(wire_list_groups_response_group_t) all = {0};
    TRY(admin_metadata(a, NULL, 0, &m, err));
    st_t st = ST_OK;
    for (int32_t i = 0; i < m.brokers.len && st == ST_OK; i++) {
        wire_list_groups_request_t q = {0};
        wire_list_groups_response_t r;
        st = admin_call(a, m.brokers.ptr[i].node_id, WIRE_API_list_groups, 5, &q, &r, err);
        for (int32_t k = 0; st == ST_OK && k < r.groups.len; k++) {
            bool known = false;
            for (size_t j = 0; j < all.len && !known; j++)
                known = str_eq(all.ptr[j].group_id, r.groups.ptr[k].group_id);
            if (!known)
                VEC_PUSH(&all, r.groups.ptr[k]);
        }
    }
    *ret = ARENA_ARRAY(admin_arena(a), wire_list_groups_response_group_t, all.len + 1);
    if (all.len)
        memcpy(*ret, all.ptr, all.len * sizeof **ret);
    *ret_n = all.len;
    VEC_DONE(&all);
    return st;
}

ST groups_meant(admin_t *a, const flags_t *f, str_t **ret, size_t *ret_n, err_t *err)
{
    size_t n = 0;
    if (flags_has(f, "all-groups")) {
        wire_list_groups_response_group_t *g;
        TRY(list_all(a, &g, &n, err));
        *ret = ARENA_ARRAY(admin_arena(a), str_t, n + 1);
        for (size_t i = 0; i < n; i++)
            (*ret)[i] = g[i].group_id;
        qsort(*ret, n, sizeof **ret, cmp_names);
    } else {
        *ret = ARENA_ARRAY(admin_arena(a), str_t, f->n_given + 1);
        while (flags_nth(f, "group", n).ptr) {
            (*ret)[n] = flags_nth(f, "group", n);
            n++;
        }
        if (!n)
            return err_set(err, ST_BAD_INPUT, "--group NAME or --all-groups is missing");
    }
    *ret_n = n;
    return ST_OK;
}

static ST list(admin_t *a, const flags_t *f, err_t *err)
{
    wire_list_groups_response_group_t *g;
    size_t n;
    TRY(list_all(a, &g, &n, err));
    bool state = flags_has(f, "state"), type = flags_has(f, "type");
    for (size_t i = 0; row_wanted(f) && i < n; i++)
        ROW(ROW_TEXT("group", g[i].group_id), ROW_TEXT("type", g[i].group_type),
            ROW_TEXT("protocolType", g[i].protocol_type), ROW_TEXT("state", g[i].group_state));
    if (row_wanted(f))
        return ST_OK;
    if (state || type)
        printf("%-40s %s%s\n", "GROUP", type ? "TYPE            " : "", state ? "STATE" : "");
    for (size_t i = 0; i < n; i++) {
        if (!state && !type) {
            printf(STR_FMT "\n", STR_ARG(g[i].group_id));
            continue;
        }
        printf("%-40.*s ", (int)g[i].group_id.len, g[i].group_id.ptr);
        if (type)
            printf("%-16.*s", (int)g[i].group_type.len, g[i].group_type.ptr);
        printf(state ? STR_FMT "\n" : "\n", STR_ARG(g[i].group_state));
    }
    return ST_OK;
}

/* ---- describe */

ST groups_describe(admin_t *a, str_t group, wire_describe_groups_response_group_t *ret, err_t *err)
{
    int32_t node;
    wire_describe_groups_request_t q = {.groups = {&group, 1}};
    wire_describe_groups_response_t r;
    TRY(admin_coordinator(a, ADMIN_GROUP, group, &node, err));
    TRY(admin_call(a, node, WIRE_API_describe_groups, 5, &q, &r, err));
    if (r.groups.len != 1)
        return err_set(err, ST_CORRUPT, "the broker says nothing of the group");
    *ret = r.groups.ptr[0];
    return error_check(ret->error_code, STR_NONE, err);
}

static int cmp_at(const void *x, const void *y)
{
    const group_at_t *p = x, *q = y;
    int c = str_cmp(p->topic, q->topic);
    return c ? c : p->partition - q->partition;
}

ST groups_offsets(admin_t *a, str_t group, group_at_t **ret, size_t *ret_n, err_t *err)
{
    int32_t node;
    wire_offset_fetch_request_t q = {.group_id = group};
    wire_offset_fetch_response_t r;
    TRY(admin_coordinator(a, ADMIN_GROUP, group, &node, err));
    TRY(admin_call(a, node, WIRE_API_offset_fetch, 7, &q, &r, err));
    TRY(error_check(r.error_code, STR_NONE, err));
    size_t n = 0;
    for (int32_t i = 0; i < r.topics.len; i++)
        n += (size_t)r.topics.ptr[i].partitions.len;
    *ret = ARENA_ARRAY(admin_arena(a), group_at_t, n + 1);
    *ret_n = 0;
    for (int32_t i = 0; i < r.topics.len; i++)
        for (int32_t k = 0; k < r.topics.ptr[i].partitions.len; k++) {
            const wire_offset_fetch_response_partition_t *p = &r.topics.ptr[i].partitions.ptr[k];
            if (p->committed_offset >= 0)
                (*ret)[(*ret_n)++] =
                    (group_at_t){r.topics.ptr[i].name, p->partition_index, p->committed_offset};
        }
    qsort(*ret, *ret_n, sizeof **ret, cmp_at);
    return ST_OK;
}

/* Who reads a partition, by the members' assignments. NULL: nobody. */
static const wire_describe_groups_response_member_t *
reader_of(admin_t *a, const wire_describe_groups_response_group_t *g, str_t topic,
          int32_t partition)
{
    for (int32_t i = 0; i < g->members.len; i++) {
        wire_consumer_protocol_assignment_t as;
        if (wire_assignment_read(g->members.ptr[i].member_assignment, admin_arena(a), &as) != ST_OK)
            continue;
        for (int32_t k = 0; k < as.assigned_partitions.len; k++)
            for (int32_t j = 0; j < as.assigned_partitions.ptr[k].partitions.len; j++)
                if (as.assigned_partitions.ptr[k].partitions.ptr[j] == partition &&
                    str_eq(as.assigned_partitions.ptr[k].topic, topic))
                    return &g->members.ptr[i];
    }
    return NULL;
}

ST groups_ends(admin_t *a, const group_at_t *at, size_t n, int64_t time, admin_offset_t **ret,
               err_t *err)
{
    wire_metadata_response_t m;
    TRY(admin_metadata(a, NULL, 0, &m, err));
    *ret = ARENA_ARRAY(admin_arena(a), admin_offset_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        (*ret)[i] = (admin_offset_t){at[i].topic, at[i].partition, -1, time, -1, 0};
        for (int32_t t = 0; t < m.topics.len; t++)
            for (int32_t p = 0; p < m.topics.ptr[t].partitions.len; p++)
                if (m.topics.ptr[t].partitions.ptr[p].partition_index == at[i].partition &&
                    str_eq(m.topics.ptr[t].name, at[i].topic))
                    (*ret)[i].leader = m.topics.ptr[t].partitions.ptr[p].leader_id;
    }
    return admin_list_offsets(a, *ret, n, err);
}

static void print_number(int64_t n)
{
    if (n < 0)
        printf(" %-15s", "-");
    else
        printf(" %-15lld", (long long)n);
}

typedef wire_describe_groups_response_member_t member_t;

static void print_offset(const flags_t *f, str_t group, const group_at_t *at, int64_t end,
                         const member_t *who)
{
    str_t none = row_wanted(f) ? STR_NONE : STR("-"), id = who ? who->member_id : none,
          host = who ? who->client_host : none, client = who ? who->client_id : none;
    int64_t lag = end < 0 ? -1 : end - at->offset;
    if (row_wanted(f)) {
        ROW(ROW_TEXT("group", group), ROW_TEXT("topic", at->topic),
            ROW_INT("partition", at->partition), ROW_INT("currentOffset", at->offset),
            ROW_INT("logEndOffset", end), ROW_INT("lag", lag), ROW_TEXT("consumerId", id),
            ROW_TEXT("host", host), ROW_TEXT("clientId", client));
        return;
    }
    printf("%-15.*s %-30.*s %-10d", (int)group.len, group.ptr, (int)at->topic.len, at->topic.ptr,
           at->partition);
    print_number(at->offset);
    print_number(end);
    print_number(lag);
    printf(" %-45.*s %-15.*s " STR_FMT "\n", (int)id.len, id.ptr, (int)host.len, host.ptr,
           STR_ARG(client));
}

static ST describe_offsets(admin_t *a, const flags_t *f, str_t group,
                           const wire_describe_groups_response_group_t *g, err_t *err)
{
    group_at_t *at;
    admin_offset_t *end;
    size_t n;
    TRY(groups_offsets(a, group, &at, &n, err));
    TRY(groups_ends(a, at, n, -1, &end, err));
    if (!g->members.len && n)
        fprintf(stderr, "\nConsumer group '" STR_FMT "' has no active members.\n", STR_ARG(group));
    if (!n)
        return ST_OK;
    if (!row_wanted(f))
        printf("\n%-15s %-30s %-10s %-15s %-15s %-15s %-45s %-15s %s\n", "GROUP", "TOPIC",
               "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST",
               "CLIENT-ID");
    for (size_t i = 0; i < n; i++)
        print_offset(f, group, &at[i], end[i].offset,
                     reader_of(a, g, at[i].topic, at[i].partition));
    return ST_OK;
}

static void describe_state(const flags_t *f, str_t group,
                           const wire_describe_groups_response_group_t *g)
{
    if (row_wanted(f)) {
        ROW(ROW_TEXT("group", group), ROW_TEXT("assignmentStrategy", g->protocol_data),
            ROW_TEXT("state", g->group_state), ROW_INT("members", g->members.len));
        return;
    }
    str_t strategy = g->protocol_data.len ? g->protocol_data : STR("-");
    printf("\n%-25s %-25s %-20s %-20s %s\n", "GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY",
           "STATE", "#MEMBERS");
    printf("%-25.*s %-25s %-20.*s %-20.*s %d\n", (int)group.len, group.ptr, "-", (int)strategy.len,
           strategy.ptr, (int)g->group_state.len, g->group_state.ptr, g->members.len);
}

static void print_assignment(admin_t *a, str_t in)
{
    wire_consumer_protocol_assignment_t as;
    if (wire_assignment_read(in, admin_arena(a), &as) != ST_OK)
        return;
    for (int32_t k = 0; k < as.assigned_partitions.len; k++) {
        printf("%s" STR_FMT "(", k ? ", " : "", STR_ARG(as.assigned_partitions.ptr[k].topic));
        for (int32_t j = 0; j < as.assigned_partitions.ptr[k].partitions.len; j++)
            printf("%s%d", j ? "," : "", as.assigned_partitions.ptr[k].partitions.ptr[j]);
        printf(")");
    }
}

static int32_t count_partitions(admin_t *a, str_t in)
{
    wire_consumer_protocol_assignment_t as;
    int32_t n = 0;
    if (wire_assignment_read(in, admin_arena(a), &as) != ST_OK)
        return 0;
    for (int32_t k = 0; k < as.assigned_partitions.len; k++)
        n += as.assigned_partitions.ptr[k].partitions.len;
    return n;
}

static void describe_members(admin_t *a, const flags_t *f, str_t group,
                             const wire_describe_groups_response_group_t *g)
{
    bool verbose = flags_has(f, "verbose");
    if (!g->members.len) {
        fprintf(stderr, "\nConsumer group '" STR_FMT "' has no active members.\n", STR_ARG(group));
        return;
    }
    if (!row_wanted(f))
        printf("\n%-15s %-45s %-15s %-15s %-15s%s\n", "GROUP", "CONSUMER-ID", "HOST", "CLIENT-ID",
               "#PARTITIONS", verbose ? " ASSIGNMENT" : "");
    for (int32_t i = 0; i < g->members.len; i++) {
        const member_t *m = &g->members.ptr[i];
        if (row_wanted(f)) {
            ROW(ROW_TEXT("group", group), ROW_TEXT("consumerId", m->member_id),
                ROW_TEXT("host", m->client_host), ROW_TEXT("clientId", m->client_id),
                ROW_INT("partitions", count_partitions(a, m->member_assignment)));
            continue;
        }
        printf("%-15.*s %-45.*s %-15.*s %-15.*s %-15d", (int)group.len, group.ptr,
               (int)m->member_id.len, m->member_id.ptr, (int)m->client_host.len, m->client_host.ptr,
               (int)m->client_id.len, m->client_id.ptr, count_partitions(a, m->member_assignment));
        if (verbose) {
            printf(" ");
            print_assignment(a, m->member_assignment);
        }
        puts("");
    }
}

static ST describe(admin_t *a, const flags_t *f, err_t *err)
{
    str_t *group;
    size_t n;
    TRY(groups_meant(a, f, &group, &n, err));
    for (size_t i = 0; i < n; i++) {
        wire_describe_groups_response_group_t g;
        group_at_t *at;
        size_t n_at;
        TRY(groups_describe(a, group[i], &g, err));
        TRY(groups_offsets(a, group[i], &at, &n_at, err));
        if (str_eq(g.group_state, STR("Dead")) && !n_at)
            return err_set(err, ST_NOT_FOUND, "Consumer group '" STR_FMT "' does not exist.",
                           STR_ARG(group[i]));
        if (flags_has(f, "members"))
            describe_members(a, f, group[i], &g);
        else if (flags_has(f, "state"))
            describe_state(f, group[i], &g);
        else
            TRY(describe_offsets(a, f, group[i], &g, err));
    }
    return ST_OK;
}

/* ---- delete */

static ST delete_groups(admin_t *a, const flags_t *f, err_t *err)
{
    str_t *group;
    size_t n;
    bool failed = false;
    buf_t good = BUF_INIT;
    TRY(groups_meant(a, f, &group, &n, err));
    st_t st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        int32_t node;
        wire_delete_groups_request_t q = {.groups_names = {&group[i], 1}};
        wire_delete_groups_response_t r;
        st = admin_coordinator(a, ADMIN_GROUP, group[i], &node, err);
        if (st == ST_OK)
            st = admin_call(a, node, WIRE_API_delete_groups, 2, &q, &r, err);
        err_t why;
        if (st != ST_OK || r.results.len != 1)
            break;
        if (error_check(r.results.ptr[0].error_code, STR_NONE, &why) == ST_OK) {
            if (row_wanted(f))
                ROW(ROW_TEXT("group", group[i]), ROW_BOOL("deleted", true));
            else
                buf_printf(&good, "%s'" STR_FMT "'", good.len ? ", " : "", STR_ARG(group[i]));
        } else {
            failed = true;
            fprintf(stderr,
                    "\nError: Deletion of some consumer groups failed:\n* Group '" STR_FMT
                    "' could not be deleted due to: %s\n",
                    STR_ARG(group[i]), why.msg);
        }
    }
    if (good.len)
        printf("Deletion of requested consumer groups (" STR_FMT ") was successful.\n",
               STR_ARG(buf_str(&good)));
    buf_done(&good);
    if (st == ST_OK && failed)
        return err_set(err, ST_IO, "not all groups were deleted");
    return st;
}

int tool_groups(int argc, char **argv)
{
    static const admin_action_t actions[] = {{"list", list},
                                             {"describe", describe},
                                             {"delete", delete_groups},
                                             {"reset-offsets", groups_reset},
                                             {"delete-offsets", groups_forget}};
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    return admin_run_action(&f, actions, sizeof actions / sizeof *actions,
                            "--list, --describe, --delete, --reset-offsets, --delete-offsets",
                            "\nError: Executing consumer group command failed due to ");
}
