#include "sql/function/zone.h"

#include <stdio.h>
#include <stdlib.h>

#define ZONE_DIR       "/usr/share/zoneinfo/"
#define ZONE_BYTES_MAX 65536

/* Short names and the zone each stands for. */
static const struct {
    const char *name, *zone;
} short_names[] = {
    {"UTC", "UTC"},
    {"GMT", "UTC"},
    {"UT", "UTC"},
    {"Z", "UTC"},
    {"PST", "America/Los_Angeles"},
    {"PDT", "America/Los_Angeles"},
    {"MST", "America/Denver"},
    {"MDT", "America/Denver"},
    {"CST", "America/Chicago"},
    {"CDT", "America/Chicago"},
    {"EST", "America/New_York"},
    {"EDT", "America/New_York"},
    {"BST", "Europe/London"},
    {"WET", "Europe/Lisbon"},
    {"WEST", "Europe/Lisbon"},
    {"CET", "Europe/Paris"},
    {"CEST", "Europe/Paris"},
    {"EET", "Europe/Athens"},
    {"EEST", "Europe/Athens"},
    {"MSK", "Europe/Moscow"},
    {"IST", "Asia/Kolkata"},
    {"WIB", "Asia/Jakarta"},
    {"WITA", "Asia/Makassar"},
    {"WIT", "Asia/Jayapura"},
    {"SGT", "Asia/Singapore"},
    {"HKT", "Asia/Hong_Kong"},
    {"JST", "Asia/Tokyo"},
    {"KST", "Asia/Seoul"},
    {"AEST", "Australia/Sydney"},
    {"AEDT", "Australia/Sydney"},
    {"NZST", "Pacific/Auckland"},
    {"NZDT", "Pacific/Auckland"},
};

static st_t unknown(str_t name, err_t *err)
{
    return err_set(err, ST_BAD_INPUT, "Unknown time-zone ID: " STR_FMT, STR_ARG(name));
}

static bool is_name_char(char c)
{
    char l = str_lower_char(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '+' ||
           c == '-';
}

size_t sql_zone_match(str_t s)
{
    size_t n = 0;
    while (n < s.len && (is_name_char(s.ptr[n]) || (n && s.ptr[n] == ':')))
        n++;
    return n;
}

static void fixed(sql_zone_t *z, int32_t offset_s, str_t name)
{
    z->n_types = 1;
    z->type = mem_zalloc(sizeof *z->type);
    z->type[0].offset_s = offset_s;
    snprintf(z->type[0].name, sizeof z->type[0].name, STR_FMT, STR_ARG(name));
}

static bool two_digits(str_t s, size_t at, int32_t *ret)
{
    return s.len >= at + 2 && str_to_i32(str_sub(s, at, 2), ret) && *ret >= 0;
}

/* +7, +07, +0700, +07:00, with UTC or GMT before it or not. */
static bool fixed_offset(str_t s, int32_t *ret_s)
{
    if (str_starts(s, STR("UTC")) || str_starts(s, STR("GMT")))
        s = str_sub(s, 3, s.len);
    if (s.len < 2 || (s.ptr[0] != '+' && s.ptr[0] != '-'))
        return false;
    int32_t hours, minutes = 0;
    size_t used = s.len == 2 ? 2 : 3;
    if (used == 2 ? !str_to_i32(str_sub(s, 1, 1), &hours) : !two_digits(s, 1, &hours))
        return false;
    str_t rest = str_sub(s, used, s.len);
    if (rest.len && rest.ptr[0] == ':')
        rest = str_sub(rest, 1, rest.len);
    if (rest.len && (rest.len != 2 || !two_digits(rest, 0, &minutes)))
        return false;
    if (hours > 18 || minutes > 59)
        return false;
    *ret_s = (hours * 3600 + minutes * 60) * (s.ptr[0] == '-' ? -1 : 1);
    return true;
}

/* ---- TZif ---- */

typedef struct header {
    uint32_t isut, isstd, leap, times, types, chars;
} header_t;

enum { HEADER_BYTES = 44 };

static bool read_header(const char *p, size_t left, header_t *h)
{
    if (left < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
        return false;
    uint32_t *const field[] = {&h->isut, &h->isstd, &h->leap, &h->times, &h->types, &h->chars};
    for (size_t i = 0; i < 6; i++) {
        *field[i] = load_be32(p + 20 + 4 * i);
        if (*field[i] > ZONE_BYTES_MAX)
            return false;
    }
    return true;
}

static size_t body_bytes(const header_t *h, size_t time_bytes)
{
    return h->times * (time_bytes + 1) + h->types * 6 + h->chars + h->leap * (time_bytes + 4) +
           h->isstd + h->isut;
}

static void read_types(sql_zone_t *z, const header_t *h, const char *types, const char *chars)
{
    for (size_t i = 0; i < h->types; i++) {
        const char *p = types + 6 * i;
        size_t at = (uint8_t)p[5];
        z->type[i].offset_s = (int32_t)load_be32(p);
        z->type[i].dst = p[4] != 0;
        for (size_t k = 0; k + 1 < sizeof z->type[i].name && at + k < h->chars && chars[at + k];
             k++)
            z->type[i].name[k] = chars[at + k];
    }
}

/* The second, 64-bit part of a TZif file of version 2 and later. */
static bool read_tzif(sql_zone_t *z, const char *p, size_t len)
{
    header_t h;
    if (!read_header(p, len, &h) || p[4] < '2')
        return false;
    size_t first = HEADER_BYTES + body_bytes(&h, 4);
    if (first > len || !read_header(p + first, len - first, &h))
        return false;
    p += first + HEADER_BYTES;
    if (body_bytes(&h, 8) > len - first - HEADER_BYTES || !h.types)
        return false;
    z->n_changes = h.times;
    z->n_types = h.types;
    z->change_s = mem_alloc((h.times + 1) * sizeof *z->change_s);
    z->change_type = mem_alloc(h.times + 1);
    z->type = mem_zalloc(h.types * sizeof *z->type);
    for (size_t i = 0; i < h.times; i++) {
        z->change_s[i] = (int64_t)load_be64(p + 8 * i);
        z->change_type[i] = (uint8_t)p[8 * h.times + i];
        if (z->change_type[i] >= h.types)
            return false;
    }
    const char *types = p + 9 * (size_t)h.times;
    read_types(z, &h, types, types + 6 * (size_t)h.types);
    return true;
}

static bool read_file(sql_zone_t *z, const char *zone)
{
    char path[sizeof ZONE_DIR + SQL_ZONE_NAME_MAX];
    snprintf(path, sizeof path, ZONE_DIR "%s", zone);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return false;
    char *bytes = mem_alloc(ZONE_BYTES_MAX);
    size_t n = fread(bytes, 1, ZONE_BYTES_MAX, f);
    fclose(f);
    bool ok = read_tzif(z, bytes, n);
    free(bytes);
    return ok;
}

st_t sql_zone_open(str_t name, sql_zone_t *ret, err_t *err)
{
    sql_zone_t z = {0};
    int32_t offset_s;
    if (name.len == 0 || name.len >= SQL_ZONE_NAME_MAX)
        return unknown(name, err);
    memcpy(z.id, name.ptr, name.len);
    for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++)
        if (str_eq_nocase(name, str_of(short_names[i].name)))
            snprintf(z.id, sizeof z.id, "%s", short_names[i].zone);
    if (str_eq(str_of(z.id), STR("UTC"))) {
        fixed(&z, 0, STR("UTC"));
    } else if (fixed_offset(name, &offset_s)) {
        fixed(&z, offset_s, name);
    } else {
        /* No dots and no leading slash: the name cannot leave the directory. */
        bool plain =
            z.id[0] != '/' && sql_zone_match(str_of(z.id)) == strlen(z.id) && !strchr(z.id, ':');
        if (!plain || !read_file(&z, z.id)) {
            sql_zone_done(&z);
            return unknown(name, err);
        }
    }
    *ret = z;
    return ST_OK;
}

void sql_zone_done(sql_zone_t *z)
{
    free(z->change_s);
    free(z->change_type);
    free(z->type);
    *z = (sql_zone_t){0};
}

const sql_zone_type_t *sql_zone_at(const sql_zone_t *z, int64_t utc_s)
{
    size_t lo = 0, hi = z->n_changes;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (z->change_s[mid] <= utc_s)
            lo = mid + 1;
        else
            hi = mid;
    }
    return &z->type[lo ? z->change_type[lo - 1] : 0];
}

int32_t sql_zone_offset_local(const sql_zone_t *z, int64_t local_s)
{
    const int64_t day_s = 86400;
    int32_t before = sql_zone_at(z, local_s - day_s)->offset_s;
    int32_t after = sql_zone_at(z, local_s + day_s)->offset_s;
    if (sql_zone_at(z, local_s - before)->offset_s == before)
        return before;
    return sql_zone_at(z, local_s - after)->offset_s == after ? after : before;
}
