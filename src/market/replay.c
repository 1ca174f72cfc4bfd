/* The replayed market: prices and companies from CSV files with a header line. */
#include "exchange/exchange.h"
#include "market/market.h"

#include <zlib.h>

#define FILE_BYTES_MAX (1u << 30)
#define FIELDS_MAX     16

/* gzread reads plain files, too. */
static ST read_file(const char *path, buf_t *b, err_t *err)
{
    gzFile f = gzopen(path, "rb");
    if (!f)
        return err_set(err, ST_NOT_FOUND, "cannot read %s: does it exist?", path);
    int n;
    do {
        n = gzread(f, buf_reserve(b, 1 << 20), 1 << 20);
        if (n > 0)
            b->len += (size_t)n;
    } while (n > 0 && b->len <= FILE_BYTES_MAX);
    gzclose(f);
    if (n < 0)
        return err_set(err, ST_BAD_INPUT, "%s is not a file of plain or gzip'ed text", path);
    if (b->len > FILE_BYTES_MAX)
        return err_set(err, ST_TOO_LARGE, "%s holds more than %u bytes", path, FILE_BYTES_MAX);
    return ST_OK;
}

/* Takes a line's fields off the text; a quoted one may hold commas, line ends and doubled quotes.
 */
static size_t read_line(arena_t *a, str_t *text, str_t field[FIELDS_MAX])
{
    size_t n = 0;
    const char *p = text->ptr, *end = text->ptr + text->len;
    for (bool more = true; more; n++) {
        str_t f = {p, 0};
        if (p < end && *p == '"') {
            char *to = arena_alloc(a, (size_t)(end - p) < 4096 ? (size_t)(end - p) : 4096);
            f = (str_t){to, 0};
            for (p++; p < end && (*p != '"' || (p + 1 < end && p[1] == '"')); p++) {
                if (f.len < 4096)
                    to[f.len++] = *p;
                p += *p == '"';
            }
            p += p < end;
        }
        const char *from = p;
        while (p < end && *p != ',' && *p != '\n')
            p++;
        if (f.ptr == from)
            f.len = (size_t)(p - from);
        if (n < FIELDS_MAX)
            field[n] = str_trim(f);
        more = p < end && *p == ',';
        p += p < end;
        if (!more)
            *text = str_n(p, (size_t)(end - p));
    }
    return n;
}

static ST read_companies(market_t *m, err_t *err)
{
    buf_t b = BUF_INIT;
    st_t st = read_file(m->opt.companies, &b, err);
    str_t text = buf_str(&b), f[FIELDS_MAX];
    for (int line = 1; st == ST_OK && text.len; line++) {
        size_t n = read_line(&m->arena, &text, f);
        if (line == 1 || (n == 1 && !f[0].len))
            continue;
        if (n < 2 || !f[0].len || f[0].len > 32)
            st = err_set(err, ST_BAD_INPUT, "%s:%d: expected ticker,name", m->opt.companies, line);
        else if (!market_share(m, f[0]))
            market_share_new(m, f[0], f[1]);
    }
    buf_done(&b);
    return st;
}

static bool read_day(str_t f[FIELDS_MAX], market_day_t *ret)
{
    int64_t v[5], day;
    if (!exchange_date_read(f[1], &day))
        return false;
    for (int i = 0; i < 5; i++) {
        double d;
        if (str_to_i64(f[2 + i], &v[i]) && v[i] >= 0 && (i == 4 || v[i] <= INT32_MAX))
            continue;
        if (!str_to_f64(f[2 + i], &d) || !(d >= 0 && d <= INT32_MAX))
            return false;
        v[i] = (int64_t)d;
    }
    *ret = (market_day_t){.day = (int32_t)day,
                          .open = (int32_t)v[0],
                          .high = (int32_t)v[1],
                          .low = (int32_t)v[2],
                          .close = (int32_t)v[3],
                          .volume = v[4]};
    return true;
}

static int by_day(const void *a, const void *b)
{
    int32_t x = ((const market_day_t *)a)->day, y = ((const market_day_t *)b)->day;
    return (x > y) - (x < y);
}

static ST read_prices(market_t *m, err_t *err)
{
    buf_t b = BUF_INIT;
    st_t st = read_file(m->opt.prices, &b, err);
    str_t text = buf_str(&b), f[FIELDS_MAX];
    for (int line = 1; st == ST_OK && text.len; line++) {
        size_t n = read_line(&m->arena, &text, f);
        market_day_t d;
        if (line == 1 || (n == 1 && !f[0].len))
            continue;
        if (n < 7 || f[0].len > 32 || !read_day(f, &d)) {
            st =
                err_set(err, ST_BAD_INPUT, "%s:%d: expected ticker,date,open,high,low,close,volume",
                        m->opt.prices, line);
            break;
        }
        market_share_t *s = market_share(m, f[0]);
        if (!s)
            s = market_share_new(m, f[0], f[0]);
        VEC_PUSH(&s->days, d);
    }
    for (size_t i = 0; i < m->shares.len; i++)
        if (m->shares.ptr[i].days.len)
            qsort(m->shares.ptr[i].days.ptr, m->shares.ptr[i].days.len, sizeof(market_day_t),
                  by_day);
    buf_done(&b);
    return st;
}

st_t market_replay(market_t *m, err_t *err)
{
    m->replay = true;
    if (m->opt.companies)
        TRY(read_companies(m, err));
    return read_prices(m, err);
}
