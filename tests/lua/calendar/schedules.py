"""Instants of cron's schedules by brute force, for schedules_spec.lua.

    python3 schedules.py FIRST_YEAR LAST_YEAR < CASES

Each case is a line of fields that are separated by tabs: text, zone, gap, fold, days,
start. The output is a line for each: the next three instants after the start, then the
last two before it; "-" for none within the years.

Nothing here is searched cleverly. The offsets of a zone are found by asking Python's
zoneinfo every three hours, and then by halving; every day is compared with the text,
and every matching second of a day is looked up in all parts of the zone's history."""
import bisect
import calendar
import datetime
import sys
from zoneinfo import ZoneInfo

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
DAY = 86400
NAMES = {name.lower(): i for i, name in enumerate(calendar.month_abbr) if name}
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
FAR = 9 * 366  # days that are looked through


class History:
    """The offsets of a zone: from starts[i] to before starts[i + 1] it is offsets[i]."""

    def __init__(self, name, first, last):
        self.zone = ZoneInfo(name)
        self.starts, self.offsets = [first], [self.ask(first)]
        for at in range(first, last, 3 * 3600):
            if self.ask(at) != self.offsets[-1]:
                self.starts.append(self.halve(at - 3 * 3600, at))
                self.offsets.append(self.ask(at))
        self.starts.append(last)

    def ask(self, at):
        there = (EPOCH + datetime.timedelta(seconds=at)).astimezone(self.zone)
        return int(there.utcoffset().total_seconds())

    def halve(self, low, high):
        before = self.ask(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self.ask(middle) == before:
                low = middle
            else:
                high = middle
        return high

    def near(self, reading):
        i = bisect.bisect_right(self.starts, reading) - 1
        return range(max(0, i - 4), min(len(self.offsets), i + 5))

    def instants(self, reading):
        """All instants at which the clock shows the reading."""
        return [reading - self.offsets[i] for i in self.near(reading)
                if self.starts[i] <= reading - self.offsets[i] < self.starts[i + 1]]

    def gap(self, reading):
        """The instant at which the clock jumps over the reading."""
        for i in self.near(reading):
            if i and self.starts[i] + self.offsets[i - 1] <= reading \
                    < self.starts[i] + self.offsets[i]:
                return self.starts[i]
        return None


class Cron:
    def __init__(self, text, either):
        words = text.lower().split()
        if len(words) == 5:
            words.insert(0, "0")
        self.either = either
        self.seconds = sorted(self.plain(words[0], 0, 59))
        self.minutes = sorted(self.plain(words[1], 0, 59))
        self.hours = sorted(self.plain(words[2], 0, 23))
        self.days = words[3].split(",")
        self.months = self.plain(words[4], 1, 12, NAMES)
        self.weekdays = words[5].split(",")
        self.cadence = any(c in words[1] + words[2] for c in "*/")

    @staticmethod
    def number(word, names):
        return names[word] if names and word in names else int(word)

    def plain(self, word, least, most, names=None):
        found = set()
        for item in word.split(","):
            span, _, step = item.partition("/")
            size = most - least + 1
            if span == "*":
                first, last = least, most
            elif "-" in span:
                first, last = (self.number(end, names) for end in span.split("-"))
            else:
                first = self.number(span, names)
                last = most if step else first
            value, walked = first, 0
            length = (last - first) % size if last < first else last - first
            while walked <= length:
                found.add((value - least) % size + least)
                value += int(step or 1)
                walked += int(step or 1)
        return found

    def weekday_matches(self, item, date, length):
        weekday = (date.weekday() + 1) % 7
        names = {name: i for i, name in enumerate(DAYS)}
        if "#" in item:
            day, n = item.split("#")
            return weekday == self.number(day, names) % 7 and (date.day + 6) // 7 == int(n)
        if item.endswith("l"):
            return weekday == self.number(item[:-1], names) % 7 and date.day + 7 > length
        if "/" in item and "-" not in item and item[0] == "7":
            item = "0" + item[1:]
        if item == "7":
            return weekday == 0
        if "-" in item:
            span, _, step = item.partition("/")
            first, last = (self.number(end, names) for end in span.split("-"))
            if last < first:
                last += 7
            return weekday in {v % 7 for v in range(first, last + 1, int(step or 1))}
        return weekday in self.plain(item, 0, 6, names)

    @staticmethod
    def nearest(date, day, length):
        """The working day that a date stands for, by looking at all days of the month."""
        def distance(other):
            return abs(other - day)
        working = [d for d in range(1, length + 1)
                   if datetime.date(date.year, date.month, d).weekday() < 5]
        return min(working, key=lambda d: (distance(d), d))

    def day_matches(self, item, date, length):
        if item == "l":
            return date.day == length
        if item == "lw":
            return date.day == self.nearest(date, length, length)
        if item.startswith("l-"):
            return date.day == length - int(item[2:])
        if item.endswith("w"):
            day = int(item[:-1])
            return day <= length and date.day == self.nearest(date, day, length)
        return date.day in self.plain(item, 1, 31)

    def date_matches(self, date):
        if date.month not in self.months:
            return False
        length = calendar.monthrange(date.year, date.month)[1]
        free_day = {"*", "?"} & set(self.days)
        free_weekday = {"*", "?"} & set(self.weekdays)
        by_day = any(self.day_matches(item, date, length) for item in self.days) \
            if not free_day else True
        by_weekday = any(self.weekday_matches(item, date, length) for item in self.weekdays) \
            if not free_weekday else True
        if self.either and not free_day and not free_weekday:
            return by_day or by_weekday
        return by_day and by_weekday

    def readings(self, date):
        day = (date - datetime.date(1970, 1, 1)).days * DAY
        for hour in self.hours:
            for minute in self.minutes:
                for second in self.seconds:
                    yield day + hour * 3600 + minute * 60 + second


def instants_of(reading, cron, history, gap, fold):
    there = history.instants(reading)
    if cron.cadence:
        return there
    if not there:
        after = history.gap(reading)
        return [after] if gap == "after" and after is not None else []
    return {"first": there[:1], "last": there[-1:], "both": there}[fold]


def collect(cron, history, gap, fold, start, forwards):
    """Instants on one side of the start: complete when the days go 3 days beyond one."""
    wanted = 3 if forwards else 2
    found = set()
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=start // DAY)
    step = datetime.timedelta(days=1 if forwards else -1)
    date -= 3 * step
    done = None
    for _ in range(FAR):
        day = (date - datetime.date(1970, 1, 1)).days * DAY
        if day < history.starts[0] + 4 * DAY or day > history.starts[-1] - 4 * DAY:
            break
        if cron.date_matches(date):
            for reading in cron.readings(date):
                for at in instants_of(reading, cron, history, gap, fold):
                    if at > start if forwards else at < start:
                        found.add(at)
        if len(found) >= wanted and done is None:
            done = 3
        if done is not None:
            done -= 1
            if done < 0:
                break
        date += step
    return sorted(found, reverse=not forwards)[:wanted]


def main():
    first, last = (int((datetime.datetime(int(year), 1, 1, tzinfo=datetime.timezone.utc)
                        - EPOCH).total_seconds()) for year in sys.argv[1:3])
    histories = {}
    for line in sys.stdin:
        text, name, gap, fold, days, start = line.rstrip("\n").split("\t")
        if name not in histories:
            histories[name] = History(name, first, last)
        cron = Cron(text, days == "or")
        answer = []
        for forwards in (True, False):
            found = collect(cron, histories[name], gap, fold, int(start), forwards)
            answer += found + ["-"] * ((3 if forwards else 2) - len(found))
        print(*answer)


main()
