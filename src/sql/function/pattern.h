/* pattern.h: dates and times by pattern, as java.time's DateTimeFormatter has them. Internal to
 * sql/.
 *
 * "yyyy-MM-dd'T'HH:mm:ss.SSSX": letters are fields, '…' is text, '' a quote, […] may be missing
 * when it is read. Letters: G y u Y M L d D E e a H h k K m s S n A V z X x Z O. Names are English;
 * reading does not mind their case.
 */
#ifndef ARUS_SQL_FUNCTION_PATTERN_H
#define ARUS_SQL_FUNCTION_PATTERN_H

#include "sql/function/zone.h"

#define SQL_PATTERN_ITEMS_MAX 64

typedef struct sql_pattern_item {
    char letter; /* '\'': text; '[', ']' */
    uint8_t count;
    str_t text;
} sql_pattern_item_t;

typedef struct sql_pattern {
    sql_pattern_item_t item[SQL_PATTERN_ITEMS_MAX];
    size_t n_items;
} sql_pattern_t;

/* Texts point into `text`, which must live as long. ST_BAD_INPUT for a letter that is none. */
ST sql_pattern_read(str_t text, sql_pattern_t *ret, err_t *err);

/* Writes an instant as a zone's clocks show it. */
ST sql_pattern_format(buf_t *b, const sql_pattern_t *p, int64_t ms, const sql_zone_t *zone,
                      err_t *err);

/* Reads all of text. What it does not say is 1970-01-01T00:00, and the zone, unless it says one, is
 * the given one. ST_BAD_INPUT with the text and the place in it that does not fit. */
ST sql_pattern_parse(const sql_pattern_t *p, str_t text, const sql_zone_t *zone, int64_t *ret_ms,
                     err_t *err);

#endif
