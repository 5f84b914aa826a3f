/* The days of a month that a schedule names, as bits: bit 0 is day 1. */
#ifndef TL_CALENDAR_MONTH_DAYS_H
#define TL_CALENDAR_MONTH_DAYS_H

#include <stdint.h>

#include "abi.h"

uint32_t tl__month_days(const tl_fields *fields, int64_t year, int month);

#endif
