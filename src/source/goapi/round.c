/* Rounds: ticker by ticker, each request's records and the place behind it in one commit. */
#include "base/json.h"
#include "base/trace.h"
#include "exchange/exchange.h"
#include "source/goapi/source.h"

#define PAGE_DAYS      365 /* a request may ask for a year at most */
#define PAGES_MAX      64  /* that are remembered as empty */
#define SETTLED_DAYS   7   /* a page that ended so long ago does not change any more */
#define PRICES_SYMBOLS 50  /* a request */

/* ---- commits */

static size_t round_steps(const connector_t *c)
{
    return c->n_tickers + (c->out[GOAPI_PRICE].topic != NULL) + (c->out[GOAPI_INDEX].topic != NULL);
}

static void count(connector_t *c, uint64_t records, int64_t began_ns, int64_t fetch_ns)
{
    pthread_mutex_lock(&c->lock);
    c->status.records += records;
    c->status.batches++;
    if (records)
        c->status.last_ms = io_now_ms(c->env.io);
    c->status.busy_ns += io_mono_ns(c->env.io) - began_ns - fetch_ns;
    pthread_mutex_unlock(&c->lock);
}

/* Commits what was added, and the place behind this step. */
static ST commit_step(connector_t *c, err_t *err)
{
    int64_t round = c->round, began = io_mono_ns(c->env.io);
    size_t step = c->step + 1;
    if (step >= round_steps(c)) {
        step = 0;
        round++;
    }
    log_commit_t *commit = log_commit_new(c->env.log);
    st_t st = ST_OK;
    for (int k = 0; k < GOAPI_KINDS && st == ST_OK; k++) {
        c->records[k] += c->out[k].added;
        if (c->out[k].topic)
            st = goapi_out_commit(&c->out[k], commit, err);
    }
    if (st != ST_OK) {
        log_commit_free(commit);
        return st;
    }
    log_commit_offset(commit, c->group, c->set.stock_topic, 0,
                      round << SOURCE_STEP_BITS | (int64_t)step);
    TRY(log_commit(c->env.log, commit, NULL, err));
    c->commit_ns += io_mono_ns(c->env.io) - began;
    c->round = round;
    c->step = step;
    return ST_OK;
}

/* ---- a ticker's history */

typedef struct history {
    const goapi_row_t **row;
    size_t n, cap;
} history_t;

static void add_page(connector_t *c, history_t *h, const goapi_answer_t *page, str_t ticker)
{
    if (h->n + page->n > h->cap) {
        const goapi_row_t **old = h->row;
        h->cap = (h->n + page->n) * 2;
        h->row = ARENA_ARRAY(&c->step_arena, const goapi_row_t *, h->cap);
        if (h->n)
            memcpy(h->row, old, h->n * sizeof *old);
    }
    for (size_t i = 0; i < page->n; i++) {
        if (!page->row[i].date.len)
            continue; /* no day: it has no key */
        if (!page->row[i].ticker.len)
            page->row[i].ticker = ticker;
        h->row[h->n++] = &page->row[i];
    }
}

static int by_date(const void *a, const void *b)
{
    return str_cmp((*(const goapi_row_t *const *)a)->date, (*(const goapi_row_t *const *)b)->date);
}

/* Oldest first; of a day that came twice, one. */
static void sort_history(history_t *h)
{
    size_t n = 0;
    bool falling = true;
    for (size_t i = 1; i < h->n && falling; i++)
        falling = by_date(&h->row[i - 1], &h->row[i]) > 0;
    for (size_t i = 0; falling && i < h->n / 2; i++) {
        const goapi_row_t *r = h->row[i];
        h->row[i] = h->row[h->n - 1 - i];
        h->row[h->n - 1 - i] = r;
    }
    if (!falling)
        qsort(h->row, h->n, sizeof *h->row, by_date);
    for (size_t i = 0; i < h->n; i++)
        if (!n || by_date(&h->row[n - 1], &h->row[i]))
            h->row[n++] = h->row[i];
    h->n = n;
}

static uint64_t *empty_pages(connector_t *c, str_t ticker)
{
    uint64_t *bits = map_get(&c->empty, ticker);
    if (!bits) {
        bits = ARENA_NEW(&c->life, uint64_t);
        map_put(&c->empty, ticker, bits);
    }
    return bits;
}

static ST ask_page(connector_t *c, str_t ticker, const char *range, goapi_answer_t *ret, err_t *err)
{
    str_t path = arena_printf(&c->step_arena, STR_FMT "/historical%s", STR_ARG(ticker), range);
    return source_ask(c, &c->step_arena, path, ret, err);
}

/* All pages from from.date to to.date. A page of the past that once was empty is not asked for
 * again. */
static ST ask_history(connector_t *c, str_t ticker, history_t *h, err_t *err)
{
    goapi_answer_t page;
    int64_t today = exchange_day(io_now_ms(c->env.io)),
            to = c->set.to_day < 0 ? today : c->set.to_day;
    if (!c->set.dates) {
        TRY(ask_page(c, ticker, "", &page, err));
        add_page(c, h, &page, ticker);
        return ST_OK;
    }
    uint64_t *empty = empty_pages(c, ticker);
    int64_t from = c->set.from_day;
    for (unsigned i = 0; from <= to; i++, from += PAGE_DAYS) {
        char range[40] = "?from=YYYY-MM-DD&to=YYYY-MM-DD";
        int64_t last = from + PAGE_DAYS - 1 < to ? from + PAGE_DAYS - 1 : to;
        if (i < PAGES_MAX && *empty >> i & 1)
            continue;
        exchange_date_put(from, range + 6);
        exchange_date_put(last, range + 20);
        TRY(ask_page(c, ticker, range, &page, err));
        add_page(c, h, &page, ticker);
        if (!page.n && i < PAGES_MAX && last < today - SETTLED_DAYS)
            *empty |= UINT64_C(1) << i;
    }
    return ST_OK;
}

/* The article's "%Y-%m-%d %H:%M:%S", in Jakarta. */
static str_t created_text(arena_t *a, int64_t now_ms)
{
    int64_t s = floor_mod(now_ms + EXCHANGE_UTC_OFFSET_MS, CIVIL_DAY_MS) / 1000;
    char day[EXCHANGE_DATE_CHARS];
    exchange_date_put(exchange_day(now_ms), day);
    return arena_printf(a, "%.*s %02d:%02d:%02d", EXCHANGE_DATE_CHARS, day, (int)(s / 3600),
                        (int)(s / 60 % 60), (int)(s % 60));
}

static void add_history(connector_t *c, const history_t *h, str_t ticker)
{
    int64_t now_ms = io_now_ms(c->env.io);
    str_t created = created_text(&c->step_arena, now_ms);
    const goapi_row_t *listed = source_company(c, ticker);
    goapi_row_t company = listed ? *listed : (goapi_row_t){.ticker = ticker};
    for (size_t i = 0; i < h->n; i++) {
        goapi_out_add(&c->out[GOAPI_STOCK], now_ms, h->row[i], STR(""));
        company.ticker = h->row[i]->ticker;
        if (listed && (!i || c->set.company_per_row))
            goapi_out_add(&c->out[GOAPI_COMPANY], now_ms, &company, created);
    }
}

static ST step_ticker(connector_t *c, str_t ticker, err_t *err)
{
    history_t h = {0};
    st_t st = ask_history(c, ticker, &h, err);
    if (st == ST_NOT_FOUND) {
        source_problem(c, err->msg);
        trace_line(TRACE_WARN, "goapi", STR_FMT ": %s", STR_ARG(ticker), err->msg);
        return ST_OK;
    }
    TRY(st);
    sort_history(&h);
    add_history(c, &h, ticker);
    return ST_OK;
}

/* ---- prices and indices */

static ST step_prices(connector_t *c, err_t *err)
{
    for (size_t from = 0; from < c->n_tickers; from += PRICES_SYMBOLS) {
        buf_t path = BUF_INIT;
        goapi_answer_t page;
        BUF_LIT(&path, "prices?symbols=");
        for (size_t i = from; i < c->n_tickers && i < from + PRICES_SYMBOLS; i++) {
            if (i > from)
                buf_put_char(&path, ',');
            buf_put_str(&path, c->ticker[i]);
        }
        st_t st = source_ask(c, &c->step_arena, buf_str(&path), &page, err);
        buf_done(&path);
        TRY(st);
        for (size_t i = 0; i < page.n; i++)
            if (page.row[i].ticker.len)
                goapi_out_add(&c->out[GOAPI_PRICE], io_now_ms(c->env.io), &page.row[i], STR(""));
    }
    return ST_OK;
}

static ST step_indices(connector_t *c, err_t *err)
{
    goapi_answer_t page;
    TRY(source_ask(c, &c->step_arena, STR("indices"), &page, err));
    for (size_t i = 0; i < page.n; i++)
        if (page.row[i].ticker.len)
            goapi_out_add(&c->out[GOAPI_INDEX], io_now_ms(c->env.io), &page.row[i], STR(""));
    return ST_OK;
}

/* ---- rounds */

static ST one_step(connector_t *c, err_t *err)
{
    int64_t began = io_mono_ns(c->env.io), fetched = c->fetch_ns;
    uint64_t records = 0;
    arena_reset(&c->step_arena);
    if (c->step < c->n_tickers)
        TRY(step_ticker(c, c->ticker[c->step], err));
    else if (c->step == c->n_tickers && c->out[GOAPI_PRICE].topic)
        TRY(step_prices(c, err));
    else if (c->out[GOAPI_INDEX].topic)
        TRY(step_indices(c, err));
    for (int k = 0; k < GOAPI_KINDS; k++)
        records += c->out[k].added;
    TRY(commit_step(c, err));
    count(c, records, began, c->fetch_ns - fetched);
    return ST_OK;
}

static void report(connector_t *c, int64_t round)
{
    char left[40] = "";
    int64_t now = io_mono_ns(c->env.io);
    if (goapi_quota_left(&c->quota) >= 0)
        snprintf(left, sizeof left, ", %lld requests left", (long long)goapi_quota_left(&c->quota));
    trace_line(
        TRACE_INFO, "goapi",
        "round %lld: %llu stocks, %llu companies, %llu prices, %llu indices from %llu requests "
        "(%llu failed) in %lld ms: %lld waiting for answers, %lld committing%s",
        (long long)round + 1, (unsigned long long)c->records[GOAPI_STOCK],
        (unsigned long long)c->records[GOAPI_COMPANY], (unsigned long long)c->records[GOAPI_PRICE],
        (unsigned long long)c->records[GOAPI_INDEX], (unsigned long long)c->requests,
        (unsigned long long)c->failures, (long long)((now - c->round_ns) / 1000000),
        (long long)(c->fetch_ns / 1000000), (long long)(c->commit_ns / 1000000), left);
}

static ST one_round(connector_t *c, err_t *err)
{
    int64_t round = c->round;
    c->requests = c->failures = 0;
    c->fetch_ns = c->commit_ns = 0;
    c->round_ns = io_mono_ns(c->env.io);
    memset(c->records, 0, sizeof c->records);
    TRY(source_companies(c, err));
    TRY(source_tickers(c, err));
    if (c->step >= round_steps(c))
        c->step = 0; /* options have changed since */
    if (!round_steps(c))
        TRY(commit_step(c, err));
    while (c->round == round) {
        if (atomic_load(&c->stop))
            return err_set(err, ST_CANCELLED, "stopped");
        TRY(one_step(c, err));
    }
    report(c, round);
    return ST_OK;
}

/* Waits until it may go on; idle unless a known end is ahead. */
static ST rest(connector_t *c, int64_t ms, bool idle, err_t *err)
{
    if (ms <= 0)
        return ST_OK;
    source_set_idle(c, idle);
    TRY(source_wait(c, ms, err));
    source_set_idle(c, false);
    return ST_OK;
}

st_t source_run(connector_t *c, err_t *err)
{
    goapi_kind_t kind[2] = {GOAPI_STOCK, GOAPI_COMPANY};
    for (int i = 0; i < 2 && c->set.only_changed; i++)
        TRY(goapi_out_remember(&c->out[kind[i]], &c->seen, err));
    for (;;) {
        if (c->set.rounds && c->round >= c->set.rounds)
            TRY(rest(c, INT32_MAX, true, err));
        else if (c->set.market_hours_only && exchange_opens_in_ms(io_now_ms(c->env.io)) > 0)
            TRY(rest(c, exchange_opens_in_ms(io_now_ms(c->env.io)), true, err));
        else {
            TRY(one_round(c, err));
            if (!c->set.rounds || c->round < c->set.rounds)
                TRY(rest(c, c->set.interval_ms, !c->set.rounds, err));
        }
    }
}
