/* source.h: the goapi source from inside: one thread that asks, and what it keeps.
 *
 * S1  A request's records and the source's place behind it are one commit: after a crash it goes on
 * exactly there. S2  The place is (round, step). Steps of a round are its tickers, then prices,
 * then indices. It is kept as the offset of the group connect-NAME in partition 0 of the stock
 * topic, and goes when that topic goes. S3  A round's tickers are in a file before its first
 * commit, so that a round that was broken off ends with the same.
 */
#ifndef ARUS_SOURCE_GOAPI_SOURCE_H
#define ARUS_SOURCE_GOAPI_SOURCE_H

#include "base/map.h"
#include "source/goapi/answer.h"
#include "source/goapi/client.h"
#include "source/goapi/quota.h"
#include "source/goapi/records.h"
#include "source/goapi/settings.h"

#include <pthread.h>
#include <stdatomic.h>

#define SOURCE_STEP_BITS 24 /* of the place: steps of a round */

struct connector {
    /* Set at start, then read only. */
    arena_t life;
    str_t name, group, quota_path, tickers_path, companies_path;
    goapi_settings_t set;
    connector_env_t env;
    pthread_t thread;

    /* thread: any */
    atomic_bool stop;
    pthread_mutex_t lock; /* status */
    pthread_cond_t wake;  /* stop was set */
    connector_status_t status;

    /* thread: the source's */
    goapi_client_t *client;
    goapi_quota_t quota;
    goapi_out_t out[GOAPI_KINDS];
    goapi_seen_t seen;
    int64_t round;
    size_t step;
    arena_t round_arena; /* tickers */
    str_t *ticker;
    size_t n_tickers;
    arena_t companies_arena;
    map_t companies; /* by lower-case ticker: const goapi_row_t */
    goapi_answer_t company_list;
    int64_t companies_ms; /* when they were fetched; 0: never */
    map_t empty;          /* by ticker: uint64_t, a bit a page of the past that had nothing */
    arena_t step_arena;   /* what one step needs */
    /* Of this round, for its line of report. */
    uint64_t requests, failures, by_verdict[GOAPI_VERDICTS], records[GOAPI_KINDS];
    int64_t fetch_ns; /* waiting: for answers, or to ask again */
    int64_t commit_ns, round_ns;
};

/* ---- ask.c */

/* One request, repeated until it is answered. ST_NOT_FOUND: there is no such thing; ST_CANCELLED;
 * ST_DENIED: the key is refused; ST_UNREACHABLE: it failed more often than `retries` allows. Rows
 * live until the arena is reset. */
ST source_ask(connector_t *c, arena_t *a, str_t path, goapi_answer_t *ret, err_t *err);
/* Sleeps, and is woken by stop: ST_CANCELLED. */
ST source_wait(connector_t *c, int64_t ms, err_t *err);
void source_set_idle(connector_t *c, bool idle);
/* Counts and shows a problem that is not the end. */
void source_problem(connector_t *c, const char *text);

/* ---- lists.c */

/* Fresh companies, from memory, the file, or the API. */
ST source_companies(connector_t *c, err_t *err);
const goapi_row_t *source_company(const connector_t *c, str_t ticker);
/* The tickers of the round that begins or goes on. */
ST source_tickers(connector_t *c, err_t *err);

/* ---- round.c */

/* Fetches until it is told to stop or all rounds are done and it is told to stop. */
ST source_run(connector_t *c, err_t *err);

#endif
