#include "sql/function/pattern.h"

#include "base/civil.h"

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

st_t sql_pattern_read(str_t text, sql_pattern_t *ret, err_t *err)
{
    sql_pattern_t p = {.n_items = 0};
    size_t depth = 0;
    for (size_t i = 0; i < text.len;) {
        if (p.n_items == SQL_PATTERN_ITEMS_MAX)
            return err_set(err, ST_BAD_INPUT, "the pattern has more than %d parts",
                           SQL_PATTERN_ITEMS_MAX);
        sql_pattern_item_t *item = &p.item[p.n_items++];
        char c = text.ptr[i];
        size_t n = 1;
        if (c == '\'') {
            ptrdiff_t end = str_find_char(str_sub(text, i + 1, text.len), '\'');
            if (end < 0)
                return err_set(err, ST_BAD_INPUT,
                               "Pattern ends with an incomplete string literal: " STR_FMT,
                               STR_ARG(text));
            *item =
                (sql_pattern_item_t){'\'', 1, end ? str_sub(text, i + 1, (size_t)end) : STR("'")};
            n = (size_t)end + 2;
        } else if (strchr("GyuYMLdDEeaHhkKmsSnAVzXxZO", c)) {
            while (i + n < text.len && text.ptr[i + n] == c && n < 19)
                n++;
            *item = (sql_pattern_item_t){c, (uint8_t)n, STR_NONE};
        } else if (c == '[' || c == ']') {
            depth += c == '[' ? 1 : depth ? (size_t)-1 : 0;
            *item = (sql_pattern_item_t){c, 1, STR_NONE};
        } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("{}#", c)) {
            return err_set(err, ST_BAD_INPUT, "Unknown pattern letter: %c", c);
        } else {
            *item = (sql_pattern_item_t){'\'', 1, str_sub(text, i, 1)};
        }
        i += n;
    }
    if (depth)
        return err_set(err, ST_BAD_INPUT, "the pattern has a '[' without ']': " STR_FMT,
                       STR_ARG(text));
    *ret = p;
    return ST_OK;
}

/* ---- writing ---- */

typedef struct moment {
    int64_t days, year;
    int month, day, ms_of_day;
    const sql_zone_type_t *type;
    const sql_zone_t *zone;
} moment_t;

static void put_name(buf_t *b, const char *name, uint8_t count)
{
    buf_put_str(b, str_sub(str_of(name), 0, count < 4 ? 3 : count == 5 ? 1 : strlen(name)));
}

/* +07, +0700, +07:00 by the count of X's or x's. */
static void put_offset(buf_t *b, int32_t s, uint8_t count, bool z)
{
    if (z && s == 0) {
        buf_put_char(b, 'Z');
        return;
    }
    int32_t m = (s < 0 ? -s : s) / 60;
    buf_printf(b, "%c%02d", s < 0 ? '-' : '+', m / 60);
    if (count != 1 || m % 60)
        buf_printf(b, count == 3 || count == 5 ? ":%02d" : "%02d", m % 60);
}

static void put_zone(buf_t *b, const moment_t *m, const sql_pattern_item_t *i)
{
    int32_t s = m->type->offset_s;
    switch (i->letter) {
    case 'V': buf_put_str(b, str_of(m->zone->id)); break;
    case 'z': buf_put_str(b, str_of(m->type->name)); break;
    case 'X': put_offset(b, s, i->count, true); break;
    case 'x': put_offset(b, s, i->count, false); break;
    case 'Z':
        if (i->count == 4)
            BUF_LIT(b, "GMT");
        if (i->count < 4)
            put_offset(b, s, 2, false);
        else if (i->count == 5 || s)
            put_offset(b, s, 3, i->count == 5);
        break;
    default: /* O */
        BUF_LIT(b, "GMT");
        if (s && i->count == 4)
            put_offset(b, s, 3, false);
        else if (s)
            buf_printf(b, "%+d", s / 3600);
        if (s % 3600 && i->count < 4)
            buf_printf(b, ":%02d", (s < 0 ? -s : s) / 60 % 60);
        break;
    }
}

static void put_fraction(buf_t *b, int ms, uint8_t count)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%03d0000000000000000", ms);
    buf_put(b, digits, count);
}

/* The number that a letter stands for. */
static int64_t field(const moment_t *m, char letter)
{
    int hour = m->ms_of_day / 3600000, minute = m->ms_of_day / 60000 % 60;
    switch (letter) {
    case 'y':
    case 'Y': return m->year > 0 ? m->year : 1 - m->year;
    case 'u': return m->year;
    case 'M':
    case 'L': return m->month;
    case 'd': return m->day;
    case 'D': return m->days - civil_days(m->year, 1, 1) + 1;
    case 'e': return civil_weekday(m->days) + 1;
    case 'H': return hour;
    case 'h': return (hour + 11) % 12 + 1;
    case 'k': return hour ? hour : 24;
    case 'K': return hour % 12;
    case 'm': return minute;
    case 's': return m->ms_of_day / 1000 % 60;
    case 'n': return (int64_t)(m->ms_of_day % 1000) * 1000000;
    default: return m->ms_of_day; /* A */
    }
}

static void put_item(buf_t *b, const moment_t *m, const sql_pattern_item_t *i)
{
    bool year = i->letter == 'y' || i->letter == 'u' || i->letter == 'Y';
    if (i->letter == '\'')
        buf_put_str(b, i->text);
    else if (i->letter == '[' || i->letter == ']')
        return;
    else if (strchr("VzXxZO", i->letter))
        put_zone(b, m, i);
    else if (i->letter == 'G')
        buf_put_str(b, m->year > 0 ? STR("AD") : STR("BC"));
    else if (i->letter == 'a')
        buf_put_str(b, m->ms_of_day < 43200000 ? STR("AM") : STR("PM"));
    else if (i->letter == 'E')
        put_name(b, days[civil_weekday(m->days)], i->count);
    else if ((i->letter == 'M' || i->letter == 'L') && i->count > 2)
        put_name(b, months[m->month - 1], i->count);
    else if (i->letter == 'S')
        put_fraction(b, m->ms_of_day % 1000, i->count);
    else if (year && i->count == 2)
        buf_printf(b, "%02d", (int)floor_mod(field(m, i->letter), 100));
    else
        buf_printf(b, "%0*lld", i->count, (long long)field(m, i->letter));
}

st_t sql_pattern_format(buf_t *b, const sql_pattern_t *p, int64_t ms, const sql_zone_t *zone,
                        err_t *err)
{
    moment_t m = {.zone = zone, .type = sql_zone_at(zone, floor_div(ms, 1000))};
    int64_t local;
    if (__builtin_add_overflow(ms, (int64_t)m.type->offset_s * 1000, &local))
        return err_set(err, ST_RANGE, "the time is out of range");
    m.days = floor_div(local, CIVIL_DAY_MS);
    m.ms_of_day = (int)floor_mod(local, CIVIL_DAY_MS);
    civil_date(m.days, &m.year, &m.month, &m.day);
    for (size_t i = 0; i < p->n_items; i++)
        put_item(b, &m, &p->item[i]);
    return ST_OK;
}

/* ---- reading ---- */

typedef struct reading {
    str_t text;
    size_t at;
    int64_t value[128]; /* by letter */
    bool has[128];
    bool pm;
    int64_t fraction_ms;
    int32_t offset_s;
    bool has_offset;
    str_t zone;
} reading_t;

static bool is_digit(const reading_t *r, size_t at)
{
    return at < r->text.len && r->text.ptr[at] >= '0' && r->text.ptr[at] <= '9';
}

static size_t digits(const reading_t *r)
{
    size_t n = 0;
    while (is_digit(r, r->at + n))
        n++;
    return n;
}

static bool numeric(const sql_pattern_item_t *i)
{
    return i->letter == 'S' ||
           ((i->letter == 'M' || i->letter == 'L') ? i->count < 3
                                                   : strchr("yuYdDeHhkKmsnA", i->letter) != NULL);
}

/* Digits that the fixed-width numbers right behind this one need. */
static size_t reserved(const sql_pattern_t *p, size_t at)
{
    size_t n = 0;
    for (size_t i = at + 1; i < p->n_items && numeric(&p->item[i]) && p->item[i].count > 1; i++)
        n += p->item[i].count;
    return n;
}

static bool take_number(reading_t *r, size_t n, int64_t *ret)
{
    if (n == 0 || n > 18 || n > digits(r) || !str_to_i64(str_sub(r->text, r->at, n), ret))
        return false;
    r->at += n;
    return true;
}

/* One letter is as many digits as there are, more are that many; a year of four or more letters may
 * be longer. */
static bool read_number(reading_t *r, const sql_pattern_t *p, size_t at)
{
    const sql_pattern_item_t *i = &p->item[at];
    bool year = strchr("yuY", i->letter) != NULL, long_year = year && i->count > 2;
    bool negative = i->letter == 'u' && r->at < r->text.len && r->text.ptr[r->at] == '-';
    size_t n = i->count, have, keep = reserved(p, at);
    int64_t v;
    r->at += negative;
    have = digits(r);
    if (i->count == 1 || long_year) {
        n = have > keep ? have - keep : 0;
        if (n < i->count)
            return false;
    }
    if (!take_number(r, n, &v))
        return false;
    if (year && i->count == 2)
        v += 2000;
    r->value[(size_t)i->letter] = negative ? -v : v;
    r->has[(size_t)i->letter] = true;
    return true;
}

static bool read_fraction(reading_t *r, const sql_pattern_item_t *i)
{
    if (digits(r) < i->count)
        return false;
    int64_t ms = 0;
    for (size_t k = 0; k < 3; k++)
        ms = ms * 10 + (k < i->count ? r->text.ptr[r->at + k] - '0' : 0);
    r->fraction_ms = ms;
    r->at += i->count;
    return true;
}

/* The index of the name at the front, whole or its first three letters. */
static int read_name(reading_t *r, const char *const *names, size_t n, uint8_t count)
{
    str_t left = str_sub(r->text, r->at, r->text.len);
    for (size_t i = 0; i < n; i++) {
        str_t name = str_sub(str_of(names[i]), 0, count == 3 ? 3 : strlen(names[i]));
        if (str_starts_nocase(left, name)) {
            r->at += name.len;
            return (int)i;
        }
    }
    return -1;
}

static bool read_offset(reading_t *r, bool z)
{
    str_t left = str_sub(r->text, r->at, r->text.len);
    if (z && left.len && str_upper_char(left.ptr[0]) == 'Z') {
        r->at++;
        r->offset_s = 0;
        return r->has_offset = true;
    }
    if (!left.len || (left.ptr[0] != '+' && left.ptr[0] != '-'))
        return false;
    int64_t hours, minutes = 0;
    r->at++;
    if (!take_number(r, 2, &hours))
        return false;
    bool colon = r->at < r->text.len && r->text.ptr[r->at] == ':' && is_digit(r, r->at + 1);
    r->at += colon;
    if (digits(r) >= 2 && !take_number(r, 2, &minutes))
        return false;
    r->offset_s = (int32_t)(hours * 3600 + minutes * 60) * (left.ptr[0] == '-' ? -1 : 1);
    return r->has_offset = hours <= 18 && minutes < 60;
}

static bool read_text(reading_t *r, str_t text)
{
    if (!str_starts_nocase(str_sub(r->text, r->at, r->text.len), text))
        return false;
    r->at += text.len;
    return true;
}

static bool read_item(reading_t *r, const sql_pattern_t *p, size_t at)
{
    const sql_pattern_item_t *i = &p->item[at];
    static const char *const halves[] = {"AM", "PM"}, *const eras[] = {"BC", "AD"};
    int k;
    switch (i->letter) {
    case '\'': return read_text(r, i->text);
    case 'S': return read_fraction(r, i);
    case 'G': return (r->value['G'] = k = read_name(r, eras, 2, 2)) >= 0 && (r->has['G'] = true);
    case 'E': return read_name(r, days, 7, i->count < 4 ? 3 : 4) >= 0;
    case 'a':
        k = read_name(r, halves, 2, 2);
        r->pm = k == 1;
        return k >= 0 && (r->has['a'] = true);
    case 'X': return read_offset(r, true);
    case 'x': return read_offset(r, false);
    case 'Z':
        return (i->count != 4 || read_text(r, STR("GMT"))) &&
               (read_offset(r, i->count == 5) || i->count == 4);
    case 'O': return read_text(r, STR("GMT")) && (read_offset(r, false) || true);
    case 'V':
    case 'z':
        r->zone = str_sub(r->text, r->at, sql_zone_match(str_sub(r->text, r->at, r->text.len)));
        r->at += r->zone.len;
        return r->zone.len > 0;
    default:
        if (numeric(i))
            return read_number(r, p, at);
        k = read_name(r, months, 12, i->count == 3 ? 3 : 4);
        r->value['M'] = k + 1;
        return k >= 0 && (r->has['M'] = true);
    }
}

/* Reads the items from `at` up to the end, or to the ']' that closes them. Optional parts that do
 * not fit are passed over. */
static bool read_items(reading_t *r, const sql_pattern_t *p, size_t from, size_t *ret_end)
{
    bool fits = true;
    size_t i = from;
    for (; i < p->n_items && p->item[i].letter != ']'; i++) {
        if (p->item[i].letter == '[') {
            reading_t before = *r;
            size_t end;
            if (!read_items(r, p, i + 1, &end) || !fits)
                *r = before;
            i = end;
        } else if (fits) {
            fits = read_item(r, p, i);
        }
    }
    *ret_end = i;
    return fits;
}

static int64_t get(const reading_t *r, char letter, int64_t otherwise)
{
    return r->has[(size_t)letter] ? r->value[(size_t)letter] : otherwise;
}

static bool to_days(const reading_t *r, int64_t *ret)
{
    int64_t year = get(r, 'u', get(r, 'y', get(r, 'Y', 1970)));
    int64_t month = get(r, 'M', get(r, 'L', 1)), day = get(r, 'd', 1);
    if (r->has['G'] && r->value['G'] == 0)
        year = 1 - year;
    if (year < -999999 || year > 999999)
        return false;
    if (r->has['D'] && !r->has['M'] && !r->has['d']) {
        *ret = civil_days(year, 1, 1) + r->value['D'] - 1;
        return r->value['D'] >= 1 && r->value['D'] <= (civil_leap(year) ? 366 : 365);
    }
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    /* Java's smart reading: the 30th of February is its last day. */
    int last = civil_month_days(year, (int)month);
    *ret = civil_days(year, (int)month, day > last ? last : (int)day);
    return true;
}

static bool to_ms_of_day(const reading_t *r, int64_t *ret)
{
    int64_t hour = get(r, 'H', r->has['k'] ? r->value['k'] % 24 : 0);
    if (r->has['h'] || r->has['K'])
        hour = get(r, 'h', get(r, 'K', 0)) % 12 + (r->pm ? 12 : 0);
    int64_t minute = get(r, 'm', 0), second = get(r, 's', 0);
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *ret = ((hour * 60 + minute) * 60 + second) * 1000 + r->fraction_ms;
    if (r->has['n'])
        *ret += r->value['n'] / 1000000;
    if (r->has['A'])
        *ret = r->value['A'];
    return true;
}

static st_t to_instant(const reading_t *r, int64_t local_ms, const sql_zone_t *zone, int64_t *ret,
                       err_t *err)
{
    int64_t local_s = floor_div(local_ms, 1000);
    int32_t offset_s = r->offset_s;
    if (!r->has_offset && r->zone.len) {
        sql_zone_t named;
        TRY(sql_zone_open(r->zone, &named, err));
        offset_s = sql_zone_offset_local(&named, local_s);
        sql_zone_done(&named);
    } else if (!r->has_offset) {
        offset_s = sql_zone_offset_local(zone, local_s);
    }
    *ret = local_ms - (int64_t)offset_s * 1000;
    return ST_OK;
}

st_t sql_pattern_parse(const sql_pattern_t *p, str_t text, const sql_zone_t *zone, int64_t *ret_ms,
                       err_t *err)
{
    reading_t r = {.text = text};
    size_t end;
    int64_t day, ms;
    if (!read_items(&r, p, 0, &end) || r.at != text.len)
        return err_set(err, ST_BAD_INPUT, "Text '" STR_FMT "' could not be parsed at index %zu",
                       STR_ARG(text), r.at);
    if (!to_days(&r, &day) || !to_ms_of_day(&r, &ms))
        return err_set(err, ST_BAD_INPUT,
                       "Text '" STR_FMT "' could not be parsed: a field is out of range",
                       STR_ARG(text));
    return to_instant(&r, day * CIVIL_DAY_MS + ms, zone, ret_ms, err);
}
