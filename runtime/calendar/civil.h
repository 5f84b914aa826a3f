/* Dates of the Gregorian calendar, also before its introduction, as days since
   1970-01-01. Years begin in March here, so that the leap day is a year's last
   day (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). The twin
   of lua/timerlua/core/civil.lua. */
#ifndef TL_CALENDAR_CIVIL_H
#define TL_CALENDAR_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

enum { TL_DAYS_OF_ERA = 146097, TL_DAYS_TO_EPOCH = 719468 };

typedef struct tl_date {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
} tl_date;

/* The quotient rounded down, for a positive divisor. */
static inline int64_t tl_floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static inline int64_t tl_days_of_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = tl_floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return era * TL_DAYS_OF_ERA + year_of_era * 365 + year_of_era / 4 -
           year_of_era / 100 + day_of_year - TL_DAYS_TO_EPOCH;
}

static inline tl_date tl_date_of_days(int64_t days)
{
    days += TL_DAYS_TO_EPOCH;
    int64_t era = tl_floor_div(days, TL_DAYS_OF_ERA);
    int64_t rest = days - era * TL_DAYS_OF_ERA;
    int64_t year_of_era =
        (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    int day_of_year =
        (int)(rest - (365 * year_of_era + year_of_era / 4 - year_of_era / 100));
    int month = (5 * day_of_year + 2) / 153; /* 0 is March */
    int day = day_of_year - (153 * month + 2) / 5 + 1;
    int64_t year = year_of_era + era * 400;
    if (month < 10)
        return (tl_date){year, month + 3, day};
    return (tl_date){year + 1, month - 9, day};
}

static inline int tl_days_in_month(int64_t year, int month)
{
    if (month == 2)
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* 0 for Sunday to 6. */
static inline int tl_weekday(int64_t days)
{
    int64_t week = tl_floor_div(days + 4, 7);
    return (int)(days + 4 - week * 7);
}

#endif
