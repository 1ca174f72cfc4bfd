/* settings.h: the source's options, checked. README.md lists them. */
#ifndef ARUS_SOURCE_GOAPI_SETTINGS_H
#define ARUS_SOURCE_GOAPI_SETTINGS_H

#include "connect/connector.h"

typedef enum goapi_partitioner {
    GOAPI_MURMUR2_RANDOM,   /* Java's clients', and Kafka Streams' */
    GOAPI_CONSISTENT_RANDOM /* librdkafka's default: CRC-32 */
} goapi_partitioner_t;

typedef struct goapi_settings {
    str_t base;     /* up to and with stock/idx, no slash at the end */
    str_t fallback; /* the other generation's, tried when base knows nothing; empty: none */
    str_t key;      /* file:PATH, env:NAME or the key itself; empty: none */
    str_t tickers;  /* trending, all, top_gainer, top_loser, or a list */
    bool dates;     /* a range is asked for */
    int64_t from_day, to_day; /* to_day -1: today */
    int64_t rounds;           /* 0: for ever */
    int64_t interval_ms;
    bool company_per_row, only_changed, market_hours_only;
    str_t stock_topic, company_topic, prices_topic, indices_topic; /* the last two: empty: off */
    int32_t partitions, replicas;
    goapi_partitioner_t partitioner;
    int64_t quota_daily, quota_monthly;
    int64_t companies_cache_ms;
    int64_t connect_timeout_ms, request_timeout_ms;
    int64_t retries; /* of one request; -1: no end */
    int64_t backoff_ms, backoff_max_ms;
} goapi_settings_t;

/* Texts are copied to the arena. ST_BAD_CONFIG names the option. */
ST goapi_settings_read(const connector_config_t *c, arena_t *a, goapi_settings_t *ret, err_t *err);
/* The key itself, read now from where it is kept. ST_NOT_FOUND, ST_BAD_CONFIG. */
ST goapi_settings_key(const goapi_settings_t *s, io_t *io, arena_t *a, str_t *ret, err_t *err);

#endif
