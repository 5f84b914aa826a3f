/* The days of a month that a schedule names: see month_days.h. */
#include "calendar/month_days.h"

#include "calendar/civil.h"

enum { SUNDAY = 0, SATURDAY = 6, LAST = 0 /* of nth */ };

/* A month, as far as its days of the week depend on it. */
typedef struct month {
    int first; /* the day of the week of its first day */
    int length;
} month;

static uint32_t bit(int place)
{
    return UINT32_C(1) << place;
}

/* The days that are on a set of weekdays. */
static uint32_t on_weekdays(uint32_t set, month of)
{
    uint64_t week = (set >> of.first | set << (7 - of.first)) & 127;
    return (uint32_t)(week | week << 7 | week << 14 | week << 21 | week << 28);
}

/* The nearest day in the month that is not on a weekend. */
static int nearest_working_day(int day, month of)
{
    int weekday = (of.first + day - 1) % 7;
    if (weekday == SATURDAY)
        return day == 1 ? 3 : day - 1;
    if (weekday == SUNDAY)
        return day == of.length ? day - 2 : day + 1;
    return day;
}

static uint32_t special_days(const tl_fields *fields, month of)
{
    uint32_t mask = 0;
    for (uint32_t rest = fields->from_end; rest; rest &= rest - 1) {
        int back = __builtin_ctz(rest);
        if (back < of.length)
            mask |= bit(of.length - 1 - back);
    }
    for (uint32_t rest = fields->nearest; rest; rest &= rest - 1) {
        int day = __builtin_ctz(rest) + 1;
        if (day <= of.length)
            mask |= bit(nearest_working_day(day, of) - 1);
    }
    if (fields->last_working_day)
        mask |= bit(nearest_working_day(of.length, of) - 1);
    return mask;
}

static uint32_t weekdays(const tl_fields *fields, month of)
{
    uint32_t mask = on_weekdays(fields->weekday, of);
    for (int n = 1; n <= 5; n++)
        if (fields->nth[n]) /* in 64 bits, since five weeks are 35 days */
            mask |= on_weekdays(fields->nth[n], of) &
                    (uint32_t)(UINT64_C(127) << 7 * (n - 1));
    if (fields->nth[LAST])
        mask |= on_weekdays(fields->nth[LAST], of) &
                (uint32_t)(UINT64_C(127) << (of.length - 7));
    return mask;
}

static uint32_t chosen(const tl_fields *fields, month of)
{
    uint32_t days = fields->day | special_days(fields, of);
    switch (fields->rule) {
    case TL_DAYS_OF_WEEK:
        return weekdays(fields, of);
    case TL_DAYS_EITHER:
        return days | weekdays(fields, of);
    case TL_DAYS_BOTH:
        return days & weekdays(fields, of);
    default:
        return days;
    }
}

uint32_t tl__month_days(const tl_fields *fields, int64_t year, int month_of)
{
    month of = {0, tl_days_in_month(year, month_of)};
    uint32_t all = (uint32_t)((UINT64_C(1) << of.length) - 1);
    if (fields->rule == TL_DAYS_ALL)
        return all;
    of.first = tl_weekday(tl_days_of_date(year, month_of, 1));
    return chosen(fields, of) & all;
}
