/* arus market: the look-alike of GoAPI over HTTP, with faults on demand. */
#include "market/market.h"
#include "app/options.h"
#include "app/verb.h"
#include "exchange/exchange.h"
#include "http/http.h"
#include "io/text.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SLOW_MS 1000

typedef enum fault_kind {
    FAULT_SLOW,
    FAULT_500,
    FAULT_429,
    FAULT_HTML,
    FAULT_TRUNCATED,
    FAULT_DROP,
    FAULT_KINDS
} fault_kind_t;

static const char *const fault_names[FAULT_KINDS] = {"slow", "500",       "429",
                                                     "html", "truncated", "drop"};

typedef struct stand {
    market_options_t opt;
    str_t listen;
    int64_t at_ms;             /* where its clock stands; 0: it goes */
    double fault[FAULT_KINDS]; /* 0..1 */
    io_t *io;
    io_loop_t *loop;
    market_t *market;
    buf_t body;
} stand_t;

/* An answer that is held back. */
typedef struct late {
    io_timer_t timer;
    stand_t *stand;
    http_request_t *request;
} late_t;

static const char usage[] =
    "usage: arus market [--listen HOST:PORT] [--prices FILE.csv[.gz] --companies FILE.csv] "
    "[--trending N]\n"
    "                   [--history DURATION] [--seed N] [--at DATE] [--fault KIND:RATE]...\n"
    "                   [--key KEY]\n"
    "\n"
    "Answers as GoAPI does, under /stock/idx/ and, as its first generation did, /v1/stock/idx/.\n"
    "  --listen HOST:PORT   where; 127.0.0.1:8000, port 0: any that is free\n"
    "  --prices, --companies  replays these files: ticker,date,open,high,low,close,volume and "
    "ticker,name;\n"
    "                       without them the market is synthetic: 50 shares, prices by the seed "
    "and the clock\n"
    "  --trending N         how many shares are trending, gaining, losing; 10\n"
    "  --history DURATION   how far back the synthetic market goes; 55d\n"
    "  --seed N             another market; 1\n"
    "  --at DATE            its clock stands at the end of this day, so that its answers never "
    "change\n"
    "  --fault KIND:RATE    slow, 500, 429, html, truncated or drop, for this share of answers: "
    "0.2 or 20%\n"
    "  --key KEY            clients must send it as X-API-KEY or api_key; file:PATH and env:NAME "
    "keep it secret\n";

static ST read_fault(stand_t *s, str_t text, err_t *err)
{
    str_t kind, rate = text;
    double r = -1;
    bool named = str_split(&rate, ':', &kind);
    bool percent = str_ends(rate, STR("%"));
    if (str_to_f64(percent ? str_sub(rate, 0, rate.len - 1) : rate, &r) && percent)
        r /= 100;
    for (int k = 0; named && r >= 0 && r <= 1 && k < FAULT_KINDS; k++)
        if (str_eq(kind, str_of(fault_names[k]))) {
            s->fault[k] = r;
            return ST_OK;
        }
    return err_set(err, ST_BAD_CONFIG,
                   "--fault expects slow, 500, 429, html, truncated or drop, and a rate, as in "
                   "500:0.2, not '" STR_FMT "'",
                   STR_ARG(text));
}

static ST read_flag(stand_t *s, str_t flag, const char *value, err_t *err)
{
    int64_t n;
    str_t v = str_of(value);
    if (str_eq(flag, STR("--listen")))
        s->listen = v;
    else if (str_eq(flag, STR("--prices")))
        s->opt.prices = value;
    else if (str_eq(flag, STR("--companies")))
        s->opt.companies = value;
    else if (str_eq(flag, STR("--fault")))
        return read_fault(s, v, err);
    else if (str_eq(flag, STR("--trending"))) {
        if (!str_to_i64(v, &n) || n < 0 || n > 100000)
            return err_set(err, ST_BAD_CONFIG, "--trending expects a number, not '%s'", value);
        s->opt.trending = (int)n;
    } else if (str_eq(flag, STR("--seed"))) {
        if (!str_to_i64(v, &n))
            return err_set(err, ST_BAD_CONFIG, "--seed expects a whole number, not '%s'", value);
        s->opt.seed = (uint64_t)n;
    } else if (str_eq(flag, STR("--history"))) {
        if (!options_duration(v, &n))
            return err_set(err, ST_BAD_CONFIG, "--history expects a duration such as 55d, not '%s'",
                           value);
        s->opt.history_days = n / 86400000;
    } else if (str_eq(flag, STR("--at"))) {
        if (!exchange_date_read(v, &n))
            return err_set(err, ST_BAD_CONFIG, "--at expects a date such as 2026-11-20, not '%s'",
                           value);
        s->at_ms = (n + 1) * CIVIL_DAY_MS - EXCHANGE_UTC_OFFSET_MS - 1;
    } else if (str_eq(flag, STR("--key"))) {
        s->opt.key = v;
    } else {
        return err_set(err, ST_BAD_CONFIG, "unknown flag '" STR_FMT "'\n%s", STR_ARG(flag), usage);
    }
    return ST_OK;
}

/* file:PATH and env:NAME, or the key itself. */
static ST resolve_key(stand_t *s, arena_t *a, err_t *err)
{
    str_t key = s->opt.key;
    if (str_starts(key, STR("file:"))) {
        TRY(io_text_read(a, str_sub(key, 5, key.len), 4096, &key, err));
        s->opt.key = str_trim(key);
    } else if (str_starts(key, STR("env:"))) {
        s->opt.key = str_of(getenv(arena_z(a, str_sub(key, 4, key.len))));
    }
    return ST_OK;
}

/* ---- answers */

static int64_t now_ms(const stand_t *s)
{
    return s->at_ms ? s->at_ms : io_now_ms(s->io);
}

static void answer(stand_t *s, http_request_t *r)
{
    market_request_t q = {.method = r->method,
                          .path = r->path,
                          .query = r->query,
                          .key = http_header(r, "x-api-key")};
    buf_clear(&s->body);
    market_answer_t a = market_answer(s->market, &q, now_ms(s), &s->body);
    http_reply(r, a.status, a.type, buf_str(&s->body));
}

static void answer_late(void *arg)
{
    late_t *late = arg;
    answer(late->stand, late->request);
}

static void forget_late(http_request_t *r)
{
    late_t *late = r->env;
    io_timer_clear(late->stand->loop, &late->timer);
    http_abort(r);
}

static void misbehave(stand_t *s, http_request_t *r, fault_kind_t kind)
{
    static const str_t page = {"<html><body><h1>Just a moment...</h1></body></html>", 51};
    market_request_t q = {.method = r->method,
                          .path = r->path,
                          .query = r->query,
                          .key = http_header(r, "x-api-key")};
    late_t *late;
    buf_clear(&s->body);
    switch (kind) {
    case FAULT_SLOW:
        late = ARENA_NEW(r->arena, late_t);
        *late = (late_t){.timer = {.fn = answer_late, .arg = late}, .stand = s, .request = r};
        r->env = late;
        r->gone = forget_late;
        io_timer_set(s->loop, &late->timer, SLOW_MS);
        return;
    case FAULT_500:
        market_put_error(&s->body, "Server Error");
        http_reply(r, 500, "application/json", buf_str(&s->body));
        return;
    case FAULT_429:
        market_put_error(&s->body, "Too Many Requests");
        http_reply(r, 429, "application/json", buf_str(&s->body));
        return;
    case FAULT_HTML:
        http_reply(r, 200, "text/html", page);
        return;
    case FAULT_TRUNCATED:
        market_answer(s->market, &q, now_ms(s), &s->body);
        http_reply(r, 200, "application/json", str_sub(buf_str(&s->body), 0, s->body.len / 2));
        return;
    case FAULT_DROP:
    case FAULT_KINDS:
        break;
    }
    http_abort(r);
}

static void on_request(void *env, http_request_t *r)
{
    stand_t *s = env;
    double draw = (double)(io_random_u64(s->io) >> 11) / 9007199254740992.0;
    for (int k = 0; k < FAULT_KINDS; k++) {
        if (draw < s->fault[k]) {
            misbehave(s, r, (fault_kind_t)k);
            return;
        }
        draw -= s->fault[k];
    }
    answer(s, r);
}

/* ---- serving */

static void on_signal(void *arg, unsigned ready)
{
    (void)ready;
    io_loop_stop(arg);
}

static ST serve(stand_t *s, int signals, err_t *err)
{
    str_t address;
    TRY(market_new(&s->opt, &s->market, err));
    market_sync(s->market, now_ms(s));
    http_options_t ho;
    http_options_init(&ho);
    ho.loop = s->loop;
    ho.env = s;
    ho.miss = on_request;
    http_server_t *server = http_server_new(&ho);
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st = http_server_listen(server, s->listen, NULL, &a, &address, err);
    if (st == ST_OK) {
        io_poll_t stop = {.fd = signals, .fn = on_signal, .arg = s->loop};
        io_poll_set(s->loop, &stop, IO_READABLE);
        printf("ready market " STR_FMT "\n", STR_ARG(address));
        fflush(stdout);
        io_loop_run(s->loop);
        io_poll_set(s->loop, &stop, 0);
    }
    http_server_free(server);
    arena_done(&a);
    return st;
}

static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd failed");
    return fd;
}

int verb_market(int argc, char **argv)
{
    stand_t s = {.listen = STR("127.0.0.1:8000"),
                 .opt = {.seed = 1, .trending = 10, .history_days = 55}};
    err_t err;
    st_t st = ST_OK;
    arena_t a;
    if (argc > 1 &&
        (str_eq(str_of(argv[1]), STR("--help")) || str_eq(str_of(argv[1]), STR("-h")))) {
        fputs(usage, stdout);
        return 0;
    }
    arena_init(&a, ARENA_NO_LIMIT);
    for (int i = 1; i < argc && st == ST_OK; i += 2) {
        if (i + 1 < argc)
            st = read_flag(&s, str_of(argv[i]), argv[i + 1], &err);
        else
            st = err_set(&err, ST_BAD_CONFIG, "'%s' wants a value\n%s", argv[i], usage);
    }
    if (st == ST_OK)
        st = resolve_key(&s, &a, &err);
    if (st == ST_OK) {
        int signals = catch_signals();
        s.io = io_real_new();
        s.loop = io_loop_new(s.io);
        st = serve(&s, signals, &err);
        market_free(s.market);
        io_loop_free(s.loop);
        io_free(s.io);
        buf_done(&s.body);
        close(signals);
    }
    arena_done(&a);
    if (st == ST_OK)
        return 0;
    fprintf(stderr, "arus market: %s\n", err.msg);
    return st == ST_BAD_CONFIG || st == ST_NOT_FOUND || st == ST_BAD_INPUT ? 2 : 1;
}
