/* consume.c: kafka-console-consumer: a record a line on standard output. */
#include "base/json.h"
#include "io/io.h"
#include "tool/client.h"
#include "tool/row.h"
#include "tool/tool.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"topic", "NAME", "what is read"},
    {"include", "REGEX", "reads all topics that match"},
    {"whitelist", "REGEX", "as --include"},
    {"partition", "P", "only this partition; needs no group"},
    {"offset", "N", "with --partition: where to begin: N, earliest or latest"},
    {"group", "NAME", "the consumer group"},
    {"from-beginning", NULL, "begins with the first record where the group has no offset"},
    {"max-messages", "N", "ends after so many"},
    {"timeout-ms", "MS", "ends when nothing came for so long"},
    {"property", "NAME=VALUE",
     "print.key, print.value, print.timestamp, print.partition, print.offset, print.headers, "
     "key.separator, line.separator, headers.separator, null.literal"},
    {"formatter-property", "NAME=VALUE", "as --property"},
    {"consumer-property", "NAME=VALUE", "a client's config"},
    {"command-property", "NAME=VALUE", "a client's config"},
    {"consumer.config", "FILE", "a client's properties file"},
    {"isolation-level", "LEVEL", "read_committed or read_uncommitted (the default)"},
    {"formatter", "CLASS", "has no effect: texts are printed as they are"},
    {"key-deserializer", "CLASS", "has no effect"},
    {"value-deserializer", "CLASS", "has no effect"},
    {"enable-systest-events", NULL, "has no effect"},
    {"skip-message-on-error", NULL, "goes on after a record that cannot be read"},
    {NULL, NULL, NULL}};

typedef struct consumer {
    rd_kafka_t *rk;
    io_t *io;
    arena_t arena;
    bool key, value, timestamp, partition, offset, headers, rows;
    str_t key_separator, line_separator, headers_separator, null_literal;
    int64_t max, timeout_ms, n;
    int interrupt;
} consumer_t;

static str_t property(const flags_t *f, const char *name, str_t otherwise)
{
    return client_property(f, "formatter-property", name, otherwise);
}

static bool flag_of(const flags_t *f, const char *name, bool otherwise)
{
    return client_property_is(f, "formatter-property", name, otherwise);
}

/* ---- printing */

static void put_sep(const consumer_t *c, buf_t *b)
{
    if (b->len)
        buf_put_str(b, c->key_separator);
}

static void put_headers(const consumer_t *c, const rd_kafka_message_t *m, buf_t *b)
{
    rd_kafka_headers_t *h;
    if (rd_kafka_message_headers(m, &h)) {
        BUF_LIT(b, "NO_HEADERS");
        return;
    }
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; !rd_kafka_header_get_all(h, i, &name, &value, &size); i++) {
        if (i)
            buf_put_str(b, c->headers_separator);
        buf_printf(b, "%s:", name);
        buf_put_str(b, value ? str_n(value, size) : c->null_literal);
    }
}

static void put_header_list(const rd_kafka_message_t *m, buf_t *b)
{
    rd_kafka_headers_t *h;
    const char *name;
    const void *value;
    size_t size;
    BUF_LIT(b, "[");
    for (size_t i = 0;
         !rd_kafka_message_headers(m, &h) && !rd_kafka_header_get_all(h, i, &name, &value, &size);
         i++) {
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "key", str_of(name));
        json_put_name(b, "value");
        row_put_text(b, value ? str_n(value, size) : STR_NONE);
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "]");
}

static void print_row(const rd_kafka_message_t *m)
{
    buf_t headers = BUF_INIT;
    rd_kafka_timestamp_type_t type;
    int64_t ts = rd_kafka_message_timestamp(m, &type);
    put_header_list(m, &headers);
    ROW(ROW_TEXT("topic", str_of(rd_kafka_topic_name(m->rkt))), ROW_INT("partition", m->partition),
        ROW_INT("offset", m->offset), ROW_INT("timestamp", ts),
        ROW_TEXT("timestampType", type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? STR("LogAppendTime")
                                                                             : STR("CreateTime")),
        ROW_TEXT("key", m->key ? str_n(m->key, m->key_len) : STR_NONE),
        ROW_TEXT("value", m->payload ? str_n(m->payload, m->len) : STR_NONE),
        ROW_JSON("headers", buf_str(&headers)));
    buf_done(&headers);
}

static void print_message(consumer_t *c, const rd_kafka_message_t *m)
{
    if (c->rows) {
        print_row(m);
        return;
    }
    buf_t b = BUF_INIT;
    rd_kafka_timestamp_type_t type;
    int64_t ts = rd_kafka_message_timestamp(m, &type);
    if (c->timestamp) {
        if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
            BUF_LIT(&b, "NO_TIMESTAMP");
        else
            buf_printf(&b, "%s:%lld",
                       type == RD_KAFKA_TIMESTAMP_CREATE_TIME ? "CreateTime" : "LogAppendTime",
                       (long long)ts);
    }
    if (c->partition) {
        put_sep(c, &b);
        buf_printf(&b, "Partition:%d", m->partition);
    }
    if (c->offset) {
        put_sep(c, &b);
        buf_printf(&b, "Offset:%lld", (long long)m->offset);
    }
    if (c->headers) {
        put_sep(c, &b);
        put_headers(c, m, &b);
    }
    if (c->key) {
        put_sep(c, &b);
        buf_put_str(&b, m->key ? str_n(m->key, m->key_len) : c->null_literal);
    }
    if (c->value) {
        if (c->timestamp || c->partition || c->offset || c->headers || c->key)
            buf_put_str(&b, c->key_separator);
        buf_put_str(&b, m->payload ? str_n(m->payload, m->len) : c->null_literal);
    }
    buf_put_str(&b, c->line_separator);
    fwrite(b.ptr, 1, b.len, stdout);
    buf_done(&b);
}

/* ---- reading */

static ST start(consumer_t *c, const flags_t *f, err_t *err)
{
    str_t topic = flags_get(f, "topic"), regex = flags_get(f, "include");
    if (!regex.ptr)
        regex = flags_get(f, "whitelist");
    if (!topic.len && !regex.len)
        return err_set(err, ST_BAD_INPUT, "--topic NAME or --include REGEX is missing");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t e;
    if (flags_has(f, "partition")) {
        int64_t partition, offset = RD_KAFKA_OFFSET_END;
        str_t from = flags_get(f, "offset");
        st_t st = flags_i64(f, "partition", 0, 0, INT32_MAX, &partition, err);
        if (str_eq(from, STR("earliest")) || (!from.ptr && flags_has(f, "from-beginning")))
            offset = RD_KAFKA_OFFSET_BEGINNING;
        else if (from.ptr && !str_eq(from, STR("latest")) && !str_to_i64(from, &offset))
            st = err_set(err, ST_BAD_INPUT, "--offset is a number, earliest or latest");
        if (st != ST_OK) {
            rd_kafka_topic_partition_list_destroy(list);
            return st;
        }
        rd_kafka_topic_partition_list_add(list, arena_z(&c->arena, topic), (int32_t)partition)
            ->offset = offset;
        e = rd_kafka_assign(c->rk, list);
    } else {
        str_t name = topic.len ? topic : arena_printf(&c->arena, "^(" STR_FMT ")$", STR_ARG(regex));
        rd_kafka_topic_partition_list_add(list, arena_z(&c->arena, name), RD_KAFKA_PARTITION_UA);
        e = rd_kafka_subscribe(c->rk, list);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return e ? err_set(err, ST_IO, "%s", rd_kafka_err2str(e)) : ST_OK;
}

static bool is_interrupted(const consumer_t *c)
{
    struct signalfd_siginfo info;
    return read(c->interrupt, &info, sizeof info) == (ssize_t)sizeof info;
}

static ST read_all(consumer_t *c, err_t *err)
{
    int64_t last_ms = io_mono_ns(c->io) / 1000000;
    while ((c->max < 0 || c->n < c->max) && !is_interrupted(c)) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, 100);
        int64_t now_ms = io_mono_ns(c->io) / 1000000;
        if (!m) {
            fflush(stdout);
            if (c->timeout_ms >= 0 && now_ms - last_ms >= c->timeout_ms)
                return err_set(err, ST_TIMEOUT,
                               "Error processing message, terminating consumer "
                               "process: nothing came for %lld ms",
                               (long long)c->timeout_ms);
            continue;
        }
        if (!m->err) {
            print_message(c, m);
            c->n++;
            last_ms = now_ms;
        } else if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            fprintf(stderr, "%s\n", rd_kafka_message_errstr(m));
        }
        rd_kafka_message_destroy(m);
    }
    return ST_OK;
}

static ST run(consumer_t *c, const flags_t *f, err_t *err)
{
    c->rows = row_wanted(f);
    c->key = flag_of(f, "print.key", false);
    c->value = flag_of(f, "print.value", true);
    c->timestamp = flag_of(f, "print.timestamp", false);
    c->partition = flag_of(f, "print.partition", false);
    c->offset = flag_of(f, "print.offset", false);
    c->headers = flag_of(f, "print.headers", false);
    c->key_separator = property(f, "key.separator", STR("\t"));
    c->line_separator = property(f, "line.separator", STR("\n"));
    c->headers_separator = property(f, "headers.separator", STR(","));
    c->null_literal = property(f, "null.literal", STR("null"));
    TRY(flags_i64(f, "max-messages", -1, -1, INT64_MAX, &c->max, err));
    TRY(flags_i64(f, "timeout-ms", -1, 0, INT64_MAX, &c->timeout_ms, err));
    str_t group = flags_get(f, "group"), level = flags_get(f, "isolation-level");
    uint64_t chance = io_random_u64(c->io) % 100000;
    const char *own[] = {"group.id",
                         group.ptr
                             ? arena_z(&c->arena, group)
                             : arena_z(&c->arena, arena_printf(&c->arena, "console-consumer-%llu",
                                                               (unsigned long long)chance)),
                         "auto.offset.reset",
                         flags_has(f, "from-beginning") ? "earliest" : "latest",
                         "enable.auto.commit",
                         group.ptr ? "true" : "false",
                         "isolation.level",
                         level.ptr ? arena_z(&c->arena, level) : "read_uncommitted",
                         "allow.auto.create.topics",
                         "true",
                         NULL};
    TRY(client_new(f, RD_KAFKA_CONSUMER, "consumer.config", "consumer-property", own,
                   rd_kafka_conf_new(), &c->rk, err));
    rd_kafka_poll_set_consumer(c->rk);
    st_t st = start(c, f, err);
    if (st == ST_OK)
        st = read_all(c, err);
    fflush(stdout);
    fprintf(stderr, "Processed a total of %lld messages\n", (long long)c->n);
    rd_kafka_consumer_close(c->rk);
    rd_kafka_destroy(c->rk);
    return st;
}

int tool_consume(int argc, char **argv)
{
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    consumer_t c = {.io = io_real_new(),
                    .interrupt = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    arena_init(&c.arena, ARENA_NO_LIMIT);
    err_t err;
    st_t st = run(&c, &f, &err);
    if (st != ST_OK && st != ST_TIMEOUT)
        fprintf(stderr, "%s: %s\n", argv[0], err.msg);
    arena_done(&c.arena);
    io_free(c.io);
    close(c.interrupt);
    return st == ST_OK || st == ST_TIMEOUT ? 0 : 1;
}
