#include "market/market.h"

st_t market_new(const market_options_t *opt, market_t **ret, err_t *err)
{
    market_t *m = mem_zalloc(sizeof *m);
    arena_init(&m->arena, ARENA_NO_LIMIT);
    map_init(&m->by_ticker);
    m->opt = *opt;
    m->opt.key = arena_str(&m->arena, opt->key);
    m->synced_s = -1;
    if (opt->prices) {
        st_t st = market_replay(m, err);
        if (st != ST_OK) {
            market_free(m);
            return st;
        }
    } else {
        market_synthetic(m);
    }
    *ret = m;
    return ST_OK;
}

void market_free(market_t *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->shares.len; i++)
        VEC_DONE(&m->shares.ptr[i].days);
    VEC_DONE(&m->shares);
    map_done(&m->by_ticker, NULL);
    arena_done(&m->arena);
    free(m);
}

market_share_t *market_share_new(market_t *m, str_t ticker, str_t name)
{
    VEC_PUSH(&m->shares, (market_share_t){.ticker = arena_str(&m->arena, ticker),
                                          .name = arena_str(&m->arena, name)});
    market_share_t *s = &VEC_LAST(&m->shares);
    map_put(&m->by_ticker, arena_lower(&m->arena, ticker), (void *)(uintptr_t)m->shares.len);
    return s;
}

market_share_t *market_share(const market_t *m, str_t ticker)
{
    char lower[32];
    if (ticker.len > sizeof lower)
        return NULL;
    for (size_t i = 0; i < ticker.len; i++)
        lower[i] = str_lower_char(ticker.ptr[i]);
    size_t i = (uintptr_t)map_get(&m->by_ticker, str_n(lower, ticker.len));
    return i ? &m->shares.ptr[i - 1] : NULL;
}
