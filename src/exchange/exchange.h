/* exchange.h: facts of the Indonesia Stock Exchange: its clock, trading days, sessions, price
 * rules.
 *
 * Pure: time comes from the caller. Rules that change have tables with dates (exchange.c,
 * holidays.def). A day is days since 1970-01-01 in Jakarta (UTC+7, no summer time).
 */
#ifndef ARUS_EXCHANGE_EXCHANGE_H
#define ARUS_EXCHANGE_EXCHANGE_H

#include "base/civil.h"

#define EXCHANGE_UTC_OFFSET_MS INT64_C(25200000)
#define EXCHANGE_LOT           100
#define EXCHANGE_PRICE_MIN     50
#define EXCHANGE_DATE_CHARS    10

int64_t exchange_day(int64_t now_ms);
/* Minute of the day in Jakarta, 0..1439. */
int exchange_minute(int64_t now_ms);
/* No weekend and no holiday. Holidays are known from 2020 to the end of the table. */
bool exchange_trades(int64_t day);

typedef enum exchange_phase {
    EXCHANGE_CLOSED,
    EXCHANGE_PRE_OPEN,
    EXCHANGE_SESSION_1,
    EXCHANGE_BREAK,
    EXCHANGE_SESSION_2,
    EXCHANGE_PRE_CLOSE,
    EXCHANGE_POST_TRADE
} exchange_phase_t;

exchange_phase_t exchange_phase(int64_t now_ms);
/* Milliseconds until the phase is neither CLOSED nor BREAK; 0: it is so now. */
int64_t exchange_opens_in_ms(int64_t now_ms);
/* Minutes of continuous trading of this day before its minute, and in the whole day. */
int exchange_minutes_traded(int64_t day, int minute);
int exchange_minutes(int64_t day);

/* The price step at this price. */
int64_t exchange_tick(int64_t price);
/* Down to a multiple of its step, at least EXCHANGE_PRICE_MIN. */
int64_t exchange_round(int64_t price);
/* Orders outside [low, high] are rejected on that day. */
void exchange_limits(int64_t day, int64_t previous_close, int64_t *ret_low, int64_t *ret_high);

/* "YYYY-MM-DD"; the years 1900 to 9999. */
bool exchange_date_read(str_t text, int64_t *ret_day);
void exchange_date_put(int64_t day, char ret[EXCHANGE_DATE_CHARS]);

#endif
