/* transactions.c: kafka-transactions. */
#include "tool/admin.h"
#include "tool/error.h"
#include "tool/row.h"
#include "tool/tool.h"

#include "base/json.h"
#include "io/io.h"

#include <inttypes.h>
#include <stdio.h>

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"transactional-id", "ID", "of describe and forceTerminateTransaction"},
    {"topic", "NAME", "of describe-producers"},
    {"partition", "N", "of describe-producers"},
    {"broker-id", "N", "describe-producers asks this broker in place of the leader"},
    {"duration-filter", "MS", "list: only transactions that are open for longer"},
    {"transactional-id-pattern", "REGEX", "list: only ids that match"},
    {NULL, NULL, NULL}};

/* ---- rows: as wide as the widest, or an object of JSON each */

#define COLUMNS_MAX 9

typedef struct grid {
    arena_t *arena;
    const char *const *title;
    size_t n_columns;
    VEC(str_t) cells;
} grid_t;

static void put_i64(grid_t *g, int64_t n)
{
    VEC_PUSH(&g->cells, arena_printf(g->arena, "%" PRId64, n));
}

static void put_i64_or_none(grid_t *g, int64_t n)
{
    if (n < 0)
        VEC_PUSH(&g->cells, STR("None"));
    else
        put_i64(g, n);
}

static void put_text(grid_t *g, str_t s)
{
    VEC_PUSH(&g->cells, s);
}

static void print_json(const grid_t *g)
{
    for (size_t at = 0; at < g->cells.len; at += g->n_columns) {
        buf_t b = BUF_INIT;
        BUF_LIT(&b, "{");
        for (size_t i = 0; i < g->n_columns; i++)
            json_put_member_str(&b, g->title[i], g->cells.ptr[at + i]);
        printf(STR_FMT "}\n", STR_ARG(buf_str(&b)));
        buf_done(&b);
    }
}

static void print_table(const grid_t *g)
{
    size_t width[COLUMNS_MAX];
    for (size_t i = 0; i < g->n_columns; i++) {
        width[i] = strlen(g->title[i]);
        for (size_t at = i; at < g->cells.len; at += g->n_columns)
            if (g->cells.ptr[at].len > width[i])
                width[i] = g->cells.ptr[at].len;
    }
    for (size_t i = 0; i < g->n_columns; i++)
        printf("%-*s\t", (int)width[i], g->title[i]);
    puts("");
    for (size_t at = 0; at < g->cells.len; at += g->n_columns) {
        for (size_t i = 0; i < g->n_columns; i++)
            printf("%-*.*s\t", (int)width[i], (int)g->cells.ptr[at + i].len,
                   g->cells.ptr[at + i].len ? g->cells.ptr[at + i].ptr : "");
        puts("");
    }
}

static void print(grid_t *g, const flags_t *f)
{
    if (row_wanted(f))
        print_json(g);
    else
        print_table(g);
    VEC_DONE(&g->cells);
}

/* ---- commands */

static ST list(admin_t *a, const flags_t *f, err_t *err)
{
    static const char *const titles[] = {"TransactionalId", "Coordinator", "ProducerId",
                                         "TransactionState"};
    grid_t g = {admin_arena(a), titles, 4, {0}};
    wire_list_transactions_request_t q = {.transactional_id_pattern =
                                              flags_get(f, "transactional-id-pattern")};
    TRY(flags_i64(f, "duration-filter", -1, -1, INT64_MAX, &q.duration_filter, err));
    wire_metadata_response_t m;
    TRY(admin_metadata(a, NULL, 0, &m, err));
    st_t st = ST_OK;
    for (int32_t i = 0; st == ST_OK && i < m.brokers.len; i++) {
        wire_list_transactions_response_t r;
        int32_t node = m.brokers.ptr[i].node_id;
        st = admin_call(a, node, WIRE_API_list_transactions, 2, &q, &r, err);
        if (st == ST_OK)
            st = error_check(r.error_code, STR_NONE, err);
        for (int32_t k = 0; st == ST_OK && k < r.transaction_states.len; k++) {
            const wire_list_transactions_response_transaction_state_t *t =
                &r.transaction_states.ptr[k];
            put_text(&g, t->transactional_id);
            put_i64(&g, node);
            put_i64(&g, t->producer_id);
            put_text(&g, t->transaction_state);
        }
    }
    if (st == ST_OK)
        print(&g, f);
    else
        VEC_DONE(&g.cells);
    return st;
}

static ST transactional_id(const flags_t *f, str_t *ret, err_t *err)
{
    *ret = flags_get(f, "transactional-id");
    return ret->len ? ST_OK : err_set(err, ST_BAD_INPUT, "--transactional-id ID is missing");
}

static int64_t now_ms(void)
{
    io_t *io = io_real_new();
    int64_t ms = io_now_ms(io);
    io_free(io);
    return ms;
}

static str_t partitions_text(admin_t *a,
                             const wire_describe_transactions_response_transaction_state_t *t)
{
    buf_t b = BUF_INIT;
    for (int32_t i = 0; i < t->topics.len; i++)
        for (int32_t k = 0; k < t->topics.ptr[i].partitions.len; k++)
            buf_printf(&b, "%s" STR_FMT "-%d", b.len ? "," : "", STR_ARG(t->topics.ptr[i].topic),
                       t->topics.ptr[i].partitions.ptr[k]);
    str_t text = b.len ? arena_str(admin_arena(a), buf_str(&b)) : STR("");
    buf_done(&b);
    return text;
}

static ST describe(admin_t *a, const flags_t *f, err_t *err)
{
    static const char *const titles[] = {"CoordinatorId",
                                         "TransactionalId",
                                         "ProducerId",
                                         "ProducerEpoch",
                                         "TransactionState",
                                         "TransactionTimeoutMs",
                                         "CurrentTransactionStartTimeMs",
                                         "TransactionDurationMs",
                                         "TopicPartitions"};
    grid_t g = {admin_arena(a), titles, 9, {0}};
    str_t id;
    int32_t node;
    TRY(transactional_id(f, &id, err));
    TRY(admin_coordinator(a, ADMIN_TRANSACTION, id, &node, err));
    wire_describe_transactions_request_t q = {.transactional_ids = {&id, 1}};
    wire_describe_transactions_response_t r;
    TRY(admin_call(a, node, WIRE_API_describe_transactions, 0, &q, &r, err));
    if (r.transaction_states.len != 1)
        return err_set(err, ST_CORRUPT, "the broker says nothing of the transactional id");
    const wire_describe_transactions_response_transaction_state_t *t = &r.transaction_states.ptr[0];
    TRY(error_check(t->error_code, STR_NONE, err));
    int64_t start = t->transaction_start_time_ms;
    put_i64(&g, node);
    put_text(&g, id);
    put_i64(&g, t->producer_id);
    put_i64(&g, t->producer_epoch);
    put_text(&g, t->transaction_state);
    put_i64(&g, t->transaction_timeout_ms);
    put_i64_or_none(&g, start);
    put_i64_or_none(&g, start < 0 ? -1 : now_ms() - start);
    put_text(&g, partitions_text(a, t));
    print(&g, f);
    return ST_OK;
}

static ST leader_of(admin_t *a, str_t topic, int64_t partition, int32_t *ret, err_t *err)
{
    wire_metadata_response_t m;
    TRY(admin_metadata(a, &topic, 1, &m, err));
    if (m.topics.len != 1)
        return err_set(err, ST_CORRUPT, "the broker says nothing of the topic");
    TRY(error_check(m.topics.ptr[0].error_code, STR_NONE, err));
    for (int32_t i = 0; i < m.topics.ptr[0].partitions.len; i++)
        if (m.topics.ptr[0].partitions.ptr[i].partition_index == partition) {
            *ret = m.topics.ptr[0].partitions.ptr[i].leader_id;
            return ST_OK;
        }
    return err_set(err, ST_BAD_INPUT, STR_FMT " has no partition %" PRId64, STR_ARG(topic),
                   partition);
}

static ST describe_producers(admin_t *a, const flags_t *f, err_t *err)
{
    static const char *const titles[] = {
        "ProducerId",   "ProducerEpoch", "LatestCoordinatorEpoch",
        "LastSequence", "LastTimestamp", "CurrentTransactionStartOffset"};
    grid_t g = {admin_arena(a), titles, 6, {0}};
    str_t topic = flags_get(f, "topic");
    int64_t partition, broker;
    TRY(flags_i64(f, "partition", -1, 0, INT32_MAX, &partition, err));
    TRY(flags_i64(f, "broker-id", -1, 0, INT32_MAX, &broker, err));
    if (!topic.len || partition < 0)
        return err_set(err, ST_BAD_INPUT, "--topic NAME and --partition N are needed");
    int32_t node = (int32_t)broker, index = (int32_t)partition;
    if (node < 0)
        TRY(leader_of(a, topic, partition, &node, err));
    wire_describe_producers_request_topic_t t = {.name = topic, .partition_indexes = {&index, 1}};
    wire_describe_producers_request_t q = {.topics = {&t, 1}};
    wire_describe_producers_response_t r;
    TRY(admin_call(a, node, WIRE_API_describe_producers, 0, &q, &r, err));
    if (r.topics.len != 1 || r.topics.ptr[0].partitions.len != 1)
        return err_set(err, ST_CORRUPT, "the broker says nothing of the partition");
    const wire_describe_producers_response_partition_t *p = &r.topics.ptr[0].partitions.ptr[0];
    TRY(error_check(p->error_code, p->error_message, err));
    for (int32_t i = 0; i < p->active_producers.len; i++) {
        const wire_describe_producers_response_active_producer_t *o = &p->active_producers.ptr[i];
        put_i64(&g, o->producer_id);
        put_i64(&g, o->producer_epoch);
        put_i64(&g, o->coordinator_epoch);
        put_i64(&g, o->last_sequence);
        put_i64(&g, o->last_timestamp);
        put_i64_or_none(&g, o->current_txn_start_offset);
    }
    print(&g, f);
    return ST_OK;
}

/* A new epoch for the id: what is open is aborted, and who had it is fenced. */
static ST terminate(admin_t *a, const flags_t *f, err_t *err)
{
    str_t id;
    int32_t node;
    TRY(transactional_id(f, &id, err));
    TRY(admin_coordinator(a, ADMIN_TRANSACTION, id, &node, err));
    wire_init_producer_id_request_t q = {.transactional_id = id,
                                         .transaction_timeout_ms = 60000,
                                         .producer_id = -1,
                                         .producer_epoch = -1};
    wire_init_producer_id_response_t r;
    TRY(admin_call(a, node, WIRE_API_init_producer_id, 4, &q, &r, err));
    return error_check(r.error_code, STR_NONE, err);
}

static const struct {
    const char *name;
    st_t (*run)(admin_t *a, const flags_t *f, err_t *err);
} commands[] = {
    {"list", list},
    {"describe", describe},
    {"describe-producers", describe_producers},
    {"forceTerminateTransaction", terminate},
};

#define N_COMMANDS (sizeof commands / sizeof *commands)

/* Takes the command's word out of the arguments; N_COMMANDS: there is none. */
static size_t take_command(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++)
        for (size_t c = 0; c < N_COMMANDS; c++)
            if (!strcmp(argv[i], commands[c].name)) {
                memmove(argv + i, argv + i + 1, (size_t)(*argc - i) * sizeof *argv);
                --*argc;
                return c;
            }
    return N_COMMANDS;
}

int tool_transactions(int argc, char **argv)
{
    size_t command = take_command(&argc, argv);
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    if (command < N_COMMANDS)
        return admin_run(&f, commands[command].run, "Error while executing transactions command: ");
    fprintf(stderr, "%s: expects one of the commands", argv[0]);
    for (size_t c = 0; c < N_COMMANDS; c++)
        fprintf(stderr, " %s", commands[c].name);
    fputs("\n", stderr);
    return 2;
}
