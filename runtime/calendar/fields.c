/* The search for the next and the previous time in the fields of a schedule:
   see timerlua_abi.h. Fields are searched from the year down to the second, so
   the cost does not depend on how far away the result is. */
#include <math.h>
#include <stdbool.h>

#include "abi.h"
#include "calendar/civil.h"
#include "calendar/month_days.h"

enum { DAY = 86400, HOUR = 3600, MINUTE = 60 };
enum { NONE = -1 };

/* Fields that can come do so within 40 years, also around 1900. */
enum { FAR = 100 };

static const int64_t NO_DATE = INT64_MIN;
static const double FARTHEST = 1e12; /* seconds: beyond the year 30000 */

/* The first place from `from` on with a bit; NONE if there is none. */
static int first_from(uint64_t set, int from)
{
    set = from > 63 ? 0 : set >> from;
    return set ? from + __builtin_ctzll(set) : NONE;
}

/* The last place up to `to` with a bit; NONE if there is none. */
static int last_to(uint64_t set, int to)
{
    set = to < 0 ? 0 : set & (~UINT64_C(0) >> (63 - to));
    return set ? 63 - __builtin_clzll(set) : NONE;
}

/* --- the time of day, in seconds ----------------------------------------- */

static int time_from(const tl_fields *fields, int from)
{
    int hour = from / HOUR, minute = from / MINUTE % 60, second = from % 60;
    if (fields->hour >> hour & 1) {
        int at = first_from(fields->minute, minute);
        if (at == minute) {
            int there = first_from(fields->second, second);
            if (there != NONE)
                return hour * HOUR + minute * MINUTE + there;
            at = first_from(fields->minute, minute + 1);
        }
        if (at != NONE)
            return hour * HOUR + at * MINUTE + first_from(fields->second, 0);
    }
    hour = first_from(fields->hour, hour + 1);
    if (hour == NONE)
        return NONE;
    return hour * HOUR + first_from(fields->minute, 0) * MINUTE +
           first_from(fields->second, 0);
}

static int time_to(const tl_fields *fields, int to)
{
    int hour = to / HOUR, minute = to / MINUTE % 60, second = to % 60;
    if (fields->hour >> hour & 1) {
        int at = last_to(fields->minute, minute);
        if (at == minute) {
            int there = last_to(fields->second, second);
            if (there != NONE)
                return hour * HOUR + minute * MINUTE + there;
            at = last_to(fields->minute, minute - 1);
        }
        if (at != NONE)
            return hour * HOUR + at * MINUTE + last_to(fields->second, 59);
    }
    hour = last_to(fields->hour, hour - 1);
    if (hour == NONE)
        return NONE;
    return hour * HOUR + last_to(fields->minute, 59) * MINUTE +
           last_to(fields->second, 59);
}

/* --- the date, in days since 1970 ---------------------------------------- */

static bool has_year(const tl_fields *fields, int64_t year)
{
    if (fields->any_year)
        return true;
    if (year < TL_FIRST_YEAR || year > TL_LAST_YEAR)
        return false;
    int64_t place = year - TL_FIRST_YEAR;
    return fields->year[place / 32] >> place % 32 & 1;
}

static int64_t date_from(const tl_fields *fields, int64_t days)
{
    if (fields->any_date)
        return days;
    tl_date date = tl_date_of_days(days);
    if (!fields->any_year && date.year < TL_FIRST_YEAR)
        date = (tl_date){TL_FIRST_YEAR, 1, 1};
    int64_t last = fields->any_year ? date.year + FAR : TL_LAST_YEAR;
    while (date.year <= last) {
        int month = has_year(fields, date.year)
                        ? first_from(fields->month, date.month)
                        : NONE;
        if (month == NONE) {
            date = (tl_date){date.year + 1, 1, 1};
            continue;
        }
        int from = month == date.month ? date.day - 1 : 0;
        int place = first_from(tl__month_days(fields, date.year, month), from);
        if (place != NONE)
            return tl_days_of_date(date.year, month, place + 1);
        date.month = month + 1;
        date.day = 1;
    }
    return NO_DATE;
}

static int64_t date_to(const tl_fields *fields, int64_t days)
{
    if (fields->any_date)
        return days;
    tl_date date = tl_date_of_days(days);
    if (!fields->any_year && date.year > TL_LAST_YEAR)
        date = (tl_date){TL_LAST_YEAR, 12, 31};
    int64_t first = fields->any_year ? date.year - FAR : TL_FIRST_YEAR;
    while (date.year >= first) {
        int month = has_year(fields, date.year)
                        ? last_to(fields->month, date.month)
                        : NONE;
        if (month == NONE) {
            date = (tl_date){date.year - 1, 12, 31};
            continue;
        }
        int to = month == date.month ? date.day - 1 : 30;
        int place = last_to(tl__month_days(fields, date.year, month), to);
        if (place != NONE)
            return tl_days_of_date(date.year, month, place + 1);
        date.month = month - 1;
        date.day = 31;
    }
    return NO_DATE;
}

/* ------------------------------------------------------------------------- */

static double reading_of(int64_t days, int time)
{
    return (double)(days * DAY + time);
}

double tl_fields_from(const tl_fields *fields, double reading)
{
    if (!(reading >= -FARTHEST && reading <= FARTHEST))
        return INFINITY;
    int64_t from = (int64_t)reading, days = tl_floor_div(from, DAY);
    int64_t date = date_from(fields, days);
    if (date == days) {
        int time = time_from(fields, (int)(from - days * DAY));
        if (time != NONE)
            return reading_of(days, time);
        date = date_from(fields, days + 1);
    }
    return date == NO_DATE ? INFINITY : reading_of(date, time_from(fields, 0));
}

double tl_fields_to(const tl_fields *fields, double reading)
{
    if (!(reading >= -FARTHEST && reading <= FARTHEST))
        return -INFINITY;
    int64_t to = (int64_t)reading, days = tl_floor_div(to, DAY);
    int64_t date = date_to(fields, days);
    if (date == days) {
        int time = time_to(fields, (int)(to - days * DAY));
        if (time != NONE)
            return reading_of(days, time);
        date = date_to(fields, days - 1);
    }
    return date == NO_DATE ? -INFINITY
                           : reading_of(date, time_to(fields, DAY - 1));
}
