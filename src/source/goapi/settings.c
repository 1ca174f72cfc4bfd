#include "source/goapi/settings.h"

#include "exchange/exchange.h"
#include "source/goapi/file.h"

#define OLD_TAIL       "/v1/stock/idx"
#define NEW_TAIL       "/stock/idx"
#define NAME_MAX_CHARS 249

static ST read_url(const connector_config_t *c, arena_t *a, goapi_settings_t *s, err_t *err)
{
    str_t url = str_trim(connector_get(c, "url", STR("https://api.goapi.io")));
    str_t api = connector_get(c, "api", STR("auto"));
    bool v1 = str_eq(api, STR("v1")), v2 = str_eq(api, STR("v2"));
    if (!str_starts_nocase(url, STR("http://")) && !str_starts_nocase(url, STR("https://")))
        return err_set(err, ST_BAD_CONFIG,
                       "url must start with http:// or https://, not '" STR_FMT "'", STR_ARG(url));
    if (!v1 && !v2 && !str_eq(api, STR("auto")))
        return err_set(err, ST_BAD_CONFIG, "api must be v1, v2 or auto, not '" STR_FMT "'",
                       STR_ARG(api));
    while (str_ends(url, STR("/")))
        url = str_sub(url, 0, url.len - 1);
    s->fallback = STR("");
    if (str_ends(url, STR(NEW_TAIL))) {
        s->base = arena_str(a, url);
        return ST_OK;
    }
    str_t old = arena_printf(a, STR_FMT OLD_TAIL, STR_ARG(url));
    str_t new = arena_printf(a, STR_FMT NEW_TAIL, STR_ARG(url));
    s->base = v1 || (!v2 && str_ends(url, STR("goapi.id"))) ? old : new;
    if (!v1 && !v2)
        s->fallback = s->base.ptr == old.ptr ? new : old;
    return ST_OK;
}

static ST read_dates(const connector_config_t *c, goapi_settings_t *s, err_t *err)
{
    str_t from = str_trim(connector_get(c, "from.date", STR("")));
    str_t to = str_trim(connector_get(c, "to.date", STR("")));
    s->dates = from.len > 0;
    s->to_day = -1;
    if (from.len && !exchange_date_read(from, &s->from_day))
        return err_set(err, ST_BAD_CONFIG,
                       "from.date must be a date such as 2023-08-01, not '" STR_FMT "'",
                       STR_ARG(from));
    if (to.len && !exchange_date_read(to, &s->to_day))
        return err_set(err, ST_BAD_CONFIG,
                       "to.date must be a date such as 2023-08-01, not '" STR_FMT "'", STR_ARG(to));
    if (to.len && (!from.len || s->to_day < s->from_day))
        return err_set(err, ST_BAD_CONFIG, "to.date needs a from.date that is not behind it");
    return ST_OK;
}

static ST read_topic(const connector_config_t *c, arena_t *a, const char *name, str_t otherwise,
                     str_t *ret, err_t *err)
{
    str_t v = str_trim(connector_get(c, name, otherwise));
    bool fine = v.len <= NAME_MAX_CHARS;
    for (size_t i = 0; fine && i < v.len; i++) {
        char ch = v.ptr[i];
        fine = (str_lower_char(ch) >= 'a' && str_lower_char(ch) <= 'z') ||
               (ch >= '0' && ch <= '9') || ch == '.' || ch == '_' || ch == '-';
    }
    if (!fine || (otherwise.len && !v.len))
        return err_set(err, ST_BAD_CONFIG, "%s must be a topic's name, not '" STR_FMT "'", name,
                       STR_ARG(v));
    *ret = arena_str(a, v);
    return ST_OK;
}

static ST read_topics(const connector_config_t *c, arena_t *a, goapi_settings_t *s, err_t *err)
{
    int64_t n;
    TRY(read_topic(c, a, "stock.topic", STR("streaming.goapi.idx.stock.json"), &s->stock_topic,
                   err));
    TRY(read_topic(c, a, "company.topic", STR("streaming.goapi.idx.companies.json"),
                   &s->company_topic, err));
    TRY(read_topic(c, a, "prices.topic", STR(""), &s->prices_topic, err));
    TRY(read_topic(c, a, "indices.topic", STR(""), &s->indices_topic, err));
    TRY(connector_get_i64(c, "topic.creation.default.partitions", 9, 1, LOG_PARTITIONS_MAX, &n,
                          err));
    s->partitions = (int32_t)n;
    TRY(connector_get_i64(c, "topic.creation.default.replication.factor", 1, 1, 100, &n, err));
    s->replicas = (int32_t)n;
    str_t p = connector_get(c, "partitioner", STR("murmur2_random"));
    if (str_eq(p, STR("consistent_random")))
        s->partitioner = GOAPI_CONSISTENT_RANDOM;
    else if (!str_eq(p, STR("murmur2_random")))
        return err_set(err, ST_BAD_CONFIG,
                       "partitioner must be murmur2_random or consistent_random, not '" STR_FMT "'",
                       STR_ARG(p));
    return ST_OK;
}

st_t goapi_settings_read(const connector_config_t *c, arena_t *a, goapi_settings_t *ret, err_t *err)
{
    goapi_settings_t s = {.key = arena_str(a, str_trim(connector_get(c, "key", STR("")))),
                          .tickers =
                              arena_str(a, str_trim(connector_get(c, "tickers", STR("trending"))))};
    if (!s.tickers.len)
        return err_set(err, ST_BAD_CONFIG,
                       "tickers must be trending, all, top_gainer, top_loser or a list: BBCA,TLKM");
    TRY(read_url(c, a, &s, err));
    TRY(read_dates(c, &s, err));
    TRY(read_topics(c, a, &s, err));
    TRY(connector_get_i64(c, "rounds", 0, 0, INT32_MAX, &s.rounds, err));
    TRY(connector_get_ms(c, "interval", 5000, &s.interval_ms, err));
    TRY(connector_get_bool(c, "company.per.row", false, &s.company_per_row, err));
    TRY(connector_get_bool(c, "only.changed", false, &s.only_changed, err));
    TRY(connector_get_bool(c, "market.hours.only", false, &s.market_hours_only, err));
    TRY(connector_get_i64(c, "quota.daily", 0, 0, INT32_MAX, &s.quota_daily, err));
    TRY(connector_get_i64(c, "quota.monthly", 0, 0, INT32_MAX, &s.quota_monthly, err));
    TRY(connector_get_ms(c, "companies.cache", 86400000, &s.companies_cache_ms, err));
    TRY(connector_get_i64(c, "connection.timeout.ms", 10000, 1, INT32_MAX, &s.connect_timeout_ms,
                          err));
    TRY(connector_get_i64(c, "request.timeout.ms", 30000, 1, INT32_MAX, &s.request_timeout_ms,
                          err));
    TRY(connector_get_i64(c, "retries", -1, -1, INT32_MAX, &s.retries, err));
    TRY(connector_get_i64(c, "retry.backoff.ms", 200, 1, INT32_MAX, &s.backoff_ms, err));
    TRY(connector_get_i64(c, "retry.backoff.max.ms", 30000, 1, INT32_MAX, &s.backoff_max_ms, err));
    *ret = s;
    return ST_OK;
}

st_t goapi_settings_key(const goapi_settings_t *s, io_t *io, arena_t *a, str_t *ret, err_t *err)
{
    str_t text;
    if (str_starts(s->key, STR("file:"))) {
        str_t path = str_sub(s->key, 5, s->key.len);
        st_t st = goapi_file_read(io, path, a, &text, err);
        if (st != ST_OK)
            return err_wrap(err, st, "the API key");
        *ret = str_trim(text);
    } else if (str_starts(s->key, STR("env:"))) {
        const char *v = getenv(arena_z(a, str_sub(s->key, 4, s->key.len)));
        if (!v)
            return err_set(err, ST_NOT_FOUND, "the API key: the environment has no " STR_FMT,
                           STR_ARG(str_sub(s->key, 4, s->key.len)));
        *ret = str_trim(str_of(v));
    } else {
        *ret = s->key;
    }
    return ST_OK;
}
