/* market.h: a look-alike of GoAPI's stock part, to run and test against without the real one.
 *
 * The market is a list of shares with their days. It is synthetic (fifty shares, prices walked by a
 * seed under the exchange's rules; days gone by never change, today's prices move with the clock)
 * or replayed from CSV files. market_answer is a function of the market, the request and the time;
 * who serves it over HTTP is app/market.c. One thread at a time.
 */
#ifndef ARUS_MARKET_MARKET_H
#define ARUS_MARKET_MARKET_H

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"

typedef struct market_day {
    int32_t day;                    /* since 1970-01-01 */
    int32_t open, high, low, close; /* rupiah */
    int64_t volume;                 /* shares */
} market_day_t;

typedef struct market_share {
    str_t ticker, name;
    int32_t price;          /* synthetic: what it is drawn back to */
    int64_t volume;         /* synthetic: a usual day's */
    VEC(market_day_t) days; /* oldest first */
} market_share_t;

typedef struct market_options {
    const char *prices, *companies; /* CSV files to replay, maybe gzip'ed; NULL: synthetic */
    uint64_t seed;
    int trending;         /* how many are trending, gaining, losing */
    int64_t history_days; /* synthetic: how far back */
    str_t key;            /* asked of clients; empty: none */
} market_options_t;

typedef struct market {
    arena_t arena;
    market_options_t opt;
    bool replay;
    VEC(market_share_t) shares; /* as listed */
    map_t by_ticker;            /* lower case; market_share_t + 1 as an index */
    int64_t through;            /* synthetic: the last day that is closed */
    bool live;                  /* synthetic: each share's last day is today's, still moving */
    int64_t synced_s;           /* synthetic: when that was */
} market_t;

typedef struct market_request {
    str_t method, path, query; /* path decoded, query as it came */
    str_t key;                 /* the X-API-KEY header */
} market_request_t;

typedef struct market_answer {
    int status;
    const char *type;
} market_answer_t;

/* Paths end in .gz for gzip or not. ST_NOT_FOUND, ST_BAD_INPUT (file and line). */
ST market_new(const market_options_t *opt, market_t **ret, err_t *err);
void market_free(market_t *m);

/* Appends the body to `body`. Both generations: /v1/stock/idx/… (ticker, change and percent as
 * text) and /stock/idx/… (symbol, numbers). */
market_answer_t market_answer(market_t *m, const market_request_t *r, int64_t now_ms, buf_t *body);
/* {"status":"error","message":…} */
void market_put_error(buf_t *body, const char *message);

/* ---- inside */

/* Replaces the market by the files'. */
ST market_replay(market_t *m, err_t *err);
void market_synthetic(market_t *m);
/* Brings the synthetic days up to now. */
void market_sync(market_t *m, int64_t now_ms);
/* A day's prices after the close of the day before; `previous` 0: its first day. */
market_day_t market_walk(uint64_t seed, const market_share_t *s, int64_t day, int64_t previous);
market_share_t *market_share_new(market_t *m, str_t ticker, str_t name);
/* NULL when it is not listed. */
market_share_t *market_share(const market_t *m, str_t ticker);

#endif
