/* zone.h: time zones, from the machine's tz database. Internal to sql/.
 *
 * A zone is read once into the arena or a call site's state and is read-only then. Names are the
 * database's (Asia/Jakarta), fixed offsets (+07:00, UTC+7), and the short names that Java knows
 * (PST is Los Angeles, in summer too).
 */
#ifndef ARUS_SQL_FUNCTION_ZONE_H
#define ARUS_SQL_FUNCTION_ZONE_H

#include "base/buf.h"

#define SQL_ZONE_NAME_MAX 64

typedef struct sql_zone_type {
    int32_t offset_s; /* east of UTC */
    char name[12];    /* "WIB" */
    bool dst;
} sql_zone_type_t;

typedef struct sql_zone {
    char id[SQL_ZONE_NAME_MAX];
    size_t n_changes, n_types;
    int64_t *change_s; /* malloc'ed; from then on: */
    uint8_t *change_type;
    sql_zone_type_t *type; /* type[0] before all changes */
} sql_zone_t;

/* ST_BAD_INPUT for a zone that the machine does not know. sql_zone_done it after. */
ST sql_zone_open(str_t name, sql_zone_t *ret, err_t *err);
void sql_zone_done(sql_zone_t *z);
const sql_zone_type_t *sql_zone_at(const sql_zone_t *z, int64_t utc_s);
/* The offset of a local time: of two, the earlier; in a gap, the one before it. */
int32_t sql_zone_offset_local(const sql_zone_t *z, int64_t local_s);
/* The length of the zone's name at the front of s, 0 for none: what a pattern's z or VV reads. */
size_t sql_zone_match(str_t s);

#endif
