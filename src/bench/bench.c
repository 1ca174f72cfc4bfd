#include "bench/bench.h"

#include "log/local/local.h"
#include "registry/registry.h"
#include "server/server.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const names[BENCH_JOBS] = {"dedupe", "join", "filter", "count"};

const char *bench_job_name(bench_job_t job)
{
    return names[job];
}

#define STOCK_COLUMNS                                                                              \
    "id VARCHAR, ticker VARCHAR, date VARCHAR, open DOUBLE, high DOUBLE, low DOUBLE, close "       \
    "DOUBLE, volume BIGINT"

static const char *const scripts[BENCH_JOBS] = {
    [BENCH_DEDUPE] =
        "CREATE STREAM s (" STOCK_COLUMNS ") WITH (KAFKA_TOPIC='bench-stock', VALUE_FORMAT='AVRO');"
        "CREATE TABLE bench_out AS SELECT id AS id, AS_VALUE(id) AS stockid, "
        "LATEST_BY_OFFSET(ticker) AS ticker,"
        " LATEST_BY_OFFSET(date) AS date, LATEST_BY_OFFSET(open) AS open, LATEST_BY_OFFSET(high) "
        "AS high,"
        " LATEST_BY_OFFSET(low) AS low, LATEST_BY_OFFSET(close) AS close, LATEST_BY_OFFSET(volume) "
        "AS volume"
        " FROM s WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 3 DAYS, GRACE PERIOD 15 MINUTES) GROUP "
        "BY id EMIT CHANGES;",
    [BENCH_JOIN] =
        "CREATE STREAM s (" STOCK_COLUMNS ") WITH (KAFKA_TOPIC='bench-stock', VALUE_FORMAT='AVRO');"
        "CREATE STREAM c (id VARCHAR, ticker VARCHAR, name VARCHAR, logo VARCHAR)"
        " WITH (KAFKA_TOPIC='bench-company', VALUE_FORMAT='AVRO');"
        "CREATE STREAM bench_out AS SELECT s.ticker AS ticker, s.id AS id, date AS date, open AS "
        "open, high AS high,"
        " low AS low, close AS close, volume AS volume, name AS name, logo AS logo FROM s"
        " INNER JOIN c WITHIN 7 DAYS GRACE PERIOD 15 MINUTES ON s.ticker = c.ticker EMIT CHANGES;",
    [BENCH_FILTER] = "CREATE STREAM s (k VARCHAR KEY, " STOCK_COLUMNS
                     ") WITH (KAFKA_TOPIC='bench-stock', VALUE_FORMAT='JSON');"
                     "CREATE STREAM bench_out AS SELECT k, id, ticker, close FROM s WHERE close > "
                     "1000 AND ticker LIKE 'B%'"
                     " EMIT CHANGES;",
    [BENCH_COUNT] =
        "CREATE STREAM s (k VARCHAR KEY, " STOCK_COLUMNS
        ") WITH (KAFKA_TOPIC='bench-stock', VALUE_FORMAT='AVRO');"
        "CREATE TABLE bench_out AS SELECT k, COUNT(*) AS n FROM s GROUP BY k EMIT CHANGES;",
};

/* The schemas that the loader's records are written with: ids 1 and 2. */
static ST register_schemas(registry_t *r, err_t *err)
{
#define FIELD(name, type)                                                                          \
    "{\"name\":\"" name "\",\"type\":[\"null\",\"" type "\"],\"default\":null}"
    registry_input_t stock = {
        .text = STR(
            "{\"type\":\"record\",\"name\":\"Stock\",\"fields\":[" FIELD("id", "string") "," FIELD("ticker", "string") "," FIELD(
                "date",
                "string") "," FIELD("open",
                                    "double") "," FIELD("high",
                                                        "double") "," FIELD("low",
                                                                            "double") "," FIELD("cl"
                                                                                                "os"
                                                                                                "e",
                                                                                                "do"
                                                                                                "ub"
                                                                                                "l"
                                                                                                "e") "," FIELD("volume",
                                                                                                               "long") "]}")};
    registry_input_t company = {
        .text = STR("{\"type\":\"record\",\"name\":\"Company\",\"fields\":[" FIELD(
            "id", "string") "," FIELD("ticker",
                                      "string") "," FIELD("name",
                                                          "string") "," FIELD("logo",
                                                                              "string") "]}")};
    registry_schema_t made;
    TRY(registry_register(r, STR("bench-stock-value"), &stock, &made, NULL, err));
    if (made.id != 1)
        return err_set(err, ST_CORRUPT, "the first schema's id is %d", made.id);
    TRY(registry_register(r, STR("bench-company-value"), &company, &made, NULL, err));
    return ST_OK;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void print_line(const char *engine, const bench_options_t *opt, const bench_line_t *l)
{
    double rate = (double)l->records / l->wall_s;
    printf("engine=%s job=%s records=%lld keys=%lld durability=%s outputs=%lld wall_s=%.3f "
           "rate_per_s=%.0f cpu_s=%.3f "
           "cpu_s_per_million=%.3f rate_per_core_s=%.0f rss_peak_mb=%lld\n",
           engine, names[opt->job], (long long)l->records, (long long)opt->keys,
           opt->sync ? "sync" : "memory", (long long)l->outputs, l->wall_s, rate, l->cpu_s,
           l->cpu_s * 1e6 / (double)l->records,
           (double)l->records / (l->cpu_s > l->wall_s ? l->cpu_s : l->wall_s),
           (long long)l->rss_peak_mb);
    fflush(stdout);
}

static int64_t rss_peak_mb(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

static ST run_engine(const bench_options_t *opt, io_t *io, log_t *log,
                     const schema_source_t *schemas, bench_line_t *ret, err_t *err)
{
    server_property_t p[] = {{STR("auto.offset.reset"), STR("earliest")}};
    server_options_t so = {.io = io,
                           .log = log,
                           .schemas = schemas,
                           .service_id = STR("bench_"),
                           .data_dir = opt->dir,
                           .property = p,
                           .n_properties = 1};
    server_t *s = server_new(&so);
    st_t st = server_script(s, str_of(scripts[opt->job]), NULL, 0, err);
    int64_t total = opt->records + (opt->job == BENCH_JOIN ? opt->keys : 0);
    double cpu = cpu_s();
    int64_t start = io_mono_ns(io);
    if (st == ST_OK)
        st = server_start(s, err);
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    server_stats_t stats = {0};
    while (st == ST_OK) {
        arena_reset(&a);
        server_stats(s, &a, &stats);
        if (stats.n_queries && stats.query[0].records_in >= (uint64_t)total && stats.idle)
            break;
        if (io_mono_ns(io) - start > INT64_C(600000000000))
            st = err_set(err, ST_TIMEOUT, "not done after ten minutes");
        io_sleep_ms(io, 1);
    }
    int64_t end = io_mono_ns(io);
    *ret = (bench_line_t){
        .records = total, .wall_s = (double)(end - start) / 1e9, .cpu_s = cpu_s() - cpu};
    if (st == ST_OK)
        ret->outputs = (int64_t)stats.query[0].records_out;
    arena_done(&a);
    server_close(s);
    ret->rss_peak_mb = rss_peak_mb();
    return st;
}

static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char sub[4096];
        if (e->d_name[0] == '.' && (!e->d_name[1] || (e->d_name[1] == '.' && !e->d_name[2])))
            continue;
        snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        if (unlink(sub))
            remove_tree(sub);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static ST run_in(const bench_options_t *opt, io_t *io, log_t *log, err_t *err)
{
    registry_t *r;
    TRY(registry_open(log, io, &r, err));
    log_topic_t *topic[2] = {NULL, NULL};
    size_t n = 0;
    bench_line_t engine, bare;
    st_t st = register_schemas(r, err);
    if (st == ST_OK)
        st = bench_load(opt, log, topic, &n, err);
    schema_source_t src = registry_source(r);
    if (st == ST_OK)
        st = run_engine(opt, io, log, &src, &engine, err);
    if (st == ST_OK) {
        print_line("arus", opt, &engine);
        st = bench_bare(opt, topic, n, &bare, err);
    }
    if (st == ST_OK) {
        bare.rss_peak_mb = rss_peak_mb();
        print_line("bare", opt, &bare);
        printf("ratio job=%s rate=%.3f cpu=%.3f\n", names[opt->job], bare.wall_s / engine.wall_s,
               bare.cpu_s / engine.cpu_s);
    }
    for (size_t i = 0; i < 2; i++)
        if (topic[i])
            log_topic_unref(topic[i]);
    registry_close(r);
    return st;
}

st_t bench_run(const bench_options_t *opt, err_t *err)
{
    io_t *io = io_real_new();
    log_local_options_t lo;
    log_local_options_init(&lo);
    lo.dir = opt->dir;
    lo.durability = opt->sync ? LOG_DURABILITY_SYNC : LOG_DURABILITY_MEMORY;
    lo.retention_ms = -1;
    log_t *log;
    st_t st = log_local_open(io, &lo, &log, err);
    if (st == ST_OK) {
        st = run_in(opt, io, log, err);
        log_close(log);
    }
    char z[4096];
    snprintf(z, sizeof z, STR_FMT, STR_ARG(opt->dir));
    remove_tree(z);
    io_free(io);
    return st;
}
