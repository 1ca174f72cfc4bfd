/* produce.c: kafka-console-producer: a record a line of standard input. */
#include "tool/client.h"
#include "tool/row.h"
#include "tool/tool.h"

#include <stdio.h>

#define LINE_BYTES_MAX (64u << 20)

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"broker-list", "HOST:PORT,...", "as --bootstrap-server"},
    {"topic", "NAME", "where the records go"},
    {"property", "NAME=VALUE",
     "parse.key, key.separator, parse.headers, headers.delimiter, "
     "headers.separator, headers.key.separator, null.marker, ignore.error"},
    {"reader-property", "NAME=VALUE", "as --property"},
    {"producer-property", "NAME=VALUE", "a client's config"},
    {"command-property", "NAME=VALUE", "a client's config"},
    {"producer.config", "FILE", "a client's properties file"},
    {"compression-codec", "CODEC", "none, gzip, snappy, lz4 or zstd"},
    {"request-required-acks", "N", "acks"},
    {"batch-size", "BYTES", "batch.size"},
    {"timeout", "MS", "linger.ms"},
    {"message-send-max-retries", "N", "retries"},
    {"sync", NULL, "waits for each record"},
    {NULL, NULL, NULL}};

typedef struct producer {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    bool parse_key, parse_headers, ignore_error, sync, rows;
    str_t key_separator, headers_delimiter, headers_separator, header_separator, null_marker;
    int64_t failed;
} producer_t;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    producer_t *p = opaque;
    if (!m->err && p->rows)
        ROW(ROW_TEXT("topic", str_of(rd_kafka_topic_name(m->rkt))),
            ROW_INT("partition", m->partition), ROW_INT("offset", m->offset));
    if (!m->err)
        return;
    p->failed++;
    fprintf(stderr, "Error when sending message to topic %s: %s\n", rd_kafka_topic_name(m->rkt),
            rd_kafka_err2str(m->err));
}

static str_t property(const flags_t *f, const char *name, str_t otherwise)
{
    return client_property(f, "reader-property", name, otherwise);
}

/* Takes what stands before the separator off *in; false when there is none. */
static bool take(str_t *in, str_t separator, str_t *ret)
{
    for (size_t i = 0; separator.len && i + separator.len <= in->len; i++)
        if (!memcmp(in->ptr + i, separator.ptr, separator.len)) {
            *ret = str_sub(*in, 0, i);
            *in = str_sub(*in, i + separator.len, SIZE_MAX);
            return true;
        }
    return false;
}

static bool is_null(const producer_t *p, str_t s)
{
    return p->null_marker.len && str_eq(s, p->null_marker);
}

static ST read_headers(const producer_t *p, str_t text, rd_kafka_headers_t *h, err_t *err)
{
    while (text.len) {
        str_t one, name;
        if (!take(&text, p->headers_separator, &one)) {
            one = text;
            text = STR("");
        }
        if (!take(&one, p->header_separator, &name))
            return err_set(err, ST_BAD_INPUT, "No header key separator found in pair '" STR_FMT "'",
                           STR_ARG(one));
        rd_kafka_header_add(h, name.ptr, (ssize_t)name.len, is_null(p, one) ? NULL : one.ptr,
                            is_null(p, one) ? 0 : (ssize_t)one.len);
    }
    return ST_OK;
}

static ST send_line(producer_t *p, str_t line, int64_t number, err_t *err)
{
    str_t key = STR_NONE, headers;
    rd_kafka_headers_t *h = NULL;
    if (p->parse_headers) {
        if (!take(&line, p->headers_delimiter, &headers))
            return err_set(err, ST_BAD_INPUT, "No headers delimiter found on line number %lld",
                           (long long)number);
        h = rd_kafka_headers_new(8);
        st_t st = is_null(p, headers) ? ST_OK : read_headers(p, headers, h, err);
        if (st != ST_OK) {
            rd_kafka_headers_destroy(h);
            return st;
        }
    }
    if (p->parse_key && !take(&line, p->key_separator, &key) && !p->ignore_error) {
        if (h)
            rd_kafka_headers_destroy(h);
        return err_set(err, ST_BAD_INPUT,
                       "No key separator found on line number %lld: '" STR_FMT "'",
                       (long long)number, STR_ARG(line));
    }
    bool no_value = is_null(p, line);
    bool no_key = !key.ptr || is_null(p, key);
    rd_kafka_vu_t record[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = p->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {no_value ? NULL : (void *)(uintptr_t)line.ptr, no_value ? 0 : line.len}},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {no_key ? NULL : (void *)(uintptr_t)key.ptr, no_key ? 0 : key.len}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = h}};
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_produceva(p->rk, record, sizeof record / sizeof *record);
        rd_kafka_resp_err_t e = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        if (!e)
            break;
        if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            if (h)
                rd_kafka_headers_destroy(h);
            return err_set(err, ST_IO, "%s", rd_kafka_err2str(e));
        }
        rd_kafka_poll(p->rk, 100);
    }
    rd_kafka_poll(p->rk, 0);
    if (p->sync)
        rd_kafka_flush(p->rk, 60000);
    return ST_OK;
}

static ST send_lines(producer_t *p, err_t *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    st_t st = ST_OK;
    for (int64_t number = 1; st == ST_OK && (n = getline(&line, &cap, stdin)) > 0; number++) {
        if ((size_t)n > LINE_BYTES_MAX) {
            st = err_set(err, ST_TOO_LARGE, "line %lld is too long", (long long)number);
            break;
        }
        if (line[n - 1] == '\n')
            n--;
        st = send_line(p, str_n(line, (size_t)n), number, err);
    }
    free(line);
    rd_kafka_resp_err_t e = rd_kafka_flush(p->rk, 60000);
    if (st == ST_OK && e)
        st = err_set(err, ST_TIMEOUT, "not all records were acknowledged: %s", rd_kafka_err2str(e));
    return st;
}

static bool flag_of(const flags_t *f, const char *name)
{
    return client_property_is(f, "reader-property", name, false);
}

static ST run(const flags_t *f, err_t *err)
{
    producer_t p = {.parse_key = flag_of(f, "parse.key"),
                    .parse_headers = flag_of(f, "parse.headers"),
                    .ignore_error = flag_of(f, "ignore.error"),
                    .sync = flags_has(f, "sync"),
                    .rows = row_wanted(f),
                    .key_separator = property(f, "key.separator", STR("\t")),
                    .headers_delimiter = property(f, "headers.delimiter", STR("\t")),
                    .headers_separator = property(f, "headers.separator", STR(",")),
                    .header_separator = property(f, "headers.key.separator", STR(":")),
                    .null_marker = property(f, "null.marker", STR(""))};
    if (!flags_get(f, "topic").len)
        return err_set(err, ST_BAD_INPUT, "--topic NAME is missing");
    static const struct {
        const char *flag, *config;
    } shorts[] = {{"compression-codec", "compression.type"},
                  {"request-required-acks", "acks"},
                  {"batch-size", "batch.size"},
                  {"timeout", "linger.ms"},
                  {"message-send-max-retries", "retries"}};
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const char *own[2 * sizeof shorts / sizeof *shorts + 5] = {"linger.ms", "20", "partitioner",
                                                               "murmur2_random"};
    size_t n = 4;
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++)
        if (flags_has(f, shorts[i].flag)) {
            own[n++] = shorts[i].config;
            own[n++] = arena_z(&a, flags_get(f, shorts[i].flag));
        }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, &p);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    st_t st = client_new(f, RD_KAFKA_PRODUCER, "producer.config", "producer-property", own, conf,
                         &p.rk, err);
    if (st == ST_OK) {
        p.topic = rd_kafka_topic_new(p.rk, arena_z(&a, flags_get(f, "topic")), NULL);
        st = send_lines(&p, err);
        rd_kafka_topic_destroy(p.topic);
        rd_kafka_destroy(p.rk);
    }
    arena_done(&a);
    if (st == ST_OK && p.failed)
        st = err_set(err, ST_IO, "%lld records were not delivered", (long long)p.failed);
    return st;
}

int tool_produce(int argc, char **argv)
{
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    err_t err;
    st_t st = run(&f, &err);
    if (st != ST_OK)
        fprintf(stderr, "%s: %s\n", argv[0], err.msg);
    return st == ST_OK ? 0 : 1;
}
