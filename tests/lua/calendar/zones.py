"""Local times as Python's zoneinfo has them, for zones_spec.lua.

    python3 zones.py SEED COUNT     COUNT zones by chance; 0 for all

Prints, for each transition from 1900 to 2100 and one second to each side of it,

    Z name                          the zone of the lines that follow
    O instant offset abbreviation fold is_dst
    T year month day hour minute second fold instant    (- for a gap)

is_dst is the C library's, or - where it knows another offset."""
import os
import random
import sys
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, _zoneinfo, available_timezones

EPOCH = datetime(1970, 1, 1)
FIRST = int((datetime(1900, 1, 1) - EPOCH).total_seconds())
LAST = int((datetime(2101, 1, 1) - EPOCH).total_seconds())


def transitions(name):
    """The instants, by the part of the module that is written in Python."""
    zone = _zoneinfo.ZoneInfo(name)
    found = [at for at in zone._trans_utc if FIRST <= at < LAST]
    after = zone._tz_after
    if isinstance(after, _zoneinfo._TZStr):
        begin = found[-1] if found else FIRST
        for year in range((EPOCH + timedelta(seconds=begin)).year, 2101):
            start, end = after.transitions(year)
            found.append(int(start - after.std.utcoff.total_seconds()))
            found.append(int(end - after.dst.utcoff.total_seconds()))
    return sorted(set(found))


def show_instant(zone, at):
    local = (EPOCH + timedelta(seconds=at)).replace(tzinfo=timezone.utc).astimezone(zone)
    offset = int(local.utcoffset().total_seconds())
    known = time.localtime(at)
    is_dst = known.tm_isdst if known.tm_gmtoff == offset else "-"
    print("O", at, offset, local.tzname(), local.fold, is_dst)
    return local.replace(tzinfo=None)


def show_reading(zone, naive):
    for fold in (0, 1):
        local = naive.replace(tzinfo=zone, fold=fold)
        instant = local.astimezone(timezone.utc)
        there = instant.astimezone(zone).replace(tzinfo=None, fold=0) == naive
        at = int((instant.replace(tzinfo=None) - EPOCH).total_seconds()) if there else "-"
        print("T", naive.year, naive.month, naive.day, naive.hour, naive.minute,
              naive.second, fold, at)


def show_zone(name):
    os.environ["TZ"] = name
    time.tzset()
    zone = ZoneInfo(name)
    print("Z", name)
    for at in transitions(name):
        second = timedelta(seconds=1)
        before = show_instant(zone, at - 1) + second
        after = show_instant(zone, at)
        show_instant(zone, at + 1)
        middle = before + (after - before) // (2 * second) * second
        for naive in {before - second, before, middle, after - second, after}:
            show_reading(zone, naive.replace(fold=0))


def main():
    names = sorted(available_timezones())
    count = int(sys.argv[2])
    if count:
        names = random.Random(int(sys.argv[1])).sample(names, count)
    for name in names:
        show_zone(name)


main()
