/* The lists a round starts from: companies, and the tickers to ask for. */
#include "base/json.h"
#include "base/trace.h"
#include "source/goapi/file.h"
#include "source/goapi/source.h"

/* ---- companies */

static void index_companies(connector_t *c, goapi_answer_t list)
{
    map_done(&c->companies, NULL);
    map_init(&c->companies);
    c->company_list = list;
    for (size_t i = 0; i < list.n; i++)
        if (list.row[i].ticker.len)
            map_put(&c->companies, arena_lower(&c->companies_arena, list.row[i].ticker),
                    (void *)(uintptr_t)(i + 1));
}

const goapi_row_t *source_company(const connector_t *c, str_t ticker)
{
    char lower[64];
    if (ticker.len > sizeof lower)
        return NULL;
    for (size_t i = 0; i < ticker.len; i++)
        lower[i] = str_lower_char(ticker.ptr[i]);
    uintptr_t i = (uintptr_t)map_get(&c->companies, str_n(lower, ticker.len));
    return i ? &c->company_list.row[i - 1] : NULL;
}

static bool fresh(const connector_t *c, int64_t fetched_ms)
{
    int64_t age_ms = io_now_ms(c->env.io) - fetched_ms;
    return fetched_ms > 0 && age_ms >= 0 && age_ms < c->set.companies_cache_ms;
}

/* {"fetched":ms,"url":base,"data":[{"symbol","name","logo"},…]} */
static void save_companies(connector_t *c)
{
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "{");
    json_put_member_i64(&b, "fetched", c->companies_ms);
    json_put_member_str(&b, "url", c->set.base);
    BUF_LIT(&b, ",\"data\":[");
    for (size_t i = 0; i < c->company_list.n; i++) {
        const goapi_row_t *r = &c->company_list.row[i];
        json_put_item(&b);
        BUF_LIT(&b, "{");
        json_put_member_str(&b, "symbol", r->ticker);
        json_put_member_str(&b, "name", r->name);
        json_put_member_str(&b, "logo", r->logo);
        BUF_LIT(&b, "}");
    }
    BUF_LIT(&b, "]}\n");
    err_t err;
    if (goapi_file_write(c->env.io, c->companies_path, buf_str(&b), &err) != ST_OK)
        trace_line(TRACE_WARN, "goapi", "the companies are not kept: %s", err.msg);
    buf_done(&b);
}

/* True when the file has what this URL gave within the cache's time. */
static bool load_companies(connector_t *c)
{
    str_t text;
    const json_value_t *v;
    if (goapi_file_read(c->env.io, c->companies_path, &c->companies_arena, &text, NULL) != ST_OK ||
        json_parse(&c->companies_arena, text, 0, &v, NULL) != ST_OK)
        return false;
    str_t url = json_get_text(v, "url", STR(""));
    int64_t fetched_ms = json_get_i64(v, "fetched", 0);
    if (!fresh(c, fetched_ms) ||
        !(str_eq(url, c->set.base) || (c->set.fallback.len && str_eq(url, c->set.fallback))))
        return false;
    goapi_answer_t list = goapi_answer_read(&c->companies_arena, 200, text);
    if (list.verdict != GOAPI_FINE || !list.n)
        return false;
    c->set.base = arena_str(&c->life, url);
    c->set.fallback = STR("");
    c->companies_ms = fetched_ms;
    index_companies(c, list);
    return true;
}

st_t source_companies(connector_t *c, err_t *err)
{
    goapi_answer_t list;
    if (fresh(c, c->companies_ms))
        return ST_OK;
    arena_reset(&c->companies_arena);
    map_done(&c->companies, NULL);
    map_init(&c->companies);
    if (!c->companies_ms && load_companies(c))
        return ST_OK;
    st_t st = source_ask(c, &c->companies_arena, STR("companies"), &list, err);
    if (st != ST_OK)
        return err_wrap(err, st, "companies");
    index_companies(c, list);
    c->companies_ms = io_now_ms(c->env.io);
    save_companies(c);
    return ST_OK;
}

/* ---- tickers */

static void add_ticker(connector_t *c, str_t ticker)
{
    ticker = str_trim(ticker);
    for (size_t i = 0; i < ticker.len; i++) {
        char ch = str_lower_char(ticker.ptr[i]);
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '.' ||
              ch == '_'))
            return; /* goes into a URL: nothing else is a ticker */
    }
    if (ticker.len && ticker.len <= 32 && c->n_tickers < (1u << SOURCE_STEP_BITS) - 8)
        c->ticker[c->n_tickers++] = arena_str(&c->round_arena, ticker);
}

static void add_rows(connector_t *c, goapi_answer_t list)
{
    c->ticker = ARENA_ARRAY(&c->round_arena, str_t, list.n + 1);
    for (size_t i = 0; i < list.n; i++)
        add_ticker(c, list.row[i].ticker);
}

static bool is_list_name(str_t s)
{
    return str_eq(s, STR("trending")) || str_eq(s, STR("top_gainer")) ||
           str_eq(s, STR("top_loser"));
}

static ST ask_tickers(connector_t *c, err_t *err)
{
    str_t rest = c->set.tickers, one;
    goapi_answer_t list;
    if (str_eq(rest, STR("all"))) {
        add_rows(c, c->company_list);
    } else if (is_list_name(rest)) {
        arena_reset(&c->step_arena);
        st_t st = source_ask(c, &c->step_arena, rest, &list, err);
        if (st != ST_OK)
            return err_wrap(err, st, STR_FMT, STR_ARG(rest));
        add_rows(c, list);
    } else {
        c->ticker = ARENA_ARRAY(&c->round_arena, str_t, rest.len + 1);
        while (str_split(&rest, ',', &one))
            add_ticker(c, one);
    }
    return ST_OK;
}

/* {"round":first round that it is for,"tickers":[…]} */
static bool load_tickers(connector_t *c)
{
    str_t text;
    const json_value_t *v;
    arena_reset(&c->step_arena);
    if (goapi_file_read(c->env.io, c->tickers_path, &c->step_arena, &text, NULL) != ST_OK ||
        json_parse(&c->step_arena, text, 0, &v, NULL) != ST_OK)
        return false;
    const json_value_t *list = json_get(v, "tickers");
    if (json_get_i64(v, "round", INT64_MAX) > c->round || !list || list->kind != JSON_ARRAY)
        return false;
    c->ticker = ARENA_ARRAY(&c->round_arena, str_t, list->n + 1);
    for (size_t i = 0; i < list->n; i++)
        add_ticker(c, list->item[i].kind == JSON_STRING ? list->item[i].text : STR(""));
    return true;
}

static ST save_tickers(connector_t *c, err_t *err)
{
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "{");
    json_put_member_i64(&b, "round", c->round);
    BUF_LIT(&b, ",\"tickers\":[");
    for (size_t i = 0; i < c->n_tickers; i++) {
        json_put_item(&b);
        json_put_str(&b, c->ticker[i]);
    }
    BUF_LIT(&b, "]}\n");
    st_t st = goapi_file_write(c->env.io, c->tickers_path, buf_str(&b), err);
    buf_done(&b);
    return st;
}

static bool same_tickers(const connector_t *c, const str_t *was, size_t n)
{
    bool same = n == c->n_tickers;
    for (size_t i = 0; same && i < n; i++)
        same = str_eq(was[i], c->ticker[i]);
    return same;
}

st_t source_tickers(connector_t *c, err_t *err)
{
    arena_t was_arena = c->round_arena;
    str_t *was = c->ticker;
    size_t n_was = c->n_tickers;
    arena_init(&c->round_arena, ARENA_NO_LIMIT);
    c->ticker = NULL;
    c->n_tickers = 0;
    st_t st = ST_OK;
    if (!c->step || !load_tickers(c)) {
        st = ask_tickers(c, err);
        bool kept = was && same_tickers(c, was, n_was);
        if (st == ST_OK && !kept)
            st = save_tickers(c, err);
    }
    arena_done(&was_arena);
    return st;
}
