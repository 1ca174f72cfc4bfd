/* civil.h: days and calendar dates, proleptic Gregorian, as java.time counts them. */
#ifndef ARUS_BASE_CIVIL_H
#define ARUS_BASE_CIVIL_H

#include "base/str.h"

/* Days since 1970-01-01; month 1..12, day 1..31. */
int64_t civil_days(int64_t year, int month, int day);
void civil_date(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);
/* 0 Sunday … 6 Saturday. */
int civil_weekday(int64_t days);
int civil_month_days(int64_t year, int month);
bool civil_leap(int64_t year);

static inline int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}

static inline int64_t floor_mod(int64_t a, int64_t b)
{
    return a - floor_div(a, b) * b;
}

#define CIVIL_DAY_MS INT64_C(86400000)

#endif
