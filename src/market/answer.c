/* The answers: a path and a query to JSON. */
#include "base/json.h"
#include "exchange/exchange.h"
#include "market/market.h"

#define JSON_TYPE    "application/json"
#define YEAR_DAYS    366
#define DEFAULT_DAYS 21 /* of history, when no range is asked for */
#define SYMBOLS_MAX  1000
#define OLD_LOGO     "https://s3.goapi.id/logo/"
#define NEW_LOGO     "https://s3.goapi.io/logo/"

typedef struct answer {
    market_t *m;
    buf_t *b;
    arena_t arena;
    int64_t today;
    bool old; /* the first generation of the API */
    str_t query;
} answer_t;

static str_t decoded(arena_t *a, str_t s)
{
    char *p = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int high = s.ptr[i] == '%' && i + 2 < s.len ? str_hex_digit(s.ptr[i + 1]) : -1;
        int low = high < 0 ? -1 : str_hex_digit(s.ptr[i + 2]);
        p[n++] = low >= 0 ? (char)(high << 4 | low) : s.ptr[i] == '+' ? ' ' : s.ptr[i];
        i += low >= 0 ? 2 : 0;
    }
    return str_n(p, n);
}

/* The query's value of this name; STR_NONE. */
static str_t param(answer_t *x, const char *name)
{
    str_t rest = x->query, pair, key;
    while (str_split(&rest, '&', &pair))
        if (str_split(&pair, '=', &key) && str_eq(key, str_of(name)))
            return decoded(&x->arena, pair);
    return STR_NONE;
}

/* ---- pieces of answers */

static void put_number(buf_t *b, const char *name, int64_t v, bool text)
{
    json_put_name(b, name);
    if (text)
        buf_printf(b, "\"%lld\"", (long long)v);
    else
        buf_put_i64(b, v);
}

static void put_ticker(answer_t *x, str_t ticker)
{
    json_put_member_str(x->b, x->old ? "ticker" : "symbol", ticker);
}

static void put_company(answer_t *x, const market_share_t *s)
{
    BUF_LIT(x->b, "{");
    put_ticker(x, s->ticker);
    json_put_member_str(x->b, "name", s->name);
    json_put_member_str(x->b, "logo",
                        arena_printf(&x->arena, "%s" STR_FMT ".jpg", x->old ? OLD_LOGO : NEW_LOGO,
                                     STR_ARG(s->ticker)));
    BUF_LIT(x->b, "}");
}

static void put_date(buf_t *b, int64_t day)
{
    json_put_name(b, "date");
    char *p = buf_reserve(b, EXCHANGE_DATE_CHARS + 2);
    p[0] = p[EXCHANGE_DATE_CHARS + 1] = '"';
    exchange_date_put(day, p + 1);
    b->len += EXCHANGE_DATE_CHARS + 2;
}

static void put_prices(answer_t *x, const market_day_t *d, bool text)
{
    put_number(x->b, "open", d->open, text);
    put_number(x->b, "high", d->high, text);
    put_number(x->b, "low", d->low, text);
    put_number(x->b, "close", d->close, text);
    put_number(x->b, "volume", d->volume, text);
}

/* The change of the last day against the one before, in rupiah and hundredths of a per cent. */
typedef struct change {
    const market_share_t *share;
    int64_t rupiah, bp, value;
} change_t;

static change_t change_of(const market_share_t *s)
{
    const market_day_t *last = &s->days.ptr[s->days.len - 1];
    int64_t before = s->days.len > 1 ? last[-1].close : last->open;
    int64_t by = last->close - before;
    return (change_t){s, by, before ? by * 10000 / before : 0, (int64_t)last->close * last->volume};
}

static void put_change(answer_t *x, const change_t *c, const char *percent)
{
    int64_t bp = c->bp < 0 ? -c->bp : c->bp;
    const char *quote = x->old ? "\"" : "";
    json_put_name(x->b, "change");
    buf_printf(x->b, "%s%lld%s", quote, (long long)c->rupiah, quote);
    json_put_name(x->b, percent);
    buf_printf(x->b, "%s%s%lld.%02lld%s", quote, c->bp < 0 ? "-" : "", (long long)(bp / 100),
               (long long)(bp % 100), quote);
}

static void begin(answer_t *x, const char *message)
{
    BUF_LIT(x->b, "{\"status\":\"success\"");
    json_put_member_str(x->b, "message", str_of(message));
    BUF_LIT(x->b, ",\"data\":{\"results\":[");
}

static market_answer_t end(answer_t *x, size_t count)
{
    BUF_LIT(x->b, "]");
    if (x->old)
        json_put_member_i64(x->b, "count", (int64_t)count);
    BUF_LIT(x->b, "}}");
    return (market_answer_t){200, JSON_TYPE};
}

void market_put_error(buf_t *body, const char *message)
{
    BUF_LIT(body, "{\"status\":\"error\"");
    json_put_member_str(body, "message", str_of(message));
    BUF_LIT(body, ",\"data\":null}");
}

static market_answer_t refuse(answer_t *x, int status, const char *message)
{
    buf_clear(x->b);
    market_put_error(x->b, message);
    return (market_answer_t){status, JSON_TYPE};
}

/* ---- one function an endpoint */

static market_answer_t companies(answer_t *x)
{
    begin(x, "List of companies");
    for (size_t i = 0; i < x->m->shares.len; i++) {
        json_put_item(x->b);
        put_company(x, &x->m->shares.ptr[i]);
    }
    return end(x, x->m->shares.len);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = ((const change_t *)a)->value, y = ((const change_t *)b)->value;
    return (x < y) - (x > y);
}

static int by_gain(const void *a, const void *b)
{
    int64_t x = ((const change_t *)a)->bp, y = ((const change_t *)b)->bp;
    return x == y ? by_value(a, b) : (x < y) - (x > y);
}

static int by_loss(const void *a, const void *b)
{
    int64_t x = ((const change_t *)a)->bp, y = ((const change_t *)b)->bp;
    return x == y ? by_value(a, b) : (x > y) - (x < y);
}

static market_answer_t ranking(answer_t *x, const char *message,
                               int (*order)(const void *, const void *))
{
    change_t *c = ARENA_ARRAY(&x->arena, change_t, x->m->shares.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < x->m->shares.len; i++)
        if (x->m->shares.ptr[i].days.len)
            c[n++] = change_of(&x->m->shares.ptr[i]);
    qsort(c, n, sizeof *c, order);
    n = n < (size_t)x->m->opt.trending ? n : (size_t)x->m->opt.trending;
    begin(x, message);
    for (size_t i = 0; i < n; i++) {
        json_put_item(x->b);
        BUF_LIT(x->b, "{");
        put_ticker(x, c[i].share->ticker);
        put_number(x->b, "close", VEC_LAST(&c[i].share->days).close, x->old);
        put_change(x, &c[i], "percent");
        json_put_name(x->b, "company");
        put_company(x, c[i].share);
        BUF_LIT(x->b, "}");
    }
    return end(x, n);
}

static market_answer_t trending(answer_t *x)
{
    return ranking(x, "Trending stocks", by_value);
}

static market_answer_t top_gainer(answer_t *x)
{
    return ranking(x, "Top gainers", by_gain);
}

static market_answer_t top_loser(answer_t *x)
{
    return ranking(x, "Top losers", by_loss);
}

static market_answer_t prices(answer_t *x)
{
    str_t symbols = param(x, "symbols"), ticker;
    size_t n = 0;
    if (!symbols.len)
        return refuse(x, 400, "The symbols parameter is required.");
    begin(x, "Latest prices");
    while (str_split(&symbols, ',', &ticker) && n < SYMBOLS_MAX) {
        const market_share_t *s = market_share(x->m, str_trim(ticker));
        if (!s || !s->days.len)
            continue;
        change_t c = change_of(s);
        json_put_item(x->b);
        BUF_LIT(x->b, "{");
        put_ticker(x, s->ticker);
        json_put_name(x->b, "company");
        put_company(x, s);
        put_date(x->b, VEC_LAST(&s->days).day);
        put_prices(x, &VEC_LAST(&s->days), x->old);
        put_change(x, &c, "change_pct");
        BUF_LIT(x->b, "}");
        n++;
    }
    return end(x, n);
}

static market_answer_t indices(answer_t *x)
{
    static const char *const list[][2] = {{"COMPOSITE", "IDX Composite"},
                                          {"LQ45", "LQ45"},
                                          {"IDX30", "IDX30"},
                                          {"IDX80", "IDX80"},
                                          {"JII", "Jakarta Islamic Index"},
                                          {"KOMPAS100", "KOMPAS100"}};
    size_t n = sizeof list / sizeof *list;
    begin(x, "List of indices");
    for (size_t i = 0; i < n; i++) {
        json_put_item(x->b);
        BUF_LIT(x->b, "{");
        json_put_member_str(x->b, "symbol", str_of(list[i][0]));
        json_put_member_str(x->b, "description", str_of(list[i][1]));
        BUF_LIT(x->b, "}");
    }
    return end(x, n);
}

/* The days that a client asked for: indices, *ret_to behind the last. GoAPI takes a year at a time;
 * a replay answers a longer range that begins behind its last day with all it has, so that programs
 * that ask for "everything until today" can be run on old prices. */
static bool range(answer_t *x, const market_share_t *s, size_t *ret_from, size_t *ret_to)
{
    str_t from_text = param(x, "from"), to_text = param(x, "to");
    int64_t from = x->today - DEFAULT_DAYS, to = x->today;
    if ((from_text.len && !exchange_date_read(from_text, &from)) ||
        (to_text.len && !exchange_date_read(to_text, &to)))
        return false;
    const market_day_t *d = s->days.ptr;
    size_t low = 0, high = s->days.len;
    bool all = x->m->replay && high && to - from > YEAR_DAYS && from > d[high - 1].day;
    int64_t oldest = x->m->replay ? INT64_MIN : x->today - x->m->opt.history_days;
    while (!all && low < high && (d[low].day < from || d[low].day < oldest))
        low++;
    while (!all && high > low && d[high - 1].day > to)
        high--;
    *ret_from = low;
    *ret_to = high;
    return true;
}

static market_answer_t historical(answer_t *x, const market_share_t *s)
{
    size_t from, to;
    if (!range(x, s, &from, &to))
        return refuse(x, 400, "from and to must be dates such as 2023-08-01.");
    begin(x, "Historical prices");
    for (size_t i = to; i-- > from;) {
        json_put_item(x->b);
        BUF_LIT(x->b, "{");
        put_ticker(x, s->ticker);
        put_date(x->b, s->days.ptr[i].day);
        put_prices(x, &s->days.ptr[i], false);
        BUF_LIT(x->b, "}");
    }
    return end(x, to - from);
}

static market_answer_t profile(answer_t *x, const market_share_t *s)
{
    BUF_LIT(x->b, "{\"status\":\"success\",\"message\":\"Company profile\",\"data\":");
    put_company(x, s);
    BUF_LIT(x->b, "}");
    return (market_answer_t){200, JSON_TYPE};
}

static market_answer_t dispatch(answer_t *x, str_t path)
{
    static const struct {
        const char *name;
        market_answer_t (*answer)(answer_t *x);
    } lists[] = {{"companies", companies}, {"indices", indices},       {"prices", prices},
                 {"trending", trending},   {"top_gainer", top_gainer}, {"top_loser", top_loser}};
    static const struct {
        const char *name;
        market_answer_t (*answer)(answer_t *x, const market_share_t *s);
    } shares[] = {{"historical", historical}, {"profile", profile}};
    str_t head;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (str_eq(path, str_of(lists[i].name)))
            return lists[i].answer(x);
    if (str_split(&path, '/', &head)) {
        const market_share_t *s = market_share(x->m, head);
        for (size_t i = 0; s && i < sizeof shares / sizeof *shares; i++)
            if (str_eq(path, str_of(shares[i].name)))
                return shares[i].answer(x, s);
    }
    return refuse(x, 404, "Not Found");
}

market_answer_t market_answer(market_t *m, const market_request_t *r, int64_t now_ms, buf_t *body)
{
    static const char *const roots[] = {"/stock/idx/", "/v1/stock/idx/"};
    answer_t x = {.m = m, .b = body, .today = exchange_day(now_ms), .query = r->query};
    market_answer_t answer;
    arena_init(&x.arena, ARENA_NO_LIMIT);
    size_t root = str_starts(r->path, str_of(roots[1]));
    str_t key = r->key.len ? r->key : param(&x, "api_key");
    x.old = root;
    if (m->opt.key.len && !str_eq(key, m->opt.key))
        answer = refuse(&x, 401, "Unauthorized: the API key is missing or wrong.");
    else if (!str_eq(r->method, STR("GET")) && !str_eq(r->method, STR("HEAD")))
        answer = refuse(&x, 405, "Method Not Allowed");
    else if (!str_starts(r->path, str_of(roots[root])))
        answer = refuse(&x, 404, "Not Found");
    else {
        market_sync(m, now_ms);
        str_t path = str_sub(r->path, strlen(roots[root]), r->path.len);
        answer = dispatch(&x, str_ends(path, STR("/")) ? str_sub(path, 0, path.len - 1) : path);
    }
    arena_done(&x.arena);
    return answer;
}
