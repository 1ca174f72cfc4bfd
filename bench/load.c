/* load.c: a client with nothing to do but send or read, by librdkafka. bench/broker runs it.
 *
 *   load produce BOOTSTRAP TOPIC PARTITIONS SIZE RECORDS [NAME=VALUE…]
 *   load consume BOOTSTRAP TOPIC PARTITIONS RECORDS [NAME=VALUE…]
 *   load latency BOOTSTRAP TOPIC SIZE RECORDS PER_SECOND [NAME=VALUE…]
 *
 * produce: acks=all, to the partitions from 0 on in turn; ends when all is acknowledged.
 * consume: all partitions from their first record on, until there were so many records.
 * latency: one partition; a record is sent when it is due, however late those before it are; from
 * then until the consumer has it.
 * NAME=VALUE are librdkafka's. The answer is one line of name=value. */
#include <librdkafka/rdkafka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 1000, WAIT_MS = 60000 };

typedef struct job {
    const char *bootstrap, *topic;
    int32_t partitions;
    size_t size;
    int64_t records, per_second;
    char **more; /* NAME=VALUE, NULL at the end */
} job_t;

static void fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("load: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- librdkafka */

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        fail("%s", why);
}

static void on_undelivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (m->err)
        fail("a record was not delivered: %s", rd_kafka_err2str(m->err));
}

static rd_kafka_t *client_new(const job_t *j, rd_kafka_type_t type, const char *const *settings)
{
    char why[512], name[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", j->bootstrap);
    for (; *settings; settings += 2)
        set(conf, settings[0], settings[1]);
    for (char **m = j->more; *m; m++) {
        const char *eq = strchr(*m, '=');
        if (!eq || (size_t)(eq - *m) >= sizeof name)
            fail("%s is not NAME=VALUE", *m);
        memcpy(name, *m, (size_t)(eq - *m));
        name[eq - *m] = 0;
        set(conf, name, eq + 1);
    }
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_conf_set_dr_msg_cb(conf, on_undelivered);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk)
        fail("%s", why);
    return rk;
}

static rd_kafka_t *producer_new(const job_t *j, const char *linger_ms)
{
    const char *const settings[] = {"acks",
                                    "all",
                                    "linger.ms",
                                    linger_ms,
                                    "queue.buffering.max.messages",
                                    "1000000",
                                    "queue.buffering.max.kbytes",
                                    "262144",
                                    "delivery.report.only.error",
                                    "true",
                                    "socket.nagle.disable",
                                    "true",
                                    NULL};
    return client_new(j, RD_KAFKA_PRODUCER, settings);
}

static rd_kafka_t *consumer_new(const job_t *j, int64_t from)
{
    const char *const settings[] = {"group.id", "load", "enable.auto.commit", "false",
                                    "auto.offset.reset", "earliest", "socket.nagle.disable", "true",
                                    NULL};
    rd_kafka_t *rk = client_new(j, RD_KAFKA_CONSUMER, settings);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(j->partitions);
    for (int32_t i = 0; i < j->partitions; i++)
        rd_kafka_topic_partition_list_add(all, j->topic, i)->offset = from;
    rd_kafka_resp_err_t err = rd_kafka_assign(rk, all);
    if (err)
        fail("%s", rd_kafka_err2str(err));
    rd_kafka_topic_partition_list_destroy(all);
    return rk;
}

static void flush(rd_kafka_t *rk)
{
    if (rd_kafka_flush(rk, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("not all records were acknowledged within %d s", WAIT_MS / 1000);
}

/* Compression finds no more in it than in prices. */
static char *payload_new(size_t size)
{
    char *p = malloc(size ? size : 1);
    uint32_t x = 1;
    if (!p)
        fail("no memory");
    for (size_t i = 0; i < size; i++) {
        x = x * 1103515245u + 12345u;
        p[i] = (char)('0' + (x >> 16) % 64);
    }
    return p;
}

/* ---- the jobs */

static void produce(const job_t *j)
{
    rd_kafka_t *rk = producer_new(j, "5");
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, j->topic, NULL);
    static rd_kafka_message_t batch[BATCH];
    char *payload = payload_new(j->size);
    const struct rd_kafka_metadata *known;
    if (rd_kafka_metadata(rk, 0, t, &known, WAIT_MS))
        fail("%s does not answer", j->bootstrap);
    rd_kafka_metadata_destroy(known);
    int64_t began = now_ns();
    for (int64_t sent = 0; sent < j->records;) {
        int n = (int)(j->records - sent < BATCH ? j->records - sent : BATCH);
        for (int i = 0; i < n; i++)
            batch[i] = (rd_kafka_message_t){.payload = payload,
                                            .len = j->size,
                                            .partition = (int32_t)((sent + i) % j->partitions)};
        sent += rd_kafka_produce_batch(t, 0, RD_KAFKA_MSG_F_PARTITION, batch, n);
        rd_kafka_poll(rk, batch[n - 1].err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 1 : 0);
    }
    flush(rk);
    printf("records=%lld bytes=%lld seconds=%.3f\n", (long long)j->records,
           (long long)j->records * (long long)j->size, (double)(now_ns() - began) / 1e9);
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
    free(payload);
}

static void consume(const job_t *j)
{
    int64_t began = now_ns(), seen = 0, bytes = 0;
    rd_kafka_t *rk = consumer_new(j, 0);
    rd_kafka_queue_t *q = rd_kafka_queue_get_consumer(rk);
    static rd_kafka_message_t *batch[BATCH];
    while (seen < j->records) {
        /* It waits until there are as many as it was asked for. */
        size_t want = j->records - seen < BATCH ? (size_t)(j->records - seen) : BATCH;
        ssize_t n = rd_kafka_consume_batch_queue(q, WAIT_MS, batch, want);
        if (n <= 0)
            fail("no record came within %d s", WAIT_MS / 1000);
        for (ssize_t i = 0; i < n; i++) {
            if (batch[i]->err)
                fail("%s", rd_kafka_message_errstr(batch[i]));
            seen++;
            bytes += (int64_t)batch[i]->len;
            rd_kafka_message_destroy(batch[i]);
        }
    }
    printf("records=%lld bytes=%lld seconds=%.3f\n", (long long)seen, (long long)bytes,
           (double)(now_ns() - began) / 1e9);
    rd_kafka_queue_destroy(q);
    rd_kafka_destroy(rk);
}

static void *send_when_due(void *arg)
{
    const job_t *j = arg;
    rd_kafka_t *rk = producer_new(j, "0");
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, j->topic, NULL);
    char *payload = payload_new(j->size);
    int64_t began = now_ns();
    for (int64_t i = 0; i < j->records; i++) {
        int64_t due = began + i * 1000000000 / j->per_second;
        struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        memcpy(payload, &due, sizeof due);
        if (rd_kafka_produce(t, 0, RD_KAFKA_MSG_F_COPY, payload, j->size, NULL, 0, NULL))
            fail("%s", rd_kafka_err2str(rd_kafka_last_error()));
    }
    flush(rk);
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
    free(payload);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void latency(const job_t *j)
{
    int64_t *took = malloc((size_t)j->records * sizeof *took), due;
    int64_t skipped = j->records / 10; /* connecting, and what is not warm yet */
    pthread_t sender;
    if (!took || j->size < sizeof due || j->records < 100)
        fail("latency needs 100 records of at least %zu bytes", sizeof due);
    rd_kafka_t *rk = consumer_new(j, 0);
    if (pthread_create(&sender, NULL, send_when_due, (void *)(uintptr_t)j))
        fail("no thread");
    for (int64_t i = 0; i < j->records; i++) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, WAIT_MS);
        if (!m || m->err || m->len < sizeof due)
            fail("%s", m ? rd_kafka_message_errstr(m) : "no record came");
        memcpy(&due, m->payload, sizeof due);
        took[i] = now_ns() - due;
        rd_kafka_message_destroy(m);
    }
    pthread_join(sender, NULL);
    rd_kafka_destroy(rk);
    int64_t *v = took + skipped, n = j->records - skipped;
    qsort(v, (size_t)n, sizeof *v, by_value);
    printf("records=%lld p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f max_ms=%.3f\n", (long long)n,
           (double)v[n / 2] / 1e6, (double)v[n * 99 / 100] / 1e6, (double)v[n * 999 / 1000] / 1e6,
           (double)v[n - 1] / 1e6);
    free(took);
}

int main(int argc, char **argv)
{
    job_t j = {.partitions = 1};
    const char *verb = argc > 1 ? argv[1] : "";
    int at = 4;
    bool sends = !strcmp(verb, "produce"), reads = !strcmp(verb, "consume");
    int need = sends ? 7 : reads ? 6 : !strcmp(verb, "latency") ? 7 : 0;
    if (!need || argc < need)
        fail("produce BOOTSTRAP TOPIC PARTITIONS SIZE RECORDS, consume BOOTSTRAP TOPIC PARTITIONS "
             "RECORDS, latency BOOTSTRAP TOPIC SIZE RECORDS PER_SECOND; then NAME=VALUE…");
    j.bootstrap = argv[2];
    j.topic = argv[3];
    if (sends || reads)
        j.partitions = (int32_t)strtol(argv[at++], NULL, 10);
    if (!reads)
        j.size = strtoul(argv[at++], NULL, 10);
    j.records = strtoll(argv[at++], NULL, 10);
    if (!sends && !reads)
        j.per_second = strtoll(argv[at++], NULL, 10);
    j.more = argv + at;
    if (j.partitions < 1 || j.records < 1 || (!sends && !reads && j.per_second < 1))
        fail("a count is not a number above 0");
    if (sends)
        produce(&j);
    else if (reads)
        consume(&j);
    else
        latency(&j);
    return 0;
}
